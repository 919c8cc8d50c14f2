/* ledger.json: the tree of a list, the tree of the registry and its proofs. */
#include "vec.h"

#include "ledger/merkle.h"
#include "ledger/smt.h"

enum { ITEMS_MAX = 64 };

void vec_ledger_merkle(struct vec *v)
{
    uint8_t leaves[ITEMS_MAX][32], txid[32], wtxid[32], root[32], path[SOTTO_MT_PATH_MAX][32];
    json_t *txs = vec_get(v, v->in, "txs"), *paths = vec_get(v, v->in, "paths"), *one, *sibling;
    size_t i, k, count = json_array_size(txs);
    VEC_CHECK(v, count <= ITEMS_MAX);
    json_array_foreach(txs, i, one) {
        vec_mark(v, one);
        vec_hex(v, one, "txid", txid, sizeof txid);
        vec_hex(v, one, "wtxid", wtxid, sizeof wtxid);
        sotto_mt_leaf(leaves[i], txid, wtxid);
    }
    sotto_mt_root_of(root, (const uint8_t(*)[32])leaves, (uint32_t)count);
    vec_is_hex(v, v->in, "root", root, sizeof root);
    size_t wanted[3], some = 0;                   /* of the first, the middle and the last leaf */
    if (count > 0) wanted[some++] = 0;
    if (count > 1) wanted[some++] = count / 2;
    if (count > 2) wanted[some++] = count - 1;
    VEC_CHECK(v, json_array_size(paths) == some);
    json_array_foreach(paths, i, one) {
        vec_mark(v, one);
        uint64_t index = vec_num(v, one, "index");
        VEC_CHECK(v, index == wanted[i]);
        json_t *list = vec_get(v, one, "path");
        uint32_t size = sotto_mt_path(path, (const uint8_t(*)[32])leaves, (uint32_t)count, (uint32_t)index);
        VEC_CHECK(v, json_array_size(list) == size);
        json_array_foreach(list, k, sibling) vec_is_hex_value(v, sibling, "path", path[k], 32);
        VEC_OK(v, sotto_mt_check(root, leaves[index], (uint32_t)count, (uint32_t)index, sotto_span(path, (size_t)size * 32)));
    }
}

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct sotto_smt_change *)a)->id.b, ((const struct sotto_smt_change *)b)->id.b, 20);
}

/* Every proof as it stands there, made from the tree and read with nothing but the root. */
static void proofs_of(struct vec *v, const struct sotto_smt *t, const uint8_t root[32], struct sotto_buf *proof)
{
    json_t *one;
    size_t i;
    json_array_foreach(vec_get(v, v->in, "proofs"), i, one) {
        vec_mark(v, one);
        struct sotto_id id = vec_id(v, one, "key");
        json_t *value = json_object_get(one, "value");
        bool present = json_is_string(value);
        if (!present && !json_is_null(value)) vec_fault(v, "value is bytes or null");
        struct sotto_span record = present ? vec_bytes(v, one, "value") : sotto_span(NULL, 0);
        vec_mark(v, value);
        struct sotto_smt_answer answer;
        proof->size = 0;
        VEC_OK(v, sotto_smt_prove(t, proof, &id, record));
        vec_is_hex(v, one, "proof", proof->data, proof->size);
        VEC_OK(v, sotto_smt_check(&answer, root, &id, vec_bytes(v, one, "proof")));
        VEC_CHECK(v, answer.present == present && sotto_span_equal(answer.record, record));
    }
}

void vec_ledger_smt(struct vec *v)
{
    static struct sotto_smt *t;                   /* a fault jumps: the next case frees what it left */
    static struct sotto_buf proof;
    struct sotto_smt_change changes[ITEMS_MAX] = { 0 };
    json_t *items = vec_get(v, v->in, "items"), *one;
    uint8_t root[32], after[32];
    size_t i, count = json_array_size(items);
    VEC_CHECK(v, count <= ITEMS_MAX && json_array_size(vec_get(v, v->in, "proofs")) == (count == 0 ? 2 : count == 1 ? 5 : 8));
    json_array_foreach(items, i, one) {
        vec_mark(v, one);
        changes[i].id = vec_id(v, one, "key");
        sotto_smt_value(changes[i].value, vec_bytes(v, one, "value"));
    }
    qsort(changes, count, sizeof changes[0], by_id);
    for (i = 1; i < count; i++) VEC_CHECK(v, by_id(&changes[i - 1], &changes[i]) != 0);
    sotto_smt_free(t);
    sotto_buf_free(&proof);
    t = NULL;
    proof = sotto_buf_make(SOTTO_SMT_PROOF_MAX);
    VEC_OK(v, sotto_smt_new(&t, ITEMS_MAX));
    sotto_smt_root_after(after, t, changes, count);
    VEC_OK(v, sotto_smt_apply(t, NULL, changes, count));
    sotto_smt_root(root, t);
    VEC_CHECK(v, memcmp(root, after, sizeof root) == 0);
    vec_is_hex(v, v->in, "root", root, sizeof root);
    proofs_of(v, t, root, &proof);
}

void vec_ledger_smt_bad(struct vec *v)
{
    uint8_t root[32];
    struct sotto_smt_answer answer;
    vec_hex(v, v->in, "root", root, sizeof root);
    struct sotto_id id = vec_id(v, v->in, "key");
    vec_is_error(v, sotto_smt_check(&answer, root, &id, vec_bytes(v, v->in, "proof")));
}
