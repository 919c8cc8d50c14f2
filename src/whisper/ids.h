/* A bounded set of envelope hashes with an end: what a peer is known to have, and what the pool remembers.
 *
 * When full, the oldest is forgotten. Keeps the first 16 bytes of each hash (a collision costs 2^64 work and gains one
 * envelope not sent twice). Memory grows with use: 24 bytes an entry and 8 to 16 for the table, nothing while empty.
 *
 * Threads: one owner. */
#ifndef SOTTO_WHISPER_IDS_H
#define SOTTO_WHISPER_IDS_H

#include "base/bytes.h"

struct sotto_ids_slot { uint8_t id[16]; uint32_t until, home; };      /* home: low bits of its index, so that moving it asks for no hash */
struct sotto_ids {
    struct sotto_ids_slot *slots;                 /* ring: from first, count of them */
    uint32_t *table;                              /* open addressing, table_size = 2^n: position in slots + 1, 0 = free */
    uint32_t first, count, cap, max, table_size;
};

struct sotto_ids sotto_ids_make(uint32_t max);    /* max = most entries it ever holds */
void sotto_ids_free(struct sotto_ids *s);
/* Where a hash stands in the tables: SipHash under a key of the pool, so that nobody can aim at one chain and one index serves all sets. */
uint64_t sotto_ids_index(const uint8_t key[16], const uint8_t *hash);            /* reads 16 bytes */
/* Keyed hash of an envelope's length and its last bytes, where the end of the data and the nonce stand: two that differ hardly ever agree
 * in it, unless somebody makes them so. */
#define SOTTO_IDS_SAMPLE 40u
uint64_t sotto_ids_sample(const uint8_t key[16], struct sotto_span rlp);

static inline void sotto_ids_expect(const struct sotto_ids *s, uint64_t index)    /* asks for the memory that has and add will look at */
{
    if (s->table) __builtin_prefetch(&s->table[(uint32_t)index & (s->table_size - 1)]);
}
bool sotto_ids_has(const struct sotto_ids *s, const uint8_t *hash, uint64_t index);                   /* reads 16 bytes, as add does */
/* Adds, or lengthens what is there. Out of memory: the oldest makes room; nothing at all to drop: it is not added. */
void sotto_ids_add(struct sotto_ids *s, const uint8_t *hash, uint64_t index, uint32_t until);
/* Forgets every entry with until < now_s. Costs a step per entry: call it now and then. */
void sotto_ids_expire(struct sotto_ids *s, uint32_t now_s);

#endif
