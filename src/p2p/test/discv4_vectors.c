/* The published values of discovery v4 and of node records (devp2p.md 10.5, 10.6), from tests/vectors/public/discv4.json. */
#include "support/test.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "p2p/enr.h"

#include <jansson.h>

static json_t *root;

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    assert_non_null(text);
    return text;
}
static void hex_of(uint8_t *out, size_t size, const json_t *o, const char *name)
{
    assert_int_equal(sotto_unhex(out, size, sotto_span_str(text_of(o, name))), SOTTO_OK);
}

static void test_records(void **state)
{
    (void)state;
    size_t i, whole = 0;
    json_t *v;
    json_array_foreach(json_object_get(root, "enr"), i, v) {
        struct sotto_scalar key;
        struct sotto_enr r, made;
        struct sotto_enr_record record, again;
        struct sotto_addr addr;
        uint16_t tcp;
        char text[SOTTO_ENR_TEXT_SIZE], where[64];
        uint8_t id[32], want[SOTTO_ENR_SIZE_MAX];
        hex_of(key.b, 32, v, "key");
        assert_int_equal(sotto_enr_parse(&record, &r, sotto_span_str(text_of(v, "text"))), SOTTO_OK);
        assert_true(r.seq == (uint64_t)json_integer_value(json_object_get(v, "seq")));
        assert_true(sotto_enr_endpoint(&r, &addr, &tcp));
        sotto_addr_text(where, &addr);
        assert_memory_equal(where, text_of(v, "ip"), strlen(text_of(v, "ip")));
        assert_int_equal(addr.port, json_integer_value(json_object_get(v, "udp")));
        assert_int_equal(tcp, 0);
        /* RFC 6979: our signature is the published one, so the bytes are */
        memset(&made, 0, sizeof made);
        made.seq = r.seq;
        made.has_ip4 = true;
        memcpy(made.ip4, addr.ip, 4);
        made.udp = addr.port;
        assert_int_equal(sotto_enr_sign(&again, &made, &key), SOTTO_OK);
        assert_true(sotto_span_equal(sotto_enr_span(&record), sotto_enr_span(&again)));
        assert_int_equal(sotto_enr_text(text, sotto_enr_span(&again)), SOTTO_OK);
        assert_string_equal(text, text_of(v, "text"));
        if (!json_object_get(v, "record")) continue;
        whole++;
        assert_int_equal(strlen(text_of(v, "record")), 2 * record.size);
        hex_of(want, record.size, v, "record");
        assert_memory_equal(want, record.b, record.size);
        hex_of(want, 32, v, "node");
        sotto_keccak256(id, SOTTO_SPAN(r.key));
        assert_memory_equal(want, id, 32);
    }
    assert_true(i == 2 && whole == 1);
    json_array_foreach(json_object_get(root, "enr_bad"), i, v) {
        struct sotto_enr r;
        struct sotto_enr_record record;
        assert_int_equal(sotto_enr_parse(&record, &r, sotto_span_str(json_string_value(v))), SOTTO_ERR_SIG_FORM);
    }
    assert_int_equal(i, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
    };
    json_error_t error;
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    root = json_load_file(SOTTO_SOURCE_DIR "/tests/vectors/public/discv4.json", JSON_REJECT_DUPLICATES, &error);
    if (!root) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(root);
    return failed;
}
