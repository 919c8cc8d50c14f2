/* The sealed cell of the known-contact lane (messaging.md 4.4; rows K-27, K-40, K-41). Pure.
 *
 *     0    16   tag            first 4 bytes = topic of the envelope, the other 1024 bytes its data
 *     16   32   X              fresh x coordinate: equal to the box lane, salts both keys
 *     48   88   header, sealed
 *     136  892  body, sealed   AAD = bytes 0..136
 *
 * Threads: no state. */
#ifndef SOTTO_CONVERSATION_CELL_H
#define SOTTO_CONVERSATION_CELL_H

#include "conversation/kdac.h"
#include "crypto/aead.h"

#define SOTTO_CELL_BYTES 1028u
#define SOTTO_HEADER_BYTES 72u
#define SOTTO_BODY_BYTES 876u
#define SOTTO_HEADER_RECORD 1u            /* flag bit 0: the conversation is on record */

struct sotto_header {
    uint8_t flags;
    struct sotto_point point;             /* ratchet point; not checked by _decode */
    uint32_t pn, index;
    uint64_t height;                      /* 0 = no block */
    uint8_t block8[8], mk8[8];            /* first 8 bytes of the ids, zero = none */
};
void sotto_header_encode(uint8_t out[SOTTO_HEADER_BYTES], const struct sotto_header *h);
/* ERR_HEADER_FORM: version, unknown flags, spare bytes. */
SOTTO_MUST_USE enum sotto_err sotto_header_decode(struct sotto_header *out, const uint8_t in[SOTTO_HEADER_BYTES]);

/* KN of the header: HKDF(X, HS, "sotto/header/2"). */
void sotto_cell_header_kn(struct sotto_kn *out, const uint8_t x[32], const struct sotto_secret *hs);
/* KN of the body: HKDF(x(K_Bt) | X, MK | x(S), "sotto/msg/1" | dir | index | from | to). */
struct sotto_body_key {
    struct sotto_secret kbt_x, mk, s_x;
    uint8_t dir;
    uint32_t index;
    struct sotto_id from, to;
};
void sotto_cell_body_kn(struct sotto_kn *out, const uint8_t x[32], const struct sotto_body_key *key);

/* Draws until it is an x coordinate: two tries on average. */
void sotto_cell_draw_x(uint8_t x[32], struct sotto_rng *rng);
bool sotto_cell_x_good(const uint8_t x[32]);

SOTTO_MUST_USE enum sotto_err sotto_cell_seal(uint8_t out[SOTTO_CELL_BYTES], const struct sotto_tag *tag, const uint8_t x[32], const struct sotto_secret *hs,
                                              const struct sotto_body_key *key, const uint8_t header[SOTTO_HEADER_BYTES],
                                              const uint8_t body[SOTTO_BODY_BYTES]);
/* The same with both keys made before. A pair of keys seals one cell only: wipe them whatever this returns. */
SOTTO_MUST_USE enum sotto_err sotto_cell_seal_kn(uint8_t out[SOTTO_CELL_BYTES], const struct sotto_tag *tag, const uint8_t x[32],
                                                 const struct sotto_kn *header_kn, const struct sotto_kn *body_kn,
                                                 const uint8_t header[SOTTO_HEADER_BYTES], const uint8_t body[SOTTO_BODY_BYTES]);
/* ERR_AEAD; out is then zeroed. */
SOTTO_MUST_USE enum sotto_err sotto_cell_open_header(uint8_t header[SOTTO_HEADER_BYTES], const uint8_t sealed[SOTTO_CELL_BYTES], const struct sotto_secret *hs);
SOTTO_MUST_USE enum sotto_err sotto_cell_open_body(uint8_t body[SOTTO_BODY_BYTES], const uint8_t sealed[SOTTO_CELL_BYTES], const struct sotto_body_key *key);

#endif
