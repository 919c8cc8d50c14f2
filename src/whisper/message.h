/* The data field of a Whisper v6 envelope: the plain text and its two ways of encryption (whisper-v6.md 10).
 *
 *     plain text = flags(1) || size(k bytes, little-endian) || payload || padding || signature(65, if signed)
 *     flags        bits 0..1 = k; bit 2 = signed; the others zero when written, ignored when read
 *     signature    of keccak256(all before it): r || s || v, v = 0 or 1
 *     symmetric    AES-256-GCM(plain) || tag(16) || nonce(12)
 *     asymmetric   ECIES without extra data, 113 bytes more than the plain text; begins with 04
 *
 * What geth refuses is refused; what stops geth (a size beyond the end of the text, a box shorter than its parts) is ERR_FORMAT here.
 * Threads: pure functions. */
#ifndef SOTTO_WHISPER_MESSAGE_H
#define SOTTO_WHISPER_MESSAGE_H

#include "base/env.h"
#include "crypto/aead.h"
#include "crypto/curve.h"

#define SOTTO_SHH_PAYLOAD_MAX 0xffffffu           /* what three size bytes can say */
#define SOTTO_SHH_BLOCK 256u                      /* padding fills the plain text up to a multiple of this */
#define SOTTO_SHH_SIGNATURE 65u
#define SOTTO_SHH_NONCE 12u
#define SOTTO_SHH_SYM_EXTRA 28u                   /* data is so much longer than the plain text */
#define SOTTO_SHH_ASYM_EXTRA 113u
#define SOTTO_SHH_PUBLIC 65u                      /* 04 || x || y */
#define SOTTO_SHH_PASSWORD_ROUNDS 65356u          /* so spelled, not 65,536 */

/* What a plain text is made of, and what one says. */
struct sotto_shh_message {
    struct sotto_span payload;
    struct sotto_span padding;                    /* writing: used as it is; empty = made, 1 to 256 random bytes */
    const struct sotto_scalar *sign_with;         /* writing: NULL = unsigned */
    bool is_signed;                               /* read */
    struct sotto_point signer;                    /* read, if is_signed */
};

/* Appends the plain text. ERR_RANGE: payload above SOTTO_SHH_PAYLOAD_MAX. ERR_KEY: a bad key to sign with. ERR_FULL, ERR_NOMEM. On error
 * the buffer is as it was. The text is a secret: free the buffer by sotto_buf_free, which wipes. */
SOTTO_MUST_USE enum sotto_err sotto_shh_message_write(struct sotto_buf *out, const struct sotto_shh_message *m, struct sotto_rng *rng);
/* payload and padding are borrowed from plain. ERR_FORMAT: no plain text. ERR_SIG_FORM, ERR_SIG: nobody's signature. */
SOTTO_MUST_USE enum sotto_err sotto_shh_message_read(struct sotto_shh_message *out, struct sotto_span plain);

/* Each appends to out, which is as it was on error. Sealing: ERR_FULL, ERR_NOMEM, and ERR_KEY for a bad recipient; opening: ERR_AEAD or
 * ERR_ECIES for whatever does not open, ERR_FULL, ERR_NOMEM. plain is never empty. */
SOTTO_MUST_USE enum sotto_err sotto_shh_seal(struct sotto_buf *out, const struct sotto_secret *key, struct sotto_span plain, struct sotto_rng *rng);
SOTTO_MUST_USE enum sotto_err sotto_shh_open(struct sotto_buf *out, const struct sotto_secret *key, struct sotto_span data);
SOTTO_MUST_USE enum sotto_err sotto_shh_seal_to(struct sotto_buf *out, const struct sotto_point *to, struct sotto_span plain, struct sotto_rng *rng);
SOTTO_MUST_USE enum sotto_err sotto_shh_open_as(struct sotto_buf *out, const struct sotto_scalar *key, struct sotto_span data);
/* sotto_shh_open with a key that was taken apart before: nothing is allocated for what does not open. */
SOTTO_MUST_USE enum sotto_err sotto_shh_open_prepared(struct sotto_buf *out, const struct sotto_gcm_key *key, struct sotto_span data);

/* The symmetric key of a password (which may be empty): PBKDF2-HMAC-SHA256, empty salt. About 15 ms: on a worker. */
void sotto_shh_password_key(struct sotto_secret *out, struct sotto_span password);

/* A public key as the RPC writes it. from: ERR_KEY unless it is 65 bytes, 04 first, on the curve. */
void sotto_shh_public(uint8_t out[SOTTO_SHH_PUBLIC], const struct sotto_point *p);       /* p: checked before */
SOTTO_MUST_USE enum sotto_err sotto_shh_public_from(struct sotto_point *out, struct sotto_span bytes);

#endif
