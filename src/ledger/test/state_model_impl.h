/* A block at work in the second implementation: state_model.c has the transactions, state_model_op.c what their operations do. */
#ifndef SOTTO_LEDGER_TEST_STATE_MODEL_IMPL_H
#define SOTTO_LEDGER_TEST_STATE_MODEL_IMPL_H

#include "state_model.h"

#include "ledger/op.h"

#define NEED(holds, refusal) do { if (!(holds)) return refusal; } while (0)

struct job {
    struct state_model *m;
    const struct model_state *parent;
    struct model_state now;                       /* as far as it was executed */
    uint32_t height;
    uint64_t now_s, header_ms, units, fees;
    bool strict;
    struct model_coin later[64];                  /* of operations: they come after the outputs */
    unsigned later_count;
};

struct model_coin model_pay_to(const uint8_t hash[20], uint64_t value);
/* The owner of a registered identity that is valid now made this signature. */
enum sotto_err model_signed_now(const struct job *j, const struct sotto_id *id, const struct sotto_sig65 *sig, const uint8_t digest[32]);
enum sotto_err model_op(struct job *j, const struct sotto_op *op);

#endif
