/* The sending half of a link: whole messages that wait, one queue for each channel, and how they fill cells (network.md 2).
 *
 * A message above one cell is cut where the cell ends or the credit does; fragments of a channel stay together. Empty queues hold no memory
 * worth naming. Threads: one owner. */
#ifndef SOTTO_RELAY_LINK_SEND_H
#define SOTTO_RELAY_LINK_SEND_H

#include "relay/link_credit.h"

struct sotto_rl_queue {
    struct sotto_buf bytes;                       /* code(1) || size(4) || body, one after the other */
    size_t at;                                    /* where the first message begins */
    uint32_t sent;                                /* bytes of it that have left */
};
struct sotto_rl_queue sotto_rl_queue(size_t max); /* the most bytes that wait */
void sotto_rl_queue_end(struct sotto_rl_queue *q);
/* Copies body. ERR_FULL, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_rl_queue_add(struct sotto_rl_queue *q, uint8_t code, struct sotto_span body);
static inline bool sotto_rl_queue_any(const struct sotto_rl_queue *q) { return q->at < q->bytes.size; }
static inline size_t sotto_rl_queue_bytes(const struct sotto_rl_queue *q) { return q->bytes.size - q->at - q->sent; }

/* A plain text in the making. */
struct sotto_rl_pack { uint8_t plain[SOTTO_RL_PLAIN_L]; size_t at; uint8_t channels; uint32_t bytes[SOTTO_RL_CHANNELS]; };     /* bytes: of the records in it, by channel */
static inline struct sotto_rl_pack sotto_rl_pack(void) { return (struct sotto_rl_pack){ .at = 0 }; }
/* A whole record, if it fits before end; no credit. */
bool sotto_rl_pack_record(struct sotto_rl_pack *p, uint8_t code, struct sotto_span body, size_t end);
/* From the queue of a channel: as many messages as fit before end and as credit and most allow, the last one cut if it must. Returns how many
 * records were put in. */
unsigned sotto_rl_pack_queue(struct sotto_rl_pack *p, struct sotto_rl_queue *q, unsigned channel, struct sotto_rl_credit *credit, size_t end, unsigned most);
/* The end mark; what stands behind it is zero. */
void sotto_rl_pack_close(struct sotto_rl_pack *p, size_t size);

#endif
