/* One connection: handshake, frames, the base protocol, deadlines. */
#include "p2p/state.h"

#include "base/plant.h"
#include "wire/snappy.h"

#include <stdlib.h>

#define TO(state) (1u << SOTTO_CONN_##state)
static const struct { const char *name; unsigned allowed; } states[SOTTO_CONN_STATES] = {
    [SOTTO_CONN_DIALING] = { "dialing", TO(KEYS) | TO(CLOSING) },
    [SOTTO_CONN_KEYS]    = { "keys",    TO(HELLO) | TO(CLOSING) },
    [SOTTO_CONN_HELLO]   = { "hello",   TO(UP) | TO(CLOSING) },
    [SOTTO_CONN_UP]      = { "up",      TO(CLOSING) },
    [SOTTO_CONN_CLOSING] = { "closing", 0 },
};
const char *const sotto_conn_state_names[SOTTO_CONN_STATES] = { "dialing", "keys", "hello", "up", "closing" };

static const struct { const char *what; enum sotto_reason reason; int score; } ends[SOTTO_ENDS] = {
#define END_ROW(name, text, reason, score) [SOTTO_END_##name] = { text, SOTTO_REASON_##reason, score },
    SOTTO_END_MAP(END_ROW)
#undef END_ROW
};

static void check(const struct sotto_conn *c)
{
    SOTTO_ASSERT(!(c->keyed && c->framed));
    SOTTO_ASSERT(c->state != SOTTO_CONN_KEYS || (c->keyed && !c->framed));
    SOTTO_ASSERT((c->state != SOTTO_CONN_HELLO && c->state != SOTTO_CONN_UP) || (c->framed && c->key_known));
    SOTTO_ASSERT(c->state == SOTTO_CONN_UP || c->state == SOTTO_CONN_CLOSING || !c->announced);
}

static void move(struct sotto_conn *c, enum sotto_conn_state next)
{
    SOTTO_ASSERT(states[c->state].allowed & (1u << next));
    c->state = next;
    check(c);
}

struct sotto_conn *sotto_conn_new(struct sotto_host *h, uint32_t id, const struct sotto_addr *addr, bool inbound, struct sotto_now now)
{
    SOTTO_ASSERT(h->conn_count < h->conn_max);
    struct sotto_conn *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->id = id;
    c->addr = *addr;
    c->inbound = inbound;
    c->since_us = now.mono_us;
    c->state = SOTTO_CONN_DIALING;
    c->deadline_us = now.mono_us + SOTTO_DIAL_US;
    c->in = sotto_buf_make(SOTTO_RLPX_PACKET_MAX);
    c->need = SOTTO_RLPX_FIRST_NEED;
    if (inbound) {
        sotto_rlpx_begin(&c->rlpx, SOTTO_RLPX_LISTENER, &h->config.key, h->config.rng);
        c->keyed = true;
        c->state = SOTTO_CONN_KEYS;
        c->deadline_us = now.mono_us + SOTTO_HANDSHAKE_US;
    }
    h->conns[h->conn_count++] = c;
    return c;
}

static void drop_keys(struct sotto_conn *c)
{
    if (c->keyed) sotto_rlpx_end(&c->rlpx);
    if (c->framed) sotto_frames_end(&c->frames);
    c->keyed = c->framed = false;
}

static void drop_buffer(struct sotto_host *h, struct sotto_conn *c)
{
    sotto_buf_free(&c->in);
    h->budget_used -= c->charged;
    c->charged = 0;
}

void sotto_conn_free(struct sotto_host *h, struct sotto_conn *c)
{
    drop_keys(c);
    drop_buffer(h, c);
    sotto_wipe(c, sizeof *c);
    free(c);
}

/* ---- sending ---- */

static void note_queued(struct sotto_conn *c, size_t size, struct sotto_now now)
{
    if (c->backlog == 0) c->stall_us = now.mono_us + SOTTO_STALL_US;
    c->backlog += size;
    c->bytes_out += size;
}

static enum sotto_err send_raw(struct sotto_conn *c, struct sotto_span bytes, struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_out *o = sotto_outq_add(out, SOTTO_OUT_SEND);
    if (!o) return SOTTO_ERR_FULL;
    o->conn = c->id;
    enum sotto_err err = sotto_buf_add_span(&o->bytes, bytes);
    if (err != SOTTO_OK) {
        out->count--;
        return err;
    }
    note_queued(c, bytes.size, now);
    return SOTTO_OK;
}

/* The first of each connection's, as many as go side by side; true: there were some. */
static bool seal_some(struct sotto_host *h)
{
    struct sotto_bare_frame jobs[SOTTO_FRAMES_SEAL_MAX];
    unsigned count = 0, kept = 0;
    for (unsigned i = 0; i < h->bare_count; i++) {
        struct sotto_bare b = h->bare[i];
        bool waits = count == SOTTO_FRAMES_SEAL_MAX;
        for (unsigned j = 0; j < count && !waits; j++) waits = jobs[j].frames == &b.conn->frames;
        if (waits) h->bare[kept++] = b;
        else jobs[count++] = (struct sotto_bare_frame){ &b.conn->frames, b.bytes, b.size };
    }
    h->bare_count = kept;
    sotto_frames_seal(jobs, count);
    return count > 0;
}

void sotto_conns_seal(struct sotto_host *h)
{
    while (seal_some(h)) {}
}

static const struct sotto_span nothing;

/* The place in the queue is taken before the frame is sealed: a sealed frame that is not sent would end the connection. */
static enum sotto_err send_frame(struct sotto_host *h, struct sotto_conn *c, unsigned code, struct sotto_span head, struct sotto_span payload,
                                 struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_out *o = sotto_outq_add(out, SOTTO_OUT_SEND);
    if (!o) return SOTTO_ERR_FULL;
    o->conn = c->id;
    enum sotto_err err = sotto_frame_write_bare(&c->frames, &o->bytes, code, head, payload);
    if (err != SOTTO_OK) {
        out->count--;
        return err;
    }
    if (h->bare_count == SOTTO_BARE_MAX) sotto_conns_seal(h);
    h->bare[h->bare_count++] = (struct sotto_bare){ c, o->bytes.data, o->bytes.size };
    if (!h->gathers) sotto_conns_seal(h);
    note_queued(c, o->bytes.size, now);
    return SOTTO_OK;
}

enum sotto_err sotto_conn_send(struct sotto_host *h, struct sotto_conn *c, unsigned code, struct sotto_span payload, bool literal,
                               struct sotto_now now, struct sotto_outq *out)
{
    if (payload.size > SOTTO_FRAME_SIZE_MAX) return SOTTO_ERR_FRAME_SIZE;
    if (!c->compress) return send_frame(h, c, code, nothing, payload, now, out);
    if (literal) {
        uint8_t head[SOTTO_SNAPPY_LITERAL_EXTRA];
        if (payload.size == 0 || payload.size > SOTTO_SNAPPY_LITERAL_MAX) return SOTTO_ERR_RANGE;
        size_t n = sotto_snappy_literal_head(head, payload.size);
        return send_frame(h, c, code, sotto_span(head, n), payload, now, out);
    }
    struct sotto_buf block = sotto_buf_make(sotto_snappy_bound(payload.size));
    enum sotto_err err = sotto_snappy_deflate(&block, payload);
    if (err == SOTTO_OK) err = send_frame(h, c, code, nothing, sotto_buf_span(&block), now, out);
    sotto_buf_free(&block);
    return err;
}

static bool send_disconnect(struct sotto_host *h, struct sotto_conn *c, enum sotto_reason reason, struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_buf payload = sotto_buf_make(16);
    enum sotto_err err = sotto_disconnect_write(&payload, reason);
    if (err == SOTTO_OK) err = sotto_conn_send(h, c, SOTTO_CODE_DISCONNECT, sotto_buf_span(&payload), false, now, out);
    sotto_buf_free(&payload);
    return err == SOTTO_OK;
}

/* ---- ending ---- */

bool sotto_conn_say_closed(struct sotto_conn *c, struct sotto_outq *out)
{
    if (!c->close_due) return true;
    struct sotto_out *o = sotto_outq_add(out, SOTTO_OUT_CLOSE);
    if (!o) return false;
    o->conn = c->id;
    o->token = c->close_soft;
    c->close_due = false;
    return true;
}

static void to_closing(struct sotto_host *h, struct sotto_conn *c)
{
    move(c, SOTTO_CONN_CLOSING);
    sotto_conns_seal(h);                              /* what it was sent goes out before it ends */
    drop_keys(c);
    h->dirty = true;
}

void sotto_conn_close(struct sotto_host *h, struct sotto_conn *c, enum sotto_reason reason, struct sotto_now now, struct sotto_outq *out)
{
    if (c->state == SOTTO_CONN_CLOSING) return;
    c->close_soft = reason != SOTTO_REASON_NONE && c->framed && send_disconnect(h, c, reason, now, out);
    c->close_due = true;
    to_closing(h, c);
    sotto_conn_say_closed(c, out);                    /* if there is no room now, the sweep tries again */
}

void sotto_conn_lost(struct sotto_host *h, struct sotto_conn *c)
{
    c->close_due = false;
    if (c->state != SOTTO_CONN_CLOSING) to_closing(h, c);
}

void sotto_conn_end(struct sotto_host *h, struct sotto_conn *c, enum sotto_end end, struct sotto_now now, struct sotto_outq *out)
{
    if (c->state == SOTTO_CONN_CLOSING) return;
    sotto_log_line(h->config.log, ends[end].score ? SOTTO_LOG_INFO : SOTTO_LOG_DEBUG, "p2p", "peer.end", "conn=%u state=%s why=%s",
                   c->id, states[c->state].name, ends[end].what);
    c->ours = end == SOTTO_END_REPLACED || end == SOTTO_END_ALREADY || end == SOTTO_END_SHED || end == SOTTO_END_REQUESTED || end == SOTTO_END_QUITTING;
    bool exempt = sotto_host_exempt(h, &c->addr);
    if (ends[end].score) {
        c->offended = true;
        if (c->key_known) sotto_rep_node_offend(h->rep, c->key, exempt ? NULL : &c->addr, ends[end].score, !c->is_static, now);
        else if (!exempt) sotto_rep_address_offend(h->rep, &c->addr, ends[end].score, now);
    }
    sotto_conn_close(h, c, ends[end].reason, now, out);
}

/* ---- keys ---- */

void sotto_conn_opened(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now, struct sotto_outq *out)
{
    if (c->state != SOTTO_CONN_DIALING) return;
    sotto_rlpx_begin(&c->rlpx, SOTTO_RLPX_DIALER, &h->config.key, h->config.rng);
    c->keyed = true;
    move(c, SOTTO_CONN_KEYS);
    c->deadline_us = now.mono_us + SOTTO_HANDSHAKE_US;
    enum sotto_err err = sotto_rlpx_write_auth(&c->rlpx, c->key, h->config.rng);
    if (err == SOTTO_OK) err = send_raw(c, sotto_buf_span(&c->rlpx.auth), now, out);
    if (err != SOTTO_OK) sotto_conn_end(h, c, SOTTO_END_SHED, now, out);
}

static enum sotto_err send_hello(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_buf payload = sotto_buf_make(SOTTO_HELLO_PAYLOAD_MAX);
    enum sotto_err err = sotto_hello_write(&payload, h->caps, h->config.capability_count, h->config.listen_port, h->key);
    if (err == SOTTO_OK) err = send_frame(h, c, SOTTO_CODE_HELLO, nothing, sotto_buf_span(&payload), now, out);
    sotto_buf_free(&payload);
    return err;
}

static enum sotto_err begin_frames(struct sotto_conn *c)
{
    struct sotto_rlpx_secrets secrets;
    struct sotto_frames frames;
    SOTTO_TRY(sotto_rlpx_secrets(&secrets, &c->rlpx));
    enum sotto_err err = sotto_frames_begin(&frames, &secrets);
    SOTTO_WIPE(secrets);
    SOTTO_TRY(err);
    drop_keys(c);
    c->frames = frames;
    c->framed = true;
    SOTTO_WIPE(frames);
    return SOTTO_OK;
}

static void expect_head(struct sotto_conn *c)
{
    c->in.size = 0;
    c->frame_size = 0;
    c->need = SOTTO_FRAME_HEAD;
}

static void read_keys(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now, struct sotto_outq *out)
{
    enum sotto_err err = sotto_rlpx_read(&c->rlpx, &c->need, sotto_buf_span(&c->in));
    if (err == SOTTO_ERR_AGAIN) return;
    if (err != SOTTO_OK) {
        enum sotto_end theirs = c->inbound ? SOTTO_END_GARBAGE : SOTTO_END_DIAL_KEYS;
        sotto_conn_end(h, c, err == SOTTO_ERR_NOMEM ? SOTTO_END_SHED : theirs, now, out);
        return;
    }
    enum sotto_end verdict = SOTTO_ENDS;
    if (c->inbound) {
        memcpy(c->key, c->rlpx.remote, 64);
        c->key_known = true;
        if (sotto_rep_node_banned(h->rep, c->key, now)) {
            sotto_conn_end(h, c, SOTTO_END_BANNED, now, out);         /* not worth a signature */
            return;
        }
        verdict = sotto_host_admit(h, c, now, out);
        err = sotto_rlpx_write_ack(&c->rlpx, h->config.rng);
        if (err == SOTTO_OK) err = send_raw(c, sotto_buf_span(&c->rlpx.ack), now, out);
    }
    if (err == SOTTO_OK) err = begin_frames(c);
    if (err != SOTTO_OK) {
        bool theirs = err == SOTTO_ERR_KEY || err == SOTTO_ERR_ECIES;
        sotto_conn_end(h, c, !theirs ? SOTTO_END_SHED : c->inbound ? SOTTO_END_GARBAGE : SOTTO_END_DIAL_KEYS, now, out);
        return;
    }
    expect_head(c);
    c->proven = true;
    move(c, SOTTO_CONN_HELLO);                        /* Hello and its refusals go out without waiting for theirs */
    if (c->probe) sotto_conn_end(h, c, SOTTO_END_REQUESTED, now, out);       /* that was all we wanted to know */
    else if (verdict != SOTTO_ENDS) sotto_conn_end(h, c, verdict, now, out);
    else if (send_hello(h, c, now, out) != SOTTO_OK) sotto_conn_end(h, c, SOTTO_END_SHED, now, out);
}

/* ---- messages ---- */

static const struct sotto_span empty_list = { (const uint8_t *)"\xc0", 1 };         /* the payload of Ping and Pong */

static void go_up(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_out *o = sotto_outq_add(out, SOTTO_OUT_PEER);
    if (!o) {
        sotto_conn_end(h, c, SOTTO_END_SHED, now, out);
        return;
    }
    o->conn = c->id;
    o->value = 1;
    c->up_us = now.mono_us;
    move(c, SOTTO_CONN_UP);
    c->announced = true;
    sotto_log_line(h->config.log, SOTTO_LOG_INFO, "p2p", "peer.up", "conn=%u inbound=%d", c->id, c->inbound);
    for (c->blocks_up = 0; c->blocks_up < c->block_count && c->state == SOTTO_CONN_UP;) {
        const struct sotto_capability *cap = c->blocks[c->blocks_up++].cap;
        if (cap->up) cap->up(cap->owner, c->id, now);
    }
}

static void got_hello(struct sotto_host *h, struct sotto_conn *c, struct sotto_span payload, struct sotto_now now, struct sotto_outq *out)
{
    struct sotto_hello hello;
    if (payload.size > SOTTO_HELLO_PAYLOAD_MAX) {
        sotto_conn_end(h, c, SOTTO_END_HELLO_SIZE, now, out);
        return;
    }
    if (sotto_hello_read(&hello, payload) != SOTTO_OK) {
        sotto_conn_end(h, c, SOTTO_END_HELLO_FORM, now, out);
        return;
    }
    if (hello.key.size != 64 || sotto_all_zero(hello.key.data, 64)) {
        sotto_conn_end(h, c, SOTTO_END_HELLO_KEY, now, out);
        return;
    }
    sotto_client_text(c->client, hello.client);
    c->compress = hello.version >= SOTTO_P2P_VERSION;
    if (memcmp(hello.key.data, c->key, 64) != 0) {
        sotto_conn_end(h, c, SOTTO_END_UNPROVEN, now, out);
        return;
    }
    c->block_count = sotto_blocks_agree(c->blocks, h->caps, h->config.capability_count, hello.capabilities);
    if (c->block_count == 0) {
        c->useless = true;
        sotto_conn_end(h, c, SOTTO_END_USELESS, now, out);
        return;
    }
    sotto_outbound_up(h, c, now);
    if (c->feeler) {                                  /* that was all we wanted to know */
        c->up_us = now.mono_us;
        sotto_conn_end(h, c, SOTTO_END_REQUESTED, now, out);
        return;
    }
    go_up(h, c, now, out);
}

static void got_disconnect(struct sotto_host *h, struct sotto_conn *c, struct sotto_span payload, struct sotto_now now, struct sotto_outq *out)
{
    uint64_t reason = sotto_disconnect_read(payload);
    sotto_log_line(h->config.log, SOTTO_LOG_DEBUG, "p2p", "peer.told", "conn=%u reason=%llu", c->id, (unsigned long long)reason);
    if (reason == SOTTO_REASON_USELESS) c->useless = true;
    c->told = true;
    sotto_conn_end(h, c, SOTTO_END_TOLD, now, out);
}

static void dispatch(struct sotto_host *h, struct sotto_conn *c, uint32_t code, struct sotto_span payload, struct sotto_now now,
                     struct sotto_outq *out)
{
    if (code >= SOTTO_FIRST_CODE) {
        const struct sotto_block *block = sotto_block_of(c->blocks, c->block_count, code);
        if (!block) sotto_conn_end(h, c, SOTTO_END_CODE, now, out);
        else if (block->cap->message) block->cap->message(block->cap->owner, c->id, code - block->first, payload, now);
        return;
    }
    /* Pong is what was waited for; a second Hello and the reserved codes say nothing. */
    if (code != SOTTO_CODE_PING || c->backlog > SOTTO_SEND_BACKLOG_MAX) return;    /* who does not read gets no more Pongs */
    if (sotto_conn_send(h, c, SOTTO_CODE_PONG, empty_list, false, now, out) != SOTTO_OK) sotto_conn_end(h, c, SOTTO_END_SHED, now, out);
}

static void set_ping(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now)
{
    c->ping_us = now.mono_us + SOTTO_PING_US + sotto_rng_below(h->config.rng, SOTTO_PING_SPREAD_US);
}

static void got_message(struct sotto_host *h, struct sotto_conn *c, uint32_t code, struct sotto_span payload, struct sotto_now now,
                        struct sotto_outq *out)
{
    if (code == SOTTO_CODE_DISCONNECT) {
        got_disconnect(h, c, payload, now, out);
        return;
    }
    if (c->state == SOTTO_CONN_HELLO) {
        if (code != SOTTO_CODE_HELLO) sotto_conn_end(h, c, SOTTO_END_HELLO_FIRST, now, out);
        else got_hello(h, c, payload, now, out);
        if (c->state == SOTTO_CONN_UP) {
            c->heard_us = now.mono_us;
            set_ping(h, c, now);
        }
        return;
    }
    c->heard_us = now.mono_us;
    set_ping(h, c, now);
    if (!c->compress) {
        if (payload.size > h->config.message_max) sotto_conn_end(h, c, SOTTO_END_TOO_BIG, now, out);
        else dispatch(h, c, code, payload, now, out);
        return;
    }
    size_t size;
    enum sotto_err err = sotto_snappy_size(&size, payload, SOTTO_FRAME_SIZE_MAX);
    if (err == SOTTO_OK && size > h->config.message_max) {
        sotto_conn_end(h, c, SOTTO_END_TOO_BIG, now, out);
        return;
    }
    struct sotto_span whole;
    if (err == SOTTO_OK && sotto_snappy_literal_plain(&whole, payload) == SOTTO_OK) {          /* cells: nothing to unpack, so nothing to copy */
        dispatch(h, c, code, whole, now, out);
        return;
    }
    struct sotto_buf plain = sotto_buf_make(h->config.message_max);
    if (err == SOTTO_OK) err = sotto_snappy_inflate(&plain, payload, h->config.message_max);
    if (err == SOTTO_OK) dispatch(h, c, code, sotto_buf_span(&plain), now, out);
    else sotto_conn_end(h, c, err == SOTTO_ERR_NOMEM ? SOTTO_END_SHED : SOTTO_END_SNAPPY, now, out);
    sotto_buf_free(&plain);
}

/* ---- bytes ---- */

static uint32_t frame_limit(const struct sotto_host *h, const struct sotto_conn *c)
{
    if (c->state == SOTTO_CONN_HELLO) return SOTTO_HELLO_PAYLOAD_MAX + 1;          /* the code 0 takes one byte */
    size_t payload = c->compress ? sotto_snappy_bound(h->config.message_max) : h->config.message_max;
    size_t size = payload + SOTTO_FRAME_CODE_MAX;
    return size < SOTTO_FRAME_SIZE_MAX ? (uint32_t)size : SOTTO_FRAME_SIZE_MAX;
}

static void read_head(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now, struct sotto_outq *out)
{
    uint32_t size;
    enum sotto_err err = sotto_frame_head(&c->frames, &size, c->in.data);
    if (err != SOTTO_OK) {
        sotto_conn_end(h, c, err == SOTTO_ERR_FRAME_MAC ? SOTTO_END_FRAME_MAC : SOTTO_END_FRAME_FORM, now, out);
        return;
    }
    if (size > frame_limit(h, c) && !SOTTO_PLANTED(FRAME_UNBOUNDED)) {
        sotto_conn_end(h, c, c->state == SOTTO_CONN_HELLO ? SOTTO_END_HELLO_SIZE : SOTTO_END_TOO_BIG, now, out);
        return;
    }
    c->in.size = 0;
    c->frame_size = size;
    c->need = sotto_frame_rest(size);
}

static void read_body(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now, struct sotto_outq *out)
{
    uint32_t code;
    struct sotto_span payload;
    enum sotto_err err = sotto_frame_body(&c->frames, &code, &payload, c->in.data, c->frame_size);
    if (err != SOTTO_OK) {
        sotto_conn_end(h, c, err == SOTTO_ERR_FRAME_MAC ? SOTTO_END_FRAME_MAC : SOTTO_END_FRAME_FORM, now, out);
        return;
    }
    got_message(h, c, code, payload, now, out);
    expect_head(c);
    if (c->in.cap > SOTTO_PEER_BUFFER) drop_buffer(h, c);
}

/* The inbound connection, other than c, that holds most of the shared budget. */
static struct sotto_conn *greediest(struct sotto_host *h, const struct sotto_conn *c)
{
    struct sotto_conn *most = NULL;
    for (unsigned i = 0; i < h->conn_count; i++) {
        struct sotto_conn *o = h->conns[i];
        if (o != c && o->inbound && !o->is_static && o->charged && (!most || o->charged > most->charged)) most = o;
    }
    return most;
}

/* Grows the buffer in step with what arrives, so that a declared size alone costs nothing. Past 64 KiB the shared budget
 * pays; when it is spent, an inbound stranger gives way to our own peers, and c itself otherwise. */
static bool make_room(struct sotto_host *h, struct sotto_conn *c, size_t more, struct sotto_now now, struct sotto_outq *out)
{
    size_t need = c->in.size + more;
    if (need <= c->in.cap) return true;
    size_t cap = c->in.cap * 2 > need ? c->in.cap * 2 : need;
    if (cap > c->need) cap = c->need;
    size_t charge = cap > SOTTO_PEER_BUFFER ? cap - SOTTO_PEER_BUFFER : 0;
    while (h->budget_used - c->charged + charge > SOTTO_BIG_BUDGET) {
        struct sotto_conn *other = c->inbound && !c->is_static ? NULL : greediest(h, c);
        if (!other) {
            sotto_conn_end(h, c, SOTTO_END_BUDGET, now, out);
            return false;
        }
        sotto_conn_end(h, other, SOTTO_END_BUDGET, now, out);
        drop_buffer(h, other);
    }
    c->in.max = cap;
    if (sotto_buf_reserve(&c->in, cap - c->in.size) != SOTTO_OK) {
        sotto_conn_end(h, c, SOTTO_END_SHED, now, out);
        return false;
    }
    h->budget_used = h->budget_used - c->charged + charge;
    c->charged = charge;
    return true;
}

void sotto_conn_data(struct sotto_host *h, struct sotto_conn *c, struct sotto_span bytes, struct sotto_now now, struct sotto_outq *out)
{
    if (c->state == SOTTO_CONN_DIALING) return;
    c->bytes_in += bytes.size;
    while (bytes.size && c->state != SOTTO_CONN_CLOSING) {
        size_t take = c->need - c->in.size < bytes.size ? c->need - c->in.size : bytes.size;
        if (!make_room(h, c, take, now, out)) return;
        memcpy(c->in.data + c->in.size, bytes.data, take);
        c->in.size += take;
        bytes = sotto_span_cut(bytes, take, bytes.size - take);
        if (c->in.size < c->need) return;
        if (c->state == SOTTO_CONN_KEYS) read_keys(h, c, now, out);
        else if (c->frame_size == 0) read_head(h, c, now, out);
        else read_body(h, c, now, out);
    }
}

/* ---- time ---- */

static uint64_t idle_end(const struct sotto_conn *c)
{
    uint64_t from = c->heard_us > c->resume_us ? c->heard_us : c->resume_us;      /* we did not listen before resume_us */
    return from + SOTTO_IDLE_US;
}

uint64_t sotto_conn_deadline(const struct sotto_conn *c)
{
    if (c->state == SOTTO_CONN_CLOSING) return 0;
    uint64_t at = c->state == SOTTO_CONN_UP ? idle_end(c) : c->deadline_us;
    if (c->state == SOTTO_CONN_UP && c->ping_us < at) at = c->ping_us;
    if (c->paused && c->resume_us < at) at = c->resume_us;
    if (c->backlog && c->stall_us < at) at = c->stall_us;
    return at;
}

void sotto_conn_tick(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now, struct sotto_outq *out)
{
    if (c->state == SOTTO_CONN_CLOSING) return;
    if (c->backlog && now.mono_us >= c->stall_us) {
        sotto_conn_end(h, c, SOTTO_END_STALL, now, out);
        return;
    }
    if (c->state != SOTTO_CONN_UP) {
        if (now.mono_us >= c->deadline_us)
            sotto_conn_end(h, c, c->state == SOTTO_CONN_DIALING ? SOTTO_END_DIAL_SLOW : SOTTO_END_HANDSHAKE_SLOW, now, out);
        return;
    }
    if (c->paused && now.mono_us >= c->resume_us) {
        struct sotto_out *o = sotto_outq_add(out, SOTTO_OUT_RESUME);
        if (o) {
            o->conn = c->id;
            c->paused = false;
        }
    }
    if (now.mono_us >= idle_end(c)) {
        sotto_conn_end(h, c, SOTTO_END_IDLE, now, out);
        return;
    }
    if (now.mono_us >= c->ping_us) {
        set_ping(h, c, now);
        if (sotto_conn_send(h, c, SOTTO_CODE_PING, empty_list, false, now, out) != SOTTO_OK) sotto_conn_end(h, c, SOTTO_END_SHED, now, out);
    }
}
