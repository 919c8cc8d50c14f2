#include "crypto/ecdsa.h"

#include "crypto/setup.h"

#include <secp256k1.h>

/* One number of a strict signature at *at: 02, its length, its bytes. Moves *at behind it. */
static bool number(struct sotto_span *out, struct sotto_span der, size_t *at)
{
    if (der.size - *at < 3 || der.data[*at] != 2) return false;
    size_t size = der.data[*at + 1], from = *at + 2;
    if (size == 0 || size > der.size - from) return false;
    const uint8_t *b = der.data + from;
    if ((b[0] & 0x80) || (size > 1 && b[0] == 0 && !(b[1] & 0x80))) return false;
    *out = sotto_span(b, size);
    *at = from + size;
    return true;
}

static bool strict(struct sotto_span *r, struct sotto_span *s, struct sotto_span der)
{
    size_t at = 2;
    return der.size >= 8 && der.size <= 72 && der.data[0] == 0x30 && der.data[1] == der.size - 2
        && number(r, der, &at) && number(s, der, &at) && at == der.size;
}

bool sotto_der_strict(struct sotto_span der)
{
    struct sotto_span r, s;
    return strict(&r, &s, der);
}

bool sotto_der_low(struct sotto_span der)
{
    static const uint8_t half[32] = {                 /* (n - 1) / 2 */
        0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
    };
    struct sotto_span r, s;
    if (!strict(&r, &s, der)) return false;
    return s.size < sizeof half || (s.size == sizeof half && memcmp(s.data, half, sizeof half) <= 0);
}

enum sotto_err sotto_der_write(uint8_t out[SOTTO_DER_MAX], size_t *size, const uint8_t rs[64])
{
    const secp256k1_context *ctx = sotto_curve_context();
    secp256k1_ecdsa_signature sig;
    uint8_t der[SOTTO_DER_MAX];
    size_t made = sizeof der;
    if (!secp256k1_ecdsa_signature_parse_compact(ctx, &sig, rs)) return SOTTO_ERR_SIG_FORM;
    if (!secp256k1_ecdsa_signature_serialize_der(ctx, der, &made, &sig)) return SOTTO_ERR_INTERNAL;
    memcpy(out, der, made);
    *size = made;
    return SOTTO_OK;
}

static enum sotto_err verify(secp256k1_ecdsa_signature *sig, struct sotto_span key, const uint8_t digest[32])
{
    const secp256k1_context *ctx = sotto_curve_context();
    secp256k1_pubkey parsed;
    if ((key.size != 33 && key.size != 65) || !secp256k1_ec_pubkey_parse(ctx, &parsed, key.data, key.size)) return SOTTO_ERR_SIG;
    secp256k1_ecdsa_signature_normalize(ctx, sig, sig);
    return secp256k1_ecdsa_verify(ctx, sig, digest, &parsed) ? SOTTO_OK : SOTTO_ERR_SIG;
}

enum sotto_err sotto_der_verify(struct sotto_span der, struct sotto_span key, const uint8_t digest[32])
{
    secp256k1_ecdsa_signature sig;
    if (!der.size || !secp256k1_ecdsa_signature_parse_der(sotto_curve_context(), &sig, der.data, der.size)) return SOTTO_ERR_SIG;
    return verify(&sig, key, digest);
}

enum sotto_err sotto_rs_verify(const uint8_t rs[64], struct sotto_span key, const uint8_t digest[32])
{
    secp256k1_ecdsa_signature sig;
    if (!secp256k1_ecdsa_signature_parse_compact(sotto_curve_context(), &sig, rs)) return SOTTO_ERR_SIG;
    return verify(&sig, key, digest);
}
