/* The paper's KDAC, letter for letter (seed K, Table I), for study only.
 *
 *     h = SHA-256(x || t) mod n      K_Bt = h*K_B      K_At = h*K_A      k_Bt = h*k_B mod n
 *     S = k_A*K_Bt = k_B*K_At        K_S = S.x xor S.y
 *
 * Nothing in the product links this: the laboratory program and the vectors do. What the product does instead, and why,
 * stands in the table of messaging.md 4.3 (conversation/kdac.h). */
#ifndef SOTTO_LAB_LITERAL_H
#define SOTTO_LAB_LITERAL_H

#include "crypto/curve.h"

struct lab_literal {
    struct sotto_scalar h, k_bt;
    struct sotto_point big_k_bt, big_k_at, s;
    uint8_t k_s[32];
};
/* x: the paper's 64-bit seed, big-endian; t: its clock, hashed as u64 big-endian. ERR_KEY. */
SOTTO_MUST_USE enum sotto_err lab_literal_kdac(struct lab_literal *out, const uint8_t x[8], uint64_t t, const struct sotto_scalar *k_a,
                                               const struct sotto_scalar *k_b);
/* What is broken, shown on these very numbers: k_B again from k_Bt and h (K-20). ERR_KEY. */
SOTTO_MUST_USE enum sotto_err lab_literal_recover(struct sotto_scalar *k_b, const struct sotto_scalar *k_bt, const struct sotto_scalar *h);

#endif
