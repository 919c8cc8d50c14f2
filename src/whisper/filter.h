/* Subscriptions of the RPC namespace shh: who of this node's callers wants which messages, and what waits for them (whisper-v6.md 9, 11).
 *
 *     envelope -> filters without topics, and those that list its topic (an index: the others cost nothing)
 *              -> direct ones only where they are allowed; minPow <= 0 or rating >= minPow
 *              -> one try for each key, not for each filter; the first key that opens it ends the tries
 *              -> every filter with that key, of those above, whose required signer is the signer: kept until it is fetched
 *
 * A match is kept once for each filter and envelope while it waits; each is handed out once, oldest first. geth keeps them without
 * bound: here the oldest are dropped and counted. A message that several filters match is kept once.
 *
 * Keys are copied, taken apart once and kept in guarded memory: a filter goes on after its key was deleted from whisper/keys.h, as in geth.
 * Threads: one owner. */
#ifndef SOTTO_WHISPER_FILTER_H
#define SOTTO_WHISPER_FILTER_H

#include "whisper/envelope.h"
#include "whisper/keys.h"
#include "whisper/message.h"

#define SOTTO_SHH_FILTERS_MAX 4096u
#define SOTTO_SHH_FILTER_TOPICS_MAX 65536u        /* over all filters */
#define SOTTO_SHH_FILTER_KEPT_MAX 1024u           /* messages waiting in one filter */
#define SOTTO_SHH_FILTER_BYTES_MAX (32u << 20)    /* all that waits, with what it takes to keep it */

struct sotto_shh_filters_config {
    uint32_t filters_max, topics_max, kept_max;
    uint64_t bytes_max;
    struct sotto_rng *rng;                        /* borrowed: ids */
};

/* What a filter wants. Exactly one of sym and key. Everything is copied. */
struct sotto_shh_criteria {
    const struct sotto_secret *sym;
    const struct sotto_scalar *key;
    const struct sotto_point *signer;             /* NULL: anybody, and nobody */
    double min_pow;
    bool allow_p2p;
    const uint8_t (*topics)[4];                   /* the same one twice counts once; count 0: all */
    size_t topic_count;
};

/* A message that waits or was handed out. */
struct sotto_shh_received {
    uint8_t hash[32];
    uint32_t ttl, sent;                           /* sent: expiry - ttl */
    uint8_t topic[4];
    double pow;
    bool is_signed, is_asymmetric;
    uint8_t signer[SOTTO_SHH_PUBLIC];             /* if is_signed */
    uint8_t recipient[SOTTO_SHH_PUBLIC];          /* if is_asymmetric */
    struct sotto_span payload, padding;
};

struct sotto_shh_filters;
SOTTO_MUST_USE enum sotto_err sotto_shh_filters_new(struct sotto_shh_filters **out, const struct sotto_shh_filters_config *config);
void sotto_shh_filters_free(struct sotto_shh_filters *f);

/* FILTERS_FULL, TOPICS_FULL, NO_MEMORY: nothing has changed. The criteria were checked (sotto_shh_criteria_check). */
SOTTO_MUST_USE struct sotto_shh_refusal sotto_shh_filters_add(struct sotto_shh_filters *f, struct sotto_shh_id *id, const struct sotto_shh_criteria *criteria);
/* false: there is none (NO_FILTER_TO_DELETE is the answer then). What waited in it is gone. */
bool sotto_shh_filters_remove(struct sotto_shh_filters *f, struct sotto_span id);

/* Shows one envelope to all: each new one of the pool once, a direct one each time it comes. rating is the one it was accepted with; of a
 * direct one the formula's, which no filter with a minPow is told (geth computes it too late, and lets one through now and then).
 * *matches (may be NULL) = how many filters have something new. ERR_NOMEM: some may have it, some not. */
struct sotto_shh_seen {
    const struct sotto_envelope *e;
    const uint8_t *hash;
    double rating;
    bool direct, light;                           /* light: the node is a light client and the envelope is not its own: only filters with allowP2P */
};
SOTTO_MUST_USE enum sotto_err sotto_shh_filters_show(struct sotto_shh_filters *f, uint32_t *matches, const struct sotto_shh_seen *seen);
/* The same in pieces: a key costs what its try takes, SOTTO_SHH_TRY_* below. ERR_AGAIN: the budget is used up; call again with the same envelope
 * and again = true, until it is something else, before any other is shown. Filters may come and go meanwhile. */
SOTTO_MUST_USE enum sotto_err sotto_shh_filters_show_some(struct sotto_shh_filters *f, uint32_t *matches, const struct sotto_shh_seen *seen, uint64_t budget_ns,
                                                          bool again);
#define SOTTO_SHH_TRY_KEY_NS 60000u               /* a private key: a multiplication of a point, and what is authenticated, per byte */
#define SOTTO_SHH_TRY_KEY_BYTE_NS 3u
#define SOTTO_SHH_TRY_SYM_NS 1000u
#define SOTTO_SHH_TRY_SYM_BYTES 2u                /* so many a nanosecond */

/* Hands out the oldest message of a filter: the caller gives it back by _release before f is freed. ERR_MISSING: no such filter.
 * ERR_AGAIN: nothing waits. */
SOTTO_MUST_USE enum sotto_err sotto_shh_filters_take(struct sotto_shh_filters *f, const struct sotto_shh_received **out, struct sotto_span id);
void sotto_shh_filters_release(struct sotto_shh_filters *f, const struct sotto_shh_received *message);      /* wipes it after the last */

struct sotto_shh_filter_state { uint32_t waiting; uint64_t dropped; };     /* dropped: for want of room, since it was added */
SOTTO_MUST_USE enum sotto_err sotto_shh_filters_state(const struct sotto_shh_filters *f, struct sotto_shh_filter_state *out, struct sotto_span id);      /* ERR_MISSING */
uint32_t sotto_shh_filters_count(const struct sotto_shh_filters *f);
uint64_t sotto_shh_filters_bytes(const struct sotto_shh_filters *f);
uint64_t sotto_shh_filters_dropped(const struct sotto_shh_filters *f);    /* over all, also those that were removed */
uint64_t sotto_shh_filters_tries(const struct sotto_shh_filters *f);      /* keys tried on envelopes since the start */

/* What a new subscription adds to the node's filter, if one is set: the bits of its topics; none for no topics. */
void sotto_shh_topics_bloom(struct sotto_bloom *out, const uint8_t (*topics)[4], size_t count);

/* ---- the criteria of a caller, whisper-v6.md 12.4 ---- */

/* shh_newMessageFilter and shh_subscribe differ in two places: without topics, and in what they say of an unknown private key. */
enum sotto_shh_manner { SOTTO_SHH_NEW_FILTER, SOTTO_SHH_SUBSCRIBE };
struct sotto_shh_criteria_asked {
    struct sotto_span sym_id, key_id, sig;        /* empty: absent */
    double min_pow;
    bool allow_p2p;
    const uint8_t (*topics)[4];
    size_t topic_count;
};
/* In this order: WHICH_KEY, SIGNING_KEY, (subscribe: NO_TOPICS), NO_SYM_KEY, SYM_KEY, INVALID_ID (subscribe: PUBLIC_KEY). *out borrows from
 * keys, asked and *signer, where the signer's key is put. */
SOTTO_MUST_USE struct sotto_shh_refusal sotto_shh_criteria_check(struct sotto_shh_criteria *out, struct sotto_point *signer, const struct sotto_shh_keys *keys,
                                                                 const struct sotto_shh_criteria_asked *asked, enum sotto_shh_manner manner);

#endif
