/* shh_post: each check in its place and in geth's words, the work that is asked for, and what is checked after it. */
#include "whisper/test/said.h"

#include "base/text.h"
#include "crypto/rng.h"
#include "whisper/pool.h"
#include "whisper/post.h"

#include <math.h>

static struct sotto_chacha_rng random_stream;
static struct sotto_rng *rng(void) { return &random_stream.rng; }

enum { NOW = 1600000000 };
static struct sotto_span text_of(const struct sotto_shh_id *id) { return sotto_span_str(id->text); }

/* Keys for all tests: a good and a zero symmetric key, a pair and its public key. */
static struct sotto_shh_keys *store;
static struct sotto_shh_id sym, zero, pair;
static struct sotto_shh_pair who;
static uint8_t public_key[65];

static int start(void **state)
{
    (void)state;
    static const uint8_t zeros[32];
    sotto_rng_from_seed(&random_stream, test_seed(), "post");
    if (sotto_crypto_init() != SOTTO_OK || sotto_shh_keys_new(&store, 4, 4, rng()) != SOTTO_OK) return -1;
    if (sotto_shh_keys_new_sym(store, &sym).why || sotto_shh_keys_add_sym(store, &zero, SOTTO_SPAN(zeros)).why || sotto_shh_keys_new_pair(store, &pair).why) return -1;
    if (sotto_shh_keys_pair(store, &who, text_of(&pair)).why) return -1;
    sotto_shh_public(public_key, &who.point);
    return 0;
}
static int stop(void **state)
{
    (void)state;
    sotto_shh_keys_free(store);
    return 0;
}

static void checks_row_by_row(void **state)
{
    (void)state;
    uint8_t off_curve[65];
    memcpy(off_curve, public_key, sizeof off_curve);
    off_curve[64] ^= 1;
    struct sotto_span none = { NULL, 0 }, s = text_of(&sym), z = text_of(&zero), a = text_of(&pair), x = sotto_span_str("unknown"), to = SOTTO_SPAN(public_key), bad = SOTTO_SPAN(off_curve);
    struct sotto_span cut = sotto_span(public_key, 64), compressed = SOTTO_SPAN(who.point.b);
    const char *which = "specify either a symmetric or an asymmetric key", *signer = "invalid id", *topic = "missing topic(s)", *no_sym = "non-existent key ID";
    const char *bad_sym = "invalid symmetric key", *no_public = "invalid public key", *ttl = "ttl too large [86401>86400]";
    /* Everything behind the column that is wrong is wrong, too. */
    const struct { struct sotto_span sym, to, sig; uint8_t topic; uint32_t ttl; const char *text; } rows[] = {
        { none, none, x, 0, 86401, which }, { s, to, x, 0, 86401, which }, { x, bad, x, 0, 86401, which },
        { x, none, x, 0, 86401, signer }, { none, bad, x, 0, 86401, signer }, { s, none, s, 1, 50, signer },
        { x, none, a, 0, 86401, topic }, { z, none, none, 0, 86401, topic }, { s, none, none, 0, 50, topic },
        { x, none, a, 1, 86401, no_sym }, { a, none, none, 1, 50, no_sym }, { z, none, a, 1, 86401, bad_sym },
        { none, bad, a, 0, 86401, no_public }, { none, cut, none, 1, 50, no_public }, { none, compressed, none, 1, 50, no_public }, { none, a, none, 1, 50, no_public },
        { s, none, a, 1, 86401, ttl }, { none, to, none, 0, 86401, ttl },
        { s, none, none, 1, 86400, "" }, { s, none, a, 1, 0, "" }, { none, to, none, 0, 1, "" }, { none, to, a, 1, 50, "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sotto_shh_post p = {
            .sym_id = rows[i].sym, .public_key = rows[i].to, .sig_id = rows[i].sig, .topic = { 0, 0, 0, rows[i].topic }, .ttl = rows[i].ttl,
            .payload = sotto_span_str("hello"), .work_s = 3, .target = 0.2,
        };
        struct sotto_shh_job job = { .work_s = 77 };
        struct sotto_buf plain = sotto_buf_make(4096);
        struct sotto_shh_message m;
        const struct sotto_secret *key;
        assert_said(sotto_shh_post_begin(&job, store, &p, NOW, rng()), rows[i].text);
        if (*rows[i].text) {
            assert_int_equal(job.work_s, 77);         /* untouched */
            continue;
        }
        assert_int_equal(job.e.ttl, rows[i].ttl ? rows[i].ttl : 50);
        assert_int_equal(job.e.expiry, NOW + job.e.ttl);
        assert_memory_equal(job.e.topic, p.topic, 4);
        assert_true(job.work == SOTTO_SHH_WORK_REACH && job.work_s == 3 && !job.direct && job.e.nonce == 0);
        if (p.sym_id.size) {
            assert_said(sotto_shh_keys_sym(store, &key, p.sym_id), "");
            assert_int_equal(sotto_shh_open(&plain, key, job.e.data), SOTTO_OK);
        } else {
            assert_int_equal(sotto_shh_open_as(&plain, who.key, job.e.data), SOTTO_OK);
        }
        assert_int_equal(sotto_shh_message_read(&m, sotto_buf_span(&plain)), SOTTO_OK);
        assert_true(sotto_span_equal(m.payload, p.payload) && m.is_signed == (p.sig_id.size > 0));
        if (m.is_signed) assert_memory_equal(m.signer.b, who.point.b, sizeof m.signer.b);
        sotto_buf_free(&plain);
        sotto_shh_job_free(&job);
    }
    static uint8_t big[SOTTO_SHH_PAYLOAD_MAX];
    struct sotto_shh_post p = { .sym_id = s, .topic = { 1 }, .payload = SOTTO_SPAN(big) };
    struct sotto_shh_job job;
    assert_said(sotto_shh_post_begin(&job, store, &p, NOW, rng()), "payload too large [16777215>16776191]");
    p.payload.size -= 1024;
    assert_said(sotto_shh_post_begin(&job, store, &p, NOW, rng()), "");
    assert_int_equal(job.data.size, 16776192 + 256 + SOTTO_SHH_SYM_EXTRA);
    sotto_shh_job_free(&job);
}

/* Data bytes, life, target: the zero bits that geth wants (whisper-v6.md 5 and 16). */
static void zeros_by_the_formula(void **state)
{
    (void)state;
    static uint8_t data[(1u << 20) + 28];
    static const struct { size_t data; uint32_t ttl; double target; unsigned zeros; } rows[] = {
        { 284, 50, 0.2, 12 }, { 540, 50, 0.2, 13 }, { 284, 3600, 0.2, 18 }, { sizeof data, 50, 0.2, 24 }, { 284, 1, 0.001, 1 }, { 284, 50, 1e-300, 1 },
        { 236, 1, 1, 8 },                             /* exactly 256: no more than is needed by size(); len(short) is less */
        { 237, 1, 1, 9 }, { 284, 50, 1e300, 256 }, { 284, 50, 1.7976931348623157e308, 256 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sotto_envelope e = { 1600000050, rows[i].ttl, { 7, 0x67, 0x82, 0x31 }, { data, rows[i].data }, 0 };
        assert_int_equal(sotto_shh_post_zeros(rows[i].target, &e), rows[i].zeros);
    }
    /* The sliver: what size() calls enough and the formula that judges does not. */
    struct sotto_envelope e = { 1600000050, 300, { 7, 0x67, 0x82, 0x31 }, { data, 65600 }, 0 };
    size_t size = sotto_envelope_size(&e), real = sotto_envelope_short_size(&e);
    assert_true(real > size);
    double target = ldexp(1, 26) / (double)size / 300.0;
    assert_true(sotto_rating(26, real, 300, 0) < target);
    assert_int_equal(sotto_shh_post_zeros(target, &e), 27);
}

static struct sotto_shh_job begun(double target, uint32_t work_s, bool direct)
{
    struct sotto_shh_job job;
    struct sotto_shh_post p = { .sym_id = text_of(&sym), .topic = { 7, 0x67, 0x82, 0x31 }, .payload = sotto_span_str("hello"), .work_s = work_s, .target = target };
    if (direct) p.target_peer = sotto_span_str("enode://");
    assert_said(sotto_shh_post_begin(&job, store, &p, NOW, rng()), "");
    return job;
}

static struct sotto_shh_post_world usual(void)
{
    struct sotto_shh_post_world w = { .rules = { .now_ahead = NOW, .now_behind = NOW, .floor = 0.2, .floor_before = 0.2 }, .size_max = SOTTO_ENVELOPE_SIZE_MAX };
    return w;
}

static void work_that_is_asked_for(void **state)
{
    (void)state;
    struct sotto_shh_job job = begun(0.2, 2, false);
    assert_true(job.work == SOTTO_SHH_WORK_REACH && job.zeros == 12 && job.work_s == 2);
    sotto_shh_job_free(&job);
    job = begun(0, 2, false);
    assert_true(job.work == SOTTO_SHH_WORK_NONE && job.e.expiry == NOW + 50);
    sotto_shh_job_free(&job);
    job = begun(-1, 2, true);
    assert_true(job.work == SOTTO_SHH_WORK_BEST && job.e.expiry == NOW + 52 && job.direct);
    sotto_shh_job_free(&job);
}

/* The whole way, with the nonce that a worker finds. */
static void mined_and_accepted(void **state)
{
    (void)state;
    struct sotto_shh_job job = begun(0.2, 1, false);
    struct sotto_shh_post_world w = usual();
    struct sotto_shh_posted made;
    struct sotto_envelope e;
    uint8_t hash[32];
    uint64_t nonce;
    assert_int_equal(sotto_work_search(&nonce, sotto_buf_span(&job.prefix), 0, job.zeros, NULL), SOTTO_OK);
    assert_said(sotto_shh_post_end(&made, &job, true, nonce, &w), "");
    assert_int_equal(sotto_envelope_decode(&e, sotto_buf_span(&made.rlp)), SOTTO_OK);
    sotto_envelope_hash(hash, sotto_buf_span(&made.rlp));
    assert_memory_equal(hash, made.hash, 32);
    assert_true(e.nonce == nonce && made.rating >= 0.2 && made.rating == sotto_envelope_rating(&e, 0));
    double rating;
    assert_int_equal(sotto_rules_judge(&rating, &e, &w.rules), SOTTO_OK);      /* the pool takes it, too */
    assert_true(rating == made.rating);
    sotto_buf_free(&made.rlp);
    sotto_shh_job_free(&job);
}

/* What is said of one job in a changed world; {h} in the text stands for the hash of the envelope with nonce 5. */
static void assert_end(const struct sotto_shh_job *job, bool found, const struct sotto_shh_post_world *w, const char *text)
{
    struct sotto_shh_posted made;
    struct sotto_envelope e = job->e;
    struct sotto_buf b = sotto_buf_make(8192);
    uint8_t hash[32];
    char want[1024] = "", hex[65];
    e.nonce = 5;
    assert_int_equal(sotto_envelope_encode(&b, &e), SOTTO_OK);
    sotto_envelope_hash(hash, sotto_buf_span(&b));
    sotto_hex(hex, hash, 32);
    const char *mark = strstr(text, "{h}");
    if (mark) snprintf(want, sizeof want, "%.*s%s%s", (int)(mark - text), text, hex, mark + 3);
    else snprintf(want, sizeof want, "%s", text);
    struct sotto_shh_refusal r = sotto_shh_post_end(&made, job, found, 5, w);
    assert_said(r, want);
    if (!r.why) sotto_buf_free(&made.rlp);
    sotto_buf_free(&b);
}

static void after_the_work_row_by_row(void **state)
{
    (void)state;
    struct sotto_bloom other, topic;
    struct sotto_shh_job reach = begun(0.2, 7, false), none = begun(0, 7, false), best = begun(-1, 7, false), peer = begun(0.2, 7, true), free_peer = begun(0, 0, true), best_peer = begun(-1, 7, true);
    struct sotto_shh_post_world w = usual(), small = w, low = w, strange = w, unread = w, unknown = w;
    const char *insufficient = "failed to reach the PoW target, specified pow time (7 seconds) was insufficient", *rejected = "message rejected, PoW too low";
    uint8_t name[4] = { 0xde, 0xad, 0xbe, 0xef };

    /* The work first, then the target peer, and nothing more for it. */
    unread.target = SOTTO_SHH_TARGET_UNREADABLE, unread.target_text = sotto_span_str("invalid public key");
    unknown.target = SOTTO_SHH_TARGET_UNKNOWN, unknown.target_text = sotto_span_str("00ff");
    assert_end(&reach, false, &w, insufficient);
    assert_end(&peer, false, &unread, insufficient);
    assert_end(&peer, true, &unread, "failed to parse target peer: invalid public key");
    assert_end(&peer, true, &unknown, "could not find peer with ID: 00ff");
    assert_end(&free_peer, false, &w, "");
    assert_end(&best_peer, false, &w, "");
    small.size_max = 10, small.rules.now_behind = small.rules.now_ahead = NOW + 1000, small.rules.floor = small.rules.floor_before = 1e9;
    assert_end(&peer, true, &small, "");              /* neither its age, nor its size, nor its work */

    /* The target that was asked for, not what came of it. */
    assert_end(&none, false, &w, rejected);
    assert_end(&best, true, &w, rejected);
    w.rules.floor = w.rules.floor_before = 0;
    assert_end(&none, false, &w, "");
    assert_end(&best, true, &w, rejected);
    low.rules.floor = 0.3;
    assert_end(&reach, true, &low, rejected);

    /* Then as any envelope, in the order future, old, size, work, bloom. */
    w = usual(), w.rules.floor = w.rules.floor_before = 0, small = strange = w;
    sotto_bloom_topic(&other, name);
    sotto_bloom_topic(&topic, none.e.topic);
    small.size_max = (uint32_t)sotto_envelope_size(&none.e) - 1;
    strange.rules.filter = strange.rules.filter_before = &other;
    struct sotto_shh_post_world both = small;
    both.rules.filter = both.rules.filter_before = &other;
    both.rules.now_ahead = both.rules.now_behind = NOW - 11;
    assert_end(&none, false, &both, "envelope created in the future [{h}]");
    both.rules.now_ahead = both.rules.now_behind = NOW - 10;
    assert_end(&none, false, &both, "huge messages are not allowed [{h}]");
    both.rules.now_ahead = both.rules.now_behind = NOW + 50 + 21;
    assert_end(&none, false, &both, "very old message");
    both.rules.now_ahead = both.rules.now_behind = NOW + 50 + 20;
    assert_end(&none, false, &both, "failed to add envelope");
    both.rules.now_ahead = both.rules.now_behind = NOW + 50 + 1;
    assert_end(&none, false, &both, "failed to add envelope");
    both.rules.now_ahead = both.rules.now_behind = NOW + 50;
    assert_end(&none, false, &both, "huge messages are not allowed [{h}]");
    assert_end(&none, false, &small, "huge messages are not allowed [{h}]");
    small.size_max++;
    assert_end(&none, false, &small, "");

    /* A target that is high enough and a nonce that is not: a worker that lied, or the sliver. */
    struct sotto_envelope e = reach.e;
    char text[600], hex[4][129];
    e.nonce = 5;
    low = usual(), low.rules.filter = low.rules.filter_before = &other;
    if (sotto_envelope_rating(&e, 0) < 0.2) {         /* all but one in 4096 */
        snprintf(text, sizeof text, "envelope with low PoW received: PoW=%f, hash=[0x{h}]", sotto_envelope_rating(&e, 0));
        assert_end(&reach, true, &low, text);
        low.rules.filter = NULL, low.rules.floor_before = 0;
        assert_end(&reach, true, &low, "");           /* the tolerated one */
    }
    sotto_hex(hex[0], other.b, 64);
    sotto_hex(hex[1], topic.b, 64);
    sotto_hex(hex[2], none.e.topic, 4);
    snprintf(text, sizeof text, "envelope does not match bloom filter, hash=[0x{h}], bloom: \n%s \n%s \n%s", hex[0], hex[1], hex[2]);
    assert_end(&none, false, &strange, text);
    strange.rules.filter_before = &topic;
    assert_end(&none, false, &strange, "");
    strange.rules.filter_before = NULL;
    assert_end(&none, false, &strange, "");
    sotto_shh_job_free(&reach);
    sotto_shh_job_free(&none);
    sotto_shh_job_free(&best);
    sotto_shh_job_free(&peer);
    sotto_shh_job_free(&free_peer);
    sotto_shh_job_free(&best_peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_row_by_row), cmocka_unit_test(zeros_by_the_formula), cmocka_unit_test(work_that_is_asked_for),
        cmocka_unit_test(mined_and_accepted), cmocka_unit_test(after_the_work_row_by_row),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
