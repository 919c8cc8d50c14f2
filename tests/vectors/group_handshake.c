/* handshake of network.json: from the secrets of both sides to STATUS, keys and the first cells. */
#include "vec_link.h"

#include "crypto/hash.h"
#include "relay/link_keys.h"
#include "relay/link_receive.h"
#include "wire/snappy.h"

struct end { struct sotto_scalar own, fresh; struct sotto_point pub, fresh_pub; uint8_t status[SOTTO_RL_STATUS_SIZE]; };

static struct end read_end(struct vec *v, bool dialled)
{
    struct end e;
    struct sotto_rl_status s;
    struct sotto_rl_extra extra[VEC_EXTRA_MAX];
    size_t extra_count;
    e.own = vec_scalar(v, v->in, dialled ? "is" : "rs");
    e.fresh = vec_scalar(v, v->in, dialled ? "ie" : "re");
    VEC_OK(v, sotto_point_make(&e.pub, &e.own));
    VEC_OK(v, sotto_point_make(&e.fresh_pub, &e.fresh));
    s.fresh = e.fresh_pub;
    vec_hex(v, v->in, dialled ? "nonce_I" : "nonce_R", s.nonce, sizeof s.nonce);
    s.options = vec_options(v, v->in, dialled ? "options_I" : "options_R", extra, &extra_count);
    VEC_OK(v, sotto_rl_status_write(e.status, &s, extra, extra_count));
    vec_is_hex(v, v->out, dialled ? "status_I" : "status_R", e.status, sizeof e.status);
    const json_t *pub = vec_get(v, v->out, "pub");
    vec_is_hex(v, pub, dialled ? "is" : "rs", e.pub.b, 33);
    vec_is_hex(v, pub, dialled ? "ie" : "re", e.fresh_pub.b, 33);
    return e;
}

static struct sotto_rl_side side(const struct end *own, const struct end *peer, bool dialled)
{
    return (struct sotto_rl_side){ .dialled = dialled, .own = &own->own, .fresh = &own->fresh, .own_pub = own->pub, .peer_pub = peer->pub,
                                   .peer_fresh = peer->fresh_pub, .own_status = SOTTO_SPAN(own->status), .peer_status = SOTTO_SPAN(peer->status) };
}

static void is_okm(struct vec *v, const struct sotto_rl_keys *k)
{
    uint8_t okm[SOTTO_RL_OKM];
    memcpy(okm, k->k[0].b, 32), memcpy(okm + 32, k->iv[0], 12), memcpy(okm + 44, k->k[1].b, 32), memcpy(okm + 76, k->iv[1], 12);
    memcpy(okm + 88, k->d[0].b, 32), memcpy(okm + 120, k->d[1].b, 32);
    vec_is_hex(v, v->out, "okm", okm, sizeof okm);
    vec_is_hex(v, v->out, "k_IR", k->k[0].b, 32), vec_is_hex(v, v->out, "iv_IR", k->iv[0], 12);
    vec_is_hex(v, v->out, "k_RI", k->k[1].b, 32), vec_is_hex(v, v->out, "iv_RI", k->iv[1], 12);
    vec_is_hex(v, v->out, "d_IR", k->d[0].b, 32), vec_is_hex(v, v->out, "d_RI", k->d[1].b, 32);
}

static void nobody(void *owner, const struct sotto_rl_message *m)
{
    (void)owner;
    (void)m;
}

/* The first cells of both directions, sealed by one side, opened and taken by the other. */
static void cells(struct vec *v, const struct sotto_rl_keys *k)
{
    struct sotto_rl_lane out[2], in[2];
    for (unsigned d = 0; d < 2; d++) {
        sotto_rl_keys_lane(&out[d], k, (enum sotto_rl_direction)d);
        in[d] = out[d];
    }
    struct sotto_rl_budget budget = { 0, SOTTO_RL_BUDGET_MAX };
    struct sotto_rl_receive taker[2];
    static const struct sotto_rl_credit credit;
    const json_t *list = vec_get(v, v->out, "cells");
    json_t *one;
    size_t i, size;
    for (unsigned d = 0; d < 2; d++) {
        struct sotto_rl_extra extra[VEC_EXTRA_MAX];
        size_t extra_count;
        struct sotto_rl_options o = vec_options(v, v->in, d ? "options_R" : "options_I", extra, &extra_count);
        taker[d] = sotto_rl_receive(&budget, o.roles, o.stem_class == 1, SOTTO_RL_WINDOW_2);
    }
    json_array_foreach(list, i, one) {
        uint8_t payload[SOTTO_RL_PAYLOAD_MAX], plain[SOTTO_RL_PLAIN_L];
        enum sotto_rl_class c;
        vec_mark(v, one);
        unsigned d = strcmp(vec_str(v, one, "direction"), "IR") != 0;
        vec_is_str(v, one, "direction", d ? "RI" : "IR");
        struct sotto_span text = vec_bytes(v, one, "plain");
        uint64_t class = vec_num(v, one, "class");
        VEC_CHECK(v, class <= 1 && text.size == sotto_rl_plain((enum sotto_rl_class)class));
        vec_is_num(v, one, "counter", out[d].counter);
        VEC_OK(v, sotto_rl_seal(&out[d], payload, &size, (enum sotto_rl_class)class, text.data));
        vec_is_hex(v, one, "cell", payload + SOTTO_RL_PAYLOAD_HEAD, size - SOTTO_RL_PAYLOAD_HEAD);
        vec_is_hex(v, one, "payload_head", payload, SOTTO_RL_PAYLOAD_HEAD);
        uint8_t block[SOTTO_RL_PAYLOAD_MAX + SOTTO_SNAPPY_LITERAL_EXTRA];
        struct sotto_buf b = { block, 0, sizeof block, sizeof block };
        VEC_OK(v, sotto_snappy_literal(&b, sotto_span(payload, size)));
        vec_is_hex(v, one, "snappy_head", block, 8);
        VEC_OK(v, sotto_rl_open(&in[d], plain, &c, sotto_span(payload, size)));
        VEC_CHECK(v, memcmp(plain, text.data, text.size) == 0);
        VEC_OK(v, sotto_rl_receive_cell(&taker[d], text, c, 0, &credit, nobody, NULL));
    }
    VEC_CHECK(v, out[0].counter == 3 && out[1].counter == 2 && budget.used == 0);
}

void vec_net_handshake(struct vec *v)
{
    struct end i = read_end(v, true), r = read_end(v, false);
    struct sotto_rl_side at_i = side(&i, &r, true), at_r = side(&r, &i, false);
    struct sotto_rl_shared x;
    struct sotto_rl_keys ki, kr;
    uint8_t prk[32];
    VEC_OK(v, sotto_rl_share(&x, &at_i));
    vec_is_hex(v, v->out, "ee", x.ee.b, 32);
    vec_is_hex(v, v->out, "es", x.es.b, 32);
    vec_is_hex(v, v->out, "se", x.se.b, 32);
    VEC_OK(v, sotto_rl_keys(&ki, &at_i));
    VEC_OK(v, sotto_rl_keys(&kr, &at_r));
    VEC_CHECK(v, memcmp(&ki, &kr, sizeof ki) == 0);
    vec_is_hex(v, v->out, "th", ki.th, 32);
    SOTTO_HMAC(prk, SOTTO_SPAN(ki.th), SOTTO_SPAN(x.ee.b), SOTTO_SPAN(x.es.b), SOTTO_SPAN(x.se.b));
    vec_is_hex(v, v->out, "prk", prk, sizeof prk);
    is_okm(v, &ki);
    cells(v, &ki);
}
