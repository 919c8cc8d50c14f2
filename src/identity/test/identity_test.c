/* Certificates, scan cards, safety numbers, boxes, records. Links: link_test.c. */
#include "identity/test/people.h"

#include "crypto/mnemonic.h"
#include "identity/box.h"
#include "identity/record.h"
#include "identity/safety.h"

static struct sotto_chacha_rng chacha;
#define RNG (&chacha.rng)

/* ---- certificates ---- */

static enum sotto_err read_at(const uint8_t *bytes, size_t size, uint64_t now_ms)
{
    struct sotto_cert c;
    return sotto_cert_read(&c, sotto_span(bytes, size), now_ms, NULL);
}

static void test_cert_round_trip(void **state)
{
    (void)state;
    struct person p = person_make(RNG);
    struct sotto_cert c;
    assert_int_equal(p.size, 230);
    assert_int_equal(sotto_cert_read(&c, person_cert(&p), NOW_MS, NULL), SOTTO_OK);
    assert_memory_equal(c.key.b, p.key.b, 33);
    assert_memory_equal(c.xkey.b, p.xkey.b, 33);
    assert_true(sotto_id_equal(&c.id, &p.id) && c.not_after_s == p.cert.not_after_s && c.chain_id == 0);
}

static void test_cert_endpoint(void **state)
{
    (void)state;
    struct person p = person_make(RNG);
    struct sotto_cert c = p.cert, back;
    struct sotto_buf b = sotto_buf_make(1000);
    c.kind = 1;
    c.endpoint_size = 128;
    memset(c.endpoint, 'e', 128);
    assert_int_equal(sotto_cert_make(&b, &c, &p.identity), SOTTO_OK);
    assert_int_equal(b.size, SOTTO_CERT_MAX);
    assert_int_equal(sotto_cert_parse(&back, sotto_buf_span(&b)), SOTTO_OK);
    assert_memory_equal(back.endpoint, c.endpoint, 128);
    c.kind = 0;
    assert_int_equal(sotto_cert_make(&b, &c, &p.identity), SOTTO_ERR_CERT_FORM);
    c.kind = 2;
    c.endpoint[3] = '\n';
    assert_int_equal(sotto_cert_make(&b, &c, &p.identity), SOTTO_ERR_CERT_FORM);
    c.endpoint[3] = 'e';
    c.endpoint_size = 129;
    assert_int_equal(sotto_cert_make(&b, &c, &p.identity), SOTTO_ERR_CERT_FORM);
    assert_int_equal(b.size, SOTTO_CERT_MAX);         /* nothing was appended by the refused ones */
    sotto_buf_free(&b);
}

/* Every refusal by name, and with each fault all later ones present too: the first of the list must win. */
static void test_cert_order(void **state)
{
    (void)state;
    struct person p = person_make(RNG), other = person_make(RNG);
    struct sotto_cert c = p.cert;
    uint8_t bytes[SOTTO_CERT_MAX];
    size_t size;
    uint8_t not_a_point[33] = { 2 };
    memset(not_a_point + 1, 0xff, 32);
    /* From the last check to the first; each fault stays when the next is added. */
    c.id = other.id;
    person_sign_any(bytes, &size, &c, &p.identity);
    assert_int_equal(read_at(bytes, size, NOW_MS), SOTTO_ERR_CERT_OWNER);
    person_sign_any(bytes, &size, &c, &other.identity);
    assert_int_equal(read_at(bytes, size, NOW_MS), SOTTO_ERR_CERT_SIG);
    person_high_s(bytes + 165);
    assert_int_equal(read_at(bytes, size, NOW_MS), SOTTO_ERR_SIG_FORM);
    c.not_after_s = NOW_S;
    person_sign_any(bytes, &size, &c, &other.identity);
    assert_int_equal(read_at(bytes, size, NOW_MS), SOTTO_ERR_CERT_EXPIRED);
    assert_int_equal(read_at(bytes, size, NOW_MS - 1), SOTTO_ERR_CERT_SIG);
    c.not_before_s = NOW_S + 121;
    c.not_after_s = NOW_S + 122;
    person_sign_any(bytes, &size, &c, &other.identity);
    assert_int_equal(read_at(bytes, size, NOW_MS), SOTTO_ERR_CERT_EARLY);
    assert_int_equal(read_at(bytes, size, NOW_MS + 1000), SOTTO_ERR_CERT_SIG);
    c.not_after_s = c.not_before_s;
    person_sign_any(bytes, &size, &c, &other.identity);
    assert_int_equal(read_at(bytes, size, NOW_MS), SOTTO_ERR_CERT_TIMES);
    c.xkey = c.key;
    c.xkey.b[0] ^= 1;                                 /* the other point with the same x is the same key */
    person_sign_any(bytes, &size, &c, &other.identity);
    assert_int_equal(read_at(bytes, size, NOW_MS), SOTTO_ERR_CERT_KEYS);
    memcpy(c.xkey.b, not_a_point, 33);
    person_sign_any(bytes, &size, &c, &other.identity);
    assert_int_equal(read_at(bytes, size, NOW_MS), SOTTO_ERR_KEY);
    memcpy(c.key.b, not_a_point, 33);
    c.xkey = p.xkey;
    person_sign_any(bytes, &size, &c, &other.identity);
    assert_int_equal(read_at(bytes, size, NOW_MS), SOTTO_ERR_KEY);
    c.kind = 6;
    person_sign_any(bytes, &size, &c, &other.identity);
    assert_int_equal(read_at(bytes, size, NOW_MS), SOTTO_ERR_CERT_FORM);
    c.kind = 0;
    c.version = 2;
    person_sign_any(bytes, &size, &c, &other.identity);
    assert_int_equal(read_at(bytes, size, NOW_MS), SOTTO_ERR_CERT_FORM);
}

static void test_cert_spans(void **state)
{
    (void)state;
    struct person p = person_make(RNG);
    struct sotto_cert c = p.cert;
    uint8_t bytes[SOTTO_CERT_MAX];
    size_t size;
    c.not_after_s = c.not_before_s + 63115200;
    person_sign_any(bytes, &size, &c, &p.identity);
    assert_int_equal(read_at(bytes, size, NOW_MS), SOTTO_OK);
    c.not_after_s++;
    person_sign_any(bytes, &size, &c, &p.identity);
    assert_int_equal(read_at(bytes, size, NOW_MS), SOTTO_ERR_CERT_TIMES);
    c.not_before_s = UINT64_MAX - 5;
    c.not_after_s = UINT64_MAX;
    person_sign_any(bytes, &size, &c, &p.identity);
    assert_int_equal(read_at(bytes, size, NOW_MS), SOTTO_ERR_CERT_TIMES);
    c.not_before_s = NOW_S + 120;                     /* exactly as early as allowed */
    c.not_after_s = NOW_S + 121;
    person_sign_any(bytes, &size, &c, &p.identity);
    assert_int_equal(read_at(bytes, size, NOW_MS), SOTTO_OK);
    assert_int_equal(read_at(bytes, size, NOW_MS - 1), SOTTO_ERR_CERT_EARLY);
    assert_int_equal(read_at(bytes, size, UINT64_MAX), SOTTO_ERR_CERT_EXPIRED);
    struct sotto_cert out;
    assert_int_equal(sotto_cert_parse(&out, sotto_span(p.bytes, p.size)), SOTTO_OK);
}

/* Any single bit matters, and so does every cut and every longer form. */
static void test_cert_mutated(void **state)
{
    (void)state;
    struct person p = person_make(RNG);
    struct sotto_cert out;
    memset(&out, 0x5a, sizeof out);
    for (size_t bit = 0; bit < 8 * p.size; bit += 3) {
        uint8_t bytes[SOTTO_CERT_MAX];
        memcpy(bytes, p.bytes, p.size);
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_not_equal(sotto_cert_read(&out, sotto_span(bytes, p.size), NOW_MS, NULL), SOTTO_OK);
    }
    assert_int_equal(out.version, 0x5a);              /* nothing was written */
    for (size_t n = 0; n < p.size; n++) assert_int_equal(read_at(p.bytes, n, NOW_MS), SOTTO_ERR_CERT_FORM);
    uint8_t longer[SOTTO_CERT_MAX + 1] = { 0 };
    memcpy(longer, p.bytes, p.size);
    for (size_t n = p.size + 1; n <= sizeof longer; n++) assert_int_equal(read_at(longer, n, NOW_MS), SOTTO_ERR_CERT_FORM);
}

static void test_cert_ledger(void **state)
{
    (void)state;
    struct person p = person_make(RNG), other = person_make(RNG);
    struct sotto_cert c;
    struct sotto_ledger_status s = person_status(&p);
    assert_int_equal(sotto_cert_read(&c, person_cert(&p), NOW_MS, &s), SOTTO_OK);
    s.owner = other.id;
    assert_int_equal(sotto_cert_read(&c, person_cert(&p), NOW_MS, &s), SOTTO_ERR_CERT_OWNER);
    s.cert_hash[31] ^= 1;
    assert_int_equal(sotto_cert_read(&c, person_cert(&p), NOW_MS, &s), SOTTO_ERR_CERT_SUPERSEDED);
    s.state = SOTTO_LEDGER_REVOKED;
    assert_int_equal(sotto_cert_read(&c, person_cert(&p), NOW_MS, &s), SOTTO_ERR_CERT_REVOKED);
    s.state = SOTTO_LEDGER_UNKNOWN;
    assert_int_equal(sotto_cert_read(&c, person_cert(&p), NOW_MS, &s), SOTTO_ERR_CERT_UNKNOWN);
    s.state = SOTTO_LEDGER_NONE;
    assert_int_equal(sotto_cert_read(&c, person_cert(&p), NOW_MS, &s), SOTTO_OK);

    /* After a rotation the ID is no longer the hash of the key: the registry knows, a node without one cannot. */
    uint8_t bytes[SOTTO_CERT_MAX];
    size_t size;
    struct sotto_cert rotated = other.cert;
    rotated.id = p.id;
    person_sign_any(bytes, &size, &rotated, &other.identity);
    s = (struct sotto_ledger_status){ .state = SOTTO_LEDGER_VALID, .owner = other.id };
    sotto_keccak256(s.cert_hash, sotto_span(bytes, size));
    assert_int_equal(sotto_cert_read(&c, sotto_span(bytes, size), NOW_MS, &s), SOTTO_OK);
    assert_int_equal(sotto_cert_read(&c, sotto_span(bytes, size), NOW_MS, NULL), SOTTO_ERR_CERT_OWNER);
}

static void test_cert_make_refuses(void **state)
{
    (void)state;
    struct person p = person_make(RNG), other = person_make(RNG);
    struct sotto_buf b = sotto_buf_make(1000);
    struct sotto_cert c = p.cert;
    assert_int_equal(sotto_cert_make(&b, &c, &other.identity), SOTTO_ERR_CERT_KEYS);
    c.xkey = c.key;
    assert_int_equal(sotto_cert_make(&b, &c, &p.identity), SOTTO_ERR_CERT_KEYS);
    c = p.cert;
    c.not_after_s = c.not_before_s;
    assert_int_equal(sotto_cert_make(&b, &c, &p.identity), SOTTO_ERR_CERT_TIMES);
    assert_int_equal(b.size, 0);
}

/* ---- scan card ---- */

static void test_scan_card(void **state)
{
    (void)state;
    struct person p = person_make(RNG), other = person_make(RNG);
    uint8_t card[SOTTO_SCAN_CARD];
    struct sotto_point scan;
    assert_int_equal(sotto_scan_card_make(card, &p.id, person_cert(&p), &p.scan, &p.identity), SOTTO_OK);
    assert_int_equal(sotto_scan_card_check(&scan, card, &p.cert, person_cert(&p)), SOTTO_OK);
    assert_memory_equal(scan.b, p.scan_pub.b, 33);
    assert_int_equal(sotto_scan_card_check(&scan, card, &other.cert, person_cert(&other)), SOTTO_ERR_CERT_SIG);
    assert_int_equal(sotto_scan_card_check(&scan, card, &p.cert, person_cert(&other)), SOTTO_ERR_CERT_SIG);
    for (size_t bit = 0; bit < 8 * sizeof card; bit += 5) {
        card[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_not_equal(sotto_scan_card_check(&scan, card, &p.cert, person_cert(&p)), SOTTO_OK);
        card[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    person_high_s(card + 33);
    assert_int_equal(sotto_scan_card_check(&scan, card, &p.cert, person_cert(&p)), SOTTO_ERR_SIG_FORM);
    card[0] = 4;
    assert_int_equal(sotto_scan_card_check(&scan, card, &p.cert, person_cert(&p)), SOTTO_ERR_KEY);
}

/* ---- what people compare ---- */

static void test_safety(void **state)
{
    (void)state;
    struct person a = person_make(RNG), b = person_make(RNG), c = person_make(RNG);
    char ab[SOTTO_SAFETY_DIGITS], ba[SOTTO_SAFETY_DIGITS], ac[SOTTO_SAFETY_DIGITS], words_ab[SOTTO_SAFETY_WORDS], words_ba[SOTTO_SAFETY_WORDS],
        words_ac[SOTTO_SAFETY_WORDS];
    sotto_safety_digits(ab, &a.key, &b.key);
    sotto_safety_digits(ba, &b.key, &a.key);
    sotto_safety_digits(ac, &a.key, &c.key);
    assert_string_equal(ab, ba);
    assert_string_not_equal(ab, ac);
    assert_int_equal(strlen(ab), 71);
    for (size_t i = 0; i < 71; i++) assert_true(i % 6 == 5 ? ab[i] == ' ' : ab[i] >= '0' && ab[i] <= '9');
    bool a_first = memcmp(a.key.b, b.key.b, 33) < 0, a_first_of_c = memcmp(a.key.b, c.key.b, 33) < 0;
    assert_memory_equal(ab + (a_first ? 0 : 36), ac + (a_first_of_c ? 0 : 36), 35);       /* each half belongs to one key */

    sotto_safety_words(words_ab, &a.key, &b.key);
    sotto_safety_words(words_ba, &b.key, &a.key);
    sotto_safety_words(words_ac, &a.key, &c.key);
    assert_string_equal(words_ab, words_ba);
    assert_string_not_equal(words_ab, words_ac);
    unsigned count = 0;
    for (char *at = words_ab; *at; count++) {
        size_t n = strcspn(at, " ");
        assert_true(sotto_word_index(sotto_span(at, n)) >= 0);
        at += n + (at[n] == ' ');
    }
    assert_int_equal(count, 8);
}

/* ---- box ---- */

static void random_plain(uint8_t plain[SOTTO_BOX_PLAIN]) { sotto_rng_fill(RNG, plain, SOTTO_BOX_PLAIN); }

static void test_box_round_trip(void **state)
{
    (void)state;
    for (int with_scan = 0; with_scan < 2; with_scan++) {
        struct person p = person_make(RNG), other = person_make(RNG);
        struct sotto_box_keys mine, theirs;
        uint8_t plain[SOTTO_BOX_PLAIN], sealed[SOTTO_BOX_SEALED], again[SOTTO_BOX_SEALED], opened[SOTTO_BOX_PLAIN];
        random_plain(plain);
        assert_int_equal(sotto_box_keys_make(&mine, &p.exchange, with_scan ? &p.scan : NULL), SOTTO_OK);
        assert_int_equal(sotto_box_keys_make(&theirs, &other.exchange, &other.scan), SOTTO_OK);
        assert_int_equal(sotto_box_seal_fresh(sealed, &p.xkey, with_scan ? &p.scan_pub : NULL, plain, RNG), SOTTO_OK);
        assert_int_equal(sotto_box_scan(with_scan ? &p.scan : &p.exchange, sealed), SOTTO_OK);
        assert_int_equal(sotto_box_open(opened, &mine, sealed), SOTTO_OK);
        assert_memory_equal(opened, plain, sizeof plain);
        assert_int_equal(sotto_box_open(opened, &theirs, sealed), SOTTO_ERR_NOT_MINE);
        assert_int_equal(sotto_box_scan(&other.scan, sealed), SOTTO_ERR_NOT_MINE);
        assert_int_equal(sotto_box_seal_fresh(again, &p.xkey, with_scan ? &p.scan_pub : NULL, plain, RNG), SOTTO_OK);
        for (size_t at = 0; at < sizeof sealed; at += 64)     /* the same text again shares nothing with the first cell */
            assert_memory_not_equal(sealed + at, again + at, sizeof sealed - at < 64 ? sizeof sealed - at : 64);
    }
}

/* The scan key finds, the exchange key opens: the scan key alone, or the right scan key with another exchange key, does not. */
static void test_box_scan_key_does_not_open(void **state)
{
    (void)state;
    struct person p = person_make(RNG), other = person_make(RNG);
    struct sotto_box_keys half;
    uint8_t plain[SOTTO_BOX_PLAIN], sealed[SOTTO_BOX_SEALED], opened[SOTTO_BOX_PLAIN];
    random_plain(plain);
    memset(opened, 0x33, sizeof opened);
    assert_int_equal(sotto_box_seal_fresh(sealed, &p.xkey, &p.scan_pub, plain, RNG), SOTTO_OK);
    assert_int_equal(sotto_box_keys_make(&half, &other.exchange, &p.scan), SOTTO_OK);
    assert_int_equal(sotto_box_open(opened, &half, sealed), SOTTO_ERR_AEAD);
    assert_int_equal(sotto_box_keys_make(&half, &p.scan, &p.scan), SOTTO_OK);
    assert_int_equal(sotto_box_open(opened, &half, sealed), SOTTO_ERR_AEAD);
    assert_int_equal(opened[0], 0x33);
}

/* Each part changed: tag, X and det are seen by the scan, the text by the seal. */
static void test_box_mutated(void **state)
{
    (void)state;
    struct person p = person_make(RNG);
    struct sotto_box_keys keys;
    uint8_t plain[SOTTO_BOX_PLAIN], sealed[SOTTO_BOX_SEALED], opened[SOTTO_BOX_PLAIN];
    random_plain(plain);
    assert_int_equal(sotto_box_keys_make(&keys, &p.exchange, &p.scan), SOTTO_OK);
    assert_int_equal(sotto_box_seal_fresh(sealed, &p.xkey, &p.scan_pub, plain, RNG), SOTTO_OK);
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit += bit < 448 ? 1 : 131) {
        sealed[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        enum sotto_err err = sotto_box_open(opened, &keys, sealed);
        if (bit / 8 < 16 || (bit / 8 >= 48 && bit / 8 < 56)) assert_int_equal(err, SOTTO_ERR_NOT_MINE);
        else if (bit / 8 < 48) assert_true(err == SOTTO_ERR_NOT_MINE || err == SOTTO_ERR_POINT);
        else assert_int_equal(err, SOTTO_ERR_AEAD);
        sealed[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    assert_int_equal(sotto_box_open(opened, &keys, sealed), SOTTO_OK);
    memset(sealed + 16, 0xff, 32);                    /* above the field's prime */
    assert_int_equal(sotto_box_open(opened, &keys, sealed), SOTTO_ERR_POINT);
    struct sotto_scalar zero = { { 0 } };
    struct sotto_point none = { { 0 } };
    assert_int_equal(sotto_box_keys_make(&keys, &zero, NULL), SOTTO_ERR_KEY);
    assert_int_equal(sotto_box_seal_fresh(sealed, &none, NULL, plain, RNG), SOTTO_ERR_KEY);
}

/* ---- record ---- */

static void test_record(void **state)
{
    (void)state;
    struct person a = person_make(RNG), b = person_make(RNG);
    struct sotto_record r = { .from = a.id, .to = b.id, .type = 1, .seq = 5, .time_ms = NOW_MS, .payload = sotto_span_str("The price is 20.") };
    struct sotto_sig65 sig;
    uint8_t content[32], commit[32], other[32], receipt[64], aux[32];
    sotto_rng_fill(RNG, r.salt, 32);
    sotto_rng_fill(RNG, aux, 32);
    assert_int_equal(sotto_record_sign(&sig, &r, &a.identity), SOTTO_OK);
    assert_int_equal(sotto_record_verify(&r, &sig, &a.id), SOTTO_OK);
    assert_int_equal(sotto_record_verify(&r, &sig, &b.id), SOTTO_ERR_RECORD_SIG);
    sotto_record_content(content, &r);
    sotto_record_commit(commit, content, &sig);

    /* Every field is under the signature. */
    struct sotto_record changed[8];
    for (int i = 0; i < 8; i++) changed[i] = r;
    changed[0].from = b.id;
    changed[1].to = a.id;
    changed[2].salt[0] ^= 1;
    changed[3].type = 2;
    changed[4].seq++;
    changed[5].time_ms++;
    changed[6].payload = sotto_span_str("The price is 21.");
    changed[7].payload.size--;
    for (int i = 0; i < 8; i++) assert_int_equal(sotto_record_verify(&changed[i], &sig, &a.id), SOTTO_ERR_RECORD_SIG);
    for (size_t bit = 0; bit < 8 * 65; bit += 7) {
        struct sotto_sig65 bad = sig;
        bad.b[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(sotto_record_verify(&r, &bad, &a.id), SOTTO_ERR_RECORD_SIG);
    }

    assert_int_equal(sotto_receipt_sign(receipt, commit, NOW_MS + 9, &b.identity, aux), SOTTO_OK);
    assert_int_equal(sotto_receipt_verify(receipt, commit, NOW_MS + 9, &b.key), SOTTO_OK);
    assert_int_equal(sotto_receipt_verify(receipt, commit, NOW_MS + 8, &b.key), SOTTO_ERR_RECORD_SIG);
    assert_int_equal(sotto_receipt_verify(receipt, commit, NOW_MS + 9, &a.key), SOTTO_ERR_RECORD_SIG);
    memcpy(other, commit, 32);
    other[0] ^= 1;
    assert_int_equal(sotto_receipt_verify(receipt, other, NOW_MS + 9, &b.key), SOTTO_ERR_RECORD_SIG);
}

int main(void)
{
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    sotto_rng_from_seed(&chacha, test_seed(), "identity");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cert_round_trip), cmocka_unit_test(test_cert_endpoint), cmocka_unit_test(test_cert_order),
        cmocka_unit_test(test_cert_spans), cmocka_unit_test(test_cert_mutated), cmocka_unit_test(test_cert_ledger),
        cmocka_unit_test(test_cert_make_refuses), cmocka_unit_test(test_scan_card), cmocka_unit_test(test_safety),
        cmocka_unit_test(test_box_round_trip), cmocka_unit_test(test_box_scan_key_does_not_open), cmocka_unit_test(test_box_mutated),
        cmocka_unit_test(test_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
