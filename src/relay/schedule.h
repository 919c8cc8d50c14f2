/* When a ready envelope leaves: the one place that decides it (network.md 3).
 *
 * Profile "off": each leaves at once plus an exponential wait, in the order of the queue. It hides the second of writing and
 * no more; profiles with slots and cover take this file's place later and nothing else has to change. */
#ifndef SOTTO_RELAY_SCHEDULE_H
#define SOTTO_RELAY_SCHEDULE_H

#include "base/env.h"

struct sotto_schedule { uint64_t mean_us, last_us; };

static inline struct sotto_schedule sotto_schedule_make(uint64_t mean_us) { return (struct sotto_schedule){ mean_us, 0 }; }

/* The moment for an envelope that is ready now: never before the one ahead of it, so the queue stays first in, first out. */
static inline uint64_t sotto_schedule_next(struct sotto_schedule *s, struct sotto_rng *rng, uint64_t now_us)
{
    uint64_t at = now_us + sotto_rng_exp_us(rng, s->mean_us);
    if (at > s->last_us) s->last_us = at;
    return s->last_us;
}

#endif
