/* A transaction of the chain: its bytes, its two names, and what can be said of it without knowing any other (ledger.md 2.1).
 *
 *     core:    version u32 | cs inputs: txid 32, index u32, sequence u32 | cs outputs: value u64, var script
 *              | cs operations: type u8, var body | lock u32 | expiry u32
 *     witness: per input var unlocking script | cs extensions: type u8, var value
 *
 * txid names the core, so nobody can change it on the way; wtxid names all of it.
 *
 * Memory. A decoded transaction owns nothing: scripts and bodies are spans into the bytes it was read from, and the lists stand in an arena
 * that the caller gives (and may use for many). Both must stay as long as it is used. One made by hand points to lists of its maker.
 * Threads: plain values. */
#ifndef SOTTO_LEDGER_TX_H
#define SOTTO_LEDGER_TX_H

#include "crypto/curve.h"
#include "ledger/amount.h"
#include "ledger/script_op.h"

#define SOTTO_TX_VERSION 1u
#define SOTTO_TX_SIZE_MAX 100000u                                     /* bytes of core and witness together */
#define SOTTO_TX_INPUTS_MAX 1000u
#define SOTTO_TX_OUTPUTS_MAX 1000u
#define SOTTO_TX_OPS_MAX 64u
#define SOTTO_TX_EXTENSIONS_MAX 4u
#define SOTTO_OP_BODY_MAX 9000u
#define SOTTO_DATA_SCRIPT_MAX 2052u                                   /* bytes of one data output's script */
#define SOTTO_DATA_ALL_MAX 8192u                                      /* ... and of all of a transaction together */
#define SOTTO_SEQUENCE_FINAL 0xffffffffu
#define SOTTO_INDEX_COINBASE 0xffffffffu

struct sotto_outpoint { uint8_t txid[32]; uint32_t index; };
struct sotto_tx_in { struct sotto_outpoint from; uint32_t sequence; struct sotto_span unlock; };
struct sotto_tx_out { struct sotto_amount value; struct sotto_span script; };      /* also a coin that is spent */
struct sotto_tx_op { uint8_t type; struct sotto_span body; };         /* what is in the body: ledger/op.h */
struct sotto_stamp { uint32_t ref_height; uint64_t nonce; };          /* ledger/stamp.h */
struct sotto_authority { struct sotto_id id; struct sotto_sig65 sig; };            /* over Authorize{id, txid}, ledger/signed.h */

struct sotto_tx {
    uint32_t in_count, out_count, op_count;
    uint32_t lock, expiry;
    struct sotto_tx_in *ins;
    struct sotto_tx_out *outs;
    struct sotto_tx_op *ops;
    bool has_stamp, has_authority;
    struct sotto_stamp stamp;
    struct sotto_authority authority;
    struct sotto_span full;                                           /* what it was read from; empty for one made by hand */
    size_t core_size;                                                 /* so many bytes of full are the core */
};

/* Room for the lists of decoded transactions, given out from the front. */
struct sotto_tx_arena { uint8_t *data; size_t size, used; };          /* data aligned for any type; used = 0 gives all of it back */
#define SOTTO_TX_ARENA_MAX 92160u                                     /* bytes: takes the lists of any one transaction */
/* Aligned for any type; NULL for size 0. ERR_FULL. */
SOTTO_MUST_USE enum sotto_err sotto_tx_arena_take(void **out, struct sotto_tx_arena *arena, size_t size);

/* Any bytes. Everything of them is checked in the order of the bytes, T_SIZE before all: E_SHORT, E_COMPACT, E_LIMIT, T_VERSION, T_VALUE,
 * T_EXT, E_TRAILING; then sotto_tx_check. ERR_FULL when the arena has no room; it is as before after every error. */
SOTTO_MUST_USE enum sotto_err sotto_tx_decode(struct sotto_tx *out, struct sotto_tx_arena *arena, struct sotto_span full);
/* The same for one that others follow: takes it from the front of r, which is as before after every error. T_SIZE comes when it was read. */
SOTTO_MUST_USE enum sotto_err sotto_tx_take(struct sotto_tx *out, struct sotto_tx_arena *arena, struct sotto_reader *r);
/* The rules inside one transaction: T_EMPTY, T_DUP_INPUT, T_VALUE (sum of the outputs), T_DATA, T_DATA_VALUE. */
SOTTO_MUST_USE enum sotto_err sotto_tx_check(const struct sotto_tx *tx);

/* Appends core and witness; *core_size (may be NULL) = how much of it is the core. Counts and lengths are those of the limits above (broken
 * rule otherwise). T_SIZE; nothing is appended then. */
SOTTO_MUST_USE enum sotto_err sotto_tx_encode(struct sotto_buf *out, size_t *core_size, const struct sotto_tx *tx);

/* The names, of decoded bytes: sotto_txid(id, sotto_tx_core(&tx)), sotto_wtxid(id, tx.full). */
static inline struct sotto_span sotto_tx_core(const struct sotto_tx *tx) { return sotto_span_cut(tx->full, 0, tx->core_size); }
void sotto_txid(uint8_t out[32], struct sotto_span core);
void sotto_wtxid(uint8_t out[32], struct sotto_span full);

static inline bool sotto_outpoint_equal(const struct sotto_outpoint *a, const struct sotto_outpoint *b)
{
    return a->index == b->index && memcmp(a->txid, b->txid, 32) == 0;
}
/* An output that holds data: never a coin. */
static inline bool sotto_is_data(struct sotto_span script) { return script.size > 0 && script.data[0] == 0x6a; }
/* It makes new coins: one input, from nowhere. The form only; the rest is sotto_coinbase_check of ledger/rules.h. */
bool sotto_tx_is_coinbase(const struct sotto_tx *tx);

#endif
