#include "crypto/modexp.h"

#include <gmp.h>
#include <openssl/bn.h>

/* OpenSSL multiplies quicker and begins slower: making its Montgomery form takes more than all multiplications of a short exponent, and up
 * to SHORT_BITS it goes bit by bit. A price by the length of the exponent must hold there too, so those are GMP's; and up to PLAIN_BITS no
 * form is made at all. */
enum { PLAIN_BITS = 6, SHORT_BITS = 23 };

static unsigned bit_length(struct sotto_span n)
{
    size_t from = 0;
    while (from < n.size && n.data[from] == 0) from++;
    return from == n.size ? 0 : (unsigned)(8 * (n.size - from) - (unsigned)(__builtin_clz(n.data[from]) - 24));
}

static void times(mpz_t r, const mpz_t by, const mpz_t mod)
{
    mpz_mul(r, r, by);
    mpz_mod(r, r, mod);
}

/* By digits of two bits, the highest first. */
static void plain_power(mpz_t r, const mpz_t base, unsigned long exp, unsigned bits, const mpz_t mod)
{
    mpz_t powers[4];                               /* of a digit; the first is not used */
    for (int i = 1; i < 4; i++) {
        mpz_init_set(powers[i], base);
        if (i > 1 && bits > 1) times(powers[i], powers[i - 1], mod);
    }
    unsigned at = (bits - 1) & ~1u;
    mpz_set(r, powers[exp >> at]);
    while (at > 0) {
        at -= 2;
        times(r, r, mod);
        times(r, r, mod);
        if (exp >> at & 3) times(r, powers[exp >> at & 3], mod);
    }
    for (int i = 1; i < 4; i++) mpz_clear(powers[i]);
}

/* exp >= 1. The few KiB that GMP takes here it takes or ends the process: it has no other answer. */
static void short_power(uint8_t *out, size_t *size, struct sotto_span base, struct sotto_span exp, struct sotto_span mod, unsigned bits)
{
    mpz_t b, e, m, r;
    mpz_inits(b, e, m, r, NULL);
    mpz_import(b, base.size, 1, 1, 1, 0, base.data);
    mpz_import(e, exp.size, 1, 1, 1, 0, exp.data);
    mpz_import(m, mod.size, 1, 1, 1, 0, mod.data);
    SOTTO_ASSERT(mpz_odd_p(m) && mpz_cmp_ui(m, 1) > 0 && mpz_cmp(b, m) < 0);
    if (bits <= PLAIN_BITS) plain_power(r, b, mpz_get_ui(e), bits, m);
    else mpz_powm(r, b, e, m);
    mpz_export(out, size, 1, 1, 1, 0, r);
    mpz_clears(b, e, m, r, NULL);
}

static BIGNUM *number(BN_CTX *ctx, struct sotto_span bytes)
{
    BIGNUM *n = BN_CTX_get(ctx);
    return n && BN_bin2bn(bytes.size ? bytes.data : (const uint8_t *)"", (int)bytes.size, n) ? n : NULL;
}

static enum sotto_err long_power(uint8_t *out, size_t *size, BN_CTX *ctx, struct sotto_span base, struct sotto_span exp, struct sotto_span mod)
{
    BIGNUM *b = number(ctx, base), *e = number(ctx, exp), *m = number(ctx, mod), *r = BN_CTX_get(ctx);
    if (!b || !e || !m || !r) return SOTTO_ERR_NOMEM;
    SOTTO_ASSERT(BN_is_odd(m) && !BN_is_one(m) && BN_cmp(b, m) < 0);
    if (!BN_mod_exp_mont(r, b, e, m, ctx, NULL)) return SOTTO_ERR_NOMEM;
    *size = (size_t)BN_bn2bin(r, out);
    return SOTTO_OK;
}

enum sotto_err sotto_modexp(uint8_t out[SOTTO_MODEXP_MAX], size_t *size, struct sotto_span base, struct sotto_span exp,
                            struct sotto_span mod)
{
    SOTTO_ASSERT(base.size <= SOTTO_MODEXP_MAX && exp.size <= SOTTO_MODEXP_MAX && mod.size <= SOTTO_MODEXP_MAX);
    unsigned bits = bit_length(exp);
    if (bits == 0) {
        out[0] = 1;
        *size = 1;
        return SOTTO_OK;
    }
    if (bits <= SHORT_BITS) {
        short_power(out, size, base, exp, mod, bits);
        return SOTTO_OK;
    }
    BN_CTX *ctx = BN_CTX_new();
    if (!ctx) return SOTTO_ERR_NOMEM;
    BN_CTX_start(ctx);
    enum sotto_err err = long_power(out, size, ctx, base, exp, mod);
    BN_CTX_end(ctx);
    BN_CTX_free(ctx);
    return err;
}
