/* Between the kernels and those who choose among them: keccak_lanes.c. Others want crypto/keccak_lanes.h. */
#ifndef SOTTO_CRYPTO_KECCAK_KERNEL_H
#define SOTTO_CRYPTO_KECCAK_KERNEL_H

#include "crypto/keccak_lanes.h"

/* Made by compiling keccak_kernel.c once for each (CMakeLists.txt). Those of an instruction set may only be called where the
 * processor has it; looking at their name and number of lanes is always allowed. */
extern const struct sotto_keccak_kernel sotto_keccak_scalar, sotto_keccak_generic, sotto_keccak_avx2, sotto_keccak_avx512;

#endif
