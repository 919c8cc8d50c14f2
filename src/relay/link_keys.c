#include "relay/link_keys.h"

#include "crypto/hash.h"

void sotto_rl_th(uint8_t out[32], const struct sotto_rl_side *s)
{
    struct sotto_span own = SOTTO_SPAN(s->own_pub.b), peer = SOTTO_SPAN(s->peer_pub.b);
    struct sotto_span status[2] = { s->dialled ? s->own_status : s->peer_status, s->dialled ? s->peer_status : s->own_status };
    uint8_t len[2][2];
    SOTTO_ASSERT(status[0].size <= UINT16_MAX && status[1].size <= UINT16_MAX);
    sotto_put_be16(len[0], (uint16_t)status[0].size);
    sotto_put_be16(len[1], (uint16_t)status[1].size);
    SOTTO_TH(out, "sotto/link/1", s->dialled ? own : peer, s->dialled ? peer : own, SOTTO_SPAN(len[0]), status[0], SOTTO_SPAN(len[1]), status[1]);
}

enum sotto_err sotto_rl_share(struct sotto_rl_shared *out, const struct sotto_rl_side *s)
{
    struct sotto_rl_shared x;
    struct sotto_secret fresh_static, static_fresh;       /* our fresh key with their static one, and the other way round */
    struct sotto_base base;                               /* their fresh key, used twice */
    enum sotto_err err = sotto_base_make(&base, &s->peer_fresh);
    if (err == SOTTO_OK) err = sotto_base_x(&x.ee, s->fresh, &base);
    if (err == SOTTO_OK) err = sotto_base_x(&static_fresh, s->own, &base);
    if (err == SOTTO_OK) err = sotto_ecdh_x(&fresh_static, s->fresh, &s->peer_pub);
    if (err == SOTTO_OK) {
        x.es = s->dialled ? fresh_static : static_fresh;
        x.se = s->dialled ? static_fresh : fresh_static;
        *out = x;
    }
    SOTTO_WIPE(x);
    SOTTO_WIPE(fresh_static);
    SOTTO_WIPE(static_fresh);
    return err;
}

void sotto_rl_derive(struct sotto_rl_keys *out, const uint8_t th[32], const struct sotto_rl_shared *shared)
{
    uint8_t okm[SOTTO_RL_OKM];
    const struct sotto_span ikm[] = { SOTTO_SPAN(shared->ee.b), SOTTO_SPAN(shared->es.b), SOTTO_SPAN(shared->se.b) }, info = sotto_span_str("sotto/link/1 keys");
    sotto_hkdf_parts(okm, sizeof okm, sotto_span(th, 32), ikm, 3, &info, 1);
    memcpy(out->th, th, sizeof out->th);
    memcpy(out->k[SOTTO_RL_IR].b, okm, 32);
    memcpy(out->iv[SOTTO_RL_IR], okm + 32, 12);
    memcpy(out->k[SOTTO_RL_RI].b, okm + 44, 32);
    memcpy(out->iv[SOTTO_RL_RI], okm + 76, 12);
    memcpy(out->d[SOTTO_RL_IR].b, okm + 88, 32);
    memcpy(out->d[SOTTO_RL_RI].b, okm + 120, 32);
    SOTTO_WIPE(okm);
}

enum sotto_err sotto_rl_keys(struct sotto_rl_keys *out, const struct sotto_rl_side *s)
{
    struct sotto_rl_shared shared;
    uint8_t th[32];
    SOTTO_TRY(sotto_rl_share(&shared, s));
    sotto_rl_th(th, s);
    sotto_rl_derive(out, th, &shared);
    SOTTO_WIPE(shared);
    return SOTTO_OK;
}

void sotto_rl_keys_lane(struct sotto_rl_lane *out, const struct sotto_rl_keys *k, enum sotto_rl_direction direction)
{
    sotto_rl_lane_begin(out, &k->k[direction], k->iv[direction], k->th, direction);
}
