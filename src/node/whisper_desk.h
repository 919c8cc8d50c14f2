/* What the node keeps for callers of shh_* (whisper-v6.md 9 to 12): keys, filters, subscriptions, messages that are being worked on.
 * Made by the first call that needs it: a node whose callers never say shh pays nothing.
 *
 *     pool (each new entry once), direct messages -> filters, a slice of a millisecond at a time -> fetched, or pushed
 *     shh_post -> sealed here -> work in slices on the MINE lane, in turns with everybody else's -> pool, or one peer -> the hash
 *
 * Needs no account: what geth does without one works here without one. Threads: the loop's. */
#ifndef SOTTO_NODE_WHISPER_DESK_H
#define SOTTO_NODE_WHISPER_DESK_H

#include "node/impl.h"
#include "whisper/filter.h"
#include "whisper/post.h"

#define SOTTO_DESK_SIZE_MAX (10u << 20)   /* what shh_setMaxMessageSize takes at most, as in geth */
#define SOTTO_DESK_POSTS_MAX 32u          /* being worked on */
#define SOTTO_DESK_SUBSCRIPTIONS_MAX 256u
#define SOTTO_DESK_DIRECTS_MAX 64u        /* direct messages not yet shown to the filters */

struct sotto_desk_push;                   /* a subscription */
struct sotto_desk_post;
struct sotto_desk {
    struct sotto_node *node;
    struct sotto_shh_keys *keys;
    struct sotto_shh_filters *filters;
    uint32_t size_max;                    /* as it was set */
    bool light;
    uint64_t shown_seq;                   /* of the pool: entries up to this one were shown */
    bool showing_later;                   /* show_timer is set */
    struct sotto_buf open;                /* the envelope that is being shown; empty = none */
    struct sotto_shh_seen seen;           /* of it, but for e */
    uint8_t open_hash[32];
    struct sotto_buf directs[SOTTO_DESK_DIRECTS_MAX];      /* a ring */
    unsigned direct_at, direct_count;
    struct sotto_timer *show_timer, *push_timer;
    struct sotto_desk_push *pushes;
    unsigned push_count;
    struct sotto_desk_post *posts;
    unsigned post_count;
};

/* NULL: memory is out. */
struct sotto_desk *sotto_desk(struct sotto_node *n);

/* Filters add topics to the filter that neighbours were told of, if one was ever set. */
void sotto_desk_widen(struct sotto_desk *d, const struct sotto_shh_criteria *c);
/* A subscription of this connection; id = "0x" and up to 32 digits. FILTERS_FULL, TOPICS_FULL, NO_MEMORY. */
#define SOTTO_DESK_PUSH_ID 36u
SOTTO_MUST_USE struct sotto_shh_refusal sotto_desk_subscribe(struct sotto_desk *d, char id[SOTTO_DESK_PUSH_ID], const struct sotto_shh_criteria *c, uint64_t conn);
bool sotto_desk_unsubscribe(struct sotto_desk *d, struct sotto_span id, uint64_t conn);        /* false: it has none of this name */

/* whisper_post.c. The call is answered sooner or later. post is borrowed; its target_peer too. */
void sotto_desk_post(struct sotto_desk *d, struct sotto_call *call, const struct sotto_shh_post *post);
void sotto_desk_password(struct sotto_desk *d, struct sotto_call *call, struct sotto_span password);
void sotto_desk_posts_free(struct sotto_desk *d);

/* whisper_text.c. JSON as geth writes it; each appends, ERR_FULL, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_shh_text_message(struct sotto_buf *out, const struct sotto_shh_received *m);
SOTTO_MUST_USE enum sotto_err sotto_shh_text_number(struct sotto_buf *out, double value);      /* the shortest that reads back the same */
/* Ends the call with geth's words. */
void sotto_shh_refuse(struct sotto_call *call, const struct sotto_shh_refusal *r);

/* whisper_url.c. The key of a node by its URL, enode or enr, and its id in hex. false: why = geth's words, as far as they are known. */
bool sotto_shh_url(uint8_t key[64], char id[65], char why[160], struct sotto_span url);

#endif
