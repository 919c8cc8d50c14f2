/* Sealed cells: one direction of a link (network.md 2 [cell]).
 *
 *     cell    = AES-256-GCM(k, iv xor (0^4 || counter u64), plain text, AAD = th[0..16] || direction(1) || class(1) || counter u64)
 *     payload = one RLP string of exactly 256 or 1152 bytes, the tag included
 *
 * The counter runs from 0 and is never sent. After every 65,536 cells the key is replaced and the old one wiped; iv and counter run on.
 * The length alone says the class, and a cell that does not open ends the link: nothing is tried twice under one counter.
 * Threads: one owner. Holds a key: sotto_rl_lane_end wipes it. A lane is a plain value until it is prepared. */
#ifndef SOTTO_RELAY_LINK_CELL_H
#define SOTTO_RELAY_LINK_CELL_H

#include "crypto/aead.h"
#include "relay/link_code.h"

#define SOTTO_RL_REKEY 65536u                     /* cells of one direction under one key */
#define SOTTO_RL_PAYLOAD_HEAD 3u
#define SOTTO_RL_PAYLOAD_MAX (SOTTO_RL_PAYLOAD_HEAD + SOTTO_RL_CELL_L)

enum sotto_rl_direction { SOTTO_RL_IR, SOTTO_RL_RI };             /* from the one who dialled, to him */
struct sotto_rl_lane {
    struct sotto_secret key;
    uint8_t iv[12], th16[16], direction;
    uint64_t counter;                             /* cells sealed or opened so far */
    struct sotto_gcm_kept *kept;                  /* with the key of now; NULL: each cell makes its own */
};
/* Made in its place: a lane that is returned would leave its key on the stack. */
void sotto_rl_lane_begin(struct sotto_rl_lane *l, const struct sotto_secret *key, const uint8_t iv[12], const uint8_t th[32], enum sotto_rl_direction direction);
void sotto_rl_lane_end(struct sotto_rl_lane *l);
/* For a lane of many cells: makes the key schedule once for all cells of a key. Without memory for that it goes on as it was. */
void sotto_rl_lane_prepare(struct sotto_rl_lane *l);

/* What goes beside the key into the seal of the next cell. */
void sotto_rl_nonce(uint8_t out[12], const struct sotto_rl_lane *l);
void sotto_rl_aad(uint8_t out[26], const struct sotto_rl_lane *l, enum sotto_rl_class c);

/* plain: 240 or 1136 bytes as c says. Writes head, sealed text and tag; *size is 259 or 1155. ERR_NOMEM, ERR_INTERNAL: nothing was used up. */
SOTTO_MUST_USE enum sotto_err sotto_rl_seal(struct sotto_rl_lane *l, uint8_t out[SOTTO_RL_PAYLOAD_MAX], size_t *size, enum sotto_rl_class c,
                                            const uint8_t *plain);
/* ERR_CELL_SIZE: not exactly one string of one of the two sizes. ERR_CELL_OPEN, ERR_NOMEM; the lane is then as it was. */
SOTTO_MUST_USE enum sotto_err sotto_rl_open(struct sotto_rl_lane *l, uint8_t plain[SOTTO_RL_PLAIN_L], enum sotto_rl_class *c, struct sotto_span payload);

#endif
