/* The client's side of SOCKS5 (RFC 1928) with user and password (RFC 1929): what is said to a proxy before the connection is the peer's.
 *
 *     begin -> greeting;  data -> sub-negotiation, request, ...  until OK: from then on all bytes are the peer's
 *
 * Pure: bytes in, bytes out. The proxy is a stranger like any other: whatever it says is checked. A name is handed to the proxy as it
 * is and never resolved here. Threads: one owner. */
#ifndef SOTTO_P2P_SOCKS5_H
#define SOTTO_P2P_SOCKS5_H

#include "base/step.h"

#define SOTTO_SOCKS5_SECRET 32u                       /* characters of a user name and of a password: a stream of its own (network.md 1) */
#define SOTTO_SOCKS5_NAME_MAX 255u
#define SOTTO_SOCKS5_SAY_MAX (4u + 1u + SOTTO_SOCKS5_NAME_MAX + 2u)      /* the longest thing we say at once */
#define SOTTO_SOCKS5_REPLY_MAX (4u + 1u + 255u + 2u)

enum sotto_socks5_state { SOTTO_SOCKS5_METHOD, SOTTO_SOCKS5_AUTH, SOTTO_SOCKS5_REPLY, SOTTO_SOCKS5_OPEN, SOTTO_SOCKS5_FAILED };

struct sotto_socks5 {
    enum sotto_socks5_state state;
    struct sotto_addr addr;                           /* family 0: name is the target; port in either case */
    char name[SOTTO_SOCKS5_NAME_MAX + 1];
    char user[SOTTO_SOCKS5_SECRET + 1], password[SOTTO_SOCKS5_SECRET + 1];
    uint8_t reply;                                    /* FAILED: the proxy's REP code, 0 = it was not that */
    uint8_t in[SOTTO_SOCKS5_REPLY_MAX];
    size_t in_size, need;
};

/* Bytes to send; empty: none. */
struct sotto_socks5_say { uint8_t b[SOTTO_SOCKS5_SAY_MAX]; size_t size; };

/* addr with a family, or name with a port in addr. user and password are drawn from rng. ERR_RANGE: neither address nor name, port 0, a
 * name that is too long or has other than printable ASCII characters. */
SOTTO_MUST_USE enum sotto_err sotto_socks5_begin(struct sotto_socks5 *s, struct sotto_socks5_say *say, const struct sotto_addr *addr, const char *name,
                                                 struct sotto_rng *rng);
/* Bytes of the proxy, in any pieces. *used: how many of them were the proxy's. OK: open, what is behind *used is the peer's. ERR_AGAIN: more
 * is needed; say first. ERR_PROXY: it refuses or does not speak SOCKS5; the connection is of no use. Not to be called after OK or ERR_PROXY. */
SOTTO_MUST_USE enum sotto_err sotto_socks5_data(struct sotto_socks5 *s, size_t *used, struct sotto_socks5_say *say, struct sotto_span bytes);
void sotto_socks5_end(struct sotto_socks5 *s);        /* wipes the password */

#endif
