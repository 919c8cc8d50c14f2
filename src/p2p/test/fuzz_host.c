/* The whole host, driven by bytes: accepts, dials, raw bytes, proper handshakes with strange messages behind them, time, lost
 * connections, a full queue, calls of the operator and of a capability. rig.c checks on the way that a connection is closed
 * once, that nothing is said after that, and that every up has one down. */
#include "support/fuzz.h"

#include "rig.h"
#include "seal.h"

enum { SCRIPTS = 4, STEPS_MAX = 60 };

static void check(const struct rig *r)
{
    const struct sotto_host *h = r->h;
    unsigned up = 0;
    SOTTO_ASSERT(h->conn_count <= h->conn_max && h->static_count <= h->config.static_max && h->budget_used <= SOTTO_BIG_BUDGET);
    for (unsigned i = 0; i < h->conn_count; i++) {
        const struct sotto_conn *c = h->conns[i];
        size_t most = c->state == SOTTO_CONN_UP ? 11u << 20 : SOTTO_RLPX_PACKET_MAX + 64;
        SOTTO_ASSERT(c->in.cap <= most);
        up += c->state == SOTTO_CONN_UP;
        for (unsigned k = 0; k < i; k++) {
            const struct sotto_conn *o = h->conns[k];
            bool both = c->state == SOTTO_CONN_UP && o->state == SOTTO_CONN_UP;
            SOTTO_ASSERT(c->id != o->id && !(both && memcmp(c->key, o->key, 64) == 0));   /* one connection per node */
        }
    }
    SOTTO_ASSERT(sotto_host_peers(h) == up);
}

static uint8_t next(struct sotto_reader *r)
{
    uint8_t v = 0;
    if (sotto_get_u8(r, &v) != SOTTO_OK) v = 0;
    return v;
}
static struct sotto_span piece(struct sotto_reader *r)
{
    struct sotto_span s = sotto_span("", 0);
    size_t size = next(r) * 3u;
    if (size > sotto_reader_left(r)) size = sotto_reader_left(r);
    if (sotto_get_span(r, &s, size) != SOTTO_OK) s.size = 0;
    return s;
}

static bool live(struct script *s) { return s->framed && !s->r->lines[s->conn].closed; }
static bool room(struct rig *r) { return r->h->last_conn + 8 < RIG_LINES; }

static void act(struct rig *r, struct script *scripts, struct sotto_reader *in)
{
    uint8_t op = next(in), arg = next(in);
    struct script *s = &scripts[arg % SCRIPTS];
    uint32_t conn = r->h->last_conn ? 1 + arg % r->h->last_conn : 1;
    struct sotto_addr addr = rig_ip(arg & 1 ? 127 : 10, arg >> 1 & 3, arg >> 3 & 3, arg >> 5);
    struct sotto_enode e = { .addr = addr };
    memcpy(e.key, s->pub, 64);
    switch (op % 20) {
    case 0: if (room(r)) rig_accept(r, addr); break;
    case 1: if (!r->lines[conn].closed) { struct sotto_span p = piece(in); rig_data(r, conn, p.data, p.size); } break;
    case 2: case 3:
        if (!room(r) || s->framed || r->stuck || !sotto_host_may_accept(r->h, &addr, r->now)) break;
        r->now.mono_us += 31 * SOTTO_SECOND_US;
        if (sotto_host_may_accept(r->h, &addr, r->now)) r->now.mono_us += 31 * SOTTO_SECOND_US;
        script_dial(s, addr);
        if (op % 20 == 3 && live(s)) script_send_hello(s, arg & 16 ? 4 : 5);
        break;
    case 4: if (live(s)) script_send_hello(s, next(in)); break;
    case 5: if (live(s)) { struct sotto_span p = piece(in); script_send(s, arg >> 2, p); } break;
    case 6: if (live(s)) { struct sotto_span p = piece(in); script_send_block(s, arg, p); } break;
    case 7:
        if (live(s)) {
            struct sotto_buf wire = sotto_buf_make(1u << 16);
            struct sotto_span p = piece(in);
            seal_data(&s->f, &wire, p.data, (uint32_t)p.size);
            rig_data(r, s->conn, wire.data, wire.size);
            sotto_buf_free(&wire);
        }
        break;
    case 8: r->now.mono_us += 1ull << (arg % 33); rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_TICK }); break;
    case 9: if (!r->stuck) rig_wait(r, (uint64_t)arg << 18); break;
    case 10:                                          /* what still lies in a stuck queue would come after it */
        if (r->stuck || conn > r->h->last_conn) break;
        rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_CLOSED, .conn = conn });
        r->lines[conn].closed = true;
        break;
    case 11: rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_OPENED, .conn = conn }); break;
    case 12: if (room(r)) { (void)!(arg & 64 ? sotto_host_lan : sotto_host_add)(r->h, &e, r->now, &r->out); rig_take(r); } break;
    case 13: (void)!sotto_host_remove(r->h, s->pub, r->now, &r->out); rig_take(r); break;
    case 14: (void)!sotto_host_ban(r->h, s->pub, (uint64_t)next(in) << 24, r->now, &r->out); rig_take(r); break;
    case 15: {                                        /* to one, or to several together, one of them perhaps ended meanwhile */
        struct sotto_span p = piece(in);
        if (arg & 128) sotto_host_gather(r->h);
        (void)!sotto_host_send(r->h, conn, &rig_shh, arg & 127, p, r->now, &r->out);
        for (uint32_t i = 1; arg & 128 && i <= r->h->last_conn && i < 4; i++) (void)!sotto_host_send(r->h, i, &rig_shh, arg & 127, p, r->now, &r->out);
        if ((arg & 192) == 192) sotto_host_disconnect(r->h, conn, arg & 15, r->now, &r->out);
        if (arg & 128) sotto_host_seal(r->h);
        rig_take(r);
        break;
    }
    case 16: sotto_host_disconnect(r->h, conn, arg & 15, r->now, &r->out); rig_take(r); break;
    case 17: sotto_host_offend(r->h, conn, next(in), "fuzz", r->now, &r->out); rig_take(r); break;
    case 18: sotto_host_pause(r->h, conn, r->now.mono_us + ((uint64_t)arg << 18), &r->out); rig_take(r); break;
    default:
        r->stuck = arg & 1;
        r->hold_sent = arg & 2;
        rig_take(r);
        if (arg == 0xff) sotto_host_quit(r->h, r->now, &r->out), rig_take(r);
        rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_SENT, .conn = conn, .token = arg });
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_reader in = sotto_reader(sotto_span(data, size));
    struct script scripts[SCRIPTS];
    SOTTO_ASSERT(sotto_crypto_init() == SOTTO_OK);
    uint8_t flags = next(&in);
    struct sotto_host_config config = { .local = flags & 1, .lan = flags & 16, .inbound_max = 1 + (flags >> 1 & 3), .message_max = 1u << 16 };
    struct rig *r = rig_new(7, &config);
    if (flags & 8) r->out.max = 8;
    for (unsigned i = 0; i < SCRIPTS; i++) script_key(&scripts[i], r, i);
    for (unsigned step = 0; step < STEPS_MAX && sotto_reader_left(&in) > 1; step++) {
        act(r, scripts, &in);
        check(r);
        struct script *s = &scripts[step % SCRIPTS];
        if (s->framed && r->lines[s->conn].closed) {                           /* its next connection is a new one */
            uint8_t keep = (uint8_t)(step % SCRIPTS);
            script_end(s);
            script_key(s, r, keep);
        }
    }
    r->stuck = false;
    rig_take(r);
    sotto_host_quit(r->h, r->now, &r->out);
    r->out.max = 1024;
    rig_take(r);
    rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_TICK });
    SOTTO_ASSERT(r->h->conn_count == 0);
    for (unsigned i = 1; i < RIG_LINES; i++) SOTTO_ASSERT(r->lines[i].ups == r->lines[i].downs && r->lines[i].peer_up == r->lines[i].peer_down);
    for (unsigned i = 0; i < SCRIPTS; i++) script_end(&scripts[i]);
    rig_free(r);
    return 0;
}
