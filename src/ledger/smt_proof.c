#include "ledger/smt_impl.h"

#include "ledger/codec.h"

/* A proof, in the order of its bytes (ledger.md 13.2). */
enum { ABSENT_EMPTY, PRESENT, ABSENT_OTHER, KINDS };
struct proof {
    uint8_t kind, depth;
    struct sotto_span bitmap, siblings;
    struct sotto_span record;                     /* PRESENT */
    struct sotto_id other;                        /* ABSENT_OTHER: whose leaf stands there, and its value */
    uint8_t value[32];
};

static bool bit_of(const uint8_t *bitmap, unsigned depth) { return bitmap[depth / 8] >> (7 - depth % 8) & 1; }

/* ---- making ---- */

struct walk { unsigned depth, count; uint8_t bitmap[SOTTO_SMT_DEPTH / 8], siblings[SOTTO_SMT_DEPTH][32]; };

static void pass(struct walk *w, const struct sotto_smt *t, sotto_smt_ref sibling, unsigned depth, unsigned seen)
{
    w->bitmap[depth / 8] |= (uint8_t)(0x80u >> depth % 8);
    sotto_smt_seen(w->siblings[w->count++], t, sibling, depth + 1, seen);
    w->depth = depth + 1;
}

/* Follows the bits of id from the root; returns the leaf that stands at the end, 0 if nothing does. */
static sotto_smt_ref walk(struct walk *w, const struct sotto_smt *t, const struct sotto_id *id)
{
    sotto_smt_ref ref = t->top;
    unsigned seen = 0;
    while (ref && !sotto_smt_is_leaf(ref)) {
        const struct sotto_smt_fork *f = sotto_smt_fork_at(t, ref);
        unsigned parting = f->bit == seen ? SOTTO_SMT_DEPTH : sotto_smt_parting(sotto_smt_any(t, ref), id);
        if (parting < f->bit) {                   /* out of a one-sided run: all keys stand on the other side */
            pass(w, t, ref, parting, seen);
            return 0;
        }
        unsigned side = sotto_smt_bit(id, f->bit);
        pass(w, t, f->child[!side], f->bit, f->bit + 1u);
        seen = f->bit + 1u;
        ref = f->child[side];
    }
    return ref;
}

enum sotto_err sotto_smt_prove(const struct sotto_smt *t, struct sotto_buf *out, const struct sotto_id *id, struct sotto_span record)
{
    struct walk w = { 0 };
    uint8_t value[32];
    sotto_smt_ref ref = walk(&w, t, id);
    const struct sotto_smt_leaf_at *leaf = ref ? sotto_smt_leaf_at(t, ref) : NULL;
    bool present = leaf && sotto_id_equal(&leaf->id, id);
    uint8_t kind = present ? PRESENT : leaf ? ABSENT_OTHER : ABSENT_EMPTY;
    if (present) {
        sotto_smt_value(value, record);
        if (record.size > SOTTO_SMT_RECORD_MAX || memcmp(value, leaf->value, sizeof value) != 0) return SOTTO_ERR_DAMAGED;
    }
    size_t bitmap = (w.depth + 7u) / 8, rest = present ? sotto_var_size(record.size) : leaf ? sizeof *leaf : 0;
    SOTTO_TRY(sotto_buf_reserve(out, 2 + bitmap + (size_t)w.count * 32 + rest));         /* all of it or none */
    SOTTO_TRY(sotto_buf_add_u8(out, kind));
    SOTTO_TRY(sotto_buf_add_u8(out, (uint8_t)w.depth));
    SOTTO_TRY(sotto_buf_add(out, w.bitmap, bitmap));
    SOTTO_TRY(sotto_buf_add(out, w.siblings, (size_t)w.count * 32));
    if (present) return sotto_buf_add_var(out, record);
    if (!leaf) return SOTTO_OK;
    SOTTO_TRY(sotto_buf_add(out, leaf->id.b, sizeof leaf->id.b));
    return sotto_buf_add(out, leaf->value, sizeof leaf->value);
}

/* ---- checking ---- */

static enum sotto_err decode(struct proof *out, const struct sotto_id *id, struct sotto_span bytes)
{
    static const uint8_t empty[32];
    struct sotto_reader r = sotto_reader(bytes);
    struct proof p = { 0 };
    unsigned count = 0;
    SOTTO_TRY(sotto_take_u8(&r, &p.kind));
    SOTTO_TRY(sotto_take_u8(&r, &p.depth));
    if (p.kind >= KINDS || p.depth > SOTTO_SMT_DEPTH) return SOTTO_P_FORM;
    SOTTO_TRY(sotto_take_span(&r, &p.bitmap, (p.depth + 7u) / 8));
    if (p.depth % 8 && (p.bitmap.data[p.depth / 8] & 0xffu >> p.depth % 8)) return SOTTO_P_FORM;
    for (unsigned d = 0; d < p.depth; d++) count += bit_of(p.bitmap.data, d);
    SOTTO_TRY(sotto_take_span(&r, &p.siblings, (size_t)count * 32));
    for (unsigned i = 0; i < count; i++)
        if (memcmp(p.siblings.data + (size_t)i * 32, empty, sizeof empty) == 0) return SOTTO_P_FORM;
    if (p.kind == PRESENT) SOTTO_TRY(sotto_take_var(&r, &p.record, SOTTO_SMT_RECORD_MAX));
    if (p.kind == ABSENT_OTHER) {
        SOTTO_TRY(sotto_take_bytes(&r, p.other.b, sizeof p.other.b));
        SOTTO_TRY(sotto_take_bytes(&r, p.value, sizeof p.value));
        unsigned parting = sotto_smt_parting(&p.other, id);
        if (parting == SOTTO_SMT_DEPTH || parting < p.depth) return SOTTO_P_FORM;
    }
    SOTTO_TRY(sotto_take_end(&r));
    if (p.depth > 0 && !bit_of(p.bitmap.data, p.depth - 1u)) return SOTTO_P_FORM;
    *out = p;
    return SOTTO_OK;
}

enum sotto_err sotto_smt_check(struct sotto_smt_answer *out, const uint8_t root[32], const struct sotto_id *id, struct sotto_span proof)
{
    struct proof p;
    uint8_t hash[32] = { 0 }, value[32];
    static const uint8_t empty[32];
    SOTTO_TRY(decode(&p, id, proof));
    if (p.kind == PRESENT) {
        sotto_smt_value(value, p.record);
        sotto_smt_leaf(hash, id, value);
    } else if (p.kind == ABSENT_OTHER) {
        sotto_smt_leaf(hash, &p.other, p.value);
    }
    const uint8_t *next = p.siblings.data + p.siblings.size;             /* from the deepest up */
    for (unsigned d = p.depth; d-- > 0;) {
        const uint8_t *sibling = bit_of(p.bitmap.data, d) ? next -= 32 : empty;
        if (sotto_smt_bit(id, d)) sotto_smt_node(hash, sibling, hash);
        else sotto_smt_node(hash, hash, sibling);
    }
    if (memcmp(hash, root, sizeof hash) != 0) return SOTTO_P_ROOT;
    *out = (struct sotto_smt_answer){ .present = p.kind == PRESENT, .record = p.record };
    return SOTTO_OK;
}
