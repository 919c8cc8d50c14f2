/* TCP for a core that speaks base/step.h: listens, dials, and turns wishes into sockets and sockets into inputs.
 *
 * The core never meets itself: no input is given inside sotto_io_net_perform; whatever fails there comes as CLOSED in a
 * later turn of the loop. One input callback at a time.
 *
 *     core -> DIAL SEND CLOSE PAUSE RESUME -> sotto_io_net_perform -> socket
 *     socket -> input(OPENED | ACCEPTED | DATA | SENT | CLOSED) -> core
 *
 * With a proxy, every dial goes to it and by SOCKS5 from there on (p2p/socks5.h): OPENED comes when the peer is reached, with the peer's
 * address. Nothing is dialled directly then.
 *
 * After a CLOSE, and after a CLOSED was given, nothing more is said about that connection and wishes for it are ignored
 * (they may be in the queue already). Threads: the loop's. */
#ifndef SOTTO_IO_TCP_H
#define SOTTO_IO_TCP_H

#include "base/step.h"
#include "io/loop.h"

struct sotto_io_net;

#define SOTTO_IO_NET_CHUNK (64u << 10)          /* largest DATA, and the step in which SENT is told: one shared read buffer */
#define SOTTO_IO_NET_DIAL_US 15000000u          /* network.md 1: dial 15 s, then CLOSED */
#define SOTTO_IO_NET_LINGER_US 1000000u         /* network.md 1: disconnect write 1 s */

struct sotto_io_net_config {
    struct sotto_loop *loop;
    struct sotto_log *log;                      /* may be NULL; never an address in it */
    bool local;                                 /* network.local: listen on and dial to 127.0.0.0/8 and ::1 only */
    struct sotto_addr proxy;                    /* network.proxy; family 0 = none */
    bool proxy_only;                            /* network.proxy_only: listens on loopback only; needs a proxy */
    struct sotto_rng *rng;                      /* of the user names and passwords for the proxy; NULL without one; outlives the object */
    unsigned accept_max;                        /* accepted sockets at once; a further one is closed unseen */
    unsigned conn_max;                          /* all sockets at once, dialled ones included; a further dial gives CLOSED */
    size_t queue_max;                           /* bytes waiting on one connection; past it the connection is closed (CLOSED) */
    void *ctx;
    uint32_t (*next_conn)(void *ctx);           /* the number of an accepted connection (sotto_host_next_conn) */
    /* in->addr is set for OPENED and ACCEPTED; in->bytes is borrowed for the call. May call perform, listen and free. */
    void (*input)(void *ctx, const struct sotto_in *in, struct sotto_now now);
};

SOTTO_MUST_USE enum sotto_err sotto_io_net_new(struct sotto_io_net **out, const struct sotto_io_net_config *config);
/* Listens on one more address; port 0 = any free one. bound (may be NULL) gets the address with the real port. An IPv6 socket
 * takes IPv6 only. With local or proxy_only, an address that is not loopback is refused (ERR_RANGE). At most 8 in all (ERR_FULL).
 * ERR_IN_USE (the port is taken), ERR_IO (no such address on this machine, no right, no IPv6), ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_io_net_listen(struct sotto_io_net *net, struct sotto_addr *bound, const struct sotto_addr *addr);
/* Performs DIAL, SEND, CLOSE, PAUSE and RESUME and returns true; the bytes of a SEND are taken out of the slot, not copied.
 * Returns false for every other kind: not ours, untouched. */
bool sotto_io_net_perform(struct sotto_io_net *net, struct sotto_out *out);
unsigned sotto_io_net_conns(const struct sotto_io_net *net);             /* sockets open, opening or closing */
void sotto_io_net_unlisten(struct sotto_io_net *net);                    /* takes no more; open connections stay */
/* Closes everything at once. NULL is fine. */
void sotto_io_net_free(struct sotto_io_net *net);

struct sotto_addr sotto_io_addr_v6(const uint8_t ip[16], uint16_t port);          /* a v4-mapped one becomes 4 */
/* A literal address, "0.0.0.0", "::", "127.0.0.1", "[::1]"; a v4-mapped one becomes 4. port is kept apart. ERR_FORMAT. */
SOTTO_MUST_USE enum sotto_err sotto_io_addr(struct sotto_addr *out, const char *text, uint16_t port);

#endif
