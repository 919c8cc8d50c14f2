/* When things leave: the one place that decides it (network.md 3).
 *
 * Two kinds of slot, both Poisson, so that neither restart nor drift leaves a phase. E-slots: at each one envelope of one's own leaves. C-slots: at each
 * one large cell leaves a stem link (relay/links.h, cell_slot_us), with what waits, or empty.
 *
 * Profile "off", the one that nodes have, has neither: each envelope leaves at once plus an exponential wait of its own, and cells leave as they are
 * filled. It hides the second of writing and no more. The others stand here for who draws slots by them: the simulator, and the links. */
#ifndef SOTTO_RELAY_SCHEDULE_H
#define SOTTO_RELAY_SCHEDULE_H

#include "base/env.h"

enum sotto_profile { SOTTO_PROFILE_OFF, SOTTO_PROFILE_PHONE, SOTTO_PROFILE_NORMAL, SOTTO_PROFILE_STRONG, SOTTO_PROFILES };
struct sotto_slots {
    const char *name;
    uint64_t idle_us, talk_us;                    /* mean of E-slots; off: of the wait */
    uint64_t cell_us;                             /* mean of C-slots; 0: none */
    bool relays;                                  /* carries stems of others; else a leaf */
    uint8_t stem_class;                           /* of STATUS option 05 */
    uint16_t hop_ms;
};
static inline const struct sotto_slots *sotto_slots_of(enum sotto_profile p)
{
    static const struct sotto_slots all[SOTTO_PROFILES] = {
        [SOTTO_PROFILE_OFF] = { "off", 500000, 500000, 0, true, 0, 50 },
        [SOTTO_PROFILE_PHONE] = { "phone", 1800000000, 20000000, 0, false, 0, 50 },
        [SOTTO_PROFILE_NORMAL] = { "normal", 90000000, 5000000, 0, true, 0, 50 },
        [SOTTO_PROFILE_STRONG] = { "strong", 90000000, 90000000, 4400000, true, 1, 4400 },
    };
    return &all[p];
}

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
