/* Rules of one transaction in one block that need only numbers: fee, locks, expiry, mined coins (ledger.md 2.1). Who knows coins and headers
 * brings them. Heights count blocks, times are seconds of median time past.
 *
 * Threads: pure functions. */
#ifndef SOTTO_LEDGER_RULES_H
#define SOTTO_LEDGER_RULES_H

#include "ledger/tx.h"

#define SOTTO_LOCK_IS_TIME 500000000u                                 /* from here on a lock is seconds, below it a height */
#define SOTTO_EXPIRY_AHEAD 1440u                                      /* blocks: how far ahead a transaction without inputs may end */
#define SOTTO_COINBASE_DEPTH 100u                                     /* blocks until mined coins can be spent */
#define SOTTO_UNITS_PER_BYTE 4u                                       /* script units that cost as much as one byte */
#define SOTTO_DUST_BYTES (3u * 148u)                                  /* an output is dust below what so many bytes cost */

/* ---- what it costs and pays ---- */

/* max(bytes, ceil(units / 4)). */
uint64_t sotto_tx_cost(size_t bytes, uint64_t units);
/* inputs - outputs - bonds; T_FUNDS if that is below zero. */
SOTTO_MUST_USE enum sotto_err sotto_tx_fee(struct sotto_amount *fee, const struct sotto_tx *tx, struct sotto_amount inputs, struct sotto_amount bonds);
/* T_FEE if fee < rate * cost. rate: cong for each unit of cost. */
SOTTO_MUST_USE enum sotto_err sotto_fee_check(struct sotto_amount fee, uint64_t rate, uint64_t cost);
/* Policy of the pool: M_DUST for an output worth less than it costs to spend, or worth nothing; data outputs are never dust. */
SOTTO_MUST_USE enum sotto_err sotto_dust_check(const struct sotto_tx *tx, uint64_t rate);

/* ---- when it may stand in a block ---- */

/* lock: height or time that must be reached, if any input's sequence is not final. T_LOCKED. */
SOTTO_MUST_USE enum sotto_err sotto_lock_check(const struct sotto_tx *tx, uint32_t height, uint64_t median_s);
/* sequence of one input, as in BIP-68. coin_median_s: median time past of the block before the one that made the coin. T_LOCKED. */
SOTTO_MUST_USE enum sotto_err sotto_sequence_check(uint32_t sequence, uint32_t coin_height, uint64_t coin_median_s, uint32_t height, uint64_t median_s);
/* T_EXPIRED above its expiry; T_NO_EXPIRY without inputs and without an expiry, or with one more than SOTTO_EXPIRY_AHEAD blocks away. */
SOTTO_MUST_USE enum sotto_err sotto_expiry_check(const struct sotto_tx *tx, uint32_t height);
/* T_IMMATURE: a coin mined at made is spent too early. */
SOTTO_MUST_USE enum sotto_err sotto_maturity_check(bool mined, uint32_t made, uint32_t height);

/* T_OP_TIME: the time of a POST is more than SOTTO_POST_TIME_S away from the header time of its block. */
#define SOTTO_POST_TIME_S 7200u
SOTTO_MUST_USE enum sotto_err sotto_post_time_check(uint64_t time_s, uint64_t header_ms);

/* ---- new coins ---- */

/* What the block of this height may make; halving = 0: always the same. */
struct sotto_amount sotto_subsidy(struct sotto_amount reward, uint32_t halving, uint32_t height);
/* B_COINBASE: not the form of a coinbase, the sequence is not the height, an unlocking script, or more than subsidy and fees. */
SOTTO_MUST_USE enum sotto_err sotto_coinbase_check(const struct sotto_tx *tx, uint32_t height, struct sotto_amount subsidy, struct sotto_amount fees);

#endif
