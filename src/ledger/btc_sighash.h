/* What signatures of Bitcoin sign: the original hash and the one of BIP-143 (ledger.md 2.3). For tests and the lab, as ledger/btc_tx.h.
 *
 * Threads: pure functions; a prepared struct sotto_btc_v0 is only read. */
#ifndef SOTTO_LEDGER_BTC_SIGHASH_H
#define SOTTO_LEDGER_BTC_SIGHASH_H

#include "ledger/btc_tx.h"

/* Types: the low five bits are 2 NONE, 3 SINGLE, anything else ALL; 0x80 ANYONECANPAY. All 32 bits are hashed. */

/* Appends script without every pattern that stands at the beginning of a word: what the original hash does with the signature that is
 * checked. An empty pattern stands nowhere. */
SOTTO_MUST_USE enum sotto_err sotto_btc_find_and_delete(struct sotto_buf *out, struct sotto_span script, struct sotto_span pattern);

/* The original hash; script is the script code after the above, OP_CODESEPARATOR is left out here. An index without an input, or SINGLE
 * without an output of that index, gives 01 00 .. 00. */
void sotto_btc_sighash(uint8_t out[32], const struct sotto_btc_tx *tx, uint32_t index, struct sotto_span script, uint32_t type);

/* BIP-143, for witnesses of version 0: three hashes are made once for all inputs. */
struct sotto_btc_v0 { const struct sotto_btc_tx *tx; uint8_t prevouts[32], sequences[32], outputs[32]; };
void sotto_btc_v0_init(struct sotto_btc_v0 *v, const struct sotto_btc_tx *tx);            /* tx stays while v is used */
/* index < in_count; script: the script code as it is; value: of the coin that is spent. */
void sotto_btc_v0_digest(const struct sotto_btc_v0 *v, uint8_t out[32], uint32_t index, struct sotto_span script, uint64_t value, uint32_t type);

#endif
