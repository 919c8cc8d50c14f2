/* A stream of frames. Each step takes a few bytes: a whole frame of chosen data with good MACs, or one with a byte changed.
 * What was sealed must come out; after the first change nothing more may. */
#include "support/fuzz.h"

#include "seal.h"
#include "wire/rlp.h"

static struct sotto_rlpx_secrets one_side(bool mirror)
{
    struct sotto_rlpx_secrets s;
    memset(&s, 0, sizeof s);
    memset(s.aes, 3, 32);
    memset(s.mac, 4, 32);
    sotto_keccak_init(&s.egress);
    sotto_keccak_init(&s.ingress);
    sotto_keccak_update(mirror ? &s.ingress : &s.egress, "a", 1);
    sotto_keccak_update(mirror ? &s.egress : &s.ingress, "b", 1);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_rlpx_secrets sa = one_side(false), sb = one_side(true);
    struct sotto_frames a, b;
    struct sotto_reader r = sotto_reader(sotto_span(data, size));
    bool broken = false;
    SOTTO_ASSERT(sotto_crypto_init() == SOTTO_OK);
    SOTTO_ASSERT(sotto_frames_begin(&a, &sa) == SOTTO_OK && sotto_frames_begin(&b, &sb) == SOTTO_OK);
    for (unsigned step = 0; step < 16 && !broken; step++) {
        uint8_t how, len, at = 0, bit = 0;
        struct sotto_span text;
        if (sotto_get_u8(&r, &how) != SOTTO_OK || sotto_get_u8(&r, &len) != SOTTO_OK) break;
        size_t want = how & 4 ? (size_t)len * 17 : len;
        if (want > sotto_reader_left(&r)) want = sotto_reader_left(&r);
        SOTTO_ASSERT(sotto_get_span(&r, &text, want) == SOTTO_OK);
        struct sotto_buf wire = sotto_buf_make(1u << 16);
        if (how & 1) seal_data(&a, &wire, text.data, (uint32_t)text.size);
        else SOTTO_ASSERT(sotto_frame_write(&a, &wire, len, text) == SOTTO_OK);
        if (how & 2 && sotto_get_u8(&r, &at) == SOTTO_OK && sotto_get_u8(&r, &bit) == SOTTO_OK) {
            wire.data[(at * 251u + bit) % wire.size] ^= (uint8_t)(1u << (bit & 7));
            broken = true;
        }
        uint32_t declared = 0, code = 0;
        struct sotto_span got = sotto_span(NULL, 0);
        enum sotto_err err = sotto_frame_head(&b, &declared, wire.data);
        if (err == SOTTO_OK) {
            SOTTO_ASSERT(sotto_frame_rest(declared) == wire.size - SOTTO_FRAME_HEAD);
            err = sotto_frame_body(&b, &code, &got, wire.data + SOTTO_FRAME_HEAD, declared);
        }
        if (broken) SOTTO_ASSERT(err == SOTTO_ERR_FRAME_MAC || (err == SOTTO_ERR_FRAME_SIZE && how & 1 && !text.size));
        else if (how & 1) {
            struct sotto_rlp item = sotto_rlp(text);
            uint64_t number;
            bool good = text.size && sotto_rlp_uint_max(&item, &number, UINT32_MAX) == SOTTO_OK;
            SOTTO_ASSERT(good == (err == SOTTO_OK));
            broken = err != SOTTO_OK;
        } else {
            SOTTO_ASSERT(err == SOTTO_OK && code == len && sotto_span_equal(got, text));
        }
        sotto_buf_free(&wire);
    }
    sotto_frames_end(&a);
    sotto_frames_end(&b);
    return 0;
}
