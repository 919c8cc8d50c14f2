/* Tables against the library's own multiplication: random h, and the edges of digits and of the range. */
#include "crypto/rng.h"
#include "crypto/multiples.h"
#include "support/test.h"

#define OK(expr) assert_int_equal((expr), SOTTO_OK)
#define RANDOM_MULTIPLIERS 2000u

static const struct sotto_scalar order = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
                                             0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41 } };
/* sum_j 2^(5j) mod n for 52 windows: h with h' = 0. */
static const struct sotto_scalar ones = { { 0x84, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21, 0x08, 0x42, 0x10, 0x84,
                                            0x21, 0x08, 0x42, 0x10, 0x84, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21 } };

/* a + b mod n on whole numbers, apart from any library. */
static struct sotto_scalar sum(const struct sotto_scalar *a, const struct sotto_scalar *b)
{
    uint8_t wide[33], less[33];
    unsigned carry = 0, borrow = 0;
    for (int i = 31; i >= 0; i--) {
        carry += a->b[i] + b->b[i];
        wide[i + 1] = (uint8_t)carry;
        carry >>= 8;
    }
    wide[0] = (uint8_t)carry;
    for (int i = 32; i >= 0; i--) {
        unsigned d = (unsigned)wide[i] - (i ? order.b[i - 1] : 0u) - borrow;
        less[i] = (uint8_t)d;
        borrow = d >> 31;
    }
    struct sotto_scalar r;
    memcpy(r.b, (borrow ? wide : less) + 1, 32);
    return r;
}

/* The number with these digits of 5 bits, plus the ones: the h whose h' it is. */
static struct sotto_scalar of_digits(const uint8_t digits[SOTTO_MULTIPLES_WINDOWS])
{
    struct sotto_scalar r = { { 0 } };
    for (unsigned j = 0; j < SOTTO_MULTIPLES_WINDOWS; j++)
        for (unsigned bit = 0; bit < 5; bit++)
            if ((digits[j] >> bit) & 1 && 5 * j + bit < 256) r.b[31 - (5 * j + bit) / 8] |= (uint8_t)(1u << ((5 * j + bit) % 8));
    return sum(&r, &ones);
}

static void agrees(const struct sotto_multiples *t, const struct sotto_base *q, const struct sotto_scalar *h)
{
    struct sotto_secret one, two;
    memset(&one, 1, sizeof one);
    memset(&two, 2, sizeof two);
    OK(sotto_base_x(&one, h, q));
    OK(sotto_multiples_x(&two, t, h));
    assert_memory_equal(one.b, two.b, 32);
    struct sotto_point g;
    memset(&two, 2, sizeof two);
    OK(sotto_point_make(&g, h));
    OK(sotto_generator_x(&two, h));
    assert_memory_equal(g.b + 1, two.b, 32);
}

static void table_is_ecdh(void **state)
{
    (void)state;
    struct sotto_chacha_rng rng;
    OK(sotto_crypto_init());
    sotto_rng_from_seed(&rng, test_seed(), "table");
    for (int secret = 0; secret < 2; secret++) {
        struct sotto_scalar k, h, small = { { 0 } };
        struct sotto_point q;
        struct sotto_base base;
        struct sotto_multiples *t;
        struct sotto_secret out;
        sotto_scalar_random(&k, &rng.rng);
        OK(sotto_point_make(&q, &k));
        OK(sotto_base_make(&base, &q));
        OK(sotto_multiples_new(&t, &q, secret));
        assert_false(sotto_multiples_ready(t));
        for (unsigned built = 0; built < SOTTO_MULTIPLES_WINDOWS; built += 5) assert_int_equal(sotto_multiples_build(t, 5), built + 5 >= SOTTO_MULTIPLES_WINDOWS);
        assert_true(sotto_multiples_ready(t));
        assert_true(sotto_multiples_build(t, 1));
        for (unsigned i = 0; i < RANDOM_MULTIPLIERS; i++) {
            sotto_scalar_random(&h, &rng.rng);
            agrees(t, &base, &h);
        }
        for (small.b[31] = 1; small.b[31] < 70; small.b[31]++) {         /* 1, 2, ... and n - 1, n - 2, ... */
            struct sotto_scalar minus_one = order;
            minus_one.b[31]--;
            OK(sotto_scalar_mul(&h, &small, &minus_one));
            agrees(t, &base, &small);
            agrees(t, &base, &h);
        }
        agrees(t, &base, &ones);                      /* h' = 0: all digits 0 */
        uint8_t digits[SOTTO_MULTIPLES_WINDOWS];
        memset(digits, 31, sizeof digits);
        digits[51] = 0;
        h = of_digits(digits);
        agrees(t, &base, &h);                         /* all digits 31 that can be */
        for (unsigned j = 0; j < SOTTO_MULTIPLES_WINDOWS; j++)               /* each entry of each window by itself; 51 has two */
            for (unsigned d = 1; d < (j == 51 ? 2u : 32u); d++) {
                memset(digits, 0, sizeof digits);
                digits[j] = (uint8_t)d;
                h = of_digits(digits);
                agrees(t, &base, &h);
            }
        for (unsigned j = 1; j < 51; j++) {           /* windows 0 .. j-1 sum up to 2^(5j): the addition of window j doubles */
            memset(digits, 0, sizeof digits);
            for (unsigned i = 0; i < j; i++) digits[i] = 30;
            digits[0] = 31;
            h = of_digits(digits);
            agrees(t, &base, &h);
        }
        struct sotto_scalar zero = { { 0 } }, all;
        memset(&all, 0xff, sizeof all);
        memset(&out, 7, sizeof out);
        assert_int_equal(sotto_multiples_x(&out, t, &zero), SOTTO_ERR_KEY);
        assert_int_equal(sotto_multiples_x(&out, t, &order), SOTTO_ERR_KEY);
        assert_int_equal(sotto_multiples_x(&out, t, &all), SOTTO_ERR_KEY);
        assert_int_equal(sotto_generator_x(&out, &zero), SOTTO_ERR_KEY);
        assert_int_equal(sotto_generator_x(&out, &order), SOTTO_ERR_KEY);
        for (int i = 0; i < 32; i++) assert_int_equal(out.b[i], 7);
        sotto_multiples_free(t);
    }
}

static void bad_points(void **state)
{
    (void)state;
    struct sotto_point none = { { 0 } };
    struct sotto_base base = { { 0 } };
    struct sotto_multiples *t = NULL;
    struct sotto_secret out;
    struct sotto_scalar one = { { [31] = 1 } };
    OK(sotto_crypto_init());
    assert_int_equal(sotto_multiples_new(&t, &none, true), SOTTO_ERR_KEY);
    assert_null(t);
    assert_int_equal(sotto_base_make(&base, &none), SOTTO_ERR_KEY);
    assert_int_equal(sotto_base_x(&out, &one, &base), SOTTO_ERR_KEY);
    sotto_multiples_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(table_is_ecdh), cmocka_unit_test(bad_points) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
