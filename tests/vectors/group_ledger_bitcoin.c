/* ledger.json: Bitcoin's original signature hash. */
#include "vec.h"

#include "ledger/btc_sighash.h"

enum { TX_MAX = 1000 };                               /* bytes of a case */

void vec_ledger_sighash_bitcoin(struct vec *v)
{
    static uint8_t space[SOTTO_BTC_ARENA(TX_MAX)] __attribute__((aligned(16))), again[TX_MAX];
    struct sotto_tx_arena arena = { space, sizeof space, 0 };
    struct sotto_btc_tx tx;
    struct sotto_span bytes = vec_bytes(v, v->in, "tx");
    struct sotto_buf back = sotto_buf_make(TX_MAX);
    uint8_t id[32], digest[32];
    if (bytes.size > TX_MAX) vec_fault(v, "tx is longer than %d bytes", TX_MAX);
    VEC_OK(v, sotto_btc_tx_decode(&tx, &arena, bytes));
    VEC_OK(v, sotto_btc_tx_encode(&back, &tx, true));
    size_t size = back.size;
    memcpy(again, back.data, size);
    sotto_buf_free(&back);
    vec_is_hex(v, v->in, "tx", again, size);
    VEC_OK(v, sotto_btc_txid(id, &tx));
    vec_is_hex(v, v->in, "txid", id, sizeof id);
    uint64_t index = vec_num(v, v->in, "input"), type = vec_u64(v, v->in, "type");
    if (index > UINT32_MAX || type > UINT32_MAX) vec_fault(v, "input or type does not fit 32 bits");
    sotto_btc_sighash(digest, &tx, (uint32_t)index, vec_bytes(v, v->in, "script"), (uint32_t)type);
    vec_is_hex(v, v->in, "digest", digest, sizeof digest);
}
