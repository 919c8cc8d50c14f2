#include "ledger/state_impl.h"

#include "ledger/errors.h"
#include "ledger/rules.h"
#include "ledger/signed.h"

#include <stdlib.h>

enum { BYTES_STEP = 16384, MINER_SECTION = 85 };

/* ---- memory and order ---- */

void *sotto_state_alloc(struct sotto_delta *d, size_t size)
{
    struct sotto_state_bytes *b = d->bytes;
    size = (size + 15) & ~(size_t)15;
    if (!b || size > b->size - b->used) {
        size_t more = size > BYTES_STEP ? size : BYTES_STEP;
        b = malloc(sizeof *b + more);
        if (!b) return NULL;
        *b = (struct sotto_state_bytes){ .next = d->bytes, .size = more };
        d->bytes = b;
    }
    void *out = b->data + b->used;
    b->used += size;
    return out;
}

void sotto_delta_free(struct sotto_delta *d)
{
    free(d->codes);
    free(d->spent);
    free(d->made);
    free(d->records);
    free(d->leaves);
    free(d->replay);
    sotto_params_free(&d->params);
    for (struct sotto_state_bytes *b = d->bytes, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    *d = (struct sotto_delta){ .codes = NULL };
}

static int sotto_coin_order(const struct coin_at *a, const struct coin_at *b)
{
    int order = memcmp(a->coin.at.txid, b->coin.at.txid, 32);
    return order ? order : (a->coin.at.index > b->coin.at.index) - (a->coin.at.index < b->coin.at.index);
}
static int sotto_record_order(const struct record_at *a, const struct record_at *b) { return memcmp(a->id.b, b->id.b, 20); }
RB_GENERATE(coin_tree, coin_at, node, sotto_coin_order)
RB_GENERATE(record_tree, record_at, node, sotto_record_order)

/* ---- before the transactions ---- */

void sotto_mine_digest(uint8_t out[32], const struct sotto_header *header)
{
    struct sotto_header h = *header;
    uint8_t bytes[SOTTO_HEADER_SIZE];
    h.nonce = 0;
    memset(h.engine_root, 0, sizeof h.engine_root);
    sotto_header_put(bytes, &h);
    SOTTO_TH(out, "sotto/mine", SOTTO_SPAN(bytes));
}

static enum sotto_err check_miner(const struct state_work *w, const struct sotto_block *b)
{
    const struct sotto_params *p = w->view->params;
    struct sotto_authority a;
    uint8_t what[32], digest[32];
    if (p->engine != SOTTO_ENGINE_POW || !sotto_mode_wants_grant((enum sotto_chain_mode)p->mode, SOTTO_MAY_MINE)) return SOTTO_OK;
    if (b->engine.size != MINER_SECTION) return SOTTO_G_DENIED;
    memcpy(a.id.b, b->engine.data, sizeof a.id.b);
    memcpy(a.sig.b, b->engine.data + sizeof a.id.b, sizeof a.sig.b);
    SOTTO_TRY(sotto_params_allow(p, &a.id, SOTTO_MAY_MINE));
    sotto_mine_digest(what, &b->header);
    sotto_signed_authorize(digest, w->view->domain, &a.id, what);
    return state_signed(w, &a.id, &a.sig, digest) == SOTTO_OK ? SOTTO_OK : SOTTO_G_DENIED;
}

static enum sotto_err check_place(const struct sotto_view *v, const struct sotto_block *b)
{
    if (!sotto_block_id_equal(&b->header.prev, &v->tip_id)) return SOTTO_H_PARENT;
    if (v->tip.height == UINT32_MAX || b->header.height != v->tip.height + 1 || b->header.flags != v->params->engine) return SOTTO_H_FIELD;
    if (memcmp(b->header.state_root, v->state_root, 32) != 0) return SOTTO_B_ROOT;
    if (v->params->upgrade_height > 0 && b->header.height >= v->params->upgrade_height) return SOTTO_ERR_NEWER;
    return SOTTO_OK;
}

static void begin(struct state_work *w, const struct sotto_view *v, uint64_t header_ms, struct sotto_script *machine)
{
    memset(w, 0, sizeof *w);
    w->view = v;
    w->machine = machine;
    w->height = v->tip.height + 1;
    w->now_s = sotto_now_s(v->median_ms);
    w->header_ms = header_ms;
    RB_INIT(&w->coins);
    RB_INIT(&w->records);
    memcpy(w->d.coins_before, v->coins, 32);
    memcpy(w->d.state_root_before, v->state_root, 32);
}

/* ---- the transactions ---- */

static enum sotto_err run_all(struct state_work *w, const struct sotto_block *b)
{
    bool strict = b->header.flags == SOTTO_ENGINE_POW;
    uint32_t first = 0;
    if (strict) {
        if (b->count == 0 || !sotto_tx_is_coinbase(&b->txs[0].tx) || b->txs[0].tx.op_count > 0) return SOTTO_B_COINBASE;
        SOTTO_TRY(state_tx(w, &b->txs[0], true, NULL, NULL));
        first = 1;
    }
    for (uint32_t i = first; i < b->count; i++) {
        uint64_t cost;
        struct sotto_amount fee = { 0 };
        enum sotto_err err = state_tx(w, &b->txs[i], false, &cost, &fee);
        if (err != SOTTO_OK && (strict || !sotto_ledger_refusal(err))) return err;
        w->d.codes[i] = sotto_ledger_code(err);
        if (err == SOTTO_OK) SOTTO_TRY(sotto_amount_add(&w->d.fees, w->d.fees, fee));
    }
    if (!strict) return SOTTO_OK;
    struct sotto_amount subsidy = sotto_subsidy(w->view->params->reward, w->view->params->halving, w->height);
    return sotto_coinbase_check(&b->txs[0].tx, w->height, subsidy, w->d.fees);
}

/* ---- what it comes to ---- */

static enum sotto_err list_records(struct state_work *w)
{
    struct record_at *r;
    uint32_t count = 0;
    RB_FOREACH(r, record_tree, &w->records) count += r->exists;
    if (count == 0) return SOTTO_OK;
    w->d.records = malloc(count * sizeof *w->d.records);
    w->d.leaves = calloc(count, sizeof *w->d.leaves);
    if (!w->d.records || !w->d.leaves) return SOTTO_ERR_NOMEM;
    RB_FOREACH(r, record_tree, &w->records) {
        if (!r->exists || (r->existed && r->now.seq == r->before.seq)) continue;      /* what it did was taken back */
        w->d.records[w->d.record_count] = (struct sotto_delta_record){ r->before, r->now, r->existed };
        w->d.leaves[w->d.record_count].id = r->id;
        sotto_reg_value(w->d.leaves[w->d.record_count++].value, &r->now);
    }
    return SOTTO_OK;
}

static enum sotto_err roots(struct state_work *w)
{
    struct sotto_delta *d = &w->d;
    struct sotto_coins_digest coins;
    struct sotto_buf params = sotto_buf_make(SOTTO_PARAMS_MAX);
    enum sotto_err err = sotto_params_encode(&params, state_params(w));
    if (err == SOTTO_OK) sotto_params_root(d->parts.params, sotto_buf_span(&params));
    sotto_buf_free(&params);
    SOTTO_TRY(err);
    sotto_results_root(d->parts.results, d->codes, d->code_count);
    sotto_smt_root_after(d->parts.registry, w->view->registry, d->leaves, d->record_count);
    sotto_coins_begin(&coins);
    for (uint32_t i = 0; i < d->spent_count; i++) sotto_coins_spent(&coins, &d->spent[i].at);
    for (uint32_t i = 0; i < d->made_count; i++) sotto_coins_made(&coins, &d->made[i]);
    sotto_coins_end(&coins, d->parts.coins, d->coins_before, w->height);
    memcpy(d->parts.snap, w->view->snap, 32);
    sotto_state_root(d->state_root, &d->block, &d->parts);
    return SOTTO_OK;
}

static enum sotto_err execute(struct state_work *w, const struct sotto_block *b)
{
    SOTTO_TRY(check_place(w->view, b));
    SOTTO_TRY(check_miner(w, b));
    w->d.header = b->header;
    w->d.block = b->id;
    w->d.codes = calloc(b->count + 1u, sizeof *w->d.codes);
    if (!w->d.codes) return SOTTO_ERR_NOMEM;
    w->d.code_count = b->count;
    SOTTO_TRY(run_all(w, b));
    SOTTO_TRY(list_records(w));
    return roots(w);
}

enum sotto_err sotto_ledger_finalize(struct sotto_delta *out, const struct sotto_view *view, const struct sotto_block *block, struct sotto_script *machine)
{
    struct state_work *w = malloc(sizeof *w);
    if (!w) return SOTTO_ERR_NOMEM;
    begin(w, view, block->header.time_ms, machine);
    enum sotto_err err = execute(w, block);
    if (err == SOTTO_OK) *out = w->d;
    else sotto_delta_free(&w->d);
    free(w);
    return err;
}

enum sotto_err sotto_ledger_process(const struct sotto_view *view, const struct sotto_block *block, struct sotto_script *machine)
{
    struct sotto_delta d;
    struct sotto_amount bonds;
    if (block->header.flags == SOTTO_ENGINE_POW) {
        SOTTO_TRY(sotto_ledger_finalize(&d, view, block, machine));
        sotto_delta_free(&d);
        return SOTTO_OK;
    }
    SOTTO_TRY(check_place(view, block));
    for (uint32_t i = 0; i < block->count; i++) {
        if (sotto_tx_is_coinbase(&block->txs[i].tx)) return SOTTO_B_COINBASE;
        SOTTO_TRY(sotto_ops_check(&bonds, &block->txs[i].tx));
    }
    return SOTTO_OK;
}

enum sotto_err sotto_ledger_check(uint64_t *cost, struct sotto_amount *fee, const struct sotto_view *view, const struct sotto_block_tx *tx, uint64_t now_ms,
                                 struct sotto_script *machine)
{
    struct state_work *w = malloc(sizeof *w);
    uint64_t price;
    struct sotto_amount paid;
    if (!w) return SOTTO_ERR_NOMEM;
    begin(w, view, now_ms, machine);
    enum sotto_err err = state_tx(w, tx, false, &price, &paid);
    sotto_delta_free(&w->d);
    free(w);
    if (err != SOTTO_OK) return err;
    *cost = price;
    *fee = paid;
    return SOTTO_OK;
}

uint32_t sotto_ledger_prepare(uint32_t *chosen, const struct sotto_view *view, const struct sotto_block_tx *candidates, uint32_t count, size_t size_max,
                             uint64_t now_ms, struct sotto_script *machine)
{
    struct state_work *w = malloc(sizeof *w);
    uint32_t taken = 0;
    size_t size = 0;
    if (!w) return 0;
    begin(w, view, now_ms, machine);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t cost;
        struct sotto_amount fee;
        if (candidates[i].tx.full.size > size_max - size) continue;
        enum sotto_err err = state_tx(w, &candidates[i], false, &cost, &fee);
        if (err == SOTTO_OK) {
            size += candidates[i].tx.full.size;
            chosen[taken++] = i;
        } else if (!sotto_ledger_refusal(err)) {
            break;                                /* memory is out, perhaps in the middle of it: what was chosen before is good */
        }
    }
    sotto_delta_free(&w->d);
    free(w);
    return taken;
}
