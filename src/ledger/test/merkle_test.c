/* merkle: against the definition as a recursion; every path leads to its root from its place alone. */
#include "support/test.h"

#include "crypto/rng.h"
#include "ledger/codec.h"
#include "ledger/merkle.h"

#define LEAVES 70u
static struct sotto_chacha_rng rng;
static uint8_t leaves[LEAVES][32];

static void top_of(uint8_t out[32], const uint8_t (*at)[32], uint32_t count)
{
    uint8_t left[32], right[32];
    uint32_t half = 1;
    if (count == 0) {
        memset(out, 0, 32);
        return;
    }
    if (count == 1) {
        memcpy(out, at[0], 32);
        return;
    }
    while (half * 2 < count) half *= 2;
    top_of(left, at, half);
    top_of(right, at + half, count - half);
    SOTTO_TH(out, "sotto/mt/node", SOTTO_SPAN(left), SOTTO_SPAN(right));
}

static void root_of(uint8_t out[32], uint32_t count)
{
    uint8_t top[32], size[4];
    top_of(top, (const uint8_t(*)[32])leaves, count);
    sotto_put_le32(size, count);
    SOTTO_TH(out, "sotto/mt/root", SOTTO_SPAN(size), SOTTO_SPAN(top));
}

static void follows_its_definition(void **state)
{
    (void)state;
    struct sotto_mt t = { 0 };
    for (uint32_t n = 0; n <= LEAVES; n++) {
        uint8_t a[32], b[32];
        sotto_mt_root(a, &t);
        root_of(b, n);
        assert_memory_equal(a, b, 32);
        sotto_mt_root_of(a, (const uint8_t(*)[32])leaves, n);
        assert_memory_equal(a, b, 32);
        if (n < LEAVES) sotto_mt_add(&t, leaves[n]);
    }
}

static void paths_lead_home(void **state)
{
    (void)state;
    uint8_t root[32], path[SOTTO_MT_PATH_MAX][32];
    for (uint32_t n = 1; n <= LEAVES; n++) {
        sotto_mt_root_of(root, (const uint8_t(*)[32])leaves, n);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t size = sotto_mt_path(path, (const uint8_t(*)[32])leaves, n, i);
            struct sotto_span bytes = sotto_span(path, (size_t)size * 32);
            assert_int_equal(sotto_mt_check(root, leaves[i], n, i, bytes), SOTTO_OK);
            assert_int_equal(sotto_mt_check(root, leaves[i], n, n, bytes), SOTTO_P_INDEX);
            if (size) assert_int_equal(sotto_mt_check(root, leaves[i], n, i, sotto_span(path, bytes.size - 32)), SOTTO_P_PATH);
            if (size) assert_int_equal(sotto_mt_check(root, leaves[i], n, i, sotto_span(path, bytes.size - 1)), SOTTO_P_PATH);
            for (uint32_t k = 0; k < n + 3; k++) {                    /* another place, or another count, is another claim */
                if (k != i && k < n) assert_int_not_equal(sotto_mt_check(root, leaves[i], n, k, bytes), SOTTO_OK);
                if (k != n) assert_int_not_equal(sotto_mt_check(root, leaves[i], k, i, bytes), SOTTO_OK);
            }
            if (size) {
                uint32_t at = (uint32_t)sotto_rng_below(&rng.rng, bytes.size);
                ((uint8_t *)path)[at] ^= (uint8_t)(1u << sotto_rng_below(&rng.rng, 8));
                assert_int_equal(sotto_mt_check(root, leaves[i], n, i, bytes), SOTTO_P_ROOT);
            }
        }
    }
}

/* Trees that repeat a lone last node have this fault: a list with its tail doubled has the same root. */
static void a_doubled_tail_is_another_list(void **state)
{
    (void)state;
    uint8_t list[8][32], a[32], b[32];
    for (uint32_t n = 1; n <= 6; n++) {
        for (uint32_t tail = 1; tail <= n && n + tail <= 8; tail++) {
            memcpy(list, leaves, (size_t)n * 32);
            memcpy(list + n, leaves + n - tail, (size_t)tail * 32);
            sotto_mt_root_of(a, (const uint8_t(*)[32])list, n);
            sotto_mt_root_of(b, (const uint8_t(*)[32])list, n + tail);
            assert_memory_not_equal(a, b, 32);
        }
    }
}

/* Counts as large as they go, with a path of the greatest length: the turns are those of the place. */
static void large_counts(void **state)
{
    (void)state;
    uint8_t root[32] = { 0 }, path[33][32] = { { 0 } };
    const uint32_t most = UINT32_MAX;
    assert_int_equal(sotto_mt_check(root, leaves[0], most, 0, sotto_span(path, 32 * 32)), SOTTO_P_ROOT);
    assert_int_equal(sotto_mt_check(root, leaves[0], most, 0, sotto_span(path, 33 * 32)), SOTTO_P_PATH);
    assert_int_equal(sotto_mt_check(root, leaves[0], most, most - 1, sotto_span(path, 31 * 32)), SOTTO_P_ROOT);
    assert_int_equal(sotto_mt_check(root, leaves[0], most, most, sotto_span(path, 32 * 32)), SOTTO_P_INDEX);
    assert_int_equal(sotto_mt_check(root, leaves[0], 0, 0, sotto_span(path, 0)), SOTTO_P_INDEX);
}

int main(void)
{
    sotto_rng_from_seed(&rng, test_seed(), "merkle test");
    sotto_rng_fill(&rng.rng, leaves, sizeof leaves);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_its_definition), cmocka_unit_test(paths_lead_home), cmocka_unit_test(a_doubled_tail_is_another_list),
        cmocka_unit_test(large_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
