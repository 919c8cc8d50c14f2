/* What stands in the body of an operation (ledger.md 2.2): fixed layouts, each with one struct.
 *
 * Reading one tells whether it is well formed, and no more: T_OP for a type that is unknown, T_OP_FORM for a body that is too short or too
 * long, or holds a number or a text that has no meaning. Whether the keys of REGISTER, RENEW, ROTATE and RECOVER are points stands in the
 * order of the registry's checks (11.3), so it is not asked here; the R of a CONTACT is (E_POINT).
 *
 * Spans lie in the body that was read, nothing is copied or owned. Threads: plain values. */
#ifndef SOTTO_LEDGER_OP_H
#define SOTTO_LEDGER_OP_H

#include "ledger/address.h"
#include "ledger/tx.h"

enum sotto_op_type {
    SOTTO_OP_REGISTER = 0x01, SOTTO_OP_RENEW = 0x02, SOTTO_OP_ROTATE = 0x03, SOTTO_OP_RECOVER = 0x04, SOTTO_OP_REVOKE = 0x05,
    SOTTO_OP_CONTACT = 0x06, SOTTO_OP_PARAMS = 0x10, SOTTO_OP_DIGEST = 0x11, SOTTO_OP_POST = 0x12, SOTTO_OP_SEALED = 0x13,
    SOTTO_OP_GOV = 0x20
};

enum sotto_revoke_reason { SOTTO_REVOKE_LEFT, SOTTO_REVOKE_LOST, SOTTO_REVOKE_STOLEN, SOTTO_REVOKE_REPLACED, SOTTO_REVOKE_REASONS };
enum sotto_digest_kind {
    SOTTO_DIGEST_FILE, SOTTO_DIGEST_MESSAGE, SOTTO_DIGEST_CERTIFICATE, SOTTO_DIGEST_EVIDENCE, SOTTO_DIGEST_BATCH, SOTTO_DIGEST_KINDS
};

#define SOTTO_DIGESTS_MAX 256u                                        /* digests of one DIGEST */
#define SOTTO_POST_AUTHOR_MAX 64u                                     /* bytes of UTF-8, at least one; as the next */
#define SOTTO_POST_CONTENT_MAX 2048u
#define SOTTO_CONTACT_BOX 480u                                        /* bytes, exactly */
#define SOTTO_GOV_BODY_MAX 4096u
#define SOTTO_GOV_VOTES_MAX 256u
#define SOTTO_GOV_VOTE 66u                                            /* bytes: validator index u16, signature 64 */

/* REGISTER, RENEW, ROTATE, RECOVER and REVOKE: of each only the fields of its layout, the others are zero. Times are seconds below 2^40.
 * Points are not checked. */
struct sotto_op_identity {
    struct sotto_id id;
    uint32_t seq;
    struct sotto_point key, xkey;
    uint8_t cert[32], recovery[32];                                   /* hash of the certificate; commitment to the recovery key, or zero */
    uint64_t not_before_s, not_after_s, deadline_s;
    uint64_t bond;                                                    /* cong, as sent */
    struct sotto_h160 refund;
    uint8_t reason;                                                   /* enum sotto_revoke_reason */
    bool by_recovery;                                                 /* REVOKE, RECOVER: signed by the recovery key, so salt is there */
    uint8_t salt[32];
    struct sotto_sig65 sig, new_sig;                                  /* by the old owner or the recovery key; by the new owner */
};
struct sotto_op_contact { struct sotto_point r; uint8_t view; struct sotto_span box; };
struct sotto_op_params { uint8_t group; struct sotto_span p, g; uint64_t period_ms; };
/* Digests stand side by side, 32 bytes each. */
struct sotto_op_digest { uint8_t kind; uint32_t count; struct sotto_span digests; bool is_signed; struct sotto_id id; uint64_t time_s; struct sotto_sig65 sig; };
struct sotto_op_post { struct sotto_span author, content; uint64_t time_s; bool is_signed; struct sotto_id id; struct sotto_sig65 sig; };
struct sotto_op_sealed { uint8_t tag[16], kind; struct sotto_span blob; };
/* votes: count times SOTTO_GOV_VOTE bytes, indices rising. What the body means: sotto_gov_read. */
struct sotto_op_gov { uint8_t action; uint32_t seq, expiry; struct sotto_span body; uint32_t count; struct sotto_span votes; };

struct sotto_op {
    enum sotto_op_type type;
    union {
        struct sotto_op_identity identity;
        struct sotto_op_contact contact;
        struct sotto_op_params params;
        struct sotto_op_digest digest;
        struct sotto_op_post post;
        struct sotto_op_sealed sealed;
        struct sotto_op_gov gov;
    };
};

SOTTO_MUST_USE enum sotto_err sotto_op_read(struct sotto_op *out, const struct sotto_tx_op *raw);
/* Appends the body. What sotto_op_read would refuse is not written, by the same name; but R may be no point. */
SOTTO_MUST_USE enum sotto_err sotto_op_write(struct sotto_buf *out, const struct sotto_op *op);
static inline bool sotto_op_of_identity(enum sotto_op_type type) { return type >= SOTTO_OP_REGISTER && type <= SOTTO_OP_REVOKE; }

/* All operations of a transaction are well formed; the bonds of its REGISTERs together (T_VALUE above SOTTO_MONEY_MAX). */
SOTTO_MUST_USE enum sotto_err sotto_ops_check(struct sotto_amount *bonds, const struct sotto_tx *tx);

struct sotto_gov_vote { uint16_t index; const uint8_t *sig; };        /* sig: 64 bytes, BIP-340 */
struct sotto_gov_vote sotto_gov_vote(const struct sotto_op_gov *gov, uint32_t i);         /* i < count */

/* ---- the body of a GOV ---- */

enum sotto_gov_action {
    SOTTO_GOV_SET = 1, SOTTO_GOV_ADD = 2, SOTTO_GOV_REMOVE = 3, SOTTO_GOV_GRANT = 4, SOTTO_GOV_WITHDRAW = 5, SOTTO_GOV_ISSUE = 6,
    SOTTO_GOV_UPGRADE = 7, SOTTO_GOV_REKEY = 8, SOTTO_GOV_REVOKE = 9
};
enum sotto_gov_param {
    SOTTO_PARAM_BLOCK_BYTES = 1, SOTTO_PARAM_BLOCK_UNITS, SOTTO_PARAM_FEE_RATE, SOTTO_PARAM_STAMP_BITS, SOTTO_PARAM_BOND, SOTTO_PARAM_SNAPSHOT_EVERY,
    SOTTO_PARAM_FLAGS
};
struct sotto_gov_change {
    enum sotto_gov_action action;
    uint8_t param;                                                    /* SET: enum sotto_gov_param */
    uint64_t value;                                                   /* SET: of the width of its parameter */
    struct sotto_id id;                                               /* ADD, REMOVE, REKEY, GRANT, WITHDRAW, REVOKE */
    uint8_t key[32];                                                  /* ADD, REKEY: x coordinate, not checked */
    uint16_t perms;                                                   /* GRANT */
    struct sotto_h160 hash;                                           /* ISSUE: to whom */
    struct sotto_amount amount;                                       /* ISSUE */
    uint32_t height, version;                                         /* UPGRADE */
};
/* T_OP_FORM for an action or a parameter that is unknown, or a body of another length; T_VALUE for an ISSUE above SOTTO_MONEY_MAX. */
SOTTO_MUST_USE enum sotto_err sotto_gov_read(struct sotto_gov_change *out, const struct sotto_op_gov *gov);
/* What the validators sign: the chain, the action, its number, its end and its body. */
void sotto_gov_digest(uint8_t out[32], const uint8_t genesis_id[64], const struct sotto_op_gov *gov);

#endif
