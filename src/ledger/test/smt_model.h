/* The registry tree as its definition says it: a sorted list, and a recursion over the 160 bits. Slow; shares only the tagged hash. */
#ifndef SOTTO_LEDGER_TEST_SMT_MODEL_H
#define SOTTO_LEDGER_TEST_SMT_MODEL_H

#include "ledger/smt.h"

#define MODEL_MAX 2048u

struct model_entry { struct sotto_id id; uint8_t value[32]; };
struct model { struct model_entry at[MODEL_MAX]; size_t count; };

bool model_has(const struct model *m, const struct sotto_id *id);
void model_change(struct model *m, const struct sotto_smt_change *c);
void model_root(uint8_t out[32], const struct model *m);
/* The proof of 13.2 as the list gives it; record: of id, if it is present. Returns its size. */
size_t model_proof(uint8_t out[SOTTO_SMT_PROOF_MAX], const struct model *m, const struct sotto_id *id, struct sotto_span record);

#endif
