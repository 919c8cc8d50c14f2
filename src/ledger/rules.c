#include "ledger/rules.h"

enum { SEQUENCE_UNIT_S = 512, HALVINGS_MAX = 63 };
#define SEQUENCE_OFF (UINT32_C(1) << 31)
#define SEQUENCE_IS_TIME (UINT32_C(1) << 22)
#define SEQUENCE_VALUE UINT32_C(0xffff)

uint64_t sotto_tx_cost(size_t bytes, uint64_t units)
{
    uint64_t work = units / SOTTO_UNITS_PER_BYTE + (units % SOTTO_UNITS_PER_BYTE != 0);
    return bytes > work ? bytes : work;
}

/* The sum of the outputs is checked where a transaction is decoded. */
static enum sotto_err outputs_sum(struct sotto_amount *out, const struct sotto_tx *tx)
{
    struct sotto_amount sum = { 0 };
    for (uint32_t i = 0; i < tx->out_count; i++) SOTTO_TRY(sotto_amount_add(&sum, sum, tx->outs[i].value));
    *out = sum;
    return SOTTO_OK;
}

enum sotto_err sotto_tx_fee(struct sotto_amount *fee, const struct sotto_tx *tx, struct sotto_amount inputs, struct sotto_amount bonds)
{
    struct sotto_amount outputs, rest;
    SOTTO_TRY(outputs_sum(&outputs, tx));
    SOTTO_TRY(sotto_amount_take(&rest, inputs, outputs));
    return sotto_amount_take(fee, rest, bonds);
}

enum sotto_err sotto_fee_check(struct sotto_amount fee, uint64_t rate, uint64_t cost)
{
    uint64_t need;
    return __builtin_mul_overflow(rate, cost, &need) || fee.cong < need ? SOTTO_T_FEE : SOTTO_OK;
}

enum sotto_err sotto_dust_check(const struct sotto_tx *tx, uint64_t rate)
{
    uint64_t need;
    if (__builtin_mul_overflow(rate, (uint64_t)SOTTO_DUST_BYTES, &need)) need = UINT64_MAX;
    for (uint32_t i = 0; i < tx->out_count; i++) {
        const struct sotto_tx_out *out = &tx->outs[i];
        if (!sotto_is_data(out->script) && (out->value.cong == 0 || out->value.cong < need)) return SOTTO_M_DUST;
    }
    return SOTTO_OK;
}

enum sotto_err sotto_lock_check(const struct sotto_tx *tx, uint32_t height, uint64_t median_s)
{
    bool asked = false;
    for (uint32_t i = 0; !asked && i < tx->in_count; i++) asked = tx->ins[i].sequence != SOTTO_SEQUENCE_FINAL;
    if (!asked) return SOTTO_OK;
    uint64_t reached = tx->lock < SOTTO_LOCK_IS_TIME ? height : median_s;
    return reached < tx->lock ? SOTTO_T_LOCKED : SOTTO_OK;
}

enum sotto_err sotto_sequence_check(uint32_t sequence, uint32_t coin_height, uint64_t coin_median_s, uint32_t height, uint64_t median_s)
{
    if (sequence & SEQUENCE_OFF) return SOTTO_OK;
    uint64_t value = sequence & SEQUENCE_VALUE;
    bool reached = sequence & SEQUENCE_IS_TIME ? median_s >= coin_median_s && median_s - coin_median_s >= value * SEQUENCE_UNIT_S
                                               : height >= coin_height && height - coin_height >= value;
    return reached ? SOTTO_OK : SOTTO_T_LOCKED;
}

enum sotto_err sotto_expiry_check(const struct sotto_tx *tx, uint32_t height)
{
    if (tx->expiry != 0 && height > tx->expiry) return SOTTO_T_EXPIRED;
    if (tx->in_count > 0) return SOTTO_OK;
    return tx->expiry == 0 || tx->expiry - height > SOTTO_EXPIRY_AHEAD ? SOTTO_T_NO_EXPIRY : SOTTO_OK;
}

enum sotto_err sotto_maturity_check(bool mined, uint32_t made, uint32_t height)
{
    return mined && (height < made || height - made < SOTTO_COINBASE_DEPTH) ? SOTTO_T_IMMATURE : SOTTO_OK;
}

enum sotto_err sotto_post_time_check(uint64_t time_s, uint64_t header_ms)
{
    uint64_t time_ms;
    if (__builtin_mul_overflow(time_s, UINT64_C(1000), &time_ms)) return SOTTO_T_OP_TIME;
    uint64_t away = time_ms > header_ms ? time_ms - header_ms : header_ms - time_ms;
    return away > UINT64_C(1000) * SOTTO_POST_TIME_S ? SOTTO_T_OP_TIME : SOTTO_OK;
}

struct sotto_amount sotto_subsidy(struct sotto_amount reward, uint32_t halving, uint32_t height)
{
    uint32_t times = halving ? height / halving : 0;
    return (struct sotto_amount){ reward.cong >> (times < HALVINGS_MAX ? times : HALVINGS_MAX) };
}

enum sotto_err sotto_coinbase_check(const struct sotto_tx *tx, uint32_t height, struct sotto_amount subsidy, struct sotto_amount fees)
{
    struct sotto_amount made, most;
    if (!sotto_tx_is_coinbase(tx) || tx->ins[0].sequence != height || tx->ins[0].unlock.size != 0) return SOTTO_B_COINBASE;
    if (sotto_amount_add(&most, subsidy, fees) != SOTTO_OK) most.cong = SOTTO_MONEY_MAX;
    if (outputs_sum(&made, tx) != SOTTO_OK || made.cong > most.cong) return SOTTO_B_COINBASE;
    return SOTTO_OK;
}
