/* The pool: order, eviction, quotas, expiry, memory, floor; and the small parts it stands on. */
#include "support/test.h"

#include "base/text.h"
#include "crypto/rng.h"
#include "whisper/bucket.h"
#include "whisper/clock.h"
#include "whisper/ids.h"
#include "whisper/pool.h"
#include "whisper/rules.h"

#include <math.h>

#define NOW 1767225600u

static struct sotto_chacha_rng rng;

static int setup(void **state)
{
    (void)state;
    sotto_rng_from_seed(&rng, test_seed(), "pool test");
    return 0;
}

static uint64_t draw(uint64_t bound) { return sotto_rng_below(&rng.rng, bound); }

static struct sotto_pool *pool_of(uint64_t bytes, uint32_t entries)
{
    struct sotto_pool *p;
    struct sotto_pool_config c = { bytes, entries, 0.2, &rng.rng };
    assert_int_equal(sotto_pool_new(&p, &c), SOTTO_OK);
    return p;
}

static const struct sotto_pool_source self = { SOTTO_FROM_SELF, 0 };
static struct sotto_pool_source out_peer(uint64_t peer) { return (struct sotto_pool_source){ SOTTO_FROM_OUTBOUND, peer }; }
static struct sotto_pool_source in_peer(uint64_t peer) { return (struct sotto_pool_source){ SOTTO_FROM_INBOUND, peer }; }

/* Adds an envelope with a hash and rating of the test's choice: the pool believes what the rules found out. */
static enum sotto_err put(struct sotto_pool *p, const uint8_t hash[32], double rating, uint32_t expiry, size_t data_size, uint32_t topic,
                          struct sotto_pool_source source)
{
    static uint8_t data[1 << 16];
    struct sotto_envelope e = { expiry, 50, { 0 }, { data, data_size }, 1 }, in;
    struct sotto_buf b = sotto_buf_make(1 << 20);
    sotto_put_be32(e.topic, topic);
    assert_int_equal(sotto_envelope_encode(&b, &e), SOTTO_OK);
    assert_int_equal(sotto_envelope_decode(&in, sotto_buf_span(&b)), SOTTO_OK);
    enum sotto_err err = sotto_pool_add(p, NULL, &in, sotto_buf_span(&b), sotto_pool_id(p, hash), rating, source);
    sotto_buf_free(&b);
    return err;
}
static void random_hash(uint8_t hash[32]) { sotto_rng_fill(&rng.rng, hash, 32); }
static enum sotto_err put_any(struct sotto_pool *p, double rating, uint32_t expiry, struct sotto_pool_source source)
{
    uint8_t hash[32];
    random_hash(hash);
    return put(p, hash, rating, expiry, SOTTO_NATIVE_DATA, 7, source);
}

/* ---- order of eviction ---- */
static bool collect(void *ctx, const struct sotto_pool_entry *e)
{
    uint8_t **at = ctx;
    memcpy(*at, e->hash, 32);
    *at += 32;
    return true;
}

static void eviction_order(void **state)
{
    (void)state;
    /* low rating first, then the later expiry, then the smaller hash; given here in that order */
    static const struct { double rating; uint32_t expiry; uint8_t first; } order[] = {
        { 0.1, NOW + 5, 9 }, { 0.2, NOW + 90, 3 }, { 0.2, NOW + 90, 4 }, { 0.2, NOW + 60, 1 }, { 0.3, NOW + 60, 0 }, { 0.3, NOW + 50, 0xff }, { 8, NOW + 9, 5 },
    };
    enum { COUNT = sizeof order / sizeof order[0] };
    for (unsigned round = 0; round < 50; round++) {
        struct sotto_pool *p = pool_of(1 << 20, 100);
        unsigned at[COUNT];
        for (unsigned i = 0; i < COUNT; i++) at[i] = i;
        for (unsigned i = COUNT; i-- > 1;) {
            unsigned j = (unsigned)draw(i + 1), t = at[i];
            at[i] = at[j];
            at[j] = t;
        }
        for (unsigned i = 0; i < COUNT; i++) {
            uint8_t hash[32] = { order[at[i]].first, (uint8_t)at[i] };
            assert_int_equal(put(p, hash, order[at[i]].rating, order[at[i]].expiry, 100, at[i], out_peer(at[i])), SOTTO_OK);
        }
        uint8_t hashes[COUNT][32], *fill = hashes[0];
        sotto_pool_each(p, collect, &fill);
        for (unsigned i = 0; i < COUNT; i++) assert_int_equal(hashes[COUNT - 1 - i][1], i);         /* each walks best first */
        sotto_pool_free(p);
    }
}

static void a_full_pool_takes_only_better_ones(void **state)
{
    (void)state;
    struct sotto_pool *p = pool_of(1 << 20, 10);
    for (unsigned i = 0; i < 10; i++) assert_int_equal(put_any(p, 1 + i, NOW + 100, out_peer(i)), SOTTO_OK);
    assert_int_equal(put_any(p, 0.5, NOW + 100, out_peer(20)), SOTTO_ERR_FULL);
    assert_int_equal(put_any(p, 1, NOW + 100, out_peer(20)), SOTTO_ERR_FULL);         /* equal is not above */
    assert_int_equal(put_any(p, 1.5, NOW + 100, out_peer(20)), SOTTO_OK);
    assert_int_equal(sotto_pool_count(p), 10);
    assert_int_equal(sotto_pool_evicted(p), 1);
    assert_int_equal(put_any(p, 1.2, NOW + 100, out_peer(21)), SOTTO_ERR_FULL);       /* the lowest is 1.5 now */
    sotto_pool_free(p);
}

/* Whisper's rating divides by bytes, but what is full are the places: who takes one by thirty bytes is worth a thirtieth. */
static void a_short_one_is_worth_its_bytes(void **state)
{
    (void)state;
    struct sotto_pool *p = pool_of(1 << 20, 10);
    uint8_t hash[32];
    for (unsigned i = 0; i < 10; i++) assert_int_equal(put_any(p, 0.3, NOW + 100, out_peer(i)), SOTTO_OK);
    random_hash(hash);
    assert_int_equal(put(p, hash, 8, NOW + 100, 8, 1, out_peer(20)), SOTTO_ERR_FULL);                /* size() of 28 of 1,044: worth 0.21 */
    assert_int_equal(put(p, hash, 20, NOW + 100, 8, 1, out_peer(20)), SOTTO_OK);                     /* and 0.54 */
    const struct sotto_pool_entry *e = sotto_pool_find(p, hash);
    assert_true(e->rating == 20 && e->worth == 20 * (28.0 / 1044));       /* what it is rated, and peers ask for, is Whisper's */
    assert_int_equal(put_any(p, 0.5, NOW + 100, out_peer(21)), SOTTO_OK);         /* the lowest is a native one of 0.3, */
    assert_non_null(sotto_pool_find(p, hash));
    for (unsigned i = 0; i < 9; i++) assert_int_equal(put_any(p, 0.6, NOW + 100, out_peer(30 + i)), SOTTO_OK);
    assert_non_null(sotto_pool_find(p, hash));
    assert_int_equal(put_any(p, 0.6, NOW + 100, out_peer(40)), SOTTO_OK);         /* then those of 0.5, then the short one */
    assert_null(sotto_pool_find(p, hash));
    sotto_pool_free(p);
    /* nor does it take a link's share from what came over the same link */
    p = pool_of(64 << 20, 100);
    for (unsigned i = 0; i < 10; i++) {
        random_hash(hash);
        assert_int_equal(put(p, hash, 8, NOW + 100, 8, i, in_peer(1)), SOTTO_OK);
    }
    for (unsigned i = 0; i < 10; i++) assert_int_equal(put_any(p, 0.3, NOW + 100, in_peer(1)), SOTTO_OK);
    random_hash(hash);
    assert_int_equal(put(p, hash, 8, NOW + 100, 8, 1, in_peer(1)), SOTTO_ERR_ENV_QUOTA);
    assert_int_equal(sotto_pool_count(p), 10);
    sotto_pool_free(p);
}

static void a_large_one_evicts_several_or_none(void **state)
{
    (void)state;
    struct sotto_pool *p = pool_of(1 << 20, 1000);
    assert_int_equal(put_any(p, 1, NOW + 100, out_peer(1)), SOTTO_OK);
    uint64_t one = sotto_pool_bytes(p);
    sotto_pool_free(p);
    p = pool_of(300 * one, 1000);                 /* full to the last byte; a topic's 2 % are 6 of 300 */
    for (unsigned i = 0; i < 300; i++) assert_int_equal(put_any(p, i < 3 ? 1 : 10, NOW + 100, out_peer(i)), SOTTO_OK);
    uint64_t bytes = sotto_pool_bytes(p);
    uint8_t hash[32];
    random_hash(hash);
    /* needs more room than the three low ones give: nothing changes */
    assert_int_equal(put(p, hash, 5, NOW + 100, 5000, 1, out_peer(500)), SOTTO_ERR_FULL);
    assert_int_equal(sotto_pool_bytes(p), bytes);
    assert_int_equal(sotto_pool_count(p), 300);
    assert_int_equal(sotto_pool_evicted(p), 0);
    assert_false(sotto_pool_knows(p, hash));
    assert_int_equal(put(p, hash, 5, NOW + 100, 3000, 1, out_peer(500)), SOTTO_OK);
    assert_int_equal(sotto_pool_evicted(p), 3);
    assert_int_equal(sotto_pool_count(p), 298);
    random_hash(hash);
    assert_int_equal(put(p, hash, 1e9, NOW + 100, 7000, 2, out_peer(500)), SOTTO_ERR_ENV_QUOTA);     /* larger than its topic's share */
    assert_int_equal(put(p, hash, 1e9, NOW + 100, 60000, 2, in_peer(500)), SOTTO_ERR_ENV_QUOTA);     /* larger than its link's */
    sotto_pool_free(p);
    p = pool_of(2000, 10);
    assert_int_equal(put(p, hash, 1e9, NOW + 100, 3000, 2, self), SOTTO_ERR_FULL);                   /* larger than the pool */
    assert_int_equal(sotto_pool_count(p), 0);
    sotto_pool_free(p);
}

static void link_quotas(void **state)
{
    (void)state;
    struct sotto_pool *p = pool_of(64 << 20, 100);
    for (unsigned i = 0; i < 10; i++) assert_int_equal(put_any(p, 2, NOW + 100, in_peer(1)), SOTTO_OK);
    assert_int_equal(put_any(p, 1, NOW + 100, in_peer(1)), SOTTO_ERR_ENV_QUOTA);
    assert_int_equal(sotto_pool_count(p), 10);
    assert_int_equal(put_any(p, 3, NOW + 100, in_peer(1)), SOTTO_OK);         /* better than its own worst: that one goes */
    assert_int_equal(sotto_pool_count(p), 10);
    assert_int_equal(sotto_pool_evicted(p), 1);
    assert_int_equal(put_any(p, 0.3, NOW + 100, in_peer(2)), SOTTO_OK);       /* another link has its own share */
    for (unsigned i = 0; i < 25; i++) assert_int_equal(put_any(p, 2, NOW + 100, out_peer(1)), SOTTO_OK);
    assert_int_equal(put_any(p, 1, NOW + 100, out_peer(1)), SOTTO_ERR_ENV_QUOTA);
    assert_int_equal(sotto_pool_count(p), 36);
    for (unsigned i = 0; i < 60; i++) assert_int_equal(put_any(p, 0.3, NOW + 100, self), SOTTO_OK);   /* own ones have none */
    sotto_pool_free(p);
    /* in bytes as well: 10 % of 100,000 */
    p = pool_of(100000, 10000);
    for (unsigned i = 0; i < 9; i++) assert_int_equal(put_any(p, 2, NOW + 100, in_peer(1)), SOTTO_OK);
    assert_int_equal(put_any(p, 2, NOW + 100, in_peer(1)), SOTTO_ERR_ENV_QUOTA);
    sotto_pool_free(p);
}

static void topic_quota_above_half(void **state)
{
    (void)state;
    struct sotto_pool *p = pool_of(64 << 20, 100);
    uint8_t hash[32];
    for (unsigned i = 0; i < 6; i++) {                                /* below half full: as many as it likes */
        random_hash(hash);
        assert_int_equal(put(p, hash, 9, NOW + 100, 100, 0xaa, out_peer(i)), SOTTO_OK);
    }
    for (unsigned i = 0; i < 60; i++) assert_int_equal(put_any(p, 1, NOW + 100, out_peer(100 + i)), SOTTO_OK);        /* native: no topic quota */
    random_hash(hash);
    assert_int_equal(put(p, hash, 5, NOW + 100, 100, 0xaa, out_peer(9)), SOTTO_ERR_ENV_QUOTA);
    for (unsigned i = 0; i < 2; i++) {
        random_hash(hash);
        assert_int_equal(put(p, hash, 5, NOW + 100, 100, 0xbb, out_peer(10 + i)), SOTTO_OK);
    }
    random_hash(hash);
    assert_int_equal(put(p, hash, 5, NOW + 100, 100, 0xbb, out_peer(13)), SOTTO_ERR_ENV_QUOTA);
    for (unsigned i = 0; i < 32; i++) assert_int_equal(put_any(p, 1, NOW + 100, out_peer(200 + i)), SOTTO_OK);
    assert_int_equal(sotto_pool_count(p), 100);
    /* full: the topic that is over its share makes room first, though rated higher than all others */
    assert_int_equal(put_any(p, 0.5, NOW + 100, out_peer(300)), SOTTO_OK);
    assert_int_equal(sotto_pool_evicted(p), 1);
    unsigned left = 0;
    for (const struct sotto_pool_entry *e = sotto_pool_after(p, 0); e; e = sotto_pool_next(p, e)) left += e->topic[3] == 0xaa;
    assert_int_equal(left, 5);
    sotto_pool_free(p);
}

static void expiry_in_the_very_second(void **state)
{
    (void)state;
    struct sotto_pool *p = pool_of(1 << 20, 100);
    uint8_t hash[32];
    random_hash(hash);
    assert_int_equal(put(p, hash, 1, NOW, 100, 1, out_peer(1)), SOTTO_OK);
    assert_int_equal(sotto_pool_next_expiry(p), NOW + 1);
    sotto_pool_tick(p, NOW, 0);
    assert_int_equal(sotto_pool_count(p), 1);                         /* the second of expiry still counts */
    sotto_pool_tick(p, NOW + 1, 0);
    assert_int_equal(sotto_pool_count(p), 0);
    assert_int_equal(sotto_pool_bytes(p), 0);
    assert_int_equal(sotto_pool_evicted(p), 0);
    assert_true(sotto_pool_next_expiry(p) == UINT64_MAX);
    /* remembered until 40 s after */
    assert_int_equal(put(p, hash, 1, NOW, 100, 1, out_peer(1)), SOTTO_ERR_ENV_DUPLICATE);
    sotto_pool_tick(p, NOW + 40, 61000000);
    assert_true(sotto_pool_knows(p, hash));
    sotto_pool_tick(p, NOW + 41, 122000000);
    assert_false(sotto_pool_knows(p, hash));
    sotto_pool_free(p);
}

static void own_held_entries(void **state)
{
    (void)state;
    struct sotto_pool *p = pool_of(1 << 20, 4);
    uint8_t held[32], gone[32];
    random_hash(held);
    random_hash(gone);
    assert_int_equal(put(p, held, 0.25, NOW + 100, SOTTO_NATIVE_DATA, 1, self), SOTTO_OK);
    assert_int_equal(put(p, gone, 0.25, NOW + 100, SOTTO_NATIVE_DATA, 1, self), SOTTO_OK);
    assert_true(sotto_pool_find(p, held)->held && sotto_pool_find(p, held)->own);
    assert_int_equal(sotto_pool_withdraw(p, gone), SOTTO_OK);
    assert_false(sotto_pool_knows(p, gone));                          /* as if it had never been */
    assert_int_equal(sotto_pool_withdraw(p, gone), SOTTO_ERR_MISSING);
    for (unsigned i = 0; i < 3; i++) assert_int_equal(put_any(p, 5, NOW + 100, out_peer(i)), SOTTO_OK);
    assert_int_equal(put_any(p, 9, NOW + 100, out_peer(7)), SOTTO_OK);
    assert_non_null(sotto_pool_find(p, held));                        /* the lowest of all, but it has not left yet */
    sotto_pool_release(p, held);
    assert_int_equal(sotto_pool_withdraw(p, held), SOTTO_ERR_MISSING);
    assert_int_equal(put_any(p, 9, NOW + 100, out_peer(8)), SOTTO_OK);
    assert_null(sotto_pool_find(p, held));
    assert_true(sotto_pool_knows(p, held));
    /* an own newcomer finds room whatever it is rated, unless all is held */
    for (unsigned i = 0; i < 4; i++) assert_int_equal(put_any(p, 0.25, NOW + 100, self), SOTTO_OK);
    assert_int_equal(put_any(p, 0.25, NOW + 100, self), SOTTO_ERR_FULL);
    sotto_pool_free(p);
}

static void sums_and_another_floor(void **state)
{
    (void)state;
    struct sotto_pool *p = pool_of(1 << 20, 100);
    uint8_t hash[32];
    random_hash(hash);
    assert_int_equal(put(p, hash, 1, NOW + 100, 100, 1, self), SOTTO_OK);
    uint64_t held = sotto_pool_bytes(p);
    assert_true(held > 100 && sotto_pool_held(p) == held && sotto_pool_sizes(p) == 120);
    assert_int_equal(put_any(p, 1, NOW + 100, out_peer(1)), SOTTO_OK);
    assert_true(sotto_pool_held(p) == held && sotto_pool_sizes(p) == 120 + 20 + SOTTO_NATIVE_DATA);
    sotto_pool_release(p, hash);
    sotto_pool_release(p, hash);
    assert_int_equal(sotto_pool_held(p), 0);
    assert_false(sotto_pool_tick(p, NOW + 101, 1000));
    assert_int_equal(sotto_pool_sizes(p), 0);
    sotto_pool_set_floor(p, 3);
    assert_true(sotto_pool_floor(p) == 3);
    for (unsigned i = 0; i < 80; i++) assert_int_equal(put_any(p, 9, NOW + 1000, out_peer(i)), SOTTO_OK);
    assert_true(sotto_pool_tick(p, NOW, 2000));
    assert_true(sotto_pool_floor(p) == 6);
    sotto_pool_set_floor(p, 0.5);
    assert_true(sotto_pool_floor(p) == 1);        /* still crowded */
    sotto_pool_set_floor(p, 1.7e308);
    assert_true(isfinite(sotto_pool_floor(p)));   /* it is told to peers, who refuse an infinity */
    sotto_pool_set_floor(p, 0);
    assert_true(sotto_pool_floor(p) == 0);
    sotto_pool_free(p);
}

static void floor_moves_with_fill(void **state)
{
    (void)state;
    struct sotto_pool *p = pool_of(64 << 20, 100);
    for (unsigned i = 0; i < 75; i++) assert_int_equal(put_any(p, 1, NOW + 100 + i, out_peer(i)), SOTTO_OK);
    assert_false(sotto_pool_tick(p, NOW, 1000));                      /* 75 % is not above */
    assert_int_equal(put_any(p, 1, NOW + 1000, out_peer(99)), SOTTO_OK);
    assert_true(sotto_pool_tick(p, NOW, 1000));
    assert_true(sotto_pool_floor(p) == 0.4);
    assert_false(sotto_pool_tick(p, NOW, 2000));
    assert_int_equal(sotto_pool_floor_deadline(p), 1000 + SOTTO_POOL_FLOOR_UP_US);
    assert_true(sotto_pool_tick(p, NOW, 1000 + SOTTO_POOL_FLOOR_UP_US));
    assert_true(sotto_pool_floor(p) == 0.8);
    uint64_t at = 5 * SOTTO_POOL_FLOOR_UP_US;
    assert_false(sotto_pool_tick(p, NOW + 130, at));                  /* 46 left: low from here on */
    assert_true(sotto_pool_count(p) < 50);
    assert_int_equal(sotto_pool_floor_deadline(p), at + SOTTO_POOL_FLOOR_DOWN_US);
    assert_false(sotto_pool_tick(p, NOW + 130, at + SOTTO_POOL_FLOOR_DOWN_US - 1));
    assert_true(sotto_pool_tick(p, NOW + 130, at + SOTTO_POOL_FLOOR_DOWN_US));
    assert_true(sotto_pool_floor(p) == 0.4);
    assert_true(sotto_pool_tick(p, NOW + 130, at + 2 * SOTTO_POOL_FLOOR_DOWN_US));
    assert_true(sotto_pool_floor(p) == 0.2);
    assert_false(sotto_pool_tick(p, NOW + 130, at + 9 * (uint64_t)SOTTO_POOL_FLOOR_DOWN_US));
    assert_true(sotto_pool_floor_deadline(p) == UINT64_MAX);
    sotto_pool_free(p);
}

/* What is worth less than the floor, though it is rated above it, leaves for anybody who pays: it makes nobody pay more. */
static void short_ones_do_not_move_the_floor(void **state)
{
    (void)state;
    struct sotto_pool *p = pool_of(64 << 20, 100);
    uint8_t hash[32];
    for (unsigned i = 0; i < 100; i++) {
        random_hash(hash);
        assert_int_equal(put(p, hash, 1, NOW + 100, 8, i, out_peer(i)), SOTTO_OK);
    }
    assert_true(sotto_pool_floor_deadline(p) == UINT64_MAX);
    assert_false(sotto_pool_tick(p, NOW, 1000));
    for (unsigned i = 0; i < 75; i++) assert_int_equal(put_any(p, 0.2, NOW + 100, out_peer(i)), SOTTO_OK);
    assert_int_equal(sotto_pool_count(p), 100);
    assert_false(sotto_pool_tick(p, NOW, 2000));
    random_hash(hash);
    assert_int_equal(put(p, hash, 9, NOW + 100, 30, 7, out_peer(1)), SOTTO_OK);         /* a short one that is worth it counts */
    assert_true(sotto_pool_find(p, hash)->worth > 0.2);
    assert_true(sotto_pool_tick(p, NOW, 3000));
    assert_true(sotto_pool_floor(p) == 0.4);
    sotto_pool_free(p);
}

/* Anything may happen in any order; what must always hold is looked at after each step. */
struct sums { uint64_t bytes; uint32_t count; const struct sotto_pool_entry *before; };
static bool add_up(void *ctx, const struct sotto_pool_entry *e)
{
    struct sums *s = ctx;
    if (s->before) assert_true(sotto_pool_compare(s->before, e) < 0);
    s->before = e;
    s->bytes += e->rlp.size;
    s->count++;
    return true;
}
static void random_traffic_keeps_the_bounds(void **state)
{
    (void)state;
    struct sotto_pool *p = pool_of(200000, 150);
    uint32_t now = NOW;
    uint64_t mono = 0;
    for (unsigned step = 0; step < 20000; step++) {
        uint8_t hash[32];
        random_hash(hash);
        if (draw(10) == 0) memset(hash, 0, 31), hash[31] = (uint8_t)draw(20);         /* some come twice */
        bool knew = sotto_pool_knows(p, hash);
        enum sotto_pool_from from = (enum sotto_pool_from)draw(3);
        struct sotto_pool_source source = { from, draw(6) };
        double rating = ldexp(1, (int)draw(12) - 2);
        enum sotto_err err = put(p, hash, rating, now + (uint32_t)draw(300), draw(3) ? SOTTO_NATIVE_DATA : draw(9000), (uint32_t)draw(4), source);
        assert_true(!knew || err == SOTTO_ERR_ENV_DUPLICATE);
        assert_true(knew || err == SOTTO_OK || err == SOTTO_ERR_FULL || err == SOTTO_ERR_ENV_QUOTA);
        assert_int_equal(err == SOTTO_OK || knew, sotto_pool_knows(p, hash));
        if (err == SOTTO_OK && from == SOTTO_FROM_SELF && draw(20)) sotto_pool_release(p, hash);
        if (draw(3) == 0) now += (uint32_t)draw(3), mono += draw(3) * 1000000;
        sotto_pool_tick(p, now, mono);
        struct sums s = { 0 };
        sotto_pool_each(p, add_up, &s);
        assert_int_equal(s.count, sotto_pool_count(p));
        assert_true(s.bytes == sotto_pool_bytes(p) && s.bytes <= 200000 && s.count <= 150);
        if (s.count) assert_true(sotto_pool_next_expiry(p) > now);
        if (step % 50 == 0) {
            uint64_t seq = 0;
            uint32_t arrivals = 0;
            for (const struct sotto_pool_entry *e = sotto_pool_after(p, 0); e; e = sotto_pool_next(p, e), arrivals++) {
                assert_true(e->seq > seq);
                seq = e->seq;
                assert_ptr_equal(sotto_pool_find(p, e->hash), e);
                assert_int_equal(e->index, sotto_pool_index(p, e->hash));
            }
            assert_int_equal(arrivals, s.count);
            const struct sotto_pool_entry *late = sotto_pool_after(p, seq / 2);
            assert_true(!late || late->seq > seq / 2);
        }
    }
    sotto_pool_free(p);
}

/* ---- the set of hashes ---- */
static void ids_against_a_plain_list(void **state)
{
    (void)state;
    enum { MAX = 200, ALL = 1000 };
    static uint8_t hashes[ALL][32];
    static uint32_t until[ALL];
    static int order[ALL];                        /* arrival number, 0 = not in */
    uint8_t key[16];
    sotto_rng_fill(&rng.rng, key, 16);
    struct sotto_ids s = sotto_ids_make(MAX);
    memset(order, 0, sizeof order);
    for (unsigned i = 0; i < ALL; i++) random_hash(hashes[i]);
    int arrival = 0, count = 0;
    for (unsigned step = 0; step < 30000; step++) {
        unsigned i = (unsigned)draw(ALL);
        uint64_t index = sotto_ids_index(key, hashes[i]);
        assert_int_equal(sotto_ids_has(&s, hashes[i], index), order[i] != 0);
        if (draw(200) == 0) {
            uint32_t now = (uint32_t)draw(1200);
            sotto_ids_expire(&s, now);
            for (unsigned k = 0; k < ALL; k++)
                if (order[k] && until[k] < now) order[k] = 0, count--;
            assert_int_equal(s.count, count);
            continue;
        }
        uint32_t end = (uint32_t)draw(1000);
        sotto_ids_add(&s, hashes[i], index, end);
        if (order[i]) {
            if (end > until[i]) until[i] = end;
        } else {
            if (count == MAX) {
                unsigned oldest = ALL;
                for (unsigned k = 0; k < ALL; k++)
                    if (order[k] && (oldest == ALL || order[k] < order[oldest])) oldest = k;
                order[oldest] = 0;
                count--;
            }
            order[i] = ++arrival;
            until[i] = end;
            count++;
        }
        assert_int_equal(s.count, count);
        assert_true(s.cap <= MAX);
    }
    sotto_ids_free(&s);
}

/* ---- the token bucket: traces of the design's vectors ---- */
struct step { uint64_t t; uint32_t cost; bool taken; uint64_t level; };
static void run_bucket(uint32_t rate, uint32_t burst, const struct step *steps, size_t count)
{
    struct sotto_bucket b = sotto_bucket_make(rate, burst, 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(sotto_bucket_take(&b, steps[i].cost, steps[i].t), steps[i].taken);
        assert_int_equal(b.level, steps[i].level);
    }
}
static void buckets(void **state)
{
    (void)state;
    static const struct step a[] = { { 0, 600, true, 0 }, { 0, 1, false, 0 }, { 16666, 1, false, 999960 }, { 16667, 1, true, 20 },
                                     { 1000000, 59, true, 0 }, { 1000000, 1, false, 0 }, { 30000000, 601, false, 600000000 }, { 30000000, 600, true, 0 } };
    static const struct step b[] = { { 0, 32, true, 0 }, { 499999, 1, false, 999998 }, { 500000, 1, true, 0 }, { 500001, 1, false, 2 },
                                     { 20000000, 33, false, 32000000 }, { 20000000, 32, true, 0 } };
    run_bucket(60, 600, a, sizeof a / sizeof a[0]);
    run_bucket(2, 32, b, sizeof b / sizeof b[0]);
    /* a credit above the burst: used up first, never filled again */
    struct sotto_bucket credit = sotto_bucket_make(20, 400, 0);
    sotto_bucket_credit(&credit, 100);                                /* less than there is: nothing */
    assert_int_equal(sotto_bucket_tokens(&credit, 0), 400);
    sotto_bucket_credit(&credit, 1000);
    assert_int_equal(sotto_bucket_tokens(&credit, UINT64_C(1) << 40), 1000);
    assert_true(sotto_bucket_take(&credit, 500, UINT64_C(1) << 40));
    sotto_bucket_refund(&credit, 100);
    assert_int_equal(sotto_bucket_tokens(&credit, UINT64_C(1) << 40), 600);
    assert_true(sotto_bucket_take(&credit, 600, UINT64_C(1) << 40));
    assert_int_equal(sotto_bucket_tokens(&credit, UINT64_C(1) << 41), 400);
    sotto_bucket_credit(&credit, 1000);
    sotto_bucket_no_credit(&credit);
    assert_int_equal(sotto_bucket_tokens(&credit, UINT64_C(1) << 41), 400);

    struct sotto_bucket c = sotto_bucket_make(20, 400, 5);
    assert_true(sotto_bucket_take(&c, 400, 5));
    assert_int_equal(sotto_bucket_wait_us(&c, 3, 5), 150000);
    assert_false(sotto_bucket_take(&c, 3, 5 + 149999));
    assert_true(sotto_bucket_take(&c, 3, 5 + 150000));
    assert_true(sotto_bucket_take(&c, 400, UINT64_MAX));              /* any time that passes only fills it */
    assert_false(sotto_bucket_take(&c, 1, 7));                        /* time never goes back */
}

/* ---- the rules, each refusal and their order ---- */
static struct sotto_rules rules_at(uint32_t now) { return (struct sotto_rules){ now, now, 0.2, 0.2, NULL, NULL, 0 }; }
static enum sotto_err judge(uint32_t expiry, uint32_t ttl, size_t size, const struct sotto_rules *r, double *rating)
{
    static uint8_t data[(1 << 20) + 32];
    struct sotto_envelope e = { expiry, ttl, { 1, 2, 3, 0 }, { data, size }, 0 };
    double out = -1;
    enum sotto_err err = sotto_rules_judge(&out, &e, r);
    if (rating) *rating = out;
    if (err != SOTTO_OK) assert_true(out == -1);
    return err;
}
static void rules_one_by_one(void **state)
{
    (void)state;
    struct sotto_rules r = rules_at(NOW);
    r.floor = r.floor_before = 0;
    double rating;
    assert_int_equal(judge(NOW + 50, 50, (1 << 20) - 20, &r, NULL), SOTTO_OK);                   /* size() counts 20 more than the data */
    assert_int_equal(judge(NOW + 50, 50, (1 << 20) - 19, &r, NULL), SOTTO_ERR_ENV_SIZE);
    assert_int_equal(judge(NOW + 60, 50, 9, &r, &rating), SOTTO_OK);                             /* 10 s ahead */
    struct sotto_envelope ahead = { NOW + 60, 50, { 1, 2, 3, 0 }, { (const uint8_t[9]){ 0 }, 9 }, 0 };
    assert_true(rating == sotto_envelope_rating(&ahead, 11));
    assert_int_equal(judge(NOW + 61, 50, 9, &r, NULL), SOTTO_ERR_ENV_FUTURE);
    assert_int_equal(judge(NOW, 50, 9, &r, NULL), SOTTO_OK);                                     /* its last second */
    assert_int_equal(judge(NOW - 1, 50, 9, &r, NULL), SOTTO_ERR_ENV_OLD);
    assert_int_equal(judge(NOW - 100, 50, 9, &r, NULL), SOTTO_ERR_ENV_OLD);
    assert_int_equal(judge(NOW, 0, 9, &r, NULL), SOTTO_ERR_ENV_TTL);
    assert_int_equal(judge(NOW + 86400, 86400, 9, &r, NULL), SOTTO_OK);
    assert_int_equal(judge(NOW + 86400, 86401, 9, &r, NULL), SOTTO_ERR_ENV_TTL);
    /* ttl above expiry wraps: far in the future, or with a huge ttl just ahead, where the cap ends it */
    assert_int_equal(judge(1000, 2000, 9, &r, NULL), SOTTO_ERR_ENV_FUTURE);
    assert_int_equal(judge(NOW + 5, UINT32_MAX, 9, &r, NULL), SOTTO_ERR_ENV_TTL);
    assert_int_equal(judge(NOW + 5, UINT32_MAX - 100, 9, &r, NULL), SOTTO_ERR_ENV_FUTURE);
    /* the corrected clock widens both ends */
    r.now_ahead = NOW + 30;
    r.now_behind = NOW - 30;
    assert_int_equal(judge(NOW + 90, 50, 9, &r, NULL), SOTTO_OK);
    assert_int_equal(judge(NOW - 30, 50, 9, &r, NULL), SOTTO_OK);
    assert_int_equal(judge(NOW - 31, 50, 9, &r, NULL), SOTTO_ERR_ENV_OLD);
}
static void rules_in_order(void **state)
{
    (void)state;
    struct sotto_bloom none = { { 0 } }, topic;
    sotto_bloom_topic(&topic, (const uint8_t[4]){ 1, 2, 3, 0 });
    struct sotto_rules r = rules_at(NOW);
    r.floor = r.floor_before = 1e30;
    r.filter = r.filter_before = &none;
    size_t huge = 1 << 20;
    assert_int_equal(judge(NOW + 100000, 0, huge, &r, NULL), SOTTO_ERR_ENV_SIZE);
    assert_int_equal(judge(NOW + 100000, 0, 9, &r, NULL), SOTTO_ERR_ENV_FUTURE);
    assert_int_equal(judge(NOW - 1, 0, 9, &r, NULL), SOTTO_ERR_ENV_OLD);
    assert_int_equal(judge(NOW, 0, 9, &r, NULL), SOTTO_ERR_ENV_TTL);
    assert_int_equal(judge(NOW, 50, 9, &r, NULL), SOTTO_ERR_ENV_WORK);
    r.floor_before = 0;                                               /* the previous floor is tolerated */
    assert_int_equal(judge(NOW, 50, 9, &r, NULL), SOTTO_ERR_ENV_BLOOM);
    r.filter_before = &topic;
    assert_int_equal(judge(NOW, 50, 9, &r, NULL), SOTTO_OK);
    r.filter = &topic;
    r.filter_before = &none;
    assert_int_equal(judge(NOW, 50, 9, &r, NULL), SOTTO_OK);
    r.filter = NULL;
    assert_int_equal(judge(NOW, 50, 9, &r, NULL), SOTTO_OK);
}
static void forwarding_margins(void **state)
{
    (void)state;
    assert_false(sotto_rules_too_early(NOW + 5, NOW));
    assert_true(sotto_rules_too_early(NOW + 6, NOW));
    assert_false(sotto_rules_too_late(NOW + 2, NOW));
    assert_true(sotto_rules_too_late(NOW + 1, NOW));
    assert_true(sotto_rules_too_late(UINT32_MAX, UINT32_MAX));
}

/* ---- the clock ---- */
static void clock_votes(void **state)
{
    (void)state;
    struct sotto_clock_peer c = { 0 };
    bool heard;
    assert_int_equal(sotto_clock_vote(&c, &heard, 1000), 0);
    assert_false(heard);
    for (unsigned i = 0; i < 10; i++) sotto_clock_count(&c, NOW - 100, NOW + 100, NOW, 1000);
    assert_int_equal(sotto_clock_vote(&c, &heard, 1000), 0);
    assert_true(heard);
    for (unsigned i = 0; i < 10; i++) sotto_clock_count(&c, NOW - 200, NOW - 30 - i, NOW, 2000);
    assert_int_equal(sotto_clock_vote(&c, &heard, 2000), 0);          /* half is not over half */
    sotto_clock_count(&c, NOW - 200, NOW - 31, NOW, 2000);
    assert_int_equal(sotto_clock_vote(&c, &heard, 2000), 39);         /* ahead by the largest distance */
    assert_int_equal(sotto_clock_vote(&c, &heard, 2000 + 5 * SOTTO_CLOCK_PART_US), 0);
    assert_false(heard);                                              /* forgotten after 5 minutes */
    for (unsigned i = 0; i < 3; i++) sotto_clock_count(&c, NOW + 11 + i, NOW + 100, NOW, 400000000);
    assert_int_equal(sotto_clock_vote(&c, &heard, 400000000), -13);
    sotto_clock_count(&c, NOW + 10, NOW + 100, NOW, 400000000);       /* within the tolerance */
    sotto_clock_count(&c, NOW - 100, NOW - 20, NOW, 400000000);
    sotto_clock_count(&c, NOW - 100, NOW, NOW, 400000000);
    assert_int_equal(sotto_clock_vote(&c, &heard, 400000000), 0);
}
static void clock_verdicts(void **state)
{
    (void)state;
    int two[] = { 40, 50 }, three[] = { 90, 40, 50 }, mixed[] = { -20, 60, -30, -25 }, split[] = { 30, 30, 30 };
    assert_int_equal(sotto_clock_verdict(two, 2, 2), 0);              /* fewer than three peers */
    assert_int_equal(sotto_clock_verdict(three, 3, 3), 50);
    assert_int_equal(sotto_clock_verdict(mixed, 4, 4), -25);
    assert_int_equal(sotto_clock_verdict(split, 3, 6), 0);            /* as many say that all is well */
    assert_int_equal(sotto_clock_verdict(split, 3, 5), 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eviction_order),
        cmocka_unit_test(a_full_pool_takes_only_better_ones),
        cmocka_unit_test(a_short_one_is_worth_its_bytes),
        cmocka_unit_test(a_large_one_evicts_several_or_none),
        cmocka_unit_test(link_quotas),
        cmocka_unit_test(topic_quota_above_half),
        cmocka_unit_test(expiry_in_the_very_second),
        cmocka_unit_test(own_held_entries),
        cmocka_unit_test(sums_and_another_floor),
        cmocka_unit_test(floor_moves_with_fill), cmocka_unit_test(short_ones_do_not_move_the_floor),
        cmocka_unit_test(random_traffic_keeps_the_bounds),
        cmocka_unit_test(ids_against_a_plain_list),
        cmocka_unit_test(buckets),
        cmocka_unit_test(rules_one_by_one),
        cmocka_unit_test(rules_in_order),
        cmocka_unit_test(forwarding_margins),
        cmocka_unit_test(clock_votes),
        cmocka_unit_test(clock_verdicts),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
