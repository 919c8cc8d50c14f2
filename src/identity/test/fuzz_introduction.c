/* A whole first contact from the fuzzer's choices: M1 made, checked, answered by M2, checked, both sides with the same keys. Then M1 and M2
 * with some of their bytes changed: refused, unless nothing that counts was changed. */
#include "support/fuzz_input.h"

#include "crypto/rng.h"
#include "identity/hello.h"

enum { BITS = 1, NOW_S = 1767225600 };

struct one { struct sotto_scalar identity, exchange; struct sotto_id id; struct sotto_point xkey; struct sotto_buf cert; };
static struct one people[2];

static void prepare(void)
{
    struct sotto_chacha_rng rng;
    SOTTO_ASSERT(sotto_crypto_init() == SOTTO_OK);
    sotto_rng_from_seed(&rng, 1, "fuzz");
    for (int i = 0; i < 2; i++) {
        struct one *p = &people[i];
        struct sotto_cert cert = { .version = 1, .not_before_s = NOW_S - 600, .not_after_s = NOW_S + 600 * 86400 };
        sotto_scalar_random(&p->identity, &rng.rng);
        sotto_scalar_random(&p->exchange, &rng.rng);
        SOTTO_ASSERT(sotto_point_make(&cert.key, &p->identity) == SOTTO_OK && sotto_point_make(&cert.xkey, &p->exchange) == SOTTO_OK);
        SOTTO_ASSERT(sotto_id_of(&cert.id, &cert.key) == SOTTO_OK);
        p->id = cert.id;
        p->xkey = cert.xkey;
        p->cert = sotto_buf_make(SOTTO_CERT_MAX);
        SOTTO_ASSERT(sotto_cert_make(&p->cert, &cert, &p->identity) == SOTTO_OK);
    }
}

static bool spoil(struct fuzz_in *in, uint8_t *pt, size_t size)
{
    bool changed = false;
    for (unsigned n = 1 + fuzz_u8(in) % 3; n; n--) {
        size_t at = fuzz_u16(in) % size;
        uint8_t by = fuzz_u8(in);
        pt[at] ^= by;
        changed |= by != 0;
    }
    return changed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (people[0].cert.size == 0) prepare();
    struct fuzz_in in = fuzz_in(data, size);
    struct sotto_chacha_rng rng;
    uint8_t how = fuzz_u8(&in), pt[SOTTO_HELLO_SIZE], pt2[SOTTO_HELLO_SIZE], b[32];
    size_t m1_size;
    sotto_rng_from_seed(&rng, how, "fuzz");
    struct sotto_secret mk = { { 9 } };
    struct sotto_scalar eph_i, eph_r;
    sotto_scalar_random(&eph_i, &rng.rng);
    sotto_scalar_random(&eph_r, &rng.rng);
    struct sotto_hello hello = { .flags = how & 3, .from = people[0].id, .to = people[1].id, .time_ms = NOW_S * 1000ull + fuzz_u8(&in), .height = fuzz_u8(&in) };
    struct sotto_hello_pending pending = { .to = hello.to, .flags = hello.flags, .time_ms = hello.time_ms, .eph = eph_i, .has_mk = how & 4, .mk = mk };
    SOTTO_ASSERT(sotto_point_make(&hello.eph, &eph_i) == SOTTO_OK);
    sotto_mk_id(hello.mk_id, how & 4 ? &mk : NULL);
    fuzz_fill(&in, hello.nonce, 32);
    fuzz_fill(&in, hello.share.b, 32);
    hello.nonce[0] |= 1, hello.share.b[0] |= 1;
    if (how & 8) hello.scan = people[0].xkey;
    if (!(how & 16)) hello.cert = sotto_buf_span(&people[0].cert);
    hello.intro = fuzz_span(&in, 700);

    enum sotto_err err = fuzz_err(sotto_hello_m1_begin(pt, &m1_size, b, &hello));
    if (err != SOTTO_OK) {
        SOTTO_ASSERT(err == SOTTO_ERR_RANGE);
        return 0;
    }
    uint64_t solution, at = 0;
    SOTTO_ASSERT(m1_size == (hello.cert.size ? SOTTO_HELLO_SIZE : SOTTO_HELLO_SHORT) && sotto_puzzle_search(&solution, &at, b, BITS, 1u << 20));
    SOTTO_ASSERT(sotto_hello_m1_finish(pt, m1_size, pending.h1, solution, &people[0].identity) == SOTTO_OK);
    memcpy(pending.nonce, hello.nonce, 32);
    pending.share = hello.share;

    struct sotto_ledger_status status = { .state = SOTTO_LEDGER_VALID, .owner = people[0].id, .xkey = people[0].xkey };
    struct sotto_hello_ctx at_r = { .own = people[1].id, .now_ms = hello.time_ms + 5000, .puzzle_bits = BITS };
    struct sotto_hello_ctx at_i = { .own = people[0].id, .now_ms = hello.time_ms + 9000, .puzzle_bits = BITS };
    if (hello.cert.size == 0) at_r.status = &status;
    struct sotto_hello_seen m1, m2;
    struct sotto_hello_keys keys_r, keys_i;
    SOTTO_ASSERT(sotto_hello_m1_check(&m1, sotto_span(pt, m1_size), &at_r) == SOTTO_OK && sotto_span_equal(m1.hello.intro, hello.intro));
    SOTTO_ASSERT(memcmp(m1.h1, pending.h1, 32) == 0 && sotto_hello_strength(pt) >= BITS);

    struct sotto_hello_reply reply = { .flags = how & hello.flags & SOTTO_HELLO_RECORD, .eph = &eph_r, .identity = &people[1].identity, .exchange = &people[1].exchange,
                                       .mk = how & 4 ? &mk : NULL, .height = 9, .cert = sotto_buf_span(&people[1].cert), .intro = sotto_span_str("Hi!") };
    sotto_rng_fill(&rng.rng, reply.nonce, 32);
    sotto_rng_fill(&rng.rng, reply.share.b, 32);
    SOTTO_ASSERT(sotto_hello_m2_make(pt2, &keys_r, &m1, &reply) == SOTTO_OK);
    SOTTO_ASSERT(sotto_hello_m2_check(&m2, &keys_i, SOTTO_SPAN(pt2), &at_i, &pending, &people[0].exchange) == SOTTO_OK);
    SOTTO_ASSERT(memcmp(&keys_i.rk, &keys_r.rk, 32) == 0 && memcmp(keys_i.c2, keys_r.c2, 32) == 0 && memcmp(keys_i.confirm_i, keys_r.confirm_i, 32) == 0 &&
                 memcmp(&keys_i.hk_i, &keys_r.hk_i, 32) == 0 && memcmp(&keys_i.hk_r, &keys_r.hk_r, 32) == 0 && memcmp(&keys_i.p, &keys_r.p, 33) == 0);

    uint8_t whole[SOTTO_HELLO_SIZE];
    memcpy(whole, pt, m1_size);
    if (spoil(&in, pt, m1_size) && fuzz_err(sotto_hello_m1_check(&m1, sotto_span(pt, m1_size), &at_r)) == SOTTO_OK) {
        /* The introduction and its padding are not signed; of all else not a byte may differ. */
        struct sotto_hello seen = m1.hello;
        SOTTO_ASSERT(sotto_id_equal(&seen.from, &hello.from) && sotto_id_equal(&seen.to, &hello.to) && seen.time_ms == hello.time_ms && seen.flags == hello.flags);
        SOTTO_ASSERT(memcmp(seen.nonce, hello.nonce, 32) == 0 && memcmp(&seen.share, &hello.share, 32) == 0 && memcmp(&seen.eph, &hello.eph, 33) == 0);
        SOTTO_ASSERT(sotto_span_equal(seen.cert, hello.cert));
    }
    memcpy(whole, pt2, sizeof whole);
    if (spoil(&in, pt2, sizeof pt2) && fuzz_err(sotto_hello_m2_check(&m2, &keys_i, SOTTO_SPAN(pt2), &at_i, &pending, &people[0].exchange)) == SOTTO_OK)
        SOTTO_ASSERT(memcmp(&keys_i.rk, &keys_r.rk, 32) == 0 && memcmp(pt2, whole, 272) == 0);
    return 0;
}
