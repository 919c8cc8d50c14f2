/* One first contact, played up to a point, for the tests of M1 and M2. */
#ifndef SOTTO_IDENTITY_TEST_CONTACT_H
#define SOTTO_IDENTITY_TEST_CONTACT_H

#include "identity/test/people.h"

#include "identity/hello.h"

enum { BITS = 6 };

static struct sotto_chacha_rng chacha;
#define RNG (&chacha.rng)

struct contact {
    struct person i, r;
    struct sotto_secret mk;
    bool with_mk, is_short;
    struct sotto_scalar eph_i, eph_r;
    struct sotto_hello hello;             /* as I filled it */
    uint8_t m1[SOTTO_HELLO_SIZE], m2[SOTTO_HELLO_SIZE], b[32];
    size_t m1_size;
    uint64_t puzzle;
    struct sotto_hello_pending pending;
    struct sotto_hello_seen at_r, at_i;
    struct sotto_hello_keys keys_r, keys_i;
};

static inline uint64_t solve(const uint8_t b[32])
{
    uint64_t at = 0, solution = 0;
    assert_true(sotto_puzzle_search(&solution, &at, b, BITS, 1 << 20));
    return solution;
}

static inline void fill_hello(struct contact *c)
{
    struct sotto_hello *h = &c->hello;
    memset(h, 0, sizeof *h);
    h->flags = SOTTO_HELLO_RECORD;
    h->from = c->i.id;
    h->to = c->r.id;
    h->time_ms = NOW_MS;
    sotto_rng_fill(RNG, h->nonce, 32);
    sotto_rng_fill(RNG, h->share.b, 32);
    sotto_scalar_random(&c->eph_i, RNG);
    assert_int_equal(sotto_point_make(&h->eph, &c->eph_i), SOTTO_OK);
    sotto_mk_id(h->mk_id, c->with_mk ? &c->mk : NULL);
    h->scan = c->i.scan_pub;
    if (!c->is_short) h->cert = person_cert(&c->i);
    h->intro = sotto_span_str("Hello, it is me");
}

static inline void send_m1(struct contact *c)
{
    assert_int_equal(sotto_hello_m1_begin(c->m1, &c->m1_size, c->b, &c->hello), SOTTO_OK);
    c->puzzle = solve(c->b);
    memset(&c->pending, 0, sizeof c->pending);
    assert_int_equal(sotto_hello_m1_finish(c->m1, c->m1_size, c->pending.h1, c->puzzle, &c->i.identity), SOTTO_OK);
    c->pending.to = c->hello.to;
    c->pending.flags = c->hello.flags;
    c->pending.time_ms = c->hello.time_ms;
    memcpy(c->pending.nonce, c->hello.nonce, 32);
    c->pending.share = c->hello.share;
    c->pending.eph = c->eph_i;
    c->pending.has_mk = c->with_mk;
    c->pending.mk = c->mk;
}

static inline void start(struct contact *c, bool with_mk, bool is_short)
{
    memset(c, 0, sizeof *c);
    c->i = person_make(RNG);
    c->r = person_make(RNG);
    c->with_mk = with_mk;
    c->is_short = is_short;
    sotto_rng_fill(RNG, c->mk.b, 32);
    fill_hello(c);
    send_m1(c);
}

static inline struct sotto_hello_ctx ctx_of(const struct person *own)
{
    return (struct sotto_hello_ctx){ .own = own->id, .now_ms = NOW_MS + 5000, .puzzle_bits = BITS };
}

static inline enum sotto_err check_m1(struct contact *c)
{
    struct sotto_hello_ctx ctx = ctx_of(&c->r);
    struct sotto_ledger_status status = person_status(&c->i);
    if (c->is_short) ctx.status = &status;
    return sotto_hello_m1_check(&c->at_r, sotto_span(c->m1, c->m1_size), &ctx);
}

static inline struct sotto_hello_reply reply_of(struct contact *c, const struct person *r)
{
    struct sotto_hello_reply reply = { .flags = SOTTO_HELLO_RECORD, .eph = &c->eph_r, .identity = &r->identity, .exchange = &r->exchange,
                                       .mk = c->with_mk ? &c->mk : NULL, .height = 9, .scan = r->scan_pub, .cert = person_cert(r),
                                       .intro = sotto_span_str("Hi!") };
    sotto_scalar_random(&c->eph_r, RNG);
    sotto_rng_fill(RNG, reply.nonce, 32);
    sotto_rng_fill(RNG, reply.share.b, 32);
    return reply;
}

static inline void send_m2(struct contact *c)
{
    struct sotto_hello_reply reply = reply_of(c, &c->r);
    assert_int_equal(sotto_hello_m2_make(c->m2, &c->keys_r, &c->at_r, &reply), SOTTO_OK);
}

static inline enum sotto_err check_m2(struct contact *c)
{
    struct sotto_hello_ctx ctx = ctx_of(&c->i);
    return sotto_hello_m2_check(&c->at_i, &c->keys_i, SOTTO_SPAN(c->m2), &ctx, &c->pending, &c->i.exchange);
}

/* Puzzle and signature again after a field of M1 was changed by hand. */
static inline void redo_m1(struct contact *c, const struct sotto_scalar *signer)
{
    uint8_t b[32];
    uint8_t text[1024];
    size_t cert = sotto_be16(c->m1 + 270);
    memcpy(text, c->m1, 229);
    memcpy(text + 229, c->m1 + 237, 35);
    memcpy(text + 264, c->m1 + 274, cert);
    SOTTO_TH(b, "sotto/puzzle/1", sotto_span(text, 264 + cert));
    assert_int_equal(sotto_hello_m1_finish(c->m1, c->m1_size, NULL, solve(b), signer), SOTTO_OK);
}

#endif
