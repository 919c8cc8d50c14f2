/* A block as bytes: header, engine section, transactions (ledger.md 4.1).
 *
 *     header 224 || var engine section || cs(count) || transactions (full)
 *
 * A decoded block owns a list of its transactions and the memory of their lists; scripts and bodies lie in the bytes that were read, which
 * must stay. Threads: plain values. */
#ifndef SOTTO_LEDGER_BLOCK_H
#define SOTTO_LEDGER_BLOCK_H

#include "ledger/header.h"
#include "ledger/tx.h"

#define SOTTO_ENGINE_SECTION_MAX 65536u           /* bytes */
#define SOTTO_TX_SIZE_MIN 12u                     /* bytes: of none can there be more in so many */

struct sotto_block_tx { struct sotto_tx tx; uint8_t txid[32], wtxid[32]; };
struct sotto_block {
    struct sotto_header header;
    struct sotto_block_id id;
    struct sotto_span engine;                     /* empty under pow */
    struct sotto_block_tx *txs;
    uint32_t count;
    void *lists;                                  /* of the transactions */
};
void sotto_block_free(struct sotto_block *b);

/* Everything that can be said of a block alone, in the order of its bytes: B_SIZE above size_max; H_SIZE, H_FIELD; E_ and T_ errors of what
 * does not decode; E_TRAILING; B_DUP for a transaction that is there twice; B_ROOT when tx_root or engine_root do not fit. ERR_NOMEM.
 * In  size_max  bytes: params.max_block_bytes. */
SOTTO_MUST_USE enum sotto_err sotto_block_decode(struct sotto_block *out, struct sotto_span bytes, uint32_t size_max);
/* Appends. full: count transactions as they are. B_SIZE above size_max; ERR_FULL, ERR_NOMEM; nothing is appended then. */
SOTTO_MUST_USE enum sotto_err sotto_block_encode(struct sotto_buf *out, const struct sotto_header *header, struct sotto_span engine,
                                                 const struct sotto_span *full, uint32_t count, uint32_t size_max);
/* tx_root of a block with these transactions. */
void sotto_tx_root(uint8_t out[32], const struct sotto_block_tx *txs, uint32_t count);

#endif
