#include "base/text.h"

static const char hex_digits[] = "0123456789abcdef";
static const char b64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void sotto_hex(char *out, const void *data, size_t size)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = hex_digits[p[i] >> 4];
        out[2 * i + 1] = hex_digits[p[i] & 15];
    }
    out[2 * size] = 0;
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

enum sotto_err sotto_unhex(void *out, size_t size, struct sotto_span text)
{
    if (text.size / 2 != size || text.size % 2) return SOTTO_ERR_FORMAT;
    for (size_t i = 0; i < text.size; i++)
        if (hex_value(text.data[i]) < 0) return SOTTO_ERR_FORMAT;
    uint8_t *p = out;
    for (size_t i = 0; i < size; i++) p[i] = (uint8_t)((unsigned)hex_value(text.data[2 * i]) << 4 | (unsigned)hex_value(text.data[2 * i + 1]));
    return SOTTO_OK;
}

enum sotto_err sotto_base64url_add(struct sotto_buf *out, struct sotto_span data)
{
    size_t tail = data.size % 3;
    SOTTO_TRY(sotto_buf_reserve(out, data.size / 3 * 4 + (tail ? tail + 1 : 0)));
    for (size_t i = 0; i < data.size; i += 3) {
        size_t left = data.size - i < 3 ? data.size - i : 3;
        uint32_t v = 0;
        for (size_t j = 0; j < 3; j++) v = v << 8 | (j < left ? data.data[i + j] : 0);
        for (size_t j = 0; j <= left; j++) out->data[out->size++] = (uint8_t)b64_digits[v >> (18 - 6 * j) & 63];
    }
    return SOTTO_OK;
}

static int b64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '-') return 62;
    if (c == '_') return 63;
    return -1;
}

enum sotto_err sotto_unbase64url(struct sotto_buf *out, struct sotto_span text)
{
    size_t tail = text.size % 4;
    if (tail == 1) return SOTTO_ERR_FORMAT;
    for (size_t i = 0; i < text.size; i++)
        if (b64_value(text.data[i]) < 0) return SOTTO_ERR_FORMAT;
    /* 2 characters carry 4 spare bits, 3 carry 2: they must be zero, so that one value has one text */
    if (tail && b64_value(text.data[text.size - 1]) & (tail == 2 ? 15 : 3)) return SOTTO_ERR_FORMAT;
    SOTTO_TRY(sotto_buf_reserve(out, text.size / 4 * 3 + (tail ? tail - 1 : 0)));
    for (size_t i = 0; i < text.size; i += 4) {
        size_t left = text.size - i < 4 ? text.size - i : 4;
        uint32_t v = 0;
        for (size_t j = 0; j < 4; j++) v = v << 6 | (uint32_t)(j < left ? b64_value(text.data[i + j]) : 0);
        for (size_t j = 0; j + 1 < left; j++) out->data[out->size++] = (uint8_t)(v >> (16 - 8 * j));
    }
    return SOTTO_OK;
}

bool sotto_utf8_valid(struct sotto_span text)
{
    for (size_t i = 0; i < text.size;) {
        uint8_t first = text.data[i++];
        if (first < 0x80) continue;
        unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        if (first < 0xc2 || first > 0xf4 || text.size - i < more) return false;
        /* The second byte alone decides overlong forms, surrogates and the end of the range. */
        uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80, high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        for (; more > 0; more--, low = 0x80, high = 0xbf)
            if (text.data[i] < low || text.data[i++] > high) return false;
    }
    return true;
}
