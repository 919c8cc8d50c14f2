/* Any parameters of shh_post and any state of the node behind it. What is refused has a text and leaves nothing; what is not opens to what
 * was given; and what is let through at the end is what the node's own rules for envelopes let through. */
#include "support/fuzz_input.h"

#include "crypto/rng.h"
#include "whisper/pool.h"
#include "whisper/post.h"

enum { NOW = 1600000000 };

static struct sotto_chacha_rng rng;

static bool refused(const struct sotto_shh_refusal *r)
{
    struct sotto_buf b = sotto_buf_make(4096);
    SOTTO_ASSERT(sotto_shh_refusal_text(&b, r) == SOTTO_OK && (b.size > 0) == (r->why != SOTTO_SHH_REFUSED_NOTHING));
    sotto_buf_free(&b);
    return r->why != SOTTO_SHH_REFUSED_NOTHING;
}

/* An id that is one, nearly one, or anything. */
static struct sotto_span any_id(struct fuzz_in *in, const struct sotto_shh_id *ids)
{
    uint8_t which = fuzz_u8(in) % 8;
    if (which < 3) return sotto_span_str(ids[which].text);
    return which < 6 ? sotto_span(NULL, 0) : which == 6 ? sotto_span(ids[0].text, 63) : fuzz_span(in, 70);
}

static void check_job(const struct sotto_shh_job *job, const struct sotto_shh_post *p, const struct sotto_shh_keys *keys, const struct sotto_shh_id *pair)
{
    struct sotto_buf plain = sotto_buf_make(1u << 16);
    struct sotto_shh_message m;
    struct sotto_shh_pair who;
    const struct sotto_secret *key;
    struct sotto_span data = sotto_buf_span(&job->data);
    SOTTO_ASSERT(!sotto_shh_keys_pair(keys, &who, sotto_span_str(pair->text)).why);
    if (p->sym_id.size) SOTTO_ASSERT(!sotto_shh_keys_sym(keys, &key, p->sym_id).why && sotto_shh_open(&plain, key, data) == SOTTO_OK);
    else SOTTO_ASSERT(sotto_shh_open_as(&plain, who.key, data) == SOTTO_OK);
    SOTTO_ASSERT(sotto_shh_message_read(&m, sotto_buf_span(&plain)) == SOTTO_OK && sotto_span_equal(m.payload, p->payload));
    SOTTO_ASSERT(m.is_signed == (p->sig_id.size > 0) && (!p->padding.size || sotto_span_equal(m.padding, p->padding)));
    SOTTO_ASSERT(!m.is_signed || memcmp(m.signer.b, who.point.b, sizeof m.signer.b) == 0);
    SOTTO_ASSERT(job->e.ttl == (p->ttl ? p->ttl : 50) && job->e.ttl <= SOTTO_POOL_TTL_MAX_S && memcmp(job->e.topic, p->topic, 4) == 0);
    SOTTO_ASSERT(job->zeros <= 256 && (job->work == SOTTO_SHH_WORK_REACH) == (job->zeros > 0));
    sotto_buf_free(&plain);
}

static void finish(const struct sotto_shh_job *job, struct fuzz_in *in)
{
    static const double floors[] = { 0, 0.2, 1e-6, 1e3 };
    struct sotto_bloom filters[2];
    struct sotto_shh_posted made;
    uint8_t how = fuzz_u8(in), moved = fuzz_u8(in);
    uint32_t now = job->e.expiry - (how & 1 ? job->e.ttl : 0) + (uint32_t)(int8_t)moved % 40u - (how & 2 ? 30u : 0u);
    fuzz_fill(in, filters, how & 4 ? sizeof filters : 0);
    if (!(how & 4)) memset(filters, 0xff, sizeof filters);
    struct sotto_shh_post_world w = {
        .rules = { now, now, floors[how >> 3 & 3], floors[how >> 5 & 3], how & 128 ? &filters[0] : NULL, &filters[1] },
        .size_max = SOTTO_ENVELOPE_SIZE_MAX, .target = (enum sotto_shh_target)(moved % 3), .target_text = fuzz_span(in, 40),
    };
    bool found = fuzz_bool(in);
    struct sotto_shh_refusal r = sotto_shh_post_end(&made, job, found, fuzz_u64(in), &w);
    bool failed = job->work == SOTTO_SHH_WORK_REACH && !found;
    if (refused(&r)) {
        if (job->direct) SOTTO_ASSERT(failed || w.target != SOTTO_SHH_TARGET_CONNECTED);
        if (failed) SOTTO_ASSERT(r.why == SOTTO_SHH_REFUSED_WORK_TIME);
        return;
    }
    struct sotto_envelope e;
    double rating;
    SOTTO_ASSERT(!failed && sotto_envelope_decode(&e, sotto_buf_span(&made.rlp)) == SOTTO_OK && sotto_span_equal(e.data, job->e.data));
    if (job->direct) SOTTO_ASSERT(w.target == SOTTO_SHH_TARGET_CONNECTED);
    else SOTTO_ASSERT(job->target >= w.rules.floor && sotto_rules_judge(&rating, &e, &w.rules) == SOTTO_OK && rating == made.rating);
    sotto_buf_free(&made.rlp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const double targets[] = { 0, 0.2, -1, 1e-6, 1e300, 0.3, -1e300, 1e-320 };
    static const uint8_t zeros[32];
    struct fuzz_in in = fuzz_in(data, size);
    struct sotto_shh_keys *keys;
    struct sotto_shh_id ids[3];
    struct sotto_shh_pair who;
    uint8_t to[65];
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    sotto_rng_from_seed(&rng, 1, "fuzz");
    SOTTO_ASSERT(sotto_shh_keys_new(&keys, 1, 2, &rng.rng) == SOTTO_OK && !sotto_shh_keys_new_sym(keys, &ids[0]).why);
    SOTTO_ASSERT(!sotto_shh_keys_add_sym(keys, &ids[1], SOTTO_SPAN(zeros)).why && !sotto_shh_keys_new_pair(keys, &ids[2]).why);
    SOTTO_ASSERT(!sotto_shh_keys_pair(keys, &who, sotto_span_str(ids[2].text)).why);
    sotto_shh_public(to, &who.point);
    struct sotto_shh_post p = { .sym_id = any_id(&in, ids), .sig_id = any_id(&in, ids) };
    uint8_t how = fuzz_u8(&in);
    if (how & 1) p.public_key = how & 2 ? fuzz_span(&in, 70) : SOTTO_SPAN(to);
    if (how & 4) p.target_peer = fuzz_span(&in, 20);
    p.target = targets[how >> 5];
    p.ttl = how & 8 ? (uint32_t)fuzz_wide(&in) : fuzz_u8(&in);
    p.work_s = fuzz_u8(&in);
    fuzz_fill(&in, p.topic, sizeof p.topic);
    struct sotto_span rest = fuzz_rest(&(struct fuzz_in){ in.at, in.end });
    p.payload = sotto_span_cut(rest, 0, rest.size / 2);
    if (how & 16) p.padding = sotto_span_cut(rest, rest.size / 2, rest.size - rest.size / 2);
    struct sotto_shh_job job;
    struct sotto_shh_refusal r = sotto_shh_post_begin(&job, keys, &p, NOW, &rng.rng);
    if (!refused(&r)) {
        check_job(&job, &p, keys, &ids[2]);
        finish(&job, &in);
        sotto_shh_job_free(&job);
    }
    sotto_shh_keys_free(keys);
    return 0;
}
