/* A bounded set of envelope hashes with an end: what a peer is known to have, and what the pool remembers.
 *
 * When full, the oldest is forgotten. Keeps the first 16 bytes of each hash (a collision costs 2^64 work and gains one
 * envelope not sent twice). Memory grows with use: 20 bytes an entry and 8 to 16 for the table, nothing while empty.
 *
 * Threads: one owner. */
#ifndef SOTTO_WHISPER_IDS_H
#define SOTTO_WHISPER_IDS_H

#include "base/bytes.h"

struct sotto_ids_slot { uint8_t id[16]; uint32_t until; };
struct sotto_ids {
    struct sotto_ids_slot *slots;                 /* ring: from first, count of them */
    uint32_t *table;                              /* open addressing, table_size = 2^n: position in slots + 1, 0 = free */
    uint32_t first, count, cap, max, table_size;
    uint8_t key[16];                              /* SipHash key: an attacker cannot aim at one chain */
};

/* max = most entries it ever holds; key: of the pool, so that one index per envelope serves all sets. */
struct sotto_ids sotto_ids_make(uint32_t max, const uint8_t key[16]);
void sotto_ids_free(struct sotto_ids *s);
uint64_t sotto_ids_index(const uint8_t key[16], const uint8_t *hash);            /* reads 16 bytes */

bool sotto_ids_has(const struct sotto_ids *s, const uint8_t hash[32], uint64_t index);
/* Adds, or lengthens what is there. Out of memory: the oldest makes room; nothing at all to drop: it is not added. */
void sotto_ids_add(struct sotto_ids *s, const uint8_t hash[32], uint64_t index, uint32_t until);
/* Forgets every entry with until < now_s. Costs a step per entry: call it now and then. */
void sotto_ids_expire(struct sotto_ids *s, uint32_t now_s);

#endif
