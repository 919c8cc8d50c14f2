/* Frames that sotto_frame_write would not write: any data in front of which no code was put, with good MACs. */
#ifndef SOTTO_P2P_TEST_SEAL_H
#define SOTTO_P2P_TEST_SEAL_H

#include "crypto/aead.h"
#include "p2p/frame.h"

static inline void seal_mix(struct sotto_frames *f, uint8_t out[16], const uint8_t seed[16])
{
    uint8_t digest[32], t[16];
    sotto_keccak_final(&f->egress, digest);
    sotto_aes_block(f->mac, t, digest);
    for (int i = 0; i < 16; i++) t[i] ^= seed[i];
    sotto_keccak_update(&f->egress, t, 16);
    sotto_keccak_final(&f->egress, digest);
    memcpy(out, digest, 16);
    memcpy(f->egress_digest, digest, 16);
}

static inline void seal_data(struct sotto_frames *f, struct sotto_buf *wire, const uint8_t *data, uint32_t size)
{
    size_t body = sotto_frame_rest(size) - SOTTO_FRAME_MAC;
    SOTTO_ASSERT(sotto_buf_reserve(wire, 32 + body + 16) == SOTTO_OK);
    uint8_t *p = wire->data + wire->size, digest[32];
    wire->size += 32 + body + 16;
    memset(p, 0, 32 + body + 16);
    p[0] = (uint8_t)(size >> 16);
    p[1] = (uint8_t)(size >> 8);
    p[2] = (uint8_t)size;
    memcpy(p + 3, "\xc2\x80\x80", 3);
    sotto_ctr_xor(f->seal, p, sotto_span(p, 16));
    seal_mix(f, p + 16, p);
    p += 32;
    if (size) memcpy(p, data, size);
    sotto_ctr_xor(f->seal, p, sotto_span(p, body));
    sotto_keccak_update(&f->egress, p, body);
    sotto_keccak_final(&f->egress, digest);
    seal_mix(f, p + body, digest);
}

#endif
