/* What each opcode does: conditions, stacks, comparison, hashes, time locks. Numbers: script_number.c; signatures: script_sig.c. */
#include "ledger/script_impl.h"

#include "crypto/hash.h"

#define SEQUENCE_OFF (INT64_C(1) << 31)            /* of CHECKSEQUENCEVERIFY: no lock at all */

/* ---- conditions: how many are open, and the outermost that is false ---- */

static enum sotto_script_fault begin_if(struct sotto_script *m, bool wanted)
{
    if (m->ifs_false == 0) {
        if (m->main < 1) return SOTTO_FAULT_STACK;
        struct sotto_span top = *script_top(m, 1);
        if (script_flag(m, SOTTO_SCRIPT_MINIMAL_IF) && top.size != 0 && (top.size != 1 || top.data[0] != 1)) return SOTTO_FAULT_MINIMAL_IF;
        script_drop(m, 1);
        if (sotto_script_true(top) != wanted) m->ifs_false = m->ifs + 1;
    }
    m->ifs++;
    return SOTTO_FAULT_NONE;
}

static enum sotto_script_fault turn_if(struct sotto_script *m)
{
    if (m->ifs == 0) return SOTTO_FAULT_IF;
    if (m->ifs_false == 0) m->ifs_false = m->ifs;
    else if (m->ifs_false == m->ifs) m->ifs_false = 0;
    return SOTTO_FAULT_NONE;
}

static enum sotto_script_fault end_if(struct sotto_script *m)
{
    if (m->ifs == 0) return SOTTO_FAULT_IF;
    if (m->ifs_false == m->ifs) m->ifs_false = 0;
    m->ifs--;
    return SOTTO_FAULT_NONE;
}

/* ---- the stack ---- */

/* How many elements a word of the stack's own needs. */
static size_t stack_need(uint8_t op)
{
    static const uint8_t need[] = {
        [SOTTO_OPCODE_TOALTSTACK] = 1, [SOTTO_OPCODE_2DROP] = 2, [SOTTO_OPCODE_2DUP] = 2, [SOTTO_OPCODE_3DUP] = 3, [SOTTO_OPCODE_2OVER] = 4,
        [SOTTO_OPCODE_2ROT] = 6,
        [SOTTO_OPCODE_2SWAP] = 4, [SOTTO_OPCODE_IFDUP] = 1, [SOTTO_OPCODE_DROP] = 1, [SOTTO_OPCODE_DUP] = 1, [SOTTO_OPCODE_NIP] = 2,
        [SOTTO_OPCODE_OVER] = 2, [SOTTO_OPCODE_PICK] = 2, [SOTTO_OPCODE_ROLL] = 2, [SOTTO_OPCODE_ROT] = 3, [SOTTO_OPCODE_SWAP] = 2,
        [SOTTO_OPCODE_TUCK] = 2,
    };
    return need[op];
}

/* The element i from the top moves to it, and those above one down. */
static void raise_to_top(struct sotto_script *m, size_t i)
{
    struct sotto_span moved = *script_top(m, i);
    memmove(script_top(m, i), script_top(m, i) + 1, (i - 1) * sizeof moved);
    *script_top(m, 1) = moved;
}

static enum sotto_script_fault pick(struct sotto_script *m, bool move)
{
    int64_t n;
    SOTTO_FAULT_TRY(script_number(m, &n, 1, 4));
    script_drop(m, 1);
    if (n < 0 || (uint64_t)n >= m->main) return SOTTO_FAULT_STACK;
    if (move) raise_to_top(m, (size_t)n + 1);
    else script_put(m, *script_top(m, (size_t)n + 1));
    return SOTTO_FAULT_NONE;
}

static enum sotto_script_fault stack(struct sotto_script *m, uint8_t op)
{
    if (m->main < stack_need(op)) return SOTTO_FAULT_STACK;
    switch (op) {
    case SOTTO_OPCODE_TOALTSTACK:
        m->alt++;
        m->cells[CELLS - m->alt] = *script_top(m, 1);
        script_drop(m, 1);
        break;
    case SOTTO_OPCODE_FROMALTSTACK:
        if (m->alt < 1) return SOTTO_FAULT_ALT_STACK;
        script_put(m, m->cells[CELLS - m->alt]);
        m->alt--;
        break;
    case SOTTO_OPCODE_2DROP: script_drop(m, 2); break;
    case SOTTO_OPCODE_3DUP: script_put(m, *script_top(m, 3)); script_put(m, *script_top(m, 3)); script_put(m, *script_top(m, 3)); break;
    case SOTTO_OPCODE_2DUP: script_put(m, *script_top(m, 2)); script_put(m, *script_top(m, 2)); break;
    case SOTTO_OPCODE_2OVER: script_put(m, *script_top(m, 4)); script_put(m, *script_top(m, 4)); break;
    case SOTTO_OPCODE_2ROT: raise_to_top(m, 6); raise_to_top(m, 6); break;
    case SOTTO_OPCODE_2SWAP: raise_to_top(m, 4); raise_to_top(m, 4); break;
    case SOTTO_OPCODE_IFDUP: if (sotto_script_true(*script_top(m, 1))) script_put(m, *script_top(m, 1)); break;
    case SOTTO_OPCODE_DEPTH: script_put_number(m, (int64_t)m->main); break;
    case SOTTO_OPCODE_DROP: script_drop(m, 1); break;
    case SOTTO_OPCODE_DUP: script_put(m, *script_top(m, 1)); break;
    case SOTTO_OPCODE_NIP: *script_top(m, 2) = *script_top(m, 1); script_drop(m, 1); break;
    case SOTTO_OPCODE_OVER: script_put(m, *script_top(m, 2)); break;
    case SOTTO_OPCODE_PICK: return pick(m, false);
    case SOTTO_OPCODE_ROLL: return pick(m, true);
    case SOTTO_OPCODE_ROT: raise_to_top(m, 3); break;
    case SOTTO_OPCODE_SWAP: raise_to_top(m, 2); break;
    default: {
        SOTTO_ASSERT(op == SOTTO_OPCODE_TUCK);
        struct sotto_span top = *script_top(m, 1);
        raise_to_top(m, 2);
        script_put(m, top);
    }
    }
    return SOTTO_FAULT_NONE;
}

/* ---- comparison, hashes, locks ---- */

static enum sotto_script_fault equal(struct sotto_script *m, bool verify)
{
    if (m->main < 2) return SOTTO_FAULT_STACK;
    bool same = sotto_span_equal(*script_top(m, 1), *script_top(m, 2));
    script_drop(m, 2);
    if (!verify) script_put_bool(m, same);
    else if (!same) return m->last == SOTTO_OPCODE_HASH160 && script_flag(m, SOTTO_SCRIPT_ADDRESS) ? SOTTO_FAULT_ADDRESS : SOTTO_FAULT_EQUAL_VERIFY;
    return SOTTO_FAULT_NONE;
}

static enum sotto_script_fault hash(struct sotto_script *m, uint8_t op)
{
    if (m->main < 1) return SOTTO_FAULT_STACK;
    struct sotto_span top = *script_top(m, 1);
    SOTTO_FAULT_TRY(script_charge(m, (uint64_t)m->setup.profile->cost.hash_block * ((top.size + 63) / 64)));
    size_t size = op == SOTTO_OPCODE_SHA256 || op == SOTTO_OPCODE_HASH256 ? 32 : 20;
    uint8_t *out = script_room(m, size);
    if (op == SOTTO_OPCODE_RIPEMD160) sotto_ripemd160(out, top);
    else if (op == SOTTO_OPCODE_SHA1) sotto_sha1(out, top);
    else if (op == SOTTO_OPCODE_SHA256) sotto_sha256(out, top);
    else if (op == SOTTO_OPCODE_HASH160) sotto_hash160(out, top);
    else sotto_sha256d(out, top);
    *script_top(m, 1) = sotto_span(out, size);
    return SOTTO_FAULT_NONE;
}

/* Both leave their number where it is. Without its flag each is the empty word it once was. */
static enum sotto_script_fault lock(struct sotto_script *m)
{
    int64_t n;
    if (!script_flag(m, SOTTO_SCRIPT_LOCK)) return SOTTO_FAULT_NONE;
    if (m->main < 1) return SOTTO_FAULT_STACK;
    SOTTO_FAULT_TRY(script_number(m, &n, 1, 5));
    if (n < 0) return SOTTO_FAULT_LOCK_NEGATIVE;
    return m->setup.checker->lock(m->setup.checker->of, (uint64_t)n) ? SOTTO_FAULT_NONE : SOTTO_FAULT_LOCK;
}

static enum sotto_script_fault sequence(struct sotto_script *m)
{
    int64_t n;
    if (!script_flag(m, SOTTO_SCRIPT_SEQUENCE)) return SOTTO_FAULT_NONE;
    if (m->main < 1) return SOTTO_FAULT_STACK;
    SOTTO_FAULT_TRY(script_number(m, &n, 1, 5));
    if (n < 0) return SOTTO_FAULT_LOCK_NEGATIVE;
    if (n & SEQUENCE_OFF) return SOTTO_FAULT_NONE;
    return m->setup.checker->sequence(m->setup.checker->of, (uint64_t)n) ? SOTTO_FAULT_NONE : SOTTO_FAULT_LOCK;
}

static enum sotto_script_fault verify(struct sotto_script *m)
{
    if (m->main < 1) return SOTTO_FAULT_STACK;
    if (!sotto_script_true(*script_top(m, 1))) return SOTTO_FAULT_VERIFY;
    script_drop(m, 1);
    return SOTTO_FAULT_NONE;
}

enum sotto_script_fault script_exec(struct sotto_script *m, uint8_t op, size_t behind)
{
    if (op >= SOTTO_OPCODE_TOALTSTACK && op <= SOTTO_OPCODE_TUCK) return stack(m, op);
    bool reckons = (op >= SOTTO_OPCODE_1ADD && op <= SOTTO_OPCODE_SUB) || (op >= SOTTO_OPCODE_BOOLAND && op <= SOTTO_OPCODE_WITHIN);
    if (reckons) return script_arithmetic(m, op);
    if (op >= SOTTO_OPCODE_RIPEMD160 && op <= SOTTO_OPCODE_HASH256) return hash(m, op);
    switch (op) {
    case SOTTO_OPCODE_NOP: return SOTTO_FAULT_NONE;
    case SOTTO_OPCODE_IF: return begin_if(m, true);
    case SOTTO_OPCODE_NOTIF: return begin_if(m, false);
    case SOTTO_OPCODE_ELSE: return turn_if(m);
    case SOTTO_OPCODE_ENDIF: return end_if(m);
    case SOTTO_OPCODE_VERIFY: return verify(m);
    case SOTTO_OPCODE_RETURN: return SOTTO_FAULT_RETURN;
    case SOTTO_OPCODE_SIZE:
        if (m->main < 1) return SOTTO_FAULT_STACK;
        script_put_number(m, (int64_t)script_top(m, 1)->size);
        return SOTTO_FAULT_NONE;
    case SOTTO_OPCODE_EQUAL: return equal(m, false);
    case SOTTO_OPCODE_EQUALVERIFY: return equal(m, true);
    case SOTTO_OPCODE_CODESEPARATOR: m->code_from = behind; return SOTTO_FAULT_NONE;
    case SOTTO_OPCODE_CHECKSIG: return script_check_sig(m, false);
    case SOTTO_OPCODE_CHECKSIGVERIFY: return script_check_sig(m, true);
    case SOTTO_OPCODE_CHECKMULTISIG: return script_check_multisig(m, false);
    case SOTTO_OPCODE_CHECKMULTISIGVERIFY: return script_check_multisig(m, true);
    case SOTTO_OPCODE_CHECKLOCKTIMEVERIFY: return lock(m);
    case SOTTO_OPCODE_CHECKSEQUENCEVERIFY: return sequence(m);
    case SOTTO_OPCODE_EXPONENT: return script_exponent(m);
    default:                                       /* NOP1, NOP4 to NOP10: a profile has no other word that is good */
        SOTTO_ASSERT(op == SOTTO_OPCODE_NOP1 || (op >= SOTTO_OPCODE_NOP4 && op <= SOTTO_OPCODE_NOP10));
        return script_flag(m, SOTTO_SCRIPT_NO_NOPS) ? SOTTO_FAULT_NOPS : SOTTO_FAULT_NONE;
    }
}
