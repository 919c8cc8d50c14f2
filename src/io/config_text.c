#include "io/config_text.h"

#include <stdlib.h>

struct scan {
    const struct sotto_config_reader *reader;
    const uint8_t *at, *end;
    unsigned line;
    struct sotto_buf strings;               /* decoded strings of one value; reserved whole, so spans into it stay good */
};

static void fault(struct scan *s, const char *what) { s->reader->fault(s->reader->ctx, s->line, what); }
static int peek(const struct scan *s) { return s->at < s->end ? *s->at : -1; }
static void skip_blanks(struct scan *s) { while (s->at < s->end && (*s->at == ' ' || *s->at == '\t')) s->at++; }
static void skip_line(struct scan *s)       /* to the line end, which stays */
{
    while (s->at < s->end && *s->at != '\n') s->at++;
}

/* After a value or a section: blanks, a comment, the line end. */
static bool line_ends(struct scan *s)
{
    skip_blanks(s);
    if (peek(s) == '#') skip_line(s);
    if (peek(s) == '\r' && s->at + 1 < s->end && s->at[1] == '\n') s->at++;
    return s->at == s->end || *s->at == '\n';
}

static bool name_char(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; }

static struct sotto_span take_name(struct scan *s, bool dots)
{
    const uint8_t *from = s->at;
    while (name_char(peek(s)) || (dots && peek(s) == '.')) s->at++;
    return sotto_span(from, (size_t)(s->at - from));
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static unsigned utf8_put(uint8_t out[4], uint32_t v)
{
    if (v < 0x80) {
        out[0] = (uint8_t)v;
        return 1;
    }
    if (v < 0x800) {
        out[0] = (uint8_t)(0xc0 | v >> 6);
        out[1] = (uint8_t)(0x80 | (v & 63));
        return 2;
    }
    out[0] = (uint8_t)(0xe0 | v >> 12);
    out[1] = (uint8_t)(0x80 | (v >> 6 & 63));
    out[2] = (uint8_t)(0x80 | (v & 63));
    return 3;
}

/* The character after a backslash. NULL, or what is wrong. */
static const char *take_escape(struct scan *s)
{
    uint8_t out[4];
    unsigned size = 1;
    int c = peek(s);
    s->at += c >= 0;
    if (c == 'n') out[0] = '\n';
    else if (c == 't') out[0] = '\t';
    else if (c == 'r') out[0] = '\r';
    else if (c == '"' || c == '\\') out[0] = (uint8_t)c;
    else if (c == 'u') {
        uint32_t v = 0;
        for (int i = 0; i < 4; i++) {
            int d = hex_digit(peek(s));
            if (d < 0) return "\\u wants four hexadecimal digits";
            v = v << 4 | (uint32_t)d;
            s->at++;
        }
        if (v == 0 || (v >= 0xd800 && v < 0xe000)) return "\\u names no character";
        size = utf8_put(out, v);
    } else return "unknown escape in a string";
    return sotto_buf_add(&s->strings, out, size) == SOTTO_OK ? NULL : "out of memory";
}

/* At the opening quote. */
static const char *take_string(struct scan *s, struct sotto_span *out)
{
    int quote = *s->at++;
    size_t from = s->strings.size;
    for (;;) {
        int c = peek(s);
        if (c < 0 || c == '\n') return "a string has no closing quote";
        s->at++;
        if (c == quote) break;
        if (c == '\\' && quote == '"') {
            const char *wrong = take_escape(s);
            if (wrong) return wrong;
            continue;
        }
        uint8_t byte = (uint8_t)c;
        if (sotto_buf_add(&s->strings, &byte, 1) != SOTTO_OK) return "out of memory";
    }
    *out = sotto_span(s->strings.data + from, s->strings.size - from);
    return NULL;
}

static void skip_space(struct scan *s)      /* inside an array: over line ends and comments */
{
    for (;;) {
        skip_blanks(s);
        int c = peek(s);
        if (c == '#') skip_line(s);
        else if (c == '\n') {
            s->line++;
            s->at++;
        } else if (c == '\r' && s->at + 1 < s->end && s->at[1] == '\n') s->at++;
        else return;
    }
}

static const char *take_array(struct scan *s, struct sotto_raw *raw)
{
    s->at++;
    raw->kind = SOTTO_RAW_ARRAY;
    raw->count = 0;
    for (;;) {
        skip_space(s);
        if (peek(s) == ']') break;
        if (peek(s) != '"' && peek(s) != '\'') return "an array holds strings in quotes";
        if (raw->count == SOTTO_RAW_ITEMS_MAX) return "an array has too many items";
        const char *wrong = take_string(s, &raw->items[raw->count]);
        if (wrong) return wrong;
        raw->count++;
        skip_space(s);
        if (peek(s) == ',') s->at++;
        else if (peek(s) != ']') return "an array wants a comma or ] here";
    }
    s->at++;
    return NULL;
}

static const char *take_value(struct scan *s, struct sotto_raw *raw)
{
    int c = peek(s);
    if (c == '"' || c == '\'') {
        raw->kind = SOTTO_RAW_STRING;
        return take_string(s, &raw->text);
    }
    if (c == '[') return take_array(s, raw);
    const uint8_t *from = s->at;
    while (name_char(peek(s)) || peek(s) == '.' || peek(s) == '+') s->at++;
    raw->kind = SOTTO_RAW_BARE;
    raw->text = sotto_span(from, (size_t)(s->at - from));
    return raw->text.size > 0 ? NULL : "a value is missing";
}

static void take_line(struct scan *s, struct sotto_raw *raw)
{
    if (peek(s) == '[') {
        s->at++;
        struct sotto_span name = take_name(s, true);
        if (name.size == 0 || peek(s) != ']') {
            fault(s, "a section is written [name]");
            return;
        }
        s->at++;
        if (line_ends(s)) s->reader->section(s->reader->ctx, s->line, name);
        else fault(s, "nothing may follow a section on its line");
        return;
    }
    struct sotto_span key = take_name(s, true);
    skip_blanks(s);
    if (key.size == 0 || peek(s) != '=') {
        fault(s, "a line is key = value, [section] or # comment");
        return;
    }
    s->at++;
    skip_blanks(s);
    s->strings.size = 0;
    unsigned line = s->line;                /* where the value begins */
    const char *wrong = take_value(s, raw);
    if (!wrong && !line_ends(s)) wrong = raw->kind == SOTTO_RAW_BARE ? "a text wants quotes" : "nothing may follow a value on its line";
    if (wrong) fault(s, wrong);
    else s->reader->entry(s->reader->ctx, line, key, raw);
}

/* Valid UTF-8 without control characters but tab and line end; else the offset of the first wrong byte. */
static size_t first_bad_byte(struct sotto_span text)
{
    for (size_t i = 0; i < text.size;) {
        uint8_t c = text.data[i];
        unsigned more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : (c & 0xf0) == 0xe0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : 4;
        bool line_end = c == '\n' || (c == '\r' && i + 1 < text.size && text.data[i + 1] == '\n');
        if (more == 4 || more >= text.size - i || c == 0x7f || (c < 0x20 && c != '\t' && !line_end)) return i;
        uint32_t v = more == 0 ? c : c & (0x3fu >> more);
        for (unsigned k = 1; k <= more; k++) {
            if ((text.data[i + k] & 0xc0) != 0x80) return i;
            v = v << 6 | (text.data[i + k] & 0x3f);
        }
        if ((more == 2 && (v < 0x800 || (v >= 0xd800 && v < 0xe000))) || (more == 3 && (v < 0x10000 || v > 0x10ffff))) return i;
        i += 1 + more;
    }
    return text.size;
}

enum sotto_err sotto_config_read_text(const struct sotto_config_reader *reader, struct sotto_span text)
{
    struct scan s = { .reader = reader, .at = text.data, .end = text.data + text.size, .line = 1, .strings = sotto_buf_make(text.size + 1) };
    size_t bad = first_bad_byte(text);
    if (bad < text.size) {
        for (size_t i = 0; i < bad; i++) s.line += text.data[i] == '\n';
        fault(&s, "not UTF-8 text");
        return SOTTO_OK;
    }
    struct sotto_raw *raw = calloc(1, sizeof *raw);
    if (!raw || sotto_buf_reserve(&s.strings, text.size + 1) != SOTTO_OK) {
        free(raw);
        return SOTTO_ERR_NOMEM;
    }
    while (s.at < s.end) {
        if (!line_ends(&s)) take_line(&s, raw);
        skip_line(&s);
        if (s.at < s.end) {
            s.at++;
            s.line++;
        }
    }
    sotto_buf_free(&s.strings);
    free(raw);
    return SOTTO_OK;
}
