/* CHECKSIG and CHECKMULTISIG: form here, the signature itself by the checker. */
#include "ledger/script_impl.h"

#include "base/plant.h"
#include "crypto/ecdsa.h"

static enum sotto_script_fault sig_form(const struct sotto_script *m, struct sotto_span sig)
{
    if (sig.size == 0) return SOTTO_FAULT_NONE;
    struct sotto_span der = sotto_span(sig.data, sig.size - 1);
    if ((m->flags & (SOTTO_SCRIPT_DER | SOTTO_SCRIPT_LOW_S | SOTTO_SCRIPT_STRICT)) && !sotto_der_strict(der)) return SOTTO_FAULT_DER;
    if (script_flag(m, SOTTO_SCRIPT_LOW_S) && !sotto_der_low(der)) return SOTTO_FAULT_HIGH_S;
    uint8_t type = sig.data[sig.size - 1] & 0x7f;  /* 80: one input alone */
    return script_flag(m, SOTTO_SCRIPT_STRICT) && (type < 1 || type > 3) ? SOTTO_FAULT_HASH_TYPE : SOTTO_FAULT_NONE;
}

static enum sotto_script_fault key_form(const struct sotto_script *m, struct sotto_span key)
{
    bool is_short = key.size == 33 && (key.data[0] & 0xfe) == 2;
    if (script_flag(m, SOTTO_SCRIPT_STRICT) && !is_short && !(key.size == 65 && key.data[0] == 4)) return SOTTO_FAULT_KEY;
    return script_flag(m, SOTTO_SCRIPT_SHORT_KEYS) && !is_short ? SOTTO_FAULT_KEY_LONG : SOTTO_FAULT_NONE;
}

static enum sotto_script_fault ask_code(const struct sotto_script *m, const struct sotto_span *sigs, size_t count)
{
    const struct sotto_script_checker *checker = m->setup.checker;
    if (!checker->code) return SOTTO_FAULT_NONE;
    return checker->code(checker->of, sotto_span_cut(m->script, m->code_from, m->script.size - m->code_from), sigs, count);
}

/* *good: does it verify? Anything but NONE ends the script. */
static enum sotto_script_fault one(const struct sotto_script *m, bool *good, struct sotto_span sig, struct sotto_span key)
{
    SOTTO_FAULT_TRY(sig_form(m, sig));
    SOTTO_FAULT_TRY(key_form(m, key));
    enum sotto_script_fault fault = sig.size ? m->setup.checker->sig(m->setup.checker->of, sig, key) : SOTTO_FAULT_SIGNATURE;
    *good = fault == SOTTO_FAULT_NONE;
    return fault == SOTTO_FAULT_SIGNATURE ? SOTTO_FAULT_NONE : fault;
}

enum sotto_script_fault script_check_sig(struct sotto_script *m, bool verify)
{
    bool good;
    if (m->main < 2) return SOTTO_FAULT_STACK;
    if (!SOTTO_PLANTED(SCRIPT_UNPAID)) SOTTO_FAULT_TRY(script_charge(m, m->setup.profile->cost.key));
    struct sotto_span sig = *script_top(m, 2), key = *script_top(m, 1);
    SOTTO_FAULT_TRY(ask_code(m, &sig, 1));
    SOTTO_FAULT_TRY(one(m, &good, sig, key));
    if (!good && sig.size && script_flag(m, SOTTO_SCRIPT_NULL_FAIL) && !SOTTO_PLANTED(SCRIPT_WRONG_IS_FALSE)) return SOTTO_FAULT_SIGNATURE;
    script_drop(m, 2);
    if (!verify) script_put_bool(m, good);
    return verify && !good ? SOTTO_FAULT_SIG_VERIFY : SOTTO_FAULT_NONE;
}

/* Signatures and keys from the top down, each signature under the next key that takes it. */
static enum sotto_script_fault match(const struct sotto_script *m, bool *good, const struct sotto_span *sigs, size_t sig_count,
                                     const struct sotto_span *keys, size_t key_count)
{
    while (sig_count > 0 && sig_count <= key_count) {
        bool hit;
        SOTTO_FAULT_TRY(one(m, &hit, sigs[sig_count - 1], keys[key_count - 1]));
        sig_count -= hit;
        key_count--;
    }
    *good = sig_count == 0;
    return SOTTO_FAULT_NONE;
}

/* At the top: n, n keys, m, m signatures, the extra element. */
struct multisig { const struct sotto_span *keys, *sigs; size_t key_count, sig_count; struct sotto_span dummy; };

static enum sotto_script_fault read_multisig(struct sotto_script *m, struct multisig *out)
{
    int64_t n;
    if (m->main < 1) return SOTTO_FAULT_STACK;
    SOTTO_FAULT_TRY(script_number(m, &n, 1, 4));
    if (n < 0 || n > SOTTO_SCRIPT_KEYS_MAX) return SOTTO_FAULT_KEY_COUNT;
    size_t keys = (size_t)n;
    if (script_flag(m, SOTTO_SCRIPT_COUNT_KEYS) && (m->ops += (unsigned)keys) > SOTTO_SCRIPT_OPS_MAX) return SOTTO_FAULT_OPS;
    if (m->main < 2 + keys) return SOTTO_FAULT_STACK;
    SOTTO_FAULT_TRY(script_number(m, &n, 2 + keys, 4));
    if (n < 0 || (uint64_t)n > keys) return SOTTO_FAULT_SIG_COUNT;
    size_t sigs = (size_t)n;
    if (m->main < 3 + keys + sigs) return SOTTO_FAULT_STACK;
    *out = (struct multisig){ script_top(m, 1 + keys), script_top(m, 2 + keys + sigs), keys, sigs, *script_top(m, 3 + keys + sigs) };
    return SOTTO_FAULT_NONE;
}

enum sotto_script_fault script_check_multisig(struct sotto_script *m, bool verify)
{
    struct multisig all;
    bool good;
    SOTTO_FAULT_TRY(read_multisig(m, &all));
    SOTTO_FAULT_TRY(script_charge(m, (uint64_t)m->setup.profile->cost.key * all.key_count));
    bool dummy = script_flag(m, SOTTO_SCRIPT_DUMMY) && all.dummy.size;
    if (dummy && script_flag(m, SOTTO_SCRIPT_DUMMY_FIRST)) return SOTTO_FAULT_DUMMY;
    SOTTO_FAULT_TRY(ask_code(m, all.sigs, all.sig_count));
    SOTTO_FAULT_TRY(match(m, &good, all.sigs, all.sig_count, all.keys, all.key_count));
    for (size_t i = 0; !good && i < all.sig_count; i++)
        if (all.sigs[i].size && script_flag(m, SOTTO_SCRIPT_NULL_FAIL)) return SOTTO_FAULT_SIGNATURE;
    if (dummy) return SOTTO_FAULT_DUMMY;
    script_drop(m, 3 + all.key_count + all.sig_count);
    if (!verify) script_put_bool(m, good);
    return verify && !good ? SOTTO_FAULT_MULTISIG_VERIFY : SOTTO_FAULT_NONE;
}
