/* The data field: every published value, the table of paddings, and what must not open. */
#include "support/test.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/rng.h"
#include "crypto/setup.h"
#include "whisper/envelope.h"
#include "whisper/message.h"
#include "whisper/test/message_vectors.h"

static struct sotto_chacha_rng random_stream;
static struct sotto_rng *rng(void) { return &random_stream.rng; }
static size_t draw(size_t bound) { return (size_t)sotto_rng_below(rng(), bound); }

/* A stream that says what it was told, for values made with known random bytes. */
struct told { struct sotto_rng rng; uint8_t bytes[64]; size_t at, size; };
static void say(struct sotto_rng *r, void *out, size_t size)
{
    struct told *t = (struct told *)r;
    assert_true(size <= t->size - t->at);
    memcpy(out, t->bytes + t->at, size);
    t->at += size;
}
static struct told told(const char *hex)
{
    struct told t = { { say }, { 0 }, 0, strlen(hex) / 2 };
    assert_int_equal(sotto_unhex(t.bytes, t.size, sotto_span_str(hex)), SOTTO_OK);
    return t;
}

static struct sotto_buf bytes_of(const char *hex)
{
    struct sotto_buf b = sotto_buf_make(4096);
    assert_int_equal(sotto_buf_reserve(&b, strlen(hex) / 2), SOTTO_OK);
    b.size = strlen(hex) / 2;
    assert_int_equal(sotto_unhex(b.data, b.size, sotto_span_str(hex)), SOTTO_OK);
    return b;
}
static struct sotto_scalar scalar_of(const char *hex)
{
    struct sotto_scalar k;
    assert_int_equal(sotto_unhex(k.b, 32, sotto_span_str(hex)), SOTTO_OK);
    return k;
}
static struct sotto_point point_of(const struct sotto_scalar *k)
{
    struct sotto_point p;
    assert_int_equal(sotto_point_make(&p, k), SOTTO_OK);
    return p;
}
static void assert_bytes(struct sotto_span got, const char *hex)
{
    struct sotto_buf want = bytes_of(hex);
    assert_int_equal(got.size, want.size);
    assert_memory_equal(got.data, want.data, want.size);
    sotto_buf_free(&want);
}

static void published_plain_text(void **state)
{
    (void)state;
    uint8_t padding[184], digest[32];
    memset(padding, 0xaa, sizeof padding);
    struct sotto_scalar a = scalar_of(VECTOR_KEY_A);
    struct sotto_point signer = point_of(&a);
    struct sotto_buf b = sotto_buf_make(4096);
    struct sotto_shh_message m = { .payload = sotto_span_str("hello"), .padding = SOTTO_SPAN(padding), .sign_with = &a }, read;
    assert_int_equal(sotto_shh_message_write(&b, &m, rng()), SOTTO_OK);
    assert_bytes(sotto_buf_span(&b), vector_plain);
    sotto_keccak256(digest, sotto_span(b.data, b.size - 65));
    assert_bytes(SOTTO_SPAN(digest), VECTOR_SIGNED_HASH);
    assert_int_equal(sotto_shh_message_read(&read, sotto_buf_span(&b)), SOTTO_OK);
    assert_true(read.is_signed && sotto_span_equal(read.payload, m.payload) && sotto_span_equal(read.padding, m.padding));
    assert_memory_equal(read.signer.b, signer.b, sizeof signer.b);
    /* v of 27 or 28, as EIP-627 asks, is nobody's signature. */
    b.data[b.size - 1] += 27;
    assert_int_equal(sotto_shh_message_read(&read, sotto_buf_span(&b)), SOTTO_ERR_SIG_FORM);
    sotto_buf_free(&b);
}

static void published_symmetric(void **state)
{
    (void)state;
    struct sotto_secret key;
    struct sotto_gcm_key prepared;
    struct sotto_buf plain = bytes_of(vector_plain), data = sotto_buf_make(4096), back = sotto_buf_make(4096);
    struct told nonce = told(VECTOR_NONCE);
    assert_int_equal(sotto_unhex(key.b, 32, sotto_span_str(VECTOR_SYM_KEY)), SOTTO_OK);
    assert_int_equal(sotto_shh_seal(&data, &key, sotto_buf_span(&plain), &nonce.rng), SOTTO_OK);
    assert_bytes(sotto_buf_span(&data), vector_sym);
    assert_int_equal(sotto_shh_open(&back, &key, sotto_buf_span(&data)), SOTTO_OK);
    assert_bytes(sotto_buf_span(&back), vector_plain);
    back.size = 0;
    sotto_gcm_key_make(&prepared, &key);
    assert_int_equal(sotto_shh_open_prepared(&back, &prepared, sotto_buf_span(&data)), SOTTO_OK);
    assert_bytes(sotto_buf_span(&back), vector_plain);
    sotto_buf_free(&plain);
    sotto_buf_free(&data);
    sotto_buf_free(&back);
}

static void published_asymmetric(void **state)
{
    (void)state;
    struct sotto_scalar b = scalar_of(VECTOR_KEY_B), a = scalar_of(VECTOR_KEY_A);
    struct sotto_point to = point_of(&b);
    struct sotto_buf plain = bytes_of(vector_plain), data = sotto_buf_make(4096), back = sotto_buf_make(4096);
    struct told random = told(VECTOR_EPHEMERAL_A VECTOR_IV);
    assert_int_equal(sotto_shh_seal_to(&data, &to, sotto_buf_span(&plain), &random.rng), SOTTO_OK);
    assert_bytes(sotto_buf_span(&data), vector_asym);
    assert_int_equal(sotto_shh_open_as(&back, &a, sotto_buf_span(&data)), SOTTO_ERR_ECIES);
    assert_int_equal(back.size, 0);
    assert_int_equal(sotto_shh_open_as(&back, &b, sotto_buf_span(&data)), SOTTO_OK);
    assert_bytes(sotto_buf_span(&back), vector_plain);
    sotto_buf_free(&plain);
    sotto_buf_free(&data);
    sotto_buf_free(&back);
}

static void published_envelope(void **state)
{
    (void)state;
    struct sotto_buf data = bytes_of(vector_sym), b = sotto_buf_make(4096);
    struct sotto_envelope e = { 1600000050, 50, { 0x07, 0x67, 0x82, 0x31 }, sotto_buf_span(&data), 0 };
    uint8_t hash[32];
    assert_int_equal(sotto_envelope_short_size(&e), 301);
    assert_int_equal(sotto_envelope_size(&e), 304);
    assert_int_equal(sotto_envelope_short(&b, &e), SOTTO_OK);
    assert_int_equal(sotto_work_search(&e.nonce, sotto_buf_span(&b), 0, 12, NULL), SOTTO_OK);
    assert_int_equal(e.nonce, 3433);
    assert_int_equal(sotto_envelope_zeros(&e), 14);
    assert_true(sotto_envelope_rating(&e, 0) == 1.0886378737541529);
    b.size = 0;
    assert_int_equal(sotto_envelope_encode(&b, &e), SOTTO_OK);
    assert_bytes(sotto_buf_span(&b), vector_envelope);
    sotto_envelope_hash(hash, sotto_buf_span(&b));
    assert_bytes(SOTTO_SPAN(hash), VECTOR_ENVELOPE_HASH);
    sotto_buf_free(&data);
    sotto_buf_free(&b);
}

static void published_passwords(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "test", "a82a520aff70f7a989098376e48ec128f25f767085e84d7fb995a9815eebff0a" },
        { "hello", "0142135fc4f3ca3c46a41bde2754d5838fbf36eaab8cc56d02a64af7d8e5ed2c" },
        { "", "ffe46925eca10a1c333a2f37eaea7cafbb7fa5f1f8e097010f93d73ae7fb7e67" },
    };
    for (size_t i = 0; i < 3; i++) {
        struct sotto_secret key;
        sotto_shh_password_key(&key, sotto_span_str(rows[i][0]));
        assert_bytes(SOTTO_SPAN(key.b), rows[i][1]);
    }
}

/* payload; flags, padding and length unsigned; the same signed. The first eight are published, the others follow from the rule. */
static void padding_by_the_table(void **state)
{
    (void)state;
    static const unsigned rows[][7] = {
        { 0, 1, 254, 256, 5, 189, 256 },     { 1, 1, 253, 256, 5, 188, 256 },     { 189, 1, 65, 256, 5, 256, 512 },
        { 253, 1, 1, 256, 5, 192, 512 },     { 254, 1, 256, 512, 5, 191, 512 },   { 255, 1, 255, 512, 5, 190, 512 },
        { 256, 2, 253, 512, 6, 188, 512 },   { 65536, 3, 252, 65792, 7, 187, 65792 },
        { 65535, 2, 254, 65792, 6, 189, 65792 }, { 16777215, 3, 253, 16777472, 7, 188, 16777472 },
    };
    static uint8_t payload[SOTTO_SHH_PAYLOAD_MAX + 1];
    struct sotto_scalar a = scalar_of(VECTOR_KEY_A);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (unsigned is_signed = 0; is_signed < 2; is_signed++) {
            struct sotto_buf b = sotto_buf_make(17u << 20);
            struct sotto_shh_message m = { .payload = { payload, rows[i][0] }, .sign_with = is_signed ? &a : NULL }, read;
            const unsigned *want = rows[i] + 1 + 3 * is_signed;
            assert_int_equal(sotto_shh_message_write(&b, &m, rng()), SOTTO_OK);
            assert_int_equal(b.data[0], want[0]);
            assert_int_equal(b.size, want[2]);
            assert_int_equal(sotto_shh_message_read(&read, sotto_buf_span(&b)), SOTTO_OK);
            assert_int_equal(read.payload.size, rows[i][0]);
            assert_int_equal(read.padding.size, want[1]);
            assert_int_equal(read.is_signed, is_signed);
            sotto_buf_free(&b);
        }
    }
    struct sotto_buf b = sotto_buf_make(17u << 20);
    struct sotto_shh_message big = { .payload = SOTTO_SPAN(payload) };
    assert_int_equal(sotto_shh_message_write(&b, &big, rng()), SOTTO_ERR_RANGE);
    assert_int_equal(b.size, 0);
}

/* Flags, bytes; what the reader says. "Stops geth" is a refusal here. */
static void plain_texts_at_the_edge(void **state)
{
    (void)state;
    static const struct { const char *hex; enum sotto_err err; size_t payload, padding; } rows[] = {
        { "", SOTTO_ERR_FORMAT, 0, 0 },
        { "00", SOTTO_OK, 0, 0 },                 /* k = 0: no payload, everything is padding */
        { "f8aabb", SOTTO_OK, 0, 2 },             /* the other flags are ignored */
        { "01", SOTTO_ERR_FORMAT, 0, 0 },         /* stops geth */
        { "0100", SOTTO_OK, 0, 0 },
        { "0101", SOTTO_ERR_FORMAT, 0, 0 },       /* stops geth */
        { "0101aa", SOTTO_OK, 1, 0 },
        { "0102aa", SOTTO_ERR_FORMAT, 0, 0 },     /* stops geth */
        { "0103aa", SOTTO_ERR_FORMAT, 0, 0 },
        { "0200", SOTTO_ERR_FORMAT, 0, 0 },       /* stops geth */
        { "020100aa", SOTTO_OK, 1, 0 },
        { "020200aabbcc", SOTTO_OK, 2, 1 },       /* not the shortest form of the size: taken */
        { "020001aa", SOTTO_ERR_FORMAT, 0, 0 },
        { "030000", SOTTO_ERR_FORMAT, 0, 0 },     /* stops geth */
        { "03000000", SOTTO_OK, 0, 0 },
        { "03ffffff", SOTTO_ERR_FORMAT, 0, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sotto_buf b = bytes_of(rows[i].hex);
        struct sotto_shh_message m;
        assert_int_equal(sotto_shh_message_read(&m, sotto_buf_span(&b)), rows[i].err);
        if (rows[i].err == SOTTO_OK) {
            assert_int_equal(m.payload.size, rows[i].payload);
            assert_int_equal(m.padding.size, rows[i].padding);
            assert_false(m.is_signed);
        }
        sotto_buf_free(&b);
    }
}

/* Signed texts of every short length, with sizes that run into the signature: refused, or read within their bounds. */
static void signed_texts_at_the_edge(void **state)
{
    (void)state;
    struct sotto_scalar a = scalar_of(VECTOR_KEY_A);
    struct sotto_point signer = point_of(&a);
    for (size_t end = 0; end < 8; end++) {
        for (unsigned k = 0; k < 4; k++) {
            for (unsigned size = 0; size < 9; size++) {
                uint8_t text[8 + 65] = { 0 }, digest[32];
                struct sotto_sig65 sig;
                struct sotto_shh_message m;
                if (end) text[0] = (uint8_t)(4 | k);
                if (k && end > 1) text[1] = (uint8_t)size;
                sotto_keccak256(digest, sotto_span(text, end));
                assert_int_equal(sotto_sign(&sig, &a, digest), SOTTO_OK);
                memcpy(text + end, sig.b, 64);
                text[end + 64] = (uint8_t)(sig.b[64] - 27);
                if (end == 0) text[0] = (uint8_t)(4 | k);
                size_t said = k ? size : 0;
                bool fits = end > 1 && 1 + k <= end && 1 + k + said <= end;
                enum sotto_err err = sotto_shh_message_read(&m, sotto_span(text, end + 65));
                assert_int_equal(err, fits ? SOTTO_OK : SOTTO_ERR_FORMAT);
                if (!fits) continue;
                assert_int_equal(m.payload.size, said);
                assert_int_equal(m.padding.size, end - 1 - k - said);
                assert_memory_equal(m.signer.b, signer.b, sizeof signer.b);
            }
        }
    }
}

static const uint8_t order[32] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
};

/* What a signer says who does not care for the lower half names the same signer. */
static void upper_half_is_taken(void **state)
{
    (void)state;
    struct sotto_scalar a = scalar_of(VECTOR_KEY_A);
    struct sotto_point signer = point_of(&a);
    struct sotto_buf b = bytes_of(vector_plain);
    struct sotto_shh_message m;
    unsigned borrow = 0;
    uint8_t *s = b.data + b.size - 33;
    for (int i = 31; i >= 0; i--) {
        unsigned d = (unsigned)order[i] - s[i] - borrow;
        s[i] = (uint8_t)d;
        borrow = d >> 31;
    }
    b.data[b.size - 1] ^= 1;
    assert_int_equal(sotto_shh_message_read(&m, sotto_buf_span(&b)), SOTTO_OK);
    assert_memory_equal(m.signer.b, signer.b, sizeof signer.b);
    memset(s, 0, 32);
    assert_int_equal(sotto_shh_message_read(&m, sotto_buf_span(&b)), SOTTO_ERR_SIG);
    memset(s, 0xff, 32);
    assert_int_equal(sotto_shh_message_read(&m, sotto_buf_span(&b)), SOTTO_ERR_SIG_FORM);
    sotto_buf_free(&b);
}

/* Boxes for B that are shorter than their parts, with a proper tag: data of 98..112 bytes stops geth. */
static void short_boxes(void **state)
{
    (void)state;
    struct sotto_scalar b = scalar_of(VECTOR_KEY_B), e = scalar_of(VECTOR_EPHEMERAL_A);
    struct sotto_point to = point_of(&b), point = point_of(&e);
    struct sotto_secret z;
    struct sotto_buf out = sotto_buf_make(4096);
    uint8_t in[36] = { 0, 0, 0, 1 }, k[32], mac[32], data[65 + 17 + 32] = { 4 };
    assert_int_equal(sotto_ecdh_x(&z, &e, &to), SOTTO_OK);
    memcpy(in + 4, z.b, 32);
    sotto_sha256(k, SOTTO_SPAN(in));
    sotto_sha256(mac, sotto_span(k + 16, 16));
    assert_int_equal(sotto_point_to64(data + 1, &point), SOTTO_OK);
    for (size_t body = 0; body <= 17; body++) {
        SOTTO_HMAC(data + 65 + body, SOTTO_SPAN(mac), sotto_span(data + 65, body));
        enum sotto_err want = body >= 17 ? SOTTO_OK : SOTTO_ERR_ECIES;      /* 16: an empty text, which is no plain text either */
        assert_int_equal(sotto_shh_open_as(&out, &b, sotto_span(data, 65 + body + 32)), want);
        assert_int_equal(out.size, body >= 17 ? 1 : 0);
    }
    for (size_t size = 0; size < 98; size++) assert_int_equal(sotto_shh_open_as(&out, &b, sotto_span(data, size)), SOTTO_ERR_ECIES);
    sotto_buf_free(&out);
}

enum { ROUNDS = 300, TEXT_MAX = 900 };

static void any_message_comes_back_and_no_changed_one(void **state)
{
    (void)state;
    static uint8_t payload[TEXT_MAX], padding[TEXT_MAX];
    for (unsigned run = 1; run <= ROUNDS; run++) {
        struct sotto_scalar signer, mine, other;
        struct sotto_secret key, wrong;
        struct sotto_gcm_key prepared, prepared_wrong;
        sotto_scalar_random(&signer, rng());
        sotto_scalar_random(&mine, rng());
        sotto_scalar_random(&other, rng());
        sotto_rng_fill(rng(), key.b, 32);
        sotto_rng_fill(rng(), wrong.b, 32);
        sotto_rng_fill(rng(), payload, sizeof payload);
        sotto_rng_fill(rng(), padding, sizeof padding);
        struct sotto_point to = point_of(&mine), by = point_of(&signer);
        bool sign = draw(2), own_padding = draw(2), to_key = draw(2);
        struct sotto_shh_message m = { .payload = { payload, draw(TEXT_MAX + 1) }, .sign_with = sign ? &signer : NULL }, read;
        if (own_padding) m.padding = sotto_span(padding, draw(TEXT_MAX + 1));
        struct sotto_buf plain = sotto_buf_make(1u << 16), data = plain, back = plain;
        assert_int_equal(sotto_shh_message_write(&plain, &m, rng()), SOTTO_OK);
        if (!m.padding.size) test_rule(plain.size % SOTTO_SHH_BLOCK == 0, "a made padding fills the block", run);
        enum sotto_err err = to_key ? sotto_shh_seal_to(&data, &to, sotto_buf_span(&plain), rng()) : sotto_shh_seal(&data, &key, sotto_buf_span(&plain), rng());
        assert_int_equal(err, SOTTO_OK);
        test_rule(data.size == plain.size + (to_key ? SOTTO_SHH_ASYM_EXTRA : SOTTO_SHH_SYM_EXTRA), "the data is as long as it should be", run);
        sotto_gcm_key_make(&prepared, &key);
        sotto_gcm_key_make(&prepared_wrong, &wrong);
        struct sotto_span d = sotto_buf_span(&data);
        err = to_key ? sotto_shh_open_as(&back, &mine, d) : draw(2) ? sotto_shh_open(&back, &key, d) : sotto_shh_open_prepared(&back, &prepared, d);
        test_rule(err == SOTTO_OK && sotto_span_equal(sotto_buf_span(&back), sotto_buf_span(&plain)), "what was sealed opens", run);
        test_rule(sotto_shh_message_read(&read, sotto_buf_span(&back)) == SOTTO_OK, "what was written is read", run);
        test_rule(sotto_span_equal(read.payload, m.payload) && (!m.padding.size || sotto_span_equal(read.padding, m.padding)), "and is the same", run);
        test_rule(read.is_signed == sign && (!sign || memcmp(read.signer.b, by.b, sizeof by.b) == 0), "and says who signed", run);
        size_t size = back.size;
        data.data[draw(data.size)] ^= (uint8_t)(1u << draw(8));
        test_rule(sotto_shh_open_as(&back, &mine, d) == SOTTO_ERR_ECIES && sotto_shh_open(&back, &key, d) == SOTTO_ERR_AEAD &&
                  sotto_shh_open_prepared(&back, &prepared, d) == SOTTO_ERR_AEAD && back.size == size, "one changed bit does not open", run);
        test_rule(sotto_shh_open_as(&back, &other, d) == SOTTO_ERR_ECIES && sotto_shh_open(&back, &wrong, d) == SOTTO_ERR_AEAD &&
                  sotto_shh_open_prepared(&back, &prepared_wrong, d) == SOTTO_ERR_AEAD && back.size == size, "nor does another key", run);
        sotto_buf_free(&plain);
        sotto_buf_free(&data);
        sotto_buf_free(&back);
    }
}

static void and_without_aes_instructions(void **state)
{
    sotto_aead_portable(true);
    published_symmetric(state);
    any_message_comes_back_and_no_changed_one(state);
    sotto_aead_portable(false);
}

static int start(void **state)
{
    (void)state;
    sotto_rng_from_seed(&random_stream, test_seed(), "message");
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_plain_text), cmocka_unit_test(published_symmetric), cmocka_unit_test(published_asymmetric),
        cmocka_unit_test(published_envelope), cmocka_unit_test(published_passwords), cmocka_unit_test(padding_by_the_table),
        cmocka_unit_test(plain_texts_at_the_edge), cmocka_unit_test(signed_texts_at_the_edge), cmocka_unit_test(upper_half_is_taken),
        cmocka_unit_test(short_boxes), cmocka_unit_test(any_message_comes_back_and_no_changed_one),
        cmocka_unit_test(and_without_aes_instructions),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
