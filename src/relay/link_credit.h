/* Credit of a link as its sender keeps it (network.md 2 [credit]): how much may leave on channels 1 to 3 before the next WINDOW.
 * A record costs 4 + its length; `limit` counts from the start of the link. Channel 0 has no credit. Threads: plain values. */
#ifndef SOTTO_RELAY_LINK_CREDIT_H
#define SOTTO_RELAY_LINK_CREDIT_H

#include "relay/link_code.h"

#define SOTTO_RL_WINDOW_1 (64u << 10)             /* w of channels 1 and 3 */
#define SOTTO_RL_WINDOW_3 (64u << 10)
#define SOTTO_RL_WINDOW_BOUND (4u << 20)          /* w of channel 2 on a link between validators */

struct sotto_rl_credit { uint64_t used[SOTTO_RL_CHANNELS], limit[SOTTO_RL_CHANNELS]; };

/* window2: first credit of channel 2, from the receiver's STATUS. */
static inline struct sotto_rl_credit sotto_rl_credit(uint64_t window2)
{
    return (struct sotto_rl_credit){ .limit = { 0, SOTTO_RL_WINDOW_1, window2, SOTTO_RL_WINDOW_3 } };
}
/* Bytes, heads included, that may leave on a channel now. */
static inline uint64_t sotto_rl_credit_left(const struct sotto_rl_credit *c, unsigned channel)
{
    return channel == 0 ? UINT64_MAX : c->limit[channel] - c->used[channel];
}
/* Uses up cost bytes; false: there is not so much, and nothing was used. */
static inline bool sotto_rl_credit_take(struct sotto_rl_credit *c, unsigned channel, uint64_t cost)
{
    if (channel == 0) return true;
    if (cost > c->limit[channel] - c->used[channel]) return false;
    c->used[channel] += cost;
    return true;
}
/* A record of this length. */
static inline bool sotto_rl_credit_record(struct sotto_rl_credit *c, unsigned channel, size_t size)
{
    return sotto_rl_credit_take(c, channel, SOTTO_RL_HEAD + (uint64_t)size);
}
/* WINDOW came. ERR_WINDOW_BACK: a lower limit than before. */
SOTTO_MUST_USE static inline enum sotto_err sotto_rl_credit_window(struct sotto_rl_credit *c, unsigned channel, uint64_t limit)
{
    SOTTO_ASSERT(channel >= 1 && channel < SOTTO_RL_CHANNELS);
    if (limit < c->limit[channel]) return SOTTO_ERR_WINDOW_BACK;
    c->limit[channel] = limit;
    return SOTTO_OK;
}

#endif
