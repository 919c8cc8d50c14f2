/* ledger.json: operations made by hand, written, read, and signed. */
#include "vec.h"

#include "crypto/eip712.h"
#include "ledger/codec.h"
#include "ledger/op.h"
#include "ledger/proof.h"
#include "ledger/signed.h"

static uint8_t kept[SOTTO_OP_BODY_MAX];              /* a fault jumps: nothing may be left on the heap */

static uint64_t below(struct vec *v, const json_t *object, const char *key, uint64_t max)
{
    uint64_t n = vec_u64(v, object, key);
    if (n > max) vec_fault(v, "%s is above %llu", key, (unsigned long long)max);
    return n;
}

static bool truth(struct vec *v, const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (!json_is_boolean(value)) vec_fault(v, "%s is neither true nor false", key);
    vec_mark(v, value);
    return json_is_true(value);
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
    json_array_foreach(json_object_get(v->root, "vectors"), i, one) {
        const char *group = json_string_value(json_object_get(one, "group"));
        if (!group || strcmp(group, "domain") != 0) continue;
        uint8_t contract[20];
        const json_t *in = json_object_get(one, "in");
        uint64_t chain = vec_u64(v, in, "chain");
        vec_hex(v, in, "contract", contract, sizeof contract);
        sotto_registry_domain(out, chain, contract);
        return;
    }
    vec_fault(v, "there is no case of group domain");
}

void vec_ledger_domain(struct vec *v)
{
    static const char *const names[] = { "Register", "Renew", "Rotate", "Recover", "Revoke", "Verify", "Authorize", "Post", "Digest", "Negotiation", "Certificate" };
    uint8_t hash[32];
    const json_t *types = vec_get(v, v->in, "types");
    for (unsigned i = 0; i < SOTTO_SIGNED_COUNT; i++) {
        const char *type = sotto_signed_type((enum sotto_signed)i);
        sotto_keccak256(hash, sotto_span_str(type));
        VEC_CHECK(v, strncmp(type, names[i], strlen(names[i])) == 0 && type[strlen(names[i])] == '(');
        vec_is_hex(v, types, names[i], hash, sizeof hash);
    }
    the_domain(v, hash);
    vec_is_hex(v, v->in, "registry", hash, sizeof hash);
    sotto_eip712_domain(hash, "Sotto Certificate", "1");
    vec_is_hex(v, v->in, "certificate", hash, sizeof hash);
}

/* Is sig what this secret signs? */
static struct sotto_sig65 signature(struct vec *v, const json_t *object, const char *key, const struct sotto_scalar *secret, const uint8_t digest[32])
{
    struct sotto_sig65 sig;
    struct sotto_point pub;
    struct sotto_id id;
    VEC_OK(v, sotto_sign(&sig, secret, digest));
    vec_is_hex(v, object, key, sig.b, sizeof sig.b);
    VEC_OK(v, sotto_point_make(&pub, secret));
    VEC_OK(v, sotto_id_of(&id, &pub));
    VEC_OK(v, sotto_signed_by(&id, &sig, digest));
    return sig;
}

/* The body as written is the one of the case, and reads back as what was written. */
static void is_body(struct vec *v, const struct sotto_op *op)
{
    struct sotto_buf body = sotto_buf_make(sizeof kept);
    struct sotto_op back;
    VEC_OK(v, sotto_op_write(&body, op));                            /* refused: nothing was written */
    size_t size = body.size;
    memcpy(kept, body.data, size);
    sotto_buf_free(&body);
    vec_is_hex(v, v->in, "body", kept, size);
    VEC_OK(v, sotto_op_read(&back, &(struct sotto_tx_op){ (uint8_t)op->type, sotto_span(kept, size) }));
    VEC_OK(v, sotto_op_write(&body, &back));
    bool same = sotto_span_equal(sotto_buf_span(&body), sotto_span(kept, size));
    sotto_buf_free(&body);
    VEC_CHECK(v, same);
}

static void identity(struct vec *v, struct sotto_op *op, const json_t *f)
{
    struct sotto_op_identity *i = &op->identity;
    struct sotto_scalar secret = vec_scalar(v, v->in, "secret"), new_secret = vec_scalar(v, v->in, "new_secret");
    struct sotto_point pub;
    struct sotto_id signer, owner;
    uint8_t digest[32], domain[32], commit[32];
    the_domain(v, domain);
    i->id = vec_id(v, f, "id");
    i->seq = (uint32_t)below(v, f, "seq", UINT32_MAX);
    i->key = raw_point(v, f, "key");
    i->xkey = raw_point(v, f, "xkey");
    vec_hex(v, f, "cert", i->cert, 32);
    vec_hex(v, f, "recovery", i->recovery, 32);
    vec_hex(v, f, "salt", i->salt, 32);
    i->not_after_s = below(v, f, "notAfter", SOTTO_UINT40_MAX);
    i->deadline_s = below(v, f, "deadline", SOTTO_UINT40_MAX);
    i->reason = (uint8_t)below(v, f, "reason", SOTTO_REVOKE_REASONS - 1);
    i->by_recovery = truth(v, f, "byRecovery");
    VEC_OK(v, sotto_point_make(&pub, &new_secret));
    vec_is_hex(v, f, "key", pub.b, sizeof pub.b);
    VEC_OK(v, sotto_id_of(&owner, &pub));
    vec_is_hex(v, f, "newOwner", owner.b, sizeof owner.b);
    VEC_OK(v, sotto_point_make(&pub, &secret));
    VEC_OK(v, sotto_id_of(&signer, &pub));
    if (i->by_recovery) {
        sotto_recovery_commit(commit, &signer, i->salt);
        vec_is_hex(v, v->in, "commit", commit, sizeof commit);
    } else {
        VEC_CHECK(v, sotto_id_equal(&signer, &i->id));
    }
    VEC_OK(v, sotto_signed_op(digest, domain, op));
    vec_is_hex(v, v->in, "digest", digest, sizeof digest);
    i->sig = signature(v, f, "sig", &secret, digest);
    i->new_sig = signature(v, f, "newSig", &new_secret, digest);
    is_body(v, op);
}

static void post(struct vec *v, struct sotto_op *op, const json_t *f)
{
    struct sotto_op_post *p = &op->post;
    struct sotto_scalar secret = vec_scalar(v, v->in, "secret");
    uint8_t digest[32], domain[32];
    the_domain(v, domain);
    p->author = sotto_span_str(vec_str(v, f, "author"));
    p->content = sotto_span_str(vec_str(v, f, "content"));
    p->time_s = below(v, f, "time", SOTTO_UINT40_MAX);
    p->id = vec_id(v, f, "id");
    p->is_signed = vec_has(f, "sig");
    sotto_signed_post(digest, domain, p);
    vec_is_hex(v, v->in, "digest", digest, sizeof digest);
    if (p->is_signed) p->sig = signature(v, f, "sig", &secret, digest);
    is_body(v, op);
}

static void digests(struct vec *v, struct sotto_op *op, const json_t *f)
{
    static uint8_t list[SOTTO_DIGESTS_MAX][32];
    struct sotto_op_digest *d = &op->digest;
    struct sotto_scalar secret = vec_scalar(v, v->in, "secret");
    uint8_t digest[32], domain[32], root[32];
    json_t *one;
    size_t i;
    the_domain(v, domain);
    d->kind = (uint8_t)below(v, f, "kind", SOTTO_DIGEST_KINDS - 1);
    json_array_foreach(vec_get(v, f, "digests"), i, one) {
        struct sotto_span bytes = vec_bytes_value(v, one, "digests");
        if (i == SOTTO_DIGESTS_MAX || bytes.size != 32) vec_fault(v, "up to %u digests of 32 bytes", SOTTO_DIGESTS_MAX);
        memcpy(list[i], bytes.data, 32);
    }
    d->count = (uint32_t)i;
    d->digests = sotto_span(list, 32 * i);
    d->id = vec_id(v, f, "id");
    d->time_s = below(v, f, "time", SOTTO_UINT40_MAX);
    d->is_signed = vec_has(f, "sig");
    sotto_digests_root(root, d->digests);
    vec_is_hex(v, f, "root", root, sizeof root);
    sotto_signed_digest(digest, domain, d, root);
    vec_is_hex(v, v->in, "digest", digest, sizeof digest);
    if (d->is_signed) d->sig = signature(v, f, "sig", &secret, digest);
    is_body(v, op);
}

/* The box of these cases is filler: it opens under no key of theirs. */
static void contact(struct vec *v, struct sotto_op *op, const json_t *f)
{
    struct sotto_op_contact *c = &op->contact;
    struct sotto_scalar ephemeral = vec_scalar(v, v->in, "ephemeral");
    struct sotto_point xkey = vec_point(v, v->in, "xkey");
    struct sotto_secret z;
    uint8_t view[32];
    VEC_OK(v, sotto_point_make(&c->r, &ephemeral));
    vec_is_hex(v, f, "R", c->r.b, sizeof c->r.b);
    c->view = (uint8_t)below(v, f, "view", UINT8_MAX);
    c->box = vec_bytes(v, f, "box");
    VEC_OK(v, sotto_ecdh_x(&z, &ephemeral, &xkey));
    SOTTO_TH(view, "sotto/contact/view", SOTTO_SPAN(z.b));
    VEC_CHECK(v, view[0] == c->view);
    is_body(v, op);
}

static void authorize(struct vec *v, const json_t *f)
{
    struct sotto_scalar secret = vec_scalar(v, v->in, "secret");
    struct sotto_id id = vec_id(v, f, "id");
    uint8_t digest[32], domain[32], txid[32], body[85];
    struct sotto_sig65 sig;
    the_domain(v, domain);
    vec_hex(v, f, "txid", txid, sizeof txid);
    sotto_signed_authorize(digest, domain, &id, txid);
    vec_is_hex(v, v->in, "digest", digest, sizeof digest);
    VEC_OK(v, sotto_sign(&sig, &secret, digest));
    VEC_OK(v, sotto_signed_by(&id, &sig, digest));
    memcpy(body, id.b, 20);
    memcpy(body + 20, sig.b, 65);
    vec_is_hex(v, v->in, "body", body, sizeof body);
}

void vec_ledger_ops(struct vec *v)
{
    static const struct { const char *name; enum sotto_op_type type; } names[] = {
        { "Renew", SOTTO_OP_RENEW }, { "Rotate", SOTTO_OP_ROTATE }, { "Recover", SOTTO_OP_RECOVER }, { "Revoke", SOTTO_OP_REVOKE },
        { "Post", SOTTO_OP_POST }, { "Digest", SOTTO_OP_DIGEST }, { "Contact", SOTTO_OP_CONTACT }, { "Sealed", SOTTO_OP_SEALED },
        { "Params", SOTTO_OP_PARAMS },
    };
    const char *name = vec_str(v, v->in, "op");
    const json_t *f = vec_get(v, v->in, "fields");
    struct sotto_op op;
    memset(&op, 0, sizeof op);
    if (strcmp(name, "Authorize") == 0) {
        authorize(v, f);
        return;
    }
    size_t i = 0;
    while (i < sizeof names / sizeof *names && strcmp(names[i].name, name) != 0) i++;
    if (i == sizeof names / sizeof *names) vec_fault(v, "unknown operation %s", name);
    op.type = names[i].type;
    vec_is_num(v, v->in, "type", op.type);
    if (sotto_op_of_identity(op.type)) {
        identity(v, &op, f);
    } else if (op.type == SOTTO_OP_POST) {
        post(v, &op, f);
    } else if (op.type == SOTTO_OP_DIGEST) {
        digests(v, &op, f);
    } else if (op.type == SOTTO_OP_CONTACT) {
        contact(v, &op, f);
    } else if (op.type == SOTTO_OP_SEALED) {
        vec_hex(v, f, "tag", op.sealed.tag, sizeof op.sealed.tag);
        op.sealed.kind = (uint8_t)below(v, f, "kind", UINT8_MAX);
        op.sealed.blob = vec_bytes(v, f, "blob");
        is_body(v, &op);
    } else {
        op.params.group = (uint8_t)below(v, f, "group", UINT8_MAX);
        op.params.p = vec_bytes(v, f, "p");
        op.params.g = vec_bytes(v, f, "g");
        op.params.period_ms = vec_u64(v, f, "period_ms");
        is_body(v, &op);
    }
}

void vec_ledger_gov(struct vec *v)
{
    static uint8_t votes[SOTTO_GOV_VOTES_MAX * SOTTO_GOV_VOTE];
    static const uint8_t aux[32];
    struct sotto_op op = { .type = SOTTO_OP_GOV };
    const json_t *f = vec_get(v, v->in, "fields"), *sigs = vec_get(v, f, "sigs"), *secrets = vec_get(v, v->in, "secrets"), *one;
    uint8_t genesis_id[64], digest[32], sig[64];
    size_t i;
    vec_hex(v, v->in, "genesis_id", genesis_id, sizeof genesis_id);
    op.gov.action = (uint8_t)below(v, f, "action", UINT8_MAX);
    op.gov.seq = (uint32_t)below(v, f, "seq", UINT32_MAX);
    op.gov.expiry = (uint32_t)below(v, f, "expiry", UINT32_MAX);
    op.gov.body = vec_bytes(v, f, "body");
    sotto_gov_digest(digest, genesis_id, &op.gov);
    vec_is_hex(v, v->in, "digest", digest, sizeof digest);
    if (json_array_size(sigs) != json_array_size(secrets) || json_array_size(sigs) > SOTTO_GOV_VOTES_MAX) vec_fault(v, "one secret a signature");
    json_array_foreach(sigs, i, one) {
        struct sotto_span secret = vec_bytes_value(v, json_array_get(secrets, i), "secrets");
        struct sotto_scalar k;
        struct sotto_point pub;
        if (secret.size != sizeof k.b) vec_fault(v, "a secret has 32 bytes");
        memcpy(k.b, secret.data, sizeof k.b);
        if (!sotto_scalar_valid(&k)) vec_fault(v, "secrets: no scalar");
        VEC_OK(v, sotto_schnorr_sign(sig, &k, digest, aux));
        vec_mark(v, one);
        vec_is_hex(v, one, "sig", sig, sizeof sig);
        VEC_OK(v, sotto_point_make(&pub, &k));
        VEC_OK(v, sotto_schnorr_verify(sig, pub.b + 1, digest));
        sotto_put_le16(votes + SOTTO_GOV_VOTE * i, (uint16_t)below(v, one, "index", UINT16_MAX));
        memcpy(votes + SOTTO_GOV_VOTE * i + 2, sig, sizeof sig);
    }
    op.gov.count = (uint32_t)i;
    op.gov.votes = sotto_span(votes, SOTTO_GOV_VOTE * i);
    for (uint32_t k = 1; k < op.gov.count; k++)
        if (sotto_gov_vote(&op.gov, k).index <= sotto_gov_vote(&op.gov, k - 1).index) vec_fault(v, "indices rise");
    is_body(v, &op);
}
