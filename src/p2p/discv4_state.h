/* The inside of discovery v4. Only for the files discv4*.c and their tests. */
#ifndef SOTTO_P2P_DISCV4_STATE_H
#define SOTTO_P2P_DISCV4_STATE_H

#include "p2p/discv4.h"
#include "p2p/group.h"

/* Times (devp2p.md 8.2, 8.3; network.md 1). */
#define SOTTO_DISC_MS 1000ull
#define SOTTO_DISC_SECOND (1000 * SOTTO_DISC_MS)
#define SOTTO_DISC_BOND_US (24 * 3600 * SOTTO_DISC_SECOND)
#define SOTTO_DISC_REPLY_US (500 * SOTTO_DISC_MS)
#define SOTTO_DISC_QUIET_US (300 * SOTTO_DISC_MS)          /* after a bond nothing of our own: it would be taken for the answer */
#define SOTTO_DISC_PROOF_US (500 * SOTTO_DISC_MS)          /* what a node that has not pinged us gets for its own proof */
#define SOTTO_DISC_REVALIDATE_US (10 * SOTTO_DISC_SECOND)  /* a uniform draw up to this between two checks */
#define SOTTO_DISC_REFRESH_US (1800 * SOTTO_DISC_SECOND)
#define SOTTO_DISC_REFRESH_SMALL_US (60 * SOTTO_DISC_SECOND)       /* while the table holds fewer than one bucket's worth */
#define SOTTO_DISC_STARVED_US (10 * SOTTO_DISC_SECOND)
#define SOTTO_DISC_VOTE_US (24 * 3600 * SOTTO_DISC_SECOND)
#define SOTTO_DISC_EXPIRE_S 20u                            /* of our packets; and a draw up to as much more, which hides our clock */

/* Sizes. */
#define SOTTO_DISC_BUCKETS 17u                             /* log distances up to 240 share the first */
#define SOTTO_DISC_BUCKET 16u
#define SOTTO_DISC_SPARES 10u
#define SOTTO_DISC_SUBNET_BUCKET 2u                        /* entries of one /24 (IPv6 /64) in a bucket and in the table */
#define SOTTO_DISC_SUBNET_TABLE 10u
#define SOTTO_DISC_GROUP_TABLE 16u                         /* entries of one group (group.h: /16, IPv6 /32) in the table */
#define SOTTO_DISC_GROUP_LOOKUP 2u                         /* and in one lookup: who has many ids in few networks does not answer it alone */
#define SOTTO_DISC_BONDS_MAX 2048u
#define SOTTO_DISC_BONDS_PER_PLACE 16u                     /* one address cannot push out all others */
#define SOTTO_DISC_PINGS_MAX 512u
#define SOTTO_DISC_PINGS_BACK_MAX 384u                     /* of them to strangers who pinged first */
#define SOTTO_DISC_REQUESTS_MAX 32u
#define SOTTO_DISC_SOURCES_MAX 1024u
#define SOTTO_DISC_VOTES_MAX 16u
#define SOTTO_DISC_AGREE 3u
#define SOTTO_DISC_ALPHA 3u
#define SOTTO_DISC_CANDIDATES_MAX 64u
#define SOTTO_DISC_ASKED_MAX 64u                           /* nodes one lookup asks */
#define SOTTO_DISC_FIND_FAILS_MAX 5u
#define SOTTO_DISC_REFRESH_LOOKUPS 4u                      /* our own key, then random ones */
#define SOTTO_DISC_SEND_MAX 32u                            /* datagrams of one step; the rest of a queue is for events */
#define SOTTO_DISC_PORT_MIN 1025u

/* Rates [bucket]: packets a second and burst, levels in millionths of a packet. */
#define SOTTO_DISC_RATE 20u
#define SOTTO_DISC_BURST 50u
#define SOTTO_DISC_RATE_ALL 400u
#define SOTTO_DISC_BURST_ALL 400u

struct sotto_disc_place { uint8_t ip[16]; uint16_t port; uint8_t family; };   /* a prefix; port only for loopback in local mode */
struct sotto_disc_level { uint64_t millionths, at_us; };
struct sotto_disc_source { struct sotto_disc_place place; struct sotto_disc_level level; };
struct sotto_disc_vote { struct sotto_disc_place group; struct sotto_addr addr; uint64_t at_us; };

struct sotto_disc_entry {
    struct sotto_disc_node node;
    uint8_t id[32];
    bool live;                            /* it has answered a Ping of ours */
    unsigned find_fails;                  /* Findnodes in a row without an answer */
};
struct sotto_disc_bucket {
    struct sotto_disc_entry entries[SOTTO_DISC_BUCKET], spares[SOTTO_DISC_SPARES];      /* most recently active first */
    unsigned count, spare_count;
};

/* The endpoint proof of (node id, IP); family 0 = free. */
struct sotto_disc_bond {
    uint8_t id[32];
    struct sotto_addr addr;               /* the port is not part of it */
    uint64_t pong_us, ping_us;
    bool pinged;                          /* it has pinged us, at ping_us: so it takes us for proven */
    uint64_t ready_us;                    /* nothing of our own before */
    uint64_t seq;                         /* of the record that we have read */
};
struct sotto_disc_ping {                  /* a Ping that waits for its Pong; addr.family 0 = free */
    struct sotto_disc_node node;
    uint8_t id[32], hash[32];
    uint64_t deadline_us;
    bool back;                            /* an answer to a stranger's Ping */
    bool heard;                           /* it has pinged us */
    bool check, again;                    /* of a table entry; its second try */
};
struct sotto_disc_request {               /* an ENRRequest, to be sent or sent; family 0 = free */
    struct sotto_disc_node node;
    uint8_t id[32], hash[32];
    uint64_t at_us;                       /* send then, or give up then */
    bool sent;
};

enum sotto_disc_state { SOTTO_DISC_NEW, SOTTO_DISC_BONDING, SOTTO_DISC_WAITING, SOTTO_DISC_ASKING, SOTTO_DISC_DONE, SOTTO_DISC_FAILED };
struct sotto_disc_candidate {
    struct sotto_disc_node node;
    uint8_t id[32];
    enum sotto_disc_state state;
    uint64_t at_us;                       /* end of BONDING, WAITING, ASKING */
    bool answered, again;                 /* again: this is its second try */
    unsigned got;
};
struct sotto_disc_lookup {
    bool used, own;
    uint64_t token;
    uint8_t target[64], id[32];
    struct sotto_disc_candidate candidates[SOTTO_DISC_CANDIDATES_MAX];       /* nearest first */
    unsigned count, asked;
};

struct sotto_discv4 {
    struct sotto_scalar *key;             /* guarded */
    struct sotto_discv4_config config;    /* key wiped */
    uint8_t key64[64], id[32];
    struct sotto_addr external[2];        /* IPv4, IPv6; family 0 = unknown */
    bool fixed;                           /* external was given, votes do not count */
    struct sotto_enr_record record;
    uint64_t seq;
    struct sotto_disc_bucket buckets[SOTTO_DISC_BUCKETS];
    struct sotto_disc_bond bonds[SOTTO_DISC_BONDS_MAX];
    struct sotto_disc_ping pings[SOTTO_DISC_PINGS_MAX];
    struct sotto_disc_request requests[SOTTO_DISC_REQUESTS_MAX];
    struct sotto_disc_source sources[SOTTO_DISC_SOURCES_MAX];
    struct sotto_disc_level level;
    struct sotto_disc_vote votes[SOTTO_DISC_VOTES_MAX];
    struct sotto_disc_lookup lookups[SOTTO_DISC_LOOKUPS_MAX];
    unsigned refresh_left;                /* lookups of this refresh still to begin */
    uint64_t refresh_us, revalidate_us;
};

/* discv4_gate.c: addresses, rates, what others say about us. */
bool sotto_disc_sendable(const struct sotto_discv4 *d, const struct sotto_addr *a);            /* may we send there, and hear from there? */
bool sotto_disc_admit(struct sotto_discv4 *d, const struct sotto_addr *from, struct sotto_now now);
bool sotto_disc_same_ip(const struct sotto_addr *a, const struct sotto_addr *b);
bool sotto_disc_same_subnet(const struct sotto_addr *a, const struct sotto_addr *b);           /* /24, /64 */
/* One bonded node saw us at this address; makes a new record once enough agree. */
void sotto_disc_vote(struct sotto_discv4 *d, const struct sotto_addr *voter, const struct sotto_addr *us, struct sotto_now now, struct sotto_disc_outq *out);
SOTTO_MUST_USE enum sotto_err sotto_disc_make_record(struct sotto_discv4 *d);                  /* with d->seq + 1 */

/* discv4_table.c: the table and the proofs. */
unsigned sotto_disc_bucket_of(const uint8_t a[32], const uint8_t b[32]);
int sotto_disc_nearer(const uint8_t target[32], const uint8_t a[32], const uint8_t b[32]);     /* < 0: a is nearer */
struct sotto_disc_entry *sotto_disc_entry(struct sotto_discv4 *d, const uint8_t id[32]);
/* live: it answered just now; it goes to the front, and takes its new address along. ERR_EXISTS, ERR_FULL (perhaps a spare now). */
enum sotto_err sotto_disc_table_add(struct sotto_discv4 *d, const struct sotto_disc_node *node, const uint8_t id[32], bool live);
void sotto_disc_table_drop(struct sotto_discv4 *d, const uint8_t id[32], struct sotto_disc_outq *out);    /* a spare takes its place */
unsigned sotto_disc_table_count(const struct sotto_discv4 *d);
/* What an asker is told: the nearest nodes, at most SOTTO_DISC_RESULTS; live ones if there is one. */
unsigned sotto_disc_table_nearest(const struct sotto_discv4 *d, struct sotto_disc_node out[SOTTO_DISC_RESULTS], const uint8_t target[32],
                                  const struct sotto_addr *asker);
struct sotto_disc_bond *sotto_disc_bond(struct sotto_discv4 *d, const uint8_t id[32], const struct sotto_addr *addr);
bool sotto_disc_bond_good(const struct sotto_disc_bond *b, struct sotto_now now);              /* NULL: no */
bool sotto_disc_bond_mutual(const struct sotto_disc_bond *b, struct sotto_now now);            /* it has our proof as well */
/* A request was not answered. Perhaps our Pong was lost, and the node lacks our proof: the next request to it begins with a Ping, which
 * makes it ask for the proof again. Without that, one lost datagram silences two nodes for a day. */
void sotto_disc_bond_doubt(struct sotto_discv4 *d, const uint8_t id[32], const struct sotto_addr *addr);
struct sotto_disc_bond *sotto_disc_bond_make(struct sotto_discv4 *d, const uint8_t id[32], const struct sotto_addr *addr);     /* finds or makes */

/* discv4_lookup.c */
void sotto_disc_lookup_begin(struct sotto_discv4 *d, struct sotto_disc_lookup *l, const uint8_t target[64], uint64_t token, bool own);
void sotto_disc_lookups_run(struct sotto_discv4 *d, struct sotto_now now, struct sotto_disc_outq *out);
void sotto_disc_lookups_ponged(struct sotto_discv4 *d, const uint8_t id[32], const struct sotto_addr *addr, uint64_t ready_us);
void sotto_disc_lookups_neighbors(struct sotto_discv4 *d, const struct sotto_disc_packet *p, const uint8_t id[32], const struct sotto_addr *from);
uint64_t sotto_disc_lookups_deadline(const struct sotto_discv4 *d);

/* discv4.c */
struct sotto_disc_out *sotto_disc_event(struct sotto_disc_outq *out, enum sotto_disc_out_kind kind);
/* Signs and queues; hash (may be NULL) is set to the packet's. False: not sent. */
bool sotto_disc_send(struct sotto_discv4 *d, const struct sotto_addr *to, struct sotto_disc_packet *p, uint8_t hash[32], struct sotto_now now,
                     struct sotto_disc_outq *out);
struct sotto_disc_ping *sotto_disc_ping_to(struct sotto_discv4 *d, const uint8_t id[32], const struct sotto_addr *addr);       /* pending there, or NULL */
struct sotto_disc_ping *sotto_disc_ping_send(struct sotto_discv4 *d, const struct sotto_disc_node *node, const uint8_t id[32], bool back, struct sotto_now now,
                                             struct sotto_disc_outq *out);                                                     /* NULL: no room */

#endif
