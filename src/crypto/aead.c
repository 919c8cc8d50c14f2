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

static void gcm_slot_free(void *ctx) { EVP_CIPHER_CTX_free(ctx); }

enum sotto_err sotto_aead_setup(void)
{
    gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    ctr128 = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL);
    ctr256 = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
    ecb256 = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL);
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

enum sotto_err sotto_gcm_seal(uint8_t *out, const struct sotto_kn *kn, struct sotto_span aad, struct sotto_span plain)
{
    if (aad.size > INT_MAX || plain.size > INT_MAX - SOTTO_TAG_SIZE) return SOTTO_ERR_RANGE;
    EVP_CIPHER_CTX *ctx = gcm_context();
    if (!ctx) return SOTTO_ERR_NOMEM;
    int done;
    bool ok = EVP_CipherInit_ex2(ctx, gcm, kn->b, kn->b + 32, 1, NULL) && update(ctx, NULL, aad) && update(ctx, out, plain)
        && EVP_CipherFinal_ex(ctx, out + plain.size, &done)
        && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SOTTO_TAG_SIZE, out + plain.size);
    EVP_CIPHER_CTX_reset(ctx);                        /* wipes the key schedule; the cipher itself stays fetched */
    if (ok) return SOTTO_OK;
    sotto_wipe(out, plain.size + SOTTO_TAG_SIZE);
    return SOTTO_ERR_INTERNAL;
}

enum sotto_err sotto_gcm_open(uint8_t *out, const struct sotto_kn *kn, struct sotto_span aad, struct sotto_span sealed)
{
    if (sealed.size < SOTTO_TAG_SIZE) return SOTTO_ERR_AEAD;
    if (aad.size > INT_MAX || sealed.size > INT_MAX) return SOTTO_ERR_RANGE;
    EVP_CIPHER_CTX *ctx = gcm_context();
    if (!ctx) return SOTTO_ERR_NOMEM;
    struct sotto_span body = sotto_span_cut(sealed, 0, sealed.size - SOTTO_TAG_SIZE);
    uint8_t tag[SOTTO_TAG_SIZE], none[SOTTO_TAG_SIZE];
    memcpy(tag, sealed.data + body.size, sizeof tag);
    int done;
    bool ok = EVP_CipherInit_ex2(ctx, gcm, kn->b, kn->b + 32, 0, NULL)
        && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SOTTO_TAG_SIZE, tag) && update(ctx, NULL, aad) && update(ctx, out, body)
        && (EVP_CipherFinal_ex(ctx, none, &done) || SOTTO_PLANTED(MAC_IGNORED));
    EVP_CIPHER_CTX_reset(ctx);                        /* wipes the key schedule; the cipher itself stays fetched */
    if (ok) return SOTTO_OK;
    sotto_wipe(out, body.size);                       /* GCM decrypts before it knows: nobody may see that text */
    return SOTTO_ERR_AEAD;
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
