#include "ledger/smt_impl.h"

#include "ledger/th.h"

#include <stdlib.h>

#define IDS_MAX (UINT32_C(1) << 30)

/* ---- hashes ---- */

void sotto_smt_value(uint8_t out[32], struct sotto_span record) { SOTTO_TH_OF(out, SOTTO_TH_SMT_VALUE, record); }

void sotto_smt_leaf(uint8_t out[32], const struct sotto_id *id, const uint8_t value[32])
{
    struct sotto_th t;
    sotto_th_begin(&t, SOTTO_TH_SMT_LEAF);
    sotto_th_update(&t, id->b, sizeof id->b);
    sotto_th_update(&t, value, 32);
    sotto_th_final(&t, out);
}

void sotto_smt_node(uint8_t out[32], const uint8_t left[32], const uint8_t right[32])
{
    struct sotto_th t;
    sotto_th_begin(&t, SOTTO_TH_SMT_NODE);
    sotto_th_update(&t, left, 32);
    sotto_th_update(&t, right, 32);
    sotto_th_final(&t, out);
}

static const uint8_t empty[32];

static void one_sided(uint8_t hash[32], unsigned side)
{
    if (side) sotto_smt_node(hash, empty, hash);
    else sotto_smt_node(hash, hash, empty);
}

unsigned sotto_smt_parting(const struct sotto_id *a, const struct sotto_id *b)
{
    for (unsigned i = 0; i < sizeof a->b; i++)
        if (a->b[i] != b->b[i]) return 8 * i + (unsigned)__builtin_clz((unsigned)(a->b[i] ^ b->b[i])) - 24;
    return SOTTO_SMT_DEPTH;
}

const struct sotto_id *sotto_smt_any(const struct sotto_smt *t, sotto_smt_ref ref)
{
    while (!sotto_smt_is_leaf(ref)) ref = sotto_smt_fork_at(t, ref)->child[0];
    return &sotto_smt_leaf_at(t, ref)->id;
}

/* Of a fork: the hash at its own bit brought up to a higher place. */
static void bring_up(uint8_t hash[32], const struct sotto_smt *t, sotto_smt_ref ref, unsigned bit, unsigned depth)
{
    if (bit == depth) return;
    const struct sotto_id *key = sotto_smt_any(t, ref);
    while (bit-- > depth) one_sided(hash, sotto_smt_bit(key, bit));
}

void sotto_smt_seen(uint8_t out[32], const struct sotto_smt *t, sotto_smt_ref ref, unsigned depth, unsigned seen)
{
    if (ref == 0) {
        memcpy(out, empty, sizeof empty);
    } else if (sotto_smt_is_leaf(ref)) {
        const struct sotto_smt_leaf_at *l = sotto_smt_leaf_at(t, ref);
        sotto_smt_leaf(out, &l->id, l->value);
    } else {
        const struct sotto_smt_fork *f = sotto_smt_fork_at(t, ref);
        SOTTO_ASSERT(depth <= f->bit);
        if (depth == seen) {
            memcpy(out, f->hash, sizeof f->hash);
            return;
        }
        uint8_t left[32], right[32];
        sotto_smt_seen(left, t, f->child[0], f->bit + 1u, f->bit + 1u);
        sotto_smt_seen(right, t, f->child[1], f->bit + 1u, f->bit + 1u);
        sotto_smt_node(out, left, right);
        bring_up(out, t, ref, f->bit, depth);
    }
}

/* Makes every stale hash anew, from below: a fork stands below stale ones or is stale because it was moved. */
static void refresh(const struct sotto_smt *t, sotto_smt_ref ref, unsigned depth)
{
    if (ref == 0 || sotto_smt_is_leaf(ref)) return;
    struct sotto_smt_fork *f = sotto_smt_fork_at(t, ref);
    if (!f->stale) return;
    uint8_t left[32], right[32];
    refresh(t, f->child[0], f->bit + 1u);
    refresh(t, f->child[1], f->bit + 1u);
    sotto_smt_seen(left, t, f->child[0], f->bit + 1u, f->bit + 1u);
    sotto_smt_seen(right, t, f->child[1], f->bit + 1u, f->bit + 1u);
    sotto_smt_node(f->hash, left, right);
    bring_up(f->hash, t, ref, f->bit, depth);
    f->stale = false;
}

/* ---- places ---- */

enum sotto_err sotto_smt_new(struct sotto_smt **out, uint32_t ids_max)
{
    SOTTO_ASSERT(ids_max >= 1 && ids_max <= IDS_MAX);
    struct sotto_smt *t = calloc(1, sizeof *t);
    if (!t) return SOTTO_ERR_NOMEM;
    t->max = ids_max;
    t->pages_max = (ids_max - 1) / SOTTO_SMT_PAGE + 1;
    t->leaves.pages = calloc(t->pages_max, sizeof *t->leaves.pages);
    t->forks.pages = calloc(t->pages_max, sizeof *t->forks.pages);
    if (!t->leaves.pages || !t->forks.pages) {
        sotto_smt_free(t);
        return SOTTO_ERR_NOMEM;
    }
    *out = t;
    return SOTTO_OK;
}

static void pool_free(struct sotto_smt_pool *p)
{
    for (uint32_t i = 0; i < p->page_count; i++) free(p->pages[i]);
    free(p->pages);
}

void sotto_smt_free(struct sotto_smt *t)
{
    if (!t) return;
    pool_free(&t->leaves);
    pool_free(&t->forks);
    free(t);
}

uint32_t sotto_smt_count(const struct sotto_smt *t) { return t->count; }

size_t sotto_smt_bytes(const struct sotto_smt *t)
{
    return sizeof *t + 2 * t->pages_max * sizeof(void *) + (size_t)t->leaves.page_count * SOTTO_SMT_PAGE * sizeof(struct sotto_smt_leaf_at)
           + (size_t)t->forks.page_count * SOTTO_SMT_PAGE * sizeof(struct sotto_smt_fork);
}

/* Pages for this many places at one time: what was freed is taken first, so used never passes the most that were held at once. */
static enum sotto_err pool_reserve(struct sotto_smt_pool *p, uint32_t places, size_t size)
{
    while ((uint64_t)p->page_count * SOTTO_SMT_PAGE < places) {
        void *page = malloc(SOTTO_SMT_PAGE * size);
        if (!page) return SOTTO_ERR_NOMEM;
        p->pages[p->page_count++] = page;
    }
    return SOTTO_OK;
}

static sotto_smt_ref leaf_new(struct sotto_smt *t, const struct sotto_id *id, const uint8_t value[32])
{
    sotto_smt_ref ref = t->leaves.free;
    if (ref) memcpy(&t->leaves.free, sotto_smt_leaf_at(t, ref), sizeof t->leaves.free);
    else ref = ++t->leaves.used;
    SOTTO_ASSERT((uint64_t)t->leaves.page_count * SOTTO_SMT_PAGE >= ref);
    struct sotto_smt_leaf_at *l = sotto_smt_leaf_at(t, ref);
    l->id = *id;
    memcpy(l->value, value, sizeof l->value);
    return ref | SOTTO_SMT_LEAF;
}

static void leaf_drop(struct sotto_smt *t, sotto_smt_ref ref)
{
    memcpy(sotto_smt_leaf_at(t, ref), &t->leaves.free, sizeof t->leaves.free);
    t->leaves.free = ref & ~SOTTO_SMT_LEAF;
}

static sotto_smt_ref fork_new(struct sotto_smt *t)
{
    sotto_smt_ref ref = t->forks.free;
    if (ref) t->forks.free = sotto_smt_fork_at(t, ref)->child[0];
    else ref = ++t->forks.used;
    SOTTO_ASSERT((uint64_t)t->forks.page_count * SOTTO_SMT_PAGE >= ref);
    return ref;
}

static void fork_drop(struct sotto_smt *t, sotto_smt_ref ref)
{
    sotto_smt_fork_at(t, ref)->child[0] = t->forks.free;
    t->forks.free = ref;
}

static void move(const struct sotto_smt *t, sotto_smt_ref ref)        /* it is now seen at another depth */
{
    if (ref && !sotto_smt_is_leaf(ref)) sotto_smt_fork_at(t, ref)->stale = true;
}

/* ---- one change ---- */

static sotto_smt_ref nearest(const struct sotto_smt *t, const struct sotto_id *id)         /* the leaf that its bits lead to; 0: no key at all */
{
    sotto_smt_ref ref = t->top;
    while (ref && !sotto_smt_is_leaf(ref)) {
        const struct sotto_smt_fork *f = sotto_smt_fork_at(t, ref);
        ref = f->child[sotto_smt_bit(id, f->bit)];
    }
    return ref;
}

bool sotto_smt_get(const struct sotto_smt *t, uint8_t value[32], const struct sotto_id *id)
{
    sotto_smt_ref ref = nearest(t, id);
    if (!ref || !sotto_id_equal(&sotto_smt_leaf_at(t, ref)->id, id)) return false;
    memcpy(value, sotto_smt_leaf_at(t, ref)->value, 32);
    return true;
}

static void put(struct sotto_smt *t, const struct sotto_id *id, const uint8_t value[32])
{
    sotto_smt_ref near = nearest(t, id), *at = &t->top;
    unsigned parting = near ? sotto_smt_parting(&sotto_smt_leaf_at(t, near)->id, id) : SOTTO_SMT_DEPTH;
    while (*at && !sotto_smt_is_leaf(*at)) {
        struct sotto_smt_fork *f = sotto_smt_fork_at(t, *at);
        if (f->bit > parting) break;
        f->stale = true;
        at = &f->child[sotto_smt_bit(id, f->bit)];
    }
    if (near && parting == SOTTO_SMT_DEPTH) {
        memcpy(sotto_smt_leaf_at(t, near)->value, value, 32);
        return;
    }
    sotto_smt_ref leaf = leaf_new(t, id, value);
    t->count++;
    if (!near) {
        *at = leaf;
        return;
    }
    sotto_smt_ref ref = fork_new(t);
    struct sotto_smt_fork *f = sotto_smt_fork_at(t, ref);
    unsigned side = sotto_smt_bit(id, parting);
    f->bit = (uint8_t)parting;
    f->stale = true;
    f->child[side] = leaf;
    f->child[!side] = *at;
    move(t, *at);
    *at = ref;
}

static void take(struct sotto_smt *t, const struct sotto_id *id)
{
    sotto_smt_ref *at = &t->top, *above = NULL, leaf = nearest(t, id);
    unsigned side = 0;
    if (!leaf || !sotto_id_equal(&sotto_smt_leaf_at(t, leaf)->id, id)) return;
    while (!sotto_smt_is_leaf(*at)) {
        struct sotto_smt_fork *f = sotto_smt_fork_at(t, *at);
        f->stale = true;
        side = sotto_smt_bit(id, f->bit);
        above = at;
        at = &f->child[side];
    }
    leaf_drop(t, leaf);
    t->count--;
    if (!above) {
        t->top = 0;
        return;
    }
    sotto_smt_ref fork = *above, other = sotto_smt_fork_at(t, fork)->child[!side];
    *above = other;
    move(t, other);
    fork_drop(t, fork);
}

/* ---- batches ---- */

static void check_order(const struct sotto_smt_change *changes, size_t count)
{
    for (size_t i = 1; i < count; i++) SOTTO_ASSERT(memcmp(changes[i - 1].id.b, changes[i].id.b, sizeof changes[i].id.b) < 0);
}

enum sotto_err sotto_smt_apply(struct sotto_smt *t, struct sotto_smt_change *before, const struct sotto_smt_change *changes, size_t count)
{
    uint64_t most = t->count;                             /* as if whoever leaves left last */
    uint8_t value[32];
    check_order(changes, count);
    for (size_t i = 0; i < count; i++) most += !changes[i].gone && !sotto_smt_get(t, value, &changes[i].id);
    if (most > t->max) return SOTTO_ERR_FULL;
    SOTTO_TRY(pool_reserve(&t->leaves, (uint32_t)most, sizeof(struct sotto_smt_leaf_at)));
    SOTTO_TRY(pool_reserve(&t->forks, (uint32_t)most, sizeof(struct sotto_smt_fork)));
    for (size_t i = 0; i < count; i++) {
        struct sotto_smt_change c = changes[i];
        if (before) {
            before[i] = (struct sotto_smt_change){ .id = c.id };
            before[i].gone = !sotto_smt_get(t, before[i].value, &c.id);
        }
        if (c.gone) take(t, &c.id);
        else put(t, &c.id, c.value);
    }
    refresh(t, t->top, 0);
    return SOTTO_OK;
}

void sotto_smt_root(uint8_t out[32], const struct sotto_smt *t) { sotto_smt_seen(out, t, t->top, 0, 0); }

/* What a subtree comes to: a single key goes up through empty neighbours as it is. */
struct sum { enum { SUM_EMPTY, SUM_KEY, SUM_NODE } kind; uint8_t hash[32]; };

static struct sum join(const struct sum *left, const struct sum *right)
{
    struct sum s = { .kind = SUM_NODE };
    if (right->kind == SUM_EMPTY && left->kind != SUM_NODE) return *left;
    if (left->kind == SUM_EMPTY && right->kind != SUM_NODE) return *right;
    sotto_smt_node(s.hash, left->hash, right->hash);
    return s;
}

/* The subtree of ref, seen at depth, with the changes that fall into it. seen: the depth for which ref keeps its hash. */
static struct sum after(const struct sotto_smt *t, sotto_smt_ref ref, unsigned depth, unsigned seen, const struct sotto_smt_change *c, size_t count)
{
    struct sum s = { .kind = SUM_EMPTY };
    if (count == 0) {
        s.kind = ref == 0 ? SUM_EMPTY : sotto_smt_is_leaf(ref) ? SUM_KEY : SUM_NODE;
        sotto_smt_seen(s.hash, t, ref, depth, seen);
        return s;
    }
    bool leaf = ref && sotto_smt_is_leaf(ref);
    if (count == 1 && (ref == 0 || (leaf && sotto_id_equal(&sotto_smt_leaf_at(t, ref)->id, &c->id)))) {
        if (c->gone) return s;
        s.kind = SUM_KEY;
        sotto_smt_leaf(s.hash, &c->id, c->value);
        return s;
    }
    SOTTO_ASSERT(depth < SOTTO_SMT_DEPTH);
    size_t left = 0;
    while (left < count && sotto_smt_bit(&c[left].id, depth) == 0) left++;
    sotto_smt_ref child[2] = { 0, 0 };
    unsigned child_seen = seen;
    if (ref && !leaf && sotto_smt_fork_at(t, ref)->bit == depth) {
        memcpy(child, sotto_smt_fork_at(t, ref)->child, sizeof child);
        child_seen = depth + 1;
    } else if (ref) {
        child[sotto_smt_bit(sotto_smt_any(t, ref), depth)] = ref;
    }
    struct sum a = after(t, child[0], depth + 1, child_seen, c, left), b = after(t, child[1], depth + 1, child_seen, c + left, count - left);
    return join(&a, &b);
}

void sotto_smt_root_after(uint8_t out[32], const struct sotto_smt *t, const struct sotto_smt_change *changes, size_t count)
{
    check_order(changes, count);
    struct sum s = after(t, t->top, 0, 0, changes, count);
    memcpy(out, s.hash, sizeof s.hash);
}
