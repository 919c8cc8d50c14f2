/* Unicode normal forms of what a person types as a secret. Inside this room only. */
#ifndef SOTTO_CRYPTO_NORMAL_H
#define SOTTO_CRYPTO_NORMAL_H

#include "base/bytes.h"

#define SOTTO_PASSWORD_MAX 65536u                     /* bytes, before normalising: far above what a person types */
#define SOTTO_NORMAL_MAX (32u * SOTTO_PASSWORD_MAX)   /* NFKD makes at most 18 code points of one */

enum sotto_normal { SOTTO_NFC, SOTTO_NFKD };
/* Appends. Returns ERR_FORMAT for text that is not UTF-8, ERR_RANGE above SOTTO_PASSWORD_MAX, ERR_NOMEM. Leaves no copy. */
SOTTO_MUST_USE enum sotto_err sotto_normal(struct sotto_buf *out, struct sotto_span text, enum sotto_normal kind);

#endif
