/* What identities sign (ledger.md 11.2): EIP-712 digests, the same here and in a contract of another chain.
 *
 *     uint8_t domain[32], digest[32];
 *     sotto_registry_domain(domain, chain_num, contract);            once for a chain
 *     sotto_signed_op(digest, domain, &op);
 *     sotto_signed_by(&owner, &op.identity.sig, digest);             ledger/address.h
 *
 * Threads: pure functions. */
#ifndef SOTTO_LEDGER_SIGNED_H
#define SOTTO_LEDGER_SIGNED_H

#include "ledger/op.h"

enum sotto_signed {
    SOTTO_SIGNED_REGISTER, SOTTO_SIGNED_RENEW, SOTTO_SIGNED_ROTATE, SOTTO_SIGNED_RECOVER, SOTTO_SIGNED_REVOKE, SOTTO_SIGNED_VERIFY,
    SOTTO_SIGNED_AUTHORIZE, SOTTO_SIGNED_POST, SOTTO_SIGNED_DIGEST, SOTTO_SIGNED_NEGOTIATION, SOTTO_SIGNED_CERTIFICATE, SOTTO_SIGNED_COUNT
};
/* The type as EIP-712 writes it, e.g. "Authorize(address id,bytes32 txid)". */
const char *sotto_signed_type(enum sotto_signed which);

/* The contract that a chain of our own names in its domain: there is none, so it is made of the chain's identity. */
void sotto_registry_contract(uint8_t out[20], const uint8_t genesis_id[64]);
void sotto_registry_domain(uint8_t out[32], uint64_t chain, const uint8_t contract[20]);

/* REGISTER to REVOKE; both signatures of ROTATE and RECOVER are over this one digest. E_POINT if the new key of ROTATE or RECOVER is no point. */
SOTTO_MUST_USE enum sotto_err sotto_signed_op(uint8_t out[32], const uint8_t domain[32], const struct sotto_op *op);
void sotto_signed_authorize(uint8_t out[32], const uint8_t domain[32], const struct sotto_id *id, const uint8_t txid[32]);
void sotto_signed_post(uint8_t out[32], const uint8_t domain[32], const struct sotto_op_post *post);
/* root: of the digests, Digest.root of ledger.md 2.2. */
void sotto_signed_digest(uint8_t out[32], const uint8_t domain[32], const struct sotto_op_digest *digest, const uint8_t root[32]);

/* What binds a REGISTER to its bond; zero without one. */
void sotto_bond_extra(uint8_t out[32], uint64_t bond, const struct sotto_h160 *refund);
/* The commitment to a recovery key: Keccak(address || salt). */
void sotto_recovery_commit(uint8_t out[32], const struct sotto_id *recovery, const uint8_t salt[32]);

#endif
