/* The registry of identities: what is kept of each, and which changes of it are allowed (ledger.md 11.1, 11.3, 11.4).
 *
 *     none --REGISTER--> valid --RENEW, ROTATE, RECOVER--> valid --REVOKE--> revoked      for ever: an ID is registered once
 *
 * An ID is the hash of the first key and stays; the owner is the hash of the key now. Here is no table of records: who calls has it, and
 * hands in what it says. All times are seconds; NOW is the time of the chain.
 * Threads: pure functions. */
#ifndef SOTTO_LEDGER_REGISTRY_H
#define SOTTO_LEDGER_REGISTRY_H

#include "ledger/op.h"

#define SOTTO_REG_RECORD 293u                     /* bytes */
#define SOTTO_REG_SPAN_S 63115200u                /* two years: the longest validity, and the furthest end */
#define SOTTO_REG_AHEAD_S 120u                    /* it may begin so much after NOW */
#define SOTTO_REG_DEADLINE_S 86400u               /* a signature is good for a day at most */
#define SOTTO_REG_GRACE_S (30u * 86400)           /* after its end it may still be renewed */
#define SOTTO_VERIFY_WINDOW_S 300u

enum sotto_reg_status { SOTTO_REG_VALID = 1, SOTTO_REG_REVOKED = 2 };

struct sotto_reg_record {
    struct sotto_id id, owner;
    uint8_t status;                               /* enum sotto_reg_status; the end of validity is a matter of time */
    struct sotto_point key, xkey;
    uint8_t cert[32], recovery[32];               /* hash of the certificate; commitment to the recovery key, zero: none */
    uint64_t not_before_s, not_after_s;
    uint32_t seq, made, changed;                  /* operations so far; heights */
    struct sotto_amount bond;
    struct sotto_h160 refund;                     /* zero without a bond */
    struct sotto_sig65 sig;                       /* of the owner, in the operation that set the key */
};

void sotto_reg_put(uint8_t out[SOTTO_REG_RECORD], const struct sotto_reg_record *r);
/* E_SHORT, E_TRAILING; D_DAMAGED for a version, status or amount that no record has. Points are not checked: the operation was. */
SOTTO_MUST_USE enum sotto_err sotto_reg_take(struct sotto_reg_record *out, struct sotto_span bytes);
/* Its leaf in the registry tree is made of this value (ledger/smt.h). */
void sotto_reg_value(uint8_t out[32], const struct sotto_reg_record *r);
/* V_REVOKED, V_NOT_YET, V_EXPIRED. */
SOTTO_MUST_USE enum sotto_err sotto_reg_valid(const struct sotto_reg_record *r, uint64_t now_s);
/* A certificate from elsewhere is the one that the record names, or R_CERT. */
SOTTO_MUST_USE enum sotto_err sotto_reg_cert(const struct sotto_reg_record *r, struct sotto_span cert);

/* What a change is judged by. */
struct sotto_reg_rules {
    uint64_t now_s;
    uint32_t height;                              /* of the block that it is in */
    struct sotto_amount bond;                     /* that a REGISTER must lock */
    const uint8_t *domain;                        /* 32 bytes: sotto_chain_domain */
};
/* The ID of the key that ROTATE or RECOVER brings, to ask for its record. False for other operations and for what is no point. */
bool sotto_reg_new_owner(struct sotto_id *out, const struct sotto_op *op);
/* Judges one of the five operations, in the order of 11.3.
 * Out  next    the record after it.
 *      back    (may be NULL) REVOKE: the bond, for before->refund; else 0.
 * In   before  the record of op's ID in any status, NULL: there is none.
 *      taken   the new owner is the ID of a record. */
SOTTO_MUST_USE enum sotto_err sotto_reg_apply(struct sotto_reg_record *next, struct sotto_amount *back, const struct sotto_reg_rules *rules,
                                              const struct sotto_op *op, const struct sotto_reg_record *before, bool taken);
/* A vote revokes: no signature of the owner. R_UNKNOWN, R_REVOKED. */
SOTTO_MUST_USE enum sotto_err sotto_reg_revoke(struct sotto_reg_record *next, struct sotto_amount *back, uint32_t height, const struct sotto_reg_record *before);
/* The coin of a bond that comes back: its txid, index 0. seq: of the record after the change. */
void sotto_bond_txid(uint8_t out[32], const struct sotto_id *id, uint32_t seq);

/* Request T_B: somebody shows that he is a registered identity and means this receiver. The nonce is the caller's to remember. */
struct sotto_verify { struct sotto_id from, to; uint64_t time_s; uint8_t nonce[32]; struct sotto_sig65 sig; };
void sotto_verify_digest(uint8_t out[32], const uint8_t domain[32], const struct sotto_verify *v);
/* from, to: their records, NULL: none. clock_s: the caller's, for the time of the request. In this order: V_UNKNOWN; V_REVOKED, V_NOT_YET,
 * V_EXPIRED; V_TIME; V_SIG. */
SOTTO_MUST_USE enum sotto_err sotto_verify_check(const struct sotto_verify *v, const struct sotto_reg_record *from, const struct sotto_reg_record *to,
                                                 uint64_t now_s, uint64_t clock_s, const uint8_t domain[32]);

#endif
