/* Between the kernels and those who choose among them: keccak_lanes.c. Others want crypto/keccak_lanes.h. */
#ifndef SOTTO_CRYPTO_KECCAK_KERNEL_H
#define SOTTO_CRYPTO_KECCAK_KERNEL_H

#include "crypto/keccak_lanes.h"

/* The round constants. Here, so that every kernel reckons with the same and the compiler sees them. */
static const uint64_t sotto_keccak_iota[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
    0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
    0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

/* Made by compiling keccak_kernel.c once for each (CMakeLists.txt). Those of an instruction set may only be called where the
 * processor has it; looking at their name and number of lanes is always allowed. */
extern const struct sotto_keccak_kernel sotto_keccak_scalar, sotto_keccak_planes, sotto_keccak_generic, sotto_keccak_avx2, sotto_keccak_avx512;

#endif
