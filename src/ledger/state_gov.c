/* What the validators vote: parameters, their own list, permissions, coins, the rules, an identity. */
#include "ledger/state_impl.h"

#include "ledger/rules.h"
#include "ledger/th.h"
#include "ledger/codec.h"

#include <stdlib.h>

#define SET_WINDOW 10u                            /* blocks in which the list of validators may change max(1, f) times */

enum sotto_err state_params_change(struct state_work *w, struct sotto_params **out)
{
    if (!w->params_saved) {
        struct sotto_params copy;
        SOTTO_TRY(sotto_params_copy(&copy, state_params(w)));
        w->params_before = w->d.params;           /* none, if nothing had changed them */
        w->params_were_changed = w->d.params_changed;
        w->set_changes_before = w->d.set_changes;
        w->d.params = copy;
        w->d.params_changed = true;
        w->params_saved = true;
    }
    *out = &w->d.params;
    return SOTTO_OK;
}

static enum sotto_err check_votes(const struct state_work *w, const struct sotto_op_gov *gov)
{
    const struct sotto_params *p = state_params(w);
    uint8_t digest[32];
    uint32_t good = 0;
    if (p->validator_count == 0) return SOTTO_G_QUORUM;
    sotto_gov_digest(digest, w->view->genesis.b, gov);
    for (uint32_t i = 0; i < gov->count; i++) {           /* indices rise: nobody counts twice */
        struct sotto_gov_vote vote = sotto_gov_vote(gov, i);
        if (vote.index >= p->validator_count) break;
        good += sotto_schnorr_verify(vote.sig, p->validators[vote.index].key, digest) == SOTTO_OK;
    }
    return good >= sotto_quorum(p->validator_count) ? SOTTO_OK : SOTTO_G_QUORUM;
}

static enum sotto_err set_value(struct sotto_params *p, const struct sotto_gov_change *c)
{
    switch ((enum sotto_gov_param)c->param) {
    case SOTTO_PARAM_BLOCK_BYTES: p->max_block_bytes = (uint32_t)c->value; return SOTTO_OK;
    case SOTTO_PARAM_BLOCK_UNITS: p->max_block_units = (uint32_t)c->value; return SOTTO_OK;
    case SOTTO_PARAM_FEE_RATE: p->fee_rate = c->value; return SOTTO_OK;
    case SOTTO_PARAM_STAMP_BITS: p->stamp_bits = (uint8_t)c->value; return SOTTO_OK;
    case SOTTO_PARAM_BOND: return sotto_amount_make(&p->bond, c->value);
    case SOTTO_PARAM_SNAPSHOT_EVERY: p->snapshot_every = (uint32_t)c->value; return SOTTO_OK;
    case SOTTO_PARAM_FLAGS:
        if (c->value & ~(uint64_t)SOTTO_CHAIN_FLAGS) return SOTTO_T_OP_FORM;
        p->flags = (uint8_t)c->value;
        return SOTTO_OK;
    }
    return SOTTO_T_OP_FORM;
}

static enum sotto_err change_list(struct sotto_params *p, const struct sotto_gov_change *c)
{
    uint32_t at = 0, n = p->validator_count;
    while (at < n && !sotto_id_equal(&p->validators[at].id, &c->id)) at++;
    if (c->action == SOTTO_GOV_REMOVE) {
        if (at == n || n == 1) return SOTTO_G_SET;
        memmove(&p->validators[at], &p->validators[at + 1], (n - at - 1) * sizeof p->validators[0]);
        p->validator_count--;
        return SOTTO_OK;
    }
    for (uint32_t i = 0; i < n; i++)
        if (memcmp(p->validators[i].key, c->key, 32) == 0) return SOTTO_G_SET;
    if (c->action == SOTTO_GOV_REKEY) {
        if (at == n) return SOTTO_G_SET;
        memcpy(p->validators[at].key, c->key, 32);
        return SOTTO_OK;
    }
    if (at < n || n == SOTTO_VALIDATORS_MAX) return SOTTO_G_SET;
    struct sotto_validator *more = realloc(p->validators, (n + 1) * sizeof *more);
    if (!more) return SOTTO_ERR_NOMEM;
    p->validators = more;
    more[n].id = c->id;
    memcpy(more[n].key, c->key, 32);
    p->validator_count++;
    return SOTTO_OK;
}

static enum sotto_err change_set(struct state_work *w, struct sotto_params *p, const struct sotto_gov_change *c)
{
    uint32_t n = w->view->params->validator_count, f = n ? sotto_faults_borne(n) : 0, most = f > 1 ? f : 1;
    uint32_t from = w->height >= SET_WINDOW ? w->height - SET_WINDOW + 1 : 0;        /* this block is the last of ten */
    if (w->d.set_changes > 0 || w->view->set_changes(w->view->of, from) >= most) return SOTTO_G_SET;
    SOTTO_TRY(change_list(p, c));
    w->d.set_changes++;
    return SOTTO_OK;
}

static enum sotto_err change_grant(struct sotto_params *p, const struct sotto_gov_change *c)
{
    uint32_t at = 0, n = p->grant_count;
    if (c->perms & ~SOTTO_MAY_ALL) return SOTTO_T_OP_FORM;
    while (at < n && memcmp(p->grants[at].id.b, c->id.b, 20) < 0) at++;
    bool there = at < n && sotto_id_equal(&p->grants[at].id, &c->id);
    if (c->action == SOTTO_GOV_WITHDRAW) {
        if (!there) return SOTTO_OK;
        memmove(&p->grants[at], &p->grants[at + 1], (n - at - 1) * sizeof p->grants[0]);
        p->grant_count--;
        return SOTTO_OK;
    }
    if (!there) {
        if (n == SOTTO_GRANTS_MAX) return SOTTO_E_LIMIT;
        struct sotto_grant *more = realloc(p->grants, (n + 1) * sizeof *more);
        if (!more) return SOTTO_ERR_NOMEM;
        p->grants = more;
        memmove(&more[at + 1], &more[at], (n - at) * sizeof *more);
        more[at].id = c->id;
        p->grant_count++;
    }
    p->grants[at].perms = c->perms;
    return SOTTO_OK;
}

static enum sotto_err issue(struct state_work *w, struct sotto_params *p, const struct sotto_gov_change *c)
{
    struct sotto_th t;
    uint8_t txid[32];
    if (p->engine == SOTTO_ENGINE_POW) return SOTTO_G_DENIED;
    SOTTO_TRY(sotto_amount_add(&p->issued, p->issued, c->amount));
    sotto_th_begin(&t, SOTTO_TH_ISSUE);
    sotto_th_update(&t, w->view->genesis.b, sizeof w->view->genesis.b);
    sotto_th_u32(&t, p->gov_seq);
    sotto_th_final(&t, txid);
    state_pay(w, txid, &c->hash, c->amount);
    return SOTTO_OK;
}

static enum sotto_err revoke(struct state_work *w, const struct sotto_gov_change *c)
{
    struct sotto_reg_record before, next;
    struct sotto_amount back;
    uint8_t txid[32];
    bool exists = state_record(w, &before, &c->id);
    SOTTO_TRY(sotto_reg_revoke(&next, &back, w->height, exists ? &before : NULL));
    SOTTO_TRY(state_record_set(w, &next));
    sotto_bond_txid(txid, &next.id, next.seq);
    state_pay(w, txid, &before.refund, back);
    return SOTTO_OK;
}

static enum sotto_err apply(struct state_work *w, struct sotto_params *p, const struct sotto_gov_change *c)
{
    switch (c->action) {
    case SOTTO_GOV_SET: return set_value(p, c);
    case SOTTO_GOV_ADD:
    case SOTTO_GOV_REMOVE:
    case SOTTO_GOV_REKEY: return change_set(w, p, c);
    case SOTTO_GOV_GRANT:
    case SOTTO_GOV_WITHDRAW: return change_grant(p, c);
    case SOTTO_GOV_ISSUE: return issue(w, p, c);
    case SOTTO_GOV_UPGRADE: p->upgrade_height = c->height; return SOTTO_OK;
    case SOTTO_GOV_REVOKE: return revoke(w, c);
    }
    return SOTTO_T_OP_FORM;
}

enum sotto_err state_gov(struct state_work *w, const struct sotto_op_gov *gov)
{
    struct sotto_gov_change c;
    struct sotto_params *p;
    const struct sotto_params *now = state_params(w);
    SOTTO_TRY(sotto_gov_read(&c, gov));
    if (now->mode == SOTTO_MODE_OPEN) return SOTTO_G_DENIED;
    if (gov->seq != now->gov_seq || now->gov_seq == UINT32_MAX || w->height > gov->expiry) return SOTTO_G_SEQ;
    SOTTO_TRY(check_votes(w, gov));
    SOTTO_TRY(state_params_change(w, &p));
    SOTTO_TRY(apply(w, p, &c));                   /* the coin of an issue is named by the number before */
    p->gov_seq++;
    return SOTTO_OK;
}
