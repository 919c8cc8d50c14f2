/* The series against a plain list: whatever was added and taken out, all that is left comes in order, from any key on. */
#include "support/test.h"

#include "crypto/rng.h"
#include "whisper/series.h"

#define ITEMS 2000u

struct item { uint64_t key; bool in; uint32_t padding, place; };
static struct item items[ITEMS];                  /* in the order of their keys */
static struct sotto_chacha_rng rng;

static void check(const struct sotto_series *s, unsigned added)
{
    const struct item *at = sotto_series_first(s);
    uint32_t live = 0;
    for (unsigned i = 0; i < added; i++) {
        if (!items[i].in) continue;
        assert_ptr_equal(at, &items[i]);
        at = sotto_series_next(s, at);
        live++;
    }
    assert_null(at);
    assert_int_equal(s->live, live);
}

static void check_after(const struct sotto_series *s, unsigned added, uint64_t key)
{
    const struct item *want = NULL;
    for (unsigned i = added; i-- > 0;)
        if (items[i].in && items[i].key > key) want = &items[i];
    assert_ptr_equal(sotto_series_after(s, key), want);
}

/* keep: about how many stay in. */
static void agrees_with_a_list(unsigned keep)
{
    struct sotto_series s = sotto_series_make(offsetof(struct item, place));
    unsigned added = 0, in = 0;
    uint64_t key = sotto_rng_below(&rng.rng, 2);
    memset(items, 0, sizeof items);
    assert_null(sotto_series_first(&s));
    assert_null(sotto_series_after(&s, 0));
    while (added < ITEMS) {
        if (in > sotto_rng_below(&rng.rng, 2 * keep)) {
            unsigned at = (unsigned)sotto_rng_below(&rng.rng, added);
            if (sotto_rng_below(&rng.rng, 3) == 0) {              /* the oldest, as they expire */
                for (at = 0; !items[at].in; at++) {
                }
            }
            if (!items[at].in) continue;
            sotto_series_remove(&s, &items[at]);
            items[at].in = false;
            in--;
        } else {
            struct item *x = &items[added++];
            key += 1 + sotto_rng_below(&rng.rng, 3);
            *x = (struct item){ .key = key, .in = true };
            assert_int_equal(sotto_series_reserve(&s), SOTTO_OK);
            sotto_series_add(&s, x->key, x);
            in++;
        }
        check_after(&s, added, sotto_rng_below(&rng.rng, key + 2));
        if (sotto_rng_below(&rng.rng, 20) == 0) check(&s, added);
        assert_true(s.cap <= 64 || s.cap <= 8 * (keep + 64));     /* holes do not pile up */
    }
    check(&s, added);
    for (unsigned i = 0; i < added; i++)
        if (items[i].in) sotto_series_remove(&s, &items[i]);
    assert_null(sotto_series_first(&s));
    sotto_series_free(&s);
}

static void all_comes_in_order(void **state)
{
    (void)state;
    static const unsigned keeps[] = { 1, 5, 40, 300, ITEMS };
    for (unsigned i = 0; i < sizeof keeps / sizeof keeps[0]; i++) agrees_with_a_list(keeps[i]);
}

int main(void)
{
    sotto_rng_from_seed(&rng, test_seed(), "series test");
    const struct CMUnitTest tests[] = { cmocka_unit_test(all_comes_in_order) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
