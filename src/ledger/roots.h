/* What a header commits to besides its transactions: the results of a block, the running digest of the coins, the state (ledger.md 4.4).
 *
 * Threads: plain values. */
#ifndef SOTTO_LEDGER_ROOTS_H
#define SOTTO_LEDGER_ROOTS_H

#include "ledger/codec.h"
#include "ledger/header.h"
#include "ledger/tx.h"

/* An output that can be spent, as the set of coins holds it. */
struct sotto_coin {
    struct sotto_outpoint at;
    uint32_t height;                              /* of the block that made it; below 2^31 */
    bool coinbase;
    struct sotto_tx_out out;                      /* the script is borrowed */
};
/* txid 32 || index u32 || height * 2 + coinbase u32 || value u64 || var script */
SOTTO_MUST_USE enum sotto_err sotto_coin_add(struct sotto_buf *out, const struct sotto_coin *coin);
/* Takes one from the front. SOTTO_E_SHORT, E_COMPACT, E_LIMIT, T_VALUE. */
SOTTO_MUST_USE enum sotto_err sotto_coin_take(struct sotto_coin *out, struct sotto_reader *r);

/* TH("sotto/results", cs(n) || a code for each transaction, 0 = applied) */
void sotto_results_root(uint8_t out[32], const uint16_t *codes, size_t count);

/* The digest of all coins ever made and spent, a block at a time:
 * TH("sotto/coins", before || height || TH("sotto/coins/spent", outpoints) || TH("sotto/coins/made", records)). */
struct sotto_coins_digest { struct sotto_th spent, made; };
void sotto_coins_begin(struct sotto_coins_digest *d);
void sotto_coins_spent(struct sotto_coins_digest *d, const struct sotto_outpoint *at);
void sotto_coins_made(struct sotto_coins_digest *d, const struct sotto_coin *coin);
void sotto_coins_end(struct sotto_coins_digest *d, uint8_t out[32], const uint8_t before[32], uint32_t height);        /* ends d */

/* The parts of a state root after a block: 160 bytes after its id in a proof, in this order. */
struct sotto_state_parts { uint8_t results[32], registry[32], params[32], coins[32], snap[32]; };
#define SOTTO_STATE_PARTS 160u
_Static_assert(sizeof(struct sotto_state_parts) == SOTTO_STATE_PARTS, "bytes of a proof");
void sotto_state_root(uint8_t out[32], const struct sotto_block_id *block, const struct sotto_state_parts *parts);

/* Leaf of a snapshot's tree: TH("sotto/snap/chunk", index u32 || chunk). */
#define SOTTO_SNAP_CHUNK 1048576u                 /* bytes of every chunk but the last */
void sotto_snap_leaf(uint8_t out[32], uint32_t index, struct sotto_span chunk);

#endif
