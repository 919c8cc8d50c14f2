/* Keccak-f[1600] over SOTTO_LANES independent states, one in each lane of a vector. The build compiles this file once for each kernel,
 * with SOTTO_LANES and SOTTO_KERNEL (its name) defined and the instruction set switched on; the compiler turns rotations and three-operand
 * logic into vprolq and vpternlogq where there are any.
 *
 * The Keccak reference, version 3.0, chapter 1: theta, rho, pi, chi, iota. Word x + 5y is A[x, y]. */
#include "crypto/keccak_kernel.h"

#include "crypto/secret.h"

#if SOTTO_LANES == 1
typedef uint64_t vector;                          /* one state may be of something secret */
#else
typedef uint64_t vector __attribute__((vector_size(SOTTO_LANES * 8)));
#endif
_Static_assert(SOTTO_LANES <= SOTTO_KECCAK_LANES_MAX, "states have room for that many lanes");

#define ROUNDS 24u
#define RATE_WORDS (SOTTO_KECCAK_RATE / 8)
#define INLINE static inline __attribute__((always_inline))

INLINE vector turn(vector v, unsigned n) { return n ? v << n | v >> (64 - n) : v; }

/* Row y of the next state out of the five words that pi brings there, already turned. */
INLINE void chi(vector *row, vector b0, vector b1, vector b2, vector b3, vector b4)
{
    row[0] = b0 ^ (~b1 & b2);
    row[1] = b1 ^ (~b2 & b3);
    row[2] = b2 ^ (~b3 & b4);
    row[3] = b3 ^ (~b4 & b0);
    row[4] = b4 ^ (~b0 & b1);
}

/* From one array to another, so that no word has to be kept aside. */
INLINE void round_of(vector e[SOTTO_KECCAK_WORDS], const vector a[SOTTO_KECCAK_WORDS], uint64_t constant)
{
    vector c0 = a[0] ^ a[5] ^ a[10] ^ a[15] ^ a[20], c1 = a[1] ^ a[6] ^ a[11] ^ a[16] ^ a[21], c2 = a[2] ^ a[7] ^ a[12] ^ a[17] ^ a[22];
    vector c3 = a[3] ^ a[8] ^ a[13] ^ a[18] ^ a[23], c4 = a[4] ^ a[9] ^ a[14] ^ a[19] ^ a[24];
    vector d0 = c4 ^ turn(c1, 1), d1 = c0 ^ turn(c2, 1), d2 = c1 ^ turn(c3, 1), d3 = c2 ^ turn(c4, 1), d4 = c3 ^ turn(c0, 1);
    chi(e, a[0] ^ d0, turn(a[6] ^ d1, 44), turn(a[12] ^ d2, 43), turn(a[18] ^ d3, 21), turn(a[24] ^ d4, 14));
    e[0] ^= constant;
    chi(e + 5, turn(a[3] ^ d3, 28), turn(a[9] ^ d4, 20), turn(a[10] ^ d0, 3), turn(a[16] ^ d1, 45), turn(a[22] ^ d2, 61));
    chi(e + 10, turn(a[1] ^ d1, 1), turn(a[7] ^ d2, 6), turn(a[13] ^ d3, 25), turn(a[19] ^ d4, 8), turn(a[20] ^ d0, 18));
    chi(e + 15, turn(a[4] ^ d4, 27), turn(a[5] ^ d0, 36), turn(a[11] ^ d1, 10), turn(a[17] ^ d2, 15), turn(a[23] ^ d3, 56));
    chi(e + 20, turn(a[2] ^ d2, 62), turn(a[8] ^ d3, 55), turn(a[14] ^ d4, 39), turn(a[15] ^ d0, 41), turn(a[21] ^ d1, 2));
}

INLINE void rounds(vector a[SOTTO_KECCAK_WORDS], vector e[SOTTO_KECCAK_WORDS], unsigned count)
{
    for (unsigned i = 0; i < count; i += 2) {
        round_of(e, a, sotto_keccak_iota[i]);
        round_of(a, e, sotto_keccak_iota[i + 1]);
    }
}

/* From a state that is left on the stack one can reckon back to what went in. */
INLINE void leave(vector a[SOTTO_KECCAK_WORDS], vector e[SOTTO_KECCAK_WORDS], bool secret)
{
    if (SOTTO_LANES > 1 && !secret) return;       /* envelopes */
    sotto_wipe(a, SOTTO_KECCAK_WORDS * sizeof *a);
    sotto_wipe(e, SOTTO_KECCAK_WORDS * sizeof *e);
}

static void permute(uint64_t *state)
{
    vector a[SOTTO_KECCAK_WORDS], e[SOTTO_KECCAK_WORDS];
    memcpy(a, state, sizeof a);
    rounds(a, e, ROUNDS);
    memcpy(state, a, sizeof a);
    leave(a, e, false);
}

/* The last round is told apart: of its twenty-five words the compiler then makes only the one that leaves. */
static void first_words(uint64_t *out, const uint64_t *state)
{
    vector a[SOTTO_KECCAK_WORDS], e[SOTTO_KECCAK_WORDS];
    memcpy(a, state, sizeof a);
    rounds(a, e, ROUNDS - 2);
    round_of(e, a, sotto_keccak_iota[ROUNDS - 2]);
    round_of(a, e, sotto_keccak_iota[ROUNDS - 1]);
    memcpy(out, a, sizeof a[0]);
    leave(a, e, false);
}

INLINE uint64_t word_at(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

INLINE void take_in(uint64_t *state, const uint8_t *const *in, size_t blocks, bool secret)
{
    vector a[SOTTO_KECCAK_WORDS], e[SOTTO_KECCAK_WORDS];
    memcpy(a, state, sizeof a);
    for (size_t block = 0; block < blocks; block++) {
        for (unsigned w = 0; w < RATE_WORDS; w++) {
#if SOTTO_LANES == 1
            a[w] ^= word_at(in[0] + block * SOTTO_KECCAK_RATE + 8 * w);
#else
            vector v;
            for (unsigned l = 0; l < SOTTO_LANES; l++) v[l] = word_at(in[l] + block * SOTTO_KECCAK_RATE + 8 * w);
            a[w] ^= v;
#endif
        }
        rounds(a, e, ROUNDS);
    }
    memcpy(state, a, sizeof a);
    leave(a, e, secret);
}
static void absorb(uint64_t *state, const uint8_t *const *in, size_t blocks) { take_in(state, in, blocks, false); }
static void absorb_secret(uint64_t *state, const uint8_t *const *in, size_t blocks) { take_in(state, in, blocks, true); }

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)
const struct sotto_keccak_kernel JOIN(sotto_keccak_, SOTTO_KERNEL) = { TEXT(SOTTO_KERNEL), SOTTO_LANES, permute, first_words, absorb, absorb_secret };
