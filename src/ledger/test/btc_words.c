#include "btc_words.h"

#include "base/text.h"

#include <stdlib.h>

/* A push by its length alone, as the files mean a text. */
static bool push(struct sotto_buf *out, const char *data, size_t size)
{
    const uint8_t head[3] = { size < SOTTO_OPCODE_PUSHDATA1 ? (uint8_t)size : size <= UINT8_MAX ? SOTTO_OPCODE_PUSHDATA1 : SOTTO_OPCODE_PUSHDATA2, (uint8_t)size, (uint8_t)(size >> 8) };
    size_t count = size < SOTTO_OPCODE_PUSHDATA1 ? 1 : size <= UINT8_MAX ? 2 : 3;
    return size <= UINT16_MAX && sotto_buf_add(out, head, count) == SOTTO_OK && sotto_buf_add(out, data, size) == SOTTO_OK;
}

static bool raw(struct sotto_buf *out, const char *hex, size_t digits)
{
    uint8_t bytes[BTC_SCRIPT_MAX];
    return digits / 2 <= sizeof bytes && sotto_unhex(bytes, digits / 2, sotto_span(hex, digits)) == SOTTO_OK && sotto_buf_add(out, bytes, digits / 2) == SOTTO_OK;
}

static bool name(struct sotto_buf *out, const char *word, size_t size)
{
    for (unsigned op = SOTTO_OPCODE_RESERVED; op < 256; op++) {
        const char *full = sotto_opcode_name((uint8_t)op);
        if (!full || op == SOTTO_OPCODE_EXPONENT || (op < SOTTO_OPCODE_NOP && op != SOTTO_OPCODE_RESERVED)) continue;
        if ((strlen(full) == size && memcmp(full, word, size) == 0) || (strlen(full) == size + 3 && memcmp(full + 3, word, size) == 0))
            return sotto_buf_add_u8(out, (uint8_t)op) == SOTTO_OK;
    }
    /* the names that two words had before they did anything */
    if (size >= 4 && memcmp(word + size - 4, "NOP2", 4) == 0) return sotto_buf_add_u8(out, SOTTO_OPCODE_CHECKLOCKTIMEVERIFY) == SOTTO_OK;
    return size >= 4 && memcmp(word + size - 4, "NOP3", 4) == 0 && sotto_buf_add_u8(out, SOTTO_OPCODE_CHECKSEQUENCEVERIFY) == SOTTO_OK;
}

static bool one(struct sotto_buf *out, const char *word, size_t size)
{
    size_t sign = word[0] == '-' && size > 1;
    if (strspn(word + sign, "0123456789") >= size - sign) return sotto_script_push_number(out, strtoll(word, NULL, 10)) == SOTTO_OK;
    if (size > 2 && word[0] == '0' && word[1] == 'x') return raw(out, word + 2, size - 2);
    if (size >= 2 && word[0] == '\'' && word[size - 1] == '\'') return push(out, word + 1, size - 2);
    return name(out, word, size);
}

bool btc_words(struct sotto_buf *out, const char *text)
{
    while (*text) {
        size_t size = strcspn(text, " \t\n");
        if (size && !one(out, text, size)) return false;
        text += size + (text[size] != 0);
    }
    return true;
}

void btc_pair_make(struct btc_pair *pair, struct sotto_span unlock, struct sotto_span output, struct sotto_span *witness, uint32_t witness_count, uint64_t value)
{
    static const uint8_t two_zeros[2] = { 0, 0 };
    *pair = (struct btc_pair){
        .credit = { 1, 0, 1, 1, &pair->from, &pair->coin },
        .spend = { 1, 0, 1, 1, &pair->in, &pair->out },
        .from = { .from = { .index = UINT32_MAX }, .script = { two_zeros, 2 }, .sequence = UINT32_MAX },
        .in = { .script = unlock, .sequence = UINT32_MAX, .witness = witness, .witness_count = witness_count },
        .coin = { value, output },
        .out = { value, { NULL, 0 } },
    };
    enum sotto_err err = sotto_btc_txid(pair->in.from.txid, &pair->credit);
    SOTTO_ASSERT(err == SOTTO_OK);
}

struct sotto_btc_spend btc_pair_spend(const struct btc_pair *pair) { return (struct sotto_btc_spend){ &pair->spend, 0, pair->coin.script, pair->coin.value }; }
