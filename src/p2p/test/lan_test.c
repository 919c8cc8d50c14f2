/* The local network is an array of nodes, the clock is turned by hand. */
#include "support/test.h"

#include "crypto/curve.h"
#include "crypto/rng.h"
#include "p2p/lan.h"

#define SECOND 1000000ull
#define UDP_PORT 40000u
#define NEXT_US (SOTTO_LAN_PERIOD_US + SOTTO_LAN_SPREAD_US)       /* the next beacon is due at the latest */

static struct sotto_chacha_rng rng;
static struct sotto_now at(uint64_t us) { return (struct sotto_now){ .mono_us = us }; }
static struct sotto_addr ip(uint8_t a, uint8_t b, uint8_t c, uint8_t d) { return (struct sotto_addr){ .ip = { a, b, c, d }, .port = 5000, .family = 4 }; }
static struct sotto_addr home(unsigned n) { return ip(192, 168, 7, (uint8_t)(n + 1)); }
static struct sotto_secret secret_of(uint8_t n) { return (struct sotto_secret){ { n } }; }

static struct sotto_lan_claim claim_new(uint16_t tcp)
{
    struct sotto_scalar k;
    struct sotto_point p;
    struct sotto_lan_claim claim = { .tcp = tcp };
    sotto_scalar_random(&k, &rng.rng);
    assert_int_equal(sotto_point_make(&p, &k), SOTTO_OK);
    assert_int_equal(sotto_point_to64(claim.key, &p), SOTTO_OK);
    return claim;
}

static struct sotto_lan *lan_new(const struct sotto_lan_claim *self, uint8_t secret, uint64_t us)
{
    struct sotto_lan_config config = { .secret = secret_of(secret), .self = *self, .udp = UDP_PORT, .rng = &rng.rng };
    struct sotto_lan *l = NULL;
    assert_int_equal(sotto_lan_new(&l, &config, at(us)), SOTTO_OK);
    return l;
}

static int begin(void **state)
{
    (void)state;
    sotto_rng_from_seed(&rng, test_seed(), "lan");
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

/* Every bit but those of the port is under the hash or zero; the port may be any but 0. */
static void test_beacon(void **state)
{
    (void)state;
    struct sotto_secret secret = secret_of(1), other = secret_of(2);
    uint8_t b[SOTTO_LAN_BEACON_SIZE], salt[SOTTO_LAN_SALT], got[SOTTO_LAN_SALT], kept[SOTTO_LAN_SALT] = { 0 };
    uint16_t port = 77;
    sotto_rng_fill(&rng.rng, salt, sizeof salt);
    sotto_lan_beacon_write(b, salt, &secret, 0x1234);
    assert_int_equal(sotto_lan_beacon_read(kept, &port, SOTTO_SPAN(b), &other), SOTTO_ERR_LAN_SECRET);
    for (size_t size = 0; size < sizeof b; size++) assert_int_equal(sotto_lan_beacon_read(kept, &port, sotto_span(b, size), &secret), SOTTO_ERR_LAN_FORM);
    for (unsigned bit = 0; bit < 8 * sizeof b; bit++) {
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum sotto_err err = sotto_lan_beacon_read(bit / 8 == 48 || bit / 8 == 49 ? got : kept, &port, SOTTO_SPAN(b), &secret);
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(err, bit / 8 < 48 ? SOTTO_ERR_LAN_SECRET : bit / 8 < 50 ? SOTTO_OK : SOTTO_ERR_LAN_FORM);
    }
    assert_true(sotto_all_zero(kept, sizeof kept));                                /* nothing is written on refusal */
    assert_int_equal(sotto_lan_beacon_read(got, &port, SOTTO_SPAN(b), &secret), SOTTO_OK);
    assert_int_equal(port, 0x1234);
    assert_memory_equal(got, salt, sizeof salt);
    b[48] = b[49] = 0;
    assert_int_equal(sotto_lan_beacon_read(got, &port, SOTTO_SPAN(b), &secret), SOTTO_ERR_LAN_FORM);
}

/* An answer opens for the beacon and the secret it was made for, and holds a key of the curve and a port. */
static void test_answer(void **state)
{
    (void)state;
    struct sotto_secret secret = secret_of(1), other = secret_of(2);
    struct sotto_lan_claim claim = claim_new(30500), got;
    uint8_t a[SOTTO_LAN_ANSWER_SIZE], salt[SOTTO_LAN_SALT] = { 9 }, salt2[SOTTO_LAN_SALT] = { 8 }, nonce[24] = { 3 };
    sotto_lan_answer_write(a, &claim, salt, &secret, nonce);
    assert_int_equal(sotto_lan_answer_read(&got, SOTTO_SPAN(a), salt, &secret), SOTTO_OK);
    assert_memory_equal(got.key, claim.key, 64);
    assert_int_equal(got.tcp, 30500);
    assert_int_equal(sotto_lan_answer_read(&got, SOTTO_SPAN(a), salt, &other), SOTTO_ERR_LAN_SECRET);
    assert_int_equal(sotto_lan_answer_read(&got, SOTTO_SPAN(a), salt2, &secret), SOTTO_ERR_LAN_SECRET);
    assert_int_equal(sotto_lan_answer_read(&got, sotto_span(a, sizeof a - 1), salt, &secret), SOTTO_ERR_LAN_FORM);
    for (unsigned bit = 0; bit < 8 * sizeof a; bit++) {
        a[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(sotto_lan_answer_read(&got, SOTTO_SPAN(a), salt, &secret), SOTTO_ERR_LAN_SECRET);
        a[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t i = 0; i + 32 <= sizeof a; i++) assert_memory_not_equal(a + i, claim.key, 32);      /* nobody reads it on the way */
    claim.tcp = 0;
    sotto_lan_answer_write(a, &claim, salt, &secret, nonce);
    assert_int_equal(sotto_lan_answer_read(&got, SOTTO_SPAN(a), salt, &secret), SOTTO_ERR_LAN_FORM);
    claim.tcp = 1;
    memset(claim.key, 1, 64);
    sotto_lan_answer_write(a, &claim, salt, &secret, nonce);
    assert_int_equal(sotto_lan_answer_read(&got, SOTTO_SPAN(a), salt, &secret), SOTTO_ERR_LAN_FORM);
}

static void test_period(void **state)
{
    (void)state;
    struct sotto_lan_claim self = claim_new(1);
    struct sotto_lan *l = lan_new(&self, 1, 7);
    uint8_t a[SOTTO_LAN_BEACON_SIZE], b[SOTTO_LAN_BEACON_SIZE];
    assert_int_equal(sotto_lan_deadline(l), 7);
    assert_true(sotto_lan_tick(l, a, at(7)));
    assert_false(sotto_lan_tick(l, b, at(7)));
    uint64_t next = sotto_lan_deadline(l), least = UINT64_MAX, most = 0;
    assert_false(sotto_lan_tick(l, b, at(next - 1)));
    assert_true(sotto_lan_tick(l, b, at(next + 3 * SOTTO_LAN_PERIOD_US)));         /* a late one counts once */
    uint64_t last = next + 3 * SOTTO_LAN_PERIOD_US;
    for (unsigned i = 0; i < 1000; i++) {
        next = sotto_lan_deadline(l);
        least = next - last < least ? next - last : least;
        most = next - last > most ? next - last : most;
        assert_true(sotto_lan_tick(l, b, at(last = next)));
    }
    assert_in_range(least, SOTTO_LAN_PERIOD_US - SOTTO_LAN_SPREAD_US, SOTTO_LAN_PERIOD_US - SOTTO_LAN_SPREAD_US / 2);
    assert_in_range(most, SOTTO_LAN_PERIOD_US + SOTTO_LAN_SPREAD_US / 2, SOTTO_LAN_PERIOD_US + SOTTO_LAN_SPREAD_US);
    assert_memory_not_equal(a, b, SOTTO_LAN_SALT);
    assert_int_equal(sotto_be16(a + 48), UDP_PORT);
    sotto_lan_free(l);
}

/* One answer for a beacon of our secret, from this network, to a port of no service; none for anything else. */
static void test_who_is_answered(void **state)
{
    (void)state;
    struct sotto_lan_claim self = claim_new(30500), deaf = claim_new(0);
    struct sotto_lan *l = lan_new(&self, 1, 0), *silent = lan_new(&deaf, 1, 0);
    struct sotto_secret secret = secret_of(1), other = secret_of(2);
    uint8_t own[SOTTO_LAN_BEACON_SIZE], b[SOTTO_LAN_BEACON_SIZE], a[SOTTO_LAN_ANSWER_SIZE], salt[SOTTO_LAN_SALT] = { 0 };
    struct sotto_addr to, from = home(1), bad[] = { ip(8, 8, 8, 8), ip(127, 0, 0, 1), ip(239, 1, 1, 1), ip(0, 0, 0, 0) };
    assert_true(sotto_lan_tick(l, own, at(0)));
    assert_false(sotto_lan_heard(l, a, &to, &from, SOTTO_SPAN(own), at(0)));       /* its own voice */
    sotto_lan_beacon_write(b, salt, &secret, UDP_PORT);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(sotto_lan_heard(l, a, &to, &bad[i], SOTTO_SPAN(b), at(1)));
    assert_false(sotto_lan_heard(silent, a, &to, &from, SOTTO_SPAN(b), at(1)));
    assert_false(sotto_lan_heard(l, a, &to, &from, sotto_span(b, 63), at(1)));
    sotto_lan_beacon_write(b, salt, &secret, SOTTO_LAN_PORT_MIN - 1);
    assert_false(sotto_lan_heard(l, a, &to, &from, SOTTO_SPAN(b), at(1)));
    sotto_lan_beacon_write(b, salt, &other, UDP_PORT);
    assert_false(sotto_lan_heard(l, a, &to, &from, SOTTO_SPAN(b), at(1)));
    sotto_lan_beacon_write(b, salt, &secret, UDP_PORT);
    assert_true(sotto_lan_heard(l, a, &to, &from, SOTTO_SPAN(b), at(1)));
    assert_int_equal(to.port, UDP_PORT);
    assert_memory_equal(to.ip, from.ip, 4);
    assert_false(sotto_lan_heard(l, a, &to, &from, SOTTO_SPAN(b), at(9 * SECOND)));       /* played back */
    sotto_put_be16(b + 48, UDP_PORT + 1);
    from = home(2);
    assert_false(sotto_lan_heard(l, a, &to, &from, SOTTO_SPAN(b), at(9 * SECOND)));       /* from elsewhere, to elsewhere */
    const struct sotto_lan_stats *s = sotto_lan_stats(l);
    assert_int_equal(s->answered, 1);
    assert_int_equal(s->strangers, 6);
    assert_int_equal(s->held, 4);
    sotto_lan_free(l);
    sotto_lan_free(silent);
}

static unsigned shout(struct sotto_lan *l, unsigned count, uint64_t us)
{
    struct sotto_secret secret = secret_of(1);
    uint8_t b[SOTTO_LAN_BEACON_SIZE], a[SOTTO_LAN_ANSWER_SIZE], salt[SOTTO_LAN_SALT];
    struct sotto_addr to, from = home(3);
    unsigned answered = 0;
    for (unsigned i = 0; i < count; i++) {
        sotto_rng_fill(&rng.rng, salt, sizeof salt);
        sotto_lan_beacon_write(b, salt, &secret, UDP_PORT);
        answered += sotto_lan_heard(l, a, &to, &from, SOTTO_SPAN(b), at(us));
    }
    return answered;
}

static void test_rate(void **state)
{
    (void)state;
    struct sotto_lan_claim self = claim_new(30500);
    struct sotto_lan *l = lan_new(&self, 1, 0);
    assert_int_equal(shout(l, 10, 0), 10);
    assert_int_equal(shout(l, 200, SECOND - 1), SOTTO_LAN_RATE - 10);
    assert_int_equal(shout(l, 200, SECOND), SOTTO_LAN_RATE);
    assert_int_equal(shout(l, 200, 2 * SECOND - 1), 0);
    assert_int_equal(shout(l, 3, 3600 * SECOND), 3);
    sotto_lan_free(l);
}

static bool tell(struct sotto_lan *l, const uint8_t beacon[SOTTO_LAN_BEACON_SIZE], const struct sotto_lan_claim *claim, const struct sotto_addr *from, uint8_t secret,
                 uint64_t us)
{
    struct sotto_secret s = secret_of(secret);
    struct sotto_enode out;
    uint8_t a[SOTTO_LAN_ANSWER_SIZE], nonce[24];
    sotto_rng_fill(&rng.rng, nonce, sizeof nonce);
    sotto_lan_answer_write(a, claim, beacon, &s, nonce);
    if (!sotto_lan_answer(l, &out, from, SOTTO_SPAN(a), at(us))) return false;
    assert_memory_equal(out.key, claim->key, 64);
    assert_memory_equal(out.addr.ip, from->ip, 4);
    assert_int_equal(out.addr.port, claim->tcp);
    return true;
}

/* Only who answers the newest beacon, in time, with the secret, from this network; six of them, until one falls silent. */
static void test_who_is_dialled(void **state)
{
    (void)state;
    struct sotto_lan_claim self = claim_new(30500), claims[SOTTO_LAN_NODES_MAX + 1];
    struct sotto_lan *l = lan_new(&self, 1, 0);
    uint8_t b[SOTTO_LAN_BEACON_SIZE] = { 0 }, old[SOTTO_LAN_BEACON_SIZE], key[64];
    struct sotto_addr from = home(1), far = ip(8, 8, 8, 8);
    struct sotto_enode node;
    for (size_t i = 0; i <= SOTTO_LAN_NODES_MAX; i++) claims[i] = claim_new((uint16_t)(30001 + i));
    assert_false(tell(l, b, &claims[0], &from, 1, 0));                             /* nobody was asked: a salt of zeros is no beacon */
    assert_true(sotto_lan_tick(l, old, at(0)));
    assert_true(sotto_lan_tick(l, b, at(NEXT_US)));
    uint64_t now = NEXT_US;
    assert_false(tell(l, old, &claims[0], &from, 1, now));
    assert_false(tell(l, b, &claims[0], &from, 2, now));
    assert_false(tell(l, b, &claims[0], &far, 1, now));
    assert_false(tell(l, b, &self, &from, 1, now));
    assert_false(tell(l, b, &claims[0], &from, 1, now + SOTTO_LAN_LISTEN_US + 1));
    for (size_t i = 0; i < SOTTO_LAN_NODES_MAX; i++) assert_true(tell(l, b, &claims[i], &from, 1, now + i));
    assert_false(tell(l, b, &claims[SOTTO_LAN_NODES_MAX], &from, 1, now + 9));
    assert_false(sotto_lan_stale(l, key, at(now + SOTTO_LAN_STALE_US - 1)));
    uint64_t later = now + SOTTO_LAN_STALE_US;
    assert_true(sotto_lan_tick(l, b, at(later - 1)));
    struct sotto_addr moved = home(8);
    assert_false(tell(l, b, &claims[1], &moved, 1, later - 1));                    /* known, and not there any more: it does not live on */
    for (size_t i = 2; i < SOTTO_LAN_NODES_MAX; i++) assert_false(tell(l, b, &claims[i], &from, 1, later - 1));
    assert_true(sotto_lan_stale(l, key, at(later)));
    assert_memory_equal(key, claims[0].key, 64);
    assert_false(sotto_lan_stale(l, key, at(later)));                              /* told once; the next one has a microsecond left */
    sotto_lan_forget(l, key);
    sotto_lan_forget(l, key);
    assert_true(tell(l, b, &claims[SOTTO_LAN_NODES_MAX], &from, 1, later));
    unsigned count = 0, seen = 0;
    for (; sotto_lan_at(l, count, &node); count++) {
        assert_memory_not_equal(node.key, claims[0].key, 64);
        assert_memory_equal(node.addr.ip, from.ip, 4);
        for (size_t i = 1; i <= SOTTO_LAN_NODES_MAX; i++) seen += memcmp(node.key, claims[i].key, 64) == 0;
    }
    assert_int_equal(count, SOTTO_LAN_NODES_MAX);
    assert_int_equal(seen, SOTTO_LAN_NODES_MAX);
    assert_true(sotto_lan_stale(l, key, at(later + 1)));
    assert_memory_equal(key, claims[1].key, 64);
    assert_false(sotto_lan_stale(l, key, at(later + SOTTO_LAN_STALE_US - 2)));     /* who answered one of three beacons lives */
    sotto_lan_forget(l, claims[1].key);
    assert_true(tell(l, b, &claims[1], &moved, 1, later + 1));                     /* found anew where it is */
    sotto_lan_free(l);
}

/* network.local: loopback is the network, and nothing else is. */
static void test_local(void **state)
{
    (void)state;
    struct sotto_lan_claim self = claim_new(30500), claim = claim_new(30001);
    struct sotto_lan_config config = { .secret = secret_of(1), .self = self, .udp = UDP_PORT, .local = true, .rng = &rng.rng };
    struct sotto_lan *l = NULL;
    struct sotto_secret secret = secret_of(1);
    uint8_t b[SOTTO_LAN_BEACON_SIZE], a[SOTTO_LAN_ANSWER_SIZE], salt[SOTTO_LAN_SALT] = { 5 };
    struct sotto_addr to, loopback = ip(127, 0, 0, 1), there = home(1);
    assert_int_equal(sotto_lan_new(&l, &config, at(0)), SOTTO_OK);
    sotto_lan_beacon_write(b, salt, &secret, UDP_PORT);
    assert_false(sotto_lan_heard(l, a, &to, &there, SOTTO_SPAN(b), at(1)));
    assert_true(sotto_lan_heard(l, a, &to, &loopback, SOTTO_SPAN(b), at(1)));
    assert_true(sotto_lan_tick(l, b, at(1)));
    assert_false(tell(l, b, &claim, &there, 1, 1));
    assert_true(tell(l, b, &claim, &loopback, 1, 1));
    sotto_lan_free(l);
}

/* Rubbish costs a bounded number of tries for each beacon, and the next one begins anew. */
static void test_flood(void **state)
{
    (void)state;
    struct sotto_lan_claim self = claim_new(30500), claim = claim_new(30001);
    struct sotto_lan *l = lan_new(&self, 1, 0);
    uint8_t b[SOTTO_LAN_BEACON_SIZE], rubbish[SOTTO_LAN_ANSWER_SIZE] = { 0 };
    struct sotto_addr from = home(1);
    struct sotto_enode node;
    assert_true(sotto_lan_tick(l, b, at(0)));
    for (unsigned i = 0; i < SOTTO_LAN_ANSWERS_MAX; i++) assert_false(sotto_lan_answer(l, &node, &from, SOTTO_SPAN(rubbish), at(1)));
    assert_false(tell(l, b, &claim, &from, 1, 1));
    assert_true(sotto_lan_tick(l, b, at(NEXT_US)));
    assert_true(tell(l, b, &claim, &from, 1, NEXT_US));
    sotto_lan_free(l);
}

/* ---- a whole network ---- */

#define NODES 7u
struct house { struct sotto_lan *lan; struct sotto_lan_claim claim; uint8_t secret; };

static void round_of(struct house *h, unsigned from, unsigned loss_pct, uint64_t us)
{
    uint8_t b[SOTTO_LAN_BEACON_SIZE], a[SOTTO_LAN_ANSWER_SIZE];
    struct sotto_addr to, here = home(from);
    struct sotto_enode node;
    if (!sotto_lan_tick(h[from].lan, b, at(us))) return;
    for (unsigned i = 0; i < NODES; i++) {                                         /* itself too, and everybody twice */
        unsigned answers = 0;
        for (unsigned twice = 0; twice < 2; twice++) {
            struct sotto_addr there = home(i);
            if (sotto_rng_below(&rng.rng, 100) < loss_pct || !sotto_lan_heard(h[i].lan, a, &to, &here, SOTTO_SPAN(b), at(us))) continue;
            test_rule(i != from && h[i].secret == h[from].secret, "only another node of the same secret answers", from);
            test_rule(++answers == 1, "a beacon that comes twice is answered once", from);
            test_rule(memcmp(to.ip, here.ip, 4) == 0 && to.port == UDP_PORT, "the answer goes to who asked", from);
            if (sotto_rng_below(&rng.rng, 100) < loss_pct) continue;
            if (!sotto_lan_answer(h[from].lan, &node, &there, SOTTO_SPAN(a), at(us))) continue;
            test_rule(memcmp(node.key, h[i].claim.key, 64) == 0 && memcmp(node.addr.ip, there.ip, 4) == 0, "the node found is the one that answered", from);
        }
    }
}

/* Two secrets on one wire that loses a third of everything: after two hours everybody knows all of its own and nobody else. A pair misses
 * all 110 rounds with probability below (1 - 0.66 x 0.66)^110 < 1e-27. */
static void test_network(void **state)
{
    (void)state;
    for (unsigned run = 1; run <= 5; run++) {
        struct house h[NODES];
        for (unsigned i = 0; i < NODES; i++) {
            h[i].secret = (uint8_t)(1 + i % 2);
            h[i].claim = claim_new((uint16_t)(30000 + i));
            h[i].lan = lan_new(&h[i].claim, h[i].secret, sotto_rng_below(&rng.rng, 60 * SECOND));
        }
        for (uint64_t us = 0; us < 7200 * SECOND; us += SECOND)
            for (unsigned i = 0; i < NODES; i++) round_of(h, i, 33, us);
        for (unsigned i = 0; i < NODES; i++) {
            unsigned count = 0, mates = 0, known = 0;
            struct sotto_enode node;
            for (unsigned k = 0; k < NODES; k++) mates += k != i && h[k].secret == h[i].secret;
            for (; sotto_lan_at(h[i].lan, count, &node); count++)
                for (unsigned k = 0; k < NODES; k++) known += k != i && h[k].secret == h[i].secret && memcmp(node.key, h[k].claim.key, 64) == 0;
            test_rule(count == mates && known == mates, "everybody knows all of its own and nobody else", run);
        }
        for (unsigned i = 0; i < NODES; i++) sotto_lan_free(h[i].lan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beacon), cmocka_unit_test(test_answer), cmocka_unit_test(test_period), cmocka_unit_test(test_who_is_answered), cmocka_unit_test(test_rate),
        cmocka_unit_test(test_who_is_dialled), cmocka_unit_test(test_local), cmocka_unit_test(test_flood), cmocka_unit_test(test_network),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
