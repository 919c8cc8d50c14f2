#include "relay/link_cell.h"

#include "base/plant.h"
#include "crypto/hash.h"

#define RLP_LONG_2 0xb9u                          /* a string whose length takes two bytes */

void sotto_rl_lane_begin(struct sotto_rl_lane *l, const struct sotto_secret *key, const uint8_t iv[12], const uint8_t th[32], enum sotto_rl_direction direction)
{
    memset(l, 0, sizeof *l);
    l->key = *key;
    l->direction = (uint8_t)direction;
    memcpy(l->iv, iv, sizeof l->iv);
    memcpy(l->th16, th, sizeof l->th16);
}

void sotto_rl_lane_end(struct sotto_rl_lane *l)
{
    sotto_gcm_kept_free(l->kept);
    sotto_wipe(l, sizeof *l);
}

void sotto_rl_lane_prepare(struct sotto_rl_lane *l)
{
    sotto_gcm_kept_free(l->kept);
    l->kept = sotto_gcm_kept_new(&l->key);
}

void sotto_rl_nonce(uint8_t out[12], const struct sotto_rl_lane *l)
{
    memcpy(out, l->iv, 12);
    for (unsigned i = 0; i < 8; i++) out[4 + i] ^= (uint8_t)(l->counter >> (56 - 8 * i));
}

void sotto_rl_aad(uint8_t out[26], const struct sotto_rl_lane *l, enum sotto_rl_class c)
{
    memcpy(out, l->th16, sizeof l->th16);
    out[16] = l->direction;
    out[17] = (uint8_t)c;
    sotto_put_be64(out + 18, l->counter);
}

static void next_cell(struct sotto_rl_lane *l)
{
    static const uint8_t one = 1;
    if (SOTTO_PLANTED(LINK_COUNTER_STOPS)) return;
    l->counter++;
    if (l->counter % SOTTO_RL_REKEY) return;
    struct sotto_secret next;                     /* HKDF-Expand of one block */
    SOTTO_HMAC(next.b, SOTTO_SPAN(l->key.b), sotto_span_str("sotto/link/1 next"), sotto_span(&one, 1));
    l->key = next;
    SOTTO_WIPE(next);
    if (l->kept) sotto_rl_lane_prepare(l);
}

static enum sotto_err seal(struct sotto_rl_lane *l, uint8_t *out, enum sotto_rl_class c, struct sotto_span plain)
{
    struct sotto_kn kn;
    uint8_t aad[26];
    sotto_rl_nonce(kn.b + 32, l);
    sotto_rl_aad(aad, l, c);
    if (l->kept) return sotto_gcm_kept_seal(l->kept, out, kn.b + 32, SOTTO_SPAN(aad), plain);
    memcpy(kn.b, l->key.b, 32);
    enum sotto_err err = sotto_gcm_seal(out, &kn, SOTTO_SPAN(aad), plain);
    SOTTO_WIPE(kn);
    return err;
}

static enum sotto_err open_sealed(struct sotto_rl_lane *l, uint8_t *plain, enum sotto_rl_class c, struct sotto_span sealed)
{
    struct sotto_kn kn;
    uint8_t aad[26];
    sotto_rl_nonce(kn.b + 32, l);
    sotto_rl_aad(aad, l, c);
    if (l->kept) return sotto_gcm_kept_open(l->kept, plain, kn.b + 32, SOTTO_SPAN(aad), sealed);
    memcpy(kn.b, l->key.b, 32);
    enum sotto_err err = sotto_gcm_open(plain, &kn, SOTTO_SPAN(aad), sealed);
    SOTTO_WIPE(kn);
    return err;
}

enum sotto_err sotto_rl_seal(struct sotto_rl_lane *l, uint8_t out[SOTTO_RL_PAYLOAD_MAX], size_t *size, enum sotto_rl_class c, const uint8_t *plain)
{
    size_t n = sotto_rl_plain(c);
    SOTTO_TRY(seal(l, out + SOTTO_RL_PAYLOAD_HEAD, c, sotto_span(plain, n)));
    out[0] = RLP_LONG_2;
    sotto_put_be16(out + 1, (uint16_t)(n + SOTTO_RL_TAG));
    *size = SOTTO_RL_PAYLOAD_HEAD + n + SOTTO_RL_TAG;
    next_cell(l);
    return SOTTO_OK;
}

enum sotto_err sotto_rl_open(struct sotto_rl_lane *l, uint8_t plain[SOTTO_RL_PLAIN_L], enum sotto_rl_class *c, struct sotto_span payload)
{
    enum sotto_rl_class class = payload.size == SOTTO_RL_PAYLOAD_MAX ? SOTTO_RL_L : SOTTO_RL_S;
    size_t sealed = sotto_rl_plain(class) + SOTTO_RL_TAG;
    if (payload.size != SOTTO_RL_PAYLOAD_HEAD + sealed || payload.data[0] != RLP_LONG_2 || sotto_be16(payload.data + 1) != sealed) return SOTTO_ERR_CELL_SIZE;
    enum sotto_err err = open_sealed(l, plain, class, sotto_span_cut(payload, SOTTO_RL_PAYLOAD_HEAD, sealed));
    if (err != SOTTO_OK) return err == SOTTO_ERR_AEAD ? SOTTO_ERR_CELL_OPEN : err;
    *c = class;
    next_cell(l);
    return SOTTO_OK;
}
