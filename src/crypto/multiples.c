#include "crypto/multiples.h"

#include "crypto/setup.h"

#include <secp256k1.h>
#include <stdlib.h>

enum { WINDOWS = SOTTO_MULTIPLES_WINDOWS, DIGITS = 32, DIGIT_BITS = 5, WORDS = sizeof(secp256k1_pubkey) / sizeof(uint64_t) };

struct row { secp256k1_pubkey at[DIGITS]; };
struct sotto_multiples {
    struct row rows[WINDOWS];             /* first: so that entries are aligned as the region is */
    uint32_t built;
    bool secret;
};
_Static_assert(sizeof(secp256k1_pubkey) == 64, "an entry is eight words");

/* n - sum_j 2^(5j) mod n, big-endian: added to h instead of subtracting the sum. */
static const uint8_t minus_ones[32] = {
    0x7b, 0xde, 0xf7, 0xbd, 0xef, 0x7b, 0xde, 0xf7, 0xbd, 0xef, 0x7b, 0xde, 0xf7, 0xbd, 0xef, 0x7a,
    0x99, 0xa6, 0x9a, 0xd6, 0x2b, 0x27, 0x97, 0xf9, 0xaf, 0x4e, 0x3d, 0x84, 0x8e, 0x25, 0xbd, 0x20,
};

enum sotto_err sotto_multiples_new(struct sotto_multiples **out, const struct sotto_point *q, bool secret)
{
    struct sotto_base base;
    bool locked = true;
    SOTTO_TRY(sotto_base_make(&base, q));
    struct sotto_multiples *t = secret ? sotto_guard_new(sizeof *t, &locked) : calloc(1, sizeof *t);
    enum sotto_err err = !t ? SOTTO_ERR_NOMEM : locked ? SOTTO_OK : SOTTO_ERR_FULL;
    if (t) {
        t->secret = secret;
        memcpy(&t->rows[0].at[0], base.b, sizeof base.b);
    }
    SOTTO_WIPE(base);
    if (err == SOTTO_OK) *out = t;
    else sotto_multiples_free(t);
    return err;
}

void sotto_multiples_free(struct sotto_multiples *t)
{
    if (!t) return;
    if (t->secret) {
        sotto_guard_free(t);
    } else {
        sotto_wipe(t, sizeof *t);         /* who the busy contacts are */
        free(t);
    }
}

/* a + b; never infinity here: the sums are (d + 1) * 2^(5j) * Q, and no such factor is a multiple of the prime n. */
static void add(secp256k1_pubkey *out, const secp256k1_pubkey *a, const secp256k1_pubkey *b)
{
    const secp256k1_pubkey *two[] = { a, b };
    int ok = secp256k1_ec_pubkey_combine(sotto_curve_context(), out, two, 2);
    SOTTO_ASSERT(ok);
}

static void build(struct row rows[WINDOWS], uint32_t j)
{
    secp256k1_pubkey *at = rows[j].at;
    if (j) at[0] = rows[j - 1].at[DIGITS - 1];                           /* 32 * 2^(5(j-1)) = 2^(5j) */
    for (unsigned d = 1; d < DIGITS; d++) add(&at[d], &at[d - 1], &at[0]);
}

bool sotto_multiples_build(struct sotto_multiples *t, unsigned windows)
{
    for (; windows && t->built < WINDOWS; windows--, t->built++) build(t->rows, t->built);
    return t->built == WINDOWS;
}

bool sotto_multiples_ready(const struct sotto_multiples *t) { return t->built == WINDOWS; }

/* Bits 5j .. 5j+4 of a big-endian number. The place is public, the bits are not. */
static uint32_t digit(const uint8_t number[32], unsigned j)
{
    unsigned bit = DIGIT_BITS * j, low = 31 - bit / 8;
    uint32_t two = number[low] | (low ? (uint32_t)number[low - 1] << 8 : 0);
    return (two >> (bit % 8)) & (DIGITS - 1);
}

/* Two thirds of the time under a sanitizer go here, in checks of the same few addresses. */
__attribute__((no_sanitize("address", "thread", "undefined"))) static void pick(secp256k1_pubkey *out, const struct row *row, uint32_t d)
{
    uint64_t sum[WORDS] = { 0 };
    for (uint32_t i = 0; i < DIGITS; i++) {
        uint64_t mask = 0 - (((uint64_t)(i ^ d) - 1) >> 63), entry;                 /* all ones where i == d */
        __asm__("" : "+r"(mask));         /* the compiler may not know that it is one of two values and branch on it */
        for (unsigned w = 0; w < WORDS; w++) {
            memcpy(&entry, row->at[i].data + w * sizeof entry, sizeof entry);
            sum[w] |= entry & mask;
        }
    }
    memcpy(out, sum, sizeof sum);
    SOTTO_WIPE(sum);
}

static enum sotto_err sotto_multiples_sum(struct sotto_secret *out, const struct row rows[WINDOWS], const struct sotto_scalar *h)
{
    const secp256k1_context *ctx = sotto_curve_context();
    if (!sotto_scalar_valid(h)) return SOTTO_ERR_KEY;
    struct sotto_scalar rest = *h;
    secp256k1_pubkey parts[WINDOWS], sum;
    const secp256k1_pubkey *all[WINDOWS];
    uint8_t bytes[33];
    size_t size = sizeof bytes;
    /* The call fails for h' = 0 only, and leaves 32 zero bytes then: which is h'. */
    (void)!secp256k1_ec_seckey_tweak_add(ctx, rest.b, minus_ones);
    for (unsigned j = 0; j < WINDOWS; j++) {
        pick(&parts[j], &rows[j], digit(rest.b, j));
        all[j] = &parts[j];
    }
    bool ok = secp256k1_ec_pubkey_combine(ctx, &sum, all, WINDOWS) && secp256k1_ec_pubkey_serialize(ctx, bytes, &size, &sum, SECP256K1_EC_COMPRESSED);
    if (ok) memcpy(out->b, bytes + 1, sizeof out->b);
    SOTTO_WIPE(rest);
    SOTTO_WIPE(parts);
    SOTTO_WIPE(sum);
    SOTTO_WIPE(bytes);
    return ok ? SOTTO_OK : SOTTO_ERR_KEY;
}

enum sotto_err sotto_multiples_x(struct sotto_secret *out, const struct sotto_multiples *t, const struct sotto_scalar *h)
{
    SOTTO_ASSERT(sotto_multiples_ready(t));
    return sotto_multiples_sum(out, t->rows, h);
}

/* ---- G ---- */

static struct row of_g[WINDOWS];

enum sotto_err sotto_multiples_setup(void)
{
    static const uint8_t one[32] = { [31] = 1 };
    if (!secp256k1_ec_pubkey_create(sotto_curve_context(), &of_g[0].at[0], one)) return SOTTO_ERR_INTERNAL;
    for (uint32_t j = 0; j < WINDOWS; j++) build(of_g, j);
    return SOTTO_OK;
}

enum sotto_err sotto_generator_x(struct sotto_secret *out, const struct sotto_scalar *k) { return sotto_multiples_sum(out, of_g, k); }
