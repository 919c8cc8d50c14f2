#include "whisper/heap.h"

#include <stdlib.h>

#define SLOTS_FIRST 8u

void sotto_heap_free(struct sotto_heap *h)
{
    free(h->slots);
    h->slots = NULL;
    h->count = h->cap = 0;
}

enum sotto_err sotto_heap_reserve(struct sotto_heap *h, uint32_t count)
{
    if (count <= h->cap) return SOTTO_OK;
    uint32_t cap = h->cap ? h->cap * 2 : SLOTS_FIRST;
    if (cap < count) cap = count;
    struct sotto_heap_slot *slots = realloc(h->slots, (size_t)cap * sizeof *slots);
    if (!slots) return SOTTO_ERR_NOMEM;
    h->slots = slots;
    h->cap = cap;
    return SOTTO_OK;
}

static uint32_t *place_of(const struct sotto_heap *h, void *item) { return (uint32_t *)(void *)((uint8_t *)item + h->place); }

static bool above(const struct sotto_heap *h, const struct sotto_heap_slot *a, const struct sotto_heap_slot *b)
{
    if (a->key != b->key) return a->key < b->key;
    return h->before && h->before(a->item, b->item);
}

static void put(struct sotto_heap *h, uint32_t at, struct sotto_heap_slot slot)
{
    h->slots[at] = slot;
    *place_of(h, slot.item) = at;
}

static void rise(struct sotto_heap *h, uint32_t at, struct sotto_heap_slot slot)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (!above(h, &slot, &h->slots[parent])) break;
        put(h, at, h->slots[parent]);
        at = parent;
    }
    put(h, at, slot);
}

static void sink(struct sotto_heap *h, uint32_t at, struct sotto_heap_slot slot)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= h->count) break;
        if (child + 1 < h->count && above(h, &h->slots[child + 1], &h->slots[child])) child++;
        if (!above(h, &h->slots[child], &slot)) break;
        put(h, at, h->slots[child]);
        at = child;
    }
    put(h, at, slot);
}

void sotto_heap_add(struct sotto_heap *h, uint64_t key, void *item)
{
    SOTTO_ASSERT(h->count < h->cap);
    rise(h, h->count++, (struct sotto_heap_slot){ key, item });
}

void sotto_heap_remove(struct sotto_heap *h, void *item)
{
    uint32_t at = *place_of(h, item);
    SOTTO_ASSERT(at < h->count && h->slots[at].item == item);
    struct sotto_heap_slot last = h->slots[--h->count];
    if (last.item == item) return;
    if (at > 0 && above(h, &last, &h->slots[(at - 1) / 2])) rise(h, at, last);
    else sink(h, at, last);
}
