/* Whole nodes (host, Whisper, pool, outbox) wired back to back in memory on one clock: for the tests of a network, each a program. */
#ifndef SOTTO_RELAY_TEST_NET_WORLD_H
#define SOTTO_RELAY_TEST_NET_WORLD_H

#pragma GCC diagnostic ignored "-Wunused-function"        /* no test needs all of it */

#include "support/test.h"

#include "crypto/rng.h"
#include "relay/outbox.h"

#define NODES 8u
#define CONNS 4096u
#define LATENCY_US 20000u
#define WORK_US 50000u
#define SECOND 1000000ull

enum what { OPENED, ACCEPTED, DATA, SENT, CLOSED, MINED };
struct event {
    struct event *next;
    uint64_t at, seq;
    enum what what;
    uint32_t node, conn;
    struct sotto_addr addr;
    struct sotto_buf bytes;
    uint64_t token, value;
};
struct node {
    struct sotto_net *net;                        /* NULL: not running */
    struct sotto_chacha_rng rng;
    struct sotto_outq out;
    struct sotto_enode enode;
    struct sotto_scalar key;
    struct { uint32_t node, conn; bool open; } wires[CONNS];          /* by own conn: the other end */
    unsigned delivered, mines, cancels, sent, expired, peers, directs;
    uint64_t sent_id[256], sent_expiry[256], expired_id[256];
    uint8_t last[SOTTO_SEALED_SIZE];
    bool lazy_worker;                             /* never answers MINE */
    bool failing_worker;                          /* gives up */
    bool exact_worker;                            /* never does more work than asked for */
    uint64_t mine_token;
    uint8_t prefix[SOTTO_NATIVE_SHORT];           /* of the latest MINE */
};
static struct {
    struct node nodes[NODES];
    struct sotto_now now;
    struct event *events;
    uint64_t seq;
    struct sotto_net_config config;
    int64_t skew_ms[NODES];                       /* of a node's wall clock */
    uint32_t queue_max;
} w;

static struct event *post(enum what what, uint32_t node, uint32_t conn, uint64_t delay)
{
    struct event *e = calloc(1, sizeof *e), **at = &w.events;
    assert_non_null(e);
    *e = (struct event){ .at = w.now.mono_us + delay, .seq = w.seq++, .what = what, .node = node, .conn = conn, .bytes = sotto_buf_make(32u << 20) };
    while (*at && (*at)->at <= e->at) at = &(*at)->next;
    e->next = *at;
    *at = e;
    return e;
}

static struct sotto_now now_of(uint32_t i)
{
    return (struct sotto_now){ w.now.mono_us, w.now.wall_ms + (uint64_t)w.skew_ms[i] };
}

static void do_mine(struct node *n, uint32_t i, const struct sotto_out *o)
{
    n->mines++;
    n->mine_token = o->token;
    assert_int_equal(o->bytes.size, sizeof n->prefix);
    assert_true(o->value >> 56 && o->value >> 63 == 0);
    memcpy(n->prefix, o->bytes.data, sizeof n->prefix);
    if (n->lazy_worker) return;
    uint64_t nonce = 0;
    if (!n->failing_worker) {
        assert_int_equal(sotto_work_search(&nonce, sotto_buf_span(&o->bytes), o->value, o->bits, NULL), SOTTO_OK);
        while (n->exact_worker && sotto_work_zeros(sotto_buf_span(&o->bytes), nonce) != o->bits) nonce++;
    }
    struct event *e = post(MINED, i, 0, WORK_US);
    e->token = o->token;
    e->value = nonce;
}

static void carry_out(uint32_t i)
{
    struct node *n = &w.nodes[i];
    for (uint32_t k = 0; k < n->out.count; k++) {
        const struct sotto_out *o = &n->out.slots[k];
        uint32_t other = o->conn < CONNS ? n->wires[o->conn].node : 0, far = o->conn < CONNS ? n->wires[o->conn].conn : 0;
        switch (o->kind) {
        case SOTTO_OUT_DIAL: {
            assert_true(o->conn < CONNS);
            uint32_t to = o->addr.port - 1000u;
            if (!w.nodes[to].net) {
                post(CLOSED, i, o->conn, LATENCY_US);
                break;
            }
            uint32_t conn = sotto_host_next_conn(sotto_net_host(w.nodes[to].net));
            assert_true(conn < CONNS);
            n->wires[o->conn].node = to, n->wires[o->conn].conn = conn, n->wires[o->conn].open = true;
            w.nodes[to].wires[conn].node = i, w.nodes[to].wires[conn].conn = o->conn, w.nodes[to].wires[conn].open = true;
            post(OPENED, i, o->conn, LATENCY_US);
            post(ACCEPTED, to, conn, LATENCY_US)->addr = (struct sotto_addr){ { 127, 0, 0, 1 }, (uint16_t)(20000 + conn), 4 };
            break;
        }
        case SOTTO_OUT_SEND: {
            if (!n->wires[o->conn].open) break;
            struct event *e = post(DATA, other, far, LATENCY_US);
            assert_int_equal(sotto_buf_add_span(&e->bytes, sotto_buf_span(&o->bytes)), SOTTO_OK);
            post(SENT, i, o->conn, LATENCY_US / 2)->token = o->bytes.size;
            break;
        }
        case SOTTO_OUT_CLOSE:
            if (n->wires[o->conn].open) post(CLOSED, other, far, LATENCY_US);
            n->wires[o->conn].open = false;
            break;
        case SOTTO_OUT_MINE: do_mine(n, i, o); break;
        case SOTTO_OUT_MINE_CANCEL: n->cancels++; break;
        case SOTTO_OUT_DELIVER:
            assert_int_equal(o->bytes.size, SOTTO_SEALED_SIZE);
            memcpy(n->last, o->bytes.data, SOTTO_SEALED_SIZE);
            n->delivered++;
            break;
        case SOTTO_OUT_CELL_SENT:
            assert_true(n->sent < 256);
            n->sent_id[n->sent] = o->token;
            n->sent_expiry[n->sent++] = o->value;
            break;
        case SOTTO_OUT_CELL_EXPIRED:
            assert_true(n->expired < 256);
            n->expired_id[n->expired++] = o->token;
            break;
        case SOTTO_OUT_PEER: n->peers = o->value ? n->peers + 1 : n->peers - 1; break;
        case SOTTO_OUT_DIRECT: n->directs++; break;
        case SOTTO_OUT_PAUSE: case SOTTO_OUT_RESUME: break;
        }
    }
    sotto_outq_clear(&n->out);
}

static void step(uint32_t i, const struct sotto_in *in)
{
    if (!w.nodes[i].net) return;
    sotto_net_step(w.nodes[i].net, in, now_of(i), &w.nodes[i].out);
    carry_out(i);
}

static void run_event(struct event *e)
{
    static const enum sotto_in_kind kinds[] = { [OPENED] = SOTTO_IN_OPENED, [ACCEPTED] = SOTTO_IN_ACCEPTED, [DATA] = SOTTO_IN_DATA, [SENT] = SOTTO_IN_SENT,
                                                [CLOSED] = SOTTO_IN_CLOSED, [MINED] = SOTTO_IN_MINED };
    struct node *n = &w.nodes[e->node];
    bool wired = e->what == MINED || e->what == CLOSED || n->wires[e->conn].open;
    if (e->what == CLOSED) n->wires[e->conn].open = false;
    struct sotto_in in = { .kind = kinds[e->what], .conn = e->conn, .addr = e->addr, .bytes = sotto_buf_span(&e->bytes), .token = e->token, .value = e->value };
    if (wired) step(e->node, &in);
    sotto_buf_free(&e->bytes);
    free(e);
}

static void pass(uint64_t us)
{
    uint64_t end = w.now.mono_us + us;
    static const struct sotto_in tick = { .kind = SOTTO_IN_TICK };
    unsigned same = 0;
    while (w.now.mono_us < end) {
        uint64_t at = w.events ? w.events->at : UINT64_MAX;
        int who = -1;
        for (uint32_t i = 0; i < NODES; i++) {
            uint64_t d = w.nodes[i].net ? sotto_net_deadline(w.nodes[i].net) : UINT64_MAX;
            if (d < at) at = d, who = (int)i;
        }
        same = at <= w.now.mono_us ? same + 1 : 0;
        assert_true(same < 100000);               /* a deadline that never goes away would spin the loop */
        if (at > end) at = end;
        if (at > w.now.mono_us) {
            uint64_t passed = at - w.now.mono_us;
            w.now.wall_ms += (w.now.mono_us % 1000 + passed) / 1000;
            w.now.mono_us = at;
        }
        if (at >= end) break;
        if (who >= 0) {
            step((uint32_t)who, &tick);
        } else {
            struct event *e = w.events;
            w.events = e->next;
            run_event(e);
        }
    }
}

static void begin(void)
{
    memset(&w, 0, sizeof w);
    w.now = (struct sotto_now){ 1000000000, UINT64_C(1767225600000) };
    w.config = (struct sotto_net_config){ .listen_port = 1, .local = true, .plain = true, .work_bits = 6, .flush_mean_us = SECOND, .emit_mean_us = SECOND / 2,
                                          .pool_bytes_max = 64u << 20, .pool_entries_max = 65536, .outbox_max = 64 };
    w.queue_max = 4096;
}

static void start(uint32_t i)
{
    static unsigned starts;
    struct node *n = &w.nodes[i];
    assert_null(n->net);
    sotto_rng_from_seed(&n->rng, test_seed() + i * 1000003u + ++starts * 7919u, "net test");
    struct sotto_chacha_rng keys;
    sotto_rng_from_seed(&keys, test_seed() + i, "net test key");
    struct sotto_point p;
    sotto_rng_fill(&keys.rng, n->key.b, 32);
    n->key.b[0] &= 0x7f;
    assert_int_equal(sotto_point_make(&p, &n->key), SOTTO_OK);
    assert_int_equal(sotto_point_to64(n->enode.key, &p), SOTTO_OK);
    n->enode.addr = (struct sotto_addr){ { 127, 0, 0, 1 }, (uint16_t)(1000 + i), 4 };
    struct sotto_net_config c = w.config;
    c.key = n->key;
    c.rng = &n->rng.rng;
    n->out = sotto_outq_make(w.queue_max);
    assert_int_equal(sotto_net_new(&n->net, &c), SOTTO_OK);
}

static void dial(uint32_t from, uint32_t to)
{
    assert_int_equal(sotto_host_add(sotto_net_host(w.nodes[from].net), &w.nodes[to].enode, now_of(from), &w.nodes[from].out), SOTTO_OK);
    carry_out(from);
}

static void stop(uint32_t i)
{
    struct node *n = &w.nodes[i];
    sotto_net_quit(n->net, now_of(i), &n->out);
    carry_out(i);
    sotto_net_free(n->net);
    n->net = NULL;
    sotto_outq_free(&n->out);
    for (uint32_t c = 0; c < CONNS; c++) n->wires[c].open = false;
    n->peers = 0;
}

static int teardown(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < NODES; i++) {
        if (w.nodes[i].net) sotto_net_free(w.nodes[i].net);
        sotto_outq_free(&w.nodes[i].out);
    }
    while (w.events) {
        struct event *e = w.events;
        w.events = e->next;
        sotto_buf_free(&e->bytes);
        free(e);
    }
    return 0;
}

static void sealed_of(uint8_t out[SOTTO_SEALED_SIZE], uint64_t id)
{
    memset(out, (int)(id * 37 + 5), SOTTO_SEALED_SIZE);
    sotto_put_be64(out, id * UINT64_C(0x9e3779b97f4a7c15));
}
static enum sotto_err submit(uint32_t i, uint64_t id)
{
    uint8_t sealed[SOTTO_SEALED_SIZE];
    sealed_of(sealed, id);
    enum sotto_err err = sotto_net_submit(w.nodes[i].net, id, sealed, now_of(i), &w.nodes[i].out);
    carry_out(i);
    return err;
}
static struct sotto_net_stats stats_of(uint32_t i)
{
    struct sotto_net_stats s;
    sotto_net_stats(w.nodes[i].net, &s);
    return s;
}
static void line_of(uint32_t count)               /* each dials the one before it */
{
    for (uint32_t i = 0; i < count; i++) start(i);
    for (uint32_t i = 1; i < count; i++) dial(i, i - 1);
    pass(3 * SECOND);
    for (uint32_t i = 0; i < count; i++) assert_int_equal(w.nodes[i].peers, i == 0 || i == count - 1 ? 1 : 2);
}

#define TEST(fn) cmocka_unit_test_teardown(fn, teardown)

#endif
