#include "p2p/frame.h"

#include "base/plant.h"
#include "crypto/aead.h"
#include "wire/rlp.h"

enum sotto_err sotto_frames_begin(struct sotto_frames *out, const struct sotto_rlpx_secrets *secrets)
{
    static const uint8_t zero_iv[16];                 /* as the protocol has it: both directions use one key stream */
    struct sotto_frames f = { .egress = secrets->egress, .ingress = secrets->ingress };
    f.seal = sotto_ctr_new(SOTTO_SPAN(secrets->aes), zero_iv);
    f.open = sotto_ctr_new(SOTTO_SPAN(secrets->aes), zero_iv);
    f.mac = sotto_aes_new(secrets->mac);
    if (!f.seal || !f.open || !f.mac) {
        sotto_frames_end(&f);
        return SOTTO_ERR_NOMEM;
    }
    *out = f;
    SOTTO_WIPE(f);
    return SOTTO_OK;
}

void sotto_frames_end(struct sotto_frames *f)
{
    if (f->seal) sotto_ctr_free(f->seal);
    if (f->open) sotto_ctr_free(f->open);
    if (f->mac) sotto_aes_free(f->mac);
    sotto_wipe(f, sizeof *f);
}

/* mix(seed): t = AES(mac, digest[0..15]) ^ seed; state.update(t); returns digest[0..15] */
static void mix(struct sotto_frames *f, struct sotto_keccak *state, uint8_t out[16], const uint8_t seed[16])
{
    uint8_t digest[32], t[16];
    sotto_keccak_final(state, digest);
    sotto_aes_block(f->mac, t, digest);
    for (int i = 0; i < 16; i++) t[i] ^= seed[i];
    sotto_keccak_update(state, t, sizeof t);
    sotto_keccak_final(state, digest);
    memcpy(out, digest, 16);
}

static void end_mac(struct sotto_frames *f, struct sotto_keccak *state, uint8_t out[16])
{
    uint8_t digest[32];
    sotto_keccak_final(state, digest);
    mix(f, state, out, digest);
}

enum sotto_err sotto_frame_write_bare(struct sotto_frames *f, struct sotto_buf *out, unsigned code, struct sotto_span payload)
{
    uint8_t code_bytes[SOTTO_FRAME_CODE_MAX + 1];
    struct sotto_buf code_item = { code_bytes, 0, sizeof code_bytes, sizeof code_bytes };
    SOTTO_TRY(sotto_rlp_add_uint(&code_item, code));
    if (payload.size > SOTTO_FRAME_SIZE_MAX - code_item.size) return SOTTO_ERR_FRAME_SIZE;
    uint32_t size = (uint32_t)(code_item.size + payload.size);
    size_t rest = sotto_frame_rest(size), body = rest - SOTTO_FRAME_MAC;
    SOTTO_TRY(sotto_buf_reserve(out, SOTTO_FRAME_HEAD + rest));

    /* From here on nothing can fail, so the running states and the bytes on the wire stay together. */
    uint8_t *p = out->data + out->size;
    out->size += SOTTO_FRAME_HEAD + rest;
    memset(p, 0, SOTTO_FRAME_HEAD);
    p[0] = (uint8_t)(size >> 16);
    p[1] = (uint8_t)(size >> 8);
    p[2] = (uint8_t)size;
    memcpy(p + 3, "\xc2\x80\x80", 3);
    sotto_ctr_xor(f->seal, p, sotto_span(p, 16));
    p += SOTTO_FRAME_HEAD;
    memcpy(p, code_item.data, code_item.size);
    if (payload.size) memcpy(p + code_item.size, payload.data, payload.size);
    memset(p + size, 0, rest - size);
    sotto_ctr_xor(f->seal, p, sotto_span(p, body));
    return SOTTO_OK;
}

void sotto_frames_seal(const struct sotto_bare_frame *bare, unsigned count)
{
    struct sotto_keccak *states[SOTTO_FRAMES_SEAL_MAX] = { NULL };
    struct sotto_span bodies[SOTTO_FRAMES_SEAL_MAX] = { { NULL, 0 } };
    SOTTO_ASSERT(count <= SOTTO_FRAMES_SEAL_MAX);
    for (unsigned i = 0; i < count; i++) {
        const struct sotto_bare_frame *b = &bare[i];
        mix(b->frames, &b->frames->egress, b->bytes + 16, b->bytes);
        states[i] = &b->frames->egress;
        bodies[i] = sotto_span(b->bytes + SOTTO_FRAME_HEAD, b->size - SOTTO_FRAME_HEAD - SOTTO_FRAME_MAC);
    }
    sotto_keccak_update_many(states, bodies, count);
    for (unsigned i = 0; i < count; i++) end_mac(bare[i].frames, states[i], bare[i].bytes + bare[i].size - SOTTO_FRAME_MAC);
}

enum sotto_err sotto_frame_write(struct sotto_frames *f, struct sotto_buf *out, unsigned code, struct sotto_span payload)
{
    size_t before = out->size;
    SOTTO_TRY(sotto_frame_write_bare(f, out, code, payload));
    sotto_frames_seal(&(struct sotto_bare_frame){ f, out->data + before, out->size - before }, 1);
    return SOTTO_OK;
}

enum sotto_err sotto_frame_head(struct sotto_frames *f, uint32_t *size, const uint8_t head[SOTTO_FRAME_HEAD])
{
    uint8_t mac[16], plain[16];
    mix(f, &f->ingress, mac, head);
    if (!sotto_equal_ct(mac, head + 16, 16)) return SOTTO_ERR_FRAME_MAC;
    sotto_ctr_xor(f->open, plain, sotto_span(head, 16));
    uint32_t declared = (uint32_t)plain[0] << 16 | (uint32_t)plain[1] << 8 | plain[2];   /* bytes 3..15 carry nothing */
    if (declared == 0) return SOTTO_ERR_FRAME_SIZE;
    *size = declared;
    return SOTTO_OK;
}

enum sotto_err sotto_frame_body(struct sotto_frames *f, uint32_t *code, struct sotto_span *payload, uint8_t *rest, uint32_t size)
{
    uint8_t mac[16];
    size_t body = sotto_frame_rest(size) - SOTTO_FRAME_MAC;
    sotto_keccak_update(&f->ingress, rest, body);
    end_mac(f, &f->ingress, mac);
    if (!sotto_equal_ct(mac, rest + body, 16) && !SOTTO_PLANTED(FRAME_MAC_IGNORED)) return SOTTO_ERR_FRAME_MAC;
    sotto_ctr_xor(f->open, rest, sotto_span(rest, body));
    struct sotto_rlp r = sotto_rlp(sotto_span(rest, size));
    uint64_t value;
    SOTTO_TRY(sotto_rlp_uint_max(&r, &value, UINT32_MAX));
    *code = (uint32_t)value;
    *payload = sotto_rlp_rest(&r);
    return SOTTO_OK;
}
