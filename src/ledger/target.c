#include "ledger/target.h"

#include <gmp.h>

#define LIMBS (512 / GMP_NUMB_BITS)               /* of a target */
#define WIDE (LIMBS + 1)                          /* of 2^512, of a target times 17 bits */
_Static_assert(GMP_NUMB_BITS * LIMBS == 512 && GMP_NUMB_BITS >= 32, "no nails");

static void load(mp_limb_t out[LIMBS], const struct sotto_target *t)
{
    for (size_t i = 0; i < LIMBS; i++) {
        out[i] = 0;
        for (size_t k = 0; k < sizeof(mp_limb_t); k++) out[i] = out[i] << 8 | t->b[64 - (i + 1) * sizeof(mp_limb_t) + k];
    }
}

static void store(uint8_t *out, size_t size, const mp_limb_t *in)        /* the low size bytes */
{
    for (size_t i = 0; i < size; i++) out[size - 1 - i] = (uint8_t)(in[i / sizeof(mp_limb_t)] >> (8 * (i % sizeof(mp_limb_t))));
}

/* Bytes of the number without leading zeros. */
static size_t length_of(const struct sotto_target *t)
{
    size_t zeros = 0;
    while (zeros < sizeof t->b && t->b[zeros] == 0) zeros++;
    return sizeof t->b - zeros;
}

enum sotto_err sotto_target_of(struct sotto_target *out, uint32_t bits)
{
    struct sotto_target t = { { 0 } };
    if ((bits & 0xffffff00u) == SOTTO_BITS_ZEROS) {
        unsigned zeros = bits & 0xff;
        if (zeros > 128) return SOTTO_W_BITS;
        memset(t.b + zeros / 2, 0xff, sizeof t.b - zeros / 2);
        if (zeros % 2) t.b[zeros / 2] = 0x0f;
        *out = t;
        return SOTTO_OK;
    }
    size_t exponent = bits >> 24;
    uint32_t mantissa = bits & 0x7fffff;
    if (mantissa == 0 || (bits & 0x800000)) return SOTTO_W_BITS;
    for (size_t i = 0; i < 3; i++) {                      /* the byte worth 256^(exponent - 1 - i) */
        uint8_t byte = (uint8_t)(mantissa >> (8 * (2 - i)));
        if (byte == 0 || exponent < 1 + i) continue;
        if (exponent - i > sizeof t.b) return SOTTO_W_BITS;
        t.b[sizeof t.b - (exponent - i)] = byte;
    }
    if (length_of(&t) == 0 || sotto_target_bits(&t) != bits) return SOTTO_W_BITS;
    *out = t;
    return SOTTO_OK;
}

uint32_t sotto_target_bits(const struct sotto_target *target)
{
    size_t length = length_of(target);
    SOTTO_ASSERT(length > 0);
    const uint8_t *top = target->b + sizeof target->b - length;
    if (top[0] & 0x80) {                                  /* that bit is not the mantissa's: one byte more, a zero */
        length++;
        return (uint32_t)length << 24 | (uint32_t)top[0] << 8 | (length > 2 ? top[1] : 0);
    }
    return (uint32_t)length << 24 | (uint32_t)top[0] << 16 | (uint32_t)(length > 1 ? top[1] : 0) << 8 | (length > 2 ? top[2] : 0);
}

bool sotto_target_met(const struct sotto_target *target, const uint8_t id[64]) { return memcmp(id, target->b, sizeof target->b) <= 0; }

void sotto_work_of(struct sotto_work *out, const struct sotto_target *target)
{
    mp_limb_t power[WIDE] = { 0 }, divisor[WIDE], quotient[WIDE] = { 0 }, rest[WIDE];
    power[LIMBS] = 1;
    load(divisor, target);
    divisor[LIMBS] = mpn_add_1(divisor, divisor, LIMBS, 1);
    mp_size_t size = WIDE;
    while (divisor[size - 1] == 0) size--;                /* at least 1: it is not 0 */
    mpn_tdiv_qr(quotient, rest, 0, power, WIDE, divisor, size);
    store(out->b, sizeof out->b, quotient);
}

void sotto_work_add(struct sotto_work *sum, const struct sotto_work *more)
{
    unsigned carry = 0;
    for (size_t i = sizeof sum->b; i-- > 0;) {
        carry += sum->b[i] + more->b[i];
        sum->b[i] = (uint8_t)carry;
        carry >>= 8;
    }
    if (carry) memset(sum->b, 0xff, sizeof sum->b);
}

/* ---- following the clock ---- */

/* 2^(f / 65536) in 1/65536: the cubic of the published rule. */
static uint32_t factor_of(uint32_t f)
{
    unsigned __int128 x = f, sum = UINT64_C(195766423245049) * x + 971821376 * x * x + 5127 * x * x * x + ((unsigned __int128)1 << 47);
    return 65536 + (uint32_t)(sum >> 48);
}

/* Shifts of whole limbs and the bits that are left. What is pushed out at the top is lost: false. */
static bool shift_left(mp_limb_t n[2 * WIDE], unsigned bits)
{
    unsigned limbs = bits / GMP_NUMB_BITS, rest = bits % GMP_NUMB_BITS;
    for (unsigned i = 0; i < limbs; i++)
        if (n[2 * WIDE - 1 - i]) return false;
    memmove(n + limbs, n, (2 * WIDE - limbs) * sizeof *n);
    memset(n, 0, limbs * sizeof *n);
    return !rest || mpn_lshift(n, n, 2 * WIDE, rest) == 0;
}

static void shift_right(mp_limb_t n[2 * WIDE], unsigned bits)
{
    unsigned limbs = bits / GMP_NUMB_BITS, rest = bits % GMP_NUMB_BITS;
    memmove(n, n + limbs, (2 * WIDE - limbs) * sizeof *n);
    memset(n + 2 * WIDE - limbs, 0, limbs * sizeof *n);
    if (rest) mpn_rshift(n, n, 2 * WIDE, rest);
}

#define SHIFT_MAX 512                             /* by more, nothing or everything is left */

uint32_t sotto_asert_bits(const struct sotto_asert *a, uint64_t parent_time, uint32_t parent_height)
{
    SOTTO_ASSERT(a->halflife > 0 && length_of(&a->limit) > 0);
    __int128 since = (__int128)parent_time - a->genesis_time + a->spacing;            /* from the block before block 0, one spacing earlier */
    __int128 late = since - (__int128)a->spacing * ((__int128)parent_height + 1);
    __int128 x = late * 65536 / a->halflife;                                          /* towards zero, as C divides */
    __int128 s = x >> 16;                                                             /* floor */
    uint32_t factor = factor_of((uint32_t)(x & 0xffff));
    mp_limb_t n[2 * WIDE] = { 0 };
    struct sotto_target t;
    load(n, &a->anchor);
    n[LIMBS] = mpn_mul_1(n, n, LIMBS, factor);
    s -= 16;
    bool zero = mpn_zero_p(n, WIDE), fits = true;
    if (s > SHIFT_MAX) fits = zero;
    else if (s >= 0) fits = shift_left(n, (unsigned)s);
    else if (s < -SHIFT_MAX - 17) memset(n, 0, sizeof n);
    else shift_right(n, (unsigned)-s);
    if (!fits || !mpn_zero_p(n + LIMBS, 2 * WIDE - LIMBS)) return sotto_target_bits(&a->limit);
    if (mpn_zero_p(n, LIMBS)) n[0] = 1;
    store(t.b, sizeof t.b, n);
    return sotto_target_bits(memcmp(t.b, a->limit.b, sizeof t.b) > 0 ? &a->limit : &t);
}
