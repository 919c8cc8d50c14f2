/* Handshake and frames against each other: both roles, both forms, every byte changed, every length cut. */
#include "support/test.h"

#include "crypto/ecies.h"
#include "crypto/rng.h"
#include "p2p/frame.h"

struct pair {
    struct sotto_chacha_rng rng;
    struct sotto_scalar key_i, key_r;
    uint8_t pub_i[64], pub_r[64];
    struct sotto_rlpx i, r;
};

static void public_of(uint8_t out[64], const struct sotto_scalar *k)
{
    struct sotto_point p;
    assert_int_equal(sotto_point_make(&p, k), SOTTO_OK);
    assert_int_equal(sotto_point_to64(out, &p), SOTTO_OK);
}

static void pair_begin(struct pair *p, uint64_t seed)
{
    sotto_rng_from_seed(&p->rng, seed, "rlpx test");
    sotto_scalar_random(&p->key_i, &p->rng.rng);
    sotto_scalar_random(&p->key_r, &p->rng.rng);
    public_of(p->pub_i, &p->key_i);
    public_of(p->pub_r, &p->key_r);
    sotto_rlpx_begin(&p->i, SOTTO_RLPX_DIALER, &p->key_i, &p->rng.rng);
    sotto_rlpx_begin(&p->r, SOTTO_RLPX_LISTENER, &p->key_r, &p->rng.rng);
}
static void pair_end(struct pair *p)
{
    sotto_rlpx_end(&p->i);
    sotto_rlpx_end(&p->r);
}

/* Feeds packet as a stream; ERR_AGAIN if the stream ends before the reader is satisfied. */
static enum sotto_err feed(struct sotto_rlpx *x, size_t *used, struct sotto_span stream)
{
    size_t need = SOTTO_RLPX_FIRST_NEED;
    for (;;) {
        if (stream.size < need) return SOTTO_ERR_AGAIN;
        *used = need;
        enum sotto_err err = sotto_rlpx_read(x, &need, sotto_span_cut(stream, 0, need));
        if (err != SOTTO_ERR_AGAIN) return err;
    }
}

static void old_auth(struct sotto_buf *out, struct pair *p)
{
    /* sig over token ^ nonce, keccak(ephemeral), static key, nonce, 00 (devp2p.md 5.3) */
    struct sotto_point to, ephemeral;
    struct sotto_secret token;
    struct sotto_sig65 sig;
    uint8_t hash[32], eph64[64], plain[194] = { 0 };
    assert_int_equal(sotto_point_from64(&to, p->pub_r), SOTTO_OK);
    assert_int_equal(sotto_ecdh_x(&token, &p->key_i, &to), SOTTO_OK);
    for (int i = 0; i < 32; i++) hash[i] = token.b[i] ^ p->i.nonce[i];
    assert_int_equal(sotto_sign(&sig, &p->i.ephemeral, hash), SOTTO_OK);
    memcpy(plain, sig.b, 65);
    plain[64] = (uint8_t)(plain[64] - 27);
    assert_int_equal(sotto_point_make(&ephemeral, &p->i.ephemeral), SOTTO_OK);
    assert_int_equal(sotto_point_to64(eph64, &ephemeral), SOTTO_OK);
    sotto_keccak256(plain + 65, SOTTO_SPAN(eph64));
    memcpy(plain + 97, p->pub_i, 64);
    memcpy(plain + 161, p->i.nonce, 32);
    assert_int_equal(sotto_ecies_seal(out, &to, sotto_span(NULL, 0), SOTTO_SPAN(plain), &p->rng.rng), SOTTO_OK);
    assert_int_equal(out->size, SOTTO_RLPX_OLD_AUTH);
}

static void agree(struct pair *p, bool old)
{
    size_t used;
    if (old) {
        old_auth(&p->i.auth, p);
        memcpy(p->i.remote, p->pub_r, 64);
    } else {
        assert_int_equal(sotto_rlpx_write_auth(&p->i, p->pub_r, &p->rng.rng), SOTTO_OK);
        assert_in_range(p->i.auth.size, SOTTO_RLPX_OLD_AUTH + 2, SOTTO_RLPX_PACKET_MAX);
    }
    assert_int_equal(feed(&p->r, &used, sotto_buf_span(&p->i.auth)), SOTTO_OK);
    assert_int_equal(used, p->i.auth.size);
    assert_int_equal(p->r.old_form, old);
    assert_memory_equal(p->r.remote, p->pub_i, 64);
    assert_int_equal(sotto_rlpx_write_ack(&p->r, &p->rng.rng), SOTTO_OK);
    assert_int_equal(p->r.ack.size == SOTTO_RLPX_OLD_ACK, old);
    assert_int_equal(feed(&p->i, &used, sotto_buf_span(&p->r.ack)), SOTTO_OK);
    assert_int_equal(used, p->r.ack.size);
    assert_int_equal(p->i.old_form, old);
}

static void frames_of(struct sotto_frames *f, const struct sotto_rlpx *x)
{
    struct sotto_rlpx_secrets s;
    assert_int_equal(sotto_rlpx_secrets(&s, x), SOTTO_OK);
    assert_int_equal(sotto_frames_begin(f, &s), SOTTO_OK);
}

static void test_both_forms(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 20; round++) {
        struct pair p;
        struct sotto_frames fi, fr;
        struct sotto_buf wire = sotto_buf_make(1u << 20);
        pair_begin(&p, test_seed() + round);
        agree(&p, round % 2);
        frames_of(&fi, &p.i);
        frames_of(&fr, &p.r);
        for (unsigned n = 0; n < 10; n++) {
            struct sotto_frames *from = n % 2 ? &fr : &fi, *to = n % 2 ? &fi : &fr;
            uint8_t text[700];
            size_t size = (size_t)sotto_rng_below(&p.rng.rng, sizeof text);
            unsigned code = (unsigned)sotto_rng_below(&p.rng.rng, 300);
            sotto_rng_fill(&p.rng.rng, text, size);
            sotto_buf_free(&wire);
            assert_int_equal(sotto_frame_write(from, &wire, code, sotto_span(text, size)), SOTTO_OK);
            uint32_t got_size, got_code;
            struct sotto_span got;
            assert_int_equal(sotto_frame_head(to, &got_size, wire.data), SOTTO_OK);
            assert_int_equal(wire.size, SOTTO_FRAME_HEAD + sotto_frame_rest(got_size));
            assert_int_equal(sotto_frame_body(to, &got_code, &got, wire.data + SOTTO_FRAME_HEAD, got_size), SOTTO_OK);
            assert_int_equal(got_code, code);
            assert_true(sotto_span_equal(got, sotto_span(text, size)));
        }
        sotto_buf_free(&wire);
        sotto_frames_end(&fi);
        sotto_frames_end(&fr);
        pair_end(&p);
    }
}

/* A changed byte anywhere: the packet is refused, or the reader waits for more than there is; the object stays as it was. */
static void flip_all(struct sotto_rlpx *x, struct sotto_span packet, struct sotto_rng *rng)
{
    uint8_t *copy = malloc(packet.size);
    assert_non_null(copy);
    struct sotto_rlpx before = *x;
    bool old = packet.size == SOTTO_RLPX_OLD_AUTH || packet.size == SOTTO_RLPX_OLD_ACK;        /* 04 xx may also be a size: it waits */
    for (size_t at = 0; at < packet.size; at++) {
        size_t used;
        memcpy(copy, packet.data, packet.size);
        copy[at] ^= (uint8_t)(1u << sotto_rng_below(rng, 8));
        enum sotto_err err = feed(x, &used, sotto_span(copy, packet.size));
        if (err != SOTTO_ERR_ECIES && !((at < 2 || old) && err == SOTTO_ERR_AGAIN)) fail_msg("byte %zu changed: %s", at, sotto_err_name(err));
        assert_memory_equal(&before, x, sizeof before);
    }
    for (size_t size = 0; size < packet.size; size++) {
        size_t used;
        assert_int_equal(feed(x, &used, sotto_span(packet.data, size)), SOTTO_ERR_AGAIN);
    }
    free(copy);
}

static void test_changed_packets(void **state)
{
    (void)state;
    for (unsigned old = 0; old < 2; old++) {
        struct pair p;
        size_t used;
        pair_begin(&p, test_seed() + old);
        if (old) old_auth(&p.i.auth, &p);
        else assert_int_equal(sotto_rlpx_write_auth(&p.i, p.pub_r, &p.rng.rng), SOTTO_OK);
        flip_all(&p.r, sotto_buf_span(&p.i.auth), &p.rng.rng);
        assert_int_equal(feed(&p.r, &used, sotto_buf_span(&p.i.auth)), SOTTO_OK);
        assert_int_equal(sotto_rlpx_write_ack(&p.r, &p.rng.rng), SOTTO_OK);
        flip_all(&p.i, sotto_buf_span(&p.r.ack), &p.rng.rng);
        assert_int_equal(feed(&p.i, &used, sotto_buf_span(&p.r.ack)), SOTTO_OK);
        pair_end(&p);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    struct pair p;
    pair_begin(&p, test_seed());
    static const struct { uint8_t first[2]; enum sotto_err listener, dialer; size_t need_listener, need_dialer; } cases[] = {
        { { 0x00, 0x00 }, SOTTO_ERR_ECIES, SOTTO_ERR_ECIES, 0, 0 },
        { { 0x00, 0xd1 }, SOTTO_ERR_ECIES, SOTTO_ERR_ECIES, 0, 0 },            /* 209 */
        { { 0x00, 0xd2 }, SOTTO_ERR_ECIES, SOTTO_ERR_AGAIN, 0, 210 },          /* 210 */
        { { 0x01, 0x32 }, SOTTO_ERR_ECIES, SOTTO_ERR_AGAIN, 0, 210 },          /* 306 */
        { { 0x01, 0x33 }, SOTTO_ERR_AGAIN, SOTTO_ERR_AGAIN, 307, 210 },        /* 307 */
        { { 0x04, 0x00 }, SOTTO_ERR_AGAIN, SOTTO_ERR_AGAIN, 307, 210 },        /* 1024, or an old packet */
        { { 0x07, 0xfe }, SOTTO_ERR_AGAIN, SOTTO_ERR_AGAIN, 307, 210 },        /* 2046: the largest */
        { { 0x07, 0xff }, SOTTO_ERR_ECIES, SOTTO_ERR_ECIES, 0, 0 },
        { { 0xff, 0xff }, SOTTO_ERR_ECIES, SOTTO_ERR_ECIES, 0, 0 },
        { { 'G', 'E' }, SOTTO_ERR_ECIES, SOTTO_ERR_ECIES, 0, 0 },              /* a browser */
        { { 0x16, 0x03 }, SOTTO_ERR_ECIES, SOTTO_ERR_ECIES, 0, 0 },            /* TLS */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t need = 0;
        assert_int_equal(sotto_rlpx_read(&p.r, &need, SOTTO_SPAN(cases[i].first)), cases[i].listener);
        if (cases[i].listener == SOTTO_ERR_AGAIN) assert_int_equal(need, cases[i].need_listener);
        assert_int_equal(sotto_rlpx_read(&p.i, &need, SOTTO_SPAN(cases[i].first)), cases[i].dialer);
        if (cases[i].dialer == SOTTO_ERR_AGAIN) assert_int_equal(need, cases[i].need_dialer);
    }
    uint8_t no_point[64] = { 1 };
    assert_int_equal(sotto_rlpx_write_auth(&p.i, no_point, &p.rng.rng), SOTTO_ERR_KEY);
    assert_int_equal(p.i.auth.size, 0);
    pair_end(&p);
}

static void test_wrong_key(void **state)
{
    (void)state;
    struct pair p, q;
    size_t used;
    pair_begin(&p, test_seed());
    pair_begin(&q, test_seed() + 1);
    assert_int_equal(sotto_rlpx_write_auth(&p.i, p.pub_r, &p.rng.rng), SOTTO_OK);
    assert_int_equal(feed(&q.r, &used, sotto_buf_span(&p.i.auth)), SOTTO_ERR_ECIES);
    pair_end(&p);
    pair_end(&q);
}

/* Every byte of a first frame: MAC error in the head or the body, never another message. */
static void test_changed_frames(void **state)
{
    (void)state;
    struct pair p;
    struct sotto_frames fi;
    struct sotto_buf wire = sotto_buf_make(4096), copy = sotto_buf_make(4096);
    uint8_t text[100] = { 1, 2, 3 };
    pair_begin(&p, test_seed());
    agree(&p, false);
    frames_of(&fi, &p.i);
    assert_int_equal(sotto_frame_write(&fi, &wire, 0, SOTTO_SPAN(text)), SOTTO_OK);
    for (size_t at = 0; at < wire.size; at++) {
        struct sotto_frames fr;
        uint32_t size, code = 0;
        struct sotto_span got;
        frames_of(&fr, &p.r);
        copy.size = 0;
        assert_int_equal(sotto_buf_add_span(&copy, sotto_buf_span(&wire)), SOTTO_OK);
        copy.data[at] ^= (uint8_t)(1u << sotto_rng_below(&p.rng.rng, 8));
        enum sotto_err err = sotto_frame_head(&fr, &size, copy.data);
        if (at < SOTTO_FRAME_HEAD) assert_int_equal(err, SOTTO_ERR_FRAME_MAC);
        else {
            assert_int_equal(err, SOTTO_OK);
            assert_int_equal(sotto_frame_body(&fr, &code, &got, copy.data + SOTTO_FRAME_HEAD, size), SOTTO_ERR_FRAME_MAC);
        }
        sotto_frames_end(&fr);
    }
    /* A replayed frame fails too: the states have moved. */
    struct sotto_frames fr;
    uint32_t size, code;
    struct sotto_span got;
    frames_of(&fr, &p.r);
    copy.size = 0;
    assert_int_equal(sotto_buf_add_span(&copy, sotto_buf_span(&wire)), SOTTO_OK);
    assert_int_equal(sotto_frame_head(&fr, &size, wire.data), SOTTO_OK);
    assert_int_equal(sotto_frame_body(&fr, &code, &got, wire.data + SOTTO_FRAME_HEAD, size), SOTTO_OK);
    assert_int_equal(sotto_frame_head(&fr, &size, copy.data), SOTTO_ERR_FRAME_MAC);
    sotto_frames_end(&fr);
    sotto_frames_end(&fi);
    sotto_buf_free(&wire);
    sotto_buf_free(&copy);
    pair_end(&p);
}

static void test_frame_bounds(void **state)
{
    (void)state;
    struct pair p;
    struct sotto_frames fi, fr;
    struct sotto_buf wire = sotto_buf_make(64);
    static uint8_t big[SOTTO_FRAME_SIZE_MAX + 1];
    pair_begin(&p, test_seed());
    agree(&p, false);
    frames_of(&fi, &p.i);
    frames_of(&fr, &p.r);
    struct sotto_frames before = fi;
    assert_int_equal(sotto_frame_write(&fi, &wire, 0x10, SOTTO_SPAN(big)), SOTTO_ERR_FRAME_SIZE);
    assert_int_equal(sotto_frame_write(&fi, &wire, 0x10, sotto_span(big, sizeof big - 1)), SOTTO_ERR_FRAME_SIZE);
    assert_int_equal(sotto_frame_write(&fi, &wire, 0x10, sotto_span(big, 100)), SOTTO_ERR_FULL);
    assert_memory_equal(&before, &fi, sizeof fi);                              /* nothing has moved */
    assert_int_equal(wire.size, 0);
    wire.max = 1u << 25;
    assert_int_equal(sotto_frame_write(&fi, &wire, 0x10, sotto_span(big, sizeof big - 2)), SOTTO_OK);
    uint32_t size, code;
    struct sotto_span got;
    assert_int_equal(sotto_frame_head(&fr, &size, wire.data), SOTTO_OK);
    assert_int_equal(size, SOTTO_FRAME_SIZE_MAX);
    assert_int_equal(sotto_frame_body(&fr, &code, &got, wire.data + SOTTO_FRAME_HEAD, size), SOTTO_OK);
    assert_int_equal(got.size, sizeof big - 2);
    sotto_buf_free(&wire);
    sotto_frames_end(&fi);
    sotto_frames_end(&fr);
    pair_end(&p);
}

static int setup(void **state)
{
    (void)state;
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_forms), cmocka_unit_test(test_changed_packets), cmocka_unit_test(test_sizes), cmocka_unit_test(test_wrong_key),
        cmocka_unit_test(test_changed_frames), cmocka_unit_test(test_frame_bounds),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
