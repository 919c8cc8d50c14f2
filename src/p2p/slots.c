/* Which connections may stay: duplicates, simultaneous dials, slots, address groups. */
#include "p2p/state.h"

struct sotto_conn *sotto_host_by_key(const struct sotto_host *h, const uint8_t key[64])
{
    for (unsigned i = 0; i < h->conn_count; i++) {
        struct sotto_conn *c = h->conns[i];
        if (c->key_known && c->state != SOTTO_CONN_CLOSING && memcmp(c->key, key, 64) == 0) return c;
    }
    return NULL;
}

struct sotto_static *sotto_host_static(const struct sotto_host *h, const uint8_t key[64])
{
    for (unsigned i = 0; i < h->static_count; i++)
        if (memcmp(h->statics[i].node.key, key, 64) == 0) return &h->statics[i];
    return NULL;
}

bool sotto_host_exempt(const struct sotto_host *h, const struct sotto_addr *addr) { return h->config.local && sotto_addr_loopback(addr); }

static bool same_prefix(const struct sotto_addr *a, const struct sotto_addr *b, size_t bytes4, size_t bytes6)
{
    return a->family == b->family && memcmp(a->ip, b->ip, a->family == 4 ? bytes4 : bytes6) == 0;
}
static bool same_group(const struct sotto_addr *a, const struct sotto_addr *b) { return same_prefix(a, b, 2, 4); }

/* Inbound connections past their keys that are held to the rules of groups and slots. */
static bool holds_slot(const struct sotto_conn *c)
{
    return c->inbound && !c->is_static && (c->state == SOTTO_CONN_HELLO || c->state == SOTTO_CONN_UP);
}

bool sotto_host_may_accept(struct sotto_host *h, const struct sotto_addr *addr, struct sotto_now now)
{
    unsigned handshakes = 0;
    for (unsigned i = 0; i < h->conn_count; i++)
        handshakes += h->conns[i]->state == SOTTO_CONN_KEYS || h->conns[i]->state == SOTTO_CONN_HELLO;
    if (h->quitting || handshakes >= SOTTO_HANDSHAKES_MAX || h->conn_count == h->conn_max) return false;
    if (sotto_host_exempt(h, addr)) return true;
    return !sotto_rep_address_banned(h->rep, addr, now) && sotto_rep_address_accept(h->rep, addr, now);
}

/* Connections that we chose: a place among outbound_max is free, and none of them is in addr's group. */
bool sotto_host_may_dial(const struct sotto_host *h, const struct sotto_addr *addr)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < h->conn_count; i++) {
        const struct sotto_conn *c = h->conns[i];
        if (c->inbound || c->is_static || c->state == SOTTO_CONN_CLOSING) continue;
        if (!sotto_host_exempt(h, addr) && same_group(&c->addr, addr)) return false;
        taken++;
    }
    return taken < h->config.outbound_max;
}

static bool too_many_alike(const struct sotto_host *h, const struct sotto_addr *addr)
{
    unsigned group = 0, subnet = 0, address = 0;
    if (sotto_host_exempt(h, addr)) return false;
    for (unsigned i = 0; i < h->conn_count; i++) {
        const struct sotto_conn *c = h->conns[i];
        if (!holds_slot(c)) continue;
        group += same_group(&c->addr, addr);
        subnet += same_prefix(&c->addr, addr, 3, 8);
        address += same_prefix(&c->addr, addr, 4, 16);
    }
    return group >= SOTTO_INBOUND_PER_GROUP || subnet >= SOTTO_INBOUND_PER_SUBNET || address >= SOTTO_INBOUND_PER_ADDRESS;
}

/* Members of addr's group among the slots; every exempt address is a group of its own. */
static unsigned group_size(const struct sotto_host *h, const struct sotto_addr *addr)
{
    unsigned count = 0;
    if (sotto_host_exempt(h, addr)) return 1;
    for (unsigned i = 0; i < h->conn_count; i++) count += holds_slot(h->conns[i]) && same_group(&h->conns[i]->addr, addr);
    return count;
}

/* All slots are taken: the youngest member of the most crowded group goes. That group has two members at least and its oldest
 * stays, so the oldest of every group are safe. If the newcomer's own group is (or would be) as crowded, nobody goes: it is
 * itself the youngest. */
static struct sotto_conn *victim(const struct sotto_host *h, const struct sotto_conn *newcomer)
{
    struct sotto_conn *best = NULL;
    unsigned best_size = sotto_host_exempt(h, &newcomer->addr) ? 1 : group_size(h, &newcomer->addr) + 1;
    for (unsigned i = 0; i < h->conn_count; i++) {
        struct sotto_conn *c = h->conns[i];
        if (!holds_slot(c)) continue;
        unsigned size = group_size(h, &c->addr);
        if (size > best_size || (best && size == best_size && c->since_us > best->since_us)) {
            best = c;
            best_size = size;
        }
    }
    return best;
}

enum sotto_end sotto_host_admit(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now, struct sotto_outq *out)
{
    if (memcmp(c->key, h->key, 64) == 0) return SOTTO_END_SELF;
    struct sotto_static *s = sotto_host_static(h, c->key);
    struct sotto_conn *other = NULL;
    for (unsigned i = 0; i < h->conn_count; i++) {
        struct sotto_conn *o = h->conns[i];
        if (o != c && o->key_known && o->state != SOTTO_CONN_CLOSING && memcmp(o->key, c->key, 64) == 0) other = o;
    }
    if (other) {
        /* Both dialled at once. While our dial has no TCP yet, the peer has not learnt who is calling: theirs stays. After our
         * auth has left, both sides keep the connection whose dialer has the smaller key, so they agree without a word.
         * One that is up stays: the peer has seen our Hello on it. */
        bool ours = !other->inbound && other->state != SOTTO_CONN_UP;
        bool theirs_stays = other->state == SOTTO_CONN_DIALING || memcmp(c->key, h->key, 64) < 0;
        if (!ours || !theirs_stays) return SOTTO_END_ALREADY;
        if (s) s->conn = c->id;
        sotto_conn_end(h, other, other->state == SOTTO_CONN_DIALING ? SOTTO_END_REPLACED : SOTTO_END_ALREADY, now, out);
    }
    if (s) {
        s->conn = c->id;
        c->is_static = true;
        return SOTTO_ENDS;
    }
    if (too_many_alike(h, &c->addr)) return SOTTO_END_TOO_MANY;
    unsigned taken = 0;
    for (unsigned i = 0; i < h->conn_count; i++) taken += holds_slot(h->conns[i]);
    if (taken < h->config.inbound_max) return SOTTO_ENDS;
    struct sotto_conn *loser = victim(h, c);
    if (!loser) return SOTTO_END_TOO_MANY;
    sotto_conn_end(h, loser, SOTTO_END_TOO_MANY, now, out);
    return SOTTO_ENDS;
}
