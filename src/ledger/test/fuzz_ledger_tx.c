/* Any bytes as a transaction of the chain. What is read is written back to the same bytes, its operations are too, its names and hashes can
 * be made; every refusal is one of the table, and leaves the arena as it was. */
#include "support/fuzz_input.h"

#include "ledger/errors.h"
#include "ledger/op.h"
#include "ledger/sighash.h"

static uint8_t arena_bytes[SOTTO_TX_ARENA_MAX] __attribute__((aligned(16)));

static void check_op(const struct sotto_tx_op *raw)
{
    struct sotto_op op;
    struct sotto_gov_change change;
    enum sotto_err err = sotto_op_read(&op, raw);
    SOTTO_ASSERT(err == SOTTO_OK || err == SOTTO_T_OP || err == SOTTO_T_OP_FORM || err == SOTTO_E_POINT);
    if (err != SOTTO_OK) return;
    struct sotto_buf b = sotto_buf_make(SOTTO_OP_BODY_MAX);
    SOTTO_ASSERT(op.type == raw->type && sotto_op_write(&b, &op) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&b), raw->body));
    sotto_buf_free(&b);
    if (op.type != SOTTO_OP_GOV) return;
    err = sotto_gov_read(&change, &op.gov);
    SOTTO_ASSERT(err == SOTTO_OK || err == SOTTO_T_OP_FORM || err == SOTTO_T_VALUE);
}

static void check_hashes(const struct sotto_tx *tx)
{
    static struct sotto_tx_out spent[SOTTO_TX_INPUTS_MAX];
    static const uint8_t genesis_id[64];
    uint8_t id[32], other[32], type = tx->full.data[tx->full.size - 1];
    struct sotto_sighash s;
    sotto_txid(id, sotto_tx_core(tx));
    sotto_wtxid(other, tx->full);
    SOTTO_ASSERT(memcmp(id, other, 32) != 0);
    sotto_sighash_init(&s, genesis_id, tx, spent);
    for (uint32_t i = 0; i < tx->in_count && i < 3; i++) {
        enum sotto_err err = sotto_sighash_digest(&s, id, i, type);
        if (!sotto_sighash_type_good(type)) SOTTO_ASSERT(err == SOTTO_S_HASHTYPE);
        else SOTTO_ASSERT(err == ((type & 3) == 3 && i >= tx->out_count ? SOTTO_S_SINGLE : SOTTO_OK));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_tx_arena arena = { arena_bytes, sizeof arena_bytes, 0 };
    struct sotto_tx tx;
    struct sotto_amount bonds;
    size_t core_size = 0;
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    enum sotto_err err = fuzz_err(sotto_tx_decode(&tx, &arena, sotto_span(data, size)));
    if (err != SOTTO_OK) {
        SOTTO_ASSERT(sotto_ledger_refusal(err) && arena.used == 0);
        return 0;
    }
    struct sotto_buf b = sotto_buf_make(SOTTO_TX_SIZE_MAX);
    SOTTO_ASSERT(sotto_tx_encode(&b, &core_size, &tx) == SOTTO_OK && core_size == tx.core_size);
    SOTTO_ASSERT(sotto_span_equal(sotto_buf_span(&b), sotto_span(data, size)));
    sotto_buf_free(&b);
    SOTTO_ASSERT(sotto_tx_check(&tx) == SOTTO_OK);
    for (uint32_t i = 0; i < tx.op_count; i++) check_op(&tx.ops[i]);
    err = sotto_ops_check(&bonds, &tx);
    SOTTO_ASSERT(err == SOTTO_OK ? bonds.cong <= SOTTO_MONEY_MAX : sotto_ledger_refusal(err));
    check_hashes(&tx);
    return 0;
}
