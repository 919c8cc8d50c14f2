#include "ledger/btc_script.h"

#include "crypto/ecdsa.h"
#include "crypto/hash.h"
#include "ledger/spend.h"

#define GOOD SOTTO_OPCODE_GOOD
#define OFF SOTTO_OPCODE_OFF
#define FORBIDDEN SOTTO_OPCODE_FORBIDDEN
const struct sotto_script_profile sotto_script_bitcoin = {
    .name = "bitcoin",
    .ops = {
        [0x00 ... 0x4f] = GOOD, [0x51 ... 0x61] = GOOD, [0x63 ... 0x64] = GOOD, [0x65 ... 0x66] = FORBIDDEN, [0x67 ... 0x7d] = GOOD, [0x7e ... 0x81] = OFF,
        [0x82] = GOOD, [0x83 ... 0x86] = OFF, [0x87 ... 0x88] = GOOD, [0x8b ... 0x8c] = GOOD, [0x8d ... 0x8e] = OFF, [0x8f ... 0x94] = GOOD,
        [0x95 ... 0x99] = OFF, [0x9a ... 0xb9] = GOOD,
    },
    .flags = SOTTO_SCRIPT_COUNT_KEYS,
};

bool sotto_btc_flags(uint32_t *out, const char *names)
{
    static const struct { const char *name; uint32_t flag; } rows[] = {
#define FLAG_ROW(name, flag) { #name, flag },
        SOTTO_BTC_FLAGS(FLAG_ROW)
#undef FLAG_ROW
        { "NONE", 0 },
    };
    uint32_t flags = 0;
    while (*names) {
        size_t size = strcspn(names, ","), i = 0, count = sizeof rows / sizeof *rows;
        while (i < count && (strlen(rows[i].name) != size || memcmp(rows[i].name, names, size) != 0)) i++;
        if (i == count) return false;
        flags |= rows[i].flag;
        names += size + (names[size] == ',');
    }
    *out = flags;
    return true;
}

/* ---- the checker ---- */

struct asked {
    const struct sotto_btc_spend *spend;
    bool v0;                                       /* a witness script runs */
    bool const_code;                               /* a signature within the script it signs ends it */
    struct sotto_buf code, other;                  /* what is signed of the script */
};

/* Old signatures came in any form that one library once read: lengths may be long or wrong, numbers negative or padded, anything may follow. */
static bool loose_length(struct sotto_reader *r, size_t *out)
{
    uint8_t first, next;
    if (sotto_get_u8(r, &first) != SOTTO_OK) return false;
    *out = first;
    if (!(first & 0x80)) return true;
    size_t bytes = first & 0x7f;
    if (bytes > sotto_reader_left(r)) return false;
    for (; bytes > 0 && *r->at == 0; bytes--) r->at++;
    if (bytes >= 4) return false;
    for (*out = 0; bytes > 0; bytes--) {
        if (sotto_get_u8(r, &next) != SOTTO_OK) return false;
        *out = *out << 8 | next;
    }
    return true;
}

/* Right-aligned in 32 bytes; *fits: it has no more. */
static bool loose_number(struct sotto_reader *r, uint8_t out[32], bool *fits)
{
    uint8_t tag;
    size_t size;
    struct sotto_span n;
    if (sotto_get_u8(r, &tag) != SOTTO_OK || tag != 2 || !loose_length(r, &size) || sotto_get_span(r, &n, size) != SOTTO_OK) return false;
    while (n.size && n.data[0] == 0) n = sotto_span_cut(n, 1, n.size - 1);
    if (n.size > 32) {
        *fits = false;
        return true;
    }
    memset(out, 0, 32 - n.size);
    if (n.size) memcpy(out + 32 - n.size, n.data, n.size);
    return true;
}

static bool loose_der(uint8_t rs[64], struct sotto_span der)
{
    struct sotto_reader r = sotto_reader(der);
    uint8_t tag, length;
    bool fits = true;
    if (sotto_get_u8(&r, &tag) != SOTTO_OK || tag != 0x30 || sotto_get_u8(&r, &length) != SOTTO_OK) return false;
    if (length & 0x80) {
        struct sotto_span ignored;
        if (sotto_get_span(&r, &ignored, length & 0x7f) != SOTTO_OK) return false;
    }
    return loose_number(&r, rs, &fits) && loose_number(&r, rs + 32, &fits) && fits;
}

static enum sotto_script_fault check_sig(void *of, struct sotto_span sig, struct sotto_span key)
{
    struct asked *a = of;
    uint8_t rs[64], digest[32], type = sig.data[sig.size - 1];
    if (!loose_der(rs, sotto_span(sig.data, sig.size - 1))) return SOTTO_FAULT_SIGNATURE;
    struct sotto_span code = sotto_buf_span(&a->code);
    if (a->v0) {
        struct sotto_btc_v0 v;
        sotto_btc_v0_init(&v, a->spend->tx);
        sotto_btc_v0_digest(&v, digest, a->spend->index, code, a->spend->value, type);
    } else {
        sotto_btc_sighash(digest, a->spend->tx, a->spend->index, code, type);
    }
    return sotto_rs_verify(rs, key, digest) == SOTTO_OK ? SOTTO_FAULT_NONE : SOTTO_FAULT_SIGNATURE;
}

/* The signature as the script would push it, by its length alone. */
static enum sotto_err add_push(struct sotto_buf *out, struct sotto_span data)
{
    uint8_t head[3] = { (uint8_t)data.size };
    size_t size = 1;
    if (data.size > UINT8_MAX) {
        head[0] = SOTTO_OPCODE_PUSHDATA2, head[1] = (uint8_t)data.size, head[2] = (uint8_t)(data.size >> 8);
        size = 3;
    } else if (data.size >= SOTTO_OPCODE_PUSHDATA1) {
        head[0] = SOTTO_OPCODE_PUSHDATA1, head[1] = (uint8_t)data.size;
        size = 2;
    }
    SOTTO_TRY(sotto_buf_add(out, head, size));
    return sotto_buf_add_span(out, data);
}

static enum sotto_err delete(struct asked *a, struct sotto_span sig)
{
    struct sotto_buf pattern = sotto_buf_make(SOTTO_SCRIPT_MAX);
    enum sotto_err err = add_push(&pattern, sig);
    a->other.size = 0;
    if (err == SOTTO_OK) err = sotto_btc_find_and_delete(&a->other, sotto_buf_span(&a->code), sotto_buf_span(&pattern));
    sotto_buf_free(&pattern);
    struct sotto_buf done = a->other;
    a->other = a->code;
    a->code = done;
    return err;
}

static enum sotto_script_fault take_code(void *of, struct sotto_span code, const struct sotto_span *sigs, size_t count)
{
    struct asked *a = of;
    a->code.size = 0;
    if (sotto_buf_add_span(&a->code, code) != SOTTO_OK) return SOTTO_FAULT_NOMEM;
    for (size_t i = count; i-- > 0 && !a->v0;) {
        size_t before = a->code.size;
        if (delete(a, sigs[i]) != SOTTO_OK) return SOTTO_FAULT_NOMEM;
        if (a->const_code && a->code.size != before) return SOTTO_FAULT_FIND_AND_DELETE;
    }
    return SOTTO_FAULT_NONE;
}

static bool check_lock(void *of, uint64_t n)
{
    const struct asked *a = of;
    return sotto_lock_reached(n, a->spend->tx->lock, a->spend->tx->ins[a->spend->index].sequence);
}

static bool check_sequence(void *of, uint64_t n)
{
    const struct asked *a = of;
    return a->spend->tx->version >= 2 && sotto_sequence_reached(n, a->spend->tx->ins[a->spend->index].sequence);
}

/* ---- what an output script may stand for ---- */

static bool is_p2sh(struct sotto_span s)
{
    return s.size == 23 && s.data[0] == SOTTO_OPCODE_HASH160 && s.data[1] == 20 && s.data[22] == SOTTO_OPCODE_EQUAL;
}

static bool is_program(struct sotto_span s, unsigned *version, struct sotto_span *program)
{
    if (s.size < 4 || s.size > 42 || s.data[1] + 2u != s.size) return false;
    if (s.data[0] != SOTTO_OPCODE_0 && (s.data[0] < SOTTO_OPCODE_1 || s.data[0] > SOTTO_OPCODE_16)) return false;
    *version = s.data[0] ? s.data[0] - SOTTO_OPCODE_1 + 1u : 0;
    *program = sotto_span_cut(s, 2, s.size - 2);
    return true;
}

/* Pushes by their bytes alone: here 50 counts as one. */
static bool push_only(struct sotto_span script)
{
    struct sotto_script_word word;
    size_t at = 0;
    while (at < script.size)
        if (!sotto_script_next(&word, script, &at) || word.op > SOTTO_OPCODE_16) return false;
    return true;
}

/* ---- one input ---- */

struct run { struct sotto_script *m; struct asked *asked; uint32_t flags; };

static enum sotto_script_fault eval_old(const struct run *r, struct sotto_span script, unsigned part)
{
    r->asked->v0 = false;
    return sotto_script_eval(r->m, script, r->flags & ~(SOTTO_SCRIPT_MINIMAL_IF | SOTTO_SCRIPT_SHORT_KEYS), part);
}

static enum sotto_script_fault ends_true(const struct run *r)
{
    size_t depth;
    const struct sotto_span *stack = sotto_script_stack(r->m, &depth);
    return depth && sotto_script_true(stack[depth - 1]) ? SOTTO_FAULT_NONE : SOTTO_FAULT_FALSE;
}

static enum sotto_script_fault eval_v0(const struct run *r, struct sotto_span script, const struct sotto_span *items, size_t count)
{
    size_t depth;
    for (size_t i = 0; i < count; i++)
        if (items[i].size > SOTTO_SCRIPT_ELEMENT_MAX) return SOTTO_FAULT_ELEMENT;
    if (!sotto_script_stack_set(r->m, items, count)) return SOTTO_FAULT_STACK_SIZE;
    r->asked->v0 = true;
    SOTTO_FAULT_TRY(sotto_script_eval(r->m, script, r->flags & ~SOTTO_SCRIPT_CONST_CODE, 3));
    sotto_script_stack(r->m, &depth);
    if (depth != 1) return SOTTO_FAULT_CLEAN;
    return ends_true(r);
}

static enum sotto_script_fault program_v0(const struct run *r, struct sotto_span program)
{
    const struct sotto_btc_in *in = &r->asked->spend->tx->ins[r->asked->spend->index];
    if (program.size == 20) {                      /* stands for the script that pays to this hash of a key */
        uint8_t script[25] = { SOTTO_OPCODE_DUP, SOTTO_OPCODE_HASH160, 20, [23] = SOTTO_OPCODE_EQUALVERIFY, SOTTO_OPCODE_CHECKSIG };
        memcpy(script + 3, program.data, 20);
        return in->witness_count == 2 ? eval_v0(r, SOTTO_SPAN(script), in->witness, 2) : SOTTO_FAULT_WITNESS_MISMATCH;
    }
    if (program.size != 32) return SOTTO_FAULT_WITNESS_LENGTH;
    if (in->witness_count == 0) return SOTTO_FAULT_WITNESS_EMPTY;
    struct sotto_span script = in->witness[in->witness_count - 1];
    uint8_t hash[32];
    sotto_sha256(hash, script);
    if (memcmp(hash, program.data, 32) != 0) return SOTTO_FAULT_WITNESS_MISMATCH;
    return eval_v0(r, script, in->witness, in->witness_count - 1);
}

/* Programs of version 1 with 32 bytes (taproot) and with the two of an anchor are known to others: never discouraged. */
static enum sotto_script_fault program_run(const struct run *r, unsigned version, struct sotto_span program, bool in_p2sh)
{
    static const uint8_t anchor[2] = { 0x4e, 0x73 };
    static const uint8_t one = 1;
    bool of_others = version == 1 && !in_p2sh && (program.size == 32 || sotto_span_equal(program, SOTTO_SPAN(anchor)));
    if (version == 0) SOTTO_FAULT_TRY(program_v0(r, program));
    else if (!of_others && (r->flags & SOTTO_BTC_KNOWN_WITNESS)) return SOTTO_FAULT_WITNESS_NEW;
    bool set = sotto_script_stack_set(r->m, &(struct sotto_span){ &one, 1 }, 1);         /* whatever is left is no matter of CLEANSTACK */
    SOTTO_ASSERT(set);
    return SOTTO_FAULT_NONE;
}

/* The script that the last push of the unlocking script holds; stack: as it was before the output script ran. */
static enum sotto_script_fault p2sh(const struct run *r, bool *witness, struct sotto_span unlock, const struct sotto_span *stack, size_t depth)
{
    unsigned version = 0;
    struct sotto_span program = { NULL, 0 };
    SOTTO_ASSERT(depth > 0);                       /* the output script took the hash of the top */
    struct sotto_span script = stack[depth - 1];
    if (!push_only(unlock)) return SOTTO_FAULT_PUSH_ONLY;
    bool set = sotto_script_stack_set(r->m, stack, depth - 1);
    SOTTO_ASSERT(set);
    SOTTO_FAULT_TRY(eval_old(r, script, 2));
    SOTTO_FAULT_TRY(ends_true(r));
    if (!(r->flags & SOTTO_BTC_WITNESS) || !is_program(script, &version, &program)) return SOTTO_FAULT_NONE;
    *witness = true;
    if (unlock.size != 1 + script.size || unlock.data[0] != script.size) return SOTTO_FAULT_WITNESS_MALLEATED_P2SH;     /* that push alone */
    return program_run(r, version, program, true);
}

static enum sotto_script_fault verify(const struct run *r)
{
    const struct sotto_btc_spend *spend = r->asked->spend;
    const struct sotto_btc_in *in = &spend->tx->ins[spend->index];
    struct sotto_span before[SOTTO_SCRIPT_STACK_MAX] = { { NULL, 0 } }, program = { NULL, 0 };
    size_t depth;
    unsigned version = 0;
    bool witness = false;
    if ((r->flags & SOTTO_BTC_PUSH_ONLY) && !push_only(in->script)) return SOTTO_FAULT_PUSH_ONLY;
    SOTTO_FAULT_TRY(eval_old(r, in->script, 0));
    const struct sotto_span *stack = sotto_script_stack(r->m, &depth);
    if (depth) memcpy(before, stack, depth * sizeof *before);
    SOTTO_FAULT_TRY(eval_old(r, spend->output, 1));
    SOTTO_FAULT_TRY(ends_true(r));
    if ((r->flags & SOTTO_BTC_WITNESS) && is_program(spend->output, &version, &program)) {
        witness = true;
        if (in->script.size) return SOTTO_FAULT_WITNESS_MALLEATED;
        SOTTO_FAULT_TRY(program_run(r, version, program, false));
    }
    if ((r->flags & SOTTO_BTC_P2SH) && is_p2sh(spend->output)) SOTTO_FAULT_TRY(p2sh(r, &witness, in->script, before, depth));
    sotto_script_stack(r->m, &depth);
    if ((r->flags & SOTTO_BTC_CLEAN) && depth != 1) return SOTTO_FAULT_CLEAN;
    return (r->flags & SOTTO_BTC_WITNESS) && !witness && in->witness_count ? SOTTO_FAULT_WITNESS_UNEXPECTED : SOTTO_FAULT_NONE;
}

enum sotto_script_fault sotto_btc_verify(struct sotto_script *m, const struct sotto_btc_spend *spend, uint32_t flags,
                                         const struct sotto_script_watch *watch)
{
    SOTTO_ASSERT(spend->index < spend->tx->in_count);
    SOTTO_ASSERT(!(flags & SOTTO_BTC_CLEAN) || (flags & SOTTO_BTC_WITNESS));
    SOTTO_ASSERT(!(flags & SOTTO_BTC_WITNESS) || (flags & SOTTO_BTC_P2SH));
    struct asked asked = {
        .spend = spend, .const_code = flags & SOTTO_SCRIPT_CONST_CODE,
        .code = sotto_buf_make(SOTTO_SCRIPT_MAX), .other = sotto_buf_make(SOTTO_SCRIPT_MAX),
    };
    const struct sotto_script_checker checker = { &asked, check_sig, take_code, check_lock, check_sequence };
    sotto_script_begin(m, &(struct sotto_script_setup){ &sotto_script_bitcoin, &checker, watch, UINT64_MAX });
    const struct run r = { m, &asked, flags };
    enum sotto_script_fault fault = verify(&r);
    sotto_buf_free(&asked.code);
    sotto_buf_free(&asked.other);
    return fault;
}
