/* Any bytes as a coin of Bitcoin and what is to spend it: flags, unlocking script, output script, P2SH or a witness of one script. It ends; the same way again;
 * fewer flags never refuse what was good, more never allow what was not. */
#include "btc_words.h"

#include "crypto/curve.h"
#include "crypto/hash.h"
#include "support/fuzz_input.h"

static struct sotto_script *machine(void)
{
    static struct sotto_script *m;
    if (!m) SOTTO_ASSERT(sotto_crypto_init() == SOTTO_OK && sotto_script_new(&m) == SOTTO_OK);
    return m;
}

static uint32_t trimmed(uint32_t flags)
{
    if (!(flags & SOTTO_BTC_P2SH)) flags &= ~SOTTO_BTC_WITNESS;
    return flags & SOTTO_BTC_WITNESS ? flags : flags & ~SOTTO_BTC_CLEAN;
}

static uint32_t filled(uint32_t flags)
{
    if (flags & SOTTO_BTC_CLEAN) flags |= SOTTO_BTC_WITNESS;
    return flags & SOTTO_BTC_WITNESS ? flags | SOTTO_BTC_P2SH : flags;
}

static uint32_t known(uint32_t bits)
{
    uint32_t all = 0;
#define FLAG_OR(name, flag) all |= (flag);
    SOTTO_BTC_FLAGS(FLAG_OR)
#undef FLAG_OR
    return bits & all;
}

static bool good(const struct sotto_btc_spend *spend, uint32_t flags)
{
    enum sotto_script_fault fault = sotto_btc_verify(machine(), spend, flags, NULL);
    SOTTO_ASSERT((unsigned)fault < SOTTO_FAULT_COUNT && fault != SOTTO_FAULT_NOMEM && fault != SOTTO_FAULT_COST);
    return fault == SOTTO_FAULT_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size < 4096 ? size : 4096);
    uint8_t how = fuzz_u8(&in), push[3], wrapped[34];
    uint32_t flags = filled(known(fuzz_u32(&in))), other = known(fuzz_u32(&in));
    struct sotto_span items[2] = { fuzz_span(&in, 80) }, unlock = fuzz_span(&in, 255), script = fuzz_rest(&in), output = script;
    struct sotto_buf with_script = sotto_buf_make(BTC_SCRIPT_MAX);
    struct btc_pair pair;
    uint32_t items_count = 0;
    SOTTO_ASSERT(machine() && sotto_buf_add_span(&with_script, unlock) == SOTTO_OK);
    if (how % 4 == 1 && script.size <= SOTTO_SCRIPT_ELEMENT_MAX) {                 /* P2SH */
        push[0] = SOTTO_OPCODE_PUSHDATA2, push[1] = (uint8_t)script.size, push[2] = (uint8_t)(script.size >> 8);
        SOTTO_ASSERT(sotto_buf_add(&with_script, push, sizeof push) == SOTTO_OK && sotto_buf_add_span(&with_script, script) == SOTTO_OK);
        wrapped[0] = SOTTO_OPCODE_HASH160, wrapped[1] = 20, wrapped[22] = SOTTO_OPCODE_EQUAL;
        sotto_hash160(wrapped + 2, script);
        output = sotto_span(wrapped, 23);
    } else if (how % 4 == 2) {                                                     /* a witness */
        with_script.size = 0;
        items[1] = script;
        items_count = 2;
        wrapped[0] = SOTTO_OPCODE_0, wrapped[1] = 32;
        sotto_sha256(wrapped + 2, script);
        output = sotto_span(wrapped, 34);
    }
    btc_pair_make(&pair, sotto_buf_span(&with_script), output, items, items_count, how);
    const struct sotto_btc_spend spend = btc_pair_spend(&pair);
    bool first = good(&spend, flags);
    SOTTO_ASSERT(good(&spend, flags) == first);
    SOTTO_ASSERT(good(&spend, first ? trimmed(flags & ~other) : filled(flags | other)) == first);
    sotto_buf_free(&with_script);
    return 0;
}
