#include "crypto/eip712.h"

static void add_hash_of(struct sotto_keccak *k, struct sotto_span data)
{
    uint8_t h[32];
    sotto_keccak256(h, data);
    sotto_keccak_update(k, h, sizeof h);
}

void sotto_eip712_domain(uint8_t out[32], const char *name, const char *version)
{
    struct sotto_eip712 e;
    sotto_eip712_begin(&e, "EIP712Domain(string name,string version)");
    sotto_eip712_bytes(&e, sotto_span_str(name));
    sotto_eip712_bytes(&e, sotto_span_str(version));
    sotto_eip712_struct(&e, out);
}

void sotto_eip712_begin(struct sotto_eip712 *e, const char *type)
{
    sotto_keccak_init(&e->k);
    add_hash_of(&e->k, sotto_span_str(type));
}

void sotto_eip712_uint(struct sotto_eip712 *e, uint64_t v)
{
    uint8_t word[32] = { 0 };
    sotto_put_be64(word + 24, v);
    sotto_keccak_update(&e->k, word, sizeof word);
}

void sotto_eip712_address(struct sotto_eip712 *e, const uint8_t address[20])
{
    uint8_t word[32] = { 0 };
    memcpy(word + 12, address, 20);
    sotto_keccak_update(&e->k, word, sizeof word);
}

void sotto_eip712_bytes32(struct sotto_eip712 *e, const uint8_t v[32]) { sotto_keccak_update(&e->k, v, 32); }

void sotto_eip712_bytes(struct sotto_eip712 *e, struct sotto_span v) { add_hash_of(&e->k, v); }

void sotto_eip712_struct(struct sotto_eip712 *e, uint8_t out[32]) { sotto_keccak_final(&e->k, out); }

void sotto_eip712_digest(uint8_t out[32], const uint8_t domain[32], const uint8_t struct_hash[32])
{
    uint8_t all[66] = { 0x19, 0x01 };
    memcpy(all + 2, domain, 32);
    memcpy(all + 34, struct_hash, 32);
    sotto_keccak256(out, SOTTO_SPAN(all));
}
