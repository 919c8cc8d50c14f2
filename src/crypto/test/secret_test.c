/* secrets and random streams: wiped, guarded, compared; forks that do not know of each other. */
#include "crypto/rng.h"
#include "support/test.h"

#include <pthread.h>
#include <sys/resource.h>

#include "crypto/aead.h"
#include "crypto/curve.h"

static void init_may_run_again(void **state)
{
    (void)state;
    assert_int_equal(sotto_crypto_init(), SOTTO_OK);
}

static void compare_and_wipe(void **state)
{
    (void)state;
    uint8_t a[33] = { 0 }, b[33] = { 0 };
    assert_true(sotto_equal_ct(a, b, 0));
    assert_true(sotto_equal_ct(NULL, NULL, 0));
    for (size_t i = 0; i < sizeof a; i++) {
        for (int bit = 0; bit < 8; bit++) {
            b[i] = (uint8_t)(1 << bit);
            assert_false(sotto_equal_ct(a, b, sizeof a));
            assert_true(sotto_equal_ct(a, b, i));
        }
        b[i] = 0;
    }
    assert_true(sotto_equal_ct(a, b, sizeof a));
    struct sotto_secret s;
    memset(s.b, 0xff, sizeof s.b);
    SOTTO_WIPE(s);
    assert_true(sotto_all_zero(s.b, sizeof s.b));
    sotto_wipe(NULL, 0);
}

static void guarded_regions(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 7, 32, 63, 64, 65, 4096, 10000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        bool locked = false;
        uint8_t *p = sotto_guard_new(sizes[i], &locked);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        assert_true(sotto_all_zero(p, sizes[i]));
        memset(p, 0x5a, sizes[i]);
        sotto_guard_free(p);
    }
    sotto_guard_free(NULL);
    assert_null(sotto_guard_new(SIZE_MAX - 1, NULL));
    uint8_t *quiet = sotto_guard_new(10, NULL);
    assert_non_null(quiet);
    sotto_guard_free(quiet);
}

/* Above the limit the region still works, and says that it is not locked. Root may lock beyond every limit. */
static void missing_lock_is_reported(void **state)
{
    (void)state;
    struct rlimit was, tight = { 0, 0 };
    assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &was), 0);
    tight.rlim_max = was.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &tight), 0);
    bool locked = true;
    uint8_t *p = sotto_guard_new(100, &locked);
    assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &was), 0);
    assert_non_null(p);
    assert_true(sotto_all_zero(p, 100));
    FILE *f = fopen("/proc/self/status", "r");
    char line[200];
    unsigned long long caps = 0, locked_kib = 0;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, "CapEff:", 7) == 0) caps = strtoull(line + 7, NULL, 16);
        if (strncmp(line, "VmLck:", 6) == 0) locked_kib = strtoull(line + 6, NULL, 10);
    }
    fclose(f);
    const unsigned long long ipc_lock = 1ull << 14;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)      /* their run time turns mlock into nothing */
    if (!(caps & ipc_lock)) assert_false(locked);
    assert_true(locked == (locked_kib > 0));
#else
    (void)caps, (void)locked_kib, (void)ipc_lock;
#endif
    sotto_guard_free(p);
}

static void streams_repeat_and_differ(void **state)
{
    (void)state;
    struct sotto_chacha_rng a, b, c, d;
    uint8_t x[2000], y[2000];
    uint64_t seed = test_seed();
    sotto_rng_from_seed(&a, seed, "one");
    sotto_rng_from_seed(&b, seed, "one");
    sotto_rng_from_seed(&c, seed, "two");
    sotto_rng_from_seed(&d, seed + 1, "one");
    sotto_rng_fill(&a.rng, x, sizeof x);
    for (size_t at = 0; at < sizeof y;) {             /* the same bytes however they are drawn */
        size_t take = 1 + at % 97 < sizeof y - at ? 1 + at % 97 : sizeof y - at;
        sotto_rng_fill(&b.rng, y + at, take);
        at += take;
    }
    assert_memory_equal(x, y, sizeof x);
    sotto_rng_fill(&c.rng, y, sizeof y);
    assert_memory_not_equal(x, y, sizeof x);
    sotto_rng_fill(&d.rng, y, sizeof y);
    assert_memory_not_equal(x, y, sizeof x);
    sotto_rng_fill(&a.rng, y, 0);
    unsigned long counts[256] = { 0 };
    for (int i = 0; i < 500; i++) {
        sotto_rng_fill(&a.rng, x, sizeof x);
        for (size_t j = 0; j < sizeof x; j++) counts[x[j]]++;
    }
    double chi = 0, mean = 500 * sizeof x / 256.0;
    for (int i = 0; i < 256; i++) chi += ((double)counts[i] - mean) * ((double)counts[i] - mean) / mean;
    assert_true(chi > 130 && chi < 420);              /* 255 degrees of freedom, sigma 22.6: some 5.5 and 7 sigma */
}

/* A fork depends on its purpose and on where the parent stood; what one fork draws moves nobody else. */
static void forks_are_independent(void **state)
{
    (void)state;
    struct sotto_chacha_rng p, q, one, two, again;
    uint8_t x[64], y[64];
    uint64_t seed = test_seed();
    sotto_rng_from_seed(&p, seed, "parent");
    sotto_rng_from_seed(&q, seed, "parent");
    sotto_rng_fork(&one, &p.rng, "mining");
    sotto_rng_fork(&again, &q.rng, "mining");
    for (int i = 0; i < 100; i++) sotto_rng_fill(&one.rng, x, sizeof x);         /* drawn much here, nothing there */
    sotto_rng_fill(&p.rng, x, sizeof x);
    sotto_rng_fill(&q.rng, y, sizeof y);
    assert_memory_equal(x, y, sizeof x);
    sotto_rng_from_seed(&p, seed, "parent");
    sotto_rng_from_seed(&q, seed, "parent");
    sotto_rng_fork(&one, &p.rng, "mining");
    sotto_rng_fork(&two, &q.rng, "relay");
    sotto_rng_fill(&one.rng, x, sizeof x);
    sotto_rng_fill(&two.rng, y, sizeof y);
    assert_memory_not_equal(x, y, sizeof x);
    sotto_rng_fill(&again.rng, y, sizeof y);
    assert_memory_equal(x, y, sizeof x);
    sotto_rng_fork(&two, &p.rng, "mining");           /* the second fork for one purpose is another stream */
    sotto_rng_fill(&two.rng, y, sizeof y);
    assert_memory_not_equal(x, y, sizeof x);
}

static void used_bytes_leave_the_state(void **state)
{
    (void)state;
    struct sotto_chacha_rng r;
    uint8_t x[100], key[32];
    sotto_rng_from_system(&r);
    sotto_rng_fill(&r.rng, x, sizeof x);
    assert_int_equal(r.used, sizeof x);
    assert_true(sotto_all_zero(r.block, sizeof x));
    assert_null(memmem(&r, sizeof r, x, 16));
    memcpy(key, r.key, 32);
    sotto_rng_fill(&r.rng, x, sizeof x);
    assert_memory_equal(key, r.key, 32);
    for (int i = 0; i < 5; i++) sotto_rng_fill(&r.rng, x, sizeof x);
    assert_memory_not_equal(key, r.key, 32);          /* a new block came with a new key */
    struct sotto_chacha_rng other;
    uint8_t y[100];
    sotto_rng_from_system(&other);
    sotto_rng_fill(&other.rng, y, sizeof y);
    assert_memory_not_equal(x, y, sizeof x);
}

/* The shared context and the per-thread ciphers, from several threads at once (the thread sanitizer looks on). */
static void *worker(void *arg)
{
    struct sotto_chacha_rng r;
    sotto_rng_from_seed(&r, *(const uint64_t *)arg, "worker");
    for (int i = 0; i < 60; i++) {
        struct sotto_scalar k;
        struct sotto_point p, got;
        struct sotto_sig65 sig;
        struct sotto_kn kn;
        uint8_t digest[32], sealed[48], open[32];
        sotto_scalar_random(&k, &r.rng);
        sotto_rng_fill(&r.rng, digest, 32);
        sotto_rng_fill(&r.rng, kn.b, sizeof kn.b);
        if (sotto_point_make(&p, &k) || sotto_sign(&sig, &k, digest) || sotto_recover(&got, &sig, digest) || memcmp(p.b, got.b, 33)) return arg;
        if (sotto_gcm_seal(sealed, &kn, SOTTO_SPAN(p.b), SOTTO_SPAN(digest)) || sotto_gcm_open(open, &kn, SOTTO_SPAN(p.b), SOTTO_SPAN(sealed))) return arg;
        if (memcmp(open, digest, 32)) return arg;
    }
    return NULL;
}

static void threads_share_it(void **state)
{
    (void)state;
    pthread_t threads[4];
    uint64_t seeds[4];
    for (int i = 0; i < 4; i++) {
        seeds[i] = test_seed() + (uint64_t)i;
        assert_int_equal(pthread_create(&threads[i], NULL, worker, &seeds[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_may_run_again), cmocka_unit_test(compare_and_wipe), cmocka_unit_test(guarded_regions),
        cmocka_unit_test(missing_lock_is_reported), cmocka_unit_test(streams_repeat_and_differ), cmocka_unit_test(forks_are_independent),
        cmocka_unit_test(used_bytes_leave_the_state), cmocka_unit_test(threads_share_it),
    };
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
