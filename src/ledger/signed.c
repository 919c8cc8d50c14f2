#include "ledger/signed.h"

#include "crypto/eip712.h"
#include "ledger/codec.h"
#include "ledger/th.h"

static const char *const types[SOTTO_SIGNED_COUNT] = {
    [SOTTO_SIGNED_REGISTER] = "Register(address id,bytes key,bytes xkey,bytes32 cert,bytes32 recovery,bytes32 extra,"
                              "uint40 notBefore,uint40 notAfter,uint40 deadline)",
    [SOTTO_SIGNED_RENEW] = "Renew(address id,uint32 seq,bytes xkey,bytes32 cert,uint40 notAfter,uint40 deadline)",
    [SOTTO_SIGNED_ROTATE] = "Rotate(address id,uint32 seq,address newOwner,bytes key,bytes xkey,bytes32 cert,uint40 notAfter,uint40 deadline)",
    [SOTTO_SIGNED_RECOVER] = "Recover(address id,uint32 seq,address newOwner,bytes key,bytes xkey,bytes32 cert,bytes32 recovery,"
                             "uint40 notAfter,uint40 deadline)",
    [SOTTO_SIGNED_REVOKE] = "Revoke(address id,uint32 seq,uint8 reason,uint40 deadline)",
    [SOTTO_SIGNED_VERIFY] = "Verify(address from,address to,uint40 time,bytes32 nonce)",
    [SOTTO_SIGNED_AUTHORIZE] = "Authorize(address id,bytes32 txid)",
    [SOTTO_SIGNED_POST] = "Post(address id,string author,string content,uint40 time)",
    [SOTTO_SIGNED_DIGEST] = "Digest(address id,uint8 kind,bytes32 root,uint40 time)",
    [SOTTO_SIGNED_NEGOTIATION] = "Negotiation(address from,address to,uint8 method,uint8 suite,uint8 role,bytes share,bytes32 context,uint40 expiry)",
    [SOTTO_SIGNED_CERTIFICATE] = "Certificate(uint8 kind,address id,bytes key,bytes xkey,uint40 notBefore,uint40 notAfter,uint256 chainId,"
                                 "address registry,bytes32 recovery,string endpoint)",
};

const char *sotto_signed_type(enum sotto_signed which)
{
    SOTTO_ASSERT((unsigned)which < SOTTO_SIGNED_COUNT);
    return types[which];
}

void sotto_registry_contract(uint8_t out[20], const uint8_t genesis_id[64])
{
    uint8_t hash[32];
    SOTTO_TH_OF(hash, SOTTO_TH_REGISTRY, sotto_span(genesis_id, 64));
    memcpy(out, hash + 12, 20);
}

void sotto_registry_domain(uint8_t out[32], uint64_t chain, const uint8_t contract[20])
{
    struct sotto_eip712 e;
    sotto_eip712_begin(&e, "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    sotto_eip712_bytes(&e, sotto_span_str("Sotto Registry"));
    sotto_eip712_bytes(&e, sotto_span_str("1"));
    sotto_eip712_uint(&e, chain);
    sotto_eip712_address(&e, contract);
    sotto_eip712_struct(&e, out);
}

void sotto_bond_extra(uint8_t out[32], uint64_t bond, const struct sotto_h160 *refund)
{
    struct sotto_th t;
    memset(out, 0, 32);
    if (bond == 0) return;
    sotto_th_begin(&t, SOTTO_TH_BOND);
    sotto_th_u64(&t, bond);
    sotto_th_update(&t, refund->b, sizeof refund->b);
    sotto_th_final(&t, out);
}

void sotto_recovery_commit(uint8_t out[32], const struct sotto_id *recovery, const uint8_t salt[32])
{
    uint8_t both[52];
    memcpy(both, recovery->b, 20);
    memcpy(both + 20, salt, 32);
    sotto_keccak256(out, SOTTO_SPAN(both));
}

static void finish(struct sotto_eip712 *e, uint8_t out[32], const uint8_t domain[32])
{
    uint8_t hash[32];
    sotto_eip712_struct(e, hash);
    sotto_eip712_digest(out, domain, hash);
}

static void add_register(struct sotto_eip712 *e, const struct sotto_op_identity *i)
{
    uint8_t extra[32];
    sotto_bond_extra(extra, i->bond, &i->refund);
    sotto_eip712_bytes(e, SOTTO_SPAN(i->key.b));
    sotto_eip712_bytes(e, SOTTO_SPAN(i->xkey.b));
    sotto_eip712_bytes32(e, i->cert);
    sotto_eip712_bytes32(e, i->recovery);
    sotto_eip712_bytes32(e, extra);
    sotto_eip712_uint(e, i->not_before_s);
    sotto_eip712_uint(e, i->not_after_s);
}

/* What RENEW, ROTATE and RECOVER have in common, between the sequence number and the times. */
static enum sotto_err add_keys(struct sotto_eip712 *e, const struct sotto_op *op)
{
    const struct sotto_op_identity *i = &op->identity;
    struct sotto_id owner;
    if (op->type != SOTTO_OP_RENEW) {
        if (sotto_id_of(&owner, &i->key) != SOTTO_OK) return SOTTO_E_POINT;
        sotto_eip712_address(e, owner.b);
        sotto_eip712_bytes(e, SOTTO_SPAN(i->key.b));
    }
    sotto_eip712_bytes(e, SOTTO_SPAN(i->xkey.b));
    sotto_eip712_bytes32(e, i->cert);
    if (op->type == SOTTO_OP_RECOVER) sotto_eip712_bytes32(e, i->recovery);
    sotto_eip712_uint(e, i->not_after_s);
    return SOTTO_OK;
}

enum sotto_err sotto_signed_op(uint8_t out[32], const uint8_t domain[32], const struct sotto_op *op)
{
    static const enum sotto_signed which[] = {
        [SOTTO_OP_REGISTER] = SOTTO_SIGNED_REGISTER, [SOTTO_OP_RENEW] = SOTTO_SIGNED_RENEW, [SOTTO_OP_ROTATE] = SOTTO_SIGNED_ROTATE,
        [SOTTO_OP_RECOVER] = SOTTO_SIGNED_RECOVER, [SOTTO_OP_REVOKE] = SOTTO_SIGNED_REVOKE,
    };
    SOTTO_ASSERT(sotto_op_of_identity(op->type));
    const struct sotto_op_identity *i = &op->identity;
    struct sotto_eip712 e;
    sotto_eip712_begin(&e, types[which[op->type]]);
    sotto_eip712_address(&e, i->id.b);
    if (op->type != SOTTO_OP_REGISTER) sotto_eip712_uint(&e, i->seq);
    if (op->type == SOTTO_OP_REGISTER) add_register(&e, i);
    else if (op->type == SOTTO_OP_REVOKE) sotto_eip712_uint(&e, i->reason);
    else SOTTO_TRY(add_keys(&e, op));
    sotto_eip712_uint(&e, i->deadline_s);
    finish(&e, out, domain);
    return SOTTO_OK;
}

void sotto_signed_authorize(uint8_t out[32], const uint8_t domain[32], const struct sotto_id *id, const uint8_t txid[32])
{
    struct sotto_eip712 e;
    sotto_eip712_begin(&e, types[SOTTO_SIGNED_AUTHORIZE]);
    sotto_eip712_address(&e, id->b);
    sotto_eip712_bytes32(&e, txid);
    finish(&e, out, domain);
}

void sotto_signed_post(uint8_t out[32], const uint8_t domain[32], const struct sotto_op_post *post)
{
    struct sotto_eip712 e;
    sotto_eip712_begin(&e, types[SOTTO_SIGNED_POST]);
    sotto_eip712_address(&e, post->id.b);
    sotto_eip712_bytes(&e, post->author);
    sotto_eip712_bytes(&e, post->content);
    sotto_eip712_uint(&e, post->time_s);
    finish(&e, out, domain);
}

void sotto_signed_digest(uint8_t out[32], const uint8_t domain[32], const struct sotto_op_digest *digest, const uint8_t root[32])
{
    struct sotto_eip712 e;
    sotto_eip712_begin(&e, types[SOTTO_SIGNED_DIGEST]);
    sotto_eip712_address(&e, digest->id.b);
    sotto_eip712_uint(&e, digest->kind);
    sotto_eip712_bytes32(&e, root);
    sotto_eip712_uint(&e, digest->time_s);
    finish(&e, out, domain);
}
