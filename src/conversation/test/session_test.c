/* KDAC, ratchet, cell, content, window, tag table and sessions by themselves. */
#include "support/test.h"

#include "conversation/tags.h"
#include "crypto/hash.h"
#include "crypto/rng.h"

#define OK(expr) assert_int_equal((expr), SOTTO_OK)

struct end { struct sotto_scalar k; struct sotto_point pub; struct sotto_id id; struct sotto_session *s; struct sotto_session_world world; };
struct pair { struct sotto_chacha_rng rng; struct end at[2]; struct sotto_block block; uint32_t seq; };

static const struct sotto_block *block_of(void *ctx, uint64_t height)
{
    struct pair *p = ctx;
    return p->block.height == height ? &p->block : NULL;
}

static void pair_make(struct pair *p, uint64_t seed)
{
    memset(p, 0, sizeof *p);
    OK(sotto_crypto_init());
    sotto_rng_from_seed(&p->rng, seed, "session");
    struct sotto_session_start start = { .initiator = true };
    struct sotto_scalar eph;
    sotto_scalar_random(&eph, &p->rng.rng);
    OK(sotto_point_make(&start.eph_r, &eph));
    sotto_rng_fill(&p->rng.rng, start.rk.b, 32);
    sotto_rng_fill(&p->rng.rng, start.hk_i.b, 32);
    sotto_rng_fill(&p->rng.rng, start.hk_r.b, 32);
    sotto_rng_fill(&p->rng.rng, start.c2, 32);
    start.eph_r_scalar = eph;
    for (int i = 0; i < 2; i++) {
        struct end *e = &p->at[i];
        sotto_scalar_random(&e->k, &p->rng.rng);
        OK(sotto_point_make(&e->pub, &e->k));
        OK(sotto_id_of(&e->id, &e->pub));
        e->world = (struct sotto_session_world){ .rng = &p->rng.rng, .exchange = &e->k, .ctx = p, .block = block_of };
    }
    for (int i = 0; i < 2; i++) {
        start.initiator = i == 0;
        start.own = p->at[i].id;
        start.peer = p->at[1 - i].id;
        start.peer_xkey = p->at[1 - i].pub;
        OK(sotto_session_new(&p->at[i].s, &start, &p->at[i].k));
    }
}

static void pair_free(struct pair *p)
{
    sotto_session_free(p->at[0].s);
    sotto_session_free(p->at[1].s);
}

static void say(struct pair *p, int who, uint8_t sealed[SOTTO_CELL_BYTES])
{
    uint8_t body[SOTTO_BODY_BYTES];
    struct sotto_body b = { .type = SOTTO_CONTENT_TEXT, .seq = ++p->seq, .time_ms = 1, .fragments = 1, .payload = sotto_span_str("hello") };
    sotto_body_encode(body, &b);
    OK(sotto_session_send(p->at[who].s, sealed, NULL, body, 0, NULL, &p->at[who].world));
}

static enum sotto_err hear_wide(struct pair *p, int who, const uint8_t sealed[SOTTO_CELL_BYTES], uint32_t window)
{
    struct sotto_hit hit;
    struct sotto_step step;
    struct sotto_tag tag;
    memcpy(tag.b, sealed, sizeof tag.b);
    if (!sotto_session_find(p->at[who].s, &hit, &tag, window, &p->at[who].k)) return SOTTO_ERR_NOT_MINE;
    enum sotto_err err = sotto_session_open(p->at[who].s, &step, &hit, sealed, &p->at[who].world, 1000);
    if (err == SOTTO_OK) err = sotto_session_commit(p->at[who].s, &step);
    sotto_session_drop(&step);
    return err;
}
static enum sotto_err hear(struct pair *p, int who, const uint8_t sealed[SOTTO_CELL_BYTES]) { return hear_wide(p, who, sealed, SOTTO_AHEAD_MIN); }

static void digest(const struct sotto_session *s, uint8_t out[32])
{
    SOTTO_TH(out, "test", sotto_span(&s->core, sizeof s->core), sotto_span(s->skipped, s->skipped_count * sizeof *s->skipped));
}

/* ---- KDAC ---- */

/* h*P = k_A*K_Bt = k_B*K_At, k_Bt*G = K_Bt, for random keys: K-19, K-24, K-25. */
static void test_kdac_agrees(void **state)
{
    (void)state;
    struct sotto_chacha_rng rng;
    OK(sotto_crypto_init());
    sotto_rng_from_seed(&rng, test_seed(), "kdac");
    for (int i = 0; i < 300; i++) {
        struct sotto_scalar ka, kb, h, kbt;
        struct sotto_point a, b, p, q, kbt_point, kat_point, s1, s2, s3, made;
        struct sotto_secret hk, x;
        struct sotto_tag one, two;
        sotto_scalar_random(&ka, &rng.rng);
        sotto_scalar_random(&kb, &rng.rng);
        sotto_rng_fill(&rng.rng, hk.b, 32);
        uint32_t index = (uint32_t)sotto_rng_below(&rng.rng, SOTTO_CHAIN_END);
        OK(sotto_point_make(&a, &ka));
        OK(sotto_point_make(&b, &kb));
        OK(sotto_kdac_shared(&p, &ka, &b));
        OK(sotto_kdac_shared(&q, &kb, &a));
        assert_memory_equal(p.b, q.b, 33);
        OK(sotto_kdac_h(&h, &hk, (uint8_t)(i & 1), index));
        OK(sotto_kdac_point(&kbt_point, &h, &b));
        OK(sotto_kdac_point(&kat_point, &h, &a));
        OK(sotto_kdac_private(&kbt, &h, &kb));
        OK(sotto_point_make(&made, &kbt));
        assert_memory_equal(made.b, kbt_point.b, 33);
        OK(sotto_kdac_point(&s1, &h, &p));
        OK(sotto_kdac_shared(&s2, &ka, &kbt_point));
        OK(sotto_kdac_shared(&s3, &kb, &kat_point));
        assert_memory_equal(s1.b, s2.b, 33);
        assert_memory_equal(s1.b, s3.b, 33);
        memcpy(x.b, kbt_point.b + 1, 32);
        sotto_kdac_tag(&one, &x);
        OK(sotto_kdac_ahead(&two, NULL, NULL, &hk, (uint8_t)(i & 1), index, &kb));
        assert_memory_equal(one.b, two.b, sizeof one.b);
    }
}

/* K-29, K-30: a thousand messages, a thousand addresses and keys; also two in one millisecond. */
static int by_bytes(const void *a, const void *b) { return memcmp(a, b, 32); }
static void test_thousand_addresses(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    struct pair p;
    pair_make(&p, test_seed());
    uint8_t (*tags)[32] = calloc(COUNT, 32), (*keys)[32] = calloc(COUNT, 32), (*xs)[32] = calloc(COUNT, 32);
    assert_true(tags && keys && xs);
    for (int i = 0; i < COUNT; i++) {
        uint8_t sealed[SOTTO_CELL_BYTES];
        say(&p, 0, sealed);
        struct sotto_secret ck = p.at[0].s->core.send_ck;
        memcpy(tags[i], sealed, 16);
        memcpy(xs[i], sealed + 16, 32);
        memcpy(keys[i], ck.b, 32);                    /* the chain key after it: all message keys hang on these */
        OK(hear(&p, 1, sealed));
        if (i % 100 == 99) {
            say(&p, 1, sealed);
            OK(hear(&p, 0, sealed));
        }
    }
    qsort(tags, COUNT, 32, by_bytes), qsort(keys, COUNT, 32, by_bytes), qsort(xs, COUNT, 32, by_bytes);
    for (int i = 1; i < COUNT; i++) {
        assert_memory_not_equal(tags[i - 1], tags[i], 16);
        assert_memory_not_equal(keys[i - 1], keys[i], 32);
        assert_memory_not_equal(xs[i - 1], xs[i], 32);
    }
    free(tags), free(keys), free(xs);
    pair_free(&p);
}

/* ---- Sessions ---- */

static void test_turns_and_order(void **state)
{
    (void)state;
    struct pair p;
    uint8_t cells[40][SOTTO_CELL_BYTES], other[SOTTO_CELL_BYTES];
    pair_make(&p, test_seed());
    assert_false(sotto_session_can_send(p.at[1].s));
    assert_int_equal(sotto_session_send(p.at[1].s, other, NULL, cells[0], 0, NULL, &p.at[1].world), SOTTO_ERR_STATE);
    for (int round = 0; round < 20; round++) {
        int who = round & 1, count = 1 + (int)sotto_rng_below(&p.rng.rng, 8);
        int order[8];
        for (int i = 0; i < count; i++) {
            say(&p, who, cells[i]);
            order[i] = i;
        }
        for (int i = count - 1; i > 0; i--) {
            int k = (int)sotto_rng_below(&p.rng.rng, (uint64_t)i + 1), t = order[i];
            order[i] = order[k], order[k] = t;
        }
        for (int i = 0; i < count; i++) {
            OK(hear(&p, 1 - who, cells[order[i]]));
            assert_int_equal(hear(&p, 1 - who, cells[order[i]]), SOTTO_ERR_NOT_MINE);      /* used once, gone (K-31) */
        }
        assert_int_equal(p.at[1 - who].s->skipped_count, 0);
    }
    pair_free(&p);
}

/* Random play with loss: both ends stay in step, whatever of a chain was lost. */
static void test_random_play(void **state)
{
    (void)state;
    for (uint64_t run = 0; run < 5; run++) {
        struct pair p;
        pair_make(&p, test_seed() + run);
        uint8_t first[SOTTO_CELL_BYTES];
        say(&p, 0, first);
        OK(hear(&p, 1, first));
        for (int i = 0; i < 300; i++) {
            int who = (int)sotto_rng_below(&p.rng.rng, 2);
            uint8_t cell[SOTTO_CELL_BYTES];
            if (!sotto_session_can_send(p.at[who].s)) continue;
            say(&p, who, cell);
            if (sotto_rng_below(&p.rng.rng, 100) < 25) continue;
            OK(hear_wide(&p, 1 - who, cell, 64));
        }
        assert_true(p.at[0].s->skipped_count + p.at[1].s->skipped_count > 0);
        pair_free(&p);
    }
}

/* Every single bit of a cell matters, and a refused one changes nothing. */
static void test_flipped_bits(void **state)
{
    (void)state;
    struct pair p;
    uint8_t cell[SOTTO_CELL_BYTES], skipped[SOTTO_CELL_BYTES], before[32], after[32];
    pair_make(&p, test_seed());
    say(&p, 0, skipped);
    say(&p, 0, cell);
    OK(hear(&p, 1, cell));
    say(&p, 0, cell);
    const uint8_t *both[] = { cell, skipped };
    digest(p.at[1].s, before);
    for (int k = 0; k < 2; k++)
        for (size_t bit = 0; bit < 8 * SOTTO_CELL_BYTES; bit += 1 + (size_t)sotto_rng_below(&p.rng.rng, 7)) {
            uint8_t bad[SOTTO_CELL_BYTES];
            memcpy(bad, both[k], sizeof bad);
            bad[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            assert_int_equal(hear(&p, 1, bad), bit < 128 ? SOTTO_ERR_NOT_MINE : SOTTO_ERR_AEAD);
            digest(p.at[1].s, after);
            assert_memory_equal(before, after, 32);
        }
    OK(hear(&p, 1, cell));
    OK(hear(&p, 1, skipped));
    pair_free(&p);
}

/* A cell with any header, sealed as its owner would: what only an authentic but wrong sender can make. */
static void forge(struct pair *p, uint8_t sealed[SOTTO_CELL_BYTES], uint32_t at, const uint8_t header[SOTTO_HEADER_BYTES])
{
    struct end *e = &p->at[0];
    struct sotto_session_core *c = &e->s->core;
    struct sotto_body_key key = { .dir = 0, .index = at, .from = c->own, .to = c->peer };
    struct sotto_secret hs;
    struct sotto_scalar h;
    struct sotto_tag tag;
    uint8_t x[32], body[SOTTO_BODY_BYTES] = { 0 };
    OK(sotto_kdac_h(&h, &c->send_hk, 0, at));
    OK(sotto_kdac_x(&key.kbt_x, &h, &c->peer_xkey));
    OK(sotto_kdac_x(&key.s_x, &h, &c->p));
    sotto_kdac_tag(&tag, &key.kbt_x);
    sotto_header_secret(&hs, &c->send_hk, 0, at);
    sotto_cell_draw_x(x, &p->rng.rng);
    OK(sotto_cell_seal(sealed, &tag, x, &hs, &key, header, body));
}

static void test_header_refusals(void **state)
{
    (void)state;
    struct pair p;
    uint8_t cell[SOTTO_CELL_BYTES], before[32], after[32], plain[SOTTO_HEADER_BYTES];
    pair_make(&p, test_seed());
    say(&p, 0, cell);
    OK(hear(&p, 1, cell));
    struct sotto_session_core *c = &p.at[0].s->core;
    struct sotto_header good = { .point = c->point, .pn = c->pn, .index = c->ns, .height = 0 }, h;
    digest(p.at[1].s, before);
#define REFUSED(change, want)                                                                      \
    do {                                                                                           \
        h = good;                                                                                  \
        sotto_header_encode(plain, &h);                                                            \
        change;                                                                                    \
        forge(&p, cell, c->ns, plain);                                                             \
        assert_int_equal(hear(&p, 1, cell), want);                                                 \
        digest(p.at[1].s, after);                                                                  \
        assert_memory_equal(before, after, 32);                                                    \
    } while (0)
    REFUSED(plain[0] = 2, SOTTO_ERR_HEADER_FORM);
    REFUSED(plain[1] = 2, SOTTO_ERR_HEADER_FORM);
    REFUSED(plain[71] = 1, SOTTO_ERR_HEADER_FORM);
    REFUSED(plain[67] = 1, SOTTO_ERR_HEADER_FORM);
    REFUSED((h.index++, sotto_header_encode(plain, &h)), SOTTO_ERR_HEADER_INDEX);
    REFUSED((h.pn++, sotto_header_encode(plain, &h)), SOTTO_ERR_HEADER_CHAIN);
    REFUSED((h.point = p.at[0].pub, sotto_header_encode(plain, &h)), SOTTO_ERR_HEADER_CHAIN);
    REFUSED((h.height = 7, sotto_header_encode(plain, &h)), SOTTO_ERR_HEADER_CHAIN);
    REFUSED((h.block8[7] = 7, sotto_header_encode(plain, &h)), SOTTO_ERR_HEADER_CHAIN);
    REFUSED((h.mk8[0] = 7, sotto_header_encode(plain, &h)), SOTTO_ERR_HEADER_CHAIN);
    REFUSED((void)0, SOTTO_ERR_AEAD);                 /* right header, but a body under another key */

    /* The next chain: Bob answers, Alice steps. */
    say(&p, 1, cell);
    OK(hear(&p, 0, cell));
    say(&p, 0, cell);                                 /* makes her new chain; kept back */
    c = &p.at[0].s->core;
    good = (struct sotto_header){ .point = c->point, .pn = c->pn, .index = 1 };
    assert_int_equal(c->pn, 1);
    digest(p.at[1].s, before);
#undef REFUSED
#define REFUSED(change, want)                                                                      \
    do {                                                                                           \
        h = good;                                                                                  \
        change;                                                                                    \
        sotto_header_encode(plain, &h);                                                            \
        uint8_t forged[SOTTO_CELL_BYTES];                                                          \
        forge(&p, forged, 1, plain);                                                               \
        assert_int_equal(hear(&p, 1, forged), want);                                               \
        digest(p.at[1].s, after);                                                                  \
        assert_memory_equal(before, after, 32);                                                    \
    } while (0)
    REFUSED(h.pn = 0, SOTTO_ERR_HEADER_CHAIN);
    REFUSED(h.pn = SOTTO_CHAIN_END + 1, SOTTO_ERR_HEADER_CHAIN);
    REFUSED(h.point = p.at[1].s->core.peer_point, SOTTO_ERR_HEADER_KEY);
    REFUSED(memset(h.point.b, 0xff, 33), SOTTO_ERR_HEADER_KEY);
    REFUSED(h.block8[0] = 1, SOTTO_ERR_HEADER_BLOCK);
    REFUSED(h.height = 9, SOTTO_ERR_AGAIN);
    p.block = (struct sotto_block){ .chain = 1, .height = 9, .id = { 1, 2, 3 }, .id_size = 64 };
    REFUSED((h.height = 9, h.block8[0] = 9), SOTTO_ERR_HEADER_BLOCK);
    REFUSED(h.mk8[0] = 1, SOTTO_ERR_AGAIN);
    REFUSED(h.pn = SOTTO_SKIP_MAX + 2, SOTTO_ERR_SKIP);
    REFUSED((void)0, SOTTO_ERR_AEAD);
    OK(hear(&p, 1, cell));
#undef REFUSED
    pair_free(&p);
}

static void test_far_ahead(void **state)
{
    (void)state;
    struct pair p;
    uint8_t cell[SOTTO_CELL_BYTES];
    pair_make(&p, test_seed());
    say(&p, 0, cell);
    OK(hear(&p, 1, cell));
    for (unsigned i = 0; i < 9; i++) say(&p, 0, cell);
    assert_int_equal(hear(&p, 1, cell), SOTTO_ERR_NOT_MINE);             /* eight ahead and no more */
    OK(hear_wide(&p, 1, cell, 9));
    assert_int_equal(p.at[1].s->skipped_count, 8);
    for (unsigned i = 0; i < SOTTO_SKIP_MAX + 2; i++) say(&p, 0, cell);
    assert_int_equal(hear_wide(&p, 1, cell, SOTTO_SKIP_MAX + 8), SOTTO_ERR_SKIP);
    assert_int_equal(p.at[1].s->skipped_count, 8);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(sotto_session_window(p.at[1].s), p.at[1].s->core.recv_arrived >= 4 ? 32 : 8);
        p.at[1].s->core.recv_arrived++;
    }
    pair_free(&p);
}

static void test_chain_end(void **state)
{
    (void)state;
    struct pair p;
    uint8_t cell[SOTTO_CELL_BYTES], body[SOTTO_BODY_BYTES] = { 0 }, before[32], after[32];
    pair_make(&p, test_seed());
    say(&p, 0, cell);
    OK(hear(&p, 1, cell));
    p.at[0].s->core.ns = SOTTO_CHAIN_END - 1;
    say(&p, 0, cell);
    assert_false(sotto_session_can_send(p.at[0].s));
    digest(p.at[0].s, before);
    assert_int_equal(sotto_session_send(p.at[0].s, cell, NULL, body, 0, NULL, &p.at[0].world), SOTTO_ERR_CHAIN_END);
    digest(p.at[0].s, after);
    assert_memory_equal(before, after, 32);
    say(&p, 1, cell);                                 /* an answer makes a new chain possible */
    OK(hear(&p, 0, cell));
    assert_true(sotto_session_can_send(p.at[0].s));
    pair_free(&p);
}

/* One clean round trip and a thief of the state is out: the old keys open nothing any more. */
static void test_healing(void **state)
{
    (void)state;
    struct pair p;
    uint8_t cell[SOTTO_CELL_BYTES];
    pair_make(&p, test_seed());
    say(&p, 0, cell);
    OK(hear(&p, 1, cell));
    struct sotto_session *stolen;
    OK(sotto_session_restore(&stolen, &p.at[1].s->core));
    for (int i = 0; i < 2; i++) {
        say(&p, 1, cell);
        OK(hear(&p, 0, cell));
        say(&p, 0, cell);
        OK(hear(&p, 1, cell));
    }
    say(&p, 0, cell);
    struct sotto_session *own = p.at[1].s;
    p.at[1].s = stolen;
    assert_int_equal(hear_wide(&p, 1, cell, 64), SOTTO_ERR_NOT_MINE);
    p.at[1].s = own;
    OK(hear(&p, 1, cell));
    sotto_session_free(stolen);
    pair_free(&p);
}

/* S and MK guard a body together: whoever has the whole ratchet state but not P, or P but not MK, opens nothing; nor does
 * another pair of people under the same keys (4.3, 4.4). */
static void test_both_secrets_needed(void **state)
{
    (void)state;
    struct pair p;
    uint8_t cell[SOTTO_CELL_BYTES], body[SOTTO_BODY_BYTES];
    pair_make(&p, test_seed());
    say(&p, 0, cell);
    OK(hear(&p, 1, cell));
    struct sotto_session_core stolen = p.at[1].s->core;
    say(&p, 0, cell);
    struct sotto_body_key key = { .dir = 0, .index = 1, .from = p.at[0].id, .to = p.at[1].id };
    struct sotto_scalar h, random;
    struct sotto_tag tag;
    OK(sotto_kdac_h(&h, &stolen.recv_hk, 0, 1));
    OK(sotto_kdac_x(&key.kbt_x, &h, &p.at[1].pub));   /* K_Bt needs public keys and HK only */
    sotto_kdac_tag(&tag, &key.kbt_x);
    assert_memory_equal(tag.b, cell, sizeof tag.b);
    OK(sotto_kdac_x(&key.s_x, &h, &stolen.p));
    sotto_chain_step(&key.mk, &stolen.recv_ck);
    OK(sotto_cell_open_body(body, cell, &key));
    struct sotto_body_key bad = key;
    sotto_scalar_random(&random, &p.rng.rng);
    OK(sotto_kdac_x(&bad.s_x, &random, &p.at[0].pub));
    assert_int_equal(sotto_cell_open_body(body, cell, &bad), SOTTO_ERR_AEAD);
    bad = key;
    sotto_chain_step(&bad.mk, &stolen.recv_ck);       /* the next key of the chain */
    assert_int_equal(sotto_cell_open_body(body, cell, &bad), SOTTO_ERR_AEAD);
    bad = key;
    bad.from = p.at[1].id;
    assert_int_equal(sotto_cell_open_body(body, cell, &bad), SOTTO_ERR_AEAD);
    bad = key;
    bad.dir = 1;
    assert_int_equal(sotto_cell_open_body(body, cell, &bad), SOTTO_ERR_AEAD);
    bad = key;
    bad.index = 2;
    assert_int_equal(sotto_cell_open_body(body, cell, &bad), SOTTO_ERR_AEAD);
    SOTTO_WIPE(stolen);
    pair_free(&p);
}

/* ---- Content ---- */

static void test_content(void **state)
{
    (void)state;
    uint8_t good[SOTTO_BODY_BYTES], bad[SOTTO_BODY_BYTES];
    struct sotto_body b = { .type = SOTTO_CONTENT_TEXT, .seq = 5, .time_ms = 99, .ack = 1, .ackbits = 2, .read = 3, .fragment = 1, .fragments = 3,
                            .payload = sotto_span_str("words") }, got;
    sotto_body_encode(good, &b);
    OK(sotto_body_decode(&got, good));
    assert_int_equal(got.type, b.type);
    assert_int_equal(got.seq, 5);
    assert_int_equal(got.time_ms, 99);
    assert_int_equal(got.ackbits, 2);
    assert_int_equal(got.fragment, 1);
    assert_int_equal(got.fragments, 3);
    assert_true(sotto_span_equal(got.payload, b.payload));
    static const struct { size_t at; uint8_t value; } wrong[] = {
        { 1, 4 }, { 1, 0x80 }, { 2, 0x04 }, { 3, 4 }, { 28, 3 }, { 29, 0 }, { 29, 17 }, { 29, 1 }, { 30, 1 }, { 31, 1 }, { 37, 1 }, { 875, 1 },
        { 7, 0 }, { 15, 0 }, { 0, SOTTO_CONTENT_EMPTY }, { 0, SOTTO_CONTENT_TYPING }, { 0, SOTTO_CONTENT_READ },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        memcpy(bad, good, sizeof bad);
        bad[wrong[i].at] = wrong[i].value;
        assert_int_equal(sotto_body_decode(&got, bad), SOTTO_ERR_CONTENT_FORM);
    }
    memcpy(bad, good, sizeof bad);
    bad[0] = 0x77;                                    /* unknown types are kept */
    OK(sotto_body_decode(&got, bad));
    b.flags = SOTTO_BODY_RESENT, b.fragment = 0, b.fragments = 1;
    sotto_body_encode(bad, &b);
    assert_int_equal(sotto_body_decode(&got, bad), SOTTO_ERR_CONTENT_FORM);                  /* no room for the id it begins with */
    assert_int_equal(sotto_fragments(0), 1);
    assert_int_equal(sotto_fragments(844), 1);
    assert_int_equal(sotto_fragments(845), 2);
    assert_int_equal(sotto_fragments(SOTTO_MESSAGE_MAX), 16);
    assert_int_equal(sotto_fragments(SOTTO_MESSAGE_MAX + 1), 0);
}

/* The window against a plain array. */
static void test_window(void **state)
{
    (void)state;
    struct sotto_chacha_rng rng;
    OK(sotto_crypto_init());
    sotto_rng_from_seed(&rng, test_seed(), "window");
    struct sotto_window w = { 0 };
    static bool have[6000];
    memset(have, 0, sizeof have);
    for (int i = 0; i < 6000; i++) {
        uint32_t seq = w.ack + 1 + (uint32_t)sotto_rng_below(&rng.rng, 60);
        if (seq >= 5900) break;
        assert_true(sotto_window_fits(&w, seq));
        sotto_window_add(&w, seq);
        have[seq] = true;
        assert_true(have[w.ack + 1] == false);
        uint32_t bits = sotto_window_ackbits(&w);
        for (uint32_t k = 1; k < w.ack + 40 && k < 6000; k++) {
            bool want = have[k];
            if (k <= w.ack) assert_true(want);
            if (k > w.ack + 80 || k + 80 < w.ack) continue;
            assert_int_equal(sotto_window_has(&w, k), want);
            if (k <= w.ack + 33) assert_int_equal(sotto_ack_covers(w.ack, bits, k), want);
        }
    }
    assert_true(w.ack > 100);
    assert_false(sotto_window_fits(&w, 0));
    assert_false(sotto_window_fits(&w, w.ack + SOTTO_WINDOW_BITS + 1));
    assert_true(sotto_window_fits(&w, w.ack + SOTTO_WINDOW_BITS));
    assert_false(sotto_ack_covers(UINT32_MAX, UINT32_MAX, 0));
    assert_false(sotto_ack_covers(3, UINT32_MAX, 4));
}

/* The table against a list. */
static void test_tags(void **state)
{
    (void)state;
    enum { MAX = 3000 };
    struct sotto_chacha_rng rng;
    struct sotto_tags *t;
    static struct { struct sotto_tag tag; int owner; bool in; } list[MAX];
    static int owners[4];
    OK(sotto_crypto_init());
    sotto_rng_from_seed(&rng, test_seed(), "tags");
    OK(sotto_tags_new(&t, MAX / 2));
    uint32_t count = 0;
    memset(list, 0, sizeof list);
    for (int i = 0; i < MAX; i++) {
        sotto_rng_fill(&rng.rng, list[i].tag.b, 16);
        if (i % 100 == 0) memset(list[i].tag.b, 0xff, 8);                /* runs that wrap round the end */
    }
    for (int step = 0; step < 20000; step++) {
        int i = (int)sotto_rng_below(&rng.rng, MAX);
        if (!list[i].in && sotto_rng_below(&rng.rng, 3)) {
            list[i].owner = (int)sotto_rng_below(&rng.rng, 4);
            enum sotto_err err = sotto_tags_add(t, &list[i].tag, &(struct sotto_tag_place){ &owners[list[i].owner], { SOTTO_SLOT_NEXT, (uint32_t)i } });
            assert_int_equal(err, count == MAX / 2 ? SOTTO_ERR_FULL : SOTTO_OK);
            if (err == SOTTO_OK) list[i].in = true, count++;
        } else if (list[i].in) {
            assert_int_equal(sotto_tags_add(t, &list[i].tag, &(struct sotto_tag_place){ &owners[0], { 0, 0 } }), count == MAX / 2 ? SOTTO_ERR_FULL : SOTTO_ERR_EXISTS);
            sotto_tags_remove(t, &list[i].tag);
            list[i].in = false, count--;
        }
        if (step % 5000 == 4999) {
            int gone = (int)sotto_rng_below(&rng.rng, 4);
            sotto_tags_remove_owner(t, &owners[gone]);
            for (int k = 0; k < MAX; k++)
                if (list[k].in && list[k].owner == gone) list[k].in = false, count--;
        }
        assert_int_equal(sotto_tags_count(t), count);
        for (int k = 0; k < 20; k++) {
            int j = (int)sotto_rng_below(&rng.rng, MAX);
            struct sotto_tag_place place;
            assert_int_equal(sotto_tags_find(t, &place, &list[j].tag), list[j].in);
            if (list[j].in) assert_true(place.owner == &owners[list[j].owner] && place.hit.index == (uint32_t)j);
        }
    }
    sotto_tags_free(t);
}

/* Tags chosen to crowd at one place: refused after a bounded run, the table stays small, and all the others go on working. */
static void test_crowded_tags(void **state)
{
    (void)state;
    enum { CROWD = 500, OTHERS = 1000 };
    struct sotto_chacha_rng rng;
    struct sotto_tags *t;
    static struct sotto_tag crowd[CROWD], others[OTHERS];
    static bool in[CROWD];
    int owner;
    struct sotto_tag_place place = { &owner, { SOTTO_SLOT_CURRENT, 0 } }, found;
    OK(sotto_crypto_init());
    sotto_rng_from_seed(&rng, test_seed(), "crowded tags");
    OK(sotto_tags_new(&t, 1u << 20));
    uint32_t taken = 0;
    for (int i = 0; i < OTHERS; i++) {
        sotto_rng_fill(&rng.rng, others[i].b, 16);
        if (sotto_be32(others[i].b + 4) == 0) others[i].b[4] = 1;
        OK(sotto_tags_add(t, &others[i], &place));
    }
    for (int i = 0; i < CROWD; i++) {
        sotto_rng_fill(&rng.rng, crowd[i].b, 16);
        memset(crowd[i].b + 4, 0, 4);
        enum sotto_err err = sotto_tags_add(t, &crowd[i], &place);
        in[i] = err == SOTTO_OK;
        taken += in[i];
        assert_true(err == SOTTO_OK || err == SOTTO_ERR_FULL);
    }
    assert_true(taken >= 32 && taken <= 64);
    assert_int_equal(sotto_tags_count(t), OTHERS + taken);
    for (int i = 0; i < OTHERS; i++) assert_true(sotto_tags_find(t, &found, &others[i]));
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(sotto_tags_find(t, &found, &crowd[i]), in[i]);
        sotto_tags_remove(t, &crowd[i]);
    }
    for (int i = 0; i < OTHERS; i++) assert_true(sotto_tags_find(t, &found, &others[i]));
    assert_int_equal(sotto_tags_count(t), OTHERS);
    sotto_tags_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kdac_agrees), cmocka_unit_test(test_thousand_addresses), cmocka_unit_test(test_turns_and_order),
        cmocka_unit_test(test_random_play), cmocka_unit_test(test_flipped_bits),       cmocka_unit_test(test_header_refusals),
        cmocka_unit_test(test_far_ahead),   cmocka_unit_test(test_chain_end),          cmocka_unit_test(test_healing),     cmocka_unit_test(test_both_secrets_needed),
        cmocka_unit_test(test_content),     cmocka_unit_test(test_window),             cmocka_unit_test(test_tags),
        cmocka_unit_test(test_crowded_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
