/* Any bytes as hex, as base64url and as UTF-8: what is accepted is written back to the same text, what was made is read back. */
#include "support/fuzz_input.h"

#include "base/text.h"

/* A second way to say the same: one code point after the other, by its value. */
static bool utf8_by_value(struct sotto_span t)
{
    for (size_t i = 0; i < t.size;) {
        uint8_t c = t.data[i];
        unsigned more = c < 0x80 ? 0 : c < 0xc0 ? 9 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf8 ? 3 : 9;
        uint32_t v = more == 0 ? c : c & (0x3fu >> more);
        static const uint32_t least[4] = { 0, 0x80, 0x800, 0x10000 };
        if (more == 9 || more >= t.size - i) return false;
        for (unsigned k = 1; k <= more; k++) {
            if ((t.data[i + k] & 0xc0) != 0x80) return false;
            v = v << 6 | (t.data[i + k] & 0x3fu);
        }
        if (v < least[more] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) return false;
        i += more + 1;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_span in = sotto_span(data, size);
    struct sotto_buf text = sotto_buf_make(2 * size + 4), bytes = sotto_buf_make(size + 4);
    SOTTO_ASSERT(sotto_utf8_valid(in) == utf8_by_value(in));

    if (fuzz_err(sotto_unbase64url(&bytes, in)) == SOTTO_OK) {
        SOTTO_ASSERT(bytes.size == size * 3 / 4 && sotto_base64url_add(&text, sotto_buf_span(&bytes)) == SOTTO_OK);
        SOTTO_ASSERT(sotto_span_equal(sotto_buf_span(&text), in));
    } else {
        SOTTO_ASSERT(bytes.size == 0);
    }
    text.size = bytes.size = 0;
    SOTTO_ASSERT(sotto_base64url_add(&text, in) == SOTTO_OK && sotto_unbase64url(&bytes, sotto_buf_span(&text)) == SOTTO_OK);
    SOTTO_ASSERT(sotto_span_equal(sotto_buf_span(&bytes), in));

    uint8_t raw[256];
    char hex[2 * sizeof raw + 1];
    memset(raw, 0xa5, sizeof raw);
    if (size / 2 < sizeof raw) {
        enum sotto_err err = fuzz_err(sotto_unhex(raw, size / 2, in));
        SOTTO_ASSERT(raw[size / 2] == 0xa5 && (err == SOTTO_OK || raw[0] == 0xa5));
        if (err == SOTTO_OK) {
            sotto_hex(hex, raw, size / 2);
            SOTTO_ASSERT(strlen(hex) == size);
            for (size_t i = 0; i < size; i++) SOTTO_ASSERT(hex[i] == (char)data[i] || hex[i] == (char)(data[i] | 0x20));
        }
    }
    if (size <= sizeof raw) {
        sotto_hex(hex, data, size);
        SOTTO_ASSERT(sotto_unhex(raw, size, sotto_span_str(hex)) == SOTTO_OK && (size == 0 || memcmp(raw, data, size) == 0));
    }
    sotto_buf_free(&text);
    sotto_buf_free(&bytes);
    return 0;
}
