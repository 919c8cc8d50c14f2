/* Which connections of a host may stay: duplicates, simultaneous dials, slots (p2p/slots.h). */
#include "p2p/state.h"

struct sotto_conn *sotto_host_by_key(const struct sotto_host *h, const uint8_t key[64])
{
    for (unsigned i = 0; i < h->conn_count; i++) {
        struct sotto_conn *c = h->conns[i];
        if (c->key_known && !c->probe && c->state != SOTTO_CONN_CLOSING && memcmp(c->key, key, 64) == 0) return c;
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

/* Inbound connections past their keys that are held to the rules of groups and slots. */
static bool holds_slot(const struct sotto_conn *c)
{
    return c->inbound && !c->is_static && (c->state == SOTTO_CONN_HELLO || c->state == SOTTO_CONN_UP);
}

bool sotto_host_may_accept(struct sotto_host *h, const struct sotto_addr *addr, struct sotto_now now)
{
    unsigned handshakes = 0, alike = 0;
    struct sotto_group group = sotto_group_of(addr, h->config.local);
    for (unsigned i = 0; i < h->conn_count; i++) {
        const struct sotto_conn *c = h->conns[i];
        if (c->state != SOTTO_CONN_KEYS && c->state != SOTTO_CONN_HELLO) continue;
        struct sotto_group other = sotto_group_of(&c->addr, h->config.local);
        handshakes++;
        alike += c->inbound && sotto_group_equal(&other, &group);
    }
    if (h->quitting || handshakes >= SOTTO_HANDSHAKES_MAX || h->conn_count == h->conn_max) return false;
    if (sotto_host_exempt(h, addr)) return true;
    if (handshakes >= SOTTO_HANDSHAKES_MAX / 2 && alike >= SOTTO_HANDSHAKES_GROUP) return false;      /* who dials and says nothing leaves room for others */
    return !sotto_rep_address_banned(h->rep, addr, now) && sotto_rep_address_accept(h->rep, addr, now);
}

static struct sotto_slot slot_of(const struct sotto_host *h, const struct sotto_conn *c)
{
    bool near = h->config.lan && c->addr.family == 4 && sotto_disc_class(&c->addr) == SOTTO_DISC_LAN;
    return (struct sotto_slot){ .addr = c->addr, .group = near ? sotto_group_of_near(&c->addr) : sotto_group_of(&c->addr, h->config.local), .exempt = sotto_host_exempt(h, &c->addr),
                                .since_us = c->since_us, .id = c->id };
}

static enum sotto_end take_slot(struct sotto_host *h, const struct sotto_conn *c, struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_slot newcomer = slot_of(h, c);
    unsigned count = 0;
    uint32_t loser;
    for (unsigned i = 0; i < h->conn_count; i++)
        if (holds_slot(h->conns[i])) h->slots[count++] = slot_of(h, h->conns[i]);
    switch (sotto_slots_judge(&loser, h->slots, count, h->config.inbound_max, &newcomer)) {
    case SOTTO_SLOT_REFUSED: return SOTTO_END_TOO_MANY;
    case SOTTO_SLOT_FREE: break;
    case SOTTO_SLOT_EVICT:
        for (unsigned i = 0; i < h->conn_count; i++)
            if (h->conns[i]->id == loser) sotto_conn_end(h, h->conns[i], SOTTO_END_TOO_MANY, now, out);
    }
    return SOTTO_ENDS;
}

enum sotto_end sotto_host_admit(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now, struct sotto_outq *out)
{
    if (memcmp(c->key, h->key, 64) == 0) return SOTTO_END_SELF;
    struct sotto_static *s = sotto_host_static(h, c->key);
    struct sotto_conn *other = NULL;
    for (unsigned i = 0; i < h->conn_count; i++) {
        struct sotto_conn *o = h->conns[i];
        if (o != c && o->key_known && !o->probe && o->state != SOTTO_CONN_CLOSING && memcmp(o->key, c->key, 64) == 0 && (!other || o->state > other->state)) other = o;
    }
    if (other) {
        /* Both dialled at once. While our dial has no TCP yet, the peer has not learnt who is calling: theirs stays. After our
         * auth has left, both sides keep the connection whose dialer has the smaller key, so they agree without a word.
         * One that is up stays: the peer has seen our Hello on it. */
        bool ours = !other->inbound && other->state != SOTTO_CONN_UP;
        bool theirs_stays = other->state == SOTTO_CONN_DIALING || memcmp(c->key, h->key, 64) < 0;
        if (!ours || !theirs_stays) return SOTTO_END_ALREADY;
        if (s) s->conn = c->id;
        for (unsigned i = 0; i < h->conn_count; i++) {                         /* two of them if it has two addresses */
            struct sotto_conn *o = h->conns[i];
            if (o != c && o->key_known && !o->probe && memcmp(o->key, c->key, 64) == 0)
                sotto_conn_end(h, o, o->state == SOTTO_CONN_DIALING ? SOTTO_END_REPLACED : SOTTO_END_ALREADY, now, out);
        }
    }
    if (s) {
        s->conn = c->id;
        c->is_static = true;
        return SOTTO_ENDS;
    }
    return take_slot(h, c, now, out);
}
