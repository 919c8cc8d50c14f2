#include "crypto/curve.h"

#include "crypto/hash.h"
#include "crypto/setup.h"

#include "base/text.h"

#include <gmp.h>
#include <secp256k1.h>
#include <secp256k1_ecdh.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_recovery.h>
#include <secp256k1_schnorrsig.h>
#include <sodium.h>

static secp256k1_context *ctx;                        /* written by sotto_curve_setup, then only read */

/* The library's own answer to a wrong argument is abort(). Nobody outside may reach that: with this callback the call
 * returns 0, and every return value below is looked at. */
static void refuse(const char *text, void *data)
{
    (void)text;
    (void)data;
}

enum sotto_err sotto_curve_setup(void)
{
    uint8_t blind[32];
    secp256k1_context *made = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    if (!made) return SOTTO_ERR_INTERNAL;
    secp256k1_context_set_illegal_callback(made, refuse, NULL);
    randombytes_buf(blind, sizeof blind);
    int ok = secp256k1_context_randomize(made, blind);
    SOTTO_WIPE(blind);
    if (!ok) {
        secp256k1_context_destroy(made);
        return SOTTO_ERR_INTERNAL;
    }
    ctx = made;
    return SOTTO_OK;
}

const secp256k1_context *sotto_curve_context(void)
{
    SOTTO_ASSERT(ctx);
    return ctx;
}

static bool parse(secp256k1_pubkey *out, const uint8_t bytes[33])
{
    SOTTO_ASSERT(ctx);
    return (bytes[0] & 0xfe) == 2 && secp256k1_ec_pubkey_parse(ctx, out, bytes, 33);
}

static void compress(struct sotto_point *out, const secp256k1_pubkey *key)
{
    size_t size = sizeof out->b;
    int ok = secp256k1_ec_pubkey_serialize(ctx, out->b, &size, key, SECP256K1_EC_COMPRESSED);
    SOTTO_ASSERT(ok && size == sizeof out->b);        /* key came from the library itself */
}

/* ---- scalars ---- */

bool sotto_scalar_valid(const struct sotto_scalar *k)
{
    SOTTO_ASSERT(ctx);
    return secp256k1_ec_seckey_verify(ctx, k->b);
}

void sotto_scalar_random(struct sotto_scalar *out, struct sotto_rng *rng)
{
    do sotto_rng_fill(rng, out->b, sizeof out->b);
    while (!sotto_scalar_valid(out));
}

/* The order n, big-endian. */
static const uint8_t order[32] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
};

/* Without a branch on the bytes: they are h of the one-time address, hence secret (messaging.md 4.3, 4.11). */
enum sotto_err sotto_scalar_reduce(struct sotto_scalar *out, const uint8_t bytes[32])
{
    uint8_t less[32];
    unsigned borrow = 0;
    for (int i = 31; i >= 0; i--) {
        unsigned d = (unsigned)bytes[i] - order[i] - borrow;
        less[i] = (uint8_t)d;
        borrow = d >> 31;
    }
    struct sotto_scalar r;
    uint8_t keep = (uint8_t)(0u - borrow);            /* borrow: bytes < n, keep them */
    for (int i = 0; i < 32; i++) r.b[i] = (uint8_t)((bytes[i] & keep) | (less[i] & (uint8_t)~keep));
    bool zero = sotto_all_zero(r.b, sizeof r.b);
    if (!zero) *out = r;
    SOTTO_WIPE(less);
    SOTTO_WIPE(r);
    return zero ? SOTTO_ERR_KEY : SOTTO_OK;
}

enum sotto_err sotto_scalar_mul(struct sotto_scalar *out, const struct sotto_scalar *a, const struct sotto_scalar *b)
{
    SOTTO_ASSERT(ctx);
    struct sotto_scalar r = *a;
    /* Both are looked at first: the library calls the product of a bad pair refused too, but wipes r on the way. */
    bool ok = sotto_scalar_valid(a) && sotto_scalar_valid(b) && secp256k1_ec_seckey_tweak_mul(ctx, r.b, b->b);
    if (ok) *out = r;
    SOTTO_WIPE(r);
    return ok ? SOTTO_OK : SOTTO_ERR_KEY;
}

/* ---- points ---- */

enum sotto_err sotto_point_make(struct sotto_point *out, const struct sotto_scalar *k)
{
    SOTTO_ASSERT(ctx);
    secp256k1_pubkey key;
    if (!secp256k1_ec_pubkey_create(ctx, &key, k->b)) return SOTTO_ERR_KEY;
    compress(out, &key);
    return SOTTO_OK;
}

enum sotto_err sotto_point_check(const uint8_t bytes[33])
{
    secp256k1_pubkey key;
    return parse(&key, bytes) ? SOTTO_OK : SOTTO_ERR_KEY;
}

enum sotto_err sotto_point_from_x(struct sotto_point *out, const uint8_t x[32])
{
    SOTTO_ASSERT(ctx);
    secp256k1_xonly_pubkey key;
    if (!secp256k1_xonly_pubkey_parse(ctx, &key, x)) return SOTTO_ERR_POINT;
    out->b[0] = 2;
    memmove(out->b + 1, x, 32);
    return SOTTO_OK;
}

/* x is one when x^3 + 7 is a square of the field, and there half of all x are: the library would take the root to find out. */
enum { LIMBS = 32 / sizeof(mp_limb_t) };
static void limbs_of(mp_limb_t out[LIMBS], const uint8_t bytes[32])
{
    for (size_t i = 0; i < LIMBS; i++) {
        const uint8_t *limb = bytes + 32 - (i + 1) * sizeof *out;
        out[i] = 0;
        for (size_t k = 0; k < sizeof *out; k++) out[i] = out[i] << 8 | limb[k];
    }
}

bool sotto_x_good(const uint8_t x[32])
{
    static const uint8_t field[32] = {                /* 2^256 - 2^32 - 977 */
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xfc, 0x2f,
    };
    mp_limb_t p[LIMBS], v[LIMBS], r[LIMBS], product[2 * LIMBS], quotient[LIMBS + 1];
    limbs_of(p, field);
    limbs_of(v, x);
    if (mpn_cmp(v, p, LIMBS) >= 0) return false;
    mpn_sqr(product, v, LIMBS);
    mpn_tdiv_qr(quotient, r, 0, product, 2 * LIMBS, p, LIMBS);
    mpn_mul_n(product, r, v, LIMBS);
    mpn_tdiv_qr(quotient, r, 0, product, 2 * LIMBS, p, LIMBS);
    if (mpn_add_1(r, r, LIMBS, 7) || mpn_cmp(r, p, LIMBS) >= 0) mpn_sub_n(r, r, p, LIMBS);
    mpz_t a, b;
    return mpz_jacobi(mpz_roinit_n(a, r, LIMBS), mpz_roinit_n(b, p, LIMBS)) == 1;
}

enum sotto_err sotto_point_to64(uint8_t out[64], const struct sotto_point *p)
{
    secp256k1_pubkey key;
    uint8_t full[65];
    size_t size = sizeof full;
    if (!parse(&key, p->b) || !secp256k1_ec_pubkey_serialize(ctx, full, &size, &key, SECP256K1_EC_UNCOMPRESSED)) return SOTTO_ERR_KEY;
    memcpy(out, full + 1, 64);
    return SOTTO_OK;
}

enum sotto_err sotto_point_from64(struct sotto_point *out, const uint8_t xy[64])
{
    SOTTO_ASSERT(ctx);
    secp256k1_pubkey key;
    uint8_t full[65] = { 4 };
    memcpy(full + 1, xy, 64);
    if (!secp256k1_ec_pubkey_parse(ctx, &key, full, sizeof full)) return SOTTO_ERR_KEY;
    compress(out, &key);
    return SOTTO_OK;
}

/* ---- k*P: secp256k1_ecdh is the only constant-time multiplication of a foreign point that the library has ---- */

static int keep_x(unsigned char *out, const unsigned char *x, const unsigned char *y, void *data)
{
    (void)y;
    (void)data;
    memcpy(out, x, 32);
    return 1;
}

static int keep_point(unsigned char *out, const unsigned char *x, const unsigned char *y, void *data)
{
    (void)data;
    out[0] = (unsigned char)(2 | (y[31] & 1));
    memcpy(out + 1, x, 32);
    return 1;
}

_Static_assert(sizeof(struct sotto_base) == sizeof(secp256k1_pubkey), "a base is the library's own form of a point");

enum sotto_err sotto_base_make(struct sotto_base *out, const struct sotto_point *p)
{
    secp256k1_pubkey key;
    if (!parse(&key, p->b)) return SOTTO_ERR_KEY;
    memcpy(out->b, &key, sizeof out->b);
    SOTTO_WIPE(key);
    return SOTTO_OK;
}

enum sotto_err sotto_base_x(struct sotto_secret *out, const struct sotto_scalar *k, const struct sotto_base *base)
{
    secp256k1_pubkey key;
    struct sotto_secret r;
    if (sotto_all_zero(base->b, sizeof base->b) || !sotto_scalar_valid(k)) return SOTTO_ERR_KEY;
    memcpy(&key, base->b, sizeof key);
    bool ok = secp256k1_ecdh(ctx, r.b, &key, k->b, keep_x, NULL);
    if (ok) *out = r;
    SOTTO_WIPE(r);
    SOTTO_WIPE(key);
    return ok ? SOTTO_OK : SOTTO_ERR_KEY;
}

enum sotto_err sotto_ecdh_x(struct sotto_secret *out, const struct sotto_scalar *k, const struct sotto_point *p)
{
    struct sotto_base base;
    if (!sotto_scalar_valid(k)) return SOTTO_ERR_KEY;
    SOTTO_TRY(sotto_base_make(&base, p));
    enum sotto_err err = sotto_base_x(out, k, &base);
    SOTTO_WIPE(base);
    return err;
}

enum sotto_err sotto_ecdh_point(struct sotto_point *out, const struct sotto_scalar *k, const struct sotto_point *p)
{
    secp256k1_pubkey key;
    struct sotto_point r;
    if (!parse(&key, p->b) || !sotto_scalar_valid(k)) return SOTTO_ERR_KEY;
    bool ok = secp256k1_ecdh(ctx, r.b, &key, k->b, keep_point, NULL);
    if (ok) *out = r;
    SOTTO_WIPE(r);
    SOTTO_WIPE(key);                                  /* P of a contact is kept like a key */
    return ok ? SOTTO_OK : SOTTO_ERR_KEY;
}

/* ---- signatures ---- */

enum sotto_err sotto_sign(struct sotto_sig65 *out, const struct sotto_scalar *k, const uint8_t digest[32])
{
    secp256k1_ecdsa_recoverable_signature sig;
    struct sotto_sig65 r;
    int id = 0;
    if (!sotto_scalar_valid(k)) return SOTTO_ERR_KEY;
    if (!secp256k1_ecdsa_sign_recoverable(ctx, &sig, digest, k->b, NULL, NULL)) return SOTTO_ERR_KEY;
    if (!secp256k1_ecdsa_recoverable_signature_serialize_compact(ctx, r.b, &id, &sig)) return SOTTO_ERR_INTERNAL;
    if (id > 1) return SOTTO_ERR_INTERNAL;            /* x of the nonce point >= n: 2^-128, and v has no word for it */
    r.b[64] = (uint8_t)(27 + id);
    *out = r;
    return SOTTO_OK;
}

/* r and s in [1, n-1], s in the lower half. */
static bool form(secp256k1_ecdsa_signature *out, const uint8_t rs[64])
{
    SOTTO_ASSERT(ctx);
    return !sotto_all_zero(rs, 32) && !sotto_all_zero(rs + 32, 32) && secp256k1_ecdsa_signature_parse_compact(ctx, out, rs)
        && !secp256k1_ecdsa_signature_normalize(ctx, NULL, out);
}

enum sotto_err sotto_recover(struct sotto_point *out, const struct sotto_sig65 *sig, const uint8_t digest[32])
{
    secp256k1_ecdsa_signature plain;
    secp256k1_ecdsa_recoverable_signature with_id;
    secp256k1_pubkey key;
    uint8_t v = sig->b[64];
    if ((v != 27 && v != 28) || !form(&plain, sig->b)) return SOTTO_ERR_SIG_FORM;
    if (!secp256k1_ecdsa_recoverable_signature_parse_compact(ctx, &with_id, sig->b, v - 27)) return SOTTO_ERR_SIG_FORM;
    if (!secp256k1_ecdsa_recover(ctx, &key, &with_id, digest)) return SOTTO_ERR_SIG;
    compress(out, &key);
    return SOTTO_OK;
}

enum sotto_err sotto_recover_any(struct sotto_point *out, const uint8_t rs[64], uint8_t v, const uint8_t digest[32])
{
    secp256k1_ecdsa_recoverable_signature sig;
    secp256k1_pubkey key;
    SOTTO_ASSERT(ctx);
    if (v > 3 || !secp256k1_ecdsa_recoverable_signature_parse_compact(ctx, &sig, rs, v)) return SOTTO_ERR_SIG_FORM;
    if (!secp256k1_ecdsa_recover(ctx, &key, &sig, digest)) return SOTTO_ERR_SIG;
    compress(out, &key);
    return SOTTO_OK;
}

enum sotto_err sotto_verify(const uint8_t rs[64], const struct sotto_point *key, const uint8_t digest[32])
{
    secp256k1_ecdsa_signature sig;
    secp256k1_pubkey parsed;
    if (!form(&sig, rs)) return SOTTO_ERR_SIG_FORM;
    if (!parse(&parsed, key->b)) return SOTTO_ERR_SIG;
    return secp256k1_ecdsa_verify(ctx, &sig, digest, &parsed) ? SOTTO_OK : SOTTO_ERR_SIG;
}

enum sotto_err sotto_schnorr_sign(uint8_t out[64], const struct sotto_scalar *k, const uint8_t digest[32], const uint8_t aux[32])
{
    secp256k1_keypair pair;
    uint8_t r[64];
    if (!sotto_scalar_valid(k)) return SOTTO_ERR_KEY;
    bool ok = secp256k1_keypair_create(ctx, &pair, k->b) && secp256k1_schnorrsig_sign32(ctx, r, digest, &pair, aux);
    SOTTO_WIPE(pair);
    if (!ok) return SOTTO_ERR_KEY;
    memcpy(out, r, sizeof r);
    return SOTTO_OK;
}

enum sotto_err sotto_schnorr_verify(const uint8_t sig[64], const uint8_t x[32], const uint8_t digest[32])
{
    SOTTO_ASSERT(ctx);
    secp256k1_xonly_pubkey key;
    if (!secp256k1_xonly_pubkey_parse(ctx, &key, x)) return SOTTO_ERR_SIG;
    return secp256k1_schnorrsig_verify(ctx, sig, digest, 32, &key) ? SOTTO_OK : SOTTO_ERR_SIG;
}

/* ---- IDs ---- */

enum sotto_err sotto_id_of(struct sotto_id *out, const struct sotto_point *key)
{
    uint8_t xy[64], h[32];
    SOTTO_TRY(sotto_point_to64(xy, key));
    sotto_keccak256(h, SOTTO_SPAN(xy));
    memcpy(out->b, h + 12, 20);
    return SOTTO_OK;
}

/* EIP-55: a letter is a capital where the digit of Keccak(lower-case digits) at the same place is 8 or more. */
void sotto_id_text(char out[43], const struct sotto_id *id)
{
    uint8_t h[32];
    out[0] = '0';
    out[1] = 'x';
    sotto_hex(out + 2, id->b, sizeof id->b);
    sotto_keccak256(h, sotto_span(out + 2, 40));
    for (size_t i = 0; i < 40; i++) {
        unsigned digit = i % 2 ? h[i / 2] & 15u : h[i / 2] >> 4;
        if (digit >= 8 && out[2 + i] >= 'a') out[2 + i] = (char)(out[2 + i] - 'a' + 'A');
    }
}

enum sotto_err sotto_id_parse(struct sotto_id *out, struct sotto_span text, bool any_case)
{
    struct sotto_id id;
    char canon[43];
    bool lower = false, upper = false;
    if (text.size != 42 || text.data[0] != '0' || text.data[1] != 'x') return SOTTO_ERR_FORMAT;
    SOTTO_TRY(sotto_unhex(id.b, sizeof id.b, sotto_span_cut(text, 2, 40)));
    sotto_id_text(canon, &id);
    for (size_t i = 2; i < 42; i++) {
        lower |= text.data[i] >= 'a' && text.data[i] <= 'f';
        upper |= text.data[i] >= 'A' && text.data[i] <= 'F';
    }
    if (memcmp(canon, text.data, 42) != 0 && (!any_case || (lower && upper))) return SOTTO_ERR_FORMAT;
    *out = id;
    return SOTTO_OK;
}
