#include "whisper/turns.h"

#include <stdlib.h>

struct turn { const struct sotto_pool_entry *e; size_t number; };

static unsigned source_of(const struct sotto_pool_entry *e, const uint64_t *names, unsigned name_count, unsigned guess)
{
    if (e->own) return name_count;
    if (guess < name_count && names[guess] == e->source) return guess;
    for (unsigned i = 0; i < name_count; i++)
        if (names[i] == e->source) return i;
    return name_count + 1;                        /* neighbours that are gone */
}

static int by_turn(const void *a, const void *b)
{
    const struct turn *x = a, *y = b;
    if (x->number != y->number) return x->number < y->number ? -1 : 1;
    return sotto_pool_compare(x->e, y->e);
}

/* Only those are sorted whose turn may come: a small part of a full pool. */
void sotto_turns(const struct sotto_pool_entry **slots, size_t *count, uint64_t *left_seq, const uint64_t *names, unsigned name_count, uint64_t most)
{
    size_t *brought = calloc(name_count + 2, sizeof *brought), kept = 0;
    struct turn *turns = brought ? malloc(*count * sizeof *turns) : NULL;
    unsigned source = 0;
    for (size_t i = *count; turns && i-- > 0;) {
        source = source_of(slots[i], names, name_count, source);
        if (brought[source] < most) turns[kept++] = (struct turn){ slots[i], brought[source]++ };
        else if (slots[i]->seq < *left_seq) *left_seq = slots[i]->seq;
    }
    if (turns) {
        qsort(turns, kept, sizeof *turns, by_turn);
        for (size_t i = 0; i < kept; i++) slots[i] = turns[i].e;
        *count = kept;
    }
    free(turns);
    free(brought);
}
