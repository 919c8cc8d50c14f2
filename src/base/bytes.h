/* Bytes: borrowed spans, owned buffers with a cap, fixed-width integers.
 *
 * Argument order everywhere in this project: object, outputs, inputs. Outputs are written only on success.
 * Threads: plain values, no globals; one object belongs to one thread at a time. */
#ifndef SOTTO_BASE_BYTES_H
#define SOTTO_BASE_BYTES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sotto_span { const uint8_t *data; size_t size; };              /* borrowed: read it during the call */
struct sotto_buf { uint8_t *data; size_t size, cap, max; };           /* owned: sotto_buf_free. max = the most it may ever hold */

#define SOTTO_SPAN(array) ((struct sotto_span){ (const uint8_t *)(array), sizeof(array) })
static inline struct sotto_span sotto_span(const void *data, size_t size)
{
    return (struct sotto_span){ data, size };
}
static inline struct sotto_span sotto_span_str(const char *text)      /* without the final zero */
{
    return (struct sotto_span){ (const uint8_t *)text, strlen(text) };
}
static inline struct sotto_span sotto_span_cut(struct sotto_span s, size_t from, size_t size)
{
    SOTTO_ASSERT(from <= s.size && size <= s.size - from);
    return (struct sotto_span){ from ? s.data + from : s.data, size };     /* no arithmetic on NULL */
}
static inline bool sotto_span_equal(struct sotto_span a, struct sotto_span b)  /* public bytes only: not constant time */
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}
bool sotto_all_zero(const void *data, size_t size);                   /* constant time */

/* Zeroes the stack below its caller, where functions that have returned left copies: libraries do not wipe their locals. Call it where
 * little is on the stack: before a loop waits, at the end of a worker's job. Deeper than our calls go; 2 to 3 us. */
#define SOTTO_STACK_WIPE (64u << 10)      /* bytes */
void sotto_stack_wipe(void);

/* An empty buffer that will never grow past max bytes; it allocates on first use. */
static inline struct sotto_buf sotto_buf_make(size_t max) { return (struct sotto_buf){ NULL, 0, 0, max }; }
static inline struct sotto_span sotto_buf_span(const struct sotto_buf *b) { return (struct sotto_span){ b->data, b->size }; }
/* Returns SOTTO_ERR_FULL when max would be passed, SOTTO_ERR_NOMEM; the buffer is then unchanged. */
SOTTO_MUST_USE enum sotto_err sotto_buf_reserve(struct sotto_buf *b, size_t more);
SOTTO_MUST_USE enum sotto_err sotto_buf_add(struct sotto_buf *b, const void *data, size_t size);
SOTTO_MUST_USE enum sotto_err sotto_buf_add_span(struct sotto_buf *b, struct sotto_span s);
SOTTO_MUST_USE enum sotto_err sotto_buf_add_u8(struct sotto_buf *b, uint8_t v);
SOTTO_MUST_USE enum sotto_err sotto_buf_add_u16(struct sotto_buf *b, uint16_t v);   /* big-endian, as all below */
SOTTO_MUST_USE enum sotto_err sotto_buf_add_u32(struct sotto_buf *b, uint32_t v);
SOTTO_MUST_USE enum sotto_err sotto_buf_add_u64(struct sotto_buf *b, uint64_t v);
void sotto_buf_drop(struct sotto_buf *b, size_t front);               /* removes front bytes */
void sotto_buf_free(struct sotto_buf *b);                             /* wipes, frees, leaves an empty buffer with the same max */

/* A reader over a span: each get moves on, or fails with ERR_FORMAT and moves nothing. */
struct sotto_reader { const uint8_t *at, *end; };
static inline struct sotto_reader sotto_reader(struct sotto_span s)
{
    return (struct sotto_reader){ s.data, s.size ? s.data + s.size : s.data };
}
static inline size_t sotto_reader_left(const struct sotto_reader *r) { return (size_t)(r->end - r->at); }
SOTTO_MUST_USE enum sotto_err sotto_get_bytes(struct sotto_reader *r, void *out, size_t size);
SOTTO_MUST_USE enum sotto_err sotto_get_span(struct sotto_reader *r, struct sotto_span *out, size_t size);
SOTTO_MUST_USE enum sotto_err sotto_get_u8(struct sotto_reader *r, uint8_t *out);
SOTTO_MUST_USE enum sotto_err sotto_get_u16(struct sotto_reader *r, uint16_t *out);
SOTTO_MUST_USE enum sotto_err sotto_get_u32(struct sotto_reader *r, uint32_t *out);
SOTTO_MUST_USE enum sotto_err sotto_get_u64(struct sotto_reader *r, uint64_t *out);
SOTTO_MUST_USE enum sotto_err sotto_get_end(const struct sotto_reader *r);          /* ERR_FORMAT if bytes are left */

static inline void sotto_put_be16(uint8_t *p, uint16_t v) { p[0] = (uint8_t)(v >> 8); p[1] = (uint8_t)v; }
static inline void sotto_put_be32(uint8_t *p, uint32_t v) { sotto_put_be16(p, (uint16_t)(v >> 16)); sotto_put_be16(p + 2, (uint16_t)v); }
static inline void sotto_put_be64(uint8_t *p, uint64_t v) { sotto_put_be32(p, (uint32_t)(v >> 32)); sotto_put_be32(p + 4, (uint32_t)v); }
static inline uint16_t sotto_be16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t sotto_be32(const uint8_t *p) { return (uint32_t)sotto_be16(p) << 16 | sotto_be16(p + 2); }
static inline uint64_t sotto_be64(const uint8_t *p) { return (uint64_t)sotto_be32(p) << 32 | sotto_be32(p + 4); }
static inline void sotto_put_le64(uint8_t *p, uint64_t v) { for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> (8 * i)); }
static inline uint64_t sotto_le64(const uint8_t *p) { uint64_t v = 0; for (int i = 7; i >= 0; i--) v = v << 8 | p[i]; return v; }

#endif
