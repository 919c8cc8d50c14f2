#include "identity/record.h"

#include "crypto/eip712.h"
#include "crypto/hash.h"

void sotto_record_content(uint8_t out[32], const struct sotto_record *r)
{
    uint8_t head[13];
    head[0] = r->type;
    sotto_put_be32(head + 1, r->seq);
    sotto_put_be64(head + 5, r->time_ms);
    SOTTO_TH(out, "sotto/record/1", SOTTO_SPAN(r->salt), SOTTO_SPAN(head), r->payload);
}

void sotto_record_digest(uint8_t out[32], const struct sotto_record *r)
{
    uint8_t content[32], domain[32], body[32];
    sotto_record_content(content, r);
    sotto_eip712_domain(domain, "Sotto Message", "1");
    struct sotto_eip712 e;
    sotto_eip712_begin(&e, "Record(address from,address to,uint64 time,uint32 seq,bytes32 content)");
    sotto_eip712_address(&e, r->from.b);
    sotto_eip712_address(&e, r->to.b);
    sotto_eip712_uint(&e, r->time_ms);
    sotto_eip712_uint(&e, r->seq);
    sotto_eip712_bytes32(&e, content);
    sotto_eip712_struct(&e, body);
    sotto_eip712_digest(out, domain, body);
}

enum sotto_err sotto_record_sign(struct sotto_sig65 *out, const struct sotto_record *r, const struct sotto_scalar *identity)
{
    uint8_t digest[32];
    sotto_record_digest(digest, r);
    return sotto_sign(out, identity, digest);
}

enum sotto_err sotto_record_verify(const struct sotto_record *r, const struct sotto_sig65 *sig, const struct sotto_id *owner)
{
    uint8_t digest[32];
    struct sotto_point signer;
    struct sotto_id id;
    sotto_record_digest(digest, r);
    if (sotto_recover(&signer, sig, digest) != SOTTO_OK || sotto_id_of(&id, &signer) != SOTTO_OK) return SOTTO_ERR_RECORD_SIG;
    return sotto_id_equal(&id, owner) ? SOTTO_OK : SOTTO_ERR_RECORD_SIG;
}

void sotto_record_commit(uint8_t out[32], const uint8_t content[32], const struct sotto_sig65 *sig)
{
    SOTTO_TH(out, "sotto/record/2", sotto_span(content, 32), SOTTO_SPAN(sig->b));
}

void sotto_receipt_hash(uint8_t out[32], const uint8_t commit[32], uint64_t time_ms)
{
    uint8_t time[8];
    sotto_put_be64(time, time_ms);
    SOTTO_TH(out, "sotto/receipt/1", sotto_span(commit, 32), SOTTO_SPAN(time));
}

enum sotto_err sotto_receipt_sign(uint8_t out[64], const uint8_t commit[32], uint64_t time_ms, const struct sotto_scalar *identity,
                                  const uint8_t aux[32])
{
    uint8_t hash[32];
    sotto_receipt_hash(hash, commit, time_ms);
    return sotto_schnorr_sign(out, identity, hash, aux);
}

enum sotto_err sotto_receipt_verify(const uint8_t sig[64], const uint8_t commit[32], uint64_t time_ms, const struct sotto_point *identity)
{
    uint8_t hash[32];
    sotto_receipt_hash(hash, commit, time_ms);
    return sotto_schnorr_verify(sig, identity->b + 1, hash) == SOTTO_OK ? SOTTO_OK : SOTTO_ERR_RECORD_SIG;
}
