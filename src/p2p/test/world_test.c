/* Hosts wired to each other in memory under one clock: bytes arrive in random pieces and after random delays, links break,
 * nodes restart. Everything follows from a printed seed. */
#include "support/test.h"

#include "crypto/rng.h"
#include "p2p/state.h"

#define S SOTTO_SECOND_US
enum { NODES_MAX = 11, LINKS_MAX = 4096, PIECES_MAX = 1 << 16 };

struct node {
    struct sotto_chacha_rng rng;
    struct sotto_host_config config;
    struct sotto_host *h;
    struct sotto_outq out;
    struct sotto_addr addr;
    bool running;
    uint32_t up[64];                      /* peers that are up, as the capability was told */
    unsigned up_count;
    uint64_t got, got_bytes, sum;
};
struct end { unsigned node; uint32_t conn; bool open; };
struct link { struct end ends[2]; uint64_t last_us[2]; };      /* ends[0] dialled; last_us = when the last piece arrives there */
struct piece { uint64_t at_us, order; unsigned link, to; struct sotto_buf bytes; enum sotto_in_kind kind; bool used; };

struct world {
    struct sotto_chacha_rng rng;
    struct sotto_now now;
    struct node nodes[NODES_MAX];
    unsigned node_count;
    struct link links[LINKS_MAX];
    unsigned link_count;
    struct piece *pieces;
    unsigned piece_count;
    uint64_t posted;
    uint64_t delay_us;                    /* most that a piece takes */
    size_t chunk;                         /* largest piece */
};
static const struct sotto_capability shh = { .name = "shh", .version = 6, .codes = 128 };

static void on_up(void *owner, uint32_t peer, struct sotto_now now)
{
    struct node *n = owner;
    (void)now;
    for (unsigned i = 0; i < n->up_count; i++) assert_int_not_equal(n->up[i], peer);
    n->up[n->up_count++] = peer;
}
static void on_down(void *owner, uint32_t peer, struct sotto_now now)
{
    struct node *n = owner;
    unsigned i = 0;
    (void)now;
    while (i < n->up_count && n->up[i] != peer) i++;
    assert_true(i < n->up_count);
    n->up[i] = n->up[--n->up_count];
}
static void on_message(void *owner, uint32_t peer, unsigned code, struct sotto_span payload, struct sotto_now now)
{
    struct node *n = owner;
    (void)peer;
    (void)now;
    assert_true(code < shh.codes);
    n->got++;
    n->got_bytes += payload.size;
    for (size_t i = 0; i < payload.size; i++) n->sum = n->sum * 31 + payload.data[i];
}

static void node_start(struct world *w, unsigned i)
{
    struct node *n = &w->nodes[i];
    struct sotto_capability cap = shh;
    cap.owner = n;
    cap.up = on_up;
    cap.message = on_message;
    cap.down = on_down;
    n->config.capabilities = &cap;
    n->config.capability_count = 1;
    n->out = sotto_outq_make(4096);
    n->up_count = 0;
    n->running = true;
    assert_int_equal(sotto_host_new(&n->h, &n->config), SOTTO_OK);
}

static struct world *world_new(uint64_t seed, unsigned nodes)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->pieces = calloc(PIECES_MAX, sizeof *w->pieces);
    assert_non_null(w->pieces);
    sotto_rng_from_seed(&w->rng, seed, "world");
    w->now.mono_us = 1000 * S;
    w->node_count = nodes;
    w->delay_us = 50000;
    w->chunk = 4096;
    for (unsigned i = 0; i < nodes; i++) {
        struct node *n = &w->nodes[i];
        sotto_rng_fork(&n->rng, &w->rng.rng, "node");
        n->config = (struct sotto_host_config){ .local = true, .inbound_max = 36, .outbound_max = 8, .static_max = 6, .message_max = 10u << 20 };
        n->config.listen_port = (uint16_t)(30000 + i);
        n->config.rng = &n->rng.rng;
        sotto_scalar_random(&n->config.key, &n->rng.rng);
        n->addr = (struct sotto_addr){ .ip = { 127, 0, 0, 1 }, .family = 4, .port = (uint16_t)(30000 + i) };
        node_start(w, i);
    }
    return w;
}

static void world_free(struct world *w)
{
    for (unsigned i = 0; i < w->node_count; i++) {
        sotto_host_free(w->nodes[i].running ? w->nodes[i].h : NULL);
        sotto_outq_free(&w->nodes[i].out);
    }
    for (unsigned i = 0; i < w->piece_count; i++) sotto_buf_free(&w->pieces[i].bytes);
    free(w->pieces);
    free(w);
}

static uint64_t below(struct world *w, uint64_t n) { return sotto_rng_below(&w->rng.rng, n); }

static void post(struct world *w, unsigned link, unsigned to, enum sotto_in_kind kind, struct sotto_span bytes)
{
    unsigned i = 0;
    while (i < w->piece_count && w->pieces[i].used) i++;
    assert_true(i < PIECES_MAX);
    if (i == w->piece_count) w->piece_count++;
    struct link *l = &w->links[link];
    uint64_t at = w->now.mono_us + below(w, w->delay_us + 1);
    if (at < l->last_us[to]) at = l->last_us[to];     /* a stream keeps its order */
    l->last_us[to] = at;
    w->pieces[i] = (struct piece){ .at_us = at, .order = w->posted++, .link = link, .to = to, .kind = kind, .used = true };
    w->pieces[i].bytes = sotto_buf_make(64u << 20);
    assert_int_equal(sotto_buf_add_span(&w->pieces[i].bytes, bytes), SOTTO_OK);
}

static void step(struct world *w, unsigned node, struct sotto_in in);

/* Carries out a host's wishes. */
static void take(struct world *w, unsigned node)
{
    struct node *n = &w->nodes[node];
    struct sotto_outq q = n->out;
    n->out = sotto_outq_make(q.max);
    for (uint32_t k = 0; k < q.count; k++) {
        struct sotto_out *o = &q.slots[k];
        if (o->kind == SOTTO_OUT_PEER) continue;
        if (o->kind == SOTTO_OUT_DIAL) {
            unsigned to = o->addr.port - 30000u, l = w->link_count++;
            assert_true(l < LINKS_MAX && to < w->node_count);
            w->links[l] = (struct link){ .ends = { { node, o->conn, true }, { to, 0, false } } };
            post(w, l, 1, SOTTO_IN_ACCEPTED, sotto_span(NULL, 0));
            continue;
        }
        unsigned l = 0, side = 0;
        for (; l < w->link_count; l++) {
            for (side = 0; side < 2; side++)
                if (w->links[l].ends[side].node == node && w->links[l].ends[side].conn == o->conn && w->links[l].ends[side].open) goto found;
        }
        continue;
    found:
        if (o->kind == SOTTO_OUT_SEND) {
            struct sotto_span left = sotto_buf_span(&o->bytes);
            while (left.size) {
                size_t size = 1 + (size_t)below(w, w->chunk);
                if (size > left.size) size = left.size;
                post(w, l, 1 - side, SOTTO_IN_DATA, sotto_span_cut(left, 0, size));
                left = sotto_span_cut(left, size, left.size - size);
            }
            struct sotto_in sent = { .kind = SOTTO_IN_SENT, .conn = o->conn, .token = o->bytes.size };
            step(w, node, sent);
        } else if (o->kind == SOTTO_OUT_CLOSE) {
            w->links[l].ends[side].open = false;
            post(w, l, 1 - side, SOTTO_IN_CLOSED, sotto_span(NULL, 0));
        }
    }
    sotto_outq_free(&q);
    if (n->out.count) take(w, node);
}

static void step(struct world *w, unsigned node, struct sotto_in in)
{
    struct node *n = &w->nodes[node];
    sotto_host_step(n->h, &in, w->now, &n->out);
    /* take() runs after the queue that is being carried out, see its end */
}

static void arrive(struct world *w, struct piece *p)
{
    struct link *l = &w->links[p->link];
    struct end *e = &l->ends[p->to];
    struct node *n = &w->nodes[e->node];
    if (p->kind == SOTTO_IN_ACCEPTED) {
        if (!l->ends[0].open) return;
        if (!n->running) {                            /* refused */
            post(w, p->link, 0, SOTTO_IN_CLOSED, sotto_span(NULL, 0));
            return;
        }
        e->conn = sotto_host_next_conn(n->h);
        e->open = true;
        post(w, p->link, 0, SOTTO_IN_OPENED, sotto_span(NULL, 0));
        struct sotto_addr from = w->nodes[l->ends[0].node].addr;
        from.port = (uint16_t)(50000 + below(w, 10000));
        step(w, e->node, (struct sotto_in){ .kind = SOTTO_IN_ACCEPTED, .conn = e->conn, .addr = from });
    } else {
        if (!e->open || !n->running) return;
        if (p->kind == SOTTO_IN_CLOSED) e->open = false;
        step(w, e->node, (struct sotto_in){ .kind = p->kind, .conn = e->conn, .bytes = sotto_buf_span(&p->bytes) });
    }
    take(w, e->node);
}

static void run(struct world *w, uint64_t us)
{
    uint64_t end = w->now.mono_us + us;
    for (;;) {
        uint64_t at = end;
        struct piece *next = NULL;
        int ticks = -1;
        for (unsigned i = 0; i < w->piece_count; i++) {
            struct piece *p = &w->pieces[i];
            if (!p->used || p->at_us > at) continue;
            if (!next || p->at_us < next->at_us || p->order < next->order) next = p, at = p->at_us;
        }
        for (unsigned i = 0; i < w->node_count; i++) {
            uint64_t t = w->nodes[i].running ? sotto_host_deadline(w->nodes[i].h) : UINT64_MAX;
            if (t < at) at = t, ticks = (int)i;
        }
        if (!next && ticks < 0) break;
        if (at > w->now.mono_us) w->now.mono_us = at;
        if (ticks >= 0) {
            step(w, (unsigned)ticks, (struct sotto_in){ .kind = SOTTO_IN_TICK });
            take(w, (unsigned)ticks);
        } else {
            struct piece p = *next;
            next->used = false;
            next->bytes = sotto_buf_make(0);
            arrive(w, &p);
            sotto_buf_free(&p.bytes);
        }
    }
    w->now.mono_us = end;
}

static void add(struct world *w, unsigned from, unsigned to)
{
    struct sotto_enode e = { .addr = w->nodes[to].addr };
    memcpy(e.key, w->nodes[to].h->key, 64);
    assert_int_equal(sotto_host_add(w->nodes[from].h, &e, w->now, &w->nodes[from].out), SOTTO_OK);
    take(w, from);
}

static void kill_node(struct world *w, unsigned i)
{
    for (unsigned l = 0; l < w->link_count; l++)
        for (unsigned side = 0; side < 2; side++)
            if (w->links[l].ends[side].open && w->links[l].ends[side].node == i) {
                w->links[l].ends[side].open = false;
                post(w, l, 1 - side, SOTTO_IN_CLOSED, sotto_span(NULL, 0));
            }
    sotto_host_free(w->nodes[i].h);
    sotto_outq_free(&w->nodes[i].out);
    w->nodes[i].running = false;
}

/* Two hosts; messages of many sizes both ways arrive once, whole, in order. */
static void test_random_pieces(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 25; round++) {
        struct world *w = world_new(test_seed() + round, 2);
        w->chunk = (size_t)1 << below(w, 15);
        add(w, 0, 1);
        run(w, 2 * S);
        assert_int_equal(sotto_host_peers(w->nodes[0].h), 1);
        assert_int_equal(sotto_host_peers(w->nodes[1].h), 1);
        uint64_t count[2] = { 0 }, bytes[2] = { 0 }, sum[2] = { 0 };
        for (int i = 0; i < 30; i++) {
            unsigned from = (unsigned)below(w, 2), to = 1 - from;
            struct node *n = &w->nodes[from];
            size_t most = w->chunk < 64 ? 2000 : below(w, 6) ? 5000 : 300000, size = (size_t)below(w, most);
            uint8_t *text = malloc(size + 1);
            assert_non_null(text);
            if (below(w, 2)) sotto_rng_fill(&w->rng.rng, text, size);
            else memset(text, 7, size);
            enum sotto_err err = sotto_host_send(n->h, n->up[0], &shh, (unsigned)below(w, 128), sotto_span(text, size), w->now, &n->out);
            assert_int_equal(err, SOTTO_OK);
            take(w, from);
            count[to]++;
            bytes[to] += size;
            for (size_t k = 0; k < size; k++) sum[to] = sum[to] * 31 + text[k];
            free(text);
            if (below(w, 3) == 0) run(w, below(w, S));
        }
        run(w, 5 * S);
        for (unsigned i = 0; i < 2; i++) {
            assert_true(w->nodes[i].got == count[i] && w->nodes[i].got_bytes == bytes[i] && w->nodes[i].sum == sum[i]);
            assert_int_equal(w->nodes[i].up_count, 1);
        }
        run(w, 300 * S);                              /* pings alone keep it up */
        assert_int_equal(sotto_host_peers(w->nodes[0].h), 1);
        assert_int_equal(sotto_host_peers(w->nodes[1].h), 1);
        world_free(w);
    }
}

/* Both know each other as static and dial at once: within seconds one connection lives, and it goes on living. */
static void test_both_dial(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 60; round++) {
        struct world *w = world_new(test_seed() + round, 2);
        w->delay_us = round % 3 == 0 ? 0 : (uint64_t)1 << below(w, 20);
        add(w, 0, 1);
        if (round % 2) run(w, below(w, w->delay_us * 4 + 1));
        add(w, 1, 0);
        run(w, 6 * S);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(sotto_host_peers(w->nodes[i].h), 1);
            assert_int_equal(w->nodes[i].up_count, 1);
            assert_int_equal(w->nodes[i].h->conn_count, 1);
        }
        unsigned links = w->link_count;
        run(w, 120 * S);
        assert_int_equal(w->link_count, links);
        world_free(w);
    }
}

/* Seven nodes in a ring with chords; nodes are killed and come back with the same key; in the end all links stand. */
static void test_restarts(void **state)
{
    (void)state;
    struct world *w = world_new(test_seed(), 7);
    w->chunk = 600;
    for (unsigned i = 0; i < 7; i++) {
        add(w, i, (i + 1) % 7);
        add(w, i, (i + 3) % 7);
    }
    run(w, 10 * S);
    for (unsigned i = 0; i < 7; i++) assert_int_equal(sotto_host_peers(w->nodes[i].h), 4);
    for (unsigned round = 0; round < 6; round++) {
        unsigned i = (unsigned)below(w, 7);
        kill_node(w, i);
        run(w, below(w, 20 * S));
        for (unsigned k = 0; k < 7; k++) {
            if (k != i) assert_true(sotto_host_peers(w->nodes[k].h) >= 3);
        }
        node_start(w, i);
        add(w, i, (i + 1) % 7);
        add(w, i, (i + 3) % 7);
        run(w, 45 * S);                               /* the longest local redial and then some */
        for (unsigned k = 0; k < 7; k++) assert_int_equal(sotto_host_peers(w->nodes[k].h), 4);
    }
    /* An orderly end tells everyone. */
    sotto_host_quit(w->nodes[0].h, w->now, &w->nodes[0].out);
    take(w, 0);
    run(w, S);
    assert_int_equal(w->nodes[0].up_count, 0);
    for (unsigned k = 1; k < 7; k++) assert_true(sotto_host_peers(w->nodes[k].h) <= 4);
    world_free(w);
}

/* A changed byte anywhere on the wire ends that connection, nothing wrong is delivered, and a new one takes its place. */
static void test_changed_bytes(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 60; round++) {
        struct world *w = world_new(test_seed() + round, 2);
        w->chunk = 64;
        add(w, 0, 1);
        run(w, below(w, 400000));
        for (unsigned i = 0; i < w->piece_count; i++) {
            struct piece *p = &w->pieces[i];
            if (p->used && p->bytes.size) p->bytes.data[below(w, p->bytes.size)] ^= (uint8_t)(1u << below(w, 8));
        }
        run(w, 60 * S);
        assert_int_equal(sotto_host_peers(w->nodes[0].h), 1);
        assert_int_equal(sotto_host_peers(w->nodes[1].h), 1);
        assert_int_equal(w->nodes[0].got + w->nodes[1].got, 0);
        world_free(w);
    }
}

static struct node *node_of(struct world *w, const struct node *n, uint32_t peer)
{
    struct sotto_peer_info info;
    assert_true(sotto_host_peer(n->h, peer, &info));
    for (unsigned i = 0; i < w->node_count; i++)
        if (memcmp(w->nodes[i].h->key, info.key, 64) == 0) return &w->nodes[i];
    fail_msg("a peer that nobody is");
    return NULL;
}

/* Up to ten peers; what is sent to them together, one or several messages each, small and large, arrives whole and in order, also at one
 * whose connection ends before the rest is sealed. */
static void test_sent_together(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 12; round++) {
        struct world *w = world_new(test_seed() + round, 2 + (unsigned)(round % 10));
        struct node *n = &w->nodes[0];
        uint64_t count[NODES_MAX] = { 0 }, sum[NODES_MAX] = { 0 };
        for (unsigned i = 1; i < w->node_count; i++) add(w, i, 0);
        run(w, 2 * S);
        assert_int_equal(n->up_count, w->node_count - 1);
        for (int batch = 0; batch < 8; batch++) {
            unsigned messages = batch == 7 ? 2 * SOTTO_BARE_MAX + 9 : (unsigned)below(w, 30);
            sotto_host_gather(n->h);
            for (unsigned m = 0; m < messages; m++) {
                uint32_t peer = n->up[below(w, n->up_count)];
                struct node *to = node_of(w, n, peer);
                size_t size = (size_t)below(w, below(w, 4) ? 300 : 20000);
                uint8_t *text = malloc(size + 1);
                assert_non_null(text);
                sotto_rng_fill(&w->rng.rng, text, size);
                assert_int_equal(sotto_host_send(n->h, peer, &shh, 1, sotto_span(text, size), w->now, &n->out), SOTTO_OK);
                count[to - w->nodes]++;
                for (size_t k = 0; k < size; k++) sum[to - w->nodes] = sum[to - w->nodes] * 31 + text[k];
                free(text);
            }
            if (batch == 6) sotto_host_disconnect(n->h, n->up[below(w, n->up_count)], SOTTO_REASON_REQUESTED, w->now, &n->out);
            sotto_host_seal(n->h);
            take(w, 0);
            run(w, batch == 6 ? 60 * S : below(w, S));
            assert_int_equal(n->up_count, w->node_count - 1);
        }
        run(w, 5 * S);
        for (unsigned i = 1; i < w->node_count; i++) assert_true(w->nodes[i].got == count[i] && w->nodes[i].sum == sum[i]);
        world_free(w);
    }
}

static int setup(void **state)
{
    (void)state;
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_pieces), cmocka_unit_test(test_sent_together), cmocka_unit_test(test_both_dial),
        cmocka_unit_test(test_restarts),      cmocka_unit_test(test_changed_bytes),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
