/* Proofs for who holds no chain (ledger.md 13). Each leads from what is claimed to a header; that the header is one of the chain is for its
 * engine to say: work from a checkpoint, a seal of the validators, a header of another engine.
 *
 *     transaction   header 224 || count u32 || index u32 || txid 32 || wtxid 32 || cs n || n x path 32
 *     content       the same, then the full transaction: a digest or a post is found in it
 *     state         header of height h+1 || block id of h 64 || results, registry, params, coins, snap 160
 *     registry      state, then a proof of the registry tree (ledger/smt.h)
 *     chunk         index, count and path against the snap root of a state
 *
 * Checking needs no memory but the caller's and no state. Everything in a proof may be what an attacker likes.
 * Errors: E_ of bytes that do not decode, H_ of a header that is none, P_INDEX, P_PATH, P_FORM, P_ROOT. Threads: pure functions. */
#ifndef SOTTO_LEDGER_PROOF_H
#define SOTTO_LEDGER_PROOF_H

#include "ledger/block.h"
#include "ledger/op.h"
#include "ledger/registry.h"
#include "ledger/roots.h"
#include "ledger/smt.h"

#define SOTTO_TX_PROOF_MAX (SOTTO_HEADER_SIZE + 4 + 4 + 32 + 32 + 1 + 32 * 32)       /* bytes */
#define SOTTO_CONTENT_PROOF_MAX (SOTTO_TX_PROOF_MAX + SOTTO_TX_SIZE_MAX)
#define SOTTO_STATE_PROOF (SOTTO_HEADER_SIZE + SOTTO_BLOCK_ID + SOTTO_STATE_PARTS)
#define SOTTO_REGISTRY_PROOF_MAX (SOTTO_STATE_PROOF + SOTTO_SMT_PROOF_MAX)

/* ---- a transaction is in a block ---- */

struct sotto_tx_proof { struct sotto_header header; struct sotto_block_id block; uint32_t count, index; uint8_t txid[32], wtxid[32]; };
/* Appends; index < block->count. ERR_FULL, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_tx_prove(struct sotto_buf *out, const struct sotto_block *block, uint32_t index);
SOTTO_MUST_USE enum sotto_err sotto_tx_proof_check(struct sotto_tx_proof *out, struct sotto_span proof);

/* With the transaction itself: *tx lies in proof and arena. P_ROOT also when it is not the one of the proof. */
SOTTO_MUST_USE enum sotto_err sotto_content_prove(struct sotto_buf *out, const struct sotto_block *block, uint32_t index);
SOTTO_MUST_USE enum sotto_err sotto_content_check(struct sotto_tx_proof *out, struct sotto_tx *tx, struct sotto_tx_arena *arena, struct sotto_span proof);
/* The operation that holds this digest: op becomes its place in tx, *digest what it says. ERR_MISSING. */
SOTTO_MUST_USE enum sotto_err sotto_find_digest(uint32_t *op, struct sotto_op_digest *digest, const struct sotto_tx *tx, const uint8_t d[32]);
/* Digests side by side under one root: of a signed DIGEST, of a batch whose root was put on the chain as a digest of kind 4. */
void sotto_digests_root(uint8_t out[32], struct sotto_span digests);
SOTTO_MUST_USE enum sotto_err sotto_batch_check(const uint8_t root[32], const uint8_t d[32], uint32_t count, uint32_t index, struct sotto_span path);

/* ---- what the state is ---- */

/* next: the header that commits to it; the state is that of its parent, of height next.height - 1. */
struct sotto_state_proof { struct sotto_header next; struct sotto_block_id block; struct sotto_state_parts parts; };
/* Appends. ERR_FULL, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_state_prove(struct sotto_buf *out, const struct sotto_header *next, const struct sotto_state_parts *parts);
SOTTO_MUST_USE enum sotto_err sotto_state_check(struct sotto_state_proof *out, struct sotto_span proof);

/* What the registry says of an ID: a record, or that there is none. */
struct sotto_registry_answer { struct sotto_state_proof state; bool present; struct sotto_reg_record record; };
SOTTO_MUST_USE enum sotto_err sotto_registry_prove(struct sotto_buf *out, const struct sotto_header *next, const struct sotto_state_parts *parts,
                                                   const struct sotto_smt *tree, const struct sotto_id *id, struct sotto_span record);
SOTTO_MUST_USE enum sotto_err sotto_registry_check(struct sotto_registry_answer *out, const struct sotto_id *id, struct sotto_span proof);

/* One chunk of a snapshot of count chunks. */
SOTTO_MUST_USE enum sotto_err sotto_chunk_check(const uint8_t snap_root[32], struct sotto_span chunk, uint32_t count, uint32_t index, struct sotto_span path);

#endif
