/* Own sealed cells on their way out (messaging.md 6.2, network.md 3).
 *
 *     WAITING -> WORKING -> READY -> pooled, held -> SENT -> expired
 *        ^          |         |          |
 *        +----------+---------+----------+      mined again: work failed, under 600 s of life left, the floor rose
 *
 * A cell has at most one envelope at a time: it goes back only while no other node can have it. The holder of the object
 * moves the pool and the network; the outbox keeps what is where. */
#ifndef SOTTO_RELAY_OUTBOX_H
#define SOTTO_RELAY_OUTBOX_H

#include "relay/net.h"
#include "relay/schedule.h"

#include <sys/queue.h>

struct cell {
    TAILQ_ENTRY(cell) link;
    uint64_t id;
    enum sotto_cell_phase phase;
    bool pooled;                                  /* READY and in the pool, held until a first hop takes it */
    bool told;                                    /* SENT: CELL_SENT was told */
    uint64_t token;                               /* of the work going on */
    unsigned bits;                                /* zeros the work must have */
    uint64_t at_us;                               /* READY: when it leaves; WAITING: not before (after work that failed) */
    struct sotto_envelope envelope;               /* data points into sealed */
    uint8_t hash[32];                             /* once mined */
    uint8_t sealed[SOTTO_SEALED_SIZE];            /* topic || cell */
};
TAILQ_HEAD(cells, cell);

struct outbox {
    struct cells queue;                           /* not yet sent, in order of submission */
    struct cells sent;                            /* sent and still alive */
    unsigned queued, sent_count, mined;           /* mined: READY and not yet pooled */
    bool working, untold;                         /* untold: a CELL_SENT found no place in the queue */
    uint32_t sent_next_s;                         /* earliest expiry in sent */
    uint64_t next_token;
    struct sotto_schedule schedule;
};

#define OUTBOX_SENT_MAX 8192u                     /* own envelopes alive at once: half an hour at 4 a second */
#define OUTBOX_MINED_MAX 8u                       /* network.md 3: the stock of mined own envelopes */
#define OUTBOX_RETRY_US 1000000u                  /* after work that a worker gave up */

struct cell *outbox_find(const struct outbox *o, uint64_t id);
struct cell *outbox_working(const struct outbox *o, uint64_t token);
/* Times of an envelope made now: sent on the grid, blurred (messaging.md 6.2). blur 0..599. */
void outbox_times(struct sotto_envelope *e, uint32_t now_s, uint32_t blur);

#endif
