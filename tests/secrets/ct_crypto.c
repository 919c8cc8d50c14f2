/* crypto/: the curve, sealing, derivation. */
#include "ct.h"

#include "crypto/aead.h"
#include "crypto/ecies.h"
#include "crypto/eip712.h"
#include "crypto/hash.h"
#include "crypto/rng.h"
#include "crypto/vault.h"

#include <stdlib.h>

static struct sotto_scalar open_scalar(void)
{
    struct sotto_scalar k;
    sotto_scalar_random(&k, ct_open_rng());
    return k;
}

static struct sotto_scalar secret_scalar(void)
{
    struct sotto_scalar k = open_scalar();
    CT_SECRET(k);
    return k;
}

static struct sotto_point open_point(void)
{
    struct sotto_scalar k = open_scalar();
    struct sotto_point p;
    CT_OK(sotto_point_make(&p, &k));
    return p;
}

static struct sotto_secret secret_key(void)
{
    struct sotto_secret k;
    sotto_rng_fill(ct_rng(), k.b, sizeof k.b);
    return k;
}

/* ---- the curve ---- */

static void scalar_random(void)
{
    struct sotto_scalar k;
    sotto_scalar_random(&k, ct_rng());
    CT_STILL_SECRET(k);
}

static void scalar_reduce(void)
{
    struct sotto_scalar r;
    struct sotto_secret below = secret_key();
    uint8_t above[32];
    memset(above, 0xff, sizeof above);
    CT_SECRET(above);
    CT_OK(sotto_scalar_reduce(&r, below.b));
    CT_STILL_SECRET(r);
    CT_OK(sotto_scalar_reduce(&r, above));
    CT_STILL_SECRET(r);
}

static void scalar_mul(void)
{
    struct sotto_scalar a = secret_scalar(), b = secret_scalar(), r;
    CT_OK(sotto_scalar_mul(&r, &a, &b));
    CT_STILL_SECRET(r);
}

static void point_make(void)
{
    struct sotto_scalar k = secret_scalar();
    struct sotto_point p;
    CT_OK(sotto_point_make(&p, &k));
    CT_STILL_SECRET(p);
}

static void ecdh_x(void)
{
    struct sotto_scalar k = secret_scalar();
    struct sotto_point p = open_point();
    struct sotto_secret r;
    CT_OK(sotto_ecdh_x(&r, &k, &p));
    CT_STILL_SECRET(r);
}

static void ecdh_point(void)
{
    struct sotto_scalar k = secret_scalar();
    struct sotto_point p = open_point(), r;
    CT_OK(sotto_ecdh_point(&r, &k, &p));
    CT_STILL_SECRET(r);
}

static void sign(void)
{
    struct sotto_scalar k = secret_scalar();
    struct sotto_secret digest = secret_key();
    struct sotto_sig65 sig;
    CT_OK(sotto_sign(&sig, &k, digest.b));
}

static void schnorr_sign(void)
{
    struct sotto_scalar k = secret_scalar();
    struct sotto_secret digest = secret_key(), aux = secret_key();
    uint8_t sig[64];
    CT_OK(sotto_schnorr_sign(sig, &k, digest.b, aux.b));
}

const struct ct_op ct_ops_curve[] = {
    { "scalar-random", scalar_random }, { "scalar-reduce", scalar_reduce }, { "scalar-mul", scalar_mul }, { "point-make", point_make },
    { "ecdh-x", ecdh_x }, { "ecdh-point", ecdh_point }, { "ecdsa-sign", sign }, { "bip340-sign", schnorr_sign }, { NULL, NULL },
};

/* ---- hashing, derivation, sealing ---- */

static void hashes(void)
{
    uint8_t text[300], out[64];
    sotto_rng_fill(ct_rng(), text, sizeof text);
    sotto_sha256(out, SOTTO_SPAN(text));
    CT_REVEAL(out, "a new one comes");
    sotto_keccak256(out, SOTTO_SPAN(text));
    CT_REVEAL(out, "a new one comes");
    SOTTO_TH(out, "sotto/kdac/1", SOTTO_SPAN(text));
    CT_REVEAL(out, "a new one comes");
    SOTTO_HMAC(out, sotto_span(text, 32), SOTTO_SPAN(text));
    CT_REVEAL(out, "a new one comes");
    SOTTO_HMAC(out, sotto_span(text, 200), SOTTO_SPAN(text));            /* a key longer than a block */
    CT_REVEAL(out, "a new one comes");
    sotto_hkdf(out, 64, sotto_span(text, 32), SOTTO_SPAN(text), "info", NULL, 0);
    CT_REVEAL(out, "a new one comes");
    sotto_pbkdf2_sha512(out, 64, sotto_span(text, 200), sotto_span(text, 8), 3);
    CT_STILL_SECRET(out);
}

static void eip712(void)
{
    struct sotto_eip712 e;
    struct sotto_secret secret = secret_key();
    uint8_t domain[32], body[32], digest[32];
    sotto_eip712_domain(domain, "Sotto Message", "1");
    sotto_eip712_begin(&e, "T(bytes32 a,bytes b)");
    sotto_eip712_bytes32(&e, secret.b);
    sotto_eip712_bytes(&e, SOTTO_SPAN(secret.b));
    sotto_eip712_struct(&e, body);
    sotto_eip712_digest(digest, domain, body);
    CT_STILL_SECRET(digest);
}

static void gcm(void)
{
    struct sotto_kn kn;
    uint8_t plain[876], sealed[876 + 16], aad[136], again[876];
    sotto_rng_fill(ct_rng(), kn.b, sizeof kn.b);
    sotto_rng_fill(ct_rng(), plain, sizeof plain);
    sotto_rng_fill(ct_rng(), aad, sizeof aad);
    CT_OK(sotto_gcm_seal(sealed, &kn, SOTTO_SPAN(aad), SOTTO_SPAN(plain)));
    CT_STILL_SECRET(sealed);
    CT_OK(sotto_gcm_open(again, &kn, SOTTO_SPAN(aad), SOTTO_SPAN(sealed)));
    CT_STILL_SECRET(again);
    sealed[890] ^= 1;
    if (sotto_gcm_open(again, &kn, SOTTO_SPAN(aad), SOTTO_SPAN(sealed)) != SOTTO_ERR_AEAD) abort();
}

static void gcm_prepared(void)
{
    struct sotto_kn kn;
    struct sotto_secret key;
    struct sotto_gcm_key prepared;
    uint8_t plain[876], sealed[876 + 16], again[876];
    sotto_rng_fill(ct_rng(), kn.b, sizeof kn.b);
    sotto_rng_fill(ct_open_rng(), kn.b + 32, 12);     /* Whisper's nonce stands behind the text */
    sotto_rng_fill(ct_rng(), plain, sizeof plain);
    memcpy(key.b, kn.b, sizeof key.b);
    CT_OK(sotto_gcm_seal(sealed, &kn, sotto_span(NULL, 0), SOTTO_SPAN(plain)));
    sotto_gcm_key_make(&prepared, &key);
    CT_STILL_SECRET(prepared);
    CT_OK(sotto_gcm_key_open(again, &prepared, kn.b + 32, SOTTO_SPAN(sealed)));
    CT_STILL_SECRET(again);
    sealed[890] ^= 1;
    if (sotto_gcm_key_open(again, &prepared, kn.b + 32, SOTTO_SPAN(sealed)) != SOTTO_ERR_AEAD) abort();
}

static void xchacha(void)
{
    struct sotto_secret key = secret_key();
    uint8_t nonce[24], plain[100], sealed[116], again[100];
    sotto_rng_fill(ct_rng(), nonce, sizeof nonce);
    sotto_rng_fill(ct_rng(), plain, sizeof plain);
    CT_OK(sotto_xchacha_seal(sealed, &key, nonce, SOTTO_SPAN(nonce), SOTTO_SPAN(plain)));
    CT_STILL_SECRET(sealed);
    CT_OK(sotto_xchacha_open(again, &key, nonce, SOTTO_SPAN(nonce), SOTTO_SPAN(sealed)));
    CT_STILL_SECRET(again);
    sealed[115] ^= 1;
    if (sotto_xchacha_open(again, &key, nonce, SOTTO_SPAN(nonce), SOTTO_SPAN(sealed)) != SOTTO_ERR_AEAD) abort();
}

static void streams(void)
{
    struct sotto_secret key = secret_key();
    uint8_t iv[16], text[40], block[16];
    sotto_rng_fill(ct_open_rng(), iv, sizeof iv);        /* stands in front of the text */
    sotto_rng_fill(ct_rng(), text, sizeof text);
    for (size_t size = 16; size <= 32; size += 16) {
        struct sotto_ctr *ctr = sotto_ctr_new(sotto_span(key.b, size), iv);
        if (!ctr) abort();
        sotto_ctr_xor(ctr, text, SOTTO_SPAN(text));
        sotto_ctr_free(ctr);
        CT_STILL_SECRET(text);
    }
    struct sotto_aes *aes = sotto_aes_new(key.b);
    if (!aes) abort();
    sotto_aes_block(aes, block, text);
    sotto_aes_free(aes);
    CT_STILL_SECRET(block);
}

static void ecies(void)
{
    struct sotto_scalar key = open_scalar();
    struct sotto_point to;
    CT_OK(sotto_point_make(&to, &key));
    CT_SECRET(key);
    uint8_t plain[60];
    sotto_rng_fill(ct_rng(), plain, sizeof plain);
    struct sotto_buf sealed = sotto_buf_make(1000), again = sotto_buf_make(1000);
    ct_public.points = true;              /* the ephemeral public key stands in front of the packet */
    CT_OK(sotto_ecies_seal(&sealed, &to, sotto_span("s2", 2), SOTTO_SPAN(plain), ct_rng()));
    ct_reveal(sealed.data, sealed.size, "it is sent");
    CT_OK(sotto_ecies_open(&again, &key, sotto_span("s2", 2), sotto_buf_span(&sealed)));
    ct_still_secret(again.data, again.size);
    sealed.data[sealed.size - 1] ^= 1;
    if (sotto_ecies_open(&again, &key, sotto_span("s2", 2), sotto_buf_span(&sealed)) != SOTTO_ERR_ECIES) abort();
    sotto_buf_free(&sealed);
    sotto_buf_free(&again);
}

static void compare(void)
{
    struct sotto_secret a = secret_key(), b = a, c = secret_key();
    if (!sotto_equal_ct(a.b, b.b, 32)) abort();
    if (sotto_equal_ct(a.b, c.b, 32)) abort();
}

static void wipe(void)
{
    static const uint8_t zero[32];
    struct sotto_secret a = secret_key();
    SOTTO_WIPE(a);
    if (memcmp(a.b, zero, sizeof zero) != 0) abort();    /* defined again: every byte was written */
    void *region = sotto_guard_new(100, NULL);
    sotto_rng_fill(ct_rng(), region, 100);
    sotto_guard_free(region);
    struct sotto_buf text = sotto_buf_make(5000);
    for (int i = 0; i < 40; i++) {
        struct sotto_secret part = secret_key();
        CT_OK(sotto_buf_add(&text, part.b, sizeof part.b));
    }
    sotto_buf_drop(&text, 100);
    sotto_buf_free(&text);
}

static void random_stream(void)
{
    struct sotto_chacha_rng a, b;
    uint8_t out[700];
    sotto_rng_from_seed(&a, 7, "parent");
    CT_SECRET(a.key);
    CT_SECRET(a.block);
    sotto_rng_fill(&a.rng, out, sizeof out);
    CT_STILL_SECRET(out);
    sotto_rng_fork(&b, &a.rng, "child");
    sotto_rng_fill(&b.rng, out, sizeof out);
    CT_STILL_SECRET(out);
}

static void vault(void)
{
    static const struct sotto_vault_limits small = { 1, 2, 8, 64 };      /* Argon2id itself is not what is tested: declassify.c */
    static const uint8_t salt[16] = { 1 };
    struct sotto_secret vk = secret_key(), again, sub;
    uint8_t file[SOTTO_VAULT_SIZE], nonce[24];
    sotto_rng_fill(ct_rng(), nonce, sizeof nonce);
    CT_OK(sotto_vault_seal(file, &vk, sotto_span_str("passphrase"), (struct sotto_vault_cost){ 1, 8 }, salt, nonce));
    ct_reveal(file + SOTTO_VAULT_HEAD, sizeof file - SOTTO_VAULT_HEAD, "the file lies on the disk");
    CT_OK(sotto_vault_open(&again, SOTTO_SPAN(file), sotto_span_str("passphrase"), &small));
    CT_STILL_SECRET(again);
    sotto_vault_subkey(&sub, &again, "messages");
    CT_STILL_SECRET(sub);
}

static void rows(void)
{
    struct sotto_secret key = secret_key();
    uint8_t plain[200], nonce[24];
    sotto_rng_fill(ct_rng(), plain, sizeof plain);
    sotto_rng_fill(ct_rng(), nonce, sizeof nonce);
    struct sotto_buf sealed = sotto_buf_make(1000), again = sotto_buf_make(1000);
    CT_OK(sotto_row_seal(&sealed, &key, "message", 7, "value", SOTTO_SPAN(plain), nonce));
    ct_reveal(sealed.data, sealed.size, "it lies on the disk");
    CT_OK(sotto_row_open(&again, &key, "message", 7, "value", sotto_buf_span(&sealed)));
    ct_still_secret(again.data, again.size);
    sotto_buf_free(&sealed);
    sotto_buf_free(&again);
}

static void keystore(void)
{
    static const uint8_t salt[32] = { 1 }, iv[16] = { 2 }, id[16] = { 3 };
    struct sotto_scalar key = secret_scalar(), again;
    struct sotto_buf json = sotto_buf_make(4096);
    ct_public.points = ct_public.hex = ct_public.streams = true;
    CT_OK(sotto_keystore_export(&json, &key, sotto_span_str("passphrase"), 2, salt, iv, id));
    ct_public.streams = false;
    CT_OK(sotto_keystore_import(&again, sotto_buf_span(&json), sotto_span_str("passphrase")));
    CT_STILL_SECRET(again);
    sotto_buf_free(&json);
}

const struct ct_op ct_ops_sealing[] = {
    { "hashes-and-derivation", hashes }, { "eip712-digest", eip712 }, { "aes-gcm", gcm }, { "aes-gcm-prepared", gcm_prepared }, { "xchacha20-poly1305", xchacha },
    { "aes-ctr-and-block", streams }, { "ecies", ecies }, { "comparison", compare }, { "wipe", wipe }, { "random-stream", random_stream },
    { "vault", vault }, { "sealed-row", rows }, { "keystore", keystore }, { NULL, NULL },
};
