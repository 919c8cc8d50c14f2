/* Who is meant on the chain: identities by their ID (crypto/curve.h: sotto_id_of, sotto_id_text with EIP-55), coins by the hash of a key.
 *
 * Threads: pure functions. */
#ifndef SOTTO_LEDGER_ADDRESS_H
#define SOTTO_LEDGER_ADDRESS_H

#include "crypto/curve.h"

struct sotto_h160 { uint8_t b[20]; };                                 /* RIPEMD-160 of SHA-256 of a 33-byte key */
enum sotto_pay_net { SOTTO_PAY_MAIN = 63, SOTTO_PAY_TEST = 125 };     /* the version byte: addresses begin with S or s */
#define SOTTO_PAY_TEXT 36                                             /* the longest text, and the final zero */

void sotto_h160_of(struct sotto_h160 *out, const struct sotto_point *key);
/* Base58Check of version byte and hash. */
void sotto_pay_text(char out[SOTTO_PAY_TEXT], enum sotto_pay_net net, const struct sotto_h160 *hash);
/* ERR_FORMAT for another character, a wrong length or checksum, another net than the given one. */
SOTTO_MUST_USE enum sotto_err sotto_pay_parse(struct sotto_h160 *out, enum sotto_pay_net net, struct sotto_span text);

/* Is sig an identity signature over digest by the key whose ID this is? SOTTO_R_SIG for every other: v not 27 or 28, r or s out of range,
 * high s, another key. */
SOTTO_MUST_USE enum sotto_err sotto_signed_by(const struct sotto_id *id, const struct sotto_sig65 *sig, const uint8_t digest[32]);

#endif
