#include "base/bytes.h"

#include <stdlib.h>

bool sotto_all_zero(const void *data, size_t size)
{
    const uint8_t *p = data;
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++) any |= p[i];
    return any == 0;
}

/* Buffers may hold secrets, so growing copies into a new block and wipes the old one: realloc would leave a copy behind. */
static void wipe(uint8_t *data, size_t size)
{
    if (size) memset(data, 0, size);
    __asm__ __volatile__("" : : "r"(data) : "memory");
}

__attribute__((noinline)) void sotto_stack_wipe(void)
{
    uint8_t below[SOTTO_STACK_WIPE];
    wipe(below, sizeof below);
}

enum sotto_err sotto_buf_reserve(struct sotto_buf *b, size_t more)
{
    if (more > b->max - b->size) return SOTTO_ERR_FULL;
    size_t need = b->size + more;
    if (need <= b->cap) return SOTTO_OK;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need) cap = cap > b->max / 2 ? b->max : cap * 2;
    if (cap > b->max) cap = b->max;
    uint8_t *data = malloc(cap);
    if (!data) return SOTTO_ERR_NOMEM;
    if (b->size) memcpy(data, b->data, b->size);
    wipe(b->data, b->cap ? b->size : 0);
    free(b->data);
    b->data = data;
    b->cap = cap;
    return SOTTO_OK;
}

enum sotto_err sotto_buf_add(struct sotto_buf *b, const void *data, size_t size)
{
    SOTTO_TRY(sotto_buf_reserve(b, size));
    if (size) memcpy(b->data + b->size, data, size);
    b->size += size;
    return SOTTO_OK;
}

enum sotto_err sotto_buf_add_span(struct sotto_buf *b, struct sotto_span s) { return sotto_buf_add(b, s.data, s.size); }
enum sotto_err sotto_buf_add_u8(struct sotto_buf *b, uint8_t v) { return sotto_buf_add(b, &v, 1); }

enum sotto_err sotto_buf_add_u16(struct sotto_buf *b, uint16_t v)
{
    uint8_t p[2];
    sotto_put_be16(p, v);
    return sotto_buf_add(b, p, sizeof p);
}

enum sotto_err sotto_buf_add_u32(struct sotto_buf *b, uint32_t v)
{
    uint8_t p[4];
    sotto_put_be32(p, v);
    return sotto_buf_add(b, p, sizeof p);
}

enum sotto_err sotto_buf_add_u64(struct sotto_buf *b, uint64_t v)
{
    uint8_t p[8];
    sotto_put_be64(p, v);
    return sotto_buf_add(b, p, sizeof p);
}

void sotto_buf_drop(struct sotto_buf *b, size_t front)
{
    SOTTO_ASSERT(front <= b->size);
    if (front == 0) return;
    memmove(b->data, b->data + front, b->size - front);
    wipe(b->data + b->size - front, front);
    b->size -= front;
}

void sotto_buf_free(struct sotto_buf *b)
{
    if (b->data) wipe(b->data, b->cap);
    free(b->data);
    *b = sotto_buf_make(b->max);
}

enum sotto_err sotto_get_span(struct sotto_reader *r, struct sotto_span *out, size_t size)
{
    if (sotto_reader_left(r) < size) return SOTTO_ERR_FORMAT;
    *out = sotto_span(r->at, size);
    if (size) r->at += size;
    return SOTTO_OK;
}

enum sotto_err sotto_get_bytes(struct sotto_reader *r, void *out, size_t size)
{
    struct sotto_span s;
    SOTTO_TRY(sotto_get_span(r, &s, size));
    if (size) memcpy(out, s.data, size);
    return SOTTO_OK;
}

enum sotto_err sotto_get_u8(struct sotto_reader *r, uint8_t *out) { return sotto_get_bytes(r, out, 1); }

enum sotto_err sotto_get_u16(struct sotto_reader *r, uint16_t *out)
{
    struct sotto_span s;
    SOTTO_TRY(sotto_get_span(r, &s, 2));
    *out = sotto_be16(s.data);
    return SOTTO_OK;
}

enum sotto_err sotto_get_u32(struct sotto_reader *r, uint32_t *out)
{
    struct sotto_span s;
    SOTTO_TRY(sotto_get_span(r, &s, 4));
    *out = sotto_be32(s.data);
    return SOTTO_OK;
}

enum sotto_err sotto_get_u64(struct sotto_reader *r, uint64_t *out)
{
    struct sotto_span s;
    SOTTO_TRY(sotto_get_span(r, &s, 8));
    *out = sotto_be64(s.data);
    return SOTTO_OK;
}

enum sotto_err sotto_get_end(const struct sotto_reader *r) { return r->at == r->end ? SOTTO_OK : SOTTO_ERR_FORMAT; }
