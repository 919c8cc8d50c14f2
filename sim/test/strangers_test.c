/* The small form of `sotto-lab strangers`: with the rules of groups nobody ends among hostile outbound peers only, without them some do. */
#include "support/test.h"

#include "crypto/secret.h"
#include "sim/strangers.h"

enum { NODES = 100, MINUTES = 15, SEEDS = 3 };

static struct sim_strangers run(uint64_t seed, bool no_groups)
{
    struct sim_strangers r;
    struct sim_strangers_options o = { .seed = seed, .nodes = NODES, .hostile_percent = 20, .minutes = MINUTES, .no_groups = no_groups };
    sim_strangers_run(&r, &o);
    printf("seed %llu groups %d: eclipsed %u alone %u outbound %.2f hostile %.2f most %u inbound %.1f hostile %.1f\n", (unsigned long long)seed, !no_groups,
           r.eclipsed, r.alone, (double)r.outbound / r.honest, (double)r.outbound_hostile / r.honest, r.outbound_hostile_most,
           (double)r.inbound / r.honest, (double)r.inbound_hostile / r.honest);
    return r;
}

static void test_groups_hold(void **state)
{
    (void)state;
    struct sim_strangers first = { 0 };
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_strangers r = run(seed, false);
        assert_int_equal(r.honest, 80);
        assert_int_equal(r.eclipsed, 0);
        assert_int_equal(r.alone, 0);
        assert_true(r.outbound_hostile_most <= 4);    /* they have four groups */
        assert_true(r.outbound_hostile <= 2u * r.honest);      /* before lookups counted groups: 2.9 */
        assert_true(r.inbound_hostile <= 16u * r.honest);      /* four of each */
        assert_true(r.outbound >= 6u * r.honest && r.outbound_hostile > 0 && r.inbound_hostile > 0);       /* they were there, and so were we */
        if (seed == 1) first = r;
    }
    struct sim_strangers again = run(1, false), other = run(2, false);
    assert_memory_equal(&first, &again, sizeof first);
    assert_true(first.digest != other.digest);
}

static void test_without_groups(void **state)
{
    (void)state;
    struct sim_strangers r = run(1, true);
    assert_true(r.eclipsed > 0);
    assert_true(r.outbound_hostile_most > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_groups_hold), cmocka_unit_test(test_without_groups) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
