/* One link of sotto/1 between two nodes (network.md 2): from STATUS to the last cell, as a step machine. Pure: no socket, no clock.
 *
 *     OPENING  ours is sent, theirs awaited (10 s)
 *        |       their STATUS -> keys -> READY leaves
 *     KEYED    their READY awaited (10 s)
 *        |
 *        UP ----> ENDED          any state may end; what ends a link is one of the refusals of network.md (relay/link_refusal.h)
 *
 * In come payloads of codes 00 and 01, messages to send, time, and room on the line; out come payloads, messages, a wish not to be read for a
 * while, and the end. What is sent leaves in the order of service 3, 0, 1, 2; cells leave as soon as there is room, or, on a paced link, one
 * at each slot that the schedule gives (network.md 3): the one place that decides when is leave() in link.c.
 *
 * The link itself answers WINDOW, ACK, PING and PONG; it applies UPDATE and tells it; all else it hands on.
 *
 * Memory: some 2 KiB, and what waits or is open: both bounded, the latter by a budget that all links share. No allocation per cell.
 * Threads: one owner. Calls of the sink happen inside a call of this header; they may call sotto_rl_send and nothing else here. */
#ifndef SOTTO_RELAY_LINK_H
#define SOTTO_RELAY_LINK_H

#include "relay/link_receive.h"
#include "relay/link_refusal.h"

#define SOTTO_RL_STATUS_US 10000000u              /* until their STATUS, and again until their READY */
#define SOTTO_RL_PING_US 5000000u                 /* least time between two PINGs, ours and those we answer */
#define SOTTO_RL_ACK_US 2000000u                  /* least time between two ACKs */
#define SOTTO_RL_BURST_S 10u                      /* a rate may be used up ahead for so many seconds: 60 cells/s burst 600 */
#define SOTTO_RL_BYTES_BURST (4u << 20)           /* least burst of channel 2 */
#define SOTTO_RL_MEDIA_RATE 480u                  /* cells a second on channel 3: 60 for each of the 8 circuits of a link */
#define SOTTO_RL_MEDIA_RATE_BOUND 1000u           /* on a link between validators */
#define SOTTO_RL_CONTROL_RATE 10u                 /* records a second that we put on channel 0 */
#define SOTTO_RL_DEBT_S 10u                       /* a peer that is so far above its rate, although it is not read, is sent away */

/* Bytes that may wait on each channel. */
#define SOTTO_RL_QUEUE_0 (16u << 10)
#define SOTTO_RL_QUEUE_1 (256u << 10)
#define SOTTO_RL_QUEUE_2 (8u << 20)
#define SOTTO_RL_QUEUE_3 (256u << 10)

enum sotto_rl_state { SOTTO_RL_OPENING, SOTTO_RL_KEYED, SOTTO_RL_UP, SOTTO_RL_ENDED, SOTTO_RL_STATES };

struct sotto_rl_sink {
    void *owner;
    void (*frame)(void *owner, unsigned code, struct sotto_span payload);        /* code 00 or 01 of the capability; uncompressed */
    void (*up)(void *owner);
    void (*message)(void *owner, const struct sotto_rl_message *m);
    void (*pause)(void *owner, uint64_t until_us);                               /* do not read this peer until then */
    void (*ended)(void *owner, enum sotto_err err);                              /* sotto_rl_penalty says what it costs; nothing comes after it */
};

struct sotto_rl_config {
    bool dialled;                                 /* we dialled it */
    bool paced;                                   /* cells leave by sotto_rl_slot alone */
    const struct sotto_scalar *key;               /* static secret of the node; read until the keys are made; outlives the link */
    struct sotto_point own_pub, peer_pub;         /* the peer's: proven by RLPx */
    struct sotto_rl_options options;              /* ours */
    struct sotto_rl_budget *budget;               /* of all links of the node; outlives the link */
    struct sotto_rng *rng;                        /* the fresh key, nonces */
    struct sotto_rl_sink sink;
};

struct sotto_rl;
/* ERR_NOMEM; ERR_FULL: our options are too long for STATUS. */
SOTTO_MUST_USE enum sotto_err sotto_rl_new(struct sotto_rl **out, const struct sotto_rl_config *config, struct sotto_now now);
void sotto_rl_free(struct sotto_rl *l);

void sotto_rl_begin(struct sotto_rl *l, struct sotto_now now);                   /* once: STATUS leaves */
/* A payload of a code of this capability, as it came. */
void sotto_rl_frame(struct sotto_rl *l, unsigned code, struct sotto_span payload, struct sotto_now now);
void sotto_rl_tick(struct sotto_rl *l, struct sotto_now now);
uint64_t sotto_rl_deadline(const struct sotto_rl *l);                            /* mono_us of the next tick it wants; UINT64_MAX = none */

/* Queues a message; it leaves with the next call of flush, tick or frame. code: one of a channel, but READY, WINDOW, ACK, PING and PONG. The body
 * must be what the code carries; rates of an UPDATE hold from here on. ERR_FULL: too much waits on its channel. ERR_RANGE: too long. ERR_STATE: the link has ended. ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_rl_send(struct sotto_rl *l, uint8_t code, struct sotto_span body);
/* Bytes of payload that the line takes from now on, until told otherwise. 0 at first; STATUS and READY do not ask. */
void sotto_rl_room(struct sotto_rl *l, size_t bytes);
void sotto_rl_flush(struct sotto_rl *l, struct sotto_now now);
/* A paced link: one L cell leaves, with what waits, or empty. False: it may not (not up, no room, no credit on channel 1): the slot is lost. */
bool sotto_rl_slot(struct sotto_rl *l, struct sotto_now now);
/* Asks for the round trip. ERR_AGAIN: too early, or the last one is not answered; ERR_STATE: not up. */
SOTTO_MUST_USE enum sotto_err sotto_rl_ping(struct sotto_rl *l, struct sotto_now now);
void sotto_rl_bound(struct sotto_rl *l, struct sotto_now now);                   /* consensus proved itself on it: more credit and rate */

struct sotto_rl_info {
    enum sotto_rl_state state;
    uint64_t cells_in, cells_out, cells_acked;    /* acked: what the other end said it got */
    uint64_t cells_out_class[2], cells_in_class[2];
    uint64_t rtt_us;                              /* 0: not known */
    size_t waiting[SOTTO_RL_CHANNELS];            /* bytes */
    uint64_t bytes_in[SOTTO_RL_CHANNELS], bytes_out[SOTTO_RL_CHANNELS];         /* of records, heads included; cells are as long whatever is in them */
    const struct sotto_rl_options *peer;          /* as it stands now; NULL before STATUS */
    const uint8_t *th;                            /* handshake hash, 32 bytes (consensus.md BIND); NULL before the keys */
};
void sotto_rl_info(const struct sotto_rl *l, struct sotto_rl_info *out);

#endif
