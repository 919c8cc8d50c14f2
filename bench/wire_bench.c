/* What the network pays for a message: bytes that the neighbours write to each other for each native envelope that comes to a node for the first time, with
 * announcements on links of sotto/1 and with the flooding of shh/6. Whole nodes on wires in memory: a random graph in which every node has the same number
 * of neighbours, 50 ms from one to the other, messages of all nodes in turns of chance. Counted is what is handed to TCP, all of it: frames, Pings,
 * round trips; once the links are up.
 *
 *     bench_wire [--degree D] [--rate R] [--seed S]      --degree: one run, and what came of it */
#include "bench/bench.h"
#include "crypto/rng.h"
#include "crypto/setup.h"
#include "relay/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 60, CONNS = 64, LATENCY_STEPS = 5, STEP_US = 10000, UP_STEPS = 500, SEND_STEPS = 2000, DRAIN_STEPS = 1500, GOAL_PERCENT = 130 };

struct packet { struct packet *next; uint64_t at; uint32_t node, conn; enum sotto_in_kind kind; struct sotto_addr addr; struct sotto_buf bytes; uint64_t token, value; };
struct node {
    struct sotto_net *net;
    struct sotto_chacha_rng rng;
    struct sotto_outq out;
    struct sotto_enode enode;
    struct { uint32_t node, conn; bool open; } wires[CONNS];
};
static struct node nodes[NODES];
static struct packet *first, **last;
static struct sotto_now now;
static uint64_t steps, bytes, delivered, duplicates;

static void push(uint32_t node, uint32_t conn, enum sotto_in_kind kind, uint64_t delay, struct packet more)
{
    struct packet *p = malloc(sizeof *p);
    SOTTO_ASSERT(p);
    *p = more;
    p->next = NULL;
    p->at = steps + delay;
    p->node = node;
    p->conn = conn;
    p->kind = kind;
    struct packet **at = delay == LATENCY_STEPS ? last : &first;          /* all that travels takes as long: what is due at once goes in front, in order */
    while (delay != LATENCY_STEPS && *at && (*at)->at <= p->at) at = &(*at)->next;
    p->next = *at;
    *at = p;
    if (!p->next) last = &p->next;
}

static void carry_out(uint32_t i)
{
    struct node *n = &nodes[i];
    for (uint32_t k = 0; k < n->out.count; k++) {
        struct sotto_out *o = &n->out.slots[k];
        if (o->kind == SOTTO_OUT_DIAL) {
            uint32_t to = o->addr.port - 1000u, conn = sotto_host_next_conn(sotto_net_host(nodes[to].net));
            SOTTO_ASSERT(conn < CONNS && o->conn < CONNS);
            n->wires[o->conn].node = to, n->wires[o->conn].conn = conn, n->wires[o->conn].open = true;
            nodes[to].wires[conn].node = i, nodes[to].wires[conn].conn = o->conn, nodes[to].wires[conn].open = true;
            push(i, o->conn, SOTTO_IN_OPENED, LATENCY_STEPS, (struct packet){ .token = 0 });
            push(to, conn, SOTTO_IN_ACCEPTED, LATENCY_STEPS, (struct packet){ .addr = { { 127, 0, 0, 1 }, (uint16_t)(20000 + i * 100 + conn), 4 } });
        } else if (o->kind == SOTTO_OUT_SEND && n->wires[o->conn].open) {
            bytes += o->bytes.size;
            push(i, o->conn, SOTTO_IN_SENT, 0, (struct packet){ .token = o->bytes.size });
            push(n->wires[o->conn].node, n->wires[o->conn].conn, SOTTO_IN_DATA, LATENCY_STEPS, (struct packet){ .bytes = o->bytes });
            o->bytes = sotto_buf_make(0);
        } else if (o->kind == SOTTO_OUT_CLOSE) {
            fprintf(stderr, "bench_wire: node %u closed a connection\n", i);
            exit(1);
        } else if (o->kind == SOTTO_OUT_MINE) {
            uint64_t nonce = 0;
            enum sotto_err err = sotto_work_search(&nonce, sotto_buf_span(&o->bytes), o->value, o->bits, NULL);
            SOTTO_ASSERT(err == SOTTO_OK);
            push(i, 0, SOTTO_IN_MINED, 0, (struct packet){ .token = o->token, .value = nonce });
        } else if (o->kind == SOTTO_OUT_DELIVER) {
            delivered++;
        }
    }
    sotto_outq_clear(&n->out);
}

static void step(uint32_t i, const struct sotto_in *in)
{
    sotto_net_step(nodes[i].net, in, now, &nodes[i].out);
    carry_out(i);
}

static void pass(unsigned count)
{
    static const struct sotto_in tick = { .kind = SOTTO_IN_TICK };
    for (; count > 0; count--, steps++, now.mono_us += STEP_US, now.wall_ms += STEP_US / 1000) {
        while (first && first->at <= steps) {
            struct packet *p = first;
            first = p->next;
            if (!first) last = &first;
            struct sotto_in in = { .kind = p->kind, .conn = p->conn, .addr = p->addr, .bytes = sotto_buf_span(&p->bytes), .token = p->token, .value = p->value };
            if (p->kind == SOTTO_IN_MINED || nodes[p->node].wires[p->conn].open) step(p->node, &in);
            sotto_buf_free(&p->bytes);
            free(p);
        }
        for (uint32_t i = 0; i < NODES; i++)
            if (sotto_net_deadline(nodes[i].net) <= now.mono_us) step(i, &tick);
    }
}

static void begin(bool whisper_only, uint64_t seed)
{
    memset(nodes, 0, sizeof nodes);
    first = NULL;
    last = &first;
    now = (struct sotto_now){ 1000000000, UINT64_C(1767225600000) };
    steps = bytes = delivered = 0;
    for (uint32_t i = 0; i < NODES; i++) {
        struct node *n = &nodes[i];
        struct sotto_net_config c = { .listen_port = (uint16_t)(1000 + i), .local = true, .plain = true, .whisper_only = whisper_only, .work_bits = 0, .flush_mean_us = 1000000,
                                      .gather_us = 10000, .emit_mean_us = 500000, .pool_bytes_max = 64u << 20, .pool_entries_max = 65536, .outbox_max = 4096,
                                      .slots = { true, 40, 8, 40 }, .rng = &n->rng.rng };
        struct sotto_point p;
        sotto_rng_from_seed(&n->rng, seed + i, "bench wire");
        sotto_scalar_random(&c.key, &n->rng.rng);
        enum sotto_err err = sotto_point_make(&p, &c.key);
        if (err == SOTTO_OK) err = sotto_point_to64(n->enode.key, &p);
        n->enode.addr = (struct sotto_addr){ { 127, 0, 0, 1 }, (uint16_t)(1000 + i), 4 };
        n->out = sotto_outq_make(65536);
        if (err == SOTTO_OK) err = sotto_net_new(&n->net, &c);
        SOTTO_ASSERT(err == SOTTO_OK);
    }
}

/* Every node has `degree` neighbours: pairs of a random order, again until no pair comes twice. */
static void wire(unsigned degree, struct sotto_rng *rng)
{
    static uint8_t pair[NODES][NODES];
    memset(pair, 0, sizeof pair);
    for (unsigned round = 0; round < degree;) {
        uint32_t order[NODES];
        bool good = true;
        for (uint32_t i = 0; i < NODES; i++) {
            uint32_t at = (uint32_t)sotto_rng_below(rng, i + 1);
            order[i] = order[at];
            order[at] = i;
        }
        for (uint32_t i = 0; i < NODES; i += 2) good &= !pair[order[i]][order[i + 1]];
        if (!good) continue;
        round++;
        for (uint32_t i = 0; i < NODES; i += 2) {
            uint32_t a = order[i], b = order[i + 1];
            pair[a][b] = pair[b][a] = 1;
            enum sotto_err err = sotto_host_add(sotto_net_host(nodes[a].net), &nodes[b].enode, now, &nodes[a].out);
            SOTTO_ASSERT(err == SOTTO_OK);
            carry_out(a);
        }
    }
}

static void end(void)
{
    while (first) {
        struct packet *p = first;
        first = p->next;
        sotto_buf_free(&p->bytes);
        free(p);
    }
    for (uint32_t i = 0; i < NODES; i++) {
        sotto_net_free(nodes[i].net);
        sotto_outq_free(&nodes[i].out);
    }
}

/* Bytes for each delivery; *copies: how many bodies came for each that was new. */
static double run(unsigned degree, unsigned rate, bool whisper_only, uint64_t seed, double *copies)
{
    struct sotto_chacha_rng dice;
    uint64_t sent = 0;
    sotto_rng_from_seed(&dice, seed, "bench wire dice");
    begin(whisper_only, seed);
    wire(degree, &dice.rng);
    pass(UP_STEPS);
    bytes = delivered = 0;
    for (unsigned s = 0; s < SEND_STEPS; s++) {
        while (sent * 1000000u < (uint64_t)s * STEP_US * rate) {
            uint8_t sealed[SOTTO_SEALED_SIZE];
            uint32_t i = (uint32_t)sotto_rng_below(&dice.rng, NODES);
            sotto_rng_fill(&dice.rng, sealed, sizeof sealed);
            enum sotto_err err = sotto_net_submit(nodes[i].net, ++sent, sealed, now, &nodes[i].out);
            SOTTO_ASSERT(err == SOTTO_OK);
            carry_out(i);
        }
        pass(1);
    }
    pass(DRAIN_STEPS);
    duplicates = 0;
    for (uint32_t i = 0; i < NODES; i++) {
        struct sotto_net_stats s;
        sotto_net_stats(nodes[i].net, &s);
        duplicates += s.duplicate;
    }
    *copies = (double)(delivered + duplicates) / (double)delivered;
    if (delivered != sent * (NODES - 1)) fprintf(stderr, "bench_wire: %llu of %llu deliveries\n", (unsigned long long)delivered, (unsigned long long)(sent * (NODES - 1)));
    double each = (double)bytes / (double)delivered;
    end();
    return each;
}

static void row(unsigned degree, unsigned rate, uint64_t seed)
{
    struct bench_runs links = { .count = 0 };
    double copies = 0, plain = 0, flood = run(degree, rate, true, seed, &plain);     /* one run: it moves by less than one in a hundred, and takes long */
    char name[96];
    for (unsigned i = 0; i < BENCH_RUNS_MIN; i++) bench_add(&links, run(degree, rate, false, seed + i, &copies));
    fprintf(stderr, "degree %u, %u messages a second: %.0f bytes a delivery by links (%.2f bodies), %.0f by shh/6 (%.2f)\n", degree, rate, bench_median(&links), copies,
            flood, plain);
    snprintf(name, sizeof name, "wire: bytes a delivery, degree %u, %u/s", degree, rate);
    bench_print(&(struct bench_line){ .name = name, .unit = "B", .runs = &links, .peer = "one envelope", .peer_value = SOTTO_NATIVE_RLP,
                                      .ratio = bench_median(&links) / SOTTO_NATIVE_RLP, .goal = GOAL_PERCENT / 100.0 });
    snprintf(name, sizeof name, "wire: links against shh/6, degree %u, %u/s", degree, rate);
    bench_print(&(struct bench_line){ .name = name, .unit = "B", .runs = &links, .peer = "shh/6", .peer_value = flood, .ratio = bench_median(&links) / flood });
}

int main(int argc, char **argv)
{
    unsigned degree = 0, rate = 40;
    uint64_t seed = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--degree") == 0) degree = (unsigned)strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--rate") == 0) rate = (unsigned)strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[i + 1], NULL, 10);
    }
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    if (degree) {
        double copies, by_links = run(degree, rate, false, seed, &copies);
        printf("degree %u rate %u: links %.0f B (%.3f of an envelope, %.2f bodies)\n", degree, rate, by_links, by_links / SOTTO_NATIVE_RLP, copies);
        return 0;
    }
    static const unsigned rates[] = { 9, 80 };    /* what a thousand nodes say while nobody hurries, and a busy network */
    for (unsigned i = 0; i < 2; i++) {
        row(8, rates[i], seed);
        row(14, rates[i], seed);
    }
    return 0;
}
