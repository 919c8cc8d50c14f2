/* ECDSA signatures in DER, as scripts carry them; keys of 33 or 65 bytes (libsecp256k1). Everything here is public.
 *
 * Strict: 30 len 02 len r 02 len s and nothing behind it, every length in its one-byte form, r and s at least one byte long, not negative
 * and without a needless zero in front (BIP-66). It says nothing of their size: a strict signature may hold an r above the order, which
 * then verifies under no key.
 *
 * Threads: any, after sotto_crypto_init. */
#ifndef SOTTO_CRYPTO_ECDSA_H
#define SOTTO_CRYPTO_ECDSA_H

#include "base/bytes.h"

#define SOTTO_DER_MAX 72                                               /* bytes of the longest signature with both numbers in range */

bool sotto_der_strict(struct sotto_span der);
/* Is s in the lower half of the order, or 0? der: strict; false for any other. */
bool sotto_der_low(struct sotto_span der);
/* r || s in DER; *size <= SOTTO_DER_MAX. Returns ERR_SIG_FORM for r or s not below the order. */
SOTTO_MUST_USE enum sotto_err sotto_der_write(uint8_t out[SOTTO_DER_MAX], size_t *size, const uint8_t rs[64]);

/* Either half of s is taken. key: 33 bytes that begin with 02 or 03, or 65 that begin with 04, 06 or 07. ERR_SIG: it does not verify,
 * for whatever reason: not strict DER, a number out of range, no point. */
SOTTO_MUST_USE enum sotto_err sotto_der_verify(struct sotto_span der, struct sotto_span key, const uint8_t digest[32]);
/* The same for r || s. */
SOTTO_MUST_USE enum sotto_err sotto_rs_verify(const uint8_t rs[64], struct sotto_span key, const uint8_t digest[32]);

#endif
