/* On record: signature of a message, its commitment for the ledger, the receiver's receipt (messaging.md 4.10). Pure.
 * The trailer of the last fragment is salt 32 | sig65; payload below is the whole message without it. */
#ifndef SOTTO_IDENTITY_RECORD_H
#define SOTTO_IDENTITY_RECORD_H

#include "crypto/curve.h"

#define SOTTO_RECORD_TRAILER 97u

struct sotto_record {
    struct sotto_id from, to;
    uint8_t salt[32];                     /* random: keeps short texts unguessable */
    uint8_t type;                         /* content type */
    uint32_t seq;
    uint64_t time_ms;
    struct sotto_span payload;
};
void sotto_record_content(uint8_t out[32], const struct sotto_record *r);
void sotto_record_digest(uint8_t out[32], const struct sotto_record *r);                  /* EIP-712, what is signed */
SOTTO_MUST_USE enum sotto_err sotto_record_sign(struct sotto_sig65 *out, const struct sotto_record *r, const struct sotto_scalar *identity);
/* owner = ID of the key that must have signed (the certificate's key, which need not give r->from after a rotation).
 * ERR_RECORD_SIG for every fault: shown as "not signed", never hidden. */
SOTTO_MUST_USE enum sotto_err sotto_record_verify(const struct sotto_record *r, const struct sotto_sig65 *sig, const struct sotto_id *owner);

/* D, the digest that goes into the ledger: it opens nothing but this one message. */
void sotto_record_commit(uint8_t out[32], const uint8_t content[32], const struct sotto_sig65 *sig);
void sotto_receipt_hash(uint8_t out[32], const uint8_t commit[32], uint64_t time_ms);
/* BIP-340 by the receiver's identity; aux 32 random bytes. */
SOTTO_MUST_USE enum sotto_err sotto_receipt_sign(uint8_t out[64], const uint8_t commit[32], uint64_t time_ms, const struct sotto_scalar *identity,
                                                 const uint8_t aux[32]);
/* ERR_RECORD_SIG. */
SOTTO_MUST_USE enum sotto_err sotto_receipt_verify(const uint8_t sig[64], const uint8_t commit[32], uint64_t time_ms,
                                                   const struct sotto_point *identity);

#endif
