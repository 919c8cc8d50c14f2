/* What a host remembers of nodes and addresses that misbehaved, across connections (network.md 1). Internal to p2p/.
 *
 * Scores start at 0 and decay by 1 a minute; at 100 a node is banned for 1 h, then 2 h, up to 24 h. An address is banned when
 * its own score reaches 100 (garbage before keys) or while three node ids seen there are banned. Both tables are fixed in
 * size; when one is full, what matters least makes room. Threads: one owner. */
#ifndef SOTTO_P2P_REP_H
#define SOTTO_P2P_REP_H

#include "p2p/host.h"

#define SOTTO_REP_NODES_MAX 4096u
#define SOTTO_REP_ADDRESSES_MAX 1024u
#define SOTTO_SCORE_BAN 100
#define SOTTO_SCORE_DECAY_US (60u * 1000000u)         /* one point */
#define SOTTO_BAN_FIRST_US (3600ull * 1000000u)
#define SOTTO_BAN_MAX_US (24u * 3600ull * 1000000u)
#define SOTTO_BAN_IDS_PER_ADDRESS 3u
#define SOTTO_ACCEPT_INTERVAL_US (30ull * 1000000u)   /* one inbound connection per address, as geth */

struct sotto_rep;
struct sotto_rep *sotto_rep_new(void);                                /* NULL: out of memory */
void sotto_rep_free(struct sotto_rep *r);

/* Adds to the score of a node; returns true once it reaches 100: the score then starts again and, with ban, the node is
 * banned. addr = where it was seen, NULL = an address that does not count (loopback on a local network). */
bool sotto_rep_node_offend(struct sotto_rep *r, const uint8_t key[64], const struct sotto_addr *addr, int score, bool ban, struct sotto_now now);
int sotto_rep_node_score(const struct sotto_rep *r, const uint8_t key[64], struct sotto_now now);
void sotto_rep_node_ban(struct sotto_rep *r, const uint8_t key[64], uint64_t until_us, struct sotto_now now);    /* until <= now lifts it */
bool sotto_rep_node_banned(const struct sotto_rep *r, const uint8_t key[64], struct sotto_now now);
uint64_t sotto_rep_node_ban_end(const struct sotto_rep *r, const uint8_t key[64]);                               /* 0 = never banned */
bool sotto_rep_ban_at(const struct sotto_rep *r, unsigned index, struct sotto_ban *out, struct sotto_now now);   /* false past the end */

/* The address part works on an IPv4 address or an IPv6 /64. */
void sotto_rep_address_offend(struct sotto_rep *r, const struct sotto_addr *addr, int score, struct sotto_now now);
bool sotto_rep_address_banned(const struct sotto_rep *r, const struct sotto_addr *addr, struct sotto_now now);
/* Notes an inbound connection; false if the last one that was let in came less than SOTTO_ACCEPT_INTERVAL_US ago. */
bool sotto_rep_address_accept(struct sotto_rep *r, const struct sotto_addr *addr, struct sotto_now now);

#endif
