/* ledger.json: transactions, made by hand from their fields and read from their bytes; what their signatures sign; what is refused. */
#include "vec.h"

#include "ledger/codec.h"
#include "ledger/sighash.h"
#include "ledger/tx.h"

static uint8_t arena_bytes[2][SOTTO_TX_ARENA_MAX] __attribute__((aligned(16)));

static struct sotto_tx_arena arena(int which) { return (struct sotto_tx_arena){ arena_bytes[which], SOTTO_TX_ARENA_MAX, 0 }; }

static uint32_t u32(struct vec *v, const json_t *object, const char *key)
{
    uint64_t n = vec_num(v, object, key);
    if (n > UINT32_MAX) vec_fault(v, "%s does not fit 32 bits", key);
    return (uint32_t)n;
}

static struct sotto_tx_out coin(struct vec *v, const json_t *object)
{
    struct sotto_tx_out out;
    vec_mark(v, object);
    VEC_OK(v, sotto_amount_make(&out.value, vec_u64(v, object, "value")));
    out.script = vec_bytes(v, object, "script");
    return out;
}

/* The lists of a transaction made by hand; as long as a case needs. */
enum { LIST_MAX = 16 };
struct by_hand {
    struct sotto_tx tx;
    struct sotto_tx_in ins[LIST_MAX];
    struct sotto_tx_out outs[LIST_MAX];
    struct sotto_tx_op ops[LIST_MAX];
};

static uint32_t list_size(struct vec *v, const json_t *list)
{
    if (!json_is_array(list) || json_array_size(list) > LIST_MAX) vec_fault(v, "a list of more than %d", LIST_MAX);
    return (uint32_t)json_array_size(list);
}

static void extensions(struct vec *v, struct sotto_tx *tx, const json_t *list)
{
    json_t *pair;
    json_int_t last = 0;
    size_t i;
    json_array_foreach(list, i, pair) {
        vec_mark(v, pair);
        if (json_array_size(pair) != 2) vec_fault(v, "an extension is type and value");
        vec_mark(v, json_array_get(pair, 0));
        struct sotto_span value = vec_bytes_value(v, json_array_get(pair, 1), "ext");
        struct sotto_reader r = sotto_reader(value);
        json_int_t type = json_integer_value(json_array_get(pair, 0));
        if (type <= last) vec_fault(v, "extensions stand in the order of their types");
        last = type;
        if (type == 1) {
            tx->has_stamp = true;
            VEC_OK(v, sotto_take_u32(&r, &tx->stamp.ref_height));
            VEC_OK(v, sotto_take_u64(&r, &tx->stamp.nonce));
        } else if (type == 2) {
            tx->has_authority = true;
            VEC_OK(v, sotto_take_bytes(&r, tx->authority.id.b, 20));
            VEC_OK(v, sotto_take_bytes(&r, tx->authority.sig.b, 65));
        } else {
            vec_fault(v, "an extension of another type");
        }
        VEC_OK(v, sotto_take_end(&r));
    }
}

static void make(struct vec *v, struct by_hand *h, const json_t *fields)
{
    *h = (struct by_hand){ .tx = { .ins = h->ins, .outs = h->outs, .ops = h->ops } };
    const json_t *one, *ins = vec_get(v, fields, "ins"), *outs = vec_get(v, fields, "outs"), *ops = vec_get(v, fields, "ops");
    size_t i;
    vec_is_num(v, fields, "version", SOTTO_TX_VERSION);
    h->tx.in_count = list_size(v, ins);
    json_array_foreach(ins, i, one) {
        vec_mark(v, one);
        vec_hex(v, one, "txid", h->ins[i].from.txid, 32);
        h->ins[i].from.index = u32(v, one, "index");
        h->ins[i].sequence = u32(v, one, "sequence");
        h->ins[i].unlock = vec_bytes(v, one, "sig");
    }
    h->tx.out_count = list_size(v, outs);
    json_array_foreach(outs, i, one) h->outs[i] = coin(v, one);
    h->tx.op_count = list_size(v, ops);
    json_array_foreach(ops, i, one) {
        vec_mark(v, one);
        uint32_t type = u32(v, one, "type");
        if (type > 0xff) vec_fault(v, "the type of an operation is one byte");
        h->ops[i] = (struct sotto_tx_op){ (uint8_t)type, vec_bytes(v, one, "body") };
    }
    h->tx.lock = u32(v, fields, "lock");
    h->tx.expiry = u32(v, fields, "expiry");
    extensions(v, &h->tx, vec_get(v, fields, "ext"));
}

static void signatures(struct vec *v, const struct sotto_tx *tx)
{
    struct sotto_tx_out spent[LIST_MAX];
    uint8_t genesis_id[64], digest[32];
    struct sotto_sighash s;
    const json_t *one, *list = vec_get(v, v->in, "spent");
    size_t i;
    vec_hex(v, v->in, "genesis_id", genesis_id, sizeof genesis_id);
    bool asked = json_array_size(vec_get(v, v->in, "sighash")) > 0;
    if (asked != (list_size(v, list) > 0) || (asked && list_size(v, list) != tx->in_count)) vec_fault(v, "spent is not one coin an input");
    if (!asked) return;
    json_array_foreach(list, i, one) spent[i] = coin(v, one);
    sotto_sighash_init(&s, genesis_id, tx, spent);
    json_array_foreach(vec_get(v, v->in, "sighash"), i, one) {
        vec_mark(v, one);
        uint32_t index = u32(v, one, "input"), type = u32(v, one, "type");
        if (index >= tx->in_count || type > 0xff || i / 9 != index) vec_fault(v, "no such input or type");
        enum sotto_err err = sotto_sighash_digest(&s, digest, index, (uint8_t)type);
        if (err == SOTTO_OK) vec_is_hex(v, one, "digest", digest, sizeof digest);
        else vec_is_str(v, one, "error", sotto_err_name(err));
    }
    if (i != 9 * (size_t)tx->in_count) vec_fault(v, "sighash is not all types of all inputs");
}

void vec_ledger_tx(struct vec *v)
{
    static struct by_hand h;
    uint8_t id[32];
    size_t core_size;
    struct sotto_tx tx;
    struct sotto_tx_arena space = arena(0);
    struct sotto_buf bytes = sotto_buf_make(SOTTO_TX_SIZE_MAX);
    make(v, &h, vec_get(v, v->in, "fields"));
    VEC_OK(v, sotto_tx_encode(&bytes, &core_size, &h.tx));
    uint8_t *full = memcpy(arena_bytes[1], bytes.data, bytes.size);      /* a fault jumps: nothing may be left on the heap */
    size_t size = bytes.size;
    sotto_buf_free(&bytes);
    vec_is_hex(v, v->in, "full", full, size);
    vec_is_hex(v, v->in, "core", full, core_size);
    VEC_OK(v, sotto_tx_decode(&tx, &space, vec_bytes(v, v->in, "full")));
    sotto_txid(id, sotto_tx_core(&tx));
    vec_is_hex(v, v->in, "txid", id, sizeof id);
    sotto_wtxid(id, tx.full);
    vec_is_hex(v, v->in, "wtxid", id, sizeof id);
    VEC_OK(v, sotto_tx_encode(&bytes, &core_size, &tx));
    bool same = sotto_span_equal(sotto_buf_span(&bytes), tx.full) && core_size == tx.core_size;
    sotto_buf_free(&bytes);
    VEC_CHECK(v, same);
    signatures(v, &tx);
}

void vec_ledger_tx_bad(struct vec *v)
{
    struct sotto_tx tx;
    struct sotto_tx_arena space = arena(0);
    struct sotto_span bytes;
    if (vec_has(v->in, "length")) {
        static uint8_t filled[SOTTO_TX_SIZE_MAX + 1000];
        uint64_t length = vec_num(v, v->in, "length");
        struct sotto_span fill = vec_bytes(v, v->in, "fill");
        if (length > sizeof filled || fill.size != 1) vec_fault(v, "length and a fill byte");
        memset(filled, fill.data[0], length);
        bytes = sotto_span(filled, length);
    } else {
        bytes = vec_bytes(v, v->in, "bytes");
    }
    vec_is_error(v, sotto_tx_decode(&tx, &space, bytes));
    VEC_CHECK(v, space.used == 0);
}
