/* Stamps: work that replaces a fee (ledger.md 2.1). A stamp names a block at most SOTTO_STAMP_BEHIND blocks below the one that takes the
 * transaction, so that none can be made in store, and a nonce:
 *
 *     TH("sotto/stamp/1", txid || id of that block || nonce u64) begins with so many zero bits as the chain and the size ask for
 *
 * The search is for a worker thread, in pieces: it can be cancelled between any two. Threads: one search belongs to one thread. */
#ifndef SOTTO_LEDGER_STAMP_H
#define SOTTO_LEDGER_STAMP_H

#include "crypto/hash.h"
#include "ledger/tx.h"

#define SOTTO_STAMP_BEHIND 100u                                       /* blocks */

/* base + floor(log2(max(1, floor(cost / 1000)))) zero bits; base = stamp_bits of the chain. At most 309. */
unsigned sotto_stamp_need(uint8_t base, uint64_t cost);
void sotto_stamp_digest(uint8_t out[32], const uint8_t txid[32], const uint8_t block_id[64], uint64_t nonce);
/* Leading zero bits, 0..256. */
unsigned sotto_stamp_bits(const uint8_t digest[32]);
/* Is a block of this height near enough for one of height? It must also be an ancestor: block_id below is that of the ancestor. */
bool sotto_stamp_near(uint32_t ref_height, uint32_t height);
/* T_STAMP: none, too old or from later, or too weak. block_id: of the ancestor of height stamp.ref_height; NULL if there is none. */
SOTTO_MUST_USE enum sotto_err sotto_stamp_check(const struct sotto_tx *tx, const uint8_t txid[32], const uint8_t *block_id, uint32_t height, unsigned need);

/* A search: nonces from first on. */
struct sotto_stamp_search { struct sotto_th before; uint64_t next; unsigned need; };
void sotto_stamp_begin(struct sotto_stamp_search *s, const uint8_t txid[32], const uint8_t block_id[64], uint64_t first, unsigned need);
/* Up to so many tries. ERR_AGAIN: not found yet, go on or leave it; nothing has to be freed. ERR_RANGE: need is above 256, or no nonce is left. */
SOTTO_MUST_USE enum sotto_err sotto_stamp_step(struct sotto_stamp_search *s, uint64_t *nonce, uint32_t tries);

#endif
