/* Numbers for graphs: the text is what Prometheus reads, line by line, and the JSON says the same. */
#include "node/meter.h"
#include "support/test.h"

#include <stdio.h>

static void tell(struct sotto_meter *m)
{
    struct sotto_histogram h = { 0 };
    static const uint64_t took[] = { 0, 100, 101, 4999, 60000000, 60000001, 3600000000 };
    for (size_t i = 0; i < sizeof took / sizeof *took; i++) sotto_histogram_add(&h, took[i]);
    assert_int_equal(sotto_histogram_count(&h), 7);
    sotto_meter_one(m, "up", "gauge", "One.", 1);
    sotto_meter_family(m, "part", "gauge", "Several.");
    sotto_meter_value(m, SOTTO_LABELS({ "a", "x" }, { "b", "q\"\\\n" }), -0.5);
    sotto_meter_value(m, SOTTO_LABELS({ "a", "y" }), 9007199254740991.0);
    sotto_meter_family(m, "took_seconds", "histogram", "How long.");
    sotto_meter_histogram(m, SOTTO_LABELS({ "m", "z" }), &h);
}

static void test_text(void **state)
{
    (void)state;
    struct sotto_buf out = sotto_buf_make(1 << 16);
    struct sotto_meter m = sotto_meter_text(&out);
    tell(&m);
    assert_int_equal(sotto_buf_add_u8(&out, 0), SOTTO_OK);
    assert_string_equal((const char *)out.data,
                        "# HELP sotto_up One.\n# TYPE sotto_up gauge\nsotto_up 1\n"
                        "# HELP sotto_part Several.\n# TYPE sotto_part gauge\n"
                        "sotto_part{a=\"x\",b=\"q\\\"\\\\\\n\"} -0.5\nsotto_part{a=\"y\"} 9007199254740991\n"
                        "# HELP sotto_took_seconds How long.\n# TYPE sotto_took_seconds histogram\n"
                        "sotto_took_seconds_bucket{m=\"z\",le=\"0.0001\"} 2\nsotto_took_seconds_bucket{m=\"z\",le=\"0.0005\"} 3\n"
                        "sotto_took_seconds_bucket{m=\"z\",le=\"0.001\"} 3\nsotto_took_seconds_bucket{m=\"z\",le=\"0.005\"} 4\n"
                        "sotto_took_seconds_bucket{m=\"z\",le=\"0.01\"} 4\nsotto_took_seconds_bucket{m=\"z\",le=\"0.05\"} 4\n"
                        "sotto_took_seconds_bucket{m=\"z\",le=\"0.1\"} 4\nsotto_took_seconds_bucket{m=\"z\",le=\"0.5\"} 4\n"
                        "sotto_took_seconds_bucket{m=\"z\",le=\"1\"} 4\nsotto_took_seconds_bucket{m=\"z\",le=\"5\"} 4\n"
                        "sotto_took_seconds_bucket{m=\"z\",le=\"10\"} 4\nsotto_took_seconds_bucket{m=\"z\",le=\"60\"} 5\n"
                        "sotto_took_seconds_bucket{m=\"z\",le=\"+Inf\"} 7\n"
                        "sotto_took_seconds_sum{m=\"z\"} 3720.005201\nsotto_took_seconds_count{m=\"z\"} 7\n");
    sotto_buf_free(&out);
}

/* A page that is full ends with a whole line. */
static void test_full(void **state)
{
    (void)state;
    for (size_t max = 0; max < 1200; max += 7) {
        struct sotto_buf out = sotto_buf_make(max);
        struct sotto_meter m = sotto_meter_text(&out);
        tell(&m);
        assert_true(out.size <= max && (out.size == 0 || out.data[out.size - 1] == '\n'));
        sotto_buf_free(&out);
    }
}

static void test_json(void **state)
{
    (void)state;
    json_t *list = json_array();
    struct sotto_meter m = sotto_meter_json(list);
    tell(&m);
    json_t *head = json_pack("[{s:s, s:s, s:s, s:[{s:i}]}, {s:s, s:s, s:s, s:[{s:{s:s, s:s}, s:f}, {s:{s:s}, s:I}]}]", "name", "sotto_up", "type", "gauge", "help", "One.",
                             "samples", "value", 1, "name", "sotto_part", "type", "gauge", "help", "Several.", "samples", "labels", "a", "x", "b", "q\"\\\n", "value",
                             -0.5, "labels", "a", "y", "value", (json_int_t)9007199254740991);
    assert_non_null(head);
    assert_int_equal(json_array_size(list), 3);
    for (size_t i = 0; i < 2; i++) assert_true(json_equal(json_array_get(list, i), json_array_get(head, i)));
    json_t *took = json_array_get(json_object_get(json_array_get(list, 2), "samples"), 0), *buckets = json_object_get(took, "buckets");
    assert_int_equal(json_integer_value(json_object_get(took, "count")), 7);
    assert_true(json_real_value(json_object_get(took, "sum")) == 3720.005201);
    assert_int_equal(json_array_size(buckets), SOTTO_HISTOGRAM_BOUNDS + 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(buckets, SOTTO_HISTOGRAM_BOUNDS), "le")), "+Inf");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(buckets, SOTTO_HISTOGRAM_BOUNDS), "count")), 7);
    json_decref(list);
    json_decref(head);
}

/* Whatever took how long: each is counted once, at the first bound that is not below it. */
static void test_bounds(void **state)
{
    (void)state;
    struct sotto_histogram h = { 0 };
    for (unsigned i = 0; i < SOTTO_HISTOGRAM_BOUNDS; i++) {
        assert_true(i == 0 || sotto_histogram_us[i] > sotto_histogram_us[i - 1]);
        sotto_histogram_add(&h, sotto_histogram_us[i]);
        assert_int_equal(h.counts[i], 1 + (i > 0));
        sotto_histogram_add(&h, sotto_histogram_us[i] + 1);
        assert_int_equal(h.counts[i + 1], 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_text), cmocka_unit_test(test_full), cmocka_unit_test(test_json), cmocka_unit_test(test_bounds) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
