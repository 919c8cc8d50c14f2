/* Who is dialled next (network.md 1): eight outbound places, filled so that whoever can be many cheaply does not become our neighbours.
 *
 *     guard and backup guard        kept U(14, 28) days once they were up; own groups, reserved while they are away
 *     second stem, 5 general        drawn from the book, group first
 *     feeler                        every 120 s a short look at somebody who was never tried
 *
 * No two outbound peers are of one group (group.h), static ones aside. Order after a start: guard, backup, the two general peers that
 * had been up longest; then static peers (the host's); then the book; then bootstrap, and that only while fewer than 8 entries of the
 * book live. So a restart brings back old neighbours first and an attacker wins nothing by forcing one.
 *
 * A node with two addresses is dialled by IPv6, and 250 ms later by IPv4 beside it, with the same ticket; the one that opens first
 * stays. Failed dials come again after 35 s, doubling to 1 h, +-20 % (on a local network 1 s to 35 s); a node that shares no
 * capability with us after 24 h. A place that became free is not filled again within a second.
 *
 * Says what it wants and is told what became of it; touches nothing but its book. Threads: one owner. */
#ifndef SOTTO_P2P_DIAL_H
#define SOTTO_P2P_DIAL_H

#include "p2p/book.h"

#define SOTTO_DIAL_OUTBOUND 8u                        /* guard, backup, second stem, 5 general */
#define SOTTO_DIAL_PLACES_MAX 64u
#define SOTTO_DIAL_BOOTSTRAP_MAX 64u
#define SOTTO_DIAL_LIVE 8u                            /* entries of the book: from so many on bootstrap is not used */
#define SOTTO_DIAL_FEELER_US (120ull * 1000000)
#define SOTTO_DIAL_SECOND_US (250ull * 1000)
#define SOTTO_DIAL_PACE_US (1ull * 1000000)
#define SOTTO_DIAL_GUARD_S (14u * 86400u)             /* and a uniform draw up to as much more */
#define SOTTO_DIAL_GUARD_LOST_S (24u * 3600u)         /* of our uptime without it: another one is drawn */
#define SOTTO_DIAL_BYTES_MAX 512u                     /* of what is saved */
#define SOTTO_DIAL_BYTES_NONE 5u                      /* while there is nobody to remember */

enum sotto_dial_kind { SOTTO_DIAL_GUARD, SOTTO_DIAL_BACKUP, SOTTO_DIAL_STEM, SOTTO_DIAL_GENERAL, SOTTO_DIAL_FEELER };
enum sotto_dial_end {
    SOTTO_DIAL_REFUSED,                   /* no TCP, no keys in time or wrong ones */
    SOTTO_DIAL_FULL,                      /* it proved its key and has no place for us */
    SOTTO_DIAL_USELESS,                   /* it proved its key and shares no capability */
    SOTTO_DIAL_LOST,                      /* ended after it was up, by whomever */
    SOTTO_DIAL_GIVEN_UP                   /* by us, for no fault of its own: it called us meanwhile, no memory */
};

struct sotto_dial_want {
    uint32_t ticket;                      /* never 0; says later what became of it */
    bool close;                           /* end the connections of this ticket instead; nothing below counts */
    enum sotto_dial_kind kind;
    struct sotto_enode node;
};
struct sotto_dial_config {
    bool local;                           /* network.local */
    unsigned outbound_max;                /* places, 8; at most SOTTO_DIAL_PLACES_MAX. Fewer than 3: general ones only */
    sotto_group_fn *group;                /* as the book's */
    struct sotto_book *book;              /* outlives this */
    struct sotto_rng *rng;
    void *owner;                          /* for barred: connected already, this node itself, static, or banned (the key or an address)? */
    bool (*barred)(void *owner, const uint8_t key[64], const struct sotto_addr addr[2], struct sotto_now now);
};
struct sotto_dial;
SOTTO_MUST_USE enum sotto_err sotto_dial_new(struct sotto_dial **out, const struct sotto_dial_config *config);      /* ERR_NOMEM */
void sotto_dial_free(struct sotto_dial *d);           /* NULL is fine */
/* network.bootstrap. ERR_FULL; ERR_EXISTS. */
SOTTO_MUST_USE enum sotto_err sotto_dial_bootstrap(struct sotto_dial *d, const struct sotto_enode *node);

/* The next wish, or false. Call it until then, after every input and at the deadline. first: only those that come before the static
 * peers. A wish that cannot be carried out ends with GIVEN_UP. */
bool sotto_dial_next(struct sotto_dial *d, struct sotto_dial_want *out, bool first, struct sotto_now now);
uint64_t sotto_dial_deadline(const struct sotto_dial *d);             /* mono_us; UINT64_MAX = nothing to wait for */

/* What becomes of a ticket: opened (TCP stands: the other address is not tried any more), then up (Hellos exchanged and shared), then
 * ended; ended may come at any time, once, when the last connection of the ticket is gone. After up of a feeler, close it. A
 * ticket that has ended means nothing any more. */
void sotto_dial_opened(struct sotto_dial *d, uint32_t ticket);
void sotto_dial_up(struct sotto_dial *d, uint32_t ticket, struct sotto_now now);
/* true: the ticket goes on with its other address, ask sotto_dial_next. */
bool sotto_dial_ended(struct sotto_dial *d, uint32_t ticket, enum sotto_dial_end how, struct sotto_now now);

/* The guard (0) or its backup (1), once there is one; false: not yet. */
bool sotto_dial_guard(const struct sotto_dial *d, unsigned which, struct sotto_book_entry *out);

/* Guards and the general peers to begin with, for a file that the caller seals, beside the book; ERR_FULL, ERR_NOMEM. load: for a fresh
 * object, before the first _next; ERR_FORMAT, ERR_NEWER and nothing has changed. */
SOTTO_MUST_USE enum sotto_err sotto_dial_save(const struct sotto_dial *d, struct sotto_buf *out, struct sotto_now now);
SOTTO_MUST_USE enum sotto_err sotto_dial_load(struct sotto_dial *d, struct sotto_span bytes, struct sotto_now now);

/* Before the next dial after so many that failed; used for static peers too. */
uint64_t sotto_dial_delay_us(struct sotto_rng *rng, unsigned failures, bool local);

#endif
