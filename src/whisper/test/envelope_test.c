/* Bytes of envelopes, rating, and the search for work. */
#include "support/test.h"

#include "base/text.h"
#include "crypto/rng.h"
#include "whisper/bloom.h"
#include "whisper/envelope.h"
#include "wire/rlp.h"

#include <math.h>

static struct sotto_chacha_rng rng;

static int setup(void **state)
{
    (void)state;
    sotto_rng_from_seed(&rng, test_seed(), "envelope test");
    return 0;
}

static uint64_t draw(uint64_t bound) { return sotto_rng_below(&rng.rng, bound); }

static void random_envelope(struct sotto_envelope *e, uint8_t *data, size_t size)
{
    sotto_rng_fill(&rng.rng, data, size);
    *e = (struct sotto_envelope){ (uint32_t)(sotto_rng_u64(&rng.rng) >> draw(33) >> 31), (uint32_t)(sotto_rng_u64(&rng.rng) >> 32 >> draw(32)),
                                  { 0 }, { data, size }, sotto_rng_u64(&rng.rng) >> draw(64) };
    sotto_rng_fill(&rng.rng, e->topic, 4);
}

static void encode_and_decode_agree(void **state)
{
    (void)state;
    static uint8_t data[70000];
    static const size_t sizes[] = { 0, 1, 2, 54, 55, 56, 57, 255, 256, 257, 1024, 65535, 65536, 70000 };
    for (unsigned round = 0; round < 2000; round++) {
        struct sotto_envelope e, back;
        size_t size = round < 14 * 4 ? sizes[round / 4] : draw(600);
        random_envelope(&e, data, size);
        struct sotto_buf full = sotto_buf_make(1 << 20), part = sotto_buf_make(1 << 20);
        assert_int_equal(sotto_envelope_encode(&full, &e), SOTTO_OK);
        assert_int_equal(sotto_envelope_short(&part, &e), SOTTO_OK);
        assert_int_equal(part.size, sotto_envelope_short_size(&e));
        assert_true(full.size <= size + SOTTO_ENVELOPE_RLP_EXTRA);
        assert_int_equal(sotto_envelope_decode(&back, sotto_buf_span(&full)), SOTTO_OK);
        assert_int_equal(back.expiry, e.expiry);
        assert_int_equal(back.ttl, e.ttl);
        assert_memory_equal(back.topic, e.topic, 4);
        assert_int_equal(back.nonce, e.nonce);
        assert_true(sotto_span_equal(back.data, e.data));
        /* two ways to the same hash: piecewise over the fields, and over the short form */
        assert_int_equal(sotto_envelope_zeros(&back), sotto_work_zeros(sotto_buf_span(&part), e.nonce));
        assert_int_equal(sotto_rlp_check(sotto_buf_span(&full)), SOTTO_OK);
        /* cut anywhere, or with a byte too many: refused */
        if (full.size) assert_int_equal(sotto_envelope_decode(&back, sotto_span(full.data, draw(full.size))), SOTTO_ERR_ENV_FORM);
        assert_int_equal(sotto_buf_add_u8(&full, 0x80), SOTTO_OK);
        assert_int_equal(sotto_envelope_decode(&back, sotto_buf_span(&full)), SOTTO_ERR_ENV_FORM);
        sotto_buf_free(&full);
        sotto_buf_free(&part);
    }
}

static void encode_leaves_a_full_buffer_alone(void **state)
{
    (void)state;
    uint8_t data[100] = { 0 };
    struct sotto_envelope e = { 1, 2, { 0 }, SOTTO_SPAN(data), 3 };
    struct sotto_buf b = sotto_buf_make(64);
    assert_int_equal(sotto_buf_add_u8(&b, 7), SOTTO_OK);
    assert_int_equal(sotto_envelope_encode(&b, &e), SOTTO_ERR_FULL);
    assert_int_equal(b.size, 1);
    e.data.size = (16u << 20) + 1;                /* never read: refused by its size */
    assert_int_equal(sotto_envelope_encode(&b, &e), SOTTO_ERR_RANGE);
    sotto_buf_free(&b);
}

struct bad { const char *head, *items, *why; };     /* head NULL: the right one for these items */
static const struct bad bad_envelopes[] = {
    { "", "", "nothing" },
    { "80", "", "an empty string" },
    { NULL, "", "an empty list" },
    { NULL, "01" "01" "8400000000" "82aabb", "four elements" },
    { NULL, "01" "01" "8400000000" "82aabb" "01" "01", "six elements" },
    { NULL, "01" "01" "83000000" "82aabb" "01", "topic of 3 bytes" },
    { NULL, "01" "01" "850000000000" "82aabb" "01", "topic of 5 bytes" },
    { NULL, "01" "01" "8400000000" "c2aabb" "01", "a list for data" },
    { NULL, "8101" "01" "8400000000" "82aabb" "01", "an integer in two bytes that fits in one" },
    { NULL, "820001" "01" "8400000000" "82aabb" "01", "expiry with a leading zero" },
    { NULL, "01" "820001" "8400000000" "82aabb" "01", "ttl with a leading zero" },
    { NULL, "01" "01" "8400000000" "82aabb" "00", "nonce 00" },
    { NULL, "850100000000" "01" "8400000000" "82aabb" "01", "expiry of 5 bytes" },
    { NULL, "01" "850100000000" "8400000000" "82aabb" "01", "ttl of 5 bytes" },
    { NULL, "01" "01" "8400000000" "82aabb" "89010000000000000000", "nonce of 9 bytes" },
    { NULL, "c0" "01" "8400000000" "82aabb" "01", "expiry a list" },
    { "cc", "01" "01" "8400000000" "82aabb" "01", "a length past the end" },
    { "ca", "01" "01" "8400000000" "82aabb" "01", "a byte behind the list" },
    { "f80b", "01" "01" "8400000000" "82aabb" "01", "a long length where the short one fits" },
};

static size_t from_hex(uint8_t *out, const char *hex)
{
    size_t size = strlen(hex) / 2;
    if (size) assert_int_equal(sotto_unhex(out, size, sotto_span_str(hex)), SOTTO_OK);
    return size;
}

static void malformed_envelopes_are_refused(void **state)
{
    (void)state;
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof bad_envelopes / sizeof bad_envelopes[0]; i++) {
        const struct bad *bad = &bad_envelopes[i];
        size_t items = strlen(bad->items) / 2, head = bad->head ? from_hex(bytes, bad->head) : 1;
        if (!bad->head) bytes[0] = (uint8_t)(0xc0 + items);
        from_hex(bytes + head, bad->items);
        struct sotto_envelope e = { .expiry = 77 };
        if (sotto_envelope_decode(&e, sotto_span(bytes, head + items)) != SOTTO_ERR_ENV_FORM) fail_msg("accepted: %s", bad->why);
        assert_int_equal(e.expiry, 77);           /* nothing written */
    }
    struct sotto_envelope e;                      /* the same shape is fine when nothing is wrong, with data or without */
    size_t size = from_hex(bytes, "cb" "01" "01" "8400000000" "82aabb" "01");
    assert_int_equal(sotto_envelope_decode(&e, sotto_span(bytes, size)), SOTTO_OK);
    size = from_hex(bytes, "c9" "80" "80" "8400000000" "80" "80");
    assert_int_equal(sotto_envelope_decode(&e, sotto_span(bytes, size)), SOTTO_OK);
}

static void rating_follows_each_variable(void **state)
{
    (void)state;
    double base = sotto_rating(10, 100, 50, 0);
    assert_true(sotto_rating(11, 100, 50, 0) == 2 * base);            /* more work */
    assert_true(sotto_rating(10, 200, 50, 0) < base);                 /* larger */
    assert_true(sotto_rating(10, 100, 100, 0) < base);                /* longer lived */
    assert_true(sotto_rating(10, 100, 50, 5) < base);                 /* from the future */
    assert_true(isinf(sotto_rating(0, 100, 0, 0)));
    assert_true(isfinite(sotto_rating(256, 1, 1, 0)));
    assert_true(sotto_rating(3, 100, UINT32_MAX, 2) == 8.0 / 100 / 1);                  /* a 32-bit sum */
    assert_true(sotto_rating(19, SOTTO_NATIVE_SHORT, SOTTO_NATIVE_TTL_S, 0) > 0.279 && SOTTO_RATING_DEFAULT > sotto_rating(18, 1043, 1800, 0));
}

static void work_bits_are_the_fewest_that_reach(void **state)
{
    (void)state;
    assert_int_equal(sotto_work_bits(0.2, SOTTO_NATIVE_SHORT, SOTTO_NATIVE_TTL_S), 19);
    assert_int_equal(sotto_work_bits(0.4, SOTTO_NATIVE_SHORT, SOTTO_NATIVE_TTL_S), 20);
    assert_int_equal(sotto_work_bits(0, 100, 100), 0);
    assert_int_equal(sotto_work_bits(INFINITY, 100, 100), 256);
    for (unsigned i = 0; i < 500; i++) {
        double want = ldexp((double)(1 + draw(1000000)), (int)draw(60) - 30);
        size_t size = 10 + draw(100000);
        uint32_t ttl = 1 + (uint32_t)draw(86400);
        unsigned bits = sotto_work_bits(want, size, ttl);
        assert_true(sotto_rating(bits, size, ttl, 0) >= want);
        assert_true(bits == 0 || sotto_rating(bits - 1, size, ttl, 0) < want);
    }
}

/* Runs fn with each kernel that this processor has. */
static void with_each_kernel(void (*fn)(void))
{
    const struct sotto_keccak_kernel *kernels[SOTTO_KECCAK_KERNELS_MAX];
    unsigned count = sotto_keccak_kernels(kernels);
    for (unsigned i = 0; i < count; i++) {
        sotto_keccak_use(kernels[i]);
        fn();
    }
    sotto_keccak_use(kernels[0]);
}

/* Where the nonce meets the end of a block there are one or two permutations: every position is tried. */
static void search_and_confirm(void)
{
    uint8_t prefix[3 * 136];
    for (size_t size = 0; size < sizeof prefix; size++) {
        sotto_rng_fill(&rng.rng, prefix, size);
        struct sotto_span span = { prefix, size };
        uint64_t first = size % 3 == 0 ? UINT64_MAX - 3 : sotto_rng_u64(&rng.rng), nonce = 0;
        assert_int_equal(sotto_work_search(&nonce, span, first, 6, NULL), SOTTO_OK);
        assert_true(sotto_work_zeros(span, nonce) >= 6);
        for (uint64_t n = first; n != nonce; n++) assert_true(sotto_work_zeros(span, n) < 6);       /* and it is the first */
    }
}
static void search_finds_what_the_library_confirms(void **state)
{
    (void)state;
    with_each_kernel(search_and_confirm);
}

static void search_in_steps(void)
{
    static const uint8_t prefix[100] = { 1 };
    struct sotto_span span = SOTTO_SPAN(prefix);
    uint64_t whole, stepped = 0;
    assert_int_equal(sotto_work_search(&whole, span, 5, 12, NULL), SOTTO_OK);
    struct sotto_work w;
    sotto_work_init(&w, span, 5, 12);
    unsigned steps = 1;
    while (sotto_work_step(&w, &stepped, 10) == SOTTO_ERR_AGAIN) steps++;
    assert_int_equal(stepped, whole);
    assert_int_equal(steps, (whole - 5) / 10 + 1);
    atomic_bool cancel = true;
    uint64_t none = 99;
    assert_int_equal(sotto_work_search(&none, span, 5, 256, &cancel), SOTTO_ERR_CANCELLED);
    assert_int_equal(none, 99);
    sotto_work_init(&w, span, 5, 256);
    assert_int_equal(sotto_work_step(&w, &none, 100), SOTTO_ERR_AGAIN);
    assert_int_equal(sotto_work_search(&none, span, 41, 0, NULL), SOTTO_OK);
    assert_int_equal(none, 41);
}
static void search_in_steps_and_cancelled(void **state)
{
    (void)state;
    with_each_kernel(search_in_steps);
}

/* A kernel that promises too much: what it calls a hit is asked of the library and is none, so the search goes on to the true one. */
static const struct sotto_keccak_kernel *real;
static void every_word_is_zero(uint64_t *out, const uint64_t *state)
{
    real->first_words(out, state);
    for (unsigned l = 0; l < real->lanes; l++) out[l] = 0;
}
static void false_hits(void)
{
    static const uint8_t prefix[100] = { 2 };
    uint64_t honest, checked;
    assert_int_equal(sotto_work_search(&honest, SOTTO_SPAN(prefix), 7, 10, NULL), SOTTO_OK);
    real = sotto_keccak_in_use();
    struct sotto_keccak_kernel liar = *real;
    liar.first_words = every_word_is_zero;
    sotto_keccak_use(&liar);
    assert_int_equal(sotto_work_search(&checked, SOTTO_SPAN(prefix), 7, 10, NULL), SOTTO_OK);
    sotto_keccak_use(real);
    assert_int_equal(checked, honest);
}
static void hits_are_checked_by_the_library(void **state)
{
    (void)state;
    with_each_kernel(false_hits);
}

static void bloom_sets(void **state)
{
    (void)state;
    struct sotto_bloom all = sotto_bloom_all(), none = { { 0 } };
    unsigned collided = 0, rounds = 20000;
    for (unsigned i = 0; i < rounds; i++) {
        uint8_t topic[4], other[4];
        struct sotto_bloom a, b, both;
        sotto_rng_fill(&rng.rng, topic, 4);
        sotto_rng_fill(&rng.rng, other, 4);
        sotto_bloom_topic(&a, topic);
        sotto_bloom_topic(&b, other);
        both = a;
        sotto_bloom_join(&both, &b);
        assert_true(sotto_bloom_match(&both, &a) && sotto_bloom_match(&both, &b) && sotto_bloom_match(&all, &a));
        assert_false(sotto_bloom_match(&none, &a));
        unsigned bits = 0, wanted = 3;
        for (unsigned k = 0; k < 64; k++) bits += (unsigned)__builtin_popcount(a.b[k]);
        unsigned n[3];
        for (unsigned j = 0; j < 3; j++) n[j] = topic[j] + (topic[3] >> j & 1 ? 256u : 0);
        if (n[0] == n[1] || n[0] == n[2]) wanted--;
        if (n[1] == n[2] && n[0] != n[1]) wanted--;
        if (n[0] == n[1] && n[1] == n[2]) wanted = 1;
        collided += bits < wanted;
    }
    assert_in_range(collided, rounds * 3 / 100, rounds * 6 / 100);    /* about 4 % of topics lose a bit by assignment */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encode_and_decode_agree),
        cmocka_unit_test(encode_leaves_a_full_buffer_alone),
        cmocka_unit_test(malformed_envelopes_are_refused),
        cmocka_unit_test(rating_follows_each_variable),
        cmocka_unit_test(work_bits_are_the_fewest_that_reach),
        cmocka_unit_test(search_finds_what_the_library_confirms),
        cmocka_unit_test(search_in_steps_and_cancelled),
        cmocka_unit_test(hits_are_checked_by_the_library),
        cmocka_unit_test(bloom_sets),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
