/* What the tables of sim/memo.h answer is what the libraries compute: for random arguments, in every way there is to come to an answer. */
#include "sim/memo.h"

#include "crypto/curve.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "sim/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROUNDS 300
#define MANY 70000                              /* more products than the tables hold */

struct rig { struct sim_world *w; struct sotto_chacha_rng dice; };

static struct rig rig_new(const char *purpose)
{
    const char *seed = getenv("SOTTO_SEED");
    uint64_t number = seed ? strtoull(seed, NULL, 10) : 1;
    struct rig r = { .w = sim_world_new(number, NULL) };
    print_message("SOTTO_SEED=%llu\n", (unsigned long long)number);
    assert_int_equal(sotto_crypto_init(), SOTTO_OK);
    sotto_rng_from_seed(&r.dice, number, purpose);
    return r;
}

static void rig_end(struct rig *r)
{
    sim_memo_use(true);
    sim_world_free(r->w);
}

static uint64_t known(enum sim_memo_kind kind) { return sim_memo_count(kind).known; }

static struct sotto_point made(const struct sotto_scalar *k, bool memo)
{
    struct sotto_point p;
    sim_memo_use(memo);
    assert_int_equal(sotto_point_make(&p, k), SOTTO_OK);
    return p;
}

static struct sotto_point product(const struct sotto_scalar *k, const struct sotto_point *p, bool memo)
{
    struct sotto_point out;
    sim_memo_use(memo);
    assert_int_equal(sotto_ecdh_point(&out, k, p), SOTTO_OK);
    return out;
}

static void test_made(void **state)
{
    (void)state;
    struct rig r = rig_new("made");
    struct sotto_scalar k;
    for (int i = 0; i < ROUNDS; i++) {
        sotto_scalar_random(&k, &r.dice.rng);
        if (i < 32) {                               /* a single digit */
            memset(k.b, 0, sizeof k.b);
            k.b[i] = (uint8_t)(i + 1);
        }
        struct sotto_point plain = made(&k, false), first = made(&k, true);
        uint64_t before = known(SIM_MEMO_MADE);
        struct sotto_point again = made(&k, true);
        assert_int_equal(known(SIM_MEMO_MADE), before + 1);
        assert_memory_equal(plain.b, first.b, sizeof plain.b);
        assert_memory_equal(plain.b, again.b, sizeof plain.b);
    }
    struct sotto_point p;
    static const uint8_t edges[][4] = { { 0, 0, 0, 1 }, { 0x80, 0, 0, 0 }, { 0x7f, 0xff, 0xff, 0xff }, { 0xff, 0xff, 0xff, 0xff }, { 0xaa, 0xaa, 0xaa, 0xaa }, { 0x10, 0x00, 0x80, 0x01 } };
    for (size_t i = 0; i < 8 * sizeof edges / sizeof edges[0]; i++) {            /* carries: runs of ones and of halves at every place */
        memset(k.b, i % 2 ? 0xff : 0, sizeof k.b);
        memset(k.b, 0, i % 2);
        for (size_t j = 0; j < 4; j++) k.b[4 * (i % 8) + j] = edges[i / 8][j];
        if (i % 8 == 0) k.b[0] &= 0x7f;
        if (!sotto_scalar_valid(&k)) continue;
        struct sotto_point plain = made(&k, false), first = made(&k, true);
        assert_memory_equal(plain.b, first.b, sizeof plain.b);
    }
    memset(k.b, 0xff, sizeof k.b);                  /* no scalar: refused as ever */
    assert_int_equal(sotto_point_make(&p, &k), SOTTO_ERR_KEY);
    memset(k.b, 0, sizeof k.b);
    assert_int_equal(sotto_point_make(&p, &k), SOTTO_ERR_KEY);
    rig_end(&r);
}

static void test_products(void **state)
{
    (void)state;
    struct rig r = rig_new("products");
    struct sotto_scalar a, b;
    for (int i = 0; i < ROUNDS; i++) {
        sotto_scalar_random(&a, &r.dice.rng);
        sotto_scalar_random(&b, &r.dice.rng);
        bool learned = i % 2;
        struct sotto_point pa = made(&a, learned), pb = made(&b, learned), plain = product(&a, &pb, false);
        uint64_t foreign = sim_memo_count(SIM_MEMO_FOREIGN).asked;
        struct sotto_point one = product(&a, &pb, true);
        uint64_t before = known(SIM_MEMO_SHARED) + known(SIM_MEMO_FOREIGN);
        struct sotto_point two = learned ? product(&b, &pa, true) : product(&a, &pb, true);
        assert_int_equal(known(SIM_MEMO_SHARED) + known(SIM_MEMO_FOREIGN), before + 1);
        assert_int_equal(sim_memo_count(SIM_MEMO_FOREIGN).asked, foreign + (learned ? 0 : 2));
        assert_memory_equal(plain.b, one.b, sizeof plain.b);
        assert_memory_equal(plain.b, two.b, sizeof plain.b);
        /* a product is a base for the next one */
        struct sotto_point deep = product(&b, &plain, false), deep_memo = product(&b, &plain, true);
        assert_memory_equal(deep.b, deep_memo.b, sizeof deep.b);
    }
    rig_end(&r);
}

static void test_signers(void **state)
{
    (void)state;
    struct rig r = rig_new("signers");
    struct sotto_scalar k;
    uint8_t digest[32];
    for (int i = 0; i < ROUNDS; i++) {
        struct sotto_sig65 sig;
        struct sotto_point plain, first, again;
        sotto_scalar_random(&k, &r.dice.rng);
        sotto_rng_fill(&r.dice.rng, digest, sizeof digest);
        sim_memo_use(i % 2);                        /* signed by somebody in here, or not */
        assert_int_equal(sotto_sign(&sig, &k, digest), SOTTO_OK);
        if (i % 3 == 0) digest[i % 32] ^= 1;        /* recovers somebody else, who cannot be known */
        sim_memo_use(false);
        enum sotto_err err = sotto_recover(&plain, &sig, digest);
        sim_memo_use(true);
        uint64_t before = known(SIM_MEMO_RECOVERED);
        assert_int_equal(sotto_recover(&first, &sig, digest), err);
        assert_int_equal(known(SIM_MEMO_RECOVERED) - before, i % 2 && i % 3 != 0);
        if (err != SOTTO_OK) continue;
        assert_int_equal(sotto_recover(&again, &sig, digest), SOTTO_OK);
        assert_memory_equal(plain.b, first.b, sizeof plain.b);
        assert_memory_equal(plain.b, again.b, sizeof plain.b);
    }
    rig_end(&r);
}

static void test_parsed(void **state)
{
    (void)state;
    struct rig r = rig_new("parsed");
    unsigned good = 0;
    for (int i = 0; i < ROUNDS; i++) {
        uint8_t bytes[33], plain[64], memo[64];
        struct sotto_point p;
        sotto_rng_fill(&r.dice.rng, bytes, sizeof bytes);
        bytes[0] = 2 | (bytes[0] & 1);
        memcpy(p.b, bytes, sizeof bytes);
        sim_memo_use(false);
        enum sotto_err err = sotto_point_to64(plain, &p);
        sim_memo_use(true);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(sotto_point_to64(memo, &p), err);
            if (err == SOTTO_OK) assert_memory_equal(plain, memo, sizeof plain);
        }
        good += err == SOTTO_OK;
    }
    assert_in_range(good, 1, ROUNDS - 1);
    rig_end(&r);
}

static void test_derived(void **state)
{
    (void)state;
    struct rig r = rig_new("derived");
    for (int i = 0; i < ROUNDS; i++) {
        uint8_t password[20], plain[64], memo[64];
        size_t size = 1 + sotto_rng_below(&r.dice.rng, 64), cut = sotto_rng_below(&r.dice.rng, sizeof password);
        uint32_t rounds = 1 + (uint32_t)sotto_rng_below(&r.dice.rng, 3);
        sotto_rng_fill(&r.dice.rng, password, sizeof password);
        if (i % 2) memset(password, 0, sizeof password);       /* alike but for where the salt begins */
        struct sotto_span a = sotto_span(password, cut), b = sotto_span(password + cut, sizeof password - cut);
        sim_memo_use(false);
        sotto_pbkdf2_sha512(plain, size, a, b, rounds);
        sim_memo_use(true);
        for (int k = 0; k < 2; k++) {
            sotto_pbkdf2_sha512(memo, size, a, b, rounds);
            assert_memory_equal(plain, memo, size);
        }
    }
    rig_end(&r);
}

/* Full tables forget, and go on being right. */
static void test_full(void **state)
{
    (void)state;
    struct rig r = rig_new("full");
    struct sotto_scalar first, k;
    sotto_scalar_random(&first, &r.dice.rng);
    struct sotto_point plain = made(&first, false), p = made(&first, true);
    assert_memory_equal(plain.b, p.b, sizeof p.b);
    for (int i = 0; i < MANY; i++) {
        sotto_scalar_random(&k, &r.dice.rng);
        p = made(&k, true);
    }
    struct sotto_point last = made(&k, false), known_last = made(&k, true), again = made(&first, true);
    assert_memory_equal(last.b, known_last.b, sizeof last.b);
    assert_memory_equal(plain.b, again.b, sizeof plain.b);
    rig_end(&r);
}

/* The tables are full of the answers of the short form: other numbers from here on. */
static void test_long(void **state)
{
    (void)state;
    struct rig r = rig_new("long");
    struct sotto_scalar k;
    sim_memo_long();
    for (int i = 0; i < ROUNDS; i++) {
        sotto_scalar_random(&k, &r.dice.rng);
        if (i < 64) memset(k.b + i / 2, i % 2 ? 0xff : 0, 32 - (size_t)i / 2);
        if (!sotto_scalar_valid(&k)) continue;
        struct sotto_point plain = made(&k, false), first = made(&k, true);
        assert_memory_equal(plain.b, first.b, sizeof plain.b);
    }
    rig_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made), cmocka_unit_test(test_products), cmocka_unit_test(test_signers), cmocka_unit_test(test_parsed),
        cmocka_unit_test(test_derived), cmocka_unit_test(test_full), cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
