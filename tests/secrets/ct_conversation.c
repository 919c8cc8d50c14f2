/* conversation/: one-time addresses, ratchet, cells, whole sessions in both directions, stored rows. */
#include "ct.h"

#include "conversation/messenger_impl.h"
#include "crypto/rng.h"

#include <stdlib.h>

static struct sotto_secret secret_key(void)
{
    struct sotto_secret k;
    sotto_rng_fill(ct_rng(), k.b, sizeof k.b);
    return k;
}

static void key_pair(struct sotto_scalar *k, struct sotto_point *p)
{
    sotto_scalar_random(k, ct_open_rng());
    CT_OK(sotto_point_make(p, k));
    CT_SECRET(*k);
}

static void kdac(void)
{
    struct sotto_secret hk = secret_key(), x, s;
    struct sotto_scalar a, b, h, kt;
    struct sotto_point pa, pb, p, whole;
    struct sotto_base base;
    struct sotto_tag tag, same;
    key_pair(&a, &pa);
    key_pair(&b, &pb);
    CT_OK(sotto_kdac_shared(&p, &a, &pb));
    CT_STILL_SECRET(p);
    CT_OK(sotto_kdac_h(&h, &hk, 0, 7));
    CT_STILL_SECRET(h);
    CT_OK(sotto_kdac_private(&kt, &h, &b));
    CT_STILL_SECRET(kt);
    CT_OK(sotto_kdac_point(&whole, &h, &pb));
    CT_STILL_SECRET(whole);
    CT_OK(sotto_kdac_x(&x, &h, &pb));
    CT_STILL_SECRET(x);
    CT_OK(sotto_base_make(&base, &p));
    CT_OK(sotto_base_x(&s, &h, &base));   /* S = h*P: both are secret */
    CT_STILL_SECRET(s);
    sotto_kdac_tag(&tag, &x);
    CT_OK(sotto_kdac_ahead(&same, &h, &x, &hk, 0, 7, &b));
    CT_STILL_SECRET(x);
    if (memcmp(tag.b, same.b, sizeof tag.b) != 0) abort();
}

/* The table of one contact: of K_B, which is public, and of P, which is not. */
static void multiples(void)
{
    for (int secret = 0; secret < 2; secret++) {
        struct sotto_scalar k, h;
        struct sotto_point q;
        struct sotto_base base;
        struct sotto_multiples *t;
        struct sotto_secret x, same;
        key_pair(&k, &q);
        sotto_scalar_random(&h, ct_rng());
        if (secret) ct_secret_point(&q);
        CT_OK(sotto_multiples_new(&t, &q, secret));
        while (!sotto_multiples_build(t, 8)) { }
        CT_OK(sotto_multiples_x(&x, t, &h));
        CT_STILL_SECRET(x);
        CT_OK(sotto_base_make(&base, &q));
        CT_OK(sotto_base_x(&same, &h, &base));
        if (!sotto_equal_ct(x.b, same.b, 32)) abort();
        sotto_multiples_free(t);
    }
}

static void ratchet(void)
{
    struct sotto_secret rk = secret_key(), ck, nhk, mk, master = secret_key(), hs;
    struct sotto_scalar k;
    struct sotto_point p;
    uint8_t mix[32] = { 0 };
    key_pair(&k, &p);
    CT_OK(sotto_root_step(&rk, &ck, &nhk, &rk, &k, &p, mix, &master));
    CT_STILL_SECRET(rk);
    sotto_chain_step(&mk, &ck);
    CT_STILL_SECRET(mk);
    CT_STILL_SECRET(ck);
    sotto_header_secret(&hs, &nhk, 1, 9);
    CT_STILL_SECRET(hs);
}

static void cell(void)
{
    struct sotto_body_key key = { .kbt_x = secret_key(), .mk = secret_key(), .s_x = secret_key(), .dir = 0, .index = 3 };
    struct sotto_secret hs = secret_key();
    struct sotto_tag tag = { { 1 } };
    uint8_t x[32], header[SOTTO_HEADER_BYTES], body[SOTTO_BODY_BYTES], sealed[SOTTO_CELL_BYTES];
    sotto_cell_draw_x(x, ct_rng());
    sotto_rng_fill(ct_rng(), header, sizeof header);
    sotto_rng_fill(ct_rng(), body, sizeof body);
    CT_OK(sotto_cell_seal(sealed, &tag, x, &hs, &key, header, body));
    CT_REVEAL(sealed, "it is sent");
    CT_OK(sotto_cell_open_header(header, sealed, &hs));
    CT_OK(sotto_cell_open_body(body, sealed, &key));
}

/* ---- sessions ---- */

struct side { struct sotto_session *s; struct sotto_scalar exchange; struct sotto_session_world world; };

static void hide(struct sotto_session_core *c)
{
    ct_secret_point(&c->p);
    CT_SECRET(c->rk);
    CT_SECRET(c->scalar);
    CT_SECRET(c->send_ck);
    CT_SECRET(c->send_hk);
    CT_SECRET(c->send_nhk);
    CT_SECRET(c->recv_ck);
    CT_SECRET(c->recv_hk);
    CT_SECRET(c->recv_nhk);
}

static void sides(struct side *i, struct side *r)
{
    struct sotto_point ki, kr, eph;
    struct sotto_scalar eph_k;
    struct sotto_session_start start = { .initiator = true, .own = { { 1 } }, .peer = { { 2 } }, .rk = secret_key(), .hk_i = secret_key(),
                                         .hk_r = secret_key() };
    memset(i, 0, sizeof *i);
    memset(r, 0, sizeof *r);
    key_pair(&i->exchange, &ki);
    key_pair(&r->exchange, &kr);
    key_pair(&eph_k, &eph);
    i->world = (struct sotto_session_world){ .rng = ct_rng(), .exchange = &i->exchange };
    r->world = (struct sotto_session_world){ .rng = ct_rng(), .exchange = &r->exchange };
    start.peer_xkey = kr;
    start.eph_r = eph;
    CT_OK(sotto_session_new(&i->s, &start, &i->exchange));
    start.initiator = false;
    start.own = (struct sotto_id){ { 2 } };
    start.peer = (struct sotto_id){ { 1 } };
    start.peer_xkey = ki;
    start.eph_r_scalar = eph_k;
    ct_public.points = true;              /* the public half of the one-time scalar: M2 told it */
    CT_OK(sotto_session_new(&r->s, &start, &r->exchange));
    ct_public.points = false;
    hide(&i->s->core);
    hide(&r->s->core);
}

static void send(struct side *from, uint8_t sealed[SOTTO_CELL_BYTES])
{
    uint8_t body[SOTTO_BODY_BYTES];
    sotto_rng_fill(ct_rng(), body, sizeof body);
    CT_OK(sotto_session_send(from->s, sealed, NULL, body, 0, NULL, &from->world));
    ct_reveal(sealed + 48, SOTTO_CELL_BYTES - 48, "it is sent");
}

static void receive(struct side *to, enum sotto_slot slot, uint32_t index, const uint8_t sealed[SOTTO_CELL_BYTES])
{
    static struct sotto_step step;
    struct sotto_hit hit = { slot, index };
    CT_OK(sotto_session_open(to->s, &step, &hit, sealed, &to->world, 1));
    CT_OK(sotto_session_commit(to->s, &step));
    sotto_session_drop(&step);
}

static void ahead(struct side *side, unsigned budget)
{
    while (sotto_session_prepare(side->s, &side->world, &budget) && budget) { }
}

static void session(void)
{
    struct side i, r;
    uint8_t cells[4][SOTTO_CELL_BYTES], forged[SOTTO_CELL_BYTES];
    static struct sotto_step step;
    sides(&i, &r);
    send(&i, cells[0]);
    ahead(&i, 100);                                      /* the others from values made before */
    for (int n = 1; n < 4; n++) send(&i, cells[n]);
    memcpy(forged, cells[0], sizeof forged);
    forged[1000] ^= 1;
    struct sotto_hit hit = { SOTTO_SLOT_NEXT, 0 };
    if (sotto_session_open(r.s, &step, &hit, forged, &r.world, 1) != SOTTO_ERR_AEAD) abort();
    receive(&r, SOTTO_SLOT_NEXT, 0, cells[0]);
    ahead(&r, 100);
    receive(&r, SOTTO_SLOT_CURRENT, 2, cells[2]);        /* 1 is skipped and kept */
    receive(&r, SOTTO_SLOT_SKIPPED, 1, cells[1]);
    send(&r, cells[0]);
    receive(&i, SOTTO_SLOT_NEXT, 0, cells[0]);
    send(&i, cells[1]);
    receive(&r, SOTTO_SLOT_CURRENT, 3, cells[3]);
    receive(&r, SOTTO_SLOT_NEXT, 0, cells[1]);
    struct sotto_tag tags[4];
    uint32_t indexes[4];
    if (sotto_session_ahead(r.s, tags, indexes, SOTTO_SLOT_CURRENT, 1, 4, &r.exchange) != 4) abort();
    CT_STILL_SECRET(r.s->core.rk);
    sotto_session_free(i.s);
    sotto_session_free(r.s);
}

/* Stored and loaded again: the scalars, points and keys of a row are checked without a look at what they are. */
static void stored(void)
{
    struct side i, r;
    uint8_t sealed[SOTTO_CELL_BYTES];
    sides(&i, &r);
    send(&i, sealed);
    receive(&r, SOTTO_SLOT_NEXT, 0, sealed);
    struct talk t = { .node = { .table = SOTTO_TABLE_SESSION }, .s = r.s, .next_seq = 1 }, again = { 0 };
    t.confirm = secret_key();
    struct sotto_buf row = sotto_buf_make(ROW_MAX);
    CT_OK(sotto_row_encode(&row, NULL, &t.node));
    ct_still_secret(row.data, row.size);
    CT_OK(sotto_talk_decode(&again, sotto_buf_span(&row)));
    CT_STILL_SECRET(again.s->core.rk);
    sotto_session_free(again.s);

    struct sotto_skipped e = { .hs = secret_key(), .mk = secret_key(), .index = 4, .chain = 1 }, same;
    struct sotto_point point;
    uint64_t talk_row;
    key_pair(&e.h, &point);
    row.size = 0;
    CT_OK(sotto_skipped_encode(&row, 7, &e));
    CT_OK(sotto_skipped_decode(&same, &talk_row, sotto_buf_span(&row)));
    CT_STILL_SECRET(same.h);
    sotto_buf_free(&row);
    sotto_session_free(i.s);
    sotto_session_free(r.s);
}

const struct ct_op ct_ops_conversation[] = {
    { "kdac", kdac }, { "multiples", multiples }, { "ratchet", ratchet }, { "cell", cell }, { "session", session }, { "session-row", stored }, { NULL, NULL },
};
