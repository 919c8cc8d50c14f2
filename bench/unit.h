/* The unit of what is dear in a handshake and in a cell: one multiplication of the curve, secp256k1_ecdh with a callback that returns x. */
#ifndef SOTTO_BENCH_UNIT_H
#define SOTTO_BENCH_UNIT_H

#include "base/env.h"

void bench_unit_begin(struct sotto_rng *rng);                             /* once, before the first look; rng outlives the looks */
double bench_unit_us(void);                                               /* one look: the mean of some sixty */
void bench_unit_end(void);

#endif
