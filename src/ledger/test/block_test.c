/* block: read as it was written; cut, doubled or changed anywhere it is another block or none. */
#include "sample.h"
#include "support/test.h"

#include "ledger/codec.h"

static struct sotto_chacha_rng rng;

static void reads_what_was_written(void **state)
{
    (void)state;
    static const uint32_t counts[] = { 0, 1, 2, 3, 30, 300 };
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        struct sotto_buf bytes = sotto_buf_make(SAMPLE_BLOCK_MAX), again = sotto_buf_make(SAMPLE_BLOCK_MAX);
        struct sotto_block b;
        struct sotto_span full[300], engine = c % 2 ? sotto_span_str("a section of an engine") : sotto_span(NULL, 0);
        uint8_t id[32];
        sample_block(&bytes, &rng.rng, counts[c], engine);
        assert_int_equal(sotto_block_decode(&b, sotto_buf_span(&bytes), (uint32_t)bytes.size), SOTTO_OK);
        assert_int_equal(b.count, counts[c]);
        assert_true(sotto_span_equal(b.engine, engine));
        for (uint32_t i = 0; i < b.count; i++) {
            full[i] = b.txs[i].tx.full;
            sotto_wtxid(id, full[i]);
            assert_memory_equal(id, b.txs[i].wtxid, 32);
            struct sotto_op op;
            assert_int_equal(sotto_op_read(&op, &b.txs[i].tx.ops[0]), SOTTO_OK);       /* every list is still its own */
            assert_int_equal(op.type, SOTTO_OP_DIGEST);
        }
        assert_int_equal(sotto_block_encode(&again, &b.header, b.engine, full, b.count, SAMPLE_BLOCK_MAX), SOTTO_OK);
        assert_true(sotto_span_equal(sotto_buf_span(&again), sotto_buf_span(&bytes)));
        struct sotto_block_id of_header;
        sotto_header_id(&of_header, &b.header);
        assert_memory_equal(of_header.b, b.id.b, 64);
        sotto_block_free(&b);
        again.size = 0;
        assert_int_equal(sotto_block_decode(&b, sotto_buf_span(&bytes), (uint32_t)bytes.size - 1), SOTTO_B_SIZE);
        sotto_buf_free(&bytes);
        sotto_buf_free(&again);
    }
}

static void every_cut_and_every_bit(void **state)
{
    (void)state;
    struct sotto_buf bytes = sotto_buf_make(SAMPLE_BLOCK_MAX);
    struct sotto_block b, whole;
    sample_block(&bytes, &rng.rng, 4, sotto_span_str("engine"));
    assert_int_equal(sotto_block_decode(&whole, sotto_buf_span(&bytes), SAMPLE_BLOCK_MAX), SOTTO_OK);
    for (size_t i = 0; i < bytes.size; i++) {
        enum sotto_err err = sotto_block_decode(&b, sotto_span(bytes.data, i), SAMPLE_BLOCK_MAX);
        assert_int_equal(err, i < SOTTO_HEADER_SIZE ? SOTTO_H_SIZE : SOTTO_E_SHORT);
        uint8_t mask = (uint8_t)(1u << sotto_rng_below(&rng.rng, 8));
        bytes.data[i] ^= mask;
        err = sotto_block_decode(&b, sotto_buf_span(&bytes), SAMPLE_BLOCK_MAX);
        if (err == SOTTO_OK) {                    /* what no root covers stands in the header: then it is another block */
            assert_true(i < SOTTO_HEADER_SIZE);
            assert_memory_not_equal(b.id.b, whole.id.b, 64);
            sotto_block_free(&b);
        }
        bytes.data[i] ^= mask;
    }
    assert_int_equal(sotto_buf_add_u8(&bytes, 0), SOTTO_OK);
    assert_int_equal(sotto_block_decode(&b, sotto_buf_span(&bytes), SAMPLE_BLOCK_MAX), SOTTO_E_TRAILING);
    sotto_block_free(&whole);
    sotto_buf_free(&bytes);
}

/* A block whose last transaction stands there twice has another root, and is refused as what it is before that is looked at. */
static void no_transaction_twice(void **state)
{
    (void)state;
    struct sotto_buf bytes = sotto_buf_make(SAMPLE_BLOCK_MAX), doubled = sotto_buf_make(SAMPLE_BLOCK_MAX);
    struct sotto_block b, other;
    sample_block(&bytes, &rng.rng, 5, sotto_span(NULL, 0));
    assert_int_equal(sotto_block_decode(&b, sotto_buf_span(&bytes), SAMPLE_BLOCK_MAX), SOTTO_OK);
    struct sotto_span full[6];
    for (unsigned i = 0; i < 5; i++) full[i] = b.txs[i].tx.full;
    for (unsigned twice = 0; twice < 5; twice++) {
        full[5] = full[twice];
        doubled.size = 0;
        assert_int_equal(sotto_block_encode(&doubled, &b.header, b.engine, full, 6, SAMPLE_BLOCK_MAX), SOTTO_OK);
        assert_int_equal(sotto_block_decode(&other, sotto_buf_span(&doubled), SAMPLE_BLOCK_MAX), SOTTO_B_DUP);
    }
    struct sotto_span swapped = full[0];          /* the same set in another order is another list */
    full[0] = full[1];
    full[1] = swapped;
    doubled.size = 0;
    assert_int_equal(sotto_block_encode(&doubled, &b.header, b.engine, full, 5, SAMPLE_BLOCK_MAX), SOTTO_OK);
    assert_int_equal(sotto_block_decode(&other, sotto_buf_span(&doubled), SAMPLE_BLOCK_MAX), SOTTO_B_ROOT);
    assert_int_equal(sotto_block_encode(&doubled, &b.header, b.engine, full, 5, (uint32_t)bytes.size - 1), SOTTO_B_SIZE);
    sotto_block_free(&b);
    sotto_buf_free(&bytes);
    sotto_buf_free(&doubled);
}

/* Counts and lengths that the bytes cannot hold cost nothing. */
static void promises_are_not_believed(void **state)
{
    (void)state;
    struct sotto_header h = { .version = 1, .height = 1 };
    struct sotto_block b;
    static const struct { uint8_t bytes[16]; size_t size; enum sotto_err err; } tails[] = {
        { { 0, 0xfe, 0xff, 0xff, 0xff, 0xff }, 6, SOTTO_E_SHORT }, { { 0, 0xff, 0, 0, 0, 0, 1, 0, 0, 0 }, 10, SOTTO_E_LIMIT },
        { { 0, 0xfd, 1, 0 }, 4, SOTTO_E_COMPACT }, { { 0xfe, 1, 0, 1, 0 }, 5, SOTTO_E_LIMIT }, { { 0xfe, 0, 0, 1, 0 }, 5, SOTTO_E_SHORT },
        { { 0, 1, 1, 0, 0, 0 }, 6, SOTTO_E_SHORT }, { { 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 16, SOTTO_T_VERSION },
    };
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        uint8_t bytes[SOTTO_HEADER_SIZE + 16];
        sotto_header_put(bytes, &h);
        memcpy(bytes + SOTTO_HEADER_SIZE, tails[i].bytes, tails[i].size);
        assert_int_equal(sotto_block_decode(&b, sotto_span(bytes, SOTTO_HEADER_SIZE + tails[i].size), SAMPLE_BLOCK_MAX), tails[i].err);
    }
}

int main(void)
{
    sotto_rng_from_seed(&rng, test_seed(), "block test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written), cmocka_unit_test(every_cut_and_every_bit), cmocka_unit_test(no_transaction_twice),
        cmocka_unit_test(promises_are_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
