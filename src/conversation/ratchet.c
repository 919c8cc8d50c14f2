#include "conversation/ratchet.h"

#include "crypto/hash.h"

void sotto_block_mix(uint8_t out[32], const struct sotto_block *block)
{
    if (!block || block->height == 0) {
        memset(out, 0, 32);
        return;
    }
    SOTTO_ASSERT(block->id_size <= sizeof block->id);
    uint8_t numbers[16];
    sotto_put_be64(numbers, block->chain);
    sotto_put_be64(numbers + 8, block->height);
    SOTTO_TH(out, "sotto/block", SOTTO_SPAN(numbers), sotto_span(block->id, block->id_size));
}

void sotto_root_mix(struct sotto_secret *rk2, struct sotto_secret *ck, struct sotto_secret *nhk, const struct sotto_secret *rk,
                    const struct sotto_secret *dh, const uint8_t mix[32], const struct sotto_secret *mk)
{
    static const uint8_t none[32];
    uint8_t out[96];
    const struct sotto_span ikm[] = { SOTTO_SPAN(dh->b), sotto_span(mix, 32), sotto_span(mk ? mk->b : none, 32) };
    const struct sotto_span info[] = { sotto_span_str("sotto/ratchet/1") };
    sotto_hkdf_parts(out, sizeof out, SOTTO_SPAN(rk->b), ikm, 3, info, 1);
    memcpy(rk2->b, out, 32);
    memcpy(ck->b, out + 32, 32);
    memcpy(nhk->b, out + 64, 32);
    SOTTO_WIPE(out);
}

enum sotto_err sotto_root_step(struct sotto_secret *rk2, struct sotto_secret *ck, struct sotto_secret *nhk, const struct sotto_secret *rk,
                               const struct sotto_scalar *own, const struct sotto_point *peer, const uint8_t mix[32],
                               const struct sotto_secret *mk)
{
    struct sotto_secret dh;
    SOTTO_TRY(sotto_ecdh_x(&dh, own, peer));
    sotto_root_mix(rk2, ck, nhk, rk, &dh, mix, mk);
    SOTTO_WIPE(dh);
    return SOTTO_OK;
}

void sotto_chain_step(struct sotto_secret *mk, struct sotto_secret *ck)
{
    static const uint8_t one[1] = { 1 }, two[1] = { 2 };
    struct sotto_mac mac;
    sotto_mac_key(&mac, SOTTO_SPAN(ck->b));
    if (mk) {
        sotto_mac_add(&mac, SOTTO_SPAN(one));
        sotto_mac_end(&mac, mk->b);
    }
    sotto_mac_add(&mac, SOTTO_SPAN(two));
    sotto_mac_end(&mac, ck->b);
    SOTTO_WIPE(mac);
}

void sotto_header_secret(struct sotto_secret *hs, const struct sotto_secret *hk, uint8_t dir, uint32_t index)
{
    uint8_t place[5];
    place[0] = dir;
    sotto_put_be32(place + 1, index);
    SOTTO_HMAC(hs->b, SOTTO_SPAN(hk->b), sotto_span_str("sotto/header/1"), SOTTO_SPAN(place));
}
