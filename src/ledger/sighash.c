#include "ledger/sighash.h"

#include "base/plant.h"
#include "ledger/codec.h"
#include "ledger/th.h"

static const uint8_t nothing[32];

static void add_point(struct sotto_th *t, const struct sotto_outpoint *point)
{
    sotto_th_update(t, point->txid, sizeof point->txid);
    sotto_th_u32(t, point->index);
}

static void add_coin(struct sotto_th *t, const struct sotto_tx_out *coin)
{
    if (!SOTTO_PLANTED(LEDGER_VALUE_UNSIGNED)) sotto_th_u64(t, coin->value.cong);
    sotto_th_var(t, coin->script);
}

void sotto_sighash_init(struct sotto_sighash *s, const uint8_t genesis_id[64], const struct sotto_tx *tx, const struct sotto_tx_out *spent)
{
    struct sotto_th prevouts, coins, sequences, outputs, ops;
    *s = (struct sotto_sighash){ .tx = tx, .spent = spent };
    memcpy(s->genesis_id, genesis_id, sizeof s->genesis_id);
    sotto_th_begin(&prevouts, SOTTO_TH_SH_PREVOUTS);
    sotto_th_begin(&coins, SOTTO_TH_SH_SPENT);
    sotto_th_begin(&sequences, SOTTO_TH_SH_SEQUENCES);
    for (uint32_t i = 0; i < tx->in_count; i++) {
        add_point(&prevouts, &tx->ins[i].from);
        add_coin(&coins, &spent[i]);
        sotto_th_u32(&sequences, tx->ins[i].sequence);
    }
    sotto_th_begin(&outputs, SOTTO_TH_SH_OUTPUTS);
    for (uint32_t i = 0; i < tx->out_count; i++) add_coin(&outputs, &tx->outs[i]);
    sotto_th_begin(&ops, SOTTO_TH_SH_OPS);
    sotto_th_compact(&ops, tx->op_count);
    for (uint32_t i = 0; i < tx->op_count; i++) {
        sotto_th_u8(&ops, tx->ops[i].type);
        sotto_th_var(&ops, tx->ops[i].body);
    }
    sotto_th_final(&prevouts, s->prevouts);
    sotto_th_final(&coins, s->coins);
    sotto_th_final(&sequences, s->sequences);
    sotto_th_final(&outputs, s->outputs);
    sotto_th_final(&ops, s->ops);
}

bool sotto_sighash_type_good(uint8_t type)
{
    uint8_t base = (uint8_t)(type & ~SOTTO_SIGHASH_ANYONECANPAY);
    return base >= SOTTO_SIGHASH_ALL && base <= SOTTO_SIGHASH_SINGLE;
}

enum sotto_err sotto_sighash_digest(const struct sotto_sighash *s, uint8_t out[32], uint32_t index, uint8_t type)
{
    const struct sotto_tx *tx = s->tx;
    SOTTO_ASSERT(index < tx->in_count);
    if (!sotto_sighash_type_good(type)) return SOTTO_S_HASHTYPE;
    bool alone = type & SOTTO_SIGHASH_ANYONECANPAY && !SOTTO_PLANTED(LEDGER_NEVER_ALONE);
    uint8_t base = (uint8_t)(type & ~SOTTO_SIGHASH_ANYONECANPAY), single[32];
    const uint8_t *outputs = base == SOTTO_SIGHASH_ALL ? s->outputs : nothing;
    struct sotto_th t;
    if (base == SOTTO_SIGHASH_SINGLE) {
        if (index >= tx->out_count) return SOTTO_S_SINGLE;
        sotto_th_begin(&t, SOTTO_TH_SH_OUTPUTS);
        add_coin(&t, &tx->outs[index]);
        sotto_th_final(&t, single);
        outputs = single;
    }
    sotto_th_begin(&t, SOTTO_TH_SIGHASH);
    sotto_th_update(&t, s->genesis_id, sizeof s->genesis_id);
    sotto_th_u8(&t, type);
    sotto_th_u32(&t, SOTTO_TX_VERSION);
    sotto_th_u32(&t, tx->lock);
    sotto_th_u32(&t, tx->expiry);
    sotto_th_update(&t, alone ? nothing : s->prevouts, 32);
    sotto_th_update(&t, alone ? nothing : s->coins, 32);
    sotto_th_update(&t, alone ? nothing : s->sequences, 32);
    sotto_th_update(&t, outputs, 32);
    sotto_th_update(&t, s->ops, 32);
    add_point(&t, &tx->ins[index].from);
    sotto_th_u32(&t, tx->ins[index].sequence);
    add_coin(&t, &s->spent[index]);
    sotto_th_u32(&t, alone ? UINT32_MAX : index);
    sotto_th_final(&t, out);
    return SOTTO_OK;
}
