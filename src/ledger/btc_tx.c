#include "ledger/btc_tx.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "ledger/codec.h"

enum { IN_SIZE_MIN = 41, OUT_SIZE_MIN = 9, ITEM_SIZE_MIN = 1 };       /* bytes of one */
enum { FLAG_WITNESS = 1 };

/* Room for count entries, or for as many as the bytes that are left can hold. */
static enum sotto_err list_take(void **out, struct sotto_tx_arena *arena, const struct sotto_reader *r, uint32_t count, size_t bytes, size_t entry)
{
    size_t there = sotto_reader_left(r) / bytes;
    return sotto_tx_arena_take(out, arena, (count < there ? count : there) * entry);
}

static enum sotto_err take_inputs(struct sotto_btc_tx *tx, struct sotto_tx_arena *arena, struct sotto_reader *r)
{
    void *list;
    SOTTO_TRY(sotto_take_count(r, &tx->in_count, SOTTO_BTC_TX_SIZE_MAX));
    SOTTO_TRY(list_take(&list, arena, r, tx->in_count, IN_SIZE_MIN, sizeof *tx->ins));
    tx->ins = list;
    for (uint32_t i = 0; i < tx->in_count; i++) {
        struct sotto_btc_in in = { .witness = NULL };
        SOTTO_TRY(sotto_take_bytes(r, in.from.txid, sizeof in.from.txid));
        SOTTO_TRY(sotto_take_u32(r, &in.from.index));
        SOTTO_TRY(sotto_take_var(r, &in.script, SOTTO_BTC_TX_SIZE_MAX));
        SOTTO_TRY(sotto_take_u32(r, &in.sequence));
        tx->ins[i] = in;
    }
    return SOTTO_OK;
}

static enum sotto_err take_outputs(struct sotto_btc_tx *tx, struct sotto_tx_arena *arena, struct sotto_reader *r)
{
    void *list;
    SOTTO_TRY(sotto_take_count(r, &tx->out_count, SOTTO_BTC_TX_SIZE_MAX));
    SOTTO_TRY(list_take(&list, arena, r, tx->out_count, OUT_SIZE_MIN, sizeof *tx->outs));
    tx->outs = list;
    for (uint32_t i = 0; i < tx->out_count; i++) {
        struct sotto_btc_out out;
        SOTTO_TRY(sotto_take_u64(r, &out.value));
        SOTTO_TRY(sotto_take_var(r, &out.script, SOTTO_BTC_TX_SIZE_MAX));
        tx->outs[i] = out;
    }
    return SOTTO_OK;
}

static enum sotto_err take_witness(struct sotto_btc_in *in, struct sotto_tx_arena *arena, struct sotto_reader *r)
{
    void *list;
    uint32_t count;
    SOTTO_TRY(sotto_take_count(r, &count, SOTTO_BTC_TX_SIZE_MAX));
    SOTTO_TRY(list_take(&list, arena, r, count, ITEM_SIZE_MIN, sizeof *in->witness));
    in->witness = list;
    for (uint32_t i = 0; i < count; i++) {
        struct sotto_span item;
        SOTTO_TRY(sotto_take_var(r, &item, SOTTO_BTC_TX_SIZE_MAX));
        in->witness[i] = item;
    }
    in->witness_count = count;
    return SOTTO_OK;
}

/* Does it begin like the form with witnesses: a list of no inputs, then a flag? */
static bool looks_extended(struct sotto_span bytes) { return bytes.size > 5 && bytes.data[4] == 0 && bytes.data[5] != 0; }

static enum sotto_err decode(struct sotto_btc_tx *out, struct sotto_tx_arena *arena, struct sotto_span bytes, bool extended)
{
    struct sotto_reader r = sotto_reader(bytes);
    struct sotto_btc_tx tx = { .version = 0 };
    uint8_t mark[2];
    SOTTO_TRY(sotto_take_u32(&r, &tx.version));
    if (extended) {
        SOTTO_TRY(sotto_take_bytes(&r, mark, sizeof mark));
        if (mark[1] != FLAG_WITNESS) return SOTTO_T_EXT;
    }
    SOTTO_TRY(take_inputs(&tx, arena, &r));
    SOTTO_TRY(take_outputs(&tx, arena, &r));
    for (uint32_t i = 0; extended && i < tx.in_count; i++) SOTTO_TRY(take_witness(&tx.ins[i], arena, &r));
    if (extended && !sotto_btc_has_witness(&tx)) return SOTTO_T_EXT;
    SOTTO_TRY(sotto_take_u32(&r, &tx.lock));
    SOTTO_TRY(sotto_take_end(&r));
    *out = tx;
    return SOTTO_OK;
}

enum sotto_err sotto_btc_tx_decode(struct sotto_btc_tx *out, struct sotto_tx_arena *arena, struct sotto_span bytes)
{
    if (bytes.size > SOTTO_BTC_TX_SIZE_MAX) return SOTTO_E_LIMIT;
    size_t used = arena->used;
    bool extended = looks_extended(bytes);
    enum sotto_err err = decode(out, arena, bytes, extended);
    if (err != SOTTO_OK) arena->used = used;
    if (err == SOTTO_OK || err == SOTTO_ERR_FULL || !extended) return err;
    enum sotto_err plain = decode(out, arena, bytes, false);
    if (plain == SOTTO_OK) return SOTTO_OK;
    arena->used = used;
    return err;
}

bool sotto_btc_has_witness(const struct sotto_btc_tx *tx)
{
    for (uint32_t i = 0; i < tx->in_count; i++)
        if (tx->ins[i].witness_count) return true;
    return false;
}

static enum sotto_err add_witnesses(struct sotto_buf *out, const struct sotto_btc_tx *tx)
{
    for (uint32_t i = 0; i < tx->in_count; i++) {
        SOTTO_TRY(sotto_buf_add_compact(out, tx->ins[i].witness_count));
        for (uint32_t k = 0; k < tx->ins[i].witness_count; k++) SOTTO_TRY(sotto_buf_add_var(out, tx->ins[i].witness[k]));
    }
    return SOTTO_OK;
}

enum sotto_err sotto_btc_tx_encode(struct sotto_buf *out, const struct sotto_btc_tx *tx, bool with_witness)
{
    with_witness = with_witness && sotto_btc_has_witness(tx);
    SOTTO_TRY(sotto_buf_add_le32(out, tx->version));
    if (with_witness) SOTTO_TRY(sotto_buf_add(out, "\0\1", 2));
    SOTTO_TRY(sotto_buf_add_compact(out, tx->in_count));
    for (uint32_t i = 0; i < tx->in_count; i++) {
        SOTTO_TRY(sotto_buf_add(out, tx->ins[i].from.txid, 32));
        SOTTO_TRY(sotto_buf_add_le32(out, tx->ins[i].from.index));
        SOTTO_TRY(sotto_buf_add_var(out, tx->ins[i].script));
        SOTTO_TRY(sotto_buf_add_le32(out, tx->ins[i].sequence));
    }
    SOTTO_TRY(sotto_buf_add_compact(out, tx->out_count));
    for (uint32_t i = 0; i < tx->out_count; i++) {
        SOTTO_TRY(sotto_buf_add_le64(out, tx->outs[i].value));
        SOTTO_TRY(sotto_buf_add_var(out, tx->outs[i].script));
    }
    if (with_witness) SOTTO_TRY(add_witnesses(out, tx));
    return sotto_buf_add_le32(out, tx->lock);
}

enum sotto_err sotto_btc_txid(uint8_t out[32], const struct sotto_btc_tx *tx)
{
    struct sotto_buf bytes = sotto_buf_make(SOTTO_BTC_TX_SIZE_MAX);
    enum sotto_err err = sotto_btc_tx_encode(&bytes, tx, false);
    if (err == SOTTO_OK) sotto_sha256d(out, sotto_buf_span(&bytes));
    sotto_buf_free(&bytes);
    return err;
}

void sotto_btc_hash_text(char out[65], const uint8_t hash[32])
{
    uint8_t reversed[32];
    for (size_t i = 0; i < 32; i++) reversed[i] = hash[31 - i];
    sotto_hex(out, reversed, sizeof reversed);
}
