#include "conversation/tags.h"

#include <stdlib.h>

/* Looked at first: the topics alone, four bytes a place, so that a foreign tag costs one cache line of a small array. */
struct slot { struct sotto_tag tag; struct sotto_tag_place place; };
struct sotto_tags { uint32_t *topics; struct slot *slots; uint32_t cap, count, max; };   /* cap a power of two, at most half full */

enum {
    CAP_FIRST = 64,
    PROBE_MAX = 64,       /* places looked at for one tag, whoever chose the tags: random ones in a half-full table hardly ever need more */
    SPARSE = 4            /* a longer run in a table less full than a quarter is no accident: refused instead of growing again */
};

static uint32_t topic_of(const struct sotto_tag *tag)
{
    uint32_t topic;
    memcpy(&topic, tag->b, sizeof topic);
    return topic ? topic : 1;                         /* 0 marks a free place; the tag itself decides afterwards */
}

static uint32_t home(const struct sotto_tags *t, const struct sotto_tag *tag)          /* from bytes the topic does not hold */
{
    return (uint32_t)sotto_be64(tag->b) & (t->cap - 1);
}

/* Its place; else the free one where it would go, or cap: the run is too long. */
static uint32_t seek(const struct sotto_tags *t, const struct sotto_tag *tag, bool *found)
{
    uint32_t topic = topic_of(tag), i = home(t, tag);
    *found = false;
    __builtin_prefetch(&t->slots[i]);                 /* most often not needed, but an own tag would wait for it after the topic */
    for (uint32_t looked = 0; looked < PROBE_MAX; looked++, i = (i + 1) & (t->cap - 1)) {
        if (t->topics[i] == 0) return i;
        if (t->topics[i] != topic || memcmp(t->slots[i].tag.b, tag->b, sizeof tag->b) != 0) continue;
        *found = true;
        return i;
    }
    return t->cap;
}

static enum sotto_err make(struct sotto_tags *t, uint32_t cap)
{
    uint32_t *topics = calloc(cap, sizeof *topics);
    struct slot *slots = calloc(cap, sizeof *slots);
    if (!topics || !slots) {
        free(topics);
        free(slots);
        return SOTTO_ERR_NOMEM;
    }
    t->topics = topics;
    t->slots = slots;
    t->cap = cap;
    return SOTTO_OK;
}

static void drop(struct sotto_tags *t)
{
    sotto_wipe(t->slots, t->cap * sizeof *t->slots);  /* tags not yet used are worth keeping from others */
    sotto_wipe(t->topics, t->cap * sizeof *t->topics);
    free(t->slots);
    free(t->topics);
}

static void put(struct sotto_tags *t, uint32_t i, const struct slot *slot)
{
    t->slots[i] = *slot;
    t->topics[i] = topic_of(&slot->tag);
}

enum sotto_err sotto_tags_new(struct sotto_tags **out, uint32_t max)
{
    struct sotto_tags *t = calloc(1, sizeof *t);
    if (!t) return SOTTO_ERR_NOMEM;
    t->max = max;
    if (make(t, CAP_FIRST) != SOTTO_OK) {
        free(t);
        return SOTTO_ERR_NOMEM;
    }
    *out = t;
    return SOTTO_OK;
}

void sotto_tags_free(struct sotto_tags *t)
{
    if (!t) return;
    drop(t);
    free(t);
}

/* Twice as large, or more where a run would be too long again; ERR_FULL when only a sparse table would do. */
static enum sotto_err grow(struct sotto_tags *t)
{
    for (uint32_t cap = t->cap * 2; cap / SPARSE <= t->count || cap == t->cap * 2; cap *= 2) {
        struct sotto_tags bigger = { 0 };
        bool found, fits = true;
        SOTTO_TRY(make(&bigger, cap));
        for (uint32_t i = 0; i < t->cap && fits; i++) {
            if (t->topics[i] == 0) continue;
            uint32_t at = seek(&bigger, &t->slots[i].tag, &found);
            fits = at < cap;
            if (fits) put(&bigger, at, &t->slots[i]);
        }
        if (fits) {
            drop(t);
            t->topics = bigger.topics;
            t->slots = bigger.slots;
            t->cap = bigger.cap;
            return SOTTO_OK;
        }
        drop(&bigger);
    }
    return SOTTO_ERR_FULL;
}

enum sotto_err sotto_tags_add(struct sotto_tags *t, const struct sotto_tag *tag, const struct sotto_tag_place *place)
{
    bool found;
    SOTTO_ASSERT(place->owner);
    if (t->count >= t->max) return SOTTO_ERR_FULL;
    uint32_t at = seek(t, tag, &found);
    if (found) return SOTTO_ERR_EXISTS;
    while (at == t->cap || t->count >= t->cap / 2) {
        if (at == t->cap && t->count < t->cap / SPARSE) return SOTTO_ERR_FULL;
        SOTTO_TRY(grow(t));
        at = seek(t, tag, &found);
    }
    put(t, at, &(struct slot){ *tag, *place });
    t->count++;
    return SOTTO_OK;
}

bool sotto_tags_find(const struct sotto_tags *t, struct sotto_tag_place *out, const struct sotto_tag *tag)
{
    bool found;
    uint32_t at = seek(t, tag, &found);
    if (found) *out = t->slots[at].place;
    return found;
}

static void take_out(struct sotto_tags *t, uint32_t hole)                /* closes the run behind it, so that no search ends early */
{
    t->count--;
    for (uint32_t i = (hole + 1) & (t->cap - 1); t->topics[i]; i = (i + 1) & (t->cap - 1)) {
        uint32_t want = home(t, &t->slots[i].tag);
        if (((i - want) & (t->cap - 1)) >= ((i - hole) & (t->cap - 1))) {
            put(t, hole, &t->slots[i]);
            hole = i;
        }
    }
    SOTTO_WIPE(t->slots[hole]);
    t->topics[hole] = 0;
}

void sotto_tags_remove(struct sotto_tags *t, const struct sotto_tag *tag)
{
    bool found;
    uint32_t i = seek(t, tag, &found);
    if (found) take_out(t, i);
}

void sotto_tags_remove_owner(struct sotto_tags *t, const void *owner)
{
    /* Entries move towards smaller places only within what was not looked at yet, or from places already found not to be ours. */
    for (uint32_t i = 0; i < t->cap;) {
        if (t->topics[i] && t->slots[i].place.owner == owner) take_out(t, i);            /* something else may have moved here: look again */
        else i++;
    }
}

uint32_t sotto_tags_count(const struct sotto_tags *t) { return t->count; }
