#include "bench/unit.h"

#include "bench/bench.h"
#include "crypto/curve.h"

#include <secp256k1.h>
#include <secp256k1_ecdh.h>

enum { MULTIPLICATIONS = 60 };                    /* of one look */

static secp256k1_context *library;
static struct sotto_rng *draws;

static int keep_x(unsigned char *out, const unsigned char *x, const unsigned char *y, void *data)
{
    (void)y;
    (void)data;
    memcpy(out, x, 32);
    return 1;
}

void bench_unit_begin(struct sotto_rng *rng)
{
    draws = rng;
    library = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    SOTTO_ASSERT(library);
}

double bench_unit_us(void)
{
    struct sotto_scalar k;
    struct sotto_point p;
    secp256k1_pubkey key;
    int all = 1;
    sotto_scalar_random(&k, draws);
    SOTTO_ASSERT(sotto_point_make(&p, &k) == SOTTO_OK && secp256k1_ec_pubkey_parse(library, &key, p.b, sizeof p.b));
    uint64_t start = bench_now_ns();
    for (int i = 0; i < MULTIPLICATIONS; i++) all &= secp256k1_ecdh(library, k.b, &key, k.b, keep_x, NULL);
    SOTTO_ASSERT(all);
    return (double)(bench_now_ns() - start) / 1000 / MULTIPLICATIONS;
}

void bench_unit_end(void) { secp256k1_context_destroy(library); }
