#include "ledger/registry.h"

#include "crypto/eip712.h"
#include "ledger/codec.h"
#include "ledger/signed.h"
#include "ledger/smt.h"
#include "ledger/th.h"

enum { VERSION = 1 };

/* ---- records ---- */

void sotto_reg_put(uint8_t out[SOTTO_REG_RECORD], const struct sotto_reg_record *r)
{
    out[0] = VERSION;
    memcpy(out + 1, r->id.b, 20);
    out[21] = r->status;
    memcpy(out + 22, r->owner.b, 20);
    memcpy(out + 42, r->key.b, 33);
    memcpy(out + 75, r->xkey.b, 33);
    memcpy(out + 108, r->cert, 32);
    memcpy(out + 140, r->recovery, 32);
    sotto_put_le64(out + 172, r->not_before_s);
    sotto_put_le64(out + 180, r->not_after_s);
    sotto_put_le32(out + 188, r->seq);
    sotto_put_le32(out + 192, r->made);
    sotto_put_le32(out + 196, r->changed);
    sotto_put_le64(out + 200, r->bond.cong);
    memcpy(out + 208, r->refund.b, 20);
    memcpy(out + 228, r->sig.b, 65);
}

enum sotto_err sotto_reg_take(struct sotto_reg_record *out, struct sotto_span bytes)
{
    if (bytes.size != SOTTO_REG_RECORD) return bytes.size < SOTTO_REG_RECORD ? SOTTO_E_SHORT : SOTTO_E_TRAILING;
    const uint8_t *b = bytes.data;
    struct sotto_reg_record r = { .status = b[21], .not_before_s = sotto_le64(b + 172), .not_after_s = sotto_le64(b + 180), .seq = sotto_le32(b + 188),
                                  .made = sotto_le32(b + 192), .changed = sotto_le32(b + 196), .bond.cong = sotto_le64(b + 200) };
    if (b[0] != VERSION || (r.status != SOTTO_REG_VALID && r.status != SOTTO_REG_REVOKED) || r.bond.cong > SOTTO_MONEY_MAX) return SOTTO_D_DAMAGED;
    memcpy(r.id.b, b + 1, 20);
    memcpy(r.owner.b, b + 22, 20);
    memcpy(r.key.b, b + 42, 33);
    memcpy(r.xkey.b, b + 75, 33);
    memcpy(r.cert, b + 108, 32);
    memcpy(r.recovery, b + 140, 32);
    memcpy(r.refund.b, b + 208, 20);
    memcpy(r.sig.b, b + 228, 65);
    *out = r;
    return SOTTO_OK;
}

void sotto_reg_value(uint8_t out[32], const struct sotto_reg_record *r)
{
    uint8_t bytes[SOTTO_REG_RECORD];
    sotto_reg_put(bytes, r);
    sotto_smt_value(out, SOTTO_SPAN(bytes));
}

enum sotto_err sotto_reg_valid(const struct sotto_reg_record *r, uint64_t now_s)
{
    if (r->status != SOTTO_REG_VALID) return SOTTO_V_REVOKED;
    if (now_s < r->not_before_s) return SOTTO_V_NOT_YET;
    return now_s < r->not_after_s ? SOTTO_OK : SOTTO_V_EXPIRED;
}

enum sotto_err sotto_reg_cert(const struct sotto_reg_record *r, struct sotto_span cert)
{
    uint8_t hash[32];
    sotto_keccak256(hash, cert);
    return memcmp(hash, r->cert, sizeof hash) == 0 ? SOTTO_OK : SOTTO_R_CERT;
}

/* ---- parts of the judgement ---- */

static enum sotto_err point(const struct sotto_point *p) { return sotto_point_check(p->b) == SOTTO_OK ? SOTTO_OK : SOTTO_E_POINT; }

/* The keys of an operation, whose signing key is the record's where it brings none. */
static enum sotto_err xkey_good(const struct sotto_point *key, const struct sotto_point *xkey)
{
    SOTTO_TRY(point(xkey));
    return memcmp(key->b, xkey->b, sizeof key->b) != 0 ? SOTTO_OK : SOTTO_R_SAME_KEY;
}

static enum sotto_err deadline_good(uint64_t deadline_s, uint64_t now_s)
{
    return deadline_s >= now_s && deadline_s - now_s <= SOTTO_REG_DEADLINE_S ? SOTTO_OK : SOTTO_R_DEADLINE;
}

/* By the owner, or by the key that the record committed to. */
static enum sotto_err old_signature(const struct sotto_op_identity *i, const struct sotto_reg_record *before, const uint8_t digest[32])
{
    struct sotto_point signer;
    struct sotto_id id;
    uint8_t commit[32];
    if (!i->by_recovery) return sotto_signed_by(&before->owner, &i->sig, digest);
    if (sotto_recover(&signer, &i->sig, digest) != SOTTO_OK || sotto_id_of(&id, &signer) != SOTTO_OK) return SOTTO_R_SIG;
    sotto_recovery_commit(commit, &id, i->salt);
    bool none = sotto_all_zero(before->recovery, sizeof before->recovery);
    return !none && memcmp(commit, before->recovery, sizeof commit) == 0 ? SOTTO_OK : SOTTO_R_RECOVERY;
}

bool sotto_reg_new_owner(struct sotto_id *out, const struct sotto_op *op)
{
    return (op->type == SOTTO_OP_ROTATE || op->type == SOTTO_OP_RECOVER) && sotto_id_of(out, &op->identity.key) == SOTTO_OK;
}

/* ---- the five ---- */

static enum sotto_err judge_register(struct sotto_reg_record *next, const struct sotto_reg_rules *rules, const struct sotto_op *op, bool exists)
{
    const struct sotto_op_identity *i = &op->identity;
    struct sotto_id owner;
    uint8_t digest[32];
    if (sotto_id_of(&owner, &i->key) != SOTTO_OK) return SOTTO_E_POINT;
    if (!sotto_id_equal(&owner, &i->id)) return SOTTO_R_ID_KEY;
    SOTTO_TRY(xkey_good(&i->key, &i->xkey));
    if (exists) return SOTTO_R_EXISTS;
    if (i->not_before_s >= i->not_after_s || i->not_after_s - i->not_before_s > SOTTO_REG_SPAN_S) return SOTTO_R_VALIDITY;
    if (i->not_after_s <= rules->now_s) return SOTTO_R_EXPIRED;
    if (i->not_before_s > rules->now_s && i->not_before_s - rules->now_s > SOTTO_REG_AHEAD_S) return SOTTO_R_FUTURE;
    SOTTO_TRY(deadline_good(i->deadline_s, rules->now_s));
    SOTTO_TRY(sotto_signed_op(digest, rules->domain, op));
    SOTTO_TRY(sotto_signed_by(&i->id, &i->sig, digest));
    if (i->bond != rules->bond.cong) return SOTTO_R_BOND;
    struct sotto_reg_record r = { .id = i->id, .owner = owner, .status = SOTTO_REG_VALID, .key = i->key, .xkey = i->xkey, .not_before_s = i->not_before_s,
                                  .not_after_s = i->not_after_s, .made = rules->height, .changed = rules->height, .bond = rules->bond, .sig = i->sig };
    memcpy(r.cert, i->cert, sizeof r.cert);
    memcpy(r.recovery, i->recovery, sizeof r.recovery);
    if (r.bond.cong > 0) r.refund = i->refund;
    *next = r;
    return SOTTO_OK;
}

static enum sotto_err judge_keys(const struct sotto_reg_rules *rules, const struct sotto_op *op, const struct sotto_reg_record *before)
{
    const struct sotto_op_identity *i = &op->identity;
    if (op->type == SOTTO_OP_REVOKE) return SOTTO_OK;
    if (op->type != SOTTO_OP_RENEW) SOTTO_TRY(point(&i->key));
    SOTTO_TRY(xkey_good(op->type == SOTTO_OP_RENEW ? &before->key : &i->key, &i->xkey));
    uint64_t least = rules->now_s;
    if (op->type == SOTTO_OP_RENEW && before->not_after_s > least) least = before->not_after_s;
    if (i->not_after_s <= least || i->not_after_s - rules->now_s > SOTTO_REG_SPAN_S) return SOTTO_R_VALIDITY;
    return SOTTO_OK;
}

/* Until when each of them may come. */
static enum sotto_err judge_time(const struct sotto_reg_rules *rules, const struct sotto_op *op, const struct sotto_reg_record *before)
{
    if (op->type == SOTTO_OP_RENEW && rules->now_s > before->not_after_s && rules->now_s - before->not_after_s > SOTTO_REG_GRACE_S) return SOTTO_R_EXPIRED;
    if (op->type != SOTTO_OP_ROTATE) return SOTTO_OK;
    if (rules->now_s < before->not_before_s) return SOTTO_R_FUTURE;
    return rules->now_s < before->not_after_s ? SOTTO_OK : SOTTO_R_EXPIRED;
}

static struct sotto_reg_record revoked(const struct sotto_reg_record *before, uint32_t height, struct sotto_amount *back)
{
    struct sotto_reg_record r = *before;
    if (back) *back = before->bond;
    r.status = SOTTO_REG_REVOKED;
    r.seq++;
    r.changed = height;
    r.bond = (struct sotto_amount){ 0 };
    r.refund = (struct sotto_h160){ { 0 } };
    return r;
}

static enum sotto_err judge_change(struct sotto_reg_record *next, struct sotto_amount *back, const struct sotto_reg_rules *rules, const struct sotto_op *op,
                                   const struct sotto_reg_record *before, bool taken)
{
    const struct sotto_op_identity *i = &op->identity;
    bool new_key = op->type == SOTTO_OP_ROTATE || op->type == SOTTO_OP_RECOVER;
    struct sotto_id owner = { { 0 } };
    uint8_t digest[32];
    if (!before) return SOTTO_R_UNKNOWN;
    if (before->status != SOTTO_REG_VALID) return SOTTO_R_REVOKED;
    if (before->seq == UINT32_MAX || i->seq != before->seq + 1) return SOTTO_R_SEQ;
    SOTTO_TRY(judge_keys(rules, op, before));
    SOTTO_TRY(deadline_good(i->deadline_s, rules->now_s));
    SOTTO_TRY(sotto_signed_op(digest, rules->domain, op));
    SOTTO_TRY(old_signature(i, before, digest));
    if (new_key) {
        if (!sotto_reg_new_owner(&owner, op)) return SOTTO_E_POINT;
        SOTTO_TRY(sotto_signed_by(&owner, &i->new_sig, digest));
        if (taken) return SOTTO_R_EXISTS;
    }
    SOTTO_TRY(judge_time(rules, op, before));
    if (op->type == SOTTO_OP_REVOKE) {
        *next = revoked(before, rules->height, back);
        return SOTTO_OK;
    }
    struct sotto_reg_record r = *before;
    r.seq++;
    r.changed = rules->height;
    r.xkey = i->xkey;
    memcpy(r.cert, i->cert, sizeof r.cert);
    r.not_after_s = i->not_after_s;
    if (new_key) {
        r.owner = owner;
        r.key = i->key;
        r.sig = i->new_sig;
    }
    if (op->type == SOTTO_OP_RECOVER) memcpy(r.recovery, i->recovery, sizeof r.recovery);
    *next = r;
    return SOTTO_OK;
}

enum sotto_err sotto_reg_apply(struct sotto_reg_record *next, struct sotto_amount *back, const struct sotto_reg_rules *rules, const struct sotto_op *op,
                               const struct sotto_reg_record *before, bool taken)
{
    SOTTO_ASSERT(sotto_op_of_identity(op->type));
    struct sotto_reg_record r;
    struct sotto_amount given = { 0 };
    if (op->type == SOTTO_OP_REGISTER) SOTTO_TRY(judge_register(&r, rules, op, before != NULL));
    else SOTTO_TRY(judge_change(&r, &given, rules, op, before, taken));
    *next = r;
    if (back) *back = given;
    return SOTTO_OK;
}

enum sotto_err sotto_reg_revoke(struct sotto_reg_record *next, struct sotto_amount *back, uint32_t height, const struct sotto_reg_record *before)
{
    if (!before) return SOTTO_R_UNKNOWN;
    if (before->status != SOTTO_REG_VALID) return SOTTO_R_REVOKED;
    if (before->seq == UINT32_MAX) return SOTTO_R_SEQ;
    *next = revoked(before, height, back);
    return SOTTO_OK;
}

void sotto_bond_txid(uint8_t out[32], const struct sotto_id *id, uint32_t seq)
{
    struct sotto_th t;
    sotto_th_begin(&t, SOTTO_TH_BOND_RETURN);
    sotto_th_update(&t, id->b, sizeof id->b);
    sotto_th_u32(&t, seq);
    sotto_th_final(&t, out);
}

/* ---- who asks ---- */

void sotto_verify_digest(uint8_t out[32], const uint8_t domain[32], const struct sotto_verify *v)
{
    struct sotto_eip712 e;
    uint8_t hash[32];
    sotto_eip712_begin(&e, sotto_signed_type(SOTTO_SIGNED_VERIFY));
    sotto_eip712_address(&e, v->from.b);
    sotto_eip712_address(&e, v->to.b);
    sotto_eip712_uint(&e, v->time_s);
    sotto_eip712_bytes32(&e, v->nonce);
    sotto_eip712_struct(&e, hash);
    sotto_eip712_digest(out, domain, hash);
}

enum sotto_err sotto_verify_check(const struct sotto_verify *v, const struct sotto_reg_record *from, const struct sotto_reg_record *to, uint64_t now_s,
                                  uint64_t clock_s, const uint8_t domain[32])
{
    uint8_t digest[32];
    if (!from || !to) return SOTTO_V_UNKNOWN;
    SOTTO_ASSERT(sotto_id_equal(&from->id, &v->from) && sotto_id_equal(&to->id, &v->to));
    SOTTO_TRY(sotto_reg_valid(from, now_s));
    SOTTO_TRY(sotto_reg_valid(to, now_s));
    uint64_t apart = v->time_s > clock_s ? v->time_s - clock_s : clock_s - v->time_s;
    if (apart > SOTTO_VERIFY_WINDOW_S || v->time_s > SOTTO_UINT40_MAX) return SOTTO_V_TIME;
    sotto_verify_digest(digest, domain, v);
    return sotto_signed_by(&from->owner, &v->sig, digest) == SOTTO_OK ? SOTTO_OK : SOTTO_V_SIG;
}
