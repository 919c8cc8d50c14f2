/* Nodes of one local network find each other without anybody's list (network.md 1, LAN; vectors [lan]).
 *
 *     every 60 +- 5 s -> beacon to the multicast group     salt 16 || TH("sotto/lan", salt || secret) 32 || UDP port 2 || 14 zero bytes
 *     a beacon of our secret -> answer by unicast     nonce 24 || sealed: node key 64 || TCP port 2
 *     an answer to our newest beacon -> a node, to be dialled where the answer came from
 *
 * An answer is sealed with XChaCha20-Poly1305 under TH("sotto/lan/answer", salt || secret). So whoever lacks the secret learns that Sotto
 * runs, not who, even where a true beacon is played back to us or the answers of others are overheard. Nobody vouches for the port of
 * a beacon: an answer goes to the address that sent it, once for each salt, to no port of the system, and to private addresses only (with network.local to loopback);
 * it is less than twice as long as the beacon, and there are at most SOTTO_LAN_RATE in a second. What an answer says is a claim by
 * whoever knows the secret: RLPx proves the key when it is dialled.
 *
 * Sans-IO: datagrams and the time go in, datagrams come out. Memory is taken at creation. Threads: one owner. */
#ifndef SOTTO_P2P_LAN_H
#define SOTTO_P2P_LAN_H

#include "crypto/secret.h"
#include "p2p/host.h"

#define SOTTO_LAN_SALT 16u
#define SOTTO_LAN_BEACON_SIZE 64u
#define SOTTO_LAN_ANSWER_SIZE 106u
#define SOTTO_LAN_PERIOD_US 60000000ull
#define SOTTO_LAN_SPREAD_US 5000000ull                /* a uniform draw up to so much more or less: nodes that began together do not stay in step */
#define SOTTO_LAN_LISTEN_US 10000000ull               /* answers to a beacon come so soon; later ones are played back */
#define SOTTO_LAN_ANSWERS_MAX 256u                    /* datagrams taken for answers to one beacon */
#define SOTTO_LAN_RATE 16u                            /* answers of ours in one second */
#define SOTTO_LAN_HEARD_MAX 64u                       /* salts that were answered: the oldest makes room */
#define SOTTO_LAN_NODES_MAX 6u                        /* network.md 1, Slots: static and LAN have 6 places */
#define SOTTO_LAN_MISSED 3u                           /* beacons in a row that a node did not answer: it is stale */
#define SOTTO_LAN_STALE_US (SOTTO_LAN_MISSED * (SOTTO_LAN_PERIOD_US + SOTTO_LAN_SPREAD_US) + SOTTO_LAN_LISTEN_US)
#define SOTTO_LAN_PORT_MIN 1025u                      /* as in discovery: nothing goes to services of the system */

/* ---- the two datagrams ---- */

/* port: not 0. */
void sotto_lan_beacon_write(uint8_t out[SOTTO_LAN_BEACON_SIZE], const uint8_t salt[SOTTO_LAN_SALT], const struct sotto_secret *secret, uint16_t port);
/* ERR_LAN_FORM: another length, port 0, trailing bytes; ERR_LAN_SECRET: made with another secret (compared in constant time). */
SOTTO_MUST_USE enum sotto_err sotto_lan_beacon_read(uint8_t salt[SOTTO_LAN_SALT], uint16_t *port, struct sotto_span beacon, const struct sotto_secret *secret);

struct sotto_lan_claim { uint8_t key[64]; uint16_t tcp; };
/* nonce: random. */
void sotto_lan_answer_write(uint8_t out[SOTTO_LAN_ANSWER_SIZE], const struct sotto_lan_claim *claim, const uint8_t salt[SOTTO_LAN_SALT],
                            const struct sotto_secret *secret, const uint8_t nonce[24]);
/* ERR_LAN_FORM: another length, or inside a port 0 or no key of the curve; ERR_LAN_SECRET: another secret or another beacon. */
SOTTO_MUST_USE enum sotto_err sotto_lan_answer_read(struct sotto_lan_claim *out, struct sotto_span answer, const uint8_t salt[SOTTO_LAN_SALT],
                                                    const struct sotto_secret *secret);

/* ---- one node ---- */

struct sotto_lan_config {
    struct sotto_secret secret;           /* copied into guarded memory: wipe it */
    struct sotto_lan_claim self;          /* tcp 0: not listening, nobody is answered */
    uint16_t udp;                         /* where answers come, not 0 */
    bool local;                           /* network.local: loopback is the network, and nothing else is */
    struct sotto_rng *rng;                /* outlives this */
};
struct sotto_lan_stats {
    uint64_t sent, beacons, answers;      /* beacons: of others, with our secret; answers: that named a node to us */
    uint64_t answered, held;              /* answers of ours; held: beacons of our secret that get none */
    uint64_t strangers;                   /* datagrams that are nothing of ours */
};
struct sotto_lan;
SOTTO_MUST_USE enum sotto_err sotto_lan_new(struct sotto_lan **out, const struct sotto_lan_config *config, struct sotto_now now);       /* ERR_NOMEM */
void sotto_lan_free(struct sotto_lan *l);             /* NULL is fine */

/* True: the beacon in out goes to the group now. The first one is due at once. */
bool sotto_lan_tick(struct sotto_lan *l, uint8_t out[SOTTO_LAN_BEACON_SIZE], struct sotto_now now);
uint64_t sotto_lan_deadline(const struct sotto_lan *l);               /* mono_us of the next tick */
/* What came to the group. True: out goes to *to. */
bool sotto_lan_heard(struct sotto_lan *l, uint8_t out[SOTTO_LAN_ANSWER_SIZE], struct sotto_addr *to, const struct sotto_addr *from, struct sotto_span bytes,
                     struct sotto_now now);
/* What came to our own port. True: *out is new, dial it; it has one of SOTTO_LAN_NODES_MAX places from now on. One that has a place
 * already keeps it by answering from where it was first; where it has moved, it is stale after a while and then found anew. */
bool sotto_lan_answer(struct sotto_lan *l, struct sotto_enode *out, const struct sotto_addr *from, struct sotto_span bytes, struct sotto_now now);
/* A node that has not answered for SOTTO_LAN_STALE_US, one a call; its time begins anew. Forget it, unless it is connected: multicast
 * may fail where TCP does not. */
bool sotto_lan_stale(struct sotto_lan *l, uint8_t key[64], struct sotto_now now);
void sotto_lan_forget(struct sotto_lan *l, const uint8_t key[64]);     /* its place is free; unknown keys are fine */
bool sotto_lan_at(const struct sotto_lan *l, unsigned index, struct sotto_enode *out);        /* the places taken; false past the end */
const struct sotto_lan_stats *sotto_lan_stats(const struct sotto_lan *l);

#endif
