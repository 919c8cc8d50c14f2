/* The kernels of Keccak against the library: every one that this processor has, on states and on messages of all lengths that matter. */
#include "support/test.h"

#include "crypto/hash.h"
#include "crypto/keccak_lanes.h"
#include "crypto/rng.h"

static struct sotto_chacha_rng random_stream;
static struct sotto_rng *rng(void) { return &random_stream.rng; }

/* Runs fn once with each kernel in use. */
static void with_each(void (*fn)(const struct sotto_keccak_kernel *k))
{
    const struct sotto_keccak_kernel *kernels[SOTTO_KECCAK_KERNELS_MAX];
    unsigned count = sotto_keccak_kernels(kernels);
    assert_in_range(count, 2, SOTTO_KECCAK_KERNELS_MAX);
    assert_int_equal(kernels[0]->lanes, 1);
    for (unsigned i = 0; i < count; i++) {
        print_message("kernel %s, %u lanes\n", kernels[i]->name, kernels[i]->lanes);
        sotto_keccak_use(kernels[i]);
        fn(kernels[i]);
    }
    sotto_keccak_use(kernels[0]);
}

static void one_state(const struct sotto_keccak_kernel *k)
{
    for (int round = 0; round < 200; round++) {
        uint64_t state[SOTTO_KECCAK_WORDS * SOTTO_KECCAK_LANES_MAX], kept[SOTTO_KECCAK_WORDS * SOTTO_KECCAK_LANES_MAX];
        uint64_t first[SOTTO_KECCAK_LANES_MAX];
        sotto_rng_fill(rng(), state, sizeof state);
        memcpy(kept, state, sizeof state);
        k->first_words(first, state);
        assert_memory_equal(state, kept, sizeof state);
        k->permute(state);
        for (unsigned l = 0; l < k->lanes; l++) {
            struct sha3_state expected;
            for (unsigned w = 0; w < SOTTO_KECCAK_WORDS; w++) expected.a[w] = kept[w * k->lanes + l];
            sha3_permute(&expected);
            for (unsigned w = 0; w < SOTTO_KECCAK_WORDS; w++) assert_int_equal(state[w * k->lanes + l], expected.a[w]);
            assert_int_equal(first[l], expected.a[0]);
        }
        size_t beyond = (size_t)SOTTO_KECCAK_WORDS * k->lanes;        /* nothing past its own lanes is touched */
        assert_memory_equal(state + beyond, kept + beyond, sizeof state - beyond * sizeof *state);
    }
}
static void states_agree_with_the_library(void **state)
{
    (void)state;
    with_each(one_state);
}

#define BYTES 1500u
static void check(const uint8_t *bytes, const struct sotto_keccak_message *m, size_t size)
{
    uint8_t expected[32];
    sotto_keccak256(expected, sotto_span(bytes, size));
    assert_memory_equal(m->hash, expected, sizeof expected);
}

/* Every length up to three blocks and some more, alone and all together, so that lanes end at different times. */
static void every_length(const struct sotto_keccak_kernel *k)
{
    (void)k;
    enum { LENGTHS = 3 * SOTTO_KECCAK_RATE + 20 };
    static struct sotto_keccak_message all[LENGTHS];
    uint8_t bytes[LENGTHS];
    sotto_rng_fill(rng(), bytes, sizeof bytes);
    for (size_t size = 0; size < LENGTHS; size++) {
        struct sotto_keccak_message one = { .parts = { sotto_span(bytes, size) } };
        sotto_keccak256_many(&one, 1);
        check(bytes, &one, size);
        all[size] = one;
        memset(all[size].hash, 0, sizeof all[size].hash);
    }
    sotto_keccak256_many(all, LENGTHS);
    for (size_t size = 0; size < LENGTHS; size++) check(bytes, &all[size], size);
}
static void every_length_of_message(void **state)
{
    (void)state;
    with_each(every_length);
}

/* Any number of messages of any length in any three pieces, each in memory of its own size so that a read past its end is seen. */
static void any_pieces(const struct sotto_keccak_kernel *k)
{
    (void)k;
    uint8_t bytes[BYTES];
    for (int round = 0; round < 120; round++) {
        struct sotto_keccak_message messages[40];
        uint8_t *pieces[40][SOTTO_KECCAK_PARTS_MAX];
        size_t sizes[40], count = sotto_rng_below(rng(), 41);
        sotto_rng_fill(rng(), bytes, sizeof bytes);
        for (size_t i = 0; i < count; i++) {
            sizes[i] = sotto_rng_below(rng(), 2) ? sotto_rng_below(rng(), BYTES + 1) : sotto_rng_below(rng(), 8) * SOTTO_KECCAK_RATE;
            size_t x = sotto_rng_below(rng(), sizes[i] + 1), y = x + sotto_rng_below(rng(), sizes[i] - x + 1);
            size_t ends[] = { 0, x, y, sizes[i] };
            memset(&messages[i], 0, sizeof messages[i]);
            for (unsigned p = 0; p < SOTTO_KECCAK_PARTS_MAX; p++) {
                size_t size = ends[p + 1] - ends[p];
                pieces[i][p] = malloc(size + 1);
                assert_non_null(pieces[i][p]);
                uint8_t *at = pieces[i][p] + 1;   /* odd addresses too */
                if (size) memcpy(at, bytes + ends[p], size);
                messages[i].parts[p] = sotto_span(at, size);
            }
        }
        sotto_keccak256_many(messages, count);
        for (size_t i = 0; i < count; i++) {
            check(bytes, &messages[i], sizes[i]);
            for (unsigned p = 0; p < SOTTO_KECCAK_PARTS_MAX; p++) free(pieces[i][p]);
        }
    }
}
static void any_number_in_any_pieces(void **state)
{
    (void)state;
    with_each(any_pieces);
}

/* What the check at the start is for: kernels with one wrong bit in one place. */
static const struct sotto_keccak_kernel *real;
static void wrong_permute(uint64_t *state)
{
    real->permute(state);
    state[SOTTO_KECCAK_WORDS * real->lanes - 1] ^= 1;
}
static void wrong_first_words(uint64_t *out, const uint64_t *state)
{
    real->first_words(out, state);
    out[real->lanes - 1] ^= UINT64_C(1) << 63;
}
static void wrong_absorb(uint64_t *state, const uint8_t *const *in, size_t blocks)
{
    real->absorb(state, in, blocks);
    if (blocks > 1) state[0] ^= 1;
}
static void a_wrong_kernel_is_found(void **state)
{
    (void)state;
    const struct sotto_keccak_kernel *kernels[SOTTO_KECCAK_KERNELS_MAX];
    unsigned count = sotto_keccak_kernels(kernels);
    for (unsigned i = 0; i < count; i++) {
        real = kernels[i];
        struct sotto_keccak_kernel k = *real;
        assert_true(sotto_keccak_right(&k));
        k.permute = wrong_permute;
        assert_false(sotto_keccak_right(&k));
        k = *real;
        k.first_words = wrong_first_words;
        assert_false(sotto_keccak_right(&k));
        k = *real;
        k.absorb = wrong_absorb;
        assert_false(sotto_keccak_right(&k));
        k = *real;
        k.absorb_secret = wrong_absorb;
        assert_false(sotto_keccak_right(&k));
    }
}

/* What crypto/hash.h makes of a message in any pieces, with each kernel of one lane, against a hash of nettle's own: SHA3 has the same
 * sponge and another padding, so what it has absorbed of whole blocks is compared, and the end by its permutation. */
static void pieces_of_one(const struct sotto_keccak_kernel *k)
{
    if (k->lanes > 1) return;
    assert_ptr_equal(sotto_keccak_single(), k);
    for (int round = 0; round < 400; round++) {
        uint8_t bytes[BYTES], got[32], again[32];
        struct sha3_state s = { { 0 } };
        struct sotto_keccak hash;
        size_t size = sotto_rng_below(rng(), 3) ? sotto_rng_below(rng(), BYTES - SOTTO_KECCAK_RATE) : sotto_rng_below(rng(), 9) * SOTTO_KECCAK_RATE;
        sotto_rng_fill(rng(), bytes, sizeof bytes);
        sotto_keccak_init(&hash);
        for (size_t at = 0; at < size;) {
            size_t piece = sotto_rng_below(rng(), 2) ? 1 + sotto_rng_below(rng(), 3 * SOTTO_KECCAK_RATE) : 1 + sotto_rng_below(rng(), 20);
            if (piece > size - at) piece = size - at;
            sotto_keccak_update(&hash, bytes + at, piece);
            sotto_keccak_update(&hash, NULL, 0);
            at += piece;
        }
        sotto_keccak_final(&hash, got);
        sotto_keccak_final(&hash, again);         /* works on a copy */
        assert_memory_equal(got, again, sizeof got);
        size_t whole = size / SOTTO_KECCAK_RATE * SOTTO_KECCAK_RATE;
        memset(bytes + size, 0, SOTTO_KECCAK_RATE);
        bytes[size] = 0x01;
        bytes[whole + SOTTO_KECCAK_RATE - 1] |= 0x80;
        for (size_t at = 0; at <= whole; at += SOTTO_KECCAK_RATE) {
            for (unsigned w = 0; w < SOTTO_KECCAK_RATE / 8; w++) s.a[w] ^= sotto_le64(bytes + at + 8 * w);
            sha3_permute(&s);
        }
        for (unsigned w = 0; w < 4; w++) sotto_put_le64(again + 8 * w, s.a[w]);
        assert_memory_equal(got, again, sizeof got);
    }
}
static void one_message_in_any_pieces(void **state)
{
    (void)state;
    with_each(pieces_of_one);
}

/* States that stand anywhere in a block take data of any length, each for itself and all together. */
static void together(const struct sotto_keccak_kernel *k)
{
    (void)k;
    for (int round = 0; round < 150; round++) {
        struct sotto_keccak apart[20], joined[20], *states[20];
        struct sotto_span data[20];
        uint8_t bytes[4 * BYTES], got[32], expected[32];
        size_t count = sotto_rng_below(rng(), 21), common = sotto_rng_below(rng(), sizeof bytes);
        sotto_rng_fill(rng(), bytes, sizeof bytes);
        for (size_t i = 0; i < count; i++) {
            sotto_keccak_init(&apart[i]);
            sotto_keccak_update(&apart[i], bytes, sotto_rng_below(rng(), 3 * SOTTO_KECCAK_RATE));
            joined[i] = apart[i];
            states[i] = &joined[i];
            size_t size = sotto_rng_below(rng(), 3) ? common : sotto_rng_below(rng(), sizeof bytes), at = sotto_rng_below(rng(), sizeof bytes - size);
            data[i] = sotto_span(bytes + at, size);
            sotto_keccak_update(&apart[i], data[i].data, data[i].size);
        }
        sotto_keccak_update_many(states, data, count);
        for (size_t i = 0; i < count; i++) {
            sotto_keccak_final(&apart[i], expected);
            sotto_keccak_final(&joined[i], got);
            assert_memory_equal(got, expected, sizeof got);
        }
    }
}
static void states_go_together(void **state)
{
    (void)state;
    with_each(together);
}

static void the_fastest_is_taken_at_the_start(void **state)
{
    (void)state;
    const struct sotto_keccak_kernel *kernels[SOTTO_KECCAK_KERNELS_MAX];
    unsigned count = sotto_keccak_kernels(kernels);
    assert_ptr_equal(sotto_keccak_in_use(), kernels[0]);
    assert_string_equal(kernels[0]->name, "library");
    sotto_keccak_start();
    assert_null(sotto_keccak_refused());
    assert_ptr_equal(sotto_keccak_in_use(), kernels[count - 1]);
    for (unsigned i = 1; i < count; i++) assert_true(kernels[i]->lanes >= kernels[i - 1]->lanes);
    unsigned last = 0;
    for (unsigned i = 0; i < count; i++)
        if (kernels[i]->lanes == 1) last = i;
    assert_ptr_equal(sotto_keccak_single(), kernels[last]);
    sotto_keccak_use(kernels[0]);
}

int main(void)
{
    sotto_rng_from_seed(&random_stream, test_seed(), "keccak test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_agree_with_the_library), cmocka_unit_test(every_length_of_message), cmocka_unit_test(any_number_in_any_pieces),
        cmocka_unit_test(a_wrong_kernel_is_found),       cmocka_unit_test(one_message_in_any_pieces), cmocka_unit_test(states_go_together),
        cmocka_unit_test(the_fastest_is_taken_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
