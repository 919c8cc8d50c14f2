/* A heap of items with a key each, the least key on top; an item knows where it stands, so that any can be taken out.
 *
 * New items mostly stay near the bottom: adding costs a look or two whatever the size is, taking out a few more. Memory is reserved beforehand
 * (sotto_heap_reserve), so that a change that was decided cannot fail. Threads: one owner. */
#ifndef SOTTO_WHISPER_HEAP_H
#define SOTTO_WHISPER_HEAP_H

#include "base/bytes.h"

struct sotto_heap_slot { uint64_t key; void *item; };
struct sotto_heap {
    struct sotto_heap_slot *slots;
    uint32_t count, cap;
    size_t place;                                 /* offset in an item of the uint32_t where the heap notes its slot */
    bool (*before)(const void *a, const void *b); /* which of two equal keys is nearer to the top; NULL: either */
};

static inline struct sotto_heap sotto_heap_make(size_t place, bool (*before)(const void *a, const void *b))
{
    return (struct sotto_heap){ NULL, 0, 0, place, before };
}
void sotto_heap_free(struct sotto_heap *h);       /* the slots; items are their owner's */
SOTTO_MUST_USE enum sotto_err sotto_heap_reserve(struct sotto_heap *h, uint32_t count);      /* room for so many in all; ERR_NOMEM */
void sotto_heap_add(struct sotto_heap *h, uint64_t key, void *item);      /* there is room */
void sotto_heap_remove(struct sotto_heap *h, void *item);                 /* it is in this heap */
static inline void *sotto_heap_top(const struct sotto_heap *h) { return h->count ? h->slots[0].item : NULL; }      /* NULL: empty */

#endif
