/* Coins. An amount counts cong, 10^8 of them are one coin. It is a type of its own, so that it meets no height and no cost by mistake, and
 * every sum is checked: what would pass SOTTO_MONEY_MAX is SOTTO_T_VALUE, and nothing is written.
 *
 * Threads: plain values. */
#ifndef SOTTO_LEDGER_AMOUNT_H
#define SOTTO_LEDGER_AMOUNT_H

#include "base/bytes.h"

struct sotto_amount { uint64_t cong; };

#define SOTTO_COIN UINT64_C(100000000)                                /* cong */
#define SOTTO_MONEY_MAX (UINT64_C(21000000) * SOTTO_COIN)             /* cong: no amount and no sum is above it */
#define SOTTO_AMOUNT_TEXT 18                                          /* "21000000.00000000" and the final zero */

/* T_VALUE above SOTTO_MONEY_MAX. */
SOTTO_MUST_USE enum sotto_err sotto_amount_make(struct sotto_amount *out, uint64_t cong);
/* T_VALUE if the sum is above SOTTO_MONEY_MAX. *sum may be one of the two. */
SOTTO_MUST_USE enum sotto_err sotto_amount_add(struct sotto_amount *sum, struct sotto_amount a, struct sotto_amount b);
/* a - b; T_FUNDS if b is more than a. */
SOTTO_MUST_USE enum sotto_err sotto_amount_take(struct sotto_amount *rest, struct sotto_amount a, struct sotto_amount b);

/* "12.5": whole coins in 1 to 8 digits without a leading zero, then perhaps a point and 1 to 8 digits. Nothing else: E_AMOUNT, also above
 * SOTTO_MONEY_MAX. */
SOTTO_MUST_USE enum sotto_err sotto_amount_parse(struct sotto_amount *out, struct sotto_span text);
/* The shortest such text, with a final zero. */
void sotto_amount_text(char out[SOTTO_AMOUNT_TEXT], struct sotto_amount a);

#endif
