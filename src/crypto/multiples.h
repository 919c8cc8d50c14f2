/* Multiplication tables of one point: x(h*Q) at half the cost of sotto_base_x, for contacts with many messages (messaging.md 4.11).
 *
 *     52 windows of 5 bits        T[j][d] = (d + 1) * 2^(5j) * Q        j = 0 .. 51, d = 0 .. 31
 *     h' = h - sum_j 2^(5j) mod n = sum_j d_j * 2^(5j)                  so that h*Q = sum_j T[j][d_j]: always 52 additions, no zero digit
 *
 * Constant time in h: each entry of a window is read and masked, additions are the library's own complete ones.
 *
 * The point at infinity is met nowhere on the way: the sum over windows 0 .. j is s*Q with 0 < s <= 32 * (2^(5j + 5) - 1) / 31, which is
 * below n up to window 50; the whole sum is h*Q, and h = 0 is refused. Equal points may meet; the library's addition is right for them.
 *
 * Size: about 106,500 bytes a table. Threads: one owner while it is built, then any number of readers. */
#ifndef SOTTO_CRYPTO_MULTIPLES_H
#define SOTTO_CRYPTO_MULTIPLES_H

#include "crypto/curve.h"

#define SOTTO_MULTIPLES_WINDOWS 52u

struct sotto_multiples;
/* A table with nothing in it yet. secret: the point is (P of a contact), so the table lies in guarded memory; ERR_FULL when that cannot be
 * locked (the limit of locked memory). ERR_KEY, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_multiples_new(struct sotto_multiples **out, const struct sotto_point *q, bool secret);
void sotto_multiples_free(struct sotto_multiples *t);             /* wipes; NULL is fine */
/* Fills at most that many windows more, about two multiplications each. True once all are there. */
bool sotto_multiples_build(struct sotto_multiples *t, unsigned windows);
bool sotto_multiples_ready(const struct sotto_multiples *t);
/* x(h*Q). ERR_KEY for h outside [1, n-1]. The table must be ready. */
SOTTO_MUST_USE enum sotto_err sotto_multiples_x(struct sotto_secret *out, const struct sotto_multiples *t, const struct sotto_scalar *h);

/* x(k*G) the same way, by a table that sotto_crypto_init makes (about a hundred multiplications, 106,500 bytes): half the cost of
 * sotto_point_make, which blinds k. For the addresses of the look-ahead, whose k are used once. ERR_KEY for k outside [1, n-1]. Any thread. */
SOTTO_MUST_USE enum sotto_err sotto_generator_x(struct sotto_secret *out, const struct sotto_scalar *k);

#endif
