/* The pool's order and Whisper's rating: tests/vectors/network.json, groups "evict" and "rating" (SOTTO_VECTORS names another folder). */
#include "support/test.h"

#include "base/text.h"
#include "crypto/rng.h"
#include "whisper/pool.h"

#include <jansson.h>
#include <math.h>

#define ENTRIES_MAX 64u

static json_t *root;
static struct sotto_chacha_rng rng;

static double real_of(const char *bits)
{
    uint8_t be[8];
    double v;
    assert_int_equal(sotto_unhex(be, sizeof be, sotto_span_str(bits)), SOTTO_OK);
    uint64_t u = sotto_be64(be);
    memcpy(&v, &u, sizeof v);
    return v;
}

static bool collect(void *ctx, const struct sotto_pool_entry *e)
{
    uint8_t **at = ctx;
    memcpy(*at, e->hash, 32);
    *at += 32;
    return true;
}

/* All of data_size bytes, in a pool that holds just these: walked, and pushed out one by one. */
static void evict(const json_t *v, size_t data_size)
{
    static uint8_t data[4096], hashes[ENTRIES_MAX][32], walked[ENTRIES_MAX][32];
    const json_t *entries = json_object_get(json_object_get(v, "in"), "entries"), *order = json_object_get(json_object_get(v, "out"), "order");
    size_t count = json_array_size(entries);
    struct sotto_pool *p;
    struct sotto_buf rlp = sotto_buf_make(8192);
    assert_true(count > 1 && count <= ENTRIES_MAX && json_array_size(order) == count);
    struct sotto_pool_config c = { 1u << 20, (uint32_t)count, 0, &rng.rng };
    assert_int_equal(sotto_pool_new(&p, &c), SOTTO_OK);
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(entries, i);
        struct sotto_envelope e = { (uint32_t)json_integer_value(json_array_get(one, 1)), 1800, { (uint8_t)i }, { data, data_size }, 1 };
        struct sotto_pool_source from = { SOTTO_FROM_OUTBOUND, i };
        assert_int_equal(sotto_unhex(hashes[i], 32, sotto_span_str(json_string_value(json_array_get(one, 2)))), SOTTO_OK);
        rlp.size = 0;
        assert_int_equal(sotto_envelope_encode(&rlp, &e), SOTTO_OK);
        assert_int_equal(sotto_envelope_decode(&e, sotto_buf_span(&rlp)), SOTTO_OK);
        assert_int_equal(sotto_pool_add(p, NULL, &e, sotto_buf_span(&rlp), sotto_pool_id(p, hashes[i]), real_of(json_string_value(json_array_get(one, 0))), from), SOTTO_OK);
    }
    uint8_t *fill = walked[0];
    sotto_pool_each(p, collect, &fill);
    for (size_t i = 0; i < count; i++) assert_memory_equal(walked[count - 1 - i], hashes[json_integer_value(json_array_get(order, i))], 32);
    for (size_t i = 0; i < count; i++) {
        uint8_t hash[32];
        struct sotto_envelope e = { UINT32_MAX, 1800, { 0xff, (uint8_t)i }, { data, data_size }, 1 };
        struct sotto_pool_source from = { SOTTO_FROM_OUTBOUND, 1000 + i };
        sotto_rng_fill(&rng.rng, hash, sizeof hash);
        rlp.size = 0;
        assert_int_equal(sotto_envelope_encode(&rlp, &e), SOTTO_OK);
        assert_int_equal(sotto_envelope_decode(&e, sotto_buf_span(&rlp)), SOTTO_OK);
        assert_int_equal(sotto_pool_add(p, NULL, &e, sotto_buf_span(&rlp), sotto_pool_id(p, hash), 1e6, from), SOTTO_OK);
        for (size_t j = 0; j < count; j++) assert_true((sotto_pool_find(p, hashes[json_integer_value(json_array_get(order, j))]) == NULL) == (j <= i));
    }
    sotto_buf_free(&rlp);
    sotto_pool_free(p);
}

/* The order is that of envelopes of one size: native ones, longer ones, and short ones among themselves. */
static void test_evict(void **state)
{
    (void)state;
    static const size_t sizes[] = { SOTTO_NATIVE_DATA, 0, 8, 540, 2048 };
    unsigned seen = 0;
    size_t i;
    json_t *v;
    json_array_foreach(json_object_get(root, "vectors"), i, v) {
        if (strcmp(json_string_value(json_object_get(v, "group")), "evict") != 0) continue;
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) evict(v, sizes[s]);
        seen++;
    }
    assert_true(seen > 0);
}

static void test_rating(void **state)
{
    (void)state;
    unsigned seen = 0, floors = 0;
    size_t i, k;
    json_t *v, *bits;
    json_array_foreach(json_object_get(root, "vectors"), i, v) {
        if (strcmp(json_string_value(json_object_get(v, "group")), "rating") != 0) continue;
        const json_t *in = json_object_get(v, "in"), *out = json_object_get(json_object_get(v, "out"), "bits");
        if (json_is_string(out)) {
            double r = sotto_rating((unsigned)json_integer_value(json_object_get(in, "zeros")), (size_t)json_integer_value(json_object_get(in, "short_len")),
                                    (uint32_t)json_integer_value(json_object_get(in, "ttl")), (uint32_t)json_integer_value(json_object_get(in, "late")));
            assert_true(r == real_of(json_string_value(out)));
            seen++;
        } else {
            json_array_foreach(out, k, bits) {
                assert_true(ldexp(SOTTO_RATING_DEFAULT, (int)k) == real_of(json_string_value(bits)));
                floors++;
            }
        }
    }
    assert_true(seen > 0 && floors > 0);
}

int main(void)
{
    const char *folder = getenv("SOTTO_VECTORS");
    char path[4096];
    json_error_t e;
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    sotto_rng_from_seed(&rng, test_seed(), "pool vectors");
    snprintf(path, sizeof path, "%s/network.json", folder && *folder ? folder : SOTTO_SOURCE_DIR "/tests/vectors");
    root = json_load_file(path, 0, &e);
    if (!root) {
        fprintf(stderr, "%s: %s\n", path, e.text);
        return 1;
    }
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_evict), cmocka_unit_test(test_rating) };
    int failed = cmocka_run_group_tests_name("pool vectors", tests, NULL, NULL);
    json_decref(root);
    return failed;
}
