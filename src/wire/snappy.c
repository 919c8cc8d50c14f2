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

enum sotto_err sotto_snappy_literal(struct sotto_buf *out, struct sotto_span plain)
{
    uint8_t head[SOTTO_SNAPPY_LITERAL_EXTRA];
    size_t n = 0, last = plain.size - 1;
    if (plain.size == 0 || plain.size > 65536) return SOTTO_ERR_RANGE;
    for (size_t v = plain.size; v > 0; v >>= 7) head[n++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
    if (last < 60) head[n++] = (uint8_t)(last << 2);      /* the tag of a literal: its length - 1, or how many bytes hold that */
    else {
        head[n++] = last < 256 ? 60 << 2 : 61 << 2;
        head[n++] = (uint8_t)last;
        if (last >= 256) head[n++] = (uint8_t)(last >> 8);
    }
    SOTTO_TRY(sotto_buf_reserve(out, n + plain.size));
    SOTTO_TRY(sotto_buf_add(out, head, n));
    return sotto_buf_add_span(out, plain);
}

size_t sotto_snappy_bound(size_t plain_size) { return snappy_max_compressed_length(plain_size); }
