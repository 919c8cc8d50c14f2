#include "p2p/dial.h"

#include "p2p/state.h"

#include <stdlib.h>

#define GUARDS 2u
#define FIRST_GENERAL 2u                  /* general peers of the last run that are dialled before anything else */
#define KNOCKS SOTTO_DIAL_PLACES_MAX      /* the place of the feeler is behind the others */
#define VERSION 1u
#define LOOK_SMALL 64u                    /* a book of fewer is looked through at once whenever it grows */
#define LOOK_EACH_US 250u                 /* a full one once a second */

struct node {
    uint8_t key[64];
    struct sotto_addr addr[2];            /* IPv4, IPv6; family 0 = none */
    unsigned failures;                    /* of guards and bootstrap nodes; those of the others are in the book */
    uint64_t next_us;
};
struct guard {
    bool chosen;
    struct node node;
    uint64_t until_s, lost_us;            /* unix time; uptime without it */
    uint64_t since_us;                    /* lost_us was counted up to here */
};
enum phase { FREE, TRYING, UP };
struct place {
    enum phase phase;
    uint32_t ticket;
    struct node node;
    unsigned failures;                    /* at this dial, itself counted */
    bool opened, second;                  /* TCP stands; the other address waits */
    uint64_t second_us, up_us;
    uint64_t free_us;                     /* FREE: not filled before */
    int boot;                             /* which bootstrap node, -1: none */
};

struct sotto_dial {
    struct sotto_dial_config config;
    struct place places[SOTTO_DIAL_PLACES_MAX + 1];
    struct guard guards[GUARDS];
    struct node first[FIRST_GENERAL];     /* to begin with; addr of family 0 = none */
    struct node boot[SOTTO_DIAL_BOOTSTRAP_MAX];
    unsigned boot_count, guard_places;
    uint32_t tickets;
    bool boot_turn, started;
    uint64_t feeler_us, look_us;          /* look_us: nothing to be found for a free place before */
    uint64_t floor_us;                    /* and nobody looks before, whatever comes into the book: looking through a large one costs */
    uint64_t seen;                        /* changes of the book */
};

uint64_t sotto_dial_delay_us(struct sotto_rng *rng, unsigned failures, bool local)
{
    uint64_t us = local ? SOTTO_REDIAL_LOCAL_US : SOTTO_REDIAL_US, max = local ? SOTTO_REDIAL_LOCAL_MAX_US : SOTTO_REDIAL_MAX_US;
    for (; failures && us < max; failures--) us *= 2;
    if (us > max) us = max;
    return us / 100 * (100 - SOTTO_REDIAL_SPREAD_PERCENT + sotto_rng_below(rng, 2 * SOTTO_REDIAL_SPREAD_PERCENT + 1));
}

enum sotto_err sotto_dial_new(struct sotto_dial **out, const struct sotto_dial_config *config)
{
    SOTTO_ASSERT(config->book && config->rng && config->group && config->outbound_max <= SOTTO_DIAL_PLACES_MAX);
    struct sotto_dial *d = calloc(1, sizeof *d);
    if (!d) return SOTTO_ERR_NOMEM;
    d->config = *config;
    d->guard_places = config->outbound_max > GUARDS ? GUARDS : 0;
    *out = d;
    return SOTTO_OK;
}

void sotto_dial_free(struct sotto_dial *d) { free(d); }

enum sotto_err sotto_dial_bootstrap(struct sotto_dial *d, const struct sotto_enode *node)
{
    for (unsigned i = 0; i < d->boot_count; i++)
        if (memcmp(d->boot[i].key, node->key, 64) == 0) return SOTTO_ERR_EXISTS;
    if (d->boot_count == SOTTO_DIAL_BOOTSTRAP_MAX) return SOTTO_ERR_FULL;
    struct node *n = &d->boot[d->boot_count++];
    memcpy(n->key, node->key, 64);
    n->addr[node->addr.family == 6] = node->addr;
    d->look_us = 0;
    return SOTTO_OK;
}

/* ---- groups ---- */

/* The groups of a node's two addresses; size 0 where there is none. */
struct groups { struct sotto_group of[2]; };

static struct groups groups_of(const struct sotto_dial *d, const struct sotto_addr addr[2])
{
    struct groups g = { { { .size = 0 } } };
    for (unsigned i = 0; i < 2; i++)
        if (addr[i].family) g.of[i] = d->config.group(&addr[i], d->config.local);
    return g;
}

static bool share(const struct groups *a, const struct groups *b)
{
    return (a->of[0].size && sotto_group_equal(&a->of[0], &b->of[0])) || (a->of[1].size && sotto_group_equal(&a->of[1], &b->of[1]));
}

struct search {
    struct sotto_dial *d;
    unsigned place;
    struct sotto_now now;
    struct groups taken[SOTTO_DIAL_PLACES_MAX + GUARDS];      /* of the other peers, and of guards that are away */
    unsigned taken_count;
};

static struct search search_for(struct sotto_dial *d, unsigned place, struct sotto_now now)
{
    struct search s = { .d = d, .place = place, .now = now };
    for (unsigned i = 0; i < d->config.outbound_max && place != KNOCKS; i++)
        if (d->places[i].phase != FREE) s.taken[s.taken_count++] = groups_of(d, d->places[i].node.addr);
    for (unsigned i = 0; i < d->guard_places && place != KNOCKS; i++)
        if (i != place && d->guards[i].chosen) s.taken[s.taken_count++] = groups_of(d, d->guards[i].node.addr);
    return s;
}

/* May that node take the place? For a feeler only who it is counts. */
static bool fits(const struct search *s, const uint8_t key[64], const struct sotto_addr addr[2])
{
    const struct sotto_dial *d = s->d;
    struct groups mine = groups_of(d, addr);
    for (unsigned i = 0; i < s->taken_count; i++)
        if (share(&s->taken[i], &mine)) return false;
    for (unsigned i = 0; i < d->config.outbound_max; i++)
        if (d->places[i].phase != FREE && memcmp(d->places[i].node.key, key, 64) == 0) return false;
    if (d->places[KNOCKS].phase != FREE && memcmp(d->places[KNOCKS].node.key, key, 64) == 0) return false;
    return !d->config.barred(d->config.owner, key, addr, s->now);
}

static bool fits_entry(void *ctx, const struct sotto_book_entry *e) { return fits(ctx, e->key, e->addr); }

/* ---- choosing ---- */

static enum sotto_dial_kind kind_of(const struct sotto_dial *d, unsigned place)
{
    if (place == KNOCKS) return SOTTO_DIAL_FEELER;
    if (place < d->guard_places) return place == 0 ? SOTTO_DIAL_GUARD : SOTTO_DIAL_BACKUP;
    return d->guard_places && place == d->guard_places ? SOTTO_DIAL_STEM : SOTTO_DIAL_GENERAL;
}

static void soonest(uint64_t *at, uint64_t us) { if (us < *at) *at = us; }

static bool take_node(struct search *s, const struct node *from, struct node *out, uint64_t *wait_us)
{
    if (!fits(s, from->key, from->addr)) return false;
    if (from->next_us > s->now.mono_us) {
        soonest(wait_us, from->next_us);
        return false;
    }
    *out = *from;
    return true;
}

static bool take_first(struct search *s, struct node *out)
{
    for (unsigned i = 0; i < FIRST_GENERAL; i++) {
        struct node *n = &s->d->first[i];
        struct node here = *n;
        if (!n->addr[0].family && !n->addr[1].family) continue;
        memset(n, 0, sizeof *n);                       /* one try */
        if (!fits(s, here.key, here.addr)) continue;
        *out = here;
        return true;
    }
    return false;
}

static bool take_book(struct search *s, struct node *out, enum sotto_book_table table, uint64_t *wait_us)
{
    struct sotto_book_entry e;
    uint64_t wait = UINT64_MAX;
    if (!sotto_book_draw(s->d->config.book, &e, &wait, table, fits_entry, s, s->now)) {
        soonest(wait_us, wait);
        return false;
    }
    memset(out, 0, sizeof *out);
    memcpy(out->key, e.key, 64);
    memcpy(out->addr, e.addr, sizeof e.addr);
    out->failures = e.failures;
    return true;
}

static bool take_boot(struct search *s, struct node *out, int *which, uint64_t *wait_us)
{
    struct sotto_dial *d = s->d;
    unsigned count = 0;
    if (sotto_book_live(d->config.book) >= SOTTO_DIAL_LIVE) return false;
    for (unsigned i = 0; i < d->boot_count; i++) {
        struct node n;
        if (!take_node(s, &d->boot[i], &n, wait_us)) continue;
        if (++count > 1 && sotto_rng_below(d->config.rng, count) != 0) continue;
        *out = n;
        *which = (int)i;
    }
    return count > 0;
}

/* While few of the book live, every second dial goes to a bootstrap node: a book full of inventions must not hide them. Guards rather
 * out of those that have proven themselves. */
static bool take_any(struct search *s, struct node *out, int *boot, uint64_t *wait_us)
{
    struct sotto_dial *d = s->d;
    if (d->boot_turn && take_boot(s, out, boot, wait_us)) {
        d->boot_turn = false;
        return true;
    }
    d->boot_turn = true;
    if (s->place < d->guard_places && take_book(s, out, SOTTO_BOOK_TRIED, wait_us)) return true;
    return take_book(s, out, SOTTO_BOOK_ANY, wait_us) || take_boot(s, out, boot, wait_us);
}

static bool begin(struct sotto_dial *d, unsigned place, const struct node *n, int boot, struct sotto_dial_want *out, struct sotto_now now)
{
    struct place *p = &d->places[place];
    uint64_t next_us = now.mono_us + sotto_dial_delay_us(d->config.rng, n->failures, d->config.local);
    unsigned six = n->addr[1].family != 0;
    if (++d->tickets == 0) d->tickets = 1;
    *p = (struct place){ .phase = TRYING, .ticket = d->tickets, .node = *n, .failures = n->failures + 1, .boot = boot,
                         .second = six && n->addr[0].family, .second_us = now.mono_us + SOTTO_DIAL_SECOND_US };
    sotto_book_dialled(d->config.book, n->key, p->failures, next_us);
    struct node *kept = boot >= 0 ? &d->boot[boot] : place < d->guard_places && d->guards[place].chosen ? &d->guards[place].node : NULL;
    if (kept) {
        kept->failures = p->failures < 32 ? p->failures : 32;
        kept->next_us = next_us;
    }
    *out = (struct sotto_dial_want){ .ticket = p->ticket, .kind = kind_of(d, place), .node.addr = n->addr[six] };
    memcpy(out->node.key, n->key, 64);
    return true;
}

/* ---- guards ---- */

static void guard_count(struct sotto_dial *d, unsigned which, struct sotto_now now)
{
    struct guard *g = &d->guards[which];
    uint64_t passed = now.mono_us > g->since_us ? now.mono_us - g->since_us : 0;
    g->since_us = now.mono_us;
    if (d->places[which].phase == UP) g->lost_us = 0;
    else g->lost_us += passed;
}

/* A guard whose time has come, or who was away for a day of ours, is one no longer. true: its connection is to be closed. */
static bool guard_over(struct sotto_dial *d, unsigned which, struct sotto_dial_want *out, struct sotto_now now)
{
    struct guard *g = &d->guards[which];
    if (!g->chosen) return false;
    guard_count(d, which, now);
    if (now.wall_ms / 1000 < g->until_s && g->lost_us < SOTTO_DIAL_GUARD_LOST_S * SOTTO_SECOND_US) return false;
    memset(g, 0, sizeof *g);
    if (d->places[which].phase == FREE) return false;
    *out = (struct sotto_dial_want){ .ticket = d->places[which].ticket, .close = true };
    return true;
}

static void guard_choose(struct sotto_dial *d, unsigned which, struct sotto_now now)
{
    struct guard *g = &d->guards[which];
    if (!g->chosen) {
        g->chosen = true;
        g->node = d->places[which].node;
        g->until_s = now.wall_ms / 1000 + SOTTO_DIAL_GUARD_S + sotto_rng_below(d->config.rng, SOTTO_DIAL_GUARD_S + 1);
    }
    g->node.failures = 0;
    g->node.next_us = 0;
    g->lost_us = 0;
    g->since_us = now.mono_us;
}

bool sotto_dial_guard(const struct sotto_dial *d, unsigned which, struct sotto_book_entry *out)
{
    SOTTO_ASSERT(which < GUARDS);
    const struct guard *g = &d->guards[which];
    if (!g->chosen) return false;
    *out = (struct sotto_book_entry){ .tried = true, .failures = g->node.failures, .next_us = g->node.next_us };
    memcpy(out->key, g->node.key, 64);
    memcpy(out->addr, g->node.addr, sizeof out->addr);
    return true;
}

/* ---- wishes ---- */

static bool second_address(struct sotto_dial *d, struct sotto_dial_want *out, struct sotto_now now)
{
    for (unsigned i = 0; i <= d->config.outbound_max; i++) {
        struct place *p = &d->places[i < d->config.outbound_max ? i : KNOCKS];
        if (p->phase != TRYING || !p->second || now.mono_us < p->second_us) continue;
        p->second = false;
        *out = (struct sotto_dial_want){ .ticket = p->ticket, .kind = kind_of(d, (unsigned)(p - d->places)), .node.addr = p->node.addr[0] };
        memcpy(out->node.key, p->node.key, 64);
        return true;
    }
    return false;
}

static bool fill(struct sotto_dial *d, unsigned place, struct sotto_dial_want *out, bool first, uint64_t *wait_us, struct sotto_now now)
{
    struct node n;
    int boot = -1;
    bool guard = place < d->guard_places;
    if (d->places[place].phase != FREE) return false;
    if (d->places[place].free_us > now.mono_us) {
        soonest(wait_us, d->places[place].free_us);
        return false;
    }
    struct search s = search_for(d, place, now);
    if (guard && d->guards[place].chosen) return take_node(&s, &d->guards[place].node, &n, wait_us) && begin(d, place, &n, -1, out, now);
    if (!guard && take_first(&s, &n)) return begin(d, place, &n, -1, out, now);
    return !first && take_any(&s, &n, &boot, wait_us) && begin(d, place, &n, boot, out, now);
}

static bool feel(struct sotto_dial *d, struct sotto_dial_want *out, struct sotto_now now)
{
    struct node n;
    uint64_t wait_us = UINT64_MAX;
    if (now.mono_us < d->feeler_us || d->places[KNOCKS].phase != FREE) return false;
    d->feeler_us = now.mono_us + SOTTO_DIAL_FEELER_US;
    struct search s = search_for(d, KNOCKS, now);
    return take_book(&s, &n, SOTTO_BOOK_NEW, &wait_us) && begin(d, KNOCKS, &n, -1, out, now);
}

bool sotto_dial_next(struct sotto_dial *d, struct sotto_dial_want *out, bool first, struct sotto_now now)
{
    uint64_t wait_us = UINT64_MAX, changes = sotto_book_changes(d->config.book);
    if (!d->started) d->feeler_us = now.mono_us + SOTTO_DIAL_FEELER_US;
    d->started = true;
    if (second_address(d, out, now)) return true;
    for (unsigned i = 0; i < d->guard_places; i++)
        if (guard_over(d, i, out, now)) return true;
    if (first || (now.mono_us >= d->floor_us && (now.mono_us >= d->look_us || changes != d->seen))) {
        bool none = false;                             /* what one general place did not find, the next one does not find either */
        for (unsigned i = 0; i < d->config.outbound_max; i++) {
            bool waits = d->places[i].phase == FREE && d->places[i].free_us > now.mono_us;
            if (none && i > d->guard_places && !waits) continue;
            if (fill(d, i, out, first, &wait_us, now)) return true;
            none |= i >= d->guard_places && d->places[i].phase == FREE && !waits;
        }
        if (!first) {
            unsigned count = sotto_book_count(d->config.book, SOTTO_BOOK_ANY);
            d->look_us = wait_us;
            d->floor_us = now.mono_us + (count < LOOK_SMALL ? 0 : count * LOOK_EACH_US);
            d->seen = changes;
        }
    }
    return !first && feel(d, out, now);
}

uint64_t sotto_dial_deadline(const struct sotto_dial *d)
{
    uint64_t at = UINT64_MAX;
    bool free_place = false;
    for (unsigned i = 0; i <= d->config.outbound_max; i++) {
        const struct place *p = &d->places[i < d->config.outbound_max ? i : KNOCKS];
        if (p->phase == TRYING && p->second) soonest(&at, p->second_us);
        if (i < d->config.outbound_max) free_place |= p->phase == FREE;
    }
    uint64_t look_us = sotto_book_changes(d->config.book) != d->seen ? 0 : d->look_us;
    if (free_place) soonest(&at, look_us > d->floor_us ? look_us : d->floor_us);
    if (d->places[KNOCKS].phase == FREE && sotto_book_count(d->config.book, SOTTO_BOOK_NEW)) soonest(&at, d->feeler_us);
    return at;
}

/* ---- what became of them ---- */

static struct place *of_ticket(struct sotto_dial *d, uint32_t ticket)
{
    for (unsigned i = 0; ticket && i <= KNOCKS; i++)
        if (d->places[i].phase != FREE && d->places[i].ticket == ticket) return &d->places[i];
    return NULL;
}

void sotto_dial_opened(struct sotto_dial *d, uint32_t ticket)
{
    struct place *p = of_ticket(d, ticket);
    if (!p) return;
    p->opened = true;
    p->second = false;
}

void sotto_dial_up(struct sotto_dial *d, uint32_t ticket, struct sotto_now now)
{
    struct place *p = of_ticket(d, ticket);
    if (!p || p->phase != TRYING) return;
    unsigned which = (unsigned)(p - d->places);
    p->phase = UP;
    p->second = false;
    p->up_us = now.mono_us;
    sotto_book_alive(d->config.book, p->node.key, true, now);
    if (p->boot >= 0) d->boot[p->boot].failures = 0;
    if (which < d->guard_places) guard_choose(d, which, now);
}

static void end_up(struct sotto_dial *d, struct place *p, struct sotto_now now)
{
    uint64_t counts = d->config.local ? SOTTO_UP_COUNTS_LOCAL_US : SOTTO_UP_COUNTS_US;
    bool long_up = now.mono_us - p->up_us >= counts;
    uint64_t next_us = now.mono_us + sotto_dial_delay_us(d->config.rng, long_up ? 0 : p->failures - 1, d->config.local);
    if (long_up || p == &d->places[KNOCKS]) sotto_book_rest(d->config.book, p->node.key, next_us);
    else sotto_book_dialled(d->config.book, p->node.key, p->failures, next_us);       /* it let us in and threw us out */
    unsigned which = (unsigned)(p - d->places);
    struct node *kept = p->boot >= 0 ? &d->boot[p->boot] : which < d->guard_places && d->guards[which].chosen ? &d->guards[which].node : NULL;
    if (kept) kept->next_us = next_us;
}

bool sotto_dial_ended(struct sotto_dial *d, uint32_t ticket, enum sotto_dial_end how, struct sotto_now now)
{
    struct place *p = of_ticket(d, ticket);
    if (!p) return false;
    if (how == SOTTO_DIAL_REFUSED && p->second) {
        p->second_us = now.mono_us;
        return true;
    }
    unsigned which = (unsigned)(p - d->places);
    if (which < d->guard_places) guard_count(d, which, now);
    if (p->phase == UP) end_up(d, p, now);
    if (how == SOTTO_DIAL_FULL || how == SOTTO_DIAL_USELESS) sotto_book_alive(d->config.book, p->node.key, false, now);
    if (how == SOTTO_DIAL_USELESS) {
        uint64_t next_us = now.mono_us + SOTTO_USELESS_US;
        sotto_book_rest(d->config.book, p->node.key, next_us);
        if (p->boot >= 0) d->boot[p->boot].next_us = next_us;
        if (which < d->guard_places && d->guards[which].chosen) d->guards[which].node.next_us = next_us;
    }
    memset(p, 0, sizeof *p);
    p->free_us = now.mono_us + SOTTO_DIAL_PACE_US;
    d->look_us = 0;
    return false;
}

/* ---- as bytes ---- */

static enum sotto_err save_node(struct sotto_buf *out, bool there, const struct node *n)
{
    SOTTO_TRY(sotto_buf_add_u8(out, there));
    if (!there) return SOTTO_OK;
    SOTTO_TRY(sotto_buf_add(out, n->key, 64));
    for (unsigned i = 0; i < 2; i++) {
        SOTTO_TRY(sotto_buf_add_u8(out, n->addr[i].family));
        SOTTO_TRY(sotto_buf_add(out, n->addr[i].ip, 16));
        SOTTO_TRY(sotto_buf_add_u16(out, n->addr[i].port));
    }
    return SOTTO_OK;
}

static enum sotto_err load_node(struct sotto_reader *r, bool *there, struct node *n)
{
    uint8_t flag;
    memset(n, 0, sizeof *n);
    SOTTO_TRY(sotto_get_u8(r, &flag));
    *there = flag == 1;
    if (flag > 1) return SOTTO_ERR_FORMAT;
    if (!flag) return SOTTO_OK;
    SOTTO_TRY(sotto_get_bytes(r, n->key, 64));
    for (unsigned i = 0; i < 2; i++) {
        struct sotto_addr *a = &n->addr[i];
        SOTTO_TRY(sotto_get_u8(r, &a->family));
        SOTTO_TRY(sotto_get_bytes(r, a->ip, 16));
        SOTTO_TRY(sotto_get_u16(r, &a->port));
        if (a->family ? a->family != (i ? 6 : 4) || !a->port : a->port || !sotto_all_zero(a->ip, 16)) return SOTTO_ERR_FORMAT;
        if (a->family == 4 && !sotto_all_zero(a->ip + 4, 12)) return SOTTO_ERR_FORMAT;
    }
    return n->addr[0].family || n->addr[1].family ? SOTTO_OK : SOTTO_ERR_FORMAT;
}

/* The general peers that have been up longest; where there are fewer than two, those that this run began with and has not tried. */
static void longest(const struct sotto_dial *d, struct node out[FIRST_GENERAL])
{
    const struct place *best[FIRST_GENERAL] = { NULL };
    memcpy(out, d->first, sizeof d->first);
    for (unsigned i = d->guard_places; i < d->config.outbound_max; i++) {
        const struct place *p = &d->places[i];
        if (p->phase != UP) continue;
        if (!best[0] || p->up_us < best[0]->up_us) {
            best[1] = best[0];
            best[0] = p;
        } else if (!best[1] || p->up_us < best[1]->up_us) {
            best[1] = p;
        }
    }
    for (unsigned i = 0; i < FIRST_GENERAL; i++)
        if (best[i]) out[i] = best[i]->node;
}

enum sotto_err sotto_dial_save(const struct sotto_dial *d, struct sotto_buf *out, struct sotto_now now)
{
    size_t before = out->size;
    struct node general[FIRST_GENERAL];
    longest(d, general);
    enum sotto_err err = sotto_buf_add_u8(out, VERSION);
    for (unsigned i = 0; err == SOTTO_OK && i < GUARDS; i++) {
        const struct guard *g = &d->guards[i];
        uint64_t lost_us = d->places[i].phase == UP ? 0 : g->lost_us + (now.mono_us > g->since_us ? now.mono_us - g->since_us : 0);
        err = save_node(out, g->chosen, &g->node);
        if (err == SOTTO_OK && g->chosen) err = sotto_buf_add_u64(out, g->until_s);
        if (err == SOTTO_OK && g->chosen) err = sotto_buf_add_u64(out, lost_us);
    }
    for (unsigned i = 0; err == SOTTO_OK && i < FIRST_GENERAL; i++) err = save_node(out, general[i].addr[0].family || general[i].addr[1].family, &general[i]);
    if (err != SOTTO_OK) out->size = before;
    return err;
}

enum sotto_err sotto_dial_load(struct sotto_dial *d, struct sotto_span bytes, struct sotto_now now)
{
    struct sotto_reader r = sotto_reader(bytes);
    struct guard guards[GUARDS] = { 0 };
    struct node general[FIRST_GENERAL];
    uint8_t version;
    bool there;
    SOTTO_TRY(sotto_get_u8(&r, &version));
    if (version != VERSION) return version > VERSION ? SOTTO_ERR_NEWER : SOTTO_ERR_FORMAT;
    for (unsigned i = 0; i < GUARDS; i++) {
        struct guard *g = &guards[i];
        SOTTO_TRY(load_node(&r, &g->chosen, &g->node));
        if (!g->chosen) continue;
        SOTTO_TRY(sotto_get_u64(&r, &g->until_s));
        SOTTO_TRY(sotto_get_u64(&r, &g->lost_us));
        /* a clock that was wrong must not keep a guard for ever */
        if (g->until_s > now.wall_ms / 1000 + 2 * SOTTO_DIAL_GUARD_S) g->until_s = now.wall_ms / 1000 + 2 * SOTTO_DIAL_GUARD_S;
        if (g->lost_us > SOTTO_DIAL_GUARD_LOST_S * SOTTO_SECOND_US) g->lost_us = SOTTO_DIAL_GUARD_LOST_S * SOTTO_SECOND_US;
        g->since_us = now.mono_us;
    }
    for (unsigned i = 0; i < FIRST_GENERAL; i++) SOTTO_TRY(load_node(&r, &there, &general[i]));
    SOTTO_TRY(sotto_get_end(&r));
    memcpy(d->guards, guards, sizeof guards);
    memcpy(d->first, general, sizeof general);
    return SOTTO_OK;
}
