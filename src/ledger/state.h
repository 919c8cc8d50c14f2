/* The state machine of the chain: what a block makes of the state of its parent (ledger.md 5.4).
 *
 *     view   what is committed: params, the registry tree, coins, records, headers; asked, never changed
 *     delta  what one block changes, and all that is needed to take it back
 *
 *         view --(block)--> sotto_ledger_finalize --> delta --> the store commits it, or drops it
 *
 * Engines are strict or lax. Under pow any refusal of a transaction makes the block invalid. Under the others the order was agreed before
 * anybody executed: a transaction that fails has no effect and gets its code.
 *
 * The same block on the same state gives the same delta, byte for byte. No clock, no randomness. Memory: of a delta, bounded by its block.
 * Threads: finalize may run beside other calls that only read the view; the script machine belongs to one of them. */
#ifndef SOTTO_LEDGER_STATE_H
#define SOTTO_LEDGER_STATE_H

#include "ledger/block.h"
#include "ledger/params.h"
#include "ledger/registry.h"
#include "ledger/roots.h"
#include "ledger/script.h"
#include "ledger/smt.h"

/* The state after the tip. Everything is borrowed and stays until the next commit. */
struct sotto_view {
    void *of;
    const struct sotto_params *params;
    const struct sotto_smt *registry;
    struct sotto_block_id genesis, tip_id;
    struct sotto_header tip;
    uint64_t median_ms;                           /* of the tip's time and those before it */
    uint8_t domain[32], coins[32], state_root[32];
    uint8_t snap[32];                             /* snap root that the next state names */
    bool (*coin)(void *of, struct sotto_coin *out, const struct sotto_outpoint *at);         /* unspent; false: none */
    bool (*record)(void *of, struct sotto_reg_record *out, const struct sotto_id *id);
    bool (*replay)(void *of, const uint8_t txid[32]);                                         /* of a transaction without inputs, not yet expired */
    bool (*ancestor)(void *of, struct sotto_block_id *id, uint64_t *median_ms, uint32_t height);      /* the tip included; false: above it */
    uint32_t (*set_changes)(void *of, uint32_t from);     /* changes of the list of validators in blocks of this height and later */
};

struct sotto_delta_record { struct sotto_reg_record before, after; bool existed; };
struct sotto_delta_replay { uint8_t txid[32]; uint32_t expiry; };
struct sotto_delta {
    struct sotto_header header;
    struct sotto_block_id block;
    uint16_t *codes;                              /* a code for each transaction, 0 = applied */
    struct sotto_coin *spent, *made;              /* in the order of the block; a coin may be in both */
    struct sotto_delta_record *records;           /* rising by id */
    struct sotto_smt_change *leaves;              /* the same as changes of the registry tree */
    struct sotto_delta_replay *replay;
    uint32_t code_count, spent_count, made_count, record_count, replay_count;
    bool params_changed;
    struct sotto_params params;                   /* if they changed */
    uint32_t set_changes;                         /* 0 or 1 */
    struct sotto_amount fees;
    uint8_t coins_before[32], state_root_before[32];
    struct sotto_state_parts parts;
    uint8_t state_root[32];
    struct sotto_state_bytes *bytes;              /* where scripts of its coins lie */
};
void sotto_delta_free(struct sotto_delta *d);

/* Executes block, a child of the tip. Whether its header fits the chain by time, target and work, or by a seal, is asked elsewhere
 * (sotto_header_follows); here H_PARENT, H_FIELD for another height or engine, B_ROOT when state_root is not that of the view, B_COINBASE,
 * B_COST, G_DENIED for a miner who needs a permission and has none; under pow the first refusal of a transaction.
 * ERR_NEWER: the rules changed at this height, and this program has the old ones. ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_ledger_finalize(struct sotto_delta *out, const struct sotto_view *view, const struct sotto_block *block,
                                                   struct sotto_script *machine);
/* What may be said of a proposed block before it is voted on: under pow all of the above; under the others only what no execution can mend:
 * the link to its parent, state_root, operations that are not well formed, a coinbase. */
SOTTO_MUST_USE enum sotto_err sotto_ledger_process(const struct sotto_view *view, const struct sotto_block *block, struct sotto_script *machine);

/* One transaction for the next block, by itself on the committed state: as finalize would judge it were it the only one.
 * Out  cost, fee   written on SOTTO_OK. now_ms: the clock that a POST is held against, in place of a header's. */
SOTTO_MUST_USE enum sotto_err sotto_ledger_check(uint64_t *cost, struct sotto_amount *fee, const struct sotto_view *view, const struct sotto_block_tx *tx,
                                                uint64_t now_ms, struct sotto_script *machine);
/* Chooses from candidates, in their order, what can stand in the next block together: chosen[i] < count, rising. Returns how many.
 * size_max: bytes for them. 0 also when memory is out. */
uint32_t sotto_ledger_prepare(uint32_t *chosen, const struct sotto_view *view, const struct sotto_block_tx *candidates, uint32_t count, size_t size_max,
                             uint64_t now_ms, struct sotto_script *machine);

/* What a miner signs where mining needs a permission: Authorize{id, txid} with this for the txid. */
void sotto_mine_digest(uint8_t out[32], const struct sotto_header *header);

#endif
