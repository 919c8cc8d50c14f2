#include "identity/cert.h"

#include "base/plant.h"
#include "crypto/eip712.h"
#include "crypto/hash.h"

#define SPAN_MAX_S 63115200u              /* two years, ledger.md 11.3 */
#define EARLY_S 120u                      /* a certificate may begin this much after our clock */
#define UINT40_MAX ((1ull << 40) - 1)     /* times are uint40 in the signed type */

enum { ENDPOINT_MAX = 128, HEAD = 164 };  /* bytes before the length of the endpoint */
_Static_assert(HEAD + 1 + 65 == SOTTO_CERT_MIN && SOTTO_CERT_MIN + ENDPOINT_MAX == SOTTO_CERT_MAX, "layout of messaging.md 2.2");

static bool endpoint_good(const struct sotto_cert *c)
{
    if (c->endpoint_size > ENDPOINT_MAX || (c->endpoint_size > 0 && c->kind != 1 && c->kind != 2)) return false;
    for (size_t i = 0; i < c->endpoint_size; i++)
        if (c->endpoint[i] < 0x20 || c->endpoint[i] > 0x7e) return false;
    return true;
}

/* What holds for a certificate whoever signed it and whenever it is read, in the order of 2.2. */
static enum sotto_err rules(const struct sotto_cert *c)
{
    if (c->version != 1 || c->kind > 5 || !endpoint_good(c)) return SOTTO_ERR_CERT_FORM;
    SOTTO_TRY(sotto_point_check(c->key.b));
    SOTTO_TRY(sotto_point_check(c->xkey.b));
    if (memcmp(c->key.b + 1, c->xkey.b + 1, 32) == 0) return SOTTO_ERR_CERT_KEYS;
    if (c->not_before_s >= c->not_after_s || c->not_after_s > UINT40_MAX || c->not_after_s - c->not_before_s > SPAN_MAX_S)
        return SOTTO_ERR_CERT_TIMES;
    return SOTTO_OK;
}

void sotto_cert_digest(uint8_t out[32], const struct sotto_cert *cert)
{
    uint8_t domain[32], body[32];
    struct sotto_eip712 e;
    sotto_eip712_domain(domain, "Sotto Certificate", "1");
    sotto_eip712_begin(&e, "Certificate(uint8 kind,address id,bytes key,bytes xkey,uint40 notBefore,uint40 notAfter,uint256 chainId,"
                           "address registry,bytes32 recovery,string endpoint)");
    sotto_eip712_uint(&e, cert->kind);
    sotto_eip712_address(&e, cert->id.b);
    sotto_eip712_bytes(&e, SOTTO_SPAN(cert->key.b));
    sotto_eip712_bytes(&e, SOTTO_SPAN(cert->xkey.b));
    sotto_eip712_uint(&e, cert->not_before_s);
    sotto_eip712_uint(&e, cert->not_after_s);
    sotto_eip712_uint(&e, cert->chain_id);
    sotto_eip712_address(&e, cert->registry);
    sotto_eip712_bytes32(&e, cert->recovery);
    sotto_eip712_bytes(&e, sotto_span(cert->endpoint, cert->endpoint_size));
    sotto_eip712_struct(&e, body);
    sotto_eip712_digest(out, domain, body);
}

enum sotto_err sotto_cert_make(struct sotto_buf *out, struct sotto_cert *cert, const struct sotto_scalar *identity)
{
    struct sotto_cert c = *cert;
    struct sotto_point key;
    uint8_t digest[32], bytes[SOTTO_CERT_MAX];
    SOTTO_TRY(rules(&c));
    SOTTO_TRY(sotto_point_make(&key, identity));
    if (memcmp(key.b, c.key.b, sizeof key.b) != 0) return SOTTO_ERR_CERT_KEYS;
    sotto_cert_digest(digest, &c);
    SOTTO_TRY(sotto_sign(&c.sig, identity, digest));

    bytes[0] = c.version;
    bytes[1] = c.kind;
    memcpy(bytes + 2, c.id.b, 20);
    memcpy(bytes + 22, c.key.b, 33);
    memcpy(bytes + 55, c.xkey.b, 33);
    sotto_put_le64(bytes + 88, c.not_before_s);
    sotto_put_le64(bytes + 96, c.not_after_s);
    sotto_put_le64(bytes + 104, c.chain_id);
    memcpy(bytes + 112, c.registry, 20);
    memcpy(bytes + 132, c.recovery, 32);
    bytes[HEAD] = c.endpoint_size;
    memcpy(bytes + HEAD + 1, c.endpoint, c.endpoint_size);
    memcpy(bytes + HEAD + 1 + c.endpoint_size, c.sig.b, 65);
    SOTTO_TRY(sotto_buf_add(out, bytes, SOTTO_CERT_MIN + c.endpoint_size));
    *cert = c;
    return SOTTO_OK;
}

static enum sotto_err decode(struct sotto_cert *out, struct sotto_span bytes)
{
    if (bytes.size < SOTTO_CERT_MIN || bytes.size > SOTTO_CERT_MAX) return SOTTO_ERR_CERT_FORM;
    const uint8_t *b = bytes.data;
    if (b[HEAD] != bytes.size - SOTTO_CERT_MIN) return SOTTO_ERR_CERT_FORM;
    struct sotto_cert c = { .version = b[0], .kind = b[1], .endpoint_size = b[HEAD] };
    memcpy(c.id.b, b + 2, 20);
    memcpy(c.key.b, b + 22, 33);
    memcpy(c.xkey.b, b + 55, 33);
    c.not_before_s = sotto_le64(b + 88);
    c.not_after_s = sotto_le64(b + 96);
    c.chain_id = sotto_le64(b + 104);
    memcpy(c.registry, b + 112, 20);
    memcpy(c.recovery, b + 132, 32);
    memcpy(c.endpoint, b + HEAD + 1, c.endpoint_size);
    memcpy(c.sig.b, b + HEAD + 1 + c.endpoint_size, 65);
    SOTTO_TRY(rules(&c));
    *out = c;
    return SOTTO_OK;
}

static enum sotto_err times(const struct sotto_cert *c, uint64_t now_ms)
{
    /* rules() keeps both below 2^40, so the products fit. */
    uint64_t start_ms = c->not_before_s * 1000, end_ms = c->not_after_s * 1000;
    if (start_ms > now_ms && start_ms - now_ms > EARLY_S * 1000u) return SOTTO_ERR_CERT_EARLY;
    return now_ms < end_ms ? SOTTO_OK : SOTTO_ERR_CERT_EXPIRED;
}

static enum sotto_err signature(const struct sotto_cert *c)
{
    uint8_t digest[32];
    struct sotto_point signer;
    sotto_cert_digest(digest, c);
    enum sotto_err err = sotto_recover(&signer, &c->sig, digest);
    if (err == SOTTO_ERR_SIG) return SOTTO_ERR_CERT_SIG;
    if (err != SOTTO_OK) return err;
    return memcmp(signer.b, c->key.b, sizeof signer.b) == 0 ? SOTTO_OK : SOTTO_ERR_CERT_SIG;
}

enum sotto_err sotto_cert_parse(struct sotto_cert *out, struct sotto_span bytes)
{
    struct sotto_cert c;
    SOTTO_TRY(decode(&c, bytes));
    SOTTO_TRY(signature(&c));
    *out = c;
    return SOTTO_OK;
}

enum sotto_err sotto_cert_check(struct sotto_cert *out, struct sotto_span bytes, uint64_t now_ms)
{
    struct sotto_cert c;
    SOTTO_TRY(decode(&c, bytes));
    SOTTO_TRY(times(&c, now_ms));
    SOTTO_TRY(signature(&c));
    *out = c;
    return SOTTO_OK;
}

enum sotto_err sotto_cert_ledger(const struct sotto_cert *cert, struct sotto_span bytes, const struct sotto_ledger_status *status)
{
    struct sotto_id owner;
    uint8_t hash[32];
    SOTTO_TRY(sotto_id_of(&owner, &cert->key));
    switch (status ? status->state : SOTTO_LEDGER_NONE) {
    case SOTTO_LEDGER_NONE:               /* no ledger to say who owns an ID now: only its first key can speak for it */
        return sotto_id_equal(&cert->id, &owner) || SOTTO_PLANTED(CERT_OWNER_IGNORED) ? SOTTO_OK : SOTTO_ERR_CERT_OWNER;
    case SOTTO_LEDGER_UNKNOWN:
        return SOTTO_ERR_CERT_UNKNOWN;
    case SOTTO_LEDGER_REVOKED:
        return SOTTO_ERR_CERT_REVOKED;
    case SOTTO_LEDGER_VALID:
        sotto_keccak256(hash, bytes);
        if (memcmp(hash, status->cert_hash, sizeof hash) != 0) return SOTTO_ERR_CERT_SUPERSEDED;
        return sotto_id_equal(&status->owner, &owner) ? SOTTO_OK : SOTTO_ERR_CERT_OWNER;
    }
    return SOTTO_ERR_CERT_UNKNOWN;        /* a state we do not know says nothing good */
}

enum sotto_err sotto_cert_read(struct sotto_cert *out, struct sotto_span bytes, uint64_t now_ms, const struct sotto_ledger_status *status)
{
    struct sotto_cert c;
    SOTTO_TRY(sotto_cert_check(&c, bytes, now_ms));
    SOTTO_TRY(sotto_cert_ledger(&c, bytes, status));
    *out = c;
    return SOTTO_OK;
}
