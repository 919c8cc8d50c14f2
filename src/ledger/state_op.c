#include "ledger/state_impl.h"

#include "ledger/groups.h"
#include "ledger/proof.h"
#include "ledger/rules.h"
#include "ledger/signed.h"

/* ---- the record of somebody, as it is by now ---- */

static struct record_at *record_at(const struct state_work *w, const struct sotto_id *id)
{
    struct record_at key = { .id = *id };
    return RB_FIND(record_tree, (struct record_tree *)&w->records, &key);
}

bool state_record(const struct state_work *w, struct sotto_reg_record *out, const struct sotto_id *id)
{
    const struct record_at *r = record_at(w, id);
    if (!r) return w->view->record(w->view->of, out, id);
    if (r->exists) *out = r->now;
    return r->exists;
}

enum sotto_err state_record_set(struct state_work *w, const struct sotto_reg_record *now)
{
    struct record_at *r = record_at(w, &now->id);
    SOTTO_ASSERT(w->undo_count < STATE_UNDO_MAX);
    if (!r) {
        r = sotto_state_alloc(&w->d, sizeof *r);
        if (!r) return SOTTO_ERR_NOMEM;
        memset(r, 0, sizeof *r);
        r->id = now->id;
        r->existed = r->exists = w->view->record(w->view->of, &r->before, &r->id);
        r->now = r->before;
        RB_INSERT(record_tree, &w->records, r);
    }
    w->undo[w->undo_count].at = r;
    w->undo[w->undo_count].now = r->now;
    w->undo[w->undo_count++].exists = r->exists;
    r->now = *now;
    r->exists = true;
    return SOTTO_OK;
}

enum sotto_err state_signed(const struct state_work *w, const struct sotto_id *id, const struct sotto_sig65 *sig, const uint8_t digest[32])
{
    struct sotto_reg_record r;
    if (!state_record(w, &r, id)) return SOTTO_R_UNKNOWN;
    enum sotto_err err = sotto_reg_valid(&r, w->now_s);
    if (err == SOTTO_OK) return sotto_signed_by(&r.owner, sig, digest);
    return err == SOTTO_V_REVOKED ? SOTTO_R_REVOKED : err == SOTTO_V_NOT_YET ? SOTTO_R_FUTURE : SOTTO_R_EXPIRED;
}

/* ---- operations ---- */

void state_pay(struct state_work *w, const uint8_t txid[32], const struct sotto_h160 *to, struct sotto_amount amount)
{
    if (amount.cong == 0) return;
    SOTTO_ASSERT(w->synthetic_count < SOTTO_TX_OPS_MAX);
    memcpy(w->synthetic[w->synthetic_count].txid, txid, 32);
    w->synthetic[w->synthetic_count].to = *to;
    w->synthetic[w->synthetic_count++].amount = amount;
}

static enum sotto_err change_identity(struct state_work *w, const struct sotto_op *op)
{
    struct sotto_reg_rules rules = { .now_s = w->now_s, .height = w->height, .bond = state_params(w)->bond, .domain = w->view->domain };
    struct sotto_reg_record before, next, other;
    struct sotto_amount back;
    struct sotto_id owner;
    uint8_t txid[32];
    bool exists = state_record(w, &before, &op->identity.id);
    bool taken = sotto_reg_new_owner(&owner, op) && state_record(w, &other, &owner);
    SOTTO_TRY(sotto_reg_apply(&next, &back, &rules, op, exists ? &before : NULL, taken));
    SOTTO_TRY(state_record_set(w, &next));
    if (op->type != SOTTO_OP_REVOKE) return SOTTO_OK;
    sotto_bond_txid(txid, &next.id, next.seq);
    state_pay(w, txid, &before.refund, back);
    return SOTTO_OK;
}

static enum sotto_err check_group(const struct state_work *w, const struct sotto_op_params *p)
{
    static const uint8_t two[1] = { 2 };
    if (state_params(w)->flags & SOTTO_CHAIN_CUSTOM_GROUPS) return SOTTO_OK;
    if (!sotto_group_known(p->group) || !sotto_span_equal(p->p, sotto_group_p((enum sotto_group)p->group))) return SOTTO_N_GROUP;
    return sotto_span_equal(p->g, SOTTO_SPAN(two)) ? SOTTO_OK : SOTTO_N_GROUP;
}

static enum sotto_err check_digest(const struct state_work *w, const struct sotto_op_digest *d)
{
    uint8_t root[32], digest[32];
    if (!d->is_signed) return SOTTO_OK;
    sotto_digests_root(root, d->digests);
    sotto_signed_digest(digest, w->view->domain, d, root);
    return state_signed(w, &d->id, &d->sig, digest);
}

static enum sotto_err check_post(const struct state_work *w, const struct sotto_op_post *p)
{
    uint8_t digest[32];
    SOTTO_TRY(sotto_post_time_check(p->time_s, w->header_ms));
    if (!p->is_signed) return state_params(w)->flags & SOTTO_CHAIN_UNSIGNED_POSTS ? SOTTO_OK : SOTTO_R_SIG;
    sotto_signed_post(digest, w->view->domain, p);
    return state_signed(w, &p->id, &p->sig, digest);
}

enum sotto_err state_op(struct state_work *w, const struct sotto_op *op)
{
    switch (op->type) {
    case SOTTO_OP_REGISTER:
    case SOTTO_OP_RENEW:
    case SOTTO_OP_ROTATE:
    case SOTTO_OP_RECOVER:
    case SOTTO_OP_REVOKE: return change_identity(w, op);
    case SOTTO_OP_CONTACT:
    case SOTTO_OP_SEALED: return SOTTO_OK;
    case SOTTO_OP_PARAMS: return check_group(w, &op->params);
    case SOTTO_OP_DIGEST: return check_digest(w, &op->digest);
    case SOTTO_OP_POST: return check_post(w, &op->post);
    case SOTTO_OP_GOV: return state_gov(w, &op->gov);
    }
    return SOTTO_T_OP;
}
