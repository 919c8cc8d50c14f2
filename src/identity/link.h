/* Contact links and scan cards (messaging.md 2.3, experience.md 1.4). Pure.
 *
 *     sotto:0x<40 hex, EIP-55>[?c=certificate&s=scan card&i=invitation&n=network&b=ENR]
 *
 * Values are base64url without padding, in any order. Strict where a mistake could mean another person: mixed case must
 * verify, a repeated parameter or a certificate of another ID is refused. Unknown parameters are ignored, so that later
 * versions may add some. A link carries no name and no address of a person. */
#ifndef SOTTO_IDENTITY_LINK_H
#define SOTTO_IDENTITY_LINK_H

#include "identity/cert.h"

#define SOTTO_SCAN_CARD 98u               /* K_s 33, sig65 33..98 */
#define SOTTO_LINK_MAX 2048u              /* characters: fits a QR code of level L, byte mode, with room to spare */
#define SOTTO_LINK_ENR_MAX 300u           /* bytes, EIP-778 */
#define SOTTO_LINK_INVITE_MAX 255u        /* bytes; not read here */

/* Digest of Scan(address id,bytes32 cert,bytes key); cert = Keccak(certificate). */
void sotto_scan_card_digest(uint8_t out[32], const struct sotto_id *id, const uint8_t cert_hash[32], const struct sotto_point *scan);
SOTTO_MUST_USE enum sotto_err sotto_scan_card_make(uint8_t out[SOTTO_SCAN_CARD], const struct sotto_id *id, struct sotto_span cert_bytes,
                                                   const struct sotto_scalar *scan, const struct sotto_scalar *identity);
/* The scan key, once the card is by the key of that certificate. ERR_KEY, ERR_SIG_FORM, ERR_CERT_SIG. */
SOTTO_MUST_USE enum sotto_err sotto_scan_card_check(struct sotto_point *scan, const uint8_t card[SOTTO_SCAN_CARD], const struct sotto_cert *cert,
                                                    struct sotto_span cert_bytes);

/* What else begins with "sotto:". */
enum sotto_link_kind { SOTTO_LINK_CONTACT, SOTTO_LINK_NETWORK, SOTTO_LINK_CLUSTER };
const char *sotto_link_kind_name(enum sotto_link_kind kind);      /* "contact", "network", "cluster": {kind} of error 1402 */

struct sotto_link {
    enum sotto_link_kind kind;            /* NETWORK fills network and enr only, CLUSTER nothing */
    struct sotto_id id;
    bool has_card, has_network;
    uint16_t cert_size;                   /* 0 = absent: the ledger must know the keys */
    uint8_t cert[SOTTO_CERT_MAX];
    uint8_t card[SOTTO_SCAN_CARD];        /* checked against cert; without cert not yet checked */
    uint8_t network[32];
    uint16_t invite_size, enr_size;       /* 0 = absent */
    uint8_t invite[SOTTO_LINK_INVITE_MAX], enr[SOTTO_LINK_ENR_MAX];
};

/* White space at both ends is passed over (people paste). OK for every known kind: a caller who wants a contact looks at
 * out->kind (error 1402 otherwise). ERR_LINK with *position (may be NULL) = the 1-based character that is wrong, counted in
 * the text as given, or one past its end when it ends too early (error 1401); a value that is well written but says something
 * impossible is blamed on its first character. ERR_SIG_FORM, ERR_CERT_SIG: every character is possible, but the signature of
 * certificate or card is wrong (error 1307). Times and ledger are not looked at: sotto_cert_read does when it is added. */
SOTTO_MUST_USE enum sotto_err sotto_link_parse(struct sotto_link *out, size_t *position, struct sotto_span text);
/* The text a person copies, of a contact or a network. Appends to out; parameters in the order c s i n b. What is built can be
 * parsed: the same refusals as above, ERR_STATE for a cluster link. */
SOTTO_MUST_USE enum sotto_err sotto_link_build(struct sotto_buf *out, const struct sotto_link *link);

#endif
