#include "ledger/codec.h"
#include "ledger/tx.h"

static enum sotto_err add_core(struct sotto_buf *out, const struct sotto_tx *tx)
{
    SOTTO_TRY(sotto_buf_add_le32(out, SOTTO_TX_VERSION));
    SOTTO_TRY(sotto_buf_add_compact(out, tx->in_count));
    for (uint32_t i = 0; i < tx->in_count; i++) {
        SOTTO_TRY(sotto_buf_add(out, tx->ins[i].from.txid, 32));
        SOTTO_TRY(sotto_buf_add_le32(out, tx->ins[i].from.index));
        SOTTO_TRY(sotto_buf_add_le32(out, tx->ins[i].sequence));
    }
    SOTTO_TRY(sotto_buf_add_compact(out, tx->out_count));
    for (uint32_t i = 0; i < tx->out_count; i++) {
        SOTTO_TRY(sotto_buf_add_le64(out, tx->outs[i].value.cong));
        SOTTO_TRY(sotto_buf_add_var(out, tx->outs[i].script));
    }
    SOTTO_TRY(sotto_buf_add_compact(out, tx->op_count));
    for (uint32_t i = 0; i < tx->op_count; i++) {
        SOTTO_TRY(sotto_buf_add_u8(out, tx->ops[i].type));
        SOTTO_TRY(sotto_buf_add_var(out, tx->ops[i].body));
    }
    SOTTO_TRY(sotto_buf_add_le32(out, tx->lock));
    return sotto_buf_add_le32(out, tx->expiry);
}

static enum sotto_err add_witness(struct sotto_buf *out, const struct sotto_tx *tx)
{
    for (uint32_t i = 0; i < tx->in_count; i++) SOTTO_TRY(sotto_buf_add_var(out, tx->ins[i].unlock));
    SOTTO_TRY(sotto_buf_add_compact(out, (uint64_t)tx->has_stamp + tx->has_authority));
    if (tx->has_stamp) {
        SOTTO_TRY(sotto_buf_add(out, "\1\14", 2));                    /* type, length */
        SOTTO_TRY(sotto_buf_add_le32(out, tx->stamp.ref_height));
        SOTTO_TRY(sotto_buf_add_le64(out, tx->stamp.nonce));
    }
    if (tx->has_authority) {
        SOTTO_TRY(sotto_buf_add(out, "\2\125", 2));
        SOTTO_TRY(sotto_buf_add(out, tx->authority.id.b, sizeof tx->authority.id.b));
        SOTTO_TRY(sotto_buf_add(out, tx->authority.sig.b, sizeof tx->authority.sig.b));
    }
    return SOTTO_OK;
}

static bool within_limits(const struct sotto_tx *tx)
{
    bool within = tx->in_count <= SOTTO_TX_INPUTS_MAX && tx->out_count <= SOTTO_TX_OUTPUTS_MAX && tx->op_count <= SOTTO_TX_OPS_MAX;
    for (uint32_t i = 0; within && i < tx->in_count; i++) within = tx->ins[i].unlock.size <= SOTTO_SCRIPT_MAX;
    for (uint32_t i = 0; within && i < tx->out_count; i++) within = tx->outs[i].script.size <= SOTTO_SCRIPT_MAX && tx->outs[i].value.cong <= SOTTO_MONEY_MAX;
    for (uint32_t i = 0; within && i < tx->op_count; i++) within = tx->ops[i].body.size <= SOTTO_OP_BODY_MAX;
    return within;
}

enum sotto_err sotto_tx_encode(struct sotto_buf *out, size_t *core_size, const struct sotto_tx *tx)
{
    SOTTO_ASSERT(within_limits(tx));
    struct sotto_buf whole = sotto_buf_make(SOTTO_TX_SIZE_MAX);
    size_t core = 0;
    enum sotto_err err = add_core(&whole, tx);
    if (err == SOTTO_OK) core = whole.size;
    if (err == SOTTO_OK) err = add_witness(&whole, tx);
    if (err == SOTTO_ERR_FULL) err = SOTTO_T_SIZE;                    /* the bound of whole is that of a transaction */
    if (err == SOTTO_OK) err = sotto_buf_add_span(out, sotto_buf_span(&whole));
    if (err == SOTTO_OK && core_size) *core_size = core;
    sotto_buf_free(&whole);
    return err;
}
