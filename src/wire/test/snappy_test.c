#include "support/test.h"

#include "base/text.h"
#include "wire/snappy.h"

static enum sotto_err inflate(struct sotto_buf *out, const char *hex, size_t max)
{
    uint8_t block[256];
    size_t size = strlen(hex) / 2;
    assert_int_equal(sotto_unhex(block, size, sotto_span_str(hex)), SOTTO_OK);
    return sotto_snappy_inflate(out, sotto_span(block, size), max);
}

static void test_known_blocks(void **state)
{
    (void)state;
    struct sotto_buf out = sotto_buf_make(256);
    assert_int_equal(inflate(&out, "0100c0", 256), SOTTO_OK);              /* [] : devp2p.md 7 */
    assert_int_equal(out.size, 1);
    assert_int_equal(out.data[0], 0xc0);
    assert_int_equal(inflate(&out, "0204c104", 256), SOTTO_OK);            /* [4] */
    assert_memory_equal(out.data, "\xc0\xc1\x04", 3);
    sotto_buf_free(&out);
    assert_int_equal(inflate(&out, "0a0461620d02", 256), SOTTO_ERR_SNAPPY); /* says 10, gives less */
    assert_int_equal(inflate(&out, "00", 256), SOTTO_OK);                  /* an empty text */
    assert_int_equal(out.size, 0);
    assert_int_equal(sotto_snappy_deflate(&out, sotto_span("\xc0", 1)), SOTTO_OK);
    assert_int_equal(out.size, 3);
    assert_memory_equal(out.data, "\x01\x00\xc0", 3);
    sotto_buf_free(&out);
}

static void test_refusals(void **state)
{
    (void)state;
    struct sotto_buf out = sotto_buf_make(64);
    static const char *const corrupt[] = {
        "", "80", "ffffffffffff", "01", "0100", "0100c0c0", "020401", "0501", "04fc", "0801ff", "c100", "c104", "c110",
    };
    for (size_t i = 0; i < sizeof corrupt / sizeof *corrupt; i++) {
        if (inflate(&out, corrupt[i], 1000000) != SOTTO_ERR_SNAPPY) fail_msg("accepted: %s", corrupt[i]);
        assert_int_equal(out.size, 0);
    }
    assert_int_equal(inflate(&out, "0204c104", 1), SOTTO_ERR_FRAME_SIZE);
    assert_null(out.data);                                                 /* refused before anything was allocated */
    assert_int_equal(inflate(&out, "ffffffff0f00", 0xffffff), SOTTO_ERR_FRAME_SIZE);
    assert_null(out.data);
    size_t size = 5;
    assert_int_equal(sotto_snappy_size(&size, sotto_span("\xff\xff\xff\x07", 4), 0xffffff), SOTTO_OK);
    assert_int_equal(size, 0xffffff);
    assert_int_equal(sotto_snappy_size(&size, sotto_span("\x80\x80\x80\x08", 4), 0xffffff), SOTTO_ERR_FRAME_SIZE);
    out.max = 1;
    assert_int_equal(inflate(&out, "0204c104", 2), SOTTO_ERR_FULL);
    sotto_buf_free(&out);
}

static void test_round_trip(void **state)
{
    (void)state;
    srand((unsigned)test_seed());
    for (int round = 0; round < 50; round++) {
        size_t size = (size_t)rand() % 200000;
        uint8_t *text = malloc(size + 1);
        assert_non_null(text);
        for (size_t i = 0; i < size; i++) text[i] = (uint8_t)(round % 2 ? (size_t)rand() : i / 100);
        struct sotto_buf block = sotto_buf_make(1u << 20), back = sotto_buf_make(1u << 20);
        assert_int_equal(sotto_snappy_deflate(&block, sotto_span(text, size)), SOTTO_OK);
        assert_true(block.size <= sotto_snappy_bound(size));
        assert_int_equal(sotto_snappy_inflate(&back, sotto_buf_span(&block), size), SOTTO_OK);
        assert_true(sotto_span_equal(sotto_buf_span(&back), sotto_span(text, size)));
        if (size) {
            sotto_buf_free(&back);
            assert_int_equal(sotto_snappy_inflate(&back, sotto_buf_span(&block), size - 1), SOTTO_ERR_FRAME_SIZE);
        }
        sotto_buf_free(&block);
        sotto_buf_free(&back);
        free(text);
    }
}

/* What is borrowed from a block is what stands in it; the same bytes written in any other way are not borrowed. */
static void check_borrowed(struct sotto_buf *block, size_t n)
{
    struct sotto_span all = sotto_buf_span(block), plain = sotto_span(NULL, 0);
    size_t head = block->size - n;
    assert_int_equal(sotto_snappy_literal_plain(&plain, all), SOTTO_OK);
    assert_true(plain.data == block->data + head && plain.size == n);
    assert_int_equal(sotto_snappy_literal_plain(&plain, sotto_span_cut(all, 0, all.size - 1)), SOTTO_ERR_MISSING);
    assert_int_equal(sotto_snappy_literal_plain(&plain, sotto_span(all.data, 0)), SOTTO_ERR_MISSING);
    for (size_t i = 0; i < 8 * head; i++) {
        block->data[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_int_equal(sotto_snappy_literal_plain(&plain, all), SOTTO_ERR_MISSING);
        block->data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    assert_int_equal(sotto_buf_add_u8(block, 0), SOTTO_OK);
    assert_int_equal(sotto_snappy_literal_plain(&plain, sotto_buf_span(block)), SOTTO_ERR_MISSING);
}

/* One literal of every size: libsnappy reads it, and its length says nothing about what is in it. */
static void test_literal(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 2, 59, 60, 61, 127, 128, 255, 256, 257, 259, 1155, 16383, 16384, 65535, 65536 };
    static uint8_t text[65537];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct sotto_buf block = sotto_buf_make(1u << 17), back = sotto_buf_make(1u << 17);
        size_t n = sizes[i];
        assert_int_equal(sotto_snappy_literal(&block, sotto_span(text, n)), SOTTO_OK);
        assert_int_equal(block.size, n + (n < 128 ? 1 : n < 16384 ? 2 : 3) + (n <= 60 ? 1 : n <= 256 ? 2 : 3));
        assert_int_equal(sotto_snappy_inflate(&back, sotto_buf_span(&block), n), SOTTO_OK);
        assert_true(back.size == n && memcmp(back.data, text, n) == 0);
        check_borrowed(&block, n);
        sotto_buf_free(&block);
        sotto_buf_free(&back);
    }
    struct sotto_buf small = sotto_buf_make(5);
    assert_int_equal(sotto_snappy_literal(&small, sotto_span(text, 0)), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_snappy_literal(&small, sotto_span(text, 65537)), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_snappy_literal(&small, sotto_span(text, 4)), SOTTO_ERR_FULL);
    assert_int_equal(small.size, 0);
    sotto_buf_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_blocks), cmocka_unit_test(test_refusals), cmocka_unit_test(test_round_trip), cmocka_unit_test(test_literal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
