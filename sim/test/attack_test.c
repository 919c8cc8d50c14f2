/* The attacks of sim/attack.h in small: each defence works in the direction and by the size that it is there for. The thresholds lie more
 * than six standard deviations (over seeds) from what is measured; docs/whisper-attacks.md has the whole table. */
#include "sim/attack.h"

#include "crypto/secret.h"
#include "sim/attack_work.h"
#include "support/test.h"
#include "whisper/envelope.h"

#include <math.h>

#define RELAYS 8u
#define ATTACK_S 25u
#define CORES 16.0

static const struct sim_defence none = { .evict = SIM_EVICT_NEWEST };
static const struct sim_defence product = { .floor = true, .evict = SIM_EVICT_PLACE, .quota = true, .cap = true };

static uint64_t seed(void)
{
    const char *text = getenv("SOTTO_SEED");
    return text ? strtoull(text, NULL, 10) : 1;
}

static struct sim_attack_result run(enum sim_attack attack, struct sim_defence d)
{
    struct sim_attack_result r;
    struct sim_attack_options o = { attack, d, seed(), RELAYS, ATTACK_S, CORES };
    sim_attack_run(&r, &o);
    print_message("%-7s lost %.1f %% of %llu, delay %.2f s, gone %.1f %% of %llu; %llu envelopes for %llu tries, %llu in pools, %llu evicted, cut %llu\n",
                  sim_attack_names[attack], 100.0 * (double)(r.pairs - r.delivered) / (double)r.pairs, (unsigned long long)r.pairs, r.delay_s,
                  100.0 * (double)(r.keep - r.kept) / (double)r.keep, (unsigned long long)r.keep, (unsigned long long)r.envelopes, (unsigned long long)r.tries,
                  (unsigned long long)r.attack_pooled, (unsigned long long)r.evicted, (unsigned long long)r.cut);
    assert_true(r.pairs >= 30 && r.keep >= 20);   /* 150 and 100 are expected: else this is no test */
    return r;
}
static double lost(const struct sim_attack_result *r) { return (double)(r->pairs - r->delivered) / (double)r->pairs; }
static double gone(const struct sim_attack_result *r) { return (double)(r->keep - r->kept) / (double)r->keep; }

/* Nobody attacks: nothing is lost, and the same seed gives the same events, whatever ran in between. */
static void calm(void **state)
{
    (void)state;
    struct sim_attack_result a = run(SIM_ATTACK_CALM, product), b = run(SIM_ATTACK_CALM, none), again = run(SIM_ATTACK_CALM, product);
    assert_int_equal(a.delivered, a.pairs);
    assert_int_equal(b.delivered, b.pairs);
    assert_int_equal(a.kept, a.keep);
    assert_int_equal(a.bytes, 0);
    assert_memory_equal(a.hash, again.hash, sizeof a.hash);
    assert_int_equal(a.pairs, b.pairs);           /* people write the same with any defence */
}

/* W-08: without defences the pools are full of what lives for ten years, and nothing honest gets in; with them a day's life is too dear. */
static void expiry(void **state)
{
    (void)state;
    struct sim_attack_result bare = run(SIM_ATTACK_EXPIRY, none), all = run(SIM_ATTACK_EXPIRY, product);
    assert_true(lost(&bare) > 0.5);
    assert_int_equal(all.delivered, all.pairs);
    assert_int_equal(all.kept, all.keep);
    assert_true(all.envelopes * 100 < bare.envelopes);
    assert_true(all.tries > bare.tries);          /* it pays, and gets nothing */
}


/* W-09: the largest envelopes, as fast as two links take them. Work makes them rare. */
static void flood(void **state)
{
    (void)state;
    struct sim_attack_result bare = run(SIM_ATTACK_SIZE, none), all = run(SIM_ATTACK_SIZE, product);
    assert_true(lost(&bare) > 0.5);
    assert_true(lost(&all) < 0.2);
    assert_true(all.envelopes * 20 < bare.envelopes);
    assert_true(all.tries > bare.tries);
}

/* W-06: the smallest, each at the price of its bytes. By that price alone they push out what is honest; by what a place is worth they do not. */
static void count(void **state)
{
    (void)state;
    struct sim_defence d = product;
    d.evict = SIM_EVICT_RATING;
    struct sim_attack_result bytes = run(SIM_ATTACK_COUNT, d), all = run(SIM_ATTACK_COUNT, product);
    assert_true(lost(&bytes) > 0.4 && gone(&bytes) > 0.4);
    assert_true(lost(&all) < 0.1 && gone(&all) < 0.4);                /* gone: 20 % +- 3; some of the small ones have work enough by luck */
    assert_true(all.attack_pooled > 0);           /* it is not turned away at the gate: what it takes is room that nobody else wants */
}

/* W-06: many identities that pay nothing fill every pool. Whose envelopes leave? */
static void eviction(void **state)
{
    (void)state;
    struct sim_defence d = product;
    d.evict = SIM_EVICT_NEWEST;
    d.floor = false;
    struct sim_attack_result newest = run(SIM_ATTACK_SYBIL, d);
    d.evict = SIM_EVICT_PLACE;
    struct sim_attack_result lowest = run(SIM_ATTACK_SYBIL, d);
    assert_true(lost(&newest) > 0.5);             /* quotas alone: a dozen links of 10 % each own all of it */
    assert_true(lost(&lowest) < 0.1 && gone(&lowest) < 0.5);          /* with the rating: what cost nothing leaves first */
}

/* W-05: tries are geometric with mean 2^bits, so the mean of n of them has a deviation of 2^bits / sqrt(n). */
static void work(void **state)
{
    enum { SEARCHES = 1000 };
    static const struct { uint32_t data, ttl; unsigned bits; } rows[] = { { 20, 10, 4 }, { 20, 1800, 11 }, { 1024, 50, 11 }, { 4000, 100, 14 } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sim_attack_work w;
        sim_attack_work(&w, SOTTO_RATING_DEFAULT / 8, rows[i].data, rows[i].ttl, seed() + i, SEARCHES, 11);
        print_message("%u bytes for %u s: %u bits, %.1f tries, measured %.1f +- %.1f\n", rows[i].data, rows[i].ttl, w.bits, w.expected, w.mean, w.half);
        assert_int_equal(w.bits, rows[i].bits);
        assert_true(w.expected == ldexp(1, (int)w.bits));
        if (w.bits > 11) assert_true(isnan(w.mean));
        else assert_true(fabs(w.mean - w.expected) < 7 * w.expected / sqrt(SEARCHES));
    }
}

int main(void)
{
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    print_message("SOTTO_SEED=%llu\n", (unsigned long long)seed());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calm), cmocka_unit_test(expiry), cmocka_unit_test(flood), cmocka_unit_test(count), cmocka_unit_test(eviction), cmocka_unit_test(work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
