/* Bytes of the ledger: little-endian integers, CompactSize, counted byte strings (ledger.md 1).
 *
 * Reading goes in the order of the bytes, over a struct sotto_reader (base/bytes.h), and the first failure names the error:
 *   SOTTO_E_SHORT     fewer bytes than asked for
 *   SOTTO_E_COMPACT   a CompactSize longer than it had to be
 *   SOTTO_E_LIMIT     a count or a length above its limit; tested before the bytes it promises are looked for
 *   SOTTO_E_TRAILING  bytes left over, sotto_take_end
 * A failed call moves nothing and writes nothing. What is taken as a span lies in the bytes that are read: no copy, nothing to free.
 *
 * Writing appends to a struct sotto_buf: SOTTO_ERR_FULL at its bound, SOTTO_ERR_NOMEM. The same forms can be fed to a hash (sotto_th_u32 ...).
 * Threads: plain values. */
#ifndef SOTTO_LEDGER_CODEC_H
#define SOTTO_LEDGER_CODEC_H

#include "base/bytes.h"
#include "crypto/hash.h"

static inline void sotto_put_le16(uint8_t *p, uint16_t v) { p[0] = (uint8_t)v; p[1] = (uint8_t)(v >> 8); }
static inline void sotto_put_le32(uint8_t *p, uint32_t v) { sotto_put_le16(p, (uint16_t)v); sotto_put_le16(p + 2, (uint16_t)(v >> 16)); }
static inline void sotto_put_le40(uint8_t *p, uint64_t v) { sotto_put_le32(p, (uint32_t)v); p[4] = (uint8_t)(v >> 32); }
static inline uint16_t sotto_le16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t sotto_le32(const uint8_t *p) { return sotto_le16(p) | (uint32_t)sotto_le16(p + 2) << 16; }
static inline uint64_t sotto_le40(const uint8_t *p) { return sotto_le32(p) | (uint64_t)p[4] << 32; }

#define SOTTO_UINT40_MAX ((UINT64_C(1) << 40) - 1)                    /* times in operations and signed data: seconds */

/* Reading. */
SOTTO_MUST_USE enum sotto_err sotto_take_bytes(struct sotto_reader *r, void *out, size_t size);
SOTTO_MUST_USE enum sotto_err sotto_take_span(struct sotto_reader *r, struct sotto_span *out, size_t size);
SOTTO_MUST_USE enum sotto_err sotto_take_u8(struct sotto_reader *r, uint8_t *out);
SOTTO_MUST_USE enum sotto_err sotto_take_u16(struct sotto_reader *r, uint16_t *out);
SOTTO_MUST_USE enum sotto_err sotto_take_u32(struct sotto_reader *r, uint32_t *out);
SOTTO_MUST_USE enum sotto_err sotto_take_u40(struct sotto_reader *r, uint64_t *out);
SOTTO_MUST_USE enum sotto_err sotto_take_u64(struct sotto_reader *r, uint64_t *out);
/* cs(n) with n <= limit. Give UINT64_MAX where nothing limits it. */
SOTTO_MUST_USE enum sotto_err sotto_take_compact(struct sotto_reader *r, uint64_t *out, uint64_t limit);
/* The same for what fits 32 bits: counts. */
SOTTO_MUST_USE enum sotto_err sotto_take_count(struct sotto_reader *r, uint32_t *out, uint32_t limit);
/* var(b), b at most limit bytes. */
SOTTO_MUST_USE enum sotto_err sotto_take_var(struct sotto_reader *r, struct sotto_span *out, uint32_t limit);
SOTTO_MUST_USE enum sotto_err sotto_take_end(const struct sotto_reader *r);

/* Writing. */
#define SOTTO_COMPACT_MAX 9                                           /* bytes of the longest CompactSize */
size_t sotto_compact_size(uint64_t n);                                /* 1, 3, 5 or 9 */
size_t sotto_put_compact(uint8_t out[SOTTO_COMPACT_MAX], uint64_t n); /* as many bytes as the above */
static inline size_t sotto_var_size(size_t size) { return sotto_compact_size(size) + size; }
SOTTO_MUST_USE enum sotto_err sotto_buf_add_le16(struct sotto_buf *b, uint16_t v);
SOTTO_MUST_USE enum sotto_err sotto_buf_add_le32(struct sotto_buf *b, uint32_t v);
SOTTO_MUST_USE enum sotto_err sotto_buf_add_le40(struct sotto_buf *b, uint64_t v);      /* v <= SOTTO_UINT40_MAX */
SOTTO_MUST_USE enum sotto_err sotto_buf_add_le64(struct sotto_buf *b, uint64_t v);
SOTTO_MUST_USE enum sotto_err sotto_buf_add_compact(struct sotto_buf *b, uint64_t n);
SOTTO_MUST_USE enum sotto_err sotto_buf_add_var(struct sotto_buf *b, struct sotto_span s);

/* Into a hash. */
void sotto_th_u8(struct sotto_th *t, uint8_t v);
void sotto_th_u32(struct sotto_th *t, uint32_t v);
void sotto_th_u64(struct sotto_th *t, uint64_t v);
void sotto_th_compact(struct sotto_th *t, uint64_t n);
void sotto_th_var(struct sotto_th *t, struct sotto_span s);

#endif
