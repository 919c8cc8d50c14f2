/* ledger.json: params, genesis and what follows from it; the roots of a state. */
#include "vec_genesis.h"

#include "ledger/genesis.h"
#include "ledger/roots.h"
#include "ledger/signed.h"

static uint32_t up_to(struct vec *v, const json_t *object, const char *key, uint64_t most)
{
    uint64_t n = vec_num(v, object, key);
    if (n > most) vec_fault(v, "%s is too large", key);
    return (uint32_t)n;
}

static struct sotto_amount amount(struct vec *v, const json_t *object, const char *key)
{
    struct sotto_amount a;
    VEC_OK(v, sotto_amount_make(&a, vec_u64(v, object, key)));
    return a;
}

static void numbers(struct vec *v, struct sotto_params *p, const json_t *f)
{
    const char *name = vec_str(v, f, "name");
    VEC_CHECK(v, strlen(name) <= SOTTO_CHAIN_NAME_MAX);
    p->name.size = (uint8_t)strlen(name);
    memcpy(p->name.text, name, p->name.size);
    p->chain_num = vec_u64(v, f, "chain_num");
    p->engine = (uint8_t)up_to(v, f, "engine", SOTTO_ENGINES - 1);
    p->mode = (uint8_t)up_to(v, f, "mode", SOTTO_MODES - 1);
    p->time_ms = vec_u64(v, f, "time");
    p->bits = up_to(v, f, "bits", UINT32_MAX);
    p->bits_limit = up_to(v, f, "bits_limit", UINT32_MAX);
    p->retarget = (uint8_t)up_to(v, f, "retarget", SOTTO_RETARGETS - 1);
    p->spacing_ms = up_to(v, f, "spacing_ms", UINT32_MAX);
    p->halflife_ms = vec_u64(v, f, "halflife_ms");
    p->reward = amount(v, f, "reward");
    p->halving = up_to(v, f, "halving", UINT32_MAX);
    p->max_block_bytes = up_to(v, f, "max_block_bytes", UINT32_MAX);
    p->max_block_units = up_to(v, f, "max_block_units", UINT32_MAX);
    p->fee_rate = vec_u64(v, f, "fee_rate");
    p->stamp_bits = (uint8_t)up_to(v, f, "stamp_bits", UINT8_MAX);
    p->bond = amount(v, f, "bond");
    p->reorg_limit = up_to(v, f, "reorg_limit", UINT32_MAX);
    p->snapshot_every = up_to(v, f, "snapshot_every", UINT32_MAX);
    p->flags = (uint8_t)up_to(v, f, "flags", SOTTO_CHAIN_FLAGS);
    p->eip712_chain = vec_u64(v, f, "eip712_chain");
    vec_hex(v, f, "eip712_contract", p->eip712_contract, 20);
    p->gov_seq = up_to(v, f, "gov_seq", UINT32_MAX);
    p->upgrade_height = up_to(v, f, "upgrade_height", UINT32_MAX);
}

static int by_id(const void *a, const void *b) { return memcmp(((const struct sotto_grant *)a)->id.b, ((const struct sotto_grant *)b)->id.b, 20); }

void vec_genesis_of(struct vec *v, struct sotto_genesis *g, struct vec_genesis_lists *l)
{
    const json_t *f = vec_get(v, v->in, "params"), *validators = vec_get(v, f, "validators"), *grants = vec_get(v, f, "grants"), *allocs = vec_get(v, v->in, "alloc"), *one;
    size_t i;
    *g = (struct sotto_genesis){ .params = { .validators = l->validators, .grants = l->grants }, .allocs = l->allocs };
    VEC_CHECK(v, json_array_size(validators) <= VEC_GENESIS_LIST && json_array_size(grants) <= VEC_GENESIS_LIST && json_array_size(allocs) <= VEC_GENESIS_LIST);
    numbers(v, &g->params, f);
    json_array_foreach(validators, i, one) {
        vec_mark(v, one);
        l->validators[i].id = vec_id(v, one, "id");
        vec_hex(v, one, "key", l->validators[i].key, 32);
    }
    json_array_foreach(grants, i, one) {
        vec_mark(v, one);
        l->grants[i] = (struct sotto_grant){ vec_id(v, one, "id"), (uint16_t)up_to(v, one, "perms", UINT16_MAX) };
    }
    qsort(l->grants, json_array_size(grants), sizeof l->grants[0], by_id);         /* the case has them as somebody wrote them */
    json_array_foreach(allocs, i, one) {
        vec_mark(v, one);
        vec_hex(v, one, "hash", l->allocs[i].to.b, 20);
        l->allocs[i].amount = amount(v, one, "amount");
    }
    g->params.validator_count = (uint32_t)json_array_size(validators);
    g->params.grant_count = (uint32_t)json_array_size(grants);
    g->alloc_count = (uint32_t)json_array_size(allocs);
}

static void is_encoded(struct vec *v, const char *key, const struct sotto_genesis *g, bool params)
{
    static uint8_t bytes[4096];
    struct sotto_buf b = sotto_buf_make(sizeof bytes);
    enum sotto_err err = params ? sotto_params_encode(&b, &g->params) : sotto_allocs_encode(&b, g->allocs, g->alloc_count);
    size_t size = b.size;
    if (err == SOTTO_OK) memcpy(bytes, b.data, size);
    sotto_buf_free(&b);
    VEC_OK(v, err);
    vec_is_hex(v, v->in, key, bytes, size);
}

static void is_decoded(struct vec *v, const struct sotto_block_id *id)
{
    struct sotto_genesis g;
    VEC_OK(v, sotto_genesis_decode(&g, vec_bytes(v, v->in, "header"), vec_bytes(v, v->in, "params_bytes"), vec_bytes(v, v->in, "alloc_bytes")));
    bool same = sotto_block_id_equal(&g.id, id);
    sotto_genesis_free(&g);
    VEC_CHECK(v, same);
}

void vec_ledger_genesis(struct vec *v)
{
    static struct vec_genesis_lists lists;
    struct sotto_genesis g;
    struct sotto_state_parts parts;
    uint8_t header[SOTTO_HEADER_SIZE], hash[32], contract[20];
    vec_genesis_of(v, &g, &lists);
    VEC_OK(v, sotto_genesis_seal(&g));
    vec_is_num(v, vec_get(v, v->in, "params"), "issued", g.params.issued.cong);
    is_encoded(v, "params_bytes", &g, true);
    is_encoded(v, "alloc_bytes", &g, false);
    sotto_header_put(header, &g.header);
    vec_is_hex(v, v->in, "header", header, sizeof header);
    vec_is_hex(v, v->in, "genesis_id", g.id.b, sizeof g.id.b);
    sotto_registry_contract(contract, g.id.b);
    vec_is_hex(v, v->in, "contract", contract, sizeof contract);
    sotto_chain_domain(hash, &g.params, &g.id);
    vec_is_hex(v, v->in, "domain", hash, sizeof hash);
    sotto_alloc_txid(hash, &g.id);
    vec_is_hex(v, v->in, "alloc_txid", hash, sizeof hash);
    VEC_OK(v, sotto_genesis_state(&g, &parts, hash));
    vec_is_hex(v, v->in, "params_root", parts.params, sizeof parts.params);
    vec_is_hex(v, v->in, "coins", parts.coins, sizeof parts.coins);
    vec_is_hex(v, v->in, "state_root", hash, sizeof hash);
    is_decoded(v, &g.id);
}

static void is_coin(struct vec *v, struct sotto_coins_digest *digest, const json_t *one, const json_t *record)
{
    uint8_t bytes[256];
    struct sotto_coin c = { .height = up_to(v, one, "height", INT32_MAX), .coinbase = up_to(v, one, "coinbase", 1) }, back;
    vec_mark(v, one);
    vec_hex(v, one, "txid", c.at.txid, 32);
    c.at.index = up_to(v, one, "index", UINT32_MAX);
    c.out.value = amount(v, one, "value");
    c.out.script = vec_bytes(v, one, "script");
    struct sotto_buf b = sotto_buf_make(sizeof bytes);
    enum sotto_err err = sotto_coin_add(&b, &c);
    size_t size = b.size;
    if (err == SOTTO_OK) memcpy(bytes, b.data, size);
    sotto_buf_free(&b);
    VEC_OK(v, err);
    vec_is_hex_value(v, record, "coin_records", bytes, size);
    struct sotto_reader r = sotto_reader(sotto_span(bytes, size));
    VEC_OK(v, sotto_coin_take(&back, &r));
    VEC_OK(v, sotto_take_end(&r));
    VEC_CHECK(v, back.height == c.height && back.coinbase == c.coinbase && back.out.value.cong == c.out.value.cong && sotto_outpoint_equal(&back.at, &c.at)
                     && sotto_span_equal(back.out.script, c.out.script));
    sotto_coins_made(digest, &c);
}

void vec_ledger_state(struct vec *v)
{
    enum { CODES_MAX = 64 };
    struct sotto_block_id block;
    struct sotto_state_parts parts;
    struct sotto_coins_digest digest;
    uint16_t codes[CODES_MAX];
    uint8_t before[32], root[32];
    json_t *list = vec_get(v, v->in, "codes"), *made = vec_get(v, v->in, "made"), *records = vec_get(v, v->in, "coin_records"), *one;
    size_t i;
    VEC_CHECK(v, json_array_size(list) <= CODES_MAX && json_array_size(records) == json_array_size(made));
    json_array_foreach(list, i, one) {
        VEC_CHECK(v, json_is_integer(one) && json_integer_value(one) >= 0 && json_integer_value(one) <= UINT16_MAX);
        vec_mark(v, one);
        codes[i] = (uint16_t)json_integer_value(one);
    }
    sotto_results_root(parts.results, codes, i);
    vec_is_hex(v, v->in, "results_root", parts.results, 32);
    sotto_coins_begin(&digest);
    json_array_foreach(vec_get(v, v->in, "spent"), i, one) {
        struct sotto_span at = vec_bytes_value(v, one, "spent");
        struct sotto_outpoint point;
        VEC_CHECK(v, at.size == 36);
        memcpy(point.txid, at.data, 32);
        point.index = sotto_le32(at.data + 32);
        sotto_coins_spent(&digest, &point);
    }
    json_array_foreach(made, i, one) is_coin(v, &digest, one, json_array_get(records, i));
    vec_hex(v, v->in, "coins_before", before, sizeof before);
    sotto_coins_end(&digest, parts.coins, before, up_to(v, v->in, "height", UINT32_MAX));
    vec_is_hex(v, v->in, "coins_after", parts.coins, 32);
    vec_hex(v, v->in, "block_id", block.b, sizeof block.b);
    vec_hex(v, v->in, "registry_root", parts.registry, 32);
    vec_hex(v, v->in, "params_root", parts.params, 32);
    vec_hex(v, v->in, "snap_root", parts.snap, 32);
    sotto_state_root(root, &block, &parts);
    vec_is_hex(v, v->in, "state_root", root, sizeof root);
}
