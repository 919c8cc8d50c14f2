/* shh_post without its waiting: what is checked, what is to be mined, and what is checked after the work (whisper-v6.md 5, 7, 12.3).
 *
 *     sotto_shh_post_begin -> a job: the envelope without its nonce, and the work it needs
 *     worker               -> sotto_work_init(prefix, 0, zeros), steps until found or work_s are over   (NONE: nothing to do; BEST: below)
 *     sotto_shh_post_end   -> the envelope's bytes and hash, or what it is refused for: in geth's order, so all of that comes after the work
 *     caller               -> a direct one to its peer; any other into the pool (a duplicate is no error), then to the filters
 *
 * Threads: pure functions over the caller's objects. */
#ifndef SOTTO_WHISPER_POST_H
#define SOTTO_WHISPER_POST_H

#include "whisper/keys.h"
#include "whisper/message.h"
#include "whisper/rules.h"

#define SOTTO_SHH_TTL_DEFAULT_S 50u               /* when 0 is asked */

/* What the caller of the RPC gave. Empty spans are absent. */
struct sotto_shh_post {
    struct sotto_span sym_id, public_key, sig_id, target_peer;
    struct sotto_span payload, padding;
    uint8_t topic[4];                             /* absent: zeros */
    uint32_t ttl, work_s;
    double target;                                /* powTarget */
};

enum sotto_shh_work {
    SOTTO_SHH_WORK_NONE,                          /* target 0: nonce 0 */
    SOTTO_SHH_WORK_REACH,                         /* the first nonce from 0 with `zeros`, within work_s; else it has failed */
    SOTTO_SHH_WORK_BEST,                          /* target < 0: all of work_s, keep the first nonce with most zeros (begin with bits 1; after each hit
                                                   * bits = its zeros + 1, and on). Refused in the end unless direct */
};
struct sotto_shh_job {
    struct sotto_envelope e;                      /* data lies in `data`; nonce 0 */
    struct sotto_buf data, prefix;                /* owned. prefix: what comes before the nonce (sotto_work_init) */
    enum sotto_shh_work work;
    unsigned zeros;                               /* REACH: 1..256 */
    uint32_t work_s;
    double target;
    bool direct;                                  /* a target peer was named */
};

/* Checks in this order: WHICH_KEY; the signer, INVALID_ID; NO_TOPICS; NO_SYM_KEY or SYM_KEY; PUBLIC_KEY. Then ours: TTL_LIMIT (a day, as for
 * every envelope here) and PAYLOAD_LIMIT. Then the message is built: NO_MEMORY. now_s: the node's clock; rng: padding, nonce, ephemeral key.
 * Keys and parameters are not needed afterwards. *job is written only if it is not refused; sotto_shh_job_free then. */
SOTTO_MUST_USE struct sotto_shh_refusal sotto_shh_post_begin(struct sotto_shh_job *job, const struct sotto_shh_keys *keys, const struct sotto_shh_post *post,
                                                             uint32_t now_s, struct sotto_rng *rng);
void sotto_shh_job_free(struct sotto_shh_job *job);

/* Zero bits that geth wants: max(1, ceil(log2(target * size * ttl))) with size = size(), raised where that would miss the target by the sliver
 * between size() and len(short); at most 256. target > 0. */
unsigned sotto_shh_post_zeros(double target, const struct sotto_envelope *e);

/* How the peer of a direct message was found: by the caller, who knows the addresses and the connections. */
enum sotto_shh_target { SOTTO_SHH_TARGET_CONNECTED, SOTTO_SHH_TARGET_UNREADABLE, SOTTO_SHH_TARGET_UNKNOWN };
struct sotto_shh_post_world {
    struct sotto_rules rules;                     /* as they are now; rules.floor = the node's min PoW */
    uint32_t size_max;                            /* the node's max message size: size() of the largest envelope */
    enum sotto_shh_target target;                 /* of a direct one */
    struct sotto_span target_text;                /* UNREADABLE: the parser's words; UNKNOWN: the node id in hex, no 0x */
};
struct sotto_shh_posted { uint8_t hash[32]; double rating; struct sotto_buf rlp; };       /* rlp: owned, sotto_buf_free */

/* found: the work ended with *nonce (NONE: 0). In this order: WORK_TIME; direct: TARGET_PEER, NO_PEER, and nothing more; else LOW_TARGET
 * (target below rules.floor), FUTURE, VERY_OLD, NOT_ADDED (it has expired meanwhile), HUGE, LOW_POW, BLOOM. NO_MEMORY. */
SOTTO_MUST_USE struct sotto_shh_refusal sotto_shh_post_end(struct sotto_shh_posted *out, const struct sotto_shh_job *job, bool found, uint64_t nonce,
                                                           const struct sotto_shh_post_world *world);

#endif
