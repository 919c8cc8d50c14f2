/* What the methods of the RPC namespace shh refuse, with geth's very words (whisper-v6.md 7, 12.2 to 12.4).
 *
 * One value says which, and carries what the text needs. All of them are answered with code -32000.
 * Threads: plain values. */
#ifndef SOTTO_WHISPER_REFUSAL_H
#define SOTTO_WHISPER_REFUSAL_H

#include "whisper/bloom.h"

/* name, text; what stands in {} comes from the value: {number}, {limit}, {pow} (six decimals), {text}, {hash} (hex, no 0x), {bloom}. */
#define SOTTO_SHH_REFUSAL_MAP(X)                                                                                          \
    X(NOTHING, "")                      /* not refused */                                                                 \
    /* keys */                                                                                                            \
    X(INVALID_ID, "invalid id")                                                                                           \
    X(NO_SYM_KEY, "non-existent key ID")                                                                                  \
    X(NO_KEY_PAIR, "key pair {text} not found")                                                                           \
    X(KEY_LENGTH, "invalid length, need 256 bits")                                                                        \
    X(KEY_ABOVE_ORDER, "invalid private key, >=N")                                                                        \
    X(KEY_ZERO, "invalid private key, zero or negative")                                                                  \
    X(SYM_KEY_SIZE, "wrong key size: {number}")                                                                           \
    /* settings and peers */                                                                                              \
    X(SIZE_LIMIT, "message size too large [{number}>{limit}]")                                                            \
    X(MIN_POW, "invalid PoW: {pow}")                                                                                      \
    X(BLOOM_SIZE, "invalid bloom filter size: {number}")                                                                  \
    X(NO_PEER, "could not find peer with ID: {text}")                                                                     \
    X(TARGET_PEER, "failed to parse target peer: {text}")                                                                 \
    /* post and criteria */                                                                                               \
    X(WHICH_KEY, "specify either a symmetric or an asymmetric key")                                                       \
    X(NO_TOPICS, "missing topic(s)")                                                                                      \
    X(SYM_KEY, "invalid symmetric key")                                                                                   \
    X(PUBLIC_KEY, "invalid public key")                                                                                   \
    X(SIGNING_KEY, "invalid signing public key")                                                                          \
    X(WORK_TIME, "failed to reach the PoW target, specified pow time ({number} seconds) was insufficient")                \
    X(LOW_TARGET, "message rejected, PoW too low")                                                                        \
    X(NOT_ADDED, "failed to add envelope")                                                                                \
    /* an envelope of one's own, judged like any other */                                                                 \
    X(FUTURE, "envelope created in the future [{hash}]")                                                                  \
    X(VERY_OLD, "very old message")                                                                                       \
    X(HUGE, "huge messages are not allowed [{hash}]")                                                                     \
    X(LOW_POW, "envelope with low PoW received: PoW={pow}, hash=[0x{hash}]")                                              \
    X(BLOOM, "envelope does not match bloom filter, hash=[0x{hash}], bloom: {bloom}")                                     \
    /* filters */                                                                                                         \
    X(NO_FILTER, "filter not found")                                                                                      \
    X(NO_FILTER_TO_DELETE, "Unsubscribe: Invalid ID")                                                                     \
    /* ours: geth has no such bounds */                                                                                   \
    X(TTL_LIMIT, "ttl too large [{number}>{limit}]")                                                                      \
    X(PAYLOAD_LIMIT, "payload too large [{number}>{limit}]")                                                              \
    X(KEYS_FULL, "too many keys, at most {limit}")                                                                        \
    X(FILTERS_FULL, "too many filters, at most {limit}")                                                                  \
    X(POSTS_FULL, "too many messages are being worked on, at most {limit}")                                               \
    X(NOT_SENT, "the message could not be sent to the peer")                                                              \
    X(KEY_EXPORT, "key export is switched off (whisper.export_keys)")                                                     \
    X(TOPICS_FULL, "too many topics, at most {limit}")                                                                    \
    X(NO_MEMORY, "out of memory")

enum sotto_shh_refused {
#define SOTTO_SHH_REFUSAL_ENUM(name, text) SOTTO_SHH_REFUSED_##name,
    SOTTO_SHH_REFUSAL_MAP(SOTTO_SHH_REFUSAL_ENUM)
#undef SOTTO_SHH_REFUSAL_ENUM
    SOTTO_SHH_REFUSED_COUNT
};

struct sotto_shh_refusal {
    enum sotto_shh_refused why;
    uint64_t number, limit;
    double pow;
    struct sotto_span text;                       /* borrowed from the request: an id, the words of another parser */
    uint8_t hash[32];
    struct sotto_bloom filter, sample;            /* {bloom}: what the node wants, what the envelope has, its topic */
    uint8_t topic[4];
};

static inline struct sotto_shh_refusal sotto_shh_refusal(enum sotto_shh_refused why) { return (struct sotto_shh_refusal){ .why = why }; }
const char *sotto_shh_refusal_name(enum sotto_shh_refused why);         /* "INVALID_ID" */
/* Appends the text. ERR_FULL, ERR_NOMEM; the buffer is then unchanged. */
SOTTO_MUST_USE enum sotto_err sotto_shh_refusal_text(struct sotto_buf *out, const struct sotto_shh_refusal *r);

#endif
