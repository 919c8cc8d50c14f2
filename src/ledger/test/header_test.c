/* header: one form of bytes, every constant field kept, each rule at both sides of its bound. */
#include "support/test.h"

#include "crypto/rng.h"
#include "ledger/header.h"
#include "ledger/target.h"

static struct sotto_chacha_rng rng;

static struct sotto_header some_header(enum sotto_engine engine)
{
    struct sotto_header h;
    sotto_rng_fill(&rng.rng, &h, sizeof h);
    h.version = 1;
    h.flags = engine;
    h.height = 5;
    h.time_ms = 1000000;
    memset(h.spare_root, 0, sizeof h.spare_root);
    if (engine != SOTTO_ENGINE_POW) h.bits = 0, h.nonce = 0;
    return h;
}

static void bytes_have_one_form(void **state)
{
    (void)state;
    uint8_t bytes[SOTTO_HEADER_SIZE + 1] = { 0 }, again[SOTTO_HEADER_SIZE];
    struct sotto_header h;
    for (unsigned i = 0; i < 200; i++) {
        struct sotto_header made = some_header(i % SOTTO_ENGINES);
        sotto_header_put(bytes, &made);
        assert_int_equal(sotto_header_take(&h, sotto_span(bytes, SOTTO_HEADER_SIZE)), SOTTO_OK);
        sotto_header_put(again, &h);
        assert_memory_equal(bytes, again, sizeof again);
    }
    assert_int_equal(sotto_header_take(&h, sotto_span(bytes, SOTTO_HEADER_SIZE - 1)), SOTTO_H_SIZE);
    assert_int_equal(sotto_header_take(&h, sotto_span(bytes, SOTTO_HEADER_SIZE + 1)), SOTTO_H_SIZE);
    assert_int_equal(sotto_header_take(&h, sotto_span(NULL, 0)), SOTTO_H_SIZE);
}

static enum sotto_err taken(const struct sotto_header *h)
{
    uint8_t bytes[SOTTO_HEADER_SIZE];
    struct sotto_header out;
    sotto_header_put(bytes, h);
    return sotto_header_take(&out, sotto_span(bytes, sizeof bytes));
}

static void fields_that_no_header_has(void **state)
{
    (void)state;
    struct sotto_header h = some_header(SOTTO_ENGINE_POW);
    assert_int_equal(taken(&h), SOTTO_OK);
    h.version = 2;
    assert_int_equal(taken(&h), SOTTO_H_FIELD);
    h.version = 1;
    h.flags = SOTTO_ENGINES;
    assert_int_equal(taken(&h), SOTTO_H_FIELD);
    h.flags = 1u << 31;
    assert_int_equal(taken(&h), SOTTO_H_FIELD);
    h = some_header(SOTTO_ENGINE_PBFT);
    for (unsigned i = 0; i < 32; i++) {
        h.spare_root[i] = 1;
        assert_int_equal(taken(&h), SOTTO_H_FIELD);
        h.spare_root[i] = 0;
    }
    h.nonce = 1;
    assert_int_equal(taken(&h), SOTTO_H_FIELD);
    h.nonce = 0;
    h.bits = 1;
    assert_int_equal(taken(&h), SOTTO_H_FIELD);
    h.bits = 0;
    assert_int_equal(taken(&h), SOTTO_OK);
}

static void medians(void **state)
{
    (void)state;
    const uint64_t times[] = { 9, 2, 2, 7, UINT64_MAX, 0, 5, 6, 1, 3, 8 };
    const uint64_t expected[] = { 9, 9, 2, 7, 7, 7, 5, 6, 5, 5, 5 };      /* of the first 1, 2, .. 11: the upper one of two in the middle */
    for (size_t n = 1; n <= SOTTO_MEDIAN_SPAN; n++) assert_int_equal(sotto_median_time(times, n), expected[n - 1]);
    assert_int_equal(sotto_now_s(1999), 1);
}

static void engine_sections(void **state)
{
    (void)state;
    uint8_t root[32], zero[32] = { 0 };
    sotto_engine_root(root, sotto_span(NULL, 0));
    assert_memory_equal(root, zero, 32);
    sotto_engine_root(root, sotto_span_str("x"));
    assert_memory_not_equal(root, zero, 32);
}

struct pair { struct sotto_header parent, child; struct sotto_chain_rule rule; };

static struct pair some_pair(enum sotto_engine engine)
{
    struct pair p = { some_header(engine), some_header(engine), { .engine = engine, .median_ms = 900000, .clock_ms = 2000000 } };
    sotto_header_id(&p.child.prev, &p.parent);
    p.child.height = p.parent.height + 1;
    p.rule.bits = p.child.bits = engine == SOTTO_ENGINE_POW ? SOTTO_BITS_ZEROS : 0;
    return p;
}

static enum sotto_err follows(const struct pair *p) { return sotto_header_follows(&p->child, &p->parent, &p->rule); }

static void each_rule_at_its_bound(void **state)
{
    (void)state;
    for (enum sotto_engine engine = 0; engine < SOTTO_ENGINES; engine++) {
        struct pair p = some_pair(engine);
        assert_int_equal(follows(&p), SOTTO_OK);
        p.child.prev.b[63] ^= 1;
        assert_int_equal(follows(&p), SOTTO_H_PARENT);
        p.child.prev.b[63] ^= 1;
        p.child.height++;
        assert_int_equal(follows(&p), SOTTO_H_FIELD);
        p.child.height--;
        p.rule.engine = (engine + 1) % SOTTO_ENGINES;
        assert_int_equal(follows(&p), SOTTO_H_FIELD);
        p.rule.engine = engine;

        p.rule.median_ms = p.child.time_ms;
        assert_int_equal(follows(&p), SOTTO_H_TIME_OLD);
        p.rule.median_ms--;
        assert_int_equal(follows(&p), SOTTO_OK);
        p.rule.median_ms = 0;
        p.child.time_ms = p.parent.time_ms - SOTTO_TIME_BACK_MS;
        assert_int_equal(follows(&p), SOTTO_OK);
        p.child.time_ms--;
        assert_int_equal(follows(&p), SOTTO_H_TIME_BACK);
        p.child.time_ms = p.rule.clock_ms + SOTTO_TIME_AHEAD_MS;
        assert_int_equal(follows(&p), SOTTO_OK);
        p.child.time_ms++;
        assert_int_equal(follows(&p), SOTTO_H_TIME_NEW);
        p.rule.clock_ms = UINT64_MAX;
        assert_int_equal(follows(&p), SOTTO_OK);
        p.child.time_ms = UINT64_MAX;
        assert_int_equal(follows(&p), SOTTO_OK);
    }
}

static void the_last_height_has_no_child(void **state)
{
    (void)state;
    struct pair p = some_pair(SOTTO_ENGINE_PBFT);
    p.parent.height = UINT32_MAX;
    p.child.height = 0;
    sotto_header_id(&p.child.prev, &p.parent);
    assert_int_equal(follows(&p), SOTTO_H_FIELD);
}

static void work_is_looked_at(void **state)
{
    (void)state;
    struct pair p = some_pair(SOTTO_ENGINE_POW);
    p.rule.bits = SOTTO_BITS_ZEROS + 1;
    assert_int_equal(follows(&p), SOTTO_W_BITS);
    p.child.bits = SOTTO_BITS_ZEROS + 1;
    unsigned found = 0, missed = 0;
    for (p.child.nonce = 0; p.child.nonce < 400; p.child.nonce++) {
        struct sotto_block_id id;
        sotto_header_id(&id, &p.child);
        bool good = id.b[0] < 16;
        assert_int_equal(follows(&p), good ? SOTTO_OK : SOTTO_W_WORK);
        found += good;
        missed += !good;
    }
    assert_true(found > 0 && missed > 0);
    p.rule.bits = p.child.bits = SOTTO_BITS_ZEROS + 129;             /* what no rule gives is refused all the same */
    assert_int_equal(follows(&p), SOTTO_W_BITS);
}

int main(void)
{
    sotto_rng_from_seed(&rng, test_seed(), "header test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_one_form), cmocka_unit_test(fields_that_no_header_has), cmocka_unit_test(medians), cmocka_unit_test(engine_sections),
        cmocka_unit_test(each_rule_at_its_bound), cmocka_unit_test(the_last_height_has_no_child), cmocka_unit_test(work_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
