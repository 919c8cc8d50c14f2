/* People for the tests of this room: random keys, a certificate, and a way to sign what sotto_cert_make refuses. */
#ifndef SOTTO_IDENTITY_TEST_PEOPLE_H
#define SOTTO_IDENTITY_TEST_PEOPLE_H

#include "support/test.h"

#include "crypto/hash.h"
#include "crypto/rng.h"
#include "identity/link.h"

#define NOW_S 1767225600ull
#define NOW_MS (NOW_S * 1000)
#define DAY_S 86400ull

struct person {
    struct sotto_scalar identity, exchange, scan;
    struct sotto_point key, xkey, scan_pub;
    struct sotto_id id;
    struct sotto_cert cert;
    uint8_t bytes[SOTTO_CERT_MAX];
    size_t size;
};

/* The bytes of a certificate, signed by anybody, with no rule looked at. */
static inline void person_sign_any(uint8_t *bytes, size_t *size, struct sotto_cert *c, const struct sotto_scalar *signer)
{
    uint8_t digest[32];
    sotto_cert_digest(digest, c);
    assert_int_equal(sotto_sign(&c->sig, signer, digest), SOTTO_OK);
    memset(bytes, 0, SOTTO_CERT_MAX);
    bytes[0] = c->version;
    bytes[1] = c->kind;
    memcpy(bytes + 2, c->id.b, 20);
    memcpy(bytes + 22, c->key.b, 33);
    memcpy(bytes + 55, c->xkey.b, 33);
    sotto_put_le64(bytes + 88, c->not_before_s);
    sotto_put_le64(bytes + 96, c->not_after_s);
    sotto_put_le64(bytes + 104, c->chain_id);
    memcpy(bytes + 112, c->registry, 20);
    memcpy(bytes + 132, c->recovery, 32);
    bytes[164] = c->endpoint_size;
    memcpy(bytes + 165, c->endpoint, c->endpoint_size);
    memcpy(bytes + 165 + c->endpoint_size, c->sig.b, 65);
    *size = SOTTO_CERT_MIN + c->endpoint_size;
}

static inline struct sotto_span person_cert(const struct person *p) { return sotto_span(p->bytes, p->size); }

static inline struct person person_make(struct sotto_rng *rng)
{
    struct person p;
    memset(&p, 0, sizeof p);
    sotto_scalar_random(&p.identity, rng);
    sotto_scalar_random(&p.exchange, rng);
    sotto_scalar_random(&p.scan, rng);
    assert_int_equal(sotto_point_make(&p.key, &p.identity), SOTTO_OK);
    assert_int_equal(sotto_point_make(&p.xkey, &p.exchange), SOTTO_OK);
    assert_int_equal(sotto_point_make(&p.scan_pub, &p.scan), SOTTO_OK);
    assert_int_equal(sotto_id_of(&p.id, &p.key), SOTTO_OK);
    p.cert.version = 1;
    p.cert.id = p.id;
    p.cert.key = p.key;
    p.cert.xkey = p.xkey;
    p.cert.not_before_s = NOW_S - DAY_S;
    p.cert.not_after_s = NOW_S + 365 * DAY_S;
    struct sotto_buf b = sotto_buf_make(SOTTO_CERT_MAX);
    assert_int_equal(sotto_cert_make(&b, &p.cert, &p.identity), SOTTO_OK);
    memcpy(p.bytes, b.data, b.size);
    p.size = b.size;
    sotto_buf_free(&b);
    return p;
}

static inline struct sotto_ledger_status person_status(const struct person *p)
{
    struct sotto_ledger_status s = { .state = SOTTO_LEDGER_VALID, .owner = p->id, .xkey = p->xkey, .height = 7 };
    sotto_keccak256(s.cert_hash, person_cert(p));
    return s;
}

/* s -> n - s and the other v: the same signature in the form that is refused. */
static inline void person_high_s(uint8_t sig[65])
{
    static const uint8_t n[32] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
        0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
    };
    int borrow = 0;
    for (int i = 31; i >= 0; i--) {
        int d = n[i] - sig[32 + i] - borrow;
        borrow = d < 0;
        sig[32 + i] = (uint8_t)(d + 256 * borrow);
    }
    sig[64] = (uint8_t)(sig[64] == 27 ? 28 : 27);
}

#endif
