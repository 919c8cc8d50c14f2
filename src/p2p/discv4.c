#include "p2p/discv4_state.h"

#include "crypto/hash.h"

#include <stdlib.h>

struct sotto_disc_out *sotto_disc_event(struct sotto_disc_outq *out, enum sotto_disc_out_kind kind)
{
    SOTTO_ASSERT(out->count < out->max);              /* a step has at most 32 datagrams and fewer than 32 events */
    struct sotto_disc_out *o = &out->slots[out->count++];
    memset(o, 0, sizeof *o);
    o->kind = kind;
    return o;
}

static struct sotto_disc_out *node_event(struct sotto_disc_outq *out, enum sotto_disc_out_kind kind, const struct sotto_disc_node *node, uint64_t seq)
{
    struct sotto_disc_out *o = sotto_disc_event(out, kind);
    memcpy(o->key, node->key, 64);
    o->addr = node->at.addr;
    o->tcp = node->at.tcp;
    o->seq = seq;
    return o;
}

bool sotto_disc_send(struct sotto_discv4 *d, const struct sotto_addr *to, struct sotto_disc_packet *p, uint8_t hash[32], struct sotto_now now,
                     struct sotto_disc_outq *out)
{
    struct sotto_disc_bytes bytes;
    unsigned sent = 0;
    for (uint32_t i = 0; i < out->count; i++) sent += out->slots[i].kind == SOTTO_DISC_SEND;
    if (sent >= SOTTO_DISC_SEND_MAX) return false;
    p->expiration = now.wall_ms / 1000 + SOTTO_DISC_EXPIRE_S + sotto_rng_below(d->config.rng, SOTTO_DISC_EXPIRE_S + 1);
    if (sotto_disc_write(&bytes, p, d->key) != SOTTO_OK) return false;            /* memory is out: as if it were lost */
    struct sotto_disc_out *o = sotto_disc_event(out, SOTTO_DISC_SEND);
    o->addr = *to;
    o->size = bytes.size;
    memcpy(o->bytes, bytes.b, bytes.size);
    if (hash) memcpy(hash, bytes.b, 32);
    return true;
}

struct sotto_disc_ping *sotto_disc_ping_to(struct sotto_discv4 *d, const uint8_t id[32], const struct sotto_addr *addr)
{
    for (unsigned i = 0; i < SOTTO_DISC_PINGS_MAX; i++) {
        struct sotto_disc_ping *p = &d->pings[i];
        if (p->node.at.addr.family && memcmp(p->id, id, 32) == 0 && sotto_addr_equal(&p->node.at.addr, addr)) return p;
    }
    return NULL;
}

struct sotto_disc_ping *sotto_disc_ping_send(struct sotto_discv4 *d, const struct sotto_disc_node *node, const uint8_t id[32], bool back, struct sotto_now now,
                                             struct sotto_disc_outq *out)
{
    struct sotto_disc_ping *slot = NULL;
    struct sotto_disc_packet p;
    uint8_t hash[32];
    unsigned backs = 0;
    for (unsigned i = 0; i < SOTTO_DISC_PINGS_MAX; i++) {
        if (d->pings[i].node.at.addr.family) backs += d->pings[i].back;
        else if (!slot) slot = &d->pings[i];
    }
    if (!slot || (back && backs >= SOTTO_DISC_PINGS_BACK_MAX)) return NULL;
    const struct sotto_addr *self = &d->external[node->at.addr.family == 6];
    memset(&p, 0, sizeof p);
    p.type = SOTTO_DISC_PING;
    p.version = SOTTO_DISC_VERSION;
    p.from.addr = *self;
    if (!self->family) p.from.addr.port = d->config.udp;
    p.from.tcp = d->config.tcp;
    p.to = node->at;
    p.enr_seq = d->seq;
    if (!sotto_disc_send(d, &node->at.addr, &p, hash, now, out)) return NULL;
    memset(slot, 0, sizeof *slot);
    slot->node = *node;
    memcpy(slot->id, id, 32);
    memcpy(slot->hash, hash, 32);
    slot->deadline_us = now.mono_us + SOTTO_DISC_REPLY_US;
    slot->back = back;
    return slot;
}

/* The node's record is newer than ours of it: ask for it once the node is ready. */
static void want_record(struct sotto_discv4 *d, const struct sotto_disc_node *node, const uint8_t id[32], uint64_t seq)
{
    struct sotto_disc_bond *bond = sotto_disc_bond(d, id, &node->at.addr);
    struct sotto_disc_request *slot = NULL;
    if (!bond || seq <= bond->seq) return;
    for (unsigned i = 0; i < SOTTO_DISC_REQUESTS_MAX; i++) {
        struct sotto_disc_request *r = &d->requests[i];
        if (!r->node.at.addr.family) slot = r;
        else if (memcmp(r->id, id, 32) == 0) return;
    }
    if (!slot) return;                                /* its next Ping or Pong reminds us */
    memset(slot, 0, sizeof *slot);
    slot->node = *node;
    memcpy(slot->id, id, 32);
    slot->at_us = bond->ready_us;
}

static void on_ping(struct sotto_discv4 *d, const struct sotto_disc_packet *p, const uint8_t id[32], const struct sotto_addr *from, struct sotto_now now,
                    struct sotto_disc_outq *out)
{
    struct sotto_disc_node node = { .at = { *from, p->from.tcp } };
    struct sotto_disc_packet pong;
    memcpy(node.key, p->key, 64);
    memset(&pong, 0, sizeof pong);
    pong.type = SOTTO_DISC_PONG;
    pong.to = node.at;                                /* where it came from, and the TCP port it claims */
    memcpy(pong.reply_to, p->hash, 32);
    pong.enr_seq = d->seq;
    (void)sotto_disc_send(d, from, &pong, NULL, now, out);
    struct sotto_disc_bond *bond = sotto_disc_bond(d, id, from);
    if (sotto_disc_bond_good(bond, now)) {
        bond->pinged = true;
        bond->ping_us = now.mono_us;
        (void)sotto_disc_table_add(d, &node, id, true);
        want_record(d, &node, id, p->enr_seq);
        return;
    }
    struct sotto_disc_ping *ping = sotto_disc_ping_to(d, id, from);
    if (!ping) ping = sotto_disc_ping_send(d, &node, id, true, now, out);
    if (ping) ping->heard = true;
}

static void on_pong(struct sotto_discv4 *d, const struct sotto_disc_packet *p, const uint8_t id[32], const struct sotto_addr *from, struct sotto_now now,
                    struct sotto_disc_outq *out)
{
    struct sotto_disc_ping *ping = NULL;
    for (unsigned i = 0; i < SOTTO_DISC_PINGS_MAX && !ping; i++) {
        struct sotto_disc_ping *q = &d->pings[i];
        if (q->node.at.addr.family && memcmp(q->hash, p->reply_to, 32) == 0 && memcmp(q->id, id, 32) == 0 && sotto_disc_same_ip(&q->node.at.addr, from)) ping = q;
    }
    if (!ping || ping->deadline_us <= now.mono_us) return;
    struct sotto_disc_bond *bond = sotto_disc_bond_make(d, id, from);
    bool old = bond->pong_us || bond->ready_us ? sotto_disc_bond_good(bond, now) : false;
    bond->pong_us = now.mono_us;
    if (ping->heard) {
        bond->pinged = true;
        bond->ping_us = now.mono_us;
    }
    uint64_t wait = !sotto_disc_bond_mutual(bond, now) ? SOTTO_DISC_PROOF_US : old ? 0 : SOTTO_DISC_QUIET_US;
    if (bond->ready_us < now.mono_us + wait) bond->ready_us = now.mono_us + wait;
    struct sotto_disc_node node = ping->node;
    node.at.addr = *from;
    ping->node.at.addr.family = 0;
    (void)sotto_disc_table_add(d, &node, id, true);
    node_event(out, old ? SOTTO_DISC_SEEN : SOTTO_DISC_BONDED, &node, p->enr_seq);
    sotto_disc_lookups_ponged(d, id, from, bond->ready_us);
    want_record(d, &node, id, p->enr_seq);
    sotto_disc_vote(d, from, &p->to.addr, now, out);
}

static void on_findnode(struct sotto_discv4 *d, const struct sotto_disc_packet *p, const uint8_t id[32], const struct sotto_addr *from, struct sotto_now now,
                        struct sotto_disc_outq *out)
{
    struct sotto_disc_node nodes[SOTTO_DISC_RESULTS];
    struct sotto_disc_packet answer;
    uint8_t target[32];
    if (!sotto_disc_bond_good(sotto_disc_bond(d, id, from), now)) return;
    sotto_keccak256(target, SOTTO_SPAN(p->target));
    unsigned count = sotto_disc_table_nearest(d, nodes, target, from), told = 0;
    memset(&answer, 0, sizeof answer);
    answer.type = SOTTO_DISC_NEIGHBORS;
    do {
        answer.node_count = count - told < SOTTO_DISC_NEIGHBORS_MAX ? count - told : SOTTO_DISC_NEIGHBORS_MAX;
        memcpy(answer.nodes, nodes + told, answer.node_count * sizeof *nodes);
        told += answer.node_count;
        (void)sotto_disc_send(d, from, &answer, NULL, now, out);
    } while (told < count);
}

static void on_enr_request(struct sotto_discv4 *d, const struct sotto_disc_packet *p, const uint8_t id[32], const struct sotto_addr *from,
                           struct sotto_now now, struct sotto_disc_outq *out)
{
    struct sotto_disc_packet answer;
    if (!sotto_disc_bond_good(sotto_disc_bond(d, id, from), now)) return;
    memset(&answer, 0, sizeof answer);
    answer.type = SOTTO_DISC_ENR_RESPONSE;
    memcpy(answer.reply_to, p->hash, 32);
    answer.record = sotto_enr_span(&d->record);
    (void)sotto_disc_send(d, from, &answer, NULL, now, out);
}

static void on_enr_response(struct sotto_discv4 *d, const struct sotto_disc_packet *p, const uint8_t id[32], const struct sotto_addr *from,
                            struct sotto_disc_outq *out)
{
    for (unsigned i = 0; i < SOTTO_DISC_REQUESTS_MAX; i++) {
        struct sotto_disc_request *r = &d->requests[i];
        struct sotto_enr enr;
        if (!r->node.at.addr.family || !r->sent || memcmp(r->hash, p->reply_to, 32) != 0 || memcmp(r->id, id, 32) != 0 ||
            !sotto_disc_same_ip(&r->node.at.addr, from))
            continue;
        struct sotto_disc_bond *bond = sotto_disc_bond(d, id, from);
        if (sotto_enr_read(&enr, p->record) == SOTTO_OK && memcmp(enr.key, p->key, 64) == 0 && bond && enr.seq > bond->seq) {
            bond->seq = enr.seq;
            struct sotto_disc_out *o = node_event(out, SOTTO_DISC_RECORD, &r->node, enr.seq);
            o->size = p->record.size;
            memcpy(o->bytes, p->record.data, p->record.size);
        }
        r->node.at.addr.family = 0;
        return;
    }
}

void sotto_discv4_datagram(struct sotto_discv4 *d, const struct sotto_addr *from, struct sotto_span bytes, struct sotto_now now, struct sotto_disc_outq *out)
{
    struct sotto_disc_packet p;
    uint8_t id[32];
    SOTTO_ASSERT(out->count == 0 && out->max >= SOTTO_DISC_OUT_MAX);
    if (!sotto_disc_sendable(d, from) || bytes.size < SOTTO_DISC_HEAD || bytes.size > SOTTO_DISC_PACKET_MAX) return;
    if (!sotto_disc_admit(d, from, now) || sotto_disc_read(&p, bytes) != SOTTO_OK) return;
    if (memcmp(p.key, d->key64, 64) == 0) return;
    if (p.type != SOTTO_DISC_ENR_RESPONSE && !sotto_disc_fresh(p.expiration, now.wall_ms)) return;
    sotto_keccak256(id, SOTTO_SPAN(p.key));
    switch (p.type) {
    case SOTTO_DISC_PING: on_ping(d, &p, id, from, now, out); break;
    case SOTTO_DISC_PONG: on_pong(d, &p, id, from, now, out); break;
    case SOTTO_DISC_FINDNODE: on_findnode(d, &p, id, from, now, out); break;
    case SOTTO_DISC_NEIGHBORS: sotto_disc_lookups_neighbors(d, &p, id, from); break;
    case SOTTO_DISC_ENR_REQUEST: on_enr_request(d, &p, id, from, now, out); break;
    case SOTTO_DISC_ENR_RESPONSE: on_enr_response(d, &p, id, from, out); break;
    }
}

/* Pings whose time is over. Of a check of a table entry the first is tried again, for a datagram may be lost; then the entry goes. */
static void run_pings(struct sotto_discv4 *d, struct sotto_now now, struct sotto_disc_outq *out)
{
    for (unsigned i = 0; i < SOTTO_DISC_PINGS_MAX; i++) {
        struct sotto_disc_ping *p = &d->pings[i];
        if (!p->node.at.addr.family || p->deadline_us > now.mono_us) continue;
        struct sotto_disc_ping was = *p;
        p->node.at.addr.family = 0;
        if (!was.check) continue;
        struct sotto_disc_ping *next = was.again ? NULL : sotto_disc_ping_send(d, &was.node, was.id, false, now, out);
        if (next) {
            next->check = next->again = true;
            next->heard = was.heard;
        } else {
            sotto_disc_table_drop(d, was.id, out);
        }
    }
}

static void run_requests(struct sotto_discv4 *d, struct sotto_now now, struct sotto_disc_outq *out)
{
    for (unsigned i = 0; i < SOTTO_DISC_REQUESTS_MAX; i++) {
        struct sotto_disc_request *r = &d->requests[i];
        struct sotto_disc_packet p;
        if (!r->node.at.addr.family || r->at_us > now.mono_us) continue;
        memset(&p, 0, sizeof p);
        p.type = SOTTO_DISC_ENR_REQUEST;
        if (r->sent) sotto_disc_bond_doubt(d, r->id, &r->node.at.addr);
        if (r->sent || !sotto_disc_send(d, &r->node.at.addr, &p, r->hash, now, out)) {
            r->node.at.addr.family = 0;
            continue;
        }
        r->sent = true;
        r->at_us = now.mono_us + SOTTO_DISC_REPLY_US;
    }
}

/* devp2p.md 8.3: the last entry of a random bucket is asked whether it is still there. One that has just bonded is left in peace. */
static void run_check(struct sotto_discv4 *d, struct sotto_now now, struct sotto_disc_outq *out)
{
    unsigned full[SOTTO_DISC_BUCKETS], count = 0;
    if (d->revalidate_us > now.mono_us) return;
    d->revalidate_us = now.mono_us + 1 + sotto_rng_below(d->config.rng, SOTTO_DISC_REVALIDATE_US);
    for (unsigned i = 0; i < SOTTO_DISC_BUCKETS; i++)
        if (d->buckets[i].count) full[count++] = i;
    for (unsigned i = 0; i < SOTTO_DISC_PINGS_MAX; i++)
        if (d->pings[i].node.at.addr.family && d->pings[i].check) return;          /* one at a time */
    if (count == 0) return;
    const struct sotto_disc_bucket *b = &d->buckets[full[sotto_rng_below(d->config.rng, count)]];
    const struct sotto_disc_entry *e = &b->entries[b->count - 1];
    const struct sotto_disc_bond *bond = sotto_disc_bond(d, e->id, &e->node.at.addr);
    if ((bond && bond->ready_us > now.mono_us) || sotto_disc_ping_to(d, e->id, &e->node.at.addr)) return;
    struct sotto_disc_ping *p = sotto_disc_ping_send(d, &e->node, e->id, false, now, out);
    if (p) p->check = true;
}

/* Our own key first, then random targets, one after the other in the place that is kept for them. */
static void run_refresh(struct sotto_discv4 *d, struct sotto_now now, struct sotto_disc_outq *out)
{
    uint8_t target[64];
    if (d->refresh_us <= now.mono_us) {
        unsigned count = sotto_disc_table_count(d);
        if (count == 0) sotto_disc_event(out, SOTTO_DISC_STARVED);
        else if (d->refresh_left == 0) d->refresh_left = SOTTO_DISC_REFRESH_LOOKUPS;
        uint64_t wait = count == 0 ? SOTTO_DISC_STARVED_US : count < SOTTO_DISC_BUCKET ? SOTTO_DISC_REFRESH_SMALL_US : SOTTO_DISC_REFRESH_US;
        d->refresh_us = now.mono_us + wait - sotto_rng_below(d->config.rng, wait / 5);
    }
    if (d->refresh_left == 0 || d->lookups[0].used) return;
    if (d->refresh_left == SOTTO_DISC_REFRESH_LOOKUPS) memcpy(target, d->key64, 64);
    else sotto_rng_fill(d->config.rng, target, sizeof target);
    d->refresh_left--;
    sotto_disc_lookup_begin(d, &d->lookups[0], target, 0, true);
}

void sotto_discv4_tick(struct sotto_discv4 *d, struct sotto_now now, struct sotto_disc_outq *out)
{
    SOTTO_ASSERT(out->count == 0 && out->max >= SOTTO_DISC_OUT_MAX);
    run_pings(d, now, out);
    run_refresh(d, now, out);
    sotto_disc_lookups_run(d, now, out);
    run_requests(d, now, out);
    run_check(d, now, out);
}

static void earlier(uint64_t *at, uint64_t other)
{
    if (other < *at) *at = other;
}

uint64_t sotto_discv4_deadline(const struct sotto_discv4 *d)
{
    uint64_t at = sotto_disc_lookups_deadline(d);
    earlier(&at, d->refresh_us);
    earlier(&at, d->revalidate_us);
    if (d->refresh_left && !d->lookups[0].used) at = 0;
    for (unsigned i = 0; i < SOTTO_DISC_PINGS_MAX; i++)
        if (d->pings[i].node.at.addr.family) earlier(&at, d->pings[i].deadline_us);
    for (unsigned i = 0; i < SOTTO_DISC_REQUESTS_MAX; i++)
        if (d->requests[i].node.at.addr.family) earlier(&at, d->requests[i].at_us);
    return at;
}

enum sotto_err sotto_discv4_add(struct sotto_discv4 *d, const struct sotto_disc_node *node, struct sotto_now now)
{
    struct sotto_point point;
    uint8_t id[32];
    if (!sotto_disc_sendable(d, &node->at.addr)) return SOTTO_ERR_RANGE;
    SOTTO_TRY(sotto_point_from64(&point, node->key));
    if (memcmp(node->key, d->key64, 64) == 0) return SOTTO_ERR_STATE;
    sotto_keccak256(id, SOTTO_SPAN(node->key));
    bool first = sotto_disc_table_count(d) == 0;
    SOTTO_TRY(sotto_disc_table_add(d, node, id, false));
    if (first) d->refresh_us = now.mono_us;           /* it was starving: look around at once */
    return SOTTO_OK;
}

enum sotto_err sotto_discv4_lookup(struct sotto_discv4 *d, const uint8_t target[64], uint64_t token)
{
    for (unsigned i = 1; i < SOTTO_DISC_LOOKUPS_MAX; i++) {
        if (d->lookups[i].used) continue;
        sotto_disc_lookup_begin(d, &d->lookups[i], target, token, false);
        return SOTTO_OK;
    }
    return SOTTO_ERR_FULL;
}

void sotto_discv4_announce(struct sotto_discv4 *d, const struct sotto_addr *addr, uint16_t tcp, uint16_t roles, struct sotto_disc_outq *out)
{
    bool same = tcp == d->config.tcp && roles == d->config.roles;
    SOTTO_ASSERT(out->count == 0 && out->max >= SOTTO_DISC_OUT_MAX);
    if (addr->family) {
        struct sotto_addr *slot = &d->external[addr->family == 6];
        same = same && sotto_addr_equal(slot, addr);
        *slot = *addr;
    } else if (d->fixed) {
        same = false;
        memset(d->external, 0, sizeof d->external);
    }
    d->fixed = addr->family != 0;
    d->config.tcp = tcp;
    d->config.roles = roles;
    if (same || sotto_disc_make_record(d) != SOTTO_OK) return;
    struct sotto_disc_out *o = sotto_disc_event(out, SOTTO_DISC_EXTERNAL);
    o->addr = *addr;
    o->seq = d->seq;
}

const struct sotto_enr_record *sotto_discv4_record(const struct sotto_discv4 *d) { return &d->record; }

bool sotto_discv4_node_at(const struct sotto_discv4 *d, unsigned index, struct sotto_disc_node *out, bool *live)
{
    for (unsigned i = 0; i < SOTTO_DISC_BUCKETS; i++) {
        const struct sotto_disc_bucket *b = &d->buckets[i];
        if (index >= b->count) {
            index -= b->count;
            continue;
        }
        *out = b->entries[index].node;
        *live = b->entries[index].live;
        return true;
    }
    return false;
}

bool sotto_discv4_bonded(const struct sotto_discv4 *d, const uint8_t key[64], const struct sotto_addr *addr, struct sotto_now now)
{
    uint8_t id[32];
    sotto_keccak256(id, sotto_span(key, 64));
    return sotto_disc_bond_good(sotto_disc_bond((struct sotto_discv4 *)d, id, addr), now);
}

enum sotto_err sotto_discv4_new(struct sotto_discv4 **out, const struct sotto_discv4_config *config, struct sotto_now now)
{
    struct sotto_point point;
    SOTTO_TRY(sotto_point_make(&point, &config->key));
    struct sotto_discv4 *d = calloc(1, sizeof *d);
    if (!d) return SOTTO_ERR_NOMEM;
    d->config = *config;
    SOTTO_WIPE(d->config.key);
    d->key = sotto_guard_new(sizeof *d->key, NULL);
    enum sotto_err err = d->key ? sotto_point_to64(d->key64, &point) : SOTTO_ERR_NOMEM;
    if (err == SOTTO_OK) {
        *d->key = config->key;
        sotto_keccak256(d->id, SOTTO_SPAN(d->key64));
        d->seq = config->enr_seq;
        d->level = (struct sotto_disc_level){ SOTTO_DISC_BURST_ALL * 1000000ull, now.mono_us };
        d->fixed = config->addr.family != 0;
        if (d->fixed) d->external[config->addr.family == 6] = config->addr;
        d->refresh_us = d->revalidate_us = now.mono_us;
        err = sotto_disc_make_record(d);
    }
    if (err != SOTTO_OK) {
        sotto_discv4_free(d);
        return err;
    }
    *out = d;
    return SOTTO_OK;
}

void sotto_discv4_free(struct sotto_discv4 *d)
{
    if (!d) return;
    sotto_guard_free(d->key);
    free(d);
}
