/* Values as Go takes them: row by row, with its words. */
#include "rpc/go.h"
#include "support/test.h"

struct taken { struct sotto_span text; struct sotto_buf bytes, topics; uint8_t topic[4]; uint32_t number; double real; bool yes; };

static bool take(struct taken *t, const char *json, struct sotto_go_fault *fault)
{
    const struct sotto_go_field fields[] = {
        { "text", SOTTO_GO_STRING, &t->text }, { "bytes", SOTTO_GO_BYTES, &t->bytes }, { "topic", SOTTO_GO_TOPIC, t->topic }, { "topics", SOTTO_GO_TOPICS, &t->topics },
        { "number", SOTTO_GO_UINT32, &t->number }, { "real", SOTTO_GO_FLOAT64, &t->real }, { "yes", SOTTO_GO_BOOL, &t->yes },
    };
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    *t = (struct taken){ .bytes = sotto_buf_make(64), .topics = sotto_buf_make(64), .number = 7 };
    bool good = sotto_go_object(fields, sizeof fields / sizeof *fields, "Thing", value, fault);
    t->text = sotto_span(NULL, t->text.size);             /* it went with the value */
    json_decref(value);
    return good;
}

static void done(struct taken *t)
{
    sotto_buf_free(&t->bytes);
    sotto_buf_free(&t->topics);
}

static void good_ones(void **state)
{
    (void)state;
    struct sotto_go_fault fault;
    struct taken t;
    assert_true(take(&t, "{\"TEXT\":\"abc\",\"Bytes\":\"0Xaa01\",\"topic\":\"0x01020304\",\"topics\":[\"0xFFffFFff\",null],\"number\":4294967295,\"real\":1,\"yes\":true,\"x\":{}}", &fault));
    assert_true(t.text.size == 3 && t.bytes.size == 2 && t.bytes.data[0] == 0xaa && sotto_be32(t.topic) == 0x01020304 && t.number == UINT32_MAX && t.real == 1 && t.yes);
    assert_true(t.topics.size == 8 && sotto_be32(t.topics.data) == UINT32_MAX && sotto_be32(t.topics.data + 4) == 0);
    done(&t);
    assert_true(take(&t, "{\"text\":null,\"bytes\":null,\"topic\":null,\"topics\":null,\"number\":null,\"real\":null,\"yes\":null}", &fault));
    assert_true(t.text.size == 0 && t.bytes.size == 0 && t.topics.size == 0 && t.number == 7 && t.real == 0 && !t.yes);
    done(&t);
    assert_true(take(&t, "null", &fault));
    done(&t);
    assert_true(take(&t, "{\"number\":1,\"NUMBER\":2,\"bytes\":\"0x01\",\"BYTES\":\"\"}", &fault));       /* the last counts */
    assert_true(t.number == 2 && t.bytes.size == 0);
    done(&t);
}

static void bad_ones(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "[]", "json: cannot unmarshal array into Go value of type whisperv6.Thing" }, { "\"x\"", "json: cannot unmarshal string into Go value of type whisperv6.Thing" },
        { "{\"text\":1}", "json: cannot unmarshal number into Go struct field Thing.text of type string" },
        { "{\"number\":\"0x1\"}", "json: cannot unmarshal string into Go struct field Thing.number of type uint32" },
        { "{\"number\":-1}", "json: cannot unmarshal number -1 into Go struct field Thing.number of type uint32" },
        { "{\"number\":4294967296}", "json: cannot unmarshal number 4294967296 into Go struct field Thing.number of type uint32" },
        { "{\"number\":1.5}", "json: cannot unmarshal number 1.5 into Go struct field Thing.number of type uint32" },
        { "{\"real\":\"1\"}", "json: cannot unmarshal string into Go struct field Thing.real of type float64" },
        { "{\"yes\":1}", "json: cannot unmarshal number into Go struct field Thing.yes of type bool" },
        { "{\"bytes\":\"aa\"}", "json: cannot unmarshal hex string without 0x prefix into Go struct field Thing.bytes of type hexutil.Bytes" },
        { "{\"bytes\":\"0xa\"}", "json: cannot unmarshal hex string of odd length into Go struct field Thing.bytes of type hexutil.Bytes" },
        { "{\"bytes\":\"0xag\"}", "json: cannot unmarshal invalid hex string into Go struct field Thing.bytes of type hexutil.Bytes" },
        { "{\"bytes\":[1]}", "json: cannot unmarshal non-string into Go struct field Thing.bytes of type hexutil.Bytes" },
        { "{\"topic\":\"\"}", "hex string has length 0, want 8 for Topic" }, { "{\"topic\":\"0x010203\"}", "hex string has length 6, want 8 for Topic" },
        { "{\"topic\":\"01020304\"}", "hex string without 0x prefix" }, { "{\"topic\":\"0x0102030g\"}", "invalid hex string" },
        { "{\"topic\":5}", "json: cannot unmarshal number into Go struct field Thing.topic of type whisperv6.TopicType" },
        { "{\"topics\":\"0x01020304\"}", "json: cannot unmarshal string into Go struct field Thing.topics of type []whisperv6.TopicType" },
        { "{\"topics\":[\"0x01\"]}", "hex string has length 2, want 8 for Topic" },
        { "{\"topics\":[null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null]}", "too many topics" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sotto_go_fault fault = { "" };
        struct taken t;
        assert_false(take(&t, rows[i][0], &fault));
        assert_string_equal(fault.why, rows[i][1]);
        done(&t);
    }
    struct sotto_go_fault fault;                          /* bytes that stand by themselves refuse null */
    struct sotto_buf b = sotto_buf_make(64);
    json_t *null = json_null();
    assert_false(sotto_go_value(&b, SOTTO_GO_BYTES, null, &fault));
    assert_string_equal(fault.why, "json: cannot unmarshal non-string into Go value of type hexutil.Bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(good_ones), cmocka_unit_test(bad_ones) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
