/* Handshake packets. Byte 0 chooses: the bytes as a stream to a listener or a dialer, or as the plain text of a packet that
 * is properly sealed to it, in the new or the old form, so that the decoders behind the seal are reached. */
#include "support/fuzz.h"

#include "crypto/ecies.h"
#include "crypto/rng.h"
#include "p2p/rlpx.h"

static struct sotto_scalar key;
static struct sotto_point point;

static void feed(enum sotto_rlpx_role role, struct sotto_span stream, struct sotto_rng *rng)
{
    struct sotto_rlpx x, before;
    size_t need = SOTTO_RLPX_FIRST_NEED;
    enum sotto_err err = SOTTO_ERR_AGAIN;
    sotto_rlpx_begin(&x, role, &key, rng);
    before = x;
    while (err == SOTTO_ERR_AGAIN && stream.size >= need) {
        size_t was = need;
        err = sotto_rlpx_read(&x, &need, sotto_span_cut(stream, 0, need));
        SOTTO_ASSERT(err != SOTTO_ERR_AGAIN || (need > was && need <= SOTTO_RLPX_PACKET_MAX));
    }
    if (err != SOTTO_OK) SOTTO_ASSERT(memcmp(&before, &x, sizeof x) == 0);
    else if (role == SOTTO_RLPX_LISTENER) {
        struct sotto_rlpx_secrets secrets;
        SOTTO_ASSERT(sotto_rlpx_write_ack(&x, rng) == SOTTO_OK && sotto_rlpx_secrets(&secrets, &x) == SOTTO_OK);
    }
    sotto_rlpx_end(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_chacha_rng rng;
    if (size < 1) return 0;
    SOTTO_ASSERT(sotto_crypto_init() == SOTTO_OK);
    sotto_rng_from_seed(&rng, 1, "fuzz");
    if (sotto_all_zero(key.b, 32)) {
        sotto_scalar_random(&key, &rng.rng);
        SOTTO_ASSERT(sotto_point_make(&point, &key) == SOTTO_OK);
    }
    enum sotto_rlpx_role role = data[0] & 1 ? SOTTO_RLPX_LISTENER : SOTTO_RLPX_DIALER;
    unsigned form = data[0] >> 1 & 3;
    struct sotto_span in = sotto_span(data + 1, size - 1);
    struct sotto_buf packet = sotto_buf_make(SOTTO_RLPX_PACKET_MAX);
    if (form < 2 || in.size == 0 || in.size > 1800) {
        feed(role, in, &rng.rng);
    } else if (form == 2) {
        static const uint8_t zero[400];
        struct sotto_buf plain = sotto_buf_make(SOTTO_RLPX_PACKET_MAX);
        uint8_t prefix[2];
        SOTTO_ASSERT(sotto_buf_add_span(&plain, in) == SOTTO_OK);
        if (plain.size < 200) SOTTO_ASSERT(sotto_buf_add(&plain, zero, 200) == SOTTO_OK);
        sotto_put_be16(prefix, (uint16_t)(plain.size + SOTTO_ECIES_OVERHEAD));
        SOTTO_ASSERT(sotto_buf_add(&packet, prefix, 2) == SOTTO_OK);
        SOTTO_ASSERT(sotto_ecies_seal(&packet, &point, SOTTO_SPAN(prefix), sotto_buf_span(&plain), &rng.rng) == SOTTO_OK);
        feed(role, sotto_buf_span(&packet), &rng.rng);
        sotto_buf_free(&plain);
    } else {
        uint8_t plain[194] = { 0 };
        memcpy(plain, in.data, in.size < sizeof plain ? in.size : sizeof plain);
        size_t old = role == SOTTO_RLPX_LISTENER ? 194 : 97;
        SOTTO_ASSERT(sotto_ecies_seal(&packet, &point, sotto_span(NULL, 0), sotto_span(plain, old), &rng.rng) == SOTTO_OK);
        feed(role, sotto_buf_span(&packet), &rng.rng);
    }
    sotto_buf_free(&packet);
    return 0;
}
