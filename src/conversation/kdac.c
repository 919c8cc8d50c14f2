#include "conversation/kdac.h"

#include "base/plant.h"
#include "crypto/hash.h"
#include "crypto/multiples.h"

enum sotto_err sotto_kdac_h(struct sotto_scalar *h, const struct sotto_secret *hk, uint8_t dir, uint32_t index)
{
    uint8_t place[5], digest[32];
    place[0] = SOTTO_PLANTED(DIRECTION_DROPPED) ? 0 : dir;
    sotto_put_be32(place + 1, index);
    SOTTO_TH(digest, "sotto/kdac/1", SOTTO_SPAN(hk->b), SOTTO_SPAN(place));
    enum sotto_err err = sotto_scalar_reduce(h, digest);
    SOTTO_WIPE(digest);
    return err;
}

enum sotto_err sotto_kdac_point(struct sotto_point *out, const struct sotto_scalar *h, const struct sotto_point *base)
{
    return sotto_ecdh_point(out, h, base);
}

enum sotto_err sotto_kdac_x(struct sotto_secret *out, const struct sotto_scalar *h, const struct sotto_point *base)
{
    return sotto_ecdh_x(out, h, base);
}

enum sotto_err sotto_kdac_private(struct sotto_scalar *out, const struct sotto_scalar *h, const struct sotto_scalar *k)
{
    return sotto_scalar_mul(out, h, k);
}

enum sotto_err sotto_kdac_shared(struct sotto_point *p, const struct sotto_scalar *own, const struct sotto_point *peer)
{
    return sotto_ecdh_point(p, own, peer);
}

void sotto_kdac_tag(struct sotto_tag *out, const struct sotto_secret *kbt_x)
{
    uint8_t digest[32];
    SOTTO_TH(digest, "sotto/tag", SOTTO_SPAN(kbt_x->b));
    memcpy(out->b, digest, sizeof out->b);
}

enum sotto_err sotto_kdac_ahead(struct sotto_tag *tag, struct sotto_scalar *h, struct sotto_secret *kbt_x,
                                const struct sotto_secret *hk, uint8_t dir, uint32_t index, const struct sotto_scalar *own)
{
    struct sotto_scalar step, kbt;
    struct sotto_secret x;
    enum sotto_err err = sotto_kdac_h(&step, hk, dir, index);
    if (err == SOTTO_OK) err = sotto_kdac_private(&kbt, &step, own);
    if (err == SOTTO_OK) err = sotto_generator_x(&x, &kbt);
    if (err == SOTTO_OK) {
        sotto_kdac_tag(tag, &x);
        if (h) *h = step;
        if (kbt_x) *kbt_x = x;
    }
    SOTTO_WIPE(step);
    SOTTO_WIPE(kbt);
    SOTTO_WIPE(x);
    return err;
}
