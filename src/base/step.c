#include "base/step.h"

#include <stdio.h>
#include <stdlib.h>

bool sotto_addr_equal(const struct sotto_addr *a, const struct sotto_addr *b)
{
    size_t size = a->family == 4 ? 4 : 16;
    return a->family == b->family && a->port == b->port && memcmp(a->ip, b->ip, size) == 0;
}

bool sotto_addr_loopback(const struct sotto_addr *a)
{
    static const uint8_t one[16] = { [15] = 1 };
    return a->family == 4 ? a->ip[0] == 127 : a->family == 6 && memcmp(a->ip, one, 16) == 0;
}

void sotto_addr_text(char out[64], const struct sotto_addr *a)
{
    if (a->family == 4) {
        snprintf(out, 64, "%u.%u.%u.%u:%u", a->ip[0], a->ip[1], a->ip[2], a->ip[3], a->port);
        return;
    }
    /* RFC 5952: the longest run of two or more zero groups becomes "::" */
    int best = -1, best_len = 1;
    for (int i = 0; i < 8; i++) {
        int len = 0;
        while (i + len < 8 && a->ip[2 * (i + len)] == 0 && a->ip[2 * (i + len) + 1] == 0) len++;
        if (len > best_len) best = i, best_len = len;
    }
    size_t at = (size_t)snprintf(out, 64, "[");
    for (int i = 0; i < 8; i++) {
        if (i == best) {
            at += (size_t)snprintf(out + at, 64 - at, "::");
            i += best_len - 1;
            continue;
        }
        at += (size_t)snprintf(out + at, 64 - at, "%s%x", i && i != best + best_len ? ":" : "", sotto_be16(a->ip + 2 * i));
    }
    snprintf(out + at, 64 - at, "]:%u", a->port);
}

struct sotto_outq sotto_outq_make(uint32_t max) { return (struct sotto_outq){ NULL, 0, 0, max }; }

struct sotto_out *sotto_outq_add(struct sotto_outq *q, enum sotto_out_kind kind)
{
    if (q->count == q->cap) {
        uint32_t cap = q->cap ? q->cap * 2 : 16;
        if (cap > q->max) cap = q->max;
        if (cap == q->cap) return NULL;
        struct sotto_out *slots = realloc(q->slots, cap * sizeof *slots);
        if (!slots) return NULL;
        q->slots = slots;
        q->cap = cap;
    }
    struct sotto_out *out = &q->slots[q->count++];
    *out = (struct sotto_out){ .kind = kind, .bytes = sotto_buf_make(32u << 20) };
    return out;
}

void sotto_outq_clear(struct sotto_outq *q)
{
    for (uint32_t i = 0; i < q->count; i++) sotto_buf_free(&q->slots[i].bytes);
    q->count = 0;
}

void sotto_outq_free(struct sotto_outq *q)
{
    sotto_outq_clear(q);
    free(q->slots);
    *q = sotto_outq_make(q->max);
}
