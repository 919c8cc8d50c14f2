/* Any bytes as a plain text and as sealed data; and a proper message with one bit of it changed. What is read lies within the text, in
 * order and without a gap; what was sealed opens by both readers alike, what was changed by none. */
#include "support/fuzz_input.h"

#include "crypto/rng.h"
#include "whisper/message.h"

static void read_any(struct sotto_span plain)
{
    struct sotto_shh_message m;
    enum sotto_err err = fuzz_err(sotto_shh_message_read(&m, plain));
    if (err != SOTTO_OK) {
        SOTTO_ASSERT(err == SOTTO_ERR_FORMAT || err == SOTTO_ERR_SIG_FORM || err == SOTTO_ERR_SIG);
        return;
    }
    size_t k = plain.data[0] & 3, tail = m.is_signed ? SOTTO_SHH_SIGNATURE : 0;
    SOTTO_ASSERT(m.is_signed == !!(plain.data[0] & 4) && 1 + k + m.payload.size + m.padding.size + tail == plain.size);
    if (m.payload.size) SOTTO_ASSERT(m.payload.data == plain.data + 1 + k);
    if (m.padding.size) SOTTO_ASSERT(m.padding.data == plain.data + 1 + k + m.payload.size);
    if (m.is_signed) SOTTO_ASSERT(sotto_point_check(m.signer.b) == SOTTO_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_chacha_rng rng;
    struct sotto_scalar mine;
    struct sotto_point to;
    struct sotto_secret key;
    struct sotto_gcm_key prepared;
    struct sotto_buf plain = sotto_buf_make(1u << 15), sealed = plain, one = plain, two = plain;
    struct fuzz_in in = fuzz_in(data, size);
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    sotto_rng_from_seed(&rng, 1, "fuzz");
    sotto_rng_fill(&rng.rng, key.b, sizeof key.b);
    sotto_gcm_key_make(&prepared, &key);
    uint8_t how = fuzz_u8(&in);
    read_any(fuzz_rest(&(struct fuzz_in){ in.at, in.end }));
    SOTTO_ASSERT(sotto_shh_open(&one, &key, sotto_span(in.at, fuzz_left(&in))) == SOTTO_ERR_AEAD && one.size == 0);
    SOTTO_ASSERT(sotto_shh_open_prepared(&one, &prepared, sotto_span(in.at, fuzz_left(&in))) == SOTTO_ERR_AEAD && one.size == 0);
    if (how & 1) {
        uint16_t bit = fuzz_u16(&in);
        sotto_scalar_random(&mine, &rng.rng);
        SOTTO_ASSERT(sotto_point_make(&to, &mine) == SOTTO_OK);
        struct sotto_shh_message m = { .sign_with = how & 2 ? &mine : NULL }, read;
        m.padding = fuzz_span(&in, 300);
        m.payload = fuzz_rest(&in);
        SOTTO_ASSERT(sotto_shh_message_write(&plain, &m, &rng.rng) == SOTTO_OK && (m.padding.size || plain.size % SOTTO_SHH_BLOCK == 0));
        SOTTO_ASSERT(sotto_shh_message_read(&read, sotto_buf_span(&plain)) == SOTTO_OK && sotto_span_equal(read.payload, m.payload));
        SOTTO_ASSERT(!read.is_signed || memcmp(read.signer.b, to.b, sizeof to.b) == 0);
        if (how & 4) {
            SOTTO_ASSERT(sotto_shh_seal_to(&sealed, &to, sotto_buf_span(&plain), &rng.rng) == SOTTO_OK);
            SOTTO_ASSERT(sotto_shh_open_as(&one, &mine, sotto_buf_span(&sealed)) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&one), sotto_buf_span(&plain)));
        } else {
            SOTTO_ASSERT(sotto_shh_seal(&sealed, &key, sotto_buf_span(&plain), &rng.rng) == SOTTO_OK);
            SOTTO_ASSERT(sotto_shh_open(&one, &key, sotto_buf_span(&sealed)) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&one), sotto_buf_span(&plain)));
            SOTTO_ASSERT(sotto_shh_open_prepared(&two, &prepared, sotto_buf_span(&sealed)) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&one), sotto_buf_span(&two)));
        }
        sealed.data[bit % sealed.size] ^= (uint8_t)(1u << (bit >> 13));
        one.size = two.size = 0;
        struct sotto_span s = sotto_buf_span(&sealed);
        SOTTO_ASSERT(sotto_shh_open_as(&one, &mine, s) == SOTTO_ERR_ECIES && sotto_shh_open(&one, &key, s) == SOTTO_ERR_AEAD);
        SOTTO_ASSERT(sotto_shh_open_prepared(&two, &prepared, s) == SOTTO_ERR_AEAD && one.size + two.size == 0);
        plain.data[bit % plain.size] ^= (uint8_t)(1u << (bit >> 13));
        read_any(sotto_buf_span(&plain));
    }
    sotto_buf_free(&plain);
    sotto_buf_free(&sealed);
    sotto_buf_free(&one);
    sotto_buf_free(&two);
    return 0;
}
