/* ledger.json: stamps. */
#include "vec.h"

#include "ledger/stamp.h"

void vec_ledger_stamp(struct vec *v)
{
    uint8_t txid[32], block_id[64], digest[32];
    struct sotto_stamp_search s;
    uint64_t nonce = 0, bits = vec_num(v, v->in, "bits");
    enum sotto_err err = SOTTO_ERR_AGAIN;
    vec_hex(v, v->in, "txid", txid, sizeof txid);
    vec_hex(v, v->in, "block_id", block_id, sizeof block_id);
    if (bits > 16) vec_fault(v, "bits are more than a test looks for");
    sotto_stamp_begin(&s, txid, block_id, 0, (unsigned)bits);
    while (err == SOTTO_ERR_AGAIN) err = sotto_stamp_step(&s, &nonce, 5);
    VEC_OK(v, err);
    VEC_CHECK(v, nonce == vec_u64(v, v->in, "nonce"));
    sotto_stamp_digest(digest, txid, block_id, nonce);
    vec_is_hex(v, v->in, "digest", digest, sizeof digest);
    struct sotto_tx tx = { .has_stamp = true, .stamp = { 7, nonce } };
    VEC_OK(v, sotto_stamp_check(&tx, txid, block_id, 107, (unsigned)bits));
}

void vec_ledger_stamp_need(struct vec *v)
{
    uint64_t base = vec_num(v, v->in, "base");
    if (base > UINT8_MAX) vec_fault(v, "base is one byte");
    vec_is_num(v, v->in, "bits", sotto_stamp_need((uint8_t)base, vec_u64(v, v->in, "cost")));
}
