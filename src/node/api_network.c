/* network, peer, envelope and relay methods. */
#include "node/impl.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Bytes of each class of cells as they are on the wire's payload: what an observer could count; and of the channels inside, what only the two ends know. */
static json_t *link_json(const struct sotto_rl_info *l)
{
    static const char *const states[SOTTO_RL_STATES] = { "opening", "keyed", "up", "ended" };
    static const char *const channels[SOTTO_RL_CHANNELS] = { "control", "relay", "sync", "media" };
    static const char *const roles[] = { "flood", "stem", "store", "ledger", "consensus", "circuits", "leaf", "rendezvous" };
    json_t *o = json_object(), *list = json_array(), *in = json_array();
    json_object_set_new(o, "state", json_string(states[l->state]));
    for (unsigned i = 0; l->peer && i < sizeof roles / sizeof *roles; i++)
        if (l->peer->roles & (1u << i)) json_array_append_new(list, json_string(roles[i]));
    json_object_set_new(o, "roles", list);
    json_object_set_new(o, "roundTripMs", l->rtt_us ? json_real((double)l->rtt_us / 1000) : json_null());
    json_object_set_new(o, "small", json_pack("{s:I,s:I}", "bytesIn", (json_int_t)(l->cells_in_class[0] * SOTTO_RL_CELL_S), "bytesOut", (json_int_t)(l->cells_out_class[0] * SOTTO_RL_CELL_S)));
    json_object_set_new(o, "large", json_pack("{s:I,s:I}", "bytesIn", (json_int_t)(l->cells_in_class[1] * SOTTO_RL_CELL_L), "bytesOut", (json_int_t)(l->cells_out_class[1] * SOTTO_RL_CELL_L)));
    json_object_set_new(o, "cellsOut", json_integer((json_int_t)l->cells_out));
    json_object_set_new(o, "cellsAcked", json_integer((json_int_t)l->cells_acked));
    for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++)
        json_array_append_new(in, json_pack("{s:s,s:I,s:I,s:I}", "channel", channels[i], "bytesIn", (json_int_t)l->bytes_in[i], "bytesOut", (json_int_t)l->bytes_out[i],
                                            "waiting", (json_int_t)l->waiting[i]));
    json_object_set_new(o, "channels", in);
    return o;
}

static json_t *peer_json(struct sotto_node *n, const struct sotto_peer_info *p, struct sotto_now now)
{
    char name[16], enode[256];
    struct sotto_enode e = { .addr = p->addr };
    memcpy(e.key, p->key, sizeof e.key);
    snprintf(name, sizeof name, "p%u", p->peer);
    json_t *o = json_object();
    json_object_set_new(o, "peer", p->peer ? json_string(name) : json_null());
    if (sotto_all_zero(p->key, sizeof p->key)) json_object_set_new(o, "enode", json_null());       /* keys not yet proven */
    else {
        sotto_enode_text(enode, &e);
        json_object_set_new(o, "enode", json_string(enode));
    }
    json_object_set_new(o, "inbound", json_boolean(p->inbound));
    json_object_set_new(o, "static", json_boolean(p->is_static));
    json_object_set_new(o, "lan", json_boolean(p->lan));
    json_object_set_new(o, "state", json_string(p->state));
    json_object_set_new(o, "client", json_string(p->client));
    json_object_set_new(o, "sinceMs", json_integer(p->since_us ? (json_int_t)(now.wall_ms - (now.mono_us - p->since_us) / 1000) : 0));
    json_object_set_new(o, "bytesIn", json_integer((json_int_t)p->bytes_in));
    json_object_set_new(o, "bytesOut", json_integer((json_int_t)p->bytes_out));
    json_object_set_new(o, "score", json_integer(p->score));
    struct sotto_net_neighbour more = sotto_net_neighbour(n->net, p->peer);
    json_t *shared = json_array();
    if (more.whisper) json_array_append_new(shared, json_string("shh/6"));
    if (more.link) json_array_append_new(shared, json_string("sotto/1"));
    json_object_set_new(o, "capabilities", shared);
    json_object_set_new(o, "link", more.link ? link_json(&more.rl) : json_null());
    return o;
}

static void network_peers(void *ctx, struct sotto_call *call, const struct sotto_network_peers_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_now now = sotto_io_now();
    struct sotto_peer_info info;
    json_t *items = json_array();
    unsigned i = p->after ? (unsigned)strtoul(p->after, NULL, 10) : 0;
    bool more = false;
    for (; sotto_host_peer_at(sotto_net_host(n->net), i, &info); i++) {
        if (json_array_size(items) == p->limit) {
            more = true;
            break;
        }
        json_array_append_new(items, peer_json(n, &info, now));
    }
    json_t *o = json_pack("{s:o}", "items", items);
    char next[16];
    snprintf(next, sizeof next, "%u", i);
    if (more) json_object_set_new(o, "next", json_string(next));
    sotto_call_result(call, o);
}

static void network_self(void *ctx, struct sotto_call *call, const struct sotto_network_self_params *p)
{
    json_t *o = sotto_discovery_json(ctx);
    (void)p;
    json_object_set_new(o, "nat", sotto_nat_json(ctx));
    json_object_set_new(o, "lan", sotto_beacon_json(ctx));
    sotto_call_result(call, o);
}

/* Static peers that were added stay after a restart: they are kept in the store, beside network.static of the configuration. */
static enum sotto_err added_save(struct sotto_node *n, const uint8_t key[64], const char *enode)
{
    char name[SOTTO_STORE_KEY_MAX], hex[41];
    sotto_hex(hex, key, 20);
    snprintf(name, sizeof name, "peer.%s", hex);
    if (enode) return sotto_store_meta_put(n->store, name, sotto_span_str(enode));
    return sotto_store_meta_delete(n->store, name);
}

/* The list itself is one meta value: the names, each 40 digits. */
static enum sotto_err added_list(struct sotto_node *n, struct sotto_buf *out)
{
    enum sotto_err err = sotto_store_meta_get(n->store, out, "peers");
    return err == SOTTO_ERR_MISSING ? SOTTO_OK : err;
}

static enum sotto_err added_change(struct sotto_node *n, const uint8_t key[64], const char *enode)
{
    char hex[41];
    struct sotto_buf list = sotto_buf_make(SOTTO_STORE_VALUE_MAX), fresh = sotto_buf_make(SOTTO_STORE_VALUE_MAX);
    sotto_hex(hex, key, 20);
    enum sotto_err err = added_list(n, &list);
    for (size_t i = 0; err == SOTTO_OK && i + 40 <= list.size; i += 40)
        if (memcmp(list.data + i, hex, 40) != 0) err = sotto_buf_add(&fresh, list.data + i, 40);
    if (err == SOTTO_OK && enode) err = sotto_buf_add(&fresh, hex, 40);
    if (err == SOTTO_OK) err = sotto_store_meta_put(n->store, "peers", sotto_buf_span(&fresh));
    if (err == SOTTO_OK) err = added_save(n, key, enode);
    sotto_buf_free(&list);
    sotto_buf_free(&fresh);
    return err;
}

void sotto_peers_added(struct sotto_node *n)
{
    struct sotto_buf list = sotto_buf_make(SOTTO_STORE_VALUE_MAX);
    if (added_list(n, &list) == SOTTO_OK)
        for (size_t i = 0; i + 40 <= list.size; i += 40) {
            char name[SOTTO_STORE_KEY_MAX];
            struct sotto_buf enode = sotto_buf_make(512);
            struct sotto_enode e;
            snprintf(name, sizeof name, "peer.%.40s", (const char *)list.data + i);
            if (sotto_store_meta_get(n->store, &enode, name) == SOTTO_OK && sotto_enode_parse(&e, sotto_buf_span(&enode)) == SOTTO_OK)
                (void)!sotto_host_add(sotto_net_host(n->net), &e, sotto_io_now(), &n->outq);       /* twice, or full: the configuration's come first */
            sotto_buf_free(&enode);
        }
    sotto_buf_free(&list);
}

static bool find_peer(struct sotto_node *n, const char *text, struct sotto_peer_info *out)
{
    struct sotto_enode e;
    bool by_key = sotto_enode_parse(&e, sotto_span_str(text)) == SOTTO_OK;
    for (unsigned i = 0; sotto_host_peer_at(sotto_net_host(n->net), i, out); i++) {
        char name[16];
        snprintf(name, sizeof name, "p%u", out->peer);
        if (by_key ? memcmp(out->key, e.key, 64) == 0 : out->peer && strcmp(name, text) == 0) return true;
    }
    if (by_key) {
        *out = (struct sotto_peer_info){ .addr = e.addr, .state = "unknown" };
        memcpy(out->key, e.key, 64);
    }
    return false;
}

/* What the host is told once the row of a verb is durable; or, for a neighbour that was added before, if it is not. */
struct peer_after { uint8_t key[64]; uint32_t conn; uint64_t ban_us; };

static struct peer_after *peer_after_new(const uint8_t key[64])
{
    struct peer_after *p = calloc(1, sizeof *p);
    if (p) memcpy(p->key, key, 64);
    return p;
}

static void add_after(struct sotto_node *n, void *arg, bool committed)
{
    struct peer_after *p = arg;
    if (!committed) (void)!sotto_host_remove(sotto_net_host(n->net), p->key, sotto_io_now(), &n->outq);
    free(p);
}

static void remove_after(struct sotto_node *n, void *arg, bool committed)
{
    struct peer_after *p = arg;
    struct sotto_host *host = sotto_net_host(n->net);
    if (committed) {
        (void)!sotto_host_remove(host, p->key, sotto_io_now(), &n->outq);        /* missing: it dialled us, and is gone or goes now */
        if (p->conn) sotto_host_disconnect(host, p->conn, SOTTO_REASON_REQUESTED, sotto_io_now(), &n->outq);
    }
    free(p);
}

static void ban_after(struct sotto_node *n, void *arg, bool committed)
{
    struct peer_after *p = arg;
    if (committed) (void)!sotto_host_ban(sotto_net_host(n->net), p->key, p->ban_us, sotto_io_now(), &n->outq);
    free(p);
}

bool sotto_api_peer_add(struct sotto_node *n, struct sotto_call *call, const char *address, json_t **now)
{
    struct sotto_enode e;
    struct sotto_peer_info info;
    if (sotto_network_address(&e, address) != SOTTO_OK) {
        sotto_call_error(call, 2008, NULL);
        return false;
    }
    if (n->local && !sotto_addr_loopback(&e.addr)) {
        sotto_call_error(call, 2004, "why", "network.local keeps this node on this machine", NULL);
        return false;
    }
    enum sotto_err err = sotto_host_add(sotto_net_host(n->net), &e, sotto_io_now(), &n->outq);
    if (err == SOTTO_ERR_STATE) sotto_call_error(call, 2004, "why", "it is this node itself", NULL);
    else if (err == SOTTO_ERR_FULL) sotto_call_error(call, 2004, "why", "there is no place for one more (limits.static)", NULL);
    else if (err != SOTTO_OK && err != SOTTO_ERR_EXISTS) sotto_api_fail(call, err);
    else {
        char enode[256];
        bool fresh = err == SOTTO_OK;
        sotto_enode_text(enode, &e);
        struct peer_after *undo = fresh ? peer_after_new(e.key) : NULL;
        if (undo) sotto_txn_after(n, add_after, undo);
        else if (fresh) (void)!sotto_host_remove(sotto_net_host(n->net), e.key, sotto_io_now(), &n->outq);
        err = fresh && !undo ? SOTTO_ERR_NOMEM : added_change(n, e.key, enode);
        if (err != SOTTO_OK) {
            sotto_api_fail(call, err);                    /* the call is undone, and the adding with it */
            return false;
        }
        if (!find_peer(n, address, &info)) {
            info = (struct sotto_peer_info){ .addr = e.addr, .is_static = true, .state = "dialing" };
            memcpy(info.key, e.key, 64);
        }
        *now = peer_json(n, &info, sotto_io_now());
        return true;
    }
    return false;
}

static void peer_add(void *ctx, struct sotto_call *call, const struct sotto_peer_add_params *p)
{
    json_t *now;
    if (sotto_api_peer_add(ctx, call, p->address, &now)) sotto_call_result(call, now);
}

json_t *sotto_api_peer_remove(struct sotto_node *n, struct sotto_call *call, const char *peer)
{
    struct sotto_peer_info info;
    if (!find_peer(n, peer, &info)) {
        sotto_call_error(call, 1002, "thing", "peer", "value", peer, NULL);
        return NULL;
    }
    json_t *was = peer_json(n, &info, sotto_io_now());
    struct peer_after *gone = peer_after_new(info.key);
    enum sotto_err err = gone ? added_change(n, info.key, NULL) : SOTTO_ERR_NOMEM;
    if (err == SOTTO_OK) {
        gone->conn = info.peer;
        sotto_txn_after(n, remove_after, gone);
        return was;
    }
    free(gone);
    json_decref(was);
    sotto_api_fail(call, err);
    return NULL;
}

static void peer_remove(void *ctx, struct sotto_call *call, const struct sotto_peer_remove_params *p)
{
    json_t *was = sotto_api_peer_remove(ctx, call, p->peer);
    if (was) sotto_call_result(call, was);
}

static void peer_ban(void *ctx, struct sotto_call *call, const struct sotto_peer_ban_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_peer_info info;
    struct sotto_enode e;
    if (!find_peer(n, p->peer, &info) && sotto_enode_parse(&e, sotto_span_str(p->peer)) != SOTTO_OK) {
        sotto_call_error(call, 1002, "thing", "peer", "value", p->peer, NULL);
        return;
    }
    json_t *was = peer_json(n, &info, sotto_io_now());
    struct peer_after *ban = peer_after_new(info.key);
    if (memcmp(info.key, n->self.key, 64) == 0) {
        free(ban);
        json_decref(was);
        sotto_call_error(call, 1009, "thing", "the peer", "state", "this node itself", NULL);
    } else if (!ban) {
        json_decref(was);
        sotto_api_fail(call, SOTTO_ERR_NOMEM);
    } else {
        ban->ban_us = p->ms * 1000;
        sotto_txn_after(n, ban_after, ban);
        sotto_call_result(call, was);
    }
}

/* ---- the pool ---- */

static json_t *envelope_json(const struct sotto_pool_entry *e)
{
    json_t *o = json_object();
    json_object_set_new(o, "hash", sotto_json_hex(e->hash, 32));
    json_object_set_new(o, "size", json_integer(e->size));
    json_object_set_new(o, "work", json_real(e->rating));
    json_object_set_new(o, "ttl", json_integer(e->ttl));
    json_object_set_new(o, "expiryMs", json_integer((json_int_t)e->expiry * 1000));
    json_object_set_new(o, "topic", sotto_json_hex(e->topic, 4));
    return o;
}

struct walk { json_t *items; uint64_t skip, at; size_t limit; bool more; };
static bool walk_one(void *ctx, const struct sotto_pool_entry *e)
{
    struct walk *w = ctx;
    if (w->at++ < w->skip) return true;
    if (json_array_size(w->items) == w->limit) {
        w->more = true;
        w->at--;
        return false;
    }
    json_array_append_new(w->items, envelope_json(e));
    return true;
}

static void envelope_list(void *ctx, struct sotto_call *call, const struct sotto_envelope_list_params *p)
{
    struct sotto_node *n = ctx;
    struct walk w = { .items = json_array(), .skip = p->after ? strtoull(p->after, NULL, 10) : 0, .limit = p->limit };
    sotto_pool_each(sotto_net_pool(n->net), walk_one, &w);
    json_t *o = json_pack("{s:o}", "items", w.items);
    char next[24];
    snprintf(next, sizeof next, "%" PRIu64, w.at);
    if (w.more) json_object_set_new(o, "next", json_string(next));
    sotto_call_result(call, o);
}

static void envelope_get(void *ctx, struct sotto_call *call, const struct sotto_envelope_get_params *p)
{
    struct sotto_node *n = ctx;
    const struct sotto_pool_entry *e = sotto_pool_find(sotto_net_pool(n->net), p->hash);
    if (e) sotto_call_result(call, envelope_json(e));
    else sotto_call_error(call, 1002, "thing", "envelope", NULL);
}

static void relay_stats(void *ctx, struct sotto_call *call, const struct sotto_relay_stats_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_net_stats s;
    (void)p;
    sotto_net_stats(n->net, &s);
    json_t *e = json_object();
    json_object_set_new(e, "accepted", json_integer((json_int_t)s.accepted));
    json_object_set_new(e, "lowWork", json_integer((json_int_t)s.low_work));
    json_object_set_new(e, "expired", json_integer((json_int_t)s.expired));
    json_object_set_new(e, "future", json_integer((json_int_t)s.future));
    json_object_set_new(e, "bloom", json_integer((json_int_t)s.bloom));
    json_object_set_new(e, "duplicate", json_integer((json_int_t)s.duplicate));
    json_object_set_new(e, "evicted", json_integer((json_int_t)s.evicted));
    json_object_set_new(e, "quota", json_integer((json_int_t)s.quota));
    json_object_set_new(e, "malformed", json_integer((json_int_t)s.malformed));
    json_t *o = json_object();
    json_object_set_new(o, "envelopes", e);
    json_object_set_new(o, "forwarded", json_integer((json_int_t)s.forwarded));
    json_object_set_new(o, "announced", json_integer((json_int_t)s.announced));
    json_object_set_new(o, "asked", json_integer((json_int_t)s.asked));
    json_object_set_new(o, "emitted", json_integer((json_int_t)s.emitted));
    json_object_set_new(o, "waiting", json_integer((json_int_t)(sotto_net_outbox(n->net) + n->backlog_count)));
    json_object_set_new(o, "poolCount", json_integer((json_int_t)s.pool_count));
    json_object_set_new(o, "poolBytes", json_integer((json_int_t)s.pool_bytes));
    sotto_call_result(call, o);
}

void sotto_api_network_fill(struct sotto_api *api)
{
    api->network_peers = network_peers;
    api->network_self = network_self;
    api->peer_add = peer_add;
    api->peer_remove = peer_remove;
    api->peer_ban = peer_ban;
    api->envelope_list = envelope_list;
    api->envelope_get = envelope_get;
    api->relay_stats = relay_stats;
}
