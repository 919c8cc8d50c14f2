#include "ledger/script_op.h"

#include "ledger/codec.h"

static const struct { const char *name, *comment; } rows[256] = {
#define OP_ROW(byte, name, text) [byte] = { "OP_" #name, text },
    SOTTO_SCRIPT_OPS(OP_ROW)
#undef OP_ROW
};

const char *sotto_opcode_name(uint8_t op) { return rows[op].name; }
const char *sotto_opcode_comment(uint8_t op) { return rows[op].comment; }

/* ---- words ---- */

bool sotto_script_next(struct sotto_script_word *out, struct sotto_span script, size_t *at)
{
    if (*at >= script.size) return false;
    const uint8_t *p = script.data + *at;
    size_t left = script.size - *at - 1, head = 0, size = 0;
    if (p[0] < SOTTO_OPCODE_PUSHDATA1) size = p[0];
    else if (p[0] <= SOTTO_OPCODE_PUSHDATA4) {
        head = (size_t)1 << (p[0] - SOTTO_OPCODE_PUSHDATA1);
        if (left < head) return false;
        size = head == 1 ? p[1] : head == 2 ? sotto_le16(p + 1) : sotto_le32(p + 1);
    }
    if (size > left - head) return false;
    *out = (struct sotto_script_word){ { p, 1 + head + size }, { p + 1 + head, size }, p[0] };
    *at += 1 + head + size;
    return true;
}

/* The opcode of the shortest push of data. */
static uint8_t shortest(struct sotto_span data)
{
    if (data.size == 0) return SOTTO_OPCODE_0;
    if (data.size == 1 && data.data[0] >= 1 && data.data[0] <= 16) return (uint8_t)(SOTTO_OPCODE_1 + data.data[0] - 1);
    if (data.size == 1 && data.data[0] == 0x81) return SOTTO_OPCODE_1NEGATE;
    if (data.size < SOTTO_OPCODE_PUSHDATA1) return (uint8_t)data.size;
    return data.size <= UINT8_MAX ? SOTTO_OPCODE_PUSHDATA1 : SOTTO_OPCODE_PUSHDATA2;
}

bool sotto_script_minimal(const struct sotto_script_word *word) { return word->op == shortest(word->data); }

struct sotto_span sotto_script_pushed(const struct sotto_script_word *word)
{
    static const uint8_t small[] = { 0x81, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
    SOTTO_ASSERT(sotto_script_is_push(word->op));
    return word->op < SOTTO_OPCODE_1NEGATE ? word->data : sotto_span(&small[word->op - SOTTO_OPCODE_1NEGATE], 1);
}

enum sotto_err sotto_script_push(struct sotto_buf *out, struct sotto_span data)
{
    if (data.size > SOTTO_SCRIPT_PUSH_MAX) return SOTTO_ERR_RANGE;
    uint8_t op = shortest(data);
    if (op >= SOTTO_OPCODE_1NEGATE) return sotto_buf_add_u8(out, op);
    size_t head = op < SOTTO_OPCODE_PUSHDATA1 ? 1 : op == SOTTO_OPCODE_PUSHDATA1 ? 2 : 3;
    SOTTO_TRY(sotto_buf_reserve(out, head + data.size));
    SOTTO_TRY(sotto_buf_add_u8(out, op));
    if (op == SOTTO_OPCODE_PUSHDATA1) SOTTO_TRY(sotto_buf_add_u8(out, (uint8_t)data.size));
    if (op == SOTTO_OPCODE_PUSHDATA2) SOTTO_TRY(sotto_buf_add_le16(out, (uint16_t)data.size));
    return sotto_buf_add_span(out, data);
}

enum sotto_err sotto_script_push_number(struct sotto_buf *out, int64_t n)
{
    uint8_t bytes[SOTTO_SCRIPT_NUMBER_MAX];
    size_t size = sotto_script_number_put(bytes, n);
    return sotto_script_push(out, sotto_span(bytes, size));
}

/* ---- numbers ---- */

bool sotto_script_number(int64_t *out, struct sotto_span bytes, size_t max, bool strict)
{
    SOTTO_ASSERT(max <= 8);
    if (bytes.size > max) return false;
    if (bytes.size == 0) {
        *out = 0;
        return true;
    }
    uint8_t last = bytes.data[bytes.size - 1];
    if (strict && (last & 0x7f) == 0 && (bytes.size == 1 || !(bytes.data[bytes.size - 2] & 0x80))) return false;
    uint64_t n = last & 0x7f;
    for (size_t i = bytes.size - 1; i-- > 0;) n = n << 8 | bytes.data[i];
    *out = last & 0x80 ? -(int64_t)n : (int64_t)n;
    return true;
}

size_t sotto_script_number_put(uint8_t out[SOTTO_SCRIPT_NUMBER_MAX], int64_t n)
{
    SOTTO_ASSERT(n != INT64_MIN);
    uint64_t left = n < 0 ? (uint64_t)-n : (uint64_t)n;
    size_t size = 0;
    for (; left; left >>= 8) out[size++] = (uint8_t)left;
    if (size && (out[size - 1] & 0x80)) out[size++] = 0;
    if (n < 0) {
        SOTTO_ASSERT(size > 0);
        out[size - 1] |= 0x80;
    }
    return size;
}

bool sotto_script_true(struct sotto_span bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        if (bytes.data[i]) return i + 1 < bytes.size || bytes.data[i] != 0x80;
    return false;
}
