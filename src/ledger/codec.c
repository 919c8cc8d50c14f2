#include "ledger/codec.h"

#include "base/plant.h"

enum sotto_err sotto_take_span(struct sotto_reader *r, struct sotto_span *out, size_t size)
{
    if (sotto_reader_left(r) < size) return SOTTO_E_SHORT;
    *out = sotto_span(r->at, size);
    if (size) r->at += size;                                          /* no arithmetic on NULL */
    return SOTTO_OK;
}

enum sotto_err sotto_take_bytes(struct sotto_reader *r, void *out, size_t size)
{
    struct sotto_span s;
    SOTTO_TRY(sotto_take_span(r, &s, size));
    if (size) memcpy(out, s.data, size);
    return SOTTO_OK;
}

/* A little-endian number of size bytes. */
static enum sotto_err take_number(struct sotto_reader *r, uint64_t *out, size_t size)
{
    struct sotto_span s;
    SOTTO_TRY(sotto_take_span(r, &s, size));
    uint64_t v = 0;
    for (size_t i = size; i-- > 0;) v = v << 8 | s.data[i];
    *out = v;
    return SOTTO_OK;
}

enum sotto_err sotto_take_u8(struct sotto_reader *r, uint8_t *out)
{
    uint64_t v;
    SOTTO_TRY(take_number(r, &v, 1));
    *out = (uint8_t)v;
    return SOTTO_OK;
}

enum sotto_err sotto_take_u16(struct sotto_reader *r, uint16_t *out)
{
    uint64_t v;
    SOTTO_TRY(take_number(r, &v, 2));
    *out = (uint16_t)v;
    return SOTTO_OK;
}

enum sotto_err sotto_take_u32(struct sotto_reader *r, uint32_t *out)
{
    uint64_t v;
    SOTTO_TRY(take_number(r, &v, 4));
    *out = (uint32_t)v;
    return SOTTO_OK;
}

enum sotto_err sotto_take_u40(struct sotto_reader *r, uint64_t *out) { return take_number(r, out, 5); }
enum sotto_err sotto_take_u64(struct sotto_reader *r, uint64_t *out) { return take_number(r, out, 8); }

enum sotto_err sotto_take_compact(struct sotto_reader *r, uint64_t *out, uint64_t limit)
{
    struct sotto_reader at = *r;
    uint8_t first;
    SOTTO_TRY(sotto_take_u8(&at, &first));
    uint64_t n = first;
    if (first >= 0xfd) {
        SOTTO_TRY(take_number(&at, &n, (size_t)2 << (first - 0xfd)));
        if (sotto_compact_size(n) != (size_t)(at.at - r->at) && !SOTTO_PLANTED(LEDGER_LONG_COMPACT)) return SOTTO_E_COMPACT;
    }
    if (n > limit) return SOTTO_E_LIMIT;
    *r = at;
    *out = n;
    return SOTTO_OK;
}

enum sotto_err sotto_take_count(struct sotto_reader *r, uint32_t *out, uint32_t limit)
{
    uint64_t n;
    SOTTO_TRY(sotto_take_compact(r, &n, limit));
    *out = (uint32_t)n;
    return SOTTO_OK;
}

enum sotto_err sotto_take_var(struct sotto_reader *r, struct sotto_span *out, uint32_t limit)
{
    struct sotto_reader at = *r;
    uint32_t size;
    SOTTO_TRY(sotto_take_count(&at, &size, limit));
    SOTTO_TRY(sotto_take_span(&at, out, size));
    *r = at;
    return SOTTO_OK;
}

enum sotto_err sotto_take_end(const struct sotto_reader *r) { return sotto_reader_left(r) ? SOTTO_E_TRAILING : SOTTO_OK; }

size_t sotto_compact_size(uint64_t n) { return n < 0xfd ? 1 : n <= UINT16_MAX ? 3 : n <= UINT32_MAX ? 5 : 9; }

size_t sotto_put_compact(uint8_t out[SOTTO_COMPACT_MAX], uint64_t n)
{
    size_t size = sotto_compact_size(n);
    if (size == 1) {
        out[0] = (uint8_t)n;
        return 1;
    }
    out[0] = size == 3 ? 0xfd : size == 5 ? 0xfe : 0xff;
    for (size_t i = 1; i < size; i++) out[i] = (uint8_t)(n >> (8 * (i - 1)));
    return size;
}

enum sotto_err sotto_buf_add_le16(struct sotto_buf *b, uint16_t v)
{
    uint8_t bytes[2];
    sotto_put_le16(bytes, v);
    return sotto_buf_add(b, bytes, sizeof bytes);
}

enum sotto_err sotto_buf_add_le32(struct sotto_buf *b, uint32_t v)
{
    uint8_t bytes[4];
    sotto_put_le32(bytes, v);
    return sotto_buf_add(b, bytes, sizeof bytes);
}

enum sotto_err sotto_buf_add_le40(struct sotto_buf *b, uint64_t v)
{
    uint8_t bytes[5];
    SOTTO_ASSERT(v <= SOTTO_UINT40_MAX);
    sotto_put_le40(bytes, v);
    return sotto_buf_add(b, bytes, sizeof bytes);
}

enum sotto_err sotto_buf_add_le64(struct sotto_buf *b, uint64_t v)
{
    uint8_t bytes[8];
    sotto_put_le64(bytes, v);
    return sotto_buf_add(b, bytes, sizeof bytes);
}

enum sotto_err sotto_buf_add_compact(struct sotto_buf *b, uint64_t n)
{
    uint8_t bytes[SOTTO_COMPACT_MAX];
    return sotto_buf_add(b, bytes, sotto_put_compact(bytes, n));
}

enum sotto_err sotto_buf_add_var(struct sotto_buf *b, struct sotto_span s)
{
    SOTTO_TRY(sotto_buf_reserve(b, sotto_var_size(s.size)));          /* both parts or none */
    SOTTO_TRY(sotto_buf_add_compact(b, s.size));
    return sotto_buf_add_span(b, s);
}

void sotto_th_u8(struct sotto_th *t, uint8_t v) { sotto_th_update(t, &v, 1); }

void sotto_th_u32(struct sotto_th *t, uint32_t v)
{
    uint8_t bytes[4];
    sotto_put_le32(bytes, v);
    sotto_th_update(t, bytes, sizeof bytes);
}

void sotto_th_u64(struct sotto_th *t, uint64_t v)
{
    uint8_t bytes[8];
    sotto_put_le64(bytes, v);
    sotto_th_update(t, bytes, sizeof bytes);
}

void sotto_th_compact(struct sotto_th *t, uint64_t n)
{
    uint8_t bytes[SOTTO_COMPACT_MAX];
    sotto_th_update(t, bytes, sotto_put_compact(bytes, n));
}

void sotto_th_var(struct sotto_th *t, struct sotto_span s)
{
    sotto_th_compact(t, s.size);
    sotto_th_update(t, s.data, s.size);
}
