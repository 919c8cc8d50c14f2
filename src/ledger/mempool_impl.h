/* The pool from inside: mempool.c keeps entries, chains and orders; mempool_add.c judges who comes in. Inside this room only. */
#ifndef SOTTO_LEDGER_MEMPOOL_IMPL_H
#define SOTTO_LEDGER_MEMPOOL_IMPL_H

#include "ledger/mempool.h"

#include <bsd/sys/tree.h>
#include <sys/queue.h>

enum { CLAIM_KEY = 36, CLAIMS_MAX = SOTTO_TX_INPUTS_MAX + SOTTO_TX_OPS_MAX, KIN = SOTTO_MEMPOOL_CHAIN - 1 };
/* What only one transaction may do: an outpoint, or an identity or the votes under indices that no output has. */
struct claim { RB_ENTRY(claim) node; uint8_t key[CLAIM_KEY]; struct entry *by; };
struct package { uint32_t count; size_t size; uint64_t fee, cost; };
struct entry {
    struct sotto_mempool_entry pub;
    RB_ENTRY(entry) by_txid, by_turn, by_worth, by_height, by_ms;     /* by_turn: of the payers or of the lane */
    TAILQ_ENTRY(entry) arrival;
    struct package up, down;                      /* with all that it needs here; with all that need it */
    struct entry *parents[KIN], *children[KIN];
    uint32_t parent_count, child_count, claim_count;
    uint64_t mark, offered;                       /* of the walk, and of the choice, that met it last */
    struct claim *claims;
    size_t charge;                                /* bytes of memory */
    uint32_t last_height;                         /* that it can stand in; UINT32_MAX: any */
    uint64_t last_ms;                             /* of our clock; UINT64_MAX: any */
};
RB_HEAD(claim_tree, claim);
RB_HEAD(txid_tree, entry);
RB_HEAD(turn_tree, entry);
RB_HEAD(lane_tree, entry);
RB_HEAD(worth_tree, entry);
RB_HEAD(height_tree, entry);
RB_HEAD(ms_tree, entry);
RB_PROTOTYPE(claim_tree, claim, node, sotto_claim_order)
RB_PROTOTYPE(txid_tree, entry, by_txid, sotto_txid_order)
RB_PROTOTYPE(turn_tree, entry, by_turn, sotto_turn_order)
RB_PROTOTYPE(height_tree, entry, by_height, sotto_height_order)
RB_PROTOTYPE(ms_tree, entry, by_ms, sotto_ms_order)
RB_PROTOTYPE(worth_tree, entry, by_worth, sotto_worth_order)
RB_PROTOTYPE(lane_tree, entry, by_turn, sotto_lane_order)

struct sotto_mempool {
    struct sotto_mempool_config config;
    struct claim_tree claims;
    struct txid_tree txids;
    struct turn_tree turns;                       /* payers, best first */
    struct lane_tree lane;                        /* stamped, best first */
    struct worth_tree worths;                     /* payers, worst first */
    struct height_tree heights;                   /* rising */
    struct ms_tree ends;
    TAILQ_HEAD(arrival_list, entry) arrivals;
    uint64_t bytes, stamped, seq, mark;
    uint32_t count;
    unsigned floor_steps;
    uint64_t floor_ms;                            /* of its last move */
    /* of the call at work */
    uint8_t lists[SOTTO_TX_ARENA_MAX] __attribute__((aligned(16)));
    uint8_t keys[CLAIMS_MAX][CLAIM_KEY];
    struct entry **doomed;                        /* who goes, if all goes well */
    uint32_t doomed_count, doomed_max;
    uint64_t doomed_mark;
};

struct rate { uint64_t fee, cost; };
int pool_rate_order(struct rate a, struct rate b);                    /* > 0: a pays more */
struct rate pool_worth(const struct entry *e);
struct entry *pool_find(const struct sotto_mempool *p, const uint8_t txid[32]);
struct entry *pool_claimed(const struct sotto_mempool *p, const uint8_t key[CLAIM_KEY]);
void pool_key_of_coin(uint8_t key[CLAIM_KEY], const struct sotto_outpoint *at);
uint32_t pool_keys(uint8_t keys[][CLAIM_KEY], const struct sotto_tx *tx);          /* at most CLAIMS_MAX; its operations are well formed */
/* View with the coins of what waits here as well. */
struct pool_overlay { const struct sotto_view *under; const struct sotto_mempool *pool; };
struct sotto_view pool_overlay(struct pool_overlay *o, const struct sotto_mempool *p, const struct sotto_view *under);
/* Adds e and all that need it to the doomed. False: they would be more than max. */
bool pool_doom(struct sotto_mempool *p, struct entry *e, uint32_t max);
void pool_doom_begin(struct sotto_mempool *p);
void pool_doom_end(struct sotto_mempool *p);                          /* they go */
void pool_insert(struct sotto_mempool *p, struct entry *e);
/* again: it was here or in a block before; then nothing is asked that only newcomers owe. */
SOTTO_MUST_USE enum sotto_err pool_take(struct sotto_mempool *p, const struct sotto_mempool_entry **out, const struct sotto_view *view,
                                        struct sotto_span full, bool own, bool again, uint64_t now_ms, struct sotto_script *machine);

#endif
