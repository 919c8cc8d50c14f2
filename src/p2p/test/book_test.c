/* The address book: who gets in, who gives way, how it is drawn from, its bytes. */
#include "support/test.h"

#include "crypto/rng.h"
#include "p2p/book.h"

#define S 1000000ull
#define DAY 86400ull

struct rig { struct sotto_chacha_rng rng; struct sotto_book *b; struct sotto_now now; uint32_t keys; };

static struct rig *rig_new(bool local)
{
    struct rig *r = calloc(1, sizeof *r);
    sotto_rng_from_seed(&r->rng, test_seed(), "book");
    r->now = (struct sotto_now){ .mono_us = 1000 * S, .wall_ms = 1800000000ull * 1000 };
    struct sotto_book_config config = { .local = local, .group = sotto_group_of, .rng = &r->rng.rng };
    assert_int_equal(sotto_book_new(&r->b, &config), SOTTO_OK);
    return r;
}
static void rig_free(struct rig *r)
{
    sotto_book_free(r->b);
    free(r);
}
static void later(struct rig *r, uint64_t seconds)
{
    r->now.mono_us += seconds * S;
    r->now.wall_ms += seconds * 1000;
}
static struct sotto_addr ip(uint8_t a, uint8_t b, uint8_t c, uint8_t d) { return (struct sotto_addr){ .ip = { a, b, c, d }, .port = 30303, .family = 4 }; }
static struct sotto_addr ip6(uint16_t group, uint8_t last)
{
    return (struct sotto_addr){ .ip = { 0x26, 0x00, (uint8_t)(group >> 8), (uint8_t)group, [15] = last }, .port = 30303, .family = 6 };
}
static struct sotto_enode fresh(struct rig *r, struct sotto_addr addr)
{
    struct sotto_enode e = { .addr = addr };
    sotto_put_be32(e.key, ++r->keys);
    e.key[63] = 1;
    return e;
}
static enum sotto_err learn(struct rig *r, const struct sotto_enode *e, struct sotto_addr source) { return sotto_book_learn(r->b, e, &source, r->now); }
static struct sotto_addr any4(struct rig *r) { return ip((uint8_t)(20 + sotto_rng_below(&r->rng.rng, 60)), (uint8_t)sotto_rng_u64(&r->rng.rng), 1, 1); }
static bool anybody(void *ctx, const struct sotto_book_entry *e)
{
    (void)ctx;
    (void)e;
    return true;
}

static void test_who_gets_in(void **state)
{
    (void)state;
    struct rig *r = rig_new(false);
    struct sotto_addr stranger = ip(50, 1, 1, 1), neighbour = ip(192, 168, 0, 9);
    struct sotto_enode e = fresh(r, ip(51, 2, 3, 4)), none = fresh(r, ip(51, 2, 3, 4));
    static const uint8_t bad[][4] = { { 127, 0, 0, 1 }, { 10, 0, 0, 1 }, { 0, 0, 0, 0 }, { 224, 0, 0, 1 }, { 255, 255, 255, 255 }, { 192, 0, 2, 1 } };
    memset(none.key, 0, sizeof none.key);
    uint64_t changes = sotto_book_changes(r->b);
    assert_int_equal(learn(r, &none, stranger), SOTTO_ERR_KEY);
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sotto_enode x = fresh(r, ip(bad[i][0], bad[i][1], bad[i][2], bad[i][3]));
        assert_int_equal(learn(r, &x, stranger), SOTTO_ERR_RANGE);
        assert_int_equal(learn(r, &x, neighbour), SOTTO_ERR_RANGE);            /* without network.lan nothing private is dialled */
    }
    struct sotto_enode no_port = fresh(r, ip(51, 2, 3, 4));
    no_port.addr.port = 0;
    assert_int_equal(learn(r, &no_port, stranger), SOTTO_ERR_RANGE);
    assert_true(sotto_book_changes(r->b) == changes && sotto_book_count(r->b, SOTTO_BOOK_ANY) == 0);
    assert_int_equal(learn(r, &e, stranger), SOTTO_OK);
    assert_int_equal(learn(r, &e, stranger), SOTTO_ERR_EXISTS);
    assert_true(sotto_book_changes(r->b) > changes);
    struct sotto_book_entry x;
    assert_true(sotto_book_find(r->b, &x, e.key) && !x.tried && x.heard_s == r->now.wall_ms / 1000 && x.addr[0].family == 4 && x.addr[1].family == 0);
    assert_false(sotto_book_find(r->b, NULL, none.key));
    sotto_book_forget(r->b, e.key);
    assert_int_equal(sotto_book_count(r->b, SOTTO_BOOK_ANY), 0);
    rig_free(r);

    r = rig_new(true);
    struct sotto_enode loop = fresh(r, ip(127, 0, 0, 1)), world = fresh(r, ip(51, 2, 3, 4));
    assert_int_equal(learn(r, &loop, ip(127, 0, 0, 1)), SOTTO_OK);
    assert_int_equal(learn(r, &world, ip(127, 0, 0, 1)), SOTTO_ERR_RANGE);
    rig_free(r);
}

static void test_addresses_of_a_known_node(void **state)
{
    (void)state;
    struct rig *r = rig_new(false);
    struct sotto_enode e = fresh(r, ip(51, 2, 3, 4)), other = e, six = e;
    struct sotto_book_entry x;
    assert_int_equal(learn(r, &e, ip(60, 0, 0, 1)), SOTTO_OK);
    other.addr = ip(52, 9, 9, 9);
    assert_int_equal(learn(r, &other, ip(60, 0, 0, 1)), SOTTO_ERR_EXISTS);     /* hearsay moves nobody */
    assert_true(sotto_book_find(r->b, &x, e.key) && sotto_addr_equal(&x.addr[0], &e.addr));
    assert_int_equal(learn(r, &other, other.addr), SOTTO_ERR_EXISTS);          /* it says so itself */
    assert_true(sotto_book_find(r->b, &x, e.key) && sotto_addr_equal(&x.addr[0], &other.addr));
    six.addr = ip6(7, 1);
    assert_int_equal(learn(r, &six, ip(60, 0, 0, 1)), SOTTO_ERR_EXISTS);       /* its other family, while untried */
    assert_true(sotto_book_find(r->b, &x, e.key) && sotto_addr_equal(&x.addr[0], &other.addr) && sotto_addr_equal(&x.addr[1], &six.addr));
    sotto_book_alive(r->b, e.key, true, r->now);
    six.addr = ip6(8, 1);
    assert_int_equal(learn(r, &six, ip(60, 0, 0, 1)), SOTTO_ERR_EXISTS);
    assert_true(sotto_book_find(r->b, &x, e.key) && x.tried && x.addr[1].ip[3] == 7);
    assert_int_equal(sotto_book_count(r->b, SOTTO_BOOK_ANY), 1);
    rig_free(r);
}

static void test_a_source_fills_its_corner(void **state)
{
    (void)state;
    struct rig *r = rig_new(false);
    for (unsigned i = 0; i < 20000; i++) {
        struct sotto_enode e = fresh(r, any4(r));
        (void)!learn(r, &e, ip(60, 7, (uint8_t)(i >> 8), (uint8_t)i));
    }
    assert_in_range(sotto_book_count(r->b, SOTTO_BOOK_NEW), SOTTO_BOOK_NEW_SLOTS, SOTTO_BOOK_PER_SOURCE * SOTTO_BOOK_NEW_SLOTS);
    /* And one group of addresses, whoever tells of it, among the tried. */
    for (unsigned i = 0; i < 20000; i++) {
        struct sotto_enode e = fresh(r, ip(61, 7, (uint8_t)(i >> 8), (uint8_t)i));
        if (learn(r, &e, any4(r)) == SOTTO_OK) sotto_book_alive(r->b, e.key, true, r->now);
    }
    assert_in_range(sotto_book_count(r->b, SOTTO_BOOK_TRIED), 1, SOTTO_BOOK_PER_GROUP * SOTTO_BOOK_TRIED_SLOTS);
    assert_true(sotto_book_count(r->b, SOTTO_BOOK_ANY) <= SOTTO_BOOK_MAX);
    rig_free(r);
}

static void test_a_flood_pushes_out_nobody_good(void **state)
{
    (void)state;
    struct rig *r = rig_new(false);
    enum { GOOD = 100 };
    struct sotto_enode good[GOOD], news[GOOD];
    for (unsigned i = 0; i < GOOD; i++) {
        good[i] = fresh(r, ip(70, (uint8_t)i, 1, 1));
        news[i] = fresh(r, ip(71, (uint8_t)i, 1, 1));
        assert_int_equal(learn(r, &good[i], good[i].addr), SOTTO_OK);
        sotto_book_alive(r->b, good[i].key, true, r->now);
        assert_int_equal(learn(r, &news[i], ip(72, (uint8_t)i, 1, 1)), SOTTO_OK);
    }
    /* 60,000 names from 64 groups of liars, of 16 groups of addresses: the corners of the liars overlap every bucket there is. */
    for (unsigned i = 0; i < 60000; i++) {
        struct sotto_enode e = fresh(r, ip(80, (uint8_t)(i % 16), (uint8_t)(i >> 8), (uint8_t)i));
        (void)!learn(r, &e, ip(81, (uint8_t)(sotto_rng_below(&r->rng.rng, 64)), 1, 1));
    }
    assert_true(sotto_book_count(r->b, SOTTO_BOOK_NEW) > SOTTO_BOOK_NEW_BUCKETS * SOTTO_BOOK_NEW_SLOTS / 2);
    struct sotto_book_entry x;
    for (unsigned i = 0; i < GOOD; i++) {
        assert_true(sotto_book_find(r->b, &x, good[i].key) && x.tried);
        assert_true(sotto_book_find(r->b, &x, news[i].key) && !x.tried);
    }
    rig_free(r);
}

/* In a full bucket (one source, one group of addresses): who does not answer goes first, else the most crowded group. */
static void test_who_gives_way(void **state)
{
    (void)state;
    struct rig *r = rig_new(false);
    struct sotto_addr source = ip(60, 7, 1, 1);
    struct sotto_enode e[SOTTO_BOOK_NEW_SLOTS + 1];
    for (unsigned i = 0; i < SOTTO_BOOK_NEW_SLOTS; i++) {
        e[i] = fresh(r, ip(51, 2, 3, (uint8_t)i));
        assert_int_equal(learn(r, &e[i], source), SOTTO_OK);
    }
    struct sotto_enode more = fresh(r, ip(51, 2, 4, 1));
    assert_int_equal(learn(r, &more, source), SOTTO_ERR_FULL);                 /* of the same group: it is the most crowded itself */
    for (unsigned i = 0; i < SOTTO_BOOK_FAILS_NEW; i++) {
        assert_int_equal(learn(r, &more, source), SOTTO_ERR_FULL);
        sotto_book_dialled(r->b, e[5].key, i + 1, 0);
    }
    assert_int_equal(learn(r, &more, source), SOTTO_OK);
    assert_false(sotto_book_find(r->b, NULL, e[5].key));
    later(r, 31 * DAY);                                                        /* all of them old: anything may come */
    struct sotto_enode late = fresh(r, ip(51, 2, 5, 1));
    assert_int_equal(learn(r, &late, source), SOTTO_OK);
    assert_int_equal(sotto_book_count(r->b, SOTTO_BOOK_ANY), SOTTO_BOOK_NEW_SLOTS);
    /* Other groups from the same source come in, until the first group is no larger than theirs. */
    unsigned taken = 0;
    for (unsigned i = 0; i < 20000; i++) {
        struct sotto_enode x = fresh(r, any4(r));
        taken += learn(r, &x, source) == SOTTO_OK;
    }
    assert_true(taken > SOTTO_BOOK_NEW_SLOTS);
    unsigned left = 0;
    for (unsigned i = 0; i < SOTTO_BOOK_NEW_SLOTS; i++) left += sotto_book_find(r->b, NULL, e[i].key);
    left += sotto_book_find(r->b, NULL, more.key) + sotto_book_find(r->b, NULL, late.key);
    assert_in_range(left, 0, 2);
    rig_free(r);
}

static void test_groups_are_drawn_first(void **state)
{
    (void)state;
    struct rig *r = rig_new(false);
    enum { OTHERS = 19, DRAWS = 40000 };
    for (unsigned i = 0; i < 2000; i++) {
        struct sotto_enode e = fresh(r, ip(51, 2, (uint8_t)(i >> 8), (uint8_t)i));
        (void)!learn(r, &e, ip(60, (uint8_t)i, 1, 1));
    }
    for (unsigned i = 0; i < OTHERS; i++) {
        struct sotto_enode e = fresh(r, ip(52, (uint8_t)i, 1, 1));
        assert_int_equal(learn(r, &e, ip(61, (uint8_t)i, 1, 1)), SOTTO_OK);
    }
    assert_true(sotto_book_count(r->b, SOTTO_BOOK_NEW) > 1000);
    unsigned crowd = 0;
    for (unsigned i = 0; i < DRAWS; i++) {
        struct sotto_book_entry x;
        assert_true(sotto_book_draw(r->b, &x, NULL, SOTTO_BOOK_NEW, anybody, NULL, r->now));
        crowd += x.addr[0].ip[0] == 51;
    }
    assert_in_range(crowd, 2000 - 270, 2000 + 270);                            /* 1 of 20; sigma 44 */
    rig_free(r);
}

static void test_drawing(void **state)
{
    (void)state;
    struct rig *r = rig_new(false);
    struct sotto_book_entry x;
    uint64_t wait;
    assert_false(sotto_book_draw(r->b, &x, &wait, SOTTO_BOOK_ANY, anybody, NULL, r->now));
    assert_true(wait == UINT64_MAX);
    struct sotto_enode a = fresh(r, ip(51, 1, 1, 1)), b = fresh(r, ip(52, 1, 1, 1));
    assert_int_equal(learn(r, &a, ip(60, 0, 0, 1)), SOTTO_OK);
    assert_int_equal(learn(r, &b, ip(60, 0, 0, 1)), SOTTO_OK);
    sotto_book_alive(r->b, b.key, true, r->now);
    assert_int_equal(sotto_book_count(r->b, SOTTO_BOOK_TRIED), 1);
    assert_int_equal(sotto_book_live(r->b), 1);
    unsigned tried = 0;
    for (unsigned i = 0; i < 4000; i++) {
        assert_true(sotto_book_draw(r->b, &x, NULL, SOTTO_BOOK_ANY, anybody, NULL, r->now));
        tried += x.tried;
        assert_true(sotto_book_draw(r->b, &x, NULL, SOTTO_BOOK_NEW, anybody, NULL, r->now) && !x.tried);
        assert_true(sotto_book_draw(r->b, &x, NULL, SOTTO_BOOK_TRIED, anybody, NULL, r->now) && x.tried);
    }
    assert_in_range(tried, 2000 - 200, 2000 + 200);                            /* a coin; sigma 32 */
    sotto_book_dialled(r->b, a.key, 1, r->now.mono_us + 35 * S);
    sotto_book_dialled(r->b, b.key, 1, r->now.mono_us + 30 * S);
    assert_int_equal(sotto_book_live(r->b), 0);
    assert_false(sotto_book_draw(r->b, &x, &wait, SOTTO_BOOK_ANY, anybody, NULL, r->now));
    assert_true(wait == r->now.mono_us + 30 * S);
    later(r, 30);
    assert_true(sotto_book_draw(r->b, &x, &wait, SOTTO_BOOK_ANY, anybody, NULL, r->now) && x.tried);
    later(r, 5);
    for (unsigned i = 0; i < SOTTO_BOOK_FAILS_NEW; i++) sotto_book_dialled(r->b, a.key, i + 1, 0);
    for (unsigned i = 0; i < 100; i++)                                         /* who never answers comes when there is nobody else */
        assert_true(sotto_book_draw(r->b, &x, NULL, SOTTO_BOOK_ANY, anybody, NULL, r->now) && x.tried);
    sotto_book_rest(r->b, b.key, r->now.mono_us + 24 * 3600 * S);
    assert_true(sotto_book_draw(r->b, &x, NULL, SOTTO_BOOK_ANY, anybody, NULL, r->now) && !x.tried);
    rig_free(r);
}

static void test_bytes(void **state)
{
    (void)state;
    struct rig *r = rig_new(false), *again = rig_new(false), *local = rig_new(true);
    for (unsigned i = 0; i < 3000; i++) {
        struct sotto_enode e = fresh(r, i % 3 ? any4(r) : ip6((uint16_t)i, 1));
        if (learn(r, &e, any4(r)) != SOTTO_OK) continue;
        if (i % 5 == 0) sotto_book_alive(r->b, e.key, true, r->now);
        if (i % 7 == 0) sotto_book_dialled(r->b, e.key, i % 300, r->now.mono_us + i * S);
        if (i % 11 == 0) sotto_book_rest(r->b, e.key, r->now.mono_us + 24 * 3600 * S);
    }
    struct sotto_buf one = sotto_buf_make(SOTTO_BOOK_BYTES_MAX), two = sotto_buf_make(SOTTO_BOOK_BYTES_MAX), little = sotto_buf_make(100);
    assert_int_equal(sotto_book_save(r->b, &one, r->now), SOTTO_OK);
    assert_int_equal(sotto_book_save(r->b, &little, r->now), SOTTO_ERR_FULL);
    assert_int_equal(little.size, 0);
    again->now.mono_us += 500 * S;                                             /* another process, another clock */
    assert_int_equal(sotto_book_load(again->b, sotto_buf_span(&one), again->now), SOTTO_OK);
    assert_int_equal(sotto_book_save(again->b, &two, again->now), SOTTO_OK);
    assert_true(sotto_span_equal(sotto_buf_span(&one), sotto_buf_span(&two)));
    for (unsigned t = SOTTO_BOOK_ANY; t <= SOTTO_BOOK_TRIED; t++) assert_int_equal(sotto_book_count(r->b, t), sotto_book_count(again->b, t));
    assert_int_equal(sotto_book_live(r->b), sotto_book_live(again->b));
    struct sotto_book_entry x, y;
    for (unsigned i = 0; sotto_book_at(r->b, i, &x); i++) {
        assert_true(sotto_book_find(again->b, &y, x.key));
        assert_true(sotto_addr_equal(&x.addr[0], &y.addr[0]) && sotto_addr_equal(&x.addr[1], &y.addr[1]) && x.failures == y.failures && x.tried == y.tried);
        assert_true(x.next_us + 500 * S == y.next_us || (x.next_us <= r->now.mono_us && y.next_us == 0));
    }
    assert_int_equal(sotto_book_load(local->b, sotto_buf_span(&one), local->now), SOTTO_OK);     /* nothing there is on this machine */
    assert_int_equal(sotto_book_count(local->b, SOTTO_BOOK_ANY), 0);
    struct rig *bad = rig_new(false);
    for (unsigned i = 0; i < 400; i++) {                                       /* cut anywhere: refused, and nothing happened */
        size_t cut = sotto_rng_below(&r->rng.rng, one.size);
        assert_int_equal(sotto_book_load(bad->b, sotto_span(one.data, cut), bad->now), SOTTO_ERR_FORMAT);
        assert_int_equal(sotto_book_count(bad->b, SOTTO_BOOK_ANY), 0);
    }
    one.data[0] = SOTTO_BOOK_VERSION + 1;
    assert_int_equal(sotto_book_load(bad->b, sotto_buf_span(&one), bad->now), SOTTO_ERR_NEWER);
    sotto_buf_free(&one);
    sotto_buf_free(&two);
    sotto_buf_free(&little);
    rig_free(bad);
    rig_free(local);
    rig_free(again);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_gets_in), cmocka_unit_test(test_addresses_of_a_known_node), cmocka_unit_test(test_a_source_fills_its_corner),
        cmocka_unit_test(test_a_flood_pushes_out_nobody_good), cmocka_unit_test(test_who_gives_way), cmocka_unit_test(test_groups_are_drawn_first),
        cmocka_unit_test(test_drawing), cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
