/* Node records: what is written reads back, and everything that EIP-778 forbids is refused. */
#include "support/test.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/rng.h"
#include "p2p/enr.h"
#include "wire/rlp.h"

static const struct sotto_scalar secret = { { [31] = 7 } };

/* A record of these items behind seq, signed as they are: for contents that sotto_enr_sign would not write. */
static struct sotto_span sign_items(struct sotto_buf *out, struct sotto_span items)
{
    struct sotto_buf list = sotto_buf_make(2048);
    uint8_t digest[32];
    struct sotto_sig65 sig;
    assert_int_equal(sotto_rlp_add_list_head(&list, items.size), SOTTO_OK);
    assert_int_equal(sotto_buf_add_span(&list, items), SOTTO_OK);
    sotto_keccak256(digest, sotto_buf_span(&list));
    assert_int_equal(sotto_sign(&sig, &secret, digest), SOTTO_OK);
    sotto_buf_free(&list);
    out->size = 0;
    assert_int_equal(sotto_rlp_add_bytes(out, sotto_span(sig.b, 64)), SOTTO_OK);
    assert_int_equal(sotto_buf_add_span(out, items), SOTTO_OK);
    assert_int_equal(sotto_rlp_end_list(out, 0), SOTTO_OK);
    return sotto_buf_span(out);
}

struct pair { const char *key; const char *hex; };    /* hex: the value as an RLP item; "K" = the right public key */

static enum sotto_err read_pairs(struct sotto_enr *r, const struct pair *pairs, size_t count)
{
    struct sotto_buf items = sotto_buf_make(2048), record = sotto_buf_make(2048);
    struct sotto_point point;
    uint8_t raw[512];
    assert_int_equal(sotto_point_make(&point, &secret), SOTTO_OK);
    assert_int_equal(sotto_rlp_add_uint(&items, 5), SOTTO_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(sotto_rlp_add_bytes(&items, sotto_span_str(pairs[i].key)), SOTTO_OK);
        if (strcmp(pairs[i].hex, "K") == 0) {
            assert_int_equal(sotto_rlp_add_bytes(&items, SOTTO_SPAN(point.b)), SOTTO_OK);
            continue;
        }
        size_t size = strlen(pairs[i].hex) / 2;
        assert_int_equal(sotto_unhex(raw, size, sotto_span_str(pairs[i].hex)), SOTTO_OK);
        assert_int_equal(sotto_buf_add(&items, raw, size), SOTTO_OK);
    }
    enum sotto_err err = sotto_enr_read(r, sign_items(&record, sotto_buf_span(&items)));
    sotto_buf_free(&items);
    sotto_buf_free(&record);
    return err;
}
#define READ(r, ...) read_pairs((r), (const struct pair[]){ __VA_ARGS__ }, sizeof((const struct pair[]){ __VA_ARGS__ }) / sizeof(struct pair))

static void same(const struct sotto_enr *a, const struct sotto_enr *b)
{
    assert_true(a->seq == b->seq && a->has_ip4 == b->has_ip4 && a->has_ip6 == b->has_ip6 && a->tcp == b->tcp && a->udp == b->udp &&
                a->tcp6 == b->tcp6 && a->udp6 == b->udp6 && a->sotto == b->sotto && a->roles == b->roles);
    if (a->has_ip4) assert_memory_equal(a->ip4, b->ip4, 4);
    if (a->has_ip6) assert_memory_equal(a->ip6, b->ip6, 16);
}

static void test_read_back(void **state)
{
    (void)state;
    struct sotto_chacha_rng rng;
    sotto_rng_from_seed(&rng, test_seed(), "enr");
    for (unsigned run = 0; run < 300; run++) {
        struct sotto_enr r = { .seq = sotto_rng_u64(&rng.rng) >> (run % 64) }, back, again;
        struct sotto_enr_record record, parsed;
        struct sotto_scalar key;
        struct sotto_point point;
        uint8_t choice[2], key64[64];
        char text[SOTTO_ENR_TEXT_SIZE];
        sotto_scalar_random(&key, &rng.rng);
        sotto_rng_fill(&rng.rng, choice, sizeof choice);
        r.has_ip4 = choice[0] & 1;
        r.has_ip6 = choice[0] & 2;
        r.sotto = choice[0] & 4;
        sotto_rng_fill(&rng.rng, r.ip4, 4);
        sotto_rng_fill(&rng.rng, r.ip6, 16);
        if (choice[0] & 8) r.tcp = (uint16_t)sotto_rng_u64(&rng.rng);
        if (choice[0] & 16) r.udp = (uint16_t)sotto_rng_u64(&rng.rng);
        if (choice[0] & 32) r.tcp6 = (uint16_t)sotto_rng_u64(&rng.rng);
        if (choice[0] & 64) r.udp6 = choice[1];
        if (r.sotto) r.roles = (uint16_t)(choice[1] * 3u);
        assert_int_equal(sotto_enr_sign(&record, &r, &key), SOTTO_OK);
        test_rule(record.size <= 197, "a record of ours is short", run + 1);
        assert_int_equal(sotto_enr_read(&back, sotto_enr_span(&record)), SOTTO_OK);
        same(&r, &back);
        assert_int_equal(sotto_point_make(&point, &key), SOTTO_OK);
        assert_int_equal(sotto_point_to64(key64, &point), SOTTO_OK);
        assert_memory_equal(back.key, key64, 64);
        assert_int_equal(sotto_enr_text(text, sotto_enr_span(&record)), SOTTO_OK);
        assert_int_equal(sotto_enr_parse(&parsed, &again, sotto_span_str(text)), SOTTO_OK);
        same(&r, &again);
        assert_true(sotto_span_equal(sotto_enr_span(&record), sotto_enr_span(&parsed)));
        /* any changed bit is seen */
        size_t at = (size_t)sotto_rng_below(&rng.rng, record.size);
        record.b[at] ^= (uint8_t)(1u << (choice[1] & 7));
        memset(&back, 0xa5, sizeof back);
        test_rule(sotto_enr_read(&back, sotto_enr_span(&record)) != SOTTO_OK, "a changed bit is seen", run + 1);
        for (size_t i = 0; i < sizeof back; i++) assert_int_equal(((uint8_t *)&back)[i], 0xa5);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    struct sotto_enr r;
    static const char v4[] = "827634", port[] = "82765f", ip[] = "847f000001";
    assert_int_equal(READ(&r, { "id", v4 }, { "secp256k1", "K" }), SOTTO_OK);
    assert_true(r.seq == 5 && !r.has_ip4 && !r.has_ip6 && r.udp == 0 && !r.sotto);
    assert_int_equal(READ(&r, { "secp256k1", "K" }), SOTTO_ERR_ENR);                                          /* no scheme */
    assert_int_equal(READ(&r, { "id", v4 }), SOTTO_ERR_ENR);                                                  /* no key */
    assert_int_equal(READ(&r, { "id", "827635" }, { "secp256k1", "K" }), SOTTO_ERR_ENR);                      /* "v5" */
    assert_int_equal(READ(&r, { "id", "c3827634" }, { "secp256k1", "K" }), SOTTO_ERR_ENR);                    /* a list */
    assert_int_equal(READ(&r, { "id", v4 }, { "secp256k1", "820301" }), SOTTO_ERR_ENR);                       /* short */
    assert_int_equal(READ(&r, { "id", v4 }, { "secp256k1", "a1020000000000000000000000000000000000000000000000000000000000000000" }), SOTTO_ERR_KEY);
    /* order */
    assert_int_equal(READ(&r, { "id", v4 }, { "secp256k1", "K" }, { "ip", ip }), SOTTO_ERR_ENR);
    assert_int_equal(READ(&r, { "id", v4 }, { "id", v4 }, { "secp256k1", "K" }), SOTTO_ERR_ENR);
    assert_int_equal(READ(&r, { "id", v4 }, { "ip6", "80" }, { "ip", ip }, { "secp256k1", "K" }), SOTTO_ERR_ENR);
    assert_int_equal(READ(&r, { "", "80" }, { "", "80" }, { "id", v4 }, { "secp256k1", "K" }), SOTTO_ERR_ENR);
    assert_int_equal(READ(&r, { "", "80" }, { "id", v4 }, { "ip", ip }, { "secp256k1", "K" }, { "udp", port }, { "zz", "c20102" }), SOTTO_OK);
    assert_true(r.has_ip4 && r.ip4[0] == 127 && r.udp == 30303);
    /* a value of another shape counts as absent */
    assert_int_equal(READ(&r, { "id", v4 }, { "ip", "83010203" }, { "ip6", "c0" }, { "secp256k1", "K" }, { "tcp", "83010000" }, { "udp", "820001" }), SOTTO_OK);
    assert_true(!r.has_ip4 && !r.has_ip6 && r.tcp == 0 && r.udp == 0);
    /* our key */
    assert_int_equal(READ(&r, { "id", v4 }, { "secp256k1", "K" }, { "sotto", "c20105" }), SOTTO_OK);
    assert_true(r.sotto && r.roles == 5);
    static const char *const other[] = { "c20205", "c101", "c3010501", "05", "c20180", "c4018300ffff", "c50183010000" };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        assert_int_equal(READ(&r, { "id", v4 }, { "secp256k1", "K" }, { "sotto", other[i] }), i == 5 ? SOTTO_ERR_RLP : SOTTO_OK);
        if (i != 5) assert_int_equal(r.sotto, i == 4);                                                        /* roles 0 is a good value */
    }
    /* size: 300 bytes are allowed, 301 are not */
    static char big[2 * 256 + 1];
    struct sotto_buf items = sotto_buf_make(512), record = sotto_buf_make(512);
    struct sotto_point point;
    for (size_t filler = 150; filler < 200; filler++) {
        assert_int_equal(sotto_point_make(&point, &secret), SOTTO_OK);
        items.size = 0;
        assert_int_equal(sotto_rlp_add_uint(&items, 1), SOTTO_OK);
        assert_int_equal(sotto_rlp_add_bytes(&items, sotto_span_str("id")), SOTTO_OK);
        assert_int_equal(sotto_rlp_add_bytes(&items, sotto_span_str("v4")), SOTTO_OK);
        assert_int_equal(sotto_rlp_add_bytes(&items, sotto_span_str("secp256k1")), SOTTO_OK);
        assert_int_equal(sotto_rlp_add_bytes(&items, SOTTO_SPAN(point.b)), SOTTO_OK);
        assert_int_equal(sotto_rlp_add_bytes(&items, sotto_span_str("z")), SOTTO_OK);
        assert_int_equal(sotto_rlp_add_bytes(&items, sotto_span(big, filler)), SOTTO_OK);
        struct sotto_span s = sign_items(&record, sotto_buf_span(&items));
        assert_int_equal(sotto_enr_read(&r, s), s.size <= 300 ? SOTTO_OK : SOTTO_ERR_ENR);
    }
    /* a byte behind the record, a pair without a value, a signature of another size */
    struct sotto_enr_record good;
    assert_int_equal(sotto_enr_sign(&good, &r, &secret), SOTTO_OK);
    good.b[good.size] = 0x80;
    assert_int_equal(sotto_enr_read(&r, sotto_span(good.b, good.size + 1)), SOTTO_ERR_RLP);
    for (size_t cut = 0; cut < good.size; cut++) assert_int_equal(sotto_enr_read(&r, sotto_span(good.b, cut)), SOTTO_ERR_RLP);
    items.size = 0;
    assert_int_equal(sotto_rlp_add_uint(&items, 1), SOTTO_OK);
    assert_int_equal(sotto_rlp_add_bytes(&items, sotto_span_str("id")), SOTTO_OK);
    assert_int_equal(sotto_enr_read(&r, sign_items(&record, sotto_buf_span(&items))), SOTTO_ERR_RLP);
    sotto_buf_free(&items);
    sotto_buf_free(&record);
}

static void test_text(void **state)
{
    (void)state;
    struct sotto_enr r = { .seq = 1 }, out;
    struct sotto_enr_record record, parsed;
    char text[SOTTO_ENR_TEXT_SIZE], bad[2 * SOTTO_ENR_TEXT_SIZE];
    assert_int_equal(sotto_enr_sign(&record, &r, &secret), SOTTO_OK);
    assert_int_equal(sotto_enr_text(text, sotto_enr_span(&record)), SOTTO_OK);
    static const char *const forms[] = { "%s=", "%s\n", " %s", "ENR:%s", "%s==", "%sA" };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        snprintf(bad, sizeof bad, forms[i], i == 3 ? text + 4 : text);
        assert_int_not_equal(sotto_enr_parse(&parsed, &out, sotto_span_str(bad)), SOTTO_OK);
    }
    assert_int_equal(sotto_enr_parse(&parsed, &out, sotto_span_str("")), SOTTO_ERR_ENR);
    assert_int_equal(sotto_enr_parse(&parsed, &out, sotto_span_str("enr:")), SOTTO_ERR_RLP);
    memset(bad, 'A', sizeof bad);
    memcpy(bad, "enr:", 4);
    assert_int_equal(sotto_enr_parse(&parsed, &out, sotto_span(bad, sizeof bad)), SOTTO_ERR_ENR);
}

static void test_endpoint(void **state)
{
    (void)state;
    struct sotto_addr a;
    uint16_t tcp;
    struct sotto_enr r = { .tcp = 1, .udp = 2, .tcp6 = 3, .udp6 = 4, .ip4 = { 1, 2, 3, 4 }, .ip6 = { 0x20, 1, [15] = 9 } };
    assert_false(sotto_enr_endpoint(&r, &a, &tcp));
    r.has_ip6 = true;
    assert_true(sotto_enr_endpoint(&r, &a, &tcp));
    assert_true(a.family == 6 && a.ip[15] == 9 && a.port == 4 && tcp == 3);
    r.tcp6 = r.udp6 = 0;
    assert_true(sotto_enr_endpoint(&r, &a, &tcp) && a.port == 2 && tcp == 1);
    r.tcp6 = r.udp6 = 7;
    r.has_ip4 = true;
    assert_true(sotto_enr_endpoint(&r, &a, &tcp) && a.family == 4 && a.ip[3] == 4 && a.port == 2 && tcp == 1);
    static const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff, 9, 8, 7, 6 };
    r.has_ip4 = false;
    memcpy(r.ip6, mapped, 16);
    assert_true(sotto_enr_endpoint(&r, &a, &tcp) && a.family == 4 && a.ip[0] == 9 && a.ip[4] == 0 && a.port == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_back),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_endpoint),
    };
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
