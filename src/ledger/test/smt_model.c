#include "smt_model.h"

#include "crypto/hash.h"

static size_t place_of(const struct model *m, const struct sotto_id *id)
{
    size_t i = 0;
    while (i < m->count && memcmp(m->at[i].id.b, id->b, 20) < 0) i++;
    return i;
}

bool model_has(const struct model *m, const struct sotto_id *id)
{
    size_t i = place_of(m, id);
    return i < m->count && sotto_id_equal(&m->at[i].id, id);
}

void model_change(struct model *m, const struct sotto_smt_change *c)
{
    size_t i = place_of(m, &c->id);
    bool there = model_has(m, &c->id);
    if (c->gone) {
        if (!there) return;
        memmove(&m->at[i], &m->at[i + 1], (m->count - i - 1) * sizeof m->at[0]);
        m->count--;
        return;
    }
    if (!there) {
        SOTTO_ASSERT(m->count < MODEL_MAX);
        memmove(&m->at[i + 1], &m->at[i], (m->count - i) * sizeof m->at[0]);
        m->count++;
    }
    m->at[i].id = c->id;
    memcpy(m->at[i].value, c->value, 32);
}

static bool bit(const struct sotto_id *id, unsigned depth) { return id->b[depth / 8] & 0x80 >> depth % 8; }

static void hash_of(uint8_t out[32], const struct model_entry *e, size_t count, unsigned depth)
{
    uint8_t left[32], right[32];
    if (count == 0) {
        memset(out, 0, 32);
    } else if (count == 1) {
        SOTTO_TH(out, "sotto/smt/leaf", SOTTO_SPAN(e->id.b), SOTTO_SPAN(e->value));
    } else {
        size_t half = 0;
        while (half < count && !bit(&e[half].id, depth)) half++;
        hash_of(left, e, half, depth + 1);
        hash_of(right, e + half, count - half, depth + 1);
        SOTTO_TH(out, "sotto/smt/node", SOTTO_SPAN(left), SOTTO_SPAN(right));
    }
}

void model_root(uint8_t out[32], const struct model *m) { hash_of(out, m->at, m->count, 0); }

size_t model_proof(uint8_t out[SOTTO_SMT_PROOF_MAX], const struct model *m, const struct sotto_id *id, struct sotto_span record)
{
    const struct model_entry *e = m->at;
    size_t count = m->count, size = 0, siblings = 0;
    unsigned depth = 0;
    uint8_t bitmap[20] = { 0 }, at[160][32];
    for (; count > 1; depth++) {
        size_t half = 0;
        while (half < count && !bit(&e[half].id, depth)) half++;
        bool right = bit(id, depth);
        if (right ? half > 0 : half < count) {
            bitmap[depth / 8] |= (uint8_t)(0x80 >> depth % 8);
            hash_of(at[siblings++], right ? e : e + half, right ? half : count - half, depth + 1);
        }
        e = right ? e + half : e;
        count = right ? count - half : half;
    }
    bool present = count == 1 && sotto_id_equal(&e->id, id);
    out[size++] = count == 0 ? 0 : present ? 1 : 2;
    out[size++] = (uint8_t)depth;
    memcpy(out + size, bitmap, (depth + 7) / 8);
    size += (depth + 7) / 8;
    memcpy(out + size, at, siblings * 32);
    size += siblings * 32;
    if (present) {
        if (record.size >= 0xfd) {
            out[size++] = 0xfd;
            out[size++] = (uint8_t)record.size;
        }
        out[size++] = (uint8_t)(record.size >= 0xfd ? record.size >> 8 : record.size);
        memcpy(out + size, record.data, record.size);
        size += record.size;
    } else if (count == 1) {
        memcpy(out + size, e, 52);
        size += 52;
    }
    return size;
}
