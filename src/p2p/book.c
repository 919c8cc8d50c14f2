#include "p2p/book.h"

#include <sodium.h>
#include <stdlib.h>

#define BUCKETS (SOTTO_BOOK_NEW_BUCKETS + SOTTO_BOOK_TRIED_BUCKETS)       /* the tried ones behind the new ones */
#define SLOTS_MAX 64u
#define CHAINS 4096u
#define NONE UINT16_MAX
#define GUESSES 16u                       /* groups asked at random before all are counted */
#define FAILURES_MAX 255u
#define HEARD_AGAIN_S 600u                /* two tellings this close are one */

_Static_assert(crypto_shorthash_siphash24_KEYBYTES == 16 && crypto_shorthash_siphash24_BYTES == 8, "SipHash-2-4");
_Static_assert(SOTTO_BOOK_NEW_SLOTS <= SLOTS_MAX && SOTTO_BOOK_TRIED_SLOTS <= SLOTS_MAX && SOTTO_BOOK_MAX < NONE, "slots");

struct entry {
    struct sotto_book_entry e;
    struct sotto_group group, source;     /* of the address it was learnt with; of who told it */
    uint16_t bucket, slot, next;          /* next: of its chain by key */
    uint16_t group_id, group_next, group_last;         /* the others of its group, both ways */
};
struct bucket { uint16_t at[SLOTS_MAX]; unsigned count; };
struct group { struct sotto_group name; uint16_t members, next, first; };

struct sotto_book {
    struct sotto_book_config config;
    uint8_t secret[16];
    unsigned count, live;                 /* live: see the function */
    uint64_t changes;
    uint16_t heads[CHAINS];               /* entries by key */
    uint16_t group_heads[CHAINS];
    unsigned group_count, tried;
    struct bucket buckets[BUCKETS];
    struct entry entries[SOTTO_BOOK_MAX];              /* dense; calloc'd: pages that were never used are never touched */
    struct group groups[SOTTO_BOOK_MAX];               /* dense as well */
};

enum sotto_err sotto_book_new(struct sotto_book **out, const struct sotto_book_config *config)
{
    SOTTO_ASSERT(config->rng && config->group);
    struct sotto_book *b = calloc(1, sizeof *b);
    if (!b) return SOTTO_ERR_NOMEM;
    b->config = *config;
    sotto_rng_fill(config->rng, b->secret, sizeof b->secret);
    memset(b->heads, 0xff, sizeof b->heads);
    memset(b->group_heads, 0xff, sizeof b->group_heads);
    *out = b;
    return SOTTO_OK;
}

void sotto_book_free(struct sotto_book *b) { free(b); }

/* ---- places ---- */

static uint64_t hash(const struct sotto_book *b, const void *data, size_t size)
{
    uint8_t out[8];
    crypto_shorthash_siphash24(out, data, size, b->secret);
    return sotto_le64(out);
}

static unsigned chain_of_key(const struct sotto_book *b, const uint8_t key[64]) { return (unsigned)(hash(b, key, 64) % CHAINS); }
static unsigned chain_of_group(const struct sotto_book *b, const struct sotto_group *g) { return (unsigned)(hash(b, g->b, sizeof g->b) % CHAINS); }

/* What is hashed begins with a byte for the use, so that no two uses share a value. */
static unsigned bucket_new(const struct sotto_book *b, const struct sotto_group *group, const struct sotto_group *source)
{
    uint8_t text[1 + 2 * sizeof group->b] = { 'n' }, which[2 + sizeof source->b] = { 's' };
    memcpy(text + 1, group->b, sizeof group->b);
    memcpy(text + 1 + sizeof group->b, source->b, sizeof source->b);
    which[1] = (uint8_t)(hash(b, text, sizeof text) % SOTTO_BOOK_PER_SOURCE);
    memcpy(which + 2, source->b, sizeof source->b);
    return (unsigned)(hash(b, which, sizeof which) % SOTTO_BOOK_NEW_BUCKETS);
}

static unsigned bucket_tried(const struct sotto_book *b, const struct sotto_group *group, const uint8_t key[64])
{
    uint8_t text[2 + sizeof group->b] = { 't', (uint8_t)(hash(b, key, 64) >> 32) % SOTTO_BOOK_PER_GROUP };
    memcpy(text + 2, group->b, sizeof group->b);
    return SOTTO_BOOK_NEW_BUCKETS + (unsigned)(hash(b, text, sizeof text) % SOTTO_BOOK_TRIED_BUCKETS);
}

static unsigned home_of(const struct sotto_book *b, const struct entry *x)
{
    return x->e.tried ? bucket_tried(b, &x->group, x->e.key) : bucket_new(b, &x->group, &x->source);
}

static unsigned slots_of(unsigned bucket) { return bucket < SOTTO_BOOK_NEW_BUCKETS ? SOTTO_BOOK_NEW_SLOTS : SOTTO_BOOK_TRIED_SLOTS; }

static struct entry *find(const struct sotto_book *b, const uint8_t key[64])
{
    for (uint16_t at = b->heads[chain_of_key(b, key)]; at != NONE; at = b->entries[at].next)
        if (memcmp(b->entries[at].e.key, key, 64) == 0) return (struct entry *)&b->entries[at];
    return NULL;
}

/* ---- groups: a number for each that has members ---- */

static uint16_t *group_link(struct sotto_book *b, const struct sotto_group *name)
{
    uint16_t *at = &b->group_heads[chain_of_group(b, name)];
    while (*at != NONE && !sotto_group_equal(&b->groups[*at].name, name)) at = &b->groups[*at].next;
    return at;
}

static void group_join(struct sotto_book *b, uint16_t entry)
{
    struct entry *x = &b->entries[entry];
    uint16_t *at = group_link(b, &x->group);
    if (*at == NONE) {
        b->groups[b->group_count] = (struct group){ .name = x->group, .next = NONE, .first = NONE };
        *at = (uint16_t)b->group_count++;
    }
    struct group *g = &b->groups[*at];
    x->group_id = *at;
    x->group_next = g->first;
    x->group_last = NONE;
    if (g->first != NONE) b->entries[g->first].group_last = entry;
    g->first = entry;
    g->members++;
}

static void group_leave(struct sotto_book *b, const struct entry *x)
{
    uint16_t id = x->group_id;
    struct group *g = &b->groups[id];
    if (x->group_next != NONE) b->entries[x->group_next].group_last = x->group_last;
    if (x->group_last != NONE) b->entries[x->group_last].group_next = x->group_next;
    else g->first = x->group_next;
    if (--g->members > 0) return;
    *group_link(b, &g->name) = g->next;
    struct group *last = &b->groups[--b->group_count];
    if (last == g) return;
    *group_link(b, &last->name) = id;                  /* the last one moves into the hole */
    for (uint16_t m = last->first; m != NONE; m = b->entries[m].group_next) b->entries[m].group_id = id;
    *g = *last;
}

/* ---- putting in, taking out ---- */

static bool live(const struct sotto_book_entry *e) { return e->alive_s != 0 && e->failures == 0; }

static uint16_t index_of(const struct sotto_book *b, const struct entry *x) { return (uint16_t)(x - b->entries); }

static void bucket_put(struct sotto_book *b, struct entry *x, unsigned bucket)
{
    struct bucket *k = &b->buckets[bucket];
    SOTTO_ASSERT(k->count < slots_of(bucket));
    x->bucket = (uint16_t)bucket;
    x->slot = (uint16_t)k->count;
    k->at[k->count++] = index_of(b, x);
}

static void bucket_take(struct sotto_book *b, struct entry *x)
{
    struct bucket *k = &b->buckets[x->bucket];
    k->at[x->slot] = k->at[--k->count];
    b->entries[k->at[x->slot]].slot = x->slot;
}

static uint16_t *link_to(struct sotto_book *b, const struct entry *x)
{
    uint16_t *at = &b->heads[chain_of_key(b, x->e.key)], want = index_of(b, x);
    while (*at != want) at = &b->entries[*at].next;
    return at;
}

static void add(struct sotto_book *b, const struct entry *x, unsigned bucket)
{
    struct entry *fresh = &b->entries[b->count++];
    *fresh = *x;
    group_join(b, index_of(b, fresh));
    uint16_t *head = &b->heads[chain_of_key(b, x->e.key)];
    fresh->next = *head;
    *head = index_of(b, fresh);
    bucket_put(b, fresh, bucket);
    b->live += live(&fresh->e);
    b->tried += fresh->e.tried;
}

static void remove_entry(struct sotto_book *b, struct entry *x)
{
    b->live -= live(&x->e);
    b->tried -= x->e.tried;
    bucket_take(b, x);
    group_leave(b, x);
    *link_to(b, x) = x->next;
    struct entry *last = &b->entries[--b->count];
    if (last == x) return;
    *link_to(b, last) = index_of(b, x);                /* the last one moves into the hole */
    b->buckets[last->bucket].at[last->slot] = index_of(b, x);
    if (last->group_next != NONE) b->entries[last->group_next].group_last = index_of(b, x);
    if (last->group_last != NONE) b->entries[last->group_last].group_next = index_of(b, x);
    else b->groups[last->group_id].first = index_of(b, x);
    *x = *last;
}

/* ---- who gives way ---- */

static bool hopeless(const struct sotto_book_entry *e, uint64_t now_s)
{
    if (e->heard_s + SOTTO_BOOK_OLD_S < now_s && e->alive_s + SOTTO_BOOK_OLD_S < now_s) return true;
    if (e->alive_s == 0) return e->failures >= SOTTO_BOOK_FAILS_NEW;
    return e->failures >= SOTTO_BOOK_FAILS_TRIED && e->alive_s + SOTTO_BOOK_SILENT_S < now_s;
}

/* Of a full bucket: who goes for one of that group. NULL: nobody. */
static struct entry *loser(struct sotto_book *b, unsigned bucket, const struct sotto_group *newcomer, uint64_t now_s)
{
    struct bucket *k = &b->buckets[bucket];
    struct entry *worst = NULL;
    unsigned most = 0, own = 1;
    for (unsigned i = 0; i < k->count; i++) {
        struct entry *x = &b->entries[k->at[i]];
        if (hopeless(&x->e, now_s) && (!worst || x->e.heard_s < worst->e.heard_s)) worst = x;
        own += sotto_group_equal(&x->group, newcomer);
    }
    if (worst) return worst;
    for (unsigned i = 0; i < k->count; i++) {
        struct entry *x = &b->entries[k->at[i]];
        unsigned members = 0;
        for (unsigned j = 0; j < k->count; j++) members += b->entries[k->at[j]].group_id == x->group_id;
        if (members <= own || members < most) continue;
        /* of the most crowded one the member that we know least good of: failed, never seen, longest not seen or heard of */
        bool worse = !worst || members > most || x->e.failures > worst->e.failures ||
                     (x->e.failures == worst->e.failures && (x->e.alive_s < worst->e.alive_s ||
                                                             (x->e.alive_s == worst->e.alive_s && x->e.heard_s < worst->e.heard_s)));
        if (worse) worst = x;
        most = members;
    }
    return worst;
}

static bool make_room(struct sotto_book *b, unsigned bucket, const struct sotto_group *newcomer, uint64_t now_s)
{
    if (b->buckets[bucket].count < slots_of(bucket)) return true;
    struct entry *x = loser(b, bucket, newcomer, now_s);
    if (!x) return false;
    if (x->e.tried && !hopeless(&x->e, now_s)) {       /* it has done no wrong: back among the new ones, if there is a place */
        struct entry back = *x;
        back.e.tried = false;
        unsigned home = home_of(b, &back);
        remove_entry(b, x);
        if (b->buckets[home].count < SOTTO_BOOK_NEW_SLOTS) add(b, &back, home);
    } else {
        remove_entry(b, x);
    }
    return true;
}

/* ---- learning ---- */

static bool dialable(const struct sotto_book *b, const struct sotto_addr *a)
{
    if (a->port == 0) return false;
    switch (sotto_disc_class(a)) {
    case SOTTO_DISC_LOOPBACK: return b->config.local;
    case SOTTO_DISC_PUBLIC: return !b->config.local;
    case SOTTO_DISC_LAN: return b->config.lan && !b->config.local;
    case SOTTO_DISC_NOWHERE: break;
    }
    return false;
}

static bool same_ip(const struct sotto_addr *a, const struct sotto_addr *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, a->family == 4 ? 4 : 16) == 0;
}

static unsigned which(const struct sotto_addr *a) { return a->family == 6; }

/* An address of a known node: another one is believed if the node says so itself, or if the old one was of no use. */
static void learn_address(struct sotto_book *b, struct entry *x, const struct sotto_addr *addr, const struct sotto_addr *source)
{
    struct sotto_addr *mine = &x->e.addr[which(addr)];
    if (mine->family && sotto_addr_equal(mine, addr)) return;
    bool itself = same_ip(addr, source), useless = !x->e.tried && x->e.failures > 0;
    if (!itself && !useless && (mine->family || x->e.tried)) return;
    struct sotto_addr old = *mine;
    *mine = *addr;
    b->changes++;
    /* it stands in its buckets under the group of its IPv4 address, if it has one; when that moves, the entry does */
    const struct sotto_addr *first = x->e.addr[0].family ? &x->e.addr[0] : &x->e.addr[1];
    struct entry moved = *x;
    moved.group = b->config.group(first, b->config.local);
    if (sotto_group_equal(&moved.group, &x->group)) return;
    unsigned home = home_of(b, &moved);
    if (home != x->bucket && b->buckets[home].count == slots_of(home)) {
        *mine = old;
        return;
    }
    remove_entry(b, x);
    add(b, &moved, home);
}

enum sotto_err sotto_book_learn(struct sotto_book *b, const struct sotto_enode *node, const struct sotto_addr *source, struct sotto_now now)
{
    uint64_t now_s = now.wall_ms / 1000;
    if (sotto_all_zero(node->key, 64)) return SOTTO_ERR_KEY;
    if (!dialable(b, &node->addr) || !sotto_disc_may_tell(source, &node->addr)) return SOTTO_ERR_RANGE;
    struct entry *known = find(b, node->key);
    if (known) {
        if (known->e.heard_s + HEARD_AGAIN_S < now_s) known->e.heard_s = now_s;
        learn_address(b, known, &node->addr, source);
        return SOTTO_ERR_EXISTS;
    }
    struct entry x = { .group = b->config.group(&node->addr, b->config.local), .source = b->config.group(source, b->config.local) };
    memcpy(x.e.key, node->key, 64);
    x.e.addr[which(&node->addr)] = node->addr;
    x.e.heard_s = now_s;
    unsigned bucket = home_of(b, &x);
    if (!make_room(b, bucket, &x.group, now_s)) return SOTTO_ERR_FULL;
    add(b, &x, bucket);
    b->changes++;
    return SOTTO_OK;
}

/* ---- what became of it ---- */

bool sotto_book_find(const struct sotto_book *b, struct sotto_book_entry *out, const uint8_t key[64])
{
    const struct entry *x = find(b, key);
    if (x && out) *out = x->e;
    return x != NULL;
}

void sotto_book_dialled(struct sotto_book *b, const uint8_t key[64], unsigned failures, uint64_t next_us)
{
    struct entry *x = find(b, key);
    if (!x) return;
    b->live -= live(&x->e);
    x->e.failures = failures < FAILURES_MAX ? failures : FAILURES_MAX;
    if (x->e.next_us < next_us) x->e.next_us = next_us;
    b->live += live(&x->e);
}

void sotto_book_alive(struct sotto_book *b, const uint8_t key[64], bool good, struct sotto_now now)
{
    uint64_t now_s = now.wall_ms / 1000;
    struct entry *x = find(b, key);
    if (!x) return;
    b->live -= live(&x->e);
    x->e.alive_s = now_s ? now_s : 1;
    if (x->e.heard_s < now_s) x->e.heard_s = now_s;
    if (good) x->e.failures = 0, x->e.next_us = 0;
    b->live += live(&x->e);
    if (!good || x->e.tried) return;
    struct entry moved = *x;
    moved.e.tried = true;
    unsigned home = home_of(b, &moved);
    remove_entry(b, x);                                /* its own place becomes free for whom it pushes out */
    if (!make_room(b, home, &moved.group, now_s)) {
        moved.e.tried = false;
        home = home_of(b, &moved);
    }
    add(b, &moved, home);
}

void sotto_book_rest(struct sotto_book *b, const uint8_t key[64], uint64_t next_us)
{
    struct entry *x = find(b, key);
    if (x && x->e.next_us < next_us) x->e.next_us = next_us;
}

void sotto_book_forget(struct sotto_book *b, const uint8_t key[64])
{
    struct entry *x = find(b, key);
    if (x) remove_entry(b, x);
}

/* ---- drawing ---- */

static bool in_table(const struct entry *x, enum sotto_book_table t) { return t == SOTTO_BOOK_ANY || x->e.tried == (t == SOTTO_BOOK_TRIED); }

struct drawing {
    struct sotto_book *b;
    enum sotto_book_table table;
    bool hopeful;
    sotto_book_fit *fit;
    void *ctx;
    struct sotto_now now;
    uint64_t wait_us;
};

static bool drawable(struct drawing *d, const struct entry *x)
{
    if (!in_table(x, d->table) || hopeless(&x->e, d->now.wall_ms / 1000) == d->hopeful || !d->fit(d->ctx, &x->e)) return false;
    if (x->e.next_us <= d->now.mono_us) return true;
    if (x->e.next_us < d->wait_us) d->wait_us = x->e.next_us;
    return false;
}

/* One of the group's members that may be drawn, each with equal chance. */
static struct entry *member(struct drawing *d, unsigned group)
{
    struct entry *best = NULL;
    unsigned count = 0;
    for (uint16_t m = d->b->groups[group].first; m != NONE; m = d->b->entries[m].group_next) {
        struct entry *x = &d->b->entries[m];
        if (drawable(d, x) && (++count == 1 || sotto_rng_below(d->b->config.rng, count) == 0)) best = x;
    }
    return best;
}

/* Groups at random until one has somebody; after some in vain all of them in turn, each that has with equal chance. Either way every
 * group that has somebody is as likely as the others. */
static struct entry *draw(struct drawing *d)
{
    struct sotto_book *b = d->b;
    unsigned count = 0, chosen = 0;
    for (unsigned i = 0; i < GUESSES && b->group_count > GUESSES; i++) {
        struct entry *x = member(d, (unsigned)sotto_rng_below(b->config.rng, b->group_count));
        if (x) return x;
    }
    for (unsigned g = 0; g < b->group_count; g++) {
        bool has = false;
        for (uint16_t m = b->groups[g].first; m != NONE && !has; m = b->entries[m].group_next) has = drawable(d, &b->entries[m]);
        if (has && (++count == 1 || sotto_rng_below(b->config.rng, count) == 0)) chosen = g;
    }
    return count ? member(d, chosen) : NULL;
}

bool sotto_book_draw(struct sotto_book *b, struct sotto_book_entry *out, uint64_t *wait_us, enum sotto_book_table t, sotto_book_fit *fit, void *ctx,
                     struct sotto_now now)
{
    struct drawing d = { .b = b, .fit = fit, .ctx = ctx, .now = now, .wait_us = UINT64_MAX };
    struct entry *x = NULL;
    enum sotto_book_table first = t, second = t;
    if (t == SOTTO_BOOK_ANY && b->count) {
        first = sotto_rng_below(b->config.rng, 2) ? SOTTO_BOOK_TRIED : SOTTO_BOOK_NEW;
        second = first == SOTTO_BOOK_NEW ? SOTTO_BOOK_TRIED : SOTTO_BOOK_NEW;
    }
    for (unsigned round = 0; !x && round < 2; round++) {
        d.hopeful = round == 0;
        d.table = first;
        x = draw(&d);
        d.table = second;
        if (!x && second != first) x = draw(&d);
    }
    if (x) *out = x->e;
    else if (wait_us) *wait_us = d.wait_us;
    return x != NULL;
}

/* ---- looking ---- */

unsigned sotto_book_count(const struct sotto_book *b, enum sotto_book_table t)
{
    return t == SOTTO_BOOK_ANY ? b->count : t == SOTTO_BOOK_TRIED ? b->tried : b->count - b->tried;
}
unsigned sotto_book_live(const struct sotto_book *b) { return b->live; }
uint64_t sotto_book_changes(const struct sotto_book *b) { return b->changes; }
bool sotto_book_at(const struct sotto_book *b, unsigned index, struct sotto_book_entry *out)
{
    if (index >= b->count) return false;
    *out = b->entries[index].e;
    return true;
}

/* ---- as bytes ---- */

static enum sotto_err add_address(struct sotto_buf *out, const struct sotto_addr *a)
{
    SOTTO_TRY(sotto_buf_add_u8(out, a->family));
    if (a->family) {
        SOTTO_TRY(sotto_buf_add(out, a->ip, a->family == 4 ? 4 : 16));
        SOTTO_TRY(sotto_buf_add_u16(out, a->port));
    }
    return SOTTO_OK;
}

static enum sotto_err get_address(struct sotto_reader *r, struct sotto_addr *a, uint8_t family)
{
    memset(a, 0, sizeof *a);
    SOTTO_TRY(sotto_get_u8(r, &a->family));
    if (a->family == 0) return SOTTO_OK;
    if (a->family != family) return SOTTO_ERR_FORMAT;
    SOTTO_TRY(sotto_get_bytes(r, a->ip, family == 4 ? 4 : 16));
    SOTTO_TRY(sotto_get_u16(r, &a->port));
    return a->port ? SOTTO_OK : SOTTO_ERR_FORMAT;
}

static enum sotto_err save_one(struct sotto_buf *out, const struct entry *x, struct sotto_now now)
{
    uint64_t wait_us = x->e.next_us > now.mono_us ? x->e.next_us - now.mono_us : 0;
    if (wait_us > SOTTO_BOOK_REST_MAX_US) wait_us = SOTTO_BOOK_REST_MAX_US;
    SOTTO_TRY(sotto_buf_add(out, x->e.key, 64));
    SOTTO_TRY(add_address(out, &x->e.addr[0]));
    SOTTO_TRY(add_address(out, &x->e.addr[1]));
    SOTTO_TRY(sotto_buf_add_u8(out, x->e.tried));
    SOTTO_TRY(sotto_buf_add_u8(out, (uint8_t)x->e.failures));
    SOTTO_TRY(sotto_buf_add_u32(out, (uint32_t)(wait_us / 1000000)));
    SOTTO_TRY(sotto_buf_add_u64(out, x->e.heard_s));
    SOTTO_TRY(sotto_buf_add_u64(out, x->e.alive_s));
    SOTTO_TRY(sotto_buf_add_u8(out, x->source.size));
    return sotto_buf_add(out, x->source.b, sizeof x->source.b);
}

enum sotto_err sotto_book_save(const struct sotto_book *b, struct sotto_buf *out, struct sotto_now now)
{
    size_t before = out->size;
    enum sotto_err err = sotto_buf_add_u8(out, SOTTO_BOOK_VERSION);
    if (err == SOTTO_OK) err = sotto_buf_add(out, b->secret, sizeof b->secret);
    if (err == SOTTO_OK) err = sotto_buf_add_u16(out, (uint16_t)b->count);
    for (unsigned i = 0; err == SOTTO_OK && i < b->count; i++) err = save_one(out, &b->entries[i], now);
    if (err != SOTTO_OK) out->size = before;
    return err;
}

static enum sotto_err load_one(const struct sotto_book *b, struct sotto_reader *r, struct entry *x, struct sotto_now now)
{
    uint8_t tried, failures;
    uint32_t wait_s;
    memset(x, 0, sizeof *x);
    SOTTO_TRY(sotto_get_bytes(r, x->e.key, 64));
    SOTTO_TRY(get_address(r, &x->e.addr[0], 4));
    SOTTO_TRY(get_address(r, &x->e.addr[1], 6));
    SOTTO_TRY(sotto_get_u8(r, &tried));
    SOTTO_TRY(sotto_get_u8(r, &failures));
    SOTTO_TRY(sotto_get_u32(r, &wait_s));
    SOTTO_TRY(sotto_get_u64(r, &x->e.heard_s));
    SOTTO_TRY(sotto_get_u64(r, &x->e.alive_s));
    SOTTO_TRY(sotto_get_u8(r, &x->source.size));
    SOTTO_TRY(sotto_get_bytes(r, x->source.b, sizeof x->source.b));
    const struct sotto_addr *first = x->e.addr[0].family ? &x->e.addr[0] : &x->e.addr[1];
    if (tried > 1 || wait_s > SOTTO_BOOK_REST_MAX_US / 1000000 || x->e.heard_s >> 48 || x->e.alive_s >> 48 || (tried && !x->e.alive_s) ||
        x->source.size > sizeof x->source.b || !sotto_all_zero(x->source.b + x->source.size, sizeof x->source.b - x->source.size) ||
        !first->family || sotto_all_zero(x->e.key, 64)) return SOTTO_ERR_FORMAT;
    x->e.tried = tried;
    x->e.failures = failures;
    x->e.next_us = wait_s ? now.mono_us + wait_s * 1000000ull : 0;
    x->group = b->config.group(first, b->config.local);
    return SOTTO_OK;
}

enum sotto_err sotto_book_load(struct sotto_book *b, struct sotto_span bytes, struct sotto_now now)
{
    struct sotto_reader r = sotto_reader(bytes);
    struct sotto_book *fresh;
    uint8_t version;
    uint16_t count;
    SOTTO_ASSERT(b->count == 0);
    SOTTO_TRY(sotto_get_u8(&r, &version));
    if (version != SOTTO_BOOK_VERSION) return version > SOTTO_BOOK_VERSION ? SOTTO_ERR_NEWER : SOTTO_ERR_FORMAT;
    SOTTO_TRY(sotto_book_new(&fresh, &b->config));
    enum sotto_err err = sotto_get_bytes(&r, fresh->secret, sizeof fresh->secret);
    if (err == SOTTO_OK) err = sotto_get_u16(&r, &count);
    if (err == SOTTO_OK && count > SOTTO_BOOK_MAX) err = SOTTO_ERR_FORMAT;
    for (unsigned i = 0; err == SOTTO_OK && i < count; i++) {
        struct entry x;
        err = load_one(fresh, &r, &x, now);
        if (err == SOTTO_OK && find(fresh, x.e.key)) err = SOTTO_ERR_FORMAT;
        if (err != SOTTO_OK) break;
        bool dials = true;
        for (unsigned a = 0; a < 2; a++) dials &= !x.e.addr[a].family || dialable(fresh, &x.e.addr[a]);
        unsigned home = home_of(fresh, &x);
        if (!dials) continue;
        if (fresh->buckets[home].count == slots_of(home)) err = SOTTO_ERR_FORMAT;     /* no book of ours */
        else add(fresh, &x, home);
    }
    if (err == SOTTO_OK) err = sotto_get_end(&r);
    if (err == SOTTO_OK) {
        uint64_t changes = b->changes + 1;
        memcpy(b, fresh, offsetof(struct sotto_book, entries));        /* no more than is in use */
        memcpy(b->entries, fresh->entries, fresh->count * sizeof *b->entries);
        memcpy(b->groups, fresh->groups, fresh->group_count * sizeof *b->groups);
        b->changes = changes;
    }
    sotto_book_free(fresh);
    return err;
}
