/* ledger.json: certificates, records, registrations and requests that somebody shows who he is. */
#include "vec.h"

#include "identity/cert.h"
#include "ledger/codec.h"
#include "ledger/registry.h"
#include "ledger/signed.h"
#include "ledger/smt.h"

static uint64_t below(struct vec *v, const json_t *object, const char *key, uint64_t max)
{
    uint64_t n = vec_u64(v, object, key);
    if (n > max) vec_fault(v, "%s is above %llu", key, (unsigned long long)max);
    return n;
}

static struct sotto_point raw_point(struct vec *v, const json_t *object, const char *key)
{
    struct sotto_point p;
    vec_hex(v, object, key, p.b, sizeof p.b);
    return p;
}

/* The one domain of the file, from its group "domain". */
static void the_domain(struct vec *v, uint8_t out[32])
{
    json_t *one;
    size_t i;
    uint8_t contract[20];
    json_array_foreach(json_object_get(v->root, "vectors"), i, one) {
        const char *group = json_string_value(json_object_get(one, "group"));
        if (!group || strcmp(group, "domain") != 0) continue;
        uint64_t chain = vec_u64(v, json_object_get(one, "in"), "chain");
        vec_hex(v, json_object_get(one, "in"), "contract", contract, sizeof contract);
        sotto_registry_domain(out, chain, contract);
        return;
    }
    vec_fault(v, "there is no case of group domain");
}

void vec_ledger_certificate(struct vec *v)
{
    static uint8_t made[SOTTO_CERT_MAX];
    const json_t *f = vec_get(v, v->in, "fields");
    struct sotto_scalar secret = vec_scalar(v, v->in, "secret");
    struct sotto_cert c = { .version = 1, .kind = (uint8_t)below(v, f, "kind", UINT8_MAX), .id = vec_id(v, f, "id"), .key = vec_point(v, f, "key"),
                            .xkey = vec_point(v, f, "xkey"), .not_before_s = vec_u64(v, f, "notBefore"), .not_after_s = vec_u64(v, f, "notAfter"),
                            .chain_id = vec_u64(v, f, "chainId") },
                      back;
    struct sotto_reg_record record = { 0 };
    const char *endpoint = vec_str(v, f, "endpoint");
    uint8_t digest[32];
    VEC_CHECK(v, strlen(endpoint) < sizeof c.endpoint);
    c.endpoint_size = (uint8_t)strlen(endpoint);
    memcpy(c.endpoint, endpoint, c.endpoint_size);
    vec_hex(v, f, "registry", c.registry, sizeof c.registry);
    vec_hex(v, f, "recovery", c.recovery, sizeof c.recovery);
    struct sotto_buf bytes = sotto_buf_make(sizeof made);
    VEC_OK(v, sotto_cert_make(&bytes, &c, &secret));      /* refused: nothing was written */
    size_t size = bytes.size;
    memcpy(made, bytes.data, size);
    sotto_buf_free(&bytes);
    vec_is_hex(v, v->in, "bytes", made, size);
    vec_is_hex(v, v->in, "sig", c.sig.b, sizeof c.sig.b);
    sotto_cert_digest(digest, &c);
    vec_is_hex(v, v->in, "digest", digest, sizeof digest);
    VEC_OK(v, sotto_cert_parse(&back, vec_bytes(v, v->in, "bytes")));
    VEC_CHECK(v, sotto_id_equal(&back.id, &c.id));
    vec_hex(v, v->in, "hash", record.cert, sizeof record.cert);
    VEC_OK(v, sotto_reg_cert(&record, sotto_span(made, size)));
    made[size - 1] ^= 1;
    VEC_CHECK(v, sotto_reg_cert(&record, sotto_span(made, size)) == SOTTO_R_CERT);
}

void vec_ledger_record(struct vec *v)
{
    const json_t *f = vec_get(v, v->in, "fields");
    struct sotto_reg_record r = { .id = vec_id(v, f, "id"), .owner = vec_id(v, f, "owner"), .status = (uint8_t)below(v, f, "status", SOTTO_REG_REVOKED),
                                  .key = raw_point(v, f, "key"), .xkey = raw_point(v, f, "xkey"), .not_before_s = vec_u64(v, f, "notBefore"),
                                  .not_after_s = vec_u64(v, f, "notAfter"), .seq = (uint32_t)below(v, f, "seq", UINT32_MAX),
                                  .made = (uint32_t)below(v, f, "made", UINT32_MAX), .changed = (uint32_t)below(v, f, "changed", UINT32_MAX) },
                            back;
    uint8_t bytes[SOTTO_REG_RECORD], again[SOTTO_REG_RECORD], value[32], leaf[32];
    vec_hex(v, f, "cert", r.cert, sizeof r.cert);
    vec_hex(v, f, "recovery", r.recovery, sizeof r.recovery);
    VEC_OK(v, sotto_amount_make(&r.bond, vec_u64(v, f, "bond")));
    vec_hex(v, f, "refund", r.refund.b, sizeof r.refund.b);
    vec_hex(v, f, "sig", r.sig.b, sizeof r.sig.b);
    sotto_reg_put(bytes, &r);
    vec_is_hex(v, v->in, "bytes", bytes, sizeof bytes);
    VEC_OK(v, sotto_reg_take(&back, vec_bytes(v, v->in, "bytes")));
    sotto_reg_put(again, &back);
    VEC_CHECK(v, memcmp(bytes, again, sizeof bytes) == 0);
    sotto_reg_value(value, &r);
    sotto_smt_leaf(leaf, &r.id, value);
    vec_is_hex(v, v->in, "leaf", leaf, sizeof leaf);
}

/* The fields of an accepted one are those of its body; of a refused one the body may say something else. */
static void is_made(struct vec *v, const struct sotto_op_identity *i, const uint8_t domain[32])
{
    const json_t *f = vec_get(v, v->in, "fields");
    struct sotto_scalar secret = vec_scalar(v, v->in, "secret");
    struct sotto_op op = { .type = SOTTO_OP_REGISTER, .identity = *i };
    struct sotto_sig65 sig;
    uint8_t digest[32], extra[32];
    vec_is_hex(v, f, "id", i->id.b, 20);
    vec_is_hex(v, f, "key", i->key.b, 33);
    vec_is_hex(v, f, "xkey", i->xkey.b, 33);
    vec_is_hex(v, f, "cert", i->cert, 32);
    vec_is_hex(v, f, "recovery", i->recovery, 32);
    vec_is_num(v, f, "notBefore", i->not_before_s);
    vec_is_num(v, f, "notAfter", i->not_after_s);
    vec_is_num(v, f, "deadline", i->deadline_s);
    vec_is_num(v, f, "bond", i->bond);
    vec_is_hex(v, f, "refund", i->refund.b, 20);
    vec_is_hex(v, f, "sig", i->sig.b, 65);
    sotto_bond_extra(extra, i->bond, &i->refund);
    vec_is_hex(v, f, "extra", extra, sizeof extra);
    VEC_OK(v, sotto_signed_op(digest, domain, &op));
    vec_is_hex(v, v->in, "digest", digest, sizeof digest);
    VEC_OK(v, sotto_sign(&sig, &secret, digest));
    vec_is_hex(v, f, "sig", sig.b, sizeof sig.b);
}

/* Of a refused one: what it was before something in its body was broken. */
static void has_fields(struct vec *v)
{
    static const struct { const char *key; size_t size; } bytes[] = { { "id", 20 }, { "key", 33 }, { "xkey", 33 }, { "cert", 32 }, { "recovery", 32 },
                                                                      { "refund", 20 }, { "extra", 32 }, { "sig", 65 } };
    static const char *const numbers[] = { "notBefore", "notAfter", "deadline", "bond" };
    const json_t *f = vec_get(v, v->in, "fields");
    uint8_t out[65];
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) vec_hex(v, f, bytes[i].key, out, bytes[i].size);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) (void)vec_u64(v, f, numbers[i]);
}

void vec_ledger_register(struct vec *v)
{
    static const struct sotto_reg_record known;
    struct sotto_span body = vec_bytes(v, v->in, "body");
    struct sotto_op op;
    struct sotto_reg_record next;
    uint8_t domain[32];
    json_t *list = vec_get(v, v->in, "known"), *one;
    size_t k;
    bool exists = false;
    the_domain(v, domain);
    VEC_OK(v, sotto_op_read(&op, &(struct sotto_tx_op){ SOTTO_OP_REGISTER, body }));
    VEC_CHECK(v, json_array_size(list) <= 1);
    json_array_foreach(list, k, one) {
        struct sotto_span id = vec_bytes_value(v, one, "known");
        exists |= sotto_span_equal(id, SOTTO_SPAN(op.identity.id.b));
    }
    struct sotto_reg_rules rules = { .now_s = vec_u64(v, v->in, "now"), .height = 9, .bond.cong = op.identity.bond, .domain = domain };
    enum sotto_err err = sotto_reg_apply(&next, NULL, &rules, &op, exists ? &known : NULL, false);
    if (vec_refused(v)) {
        vec_is_error(v, err);
        has_fields(v);
        return;
    }
    VEC_OK(v, err);
    VEC_CHECK(v, json_is_null(json_object_get(v->in, "error")));
    vec_mark(v, json_object_get(v->in, "error"));
    is_made(v, &op.identity, domain);
    VEC_CHECK(v, sotto_id_equal(&next.owner, &op.identity.id) && next.status == SOTTO_REG_VALID && next.seq == 0 && next.made == 9);
}

void vec_ledger_verify(struct vec *v)
{
    const json_t *f = vec_get(v, v->in, "fields");
    struct sotto_verify request = { .from = vec_id(v, f, "from"), .to = vec_id(v, f, "to"), .time_s = vec_u64(v, f, "time") };
    const struct sotto_reg_record *from = NULL, *to = NULL;
    struct sotto_reg_record records[2] = { 0 };
    uint8_t domain[32];
    json_t *list = vec_get(v, v->in, "records"), *one;
    size_t i;
    vec_hex(v, f, "nonce", request.nonce, sizeof request.nonce);
    vec_hex(v, v->in, "sig", request.sig.b, sizeof request.sig.b);
    VEC_CHECK(v, json_array_size(list) == 2);
    json_array_foreach(list, i, one) {
        vec_mark(v, one);
        records[i] = (struct sotto_reg_record){ .id = vec_id(v, one, "id"), .owner = vec_id(v, one, "owner"), .status = (uint8_t)below(v, one, "status", 2),
                                                .not_before_s = vec_u64(v, one, "notBefore"), .not_after_s = vec_u64(v, one, "notAfter") };
        if (sotto_id_equal(&records[i].id, &request.from)) from = &records[i];
        if (sotto_id_equal(&records[i].id, &request.to)) to = &records[i];
    }
    VEC_CHECK(v, !sotto_id_equal(&records[0].id, &records[1].id));
    the_domain(v, domain);
    uint64_t now = vec_u64(v, v->in, "now");
    enum sotto_err err = sotto_verify_check(&request, from, to, now, now, domain);
    vec_is_str(v, v->in, "result", err == SOTTO_OK ? "true" : sotto_err_name(err));
}
