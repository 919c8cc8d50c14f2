/* Random streams behind struct sotto_rng: ChaCha20 of libsodium, seeded from the system or from a printed seed, forked by
 * purpose so that one policy's draws do not shift another's (network.md 0). Refilled in blocks, used bytes wiped at once
 * and the key replaced after each block: a stolen state does not tell earlier output. */
#ifndef SOTTO_CRYPTO_RNG_H
#define SOTTO_CRYPTO_RNG_H

#include "base/env.h"
#include "crypto/secret.h"

struct sotto_chacha_rng {
    struct sotto_rng rng;                             /* first: &r.rng is what cores get */
    uint8_t key[32];
    uint8_t block[512];
    size_t used;
};
void sotto_rng_from_system(struct sotto_chacha_rng *out);
void sotto_rng_from_seed(struct sotto_chacha_rng *out, uint64_t seed, const char *purpose);      /* tests and sim only */
void sotto_rng_fork(struct sotto_chacha_rng *out, struct sotto_rng *parent, const char *purpose);

#endif
