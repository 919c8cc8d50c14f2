/* Bodies of records (network.md 2 [record]): what each code carries, checked completely before anybody looks at it.
 *
 * Bodies are RLP, or fixed rows of bytes where the table says so. What belongs to the ledger, to consensus and to the ring of stores is
 * checked here for strict RLP alone; those rooms read it. Threads: pure functions. */
#ifndef SOTTO_RELAY_LINK_BODY_H
#define SOTTO_RELAY_LINK_BODY_H

#include "relay/link_code.h"
#include "relay/link_status.h"
#include "whisper/envelope.h"
#include "wire/rlp.h"

#define SOTTO_RL_ID 16u                           /* name of an envelope: the first bytes of its hash */
#define SOTTO_RL_IDS_MAX 64u                      /* in one INV, GET or MISS */
#define SOTTO_RL_PEERS_MAX 16u
#define SOTTO_RL_ENR_MAX 300u
#define SOTTO_RL_EPOCHS_LIST_MAX 336u
#define SOTTO_RL_TOPICS_MAX 16384u
#define SOTTO_RL_PAGE_MAX 64u                     /* envelopes in one BUCKET or KEPT */
#define SOTTO_RL_BUCKET_BITS_MAX 24u
#define SOTTO_RL_PIECE 16384u
#define SOTTO_RL_TAGS_MAX 256u
#define SOTTO_RL_KEEP_DAYS_MAX 14u
#define SOTTO_RL_FLOOR_STEPS 32u                  /* ratings 0.2 x 2^k, k 0..32 */

enum sotto_rl_notice {                            /* others are ignored */
    SOTTO_RL_NOTICE_TIME = 1, SOTTO_RL_NOTICE_RATE, SOTTO_RL_NOTICE_RATING, SOTTO_RL_NOTICE_POOL, SOTTO_RL_NOTICE_AWAY, SOTTO_RL_NOTICE_BUSY,
    SOTTO_RL_NOTICE_QUOTA
};

/* Lists come as the span of their items, one after the other, each checked; spans are borrowed from the body. */
struct sotto_rl_list { uint32_t count; struct sotto_span items; };
struct sotto_rl_body {
    uint8_t code;
    union {
        struct { uint16_t roles; } ready;
        struct { uint8_t channel; uint64_t limit; } window;
        struct { uint64_t cells; } ack;
        struct { struct sotto_rl_options options; struct sotto_span list; } update;        /* only what is there counts */
        struct { uint8_t what; uint64_t arg; } notice;
        struct { uint8_t nonce[8]; } ping;                            /* PING, PONG */
        struct { uint8_t count; } peers_get;
        struct sotto_rl_list list;                                    /* PEERS (ENR lists), INV, GET, MISS (16 bytes each) */
        struct { uint16_t port; } dial_me;
        struct { bool ok; } dialled;
        struct { uint8_t id[8]; uint16_t port; } path;
        struct sotto_envelope envelope;                               /* ENV, STEM_ENV */
        struct { uint64_t bits; } floor;
        struct { uint8_t filter[64]; } bloom;
        struct { bool on; } feed;
        struct { uint32_t from, to; uint64_t seconds, page_max, bytes_left; } info;
        struct { uint32_t req, from, to; } epochs_get;
        struct { uint32_t req; struct sotto_rl_list epochs; } epochs;
        struct { uint32_t req, epoch; struct sotto_span cursor; } index_get;
        struct { uint32_t req, epoch; struct sotto_span next; struct sotto_rl_list topics; } index;       /* 4 bytes each */
        struct { uint32_t req, epoch, prefix; uint8_t bits; struct sotto_span cursor; } bucket_get;
        struct { uint32_t req, epoch, prefix; uint8_t bits; struct sotto_span next; struct sotto_rl_list envelopes; } bucket;
        struct { uint32_t req; uint8_t status; uint64_t total; } end;
        struct { uint32_t req; uint64_t seconds; uint8_t id[32]; struct sotto_span receipt, piece; } blob_put;
        struct { uint32_t req; uint64_t status; } blob_ok;
        struct { uint32_t req; uint64_t offset; uint8_t id[32]; } blob_get;
        struct { uint32_t req; uint64_t total; uint8_t id[32]; struct sotto_span piece; } blob;
        struct { uint32_t req; uint8_t days; struct sotto_rl_list tags; } keep;                            /* 16-byte strings, each with its head */
        struct { uint32_t req; struct sotto_rl_list envelopes; struct sotto_span next; } kept;
        struct { uint8_t cid[4], form, x[33]; } create;
        struct { uint8_t cid[4], y[33], auth[16], bf[4], bb[4]; } created;
        struct { uint8_t cid[4]; uint64_t reason; } destroy;
        struct { uint8_t cid[4]; uint32_t seq; struct sotto_span body; } ccell;                            /* CCELL, BCELL */
        struct { uint8_t tag[8], hops; uint32_t seq; struct sotto_span body; } overlay;
    };
};

/* ERR_RLP: not strict RLP, or bytes behind it. ERR_BODY: not what the code carries. Codes that are ignored or refused: ERR_RECORD_CODE. */
SOTTO_MUST_USE enum sotto_err sotto_rl_body_read(struct sotto_rl_body *out, uint8_t code, struct sotto_span body);
bool sotto_rl_body_fixed(uint8_t code);           /* no RLP: a row of bytes */

/* Appends a body of integers, as most small records have it. ERR_FULL, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_rl_body_numbers(struct sotto_buf *out, const uint64_t *values, size_t count);

/* Of the larger ones of them, link_body_store.c. */
SOTTO_MUST_USE enum sotto_err sotto_rl_body_store(struct sotto_rl_body *out, struct sotto_rlp *list);

#endif
