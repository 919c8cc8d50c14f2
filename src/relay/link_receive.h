/* The receiving half of a link: plain texts of cells, in order, to whole messages (network.md 2 [receive]).
 *
 * A cell is taken whole or not at all: its heads, then its records are checked against a copy of what changes, then everything changes at
 * once and the messages come out. What is refused ends the link.
 *
 * Memory: nothing but this struct while no message is open; an open one has its bytes, at most SOTTO_RL_MESSAGE_MAX and one cell, within a
 * budget that all links share. Threads: one owner. */
#ifndef SOTTO_RELAY_LINK_RECEIVE_H
#define SOTTO_RELAY_LINK_RECEIVE_H

#include "relay/link_body.h"
#include "relay/link_credit.h"

#define SOTTO_RL_MESSAGE_MAX ((2u << 20) + 4096u) /* the largest ledger message */
#define SOTTO_RL_MESSAGE_US (60u * 1000000u)      /* from its first fragment to its last */
#define SOTTO_RL_BUDGET_MAX (32u << 20)           /* open messages of all links of a node; one link holds at most what it leaves free */

struct sotto_rl_budget { size_t used, max; };     /* bytes; one for all links of a node, and one owner */

struct sotto_rl_message { uint8_t code, channel; const struct sotto_rl_body *body; struct sotto_span bytes; };    /* borrowed for the call */
typedef void sotto_rl_message_fn(void *owner, const struct sotto_rl_message *m);

struct sotto_rl_open { bool open, kept; uint8_t code; uint32_t size; uint64_t first_us; };     /* kept: its bytes are wanted */
struct sotto_rl_receive {
    bool ready;                                   /* READY came */
    bool padded;                                  /* the sender's stem class is 1 */
    uint16_t roles;                               /* what READY must say */
    uint8_t channels;                             /* of the latest cell: bit i, it had a record of channel i */
    uint64_t cells;                               /* taken so far */
    uint64_t bytes[SOTTO_RL_CHANNELS];            /* of records taken so far, heads included */
    uint64_t used[SOTTO_RL_CHANNELS], limit[SOTTO_RL_CHANNELS], window[SOTTO_RL_CHANNELS];     /* credit we gave; w */
    struct sotto_rl_open at[SOTTO_RL_CHANNELS];
    struct sotto_buf parts[SOTTO_RL_CHANNELS];    /* bytes of the open message of each channel */
    struct sotto_rl_budget *budget;
};

/* window2: first credit of channel 2 that we announced. budget outlives it. */
struct sotto_rl_receive sotto_rl_receive(struct sotto_rl_budget *budget, uint16_t roles, bool padded, uint64_t window2);
void sotto_rl_receive_end(struct sotto_rl_receive *r);
void sotto_rl_receive_bound(struct sotto_rl_receive *r);          /* a consensus link: w of channel 2 is 4 MiB from now on */

/* One plain text. send: our own sending credit, which WINDOW may not lower; it is only read. The messages come in their order, each after the
 * whole cell was found good; fn may not touch r. Errors: every refusal of a cell behind cell-open, in the order of network.md; ERR_NOMEM, or
 * ERR_FULL for the shared budget: our fault, not theirs. On error nothing has changed. */
SOTTO_MUST_USE enum sotto_err sotto_rl_receive_cell(struct sotto_rl_receive *r, struct sotto_span plain, enum sotto_rl_class c, uint64_t now_us,
                                                    const struct sotto_rl_credit *send, sotto_rl_message_fn *fn, void *owner);
/* ERR_MESSAGE_TIME: a message is open for too long. Also asked by every cell. */
SOTTO_MUST_USE enum sotto_err sotto_rl_receive_time(const struct sotto_rl_receive *r, uint64_t now_us);
uint64_t sotto_rl_receive_deadline(const struct sotto_rl_receive *r);           /* when that may become so; UINT64_MAX: no message is open */

/* May this channel (1..3) have new credit? *limit is then what WINDOW says; _granted when it leaves. */
bool sotto_rl_receive_due(const struct sotto_rl_receive *r, unsigned channel, uint64_t *limit);
void sotto_rl_receive_granted(struct sotto_rl_receive *r, unsigned channel, uint64_t limit);

#endif
