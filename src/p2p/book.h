/* The address book: which nodes we have heard of, from whom, and which of them have proven themselves (network.md 1).
 *
 *     learn -> one of 64 "new" buckets x 48        SipHash(secret, group(address), group(source)): what one source group tells
 *                                                   reaches 8 of them, so a flood fills its own corner
 *     good  -> one of 16 "tried" buckets x 64      one group of addresses reaches 2 of them
 *
 * A draw takes a group first and then an address in it: a thousand addresses in one /16 are one chance. Where a bucket is full, what
 * does not answer goes first, then the most crowded group; one that is as crowded as the newcomer's never goes. So an address that has
 * shown itself cannot be pushed out by telling us names. Every node stands in the book at most once, under its key, with at most one
 * IPv4 and one IPv6 address. Latency and what nodes say of themselves are never looked at.
 *
 * Who learns of nodes (discovery, PEERS, LAN) calls sotto_book_learn with the address that told it; where a node has proven by itself
 * that it lives at an address, source = that address. Nobody else needs to be told: dial.h looks when the book has changed.
 *
 * Memory: 4096 entries of some 160 bytes, taken at creation. Threads: one owner. */
#ifndef SOTTO_P2P_BOOK_H
#define SOTTO_P2P_BOOK_H

#include "p2p/group.h"
#include "p2p/host.h"

#define SOTTO_BOOK_NEW_BUCKETS 64u
#define SOTTO_BOOK_NEW_SLOTS 48u
#define SOTTO_BOOK_TRIED_BUCKETS 16u
#define SOTTO_BOOK_TRIED_SLOTS 64u
#define SOTTO_BOOK_MAX (SOTTO_BOOK_NEW_BUCKETS * SOTTO_BOOK_NEW_SLOTS + SOTTO_BOOK_TRIED_BUCKETS * SOTTO_BOOK_TRIED_SLOTS)
#define SOTTO_BOOK_PER_SOURCE 8u                      /* new buckets that one source group reaches */
#define SOTTO_BOOK_PER_GROUP 2u                       /* tried buckets that one group reaches */

#define SOTTO_BOOK_OLD_S (30u * 86400u)               /* not heard of for so long: it gives way to anything */
#define SOTTO_BOOK_FAILS_NEW 3u                       /* dials in vain of one that never answered */
#define SOTTO_BOOK_FAILS_TRIED 10u                    /* and of one that did, together with */
#define SOTTO_BOOK_SILENT_S (7u * 86400u)
#define SOTTO_BOOK_REST_MAX_US (24ull * 3600 * 1000000)

#define SOTTO_BOOK_VERSION 1u
#define SOTTO_BOOK_BYTES_MAX (1u + 16u + 2u + SOTTO_BOOK_MAX * 118u)      /* of a saved book */

struct sotto_book_entry {
    uint8_t key[64];
    struct sotto_addr addr[2];            /* IPv4, IPv6; family 0 = none; one of them at least */
    bool tried;                           /* it has proven its key to us */
    unsigned failures;                    /* dials since it last did, at most 255 */
    uint64_t next_us;                     /* mono time before which it is not drawn */
    uint64_t heard_s, alive_s;            /* unix time: somebody told of it; it proved its key (0: never) */
};

/* How addresses are grouped: sotto_group_of in every program. A simulation gives another one to see what the rules are worth. */
typedef struct sotto_group sotto_group_fn(const struct sotto_addr *addr, bool local);

struct sotto_book_config {
    bool local;                           /* network.local: loopback addresses and no others */
    bool lan;                             /* network.lan: private addresses too */
    sotto_group_fn *group;
    struct sotto_rng *rng;                /* outlives the book; its first 16 bytes are the secret of the buckets */
};
struct sotto_book;
SOTTO_MUST_USE enum sotto_err sotto_book_new(struct sotto_book **out, const struct sotto_book_config *config);      /* ERR_NOMEM */
void sotto_book_free(struct sotto_book *b);           /* NULL is fine */

/* Somebody at source says that a node listens at node->addr (TCP). ERR_EXISTS: known, its time was renewed; ERR_RANGE: an address that
 * we do not dial, or of which source cannot know; ERR_KEY: not a key, all zero; ERR_FULL: its bucket holds better ones. */
SOTTO_MUST_USE enum sotto_err sotto_book_learn(struct sotto_book *b, const struct sotto_enode *node, const struct sotto_addr *source, struct sotto_now now);

/* Is it known? Then *out, if not NULL. */
bool sotto_book_find(const struct sotto_book *b, struct sotto_book_entry *out, const uint8_t key[64]);
/* What became of a node; unknown keys are fine (a static peer, or one that has left the book). */
void sotto_book_dialled(struct sotto_book *b, const uint8_t key[64], unsigned failures, uint64_t next_us);   /* begun, or in vain: failures from now on */
/* It has proven its key; good: it took us as well, so it has no failures and no wait any more and moves to tried. */
void sotto_book_alive(struct sotto_book *b, const uint8_t key[64], bool good, struct sotto_now now);
void sotto_book_rest(struct sotto_book *b, const uint8_t key[64], uint64_t next_us);                         /* not drawn before */
void sotto_book_forget(struct sotto_book *b, const uint8_t key[64]);

/* Draws a group, then an entry in it, among those that may be drawn now and that fit says yes to. which: NEW, TRIED, or either one by a
 * coin, the other when there is none. false: there is none; *wait_us is then the earliest mono time at which one that fits may be
 * drawn, UINT64_MAX = none. Entries that do not answer come only when there are no others. */
enum sotto_book_table { SOTTO_BOOK_ANY, SOTTO_BOOK_NEW, SOTTO_BOOK_TRIED };
typedef bool sotto_book_fit(void *ctx, const struct sotto_book_entry *e);
bool sotto_book_draw(struct sotto_book *b, struct sotto_book_entry *out, uint64_t *wait_us, enum sotto_book_table which, sotto_book_fit *fit, void *ctx,
                     struct sotto_now now);

unsigned sotto_book_count(const struct sotto_book *b, enum sotto_book_table which);
unsigned sotto_book_live(const struct sotto_book *b);            /* proved their key, and not failed since */
uint64_t sotto_book_changes(const struct sotto_book *b);         /* grows when there is somebody new to dial */
bool sotto_book_at(const struct sotto_book *b, unsigned index, struct sotto_book_entry *out);      /* in no order; false past the end */

/* The whole book as bytes, one form, for a file that the caller seals: version 1 || secret 16 || u16 count || entries. ERR_FULL (out),
 * ERR_NOMEM. load is for a fresh book: ERR_FORMAT and nothing has changed; ERR_NEWER: another version. Entries that this
 * configuration does not dial are left out. Times that are waited for are saved as seconds to go. */
SOTTO_MUST_USE enum sotto_err sotto_book_save(const struct sotto_book *b, struct sotto_buf *out, struct sotto_now now);
SOTTO_MUST_USE enum sotto_err sotto_book_load(struct sotto_book *b, struct sotto_span bytes, struct sotto_now now);

#endif
