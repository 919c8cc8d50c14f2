/* The p2p host: every connection of a node, from the first byte to the last (network.md 1, devp2p.md 5-7).
 *
 * Runs RLPx and p2p/5 on each connection, dials static peers and keeps them, dials general ones out of the address book (p2p/dial.h),
 * answers pings, counts offences, bans, and hands the messages of each capability to its owner. A step machine: no socket, no clock (base/step.h).
 *
 *     DIAL or ACCEPT -> KEYS -> HELLO -> UP -> CLOSING            any state may go to CLOSING
 *
 * Threads: one owner. Limits are fixed at creation. */
#ifndef SOTTO_P2P_HOST_H
#define SOTTO_P2P_HOST_H

#include "base/step.h"
#include "crypto/curve.h"

/* Disconnect reasons (devp2p.md 7). Nothing above 0x10 is ever sent: it stops a geth 1.9 process. */
enum sotto_reason {
    SOTTO_REASON_REQUESTED = 0x00, SOTTO_REASON_BREACH = 0x02, SOTTO_REASON_USELESS = 0x03, SOTTO_REASON_TOO_MANY = 0x04,
    SOTTO_REASON_ALREADY = 0x05, SOTTO_REASON_IDENTITY = 0x07, SOTTO_REASON_QUITTING = 0x08, SOTTO_REASON_UNEXPECTED = 0x09,
    SOTTO_REASON_SELF = 0x0a, SOTTO_REASON_SUBPROTOCOL = 0x10,
    SOTTO_REASON_NONE = 0xff                                      /* close without a Disconnect */
};

/* enode://<128 hex>@host:port[?discport=n] with a literal address; ERR_ENODE. udp: discport, where that is absent the TCP port; the written
 * form has none. */
struct sotto_enode { uint8_t key[64]; struct sotto_addr addr; uint16_t udp; };
SOTTO_MUST_USE enum sotto_err sotto_enode_parse(struct sotto_enode *out, struct sotto_span text);
void sotto_enode_text(char out[256], const struct sotto_enode *e);

struct sotto_host;
struct sotto_book;
struct sotto_dial;

/* One capability. Called inside sotto_host_step; may call sotto_host_send, _disconnect, _offend. codes = size of its block. */
struct sotto_capability {
    const char *name;
    unsigned version, codes;
    void *owner;
    void (*up)(void *owner, uint32_t peer, struct sotto_now now);
    void (*message)(void *owner, uint32_t peer, unsigned code, struct sotto_span payload, struct sotto_now now);  /* uncompressed */
    void (*down)(void *owner, uint32_t peer, struct sotto_now now);
    bool literal;                         /* its payloads, 1..65,536 bytes, go as one Snappy literal: a frame's length follows from theirs alone */
};

struct sotto_host_config {
    struct sotto_scalar key;              /* the node's link identity: random, not an account's */
    uint16_t listen_port;                 /* told in Hello; 0 = not listening */
    bool local;                           /* network.local: loopback exempt from diversity rules */
    bool lan;                             /* network.lan: who dials in from a private IPv4 address is in a group of its own */
    unsigned inbound_max, outbound_max, static_max;       /* 36, 8, 6 */
    uint32_t message_max;                 /* largest uncompressed payload taken from a peer: 10 MiB */
    const struct sotto_capability *capabilities;
    unsigned capability_count;
    struct sotto_book *book;              /* p2p/book.h: general peers are dialled from it; outlives the host. NULL: static peers only */
    struct sotto_rng *rng;
    struct sotto_log *log;                /* may be NULL */
    void *probe_owner;
    void (*probed)(void *owner, uint32_t token, bool reached, struct sotto_now now);      /* what sotto_host_probe found; inside a step. May be NULL */
};

struct sotto_peer_info {
    uint32_t peer;                        /* = conn */
    uint8_t key[64];
    struct sotto_addr addr;
    bool inbound, is_static, lan;         /* lan: of sotto_host_lan, is_static: of sotto_host_add; not both */
    const char *state;                    /* "dialing" "keys" "hello" "up" "closing"; "waiting": a static peer before its next dial */
    char client[128];                     /* what Hello said, control characters replaced */
    uint64_t since_us, bytes_in, bytes_out;   /* since: up, or begun; waiting: when it is dialled */
    int score;
    unsigned failures;                    /* static or lan, and not up: dials since it was up long enough */
};
struct sotto_ban { uint8_t key[64]; uint64_t until_us; };

SOTTO_MUST_USE enum sotto_err sotto_host_new(struct sotto_host **out, const struct sotto_host_config *config);
void sotto_host_free(struct sotto_host *h);

void sotto_host_step(struct sotto_host *h, const struct sotto_in *in, struct sotto_now now, struct sotto_outq *out);
uint64_t sotto_host_deadline(const struct sotto_host *h);                 /* mono_us of the next TICK it wants; UINT64_MAX = none */
uint32_t sotto_host_next_conn(struct sotto_host *h);

/* Static peers: dialled at once, again after 35 s doubling to 1 h (+-20 %; with local: 1 s doubling to 35 s, so that a restarted
 * neighbour is back within seconds); never banned for what they do, only backed off. ERR_EXISTS, ERR_FULL, ERR_STATE (it is
 * this node itself). Adding lifts a ban. */
SOTTO_MUST_USE enum sotto_err sotto_host_add(struct sotto_host *h, const struct sotto_enode *peer, struct sotto_now now, struct sotto_outq *out);
/* Nodes heard on the local network (p2p/lan.h): dialled as static peers are and in their places, but held to account as anybody else, and
 * the first to go when an operator adds one. ERR_EXISTS (static or heard before), ERR_FULL, ERR_STATE (this node itself, or banned). */
SOTTO_MUST_USE enum sotto_err sotto_host_lan(struct sotto_host *h, const struct sotto_enode *peer, struct sotto_now now, struct sotto_outq *out);
/* Who is dialled besides the static peers (p2p/dial.h): its bootstrap nodes and its bytes; both before the first step. NULL without a book. */
struct sotto_dial *sotto_host_dialler(struct sotto_host *h);
/* Forgets a static peer, or one of the local network, and disconnects it (0x00); a connected peer that is neither is disconnected.
 * ERR_MISSING: none of these. */
SOTTO_MUST_USE enum sotto_err sotto_host_remove(struct sotto_host *h, const uint8_t key[64], struct sotto_now now, struct sotto_outq *out);
/* By the operator, so it holds for static peers too: disconnects (0x00), then neither accepts nor dials for us microseconds from
 * now; 0 lifts a ban. ERR_STATE: it is this node itself. */
SOTTO_MUST_USE enum sotto_err sotto_host_ban(struct sotto_host *h, const uint8_t key[64], uint64_t us, struct sotto_now now, struct sotto_outq *out);
bool sotto_host_banned(const struct sotto_host *h, const uint8_t key[64], struct sotto_now now);
/* The bans in force, from index 0; false past the end. */
bool sotto_host_ban_at(const struct sotto_host *h, unsigned index, struct sotto_ban *out, struct sotto_now now);
/* Orderly end: Disconnect 0x08 to every peer, then CLOSE. */
void sotto_host_quit(struct sotto_host *h, struct sotto_now now, struct sotto_outq *out);

/* For capabilities, inside a step or a net call that has an out queue set by the host's owner. ERR_MISSING: no such peer is up;
 * ERR_FULL: its queue; ERR_FRAME_SIZE; ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_host_send(struct sotto_host *h, uint32_t peer, const struct sotto_capability *cap, unsigned code,
                                              struct sotto_span payload, struct sotto_now now, struct sotto_outq *out);
/* What is sent to several peers between these two costs less: the MACs of their frames are made side by side. Nothing is taken from the
 * out queue in between, and there is no step. */
void sotto_host_gather(struct sotto_host *h);
void sotto_host_seal(struct sotto_host *h);
/* down comes with the end of this step, or with the next one if called outside a step (the deadline then says: now); never
 * inside this call. The peer counts as gone at once. */
void sotto_host_disconnect(struct sotto_host *h, uint32_t peer, enum sotto_reason reason, struct sotto_now now, struct sotto_outq *out);
/* Adds to the peer's score (decays 1 a minute); at 100 it is disconnected and banned 1 h, doubling to 24 h. */
void sotto_host_offend(struct sotto_host *h, uint32_t peer, int score, const char *what, struct sotto_now now, struct sotto_outq *out);
/* Stop reading that peer until the time (rate limits). */
void sotto_host_pause(struct sotto_host *h, uint32_t peer, uint64_t until_us, struct sotto_outq *out);
size_t sotto_host_backlog(const struct sotto_host *h, uint32_t peer);    /* bytes handed to SEND and not yet reported SENT */

/* Is this node reached at this address? Dials it, waits until it has proven its key, and closes; config.probed says so, once, with this token (not 0).
 * ERR_FULL: SOTTO_PROBES_MAX are under way, or no place. ERR_STATE: quitting, or it is this node itself. */
#define SOTTO_PROBES_MAX 4u
SOTTO_MUST_USE enum sotto_err sotto_host_probe(struct sotto_host *h, const struct sotto_enode *node, uint32_t token, struct sotto_now now, struct sotto_outq *out);

unsigned sotto_host_peers(const struct sotto_host *h);                   /* in state up */
/* Walks all connections and configured static peers that are not connected; returns false past the end. index from 0. */
bool sotto_host_peer_at(const struct sotto_host *h, unsigned index, struct sotto_peer_info *out);
bool sotto_host_peer(const struct sotto_host *h, uint32_t peer, struct sotto_peer_info *out);

#endif
