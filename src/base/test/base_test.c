/* base: buffers keep their cap, readers never pass the end, text forms have one form per value. */
#include "base/env.h"
#include "base/step.h"
#include "base/text.h"
#include "support/test.h"

static void buffer_keeps_its_cap(void **state)
{
    (void)state;
    struct sotto_buf b = sotto_buf_make(10);
    assert_int_equal(sotto_buf_add(&b, "123456", 6), SOTTO_OK);
    assert_int_equal(sotto_buf_add(&b, "78901", 5), SOTTO_ERR_FULL);
    assert_int_equal(b.size, 6);
    assert_int_equal(sotto_buf_add(&b, "7890", 4), SOTTO_OK);
    assert_memory_equal(b.data, "1234567890", 10);
    sotto_buf_drop(&b, 4);
    assert_memory_equal(b.data, "567890", 6);
    sotto_buf_free(&b);
    assert_int_equal(b.max, 10);
}

static void reader_stops_at_the_end(void **state)
{
    (void)state;
    const uint8_t bytes[] = { 1, 2, 3, 4, 5 };
    struct sotto_reader r = sotto_reader(SOTTO_SPAN(bytes));
    uint32_t v;
    uint16_t w;
    assert_int_equal(sotto_get_u32(&r, &v), SOTTO_OK);
    assert_int_equal(v, 0x01020304);
    assert_int_equal(sotto_get_end(&r), SOTTO_ERR_FORMAT);
    assert_int_equal(sotto_get_u16(&r, &w), SOTTO_ERR_FORMAT);
    assert_int_equal(sotto_reader_left(&r), 1);
}

static void text_forms_are_strict(void **state)
{
    (void)state;
    uint8_t out[4];
    assert_int_equal(sotto_unhex(out, 4, sotto_span_str("DeadBeef")), SOTTO_OK);
    assert_int_equal(sotto_unhex(out, 4, sotto_span_str("deadbee")), SOTTO_ERR_FORMAT);
    assert_int_equal(sotto_unhex(out, 4, sotto_span_str("deadbeeg")), SOTTO_ERR_FORMAT);
    struct sotto_buf b = sotto_buf_make(100);
    assert_int_equal(sotto_unbase64url(&b, sotto_span_str("AB")), SOTTO_ERR_FORMAT);      /* spare bits not zero */
    assert_int_equal(sotto_unbase64url(&b, sotto_span_str("AA==")), SOTTO_ERR_FORMAT);
    assert_int_equal(sotto_unbase64url(&b, sotto_span_str("A")), SOTTO_ERR_FORMAT);
    assert_int_equal(b.size, 0);
    for (size_t n = 0; n < 40; n++) {
        uint8_t data[40];
        for (size_t i = 0; i < n; i++) data[i] = (uint8_t)(i * 37 + n);
        struct sotto_buf text = sotto_buf_make(100), back = sotto_buf_make(100);
        assert_int_equal(sotto_base64url_add(&text, sotto_span(data, n)), SOTTO_OK);
        assert_int_equal(sotto_unbase64url(&back, sotto_buf_span(&text)), SOTTO_OK);
        assert_int_equal(back.size, n);
        if (n) assert_memory_equal(back.data, data, n);
        sotto_buf_free(&text);
        sotto_buf_free(&back);
    }
    sotto_buf_free(&b);
}

static void addresses_have_one_text(void **state)
{
    (void)state;
    char text[64];
    struct sotto_addr a = { .ip = { 127, 0, 0, 1 }, .port = 80, .family = 4 };
    sotto_addr_text(text, &a);
    assert_string_equal(text, "127.0.0.1:80");
    assert_true(sotto_addr_loopback(&a));
    struct sotto_addr six = { .ip = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, .port = 9, .family = 6 };
    sotto_addr_text(text, &six);
    assert_string_equal(text, "[2001:db8::1]:9");
    struct sotto_addr loop = { .ip = { [15] = 1 }, .port = 9, .family = 6 };
    sotto_addr_text(text, &loop);
    assert_string_equal(text, "[::1]:9");
    assert_true(sotto_addr_loopback(&loop));
    assert_false(sotto_addr_loopback(&six));
}

static void every_error_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < SOTTO_ERR_COUNT; i++)
        for (int j = 0; j < i; j++) assert_string_not_equal(sotto_err_name((enum sotto_err)i), sotto_err_name((enum sotto_err)j));
    assert_string_equal(sotto_err_name((enum sotto_err)9999), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_keeps_its_cap),
        cmocka_unit_test(reader_stops_at_the_end),
        cmocka_unit_test(text_forms_are_strict),
        cmocka_unit_test(addresses_have_one_text),
        cmocka_unit_test(every_error_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
