/* Scripts as text and as templates: what is refused, what comes back the same, what a trace shows. */
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/rng.h"
#include "ledger/script_text.h"
#include "ledger/template.h"
#include "support/test.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

static struct sotto_chacha_rng rng;

static struct sotto_buf assembled(const char *text)
{
    struct sotto_buf b = sotto_buf_make(SOTTO_SCRIPT_MAX);
    assert_int_equal(sotto_script_assemble(&b, sotto_span_str(text)), SOTTO_OK);
    return b;
}

static void is_text(struct sotto_span script, enum sotto_script_style style, const char *want)
{
    struct sotto_buf b = sotto_buf_make(4 * SOTTO_SCRIPT_MAX);
    assert_int_equal(sotto_script_disassemble(&b, script, style), SOTTO_OK);
    assert_int_equal(sotto_buf_add_u8(&b, 0), SOTTO_OK);
    assert_string_equal((char *)b.data, want);
    sotto_buf_free(&b);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct { const char *text; enum sotto_err err; } rows[] = {
        { "OP_NOPE", SOTTO_A_WORD }, { "DUP", SOTTO_A_WORD }, { "OP_PUSHDATA1", SOTTO_A_WORD }, { "OP_RESERVED", SOTTO_A_WORD }, { "OP_CAT", SOTTO_A_WORD },
        { "OP_17", SOTTO_A_WORD }, { "<0>", SOTTO_A_WORD }, { "<0g>", SOTTO_A_WORD }, { "<00", SOTTO_A_WORD }, { "00>", SOTTO_A_WORD }, { "0x", SOTTO_A_WORD },
        { "0x0", SOTTO_A_WORD }, { "0X00", SOTTO_A_WORD }, { "-", SOTTO_A_WORD }, { "+1", SOTTO_A_WORD }, { "1 2 x", SOTTO_A_WORD }, { "--1", SOTTO_A_WORD },
        { "01", SOTTO_A_NUMBER }, { "-0", SOTTO_A_NUMBER }, { "-01", SOTTO_A_NUMBER }, { "549755813888", SOTTO_A_NUMBER }, { "-549755813888", SOTTO_A_NUMBER },
        { "99999999999999999999999999", SOTTO_A_NUMBER }, { "18446744073709551617", SOTTO_A_NUMBER },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sotto_buf b = sotto_buf_make(100);
        assert_int_equal(sotto_buf_add_u8(&b, 0xaa), SOTTO_OK);
        enum sotto_err err = sotto_script_assemble(&b, sotto_span_str(rows[i].text));
        if (err != rows[i].err || b.size != 1) fail_msg("%s: %s, %zu bytes", rows[i].text, sotto_err_name(err), b.size);
        sotto_buf_free(&b);
    }
    struct sotto_buf small = sotto_buf_make(3);
    assert_int_equal(sotto_script_assemble(&small, sotto_span_str("OP_DUP <aabbcc>")), SOTTO_ERR_FULL);
    assert_int_equal(small.size, 0);
    assert_int_equal(sotto_script_disassemble(&small, SOTTO_SPAN(((uint8_t[]){ 0x76, 0x76 })), SOTTO_SCRIPT_PLAIN), SOTTO_ERR_FULL);
    assert_int_equal(small.size, 0);
    sotto_buf_free(&small);
}

static void test_styles(void **state)
{
    (void)state;
    struct sotto_buf b = assembled("\t<05> <03>\n<07>  op_exponent OP_Dup OP_HASH160 <4fc0120e9543795d2d3fe8cca322f109cba424a6> OP_EQUALVERIFY OP_CHECKSIG ");
    is_text(sotto_buf_span(&b), SOTTO_SCRIPT_PLAIN, "OP_5 OP_3 OP_7 OP_EXPONENT OP_DUP OP_HASH160 <4fc0120e9543795d2d3fe8cca322f109cba424a6> OP_EQUALVERIFY OP_CHECKSIG");
    is_text(sotto_buf_span(&b), SOTTO_SCRIPT_PAPER, "05 03 07 OP_Exponent OP_DUP OP_HASH160 4fc0120e9543795d2d3fe8cca322f109cba424a6 OP_EQUALVERIFY OP_CHECKSIG");
    sotto_buf_free(&b);
    static const uint8_t odd[] = { 0x00, 0x4f, 0x50, 0x7e, 0x01, 0x05, 0x4e, 1, 0, 0, 0, 0xab, 0x4d, 0xff };
    is_text(SOTTO_SPAN(odd), SOTTO_SCRIPT_PLAIN, "OP_0 OP_1NEGATE 0x50 0x7e 0x0105 0x4e01000000ab 0x4dff");
    is_text(SOTTO_SPAN(odd), SOTTO_SCRIPT_PAPER, "OP_0 81 0x50 0x7e 0x0105 0x4e01000000ab 0x4dff");
}

/* assemble(disassemble(s)) = s, whatever s is. */
static void test_round(void **state)
{
    (void)state;
    for (unsigned run = 1; run <= 3000; run++) {
        uint8_t bytes[700];
        size_t size = sotto_rng_below(&rng.rng, run % 50 ? 40 : sizeof bytes);
        struct sotto_buf text = sotto_buf_make(8000), back = sotto_buf_make(SOTTO_SCRIPT_MAX);
        sotto_rng_fill(&rng.rng, bytes, size);
        if (size && run % 3 == 0) bytes[0] = (uint8_t)(0x4b + sotto_rng_below(&rng.rng, 5));
        test_rule(sotto_script_disassemble(&text, sotto_span(bytes, size), SOTTO_SCRIPT_PLAIN) == SOTTO_OK, "every script has a text", run);
        test_rule(sotto_script_assemble(&back, sotto_buf_span(&text)) == SOTTO_OK, "that text is assembled", run);
        test_rule(sotto_span_equal(sotto_buf_span(&back), sotto_span(bytes, size)), "to the same bytes", run);
        sotto_buf_free(&text);
        sotto_buf_free(&back);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct { int64_t n; const char *hex; } rows[] = {
        { 0, "" }, { 1, "01" }, { -1, "81" }, { 127, "7f" }, { 128, "8000" }, { -128, "8080" }, { 255, "ff00" }, { -255, "ff80" }, { 256, "0001" },
        { 0x7fffffff, "ffffff7f" }, { -0x7fffffff, "ffffffff" }, { 0x80000000, "0000008000" }, { INT64_MAX, "ffffffffffffff7f" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t bytes[SOTTO_SCRIPT_NUMBER_MAX];
        char hex[2 * sizeof bytes + 1];
        int64_t back;
        size_t size = sotto_script_number_put(bytes, rows[i].n);
        sotto_hex(hex, bytes, size);
        assert_string_equal(hex, rows[i].hex);
        assert_true(sotto_script_number(&back, sotto_span(bytes, size), 8, true) && back == rows[i].n);
    }
    static const uint8_t loose[][3] = { { 0 }, { 0x80 }, { 1, 0 }, { 1, 0x80 }, { 0, 0 }, { 0xff, 0x7f, 0 } };
    static const size_t sizes[] = { 1, 1, 2, 2, 2, 3 };
    static const int64_t means[] = { 0, 0, 1, -1, 0, 0x7fff };
    for (size_t i = 0; i < 6; i++) {
        int64_t n;
        assert_false(sotto_script_number(&n, sotto_span(loose[i], sizes[i]), 4, true));
        assert_true(sotto_script_number(&n, sotto_span(loose[i], sizes[i]), 4, false) && n == means[i]);
        assert_false(sotto_script_number(&n, sotto_span(loose[i], sizes[i]), sizes[i] - 1, false));
    }
}

static void test_comments(void **state)
{
    (void)state;
    static const char *const want[] = {
        "push the next 2 bytes: base", "push 3: exponent", "push the next 1 byte: modulus", "take three, leave base^exponent mod modulus", "copy the top",
        "RIPEMD160 of SHA256 of the top", "push the next 20 bytes: the address the hash must equal", "fail unless equal",
        "true if the signature of this transaction verifies under the key",
    };
    struct sotto_buf b = assembled("<0505> 3 <77> OP_EXPONENT OP_DUP OP_HASH160 <4fc0120e9543795d2d3fe8cca322f109cba424a6> OP_EQUALVERIFY OP_CHECKSIG");
    struct sotto_script_word word;
    char comment[SOTTO_SCRIPT_COMMENT];
    size_t at = 0, i = 0;
    for (size_t from = 0; sotto_script_next(&word, sotto_buf_span(&b), &at); from = at) {
        sotto_script_comment(comment, sotto_buf_span(&b), from);
        assert_string_equal(comment, want[i++]);
    }
    assert_int_equal(i, sizeof want / sizeof *want);
    sotto_buf_free(&b);
    for (unsigned op = 0; op < 256; op++) {        /* every byte has one, and it fits */
        uint8_t script[6] = { (uint8_t)op };
        if (op <= SOTTO_OPCODE_PUSHDATA4 && op > 5) continue;
        sotto_script_comment(comment, SOTTO_SPAN(script), 0);
        assert_true(comment[0] != 0 && strlen(comment) + 1 < SOTTO_SCRIPT_COMMENT);
    }
}

struct lines { struct sotto_buf text; enum sotto_script_style style; };
static void add_line(void *of, const struct sotto_script_step *step)
{
    struct lines *l = of;
    size_t before = l->text.size;
    assert_int_equal(sotto_script_line(&l->text, step, l->style), SOTTO_OK);
    assert_true(l->text.size - before < SOTTO_SCRIPT_LINE);
    assert_int_equal(sotto_buf_add_u8(&l->text, '\n'), SOTTO_OK);
}

static bool never(void *of, uint64_t n) { return !of && n == UINT64_MAX; }
static enum sotto_script_fault no_sig(void *of, struct sotto_span sig, struct sotto_span key)
{
    return !of && sig.size && key.size ? SOTTO_FAULT_SIGNATURE : SOTTO_FAULT_NONE;
}
static const struct sotto_script_checker nobody = { NULL, no_sig, NULL, never, never };

static void test_trace(void **state)
{
    (void)state;
    struct lines l = { sotto_buf_make(20000), SOTTO_SCRIPT_PLAIN };
    const struct sotto_script_watch watch = { &l, add_line };
    struct sotto_script *m;
    uint64_t units = 0;
    assert_int_equal(sotto_script_new(&m), SOTTO_OK);
    struct sotto_buf unlock = assembled("5 0"), output = assembled("OP_IF OP_DROP OP_ELSE 3 7 OP_EXPONENT OP_ENDIF 6 OP_EQUALVERIFY OP_0");
    assert_int_equal(sotto_script_run(m, &units, sotto_buf_span(&unlock), sotto_buf_span(&output), &nobody, 1000, &watch), SOTTO_S_FALSE);
    assert_int_equal(sotto_buf_add_u8(&l.text, 0), SOTTO_OK);
    assert_string_equal((char *)l.text.data,
        "0 OP_5 | push 5 | 05\n"
        "1 OP_0 | push an empty element | 05 0\n"
        "0 OP_IF | take the top; go on here if it is true, else behind ELSE | 05\n"
        "1 OP_DROP | drop the top (passed over) | 05\n"
        "2 OP_ELSE | the other way of IF begins (passed over) | 05\n"
        "3 OP_3 | push 3: exponent | 05 03\n"
        "4 OP_7 | push 7: modulus | 05 03 07\n"
        "5 OP_EXPONENT | take three, leave base^exponent mod modulus | 06\n"
        "6 OP_ENDIF | both ways of IF end | 06\n"
        "7 OP_6 | push 6 | 06 06\n"
        "8 OP_EQUALVERIFY | fail unless equal |\n"
        "9 OP_0 | push an empty element | 0\n");
    sotto_buf_free(&unlock);
    sotto_buf_free(&output);

    l.text.size = 0;                               /* long elements, a deep stack, an end that is a refusal */
    l.style = SOTTO_SCRIPT_PAPER;
    output = assembled("1 2 3 4 5 <00112233445566778899aabbccddeeff00112233445566> OP_1ADD");
    assert_int_equal(sotto_script_run(m, &units, sotto_span(NULL, 0), sotto_buf_span(&output), &nobody, 1000, &watch), SOTTO_S_NUMBER);
    assert_int_equal(sotto_buf_add_u8(&l.text, 0), SOTTO_OK);
    assert_non_null(strstr((char *)l.text.data, "5 00112233445566778899aabbccddeeff..(23) | push the next 23 bytes | ..(2) 03 04 05 00112233445566778899aabbccddeeff..(23)\n"));
    assert_non_null(strstr((char *)l.text.data, "29 OP_1ADD | add 1 | ..(2) 03 04 05 00112233445566778899aabbccddeeff..(23) | S_NUMBER\n"));
    sotto_buf_free(&output);
    sotto_buf_free(&l.text);
    sotto_script_free(m);
}

/* ---- templates ---- */

static struct sotto_template example(enum sotto_template_kind kind, uint8_t room[2048])
{
    struct sotto_template t = { .kind = kind };
    sotto_rng_fill(&rng.rng, room, 2048);
    if (kind == SOTTO_TEMPLATE_P2PKH) sotto_rng_fill(&rng.rng, t.hash.b, 20);
    else if (kind == SOTTO_TEMPLATE_DATA) t.data = sotto_span(room, 1 + sotto_rng_below(&rng.rng, 2048));
    else if (kind == SOTTO_TEMPLATE_MULTISIG) {
        t.multisig.count = 1 + (unsigned)sotto_rng_below(&rng.rng, 3);
        t.multisig.need = 1 + (unsigned)sotto_rng_below(&rng.rng, t.multisig.count);
        for (unsigned i = 0; i < t.multisig.count; i++) {
            sotto_rng_fill(&rng.rng, t.multisig.keys[i].b, 33);
            t.multisig.keys[i].b[0] = (uint8_t)(2 | (t.multisig.keys[i].b[0] & 1));
        }
    } else {
        sotto_rng_fill(&rng.rng, &t.lock, sizeof t.lock);
        if (sotto_rng_below(&rng.rng, 3) == 0) t.lock.expiry %= 20;
        t.group = sotto_rng_below(&rng.rng, 2) ? SOTTO_GROUP_2048 : SOTTO_GROUP_3072;
        room[0] |= 1;
        t.share = sotto_span(room, kind == SOTTO_TEMPLATE_DH_LOCK ? 1 + sotto_rng_below(&rng.rng, sotto_group_p(t.group).size) : 0);
        if (kind == SOTTO_TEMPLATE_KEY_LOCK) t.group = 0, t.share = sotto_span(NULL, 0);
    }
    return t;
}

/* What was made is read with the same values; with any byte changed it is another template, another value, or none: never the same. */
static void test_templates(void **state)
{
    (void)state;
    static uint8_t room[2048];
    for (unsigned run = 1; run <= 400; run++) {
        struct sotto_buf b = sotto_buf_make(SOTTO_SCRIPT_MAX), again = sotto_buf_make(SOTTO_SCRIPT_MAX);
        struct sotto_template t = example((enum sotto_template_kind)(run % 5), room), back;
        assert_int_equal(sotto_template_make(&b, &t), SOTTO_OK);
        test_rule(sotto_template_read(&back, sotto_buf_span(&b)), "what was made is read", run);
        test_rule(back.kind == t.kind && sotto_template_make(&again, &back) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&again), sotto_buf_span(&b)), "and makes the same", run);
        for (int i = 0; i < 20; i++) {
            again.size = 0;
            b.data[sotto_rng_below(&rng.rng, b.size)] ^= (uint8_t)(1 + sotto_rng_below(&rng.rng, 255));
            bool other = sotto_template_read(&back, sotto_buf_span(&b));
            test_rule(!other || (sotto_template_make(&again, &back) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&again), sotto_buf_span(&b))), "one script for each set of values", run);
        }
        again.size = 0;
        assert_int_equal(sotto_template_make(&again, &t), SOTTO_OK);
        test_rule(!sotto_template_read(&back, sotto_span(again.data, again.size - 1)), "nothing may be missing", run);
        assert_int_equal(sotto_buf_add_u8(&again, SOTTO_OPCODE_NOP), SOTTO_OK);
        test_rule(!sotto_template_read(&back, sotto_buf_span(&again)), "nor follow", run);
        sotto_buf_free(&b);
        sotto_buf_free(&again);
    }
}

static void test_template_ranges(void **state)
{
    (void)state;
    static uint8_t room[2049];
    struct sotto_buf b = sotto_buf_make(SOTTO_SCRIPT_MAX);
    struct sotto_template t = { .kind = SOTTO_TEMPLATE_DATA, .data = { room, 0 } };
    assert_int_equal(sotto_template_make(&b, &t), SOTTO_ERR_RANGE);
    t.data.size = 2049;
    assert_int_equal(sotto_template_make(&b, &t), SOTTO_ERR_RANGE);
    t = example(SOTTO_TEMPLATE_MULTISIG, room);
    t.multisig.need = 0;
    assert_int_equal(sotto_template_make(&b, &t), SOTTO_ERR_RANGE);
    t.multisig.need = t.multisig.count + 1;
    assert_int_equal(sotto_template_make(&b, &t), SOTTO_ERR_RANGE);
    t.multisig.need = 1;
    t.multisig.keys[0].b[0] = 4;
    assert_int_equal(sotto_template_make(&b, &t), SOTTO_ERR_RANGE);
    t = example(SOTTO_TEMPLATE_DH_LOCK, room);
    t.share = sotto_span(room, sotto_group_p(t.group).size + 1);
    assert_int_equal(sotto_template_make(&b, &t), SOTTO_ERR_RANGE);
    room[0] = 0;
    t.share.size = 4;
    assert_int_equal(sotto_template_make(&b, &t), SOTTO_ERR_RANGE);
    t.share.data = room + 1;
    t.group = 1;
    assert_int_equal(sotto_template_make(&b, &t), SOTTO_ERR_RANGE);
    assert_int_equal(b.size, 0);
    sotto_buf_free(&b);
    struct sotto_buf foreign = assembled("0 0 OP_CHECKMULTISIG"), four = assembled("1 4 OP_CHECKMULTISIG");
    assert_false(sotto_template_read(&t, sotto_buf_span(&foreign)));
    assert_false(sotto_template_read(&t, sotto_buf_span(&four)));
    assert_false(sotto_template_read(&t, sotto_span(NULL, 0)));
    sotto_buf_free(&foreign);
    sotto_buf_free(&four);
}

static void test_unlock(void **state)
{
    (void)state;
    uint8_t sig[72] = { 0x30 }, tag[SOTTO_LOCK_TAG], got[SOTTO_LOCK_TAG], long_sig[521] = { 0 };
    struct sotto_point key = { { 2 } };
    struct sotto_buf b = sotto_buf_make(SOTTO_SCRIPT_MAX);
    sotto_rng_fill(&rng.rng, tag, sizeof tag);
    assert_int_equal(sotto_unlock_claim(&b, SOTTO_SPAN(sig), &key, tag), SOTTO_OK);
    assert_true(sotto_unlock_tag(got, sotto_buf_span(&b)));
    assert_memory_equal(got, tag, sizeof tag);
    b.size = 0;
    assert_int_equal(sotto_unlock_refund(&b, SOTTO_SPAN(sig), &key), SOTTO_OK);
    assert_true(b.data[b.size - 1] == SOTTO_OPCODE_0);
    assert_false(sotto_unlock_tag(got, sotto_buf_span(&b)));
    assert_int_equal(sotto_unlock_p2pkh(&b, SOTTO_SPAN(long_sig), &key), SOTTO_ERR_RANGE);
    b.size = 0;
    assert_int_equal(sotto_unlock_multisig(&b, (const struct sotto_span[]){ SOTTO_SPAN(sig), SOTTO_SPAN(sig) }, 2), SOTTO_OK);
    assert_true(b.size == 1 + 2 * 73 && b.data[0] == SOTTO_OPCODE_0);
    assert_int_equal(sotto_unlock_multisig(&b, NULL, 4), SOTTO_ERR_RANGE);
    sotto_buf_free(&b);
}

/* The groups by another hand: OpenSSL's own numbers. */
static void test_groups(void **state)
{
    (void)state;
    static const struct { enum sotto_group group; const char *name; } rows[] = { { SOTTO_GROUP_2048, "ffdhe2048" }, { SOTTO_GROUP_3072, "ffdhe3072" } };
    for (size_t i = 0; i < 2; i++) {
        OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)rows[i].name, 0), OSSL_PARAM_construct_end() };
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
        EVP_PKEY *made = NULL;
        BIGNUM *p = NULL, *q = NULL, *mine = BN_new();
        uint8_t bytes[SOTTO_GROUP_MAX];
        assert_true(ctx && EVP_PKEY_paramgen_init(ctx) == 1 && EVP_PKEY_CTX_set_params(ctx, params) == 1 && EVP_PKEY_paramgen(ctx, &made) == 1);
        assert_true(EVP_PKEY_get_bn_param(made, OSSL_PKEY_PARAM_FFC_P, &p) == 1 && EVP_PKEY_get_bn_param(made, OSSL_PKEY_PARAM_FFC_Q, &q) == 1);
        struct sotto_span own = sotto_group_p(rows[i].group);
        assert_true(BN_bin2bn(own.data, (int)own.size, mine) && BN_cmp(mine, p) == 0);
        size_t size = sotto_group_q(bytes, rows[i].group);
        assert_true(size == own.size && BN_bin2bn(bytes, (int)size, mine) && BN_cmp(mine, q) == 0);
        BN_free(p);
        BN_free(q);
        BN_free(mine);
        EVP_PKEY_free(made);
        EVP_PKEY_CTX_free(ctx);
    }
}

int main(void)
{
    sotto_rng_from_seed(&rng, test_seed(), "script text");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused), cmocka_unit_test(test_styles), cmocka_unit_test(test_round), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_comments), cmocka_unit_test(test_trace), cmocka_unit_test(test_templates), cmocka_unit_test(test_template_ranges),
        cmocka_unit_test(test_unlock), cmocka_unit_test(test_groups),
    };
    return sotto_crypto_init() == SOTTO_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
