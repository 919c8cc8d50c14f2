#include "identity/hello_layout.h"

#include "crypto/hash.h"

static void derive_x(struct sotto_secret *out, const struct sotto_hello_mix *mix)
{
    const struct sotto_point *small = &mix->own_xkey, *large = &mix->peer_xkey;
    if (memcmp(small->b, large->b, sizeof small->b) > 0) {
        small = &mix->peer_xkey;
        large = &mix->own_xkey;
    }
    uint8_t salt[32];
    SOTTO_TH(salt, "sotto/seed", SOTTO_SPAN(small->b), SOTTO_SPAN(large->b));
    const struct sotto_span ikm[] = { SOTTO_SPAN(mix->share_i->b), SOTTO_SPAN(mix->share_r->b) };
    const struct sotto_span info[] = { sotto_span_str("sotto/x/1"), SOTTO_SPAN(mix->id_i.b), SOTTO_SPAN(mix->id_r.b) };
    sotto_hkdf_parts(out->b, sizeof out->b, SOTTO_SPAN(salt), ikm, 2, info, 3);
}

/* x, ee, ss and mk under the transcript c2, cut into five keys. */
static void derive_root(struct sotto_hello_keys *k, const struct sotto_secret *mk)
{
    static const uint8_t no_mk[32];
    uint8_t okm[160];
    const struct sotto_span ikm[] = { SOTTO_SPAN(k->x.b), SOTTO_SPAN(k->ee.b), sotto_span(k->p.b + 1, 32), sotto_span(mk ? mk->b : no_mk, 32) };
    const struct sotto_span info[] = { sotto_span_str("sotto/root/1") };
    sotto_hkdf_parts(okm, sizeof okm, SOTTO_SPAN(k->c2), ikm, 4, info, 1);
    struct sotto_secret *const parts[] = { &k->rk, &k->hk_i, &k->hk_r, &k->kc_i, &k->kc_r };
    for (size_t i = 0; i < 5; i++) memcpy(parts[i]->b, okm + 32 * i, 32);
    SOTTO_WIPE(okm);
}

enum sotto_err sotto_hello_keys_derive(struct sotto_hello_keys *out, const struct sotto_hello_mix *mix, const uint8_t h1[32],
                                       struct sotto_span signed2)
{
    struct sotto_hello_keys k = { 0 };
    enum sotto_err err = sotto_ecdh_x(&k.ee, mix->own_eph, &mix->peer_eph);
    if (err == SOTTO_OK) err = sotto_ecdh_point(&k.p, mix->own_exchange, &mix->peer_xkey);
    if (err == SOTTO_OK) {
        derive_x(&k.x, mix);
        SOTTO_TH(k.c2, "sotto/hs/2", sotto_span(h1, 32), signed2);
        derive_root(&k, mix->mk);
        SOTTO_HMAC(k.confirm_r, SOTTO_SPAN(k.kc_r.b), SOTTO_SPAN(k.c2));
        SOTTO_TH(k.h2, "sotto/hs/3", SOTTO_SPAN(k.c2), SOTTO_SPAN(k.confirm_r));
        SOTTO_HMAC(k.confirm_i, SOTTO_SPAN(k.kc_i.b), SOTTO_SPAN(k.h2));
        *out = k;
    }
    SOTTO_WIPE(k);
    return err;
}

/* keys over a plain text of M2 that already has everything but confirm and signature */
static enum sotto_err keys_of(struct sotto_hello_keys *out, const struct sotto_hello_mix *mix, const uint8_t h1[32], const uint8_t *m2)
{
    uint8_t text[HELLO_HEAD + SOTTO_CERT_MAX];
    size_t size = sotto_hello_signed(text, m2);
    enum sotto_err err = sotto_hello_keys_derive(out, mix, h1, sotto_span(text, size));
    SOTTO_WIPE(text);
    return err;
}

static enum sotto_err m2_sign(uint8_t *pt, const struct sotto_hello_keys *keys, const struct sotto_scalar *identity)
{
    uint8_t digest[32];
    struct sotto_sig65 sig;
    memcpy(pt + HELLO_CONFIRM, keys->confirm_r, 32);
    sotto_hello_digest(digest, pt, keys->h2);
    SOTTO_TRY(sotto_sign(&sig, identity, digest));
    memcpy(pt + SOTTO_HELLO_SIZE - 65, sig.b, 65);
    return SOTTO_OK;
}

enum sotto_err sotto_hello_m2_make(uint8_t pt[SOTTO_HELLO_SIZE], struct sotto_hello_keys *keys, const struct sotto_hello_seen *m1,
                                   const struct sotto_hello_reply *reply)
{
    uint8_t mk_id[32];
    sotto_mk_id(mk_id, reply->mk);
    if (memcmp(mk_id, m1->hello.mk_id, sizeof mk_id) != 0) return SOTTO_ERR_HELLO_MK;
    if ((reply->flags & ~m1->hello.flags) != 0) return SOTTO_ERR_RANGE;

    uint8_t text[SOTTO_HELLO_SIZE];
    struct sotto_hello_keys k = { 0 };
    struct sotto_hello h = {
        .step = 2, .flags = reply->flags, .from = m1->hello.to, .to = m1->hello.from, .time_ms = m1->hello.time_ms + 1, .share = reply->share,
        .height = reply->height, .scan = reply->scan, .cert = reply->cert, .intro = reply->intro
    };
    memcpy(h.nonce, reply->nonce, 32);
    memcpy(h.echo, m1->hello.nonce, 32);
    memcpy(h.mk_id, mk_id, 32);
    memcpy(h.block8, reply->block8, 8);
    struct sotto_hello_mix mix = {
        .id_i = h.to, .id_r = h.from, .own_exchange = reply->exchange, .own_eph = reply->eph, .peer_xkey = m1->xkey,
        .peer_eph = m1->hello.eph, .share_i = &m1->hello.share, .share_r = &reply->share, .mk = reply->mk
    };

    enum sotto_err err = sotto_point_make(&h.eph, reply->eph);
    if (err == SOTTO_OK) err = sotto_point_make(&mix.own_xkey, reply->exchange);
    if (err == SOTTO_OK) err = sotto_hello_layout_write(text, sizeof text, &h);
    if (err == SOTTO_OK) err = keys_of(&k, &mix, m1->h1, text);
    if (err == SOTTO_OK) err = m2_sign(text, &k, reply->identity);
    if (err == SOTTO_OK) {
        memcpy(pt, text, sizeof text);
        *keys = k;
    }
    SOTTO_WIPE(text);
    SOTTO_WIPE(k);
    SOTTO_WIPE(h);
    return err;
}

static enum sotto_err m2_check(struct sotto_hello_seen *s, struct sotto_hello_keys *k, struct sotto_span pt, const struct sotto_hello_ctx *ctx,
                               const struct sotto_hello_pending *pending, const struct sotto_scalar *exchange)
{
    const struct sotto_hello *h = &s->hello;
    SOTTO_TRY(sotto_hello_parse(&s->hello, pt));
    if (h->step != 2 || (h->flags & ~pending->flags) != 0) return SOTTO_ERR_HELLO_FORM;
    if (sotto_all_zero(h->nonce, 32) || sotto_all_zero(h->share.b, 32)) return SOTTO_ERR_HELLO_FORM;
    if (!sotto_id_equal(&h->to, &ctx->own) || !sotto_id_equal(&h->from, &pending->to)) return SOTTO_ERR_HELLO_TO;
    if (!sotto_equal_ct(h->echo, pending->nonce, 32)) return SOTTO_ERR_HELLO_ECHO;
    if (h->time_ms != pending->time_ms + 1) return SOTTO_ERR_HELLO_TIME;
    const struct sotto_secret *mk = pending->has_mk ? &pending->mk : NULL;
    uint8_t mk_id[32];
    sotto_mk_id(mk_id, mk);
    if (memcmp(h->mk_id, mk_id, sizeof mk_id) != 0 || h->puzzle != 0) return SOTTO_ERR_HELLO_MK;

    struct sotto_id owner, signer_id;
    struct sotto_point signer;
    SOTTO_TRY(sotto_hello_sender(s, &owner, ctx));

    struct sotto_hello_mix mix = {
        .id_i = ctx->own, .id_r = h->from, .own_exchange = exchange, .own_eph = &pending->eph, .peer_xkey = s->xkey,
        .peer_eph = h->eph, .share_i = &pending->share, .share_r = &h->share, .mk = mk
    };
    SOTTO_TRY(sotto_point_make(&mix.own_xkey, exchange));
    SOTTO_TRY(keys_of(k, &mix, pending->h1, pt.data));
    if (!sotto_equal_ct(k->confirm_r, h->confirm, 32)) return SOTTO_ERR_HELLO_CONFIRM;

    memcpy(s->h1, pending->h1, sizeof s->h1);
    SOTTO_TRY(sotto_hello_signer(&signer, pt.data, &h->sig, k->h2));
    SOTTO_TRY(sotto_id_of(&signer_id, &signer));
    return sotto_id_equal(&signer_id, &owner) ? SOTTO_OK : SOTTO_ERR_HELLO_SIG;
}

enum sotto_err sotto_hello_m2_check(struct sotto_hello_seen *out, struct sotto_hello_keys *keys, struct sotto_span pt,
                                    const struct sotto_hello_ctx *ctx, const struct sotto_hello_pending *pending,
                                    const struct sotto_scalar *exchange)
{
    struct sotto_hello_seen seen = { 0 };
    struct sotto_hello_keys k = { 0 };
    enum sotto_err err = m2_check(&seen, &k, pt, ctx, pending, exchange);
    if (err == SOTTO_OK) {
        *out = seen;
        *keys = k;
    }
    SOTTO_WIPE(seen);
    SOTTO_WIPE(k);
    return err;
}
