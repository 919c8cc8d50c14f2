/* Packets of discovery v4: what is written reads back, what the specification forbids is refused, and refused for its reason. */
#include "support/test.h"

#include "crypto/hash.h"
#include "crypto/rng.h"
#include "p2p/discv4_packet.h"
#include "p2p/enr.h"
#include "wire/rlp.h"

static const struct sotto_scalar secret = { { [31] = 7 } };

/* A packet of any type and body, well signed and hashed. */
static struct sotto_span seal(struct sotto_disc_bytes *out, uint8_t type, const void *body, size_t size)
{
    struct sotto_sig65 sig;
    uint8_t digest[32];
    out->b[97] = type;
    if (size) memcpy(out->b + 98, body, size);
    out->size = 98 + size;
    sotto_keccak256(digest, sotto_span(out->b + 97, size + 1));
    assert_int_equal(sotto_sign(&sig, &secret, digest), SOTTO_OK);
    sig.b[64] -= 27;
    memcpy(out->b + 32, sig.b, 65);
    sotto_keccak256(out->b, sotto_span(out->b + 32, out->size - 32));
    return sotto_span(out->b, out->size);
}

static void random_endpoint(struct sotto_disc_endpoint *e, struct sotto_rng *rng)
{
    memset(e, 0, sizeof *e);
    e->addr.family = (uint8_t)(sotto_rng_below(rng, 3) * 2);
    if (e->addr.family == 2) e->addr.family = 6;
    sotto_rng_fill(rng, e->addr.ip, e->addr.family == 4 ? 4 : e->addr.family == 6 ? 16 : 0);
    e->addr.port = (uint16_t)sotto_rng_u64(rng);
    e->tcp = (uint16_t)(sotto_rng_u64(rng) & 0xff);
}
static void same_endpoint(const struct sotto_disc_endpoint *a, const struct sotto_disc_endpoint *b)
{
    assert_true(sotto_addr_equal(&a->addr, &b->addr) && a->tcp == b->tcp);
}

static void test_read_back(void **state)
{
    (void)state;
    struct sotto_chacha_rng rng;
    struct sotto_enr_record record;
    struct sotto_enr r = { .seq = 3, .sotto = true };
    sotto_rng_from_seed(&rng, test_seed(), "packets");
    assert_int_equal(sotto_enr_sign(&record, &r, &secret), SOTTO_OK);
    for (unsigned run = 0; run < 300; run++) {
        struct sotto_disc_packet p, q;
        struct sotto_disc_bytes bytes;
        memset(&p, 0, sizeof p);
        p.type = (enum sotto_disc_type)(1 + run % 6);
        p.expiration = sotto_rng_u64(&rng.rng) >> (run % 64);
        p.version = 4;
        p.enr_seq = sotto_rng_u64(&rng.rng) >> (run % 61);
        random_endpoint(&p.from, &rng.rng);
        random_endpoint(&p.to, &rng.rng);
        sotto_rng_fill(&rng.rng, p.reply_to, 32);
        sotto_rng_fill(&rng.rng, p.target, 64);
        p.node_count = (unsigned)sotto_rng_below(&rng.rng, SOTTO_DISC_NEIGHBORS_MAX + 1);
        for (unsigned i = 0; i < p.node_count; i++) {
            random_endpoint(&p.nodes[i].at, &rng.rng);
            sotto_rng_fill(&rng.rng, p.nodes[i].key, 64);
        }
        p.record = sotto_enr_span(&record);
        assert_int_equal(sotto_disc_write(&bytes, &p, &secret), SOTTO_OK);
        assert_int_equal(sotto_disc_read(&q, sotto_span(bytes.b, bytes.size)), SOTTO_OK);
        assert_true(q.type == p.type);
        if (p.type != SOTTO_DISC_ENR_RESPONSE) assert_true(q.expiration == p.expiration);
        if (p.type == SOTTO_DISC_PING) same_endpoint(&p.from, &q.from);
        if (p.type == SOTTO_DISC_PING || p.type == SOTTO_DISC_PONG) {
            same_endpoint(&p.to, &q.to);
            assert_true(p.enr_seq == q.enr_seq);
        }
        if (p.type == SOTTO_DISC_PONG || p.type == SOTTO_DISC_ENR_RESPONSE) assert_memory_equal(p.reply_to, q.reply_to, 32);
        if (p.type == SOTTO_DISC_FINDNODE) assert_memory_equal(p.target, q.target, 64);
        if (p.type == SOTTO_DISC_NEIGHBORS) {
            assert_int_equal(p.node_count, q.node_count);
            for (unsigned i = 0; i < p.node_count; i++) {
                same_endpoint(&p.nodes[i].at, &q.nodes[i].at);
                assert_memory_equal(p.nodes[i].key, q.nodes[i].key, 64);
            }
        }
        if (p.type == SOTTO_DISC_ENR_RESPONSE) assert_true(sotto_span_equal(p.record, q.record));
    }
}

static void test_largest(void **state)
{
    (void)state;
    struct sotto_disc_packet p;
    struct sotto_disc_bytes bytes;
    static uint8_t big[SOTTO_DISC_PACKET_MAX];
    memset(&p, 0, sizeof p);
    p.type = SOTTO_DISC_NEIGHBORS;
    p.expiration = UINT64_MAX;
    p.node_count = SOTTO_DISC_NEIGHBORS_MAX;
    for (unsigned i = 0; i < p.node_count; i++) {
        memset(p.nodes[i].key, 0xff, 64);
        p.nodes[i].at = (struct sotto_disc_endpoint){ .addr = { .family = 6, .port = 65535, .ip = { 0x20 } }, .tcp = 65535 };
    }
    assert_int_equal(sotto_disc_write(&bytes, &p, &secret), SOTTO_OK);
    assert_true(bytes.size <= SOTTO_DISC_PACKET_MAX && bytes.size + 91 > SOTTO_DISC_PACKET_MAX);
    memset(&p, 0, sizeof p);
    p.type = SOTTO_DISC_ENR_RESPONSE;
    p.record = sotto_span(big, sizeof big);
    assert_int_equal(sotto_disc_write(&bytes, &p, &secret), SOTTO_ERR_FULL);
}

static void test_refusals(void **state)
{
    (void)state;
    struct sotto_disc_packet p;
    struct sotto_disc_bytes b;
    static uint8_t body[1200];
    static const uint8_t empty[] = { 0xc0 }, request[] = { 0xc5, 0x84, 1, 2, 3, 4 }, zeros[] = { 0xc2, 0, 1 }, wide[] = { 0xca, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0 };
    static const uint8_t tail[] = { 0xc8, 0x84, 1, 2, 3, 4, 9, 0xc1, 0x80, 'j', 'u', 'n', 'k' }, broken[] = { 0xc7, 0x84, 1, 2, 3, 4, 0xc5, 1 };
    assert_int_equal(sotto_disc_read(&p, sotto_span(NULL, 0)), SOTTO_ERR_FORMAT);
    seal(&b, SOTTO_DISC_ENR_REQUEST, request, sizeof request);
    assert_int_equal(sotto_disc_read(&p, sotto_span(b.b, b.size)), SOTTO_OK);
    assert_true(p.expiration == 0x01020304);
    assert_int_equal(sotto_disc_read(&p, sotto_span(b.b, 97)), SOTTO_ERR_FORMAT);
    assert_int_equal(sotto_disc_read(&p, sotto_span(b.b, b.size - 1)), SOTTO_ERR_DISC_HASH);
    assert_int_equal(sotto_disc_read(&p, seal(&b, SOTTO_DISC_ENR_REQUEST, tail, sizeof tail)), SOTTO_OK);
    assert_int_equal(sotto_disc_read(&p, seal(&b, SOTTO_DISC_ENR_REQUEST, broken, sizeof broken)), SOTTO_ERR_RLP);
    assert_int_equal(sotto_disc_read(&p, seal(&b, SOTTO_DISC_ENR_REQUEST, empty, sizeof empty)), SOTTO_ERR_RLP);
    assert_int_equal(sotto_disc_read(&p, seal(&b, SOTTO_DISC_ENR_REQUEST, zeros, sizeof zeros)), SOTTO_ERR_RLP);
    assert_int_equal(sotto_disc_read(&p, seal(&b, SOTTO_DISC_ENR_REQUEST, wide, sizeof wide)), SOTTO_ERR_RLP);
    assert_int_equal(sotto_disc_read(&p, seal(&b, SOTTO_DISC_ENR_REQUEST, NULL, 0)), SOTTO_ERR_RLP);
    static const uint8_t types[] = { 0, 7, 66, 255 };
    for (size_t i = 0; i < sizeof types; i++) assert_int_equal(sotto_disc_read(&p, seal(&b, types[i], request, sizeof request)), SOTTO_ERR_DISC_TYPE);
    /* the signature: recovery id, high s, zero */
    seal(&b, SOTTO_DISC_ENR_REQUEST, request, sizeof request);
    b.b[96] = 27;
    sotto_keccak256(b.b, sotto_span(b.b + 32, b.size - 32));
    assert_int_equal(sotto_disc_read(&p, sotto_span(b.b, b.size)), SOTTO_ERR_SIG_FORM);
    memset(b.b + 32, 0, 65);
    sotto_keccak256(b.b, sotto_span(b.b + 32, b.size - 32));
    assert_int_equal(sotto_disc_read(&p, sotto_span(b.b, b.size)), SOTTO_ERR_SIG_FORM);
    /* size: junk up to 1280 bytes is read over, one more is not */
    memcpy(body, request, sizeof request);
    assert_int_equal(sotto_disc_read(&p, seal(&b, SOTTO_DISC_ENR_REQUEST, body, SOTTO_DISC_PACKET_MAX - 98)), SOTTO_OK);
    uint8_t more[SOTTO_DISC_PACKET_MAX + 1] = { 0 };
    memcpy(more, b.b, b.size);
    assert_int_equal(sotto_disc_read(&p, sotto_span(more, sizeof more)), SOTTO_ERR_FORMAT);
    /* endpoints have three elements, ports 16 bits; an IP may have any size */
    static const uint8_t four[] = { 0xca, 4, 0xc4, 0x80, 1, 2, 3, 0xc3, 0x80, 1, 2 }, port[] = { 0xce, 4, 0xc6, 0x80, 0x83, 1, 0, 0, 2, 0xc3, 0x80, 1, 2, 5 };
    static const uint8_t odd[] = { 0xcc, 4, 0xc5, 0x82, 9, 9, 1, 2, 0xc3, 0x80, 1, 2, 5 };
    assert_int_equal(sotto_disc_read(&p, seal(&b, SOTTO_DISC_PING, four, sizeof four)), SOTTO_ERR_RLP);
    assert_int_equal(sotto_disc_read(&p, seal(&b, SOTTO_DISC_PING, port, sizeof port)), SOTTO_ERR_RLP);
    assert_int_equal(sotto_disc_read(&p, seal(&b, SOTTO_DISC_PING, odd, sizeof odd)), SOTTO_OK);
    assert_true(p.from.addr.family == 0 && p.from.addr.port == 1 && p.from.tcp == 2 && p.expiration == 5 && p.enr_seq == 0);
}

static void test_fresh(void **state)
{
    (void)state;
    assert_true(sotto_disc_fresh(101, 100999));
    assert_false(sotto_disc_fresh(100, 100999));
    assert_false(sotto_disc_fresh(100, 100000));                            /* the current second has passed */
    assert_true(sotto_disc_fresh(100, 99999));
    assert_false(sotto_disc_fresh(0, 100000));
    assert_true(sotto_disc_fresh((uint64_t)INT64_MAX - 1, 100000));
    assert_false(sotto_disc_fresh((uint64_t)INT64_MAX, 100000));
    assert_false(sotto_disc_fresh((uint64_t)-20, 100000));                  /* what the conformance suite sends */
    assert_false(sotto_disc_fresh(UINT64_MAX, 100000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_back), cmocka_unit_test(test_largest), cmocka_unit_test(test_refusals), cmocka_unit_test(test_fresh),
    };
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
