#include "scan.h"

#include <stdio.h>
#include <stdlib.h>

enum { BUCKETS = 1 << 14, PATTERN_MIN = 8, HALF = 16 };

struct pattern { struct pattern *next; const char *name, *form; size_t size; uint8_t bytes[]; };
struct scan { struct pattern *buckets[BUCKETS]; };

struct scan *scan_new(void)
{
    struct scan *s = calloc(1, sizeof *s);
    if (!s) abort();
    return s;
}

static unsigned bucket(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v * 2654435761u >> 18;
}

static void add(struct scan *s, const char *name, const char *form, const void *bytes, size_t size)
{
    struct pattern *p = size >= PATTERN_MIN ? malloc(sizeof *p + size) : NULL;
    if (!p) abort();
    p->name = name;
    p->form = form;
    p->size = size;
    memcpy(p->bytes, bytes, size);
    struct pattern **at = &s->buckets[bucket(p->bytes)];
    p->next = *at;
    *at = p;
}

static void add_hex(struct scan *s, const char *name, const uint8_t *bytes, size_t size)
{
    static const char *const digits[2] = { "0123456789abcdef", "0123456789ABCDEF" };
    char *text = malloc(2 * size);
    if (!text) abort();
    for (int big = 0; big < 2; big++) {
        for (size_t i = 0; i < 2 * size; i++) text[i] = digits[big][i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
        add(s, name, "hex", text, 2 * size);
    }
    free(text);
}

/* The digits that depend on the secret alone, wherever it begins in the three-byte groups. */
static void add_base64(struct scan *s, const char *name, const uint8_t *bytes, size_t size)
{
    static const char *const tails[2] = { "+/", "-_" };
    char digits[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    char *text = malloc(size * 4 / 3 + 4);
    if (!text) abort();
    for (int url = 0; url < 2; url++)
        for (size_t skip = 0; skip < 3; skip++) {
            size_t count = (size - skip) / 3 * 4, used = 0;
            memcpy(digits + 62, tails[url], 2);
            for (size_t i = skip; used < count; i += 3) {
                unsigned v = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];
                for (int d = 18; d >= 0; d -= 6) text[used++] = digits[v >> d & 63];
            }
            if (used >= PATTERN_MIN) add(s, name, "base64", text, used);
        }
    free(text);
}

void scan_secret(struct scan *s, const char *name, struct sotto_span secret)
{
    add_hex(s, name, secret.data, secret.size);
    add_base64(s, name, secret.data, secret.size);
    if (secret.size != 32) {
        add(s, name, "plain", secret.data, secret.size);
        return;
    }
    uint8_t form[HALF];
    for (size_t half = 0; half < 2; half++) {
        const uint8_t *p = secret.data + HALF * half;
        add(s, name, "plain", p, HALF);
        for (size_t i = 0; i < HALF; i++) form[i] = p[HALF - 1 - i];
        add(s, name, "reversed", form, HALF);
        for (size_t i = 0; i < HALF; i++) form[i] = p[i] ^ 0x36;
        add(s, name, "inner-pad", form, HALF);
        for (size_t i = 0; i < HALF; i++) form[i] = p[i] ^ 0x5c;
        add(s, name, "outer-pad", form, HALF);
    }
}

void scan_bytes(const struct scan *s, struct sotto_span bytes, scan_found_fn *found, void *ctx)
{
    for (size_t at = 0; at + PATTERN_MIN <= bytes.size; at++)
        for (const struct pattern *p = s->buckets[bucket(bytes.data + at)]; p; p = p->next)
            if (p->size <= bytes.size - at && memcmp(p->bytes, bytes.data + at, p->size) == 0) found(ctx, p->name, p->form, at);
}
