/* The heap against a plain list: after any adds and removals the least is on top, and every item knows its place. */
#include "support/test.h"

#include "crypto/rng.h"
#include "whisper/heap.h"

#define ITEMS 300u

struct item { uint64_t key, order; bool in; uint32_t padding, place; };
static struct item items[ITEMS];
static struct sotto_chacha_rng rng;

static bool earlier(const void *a, const void *b) { return ((const struct item *)a)->order < ((const struct item *)b)->order; }

static const struct item *least(bool ordered)
{
    const struct item *best = NULL;
    for (unsigned i = 0; i < ITEMS; i++) {
        const struct item *x = &items[i];
        if (x->in && (!best || x->key < best->key || (ordered && x->key == best->key && x->order < best->order))) best = x;
    }
    return best;
}

static void check(const struct sotto_heap *h, bool ordered)
{
    const struct item *top = sotto_heap_top(h), *best = least(ordered);
    assert_true(!top == !best);
    if (top) assert_true(top->in && top->key == best->key && (!ordered || top == best));
    uint32_t count = 0;
    for (unsigned i = 0; i < ITEMS; i++) {
        if (!items[i].in) continue;
        count++;
        assert_true(items[i].place < h->count && h->slots[items[i].place].item == &items[i]);
    }
    assert_int_equal(h->count, count);
}

static void agrees_with_a_list(bool ordered)
{
    struct sotto_heap h = sotto_heap_make(offsetof(struct item, place), ordered ? earlier : NULL);
    memset(items, 0, sizeof items);
    assert_null(sotto_heap_top(&h));
    for (unsigned step = 0; step < 6000; step++) {
        struct item *x = &items[sotto_rng_below(&rng.rng, ITEMS)];
        if (sotto_rng_below(&rng.rng, 5) == 0 && sotto_heap_top(&h)) x = sotto_heap_top(&h);
        if (x->in) {
            sotto_heap_remove(&h, x);
            x->in = false;
        } else {
            assert_int_equal(sotto_heap_reserve(&h, h.count + 1), SOTTO_OK);
            x->key = sotto_rng_below(&rng.rng, 20);               /* many are equal */
            x->order = sotto_rng_u64(&rng.rng);
            x->in = true;
            sotto_heap_add(&h, x->key, x);
        }
        if (step % 7 == 0) check(&h, ordered);
    }
    while (sotto_heap_top(&h)) {                  /* and out again in order */
        struct item *x = sotto_heap_top(&h);
        check(&h, ordered);
        sotto_heap_remove(&h, x);
        x->in = false;
    }
    assert_null(least(ordered));
    sotto_heap_free(&h);
}
static void the_least_is_on_top(void **state)
{
    (void)state;
    agrees_with_a_list(false);
    agrees_with_a_list(true);
}

int main(void)
{
    sotto_rng_from_seed(&rng, test_seed(), "heap test");
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_least_is_on_top) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
