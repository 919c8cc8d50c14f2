/* Scripts of Bitcoin on the ledger's machine: profile `bitcoin`, for the public test files and the lab, as ledger/btc_tx.h. P2SH and
 * witnesses of version 0; no taproot.
 *
 * Threads: as the machine. */
#ifndef SOTTO_LEDGER_BTC_SCRIPT_H
#define SOTTO_LEDGER_BTC_SCRIPT_H

#include "ledger/btc_sighash.h"
#include "ledger/script.h"

extern const struct sotto_script_profile sotto_script_bitcoin;

/* The flags by the names of the public files: those of the machine (ledger/script.h), and those of its driver. */
#define SOTTO_BTC_P2SH 0x010000u
#define SOTTO_BTC_WITNESS 0x020000u
#define SOTTO_BTC_PUSH_ONLY 0x040000u
#define SOTTO_BTC_CLEAN 0x080000u
#define SOTTO_BTC_KNOWN_WITNESS 0x100000u          /* programs of a later version fail */
#define SOTTO_BTC_FLAGS(X) \
    X(P2SH, SOTTO_BTC_P2SH) X(STRICTENC, SOTTO_SCRIPT_STRICT) X(DERSIG, SOTTO_SCRIPT_DER) X(LOW_S, SOTTO_SCRIPT_LOW_S) X(SIGPUSHONLY, SOTTO_BTC_PUSH_ONLY) \
    X(MINIMALDATA, SOTTO_SCRIPT_MINIMAL) X(NULLDUMMY, SOTTO_SCRIPT_DUMMY) X(DISCOURAGE_UPGRADABLE_NOPS, SOTTO_SCRIPT_NO_NOPS) \
    X(CLEANSTACK, SOTTO_BTC_CLEAN) X(CHECKLOCKTIMEVERIFY, SOTTO_SCRIPT_LOCK) X(CHECKSEQUENCEVERIFY, SOTTO_SCRIPT_SEQUENCE) X(WITNESS, SOTTO_BTC_WITNESS) \
    X(DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM, SOTTO_BTC_KNOWN_WITNESS) X(MINIMALIF, SOTTO_SCRIPT_MINIMAL_IF) X(NULLFAIL, SOTTO_SCRIPT_NULL_FAIL) \
    X(WITNESS_PUBKEYTYPE, SOTTO_SCRIPT_SHORT_KEYS) X(CONST_SCRIPTCODE, SOTTO_SCRIPT_CONST_CODE)

/* The names between commas; "" and "NONE" are no flags. False for one that is not in the list; *out is then as before. */
bool sotto_btc_flags(uint32_t *out, const char *names);

/* Which input of what, and the coin that it spends. */
struct sotto_btc_spend {
    const struct sotto_btc_tx *tx;
    uint32_t index;                                /* < in_count */
    struct sotto_span output;
    uint64_t value;
};
/* CLEANSTACK goes with P2SH and WITNESS, WITNESS with P2SH: broken rules else. FAULT_NONE: it may. */
SOTTO_MUST_USE enum sotto_script_fault sotto_btc_verify(struct sotto_script *m, const struct sotto_btc_spend *spend, uint32_t flags,
                                                        const struct sotto_script_watch *watch);

#endif
