/* Lookups: the nodes nearest to a target are asked for nearer ones, three at a time, until the nearest sixteen have answered. Of one
 * group (group.h) at most two take part: an answer of somebody with many ids leads to more of them, nearer than any honest one, and in
 * few networks. Without this rule such a lookup, and in the end a table, is theirs alone (sim/strangers.h).
 *
 *     NEW -> BONDING -> WAITING -> ASKING -> DONE         WAITING first if the proof stands already
 *
 * No answer: NEW once more, for a datagram may be lost; then FAILED. */
#include "crypto/hash.h"
#include "p2p/discv4_state.h"

static bool in_flight(const struct sotto_disc_candidate *c)
{
    return c->state == SOTTO_DISC_BONDING || c->state == SOTTO_DISC_WAITING || c->state == SOTTO_DISC_ASKING;
}

static void take_out(struct sotto_disc_lookup *l, unsigned at)
{
    memmove(&l->candidates[at], &l->candidates[at + 1], (--l->count - at) * sizeof *l->candidates);
}

/* Is there room for one more of its group? The farthest one that was not asked yet gives way to a nearer one. */
static bool group_room(const struct sotto_discv4 *d, struct sotto_disc_lookup *l, const struct sotto_disc_candidate *c)
{
    struct sotto_group group = sotto_group_of(&c->node.at.addr, d->config.local);
    unsigned members = 0, farthest = SOTTO_DISC_CANDIDATES_MAX;
    if (sotto_disc_class(&c->node.at.addr) != SOTTO_DISC_PUBLIC) return true;
    for (unsigned i = 0; i < l->count; i++) {
        const struct sotto_disc_candidate *o = &l->candidates[i];
        struct sotto_group other = sotto_group_of(&o->node.at.addr, d->config.local);
        if (!sotto_group_equal(&other, &group)) continue;
        members++;
        if (o->state == SOTTO_DISC_NEW && !o->again) farthest = i;
    }
    if (members < SOTTO_DISC_GROUP_LOOKUP) return true;
    if (farthest == SOTTO_DISC_CANDIDATES_MAX || sotto_disc_nearer(l->id, c->id, l->candidates[farthest].id) >= 0) return false;
    take_out(l, farthest);
    return true;
}

static void add_candidate(struct sotto_discv4 *d, struct sotto_disc_lookup *l, const struct sotto_disc_node *node)
{
    struct sotto_disc_candidate c;
    memset(&c, 0, sizeof c);
    c.node = *node;
    sotto_keccak256(c.id, SOTTO_SPAN(node->key));
    if (memcmp(c.id, d->id, 32) == 0) return;
    for (unsigned i = 0; i < l->count; i++)
        if (memcmp(l->candidates[i].id, c.id, 32) == 0) return;
    if (!group_room(d, l, &c)) return;
    unsigned at = l->count;
    while (at > 0 && sotto_disc_nearer(l->id, c.id, l->candidates[at - 1].id) < 0) at--;
    if (l->count == SOTTO_DISC_CANDIDATES_MAX) {      /* the farthest goes, unless it is this one or is just being asked */
        if (at == l->count || in_flight(&l->candidates[l->count - 1])) return;
        l->count--;
    }
    memmove(&l->candidates[at + 1], &l->candidates[at], (l->count - at) * sizeof c);
    l->candidates[at] = c;
    l->count++;
}

void sotto_disc_lookup_begin(struct sotto_discv4 *d, struct sotto_disc_lookup *l, const uint8_t target[64], uint64_t token, bool own)
{
    struct sotto_disc_node node;
    bool live, any_live = false;
    l->used = true;
    l->own = own;
    l->token = token;
    l->count = l->asked = 0;
    memcpy(l->target, target, 64);
    sotto_keccak256(l->id, sotto_span(target, 64));
    for (unsigned i = 0; sotto_discv4_node_at(d, i, &node, &live); i++) any_live |= live;
    for (unsigned i = 0; sotto_discv4_node_at(d, i, &node, &live); i++)
        if (live || !any_live) add_candidate(d, l, &node);
}

/* Somebody else's Findnode to the same node must end first: an answer does not say which one it is for. */
static const struct sotto_disc_candidate *asked_already(const struct sotto_discv4 *d, const struct sotto_disc_candidate *c)
{
    for (unsigned i = 0; i < SOTTO_DISC_LOOKUPS_MAX; i++) {
        const struct sotto_disc_lookup *l = &d->lookups[i];
        for (unsigned j = 0; l->used && j < l->count; j++) {
            const struct sotto_disc_candidate *o = &l->candidates[j];
            if (o != c && o->state == SOTTO_DISC_ASKING && memcmp(o->id, c->id, 32) == 0) return o;
        }
    }
    return NULL;
}

static void ask(struct sotto_discv4 *d, const struct sotto_disc_lookup *l, struct sotto_disc_candidate *c, struct sotto_now now, struct sotto_disc_outq *out)
{
    struct sotto_disc_packet p;
    const struct sotto_disc_candidate *other = asked_already(d, c);
    if (other) {
        c->state = SOTTO_DISC_WAITING;
        c->at_us = other->at_us > now.mono_us ? other->at_us : now.mono_us + 1;
        return;
    }
    memset(&p, 0, sizeof p);
    p.type = SOTTO_DISC_FINDNODE;
    memcpy(p.target, l->target, 64);
    c->state = sotto_disc_send(d, &c->node.at.addr, &p, NULL, now, out) ? SOTTO_DISC_ASKING : SOTTO_DISC_FAILED;
    c->at_us = now.mono_us + SOTTO_DISC_REPLY_US;
}

static void start(struct sotto_discv4 *d, struct sotto_disc_lookup *l, struct sotto_disc_candidate *c, struct sotto_now now, struct sotto_disc_outq *out)
{
    const struct sotto_disc_bond *bond = sotto_disc_bond(d, c->id, &c->node.at.addr);
    const struct sotto_disc_ping *ping;
    l->asked++;
    bool fresh = sotto_disc_bond_good(bond, now) && bond->ready_us > now.mono_us;      /* its time for its own proof is running */
    if (fresh || sotto_disc_bond_mutual(bond, now)) {
        c->state = SOTTO_DISC_WAITING;
        c->at_us = bond->ready_us;
        if (bond->ready_us <= now.mono_us) ask(d, l, c, now, out);
        return;
    }
    ping = sotto_disc_ping_to(d, c->id, &c->node.at.addr);
    if (!ping) ping = sotto_disc_ping_send(d, &c->node, c->id, false, now, out);
    c->state = ping ? SOTTO_DISC_BONDING : SOTTO_DISC_FAILED;
    if (ping) c->at_us = ping->deadline_us;
}

static void fail(struct sotto_disc_candidate *c)
{
    c->state = c->again ? SOTTO_DISC_FAILED : SOTTO_DISC_NEW;
    c->again = true;
}

static void end_asking(struct sotto_discv4 *d, struct sotto_disc_candidate *c, struct sotto_disc_outq *out)
{
    struct sotto_disc_entry *e = sotto_disc_entry(d, c->id);
    if (c->answered) {
        c->state = SOTTO_DISC_DONE;
    } else {
        fail(c);
        sotto_disc_bond_doubt(d, c->id, &c->node.at.addr);
    }
    if (!e) return;
    e->find_fails = c->answered ? 0 : e->find_fails + 1;
    const struct sotto_disc_bucket *b = &d->buckets[sotto_disc_bucket_of(d->id, c->id)];
    if (e->find_fails >= SOTTO_DISC_FIND_FAILS_MAX && b->count >= SOTTO_DISC_BUCKET / 2) sotto_disc_table_drop(d, c->id, out);
}

static void end_lookup(struct sotto_disc_lookup *l, struct sotto_disc_outq *out)
{
    l->used = false;
    if (l->own) return;
    struct sotto_disc_out *o = sotto_disc_event(out, SOTTO_DISC_FOUND);
    o->token = l->token;
    for (unsigned i = 0; i < l->count && o->count < SOTTO_DISC_RESULTS; i++)
        if (l->candidates[i].state == SOTTO_DISC_DONE) o->nodes[o->count++] = l->candidates[i].node;
}

static void run(struct sotto_discv4 *d, struct sotto_disc_lookup *l, struct sotto_now now, struct sotto_disc_outq *out)
{
    unsigned flying = 0, near = 0;
    for (unsigned i = 0; i < l->count; i++) {
        struct sotto_disc_candidate *c = &l->candidates[i];
        bool over = in_flight(c) && c->at_us <= now.mono_us;
        if (over && c->state == SOTTO_DISC_BONDING) fail(c);
        else if (over && c->state == SOTTO_DISC_WAITING) ask(d, l, c, now, out);
        else if (over && c->state == SOTTO_DISC_ASKING) end_asking(d, c, out);
        flying += in_flight(c);
    }
    for (unsigned i = 0; i < l->count && near < SOTTO_DISC_RESULTS && flying < SOTTO_DISC_ALPHA && l->asked < SOTTO_DISC_ASKED_MAX; i++) {
        struct sotto_disc_candidate *c = &l->candidates[i];
        if (c->state == SOTTO_DISC_NEW) {
            start(d, l, c, now, out);
            flying += in_flight(c);
        }
        near += c->state != SOTTO_DISC_FAILED;
    }
    if (flying == 0) end_lookup(l, out);
}

void sotto_disc_lookups_run(struct sotto_discv4 *d, struct sotto_now now, struct sotto_disc_outq *out)
{
    for (unsigned i = 0; i < SOTTO_DISC_LOOKUPS_MAX; i++)
        if (d->lookups[i].used) run(d, &d->lookups[i], now, out);
}

void sotto_disc_lookups_ponged(struct sotto_discv4 *d, const uint8_t id[32], const struct sotto_addr *addr, uint64_t ready_us)
{
    for (unsigned i = 0; i < SOTTO_DISC_LOOKUPS_MAX; i++) {
        struct sotto_disc_lookup *l = &d->lookups[i];
        for (unsigned j = 0; l->used && j < l->count; j++) {
            struct sotto_disc_candidate *c = &l->candidates[j];
            if (c->state != SOTTO_DISC_BONDING || memcmp(c->id, id, 32) != 0 || !sotto_disc_same_ip(&c->node.at.addr, addr)) continue;
            c->state = SOTTO_DISC_WAITING;
            c->at_us = ready_us;
        }
    }
}

static void take(struct sotto_discv4 *d, struct sotto_disc_lookup *l, const struct sotto_disc_node *node, const struct sotto_addr *from)
{
    struct sotto_point point;
    uint8_t id[32];
    if (!sotto_disc_sendable(d, &node->at.addr) || !sotto_disc_may_tell(from, &node->at.addr)) return;
    if (memcmp(node->key, d->key64, 64) == 0 || sotto_point_from64(&point, node->key) != SOTTO_OK) return;
    sotto_keccak256(id, SOTTO_SPAN(node->key));
    (void)sotto_disc_table_add(d, node, id, false);   /* no room: then it is only asked */
    add_candidate(d, l, node);
}

void sotto_disc_lookups_neighbors(struct sotto_discv4 *d, const struct sotto_disc_packet *p, const uint8_t id[32], const struct sotto_addr *from)
{
    for (unsigned i = 0; i < SOTTO_DISC_LOOKUPS_MAX; i++) {
        struct sotto_disc_lookup *l = &d->lookups[i];
        for (unsigned j = 0; l->used && j < l->count; j++) {
            struct sotto_disc_candidate *c = &l->candidates[j];
            if (c->state != SOTTO_DISC_ASKING || memcmp(c->id, id, 32) != 0 || !sotto_disc_same_ip(&c->node.at.addr, from)) continue;
            unsigned room = SOTTO_DISC_RESULTS - c->got, count = p->node_count < room ? p->node_count : room;
            c->answered = true;
            c->got += count;
            if (c->got == SOTTO_DISC_RESULTS) c->at_us = 0;           /* complete: the next run ends it */
            for (unsigned k = 0; k < count; k++) take(d, l, &p->nodes[k], from);      /* moves candidates: c is not used any more */
            return;
        }
    }
}

uint64_t sotto_disc_lookups_deadline(const struct sotto_discv4 *d)
{
    uint64_t at = UINT64_MAX;
    for (unsigned i = 0; i < SOTTO_DISC_LOOKUPS_MAX; i++) {
        const struct sotto_disc_lookup *l = &d->lookups[i];
        bool any = false;
        for (unsigned j = 0; l->used && j < l->count; j++) {
            if (!in_flight(&l->candidates[j])) continue;
            any = true;
            if (l->candidates[j].at_us < at) at = l->candidates[j].at_us;
        }
        if (l->used && !any) at = 0;                  /* not begun yet */
    }
    return at;
}
