#include "whisper/opener.h"

#include <stdlib.h>

enum { CHUNK = 64 };                                  /* 34 KiB of locked memory at a time */

struct opener_chunk { struct opener_chunk *next; struct opener_slot *slots; };

void openers_init(struct openers *o)
{
    memset(o, 0, sizeof *o);
    TAILQ_INIT(&o->all);
    TAILQ_INIT(&o->open);
}

void openers_free(struct openers *o)
{
    SOTTO_ASSERT(TAILQ_EMPTY(&o->all));
    for (struct opener_chunk *c; (c = o->chunks) != NULL;) {
        o->chunks = c->next;
        sotto_guard_free(c->slots);
        free(c);
    }
    free(o->unused);
}

static bool grow(struct openers *o)
{
    struct opener_slot **unused = calloc(o->slots + CHUNK, sizeof(struct opener_slot *));
    struct opener_chunk *c = calloc(1, sizeof *c);
    if (c) c->slots = sotto_guard_new(CHUNK * sizeof *c->slots, NULL);
    if (!unused || !c || !c->slots) {
        free(unused);
        free(c);
        return false;
    }
    SOTTO_ASSERT(o->unused_count == 0);
    for (uint32_t i = 0; i < CHUNK; i++) unused[i] = &c->slots[CHUNK - 1 - i];
    free(o->unused);
    o->unused = unused;
    o->unused_count = CHUNK;
    o->slots += CHUNK;
    c->next = o->chunks;
    o->chunks = c;
    return true;
}

/* All are looked at, in constant time each: a filter is added rarely. */
static struct opener *find(const struct openers *o, bool asymmetric, const uint8_t key[32])
{
    struct opener *opener;
    TAILQ_FOREACH(opener, &o->all, in_all)
        if (opener->asymmetric == asymmetric && sotto_equal_ct(opener->slot->key.b, key, 32)) return opener;
    return NULL;
}

struct opener *opener_use(struct openers *o, const struct sotto_secret *sym, const struct sotto_scalar *key)
{
    SOTTO_ASSERT(!sym != !key);
    struct opener *opener = find(o, key != NULL, key ? key->b : sym->b);
    if (opener) {
        opener->users++;
        return opener;
    }
    if (o->unused_count == 0 && !grow(o)) return NULL;
    opener = calloc(1, sizeof *opener);
    if (!opener) return NULL;
    opener->slot = o->unused[--o->unused_count];
    opener->asymmetric = key != NULL;
    opener->users = 1;
    TAILQ_INIT(&opener->open);
    memcpy(opener->slot->key.b, key ? key->b : sym->b, 32);
    if (key) {
        struct sotto_point point;
        enum sotto_err err = sotto_point_make(&point, key);
        SOTTO_ASSERT(err == SOTTO_OK);                /* out of the key store, which checked it */
        sotto_shh_public(opener->recipient, &point);
    } else {
        sotto_gcm_key_make(&opener->slot->prepared, sym);
    }
    TAILQ_INSERT_TAIL(&o->all, opener, in_all);
    return opener;
}

void opener_leave(struct openers *o, struct opener *opener)
{
    if (--opener->users) return;
    SOTTO_ASSERT(TAILQ_EMPTY(&opener->open));
    TAILQ_REMOVE(&o->all, opener, in_all);
    SOTTO_WIPE(*opener->slot);
    o->unused[o->unused_count++] = opener->slot;
    free(opener);
}

enum sotto_err opener_try(const struct opener *opener, struct sotto_buf *plain, struct sotto_span data)
{
    if (!opener->asymmetric) return sotto_shh_open_prepared(plain, &opener->slot->prepared, data);
    return sotto_shh_open_as(plain, (const struct sotto_scalar *)(const void *)&opener->slot->key, data);
}
