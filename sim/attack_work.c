#include "sim/attack_work.h"

#include "crypto/rng.h"
#include "sim/stats.h"
#include "sim/world.h"
#include "whisper/envelope.h"

#include <stdlib.h>

void sim_attack_work(struct sim_attack_work *out, double rating, uint32_t data_size, uint32_t ttl_s, uint64_t seed, unsigned trials, unsigned bits_max)
{
    struct sotto_chacha_rng rng;
    struct sim_mean tries = { 0 };
    uint8_t *data = sim_alloc(data_size + 1u);
    sotto_rng_from_seed(&rng, seed, "sim/attack/work");
    struct sotto_envelope e = { .expiry = 1767225600u + ttl_s, .ttl = ttl_s, .data = sotto_span(data, data_size) };
    out->bits = sotto_work_bits(rating, sotto_envelope_short_size(&e), ttl_s);
    out->expected = ldexp(1, (int)out->bits);
    for (unsigned i = 0; i < trials && out->bits <= bits_max; i++) {
        struct sotto_buf prefix = sotto_buf_make(data_size + SOTTO_ENVELOPE_RLP_EXTRA);
        uint64_t nonce, first = (UINT64_C(1) << 56) + sotto_rng_below(&rng.rng, UINT64_C(1) << 60);
        sotto_rng_fill(&rng.rng, e.topic, sizeof e.topic);
        if (sotto_envelope_short(&prefix, &e) != SOTTO_OK || sotto_work_search(&nonce, sotto_buf_span(&prefix), first, out->bits, NULL) != SOTTO_OK) abort();
        sotto_buf_free(&prefix);
        sim_mean_add(&tries, (double)(nonce - first + 1));
    }
    out->mean = sim_mean(&tries);
    out->half = sim_mean_half(&tries);
    free(data);
}
