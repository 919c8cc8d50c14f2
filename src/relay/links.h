/* The capability sotto/1 of a host: a link (relay/link.h) for every peer that shares it. Joins the two and decides nothing but when to ask for the
 * round trip: payloads go to the link and frames to the peer, a refusal costs the peer what network.md 1 says, a peer that reads slowly gets no more
 * than a quarter of a MiB ahead.
 *
 * Memory: some 2 KiB a link and what waits on it; open messages of all links within one budget. Threads: one owner. Calls of the configuration's
 * functions happen inside a step of the host or a call of this header; they may call sotto_links_send and nothing else here. */
#ifndef SOTTO_RELAY_LINKS_H
#define SOTTO_RELAY_LINKS_H

#include "relay/link.h"

#define SOTTO_LINKS_CODES 112u                    /* of the block, network.md 1 */
#define SOTTO_LINKS_AHEAD (256u << 10)            /* bytes that a peer's queue holds before its link waits */
#define SOTTO_LINKS_PING_US (30ull * 1000000)     /* the round trip is asked for after this and a uniform draw of as much more */

struct sotto_links_config {
    struct sotto_scalar key;                      /* the node's link identity; copied into guarded memory, wipe yours */
    struct sotto_rl_options options;              /* ours; option 1 (roles) is there */
    uint32_t dialled_cells_rate;                  /* cells a second that we take from whom we dialled; 0: what options say */
    uint64_t cell_slot_us;                        /* mean of the C-slots of links that we dialled (relay/schedule.h); 0: cells leave as they are filled */
    struct sotto_rng *rng;
    struct sotto_log *log;                        /* may be NULL */
    void *owner;
    void (*up)(void *owner, uint32_t peer, struct sotto_now now);                        /* READY came; each of these may be NULL */
    void (*message)(void *owner, uint32_t peer, const struct sotto_rl_message *m, struct sotto_now now);
    void (*down)(void *owner, uint32_t peer, struct sotto_now now);                      /* of a link that was up */
};

struct sotto_links;
/* ERR_KEY, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_links_new(struct sotto_links **out, const struct sotto_links_config *config);
void sotto_links_free(struct sotto_links *l);     /* NULL is fine; after the host */

/* As of sotto_shh (whisper/shh.h): for the host's list, then attach before the first step; enter with the queue of each step, NULL after it. */
const struct sotto_capability *sotto_links_capability(struct sotto_links *l);
void sotto_links_attach(struct sotto_links *l, struct sotto_host *host);
struct sotto_host *sotto_links_host(const struct sotto_links *l);
void sotto_links_enter(struct sotto_links *l, struct sotto_outq *out);
/* Between enter calls, once in every step: timers, and what a line that was full takes now. */
void sotto_links_tick(struct sotto_links *l, struct sotto_now now);
uint64_t sotto_links_deadline(const struct sotto_links *l);               /* mono_us; UINT64_MAX = none */

/* As sotto_rl_send; it leaves with the next tick. ERR_MISSING: no link with this peer that is up. */
SOTTO_MUST_USE enum sotto_err sotto_links_send(struct sotto_links *l, uint32_t peer, uint8_t code, struct sotto_span body, struct sotto_now now);
/* False: that peer has no link. */
bool sotto_links_info(const struct sotto_links *l, uint32_t peer, struct sotto_rl_info *out);
unsigned sotto_links_up(const struct sotto_links *l);                     /* links that are up */

#endif
