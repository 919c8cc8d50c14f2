/* target: both encodings have one form, work against long division, the retarget rule against arithmetic on single bits. */
#include "support/test.h"

#include "crypto/rng.h"
#include "ledger/target.h"

#include <jansson.h>

static struct sotto_chacha_rng rng;

/* ---- numbers of single bits, least first: slow and plain ---- */

enum { BITS = 1400 };
struct number { uint8_t bit[BITS]; };

static struct number number_of(const uint8_t *bytes, size_t size)
{
    struct number n = { { 0 } };
    for (size_t i = 0; i < size * 8; i++) n.bit[i] = bytes[size - 1 - i / 8] >> i % 8 & 1;
    return n;
}

static void bytes_of(uint8_t *out, size_t size, const struct number *n)
{
    memset(out, 0, size);
    for (size_t i = 0; i < size * 8; i++) out[size - 1 - i / 8] |= (uint8_t)(n->bit[i] << i % 8);
}

static int compare(const struct number *a, const struct number *b)
{
    for (size_t i = BITS; i-- > 0;)
        if (a->bit[i] != b->bit[i]) return a->bit[i] < b->bit[i] ? -1 : 1;
    return 0;
}

static struct number sum_of(const struct number *a, const struct number *b)
{
    struct number s;
    unsigned carry = 0;
    for (size_t i = 0; i < BITS; i++) {
        carry += a->bit[i] + b->bit[i];
        s.bit[i] = carry & 1;
        carry >>= 1;
    }
    return s;
}

static struct number minus(const struct number *a, const struct number *b)
{
    struct number s;
    int borrow = 0;
    for (size_t i = 0; i < BITS; i++) {
        int d = a->bit[i] - b->bit[i] - borrow;
        s.bit[i] = (uint8_t)(d & 1);
        borrow = d < 0;
    }
    return s;
}

static struct number shifted(const struct number *a, int by)
{
    struct number s = { { 0 } };
    for (int i = 0; i < BITS; i++)
        if (i - by >= 0 && i - by < BITS) s.bit[i] = a->bit[i - by];
    return s;
}

/* ---- encodings ---- */

static void what_is_taken_is_written_again(void **state)
{
    (void)state;
    struct sotto_target t;
    unsigned taken = 0;
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t bits = (uint32_t)sotto_rng_u64(&rng.rng);
        if (i % 2) bits = (bits & 0xffffff) | (uint32_t)sotto_rng_below(&rng.rng, 68) << 24;
        if (i % 3 == 0) bits &= ~(uint32_t)(0xff << 8 * sotto_rng_below(&rng.rng, 3));
        if (sotto_target_of(&t, bits) != SOTTO_OK || bits >> 8 == SOTTO_BITS_ZEROS >> 8) continue;
        assert_int_equal(sotto_target_bits(&t), bits);
        taken++;
    }
    assert_true(taken > 2000);
    for (uint32_t d = 0; d <= 255; d++) {
        static const struct sotto_work none;
        struct sotto_work w;
        assert_int_equal(sotto_target_of(&t, SOTTO_BITS_ZEROS + d), d <= 128 ? SOTTO_OK : SOTTO_W_BITS);
        if (d > 128) continue;
        for (unsigned k = 0; k < 128; k++) assert_int_equal(t.b[k / 2] >> (k % 2 ? 0 : 4) & 15, k < d ? 0 : 15);
        sotto_work_of(&w, &t);                    /* 16^d tries */
        for (unsigned k = 0; k < 65; k++) assert_int_equal(w.b[64 - k], k == d / 2 ? (d % 2 ? 16 : 1) : none.b[0]);
    }
}

static struct sotto_target some_target(void)
{
    struct sotto_target t = { { 0 } };
    size_t size = 1 + sotto_rng_below(&rng.rng, 64);
    sotto_rng_fill(&rng.rng, t.b + 64 - size, size);
    if (sotto_rng_below(&rng.rng, 4) == 0) memset(t.b + 64 - size, 0xff, size);
    if (sotto_rng_below(&rng.rng, 4) == 0) t.b[64 - size] |= 0x80;
    t.b[63] |= 1;
    return t;
}

/* Compact keeps the first bits and rounds down. */
static void compact_rounds_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        struct sotto_target t = some_target(), u;
        assert_int_equal(sotto_target_of(&u, sotto_target_bits(&t)), SOTTO_OK);
        assert_true(memcmp(u.b, t.b, 64) <= 0);
        assert_int_equal(sotto_target_bits(&u), sotto_target_bits(&t));
        unsigned same = 0, first = 0;
        while (first < 512 && !(t.b[first / 8] & 0x80 >> first % 8)) first++;
        while (first + same < 512 && !((t.b[(first + same) / 8] ^ u.b[(first + same) / 8]) & 0x80 >> (first + same) % 8)) same++;
        assert_true(same >= 15 || first + same == 512);
    }
}

static void work_is_a_division(void **state)
{
    (void)state;
    struct number one = { { 1 } }, power = { { 0 } };
    power.bit[512] = 1;
    for (unsigned i = 0; i < 60; i++) {
        struct sotto_target t = some_target();
        struct number divisor = number_of(t.b, 64), rest = power, quotient = { { 0 } };
        struct sotto_work w;
        uint8_t expected[65];
        divisor = sum_of(&divisor, &one);
        for (int by = 512; by >= 0; by--) {
            struct number d = shifted(&divisor, by);
            if (compare(&d, &rest) > 0) continue;
            rest = minus(&rest, &d);
            quotient.bit[by] = 1;
        }
        bytes_of(expected, 65, &quotient);
        sotto_work_of(&w, &t);
        assert_memory_equal(w.b, expected, 65);
    }
}

static void work_adds_up(void **state)
{
    (void)state;
    struct sotto_work sum = { { 0 } }, one = { { 0 } }, most;
    one.b[64] = 200;
    for (unsigned i = 0; i < 1000; i++) sotto_work_add(&sum, &one);
    assert_int_equal(sotto_be32(sum.b + 61), 200000);
    assert_true(sotto_work_compare(&one, &sum) < 0);
    memset(most.b, 0xff, sizeof most.b);
    sum = most;
    sotto_work_add(&sum, &one);
    assert_int_equal(sotto_work_compare(&sum, &most), 0);
}

static void met_is_not_above(void **state)
{
    (void)state;
    struct sotto_target t = { { 0 } };
    uint8_t id[64] = { 0 };
    t.b[1] = 7;
    memcpy(id, t.b, 64);
    assert_true(sotto_target_met(&t, id));
    id[63] = 1;
    assert_false(sotto_target_met(&t, id));
    id[1] = 6;
    assert_true(sotto_target_met(&t, id));
}

/* ---- retarget ---- */

static uint32_t slow_asert(const struct sotto_asert *a, uint64_t parent_time, uint32_t height)
{
    __int128 late = (__int128)parent_time - a->genesis_time + a->spacing - (__int128)a->spacing * ((__int128)height + 1);
    bool early = late < 0;
    unsigned __int128 size = (unsigned __int128)(early ? -late : late) * 65536 / a->halflife;
    __int128 x = early ? -(__int128)size : (__int128)size, s = x / 65536, f = x % 65536;
    if (f < 0) f += 65536, s--;
    unsigned __int128 u = (unsigned __int128)f, poly = UINT64_C(195766423245049) * u + 971821376 * u * u + 5127 * u * u * u;
    uint32_t factor = 65536 + (uint32_t)((poly + ((unsigned __int128)1 << 47)) >> 48);
    struct number anchor = number_of(a->anchor.b, 64), n = { { 0 } }, limit = number_of(a->limit.b, 64), zero = { { 0 } };
    for (int i = 0; i < 17; i++) {
        struct number part = shifted(&anchor, i);
        if (factor >> i & 1) n = sum_of(&n, &part);
    }
    int by = s > 800 ? 800 : s < -800 ? -800 : (int)s;               /* 529 bits of 1,400: nothing of it is lost at the top */
    n = shifted(&n, by - 16);
    if (compare(&n, &zero) == 0) n.bit[0] = 1;
    if (compare(&n, &limit) > 0) n = limit;
    struct sotto_target t;
    bytes_of(t.b, 64, &n);
    return sotto_target_bits(&t);
}

static void follows_the_clock(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4000; i++) {
        struct sotto_asert a = { .anchor = some_target(), .limit = some_target(), .genesis_time = sotto_rng_u64(&rng.rng) >> sotto_rng_below(&rng.rng, 64),
                                 .spacing = (uint32_t)(sotto_rng_u64(&rng.rng) >> (32 + sotto_rng_below(&rng.rng, 32))),
                                 .halflife = 1 + (sotto_rng_u64(&rng.rng) >> sotto_rng_below(&rng.rng, 63)) };
        uint32_t height = (uint32_t)(sotto_rng_u64(&rng.rng) >> (32 + sotto_rng_below(&rng.rng, 32)));
        uint64_t time = sotto_rng_u64(&rng.rng) >> sotto_rng_below(&rng.rng, 64);
        if (i % 2) {                              /* near what is due, in halflives of either side */
            a.genesis_time >>= 16;
            a.halflife = 1 + (a.halflife >> 24);
            uint64_t due = a.genesis_time + (uint64_t)a.spacing * height, off = sotto_rng_below(&rng.rng, 700) * a.halflife + sotto_rng_below(&rng.rng, a.halflife);
            time = i % 4 == 1 ? due + off : off < due ? due - off : 0;
        }
        assert_int_equal(sotto_asert_bits(&a, time, height), slow_asert(&a, time, height));
    }
}

/* 600 halflives late or early: nothing is left of the anchor, and no shift of more bits than there are. */
static void far_from_the_clock(void **state)
{
    (void)state;
    struct sotto_asert a = { .genesis_time = UINT64_C(1) << 50, .spacing = 60000, .halflife = 3600000 };
    struct sotto_target one = { { 0 } };
    one.b[63] = 1;
    assert_int_equal(sotto_target_of(&a.anchor, SOTTO_BITS_ZEROS + 64), SOTTO_OK);
    assert_int_equal(sotto_target_of(&a.limit, SOTTO_BITS_ZEROS + 1), SOTTO_OK);
    for (uint64_t halflives = 600; halflives < 100000; halflives = halflives * 3 / 2) {
        assert_int_equal(sotto_asert_bits(&a, a.genesis_time + halflives * a.halflife, 0), sotto_target_bits(&a.limit));
        assert_int_equal(sotto_asert_bits(&a, a.genesis_time - halflives * a.halflife, 0), sotto_target_bits(&one));
    }
    assert_int_equal(sotto_asert_bits(&a, UINT64_MAX, 0), sotto_target_bits(&a.limit));
    assert_int_equal(sotto_asert_bits(&a, 0, UINT32_MAX), sotto_target_bits(&one));
    assert_int_equal(sotto_asert_bits(&a, a.genesis_time, 0), sotto_target_bits(&a.anchor));      /* on time */
    memset(&a.anchor, 0, sizeof a.anchor);        /* 128 zeros may be asked for at the start; then it is 1 */
    assert_int_equal(sotto_asert_bits(&a, UINT64_MAX, 0), sotto_target_bits(&one));
}

/* The rows that the makers of the rule published: the same with 256-bit targets and seconds, two days of halflife, ten minutes a block. */
static uint64_t number_in(const json_t *value) { return json_is_string(value) ? strtoull(json_string_value(value), NULL, 10) : (uint64_t)json_integer_value(value); }

static void as_its_makers_say(void **state)
{
    (void)state;
    json_t *root = json_load_file(SOTTO_SOURCE_DIR "/tests/vectors/public/asert.json", JSON_REJECT_DUPLICATES, NULL), *run, *row;
    size_t r, i, rows = 0;
    assert_int_equal(json_array_size(root), 12);
    json_array_foreach(root, r, run) {
        struct sotto_asert a = { .spacing = 600, .halflife = 172800 };
        a.genesis_time = number_in(json_object_get(run, "before")) + a.spacing;
        assert_int_equal(sotto_target_of(&a.anchor, (uint32_t)strtoul(json_string_value(json_object_get(run, "anchor")), NULL, 16)), SOTTO_OK);
        assert_int_equal(sotto_target_of(&a.limit, 0x1d00ffff), SOTTO_OK);
        json_array_foreach(json_object_get(run, "rows"), i, row) {
            uint64_t height = number_in(json_array_get(row, 0)) - number_in(json_object_get(run, "height"));
            uint32_t bits = sotto_asert_bits(&a, number_in(json_array_get(row, 1)), (uint32_t)height);
            assert_int_equal(bits, strtoul(json_string_value(json_array_get(row, 2)), NULL, 16));
            rows++;
        }
    }
    assert_int_equal(rows, 893);
    json_decref(root);
}

int main(void)
{
    sotto_rng_from_seed(&rng, test_seed(), "target test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_written_again), cmocka_unit_test(compact_rounds_down), cmocka_unit_test(work_is_a_division),
        cmocka_unit_test(work_adds_up), cmocka_unit_test(met_is_not_above), cmocka_unit_test(follows_the_clock), cmocka_unit_test(far_from_the_clock),
        cmocka_unit_test(as_its_makers_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
