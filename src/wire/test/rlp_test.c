#include "support/test.h"

#include "base/text.h"
#include "wire/rlp.h"

/* Published examples of the encoding (the yellow paper's appendix and the RLP page of the Ethereum wiki), and the edges of every form. */
static const struct { const char *name, *item; bool list; const char *body; } good[] = {
    { "empty string", "80", false, "" },
    { "zero byte", "00", false, "00" },
    { "0f", "0f", false, "0f" },
    { "7f", "7f", false, "7f" },
    { "80 as a byte", "8180", false, "80" },
    { "dog", "83646f67", false, "646f67" },
    { "1024", "820400", false, "0400" },
    { "cat, dog", "c88363617483646f67", true, "8363617483646f67" },
    { "empty list", "c0", true, "" },
    { "set of three", "c7c0c1c0c3c0c1c0", true, "c0c1c0c3c0c1c0" },
    { "Lorem ipsum, 56 bytes", "b8384c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e7365637465747572206164697069736963696e6720656c6974",
      false, "4c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e7365637465747572206164697069736963696e6720656c6974" },
};

static const struct { const char *name, *item; } bad[] = {
    { "nothing", "" },
    { "00 written long", "8100" },
    { "7f written long", "817f" },
    { "cut string", "83646f" },
    { "cut list", "c883636174" },
    { "long string of 55", "b837" },
    { "long string of 0", "b800" },
    { "long list of 55", "f837" },
    { "length with a leading zero", "b90038" },
    { "list length with a leading zero", "f90038" },
    { "length cut", "b9" },
    { "length of eight bytes, huge", "bfffffffffffffffff" },
    { "list length of eight bytes, huge", "ffffffffffffffffff" },
    { "child past its list", "c28363617483" },
    { "second child past its list", "c401836364" },
    { "deep child wrong", "c3c28100" },
    { "byte after the item", "8000" },
    { "item after the item", "c0c0" },
};

static size_t unhex(uint8_t *out, const char *text)
{
    size_t size = strlen(text) / 2;
    assert_int_equal(sotto_unhex(out, size, sotto_span_str(text)), SOTTO_OK);
    return size;
}

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint8_t item[128], body[128];
        size_t item_size = unhex(item, good[i].item), body_size = unhex(body, good[i].body);
        struct sotto_span in = sotto_span(item, item_size), text = { NULL, 0 }, raw;
        assert_int_equal(sotto_rlp_check(in), SOTTO_OK);
        struct sotto_rlp r = sotto_rlp(in), inner = { NULL, NULL };
        assert_int_equal(sotto_rlp_is_list(&r), good[i].list);
        if (good[i].list) {
            struct sotto_rlp other = r;
            assert_int_equal(sotto_rlp_bytes(&other, &text), SOTTO_ERR_RLP);
            assert_int_equal(sotto_rlp_list(&r, &inner), SOTTO_OK);
            text = sotto_rlp_rest(&inner);
        } else {
            struct sotto_rlp other = r;
            assert_int_equal(sotto_rlp_list(&other, &inner), SOTTO_ERR_RLP);
            assert_ptr_equal(other.at, r.at);
            assert_int_equal(sotto_rlp_bytes(&r, &text), SOTTO_OK);
        }
        assert_true(sotto_span_equal(text, sotto_span(body, body_size)));
        assert_int_equal(sotto_rlp_end(&r), SOTTO_OK);
        r = sotto_rlp(in);
        assert_int_equal(sotto_rlp_raw(&r, &raw), SOTTO_OK);
        assert_true(sotto_span_equal(raw, in));

        struct sotto_buf out = sotto_buf_make(256);
        if (good[i].list) {
            size_t mark = sotto_rlp_begin(&out);
            assert_int_equal(sotto_buf_add(&out, body, body_size), SOTTO_OK);
            assert_int_equal(sotto_rlp_end_list(&out, mark), SOTTO_OK);
            assert_int_equal(out.size, sotto_rlp_list_size(body_size));
        } else {
            assert_int_equal(sotto_rlp_add_bytes(&out, sotto_span(body, body_size)), SOTTO_OK);
            assert_int_equal(out.size, sotto_rlp_bytes_size(sotto_span(body, body_size)));
        }
        assert_true(sotto_span_equal(sotto_buf_span(&out), in));
        sotto_buf_free(&out);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t item[64];
        size_t size = unhex(item, bad[i].item);
        if (sotto_rlp_check(sotto_span(item, size)) != SOTTO_ERR_RLP) fail_msg("accepted: %s", bad[i].name);
    }
}

static void test_integers(void **state)
{
    (void)state;
    static const struct { const char *item; uint64_t max; enum sotto_err err; uint64_t value; } cases[] = {
        { "80", UINT64_MAX, SOTTO_OK, 0 },
        { "01", 1, SOTTO_OK, 1 },
        { "7f", UINT64_MAX, SOTTO_OK, 127 },
        { "8180", UINT64_MAX, SOTTO_OK, 128 },
        { "820400", UINT64_MAX, SOTTO_OK, 1024 },
        { "82ffff", 65535, SOTTO_OK, 65535 },
        { "83010000", 65535, SOTTO_ERR_RLP, 0 },           /* wider than its field */
        { "88ffffffffffffffff", UINT64_MAX, SOTTO_OK, UINT64_MAX },
        { "89010000000000000000", UINT64_MAX, SOTTO_ERR_RLP, 0 },
        { "00", UINT64_MAX, SOTTO_ERR_RLP, 0 },            /* zero is the empty string */
        { "820001", UINT64_MAX, SOTTO_ERR_RLP, 0 },
        { "8101", UINT64_MAX, SOTTO_ERR_RLP, 0 },
        { "c0", UINT64_MAX, SOTTO_ERR_RLP, 0 },
        { "02", 1, SOTTO_ERR_RLP, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t item[16];
        struct sotto_span in = sotto_span(item, unhex(item, cases[i].item));
        struct sotto_rlp r = sotto_rlp(in);
        uint64_t value = 77;
        assert_int_equal(sotto_rlp_uint_max(&r, &value, cases[i].max), cases[i].err);
        if (cases[i].err != SOTTO_OK) {
            assert_int_equal(value, 77);
            assert_ptr_equal(r.at, item);
            continue;
        }
        assert_true(value == cases[i].value);
        struct sotto_buf out = sotto_buf_make(16);
        assert_int_equal(sotto_rlp_add_uint(&out, value), SOTTO_OK);
        assert_true(sotto_span_equal(sotto_buf_span(&out), in));
        sotto_buf_free(&out);
    }
    uint8_t flag[] = { 0x80, 0x01, 0x02 };
    struct sotto_rlp r = sotto_rlp(SOTTO_SPAN(flag));
    bool value = true;
    assert_int_equal(sotto_rlp_bool(&r, &value), SOTTO_OK);
    assert_false(value);
    assert_int_equal(sotto_rlp_bool(&r, &value), SOTTO_OK);
    assert_true(value);
    assert_int_equal(sotto_rlp_bool(&r, &value), SOTTO_ERR_RLP);
}

static void test_fixed_and_tail(void **state)
{
    (void)state;
    uint8_t item[] = { 0xc9, 0x84, 1, 2, 3, 4, 0x05, 0xc2, 0x06, 0x07 };   /* [01020304, 5, [6, 7]] */
    struct sotto_rlp top = sotto_rlp(SOTTO_SPAN(item)), list;
    assert_int_equal(sotto_rlp_list(&top, &list), SOTTO_OK);
    uint8_t four[4] = { 0 }, three[3], five[5];
    assert_int_equal(sotto_rlp_fixed(&list, three, 3), SOTTO_ERR_RLP);
    assert_int_equal(sotto_rlp_fixed(&list, five, 5), SOTTO_ERR_RLP);
    assert_int_equal(sotto_rlp_fixed(&list, four, 4), SOTTO_OK);
    assert_memory_equal(four, item + 2, 4);
    assert_int_equal(sotto_rlp_end(&list), SOTTO_ERR_RLP);
    assert_int_equal(sotto_rlp_skip(&list), SOTTO_OK);
    assert_int_equal(sotto_rlp_skip(&list), SOTTO_OK);
    assert_int_equal(sotto_rlp_end(&list), SOTTO_OK);
    assert_int_equal(sotto_rlp_skip(&list), SOTTO_ERR_RLP);
}

static void test_depth(void **state)
{
    (void)state;
    uint8_t nested[64];
    for (unsigned depth = 1; depth <= 40; depth++) {
        for (unsigned i = 0; i < depth; i++) nested[i] = (uint8_t)(0xc0 + depth - 1 - i);
        enum sotto_err want = depth <= SOTTO_RLP_DEPTH_MAX ? SOTTO_OK : SOTTO_ERR_RLP;
        assert_int_equal(sotto_rlp_check(sotto_span(nested, depth)), want);
    }
}

/* Sizes around every change of form, written nested and read back; and a full buffer changes nothing. */
static void test_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 2, 54, 55, 56, 57, 255, 256, 257, 65535, 65536, 65537, 1u << 20 };
    uint8_t *text = calloc(1, 1u << 20);
    assert_non_null(text);
    memset(text, 0xaa, 1u << 20);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct sotto_buf out = sotto_buf_make((1u << 20) + 64);
        size_t outer = sotto_rlp_begin(&out);
        assert_int_equal(sotto_rlp_add_uint(&out, 5), SOTTO_OK);
        size_t inner = sotto_rlp_begin(&out);
        assert_int_equal(sotto_rlp_add_bytes(&out, sotto_span(text, sizes[i])), SOTTO_OK);
        assert_int_equal(sotto_rlp_end_list(&out, inner), SOTTO_OK);
        assert_int_equal(sotto_rlp_end_list(&out, outer), SOTTO_OK);
        assert_int_equal(sotto_rlp_check(sotto_buf_span(&out)), SOTTO_OK);
        struct sotto_rlp r = sotto_rlp(sotto_buf_span(&out)), a, b;
        struct sotto_span got;
        assert_int_equal(sotto_rlp_list(&r, &a), SOTTO_OK);
        assert_int_equal(sotto_rlp_skip(&a), SOTTO_OK);
        assert_int_equal(sotto_rlp_list(&a, &b), SOTTO_OK);
        assert_int_equal(sotto_rlp_bytes(&b, &got), SOTTO_OK);
        assert_true(sotto_span_equal(got, sotto_span(text, sizes[i])));
        sotto_buf_free(&out);

        struct sotto_buf full = sotto_buf_make(sotto_rlp_bytes_size(sotto_span(text, sizes[i])) - 1);
        assert_int_equal(sotto_rlp_add_bytes(&full, sotto_span(text, sizes[i])), SOTTO_ERR_FULL);
        assert_int_equal(full.size, 0);
        sotto_buf_free(&full);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples), cmocka_unit_test(test_refusals), cmocka_unit_test(test_integers),
        cmocka_unit_test(test_fixed_and_tail), cmocka_unit_test(test_depth), cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
