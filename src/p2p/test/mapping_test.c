/* The clock is turned by hand, the router is an array. */
#include "support/test.h"

#include "crypto/rng.h"
#include "p2p/mapping.h"

#define SECOND 1000000ull
#define HALF_LEASE (SOTTO_MAP_LEASE_S * SECOND / 2)

static struct sotto_now at(uint64_t us) { return (struct sotto_now){ .mono_us = us }; }

static struct sotto_map_report said(enum sotto_map_result result)
{
    struct sotto_map_report r = { .count = 1, .tries = { { .method = SOTTO_MAP_NATPMP, .result = result } } };
    if (result != SOTTO_MAP_MAPPED) return r;
    r.tries[0].addr = (struct sotto_addr){ .ip = { 45, 67, 89, 10 }, .port = 30000, .family = 4 };
    r.tries[0].lease_s = SOTTO_MAP_LEASE_S;
    return r;
}

static bool ask(struct sotto_mapping *m, const struct sotto_map_report *r, uint64_t us)
{
    assert_int_equal(sotto_mapping_tick(m, at(us)), SOTTO_MAPPING_ASK);
    assert_int_equal(sotto_mapping_tick(m, at(us)), SOTTO_MAPPING_NOTHING);        /* one at a time */
    return sotto_mapping_answer(m, r, at(us));
}

/* The lease is renewed at half, and only news are told. */
static void test_renewed(void **state)
{
    (void)state;
    struct sotto_mapping m = sotto_mapping_new(at(5));
    struct sotto_map_report yes = said(SOTTO_MAP_MAPPED), other = yes;
    assert_int_equal(sotto_mapping_deadline(&m), 5);
    assert_int_equal(sotto_mapping_tick(&m, at(4)), SOTTO_MAPPING_NOTHING);
    assert_true(ask(&m, &yes, 5));
    assert_true(m.mapped && m.have.addr.port == 30000);
    assert_int_equal(sotto_mapping_deadline(&m), 5 + HALF_LEASE);
    assert_int_equal(sotto_mapping_tick(&m, at(4 + HALF_LEASE)), SOTTO_MAPPING_NOTHING);
    assert_false(ask(&m, &yes, 5 + HALF_LEASE));
    other.tries[0].addr.ip[3]++;
    assert_true(ask(&m, &other, 5 + 2 * HALF_LEASE));
    assert_int_equal(m.have.addr.ip[3], 11);
    other.tries[0].addr.port++;
    assert_true(ask(&m, &other, 5 + 3 * HALF_LEASE));
    assert_true(sotto_mapping_end(&m));                                            /* to be given back */
    assert_int_equal(sotto_mapping_tick(&m, at(5 + 4 * HALF_LEASE)), SOTTO_MAPPING_NOTHING);
}

/* A minute, a minute, half an hour, and from the beginning. */
static void test_failures(void **state)
{
    (void)state;
    struct sotto_mapping m = sotto_mapping_new(at(0));
    struct sotto_map_report no = said(SOTTO_MAP_SILENT), nothing = { .count = 0 };
    uint64_t us = 0;
    static const uint64_t waits[] = { SOTTO_MAP_AGAIN_US, SOTTO_MAP_AGAIN_US, SOTTO_MAP_PAUSE_US, SOTTO_MAP_AGAIN_US, SOTTO_MAP_AGAIN_US, SOTTO_MAP_PAUSE_US };
    for (unsigned i = 0; i < 6; i++) {
        assert_false(ask(&m, i % 2 ? &no : &nothing, us));
        assert_int_equal(sotto_mapping_deadline(&m), us + waits[i]);
        assert_int_equal(sotto_mapping_tick(&m, at(us + waits[i] - 1)), SOTTO_MAPPING_NOTHING);
        us += waits[i];
    }
    assert_false(m.mapped);
    assert_false(sotto_mapping_end(&m));
    assert_int_equal(sotto_mapping_deadline(&m), UINT64_MAX);
}

/* Nobody renews it: it holds to its end and is then lost, once. */
static void test_lost(void **state)
{
    (void)state;
    struct sotto_mapping m = sotto_mapping_new(at(0));
    struct sotto_map_report yes = said(SOTTO_MAP_MAPPED), no = said(SOTTO_MAP_REFUSED);
    uint64_t us = 0;
    assert_true(ask(&m, &yes, us));
    us = HALF_LEASE;
    for (unsigned i = 0; i < 3; i++) {
        assert_false(ask(&m, &no, us));
        assert_true(m.mapped);
        us = sotto_mapping_deadline(&m);
    }
    assert_int_equal(us, 2 * HALF_LEASE);                                          /* before the pause is over */
    assert_int_equal(sotto_mapping_tick(&m, at(us - 1)), SOTTO_MAPPING_NOTHING);
    assert_int_equal(sotto_mapping_tick(&m, at(us)), SOTTO_MAPPING_LOST);
    assert_int_equal(sotto_mapping_tick(&m, at(us)), SOTTO_MAPPING_NOTHING);
    assert_false(m.mapped);
    us = sotto_mapping_deadline(&m);
    assert_true(ask(&m, &yes, us));                                                /* back: that is news */

    /* The answer comes when the lease is over already: lost and gained again, in that order. */
    us += HALF_LEASE;
    assert_int_equal(sotto_mapping_tick(&m, at(us)), SOTTO_MAPPING_ASK);
    us += HALF_LEASE;
    assert_int_equal(sotto_mapping_deadline(&m), us);
    assert_int_equal(sotto_mapping_tick(&m, at(us)), SOTTO_MAPPING_LOST);
    assert_int_equal(sotto_mapping_deadline(&m), UINT64_MAX);
    assert_true(sotto_mapping_answer(&m, &yes, at(us)));
}

/* What is said to be mapped, and is not worth telling. */
static void test_judged(void **state)
{
    (void)state;
    static const struct { uint8_t family, ip[4]; uint16_t port; uint32_t lease_s; enum sotto_map_result want; } rows[] = {
        { 4, { 45, 67, 89, 10 }, 30000, SOTTO_MAP_LEASE_LEAST_S, SOTTO_MAP_MAPPED }, { 4, { 45, 67, 89, 10 }, 1025, UINT32_MAX, SOTTO_MAP_MAPPED },
        { 4, { 45, 67, 89, 10 }, 1024, 3600, SOTTO_MAP_RUBBISH },                   { 4, { 45, 67, 89, 10 }, 0, 3600, SOTTO_MAP_RUBBISH },
        { 4, { 45, 67, 89, 10 }, 30000, SOTTO_MAP_LEASE_LEAST_S - 1, SOTTO_MAP_RUBBISH }, { 4, { 45, 67, 89, 10 }, 30000, 0, SOTTO_MAP_RUBBISH },
        { 0, { 45, 67, 89, 10 }, 30000, 3600, SOTTO_MAP_RUBBISH },                  { 6, { 0x20, 1 }, 30000, 3600, SOTTO_MAP_RUBBISH },
        { 4, { 192, 168, 1, 1 }, 30000, 3600, SOTTO_MAP_PRIVATE },                  { 4, { 10, 0, 0, 1 }, 30000, 3600, SOTTO_MAP_PRIVATE },
        { 4, { 100, 64, 0, 1 }, 30000, 3600, SOTTO_MAP_PRIVATE },                   { 4, { 127, 0, 0, 1 }, 30000, 3600, SOTTO_MAP_PRIVATE },
        { 4, { 0, 0, 0, 0 }, 30000, 3600, SOTTO_MAP_PRIVATE },                      { 4, { 239, 1, 2, 3 }, 30000, 3600, SOTTO_MAP_PRIVATE },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sotto_mapping m = sotto_mapping_new(at(0));
        struct sotto_map_report r = said(SOTTO_MAP_MAPPED);
        r.tries[0].addr = (struct sotto_addr){ .family = rows[i].family, .port = rows[i].port };
        memcpy(r.tries[0].addr.ip, rows[i].ip, 4);
        r.tries[0].lease_s = rows[i].lease_s;
        assert_int_equal(ask(&m, &r, 0), rows[i].want == SOTTO_MAP_MAPPED);
        assert_int_equal(m.last.tries[0].result, rows[i].want);
        assert_int_equal(m.mapped, rows[i].want == SOTTO_MAP_MAPPED);
        if (m.mapped) assert_int_equal(sotto_mapping_deadline(&m), 500000ull * (rows[i].lease_s > SOTTO_MAP_LEASE_S ? SOTTO_MAP_LEASE_S : rows[i].lease_s));
    }
}

/* Whatever is said and whenever: never two requests at once, never told twice, and a told address is always of the internet. */
static void test_random(void **state)
{
    (void)state;
    struct sotto_chacha_rng chacha;
    struct sotto_rng *rng = &chacha.rng;
    sotto_rng_from_seed(&chacha, test_seed(), "mapping");
    for (unsigned round = 0; round < 300; round++) {
        struct sotto_mapping m = sotto_mapping_new(at(0));
        uint64_t us = 0;
        bool told = false, asking = false;
        unsigned asked = 0;
        for (unsigned i = 0; i < 200; i++) {
            uint64_t deadline = sotto_mapping_deadline(&m);
            if (deadline != UINT64_MAX && sotto_rng_below(rng, 4)) us = deadline > us ? deadline : us;
            else us += sotto_rng_below(rng, 100 * SECOND);
            enum sotto_mapping_wish wish = sotto_mapping_tick(&m, at(us));
            if (wish == SOTTO_MAPPING_LOST) {
                assert_true(told);
                told = false;
            }
            if (wish == SOTTO_MAPPING_ASK) {
                assert_false(asking);
                asking = true;
                asked++;
            }
            if (asking && sotto_rng_below(rng, 2)) {
                struct sotto_map_report r = said((enum sotto_map_result)sotto_rng_below(rng, SOTTO_MAP_RESULT_COUNT));
                r.tries[0].lease_s = (uint32_t)sotto_rng_below(rng, 5000);
                r.tries[0].addr.ip[0] = (uint8_t)sotto_rng_below(rng, 256);
                asking = false;
                bool had = m.mapped;
                struct sotto_addr was = m.have.addr;
                if (sotto_mapping_answer(&m, &r, at(us))) {
                    assert_true(!had || !sotto_addr_equal(&was, &m.have.addr));
                    told = true;
                }
                assert_int_equal(told, m.mapped);
            }
        }
        assert_true(asked <= 2 + us / (SOTTO_MAP_LEASE_LEAST_S * SECOND / 2));     /* whatever a router says, we do not ask all the time */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_renewed), cmocka_unit_test(test_failures), cmocka_unit_test(test_lost), cmocka_unit_test(test_judged), cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
