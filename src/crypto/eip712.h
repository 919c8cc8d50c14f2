/* EIP-712 digests, only what Sotto signs: a domain of (name, version) and one flat struct.
 * Build the struct hash by adding the fields in the order of the type text; dynamic types add their Keccak. */
#ifndef SOTTO_CRYPTO_EIP712_H
#define SOTTO_CRYPTO_EIP712_H

#include "crypto/curve.h"
#include "crypto/hash.h"

void sotto_eip712_domain(uint8_t out[32], const char *name, const char *version);        /* domain separator, no chain */
struct sotto_eip712 { struct sotto_keccak k; };
void sotto_eip712_begin(struct sotto_eip712 *e, const char *type);                       /* e.g. "Scan(address id,bytes32 cert,bytes key)" */
void sotto_eip712_uint(struct sotto_eip712 *e, uint64_t v);
void sotto_eip712_address(struct sotto_eip712 *e, const uint8_t address[20]);
void sotto_eip712_bytes32(struct sotto_eip712 *e, const uint8_t v[32]);
void sotto_eip712_bytes(struct sotto_eip712 *e, struct sotto_span v);                    /* bytes and string */
void sotto_eip712_struct(struct sotto_eip712 *e, uint8_t out[32]);                       /* hashStruct */
void sotto_eip712_digest(uint8_t out[32], const uint8_t domain[32], const uint8_t struct_hash[32]);   /* Keccak(1901 || ..) */

#endif
