/* ledger, transactions: every limit from both sides, every cut, the arena, what makes a coinbase. */
#include "ledger/codec.h"
#include "ledger/tx.h"
#include "support/test.h"

static uint8_t arena_bytes[SOTTO_TX_ARENA_MAX] __attribute__((aligned(16)));
static uint8_t blob[SOTTO_SCRIPT_MAX + 1];
static struct sotto_tx_in ins[SOTTO_TX_INPUTS_MAX + 1];
static struct sotto_tx_out outs[SOTTO_TX_OUTPUTS_MAX + 1];
static struct sotto_tx_op ops[SOTTO_TX_OPS_MAX + 1];

static struct sotto_tx_arena whole_arena(void) { return (struct sotto_tx_arena){ arena_bytes, sizeof arena_bytes, 0 }; }

static void clean(struct sotto_tx *tx)
{
    memset(ins, 0, sizeof ins);
    memset(outs, 0, sizeof outs);
    memset(ops, 0, sizeof ops);
    memset(blob, 0x51, sizeof blob);
    for (uint32_t i = 0; i <= SOTTO_TX_INPUTS_MAX; i++) ins[i].from.index = i;
    *tx = (struct sotto_tx){ .in_count = 1, .ins = ins, .outs = outs, .ops = ops };
}

/* The bytes of a transaction that keeps the limits of its lists, whatever else; the caller frees. */
static struct sotto_buf bytes_of(const struct sotto_tx *tx)
{
    struct sotto_buf b = sotto_buf_make(2 * SOTTO_TX_SIZE_MAX);
    assert_int_equal(sotto_tx_encode(&b, NULL, tx), SOTTO_OK);
    return b;
}

static enum sotto_err decoded(struct sotto_span bytes)
{
    struct sotto_tx tx, before;
    memset(&tx, 0x5a, sizeof tx);
    memcpy(&before, &tx, sizeof tx);
    struct sotto_tx_arena arena = whole_arena();
    enum sotto_err err = sotto_tx_decode(&tx, &arena, bytes);
    if (err != SOTTO_OK) assert_memory_equal(&tx, &before, sizeof tx);
    if (err != SOTTO_OK) assert_int_equal(arena.used, 0);
    return err;
}

static enum sotto_err judged(const struct sotto_tx *tx)
{
    struct sotto_buf b = bytes_of(tx);
    enum sotto_err err = decoded(sotto_buf_span(&b));
    assert_int_equal(sotto_tx_check(tx), err);                        /* one made by hand is judged alike */
    sotto_buf_free(&b);
    return err;
}

/* A transaction as bytes with one count or length made too great: cs at `at` is replaced. */
static enum sotto_err with_count(const struct sotto_tx *tx, size_t at, uint64_t n)
{
    struct sotto_buf b = bytes_of(tx), out = sotto_buf_make(2 * SOTTO_TX_SIZE_MAX);
    struct sotto_reader r = sotto_reader(sotto_span(b.data + at, b.size - at));
    uint64_t old;
    assert_int_equal(sotto_take_compact(&r, &old, UINT64_MAX), SOTTO_OK);
    assert_int_equal(sotto_buf_add(&out, b.data, at), SOTTO_OK);
    assert_int_equal(sotto_buf_add_compact(&out, n), SOTTO_OK);
    assert_int_equal(sotto_buf_add(&out, r.at, sotto_reader_left(&r)), SOTTO_OK);
    enum sotto_err err = decoded(sotto_buf_span(&out));
    sotto_buf_free(&b);
    sotto_buf_free(&out);
    return err;
}

static void lists_up_to_their_limits(void **state)
{
    (void)state;
    struct sotto_tx tx;
    clean(&tx);
    tx.in_count = SOTTO_TX_INPUTS_MAX;
    assert_int_equal(judged(&tx), SOTTO_OK);
    assert_int_equal(with_count(&tx, 4, SOTTO_TX_INPUTS_MAX + 1), SOTTO_E_LIMIT);
    assert_int_equal(with_count(&tx, 4, UINT64_MAX), SOTTO_E_LIMIT);
    clean(&tx);
    tx.out_count = SOTTO_TX_OUTPUTS_MAX;
    tx.op_count = SOTTO_TX_OPS_MAX;
    assert_int_equal(judged(&tx), SOTTO_OK);
    assert_int_equal(with_count(&tx, 4 + 1 + 40, SOTTO_TX_OUTPUTS_MAX + 1), SOTTO_E_LIMIT);
    assert_int_equal(with_count(&tx, 4 + 1 + 40 + 3 + 9 * SOTTO_TX_OUTPUTS_MAX, SOTTO_TX_OPS_MAX + 1), SOTTO_E_LIMIT);
    clean(&tx);
    tx.in_count = SOTTO_TX_INPUTS_MAX;
    tx.out_count = SOTTO_TX_OUTPUTS_MAX;
    tx.op_count = SOTTO_TX_OPS_MAX;
    assert_int_equal(judged(&tx), SOTTO_OK);                          /* all at once fit the arena */
}

static void scripts_up_to_their_limits(void **state)
{
    (void)state;
    struct sotto_tx tx;
    clean(&tx);
    tx.out_count = tx.op_count = 1;
    outs[0].script = ins[0].unlock = sotto_span(blob, SOTTO_SCRIPT_MAX);
    ops[0].body = sotto_span(blob, SOTTO_OP_BODY_MAX);
    assert_int_equal(judged(&tx), SOTTO_OK);
    size_t at = 4 + 1 + 40 + 1 + 8;
    assert_int_equal(with_count(&tx, at, SOTTO_SCRIPT_MAX + 1), SOTTO_E_LIMIT);
    assert_int_equal(with_count(&tx, at += 3 + SOTTO_SCRIPT_MAX + 2, SOTTO_OP_BODY_MAX + 1), SOTTO_E_LIMIT);
    assert_int_equal(with_count(&tx, at += 3 + SOTTO_OP_BODY_MAX + 8, SOTTO_SCRIPT_MAX + 1), SOTTO_E_LIMIT);
    assert_int_equal(with_count(&tx, at += 3 + SOTTO_SCRIPT_MAX, SOTTO_TX_EXTENSIONS_MAX + 1), SOTTO_E_LIMIT);
    assert_int_equal(with_count(&tx, at, 1), SOTTO_E_SHORT);
}

static void size_before_all(void **state)
{
    (void)state;
    struct sotto_tx tx;
    clean(&tx);
    tx.out_count = 10;
    for (int i = 0; i < 10; i++) outs[i].script = sotto_span(blob, 9900);
    ins[0].unlock = sotto_span(blob, 9);
    struct sotto_buf b = bytes_of(&tx);
    size_t more = SOTTO_TX_SIZE_MAX - b.size;
    sotto_buf_free(&b);
    ins[0].unlock.size += more - 2;                                   /* its length takes two bytes more */
    b = bytes_of(&tx);
    assert_int_equal(b.size, SOTTO_TX_SIZE_MAX);
    assert_int_equal(decoded(sotto_buf_span(&b)), SOTTO_OK);
    size_t before = b.size;
    ins[0].unlock.size++;
    assert_int_equal(sotto_tx_encode(&b, NULL, &tx), SOTTO_T_SIZE);
    assert_int_equal(b.size, before);
    assert_int_equal(sotto_buf_add_u8(&b, 0), SOTTO_OK);
    b.data[0] = 9;                                                    /* also a wrong version: the size goes first */
    assert_int_equal(decoded(sotto_buf_span(&b)), SOTTO_T_SIZE);
    sotto_buf_free(&b);
}

static void every_cut_is_short(void **state)
{
    (void)state;
    struct sotto_tx tx;
    clean(&tx);
    tx.in_count = 3;
    tx.out_count = tx.op_count = 2;
    tx.has_stamp = tx.has_authority = true;
    for (int i = 0; i < 3; i++) ins[i].unlock = outs[i].script = ops[i].body = sotto_span(blob, 100u * (unsigned)i);
    struct sotto_buf b = bytes_of(&tx);
    for (size_t cut = 0; cut < b.size; cut++) {
        uint8_t *exact = malloc(cut + 1);                             /* so that a sanitizer sees what is read behind it */
        assert_non_null(exact);
        memcpy(exact, b.data, cut);
        assert_int_equal(decoded(sotto_span(exact, cut)), SOTTO_E_SHORT);
        free(exact);
    }
    assert_int_equal(decoded(sotto_buf_span(&b)), SOTTO_OK);
    sotto_buf_free(&b);
}

static void money(void **state)
{
    (void)state;
    struct sotto_tx tx;
    clean(&tx);
    tx.out_count = 2;
    outs[0].value.cong = SOTTO_MONEY_MAX;
    assert_int_equal(judged(&tx), SOTTO_OK);
    outs[1].value.cong = 1;
    assert_int_equal(judged(&tx), SOTTO_T_VALUE);
    tx.out_count = 1;
    struct sotto_buf b = bytes_of(&tx);
    sotto_put_le64(b.data + 4 + 1 + 40 + 1, SOTTO_MONEY_MAX + 1);
    b.size -= 4;                                                      /* it is also short: the value comes before */
    assert_int_equal(decoded(sotto_buf_span(&b)), SOTTO_T_VALUE);
    sotto_buf_free(&b);
}

static void data_outputs(void **state)
{
    (void)state;
    struct sotto_tx tx;
    clean(&tx);
    blob[0] = 0x6a;
    tx.out_count = 4;
    for (int i = 0; i < 4; i++) outs[i].script = sotto_span(blob, 2048);
    assert_int_equal(judged(&tx), SOTTO_OK);
    outs[0].script.size++;
    assert_int_equal(judged(&tx), SOTTO_T_DATA);
    outs[1].script.size--;
    assert_int_equal(judged(&tx), SOTTO_OK);
    tx.out_count = 1;
    outs[0].script.size = SOTTO_DATA_SCRIPT_MAX;
    assert_int_equal(judged(&tx), SOTTO_OK);
    outs[0].value.cong = 1;
    assert_int_equal(judged(&tx), SOTTO_T_DATA_VALUE);
    outs[0].script.size++;
    assert_int_equal(judged(&tx), SOTTO_T_DATA);                      /* in this order */
    outs[0].script = sotto_span(blob + 1, SOTTO_SCRIPT_MAX);
    assert_int_equal(judged(&tx), SOTTO_OK);                          /* no data: may be long, may hold coins */
    outs[0].script.size = 0;
    assert_int_equal(judged(&tx), SOTTO_OK);
}

static void empty_and_double(void **state)
{
    (void)state;
    struct sotto_tx tx;
    clean(&tx);
    tx.in_count = 0;
    tx.out_count = 1;
    assert_int_equal(judged(&tx), SOTTO_T_EMPTY);
    tx.op_count = 1;
    assert_int_equal(judged(&tx), SOTTO_OK);
    tx.in_count = SOTTO_TX_INPUTS_MAX;
    assert_int_equal(judged(&tx), SOTTO_OK);
    for (uint32_t i = 0; i + 1 < SOTTO_TX_INPUTS_MAX; i += 111) {
        ins[i].from.index = ins[SOTTO_TX_INPUTS_MAX - 1].from.index;
        assert_int_equal(judged(&tx), SOTTO_T_DUP_INPUT);
        ins[i].from.txid[31] = 1;                                     /* the same index of another transaction */
        assert_int_equal(judged(&tx), SOTTO_OK);
        ins[i].from.txid[31] = 0;
        ins[i].from.index = i;
    }
    for (uint32_t i = 0; i < SOTTO_TX_INPUTS_MAX; i++) ins[i].from.index = i * 0x9e3779b1u;      /* whatever the table does with them */
    assert_int_equal(judged(&tx), SOTTO_OK);
}

static void extensions(void **state)
{
    (void)state;
    static const struct { const char *bytes; size_t size; enum sotto_err err; } tails[] = {
        { "\0", 1, SOTTO_OK },
        { "\1\1\14aaaabbbbbbbb", 15, SOTTO_OK },
        { "\1\1\13aaaabbbbbbb", 14, SOTTO_T_EXT },
        { "\1\1\15aaaabbbbbbbbc", 16, SOTTO_T_EXT },
        { "\1\3\0", 3, SOTTO_T_EXT },
        { "\1\0\0", 3, SOTTO_T_EXT },
        { "\1\2\0", 3, SOTTO_T_EXT },
        { "\2\1\14aaaabbbbbbbb\1\14aaaabbbbbbbb", 29, SOTTO_T_EXT },
        { "\1\7\126", 3, SOTTO_E_LIMIT },                             /* 86: the limit while reading */
        { "\1\7\125", 3, SOTTO_E_SHORT },
        { "\1\1\375\14\0", 5, SOTTO_E_COMPACT },
        { "\5", 1, SOTTO_E_LIMIT },
        { "\0\0", 2, SOTTO_E_TRAILING },
    };
    struct sotto_tx tx;
    clean(&tx);
    struct sotto_buf b = bytes_of(&tx);
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        struct sotto_buf changed = sotto_buf_make(1000);
        assert_int_equal(sotto_buf_add(&changed, b.data, b.size - 1), SOTTO_OK);
        assert_int_equal(sotto_buf_add(&changed, tails[i].bytes, tails[i].size), SOTTO_OK);
        assert_int_equal(decoded(sotto_buf_span(&changed)), tails[i].err);
        sotto_buf_free(&changed);
    }
    sotto_buf_free(&b);
}

static void the_arena_is_the_bound(void **state)
{
    (void)state;
    struct sotto_tx tx, back;
    clean(&tx);
    tx.in_count = 3;
    tx.out_count = 2;
    tx.op_count = 1;
    struct sotto_buf b = bytes_of(&tx);
    struct sotto_tx_arena arena = whole_arena();
    assert_int_equal(sotto_tx_decode(&back, &arena, sotto_buf_span(&b)), SOTTO_OK);
    size_t need = arena.used;
    for (size_t size = 0; size < need; size++) {
        arena = (struct sotto_tx_arena){ arena_bytes, size, 0 };
        assert_int_equal(sotto_tx_decode(&back, &arena, sotto_buf_span(&b)), SOTTO_ERR_FULL);
        assert_int_equal(arena.used, 0);
    }
    arena = (struct sotto_tx_arena){ arena_bytes, 2 * need + 16, 0 }; /* one behind the other */
    assert_int_equal(sotto_tx_decode(&tx, &arena, sotto_buf_span(&b)), SOTTO_OK);
    assert_int_equal(sotto_tx_decode(&back, &arena, sotto_buf_span(&b)), SOTTO_OK);
    assert_true(back.ins != tx.ins && tx.ins[2].from.index == 2 && back.ins[2].from.index == 2);
    sotto_buf_free(&b);
}

/* Who announces a thousand inputs and sends none gets no room for them. */
static void announcing_costs_nothing(void **state)
{
    (void)state;
    struct sotto_tx tx;
    struct sotto_tx_arena arena = { arena_bytes, 64, 0 };
    static const uint8_t bytes[] = { 1, 0, 0, 0, 0xfd, 0xe8, 0x03, 1, 2, 3 };
    assert_int_equal(sotto_tx_decode(&tx, &arena, SOTTO_SPAN(bytes)), SOTTO_E_SHORT);
}

static void names(void **state)
{
    (void)state;
    struct sotto_tx tx;
    uint8_t id[2][32], whole[2][32];
    clean(&tx);
    for (int i = 0; i < 2; i++) {
        struct sotto_tx back;
        struct sotto_tx_arena arena = whole_arena();
        struct sotto_buf b = bytes_of(&tx);
        assert_int_equal(sotto_tx_decode(&back, &arena, sotto_buf_span(&b)), SOTTO_OK);
        sotto_txid(id[i], sotto_tx_core(&back));
        sotto_wtxid(whole[i], back.full);
        sotto_buf_free(&b);
        ins[0].unlock = sotto_span_str("another witness");
        tx.has_stamp = true;
    }
    assert_memory_equal(id[0], id[1], 32);
    assert_memory_not_equal(whole[0], whole[1], 32);
    assert_false(sotto_tx_is_coinbase(&tx));
    ins[0].from.index = SOTTO_INDEX_COINBASE;
    assert_true(sotto_tx_is_coinbase(&tx));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_up_to_their_limits), cmocka_unit_test(scripts_up_to_their_limits), cmocka_unit_test(size_before_all),
        cmocka_unit_test(every_cut_is_short), cmocka_unit_test(money), cmocka_unit_test(data_outputs), cmocka_unit_test(empty_and_double),
        cmocka_unit_test(extensions), cmocka_unit_test(the_arena_is_the_bound), cmocka_unit_test(announcing_costs_nothing), cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
