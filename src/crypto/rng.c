#include "crypto/rng.h"

#include "crypto/hash.h"

#include <sodium.h>

/* The next 544 bytes under this key: first the key that replaces it, then the block. A key makes one block only, so the
 * nonce can stay zero. */
static void refill(struct sotto_chacha_rng *r)
{
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
    uint8_t next[sizeof r->key + sizeof r->block];
    crypto_stream_chacha20(next, sizeof next, nonce, r->key);
    memcpy(r->key, next, sizeof r->key);
    memcpy(r->block, next + sizeof r->key, sizeof r->block);
    r->used = 0;
    SOTTO_WIPE(next);
}

static void fill(struct sotto_rng *rng, void *out, size_t size)
{
    struct sotto_chacha_rng *r = (struct sotto_chacha_rng *)rng;     /* rng is its first member */
    uint8_t *p = out;
    while (size) {
        if (r->used == sizeof r->block) refill(r);
        size_t take = sizeof r->block - r->used < size ? sizeof r->block - r->used : size;
        memcpy(p, r->block + r->used, take);
        sotto_wipe(r->block + r->used, take);
        r->used += take;
        p += take;
        size -= take;
    }
}

static void start(struct sotto_chacha_rng *r)
{
    r->rng.fill = fill;
    sotto_wipe(r->block, sizeof r->block);
    r->used = sizeof r->block;
}

void sotto_rng_from_system(struct sotto_chacha_rng *out)
{
    randombytes_buf(out->key, sizeof out->key);
    start(out);
}

void sotto_rng_from_seed(struct sotto_chacha_rng *out, uint64_t seed, const char *purpose)
{
    uint8_t number[8];
    sotto_put_be64(number, seed);
    SOTTO_TH(out->key, "sotto/rng/seed", SOTTO_SPAN(number), sotto_span_str(purpose));
    start(out);
}

void sotto_rng_fork(struct sotto_chacha_rng *out, struct sotto_rng *parent, const char *purpose)
{
    uint8_t drawn[32];
    sotto_rng_fill(parent, drawn, sizeof drawn);
    SOTTO_TH(out->key, "sotto/rng/fork", SOTTO_SPAN(drawn), sotto_span_str(purpose));
    SOTTO_WIPE(drawn);
    start(out);
}
