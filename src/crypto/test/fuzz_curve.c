/* Any bytes as points, scalars, x coordinates and signatures. What is a point by one reader is one by the others; whatever a
 * signature recovers to, it verifies under; and both halves of an exchange agree. */
#include "support/fuzz_input.h"

#include "crypto/curve.h"

static void points(struct fuzz_in in)
{
    struct sotto_point p = { { 0 } }, q, r;
    uint8_t raw[64], xy[64];
    fuzz_fill(&in, p.b, 33);
    fuzz_fill(&in, raw, 64);
    bool good = fuzz_err(sotto_point_check(p.b)) == SOTTO_OK;
    SOTTO_ASSERT((sotto_point_to64(xy, &p) == SOTTO_OK) == good);
    if (good) {
        SOTTO_ASSERT(memcmp(xy, p.b + 1, 32) == 0 && (xy[63] & 1) == (p.b[0] == 3) && sotto_point_from64(&q, xy) == SOTTO_OK && memcmp(&p, &q, 33) == 0);
        SOTTO_ASSERT(sotto_point_from_x(&q, p.b + 1) == SOTTO_OK && q.b[0] == 2 && memcmp(q.b + 1, p.b + 1, 32) == 0);
    }
    if (fuzz_err(sotto_point_from_x(&q, raw)) == SOTTO_OK) SOTTO_ASSERT(sotto_point_check(q.b) == SOTTO_OK && memcmp(q.b + 1, raw, 32) == 0);
    if (fuzz_err(sotto_point_from64(&r, raw)) == SOTTO_OK) SOTTO_ASSERT(sotto_point_to64(xy, &r) == SOTTO_OK && memcmp(xy, raw, 64) == 0);
}

static void signatures(struct fuzz_in in)
{
    struct sotto_sig65 sig;
    struct sotto_point p, q;
    struct sotto_id id;
    uint8_t digest[32], rs[64];
    fuzz_fill(&in, sig.b, 65);
    fuzz_fill(&in, digest, 32);
    if (fuzz_left(&in) % 2) sig.b[64] = 27 + (sig.b[64] & 1);
    memcpy(rs, sig.b, 64);
    enum sotto_err err = fuzz_err(sotto_recover(&p, &sig, digest));
    SOTTO_ASSERT(err == SOTTO_OK || err == SOTTO_ERR_SIG_FORM || err == SOTTO_ERR_SIG);
    if (err == SOTTO_OK) {
        SOTTO_ASSERT(sotto_verify(rs, &p, digest) == SOTTO_OK && sotto_id_of(&id, &p) == SOTTO_OK);
        digest[0] ^= 1;
        SOTTO_ASSERT(sotto_verify(rs, &p, digest) == SOTTO_ERR_SIG);
        sig.b[64] ^= 27 ^ 28;
        SOTTO_ASSERT(sotto_recover(&q, &sig, digest) != SOTTO_OK || memcmp(&p, &q, 33) != 0);
    }
    memcpy(p.b, "\2", 1);
    memcpy(p.b + 1, digest, 32);
    err = fuzz_err(sotto_verify(rs, &p, digest));
    SOTTO_ASSERT(err == SOTTO_OK || err == SOTTO_ERR_SIG || err == SOTTO_ERR_SIG_FORM || err == SOTTO_ERR_KEY);
    SOTTO_ASSERT(fuzz_err(sotto_schnorr_verify(rs, digest, rs)) != SOTTO_OK);
}

static void scalars(struct fuzz_in in)
{
    struct sotto_scalar a, b, ab, ba;
    struct sotto_point pa, pb, one, two;
    struct sotto_secret x, y;
    uint8_t digest[32], rs[64], aux[32];
    struct sotto_sig65 sig;
    fuzz_fill(&in, a.b, 32);
    fuzz_fill(&in, b.b, 32);
    fuzz_fill(&in, digest, 32);
    fuzz_fill(&in, aux, 32);
    bool good = sotto_scalar_valid(&a) && sotto_scalar_valid(&b);
    SOTTO_ASSERT((fuzz_err(sotto_point_make(&pa, &a)) == SOTTO_OK) == sotto_scalar_valid(&a));
    SOTTO_ASSERT((sotto_scalar_mul(&ab, &a, &b) == SOTTO_OK) == good);
    if (sotto_scalar_reduce(&ba, a.b) == SOTTO_OK) SOTTO_ASSERT(sotto_scalar_valid(&ba) && (!sotto_scalar_valid(&a) || memcmp(&ba, &a, 32) == 0));
    if (!good) return;
    SOTTO_ASSERT(sotto_point_make(&pb, &b) == SOTTO_OK && sotto_ecdh_x(&x, &a, &pb) == SOTTO_OK && sotto_ecdh_x(&y, &b, &pa) == SOTTO_OK);
    SOTTO_ASSERT(memcmp(&x, &y, 32) == 0 && sotto_ecdh_point(&one, &a, &pb) == SOTTO_OK && sotto_point_make(&two, &ab) == SOTTO_OK);
    SOTTO_ASSERT(memcmp(&one, &two, 33) == 0 && memcmp(one.b + 1, x.b, 32) == 0);
    SOTTO_ASSERT(sotto_sign(&sig, &a, digest) == SOTTO_OK && sotto_recover(&one, &sig, digest) == SOTTO_OK && memcmp(&one, &pa, 33) == 0);
    SOTTO_ASSERT(sotto_schnorr_sign(rs, &a, digest, aux) == SOTTO_OK && sotto_schnorr_verify(rs, pa.b + 1, digest) == SOTTO_OK);
    rs[fuzz_u8(&in) % 64] ^= 1;
    SOTTO_ASSERT(sotto_schnorr_verify(rs, pa.b + 1, digest) != SOTTO_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    struct fuzz_in in = fuzz_in(data, size);
    switch (fuzz_below(&in, 3)) {
    case 0: points(in); break;
    case 1: signatures(in); break;
    default: scalars(in);
    }
    return 0;
}
