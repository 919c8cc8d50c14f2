/* When a ready envelope leaves: the one place that decides it (network.md 3).
 *
 * Profile "off": each leaves at once plus an exponential wait of its own. It hides the second of writing and no more; profiles
 * with slots and cover take this file's place later and nothing else has to change. */
#ifndef SOTTO_RELAY_SCHEDULE_H
#define SOTTO_RELAY_SCHEDULE_H

#include "base/env.h"

struct sotto_schedule { uint64_t mean_us; };

static inline struct sotto_schedule sotto_schedule_make(uint64_t mean_us) { return (struct sotto_schedule){ mean_us }; }

/* A moment for an envelope that is ready now. */
static inline uint64_t sotto_schedule_draw(const struct sotto_schedule *s, struct sotto_rng *rng, uint64_t now_us)
{
    return now_us + sotto_rng_exp_us(rng, s->mean_us);
}
/* The queue is first in, first out: the moments drawn so far, handed out again in order. The moments themselves, and so what
 * an observer sees, stay as they were drawn. */
static inline void sotto_schedule_sort(uint64_t *times, unsigned count)
{
    for (unsigned i = 1; i < count; i++) {
        uint64_t t = times[i];
        unsigned at = i;
        for (; at > 0 && times[at - 1] > t; at--) times[at] = times[at - 1];
        times[at] = t;
    }
}

#endif
