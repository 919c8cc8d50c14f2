/* Node discovery v4 as a step machine (devp2p.md 8, network.md 1): a Kademlia table of nodes, proofs that a node is where it says,
 * lookups, our own node record, and what others agree our address is.
 *
 * Input: a datagram with its source, or only the time. Output: datagrams, and events. No socket, no clock; all memory is taken at
 * creation. Threads: one owner.
 *
 *     Ping from a stranger -> Pong, then a Ping back -> its Pong is the proof ("bond"): good for 24 h for that node id and IP
 *     Findnode, ENRRequest -> answered to who is bonded, to others not by one byte
 *
 * What a stranger can make us send to an address that has proven nothing is one Pong and one Ping for each of its Pings. */
#ifndef SOTTO_P2P_DISCV4_H
#define SOTTO_P2P_DISCV4_H

#include "p2p/discv4_packet.h"
#include "p2p/enr.h"

#define SOTTO_DISC_RESULTS 16u                        /* of a lookup, and of an answer to Findnode */
#define SOTTO_DISC_LOOKUPS_MAX 4u                     /* at a time; one of them is kept for our own refresh */
#define SOTTO_DISC_OUT_MAX 64u                        /* the most that one step appends */

enum sotto_disc_out_kind {
    SOTTO_DISC_SEND,                      /* addr, bytes, size: a datagram. One that is lost does no harm */
    SOTTO_DISC_BONDED,                    /* key, addr, tcp, seq: the node has proven where it is; seq of its record, 0 = it did not say */
    SOTTO_DISC_SEEN,                      /* key, addr, tcp, seq: a node of the table answered again */
    SOTTO_DISC_RECORD,                    /* key, addr, tcp, seq, bytes, size: its verified record, for sotto_enr_read. addr and tcp: what we know by
                                           * ourselves; what the record says about addresses is only a claim */
    SOTTO_DISC_GONE,                      /* key, addr, tcp: left the table, it does not answer */
    SOTTO_DISC_FOUND,                     /* token, nodes, count: a lookup has ended. Nodes that answered, nearest first; maybe none */
    SOTTO_DISC_EXTERNAL,                  /* addr, seq: our own record has changed; store seq before the next start. family 0: its address did not */
    SOTTO_DISC_STARVED                    /* the table is empty: add nodes (book, then bootstrap) */
};
struct sotto_disc_out {
    enum sotto_disc_out_kind kind;
    struct sotto_addr addr;
    uint16_t tcp;
    uint8_t key[64];
    uint64_t token, seq;
    size_t size;
    unsigned count;
    union {
        uint8_t bytes[SOTTO_DISC_PACKET_MAX];
        struct sotto_disc_node nodes[SOTTO_DISC_RESULTS];
    };
};
/* The caller's; empty (count 0) before each call that takes one, with max at least SOTTO_DISC_OUT_MAX. */
struct sotto_disc_outq { struct sotto_disc_out *slots; uint32_t count, max; };

struct sotto_discv4_config {
    struct sotto_scalar key;              /* the node's link identity; copied into guarded memory, wipe yours */
    bool local;                           /* network.local: loopback addresses and no others; every port a place of its own */
    bool lan;                             /* network.lan: private addresses too */
    struct sotto_addr addr;               /* where we are reached, if somebody knows: then nobody else is asked. family 0: unknown. port: UDP */
    uint16_t udp, tcp;                    /* our ports as we tell them while addr is unknown; tcp also later */
    uint16_t roles;                       /* of the key sotto in our record */
    uint64_t enr_seq;                     /* of the last record of an earlier run, 0 = none; the first one gets a higher one */
    struct sotto_rng *rng;                /* outlives the object */
};

struct sotto_discv4;
/* ERR_KEY, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_discv4_new(struct sotto_discv4 **out, const struct sotto_discv4_config *config, struct sotto_now now);
void sotto_discv4_free(struct sotto_discv4 *d);                       /* NULL is fine */

/* A datagram as it came; any bytes, any size. from: v4-mapped addresses turned into v4. */
void sotto_discv4_datagram(struct sotto_discv4 *d, const struct sotto_addr *from, struct sotto_span bytes, struct sotto_now now, struct sotto_disc_outq *out);
void sotto_discv4_tick(struct sotto_discv4 *d, struct sotto_now now, struct sotto_disc_outq *out);
uint64_t sotto_discv4_deadline(const struct sotto_discv4 *d);         /* mono_us of the next tick it wants, the past = at once; ask after every call */

/* A node from the book or the configuration: only heard of, until it answers. ERR_RANGE: an address or port that we do not send to;
 * ERR_KEY; ERR_STATE: this node itself; ERR_FULL: no place in the table for it; ERR_EXISTS. */
SOTTO_MUST_USE enum sotto_err sotto_discv4_add(struct sotto_discv4 *d, const struct sotto_disc_node *node, struct sotto_now now);
/* Looks for the nodes nearest to keccak256(target); FOUND with this token ends it. ERR_FULL. Starts with the next tick, at once. */
SOTTO_MUST_USE enum sotto_err sotto_discv4_lookup(struct sotto_discv4 *d, const uint8_t target[64], uint64_t token);
/* Our address by other means (port mapping, an operator), our TCP port, our roles. Makes a new record if one of them changed; says so by
 * EXTERNAL. addr of family 0: unknown again, ask the others. */
void sotto_discv4_announce(struct sotto_discv4 *d, const struct sotto_addr *addr, uint16_t tcp, uint16_t roles, struct sotto_disc_outq *out);
/* Our signed record; good until the next call. */
const struct sotto_enr_record *sotto_discv4_record(const struct sotto_discv4 *d);

/* The table, from index 0; false past the end. live: it has answered us. */
bool sotto_discv4_node_at(const struct sotto_discv4 *d, unsigned index, struct sotto_disc_node *out, bool *live);
bool sotto_discv4_bonded(const struct sotto_discv4 *d, const uint8_t key[64], const struct sotto_addr *addr, struct sotto_now now);

#endif
