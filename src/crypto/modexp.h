/* base^exp mod m (OpenSSL big numbers). Not constant time, on purpose: every operand of a script is public. No secret may come here.
 *
 * Numbers are unsigned and big-endian, with or without zeros in front; an empty span is zero. Threads: any. */
#ifndef SOTTO_CRYPTO_MODEXP_H
#define SOTTO_CRYPTO_MODEXP_H

#include "base/bytes.h"

#define SOTTO_MODEXP_MAX 512                                            /* bytes of an operand */

/* Writes the result without zeros in front; *size <= mod.size. exp = 0 gives 1, also for base 0. Each operand is at most
 * SOTTO_MODEXP_MAX bytes, mod is odd and at least 3, base below mod: broken rules else. Returns ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_modexp(uint8_t out[SOTTO_MODEXP_MAX], size_t *size, struct sotto_span base, struct sotto_span exp,
                                           struct sotto_span mod);

#endif
