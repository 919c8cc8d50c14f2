/* Certificates, contact links, safety numbers (messaging.md 2, ledger.md 11.2). Pure. */
#ifndef SOTTO_IDENTITY_CERT_H
#define SOTTO_IDENTITY_CERT_H

#include "crypto/curve.h"

#define SOTTO_CERT_MIN 230u
#define SOTTO_CERT_MAX 358u

struct sotto_cert {
    uint8_t version, kind;                /* 1; 0 person, 1 node, 2 service, 3 device, 4 validator, 5 cluster */
    struct sotto_id id;
    struct sotto_point key, xkey;         /* identity, exchange */
    uint64_t not_before_s, not_after_s, chain_id;
    uint8_t registry[20], recovery[32];
    uint8_t endpoint_size;
    char endpoint[129];                   /* only kinds 1 and 2; printable */
    struct sotto_sig65 sig;
};

/* Answer of the ledger hook, messaging.md 2.2. NONE = this node has no ledger. */
enum sotto_ledger_state { SOTTO_LEDGER_NONE, SOTTO_LEDGER_UNKNOWN, SOTTO_LEDGER_VALID, SOTTO_LEDGER_REVOKED };
struct sotto_ledger_status { enum sotto_ledger_state state; uint8_t cert_hash[32]; struct sotto_id owner; struct sotto_point xkey; uint64_t height; };

/* Fills sig and encodes. ERR_CERT_FORM, ERR_CERT_TIMES, ERR_CERT_KEYS when the fields break a rule. */
SOTTO_MUST_USE enum sotto_err sotto_cert_make(struct sotto_buf *out, struct sotto_cert *cert, const struct sotto_scalar *identity);
/* All checks of messaging.md 2.2 in their order, the ledger's last (status NULL = offline: id = ID of key only). */
SOTTO_MUST_USE enum sotto_err sotto_cert_read(struct sotto_cert *out, struct sotto_span bytes, uint64_t now_ms, const struct sotto_ledger_status *status);
/* Form, keys and signature, not the times: for a contact whose certificate has expired. */
SOTTO_MUST_USE enum sotto_err sotto_cert_parse(struct sotto_cert *out, struct sotto_span bytes);
/* The ledger hook alone: ERR_CERT_UNKNOWN, _REVOKED, _SUPERSEDED, _OWNER. bytes = the certificate as received. */
SOTTO_MUST_USE enum sotto_err sotto_cert_ledger(const struct sotto_cert *cert, struct sotto_span bytes, const struct sotto_ledger_status *status);
/* All checks but the ledger's: for callers who must compare cert->id with something before they ask about it. */
SOTTO_MUST_USE enum sotto_err sotto_cert_check(struct sotto_cert *out, struct sotto_span bytes, uint64_t now_ms);
void sotto_cert_digest(uint8_t out[32], const struct sotto_cert *cert);                  /* EIP-712 */

#endif
