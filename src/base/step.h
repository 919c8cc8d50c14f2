/* The shape of every network core (network.md 0): one input and the time go in, wishes come out in a queue. The same
 * object runs under libuv in the daemon and under the seeded world in sim/.
 *
 * Connections: the core numbers the ones it dials (DIAL carries a new conn), io numbers accepted ones; both draw from one
 * counter: io uses sotto_host_next_conn. A conn number is never reused in one run. After CLOSE or CLOSED nothing more is
 * said about it by either side. */
#ifndef SOTTO_BASE_STEP_H
#define SOTTO_BASE_STEP_H

#include "base/env.h"

struct sotto_addr {
    uint8_t ip[16];            /* network order; an IPv4 address in the first 4 bytes */
    uint16_t port;
    uint8_t family;            /* 4 or 6; 0 = none. v4-mapped IPv6 is always turned into 4 by io */
};
bool sotto_addr_equal(const struct sotto_addr *a, const struct sotto_addr *b);           /* port included */
bool sotto_addr_loopback(const struct sotto_addr *a);
void sotto_addr_text(char out[64], const struct sotto_addr *a);                          /* 127.0.0.1:30401, [::1]:30401 */

enum sotto_in_kind {
    SOTTO_IN_OPENED,           /* conn: our dial succeeded */
    SOTTO_IN_ACCEPTED,         /* conn, addr: somebody dialled us */
    SOTTO_IN_DATA,             /* conn, bytes */
    SOTTO_IN_SENT,             /* conn, token = bytes that left since the last report (write stall timer, queue bound) */
    SOTTO_IN_CLOSED,           /* conn: refused, reset, end of file, or a dial that failed */
    SOTTO_IN_TICK,             /* time passed; sent at or after every WAKE */
    SOTTO_IN_MINED             /* token: a worker found a nonce (value) or gave up (bytes empty, value 0) */
};
struct sotto_in {
    enum sotto_in_kind kind;
    uint32_t conn;
    struct sotto_addr addr;
    struct sotto_span bytes;
    uint64_t token, value;
};

enum sotto_out_kind {
    SOTTO_OUT_DIAL,            /* conn, addr */
    SOTTO_OUT_SEND,            /* conn, bytes */
    SOTTO_OUT_CLOSE,           /* conn; token = 1: after what was sent has left (at most 1 s), 0: at once */
    SOTTO_OUT_PAUSE,           /* conn: stop reading (TCP back-pressure) */
    SOTTO_OUT_RESUME,          /* conn */
    SOTTO_OUT_MINE,            /* token, bytes = what is hashed before the nonce, value = first nonce, bits = zero bits wanted */
    SOTTO_OUT_MINE_CANCEL,     /* token */
    SOTTO_OUT_DELIVER,         /* bytes = topic || data of a pooled envelope of native size (1028), value = its expiry */
    SOTTO_OUT_CELL_SENT,       /* token = cell id: the envelope left to a first hop; value = envelope expiry (s) */
    SOTTO_OUT_CELL_EXPIRED,    /* token = cell id: every copy we know of has expired */
    SOTTO_OUT_DIRECT,          /* bytes = the RLP of an envelope that a trusted Whisper peer sent to this node alone (code 127) */
    SOTTO_OUT_PEER             /* conn, value = 1 up, 0 down: a peer came or went (event node.peer) */
};
struct sotto_out {
    enum sotto_out_kind kind;
    uint32_t conn;
    struct sotto_addr addr;
    struct sotto_buf bytes;    /* owned by the queue */
    uint64_t token, value;
    uint32_t bits;
};

/* Bounded; add returns NULL when full or out of memory: the core then sheds by its own rule. */
struct sotto_outq { struct sotto_out *slots; uint32_t count, cap, max; };
struct sotto_outq sotto_outq_make(uint32_t max);
struct sotto_out *sotto_outq_add(struct sotto_outq *q, enum sotto_out_kind kind);       /* zeroed but for kind; bytes.max = 32 MiB */
void sotto_outq_clear(struct sotto_outq *q);                                             /* frees the buffers, keeps the slots */
void sotto_outq_free(struct sotto_outq *q);

#endif
