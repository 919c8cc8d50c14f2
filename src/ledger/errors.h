/* The ledger's refusals as numbers. In C a refusal is an enum sotto_err (SOTTO_T_SIZE); protocols, proofs and the results of a block carry
 * its u16 code, people read its text. Codes never change and are never used twice.
 *
 * Threads: pure functions over constants. */
#ifndef SOTTO_LEDGER_ERRORS_H
#define SOTTO_LEDGER_ERRORS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is it a refusal by a rule of the ledger, and no failure of the machine (memory, a bound)? */
bool sotto_ledger_refusal(enum sotto_err err);
/* The code, e.g. 0x0202; 0 for SOTTO_OK. Broken rule for what is neither. */
uint16_t sotto_ledger_code(enum sotto_err err);
/* The way back. ERR_MISSING for a code that is not in the table; *out is then unchanged. */
SOTTO_MUST_USE enum sotto_err sotto_ledger_err(enum sotto_err *out, uint16_t code);
/* What a person reads, e.g. "transaction too large"; NULL for what is no refusal of the ledger. Never freed. */
const char *sotto_ledger_text(enum sotto_err err);

#endif
