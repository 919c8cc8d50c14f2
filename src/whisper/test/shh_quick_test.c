/* What goes on at once and what waits: foreign envelopes of others, native ones, and our own. */
#include "whisper/test/shh_world.h"

#define GATHER_US 10000u
#define MS 1000u

static void begin_quick(const struct sotto_pool_config *pool) { fake_init_gather(&f, test_seed(), pool, GATHER_US); }

static const struct sotto_pool_config easy = { 64 << 20, 65536, 0, NULL };       /* no work to do */
static void wishless(uint32_t peer, bool inbound)
{
    fake_up(&f, peer, inbound);
    send_hex(peer, SOTTO_SHH_STATUS, "c106");
}

static struct fake_envelope native(uint8_t fill)
{
    struct fake_envelope e = any(fill);
    e.data_size = SOTTO_NATIVE_DATA;
    e.bits = 15;
    return e;
}

static void foreign_ones_of_others_go_on_at_once(void **state)
{
    (void)state;
    begin_quick(NULL);
    fake_ready(&f, 1, false);
    fake_ready(&f, 2, true);
    fake_ready(&f, 3, false);
    fake_pass(&f, 15000 * MS);                    /* the first flush of each, of nothing */
    struct fake_envelope e = any(1);
    send_one(1, &e);
    assert_int_equal(got(1), 0);
    assert_int_equal(got(2), 1);                  /* in the same step */
    assert_int_equal(got(3), 1);
    for (uint8_t i = 2; i < 7; i++) {             /* and then gathered */
        e = any(i);
        send_one(1, &e);
        fake_pass(&f, MS);
    }
    assert_int_equal(got(2), 1);
    fake_pass(&f, GATHER_US - 5 * MS);
    assert_int_equal(got(2), 6);
    assert_int_equal(got(3), 6);
    fake_pass(&f, 30000 * MS);
    assert_int_equal(got(2), 6);
    assert_int_equal(stats()->forwarded, 12);
    assert_true(sotto_shh_deadline(f.shh) == UINT64_MAX);             /* an idle node sleeps */
    fake_ready(&f, 4, true);                      /* who comes later gets all of it, in flushes */
    assert_int_equal(got(4), 0);
    e = any(9);
    send_one(2, &e);
    assert_int_equal(got(4), 1);
    fake_pass(&f, 15000 * MS);
    assert_int_equal(got(4), 7);
}

/* Each of 40 natives waits for 0 to some seconds; that 10 ms bring more than 12 of the 80 (0.8 are expected) does not happen. */
static void native_ones_keep_their_random_wait(void **state)
{
    (void)state;
    begin_quick(NULL);
    for (uint32_t p = 1; p <= 3; p++) fake_ready(&f, p, p == 1);
    unsigned early = 0;
    for (uint8_t i = 0; i < 40; i++) {
        struct fake_envelope e = native(i), quick = any(i);
        int before = got(2) + got(3);
        send_one(1, &e);
        send_one(1, &quick);                      /* what is quick does not take it along */
        fake_pass(&f, GATHER_US);
        assert_true(got(2) + got(3) >= before + 2);
        early += (unsigned)(got(2) + got(3) - before - 2);
        fake_pass(&f, 60000 * MS);
        assert_int_equal(got(2), 2 * (i + 1));
        assert_int_equal(got(3), 2 * (i + 1));
    }
    assert_true(early <= 12);
}

/* Two neighbours that dialled us compare notes: an own envelope comes to both in one moment, as those of others do. */
static void own_ones_look_like_those_of_others(void **state)
{
    (void)state;
    unsigned waited = 0;
    for (unsigned round = 0; round < 40; round++) {
        fake_init_gather(&f, test_seed() + round, NULL, GATHER_US);
        fake_ready(&f, 1, false);
        fake_ready(&f, 2, true);
        fake_ready(&f, 3, true);
        fake_ready(&f, 4, false);
        add_own();
        while (f.first_hops == 0) fake_pass(&f, MS);
        assert_int_equal(got(1) + got(4), 1);     /* one of those that we dialled, alone */
        assert_int_equal(got(2) + got(3), 0);
        unsigned ms = 0;
        for (; got(2) == 0; ms++) {
            assert_int_equal(got(3), 0);
            assert_int_equal(got(1) + got(4), 1);
            fake_pass(&f, MS);
        }
        assert_int_equal(got(3), 1);
        assert_int_equal(got(1) + got(4), 2);
        waited += ms > 10;
        fake_pass(&f, 30000 * MS);
        assert_int_equal(got(2) + got(3), 2);
        fake_free(&f);
    }
    assert_true(waited > 10);                     /* 39.6 are expected */
    begin_quick(NULL);
}

static void an_own_one_that_comes_back_goes_on_at_once(void **state)
{
    (void)state;
    begin_quick(&easy);
    for (uint32_t p = 2; p <= 4; p++) wishless(p, true);
    wishless(1, false);
    add_own();
    while (f.first_hops == 0) fake_pass(&f, MS / 10);
    assert_int_equal(got(2) + got(3) + got(4), 0);
    struct sotto_buf copy = sotto_buf_make(4096);
    assert_int_equal(sotto_buf_add_span(&copy, sotto_buf_span(&fake_last(&f, 1, SOTTO_SHH_MESSAGES)->payload)), SOTTO_OK);
    fake_message(&f, 4, SOTTO_SHH_MESSAGES, sotto_buf_span(&copy));
    sotto_buf_free(&copy);
    assert_int_equal(stats()->duplicate, 1);
    assert_int_equal(got(2), 1);
    assert_int_equal(got(3), 1);
    assert_int_equal(got(4), 0);
    fake_pass(&f, 30000 * MS);
    assert_int_equal(got(1) + got(2) + got(3) + got(4), 3);
}

/* More than may be marked at once goes on as if it had come just then. */
static void too_many_own_ones_are_not_forgotten(void **state)
{
    (void)state;
    enum { MANY = SOTTO_SHH_QUIET_MAX + 40 };
    begin_quick(NULL);
    fake_ready(&f, 1, false);
    fake_ready(&f, 2, true);
    for (unsigned i = 0; i < MANY; i++) add_own_of(i);
    fake_pass(&f, 60000 * MS);
    assert_int_equal(f.first_hops, MANY);
    assert_int_equal(got(1), MANY);
    assert_int_equal(got(2), MANY);
}

/* The rate is shared by turns: a neighbour that fills it with foreign ones does not keep native ones waiting. */
static void a_flood_of_quick_ones_leaves_room(void **state)
{
    (void)state;
    struct sotto_buf b = sotto_buf_make(1 << 20);
    int early = 0;
    for (uint64_t round = 0; round < 32 && (early < 200 || early > 215); round++) {       /* a flush, whose time is random, brings more: not looked at here */
        if (round) fake_free(&f);
        fake_init_gather(&f, test_seed() + round, &easy, GATHER_US);
        for (uint32_t p = 1; p <= 3; p++) wishless(p, true);
        for (unsigned i = 0; i < 350; i++) {
            struct fake_envelope e = { fake_now_s(&f) + 3000, 3600, 64, { (uint8_t)(i >> 8), (uint8_t)i }, 0, 0 };
            fake_seal(&b, &e);
            if (i % 10 < 9) continue;
            send_items(1, sotto_buf_span(&b));
            b.size = 0;
            fake_pass(&f, GATHER_US);
        }
        early = got(3);
        assert_true(early >= 200);
    }
    assert_in_range(got(3), 200, 215);            /* half of a burst of 400 goes on at once */
    for (uint8_t i = 0; i < 20; i++) {
        struct fake_envelope e = { fake_now_s(&f) + 3000, 3600, SOTTO_NATIVE_DATA, { 9, 9, i }, i, 0 };
        fake_seal(&b, &e);
    }
    send_items(2, sotto_buf_span(&b));
    sotto_buf_free(&b);
    fake_pass(&f, 30000 * MS);
    assert_int_equal(got(3), 370);
    assert_true(sotto_shh_deadline(f.shh) == UINT64_MAX);
}

/* A neighbour reads slowly: what is quick waits for room in its queue and for nothing else. */
static void a_full_queue_waits_for_room(void **state)
{
    (void)state;
    begin_quick(&easy);
    for (uint32_t p = 1; p <= 3; p++) wishless(p, true);
    f.host.peers[2].backlog = SOTTO_SHH_BACKLOG_MAX + 1;
    for (uint8_t i = 0; i < 5; i++) {
        struct fake_envelope e = any(i);
        send_one(1, &e);
        fake_pass(&f, 2 * GATHER_US);
    }
    assert_int_equal(got(3), 5);
    fake_pass(&f, 5000 * MS);
    assert_int_equal(got(2), 0);
    f.host.peers[2].backlog = SOTTO_SHH_BACKLOG_MAX;
    fake_pass(&f, 1);                             /* a step, with what it has read */
    assert_int_equal(got(2), 5);
    fake_pass(&f, 60000 * MS);
    assert_int_equal(got(2), 5);
    assert_true(sotto_shh_deadline(f.shh) == UINT64_MAX);
}

/* More than a queue should hold goes in parts, the oldest first, each as soon as there is room; a native one keeps its own time meanwhile. */
static void a_large_flood_goes_in_parts(void **state)
{
    (void)state;
    enum { EACH = 60000, COUNT = 100 };           /* 6 MB */
    begin_quick(&easy);
    for (uint32_t p = 1; p <= 3; p++) wishless(p, true);
    struct sotto_buf b = sotto_buf_make(16 << 20);
    f.host.peers[2].backlog = SOTTO_SHH_BACKLOG_MAX + 1;
    for (uint8_t i = 0; i < COUNT; i++) {
        struct fake_envelope e = any(i);
        e.data_size = EACH;
        fake_seal(&b, &e);
        if (i % 10 < 9) continue;
        send_items(1, sotto_buf_span(&b));
        b.size = 0;
        fake_pass(&f, GATHER_US);
    }
    sotto_buf_free(&b);
    struct fake_envelope last = native(1);
    send_one(1, &last);
    int before = 0;
    for (unsigned part = 0; got(2) < COUNT; part++) {
        assert_true(part < 8);
        f.host.peers[2].backlog = 0;
        fake_pass(&f, GATHER_US);
        assert_in_range(got(2) - before, 1, SOTTO_SHH_BACKLOG_MAX / EACH + 1);
        before = got(2);
    }
    fake_pass(&f, 60000 * MS);
    assert_int_equal(got(2), COUNT + 1);
    assert_int_equal(got(3), COUNT + 1);
    assert_true(sotto_shh_deadline(f.shh) == UINT64_MAX);
}

int main(void)
{
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    const struct CMUnitTest tests[] = {
        TEST(foreign_ones_of_others_go_on_at_once), TEST(native_ones_keep_their_random_wait), TEST(own_ones_look_like_those_of_others),
        TEST(an_own_one_that_comes_back_goes_on_at_once), TEST(too_many_own_ones_are_not_forgotten), TEST(a_flood_of_quick_ones_leaves_room), TEST(a_full_queue_waits_for_room),
        TEST(a_large_flood_goes_in_parts),
    };
    return cmocka_run_group_tests_name("shh/6, what goes on at once", tests, NULL, NULL);
}
