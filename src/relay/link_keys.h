/* The keys of a link (network.md 2 [handshake]): both static keys, both fresh ones and both STATUS messages go in.
 *
 *     th   = TH("sotto/link/1", pub33(is) || pub33(rs) || u16 len || STATUS_I || u16 len || STATUS_R)
 *     prk  = HKDF-Extract(th, x(ie,re) || x(ie,rs) || x(is,re))
 *     okm  = HKDF-Expand(prk, "sotto/link/1 keys", 152) = k_IR iv_IR k_RI iv_RI d_IR d_RI
 *
 * I dialled, R listened; s static, e fresh. Independent of RLPx: who opens a cell has proven its static key.
 * Cost: three multiplications on each side and one for the fresh key. Constant time in the scalars. Threads: pure. */
#ifndef SOTTO_RELAY_LINK_KEYS_H
#define SOTTO_RELAY_LINK_KEYS_H

#include "crypto/curve.h"
#include "relay/link_cell.h"

#define SOTTO_RL_OKM 152u

struct sotto_rl_shared { struct sotto_secret ee, es, se; };       /* the three x coordinates */
struct sotto_rl_keys {
    struct sotto_secret k[2], d[2];               /* by enum sotto_rl_direction: cells, datagrams */
    uint8_t iv[2][12], th[32];
};

/* One side of it. The points were checked: of the peers' from RLPx, the fresh one by sotto_rl_status_read. */
struct sotto_rl_side {
    bool dialled;                                 /* we are I */
    const struct sotto_scalar *own, *fresh;       /* our secrets */
    struct sotto_point own_pub, peer_pub, peer_fresh;
    struct sotto_span own_status, peer_status;    /* the bytes as sent, before Snappy */
};

void sotto_rl_th(uint8_t out[32], const struct sotto_rl_side *s);
SOTTO_MUST_USE enum sotto_err sotto_rl_share(struct sotto_rl_shared *out, const struct sotto_rl_side *s);      /* ERR_KEY */
void sotto_rl_derive(struct sotto_rl_keys *out, const uint8_t th[32], const struct sotto_rl_shared *shared);
/* All of it. ERR_KEY. */
SOTTO_MUST_USE enum sotto_err sotto_rl_keys(struct sotto_rl_keys *out, const struct sotto_rl_side *s);
/* The lane of a direction under these keys. */
void sotto_rl_keys_lane(struct sotto_rl_lane *out, const struct sotto_rl_keys *k, enum sotto_rl_direction direction);

#endif
