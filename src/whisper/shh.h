/* The capability shh/6 of one node: what it says to each Whisper peer and what it takes from it (whisper-v6.md 2, 3, 6-9;
 * network.md 5).
 *
 *     up -> Status sent -> Status received (10 s) -> Messages, PoW and bloom updates both ways -> down
 *
 * Taken envelopes go into the pool; what the pool has and a peer lacks goes out in that peer's own random flushes, or at once if it is
 * foreign and others brought it (config.gather_us; shh_flush.c says what that tells an observer). All of
 * what a packet holds is read before any of it counts. A peer's packets are paid from a token bucket; what it cannot pay
 * waits, with the peer not read meanwhile, and is dropped after 10 s.
 *
 * Threads: one owner, the one of the host. */
#ifndef SOTTO_WHISPER_SHH_H
#define SOTTO_WHISPER_SHH_H

#include "p2p/host.h"
#include "whisper/bloom.h"
#include "whisper/pool.h"
#include "whisper/rules.h"

#define SOTTO_SHH_CODES 128u
enum {
    SOTTO_SHH_STATUS = 0, SOTTO_SHH_MESSAGES = 1, SOTTO_SHH_POW = 2, SOTTO_SHH_BLOOM = 3, SOTTO_SHH_P2P_REQUEST = 126, SOTTO_SHH_P2P_MESSAGE = 127
};

#define SOTTO_SHH_STATUS_US 10000000u             /* Status must come within; geth sets no timer */
#define SOTTO_SHH_PACKET_MAX 1048575u             /* bytes of a packet we send: below the 1 MiB where geth cuts off */
#define SOTTO_SHH_RATE 20u                        /* envelopes a second a peer may bring, and we bring a peer */
#define SOTTO_SHH_BURST_S 20u                     /* seconds' worth that may come at once */
#define SOTTO_SHH_CATCH_UP_BYTES 4096u            /* mean size in a packet of what a credit for catching up is good for: native envelopes, not megabytes */
#define SOTTO_SHH_WAIT_US 10000000u               /* unpaid envelopes wait so long, then they are dropped */
#define SOTTO_SHH_DROPS_MAX 3u                    /* so many such drops in 5 min end the connection */
#define SOTTO_SHH_DROPS_US 300000000u
#define SOTTO_SHH_WAITING_MAX (32u << 20)         /* bytes of unpaid envelopes over all peers */
#define SOTTO_SHH_WAITING_OWN (64u << 10)         /* ... and so many of each, whoever fills the rest */
#define SOTTO_SHH_KNOWN_MAX 65536u                /* hashes remembered per peer */
/* A peer that has not taken so much yet gets nothing new. Half of what its queue holds: a flush looks at all that is pending and sorts it, so
 * it had better have room for a packet afterwards. */
#define SOTTO_SHH_BACKLOG_MAX (1u << 20)
#define SOTTO_SHH_TIME_ERRORS_MAX 200u            /* envelopes out of step in 10 min, then the peer rests for 60 s */
#define SOTTO_SHH_TIME_ERRORS_US 600000000u
#define SOTTO_SHH_TIME_REST_US 60000000u
#define SOTTO_SHH_QUIET_MAX 256u                  /* own foreign envelopes that wait to look like those of others */
#define SOTTO_SHH_PEERS_MAX 1536u                 /* the sum of the host's slots at their most */

struct sotto_shh_config {
    struct sotto_pool *pool;                      /* borrowed */
    uint64_t flush_mean_us;                       /* mean wait before news go to a peer: 1 s */
    uint64_t gather_us;                           /* foreign envelopes of others go to a peer as they come, but once in so long: 10 ms; 0: as all else */
    struct sotto_rng *rng;
    struct sotto_log *log;                        /* may be NULL */
    void *owner;
    /* A held own envelope was written to an outbound peer and is an entry like any other from now on. */
    void (*first_hop)(void *owner, const struct sotto_pool_entry *e, struct sotto_now now);
    /* Good by every rule and not in the pool before; now it is (kept), or there was no place for it and it is not carried on. Who floods a node must
     * not keep its own mail from it: it is to be read now, the next one may push it out. What was not kept may come again. May be NULL. */
    void (*arrived)(void *owner, const struct sotto_envelope *e, bool kept, struct sotto_now now);
    /* What a new connection may bring at once, and only once, before the rate holds: envelopes from a peer that dialled us, and from one
     * that we dialled. Both sides reckon alike, so it is also what we bring. 0: the burst only. */
    uint32_t catch_up_inbound, catch_up_outbound;
    uint32_t batch;                               /* envelopes hashed together: SOTTO_ENVELOPE_BATCH; fewer change no result (tests) */
    uint32_t rate;                                /* envelopes a second, SOTTO_SHH_BURST_S of them at once; 0: SOTTO_SHH_RATE */
    /* A direct message (code 127) of a peer that is trusted: checked for its form only (whisper-v6.md 9). May be NULL. */
    void (*direct)(void *owner, struct sotto_span rlp, struct sotto_now now);
    /* Does this neighbour get native envelopes another way? Asked once, when its Status came. NULL: no. */
    bool (*native_elsewhere)(void *owner, uint32_t conn);
};

struct sotto_shh_stats {
    uint64_t accepted, low_work, expired, future, ttl, size, bloom, duplicate, malformed, quota;
    uint64_t forwarded;                           /* envelopes written to peers */
    uint64_t direct;                              /* taken from trusted peers */
};

struct sotto_shh;
SOTTO_MUST_USE enum sotto_err sotto_shh_new(struct sotto_shh **out, const struct sotto_shh_config *config);
void sotto_shh_free(struct sotto_shh *s);

/* For the host's list; valid as long as s. attach must follow before the first step. */
const struct sotto_capability *sotto_shh_capability(struct sotto_shh *s);
void sotto_shh_attach(struct sotto_shh *s, struct sotto_host *host);
/* The queue that the host's calls write to, for the length of one step; NULL afterwards. */
void sotto_shh_enter(struct sotto_shh *s, struct sotto_outq *out);

/* Timers and flushes. Between enter calls, as everything below that takes now. */
void sotto_shh_tick(struct sotto_shh *s, struct sotto_now now);
uint64_t sotto_shh_deadline(const struct sotto_shh *s);                   /* mono_us; UINT64_MAX = none */
/* The pool got something to pass on that did not come from a peer. */
void sotto_shh_news(struct sotto_shh *s, struct sotto_now now);
/* The pool's floor moved: tell every peer; the previous one is tolerated for 10 s. */
void sotto_shh_floor(struct sotto_shh *s, struct sotto_now now);
/* Narrows (or widens) what we want to get; NULL: everything. Announced at once, tolerated as above. */
void sotto_shh_filter(struct sotto_shh *s, const struct sotto_bloom *filter, struct sotto_now now);

/* The largest envelope taken, size(); at first SOTTO_ENVELOPE_SIZE_MAX. 0: none (size() is at least 20). Not told to anybody; what is longer than a packet of ours may be
 * goes to nobody (SOTTO_SHH_PACKET_MAX). */
void sotto_shh_size(struct sotto_shh *s, uint32_t size_max);
/* Light mode: nothing of others is passed on; later Status messages say so, and peers that are light too are let go. */
void sotto_shh_light(struct sotto_shh *s, bool light, struct sotto_now now);
/* While muted, held own envelopes stay held (relay.plain). */
void sotto_shh_mute(struct sotto_shh *s, bool muted);
/* As mute, for native ones alone: somebody better is there to be their first hop. */
void sotto_shh_hold_native(struct sotto_shh *s, bool hold);
/* An envelope that this neighbour brought another way (relay/flood.c): judged by the same rules but our wish for topics, counted, pooled under its
 * name and told like any other. ERR_ENV_*: as sotto_rules_judge, or of the pool, as ERR_FULL and ERR_NOMEM; what that costs the neighbour is the
 * caller's to say. hash: its own, on return whatever the answer. */
SOTTO_MUST_USE enum sotto_err sotto_shh_take_other(struct sotto_shh *s, uint8_t hash[32], uint32_t conn, const struct sotto_envelope *e, struct sotto_span rlp,
                                                   struct sotto_now now);
bool sotto_shh_is_light(const struct sotto_shh *s);
uint32_t sotto_shh_now_ahead(const struct sotto_shh *s, struct sotto_now now);       /* the second it is at the latest */
unsigned sotto_shh_names(const struct sotto_shh *s, uint64_t names[SOTTO_SHH_PEERS_MAX]);      /* of the neighbours that are there, as in the pool's sources */
/* What is asked of an envelope now; borrows from s until the next call. */
struct sotto_rules sotto_shh_rules(const struct sotto_shh *s, struct sotto_now now);

/* Direct messages of this peer count from now on, until the connection ends. ERR_MISSING: no Whisper peer. */
SOTTO_MUST_USE enum sotto_err sotto_shh_trust(struct sotto_shh *s, uint32_t conn);
/* One envelope for this peer alone, not pooled. ERR_MISSING; ERR_FULL, ERR_NOMEM of the host; ERR_RANGE: longer than a packet. */
SOTTO_MUST_USE enum sotto_err sotto_shh_send_direct(struct sotto_shh *s, uint32_t conn, struct sotto_span rlp, struct sotto_now now);

/* What we want to get; false: it was never narrowed. */
bool sotto_shh_filter_now(const struct sotto_shh *s, struct sotto_bloom *out);
bool sotto_shh_is_peer(const struct sotto_shh *s, uint32_t conn);

unsigned sotto_shh_first_hops(const struct sotto_shh *s);                 /* of native envelopes: Status has come, dialled by us or pinned, and no better way to it */
/* The median of what the outbound peers ask for, at least the own floor: what own envelopes should reach. */
double sotto_shh_wanted(const struct sotto_shh *s);
int sotto_shh_clock_off(const struct sotto_shh *s);                       /* seconds, as of the last step; network.md 5 */
uint32_t sotto_shh_now_behind(const struct sotto_shh *s, struct sotto_now now);      /* the second up to which things have expired */
const struct sotto_shh_stats *sotto_shh_stats(const struct sotto_shh *s);

#endif
