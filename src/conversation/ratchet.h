/* Root, chain and header steps of the Double Ratchet with header encryption (messaging.md 4.2, 4.4; rows K-22, K-34, N-25). Pure. */
#ifndef SOTTO_CONVERSATION_RATCHET_H
#define SOTTO_CONVERSATION_RATCHET_H

#include "crypto/curve.h"

#define SOTTO_BLOCK_ID_MAX 64u

/* A finalised block as this node's ledger knows it. height 0 = none. */
struct sotto_block {
    uint64_t chain, height;
    uint8_t id[SOTTO_BLOCK_ID_MAX];
    size_t id_size;                       /* 64 for our chains, 32 for Ethereum */
};
/* B = TH("sotto/block", chain | height | id); 32 zero bytes when block is NULL or its height 0. */
void sotto_block_mix(uint8_t out[32], const struct sotto_block *block);

/* RK' | CK | NHK = HKDF(RK, x(own * peer) | B | M, "sotto/ratchet/1", 96). mk NULL = 32 zero bytes. The outputs may be the
 * inputs' place only for rk2 == rk. ERR_KEY for a bad point or scalar. */
SOTTO_MUST_USE enum sotto_err sotto_root_step(struct sotto_secret *rk2, struct sotto_secret *ck, struct sotto_secret *nhk, const struct sotto_secret *rk,
                                              const struct sotto_scalar *own, const struct sotto_point *peer, const uint8_t mix[32],
                                              const struct sotto_secret *mk);
/* The same from x(own * peer) made before. */
void sotto_root_mix(struct sotto_secret *rk2, struct sotto_secret *ck, struct sotto_secret *nhk, const struct sotto_secret *rk,
                    const struct sotto_secret *dh, const uint8_t mix[32], const struct sotto_secret *mk);
/* MK = HMAC(CK, 1), CK' = HMAC(CK, 2); ck is replaced, the old one wiped. mk may be NULL (an index both ends skip). */
void sotto_chain_step(struct sotto_secret *mk, struct sotto_secret *ck);
/* HS = HMAC(HK, "sotto/header/1" | dir | index). */
void sotto_header_secret(struct sotto_secret *hs, const struct sotto_secret *hk, uint8_t dir, uint32_t index);

#endif
