#include "rpc/scan.h"

static bool space(uint8_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* i stands on the opening quote; returns the place after the closing one, or the end of the text. */
static size_t skip_string(struct sotto_span t, size_t i)
{
    for (i++; i < t.size; i++) {
        if (t.data[i] == '\\')
            i++;
        else if (t.data[i] == '"')
            return i + 1;
    }
    return t.size;
}

static int hex(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Whether the string between the quotes says id; the same key may be written with escapes ("\u0069d"). */
static bool says_id(struct sotto_span s)
{
    uint8_t got[2];
    size_t n = 0;
    for (size_t i = 0; i < s.size; n++) {
        if (n == 2) return false;
        if (s.data[i] != '\\') {
            got[n] = s.data[i++];
            continue;
        }
        if (s.size - i < 6 || s.data[i + 1] != 'u') return false;
        int v = 0;
        for (size_t k = 2; k < 6; k++) {
            if (hex(s.data[i + k]) < 0) return false;
            v = v << 4 | hex(s.data[i + k]);
        }
        if (v > 0x7f) return false;
        got[n] = (uint8_t)v;
        i += 6;
    }
    return n == 2 && got[0] == 'i' && got[1] == 'd';
}

static struct sotto_span trimmed(const uint8_t *from, const uint8_t *to)
{
    while (from < to && space(*from)) from++;
    while (to > from && space(to[-1])) to--;
    return sotto_span(from, (size_t)(to - from));
}

void sotto_scan_json(struct sotto_scan *out, struct sotto_span *ids, unsigned ids_max, struct sotto_span text, unsigned depth_max)
{
    struct sotto_scan s = { 0 };
    size_t i = 0;
    while (i < text.size && space(text.data[i])) i++;
    s.batch = i < text.size && text.data[i] == '[';
    s.count = s.batch ? 0 : 1;
    for (unsigned k = 0; k < ids_max; k++) ids[k] = sotto_span(NULL, 0);
    unsigned level = s.batch ? 2 : 1;         /* depth inside a request object */
    unsigned depth = 0;
    bool key = false;                         /* the next string at this level is a key */
    bool object = false;                      /* the thing at request level is an object */
    bool any = false;                         /* the batch holds something */
    const uint8_t *id = NULL;                 /* start of the value of "id" */
    struct sotto_span last_key = { 0 };
    while (i < text.size) {
        uint8_t c = text.data[i];
        if (s.batch && depth == 1 && !any && !space(c) && c != ']') {
            any = true;
            s.count = 1;
        }
        if (c == '"') {
            size_t end = skip_string(text, i);
            if (depth == level && key) last_key = sotto_span(text.data + i + 1, end > i + 1 ? end - i - 2 : 0);
            i = end;
            continue;
        }
        if (c == '{' || c == '[') {
            if (++depth > s.depth) s.depth = depth;
            if (depth > depth_max) break;
            if (depth == level) {
                object = c == '{';
                key = object;
                id = NULL;
                last_key = sotto_span(NULL, 0);
            }
        } else if (c == '}' || c == ']' || c == ',') {
            if (depth == level && object && id) {
                if (s.count >= 1 && s.count <= ids_max) ids[s.count - 1] = trimmed(id, text.data + i);
                id = NULL;
            }
            if (c == ',') {
                if (depth == level) key = object;
                if (s.batch && depth == 1 && ++s.count > ids_max) break;
            } else if (depth > 0) {
                depth--;
            }
        } else if (c == ':' && depth == level && object && key) {
            key = false;
            if (says_id(last_key)) id = text.data + i + 1;
        }
        i++;
    }
    *out = s;
}
