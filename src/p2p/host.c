/* The host as others see it: inputs to connections, static peers and their redial, the sweep, the calls of capabilities. */
#include "p2p/state.h"

#include <stdlib.h>

static bool capability_ok(const struct sotto_capability *cap)
{
    size_t size = strlen(cap->name);
    for (size_t i = 0; i < size; i++)
        if (cap->name[i] <= 0x20 || cap->name[i] >= 0x7f) return false;
    return size >= 1 && size <= SOTTO_CAPABILITY_NAME_MAX && cap->codes >= 1;
}

enum sotto_err sotto_host_new(struct sotto_host **out, const struct sotto_host_config *config)
{
    SOTTO_ASSERT(config->capability_count <= SOTTO_CAPABILITIES_MAX && config->rng);
    SOTTO_ASSERT(config->message_max > 0 && config->message_max <= SOTTO_FRAME_SIZE_MAX);
    for (unsigned i = 0; i < config->capability_count; i++) SOTTO_ASSERT(capability_ok(&config->capabilities[i]));

    struct sotto_point self;
    uint8_t key[64];
    SOTTO_TRY(sotto_point_make(&self, &config->key));
    SOTTO_TRY(sotto_point_to64(key, &self));
    struct sotto_host *h = calloc(1, sizeof *h);
    if (!h) return SOTTO_ERR_NOMEM;
    h->config = *config;
    memcpy(h->key, key, sizeof key);
    if (config->capability_count) memcpy(h->caps, config->capabilities, config->capability_count * sizeof *h->caps);
    h->config.capabilities = h->caps;
    h->conn_max = config->inbound_max + config->outbound_max + config->static_max + SOTTO_HANDSHAKES_MAX + SOTTO_PROBES_MAX;
    if (config->book) h->conn_max += config->outbound_max + 2;         /* second addresses, and the feeler's */
    h->conns = calloc(h->conn_max, sizeof(struct sotto_conn *));
    h->statics = calloc(config->static_max + 1u, sizeof *h->statics);
    h->slots = calloc(h->conn_max, sizeof *h->slots);
    h->rep = sotto_rep_new();
    if (!h->conns || !h->statics || !h->slots || !h->rep || sotto_outbound_new(h) != SOTTO_OK) {
        sotto_host_free(h);
        return SOTTO_ERR_NOMEM;
    }
    *out = h;
    return SOTTO_OK;
}

void sotto_host_free(struct sotto_host *h)
{
    if (!h) return;
    for (unsigned i = 0; h->conns && i < h->conn_count; i++) sotto_conn_free(h, h->conns[i]);      /* conns: NULL when _new lacked memory */
    free(h->conns);
    free(h->statics);
    free(h->slots);
    sotto_dial_free(h->dial);
    sotto_rep_free(h->rep);
    sotto_wipe(h, sizeof *h);
    free(h);
}

uint32_t sotto_host_next_conn(struct sotto_host *h) { return ++h->last_conn; }

static struct sotto_conn *find(const struct sotto_host *h, uint32_t id)
{
    for (unsigned i = 0; i < h->conn_count; i++)
        if (h->conns[i]->id == id) return h->conns[i];
    return NULL;
}

static struct sotto_conn *find_open(const struct sotto_host *h, uint32_t id)
{
    struct sotto_conn *c = find(h, id);
    return c && c->state != SOTTO_CONN_CLOSING ? c : NULL;
}

/* ---- static peers ---- */

static void back_off(struct sotto_host *h, struct sotto_static *s, const struct sotto_conn *c, struct sotto_now now)
{
    uint64_t counts = h->config.local ? SOTTO_UP_COUNTS_LOCAL_US : SOTTO_UP_COUNTS_US;
    if (c->announced && !c->offended && now.mono_us - c->up_us >= counts) s->failures = 0;
    uint64_t delay = c->useless ? SOTTO_USELESS_US : sotto_dial_delay_us(h->config.rng, s->failures, h->config.local);
    if (s->failures < 32) s->failures++;              /* far past the longest delay */
    s->next_us = now.mono_us + delay;
    s->conn = 0;
}

static uint64_t dial_time(const struct sotto_host *h, const struct sotto_static *s)
{
    uint64_t ban = sotto_rep_node_ban_end(h->rep, s->node.key);       /* only an operator bans a static peer */
    return ban > s->next_us ? ban : s->next_us;
}

struct sotto_conn *sotto_host_connect(struct sotto_host *h, const struct sotto_enode *node, struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_out *o = h->conn_count < h->conn_max ? sotto_outq_add(out, SOTTO_OUT_DIAL) : NULL;
    struct sotto_conn *c = o ? sotto_conn_new(h, h->last_conn + 1, &node->addr, false, now) : NULL;
    if (!c) {
        if (o) out->count--;
        return NULL;
    }
    h->last_conn++;
    o->conn = c->id;
    o->addr = node->addr;
    memcpy(c->key, node->key, 64);
    c->key_known = true;
    return c;
}

static void dial(struct sotto_host *h, struct sotto_static *s, struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_conn *c = sotto_host_by_key(h, s->node.key);
    if (c) {                                          /* it called us, or is one of the general peers */
        sotto_outbound_release(h, c, now);
        s->conn = c->id;
        c->is_static = true;
        return;
    }
    c = sotto_host_connect(h, &s->node, now, out);
    if (!c) {
        s->next_us = now.mono_us + SOTTO_RETRY_US;
        return;
    }
    c->is_static = true;
    s->conn = c->id;
}

static void dial_due(struct sotto_host *h, struct sotto_now now, struct sotto_outq *out)
{
    sotto_outbound_dial(h, true, now, out);
    for (unsigned i = 0; i < h->static_count && !h->quitting; i++) {
        struct sotto_static *s = &h->statics[i];
        if (s->conn == 0 && dial_time(h, s) <= now.mono_us) dial(h, s, now, out);
    }
    sotto_outbound_dial(h, false, now, out);
}

/* ---- steps ---- */

/* Frees what is in CLOSING and tells the capabilities. Their calls may close more connections, so it goes on until none is
 * left; one whose last words do not fit into the queue waits for the next step. */
static void sweep(struct sotto_host *h, struct sotto_now now, struct sotto_outq *out)
{
    bool waiting = false;
    for (unsigned i = 0; h->dirty && i < h->conn_count;) {
        struct sotto_conn *c = h->conns[i];
        if (c->state != SOTTO_CONN_CLOSING) {
            i++;
            continue;
        }
        struct sotto_out *o = NULL;
        if (!sotto_conn_say_closed(c, out) || (c->announced && !(o = sotto_outq_add(out, SOTTO_OUT_PEER)))) {
            waiting = true;
            i++;
            continue;
        }
        if (o) o->conn = c->id;
        h->conns[i] = h->conns[--h->conn_count];
        for (unsigned s = 0; s < h->static_count; s++)
            if (h->statics[s].conn == c->id) back_off(h, &h->statics[s], c, now);
        for (unsigned b = 0; b < c->blocks_up; b++) {
            const struct sotto_capability *cap = c->blocks[b].cap;
            if (cap->down) cap->down(cap->owner, c->id, now);
        }
        sotto_outbound_ended(h, c, now);
        if (c->probe && h->config.probed) h->config.probed(h->config.probe_owner, c->probe, c->proven, now);
        sotto_conn_free(h, c);
        i = 0;
    }
    h->dirty = waiting;
}

static void accept_conn(struct sotto_host *h, const struct sotto_in *in, struct sotto_now now, struct sotto_outq *out)
{
    if (in->conn > h->last_conn) h->last_conn = in->conn;
    if (sotto_host_may_accept(h, &in->addr, now) && sotto_conn_new(h, in->conn, &in->addr, true, now)) return;
    struct sotto_out *o = sotto_outq_add(out, SOTTO_OUT_CLOSE);
    if (o) {
        o->conn = in->conn;
        return;
    }
    /* Not even the refusal fits: keep it as a connection that is to be closed, if there is a place for it. */
    struct sotto_conn *c = h->conn_count < h->conn_max ? sotto_conn_new(h, in->conn, &in->addr, true, now) : NULL;
    if (c) sotto_conn_end(h, c, SOTTO_END_SHED, now, out);
}

void sotto_host_step(struct sotto_host *h, const struct sotto_in *in, struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_conn *c = find(h, in->conn);
    SOTTO_ASSERT(!h->gathers);                        /* what lies in the queue may be taken after this */
    switch (in->kind) {
    case SOTTO_IN_OPENED:
        if (c) sotto_conn_opened(h, c, now, out);
        if (c) sotto_outbound_opened(h, c, now, out);
        break;
    case SOTTO_IN_ACCEPTED:
        if (!c) accept_conn(h, in, now, out);
        break;
    case SOTTO_IN_DATA:
        if (c) sotto_conn_data(h, c, in->bytes, now, out);
        break;
    case SOTTO_IN_SENT:
        if (c) {
            c->backlog -= in->token < c->backlog ? (size_t)in->token : c->backlog;
            c->stall_us = now.mono_us + SOTTO_STALL_US;
        }
        break;
    case SOTTO_IN_CLOSED:
        if (c) sotto_conn_lost(h, c);
        break;
    case SOTTO_IN_TICK:
        for (unsigned i = 0; i < h->conn_count; i++) sotto_conn_tick(h, h->conns[i], now, out);
        break;
    case SOTTO_IN_MINED:                              /* not ours */
        break;
    }
    sweep(h, now, out);
    dial_due(h, now, out);
}

uint64_t sotto_host_deadline(const struct sotto_host *h)
{
    if (h->dirty) return 0;
    uint64_t at = UINT64_MAX;
    for (unsigned i = 0; i < h->conn_count; i++) {
        uint64_t t = sotto_conn_deadline(h->conns[i]);
        if (t < at) at = t;
    }
    for (unsigned i = 0; i < h->static_count && !h->quitting; i++) {
        uint64_t t = h->statics[i].conn ? UINT64_MAX : dial_time(h, &h->statics[i]);
        if (t < at) at = t;
    }
    uint64_t t = h->dial && !h->quitting ? sotto_dial_deadline(h->dial) : UINT64_MAX;
    return t < at ? t : at;
}

/* ---- the operator's calls ---- */

/* One of the local network goes for a peer that an operator names; rather one that is not connected. */
static bool make_room(struct sotto_host *h, struct sotto_now now, struct sotto_outq *out)
{
    const struct sotto_static *goes = NULL;
    uint8_t key[64];
    for (unsigned i = 0; i < h->static_count; i++)
        if (h->statics[i].lan && (!goes || (goes->conn && !h->statics[i].conn))) goes = &h->statics[i];
    if (!goes) return false;
    memcpy(key, goes->node.key, sizeof key);
    return sotto_host_remove(h, key, now, out) == SOTTO_OK;
}

enum sotto_err sotto_host_add(struct sotto_host *h, const struct sotto_enode *peer, struct sotto_now now, struct sotto_outq *out)
{
    if (memcmp(peer->key, h->key, 64) == 0) return SOTTO_ERR_STATE;
    struct sotto_static *s = sotto_host_static(h, peer->key);
    if (s && !s->lan) return SOTTO_ERR_EXISTS;
    if (!s && h->static_count >= h->config.static_max && !make_room(h, now, out)) return SOTTO_ERR_FULL;
    sotto_rep_node_ban(h->rep, peer->key, 0, now);    /* an operator who adds a node means it */
    if (s) {
        s->lan = false;
        s->node = *peer;
        s->failures = 0;
        s->next_us = now.mono_us;
    } else {
        h->statics[h->static_count++] = (struct sotto_static){ .node = *peer, .next_us = now.mono_us };
    }
    dial_due(h, now, out);
    return SOTTO_OK;
}

enum sotto_err sotto_host_lan(struct sotto_host *h, const struct sotto_enode *peer, struct sotto_now now, struct sotto_outq *out)
{
    bool banned = sotto_rep_node_banned(h->rep, peer->key, now) || (!sotto_host_exempt(h, &peer->addr) && sotto_rep_address_banned(h->rep, &peer->addr, now));
    if (banned || memcmp(peer->key, h->key, 64) == 0) return SOTTO_ERR_STATE;
    if (sotto_host_static(h, peer->key)) return SOTTO_ERR_EXISTS;
    if (h->static_count >= h->config.static_max) return SOTTO_ERR_FULL;
    h->statics[h->static_count++] = (struct sotto_static){ .node = *peer, .lan = true, .next_us = now.mono_us };
    dial_due(h, now, out);
    return SOTTO_OK;
}

enum sotto_err sotto_host_remove(struct sotto_host *h, const uint8_t key[64], struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_static *s = sotto_host_static(h, key);
    struct sotto_conn *c = sotto_host_by_key(h, key);
    if (!s && !c) return SOTTO_ERR_MISSING;
    if (s) *s = h->statics[--h->static_count];
    for (; c; c = sotto_host_by_key(h, key)) sotto_conn_end(h, c, SOTTO_END_REQUESTED, now, out);
    if (h->config.book) sotto_book_forget(h->config.book, key);        /* else it would be dialled again at once */
    sweep(h, now, out);
    return SOTTO_OK;
}

struct sotto_dial *sotto_host_dialler(struct sotto_host *h) { return h->dial; }

enum sotto_err sotto_host_ban(struct sotto_host *h, const uint8_t key[64], uint64_t us, struct sotto_now now, struct sotto_outq *out)
{
    if (memcmp(key, h->key, 64) == 0) return SOTTO_ERR_STATE;
    uint64_t until = us > UINT64_MAX - now.mono_us ? UINT64_MAX : now.mono_us + us;
    sotto_rep_node_ban(h->rep, key, until, now);
    struct sotto_conn *c = sotto_host_by_key(h, key);
    for (; c && us; c = sotto_host_by_key(h, key)) sotto_conn_end(h, c, SOTTO_END_REQUESTED, now, out);      /* two, while it is dialled at both of its addresses */
    sweep(h, now, out);
    return SOTTO_OK;
}

bool sotto_host_banned(const struct sotto_host *h, const uint8_t key[64], struct sotto_now now) { return sotto_rep_node_banned(h->rep, key, now); }

bool sotto_host_ban_at(const struct sotto_host *h, unsigned index, struct sotto_ban *out, struct sotto_now now)
{
    return sotto_rep_ban_at(h->rep, index, out, now);
}

void sotto_host_quit(struct sotto_host *h, struct sotto_now now, struct sotto_outq *out)
{
    h->quitting = true;
    for (unsigned i = 0; i < h->conn_count; i++) sotto_conn_end(h, h->conns[i], SOTTO_END_QUITTING, now, out);
    sweep(h, now, out);
}

/* ---- the capabilities' calls; what they close is swept by the next step, which the deadline asks for at once ---- */

static const struct sotto_block *block_for(const struct sotto_conn *c, const struct sotto_capability *cap)
{
    for (unsigned i = 0; i < c->block_count; i++) {
        const struct sotto_capability *mine = c->blocks[i].cap;
        if (mine->version == cap->version && strcmp(mine->name, cap->name) == 0) return &c->blocks[i];
    }
    return NULL;
}

enum sotto_err sotto_host_send(struct sotto_host *h, uint32_t peer, const struct sotto_capability *cap, unsigned code,
                               struct sotto_span payload, struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_conn *c = find_open(h, peer);
    const struct sotto_block *block = c && c->state == SOTTO_CONN_UP ? block_for(c, cap) : NULL;
    if (!block) return SOTTO_ERR_MISSING;
    SOTTO_ASSERT(code < block->cap->codes);
    if (c->backlog && (payload.size > SOTTO_SEND_BACKLOG_MAX || c->backlog > SOTTO_SEND_BACKLOG_MAX - payload.size)) return SOTTO_ERR_FULL;
    return sotto_conn_send(h, c, block->first + code, payload, block->cap->literal, now, out);
}

void sotto_host_gather(struct sotto_host *h)
{
    SOTTO_ASSERT(!h->gathers);
    h->gathers = true;
}

void sotto_host_seal(struct sotto_host *h)
{
    SOTTO_ASSERT(h->gathers);
    h->gathers = false;
    sotto_conns_seal(h);
}

void sotto_host_disconnect(struct sotto_host *h, uint32_t peer, enum sotto_reason reason, struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_conn *c = find_open(h, peer);
    if (!c) return;
    sotto_log_line(h->config.log, SOTTO_LOG_DEBUG, "p2p", "peer.disconnect", "conn=%u reason=%u", c->id, (unsigned)reason);
    sotto_conn_close(h, c, reason, now, out);
}

void sotto_host_offend(struct sotto_host *h, uint32_t peer, int score, const char *what, struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_conn *c = find(h, peer);
    if (!c || !c->key_known) return;
    sotto_log_line(h->config.log, SOTTO_LOG_INFO, "p2p", "peer.offence", "conn=%u what=%s score=%d", c->id, what, score);
    const struct sotto_addr *addr = sotto_host_exempt(h, &c->addr) ? NULL : &c->addr;
    const struct sotto_static *s = sotto_host_static(h, c->key);
    if (score > 0) c->offended = true;
    if (sotto_rep_node_offend(h->rep, c->key, addr, score, !c->is_static || (s && s->lan), now)) sotto_conn_close(h, c, SOTTO_REASON_SUBPROTOCOL, now, out);
}

void sotto_host_pause(struct sotto_host *h, uint32_t peer, uint64_t until_us, struct sotto_outq *out)
{
    struct sotto_conn *c = find_open(h, peer);
    if (!c || c->state != SOTTO_CONN_UP) return;
    if (c->resume_us < until_us) c->resume_us = until_us;
    if (c->paused) return;
    struct sotto_out *o = sotto_outq_add(out, SOTTO_OUT_PAUSE);
    if (!o) return;
    o->conn = c->id;
    c->paused = true;
}

size_t sotto_host_backlog(const struct sotto_host *h, uint32_t peer)
{
    const struct sotto_conn *c = find_open(h, peer);
    return c ? c->backlog : 0;
}

/* ---- looking ---- */

unsigned sotto_host_peers(const struct sotto_host *h)
{
    unsigned count = 0;
    for (unsigned i = 0; i < h->conn_count; i++) count += h->conns[i]->state == SOTTO_CONN_UP;
    return count;
}

static void info_of(const struct sotto_host *h, struct sotto_peer_info *out, const struct sotto_conn *c)
{
    memset(out, 0, sizeof *out);
    out->peer = c->id;
    memcpy(out->key, c->key, 64);
    out->addr = c->addr;
    const struct sotto_static *s = c->is_static ? sotto_host_static(h, c->key) : NULL;
    if (s && c->inbound) out->addr = s->node.addr;    /* it called from a passing port: tell where it is reached */
    out->inbound = c->inbound;
    out->lan = s && s->lan;
    out->is_static = c->is_static && !out->lan;
    out->failures = s ? s->failures : 0;
    out->state = sotto_conn_state_names[c->state];
    memcpy(out->client, c->client, sizeof out->client);
    out->since_us = c->state == SOTTO_CONN_UP ? c->up_us : c->since_us;
    out->bytes_in = c->bytes_in;
    out->bytes_out = c->bytes_out;
    struct sotto_now heard = { .mono_us = c->heard_us };
    out->score = c->key_known ? sotto_rep_node_score(h->rep, c->key, heard) : 0;
}

enum sotto_err sotto_host_probe(struct sotto_host *h, const struct sotto_enode *node, uint32_t token, struct sotto_now now, struct sotto_outq *out)
{
    unsigned count = 0;
    SOTTO_ASSERT(token);
    for (unsigned i = 0; i < h->conn_count; i++) count += h->conns[i]->probe != 0;
    if (h->quitting || memcmp(node->key, h->key, 64) == 0) return SOTTO_ERR_STATE;
    struct sotto_conn *c = count < SOTTO_PROBES_MAX ? sotto_host_connect(h, node, now, out) : NULL;
    if (!c) return SOTTO_ERR_FULL;
    c->probe = token;
    return SOTTO_OK;
}

bool sotto_host_peer_at(const struct sotto_host *h, unsigned index, struct sotto_peer_info *out)
{
    for (unsigned i = 0; i < h->conn_count; i++) {
        if (h->conns[i]->probe || index-- > 0) continue;
        info_of(h, out, h->conns[i]);
        return true;
    }
    for (unsigned i = 0; i < h->static_count; i++) {
        const struct sotto_static *s = &h->statics[i];
        if (s->conn || index-- > 0) continue;
        memset(out, 0, sizeof *out);
        memcpy(out->key, s->node.key, 64);
        out->addr = s->node.addr;
        out->lan = s->lan;
        out->is_static = !s->lan;
        out->failures = s->failures;
        out->state = "waiting";
        out->since_us = s->next_us;
        return true;
    }
    return false;
}

bool sotto_host_peer(const struct sotto_host *h, uint32_t peer, struct sotto_peer_info *out)
{
    const struct sotto_conn *c = find(h, peer);
    if (c) info_of(h, out, c);
    return c != NULL;
}
