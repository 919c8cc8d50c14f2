/* The inventory of a node on its links of sotto/1: who announced which envelope, whom it is fetched from, what may be served to whom
 * (network.md 5 [want]). Knows ids (the first 16 bytes of a hash) and links (any number), neither bodies nor cells.
 *
 *     INV id      not known: GET to the first announcer; after 2 s or MISS to the next in the order of announcement, three at most, then forgotten
 *     body        ends it, whoever brings it
 *     GET id      served if it was announced on that link, and once; else silence, and one point: nobody probes what is held
 *
 * An envelope that is held in the stem phase alone is not "known": a holder fetches the body like everybody. Bounds: 256 announcements of a link
 * that wait for a body, SOTTO_INV_TOLD_MAX announcements to a link that it may still answer (the oldest is forgotten).
 * Threads: one owner. Calls of the sink happen inside a call of this header and may call none of it. */
#ifndef SOTTO_RELAY_INV_H
#define SOTTO_RELAY_INV_H

#include "base/env.h"

#define SOTTO_INV_ID 16u
#define SOTTO_INV_GET_US 2000000u                 /* from one GET to the next */
#define SOTTO_INV_LATE_US 5000000u                /* no body so long after a GET: one point */
#define SOTTO_INV_TRIES 3u
#define SOTTO_INV_WAITING_MAX 256u                /* of one link */
#define SOTTO_INV_TOLD_MAX 16384u                 /* to one link */
#define SOTTO_INV_SCORE 1

struct sotto_inv_sink {
    void *owner;
    bool (*known)(void *owner, const uint8_t id[SOTTO_INV_ID]);                       /* in the pool, or remembered by it */
    void (*get)(void *owner, uint32_t link, const uint8_t id[SOTTO_INV_ID]);         /* ask for it */
    void (*offend)(void *owner, uint32_t link, int score);
    void (*forgot)(void *owner, const uint8_t id[SOTTO_INV_ID]);                      /* nobody had it; may be NULL */
};

struct sotto_inv;
/* links_max: links at one time. ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_inv_new(struct sotto_inv **out, uint32_t links_max, struct sotto_rng *rng, const struct sotto_inv_sink *sink);
void sotto_inv_free(struct sotto_inv *v);

/* ERR_FULL, ERR_EXISTS, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_inv_up(struct sotto_inv *v, uint32_t link);
void sotto_inv_down(struct sotto_inv *v, uint32_t link, struct sotto_now now);       /* what it was asked for is asked of the next */

/* What came on a link that is up. One id of INV; false: it is wanted, and this announcer found no place (three others came first, or too much of this
 * link waits, or memory is out): as if it had not been announced, and may be announced again when it was forgotten. */
bool sotto_inv_announced(struct sotto_inv *v, uint32_t link, const uint8_t id[SOTTO_INV_ID], struct sotto_now now);
void sotto_inv_missed(struct sotto_inv *v, uint32_t link, const uint8_t id[SOTTO_INV_ID], struct sotto_now now);         /* one id of MISS */
void sotto_inv_body(struct sotto_inv *v, const uint8_t id[SOTTO_INV_ID]);                                                /* from anybody */
/* One id of GET. have: its body is in the pool. */
enum sotto_inv_answer { SOTTO_INV_SILENCE, SOTTO_INV_SERVE, SOTTO_INV_MISS };
enum sotto_inv_answer sotto_inv_asked(struct sotto_inv *v, uint32_t link, const uint8_t id[SOTTO_INV_ID], bool have);

/* We are about to announce it on this link. False: it was, or the link is not up, or memory is out: do not. */
bool sotto_inv_tell(struct sotto_inv *v, uint32_t link, const uint8_t id[SOTTO_INV_ID]);

void sotto_inv_tick(struct sotto_inv *v, struct sotto_now now);
uint64_t sotto_inv_deadline(const struct sotto_inv *v);           /* mono_us; UINT64_MAX: none */
uint32_t sotto_inv_wanted(const struct sotto_inv *v);             /* ids that are being fetched */
uint32_t sotto_inv_waiting(const struct sotto_inv *v, uint32_t link);     /* announcements of this link among them */

#endif
