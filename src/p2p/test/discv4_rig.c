#include "discv4_rig.h"

#include "crypto/hash.h"

struct sotto_addr rig_addr(unsigned a, unsigned b, unsigned c, unsigned d, unsigned port)
{
    return (struct sotto_addr){ .ip = { (uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d }, .family = 4, .port = (uint16_t)port };
}

static void keys_of(uint8_t key64[64], const struct sotto_scalar *key)
{
    struct sotto_point point;
    assert_int_equal(sotto_point_make(&point, key), SOTTO_OK);
    assert_int_equal(sotto_point_to64(key64, &point), SOTTO_OK);
}

void rig_begin(struct rig *r, bool local, bool lan)
{
    memset(r, 0, sizeof *r);
    sotto_rng_from_seed(&r->rng, test_seed(), "discovery");
    r->now = (struct sotto_now){ 3600 * SECOND, 1700000000500 };
    r->out = (struct sotto_disc_outq){ r->slots, 0, SOTTO_DISC_OUT_MAX };
    r->config = (struct sotto_discv4_config){ .local = local, .lan = lan, .udp = 30303, .tcp = 30304, .roles = 5, .enr_seq = 41, .rng = &r->rng.rng };
    r->config.key.b[31] = 9;
    keys_of(r->key64, &r->config.key);
    assert_int_equal(sotto_discv4_new(&r->d, &r->config, r->now), SOTTO_OK);
}
void rig_end(struct rig *r) { sotto_discv4_free(r->d); }
void rig_forget(struct rig *r) { r->said_count = r->event_count = 0; }

static void take(struct rig *r)
{
    unsigned sent = 0;
    for (uint32_t i = 0; i < r->out.count; i++) {
        const struct sotto_disc_out *o = &r->out.slots[i];
        if (o->kind != SOTTO_DISC_SEND) {
            if (r->event_count < sizeof r->events / sizeof *r->events) r->events[r->event_count++] = *o;
            continue;
        }
        struct said *s = &r->said[r->said_count++];
        assert_true(r->said_count <= sizeof r->said / sizeof *r->said);
        sent++;
        s->to = o->addr;
        s->size = o->size;
        memcpy(s->bytes, o->bytes, o->size);
        assert_int_equal(sotto_disc_read(&s->p, sotto_span(s->bytes, s->size)), SOTTO_OK);
        assert_memory_equal(s->p.key, r->key64, 64);
        /* network.md 1: now + 20 + U(0,20) s */
        if (s->p.type != SOTTO_DISC_ENR_RESPONSE) assert_in_range(s->p.expiration, r->now.wall_ms / 1000 + 20, r->now.wall_ms / 1000 + 40);
    }
    assert_true(sent <= SOTTO_DISC_SEND_MAX);
    r->out.count = 0;
}

void rig_pass(struct rig *r, uint64_t us)
{
    uint64_t end = r->now.mono_us + us;
    for (unsigned i = 0; sotto_discv4_deadline(r->d) <= end; i++) {
        uint64_t at = sotto_discv4_deadline(r->d);
        assert_true(i < 1000000);
        if (at > r->now.mono_us) {
            r->now.wall_ms += (at - r->now.mono_us) / 1000;
            r->now.mono_us = at;
        }
        sotto_discv4_tick(r->d, r->now, &r->out);
        take(r);
    }
    r->now.wall_ms += (end - r->now.mono_us) / 1000;
    r->now.mono_us = end;
}

void rig_datagram(struct rig *r, const struct sotto_addr *from, const void *bytes, size_t size)
{
    sotto_discv4_datagram(r->d, from, sotto_span(bytes, size), r->now, &r->out);
    take(r);
}

const struct sotto_disc_out *rig_event(const struct rig *r, enum sotto_disc_out_kind kind)
{
    for (unsigned i = r->event_count; i-- > 0;)
        if (r->events[i].kind == kind) return &r->events[i];
    return NULL;
}
unsigned rig_events(const struct rig *r, enum sotto_disc_out_kind kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < r->event_count; i++) count += r->events[i].kind == kind;
    return count;
}
unsigned rig_said(const struct rig *r, const struct sotto_addr *to, int type)
{
    unsigned count = 0;
    for (unsigned i = 0; i < r->said_count; i++) count += sotto_addr_equal(&r->said[i].to, to) && (type == 0 || (int)r->said[i].p.type == type);
    return count;
}
const struct said *rig_last(const struct rig *r, const struct sotto_addr *to, enum sotto_disc_type type)
{
    for (unsigned i = r->said_count; i-- > 0;)
        if (sotto_addr_equal(&r->said[i].to, to) && r->said[i].p.type == type) return &r->said[i];
    return NULL;
}

struct stranger stranger_make(unsigned number, struct sotto_addr addr)
{
    struct stranger s = { .addr = addr, .tcp = (uint16_t)(addr.port + 1) };
    sotto_put_be32(s.key.b + 28, number + 1000);
    keys_of(s.key64, &s.key);
    sotto_keccak256(s.id, SOTTO_SPAN(s.key64));
    return s;
}

size_t stranger_send(struct rig *r, const struct stranger *s, struct sotto_disc_packet *p, uint8_t hash[32])
{
    struct sotto_disc_bytes b;
    if (p->expiration == 0) p->expiration = r->now.wall_ms / 1000 + 20;
    assert_int_equal(sotto_disc_write(&b, p, &s->key), SOTTO_OK);
    if (hash) memcpy(hash, b.b, 32);
    rig_datagram(r, &s->addr, b.b, b.size);
    return b.size;
}

void stranger_ping(struct rig *r, const struct stranger *s, uint8_t hash[32])
{
    struct sotto_disc_packet p = { .type = SOTTO_DISC_PING, .version = 4, .from = { s->addr, s->tcp }, .to = { rig_addr(127, 0, 0, 1, 30303), 0 } };
    stranger_send(r, s, &p, hash);
}
void stranger_pong(struct rig *r, const struct stranger *s, const uint8_t ping[32], const struct sotto_addr *to, uint64_t seq)
{
    struct sotto_disc_packet p = { .type = SOTTO_DISC_PONG, .to = { *to, 0 }, .enr_seq = seq };
    memcpy(p.reply_to, ping, 32);
    stranger_send(r, s, &p, NULL);
}
void stranger_find(struct rig *r, const struct stranger *s, const uint8_t target[64])
{
    struct sotto_disc_packet p = { .type = SOTTO_DISC_FINDNODE };
    memcpy(p.target, target, 64);
    stranger_send(r, s, &p, NULL);
}

void stranger_bond(struct rig *r, const struct stranger *s)
{
    struct sotto_addr nowhere = { .family = 0 };
    stranger_ping(r, s, NULL);
    const struct said *ping = rig_last(r, &s->addr, SOTTO_DISC_PING);
    assert_non_null(ping);
    stranger_pong(r, s, ping->p.hash, &nowhere, 0);
    assert_true(sotto_discv4_bonded(r->d, s->key64, &s->addr, r->now));
    rig_forget(r);
}
