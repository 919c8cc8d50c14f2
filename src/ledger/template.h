/* The output scripts that everybody knows (ledger.md 3): those are relayed, and need no permission to be made.
 *
 *     p2pkh      DUP HASH160 <hash> EQUALVERIFY CHECKSIG                             <sig> <key>
 *     data       RETURN <1 to 2,048 bytes>                                           nobody
 *     multisig   m <k1> .. <kn> n CHECKMULTISIG, n <= 3                              0 <sig> ..
 *     key_lock   IF SIZE <20> EQUALVERIFY SHA256 <commit> EQUALVERIFY                <sig> <key> <tag> 1   the payee
 *                   DUP HASH160 <payee>
 *                ELSE <expiry> CHECKLOCKTIMEVERIFY DROP DUP HASH160 <refund> ENDIF   <sig> <key> 0         who paid, after expiry
 *                EQUALVERIFY CHECKSIG
 *     dh_lock    <A> <q> <p> EXPONENT 1 EQUALVERIFY, then key_lock                   as key_lock
 *
 * Reading takes exactly what making gives: one script for each set of values. Spans of a read template lie in the script. Threads: pure. */
#ifndef SOTTO_LEDGER_TEMPLATE_H
#define SOTTO_LEDGER_TEMPLATE_H

#include "ledger/address.h"
#include "ledger/groups.h"
#include "ledger/script_op.h"

#define SOTTO_TEMPLATE_DATA_MAX 2048u              /* bytes */
#define SOTTO_TEMPLATE_KEYS_MAX 3u
#define SOTTO_LOCK_TAG 32                          /* bytes of the tag that the payee shows; commit = SHA256(tag) */

enum sotto_template_kind { SOTTO_TEMPLATE_P2PKH, SOTTO_TEMPLATE_DATA, SOTTO_TEMPLATE_MULTISIG, SOTTO_TEMPLATE_KEY_LOCK, SOTTO_TEMPLATE_DH_LOCK };

/* expiry: height or seconds, as a lock of a transaction */
struct sotto_lock { uint8_t commit[32]; struct sotto_h160 payee, refund; uint32_t expiry; };
struct sotto_template {
    enum sotto_template_kind kind;
    union {
        struct sotto_h160 hash;                    /* P2PKH */
        struct sotto_span data;                    /* DATA */
        /* 1 <= need <= count; not looked at: are the keys points? */
        struct { unsigned need, count; struct sotto_point keys[SOTTO_TEMPLATE_KEYS_MAX]; } multisig;
        struct {
            struct sotto_lock lock;                /* KEY_LOCK, DH_LOCK */
            enum sotto_group group;                /* DH_LOCK: its p and q */
            struct sotto_span share;               /* DH_LOCK: A, big-endian, no zero in front, not longer than p */
        };
    };
};

/* False: another script; *out is then as before. */
bool sotto_template_read(struct sotto_template *out, struct sotto_span script);
/* Appends the script. ERR_RANGE for values outside the ranges above; ERR_FULL, ERR_NOMEM. Nothing is appended then. */
SOTTO_MUST_USE enum sotto_err sotto_template_make(struct sotto_buf *out, const struct sotto_template *t);

/* Unlocking scripts, appended. sig: DER and its type byte. ERR_RANGE for a signature longer than an element may be; ERR_FULL, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_unlock_p2pkh(struct sotto_buf *out, struct sotto_span sig, const struct sotto_point *key);
SOTTO_MUST_USE enum sotto_err sotto_unlock_multisig(struct sotto_buf *out, const struct sotto_span *sigs, size_t count);
SOTTO_MUST_USE enum sotto_err sotto_unlock_claim(struct sotto_buf *out, struct sotto_span sig, const struct sotto_point *key,
                                                 const uint8_t tag[SOTTO_LOCK_TAG]);
/* The transaction needs lock >= expiry and a sequence that is not final. */
SOTTO_MUST_USE enum sotto_err sotto_unlock_refund(struct sotto_buf *out, struct sotto_span sig, const struct sotto_point *key);
/* The tag that a payee showed, out of his unlocking script. False: it is no claim. Whether it fits a commit is not looked at. */
bool sotto_unlock_tag(uint8_t out[SOTTO_LOCK_TAG], struct sotto_span unlock);

#endif
