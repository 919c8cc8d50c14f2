/* Subscriptions: a thousand of them against the slow matcher in small; criteria as geth answers them; what a foreign envelope costs. */
#include "whisper/test/said.h"

#include "crypto/rng.h"
#include "whisper/filter.h"
#include "whisper/test/filter_model.h"

static struct sotto_chacha_rng random_stream;
static struct sotto_rng *rng(void) { return &random_stream.rng; }

enum { SEQUENCES = 60, BYTES = 900 };

static void as_the_slow_matcher(void **state)
{
    (void)state;
    for (unsigned run = 1; run <= SEQUENCES; run++) {
        uint8_t bytes[BYTES];
        sotto_rng_fill(rng(), bytes, sizeof bytes);
        struct fuzz_in in = fuzz_in(bytes, sizeof bytes);
        const char *broken = filter_model_run(&in);
        test_rule(!broken, broken ? broken : "", run);
    }
    struct filter_model_done *d = &filter_model_done;
    print_message("added %u, shown %u, matched %u, fetched %u, dropped %u, there already %u\n", (unsigned)d->added, (unsigned)d->shown, (unsigned)d->matched,
                  (unsigned)d->taken, (unsigned)d->dropped, (unsigned)d->again);
    assert_true(d->added > SEQUENCES && d->matched > SEQUENCES && d->taken > SEQUENCES && d->dropped > SEQUENCES && d->again > SEQUENCES);
}

static struct sotto_span text_of(const struct sotto_shh_id *id) { return sotto_span_str(id->text); }

/* Row by row: the first thing that is wrong is what is said, in the manner of either method. */
static void criteria_row_by_row(void **state)
{
    (void)state;
    static const uint8_t topic[1][4] = { { 1, 2, 3, 4 } }, zeros[32];
    uint8_t signer[65], off_curve[65];
    struct sotto_shh_keys *k;
    struct sotto_shh_id sym, zero, pair;
    struct sotto_shh_pair p;
    assert_int_equal(sotto_shh_keys_new(&k, 4, 4, rng()), SOTTO_OK);
    assert_said(sotto_shh_keys_new_sym(k, &sym), "");
    assert_said(sotto_shh_keys_add_sym(k, &zero, SOTTO_SPAN(zeros)), "");
    assert_said(sotto_shh_keys_new_pair(k, &pair), "");
    assert_said(sotto_shh_keys_pair(k, &p, text_of(&pair)), "");
    sotto_shh_public(signer, &p.point);
    memcpy(off_curve, signer, sizeof signer);
    off_curve[64] ^= 1;
    struct sotto_span none = { NULL, 0 }, s = text_of(&sym), z = text_of(&zero), a = text_of(&pair), x = sotto_span_str("unknown"), good = SOTTO_SPAN(signer), bad = SOTTO_SPAN(off_curve);
    struct sotto_span hybrid = sotto_span(signer, 64);
    const char *which = "specify either a symmetric or an asymmetric key", *missing = "missing topic(s)", *sig = "invalid signing public key";
    const char *no_sym = "non-existent key ID", *bad_sym = "invalid symmetric key", *no_pair = "invalid id", *no_public = "invalid public key";
    const struct { struct sotto_span sym, key, sig; size_t topics; const char *filter, *subscribe; } rows[] = {
        { none, none, none, 1, which, which }, { s, a, none, 1, which, which }, { x, x, bad, 1, which, which }, { none, none, bad, 0, which, which },
        { s, none, bad, 1, sig, sig }, { s, none, hybrid, 1, sig, sig }, { x, none, bad, 0, sig, sig }, { none, x, bad, 1, sig, sig },
        { x, none, good, 0, no_sym, missing }, { z, none, none, 0, bad_sym, missing }, { s, none, none, 0, "", missing },
        { x, none, none, 1, no_sym, no_sym }, { a, none, none, 1, no_sym, no_sym }, { z, none, good, 1, bad_sym, bad_sym },
        { none, x, none, 1, no_pair, no_public }, { none, s, none, 0, no_pair, no_public },
        { s, none, none, 1, "", "" }, { s, none, good, 1, "", "" }, { none, a, none, 0, "", "" }, { none, a, good, 1, "", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sotto_shh_criteria_asked asked = { rows[i].sym, rows[i].key, rows[i].sig, 0.5, true, topic, rows[i].topics };
        for (unsigned subscribe = 0; subscribe < 2; subscribe++) {
            struct sotto_shh_criteria c = { 0 };
            struct sotto_point by;
            const char *want = subscribe ? rows[i].subscribe : rows[i].filter;
            assert_said(sotto_shh_criteria_check(&c, &by, k, &asked, subscribe ? SOTTO_SHH_SUBSCRIBE : SOTTO_SHH_NEW_FILTER), want);
            if (*want) continue;
            assert_true(!c.sym == !rows[i].sym.size && !c.key == !rows[i].key.size && !c.signer == !rows[i].sig.size);
            assert_true(c.min_pow == 0.5 && c.allow_p2p && c.topic_count == rows[i].topics);
            if (c.signer) assert_memory_equal(c.signer->b, p.point.b, sizeof by.b);
        }
    }
    sotto_shh_keys_free(k);
}

/* ---- costs, counted in keys tried ---- */

enum { MANY = 1000 };

static struct sotto_shh_filters *store(void)
{
    struct sotto_shh_filters *f;
    struct sotto_shh_filters_config config = { MANY, MANY, SOTTO_SHH_FILTER_KEPT_MAX, SOTTO_SHH_FILTER_BYTES_MAX, rng() };
    assert_int_equal(sotto_shh_filters_new(&f, &config), SOTTO_OK);
    return f;
}

static uint32_t show(struct sotto_shh_filters *f, const uint8_t topic[4], struct sotto_span data, bool direct)
{
    static uint8_t hash[32];
    struct sotto_envelope e = { 1000, 50, { topic[0], topic[1], topic[2], topic[3] }, data, 0 };
    uint32_t matches = 99;
    struct sotto_shh_seen seen = { &e, hash, 1, direct, false };
    hash[0]++;
    assert_int_equal(sotto_shh_filters_show(f, &matches, &seen), SOTTO_OK);
    return matches;
}

static void what_an_envelope_costs(void **state)
{
    (void)state;
    struct sotto_secret keys[2];
    struct sotto_shh_id ids[MANY], one_more;
    struct sotto_buf plain = sotto_buf_make(4096), data = plain;
    uint8_t topic[1][4] = { { 9, 9, 9, 9 } };
    struct sotto_shh_message m = { .payload = sotto_span_str("hello") };
    struct sotto_shh_filters *f = store();
    sotto_rng_fill(rng(), keys, sizeof keys);
    assert_int_equal(sotto_shh_message_write(&plain, &m, rng()), SOTTO_OK);
    assert_int_equal(sotto_shh_seal(&data, &keys[0], sotto_buf_span(&plain), rng()), SOTTO_OK);
    struct sotto_span d = sotto_buf_span(&data);
    for (uint32_t i = 0; i < MANY; i++) {             /* a topic each, a key each */
        struct sotto_secret own = keys[0];
        own.b[0] ^= (uint8_t)i, own.b[1] ^= (uint8_t)(i >> 8);
        uint8_t name[1][4] = { { 0, 0, (uint8_t)(i >> 8), (uint8_t)i } };
        struct sotto_shh_criteria c = { .sym = &own, .topics = name, .topic_count = 1 };
        assert_said(sotto_shh_filters_add(f, &ids[i], &c), "");
    }
    struct sotto_shh_criteria c = { .sym = &keys[0], .topics = topic, .topic_count = 1 };
    assert_said(sotto_shh_filters_add(f, &one_more, &c), "too many filters, at most 1000");
    assert_int_equal(show(f, topic[0], d, false), 0);
    assert_int_equal(sotto_shh_filters_tries(f), 0);  /* a foreign topic: no key is tried */
    assert_int_equal(show(f, (uint8_t[4]){ 0 }, d, false), 1);
    assert_int_equal(sotto_shh_filters_tries(f), 1);  /* a topic that one listed: one */
    for (uint32_t i = 0; i < MANY; i++) assert_true(sotto_shh_filters_remove(f, text_of(&ids[i])));
    /* One key, many filters without topics: one try for all. A direct message is tried for none that may not have it. */
    c = (struct sotto_shh_criteria){ .sym = &keys[1] };
    for (uint32_t i = 0; i < 100; i++) assert_said(sotto_shh_filters_add(f, &ids[i], &c), "");
    c = (struct sotto_shh_criteria){ .sym = &keys[0] };
    for (uint32_t i = 100; i < 200; i++) assert_said(sotto_shh_filters_add(f, &ids[i], &c), "");
    assert_int_equal(show(f, topic[0], d, false), 100);
    assert_int_equal(sotto_shh_filters_tries(f), 3);
    assert_int_equal(show(f, topic[0], d, true), 0);
    assert_int_equal(sotto_shh_filters_tries(f), 3);
    uint64_t shared = sotto_shh_filters_bytes(f);
    assert_true(shared < 100 * d.size);               /* kept once, not a hundred times */
    sotto_shh_filters_free(f);
    sotto_buf_free(&plain);
    sotto_buf_free(&data);
}

enum { PAIRS = 40 };

/* Private keys are dear: in pieces, each key once, and filters that come and go between two pieces change nothing for the others. */
static void in_pieces(void **state)
{
    (void)state;
    static uint8_t hash[32] = { 0xee };
    struct sotto_scalar keys[PAIRS];
    struct sotto_shh_id ids[PAIRS], late;
    struct sotto_point to;
    struct sotto_buf plain = sotto_buf_make(4096), data = plain;
    struct sotto_shh_message m = { .payload = sotto_span_str("hello") };
    struct sotto_shh_filters *f = store();
    for (unsigned i = 0; i < PAIRS; i++) {
        sotto_scalar_random(&keys[i], rng());
        struct sotto_shh_criteria c = { .key = &keys[i] };
        assert_said(sotto_shh_filters_add(f, &ids[i], &c), "");
    }
    assert_int_equal(sotto_point_make(&to, &keys[PAIRS - 1]), SOTTO_OK);      /* the last one that is tried */
    assert_int_equal(sotto_shh_message_write(&plain, &m, rng()), SOTTO_OK);
    assert_int_equal(sotto_shh_seal_to(&data, &to, sotto_buf_span(&plain), rng()), SOTTO_OK);
    struct sotto_envelope e = { 1000, 50, { 1, 2, 3, 4 }, sotto_buf_span(&data), 0 };
    struct sotto_shh_seen seen = { &e, hash, 1, false, false };
    uint32_t matches = 99;
    unsigned pieces = 0;
    uint64_t before = sotto_shh_filters_tries(f);
    while (sotto_shh_filters_show_some(f, &matches, &seen, 4 * SOTTO_SHH_TRY_KEY_NS, pieces > 0) == SOTTO_ERR_AGAIN) {
        assert_int_equal(matches, 0);
        pieces++;
        if (pieces == 1) assert_true(sotto_shh_filters_remove(f, text_of(&ids[0])));             /* tried already */
        if (pieces == 2) assert_true(sotto_shh_filters_remove(f, text_of(&ids[PAIRS - 2])));     /* not yet */
        if (pieces == 3) {
            struct sotto_shh_criteria c = { .key = &keys[PAIRS - 1] };
            assert_said(sotto_shh_filters_add(f, &late, &c), "");
        }
    }
    assert_int_equal(matches, 2);
    assert_int_equal(sotto_shh_filters_tries(f) - before, PAIRS - 1);
    assert_in_range(pieces, PAIRS / 4 - 2, PAIRS / 2);
    hash[0]++;
    assert_int_equal(sotto_shh_filters_show_some(f, &matches, &seen, UINT64_MAX, false), SOTTO_OK);
    assert_int_equal(matches, 2);
    /* To a light client, an envelope of others is told to those filters only that take direct messages. */
    struct sotto_shh_criteria c = { .key = &keys[PAIRS - 1], .allow_p2p = true, .min_pow = 0.5 };
    assert_said(sotto_shh_filters_add(f, &late, &c), "");
    hash[0]++;
    seen.light = true;
    assert_int_equal(sotto_shh_filters_show(f, &matches, &seen), SOTTO_OK);
    assert_int_equal(matches, 1);
    SOTTO_WIPE(keys);
    sotto_shh_filters_free(f);
    sotto_buf_free(&plain);
    sotto_buf_free(&data);
}

/* What one filter has fetched is still the other's; what was handed out outlives its filter. */
static void handed_out_once_each(void **state)
{
    (void)state;
    struct sotto_secret key;
    struct sotto_shh_id a, b;
    struct sotto_buf plain = sotto_buf_make(4096), data = plain;
    const struct sotto_shh_received *first, *second;
    struct sotto_shh_message m = { .payload = sotto_span_str("hello") };
    struct sotto_shh_filters *f = store();
    sotto_rng_fill(rng(), key.b, sizeof key.b);
    assert_int_equal(sotto_shh_message_write(&plain, &m, rng()), SOTTO_OK);
    assert_int_equal(sotto_shh_seal(&data, &key, sotto_buf_span(&plain), rng()), SOTTO_OK);
    struct sotto_shh_criteria c = { .sym = &key, .allow_p2p = true };
    assert_said(sotto_shh_filters_add(f, &a, &c), "");
    assert_said(sotto_shh_filters_add(f, &b, &c), "");
    sotto_wipe(&key, sizeof key);                     /* the filters have copies */
    assert_int_equal(show(f, (const uint8_t *)"abcd", sotto_buf_span(&data), false), 2);
    assert_int_equal(sotto_shh_filters_take(f, &first, text_of(&a)), SOTTO_OK);
    assert_int_equal(sotto_shh_filters_take(f, &second, text_of(&a)), SOTTO_ERR_AGAIN);
    assert_int_equal(sotto_shh_filters_take(f, &second, text_of(&b)), SOTTO_OK);
    assert_ptr_equal(first, second);
    assert_true(sotto_shh_filters_remove(f, text_of(&a)));
    sotto_shh_filters_release(f, second);
    assert_true(sotto_span_equal(first->payload, sotto_span_str("hello")));
    sotto_shh_filters_release(f, first);
    assert_int_equal(sotto_shh_filters_bytes(f), 0);
    assert_int_equal(sotto_shh_filters_take(f, &first, text_of(&a)), SOTTO_ERR_MISSING);
    sotto_shh_filters_free(f);
    sotto_shh_filters_free(NULL);
    sotto_buf_free(&plain);
    sotto_buf_free(&data);
}

static void bloom_of_topics(void **state)
{
    (void)state;
    static const uint8_t topics[2][4] = { { 0xde, 0xad, 0xbe, 0xef }, { 1, 2, 3, 0 } };
    struct sotto_bloom b, want = { { 0 } };
    sotto_shh_topics_bloom(&b, NULL, 0);
    assert_memory_equal(b.b, want.b, sizeof want.b);
    want.b[0] = 0x08, want.b[53] = 0x20, want.b[55] = 0x40, want.b[59] = 0x40;
    sotto_shh_topics_bloom(&b, topics, 2);
    assert_memory_equal(b.b, want.b, sizeof want.b);
}

static int start(void **state)
{
    (void)state;
    sotto_rng_from_seed(&random_stream, test_seed(), "filter");
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_slow_matcher), cmocka_unit_test(criteria_row_by_row), cmocka_unit_test(what_an_envelope_costs), cmocka_unit_test(in_pieces),
        cmocka_unit_test(handed_out_once_each), cmocka_unit_test(bloom_of_topics),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
