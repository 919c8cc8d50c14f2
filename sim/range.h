/* A range of seeds, one after the other or on several processes. What comes out does not depend on how many there are: sums and hash go over the
 * seeds in their order, up to and with the first one that breaks a rule.
 *
 * Threads: one; jobs > 1 forks, so no other thread may run. */
#ifndef SOTTO_SIM_RANGE_H
#define SOTTO_SIM_RANGE_H

#include "sim/worlds.h"

#define SIM_JOBS_MAX 64u
#define SIM_BROKEN_TEXT 8192u

struct sim_range {
    const char *world;                          /* a name, or "all" */
    uint64_t first, count;
    unsigned jobs;                              /* 1..SIM_JOBS_MAX */
    bool each;                                  /* a line for each seed, as it ends */
    struct sim_options options;
    FILE *trace;                                /* one job only; NULL: none */
};

struct sim_totals {
    uint64_t seeds, counts[SIM_COUNTS], faults[SIM_F_COUNT], simulated_us;
    double seconds;                             /* of the processor, all jobs together */
    uint8_t hash[32];
    bool broken;
    uint64_t broken_seed;
    char text[SIM_BROKEN_TEXT];                 /* what to show a person then */
};

/* False: a process or memory could not be had, or a job died; text says which seed it was at. */
bool sim_range_run(struct sim_totals *out, const struct sim_range *range);

#endif
