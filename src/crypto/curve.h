/* secp256k1 (libsecp256k1 0.2.0). Points travel compressed, 33 bytes; x(P) is 32 bytes.
 *
 * Constant time in secrets: make, ecdh_x, scalar_mul, sign. recover, verify and parse see public values only.
 * Threads: one shared read-only context made by sotto_crypto_init; all functions may be called from any thread. */
#ifndef SOTTO_CRYPTO_CURVE_H
#define SOTTO_CRYPTO_CURVE_H

#include "base/env.h"
#include "crypto/secret.h"

struct sotto_point { uint8_t b[33]; };                /* 02 or 03, then x. Checked when parsed; a zeroed one means "none" */
struct sotto_sig65 { uint8_t b[65]; };                /* r 32, s 32 (low), v 27 or 28 */
struct sotto_id { uint8_t b[20]; };                   /* last 20 bytes of Keccak-256(x || y) of the first identity key */

bool sotto_scalar_valid(const struct sotto_scalar *k);                                   /* in [1, n-1] */
void sotto_scalar_random(struct sotto_scalar *out, struct sotto_rng *rng);               /* redraws until valid */
/* 32 bytes big-endian, as integer mod n (one conditional subtraction). Returns ERR_KEY if the result is 0. */
SOTTO_MUST_USE enum sotto_err sotto_scalar_reduce(struct sotto_scalar *out, const uint8_t bytes[32]);
SOTTO_MUST_USE enum sotto_err sotto_scalar_mul(struct sotto_scalar *out, const struct sotto_scalar *a, const struct sotto_scalar *b);

SOTTO_MUST_USE enum sotto_err sotto_point_make(struct sotto_point *out, const struct sotto_scalar *k);     /* k*G; ERR_KEY */
SOTTO_MUST_USE enum sotto_err sotto_point_check(const uint8_t bytes[33]);                                   /* ERR_KEY */
SOTTO_MUST_USE enum sotto_err sotto_point_from_x(struct sotto_point *out, const uint8_t x[32]);             /* even y; ERR_POINT */
/* Would it work? Ten times quicker than trying, by a Jacobi symbol. For public x only: its time depends on x. */
bool sotto_x_good(const uint8_t x[32]);
SOTTO_MUST_USE enum sotto_err sotto_point_to64(uint8_t out[64], const struct sotto_point *p);               /* x || y; ERR_KEY */
SOTTO_MUST_USE enum sotto_err sotto_point_from64(struct sotto_point *out, const uint8_t xy[64]);            /* ERR_KEY */
/* x(k*P), constant time in k. ERR_KEY for a bad scalar or point. */
SOTTO_MUST_USE enum sotto_err sotto_ecdh_x(struct sotto_secret *out, const struct sotto_scalar *k, const struct sotto_point *p);
/* A point taken apart once for many multiplications: reading 33 bytes costs a square root. As secret as the point is. Opaque; all zero = none. */
struct sotto_base { uint8_t b[64]; };
SOTTO_MUST_USE enum sotto_err sotto_base_make(struct sotto_base *out, const struct sotto_point *p);         /* ERR_KEY */
/* As sotto_ecdh_x. ERR_KEY also for a zeroed base. */
SOTTO_MUST_USE enum sotto_err sotto_base_x(struct sotto_secret *out, const struct sotto_scalar *k, const struct sotto_base *base);
/* The whole point k*P, constant time in k (ecdh with a callback that keeps x and the parity of y). */
SOTTO_MUST_USE enum sotto_err sotto_ecdh_point(struct sotto_point *out, const struct sotto_scalar *k, const struct sotto_point *p);

/* ECDSA, RFC 6979, low s. */
SOTTO_MUST_USE enum sotto_err sotto_sign(struct sotto_sig65 *out, const struct sotto_scalar *k, const uint8_t digest[32]);
/* The signer's key. Returns ERR_SIG_FORM for high s, v other than 27 or 28, r or s outside [1, n-1]; ERR_SIG if no key fits. */
SOTTO_MUST_USE enum sotto_err sotto_recover(struct sotto_point *out, const struct sotto_sig65 *sig, const uint8_t digest[32]);
/* As the above, for texts whose makers are less strict (Whisper): v from 0 to 3, s of either half. */
SOTTO_MUST_USE enum sotto_err sotto_recover_any(struct sotto_point *out, const uint8_t rs[64], uint8_t v, const uint8_t digest[32]);
/* r || s, low s demanded, against a known key: ERR_SIG_FORM, ERR_SIG. */
SOTTO_MUST_USE enum sotto_err sotto_verify(const uint8_t rs[64], const struct sotto_point *key, const uint8_t digest[32]);
/* BIP-340 with auxiliary randomness; the key's even-y twin signs. */
SOTTO_MUST_USE enum sotto_err sotto_schnorr_sign(uint8_t out[64], const struct sotto_scalar *k, const uint8_t digest[32], const uint8_t aux[32]);
SOTTO_MUST_USE enum sotto_err sotto_schnorr_verify(const uint8_t sig[64], const uint8_t x[32], const uint8_t digest[32]);

SOTTO_MUST_USE enum sotto_err sotto_id_of(struct sotto_id *out, const struct sotto_point *key);
void sotto_id_text(char out[43], const struct sotto_id *id);                             /* EIP-55, "0x" and 40 digits */
/* Mixed case must verify; all-lower and all-upper only if any_case. Returns ERR_FORMAT. */
SOTTO_MUST_USE enum sotto_err sotto_id_parse(struct sotto_id *out, struct sotto_span text, bool any_case);
static inline bool sotto_id_equal(const struct sotto_id *a, const struct sotto_id *b) { return memcmp(a->b, b->b, 20) == 0; }

#endif
