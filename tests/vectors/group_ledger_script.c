/* ledger.json: scripts: whole runs, OP_EXPONENT, text, templates, and the groups these name. */
#include "vec.h"

#include "ledger/script_text.h"
#include "ledger/spend.h"
#include "ledger/template.h"

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

/* ---- text ---- */

enum { TEXT_MAX = 4 * SOTTO_SCRIPT_MAX };

void vec_ledger_script_text(struct vec *v)
{
    static uint8_t script_room[SOTTO_SCRIPT_MAX], text_room[TEXT_MAX + 1];
    struct sotto_buf script = { script_room, 0, sizeof script_room, sizeof script_room }, text = { text_room, 0, TEXT_MAX, TEXT_MAX };
    enum sotto_err err = sotto_script_assemble(&script, sotto_span_str(vec_str(v, v->in, "text")));
    if (vec_refused(v)) {
        vec_is_error(v, err);
        VEC_CHECK(v, script.size == 0);
        return;
    }
    VEC_OK(v, err);
    vec_is_hex(v, v->in, "bytes", script.data, script.size);
    VEC_OK(v, sotto_script_disassemble(&text, sotto_buf_span(&script), SOTTO_SCRIPT_PLAIN));
    text_room[text.size] = 0;
    vec_is_str(v, v->in, "canonical", (const char *)text_room);
}

/* ---- templates ---- */

static void is_h160(struct vec *v, const char *key, const struct sotto_h160 *hash) { vec_is_hex(v, v->in, key, hash->b, sizeof hash->b); }

static void is_lock(struct vec *v, const struct sotto_lock *lock)
{
    vec_is_hex(v, v->in, "commit", lock->commit, sizeof lock->commit);
    is_h160(v, "payee", &lock->payee);
    is_h160(v, "refund", &lock->refund);
    vec_is_num(v, v->in, "expiry", lock->expiry);
}

/* Read from its bytes, every value compared; then made again from what was read. */
void vec_ledger_templates(struct vec *v)
{
    static const char *const names[] = { "p2pkh", "data", "multisig", "key_lock", "dh_lock" };
    static uint8_t room[SOTTO_SCRIPT_MAX];
    struct sotto_buf made = { room, 0, sizeof room, sizeof room };
    struct sotto_template t;
    struct sotto_span script = vec_bytes(v, v->in, "script");
    VEC_CHECK(v, sotto_template_read(&t, script));
    vec_is_str(v, v->in, "name", names[t.kind]);
    if (t.kind == SOTTO_TEMPLATE_P2PKH) is_h160(v, "hash", &t.hash);
    else if (t.kind == SOTTO_TEMPLATE_DATA) vec_is_hex(v, v->in, "data", t.data.data, t.data.size);
    else is_lock(v, &t.lock);
    if (t.kind == SOTTO_TEMPLATE_DH_LOCK) {
        vec_is_hex(v, v->in, "A", t.share.data, t.share.size);
        vec_is_num(v, v->in, "group", t.group);
    }
    VEC_OK(v, sotto_template_make(&made, &t));
    VEC_CHECK(v, sotto_span_equal(sotto_buf_span(&made), script));
}

void vec_ledger_groups(struct vec *v)
{
    uint64_t suite = vec_num(v, v->in, "suite");
    if (!sotto_group_known((unsigned)suite) || suite > UINT32_MAX) vec_fault(v, "no such group");
    struct sotto_span p = sotto_group_p((enum sotto_group)suite);
    vec_is_hex(v, v->in, "p", p.data, p.size);
}
