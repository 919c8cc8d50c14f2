/* identity/: certificate, first contact on both sides, box, record; files/: blobs. */
#include "ct.h"

#include "crypto/rng.h"
#include "files/blob.h"
#include "identity/box.h"
#include "identity/hello.h"
#include "identity/record.h"

#include <stdlib.h>

#define NOW_S 1767225600ull
#define NOW_MS (NOW_S * 1000)
#define DAY_S 86400ull
enum { PUZZLE_BITS = 2, SHARE_AT = 116, CONFIRM_AT = 859 };              /* hello_layout.h */

struct person {
    struct sotto_scalar identity, exchange;              /* secret */
    struct sotto_point key, xkey;
    struct sotto_id id;
    struct sotto_buf cert;
};

static void person_make(struct person *p)
{
    sotto_scalar_random(&p->identity, ct_open_rng());
    sotto_scalar_random(&p->exchange, ct_open_rng());
    CT_OK(sotto_point_make(&p->key, &p->identity));
    CT_OK(sotto_point_make(&p->xkey, &p->exchange));
    CT_OK(sotto_id_of(&p->id, &p->key));
    CT_SECRET(p->identity);
    CT_SECRET(p->exchange);
    struct sotto_cert cert = { .version = 1, .id = p->id, .key = p->key, .xkey = p->xkey, .not_before_s = NOW_S - DAY_S,
                               .not_after_s = NOW_S + 300 * DAY_S };
    p->cert = sotto_buf_make(SOTTO_CERT_MAX);
    ct_public.points = true;              /* the certificate names them */
    CT_OK(sotto_cert_make(&p->cert, &cert, &p->identity));
    ct_public.points = false;
}

static void certificate(void)
{
    struct person p;
    person_make(&p);
    sotto_buf_free(&p.cert);
}

static void record(void)
{
    struct person p;
    uint8_t payload[100], aux[32], receipt[64], commit[32];
    struct sotto_sig65 sig;
    person_make(&p);
    sotto_rng_fill(ct_rng(), payload, sizeof payload);
    sotto_rng_fill(ct_rng(), aux, sizeof aux);
    struct sotto_record r = { .from = p.id, .to = p.id, .type = 1, .seq = 1, .time_ms = NOW_MS, .payload = SOTTO_SPAN(payload) };
    sotto_rng_fill(ct_rng(), r.salt, sizeof r.salt);
    CT_OK(sotto_record_sign(&sig, &r, &p.identity));
    memset(commit, 1, sizeof commit);
    CT_OK(sotto_receipt_sign(receipt, commit, NOW_MS, &p.identity, aux));
    sotto_buf_free(&p.cert);
}

static void box(void)
{
    struct person p;
    struct sotto_scalar scan;
    struct sotto_box_keys keys;
    uint8_t plain[SOTTO_BOX_PLAIN], sealed[SOTTO_BOX_SEALED], again[SOTTO_BOX_PLAIN];
    person_make(&p);
    sotto_rng_fill(ct_rng(), plain, sizeof plain);
    sotto_scalar_random(&scan, ct_rng());
    ct_public.points = true;
    CT_OK(sotto_box_keys_make(&keys, &p.exchange, &scan));
    ct_public.points = false;
    CT_OK(sotto_box_seal_fresh(sealed, &keys.exchange_pub, &keys.scan_pub, plain, ct_rng()));
    CT_REVEAL(sealed, "it is sent");
    CT_OK(sotto_box_scan(&keys.scan, sealed));
    CT_OK(sotto_box_open(again, &keys, sealed));
    CT_STILL_SECRET(again);
    sealed[50] ^= 1;
    if (sotto_box_open(again, &keys, sealed) != SOTTO_ERR_NOT_MINE) abort();
    sealed[50] ^= 1;
    sealed[1000] ^= 1;
    if (sotto_box_open(again, &keys, sealed) != SOTTO_ERR_AEAD) abort();
    sotto_buf_free(&p.cert);
}

/* The plain text of M1 or M2 is parsed by who may read it; what keys come of stays secret. */
static void read_but_the_share(uint8_t *pt)
{
    ct_reveal(pt, SHARE_AT, "who it is from and for, and when");
    ct_reveal(pt + SHARE_AT + 32, SOTTO_HELLO_SIZE - SHARE_AT - 32, "public key, certificate, introduction, confirmation, signature");
}

static void first_contact(void)
{
    struct person i, r;
    struct sotto_scalar eph_i, eph_r;
    struct sotto_secret mk;
    uint8_t m1[SOTTO_HELLO_SIZE], m2[SOTTO_HELLO_SIZE], b[32];
    size_t size;
    uint64_t at = 0, puzzle = 0;
    person_make(&i);
    person_make(&r);
    sotto_scalar_random(&eph_i, ct_open_rng());
    sotto_scalar_random(&eph_r, ct_open_rng());
    sotto_rng_fill(ct_rng(), mk.b, sizeof mk.b);

    struct sotto_hello h = { .from = i.id, .to = r.id, .time_ms = NOW_MS, .cert = sotto_buf_span(&i.cert), .intro = sotto_span_str("It is me") };
    struct sotto_hello_pending pending = { .to = r.id, .time_ms = NOW_MS, .has_mk = true, .mk = mk };
    sotto_rng_fill(ct_open_rng(), h.nonce, 32);
    sotto_rng_fill(ct_rng(), h.share.b, 32);
    CT_OK(sotto_point_make(&h.eph, &eph_i));
    CT_SECRET(eph_i);
    CT_SECRET(eph_r);
    sotto_mk_id(h.mk_id, &mk);
    CT_OK(sotto_hello_m1_begin(m1, &size, b, &h));
    if (!sotto_puzzle_search(&puzzle, &at, b, PUZZLE_BITS, 1000)) abort();
    CT_OK(sotto_hello_m1_finish(m1, size, pending.h1, puzzle, &i.identity));
    memcpy(pending.nonce, h.nonce, 32);
    pending.share = h.share;
    pending.eph = eph_i;

    struct sotto_hello_ctx at_r = { .own = r.id, .now_ms = NOW_MS + 1000, .puzzle_bits = PUZZLE_BITS }, at_i = at_r;
    struct sotto_hello_seen seen_r, seen_i;
    struct sotto_hello_keys keys_r, keys_i;
    CT_SECRET(m1);
    read_but_the_share(m1);
    CT_OK(sotto_hello_m1_check(&seen_r, sotto_span(m1, size), &at_r));
    struct sotto_hello_reply reply = { .eph = &eph_r, .identity = &r.identity, .exchange = &r.exchange, .mk = &mk, .cert = sotto_buf_span(&r.cert),
                                       .intro = sotto_span_str("Hi") };
    sotto_rng_fill(ct_open_rng(), reply.nonce, 32);
    sotto_rng_fill(ct_rng(), reply.share.b, 32);
    ct_public.points = true;              /* one-time and exchange key, both known to the peer */
    CT_OK(sotto_hello_m2_make(m2, &keys_r, &seen_r, &reply));
    CT_STILL_SECRET(keys_r.rk);
    CT_STILL_SECRET(keys_r.p);

    CT_SECRET(m2);
    read_but_the_share(m2);
    at_i.own = i.id;
    CT_OK(sotto_hello_m2_check(&seen_i, &keys_i, SOTTO_SPAN(m2), &at_i, &pending, &i.exchange));
    CT_STILL_SECRET(keys_i.rk);
    if (!sotto_equal_ct(keys_i.rk.b, keys_r.rk.b, 32) || !sotto_equal_ct(keys_i.confirm_i, keys_r.confirm_i, 32)) abort();
    m2[CONFIRM_AT] ^= 1;
    if (sotto_hello_m2_check(&seen_i, &keys_i, SOTTO_SPAN(m2), &at_i, &pending, &i.exchange) != SOTTO_ERR_HELLO_CONFIRM) abort();
    sotto_buf_free(&i.cert);
    sotto_buf_free(&r.cert);
}

static void blobs(void)
{
    static uint8_t piece[SOTTO_PIECE_SIZE], blob[SOTTO_BLOB_SIZE];
    struct sotto_secret fk;
    uint8_t id[32];
    sotto_rng_fill(ct_rng(), fk.b, sizeof fk.b);
    sotto_rng_fill(ct_rng(), piece, sizeof piece);
    CT_OK(sotto_blob_seal(blob, id, &fk, 0, 3, piece));
    CT_REVEAL(blob, "it is handed to strangers");
    CT_REVEAL(id, "strangers ask for it by this name");
    CT_OK(sotto_blob_open(piece, &fk, 0, 3, id, SOTTO_SPAN(blob)));
    CT_STILL_SECRET(piece);
}

const struct ct_op ct_ops_identity[] = {
    { "certificate-sign", certificate }, { "record-and-receipt-sign", record }, { "box", box }, { "first-contact", first_contact },
    { "file-blob", blobs }, { NULL, NULL },
};
