/* Numbers: arithmetic on 32 bits, and OP_EXPONENT. */
#include "ledger/script_impl.h"

#include "crypto/modexp.h"

enum { OPERAND = 4 };                              /* bytes of a number that may be reckoned with; results may take one more */

static enum sotto_script_fault unary(struct sotto_script *m, uint8_t op)
{
    int64_t a;
    if (m->main < 1) return SOTTO_FAULT_STACK;
    SOTTO_FAULT_TRY(script_number(m, &a, 1, OPERAND));
    script_drop(m, 1);
    switch (op) {
    case SOTTO_OPCODE_1ADD: script_put_number(m, a + 1); break;
    case SOTTO_OPCODE_1SUB: script_put_number(m, a - 1); break;
    case SOTTO_OPCODE_NEGATE: script_put_number(m, -a); break;
    case SOTTO_OPCODE_ABS: script_put_number(m, a < 0 ? -a : a); break;
    case SOTTO_OPCODE_NOT: script_put_number(m, a == 0); break;
    default: script_put_number(m, a != 0); break;                /* 0NOTEQUAL */
    }
    return SOTTO_FAULT_NONE;
}

static int64_t reckon(uint8_t op, int64_t a, int64_t b)
{
    switch (op) {
    case SOTTO_OPCODE_ADD: return a + b;
    case SOTTO_OPCODE_SUB: return a - b;
    case SOTTO_OPCODE_BOOLAND: return a != 0 && b != 0;
    case SOTTO_OPCODE_BOOLOR: return a != 0 || b != 0;
    case SOTTO_OPCODE_NUMEQUAL:
    case SOTTO_OPCODE_NUMEQUALVERIFY: return a == b;
    case SOTTO_OPCODE_NUMNOTEQUAL: return a != b;
    case SOTTO_OPCODE_LESSTHAN: return a < b;
    case SOTTO_OPCODE_GREATERTHAN: return a > b;
    case SOTTO_OPCODE_LESSTHANOREQUAL: return a <= b;
    case SOTTO_OPCODE_GREATERTHANOREQUAL: return a >= b;
    case SOTTO_OPCODE_MIN: return a < b ? a : b;
    default: return a > b ? a : b;                 /* MAX */
    }
}

static enum sotto_script_fault binary(struct sotto_script *m, uint8_t op)
{
    int64_t a, b;
    if (m->main < 2) return SOTTO_FAULT_STACK;
    SOTTO_FAULT_TRY(script_number(m, &a, 2, OPERAND));
    SOTTO_FAULT_TRY(script_number(m, &b, 1, OPERAND));
    int64_t n = reckon(op, a, b);
    script_drop(m, 2);
    if (op != SOTTO_OPCODE_NUMEQUALVERIFY) script_put_number(m, n);
    else if (!n) return SOTTO_FAULT_NUMBER_VERIFY;
    return SOTTO_FAULT_NONE;
}

static enum sotto_script_fault within(struct sotto_script *m)
{
    int64_t n, least, bound;
    if (m->main < 3) return SOTTO_FAULT_STACK;
    SOTTO_FAULT_TRY(script_number(m, &n, 3, OPERAND));
    SOTTO_FAULT_TRY(script_number(m, &least, 2, OPERAND));
    SOTTO_FAULT_TRY(script_number(m, &bound, 1, OPERAND));
    script_drop(m, 3);
    script_put_bool(m, least <= n && n < bound);
    return SOTTO_FAULT_NONE;
}

enum sotto_script_fault script_arithmetic(struct sotto_script *m, uint8_t op)
{
    if (op <= SOTTO_OPCODE_0NOTEQUAL) return unary(m, op);
    return op == SOTTO_OPCODE_WITHIN ? within(m) : binary(m, op);
}

/* ---- OP_EXPONENT ---- */

static uint64_t bit_length(struct sotto_span n)
{
    size_t from = 0;
    while (from < n.size && n.data[from] == 0) from++;
    return from == n.size ? 0 : 8 * (uint64_t)(n.size - from) - (uint64_t)(__builtin_clz(n.data[from]) - 24);
}

/* Words of the modulus squared for a multiplication, one for each bit of the exponent, and 100 for what does not shrink with the modulus. */
uint64_t sotto_script_exponent_cost(struct sotto_span base, struct sotto_span exp, struct sotto_span mod)
{
    uint64_t bits = bit_length(base), of_mod = bit_length(mod);
    if (of_mod > bits) bits = of_mod;
    uint64_t w = (bits + 63) / 64;
    return 10 + ((w * w + 100) * bit_length(exp) + 999) / 1000;
}

static enum sotto_script_fault operand(struct sotto_span n)
{
    if (n.size > SOTTO_MODEXP_MAX) return SOTTO_FAULT_EXP_SIZE;
    return n.size && n.data[0] == 0 ? SOTTO_FAULT_EXP_MINIMAL : SOTTO_FAULT_NONE;
}

static bool below(struct sotto_span a, struct sotto_span b)
{
    if (a.size != b.size) return a.size < b.size;
    return a.size != 0 && memcmp(a.data, b.data, a.size) < 0;
}

enum sotto_script_fault script_exponent(struct sotto_script *m)
{
    if (m->main < 3) return SOTTO_FAULT_STACK;
    struct sotto_span base = *script_top(m, 3), exp = *script_top(m, 2), mod = *script_top(m, 1);
    SOTTO_FAULT_TRY(operand(base));
    SOTTO_FAULT_TRY(operand(exp));
    SOTTO_FAULT_TRY(operand(mod));
    if (m->setup.profile->cost.exponent) SOTTO_FAULT_TRY(script_charge(m, sotto_script_exponent_cost(base, exp, mod)));
    if (mod.size == 0 || !(mod.data[mod.size - 1] & 1) || (mod.size == 1 && mod.data[0] < 3)) return SOTTO_FAULT_EXP_MODULUS;
    if (!below(base, mod)) return SOTTO_FAULT_EXP_BASE;
    uint8_t result[SOTTO_MODEXP_MAX];
    size_t size;
    if (sotto_modexp(result, &size, base, exp, mod) != SOTTO_OK) return SOTTO_FAULT_NOMEM;
    uint8_t *at = script_room(m, size);
    if (size) memcpy(at, result, size);
    script_drop(m, 3);
    script_put(m, sotto_span(at, size));
    return SOTTO_FAULT_NONE;
}
