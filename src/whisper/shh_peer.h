/* Inside the capability: one Whisper peer, and what the parts of shh*.c share. */
#ifndef SOTTO_WHISPER_SHH_PEER_H
#define SOTTO_WHISPER_SHH_PEER_H

#include "whisper/bucket.h"
#include "whisper/clock.h"
#include "whisper/ids.h"
#include "whisper/rules.h"
#include "whisper/shh.h"

#define NONE UINT64_MAX

/* What the host's table of offences says of each (network.md 1). */
#define SCORE_FORM 50                             /* a packet that does not decode */
#define SCORE_STATUS 10                           /* no Status in time */
#define SCORE_ENVELOPE 5                          /* work, bloom, size */
#define SCORE_RATE 10                             /* too much, again and again */

struct shh_peer {
    uint32_t conn;
    bool gone;                                    /* the host said down, or we ended it: freed at the end of the step */
    bool ready;                                   /* its Status came */
    bool inbound;
    bool trusted;                                 /* its direct messages count */
    bool native_elsewhere;                        /* native envelopes reach it by a link of sotto/1 */
    uint64_t name;                                /* from its key: its share of the pool outlives the connection */
    uint64_t status_by_us;
    double pow;                                   /* what it asks for */
    bool everything;                              /* no filter */
    struct sotto_bloom bloom;

    uint64_t cursor;                              /* all arrivals up to this one are settled for it */
    uint64_t flush_us;                            /* NONE: nothing to bring, all of the pool is settled for it */
    uint64_t quick_cursor;                        /* up to this one nothing is quick any more: settled, or left to the flush */
    uint64_t quick_us;                            /* NONE: nothing quick to bring */
    uint64_t quick_next_us;                       /* not before */
    bool quick_full;                              /* more, when its queue has room again */
    struct sotto_bucket give;
    struct sotto_ids known;

    struct sotto_bucket take;
    struct sotto_buf waiting;                     /* envelopes it could not pay yet: checked RLP items, one after the other */
    uint32_t waiting_count;
    uint64_t waiting_until_us;
    uint64_t drop_us[SOTTO_SHH_DROPS_MAX];        /* mono_us + 1 of the latest drops, 0 = none */
    uint32_t time_errors;
    uint64_t time_errors_since_us;
    struct sotto_clock_peer clock;
};

struct sotto_shh {
    struct sotto_shh_config config;
    struct sotto_capability capability;
    struct sotto_host *host;
    struct sotto_outq *out;                       /* of the step in progress */
    struct shh_peer *peers[SOTTO_SHH_PEERS_MAX];
    unsigned peer_count;

    double floor, floor_before;                   /* announced, and tolerated until change_us + grace */
    uint64_t floor_us;
    bool filtered, filtered_before;
    struct sotto_bloom filter, filter_before;
    uint64_t filter_us;
    bool ever_filtered;                           /* Status then carries 64 bytes even if all ones */
    uint32_t size_max;
    bool light, muted, native_held;

    /* Own foreign envelopes that a first hop has and nobody else may have yet. */
    struct shh_quiet { uint8_t hash[32]; uint64_t until_us; } quiet[SOTTO_SHH_QUIET_MAX];
    unsigned quiet_count;

    size_t waiting_bytes;
    int clock_off;
    uint64_t clock_us, sweep_us;                  /* next look */
    struct sotto_shh_stats stats;
};

static inline uint32_t shh_now_s(struct sotto_now now) { return (uint32_t)(now.wall_ms / 1000); }

struct shh_peer *shh_find(struct sotto_shh *s, uint32_t conn);
/* Ends the connection with 0x10; the peer is gone. */
void shh_breach(struct sotto_shh *s, struct shh_peer *p, int score, const char *what, struct sotto_now now);

/* shh_take.c */
void shh_take_messages(struct sotto_shh *s, struct shh_peer *p, struct sotto_span payload, struct sotto_now now);
void shh_take_direct(struct sotto_shh *s, struct shh_peer *p, struct sotto_span payload, struct sotto_now now);
void shh_take_waiting(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now);
uint64_t shh_take_deadline(const struct shh_peer *p);
void shh_take_end(struct sotto_shh *s, struct shh_peer *p);           /* frees what waits */

/* shh_flush.c */
void shh_flush(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now);
/* Something new for this peer: its next flush is drawn, unless it is drawn already. An exponential wait has no memory, so
 * drawing it when news come is the same as a clock that always ticks, and an idle node sleeps. */
void shh_flush_soon(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now);
/* An arrival in the pool that goes on quickly, and news of such. */
bool shh_is_quick(const struct sotto_shh *s, const struct sotto_pool_entry *e);
void shh_quick_soon(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now);
void shh_quick(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now);
/* With every step: one whose queue was full may have read. */
void shh_quick_read_on(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now);
/* Somebody brought this one; ends its being quiet. */
void shh_heard(struct sotto_shh *s, const uint8_t hash[32], struct sotto_now now);
void shh_quiet_tick(struct sotto_shh *s, struct sotto_now now);
uint64_t shh_quiet_deadline(const struct sotto_shh *s);

/* May an own envelope go to this peer first? One that we dialled, or one that the operator named: a stranger who dials us to hear
 * our envelopes first may not, a pinned neighbour whose call happened to win over ours may. */
static inline bool shh_first_hop(const struct sotto_shh *s, const struct shh_peer *p)
{
    struct sotto_peer_info info;
    return !p->inbound || (sotto_host_peer(s->host, p->conn, &info) && info.is_static);
}

#endif
