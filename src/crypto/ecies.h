/* ECIES as RLPx and Whisper use it: R(65) || iv(16) || c || d(32). Source: devp2p.md 4. */
#ifndef SOTTO_CRYPTO_ECIES_H
#define SOTTO_CRYPTO_ECIES_H

#include "crypto/curve.h"

#define SOTTO_ECIES_OVERHEAD 113u

/* Appends plain.size + 113 bytes. The ephemeral key and iv come from rng. s2 = extra authenticated data, may be empty. */
SOTTO_MUST_USE enum sotto_err sotto_ecies_seal(struct sotto_buf *out, const struct sotto_point *to, struct sotto_span s2,
                                               struct sotto_span plain, struct sotto_rng *rng);
/* Appends the plain text (>= 1 byte). ERR_ECIES for every refusal; MAC in constant time before decryption. */
SOTTO_MUST_USE enum sotto_err sotto_ecies_open(struct sotto_buf *out, const struct sotto_scalar *key, struct sotto_span s2, struct sotto_span sealed);

#endif
