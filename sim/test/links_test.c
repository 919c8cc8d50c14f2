/* The small form of `sotto-lab links`: every strategy ends as the table says, nobody else is hurt by it, and equal seeds make equal worlds. */
#include "support/test.h"

#include "crypto/secret.h"
#include "sim/links.h"

static struct sim_links run(uint64_t seed, const char *strategy)
{
    struct sim_links r;
    const struct sim_links_options o = { .seed = seed, .strategy = strategy };
    if (!sim_links_run(&r, &o)) fail_msg("seed %llu, %s: %s: %s", (unsigned long long)seed, r.strategy, r.rule, r.text);
    return r;
}

static void test_strategies(void **state)
{
    (void)state;
    const char *name, *end;
    unsigned count = 0;
    for (; (name = sim_links_strategy(count, &end)); count++) {
        struct sim_links r = run(count + 1, name);
        assert_true(r.messages > 0 && r.cells > 0 && r.open_most <= 32u << 20);
        if (end && *end) assert_string_equal(r.end, end);
        if (!end) assert_true(r.refused == 0 && r.end == NULL);
    }
    assert_in_range(count, 50, 100);
}

static void test_digest(void **state)
{
    (void)state;
    struct sim_links a = run(7, NULL), again = run(7, NULL), other = run(8, NULL);
    assert_memory_equal(&a, &again, sizeof a);
    assert_true(a.digest != other.digest);
}

/* More cells than one key seals. */
static void test_long(void **state)
{
    (void)state;
    struct sim_links r = run(100, NULL);
    assert_true(r.rekeys == 1 && r.cells > 65536);
}

static int setup(void **state)
{
    (void)state;
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_strategies), cmocka_unit_test(test_digest), cmocka_unit_test(test_long) };
    return cmocka_run_group_tests(tests, setup, NULL);
}
