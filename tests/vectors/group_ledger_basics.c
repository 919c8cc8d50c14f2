/* ledger.json: hashes, numbers, amounts, keys and addresses. */
#include "vec.h"

#include "crypto/hash.h"
#include "ledger/address.h"
#include "ledger/amount.h"
#include "ledger/codec.h"

void vec_ledger_tagged_hash(struct vec *v)
{
    uint8_t hash[32];
    SOTTO_TH(hash, vec_str(v, v->in, "tag"), vec_bytes(v, v->in, "msg"));
    vec_is_hex(v, v->in, "hash", hash, sizeof hash);
}

void vec_ledger_keccak256(struct vec *v)
{
    uint8_t hash[32];
    sotto_keccak256(hash, vec_bytes(v, v->in, "msg"));
    vec_is_hex(v, v->in, "hash", hash, sizeof hash);
}

static enum sotto_err take_whole(uint64_t *n, struct sotto_span bytes)
{
    struct sotto_reader r = sotto_reader(bytes);
    SOTTO_TRY(sotto_take_compact(&r, n, UINT64_MAX));
    return sotto_take_end(&r);
}

void vec_ledger_compact_size(struct vec *v)
{
    uint64_t n;
    enum sotto_err err = take_whole(&n, vec_bytes(v, v->in, "bytes"));
    if (vec_refused(v)) {
        vec_is_error(v, err);
        return;
    }
    uint8_t bytes[SOTTO_COMPACT_MAX];
    VEC_OK(v, err);
    VEC_CHECK(v, n == vec_u64(v, v->in, "n"));
    vec_is_hex(v, v->in, "bytes", bytes, sotto_put_compact(bytes, n));
}

void vec_ledger_amount_parse(struct vec *v)
{
    struct sotto_amount a;
    enum sotto_err err = sotto_amount_parse(&a, sotto_span_str(vec_str(v, v->in, "text")));
    if (vec_refused(v)) {
        vec_is_error(v, err);
        return;
    }
    VEC_OK(v, err);
    VEC_CHECK(v, a.cong == vec_u64(v, v->in, "cong"));
}

void vec_ledger_amount_text(struct vec *v)
{
    char text[SOTTO_AMOUNT_TEXT];
    struct sotto_amount a, back;
    VEC_OK(v, sotto_amount_make(&a, vec_u64(v, v->in, "cong")));
    sotto_amount_text(text, a);
    vec_is_str(v, v->in, "text", text);
    VEC_OK(v, sotto_amount_parse(&back, sotto_span_str(text)));
    VEC_CHECK(v, back.cong == a.cong);
}

static void is_address(struct vec *v, const char *key, enum sotto_pay_net net, const struct sotto_h160 *hash)
{
    char text[SOTTO_PAY_TEXT];
    struct sotto_h160 back;
    sotto_pay_text(text, net, hash);
    vec_is_str(v, v->in, key, text);
    VEC_OK(v, sotto_pay_parse(&back, net, sotto_span_str(text)));
    VEC_CHECK(v, memcmp(&back, hash, sizeof back) == 0);
}

void vec_ledger_keys(struct vec *v)
{
    struct sotto_scalar secret = vec_scalar(v, v->in, "secret");
    struct sotto_point key;
    struct sotto_id id, back;
    struct sotto_h160 hash;
    char eip55[43];
    VEC_OK(v, sotto_point_make(&key, &secret));
    vec_is_hex(v, v->in, "pub", key.b, sizeof key.b);
    VEC_OK(v, sotto_id_of(&id, &key));
    vec_is_hex(v, v->in, "id", id.b, sizeof id.b);
    sotto_id_text(eip55, &id);
    vec_is_str(v, v->in, "eip55", eip55);
    VEC_OK(v, sotto_id_parse(&back, sotto_span_str(eip55), false));
    VEC_CHECK(v, sotto_id_equal(&back, &id));
    sotto_h160_of(&hash, &key);
    vec_is_hex(v, v->in, "hash160", hash.b, sizeof hash.b);
    is_address(v, "pay_main", SOTTO_PAY_MAIN, &hash);
    is_address(v, "pay_test", SOTTO_PAY_TEST, &hash);
}
