#include "p2p/frame.h"

#include "base/plant.h"
#include "crypto/aead.h"
#include "wire/rlp.h"

static void digest_of(uint8_t out[16], const struct sotto_keccak *state)
{
    uint8_t digest[32];
    sotto_keccak_final(state, digest);
    memcpy(out, digest, 16);
}

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
    digest_of(f.egress_digest, &f.egress);
    digest_of(f.ingress_digest, &f.ingress);
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

/* mix(seed): t = AES(mac, digest) ^ seed; state.update(t); digest is then that of the state, and the MAC */
static void mix(const struct sotto_frames *f, struct sotto_keccak *state, uint8_t digest[16], const uint8_t seed[16])
{
    uint8_t t[16];
    sotto_aes_block(f->mac, t, digest);
    for (int i = 0; i < 16; i++) t[i] ^= seed[i];
    sotto_keccak_update(state, t, sizeof t);
    digest_of(digest, state);
}

/* The state has taken a body: its digest is the seed as well. */
static void end_mac(const struct sotto_frames *f, struct sotto_keccak *state, uint8_t digest[16])
{
    uint8_t seed[16];
    digest_of(digest, state);
    memcpy(seed, digest, sizeof seed);
    mix(f, state, digest, seed);
}

enum sotto_err sotto_frame_write_bare(struct sotto_frames *f, struct sotto_buf *out, unsigned code, struct sotto_span head,
                                      struct sotto_span payload)
{
    uint8_t code_bytes[SOTTO_FRAME_CODE_MAX + 1];
    struct sotto_buf code_item = { code_bytes, 0, sizeof code_bytes, sizeof code_bytes };
    SOTTO_TRY(sotto_rlp_add_uint(&code_item, code));
    size_t front = code_item.size + head.size;
    if (front > SOTTO_FRAME_SIZE_MAX || payload.size > SOTTO_FRAME_SIZE_MAX - front) return SOTTO_ERR_FRAME_SIZE;
    uint32_t size = (uint32_t)(front + payload.size);
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
    if (head.size) memcpy(p + code_item.size, head.data, head.size);
    if (payload.size) memcpy(p + front, payload.data, payload.size);
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
        mix(b->frames, &b->frames->egress, b->frames->egress_digest, b->bytes);
        memcpy(b->bytes + 16, b->frames->egress_digest, 16);
        states[i] = &b->frames->egress;
        bodies[i] = sotto_span(b->bytes + SOTTO_FRAME_HEAD, b->size - SOTTO_FRAME_HEAD - SOTTO_FRAME_MAC);
    }
    sotto_keccak_update_many(states, bodies, count);
    for (unsigned i = 0; i < count; i++) {
        struct sotto_frames *f = bare[i].frames;
        end_mac(f, &f->egress, f->egress_digest);
        memcpy(bare[i].bytes + bare[i].size - SOTTO_FRAME_MAC, f->egress_digest, SOTTO_FRAME_MAC);
    }
}

enum sotto_err sotto_frame_write(struct sotto_frames *f, struct sotto_buf *out, unsigned code, struct sotto_span payload)
{
    size_t before = out->size;
    SOTTO_TRY(sotto_frame_write_bare(f, out, code, sotto_span(NULL, 0), payload));
    sotto_frames_seal(&(struct sotto_bare_frame){ f, out->data + before, out->size - before }, 1);
    return SOTTO_OK;
}

enum sotto_err sotto_frame_head(struct sotto_frames *f, uint32_t *size, const uint8_t head[SOTTO_FRAME_HEAD])
{
    uint8_t plain[16];
    mix(f, &f->ingress, f->ingress_digest, head);
    if (!sotto_equal_ct(f->ingress_digest, head + 16, 16)) return SOTTO_ERR_FRAME_MAC;
    sotto_ctr_xor(f->open, plain, sotto_span(head, 16));
    uint32_t declared = (uint32_t)plain[0] << 16 | (uint32_t)plain[1] << 8 | plain[2];   /* bytes 3..15 carry nothing */
    if (declared == 0) return SOTTO_ERR_FRAME_SIZE;
    *size = declared;
    return SOTTO_OK;
}

enum sotto_err sotto_frame_body(struct sotto_frames *f, uint32_t *code, struct sotto_span *payload, uint8_t *rest, uint32_t size)
{
    size_t body = sotto_frame_rest(size) - SOTTO_FRAME_MAC;
    sotto_keccak_update(&f->ingress, rest, body);
    end_mac(f, &f->ingress, f->ingress_digest);
    if (!sotto_equal_ct(f->ingress_digest, rest + body, 16) && !SOTTO_PLANTED(FRAME_MAC_IGNORED)) return SOTTO_ERR_FRAME_MAC;
    sotto_ctr_xor(f->open, rest, sotto_span(rest, body));
    struct sotto_rlp r = sotto_rlp(sotto_span(rest, size));
    uint64_t value;
    SOTTO_TRY(sotto_rlp_uint_max(&r, &value, UINT32_MAX));
    *code = (uint32_t)value;
    *payload = sotto_rlp_rest(&r);
    return SOTTO_OK;
}
