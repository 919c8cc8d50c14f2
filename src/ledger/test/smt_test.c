/* smt: the tree against its definition under random batches and their undoing; proofs that say what is so and nothing else. */
#include "smt_model.h"
#include "support/test.h"

#include "crypto/rng.h"

static struct sotto_chacha_rng rng;
static struct model model;

static uint32_t below(uint32_t bound) { return (uint32_t)sotto_rng_below(&rng.rng, bound); }

/* A record is its ID and a number: as many as we like, of known bytes. */
struct record { uint8_t b[300]; size_t size; };
static struct record record_of(const struct sotto_id *id, unsigned version)
{
    struct record r = { .size = version % 7 == 0 ? 293 : 21 + version % 240 };
    memset(r.b, (int)version, sizeof r.b);
    memcpy(r.b, id->b, 20);
    return r;
}

/* Keys that part late are rare by chance and easy to make on purpose: half of them share a run of bits with one that is there. */
static struct sotto_id some_id(void)
{
    struct sotto_id id;
    sotto_rng_fill(&rng.rng, id.b, sizeof id.b);
    if (model.count && below(2)) {
        unsigned shared = below(161);
        const struct sotto_id *other = &model.at[below((uint32_t)model.count)].id;
        for (unsigned d = 0; d < shared; d++) {
            uint8_t mask = (uint8_t)(0x80 >> d % 8);
            id.b[d / 8] = (uint8_t)((id.b[d / 8] & ~mask) | (other->b[d / 8] & mask));
        }
    }
    return id;
}

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct sotto_smt_change *)a)->id.b, ((const struct sotto_smt_change *)b)->id.b, 20);
}

#define BATCH 24u
struct batch { struct sotto_smt_change at[BATCH]; size_t count; };

static struct batch some_batch(unsigned version)
{
    struct batch b = { .count = below(BATCH + 1) };
    for (size_t i = 0; i < b.count; i++) {
        struct sotto_smt_change *c = &b.at[i];
        c->id = model.count && below(3) == 0 ? model.at[below((uint32_t)model.count)].id : some_id();
        c->gone = below(3) == 0;
        struct record r = record_of(&c->id, version);
        sotto_smt_value(c->value, sotto_span(r.b, r.size));
    }
    qsort(b.at, b.count, sizeof b.at[0], by_id);
    size_t kept = 0;
    for (size_t i = 0; i < b.count; i++)
        if (kept == 0 || by_id(&b.at[kept - 1], &b.at[i]) != 0) b.at[kept++] = b.at[i];
    b.count = kept;
    return b;
}

static void roots_agree(const struct sotto_smt *t)
{
    uint8_t a[32], b[32];
    sotto_smt_root(a, t);
    model_root(b, &model);
    assert_memory_equal(a, b, 32);
    assert_int_equal(sotto_smt_count(t), model.count);
}

static void follows_its_definition(void **state)
{
    (void)state;
    enum { STEPS = 400, DEEP = 8 };
    static struct batch undo[DEEP];
    unsigned undone = 0, held = 0;
    struct sotto_smt *t;
    assert_int_equal(sotto_smt_new(&t, MODEL_MAX), SOTTO_OK);
    memset(&model, 0, sizeof model);
    for (unsigned step = 0; step < STEPS; step++) {
        if (held && below(3) == 0) {              /* back by one block */
            struct batch *u = &undo[--held];
            assert_int_equal(sotto_smt_apply(t, NULL, u->at, u->count), SOTTO_OK);
            for (size_t i = 0; i < u->count; i++) model_change(&model, &u->at[i]);
            undone++;
        } else {
            uint8_t promised[32], root[32], value[32];
            struct batch b = some_batch(step);
            sotto_smt_root_after(promised, t, b.at, b.count);
            roots_agree(t);                       /* that was only a question */
            if (held == DEEP) {
                memmove(undo, undo + 1, (DEEP - 1) * sizeof undo[0]);
                held--;
            }
            undo[held].count = b.count;
            assert_int_equal(sotto_smt_apply(t, undo[held++].at, b.at, b.count), SOTTO_OK);
            sotto_smt_root(root, t);
            assert_memory_equal(root, promised, 32);
            for (size_t i = 0; i < b.count; i++) {
                model_change(&model, &b.at[i]);
                assert_int_equal(sotto_smt_get(t, value, &b.at[i].id), !b.at[i].gone);
                if (!b.at[i].gone) assert_memory_equal(value, b.at[i].value, 32);
            }
        }
        roots_agree(t);
    }
    assert_true(undone > STEPS / 10);
    sotto_smt_free(t);
}

/* Fills tree and model; every record has this version. */
static struct sotto_smt *filled(size_t count, unsigned version)
{
    struct sotto_smt *t;
    assert_int_equal(sotto_smt_new(&t, MODEL_MAX), SOTTO_OK);
    memset(&model, 0, sizeof model);
    while (model.count < count) {
        struct sotto_smt_change c = { .id = some_id() };
        struct record r = record_of(&c.id, version);
        sotto_smt_value(c.value, sotto_span(r.b, r.size));
        assert_int_equal(sotto_smt_apply(t, NULL, &c, 1), SOTTO_OK);
        model_change(&model, &c);
    }
    return t;
}

static void proves_what_is_so(void **state)
{
    (void)state;
    static uint8_t expected[SOTTO_SMT_PROOF_MAX];
    static const size_t sizes[] = { 0, 1, 2, 3, 7, 60, 400 };
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct sotto_smt *t = filled(sizes[s], (unsigned)s);
        uint8_t root[32];
        unsigned kinds[3] = { 0 };
        sotto_smt_root(root, t);
        for (unsigned i = 0; i < 200; i++) {
            struct sotto_id id = model.count && below(2) ? model.at[below((uint32_t)model.count)].id : some_id();
            struct record r = record_of(&id, (unsigned)s);
            struct sotto_buf proof = sotto_buf_make(SOTTO_SMT_PROOF_MAX);
            struct sotto_smt_answer answer;
            bool present = model_has(&model, &id);
            assert_int_equal(sotto_smt_prove(t, &proof, &id, sotto_span(r.b, r.size)), SOTTO_OK);
            assert_int_equal(proof.size, model_proof(expected, &model, &id, sotto_span(r.b, r.size)));
            assert_memory_equal(proof.data, expected, proof.size);
            assert_int_equal(sotto_smt_check(&answer, root, &id, sotto_buf_span(&proof)), SOTTO_OK);
            assert_int_equal(answer.present, present);
            assert_int_equal(answer.record.size, present ? r.size : 0);
            if (present) assert_memory_equal(answer.record.data, r.b, r.size);
            kinds[proof.data[0]]++;

            /* One changed bit, one byte more or less, another ID: never the same answer about the same tree. */
            uint32_t at = below((uint32_t)proof.size);
            uint8_t mask = (uint8_t)(1u << below(8));
            proof.data[at] ^= mask;
            assert_int_not_equal(sotto_smt_check(&answer, root, &id, sotto_buf_span(&proof)), SOTTO_OK);
            proof.data[at] ^= mask;
            assert_int_not_equal(sotto_smt_check(&answer, root, &id, sotto_span(proof.data, proof.size - 1)), SOTTO_OK);
            struct sotto_id other = some_id();
            if (sotto_smt_check(&answer, root, &other, sotto_buf_span(&proof)) == SOTTO_OK)
                assert_int_equal(answer.present, model_has(&model, &other));          /* one gap has the same proof for many */
            sotto_buf_free(&proof);
        }
        if (sizes[s] == 0) assert_true(kinds[0] == 200);
        if (sizes[s] > 2) assert_true(kinds[1] > 0 && kinds[2] > 0);
        sotto_smt_free(t);
    }
}

static void refuses_a_foreign_record(void **state)
{
    (void)state;
    struct sotto_smt *t = filled(5, 1);
    struct sotto_buf proof = sotto_buf_make(SOTTO_SMT_PROOF_MAX);
    struct record r = record_of(&model.at[2].id, 2);
    assert_int_equal(sotto_smt_prove(t, &proof, &model.at[2].id, sotto_span(r.b, r.size)), SOTTO_ERR_DAMAGED);
    assert_int_equal(proof.size, 0);
    struct sotto_buf small = sotto_buf_make(40);                     /* a bound of the caller: nothing of it is written */
    r = record_of(&model.at[2].id, 1);
    assert_int_equal(sotto_smt_prove(t, &small, &model.at[2].id, sotto_span(r.b, r.size)), SOTTO_ERR_FULL);
    assert_int_equal(small.size, 0);
    sotto_smt_free(t);
    sotto_buf_free(&proof);
    sotto_buf_free(&small);
}

/* Two keys that part at the last bit are as deep as it goes. */
static void goes_to_the_last_bit(void **state)
{
    (void)state;
    struct sotto_smt *t;
    struct sotto_smt_change c[2] = { 0 };
    struct sotto_smt_answer answer;
    uint8_t root[32], expected[32];
    memset(&model, 0, sizeof model);
    c[1].id.b[19] = 1;
    struct record r = record_of(&c[1].id, 1);
    sotto_smt_value(c[1].value, sotto_span(r.b, r.size));
    assert_int_equal(sotto_smt_new(&t, 2), SOTTO_OK);
    assert_int_equal(sotto_smt_apply(t, NULL, c, 2), SOTTO_OK);
    model_change(&model, &c[0]);
    model_change(&model, &c[1]);
    sotto_smt_root(root, t);
    model_root(expected, &model);
    assert_memory_equal(root, expected, 32);
    struct sotto_buf proof = sotto_buf_make(SOTTO_SMT_PROOF_MAX);
    assert_int_equal(sotto_smt_prove(t, &proof, &c[1].id, sotto_span(r.b, r.size)), SOTTO_OK);
    assert_int_equal(proof.data[1], 160);
    assert_int_equal(proof.size, 2 + 20 + 32 + 1 + r.size);          /* one sibling: all others are empty */
    assert_int_equal(sotto_smt_check(&answer, root, &c[1].id, sotto_buf_span(&proof)), SOTTO_OK);
    sotto_buf_free(&proof);
    sotto_smt_free(t);
}

static void keeps_its_bound(void **state)
{
    (void)state;
    struct sotto_smt *t;
    struct sotto_smt_change c[4] = { 0 };
    uint8_t before[32], after[32];
    for (unsigned i = 0; i < 4; i++) c[i].id.b[0] = (uint8_t)(i * 64);
    assert_int_equal(sotto_smt_new(&t, 3), SOTTO_OK);
    assert_int_equal(sotto_smt_apply(t, NULL, c, 2), SOTTO_OK);
    sotto_smt_root(before, t);
    assert_int_equal(sotto_smt_apply(t, NULL, c, 4), SOTTO_ERR_FULL);
    sotto_smt_root(after, t);
    assert_memory_equal(before, after, 32);
    assert_int_equal(sotto_smt_count(t), 2);
    assert_int_equal(sotto_smt_apply(t, NULL, c + 2, 1), SOTTO_OK);
    assert_int_equal(sotto_smt_apply(t, NULL, c, 3), SOTTO_OK);      /* all there: no place is needed */
    sotto_smt_free(t);
}

static void costs_less_than_200_bytes(void **state)
{
    (void)state;
    enum { IDS = 40000, STEP = 1000 };
    static struct sotto_smt_change c[STEP];
    struct sotto_smt *t;
    assert_int_equal(sotto_smt_new(&t, IDS), SOTTO_OK);
    for (unsigned i = 0; i < IDS; i += STEP) {
        for (unsigned k = 0; k < STEP; k++) {
            sotto_rng_fill(&rng.rng, c[k].id.b, 20);
            sotto_put_be32(c[k].id.b, i + k);     /* rising */
        }
        assert_int_equal(sotto_smt_apply(t, NULL, c, STEP), SOTTO_OK);
    }
    assert_int_equal(sotto_smt_count(t), IDS);
    assert_true(sotto_smt_bytes(t) < 200 * (size_t)IDS);
    sotto_smt_free(t);
}

int main(void)
{
    sotto_rng_from_seed(&rng, test_seed(), "smt test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_its_definition), cmocka_unit_test(proves_what_is_so), cmocka_unit_test(refuses_a_foreign_record),
        cmocka_unit_test(goes_to_the_last_bit), cmocka_unit_test(keeps_its_bound), cmocka_unit_test(costs_less_than_200_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
