/* Any bytes as an ECIES box, and a proper box with one bit of it, or of what it is bound to, changed. */
#include "support/fuzz_input.h"

#include "crypto/ecies.h"
#include "crypto/rng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_chacha_rng rng;
    struct sotto_scalar key;
    struct sotto_point to;
    struct sotto_buf sealed = sotto_buf_make(8192), plain = sotto_buf_make(8192);
    struct fuzz_in in = fuzz_in(data, size);
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    sotto_rng_from_seed(&rng, 1, "fuzz");
    sotto_scalar_random(&key, &rng.rng);
    SOTTO_ASSERT(sotto_point_make(&to, &key) == SOTTO_OK);
    uint8_t extra[2] = { fuzz_u8(&in), fuzz_u8(&in) };
    struct sotto_span s2 = sotto_span(extra, extra[0] % 3), text = fuzz_rest(&in);
    SOTTO_ASSERT(sotto_ecies_open(&plain, &key, s2, text) == SOTTO_ERR_ECIES && plain.size == 0);
    if (text.size && text.size < 4096) {
        SOTTO_ASSERT(sotto_ecies_seal(&sealed, &to, s2, text, &rng.rng) == SOTTO_OK && sealed.size == text.size + SOTTO_ECIES_OVERHEAD);
        SOTTO_ASSERT(sotto_ecies_open(&plain, &key, s2, sotto_buf_span(&sealed)) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&plain), text));
        plain.size = 0;
        size_t bit = sotto_be16(text.size > 1 ? text.data : extra) % (8 * sealed.size);
        sealed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        SOTTO_ASSERT(sotto_ecies_open(&plain, &key, s2, sotto_buf_span(&sealed)) == SOTTO_ERR_ECIES && plain.size == 0);
        sealed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        extra[1]++, extra[0]++;
        SOTTO_ASSERT(sotto_ecies_open(&plain, &key, sotto_span(extra, 2), sotto_buf_span(&sealed)) == SOTTO_ERR_ECIES && plain.size == 0);
    }
    sotto_buf_free(&sealed);
    sotto_buf_free(&plain);
    return 0;
}
