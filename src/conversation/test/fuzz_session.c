/* One session, both ends, and a network that the fuzzer plays: cells are sent, lost, late, doubled and spoilt; either end dies and comes
 * back from its stored rows, before or after what it did was stored; blocks and master keys are known at one end before the other.
 *
 * Values are made ahead, or not. What opens is what was sent, once, and only whole; what is refused changes nothing; no tag is used twice; rows give back the same
 * session; the bounds on skipped keys hold. */
#include "conversation/messenger_impl.h"
#include "crypto/rng.h"
#include "support/fuzz_input.h"

#include <stdlib.h>

enum { STEPS_MAX = 160, WIRE_MAX = 128, SENT_MAX = 512 };

struct end { struct sotto_scalar k; struct sotto_point pub; struct sotto_id id; struct sotto_session *s; struct sotto_session_world world; uint32_t heights; bool has_mk; };
struct flying { uint8_t to; uint32_t number; uint8_t cell[SOTTO_CELL_BYTES]; };
static struct pair {
    struct sotto_chacha_rng rng;
    struct end at[2];
    struct sotto_block blocks[4];
    struct sotto_secret mk;
    struct flying wire[WIRE_MAX];
    uint32_t wire_count, sent;
    uint8_t tags[SENT_MAX][SOTTO_TAG_BYTES], came[SENT_MAX];
    uint64_t now_ms;
} pair;

static const struct sotto_block *block_of(void *ctx, uint64_t height)
{
    const struct end *e = ctx;
    return height >= 1 && height <= e->heights ? &pair.blocks[height - 1] : NULL;
}
static const struct sotto_secret *mk_of(void *ctx, const uint8_t mk8[8])
{
    const struct end *e = ctx;
    uint8_t id[32];
    sotto_mk_id(id, &pair.mk);
    return e->has_mk && memcmp(id, mk8, 8) == 0 ? &pair.mk : NULL;
}

static void begin(void)
{
    static struct pair first;                         /* keys and points are dear: made once */
    static struct sotto_session_start starts[2];
    if (first.now_ms == 0) {
        struct sotto_session_start start = { 0 };
        SOTTO_ASSERT(sotto_crypto_init() == SOTTO_OK);
        sotto_rng_from_seed(&first.rng, 1, "session");
        sotto_scalar_random(&start.eph_r_scalar, &first.rng.rng);
        SOTTO_ASSERT(sotto_point_make(&start.eph_r, &start.eph_r_scalar) == SOTTO_OK);
        sotto_rng_fill(&first.rng.rng, start.rk.b, 32);
        sotto_rng_fill(&first.rng.rng, start.hk_i.b, 32);
        sotto_rng_fill(&first.rng.rng, start.hk_r.b, 32);
        sotto_rng_fill(&first.rng.rng, start.c2, 32);
        sotto_rng_fill(&first.rng.rng, first.mk.b, 32);
        for (uint64_t i = 0; i < 4; i++) {
            first.blocks[i] = (struct sotto_block){ .chain = 7, .height = i + 1, .id_size = 64 };
            sotto_rng_fill(&first.rng.rng, first.blocks[i].id, 64);
        }
        for (int i = 0; i < 2; i++) {
            struct end *e = &first.at[i];
            sotto_scalar_random(&e->k, &first.rng.rng);
            SOTTO_ASSERT(sotto_point_make(&e->pub, &e->k) == SOTTO_OK && sotto_id_of(&e->id, &e->pub) == SOTTO_OK);
        }
        SOTTO_ASSERT(sotto_kdac_shared(&start.p, &first.at[0].k, &first.at[1].pub) == SOTTO_OK);
        for (int i = 0; i < 2; i++) {
            start.initiator = i == 0;
            start.own = first.at[i].id;
            start.peer = first.at[1 - i].id;
            start.peer_xkey = first.at[1 - i].pub;
            starts[i] = start;
        }
        first.now_ms = 1767225600000;
    }
    pair = first;
    for (int i = 0; i < 2; i++) {
        struct end *e = &pair.at[i];
        e->world = (struct sotto_session_world){ .rng = &pair.rng.rng, .exchange = &e->k, .ctx = e, .block = block_of, .mk = mk_of };
        SOTTO_ASSERT(sotto_session_new(&e->s, &starts[i], &e->k) == SOTTO_OK);
    }
}

/* From rows, as after a crash: the codec of the messenger. */
static void reload(struct end *e)
{
    struct sotto_messenger nobody = { 0 };
    struct talk before = { .node = { .row = 1, .table = SOTTO_TABLE_SESSION }, .s = e->s, .next_seq = 1 }, after = { 0 };
    struct sotto_buf row = sotto_buf_make(ROW_MAX), skipped = sotto_buf_make(ROW_MAX);
    SOTTO_ASSERT(sotto_row_encode(&row, &nobody, &before.node) == SOTTO_OK && sotto_talk_decode(&after, sotto_buf_span(&row)) == SOTTO_OK);
    for (uint32_t i = e->s->skipped_count; i-- > 0;) {
        struct sotto_skipped entry;
        uint64_t talk = 0;
        memset(&entry, 0, sizeof entry);
        skipped.size = 0;
        SOTTO_ASSERT(sotto_skipped_encode(&skipped, 1, &e->s->skipped[i]) == SOTTO_OK);
        SOTTO_ASSERT(sotto_skipped_decode(&entry, &talk, sotto_buf_span(&skipped)) == SOTTO_OK && talk == 1);
        entry.row = i + 1;
        SOTTO_ASSERT(sotto_session_put_skipped(after.s, &entry) == SOTTO_OK);
    }
    SOTTO_ASSERT(after.s->skipped_count == e->s->skipped_count);
    for (uint32_t i = 0; i < e->s->skipped_count; i++) {
        const struct sotto_skipped *a = &e->s->skipped[i], *b = &after.s->skipped[i];
        SOTTO_ASSERT(memcmp(&a->tag, &b->tag, sizeof a->tag) == 0 && a->index == b->index && a->chain == b->chain && memcmp(&a->mk, &b->mk, 32) == 0);
    }
    before.s = after.s;
    skipped.size = 0;
    SOTTO_ASSERT(sotto_row_encode(&skipped, &nobody, &before.node) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&row), sotto_buf_span(&skipped)));
    sotto_session_free(e->s);
    e->s = after.s;
    sotto_buf_free(&row);
    sotto_buf_free(&skipped);
}

static void send(struct fuzz_in *in, int who, bool dies)
{
    uint8_t body[SOTTO_BODY_BYTES], cell[SOTTO_CELL_BYTES], what = fuzz_u8(in);
    uint32_t index;
    struct end *e = &pair.at[who];
    struct sotto_session_core before = e->s->core;
    struct sotto_fresh fresh = { what & 1 ? block_of(e, 1 + (what >> 2 & 3)) : NULL, what & 2 && e->has_mk ? &pair.mk : NULL };
    if (pair.sent == SENT_MAX) return;
    memset(body, 0, sizeof body);
    sotto_put_be32(body, pair.sent);
    enum sotto_err err = fuzz_err(sotto_session_send(e->s, cell, &index, body, what & 64 ? SOTTO_HEADER_RECORD : 0, &fresh, &e->world));
    SOTTO_ASSERT((err == SOTTO_OK) == (before.send_on || before.send_fresh));
    if (err != SOTTO_OK || dies) {                    /* not stored, so it never leaves */
        if (err != SOTTO_OK) SOTTO_ASSERT(memcmp(&before, &e->s->core, sizeof before) == 0);
        e->s->core = before;
        sotto_session_unprepare(e->s);                /* what was only in memory is gone */
        return;
    }
    for (uint32_t i = 0; i < pair.sent; i++) SOTTO_ASSERT(memcmp(pair.tags[i], cell, SOTTO_TAG_BYTES) != 0);
    memcpy(pair.tags[pair.sent], cell, SOTTO_TAG_BYTES);
    if (pair.wire_count == WIRE_MAX) memmove(pair.wire, pair.wire + 1, --pair.wire_count * sizeof pair.wire[0]);
    struct flying *f = &pair.wire[pair.wire_count++];
    *f = (struct flying){ .to = (uint8_t)!who, .number = pair.sent++ };
    memcpy(f->cell, cell, sizeof cell);
}

static void receive(struct fuzz_in *in, bool stays, bool spoilt, bool dies)
{
    uint8_t which = fuzz_u8(in), how = fuzz_u8(in);
    if (pair.wire_count == 0) return;
    struct flying f = pair.wire[which %= pair.wire_count];
    if (!stays) pair.wire[which] = pair.wire[--pair.wire_count];
    struct end *e = &pair.at[f.to];
    struct sotto_session_core before = e->s->core;
    struct sotto_hit hit;
    struct sotto_step step;
    struct sotto_tag tag;
    uint32_t count = e->s->skipped_count;
    uint32_t bit = spoilt ? fuzz_u16(in) % (8 * SOTTO_CELL_BYTES) : 0;
    memcpy(tag.b, f.cell, sizeof tag.b);
    bool found = sotto_session_find(e->s, &hit, &tag, how & 128 ? 40 : 1 + (how & 15), &e->k);
    if (spoilt) f.cell[bit / 8] ^= (uint8_t)(1u << bit % 8);
    if (!found) {
        if (how & 1) return;
        hit = (struct sotto_hit){ (enum sotto_slot)(how / 2 % 3), how >> 4 };       /* a tag table that is wrong */
    }
    enum sotto_err err = fuzz_err(sotto_session_open(e->s, &step, &hit, f.cell, &e->world, pair.now_ms));
    SOTTO_ASSERT(memcmp(&before, &e->s->core, sizeof before) == 0 && e->s->skipped_count == count);     /* nothing moves before _commit */
    SOTTO_ASSERT(!spoilt || err != SOTTO_OK);
    if (err == SOTTO_OK && !dies) {
        SOTTO_ASSERT(sotto_be32(step.body) == f.number && sotto_all_zero(step.body + 4, SOTTO_BODY_BYTES - 4));
        SOTTO_ASSERT(!pair.came[f.number] && step.lost <= 2 * SOTTO_SKIP_MAX);      /* a cell opens once */
        pair.came[f.number] = 1;
        SOTTO_ASSERT(sotto_session_commit(e->s, &step) == SOTTO_OK);
        while (e->s->skipped_count > SOTTO_SKIPPED_MAX) sotto_session_forget(e->s, 0);
        for (uint32_t i = count; i < e->s->skipped_count; i++) e->s->skipped[i].row = i + 1;
        SOTTO_ASSERT(!sotto_session_find(e->s, &hit, &tag, 2, &e->k));
    }
    if (err == SOTTO_OK) sotto_session_drop(&step);
    /* what was sent to this end, was not seen and comes whole under the right tag is refused for a reason only */
    if (found && !spoilt && err != SOTTO_OK)
        SOTTO_ASSERT(err == SOTTO_ERR_AGAIN || err == SOTTO_ERR_SKIP || err == SOTTO_ERR_HEADER_CHAIN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    begin();
    for (unsigned i = 0; i < STEPS_MAX && fuzz_left(&in); i++) {
        uint8_t op = fuzz_u8(&in);
        struct end *e = &pair.at[op >> 7];
        switch (op % 16) {
        case 0: case 1: case 2: case 3: send(&in, op >> 7, false); break;
        case 4: for (unsigned k = fuzz_u8(&in) % 40; k; k--) send(&in, op >> 7, false); break;
        case 5: send(&in, op >> 7, true); break;
        case 6: case 7: case 8: receive(&in, false, false, false); break;
        case 9: receive(&in, true, false, false); break;
        case 10: receive(&in, true, true, false); break;
        case 11: if (op & 64) receive(&in, true, false, true); else if (pair.wire_count) pair.wire_count--; break;
        case 13: reload(e); break;
        case 12: {                                    /* idle: values of the next cells, some of them */
            unsigned budget = fuzz_u8(&in) % 64;
            (void)sotto_session_prepare(e->s, &e->world, &budget);
            if (op & 64) sotto_session_unprepare(e->s);
            break;
        }
        case 14: if (e->heights < 4) e->heights++; break;
        default: e->has_mk = true, pair.now_ms += fuzz_u8(&in);
        }
        for (int k = 0; k < 2; k++) {
            const struct sotto_session *s = pair.at[k].s;
            SOTTO_ASSERT(s->skipped_count <= SOTTO_SKIPPED_MAX && s->skipped_count <= s->skipped_cap && s->core.ns <= SOTTO_CHAIN_END);
            SOTTO_ASSERT(sotto_session_can_send(s) == (s->core.send_on || s->core.send_fresh) || s->core.ns == SOTTO_CHAIN_END);
        }
    }
    sotto_session_free(pair.at[0].s);
    sotto_session_free(pair.at[1].s);
    return 0;
}
