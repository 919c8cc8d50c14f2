/* ledger: every refusal has its number; tagged hashes from prepared states; numbers and counted bytes in one form each. */
#include "ledger/codec.h"
#include "ledger/errors.h"
#include "ledger/th.h"
#include "support/test.h"

/* The numbers of protocols are written down here a second time: a row that moves or changes must be seen. */
static void refusals_have_their_numbers(void **state)
{
    (void)state;
    static const struct { uint16_t code; enum sotto_err err; const char *name; } some[] = {
        { 0x0000, SOTTO_OK, "ok" },
        { 0x0101, SOTTO_E_SHORT, "E_SHORT" }, { 0x0106, SOTTO_E_POINT, "E_POINT" }, { 0x0201, SOTTO_T_VERSION, "T_VERSION" },
        { 0x020a, SOTTO_T_EXPIRED, "T_EXPIRED" }, { 0x0214, SOTTO_T_OP_TIME, "T_OP_TIME" }, { 0x0301, SOTTO_S_OPCODE, "S_OPCODE" },
        { 0x031b, SOTTO_S_LOCK, "S_LOCK" }, { 0x040e, SOTTO_B_DEEP, "B_DEEP" }, { 0x050f, SOTTO_R_RANGE, "R_RANGE" },
        { 0x0606, SOTTO_V_SIG, "V_SIG" }, { 0x0712, SOTTO_N_EXPIRED, "N_EXPIRED" }, { 0x0804, SOTTO_P_INDEX, "P_INDEX" },
        { 0x0905, SOTTO_M_REPLACE, "M_REPLACE" }, { 0x0a04, SOTTO_G_SEQ, "G_SEQ" }, { 0x0b04, SOTTO_D_GENESIS, "D_GENESIS" },
        { 0x0c02, SOTTO_A_NUMBER, "A_NUMBER" },
    };
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        enum sotto_err err = SOTTO_ERR_INTERNAL;
        assert_int_equal(sotto_ledger_code(some[i].err), some[i].code);
        assert_int_equal(sotto_ledger_err(&err, some[i].code), SOTTO_OK);
        assert_int_equal(err, some[i].err);
        assert_string_equal(sotto_err_name(err), some[i].name);
    }
    assert_string_equal(sotto_ledger_text(SOTTO_T_SIZE), "transaction too large");
}

static void every_code_leads_back(void **state)
{
    (void)state;
    unsigned known = 0;
    for (uint32_t code = 1; code <= UINT16_MAX; code++) {
        enum sotto_err err = SOTTO_OK;
        if (sotto_ledger_err(&err, (uint16_t)code) != SOTTO_OK) {
            assert_int_equal(err, SOTTO_OK);
            continue;
        }
        known++;
        assert_true(sotto_ledger_refusal(err));
        assert_int_equal(sotto_ledger_code(err), code);
        assert_non_null(sotto_ledger_text(err));
    }
    assert_int_equal(known, 125);
    assert_false(sotto_ledger_refusal(SOTTO_OK));
    assert_false(sotto_ledger_refusal(SOTTO_ERR_NOMEM));
    assert_null(sotto_ledger_text(SOTTO_ERR_BODY));
}

static void prepared_states_are_those_of_the_tags(void **state)
{
    (void)state;
    uint8_t text[200];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)(7 * i);
    for (unsigned tag = 0; tag < SOTTO_TH_TAG_COUNT; tag++)
        for (size_t size = 0; size <= sizeof text; size += 25) {
            uint8_t quick[32], plain[32];
            SOTTO_TH_OF(quick, (enum sotto_th_tag)tag, sotto_span(text, size / 2), sotto_span(text + size / 2, size - size / 2));
            SOTTO_TH(plain, sotto_th_text((enum sotto_th_tag)tag), sotto_span(text, size));
            assert_memory_equal(quick, plain, 32);
        }
}

static void compact_has_one_form(void **state)
{
    (void)state;
    static const uint64_t edges[] = { 0, 1, 0xfc, 0xfd, 0xfe, 0xff, 0x100, 0xffff, 0x10000, 0xffffffff, 0x100000000, UINT64_MAX };
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        uint8_t bytes[SOTTO_COMPACT_MAX + 1] = { 0 };
        size_t size = sotto_put_compact(bytes, edges[i]);
        assert_int_equal(size, sotto_compact_size(edges[i]));
        uint64_t back = 5;
        for (size_t cut = 0; cut < size; cut++) {
            struct sotto_reader r = sotto_reader(sotto_span(bytes, cut));
            assert_int_equal(sotto_take_compact(&r, &back, UINT64_MAX), SOTTO_E_SHORT);
            assert_int_equal(sotto_reader_left(&r), cut);
        }
        assert_int_equal(back, 5);
        struct sotto_reader r = sotto_reader(sotto_span(bytes, size + 1));
        if (edges[i]) assert_int_equal(sotto_take_compact(&r, &back, edges[i] - 1), SOTTO_E_LIMIT);
        assert_int_equal(sotto_reader_left(&r), size + 1);
        assert_int_equal(sotto_take_compact(&r, &back, edges[i]), SOTTO_OK);
        assert_true(back == edges[i]);
        assert_int_equal(sotto_take_end(&r), SOTTO_E_TRAILING);
        for (size_t longer = size == 1 ? 3 : 2 * size - 1; longer <= SOTTO_COMPACT_MAX; longer = 2 * longer - 1) {
            uint8_t wide[SOTTO_COMPACT_MAX] = { longer == 3 ? 0xfd : longer == 5 ? 0xfe : 0xff };
            for (size_t k = 1; k < longer; k++) wide[k] = (uint8_t)(edges[i] >> (8 * (k - 1)));
            r = sotto_reader(sotto_span(wide, longer));
            assert_int_equal(sotto_take_compact(&r, &back, 0), SOTTO_E_COMPACT);   /* before the limit is looked at */
        }
    }
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct sotto_buf b = sotto_buf_make(64);
    assert_int_equal(sotto_buf_add_le16(&b, 0x0102), SOTTO_OK);
    assert_int_equal(sotto_buf_add_le32(&b, 0x03040506), SOTTO_OK);
    assert_int_equal(sotto_buf_add_le40(&b, UINT64_C(0x0708090a0b)), SOTTO_OK);
    assert_int_equal(sotto_buf_add_le64(&b, UINT64_C(0x0c0d0e0f10111213)), SOTTO_OK);
    assert_int_equal(sotto_buf_add_var(&b, sotto_span_str("word")), SOTTO_OK);
    assert_memory_equal(b.data, "\2\1\6\5\4\3\x0b\x0a\x09\x08\x07\x13\x12\x11\x10\x0f\x0e\x0d\x0c\4word", 24);
    struct sotto_reader r = sotto_reader(sotto_buf_span(&b));
    uint16_t u16;
    uint32_t u32;
    uint64_t u40, u64;
    struct sotto_span word = { NULL, 9 };
    assert_int_equal(sotto_take_u16(&r, &u16), SOTTO_OK);
    assert_int_equal(sotto_take_u32(&r, &u32), SOTTO_OK);
    assert_int_equal(sotto_take_u40(&r, &u40), SOTTO_OK);
    assert_int_equal(sotto_take_u64(&r, &u64), SOTTO_OK);
    assert_true(u16 == 0x0102 && u32 == 0x03040506 && u40 == UINT64_C(0x0708090a0b) && u64 == UINT64_C(0x0c0d0e0f10111213));
    struct sotto_reader cut = { r.at, r.end - 1 };
    assert_int_equal(sotto_take_var(&cut, &word, 4), SOTTO_E_SHORT);
    assert_int_equal(sotto_take_var(&cut, &word, 3), SOTTO_E_LIMIT);           /* before the missing byte is looked for */
    assert_true(word.data == NULL && cut.at == r.at);
    assert_int_equal(sotto_take_var(&r, &word, 4), SOTTO_OK);
    assert_true(sotto_span_equal(word, sotto_span_str("word")));
    assert_int_equal(sotto_take_end(&r), SOTTO_OK);
    uint8_t one;
    assert_int_equal(sotto_take_u8(&r, &one), SOTTO_E_SHORT);
    sotto_buf_free(&b);
}

static void a_full_buffer_takes_no_half(void **state)
{
    (void)state;
    struct sotto_buf b = sotto_buf_make(4);
    assert_int_equal(sotto_buf_add_var(&b, sotto_span_str("four")), SOTTO_ERR_FULL);
    assert_int_equal(b.size, 0);
    assert_int_equal(sotto_buf_add_var(&b, sotto_span_str("tri")), SOTTO_OK);
    assert_int_equal(b.size, 4);
    sotto_buf_free(&b);
}

/* The same bytes, whether they go to a buffer or into a hash. */
static void a_hash_takes_the_same_forms(void **state)
{
    (void)state;
    struct sotto_buf b = sotto_buf_make(400);
    uint8_t long_text[300] = { 1 }, fed[32], whole[32];
    assert_int_equal(sotto_buf_add_u8(&b, 7), SOTTO_OK);
    assert_int_equal(sotto_buf_add_le32(&b, 0x01020304), SOTTO_OK);
    assert_int_equal(sotto_buf_add_le64(&b, UINT64_C(0x0102030405060708)), SOTTO_OK);
    assert_int_equal(sotto_buf_add_compact(&b, 70000), SOTTO_OK);
    assert_int_equal(sotto_buf_add_var(&b, SOTTO_SPAN(long_text)), SOTTO_OK);
    struct sotto_th t;
    sotto_th_begin(&t, SOTTO_TH_RESULTS);
    sotto_th_u8(&t, 7);
    sotto_th_u32(&t, 0x01020304);
    sotto_th_u64(&t, UINT64_C(0x0102030405060708));
    sotto_th_compact(&t, 70000);
    sotto_th_var(&t, SOTTO_SPAN(long_text));
    sotto_th_final(&t, fed);
    SOTTO_TH_OF(whole, SOTTO_TH_RESULTS, sotto_buf_span(&b));
    assert_memory_equal(fed, whole, 32);
    sotto_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_have_their_numbers), cmocka_unit_test(every_code_leads_back),
        cmocka_unit_test(prepared_states_are_those_of_the_tags), cmocka_unit_test(compact_has_one_form),
        cmocka_unit_test(what_is_written_is_read), cmocka_unit_test(a_full_buffer_takes_no_half),
        cmocka_unit_test(a_hash_takes_the_same_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
