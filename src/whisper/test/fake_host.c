#include "whisper/test/fake_host.h"

#include "wire/rlp.h"

#include <stdlib.h>

static struct fake_peer *peer_of(struct sotto_host *h, uint32_t peer)
{
    SOTTO_ASSERT(peer < FAKE_PEERS);
    return &h->peers[peer];
}

bool sotto_host_peer(const struct sotto_host *h, uint32_t peer, struct sotto_peer_info *out)
{
    memset(out, 0, sizeof *out);
    out->peer = peer;
    out->inbound = h->peers[peer].inbound;
    sotto_put_be64(out->key, peer + 1);
    return true;
}

enum sotto_err sotto_host_send(struct sotto_host *h, uint32_t peer, const struct sotto_capability *cap, unsigned code,
                               struct sotto_span payload, struct sotto_now now, struct sotto_outq *out)
{
    (void)now;
    SOTTO_ASSERT(out && cap == h->capability);
    struct fake_peer *p = peer_of(h, peer);
    if (!p->up) return SOTTO_ERR_MISSING;
    if (p->send != SOTTO_OK) return p->send;
    if (h->deaf) return SOTTO_OK;
    SOTTO_ASSERT(h->sent_count < FAKE_SENT_MAX);
    struct fake_packet *packet = &h->sent[h->sent_count++];
    *packet = (struct fake_packet){ peer, code, sotto_buf_make(32u << 20) };
    SOTTO_ASSERT(sotto_buf_add_span(&packet->payload, payload) == SOTTO_OK);
    return SOTTO_OK;
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
}

void sotto_host_disconnect(struct sotto_host *h, uint32_t peer, enum sotto_reason reason, struct sotto_now now, struct sotto_outq *out)
{
    SOTTO_ASSERT(out);
    struct fake_peer *p = peer_of(h, peer);
    if (!p->up) return;
    p->up = false;
    p->closed = true;
    p->reason = reason;
    h->capability->down(h->capability->owner, peer, now);
}

void sotto_host_offend(struct sotto_host *h, uint32_t peer, int score, const char *what, struct sotto_now now, struct sotto_outq *out)
{
    SOTTO_ASSERT(what && out);
    peer_of(h, peer)->score += score;
    if (peer_of(h, peer)->score >= 100) sotto_host_disconnect(h, peer, SOTTO_REASON_SUBPROTOCOL, now, out);
}

void sotto_host_pause(struct sotto_host *h, uint32_t peer, uint64_t until_us, struct sotto_outq *out)
{
    SOTTO_ASSERT(out);
    peer_of(h, peer)->paused_until_us = until_us;
}

size_t sotto_host_backlog(const struct sotto_host *h, uint32_t peer) { return h->peers[peer].backlog; }

static void first_hop(void *owner, const struct sotto_pool_entry *e, struct sotto_now now)
{
    (void)now;
    struct fake *f = owner;
    SOTTO_ASSERT(e->own && !e->held);
    f->first_hops++;
}

static void direct(void *owner, struct sotto_span rlp, struct sotto_now now)
{
    (void)now;
    struct fake *f = owner;
    struct sotto_envelope e;
    SOTTO_ASSERT(sotto_envelope_decode(&e, rlp) == SOTTO_OK);
    f->directs++;
}

static void arrived(void *owner, const struct sotto_envelope *e, bool kept, struct sotto_now now)
{
    struct fake *f = owner;
    (void)now;
    SOTTO_ASSERT(f->arrived < sizeof f->arrivals / sizeof f->arrivals[0]);
    f->arrivals[f->arrived].kept = kept;
    f->arrivals[f->arrived].count = sotto_pool_count(f->pool);
    f->arrivals[f->arrived++].topic = e->topic[0];
}

static void init(struct fake *f, uint64_t seed, const struct sotto_pool_config *pool, struct sotto_shh_config shh)
{
    memset(f, 0, sizeof *f);
    sotto_rng_from_seed(&f->rng, seed, "whisper test");
    struct sotto_pool_config config = pool ? *pool : (struct sotto_pool_config){ 64u << 20, 65536, SOTTO_RATING_DEFAULT, NULL };
    config.rng = &f->rng.rng;
    SOTTO_ASSERT(sotto_pool_new(&f->pool, &config) == SOTTO_OK);
    shh.pool = f->pool;
    shh.flush_mean_us = 1000000;
    shh.rng = &f->rng.rng;
    shh.owner = f;
    shh.first_hop = first_hop;
    shh.arrived = arrived;
    shh.direct = direct;
    SOTTO_ASSERT(sotto_shh_new(&f->shh, &shh) == SOTTO_OK);
    f->host.capability = sotto_shh_capability(f->shh);
    sotto_shh_attach(f->shh, &f->host);
    f->out = sotto_outq_make(64);
    f->now = (struct sotto_now){ 1000000000, UINT64_C(1767225600000) };
}

void fake_init(struct fake *f, uint64_t seed, const struct sotto_pool_config *pool) { fake_init_catch_up(f, seed, pool, 0, 0); }

void fake_init_catch_up(struct fake *f, uint64_t seed, const struct sotto_pool_config *pool, uint32_t inbound, uint32_t outbound)
{
    fake_init_batch(f, seed, pool, inbound, outbound, SOTTO_ENVELOPE_BATCH);
}

void fake_init_batch(struct fake *f, uint64_t seed, const struct sotto_pool_config *pool, uint32_t inbound, uint32_t outbound, uint32_t batch)
{
    init(f, seed, pool, (struct sotto_shh_config){ .catch_up_inbound = inbound, .catch_up_outbound = outbound, .batch = batch });
}

void fake_init_rate(struct fake *f, uint64_t seed, const struct sotto_pool_config *pool, uint32_t rate)
{
    init(f, seed, pool, (struct sotto_shh_config){ .batch = SOTTO_ENVELOPE_BATCH, .rate = rate });
}

void fake_init_own(struct fake *f, uint64_t seed, const struct sotto_pool_config *pool, struct sotto_shh_config shh)
{
    shh.batch = SOTTO_ENVELOPE_BATCH;
    init(f, seed, pool, shh);
}

void fake_init_gather(struct fake *f, uint64_t seed, const struct sotto_pool_config *pool, uint64_t gather_us)
{
    init(f, seed, pool, (struct sotto_shh_config){ .batch = SOTTO_ENVELOPE_BATCH, .gather_us = gather_us });
}

void fake_forget(struct fake *f)
{
    for (unsigned i = 0; i < f->host.sent_count; i++) sotto_buf_free(&f->host.sent[i].payload);
    f->host.sent_count = 0;
}

void fake_free(struct fake *f)
{
    fake_forget(f);
    sotto_shh_free(f->shh);
    sotto_pool_free(f->pool);
    sotto_outq_free(&f->out);
}

static void leave(struct fake *f)
{
    if (sotto_pool_tick(f->pool, sotto_shh_now_behind(f->shh, f->now), f->now.mono_us)) sotto_shh_floor(f->shh, f->now);
    sotto_shh_tick(f->shh, f->now);
    sotto_shh_enter(f->shh, NULL);
}

void fake_up(struct fake *f, uint32_t peer, bool inbound)
{
    f->host.peers[peer] = (struct fake_peer){ .up = true, .inbound = inbound };
    sotto_shh_enter(f->shh, &f->out);
    f->host.capability->up(f->shh, peer, f->now);
    leave(f);
}

void fake_down(struct fake *f, uint32_t peer)
{
    sotto_shh_enter(f->shh, &f->out);
    f->host.peers[peer].up = false;
    f->host.capability->down(f->shh, peer, f->now);
    leave(f);
}

void fake_message(struct fake *f, uint32_t peer, unsigned code, struct sotto_span payload)
{
    if (!f->host.peers[peer].up) return;
    sotto_shh_enter(f->shh, &f->out);
    f->host.capability->message(f->shh, peer, code, payload, f->now);
    leave(f);
}

void fake_ready(struct fake *f, uint32_t peer, bool inbound)
{
    static const uint8_t status[] = { 0xcc, 0x06, 0x88, 0x3f, 0xc9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a, 0x80, 0x80 };
    fake_up(f, peer, inbound);
    fake_message(f, peer, SOTTO_SHH_STATUS, SOTTO_SPAN(status));
}

void fake_pass(struct fake *f, uint64_t us)
{
    uint64_t end = f->now.mono_us + us, wall0 = f->now.wall_ms, mono0 = f->now.mono_us;
    while (f->now.mono_us < end) {
        uint64_t at = sotto_shh_deadline(f->shh);
        if (at <= f->now.mono_us) at = f->now.mono_us + 1;
        f->now.mono_us = at < end ? at : end;
        f->now.wall_ms = wall0 + (f->now.mono_us - mono0) / 1000;
        sotto_shh_enter(f->shh, &f->out);
        leave(f);
    }
}

const struct fake_packet *fake_last(const struct fake *f, uint32_t peer, unsigned code)
{
    for (unsigned i = f->host.sent_count; i-- > 0;)
        if (f->host.sent[i].peer == peer && f->host.sent[i].code == code) return &f->host.sent[i];
    return NULL;
}

uint32_t fake_now_s(const struct fake *f) { return (uint32_t)(f->now.wall_ms / 1000); }

void fake_seal(struct sotto_buf *out, const struct fake_envelope *f)
{
    uint8_t *data = malloc(f->data_size + 1);
    struct sotto_buf prefix = sotto_buf_make(32u << 20);
    struct sotto_envelope e = { f->expiry, f->ttl, { 0 }, { data, f->data_size }, 0 };
    SOTTO_ASSERT(data);
    memset(data, f->fill, f->data_size);
    memcpy(e.topic, f->topic, 4);
    SOTTO_ASSERT(sotto_envelope_short(&prefix, &e) == SOTTO_OK);
    SOTTO_ASSERT(sotto_work_search(&e.nonce, sotto_buf_span(&prefix), 0, f->bits, NULL) == SOTTO_OK);
    SOTTO_ASSERT(sotto_envelope_encode(out, &e) == SOTTO_OK);
    sotto_buf_free(&prefix);
    free(data);
}

void fake_list(struct sotto_buf *out, struct sotto_span items)
{
    SOTTO_ASSERT(sotto_rlp_add_list_head(out, items.size) == SOTTO_OK && sotto_buf_add_span(out, items) == SOTTO_OK);
}
