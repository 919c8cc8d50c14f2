/* Keccak-f[1600] over one state whose five planes (words 5y to 5y + 4) stand in one vector each: for what has nobody to go beside it, the MACs of
 * one connection's frames before all. A row of the state is then the same lane of five vectors after pi, which makes chi five instructions; what
 * it costs is to turn columns into planes again.
 *
 * Written with the compiler's names of AVX-512 instructions: for a rotation by another number in each lane, and for reading five words, C has none.
 * No branch and no address depends on a state, which may be of something secret.
 *
 * The Keccak reference, version 3.0, chapter 1: theta, rho, pi, chi, iota. Word x + 5y is A[x, y]; lanes 5 to 7 mean nothing. */
#include "crypto/keccak_kernel.h"

#include <immintrin.h>

typedef uint64_t plane __attribute__((vector_size(64)));

#define ROUNDS 24u
#define INLINE static inline __attribute__((always_inline))
#define LANES(p, ...) __builtin_shufflevector((p), (p), __VA_ARGS__, 5, 6, 7)
#define JOIN(p, q, ...) __builtin_shufflevector((p), (q), __VA_ARGS__)

/* Five variables and no array: in an array they would lie on the stack. */
struct state { plane y0, y1, y2, y3, y4; };

INLINE plane take(const void *words, unsigned count) { return (plane)_mm512_maskz_loadu_epi64((__mmask8)((1u << count) - 1), words); }
INLINE void put(uint64_t *words, plane p) { _mm512_mask_storeu_epi64(words, 0x1f, (__m512i)p); }
INLINE plane turn(plane p, plane by) { return (plane)_mm512_rolv_epi64((__m512i)p, (__m512i)by); }

INLINE struct state round_of(struct state a, uint64_t constant)
{
    plane c = a.y0 ^ a.y1 ^ a.y2 ^ a.y3 ^ a.y4, left = LANES(c, 4, 0, 1, 2, 3), right = LANES(c << 1 | c >> 63, 1, 2, 3, 4, 0);
    plane b0 = turn(a.y0 ^ left ^ right, (plane){ 0, 1, 62, 28, 27 }), b1 = turn(a.y1 ^ left ^ right, (plane){ 36, 44, 6, 55, 20 });
    plane b2 = turn(a.y2 ^ left ^ right, (plane){ 3, 10, 43, 25, 39 }), b3 = turn(a.y3 ^ left ^ right, (plane){ 41, 45, 15, 21, 8 });
    plane b4 = turn(a.y4 ^ left ^ right, (plane){ 18, 2, 61, 56, 14 });
    /* pi: word x of plane y goes to plane 2x + 3y, place y. Here every plane only orders its words by the plane they go to. */
    b0 = LANES(b0, 0, 3, 1, 4, 2);
    b1 = LANES(b1, 1, 4, 2, 0, 3);
    b2 = LANES(b2, 2, 0, 3, 1, 4);
    b3 = LANES(b3, 3, 1, 4, 2, 0);
    b4 = LANES(b4, 4, 2, 0, 3, 1);
    plane e0 = b0 ^ (~b1 & b2) ^ (plane){ constant }, e1 = b1 ^ (~b2 & b3), e2 = b2 ^ (~b3 & b4), e3 = b3 ^ (~b4 & b0), e4 = b4 ^ (~b0 & b1);
    /* e0 holds the words of place 0 of all planes, and so on: back to planes */
    plane even01 = JOIN(e0, e1, 0, 8, 2, 10, 4, 12, 6, 14), odd01 = JOIN(e0, e1, 1, 9, 3, 11, 5, 13, 7, 15);
    plane even23 = JOIN(e2, e3, 0, 8, 2, 10, 4, 12, 6, 14), odd23 = JOIN(e2, e3, 1, 9, 3, 11, 5, 13, 7, 15);
    even23 = JOIN(even23, e4, 0, 1, 2, 3, 4, 5, 8, 10);
    odd23 = JOIN(odd23, e4, 0, 1, 2, 3, 9, 11, 6, 7);
    plane last = JOIN(even01, even23, 4, 5, 12, 13, 4, 5, 6, 7);
    return (struct state){ JOIN(even01, even23, 0, 1, 8, 9, 14, 5, 6, 7), JOIN(odd01, odd23, 0, 1, 8, 9, 12, 5, 6, 7),
                           JOIN(even01, even23, 2, 3, 10, 11, 15, 5, 6, 7), JOIN(odd01, odd23, 2, 3, 10, 11, 13, 5, 6, 7),
                           JOIN(last, e4, 0, 1, 2, 3, 12, 5, 6, 7) };
}

INLINE struct state rounds(struct state a)
{
    for (unsigned i = 0; i < ROUNDS; i++) a = round_of(a, sotto_keccak_iota[i]);
    return a;
}

INLINE struct state begin(const uint64_t *words)
{
    return (struct state){ take(words, 5), take(words + 5, 5), take(words + 10, 5), take(words + 15, 5), take(words + 20, 5) };
}

/* Nothing is wiped: a state and all that a round needs have room in the 32 registers, and the stack sees none of it. */
INLINE void end(uint64_t *words, struct state a)
{
    put(words, a.y0);
    put(words + 5, a.y1);
    put(words + 10, a.y2);
    put(words + 15, a.y3);
    put(words + 20, a.y4);
}

static void permute(uint64_t *state) { end(state, rounds(begin(state))); }

static void first_words(uint64_t *out, const uint64_t *state) { *out = rounds(begin(state)).y0[0]; }

static void absorb(uint64_t *state, const uint8_t *const *in, size_t blocks)
{
    struct state a = begin(state);
    for (const uint8_t *block = in[0]; blocks > 0; blocks--, block += SOTTO_KECCAK_RATE) {
        a.y0 ^= take(block, 5);
        a.y1 ^= take(block + 40, 5);
        a.y2 ^= take(block + 80, 5);
        a.y3 ^= take(block + 120, 2);
        a = rounds(a);
    }
    end(state, a);
}

const struct sotto_keccak_kernel sotto_keccak_planes = { "planes", 1, permute, first_words, absorb, absorb };
