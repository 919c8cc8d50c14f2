/* ledger.json: whole chains, block by block: the codes of their transactions, the roots after each; taken off again and put back. */
#include "vec_genesis.h"

#include "ledger/ram.h"

enum { BLOCKS = 7, BLOCKS_MAX = 16 };

/* A fault jumps: what a case left is freed by the next. */
static struct {
    struct sotto_ram *ram;
    struct sotto_script *machine;
    struct sotto_block blocks[BLOCKS_MAX];
    struct sotto_delta delta;
} held;

static void drop(void)
{
    sotto_ram_free(held.ram);
    sotto_script_free(held.machine);
    for (unsigned i = 0; i < BLOCKS_MAX; i++) sotto_block_free(&held.blocks[i]);
    sotto_delta_free(&held.delta);
    memset(&held, 0, sizeof held);
}

static void is_root(struct vec *v, const json_t *object, const char *key, const uint8_t root[32]) { vec_is_hex(v, object, key, root, 32); }

static void is_state(struct vec *v, const json_t *one)
{
    uint8_t root[32];
    const struct sotto_view *view = sotto_ram_view(held.ram);
    vec_is_hex(v, one, "id", view->tip_id.b, 64);
    is_root(v, one, "state_root", view->state_root);
    is_root(v, one, "coins", view->coins);
    sotto_smt_root(root, view->registry);
    is_root(v, one, "registry_root", root);
    vec_is_num(v, one, "records", sotto_ram_records(held.ram));
    vec_is_num(v, one, "coin_count", sotto_ram_coins(held.ram));
}

static void take_block(struct vec *v, const json_t *one, unsigned i)
{
    struct sotto_block *b = &held.blocks[i];
    const struct sotto_view *view = sotto_ram_view(held.ram);
    json_t *codes = vec_get(v, one, "codes"), *code;
    size_t k;
    if (b->count == 0 && !b->txs) VEC_OK(v, sotto_block_decode(b, vec_bytes(v, one, "bytes"), view->params->max_block_bytes));
    struct sotto_chain_rule rule = { .engine = (enum sotto_engine)view->params->engine, .bits = view->params->bits, .median_ms = view->median_ms,
                                     .clock_ms = UINT64_MAX };
    VEC_OK(v, sotto_header_follows(&b->header, &view->tip, &rule));
    VEC_OK(v, sotto_ledger_process(view, b, held.machine));
    VEC_OK(v, sotto_ledger_finalize(&held.delta, view, b, held.machine));
    VEC_CHECK(v, json_array_size(codes) == held.delta.code_count);
    json_array_foreach(codes, k, code) {
        vec_mark(v, code);
        if (!json_is_integer(code) || json_integer_value(code) != held.delta.codes[k]) vec_fault(v, "codes.%zu: computed %u", k, held.delta.codes[k]);
    }
    VEC_OK(v, sotto_ram_commit(held.ram, &held.delta));
    is_state(v, one);
}

void vec_ledger_golden(struct vec *v)
{
    struct sotto_genesis g;
    struct vec_genesis_lists lists;
    json_t *blocks = vec_get(v, v->in, "blocks"), *one;
    size_t i, count = json_array_size(blocks);
    drop();
    vec_genesis_of(v, &g, &lists);
    VEC_CHECK(v, count == BLOCKS);
    VEC_OK(v, sotto_genesis_seal(&g));
    vec_is_num(v, vec_get(v, v->in, "params"), "issued", g.params.issued.cong);
    vec_is_hex(v, v->in, "genesis_id", g.id.b, 64);
    VEC_OK(v, sotto_script_new(&held.machine));
    VEC_OK(v, sotto_ram_new(&held.ram, &g, 64, BLOCKS_MAX));
    is_root(v, v->in, "state_root_0", sotto_ram_view(held.ram)->state_root);
    json_array_foreach(blocks, i, one) {
        vec_mark(v, one);
        take_block(v, one, (unsigned)i);
    }
    for (i = count; i-- > 0;) {                   /* back to the start, with every state on the way */
        VEC_OK(v, sotto_ram_undo(held.ram));
        if (i > 0) is_state(v, json_array_get(blocks, i - 1));
    }
    is_root(v, v->in, "state_root_0", sotto_ram_view(held.ram)->state_root);
    VEC_CHECK(v, sotto_ram_undo(held.ram) == SOTTO_B_DEEP);
    json_array_foreach(blocks, i, one) take_block(v, one, (unsigned)i);
}
