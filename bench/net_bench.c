/* The speed of the network side, for each kernel of Keccak that this processor has:
 *
 *     work       tries for a nonce, against the library's permutation (which is the least a try can cost with it)
 *     new        one envelope out of a Messages packet of 64 that the node does not know: decoding, rules, work, hash, pool, and a look for
 *                its tag among 1,000 that wait, through sotto_net_step as the daemon drives it; against geth doing the same
 *     duplicate  the same envelopes again, from another neighbour; against a new one
 *
 *     bench_net [--geth-new US] [--kernel NAME]      what geth took per envelope in this run (else its published figure stands there); one
 *                                                   kernel alone, for a profiler
 *
 * The host below the relay is a stand-in that hands packets over: RLPx is not part of any of these figures. */
#include "bench/bench.h"
#include "conversation/tags.h"
#include "crypto/keccak_lanes.h"
#include "crypto/rng.h"
#include "relay/net.h"
#include "whisper/shh.h"
#include "wire/rlp.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define RUNS 9u
#define WORK_RUNS 25u                             /* short ones, each beside a run of the library, so that both see the same machine */
#define TRIES 16384u                              /* of a run; a few ms even with the library */
#define TAGS 1000u
#define PACKETS 40u                               /* of a run: 2,560 envelopes, well inside one neighbour's share of the pool */
#define IN_PACKET 64u
#define PACKET_EVERY_US 3300000u                  /* the neighbour keeps to 20 envelopes a second, so each packet is paid at once */
#define GETH_PUBLISHED_US 9.5                     /* one new envelope of 1 KiB, 1,000 subscriptions by topic, on a machine that stood idle */

struct goal { const char *kernel; double work, intake; };
static const struct goal goals[] = { { "avx2", 3.3, 4 }, { "avx512", 8, 8 } };

static struct goal goal_of(const char *kernel)
{
    for (size_t i = 0; i < sizeof goals / sizeof *goals; i++)
        if (strcmp(goals[i].kernel, kernel) == 0) return goals[i];
    return (struct goal){ kernel, 0, 0 };
}

/* ---- a host that only hands packets over ---- */

struct sotto_host { const struct sotto_capability *capability; };
static struct sotto_host the_host;
static unsigned disconnects;

enum sotto_err sotto_host_new(struct sotto_host **out, const struct sotto_host_config *config)
{
    the_host.capability = config->capabilities;
    *out = &the_host;
    return SOTTO_OK;
}
void sotto_host_free(struct sotto_host *h) { (void)h; }
void sotto_host_step(struct sotto_host *h, const struct sotto_in *in, struct sotto_now now, struct sotto_outq *out)
{
    (void)out;
    if (in->kind == SOTTO_IN_ACCEPTED) h->capability->up(h->capability->owner, in->conn, now);
    else if (in->kind == SOTTO_IN_DATA) h->capability->message(h->capability->owner, in->conn, (unsigned)in->token, in->bytes, now);
}
uint64_t sotto_host_deadline(const struct sotto_host *h)
{
    (void)h;
    return UINT64_MAX;
}
void sotto_host_quit(struct sotto_host *h, struct sotto_now now, struct sotto_outq *out) { (void)h, (void)now, (void)out; }
enum sotto_err sotto_host_probe(struct sotto_host *h, const struct sotto_enode *node, uint32_t token, struct sotto_now now, struct sotto_outq *out)
{
    (void)h, (void)node, (void)token, (void)now, (void)out;
    return SOTTO_ERR_FULL;
}
bool sotto_host_peer_at(const struct sotto_host *h, unsigned index, struct sotto_peer_info *out) { (void)h, (void)index, (void)out; return false; }
bool sotto_host_peer(const struct sotto_host *h, uint32_t peer, struct sotto_peer_info *out)
{
    (void)h;
    memset(out, 0, sizeof *out);
    out->peer = peer;
    sotto_put_be64(out->key, peer);
    return true;
}
enum sotto_err sotto_host_send(struct sotto_host *h, uint32_t peer, const struct sotto_capability *cap, unsigned code, struct sotto_span payload,
                               struct sotto_now now, struct sotto_outq *out)
{
    (void)h, (void)peer, (void)cap, (void)code, (void)payload, (void)now, (void)out;
    return SOTTO_OK;
}
void sotto_host_gather(struct sotto_host *h) { (void)h; }
void sotto_host_seal(struct sotto_host *h) { (void)h; }
void sotto_host_disconnect(struct sotto_host *h, uint32_t peer, enum sotto_reason reason, struct sotto_now now, struct sotto_outq *out)
{
    (void)h, (void)peer, (void)reason, (void)now, (void)out;
    disconnects++;
}
void sotto_host_offend(struct sotto_host *h, uint32_t peer, int score, const char *what, struct sotto_now now, struct sotto_outq *out)
{
    (void)h, (void)peer, (void)score, (void)what, (void)now, (void)out;
    disconnects++;
}
void sotto_host_pause(struct sotto_host *h, uint32_t peer, uint64_t until_us, struct sotto_outq *out) { (void)h, (void)peer, (void)until_us, (void)out; }
size_t sotto_host_backlog(const struct sotto_host *h, uint32_t peer)
{
    (void)h, (void)peer;
    return 0;
}

/* ---- work ---- */

static double library_rate(void)
{
    struct sha3_state s = { { 0 } };
    uint64_t start = bench_now_ns();
    for (uint32_t i = 0; i < TRIES; i++) sha3_permute(&s);
    volatile uint64_t sink = s.a[0];
    (void)sink;
    return TRIES * 1e9 / (double)(bench_now_ns() - start);
}

static double search_rate(void)
{
    static const uint8_t prefix[SOTTO_NATIVE_SHORT];
    struct sotto_work w;
    uint64_t nonce;
    sotto_work_init(&w, SOTTO_SPAN(prefix), 0, 64);
    uint64_t start = bench_now_ns();
    enum sotto_err err = sotto_work_step(&w, &nonce, TRIES);
    SOTTO_ASSERT(err == SOTTO_ERR_AGAIN);
    return TRIES * 1e9 / (double)(bench_now_ns() - start);
}

/* ---- intake ---- */

enum { FIRST = 1, SECOND };                       /* the two neighbours */

static struct {
    struct sotto_chacha_rng rng;
    struct sotto_buf packets[PACKETS];
    struct sotto_tags *tags;
    struct sotto_net *net;
    struct sotto_outq out;
    struct sotto_now now;
    uint64_t delivered, wanted;
} b;

static void make_packets(void)
{
    uint8_t data[SOTTO_NATIVE_DATA];
    uint32_t now_s = (uint32_t)(b.now.wall_ms / 1000);
    for (unsigned i = 0; i < PACKETS; i++) {
        struct sotto_buf *packet = &b.packets[i];
        *packet = sotto_buf_make(1u << 20);
        for (unsigned j = 0; j < IN_PACKET; j++) {
            struct sotto_envelope e = { .expiry = now_s + SOTTO_NATIVE_TTL_S, .ttl = SOTTO_NATIVE_TTL_S, .data = SOTTO_SPAN(data) };
            sotto_rng_fill(&b.rng.rng, data, sizeof data);
            sotto_rng_fill(&b.rng.rng, e.topic, sizeof e.topic);
            e.nonce = sotto_rng_u64(&b.rng.rng) >> 1 | UINT64_C(1) << 56;
            SOTTO_ASSERT(sotto_envelope_encode(packet, &e) == SOTTO_OK);
        }
        SOTTO_ASSERT(packet->size == IN_PACKET * SOTTO_NATIVE_RLP && sotto_rlp_end_list(packet, 0) == SOTTO_OK);
    }
}

static void make_tags(void)
{
    SOTTO_ASSERT(sotto_tags_new(&b.tags, TAGS) == SOTTO_OK);
    for (unsigned i = 0; i < TAGS; i++) {
        struct sotto_tag tag;
        struct sotto_tag_place place = { .owner = &b };
        sotto_rng_fill(&b.rng.rng, tag.b, sizeof tag.b);
        SOTTO_ASSERT(sotto_tags_add(b.tags, &tag, &place) == SOTTO_OK);
    }
}

static void step(uint32_t conn, enum sotto_in_kind kind, unsigned code, struct sotto_span bytes)
{
    struct sotto_in in = { .kind = kind, .conn = conn, .token = code, .bytes = bytes };
    sotto_net_step(b.net, &in, b.now, &b.out);
    for (uint32_t i = 0; i < b.out.count; i++) {
        struct sotto_tag tag;
        struct sotto_tag_place place;
        if (b.out.slots[i].kind != SOTTO_OUT_DELIVER) continue;
        memcpy(tag.b, b.out.slots[i].bytes.data, sizeof tag.b);
        b.delivered++;
        b.wanted += sotto_tags_find(b.tags, &place, &tag);
    }
    sotto_outq_clear(&b.out);
}

/* A neighbour that asks for more work than any envelope has: nothing is brought to it. */
static void neighbour(uint32_t conn)
{
    static const uint8_t status[] = { 0xcc, 0x06, 0x88, 0x7f, 0xe0, 0, 0, 0, 0, 0, 0, 0x80, 0x80 };
    step(conn, SOTTO_IN_ACCEPTED, 0, sotto_span(NULL, 0));
    step(conn, SOTTO_IN_DATA, SOTTO_SHH_STATUS, SOTTO_SPAN(status));
}

/* Microseconds per envelope. */
static double feed(uint32_t conn)
{
    uint64_t spent = 0;
    for (unsigned i = 0; i < PACKETS; i++) {
        b.now.mono_us += PACKET_EVERY_US;
        b.now.wall_ms += PACKET_EVERY_US / 1000;
        uint64_t start = bench_now_ns();
        step(conn, SOTTO_IN_DATA, SOTTO_SHH_MESSAGES, sotto_buf_span(&b.packets[i]));
        spent += bench_now_ns() - start;
    }
    return (double)spent / 1e3 / (PACKETS * IN_PACKET);
}

static void intake(double *fresh, double *again)
{
    struct sotto_net_config config = { .local = true, .plain = true, .flush_mean_us = 1000000, .emit_mean_us = 500000, .pool_bytes_max = 64u << 20,
                                       .pool_entries_max = 65536, .outbox_max = 64, .rng = &b.rng.rng };
    struct sotto_now begun = b.now;
    struct sotto_net_stats stats;
    SOTTO_ASSERT(sotto_net_new(&b.net, &config) == SOTTO_OK);
    b.delivered = b.wanted = 0;
    neighbour(FIRST);
    *fresh = feed(FIRST);
    neighbour(SECOND);
    *again = feed(SECOND);
    sotto_net_stats(b.net, &stats);
    SOTTO_ASSERT(stats.accepted == PACKETS * IN_PACKET && stats.duplicate == PACKETS * IN_PACKET && stats.pool_count == PACKETS * IN_PACKET);
    SOTTO_ASSERT(b.delivered == PACKETS * IN_PACKET && b.wanted == 0 && disconnects == 0);
    sotto_net_free(b.net);
    b.now = begun;
}

int main(int argc, char **argv)
{
    double geth_us = 0;
    const char *only = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--geth-new") == 0) geth_us = strtod(argv[i + 1], NULL);
        else if (strcmp(argv[i], "--kernel") == 0) only = argv[i + 1];
    }
    const struct sotto_keccak_kernel *kernels[SOTTO_KECCAK_KERNELS_MAX];
    unsigned count = sotto_keccak_kernels(kernels);
    struct bench_runs library[SOTTO_KECCAK_KERNELS_MAX] = { 0 }, work[SOTTO_KECCAK_KERNELS_MAX] = { 0 }, fresh[SOTTO_KECCAK_KERNELS_MAX] = { 0 }, again[SOTTO_KECCAK_KERNELS_MAX] = { 0 };
    /* Memory stays with the process between the runs, as it does in a node whose pool has found its size. */
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    SOTTO_ASSERT(sotto_crypto_init() == SOTTO_OK);
    sotto_rng_from_seed(&b.rng, 1, "net bench");
    b.now = (struct sotto_now){ 1000000000, UINT64_C(1767225600000) };
    b.out = sotto_outq_make(65536);
    make_packets();
    make_tags();
    for (unsigned run = 0; run <= WORK_RUNS; run++) {
        for (unsigned k = 0; k < count; k++) {
            if (only && strcmp(only, kernels[k]->name) != 0) continue;
            sotto_keccak_use(kernels[k]);
            double peer = library_rate(), rate = search_rate();
            if (run == 0) continue;               /* warms up */
            bench_add(&library[k], peer);
            bench_add(&work[k], rate);
        }
    }
    for (unsigned run = 0; run <= RUNS; run++) {
        for (unsigned k = 0; k < count; k++) {
            double new_us, again_us;
            if (only && strcmp(only, kernels[k]->name) != 0) continue;
            sotto_keccak_use(kernels[k]);
            intake(&new_us, &again_us);
            if (run == 0) continue;
            bench_add(&fresh[k], new_us);
            bench_add(&again[k], again_us);
        }
    }
    char name[128];
    for (unsigned k = 0; k < count; k++) {
        if (only && strcmp(only, kernels[k]->name) != 0) continue;
        struct goal goal = goal_of(kernels[k]->name);
        double peer = bench_median(&library[k]), geth = geth_us > 0 ? geth_us : GETH_PUBLISHED_US, new_us = bench_median(&fresh[k]);
        snprintf(name, sizeof name, "work tries, %s", kernels[k]->name);
        bench_print(&(struct bench_line){ .name = name, .unit = "/s", .runs = &work[k], .peer = "nettle's permutation", .peer_value = peer,
                                          .ratio = bench_median(&work[k]) / peer, .goal = goal.work, .higher = true });
        snprintf(name, sizeof name, "envelope intake, new, %s", kernels[k]->name);
        bench_print(&(struct bench_line){ .name = name, .unit = "us", .runs = &fresh[k],
                                          .peer = geth_us > 0 ? "geth v1.9.20" : "geth v1.9.20 (published figure, not measured here)", .peer_value = geth,
                                          .ratio = geth / new_us, .goal = goal.intake, .higher = true });
        snprintf(name, sizeof name, "envelope intake, duplicate, %s", kernels[k]->name);
        bench_print(&(struct bench_line){ .name = name, .unit = "us", .runs = &again[k], .peer = "a new one", .peer_value = new_us,
                                          .ratio = bench_median(&again[k]) / new_us, .goal = 0.3 });
    }
    for (unsigned i = 0; i < PACKETS; i++) sotto_buf_free(&b.packets[i]);
    sotto_tags_free(b.tags);
    sotto_outq_free(&b.out);
    return 0;
}
