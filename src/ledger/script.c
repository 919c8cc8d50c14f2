#include "ledger/script_impl.h"

#include "base/plant.h"

#include <stdlib.h>

#define GOOD SOTTO_OPCODE_GOOD
const struct sotto_script_profile sotto_script_chain = {
    .name = "chain",
    .ops = {
        [0x00 ... 0x4f] = GOOD, [0x51 ... 0x61] = GOOD, [0x63 ... 0x64] = GOOD, [0x67 ... 0x7d] = GOOD, [0x82] = GOOD, [0x87 ... 0x88] = GOOD,
        [0x8b ... 0x8c] = GOOD, [0x8f ... 0x94] = GOOD, [0x9a ... 0xaa] = GOOD, [0xac ... 0xaf] = GOOD, [0xb1 ... 0xb2] = GOOD, [0xc0] = GOOD,
    },
    .flags = SOTTO_SCRIPT_FIRST_PASS | SOTTO_SCRIPT_MINIMAL | SOTTO_SCRIPT_MINIMAL_IF | SOTTO_SCRIPT_DER | SOTTO_SCRIPT_LOW_S | SOTTO_SCRIPT_STRICT
           | SOTTO_SCRIPT_SHORT_KEYS | SOTTO_SCRIPT_DUMMY | SOTTO_SCRIPT_DUMMY_FIRST | SOTTO_SCRIPT_NULL_FAIL | SOTTO_SCRIPT_LOCK
           | SOTTO_SCRIPT_SEQUENCE | SOTTO_SCRIPT_ADDRESS,
    .cost = { .word = 1, .hash_block = 1, .key = 40, .exponent = true },
};
#undef GOOD

bool sotto_opcode_known(uint8_t op) { return sotto_script_chain.ops[op] == SOTTO_OPCODE_GOOD; }

static const struct { enum sotto_err err; const char *word; } faults[SOTTO_FAULT_COUNT] = {
#define FAULT_ROW(name, refusal, text) [SOTTO_FAULT_##name] = { SOTTO_##refusal, text },
    SOTTO_SCRIPT_FAULTS(FAULT_ROW)
#undef FAULT_ROW
};

enum sotto_err sotto_script_err(enum sotto_script_fault fault)
{
    SOTTO_ASSERT((unsigned)fault < SOTTO_FAULT_COUNT);
    return faults[fault].err;
}

const char *sotto_script_fault_word(enum sotto_script_fault fault)
{
    SOTTO_ASSERT((unsigned)fault < SOTTO_FAULT_COUNT);
    return faults[fault].word;
}

/* ---- the machine ---- */

enum sotto_err sotto_script_new(struct sotto_script **out)
{
    struct sotto_script *m = malloc(sizeof *m);
    if (!m) return SOTTO_ERR_NOMEM;
    sotto_script_begin(m, &(struct sotto_script_setup){ .profile = &sotto_script_chain });
    *out = m;
    return SOTTO_OK;
}

void sotto_script_free(struct sotto_script *m) { free(m); }

void sotto_script_begin(struct sotto_script *m, const struct sotto_script_setup *setup)
{
    m->setup = *setup;
    m->units = 0;
    m->main = m->alt = m->room_used = 0;
}

const struct sotto_span *sotto_script_stack(const struct sotto_script *m, size_t *depth)
{
    *depth = m->main;
    return m->cells;
}

uint64_t sotto_script_units(const struct sotto_script *m) { return m->units; }

bool sotto_script_stack_set(struct sotto_script *m, const struct sotto_span *elements, size_t depth)
{
    if (depth > SOTTO_SCRIPT_STACK_MAX) return false;
    if (depth) memmove(m->cells, elements, depth * sizeof *elements);
    m->main = depth;
    return true;
}

void script_put_bool(struct sotto_script *m, bool value)
{
    static const uint8_t one = 1;
    script_put(m, sotto_span(&one, value));
}

uint8_t *script_room(struct sotto_script *m, size_t size)
{
    SOTTO_ASSERT(size <= ROOM - m->room_used);
    uint8_t *at = m->room + m->room_used;
    m->room_used += size;
    return at;
}

void script_put_number(struct sotto_script *m, int64_t n)
{
    uint8_t bytes[SOTTO_SCRIPT_NUMBER_MAX];
    size_t size = sotto_script_number_put(bytes, n);
    uint8_t *at = script_room(m, size);
    if (size) memcpy(at, bytes, size);
    script_put(m, sotto_span(at, size));
}

enum sotto_script_fault script_number(const struct sotto_script *m, int64_t *out, size_t i, size_t max)
{
    return sotto_script_number(out, m->cells[m->main - i], max, script_flag(m, SOTTO_SCRIPT_MINIMAL)) ? SOTTO_FAULT_NONE : SOTTO_FAULT_NUMBER;
}

/* ---- one script ---- */

static void tell(const struct sotto_script *m, const struct sotto_script_word *word, size_t at, unsigned part, bool executed,
                 enum sotto_script_fault fault)
{
    if (!m->setup.watch) return;
    const struct sotto_script_step step = {
        m->script, at, *word, part, executed, fault, m->units, m->cells, m->main, m->cells + CELLS - m->alt, m->alt,
    };
    m->setup.watch->step(m->setup.watch->of, &step);
}

/* What can be said of a word without running it. */
static enum sotto_script_fault look(const struct sotto_script_profile *profile, const struct sotto_script_word *word, unsigned *ops, bool strict)
{
    if (word->data.size > SOTTO_SCRIPT_ELEMENT_MAX) return SOTTO_FAULT_ELEMENT;
    if (strict && word->op <= SOTTO_OPCODE_PUSHDATA4 && !sotto_script_minimal(word)) return SOTTO_FAULT_MINIMAL;
    if (strict && profile->ops[word->op] != SOTTO_OPCODE_GOOD) return SOTTO_FAULT_OPCODE;
    if (word->op > SOTTO_OPCODE_16 && ++*ops > SOTTO_SCRIPT_OPS_MAX) return SOTTO_FAULT_OPS;
    return SOTTO_FAULT_NONE;
}

static enum sotto_script_fault first_pass(const struct sotto_script_profile *profile, struct sotto_span script, bool push_only)
{
    struct sotto_script_word word;
    unsigned ops = 0;
    size_t at = 0;
    while (at < script.size) {
        if (!sotto_script_next(&word, script, &at)) return SOTTO_FAULT_PUSH;
        SOTTO_FAULT_TRY(look(profile, &word, &ops, true));
        if (push_only && !sotto_script_is_push(word.op)) return SOTTO_FAULT_PUSH_ONLY;
    }
    return SOTTO_FAULT_NONE;
}

/* Is the form of pushes a matter of those that are executed alone? */
static bool looks_later(const struct sotto_script *m)
{
    return (m->flags & (SOTTO_SCRIPT_MINIMAL | SOTTO_SCRIPT_FIRST_PASS)) == SOTTO_SCRIPT_MINIMAL;
}

static bool conditional(uint8_t op) { return op >= SOTTO_OPCODE_IF && op <= SOTTO_OPCODE_ENDIF; }

/* One word whose form is known to be good. */
static enum sotto_script_fault word_run(struct sotto_script *m, const struct sotto_script_word *word, size_t behind)
{
    uint8_t op = word->op, class = m->setup.profile->ops[op];
    bool executing = m->ifs_false == 0;
    SOTTO_FAULT_TRY(script_charge(m, m->setup.profile->cost.word));
    if (class == SOTTO_OPCODE_OFF) return SOTTO_FAULT_DISABLED;
    if (op == SOTTO_OPCODE_CODESEPARATOR && script_flag(m, SOTTO_SCRIPT_CONST_CODE)) return SOTTO_FAULT_SEPARATOR;
    if (class == SOTTO_OPCODE_FORBIDDEN || (executing && class == SOTTO_OPCODE_BAD)) return SOTTO_FAULT_OPCODE;
    if (sotto_script_is_push(op)) {
        if (!executing) return SOTTO_FAULT_NONE;
        if (looks_later(m) && op <= SOTTO_OPCODE_PUSHDATA4 && !sotto_script_minimal(word)) return SOTTO_FAULT_MINIMAL;
        script_put(m, sotto_script_pushed(word));
    } else if (executing || conditional(op)) {
        SOTTO_FAULT_TRY(script_exec(m, op, behind));
        if (executing && !conditional(op)) m->last = op;
    }
    return m->main + (SOTTO_PLANTED(SCRIPT_STACK_ALONE) ? 0 : m->alt) > SOTTO_SCRIPT_STACK_MAX ? SOTTO_FAULT_STACK_SIZE : SOTTO_FAULT_NONE;
}

enum sotto_script_fault sotto_script_eval(struct sotto_script *m, struct sotto_span script, uint32_t flags, unsigned part)
{
    const struct sotto_script_profile *profile = m->setup.profile;
    struct sotto_script_word word;
    if (script.size > SOTTO_SCRIPT_MAX) return SOTTO_FAULT_LONG;
    m->script = script;
    m->flags = profile->flags | flags;
    m->alt = m->code_from = 0;
    m->ops = m->ifs = m->ifs_false = 0;
    m->last = 0;
    for (size_t at = 0; at < script.size;) {
        size_t from = at;
        bool executed = m->ifs_false == 0;
        if (!sotto_script_next(&word, script, &at)) return SOTTO_FAULT_PUSH;
        if (!script_flag(m, SOTTO_SCRIPT_FIRST_PASS)) SOTTO_FAULT_TRY(look(profile, &word, &m->ops, false));
        enum sotto_script_fault fault = word_run(m, &word, at);
        tell(m, &word, from, part, executed, fault);
        if (fault != SOTTO_FAULT_NONE) return fault;
    }
    return m->ifs ? SOTTO_FAULT_IF : SOTTO_FAULT_NONE;
}

/* ---- both scripts of an input ---- */

static enum sotto_script_fault run(struct sotto_script *m, struct sotto_span unlock, struct sotto_span output)
{
    const struct sotto_script_profile *profile = m->setup.profile;
    if (unlock.size > SOTTO_SCRIPT_MAX || output.size > SOTTO_SCRIPT_MAX) return SOTTO_FAULT_LONG;
    SOTTO_FAULT_TRY(first_pass(profile, unlock, true));
    SOTTO_FAULT_TRY(first_pass(profile, output, false));
    SOTTO_FAULT_TRY(sotto_script_eval(m, unlock, 0, 0));
    SOTTO_FAULT_TRY(sotto_script_eval(m, output, 0, 1));
    if (m->main == 0 || !sotto_script_true(*script_top(m, 1))) return SOTTO_FAULT_FALSE;
    return m->main == 1 ? SOTTO_FAULT_NONE : SOTTO_FAULT_CLEAN;
}

enum sotto_err sotto_script_run(struct sotto_script *m, uint64_t *units, struct sotto_span unlock, struct sotto_span output,
                                const struct sotto_script_checker *checker, uint64_t limit, const struct sotto_script_watch *watch)
{
    sotto_script_begin(m, &(struct sotto_script_setup){ &sotto_script_chain, checker, watch, limit });
    enum sotto_script_fault fault = run(m, unlock, output);
    if (fault == SOTTO_FAULT_NONE) *units = m->units;
    return sotto_script_err(fault);
}
