/* What makes an envelope acceptable, as one pure function (whisper-v6.md 7 with the deliberate differences of network.md 5). */
#ifndef SOTTO_WHISPER_RULES_H
#define SOTTO_WHISPER_RULES_H

#include "whisper/bloom.h"
#include "whisper/envelope.h"

#define SOTTO_SYNC_ALLOWANCE_S 10u                /* how far ahead an envelope's sent may lie */
#define SOTTO_CHANGE_GRACE_US 10000000u           /* after a change of PoW or bloom the previous value counts too */

struct sotto_rules {
    uint32_t now_ahead;                           /* the latest it can be: own clock, plus what it seems to lag behind */
    uint32_t now_behind;                          /* the earliest: own clock, less what it seems to run ahead */
    double floor, floor_before;                   /* least rating; the previous one while it is still tolerated, else the same */
    const struct sotto_bloom *filter, *filter_before;     /* NULL: everything */
    uint32_t size_max;                            /* size() of the largest; 0: SOTTO_ENVELOPE_SIZE_MAX */
};

/* OK: *rating is what it is kept under. First failure wins, in this order:
 *   ERR_ENV_SIZE    size() above size_max
 *   ERR_ENV_FUTURE  sent more than 10 s ahead (so too where ttl > expiry wraps)
 *   ERR_ENV_OLD     expiry has passed; the very second of expiry is still good
 *   ERR_ENV_TTL     0 (would rate infinite) or above a day
 *   ERR_ENV_WORK    rating below the floor and below the tolerated one; an envelope from the future is rated as if it lived longer
 *   ERR_ENV_BLOOM   topic in neither filter */
SOTTO_MUST_USE enum sotto_err sotto_rules_judge(double *rating, const struct sotto_envelope *e, const struct sotto_rules *rules);
/* The same in two halves, for those who know the zero bits already or find them for many envelopes at once: what needs no hash (down to
 * ERR_ENV_TTL; *late_s = seconds it comes from the future), and the rest. */
SOTTO_MUST_USE enum sotto_err sotto_rules_before_work(uint32_t *late_s, const struct sotto_envelope *e, const struct sotto_rules *rules);
SOTTO_MUST_USE enum sotto_err sotto_rules_work(double *rating, const struct sotto_envelope *e, unsigned zeros, uint32_t late_s,
                                               const struct sotto_rules *rules);

/* What a place in a pool or on a link is given for: the rating, as if nothing were shorter than a native envelope. Pools and links are bounded by
 * number too, and an envelope of thirty bytes takes a place like any other, but reaches a rating for a 35th of the work. For native and longer
 * ones it is the rating, and among those of one length the order stays, so [evict] of network.md holds. Never told to a peer. */
double sotto_rules_worth(double rating, size_t data_size);

/* May it be passed on now? Not if a peer whose clock is a few seconds off would cut us off for it (network.md 5). */
#define SOTTO_FORWARD_AHEAD_S 5u
#define SOTTO_FORWARD_LEFT_S 2u
static inline bool sotto_rules_too_early(uint32_t sent, uint32_t now_ahead) { return (uint64_t)now_ahead + SOTTO_FORWARD_AHEAD_S < sent; }
static inline bool sotto_rules_too_late(uint32_t expiry, uint32_t now_behind) { return (uint64_t)now_behind + SOTTO_FORWARD_LEFT_S > expiry; }

#endif
