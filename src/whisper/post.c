#include "whisper/post.h"

#include "whisper/pool.h"

#include <math.h>

#define PAYLOAD_MAX (SOTTO_SHH_PAYLOAD_MAX - 1024u)   /* with padding: an envelope takes 16 MiB of data, with what sealing adds */
#define OLD_S 20u                                     /* geth's: twice the sync allowance late is worth an error, less is not */

static struct sotto_shh_refusal fine(void) { return sotto_shh_refusal(SOTTO_SHH_REFUSED_NOTHING); }

unsigned sotto_shh_post_zeros(double target, const struct sotto_envelope *e)
{
    double wanted = ceil(log2(target * (double)sotto_envelope_size(e) * (double)e->ttl));
    unsigned zeros = wanted >= 256 ? 256 : wanted > 1 ? (unsigned)wanted : 1, real = sotto_work_bits(target, sotto_envelope_short_size(e), e->ttl);
    return real > zeros ? real : zeros;
}

/* Who it is for and who signs, borrowed from the store. */
struct keys { const struct sotto_secret *sym; const struct sotto_scalar *signer; struct sotto_point to; };

static struct sotto_shh_refusal find_keys(struct keys *out, const struct sotto_shh_keys *store, const struct sotto_shh_post *post)
{
    struct sotto_shh_refusal r = fine();
    struct sotto_shh_pair pair;
    if ((post->sym_id.size > 0) == (post->public_key.size > 0)) return sotto_shh_refusal(SOTTO_SHH_REFUSED_WHICH_KEY);
    if (post->sig_id.size) {
        r = sotto_shh_keys_pair(store, &pair, post->sig_id);
        if (r.why) return r;
        out->signer = pair.key;
    }
    if (post->sym_id.size) {
        if (sotto_all_zero(post->topic, sizeof post->topic)) return sotto_shh_refusal(SOTTO_SHH_REFUSED_NO_TOPICS);
        return sotto_shh_keys_sym_to_use(store, &out->sym, post->sym_id);
    }
    return sotto_shh_public_from(&out->to, post->public_key) == SOTTO_OK ? r : sotto_shh_refusal(SOTTO_SHH_REFUSED_PUBLIC_KEY);
}

static enum sotto_err seal(struct sotto_buf *data, const struct keys *keys, const struct sotto_shh_post *post, struct sotto_rng *rng)
{
    size_t most = post->payload.size + post->padding.size + SOTTO_SHH_BLOCK + SOTTO_SHH_SIGNATURE + SOTTO_SHH_ASYM_EXTRA + 4;
    struct sotto_buf plain = sotto_buf_make(most);
    struct sotto_shh_message m = { .payload = post->payload, .padding = post->padding, .sign_with = keys->signer };
    *data = sotto_buf_make(most);
    enum sotto_err err = sotto_shh_message_write(&plain, &m, rng);
    if (err == SOTTO_OK)
        err = keys->sym ? sotto_shh_seal(data, keys->sym, sotto_buf_span(&plain), rng) : sotto_shh_seal_to(data, &keys->to, sotto_buf_span(&plain), rng);
    sotto_buf_free(&plain);
    return err;
}

struct sotto_shh_refusal sotto_shh_post_begin(struct sotto_shh_job *out, const struct sotto_shh_keys *store, const struct sotto_shh_post *post, uint32_t now_s,
                                              struct sotto_rng *rng)
{
    struct sotto_shh_job job = { .work_s = post->work_s, .target = post->target, .direct = post->target_peer.size > 0 };
    struct sotto_shh_refusal ttl = { .why = SOTTO_SHH_REFUSED_TTL_LIMIT, .number = post->ttl, .limit = SOTTO_POOL_TTL_MAX_S };
    struct sotto_shh_refusal size = { .why = SOTTO_SHH_REFUSED_PAYLOAD_LIMIT, .number = post->payload.size + post->padding.size, .limit = PAYLOAD_MAX };
    struct keys keys = { 0 };
    struct sotto_shh_refusal r = find_keys(&keys, store, post);
    if (r.why) return r;
    if (post->ttl > SOTTO_POOL_TTL_MAX_S) return ttl;
    if (size.number > PAYLOAD_MAX) return size;
    job.e.ttl = post->ttl ? post->ttl : SOTTO_SHH_TTL_DEFAULT_S;
    job.e.expiry = now_s + job.e.ttl;
    memcpy(job.e.topic, post->topic, sizeof job.e.topic);
    job.work = post->target > 0 ? SOTTO_SHH_WORK_REACH : post->target < 0 ? SOTTO_SHH_WORK_BEST : SOTTO_SHH_WORK_NONE;
    if (job.work == SOTTO_SHH_WORK_BEST) job.e.expiry += post->work_s;       /* known to take so long */
    enum sotto_err err = seal(&job.data, &keys, post, rng);
    job.e.data = sotto_buf_span(&job.data);
    job.prefix = sotto_buf_make(job.data.size + SOTTO_ENVELOPE_RLP_EXTRA);
    if (err == SOTTO_OK) err = sotto_envelope_short(&job.prefix, &job.e);
    if (err != SOTTO_OK) {
        sotto_shh_job_free(&job);
        return sotto_shh_refusal(SOTTO_SHH_REFUSED_NO_MEMORY);
    }
    if (job.work == SOTTO_SHH_WORK_REACH) job.zeros = sotto_shh_post_zeros(post->target, &job.e);
    *out = job;
    return r;
}

void sotto_shh_job_free(struct sotto_shh_job *job)
{
    sotto_buf_free(&job->data);
    sotto_buf_free(&job->prefix);
    memset(&job->e, 0, sizeof job->e);
}

/* whisper-v6.md 7, in its order and with its bounds: our own rules (whisper/rules.h) look at the size first. */
static enum sotto_shh_refused judge(const struct sotto_envelope *e, double rating, uint32_t late, const struct sotto_shh_post_world *world)
{
    const struct sotto_rules *rules = &world->rules;
    struct sotto_bloom topic;
    if (late > SOTTO_SYNC_ALLOWANCE_S + 1) return SOTTO_SHH_REFUSED_FUTURE;
    if (e->expiry < rules->now_behind) return (uint64_t)e->expiry + OLD_S < rules->now_behind ? SOTTO_SHH_REFUSED_VERY_OLD : SOTTO_SHH_REFUSED_NOT_ADDED;
    if (sotto_envelope_size(e) > world->size_max) return SOTTO_SHH_REFUSED_HUGE;
    if (rating < rules->floor && rating < rules->floor_before) return SOTTO_SHH_REFUSED_LOW_POW;
    if (!rules->filter || !rules->filter_before) return SOTTO_SHH_REFUSED_NOTHING;
    sotto_bloom_topic(&topic, e->topic);
    bool match = sotto_bloom_match(rules->filter, &topic) || sotto_bloom_match(rules->filter_before, &topic);
    return match ? SOTTO_SHH_REFUSED_NOTHING : SOTTO_SHH_REFUSED_BLOOM;
}

static struct sotto_shh_refusal check_target(const struct sotto_shh_post_world *world)
{
    struct sotto_shh_refusal r = { .text = world->target_text };
    if (world->target == SOTTO_SHH_TARGET_UNREADABLE) r.why = SOTTO_SHH_REFUSED_TARGET_PEER;
    else if (world->target == SOTTO_SHH_TARGET_UNKNOWN) r.why = SOTTO_SHH_REFUSED_NO_PEER;
    return r;
}

/* The envelope is what will be told of it; late: seconds it comes from the future, plus one. */
static struct sotto_shh_refusal check_made(const struct sotto_shh_posted *made, const struct sotto_envelope *e, uint32_t late, const struct sotto_shh_post_world *world)
{
    struct sotto_shh_refusal r = { .why = judge(e, made->rating, late, world), .pow = made->rating };
    memcpy(r.hash, made->hash, sizeof r.hash);
    if (r.why != SOTTO_SHH_REFUSED_BLOOM) return r;
    r.filter = *world->rules.filter;
    sotto_bloom_topic(&r.sample, e->topic);
    memcpy(r.topic, e->topic, sizeof r.topic);
    return r;
}

struct sotto_shh_refusal sotto_shh_post_end(struct sotto_shh_posted *out, const struct sotto_shh_job *job, bool found, uint64_t nonce,
                                            const struct sotto_shh_post_world *world)
{
    struct sotto_envelope e = job->e;
    struct sotto_shh_posted made = { .rlp = sotto_buf_make(job->data.size + SOTTO_ENVELOPE_RLP_EXTRA) };
    struct sotto_shh_refusal r = { .why = SOTTO_SHH_REFUSED_WORK_TIME, .number = job->work_s };
    if (job->work == SOTTO_SHH_WORK_REACH && !found) return r;
    if (job->direct) {
        r = check_target(world);
        if (r.why) return r;
    } else if (job->target < world->rules.floor) {
        return sotto_shh_refusal(SOTTO_SHH_REFUSED_LOW_TARGET);
    }
    e.nonce = nonce;
    if (sotto_envelope_encode(&made.rlp, &e) != SOTTO_OK) return sotto_shh_refusal(SOTTO_SHH_REFUSED_NO_MEMORY);
    sotto_envelope_hash(made.hash, sotto_buf_span(&made.rlp));
    uint32_t sent = sotto_envelope_sent(&e), late = sent > world->rules.now_ahead ? sent - world->rules.now_ahead + 1 : 0;
    made.rating = sotto_envelope_rating(&e, late);
    r = job->direct ? fine() : check_made(&made, &e, late, world);
    if (r.why) sotto_buf_free(&made.rlp);
    else *out = made;
    return r;
}
