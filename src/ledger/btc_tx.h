/* Transactions of Bitcoin, in the old form and in the one with witnesses. For the public test files and the lab: nothing of this is ever on
 * a wire or in a block of ours, and no program of ours links it (library sotto_ledger_bitcoin).
 *
 *     version i32 | [00 01] | cs inputs: txid 32, index u32, var script, sequence u32 | cs outputs: value i64, var script
 *     | [per input: cs items: var] | lock u32                         what stands in brackets only if there are witnesses
 *
 * Memory as in ledger/tx.h: spans into the bytes that were read, lists in the caller's arena. Threads: plain values. */
#ifndef SOTTO_LEDGER_BTC_TX_H
#define SOTTO_LEDGER_BTC_TX_H

#include "ledger/tx.h"

#define SOTTO_BTC_TX_SIZE_MAX 4000000u                                /* bytes */
#define SOTTO_BTC_ARENA(size) (18u * (size) + 1024u)                  /* bytes: takes the lists of any transaction of so many bytes */

struct sotto_btc_in {
    struct sotto_outpoint from;
    struct sotto_span script;
    uint32_t sequence;
    struct sotto_span *witness;                                       /* items of its stack, bottom first */
    uint32_t witness_count;
};
struct sotto_btc_out { uint64_t value; struct sotto_span script; };   /* any 64 bits: -1 in signature hashes, nonsense in test files */
struct sotto_btc_tx {
    uint32_t version, lock;                                           /* version: the bits of an i32 */
    uint32_t in_count, out_count;
    struct sotto_btc_in *ins;
    struct sotto_btc_out *outs;
};

/* Bytes that begin as one with witnesses but are none are tried in the old form. E_SHORT, E_COMPACT, E_TRAILING; E_LIMIT above
 * SOTTO_BTC_TX_SIZE_MAX; T_EXT for a witness flag that is unknown or for witnesses that are all empty; ERR_FULL when the arena is. */
SOTTO_MUST_USE enum sotto_err sotto_btc_tx_decode(struct sotto_btc_tx *out, struct sotto_tx_arena *arena, struct sotto_span bytes);
bool sotto_btc_has_witness(const struct sotto_btc_tx *tx);
/* Appends; with_witness: the form with witnesses, if there are any. */
SOTTO_MUST_USE enum sotto_err sotto_btc_tx_encode(struct sotto_buf *out, const struct sotto_btc_tx *tx, bool with_witness);
/* Double SHA-256 of the old form, in the order of the digest; people see it reversed. ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_btc_txid(uint8_t out[32], const struct sotto_btc_tx *tx);
/* For the eye: 64 digits of the bytes from last to first, and a final zero. */
void sotto_btc_hash_text(char out[65], const uint8_t hash[32]);

#endif
