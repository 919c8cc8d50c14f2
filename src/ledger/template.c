#include "ledger/template.h"

#include "base/plant.h"

/* ---- making ---- */

static enum sotto_err op(struct sotto_buf *b, enum sotto_opcode code) { return sotto_buf_add_u8(b, (uint8_t)code); }

static enum sotto_err ops(struct sotto_buf *b, const uint8_t *codes, size_t count) { return sotto_buf_add(b, codes, count); }
#define OPS(b, ...) ops((b), (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static enum sotto_err make_p2pkh(struct sotto_buf *b, const struct sotto_h160 *hash)
{
    SOTTO_TRY(OPS(b, SOTTO_OPCODE_DUP, SOTTO_OPCODE_HASH160));
    SOTTO_TRY(sotto_script_push(b, SOTTO_SPAN(hash->b)));
    return OPS(b, SOTTO_OPCODE_EQUALVERIFY, SOTTO_OPCODE_CHECKSIG);
}

static enum sotto_err make_data(struct sotto_buf *b, struct sotto_span data)
{
    if (data.size < 1 || data.size > SOTTO_TEMPLATE_DATA_MAX) return SOTTO_ERR_RANGE;
    SOTTO_TRY(op(b, SOTTO_OPCODE_RETURN));
    return sotto_script_push(b, data);
}

static bool short_key(const struct sotto_point *key) { return (key->b[0] & 0xfe) == 2; }

static enum sotto_err make_multisig(struct sotto_buf *b, const struct sotto_template *t)
{
    if (t->multisig.count > SOTTO_TEMPLATE_KEYS_MAX || t->multisig.need < 1 || t->multisig.need > t->multisig.count) return SOTTO_ERR_RANGE;
    SOTTO_TRY(sotto_script_push_number(b, t->multisig.need));
    for (unsigned i = 0; i < t->multisig.count; i++) {
        if (!short_key(&t->multisig.keys[i])) return SOTTO_ERR_RANGE;
        SOTTO_TRY(sotto_script_push(b, SOTTO_SPAN(t->multisig.keys[i].b)));
    }
    SOTTO_TRY(sotto_script_push_number(b, t->multisig.count));
    return op(b, SOTTO_OPCODE_CHECKMULTISIG);
}

static enum sotto_err make_lock(struct sotto_buf *b, const struct sotto_lock *lock)
{
    SOTTO_TRY(OPS(b, SOTTO_OPCODE_IF, SOTTO_OPCODE_SIZE));
    SOTTO_TRY(sotto_script_push_number(b, SOTTO_LOCK_TAG));
    SOTTO_TRY(OPS(b, SOTTO_OPCODE_EQUALVERIFY, SOTTO_OPCODE_SHA256));
    SOTTO_TRY(sotto_script_push(b, SOTTO_SPAN(lock->commit)));
    SOTTO_TRY(OPS(b, SOTTO_OPCODE_EQUALVERIFY, SOTTO_OPCODE_DUP, SOTTO_OPCODE_HASH160));
    SOTTO_TRY(sotto_script_push(b, SOTTO_SPAN(lock->payee.b)));
    SOTTO_TRY(op(b, SOTTO_OPCODE_ELSE));
    SOTTO_TRY(sotto_script_push_number(b, lock->expiry));
    SOTTO_TRY(OPS(b, SOTTO_OPCODE_CHECKLOCKTIMEVERIFY, SOTTO_OPCODE_DROP, SOTTO_OPCODE_DUP, SOTTO_OPCODE_HASH160));
    SOTTO_TRY(sotto_script_push(b, SOTTO_SPAN(lock->refund.b)));
    return OPS(b, SOTTO_OPCODE_ENDIF, SOTTO_OPCODE_EQUALVERIFY, SOTTO_OPCODE_CHECKSIG);
}

static enum sotto_err make_dh_lock(struct sotto_buf *b, const struct sotto_template *t)
{
    uint8_t q[SOTTO_GROUP_MAX];
    if (!sotto_group_known(t->group) || t->share.size < 1 || t->share.data[0] == 0) return SOTTO_ERR_RANGE;
    struct sotto_span p = sotto_group_p(t->group);
    if (t->share.size > p.size) return SOTTO_ERR_RANGE;
    size_t q_size = sotto_group_q(q, t->group);
    SOTTO_TRY(sotto_script_push(b, t->share));
    SOTTO_TRY(sotto_script_push(b, sotto_span(q, q_size)));
    SOTTO_TRY(sotto_script_push(b, p));
    SOTTO_TRY(OPS(b, SOTTO_OPCODE_EXPONENT, SOTTO_OPCODE_1, SOTTO_OPCODE_EQUALVERIFY));
    return make_lock(b, &t->lock);
}

static enum sotto_err make(struct sotto_buf *b, const struct sotto_template *t)
{
    switch (t->kind) {
    case SOTTO_TEMPLATE_P2PKH: return make_p2pkh(b, &t->hash);
    case SOTTO_TEMPLATE_DATA: return make_data(b, t->data);
    case SOTTO_TEMPLATE_MULTISIG: return make_multisig(b, t);
    case SOTTO_TEMPLATE_KEY_LOCK: return make_lock(b, &t->lock);
    case SOTTO_TEMPLATE_DH_LOCK: return make_dh_lock(b, t);
    }
    return SOTTO_ERR_RANGE;
}

enum sotto_err sotto_template_make(struct sotto_buf *out, const struct sotto_template *t)
{
    size_t before = out->size;
    enum sotto_err err = make(out, t);
    if (err != SOTTO_OK) out->size = before;
    return err;
}

/* ---- reading: the words one after the other ---- */

struct words { struct sotto_span script; size_t at; };

static bool opcode(struct words *w, enum sotto_opcode code)
{
    struct sotto_script_word word;
    return sotto_script_next(&word, w->script, &w->at) && word.op == code;
}

#define OPCODES(w, ...) opcodes((w), (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))
static bool opcodes(struct words *w, const uint8_t *codes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!opcode(w, codes[i])) return false;
    return true;
}

static bool pushed(struct words *w, struct sotto_span *out)
{
    struct sotto_script_word word;
    if (!sotto_script_next(&word, w->script, &w->at) || !sotto_script_is_push(word.op)) return false;
    if (word.op <= SOTTO_OPCODE_PUSHDATA4 && !sotto_script_minimal(&word)) return false;
    *out = sotto_script_pushed(&word);
    return true;
}

static bool bytes(struct words *w, void *out, size_t size)
{
    struct sotto_span s;
    if (!pushed(w, &s) || s.size != size) return false;
    memcpy(out, s.data, size);
    return true;
}

static bool same(struct words *w, struct sotto_span want)
{
    struct sotto_span s;
    return pushed(w, &s) && sotto_span_equal(s, want);
}

static bool number(struct words *w, uint64_t *out, uint64_t least, uint64_t most)
{
    struct sotto_span s;
    int64_t n;
    if (!pushed(w, &s) || !sotto_script_number(&n, s, 5, true) || n < 0 || (uint64_t)n < least || (uint64_t)n > most) return false;
    *out = (uint64_t)n;
    return true;
}

static bool end(const struct words *w) { return w->at == w->script.size || SOTTO_PLANTED(SCRIPT_TEMPLATE_TAIL); }

static bool read_p2pkh(struct sotto_template *t, struct words w)
{
    t->kind = SOTTO_TEMPLATE_P2PKH;
    return OPCODES(&w, SOTTO_OPCODE_DUP, SOTTO_OPCODE_HASH160) && bytes(&w, t->hash.b, 20)
        && OPCODES(&w, SOTTO_OPCODE_EQUALVERIFY, SOTTO_OPCODE_CHECKSIG) && end(&w);
}

static bool read_data(struct sotto_template *t, struct words w)
{
    t->kind = SOTTO_TEMPLATE_DATA;
    return opcode(&w, SOTTO_OPCODE_RETURN) && pushed(&w, &t->data) && t->data.size >= 1 && t->data.size <= SOTTO_TEMPLATE_DATA_MAX && end(&w);
}

static bool read_multisig(struct sotto_template *t, struct words w)
{
    uint64_t need, count;
    t->kind = SOTTO_TEMPLATE_MULTISIG;
    if (!number(&w, &need, 1, SOTTO_TEMPLATE_KEYS_MAX)) return false;
    t->multisig.need = (unsigned)need;
    t->multisig.count = 0;
    for (struct words ahead = w; t->multisig.count < SOTTO_TEMPLATE_KEYS_MAX; w = ahead) {
        struct sotto_point *key = &t->multisig.keys[t->multisig.count];
        if (!bytes(&ahead, key->b, sizeof key->b)) break;
        if (!short_key(key)) return false;
        t->multisig.count++;
    }
    return number(&w, &count, need, SOTTO_TEMPLATE_KEYS_MAX) && count == t->multisig.count && opcode(&w, SOTTO_OPCODE_CHECKMULTISIG) && end(&w);
}

static bool read_lock(struct sotto_lock *lock, struct words w)
{
    static const uint8_t size = SOTTO_LOCK_TAG;
    uint64_t expiry;
    if (!OPCODES(&w, SOTTO_OPCODE_IF, SOTTO_OPCODE_SIZE) || !same(&w, sotto_span(&size, 1))) return false;
    if (!OPCODES(&w, SOTTO_OPCODE_EQUALVERIFY, SOTTO_OPCODE_SHA256) || !bytes(&w, lock->commit, sizeof lock->commit)) return false;
    if (!OPCODES(&w, SOTTO_OPCODE_EQUALVERIFY, SOTTO_OPCODE_DUP, SOTTO_OPCODE_HASH160) || !bytes(&w, lock->payee.b, 20)) return false;
    if (!opcode(&w, SOTTO_OPCODE_ELSE) || !number(&w, &expiry, 0, UINT32_MAX)) return false;
    lock->expiry = (uint32_t)expiry;
    if (!OPCODES(&w, SOTTO_OPCODE_CHECKLOCKTIMEVERIFY, SOTTO_OPCODE_DROP, SOTTO_OPCODE_DUP, SOTTO_OPCODE_HASH160)) return false;
    return bytes(&w, lock->refund.b, 20) && OPCODES(&w, SOTTO_OPCODE_ENDIF, SOTTO_OPCODE_EQUALVERIFY, SOTTO_OPCODE_CHECKSIG) && end(&w);
}

static bool read_key_lock(struct sotto_template *t, struct words w)
{
    t->kind = SOTTO_TEMPLATE_KEY_LOCK;
    return read_lock(&t->lock, w);
}

static bool read_dh_lock(struct sotto_template *t, struct words w)
{
    static const enum sotto_group groups[] = { SOTTO_GROUP_2048, SOTTO_GROUP_3072 };
    uint8_t q[SOTTO_GROUP_MAX];
    t->kind = SOTTO_TEMPLATE_DH_LOCK;
    if (!pushed(&w, &t->share) || t->share.size < 1 || t->share.data[0] == 0) return false;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        struct words v = w;
        struct sotto_span p = sotto_group_p(groups[i]);
        if (!same(&v, sotto_span(q, sotto_group_q(q, groups[i])))) continue;
        t->group = groups[i];
        return same(&v, p) && t->share.size <= p.size && OPCODES(&v, SOTTO_OPCODE_EXPONENT, SOTTO_OPCODE_1, SOTTO_OPCODE_EQUALVERIFY)
            && read_lock(&t->lock, v);
    }
    return false;
}

bool sotto_template_read(struct sotto_template *out, struct sotto_span script)
{
    static bool (*const readers[])(struct sotto_template *t, struct words w) = { read_p2pkh, read_data, read_multisig, read_key_lock, read_dh_lock };
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        struct sotto_template t = { .kind = SOTTO_TEMPLATE_P2PKH };
        if (!readers[i](&t, (struct words){ script, 0 })) continue;
        *out = t;
        return true;
    }
    return false;
}

/* ---- unlocking ---- */

static enum sotto_err unlock(struct sotto_buf *out, const struct sotto_span *elements, size_t count)
{
    size_t before = out->size;
    enum sotto_err err = SOTTO_OK;
    for (size_t i = 0; i < count && err == SOTTO_OK; i++)
        err = elements[i].size <= SOTTO_SCRIPT_ELEMENT_MAX ? sotto_script_push(out, elements[i]) : SOTTO_ERR_RANGE;
    if (err != SOTTO_OK) out->size = before;
    return err;
}

enum sotto_err sotto_unlock_p2pkh(struct sotto_buf *out, struct sotto_span sig, const struct sotto_point *key)
{
    return unlock(out, (const struct sotto_span[]){ sig, SOTTO_SPAN(key->b) }, 2);
}

enum sotto_err sotto_unlock_multisig(struct sotto_buf *out, const struct sotto_span *sigs, size_t count)
{
    struct sotto_span all[1 + SOTTO_TEMPLATE_KEYS_MAX] = { { NULL, 0 } };      /* the extra element is empty */
    if (count > SOTTO_TEMPLATE_KEYS_MAX) return SOTTO_ERR_RANGE;
    for (size_t i = 0; i < count; i++) all[1 + i] = sigs[i];
    return unlock(out, all, 1 + count);
}

enum sotto_err sotto_unlock_claim(struct sotto_buf *out, struct sotto_span sig, const struct sotto_point *key, const uint8_t tag[SOTTO_LOCK_TAG])
{
    static const uint8_t one = 1;
    return unlock(out, (const struct sotto_span[]){ sig, SOTTO_SPAN(key->b), sotto_span(tag, SOTTO_LOCK_TAG), sotto_span(&one, 1) }, 4);
}

enum sotto_err sotto_unlock_refund(struct sotto_buf *out, struct sotto_span sig, const struct sotto_point *key)
{
    return unlock(out, (const struct sotto_span[]){ sig, SOTTO_SPAN(key->b), { NULL, 0 } }, 3);
}

bool sotto_unlock_tag(uint8_t out[SOTTO_LOCK_TAG], struct sotto_span unlock)
{
    static const uint8_t one = 1;
    struct words w = { unlock, 0 };
    struct sotto_span sig, key;
    uint8_t tag[SOTTO_LOCK_TAG];
    if (!pushed(&w, &sig) || !pushed(&w, &key) || !bytes(&w, tag, sizeof tag) || !same(&w, sotto_span(&one, 1)) || !end(&w)) return false;
    memcpy(out, tag, sizeof tag);
    return true;
}
