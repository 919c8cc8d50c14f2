/* The sparse Merkle tree of the registry (ledger.md 4.3) and its proofs (13.2).
 *
 *     key      the 160 bits of an ID, most significant first
 *     empty    32 zero bytes
 *     one key  TH("sotto/smt/leaf", id || value), at whatever depth; value = TH("sotto/smt/value", record)
 *     more     TH("sotto/smt/node", left || right), one side may be empty
 *
 * So the root depends on the set of pairs alone, never on the way it came about: taking a change back gives the old root.
 *
 * In memory stand only the places where two keys part (one less than there are keys), each with the hash that its parent sees, and the
 * leaves: below 100 bytes an identity, records not included. A run of one-sided nodes above such a place is hashed again when it is needed.
 *
 * Threads: one writer; const calls may run side by side. Source: none but memory, which is bounded when the tree is made. */
#ifndef SOTTO_LEDGER_SMT_H
#define SOTTO_LEDGER_SMT_H

#include "crypto/curve.h"

#define SOTTO_SMT_DEPTH 160u
#define SOTTO_SMT_RECORD_MAX 1024u                /* bytes of a record in a proof */

/* What a change makes of one ID. A batch is an array of them in strictly rising order of the IDs. */
struct sotto_smt_change {
    struct sotto_id id;
    bool gone;                                    /* else present, with this value */
    uint8_t value[32];
};

void sotto_smt_value(uint8_t out[32], struct sotto_span record);
void sotto_smt_leaf(uint8_t out[32], const struct sotto_id *id, const uint8_t value[32]);

struct sotto_smt;
/* ids_max: IDs at one time, 1 to 2^30. ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_smt_new(struct sotto_smt **out, uint32_t ids_max);
void sotto_smt_free(struct sotto_smt *t);
uint32_t sotto_smt_count(const struct sotto_smt *t);
size_t sotto_smt_bytes(const struct sotto_smt *t);                        /* memory held */
void sotto_smt_root(uint8_t out[32], const struct sotto_smt *t);
bool sotto_smt_get(const struct sotto_smt *t, uint8_t value[32], const struct sotto_id *id);      /* false: absent, value untouched */

/* The whole batch or nothing: ERR_FULL, ERR_NOMEM. before (count entries, or NULL) becomes the batch that takes it back. */
SOTTO_MUST_USE enum sotto_err sotto_smt_apply(struct sotto_smt *t, struct sotto_smt_change *before, const struct sotto_smt_change *changes, size_t count);
/* The root that a batch would give, without the batch: for a block that may never be taken. */
void sotto_smt_root_after(uint8_t out[32], const struct sotto_smt *t, const struct sotto_smt_change *changes, size_t count);

/* Appends the proof that id is present with this record, or absent (record is then not looked at). ERR_DAMAGED: present, but with another
 * record. ERR_FULL, ERR_NOMEM. */
#define SOTTO_SMT_PROOF_MAX (2u + SOTTO_SMT_DEPTH / 8 + 32 * SOTTO_SMT_DEPTH + 3 + SOTTO_SMT_RECORD_MAX)       /* bytes */
SOTTO_MUST_USE enum sotto_err sotto_smt_prove(const struct sotto_smt *t, struct sotto_buf *out, const struct sotto_id *id, struct sotto_span record);

/* What a proof says; needs no tree. SOTTO_E_SHORT, E_COMPACT, E_LIMIT, E_TRAILING, SOTTO_P_FORM, SOTTO_P_ROOT.
 * Out  record  borrowed from proof: what is present; empty when absent. */
struct sotto_smt_answer { bool present; struct sotto_span record; };
SOTTO_MUST_USE enum sotto_err sotto_smt_check(struct sotto_smt_answer *out, const uint8_t root[32], const struct sotto_id *id, struct sotto_span proof);

#endif
