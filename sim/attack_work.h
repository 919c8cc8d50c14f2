/* What a rating costs: the closed form, and searches with the Keccak kernel in use (whisper-v6.md 5, row W-05). Threads: any. */
#ifndef SOTTO_SIM_ATTACK_WORK_H
#define SOTTO_SIM_ATTACK_WORK_H

#include <stdint.h>

struct sim_attack_work {
    unsigned bits;                                /* zero bits: ceil(log2(rating * bytes * seconds)) */
    double expected;                              /* tries: 2^bits */
    double mean, half;                            /* of the searches, with half of the 95 % interval; NAN where none was made */
};
/* trials searches by the seed, none if more than bits_max bits are wanted. */
void sim_attack_work(struct sim_attack_work *out, double rating, uint32_t data_size, uint32_t ttl_s, uint64_t seed, unsigned trials, unsigned bits_max);

#endif
