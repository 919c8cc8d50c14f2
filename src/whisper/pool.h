/* The pool of live envelopes of a node: bounded in bytes and entries, ordered by rating (network.md 5, rows W-05..W-09).
 *
 * One number, the rating, decides who is let in; who leaves first and who is passed on first is decided by what it is worth: the rating, as if
 * nothing were shorter than a native envelope (whisper/rules.h). Below it stand quotas: one link may not own the pool. Who is evicted or
 * expires is remembered for a while, so that it does not come back.
 *
 *     order of eviction: low worth, then later expiry, then smaller hash
 *
 * Times are unix seconds as the caller sees them (corrected by the clock check). Threads: one owner. */
#ifndef SOTTO_WHISPER_POOL_H
#define SOTTO_WHISPER_POOL_H

#include "base/env.h"
#include "whisper/envelope.h"

#define SOTTO_POOL_TTL_MAX_S 86400u               /* longer ones are refused: no envelope outlives a day (W-08) */
#define SOTTO_POOL_REMEMBER_S 40u                 /* a hash is known until expiry + this: longer than any peer would bring it back */
#define SOTTO_POOL_INBOUND_PCT 10u                /* of the pool may belong to one peer that dialled us */
#define SOTTO_POOL_OUTBOUND_PCT 25u               /* ... to one that we dialled */
#define SOTTO_POOL_TOPIC_PCT 2u                   /* ... to one foreign topic, once the pool is half full */
#define SOTTO_POOL_HELD_PCT 25u                   /* ... to what callers of shh_post made and nobody has taken yet */
#define SOTTO_POOL_FLOOR_UP_PCT 75u               /* fuller than this of what is worth the floor: the floor doubles */
#define SOTTO_POOL_FLOOR_DOWN_PCT 50u             /* below this for SOTTO_POOL_FLOOR_DOWN_US: it halves */
#define SOTTO_POOL_FLOOR_UP_US 60000000u          /* least time between two doublings: peers must hear of the first */
#define SOTTO_POOL_FLOOR_DOWN_US 600000000u       /* 10 min: no flapping */
#define SOTTO_POOL_FLOOR_STEPS_MAX 32u
#define SOTTO_POOL_ID 16u                         /* bytes of a hash that name an envelope on links of sotto/1 */

struct sotto_pool_config {
    uint64_t bytes_max;                           /* sum of the envelopes' RLP: 64 MiB */
    uint32_t entries_max;                         /* 65,536 */
    double floor;                                 /* least rating while the pool is not crowded: 0.2 */
    struct sotto_rng *rng;                        /* for the key of the hash tables: an attacker cannot aim at one chain */
};

/* Who brought an envelope, for the quotas. peer: any number that stays with the peer when it connects again. */
enum sotto_pool_from { SOTTO_FROM_SELF, SOTTO_FROM_OUTBOUND, SOTTO_FROM_INBOUND };
struct sotto_pool_source { enum sotto_pool_from from; uint64_t peer; };

/* What everybody may read of an entry. Borrowed: valid until the next call that changes the pool. */
struct sotto_pool_entry {
    uint8_t hash[32];
    double rating;                                /* as it was judged when it came: what peers ask for */
    double worth;                                 /* what it keeps its place by */
    uint32_t expiry, ttl, sent;
    uint8_t topic[4];
    uint32_t size;                                /* size(): 20 + data */
    bool own;                                     /* made by this node in this run */
    bool held;                                    /* own and not yet given to a first hop: only outbound peers may have it; never evicted */
    bool quiet;                                   /* see sotto_pool_hush */
    uint64_t seq;                                 /* order of arrival, from 1 */
    uint64_t source;                              /* the peer of its sotto_pool_source; 0 for own ones */
    uint64_t index;                               /* keyed hash of `hash`, for tables of the same pool (whisper/ids.h) */
    unsigned zeros;                               /* zero bits of its work; known only where sotto_pool_same finds it */
    struct sotto_span rlp, data;
};

struct sotto_pool;
SOTTO_MUST_USE enum sotto_err sotto_pool_new(struct sotto_pool **out, const struct sotto_pool_config *config);
void sotto_pool_free(struct sotto_pool *p);

/* The name of an envelope: its hash, and the keyed hash of that by which tables find it (sotto_pool_index). */
struct sotto_pool_id { const uint8_t *hash; uint64_t index; };
struct sotto_pool_id sotto_pool_id(const struct sotto_pool *p, const uint8_t hash[32]);      /* borrows hash */

/* Takes a copy of one envelope that passed every rule of whisper-v6.md 7 (the caller's work: whisper/shh.h). ERR_ENV_DUPLICATE:
 * it is here, or was and is remembered. ERR_ENV_QUOTA: its link or topic has its share and this is not better than what it has.
 * ERR_FULL: no room, and it is worth no more than what would have to go. ERR_NOMEM. On error nothing has changed. Own ones have
 * no quota and always find room unless all is held. *entry (may be NULL) is the new one. */
SOTTO_MUST_USE enum sotto_err sotto_pool_add(struct sotto_pool *p, const struct sotto_pool_entry **entry, const struct sotto_envelope *e,
                                             struct sotto_span rlp, struct sotto_pool_id id, double rating, struct sotto_pool_source source);
/* Copies of what is here are known without hashing them: by a sample of their bytes (keyed), then by comparing all.
 *   sample   what the next two are asked with
 *   show     lets `same` find this entry, and says how many zero bits its work has
 *   same     the shown entry with exactly these bytes. NULL: none is found; only the hash tells then (it was not shown, or somebody made
 *            another one that differs only where the sample does not look) */
uint64_t sotto_pool_sample(const struct sotto_pool *p, struct sotto_span rlp);
void sotto_pool_show(struct sotto_pool *p, const struct sotto_pool_entry *entry, uint64_t sample, unsigned zeros);
const struct sotto_pool_entry *sotto_pool_same(const struct sotto_pool *p, struct sotto_span rlp, uint64_t sample);
/* Asks the processor for the memory that same and add are going to look at: for many at once the ways to it run side by side. */
void sotto_pool_expect_same(const struct sotto_pool *p, uint64_t sample);
void sotto_pool_expect_add(const struct sotto_pool *p, uint64_t index);
/* Pooled or remembered. */
bool sotto_pool_knows(const struct sotto_pool *p, const uint8_t hash[32]);
const struct sotto_pool_entry *sotto_pool_find(const struct sotto_pool *p, const uint8_t hash[32]);
/* Both by the first 16 bytes of a hash, as sotto/1 names envelopes: two that agree in them cost 2^64 work, and the one that came later is found. */
bool sotto_pool_knows_id(const struct sotto_pool *p, const uint8_t id[SOTTO_POOL_ID]);
const struct sotto_pool_entry *sotto_pool_find_id(const struct sotto_pool *p, const uint8_t id[SOTTO_POOL_ID]);
/* The first hop has it: from now on it is an entry like any other. */
void sotto_pool_release(struct sotto_pool *p, const uint8_t hash[32]);
/* A mark for those who pass on (whisper/shh_flush.c): this one does not go on yet. Nothing in the pool depends on it. */
void sotto_pool_hush(struct sotto_pool *p, const uint8_t hash[32], bool quiet);
/* Takes an own held envelope out again, forgotten as if it had never been. ERR_MISSING: not here, or not held. */
SOTTO_MUST_USE enum sotto_err sotto_pool_withdraw(struct sotto_pool *p, const uint8_t hash[32]);

/* Drops what expired before now_s (expiry < now_s) and moves the floor. Returns true when the floor changed. */
bool sotto_pool_tick(struct sotto_pool *p, uint32_t now_s, uint64_t mono_us);
/* The first second in which tick has something to drop; UINT64_MAX: nothing. */
uint64_t sotto_pool_next_expiry(const struct sotto_pool *p);
uint64_t sotto_pool_floor_deadline(const struct sotto_pool *p);           /* mono_us of the next move of the floor; UINT64_MAX: none */
double sotto_pool_floor(const struct sotto_pool *p);
/* Another floor for the times when the pool is not crowded; while it is, as many times doubled as now. >= 0, finite. */
void sotto_pool_set_floor(struct sotto_pool *p, double floor);

uint32_t sotto_pool_count(const struct sotto_pool *p);
uint64_t sotto_pool_bytes(const struct sotto_pool *p);
uint64_t sotto_pool_held(const struct sotto_pool *p);                     /* bytes of those that are held */
uint64_t sotto_pool_sizes(const struct sotto_pool *p);                    /* sum of size() */
uint64_t sotto_pool_evicted(const struct sotto_pool *p);                  /* in this run; expiry is not eviction */
uint64_t sotto_pool_seq(const struct sotto_pool *p);                      /* of the latest arrival; 0: none yet */
uint64_t sotto_pool_index(const struct sotto_pool *p, const uint8_t *hash);                   /* reads SOTTO_POOL_ID bytes */

/* Walks in the order of worth, best first (for people and for "envelope list": all are sorted for it), until fn returns false. fn must not change
 * the pool. */
void sotto_pool_each(const struct sotto_pool *p, bool (*fn)(void *ctx, const struct sotto_pool_entry *e), void *ctx);
/* In order of arrival: the first entry that came after seq (0: of all; costs a step per newer entry), and the one after e. */
const struct sotto_pool_entry *sotto_pool_after(const struct sotto_pool *p, uint64_t seq);
const struct sotto_pool_entry *sotto_pool_next(const struct sotto_pool *p, const struct sotto_pool_entry *e);
/* <0: a is better than b (would be passed on first and evicted last). */
int sotto_pool_compare(const struct sotto_pool_entry *a, const struct sotto_pool_entry *b);

#endif
