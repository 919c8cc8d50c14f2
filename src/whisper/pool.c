#include "whisper/pool.h"

#include "base/plant.h"
#include "whisper/heap.h"
#include "whisper/ids.h"
#include "whisper/rules.h"
#include "whisper/series.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <sys/queue.h>

#define NONE UINT64_MAX
#define TABLE_FIRST 256u
#define SWEEP_US 60000000u                        /* remembered hashes are looked through once a minute */

enum kind { KIND_INBOUND, KIND_OUTBOUND, KIND_TOPIC };

/* A share of the pool that has a quota: one link's, or one foreign topic's. */
struct group {
    struct group *chain;                          /* in the table of groups */
    TAILQ_ENTRY(group) in_over;
    struct sotto_heap entries;                    /* the worst on top */
    enum kind kind;
    bool over;
    uint64_t name, bytes;
    uint32_t count, refs;                         /* refs: entries that name it, those set aside included */
};
TAILQ_HEAD(group_list, group);

enum { IN_LINK, IN_TOPIC, IN_COUNT };

struct entry {
    struct sotto_pool_entry e;                    /* first: what others see is the entry */
    uint32_t at_worst, at_expiry, at_arrival, at_group[IN_COUNT];      /* places in the heaps (a held one is not among the worst) and in arrivals */
    struct entry *chain;                          /* in the hash table */
    struct entry *sample_chain;
    uint64_t sample;                              /* place in the table of samples */
    bool shown;                                   /* stands in it */
    bool crowds;                                  /* counts for the floor */
    struct group *group[IN_COUNT];                /* NULL: has no such quota */
    uint8_t bytes[];
};

struct sotto_pool {
    struct sotto_pool_config config;
    struct sotto_heap worst, expiries;
    struct sotto_series arrivals;                 /* by seq */
    struct group **groups;                        /* chains by kind and name: in a flood nearly every envelope has a topic of its own */
    uint32_t groups_size, groups_count;
    struct group_list over;
    struct entry **table;                         /* table_size chains by hash, then as many by sample */
    uint32_t table_size, count, crowd;            /* crowd, crowd_bytes: of those that no honest newcomer can push out */
    uint64_t bytes, crowd_bytes, held, sizes, seq, evicted;
    struct sotto_ids gone;
    uint8_t key[16];
    double floor;
    unsigned floor_steps;
    uint64_t floor_up_us, low_since_us, sweep_us; /* floor_up_us: no doubling before; low_since_us: NONE = not low */
};

int sotto_pool_compare(const struct sotto_pool_entry *a, const struct sotto_pool_entry *b)
{
    if (a->worth != b->worth) return a->worth > b->worth ? -1 : 1;
    if (a->expiry != b->expiry) return a->expiry < b->expiry ? -1 : 1;
    return -memcmp(a->hash, b->hash, 32);
}
static bool worse(const void *a, const void *b) { return sotto_pool_compare(&((const struct entry *)a)->e, &((const struct entry *)b)->e) > 0; }
/* What they are worth is finite and not negative: as bits it stands in the same order. */
static uint64_t worth_key(const struct entry *e)
{
    uint64_t bits;
    memcpy(&bits, &e->e.worth, sizeof bits);
    return bits;
}

enum sotto_err sotto_pool_new(struct sotto_pool **out, const struct sotto_pool_config *config)
{
    SOTTO_ASSERT(config->bytes_max > 0 && config->entries_max > 0 && config->entries_max <= 1u << 22 && config->floor >= 0);
    struct sotto_pool *p = calloc(1, sizeof *p);
    if (!p) return SOTTO_ERR_NOMEM;
    p->config = *config;
    p->floor = config->floor;
    p->low_since_us = NONE;
    p->worst = sotto_heap_make(offsetof(struct entry, at_worst), worse);
    p->expiries = sotto_heap_make(offsetof(struct entry, at_expiry), NULL);
    p->arrivals = sotto_series_make(offsetof(struct entry, at_arrival));
    TAILQ_INIT(&p->over);
    sotto_rng_fill(config->rng, p->key, sizeof p->key);
    p->gone = sotto_ids_make(config->entries_max * 2);
    p->table_size = TABLE_FIRST;
    p->table = calloc(p->table_size, 2 * sizeof(struct entry *));
    p->groups_size = TABLE_FIRST;
    p->groups = calloc(p->groups_size, sizeof(struct group *));
    if (!p->table || !p->groups) {
        free(p->table);
        free(p->groups);
        free(p);
        return SOTTO_ERR_NOMEM;
    }
    *out = p;
    return SOTTO_OK;
}

static uint64_t quota_pct(const struct group *g)
{
    return g->kind == KIND_INBOUND ? SOTTO_POOL_INBOUND_PCT : g->kind == KIND_OUTBOUND ? SOTTO_POOL_OUTBOUND_PCT : SOTTO_POOL_TOPIC_PCT;
}
static bool over_quota(const struct sotto_pool *p, const struct group *g, uint64_t more_bytes, uint32_t more)
{
    uint64_t count_max = p->config.entries_max * quota_pct(g) / 100;
    return g->bytes + more_bytes > p->config.bytes_max * quota_pct(g) / 100 || g->count + more > (count_max ? count_max : 1);
}
static unsigned pct(const struct sotto_pool *p, uint64_t bytes, uint64_t count)
{
    bytes = bytes * 100 / p->config.bytes_max;
    count = count * 100 / p->config.entries_max;
    return (unsigned)(bytes > count ? bytes : count);
}
static unsigned fill_pct(const struct sotto_pool *p) { return pct(p, p->bytes, p->count); }
/* What moves the floor. Short envelopes reach the floor for little, but are worth less than it: they stand in nobody's way, and a hundredth of a core
 * could fill the pool with them and so double everybody's work minute after minute. */
static unsigned crowd_pct(const struct sotto_pool *p) { return pct(p, p->crowd_bytes, p->crowd); }

static void mark_over(struct sotto_pool *p, struct group *g)
{
    bool over = g->count > 0 && over_quota(p, g, 0, 0);
    if (over == g->over) return;
    g->over = over;
    if (over) TAILQ_INSERT_TAIL(&p->over, g, in_over);
    else TAILQ_REMOVE(&p->over, g, in_over);
}

/* In or out of everything that judges (heaps, sums); the hash table and the order of arrival are left alone, so that an entry
 * set aside for a newcomer that then does not come in finds its old place. */
static void attach(struct sotto_pool *p, struct entry *e)
{
    if (!e->e.held) sotto_heap_add(&p->worst, worth_key(e), e);
    sotto_heap_add(&p->expiries, e->e.expiry, e);
    p->count++;
    p->bytes += e->e.rlp.size;
    p->sizes += e->e.size;
    e->crowds = e->e.worth >= p->config.floor;
    p->crowd += e->crowds;
    p->crowd_bytes += e->crowds ? e->e.rlp.size : 0;
    if (e->e.held) p->held += e->e.rlp.size;
    for (int in = 0; in < IN_COUNT; in++) {
        struct group *g = e->group[in];
        if (!g) continue;
        sotto_heap_add(&g->entries, worth_key(e), e);
        g->count++;
        g->bytes += e->e.rlp.size * (SOTTO_PLANTED(QUOTA_COUNTED_TWICE) ? 2 : 1);
        mark_over(p, g);
    }
}
static void detach(struct sotto_pool *p, struct entry *e)
{
    if (!e->e.held) sotto_heap_remove(&p->worst, e);
    sotto_heap_remove(&p->expiries, e);
    p->count--;
    p->bytes -= e->e.rlp.size;
    p->sizes -= e->e.size;
    p->crowd -= e->crowds;
    p->crowd_bytes -= e->crowds ? e->e.rlp.size : 0;
    if (e->e.held) p->held -= e->e.rlp.size;
    for (int in = 0; in < IN_COUNT; in++) {
        struct group *g = e->group[in];
        if (!g) continue;
        sotto_heap_remove(&g->entries, e);
        g->count--;
        g->bytes -= e->e.rlp.size;
        mark_over(p, g);
    }
}

static struct group **group_slot(const struct sotto_pool *p, enum kind kind, uint64_t name)
{
    uint8_t bytes[16] = { (uint8_t)kind };
    sotto_put_be64(bytes + 8, name);
    return &p->groups[sotto_ids_index(p->key, bytes) & (p->groups_size - 1)];
}

static void groups_grow(struct sotto_pool *p)
{
    if (p->groups_count < p->groups_size) return;
    struct group **groups = calloc((size_t)p->groups_size * 2, sizeof(struct group *)), **old = p->groups;
    if (!groups) return;                          /* longer chains, nothing worse */
    uint32_t old_size = p->groups_size;
    p->groups = groups;
    p->groups_size *= 2;
    for (uint32_t i = 0; i < old_size; i++) {
        for (struct group *g = old[i], *next; g; g = next) {
            struct group **slot = group_slot(p, g->kind, g->name);
            next = g->chain;
            g->chain = *slot;
            *slot = g;
        }
    }
    free(old);
}

static void group_drop(struct sotto_pool *p, struct group *g)
{
    if (!g || --g->refs) return;
    SOTTO_ASSERT(!g->over && g->count == 0);
    struct group **at = group_slot(p, g->kind, g->name);
    while (*at != g) at = &(*at)->chain;
    *at = g->chain;
    p->groups_count--;
    sotto_heap_free(&g->entries);
    free(g);
}
/* With a reference for the caller. NULL: out of memory. */
static struct group *group_get(struct sotto_pool *p, enum kind kind, uint64_t name)
{
    struct group *g = *group_slot(p, kind, name);
    while (g && (g->kind != kind || g->name != name)) g = g->chain;
    if (g) {
        g->refs++;
        return g;
    }
    g = calloc(1, sizeof *g);
    if (!g) return NULL;
    g->kind = kind;
    g->name = name;
    g->refs = 1;
    g->entries = sotto_heap_make(offsetof(struct entry, at_group) + (kind == KIND_TOPIC ? IN_TOPIC : IN_LINK) * sizeof(uint32_t), worse);
    groups_grow(p);
    struct group **slot = group_slot(p, kind, name);
    g->chain = *slot;
    *slot = g;
    p->groups_count++;
    return g;
}

static struct entry **table_slot(const struct sotto_pool *p, uint64_t index) { return &p->table[index & (p->table_size - 1)]; }
static struct entry **sample_slot(const struct sotto_pool *p, uint64_t sample)
{
    return &p->table[p->table_size + (sample & (p->table_size - 1))];
}

static void table_grow(struct sotto_pool *p)
{
    if (p->count < p->table_size / 2) return;     /* half empty: most searches for what is new end without a look at an entry */
    struct entry **table = calloc((size_t)p->table_size * 2, 2 * sizeof(struct entry *));
    if (!table) return;                           /* longer chains, nothing worse */
    struct entry **old = p->table, *e;
    p->table = table;
    p->table_size *= 2;
    for (e = sotto_series_first(&p->arrivals); e; e = sotto_series_next(&p->arrivals, e)) {
        struct entry **slot = table_slot(p, e->e.index);
        e->chain = *slot;
        *slot = e;
        if (!e->shown) continue;
        slot = sample_slot(p, e->sample);
        e->sample_chain = *slot;
        *slot = e;
    }
    free(old);
}

static struct entry *find(const struct sotto_pool *p, const uint8_t hash[32], uint64_t index)
{
    struct entry *e = *table_slot(p, index);
    while (e && memcmp(e->e.hash, hash, 32) != 0) e = e->chain;
    return e;
}

/* The end of an entry that is already detached. */
static void release(struct sotto_pool *p, struct entry *e, bool remember)
{
    struct entry **at = table_slot(p, e->e.index);
    while (*at != e) at = &(*at)->chain;
    *at = e->chain;
    if (e->shown) {
        at = sample_slot(p, e->sample);
        while (*at != e) at = &(*at)->sample_chain;
        *at = e->sample_chain;
    }
    sotto_series_remove(&p->arrivals, e);
    if (remember) {
        uint32_t until = e->e.expiry > UINT32_MAX - SOTTO_POOL_REMEMBER_S ? UINT32_MAX : e->e.expiry + SOTTO_POOL_REMEMBER_S;
        sotto_ids_add(&p->gone, e->e.hash, e->e.index, until);
    }
    for (int in = 0; in < IN_COUNT; in++) group_drop(p, e->group[in]);
    free(e);
}

void sotto_pool_free(struct sotto_pool *p)
{
    if (!p) return;
    struct entry *e;
    while ((e = sotto_series_first(&p->arrivals))) {
        detach(p, e);
        release(p, e, false);
    }
    sotto_heap_free(&p->worst);
    sotto_heap_free(&p->expiries);
    sotto_series_free(&p->arrivals);
    sotto_ids_free(&p->gone);
    free(p->table);
    free(p->groups);
    free(p);
}

/* Entries taken out to see whether the newcomer fits then: released when it does, put back when not. */
struct aside { struct entry **slots; uint32_t count, cap; };

static enum sotto_err set_aside(struct sotto_pool *p, struct aside *aside, struct entry *e)
{
    if (aside->count == aside->cap) {
        uint32_t cap = aside->cap ? aside->cap * 2 : 16;
        struct entry **slots = realloc(aside->slots, cap * sizeof(struct entry *));
        if (!slots) return SOTTO_ERR_NOMEM;
        aside->slots = slots;
        aside->cap = cap;
    }
    aside->slots[aside->count++] = e;
    detach(p, e);
    return SOTTO_OK;
}

/* network.md 5: its own entries make room for a link's newcomer, the worst first, and only for a better one. */
static enum sotto_err room_in_group(struct sotto_pool *p, struct aside *aside, struct group *g, const struct sotto_pool_entry *e)
{
    while (over_quota(p, g, e->rlp.size, 1)) {
        struct entry *worst = sotto_heap_top(&g->entries);
        if (!worst || worst->e.worth >= e->worth) return SOTTO_ERR_ENV_QUOTA;
        SOTTO_TRY(set_aside(p, aside, worst));
    }
    return SOTTO_OK;
}

static enum sotto_err room_in_pool(struct sotto_pool *p, struct aside *aside, const struct sotto_pool_entry *e)
{
    while ((p->count + 1 > p->config.entries_max || p->bytes + e->rlp.size > p->config.bytes_max) && !SOTTO_PLANTED(POOL_UNBOUNDED)) {
        struct group *g = TAILQ_FIRST(&p->over);
        struct entry *worst = sotto_heap_top(g ? &g->entries : &p->worst);
        if (!worst) return SOTTO_ERR_FULL;
        if (!g && !e->own && worst->e.worth >= e->worth) return SOTTO_ERR_FULL;
        SOTTO_TRY(set_aside(p, aside, worst));
    }
    return SOTTO_OK;
}

static enum sotto_err make_room(struct sotto_pool *p, struct aside *aside, struct group *const group[IN_COUNT], const struct sotto_pool_entry *e)
{
    if (e->rlp.size > p->config.bytes_max) return SOTTO_ERR_FULL;
    /* What is set aside goes back into the room it left; a held one will be among the worst some day. */
    SOTTO_TRY(sotto_heap_reserve(&p->worst, p->count + 1));
    SOTTO_TRY(sotto_heap_reserve(&p->expiries, p->count + 1));
    for (int in = 0; in < IN_COUNT; in++)
        if (group[in]) SOTTO_TRY(sotto_heap_reserve(&group[in]->entries, group[in]->count + 1));
    if (group[IN_LINK]) SOTTO_TRY(room_in_group(p, aside, group[IN_LINK], e));
    if (group[IN_TOPIC] && fill_pct(p) >= 50) SOTTO_TRY(room_in_group(p, aside, group[IN_TOPIC], e));
    return room_in_pool(p, aside, e);
}

static enum sotto_err groups_of(struct sotto_pool *p, struct group *group[IN_COUNT], const struct sotto_envelope *e, struct sotto_pool_source source)
{
    group[IN_LINK] = group[IN_TOPIC] = NULL;
    if (source.from == SOTTO_FROM_SELF) return SOTTO_OK;
    group[IN_LINK] = group_get(p, source.from == SOTTO_FROM_INBOUND ? KIND_INBOUND : KIND_OUTBOUND, source.peer);
    if (!group[IN_LINK]) return SOTTO_ERR_NOMEM;
    if (e->data.size == SOTTO_NATIVE_DATA) return SOTTO_OK;           /* native topics do not repeat: no quota */
    group[IN_TOPIC] = group_get(p, KIND_TOPIC, sotto_be32(e->topic));
    if (group[IN_TOPIC]) return SOTTO_OK;
    group_drop(p, group[IN_LINK]);
    return SOTTO_ERR_NOMEM;
}

static struct entry *entry_new(struct sotto_pool *p, const struct sotto_envelope *e, struct sotto_span rlp, struct sotto_pool_id id,
                               double rating, struct sotto_pool_source source)
{
    bool own = source.from == SOTTO_FROM_SELF;
    struct entry *n = malloc(sizeof *n + rlp.size);
    if (!n) return NULL;
    memset(n, 0, sizeof *n);
    memcpy(n->bytes, rlp.data, rlp.size);
    n->e = (struct sotto_pool_entry){ .expiry = e->expiry, .ttl = e->ttl, .sent = sotto_envelope_sent(e), .own = own, .held = own,
                                      .size = (uint32_t)sotto_envelope_size(e), .rating = rating, .worth = sotto_rules_worth(rating, e->data.size),
                                      .seq = p->seq + 1, .source = own ? 0 : source.peer, .index = id.index,
                                      .rlp = sotto_span(n->bytes, rlp.size) };
    SOTTO_ASSERT(e->data.data >= rlp.data && e->data.data + e->data.size <= rlp.data + rlp.size);
    n->e.data = sotto_span(n->bytes + (e->data.data - rlp.data), e->data.size);
    memcpy(n->e.hash, id.hash, 32);
    memcpy(n->e.topic, e->topic, 4);
    return n;
}

enum sotto_err sotto_pool_add(struct sotto_pool *p, const struct sotto_pool_entry **entry, const struct sotto_envelope *e,
                              struct sotto_span rlp, struct sotto_pool_id id, double rating, struct sotto_pool_source source)
{
    if (find(p, id.hash, id.index) || (sotto_ids_has(&p->gone, id.hash, id.index) && !SOTTO_PLANTED(GONE_COMES_BACK))) return SOTTO_ERR_ENV_DUPLICATE;
    struct group *group[IN_COUNT];
    SOTTO_TRY(groups_of(p, group, e, source));
    struct entry *n = entry_new(p, e, rlp, id, rating, source);
    struct aside aside = { 0 };
    enum sotto_err err = n ? sotto_series_reserve(&p->arrivals) : SOTTO_ERR_NOMEM;
    if (err == SOTTO_OK) err = make_room(p, &aside, group, &n->e);
    if (err == SOTTO_OK) {
        for (int in = 0; in < IN_COUNT; in++) n->group[in] = group[in];
        table_grow(p);
        struct entry **slot = table_slot(p, id.index);
        n->chain = *slot;
        *slot = n;
        p->seq++;
        sotto_series_add(&p->arrivals, p->seq, n);
        attach(p, n);
        for (uint32_t i = 0; i < aside.count; i++) release(p, aside.slots[i], true);
        p->evicted += aside.count;
        if (entry) *entry = &n->e;
    } else {
        for (uint32_t i = 0; i < aside.count; i++) attach(p, aside.slots[i]);
        for (int in = 0; in < IN_COUNT; in++) group_drop(p, group[in]);
        free(n);
    }
    free(aside.slots);
    return err;
}

uint64_t sotto_pool_index(const struct sotto_pool *p, const uint8_t *hash) { return sotto_ids_index(p->key, hash); }
struct sotto_pool_id sotto_pool_id(const struct sotto_pool *p, const uint8_t hash[32])
{
    return (struct sotto_pool_id){ hash, sotto_pool_index(p, hash) };
}

static struct entry *sampled(const struct sotto_pool *p, uint64_t sample)
{
    struct entry *e = *sample_slot(p, sample);
    while (e && e->sample != sample) e = e->sample_chain;
    return e;
}

/* One entry a sample: else somebody could make a long chain of envelopes that differ only where the sample does not look. */
void sotto_pool_show(struct sotto_pool *p, const struct sotto_pool_entry *entry, uint64_t sample, unsigned zeros)
{
    struct entry *e = find(p, entry->hash, entry->index);
    SOTTO_ASSERT(e && !e->shown);
    if (sampled(p, sample)) return;
    struct entry **slot = sample_slot(p, sample);
    e->e.zeros = zeros;
    e->sample = sample;
    e->shown = true;
    e->sample_chain = *slot;
    *slot = e;
}

uint64_t sotto_pool_sample(const struct sotto_pool *p, struct sotto_span rlp) { return sotto_ids_sample(p->key, rlp); }

const struct sotto_pool_entry *sotto_pool_same(const struct sotto_pool *p, struct sotto_span rlp, uint64_t sample)
{
    const struct entry *e = sampled(p, sample);
    return e && sotto_span_equal(e->e.rlp, rlp) ? &e->e : NULL;
}

void sotto_pool_expect_same(const struct sotto_pool *p, uint64_t sample) { __builtin_prefetch(sample_slot(p, sample)); }
void sotto_pool_expect_add(const struct sotto_pool *p, uint64_t index) { __builtin_prefetch(table_slot(p, index)); }

const struct sotto_pool_entry *sotto_pool_find(const struct sotto_pool *p, const uint8_t hash[32])
{
    const struct entry *e = find(p, hash, sotto_pool_index(p, hash));
    return e ? &e->e : NULL;
}

static struct entry *find_id(const struct sotto_pool *p, const uint8_t id[SOTTO_POOL_ID], uint64_t index)
{
    struct entry *e = *table_slot(p, index);      /* the index is made of these bytes alone */
    while (e && memcmp(e->e.hash, id, SOTTO_POOL_ID) != 0) e = e->chain;
    return e;
}

const struct sotto_pool_entry *sotto_pool_find_id(const struct sotto_pool *p, const uint8_t id[SOTTO_POOL_ID])
{
    const struct entry *e = find_id(p, id, sotto_pool_index(p, id));
    return e ? &e->e : NULL;
}

bool sotto_pool_knows_id(const struct sotto_pool *p, const uint8_t id[SOTTO_POOL_ID])
{
    uint64_t index = sotto_pool_index(p, id);
    return find_id(p, id, index) || sotto_ids_has(&p->gone, id, index);
}

bool sotto_pool_knows(const struct sotto_pool *p, const uint8_t hash[32])
{
    uint64_t index = sotto_pool_index(p, hash);
    return find(p, hash, index) || sotto_ids_has(&p->gone, hash, index);
}

void sotto_pool_release(struct sotto_pool *p, const uint8_t hash[32])
{
    struct entry *e = find(p, hash, sotto_pool_index(p, hash));
    if (!e || !e->e.held) return;
    e->e.held = false;
    p->held -= e->e.rlp.size;
    sotto_heap_add(&p->worst, worth_key(e), e);
}

void sotto_pool_hush(struct sotto_pool *p, const uint8_t hash[32], bool quiet)
{
    struct entry *e = find(p, hash, sotto_pool_index(p, hash));
    if (e) e->e.quiet = quiet;
}

enum sotto_err sotto_pool_withdraw(struct sotto_pool *p, const uint8_t hash[32])
{
    struct entry *e = find(p, hash, sotto_pool_index(p, hash));
    if (!e || !e->e.held) return SOTTO_ERR_MISSING;
    detach(p, e);
    release(p, e, false);
    return SOTTO_OK;
}

/* Exact as long as it is finite; what is told to peers must be. */
static double floor_at(const struct sotto_pool *p) { return fmin(ldexp(p->config.floor, (int)p->floor_steps), DBL_MAX); }

static bool move_floor(struct sotto_pool *p, uint64_t mono_us)
{
    unsigned fill = crowd_pct(p);
    if (fill >= SOTTO_POOL_FLOOR_DOWN_PCT) p->low_since_us = NONE;
    else if (p->low_since_us == NONE) p->low_since_us = mono_us;
    if (fill > SOTTO_POOL_FLOOR_UP_PCT && mono_us >= p->floor_up_us && p->floor_steps < SOTTO_POOL_FLOOR_STEPS_MAX) {
        p->floor_steps++;
        p->floor = floor_at(p);
        p->floor_up_us = mono_us + SOTTO_POOL_FLOOR_UP_US;
        return true;
    }
    if (p->floor_steps && p->low_since_us != NONE && mono_us - p->low_since_us >= SOTTO_POOL_FLOOR_DOWN_US) {
        p->floor_steps--;
        p->floor = floor_at(p);
        p->low_since_us = mono_us;
        return true;
    }
    return false;
}

bool sotto_pool_tick(struct sotto_pool *p, uint32_t now_s, uint64_t mono_us)
{
    struct entry *e;
    while ((e = sotto_heap_top(&p->expiries)) && e->e.expiry < now_s) {
        detach(p, e);
        release(p, e, true);
    }
    if (mono_us >= p->sweep_us) {
        sotto_ids_expire(&p->gone, now_s);
        p->sweep_us = mono_us + SWEEP_US;
    }
    return move_floor(p, mono_us);
}

uint64_t sotto_pool_next_expiry(const struct sotto_pool *p)
{
    const struct entry *e = sotto_heap_top(&p->expiries);
    return e ? (uint64_t)e->e.expiry + 1 : NONE;
}

uint64_t sotto_pool_floor_deadline(const struct sotto_pool *p)
{
    if (crowd_pct(p) > SOTTO_POOL_FLOOR_UP_PCT) return p->floor_steps < SOTTO_POOL_FLOOR_STEPS_MAX ? p->floor_up_us : NONE;
    return p->floor_steps && p->low_since_us != NONE ? p->low_since_us + SOTTO_POOL_FLOOR_DOWN_US : NONE;
}

double sotto_pool_floor(const struct sotto_pool *p) { return p->floor; }

void sotto_pool_set_floor(struct sotto_pool *p, double floor)
{
    SOTTO_ASSERT(floor >= 0 && isfinite(floor));
    p->config.floor = floor;
    p->floor = floor_at(p);
}

uint32_t sotto_pool_count(const struct sotto_pool *p) { return p->count; }
uint64_t sotto_pool_bytes(const struct sotto_pool *p) { return p->bytes; }
uint64_t sotto_pool_held(const struct sotto_pool *p) { return p->held; }
uint64_t sotto_pool_sizes(const struct sotto_pool *p) { return p->sizes; }
uint64_t sotto_pool_evicted(const struct sotto_pool *p) { return p->evicted; }
uint64_t sotto_pool_seq(const struct sotto_pool *p) { return p->seq; }

static int best_first(const void *a, const void *b)
{
    return sotto_pool_compare(*(const struct sotto_pool_entry *const *)a, *(const struct sotto_pool_entry *const *)b);
}

void sotto_pool_each(const struct sotto_pool *p, bool (*fn)(void *ctx, const struct sotto_pool_entry *e), void *ctx)
{
    const struct sotto_pool_entry **all = malloc((p->count + 1) * sizeof *all);
    const struct entry *e;
    uint32_t count = 0;
    for (e = sotto_series_first(&p->arrivals); e; e = sotto_series_next(&p->arrivals, e)) {
        if (all) all[count++] = &e->e;
        else if (!fn(ctx, &e->e)) return;         /* memory is out: in order of arrival then */
    }
    if (!all) return;
    qsort(all, count, sizeof *all, best_first);
    for (uint32_t i = 0; i < count && fn(ctx, all[i]); i++) {
    }
    free(all);
}

const struct sotto_pool_entry *sotto_pool_after(const struct sotto_pool *p, uint64_t seq)
{
    const struct entry *e = sotto_series_after(&p->arrivals, seq);
    return e ? &e->e : NULL;
}

const struct sotto_pool_entry *sotto_pool_next(const struct sotto_pool *p, const struct sotto_pool_entry *e)
{
    const struct entry *next = sotto_series_next(&p->arrivals, e);
    return next ? &next->e : NULL;
}
