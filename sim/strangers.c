#include "sim/strangers.h"

#include "crypto/rng.h"
#include "p2p/dial.h"
#include "p2p/rep.h"
#include "p2p/slots.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    IDS_EACH = 10, HOSTILE_GROUPS = 4, BOOTSTRAP = 4, INBOUND = 36, OUTBOUND = 8, LINKS_MAX = 128,
    BUCKETS = 17, BUCKET = 16, SUBNET_BUCKET = 2, SUBNET_TABLE = 10, GROUP_TABLE = 16, GROUP_ASKED = 2, NEAREST = 16, CANDIDATES = 64,
    ASK_MAX = 64, ALPHA = 3, REFRESH_LOOKUPS = 4,
    JOIN_S = 300, TIMEOUT_S = 15, DOWN_S = 60, RING = 32, SETTLED_S = 300
};
#define SECOND_US 1000000ull
#define START_S 1800000000ull
#define REFRESH_S 1800u
#define REFRESH_SMALL_S 60u

struct tie { uint32_t link; uint16_t other; };
struct node {
    uint8_t key[64];
    uint64_t id;
    struct sotto_addr addr;
    struct sotto_group group;
    bool hostile, online;
    unsigned since_s, join_s, restart_s, refresh_s;   /* since: online */
    uint64_t wake_us;
    struct sotto_chacha_rng rng;
    struct sotto_book *book;
    struct sotto_dial *dial;
    struct sotto_rep *rep;
    struct sotto_buf saved_book, saved_dial;
    struct sotto_slot slots[INBOUND];
    unsigned slot_count, tie_count;
    struct tie ties[LINKS_MAX];
    uint16_t table[BUCKETS][BUCKET];
    uint8_t count[BUCKETS];
};
struct link {
    uint16_t from, to;
    uint32_t ticket, next;                            /* next: in its list */
    bool used, up, feeler, slot;
};

struct world {
    struct sim_strangers_options o;
    struct sim_strangers *result;
    struct sotto_chacha_rng rng;
    sotto_group_fn *group;
    struct node *nodes;                               /* the honest ones first */
    unsigned honest, count;
    unsigned now_s;
    struct link *links;
    uint32_t link_count, link_cap, free_link;
    uint32_t due[RING];                               /* dials that end in that second; 0: none */
};

static void *need(void *p)
{
    if (p) return p;
    fputs("no memory\n", stderr);
    abort();
}

static struct sotto_now now_of(const struct world *w) { return (struct sotto_now){ (w->now_s + 1) * SECOND_US, (START_S + w->now_s) * 1000 }; }
static unsigned below(struct world *w, unsigned bound) { return (unsigned)sotto_rng_below(&w->rng.rng, bound); }

static struct sotto_group every_address(const struct sotto_addr *addr, bool local)
{
    struct sotto_group g = { { addr->family, addr->ip[0], addr->ip[1], addr->ip[2], addr->ip[3] }, 5 };
    (void)local;
    return g;
}

/* ---- tables of discovery ---- */

static unsigned bucket_of(const struct node *n, uint64_t id)
{
    unsigned same = n->id == id ? 64 : (unsigned)__builtin_clzll(n->id ^ id);
    return same < 16 ? 16 - same : 0;
}

static bool same_subnet(const struct node *a, const struct node *b) { return memcmp(a->addr.ip, b->addr.ip, 3) == 0; }

static void table_add(struct world *w, struct node *n, uint16_t who)
{
    struct node *m = &w->nodes[who];
    unsigned k = bucket_of(n, m->id), bucket = 0, table = 0, group = 0;
    if (n->hostile || m == n) return;
    for (unsigned i = 0; i < n->count[k]; i++) {
        if (n->table[k][i] == who) return;
        bucket += same_subnet(&w->nodes[n->table[k][i]], m);
    }
    if (n->count[k] == BUCKET || bucket >= SUBNET_BUCKET) return;
    for (unsigned i = 0; i < BUCKETS; i++)
        for (unsigned j = 0; j < n->count[i]; j++) {
            table += same_subnet(&w->nodes[n->table[i][j]], m);
            group += sotto_group_equal(&w->nodes[n->table[i][j]].group, &m->group);
        }
    if (table < SUBNET_TABLE && group < GROUP_TABLE) n->table[k][n->count[k]++] = who;
}

static void table_drop(struct world *w, struct node *n, uint16_t who)
{
    unsigned k = bucket_of(n, w->nodes[who].id);
    for (unsigned i = 0; i < n->count[k]; i++)
        if (n->table[k][i] == who) n->table[k][i] = n->table[k][--n->count[k]];
}

static unsigned table_count(const struct node *n)
{
    unsigned count = 0;
    for (unsigned i = 0; i < BUCKETS; i++) count += n->count[i];
    return count;
}

/* Nearest first, without doubles; those that are farther than the last of a full list are left out. */
struct found { uint64_t far; uint16_t who; bool asked; };
static void insert(struct found *list, unsigned *count, unsigned max, uint64_t far, uint16_t who)
{
    unsigned at = *count;
    if (at == max && far >= list[max - 1].far) return;
    for (unsigned i = 0; i < *count; i++)
        if (list[i].who == who) return;
    if (at == max) at--;
    else ++*count;
    for (; at > 0 && list[at - 1].far > far; at--) list[at] = list[at - 1];
    list[at] = (struct found){ far, who, false };
}

static unsigned nearest(struct world *w, const struct node *n, struct found out[NEAREST], uint64_t target)
{
    unsigned count = 0;
    if (n->hostile) {                                 /* its own, as near as it has them at hand */
        for (unsigned i = 0; i < NEAREST; i++) {
            uint64_t draw = sotto_rng_u64(&w->rng.rng);
            for (unsigned part = 0; part < 4; part++, draw >>= 16) {       /* near enough to uniform: there are few of them */
                unsigned who = w->honest + (unsigned)(draw & 0xffff) % (w->count - w->honest);
                insert(out, &count, NEAREST, w->nodes[who].id ^ target, (uint16_t)who);
            }
        }
        return count;
    }
    for (unsigned k = 0; k < BUCKETS; k++)
        for (unsigned i = 0; i < n->count[k]; i++) insert(out, &count, NEAREST, w->nodes[n->table[k][i]].id ^ target, n->table[k][i]);
    return count;
}

static void learn(struct world *w, struct node *n, const struct node *who)
{
    struct sotto_enode e = { .addr = who->addr };
    if (n->hostile || !n->online || n == who) return;
    memcpy(e.key, who->key, sizeof e.key);
    if (sotto_book_learn(n->book, &e, &who->addr, now_of(w)) == SOTTO_OK) n->wake_us = 0;
}

/* As insert, for a lookup: only so many of one group; one that was not asked yet gives way to a nearer one. */
static void consider(const struct world *w, struct found *list, unsigned *count, uint64_t far, uint16_t who)
{
    unsigned group = 0, worst = UINT_MAX;
    for (unsigned i = 0; i < *count; i++) {
        if (list[i].who == who) return;
        if (!sotto_group_equal(&w->nodes[list[i].who].group, &w->nodes[who].group)) continue;
        group++;
        if (!list[i].asked) worst = i;
    }
    if (group >= GROUP_ASKED) {
        if (worst == UINT_MAX || list[worst].far <= far) return;
        memmove(&list[worst], &list[worst + 1], (--*count - worst) * sizeof *list);
    }
    insert(list, count, CANDIDATES, far, who);
}

/* Each has proven its endpoint to the other: from here the book knows it, hearsay is only followed. */
static void meet(struct world *w, struct node *n, struct node *m)
{
    table_add(w, n, (uint16_t)(m - w->nodes));
    table_add(w, m, (uint16_t)(n - w->nodes));
    learn(w, n, m);
    learn(w, m, n);
}

static void lookup(struct world *w, struct node *n, uint64_t target)
{
    struct found candidates[CANDIDATES], answer[NEAREST];
    unsigned count = 0, asked = 0;
    for (unsigned k = 0; k < BUCKETS; k++)
        for (unsigned i = 0; i < n->count[k]; i++) consider(w, candidates, &count, w->nodes[n->table[k][i]].id ^ target, n->table[k][i]);
    for (bool more = true; more && asked < ASK_MAX;) {
        more = false;
        for (unsigned i = 0, round = 0; i < count && i < NEAREST && round < ALPHA; i++) {
            struct found *c = &candidates[i];
            if (c->asked) continue;
            struct node *m = &w->nodes[c->who];
            c->asked = true;
            asked++;
            round++;
            more = true;
            if (!m->online) {
                table_drop(w, n, c->who);
                continue;
            }
            meet(w, n, m);
            unsigned got = nearest(w, m, answer, target);
            for (unsigned j = 0; j < got; j++) {
                if (&w->nodes[answer[j].who] == n) continue;
                consider(w, candidates, &count, answer[j].far, answer[j].who);
            }
            i = UINT32_MAX;                           /* the list has moved: from its beginning */
        }
    }
}

static void refresh(struct world *w, struct node *n)
{
    for (unsigned i = 0; i < BOOTSTRAP && table_count(n) < BUCKET; i++) table_add(w, n, (uint16_t)i);
    lookup(w, n, n->id);
    for (unsigned i = 1; i < REFRESH_LOOKUPS; i++) lookup(w, n, sotto_rng_u64(&w->rng.rng));
    n->refresh_s = w->now_s + (table_count(n) < BUCKET ? REFRESH_SMALL_S : REFRESH_S);
}

/* ---- connections ---- */

static bool tied(const struct node *n, uint16_t other)
{
    for (unsigned i = 0; i < n->tie_count; i++)
        if (n->ties[i].other == other) return true;
    return false;
}

static bool barred(void *owner, const uint8_t key[64], const struct sotto_addr addr[2], struct sotto_now now)
{
    struct node *n = owner;
    (void)addr;
    (void)now;
    uint16_t who = sotto_be16(key);
    return memcmp(n->key, key, 64) == 0 || tied(n, who);
}

static uint32_t link_new(struct world *w, uint16_t from, uint16_t to)
{
    uint32_t at = w->free_link;
    if (at) w->free_link = w->links[at].next;
    else {
        if (w->link_count == w->link_cap) {
            w->link_cap *= 2;
            w->links = need(realloc(w->links, w->link_cap * sizeof *w->links));
        }
        at = w->link_count++;
    }
    w->links[at] = (struct link){ .from = from, .to = to, .used = true };
    struct node *n = &w->nodes[from];
    if (n->hostile) return at;
    SOTTO_ASSERT(n->tie_count < LINKS_MAX);
    n->ties[n->tie_count++] = (struct tie){ at, to };
    return at;
}

static void untie(struct node *n, uint32_t link)
{
    for (unsigned i = 0; i < n->tie_count; i++)
        if (n->ties[i].link == link) {
            n->ties[i] = n->ties[--n->tie_count];
            return;
        }
}

static void link_end(struct world *w, uint32_t at, enum sotto_dial_end how)
{
    struct link *l = &w->links[at];
    struct node *from = &w->nodes[l->from], *to = &w->nodes[l->to];
    SOTTO_ASSERT(l->used);
    untie(from, at);
    untie(to, at);
    for (unsigned i = 0; l->slot && i < to->slot_count; i++)
        if (to->slots[i].id == at) to->slots[i--] = to->slots[--to->slot_count];
    uint32_t ticket = l->ticket;
    bool was_up = l->up;
    l->used = false;
    l->next = w->free_link;
    w->free_link = at;
    if (!ticket || !from->dial) return;
    (void)!sotto_dial_ended(from->dial, ticket, was_up ? SOTTO_DIAL_LOST : how, now_of(w));
    from->wake_us = 0;
}

/* The other end decides: as host does, by its rate of addresses and its slots. */
static bool let_in(struct world *w, uint32_t at)
{
    struct link *l = &w->links[at];
    struct node *from = &w->nodes[l->from], *to = &w->nodes[l->to];
    if (to->hostile) return true;
    if (tied(to, l->from) || !sotto_rep_address_accept(to->rep, &from->addr, now_of(w))) return false;
    struct sotto_slot newcomer = { .addr = from->addr, .group = from->group, .since_us = now_of(w).mono_us, .id = at };
    uint32_t loser;
    switch (sotto_slots_judge(&loser, to->slots, to->slot_count, INBOUND, &newcomer)) {
    case SOTTO_SLOT_REFUSED: return false;
    case SOTTO_SLOT_FREE: break;
    case SOTTO_SLOT_EVICT:
        w->result->evicted++;
        link_end(w, loser, SOTTO_DIAL_LOST);
        l = &w->links[at];
    }
    SOTTO_ASSERT(to->slot_count < INBOUND && to->tie_count < LINKS_MAX);
    to->slots[to->slot_count++] = newcomer;
    to->ties[to->tie_count++] = (struct tie){ at, l->from };
    l->slot = true;
    return true;
}

static void dial_ends(struct world *w, uint32_t at)
{
    struct link *l = &w->links[at];
    struct node *from = &w->nodes[l->from];
    if (!w->nodes[l->to].online) {
        w->result->refused++;
        link_end(w, at, SOTTO_DIAL_REFUSED);
        return;
    }
    if (!let_in(w, at)) {
        w->result->full += l->ticket != 0;
        link_end(w, at, SOTTO_DIAL_FULL);
        return;
    }
    l = &w->links[at];
    l->up = true;
    if (!l->ticket) return;
    sotto_dial_opened(from->dial, l->ticket);
    sotto_dial_up(from->dial, l->ticket, now_of(w));
    from->wake_us = 0;
    if (l->feeler) link_end(w, at, SOTTO_DIAL_LOST);
}

static void wishes(struct world *w, struct node *n)
{
    struct sotto_dial_want want;
    struct sotto_now now = now_of(w);
    while (sotto_dial_next(n->dial, &want, false, now)) {
        if (want.close) {
            for (unsigned i = 0; i < n->tie_count; i++)
                if (w->links[n->ties[i].link].ticket == want.ticket && w->links[n->ties[i].link].from == n - w->nodes) {
                    link_end(w, n->ties[i].link, SOTTO_DIAL_GIVEN_UP);
                    break;
                }
            continue;
        }
        uint16_t who = sotto_be16(want.node.key);
        uint32_t at = link_new(w, (uint16_t)(n - w->nodes), who);
        w->links[at].ticket = want.ticket;
        w->links[at].feeler = want.kind == SOTTO_DIAL_FEELER;
        unsigned when = (w->now_s + (w->nodes[who].online ? 1 : TIMEOUT_S)) % RING;
        w->links[at].next = w->due[when];
        w->due[when] = at;
        w->result->dials++;
    }
    n->wake_us = sotto_dial_deadline(n->dial);
    if (n->wake_us == 0) n->wake_us = 1;
}

/* ---- nodes come and go ---- */

static void start(struct world *w, struct node *n)
{
    struct sotto_now now = now_of(w);
    struct sotto_book_config book = { .group = w->group, .rng = &n->rng.rng };
    if (sotto_book_new(&n->book, &book) != SOTTO_OK) need(NULL);
    struct sotto_dial_config dial = { .outbound_max = OUTBOUND, .group = w->group, .book = n->book, .rng = &n->rng.rng, .owner = n, .barred = barred };
    if (sotto_dial_new(&n->dial, &dial) != SOTTO_OK) need(NULL);
    if (n->saved_book.size) {
        SOTTO_ASSERT(sotto_book_load(n->book, sotto_buf_span(&n->saved_book), now) == SOTTO_OK);
        SOTTO_ASSERT(sotto_dial_load(n->dial, sotto_buf_span(&n->saved_dial), now) == SOTTO_OK);
        sotto_buf_free(&n->saved_book);
        sotto_buf_free(&n->saved_dial);
    }
    for (unsigned i = 0; i < BOOTSTRAP; i++) {
        struct sotto_enode e = { .addr = w->nodes[i].addr };
        memcpy(e.key, w->nodes[i].key, sizeof e.key);
        if (&w->nodes[i] != n && sotto_dial_bootstrap(n->dial, &e) != SOTTO_OK) need(NULL);
    }
    n->online = true;
    n->since_s = w->now_s;
    n->wake_us = 0;
    memset(n->count, 0, sizeof n->count);
    refresh(w, n);
}

static void stop(struct world *w, struct node *n)
{
    struct sotto_now now = now_of(w);
    n->saved_book = sotto_buf_make(SOTTO_BOOK_BYTES_MAX);
    n->saved_dial = sotto_buf_make(SOTTO_DIAL_BYTES_MAX);
    SOTTO_ASSERT(sotto_book_save(n->book, &n->saved_book, now) == SOTTO_OK && sotto_dial_save(n->dial, &n->saved_dial, now) == SOTTO_OK);
    sotto_dial_free(n->dial);
    n->dial = NULL;
    for (unsigned i = 0; i < n->tie_count;) {
        struct link *l = &w->links[n->ties[i].link];
        if (l->up) link_end(w, n->ties[i].link, SOTTO_DIAL_LOST);
        else i++;                                     /* its dial ends by itself */
    }
    sotto_book_free(n->book);
    n->book = NULL;
    n->online = false;
    n->join_s = w->now_s + DOWN_S;
}

static void hostile_second(struct world *w)
{
    unsigned ids = w->count - w->honest;
    for (unsigned i = 0; ids && i < w->honest / 8; i++) meet(w, &w->nodes[below(w, w->honest)], &w->nodes[w->honest + below(w, ids)]);
    for (unsigned i = 0; ids && i < w->honest / 15; i++) {
        uint16_t to = (uint16_t)below(w, w->honest), from = (uint16_t)(w->honest + below(w, ids));
        if (!w->nodes[to].online || tied(&w->nodes[to], from)) continue;
        uint32_t at = link_new(w, from, to);
        dial_ends(w, at);
    }
}

static void second(struct world *w)
{
    uint32_t at = w->due[w->now_s % RING];
    w->due[w->now_s % RING] = 0;
    while (at) {
        uint32_t next = w->links[at].next;
        if (w->nodes[w->links[at].from].online && w->nodes[w->links[at].from].since_s < w->now_s && w->nodes[w->links[at].from].dial) dial_ends(w, at);
        else link_end(w, at, SOTTO_DIAL_GIVEN_UP);    /* its dialer was stopped meanwhile */
        at = next;
    }
    hostile_second(w);
    for (unsigned i = 0; i < w->honest; i++) {
        struct node *n = &w->nodes[i];
        if (n->online && w->now_s == n->restart_s) stop(w, n);
        if (!n->online && w->now_s >= n->join_s) start(w, n);
        if (!n->online) continue;
        if (w->now_s >= n->refresh_s) refresh(w, n);
        if (n->wake_us <= now_of(w).mono_us) wishes(w, n);
    }
}

/* ---- the world ---- */

static void make_nodes(struct world *w)
{
    unsigned hostile = w->o.nodes * w->o.hostile_percent / 100;
    w->honest = w->o.nodes - hostile;
    w->count = w->honest + hostile * IDS_EACH;
    SOTTO_ASSERT(w->count < UINT16_MAX && w->honest > BOOTSTRAP);
    w->nodes = need(calloc(w->count, sizeof *w->nodes));
    for (unsigned i = 0; i < w->count; i++) {
        struct node *n = &w->nodes[i];
        uint8_t hash[32];
        sotto_rng_fill(&w->rng.rng, n->key, sizeof n->key);
        sotto_put_be16(n->key, (uint16_t)i);
        sotto_node_hash(hash, n->key);
        n->id = sotto_be64(hash);
        n->hostile = i >= w->honest;
        n->addr = (struct sotto_addr){ .ip = { (uint8_t)(50 + below(w, 40)), (uint8_t)below(w, 256), (uint8_t)below(w, 256), (uint8_t)(1 + below(w, 254)) },
                                       .port = 30303, .family = 4 };
        if (n->hostile) {
            n->addr.ip[0] = 45;
            n->addr.ip[1] = (uint8_t)(i % HOSTILE_GROUPS);
        }
        n->group = w->group(&n->addr, false);
        n->online = n->hostile;
        if (n->hostile) continue;
        n->rep = need(sotto_rep_new());
        n->join_s = i < BOOTSTRAP ? 0 : 1 + below(w, JOIN_S);
        n->restart_s = w->o.minutes * 20 + below(w, w->o.minutes * 20);        /* in the second third */
        sotto_rng_from_seed(&n->rng, sotto_rng_u64(&w->rng.rng), "node");
    }
}

static void mix(uint64_t *digest, uint64_t v) { *digest = (*digest ^ v) * 0x100000001b3ull; }

/* Outbound peers of one node: how many, and how many of them hostile. */
static unsigned outbound_of(const struct world *w, unsigned i, unsigned *hostile, uint64_t *digest)
{
    const struct node *n = &w->nodes[i];
    unsigned count = 0;
    *hostile = 0;
    for (unsigned t = 0; t < n->tie_count; t++) {
        const struct link *l = &w->links[n->ties[t].link];
        if (l->from != i || !l->up) continue;
        count++;
        *hostile += w->nodes[l->to].hostile;
        if (digest) mix(digest, (uint64_t)i << 32 | l->to);
    }
    return count;
}

static void every_minute(struct world *w)
{
    for (unsigned i = 0; i < w->honest; i++) {
        unsigned hostile;
        if (!w->nodes[i].online || w->now_s - w->nodes[i].since_s < SETTLED_S) continue;
        w->result->minutes++;
        unsigned count = outbound_of(w, i, &hostile, NULL);
        w->result->eclipsed_minutes += count > 0 && hostile == count;
    }
}

static void conclude(struct world *w)
{
    struct sim_strangers *r = w->result;
    r->honest = w->honest;
    r->hostile = w->o.nodes - w->honest;
    r->identities = w->count - w->honest;
    for (unsigned i = 0; i < w->honest; i++) {
        struct node *n = &w->nodes[i];
        struct sotto_book_entry e;
        unsigned hostile, count = outbound_of(w, i, &hostile, &r->digest);
        r->outbound += count;
        r->outbound_hostile += hostile;
        if (hostile > r->outbound_hostile_most) r->outbound_hostile_most = hostile;
        r->alone += count == 0;
        r->eclipsed += count > 0 && hostile == count;
        r->inbound += n->slot_count;
        for (unsigned s = 0; s < n->slot_count; s++) r->inbound_hostile += w->nodes[w->links[n->slots[s].id].from].hostile;
        for (unsigned at = 0; n->book && sotto_book_at(n->book, at, &e); at++) {
            r->known++;
            r->known_honest += !w->nodes[sotto_be16(e.key)].hostile;
        }
    }
}

void sim_strangers_run(struct sim_strangers *out, const struct sim_strangers_options *options)
{
    struct world w = { .o = *options, .result = out, .group = options->no_groups ? every_address : sotto_group_of, .link_count = 1, .link_cap = 4096 };
    memset(out, 0, sizeof *out);
    out->digest = 0xcbf29ce484222325ull;
    sotto_rng_from_seed(&w.rng, options->seed, "strangers");
    w.links = need(calloc(w.link_cap, sizeof *w.links));
    make_nodes(&w);
    for (; w.now_s < options->minutes * 60; w.now_s++) {
        second(&w);
        if (w.now_s % 60 == 59) every_minute(&w);
    }
    conclude(&w);
    for (unsigned i = 0; i < w.honest; i++) {
        sotto_dial_free(w.nodes[i].dial);
        sotto_book_free(w.nodes[i].book);
        sotto_rep_free(w.nodes[i].rep);
        sotto_buf_free(&w.nodes[i].saved_book);
        sotto_buf_free(&w.nodes[i].saved_dial);
    }
    free(w.nodes);
    free(w.links);
}

/* ---- the command ---- */

static int usage(const char *why)
{
    if (why) fprintf(stderr, "sotto-lab strangers: %s\n\n", why);
    fputs("sotto-lab strangers: nodes that find and dial each other, some of them hostile. Everything follows from the seed.\n\n"
          "  sotto-lab strangers [--seed FIRST] [--count N] [--nodes N] [--hostile PERCENT] [--minutes N] [--no-groups]\n\n"
          "  --no-groups       every address counts as a group of its own: what the rules of groups are worth\n\n"
          "One line of JSON at the end; status 1 if an honest node ended with hostile outbound peers only, or with none.\n", stderr);
    return 2;
}

static bool number(uint64_t *out, const char *text)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && !*end && !errno;
}

int sim_strangers_command(int argc, char **argv)
{
    struct sim_strangers_options o = { .seed = 1, .nodes = 1000, .hostile_percent = 20, .minutes = 60 };
    uint64_t count = 1, v;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--no-groups") == 0) {
            o.no_groups = true;
            continue;
        }
        if (i + 1 == argc || !number(&v, argv[i + 1])) return usage("a number is wanted");
        if (strcmp(argv[i], "--seed") == 0) o.seed = v;
        else if (strcmp(argv[i], "--count") == 0 && v >= 1) count = v;
        else if (strcmp(argv[i], "--nodes") == 0 && v >= 20 && v <= 4000) o.nodes = (unsigned)v;
        else if (strcmp(argv[i], "--hostile") == 0 && v <= 80) o.hostile_percent = (unsigned)v;
        else if (strcmp(argv[i], "--minutes") == 0 && v >= 15 && v <= 10000) o.minutes = (unsigned)v;
        else return usage("an option is unknown, or its number out of range");
        i++;
    }
    struct sim_strangers all = { 0 };
    uint64_t first = o.seed, bad_worlds = 0, bad_seed = 0, digest = 0xcbf29ce484222325ull;
    clock_t begun = clock();
    for (; o.seed - first < count; o.seed++) {
        struct sim_strangers r;
        sim_strangers_run(&r, &o);
        if ((r.eclipsed || r.alone) && bad_worlds++ == 0) bad_seed = o.seed;
        all.honest = r.honest;
        all.hostile = r.hostile;
        all.identities = r.identities;
        all.eclipsed += r.eclipsed;
        all.alone += r.alone;
        all.eclipsed_minutes += r.eclipsed_minutes;
        all.minutes += r.minutes;
        all.outbound += r.outbound;
        all.outbound_hostile += r.outbound_hostile;
        all.inbound += r.inbound;
        all.inbound_hostile += r.inbound_hostile;
        if (r.outbound_hostile_most > all.outbound_hostile_most) all.outbound_hostile_most = r.outbound_hostile_most;
        all.dials += r.dials;
        all.refused += r.refused;
        all.full += r.full;
        all.evicted += r.evicted;
        all.known += r.known;
        all.known_honest += r.known_honest;
        mix(&digest, r.digest);
    }
    double nodes = (double)all.honest * (double)count;
    printf("{\"world\":\"strangers\",\"groups\":%s,\"seeds\":%" PRIu64 ",\"honest\":%u,\"hostile\":%u,\"hostileIds\":%u,\"minutes\":%u,\"eclipsed\":%u,\"alone\":%u,"
           "\"worldsWithOne\":%" PRIu64, o.no_groups ? "false" : "true", count, all.honest, all.hostile, all.identities, o.minutes, all.eclipsed, all.alone, bad_worlds);
    if (bad_worlds) printf(",\"firstSeed\":%" PRIu64, bad_seed);
    printf(",\"eclipsedMinutes\":%" PRIu64 ",\"nodeMinutes\":%" PRIu64 ",\"outbound\":%.2f,\"outboundHostile\":%.2f,\"outboundHostileMost\":%u,\"inbound\":%.1f,"
           "\"inboundHostile\":%.1f,\"dials\":%.0f,\"refused\":%.0f,\"full\":%.0f,\"evicted\":%.1f,\"known\":%.0f,\"knownHonest\":%.0f,\"seconds\":%.2f,"
           "\"digest\":\"%016" PRIx64 "\"}\n",
           all.eclipsed_minutes, all.minutes, (double)all.outbound / nodes, (double)all.outbound_hostile / nodes, all.outbound_hostile_most,
           (double)all.inbound / nodes, (double)all.inbound_hostile / nodes, (double)all.dials / nodes, (double)all.refused / nodes, (double)all.full / nodes,
           (double)all.evicted / nodes, (double)all.known / nodes, (double)all.known_honest / nodes, (double)(clock() - begun) / CLOCKS_PER_SEC, digest);
    return bad_worlds ? 1 : 0;
}
