/* The transactions that wait for a block (ledger.md 7). Two kinds of room: those that pay stand in the order of what they pay for their cost,
 * those with a stamp in a lane of their own, in the order of their work.
 *
 *     order for a block     a transaction counts as it and all it needs here do together, if that is less than it alone
 *     order of eviction     a transaction counts as it and all that needs it do together, if that is more than it alone
 *
 * Two that cannot both be applied never stand here together: those that spend the same coin, change the same identity, or carry a vote. Coins of
 * a transaction that waits here may be spent by another; then both go when the first goes.
 *
 * Work. Everything that is cheap is asked before scripts run, and no sender makes more than SOTTO_MEMPOOL_CHAIN steps in chains, or takes out
 * more than SOTTO_MEMPOOL_REPLACED others, with one transaction. Trees, no tables: nobody can aim at one slot.
 * Memory: at most bytes_max for all that is held, and fixed room of about 200 KiB. Threads: one owner; so the script machine. */
#ifndef SOTTO_LEDGER_MEMPOOL_H
#define SOTTO_LEDGER_MEMPOOL_H

#include "ledger/state.h"

#define SOTTO_MEMPOOL_BYTES (UINT64_C(64) << 20)
#define SOTTO_MEMPOOL_STAMPED_BYTES (UINT64_C(4) << 20)
#define SOTTO_MEMPOOL_CHAIN 25u                   /* transactions that one needs here, or that need it, itself counted */
#define SOTTO_MEMPOOL_CHAIN_BYTES 100000u         /* ... and bytes of them together */
#define SOTTO_MEMPOOL_REPLACED 100u               /* that one replacement may take out, with all that need them */
#define SOTTO_MEMPOOL_STAMPED_PART 4u             /* stamped ones get at most this part of a block */
#define SOTTO_MEMPOOL_FLOOR_UP_MS 60000u          /* least time between two doublings of the floor: senders must hear of the first */
#define SOTTO_MEMPOOL_FLOOR_DOWN_MS 600000u       /* it halves when it did not rise for so long, and after each such time */
#define SOTTO_MEMPOOL_FLOOR_STEPS 32u

struct sotto_mempool_config {
    uint64_t bytes_max;                           /* of memory: transactions and all that is kept about them */
    uint64_t stamped_max;                         /* of it for the stamped lane; less than bytes_max */
};

/* Borrowed: good until the next call that changes the pool. */
struct sotto_mempool_entry {
    struct sotto_block_tx tx;
    struct sotto_amount fee;
    uint64_t cost;
    unsigned stamp_bits;                          /* zero bits of its stamp; 0: it has none */
    uint64_t seq;                                 /* order of arrival, from 1: no parent after its child */
    bool own;                                     /* not to be announced: it leaves by another way, until sotto_mempool_release */
};

struct sotto_mempool;
/* ERR_RANGE when bytes_max does not hold the largest transaction in the lane and beside it (300 KiB do, each), ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_mempool_new(struct sotto_mempool **out, const struct sotto_mempool_config *config);
void sotto_mempool_free(struct sotto_mempool *p);

/* Takes a copy of one transaction, any bytes. view: the tip. now_ms: our clock. *out (may be NULL): the new one.
 *   ERR_EXISTS     it is here, perhaps with other signatures
 *   E_, T_, S_, R_, G_ errors   as sotto_ledger_check; T_FEE below the floor; T_MISSING also for one that spends what it would replace
 *   M_NONSTANDARD  an output of no template
 *   M_DUST         an output worth less than it costs to spend
 *   M_QUOTA        it would make a chain here too long
 *   M_REPLACE      it cannot stand beside others here and does not pay more than them: a higher rate than each, and all their fees and the
 *                  floor for its own cost besides; or they are too many
 *   M_FULL         no room, and it is worth no more than what would have to go
 *   ERR_NOMEM
 * On error nothing has changed. */
SOTTO_MUST_USE enum sotto_err sotto_mempool_add(struct sotto_mempool *p, const struct sotto_mempool_entry **out, const struct sotto_view *view,
                                               struct sotto_span full, bool own, uint64_t now_ms, struct sotto_script *machine);

/* A block became the tip. view: after it; codes: of its transactions, as in its delta. What it took, what it made impossible and what ended with
 * its height leaves. */
void sotto_mempool_connect(struct sotto_mempool *p, const struct sotto_view *view, const struct sotto_block *block, const uint16_t *codes);
/* The tip was taken off. view: after that. Its transactions come back if they are still good, by the rules of blocks and without the floor; what
 * came later and needs them, or cannot stand beside them, is judged again after them. Costs the scripts of these. */
void sotto_mempool_disconnect(struct sotto_mempool *p, const struct sotto_view *view, const struct sotto_block *block, uint64_t now_ms,
                              struct sotto_script *machine);
/* Drops posts that became too old for any block, lets the floor sink. */
void sotto_mempool_tick(struct sotto_mempool *p, uint64_t now_ms);

/* What the next block may hold, in its order: at most cap transactions of together size_max bytes, each applied when the others are; stamped ones
 * first. Offered and refused for a reason that lies in the chain: it leaves the pool. Returns how many; out: borrowed. 0 also without memory. */
uint32_t sotto_mempool_choose(struct sotto_mempool *p, const struct sotto_mempool_entry **out, uint32_t cap, const struct sotto_view *view,
                             size_t size_max, uint64_t now_ms, struct sotto_script *machine);

const struct sotto_mempool_entry *sotto_mempool_find(const struct sotto_mempool *p, const uint8_t txid[32]);
/* In order of arrival, for those who announce: the first that came after seq and is not an own one. Costs a step for each newer one. */
const struct sotto_mempool_entry *sotto_mempool_after(const struct sotto_mempool *p, uint64_t seq);
/* The one after e, own ones too. */
const struct sotto_mempool_entry *sotto_mempool_next(const struct sotto_mempool *p, const struct sotto_mempool_entry *e);
/* An own one was seen elsewhere or waited long enough: from now on it is one like any other. Who announces by seq may have passed it already, so
 * the caller names it to them. ERR_MISSING. */
SOTTO_MUST_USE enum sotto_err sotto_mempool_release(struct sotto_mempool *p, const uint8_t txid[32]);
/* Cong for a unit of cost; what a newcomer without a stamp must pay. */
uint64_t sotto_mempool_floor(const struct sotto_mempool *p, const struct sotto_params *params);
uint32_t sotto_mempool_count(const struct sotto_mempool *p);
uint64_t sotto_mempool_bytes(const struct sotto_mempool *p);
uint64_t sotto_mempool_stamped_bytes(const struct sotto_mempool *p);

#endif
