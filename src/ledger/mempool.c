#include "ledger/mempool_impl.h"

#include "ledger/codec.h"
#include "ledger/errors.h"
#include "ledger/op.h"

#include <stdlib.h>

enum { ROOM_MIN = 300 << 10, CHARGE_LEAST = 512 };      /* bytes: more than the largest transaction and all that is kept about it; less than any */
#define INDEX_IDENTITY UINT32_MAX                  /* in claims */
#define INDEX_VOTES (UINT32_MAX - 1)

/* ---- orders ---- */

int pool_rate_order(struct rate a, struct rate b)
{
    unsigned __int128 left = (unsigned __int128)a.fee * b.cost, right = (unsigned __int128)b.fee * a.cost;
    return (left > right) - (left < right);
}

static int by_seq(const struct entry *a, const struct entry *b) { return (a->pub.seq > b->pub.seq) - (a->pub.seq < b->pub.seq); }
static struct rate own_rate(const struct entry *e) { return (struct rate){ e->pub.fee.cong, e->pub.cost }; }

struct rate pool_worth(const struct entry *e)
{
    struct rate alone = own_rate(e), together = { e->down.fee, e->down.cost };
    return pool_rate_order(together, alone) > 0 ? together : alone;
}

static struct rate turn_rate(const struct entry *e)
{
    struct rate alone = own_rate(e), together = { e->up.fee, e->up.cost };
    return pool_rate_order(together, alone) < 0 ? together : alone;
}

static int sotto_claim_order(const struct claim *a, const struct claim *b) { return memcmp(a->key, b->key, CLAIM_KEY); }
static int sotto_txid_order(const struct entry *a, const struct entry *b) { return memcmp(a->pub.tx.txid, b->pub.tx.txid, 32); }
static int sotto_turn_order(const struct entry *a, const struct entry *b)
{
    int order = pool_rate_order(turn_rate(b), turn_rate(a));
    return order ? order : by_seq(a, b);
}
static int sotto_lane_order(const struct entry *a, const struct entry *b)
{
    int order = (b->pub.stamp_bits > a->pub.stamp_bits) - (b->pub.stamp_bits < a->pub.stamp_bits);
    return order ? order : by_seq(a, b);
}
static int sotto_worth_order(const struct entry *a, const struct entry *b)
{
    int order = pool_rate_order(pool_worth(a), pool_worth(b));
    return order ? order : by_seq(b, a);          /* of equals the later goes first */
}
static int sotto_height_order(const struct entry *a, const struct entry *b)
{
    int order = (a->last_height > b->last_height) - (a->last_height < b->last_height);
    return order ? order : by_seq(a, b);
}
static int sotto_ms_order(const struct entry *a, const struct entry *b)
{
    int order = (a->last_ms > b->last_ms) - (a->last_ms < b->last_ms);
    return order ? order : by_seq(a, b);
}
RB_GENERATE(claim_tree, claim, node, sotto_claim_order)
RB_GENERATE(txid_tree, entry, by_txid, sotto_txid_order)
RB_GENERATE(turn_tree, entry, by_turn, sotto_turn_order)
RB_GENERATE(lane_tree, entry, by_turn, sotto_lane_order)
RB_GENERATE(worth_tree, entry, by_worth, sotto_worth_order)
RB_GENERATE(height_tree, entry, by_height, sotto_height_order)
RB_GENERATE(ms_tree, entry, by_ms, sotto_ms_order)

/* ---- making ---- */

enum sotto_err sotto_mempool_new(struct sotto_mempool **out, const struct sotto_mempool_config *config)
{
    if (config->bytes_max < ROOM_MIN || config->bytes_max - ROOM_MIN < config->stamped_max || config->stamped_max < ROOM_MIN) return SOTTO_ERR_RANGE;
    struct sotto_mempool *p = calloc(1, sizeof *p);
    if (!p) return SOTTO_ERR_NOMEM;
    p->config = *config;
    /* The replaced; then as many of the smallest as make room for the largest, the last of them with a whole chain. */
    p->doomed_max = SOTTO_MEMPOOL_REPLACED + ROOM_MIN / CHARGE_LEAST + SOTTO_MEMPOOL_CHAIN;
    p->doomed = calloc(p->doomed_max, sizeof *p->doomed);
    if (!p->doomed) {
        free(p);
        return SOTTO_ERR_NOMEM;
    }
    TAILQ_INIT(&p->arrivals);
    *out = p;
    return SOTTO_OK;
}

void sotto_mempool_free(struct sotto_mempool *p)
{
    if (!p) return;
    for (struct entry *e = TAILQ_FIRST(&p->arrivals), *next; e; e = next) {
        next = TAILQ_NEXT(e, arrival);
        free(e);
    }
    free(p->doomed);
    free(p);
}

/* ---- finding ---- */

struct entry *pool_find(const struct sotto_mempool *p, const uint8_t txid[32])
{
    struct entry key;
    memcpy(key.pub.tx.txid, txid, 32);
    struct txid_tree tree = p->txids;
    return RB_FIND(txid_tree, &tree, &key);
}

struct entry *pool_claimed(const struct sotto_mempool *p, const uint8_t key[CLAIM_KEY])
{
    struct claim c;
    memcpy(c.key, key, CLAIM_KEY);
    struct claim_tree tree = p->claims;
    const struct claim *found = RB_FIND(claim_tree, &tree, &c);
    return found ? found->by : NULL;
}

void pool_key_of_coin(uint8_t key[CLAIM_KEY], const struct sotto_outpoint *at)
{
    memcpy(key, at->txid, 32);
    sotto_put_le32(key + 32, at->index);
}

uint32_t pool_keys(uint8_t keys[][CLAIM_KEY], const struct sotto_tx *tx)
{
    uint32_t count = tx->in_count;
    for (uint32_t i = 0; i < count; i++) pool_key_of_coin(keys[i], &tx->ins[i].from);
    for (uint32_t i = 0; i < tx->op_count; i++) {
        struct sotto_op op;
        struct sotto_outpoint at = { .index = INDEX_VOTES };
        if (sotto_op_read(&op, &tx->ops[i]) != SOTTO_OK) continue;    /* in a block of a lax engine: it has no effect */
        if (sotto_op_of_identity(op.type)) {
            memcpy(at.txid, op.identity.id.b, sizeof op.identity.id.b);
            at.index = INDEX_IDENTITY;
        } else if (op.type != SOTTO_OP_GOV) {
            continue;
        }
        pool_key_of_coin(keys[count], &at);
        uint32_t same = tx->in_count;
        while (memcmp(keys[same], keys[count], CLAIM_KEY) != 0) same++;
        if (same == count) count++;
    }
    return count;
}

/* ---- the state with what waits ---- */

static bool overlay_coin(void *of, struct sotto_coin *out, const struct sotto_outpoint *at)
{
    const struct pool_overlay *o = of;
    const struct entry *e = pool_find(o->pool, at->txid);
    if (!e) return o->under->coin(o->under->of, out, at);
    if (at->index >= e->pub.tx.tx.out_count || sotto_is_data(e->pub.tx.tx.outs[at->index].script)) return false;
    *out = (struct sotto_coin){ .at = *at, .height = o->under->tip.height + 1, .out = e->pub.tx.tx.outs[at->index] };
    return true;
}
static bool overlay_record(void *of, struct sotto_reg_record *out, const struct sotto_id *id)
{
    const struct pool_overlay *o = of;
    return o->under->record(o->under->of, out, id);
}
static bool overlay_replay(void *of, const uint8_t txid[32])
{
    const struct pool_overlay *o = of;
    return o->under->replay(o->under->of, txid);
}
static bool overlay_ancestor(void *of, struct sotto_block_id *id, uint64_t *median_ms, uint32_t height)
{
    const struct pool_overlay *o = of;
    return o->under->ancestor(o->under->of, id, median_ms, height);
}
static uint32_t overlay_set_changes(void *of, uint32_t from)
{
    const struct pool_overlay *o = of;
    return o->under->set_changes(o->under->of, from);
}

struct sotto_view pool_overlay(struct pool_overlay *o, const struct sotto_mempool *p, const struct sotto_view *under)
{
    struct sotto_view v = *under;
    *o = (struct pool_overlay){ under, p };
    v.of = o;
    v.coin = overlay_coin;
    v.record = overlay_record;
    v.replay = overlay_replay;
    v.ancestor = overlay_ancestor;
    v.set_changes = overlay_set_changes;
    return v;
}

/* ---- chains ---- */

static void gain(struct package *to, const struct entry *e)
{
    to->count++;
    to->size += e->pub.tx.tx.full.size;
    to->fee += e->pub.fee.cong;
    to->cost += e->pub.cost;
}
static void lose(struct package *from, const struct entry *e)
{
    from->count--;
    from->size -= e->pub.tx.tx.full.size;
    from->fee -= e->pub.fee.cong;
    from->cost -= e->pub.cost;
}

/* All that e needs, or all that need it; itself not. No chain is longer than the list. */
static uint32_t kin_of(struct sotto_mempool *p, struct entry *kin[KIN], struct entry *e, bool upwards)
{
    uint32_t count = 0;
    uint64_t mark = ++p->mark;
    for (uint32_t at = 0;; at++) {
        struct entry *from = at == 0 ? e : kin[at - 1];
        uint32_t n = upwards ? from->parent_count : from->child_count;
        for (uint32_t i = 0; i < n; i++) {
            struct entry *next = upwards ? from->parents[i] : from->children[i];
            if (next->mark == mark) continue;
            SOTTO_ASSERT(count < KIN);
            next->mark = mark;
            kin[count++] = next;
        }
        if (at == count) return count;
    }
}

static void strike(struct entry **list, uint32_t *count, const struct entry *e)
{
    for (uint32_t i = 0; i < *count; i++)
        if (list[i] == e) {
            list[i] = list[--*count];
            return;
        }
}

static void order_in(struct sotto_mempool *p, struct entry *e)
{
    if (e->pub.tx.tx.has_stamp) {
        RB_INSERT(lane_tree, &p->lane, e);
        return;
    }
    RB_INSERT(turn_tree, &p->turns, e);
    RB_INSERT(worth_tree, &p->worths, e);
}
static void order_out(struct sotto_mempool *p, struct entry *e)
{
    if (e->pub.tx.tx.has_stamp) {
        RB_REMOVE(lane_tree, &p->lane, e);
        return;
    }
    RB_REMOVE(turn_tree, &p->turns, e);
    RB_REMOVE(worth_tree, &p->worths, e);
}

void pool_insert(struct sotto_mempool *p, struct entry *e)
{
    struct entry *kin[KIN];
    e->pub.seq = ++p->seq;
    for (uint32_t i = 0; i < e->parent_count; i++) e->parents[i]->children[e->parents[i]->child_count++] = e;
    gain(&e->up, e);
    gain(&e->down, e);
    uint32_t count = kin_of(p, kin, e, true);
    for (uint32_t i = 0; i < count; i++) {
        order_out(p, kin[i]);
        gain(&kin[i]->down, e);
        gain(&e->up, kin[i]);
        order_in(p, kin[i]);
    }
    order_in(p, e);
    RB_INSERT(txid_tree, &p->txids, e);
    RB_INSERT(height_tree, &p->heights, e);
    RB_INSERT(ms_tree, &p->ends, e);
    for (uint32_t i = 0; i < e->claim_count; i++) RB_INSERT(claim_tree, &p->claims, &e->claims[i]);
    TAILQ_INSERT_TAIL(&p->arrivals, e, arrival);
    p->count++;
    p->bytes += e->charge;
    if (e->pub.tx.tx.has_stamp) p->stamped += e->charge;
}

/* Out of every list; the memory is the caller's. It has no parent here or no child: it is confirmed, or all that need it went before. */
static void unlink_entry(struct sotto_mempool *p, struct entry *e)
{
    struct entry *kin[KIN];
    SOTTO_ASSERT(e->parent_count == 0 || e->child_count == 0);
    uint32_t count = kin_of(p, kin, e, true);
    for (uint32_t i = 0; i < count; i++) {
        order_out(p, kin[i]);
        lose(&kin[i]->down, e);
        order_in(p, kin[i]);
    }
    count = kin_of(p, kin, e, false);
    for (uint32_t i = 0; i < count; i++) {
        order_out(p, kin[i]);
        lose(&kin[i]->up, e);
        order_in(p, kin[i]);
    }
    for (uint32_t i = 0; i < e->parent_count; i++) strike(e->parents[i]->children, &e->parents[i]->child_count, e);
    for (uint32_t i = 0; i < e->child_count; i++) strike(e->children[i]->parents, &e->children[i]->parent_count, e);
    order_out(p, e);
    RB_REMOVE(txid_tree, &p->txids, e);
    RB_REMOVE(height_tree, &p->heights, e);
    RB_REMOVE(ms_tree, &p->ends, e);
    for (uint32_t i = 0; i < e->claim_count; i++) RB_REMOVE(claim_tree, &p->claims, &e->claims[i]);
    TAILQ_REMOVE(&p->arrivals, e, arrival);
    p->count--;
    p->bytes -= e->charge;
    if (e->pub.tx.tx.has_stamp) p->stamped -= e->charge;
}

/* ---- leaving ---- */

void pool_doom_begin(struct sotto_mempool *p)
{
    p->doomed_count = 0;
    p->doomed_mark = ++p->mark;
}

bool pool_doom(struct sotto_mempool *p, struct entry *e, uint32_t max)
{
    uint32_t at = p->doomed_count;
    if (e->mark == p->doomed_mark) return true;
    if (at >= max) return false;
    e->mark = p->doomed_mark;
    p->doomed[p->doomed_count++] = e;
    for (; at < p->doomed_count; at++)
        for (uint32_t i = 0; i < p->doomed[at]->child_count; i++) {
            struct entry *child = p->doomed[at]->children[i];
            if (child->mark == p->doomed_mark) continue;
            if (p->doomed_count >= max) return false;
            child->mark = p->doomed_mark;
            p->doomed[p->doomed_count++] = child;
        }
    return true;
}

static int later_first(const void *a, const void *b) { return by_seq(*(struct entry *const *)b, *(struct entry *const *)a); }

void pool_doom_end(struct sotto_mempool *p)
{
    qsort(p->doomed, p->doomed_count, sizeof *p->doomed, later_first);
    for (uint32_t i = 0; i < p->doomed_count; i++) {
        unlink_entry(p, p->doomed[i]);
        free(p->doomed[i]);
    }
    p->doomed_count = 0;
}

static void drop(struct sotto_mempool *p, struct entry *e)
{
    pool_doom_begin(p);
    bool all = pool_doom(p, e, p->doomed_max);
    SOTTO_ASSERT(all);                            /* a chain is short */
    pool_doom_end(p);
}

/* ---- blocks ---- */

static void confirmed(struct sotto_mempool *p, const struct sotto_block_tx *t, bool applied)
{
    struct entry *e = pool_find(p, t->txid);
    if (e && (!applied || e->parent_count > 0)) drop(p, e);
    else if (e) {
        unlink_entry(p, e);
        free(e);
    }
    if (!applied) return;
    uint32_t count = pool_keys(p->keys, &t->tx);
    for (uint32_t i = 0; i < count; i++)
        if ((e = pool_claimed(p, p->keys[i]))) drop(p, e);
}

void sotto_mempool_connect(struct sotto_mempool *p, const struct sotto_view *view, const struct sotto_block *block, const uint16_t *codes)
{
    struct entry *e;
    for (uint32_t i = 0; i < block->count; i++) confirmed(p, &block->txs[i], codes[i] == 0);
    while ((e = RB_MIN(height_tree, &p->heights)) && e->last_height <= view->tip.height) drop(p, e);
}

/* Takes out, without freeing, what stands here by grace of t or cannot stand beside it; first[0..] in no order. */
static uint32_t take_out(struct sotto_mempool *p, struct entry **held, const struct sotto_block_tx *t)
{
    uint32_t count = 0, keys = pool_keys(p->keys, &t->tx);
    uint8_t key[CLAIM_KEY];
    for (uint32_t i = 0; i < keys + t->tx.out_count; i++) {
        struct sotto_outpoint at = { .index = i - keys };
        memcpy(at.txid, t->txid, 32);
        if (i >= keys) pool_key_of_coin(key, &at);
        else memcpy(key, p->keys[i], CLAIM_KEY);
        struct entry *e = pool_claimed(p, key);
        if (!e) continue;
        pool_doom_begin(p);
        bool all = pool_doom(p, e, p->doomed_max);
        SOTTO_ASSERT(all);
        qsort(p->doomed, p->doomed_count, sizeof *p->doomed, later_first);
        for (uint32_t d = 0; d < p->doomed_count; d++) {
            unlink_entry(p, p->doomed[d]);
            held[count++] = p->doomed[d];
        }
    }
    return count;
}

void sotto_mempool_disconnect(struct sotto_mempool *p, const struct sotto_view *view, const struct sotto_block *block, uint64_t now_ms,
                              struct sotto_script *machine)
{
    uint32_t count = 0, room = p->count;
    struct entry **held = malloc((room + 1u) * sizeof *held);
    for (uint32_t i = 0; i < block->count; i++) {
        if (held) {
            count += take_out(p, held + count, &block->txs[i]);
            continue;
        }
        struct entry *one;                        /* no memory to judge them again: they go */
        uint8_t key[CLAIM_KEY];
        for (uint32_t o = 0; o < block->txs[i].tx.out_count; o++) {
            struct sotto_outpoint at = { .index = o };
            memcpy(at.txid, block->txs[i].txid, 32);
            pool_key_of_coin(key, &at);
            if ((one = pool_claimed(p, key))) drop(p, one);
        }
    }
    SOTTO_ASSERT(count <= room);
    for (uint32_t i = 0; i < block->count; i++) {
        enum sotto_err err = pool_take(p, NULL, view, block->txs[i].tx.full, false, true, now_ms, machine);
        (void)err;                                /* a coinbase, or not good any more: it is gone with its block */
    }
    if (count > 0) qsort(held, count, sizeof *held, later_first);
    while (count-- > 0) {
        struct entry *e = held[count];
        enum sotto_err err = pool_take(p, NULL, view, e->pub.tx.tx.full, e->pub.own, true, now_ms, machine);
        (void)err;
        free(e);
    }
    free(held);
}

void sotto_mempool_tick(struct sotto_mempool *p, uint64_t now_ms)
{
    struct entry *e;
    while ((e = RB_MIN(ms_tree, &p->ends)) && e->last_ms < now_ms) drop(p, e);
    while (p->floor_steps > 0 && now_ms >= p->floor_ms && now_ms - p->floor_ms >= SOTTO_MEMPOOL_FLOOR_DOWN_MS) {
        p->floor_steps--;
        p->floor_ms += SOTTO_MEMPOOL_FLOOR_DOWN_MS;
    }
}

/* ---- a block to come ---- */

struct choice { struct sotto_block_tx *txs; struct entry **entries; uint32_t count; size_t size; uint64_t mark; };

static int earlier_first(const void *a, const void *b) { return by_seq(*(struct entry *const *)a, *(struct entry *const *)b); }

/* Offers e, after all that it needs. A payer that needs a stamped one that is not offered is not either: the lane has had its part. */
static void offer(struct sotto_mempool *p, struct choice *c, struct entry *e)
{
    struct entry *kin[KIN + 1];
    if (e->offered == c->mark) return;
    uint32_t count = kin_of(p, kin, e, true), left = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (kin[i]->offered == c->mark) continue;
        if (kin[i]->pub.tx.tx.has_stamp && !e->pub.tx.tx.has_stamp) return;
        kin[left++] = kin[i];
    }
    kin[left++] = e;
    qsort(kin, left, sizeof *kin, earlier_first);
    for (uint32_t i = 0; i < left; i++) {
        kin[i]->offered = c->mark;
        c->size += kin[i]->pub.tx.tx.full.size;
        c->txs[c->count] = kin[i]->pub.tx;
        c->entries[c->count++] = kin[i];
    }
}

static bool is_for_ever(enum sotto_err err)
{
    return sotto_ledger_refusal(err) && err != SOTTO_B_COST && err != SOTTO_T_LOCKED && err != SOTTO_T_IMMATURE;
}

/* Those that found no place: are they still good by themselves? */
static void sift(struct sotto_mempool *p, const struct choice *c, const uint32_t *chosen, uint32_t taken, const struct sotto_view *view, uint64_t now_ms,
                 struct sotto_script *machine)
{
    struct pool_overlay o;
    struct sotto_view over = pool_overlay(&o, p, view);
    uint64_t cost;
    struct sotto_amount fee;
    pool_doom_begin(p);
    for (uint32_t i = 0, at = 0; i < c->count; i++) {
        if (at < taken && chosen[at] == i) {
            at++;
            continue;
        }
        if (c->entries[i]->mark == p->doomed_mark || !is_for_ever(sotto_ledger_check(&cost, &fee, &over, &c->txs[i], now_ms, machine))) continue;
        if (p->doomed_count + SOTTO_MEMPOOL_CHAIN > p->doomed_max || !pool_doom(p, c->entries[i], p->doomed_max)) break;
    }
    pool_doom_end(p);
}

uint32_t sotto_mempool_choose(struct sotto_mempool *p, const struct sotto_mempool_entry **out, uint32_t cap, const struct sotto_view *view,
                             size_t size_max, uint64_t now_ms, struct sotto_script *machine)
{
    struct choice c = { .mark = ++p->mark };
    uint32_t *chosen = malloc((p->count + 1u) * sizeof *chosen), taken = 0;
    c.txs = malloc((p->count + 1u) * sizeof *c.txs);
    c.entries = malloc((p->count + 1u) * sizeof *c.entries);
    if (chosen && c.txs && c.entries) {
        struct entry *e;
        size_t part = size_max / SOTTO_MEMPOOL_STAMPED_PART;
        RB_FOREACH(e, lane_tree, &p->lane) {
            if (c.size >= part) break;
            if (e->up.size <= part - c.size) offer(p, &c, e);
        }
        RB_FOREACH(e, turn_tree, &p->turns) {
            if (c.size >= size_max) break;
            if (e->pub.tx.tx.full.size <= size_max - c.size) offer(p, &c, e);
        }
        taken = sotto_ledger_prepare(chosen, view, c.txs, c.count, size_max, now_ms, machine);
        if (taken > cap) taken = cap;
        for (uint32_t i = 0; i < taken; i++) out[i] = &c.entries[chosen[i]]->pub;
        if (taken < cap) sift(p, &c, chosen, taken, view, now_ms, machine);
    }
    free(chosen);
    free(c.txs);
    free(c.entries);
    return taken;
}

/* ---- asking ---- */

static struct entry *of_pub(const struct sotto_mempool_entry *e) { return e ? (struct entry *)(uintptr_t)e : NULL; }      /* it stands first */

const struct sotto_mempool_entry *sotto_mempool_find(const struct sotto_mempool *p, const uint8_t txid[32])
{
    const struct entry *e = pool_find(p, txid);
    return e ? &e->pub : NULL;
}

const struct sotto_mempool_entry *sotto_mempool_after(const struct sotto_mempool *p, uint64_t seq)
{
    const struct sotto_mempool_entry *first = NULL;
    const struct entry *e;
    for (e = TAILQ_LAST(&p->arrivals, arrival_list); e && e->pub.seq > seq; e = TAILQ_PREV(e, arrival_list, arrival))
        if (!e->pub.own) first = &e->pub;
    return first;
}

const struct sotto_mempool_entry *sotto_mempool_next(const struct sotto_mempool *p, const struct sotto_mempool_entry *e)
{
    const struct entry *next = e ? TAILQ_NEXT(of_pub(e), arrival) : TAILQ_FIRST(&p->arrivals);
    return next ? &next->pub : NULL;
}

enum sotto_err sotto_mempool_release(struct sotto_mempool *p, const uint8_t txid[32])
{
    struct entry *e = pool_find(p, txid);
    if (!e) return SOTTO_ERR_MISSING;
    e->pub.own = false;
    return SOTTO_OK;
}

uint64_t sotto_mempool_floor(const struct sotto_mempool *p, const struct sotto_params *params)
{
    uint64_t floor;
    return __builtin_mul_overflow(params->fee_rate, UINT64_C(1) << p->floor_steps, &floor) ? UINT64_MAX : floor;
}

uint32_t sotto_mempool_count(const struct sotto_mempool *p) { return p->count; }
uint64_t sotto_mempool_bytes(const struct sotto_mempool *p) { return p->bytes; }
uint64_t sotto_mempool_stamped_bytes(const struct sotto_mempool *p) { return p->stamped; }
