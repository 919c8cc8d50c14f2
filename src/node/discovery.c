#include "node/discovery.h"

#include "io/udp.h"
#include "node/impl.h"
#include "p2p/discv4.h"

#include <stdio.h>
#include <stdlib.h>

#define ROLES 1u                          /* network.md 2, option 01: flood */
#define BOOTSTRAP_MAX SOTTO_CONFIG_LIST_MAX
#define KNOWN_MAX 512u                    /* nodes whose record we have read: more than a table holds */
#define WAITING_MAX 64u                   /* datagrams that the kernel has not taken: what one step may say */
#define SEQ_NAME "network.enr_seq"

/* A found node is offered again when it answers again (every few minutes in a large table), but not sooner than this after it was dialled:
 * doubling, as for static peers. */
#define OFFER_US 35000000ull
#define OFFER_MAX_US 3600000000ull
#define OFFER_LOCAL_US 1000000ull         /* network.local */
#define OFFER_LOCAL_MAX_US 35000000ull

struct known { uint8_t key[64]; uint64_t next_us; unsigned tries; };      /* a node that speaks what we dial for */

struct sotto_discovery {
    struct sotto_node *node;
    struct sotto_io_udp *udp;
    struct sotto_discv4 *core;            /* NULL before start */
    struct sotto_timer *timer;
    struct sotto_disc_outq out;
    struct sotto_disc_node bootstrap[BOOTSTRAP_MAX];
    unsigned bootstrap_count;
    struct known known[KNOWN_MAX];
    unsigned known_count, known_next;
    bool bridge, stopped;
};

/* ---- what the core found ---- */

static struct known *known_find(struct sotto_discovery *d, const uint8_t key[64])
{
    for (unsigned i = 0; i < d->known_count; i++)
        if (memcmp(d->known[i].key, key, 64) == 0) return &d->known[i];
    return NULL;
}

static struct known *known_add(struct sotto_discovery *d, const uint8_t key[64])
{
    struct known *k = known_find(d, key);
    if (k) return k;
    k = &d->known[d->known_next];         /* the oldest one makes room: it is read again when its record changes */
    d->known_next = (d->known_next + 1) % KNOWN_MAX;
    if (d->known_count < KNOWN_MAX) d->known_count++;
    *k = (struct known){ .tries = 0 };
    memcpy(k->key, key, 64);
    return k;
}

static void offer(struct sotto_discovery *d, const struct sotto_disc_out *o, struct known *k, struct sotto_now now)
{
    struct sotto_enode e = { .addr = o->addr, .udp = o->addr.port };
    bool local = d->node->local;
    if (o->tcp == 0 || now.mono_us < k->next_us) return;
    e.addr.port = o->tcp;
    memcpy(e.key, o->key, 64);
    uint64_t wait = local ? OFFER_LOCAL_US : OFFER_US, most = local ? OFFER_LOCAL_MAX_US : OFFER_MAX_US;
    enum sotto_err err = sotto_network_found(d->node, &e);
    if (err == SOTTO_ERR_EXISTS) k->tries = 0;
    for (unsigned i = 0; i < k->tries && wait < most; i++) wait *= 2;
    k->next_us = now.mono_us + (wait < most ? wait : most);
    if (err == SOTTO_OK && k->tries < 32) k->tries++;
}

static void seq_store(struct sotto_discovery *d, uint64_t seq)
{
    uint8_t b[8];
    sotto_put_be64(b, seq);
    sotto_batch_close(d->node);
    enum sotto_err err = sotto_store_meta_put(d->node->store, SEQ_NAME, SOTTO_SPAN(b));
    if (err != SOTTO_OK) sotto_log_line(d->node->log, SOTTO_LOG_WARN, "store", "enr-seq-lost", "reason=%s", sotto_err_name(err));
}

static uint64_t seq_load(struct sotto_node *n)
{
    struct sotto_buf b = sotto_buf_make(16);
    uint64_t seq = 0;
    if (sotto_store_meta_get(n->store, &b, SEQ_NAME) == SOTTO_OK && b.size == 8) seq = sotto_be64(b.data);
    sotto_buf_free(&b);
    return seq;
}

static void external(struct sotto_discovery *d, const struct sotto_disc_out *o)
{
    seq_store(d, o->seq);
    sotto_log_line(d->node->log, SOTTO_LOG_INFO, "discovery", "record", "seq=%llu address=%d", (unsigned long long)o->seq, o->addr.family != 0);
    if (o->addr.family) sotto_network_external(d->node, &o->addr);
    sotto_net_own_record(d->node->net, sotto_discv4_record(d->core));
}

static void record(struct sotto_discovery *d, const struct sotto_disc_out *o, struct sotto_now now)
{
    struct sotto_enr enr;
    if (sotto_enr_read(&enr, sotto_span(o->bytes, o->size)) != SOTTO_OK || (!enr.sotto && !d->bridge)) return;
    sotto_net_record(d->node->net, sotto_span(o->bytes, o->size));
    offer(d, o, known_add(d, o->key), now);
}

static void starved(struct sotto_discovery *d, struct sotto_now now)
{
    for (unsigned i = 0; i < d->bootstrap_count; i++) {
        enum sotto_err err = sotto_discv4_add(d->core, &d->bootstrap[i], now);
        if (err != SOTTO_OK && err != SOTTO_ERR_EXISTS && err != SOTTO_ERR_STATE)
            sotto_log_line(d->node->log, SOTTO_LOG_INFO, "discovery", "bootstrap-refused", "entry=%u reason=%s", i + 1, sotto_err_name(err));
    }
}

static void wake(struct sotto_discovery *d) { sotto_timer_set(d->timer, sotto_discv4_deadline(d->core)); }

/* The number of a record is durable before the record leaves. */
static void perform(struct sotto_discovery *d, struct sotto_now now)
{
    for (uint32_t i = 0; i < d->out.count; i++)
        if (d->out.slots[i].kind == SOTTO_DISC_EXTERNAL) external(d, &d->out.slots[i]);
    for (uint32_t i = 0; i < d->out.count && !d->stopped; i++) {
        const struct sotto_disc_out *o = &d->out.slots[i];
        struct known *k = NULL;
        switch (o->kind) {
        case SOTTO_DISC_SEND:
            (void)!sotto_io_udp_send(d->udp, &o->addr, sotto_span(o->bytes, o->size));      /* lost, as any datagram may be; counted there */
            break;
        case SOTTO_DISC_BONDED:
        case SOTTO_DISC_SEEN:
            k = d->bridge ? known_add(d, o->key) : known_find(d, o->key);
            if (k) offer(d, o, k, now);
            break;
        case SOTTO_DISC_RECORD:
            record(d, o, now);
            break;
        case SOTTO_DISC_STARVED:
            starved(d, now);
            break;
        case SOTTO_DISC_EXTERNAL:         /* was the first */
        case SOTTO_DISC_GONE:             /* from the table; a connection tells by itself whether it lives */
        case SOTTO_DISC_FOUND:            /* we look up nothing but for the table itself */
            break;
        }
    }
    d->out.count = 0;
    if (!d->stopped) wake(d);
}

static void on_datagram(void *ctx, const struct sotto_addr *from, struct sotto_span bytes, struct sotto_now now)
{
    struct sotto_discovery *d = ctx;
    if (!d->core || d->stopped) return;
    sotto_discv4_datagram(d->core, from, bytes, now, &d->out);
    perform(d, now);
}

static void on_timer(void *ctx, struct sotto_now now)
{
    struct sotto_discovery *d = ctx;
    if (d->stopped) return;
    sotto_discv4_tick(d->core, now, &d->out);
    perform(d, now);
}

/* ---- life ---- */

static bool wanted(const struct sotto_node *n)
{
    if (n->proxy_only) return false;
    /* network.local: off unless somebody says otherwise (experience.md 5.1) */
    if (n->local && sotto_config_source(n->config, SOTTO_KEY_NETWORK_DISCOVERY) == SOTTO_SOURCE_BUILT_IN) return false;
    return sotto_config_bool(n->config, SOTTO_KEY_NETWORK_DISCOVERY);
}

static enum sotto_err bootstrap_read(struct sotto_node *n, struct sotto_discovery *d, char problem[1024])
{
    for (unsigned i = 0; i < sotto_config_list_size(n->config, SOTTO_KEY_NETWORK_BOOTSTRAP); i++) {
        struct sotto_enode e;
        if (sotto_network_address(&e, sotto_config_list(n->config, SOTTO_KEY_NETWORK_BOOTSTRAP, i)) != SOTTO_OK || e.udp == 0) {
            snprintf(problem, 1024, "network.bootstrap: entry %u is not the address of a node with discovery. It looks like enode://<128 digits>@address:port or enr:... (2105 CONFIG)", i + 1);
            return SOTTO_ERR_FORMAT;
        }
        struct sotto_disc_node *node = &d->bootstrap[d->bootstrap_count++];
        *node = (struct sotto_disc_node){ .at = { .addr = e.addr, .tcp = e.addr.port } };
        node->at.addr.port = e.udp;
        memcpy(node->key, e.key, 64);
    }
    return SOTTO_OK;
}

enum sotto_err sotto_discovery_open(struct sotto_node *n, char problem[1024])
{
    if (!wanted(n)) return SOTTO_OK;
    struct sotto_discovery *d = calloc(1, sizeof *d);
    if (!d) return SOTTO_ERR_NOMEM;
    n->discovery = d;
    d->node = n;
    d->bridge = sotto_config_bool(n->config, SOTTO_KEY_WHISPER_BRIDGE);
    d->out.max = SOTTO_DISC_OUT_MAX;
    d->out.slots = calloc(d->out.max, sizeof *d->out.slots);
    if (!d->out.slots) return SOTTO_ERR_NOMEM;
    SOTTO_TRY(bootstrap_read(n, d, problem));
    struct sotto_io_udp_config config = { .loop = n->loop, .log = n->log, .local = n->local, .waiting_max = WAITING_MAX, .ctx = d, .input = on_datagram };
    return sotto_io_udp_new(&d->udp, &config);
}

enum sotto_err sotto_discovery_listen(struct sotto_node *n, const struct sotto_addr *addr)
{
    return n->discovery ? sotto_io_udp_listen(n->discovery->udp, NULL, addr) : SOTTO_OK;
}

void sotto_discovery_unlisten(struct sotto_node *n)
{
    if (n->discovery) sotto_io_udp_close(n->discovery->udp);
}

enum sotto_err sotto_discovery_start(struct sotto_node *n, const struct sotto_scalar *key, const struct sotto_addr *bound)
{
    struct sotto_discovery *d = n->discovery;
    struct sotto_enr enr;
    if (!d) return SOTTO_OK;
    if (bound->family == 0) {             /* dial only: nobody could answer us */
        sotto_discovery_free(n);
        return SOTTO_OK;
    }
    SOTTO_TRY(sotto_timer_new(&d->timer, n->loop, on_timer, d));
    struct sotto_discv4_config config = {
        .key = *key, .local = n->local, .udp = bound->port, .tcp = bound->port, .roles = ROLES, .enr_seq = seq_load(n), .rng = &n->rng.rng,
    };
    if (n->local) config.addr = *bound;
    enum sotto_err err = sotto_discv4_new(&d->core, &config, sotto_io_now());
    SOTTO_WIPE(config);
    if (err == SOTTO_OK) err = sotto_enr_read(&enr, sotto_enr_span(sotto_discv4_record(d->core)));
    if (err != SOTTO_OK) return err;
    seq_store(d, enr.seq);
    wake(d);
    return SOTTO_OK;
}

void sotto_discovery_announce(struct sotto_node *n, const struct sotto_addr *addr)
{
    struct sotto_discovery *d = n->discovery;
    if (!d || !d->core || d->stopped) return;
    sotto_discv4_announce(d->core, addr, n->self.addr.port, ROLES, &d->out);
    perform(d, sotto_io_now());
}

void sotto_discovery_stop(struct sotto_node *n)
{
    struct sotto_discovery *d = n->discovery;
    if (!d || d->stopped) return;
    d->stopped = true;
    sotto_io_udp_close(d->udp);
    if (d->timer) sotto_timer_stop(d->timer);
}

void sotto_discovery_free(struct sotto_node *n)
{
    struct sotto_discovery *d = n->discovery;
    if (!d) return;
    n->discovery = NULL;
    sotto_io_udp_free(d->udp);
    sotto_timer_free(d->timer);
    sotto_discv4_free(d->core);
    free(d->out.slots);
    free(d);
}

json_t *sotto_discovery_json(struct sotto_node *n)
{
    const struct sotto_discovery *d = n->discovery;
    char text[256], enr_text[SOTTO_ENR_TEXT_SIZE];
    struct sotto_disc_node node;
    struct sotto_enr enr;
    bool live;
    unsigned nodes = 0, alive = 0;
    json_t *o = json_object();
    if (n->self.addr.family) sotto_enode_text(text, &n->self);
    json_object_set_new(o, "enode", n->self.addr.family ? json_string(text) : json_null());
    json_object_set_new(o, "discovery", json_boolean(d != NULL));
    struct sotto_span bytes = d && d->core ? sotto_enr_span(sotto_discv4_record(d->core)) : sotto_span(NULL, 0);
    if (bytes.size && sotto_enr_text(enr_text, bytes) == SOTTO_OK && sotto_enr_read(&enr, bytes) == SOTTO_OK) {
        json_object_set_new(o, "enr", json_string(enr_text));
        json_object_set_new(o, "enrSeq", json_integer((json_int_t)enr.seq));
    }
    for (; d && d->core && sotto_discv4_node_at(d->core, nodes, &node, &live); nodes++) alive += live;
    json_object_set_new(o, "nodes", json_integer(nodes));
    json_object_set_new(o, "live", json_integer(alive));
    static const char *const reach[] = { [SOTTO_REACH_UNKNOWN] = "unknown", [SOTTO_REACH_YES] = "yes", [SOTTO_REACH_NO] = "no" };
    json_object_set_new(o, "reached", json_string(reach[sotto_net_reach(n->net)]));
    return o;
}
