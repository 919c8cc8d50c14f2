/* Fifty machines in a small network that delays and loses datagrams. All know one of them at first; all find each other. After every step
 * the bounds of the table hold, and nobody who has proven nothing gets more than a Pong and a Ping for a Ping, nor three times its bytes.
 * Everything follows from a printed seed. */
#include "support/test.h"

#include "crypto/hash.h"
#include "crypto/rng.h"
#include "p2p/discv4_state.h"

#define MS SOTTO_DISC_MS
#define SECOND SOTTO_DISC_SECOND
enum { NODES = 50, FLYING_MAX = 8192, LOSS_PERCENT = 10, TRIES = 6 };

struct node {
    struct sotto_chacha_rng rng;
    struct sotto_discv4 *d;
    struct sotto_disc_node self;
    uint8_t id[32];
    uint64_t deadline_us;
    bool dead, starved, found_end;
    unsigned found, bonded, gone, records;
    uint64_t sent, told_bytes;
    struct sotto_disc_node result[SOTTO_DISC_RESULTS];
    unsigned result_count;
};
struct datagram { uint64_t at_us; unsigned from, to; size_t size; uint8_t b[SOTTO_DISC_PACKET_MAX]; };

static struct node nodes[NODES];
static struct datagram *flying;
static unsigned flying_count;
static struct sotto_now now;
static struct sotto_chacha_rng luck;
static struct sotto_disc_out slots[SOTTO_DISC_OUT_MAX];
static struct sotto_disc_outq out = { slots, 0, SOTTO_DISC_OUT_MAX };
static unsigned step, lost, delivered, strangers;

static int node_of(const struct sotto_addr *a)
{
    for (int i = 0; i < NODES; i++)
        if (sotto_addr_equal(&nodes[i].self.at.addr, a)) return i;
    return -1;
}

static void check_table(struct sotto_discv4 *d)
{
    const struct sotto_disc_entry *all[SOTTO_DISC_BUCKETS * SOTTO_DISC_BUCKET];
    unsigned count = 0;
    for (unsigned i = 0; i < SOTTO_DISC_BUCKETS; i++) {
        const struct sotto_disc_bucket *b = &d->buckets[i];
        test_rule(b->count <= SOTTO_DISC_BUCKET && b->spare_count <= SOTTO_DISC_SPARES, "a bucket keeps its bound", step);
        for (unsigned j = 0; j < b->count; j++) {
            test_rule(sotto_disc_bucket_of(d->id, b->entries[j].id) == i, "an entry lies in the bucket of its distance", step);
            test_rule(memcmp(b->entries[j].id, d->id, 32) != 0, "nobody is in its own table", step);
            for (unsigned k = 0; k < count; k++) test_rule(memcmp(all[k]->id, b->entries[j].id, 32) != 0, "no node stands twice", step);
            all[count++] = &b->entries[j];
        }
    }
}

/* source: whose datagram this answers, -1 = nobody's; known: it was bonded before. */
static void take(unsigned who, int source, bool known, size_t request)
{
    struct node *n = &nodes[who];
    size_t to_stranger = 0;
    for (uint32_t i = 0; i < out.count; i++) {
        const struct sotto_disc_out *o = &out.slots[i];
        if (o->kind == SOTTO_DISC_STARVED) n->starved = true;
        else if (o->kind == SOTTO_DISC_BONDED) n->bonded++;
        else if (o->kind == SOTTO_DISC_GONE) n->gone++;
        else if (o->kind == SOTTO_DISC_RECORD) n->records++;
        else if (o->kind == SOTTO_DISC_FOUND) {
            n->found_end = true;
            n->result_count = o->count;
            memcpy(n->result, o->nodes, sizeof n->result);
        }
        if (o->kind != SOTTO_DISC_SEND) continue;
        int to = node_of(&o->addr);
        test_rule(to >= 0, "nothing is sent to an address that does not exist", step);
        if (source >= 0 && !known && to == source) {
            to_stranger += o->size;
            test_rule(o->bytes[97] == SOTTO_DISC_PONG || o->bytes[97] == SOTTO_DISC_PING, "a stranger gets a Pong and a Ping only", step);
        }
        n->sent++;
        if (sotto_rng_below(&luck.rng, 100) < LOSS_PERCENT) {
            lost++;
            continue;
        }
        assert_true(flying_count < FLYING_MAX);
        struct datagram *g = &flying[flying_count++];
        g->at_us = now.mono_us + 5 * MS + sotto_rng_below(&luck.rng, 75 * MS);
        g->from = who;
        g->to = (unsigned)to;
        g->size = o->size;
        memcpy(g->b, o->bytes, o->size);
    }
    if (source >= 0 && !known) {
        strangers += to_stranger > 0;
        test_rule(to_stranger <= 3 * request, "a stranger gets at most three times its bytes", step);
    }
    out.count = 0;
    check_table(n->d);
    n->deadline_us = sotto_discv4_deadline(n->d);
    step++;
}

static void feed_starving(unsigned i)
{
    if (!nodes[i].starved) return;
    nodes[i].starved = false;
    enum sotto_err err = sotto_discv4_add(nodes[i].d, &nodes[i == 0].self, now);
    assert_true(err == SOTTO_OK || err == SOTTO_ERR_FULL || err == SOTTO_ERR_EXISTS);
    nodes[i].deadline_us = sotto_discv4_deadline(nodes[i].d);
}

static void advance(uint64_t to)
{
    if (to > now.mono_us) {
        now.wall_ms += (to - now.mono_us) / 1000;
        now.mono_us = to;
    }
}

static void pass(uint64_t us)
{
    uint64_t end = now.mono_us + us;
    for (;;) {
        uint64_t at = UINT64_MAX;
        unsigned next = 0, first = 0;
        bool tick = false;
        for (unsigned i = 0; i < NODES; i++)
            if (!nodes[i].dead && nodes[i].deadline_us < at) at = nodes[i].deadline_us, next = i, tick = true;
        for (unsigned i = 0; i < flying_count; i++)
            if (flying[i].at_us < at) at = flying[i].at_us, first = i, tick = false;
        if (at > end) break;
        advance(at);
        if (tick) {
            sotto_discv4_tick(nodes[next].d, now, &out);
            take(next, -1, true, 0);
            feed_starving(next);
            continue;
        }
        static struct datagram g;
        g = flying[first];
        flying[first] = flying[--flying_count];
        if (nodes[g.to].dead) continue;
        delivered++;
        const struct node *from = &nodes[g.from];
        bool known = sotto_discv4_bonded(nodes[g.to].d, from->self.key, &from->self.at.addr, now);
        sotto_discv4_datagram(nodes[g.to].d, &from->self.at.addr, sotto_span(g.b, g.size), now, &out);
        take(g.to, (int)g.from, known, g.size);
    }
    advance(end);
}

static bool finds(unsigned who, unsigned whom)
{
    nodes[who].found_end = false;
    assert_int_equal(sotto_discv4_lookup(nodes[who].d, nodes[whom].self.key, whom), SOTTO_OK);
    nodes[who].deadline_us = sotto_discv4_deadline(nodes[who].d);
    for (unsigned i = 0; i < 120 && !nodes[who].found_end; i++) pass(SECOND / 2);
    test_rule(nodes[who].found_end, "a lookup ends within a minute", step);
    for (unsigned i = 0; i < nodes[who].result_count; i++) {
        int n = node_of(&nodes[who].result[i].at.addr);
        test_rule(n >= 0 && memcmp(nodes[n].self.key, nodes[who].result[i].key, 64) == 0, "what is found is true", step);
        if (n == (int)whom) return true;
    }
    return false;
}

static void test_all_find_each_other(void **state)
{
    (void)state;
    const char *rounds_text = getenv("SOTTO_ROUNDS");
    unsigned rounds = rounds_text ? (unsigned)strtoul(rounds_text, NULL, 10) : 2, tries = 0, lookups = 0;
    flying = calloc(FLYING_MAX, sizeof *flying);
    assert_non_null(flying);
    sotto_rng_from_seed(&luck, test_seed(), "network");
    now = (struct sotto_now){ SECOND, 1700000000000 };
    for (unsigned i = 0; i < NODES; i++) {
        struct node *n = &nodes[i];
        struct sotto_discv4_config config = { .udp = (uint16_t)(20000 + i), .tcp = (uint16_t)(20000 + i), .roles = 1, .rng = &n->rng.rng };
        struct sotto_point point;
        char purpose[32];
        snprintf(purpose, sizeof purpose, "node %u", i);
        sotto_rng_from_seed(&n->rng, test_seed(), purpose);
        sotto_scalar_random(&config.key, &n->rng.rng);
        assert_int_equal(sotto_point_make(&point, &config.key), SOTTO_OK);
        assert_int_equal(sotto_point_to64(n->self.key, &point), SOTTO_OK);
        sotto_keccak256(n->id, SOTTO_SPAN(n->self.key));
        n->self.at = (struct sotto_disc_endpoint){ { .ip = { (uint8_t)(20 + i), (uint8_t)i, 1, 1 }, .family = 4, .port = config.udp }, config.tcp };
        assert_int_equal(sotto_discv4_new(&n->d, &config, now), SOTTO_OK);
        n->deadline_us = sotto_discv4_deadline(n->d);
        n->starved = i > 0;
    }
    for (unsigned i = 0; i < NODES; i++) feed_starving(i);
    pass(150 * SECOND);                               /* two refreshes of a small table */
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < NODES; i++) {
            unsigned whom = (i + 1 + round * 13) % NODES, try = 0;
            if (whom == i) continue;
            while (try < TRIES && !finds(i, whom)) try++;
            test_rule(try < TRIES, "everybody finds everybody", step);
            tries += try;
            lookups++;
        }
    }
    unsigned least = NODES, records = 0, agreed = 0;
    uint64_t sent = 0;
    for (unsigned i = 0; i < NODES; i++) {
        unsigned live = 0;
        struct sotto_disc_node n;
        struct sotto_enr r;
        bool is_live;
        for (unsigned j = 0; sotto_discv4_node_at(nodes[i].d, j, &n, &is_live); j++) live += is_live;
        if (live < least) least = live;
        records += nodes[i].records;
        sent += nodes[i].sent;
        assert_int_equal(sotto_enr_read(&r, sotto_enr_span(sotto_discv4_record(nodes[i].d))), SOTTO_OK);
        /* three of other groups have told it where it is, and its record says so */
        if (r.has_ip4 && memcmp(r.ip4, nodes[i].self.at.addr.ip, 4) == 0 && r.udp == nodes[i].self.at.addr.port && r.seq >= 2) agreed++;
    }
    printf("%u lookups, %u repeated; %u steps, %llu datagrams sent, %u lost, %u delivered; %u first contacts; at least %u live nodes in a table; %u records\n",
           lookups, tries, step, (unsigned long long)sent, lost, delivered, strangers, least, records);
    test_rule(least >= 8, "every table has live nodes", step);
    test_rule(strangers >= NODES, "strangers met", step);
    assert_int_equal(agreed, NODES);
    assert_true(records >= NODES);
    for (unsigned i = 0; i < 10; i++) nodes[i].dead = true;           /* a fifth of the network goes, with the node that all knew first */
    for (unsigned i = 10; i < NODES; i += 8) {
        unsigned try = 0, whom = i + 1;
        while (try < TRIES && !finds(i, whom)) try++;
        test_rule(try < TRIES, "those who are left still find each other", step);
        for (unsigned j = 0; j < nodes[i].result_count; j++) test_rule(node_of(&nodes[i].result[j].at.addr) >= 10, "who is gone is not found", step);
    }
    for (unsigned i = 0; i < NODES; i++) sotto_discv4_free(nodes[i].d);
    free(flying);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_all_find_each_other) };
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
