/* hashes in parts, the AEADs, AES streams, ECIES: what is changed in one bit does not open, and nothing leaks out. */
#include "crypto/aead.h"
#include "crypto/ecies.h"
#include "crypto/eip712.h"
#include "crypto/hash.h"
#include "crypto/rng.h"
#include "support/test.h"

static struct sotto_chacha_rng random_stream;
static struct sotto_rng *rng(void) { return &random_stream.rng; }

static void parts_make_one_text(void **state)
{
    (void)state;
    uint8_t data[600], key[70], a[64], b[64];
    sotto_rng_fill(rng(), data, sizeof data);
    sotto_rng_fill(rng(), key, sizeof key);
    for (int i = 0; i < 300; i++) {
        size_t size = sotto_rng_below(rng(), sizeof data + 1), x = sotto_rng_below(rng(), size + 1), y = x + sotto_rng_below(rng(), size - x + 1);
        size_t key_size = sotto_rng_below(rng(), sizeof key + 1);
        struct sotto_span all = sotto_span(data, size), k = sotto_span(key, key_size);
        const struct sotto_span parts[] = { sotto_span_cut(all, 0, x), sotto_span_cut(all, x, y - x), sotto_span_cut(all, y, size - y) };

        sotto_th_parts(a, "tag", &all, 1);
        sotto_th_parts(b, "tag", parts, 3);
        assert_memory_equal(a, b, 32);
        sotto_th_parts(b, "tah", parts, 3);
        assert_memory_not_equal(a, b, 32);
        sotto_hmac_parts(a, k, &all, 1);
        sotto_hmac_parts(b, k, parts, 3);
        assert_memory_equal(a, b, 32);
        sotto_hkdf_parts(a, 64, k, &all, 1, &all, 1);
        sotto_hkdf_parts(b, 64, k, parts, 3, parts, 3);
        assert_memory_equal(a, b, 64);
        sotto_hkdf(b, 64, k, all, "", parts, 3);
        assert_memory_equal(a, b, 64);

        struct sotto_keccak state1;
        sotto_keccak_init(&state1);
        for (size_t p = 0; p < 3; p++) {
            sotto_keccak_update(&state1, parts[p].data, parts[p].size);
            sotto_keccak_final(&state1, b);           /* looking does not disturb it */
        }
        sotto_keccak256(a, all);
        assert_memory_equal(a, b, 32);
    }
}

/* TH written out, and the empty salt of HKDF. */
static void constructions_by_hand(void **state)
{
    (void)state;
    uint8_t all[64 + 5], tag[32], want[32], got[32], zero[32] = { 0 }, with[40], without[40];
    sotto_sha256(tag, sotto_span_str("sotto/tag"));
    memcpy(all, tag, 32);
    memcpy(all + 32, tag, 32);
    memcpy(all + 64, "hello", 5);
    sotto_sha256(want, SOTTO_SPAN(all));
    SOTTO_TH(got, "sotto/tag", sotto_span_str("hel"), sotto_span_str("lo"));
    assert_memory_equal(got, want, 32);
    sotto_hkdf(with, sizeof with, SOTTO_SPAN(zero), SOTTO_SPAN(all), "x", NULL, 0);
    sotto_hkdf(without, sizeof without, sotto_span(NULL, 0), SOTTO_SPAN(all), "x", NULL, 0);
    assert_memory_equal(with, without, sizeof with);
}

static void eip712_domain_is_its_struct(void **state)
{
    (void)state;
    uint8_t a[32], b[32];
    struct sotto_eip712 e;
    sotto_eip712_domain(a, "Sotto Certificate", "1");
    sotto_eip712_begin(&e, "EIP712Domain(string name,string version)");
    sotto_eip712_bytes(&e, sotto_span_str("Sotto Certificate"));
    sotto_eip712_bytes(&e, sotto_span_str("1"));
    sotto_eip712_struct(&e, b);
    assert_memory_equal(a, b, 32);
    sotto_eip712_domain(b, "Sotto Certificate", "2");
    assert_memory_not_equal(a, b, 32);
}

enum { TEXT_MAX = 300 };

static void flip(uint8_t *data, size_t size)
{
    data[sotto_rng_below(rng(), size)] ^= (uint8_t)(1u << sotto_rng_below(rng(), 8));
}

static void gcm_refuses_every_change(void **state)
{
    (void)state;
    struct sotto_kn kn, other;
    uint8_t text[TEXT_MAX], aad[TEXT_MAX], sealed[TEXT_MAX + 16], bad[TEXT_MAX + 16], out[TEXT_MAX];
    for (int i = 0; i < 500; i++) {
        size_t size = sotto_rng_below(rng(), TEXT_MAX + 1), aad_size = sotto_rng_below(rng(), TEXT_MAX + 1);
        sotto_rng_fill(rng(), kn.b, sizeof kn.b);
        sotto_rng_fill(rng(), text, sizeof text);
        sotto_rng_fill(rng(), aad, sizeof aad);
        struct sotto_span a = sotto_span(aad, aad_size), s = sotto_span(sealed, size + 16);
        assert_int_equal(sotto_gcm_seal(sealed, &kn, a, sotto_span(text, size)), SOTTO_OK);
        assert_int_equal(sotto_gcm_open(out, &kn, a, s), SOTTO_OK);
        if (size) assert_memory_equal(out, text, size);

        memcpy(bad, sealed, size + 16);
        flip(bad, size + 16);
        memset(out, 0xaa, sizeof out);
        assert_int_equal(sotto_gcm_open(out, &kn, a, sotto_span(bad, size + 16)), SOTTO_ERR_AEAD);
        assert_true(sotto_all_zero(out, size));
        if (size < TEXT_MAX) assert_int_equal(out[size], 0xaa);
        other = kn;
        flip(other.b, sizeof other.b);
        assert_int_equal(sotto_gcm_open(out, &other, a, s), SOTTO_ERR_AEAD);
        if (aad_size) {
            flip(aad, aad_size);
            assert_int_equal(sotto_gcm_open(out, &kn, a, s), SOTTO_ERR_AEAD);
        }
    }
    for (size_t size = 0; size < 16; size++) assert_int_equal(sotto_gcm_open(out, &kn, sotto_span(NULL, 0), sotto_span(sealed, size)), SOTTO_ERR_AEAD);
}

/* A kept key, many texts sealed and opened as they come: what it does is what one call alone does, also after a refusal. */
static void a_kept_key_does_the_same(void **state)
{
    (void)state;
    struct sotto_kn kn;
    struct sotto_secret key;
    uint8_t text[TEXT_MAX], aad[TEXT_MAX], sealed[TEXT_MAX + 16], want[TEXT_MAX + 16], out[TEXT_MAX];
    sotto_rng_fill(rng(), key.b, sizeof key.b);
    memcpy(kn.b, key.b, 32);
    struct sotto_gcm_kept *kept = sotto_gcm_kept_new(&key);
    assert_non_null(kept);
    for (int i = 0; i < 500; i++) {
        size_t size = sotto_rng_below(rng(), TEXT_MAX + 1), aad_size = sotto_rng_below(rng(), TEXT_MAX + 1);
        struct sotto_span a = sotto_span(aad, aad_size), s = sotto_span(sealed, size + 16);
        sotto_rng_fill(rng(), text, sizeof text);
        sotto_rng_fill(rng(), aad, sizeof aad);
        sotto_rng_fill(rng(), kn.b + 32, 12);
        assert_int_equal(sotto_gcm_seal(want, &kn, a, sotto_span(text, size)), SOTTO_OK);
        if (i % 3) assert_int_equal(sotto_gcm_kept_seal(kept, sealed, kn.b + 32, a, sotto_span(text, size)), SOTTO_OK);
        else memcpy(sealed, want, size + 16);
        assert_memory_equal(sealed, want, size + 16);
        if (i % 2) {
            flip(sealed, size + 16);
            memset(out, 0xaa, sizeof out);
            assert_int_equal(sotto_gcm_kept_open(kept, out, kn.b + 32, a, s), SOTTO_ERR_AEAD);
            assert_true(sotto_all_zero(out, size));
            if (size < TEXT_MAX) assert_int_equal(out[size], 0xaa);
        }
        if (i % 5) {
            assert_int_equal(sotto_gcm_kept_open(kept, out, kn.b + 32, a, sotto_span(want, size + 16)), SOTTO_OK);
            assert_memory_equal(out, text, size);
        }
    }
    for (size_t size = 0; size < 16; size++)
        assert_int_equal(sotto_gcm_kept_open(kept, out, kn.b + 32, sotto_span(NULL, 0), sotto_span(sealed, size)), SOTTO_ERR_AEAD);
    sotto_gcm_kept_free(kept);
    sotto_gcm_kept_free(NULL);
}

static void xchacha_refuses_every_change(void **state)
{
    (void)state;
    struct sotto_secret key;
    uint8_t nonce[24], text[100], sealed[116], out[100];
    sotto_rng_fill(rng(), key.b, 32);
    sotto_rng_fill(rng(), nonce, 24);
    sotto_rng_fill(rng(), text, sizeof text);
    struct sotto_span aad = sotto_span_str("place");
    assert_int_equal(sotto_xchacha_seal(sealed, &key, nonce, aad, SOTTO_SPAN(text)), SOTTO_OK);
    assert_int_equal(sotto_xchacha_open(out, &key, nonce, aad, SOTTO_SPAN(sealed)), SOTTO_OK);
    assert_memory_equal(out, text, sizeof text);
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 1;
        memset(out, 0xaa, sizeof out);
        assert_int_equal(sotto_xchacha_open(out, &key, nonce, aad, SOTTO_SPAN(sealed)), SOTTO_ERR_AEAD);
        assert_true(sotto_all_zero(out, sizeof out));
        sealed[i] ^= 1;
    }
    assert_int_equal(sotto_xchacha_open(out, &key, nonce, sotto_span_str("Place"), SOTTO_SPAN(sealed)), SOTTO_ERR_AEAD);
    for (size_t size = 0; size < 16; size++) assert_int_equal(sotto_xchacha_open(out, &key, nonce, aad, sotto_span(sealed, size)), SOTTO_ERR_AEAD);
}

/* A running stream is the same however it is cut, in place or not; and equals blocks of AES over a counter. */
static void ctr_is_a_stream(void **state)
{
    (void)state;
    uint8_t key[32], iv[16], data[333], whole[333], cut[333], zero[64] = { 0 }, stream[64], counter[16], block[16];
    sotto_rng_fill(rng(), key, sizeof key);
    sotto_rng_fill(rng(), data, sizeof data);
    memset(iv, 0xff, sizeof iv);                      /* the counter goes round all 128 bits */
    for (size_t key_size = 16; key_size <= 32; key_size += 16) {
        struct sotto_ctr *a = sotto_ctr_new(sotto_span(key, key_size), iv), *b = sotto_ctr_new(sotto_span(key, key_size), iv);
        assert_true(a && b);
        sotto_ctr_xor(a, whole, SOTTO_SPAN(data));
        memcpy(cut, data, sizeof cut);
        for (size_t at = 0; at < sizeof cut;) {
            size_t take = sotto_rng_below(rng(), sizeof cut - at) + 1;
            sotto_ctr_xor(b, cut + at, sotto_span(cut + at, take));
            at += take;
        }
        assert_memory_equal(whole, cut, sizeof cut);
        sotto_ctr_free(a);
        sotto_ctr_free(b);
    }
    struct sotto_ctr *ctr = sotto_ctr_new(SOTTO_SPAN(key), iv);
    struct sotto_aes *aes = sotto_aes_new(key);
    assert_true(ctr && aes);
    sotto_ctr_xor(ctr, stream, SOTTO_SPAN(zero));
    memcpy(counter, iv, 16);
    for (size_t i = 0; i < 4; i++) {
        sotto_aes_block(aes, block, counter);
        assert_memory_equal(block, stream + 16 * i, 16);
        for (int j = 15; j >= 0 && ++counter[j] == 0; j--) { }
    }
    sotto_ctr_free(ctr);
    sotto_aes_free(aes);
    sotto_ctr_free(NULL);
    sotto_aes_free(NULL);
}

static void ecies_round_trip(void **state)
{
    (void)state;
    uint8_t text[400];
    for (int i = 0; i < 100; i++) {
        struct sotto_scalar k, stranger;
        struct sotto_point to;
        struct sotto_buf sealed = sotto_buf_make(1000), out = sotto_buf_make(1000);
        size_t size = sotto_rng_below(rng(), sizeof text) + 1;
        sotto_rng_fill(rng(), text, sizeof text);
        sotto_scalar_random(&k, rng());
        sotto_scalar_random(&stranger, rng());
        assert_int_equal(sotto_point_make(&to, &k), SOTTO_OK);
        struct sotto_span s2 = sotto_span(text, i % 3 ? 2 : 0);
        assert_int_equal(sotto_buf_add(&sealed, "before", 6), SOTTO_OK);
        assert_int_equal(sotto_ecies_seal(&sealed, &to, s2, sotto_span(text, size), rng()), SOTTO_OK);
        assert_int_equal(sealed.size, 6 + size + SOTTO_ECIES_OVERHEAD);
        sotto_buf_drop(&sealed, 6);
        assert_int_equal(sotto_buf_add(&out, "before", 6), SOTTO_OK);
        assert_int_equal(sotto_ecies_open(&out, &k, s2, sotto_buf_span(&sealed)), SOTTO_OK);
        assert_int_equal(out.size, 6 + size);
        assert_memory_equal(out.data + 6, text, size);

        assert_int_equal(sotto_ecies_open(&out, &stranger, s2, sotto_buf_span(&sealed)), SOTTO_ERR_ECIES);
        assert_int_equal(sotto_ecies_open(&out, &k, sotto_span_str("no"), sotto_buf_span(&sealed)), SOTTO_ERR_ECIES);
        assert_int_equal(out.size, 6 + size);
        sotto_buf_free(&sealed);
        sotto_buf_free(&out);
    }
}

static void ecies_refuses_every_byte(void **state)
{
    (void)state;
    struct sotto_scalar k;
    struct sotto_point to, none = { { 0 } };
    struct sotto_buf sealed = sotto_buf_make(200), out = sotto_buf_make(200), small = sotto_buf_make(120);
    struct sotto_span s2 = sotto_span_str("s2"), plain = sotto_span_str("some plain text");
    sotto_scalar_random(&k, rng());
    assert_int_equal(sotto_point_make(&to, &k), SOTTO_OK);
    assert_int_equal(sotto_ecies_seal(&sealed, &none, s2, plain, rng()), SOTTO_ERR_KEY);
    assert_int_equal(sotto_ecies_seal(&small, &to, s2, plain, rng()), SOTTO_ERR_FULL);
    assert_int_equal(sealed.size + small.size, 0);
    assert_int_equal(sotto_ecies_seal(&sealed, &to, s2, plain, rng()), SOTTO_OK);
    for (size_t i = 0; i < sealed.size; i++) {
        sealed.data[i] ^= 4;
        assert_int_equal(sotto_ecies_open(&out, &k, s2, sotto_buf_span(&sealed)), SOTTO_ERR_ECIES);
        sealed.data[i] ^= 4;
    }
    for (unsigned head = 0; head < 256; head++) {     /* 06 and 07 (hybrid), 02 and 03 must fail like the rest */
        sealed.data[0] = (uint8_t)head;
        assert_int_equal(sotto_ecies_open(&out, &k, s2, sotto_buf_span(&sealed)), head == 4 ? SOTTO_OK : SOTTO_ERR_ECIES);
    }
    sealed.data[0] = 4;
    size_t opened = out.size;
    for (size_t size = 0; size < sealed.size; size++)
        assert_int_equal(sotto_ecies_open(&out, &k, s2, sotto_span(sealed.data, size)), SOTTO_ERR_ECIES);
    /* 113 bytes with a true MAC: an empty text is refused too */
    struct sotto_buf empty = sotto_buf_make(200);
    assert_int_equal(sotto_ecies_seal(&empty, &to, s2, sotto_span(NULL, 0), rng()), SOTTO_OK);
    assert_int_equal(empty.size, SOTTO_ECIES_OVERHEAD);
    assert_int_equal(sotto_ecies_open(&out, &k, s2, sotto_buf_span(&empty)), SOTTO_ERR_ECIES);
    assert_int_equal(out.size, opened);
    sotto_buf_free(&empty);
    sotto_buf_free(&sealed);
    sotto_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_make_one_text), cmocka_unit_test(constructions_by_hand), cmocka_unit_test(eip712_domain_is_its_struct),
        cmocka_unit_test(gcm_refuses_every_change), cmocka_unit_test(a_kept_key_does_the_same), cmocka_unit_test(xchacha_refuses_every_change),
        cmocka_unit_test(ctr_is_a_stream), cmocka_unit_test(ecies_round_trip), cmocka_unit_test(ecies_refuses_every_byte),
    };
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    sotto_rng_from_seed(&random_stream, test_seed(), "sealing test");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
