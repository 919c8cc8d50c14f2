/* registry: the life of an identity, every refusal of it at its bound, and which of several faults is named. */
#include "support/test.h"

#include "crypto/rng.h"
#include "ledger/codec.h"
#include "ledger/registry.h"
#include "ledger/signed.h"

#define NOW UINT64_C(1790000000)
#define BOND 500u

static struct sotto_chacha_rng rng;
static uint8_t domain[32];

struct key { struct sotto_scalar secret; struct sotto_point pub; struct sotto_id id; };

static struct key some_key(void)
{
    struct key k;
    sotto_scalar_random(&k.secret, &rng.rng);
    assert_int_equal(sotto_point_make(&k.pub, &k.secret), SOTTO_OK);
    assert_int_equal(sotto_id_of(&k.id, &k.pub), SOTTO_OK);
    return k;
}

static struct sotto_sig65 signature(const struct key *k, const struct sotto_op *op)
{
    struct sotto_sig65 sig = { { 0 } };
    uint8_t digest[32];
    if (sotto_signed_op(digest, domain, op) != SOTTO_OK) return sig;         /* a key that is none: refused before anybody asks */
    assert_int_equal(sotto_sign(&sig, &k->secret, digest), SOTTO_OK);
    return sig;
}

/* Alice, her next key, the key that can take her ID back, and somebody else. */
struct cast { struct key alice, next, recovery, other, xkey, new_xkey; uint8_t salt[32]; struct sotto_reg_record record; };

static struct sotto_reg_rules rules_at(uint64_t now) { return (struct sotto_reg_rules){ .now_s = now, .height = 12, .bond.cong = BOND, .domain = domain }; }

static enum sotto_err judged(struct sotto_reg_record *next, const struct sotto_op *op, const struct sotto_reg_record *before, uint64_t now, bool taken)
{
    struct sotto_reg_rules rules = rules_at(now);
    struct sotto_reg_record untouched, kept;
    struct sotto_amount back = { 77 };
    memset(&untouched, 0x5a, sizeof untouched);
    kept = untouched;
    enum sotto_err err = sotto_reg_apply(&untouched, &back, &rules, op, before, taken);
    if (err == SOTTO_OK) *next = untouched;
    else assert_true(memcmp(&untouched, &kept, sizeof kept) == 0 && back.cong == 77);       /* nothing is written */
    if (err == SOTTO_OK) assert_int_equal(back.cong, op->type == SOTTO_OP_REVOKE ? before->bond.cong : 0);
    return err;
}

static struct sotto_op register_op(const struct cast *c)
{
    struct sotto_op op = { .type = SOTTO_OP_REGISTER, .identity = { .id = c->alice.id, .key = c->alice.pub, .xkey = c->xkey.pub, .not_before_s = NOW,
                                                                    .not_after_s = NOW + SOTTO_REG_SPAN_S, .deadline_s = NOW + 60, .bond = BOND } };
    memset(op.identity.cert, 3, sizeof op.identity.cert);
    memset(op.identity.refund.b, 4, sizeof op.identity.refund.b);
    sotto_recovery_commit(op.identity.recovery, &c->recovery.id, c->salt);
    op.identity.sig = signature(&c->alice, &op);
    return op;
}

static struct cast cast(void)
{
    struct cast c = { some_key(), some_key(), some_key(), some_key(), some_key(), some_key(), { 9 }, { .seq = 0 } };
    struct sotto_op op = register_op(&c);
    assert_int_equal(judged(&c.record, &op, NULL, NOW, false), SOTTO_OK);
    return c;
}

/* A change that is allowed at NOW, signed by those who must. */
static void sign(struct sotto_op *op, const struct cast *c)
{
    op->identity.sig = signature(op->identity.by_recovery ? &c->recovery : &c->alice, op);
    op->identity.new_sig = signature(&c->next, op);
}

static struct sotto_op change_op(const struct cast *c, enum sotto_op_type type)
{
    struct sotto_op op = { .type = type, .identity = { .id = c->alice.id, .seq = c->record.seq + 1, .deadline_s = NOW + 60 } };
    struct sotto_op_identity *i = &op.identity;
    if (type == SOTTO_OP_RECOVER) i->by_recovery = true;
    if (i->by_recovery) memcpy(i->salt, c->salt, sizeof i->salt);
    if (type != SOTTO_OP_REVOKE) {
        i->xkey = c->new_xkey.pub;
        i->not_after_s = NOW + SOTTO_REG_SPAN_S;
        memset(i->cert, 8, sizeof i->cert);
    }
    if (type == SOTTO_OP_ROTATE || type == SOTTO_OP_RECOVER) i->key = c->next.pub;
    if (type == SOTTO_OP_RECOVER) memset(i->recovery, 6, sizeof i->recovery);
    sign(&op, c);
    return op;
}

static void registration(void **state)
{
    (void)state;
    struct cast c = cast();
    struct sotto_reg_record r = c.record, next;
    assert_true(sotto_id_equal(&r.id, &c.alice.id) && sotto_id_equal(&r.owner, &c.alice.id));
    assert_int_equal(r.status, SOTTO_REG_VALID);
    assert_int_equal(r.seq, 0);
    assert_int_equal(r.made, 12);
    assert_int_equal(r.changed, 12);
    assert_int_equal(r.bond.cong, BOND);
    assert_int_equal(r.refund.b[0], 4);

#define REFUSED(err, change) \
    do { \
        struct sotto_op op = register_op(&c); \
        struct sotto_op_identity *i = &op.identity; \
        change; \
        i->sig = signature(&c.alice, &op); \
        assert_int_equal(judged(&next, &op, NULL, NOW, false), err); \
    } while (0)
    REFUSED(SOTTO_E_POINT, i->key.b[0] = 5);
    REFUSED(SOTTO_E_POINT, i->xkey.b[0] = 4);
    REFUSED(SOTTO_R_ID_KEY, i->id.b[19] ^= 1);
    REFUSED(SOTTO_R_ID_KEY, i->key = c.other.pub);
    REFUSED(SOTTO_R_SAME_KEY, i->xkey = i->key);
    REFUSED(SOTTO_R_VALIDITY, i->not_before_s = i->not_after_s);
    REFUSED(SOTTO_R_VALIDITY, i->not_after_s++);
    REFUSED(SOTTO_R_EXPIRED, i->not_before_s = NOW - 10; i->not_after_s = NOW);
    REFUSED(SOTTO_R_FUTURE, i->not_before_s = NOW + 121);
    REFUSED(SOTTO_OK, i->not_before_s = NOW + 120);
    REFUSED(SOTTO_R_DEADLINE, i->deadline_s = NOW - 1);
    REFUSED(SOTTO_OK, i->deadline_s = NOW);
    REFUSED(SOTTO_OK, i->deadline_s = NOW + 86400);
    REFUSED(SOTTO_R_DEADLINE, i->deadline_s = NOW + 86401);
    REFUSED(SOTTO_R_BOND, i->bond = BOND + 1);
    REFUSED(SOTTO_R_BOND, i->bond = 0);
#undef REFUSED

    struct sotto_op op = register_op(&c);
    assert_int_equal(judged(&next, &op, &r, NOW, false), SOTTO_R_EXISTS);
    struct sotto_reg_record gone = r;
    gone.status = SOTTO_REG_REVOKED;              /* an ID comes once */
    assert_int_equal(judged(&next, &op, &gone, NOW, false), SOTTO_R_EXISTS);
    op.identity.sig = signature(&c.other, &op);
    assert_int_equal(judged(&next, &op, NULL, NOW, false), SOTTO_R_SIG);
    struct sotto_reg_rules rules = rules_at(NOW);
    uint8_t elsewhere[32] = { 1 };                /* the same bytes on another chain */
    op = register_op(&c);
    rules.domain = elsewhere;
    assert_int_equal(sotto_reg_apply(&next, NULL, &rules, &op, NULL, false), SOTTO_R_SIG);
    rules = rules_at(NOW);                        /* without a bond nobody gets anything back */
    rules.bond.cong = 0;
    op.identity.bond = 0;
    op.identity.sig = signature(&c.alice, &op);
    assert_int_equal(sotto_reg_apply(&next, NULL, &rules, &op, NULL, false), SOTTO_OK);
    assert_true(sotto_all_zero(next.refund.b, sizeof next.refund.b));
}

static void changes(void **state)
{
    (void)state;
    for (enum sotto_op_type type = SOTTO_OP_RENEW; type <= SOTTO_OP_REVOKE; type++) {
        struct cast c = cast();
        struct sotto_reg_record next, revoked = c.record;
        struct sotto_op op = change_op(&c, type);
        bool later = type == SOTTO_OP_RENEW;      /* its end must be later than the one before */
        c.record.not_after_s -= later;
        revoked.status = SOTTO_REG_REVOKED;
        assert_int_equal(judged(&next, &op, &c.record, NOW, false), SOTTO_OK);
        assert_int_equal(next.seq, 1);
        assert_int_equal(next.changed, 12);
        assert_true(sotto_id_equal(&next.id, &c.alice.id));
        bool new_key = type == SOTTO_OP_ROTATE || type == SOTTO_OP_RECOVER;
        assert_true(sotto_id_equal(&next.owner, new_key ? &c.next.id : &c.alice.id));
        assert_memory_equal(next.key.b, new_key ? c.next.pub.b : c.alice.pub.b, 33);
        assert_memory_equal(next.sig.b, new_key ? op.identity.new_sig.b : c.record.sig.b, 65);
        assert_memory_equal(next.xkey.b, type == SOTTO_OP_REVOKE ? c.xkey.pub.b : c.new_xkey.pub.b, 33);
        assert_int_equal(next.recovery[0], type == SOTTO_OP_RECOVER ? 6 : c.record.recovery[0]);
        assert_int_equal(next.status, type == SOTTO_OP_REVOKE ? SOTTO_REG_REVOKED : SOTTO_REG_VALID);
        assert_int_equal(next.bond.cong, type == SOTTO_OP_REVOKE ? 0 : BOND);

        assert_int_equal(judged(&next, &op, NULL, NOW, false), SOTTO_R_UNKNOWN);
        assert_int_equal(judged(&next, &op, &revoked, NOW, false), SOTTO_R_REVOKED);
        struct sotto_reg_record last = c.record;
        last.seq = UINT32_MAX;
        assert_int_equal(judged(&next, &op, &last, NOW, false), SOTTO_R_SEQ);
        assert_int_equal(judged(&next, &op, &c.record, NOW + 61, false), SOTTO_R_DEADLINE);
        op.identity.seq = 2;
        sign(&op, &c);
        assert_int_equal(judged(&next, &op, &c.record, NOW, false), SOTTO_R_SEQ);
        op = change_op(&c, type);
        op.identity.sig = signature(&c.other, &op);
        assert_int_equal(judged(&next, &op, &c.record, NOW, false), type == SOTTO_OP_RECOVER ? SOTTO_R_RECOVERY : SOTTO_R_SIG);
        op.identity.sig.b[64] = 29;
        assert_int_equal(judged(&next, &op, &c.record, NOW, false), SOTTO_R_SIG);
        if (new_key) {
            op = change_op(&c, type);
            assert_int_equal(judged(&next, &op, &c.record, NOW, true), SOTTO_R_EXISTS);
            op.identity.new_sig = signature(&c.other, &op);
            assert_int_equal(judged(&next, &op, &c.record, NOW, false), SOTTO_R_SIG);
            op = change_op(&c, type);
            op.identity.key.b[0] = 0;
            assert_int_equal(judged(&next, &op, &c.record, NOW, false), SOTTO_E_POINT);
        }
        if (type == SOTTO_OP_REVOKE) continue;
        op = change_op(&c, type);
        op.identity.xkey = new_key ? c.next.pub : c.alice.pub;
        sign(&op, &c);
        assert_int_equal(judged(&next, &op, &c.record, NOW, false), SOTTO_R_SAME_KEY);
        op = change_op(&c, type);
        op.identity.not_after_s = NOW + SOTTO_REG_SPAN_S + 1;
        sign(&op, &c);
        assert_int_equal(judged(&next, &op, &c.record, NOW, false), SOTTO_R_VALIDITY);
        op.identity.not_after_s = later ? c.record.not_after_s : NOW;
        sign(&op, &c);
        assert_int_equal(judged(&next, &op, &c.record, NOW, false), SOTTO_R_VALIDITY);
    }
}

/* From when to when each of them may come. */
static void their_times(void **state)
{
    (void)state;
    struct cast c = cast();
    struct sotto_reg_record next;
    c.record.not_after_s = NOW;                   /* it ends now */
    struct sotto_op renew = change_op(&c, SOTTO_OP_RENEW), rotate = change_op(&c, SOTTO_OP_ROTATE), recover = change_op(&c, SOTTO_OP_RECOVER);
    assert_int_equal(judged(&next, &rotate, &c.record, NOW, false), SOTTO_R_EXPIRED);
    assert_int_equal(judged(&next, &recover, &c.record, NOW, false), SOTTO_OK);
    c.record.not_after_s = NOW - SOTTO_REG_GRACE_S;
    assert_int_equal(judged(&next, &renew, &c.record, NOW, false), SOTTO_OK);
    c.record.not_after_s--;
    assert_int_equal(judged(&next, &renew, &c.record, NOW, false), SOTTO_R_EXPIRED);
    c.record.not_before_s = NOW + 1;
    c.record.not_after_s = NOW + 100;
    assert_int_equal(judged(&next, &rotate, &c.record, NOW, false), SOTTO_R_FUTURE);
    c.record.not_before_s = NOW;
    assert_int_equal(judged(&next, &rotate, &c.record, NOW, false), SOTTO_OK);
}

static void recovery_keys(void **state)
{
    (void)state;
    struct cast c = cast();
    struct sotto_reg_record next;
    struct sotto_op op = change_op(&c, SOTTO_OP_REVOKE);
    op.identity.by_recovery = true;               /* who lost the key may still say so */
    memcpy(op.identity.salt, c.salt, sizeof c.salt);
    sign(&op, &c);
    assert_int_equal(judged(&next, &op, &c.record, NOW, false), SOTTO_OK);
    op.identity.salt[31] ^= 1;
    assert_int_equal(judged(&next, &op, &c.record, NOW, false), SOTTO_R_RECOVERY);
    op.identity.salt[31] ^= 1;
    memset(c.record.recovery, 0, sizeof c.record.recovery);
    assert_int_equal(judged(&next, &op, &c.record, NOW, false), SOTTO_R_RECOVERY);         /* none was named */

    struct sotto_amount back;
    assert_int_equal(sotto_reg_revoke(&next, &back, 40, NULL), SOTTO_R_UNKNOWN);
    assert_int_equal(sotto_reg_revoke(&next, &back, 40, &c.record), SOTTO_OK);             /* by a vote */
    assert_int_equal(back.cong, BOND);
    assert_int_equal(next.changed, 40);
    assert_int_equal(sotto_reg_revoke(&next, &back, 41, &next), SOTTO_R_REVOKED);
}

static void records(void **state)
{
    (void)state;
    struct cast c = cast();
    uint8_t bytes[SOTTO_REG_RECORD + 1] = { 0 }, again[SOTTO_REG_RECORD];
    struct sotto_reg_record r;
    sotto_reg_put(bytes, &c.record);
    assert_int_equal(sotto_reg_take(&r, sotto_span(bytes, SOTTO_REG_RECORD)), SOTTO_OK);
    sotto_reg_put(again, &r);
    assert_memory_equal(again, bytes, sizeof again);
    assert_int_equal(sotto_reg_take(&r, sotto_span(bytes, SOTTO_REG_RECORD - 1)), SOTTO_E_SHORT);
    assert_int_equal(sotto_reg_take(&r, SOTTO_SPAN(bytes)), SOTTO_E_TRAILING);
    static const struct { size_t at; uint8_t byte; } wrong[] = { { 0, 2 }, { 0, 0 }, { 21, 0 }, { 21, 3 }, { 207, 1 } };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t kept = bytes[wrong[i].at];
        bytes[wrong[i].at] = wrong[i].byte;
        assert_int_equal(sotto_reg_take(&r, sotto_span(bytes, SOTTO_REG_RECORD)), SOTTO_D_DAMAGED);
        bytes[wrong[i].at] = kept;
    }
    assert_int_equal(sotto_reg_valid(&c.record, NOW - 1), SOTTO_V_NOT_YET);
    assert_int_equal(sotto_reg_valid(&c.record, NOW), SOTTO_OK);
    assert_int_equal(sotto_reg_valid(&c.record, c.record.not_after_s - 1), SOTTO_OK);
    assert_int_equal(sotto_reg_valid(&c.record, c.record.not_after_s), SOTTO_V_EXPIRED);
    c.record.status = SOTTO_REG_REVOKED;
    assert_int_equal(sotto_reg_valid(&c.record, c.record.not_after_s), SOTTO_V_REVOKED);
}

/* With several faults at once the first in the order of the rule is named. */
static void who_asks(void **state)
{
    (void)state;
    struct cast a = cast(), b = cast();
    struct sotto_verify v = { .from = a.alice.id, .to = b.alice.id, .time_s = NOW, .nonce = { 7 } };
    uint8_t digest[32];
    sotto_verify_digest(digest, domain, &v);
    assert_int_equal(sotto_sign(&v.sig, &a.alice.secret, digest), SOTTO_OK);
    assert_int_equal(sotto_verify_check(&v, &a.record, &b.record, NOW, NOW, domain), SOTTO_OK);
    assert_int_equal(sotto_verify_check(&v, &a.record, &b.record, NOW, NOW + 300, domain), SOTTO_OK);
    assert_int_equal(sotto_verify_check(&v, &a.record, &b.record, NOW, NOW - 300, domain), SOTTO_OK);
    assert_int_equal(sotto_verify_check(&v, &a.record, &b.record, NOW, NOW + 301, domain), SOTTO_V_TIME);
    assert_int_equal(sotto_verify_check(&v, &a.record, &b.record, NOW, NOW - 301, domain), SOTTO_V_TIME);
    assert_int_equal(sotto_verify_check(&v, NULL, &b.record, NOW, NOW, domain), SOTTO_V_UNKNOWN);
    assert_int_equal(sotto_verify_check(&v, &a.record, NULL, NOW, NOW, domain), SOTTO_V_UNKNOWN);
    uint8_t elsewhere[32] = { 1 };
    assert_int_equal(sotto_verify_check(&v, &a.record, &b.record, NOW, NOW, elsewhere), SOTTO_V_SIG);
    v.nonce[0]++;                                 /* signed for another question */
    assert_int_equal(sotto_verify_check(&v, &a.record, &b.record, NOW, NOW, domain), SOTTO_V_SIG);
    v.time_s = 0;
    assert_int_equal(sotto_verify_check(&v, &a.record, &b.record, NOW, NOW, domain), SOTTO_V_TIME);
    b.record.not_after_s = NOW;
    assert_int_equal(sotto_verify_check(&v, &a.record, &b.record, NOW, NOW, domain), SOTTO_V_EXPIRED);
    a.record.not_before_s = NOW + 1;
    assert_int_equal(sotto_verify_check(&v, &a.record, &b.record, NOW, NOW, domain), SOTTO_V_NOT_YET);
    a.record.status = SOTTO_REG_REVOKED;
    assert_int_equal(sotto_verify_check(&v, &a.record, &b.record, NOW, NOW, domain), SOTTO_V_REVOKED);

    struct cast c = cast();                       /* after a rotation the new key speaks for the ID, the old one no more */
    struct sotto_op op = change_op(&c, SOTTO_OP_ROTATE);
    struct sotto_reg_record rotated;
    assert_int_equal(judged(&rotated, &op, &c.record, NOW, false), SOTTO_OK);
    struct cast d = cast();
    v = (struct sotto_verify){ .from = c.alice.id, .to = d.alice.id, .time_s = NOW };
    sotto_verify_digest(digest, domain, &v);
    assert_int_equal(sotto_sign(&v.sig, &c.alice.secret, digest), SOTTO_OK);
    assert_int_equal(sotto_verify_check(&v, &rotated, &d.record, NOW, NOW, domain), SOTTO_V_SIG);
    assert_int_equal(sotto_sign(&v.sig, &c.next.secret, digest), SOTTO_OK);
    assert_int_equal(sotto_verify_check(&v, &rotated, &d.record, NOW, NOW, domain), SOTTO_OK);
}

int main(void)
{
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    sotto_rng_from_seed(&rng, test_seed(), "registry test");
    sotto_rng_fill(&rng.rng, domain, sizeof domain);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registration), cmocka_unit_test(changes), cmocka_unit_test(their_times), cmocka_unit_test(recovery_keys),
        cmocka_unit_test(records), cmocka_unit_test(who_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
