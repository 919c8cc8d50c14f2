#include "wire/snappy.h"

#include "base/plant.h"

#include <snappy-c.h>

enum sotto_err sotto_snappy_size(size_t *out, struct sotto_span block, size_t max)
{
    size_t size;
    if (block.size == 0 || snappy_uncompressed_length((const char *)block.data, block.size, &size) != SNAPPY_OK) return SOTTO_ERR_SNAPPY;
    if (size > max && !SOTTO_PLANTED(SNAPPY_BOMB)) return SOTTO_ERR_FRAME_SIZE;
    *out = size;
    return SOTTO_OK;
}

enum sotto_err sotto_snappy_inflate(struct sotto_buf *out, struct sotto_span block, size_t max)
{
    size_t size;
    SOTTO_TRY(sotto_snappy_size(&size, block, max));
    /* Walks the tags without writing, so that a short lie about a long text costs no memory. */
    if (snappy_validate_compressed_buffer((const char *)block.data, block.size) != SNAPPY_OK) return SOTTO_ERR_SNAPPY;
    SOTTO_TRY(sotto_buf_reserve(out, size));
    uint8_t none;
    uint8_t *to = size ? out->data + out->size : &none;
    size_t got = size;
    if (snappy_uncompress((const char *)block.data, block.size, (char *)to, &got) != SNAPPY_OK || got != size) return SOTTO_ERR_SNAPPY;
    out->size += size;
    return SOTTO_OK;
}

enum sotto_err sotto_snappy_deflate(struct sotto_buf *out, struct sotto_span plain)
{
    size_t got = snappy_max_compressed_length(plain.size);
    SOTTO_TRY(sotto_buf_reserve(out, got));
    static const uint8_t none[1];
    const uint8_t *from = plain.size ? plain.data : none;
    if (snappy_compress((const char *)from, plain.size, (char *)out->data + out->size, &got) != SNAPPY_OK) return SOTTO_ERR_INTERNAL;
    out->size += got;
    return SOTTO_OK;
}

size_t sotto_snappy_literal_head(uint8_t out[SOTTO_SNAPPY_LITERAL_EXTRA], size_t size)
{
    size_t n = 0, last = size - 1;
    SOTTO_ASSERT(size > 0 && size <= SOTTO_SNAPPY_LITERAL_MAX);
    for (size_t v = size; v > 0; v >>= 7) out[n++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
    if (last < 60) out[n++] = (uint8_t)(last << 2);       /* the tag of a literal: its length - 1, or how many bytes hold that */
    else {
        out[n++] = last < 256 ? 60 << 2 : 61 << 2;
        out[n++] = (uint8_t)last;
        if (last >= 256) out[n++] = (uint8_t)(last >> 8);
    }
    return n;
}

enum sotto_err sotto_snappy_literal(struct sotto_buf *out, struct sotto_span plain)
{
    uint8_t head[SOTTO_SNAPPY_LITERAL_EXTRA];
    if (plain.size == 0 || plain.size > SOTTO_SNAPPY_LITERAL_MAX) return SOTTO_ERR_RANGE;
    size_t n = sotto_snappy_literal_head(head, plain.size);
    SOTTO_TRY(sotto_buf_reserve(out, n + plain.size));
    SOTTO_TRY(sotto_buf_add(out, head, n));
    return sotto_buf_add_span(out, plain);
}

enum sotto_err sotto_snappy_literal_plain(struct sotto_span *plain, struct sotto_span block)
{
    uint8_t head[SOTTO_SNAPPY_LITERAL_EXTRA];
    size_t size, n;
    if (sotto_snappy_size(&size, block, SOTTO_SNAPPY_LITERAL_MAX) != SOTTO_OK || size == 0 || size > SOTTO_SNAPPY_LITERAL_MAX) return SOTTO_ERR_MISSING;
    n = sotto_snappy_literal_head(head, size);
    if (block.size != n + size || memcmp(block.data, head, n) != 0) return SOTTO_ERR_MISSING;
    *plain = sotto_span_cut(block, n, size);
    return SOTTO_OK;
}

size_t sotto_snappy_bound(size_t plain_size) { return snappy_max_compressed_length(plain_size); }
