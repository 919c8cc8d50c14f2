/* curve: the KDAC law k(hP) = h(kP), edges of the scalar range, and malformed keys and signatures. */
#include "base/text.h"
#include "crypto/curve.h"
#include "crypto/hash.h"
#include "crypto/rng.h"
#include "support/test.h"

static struct sotto_chacha_rng random_stream;
static struct sotto_rng *rng(void) { return &random_stream.rng; }

static const uint8_t order[32] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
                                   0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41 };

/* n + small, small in -1..1 (no carry reaches the second byte). */
static struct sotto_scalar near_order(int small)
{
    struct sotto_scalar k;
    memcpy(k.b, order, 32);
    k.b[31] = (uint8_t)(k.b[31] + small);
    return k;
}

static struct sotto_scalar negative(const struct sotto_scalar *k)
{
    struct sotto_scalar minus_one = near_order(-1), r;
    assert_int_equal(sotto_scalar_mul(&r, k, &minus_one), SOTTO_OK);
    return r;
}

static struct sotto_point key_of(const struct sotto_scalar *k)
{
    struct sotto_point p;
    assert_int_equal(sotto_point_make(&p, k), SOTTO_OK);
    return p;
}

/* K-19: x*(k*G) = (x*k mod n)*G for 10,000 random pairs; both ways round, whole point and x alone. */
static void product_of_keys(void **state)
{
    (void)state;
    for (int i = 0; i < 10000; i++) {
        struct sotto_scalar k, x, kx;
        struct sotto_point left;
        struct sotto_secret only_x;
        sotto_scalar_random(&k, rng());
        sotto_scalar_random(&x, rng());
        struct sotto_point big_k = key_of(&k);
        assert_int_equal(sotto_scalar_mul(&kx, &k, &x), SOTTO_OK);
        struct sotto_point right = key_of(&kx);
        assert_int_equal(sotto_ecdh_point(&left, &x, &big_k), SOTTO_OK);
        assert_memory_equal(left.b, right.b, 33);
        assert_int_equal(sotto_ecdh_x(&only_x, &x, &big_k), SOTTO_OK);
        assert_memory_equal(only_x.b, right.b + 1, 32);
    }
}

static void scalar_edges(void **state)
{
    (void)state;
    struct sotto_scalar zero = { { 0 } }, one = { { 0 } }, out = { { 0x55 } }, before = out;
    one.b[31] = 1;
    struct sotto_scalar top = near_order(-1), n = near_order(0), over = near_order(1), all;
    memset(all.b, 0xff, 32);
    assert_false(sotto_scalar_valid(&zero));
    assert_true(sotto_scalar_valid(&one));
    assert_true(sotto_scalar_valid(&top));
    assert_false(sotto_scalar_valid(&n));
    assert_false(sotto_scalar_valid(&over));
    assert_false(sotto_scalar_valid(&all));

    const struct sotto_scalar *const bad[] = { &zero, &n, &over, &all };
    struct sotto_point g = key_of(&one), p = g;
    struct sotto_secret x = { { 0x77 } }, x_before = x;
    struct sotto_sig65 sig = { { 0x33 } }, sig_before = sig;
    uint8_t schnorr[64] = { 0x44 }, schnorr_before[64] = { 0x44 };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(sotto_scalar_mul(&out, bad[i], &one), SOTTO_ERR_KEY);
        assert_int_equal(sotto_scalar_mul(&out, &one, bad[i]), SOTTO_ERR_KEY);
        assert_int_equal(sotto_point_make(&p, bad[i]), SOTTO_ERR_KEY);
        assert_int_equal(sotto_ecdh_x(&x, bad[i], &g), SOTTO_ERR_KEY);
        assert_int_equal(sotto_ecdh_point(&p, bad[i], &g), SOTTO_ERR_KEY);
        assert_int_equal(sotto_sign(&sig, bad[i], order), SOTTO_ERR_KEY);
        assert_int_equal(sotto_schnorr_sign(schnorr, bad[i], order, order), SOTTO_ERR_KEY);
    }
    /* outputs are written only on success */
    assert_memory_equal(out.b, before.b, 32);
    assert_memory_equal(p.b, g.b, 33);
    assert_memory_equal(x.b, x_before.b, 32);
    assert_memory_equal(sig.b, sig_before.b, 65);
    assert_memory_equal(schnorr, schnorr_before, 64);
    /* (n-1)*G = -G: the other parity, the same x */
    struct sotto_point minus_g = key_of(&top);
    assert_memory_equal(minus_g.b + 1, g.b + 1, 32);
    assert_int_equal(minus_g.b[0] ^ g.b[0], 1);
    assert_int_equal(sotto_ecdh_point(&p, &top, &g), SOTTO_OK);
    assert_memory_equal(p.b, minus_g.b, 33);
    assert_int_equal(sotto_scalar_mul(&out, &top, &top), SOTTO_OK);
    assert_memory_equal(out.b, one.b, 32);
}

static void reduce_subtracts_once(void **state)
{
    (void)state;
    struct sotto_scalar r = { { 9 } }, before = r, one = { { 0 } };
    uint8_t zero[32] = { 0 }, all[32], want[32];
    one.b[31] = 1;
    memset(all, 0xff, 32);
    assert_int_equal(sotto_scalar_reduce(&r, zero), SOTTO_ERR_KEY);
    assert_int_equal(sotto_scalar_reduce(&r, order), SOTTO_ERR_KEY);
    assert_memory_equal(r.b, before.b, 32);
    struct sotto_scalar top = near_order(-1), over = near_order(1);
    assert_int_equal(sotto_scalar_reduce(&r, top.b), SOTTO_OK);
    assert_memory_equal(r.b, top.b, 32);
    assert_int_equal(sotto_scalar_reduce(&r, over.b), SOTTO_OK);
    assert_memory_equal(r.b, one.b, 32);
    assert_int_equal(sotto_scalar_reduce(&r, all), SOTTO_OK);        /* 2^256 - 1 - n */
    assert_int_equal(sotto_unhex(want, 32, sotto_span_str("000000000000000000000000000000014551231950b75fc4402da1732fc9bebe")), SOTTO_OK);
    assert_memory_equal(r.b, want, 32);
    for (int i = 0; i < 1000; i++) {                  /* below n nothing changes; n added is n taken away */
        struct sotto_scalar k;
        uint8_t sum[32];
        unsigned carry = 0;
        sotto_rng_fill(rng(), k.b, 32);
        memset(k.b, 0, 16);                           /* < 2^128, so that k + n has 256 bits */
        if (sotto_all_zero(k.b, 32)) continue;
        for (int j = 31; j >= 0; j--) {
            carry += (unsigned)k.b[j] + order[j];
            sum[j] = (uint8_t)carry;
            carry >>= 8;
        }
        if (carry) continue;
        assert_int_equal(sotto_scalar_reduce(&r, sum), SOTTO_OK);
        assert_memory_equal(r.b, k.b, 32);
        assert_int_equal(sotto_scalar_reduce(&r, k.b), SOTTO_OK);
        assert_memory_equal(r.b, k.b, 32);
    }
}

/* The system's bytes are redrawn until they are a scalar. */
struct script_rng { struct sotto_rng rng; const uint8_t (*draws)[32]; size_t at; };
static void script_fill(struct sotto_rng *r, void *out, size_t size)
{
    struct script_rng *s = (struct script_rng *)r;
    assert_int_equal(size, 32);
    memcpy(out, s->draws[s->at++], 32);
}

static void random_scalar_redraws(void **state)
{
    (void)state;
    uint8_t draws[3][32] = { { 0 } };
    memcpy(draws[1], order, 32);
    draws[2][0] = 1;
    struct script_rng s = { { script_fill }, (const uint8_t (*)[32])draws, 0 };
    struct sotto_scalar k;
    sotto_scalar_random(&k, &s.rng);
    assert_int_equal(s.at, 3);
    assert_memory_equal(k.b, draws[2], 32);
}

static void points_are_checked(void **state)
{
    (void)state;
    struct sotto_scalar k;
    struct sotto_point back;
    uint8_t xy[64], again[64];
    for (int i = 0; i < 200; i++) {
        sotto_scalar_random(&k, rng());
        struct sotto_point p = key_of(&k);
        assert_int_equal(sotto_point_check(p.b), SOTTO_OK);
        assert_int_equal(sotto_point_to64(xy, &p), SOTTO_OK);
        assert_int_equal(sotto_point_from64(&back, xy), SOTTO_OK);
        assert_memory_equal(back.b, p.b, 33);
        assert_int_equal(sotto_point_from_x(&back, p.b + 1), SOTTO_OK);
        assert_int_equal(back.b[0], 2);
        assert_memory_equal(back.b + 1, p.b + 1, 32);
        memcpy(again, xy, 64);
        again[sotto_rng_below(rng(), 64)] ^= (uint8_t)(1u << sotto_rng_below(rng(), 8));
        assert_int_equal(sotto_point_from64(&back, again), SOTTO_ERR_KEY);
    }
    struct sotto_point none = { { 0 } }, p = key_of(&k);
    uint8_t zero[64] = { 0 }, x[32];
    assert_int_equal(sotto_point_check(none.b), SOTTO_ERR_KEY);
    assert_int_equal(sotto_point_from64(&back, zero), SOTTO_ERR_KEY);
    assert_int_equal(sotto_point_to64(xy, &none), SOTTO_ERR_KEY);
    struct sotto_secret s;
    struct sotto_id id;
    assert_int_equal(sotto_ecdh_x(&s, &k, &none), SOTTO_ERR_KEY);
    assert_int_equal(sotto_ecdh_point(&back, &k, &none), SOTTO_ERR_KEY);
    assert_int_equal(sotto_id_of(&id, &none), SOTTO_ERR_KEY);
    for (unsigned head = 0; head < 256; head++) {     /* only 02 and 03: no hybrid form, no uncompressed one */
        p.b[0] = (uint8_t)head;
        assert_int_equal(sotto_point_check(p.b), head == 2 || head == 3 ? SOTTO_OK : SOTTO_ERR_KEY);
    }
    /* about half of all strings are an x; a refused one is refused as a point too */
    int good = 0;
    for (int i = 0; i < 1000; i++) {
        sotto_rng_fill(rng(), x, 32);
        enum sotto_err err = sotto_point_from_x(&back, x);
        p.b[0] = 3;
        memcpy(p.b + 1, x, 32);
        assert_int_equal(err, sotto_point_check(p.b) == SOTTO_OK ? SOTTO_OK : SOTTO_ERR_POINT);
        good += err == SOTTO_OK;
    }
    assert_in_range(good, 400, 600);
    memset(x, 0xff, 32);                              /* above the field */
    assert_int_equal(sotto_point_from_x(&back, x), SOTTO_ERR_POINT);
}

static void signatures(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct sotto_scalar k;
        struct sotto_sig65 sig, same, bad;
        struct sotto_point got;
        uint8_t digest[32], other[32];
        sotto_scalar_random(&k, rng());
        sotto_rng_fill(rng(), digest, 32);
        struct sotto_point key = key_of(&k);
        assert_int_equal(sotto_sign(&sig, &k, digest), SOTTO_OK);
        assert_int_equal(sotto_sign(&same, &k, digest), SOTTO_OK);
        assert_memory_equal(sig.b, same.b, 65);       /* RFC 6979 */
        assert_true(sig.b[64] == 27 || sig.b[64] == 28);
        assert_int_equal(sotto_recover(&got, &sig, digest), SOTTO_OK);
        assert_memory_equal(got.b, key.b, 33);
        assert_int_equal(sotto_verify(sig.b, &key, digest), SOTTO_OK);

        memcpy(other, digest, 32);
        other[i % 32] ^= 1;
        assert_int_equal(sotto_verify(sig.b, &key, other), SOTTO_ERR_SIG);
        enum sotto_err err = sotto_recover(&got, &sig, other);
        assert_true(err == SOTTO_ERR_SIG || (err == SOTTO_OK && memcmp(got.b, key.b, 33) != 0));

        bad = sig;                                    /* the high twin is a true signature of the curve, and refused */
        struct sotto_scalar s;
        memcpy(s.b, sig.b + 32, 32);
        s = negative(&s);
        memcpy(bad.b + 32, s.b, 32);
        bad.b[64] ^= 27 ^ 28;
        assert_int_equal(sotto_recover(&got, &bad, digest), SOTTO_ERR_SIG_FORM);
        assert_int_equal(sotto_verify(bad.b, &key, digest), SOTTO_ERR_SIG_FORM);

        struct sotto_point stranger = key;
        stranger.b[0] ^= 1;
        assert_int_equal(sotto_verify(sig.b, &stranger, digest), SOTTO_ERR_SIG);
        bad = sig;
        bad.b[64] ^= 27 ^ 28;                         /* the other v: another key or none */
        err = sotto_recover(&got, &bad, digest);
        assert_true(err == SOTTO_ERR_SIG || (err == SOTTO_OK && memcmp(got.b, key.b, 33) != 0));
    }
}

static void malformed_signatures(void **state)
{
    (void)state;
    struct sotto_scalar k, n = near_order(0), top = near_order(-1);
    struct sotto_sig65 sig, bad;
    struct sotto_point key, got;
    uint8_t digest[32] = { 7 };
    sotto_scalar_random(&k, rng());
    key = got = key_of(&k);
    assert_int_equal(sotto_sign(&sig, &k, digest), SOTTO_OK);
    for (unsigned v = 0; v < 256; v++) {
        if (v == 27 || v == 28) continue;
        bad = sig;
        bad.b[64] = (uint8_t)v;
        assert_int_equal(sotto_recover(&got, &bad, digest), SOTTO_ERR_SIG_FORM);
    }
    for (size_t part = 0; part < 64; part += 32) {
        const uint8_t zero[32] = { 0 };
        const uint8_t *const values[] = { zero, n.b };
        for (size_t i = 0; i < 2; i++) {
            bad = sig;
            memcpy(bad.b + part, values[i], 32);
            assert_int_equal(sotto_recover(&got, &bad, digest), SOTTO_ERR_SIG_FORM);
            assert_int_equal(sotto_verify(bad.b, &key, digest), SOTTO_ERR_SIG_FORM);
        }
        bad = sig;
        memset(bad.b + part, 0xff, 32);
        assert_int_equal(sotto_recover(&got, &bad, digest), SOTTO_ERR_SIG_FORM);
        assert_int_equal(sotto_verify(bad.b, &key, digest), SOTTO_ERR_SIG_FORM);
    }
    bad = sig;
    memcpy(bad.b, top.b, 32);                         /* r in range, but no point of the curve has it or fits it */
    enum sotto_err err = sotto_recover(&got, &bad, digest);
    assert_true(err == SOTTO_ERR_SIG || (err == SOTTO_OK && memcmp(got.b, key.b, 33) != 0));
    assert_int_equal(sotto_verify(bad.b, &key, digest), SOTTO_ERR_SIG);
    struct sotto_point none = { { 0 } };
    assert_int_equal(sotto_verify(sig.b, &none, digest), SOTTO_ERR_SIG);
    /* s = n/2 is the largest low one, n/2 + 1 the smallest high one */
    static const char half[] = "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0";
    bad = sig;
    assert_int_equal(sotto_unhex(bad.b + 32, 32, sotto_span_str(half)), SOTTO_OK);
    assert_int_equal(sotto_verify(bad.b, &key, digest), SOTTO_ERR_SIG);
    bad.b[63]++;
    assert_int_equal(sotto_verify(bad.b, &key, digest), SOTTO_ERR_SIG_FORM);
}

static void schnorr(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct sotto_scalar k;
        uint8_t digest[32], aux[32], sig[64];
        sotto_scalar_random(&k, rng());
        sotto_rng_fill(rng(), digest, 32);
        sotto_rng_fill(rng(), aux, 32);
        struct sotto_point key = key_of(&k);
        assert_int_equal(sotto_schnorr_sign(sig, &k, digest, aux), SOTTO_OK);
        assert_int_equal(sotto_schnorr_verify(sig, key.b + 1, digest), SOTTO_OK);
        sig[i % 64] ^= 1;
        assert_int_equal(sotto_schnorr_verify(sig, key.b + 1, digest), SOTTO_ERR_SIG);
        sig[i % 64] ^= 1;
        digest[i % 32] ^= 0x80;
        assert_int_equal(sotto_schnorr_verify(sig, key.b + 1, digest), SOTTO_ERR_SIG);
    }
}

static void id_text_forms(void **state)
{
    (void)state;
    static const char good[] = "0x89E80903c0413c08851D0AF85A0e71e5709e6576";
    static const char *const bad[] = {
        "89E80903c0413c08851D0AF85A0e71e5709e6576", "0X89E80903c0413c08851D0AF85A0e71e5709e6576",
        "0x89E80903c0413c08851D0AF85A0e71e5709e657", "0x89E80903c0413c08851D0AF85A0e71e5709e65766",
        "0x89E80903c0413c08851D0AF85A0e71e5709e657g", "0x89e80903c0413c08851D0AF85A0e71e5709e6576", "", "0x",
    };
    static const char *const one_case[] = { "0x89e80903c0413c08851d0af85a0e71e5709e6576", "0x89E80903C0413C08851D0AF85A0E71E5709E6576" };
    struct sotto_id id, again;
    char text[43];
    assert_int_equal(sotto_id_parse(&id, sotto_span_str(good), false), SOTTO_OK);
    sotto_id_text(text, &id);
    assert_string_equal(text, good);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(sotto_id_parse(&again, sotto_span_str(bad[i]), false), SOTTO_ERR_FORMAT);
        assert_int_equal(sotto_id_parse(&again, sotto_span_str(bad[i]), true), SOTTO_ERR_FORMAT);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sotto_id_parse(&again, sotto_span_str(one_case[i]), false), SOTTO_ERR_FORMAT);
        assert_int_equal(sotto_id_parse(&again, sotto_span_str(one_case[i]), true), SOTTO_OK);
        assert_true(sotto_id_equal(&id, &again));
    }
}

/* The quick question against the library's own answer: random x, the edges of the field. */
static void x_coordinates(void **state)
{
    (void)state;
    struct sotto_point p;
    uint8_t x[32];
    unsigned good = 0;
    for (unsigned i = 0; i < 4000; i++) {
        sotto_rng_fill(rng(), x, sizeof x);
        if (i < 600) {                                /* 0 .. 255 and p - 1000 .. p + 800: around both ends */
            memset(x, i < 256 ? 0 : 0xff, sizeof x);
            uint32_t low = i < 256 ? i : 0xfffffc2fu - 1000u + 6 * (i - 256);
            sotto_put_be32(x + 28, low);
            if (i >= 256) x[27] = 0xfe;
        } else if (i == 600) {
            memset(x, 0xff, sizeof x);
        }
        bool is = sotto_point_from_x(&p, x) == SOTTO_OK;
        assert_int_equal(sotto_x_good(x), is);
        good += is;
    }
    assert_true(good > 1500 && good < 2300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product_of_keys), cmocka_unit_test(scalar_edges), cmocka_unit_test(reduce_subtracts_once),
        cmocka_unit_test(random_scalar_redraws), cmocka_unit_test(points_are_checked), cmocka_unit_test(signatures),
        cmocka_unit_test(malformed_signatures), cmocka_unit_test(schnorr), cmocka_unit_test(id_text_forms), cmocka_unit_test(x_coordinates),
    };
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    sotto_rng_from_seed(&random_stream, test_seed(), "curve test");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
