/* What scripts ask of this room: their hashes, signatures in DER, powers modulo m. */
#include "base/text.h"
#include "crypto/curve.h"
#include "crypto/ecdsa.h"
#include "crypto/hash.h"
#include "crypto/modexp.h"
#include "crypto/rng.h"
#include "support/test.h"

#include <openssl/bn.h>

static struct sotto_chacha_rng rng;

static void is_hex(const uint8_t *bytes, size_t size, const char *hex)
{
    char text[129];
    assert_true(size <= 64);
    sotto_hex(text, bytes, size);
    assert_string_equal(text, hex);
}

static void test_hashes(void **state)
{
    (void)state;
    uint8_t out[32];
    sotto_sha1(out, sotto_span_str("abc"));
    is_hex(out, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
    sotto_ripemd160(out, sotto_span_str("abc"));
    is_hex(out, 20, "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc");
    sotto_ripemd160(out, sotto_span(NULL, 0));
    is_hex(out, 20, "9c1185a5c5e9fc54612808977ee8f548b2258d31");
    sotto_hash160(out, sotto_span(NULL, 0));
    is_hex(out, 20, "b472a266d0bd89c13706a4132ccfb16f7c3b9fcb");
    sotto_sha256d(out, sotto_span_str("hello"));
    is_hex(out, 32, "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50");
}

static void make(uint8_t der[SOTTO_DER_MAX], size_t *size, struct sotto_point *key, uint8_t rs[64], uint8_t digest[32])
{
    struct sotto_scalar k;
    struct sotto_sig65 sig;
    sotto_scalar_random(&k, &rng.rng);
    sotto_rng_fill(&rng.rng, digest, 32);
    assert_int_equal(sotto_point_make(key, &k), SOTTO_OK);
    assert_int_equal(sotto_sign(&sig, &k, digest), SOTTO_OK);
    assert_int_equal(sotto_der_write(der, size, sig.b), SOTTO_OK);
    memcpy(rs, sig.b, 64);
}

static void test_der_round(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        uint8_t der[SOTTO_DER_MAX], rs[64], digest[32], full[65] = { 4 };
        size_t size;
        struct sotto_point key;
        make(der, &size, &key, rs, digest);
        struct sotto_span sig = sotto_span(der, size);
        assert_true(sotto_der_strict(sig) && sotto_der_low(sig));
        assert_int_equal(sotto_der_verify(sig, SOTTO_SPAN(key.b), digest), SOTTO_OK);
        assert_int_equal(sotto_rs_verify(rs, SOTTO_SPAN(key.b), digest), SOTTO_OK);
        assert_int_equal(sotto_point_to64(full + 1, &key), SOTTO_OK);
        assert_int_equal(sotto_der_verify(sig, SOTTO_SPAN(full), digest), SOTTO_OK);
        full[0] = (uint8_t)(6 | (full[64] & 1));              /* the hybrid form */
        assert_int_equal(sotto_der_verify(sig, SOTTO_SPAN(full), digest), SOTTO_OK);
        full[0] ^= 1;
        assert_int_equal(sotto_der_verify(sig, SOTTO_SPAN(full), digest), SOTTO_ERR_SIG);
        digest[0] ^= 1;
        assert_int_equal(sotto_der_verify(sig, SOTTO_SPAN(key.b), digest), SOTTO_ERR_SIG);
    }
}

/* n - s: the same signature with the high half; it verifies, and is not low. */
static void test_high(void **state)
{
    (void)state;
    BIGNUM *n = NULL, *s = BN_new();
    assert_true(BN_hex2bn(&n, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141") && s);
    uint8_t der[SOTTO_DER_MAX], rs[64], digest[32];
    size_t size;
    struct sotto_point key;
    make(der, &size, &key, rs, digest);
    assert_true(BN_bin2bn(rs + 32, 32, s) && BN_sub(s, n, s) && BN_bn2binpad(s, rs + 32, 32) == 32);
    assert_int_equal(sotto_der_write(der, &size, rs), SOTTO_OK);
    assert_true(sotto_der_strict(sotto_span(der, size)));
    assert_false(sotto_der_low(sotto_span(der, size)));
    assert_int_equal(sotto_der_verify(sotto_span(der, size), SOTTO_SPAN(key.b), digest), SOTTO_OK);
    assert_int_equal(sotto_rs_verify(rs, SOTTO_SPAN(key.b), digest), SOTTO_OK);
    assert_true(BN_bn2binpad(n, rs, 32) == 32);               /* r = n */
    assert_int_equal(sotto_der_write(der, &size, rs), SOTTO_ERR_SIG_FORM);
    assert_int_equal(sotto_rs_verify(rs, SOTTO_SPAN(key.b), digest), SOTTO_ERR_SIG);
    BN_free(n);
    BN_free(s);
}

static void test_strict(void **state)
{
    (void)state;
    static const struct { const char *hex; bool strict; } rows[] = {
        { "3006020101020101", true }, { "3006020100020100", true }, { "300702020080020101", true },
        { "", false }, { "30", false }, { "3006020101020102ff", false }, { "3106020101020101", false }, { "3005020101020101", false },
        { "3006030101020101", false }, { "3006020101030101", false }, { "30060201010200", false }, { "3006020001020101", false },
        { "3006020181020101", false }, { "3006020101020181", false }, { "300702020001020101", false }, { "300702010102020001", false },
        { "300602010102020101", false }, { "3006020201020101", false }, { "300602ff01020101", false }, { "308106020101020101", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t bytes[80];
        size_t size = strlen(rows[i].hex) / 2;
        assert_int_equal(sotto_unhex(bytes, size, sotto_span_str(rows[i].hex)), SOTTO_OK);
        if (sotto_der_strict(sotto_span(bytes, size)) != rows[i].strict) fail_msg("row %zu: %s", i, rows[i].hex);
    }
    uint8_t edge[39] = { 0x30, 37, 2, 1, 1, 2, 32 };          /* r = 1, s = (n-1)/2: the highest low one */
    assert_int_equal(sotto_unhex(edge + 7, 32, sotto_span_str("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0")), SOTTO_OK);
    assert_true(sotto_der_strict(SOTTO_SPAN(edge)) && sotto_der_low(SOTTO_SPAN(edge)));
    edge[38]++;
    assert_true(sotto_der_strict(SOTTO_SPAN(edge)));
    assert_false(sotto_der_low(SOTTO_SPAN(edge)));
    assert_false(sotto_der_low(sotto_span(edge, 38)));
}

/* Any lengths against another way to the same number: BN_mod_exp_simple, and for empty operands by hand. */
static void test_modexp(void **state)
{
    (void)state;
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *b = BN_new(), *e = BN_new(), *m = BN_new(), *r = BN_new();
    uint8_t in[3][SOTTO_MODEXP_MAX], out[SOTTO_MODEXP_MAX], want[SOTTO_MODEXP_MAX];
    size_t size;
    assert_true(ctx && b && e && m && r);
    for (int i = 0; i < 600; i++) {
        size_t mod = 1 + sotto_rng_below(&rng.rng, i % 20 == 0 ? SOTTO_MODEXP_MAX : 48), exp = sotto_rng_below(&rng.rng, i % 3 ? 5 : 20);
        sotto_rng_fill(&rng.rng, in[1], exp);
        if (exp && i % 2) in[1][0] >>= sotto_rng_below(&rng.rng, 8);          /* exponents of every length */
        do {
            sotto_rng_fill(&rng.rng, in[2], mod);
            in[2][mod - 1] |= 1;
        } while (!BN_bin2bn(in[2], (int)mod, m) || BN_is_one(m));
        assert_true(BN_rand_range(b, m));
        int base = BN_bn2bin(b, in[0]);
        assert_true(BN_bin2bn(in[1], (int)exp, e) && BN_mod_exp_simple(r, b, e, m, ctx));
        int right = BN_bn2bin(r, want);
        assert_int_equal(sotto_modexp(out, &size, sotto_span(in[0], (size_t)base), sotto_span(in[1], exp), sotto_span(in[2], mod)), SOTTO_OK);
        assert_int_equal(size, right);
        assert_memory_equal(out, want, size);
    }
    const uint8_t seven = 7, three = 3;
    assert_int_equal(sotto_modexp(out, &size, sotto_span(NULL, 0), sotto_span(NULL, 0), sotto_span(&seven, 1)), SOTTO_OK);
    assert_true(size == 1 && out[0] == 1);
    assert_int_equal(sotto_modexp(out, &size, sotto_span(NULL, 0), sotto_span(&three, 1), sotto_span(&seven, 1)), SOTTO_OK);
    assert_int_equal(size, 0);
    BN_free(b);
    BN_free(e);
    BN_free(m);
    BN_free(r);
    BN_CTX_free(ctx);
}

int main(void)
{
    sotto_rng_from_seed(&rng, test_seed(), "script");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hashes), cmocka_unit_test(test_der_round), cmocka_unit_test(test_high),
        cmocka_unit_test(test_strict), cmocka_unit_test(test_modexp),
    };
    return sotto_crypto_init() == SOTTO_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
