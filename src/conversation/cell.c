#include "conversation/cell.h"

#include "base/plant.h"
#include "crypto/hash.h"

enum { AT_X = 16, AT_HEADER = 48, AT_BODY = 136, HEADER_SPARE = 5 };
_Static_assert(AT_HEADER + SOTTO_HEADER_BYTES + SOTTO_TAG_SIZE == AT_BODY, "messaging.md 4.4");
_Static_assert(AT_BODY + SOTTO_BODY_BYTES + SOTTO_TAG_SIZE == SOTTO_CELL_BYTES, "messaging.md 4.4");

void sotto_header_encode(uint8_t out[SOTTO_HEADER_BYTES], const struct sotto_header *h)
{
    out[0] = 1;
    out[1] = h->flags;
    memcpy(out + 2, h->point.b, 33);
    sotto_put_be32(out + 35, h->pn);
    sotto_put_be32(out + 39, h->index);
    sotto_put_be64(out + 43, h->height);
    memcpy(out + 51, h->block8, 8);
    memcpy(out + 59, h->mk8, 8);
    memset(out + 67, 0, HEADER_SPARE);
}

enum sotto_err sotto_header_decode(struct sotto_header *out, const uint8_t in[SOTTO_HEADER_BYTES])
{
    if (in[0] != 1 || (in[1] & ~SOTTO_HEADER_RECORD) != 0 || (!sotto_all_zero(in + 67, HEADER_SPARE) && !SOTTO_PLANTED(HEADER_SPARE_IGNORED)))
        return SOTTO_ERR_HEADER_FORM;
    struct sotto_header h = { .flags = in[1], .pn = sotto_be32(in + 35), .index = sotto_be32(in + 39), .height = sotto_be64(in + 43) };
    memcpy(h.point.b, in + 2, 33);
    memcpy(h.block8, in + 51, 8);
    memcpy(h.mk8, in + 59, 8);
    *out = h;
    return SOTTO_OK;
}

void sotto_cell_header_kn(struct sotto_kn *out, const uint8_t x[32], const struct sotto_secret *hs)
{
    sotto_hkdf(out->b, sizeof out->b, sotto_span(x, 32), SOTTO_SPAN(hs->b), "sotto/header/2", NULL, 0);
}

void sotto_cell_body_kn(struct sotto_kn *out, const uint8_t x[32], const struct sotto_body_key *key)
{
    uint8_t salt[64], place[5];
    memcpy(salt, key->kbt_x.b, 32);
    memcpy(salt + 32, x, 32);
    place[0] = key->dir;
    sotto_put_be32(place + 1, key->index);
    const struct sotto_span ikm[] = { SOTTO_SPAN(key->mk.b), SOTTO_SPAN(key->s_x.b) };
    const struct sotto_span info[] = { sotto_span_str("sotto/msg/1"), SOTTO_SPAN(place), SOTTO_SPAN(key->from.b), SOTTO_SPAN(key->to.b) };
    sotto_hkdf_parts(out->b, sizeof out->b, SOTTO_SPAN(salt), ikm, 2, info, SOTTO_PLANTED(IDS_NOT_BOUND) ? 2 : 4);
    SOTTO_WIPE(salt);
}

bool sotto_cell_x_good(const uint8_t x[32])
{
    return sotto_x_good(x);
}

void sotto_cell_draw_x(uint8_t x[32], struct sotto_rng *rng)
{
    do sotto_rng_fill(rng, x, 32);
    while (!sotto_cell_x_good(x));
    if (SOTTO_PLANTED(X_REPEATS)) memset(x, 1, 32);
}

enum sotto_err sotto_cell_seal_kn(uint8_t out[SOTTO_CELL_BYTES], const struct sotto_tag *tag, const uint8_t x[32], const struct sotto_kn *header_kn,
                                  const struct sotto_kn *body_kn, const uint8_t header[SOTTO_HEADER_BYTES], const uint8_t body[SOTTO_BODY_BYTES])
{
    uint8_t cell[SOTTO_CELL_BYTES];
    memcpy(cell, tag->b, SOTTO_TAG_BYTES);
    memcpy(cell + AT_X, x, 32);
    SOTTO_TRY(sotto_gcm_seal(cell + AT_HEADER, header_kn, sotto_span(cell, AT_HEADER), sotto_span(header, SOTTO_HEADER_BYTES)));
    SOTTO_TRY(sotto_gcm_seal(cell + AT_BODY, body_kn, sotto_span(cell, AT_BODY), sotto_span(body, SOTTO_BODY_BYTES)));
    memcpy(out, cell, sizeof cell);
    return SOTTO_OK;
}

enum sotto_err sotto_cell_seal(uint8_t out[SOTTO_CELL_BYTES], const struct sotto_tag *tag, const uint8_t x[32], const struct sotto_secret *hs,
                               const struct sotto_body_key *key, const uint8_t header[SOTTO_HEADER_BYTES], const uint8_t body[SOTTO_BODY_BYTES])
{
    struct sotto_kn header_kn, body_kn;
    sotto_cell_header_kn(&header_kn, x, hs);
    sotto_cell_body_kn(&body_kn, x, key);
    enum sotto_err err = sotto_cell_seal_kn(out, tag, x, &header_kn, &body_kn, header, body);
    SOTTO_WIPE(header_kn);
    SOTTO_WIPE(body_kn);
    return err;
}

enum sotto_err sotto_cell_open_header(uint8_t header[SOTTO_HEADER_BYTES], const uint8_t sealed[SOTTO_CELL_BYTES], const struct sotto_secret *hs)
{
    struct sotto_kn kn;
    sotto_cell_header_kn(&kn, sealed + AT_X, hs);
    enum sotto_err err = sotto_gcm_open(header, &kn, sotto_span(sealed, AT_HEADER), sotto_span(sealed + AT_HEADER, AT_BODY - AT_HEADER));
    SOTTO_WIPE(kn);
    return err;
}

enum sotto_err sotto_cell_open_body(uint8_t body[SOTTO_BODY_BYTES], const uint8_t sealed[SOTTO_CELL_BYTES], const struct sotto_body_key *key)
{
    struct sotto_kn kn;
    sotto_cell_body_kn(&kn, sealed + AT_X, key);
    enum sotto_err err = sotto_gcm_open(body, &kn, sotto_span(sealed, AT_BODY), sotto_span(sealed + AT_BODY, SOTTO_CELL_BYTES - AT_BODY));
    SOTTO_WIPE(kn);
    return err;
}
