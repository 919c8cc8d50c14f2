/* What a signature of an input signs (ledger.md 2.4): the chain, the transaction, the coins that it spends.
 *
 *     struct sotto_sighash s;
 *     sotto_sighash_init(&s, genesis_id, &tx, spent);          the five inner hashes, once for all inputs
 *     sotto_sighash_digest(&s, digest, index, type);           each signature: a fixed number of bytes and its own coin and output
 *
 * Nothing here is secret. Threads: after init it is only read, so several may use one. */
#ifndef SOTTO_LEDGER_SIGHASH_H
#define SOTTO_LEDGER_SIGHASH_H

#include "ledger/tx.h"

enum sotto_sighash_type { SOTTO_SIGHASH_ALL = 1, SOTTO_SIGHASH_NONE = 2, SOTTO_SIGHASH_SINGLE = 3, SOTTO_SIGHASH_ANYONECANPAY = 0x80 };

struct sotto_sighash {
    const struct sotto_tx *tx;                                        /* borrowed, as all below */
    const struct sotto_tx_out *spent;
    uint8_t genesis_id[64], prevouts[32], coins[32], sequences[32], outputs[32], ops[32];
};

/* spent: the coin of each input, in_count of them; only their value and script count. All must stay while s is used. */
void sotto_sighash_init(struct sotto_sighash *s, const uint8_t genesis_id[64], const struct sotto_tx *tx, const struct sotto_tx_out *spent);
/* One of 01, 02, 03, 81, 82, 83? */
bool sotto_sighash_type_good(uint8_t type);
/* index < in_count. S_HASHTYPE for another type, S_SINGLE when SINGLE finds no output of that index. */
SOTTO_MUST_USE enum sotto_err sotto_sighash_digest(const struct sotto_sighash *s, uint8_t out[32], uint32_t index, uint8_t type);

#endif
