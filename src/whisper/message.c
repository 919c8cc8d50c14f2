#include "whisper/message.h"

#include "crypto/ecies.h"
#include "crypto/hash.h"

enum { SIZE_BYTES = 0x03, SIGNED = 0x04, HEAD_MAX = 4 };

static size_t size_bytes(size_t payload) { return payload <= 0xff ? 1 : payload <= 0xffff ? 2 : 3; }

static enum sotto_err sign(uint8_t out[SOTTO_SHH_SIGNATURE], const struct sotto_scalar *key, struct sotto_span text)
{
    uint8_t digest[32];
    struct sotto_sig65 sig;
    sotto_keccak256(digest, text);
    SOTTO_TRY(sotto_sign(&sig, key, digest));
    memcpy(out, sig.b, 64);
    out[64] = (uint8_t)(sig.b[64] - 27);              /* EIP-627 asks for 27 or 28; geth refuses that */
    return SOTTO_OK;
}

enum sotto_err sotto_shh_message_write(struct sotto_buf *out, const struct sotto_shh_message *m, struct sotto_rng *rng)
{
    if (m->payload.size > SOTTO_SHH_PAYLOAD_MAX) return SOTTO_ERR_RANGE;
    size_t k = size_bytes(m->payload.size), tail = m->sign_with ? SOTTO_SHH_SIGNATURE : 0, bare = 1 + k + m->payload.size + tail;
    size_t made = m->padding.size ? 0 : SOTTO_SHH_BLOCK - bare % SOTTO_SHH_BLOCK;        /* 1..256, never 0 */
    if (m->padding.size > out->max) return SOTTO_ERR_FULL;                               /* so that the sum cannot wrap */
    SOTTO_TRY(sotto_buf_reserve(out, bare + m->padding.size + made));
    uint8_t *start = out->data + out->size, *p = start;
    *p++ = (uint8_t)(k | (m->sign_with ? SIGNED : 0));
    for (size_t i = 0; i < k; i++) *p++ = (uint8_t)(m->payload.size >> (8 * i));
    if (m->payload.size) memcpy(p, m->payload.data, m->payload.size);
    p += m->payload.size;
    if (m->padding.size) memcpy(p, m->padding.data, m->padding.size);
    else sotto_rng_fill(rng, p, made);
    p += m->padding.size + made;
    if (m->sign_with) {
        enum sotto_err err = sign(p, m->sign_with, sotto_span(start, (size_t)(p - start)));
        if (err != SOTTO_OK) {
            sotto_wipe(start, (size_t)(p - start));
            return err;
        }
    }
    out->size += bare + m->padding.size + made;
    return SOTTO_OK;
}

enum sotto_err sotto_shh_message_read(struct sotto_shh_message *out, struct sotto_span plain)
{
    struct sotto_shh_message m = { .is_signed = false };
    if (plain.size < 1) return SOTTO_ERR_FORMAT;
    uint8_t flags = plain.data[0];
    size_t end = plain.size, k = flags & SIZE_BYTES, size = 0;
    m.is_signed = flags & SIGNED;
    if (m.is_signed) {
        if (end <= SOTTO_SHH_SIGNATURE + 1) return SOTTO_ERR_FORMAT;
        end -= SOTTO_SHH_SIGNATURE;
    }
    if (1 + k > end) return SOTTO_ERR_FORMAT;         /* here and in the next comparison geth reads past the end and stops */
    for (size_t i = 0; i < k; i++) size |= (size_t)plain.data[1 + i] << (8 * i);
    if (size > end - 1 - k) return SOTTO_ERR_FORMAT;
    m.payload = sotto_span_cut(plain, 1 + k, size);
    m.padding = sotto_span_cut(plain, 1 + k + size, end - 1 - k - size);
    if (m.is_signed) {
        uint8_t digest[32];
        sotto_keccak256(digest, sotto_span_cut(plain, 0, end));
        SOTTO_TRY(sotto_recover_any(&m.signer, plain.data + end, plain.data[end + 64], digest));
    }
    *out = m;
    return SOTTO_OK;
}

enum sotto_err sotto_shh_seal(struct sotto_buf *out, const struct sotto_secret *key, struct sotto_span plain, struct sotto_rng *rng)
{
    struct sotto_kn kn;
    SOTTO_ASSERT(plain.size);
    if (plain.size > out->max) return SOTTO_ERR_FULL;
    SOTTO_TRY(sotto_buf_reserve(out, plain.size + SOTTO_SHH_SYM_EXTRA));
    memcpy(kn.b, key->b, 32);
    sotto_rng_fill(rng, kn.b + 32, SOTTO_SHH_NONCE);
    uint8_t *p = out->data + out->size;
    enum sotto_err err = sotto_gcm_seal(p, &kn, sotto_span(NULL, 0), plain);
    if (err == SOTTO_OK) {
        memcpy(p + plain.size + SOTTO_TAG_SIZE, kn.b + 32, SOTTO_SHH_NONCE);
        out->size += plain.size + SOTTO_SHH_SYM_EXTRA;
    }
    SOTTO_WIPE(kn);
    return err;
}

enum sotto_err sotto_shh_open(struct sotto_buf *out, const struct sotto_secret *key, struct sotto_span data)
{
    struct sotto_kn kn;
    if (data.size <= SOTTO_SHH_SYM_EXTRA) return SOTTO_ERR_AEAD;
    struct sotto_span sealed = sotto_span_cut(data, 0, data.size - SOTTO_SHH_NONCE);
    SOTTO_TRY(sotto_buf_reserve(out, data.size - SOTTO_SHH_SYM_EXTRA));
    memcpy(kn.b, key->b, 32);
    memcpy(kn.b + 32, data.data + sealed.size, SOTTO_SHH_NONCE);
    enum sotto_err err = sotto_gcm_open(out->data + out->size, &kn, sotto_span(NULL, 0), sealed);
    if (err == SOTTO_OK) out->size += data.size - SOTTO_SHH_SYM_EXTRA;
    SOTTO_WIPE(kn);
    return err;
}

enum sotto_err sotto_shh_open_prepared(struct sotto_buf *out, const struct sotto_gcm_key *key, struct sotto_span data)
{
    if (data.size <= SOTTO_SHH_SYM_EXTRA) return SOTTO_ERR_AEAD;
    struct sotto_span sealed = sotto_span_cut(data, 0, data.size - SOTTO_SHH_NONCE);
    const uint8_t *nonce = data.data + sealed.size;
    SOTTO_TRY(sotto_gcm_key_open(NULL, key, nonce, sealed));
    SOTTO_TRY(sotto_buf_reserve(out, data.size - SOTTO_SHH_SYM_EXTRA));
    SOTTO_TRY(sotto_gcm_key_open(out->data + out->size, key, nonce, sealed));
    out->size += data.size - SOTTO_SHH_SYM_EXTRA;
    return SOTTO_OK;
}

enum sotto_err sotto_shh_seal_to(struct sotto_buf *out, const struct sotto_point *to, struct sotto_span plain, struct sotto_rng *rng)
{
    SOTTO_ASSERT(plain.size);
    return sotto_ecies_seal(out, to, sotto_span(NULL, 0), plain, rng);
}

enum sotto_err sotto_shh_open_as(struct sotto_buf *out, const struct sotto_scalar *key, struct sotto_span data)
{
    return sotto_ecies_open(out, key, sotto_span(NULL, 0), data);
}

void sotto_shh_password_key(struct sotto_secret *out, struct sotto_span password)
{
    sotto_pbkdf2_sha256(out->b, sizeof out->b, password, sotto_span(NULL, 0), SOTTO_SHH_PASSWORD_ROUNDS);
}

void sotto_shh_public(uint8_t out[SOTTO_SHH_PUBLIC], const struct sotto_point *p)
{
    out[0] = 4;
    enum sotto_err err = sotto_point_to64(out + 1, p);
    SOTTO_ASSERT(err == SOTTO_OK);
}

enum sotto_err sotto_shh_public_from(struct sotto_point *out, struct sotto_span bytes)
{
    if (bytes.size != SOTTO_SHH_PUBLIC || bytes.data[0] != 4) return SOTTO_ERR_KEY;
    return sotto_point_from64(out, bytes.data + 1);
}
