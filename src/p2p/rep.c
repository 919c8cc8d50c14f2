#include "p2p/rep.h"

#include "base/plant.h"

#include <stdlib.h>

struct place { uint8_t ip[8]; uint8_t family; };      /* 4 bytes of IPv4 or the /64 of IPv6; family 0 = none */
struct score { int points; uint64_t at_us; };
struct node {
    uint8_t key[64];
    struct place place;
    struct score score;
    uint64_t ban_until_us;
    unsigned bans;
};
struct address {
    struct place place;
    struct score score;
    uint64_t ban_until_us, accepted_us, used_us;
    bool accepted;
};
struct sotto_rep {
    unsigned node_count, address_count;
    struct node nodes[SOTTO_REP_NODES_MAX];           /* calloc'd: pages that were never used are never touched */
    struct address addresses[SOTTO_REP_ADDRESSES_MAX];
};

struct sotto_rep *sotto_rep_new(void) { return calloc(1, sizeof(struct sotto_rep)); }
void sotto_rep_free(struct sotto_rep *r) { free(r); }

static struct place place_of(const struct sotto_addr *addr)
{
    struct place p = { .family = addr->family };
    memcpy(p.ip, addr->ip, addr->family == 4 ? 4 : 8);
    return p;
}

static bool same_place(const struct place *a, const struct place *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static int score_now(const struct score *s, struct sotto_now now)
{
    uint64_t lost = now.mono_us > s->at_us ? (now.mono_us - s->at_us) / SOTTO_SCORE_DECAY_US : 0;
    return lost >= (uint64_t)s->points ? 0 : s->points - (int)lost;
}

/* The part of a minute that has passed is kept, so that frequent small offences decay as slowly as rare ones. */
static int score_add(struct score *s, int points, struct sotto_now now)
{
    int left = score_now(s, now);
    if (left == 0) s->at_us = now.mono_us;
    else s->at_us += (uint64_t)(s->points - left) * SOTTO_SCORE_DECAY_US;
    s->points = left > SOTTO_SCORE_BAN ? left : left + points;
    return s->points;
}

static struct node *find_node(const struct sotto_rep *r, const uint8_t key[64])
{
    for (unsigned i = 0; i < r->node_count; i++)
        if (memcmp(r->nodes[i].key, key, 64) == 0) return (struct node *)&r->nodes[i];
    return NULL;
}

/* A full table gives up the node that is least of a loss: not banned and lowest score, else the ban that ends first. */
static struct node *make_node(struct sotto_rep *r, const uint8_t key[64], struct sotto_now now)
{
    struct node *n = find_node(r, key);
    if (n) return n;
    if (r->node_count < SOTTO_REP_NODES_MAX) {
        n = &r->nodes[r->node_count++];
    } else {
        n = &r->nodes[0];
        for (unsigned i = 1; i < r->node_count; i++) {
            struct node *m = &r->nodes[i];
            bool n_banned = n->ban_until_us > now.mono_us, m_banned = m->ban_until_us > now.mono_us;
            if (n_banned != m_banned ? n_banned
                : n_banned ? m->ban_until_us < n->ban_until_us
                           : score_now(&m->score, now) < score_now(&n->score, now)) n = m;
        }
    }
    memset(n, 0, sizeof *n);
    memcpy(n->key, key, 64);
    return n;
}

bool sotto_rep_node_offend(struct sotto_rep *r, const uint8_t key[64], const struct sotto_addr *addr, int points, bool ban, struct sotto_now now)
{
    if (points <= 0) return false;
    struct node *n = make_node(r, key, now);
    if (addr) n->place = place_of(addr);
    if (score_add(&n->score, points, now) < SOTTO_SCORE_BAN) return false;
    n->score = (struct score){ 0, now.mono_us };      /* paid for by what follows */
    if (!ban) return true;
    uint64_t us = SOTTO_BAN_FIRST_US;
    for (unsigned i = 0; i < n->bans && us < SOTTO_BAN_MAX_US; i++) us *= 2;
    if (us > SOTTO_BAN_MAX_US) us = SOTTO_BAN_MAX_US;
    n->bans++;
    if (n->ban_until_us < now.mono_us + us) n->ban_until_us = now.mono_us + us;
    return true;
}

int sotto_rep_node_score(const struct sotto_rep *r, const uint8_t key[64], struct sotto_now now)
{
    const struct node *n = find_node(r, key);
    return n ? score_now(&n->score, now) : 0;
}

void sotto_rep_node_ban(struct sotto_rep *r, const uint8_t key[64], uint64_t until_us, struct sotto_now now)
{
    struct node *n = until_us > now.mono_us ? make_node(r, key, now) : find_node(r, key);
    if (n) n->ban_until_us = until_us;
}

uint64_t sotto_rep_node_ban_end(const struct sotto_rep *r, const uint8_t key[64])
{
    const struct node *n = find_node(r, key);
    return n ? n->ban_until_us : 0;
}

bool sotto_rep_node_banned(const struct sotto_rep *r, const uint8_t key[64], struct sotto_now now)
{
    return sotto_rep_node_ban_end(r, key) > now.mono_us && !SOTTO_PLANTED(BAN_IGNORED);
}

bool sotto_rep_ban_at(const struct sotto_rep *r, unsigned index, struct sotto_ban *out, struct sotto_now now)
{
    for (unsigned i = 0; i < r->node_count; i++) {
        const struct node *n = &r->nodes[i];
        if (n->ban_until_us <= now.mono_us || index-- > 0) continue;
        memcpy(out->key, n->key, 64);
        out->until_us = n->ban_until_us;
        return true;
    }
    return false;
}

static struct address *find_address(const struct sotto_rep *r, const struct place *p)
{
    for (unsigned i = 0; i < r->address_count; i++)
        if (same_place(&r->addresses[i].place, p)) return (struct address *)&r->addresses[i];
    return NULL;
}

static struct address *make_address(struct sotto_rep *r, const struct place *p, struct sotto_now now)
{
    struct address *a = find_address(r, p);
    if (!a && r->address_count < SOTTO_REP_ADDRESSES_MAX) a = &r->addresses[r->address_count++];
    else if (!a) {
        a = &r->addresses[0];                         /* the one not heard of for longest; a ban counts as heard of until it ends */
        for (unsigned i = 1; i < r->address_count; i++)
            if (r->addresses[i].used_us < a->used_us) a = &r->addresses[i];
        memset(a, 0, sizeof *a);
    }
    a->place = *p;
    if (a->used_us < now.mono_us) a->used_us = now.mono_us;
    return a;
}

void sotto_rep_address_offend(struct sotto_rep *r, const struct sotto_addr *addr, int points, struct sotto_now now)
{
    struct place p = place_of(addr);
    struct address *a = make_address(r, &p, now);
    if (score_add(&a->score, points, now) < SOTTO_SCORE_BAN) return;
    a->score = (struct score){ 0, now.mono_us };
    a->ban_until_us = a->used_us = now.mono_us + SOTTO_BAN_FIRST_US;
}

bool sotto_rep_address_banned(const struct sotto_rep *r, const struct sotto_addr *addr, struct sotto_now now)
{
    struct place p = place_of(addr);
    const struct address *a = find_address(r, &p);
    if (a && a->ban_until_us > now.mono_us) return true;
    unsigned ids = 0;
    for (unsigned i = 0; i < r->node_count; i++)
        ids += r->nodes[i].ban_until_us > now.mono_us && same_place(&r->nodes[i].place, &p);
    return ids >= SOTTO_BAN_IDS_PER_ADDRESS;
}

bool sotto_rep_address_accept(struct sotto_rep *r, const struct sotto_addr *addr, struct sotto_now now)
{
    struct place p = place_of(addr);
    struct address *a = make_address(r, &p, now);
    if (a->accepted && now.mono_us - a->accepted_us < SOTTO_ACCEPT_INTERVAL_US) return false;
    a->accepted = true;
    a->accepted_us = now.mono_us;
    return true;
}
