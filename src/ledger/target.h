/* Targets of proof of work, the work they stand for, and how they follow the clock (ledger.md 6).
 *
 * Numbers are big-endian bytes: a target has 64, work 65. Two encodings of a target in 32 bits:
 *   0xf00000dd  d = 0..128: 2^(512 - 4d) - 1, "the id starts with d zeros in hex"
 *   compact     exponent byte e, mantissa m of 23 bits: m * 256^(e-3), in the one shortest form; 1 <= target < 2^512
 *
 * Threads: pure functions. */
#ifndef SOTTO_LEDGER_TARGET_H
#define SOTTO_LEDGER_TARGET_H

#include "base/bytes.h"

struct sotto_target { uint8_t b[64]; };
struct sotto_work { uint8_t b[65]; };

#define SOTTO_BITS_ZEROS 0xf0000000u              /* + hex zeros */

SOTTO_MUST_USE enum sotto_err sotto_target_of(struct sotto_target *out, uint32_t bits);   /* SOTTO_W_BITS */
uint32_t sotto_target_bits(const struct sotto_target *target);           /* compact: what fits of its 23 bits; target not 0 */
bool sotto_target_met(const struct sotto_target *target, const uint8_t id[64]);

/* floor(2^512 / (target + 1)): the tries that a block of this target takes on average. */
void sotto_work_of(struct sotto_work *out, const struct sotto_target *target);
void sotto_work_add(struct sotto_work *sum, const struct sotto_work *more);               /* stays at its greatest value */
static inline int sotto_work_compare(const struct sotto_work *a, const struct sotto_work *b) { return memcmp(a->b, b->b, sizeof a->b); }

/* The retarget rule aserti3-2d, anchored at block 0. All times in one unit (milliseconds in the chain). */
struct sotto_asert {
    struct sotto_target anchor, limit;            /* limit not 0 */
    uint64_t genesis_time, halflife;              /* halflife not 0 */
    uint32_t spacing;
};
/* The bits of the block after this parent. */
uint32_t sotto_asert_bits(const struct sotto_asert *a, uint64_t parent_time, uint32_t parent_height);

#endif
