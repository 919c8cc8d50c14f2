/* The Whisper v6 envelope: its bytes, its hash, its rating, and the search for a nonce (whisper-v6.md 4 and 5, rows
 * W-03, W-04, W-05).
 *
 *     envelope = [expiry, ttl, topic, data, nonce]        hash   = keccak256(all of it)
 *     short    = [expiry, ttl, topic, data]               zeros  = leading zero bits of keccak256(short || nonce, 8 bytes)
 *     rating   = 2^zeros / len(short) / ttl               sent   = expiry - ttl, 32-bit arithmetic
 *
 * Threads: plain values and pure functions; the search may run on any thread. */
#ifndef SOTTO_WHISPER_ENVELOPE_H
#define SOTTO_WHISPER_ENVELOPE_H

#include "crypto/keccak_lanes.h"

#include <nettle/sha3.h>
#include <stdatomic.h>

#define SOTTO_ENVELOPE_HEADER 20u                 /* what Whisper's size() counts besides the data */
#define SOTTO_ENVELOPE_SIZE_MAX (1u << 20)        /* size() of the largest envelope we keep, network.md 5 */
#define SOTTO_ENVELOPE_RLP_EXTRA 48u              /* RLP of an envelope is at most this much longer than its data */

/* Native envelopes, all alike (network.md 3, messaging.md 6.2). */
#define SOTTO_NATIVE_DATA 1024u
#define SOTTO_NATIVE_TTL_S 1800u
#define SOTTO_NATIVE_SHORT 1043u                  /* len(short) */
#define SOTTO_NATIVE_RLP 1052u
#define SOTTO_NATIVE_GRID_S 600u                  /* sent lies on this grid, blurred by as much again */
#define SOTTO_NATIVE_LIFE_MIN_S 600u              /* with less left an own envelope is mined again, not emitted */
#define SOTTO_NATIVE_WORK_BITS 19u                /* zero bits of a native envelope: rating 0.279, above Whisper's 0.2 */
#define SOTTO_RATING_DEFAULT 0.2                  /* Whisper's own minimum */

struct sotto_envelope {
    uint32_t expiry, ttl;                         /* unix seconds, seconds */
    uint8_t topic[4];
    struct sotto_span data;                       /* borrowed from what it was read from */
    uint64_t nonce;
};

/* Reads exactly one envelope that fills the whole span: five elements, shortest forms, nothing left over. ERR_ENV_FORM.
 * size() is not judged here. */
SOTTO_MUST_USE enum sotto_err sotto_envelope_decode(struct sotto_envelope *out, struct sotto_span rlp);
/* Append. ERR_FULL or ERR_NOMEM of the buffer, ERR_RANGE for data above 16 MiB; the buffer is then unchanged. */
SOTTO_MUST_USE enum sotto_err sotto_envelope_encode(struct sotto_buf *out, const struct sotto_envelope *e);
SOTTO_MUST_USE enum sotto_err sotto_envelope_short(struct sotto_buf *out, const struct sotto_envelope *e);
size_t sotto_envelope_short_size(const struct sotto_envelope *e);

void sotto_envelope_hash(uint8_t out[32], struct sotto_span rlp);
unsigned sotto_envelope_zeros(const struct sotto_envelope *e);            /* 0..256 */
/* Both for many envelopes at once, with the Keccak kernel in use; the same values. */
struct sotto_envelope_digest { uint8_t hash[32]; unsigned zeros; };
#define SOTTO_ENVELOPE_BATCH 64u                  /* at most so many: what is wanted for them stands on the stack, 12 KiB */
struct sotto_envelope_in { const struct sotto_envelope *e; struct sotto_span rlp; struct sotto_envelope_digest *out; };   /* e: decoded from rlp */
void sotto_envelope_digests(const struct sotto_envelope_in *in, size_t count);
/* 2^zeros / len / (ttl + late) in double, divided in that order, ttl + late a 32-bit sum; 0 gives +infinity. */
double sotto_rating(unsigned zeros, size_t short_size, uint32_t ttl, uint32_t late);
double sotto_envelope_rating(const struct sotto_envelope *e, uint32_t late);
static inline uint32_t sotto_envelope_sent(const struct sotto_envelope *e) { return e->expiry - e->ttl; }      /* wraps */
static inline size_t sotto_envelope_size(const struct sotto_envelope *e) { return SOTTO_ENVELOPE_HEADER + e->data.size; }

/* Zero bits that an envelope of this length and life needs so that its rating reaches the wanted one; 0..256. */
unsigned sotto_work_bits(double rating, size_t short_size, uint32_t ttl);

/* One search for a nonce. Everything before the nonce is hashed once: the state after the last whole block of 136 bytes is
 * kept, with what follows already mixed in, so that a try costs one permutation (two where the nonce meets a block's end).
 * As many nonces as the kernel in use has lanes are tried at once; each hit is checked by the library before it is returned. */
struct sotto_work {
    struct sha3_state state;
    size_t at;                                    /* where the nonce begins in its block, 0..135 */
    unsigned bits;
    uint64_t next;                                /* the nonce tried next */
    const struct sotto_keccak_kernel *kernel;     /* the one in use when the search began */
    _Alignas(64) uint64_t lanes[SOTTO_KECCAK_WORDS * SOTTO_KECCAK_LANES_MAX];     /* the state once for each lane */
};
/* prefix = short; first = the first nonce; bits 0..256. */
void sotto_work_init(struct sotto_work *w, struct sotto_span prefix, uint64_t first, unsigned bits);
/* Up to `tries` nonces, upwards and round at 2^64. OK: *nonce fits. ERR_AGAIN: none of these did; call again. */
SOTTO_MUST_USE enum sotto_err sotto_work_step(struct sotto_work *w, uint64_t *nonce, uint32_t tries);
/* The whole search, for a worker thread: looks at *cancel (may be NULL) every SOTTO_WORK_CHUNK tries. OK or ERR_CANCELLED. */
#define SOTTO_WORK_CHUNK 4096u                    /* a few ms at most: a cancelled worker is free again at once */
SOTTO_MUST_USE enum sotto_err sotto_work_search(uint64_t *nonce, struct sotto_span prefix, uint64_t first, unsigned bits,
                                                const atomic_bool *cancel);
/* Leading zero bits of keccak256(prefix || nonce): what a hit is checked with before it is used. */
unsigned sotto_work_zeros(struct sotto_span prefix, uint64_t nonce);

#endif
