/* What links carry of the pool: announcements, bodies, own envelopes and their first hop, and who asks for what is not theirs. */
#include "support/test.h"

#include "crypto/rng.h"
#include "relay/flood.h"
#include "relay/peers.h"

#define SECOND 1000000ull
#define WIRES 16u
#define FARS 5u

/* A node of its own: a host with links whose other end is this test, so that every record that it says and hears is ours to choose. */
struct far {
    struct sotto_host *host;
    struct sotto_links *links;
    struct sotto_chacha_rng rng;
    struct sotto_outq out;
    struct sotto_enode enode;
    uint32_t peer;
    bool up;
    unsigned inv_ids, gets, bodies, misses, notices[8], floors, updates;
    uint8_t announced[512][16], asked[512][16];
    struct sotto_buf body;                        /* the latest */
    uint64_t floor_bits;
};

/* What one machine is told next. machine: -1 the node, else a far end. */
struct event { struct event *next; int machine; struct sotto_in in; struct sotto_buf bytes; };

/* A node under test and far ends on wires in memory. */
static struct {
    struct sotto_pool *pool;
    struct sotto_shh *shh;
    struct sotto_links *links;
    struct sotto_flood *flood;
    struct sotto_peers *peers;                    /* NULL: not asked for */
    struct sotto_book *book;
    struct sotto_host *host;
    struct sotto_chacha_rng rng;
    struct sotto_outq out;
    struct sotto_enode enode;
    struct far far[FARS];
    struct { uint32_t far, conn; bool open; } wires[WIRES];       /* by the node's conn */
    struct event *first, **last;                  /* on the wires, in order */
    struct sotto_now now;
    unsigned first_hops;
    uint32_t arrived;
} t;

static bool t_link(void *owner, uint32_t conn)
{
    struct sotto_rl_info info;
    (void)owner;
    return sotto_links_info(t.links, conn, &info);
}
static void t_first_hop(void *owner, const struct sotto_pool_entry *e, struct sotto_now now)
{
    (void)owner, (void)now;
    assert_false(e->held);
    t.first_hops++;
}
static void t_arrived(void *owner, const struct sotto_envelope *e, bool kept, struct sotto_now now)
{
    (void)owner, (void)e, (void)now;
    t.arrived += kept;
}
static void t_up(void *owner, uint32_t peer, struct sotto_now now)
{
    (void)owner;
    sotto_flood_up(t.flood, peer, now);
    if (t.peers) sotto_peers_up(t.peers, peer, now);
}
static void t_message(void *owner, uint32_t peer, const struct sotto_rl_message *m, struct sotto_now now)
{
    (void)owner;
    sotto_flood_message(t.flood, peer, m, now);
    if (t.peers) sotto_peers_message(t.peers, peer, m, now);
}
static void t_down(void *owner, uint32_t peer, struct sotto_now now)
{
    (void)owner;
    sotto_flood_down(t.flood, peer, now);
    if (t.peers) sotto_peers_down(t.peers, peer, now);
}

static void far_up(void *owner, uint32_t peer, struct sotto_now now)
{
    struct far *f = owner;
    (void)now;
    f->up = true;
    f->peer = peer;
}
static void far_down(void *owner, uint32_t peer, struct sotto_now now)
{
    struct far *f = owner;
    (void)peer, (void)now;
    f->up = false;
}
static void far_message(void *owner, uint32_t peer, const struct sotto_rl_message *m, struct sotto_now now)
{
    struct far *f = owner;
    (void)peer, (void)now;
    const struct sotto_rl_list *list = &m->body->list;
    switch (m->code) {
    case SOTTO_RL_INV:
        for (uint32_t i = 0; i < list->count; i++) memcpy(f->announced[f->inv_ids++ % 512], list->items.data + 16 * i, 16);
        break;
    case SOTTO_RL_GET:
        for (uint32_t i = 0; i < list->count; i++) memcpy(f->asked[f->gets++ % 512], list->items.data + 16 * i, 16);
        break;
    case SOTTO_RL_ENV:
        f->bodies++;
        f->body.size = 0;
        assert_int_equal(sotto_buf_add_span(&f->body, m->bytes), SOTTO_OK);
        break;
    case SOTTO_RL_MISS: f->misses += list->count; break;
    case SOTTO_RL_NOTICE: f->notices[m->body->notice.what & 7]++; break;
    case SOTTO_RL_FLOOR:
        f->floors++;
        f->floor_bits = m->body->floor.bits;
        break;
    case SOTTO_RL_UPDATE:
        f->updates++;
        f->floor_bits = m->body->update.options.floor_bits;
        break;
    default: break;
    }
}

static void enode_of(struct sotto_enode *e, const struct sotto_scalar *key, uint16_t port)
{
    struct sotto_point p;
    assert_int_equal(sotto_point_make(&p, key), SOTTO_OK);
    assert_int_equal(sotto_point_to64(e->key, &p), SOTTO_OK);
    e->addr = (struct sotto_addr){ { 127, 0, 0, 1 }, port, 4 };
    e->udp = port;
}

static void push(int machine, struct sotto_in in)
{
    struct event *e = calloc(1, sizeof *e);
    assert_non_null(e);
    *e = (struct event){ .machine = machine, .in = in, .bytes = sotto_buf_make(4u << 20) };
    assert_int_equal(sotto_buf_add_span(&e->bytes, in.bytes), SOTTO_OK);
    e->in.bytes = sotto_buf_span(&e->bytes);
    *t.last = e;
    t.last = &e->next;
}

/* The node's name of a wire. */
static uint32_t wire_of(int from, uint32_t conn)
{
    if (from < 0) return conn;
    for (uint32_t c = 0; c < WIRES; c++)
        if (t.wires[c].open && t.wires[c].far == (uint32_t)from && t.wires[c].conn == conn) return c;
    return WIRES;
}

/* What one machine wants of the wires becomes what the other one is told. */
static void hand_on(struct sotto_outq *q, int from)
{
    for (uint32_t i = 0; i < q->count; i++) {
        const struct sotto_out *o = &q->slots[i];
        uint32_t c = wire_of(from, o->conn);
        if (o->kind == SOTTO_OUT_DIAL) {
            int to = from < 0 ? o->addr.port - 2001 : -1;
            uint32_t conn = sotto_host_next_conn(to < 0 ? t.host : t.far[to].host);
            c = from < 0 ? o->conn : conn;
            assert_true(c < WIRES);
            t.wires[c].far = (uint32_t)(from < 0 ? to : from);
            t.wires[c].conn = from < 0 ? conn : o->conn;
            t.wires[c].open = true;
            push(from, (struct sotto_in){ .kind = SOTTO_IN_OPENED, .conn = o->conn });
            push(to, (struct sotto_in){ .kind = SOTTO_IN_ACCEPTED, .conn = conn, .addr = { { 127, 0, 0, 1 }, (uint16_t)(30000 + c), 4 } });
        } else if ((o->kind == SOTTO_OUT_SEND || o->kind == SOTTO_OUT_CLOSE) && c < WIRES && t.wires[c].open) {
            bool send = o->kind == SOTTO_OUT_SEND;
            push(from < 0 ? (int)t.wires[c].far : -1, (struct sotto_in){ .kind = send ? SOTTO_IN_DATA : SOTTO_IN_CLOSED, .conn = from < 0 ? t.wires[c].conn : c,
                                                                        .bytes = sotto_buf_span(&o->bytes) });
            if (send) push(from, (struct sotto_in){ .kind = SOTTO_IN_SENT, .conn = o->conn, .token = o->bytes.size });
            else t.wires[c].open = false;
        }
    }
    sotto_outq_clear(q);
}

static void node_leave(void)
{
    sotto_shh_tick(t.shh, t.now);
    sotto_flood_tick(t.flood, t.now);
    if (t.peers) sotto_peers_tick(t.peers, t.now);
    sotto_links_tick(t.links, t.now);
    sotto_shh_enter(t.shh, NULL);
    sotto_flood_enter(t.flood, NULL);
    sotto_links_enter(t.links, NULL);
    hand_on(&t.out, -1);
}
static void node_enter(void)
{
    sotto_shh_enter(t.shh, &t.out);
    sotto_flood_enter(t.flood, &t.out);
    if (t.peers) sotto_peers_enter(t.peers, &t.out);
    sotto_links_enter(t.links, &t.out);
}
static void node_step(const struct sotto_in *in)
{
    node_enter();
    sotto_host_step(t.host, in, t.now, &t.out);
    node_leave();
}
static void far_step(struct far *f, const struct sotto_in *in)
{
    sotto_links_enter(f->links, &f->out);
    sotto_host_step(f->host, in, t.now, &f->out);
    sotto_links_tick(f->links, t.now);
    sotto_links_enter(f->links, NULL);
    hand_on(&f->out, (int)(f - t.far));
}

static void tell(int machine, const struct sotto_in *in)
{
    if (machine < 0) node_step(in);
    else if (t.far[machine].host) far_step(&t.far[machine], in);
}

static void run(uint64_t us)
{
    static const struct sotto_in tick = { .kind = SOTTO_IN_TICK };
    for (uint64_t end = t.now.mono_us + us; t.now.mono_us < end; t.now.mono_us += 10000, t.now.wall_ms += 10) {
        for (int i = -1; i < (int)FARS; i++) tell(i, &tick);
        while (t.first) {
            struct event *e = t.first;
            t.first = e->next;
            if (!t.first) t.last = &t.first;
            tell(e->machine, &e->in);
            sotto_buf_free(&e->bytes);
            free(e);
        }
    }
}

/* floor: what it asks for; below 0: it says nothing. */
static void start_far(unsigned i, uint16_t roles, double floor)
{
    struct far *f = &t.far[i];
    struct sotto_scalar key;
    sotto_rng_from_seed(&f->rng, test_seed() + i, "far");
    sotto_scalar_random(&key, &f->rng.rng);
    enode_of(&f->enode, &key, (uint16_t)(2001 + i));
    f->body = sotto_buf_make(2u << 20);
    struct sotto_links_config c = { .key = key, .options = sotto_rl_options(), .rng = &f->rng.rng, .owner = f, .up = far_up, .message = far_message, .down = far_down };
    c.options.has = SOTTO_RL_HAS(1) | SOTTO_RL_HAS(3);
    c.options.roles = roles;
    if (floor >= 0) {
        c.options.has |= SOTTO_RL_HAS(4);
        memcpy(&c.options.floor_bits, &floor, sizeof floor);
    }
    c.options.cells_rate = 200;
    c.options.bytes_rate = c.options.window = 1 << 18;
    assert_int_equal(sotto_links_new(&f->links, &c), SOTTO_OK);
    struct sotto_host_config h = { .key = key, .listen_port = 2001, .local = true, .inbound_max = 4, .outbound_max = 4, .static_max = 4, .message_max = 1 << 20,
                                   .capabilities = sotto_links_capability(f->links), .capability_count = 1, .rng = &f->rng.rng };
    assert_int_equal(sotto_host_new(&f->host, &h), SOTTO_OK);
    sotto_links_attach(f->links, f->host);
    f->out = sotto_outq_make(4096);
}

static void begin_flood(void)
{
    struct sotto_scalar key;
    memset(&t, 0, sizeof t);
    t.last = &t.first;
    t.now = (struct sotto_now){ 1000000000, UINT64_C(1767225600000) };
    sotto_rng_from_seed(&t.rng, test_seed(), "flood");
    sotto_scalar_random(&key, &t.rng.rng);
    enode_of(&t.enode, &key, 1999);
    struct sotto_pool_config pool = { 64u << 20, 65536, 0.2 / 8192, &t.rng.rng };
    assert_int_equal(sotto_pool_new(&t.pool, &pool), SOTTO_OK);
    struct sotto_shh_config shh = { .pool = t.pool, .flush_mean_us = SECOND, .rng = &t.rng.rng, .first_hop = t_first_hop, .arrived = t_arrived, .batch = SOTTO_ENVELOPE_BATCH,
                                    .native_elsewhere = t_link };
    assert_int_equal(sotto_shh_new(&t.shh, &shh), SOTTO_OK);
    struct sotto_links_config links = { .key = key, .options = sotto_rl_options(), .rng = &t.rng.rng, .up = t_up, .message = t_message, .down = t_down };
    links.options.has = SOTTO_RL_HAS(1);
    links.options.roles = SOTTO_RL_FLOOD;
    assert_int_equal(sotto_links_new(&t.links, &links), SOTTO_OK);
    const struct sotto_capability caps[] = { *sotto_shh_capability(t.shh), *sotto_links_capability(t.links) };
    struct sotto_host_config h = { .key = key, .listen_port = 1999, .local = true, .inbound_max = 4, .outbound_max = 4, .static_max = 4, .message_max = 1 << 20,
                                   .capabilities = caps, .capability_count = 2, .rng = &t.rng.rng };
    assert_int_equal(sotto_host_new(&t.host, &h), SOTTO_OK);
    sotto_shh_attach(t.shh, t.host);
    sotto_links_attach(t.links, t.host);
    struct sotto_flood_config flood = { t.pool, t.shh, t.links, t.host, SECOND, &t.rng.rng, NULL, NULL, t_first_hop };
    assert_int_equal(sotto_flood_new(&t.flood, &flood), SOTTO_OK);
    t.out = sotto_outq_make(4096);
}

static int end_flood(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FARS; i++) {
        sotto_host_free(t.far[i].host);
        sotto_links_free(t.far[i].links);
        sotto_outq_free(&t.far[i].out);
        sotto_buf_free(&t.far[i].body);
    }
    sotto_host_free(t.host);
    sotto_peers_free(t.peers);
    sotto_book_free(t.book);
    sotto_flood_free(t.flood);
    sotto_links_free(t.links);
    sotto_shh_free(t.shh);
    sotto_pool_free(t.pool);
    sotto_outq_free(&t.out);
    return 0;
}

static void node_dials(unsigned i)
{
    assert_int_equal(sotto_host_add(t.host, &t.far[i].enode, t.now, &t.out), SOTTO_OK);
    hand_on(&t.out, -1);
}
static void far_dials(unsigned i)
{
    assert_int_equal(sotto_host_add(t.far[i].host, &t.enode, t.now, &t.far[i].out), SOTTO_OK);
    hand_on(&t.far[i].out, (int)i);
}
static uint32_t peer_of(unsigned i)
{
    for (uint32_t c = 0; c < WIRES; c++)
        if (t.wires[c].open && t.wires[c].far == i) return c;
    return WIRES;
}
static void say(unsigned i, uint8_t code, const void *body, size_t size)
{
    assert_int_equal(sotto_links_send(t.far[i].links, t.far[i].peer, code, sotto_span(body, size), t.now), SOTTO_OK);
}
static void say_number(unsigned i, uint8_t code, uint64_t value)
{
    uint8_t bytes[16];
    struct sotto_buf b = { bytes, 0, sizeof bytes, sizeof bytes };
    assert_int_equal(sotto_rl_body_numbers(&b, &value, 1), SOTTO_OK);
    say(i, code, bytes, b.size);
}

/* A native envelope with 6 zero bits, different for each number; its RLP and hash. */
static struct sotto_envelope native(uint8_t rlp[SOTTO_NATIVE_RLP], uint8_t hash[32], uint32_t number, unsigned zeros, int32_t ago_s)
{
    static uint8_t data[SOTTO_NATIVE_DATA];
    struct sotto_envelope e = { .ttl = SOTTO_NATIVE_TTL_S, .data = SOTTO_SPAN(data), .nonce = UINT64_C(1) << 60 };
    struct sotto_buf b = { rlp, 0, SOTTO_NATIVE_RLP, SOTTO_NATIVE_RLP };
    e.expiry = (uint32_t)((int64_t)(t.now.wall_ms / 1000) + SOTTO_NATIVE_TTL_S - ago_s);
    sotto_put_be32(data, number);
    sotto_put_be32(e.topic, number);
    while (sotto_envelope_zeros(&e) != zeros) e.nonce++;
    assert_int_equal(sotto_envelope_encode(&b, &e), SOTTO_OK);
    assert_int_equal(sotto_envelope_decode(&e, sotto_buf_span(&b)), SOTTO_OK);
    sotto_envelope_hash(hash, sotto_buf_span(&b));
    return e;
}
static void put(uint32_t number, enum sotto_pool_from from, uint8_t hash[32])
{
    uint8_t rlp[SOTTO_NATIVE_RLP];
    struct sotto_envelope e = native(rlp, hash, number, 6, 60);
    struct sotto_pool_source source = { from, from == SOTTO_FROM_SELF ? 0 : 99 };
    assert_int_equal(sotto_pool_add(t.pool, NULL, &e, SOTTO_SPAN(rlp), sotto_pool_id(t.pool, hash), sotto_envelope_rating(&e, 0), source), SOTTO_OK);
}

/* Announced, asked for, brought, once; and the other way round. */
static void test_exchange(void **state)
{
    uint8_t hash[32], rlp[SOTTO_NATIVE_RLP];
    (void)state;
    begin_flood();
    start_far(0, SOTTO_RL_FLOOD, 0);
    node_dials(0);
    run(SECOND);
    assert_true(t.far[0].up);
    put(1, SOTTO_FROM_OUTBOUND, hash);
    run(10 * SECOND);
    assert_int_equal(t.far[0].inv_ids, 1);
    assert_memory_equal(t.far[0].announced[0], hash, 16);
    assert_int_equal(t.far[0].bodies, 0);
    say(0, SOTTO_RL_GET, hash, 16);
    run(SECOND);
    assert_int_equal(t.far[0].bodies, 1);
    const struct sotto_pool_entry *e = sotto_pool_find_id(t.pool, hash);
    assert_true(e && sotto_span_equal(e->rlp, sotto_buf_span(&t.far[0].body)));
    (void)native(rlp, hash, 2, 6, 60);
    say(0, SOTTO_RL_INV, hash, 16);
    run(SECOND / 10);
    assert_int_equal(t.far[0].gets, 1);
    assert_memory_equal(t.far[0].asked[0], hash, 16);
    say(0, SOTTO_RL_ENV, rlp, sizeof rlp);
    say(0, SOTTO_RL_INV, hash, 16);               /* known by now */
    run(10 * SECOND);
    assert_true(t.arrived == 1 && sotto_pool_knows(t.pool, hash) && t.far[0].gets == 1);
    assert_int_equal(t.far[0].inv_ids, 1);        /* nobody hears of what he brought */
    struct sotto_peer_info info;
    assert_true(sotto_host_peer_at(t.host, 0, &info) && info.score == 0);
}

/* Nobody finds out what is held by asking: not what was never announced to him, and nothing twice. */
static void test_probe(void **state)
{
    uint8_t hash[32];
    (void)state;
    begin_flood();
    start_far(0, SOTTO_RL_FLOOD, 0);
    start_far(1, SOTTO_RL_FLOOD, 1000);           /* asks for more work than anything has: nothing is announced to it */
    node_dials(0);
    node_dials(1);
    run(SECOND);
    put(1, SOTTO_FROM_OUTBOUND, hash);
    say(1, SOTTO_RL_GET, hash, 16);
    run(10 * SECOND);
    assert_int_equal(t.far[1].inv_ids + t.far[1].bodies + t.far[1].misses, 0);
    assert_int_equal(t.far[0].inv_ids, 1);
    say(0, SOTTO_RL_GET, hash, 16);
    say(0, SOTTO_RL_GET, hash, 16);
    run(SECOND);
    assert_int_equal(t.far[0].bodies, 1);
    struct sotto_peer_info info;
    for (unsigned i = 0; i < 2; i++) assert_true(sotto_host_peer(t.host, peer_of(i), &info) && info.score == 1);
    /* announced, and gone when it is asked for */
    put(2, SOTTO_FROM_OUTBOUND, hash);
    run(10 * SECOND);
    assert_int_equal(t.far[0].inv_ids, 2);
    assert_int_equal(sotto_pool_tick(t.pool, UINT32_MAX, t.now.mono_us), 0);
    say(0, SOTTO_RL_GET, hash, 16);
    run(SECOND);
    assert_true(t.far[0].misses == 1 && t.far[0].bodies == 1);
}

/* An own envelope is announced to one neighbour that we dialled; when he has it, to all. Who does not ask loses the turn. */
static void test_own(void **state)
{
    uint8_t hash[32];
    (void)state;
    begin_flood();
    start_far(0, SOTTO_RL_FLOOD, 0);
    start_far(1, SOTTO_RL_FLOOD, 0);
    far_dials(0);                                 /* a stranger */
    run(SECOND);
    put(1, SOTTO_FROM_SELF, hash);
    run(20 * SECOND);
    assert_int_equal(t.far[0].inv_ids, 0);
    assert_int_equal(sotto_flood_first_hops(t.flood), 0);
    node_dials(1);
    run(20 * SECOND);
    assert_int_equal(sotto_flood_first_hops(t.flood), 1);
    assert_int_equal(t.far[0].inv_ids, 0);        /* he has heard of it and has not asked yet */
    assert_int_equal(t.far[1].inv_ids, 1);
    assert_int_equal(t.first_hops, 0);
    assert_true(sotto_pool_find(t.pool, hash)->held);
    say(1, SOTTO_RL_GET, hash, 16);
    run(20 * SECOND);
    assert_true(t.far[1].bodies == 1 && t.first_hops == 1);
    assert_int_equal(t.far[0].inv_ids, 1);
}

/* Two first hops: one of them hears of it, and the other two seconds later, if the first one does not want it. */
static void test_turns(void **state)
{
    uint8_t hash[32];
    (void)state;
    begin_flood();
    for (unsigned i = 0; i < 2; i++) start_far(i, SOTTO_RL_FLOOD, 0);
    for (unsigned i = 0; i < 2; i++) node_dials(i);
    run(SECOND);
    put(1, SOTTO_FROM_SELF, hash);
    unsigned waited = 0;
    for (; waited < 1000 && t.far[0].inv_ids + t.far[1].inv_ids == 0; waited++) run(SECOND / 100);
    assert_true(waited < 1000);
    unsigned first = t.far[1].inv_ids;
    run(SOTTO_FLOOD_OFFER_US - SECOND / 20);
    assert_int_equal(t.far[0].inv_ids + t.far[1].inv_ids, 1);
    run(20 * SECOND);
    assert_int_equal(t.far[!first].inv_ids, 1);
    assert_int_equal(t.far[first].inv_ids, 1);    /* nobody hears of it twice */
    say(first, SOTTO_RL_GET, hash, 16);           /* late, but told is told */
    run(SECOND);
    assert_true(t.far[first].bodies == 1 && t.first_hops == 1);
}

/* Three strangers who announce everything first and bring nothing: the message comes all the same, from who came too late for a place among the three. */
static void test_starved(void **state)
{
    uint8_t rlp[SOTTO_NATIVE_RLP], hash[32];
    (void)state;
    begin_flood();
    for (unsigned i = 0; i < FARS; i++) start_far(i, SOTTO_RL_FLOOD, 0);
    for (unsigned i = 0; i < 4; i++) far_dials(i);
    node_dials(4);
    run(SECOND);
    (void)native(rlp, hash, 1, 6, 60);
    for (unsigned i = 0; i < FARS; i++) {
        say(i, SOTTO_RL_INV, hash, 16);
        run(SECOND / 20);
    }
    run(5 * SECOND);
    assert_int_equal(t.far[0].gets + t.far[1].gets + t.far[2].gets, 3);
    assert_int_equal(t.far[4].gets, 0);
    run(2 * SECOND);
    assert_int_equal(t.far[4].gets, 1);           /* whom we dialled, before the fourth stranger */
    assert_int_equal(t.far[3].gets, 0);
    say(4, SOTTO_RL_ENV, rlp, sizeof rlp);
    run(20 * SECOND);
    assert_true(t.arrived == 1 && t.far[3].gets == 0);
}

/* Nobody asks for an own envelope: that is noticed, so that plain neighbours may carry it where that is allowed; and forgotten when somebody does. */
static void test_stuck(void **state)
{
    uint8_t hash[32];
    (void)state;
    begin_flood();
    start_far(0, SOTTO_RL_FLOOD, 0);
    node_dials(0);
    run(SECOND);
    put(1, SOTTO_FROM_SELF, hash);
    run(10 * SECOND);
    assert_false(sotto_flood_stuck(t.flood, t.now));
    run(30 * SECOND);
    assert_true(sotto_flood_stuck(t.flood, t.now));
    say(0, SOTTO_RL_GET, hash, 16);
    run(SECOND);
    assert_true(!sotto_flood_stuck(t.flood, t.now) && t.first_hops == 1);
}

/* More own envelopes than there are places for offers: what has none waits, and no second neighbour is told of it meanwhile. */
static void test_many_own(void **state)
{
    uint8_t hash[32];
    (void)state;
    begin_flood();
    for (unsigned i = 0; i < 2; i++) start_far(i, SOTTO_RL_FLOOD, 0);
    for (unsigned i = 0; i < 2; i++) node_dials(i);
    run(SECOND);
    for (uint32_t i = 1; i <= 300; i++) put(i, SOTTO_FROM_SELF, hash);
    for (unsigned waited = 0; waited < 1000 && t.far[0].inv_ids + t.far[1].inv_ids == 0; waited++) run(SECOND / 100);
    for (unsigned i = 0; i < 190; i++) {          /* until the first offers end */
        assert_in_range(t.far[0].inv_ids + t.far[1].inv_ids, 1, SOTTO_FLOOD_OFFERS_MAX);
        run(SECOND / 100);
    }
    for (unsigned i = 0; i < t.far[0].inv_ids; i++)
        for (unsigned k = 0; k < t.far[1].inv_ids; k++) assert_memory_not_equal(t.far[0].announced[i], t.far[1].announced[k], 16);
}

/* What does not fit the rules costs the link what the table says, and a NOTICE comes once a minute. */
static void test_bad_bodies(void **state)
{
    uint8_t rlp[SOTTO_NATIVE_RLP], hash[32];
    struct sotto_peer_info info;
    (void)state;
    begin_flood();
    start_far(0, SOTTO_RL_FLOOD, 0);
    node_dials(0);
    run(SECOND);
    for (uint32_t i = 0; i < 3; i++) {
        (void)native(rlp, hash, 10 + i, 3, 60);   /* three bits too few */
        say(0, SOTTO_RL_ENV, rlp, sizeof rlp);
    }
    run(SECOND);
    assert_true(sotto_host_peer_at(t.host, 0, &info) && info.score == 15);
    assert_int_equal(t.far[0].notices[SOTTO_RL_NOTICE_RATING], 1);
    for (uint32_t i = 0; i < 3; i++) {
        (void)native(rlp, hash, 20 + i, 6, -60);  /* from the future */
        say(0, SOTTO_RL_ENV, rlp, sizeof rlp);
    }
    run(SECOND);
    assert_true(sotto_host_peer_at(t.host, 0, &info) && info.score == 15);
    assert_int_equal(t.far[0].notices[SOTTO_RL_NOTICE_TIME], 1);
    assert_int_equal(sotto_pool_count(t.pool), 0);
    say(0, SOTTO_RL_STEM_ENV, rlp, sizeof rlp);   /* we do not say that we take stems */
    run(SECOND);
    assert_true(sotto_host_peer_at(t.host, 0, &info) && info.score == 17);
}

/* More ids than the rate: not read for a while, and the third time in five minutes that is the end. */
static void test_too_many_ids(void **state)
{
    uint8_t ids[64][16] = { 0 };
    (void)state;
    begin_flood();
    start_far(0, SOTTO_RL_FLOOD, 0);
    far_dials(0);
    run(SECOND);
    uint32_t number = 0;
    for (unsigned round = 0; round < 600 && t.far[0].up; round++) {
        for (unsigned i = 0; i < 64; i++) sotto_put_be32(ids[i], ++number);
        if (sotto_links_send(t.far[0].links, t.far[0].peer, SOTTO_RL_INV, SOTTO_SPAN(ids), t.now) != SOTTO_OK) break;
        run(SECOND / 20);
    }
    assert_false(t.far[0].up);
    assert_int_equal(sotto_links_up(t.links), 0);
    assert_true(t.far[0].notices[SOTTO_RL_NOTICE_RATE] == 1);
    assert_true(t.far[0].gets <= SOTTO_INV_WAITING_MAX + 3 * number / 4);
}

/* A leaf in FEED gets bodies and no ids; its filter holds back what it does not want. Somebody who is no leaf is not heard. */
static void test_leaf(void **state)
{
    uint8_t hash[32];
    (void)state;
    begin_flood();
    start_far(0, SOTTO_RL_LEAF, 0);
    start_far(1, SOTTO_RL_FLOOD, 0);
    far_dials(0);
    far_dials(1);
    run(SECOND);
    struct sotto_bloom want;
    sotto_bloom_topic(&want, (const uint8_t[4]){ 5, 5, 5, 0 });
    for (unsigned i = 0; i < 2; i++) {
        say_number(i, SOTTO_RL_FEED, 1);
        say(i, SOTTO_RL_BLOOM, want.b, sizeof want.b);
    }
    run(SECOND);
    for (uint32_t i = 4; i < 8; i++) put(i * 0x01010100u, SOTTO_FROM_OUTBOUND, hash);
    run(20 * SECOND);
    assert_int_equal(t.far[0].inv_ids, 0);
    assert_int_equal(t.far[0].bodies, 1);
    assert_int_equal(t.far[1].inv_ids, 4);
    assert_int_equal(t.far[1].bodies, 0);
}

static size_t record_for(uint8_t out[SOTTO_ENR_SIZE_MAX], uint8_t key[64], uint16_t tcp, bool local)
{
    struct sotto_scalar secret;
    struct sotto_point p;
    struct sotto_enr_record r;
    struct sotto_enr e = { .seq = 1, .has_ip4 = true, .ip4 = { local ? 127 : 8, 0, 0, 1 }, .tcp = tcp, .udp = tcp, .sotto = true, .roles = 1 };
    sotto_scalar_random(&secret, &t.rng.rng);
    assert_int_equal(sotto_point_make(&p, &secret), SOTTO_OK);
    assert_int_equal(sotto_point_to64(key, &p), SOTTO_OK);
    assert_int_equal(sotto_enr_sign(&r, &e, &secret), SOTTO_OK);
    memcpy(out, r.b, r.size);
    return r.size;
}
static void say_peers(unsigned i, const uint8_t *records, size_t size)
{
    uint8_t bytes[8 + 4 * SOTTO_ENR_SIZE_MAX];
    struct sotto_buf b = { bytes, 0, sizeof bytes, sizeof bytes };
    size_t mark = sotto_rlp_begin(&b);
    assert_int_equal(sotto_buf_add(&b, records, size), SOTTO_OK);
    assert_int_equal(sotto_rlp_end_list(&b, mark), SOTTO_OK);
    say(i, SOTTO_RL_PEERS, bytes, b.size);
}

/* PEERS: nothing is learnt that was not asked for, that its node has not signed, that has no port or lives where we do not dial; one answer a question. */
static void test_peers_lies(void **state)
{
    uint8_t good[2][SOTTO_ENR_SIZE_MAX], all[4 * SOTTO_ENR_SIZE_MAX], key[4][64], keep[2][64];
    size_t size[2], at = 0;
    (void)state;
    begin_flood();
    struct sotto_book_config book = { .local = true, .group = sotto_group_of, .rng = &t.rng.rng };
    assert_int_equal(sotto_book_new(&t.book, &book), SOTTO_OK);
    struct sotto_peers_config peers = { .links = t.links, .host = t.host, .book = t.book, .local = true, .dials = true, .rng = &t.rng.rng };
    assert_int_equal(sotto_peers_new(&t.peers, &peers), SOTTO_OK);
    start_far(0, SOTTO_RL_FLOOD, 0);
    node_dials(0);
    run(SECOND);
    for (unsigned i = 0; i < 2; i++) size[i] = record_for(good[i], keep[i], (uint16_t)(5000 + i), true);
    say_peers(0, good[0], size[0]);               /* nobody asked */
    run(SECOND);
    assert_int_equal(sotto_book_count(t.book, SOTTO_BOOK_ANY), 0);
    for (unsigned waited = 0; waited < 4500 && sotto_peers_stats(t.peers)->asked == 0; waited++) run(SECOND / 100);
    assert_int_equal(sotto_peers_stats(t.peers)->asked, 1);
    size_t cut = record_for(all, key[0], 5003, true);
    all[cut - 1] ^= 1;                            /* another port than it signed */
    at = cut;
    at += record_for(all + at, key[1], 0, true);
    at += record_for(all + at, key[2], 5004, false);
    memcpy(all + at, good[0], size[0]);
    say_peers(0, all, at + size[0]);
    say_peers(0, good[1], size[1]);               /* a second answer */
    run(SECOND);
    struct sotto_book_entry e;
    assert_int_equal(sotto_book_count(t.book, SOTTO_BOOK_ANY), 1);
    assert_true(sotto_book_find(t.book, &e, keep[0]) && !e.tried);
    struct sotto_peer_info info;
    assert_true(sotto_host_peer_at(t.host, 0, &info) && info.score == 0);
}

/* The floor: told in its own record where it is a doubling of Whisper's, else as an option; and theirs holds back what rates less. */
static void test_floor(void **state)
{
    uint8_t hash[32];
    double told;
    (void)state;
    begin_flood();
    start_far(0, SOTTO_RL_FLOOD, -1);
    node_dials(0);
    run(SECOND);
    node_enter();
    sotto_pool_set_floor(t.pool, 0.8);
    sotto_flood_floor(t.flood, t.now);
    node_leave();
    run(SECOND);
    memcpy(&told, &t.far[0].floor_bits, sizeof told);
    assert_true(t.far[0].floors == 1 && t.far[0].updates == 0 && told == 0.8);
    node_enter();
    sotto_pool_set_floor(t.pool, 0.2 / 8192);
    sotto_flood_floor(t.flood, t.now);
    node_leave();
    run(SECOND);
    memcpy(&told, &t.far[0].floor_bits, sizeof told);
    assert_true(t.far[0].floors == 1 && t.far[0].updates == 1 && told == 0.2 / 8192);
    assert_true(sotto_flood_wanted(t.flood, 0.1) == 0.2);                 /* of who says nothing: Whisper's */
    put(1, SOTTO_FROM_OUTBOUND, hash);            /* rates 2^6 / 1043 / 1800 */
    run(20 * SECOND);
    assert_int_equal(t.far[0].inv_ids, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_exchange, end_flood), cmocka_unit_test_teardown(test_probe, end_flood), cmocka_unit_test_teardown(test_own, end_flood),
        cmocka_unit_test_teardown(test_turns, end_flood), cmocka_unit_test_teardown(test_bad_bodies, end_flood), cmocka_unit_test_teardown(test_too_many_ids, end_flood),
        cmocka_unit_test_teardown(test_leaf, end_flood), cmocka_unit_test_teardown(test_starved, end_flood),
        cmocka_unit_test_teardown(test_stuck, end_flood), cmocka_unit_test_teardown(test_many_own, end_flood), cmocka_unit_test_teardown(test_peers_lies, end_flood),
        cmocka_unit_test_teardown(test_floor, end_flood),
    };
    return sotto_crypto_init() == SOTTO_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
