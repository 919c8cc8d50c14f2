/* The RLPx handshake: one auth packet, one ack packet, then frame secrets (devp2p.md 5; EIP-8). Internal to p2p/.
 *
 *     dialer     begin, write_auth, read until OK, secrets
 *     listener   begin, read until OK, write_ack, secrets
 *
 * Dialing speaks the EIP-8 form only; both roles understand the old form, and a listener answers in kind. A packet is taken
 * up to SOTTO_RLPX_PACKET_MAX bytes (geth's are under 700), so an unknown peer costs at most that much memory.
 * Every refusal is ERR_ECIES and leaves the object as it was. Threads: one owner. */
#ifndef SOTTO_P2P_RLPX_H
#define SOTTO_P2P_RLPX_H

#include "crypto/curve.h"
#include "crypto/hash.h"

#define SOTTO_RLPX_PACKET_MAX 2048u
#define SOTTO_RLPX_OLD_AUTH 307u
#define SOTTO_RLPX_OLD_ACK 210u

enum sotto_rlpx_role { SOTTO_RLPX_DIALER, SOTTO_RLPX_LISTENER };

struct sotto_rlpx {
    enum sotto_rlpx_role role;
    const struct sotto_scalar *key;       /* our static key, borrowed */
    struct sotto_scalar ephemeral;
    uint8_t nonce[32];
    bool old_form;                        /* the peer's packet had the old form */
    uint8_t remote[64];                   /* the peer's static key: given to a dialer, proven by auth to a listener */
    struct sotto_point remote_ephemeral;
    uint8_t remote_nonce[32];
    struct sotto_buf auth, ack;           /* as on the wire, size prefix included: both go into the MAC states */
};

struct sotto_rlpx_secrets {
    uint8_t aes[32], mac[32];
    struct sotto_keccak egress, ingress;
};

/* Draws the ephemeral key and the nonce. key must outlive the object. */
void sotto_rlpx_begin(struct sotto_rlpx *x, enum sotto_rlpx_role role, const struct sotto_scalar *key, struct sotto_rng *rng);
void sotto_rlpx_end(struct sotto_rlpx *x);                            /* wipes; safe twice */

/* Makes x->auth for the listener with this static key. ERR_KEY (not a point), ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_rlpx_write_auth(struct sotto_rlpx *x, const uint8_t remote[64], struct sotto_rng *rng);
/* Makes x->ack in the form of the auth that was read. */
SOTTO_MUST_USE enum sotto_err sotto_rlpx_write_ack(struct sotto_rlpx *x, struct sotto_rng *rng);

#define SOTTO_RLPX_FIRST_NEED 2u
/* The peer's packet, auth or ack by role, from its first byte. Call it with SOTTO_RLPX_FIRST_NEED bytes; ERR_AGAIN sets *need to
 * the number of bytes (in all) to call it with next, so that no byte after the packet is ever taken. */
SOTTO_MUST_USE enum sotto_err sotto_rlpx_read(struct sotto_rlpx *x, size_t *need, struct sotto_span have);

/* After both packets. ERR_KEY if the peer's ephemeral key is no point. The caller wipes out. */
SOTTO_MUST_USE enum sotto_err sotto_rlpx_secrets(struct sotto_rlpx_secrets *out, const struct sotto_rlpx *x);

#endif
