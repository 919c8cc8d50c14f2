/* Hashes, MACs and key derivation (nettle). Every function is total: no failure but a broken rule of the caller. */
#ifndef SOTTO_CRYPTO_HASH_H
#define SOTTO_CRYPTO_HASH_H

#include "crypto/secret.h"

#include <nettle/hmac.h>
#include <nettle/sha2.h>
#include <nettle/sha3.h>

void sotto_sha256(uint8_t out[32], struct sotto_span data);
void sotto_sha512(uint8_t out[64], struct sotto_span data);
void sotto_sha256d(uint8_t out[32], struct sotto_span data);           /* SHA-256 of SHA-256 (Bitcoin) */
/* The latter piece by piece. */
struct sotto_sha256d { struct sha256_ctx ctx; };
void sotto_sha256d_init(struct sotto_sha256d *s);
void sotto_sha256d_update(struct sotto_sha256d *s, const void *data, size_t size);
void sotto_sha256d_final(struct sotto_sha256d *s, uint8_t out[32]);
void sotto_ripemd160(uint8_t out[20], struct sotto_span data);
void sotto_sha1(uint8_t out[20], struct sotto_span data);              /* protects nothing of ours: a script may ask for it */
void sotto_hash160(uint8_t out[20], struct sotto_span data);           /* RIPEMD-160 of SHA-256: of a key, the hash in a pay address */

/* Keccak-256 with the original padding 0x01, not NIST SHA3 (Ethereum, Whisper, RLPx). */
struct sotto_keccak {
    uint64_t words[25];                           /* the state, in the byte order of the processor */
    uint8_t block[136];                           /* index bytes that do not fill a block yet */
    unsigned index;
};
void sotto_keccak_init(struct sotto_keccak *k);
void sotto_keccak_update(struct sotto_keccak *k, const void *data, size_t size);
/* Each of these takes its data, as with sotto_keccak_update: several that have much to take go side by side in the lanes of the processor's
 * vectors. No state stands there twice. */
void sotto_keccak_update_many(struct sotto_keccak *const *k, const struct sotto_span *data, size_t count);
void sotto_keccak_final(const struct sotto_keccak *k, uint8_t out[32]);  /* works on a copy: the state can go on (RLPx MACs) */
void sotto_keccak256(uint8_t out[32], struct sotto_span data);

/* TH(tag, m) = SHA256(SHA256(tag) || SHA256(tag) || m), messaging.md 0. Keep a prepared state where one tag is used often. */
struct sotto_th { struct sha256_ctx ctx; };
void sotto_th_init(struct sotto_th *t, const char *tag);
/* The same from the eight words of the state after the two hashes of the tag (ledger/th.h has them as constants). */
void sotto_th_resume(struct sotto_th *t, const uint32_t state[8]);
void sotto_th_update(struct sotto_th *t, const void *data, size_t size);
void sotto_th_final(struct sotto_th *t, uint8_t out[32]);            /* wipes the state */
/* The usual form: up to 8 parts. */
void sotto_th_parts(uint8_t out[32], const char *tag, const struct sotto_span *parts, size_t count);
#define SOTTO_TH(out, tag, ...) \
    sotto_th_parts((out), (tag), (const struct sotto_span[]){ __VA_ARGS__ }, \
                   sizeof((const struct sotto_span[]){ __VA_ARGS__ }) / sizeof(struct sotto_span))

/* HMAC-SHA256 over the parts in order. */
void sotto_hmac_parts(uint8_t out[32], struct sotto_span key, const struct sotto_span *parts, size_t count);
#define SOTTO_HMAC(out, key, ...) \
    sotto_hmac_parts((out), (key), (const struct sotto_span[]){ __VA_ARGS__ }, \
                     sizeof((const struct sotto_span[]){ __VA_ARGS__ }) / sizeof(struct sotto_span))

/* The same step by step, for several texts under one key: after _end the next one begins. Holds the key: SOTTO_WIPE at last. */
struct sotto_mac { struct hmac_sha256_ctx ctx; };
void sotto_mac_key(struct sotto_mac *m, struct sotto_span key);
void sotto_mac_add(struct sotto_mac *m, struct sotto_span part);
void sotto_mac_end(struct sotto_mac *m, uint8_t out[32]);

/* HKDF-SHA256, RFC 5869. Empty salt = 32 zero bytes. ikm and info are given in parts; size <= 8160. */
void sotto_hkdf_parts(uint8_t *out, size_t size, struct sotto_span salt, const struct sotto_span *ikm, size_t ikm_count,
                      const struct sotto_span *info, size_t info_count);
/* One ikm span, info = ASCII text followed by parts (count may be 0). */
void sotto_hkdf(uint8_t *out, size_t size, struct sotto_span salt, struct sotto_span ikm, const char *info,
                const struct sotto_span *more, size_t more_count);

/* PBKDF2-HMAC-SHA256 (Whisper's key from a password); what stands below holds for it too. */
void sotto_pbkdf2_sha256(uint8_t *out, size_t size, struct sotto_span password, struct sotto_span salt, uint32_t rounds);
/* PBKDF2-HMAC-SHA512 (BIP-39, safety words). Slow by design: off the loop above 20,000 rounds. */
void sotto_pbkdf2_sha512(uint8_t *out, size_t size, struct sotto_span password, struct sotto_span salt, uint32_t rounds);

#endif
