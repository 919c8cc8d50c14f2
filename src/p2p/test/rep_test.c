#include "support/test.h"

#include "p2p/rep.h"

#define MINUTE (60ull * 1000000u)
#define HOUR (60 * MINUTE)

static struct sotto_now at(uint64_t us) { return (struct sotto_now){ .mono_us = us }; }
static void key_of(uint8_t key[64], unsigned n)
{
    memset(key, 0, 64);
    sotto_put_be32(key, n);
}
static struct sotto_addr ip4(unsigned n)
{
    return (struct sotto_addr){ .ip = { 10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n }, .family = 4, .port = 9 };
}

static void test_scores(void **state)
{
    (void)state;
    struct sotto_rep *r = sotto_rep_new();
    uint8_t key[64];
    struct sotto_addr a = ip4(1);
    key_of(key, 1);
    assert_int_equal(sotto_rep_node_score(r, key, at(0)), 0);
    assert_false(sotto_rep_node_offend(r, key, &a, 20, true, at(0)));
    assert_int_equal(sotto_rep_node_score(r, key, at(0)), 20);
    assert_int_equal(sotto_rep_node_score(r, key, at(MINUTE - 1)), 20);
    assert_int_equal(sotto_rep_node_score(r, key, at(MINUTE)), 19);
    assert_int_equal(sotto_rep_node_score(r, key, at(19 * MINUTE)), 1);
    assert_int_equal(sotto_rep_node_score(r, key, at(20 * MINUTE)), 0);
    assert_int_equal(sotto_rep_node_score(r, key, at(500 * MINUTE)), 0);
    /* One point every 30 s loses one point a minute, not none: the half minutes are kept. */
    for (unsigned i = 0; i < 40; i++) sotto_rep_node_offend(r, key, &a, 1, true, at(1000 * MINUTE + i * MINUTE / 2));
    assert_in_range(sotto_rep_node_score(r, key, at(1020 * MINUTE)), 19, 21);
    sotto_rep_free(r);
}

static void test_ban_doubles(void **state)
{
    (void)state;
    struct sotto_rep *r = sotto_rep_new();
    uint8_t key[64];
    struct sotto_addr a = ip4(1);
    key_of(key, 1);
    static const uint64_t hours[] = { 1, 2, 4, 8, 16, 24, 24, 24 };
    uint64_t now = 5;
    for (size_t i = 0; i < sizeof hours / sizeof *hours; i++) {
        assert_false(sotto_rep_node_offend(r, key, &a, 50, true, at(now)));
        assert_false(sotto_rep_node_offend(r, key, &a, 49, true, at(now)));
        assert_false(sotto_rep_node_banned(r, key, at(now)));
        assert_true(sotto_rep_node_offend(r, key, &a, 1, true, at(now)));
        assert_true(sotto_rep_node_banned(r, key, at(now + hours[i] * HOUR - 1)));
        assert_false(sotto_rep_node_banned(r, key, at(now + hours[i] * HOUR)));
        struct sotto_ban ban;
        assert_true(sotto_rep_ban_at(r, 0, &ban, at(now)));
        assert_memory_equal(ban.key, key, 64);
        assert_true(ban.until_us == now + hours[i] * HOUR);
        assert_false(sotto_rep_ban_at(r, 1, &ban, at(now)));
        now += 100 * HOUR;
    }
    assert_true(sotto_rep_node_offend(r, key, &a, 100, false, at(now)));       /* a static peer: told, not banned */
    assert_false(sotto_rep_node_banned(r, key, at(now)));
    sotto_rep_node_ban(r, key, now + HOUR, at(now));
    assert_true(sotto_rep_node_banned(r, key, at(now)));
    sotto_rep_node_ban(r, key, 0, at(now));
    assert_false(sotto_rep_node_banned(r, key, at(now)));
    sotto_rep_free(r);
}

static void test_addresses(void **state)
{
    (void)state;
    struct sotto_rep *r = sotto_rep_new();
    struct sotto_addr a = ip4(1), b = ip4(2);
    assert_true(sotto_rep_address_accept(r, &a, at(0)));
    assert_false(sotto_rep_address_accept(r, &a, at(SOTTO_ACCEPT_INTERVAL_US - 1)));
    a.port = 77;                                                               /* the port is no part of it */
    assert_false(sotto_rep_address_accept(r, &a, at(SOTTO_ACCEPT_INTERVAL_US - 1)));
    assert_true(sotto_rep_address_accept(r, &b, at(1)));
    assert_true(sotto_rep_address_accept(r, &a, at(SOTTO_ACCEPT_INTERVAL_US)));
    for (int i = 0; i < 19; i++) sotto_rep_address_offend(r, &a, 5, at(0));
    assert_false(sotto_rep_address_banned(r, &a, at(0)));
    sotto_rep_address_offend(r, &a, 5, at(0));
    assert_true(sotto_rep_address_banned(r, &a, at(HOUR - 1)));
    assert_false(sotto_rep_address_banned(r, &a, at(HOUR)));
    assert_false(sotto_rep_address_banned(r, &b, at(0)));

    /* Three banned ids of one address ban it; of an IPv6 /64 as well. */
    struct sotto_addr six = { .ip = { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 9 }, .family = 6 }, near = six, far = six;
    near.ip[15] = 3;
    far.ip[7] = 2;
    uint8_t key[64];
    for (unsigned i = 0; i < 3; i++) {
        assert_false(sotto_rep_address_banned(r, &near, at(0)));
        key_of(key, 10 + i);
        assert_true(sotto_rep_node_offend(r, key, &six, 100, true, at(0)));
    }
    assert_true(sotto_rep_address_banned(r, &near, at(0)));
    assert_false(sotto_rep_address_banned(r, &far, at(0)));
    assert_false(sotto_rep_address_banned(r, &near, at(HOUR)));
    for (unsigned i = 0; i < 3; i++) {                                         /* seen at an address that does not count */
        key_of(key, 20 + i);
        assert_true(sotto_rep_node_offend(r, key, NULL, 100, true, at(0)));
    }
    assert_false(sotto_rep_address_banned(r, &b, at(0)));
    sotto_rep_free(r);
}

static void test_full_tables(void **state)
{
    (void)state;
    struct sotto_rep *r = sotto_rep_new();
    struct sotto_addr a = ip4(1);
    uint8_t key[64];
    key_of(key, 1);
    sotto_rep_node_ban(r, key, HOUR, at(0));
    for (unsigned i = 2; i < 2 + SOTTO_REP_NODES_MAX + 500; i++) {
        key_of(key, i);
        sotto_rep_node_offend(r, key, &a, 1 + (i == 7) * 50, true, at(0));
    }
    key_of(key, 1);
    assert_true(sotto_rep_node_banned(r, key, at(0)));                          /* neither a ban nor a high score was pushed out */
    key_of(key, 7);
    assert_int_equal(sotto_rep_node_score(r, key, at(0)), 51);
    for (unsigned i = 0; i < SOTTO_REP_ADDRESSES_MAX + 300; i++) {
        struct sotto_addr other = ip4(1000 + i);
        assert_true(sotto_rep_address_accept(r, &other, at(i)));
    }
    struct sotto_addr last = ip4(1000 + SOTTO_REP_ADDRESSES_MAX + 299), first = ip4(1000);
    assert_false(sotto_rep_address_accept(r, &last, at(2000)));
    assert_true(sotto_rep_address_accept(r, &first, at(2000)));                 /* the longest silent one was forgotten */
    sotto_rep_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores), cmocka_unit_test(test_ban_doubles), cmocka_unit_test(test_addresses), cmocka_unit_test(test_full_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
