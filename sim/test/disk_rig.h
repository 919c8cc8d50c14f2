/* What the tests of the simulated disk share. */
#ifndef SOTTO_SIM_TEST_DISK_RIG_H
#define SOTTO_SIM_TEST_DISK_RIG_H

#include "support/test.h"

#include "io/process.h"
#include "sim/disk.h"

#define assert_ok(call) assert_int_equal((call), SOTTO_OK)

int sotto_process_id(void) { return 4242; }             /* in the lock file; a fixed one, so that a disk's hash repeats */

/* A stream of its own for what a test does, apart from what the disk does. */
static uint64_t dice_state;
static inline uint64_t dice(uint64_t bound)
{
    uint64_t z = dice_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (uint64_t)(((unsigned __int128)z * bound) >> 64);
}

/* A living disk with the folder /data, synced, that is the current one. */
static inline struct sim_disk *ready_disk(uint64_t seed)
{
    struct sim_disk *d = sim_disk_new(seed);
    sim_disk_put(d, "/data/.keep", sotto_span(NULL, 0));
    sim_disk_use(d);
    return d;
}

#endif
