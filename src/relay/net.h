/* The network of one node as one object: p2p host, Whisper (shh/6) with its pool, and the outbox of native envelopes.
 * This is what io/ drives in sottod and what sim/ drives in tests (base/step.h).
 *
 * Outbox (network.md 3, messaging.md 6.2): a sealed cell waits, is given times (sent on a grid of 600 s, ttl 1800), is
 * mined on a worker, leaves at its moment (profile off: at once + Exp(0.5 s); the profile is the one place later
 * schedules replace) into the pool and so to the shh/6 neighbours (relay.plain). With no outbound peer up, it waits.
 * An envelope with under 600 s of life left is not emitted but mined again; never two live envelopes of one cell.
 *
 * Threads: one owner. */
#ifndef SOTTO_RELAY_NET_H
#define SOTTO_RELAY_NET_H

#include "p2p/host.h"
#include "relay/peers.h"
#include "whisper/pool.h"
#include "whisper/rules.h"

#define SOTTO_SEALED_SIZE 1028u           /* topic 4 || cell 1024, messaging.md 4.4 */

struct sotto_net_config {
    struct sotto_scalar key;
    uint16_t listen_port;
    bool local, lan, plain;               /* network.local, network.lan, relay.plain */
    bool whisper_only;                    /* no sotto/1: shh/6 alone, as nodes of other programs have it (simulations, bench) */
    unsigned work_bits;                   /* relay.work: zero bits of native envelopes, 19; lower only on test networks */
    uint64_t flush_mean_us;               /* per-peer Poisson flush of pool entries, 1 s */
    uint64_t gather_us;                   /* foreign envelopes of others go on as they come, but once in so long to each peer: 10 ms; 0: with the flush */
    uint64_t emit_mean_us;                /* profile off: 0.5 s */
    uint32_t rate;                        /* envelopes a second from and to each peer; 0: SOTTO_SHH_RATE */
    uint64_t pool_bytes_max;              /* 64 MiB */
    uint32_t pool_entries_max;            /* 65,536 */
    unsigned outbox_max;                  /* 64 own cells */
    bool bridge;                          /* whisper.bridge: neighbours may name nodes that speak Whisper alone */
    bool dials_back;                      /* neighbours may ask whether they are reached: not with network.proxy_only */
    struct sotto_net_slots { bool own; uint16_t inbound, outbound, statics; } slots;      /* limits.*; not own: 36, 8, 6 */
    struct sotto_book *book;              /* p2p/book.h, may be NULL; outlives the net */
    struct sotto_rng *rng;
    struct sotto_log *log;
};

struct sotto_net;
SOTTO_MUST_USE enum sotto_err sotto_net_new(struct sotto_net **out, const struct sotto_net_config *config);
void sotto_net_free(struct sotto_net *n);

void sotto_net_step(struct sotto_net *n, const struct sotto_in *in, struct sotto_now now, struct sotto_outq *out);
uint64_t sotto_net_deadline(const struct sotto_net *n);
struct sotto_host *sotto_net_host(struct sotto_net *n);
void sotto_net_set_plain(struct sotto_net *n, bool plain);               /* relay.plain changed while running; what waits leaves with the next tick */

/* Queues one sealed cell for emission; id is the caller's and comes back in CELL_SENT and CELL_EXPIRED. ERR_FULL: the outbox
 * holds outbox_max cells; ERR_EXISTS: id is queued, or was sent and still lives: then CELL_SENT is told once more. */
SOTTO_MUST_USE enum sotto_err sotto_net_submit(struct sotto_net *n, uint64_t id, const uint8_t sealed[SOTTO_SEALED_SIZE],
                                               struct sotto_now now, struct sotto_outq *out);
/* Takes a cell back that was not emitted yet. ERR_MISSING: unknown or already sent. */
SOTTO_MUST_USE enum sotto_err sotto_net_cancel(struct sotto_net *n, uint64_t id, struct sotto_outq *out);
enum sotto_cell_phase { SOTTO_CELL_UNKNOWN, SOTTO_CELL_WAITING, SOTTO_CELL_WORKING, SOTTO_CELL_READY, SOTTO_CELL_SENT };
enum sotto_cell_phase sotto_net_cell(const struct sotto_net *n, uint64_t id);
unsigned sotto_net_outbox(const struct sotto_net *n);                     /* cells not yet emitted */

/* Goes through every pooled envelope of native size again, as DELIVER calls on fn (look-ahead grew, vault opened). */
void sotto_net_replay(struct sotto_net *n, void (*fn)(void *ctx, const uint8_t sealed[SOTTO_SEALED_SIZE], uint32_t expiry), void *ctx);

/* The own clock against the peers' envelopes (network.md 5, Clock): seconds ahead (+) or behind (-) once most of the
 * envelopes of the last 5 min say so, else 0. Sending stops while it is not 0. */
int sotto_net_clock_off(const struct sotto_net *n);

/* ---- what callers of the RPC namespace shh ask of the network (whisper-v6.md 12) ---- */

/* Into the pool and from there to all, as an own envelope: first to a neighbour that we dialled, and while relay.plain is off to nobody.
 * One that is there already is good, too. ERR_FULL: no room, or too much that waits for its first hop; ERR_ENV_FORM, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_net_post(struct sotto_net *n, struct sotto_span rlp, double rating, struct sotto_now now, struct sotto_outq *out);
/* To the Whisper neighbour with this key alone. ERR_MISSING: it is not connected; else as sotto_shh_send_direct. */
SOTTO_MUST_USE enum sotto_err sotto_net_send_direct(struct sotto_net *n, const uint8_t key[64], struct sotto_span rlp, struct sotto_now now, struct sotto_outq *out);
SOTTO_MUST_USE enum sotto_err sotto_net_trust(struct sotto_net *n, const uint8_t key[64]);        /* ERR_MISSING */
bool sotto_net_is_whisper_peer(struct sotto_net *n, const uint8_t key[64]);
void sotto_net_min_pow(struct sotto_net *n, double floor, struct sotto_now now, struct sotto_outq *out);
void sotto_net_bloom(struct sotto_net *n, const struct sotto_bloom *filter, struct sotto_now now, struct sotto_outq *out);
bool sotto_net_bloom_now(const struct sotto_net *n, struct sotto_bloom *filter);                  /* false: none was ever set */
void sotto_net_size_max(struct sotto_net *n, uint32_t size_max);
void sotto_net_light(struct sotto_net *n, bool light);
struct sotto_rules sotto_net_rules(const struct sotto_net *n, struct sotto_now now);              /* borrows from n until the next call */

/* What this neighbour shares with us beside RLPx. */
struct sotto_net_neighbour {
    bool whisper;                         /* shh/6 */
    bool link;                            /* sotto/1: rl says more */
    struct sotto_rl_info rl;
};
struct sotto_net_neighbour sotto_net_neighbour(const struct sotto_net *n, uint32_t peer);
/* Who may be the first to have an own message: links, and, with relay.plain and no link, Whisper neighbours. */
unsigned sotto_net_first_hops(const struct sotto_net *n, bool *links);

/* What neighbours tell each other of the network (relay/peers.h): a record that discovery has verified, our own, and the port at which others reach us where
 * a router gave another one than we listen on. */
void sotto_net_record(struct sotto_net *n, struct sotto_span record);
void sotto_net_own_record(struct sotto_net *n, const struct sotto_enr_record *record);
void sotto_net_port(struct sotto_net *n, uint16_t port, struct sotto_now now);
enum sotto_reach sotto_net_reach(const struct sotto_net *n);                          /* as of the latest step */

const struct sotto_pool *sotto_net_pool(const struct sotto_net *n);
struct sotto_net_stats {                  /* relay stats (experience.md 2.2) */
    uint64_t accepted, low_work, expired, future, bloom, duplicate, evicted, malformed, quota;
    uint64_t forwarded;                   /* envelopes written to peers */
    uint64_t announced, asked;            /* ids told to links, and bodies asked for */
    uint64_t emitted;                     /* own native envelopes */
    uint64_t pool_count, pool_bytes;
};
void sotto_net_stats(const struct sotto_net *n, struct sotto_net_stats *out);
void sotto_net_quit(struct sotto_net *n, struct sotto_now now, struct sotto_outq *out);

#endif
