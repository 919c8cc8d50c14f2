/* The rules of acceptance and the pool's bounds against a second, plain reading of whisper-v6.md 7 and network.md 5. */
#include "support/test.h"

#include "crypto/rng.h"
#include "whisper/pool.h"
#include "whisper/rules.h"

#include <math.h>

enum { ENVELOPES = 20000, ARRIVALS = 4000, LINKS = 9 };
#define NOW 1767225600u
#define POOL_BYTES 300000u
#define POOL_ENTRIES 240u

static struct sotto_chacha_rng rng;
static uint64_t draw(uint64_t bound) { return sotto_rng_below(&rng.rng, bound); }

/* A number that is often just at one of the places where a rule turns. */
static uint32_t near(uint32_t edge) { return edge + (uint32_t)draw(5) - 2; }

/* ---- rules ---- */

struct judged { enum sotto_err err; double rating; };

static bool bit_of(const struct sotto_bloom *b, unsigned n) { return b->b[n / 8] >> (n % 8) & 1; }

/* whisper-v6.md 6: three bits, each from a byte of the topic and a bit of its last; one alone is left where two share a byte of the filter. */
static bool in_filter(const struct sotto_bloom *filter, const uint8_t topic[4])
{
    for (unsigned j = 0; j < 3; j++) {
        unsigned n = topic[j] + 256u * (topic[3] >> j & 1);
        bool written_over = false;
        for (unsigned k = j + 1; k < 3; k++) written_over |= (topic[k] + 256u * (topic[3] >> k & 1)) / 8 == n / 8;
        if (!written_over && !bit_of(filter, n)) return false;
    }
    return true;
}

static struct judged plain_reading(const struct sotto_envelope *e, const struct sotto_rules *r, unsigned zeros, size_t short_size)
{
    uint32_t sent = e->expiry - e->ttl, ahead = sent > r->now_ahead ? sent - r->now_ahead : 0;
    if (e->data.size + 20 > 1048576) return (struct judged){ SOTTO_ERR_ENV_SIZE, 0 };
    if (ahead > 10) return (struct judged){ SOTTO_ERR_ENV_FUTURE, 0 };
    if (r->now_behind > e->expiry) return (struct judged){ SOTTO_ERR_ENV_OLD, 0 };
    if (e->ttl < 1 || e->ttl > 24 * 3600) return (struct judged){ SOTTO_ERR_ENV_TTL, 0 };
    double rating = pow(2, zeros) / (double)short_size / (double)(uint32_t)(e->ttl + (ahead ? ahead + 1 : 0));
    if (!(rating >= r->floor) && !(rating >= r->floor_before)) return (struct judged){ SOTTO_ERR_ENV_WORK, 0 };
    if (r->filter && r->filter_before && !in_filter(r->filter, e->topic) && !in_filter(r->filter_before, e->topic))
        return (struct judged){ SOTTO_ERR_ENV_BLOOM, 0 };
    return (struct judged){ SOTTO_OK, rating };
}

static void rules_as_written(void **state)
{
    (void)state;
    static uint8_t data[(1u << 20) + 8];
    sotto_rng_from_seed(&rng, test_seed(), "rules");
    for (unsigned run = 1; run <= ENVELOPES; run++) {
        struct sotto_bloom filters[2] = { { { 0 } } };
        struct sotto_rules rules = { .now_ahead = NOW + (uint32_t)draw(4), .now_behind = NOW - (uint32_t)draw(4) };
        struct sotto_envelope e = { .nonce = draw(UINT64_MAX), .data = { data, draw(500) ? draw(64) : near((1u << 20) - 20) } };
        static const uint32_t lives[] = { 0, 1, 50, 1800, SOTTO_POOL_TTL_MAX_S };
        e.ttl = draw(2) ? lives[draw(5)] : near(SOTTO_POOL_TTL_MAX_S);
        if (draw(8) == 0) e.ttl = (uint32_t)draw(UINT32_MAX);
        e.expiry = draw(2) ? near(NOW) : NOW + (uint32_t)draw(20) - 5 + e.ttl;
        for (unsigned i = 0; i < 4; i++) e.topic[i] = (uint8_t)draw(256);
        for (unsigned k = 0; k < 2; k++)
            for (unsigned i = 0; i < 64; i++) filters[k].b[i] = (uint8_t)(draw(256) | draw(256) | draw(256));
        if (draw(2)) rules.filter = &filters[0], rules.filter_before = draw(8) ? &filters[draw(2)] : NULL;
        size_t short_size = sotto_envelope_short_size(&e);
        struct sotto_buf text = sotto_buf_make(2u << 20);
        assert_int_equal(sotto_envelope_short(&text, &e), SOTTO_OK);
        unsigned zeros = sotto_work_zeros(sotto_buf_span(&text), e.nonce);
        double value = e.ttl ? pow(2, zeros) / (double)short_size / e.ttl : 1;
        rules.floor = draw(2) ? value * (double)(1 + draw(3)) / 2 : 0;
        rules.floor_before = draw(4) ? rules.floor : rules.floor / (double)(1 + draw(3));
        struct judged want = plain_reading(&e, &rules, zeros, short_size);
        double rating = -1;
        enum sotto_err err = sotto_rules_judge(&rating, &e, &rules);
        if (err != want.err) print_error("judged %s, written %s\n", sotto_err_name(err), sotto_err_name(want.err));
        test_rule(err == want.err, "an envelope is judged as the rules are written", run);
        if (err == SOTTO_OK) test_rule(rating == want.rating, "its rating is that of the formula", run);
        sotto_buf_free(&text);
    }
}

/* ---- the pool ---- */

struct share { uint64_t bytes[LINKS], all_bytes; uint32_t count[LINKS], all_count; };

static bool add_up(void *ctx, const struct sotto_pool_entry *e)
{
    struct share *s = ctx;
    unsigned link = e->hash[31];                      /* who brought it is written in the hash: the pool believes any */
    s->bytes[link] += e->rlp.size;
    s->count[link]++;
    s->all_bytes += e->rlp.size;
    s->all_count++;
    return true;
}

static void bounds_and_shares(void **state)
{
    (void)state;
    static uint8_t data[SOTTO_NATIVE_DATA];
    static uint8_t brought[ARRIVALS + 1][32];
    struct sotto_pool *p;
    sotto_rng_from_seed(&rng, test_seed(), "shares");
    struct sotto_pool_config config = { POOL_BYTES, POOL_ENTRIES, 0.2, &rng.rng };
    assert_int_equal(sotto_pool_new(&p, &config), SOTTO_OK);
    uint32_t now = NOW;
    for (unsigned run = 1; run <= ARRIVALS; run++) {
        struct share before = { 0 }, after = { 0 };
        bool again = run > 1 && draw(6) == 0;
        uint8_t *hash = brought[run];
        unsigned link = (unsigned)draw(LINKS);
        sotto_rng_fill(&rng.rng, hash, 32);
        hash[31] = (uint8_t)link;
        if (again) memcpy(hash, brought[1 + draw(run - 1)], 32), link = hash[31];
        bool inbound = link & 1, knew = sotto_pool_knows(p, hash);
        struct sotto_envelope e = { now + (uint32_t)draw(400), 50, { 1, 2, 3, 4 }, { data, sizeof data }, run }, in;
        struct sotto_buf b = sotto_buf_make(4096);
        assert_int_equal(sotto_envelope_encode(&b, &e), SOTTO_OK);
        assert_int_equal(sotto_envelope_decode(&in, sotto_buf_span(&b)), SOTTO_OK);
        sotto_pool_each(p, add_up, &before);
        struct sotto_pool_source source = { inbound ? SOTTO_FROM_INBOUND : SOTTO_FROM_OUTBOUND, link };
        enum sotto_err err = sotto_pool_add(p, NULL, &in, sotto_buf_span(&b), sotto_pool_id(p, hash), (double)(1 + draw(50)), source);
        sotto_pool_each(p, add_up, &after);
        uint64_t bytes_share = POOL_BYTES * (inbound ? 10u : 25u) / 100, count_share = POOL_ENTRIES * (inbound ? 10u : 25u) / 100;
        bool over = before.bytes[link] + b.size > bytes_share || before.count[link] + 1 > count_share;
        test_rule(!knew || err == SOTTO_ERR_ENV_DUPLICATE, "what was here does not come again", run);
        test_rule(err != SOTTO_ERR_ENV_QUOTA || over, "a link is refused only for what it really has", run);
        test_rule(after.bytes[link] <= bytes_share && after.count[link] <= count_share, "a link has its share and no more", run);
        test_rule(after.all_bytes <= POOL_BYTES && after.all_count <= POOL_ENTRIES, "the pool keeps its bounds", run);
        sotto_buf_free(&b);
        if (draw(3) == 0) sotto_pool_tick(p, now += (uint32_t)draw(3), 0);
    }
    sotto_pool_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(rules_as_written), cmocka_unit_test(bounds_and_shares) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
