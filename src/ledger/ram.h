/* A chain in memory: the store of tests, simulations and short chains. It holds all coins, records and headers, and as many deltas as may be
 * taken back. The order of blocks is the caller's: here a block is committed to the tip or taken off it.
 *
 * Threads: one owner. Memory: grows with the chain. */
#ifndef SOTTO_LEDGER_RAM_H
#define SOTTO_LEDGER_RAM_H

#include "ledger/genesis.h"
#include "ledger/state.h"

struct sotto_ram;
/* The state after block 0. The genesis is copied. ids_max: identities; undo_max: blocks that can be taken back. ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_ram_new(struct sotto_ram **out, const struct sotto_genesis *g, uint32_t ids_max, uint32_t undo_max);
void sotto_ram_free(struct sotto_ram *r);
/* Good until the next commit or undo. */
const struct sotto_view *sotto_ram_view(const struct sotto_ram *r);
/* Takes what the delta holds; d is then empty. It was made from this view. ERR_NOMEM, ERR_FULL (identities): nothing has changed, d is as before. */
SOTTO_MUST_USE enum sotto_err sotto_ram_commit(struct sotto_ram *r, struct sotto_delta *d);
/* Takes the tip off: all is as before its commit. B_DEEP when its delta is not kept any more, or it is block 0. */
SOTTO_MUST_USE enum sotto_err sotto_ram_undo(struct sotto_ram *r);
size_t sotto_ram_coins(const struct sotto_ram *r);
size_t sotto_ram_records(const struct sotto_ram *r);
/* Everything that is held, as one hash: coins, records, transactions that may not come again. Two chains that hold the same give the same. */
void sotto_ram_digest(uint8_t out[32], const struct sotto_ram *r);
/* Coins that are unspent, and bonds, add up: the sum of both. */
struct sotto_amount sotto_ram_sum(const struct sotto_ram *r);

#endif
