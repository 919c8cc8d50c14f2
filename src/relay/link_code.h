/* The records of a link and their codes (network.md 2): which channel a code travels on, and the heads of the records in one cell.
 *
 *     plain text = records, then a byte ff and zeros, unless records fill it to the last byte
 *     record     = code(1) || flags(1) || length(2, not 0) || body
 *     flags        80 more fragments follow · 40 first fragment (a whole record: 40) · low 2 bits channel
 *
 * Threads: plain values and pure functions. */
#ifndef SOTTO_RELAY_LINK_CODE_H
#define SOTTO_RELAY_LINK_CODE_H

#include "base/bytes.h"

enum sotto_rl_class { SOTTO_RL_S, SOTTO_RL_L };                   /* of a cell */
#define SOTTO_RL_PLAIN_S 240u                     /* plain text of a cell */
#define SOTTO_RL_PLAIN_L 1136u
#define SOTTO_RL_TAG 16u
#define SOTTO_RL_CELL_S (SOTTO_RL_PLAIN_S + SOTTO_RL_TAG)         /* 256 */
#define SOTTO_RL_CELL_L (SOTTO_RL_PLAIN_L + SOTTO_RL_TAG)         /* 1152 */
static inline size_t sotto_rl_plain(enum sotto_rl_class c) { return c == SOTTO_RL_L ? SOTTO_RL_PLAIN_L : SOTTO_RL_PLAIN_S; }

#define SOTTO_RL_CHANNELS 4u                      /* 0 control, 1 relay, 2 sync, 3 media and votes */
#define SOTTO_RL_HEAD 4u
#define SOTTO_RL_END_MARK 0xffu

enum sotto_rl_code {
    SOTTO_RL_STATUS = 0x00, SOTTO_RL_CELL = 0x01,                  /* bare: the only two that RLPx shows */
    SOTTO_RL_READY = 0x02, SOTTO_RL_WINDOW, SOTTO_RL_ACK, SOTTO_RL_UPDATE, SOTTO_RL_NOTICE, SOTTO_RL_PING, SOTTO_RL_PONG, SOTTO_RL_PEERS_GET,
    SOTTO_RL_PEERS, SOTTO_RL_DIAL_ME, SOTTO_RL_DIALLED, SOTTO_RL_PATH,
    SOTTO_RL_ENV = 0x10, SOTTO_RL_INV, SOTTO_RL_GET, SOTTO_RL_MISS, SOTTO_RL_STEM_ENV, SOTTO_RL_FLOOR = 0x16, SOTTO_RL_BLOOM, SOTTO_RL_FEED,
    SOTTO_RL_STEM_TX = 0x1a,
    SOTTO_RL_LEDGER_FIRST = 0x20, SOTTO_RL_LEDGER_LAST = 0x33, SOTTO_RL_CONSENSUS_FIRST = 0x40, SOTTO_RL_CONSENSUS_LAST = 0x4d,
    SOTTO_RL_INFO_GET = 0x50, SOTTO_RL_INFO, SOTTO_RL_EPOCHS_GET, SOTTO_RL_EPOCHS, SOTTO_RL_INDEX_GET, SOTTO_RL_INDEX, SOTTO_RL_BUCKET_GET,
    SOTTO_RL_BUCKET, SOTTO_RL_END, SOTTO_RL_BLOB_PUT, SOTTO_RL_BLOB_OK, SOTTO_RL_BLOB_GET, SOTTO_RL_BLOB, SOTTO_RL_KEEP, SOTTO_RL_KEPT, SOTTO_RL_RING,
    SOTTO_RL_CREATE = 0x60, SOTTO_RL_CREATED, SOTTO_RL_CCELL, SOTTO_RL_DESTROY, SOTTO_RL_OVERLAY, SOTTO_RL_BCELL
};

/* The channel of a code, or that it is ignored on any channel (it counts for order and credit all the same), or refused. */
enum { SOTTO_RL_IGNORED = 4, SOTTO_RL_REFUSED = 5 };
unsigned sotto_rl_channel(uint8_t code);

#define SOTTO_RL_MORE 0x80u
#define SOTTO_RL_FIRST 0x40u
struct sotto_rl_record {
    uint8_t code, channel;
    bool first, more;
    struct sotto_span body;                       /* borrowed from the plain text */
};

/* Goes through the heads of one plain text from the left. */
struct sotto_rl_heads { struct sotto_span plain; size_t at; };
static inline struct sotto_rl_heads sotto_rl_heads(struct sotto_span plain) { return (struct sotto_rl_heads){ plain, 0 }; }
/* The next record. ERR_MISSING: there is none, and what is left is an end mark and zeros, or nothing. ERR_CELL_PADDING, ERR_RECORD_CODE,
 * ERR_RECORD_OVERRUN, ERR_RECORD_FLAGS, ERR_RECORD_CHANNEL, ERR_RECORD_EMPTY. */
SOTTO_MUST_USE enum sotto_err sotto_rl_next(struct sotto_rl_heads *h, struct sotto_rl_record *out);

#endif
