#include "ledger/btc_sighash.h"

#include "crypto/hash.h"
#include "ledger/codec.h"

enum { TYPE_NONE = 2, TYPE_SINGLE = 3, TYPE_BASE = 0x1f, TYPE_ALONE = 0x80 };
enum { WORD_PUSH_1 = 0x4c, WORD_PUSH_2 = 0x4d, WORD_PUSH_4 = 0x4e, WORD_SEPARATOR = 0xab };

/* Moves over one word of a script, with what it pushes; false at the end and before a push that runs past it. */
static bool skip_word(struct sotto_reader *r, uint8_t *word)
{
    struct sotto_reader at = *r;
    struct sotto_span size, pushed;
    if (sotto_take_u8(&at, word) != SOTTO_OK) return false;
    size_t n = *word < WORD_PUSH_1 ? *word : 0;
    if (*word >= WORD_PUSH_1 && *word <= WORD_PUSH_4) {
        if (sotto_take_span(&at, &size, (size_t)1 << (*word - WORD_PUSH_1)) != SOTTO_OK) return false;
        for (size_t i = size.size; i-- > 0;) n = n << 8 | size.data[i];
    }
    if (sotto_take_span(&at, &pushed, n) != SOTTO_OK) return false;
    *r = at;
    return true;
}

static bool begins_with(const struct sotto_reader *r, struct sotto_span pattern)
{
    return pattern.size > 0 && sotto_reader_left(r) >= pattern.size && memcmp(r->at, pattern.data, pattern.size) == 0;
}

static enum sotto_err without(struct sotto_buf *out, struct sotto_span script, struct sotto_span pattern)
{
    struct sotto_reader r = sotto_reader(script);
    const uint8_t *from = r.at;                                       /* what lies from here to r.at stays */
    uint8_t word;
    do {
        if (!begins_with(&r, pattern)) continue;
        SOTTO_TRY(sotto_buf_add(out, from, (size_t)(r.at - from)));
        while (begins_with(&r, pattern)) r.at += pattern.size;
        from = r.at;
    } while (skip_word(&r, &word));
    return sotto_buf_add(out, from, (size_t)(r.end - from));
}

enum sotto_err sotto_btc_find_and_delete(struct sotto_buf *out, struct sotto_span script, struct sotto_span pattern)
{
    SOTTO_TRY(sotto_buf_reserve(out, script.size));                   /* all of it or none */
    return script.size ? without(out, script, pattern) : SOTTO_OK;
}

/* ---- into a hash ---- */

static void add_u32(struct sotto_sha256d *s, uint32_t v)
{
    uint8_t bytes[4];
    sotto_put_le32(bytes, v);
    sotto_sha256d_update(s, bytes, sizeof bytes);
}

static void add_u64(struct sotto_sha256d *s, uint64_t v)
{
    uint8_t bytes[8];
    sotto_put_le64(bytes, v);
    sotto_sha256d_update(s, bytes, sizeof bytes);
}

static void add_compact(struct sotto_sha256d *s, uint64_t n)
{
    uint8_t bytes[SOTTO_COMPACT_MAX];
    sotto_sha256d_update(s, bytes, sotto_put_compact(bytes, n));
}

static void add_var(struct sotto_sha256d *s, struct sotto_span v)
{
    add_compact(s, v.size);
    sotto_sha256d_update(s, v.data, v.size);
}

static void add_point(struct sotto_sha256d *s, const struct sotto_outpoint *point)
{
    sotto_sha256d_update(s, point->txid, sizeof point->txid);
    add_u32(s, point->index);
}

static void add_out(struct sotto_sha256d *s, const struct sotto_btc_out *out)
{
    add_u64(s, out->value);
    add_var(s, out->script);
}

/* ---- the original ---- */

static void add_without_separators(struct sotto_sha256d *s, struct sotto_span script)
{
    struct sotto_reader r = sotto_reader(script);
    size_t separators = 0;
    uint8_t word;
    while (skip_word(&r, &word)) separators += word == WORD_SEPARATOR;
    add_compact(s, script.size - separators);
    r = sotto_reader(script);
    const uint8_t *from = r.at;
    while (skip_word(&r, &word)) {
        if (word != WORD_SEPARATOR) continue;
        sotto_sha256d_update(s, from, (size_t)(r.at - 1 - from));
        from = r.at;
    }
    sotto_sha256d_update(s, from, (size_t)(r.end - from));
}

static void add_input(struct sotto_sha256d *s, const struct sotto_btc_tx *tx, uint32_t i, uint32_t index, struct sotto_span script, uint32_t base)
{
    bool mine = i == index;
    add_point(s, &tx->ins[i].from);
    if (mine) add_without_separators(s, script);
    else add_compact(s, 0);
    add_u32(s, mine || (base != TYPE_NONE && base != TYPE_SINGLE) ? tx->ins[i].sequence : 0);
}

void sotto_btc_sighash(uint8_t out[32], const struct sotto_btc_tx *tx, uint32_t index, struct sotto_span script, uint32_t type)
{
    uint32_t base = type & TYPE_BASE;
    if (index >= tx->in_count || (base == TYPE_SINGLE && index >= tx->out_count)) {
        memset(out, 0, 32);
        out[0] = 1;
        return;
    }
    struct sotto_sha256d s;
    sotto_sha256d_init(&s);
    add_u32(&s, tx->version);
    if (type & TYPE_ALONE) {
        add_compact(&s, 1);
        add_input(&s, tx, index, index, script, base);
    } else {
        add_compact(&s, tx->in_count);
        for (uint32_t i = 0; i < tx->in_count; i++) add_input(&s, tx, i, index, script, base);
    }
    uint32_t outs = base == TYPE_NONE ? 0 : base == TYPE_SINGLE ? index + 1 : tx->out_count;
    static const struct sotto_btc_out blank = { UINT64_MAX, { NULL, 0 } };
    add_compact(&s, outs);
    for (uint32_t i = 0; i < outs; i++) add_out(&s, base == TYPE_SINGLE && i != index ? &blank : &tx->outs[i]);
    add_u32(&s, tx->lock);
    add_u32(&s, type);
    sotto_sha256d_final(&s, out);
}

/* ---- BIP-143 ---- */

void sotto_btc_v0_init(struct sotto_btc_v0 *v, const struct sotto_btc_tx *tx)
{
    struct sotto_sha256d prevouts, sequences, outputs;
    sotto_sha256d_init(&prevouts);
    sotto_sha256d_init(&sequences);
    sotto_sha256d_init(&outputs);
    for (uint32_t i = 0; i < tx->in_count; i++) {
        add_point(&prevouts, &tx->ins[i].from);
        add_u32(&sequences, tx->ins[i].sequence);
    }
    for (uint32_t i = 0; i < tx->out_count; i++) add_out(&outputs, &tx->outs[i]);
    v->tx = tx;
    sotto_sha256d_final(&prevouts, v->prevouts);
    sotto_sha256d_final(&sequences, v->sequences);
    sotto_sha256d_final(&outputs, v->outputs);
}

void sotto_btc_v0_digest(const struct sotto_btc_v0 *v, uint8_t out[32], uint32_t index, struct sotto_span script, uint64_t value, uint32_t type)
{
    static const uint8_t nothing[32];
    const struct sotto_btc_tx *tx = v->tx;
    SOTTO_ASSERT(index < tx->in_count);
    uint32_t base = type & TYPE_BASE;
    bool alone = type & TYPE_ALONE, all = base != TYPE_NONE && base != TYPE_SINGLE;
    uint8_t single[32];
    const uint8_t *outputs = all ? v->outputs : nothing;
    struct sotto_sha256d s;
    if (base == TYPE_SINGLE && index < tx->out_count) {
        sotto_sha256d_init(&s);
        add_out(&s, &tx->outs[index]);
        sotto_sha256d_final(&s, single);
        outputs = single;
    }
    sotto_sha256d_init(&s);
    add_u32(&s, tx->version);
    sotto_sha256d_update(&s, alone ? nothing : v->prevouts, 32);
    sotto_sha256d_update(&s, alone || !all ? nothing : v->sequences, 32);
    add_point(&s, &tx->ins[index].from);
    add_var(&s, script);
    add_u64(&s, value);
    add_u32(&s, tx->ins[index].sequence);
    sotto_sha256d_update(&s, outputs, 32);
    add_u32(&s, tx->lock);
    add_u32(&s, type);
    sotto_sha256d_final(&s, out);
}
