/* A block that is being executed. Inside this room only: state.c drives, state_tx.c judges a transaction, state_op.c its operations. */
#ifndef SOTTO_LEDGER_STATE_IMPL_H
#define SOTTO_LEDGER_STATE_IMPL_H

#include "ledger/op.h"
#include "ledger/state.h"

#include <bsd/sys/tree.h>

/* Memory of a delta and of the work on it: given out, never given back before all of it. */
struct sotto_state_bytes { struct sotto_state_bytes *next; size_t used, size; _Alignas(16) uint8_t data[]; };
void *sotto_state_alloc(struct sotto_delta *d, size_t size);         /* NULL: memory is out */

/* A coin that this block made or spent; a record that it changed. Whoever is not here is as the view says. */
struct coin_at { RB_ENTRY(coin_at) node; struct sotto_coin coin; bool spent; };
struct record_at { RB_ENTRY(record_at) node; struct sotto_id id; struct sotto_reg_record before, now; bool existed, exists; };
RB_HEAD(coin_tree, coin_at);
RB_HEAD(record_tree, record_at);
RB_PROTOTYPE(coin_tree, coin_at, node, sotto_coin_order)
RB_PROTOTYPE(record_tree, record_at, node, sotto_record_order)

#define STATE_UNDO_MAX (2 * SOTTO_TX_OPS_MAX)     /* records that one transaction changes */
struct state_work {
    const struct sotto_view *view;
    struct sotto_script *machine;
    uint32_t height;
    uint64_t now_s, header_ms;
    struct sotto_delta d;
    struct coin_tree coins;
    struct record_tree records;
    uint32_t spent_cap, made_cap, replay_cap;
    uint64_t units;                               /* of all scripts so far */

    /* of the transaction at work: what is taken back when it fails, and what is made when it does not */
    struct { struct record_at *at; struct sotto_reg_record now; bool exists; } undo[STATE_UNDO_MAX];
    struct { uint8_t txid[32]; struct sotto_h160 to; struct sotto_amount amount; } synthetic[SOTTO_TX_OPS_MAX];
    uint32_t undo_count, synthetic_count;
    struct sotto_params params_before;            /* lists of its own */
    bool params_saved, params_were_changed;
    uint32_t set_changes_before;
};

static inline const struct sotto_params *state_params(const struct state_work *w) { return w->d.params_changed ? &w->d.params : w->view->params; }

bool state_record(const struct state_work *w, struct sotto_reg_record *out, const struct sotto_id *id);
SOTTO_MUST_USE enum sotto_err state_record_set(struct state_work *w, const struct sotto_reg_record *now);
/* The params to be changed, saved for the case that the transaction fails. ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err state_params_change(struct state_work *w, struct sotto_params **out);
/* A coin of p2pkh that an operation makes; none for nothing. */
void state_pay(struct state_work *w, const uint8_t txid[32], const struct sotto_h160 *to, struct sotto_amount amount);
/* A registered identity that is valid now signed this: R_UNKNOWN, R_REVOKED, R_FUTURE, R_EXPIRED, R_SIG. */
SOTTO_MUST_USE enum sotto_err state_signed(const struct state_work *w, const struct sotto_id *id, const struct sotto_sig65 *sig, const uint8_t digest[32]);

SOTTO_MUST_USE enum sotto_err state_op(struct state_work *w, const struct sotto_op *op);                 /* state_op.c */
SOTTO_MUST_USE enum sotto_err state_gov(struct state_work *w, const struct sotto_op_gov *gov);           /* state_gov.c */
/* One transaction: all of its effects, or none and its refusal. */
SOTTO_MUST_USE enum sotto_err state_tx(struct state_work *w, const struct sotto_block_tx *t, bool coinbase, uint64_t *cost, struct sotto_amount *fee);

#endif
