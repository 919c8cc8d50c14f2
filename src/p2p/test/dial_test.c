/* Who is dialled next: order after a start, groups, redial, feelers, two addresses, guards, bootstrap. */
#include "support/test.h"

#include "crypto/rng.h"
#include "p2p/dial.h"

#define S 1000000ull
#define HOUR (3600 * S)
#define DAY (24 * HOUR)

struct rig {
    struct sotto_chacha_rng rng;
    struct sotto_book *b;
    struct sotto_dial *d;
    struct sotto_now now;
    uint32_t keys;
    uint8_t barred[64];
};

static bool barred(void *owner, const uint8_t key[64], const struct sotto_addr addr[2], struct sotto_now now)
{
    const struct rig *r = owner;
    assert_true(addr[0].family || addr[1].family);
    (void)now;
    return memcmp(r->barred, key, 64) == 0;
}

static void dial_again(struct rig *r, bool local, unsigned outbound)
{
    sotto_dial_free(r->d);
    struct sotto_dial_config config = { .local = local, .outbound_max = outbound, .group = sotto_group_of, .book = r->b, .rng = &r->rng.rng, .owner = r, .barred = barred };
    assert_int_equal(sotto_dial_new(&r->d, &config), SOTTO_OK);
}
static struct rig *rig_new(bool local, unsigned outbound)
{
    struct rig *r = calloc(1, sizeof *r);
    sotto_rng_from_seed(&r->rng, test_seed(), "dial");
    r->now = (struct sotto_now){ .mono_us = 1000 * S, .wall_ms = 1800000000ull * 1000 };
    struct sotto_book_config config = { .local = local, .group = sotto_group_of, .rng = &r->rng.rng };
    assert_int_equal(sotto_book_new(&r->b, &config), SOTTO_OK);
    dial_again(r, local, outbound);
    return r;
}
static void rig_free(struct rig *r)
{
    sotto_dial_free(r->d);
    sotto_book_free(r->b);
    free(r);
}
static void later(struct rig *r, uint64_t us)
{
    r->now.mono_us += us;
    r->now.wall_ms += us / 1000;
}
static struct sotto_addr ip(uint8_t a, uint8_t b, uint8_t c, uint8_t d) { return (struct sotto_addr){ .ip = { a, b, c, d }, .port = 30303, .family = 4 }; }
static struct sotto_enode node(struct rig *r, struct sotto_addr addr)
{
    struct sotto_enode e = { .addr = addr };
    sotto_put_be32(e.key, ++r->keys);
    return e;
}
static struct sotto_enode known(struct rig *r, struct sotto_addr addr)
{
    struct sotto_enode e = node(r, addr);
    struct sotto_addr source = addr;                  /* of a group of its own, so that no bucket fills */
    if (!sotto_addr_loopback(&addr)) sotto_put_be16(source.ip, (uint16_t)(0x3c00 + r->keys % 0x1000));
    assert_int_equal(sotto_book_learn(r->b, &e, &source, r->now), SOTTO_OK);
    return e;
}
static bool next(struct rig *r, struct sotto_dial_want *w) { return sotto_dial_next(r->d, w, false, r->now); }
static bool same(const struct sotto_dial_want *w, const struct sotto_enode *e)
{
    return memcmp(w->node.key, e->key, 64) == 0 && sotto_addr_equal(&w->node.addr, &e->addr);
}
static void up(struct rig *r, const struct sotto_dial_want *w)
{
    sotto_dial_opened(r->d, w->ticket);
    sotto_dial_up(r->d, w->ticket, r->now);
}

static void test_one_of_a_group(void **state)
{
    (void)state;
    struct rig *r = rig_new(false, 6);
    struct sotto_dial_want w[9];
    for (unsigned i = 0; i < 45; i++) known(r, ip(51, (uint8_t)(i % 5), (uint8_t)i, 1));
    unsigned count = 0, seen = 0;
    while (next(r, &w[count])) {
        assert_false(seen & 1u << w[count].node.addr.ip[1]);
        seen |= 1u << w[count].node.addr.ip[1];
        assert_true(++count <= 5);
    }
    assert_int_equal(count, 5);
    assert_true(sotto_dial_deadline(r->d) == r->now.mono_us + SOTTO_DIAL_FEELER_US);     /* nothing for the other one until the book grows */
    known(r, ip(52, 1, 1, 1));
    assert_true(sotto_dial_deadline(r->d) <= r->now.mono_us);
    assert_true(next(r, &w[count]) && w[count].node.addr.ip[0] == 52);
    assert_false(next(r, &w[8]));
    assert_false(sotto_dial_ended(r->d, w[0].ticket, SOTTO_DIAL_REFUSED, r->now));
    assert_false(next(r, &w[8]));                     /* not within a second */
    later(r, SOTTO_DIAL_PACE_US);
    assert_true(next(r, &w[8]) && memcmp(w[8].node.addr.ip, w[0].node.addr.ip, 2) == 0 && memcmp(w[8].node.key, w[0].node.key, 64) != 0);
    rig_free(r);
}

static void test_order_after_a_start(void **state)
{
    (void)state;
    struct rig *r = rig_new(false, 8);
    struct sotto_dial_want w[8];
    struct sotto_book_entry guard[2];
    for (unsigned i = 0; i < 30; i++) known(r, ip(51, (uint8_t)i, 1, 1));
    for (unsigned i = 0; i < 8; i++) {
        assert_true(next(r, &w[i]));
        later(r, S);
        up(r, &w[i]);
    }
    assert_false(next(r, &w[0]));
    assert_true(sotto_dial_guard(r->d, 0, &guard[0]) && sotto_dial_guard(r->d, 1, &guard[1]));
    assert_memory_equal(guard[0].key, w[0].node.key, 64);
    struct sotto_buf dial = sotto_buf_make(SOTTO_DIAL_BYTES_MAX), book = sotto_buf_make(SOTTO_BOOK_BYTES_MAX);
    later(r, 60 * S);
    assert_false(sotto_dial_ended(r->d, w[2].ticket, SOTTO_DIAL_LOST, r->now));          /* so 3 and 4 are the longest up */
    assert_int_equal(sotto_dial_save(r->d, &dial, r->now), SOTTO_OK);
    assert_int_equal(sotto_book_save(r->b, &book, r->now), SOTTO_OK);

    struct rig *again = rig_new(false, 8);
    assert_int_equal(sotto_book_load(again->b, sotto_buf_span(&book), again->now), SOTTO_OK);
    assert_int_equal(sotto_dial_load(again->d, sotto_buf_span(&dial), again->now), SOTTO_OK);
    struct sotto_enode boot = node(again, ip(60, 1, 1, 1));
    boot.key[0] = 9;
    assert_int_equal(sotto_dial_bootstrap(again->d, &boot), SOTTO_OK);
    assert_int_equal(sotto_dial_bootstrap(again->d, &boot), SOTTO_ERR_EXISTS);
    static const unsigned order[4] = { 0, 1, 3, 4 };
    struct sotto_dial_want x;
    for (unsigned i = 0; i < 4; i++) {
        assert_true(sotto_dial_next(again->d, &x, true, again->now));
        assert_memory_equal(x.node.key, w[order[i]].node.key, 64);
        assert_int_equal(x.kind, i < 2 ? SOTTO_DIAL_GUARD + i : i == 2 ? SOTTO_DIAL_STEM : SOTTO_DIAL_GENERAL);
    }
    assert_false(sotto_dial_next(again->d, &x, true, again->now));                       /* now come the static peers */
    unsigned from_book = 0;
    for (; next(again, &x); from_book++) assert_true(x.node.addr.ip[0] == 51 || same(&x, &boot));
    assert_int_equal(from_book, 4);

    struct rig *third = rig_new(false, 8);
    for (size_t cut = 0; cut < dial.size; cut++)
        assert_int_equal(sotto_dial_load(third->d, sotto_span(dial.data, cut), third->now), SOTTO_ERR_FORMAT);
    struct sotto_buf back = sotto_buf_make(SOTTO_DIAL_BYTES_MAX);
    assert_int_equal(sotto_dial_load(third->d, sotto_buf_span(&dial), third->now), SOTTO_OK);
    assert_int_equal(sotto_dial_save(third->d, &back, third->now), SOTTO_OK);
    assert_true(sotto_span_equal(sotto_buf_span(&dial), sotto_buf_span(&back)));
    dial.data[0]++;
    assert_int_equal(sotto_dial_load(third->d, sotto_buf_span(&dial), third->now), SOTTO_ERR_NEWER);
    sotto_buf_free(&dial);
    sotto_buf_free(&book);
    sotto_buf_free(&back);
    rig_free(third);
    rig_free(again);
    rig_free(r);
}

static void test_redial(void **state)
{
    (void)state;
    for (unsigned local = 0; local < 2; local++) {
        struct rig *r = rig_new(local, 1);
        struct sotto_dial_want w;
        struct sotto_enode e = known(r, local ? ip(127, 0, 0, 1) : ip(51, 1, 1, 1));
        uint64_t want = local ? S : 35 * S, max = local ? 35 * S : HOUR;
        assert_true(next(r, &w) && same(&w, &e));
        for (unsigned i = 0; i < 12; i++) {
            uint64_t begun = r->now.mono_us;
            assert_false(sotto_dial_ended(r->d, w.ticket, SOTTO_DIAL_REFUSED, r->now));
            do {
                later(r, S / 20);
                assert_true(r->now.mono_us - begun <= want * 12 / 10 + SOTTO_DIAL_PACE_US);
            } while (!next(r, &w) || w.kind == SOTTO_DIAL_FEELER);
            assert_true(r->now.mono_us - begun >= want * 8 / 10);
            want = want * 2 < max ? want * 2 : max;
        }
        up(r, &w);
        later(r, HOUR);
        assert_false(sotto_dial_ended(r->d, w.ticket, SOTTO_DIAL_LOST, r->now));         /* up for long: the first delay again */
        later(r, local ? 12 * S / 10 : 42 * S);
        assert_true(next(r, &w) && w.kind == SOTTO_DIAL_GENERAL);
        up(r, &w);
        assert_false(sotto_dial_ended(r->d, w.ticket, SOTTO_DIAL_LOST, r->now));         /* let in and thrown out: as good as refused */
        struct sotto_book_entry x;
        assert_true(sotto_book_find(r->b, &x, e.key) && x.failures == 1);
        rig_free(r);
    }
}

static void test_no_shared_capability(void **state)
{
    (void)state;
    struct rig *r = rig_new(false, 1);
    struct sotto_dial_want w;
    struct sotto_enode e = known(r, ip(51, 1, 1, 1));
    assert_true(next(r, &w));
    assert_false(sotto_dial_ended(r->d, w.ticket, SOTTO_DIAL_USELESS, r->now));
    later(r, DAY - 1);
    while (next(r, &w)) fail();
    assert_true(sotto_dial_deadline(r->d) == r->now.mono_us + 1 || sotto_dial_deadline(r->d) < r->now.mono_us + SOTTO_DIAL_FEELER_US);
    later(r, 1);
    assert_true(next(r, &w) && same(&w, &e));
    rig_free(r);
}

static void test_feeler(void **state)
{
    (void)state;
    struct rig *r = rig_new(false, 1);
    struct sotto_dial_want w, f;
    struct sotto_book_entry x;
    struct sotto_enode first = known(r, ip(51, 1, 1, 1)), second = node(r, ip(51, 1, 1, 2));
    assert_true(next(r, &w) && same(&w, &first) && w.kind == SOTTO_DIAL_GENERAL);
    up(r, &w);
    assert_int_equal(sotto_book_learn(r->b, &second, &first.addr, r->now), SOTTO_OK);
    later(r, SOTTO_DIAL_FEELER_US - 1);
    assert_false(next(r, &f));
    assert_true(sotto_dial_deadline(r->d) == r->now.mono_us + 1);
    later(r, 1);
    assert_true(next(r, &f) && same(&f, &second) && f.kind == SOTTO_DIAL_FEELER);        /* of the same group: it is only a look */
    assert_false(next(r, &w));
    up(r, &f);
    assert_false(sotto_dial_ended(r->d, f.ticket, SOTTO_DIAL_LOST, r->now));
    assert_true(sotto_book_find(r->b, &x, second.key) && x.tried && x.failures == 0);
    later(r, 10 * SOTTO_DIAL_FEELER_US);
    assert_false(next(r, &f));                        /* nobody untried is left */
    rig_free(r);
}

static void test_two_addresses(void **state)
{
    (void)state;
    for (unsigned story = 0; story < 3; story++) {
        struct rig *r = rig_new(false, 1);
        struct sotto_dial_want w, v;
        struct sotto_enode e = known(r, ip(51, 1, 1, 1)), six = e;
        six.addr = (struct sotto_addr){ .ip = { 0x26, 0, 0, 1, [15] = 1 }, .port = 30303, .family = 6 };
        assert_int_equal(sotto_book_learn(r->b, &six, &six.addr, r->now), SOTTO_ERR_EXISTS);
        assert_true(next(r, &w) && same(&w, &six));
        assert_false(next(r, &v));
        assert_true(sotto_dial_deadline(r->d) == r->now.mono_us + SOTTO_DIAL_SECOND_US);
        if (story == 0) {                             /* nothing within 250 ms: IPv4 beside it */
            later(r, SOTTO_DIAL_SECOND_US - 1);
            assert_false(next(r, &v));
            later(r, 1);
            assert_true(next(r, &v) && same(&v, &e) && v.ticket == w.ticket);
            assert_false(next(r, &v));
            assert_false(sotto_dial_ended(r->d, w.ticket, SOTTO_DIAL_REFUSED, r->now));
        } else if (story == 1) {                      /* IPv6 is refused: IPv4 at once */
            assert_true(sotto_dial_ended(r->d, w.ticket, SOTTO_DIAL_REFUSED, r->now));
            assert_true(next(r, &v) && same(&v, &e) && v.ticket == w.ticket);
            up(r, &v);
        } else {                                      /* IPv6 opens in time */
            sotto_dial_opened(r->d, w.ticket);
            later(r, S);
            assert_false(next(r, &v));
            sotto_dial_up(r->d, w.ticket, r->now);
        }
        rig_free(r);
    }
}

static void test_guards(void **state)
{
    (void)state;
    struct rig *r = rig_new(false, 3);
    struct sotto_dial_want w[3], x;
    struct sotto_book_entry g, h;
    for (unsigned i = 0; i < 3; i++) known(r, ip(51, (uint8_t)i, 1, 1));
    assert_false(sotto_dial_guard(r->d, 0, &g));
    for (unsigned i = 0; i < 3; i++) {
        assert_true(next(r, &w[i]) && w[i].kind == i);
        up(r, &w[i]);
    }
    assert_true(sotto_dial_guard(r->d, 0, &g));
    assert_memory_equal(g.key, w[0].node.key, 64);
    /* Away: nobody else takes its place or its group. */
    known(r, ip(w[0].node.addr.ip[0], w[0].node.addr.ip[1], 9, 9));
    assert_false(sotto_dial_ended(r->d, w[0].ticket, SOTTO_DIAL_LOST, r->now));
    assert_false(sotto_dial_ended(r->d, w[2].ticket, SOTTO_DIAL_LOST, r->now));
    uint64_t begun = r->now.mono_us;
    unsigned guard = 0;
    known(r, ip(52, 1, 1, 1));
    known(r, ip(53, 1, 1, 1));
    struct sotto_book_entry was = g;
    while (sotto_dial_guard(r->d, 0, &g) && memcmp(g.key, was.key, 64) == 0) {
        later(r, 60 * S);
        assert_true(r->now.mono_us - begun <= 25 * HOUR);
        while (next(r, &x)) {
            if (x.kind == SOTTO_DIAL_GENERAL || x.kind == SOTTO_DIAL_STEM) {
                assert_false(memcmp(x.node.addr.ip, was.addr[0].ip, 2) == 0 && sotto_dial_guard(r->d, 0, &h));
                up(r, &x);
            } else {
                guard += x.kind == SOTTO_DIAL_GUARD && memcmp(x.node.key, was.key, 64) == 0;
                (void)!sotto_dial_ended(r->d, x.ticket, SOTTO_DIAL_REFUSED, r->now);
            }
        }
    }
    assert_true(r->now.mono_us - begun >= 24 * HOUR && guard > 10);            /* it was asked for a day; then another is drawn */
    rig_free(r);

    /* Lost, it is asked for again after 35 s like anybody. */
    r = rig_new(false, 3);
    known(r, ip(51, 1, 1, 1));
    assert_true(next(r, &w[0]) && w[0].kind == SOTTO_DIAL_GUARD);
    up(r, &w[0]);
    later(r, HOUR);
    assert_false(sotto_dial_ended(r->d, w[0].ticket, SOTTO_DIAL_LOST, r->now));
    later(r, 28 * S - 1);
    assert_false(next(r, &x));
    later(r, 14 * S + 1);
    assert_true(next(r, &x) && x.kind == SOTTO_DIAL_GUARD);
    rig_free(r);

    /* And a guard that stays is given up between 14 and 28 days. */
    r = rig_new(false, 3);
    for (unsigned i = 0; i < 30; i++) known(r, ip(51, (uint8_t)i, 1, 1));
    for (unsigned i = 0; i < 3; i++) {
        assert_true(next(r, &w[i]));
        up(r, &w[i]);
    }
    begun = r->now.mono_us;
    unsigned closed = 0;
    while (closed < 2) {
        later(r, HOUR);
        assert_true(r->now.mono_us - begun <= 28 * DAY + HOUR);
        while (next(r, &x)) {
            if (x.close) {
                assert_true(r->now.mono_us - begun >= 14 * DAY);
                assert_true(x.ticket == w[0].ticket || x.ticket == w[1].ticket);
                closed++;
            }
            if (x.close || x.kind == SOTTO_DIAL_FEELER) (void)!sotto_dial_ended(r->d, x.ticket, SOTTO_DIAL_LOST, r->now);
        }
    }
    rig_free(r);
}

static void test_bootstrap(void **state)
{
    (void)state;
    struct rig *r = rig_new(false, 8);
    struct sotto_dial_want w;
    struct sotto_enode boot[3];
    for (unsigned i = 0; i < 3; i++) {
        boot[i] = node(r, ip(60, (uint8_t)i, 1, 1));
        boot[i].key[0] = 9;
        assert_int_equal(sotto_dial_bootstrap(r->d, &boot[i]), SOTTO_OK);
    }
    /* A book full of inventions does not hide them. */
    for (unsigned i = 0; i < 200; i++) known(r, ip(51, (uint8_t)i, 1, 1));
    unsigned boots = 0;
    for (unsigned i = 0; i < 8; i++) {
        assert_true(next(r, &w));
        boots += w.node.addr.ip[0] == 60;
    }
    assert_int_equal(boots, 3);
    rig_free(r);
    /* Eight that live: they are not used. */
    r = rig_new(false, 8);
    for (unsigned i = 0; i < 3; i++) assert_int_equal(sotto_dial_bootstrap(r->d, &boot[i]), SOTTO_OK);
    for (unsigned i = 0; i < 8; i++) {
        struct sotto_enode e = known(r, ip(51, (uint8_t)i, 1, 1));
        sotto_book_alive(r->b, e.key, true, r->now);
    }
    for (unsigned i = 0; i < 4; i++) {                /* every dial is a failure until it is up: so see to it that eight live */
        struct sotto_enode more = known(r, ip(54, (uint8_t)i, 1, 1));
        sotto_book_alive(r->b, more.key, true, r->now);
        assert_true(next(r, &w) && w.node.addr.ip[0] != 60);
        up(r, &w);
    }
    rig_free(r);
    /* An empty book and nobody else: only bootstrap, each of them once, then with delay. */
    r = rig_new(false, 8);
    for (unsigned i = 0; i < 3; i++) assert_int_equal(sotto_dial_bootstrap(r->d, &boot[i]), SOTTO_OK);
    for (boots = 0; next(r, &w); boots++) (void)!sotto_dial_ended(r->d, w.ticket, SOTTO_DIAL_REFUSED, r->now);
    assert_int_equal(boots, 3);
    assert_true(sotto_dial_deadline(r->d) <= r->now.mono_us + SOTTO_DIAL_PACE_US);
    later(r, 10 * S);
    assert_false(next(r, &w));
    later(r, 32 * S);
    assert_true(next(r, &w) && w.node.addr.ip[0] == 60);
    rig_free(r);
}

static void test_nobody_to_remember(void **state)
{
    (void)state;
    struct rig *r = rig_new(false, 8);
    struct sotto_buf b = sotto_buf_make(SOTTO_DIAL_BYTES_MAX);
    assert_int_equal(sotto_dial_save(r->d, &b, r->now), SOTTO_OK);
    assert_int_equal(b.size, SOTTO_DIAL_BYTES_NONE);
    sotto_buf_free(&b);
    rig_free(r);
}

static void test_barred(void **state)
{
    (void)state;
    struct rig *r = rig_new(false, 8);
    struct sotto_dial_want w;
    struct sotto_enode a = known(r, ip(51, 1, 1, 1)), b = known(r, ip(52, 1, 1, 1));
    memcpy(r->barred, a.key, 64);
    assert_true(next(r, &w) && same(&w, &b));
    assert_false(next(r, &w));
    later(r, SOTTO_DIAL_FEELER_US);
    assert_false(next(r, &w));
    rig_free(r);
}

/* Random lives: never two outbound of a group, never more than the places, never a node twice, tickets end once. */
static void test_random_lives(void **state)
{
    (void)state;
    for (unsigned run = 0; run < 20; run++) {
        struct rig *r = rig_new(false, 8);
        struct sotto_rng *rng = &r->rng.rng;
        struct { struct sotto_dial_want w; bool up; } now[10];
        unsigned count = 0;
        for (unsigned i = 0; i < 5 * run; i++) known(r, ip(51, (uint8_t)sotto_rng_below(rng, 30), (uint8_t)i, 1));
        for (unsigned step = 0; step < 2000; step++) {
            struct sotto_dial_want w;
            later(r, sotto_rng_below(rng, 20 * S));
            if (sotto_rng_below(rng, 10) == 0) known(r, ip((uint8_t)(60 + sotto_rng_below(rng, 3)), (uint8_t)sotto_rng_below(rng, 30), (uint8_t)step, 2));
            while (next(r, &w)) {
                if (w.close) {
                    for (unsigned i = 0; i < count; i++)
                        if (now[i].w.ticket == w.ticket) now[i] = now[--count];
                    (void)!sotto_dial_ended(r->d, w.ticket, SOTTO_DIAL_GIVEN_UP, r->now);
                    continue;
                }
                unsigned feelers = w.kind == SOTTO_DIAL_FEELER, places = 1 - feelers;
                for (unsigned i = 0; i < count; i++) {
                    const struct sotto_dial_want *o = &now[i].w;
                    test_rule(memcmp(o->node.key, w.node.key, 64) != 0, "a node is dialled once at a time", run);
                    feelers += o->kind == SOTTO_DIAL_FEELER;
                    places += o->kind != SOTTO_DIAL_FEELER;
                    if (o->kind != SOTTO_DIAL_FEELER && w.kind != SOTTO_DIAL_FEELER)
                        test_rule(memcmp(o->node.addr.ip, w.node.addr.ip, 2) != 0, "one outbound of a group", run);
                }
                test_rule(feelers <= 1 && places <= 8, "no more than the places", run);
                now[count].w = w;
                now[count++].up = false;
            }
            test_rule(sotto_dial_deadline(r->d) > r->now.mono_us, "who was asked until nothing came waits for something", run);
            if (!count) continue;
            unsigned i = (unsigned)sotto_rng_below(rng, count);
            if (!now[i].up && sotto_rng_below(rng, 3)) {
                up(r, &now[i].w);
                now[i].up = now[i].w.kind != SOTTO_DIAL_FEELER;
                if (now[i].up) continue;
            }
            static const enum sotto_dial_end ends[] = { SOTTO_DIAL_REFUSED, SOTTO_DIAL_FULL, SOTTO_DIAL_USELESS, SOTTO_DIAL_GIVEN_UP };
            enum sotto_dial_end how = now[i].up || now[i].w.kind == SOTTO_DIAL_FEELER ? SOTTO_DIAL_LOST : ends[sotto_rng_below(rng, 4)];
            if (!sotto_dial_ended(r->d, now[i].w.ticket, how, r->now)) now[i] = now[--count];
        }
        rig_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_of_a_group), cmocka_unit_test(test_order_after_a_start), cmocka_unit_test(test_redial),
        cmocka_unit_test(test_no_shared_capability), cmocka_unit_test(test_feeler), cmocka_unit_test(test_two_addresses),
        cmocka_unit_test(test_guards), cmocka_unit_test(test_bootstrap), cmocka_unit_test(test_nobody_to_remember), cmocka_unit_test(test_barred), cmocka_unit_test(test_random_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
