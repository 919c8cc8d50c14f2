/* The inventory beyond the published story: bounds, links that go, points for what comes late. */
#include "support/test.h"

#include "crypto/rng.h"
#include "relay/inv.h"

static unsigned gets, forgotten;
static int scores[8];
static uint32_t last_link;
static bool known(void *owner, const uint8_t id[SOTTO_INV_ID]) { return owner && id[0] == 0xee; }
static void get(void *owner, uint32_t link, const uint8_t id[SOTTO_INV_ID])
{
    (void)owner;
    (void)id;
    gets++;
    last_link = link;
}
static void offend(void *owner, uint32_t link, int score)
{
    (void)owner;
    scores[link] += score;
}
static void forgot(void *owner, const uint8_t id[SOTTO_INV_ID])
{
    (void)owner;
    (void)id;
    forgotten++;
}

static struct sotto_inv *begin(void)
{
    static struct sotto_chacha_rng rng;
    static int owner;
    const struct sotto_inv_sink sink = { &owner, known, get, offend, forgot };
    struct sotto_inv *v;
    sotto_rng_from_seed(&rng, test_seed(), "inventory");
    assert_int_equal(sotto_inv_new(&v, 4, &rng.rng, &sink), SOTTO_OK);
    gets = forgotten = 0;
    memset(scores, 0, sizeof scores);
    for (uint32_t link = 1; link <= 4; link++) assert_int_equal(sotto_inv_up(v, link), SOTTO_OK);
    assert_int_equal(sotto_inv_up(v, 4), SOTTO_ERR_EXISTS);
    assert_int_equal(sotto_inv_up(v, 5), SOTTO_ERR_FULL);
    return v;
}
static struct sotto_now at(uint64_t us) { return (struct sotto_now){ .mono_us = us }; }
static const uint8_t *id_of(uint32_t n)
{
    static uint8_t id[SOTTO_INV_ID];
    sotto_put_be32(id + 4, n);
    return id;
}

static void test_bounds(void **state)
{
    (void)state;
    struct sotto_inv *v = begin();
    for (uint32_t n = 0; n < 1000; n++) sotto_inv_announced(v, 1, id_of(n), at(0));
    assert_true(gets == SOTTO_INV_WAITING_MAX && sotto_inv_waiting(v, 1) == SOTTO_INV_WAITING_MAX && sotto_inv_wanted(v) == SOTTO_INV_WAITING_MAX);
    sotto_inv_announced(v, 2, id_of(999), at(0));
    assert_int_equal(sotto_inv_wanted(v), SOTTO_INV_WAITING_MAX + 1);
    sotto_inv_body(v, id_of(5));
    assert_int_equal(sotto_inv_waiting(v, 1), SOTTO_INV_WAITING_MAX - 1);
    assert_true(sotto_inv_deadline(v) == SOTTO_INV_GET_US);
    sotto_inv_tick(v, at(SOTTO_INV_GET_US));      /* nobody else has them */
    assert_true(sotto_inv_wanted(v) == 0 && forgotten == SOTTO_INV_WAITING_MAX && sotto_inv_waiting(v, 1) == 0 && sotto_inv_deadline(v) == UINT64_MAX);
    for (uint32_t n = 0; n <= SOTTO_INV_TOLD_MAX; n++) assert_true(sotto_inv_tell(v, 3, id_of(n)));
    assert_int_equal(sotto_inv_asked(v, 3, id_of(0), true), SOTTO_INV_SILENCE);       /* the oldest made room */
    assert_int_equal(sotto_inv_asked(v, 3, id_of(1), true), SOTTO_INV_SERVE);
    assert_int_equal(sotto_inv_asked(v, 3, id_of(1), true), SOTTO_INV_SILENCE);
    assert_int_equal(scores[3], 2);
    assert_false(sotto_inv_tell(v, 3, id_of(7)));
    assert_false(sotto_inv_tell(v, 9, id_of(7)));
    sotto_inv_free(v);
}

static void test_links_go(void **state)
{
    (void)state;
    struct sotto_inv *v = begin();
    for (uint32_t link = 1; link <= 3; link++) sotto_inv_announced(v, link, id_of(1), at(0));
    assert_true(gets == 1 && last_link == 1);
    sotto_inv_down(v, 2, at(10));                 /* was not asked */
    assert_int_equal(gets, 1);
    assert_true(sotto_inv_tell(v, 4, id_of(2)));
    sotto_inv_down(v, 1, at(20));                 /* was */
    assert_true(gets == 2 && last_link == 3);
    assert_int_equal(sotto_inv_asked(v, 4, id_of(2), true), SOTTO_INV_SERVE);         /* tables moved with their links */
    sotto_inv_down(v, 3, at(30));
    assert_true(forgotten == 1 && sotto_inv_wanted(v) == 0);
    sotto_inv_announced(v, 3, id_of(3), at(40));  /* not up */
    assert_int_equal(sotto_inv_wanted(v), 0);
    sotto_inv_free(v);
}

static void test_late(void **state)
{
    (void)state;
    struct sotto_inv *v = begin();
    for (uint32_t link = 1; link <= 4; link++) sotto_inv_announced(v, link, id_of(1), at(0));
    for (uint64_t t = 2; t <= 6; t += 2) sotto_inv_tick(v, at(t * 1000000));
    assert_true(gets == 3 && forgotten == 1 && scores[1] == 1 && scores[2] == 0 && scores[3] == 0 && scores[4] == 0);
    sotto_inv_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_bounds), cmocka_unit_test(test_links_go), cmocka_unit_test(test_late) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
