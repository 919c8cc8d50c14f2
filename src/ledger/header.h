/* The header of a block: 224 bytes, and the rules that need no more than a few ancestors (ledger.md 4.1, 6).
 *
 * Its SHA-512 is the id of the block and the proof of work; ids are shown in the order of their bytes. Times are milliseconds.
 * Threads: pure functions. */
#ifndef SOTTO_LEDGER_HEADER_H
#define SOTTO_LEDGER_HEADER_H

#include "base/bytes.h"

#define SOTTO_HEADER_SIZE 224u
#define SOTTO_BLOCK_ID 64u
#define SOTTO_MEDIAN_SPAN 11u                     /* ancestors whose times count */
#define SOTTO_TIME_BACK_MS 60000u                 /* a block may be dated this much before its parent */
#define SOTTO_TIME_AHEAD_MS 120000u               /* and this much after our clock */

enum sotto_engine { SOTTO_ENGINE_POW, SOTTO_ENGINE_PBFT, SOTTO_ENGINE_COMETBFT, SOTTO_ENGINES };

struct sotto_block_id { uint8_t b[SOTTO_BLOCK_ID]; };

struct sotto_header {
    uint32_t version, height;                     /* 1; the parent's + 1 */
    struct sotto_block_id prev;
    uint8_t tx_root[32], state_root[32];          /* state after the parent */
    uint8_t engine_root[32], spare_root[32];
    uint64_t time_ms;
    uint32_t bits, flags;                         /* flags: the engine */
    uint64_t nonce;
};

void sotto_header_put(uint8_t out[SOTTO_HEADER_SIZE], const struct sotto_header *h);
/* SOTTO_H_SIZE; SOTTO_H_FIELD for a version, flags, spare field, bits or nonce that no header has. */
SOTTO_MUST_USE enum sotto_err sotto_header_take(struct sotto_header *out, struct sotto_span bytes);
void sotto_header_id(struct sotto_block_id *out, const struct sotto_header *h);
void sotto_header_id_of(struct sotto_block_id *out, const uint8_t header[SOTTO_HEADER_SIZE]);
/* engine_root of this engine section. */
void sotto_engine_root(uint8_t out[32], struct sotto_span section);

static inline bool sotto_block_id_equal(const struct sotto_block_id *a, const struct sotto_block_id *b) { return memcmp(a->b, b->b, sizeof a->b) == 0; }

/* The median of the times of the last ancestors, in any order; 1 <= count <= SOTTO_MEDIAN_SPAN. */
uint64_t sotto_median_time(const uint64_t *times_ms, size_t count);
static inline uint64_t sotto_now_s(uint64_t median_ms) { return median_ms / 1000; }       /* NOW of every rule about times */

/* What a header is held against. */
struct sotto_chain_rule {
    enum sotto_engine engine;
    uint32_t bits;                                /* pow: that its block must have */
    uint64_t median_ms;                           /* of the parent and those before it */
    uint64_t clock_ms;                            /* ours; UINT64_MAX: no question */
};
/* Is h a child of parent? In this order: SOTTO_H_PARENT, SOTTO_H_FIELD (height, engine), SOTTO_H_TIME_OLD, SOTTO_H_TIME_BACK,
 * SOTTO_H_TIME_NEW (may be asked again later), and under pow SOTTO_W_BITS, SOTTO_W_WORK. */
SOTTO_MUST_USE enum sotto_err sotto_header_follows(const struct sotto_header *h, const struct sotto_header *parent, const struct sotto_chain_rule *rule);

#endif
