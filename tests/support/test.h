/* What every test needs: cmocka, and a seed that a failure prints. SOTTO_SEED=n repeats a run. */
#ifndef SOTTO_TESTS_SUPPORT_TEST_H
#define SOTTO_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* The seed of this run: SOTTO_SEED, else a fresh one. Printed at once, so that it stands above any failure. */
static inline uint64_t test_seed(void)
{
    static uint64_t seed;
    if (seed == 0) {
        const char *text = getenv("SOTTO_SEED");
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        seed = text ? strtoull(text, NULL, 10) : (uint64_t)t.tv_nsec * 1000003u ^ (uint64_t)t.tv_sec;
        if (seed == 0) seed = 1;
        printf("seed %llu  (repeat: SOTTO_SEED=%llu)\n", (unsigned long long)seed, (unsigned long long)seed);
    }
    return seed;
}

/* SOTTO_TEST=NAME runs the tests of that name only; * and ? stand for anything. */
__attribute__((constructor)) static inline void test_choose(void)
{
    const char *name = getenv("SOTTO_TEST");
    if (name && *name) cmocka_set_test_filter(name);
}

/* A rule of a property test: its failure says which of them broke, and in which run of the seed (from 1). */
static inline void test_rule(bool holds, const char *rule, unsigned run)
{
    if (holds) return;
    print_error("rule broken: %s, run %u\n", rule, run);
    fail();
}

#endif
