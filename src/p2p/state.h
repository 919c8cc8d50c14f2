/* The inside of a host: connections, static peers, limits. Only for the files of p2p/. */
#ifndef SOTTO_P2P_STATE_H
#define SOTTO_P2P_STATE_H

#include "p2p/dial.h"
#include "p2p/frame.h"
#include "p2p/hello.h"
#include "p2p/host.h"
#include "p2p/rep.h"
#include "p2p/slots.h"

/* Times (network.md 1, devp2p.md 7). The 1 s for writing a Disconnect is kept by whoever carries out CLOSE with token 1. */
#define SOTTO_SECOND_US 1000000ull
#define SOTTO_DIAL_US (15 * SOTTO_SECOND_US)
#define SOTTO_HANDSHAKE_US (5 * SOTTO_SECOND_US)          /* keys and Hello together */
#define SOTTO_IDLE_US (30 * SOTTO_SECOND_US)              /* without one whole message from the peer */
#define SOTTO_STALL_US (20 * SOTTO_SECOND_US)             /* bytes wait and none leaves */
#define SOTTO_PING_US (15 * SOTTO_SECOND_US)              /* nothing heard for this long, and */
#define SOTTO_PING_SPREAD_US (2 * SOTTO_SECOND_US)        /* a uniform draw more, so that pings do not line up */
#define SOTTO_USELESS_US (24 * 3600 * SOTTO_SECOND_US)    /* no redial of a node that shares no capability */

/* Redial: first delay, doubling, most; each +-20 %. A local network (tests, demo) has no one to be polite to, and a
 * restarted neighbour should be back within seconds. */
#define SOTTO_REDIAL_US (35 * SOTTO_SECOND_US)
#define SOTTO_REDIAL_MAX_US (3600 * SOTTO_SECOND_US)
#define SOTTO_REDIAL_LOCAL_US (1 * SOTTO_SECOND_US)
#define SOTTO_REDIAL_LOCAL_MAX_US (35 * SOTTO_SECOND_US)
#define SOTTO_REDIAL_SPREAD_PERCENT 20u
#define SOTTO_UP_COUNTS_US (30 * SOTTO_SECOND_US)         /* up for this long: the next delay is the first one again */
#define SOTTO_UP_COUNTS_LOCAL_US (1 * SOTTO_SECOND_US)
#define SOTTO_RETRY_US (1 * SOTTO_SECOND_US)              /* the queue to the world was full */

/* Sizes. Before Hello a peer costs one handshake packet or one Hello frame; afterwards its buffer is 64 KiB as a rule, and
 * what larger frames take comes from one budget for all peers, in step with the bytes that have really arrived. */
#define SOTTO_PEER_BUFFER (64u << 10)
#define SOTTO_BIG_BUDGET (32u << 20)
#define SOTTO_SEND_BACKLOG_MAX (2u << 20)                 /* a peer's queue; one larger message is taken when it is empty */
#define SOTTO_HANDSHAKES_MAX 50u
#define SOTTO_HANDSHAKES_GROUP 4u                 /* of one group, once half of them are taken */

enum sotto_conn_state { SOTTO_CONN_DIALING, SOTTO_CONN_KEYS, SOTTO_CONN_HELLO, SOTTO_CONN_UP, SOTTO_CONN_CLOSING, SOTTO_CONN_STATES };

/* Every way a connection ends by our decision: what is logged, which Disconnect is sent, what it costs the peer. */
#define SOTTO_END_MAP(X)                                                                                                  \
    X(DIAL_SLOW, "dial-slow", NONE, 0)                                                                                    \
    X(DIAL_KEYS, "dial-keys", NONE, 0)                                                                                    \
    X(GARBAGE, "garbage", NONE, 5)              /* before keys: counted against the address */                            \
    X(HANDSHAKE_SLOW, "handshake-slow", NONE, 0)                                                                          \
    X(BANNED, "banned", NONE, 0)                                                                                          \
    X(REPLACED, "replaced", NONE, 0)            /* our dial, overtaken by the same node's */                              \
    X(TOO_MANY, "too-many", TOO_MANY, 0)                                                                                  \
    X(ALREADY, "already", ALREADY, 0)                                                                                     \
    X(SELF, "self", SELF, 0)                                                                                              \
    X(HELLO_SIZE, "p2p-hello-size", IDENTITY, 20)                                                                         \
    X(HELLO_FORM, "p2p-hello-form", NONE, 20)                                                                             \
    X(HELLO_FIRST, "p2p-hello-first", NONE, 20)                                                                           \
    X(HELLO_KEY, "p2p-hello-key", IDENTITY, 20)                                                                           \
    X(UNPROVEN, "p2p-unexpected", UNEXPECTED, 20)                                                                         \
    X(USELESS, "useless", USELESS, 0)                                                                                     \
    X(FRAME_MAC, "frame-mac", NONE, 20)                                                                                   \
    X(FRAME_FORM, "frame-form", NONE, 20)       /* empty, or a code that is no minimal integer */                         \
    X(SNAPPY, "snappy", NONE, 20)                                                                                         \
    X(CODE, "code", NONE, 20)                   /* outside every block */                                                 \
    X(TOO_BIG, "too-big", SUBPROTOCOL, 5)                                                                                 \
    X(IDLE, "idle", NONE, 0)                                                                                              \
    X(STALL, "stall", NONE, 0)                                                                                            \
    X(BUDGET, "budget", TOO_MANY, 0)                                                                                      \
    X(SHED, "shed", NONE, 0)                    /* our memory or our queue is out */                                      \
    X(TOLD, "told", NONE, 0)                    /* the peer sent a Disconnect */                                          \
    X(REQUESTED, "requested", REQUESTED, 0)                                                                               \
    X(QUITTING, "quitting", QUITTING, 0)
enum sotto_end {
#define SOTTO_END_ENUM(name, text, reason, score) SOTTO_END_##name,
    SOTTO_END_MAP(SOTTO_END_ENUM)
#undef SOTTO_END_ENUM
    SOTTO_ENDS
};

struct sotto_conn {
    uint32_t id;
    enum sotto_conn_state state;
    bool inbound, is_static;
    bool key_known;                       /* dialled, or proven by auth */
    bool keyed;                           /* rlpx holds secrets */
    bool framed;                          /* frames are up */
    bool compress;                        /* Hello exchanged, the peer's version is 5 or more */
    bool announced;                       /* UP was told outside: DOWN must be */
    bool offended, useless;
    bool proven, told, ours;              /* the peer's key was proven; it said Disconnect; the end is our doing and no fault of the peer's */
    uint32_t ticket;                      /* of the dial (p2p/dial.h) that wants this connection, 0: none */
    bool feeler;                          /* ends with Hello */
    uint32_t probe;                       /* token of sotto_host_probe: ends with its keys, and is nobody's neighbour; 0: none */
    bool paused;
    bool close_due, close_soft;           /* CLOSING: CLOSE is not in the queue yet; with token 1 */
    struct sotto_addr addr;
    uint8_t key[64];
    uint64_t since_us, up_us;
    uint64_t deadline_us;                 /* of the states before UP */
    uint64_t heard_us, ping_us, stall_us, resume_us;
    uint64_t bytes_in, bytes_out;
    size_t backlog;
    struct sotto_rlpx rlpx;
    struct sotto_frames frames;
    struct sotto_buf in;                  /* one handshake packet, frame head or frame body at a time */
    size_t need;                          /* in.size at which it is whole */
    uint32_t frame_size;                  /* 0: a head is expected */
    size_t charged;                       /* of the shared budget */
    struct sotto_block blocks[SOTTO_CAPABILITIES_MAX];
    unsigned block_count, blocks_up;
    char client[128];
};

struct sotto_static {
    struct sotto_enode node;
    bool lan;                             /* heard on the local network, by nobody's wish */
    uint64_t next_us;
    unsigned failures;
    uint32_t conn;                        /* 0: none */
};

#define SOTTO_BARE_MAX 64u                                /* frames that wait for their MACs, at most */
struct sotto_bare { struct sotto_conn *conn; uint8_t *bytes; size_t size; };

struct sotto_host {
    struct sotto_host_config config;
    struct sotto_capability caps[SOTTO_CAPABILITIES_MAX];
    uint8_t key[64];
    struct sotto_conn **conns;
    unsigned conn_count, conn_max;
    struct sotto_static *statics;
    unsigned static_count;
    struct sotto_rep *rep;
    struct sotto_dial *dial;              /* NULL: static peers only */
    struct sotto_slot *slots;             /* room for a question to slots.h */
    size_t budget_used;
    uint32_t last_conn;
    bool gathers;                         /* between sotto_host_gather and sotto_host_seal */
    struct sotto_bare bare[SOTTO_BARE_MAX];       /* in the order in which they were sent; their bytes lie in the queue */
    unsigned bare_count;
    bool quitting, dirty;                 /* dirty: a connection waits in CLOSING to be swept */
};

/* conn.c: one connection, from bytes to messages. None of these frees a connection; sotto_host_sweep does, so that a
 * capability that disconnects a peer in the middle of its own loop finds nothing changed under it. */
extern const char *const sotto_conn_state_names[SOTTO_CONN_STATES];
struct sotto_conn *sotto_conn_new(struct sotto_host *h, uint32_t id, const struct sotto_addr *addr, bool inbound, struct sotto_now now);
void sotto_conn_free(struct sotto_host *h, struct sotto_conn *c);
void sotto_conn_opened(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now, struct sotto_outq *out);
void sotto_conn_data(struct sotto_host *h, struct sotto_conn *c, struct sotto_span bytes, struct sotto_now now, struct sotto_outq *out);
void sotto_conn_tick(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now, struct sotto_outq *out);
uint64_t sotto_conn_deadline(const struct sotto_conn *c);
void sotto_conns_seal(struct sotto_host *h);                       /* the frames that wait for their MACs */
SOTTO_MUST_USE enum sotto_err sotto_conn_send(struct sotto_host *h, struct sotto_conn *c, unsigned code, struct sotto_span payload, bool literal,
                                              struct sotto_now now, struct sotto_outq *out);
void sotto_conn_end(struct sotto_host *h, struct sotto_conn *c, enum sotto_end end, struct sotto_now now, struct sotto_outq *out);
void sotto_conn_close(struct sotto_host *h, struct sotto_conn *c, enum sotto_reason reason, struct sotto_now now, struct sotto_outq *out);
void sotto_conn_lost(struct sotto_host *h, struct sotto_conn *c);         /* io said CLOSED */
bool sotto_conn_say_closed(struct sotto_conn *c, struct sotto_outq *out); /* puts CLOSE out if it is due; false: no room */

/* host.c: a connection of ours begins. NULL: no place for one more, or in the queue. */
struct sotto_conn *sotto_host_connect(struct sotto_host *h, const struct sotto_enode *node, struct sotto_now now, struct sotto_outq *out);

/* outbound.c: carries out what p2p/dial.h wishes and tells it what became of that. */
SOTTO_MUST_USE enum sotto_err sotto_outbound_new(struct sotto_host *h);
void sotto_outbound_dial(struct sotto_host *h, bool first, struct sotto_now now, struct sotto_outq *out);
void sotto_outbound_opened(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now, struct sotto_outq *out);
void sotto_outbound_up(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now);
void sotto_outbound_ended(struct sotto_host *h, const struct sotto_conn *c, struct sotto_now now);       /* it is out of the list already */
void sotto_outbound_release(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now);           /* it is kept for another reason now */

/* admit.c: who may stay. */
struct sotto_conn *sotto_host_by_key(const struct sotto_host *h, const uint8_t key[64]);          /* not in CLOSING */
struct sotto_static *sotto_host_static(const struct sotto_host *h, const uint8_t key[64]);
bool sotto_host_exempt(const struct sotto_host *h, const struct sotto_addr *addr);                /* from address rules */
bool sotto_host_may_accept(struct sotto_host *h, const struct sotto_addr *addr, struct sotto_now now);
/* An inbound connection has proven its key: SOTTO_ENDS = it may stay (others may have been closed for it), else how it ends. */
enum sotto_end sotto_host_admit(struct sotto_host *h, struct sotto_conn *c, struct sotto_now now, struct sotto_outq *out);

#endif
