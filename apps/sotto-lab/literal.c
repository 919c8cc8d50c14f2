#include "literal.h"

#include "crypto/hash.h"

static enum sotto_err literal(struct lab_literal *l, const uint8_t x[8], uint64_t t, const struct sotto_scalar *k_a, const struct sotto_scalar *k_b)
{
    uint8_t text[16], hash[32], xy[64];
    struct sotto_point big_k_a, big_k_b, other;
    memcpy(text, x, 8);
    sotto_put_be64(text + 8, t);
    sotto_sha256(hash, SOTTO_SPAN(text));
    SOTTO_TRY(sotto_scalar_reduce(&l->h, hash));
    SOTTO_TRY(sotto_point_make(&big_k_a, k_a));
    SOTTO_TRY(sotto_point_make(&big_k_b, k_b));
    SOTTO_TRY(sotto_ecdh_point(&l->big_k_bt, &l->h, &big_k_b));
    SOTTO_TRY(sotto_ecdh_point(&l->big_k_at, &l->h, &big_k_a));
    SOTTO_TRY(sotto_scalar_mul(&l->k_bt, &l->h, k_b));
    SOTTO_TRY(sotto_ecdh_point(&l->s, k_a, &l->big_k_bt));
    SOTTO_TRY(sotto_ecdh_point(&other, k_b, &l->big_k_at));
    SOTTO_ASSERT(memcmp(other.b, l->s.b, sizeof other.b) == 0);      /* the paper's equation */
    SOTTO_TRY(sotto_point_to64(xy, &l->s));
    for (int i = 0; i < 32; i++) l->k_s[i] = xy[i] ^ xy[32 + i];
    return SOTTO_OK;
}

enum sotto_err lab_literal_kdac(struct lab_literal *out, const uint8_t x[8], uint64_t t, const struct sotto_scalar *k_a, const struct sotto_scalar *k_b)
{
    struct lab_literal l = { 0 };
    enum sotto_err err = literal(&l, x, t, k_a, k_b);
    if (err == SOTTO_OK) *out = l;
    SOTTO_WIPE(l);
    return err;
}

/* h^(n-2) = 1/h mod n, by squaring: slow and plain, which is fine for a demonstration. */
static enum sotto_err inverse(struct sotto_scalar *out, const struct sotto_scalar *h)
{
    static const uint8_t n_less_2[32] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
        0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x3f,
    };
    struct sotto_scalar r = { { [31] = 1 } };
    for (int bit = 255; bit >= 0; bit--) {
        SOTTO_TRY(sotto_scalar_mul(&r, &r, &r));
        if (n_less_2[31 - bit / 8] >> (bit % 8) & 1) SOTTO_TRY(sotto_scalar_mul(&r, &r, h));
    }
    *out = r;
    return SOTTO_OK;
}

enum sotto_err lab_literal_recover(struct sotto_scalar *k_b, const struct sotto_scalar *k_bt, const struct sotto_scalar *h)
{
    struct sotto_scalar one_over_h;
    SOTTO_TRY(inverse(&one_over_h, h));
    return sotto_scalar_mul(k_b, k_bt, &one_over_h);
}
