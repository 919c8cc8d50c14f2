#include "crypto/ecies.h"

#include "crypto/aead.h"
#include "crypto/hash.h"

enum { R_SIZE = 65, IV_SIZE = 16, MAC_SIZE = 32, BODY_AT = R_SIZE + IV_SIZE };

struct keys { uint8_t enc[16], mac[32]; };

/* z -> one block of the concatenation KDF of SP 800-56A with an empty text -> cipher key, MAC key. */
static void derive(struct keys *out, const struct sotto_secret *z)
{
    uint8_t in[36] = { 0, 0, 0, 1 }, k[32];
    memcpy(in + 4, z->b, 32);
    sotto_sha256(k, SOTTO_SPAN(in));
    memcpy(out->enc, k, 16);
    sotto_sha256(out->mac, sotto_span(k + 16, 16));
    SOTTO_WIPE(in);
    SOTTO_WIPE(k);
}

static enum sotto_err agree(struct keys *out, const struct sotto_scalar *k, const struct sotto_point *p)
{
    struct sotto_secret z;
    SOTTO_TRY(sotto_ecdh_x(&z, k, p));
    derive(out, &z);
    SOTTO_WIPE(z);
    return SOTTO_OK;
}

static enum sotto_err stream(uint8_t *out, const struct keys *keys, const uint8_t *iv, struct sotto_span in)
{
    struct sotto_ctr *ctr = sotto_ctr_new(SOTTO_SPAN(keys->enc), iv);
    if (!ctr) return SOTTO_ERR_NOMEM;
    sotto_ctr_xor(ctr, out, in);
    sotto_ctr_free(ctr);
    return SOTTO_OK;
}

enum sotto_err sotto_ecies_seal(struct sotto_buf *out, const struct sotto_point *to, struct sotto_span s2, struct sotto_span plain,
                                struct sotto_rng *rng)
{
    struct sotto_scalar r;
    struct sotto_point point;
    struct keys keys;
    SOTTO_TRY(sotto_point_check(to->b));
    if (plain.size > SIZE_MAX - SOTTO_ECIES_OVERHEAD) return SOTTO_ERR_FULL;
    SOTTO_TRY(sotto_buf_reserve(out, plain.size + SOTTO_ECIES_OVERHEAD));
    uint8_t *p = out->data + out->size;
    sotto_scalar_random(&r, rng);
    enum sotto_err err = sotto_point_make(&point, &r);
    if (err == SOTTO_OK) err = agree(&keys, &r, to);
    SOTTO_WIPE(r);
    SOTTO_TRY(err);
    p[0] = 4;
    err = sotto_point_to64(p + 1, &point);
    sotto_rng_fill(rng, p + R_SIZE, IV_SIZE);
    if (err == SOTTO_OK) err = stream(p + BODY_AT, &keys, p + R_SIZE, plain);
    if (err == SOTTO_OK) {
        SOTTO_HMAC(p + BODY_AT + plain.size, SOTTO_SPAN(keys.mac), sotto_span(p + R_SIZE, IV_SIZE + plain.size), s2);
        out->size += plain.size + SOTTO_ECIES_OVERHEAD;
    }
    SOTTO_WIPE(keys);
    return err;
}

enum sotto_err sotto_ecies_open(struct sotto_buf *out, const struct sotto_scalar *key, struct sotto_span s2, struct sotto_span sealed)
{
    struct sotto_point point;
    struct keys keys;
    uint8_t mac[MAC_SIZE];
    if (sealed.size < SOTTO_ECIES_OVERHEAD + 1 || sealed.data[0] != 4) return SOTTO_ERR_ECIES;
    if (sotto_point_from64(&point, sealed.data + 1) != SOTTO_OK) return SOTTO_ERR_ECIES;
    struct sotto_span body = sotto_span_cut(sealed, BODY_AT, sealed.size - SOTTO_ECIES_OVERHEAD);
    SOTTO_TRY(sotto_buf_reserve(out, body.size));
    SOTTO_TRY(agree(&keys, key, &point));             /* fails only for a bad key of our own */
    SOTTO_HMAC(mac, SOTTO_SPAN(keys.mac), sotto_span(sealed.data + R_SIZE, IV_SIZE + body.size), s2);
    enum sotto_err err = SOTTO_ERR_ECIES;
    if (sotto_equal_ct(mac, body.data + body.size, MAC_SIZE)) err = stream(out->data + out->size, &keys, sealed.data + R_SIZE, body);
    if (err == SOTTO_OK) out->size += body.size;
    SOTTO_WIPE(keys);
    SOTTO_WIPE(mac);
    return err;
}
