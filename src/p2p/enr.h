/* Node records, EIP-778 with the identity scheme "v4" (devp2p.md 9). Internal to p2p/.
 *
 *     record = [signature(64), seq, k1, v1, k2, v2, ...]         at most 300 bytes; keys strictly ascending
 *     text   = "enr:" || base64url(record) without padding       strict: one record has one text
 *
 * Keys that we read and write: id, ip, ip6, secp256k1, sotto, tcp, tcp6, udp, udp6. Ours is sotto = [1, roles] (network.md 1). A
 * value of another shape than its key asks for counts as absent, as in geth; only id and secp256k1 must be right. Unknown keys are
 * allowed: who hands a record on hands on its bytes. Threads: plain values. */
#ifndef SOTTO_P2P_ENR_H
#define SOTTO_P2P_ENR_H

#include "base/step.h"
#include "crypto/curve.h"

#define SOTTO_ENR_SIZE_MAX 300u
#define SOTTO_ENR_TEXT_SIZE (4u + 400u + 1u)          /* the longest text and its final zero */

/* A signed record as it travels. */
struct sotto_enr_record { uint8_t b[SOTTO_ENR_SIZE_MAX]; size_t size; };
static inline struct sotto_span sotto_enr_span(const struct sotto_enr_record *r) { return sotto_span(r->b, r->size); }

/* What a record says. */
struct sotto_enr {
    uint64_t seq;                         /* rises when the content changes */
    uint8_t key[64];                      /* x || y of the node */
    bool has_ip4, has_ip6;
    uint8_t ip4[4], ip6[16];
    uint16_t tcp, udp, tcp6, udp6;        /* 0 = absent */
    bool sotto;                           /* the key sotto was there, version 1 */
    uint16_t roles;                       /* bits of STATUS option 01 */
};

/* Signs with key; r->key is not looked at. The bytes follow from the arguments alone. ERR_KEY, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_enr_sign(struct sotto_enr_record *out, const struct sotto_enr *r, const struct sotto_scalar *key);
/* ERR_RLP; ERR_ENR: size, order of keys, a scheme other than v4, no key of the node; ERR_KEY: not a point; ERR_SIG_FORM, ERR_SIG. */
SOTTO_MUST_USE enum sotto_err sotto_enr_read(struct sotto_enr *out, struct sotto_span record);

/* record is one that sotto_enr_sign made or sotto_enr_read took: at most SOTTO_ENR_SIZE_MAX bytes. ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_enr_text(char out[SOTTO_ENR_TEXT_SIZE], struct sotto_span record);
/* Both outputs or none. As sotto_enr_read; ERR_ENR for what is no such text. */
SOTTO_MUST_USE enum sotto_err sotto_enr_parse(struct sotto_enr_record *record, struct sotto_enr *out, struct sotto_span text);

/* Where the node says it is: ip, else ip6 with tcp6/udp6 or, where these are absent, tcp/udp. addr.port = UDP port, 0 = unknown.
 * False: no address. A mapped IPv6 address becomes IPv4. */
bool sotto_enr_endpoint(const struct sotto_enr *r, struct sotto_addr *udp, uint16_t *tcp);

#endif
