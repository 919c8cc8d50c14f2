/* STATUS, the first message of a link of sotto/1: what each side says of itself (network.md 2 [status]).
 *
 *     [1, fresh key(33), nonce(32), [[id, value], ...]]          code 00, on RLPx alone; ours is always 512 bytes
 *
 * Names: sotto_rl_ is the relay's link between two nodes; sotto_link_ are the addresses that people hand on (identity/link.h).
 * RLPx hides little, so nothing in here is private. Threads: plain values. */
#ifndef SOTTO_RELAY_LINK_STATUS_H
#define SOTTO_RELAY_LINK_STATUS_H

#include "crypto/curve.h"

#define SOTTO_RL_STATUS_SIZE 512u                 /* of ours */
#define SOTTO_RL_STATUS_MAX 1024u                 /* of theirs */
#define SOTTO_RL_OPTIONS_MAX 32u
#define SOTTO_RL_OPTIONS_OWN_MAX 420u             /* bytes of our own [id, value] pairs; padding takes the rest */

enum sotto_rl_role {                              /* option 01; other bits are kept and mean nothing */
    SOTTO_RL_FLOOD = 1, SOTTO_RL_STEM = 2, SOTTO_RL_STORE = 4, SOTTO_RL_LEDGER = 8, SOTTO_RL_CONSENSUS = 16, SOTTO_RL_CIRCUITS = 32,
    SOTTO_RL_LEAF = 64, SOTTO_RL_RENDEZVOUS = 128
};

/* What an option says where it is absent. */
#define SOTTO_RL_CELLS_RATE 60u                   /* cells a second on channels 0 and 1, network.md 1 */
#define SOTTO_RL_BYTES_RATE (256u << 10)          /* bytes a second on channel 2 */
#define SOTTO_RL_WINDOW_2 (256u << 10)            /* first credit of channel 2 */
#define SOTTO_RL_FLOOR_BITS UINT64_C(0x3fc999999999999a)        /* 0.2 */
#define SOTTO_RL_HOP_MS 50u

struct sotto_rl_options {
    uint16_t has;                                 /* bit i: option i is there. What is not there has the value of its absence */
    uint16_t roles;                               /* 01 */
    uint8_t network[32];                          /* 02: first 32 bytes of genesis_id; zero without a ledger */
    uint32_t cells_rate, bytes_rate, window;      /* 03: what we accept, each from 1 */
    uint64_t floor_bits;                          /* 04: least rating as IEEE bits; finite, not negative */
    uint8_t stem_class;                           /* 05: 0, or 1 = padded */
    uint16_t hop_ms;                              /* 05 */
    uint32_t store_from;                          /* 06: first epoch it keeps */
    uint8_t store_page;                           /* 06: 1..64; 0 = no store (absent) */
    uint16_t tcp_port;                            /* 07: for dial-back, 0 = not listening */
    uint16_t udp_port;                            /* 08: 0 = TCP only (absent) */
};
#define SOTTO_RL_HAS(id) (1u << (id))
struct sotto_rl_options sotto_rl_options(void);   /* none is there */

/* An option of a later version, or of a test: its id, 9 or above and below 7e, and its value as an RLP string. */
struct sotto_rl_extra { uint8_t id; struct sotto_span value; };

struct sotto_rl_status {
    struct sotto_point fresh;                     /* a new pair for every connection */
    uint8_t nonce[32];
    struct sotto_rl_options options;
};

/* Writes the options that are there, then extras (ascending), then padding to exactly 512 bytes. ERR_FULL: they take more than 420 bytes.
 * ERR_RANGE: an id of extras out of place. */
SOTTO_MUST_USE enum sotto_err sotto_rl_status_write(uint8_t out[SOTTO_RL_STATUS_SIZE], const struct sotto_rl_status *s,
                                                    const struct sotto_rl_extra *extra, size_t extra_count);
/* First failure wins: ERR_STATUS_SIZE, ERR_RLP, ERR_STATUS_FORM, ERR_STATUS_VERSION, option by option ERR_STATUS_FORM, ERR_STATUS_ORDER,
 * ERR_STATUS_OPTION, then ERR_KEY and ERR_LINK_EPHEMERAL: their fresh key has the x of ours. own: our fresh key, NULL = not compared. */
SOTTO_MUST_USE enum sotto_err sotto_rl_status_read(struct sotto_rl_status *out, struct sotto_span payload, const struct sotto_point *own);

/* The list of options alone, as UPDATE carries it: what is there replaces what *options holds. Same errors as above. */
SOTTO_MUST_USE enum sotto_err sotto_rl_options_read(struct sotto_rl_options *options, struct sotto_span list);
/* Appends that list. ERR_FULL, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_rl_options_write(struct sotto_buf *out, const struct sotto_rl_options *options);

#endif
