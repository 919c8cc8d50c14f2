#include "ledger/state_impl.h"

#include "ledger/rules.h"
#include "ledger/signed.h"
#include "ledger/spend.h"
#include "ledger/stamp.h"
#include "ledger/template.h"

#include <stdlib.h>

static struct coin_at *coin_at(struct state_work *w, const struct sotto_outpoint *at)
{
    struct coin_at key = { .coin.at = *at };
    return RB_FIND(coin_tree, &w->coins, &key);
}

/* Unspent, here or in the view. */
static bool coin_of(struct state_work *w, struct sotto_coin *out, const struct sotto_outpoint *at)
{
    const struct coin_at *c = coin_at(w, at);
    if (!c) return w->view->coin(w->view->of, out, at);
    if (c->spent) return false;
    *out = c->coin;
    return true;
}

/* ---- inputs ---- */

static enum sotto_err check_sequence(const struct state_work *w, uint32_t sequence, const struct sotto_coin *coin)
{
    struct sotto_block_id id;
    uint64_t median_ms = 0;
    uint32_t before = coin->height ? coin->height - 1 : 0;
    if (before >= w->height || !w->view->ancestor(w->view->of, &id, &median_ms, before)) median_ms = w->view->median_ms;
    return sotto_sequence_check(sequence, coin->height, median_ms / 1000, w->height, w->now_s);
}

static enum sotto_err gather(struct state_work *w, struct sotto_coin *coins, struct sotto_amount *sum, const struct sotto_tx *tx)
{
    SOTTO_ASSERT(coins || tx->in_count == 0);
    for (uint32_t i = 0; i < tx->in_count; i++)
        if (!coin_of(w, &coins[i], &tx->ins[i].from)) return SOTTO_T_MISSING;
    for (uint32_t i = 0; i < tx->in_count; i++) {
        SOTTO_TRY(sotto_maturity_check(coins[i].coinbase, coins[i].height, w->height));
        SOTTO_TRY(check_sequence(w, tx->ins[i].sequence, &coins[i]));
    }
    *sum = (struct sotto_amount){ 0 };
    for (uint32_t i = 0; i < tx->in_count; i++) SOTTO_TRY(sotto_amount_add(sum, *sum, coins[i].out.value));
    return SOTTO_OK;
}

/* ---- permissions ---- */

static uint32_t wanted(const struct sotto_tx *tx)
{
    uint32_t bits = tx->in_count ? SOTTO_MAY_TRANSFER : 0;
    struct sotto_template t;
    for (uint32_t i = 0; i < tx->out_count; i++)
        if (!sotto_template_read(&t, tx->outs[i].script)) bits |= SOTTO_MAY_DEPLOY;
    for (uint32_t i = 0; i < tx->op_count; i++) {
        switch (tx->ops[i].type) {
        case SOTTO_OP_REGISTER: bits |= SOTTO_MAY_REGISTER; break;
        case SOTTO_OP_POST:
        case SOTTO_OP_SEALED:
        case SOTTO_OP_CONTACT: bits |= SOTTO_MAY_POST; break;
        case SOTTO_OP_DIGEST: bits |= SOTTO_MAY_DIGEST; break;
        case SOTTO_OP_PARAMS: bits |= SOTTO_MAY_PARAMS; break;
        case SOTTO_OP_GOV: bits |= SOTTO_MAY_GOVERN; break;
        default: break;
        }
    }
    return bits;
}

static enum sotto_err check_permission(const struct state_work *w, const struct sotto_block_tx *t)
{
    uint32_t bits = wanted(&t->tx);
    uint8_t digest[32];
    if (sotto_params_allow(state_params(w), NULL, bits) == SOTTO_OK) return SOTTO_OK;        /* nobody in particular is asked for */
    if (!t->tx.has_authority) return SOTTO_G_DENIED;
    const struct sotto_authority *a = &t->tx.authority;
    SOTTO_TRY(sotto_params_allow(state_params(w), &a->id, bits));
    sotto_signed_authorize(digest, w->view->domain, &a->id, t->txid);
    return state_signed(w, &a->id, &a->sig, digest) == SOTTO_OK ? SOTTO_OK : SOTTO_G_DENIED;
}

/* ---- price ---- */

static enum sotto_err check_price(const struct state_work *w, const struct sotto_block_tx *t, struct sotto_amount fee, uint64_t cost)
{
    const struct sotto_params *p = state_params(w);
    struct sotto_block_id id;
    uint64_t median_ms;
    if (!t->tx.has_stamp) return sotto_fee_check(fee, p->fee_rate, cost);
    if (!(p->flags & SOTTO_CHAIN_STAMPS)) return SOTTO_T_STAMP;
    uint32_t ref = t->tx.stamp.ref_height;
    bool known = ref < w->height && w->view->ancestor(w->view->of, &id, &median_ms, ref);
    return sotto_stamp_check(&t->tx, t->txid, known ? id.b : NULL, w->height, sotto_stamp_need(p->stamp_bits, cost));
}

static enum sotto_err run_scripts(struct state_work *w, uint64_t *units, const struct sotto_tx *tx, const struct sotto_coin *coins)
{
    struct sotto_sighash s;
    uint64_t used = 0;
    *units = 0;
    if (tx->in_count == 0) return SOTTO_OK;
    struct sotto_tx_out *spent = malloc(tx->in_count * sizeof *spent);
    if (!spent) return SOTTO_ERR_NOMEM;
    for (uint32_t i = 0; i < tx->in_count; i++) spent[i] = coins[i].out;
    enum sotto_err err = SOTTO_OK;
    sotto_sighash_init(&s, w->view->genesis.b, tx, spent);
    for (uint32_t i = 0; i < tx->in_count && err == SOTTO_OK; i++) {
        err = sotto_spend_check(w->machine, &used, &s, i, SOTTO_SCRIPT_UNITS_MAX - *units, NULL);
        if (err == SOTTO_OK) *units += used;
    }
    free(spent);
    return err;
}

/* ---- effects ---- */

static enum sotto_err grow(void **list, uint32_t *cap, uint32_t need, size_t size)
{
    if (need <= *cap) return SOTTO_OK;
    uint32_t more = *cap ? *cap * 2 : 16;
    if (more < need) more = need;
    void *bigger = realloc(*list, more * size);
    if (!bigger) return SOTTO_ERR_NOMEM;
    *list = bigger;
    *cap = more;
    return SOTTO_OK;
}

/* Scripts that a delta names lie in its own memory: the block and the view may go. */
static enum sotto_err keep_script(struct state_work *w, struct sotto_coin *coin)
{
    if (coin->out.script.size == 0) return SOTTO_OK;
    uint8_t *copy = sotto_state_alloc(&w->d, coin->out.script.size);
    if (!copy) return SOTTO_ERR_NOMEM;
    memcpy(copy, coin->out.script.data, coin->out.script.size);
    coin->out.script.data = copy;
    return SOTTO_OK;
}

static enum sotto_err spend(struct state_work *w, struct sotto_coin coin)
{
    void *list = w->d.spent;
    SOTTO_TRY(grow(&list, &w->spent_cap, w->d.spent_count + 1, sizeof *w->d.spent));
    w->d.spent = list;
    struct coin_at *c = coin_at(w, &coin.at);
    if (!c) {
        SOTTO_TRY(keep_script(w, &coin));
        c = sotto_state_alloc(&w->d, sizeof *c);
        if (!c) return SOTTO_ERR_NOMEM;
        *c = (struct coin_at){ .coin = coin };
        RB_INSERT(coin_tree, &w->coins, c);
    }
    c->spent = true;
    w->d.spent[w->d.spent_count++] = c->coin;
    return SOTTO_OK;
}

static enum sotto_err make(struct state_work *w, struct sotto_coin coin)
{
    void *list = w->d.made;
    SOTTO_TRY(grow(&list, &w->made_cap, w->d.made_count + 1, sizeof *w->d.made));
    w->d.made = list;
    SOTTO_TRY(keep_script(w, &coin));
    struct coin_at *c = sotto_state_alloc(&w->d, sizeof *c);
    if (!c) return SOTTO_ERR_NOMEM;
    *c = (struct coin_at){ .coin = coin };
    RB_INSERT(coin_tree, &w->coins, c);                   /* its name is of a hash that no other coin has */
    w->d.made[w->d.made_count++] = coin;
    return SOTTO_OK;
}

static enum sotto_err make_all(struct state_work *w, const struct sotto_block_tx *t, bool coinbase)
{
    struct sotto_coin c = { .height = w->height, .coinbase = coinbase };
    memcpy(c.at.txid, t->txid, 32);
    for (uint32_t i = 0; i < t->tx.out_count; i++) {
        if (sotto_is_data(t->tx.outs[i].script)) continue;
        c.at.index = i;
        c.out = t->tx.outs[i];
        SOTTO_TRY(make(w, c));
    }
    c.coinbase = false;
    c.at.index = 0;
    for (uint32_t i = 0; i < w->synthetic_count; i++) {
        struct sotto_template p2pkh = { .kind = SOTTO_TEMPLATE_P2PKH, .hash = w->synthetic[i].to };
        struct sotto_buf script = sotto_buf_make(64);
        memcpy(c.at.txid, w->synthetic[i].txid, 32);
        enum sotto_err err = sotto_template_make(&script, &p2pkh);
        c.out = (struct sotto_tx_out){ w->synthetic[i].amount, sotto_buf_span(&script) };
        if (err == SOTTO_OK) err = make(w, c);
        sotto_buf_free(&script);
        if (err != SOTTO_OK) return err;
    }
    return SOTTO_OK;
}

static enum sotto_err remember(struct state_work *w, const struct sotto_block_tx *t)
{
    void *list = w->d.replay;
    if (t->tx.in_count > 0) return SOTTO_OK;
    SOTTO_TRY(grow(&list, &w->replay_cap, w->d.replay_count + 1, sizeof *w->d.replay));
    w->d.replay = list;
    memcpy(w->d.replay[w->d.replay_count].txid, t->txid, 32);
    w->d.replay[w->d.replay_count++].expiry = t->tx.expiry;
    return SOTTO_OK;
}

/* ---- one transaction ---- */

static enum sotto_err run_ops(struct state_work *w, const struct sotto_tx *tx)
{
    for (uint32_t i = 0; i < tx->op_count; i++) {
        struct sotto_op op;
        SOTTO_TRY(sotto_op_read(&op, &tx->ops[i]));
        SOTTO_TRY(state_op(w, &op));
    }
    return SOTTO_OK;
}

static enum sotto_err judge(struct state_work *w, const struct sotto_block_tx *t, struct sotto_coin *coins, uint64_t *cost, struct sotto_amount *fee)
{
    const struct sotto_tx *tx = &t->tx;
    struct sotto_amount bonds, inputs, rest;
    uint64_t units, price;
    if (sotto_tx_is_coinbase(tx)) return SOTTO_B_COINBASE;           /* anywhere but in front, under any engine */
    SOTTO_TRY(sotto_ops_check(&bonds, tx));
    SOTTO_TRY(sotto_lock_check(tx, w->height, w->now_s));
    SOTTO_TRY(sotto_expiry_check(tx, w->height));
    if (tx->in_count == 0 && w->view->replay(w->view->of, t->txid)) return SOTTO_T_REPLAY;
    SOTTO_TRY(gather(w, coins, &inputs, tx));
    SOTTO_TRY(sotto_tx_fee(&rest, tx, inputs, bonds));
    SOTTO_TRY(check_price(w, t, rest, tx->full.size));
    SOTTO_TRY(check_permission(w, t));
    struct sotto_params const *before = state_params(w);
    uint64_t rate = before->fee_rate;
    SOTTO_TRY(run_ops(w, tx));
    SOTTO_TRY(run_scripts(w, &units, tx, coins));
    price = sotto_tx_cost(tx->full.size, units);
    if (tx->has_stamp) SOTTO_TRY(check_price(w, t, rest, price));
    else SOTTO_TRY(sotto_fee_check(rest, rate, price));              /* a vote inside it does not change its own price */
    if (units > w->view->params->max_block_units - w->units) return SOTTO_B_COST;
    *cost = price;
    *fee = rest;
    w->units += units;
    return SOTTO_OK;
}

static void take_back(struct state_work *w)
{
    while (w->undo_count > 0) {
        w->undo_count--;
        w->undo[w->undo_count].at->now = w->undo[w->undo_count].now;
        w->undo[w->undo_count].at->exists = w->undo[w->undo_count].exists;
    }
    if (w->params_saved) {
        sotto_params_free(&w->d.params);
        w->d.params = w->params_before;
        w->d.params_changed = w->params_were_changed;
        w->d.set_changes = w->set_changes_before;
        w->params_before = (struct sotto_params){ 0 };
    }
}

enum sotto_err state_tx(struct state_work *w, const struct sotto_block_tx *t, bool coinbase, uint64_t *cost, struct sotto_amount *fee)
{
    struct sotto_coin *coins = NULL;
    enum sotto_err err = SOTTO_OK;
    w->undo_count = w->synthetic_count = 0;
    w->params_saved = false;
    if (coinbase) return make_all(w, t, true);
    if (t->tx.in_count > 0 && !(coins = malloc(t->tx.in_count * sizeof *coins))) return SOTTO_ERR_NOMEM;
    err = judge(w, t, coins, cost, fee);
    if (err != SOTTO_OK) take_back(w);
    /* From here on nothing refuses it; memory alone may fail, and then the whole delta goes. */
    for (uint32_t i = 0; err == SOTTO_OK && i < t->tx.in_count; i++) err = spend(w, coins[i]);
    if (err == SOTTO_OK) err = make_all(w, t, false);
    if (err == SOTTO_OK) err = remember(w, t);
    if (w->params_saved) sotto_params_free(&w->params_before);
    free(coins);
    return err;
}
