/* proof: what is so is proven, whoever checks has nothing but the proof; what is changed in one bit proves nothing or says another header. */
#include "sample.h"
#include "support/test.h"

#include "ledger/codec.h"
#include "ledger/merkle.h"
#include "ledger/proof.h"

static struct sotto_chacha_rng rng;
static uint8_t arena_bytes[SOTTO_TX_ARENA_MAX] __attribute__((aligned(16)));

static struct sotto_tx_arena arena(void) { return (struct sotto_tx_arena){ arena_bytes, sizeof arena_bytes, 0 }; }

static void transactions(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= 9; count++) {
        struct sotto_buf bytes = sotto_buf_make(SAMPLE_BLOCK_MAX), proof = sotto_buf_make(SOTTO_TX_PROOF_MAX);
        struct sotto_block b;
        struct sotto_tx_proof p, q;
        sample_block(&bytes, &rng.rng, count, sotto_span(NULL, 0));
        assert_int_equal(sotto_block_decode(&b, sotto_buf_span(&bytes), SAMPLE_BLOCK_MAX), SOTTO_OK);
        for (uint32_t i = 0; i < count; i++) {
            proof.size = 0;
            assert_int_equal(sotto_tx_prove(&proof, &b, i), SOTTO_OK);
            assert_int_equal(sotto_tx_proof_check(&p, sotto_buf_span(&proof)), SOTTO_OK);
            assert_memory_equal(p.block.b, b.id.b, 64);
            assert_memory_equal(p.txid, b.txs[i].txid, 32);
            assert_memory_equal(p.wtxid, b.txs[i].wtxid, 32);
            assert_int_equal(p.index, i);
            for (size_t at = 0; at < proof.size; at++) {
                uint8_t mask = (uint8_t)(1u << sotto_rng_below(&rng.rng, 8));
                proof.data[at] ^= mask;
                enum sotto_err err = sotto_tx_proof_check(&q, sotto_buf_span(&proof));
                if (err == SOTTO_OK) assert_memory_not_equal(q.block.b, b.id.b, 64);
                if (err == SOTTO_OK) assert_true(at < SOTTO_HEADER_SIZE);
                proof.data[at] ^= mask;
                assert_int_equal(sotto_tx_proof_check(&q, sotto_span(proof.data, at)), SOTTO_E_SHORT);
            }
        }
        proof.max++;
        assert_int_equal(sotto_buf_add_u8(&proof, 0), SOTTO_OK);
        assert_int_equal(sotto_tx_proof_check(&p, sotto_buf_span(&proof)), SOTTO_E_TRAILING);
        struct sotto_buf small = sotto_buf_make(300);
        assert_int_equal(sotto_tx_prove(&small, &b, 0), count == 1 ? SOTTO_OK : SOTTO_ERR_FULL);
        if (count > 1) assert_int_equal(small.size, 0);
        sotto_buf_free(&small);
        sotto_block_free(&b);
        sotto_buf_free(&bytes);
        sotto_buf_free(&proof);
    }
}

static void digests_are_found(void **state)
{
    (void)state;
    struct sotto_buf bytes = sotto_buf_make(SAMPLE_BLOCK_MAX), proof = sotto_buf_make(SOTTO_CONTENT_PROOF_MAX);
    struct sotto_block b;
    sample_block(&bytes, &rng.rng, 6, sotto_span(NULL, 0));
    assert_int_equal(sotto_block_decode(&b, sotto_buf_span(&bytes), SAMPLE_BLOCK_MAX), SOTTO_OK);
    for (uint32_t i = 0; i < b.count; i++) {
        struct sotto_tx_proof p;
        struct sotto_tx tx;
        struct sotto_op op;
        struct sotto_op_digest found;
        struct sotto_tx_arena space = arena();
        uint32_t place = 99;
        uint8_t d[32];
        proof.size = 0;
        assert_int_equal(sotto_content_prove(&proof, &b, i), SOTTO_OK);
        assert_int_equal(sotto_content_check(&p, &tx, &space, sotto_buf_span(&proof)), SOTTO_OK);
        assert_true(sotto_span_equal(tx.full, b.txs[i].tx.full));
        assert_int_equal(sotto_op_read(&op, &b.txs[i].tx.ops[0]), SOTTO_OK);
        for (uint32_t k = 0; k < op.digest.count; k++) {
            memcpy(d, op.digest.digests.data + (size_t)k * 32, 32);
            assert_int_equal(sotto_find_digest(&place, &found, &tx, d), SOTTO_OK);
            assert_int_equal(place, 0);
            assert_int_equal(found.count, op.digest.count);
        }
        d[0] ^= 1;
        assert_int_equal(sotto_find_digest(&place, &found, &tx, d), SOTTO_ERR_MISSING);

        size_t full = proof.size - tx.full.size;          /* another transaction behind the same path */
        uint32_t other = (i + 1) % b.count;
        proof.size = full;
        assert_int_equal(sotto_buf_add_span(&proof, b.txs[other].tx.full), SOTTO_OK);
        space = arena();
        assert_int_equal(sotto_content_check(&p, &tx, &space, sotto_buf_span(&proof)), SOTTO_P_ROOT);
        assert_int_equal(space.used, 0);
        proof.size = full;
        assert_int_equal(sotto_content_check(&p, &tx, &space, sotto_buf_span(&proof)), SOTTO_E_SHORT);
    }
    sotto_block_free(&b);
    sotto_buf_free(&bytes);
    sotto_buf_free(&proof);
}

static void batches(void **state)
{
    (void)state;
    uint8_t d[11][32], leaves[11][32], root[32], path[SOTTO_MT_PATH_MAX][32];
    sotto_rng_fill(&rng.rng, d, sizeof d);
    sotto_digests_root(root, SOTTO_SPAN(d));
    for (unsigned i = 0; i < 11; i++) sotto_mt_leaf(leaves[i], d[i], d[i]);
    for (uint32_t i = 0; i < 11; i++) {
        uint32_t size = sotto_mt_path(path, (const uint8_t(*)[32])leaves, 11, i);
        assert_int_equal(sotto_batch_check(root, d[i], 11, i, sotto_span(path, (size_t)size * 32)), SOTTO_OK);
        assert_int_not_equal(sotto_batch_check(root, d[(i + 1) % 11], 11, i, sotto_span(path, (size_t)size * 32)), SOTTO_OK);
    }
}

static void chunks(void **state)
{
    (void)state;
    static uint8_t chunk[SOTTO_SNAP_CHUNK + 1];
    uint8_t leaves[3][32], root[32], path[SOTTO_MT_PATH_MAX][32];
    for (uint32_t i = 0; i < 3; i++) sotto_snap_leaf(leaves[i], i, sotto_span(chunk, SOTTO_SNAP_CHUNK - i));
    sotto_mt_root_of(root, (const uint8_t(*)[32])leaves, 3);
    for (uint32_t i = 0; i < 3; i++) {
        struct sotto_span bytes = sotto_span(path, 32 * (size_t)sotto_mt_path(path, (const uint8_t(*)[32])leaves, 3, i));
        assert_int_equal(sotto_chunk_check(root, sotto_span(chunk, SOTTO_SNAP_CHUNK - i), 3, i, bytes), SOTTO_OK);
        assert_int_equal(sotto_chunk_check(root, sotto_span(chunk, SOTTO_SNAP_CHUNK - 5), 3, i, bytes), SOTTO_P_ROOT);
        assert_int_equal(sotto_chunk_check(root, sotto_span(chunk, SOTTO_SNAP_CHUNK - i), 3, 3, bytes), SOTTO_P_INDEX);
    }
    assert_int_equal(sotto_chunk_check(root, SOTTO_SPAN(chunk), 3, 0, sotto_span(path, 64)), SOTTO_E_LIMIT);
}

/* ---- state and registry ---- */

enum { IDS = 40 };
struct world {
    struct sotto_smt *tree;
    struct sotto_reg_record records[IDS];
    uint8_t bytes[IDS][SOTTO_REG_RECORD];
    struct sotto_header next;
    struct sotto_state_parts parts;
};

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct sotto_reg_record *)a)->id.b, ((const struct sotto_reg_record *)b)->id.b, 20);
}

static void world(struct world *w)
{
    struct sotto_smt_change changes[IDS] = { 0 };
    for (unsigned i = 0; i < IDS; i++) {
        sotto_rng_fill(&rng.rng, &w->records[i], sizeof w->records[i]);
        w->records[i].status = i % 2 ? SOTTO_REG_VALID : SOTTO_REG_REVOKED;
        w->records[i].bond.cong = i;
    }
    qsort(w->records, IDS, sizeof w->records[0], by_id);
    for (unsigned i = 0; i < IDS; i++) {
        sotto_reg_put(w->bytes[i], &w->records[i]);
        changes[i].id = w->records[i].id;
        sotto_reg_value(changes[i].value, &w->records[i]);
    }
    assert_int_equal(sotto_smt_new(&w->tree, IDS), SOTTO_OK);
    assert_int_equal(sotto_smt_apply(w->tree, NULL, changes, IDS), SOTTO_OK);
    sotto_rng_fill(&rng.rng, &w->parts, sizeof w->parts);
    sotto_smt_root(w->parts.registry, w->tree);
    w->next = (struct sotto_header){ .version = 1, .height = 77 };
    sotto_rng_fill(&rng.rng, &w->next.prev, 64);
    sotto_state_root(w->next.state_root, &w->next.prev, &w->parts);
}

static void states(void **state)
{
    (void)state;
    struct world w;
    struct sotto_state_proof p, q;
    struct sotto_buf proof = sotto_buf_make(SOTTO_STATE_PROOF + 1);
    world(&w);
    assert_int_equal(sotto_state_prove(&proof, &w.next, &w.parts), SOTTO_OK);
    assert_int_equal(proof.size, 448);
    assert_int_equal(sotto_state_check(&p, sotto_buf_span(&proof)), SOTTO_OK);
    assert_memory_equal(&p.parts, &w.parts, sizeof w.parts);
    assert_int_equal(p.next.height, 77);
    for (size_t i = 0; i < proof.size; i++) {
        proof.data[i] ^= 4;
        if (sotto_state_check(&q, sotto_buf_span(&proof)) == SOTTO_OK) {
            struct sotto_block_id a, b;
            sotto_header_id(&a, &p.next);
            sotto_header_id(&b, &q.next);
            assert_memory_not_equal(a.b, b.b, 64);
            assert_memory_equal(&q.parts, &p.parts, sizeof p.parts);
        }
        proof.data[i] ^= 4;
        assert_int_equal(sotto_state_check(&q, sotto_span(proof.data, i)), SOTTO_E_SHORT);
    }
    assert_int_equal(sotto_buf_add_u8(&proof, 0), SOTTO_OK);
    assert_int_equal(sotto_state_check(&q, sotto_buf_span(&proof)), SOTTO_E_TRAILING);
    w.next.height = 0;                            /* no state is before the first block */
    proof.size = 0;
    assert_int_equal(sotto_state_prove(&proof, &w.next, &w.parts), SOTTO_OK);
    assert_int_equal(sotto_state_check(&q, sotto_buf_span(&proof)), SOTTO_P_FORM);
    sotto_smt_free(w.tree);
    sotto_buf_free(&proof);
}

static void the_registry_answers(void **state)
{
    (void)state;
    struct world w;
    struct sotto_registry_answer a;
    struct sotto_buf proof = sotto_buf_make(SOTTO_REGISTRY_PROOF_MAX);
    world(&w);
    for (unsigned i = 0; i < IDS; i++) {
        proof.size = 0;
        assert_int_equal(sotto_registry_prove(&proof, &w.next, &w.parts, w.tree, &w.records[i].id, SOTTO_SPAN(w.bytes[i])), SOTTO_OK);
        assert_int_equal(sotto_registry_check(&a, &w.records[i].id, sotto_buf_span(&proof)), SOTTO_OK);
        uint8_t again[SOTTO_REG_RECORD];
        sotto_reg_put(again, &a.record);
        assert_true(a.present);
        assert_memory_equal(again, w.bytes[i], sizeof again);
        assert_int_equal(a.state.next.height, 77);
        struct sotto_id other = w.records[(i + 1) % IDS].id;         /* says nothing of anybody else who is there */
        assert_int_not_equal(sotto_registry_check(&a, &other, sotto_buf_span(&proof)), SOTTO_OK);
        sotto_rng_fill(&rng.rng, other.b, sizeof other.b);
        proof.size = 0;
        assert_int_equal(sotto_registry_prove(&proof, &w.next, &w.parts, w.tree, &other, sotto_span(NULL, 0)), SOTTO_OK);
        assert_int_equal(sotto_registry_check(&a, &other, sotto_buf_span(&proof)), SOTTO_OK);
        assert_false(a.present);
        assert_int_not_equal(sotto_registry_check(&a, &w.records[i].id, sotto_buf_span(&proof)), SOTTO_OK);
    }
    proof.size = 0;
    assert_int_equal(sotto_registry_prove(&proof, &w.next, &w.parts, w.tree, &w.records[0].id, SOTTO_SPAN(w.bytes[1])), SOTTO_ERR_DAMAGED);
    assert_int_equal(proof.size, 0);
    sotto_smt_free(w.tree);
    sotto_buf_free(&proof);
}

/* A header whose maker put something else than the record of that ID under its leaf. */
static void a_leaf_that_is_no_record(void **state)
{
    (void)state;
    struct world w;
    struct sotto_registry_answer a;
    struct sotto_smt_change c = { 0 };
    struct sotto_buf proof = sotto_buf_make(SOTTO_REGISTRY_PROOF_MAX);
    world(&w);
    for (unsigned wrong = 0; wrong < 3; wrong++) {
        struct sotto_span record = wrong == 0 ? SOTTO_SPAN(w.bytes[5]) : wrong == 1 ? sotto_span(w.bytes[4], 292) : sotto_span(w.bytes[4], 0);
        c.id = w.records[4].id;
        sotto_smt_value(c.value, record);
        assert_int_equal(sotto_smt_apply(w.tree, NULL, &c, 1), SOTTO_OK);
        sotto_smt_root(w.parts.registry, w.tree);
        sotto_state_root(w.next.state_root, &w.next.prev, &w.parts);
        proof.size = 0;
        assert_int_equal(sotto_registry_prove(&proof, &w.next, &w.parts, w.tree, &c.id, record), SOTTO_OK);
        assert_int_equal(sotto_registry_check(&a, &c.id, sotto_buf_span(&proof)), SOTTO_P_FORM);
    }
    sotto_smt_free(w.tree);
    sotto_buf_free(&proof);
}

int main(void)
{
    sotto_rng_from_seed(&rng, test_seed(), "proof test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transactions), cmocka_unit_test(digests_are_found), cmocka_unit_test(batches), cmocka_unit_test(chunks),
        cmocka_unit_test(states), cmocka_unit_test(the_registry_answers), cmocka_unit_test(a_leaf_that_is_no_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
