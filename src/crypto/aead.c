#include "crypto/aead.h"

#include "base/plant.h"
#include "crypto/setup.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>

/* Fetched once: a fetch per message costs more than sealing it. */
static EVP_CIPHER *gcm, *ctr128, *ctr256, *ecb256;
static CRYPTO_THREAD_LOCAL gcm_slot;                  /* one GCM context per thread, freed when the thread ends */
static bool gcm_by_sodium;                            /* prepared keys: the processor has what libsodium's GCM needs */

static void gcm_slot_free(void *ctx) { EVP_CIPHER_CTX_free(ctx); }

enum sotto_err sotto_aead_setup(void)
{
    gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    ctr128 = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL);
    ctr256 = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
    ecb256 = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL);
    sotto_aead_portable(false);
    if (!gcm || !ctr128 || !ctr256 || !ecb256) return SOTTO_ERR_INTERNAL;
    return CRYPTO_THREAD_init_local(&gcm_slot, gcm_slot_free) ? SOTTO_OK : SOTTO_ERR_INTERNAL;
}

static EVP_CIPHER_CTX *gcm_context(void)
{
    SOTTO_ASSERT(gcm);
    EVP_CIPHER_CTX *ctx = CRYPTO_THREAD_get_local(&gcm_slot);
    if (ctx) return ctx;
    ctx = EVP_CIPHER_CTX_new();
    if (ctx && !CRYPTO_THREAD_set_local(&gcm_slot, ctx)) {
        EVP_CIPHER_CTX_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

static bool update(EVP_CIPHER_CTX *ctx, uint8_t *out, struct sotto_span in)
{
    int done;
    return in.size == 0 || (EVP_CipherUpdate(ctx, out, &done, in.data, (int)in.size) && (size_t)done == in.size);
}

/* cipher and key: NULL, the context has them already. */
static enum sotto_err seal(EVP_CIPHER_CTX *ctx, uint8_t *out, const EVP_CIPHER *cipher, const uint8_t *key, const uint8_t nonce[12], struct sotto_span aad,
                           struct sotto_span plain)
{
    int done;
    bool ok = EVP_CipherInit_ex2(ctx, cipher, key, nonce, 1, NULL) && update(ctx, NULL, aad) && update(ctx, out, plain)
        && EVP_CipherFinal_ex(ctx, out + plain.size, &done)
        && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SOTTO_TAG_SIZE, out + plain.size);
    if (ok) return SOTTO_OK;
    sotto_wipe(out, plain.size + SOTTO_TAG_SIZE);
    return SOTTO_ERR_INTERNAL;
}

static enum sotto_err open_sealed(EVP_CIPHER_CTX *ctx, uint8_t *out, const EVP_CIPHER *cipher, const uint8_t *key, const uint8_t nonce[12], struct sotto_span aad,
                                  struct sotto_span sealed)
{
    struct sotto_span body = sotto_span_cut(sealed, 0, sealed.size - SOTTO_TAG_SIZE);
    uint8_t tag[SOTTO_TAG_SIZE], none[SOTTO_TAG_SIZE];
    memcpy(tag, sealed.data + body.size, sizeof tag);
    int done;
    bool ok = EVP_CipherInit_ex2(ctx, cipher, key, nonce, 0, NULL)
        && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SOTTO_TAG_SIZE, tag) && update(ctx, NULL, aad) && update(ctx, out, body)
        && (EVP_CipherFinal_ex(ctx, none, &done) || SOTTO_PLANTED(MAC_IGNORED));
    if (ok) return SOTTO_OK;
    sotto_wipe(out, body.size);                       /* GCM decrypts before it knows: nobody may see that text */
    return SOTTO_ERR_AEAD;
}

static bool too_long(struct sotto_span aad, struct sotto_span plain) { return aad.size > INT_MAX || plain.size > INT_MAX - SOTTO_TAG_SIZE; }

enum sotto_err sotto_gcm_seal(uint8_t *out, const struct sotto_kn *kn, struct sotto_span aad, struct sotto_span plain)
{
    if (too_long(aad, plain)) return SOTTO_ERR_RANGE;
    EVP_CIPHER_CTX *ctx = gcm_context();
    if (!ctx) return SOTTO_ERR_NOMEM;
    enum sotto_err err = seal(ctx, out, gcm, kn->b, kn->b + 32, aad, plain);
    EVP_CIPHER_CTX_reset(ctx);                        /* wipes the key schedule; the cipher itself stays fetched */
    return err;
}

enum sotto_err sotto_gcm_open(uint8_t *out, const struct sotto_kn *kn, struct sotto_span aad, struct sotto_span sealed)
{
    if (sealed.size < SOTTO_TAG_SIZE) return SOTTO_ERR_AEAD;
    if (aad.size > INT_MAX || sealed.size > INT_MAX) return SOTTO_ERR_RANGE;
    EVP_CIPHER_CTX *ctx = gcm_context();
    if (!ctx) return SOTTO_ERR_NOMEM;
    enum sotto_err err = open_sealed(ctx, out, gcm, kn->b, kn->b + 32, aad, sealed);
    EVP_CIPHER_CTX_reset(ctx);                        /* wipes the key schedule; the cipher itself stays fetched */
    return err;
}

/* The context of OpenSSL, whose own free wipes the key schedule. */
struct sotto_gcm_kept { EVP_CIPHER_CTX *ctx; };

struct sotto_gcm_kept *sotto_gcm_kept_new(const struct sotto_secret *key)
{
    SOTTO_ASSERT(gcm);
    struct sotto_gcm_kept *s = malloc(sizeof *s);
    if (!s) return NULL;
    s->ctx = EVP_CIPHER_CTX_new();
    if (s->ctx && EVP_CipherInit_ex2(s->ctx, gcm, key->b, NULL, 1, NULL)) return s;
    sotto_gcm_kept_free(s);
    return NULL;
}

void sotto_gcm_kept_free(struct sotto_gcm_kept *s)
{
    if (!s) return;
    EVP_CIPHER_CTX_free(s->ctx);
    free(s);
}

enum sotto_err sotto_gcm_kept_seal(struct sotto_gcm_kept *s, uint8_t *out, const uint8_t nonce[12], struct sotto_span aad, struct sotto_span plain)
{
    return too_long(aad, plain) ? SOTTO_ERR_RANGE : seal(s->ctx, out, NULL, NULL, nonce, aad, plain);
}

enum sotto_err sotto_gcm_kept_open(struct sotto_gcm_kept *s, uint8_t *out, const uint8_t nonce[12], struct sotto_span aad, struct sotto_span sealed)
{
    if (sealed.size < SOTTO_TAG_SIZE) return SOTTO_ERR_AEAD;
    if (aad.size > INT_MAX || sealed.size > INT_MAX) return SOTTO_ERR_RANGE;
    return open_sealed(s->ctx, out, NULL, NULL, nonce, aad, sealed);
}

/* libsodium keeps the key schedule and the powers for the tag, and looks at the tag before it decrypts anything; it wants a processor with
 * AES instructions. Elsewhere the key itself is kept and OpenSSL asked. */
_Static_assert(sizeof(struct sotto_gcm_key) == sizeof(crypto_aead_aes256gcm_state), "a prepared key is the library's own form of it");
_Static_assert(_Alignof(struct sotto_gcm_key) >= _Alignof(crypto_aead_aes256gcm_state), "aligned as the library wants it");

void sotto_aead_portable(bool on) { gcm_by_sodium = !on && crypto_aead_aes256gcm_is_available(); }

static crypto_aead_aes256gcm_state *gcm_state(struct sotto_gcm_key *key) { return (crypto_aead_aes256gcm_state *)(void *)key->b; }

void sotto_gcm_key_make(struct sotto_gcm_key *out, const struct sotto_secret *key)
{
    memset(out, 0, sizeof *out);
    if (gcm_by_sodium) {
        int made = crypto_aead_aes256gcm_beforenm(gcm_state(out), key->b);
        SOTTO_ASSERT(made == 0);
    } else {
        memcpy(out->b, key->b, sizeof key->b);
    }
}

/* By OpenSSL, piece by piece into a scratch: so asking without an output needs no memory. */
static enum sotto_err gcm_check(const struct sotto_kn *kn, struct sotto_span body, const uint8_t tag[SOTTO_TAG_SIZE])
{
    uint8_t scratch[1024], want[SOTTO_TAG_SIZE], none[SOTTO_TAG_SIZE];
    EVP_CIPHER_CTX *ctx = gcm_context();
    if (!ctx) return SOTTO_ERR_NOMEM;
    memcpy(want, tag, sizeof want);
    int done;
    bool ok = EVP_CipherInit_ex2(ctx, gcm, kn->b, kn->b + 32, 0, NULL) && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SOTTO_TAG_SIZE, want);
    for (size_t at = 0; ok && at < body.size; at += sizeof scratch) {
        size_t take = body.size - at < sizeof scratch ? body.size - at : sizeof scratch;
        ok = update(ctx, scratch, sotto_span_cut(body, at, take));
    }
    ok = ok && EVP_CipherFinal_ex(ctx, none, &done);
    EVP_CIPHER_CTX_reset(ctx);
    SOTTO_WIPE(scratch);
    return ok ? SOTTO_OK : SOTTO_ERR_AEAD;
}

enum sotto_err sotto_gcm_key_open(uint8_t *out, const struct sotto_gcm_key *key, const uint8_t nonce[12], struct sotto_span sealed)
{
    if (sealed.size < SOTTO_TAG_SIZE) return SOTTO_ERR_AEAD;
    if (sealed.size > INT_MAX) return SOTTO_ERR_RANGE;
    struct sotto_span body = sotto_span_cut(sealed, 0, sealed.size - SOTTO_TAG_SIZE);
    const uint8_t *tag = sealed.data + body.size;
    if (gcm_by_sodium) {
        const crypto_aead_aes256gcm_state *state = gcm_state((struct sotto_gcm_key *)key);     /* only read */
        if (crypto_aead_aes256gcm_decrypt_detached_afternm(NULL, NULL, body.data, body.size, tag, NULL, 0, nonce, state) != 0) return SOTTO_ERR_AEAD;
        if (!out || body.size == 0) return SOTTO_OK;
        return crypto_aead_aes256gcm_decrypt_detached_afternm(out, NULL, body.data, body.size, tag, NULL, 0, nonce, state) == 0 ? SOTTO_OK : SOTTO_ERR_AEAD;
    }
    struct sotto_kn kn;
    memcpy(kn.b, key->b, 32);
    memcpy(kn.b + 32, nonce, 12);
    enum sotto_err err = gcm_check(&kn, body, tag);
    if (err == SOTTO_OK && out) err = sotto_gcm_open(out, &kn, sotto_span(NULL, 0), sealed);
    SOTTO_WIPE(kn);
    return err;
}

enum sotto_err sotto_xchacha_seal(uint8_t *out, const struct sotto_secret *key, const uint8_t nonce[24],
                                  struct sotto_span aad, struct sotto_span plain)
{
    if (crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, plain.data, plain.size, aad.data, aad.size, NULL, nonce, key->b) != 0)
        return SOTTO_ERR_INTERNAL;
    return SOTTO_OK;
}

enum sotto_err sotto_xchacha_open(uint8_t *out, const struct sotto_secret *key, const uint8_t nonce[24],
                                  struct sotto_span aad, struct sotto_span sealed)
{
    if (sealed.size < SOTTO_TAG_SIZE) return SOTTO_ERR_AEAD;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.data, sealed.size, aad.data, aad.size, nonce, key->b) == 0)
        return SOTTO_OK;
    sotto_wipe(out, sealed.size - SOTTO_TAG_SIZE);
    return SOTTO_ERR_AEAD;
}

/* ---- AES streams and blocks: one OpenSSL context each, whose own free wipes the key schedule ---- */

struct sotto_ctr { EVP_CIPHER_CTX *ctx; };
struct sotto_aes { EVP_CIPHER_CTX *ctx; };

static EVP_CIPHER_CTX *context(const EVP_CIPHER *cipher, const uint8_t *key, const uint8_t *iv)
{
    SOTTO_ASSERT(cipher);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx && EVP_EncryptInit_ex2(ctx, cipher, key, iv, NULL) && EVP_CIPHER_CTX_set_padding(ctx, 0)) return ctx;
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

struct sotto_ctr *sotto_ctr_new(struct sotto_span key, const uint8_t iv[16])
{
    SOTTO_ASSERT(key.size == 16 || key.size == 32);
    struct sotto_ctr *ctr = malloc(sizeof *ctr);
    if (!ctr) return NULL;
    ctr->ctx = context(key.size == 16 ? ctr128 : ctr256, key.data, iv);
    if (ctr->ctx) return ctr;
    free(ctr);
    return NULL;
}

void sotto_ctr_xor(struct sotto_ctr *ctr, uint8_t *out, struct sotto_span in)
{
    for (size_t at = 0; at < in.size;) {
        size_t take = in.size - at < (1u << 30) ? in.size - at : 1u << 30;      /* the call counts in int */
        bool ok = update(ctr->ctx, out + at, sotto_span_cut(in, at, take));
        SOTTO_ASSERT(ok);
        at += take;
    }
}

void sotto_ctr_free(struct sotto_ctr *ctr)
{
    if (!ctr) return;
    EVP_CIPHER_CTX_free(ctr->ctx);
    free(ctr);
}

struct sotto_aes *sotto_aes_new(const uint8_t key[32])
{
    struct sotto_aes *aes = malloc(sizeof *aes);
    if (!aes) return NULL;
    aes->ctx = context(ecb256, key, NULL);
    if (aes->ctx) return aes;
    free(aes);
    return NULL;
}

void sotto_aes_block(struct sotto_aes *aes, uint8_t out[16], const uint8_t in[16])
{
    bool ok = update(aes->ctx, out, sotto_span(in, 16));
    SOTTO_ASSERT(ok);
}

void sotto_aes_free(struct sotto_aes *aes)
{
    if (!aes) return;
    EVP_CIPHER_CTX_free(aes->ctx);
    free(aes);
}
