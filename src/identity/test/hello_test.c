/* First contact: keys and M1. Every refusal by name and in its order, changed bytes, what we write ourselves. M2: reply_test.c. */
#include "identity/test/contact.h"

/* ---- the good case ---- */

static void test_both_sides_agree(void **state)
{
    (void)state;
    for (int form = 0; form < 4; form++) {
        struct contact c;
        start(&c, form & 1, form & 2);
        assert_int_equal(c.m1_size, c.is_short ? SOTTO_HELLO_SHORT : SOTTO_HELLO_SIZE);
        assert_int_equal(check_m1(&c), SOTTO_OK);
        assert_memory_equal(c.at_r.h1, c.pending.h1, 32);
        assert_memory_equal(c.at_r.xkey.b, c.i.xkey.b, 33);
        assert_true(sotto_span_equal(c.at_r.hello.intro, sotto_span_str("Hello, it is me")));
        send_m2(&c);
        assert_int_equal(check_m2(&c), SOTTO_OK);
        assert_memory_equal(&c.keys_i, &c.keys_r, sizeof c.keys_i);
        assert_memory_equal(c.at_i.xkey.b, c.r.xkey.b, 33);
        assert_int_equal(c.at_i.hello.time_ms, NOW_MS + 1);
        /* Five different keys, two different confirmations. */
        const uint8_t *keys[] = { c.keys_i.rk.b, c.keys_i.hk_i.b, c.keys_i.hk_r.b, c.keys_i.kc_i.b, c.keys_i.kc_r.b, c.keys_i.confirm_i, c.keys_i.confirm_r };
        for (size_t a = 0; a < 7; a++)
            for (size_t b = a + 1; b < 7; b++) assert_memory_not_equal(keys[a], keys[b], 32);
    }
}

/* What leaks later does not give the keys: each of the four inputs alone changes all of them. */
static void test_every_input_counts(void **state)
{
    (void)state;
    struct contact c;
    start(&c, true, false);
    assert_int_equal(check_m1(&c), SOTTO_OK);
    send_m2(&c);
    uint8_t text[272 + SOTTO_CERT_MAX];
    struct sotto_span signed2 = sotto_span(text, sotto_hello_signed(text, c.m2));
    struct sotto_hello_mix mix = { .id_i = c.i.id, .id_r = c.r.id, .own_exchange = &c.i.exchange, .own_eph = &c.eph_i, .own_xkey = c.i.xkey,
                                   .peer_xkey = c.r.xkey, .share_i = &c.hello.share, .mk = &c.mk }, other;
    struct sotto_secret share_r, share_other = { { 9 } }, mk_other = { { 8 } };
    struct sotto_scalar eph_other = { { [31] = 7 } };
    memcpy(share_r.b, c.m2 + 116, 32);
    memcpy(mix.peer_eph.b, c.m2 + 148, 33);
    mix.share_r = &share_r;
    struct sotto_hello_keys good, bad;
    assert_int_equal(sotto_hello_keys_derive(&good, &mix, c.pending.h1, signed2), SOTTO_OK);
    assert_memory_equal(&good, &c.keys_r, sizeof good);
    for (int i = 0; i < 6; i++) {
        other = mix;
        if (i == 0) other.share_i = &share_other;
        if (i == 1) other.share_r = &share_other;
        if (i == 2) other.mk = &mk_other;
        if (i == 3) other.mk = NULL;
        if (i == 4) other.own_eph = &eph_other;
        if (i == 5) other.id_r = c.i.id;
        assert_int_equal(sotto_hello_keys_derive(&bad, &other, c.pending.h1, signed2), SOTTO_OK);
        assert_memory_not_equal(bad.rk.b, good.rk.b, 32);
        assert_memory_not_equal(bad.kc_r.b, good.kc_r.b, 32);
    }
    text[200] ^= 1;
    assert_int_equal(sotto_hello_keys_derive(&bad, &mix, c.pending.h1, signed2), SOTTO_OK);
    assert_memory_not_equal(bad.rk.b, good.rk.b, 32);
}

/* ---- R on M1: names and order ---- */

static void expect_m1(struct contact *c, enum sotto_err want)
{
    struct sotto_hello_seen before;
    memset(&c->at_r, 0x77, sizeof c->at_r);
    memcpy(&before, &c->at_r, sizeof before);
    assert_int_equal(check_m1(c), want);
    assert_memory_equal(&before, &c->at_r, sizeof before);            /* written only on success */
}

/* From the last check to the first, each fault kept: always the earliest is named. */
static void test_m1_order(void **state)
{
    (void)state;
    struct contact c;
    start(&c, false, false);
    struct person other = person_make(RNG);
    redo_m1(&c, &other.identity);
    expect_m1(&c, SOTTO_ERR_HELLO_SIG);
    person_high_s(c.m1 + 891);
    expect_m1(&c, SOTTO_ERR_SIG_FORM);
    memcpy(c.m1 + 4, other.id.b, 20);
    redo_m1(&c, &other.identity);
    person_high_s(c.m1 + 891);
    expect_m1(&c, SOTTO_ERR_HELLO_FROM);
    c.m1[274 + 150] ^= 1;
    redo_m1(&c, &other.identity);
    expect_m1(&c, SOTTO_ERR_CERT_SIG);
    for (uint64_t p = 0;; p++) {          /* a puzzle that is no solution */
        sotto_put_be64(c.m1 + 229, p);
        if (check_m1(&c) == SOTTO_ERR_HELLO_PUZZLE) break;
        assert_true(p < 1000);
    }
    sotto_put_be64(c.m1 + 44, NOW_MS + 5000 + 600001);
    expect_m1(&c, SOTTO_ERR_HELLO_TIME);
    c.m1[90] = 1;                         /* echo */
    expect_m1(&c, SOTTO_ERR_HELLO_FORM);
    c.m1[24] ^= 1;
    expect_m1(&c, SOTTO_ERR_HELLO_TO);
    memset(c.m1 + 149, 0xff, 32);
    expect_m1(&c, SOTTO_ERR_KEY);
    c.m1[0] = 2;
    expect_m1(&c, SOTTO_ERR_HELLO_FORM);
}

static void test_m1_form(void **state)
{
    (void)state;
    struct contact c, good;
    start(&good, false, false);
    static const struct { size_t at; uint8_t value; } wrong[] = {
        { 0, 0 }, { 0, 2 }, { 1, 0 }, { 1, 2 }, { 1, 3 }, { 2, 0 }, { 2, 2 }, { 3, 4 }, { 3, 0x82 },
        { 270, 1 }, { 271, 229 }, { 270, 2 },         /* certificate length out of range */
        { 272, 2 }, { 273, 14 }, { 273, 0 },          /* introduction longer than the area, or followed by bytes */
        { 858, 1 }, { 600, 1 },                       /* padding */
        { 504, 0xff }, { 504, 0x80 },                 /* introduction not UTF-8 */
        { 859, 1 }, { 890, 1 }, { 84, 1 }, { 115, 0x80 },         /* confirm and echo must be zero */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        c = good;
        c.m1[wrong[i].at] = wrong[i].value;
        assert_int_equal(check_m1(&c), SOTTO_ERR_HELLO_FORM);
    }
    c = good;
    memset(c.m1 + 52, 0, 32);
    assert_int_equal(check_m1(&c), SOTTO_ERR_HELLO_FORM);
    c = good;
    memset(c.m1 + 116, 0, 32);
    assert_int_equal(check_m1(&c), SOTTO_ERR_HELLO_FORM);
    c = good;
    c.m1[237] = 4;                        /* scan key: neither zero nor a point */
    assert_int_equal(check_m1(&c), SOTTO_ERR_KEY);
    uint8_t longer[SOTTO_HELLO_SIZE + 1] = { 0 };
    struct sotto_hello h;
    memcpy(longer, good.m1, SOTTO_HELLO_SIZE);
    for (size_t n = 0; n <= sizeof longer; n++)
        assert_int_equal(sotto_hello_parse(&h, sotto_span(longer, n)), n == SOTTO_HELLO_SIZE ? SOTTO_OK : SOTTO_ERR_HELLO_FORM);
}

static void test_m1_times(void **state)
{
    (void)state;
    static const struct { int64_t off; enum sotto_err want; } cases[] = {
        { 0, SOTTO_OK }, { 600000, SOTTO_OK }, { 600001, SOTTO_ERR_HELLO_TIME }, { -14ll * 86400000, SOTTO_OK },
        { -14ll * 86400000 - 1, SOTTO_ERR_HELLO_TIME },
    };
    struct contact c;
    struct sotto_hello_ctx ctx;
    start(&c, false, false);
    ctx = ctx_of(&c.r);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        c.hello.time_ms = (uint64_t)((int64_t)ctx.now_ms + cases[i].off);
        send_m1(&c);
        assert_int_equal(check_m1(&c), cases[i].want);
    }
    c.hello.time_ms = UINT64_MAX;
    send_m1(&c);
    assert_int_equal(check_m1(&c), SOTTO_ERR_HELLO_TIME);
    c.hello.time_ms = 0;
    send_m1(&c);
    assert_int_equal(check_m1(&c), SOTTO_ERR_HELLO_TIME);
}

static void test_m1_to(void **state)
{
    (void)state;
    struct contact c;
    start(&c, false, false);
    struct person other = person_make(RNG);
    struct sotto_hello_ctx ctx = ctx_of(&other);
    assert_int_equal(sotto_hello_m1_check(&c.at_r, sotto_span(c.m1, c.m1_size), &ctx), SOTTO_ERR_HELLO_TO);
    c.hello.to = c.i.id;                  /* to oneself */
    send_m1(&c);
    ctx = ctx_of(&c.i);
    assert_int_equal(sotto_hello_m1_check(&c.at_r, sotto_span(c.m1, c.m1_size), &ctx), SOTTO_ERR_HELLO_TO);
}

static void test_m1_puzzle_bits(void **state)
{
    (void)state;
    struct contact c;
    start(&c, false, false);
    unsigned most = 0;
    while (most < 64 && sotto_puzzle_good(c.b, c.puzzle, most + 1)) most++;
    assert_true(most >= BITS);
    assert_int_equal(sotto_hello_strength(c.m1), most);
    struct sotto_hello_ctx ctx = ctx_of(&c.r);
    ctx.puzzle_bits = most;
    assert_int_equal(sotto_hello_m1_check(&c.at_r, sotto_span(c.m1, c.m1_size), &ctx), SOTTO_OK);
    ctx.puzzle_bits = most + 1;
    assert_int_equal(sotto_hello_m1_check(&c.at_r, sotto_span(c.m1, c.m1_size), &ctx), SOTTO_ERR_HELLO_PUZZLE);
}

static void test_m1_ledger(void **state)
{
    (void)state;
    struct contact c;
    start(&c, false, false);
    struct sotto_hello_ctx ctx = ctx_of(&c.r);
    struct sotto_ledger_status status = person_status(&c.i);
    struct sotto_span pt = sotto_span(c.m1, c.m1_size);
    ctx.status = &status;
    assert_int_equal(sotto_hello_m1_check(&c.at_r, pt, &ctx), SOTTO_OK);
    status.owner = c.r.id;
    assert_int_equal(sotto_hello_m1_check(&c.at_r, pt, &ctx), SOTTO_ERR_CERT_OWNER);
    status.cert_hash[0] ^= 1;
    assert_int_equal(sotto_hello_m1_check(&c.at_r, pt, &ctx), SOTTO_ERR_CERT_SUPERSEDED);
    status.state = SOTTO_LEDGER_REVOKED;
    assert_int_equal(sotto_hello_m1_check(&c.at_r, pt, &ctx), SOTTO_ERR_CERT_REVOKED);
    status.state = SOTTO_LEDGER_UNKNOWN;
    assert_int_equal(sotto_hello_m1_check(&c.at_r, pt, &ctx), SOTTO_ERR_CERT_UNKNOWN);
    ctx.status = NULL;
    ctx.now_ms = (NOW_S + 365 * DAY_S) * 1000;        /* the certificate has ended; the hello is too old before that */
    assert_int_equal(sotto_hello_m1_check(&c.at_r, pt, &ctx), SOTTO_ERR_HELLO_TIME);

    start(&c, false, true);               /* the short form lives on the registry */
    ctx = ctx_of(&c.r);
    pt = sotto_span(c.m1, c.m1_size);
    assert_int_equal(sotto_hello_m1_check(&c.at_r, pt, &ctx), SOTTO_ERR_CERT_UNKNOWN);
    status = (struct sotto_ledger_status){ .state = SOTTO_LEDGER_NONE };
    ctx.status = &status;
    assert_int_equal(sotto_hello_m1_check(&c.at_r, pt, &ctx), SOTTO_ERR_CERT_UNKNOWN);
    status.state = SOTTO_LEDGER_REVOKED;
    assert_int_equal(sotto_hello_m1_check(&c.at_r, pt, &ctx), SOTTO_ERR_CERT_REVOKED);
    status = person_status(&c.i);
    status.owner = c.r.id;
    assert_int_equal(sotto_hello_m1_check(&c.at_r, pt, &ctx), SOTTO_ERR_HELLO_SIG);
    status.owner = c.i.id;
    memset(status.xkey.b, 0, 33);
    assert_int_equal(sotto_hello_m1_check(&c.at_r, pt, &ctx), SOTTO_ERR_KEY);
}

/* Any changed bit outside the introduction and its length is refused: everything else is signed, checked or both. */
static void test_m1_mutated(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) {
        struct contact c;
        start(&c, true, form == 1);
        size_t intro = form == 1 ? 274 : 274 + c.i.size, intro_end = intro + 15;
        for (size_t bit = 0; bit < 8 * c.m1_size; bit += 7) {
            if ((bit / 8 >= intro && bit / 8 < intro_end) || bit / 8 == 272 || bit / 8 == 273) continue;
            c.m1[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            assert_int_not_equal(check_m1(&c), SOTTO_OK);
            c.m1[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
        assert_int_equal(check_m1(&c), SOTTO_OK);
        memcpy(c.m1 + intro, "Goodbye, friend", 15);  /* not signed, on purpose: what was said is deniable */
        assert_int_equal(check_m1(&c), SOTTO_OK);
        assert_memory_equal(c.at_r.h1, c.pending.h1, 32);
    }
}

/* ---- what we write ourselves ---- */

static void test_begin_refuses(void **state)
{
    (void)state;
    struct contact c;
    char long_text[600];
    memset(long_text, 'x', sizeof long_text);
    start(&c, false, false);
    uint8_t keep[SOTTO_HELLO_SIZE];
    memcpy(keep, c.m1, sizeof keep);
    struct sotto_hello good = c.hello, h;
    size_t room = SOTTO_HELLO_AREA - c.i.size;
#define REFUSED(want) do { assert_int_equal(sotto_hello_m1_begin(c.m1, &c.m1_size, c.b, &h), want); assert_memory_equal(keep, c.m1, sizeof keep); } while (0)
    h = good; h.flags = 4; REFUSED(SOTTO_ERR_RANGE);
    h = good; memset(h.nonce, 0, 32); REFUSED(SOTTO_ERR_RANGE);
    h = good; memset(h.share.b, 0, 32); REFUSED(SOTTO_ERR_RANGE);
    h = good; h.intro = sotto_span(long_text, room + 1); REFUSED(SOTTO_ERR_RANGE);
    h = good; h.intro = sotto_span("\xff", 1); REFUSED(SOTTO_ERR_RANGE);
    h = good; h.cert.size = 229; REFUSED(SOTTO_ERR_RANGE);
    h = good; h.cert.size = 359; REFUSED(SOTTO_ERR_RANGE);
    h = good; memset(h.eph.b, 0, 33); REFUSED(SOTTO_ERR_KEY);
    h = good; h.scan.b[0] = 5; REFUSED(SOTTO_ERR_KEY);
#undef REFUSED
    c.hello.intro = sotto_span(long_text, room);
    send_m1(&c);
    assert_int_equal(check_m1(&c), SOTTO_OK);
    c.hello.cert = sotto_span(NULL, 0);
    c.is_short = true;
    c.hello.intro = sotto_span(long_text, SOTTO_HELLO_SHORT_AREA);
    send_m1(&c);
    assert_int_equal(check_m1(&c), SOTTO_OK);
    c.hello.intro.size++;
    assert_int_equal(sotto_hello_m1_begin(c.m1, &c.m1_size, c.b, &c.hello), SOTTO_ERR_RANGE);
}

static void test_intro_cut(void **state)
{
    (void)state;
    struct sotto_span t = sotto_span_str("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
    static const size_t want[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11 };
    for (size_t max = 0; max < sizeof want / sizeof *want; max++) assert_int_equal(sotto_hello_intro_cut(t, max), want[max]);
}

/* The search in pieces finds the same as in one go, gives up when its tries are used, and wraps. */
static void test_puzzle_in_pieces(void **state)
{
    (void)state;
    uint8_t b[32];
    uint64_t whole = 0, pieces = 0, at = 0, from = 0;
    sotto_rng_fill(RNG, b, 32);
    assert_true(sotto_puzzle_search(&whole, &from, b, 10, UINT64_MAX));
    unsigned calls = 0;
    while (!sotto_puzzle_search(&pieces, &at, b, 10, 16)) calls++;
    assert_int_equal(whole, pieces);
    assert_int_equal(calls, whole / 16);
    for (uint64_t p = 0; p < whole; p++) assert_false(sotto_puzzle_good(b, p, 10));
    assert_true(sotto_puzzle_good(b, whole, 10) && sotto_puzzle_good(b, 12345, 0));
    at = 7;
    assert_false(sotto_puzzle_search(&pieces, &at, b, 64, 3));
    assert_int_equal(at, 10);
    at = UINT64_MAX;
    assert_false(sotto_puzzle_search(&pieces, &at, b, 64, 2));
    assert_int_equal(at, 1);
}

int main(void)
{
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    sotto_rng_from_seed(&chacha, test_seed(), "hello");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_sides_agree), cmocka_unit_test(test_every_input_counts), cmocka_unit_test(test_m1_order),
        cmocka_unit_test(test_m1_form), cmocka_unit_test(test_m1_times), cmocka_unit_test(test_m1_to),
        cmocka_unit_test(test_m1_puzzle_bits), cmocka_unit_test(test_m1_ledger), cmocka_unit_test(test_m1_mutated),
        cmocka_unit_test(test_begin_refuses), cmocka_unit_test(test_intro_cut), cmocka_unit_test(test_puzzle_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
