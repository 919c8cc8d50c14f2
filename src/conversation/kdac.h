/* KDAC: keys and addresses derived for one message each (messaging.md 4.3; rows K-18..K-25, K-29, K-30). Pure.
 *
 *     h = TH("sotto/kdac/1", HK | dir | index) mod n            the paper's HASH(x, t): x -> HK, t -> index
 *
 *     sender A                                    receiver B
 *     K_Bt = h*K_B                                k_Bt = h*k_B,  K_Bt = k_Bt*G     (look-ahead, fixed base)
 *     S    = h*P                                  S    = h*P                       P = k_A*K_B = k_B*K_A
 *     tag  = TH("sotto/tag", x(K_Bt))[0..16]      the same tag: one table probe finds the message
 *
 * k_Bt never leaves the function that makes the tag: k_Bt together with h gives k (K-20).
 * Everything but tags is secret. Threads: no state. */
#ifndef SOTTO_CONVERSATION_KDAC_H
#define SOTTO_CONVERSATION_KDAC_H

#include "crypto/curve.h"

#define SOTTO_TAG_BYTES 16u
#define SOTTO_TOPIC_BYTES 4u

struct sotto_tag { uint8_t b[SOTTO_TAG_BYTES]; };                        /* public once its cell left; its first 4 bytes are the topic */

/* ERR_KEY: h is 0 (never seen in practice): both ends skip that index. */
SOTTO_MUST_USE enum sotto_err sotto_kdac_h(struct sotto_scalar *h, const struct sotto_secret *hk, uint8_t dir, uint32_t index);
/* h*base as a whole point, constant time in h: K_Bt from K_B, K_At from K_A, S from P. ERR_KEY. */
SOTTO_MUST_USE enum sotto_err sotto_kdac_point(struct sotto_point *out, const struct sotto_scalar *h, const struct sotto_point *base);
/* Only x(h*base), which is all the message path needs. ERR_KEY. */
SOTTO_MUST_USE enum sotto_err sotto_kdac_x(struct sotto_secret *out, const struct sotto_scalar *h, const struct sotto_point *base);
/* k_t = h*k mod n: for vectors and the tag below. Wipe it at once. */
SOTTO_MUST_USE enum sotto_err sotto_kdac_private(struct sotto_scalar *out, const struct sotto_scalar *h, const struct sotto_scalar *k);
/* P = k_own*K_peer, once per session. */
SOTTO_MUST_USE enum sotto_err sotto_kdac_shared(struct sotto_point *p, const struct sotto_scalar *own, const struct sotto_point *peer);
/* From x(K_Bt). */
void sotto_kdac_tag(struct sotto_tag *out, const struct sotto_secret *kbt_x);
/* The receiver's look-ahead in one call: h, k_Bt = h*own, x(k_Bt*G), tag. h and kbt_x may be NULL. ERR_KEY as sotto_kdac_h. */
SOTTO_MUST_USE enum sotto_err sotto_kdac_ahead(struct sotto_tag *tag, struct sotto_scalar *h, struct sotto_secret *kbt_x,
                                               const struct sotto_secret *hk, uint8_t dir, uint32_t index, const struct sotto_scalar *own);

#endif
