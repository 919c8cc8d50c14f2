#include "identity/box.h"

#include "crypto/aead.h"
#include "crypto/hash.h"

enum { TAG_AT = 0, X_AT = 16, DET_AT = 48, TEXT_AT = 56 };
_Static_assert(TEXT_AT + SOTTO_BOX_PLAIN + SOTTO_TAG_SIZE == SOTTO_BOX_SEALED, "the box fills topic and cell exactly");

static bool none(const struct sotto_point *p)
{
    return p == NULL || sotto_all_zero(p->b, sizeof p->b);
}

/* The 8 bytes by which a recipient knows its own: a hash over everything before them and the scan product. */
static void detection(uint8_t out[8], const uint8_t *tag_and_x, const struct sotto_secret *z2)
{
    uint8_t full[32];
    SOTTO_TH(full, "sotto/scan", sotto_span(tag_and_x, 48), SOTTO_SPAN(z2->b));
    memcpy(out, full, 8);
    SOTTO_WIPE(full);
}

static void box_key(struct sotto_kn *out, const uint8_t *x, const struct sotto_secret *z1, const struct sotto_secret *z2,
                    const struct sotto_point *exchange, const struct sotto_point *scan)
{
    const struct sotto_span ikm[] = { SOTTO_SPAN(z1->b), SOTTO_SPAN(z2->b) };
    const struct sotto_span info[] = { sotto_span_str("sotto/box/1"), SOTTO_SPAN(exchange->b), SOTTO_SPAN(scan->b) };
    sotto_hkdf_parts(out->b, sizeof out->b, sotto_span(x, 32), ikm, 2, info, 3);
}

enum sotto_err sotto_box_keys_make(struct sotto_box_keys *out, const struct sotto_scalar *exchange, const struct sotto_scalar *scan)
{
    struct sotto_box_keys k = { .exchange = *exchange, .scan = scan ? *scan : *exchange };
    enum sotto_err err = sotto_point_make(&k.exchange_pub, &k.exchange);
    if (err == SOTTO_OK) err = sotto_point_make(&k.scan_pub, &k.scan);
    if (err == SOTTO_OK) *out = k;
    SOTTO_WIPE(k);
    return err;
}

enum sotto_err sotto_box_seal(uint8_t out[SOTTO_BOX_SEALED], const struct sotto_point *exchange, const struct sotto_point *scan,
                              const uint8_t plain[SOTTO_BOX_PLAIN], const struct sotto_scalar *e, const uint8_t tag[16])
{
    if (none(scan)) scan = exchange;
    uint8_t sealed[SOTTO_BOX_SEALED];
    struct sotto_point eph = { { 0 } };
    struct sotto_secret z1 = { { 0 } }, z2 = { { 0 } };
    struct sotto_kn kn = { { 0 } };

    enum sotto_err err = sotto_point_make(&eph, e);
    if (err == SOTTO_OK) err = sotto_ecdh_x(&z1, e, exchange);
    if (err == SOTTO_OK) err = sotto_ecdh_x(&z2, e, scan);
    if (err == SOTTO_OK) {
        memcpy(sealed + TAG_AT, tag, 16);
        memcpy(sealed + X_AT, eph.b + 1, 32);
        detection(sealed + DET_AT, sealed, &z2);
        box_key(&kn, sealed + X_AT, &z1, &z2, exchange, scan);
        err = sotto_gcm_seal(sealed + TEXT_AT, &kn, sotto_span(sealed, TEXT_AT), sotto_span(plain, SOTTO_BOX_PLAIN));
    }
    if (err == SOTTO_OK) memcpy(out, sealed, sizeof sealed);
    SOTTO_WIPE(z1);
    SOTTO_WIPE(z2);
    SOTTO_WIPE(kn);
    return err;
}

enum sotto_err sotto_box_seal_fresh(uint8_t out[SOTTO_BOX_SEALED], const struct sotto_point *exchange, const struct sotto_point *scan,
                                    const uint8_t plain[SOTTO_BOX_PLAIN], struct sotto_rng *rng)
{
    struct sotto_scalar e;
    uint8_t tag[16];
    sotto_scalar_random(&e, rng);
    sotto_rng_fill(rng, tag, sizeof tag);
    enum sotto_err err = sotto_box_seal(out, exchange, scan, plain, &e, tag);
    SOTTO_WIPE(e);
    return err;
}

/* The scan product, or why the cell is not ours. */
static enum sotto_err scan_product(struct sotto_secret *z2, struct sotto_base *point, const struct sotto_scalar *scan, const uint8_t *sealed)
{
    struct sotto_point even = { { 2 } };              /* either of the two will do: only x of the product is used */
    memcpy(even.b + 1, sealed + X_AT, 32);
    if (sotto_base_make(point, &even) != SOTTO_OK) return SOTTO_ERR_POINT;
    SOTTO_TRY(sotto_base_x(z2, scan, point));
    uint8_t det[8];
    detection(det, sealed, z2);
    return sotto_equal_ct(det, sealed + DET_AT, sizeof det) ? SOTTO_OK : SOTTO_ERR_NOT_MINE;
}

enum sotto_err sotto_box_scan(const struct sotto_scalar *scan, const uint8_t sealed[SOTTO_BOX_SEALED])
{
    struct sotto_secret z2 = { { 0 } };
    struct sotto_base point;
    enum sotto_err err = scan_product(&z2, &point, scan, sealed);
    SOTTO_WIPE(z2);
    return err;
}

enum sotto_err sotto_box_open(uint8_t plain[SOTTO_BOX_PLAIN], const struct sotto_box_keys *keys, const uint8_t sealed[SOTTO_BOX_SEALED])
{
    uint8_t text[SOTTO_BOX_PLAIN] = { 0 };
    struct sotto_secret z1 = { { 0 } }, z2 = { { 0 } };
    struct sotto_kn kn = { { 0 } };
    struct sotto_base point;

    enum sotto_err err = scan_product(&z2, &point, &keys->scan, sealed);
    if (err == SOTTO_OK) err = sotto_base_x(&z1, &keys->exchange, &point);
    if (err == SOTTO_OK) {
        box_key(&kn, sealed + X_AT, &z1, &z2, &keys->exchange_pub, &keys->scan_pub);
        err = sotto_gcm_open(text, &kn, sotto_span(sealed, TEXT_AT), sotto_span(sealed + TEXT_AT, SOTTO_BOX_SEALED - TEXT_AT));
    }
    if (err == SOTTO_OK) memcpy(plain, text, sizeof text);
    SOTTO_WIPE(text);
    SOTTO_WIPE(z1);
    SOTTO_WIPE(z2);
    SOTTO_WIPE(kn);
    return err;
}
