/* cert, link, box, record */
#include "vec.h"

#include "crypto/eip712.h"
#include "crypto/hash.h"
#include "identity/box.h"
#include "identity/link.h"
#include "identity/record.h"
#include "identity/safety.h"
#include "vec_shared.h"

bool vec_ledger(struct vec *v, const json_t *object, struct sotto_ledger_status *out)
{
    if (!vec_has(object, "ledger")) return false;
    static const struct { const char *name; enum sotto_ledger_state state; } states[] = {
        { "none", SOTTO_LEDGER_NONE }, { "unknown", SOTTO_LEDGER_UNKNOWN }, { "valid", SOTTO_LEDGER_VALID }, { "revoked", SOTTO_LEDGER_REVOKED },
    };
    json_t *ledger = vec_get(v, object, "ledger");
    const char *name = vec_str(v, ledger, "state");
    *out = (struct sotto_ledger_status){ 0 };
    bool found = false;
    for (size_t i = 0; i < 4; i++)
        if (strcmp(states[i].name, name) == 0) out->state = states[i].state, found = true;
    VEC_CHECK(v, found);
    if (vec_has(ledger, "cert")) vec_hex(v, ledger, "cert", out->cert_hash, sizeof out->cert_hash);
    if (vec_has(ledger, "owner")) out->owner = vec_id(v, ledger, "owner");
    if (vec_has(ledger, "xkey")) out->xkey = vec_point(v, ledger, "xkey");
    if (vec_has(ledger, "height")) out->height = vec_num(v, ledger, "height");
    return true;
}

static void check_link(struct vec *v, const struct sotto_link *link)
{
    struct sotto_buf text = sotto_buf_make(SOTTO_LINK_MAX + 1);
    struct sotto_link again;
    char copy[SOTTO_LINK_MAX + 1] = { 0 };
    VEC_OK(v, sotto_link_build(&text, link));
    memcpy(copy, text.data, text.size);
    sotto_buf_free(&text);
    vec_is_str(v, v->out, "link", copy);
    VEC_OK(v, sotto_link_parse(&again, NULL, sotto_span_str(vec_str(v, v->out, "link"))));
    VEC_CHECK(v, again.kind == SOTTO_LINK_CONTACT && sotto_id_equal(&again.id, &link->id) && again.has_card == link->has_card);
    VEC_CHECK(v, again.cert_size == link->cert_size && memcmp(again.cert, link->cert, link->cert_size) == 0);
    VEC_CHECK(v, !link->has_card || memcmp(again.card, link->card, sizeof again.card) == 0);
}

static void cert_made(struct vec *v)
{
    json_t *private = vec_get(v, v->in, "private");
    struct sotto_scalar identity = vec_scalar(v, private, "identity"), exchange = vec_scalar(v, private, "exchange");
    struct sotto_cert cert = { .version = 1 }, read;
    uint64_t kind = vec_num(v, v->in, "kind"), now = vec_num(v, v->in, "now");
    const char *endpoint = vec_str(v, v->in, "endpoint");
    VEC_CHECK(v, kind <= 255 && strlen(endpoint) <= 128);
    cert.kind = (uint8_t)kind;
    cert.not_before_s = vec_num(v, v->in, "notBefore");
    cert.not_after_s = vec_num(v, v->in, "notAfter");
    cert.chain_id = vec_num(v, v->in, "chainId");
    vec_hex(v, v->in, "registry", cert.registry, sizeof cert.registry);
    vec_hex(v, v->in, "recovery", cert.recovery, sizeof cert.recovery);
    cert.endpoint_size = (uint8_t)strlen(endpoint);
    memcpy(cert.endpoint, endpoint, cert.endpoint_size);
    VEC_OK(v, sotto_point_make(&cert.key, &identity));
    VEC_OK(v, sotto_point_make(&cert.xkey, &exchange));
    VEC_OK(v, sotto_id_of(&cert.id, &cert.key));
    vec_is_hex(v, v->out, "id", cert.id.b, sizeof cert.id.b);

    struct sotto_buf made = sotto_buf_make(SOTTO_CERT_MAX);
    uint8_t bytes[SOTTO_CERT_MAX], hash[32];
    VEC_OK(v, sotto_cert_make(&made, &cert, &identity));
    size_t size = made.size;
    memcpy(bytes, made.data, size);
    sotto_buf_free(&made);
    vec_is_hex(v, v->out, "cert", bytes, size);
    sotto_eip712_domain(hash, "Sotto Certificate", "1");
    vec_is_hex(v, v->out, "domain", hash, sizeof hash);
    sotto_cert_digest(hash, &cert);
    vec_is_hex(v, v->out, "digest", hash, sizeof hash);
    sotto_keccak256(hash, sotto_span(bytes, size));
    vec_is_hex(v, v->out, "hash", hash, sizeof hash);

    struct sotto_ledger_status status;
    bool has_ledger = vec_ledger(v, v->in, &status);
    VEC_OK(v, sotto_cert_read(&read, sotto_span(bytes, size), now, has_ledger ? &status : NULL));
    VEC_CHECK(v, memcmp(read.key.b, cert.key.b, 33) == 0 && read.not_after_s == cert.not_after_s);

    struct sotto_link link = { .kind = SOTTO_LINK_CONTACT, .id = cert.id, .cert_size = (uint16_t)size };
    memcpy(link.cert, bytes, size);
    if (vec_has(private, "scan")) {
        struct sotto_scalar scan = vec_scalar(v, private, "scan");
        struct sotto_point scan_pub;
        link.has_card = true;
        VEC_OK(v, sotto_scan_card_make(link.card, &cert.id, sotto_span(bytes, size), &scan, &identity));
        vec_is_hex(v, v->out, "scan_card", link.card, sizeof link.card);
        VEC_OK(v, sotto_scan_card_check(&scan_pub, link.card, &read, sotto_span(bytes, size)));
    }
    check_link(v, &link);
}

void vec_cert(struct vec *v)
{
    if (vec_has(v->in, "private")) {
        cert_made(v);
        return;
    }
    VEC_CHECK(v, vec_refused(v));
    struct sotto_cert cert;
    struct sotto_ledger_status status;
    bool has_ledger = vec_ledger(v, v->in, &status);
    struct sotto_span bytes = vec_bytes(v, v->in, "cert");
    vec_is_error(v, sotto_cert_read(&cert, bytes, vec_num(v, v->in, "now"), has_ledger ? &status : NULL));
}

void vec_link(struct vec *v)
{
    struct sotto_link link = { .kind = SOTTO_LINK_CONTACT };
    if (vec_refused(v)) {
        vec_is_error(v, sotto_link_parse(&link, NULL, sotto_span_str(vec_str(v, v->in, "link"))));
        return;
    }
    struct sotto_cert cert;
    struct sotto_span bytes = vec_bytes(v, v->in, "cert");
    VEC_OK(v, sotto_cert_parse(&cert, bytes));
    link.id = cert.id;
    link.cert_size = (uint16_t)bytes.size;
    memcpy(link.cert, bytes.data, bytes.size);
    check_link(v, &link);

    struct sotto_point a = vec_point(v, v->in, "keyA"), b = vec_point(v, v->in, "keyB");
    char digits[SOTTO_SAFETY_DIGITS], words[SOTTO_SAFETY_WORDS], turned[SOTTO_SAFETY_DIGITS];
    sotto_safety_digits(digits, &a, &b);
    vec_is_str(v, v->out, "digits", digits);
    sotto_safety_digits(turned, &b, &a);
    VEC_CHECK(v, strcmp(digits, turned) == 0);
    sotto_safety_words(words, &a, &b);
    vec_is_str(v, v->out, "words", words);
}

void vec_box(struct vec *v)
{
    struct sotto_scalar exchange = vec_scalar(v, v->in, "k_exchange");
    struct sotto_scalar scan = vec_has(v->in, "k_scan") ? vec_scalar(v, v->in, "k_scan") : exchange;     /* none: one key for both */
    struct sotto_box_keys keys;
    uint8_t sealed[SOTTO_BOX_SEALED], plain[SOTTO_BOX_PLAIN], opened[SOTTO_BOX_PLAIN], tag[16];
    VEC_OK(v, sotto_box_keys_make(&keys, &exchange, &scan));
    if (vec_refused(v)) {
        vec_hex(v, v->in, "sealed", sealed, sizeof sealed);
        vec_is_error(v, sotto_box_open(opened, &keys, sealed));
        return;
    }
    struct sotto_scalar e = vec_scalar(v, v->in, "e");
    struct sotto_secret z;
    vec_hex(v, v->in, "tag", tag, sizeof tag);
    vec_hex(v, v->in, "plain", plain, sizeof plain);
    VEC_OK(v, sotto_box_seal(sealed, &keys.exchange_pub, &keys.scan_pub, plain, &e, tag));
    vec_is_hex(v, v->out, "sealed", sealed, sizeof sealed);
    vec_is_hex(v, v->out, "X", sealed + 16, 32);
    vec_is_hex(v, v->out, "detect", sealed + 48, 8);
    VEC_OK(v, sotto_ecdh_x(&z, &e, &keys.exchange_pub));
    vec_is_hex(v, v->out, "z1", z.b, sizeof z.b);
    VEC_OK(v, sotto_ecdh_x(&z, &e, &keys.scan_pub));
    vec_is_hex(v, v->out, "z2", z.b, sizeof z.b);
    VEC_OK(v, sotto_box_scan(&scan, sealed));
    VEC_OK(v, sotto_box_open(opened, &keys, sealed));
    VEC_CHECK(v, memcmp(opened, plain, sizeof plain) == 0);
}

void vec_record(struct vec *v)
{
    struct sotto_record r = { 0 };
    struct sotto_sig65 sig;
    r.from = vec_id(v, v->in, "from");
    r.to = vec_id(v, v->in, "to");
    vec_hex(v, v->in, "salt", r.salt, sizeof r.salt);
    r.type = vec_content_type(v, vec_str(v, v->in, "kind"));
    uint64_t seq = vec_num(v, v->in, "seq");
    VEC_CHECK(v, seq <= UINT32_MAX);
    r.seq = (uint32_t)seq;
    r.time_ms = vec_num(v, v->in, "time");
    r.payload = vec_bytes(v, v->in, "payload");
    if (vec_refused(v)) {
        struct sotto_id owner = r.from;
        vec_hex(v, v->in, "sig", sig.b, sizeof sig.b);
        vec_is_error(v, sotto_record_verify(&r, &sig, &owner));
        return;
    }
    struct sotto_scalar identity = vec_scalar(v, v->in, "k_identity"), receiver = vec_scalar(v, v->in, "k_receiver");
    struct sotto_point key, receiver_key;
    struct sotto_id owner;
    uint8_t hash[32], commit[32], aux[32], receipt[64];
    vec_hex(v, v->in, "aux", aux, sizeof aux);
    uint64_t receipt_time = vec_num(v, v->in, "receipt_time");
    VEC_OK(v, sotto_point_make(&key, &identity));
    VEC_OK(v, sotto_point_make(&receiver_key, &receiver));
    VEC_OK(v, sotto_id_of(&owner, &key));

    sotto_record_content(hash, &r);
    vec_is_hex(v, v->out, "content", hash, sizeof hash);
    VEC_OK(v, sotto_record_sign(&sig, &r, &identity));
    vec_is_hex(v, v->out, "sig", sig.b, sizeof sig.b);
    VEC_OK(v, sotto_record_verify(&r, &sig, &owner));
    sotto_record_commit(commit, hash, &sig);
    vec_is_hex(v, v->out, "commit", commit, sizeof commit);
    sotto_record_digest(hash, &r);
    vec_is_hex(v, v->out, "digest", hash, sizeof hash);
    sotto_receipt_hash(hash, commit, receipt_time);
    vec_is_hex(v, v->out, "receipt_hash", hash, sizeof hash);
    VEC_OK(v, sotto_receipt_sign(receipt, commit, receipt_time, &receiver, aux));
    vec_is_hex(v, v->out, "receipt", receipt, sizeof receipt);
    VEC_OK(v, sotto_receipt_verify(receipt, commit, receipt_time, &receiver_key));
    vec_record_body(v, &r, &sig);
}
