#include "relay/outbox.h"

#include "base/plant.h"
#include "crypto/secret.h"
#include "relay/flood.h"
#include "whisper/shh.h"

#include <stdlib.h>

#define NONE UINT64_MAX
#define MESSAGE_MAX (10u << 20)                   /* whisper-v6.md 2: we send below 1 MiB and take up to 10 */
#define INBOUND_MAX 36u                           /* network.md 1, slots */
#define OUTBOUND_MAX 8u
#define STATIC_MAX 6u
#define DIALLED_CELLS_RATE 200u                   /* from whom we chose: a full pool comes within a minute; from a stranger 60, network.md 1 */
#define EXTRA_BITS_MAX 6u                         /* most work above our own that the neighbours' floors can ask for: 64 times */
#define NONCE_LOW (UINT64_C(1) << 56)             /* nonces of 8 bytes: all native envelopes are equally long */
#define NONCE_HIGH (UINT64_C(1) << 63)

struct sotto_net {
    struct sotto_net_config config;
    struct sotto_host *host;
    struct sotto_shh *shh;
    struct sotto_pool *pool;
    struct sotto_links *links;
    struct sotto_flood *flood;
    struct sotto_peers *peers;
    struct outbox outbox;
    struct sotto_outq *out;                       /* of the step in progress */
    uint64_t delivered_seq;                       /* arrivals up to this one were handed out */
    bool undelivered;                             /* the queue was full: go on at once */
    bool links_lead;                              /* a link is there to be the first hop */
    bool unsettled;                               /* work found no place in the queue: again at once */
    uint64_t emitted;
    uint64_t mono_us;                             /* of the latest step, for deadlines of wall-clock events */
    uint64_t wall_ms;
};

static void first_hop(void *owner, const struct sotto_pool_entry *e, struct sotto_now now);
static void arrived(void *owner, const struct sotto_envelope *e, bool kept, struct sotto_now now);
static void direct(void *owner, struct sotto_span rlp, struct sotto_now now);

/* ---- links of sotto/1 ---- */

static bool has_link(void *owner, uint32_t conn)
{
    const struct sotto_net *n = owner;
    struct sotto_rl_info info;
    return sotto_links_info(n->links, conn, &info);
}

static void link_up(void *owner, uint32_t peer, struct sotto_now now)
{
    struct sotto_net *n = owner;
    sotto_flood_up(n->flood, peer, now);
    sotto_peers_up(n->peers, peer, now);
}

static void link_message(void *owner, uint32_t peer, const struct sotto_rl_message *m, struct sotto_now now)
{
    struct sotto_net *n = owner;
    sotto_flood_message(n->flood, peer, m, now);
    sotto_peers_message(n->peers, peer, m, now);
}

static void link_down(void *owner, uint32_t peer, struct sotto_now now)
{
    struct sotto_net *n = owner;
    sotto_flood_down(n->flood, peer, now);
    sotto_peers_down(n->peers, peer, now);
}

static void probed(void *owner, uint32_t token, bool reached, struct sotto_now now)
{
    struct sotto_net *n = owner;
    sotto_peers_probed(n->peers, token, reached, now);
}

/* What STATUS says of us. Nothing in it is private, and there is no clock. */
static struct sotto_rl_options link_options(const struct sotto_net *n)
{
    struct sotto_rl_options o = sotto_rl_options();
    double floor = sotto_pool_floor(n->pool);
    o.has = SOTTO_RL_HAS(1) | SOTTO_RL_HAS(4) | SOTTO_RL_HAS(7);
    o.roles = SOTTO_RL_FLOOD;
    memcpy(&o.floor_bits, &floor, sizeof o.floor_bits);
    o.tcp_port = n->config.listen_port;
    return o;
}

static double floor_of(unsigned work_bits)
{
    /* A test network that works less than Whisper's minimum lowers it for itself (experience.md 5, relay.work). */
    double own = sotto_rating(work_bits, SOTTO_NATIVE_SHORT, SOTTO_NATIVE_TTL_S, 0);
    return own < SOTTO_RATING_DEFAULT ? own : SOTTO_RATING_DEFAULT;
}

static enum sotto_err build(struct sotto_net *n)
{
    const struct sotto_net_config *c = &n->config;
    struct sotto_pool_config pool = { c->pool_bytes_max, c->pool_entries_max, floor_of(c->work_bits), c->rng };
    SOTTO_TRY(sotto_pool_new(&n->pool, &pool));
    struct sotto_shh_config shh = { n->pool, c->flush_mean_us, c->gather_us, c->rng, c->log, n, first_hop, arrived,
        0, c->pool_entries_max / 100 * SOTTO_POOL_OUTBOUND_PCT, SOTTO_ENVELOPE_BATCH, c->rate, direct, has_link };       /* whom we chose brings its share at once; a stranger could fill his */
    SOTTO_TRY(sotto_shh_new(&n->shh, &shh));
    struct sotto_links_config links = { .key = c->key, .options = link_options(n), .dialled_cells_rate = DIALLED_CELLS_RATE, .rng = c->rng, .log = c->log,
                                        .owner = n, .up = link_up, .message = link_message, .down = link_down };
    enum sotto_err err = sotto_links_new(&n->links, &links);
    SOTTO_WIPE(links.key);
    SOTTO_TRY(err);
    struct sotto_net_slots slots = c->slots.own ? c->slots : (struct sotto_net_slots){ true, INBOUND_MAX, OUTBOUND_MAX, STATIC_MAX };
    const struct sotto_capability capabilities[] = { *sotto_shh_capability(n->shh), *sotto_links_capability(n->links) };
    struct sotto_host_config host = {
        .key = c->key, .listen_port = c->listen_port, .local = c->local, .lan = c->lan, .inbound_max = slots.inbound, .outbound_max = slots.outbound,
        .static_max = slots.statics, .message_max = MESSAGE_MAX, .capabilities = capabilities, .capability_count = c->whisper_only ? 1 : 2,
        .book = c->book, .rng = c->rng, .log = c->log, .probe_owner = n, .probed = probed,
    };
    err = sotto_host_new(&n->host, &host);
    SOTTO_WIPE(host.key);
    SOTTO_TRY(err);
    sotto_shh_attach(n->shh, n->host);
    sotto_links_attach(n->links, n->host);
    sotto_shh_mute(n->shh, !c->plain);
    struct sotto_flood_config flood = { n->pool, n->shh, n->links, n->host, c->flush_mean_us, c->rng, c->log, n, first_hop };
    SOTTO_TRY(sotto_flood_new(&n->flood, &flood));
    struct sotto_peers_config peers = { n->links, n->host, c->book, c->local, c->bridge, c->dials_back, c->listen_port, c->rng, c->log };
    return sotto_peers_new(&n->peers, &peers);
}

enum sotto_err sotto_net_new(struct sotto_net **out, const struct sotto_net_config *config)
{
    SOTTO_ASSERT(config->rng && config->outbox_max > 0 && config->work_bits <= 64 && config->flush_mean_us > 0 && config->emit_mean_us > 0);
    struct sotto_net *n = calloc(1, sizeof *n);
    if (!n) return SOTTO_ERR_NOMEM;
    n->config = *config;
    n->outbox.schedule = sotto_schedule_make(config->emit_mean_us);
    TAILQ_INIT(&n->outbox.queue);
    TAILQ_INIT(&n->outbox.sent);
    n->outbox.sent_next_s = UINT32_MAX;
    enum sotto_err err = build(n);
    SOTTO_WIPE(n->config.key);                    /* the host has it */
    if (err != SOTTO_OK) {
        sotto_net_free(n);
        return err;
    }
    *out = n;
    return SOTTO_OK;
}

static void free_cells(struct cells *list)
{
    struct cell *c;
    while ((c = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, c, link);
        free(c);
    }
}

void sotto_net_free(struct sotto_net *n)
{
    if (!n) return;
    sotto_host_free(n->host);
    sotto_flood_free(n->flood);
    sotto_peers_free(n->peers);
    sotto_links_free(n->links);
    sotto_shh_free(n->shh);
    sotto_pool_free(n->pool);
    free_cells(&n->outbox.queue);
    free_cells(&n->outbox.sent);
    free(n);
}

struct cell *outbox_find(const struct outbox *o, uint64_t id)
{
    struct cell *c;
    TAILQ_FOREACH(c, &o->queue, link) if (c->id == id) return c;
    TAILQ_FOREACH(c, &o->sent, link) if (c->id == id) return c;
    return NULL;
}

struct cell *outbox_working(const struct outbox *o, uint64_t token)
{
    struct cell *c;
    TAILQ_FOREACH(c, &o->queue, link) if (c->phase == SOTTO_CELL_WORKING && c->token == token) return c;
    return NULL;
}

void outbox_times(struct sotto_envelope *e, uint32_t now_s, uint32_t blur)
{
    uint32_t sent = (now_s - blur) / SOTTO_NATIVE_GRID_S * SOTTO_NATIVE_GRID_S;
    e->ttl = SOTTO_NATIVE_TTL_S;
    e->expiry = sent + SOTTO_NATIVE_TTL_S;
}

static uint32_t now_seconds(struct sotto_now now) { return (uint32_t)(now.wall_ms / 1000); }

/* A first hop is a link that we dialled, or, where there is none and with relay.plain alone, a Whisper neighbour: it may know the sender. And the clock
 * must not be wrong. */
static bool may_send(const struct sotto_net *n)
{
    bool links;
    return sotto_net_first_hops(n, &links) > 0 && sotto_shh_clock_off(n->shh) == 0;
}

/* 0.2 x 2^k for the neighbours' median floor, so that all clients look alike: every doubling is one bit more. */
static unsigned bits_wanted(const struct sotto_net *n)
{
    double wanted = sotto_flood_first_hops(n->flood) > 0 ? sotto_flood_wanted(n->flood, sotto_pool_floor(n->pool)) : sotto_shh_wanted(n->shh);
    unsigned bits = sotto_work_bits(wanted, SOTTO_NATIVE_SHORT, SOTTO_NATIVE_TTL_S);
    unsigned own = n->config.work_bits;
    return bits <= own ? own : bits - own > EXTRA_BITS_MAX ? own + EXTRA_BITS_MAX : bits;
}

static void back_to_waiting(struct sotto_net *n, struct cell *c, uint64_t at_us)
{
    if (c->phase == SOTTO_CELL_READY && !c->pooled) n->outbox.mined--;
    c->phase = SOTTO_CELL_WAITING;
    c->pooled = false;
    c->at_us = at_us;
}

/* Asks a worker for the next waiting cell's nonce. One at a time: the worker is one. */
static void start_work(struct sotto_net *n, struct sotto_now now)
{
    struct outbox *o = &n->outbox;
    if (o->working || o->mined >= OUTBOX_MINED_MAX || !may_send(n)) return;
    struct cell *c;
    TAILQ_FOREACH(c, &o->queue, link) if (c->phase == SOTTO_CELL_WAITING && c->at_us <= now.mono_us) break;
    if (!c) return;
    struct sotto_out *out = sotto_outq_add(n->out, SOTTO_OUT_MINE);
    if (!out) {
        n->unsettled = true;
        return;
    }
    outbox_times(&c->envelope, now_seconds(now), (uint32_t)sotto_rng_below(n->config.rng, SOTTO_NATIVE_GRID_S));
    if (sotto_envelope_short(&out->bytes, &c->envelope) != SOTTO_OK) {
        n->out->count--;                          /* out of memory: it was ours and empty */
        sotto_buf_free(&out->bytes);
        n->unsettled = true;
        return;
    }
    c->phase = SOTTO_CELL_WORKING;
    c->token = ++o->next_token;
    c->bits = bits_wanted(n);
    o->working = true;
    out->token = c->token;
    out->value = NONCE_LOW + sotto_rng_below(n->config.rng, NONCE_HIGH - NONCE_LOW);
    out->bits = c->bits;
}

static void keep_order(struct outbox *o)
{
    uint64_t times[OUTBOX_MINED_MAX];
    unsigned count = 0;
    struct cell *c;
    TAILQ_FOREACH(c, &o->queue, link) if (c->phase == SOTTO_CELL_READY && !c->pooled) times[count++] = c->at_us;
    SOTTO_ASSERT(count == o->mined);
    sotto_schedule_sort(times, count);
    count = 0;
    TAILQ_FOREACH(c, &o->queue, link) if (c->phase == SOTTO_CELL_READY && !c->pooled) c->at_us = times[count++];
}

static void mined(struct sotto_net *n, uint64_t token, uint64_t nonce, struct sotto_now now)
{
    struct cell *c = outbox_working(&n->outbox, token);
    if (!c) return;                               /* taken back meanwhile */
    n->outbox.working = false;
    c->envelope.nonce = nonce;
    if (nonce < NONCE_LOW || sotto_envelope_zeros(&c->envelope) < c->bits) {
        back_to_waiting(n, c, now.mono_us + OUTBOX_RETRY_US);
        return;
    }
    c->phase = SOTTO_CELL_READY;
    c->at_us = sotto_schedule_draw(&n->outbox.schedule, n->config.rng, now.mono_us);
    n->outbox.mined++;
    keep_order(&n->outbox);
}

/* Into the pool, held: from there the first outbound flush takes it. */
static void emit(struct sotto_net *n, struct cell *c, struct sotto_now now)
{
    uint8_t bytes[SOTTO_NATIVE_RLP];
    struct sotto_buf b = { bytes, 0, sizeof bytes, sizeof bytes };
    double rating = sotto_envelope_rating(&c->envelope, 0);
    if (rating < sotto_pool_floor(n->pool) && c->bits < bits_wanted(n)) {     /* the floor rose after the work was done, and more is worth while */
        back_to_waiting(n, c, now.mono_us);
        return;
    }
    if (sotto_envelope_encode(&b, &c->envelope) != SOTTO_OK) {
        back_to_waiting(n, c, now.mono_us + OUTBOX_RETRY_US);
        return;
    }
    sotto_envelope_hash(c->hash, sotto_buf_span(&b));
    struct sotto_pool_source self = { SOTTO_FROM_SELF, 0 };
    struct sotto_envelope e;
    enum sotto_err err = sotto_envelope_decode(&e, sotto_buf_span(&b));
    if (err == SOTTO_OK) err = sotto_pool_add(n->pool, NULL, &e, sotto_buf_span(&b), sotto_pool_id(n->pool, c->hash), rating, self);
    if (err != SOTTO_OK) {
        back_to_waiting(n, c, now.mono_us + OUTBOX_RETRY_US);
        return;
    }
    n->outbox.mined--;
    c->pooled = true;
    sotto_shh_news(n->shh, now);
}

static void tell_sent(struct sotto_net *n, struct cell *c)
{
    struct sotto_out *out = sotto_outq_add(n->out, SOTTO_OUT_CELL_SENT);
    n->outbox.untold |= !out;
    if (!out) return;
    out->token = c->id;
    out->value = c->envelope.expiry;
    c->told = true;
}

static void first_hop(void *owner, const struct sotto_pool_entry *e, struct sotto_now now)
{
    (void)now;
    struct sotto_net *n = owner;
    struct cell *c;
    TAILQ_FOREACH(c, &n->outbox.queue, link) if (c->pooled && memcmp(c->hash, e->hash, sizeof c->hash) == 0) break;
    if (!c) return;                               /* of sotto_net_post */
    TAILQ_REMOVE(&n->outbox.queue, c, link);
    TAILQ_INSERT_TAIL(&n->outbox.sent, c, link);
    n->outbox.queued--;
    n->outbox.sent_count++;
    n->emitted++;
    c->phase = SOTTO_CELL_SENT;
    if (c->envelope.expiry < n->outbox.sent_next_s) n->outbox.sent_next_s = c->envelope.expiry;
    tell_sent(n, c);
}

static void serve_queue(struct sotto_net *n, struct sotto_now now)
{
    uint32_t now_s = now_seconds(now);
    struct cell *c, *next;
    for (c = TAILQ_FIRST(&n->outbox.queue); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->phase != SOTTO_CELL_READY) continue;
        /* Held or not, no other node has it: so a stale one may be made anew (messaging.md 6.2). */
        if (c->envelope.expiry < now_s + SOTTO_NATIVE_LIFE_MIN_S) {
            if (c->pooled) (void)!sotto_pool_withdraw(n->pool, c->hash);      /* missing: it expired there */
            back_to_waiting(n, c, now.mono_us);
        } else if (!c->pooled && now.mono_us >= c->at_us && may_send(n)) {
            emit(n, c, now);
        }
    }
    start_work(n, now);
}

/* Walks only when something is to be told or has expired. */
static void serve_sent(struct sotto_net *n, struct sotto_now now)
{
    struct outbox *o = &n->outbox;
    if (!o->untold && now_seconds(now) <= o->sent_next_s) return;
    o->untold = false;
    o->sent_next_s = UINT32_MAX;
    struct cell *c, *next;
    for (c = TAILQ_FIRST(&o->sent); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (!c->told) tell_sent(n, c);
        bool expired = c->told && c->envelope.expiry < now_seconds(now);
        struct sotto_out *out = expired ? sotto_outq_add(n->out, SOTTO_OUT_CELL_EXPIRED) : NULL;
        if (!out) {
            if (c->envelope.expiry < o->sent_next_s) o->sent_next_s = c->envelope.expiry;
            continue;
        }
        out->token = c->id;
        TAILQ_REMOVE(&o->sent, c, link);
        o->sent_count--;
        free(c);
    }
}

static bool deliver_one(struct sotto_net *n, const uint8_t topic[4], struct sotto_span data, uint32_t expiry)
{
    struct sotto_out *out = sotto_outq_add(n->out, SOTTO_OUT_DELIVER);
    if (!out) return false;
    if (sotto_buf_reserve(&out->bytes, SOTTO_SEALED_SIZE) != SOTTO_OK || sotto_buf_add(&out->bytes, topic, 4) != SOTTO_OK ||
        sotto_buf_add_span(&out->bytes, data) != SOTTO_OK) {
        sotto_buf_free(&out->bytes);
        n->out->count--;
        return false;
    }
    out->value = expiry;
    return true;
}

/* Every native envelope that came from elsewhere, once. Those that find no room in the queue follow with the next step. */
static void deliver(struct sotto_net *n)
{
    n->undelivered = false;
    for (const struct sotto_pool_entry *e = sotto_pool_after(n->pool, n->delivered_seq); e; e = sotto_pool_next(n->pool, e)) {
        if (!e->own && e->data.size == SOTTO_NATIVE_DATA && !deliver_one(n, e->topic, e->data, e->expiry)) {
            n->undelivered = true;
            return;
        }
        if (!SOTTO_PLANTED(DELIVERED_AGAIN)) n->delivered_seq = e->seq;
    }
}

/* At once, while it is there: the next one of the same packet may push it out of the pool. Of one that was not kept nothing is remembered: without
 * room in the queue it is lost, and the next copy is another one. */
static void arrived(void *owner, const struct sotto_envelope *e, bool kept, struct sotto_now now)
{
    (void)now;
    if (kept) deliver(owner);
    else if (e->data.size == SOTTO_NATIVE_DATA) (void)deliver_one(owner, e->topic, e->data, e->expiry);
}

/* Between enter and leave everything may write to the queue. */
static void enter(struct sotto_net *n, struct sotto_now now, struct sotto_outq *out)
{
    n->out = out;
    n->unsettled = false;
    n->mono_us = now.mono_us;
    n->wall_ms = now.wall_ms;
    sotto_shh_enter(n->shh, out);
    sotto_flood_enter(n->flood, out);
    sotto_peers_enter(n->peers, out);
    sotto_links_enter(n->links, out);
}

static void floor_moved(struct sotto_net *n, struct sotto_now now)
{
    sotto_shh_floor(n->shh, now);
    sotto_flood_floor(n->flood, now);
}

static void done(struct sotto_net *n)
{
    sotto_shh_enter(n->shh, NULL);
    sotto_flood_enter(n->flood, NULL);
    sotto_peers_enter(n->peers, NULL);
    sotto_links_enter(n->links, NULL);
    n->out = NULL;
}

/* Links are the better first hop; what they left behind, when the last of them went or while none of them takes anything, is news for the others. */
static void choose_first_hops(struct sotto_net *n, struct sotto_now now)
{
    bool links = sotto_flood_first_hops(n->flood) > 0 && !sotto_flood_stuck(n->flood, now);
    sotto_shh_hold_native(n->shh, links);
    if (n->links_lead && !links) sotto_shh_news(n->shh, now);
    n->links_lead = links;
}

static void leave(struct sotto_net *n, struct sotto_now now)
{
    if (sotto_pool_tick(n->pool, sotto_shh_now_behind(n->shh, now), now.mono_us)) floor_moved(n, now);
    choose_first_hops(n, now);
    serve_queue(n, now);
    sotto_shh_tick(n->shh, now);
    sotto_flood_tick(n->flood, now);
    sotto_peers_tick(n->peers, now);
    sotto_links_tick(n->links, now);
    serve_sent(n, now);
    deliver(n);
    done(n);
}

void sotto_net_step(struct sotto_net *n, const struct sotto_in *in, struct sotto_now now, struct sotto_outq *out)
{
    enter(n, now, out);
    if (in->kind == SOTTO_IN_MINED) mined(n, in->token, in->value, now);
    else sotto_host_step(n->host, in, now, out);
    leave(n, now);
}

/* mono_us of the moment when the wall clock shows this second. */
static uint64_t at_second(const struct sotto_net *n, uint64_t second)
{
    uint64_t ms = second * 1000;
    return ms <= n->wall_ms ? n->mono_us : n->mono_us + (ms - n->wall_ms) * 1000;
}

static void earliest(uint64_t *at, uint64_t other)
{
    if (other < *at) *at = other;
}

uint64_t sotto_net_deadline(const struct sotto_net *n)
{
    uint64_t at = sotto_host_deadline(n->host);
    earliest(&at, sotto_shh_deadline(n->shh));
    earliest(&at, sotto_flood_deadline(n->flood));
    earliest(&at, sotto_peers_deadline(n->peers));
    earliest(&at, sotto_links_deadline(n->links));
    earliest(&at, sotto_pool_floor_deadline(n->pool));
    uint64_t expiry = sotto_pool_next_expiry(n->pool);
    int off = sotto_shh_clock_off(n->shh);
    if (expiry != NONE) earliest(&at, at_second(n, expiry + (off > 0 ? (uint64_t)off : 0)));
    bool send = may_send(n);
    const struct cell *c;
    TAILQ_FOREACH(c, &n->outbox.queue, link) {
        if (c->phase == SOTTO_CELL_READY) {
            earliest(&at, at_second(n, (uint64_t)c->envelope.expiry + 1 - SOTTO_NATIVE_LIFE_MIN_S));
            if (!c->pooled && send) earliest(&at, c->at_us);
        } else if (c->phase == SOTTO_CELL_WAITING && send && !n->outbox.working && n->outbox.mined < OUTBOX_MINED_MAX) {
            earliest(&at, c->at_us > n->mono_us ? c->at_us : n->mono_us);
        }
    }
    if (!TAILQ_EMPTY(&n->outbox.sent)) earliest(&at, at_second(n, (uint64_t)n->outbox.sent_next_s + 1));
    if (n->undelivered || n->unsettled || n->outbox.untold) earliest(&at, n->mono_us);
    return at;
}

void sotto_net_set_plain(struct sotto_net *n, bool plain)
{
    n->config.plain = plain;
    sotto_shh_mute(n->shh, !plain);
}

struct sotto_host *sotto_net_host(struct sotto_net *n) { return n->host; }

struct sotto_net_neighbour sotto_net_neighbour(const struct sotto_net *n, uint32_t peer)
{
    struct sotto_net_neighbour out = { .whisper = peer && sotto_shh_is_peer(n->shh, peer) };
    out.link = peer && sotto_links_info(n->links, peer, &out.rl);
    return out;
}

void sotto_net_record(struct sotto_net *n, struct sotto_span record) { (void)!sotto_peers_record(n->peers, record); }
void sotto_net_own_record(struct sotto_net *n, const struct sotto_enr_record *record) { sotto_peers_own(n->peers, record); }
void sotto_net_port(struct sotto_net *n, uint16_t port, struct sotto_now now) { sotto_peers_port(n->peers, port, now); }
enum sotto_reach sotto_net_reach(const struct sotto_net *n) { return sotto_peers_reach(n->peers, (struct sotto_now){ n->mono_us, n->wall_ms }); }

unsigned sotto_net_first_hops(const struct sotto_net *n, bool *links)
{
    unsigned count = sotto_flood_first_hops(n->flood);
    *links = count > 0;
    return count || !n->config.plain ? count : sotto_shh_first_hops(n->shh);
}

enum sotto_err sotto_net_submit(struct sotto_net *n, uint64_t id, const uint8_t sealed[SOTTO_SEALED_SIZE], struct sotto_now now,
                                struct sotto_outq *out)
{
    struct outbox *o = &n->outbox;
    struct cell *have = outbox_find(o, id);
    if (have && have->phase == SOTTO_CELL_SENT && have->told) {       /* whoever asks does not know: its note of it was not durable */
        have->told = false;
        o->untold = true;
    }
    if (have) return SOTTO_ERR_EXISTS;
    if (o->queued >= n->config.outbox_max || o->sent_count >= OUTBOX_SENT_MAX) return SOTTO_ERR_FULL;
    struct cell *c = calloc(1, sizeof *c);
    if (!c) return SOTTO_ERR_NOMEM;
    c->id = id;
    c->phase = SOTTO_CELL_WAITING;
    memcpy(c->sealed, sealed, SOTTO_SEALED_SIZE);
    memcpy(c->envelope.topic, sealed, sizeof c->envelope.topic);
    c->envelope.data = sotto_span(c->sealed + sizeof c->envelope.topic, SOTTO_NATIVE_DATA);
    TAILQ_INSERT_TAIL(&o->queue, c, link);
    o->queued++;
    enter(n, now, out);
    leave(n, now);
    return SOTTO_OK;
}

enum sotto_err sotto_net_cancel(struct sotto_net *n, uint64_t id, struct sotto_outq *out)
{
    struct cell *c = outbox_find(&n->outbox, id);
    if (!c || c->phase == SOTTO_CELL_SENT) return SOTTO_ERR_MISSING;
    if (c->phase == SOTTO_CELL_WORKING) {
        struct sotto_out *o = sotto_outq_add(out, SOTTO_OUT_MINE_CANCEL);
        if (o) o->token = c->token;               /* no room: the worker finishes, its answer finds nothing */
        n->outbox.working = false;
    }
    if (c->phase == SOTTO_CELL_READY) {
        if (c->pooled) (void)!sotto_pool_withdraw(n->pool, c->hash);
        else n->outbox.mined--;
    }
    TAILQ_REMOVE(&n->outbox.queue, c, link);
    n->outbox.queued--;
    free(c);
    return SOTTO_OK;
}

enum sotto_cell_phase sotto_net_cell(const struct sotto_net *n, uint64_t id)
{
    const struct cell *c = outbox_find(&n->outbox, id);
    return c ? c->phase : SOTTO_CELL_UNKNOWN;
}

/* ---- for callers of shh_* ---- */

static void direct(void *owner, struct sotto_span rlp, struct sotto_now now)
{
    (void)now;
    struct sotto_net *n = owner;
    struct sotto_out *out = sotto_outq_add(n->out, SOTTO_OUT_DIRECT);
    if (!out || sotto_buf_add_span(&out->bytes, rlp) == SOTTO_OK) return;
    sotto_buf_free(&out->bytes);                  /* memory is out: nobody was promised anything */
    n->out->count--;
}

enum sotto_err sotto_net_post(struct sotto_net *n, struct sotto_span rlp, double rating, struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_envelope e;
    uint8_t hash[32];
    struct sotto_pool_source self = { SOTTO_FROM_SELF, 0 };
    SOTTO_TRY(sotto_envelope_decode(&e, rlp));
    if (sotto_pool_held(n->pool) + rlp.size > n->config.pool_bytes_max / 100 * SOTTO_POOL_HELD_PCT) return SOTTO_ERR_FULL;
    sotto_envelope_hash(hash, rlp);
    enter(n, now, out);
    enum sotto_err err = sotto_pool_add(n->pool, NULL, &e, rlp, sotto_pool_id(n->pool, hash), rating, self);
    if (err == SOTTO_OK) sotto_shh_news(n->shh, now);
    leave(n, now);
    return err == SOTTO_ERR_ENV_DUPLICATE ? SOTTO_OK : err;
}

static bool whisper_peer(struct sotto_net *n, const uint8_t key[64], uint32_t *conn)
{
    struct sotto_peer_info info;
    for (unsigned i = 0; sotto_host_peer_at(n->host, i, &info); i++) {
        if (!info.peer || memcmp(info.key, key, 64) != 0 || !sotto_shh_is_peer(n->shh, info.peer)) continue;
        *conn = info.peer;
        return true;
    }
    return false;
}

bool sotto_net_is_whisper_peer(struct sotto_net *n, const uint8_t key[64])
{
    uint32_t conn;
    return whisper_peer(n, key, &conn);
}

enum sotto_err sotto_net_trust(struct sotto_net *n, const uint8_t key[64])
{
    uint32_t conn;
    return whisper_peer(n, key, &conn) ? sotto_shh_trust(n->shh, conn) : SOTTO_ERR_MISSING;
}

enum sotto_err sotto_net_send_direct(struct sotto_net *n, const uint8_t key[64], struct sotto_span rlp, struct sotto_now now, struct sotto_outq *out)
{
    uint32_t conn;
    if (!whisper_peer(n, key, &conn)) return SOTTO_ERR_MISSING;
    enter(n, now, out);
    enum sotto_err err = sotto_shh_send_direct(n->shh, conn, rlp, now);
    leave(n, now);
    return err;
}

void sotto_net_min_pow(struct sotto_net *n, double floor, struct sotto_now now, struct sotto_outq *out)
{
    enter(n, now, out);
    sotto_pool_set_floor(n->pool, floor);
    floor_moved(n, now);
    leave(n, now);
}

void sotto_net_bloom(struct sotto_net *n, const struct sotto_bloom *filter, struct sotto_now now, struct sotto_outq *out)
{
    enter(n, now, out);
    sotto_shh_filter(n->shh, filter, now);
    leave(n, now);
}

bool sotto_net_bloom_now(const struct sotto_net *n, struct sotto_bloom *filter) { return sotto_shh_filter_now(n->shh, filter); }
void sotto_net_size_max(struct sotto_net *n, uint32_t size_max) { sotto_shh_size(n->shh, size_max); }
void sotto_net_light(struct sotto_net *n, bool light) { sotto_shh_light(n->shh, light, (struct sotto_now){ n->mono_us, n->wall_ms }); }
struct sotto_rules sotto_net_rules(const struct sotto_net *n, struct sotto_now now) { return sotto_shh_rules(n->shh, now); }

unsigned sotto_net_outbox(const struct sotto_net *n) { return n->outbox.queued; }

struct replay { void (*fn)(void *ctx, const uint8_t sealed[SOTTO_SEALED_SIZE], uint32_t expiry); void *ctx; };

static void replay_one(const struct replay *r, const struct sotto_pool_entry *e)
{
    if (e->own || e->data.size != SOTTO_NATIVE_DATA) return;
    uint8_t sealed[SOTTO_SEALED_SIZE];
    memcpy(sealed, e->topic, sizeof e->topic);
    memcpy(sealed + sizeof e->topic, e->data.data, SOTTO_NATIVE_DATA);
    r->fn(r->ctx, sealed, e->expiry);
}

void sotto_net_replay(struct sotto_net *n, void (*fn)(void *ctx, const uint8_t sealed[SOTTO_SEALED_SIZE], uint32_t expiry), void *ctx)
{
    struct replay r = { fn, ctx };
    for (const struct sotto_pool_entry *e = sotto_pool_after(n->pool, 0); e; e = sotto_pool_next(n->pool, e)) replay_one(&r, e);
}

int sotto_net_clock_off(const struct sotto_net *n) { return sotto_shh_clock_off(n->shh); }
const struct sotto_pool *sotto_net_pool(const struct sotto_net *n) { return n->pool; }

void sotto_net_stats(const struct sotto_net *n, struct sotto_net_stats *out)
{
    const struct sotto_shh_stats *s = sotto_shh_stats(n->shh);
    const struct sotto_flood_stats *f = sotto_flood_stats(n->flood);
    *out = (struct sotto_net_stats){
        .accepted = s->accepted, .low_work = s->low_work, .expired = s->expired, .future = s->future, .bloom = s->bloom,
        .duplicate = s->duplicate, .evicted = sotto_pool_evicted(n->pool), .malformed = s->malformed + s->size + s->ttl,
        .quota = s->quota, .forwarded = s->forwarded + f->served, .announced = f->announced, .asked = f->asked, .emitted = n->emitted,
        .pool_count = sotto_pool_count(n->pool), .pool_bytes = sotto_pool_bytes(n->pool),
    };
}

void sotto_net_quit(struct sotto_net *n, struct sotto_now now, struct sotto_outq *out)
{
    enter(n, now, out);
    struct cell *c;
    TAILQ_FOREACH(c, &n->outbox.queue, link) {
        struct sotto_out *cancel = c->phase == SOTTO_CELL_WORKING ? sotto_outq_add(out, SOTTO_OUT_MINE_CANCEL) : NULL;
        if (cancel) cancel->token = c->token;
    }
    sotto_peers_going(n->peers, now);
    sotto_links_tick(n->links, now);
    sotto_host_quit(n->host, now, out);
    done(n);
}
