/* hello: M1, M2, everything derived from them, and their refusals */
#include "vec_shared.h"

#include "crypto/hash.h"

/* The same person in another case of the file has the same keys, also those that no message of these cases uses. */
static void same_everywhere(struct vec *v, const json_t *person, const json_t *private)
{
    static const char *const names[] = { "I", "R" };
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(v->root, "vectors"), i, one)
        for (size_t n = 0; n < 2; n++) {
            const json_t *other = json_object_get(json_object_get(one, "in"), names[n]);
            if (json_is_object(other) && json_equal(json_object_get(other, "id"), json_object_get(person, "id")))
                VEC_CHECK(v, json_equal(json_object_get(other, "private"), private));
        }
}

/* A person's keys, ID and certificate; all of them must belong together. */
static struct vec_person person(struct vec *v, const json_t *object, const char *name)
{
    struct vec_person p;
    json_t *o = vec_get(v, object, name), *private = vec_get(v, o, "private");
    struct sotto_cert cert;
    struct sotto_point key;
    struct sotto_id id;
    p.identity = vec_scalar(v, private, "identity");
    p.exchange = vec_scalar(v, private, "exchange");
    p.scan = vec_scalar(v, private, "scan");
    vec_scalar(v, private, "payment");    /* the fourth role of every account; no message uses it */
    same_everywhere(v, o, private);
    p.id = vec_id(v, o, "id");
    p.cert = vec_bytes(v, o, "cert");
    VEC_OK(v, sotto_point_make(&key, &p.identity));
    VEC_OK(v, sotto_point_make(&p.xkey, &p.exchange));
    VEC_OK(v, sotto_point_make(&p.scan_pub, &p.scan));
    VEC_OK(v, sotto_id_of(&id, &key));
    VEC_CHECK(v, sotto_id_equal(&id, &p.id));
    VEC_OK(v, sotto_cert_parse(&cert, p.cert));
    VEC_CHECK(v, sotto_id_equal(&cert.id, &p.id));
    VEC_CHECK(v, memcmp(cert.key.b, key.b, 33) == 0 && memcmp(cert.xkey.b, p.xkey.b, 33) == 0);
    return p;
}

/* mk: 32 bytes, or empty for none. */
static const struct sotto_secret *read_mk(struct vec *v, const json_t *object, struct sotto_secret *out)
{
    struct sotto_span bytes = vec_bytes(v, object, "mk");
    if (bytes.size == 0) return NULL;
    VEC_CHECK(v, bytes.size == sizeof out->b);
    memcpy(out->b, bytes.data, sizeof out->b);
    return out;
}

static unsigned read_bits(struct vec *v)
{
    uint64_t bits = vec_num(v, v->in, "puzzle_bits");
    VEC_CHECK(v, bits <= 24);
    return (unsigned)bits;
}

static void optional_number(struct vec *v, const char *key, uint64_t *out)
{
    if (vec_has(v->in, key)) *out = vec_num(v, v->in, key);
}

/* M1 of I from the inputs of the case, long or short; compared with out.M1, out.h1 and out.puzzle. */
static size_t make_m1(struct vec *v, uint8_t pt[SOTTO_HELLO_SIZE], uint8_t h1[32], const struct vec_person *i, const struct sotto_id *to,
                      bool is_short, const struct sotto_secret *mk, unsigned bits)
{
    struct sotto_hello h = { .from = i->id, .to = *to, .scan = i->scan_pub };
    struct sotto_scalar eph = vec_scalar(v, v->in, "ephI");
    uint64_t flags = 0, puzzle = 0, at = 0;
    uint8_t b[32];
    size_t size;
    h.time_ms = vec_num(v, v->in, "time");
    optional_number(v, "flags", &flags);
    VEC_CHECK(v, flags <= 3);
    h.flags = (uint8_t)flags;
    vec_hex(v, v->in, "nonceI", h.nonce, sizeof h.nonce);
    vec_hex(v, v->in, "xI", h.share.b, sizeof h.share.b);
    VEC_OK(v, sotto_point_make(&h.eph, &eph));
    sotto_mk_id(h.mk_id, mk);
    optional_number(v, "height", &h.height);
    if (vec_has(v->in, "block8")) vec_hex(v, v->in, "block8", h.block8, sizeof h.block8);
    if (!is_short) h.cert = i->cert;
    h.intro = vec_bytes(v, v->in, "intro");

    VEC_OK(v, sotto_hello_m1_begin(pt, &size, b, &h));
    VEC_CHECK(v, size == (is_short ? SOTTO_HELLO_SHORT : SOTTO_HELLO_SIZE));
    VEC_CHECK(v, sotto_puzzle_search(&puzzle, &at, b, bits, 1ull << 28));     /* the smallest solution */
    vec_is_num(v, v->out, "puzzle", puzzle);
    VEC_OK(v, sotto_hello_m1_finish(pt, size, h1, puzzle, &i->identity));
    vec_is_hex(v, v->out, "M1", pt, size);
    vec_is_hex(v, v->out, "h1", h1, 32);
    return size;
}

static void both(struct vec *v)
{
    struct vec_person i = person(v, v->in, "I"), r = person(v, v->in, "R");
    struct sotto_secret mk_bytes;
    const struct sotto_secret *mk = read_mk(v, v->in, &mk_bytes);
    unsigned bits = read_bits(v);
    uint8_t m1[SOTTO_HELLO_SIZE], m2[SOTTO_HELLO_SIZE], h1[32];
    size_t size = make_m1(v, m1, h1, &i, &r.id, false, mk, bits);

    uint64_t time = vec_num(v, v->in, "time");
    struct sotto_hello_seen at_r, at_i;
    struct sotto_hello_ctx ctx = { .own = r.id, .now_ms = time + 1000, .puzzle_bits = bits };
    VEC_OK(v, sotto_hello_m1_check(&at_r, sotto_span(m1, size), &ctx));
    VEC_CHECK(v, memcmp(at_r.h1, h1, 32) == 0);

    struct sotto_scalar eph = vec_scalar(v, v->in, "ephR");
    struct sotto_hello_reply reply = { .flags = at_r.hello.flags & SOTTO_HELLO_RECORD, .eph = &eph, .identity = &r.identity,
                                       .exchange = &r.exchange, .mk = mk, .scan = r.scan_pub, .cert = r.cert };
    struct sotto_hello_keys keys_r, keys_i;
    vec_hex(v, v->in, "nonceR", reply.nonce, sizeof reply.nonce);
    vec_hex(v, v->in, "xR", reply.share.b, sizeof reply.share.b);
    optional_number(v, "height", &reply.height);
    if (vec_has(v->in, "block8")) vec_hex(v, v->in, "block8", reply.block8, sizeof reply.block8);
    reply.intro = vec_bytes(v, v->in, "greeting");
    VEC_OK(v, sotto_hello_m2_make(m2, &keys_r, &at_r, &reply));
    vec_is_hex(v, v->out, "M2", m2, sizeof m2);

    struct sotto_hello_pending pending = { .to = r.id, .flags = at_r.hello.flags, .time_ms = time, .has_mk = mk != NULL };
    memcpy(pending.nonce, at_r.hello.nonce, 32);
    memcpy(pending.h1, h1, 32);
    vec_hex(v, v->in, "xI", pending.share.b, 32);
    pending.eph = vec_scalar(v, v->in, "ephI");
    if (mk) pending.mk = *mk;
    ctx = (struct sotto_hello_ctx){ .own = i.id, .now_ms = time + 2000, .puzzle_bits = bits };
    VEC_OK(v, sotto_hello_m2_check(&at_i, &keys_i, SOTTO_SPAN(m2), &ctx, &pending, &i.exchange));

    const struct { const char *name; const uint8_t *mine, *theirs; } values[] = {
        { "c2", keys_i.c2, keys_r.c2 }, { "h2", keys_i.h2, keys_r.h2 }, { "x", keys_i.x.b, keys_r.x.b }, { "ee", keys_i.ee.b, keys_r.ee.b },
        { "ss", keys_i.p.b + 1, keys_r.p.b + 1 }, { "RK", keys_i.rk.b, keys_r.rk.b }, { "HKI", keys_i.hk_i.b, keys_r.hk_i.b },
        { "HKR", keys_i.hk_r.b, keys_r.hk_r.b }, { "KCI", keys_i.kc_i.b, keys_r.kc_i.b }, { "KCR", keys_i.kc_r.b, keys_r.kc_r.b },
        { "confirmR", keys_i.confirm_r, keys_r.confirm_r }, { "confirmI", keys_i.confirm_i, keys_r.confirm_i },
    };
    for (size_t n = 0; n < sizeof values / sizeof *values; n++) {
        vec_is_hex(v, v->out, values[n].name, values[n].mine, 32);
        if (memcmp(values[n].mine, values[n].theirs, 32) != 0) vec_fault(v, "%s differs between the two sides", values[n].name);
    }
}

static void short_m1(struct vec *v)
{
    struct vec_person i = person(v, v->in, "I");
    struct sotto_id to = vec_id(v, v->in, "to");
    struct sotto_ledger_status status;
    uint8_t m1[SOTTO_HELLO_SIZE], h1[32], hash[32];
    unsigned bits = read_bits(v);
    size_t size = make_m1(v, m1, h1, &i, &to, true, NULL, bits);
    VEC_CHECK(v, vec_ledger(v, v->in, &status));
    sotto_keccak256(hash, i.cert);        /* the registry speaks of this person's certificate */
    VEC_CHECK(v, memcmp(hash, status.cert_hash, sizeof hash) == 0);
    struct sotto_hello_ctx ctx = { .own = to, .now_ms = vec_num(v, v->in, "time"), .puzzle_bits = bits, .status = &status };
    struct sotto_hello_seen seen;
    VEC_OK(v, sotto_hello_m1_check(&seen, sotto_span(m1, size), &ctx));
    VEC_CHECK(v, memcmp(seen.xkey.b, i.xkey.b, 33) == 0);
}

static void refused_m1(struct vec *v)
{
    struct sotto_ledger_status status;
    struct sotto_hello_seen seen;
    bool has_ledger = vec_ledger(v, v->in, &status);
    struct sotto_hello_ctx ctx = { .own = vec_id(v, v->in, "to"), .now_ms = vec_num(v, v->in, "now"), .puzzle_bits = read_bits(v),
                                   .status = has_ledger ? &status : NULL };
    vec_is_error(v, sotto_hello_m1_check(&seen, vec_bytes(v, v->in, "M1"), &ctx));
}

static void refused_m2(struct vec *v)
{
    struct vec_person i = person(v, v->in, "I");
    json_t *p = vec_get(v, v->in, "pending");
    struct sotto_secret mk_bytes;
    const struct sotto_secret *mk = read_mk(v, p, &mk_bytes);
    struct sotto_ledger_status status;
    struct sotto_hello_pending pending = { .to = vec_id(v, p, "to"), .time_ms = vec_num(v, p, "time"), .has_mk = mk != NULL };
    struct sotto_hello_seen seen;
    struct sotto_hello_keys keys;
    vec_hex(v, p, "nonce", pending.nonce, sizeof pending.nonce);
    vec_hex(v, p, "share", pending.share.b, sizeof pending.share.b);
    vec_hex(v, p, "h1", pending.h1, sizeof pending.h1);
    pending.eph = vec_scalar(v, p, "eph");
    if (vec_has(p, "flags")) pending.flags = (uint8_t)vec_num(v, p, "flags");
    if (mk) pending.mk = *mk;
    bool has_ledger = vec_ledger(v, v->in, &status);
    struct sotto_hello_ctx ctx = { .own = i.id, .now_ms = vec_num(v, v->in, "now"), .status = has_ledger ? &status : NULL };
    vec_is_error(v, sotto_hello_m2_check(&seen, &keys, vec_bytes(v, v->in, "M2"), &ctx, &pending, &i.exchange));
}

void vec_hello(struct vec *v)
{
    if (vec_refused(v) && vec_has(v->in, "M2")) refused_m2(v);
    else if (vec_refused(v)) refused_m1(v);
    else if (vec_has(v->in, "R")) both(v);
    else short_m1(v);
}
