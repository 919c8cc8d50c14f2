#include "ledger/tx.h"

#include "base/plant.h"
#include "ledger/codec.h"
#include "ledger/th.h"

enum { EXT_STAMP = 1, EXT_AUTHORITY = 2, STAMP_SIZE = 12, AUTHORITY_SIZE = 85 };
enum { IN_SIZE_MIN = 40, OUT_SIZE_MIN = 9, OP_SIZE_MIN = 2 };         /* bytes of one in the core */

_Static_assert(SOTTO_TX_INPUTS_MAX * sizeof(struct sotto_tx_in) + SOTTO_TX_OUTPUTS_MAX * sizeof(struct sotto_tx_out)
                   + SOTTO_TX_OPS_MAX * sizeof(struct sotto_tx_op) + 3 * _Alignof(max_align_t) <= SOTTO_TX_ARENA_MAX,
               "any one transaction");

enum sotto_err sotto_tx_arena_take(void **out, struct sotto_tx_arena *arena, size_t size)
{
    size_t align = _Alignof(max_align_t), at = (arena->used + align - 1) / align * align;
    if (size == 0) {
        *out = NULL;
        return SOTTO_OK;
    }
    if (at > arena->size || size > arena->size - at) return SOTTO_ERR_FULL;
    arena->used = at + size;
    *out = arena->data + at;
    return SOTTO_OK;
}

/* Room for count entries, or for as many as the bytes that are left can hold: whoever announces more than he sends ends with E_SHORT before. */
static enum sotto_err list_take(void **out, struct sotto_tx_arena *arena, const struct sotto_reader *r, uint32_t count, size_t bytes, size_t entry)
{
    size_t there = sotto_reader_left(r) / bytes;
    return sotto_tx_arena_take(out, arena, (count < there ? count : there) * entry);
}

static enum sotto_err take_inputs(struct sotto_tx *tx, struct sotto_tx_arena *arena, struct sotto_reader *r)
{
    void *list;
    SOTTO_TRY(sotto_take_count(r, &tx->in_count, SOTTO_TX_INPUTS_MAX));
    SOTTO_TRY(list_take(&list, arena, r, tx->in_count, IN_SIZE_MIN, sizeof *tx->ins));
    tx->ins = list;
    for (uint32_t i = 0; i < tx->in_count; i++) {
        struct sotto_tx_in in = { .sequence = 0 };
        SOTTO_TRY(sotto_take_bytes(r, in.from.txid, sizeof in.from.txid));
        SOTTO_TRY(sotto_take_u32(r, &in.from.index));
        SOTTO_TRY(sotto_take_u32(r, &in.sequence));
        tx->ins[i] = in;
    }
    return SOTTO_OK;
}

static enum sotto_err take_outputs(struct sotto_tx *tx, struct sotto_tx_arena *arena, struct sotto_reader *r)
{
    void *list;
    SOTTO_TRY(sotto_take_count(r, &tx->out_count, SOTTO_TX_OUTPUTS_MAX));
    SOTTO_TRY(list_take(&list, arena, r, tx->out_count, OUT_SIZE_MIN, sizeof *tx->outs));
    tx->outs = list;
    for (uint32_t i = 0; i < tx->out_count; i++) {
        struct sotto_tx_out out;
        uint64_t cong;
        SOTTO_TRY(sotto_take_u64(r, &cong));
        SOTTO_TRY(sotto_amount_make(&out.value, cong));
        SOTTO_TRY(sotto_take_var(r, &out.script, SOTTO_SCRIPT_MAX));
        tx->outs[i] = out;
    }
    return SOTTO_OK;
}

static enum sotto_err take_ops(struct sotto_tx *tx, struct sotto_tx_arena *arena, struct sotto_reader *r)
{
    void *list;
    SOTTO_TRY(sotto_take_count(r, &tx->op_count, SOTTO_TX_OPS_MAX));
    SOTTO_TRY(list_take(&list, arena, r, tx->op_count, OP_SIZE_MIN, sizeof *tx->ops));
    tx->ops = list;
    for (uint32_t i = 0; i < tx->op_count; i++) {
        struct sotto_tx_op op;
        SOTTO_TRY(sotto_take_u8(r, &op.type));
        SOTTO_TRY(sotto_take_var(r, &op.body, SOTTO_OP_BODY_MAX));
        tx->ops[i] = op;
    }
    return SOTTO_OK;
}

static enum sotto_err take_core(struct sotto_tx *tx, struct sotto_tx_arena *arena, struct sotto_reader *r)
{
    uint32_t version;
    SOTTO_TRY(sotto_take_u32(r, &version));
    if (version != SOTTO_TX_VERSION) return SOTTO_T_VERSION;
    SOTTO_TRY(take_inputs(tx, arena, r));
    SOTTO_TRY(take_outputs(tx, arena, r));
    SOTTO_TRY(take_ops(tx, arena, r));
    SOTTO_TRY(sotto_take_u32(r, &tx->lock));
    return sotto_take_u32(r, &tx->expiry);
}

static enum sotto_err take_extension(struct sotto_tx *tx, uint8_t *last, struct sotto_reader *r)
{
    uint8_t type;
    struct sotto_span value;
    SOTTO_TRY(sotto_take_u8(r, &type));
    SOTTO_TRY(sotto_take_var(r, &value, AUTHORITY_SIZE));
    if (type <= *last) return SOTTO_T_EXT;
    if (type == EXT_STAMP && value.size == STAMP_SIZE) {
        tx->has_stamp = true;
        tx->stamp = (struct sotto_stamp){ sotto_le32(value.data), sotto_le64(value.data + 4) };
    } else if (type == EXT_AUTHORITY && value.size == AUTHORITY_SIZE) {
        tx->has_authority = true;
        memcpy(tx->authority.id.b, value.data, sizeof tx->authority.id.b);
        memcpy(tx->authority.sig.b, value.data + sizeof tx->authority.id.b, sizeof tx->authority.sig.b);
    } else {
        return SOTTO_T_EXT;
    }
    *last = type;
    return SOTTO_OK;
}

static enum sotto_err take_witness(struct sotto_tx *tx, struct sotto_reader *r)
{
    uint32_t count;
    uint8_t last = 0;
    for (uint32_t i = 0; i < tx->in_count; i++) SOTTO_TRY(sotto_take_var(r, &tx->ins[i].unlock, SOTTO_SCRIPT_MAX));
    SOTTO_TRY(sotto_take_count(r, &count, SOTTO_TX_EXTENSIONS_MAX));
    for (uint32_t i = 0; i < count; i++) SOTTO_TRY(take_extension(tx, &last, r));
    return SOTTO_OK;
}

static enum sotto_err take(struct sotto_tx *tx, struct sotto_tx_arena *arena, struct sotto_reader *r)
{
    const uint8_t *start = r->at;
    SOTTO_TRY(take_core(tx, arena, r));
    tx->core_size = (size_t)(r->at - start);
    SOTTO_TRY(take_witness(tx, r));
    tx->full = sotto_span(start, (size_t)(r->at - start));
    return tx->full.size <= SOTTO_TX_SIZE_MAX ? SOTTO_OK : SOTTO_T_SIZE;
}

enum sotto_err sotto_tx_take(struct sotto_tx *out, struct sotto_tx_arena *arena, struct sotto_reader *r)
{
    struct sotto_tx tx = { 0 };
    struct sotto_reader at = *r;
    size_t used = arena->used;
    enum sotto_err err = take(&tx, arena, &at);
    if (err == SOTTO_OK) err = sotto_tx_check(&tx);
    if (err != SOTTO_OK) {
        arena->used = used;
        return err;
    }
    *out = tx;
    *r = at;
    return SOTTO_OK;
}

enum sotto_err sotto_tx_decode(struct sotto_tx *out, struct sotto_tx_arena *arena, struct sotto_span full)
{
    if (full.size > SOTTO_TX_SIZE_MAX) return SOTTO_T_SIZE;
    struct sotto_tx tx = { 0 };
    struct sotto_reader r = sotto_reader(full);
    size_t used = arena->used;
    enum sotto_err err = take(&tx, arena, &r);
    if (err == SOTTO_OK) err = sotto_take_end(&r);
    if (err == SOTTO_OK) err = sotto_tx_check(&tx);
    if (err == SOTTO_OK) *out = tx;
    else arena->used = used;
    return err;
}

static int compare(const struct sotto_outpoint *a, const struct sotto_outpoint *b)
{
    int by_txid = memcmp(a->txid, b->txid, sizeof a->txid);
    return by_txid ? by_txid : (a->index > b->index) - (a->index < b->index);
}

/* Inputs are put in order one after the other. A table would be quicker, but who sends them chooses them: with this, no thousand of them cost
 * more than another thousand. */
static bool twice_the_same(const struct sotto_tx *tx)
{
    uint16_t order[SOTTO_TX_INPUTS_MAX];
    SOTTO_ASSERT(tx->in_count <= SOTTO_TX_INPUTS_MAX);
    for (uint32_t i = 0; i < tx->in_count; i++) {
        uint32_t low = 0, high = i;
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            int side = compare(&tx->ins[order[middle]].from, &tx->ins[i].from);
            if (side == 0 && !SOTTO_PLANTED(LEDGER_SPENT_TWICE)) return true;
            if (side < 0) low = middle + 1;
            else high = middle;
        }
        memmove(order + low + 1, order + low, (i - low) * sizeof *order);
        order[low] = (uint16_t)i;
    }
    return false;
}

enum sotto_err sotto_tx_check(const struct sotto_tx *tx)
{
    struct sotto_amount sum = { 0 };
    size_t data = 0;
    bool long_data = false, data_holds_coins = false;
    if (tx->in_count == 0 && tx->op_count == 0) return SOTTO_T_EMPTY;
    if (twice_the_same(tx)) return SOTTO_T_DUP_INPUT;
    for (uint32_t i = 0; i < tx->out_count; i++) {
        const struct sotto_tx_out *out = &tx->outs[i];
        if (!SOTTO_PLANTED(LEDGER_SUM_UNCHECKED)) SOTTO_TRY(sotto_amount_add(&sum, sum, out->value));
        if (!sotto_is_data(out->script)) continue;
        data += out->script.size;
        if (out->script.size > SOTTO_DATA_SCRIPT_MAX) long_data = true;
        if (out->value.cong) data_holds_coins = true;
    }
    if (long_data || data > SOTTO_DATA_ALL_MAX) return SOTTO_T_DATA;
    return data_holds_coins ? SOTTO_T_DATA_VALUE : SOTTO_OK;
}

bool sotto_tx_is_coinbase(const struct sotto_tx *tx)
{
    return tx->in_count == 1 && tx->ins[0].from.index == SOTTO_INDEX_COINBASE && sotto_all_zero(tx->ins[0].from.txid, 32);
}

void sotto_txid(uint8_t out[32], struct sotto_span core) { SOTTO_TH_OF(out, SOTTO_TH_TX, core); }
void sotto_wtxid(uint8_t out[32], struct sotto_span full) { SOTTO_TH_OF(out, SOTTO_TH_WTX, full); }
