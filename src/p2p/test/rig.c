#include "p2p/test/rig.h"

#include "wire/rlp.h"
#include "wire/snappy.h"

static void cap_up(void *owner, uint32_t peer, struct sotto_now now)
{
    struct rig *r = owner;
    (void)now;
    r->lines[peer].ups++;
    if (r->on_up) r->on_up(r, peer);
}
static void cap_message(void *owner, uint32_t peer, unsigned code, struct sotto_span payload, struct sotto_now now)
{
    struct rig *r = owner;
    struct rig_line *line = &r->lines[peer];
    (void)now;
    assert_true(line->ups == 1 && line->downs == 0);
    line->messages++;
    line->last_code = code;
    line->last.size = 0;
    assert_int_equal(sotto_buf_add_span(&line->last, payload), SOTTO_OK);
    if (r->on_message) r->on_message(r, peer, code, payload);
}
static void cap_down(void *owner, uint32_t peer, struct sotto_now now)
{
    struct rig *r = owner;
    (void)now;
    assert_int_equal(r->lines[peer].ups, 1);
    r->lines[peer].downs++;
}

const struct sotto_capability rig_shh = { .name = "shh", .version = 6, .codes = 128 };

struct rig *rig_new(uint64_t seed, const struct sotto_host_config *config)
{
    struct rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    sotto_rng_from_seed(&r->rng, seed, "rig");
    struct sotto_capability cap = rig_shh;
    cap.owner = r;
    cap.up = cap_up;
    cap.message = cap_message;
    cap.down = cap_down;
    r->config = config ? *config : (struct sotto_host_config){ 0 };
    sotto_scalar_random(&r->config.key, &r->rng.rng);
    if (!r->config.inbound_max) r->config.inbound_max = 36;
    if (!r->config.outbound_max) r->config.outbound_max = 8;
    if (!r->config.static_max) r->config.static_max = 6;
    if (!r->config.message_max) r->config.message_max = 10u << 20;
    r->config.capabilities = &cap;
    r->config.capability_count = 1;
    r->config.rng = &r->rng.rng;
    r->out = sotto_outq_make(1024);
    r->now = (struct sotto_now){ .mono_us = 1000 * SOTTO_SECOND_US, .wall_ms = 1700000000000 };
    for (unsigned i = 0; i < RIG_LINES; i++) {
        r->lines[i].sent = sotto_buf_make(64u << 20);
        r->lines[i].last = sotto_buf_make(16u << 20);
    }
    assert_int_equal(sotto_host_new(&r->h, &r->config), SOTTO_OK);
    return r;
}

void rig_free(struct rig *r)
{
    sotto_host_free(r->h);
    sotto_outq_free(&r->out);
    for (unsigned i = 0; i < RIG_LINES; i++) {
        sotto_buf_free(&r->lines[i].sent);
        sotto_buf_free(&r->lines[i].last);
    }
    free(r);
}

void rig_take(struct rig *r)
{
    if (r->stuck) return;
    struct sotto_outq q = r->out;
    r->out = sotto_outq_make(q.max);
    for (uint32_t i = 0; i < q.count; i++) {
        struct sotto_out *o = &q.slots[i];
        assert_true(o->conn > 0 && o->conn < RIG_LINES);
        struct rig_line *line = &r->lines[o->conn];
        if (o->kind == SOTTO_OUT_DIAL) {
            assert_false(line->dialled);
            line->dialled = true;
            line->addr = o->addr;
            r->last_dial = o->conn;
            r->dials++;
        } else if (o->kind == SOTTO_OUT_SEND) {
            assert_false(line->closed);
            assert_true(o->bytes.size > 0);
            assert_int_equal(sotto_buf_add_span(&line->sent, sotto_buf_span(&o->bytes)), SOTTO_OK);
            if (!r->hold_sent) {
                struct sotto_in in = { .kind = SOTTO_IN_SENT, .conn = o->conn, .token = o->bytes.size };
                sotto_host_step(r->h, &in, r->now, &r->out);
            }
        } else if (o->kind == SOTTO_OUT_CLOSE) {
            assert_false(line->closed);               /* never twice */
            line->closed = true;
            line->close_token = o->token;
        } else if (o->kind == SOTTO_OUT_PAUSE || o->kind == SOTTO_OUT_RESUME) {
            assert_true(line->paused == (o->kind == SOTTO_OUT_RESUME));
            line->paused = o->kind == SOTTO_OUT_PAUSE;
        } else {
            assert_int_equal(o->kind, SOTTO_OUT_PEER);
            if (o->value) line->peer_up++;
            else line->peer_down++;
        }
    }
    sotto_outq_free(&q);
    if (r->out.count) rig_take(r);
}

void rig_in(struct rig *r, struct sotto_in in)
{
    sotto_host_step(r->h, &in, r->now, &r->out);
    rig_take(r);
}

void rig_wait(struct rig *r, uint64_t us)
{
    uint64_t end = r->now.mono_us + us;
    for (unsigned steps = 0;; steps++) {
        assert_true(steps < 100000);
        uint64_t at = sotto_host_deadline(r->h);
        if (at > end) break;
        if (at > r->now.mono_us) r->now.mono_us = at;
        rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_TICK });
    }
    r->now.mono_us = end;
}

uint32_t rig_accept(struct rig *r, struct sotto_addr addr)
{
    uint32_t conn = sotto_host_next_conn(r->h);
    r->lines[conn].addr = addr;
    rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_ACCEPTED, .conn = conn, .addr = addr });
    return conn;
}

void rig_data(struct rig *r, uint32_t conn, const void *data, size_t size)
{
    rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_DATA, .conn = conn, .bytes = sotto_span(data, size) });
}

struct sotto_addr rig_ip(unsigned a, unsigned b, unsigned c, unsigned d)
{
    return (struct sotto_addr){ .ip = { (uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d }, .family = 4, .port = 40000 };
}

/* ---- scripted peers ---- */

void script_key(struct script *s, struct rig *r, unsigned n)
{
    struct sotto_chacha_rng rng;
    struct sotto_point p;
    memset(s, 0, sizeof *s);
    s->r = r;
    s->raw = s->plain = sotto_buf_make(32u << 20);
    sotto_rng_from_seed(&rng, n, "script");
    sotto_scalar_random(&s->key, &rng.rng);
    assert_int_equal(sotto_point_make(&p, &s->key), SOTTO_OK);
    assert_int_equal(sotto_point_to64(s->pub, &p), SOTTO_OK);
}

void script_end(struct script *s)
{
    if (s->framed) sotto_frames_end(&s->f);
    s->framed = false;
    sotto_buf_free(&s->raw);
    sotto_buf_free(&s->plain);
}

static void read_keys(struct script *s)
{
    struct rig_line *line = &s->r->lines[s->conn];
    size_t need = SOTTO_RLPX_FIRST_NEED;
    enum sotto_err err;
    do {
        assert_true(line->sent.size >= s->at + need);
        err = sotto_rlpx_read(&s->x, &need, sotto_span(line->sent.data + s->at, need));
    } while (err == SOTTO_ERR_AGAIN);
    assert_int_equal(err, SOTTO_OK);
    s->at += need;
}

static void make_frames(struct script *s)
{
    struct sotto_rlpx_secrets secrets;
    assert_int_equal(sotto_rlpx_secrets(&secrets, &s->x), SOTTO_OK);
    assert_int_equal(sotto_frames_begin(&s->f, &secrets), SOTTO_OK);
    s->framed = true;
    sotto_rlpx_end(&s->x);
}

void script_dial(struct script *s, struct sotto_addr addr)
{
    struct rig *r = s->r;
    s->conn = rig_accept(r, addr);
    assert_false(r->lines[s->conn].closed);
    sotto_rlpx_begin(&s->x, SOTTO_RLPX_DIALER, &s->key, &r->rng.rng);
    assert_int_equal(sotto_rlpx_write_auth(&s->x, r->h->key, &r->rng.rng), SOTTO_OK);
    rig_data(r, s->conn, s->x.auth.data, s->x.auth.size);
    if (r->lines[s->conn].sent.size == 0) {           /* refused before keys */
        sotto_rlpx_end(&s->x);
        return;
    }
    read_keys(s);
    make_frames(s);
}

void script_answer(struct script *s, uint32_t conn)
{
    struct rig *r = s->r;
    s->conn = conn;
    rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_OPENED, .conn = conn });
    sotto_rlpx_begin(&s->x, SOTTO_RLPX_LISTENER, &s->key, &r->rng.rng);
    read_keys(s);
    assert_memory_equal(s->x.remote, r->h->key, 64);
    assert_int_equal(sotto_rlpx_write_ack(&s->x, &r->rng.rng), SOTTO_OK);
    struct sotto_buf ack = sotto_buf_make(SOTTO_RLPX_PACKET_MAX);
    assert_int_equal(sotto_buf_add_span(&ack, sotto_buf_span(&s->x.ack)), SOTTO_OK);
    make_frames(s);
    rig_data(r, conn, ack.data, ack.size);
    sotto_buf_free(&ack);
}

void script_send(struct script *s, unsigned code, struct sotto_span payload)
{
    struct sotto_buf wire = sotto_buf_make(32u << 20);
    assert_int_equal(sotto_frame_write(&s->f, &wire, code, payload), SOTTO_OK);
    rig_data(s->r, s->conn, wire.data, wire.size);
    sotto_buf_free(&wire);
}

void script_send_block(struct script *s, unsigned code, struct sotto_span payload)
{
    struct sotto_buf block = sotto_buf_make(32u << 20);
    assert_int_equal(sotto_snappy_deflate(&block, payload), SOTTO_OK);
    script_send(s, code, sotto_buf_span(&block));
    sotto_buf_free(&block);
}

bool script_next(struct script *s)
{
    struct rig_line *line = &s->r->lines[s->conn];
    if (line->sent.size == s->at) return false;
    assert_true(line->sent.size >= s->at + SOTTO_FRAME_HEAD);
    uint32_t size;
    struct sotto_span payload;
    assert_int_equal(sotto_frame_head(&s->f, &size, line->sent.data + s->at), SOTTO_OK);
    s->at += SOTTO_FRAME_HEAD;
    assert_true(line->sent.size >= s->at + sotto_frame_rest(size));            /* whole frames only */
    assert_int_equal(sotto_frame_body(&s->f, &s->code, &payload, line->sent.data + s->at, size), SOTTO_OK);
    s->at += sotto_frame_rest(size);
    s->raw.size = s->plain.size = 0;
    assert_int_equal(sotto_buf_add_span(&s->raw, payload), SOTTO_OK);
    s->was_block = sotto_snappy_inflate(&s->plain, payload, 32u << 20) == SOTTO_OK;
    if (!s->was_block) assert_int_equal(sotto_buf_add_span(&s->plain, payload), SOTTO_OK);
    return true;
}

void script_hello(struct script *s, struct sotto_buf *out, uint64_t version, const char *name, unsigned cap_version, struct sotto_span key)
{
    (void)s;
    size_t list = sotto_rlp_begin(out);
    assert_int_equal(sotto_rlp_add_uint(out, version), SOTTO_OK);
    assert_int_equal(sotto_rlp_add_bytes(out, sotto_span_str("script/1")), SOTTO_OK);
    size_t caps = sotto_rlp_begin(out), pair = sotto_rlp_begin(out);
    assert_int_equal(sotto_rlp_add_bytes(out, sotto_span_str(name)), SOTTO_OK);
    assert_int_equal(sotto_rlp_add_uint(out, cap_version), SOTTO_OK);
    assert_int_equal(sotto_rlp_end_list(out, pair), SOTTO_OK);
    assert_int_equal(sotto_rlp_end_list(out, caps), SOTTO_OK);
    assert_int_equal(sotto_rlp_add_uint(out, 0), SOTTO_OK);
    assert_int_equal(sotto_rlp_add_bytes(out, key), SOTTO_OK);
    assert_int_equal(sotto_rlp_end_list(out, list), SOTTO_OK);
}

void script_send_hello(struct script *s, uint64_t version)
{
    struct sotto_buf hello = sotto_buf_make(4096);
    script_hello(s, &hello, version, "shh", 6, SOTTO_SPAN(s->pub));
    script_send(s, SOTTO_CODE_HELLO, sotto_buf_span(&hello));
    sotto_buf_free(&hello);
}

void script_up(struct script *s, struct sotto_addr addr)
{
    script_dial(s, addr);
    assert_true(s->framed && script_next(s));
    assert_int_equal(s->code, SOTTO_CODE_HELLO);
    script_send_hello(s, 5);
    assert_int_equal(s->r->lines[s->conn].ups, 1);
    assert_false(s->r->lines[s->conn].closed);
}

int script_reason(struct script *s)
{
    struct rig_line *line = &s->r->lines[s->conn];
    int reason = -1;
    assert_true(line->closed);
    while (s->framed && script_next(s)) {
        assert_int_equal(reason, -1);                 /* nothing after a Disconnect */
        if (s->code == SOTTO_CODE_DISCONNECT) reason = (int)sotto_disconnect_read(sotto_buf_span(&s->raw));
    }
    assert_int_equal(line->close_token, reason >= 0); /* with last words: close after they have left */
    assert_int_equal(line->ups, line->downs);
    assert_int_equal(line->peer_up, line->peer_down);
    return reason;
}

int script_score(const struct script *s) { return sotto_rep_node_score(s->r->h->rep, s->pub, s->r->now); }
