/* The token bucket of every limit per peer (network.md 1 [bucket]): integers only, the level in millionths of a token, so
 * that two machines agree on each decision. Full at the start; what does not fit takes nothing. */
#ifndef SOTTO_WHISPER_BUCKET_H
#define SOTTO_WHISPER_BUCKET_H

#include "base/bytes.h"

struct sotto_bucket { uint64_t rate, burst_millionths, level, at_us; };       /* rate: tokens a second */

static inline struct sotto_bucket sotto_bucket_make(uint32_t rate, uint32_t burst, uint64_t now_us)
{
    uint64_t full = (uint64_t)burst * 1000000u;
    return (struct sotto_bucket){ rate, full, full, now_us };
}
static inline void sotto_bucket_fill(struct sotto_bucket *b, uint64_t now_us)
{
    uint64_t passed = now_us > b->at_us ? now_us - b->at_us : 0;
    if (now_us > b->at_us) b->at_us = now_us;
    if (b->level >= b->burst_millionths) return;                      /* full; a credit above that is used up first */
    uint64_t room = b->burst_millionths - b->level;
    b->level += b->rate && passed >= room / b->rate + 1 ? room : passed * b->rate;      /* the division guards the product */
    if (b->level > b->burst_millionths) b->level = b->burst_millionths;
}
static inline bool sotto_bucket_take(struct sotto_bucket *b, uint32_t cost, uint64_t now_us)
{
    sotto_bucket_fill(b, now_us);
    if ((uint64_t)cost * 1000000u > b->level) return false;
    b->level -= (uint64_t)cost * 1000000u;
    return true;
}
/* How many could be taken now, one by one. */
static inline uint64_t sotto_bucket_tokens(struct sotto_bucket *b, uint64_t now_us)
{
    sotto_bucket_fill(b, now_us);
    return b->level / 1000000u;
}
/* Gives back what was taken for something that then did not happen. */
static inline void sotto_bucket_refund(struct sotto_bucket *b, uint32_t cost)
{
    uint64_t top = b->level > b->burst_millionths ? UINT64_MAX : b->burst_millionths;
    b->level += (uint64_t)cost * 1000000u;
    if (b->level > top) b->level = top;
}
/* Once, at the start: so many tokens, also above the burst; they do not come again. */
static inline void sotto_bucket_credit(struct sotto_bucket *b, uint32_t tokens)
{
    if ((uint64_t)tokens * 1000000u > b->level) b->level = (uint64_t)tokens * 1000000u;
}
/* What is left of a credit is gone. */
static inline void sotto_bucket_no_credit(struct sotto_bucket *b)
{
    if (b->level > b->burst_millionths) b->level = b->burst_millionths;
}
/* Microseconds until `cost` fits; 0: now. cost <= burst. */
static inline uint64_t sotto_bucket_wait_us(struct sotto_bucket *b, uint32_t cost, uint64_t now_us)
{
    sotto_bucket_fill(b, now_us);
    uint64_t want = (uint64_t)cost * 1000000u;
    return want <= b->level || b->rate == 0 ? 0 : (want - b->level + b->rate - 1) / b->rate;
}

#endif
