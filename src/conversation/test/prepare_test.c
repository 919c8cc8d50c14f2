/* Values made before they are needed: the same cells as without them, whatever comes in between; nothing is used twice; what was used or
 * is over is wiped. */
#include "support/test.h"

#include "conversation/session.h"
#include "crypto/hash.h"
#include "crypto/rng.h"

#define OK(expr) assert_int_equal((expr), SOTTO_OK)

/* Two ends, and of each a twin that prepares nothing and is given the same scalars and X: its cells must be the same. */
struct end { struct sotto_scalar k; struct sotto_point pub; struct sotto_id id; struct sotto_session *s, *twin; struct sotto_session_world world, twin_world; };
struct play {
    struct sotto_chacha_rng rng;
    struct end at[2];
    uint32_t seq;
    uint8_t x[32];                        /* of the cell just made: the twin's */
    struct sotto_scalar scalar;           /* of the chain just made */
    struct sotto_multiples *tables[4];
};

static void twin_x(void *ctx, uint8_t out[32]) { memcpy(out, ((struct play *)ctx)->x, 32); }
static void twin_scalar(void *ctx, struct sotto_scalar *out) { *out = ((struct play *)ctx)->scalar; }

static void play_make(struct play *p, uint64_t seed)
{
    memset(p, 0, sizeof *p);
    OK(sotto_crypto_init());
    sotto_rng_from_seed(&p->rng, seed, "prepare");
    struct sotto_session_start start = { .initiator = true };
    sotto_scalar_random(&start.eph_r_scalar, &p->rng.rng);
    OK(sotto_point_make(&start.eph_r, &start.eph_r_scalar));
    sotto_rng_fill(&p->rng.rng, start.rk.b, 32);
    sotto_rng_fill(&p->rng.rng, start.hk_i.b, 32);
    sotto_rng_fill(&p->rng.rng, start.hk_r.b, 32);
    for (int i = 0; i < 2; i++) {
        struct end *e = &p->at[i];
        sotto_scalar_random(&e->k, &p->rng.rng);
        OK(sotto_point_make(&e->pub, &e->k));
        OK(sotto_id_of(&e->id, &e->pub));
        e->world = (struct sotto_session_world){ .rng = &p->rng.rng, .exchange = &e->k };
        e->twin_world = (struct sotto_session_world){ .exchange = &e->k, .ctx = p, .scalar = twin_scalar, .x = twin_x };
    }
    for (int i = 0; i < 2; i++) {
        struct end *e = &p->at[i];
        start.initiator = i == 0;
        start.own = e->id;
        start.peer = p->at[1 - i].id;
        start.peer_xkey = p->at[1 - i].pub;
        OK(sotto_session_new(&e->s, &start, &e->k));
        OK(sotto_session_new(&e->twin, &start, &e->k));
    }
}

static void play_free(struct play *p)
{
    for (int i = 0; i < 2; i++) {
        sotto_session_free(p->at[i].s);
        sotto_session_free(p->at[i].twin);
    }
    for (int i = 0; i < 4; i++) sotto_multiples_free(p->tables[i]);
}

static void tables_on(struct play *p)
{
    for (int i = 0; i < 2; i++) {
        struct sotto_session *s = p->at[i].s;
        OK(sotto_multiples_new(&p->tables[2 * i], &s->core.peer_xkey, false));
        OK(sotto_multiples_new(&p->tables[2 * i + 1], &s->core.p, false));
        for (int k = 2 * i; k < 2 * i + 2; k++) assert_true(sotto_multiples_build(p->tables[k], SOTTO_MULTIPLES_WINDOWS));
        s->xkey_table = p->tables[2 * i];
        s->p_table = p->tables[2 * i + 1];
    }
}

static void same_core(const struct sotto_session *a, const struct sotto_session *b)
{
    const struct sotto_session_core *x = &a->core, *y = &b->core;
    assert_memory_equal(x->rk.b, y->rk.b, 32);
    assert_memory_equal(x->send_ck.b, y->send_ck.b, 32);
    assert_memory_equal(x->send_hk.b, y->send_hk.b, 32);
    assert_memory_equal(x->send_nhk.b, y->send_nhk.b, 32);
    assert_memory_equal(x->recv_ck.b, y->recv_ck.b, 32);
    assert_memory_equal(x->recv_hk.b, y->recv_hk.b, 32);
    assert_memory_equal(x->recv_nhk.b, y->recv_nhk.b, 32);
    assert_memory_equal(x->scalar.b, y->scalar.b, 32);
    assert_memory_equal(x->point.b, y->point.b, 33);
    assert_true(x->ns == y->ns && x->pn == y->pn && x->nr == y->nr && x->send_fresh == y->send_fresh && x->recv_chain == y->recv_chain);
    assert_int_equal(a->skipped_count, b->skipped_count);
    for (uint32_t i = 0; i < a->skipped_count; i++) {
        const struct sotto_skipped *e = &a->skipped[i], *f = &b->skipped[i];
        assert_true(e->index == f->index && e->chain == f->chain);
        assert_memory_equal(e->tag.b, f->tag.b, sizeof e->tag.b);
        assert_memory_equal(e->hs.b, f->hs.b, 32);
        assert_memory_equal(e->mk.b, f->mk.b, 32);
        assert_memory_equal(e->h.b, f->h.b, 32);
    }
}

static void say(struct play *p, int who, uint8_t cell[SOTTO_CELL_BYTES])
{
    struct end *e = &p->at[who];
    uint8_t body[SOTTO_BODY_BYTES], same[SOTTO_CELL_BYTES];
    struct sotto_body b = { .type = SOTTO_CONTENT_TEXT, .seq = ++p->seq, .time_ms = 1, .fragments = 1, .payload = sotto_span_str("hello") };
    sotto_body_encode(body, &b);
    OK(sotto_session_send(e->s, cell, NULL, body, 0, NULL, &e->world));
    memcpy(p->x, cell + SOTTO_TAG_BYTES, 32);
    p->scalar = e->s->core.scalar;
    OK(sotto_session_send(e->twin, same, NULL, body, 0, NULL, &e->twin_world));
    assert_memory_equal(cell, same, SOTTO_CELL_BYTES);
    same_core(e->s, e->twin);
}

static enum sotto_err hear_one(struct sotto_session *s, const struct end *e, const struct sotto_session_world *world, const uint8_t cell[SOTTO_CELL_BYTES],
                               uint8_t body[SOTTO_BODY_BYTES])
{
    struct sotto_hit hit;
    struct sotto_step step;
    struct sotto_tag tag;
    memcpy(tag.b, cell, sizeof tag.b);
    if (!sotto_session_find(s, &hit, &tag, 40, &e->k)) return SOTTO_ERR_NOT_MINE;
    enum sotto_err err = sotto_session_open(s, &step, &hit, cell, world, 1000);
    if (err == SOTTO_OK) {
        memcpy(body, step.body, SOTTO_BODY_BYTES);
        err = sotto_session_commit(s, &step);
    }
    sotto_session_drop(&step);
    return err;
}

static enum sotto_err hear(struct play *p, int who, const uint8_t cell[SOTTO_CELL_BYTES])
{
    struct end *e = &p->at[who];
    uint8_t body[SOTTO_BODY_BYTES] = { 0 }, same[SOTTO_BODY_BYTES] = { 0 };
    enum sotto_err err = hear_one(e->s, e, &e->world, cell, body);
    assert_int_equal(hear_one(e->twin, e, &e->twin_world, cell, same), err);
    assert_memory_equal(body, same, sizeof body);
    same_core(e->s, e->twin);
    return err;
}

/* A process that ended: what is stored comes back, what was prepared does not. */
static void reload(struct end *e)
{
    struct sotto_session *again;
    OK(sotto_session_restore(&again, &e->s->core));
    for (uint32_t i = 0; i < e->s->skipped_count; i++) OK(sotto_session_put_skipped(again, &e->s->skipped[i]));
    again->xkey_table = e->s->xkey_table;
    again->p_table = e->s->p_table;
    sotto_session_free(e->s);
    e->s = again;
    assert_int_equal(sotto_session_prepared_out(again) + sotto_session_prepared_in(again, false) + sotto_session_prepared_in(again, true), 0);
}

static bool held(const struct sotto_session *s, const uint8_t *secret, size_t size)
{
    return memmem(&s->prepared, sizeof s->prepared, secret, size) != NULL;
}

static int by_bytes(const void *a, const void *b) { return memcmp(a, b, 64); }

/* Random play of both ends: prepare a little or a lot, look ahead, send, lose, double, reorder, reload, wipe. */
static void random_play(uint64_t seed, bool tables, unsigned steps)
{
    struct play p;
    enum { FLYING = 24 };
    static struct { int to; uint8_t cell[SOTTO_CELL_BYTES]; } flying[FLYING];
    uint8_t (*seen)[64] = calloc(steps + 1, 64);
    unsigned count = 0, sent = 0, heard = 0;
    assert_non_null(seen);
    play_make(&p, seed);
    if (tables) tables_on(&p);
    for (unsigned i = 0; i < steps; i++) {
        int who = (int)sotto_rng_below(&p.rng.rng, 2);
        struct end *e = &p.at[who];
        unsigned budget = (unsigned)sotto_rng_below(&p.rng.rng, 30);
        struct sotto_tag tag;
        switch (sotto_rng_below(&p.rng.rng, 12)) {
        case 0:
        case 1:
        case 2:
            if (!sotto_session_can_send(e->s)) break;
            if (count == FLYING) count--;             /* one is lost */
            flying[count].to = 1 - who;
            say(&p, who, flying[count].cell);
            memcpy(seen[sent++], flying[count++].cell, 48);              /* tag and X: the keys hang on both */
            break;
        case 3:
        case 4:
        case 5:
        case 6: {
            if (!count) break;
            unsigned k = sotto_rng_below(&p.rng.rng, 4) ? 0 : (unsigned)sotto_rng_below(&p.rng.rng, count);
            enum sotto_err err = hear(&p, flying[k].to, flying[k].cell);
            assert_true(err == SOTTO_OK || err == SOTTO_ERR_NOT_MINE);   /* not-mine: a double, or too far ahead */
            heard += err == SOTTO_OK;
            if (sotto_rng_below(&p.rng.rng, 8) == 0) break;              /* it will come again */
            memmove(&flying[k], &flying[k + 1], (--count - k) * sizeof flying[0]);
            break;
        }
        case 7: reload(e); break;
        case 8:
            sotto_session_unprepare(e->s);
            assert_true(sotto_all_zero((const uint8_t *)&e->s->prepared, sizeof e->s->prepared));
            break;
        case 9: (void)!sotto_session_look(e->s, &tag, SOTTO_SLOT_CURRENT, e->s->core.nr + (uint32_t)sotto_rng_below(&p.rng.rng, 40), &e->k); break;
        case 10: (void)!sotto_session_look(e->s, &tag, SOTTO_SLOT_NEXT, (uint32_t)sotto_rng_below(&p.rng.rng, 40), &e->k); break;
        default:
            if (sotto_session_prepare(e->s, &e->world, &budget)) break;
            same_core(e->s, e->twin);
            if (sotto_session_can_send(e->s)) assert_int_equal(sotto_session_prepared_out(e->s), SOTTO_PREPARED);
            if (e->s->core.recv_on) assert_int_equal(sotto_session_prepared_in(e->s, false), SOTTO_PREPARED);
            assert_int_equal(sotto_session_prepared_in(e->s, true), SOTTO_PREPARED);
        }
    }
    assert_true(sent > steps / 10 && heard > steps / 20);
    qsort(seen, sent, 64, by_bytes);
    for (unsigned i = 1; i < sent; i++) assert_memory_not_equal(seen[i - 1], seen[i], 16);       /* no address twice, hence no key */
    for (unsigned i = 0; i < sent; i++) memmove(seen[i], seen[i] + 16, 32), memset(seen[i] + 32, 0, 32);
    qsort(seen, sent, 64, by_bytes);
    for (unsigned i = 1; i < sent; i++) assert_memory_not_equal(seen[i - 1], seen[i], 32);       /* no X twice */
    free(seen);
    play_free(&p);
}

static void test_same_cells(void **state)
{
    (void)state;
    for (uint64_t run = 0; run < 6; run++) random_play(test_seed() + run, false, 500);
}

static void test_same_cells_with_tables(void **state)
{
    (void)state;
    for (uint64_t run = 0; run < 2; run++) random_play(test_seed() + run, true, 500);
}

/* A crash between the commit and the next load repeats an index, never a pair of key and nonce: X is another one. */
static void test_index_again(void **state)
{
    (void)state;
    struct play p;
    uint8_t one[SOTTO_CELL_BYTES], two[SOTTO_CELL_BYTES], body[SOTTO_BODY_BYTES] = { 0 };
    struct sotto_session *old;
    unsigned budget = 100;
    play_make(&p, test_seed());
    say(&p, 0, one);
    assert_false(sotto_session_prepare(p.at[0].s, &p.at[0].world, &budget));
    OK(sotto_session_restore(&old, &p.at[0].s->core));
    budget = 100;
    assert_false(sotto_session_prepare(old, &p.at[0].world, &budget));
    OK(sotto_session_send(p.at[0].s, one, NULL, body, 0, NULL, &p.at[0].world));
    OK(sotto_session_send(old, two, NULL, body, 0, NULL, &p.at[0].world));
    assert_memory_equal(one, two, SOTTO_TAG_BYTES);
    assert_memory_not_equal(one + 16, two + 16, 32);
    assert_memory_not_equal(one + 48, two + 48, 88);
    assert_memory_not_equal(one + 136, two + 136, 892);
    sotto_session_free(old);
    play_free(&p);
}

/* What was used, and what its direction's end made useless, is gone from the region. */
static void test_wiped(void **state)
{
    (void)state;
    struct play p;
    uint8_t cell[SOTTO_CELL_BYTES];
    play_make(&p, test_seed());
    for (int i = 0; i < 3; i++) {
        say(&p, i % 2, cell);
        OK(hear(&p, 1 - i % 2, cell));
    }
    for (int i = 0; i < 2; i++) {
        unsigned budget = 100;
        assert_false(sotto_session_prepare(p.at[i].s, &p.at[i].world, &budget));
    }
    struct sotto_session *a = p.at[0].s, *b = p.at[1].s;
    struct sotto_prepared_out used = a->prepared.out[a->core.ns % SOTTO_PREPARED], later = a->prepared.out[(a->core.ns + 1) % SOTTO_PREPARED];
    assert_true(used.keyed && later.keyed && held(a, used.body_kn.b, 44) && held(a, used.header_kn.b, 44) && held(a, used.x, 32));
    struct sotto_prepared_x s_x = b->prepared.s[b->core.nr % SOTTO_PREPARED], kbt = b->prepared.kbt[b->core.nr % SOTTO_PREPARED_KBT];
    assert_true(s_x.made && kbt.made && held(b, s_x.x.b, 32) && held(b, kbt.x.b, 32));
    say(&p, 0, cell);
    assert_memory_equal(cell + 16, used.x, 32);
    assert_false(held(a, used.body_kn.b, 44) || held(a, used.header_kn.b, 44) || held(a, used.x, 32) || held(a, used.ck.b, 32));
    assert_true(held(a, later.body_kn.b, 44));
    OK(hear(&p, 1, cell));
    assert_false(held(b, s_x.x.b, 32) || held(b, kbt.x.b, 32));
    /* the other answers: a's chain is over, b's fresh scalar is a's no longer to guess */
    struct sotto_scalar scalar = b->prepared.scalar;
    struct sotto_secret dh = b->prepared.dh;
    assert_true(b->prepared.scalar_made && b->prepared.dh_made && held(b, scalar.b, 32));
    say(&p, 1, cell);
    assert_memory_equal(b->core.scalar.b, scalar.b, 32);
    assert_false(held(b, scalar.b, 32) || held(b, dh.b, 32));
    OK(hear(&p, 0, cell));
    assert_false(held(a, later.body_kn.b, 44) || held(a, later.header_kn.b, 44) || held(a, later.ck.b, 32));
    sotto_session_unprepare(a);
    assert_true(sotto_all_zero((const uint8_t *)&a->prepared, sizeof a->prepared));
    play_free(&p);
}

/* Steps of one multiplication each: the budget is kept, and an end is reached. */
static void test_budget(void **state)
{
    (void)state;
    struct play p;
    uint8_t cell[SOTTO_CELL_BYTES];
    unsigned calls = 0;
    play_make(&p, test_seed());
    say(&p, 0, cell);
    OK(hear(&p, 1, cell));
    for (unsigned budget = 1; sotto_session_prepare(p.at[1].s, &p.at[1].world, &budget); budget = 1) {
        assert_int_equal(budget, 0);
        assert_true(++calls < 60);
    }
    assert_true(calls >= 2 + 4 + 4 + 8 + 8);          /* turn, X, addresses, S and K_Bt of both chains */
    unsigned none = 0;
    (void)sotto_session_prepare(p.at[1].s, &p.at[1].world, &none);
    assert_int_equal(none, 0);
    assert_true(sizeof(struct sotto_session) <= 4096 - 64);              /* one locked page a session, canary and rounding included */
    play_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_cells), cmocka_unit_test(test_same_cells_with_tables), cmocka_unit_test(test_index_again),
        cmocka_unit_test(test_wiped),      cmocka_unit_test(test_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
