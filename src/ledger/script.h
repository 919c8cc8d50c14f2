/* The script machine (ledger.md 3): one interpreter, of which a profile is a table. It knows no transaction: signatures and time locks are
 * asked of a checker.
 *
 *     unlocking script            output script of the coin
 *     <sig> <key>          +      OP_DUP OP_HASH160 <hash> OP_EQUALVERIFY OP_CHECKSIG
 *         |                              |
 *         +--------- one stack ----------+-----> true, and nothing else left
 *
 * Profile `chain` looks through both scripts before either runs, and charges every word and every dear operation before it does the work: what
 * a script may cost is bounded by the caller, what it may take by the machine. Elements are never changed, so copies of one share their bytes:
 * they lie in the scripts, or in the machine where an operation made them.
 *
 * Memory: SOTTO_SCRIPT_MACHINE bytes, taken by sotto_script_new; a run takes none but for the numbers of OP_EXPONENT. Scripts are borrowed for
 * the run. Threads: one owner; a machine may be used again and again, also after any failure. */
#ifndef SOTTO_LEDGER_SCRIPT_H
#define SOTTO_LEDGER_SCRIPT_H

#include "ledger/script_fault.h"
#include "ledger/script_op.h"

#define SOTTO_SCRIPT_OPS_MAX 201u                  /* opcodes of a script that are no pushes */
#define SOTTO_SCRIPT_STACK_MAX 1000u               /* elements of both stacks */
#define SOTTO_SCRIPT_KEYS_MAX 20u                  /* of one CHECKMULTISIG */
#define SOTTO_SCRIPT_MACHINE (128u << 10)          /* bytes, at most */
#define SOTTO_SCRIPT_UNITS_MAX 40000u              /* cost of all scripts of one transaction */

/* ---- profiles ---- */

enum sotto_opcode_class {
    SOTTO_OPCODE_BAD,                                  /* fails when executed; in `chain` wherever it stands */
    SOTTO_OPCODE_OFF,                                  /* switched off: fails wherever it stands */
    SOTTO_OPCODE_FORBIDDEN,                            /* fails wherever it stands */
    SOTTO_OPCODE_GOOD
};

/* What a profile is strict about. `chain` has its own set for good; Bitcoin's files choose for each row. */
#define SOTTO_SCRIPT_FIRST_PASS 0x0001u            /* both scripts are looked through before either runs */
#define SOTTO_SCRIPT_MINIMAL 0x0002u               /* pushes and numbers in their shortest form */
#define SOTTO_SCRIPT_MINIMAL_IF 0x0004u            /* the argument of IF and NOTIF is empty or 01 */
#define SOTTO_SCRIPT_DER 0x0008u                   /* signatures are strict DER */
#define SOTTO_SCRIPT_LOW_S 0x0010u                 /* and have the lower s */
#define SOTTO_SCRIPT_STRICT 0x0020u                /* known types of signatures, keys of 33 or 65 bytes that say so */
#define SOTTO_SCRIPT_SHORT_KEYS 0x0040u            /* keys of 33 bytes */
#define SOTTO_SCRIPT_DUMMY 0x0080u                 /* the extra element of CHECKMULTISIG is empty */
#define SOTTO_SCRIPT_DUMMY_FIRST 0x0100u           /* and is looked at before the signatures */
#define SOTTO_SCRIPT_NULL_FAIL 0x0200u             /* a signature that does not verify is empty, or ends the script */
#define SOTTO_SCRIPT_LOCK 0x0400u                  /* CHECKLOCKTIMEVERIFY does something */
#define SOTTO_SCRIPT_SEQUENCE 0x0800u              /* CHECKSEQUENCEVERIFY does */
#define SOTTO_SCRIPT_ADDRESS 0x1000u               /* a wrong address is told from a wrong signature */
#define SOTTO_SCRIPT_COUNT_KEYS 0x2000u            /* keys of CHECKMULTISIG count as opcodes */
#define SOTTO_SCRIPT_NO_NOPS 0x4000u               /* NOP1, NOP4 to NOP10 fail */
#define SOTTO_SCRIPT_CONST_CODE 0x8000u            /* CODESEPARATOR fails wherever it stands */

struct sotto_script_profile {
    const char *name;
    uint8_t ops[256];                              /* enum sotto_opcode_class */
    uint32_t flags;                                /* at least these */
    struct { uint32_t word, hash_block, key; bool exponent; } cost;      /* units: of a word, of 64 bytes hashed, of a key tried */
};
extern const struct sotto_script_profile sotto_script_chain;

/* Who knows the transaction. of: handed back. */
struct sotto_script_checker {
    void *of;
    /* Does sig (type byte at its end; not empty) verify under key? FAULT_NONE: yes, FAULT_SIGNATURE: no; any other ends the script. */
    enum sotto_script_fault (*sig)(void *of, struct sotto_span sig, struct sotto_span key);
    /* Once before the signatures of a word: the script from the last CODESEPARATOR on, and all signatures of the word. NULL: not asked. */
    enum sotto_script_fault (*code)(void *of, struct sotto_span code, const struct sotto_span *sigs, size_t count);
    bool (*lock)(void *of, uint64_t n);            /* may it be spent, with CHECKLOCKTIMEVERIFY n? n < 2^39 */
    bool (*sequence)(void *of, uint64_t n);        /* with CHECKSEQUENCEVERIFY n, whose bit 31 is off? */
};

/* ---- running ---- */

/* One word that was looked at. Everything is borrowed for the call. */
struct sotto_script_step {
    struct sotto_span script;                      /* the one that runs */
    size_t at;                                     /* of the word in it */
    struct sotto_script_word word;
    unsigned part;                                 /* 0 unlocking, 1 output script; Bitcoin: more */
    bool executed;                                 /* not in the way that IF did not go */
    enum sotto_script_fault fault;                 /* not NONE: ended here; the stack may be as before or half done */
    uint64_t units;                                /* so far */
    const struct sotto_span *stack;                /* after it, bottom first */
    size_t depth;
    const struct sotto_span *alt;                  /* the other stack, top first */
    size_t alt_depth;
};
struct sotto_script_watch {
    void *of;
    void (*step)(void *of, const struct sotto_script_step *step);
};

struct sotto_script;
SOTTO_MUST_USE enum sotto_err sotto_script_new(struct sotto_script **out);       /* ERR_NOMEM */
void sotto_script_free(struct sotto_script *m);                                  /* NULL is fine */

/* Profile chain: may who wrote `unlock` spend the coin of `output`? *units: what it cost, at most limit. Returns SOTTO_OK, a refusal
 * S_.. of the ledger, E_LIMIT for a script above SOTTO_SCRIPT_MAX, or ERR_NOMEM. watch: NULL, or told of every word. */
SOTTO_MUST_USE enum sotto_err sotto_script_run(struct sotto_script *m, uint64_t *units, struct sotto_span unlock, struct sotto_span output,
                                               const struct sotto_script_checker *checker, uint64_t limit, const struct sotto_script_watch *watch);

/* The same in steps, for drivers of other profiles. begin empties the stack; eval runs one script on what is there: conditions, the other
 * stack and the count of opcodes are its own. flags: those of the profile are added. part: for the watch. */
struct sotto_script_setup {
    const struct sotto_script_profile *profile;
    const struct sotto_script_checker *checker;
    const struct sotto_script_watch *watch;        /* or NULL */
    uint64_t limit;                                /* units */
};
void sotto_script_begin(struct sotto_script *m, const struct sotto_script_setup *setup);
SOTTO_MUST_USE enum sotto_script_fault sotto_script_eval(struct sotto_script *m, struct sotto_span script, uint32_t flags, unsigned part);
const struct sotto_span *sotto_script_stack(const struct sotto_script *m, size_t *depth);      /* bottom first; until the next call */
uint64_t sotto_script_units(const struct sotto_script *m);      /* spent since begin */
/* Puts what the caller keeps alive in place of the stack; false: more than SOTTO_SCRIPT_STACK_MAX. */
bool sotto_script_stack_set(struct sotto_script *m, const struct sotto_span *elements, size_t depth);

/* Units of OP_EXPONENT beside its word, for operands of any size. */
uint64_t sotto_script_exponent_cost(struct sotto_span base, struct sotto_span exp, struct sotto_span mod);

#endif
