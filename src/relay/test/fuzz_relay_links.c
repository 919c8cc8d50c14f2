/* The capability sotto/1 of two hosts as a sequence of inputs: a connection with all that stands below a link, RLPx, base protocol and frames, over a
 * wire that takes its time, breaks, changes bytes; dialled again when it is gone. Or the other end is no link but says what it likes under that name.
 *
 *     byte 0   bit 0: calm: everything arrives at once and nothing breaks · 1: a stranger · 2: a short queue to the world · 3: other rates
 *
 * What comes out was sent on this connection, once and in the order of its channel; up and down come in turn; a stranger never gets up; who does not
 * read is not written ahead of; time alone keeps nobody awake. In a calm world nobody goes down or loses points, and all that was sent arrives. */
#include "support/fuzz_input.h"

#include "crypto/rng.h"
#include "relay/links.h"

enum { A, B, STEPS_MAX = 300, WANT_MAX = 128, WIRE_MAX = 4 << 20, SENT_MAX = 1 << 20, SETTLE_ROUNDS = 20000, AHEAD_MAX = SOTTO_LINKS_AHEAD + (32 << 10), SECOND_US = 1000000 };

struct want { uint8_t code, seed; uint32_t size; };
struct wants { struct want list[WANT_MAX]; unsigned first, count; };
struct end {
    struct sotto_chacha_rng rng;
    struct sotto_links *links;
    struct sotto_host *host;
    struct sotto_outq out;
    struct sotto_capability false_cap;
    uint8_t key[64];
    uint32_t conn, peer;                          /* 0: none; the one that is up */
    bool is_up, paused, still;                    /* still: its owner does not read */
    struct sotto_buf in;                          /* what has not reached it */
    struct wants wants[SOTTO_RL_CHANNELS];        /* what must still come out here */
};
static struct {
    struct end e[2];
    struct sotto_now now;
    bool calm, stranger, harmed;                  /* harmed: bytes on the wire are not those that were written */
    size_t sent;
} w;

/* ---- messages ---- */

static struct sotto_span body_of(const struct want *m)
{
    static uint8_t bytes[70000];
    static struct sotto_buf b = { bytes, 0, sizeof bytes, sizeof bytes };
    static uint8_t text[66000];
    memset(text, m->seed, m->size);
    if (m->code == SOTTO_RL_STEM_TX) return sotto_span(text, m->size);
    b.size = 0;
    size_t mark = sotto_rlp_begin(&b);
    if (m->code == SOTTO_RL_PEERS) {              /* several cells: the text as the items of lists of 250 bytes each */
        memset(text, m->seed & 0x7f, 250);
        for (uint32_t k = 0; k <= m->size / 252 && k < SOTTO_RL_PEERS_MAX; k++)
            SOTTO_ASSERT(sotto_rlp_add_list_head(&b, 250) == SOTTO_OK && sotto_buf_add(&b, text, 250) == SOTTO_OK);
        SOTTO_ASSERT(sotto_rlp_end_list(&b, mark) == SOTTO_OK);
        return sotto_buf_span(&b);
    }
    enum sotto_err err = sotto_rlp_add_uint(&b, m->code == SOTTO_RL_NOTICE ? 0x63 : m->seed);
    if (err == SOTTO_OK) err = m->code == SOTTO_RL_NOTICE ? sotto_rlp_add_uint(&b, m->seed) : sotto_rlp_add_bytes(&b, sotto_span(text, m->size));
    SOTTO_ASSERT(err == SOTTO_OK && sotto_rlp_end_list(&b, mark) == SOTTO_OK);
    return sotto_buf_span(&b);
}

static void send_some(struct fuzz_in *in, unsigned i, unsigned ch)
{
    static const uint8_t codes[SOTTO_RL_CHANNELS] = { SOTTO_RL_NOTICE, SOTTO_RL_STEM_TX, 0x26, 0x42 };
    struct end *e = &w.e[i];
    struct wants *wants = &w.e[!i].wants[ch];
    uint8_t shift = fuzz_u8(in) & 7, size = fuzz_u8(in), seed = fuzz_u8(in);
    uint32_t bytes = 1u + ((uint32_t)size << shift);
    const struct want want = { ch == 0 && bytes > 255 ? SOTTO_RL_PEERS : codes[ch], seed, bytes };
    if (wants->count == WANT_MAX || w.sent > SENT_MAX) return;
    struct sotto_span body = body_of(&want);
    enum sotto_err err = fuzz_err(sotto_links_send(e->links, e->is_up ? e->peer : 1, want.code, body, w.now));
    SOTTO_ASSERT(err == SOTTO_OK ? e->is_up : err == SOTTO_ERR_FULL ? e->is_up : err == SOTTO_ERR_MISSING && !(w.calm && e->is_up));
    if (err != SOTTO_OK) return;
    w.sent += body.size;
    wants->list[(wants->first + wants->count++) % WANT_MAX] = want;
}

/* ---- what the links say ---- */

static void on_up(void *owner, uint32_t peer, struct sotto_now now)
{
    struct end *e = owner;
    struct sotto_rl_info info;
    (void)now;
    SOTTO_ASSERT(!e->is_up && peer == e->conn && !w.stranger && sotto_links_info(e->links, peer, &info) && info.state == SOTTO_RL_UP && info.peer && info.th);
    e->is_up = true;
    e->peer = peer;
}
static void on_down(void *owner, uint32_t peer, struct sotto_now now)
{
    struct end *e = owner;
    struct sotto_rl_info info;
    (void)now;
    SOTTO_ASSERT(e->is_up && peer == e->peer && !w.calm && !sotto_links_info(e->links, peer, &info));
    e->is_up = false;
}
static void on_message(void *owner, uint32_t peer, const struct sotto_rl_message *m, struct sotto_now now)
{
    struct end *e = owner;
    struct wants *wants = &e->wants[m->channel];
    (void)now;
    SOTTO_ASSERT(e->is_up && peer == e->peer && wants->count > 0);
    const struct want *want = &wants->list[wants->first];
    SOTTO_ASSERT(m->code == want->code && sotto_span_equal(m->bytes, body_of(want)));
    wants->first = (wants->first + 1) % WANT_MAX;
    wants->count--;
}

/* Who only waits too long is told so; nothing else is ever said against an honest end whose bytes arrive as they are. */
static void on_log(struct sotto_log *log, enum sotto_level level, const char *area, const char *event, const char *fields)
{
    (void)log, (void)level, (void)area;
    if (w.stranger || w.harmed || strcmp(event, "peer.offence") != 0) return;
    SOTTO_ASSERT(!w.calm && (strstr(fields, sotto_err_name(SOTTO_ERR_LINK_TIME)) || strstr(fields, sotto_err_name(SOTTO_ERR_MESSAGE_TIME))));
}
static struct sotto_log logs = { on_log };

/* ---- the wire ---- */

static void step(unsigned i, struct sotto_in in)
{
    struct end *e = &w.e[i];
    sotto_links_enter(e->links, &e->out);
    sotto_host_step(e->host, &in, w.now, &e->out);
    sotto_links_tick(e->links, w.now);
    sotto_links_enter(e->links, NULL);
    SOTTO_ASSERT(sotto_links_deadline(e->links) > w.now.mono_us);     /* what is due was done: no time in the past keeps its loop turning */
}

static void arrive(unsigned i, size_t most)
{
    struct end *e = &w.e[i];
    size_t size = most < e->in.size ? most : e->in.size;
    if (!e->conn || e->paused || size == 0) return;
    struct sotto_buf in = e->in;
    e->in = sotto_buf_make(WIRE_MAX);
    SOTTO_ASSERT(sotto_buf_add(&e->in, in.data + size, in.size - size) == SOTTO_OK);
    step(i, (struct sotto_in){ .kind = SOTTO_IN_DATA, .conn = e->conn, .bytes = sotto_span(in.data, size) });
    if (w.e[!i].conn) step(!i, (struct sotto_in){ .kind = SOTTO_IN_SENT, .conn = w.e[!i].conn, .token = size });
    sotto_buf_free(&in);
}

static void cut(unsigned i)                       /* this end hears of it; what was on its way is gone */
{
    struct end *e = &w.e[i];
    uint32_t conn = e->conn;
    e->conn = 0;
    e->in.size = 0;
    e->paused = false;
    if (conn) step(i, (struct sotto_in){ .kind = SOTTO_IN_CLOSED, .conn = conn });
}

static void connect_ends(uint32_t conn)
{
    struct sotto_addr from = { .ip = { 127, 0, 0, 1 }, .family = 4, .port = 50000 };
    for (unsigned i = 0; i < 2; i++) memset(w.e[i].wants, 0, sizeof w.e[i].wants);
    w.e[A].conn = conn;
    w.e[B].conn = sotto_host_next_conn(w.e[B].host);
    step(B, (struct sotto_in){ .kind = SOTTO_IN_ACCEPTED, .conn = w.e[B].conn, .addr = from });
    step(A, (struct sotto_in){ .kind = SOTTO_IN_OPENED, .conn = conn });
}

/* Carries out what i wishes. True: it wished something. */
static bool perform(unsigned i)
{
    struct end *e = &w.e[i], *other = &w.e[!i];
    struct sotto_outq q = e->out;
    e->out = sotto_outq_make(q.max);
    for (uint32_t k = 0; k < q.count; k++) {
        struct sotto_out *o = &q.slots[k];
        switch (o->kind) {
        case SOTTO_OUT_DIAL:
            SOTTO_ASSERT(i == A && !e->conn);
            cut(B);                               /* it may not have heard yet that the last one is gone */
            connect_ends(o->conn);
            break;
        case SOTTO_OUT_SEND:
            if (o->conn == e->conn && other->conn) SOTTO_ASSERT(sotto_buf_add_span(&other->in, sotto_buf_span(&o->bytes)) == SOTTO_OK);
            break;
        case SOTTO_OUT_CLOSE:
            if (o->conn != e->conn) break;
            e->conn = 0;
            e->in.size = 0;
            e->paused = false;
            arrive(!i, SIZE_MAX);
            cut(!i);
            break;
        case SOTTO_OUT_PAUSE: if (o->conn == e->conn) e->paused = true; break;
        case SOTTO_OUT_RESUME: if (o->conn == e->conn) e->paused = false; break;
        case SOTTO_OUT_PEER: break;
        case SOTTO_OUT_MINE: case SOTTO_OUT_MINE_CANCEL: case SOTTO_OUT_DELIVER: case SOTTO_OUT_CELL_SENT: case SOTTO_OUT_CELL_EXPIRED: case SOTTO_OUT_DIRECT:
            SOTTO_ASSERT(false);
        }
    }
    bool any = q.count > 0;
    sotto_outq_free(&q);
    return any;
}
static void perform_both(void)
{
    for (bool any = true; any;) {
        any = perform(A);
        any |= perform(B);
    }
}

static void flow(void)
{
    for (unsigned round = 0; round < SETTLE_ROUNDS; round++) {
        perform_both();
        bool moves = false;
        for (unsigned i = 0; i < 2; i++) {
            moves |= w.e[i].conn && w.e[i].in.size && !w.e[i].paused && !w.e[i].still;
            if (!w.e[i].still) arrive(i, SIZE_MAX);
        }
        if (!moves) return;
    }
    SOTTO_ASSERT(false);                          /* two machines that talk for ever */
}

static uint64_t next_deadline(void)
{
    uint64_t at = UINT64_MAX;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t h = sotto_host_deadline(w.e[i].host), l = sotto_links_deadline(w.e[i].links);
        if (h < at) at = h;
        if (l < at) at = l;
    }
    return at;
}

static void pass(uint64_t us)
{
    w.now.mono_us += us;
    w.now.wall_ms += us / 1000;
    for (unsigned i = 0; i < 2; i++) step(i, (struct sotto_in){ .kind = SOTTO_IN_TICK });
}

/* Time passes as it does with an owner who is never late. */
static void pass_well(uint64_t us)
{
    uint64_t until = w.now.mono_us + us;
    for (unsigned round = 0; round < SETTLE_ROUNDS && w.now.mono_us < until; round++) {
        uint64_t at = next_deadline();
        flow();
        at = at < until ? at : until;
        pass(at > w.now.mono_us ? at - w.now.mono_us : 0);
    }
    SOTTO_ASSERT(w.now.mono_us >= until);
    flow();
}

/* ---- after each step ---- */

static void check(void)
{
    for (unsigned i = 0; i < 2; i++) {
        static const size_t most[SOTTO_RL_CHANNELS] = { SOTTO_RL_QUEUE_0, SOTTO_RL_QUEUE_1, SOTTO_RL_QUEUE_2, SOTTO_RL_QUEUE_3 };
        struct end *e = &w.e[i];
        struct sotto_rl_info info;
        struct sotto_peer_info peer;
        SOTTO_ASSERT(sotto_links_up(e->links) <= (unsigned)e->is_up);
        if (!e->conn || !sotto_host_peer(e->host, e->conn, &peer)) continue;
        SOTTO_ASSERT(!w.calm || w.stranger || peer.score == 0);
        SOTTO_ASSERT(w.stranger || sotto_host_backlog(e->host, e->conn) <= AHEAD_MAX);
        if (!sotto_links_info(e->links, e->conn, &info)) continue;
        SOTTO_ASSERT(info.cells_acked <= info.cells_out);
        SOTTO_ASSERT(!sotto_links_up(e->links) || sotto_links_deadline(e->links) <= w.now.mono_us + 2 * SOTTO_LINKS_PING_US);
        for (unsigned ch = 0; ch < SOTTO_RL_CHANNELS; ch++) SOTTO_ASSERT(info.waiting[ch] <= most[ch]);
    }
}

/* ---- steps ---- */

static void spoil(struct fuzz_in *in, unsigned i)
{
    struct sotto_buf *b = &w.e[i].in;
    uint32_t at = fuzz_u16(in);
    if (b->size == 0) return;
    w.harmed = true;
    at %= (uint32_t)b->size;
    if (in->at < in->end && *in->at & 1) sotto_buf_drop(b, at);
    else b->data[at] ^= (uint8_t)(1u << fuzz_u8(in) % 8);
}

static void stranger_says(struct fuzz_in *in)
{
    struct end *e = &w.e[B];
    unsigned code = fuzz_u8(in) % 4;
    struct sotto_span bytes = fuzz_span(in, 1300);
    if (!e->conn || bytes.size == 0) return;
    enum sotto_err err = fuzz_err(sotto_host_send(e->host, e->conn, &e->false_cap, code, bytes, w.now, &e->out));
    SOTTO_ASSERT(err == SOTTO_OK || err == SOTTO_ERR_MISSING || err == SOTTO_ERR_FULL);
}

static void break_it(struct fuzz_in *in, uint8_t op, unsigned i)
{
    switch (op % 8) {
    case 0: arrive(i, fuzz_u16(in)); break;
    case 1: spoil(in, i); break;
    case 2: w.e[i].still = !w.e[i].still; break;
    case 3:
        cut(A);
        cut(B);
        break;
    case 4: pass(fuzz_wide(in) % (40u * SECOND_US)); break;           /* and nothing arrives meanwhile */
    case 5: if (w.stranger) stranger_says(in); break;
    case 6: if (w.e[i].conn) sotto_host_disconnect(w.e[i].host, w.e[i].conn, SOTTO_REASON_REQUESTED, w.now, &w.e[i].out); break;
    default:
        w.harmed = true;
        if (w.e[i].conn) step(i, (struct sotto_in){ .kind = SOTTO_IN_DATA, .conn = w.e[i].conn, .bytes = fuzz_span(in, 64) });
    }
}

static void act(struct fuzz_in *in)
{
    uint8_t op = fuzz_u8(in);
    unsigned i = op >> 7;
    if (w.calm || (op & 31) < 16) {
        switch (op % 16) {
        case 12: pass_well(fuzz_u8(in) * 20000u); break;
        case 13: pass_well(fuzz_u8(in) * (SECOND_US / 4)); break;
        case 14: flow(); break;
        case 15: step(i, (struct sotto_in){ .kind = SOTTO_IN_TICK }); break;
        default: send_some(in, i, op % SOTTO_RL_CHANNELS);
        }
    } else break_it(in, op, i);
    if (w.calm) flow();
    else perform_both();
}

/* ---- beginning and end ---- */

static void end_begin(unsigned i, bool short_queue, bool rates)
{
    struct end *e = &w.e[i];
    struct sotto_point pub;
    sotto_rng_from_seed(&e->rng, i, "links");
    e->out = sotto_outq_make(short_queue ? 12 : 4096);
    e->in = sotto_buf_make(WIRE_MAX);
    struct sotto_links_config c = { .options = sotto_rl_options(), .rng = &e->rng.rng, .owner = e, .up = on_up, .message = on_message, .down = on_down };
    c.options.has = SOTTO_RL_HAS(1);
    c.options.roles = SOTTO_RL_FLOOD | SOTTO_RL_STEM;
    if (rates) {
        c.options.has |= SOTTO_RL_HAS(3);
        c.options.cells_rate = 500;
        c.options.bytes_rate = 4u << 20;
    }
    sotto_scalar_random(&c.key, &e->rng.rng);
    SOTTO_ASSERT(sotto_point_make(&pub, &c.key) == SOTTO_OK && sotto_point_to64(e->key, &pub) == SOTTO_OK && sotto_links_new(&e->links, &c) == SOTTO_OK);
    e->false_cap = (struct sotto_capability){ .name = "sotto", .version = 1, .codes = SOTTO_LINKS_CODES, .owner = e };
    struct sotto_host_config h = { .key = c.key, .local = true, .inbound_max = 4, .outbound_max = 4, .static_max = 4, .message_max = 10u << 20,
                                   .listen_port = (uint16_t)(30000 + i), .rng = &e->rng.rng, .log = &logs, .capability_count = 1,
                                   .capabilities = i == B && w.stranger ? &e->false_cap : sotto_links_capability(e->links) };
    SOTTO_ASSERT(sotto_host_new(&e->host, &h) == SOTTO_OK);
    sotto_links_attach(e->links, e->host);
}

static bool anything_left(void)
{
    for (unsigned i = 0; i < 2; i++)
        for (unsigned ch = 0; ch < SOTTO_RL_CHANNELS; ch++)
            if (w.e[i].wants[ch].count) return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    uint8_t how = fuzz_u8(&in);
    memset(&w, 0, sizeof w);
    w.now = (struct sotto_now){ 1000u * SECOND_US, UINT64_C(1767225600000) };
    w.calm = (how & 1) && !(how & 6);
    w.stranger = how & 2;
    for (unsigned i = 0; i < 2; i++) end_begin(i, how & 4, how & 8);
    struct sotto_enode to = { .addr = { .ip = { 127, 0, 0, 1 }, .family = 4, .port = 30001 } };
    memcpy(to.key, w.e[B].key, 64);
    SOTTO_ASSERT(sotto_host_add(w.e[A].host, &to, w.now, &w.e[A].out) == SOTTO_OK);
    flow();
    SOTTO_ASSERT(w.stranger || (how & 4) || (w.e[A].is_up && w.e[B].is_up));
    for (unsigned k = 0; k < STEPS_MAX && fuzz_left(&in); k++) {
        act(&in);
        check();
    }
    for (unsigned k = 0; k < 600 && w.calm && anything_left(); k++) pass_well(SECOND_US);
    SOTTO_ASSERT(!w.calm || (!anything_left() && w.e[A].is_up && w.e[B].is_up));
    for (unsigned i = 0; i < 2; i++) {
        sotto_host_free(w.e[i].host);
        sotto_links_free(w.e[i].links);
        sotto_outq_free(&w.e[i].out);
        sotto_buf_free(&w.e[i].in);
    }
    return 0;
}
