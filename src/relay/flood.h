/* What the links of sotto/1 carry of the pool (network.md 5 [want]): announcements, and the bodies that are asked for.
 *
 *     news in the pool -> the flush of each link (Poisson) -> INV -> GET -> the body, once
 *     INV -> GET to the first announcer (relay/inv.h) -> the body -> judged and pooled as what shh/6 brings (whisper/shh.h)
 *
 * Carried are native envelopes; foreign ones go by shh/6 where both ends speak it, and by links where they do not. The flush is the diffusion delay,
 * of its own for each link; what waits goes best first, by turns of those who brought it where it is more than may be announced.
 *
 * An own envelope is held until its first hop has it: it is announced on one link that we dialled (or pinned) and on no other, and is an entry like
 * any other when that neighbour has asked for the body. Who does not ask within two seconds loses the turn.
 *
 * Three announcers of an id are asked, then it is forgotten (network.md 5). Announcing costs nothing, so whoever came too late for a place among the three
 * is remembered for that moment and has the next turn, those that we dialled first: three strangers who are quick and bring nothing delay a message by
 * some seconds and cannot keep it away.
 *
 * Bounds of a link: 16,384 known ids, 1,024 bodies that wait for the line. Announced is what the other side may ask for (SOTTO_FLOOD_GET_*) and take:
 * no more than it has cells for in a second and a quarter may stand unanswered, so that a body comes before the other side asks the next announcer; what
 * it never asks for it has already, and that is settled with time. Threads: one owner. */
#ifndef SOTTO_RELAY_FLOOD_H
#define SOTTO_RELAY_FLOOD_H

#include "relay/inv.h"
#include "relay/links.h"
#include "whisper/shh.h"

#define SOTTO_FLOOD_WINDOW_MAX 250u               /* announcements that stand unanswered; the other side waits for at most SOTTO_INV_WAITING_MAX */
#define SOTTO_FLOOD_ANNOUNCE_RATE 80u             /* ids a second that we announce, a little less than may be asked for */
#define SOTTO_FLOOD_ANNOUNCE_BURST 800u
#define SOTTO_FLOOD_INV_RATE 200u                 /* ids a second that a peer may announce, and ask for; network.md 1 */
#define SOTTO_FLOOD_INV_BURST 2000u
#define SOTTO_FLOOD_GET_RATE 100u
#define SOTTO_FLOOD_GET_BURST 1000u
#define SOTTO_FLOOD_SERVE_MAX 1024u               /* bodies of one link that wait for room */
#define SOTTO_FLOOD_KNOWN_MAX 16384u              /* ids that a link is known to have: saying one costs it nothing */
#define SOTTO_FLOOD_LATE_MAX 4096u                /* announcers that came too late, of all links */
#define SOTTO_FLOOD_STUCK_US 10000000u            /* nobody takes an own envelope */
#define SOTTO_FLOOD_OFFERS_MAX 256u               /* own envelopes that are announced and not yet asked for */
#define SOTTO_FLOOD_OFFER_US 2000000u
#define SOTTO_FLOOD_NOTICE_US 60000000u           /* each NOTICE to a link at most so often */

struct sotto_flood_config {
    struct sotto_pool *pool;                      /* these outlive it */
    struct sotto_shh *shh;
    struct sotto_links *links;
    struct sotto_host *host;
    uint64_t flush_mean_us;
    struct sotto_rng *rng;
    struct sotto_log *log;                        /* may be NULL */
    void *owner;
    void (*first_hop)(void *owner, const struct sotto_pool_entry *e, struct sotto_now now);      /* as of sotto_shh_config */
};

struct sotto_flood_stats { uint64_t announced, asked, served, missed, taken; };

struct sotto_flood;
SOTTO_MUST_USE enum sotto_err sotto_flood_new(struct sotto_flood **out, const struct sotto_flood_config *config);     /* ERR_NOMEM */
void sotto_flood_free(struct sotto_flood *f);

/* The queue of the step in progress, as sotto_shh_enter. */
void sotto_flood_enter(struct sotto_flood *f, struct sotto_outq *out);
/* What the links say; the codes of channel 1, and UPDATE. */
void sotto_flood_up(struct sotto_flood *f, uint32_t peer, struct sotto_now now);
void sotto_flood_down(struct sotto_flood *f, uint32_t peer, struct sotto_now now);
void sotto_flood_message(struct sotto_flood *f, uint32_t peer, const struct sotto_rl_message *m, struct sotto_now now);

/* In every step, before sotto_links_tick: sees by itself what is new in the pool. */
void sotto_flood_tick(struct sotto_flood *f, struct sotto_now now);
uint64_t sotto_flood_deadline(const struct sotto_flood *f);               /* mono_us; UINT64_MAX = none */
/* The pool's floor moved: every link hears it. */
void sotto_flood_floor(struct sotto_flood *f, struct sotto_now now);

unsigned sotto_flood_first_hops(const struct sotto_flood *f);             /* links that are up and that we dialled or pinned */
bool sotto_flood_stuck(const struct sotto_flood *f, struct sotto_now now);          /* none of them has asked for what was offered for SOTTO_FLOOD_STUCK_US */
double sotto_flood_wanted(const struct sotto_flood *f, double floor);     /* the median of what they ask for, at least floor */
const struct sotto_flood_stats *sotto_flood_stats(const struct sotto_flood *f);

#endif
