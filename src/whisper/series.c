#include "whisper/series.h"

#include <stdlib.h>

#define SLOTS_FIRST 64u

void sotto_series_free(struct sotto_series *s)
{
    free(s->slots);
    *s = sotto_series_make(s->place);
}

static uint32_t *place_of(const struct sotto_series *s, void *item) { return (uint32_t *)(void *)((uint8_t *)item + s->place); }

static void close_holes(struct sotto_series *s)
{
    uint32_t to = 0;
    for (uint32_t from = s->first; from < s->end; from++) {
        if (!s->slots[from].item) continue;
        s->slots[to] = s->slots[from];
        *place_of(s, s->slots[to].item) = to;
        to++;
    }
    s->first = 0;
    s->end = to;
}

enum sotto_err sotto_series_reserve(struct sotto_series *s)
{
    if (s->end < s->cap) return SOTTO_OK;
    if (s->live > s->cap / 2 || !s->cap) {
        uint32_t cap = s->cap ? s->cap * 2 : SLOTS_FIRST;
        struct sotto_series_slot *slots = realloc(s->slots, (size_t)cap * sizeof *slots);
        if (!slots) return SOTTO_ERR_NOMEM;
        s->slots = slots;
        s->cap = cap;
    } else {
        close_holes(s);                           /* at least half of it becomes free */
    }
    return SOTTO_OK;
}

void sotto_series_add(struct sotto_series *s, uint64_t key, void *item)
{
    SOTTO_ASSERT(s->end < s->cap && (s->first == s->end || s->slots[s->end - 1].key < key));
    *place_of(s, item) = s->end;
    s->slots[s->end++] = (struct sotto_series_slot){ key, item };
    s->live++;
}

void sotto_series_remove(struct sotto_series *s, void *item)
{
    uint32_t at = *place_of(s, item);
    SOTTO_ASSERT(at >= s->first && at < s->end && s->slots[at].item == item);
    s->slots[at].item = NULL;
    s->live--;
    while (s->first < s->end && !s->slots[s->first].item) s->first++;
    while (s->end > s->first && !s->slots[s->end - 1].item) s->end--;
    if (s->end - s->first > SLOTS_FIRST && s->live < (s->end - s->first) / 4) close_holes(s);      /* who goes through it steps over few */
}

static void *item_from(const struct sotto_series *s, uint32_t at)
{
    while (at < s->end && !s->slots[at].item) at++;
    return at < s->end ? s->slots[at].item : NULL;
}

void *sotto_series_after(const struct sotto_series *s, uint64_t key)
{
    uint32_t low = s->first, high = s->end;       /* the slots below low are at most key, those from high on larger */
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (s->slots[mid].key <= key) low = mid + 1;
        else high = mid;
    }
    return item_from(s, low);
}

void *sotto_series_next(const struct sotto_series *s, const void *item)
{
    uint32_t at;
    memcpy(&at, (const uint8_t *)item + s->place, sizeof at);
    return item_from(s, at + 1);
}
