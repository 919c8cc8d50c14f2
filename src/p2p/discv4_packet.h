/* Packets of node discovery v4 (devp2p.md 8.1). Internal to p2p/.
 *
 *     packet = hash(32) || signature(65) || type(1) || RLP list       98 to 1280 bytes
 *     signature over keccak256(type || data);  hash = keccak256(signature || type || data)
 *
 * More elements than a list needs, and bytes behind it, are left for later versions; an endpoint has exactly three. Threads: plain values. */
#ifndef SOTTO_P2P_DISCV4_PACKET_H
#define SOTTO_P2P_DISCV4_PACKET_H

#include "base/step.h"
#include "crypto/curve.h"

#define SOTTO_DISC_PACKET_MAX 1280u
#define SOTTO_DISC_HEAD 98u                           /* hash, signature, type */
#define SOTTO_DISC_VERSION 4u
#define SOTTO_DISC_NEIGHBORS_MAX 12u                  /* nodes in one packet of ours: that many with IPv6 addresses fit */
#define SOTTO_DISC_NODES_MAX 16u                      /* nodes that fit into one packet of anybody: 71 bytes is the least of one */

enum sotto_disc_type {
    SOTTO_DISC_PING = 1, SOTTO_DISC_PONG, SOTTO_DISC_FINDNODE, SOTTO_DISC_NEIGHBORS, SOTTO_DISC_ENR_REQUEST, SOTTO_DISC_ENR_RESPONSE
};

/* addr.port is the UDP port. family 0: no address, or an IP of a size that is none. A mapped IPv6 address reads as IPv4. */
struct sotto_disc_endpoint { struct sotto_addr addr; uint16_t tcp; };
struct sotto_disc_node { struct sotto_disc_endpoint at; uint8_t key[64]; };       /* key: 64 bytes, perhaps no point */

struct sotto_disc_packet {
    enum sotto_disc_type type;
    uint8_t hash[32], key[64];            /* read: of the packet; the signer. Not looked at when written */
    uint64_t expiration;                  /* unix seconds; all but ENRResponse */
    uint64_t version;                     /* Ping */
    struct sotto_disc_endpoint from, to;  /* Ping both, Pong to */
    uint64_t enr_seq;                     /* Ping, Pong: 0 = unknown */
    uint8_t reply_to[32];                 /* Pong, ENRResponse: hash of the Ping, of the ENRRequest */
    uint8_t target[64];                   /* Findnode */
    struct sotto_disc_node nodes[SOTTO_DISC_NODES_MAX];        /* Neighbors */
    unsigned node_count;                  /* written: at most SOTTO_DISC_NEIGHBORS_MAX */
    struct sotto_span record;             /* ENRResponse: borrowed, the record's own list; not verified here */
};

/* A written packet; its hash is the first 32 bytes. */
struct sotto_disc_bytes { uint8_t b[SOTTO_DISC_PACKET_MAX]; size_t size; };

/* ERR_KEY, ERR_NOMEM; ERR_FULL: an ENRResponse with a record that is too long. */
SOTTO_MUST_USE enum sotto_err sotto_disc_write(struct sotto_disc_bytes *out, const struct sotto_disc_packet *p, const struct sotto_scalar *key);
/* In this order: ERR_FORMAT (size), ERR_DISC_HASH, ERR_SIG_FORM, ERR_SIG, ERR_DISC_TYPE, ERR_RLP. The hash is cheap, the signature is
 * not. Whether it has expired is a question for later. */
SOTTO_MUST_USE enum sotto_err sotto_disc_read(struct sotto_disc_packet *out, struct sotto_span packet);

/* Is that time still to come? Negative when read as a signed number, or the current second: no. */
bool sotto_disc_fresh(uint64_t expiration, uint64_t wall_ms);

#endif
