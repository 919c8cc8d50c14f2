#include "conversation/tags.h"

#include <stdlib.h>

struct slot { struct sotto_tag tag; struct sotto_tag_place place; };     /* place.owner NULL = free */
struct sotto_tags { struct slot *slots; uint32_t cap, count, max; };     /* cap a power of two, at most three quarters full */

enum { CAP_FIRST = 64 };

static uint32_t home(const struct sotto_tags *t, const struct sotto_tag *tag)
{
    return (uint32_t)sotto_be64(tag->b) & (t->cap - 1);
}

static uint32_t seek(const struct sotto_tags *t, const struct sotto_tag *tag)      /* its place, or the free one where it would go */
{
    uint32_t i = home(t, tag);
    while (t->slots[i].place.owner && memcmp(t->slots[i].tag.b, tag->b, sizeof tag->b) != 0) i = (i + 1) & (t->cap - 1);
    return i;
}

enum sotto_err sotto_tags_new(struct sotto_tags **out, uint32_t max)
{
    struct sotto_tags *t = calloc(1, sizeof *t);
    if (!t) return SOTTO_ERR_NOMEM;
    t->slots = calloc(CAP_FIRST, sizeof *t->slots);
    if (!t->slots) {
        free(t);
        return SOTTO_ERR_NOMEM;
    }
    t->cap = CAP_FIRST;
    t->max = max;
    *out = t;
    return SOTTO_OK;
}

void sotto_tags_free(struct sotto_tags *t)
{
    if (!t) return;
    sotto_wipe(t->slots, t->cap * sizeof *t->slots);  /* tags not yet used are worth keeping from others */
    free(t->slots);
    free(t);
}

static enum sotto_err grow(struct sotto_tags *t)
{
    struct sotto_tags bigger = *t;
    bigger.cap = t->cap * 2;
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots) return SOTTO_ERR_NOMEM;
    for (uint32_t i = 0; i < t->cap; i++)
        if (t->slots[i].place.owner) bigger.slots[seek(&bigger, &t->slots[i].tag)] = t->slots[i];
    sotto_wipe(t->slots, t->cap * sizeof *t->slots);
    free(t->slots);
    *t = bigger;
    return SOTTO_OK;
}

enum sotto_err sotto_tags_add(struct sotto_tags *t, const struct sotto_tag *tag, const struct sotto_tag_place *place)
{
    SOTTO_ASSERT(place->owner);
    if (t->count >= t->max) return SOTTO_ERR_FULL;
    if (t->slots[seek(t, tag)].place.owner) return SOTTO_ERR_EXISTS;
    if (t->count >= t->cap / 4 * 3) SOTTO_TRY(grow(t));
    struct slot *slot = &t->slots[seek(t, tag)];
    slot->tag = *tag;
    slot->place = *place;
    t->count++;
    return SOTTO_OK;
}

bool sotto_tags_find(const struct sotto_tags *t, struct sotto_tag_place *out, const struct sotto_tag *tag)
{
    const struct slot *slot = &t->slots[seek(t, tag)];
    if (!slot->place.owner) return false;
    *out = slot->place;
    return true;
}

static void take_out(struct sotto_tags *t, uint32_t hole)                /* closes the run behind it, so that no search ends early */
{
    t->count--;
    for (uint32_t i = (hole + 1) & (t->cap - 1); t->slots[i].place.owner; i = (i + 1) & (t->cap - 1)) {
        uint32_t want = home(t, &t->slots[i].tag);
        if (((i - want) & (t->cap - 1)) >= ((i - hole) & (t->cap - 1))) {
            t->slots[hole] = t->slots[i];
            hole = i;
        }
    }
    SOTTO_WIPE(t->slots[hole]);
}

void sotto_tags_remove(struct sotto_tags *t, const struct sotto_tag *tag)
{
    uint32_t i = seek(t, tag);
    if (t->slots[i].place.owner) take_out(t, i);
}

void sotto_tags_remove_owner(struct sotto_tags *t, const void *owner)
{
    /* Entries move towards smaller places only within what was not looked at yet, or from places already found not to be ours. */
    for (uint32_t i = 0; i < t->cap;) {
        if (t->slots[i].place.owner == owner) take_out(t, i);            /* something else may have moved here: look again */
        else i++;
    }
}

uint32_t sotto_tags_count(const struct sotto_tags *t) { return t->count; }
