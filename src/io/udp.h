/* UDP for a core that takes and sends single datagrams (p2p/discv4.h), or that also speaks to everybody on its own network (p2p/lan.h).
 *
 * An IPv6 socket takes IPv6 only; a v4-mapped source becomes IPv4. Nothing longer than SOTTO_IO_UDP_MAX is taken or sent. What the
 * kernel does not take at once waits, up to a bound; what is beyond it is refused, for a datagram may be lost anyway.
 *
 * A group is an IPv4 multicast address. It is heard and spoken to on the links of this machine that have a private address, can do
 * multicast, and are no tunnel; with local on loopback, and there alone. Several processes may hear one group.
 *
 * Threads: the loop's. One input callback at a time, never inside sotto_io_udp_send. */
#ifndef SOTTO_IO_UDP_H
#define SOTTO_IO_UDP_H

#include "base/step.h"
#include "io/loop.h"

#define SOTTO_IO_UDP_MAX 1280u                  /* bytes of a datagram: the largest that every IPv6 link carries (devp2p.md 8.1) */
#define SOTTO_IO_UDP_SOCKETS_MAX 8u
#define SOTTO_IO_UDP_LINKS_MAX 8u               /* on which a group is heard; further ones are left out */

struct sotto_io_udp;

struct sotto_io_udp_config {
    struct sotto_loop *loop;
    struct sotto_log *log;                      /* may be NULL; never an address in it */
    bool local;                                 /* network.local: loopback only, both ways */
    bool near;                                  /* nothing that is sent passes a router: TTL 1 */
    unsigned waiting_max;                       /* datagrams the kernel has not taken yet, over all sockets */
    void *ctx;
    /* A datagram of 1 to SOTTO_IO_UDP_MAX bytes, borrowed for the call. May call send, listen, close and free. */
    void (*input)(void *ctx, const struct sotto_addr *from, struct sotto_span bytes, struct sotto_now now);
    /* The same for what came to the group, our own words included; NULL where none is joined. */
    void (*group)(void *ctx, const struct sotto_addr *from, struct sotto_span bytes, struct sotto_now now);
};

struct sotto_io_udp_stats {
    uint64_t received, too_long, refused;       /* refused: empty ones, or not from loopback with local */
    uint64_t sent, dropped, failed;             /* dropped: too many waited; failed: the system said no, in time or late */
    uint64_t read_errors;
};

SOTTO_MUST_USE enum sotto_err sotto_io_udp_new(struct sotto_io_udp **out, const struct sotto_io_udp_config *config);
/* One more address; port 0 = any free one. bound (may be NULL) gets the address with the real port. ERR_RANGE (no address, or not
 * loopback with local), ERR_FULL, ERR_IN_USE, ERR_IO (no such address on this machine, no right, no IPv6), ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_io_udp_listen(struct sotto_io_udp *udp, struct sotto_addr *bound, const struct sotto_addr *addr);
/* ERR_RANGE: no address, port 0, not loopback with local, or no byte or too many; ERR_MISSING: no socket of that family; ERR_FULL: too
 * many wait; ERR_IO: the system refuses (no route, no right); ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_io_udp_send(struct sotto_io_udp *udp, const struct sotto_addr *to, struct sotto_span bytes);
/* Hears the group from now on. Called again it looks at the links anew: those that came are joined, those that went are left. only: the
 * link with that address and no other; family 0: any. *links (may be NULL): how many there are now; none is fine. ERR_RANGE: no IPv4
 * multicast address, port 0; ERR_IN_USE: another program holds the port for itself; ERR_IO, ERR_NOMEM: as it was before. */
SOTTO_MUST_USE enum sotto_err sotto_io_udp_join(struct sotto_io_udp *udp, unsigned *links, const struct sotto_addr *group, const struct sotto_addr *only);
/* To the group by each of its links, from the first IPv4 address listened on. *links (may be NULL): how many took it. ERR_RANGE: no byte or
 * too many; ERR_MISSING: no group, no IPv4 address is listened on, or no link took it. */
SOTTO_MUST_USE enum sotto_err sotto_io_udp_shout(struct sotto_io_udp *udp, unsigned *links, struct sotto_span bytes);
const struct sotto_io_udp_stats *sotto_io_udp_stats(const struct sotto_io_udp *udp);
void sotto_io_udp_close(struct sotto_io_udp *udp);                        /* all sockets, the group too; listen and join may be called again */
void sotto_io_udp_free(struct sotto_io_udp *udp);                         /* NULL is fine */

#endif
