/* Items in the order of a key that only rises: added at the end, taken out anywhere, found by key, gone through in order.
 *
 * Adding, taking out and the next one cost a constant time on average, finding a binary search. Memory is reserved beforehand
 * (sotto_series_reserve), so that a change that was decided cannot fail. Threads: one owner. */
#ifndef SOTTO_WHISPER_SERIES_H
#define SOTTO_WHISPER_SERIES_H

#include "base/bytes.h"

struct sotto_series_slot { uint64_t key; void *item; };      /* item NULL: a hole, whose key still stands in order */
struct sotto_series {
    struct sotto_series_slot *slots;
    uint32_t first, end, cap, live;               /* slots [first, end) are in use, live of them hold an item; the ends are no holes */
    size_t place;                                 /* offset in an item of the uint32_t where the series notes its slot */
};

static inline struct sotto_series sotto_series_make(size_t place) { return (struct sotto_series){ .place = place }; }
void sotto_series_free(struct sotto_series *s);   /* the slots; items are their owner's */
SOTTO_MUST_USE enum sotto_err sotto_series_reserve(struct sotto_series *s);      /* room for one more; ERR_NOMEM */
void sotto_series_add(struct sotto_series *s, uint64_t key, void *item);         /* there is room, and no key is as large */
void sotto_series_remove(struct sotto_series *s, void *item);                    /* it is in this series */
static inline void *sotto_series_first(const struct sotto_series *s) { return s->live ? s->slots[s->first].item : NULL; }
void *sotto_series_after(const struct sotto_series *s, uint64_t key);            /* the first with a larger key; NULL: none */
void *sotto_series_next(const struct sotto_series *s, const void *item);         /* NULL: it is the last */

#endif
