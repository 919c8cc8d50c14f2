/* Bulk from one end to another over loopback TCP, each end a thread with a loop of its own: pieces of 16 KiB on channel 2 of a link, or the same
 * bytes through TLS 1.3. Internal to bench_link. */
#ifndef SOTTO_BENCH_LINK_BULK_H
#define SOTTO_BENCH_LINK_BULK_H

#include "base/bytes.h"

enum bulk_way {
    BULK_LINK,                                    /* host, frames and MACs of RLPx, Snappy literal, cells: as a node does it */
    BULK_CELLS,                                   /* cells alone, one behind the other */
    BULK_TLS,                                     /* TLS_AES_256_GCM_SHA384 by OpenSSL, records of one piece, blocking sockets */
    BULK_WAYS
};

struct bulk {
    double rate;                                  /* bytes per second of processor time of the end that takes more of it: both have a core */
    double send_us, receive_us;                   /* processor time of each end for a MiB */
    double clock_rate;                            /* bytes per second by the clock: only as good as the machine is idle */
};

void bulk_body(struct sotto_buf *out);            /* the message that carries a piece: a BLOB; the caller frees it */
/* One connection, its handshake not counted. */
struct bulk bulk_run(enum bulk_way way, size_t bytes);

#endif
