/* shh_post and the key of a password: what takes longer than a turn of the loop may.
 *
 * Work is done in slices, each a job of the MINE lane: messages of several callers and the node's own cells take turns, and none waits for
 * another's powTime. A caller that is gone is not worked for. */
#include "node/whisper_desk.h"

#include "base/text.h"
#include "crypto/secret.h"
#include "rpc/foreign.h"

#include <stdlib.h>

#define SLICE_TRIES (16u * SOTTO_WORK_CHUNK)          /* some ten milliseconds */
#define SECOND_US 1000000ull

struct sotto_desk_post {
    struct sotto_desk_post *next;
    struct sotto_desk *desk;
    struct sotto_call *call;                          /* NULL: nobody waits any more */
    struct sotto_job *slice;                          /* on the worker now */
    struct sotto_shh_job job;
    struct sotto_buf target;                          /* a copy of the peer's URL */
    uint64_t until_us, worked_us;
    /* the worker's, while there is a slice */
    struct sotto_work work;
    bool begun, found, over;
    uint64_t nonce;
};

static void post_free(struct sotto_desk_post *p)
{
    struct sotto_desk_post **at = &p->desk->posts;
    while (*at != p) at = &(*at)->next;
    *at = p->next;
    p->desk->post_count--;
    sotto_shh_job_free(&p->job);
    sotto_buf_free(&p->target);
    free(p);
}

void sotto_desk_posts_free(struct sotto_desk *d)
{
    while (d->posts) post_free(d->posts);             /* the workers were stopped before */
}

/* ---- the end ---- */

static enum sotto_err send_it(struct sotto_node *n, const struct sotto_desk_post *p, const struct sotto_shh_posted *made, const uint8_t key[64])
{
    struct sotto_now now = sotto_io_now();
    struct sotto_span rlp = sotto_buf_span(&made->rlp);
    if (p->job.direct) return sotto_net_send_direct(n->net, key, rlp, now, &n->outq);
    return sotto_net_post(n->net, rlp, made->rating, now, &n->outq);
}

static struct sotto_shh_refusal post_end(struct sotto_desk_post *p, uint8_t hash[32])
{
    struct sotto_node *n = p->desk->node;
    struct sotto_shh_posted made;
    uint8_t key[64];
    char id[65], why[160];
    struct sotto_shh_post_world world = { .rules = sotto_net_rules(n->net, sotto_io_now()), .size_max = p->desk->size_max };
    if (p->job.direct && !sotto_shh_url(key, id, why, sotto_buf_span(&p->target))) {
        world.target = SOTTO_SHH_TARGET_UNREADABLE;
        world.target_text = sotto_span_str(why);
    } else if (p->job.direct && !sotto_net_is_whisper_peer(n->net, key)) {
        world.target = SOTTO_SHH_TARGET_UNKNOWN;
        world.target_text = sotto_span_str(id);
    }
    struct sotto_shh_refusal r = sotto_shh_post_end(&made, &p->job, p->found, p->nonce, &world);
    if (r.why == SOTTO_SHH_REFUSED_NOTHING) {
        enum sotto_err err = send_it(n, p, &made, key);
        memcpy(hash, made.hash, sizeof made.hash);
        sotto_buf_free(&made.rlp);
        if (err != SOTTO_OK) r = sotto_shh_refusal(p->job.direct ? SOTTO_SHH_REFUSED_NOT_SENT : SOTTO_SHH_REFUSED_NOT_ADDED);
        return r;
    }
    if (r.why == SOTTO_SHH_REFUSED_TARGET_PEER || r.why == SOTTO_SHH_REFUSED_NO_PEER) {
        if (p->call) sotto_shh_refuse(p->call, &r);   /* here: its text is ours */
        p->call = NULL;
    }
    return r;
}

static void post_over(struct sotto_desk_post *p)
{
    struct sotto_node *n = p->desk->node;
    uint8_t hash[32];
    struct sotto_shh_refusal r = post_end(p, hash);
    struct sotto_call *call = p->call;
    if (p->begun) sotto_histogram_add(&n->meters.work, p->worked_us);
    post_free(p);
    if (call && r.why) sotto_shh_refuse(call, &r);
    else if (call) sotto_call_result(call, sotto_json_hex(hash, sizeof hash));
    sotto_network_flush(n);
}

/* ---- the work ---- */

static void slice_run(void *arg, const atomic_bool *cancel)
{
    struct sotto_desk_post *p = arg;
    struct sotto_span prefix = sotto_buf_span(&p->job.prefix);
    uint64_t before = sotto_io_now().mono_us;
    if (!p->begun) sotto_work_init(&p->work, prefix, 0, p->job.work == SOTTO_SHH_WORK_BEST ? 1 : p->job.zeros);
    p->begun = true;
    for (uint32_t tries = 0; tries < SLICE_TRIES && !p->over && !atomic_load_explicit(cancel, memory_order_relaxed); tries += SOTTO_WORK_CHUNK) {
        uint64_t nonce;
        if (sotto_io_now().mono_us >= p->until_us) p->over = true;
        else if (sotto_work_step(&p->work, &nonce, SOTTO_WORK_CHUNK) == SOTTO_OK) {
            p->found = true;
            p->nonce = nonce;
            p->over = p->job.work == SOTTO_SHH_WORK_REACH;
            if (!p->over) p->work.bits = sotto_work_zeros(prefix, nonce) + 1;     /* BEST: only a better one counts */
        }
    }
    p->worked_us += sotto_io_now().mono_us - before;
}

static void slice_done(void *arg, bool cancelled);

/* False: the lane takes no more. */
static bool slice_start(struct sotto_desk_post *p)
{
    return sotto_workers_run(p->desk->node->workers, &p->slice, SOTTO_LANE_MINE, slice_run, slice_done, p) == SOTTO_OK;
}

static void slice_done(void *arg, bool cancelled)
{
    struct sotto_desk_post *p = arg;
    p->slice = NULL;
    if (!p->call || cancelled) {                      /* nobody waits, or the node ends */
        if (p->call) sotto_call_error(p->call, SOTTO_CODE_BUSY, NULL);
        post_free(p);
        return;
    }
    if (!p->over && slice_start(p)) return;
    post_over(p);
}

static void post_cancel(void *ctx, struct sotto_call *call)
{
    struct sotto_desk_post *p = ctx;
    (void)call;
    p->call = NULL;
    if (p->slice) sotto_job_cancel(p->slice);         /* done comes later, and frees it */
}

void sotto_desk_post(struct sotto_desk *d, struct sotto_call *call, const struct sotto_shh_post *post)
{
    struct sotto_node *n = d->node;
    struct sotto_now now = sotto_io_now();
    struct sotto_shh_refusal r = { .why = SOTTO_SHH_REFUSED_POSTS_FULL, .limit = SOTTO_DESK_POSTS_MAX };
    struct sotto_desk_post *p = d->post_count < SOTTO_DESK_POSTS_MAX ? calloc(1, sizeof *p) : NULL;
    if (!p) {
        sotto_shh_refuse(call, &r);
        return;
    }
    p->target = sotto_buf_make(4096);
    r = sotto_shh_post_begin(&p->job, d->keys, post, (uint32_t)(now.wall_ms / 1000), &n->rng.rng);
    if (r.why == SOTTO_SHH_REFUSED_NOTHING && sotto_buf_add_span(&p->target, post->target_peer) != SOTTO_OK) {
        sotto_shh_job_free(&p->job);
        r = sotto_shh_refusal(SOTTO_SHH_REFUSED_NO_MEMORY);
    }
    if (r.why) {
        free(p);
        sotto_shh_refuse(call, &r);
        return;
    }
    p->desk = d;
    p->call = call;
    p->until_us = now.mono_us + p->job.work_s * SECOND_US;
    p->next = d->posts;
    d->posts = p;
    d->post_count++;
    sotto_call_on_cancel(call, post_cancel, p);
    bool idle = p->job.work == SOTTO_SHH_WORK_NONE || p->job.work_s == 0;
    if (idle || !slice_start(p)) post_over(p);
}

/* ---- the key of a password ---- */

struct stretch { struct sotto_desk *desk; struct sotto_call *call; struct sotto_buf password; struct sotto_secret *key; bool ran; };

static void stretch_run(void *arg, const atomic_bool *cancel)
{
    struct stretch *s = arg;
    (void)cancel;
    sotto_shh_password_key(s->key, sotto_buf_span(&s->password));
    s->ran = true;
}

static void stretch_free(struct stretch *s)
{
    sotto_guard_free(s->key);
    sotto_buf_free(&s->password);
    free(s);
}

static void stretch_done(void *arg, bool cancelled)
{
    struct stretch *s = arg;
    struct sotto_shh_id id;
    struct sotto_call *call = s->call;
    struct sotto_shh_refusal r = sotto_shh_refusal(SOTTO_SHH_REFUSED_NO_MEMORY);
    if (call && s->ran && !cancelled) r = sotto_shh_keys_add_sym(s->desk->keys, &id, sotto_span(s->key->b, sizeof s->key->b));
    stretch_free(s);
    if (!call) return;
    if (r.why) sotto_shh_refuse(call, &r);
    else sotto_call_result(call, json_string(id.text));
}

static void stretch_cancel(void *ctx, struct sotto_call *call)
{
    (void)call;
    ((struct stretch *)ctx)->call = NULL;
}

void sotto_desk_password(struct sotto_desk *d, struct sotto_call *call, struct sotto_span password)
{
    struct sotto_shh_refusal r = sotto_shh_refusal(SOTTO_SHH_REFUSED_NO_MEMORY);
    struct stretch *s = calloc(1, sizeof *s);
    if (s) {
        *s = (struct stretch){ d, call, sotto_buf_make(SOTTO_RPC_BODY_MAX), sotto_guard_new(sizeof *s->key, NULL), false };
        bool good = s->key && sotto_buf_add_span(&s->password, password) == SOTTO_OK;
        if (good && sotto_workers_run(d->node->workers, NULL, SOTTO_LANE_WORK, stretch_run, stretch_done, s) == SOTTO_OK) {
            sotto_call_on_cancel(call, stretch_cancel, s);
            return;
        }
        stretch_free(s);
    }
    sotto_shh_refuse(call, &r);
}
