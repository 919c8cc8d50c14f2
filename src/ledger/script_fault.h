/* Every way a script can end. The machine serves two profiles: what the ledger calls by one name (errors.h) the public files of Bitcoin may
 * tell apart, and some of it only a script of Bitcoin can do. */
#ifndef SOTTO_LEDGER_SCRIPT_FAULT_H
#define SOTTO_LEDGER_SCRIPT_FAULT_H

#include "base/err.h"

/* X(name, the ledger's refusal, Bitcoin's word) */
#define SOTTO_SCRIPT_FAULTS(X) \
    X(NONE, OK, "OK") \
    /* before it runs */ \
    X(LONG, E_LIMIT, "SCRIPT_SIZE") \
    X(PUSH, S_PUSH, "BAD_OPCODE") \
    X(ELEMENT, S_ELEMENT, "PUSH_SIZE") \
    X(MINIMAL, S_MINIMAL, "MINIMALDATA") \
    X(OPCODE, S_OPCODE, "BAD_OPCODE") \
    X(OPS, S_OPS, "OP_COUNT") \
    X(PUSH_ONLY, S_PUSH_ONLY, "SIG_PUSHONLY") \
    /* while it runs */ \
    X(COST, S_COST, "COST") \
    X(STACK, S_STACK, "INVALID_STACK_OPERATION") \
    X(ALT_STACK, S_STACK, "INVALID_ALTSTACK_OPERATION") \
    X(STACK_SIZE, S_STACK, "STACK_SIZE") \
    X(NUMBER, S_NUMBER, "SCRIPTNUM") \
    X(KEY_COUNT, S_NUMBER, "PUBKEY_COUNT") \
    X(SIG_COUNT, S_NUMBER, "SIG_COUNT") \
    X(IF, S_IF, "UNBALANCED_CONDITIONAL") \
    X(MINIMAL_IF, S_MINIMAL_IF, "MINIMALIF") \
    X(RETURN, S_RETURN, "OP_RETURN") \
    X(VERIFY, S_VERIFY, "VERIFY") \
    X(EQUAL_VERIFY, S_VERIFY, "EQUALVERIFY") \
    X(NUMBER_VERIFY, S_VERIFY, "NUMEQUALVERIFY") \
    X(SIG_VERIFY, S_VERIFY, "CHECKSIGVERIFY") \
    X(MULTISIG_VERIFY, S_VERIFY, "CHECKMULTISIGVERIFY") \
    X(ADDRESS, S_ADDRESS, "EQUALVERIFY") \
    X(EXP_SIZE, S_EXP_SIZE, "EXP_SIZE") \
    X(EXP_MINIMAL, S_EXP_MINIMAL, "EXP_MINIMAL") \
    X(EXP_MODULUS, S_EXP_MODULUS, "EXP_MODULUS") \
    X(EXP_BASE, S_EXP_BASE, "EXP_BASE") \
    X(LOCK, S_LOCK, "UNSATISFIED_LOCKTIME") \
    X(LOCK_NEGATIVE, S_LOCK, "NEGATIVE_LOCKTIME") \
    /* signatures */ \
    X(DER, S_SIG_FORM, "SIG_DER") \
    X(HIGH_S, S_SIG_FORM, "SIG_HIGH_S") \
    X(HASH_TYPE, S_HASHTYPE, "SIG_HASHTYPE") \
    X(KEY, S_KEY_FORM, "PUBKEYTYPE") \
    X(KEY_LONG, S_KEY_FORM, "WITNESS_PUBKEYTYPE") \
    X(DUMMY, S_DUMMY, "SIG_NULLDUMMY") \
    X(SINGLE, S_SINGLE, "SINGLE") \
    X(SIGNATURE, S_SIGNATURE, "NULLFAIL") \
    /* at its end */ \
    X(FALSE, S_FALSE, "EVAL_FALSE") \
    X(CLEAN, S_CLEAN, "CLEANSTACK") \
    /* Bitcoin alone */ \
    X(DISABLED, S_OPCODE, "DISABLED_OPCODE") \
    X(NOPS, S_OPCODE, "DISCOURAGE_UPGRADABLE_NOPS") \
    X(SEPARATOR, S_OPCODE, "OP_CODESEPARATOR") \
    X(FIND_AND_DELETE, S_SIG_FORM, "SIG_FINDANDDELETE") \
    X(WITNESS_NEW, S_OPCODE, "DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM") \
    X(WITNESS_LENGTH, S_OPCODE, "WITNESS_PROGRAM_WRONG_LENGTH") \
    X(WITNESS_EMPTY, S_STACK, "WITNESS_PROGRAM_WITNESS_EMPTY") \
    X(WITNESS_MISMATCH, S_ADDRESS, "WITNESS_PROGRAM_MISMATCH") \
    X(WITNESS_MALLEATED, S_CLEAN, "WITNESS_MALLEATED") \
    X(WITNESS_MALLEATED_P2SH, S_CLEAN, "WITNESS_MALLEATED_P2SH") \
    X(WITNESS_UNEXPECTED, S_CLEAN, "WITNESS_UNEXPECTED") \
    /* not the script's doing: says nothing about it */ \
    X(NOMEM, ERR_NOMEM, "out of memory")

enum sotto_script_fault {
#define SOTTO_FAULT_FIELD(name, err, word) SOTTO_FAULT_##name,
    SOTTO_SCRIPT_FAULTS(SOTTO_FAULT_FIELD)
#undef SOTTO_FAULT_FIELD
    SOTTO_FAULT_COUNT
};

#define SOTTO_FAULT_TRY(expr) \
    do { \
        enum sotto_script_fault sotto_fault_ = (expr); \
        if (sotto_fault_ != SOTTO_FAULT_NONE) return sotto_fault_; \
    } while (0)

enum sotto_err sotto_script_err(enum sotto_script_fault fault);
const char *sotto_script_fault_word(enum sotto_script_fault fault);     /* Bitcoin's, never NULL */

#endif
