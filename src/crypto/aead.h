/* Sealing. AES-256-GCM (OpenSSL, fetched once, contexts reused per thread), XChaCha20-Poly1305 (libsodium), AES-CTR and
 * single AES blocks for the RLPx frames. Output sizes: plain + 16 for both AEADs. in and out may not overlap. */
#ifndef SOTTO_CRYPTO_AEAD_H
#define SOTTO_CRYPTO_AEAD_H

#include "crypto/secret.h"

#define SOTTO_TAG_SIZE 16u

struct sotto_kn { uint8_t b[44]; };                   /* key 32, nonce 12: an HKDF output used for exactly one seal */

SOTTO_MUST_USE enum sotto_err sotto_gcm_seal(uint8_t *out, const struct sotto_kn *kn, struct sotto_span aad, struct sotto_span plain);
/* ERR_AEAD; out is then zeroed. sealed.size >= 16, else ERR_AEAD. */
SOTTO_MUST_USE enum sotto_err sotto_gcm_open(uint8_t *out, const struct sotto_kn *kn, struct sotto_span aad, struct sotto_span sealed);

/* One key of AES-256-GCM for many texts one after the other: its schedule is made once, which costs more than sealing a thousand bytes.
 * As secret as the key; free wipes it. Who seals gives every text a nonce of its own. Threads: one owner. */
struct sotto_gcm_kept;
struct sotto_gcm_kept *sotto_gcm_kept_new(const struct sotto_secret *key);                   /* NULL: out of memory */
void sotto_gcm_kept_free(struct sotto_gcm_kept *s);                                          /* NULL is fine */
/* As sotto_gcm_seal and sotto_gcm_open. */
SOTTO_MUST_USE enum sotto_err sotto_gcm_kept_seal(struct sotto_gcm_kept *s, uint8_t *out, const uint8_t nonce[12], struct sotto_span aad, struct sotto_span plain);
SOTTO_MUST_USE enum sotto_err sotto_gcm_kept_open(struct sotto_gcm_kept *s, uint8_t *out, const uint8_t nonce[12], struct sotto_span aad, struct sotto_span sealed);

/* A key of AES-256-GCM taken apart once for many tries: where thousands of keys are tried on one text, making the key schedule would cost
 * more than the try. As secret as the key. Opaque. */
struct sotto_gcm_key { _Alignas(16) uint8_t b[512]; };
void sotto_gcm_key_make(struct sotto_gcm_key *out, const struct sotto_secret *key);
/* As sotto_gcm_open without aad, except that out stays as it was on failure. out NULL: only whether it opens, the quickest way to say no. */
SOTTO_MUST_USE enum sotto_err sotto_gcm_key_open(uint8_t *out, const struct sotto_gcm_key *key, const uint8_t nonce[12], struct sotto_span sealed);

SOTTO_MUST_USE enum sotto_err sotto_xchacha_seal(uint8_t *out, const struct sotto_secret *key, const uint8_t nonce[24],
                                                 struct sotto_span aad, struct sotto_span plain);
SOTTO_MUST_USE enum sotto_err sotto_xchacha_open(uint8_t *out, const struct sotto_secret *key, const uint8_t nonce[24],
                                                 struct sotto_span aad, struct sotto_span sealed);

/* A running AES-CTR stream (16- or 32-byte key, 16-byte initial counter). */
struct sotto_ctr;
struct sotto_ctr *sotto_ctr_new(struct sotto_span key, const uint8_t iv[16]);            /* NULL: out of memory */
void sotto_ctr_xor(struct sotto_ctr *ctr, uint8_t *out, struct sotto_span in);           /* out may equal in.data */
void sotto_ctr_free(struct sotto_ctr *ctr);
/* AES-256 in ECB, one block at a time (RLPx MAC). */
struct sotto_aes;
struct sotto_aes *sotto_aes_new(const uint8_t key[32]);
void sotto_aes_block(struct sotto_aes *aes, uint8_t out[16], const uint8_t in[16]);
void sotto_aes_free(struct sotto_aes *aes);

#endif
