/* What neighbours tell each other of the network over their links (network.md 1 and 2, codes 06, 09-0c).
 *
 *     PEERS_GET -> PEERS     records (EIP-778) of nodes that we have tried, drawn at random, at most two of a group: how a node without UDP hears of
 *                            others. Asked of whom we dialled, while few of our book are known to live; answered once in ten minutes to each
 *     DIAL_ME -> DIALLED     is our port reached from outside? The other side dials the address that it sees us at, nowhere else, and believes the key
 *                            alone. Two neighbours of two groups that reached us: we are reached; three that did not and no two that did: we are not
 *     NOTICE                 counted by what it says
 *
 * Memory: 512 records of at most 300 bytes. Threads: one owner. */
#ifndef SOTTO_RELAY_PEERS_H
#define SOTTO_RELAY_PEERS_H

#include "p2p/book.h"
#include "p2p/enr.h"
#include "relay/links.h"

#define SOTTO_PEERS_RECORDS_MAX 512u
#define SOTTO_PEERS_PER_GROUP 2u                  /* of one answer */
#define SOTTO_PEERS_GET_US 600000000u             /* one question of a neighbour is answered in so long */
#define SOTTO_PEERS_ASK_US 20000000u              /* after a link is up, and a uniform draw of as much more */
#define SOTTO_PEERS_ASK_AGAIN_US 660000000u       /* the same neighbour, and a uniform draw of as much more */
#define SOTTO_PEERS_ANSWER_US 60000000u           /* an answer is taken so long after the question */
#define SOTTO_PEERS_BOOK_LIVE 64u                 /* so many of the book live: nobody is asked */
#define SOTTO_PEERS_DIAL_US 600000000u            /* one neighbour is dialled back once in so long */
#define SOTTO_PEERS_REACH_US (6ull * 3600 * 1000000)      /* what neighbours said of our port is good for so long */

enum sotto_reach { SOTTO_REACH_UNKNOWN, SOTTO_REACH_YES, SOTTO_REACH_NO };

struct sotto_peers_config {
    struct sotto_links *links;                    /* these outlive it */
    struct sotto_host *host;
    struct sotto_book *book;                      /* NULL: PEERS says and learns nothing */
    bool local;                                   /* network.local */
    bool bridge;                                  /* whisper.bridge: records without the key sotto are learnt, too */
    bool dials;                                   /* may dial back: not with network.proxy_only */
    uint16_t port;                                /* that others shall dial; 0: none */
    struct sotto_rng *rng;
    struct sotto_log *log;                        /* may be NULL */
};

struct sotto_peers;
SOTTO_MUST_USE enum sotto_err sotto_peers_new(struct sotto_peers **out, const struct sotto_peers_config *config);      /* ERR_NOMEM */
void sotto_peers_free(struct sotto_peers *p);     /* NULL is fine */

void sotto_peers_enter(struct sotto_peers *p, struct sotto_outq *out);
void sotto_peers_up(struct sotto_peers *p, uint32_t peer, struct sotto_now now);
void sotto_peers_down(struct sotto_peers *p, uint32_t peer, struct sotto_now now);
void sotto_peers_message(struct sotto_peers *p, uint32_t peer, const struct sotto_rl_message *m, struct sotto_now now);
void sotto_peers_probed(struct sotto_peers *p, uint32_t token, bool reached, struct sotto_now now);      /* of sotto_host_config.probed */
void sotto_peers_tick(struct sotto_peers *p, struct sotto_now now);
uint64_t sotto_peers_deadline(const struct sotto_peers *p);               /* mono_us; UINT64_MAX = none */

/* A record that somebody may be told of: verified here. ERR_ENR and the others of sotto_enr_read; ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_peers_record(struct sotto_peers *p, struct sotto_span record);
/* Our own: told along with the others. */
void sotto_peers_own(struct sotto_peers *p, const struct sotto_enr_record *record);
/* The port at which we should be reached has changed (a router gave another one): what was said of the old one is forgotten. */
void sotto_peers_port(struct sotto_peers *p, uint16_t port, struct sotto_now now);
enum sotto_reach sotto_peers_reach(const struct sotto_peers *p, struct sotto_now now);
/* "Going away" to every link: before the host quits. */
void sotto_peers_going(struct sotto_peers *p, struct sotto_now now);

struct sotto_peers_stats { uint64_t asked, told, learnt, dialled_back, notices[8]; };     /* notices: by what they say, 0 = others */
const struct sotto_peers_stats *sotto_peers_stats(const struct sotto_peers *p);

#endif
