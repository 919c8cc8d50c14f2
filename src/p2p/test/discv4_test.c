/* The conformance list of devp2p.md 11.1, test by test under its name there: what the devp2p tool sends, and what passes, for the older
 * and the newer tool at once (the stricter of both). The machine hears loopback, as the tool demands. */
#include "discv4_rig.h"

#include "crypto/hash.h"
#include "wire/rlp.h"

#define QUIET (300 * MS)                  /* how long the tool waits for a packet */

static struct rig *rig;
static struct stranger tester;
static const struct sotto_disc_endpoint wrong = { { .ip = { 192, 0, 2, 0 }, .family = 4 }, 0 };

static int setup(void **state)
{
    (void)state;
    rig = malloc(sizeof *rig);
    if (!rig) return -1;
    rig_begin(rig, true, false);
    rig_pass(rig, SECOND);
    rig_forget(rig);
    tester = stranger_make(1, rig_addr(127, 0, 0, 1, 40001));
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    rig_end(rig);
    free(rig);
    return 0;
}

static struct sotto_disc_packet honest_ping(void)
{
    return (struct sotto_disc_packet){ .type = SOTTO_DISC_PING, .version = 4, .from = { tester.addr, tester.tcp }, .to = { rig_addr(127, 0, 0, 1, 30303), 30304 } };
}

/* A Pong first, then a Ping, both at once and nothing else: right hash, our real address in to, from.tcp mirrored, not expired. */
static void expect_pong(const uint8_t hash[32], uint16_t tcp, bool ping_back)
{
    assert_int_equal(rig->said_count, ping_back ? 2 : 1);
    const struct sotto_disc_packet *pong = &rig->said[0].p;
    assert_int_equal(pong->type, SOTTO_DISC_PONG);
    assert_true(sotto_addr_equal(&rig->said[0].to, &tester.addr) && sotto_addr_equal(&pong->to.addr, &tester.addr));
    assert_int_equal(pong->to.tcp, tcp);
    assert_memory_equal(pong->reply_to, hash, 32);
    assert_true(sotto_disc_fresh(pong->expiration, rig->now.wall_ms) && pong->enr_seq == 42);
    if (ping_back) assert_true(rig->said[1].p.type == SOTTO_DISC_PING && rig->said[1].p.version == 4 && sotto_addr_equal(&rig->said[1].to, &tester.addr));
    rig_pass(rig, QUIET - 1);
    assert_int_equal(rig->said_count, ping_back ? 2 : 1);
}

static void test_ping_basic(void **state)
{
    (void)state;
    uint8_t hash[32];
    struct sotto_disc_packet p = honest_ping();
    stranger_send(rig, &tester, &p, hash);
    expect_pong(hash, tester.tcp, true);
}

static void test_ping_wrong_to(void **state)
{
    (void)state;
    uint8_t hash[32];
    struct sotto_disc_packet p = honest_ping();
    p.to = wrong;
    stranger_send(rig, &tester, &p, hash);
    expect_pong(hash, tester.tcp, true);
}

static void test_ping_wrong_from(void **state)
{
    (void)state;
    uint8_t hash[32];
    struct sotto_disc_packet p = honest_ping();
    p.from = wrong;
    stranger_send(rig, &tester, &p, hash);
    expect_pong(hash, 0, true);
}

/* A Ping whose list goes on after the expiration: 2a where enr-seq would be, then 9 bytes. */
static void ping_with_extras(struct sotto_disc_packet *p)
{
    struct sotto_disc_bytes b;
    struct sotto_buf body = sotto_buf_make(512);
    static const uint8_t extras[] = { 0x89, 0xfe, 1, 2, 3, 4, 5, 6, 7, 8 };
    struct sotto_sig65 sig;
    uint8_t digest[32];
    p->expiration = rig->now.wall_ms / 1000 + 20;
    p->enr_seq = 0x2a;
    assert_int_equal(sotto_disc_write(&b, p, &tester.key), SOTTO_OK);
    size_t head = b.b[98] >= 0xf8 ? 2 : 1;
    assert_int_equal(sotto_buf_add(&body, b.b + 98 + head, b.size - 98 - head), SOTTO_OK);
    assert_int_equal(sotto_buf_add(&body, extras, sizeof extras), SOTTO_OK);
    assert_int_equal(sotto_rlp_end_list(&body, 0), SOTTO_OK);
    memcpy(b.b + 98, body.data, body.size);
    b.size = 98 + body.size;
    sotto_buf_free(&body);
    sotto_keccak256(digest, sotto_span(b.b + 97, b.size - 97));
    assert_int_equal(sotto_sign(&sig, &tester.key, digest), SOTTO_OK);
    sig.b[64] -= 27;
    memcpy(b.b + 32, sig.b, 65);
    sotto_keccak256(b.b, sotto_span(b.b + 32, b.size - 32));
    rig_datagram(rig, &tester.addr, b.b, b.size);
    expect_pong(b.b, p->from.tcp, true);
}

static void test_ping_extra_data(void **state)
{
    (void)state;
    struct sotto_disc_packet p = honest_ping();
    ping_with_extras(&p);
}

static void test_ping_extra_data_wrong_from(void **state)
{
    (void)state;
    struct sotto_disc_packet p = honest_ping();
    p.from = wrong;
    ping_with_extras(&p);
}

static void test_ping_past_expiration(void **state)
{
    (void)state;
    struct sotto_disc_packet p = honest_ping();
    p.expiration = (uint64_t)-20;
    stranger_send(rig, &tester, &p, NULL);
    p.expiration = rig->now.wall_ms / 1000;           /* and one that has just run out */
    stranger_send(rig, &tester, &p, NULL);
    rig_pass(rig, QUIET);
    assert_int_equal(rig->said_count, 0);
}

static void test_ping_wrong_packet_type(void **state)
{
    (void)state;
    struct sotto_disc_packet p = honest_ping();
    struct sotto_disc_bytes b;
    struct sotto_sig65 sig;
    uint8_t digest[32];
    p.expiration = rig->now.wall_ms / 1000 + 20;
    assert_int_equal(sotto_disc_write(&b, &p, &tester.key), SOTTO_OK);
    b.b[97] = 66;
    sotto_keccak256(digest, sotto_span(b.b + 97, b.size - 97));
    assert_int_equal(sotto_sign(&sig, &tester.key, digest), SOTTO_OK);
    sig.b[64] -= 27;
    memcpy(b.b + 32, sig.b, 65);
    sotto_keccak256(b.b, sotto_span(b.b + 32, b.size - 32));
    rig_datagram(rig, &tester.addr, b.b, b.size);
    rig_pass(rig, QUIET);
    assert_int_equal(rig->said_count, 0);
}

static void test_bond_then_ping_with_wrong_from(void **state)
{
    (void)state;
    uint8_t hash[32];
    stranger_bond(rig, &tester);
    struct sotto_disc_packet p = honest_ping();
    p.from = wrong;
    stranger_send(rig, &tester, &p, hash);
    expect_pong(hash, 0, false);
}

static void test_enr_request(void **state)
{
    (void)state;
    uint8_t hash[32];
    struct sotto_enr r;
    stranger_bond(rig, &tester);
    struct sotto_disc_packet p = { .type = SOTTO_DISC_ENR_REQUEST };
    stranger_send(rig, &tester, &p, hash);
    assert_int_equal(rig->said_count, 1);
    const struct sotto_disc_packet *answer = &rig->said[0].p;
    assert_int_equal(answer->type, SOTTO_DISC_ENR_RESPONSE);
    assert_memory_equal(answer->reply_to, hash, 32);
    assert_int_equal(sotto_enr_read(&r, answer->record), SOTTO_OK);
    assert_memory_equal(r.key, rig->key64, 64);
    assert_true(r.seq == 42 && r.sotto && r.roles == 5 && r.tcp == 30304 && r.udp == 30303);
    assert_true(sotto_span_equal(answer->record, sotto_enr_span(sotto_discv4_record(rig->d))));
}

static void test_enr_request_without_endpoint_proof(void **state)
{
    (void)state;
    struct sotto_disc_packet p = { .type = SOTTO_DISC_ENR_REQUEST };
    stranger_send(rig, &tester, &p, NULL);
    rig_pass(rig, QUIET);
    assert_int_equal(rig->said_count, 0);
}

static void test_findnode_without_endpoint_proof(void **state)
{
    (void)state;
    stranger_find(rig, &tester, tester.key64);
    rig_pass(rig, QUIET);
    assert_int_equal(rig->said_count, 0);
}

static void test_findnode_basic(void **state)
{
    (void)state;
    uint8_t target[64];
    sotto_rng_fill(&rig->rng.rng, target, 64);
    stranger_bond(rig, &tester);
    stranger_find(rig, &tester, target);
    assert_true(rig->said_count == 1 && rig->said[0].p.type == SOTTO_DISC_NEIGHBORS);
}

static void test_findnode_unsolicited_neighbors(void **state)
{
    (void)state;
    struct stranger made_up = stranger_make(2, rig_addr(127, 0, 0, 1, 40100));
    struct sotto_disc_packet p = { .type = SOTTO_DISC_NEIGHBORS, .node_count = 1, .nodes = { { .at = { made_up.addr, 1 } } } };
    memcpy(p.nodes[0].key, made_up.key64, 64);
    stranger_bond(rig, &tester);
    stranger_send(rig, &tester, &p, NULL);
    stranger_find(rig, &tester, made_up.key64);
    assert_true(rig->said_count == 1 && rig->said[0].p.type == SOTTO_DISC_NEIGHBORS);
    for (unsigned i = 0; i < rig->said[0].p.node_count; i++) assert_memory_not_equal(rig->said[0].p.nodes[i].key, made_up.key64, 64);
}

static void test_findnode_past_expiration(void **state)
{
    (void)state;
    struct sotto_disc_packet p = { .type = SOTTO_DISC_FINDNODE, .expiration = (uint64_t)-20 };
    stranger_bond(rig, &tester);
    stranger_send(rig, &tester, &p, NULL);
    rig_pass(rig, 2 * SECOND);
    assert_int_equal(rig_said(rig, &tester.addr, SOTTO_DISC_NEIGHBORS), 0);
}

static void test_amplification_invalid_pong_hash(void **state)
{
    (void)state;
    static const uint8_t zero[32];
    stranger_ping(rig, &tester, NULL);
    stranger_pong(rig, &tester, zero, &tester.addr, 0);
    rig_forget(rig);
    stranger_find(rig, &tester, tester.key64);
    rig_pass(rig, QUIET);
    assert_int_equal(rig->said_count, 0);
    assert_false(sotto_discv4_bonded(rig->d, tester.key64, &tester.addr, rig->now));
}

static void test_amplification_wrong_ip(void **state)
{
    (void)state;
    struct stranger second = tester;
    second.addr.ip[3] = 2;
    stranger_bond(rig, &tester);
    stranger_find(rig, &second, tester.key64);
    rig_pass(rig, 2 * SECOND);
    assert_int_equal(rig_said(rig, &second.addr, 0), 0);
}

/* What the list asks besides: after a bond nothing of our own for 300 ms; then Findnode and ENRRequest do come. */
static void test_quiet_after_bond(void **state)
{
    (void)state;
    struct sotto_disc_packet p = { .type = SOTTO_DISC_PONG, .to = { tester.addr, 0 }, .enr_seq = 7 };
    stranger_ping(rig, &tester, NULL);
    memcpy(p.reply_to, rig->said[1].p.hash, 32);
    stranger_send(rig, &tester, &p, NULL);
    rig_forget(rig);
    assert_int_equal(sotto_discv4_lookup(rig->d, tester.key64, 1), SOTTO_OK);
    rig_pass(rig, QUIET - 1);
    assert_int_equal(rig->said_count, 0);
    rig_pass(rig, 10 * MS);
    assert_int_equal(rig_said(rig, &tester.addr, SOTTO_DISC_FINDNODE), 1);
    assert_int_equal(rig_said(rig, &tester.addr, SOTTO_DISC_ENR_REQUEST), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_ping_basic), T(test_ping_wrong_to), T(test_ping_wrong_from), T(test_ping_extra_data), T(test_ping_extra_data_wrong_from),
        T(test_ping_past_expiration), T(test_ping_wrong_packet_type), T(test_bond_then_ping_with_wrong_from), T(test_enr_request),
        T(test_enr_request_without_endpoint_proof), T(test_findnode_without_endpoint_proof), T(test_findnode_basic),
        T(test_findnode_unsolicited_neighbors), T(test_findnode_past_expiration), T(test_amplification_invalid_pong_hash),
        T(test_amplification_wrong_ip), T(test_quiet_after_bond),
    };
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
