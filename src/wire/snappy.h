/* Snappy, block format (devp2p.md 7): varint of the plain size, then literals and copies. Wrapper over libsnappy. */
#ifndef SOTTO_WIRE_SNAPPY_H
#define SOTTO_WIRE_SNAPPY_H

#include "base/bytes.h"

/* The plain size that a block declares: ERR_SNAPPY if the varint is broken, ERR_FRAME_SIZE if it is above max. Allocates nothing. */
SOTTO_MUST_USE enum sotto_err sotto_snappy_size(size_t *out, struct sotto_span block, size_t max);
/* Appends the plain bytes. The declared size is checked before anything is allocated. ERR_SNAPPY (corrupt, out unchanged),
 * ERR_FRAME_SIZE (more than max), ERR_FULL, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_snappy_inflate(struct sotto_buf *out, struct sotto_span block, size_t max);
/* Appends a block; out must have room for sotto_snappy_bound(plain.size). ERR_FULL, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_snappy_deflate(struct sotto_buf *out, struct sotto_span plain);
/* Appends a block that is one literal, whatever could be saved: its length follows from the plain size alone. plain.size 1..65,536, else
 * ERR_RANGE. ERR_FULL, ERR_NOMEM. */
#define SOTTO_SNAPPY_LITERAL_EXTRA 6u                                 /* bytes it is longer by, at most */
#define SOTTO_SNAPPY_LITERAL_MAX 65536u
SOTTO_MUST_USE enum sotto_err sotto_snappy_literal(struct sotto_buf *out, struct sotto_span plain);
/* What stands in front of the plain bytes in that block; returns its length. size 1..65,536. */
size_t sotto_snappy_literal_head(uint8_t out[SOTTO_SNAPPY_LITERAL_EXTRA], size_t size);
/* A block exactly as sotto_snappy_literal writes it: plain is what it holds, borrowed from the block. ERR_MISSING: it is another one, good or bad. */
SOTTO_MUST_USE enum sotto_err sotto_snappy_literal_plain(struct sotto_span *plain, struct sotto_span block);
size_t sotto_snappy_bound(size_t plain_size);                         /* the largest block of so many plain bytes */

#endif
