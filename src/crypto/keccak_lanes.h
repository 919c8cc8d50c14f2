/* Keccak-256 of many messages at once: several states side by side in the lanes of the processor's vectors.
 *
 * The one exception of law 6: a permutation of our own, for the work and the hashes of envelopes, which are public bytes (nothing of them is
 * wiped and nothing runs in constant time of a message's length), and for everything that crypto/hash.h takes, frame MACs first: those of
 * several connections side by side, all else with a single lane (no branch and no address depends on a state, and what it leaves on the
 * stack is wiped). It is tried against the library at the
 * start of a program and in the tests; nonces that it finds are checked by the library before they are used.
 *
 *     library   nettle, one state a time: what is used until sotto_crypto_init was called
 *     scalar    the same in plain words with three-operand rotations (BMI2): about 1.7 times as fast
 *     planes    one state, each of its five planes in a vector of AVX-512: 1.5 times as fast as scalar
 *     generic   2 lanes of the compiler's own vectors, any processor
 *     avx2      4 lanes
 *     avx512    8 lanes
 *
 * Threads: choose (start, use) before other threads hash; everything else is free of state. */
#ifndef SOTTO_CRYPTO_KECCAK_LANES_H
#define SOTTO_CRYPTO_KECCAK_LANES_H

#include "base/bytes.h"

#define SOTTO_KECCAK_RATE 136u                    /* bytes of a block of Keccak-256 */
#define SOTTO_KECCAK_WORDS 25u                    /* of a state */
#define SOTTO_KECCAK_LANES_MAX 8u
#define SOTTO_KECCAK_KERNELS_MAX 6u

/* States: word w of lane l is state[w * lanes + l], in the byte order of the processor. */
struct sotto_keccak_kernel {
    const char *name;
    unsigned lanes;
    void (*permute)(uint64_t *state);
    /* The first word of every lane as permute would leave it, and nothing else: a search for work needs no more. */
    void (*first_words)(uint64_t *out, const uint64_t *state);
    /* Takes blocks of SOTTO_KECCAK_RATE bytes into each lane, permuting after each; in[l] = the blocks of lane l. */
    void (*absorb)(uint64_t *state, const uint8_t *const *in, size_t blocks);
    /* The same where the states are of something secret: wipes what it leaves on the stack. */
    void (*absorb_secret)(uint64_t *state, const uint8_t *const *in, size_t blocks);
};

/* All that this processor can run, the fastest last; returns how many. The first is the library. */
unsigned sotto_keccak_kernels(const struct sotto_keccak_kernel *out[SOTTO_KECCAK_KERNELS_MAX]);
/* Does it agree with the library? A few hundred permutations, less than a millisecond. */
bool sotto_keccak_right(const struct sotto_keccak_kernel *kernel);
/* Takes the fastest kernel that is right: a part of sotto_crypto_init. */
void sotto_keccak_start(void);
/* The name of a faster kernel that was found wrong then, to be logged; NULL: none. */
const char *sotto_keccak_refused(void);
void sotto_keccak_use(const struct sotto_keccak_kernel *kernel);          /* for tests and benches; one of one lane also for single messages */
const struct sotto_keccak_kernel *sotto_keccak_in_use(void);
const struct sotto_keccak_kernel *sotto_keccak_single(void);              /* of one lane: what crypto/hash.h uses */

/* One message is up to three pieces, one after the other (an empty piece is fine). */
#define SOTTO_KECCAK_PARTS_MAX 3u
struct sotto_keccak_message {
    struct sotto_span parts[SOTTO_KECCAK_PARTS_MAX];      /* borrowed */
    uint8_t hash[32];
};
/* keccak256 of each, with the kernel in use. Messages of about the same length fill the lanes best. */
void sotto_keccak256_many(struct sotto_keccak_message *messages, size_t count);

#endif
