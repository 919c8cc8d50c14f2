#include "ledger/mempool_impl.h"

#include "ledger/errors.h"
#include "ledger/op.h"
#include "ledger/rules.h"
#include "ledger/stamp.h"
#include "ledger/template.h"

#include <stdlib.h>

/* One that asks to come in: what is known of it so far. */
struct comer {
    struct sotto_block_tx tx;
    struct sotto_amount fee, replaced;            /* replaced: fees of those that would go for it */
    uint64_t cost, floor;
    unsigned bits;
    size_t lists, charge;
    uint32_t keys, parent_count;
    struct entry *parents[KIN];
    uint64_t last_ms;
};

static enum sotto_err check_standard(const struct sotto_tx *tx, uint64_t rate)
{
    struct sotto_template t;
    for (uint32_t i = 0; i < tx->out_count; i++)
        if (!sotto_template_read(&t, tx->outs[i].script)) return SOTTO_M_NONSTANDARD;
    return sotto_dust_check(tx, rate);
}

/* The last moment of our clock in which all of its posts fit a block. */
static uint64_t last_moment(const struct sotto_tx *tx)
{
    uint64_t last = UINT64_MAX;
    for (uint32_t i = 0; i < tx->op_count; i++) {
        struct sotto_op op;
        if (tx->ops[i].type != SOTTO_OP_POST || sotto_op_read(&op, &tx->ops[i]) != SOTTO_OK) continue;
        uint64_t end = (op.post.time_s + SOTTO_POST_TIME_S) * 1000;   /* 40 bits of seconds */
        if (end < last) last = end;
    }
    return last;
}

static enum sotto_err add_parent(struct comer *c, struct entry *e)
{
    for (uint32_t i = 0; i < c->parent_count; i++)
        if (c->parents[i] == e) return SOTTO_OK;
    if (c->parent_count == KIN) return SOTTO_M_QUOTA;
    c->parents[c->parent_count++] = e;
    return SOTTO_OK;
}

static enum sotto_err gather(const struct sotto_mempool *p, struct comer *c, const struct sotto_view *over, struct sotto_amount bonds)
{
    struct sotto_amount sum = { 0 };
    for (uint32_t i = 0; i < c->tx.tx.in_count; i++) {
        const struct sotto_outpoint *at = &c->tx.tx.ins[i].from;
        struct sotto_coin coin;
        if (!over->coin(over->of, &coin, at)) return SOTTO_T_MISSING;
        SOTTO_TRY(sotto_amount_add(&sum, sum, coin.out.value));
        struct entry *parent = pool_find(p, at->txid);
        if (parent) SOTTO_TRY(add_parent(c, parent));
    }
    return sotto_tx_fee(&c->fee, &c->tx.tx, sum, bonds);
}

/* Marks all that it would need, and asks whether every chain stays short. */
static enum sotto_err check_chain(struct sotto_mempool *p, const struct comer *c, uint64_t *mark)
{
    struct entry *kin[KIN];
    uint32_t count = 0;
    size_t mine = c->tx.tx.full.size, size = mine;
    *mark = ++p->mark;
    for (uint32_t at = 0; at <= count; at++) {
        struct entry *const *list = at == 0 ? c->parents : kin[at - 1]->parents;
        uint32_t n = at == 0 ? c->parent_count : kin[at - 1]->parent_count;
        for (uint32_t i = 0; i < n; i++) {
            struct entry *e = list[i];
            if (e->mark == *mark) continue;
            if (count == KIN || e->down.count >= SOTTO_MEMPOOL_CHAIN || e->down.size + mine > SOTTO_MEMPOOL_CHAIN_BYTES) return SOTTO_M_QUOTA;
            e->mark = *mark;
            size += e->pub.tx.tx.full.size;
            kin[count++] = e;
        }
    }
    return count > 0 && size > SOTTO_MEMPOOL_CHAIN_BYTES ? SOTTO_M_QUOTA : SOTTO_OK;
}

/* Dooms those that it cannot stand beside. */
static enum sotto_err check_rivals(struct sotto_mempool *p, struct comer *c, uint64_t needed)
{
    struct rate mine = { c->fee.cong, c->cost };
    pool_doom_begin(p);
    for (uint32_t i = 0; i < c->keys; i++) {
        struct entry *e = pool_claimed(p, p->keys[i]);
        if (!e) continue;
        if (e->mark == needed) return SOTTO_T_MISSING;
        if (pool_rate_order(mine, (struct rate){ e->pub.fee.cong, e->pub.cost }) <= 0) return SOTTO_M_REPLACE;
        if (!pool_doom(p, e, SOTTO_MEMPOOL_REPLACED)) return SOTTO_M_REPLACE;
    }
    c->replaced.cong = 0;
    for (uint32_t i = 0; i < p->doomed_count; i++) c->replaced.cong += p->doomed[i]->pub.fee.cong;
    for (uint32_t i = 0; i < c->parent_count; i++)
        if (c->parents[i]->mark == p->doomed_mark) return SOTTO_T_MISSING;
    return SOTTO_OK;
}

static enum sotto_err check_pay(const struct sotto_mempool *p, const struct comer *c, bool again)
{
    struct sotto_amount rest;
    if (!again && !c->tx.tx.has_stamp) SOTTO_TRY(sotto_fee_check(c->fee, c->floor, c->cost));
    if (p->doomed_count == 0) return SOTTO_OK;
    if (sotto_amount_take(&rest, c->fee, c->replaced) != SOTTO_OK || sotto_fee_check(rest, c->floor, c->cost) != SOTTO_OK) return SOTTO_M_REPLACE;
    return SOTTO_OK;
}

/* Dooms the least of its own kind until there is room for it. */
static enum sotto_err make_room(struct sotto_mempool *p, const struct comer *c, bool *full)
{
    bool stamped = c->tx.tx.has_stamp;
    uint64_t free_all = p->config.bytes_max - p->bytes, free_lane = p->config.stamped_max - p->stamped;
    uint32_t seen = 0;
    struct entry *e = stamped ? RB_MAX(lane_tree, &p->lane) : RB_MIN(worth_tree, &p->worths);
    *full = false;
    for (;;) {
        for (; seen < p->doomed_count; seen++) {
            free_all += p->doomed[seen]->charge;
            if (p->doomed[seen]->pub.tx.tx.has_stamp) free_lane += p->doomed[seen]->charge;
        }
        if (free_all >= c->charge && (!stamped || free_lane >= c->charge)) return SOTTO_OK;
        while (e && e->mark == p->doomed_mark) e = stamped ? RB_PREV(lane_tree, &p->lane, e) : RB_NEXT(worth_tree, &p->worths, e);
        *full = true;
        if (!e) return SOTTO_M_FULL;
        bool better = stamped ? c->bits > e->pub.stamp_bits : pool_rate_order((struct rate){ c->fee.cong, c->cost }, pool_worth(e)) > 0;
        if (!better || !pool_doom(p, e, p->doomed_max)) return SOTTO_M_FULL;
        for (uint32_t i = 0; i < c->parent_count; i++)
            if (c->parents[i]->mark == p->doomed_mark) return SOTTO_M_FULL;           /* it would pull the ground from under itself */
    }
}

static size_t up16(size_t n) { return (n + 15) & ~(size_t)15; }

static struct entry *make_entry(const struct comer *c, const struct sotto_mempool *p)
{
    uint8_t *block = malloc(c->charge);
    if (!block) return NULL;
    struct entry *e = (void *)block;
    size_t at = up16(sizeof *e);
    memset(e, 0, sizeof *e);
    e->claims = (void *)(block + at);
    at += up16(c->keys * sizeof *e->claims);
    struct sotto_tx_arena arena = { block + at, c->lists, 0 };
    uint8_t *full = block + at + up16(c->lists);
    memcpy(full, c->tx.tx.full.data, c->tx.tx.full.size);
    enum sotto_err err = sotto_tx_decode(&e->pub.tx.tx, &arena, sotto_span(full, c->tx.tx.full.size));
    SOTTO_ASSERT(err == SOTTO_OK);                /* the same bytes a second time, and as much room as the first used */
    memcpy(e->pub.tx.txid, c->tx.txid, 32);
    memcpy(e->pub.tx.wtxid, c->tx.wtxid, 32);
    e->pub.fee = c->fee;
    e->pub.cost = c->cost;
    e->pub.stamp_bits = c->bits;
    for (uint32_t i = 0; i < c->keys; i++) {
        memcpy(e->claims[i].key, p->keys[i], CLAIM_KEY);
        e->claims[i].by = e;
    }
    e->claim_count = c->keys;
    memcpy(e->parents, c->parents, c->parent_count * sizeof *c->parents);
    e->parent_count = c->parent_count;
    e->charge = c->charge;
    e->last_ms = c->last_ms;
    e->last_height = c->tx.tx.expiry ? c->tx.tx.expiry : UINT32_MAX;
    uint32_t stamp_end = c->tx.tx.has_stamp && c->tx.tx.stamp.ref_height < UINT32_MAX - SOTTO_STAMP_BEHIND ? c->tx.tx.stamp.ref_height + SOTTO_STAMP_BEHIND : UINT32_MAX;
    if (stamp_end < e->last_height) e->last_height = stamp_end;
    return e;
}

static unsigned work_of(const struct sotto_block_tx *t, const struct sotto_view *view)
{
    struct sotto_block_id id;
    uint64_t median_ms;
    uint8_t digest[32];
    if (!t->tx.has_stamp || !view->ancestor(view->of, &id, &median_ms, t->tx.stamp.ref_height)) return 0;
    sotto_stamp_digest(digest, t->txid, id.b, t->tx.stamp.nonce);
    return sotto_stamp_bits(digest);
}

static void raise_floor(struct sotto_mempool *p, uint64_t now_ms)
{
    bool soon = p->floor_steps > 0 && (now_ms < p->floor_ms || now_ms - p->floor_ms < SOTTO_MEMPOOL_FLOOR_UP_MS);
    if (soon || p->floor_steps == SOTTO_MEMPOOL_FLOOR_STEPS) return;
    p->floor_steps++;
    p->floor_ms = now_ms;
}

enum sotto_err pool_take(struct sotto_mempool *p, const struct sotto_mempool_entry **out, const struct sotto_view *view, struct sotto_span full, bool own,
                         bool again, uint64_t now_ms, struct sotto_script *machine)
{
    struct comer c = { .parent_count = 0 };
    struct sotto_tx_arena arena = { p->lists, sizeof p->lists, 0 };
    struct pool_overlay o;
    struct sotto_view over = pool_overlay(&o, p, view);
    struct sotto_amount bonds;
    uint32_t height = view->tip.height + 1;
    uint64_t needed;
    bool was_full;
    /* What needs no other transaction. */
    SOTTO_TRY(sotto_tx_decode(&c.tx.tx, &arena, full));
    sotto_txid(c.tx.txid, sotto_tx_core(&c.tx.tx));
    sotto_wtxid(c.tx.wtxid, full);
    if (pool_find(p, c.tx.txid)) return SOTTO_ERR_EXISTS;
    if (sotto_tx_is_coinbase(&c.tx.tx)) return SOTTO_B_COINBASE;
    if (!again) SOTTO_TRY(check_standard(&c.tx.tx, view->params->fee_rate));
    SOTTO_TRY(sotto_ops_check(&bonds, &c.tx.tx));
    SOTTO_TRY(sotto_lock_check(&c.tx.tx, height, sotto_now_s(view->median_ms)));
    SOTTO_TRY(sotto_expiry_check(&c.tx.tx, height));
    /* What needs coins, and the others that wait; priced by its size alone. */
    c.floor = sotto_mempool_floor(p, view->params);
    c.cost = full.size;
    c.bits = work_of(&c.tx, view);
    c.keys = pool_keys(p->keys, &c.tx.tx);
    SOTTO_TRY(gather(p, &c, &over, bonds));
    SOTTO_TRY(check_chain(p, &c, &needed));
    SOTTO_TRY(check_rivals(p, &c, needed));
    SOTTO_TRY(check_pay(p, &c, again));
    c.last_ms = last_moment(&c.tx.tx);
    c.lists = arena.used;
    c.charge = up16(sizeof(struct entry)) + up16(c.keys * sizeof(struct claim)) + up16(c.lists) + full.size;
    SOTTO_TRY(make_room(p, &c, &was_full));
    /* The scripts; and what their cost changes. */
    SOTTO_TRY(sotto_ledger_check(&c.cost, &c.fee, &over, &c.tx, now_ms, machine));
    SOTTO_TRY(check_chain(p, &c, &needed));
    SOTTO_TRY(check_rivals(p, &c, needed));
    SOTTO_TRY(check_pay(p, &c, again));
    SOTTO_TRY(make_room(p, &c, &was_full));
    struct entry *e = make_entry(&c, p);
    if (!e) return SOTTO_ERR_NOMEM;
    e->pub.own = own;
    pool_doom_end(p);
    pool_insert(p, e);
    if (was_full) raise_floor(p, now_ms);
    if (out) *out = &e->pub;
    return SOTTO_OK;
}

enum sotto_err sotto_mempool_add(struct sotto_mempool *p, const struct sotto_mempool_entry **out, const struct sotto_view *view, struct sotto_span full,
                                bool own, uint64_t now_ms, struct sotto_script *machine)
{
    return pool_take(p, out, view, full, own, false, now_ms, machine);
}
