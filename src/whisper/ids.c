#include "whisper/ids.h"

#include <sodium.h>
#include <stdlib.h>

#define SLOTS_FIRST 64u

_Static_assert(crypto_shorthash_siphash24_KEYBYTES == 16 && crypto_shorthash_siphash24_BYTES == 8, "SipHash-2-4");

struct sotto_ids sotto_ids_make(uint32_t max)
{
    SOTTO_ASSERT(max > 0 && max <= 1u << 24);
    return (struct sotto_ids){ .max = max };
}

void sotto_ids_free(struct sotto_ids *s)
{
    free(s->slots);
    free(s->table);
    s->slots = NULL;
    s->table = NULL;
    s->first = s->count = s->cap = s->table_size = 0;
}

uint64_t sotto_ids_index(const uint8_t key[16], const uint8_t *hash)
{
    uint8_t out[8];
    crypto_shorthash_siphash24(out, hash, 16, key);
    return sotto_le64(out);
}

uint64_t sotto_ids_sample(const uint8_t key[16], struct sotto_span rlp)
{
    uint8_t out[8], bytes[8 + SOTTO_IDS_SAMPLE] = { 0 };
    size_t take = rlp.size < SOTTO_IDS_SAMPLE ? rlp.size : SOTTO_IDS_SAMPLE;
    sotto_put_le64(bytes, rlp.size);
    if (take) memcpy(bytes + 8, rlp.data + rlp.size - take, take);
    crypto_shorthash_siphash24(out, bytes, sizeof bytes, key);
    return sotto_le64(out);
}

/* The table's place of an id: where it is, or the free one where it would go. */
static uint32_t place(const struct sotto_ids *s, const uint8_t *id, uint32_t home)
{
    uint32_t mask = s->table_size - 1, at = home & mask;
    while (s->table[at] && memcmp(s->slots[s->table[at] - 1].id, id, 16) != 0) at = (at + 1) & mask;
    return at;
}

static uint32_t place_slot(const struct sotto_ids *s, uint32_t slot) { return place(s, s->slots[slot].id, s->slots[slot].home); }

/* Linear probing without tombstones: whoever stands behind the hole and may move, moves up. */
static void table_remove(struct sotto_ids *s, uint32_t hole)
{
    uint32_t mask = s->table_size - 1, at = hole;
    for (;;) {
        at = (at + 1) & mask;
        if (!s->table[at]) break;
        uint32_t home = s->slots[s->table[at] - 1].home & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            s->table[hole] = s->table[at];
            hole = at;
        }
    }
    s->table[hole] = 0;
}

static void drop_oldest(struct sotto_ids *s)
{
    table_remove(s, place_slot(s, s->first));
    s->first = (s->first + 1) % s->cap;
    s->count--;
}

/* Lays the kept entries into fresh memory of cap slots. Returns false, with nothing changed, when memory is out. */
static bool rebuild(struct sotto_ids *s, uint32_t cap, uint32_t now_s)
{
    uint32_t table_size = 2;
    while (table_size < cap * 2) table_size *= 2;
    struct sotto_ids_slot *slots = malloc((size_t)cap * sizeof *slots);
    uint32_t *table = calloc(table_size, sizeof *table);
    if (!slots || !table) {
        free(slots);
        free(table);
        return false;
    }
    struct sotto_ids old = *s;
    s->slots = slots;
    s->table = table;
    s->cap = cap;
    s->table_size = table_size;
    s->first = s->count = 0;
    for (uint32_t i = 0; i < old.count; i++) {
        const struct sotto_ids_slot *slot = &old.slots[(old.first + i) % old.cap];
        if (slot->until < now_s) continue;
        s->slots[s->count] = *slot;
        s->table[place_slot(s, s->count)] = s->count + 1;
        s->count++;
    }
    free(old.slots);
    free(old.table);
    return true;
}

bool sotto_ids_has(const struct sotto_ids *s, const uint8_t *hash, uint64_t index)
{
    return s->count > 0 && s->table[place(s, hash, (uint32_t)index)] != 0;
}

void sotto_ids_add(struct sotto_ids *s, const uint8_t *hash, uint64_t index, uint32_t until)
{
    if (s->count > 0) {
        uint32_t at = s->table[place(s, hash, (uint32_t)index)];
        if (at) {
            if (until > s->slots[at - 1].until) s->slots[at - 1].until = until;
            return;
        }
    }
    if (s->count == s->cap) {
        uint32_t cap = s->cap ? s->cap * 2 : SLOTS_FIRST;
        if (cap > s->max) cap = s->max;
        if (cap == s->cap || !rebuild(s, cap, 0)) {
            if (s->count == 0) return;
            drop_oldest(s);
        }
    }
    uint32_t slot = (s->first + s->count) % s->cap;
    memcpy(s->slots[slot].id, hash, 16);
    s->slots[slot].until = until;
    s->slots[slot].home = (uint32_t)index;
    s->table[place(s, hash, (uint32_t)index)] = slot + 1;
    s->count++;
}

void sotto_ids_expire(struct sotto_ids *s, uint32_t now_s)
{
    uint32_t keep = 0;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->slots[(s->first + i) % s->cap].until >= now_s) keep++;
    if (keep == s->count) return;
    if (keep == 0) {
        sotto_ids_free(s);
        return;
    }
    uint32_t cap = s->cap;
    while (cap > SLOTS_FIRST && keep <= cap / 4) cap /= 2;
    (void)rebuild(s, cap, now_s);                                     /* memory out: the old ones stay a little longer */
}
