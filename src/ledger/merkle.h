/* The Merkle tree over a list: the transactions of a block, the chunks of a snapshot, the digests of a batch (ledger.md 4.2).
 *
 *     node    TH("sotto/mt/node", left || right); the left part holds the largest power of two smaller than the count
 *     root    TH("sotto/mt/root", count u32 || top); top of no leaf = 32 zero bytes
 *
 *               top            five leaves: no leaf stands twice, so no list has the root of another
 *              /   \
 *            .       \
 *          /   \       \
 *         .     .       \
 *        0 1   2 3       4
 *
 * A path is the siblings from the leaf up; its length follows from index and count. Threads: plain values. */
#ifndef SOTTO_LEDGER_MERKLE_H
#define SOTTO_LEDGER_MERKLE_H

#include "base/bytes.h"

#define SOTTO_MT_PATH_MAX 32u                     /* siblings of the longest path: counts have 32 bits */

void sotto_mt_leaf(uint8_t out[32], const uint8_t a[32], const uint8_t b[32]);       /* TH("sotto/mt/leaf", a || b) */

/* Leaf after leaf, without holding them. Begins zeroed. At most UINT32_MAX leaves. */
struct sotto_mt {
    uint32_t count;
    uint8_t peaks[32][32];                        /* [i]: the whole subtree of 2^i leaves, if bit i of count is set */
};
void sotto_mt_add(struct sotto_mt *t, const uint8_t leaf[32]);
void sotto_mt_root(uint8_t out[32], const struct sotto_mt *t);
void sotto_mt_root_of(uint8_t out[32], const uint8_t (*leaves)[32], uint32_t count);

/* The path of one of count leaves; index < count. Returns its length. Takes about count hashes. */
uint32_t sotto_mt_path(uint8_t out[SOTTO_MT_PATH_MAX][32], const uint8_t (*leaves)[32], uint32_t count, uint32_t index);
/* SOTTO_P_INDEX: index is not below count. SOTTO_P_PATH: path has not exactly size bytes for that place. SOTTO_P_ROOT. */
SOTTO_MUST_USE enum sotto_err sotto_mt_check(const uint8_t root[32], const uint8_t leaf[32], uint32_t count, uint32_t index, struct sotto_span path);

#endif
