/* Any bytes as a transaction of Bitcoin, with and without witnesses: what is read is written back to the same bytes, hashes of any type and input
 * can be made, and a script loses nothing but the pattern it was asked to lose. */
#include "support/fuzz_input.h"

#include "ledger/btc_sighash.h"
#include "ledger/errors.h"

enum { SIZE_MAX_HERE = 4096 };
static uint8_t arena_bytes[SOTTO_BTC_ARENA(SIZE_MAX_HERE)] __attribute__((aligned(16)));

static void check_hashes(const struct sotto_btc_tx *tx, struct sotto_span bytes)
{
    uint8_t digest[32];
    struct sotto_btc_v0 v;
    sotto_btc_v0_init(&v, tx);
    for (uint32_t i = 0; i < tx->in_count && i < 3; i++) {
        uint32_t type = bytes.data[i % bytes.size];
        sotto_btc_sighash(digest, tx, i, bytes, type);
        sotto_btc_v0_digest(&v, digest, i, bytes, i, type);
    }
    sotto_btc_sighash(digest, tx, tx->in_count, bytes, 1);
    SOTTO_ASSERT(digest[0] == 1 && sotto_all_zero(digest + 1, 31));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_tx_arena arena = { arena_bytes, sizeof arena_bytes, 0 };
    struct sotto_btc_tx tx;
    struct sotto_span bytes = sotto_span(data, size);
    if (size > SIZE_MAX_HERE || size == 0 || sotto_crypto_init() != SOTTO_OK) return 0;
    struct sotto_buf b = sotto_buf_make(SIZE_MAX_HERE);
    struct sotto_span pattern = sotto_span(data, data[0] % 8 < size ? data[0] % 8 : size);
    SOTTO_ASSERT(sotto_btc_find_and_delete(&b, bytes, pattern) == SOTTO_OK && b.size <= size);
    SOTTO_ASSERT(pattern.size ? b.size + pattern.size <= size && (size - b.size) % pattern.size == 0 : b.size == size);
    sotto_buf_free(&b);
    enum sotto_err err = fuzz_err(sotto_btc_tx_decode(&tx, &arena, bytes));
    if (err != SOTTO_OK) {
        SOTTO_ASSERT(sotto_ledger_refusal(err) && arena.used == 0);
        return 0;
    }
    SOTTO_ASSERT(sotto_btc_tx_encode(&b, &tx, true) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&b), bytes));
    sotto_buf_free(&b);
    check_hashes(&tx, bytes);
    return 0;
}
