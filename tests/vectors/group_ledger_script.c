/* ledger.json: whole runs of scripts, OP_EXPONENT. */
#include "vec.h"

#include "ledger/spend.h"

/* One machine for all cases, as a node has it: a case must leave nothing behind that another one sees. */
static struct sotto_script *machine(struct vec *v)
{
    static struct sotto_script *m;
    if (!m) VEC_OK(v, sotto_script_new(&m));
    return m;
}

void vec_ledger_script_run(struct vec *v)
{
    static uint8_t arena_bytes[SOTTO_TX_ARENA_MAX] __attribute__((aligned(16)));
    struct sotto_tx_arena arena = { arena_bytes, sizeof arena_bytes, 0 };
    struct sotto_tx_out spent[8];
    struct sotto_tx tx;
    struct sotto_sighash s;
    uint8_t genesis_id[64];
    uint64_t units = UINT64_MAX;
    const json_t *one, *list = vec_get(v, v->in, "spent");
    size_t i;
    vec_str(v, v->in, "note");
    vec_hex(v, v->in, "genesis_id", genesis_id, sizeof genesis_id);
    VEC_OK(v, sotto_tx_decode(&tx, &arena, vec_bytes(v, v->in, "tx")));
    uint64_t index = vec_num(v, v->in, "input");
    if (json_array_size(list) != tx.in_count || tx.in_count > 8 || index >= tx.in_count) vec_fault(v, "spent is not one coin an input");
    json_array_foreach(list, i, one) {
        vec_mark(v, one);
        VEC_OK(v, sotto_amount_make(&spent[i].value, vec_u64(v, one, "value")));
        spent[i].script = vec_bytes(v, one, "script");
    }
    sotto_sighash_init(&s, genesis_id, &tx, spent);
    enum sotto_err err = sotto_spend_check(machine(v), &units, &s, (uint32_t)index, SOTTO_SCRIPT_UNITS_MAX, NULL);
    if (vec_refused(v)) {
        vec_is_error(v, err);
        VEC_CHECK(v, units == UINT64_MAX);
        return;
    }
    VEC_OK(v, err);
    vec_is_num(v, v->in, "units", units);
    if (units > 5000) return;                      /* the next two take as long again */
    VEC_OK(v, sotto_spend_check(machine(v), &units, &s, (uint32_t)index, units, NULL));
    VEC_CHECK(v, sotto_spend_check(machine(v), &units, &s, (uint32_t)index, units - 1, NULL) == SOTTO_S_COST);
}

static void keep_top(void *of, const struct sotto_script_step *step)
{
    struct sotto_buf *top = of;
    if (step->word.op != SOTTO_OPCODE_EXPONENT || step->fault != SOTTO_FAULT_NONE) return;
    top->size = 0;
    SOTTO_ASSERT(step->depth == 1 && sotto_buf_add_span(top, step->stack[0]) == SOTTO_OK);
}

/* The operands as elements of the stack, since a push holds less than 513 bytes need to. */
void vec_ledger_exponent(struct vec *v)
{
    static const uint8_t script[] = { SOTTO_OPCODE_EXPONENT };
    static uint8_t result[SOTTO_SCRIPT_ELEMENT_MAX];
    struct sotto_buf top = { result, 0, sizeof result, sizeof result };
    const struct sotto_script_watch watch = { &top, keep_top };
    const struct sotto_span operands[3] = { vec_bytes(v, v->in, "base"), vec_bytes(v, v->in, "exp"), vec_bytes(v, v->in, "mod") };
    uint64_t cost = sotto_script_exponent_cost(operands[0], operands[1], operands[2]);
    vec_is_num(v, v->in, "cost", cost);
    struct sotto_script *m = machine(v);
    for (uint64_t limit = cost; limit <= cost + 1; limit++) {         /* one for the word: once too little, once just enough */
        sotto_script_begin(m, &(struct sotto_script_setup){ .profile = &sotto_script_chain, .watch = &watch, .limit = limit });
        VEC_CHECK(v, sotto_script_stack_set(m, operands, 3));
        enum sotto_err err = sotto_script_err(sotto_script_eval(m, SOTTO_SPAN(script), 0, 0));
        bool form = err == SOTTO_S_EXP_SIZE || err == SOTTO_S_EXP_MINIMAL;            /* what is looked at before the price */
        if (limit == cost && !form) VEC_CHECK(v, err == SOTTO_S_COST);
        else if (vec_refused(v)) vec_is_error(v, err);
        else VEC_OK(v, err);
    }
    if (!vec_refused(v)) vec_is_hex(v, v->in, "result", top.data, top.size);
}
