/* The speed and the size of the links of sotto/1:
 *
 *     bulk       channel 2 over loopback TCP from one thread to another, against TLS 1.3 (bench/link_bulk.h); how it comes to that: the same
 *                without RLPx
 *     cells      full cells through two link machines in one thread, each sealed and opened by it, against AES-256-GCM over their texts alone
 *     handshake  what an end computes from its fresh key to "up", in multiplications
 *     memory     bytes that the allocator holds for one link more, RLPx and host included: the growth of one node while a thousand others connect
 *
 *     bench_link [--only PART]       bulk, cells, handshake, memory; for a profiler profile-link, profile-cells, profile-tls: one long run of bulk */
#include "bench/bench.h"
#include "bench/link_bulk.h"
#include "bench/unit.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/rng.h"
#include "p2p/host.h"
#include "relay/links.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    RUNS = 9,
    BULK = 48 << 20,                              /* bytes of a run: the rate is that of a long stream, the run a fraction of a second */
    CELLS = 20000,                                /* of a run */
    HANDSHAKES = 40,                              /* of a run */
    LINKS = 1000,
    PASS_US = 3000000                             /* a round trip is asked for as soon as the link is up; an ACK may leave after two seconds */
};

static struct sotto_chacha_rng rng;
static struct sotto_buf blob;                     /* a message of channel 2 */

/* ---- two machines in memory ---- */

struct machine {
    struct sotto_rl *link;
    struct machine *other;
    struct sotto_scalar key;
    struct sotto_point pub;
    struct sotto_rl_budget budget;
    struct sotto_buf wire;                        /* payloads to the other, each code(1) || size(2) || bytes */
    bool up;
    uint64_t took_ns;                             /* inside its own calls */
};
static struct machine machines[2];
static struct sotto_now now = { 1000000000, UINT64_C(1767225600000) };

static void machine_frame(void *owner, unsigned code, struct sotto_span payload)
{
    struct machine *m = owner;
    uint8_t head[3] = { (uint8_t)code };
    sotto_put_be16(head + 1, (uint16_t)payload.size);
    bool added = sotto_buf_add(&m->wire, head, sizeof head) == SOTTO_OK && sotto_buf_add_span(&m->wire, payload) == SOTTO_OK;
    SOTTO_ASSERT(added);
}
static void machine_up(void *owner)
{
    struct machine *m = owner;
    m->up = true;
}
static void machine_message(void *owner, const struct sotto_rl_message *m) { (void)owner, (void)m; }
static void machine_pause(void *owner, uint64_t until_us) { (void)owner, (void)until_us; }
static void machine_ended(void *owner, enum sotto_err err)
{
    (void)owner;
    SOTTO_ASSERT(err == SOTTO_OK);                /* none of these ends */
}

static struct sotto_rl_options options(void)
{
    struct sotto_rl_options o = sotto_rl_options();
    o.has = SOTTO_RL_HAS(1) | SOTTO_RL_HAS(3);
    o.roles = SOTTO_RL_FLOOD | SOTTO_RL_STEM;
    o.cells_rate = o.bytes_rate = UINT32_MAX / 16;
    return o;
}

static void machine_begin(unsigned i)
{
    struct machine *m = &machines[i];
    const struct sotto_rl_config c = { .dialled = i == 0, .key = &m->key, .own_pub = m->pub, .peer_pub = m->other->pub, .options = options(),
                                       .budget = &m->budget, .rng = &rng.rng,
                                       .sink = { m, machine_frame, machine_up, machine_message, machine_pause, machine_ended } };
    uint64_t start = bench_now_ns();
    enum sotto_err err = sotto_rl_new(&m->link, &c, now);
    SOTTO_ASSERT(err == SOTTO_OK);
    sotto_rl_begin(m->link, now);
    m->took_ns += bench_now_ns() - start;
    sotto_rl_room(m->link, SIZE_MAX);
}

/* What i wrote reaches the other. True: there was something. */
static bool deliver(unsigned i)
{
    struct machine *m = &machines[i], *to = m->other;
    struct sotto_buf wire = m->wire;
    uint64_t start = bench_now_ns();
    if (wire.size == 0) return false;
    m->wire = sotto_buf_make(wire.max);
    for (size_t at = 0; at < wire.size;) {
        size_t size = sotto_be16(wire.data + at + 1);
        sotto_rl_frame(to->link, wire.data[at], sotto_span(wire.data + at + 3, size), now);
        at += 3 + size;
    }
    to->took_ns += bench_now_ns() - start;
    sotto_buf_free(&wire);
    return true;
}

static void machines_begin(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct machine *m = &machines[i];
        *m = (struct machine){ .other = &machines[!i], .wire = sotto_buf_make(64 << 20), .budget.max = SOTTO_RL_BUDGET_MAX };
        sotto_scalar_random(&m->key, &rng.rng);
        enum sotto_err err = sotto_point_make(&m->pub, &m->key);
        SOTTO_ASSERT(err == SOTTO_OK);
    }
    for (unsigned i = 0; i < 2; i++) machine_begin(i);
    while (deliver(0) | deliver(1)) { }
    SOTTO_ASSERT(machines[0].up && machines[1].up);
}
static void machines_end(void)
{
    for (unsigned i = 0; i < 2; i++) {
        sotto_rl_free(machines[i].link);
        sotto_buf_free(&machines[i].wire);
    }
}

/* Cells a second of one core that fills, seals, opens and reads each of them, out of messages and into messages. */
static double cells_a_second(void)
{
    struct sotto_rl_info info;
    machines_begin();
    uint64_t start = bench_now_ns();
    do {
        enum sotto_err err = sotto_rl_send(machines[0].link, SOTTO_RL_BLOB, sotto_buf_span(&blob));
        SOTTO_ASSERT(err == SOTTO_OK);
        sotto_rl_flush(machines[0].link, now);
        while (deliver(0) | deliver(1)) { }
        sotto_rl_info(machines[1].link, &info);
    } while (info.cells_in < CELLS);
    double rate = (double)info.cells_in * 1e9 / (double)(bench_now_ns() - start);
    machines_end();
    return rate;
}

/* The least that a cell can cost with this seal: its text sealed and opened. */
static double seals_a_second(void)
{
    static uint8_t plain[SOTTO_RL_PLAIN_L], sealed[SOTTO_RL_CELL_L];
    static const struct sotto_secret key = { { 1 } };
    struct sotto_gcm_kept *kept = sotto_gcm_kept_new(&key);
    uint8_t nonce[12] = { 0 };
    bool all = kept;
    uint64_t start = bench_now_ns();
    for (uint32_t i = 0; i < CELLS; i++) {
        sotto_put_be32(nonce, i);
        all = all && sotto_gcm_kept_seal(kept, sealed, nonce, sotto_span(NULL, 0), SOTTO_SPAN(plain)) == SOTTO_OK
            && sotto_gcm_kept_open(kept, plain, nonce, sotto_span(NULL, 0), SOTTO_SPAN(sealed)) == SOTTO_OK;
    }
    double rate = CELLS * 1e9 / (double)(bench_now_ns() - start);
    SOTTO_ASSERT(all);
    sotto_gcm_kept_free(kept);
    return rate;
}

/* Microseconds of one end. */
static double handshake_us(void)
{
    uint64_t took = 0;
    for (unsigned i = 0; i < HANDSHAKES; i++) {
        machines_begin();
        took += machines[0].took_ns + machines[1].took_ns;
        machines_end();
    }
    return (double)took / 1e3 / (2 * HANDSHAKES);
}

/* ---- a node with a thousand links ---- */

struct node {
    struct sotto_links *links;
    struct sotto_host *host;
    struct sotto_outq out;
    uint32_t conn;                                /* of a leaf: its only connection. The hub's are numbered like the leaves, from 1 */
};
static struct node hub, leaves[LINKS];

static void node_begin(struct node *n, unsigned inbound, uint8_t key64[64])
{
    struct sotto_links_config c = { .options = sotto_rl_options(), .rng = &rng.rng, .owner = n };
    struct sotto_point pub;
    c.options.has = SOTTO_RL_HAS(1);
    c.options.roles = SOTTO_RL_FLOOD | SOTTO_RL_STEM;
    sotto_scalar_random(&c.key, &rng.rng);
    enum sotto_err err = sotto_point_make(&pub, &c.key);
    if (err == SOTTO_OK) err = sotto_point_to64(key64, &pub);
    if (err == SOTTO_OK) err = sotto_links_new(&n->links, &c);
    struct sotto_host_config h = { .key = c.key, .local = true, .inbound_max = inbound, .outbound_max = 1, .static_max = 1, .message_max = 10u << 20,
                                   .listen_port = 1, .rng = &rng.rng, .capability_count = 1 };
    if (err == SOTTO_OK) {
        h.capabilities = sotto_links_capability(n->links);
        err = sotto_host_new(&n->host, &h);
    }
    SOTTO_ASSERT(err == SOTTO_OK);
    sotto_links_attach(n->links, n->host);
    n->out = sotto_outq_make(65536);
}

static void node_step(struct node *n, struct sotto_in in)
{
    sotto_links_enter(n->links, &n->out);
    sotto_host_step(n->host, &in, now, &n->out);
    sotto_links_tick(n->links, now);
    sotto_links_enter(n->links, NULL);
}

/* What a node wishes reaches who it is for, and it hears that it went. */
static bool carry(struct node *n)
{
    struct sotto_outq q = n->out;
    n->out = sotto_outq_make(q.max);
    for (uint32_t k = 0; k < q.count; k++) {
        struct sotto_out *o = &q.slots[k];
        uint32_t leaf = n == &hub ? o->conn : (uint32_t)(n - leaves) + 1;
        struct node *to = n == &hub ? &leaves[leaf - 1] : &hub;
        SOTTO_ASSERT(o->kind == SOTTO_OUT_DIAL || o->kind == SOTTO_OUT_SEND || o->kind == SOTTO_OUT_PEER);
        if (o->kind == SOTTO_OUT_DIAL) {
            n->conn = o->conn;
            node_step(to, (struct sotto_in){ .kind = SOTTO_IN_ACCEPTED, .conn = leaf,
                                             .addr = { .ip = { 127, 0, 0, 1 }, .family = 4, .port = (uint16_t)(20000 + leaf) } });
            node_step(n, (struct sotto_in){ .kind = SOTTO_IN_OPENED, .conn = n->conn });
        } else if (o->kind == SOTTO_OUT_SEND) {
            node_step(to, (struct sotto_in){ .kind = SOTTO_IN_DATA, .conn = n == &hub ? to->conn : leaf, .bytes = sotto_buf_span(&o->bytes) });
            node_step(n, (struct sotto_in){ .kind = SOTTO_IN_SENT, .conn = o->conn, .token = o->bytes.size });
        }
    }
    bool any = q.count > 0;
    sotto_outq_free(&q);
    return any;
}

static size_t held(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

/* Bytes of one end of a link that is up and has been through its first round trip. */
static double memory_of_link(void)
{
    struct sotto_enode hub_node = { .addr = { .ip = { 127, 0, 0, 1 }, .family = 4, .port = 1 } };
    uint8_t key[64];
    node_begin(&hub, LINKS, hub_node.key);
    for (unsigned i = 0; i < LINKS; i++) node_begin(&leaves[i], 1, key);
    size_t before = held();
    for (unsigned i = 0; i < LINKS; i++) {
        enum sotto_err err = sotto_host_add(leaves[i].host, &hub_node, now, &leaves[i].out);
        SOTTO_ASSERT(err == SOTTO_OK);
        while (carry(&leaves[i]) | carry(&hub)) { }
    }
    now.mono_us += PASS_US;
    node_step(&hub, (struct sotto_in){ .kind = SOTTO_IN_TICK });
    carry(&hub);
    for (unsigned i = 0; i < LINKS; i++) {
        node_step(&leaves[i], (struct sotto_in){ .kind = SOTTO_IN_TICK });
        while (carry(&leaves[i]) | carry(&hub)) { }
    }
    double each = (double)(held() - before) / (2 * LINKS);
    SOTTO_ASSERT(sotto_links_up(hub.links) == LINKS);
    for (unsigned i = 0; i < LINKS; i++) {
        struct sotto_rl_info info;
        bool known = sotto_links_info(hub.links, i + 1, &info) && info.rtt_us > 0;
        SOTTO_ASSERT(known);
        sotto_host_free(leaves[i].host);
        sotto_links_free(leaves[i].links);
        sotto_outq_free(&leaves[i].out);
    }
    sotto_host_free(hub.host);
    sotto_links_free(hub.links);
    sotto_outq_free(&hub.out);
    return each;
}

/* ---- what bounds bulk ---- */

/* Bytes a second that the MACs of RLPx alone let pass: one Keccak state takes 16 bytes for the header, the body, 16 bytes for the MAC of the body,
 * and is asked after each of them. The frame of a large cell has a body of 1,168 bytes and carries 1,132 of a message. */
static double macs_a_second(void)
{
    static const uint8_t body[1168];
    struct sotto_keccak state;
    uint8_t digest[32];
    sotto_keccak_init(&state);
    uint64_t start = bench_now_ns();
    for (uint32_t i = 0; i < CELLS; i++) {
        static const struct sotto_span pieces[] = { { body, 16 }, { body, sizeof body }, { body, 16 } };
        for (unsigned k = 0; k < sizeof pieces / sizeof *pieces; k++) {
            sotto_keccak_update(&state, pieces[k].data, pieces[k].size);
            sotto_keccak_final(&state, digest);
        }
    }
    return CELLS * (SOTTO_RL_PLAIN_L - SOTTO_RL_HEAD) * 1e9 / (double)(bench_now_ns() - start);
}

/* ---- rows ---- */

static void bulk_rows(void)
{
    static struct bench_runs rate[BULK_WAYS], clock_rate[BULK_WAYS], ratio[BULK_WAYS], send_us[BULK_WAYS], receive_us[BULK_WAYS], macs, macs_ratio;
    for (unsigned run = 0; run <= RUNS; run++) {
        struct bulk took[BULK_WAYS];
        for (unsigned way = 0; way < BULK_WAYS; way++) took[way] = bulk_run((enum bulk_way)way, BULK);
        double least = macs_a_second();
        if (run > 0) {
            bench_add(&macs, least);
            bench_add(&macs_ratio, least / took[BULK_TLS].rate);
        }
        for (unsigned way = 0; way < BULK_WAYS && run > 0; way++) {               /* the first round warms up */
            bench_add(&rate[way], took[way].rate);
            bench_add(&clock_rate[way], took[way].clock_rate);
            bench_add(&ratio[way], took[way].rate / took[BULK_TLS].rate);
            bench_add(&send_us[way], took[way].send_us);
            bench_add(&receive_us[way], took[way].receive_us);
        }
    }
    static const char *const tls = "TLS 1.3, AES-256-GCM, OpenSSL";
    double peer = bench_median(&rate[BULK_TLS]);
    bench_print(&(struct bench_line){ .name = "bulk over one link, loopback TCP, a core for each end", .unit = "B/s", .runs = &rate[BULK_LINK], .peer = tls,
                                      .peer_value = peer, .ratio = bench_median(&ratio[BULK_LINK]), .goal = 0.6, .higher = true });
    bench_print(&(struct bench_line){ .name = "the same, cells without RLPx", .unit = "B/s", .runs = &rate[BULK_CELLS], .peer = tls, .peer_value = peer,
                                      .ratio = bench_median(&ratio[BULK_CELLS]) });
    bench_print(&(struct bench_line){ .name = "the same, the MACs of its RLPx frames and nothing else", .unit = "B/s", .runs = &macs, .peer = tls,
                                      .peer_value = peer, .ratio = bench_median(&macs_ratio) });
    bench_print(&(struct bench_line){ .name = "bulk over one link, by the clock", .unit = "B/s", .runs = &clock_rate[BULK_LINK], .peer = tls,
                                      .peer_value = bench_median(&clock_rate[BULK_TLS]) });
    bench_print(&(struct bench_line){ .name = "bulk, a MiB sent, processor", .unit = "us", .runs = &send_us[BULK_LINK], .peer = tls,
                                      .peer_value = bench_median(&send_us[BULK_TLS]) });
    bench_print(&(struct bench_line){ .name = "bulk, a MiB received, processor", .unit = "us", .runs = &receive_us[BULK_LINK], .peer = tls,
                                      .peer_value = bench_median(&receive_us[BULK_TLS]) });
}

static void cell_rows(void)
{
    static struct bench_runs ours, peer, ratio;
    for (unsigned run = 0; run <= RUNS; run++) {
        double sealed = seals_a_second(), rate = cells_a_second();
        sealed = (sealed + seals_a_second()) / 2;
        if (run == 0) continue;
        bench_add(&ours, rate);
        bench_add(&peer, sealed);
        bench_add(&ratio, rate / sealed);
    }
    bench_print(&(struct bench_line){ .name = "cells of 1,136 bytes, filled, sealed, opened and read by one core", .unit = "/s", .runs = &ours,
                                      .peer = "AES-256-GCM over their text", .peer_value = bench_median(&peer), .ratio = bench_median(&ratio) });
}

static void handshake_rows(void)
{
    static struct bench_runs ours, unit, ratio;
    for (unsigned run = 0; run <= RUNS; run++) {
        double us = bench_unit_us(), took = handshake_us();
        us = (us + bench_unit_us()) / 2;
        if (run == 0) continue;
        bench_add(&ours, took);
        bench_add(&unit, us);
        bench_add(&ratio, took / us);
    }
    bench_print(&(struct bench_line){ .name = "handshake of a link, one end, in multiplications", .unit = "us", .runs = &ours, .peer = "secp256k1_ecdh",
                                      .peer_value = bench_median(&unit), .ratio = bench_median(&ratio), .goal = 8 });
}

static void memory_rows(void)
{
    static struct bench_runs runs;
    for (unsigned run = 0; run < BENCH_RUNS_MIN; run++) bench_add(&runs, memory_of_link() / 1024);
    bench_print(&(struct bench_line){ .name = "memory of one idle link more, RLPx included", .unit = "KiB", .runs = &runs, .goal = 24 });
}

static void profile(enum bulk_way way)
{
    struct bulk took = bulk_run(way, (size_t)BULK * 16);
    printf("%.0f B/s; a MiB: %.0f us sent, %.0f us received\n", took.rate, took.send_us, took.receive_us);
}

int main(int argc, char **argv)
{
    const char *only = argc == 3 && strcmp(argv[1], "--only") == 0 ? argv[2] : "";
    static const struct { const char *name; void (*run)(void); } parts[] = {
        { "bulk", bulk_rows }, { "cells", cell_rows }, { "handshake", handshake_rows }, { "memory", memory_rows },
    };
    SOTTO_ASSERT(sotto_crypto_init() == SOTTO_OK);
    sotto_rng_from_seed(&rng, 1, "link bench");
    bench_unit_begin(&rng.rng);
    bulk_body(&blob);
    if (strncmp(only, "profile-", 8) == 0) profile(only[8] == 'l' ? BULK_LINK : only[8] == 'c' ? BULK_CELLS : BULK_TLS);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!*only || strcmp(only, parts[i].name) == 0) parts[i].run();
    sotto_buf_free(&blob);
    bench_unit_end();
    return 0;
}
