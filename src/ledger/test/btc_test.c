/* ledger, Bitcoin's forms: the public rows of sighash.json, the examples of BIP-143, both forms of a transaction. */
#include "base/text.h"
#include "ledger/btc_sighash.h"
#include "support/test.h"

#include <jansson.h>

enum { BYTES_MAX = 2000 };
static uint8_t space[SOTTO_BTC_ARENA(BYTES_MAX)] __attribute__((aligned(16)));

static struct sotto_span from_hex(uint8_t out[BYTES_MAX], const char *text)
{
    size_t size = strlen(text) / 2;
    assert_true(size <= BYTES_MAX);
    assert_int_equal(sotto_unhex(out, size, sotto_span_str(text)), SOTTO_OK);
    return sotto_span(out, size);
}

static struct sotto_btc_tx decoded(struct sotto_span bytes)
{
    struct sotto_tx_arena arena = { space, sizeof space, 0 };
    struct sotto_btc_tx tx;
    assert_int_equal(sotto_btc_tx_decode(&tx, &arena, bytes), SOTTO_OK);
    return tx;
}

static void is_written(const struct sotto_btc_tx *tx, bool with_witness, struct sotto_span bytes)
{
    struct sotto_buf out = sotto_buf_make(BYTES_MAX);
    assert_int_equal(sotto_btc_tx_encode(&out, tx, with_witness), SOTTO_OK);
    assert_true(sotto_span_equal(sotto_buf_span(&out), bytes));
    sotto_buf_free(&out);
}

static void public_rows(void **state)
{
    (void)state;
    json_t *root = json_load_file(SOTTO_SOURCE_DIR "/tests/vectors/public/sighash.json", JSON_REJECT_DUPLICATES, NULL);
    const json_t *row;
    size_t i, ran = 0;
    assert_non_null(root);
    json_array_foreach(json_object_get(root, "tests"), i, row) {
        uint8_t bytes[BYTES_MAX], script[BYTES_MAX], digest[32];
        char text[65];
        struct sotto_span raw = from_hex(bytes, json_string_value(json_object_get(row, "tx")));
        struct sotto_btc_tx tx = decoded(raw);
        is_written(&tx, true, raw);
        sotto_btc_sighash(digest, &tx, (uint32_t)json_integer_value(json_object_get(row, "input")),
                          from_hex(script, json_string_value(json_object_get(row, "script"))), (uint32_t)json_integer_value(json_object_get(row, "type")));
        sotto_btc_hash_text(text, digest);
        if (strcmp(text, json_string_value(json_object_get(row, "digest"))) != 0) fail_msg("row %zu: computed %s", i, text);
        ran++;
    }
    assert_int_equal(ran, 500);
    json_decref(root);
}

/* BIP-143, section "Example": native P2WPKH, P2SH-P2WPKH, native P2WSH (before and after its OP_CODESEPARATOR), P2SH-P2WSH under all types. */
static void bip143_examples(void **state)
{
    (void)state;
#define SIX "0100000001" "36641869ca081e70f394c6948e8af409e18b619df2ed74aa106c1ca29787b96e0100000000ffffffff" \
    "0200e9a435000000001976a914389ffce9cd9ae88dcc0631e88a821ffdbe9bfe2688ac" \
    "c0832f05000000001976a9147480a33f950689af511e6e84c138dbbd3c3ee41588ac00000000", \
    "56210307b8ae49ac90a048e9b53357a2354b3334e9c8bee813ecb98e99a7e07e8c3ba32103b28f0c28bfab54554ae8c658ac5c3e0ce6e79ad336331f78c428dd43eea8449b" \
    "21034b8113d703413d57761b8b9781957b8c0ac1dfe69f492580ca4195f50376ba4a21033400f6afecb833092a9a21cfdf1ed1376e58c5d1f47de74683123987e967a8f4" \
    "2103a6d48b1131e94ba04d9737d61acdaa1322008af9602b3b14862c07a1789aac162102d8b661b0b3302ee2f162b09e07a55ad5dfbe673a9f01d9f0c19617681024306b56ae"
#define SINGLE "0100000002fe3dc9208094f3ffd12645477b3dc56f60ec4fa8e6f5d67c565d1c6b9216b36e0000000000ffffffff" \
    "0815cf020f013ed6cf91d29f4202e8a58726b1ac6c79da47c23d1bee0a6925f80000000000ffffffff" \
    "0100f2052a010000001976a914a30741f8145e5acadf23f751864167f32e0963f788ac00000000"
    static const struct { const char *tx, *script; uint64_t value; uint32_t input, type; const char *digest; } examples[] = {
        { "0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffffff"
          "ef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff"
          "02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac"
          "9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac11000000",
          "76a9141d0f172a0ecb48aee1be1f2687d2963ae33f71a188ac", 600000000, 1, 1, "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670" },
        { "0100000001db6b1b20aa0fd7b23880be2ecbd4a98130974cf4748fb66092ac4d3ceb1a54770100000000feffffff"
          "02b8b4eb0b000000001976a914a457b684d7f0d539a46a45bbc043f35b59d0d96388ac"
          "0008af2f000000001976a914fd270b1ee6abcaea97fea7ad0402e8bd8ad6d77c88ac92040000",
          "76a91479091972186c449eb1ded22b78e40d009bdf008988ac", 1000000000, 0, 1, "64f3b0f4dd2bb3aa1ce8566d220cc74dda9df97d8490cc81d89d735c92e59fb6" },
        { SINGLE, "21026dccc749adc2a9d0d89497ac511f760f45c47dc5ed9cf352a58ac706453880aeadab"
          "210255a9626aebf5e29c0e6538428ba0d1dcf6ca98ffdf086aa8ced5e0d0215ea465ac", 4900000000, 1, 3,
          "82dde6e4f1e94d02c2b7ad03d2115d691f48d064e9d52f58194a6637e4194391" },
        { SINGLE, "210255a9626aebf5e29c0e6538428ba0d1dcf6ca98ffdf086aa8ced5e0d0215ea465ac", 4900000000, 1, 3,
          "fef7bd749cce710c5c052bd796df1af0d935e59cea63736268bcbe2d2134fc47" },
        { SIX, 987654321, 0, 0x01, "185c0be5263dce5b4bb50a047973c1b6272bfbd0103a89444597dc40b248ee7c" },
        { SIX, 987654321, 0, 0x02, "e9733bc60ea13c95c6527066bb975a2ff29a925e80aa14c213f686cbae5d2f36" },
        { SIX, 987654321, 0, 0x03, "1e1f1c303dc025bd664acb72e583e933fae4cff9148bf78c157d1e8f78530aea" },
        { SIX, 987654321, 0, 0x81, "2a67f03e63a6a422125878b40b82da593be8d4efaafe88ee528af6e5a9955c6e" },
        { SIX, 987654321, 0, 0x82, "781ba15f3779d5542ce8ecb5c18716733a5ee42a6f51488ec96154934e2c890a" },
        { SIX, 987654321, 0, 0x83, "511e8e52ed574121fc1b654970395502128263f62662e076dc6baf05c2e6a99b" },
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        uint8_t bytes[BYTES_MAX], script[BYTES_MAX], digest[32];
        char text[65];
        struct sotto_btc_tx tx = decoded(from_hex(bytes, examples[i].tx));
        struct sotto_btc_v0 v;
        sotto_btc_v0_init(&v, &tx);
        sotto_btc_v0_digest(&v, digest, examples[i].input, from_hex(script, examples[i].script), examples[i].value, examples[i].type);
        sotto_hex(text, digest, sizeof digest);
        assert_string_equal(text, examples[i].digest);
    }
}

static void both_forms(void **state)
{
    (void)state;
    uint8_t bytes[BYTES_MAX], id[32], again[32];
    static const char core[] = "20" "0000000000000000000000000000000000000000000000000000000000000000" "07000000" "0151" "feffffff";
    char with[400], plain[400];
    snprintf(with, sizeof with, "02000000" "0001" "01%s" "01" "2a00000000000000" "016a" "02" "00" "03aabbcc" "05000000", core + 2);
    snprintf(plain, sizeof plain, "02000000" "01%s" "01" "2a00000000000000" "016a" "05000000", core + 2);
    struct sotto_span raw = from_hex(bytes, with);
    struct sotto_btc_tx tx = decoded(raw);
    assert_true(sotto_btc_has_witness(&tx));
    assert_int_equal(tx.ins[0].witness_count, 2);
    assert_int_equal(tx.ins[0].witness[0].size, 0);
    assert_int_equal(tx.ins[0].witness[1].size, 3);
    is_written(&tx, true, raw);
    assert_int_equal(sotto_btc_txid(id, &tx), SOTTO_OK);
    uint8_t other[BYTES_MAX];
    struct sotto_span old = from_hex(other, plain);
    is_written(&tx, false, old);
    struct sotto_tx_arena arena = { space, sizeof space, 0 };
    struct sotto_btc_tx back;
    assert_int_equal(sotto_btc_tx_decode(&back, &arena, old), SOTTO_OK);
    assert_int_equal(sotto_btc_txid(again, &back), SOTTO_OK);
    assert_memory_equal(id, again, 32);                               /* a witness changes no name */
}

static void bad_forms(void **state)
{
    (void)state;
    static const struct { const char *hex; enum sotto_err err; } bad[] = {
        { "", SOTTO_E_SHORT },
        { "01000000", SOTTO_E_SHORT },
        { "0100000000020000", SOTTO_T_EXT },                          /* an unknown flag */
        { "01000000" "0001" "00" "00" "00000000", SOTTO_T_EXT },      /* witnesses of nobody */
        { "01000000" "00" "00" "0000000000", SOTTO_E_TRAILING },
        { "01000000" "fd0100", SOTTO_E_COMPACT },
        { "01000000" "ffffffffffffffffff", SOTTO_E_LIMIT },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t bytes[BYTES_MAX];
        struct sotto_tx_arena arena = { space, sizeof space, 0 };
        struct sotto_btc_tx tx;
        assert_int_equal(sotto_btc_tx_decode(&tx, &arena, from_hex(bytes, bad[i].hex)), bad[i].err);
        assert_int_equal(arena.used, 0);
    }
    /* no input, one output: reads like a flag, and is none */
    uint8_t bytes[BYTES_MAX];
    struct sotto_span raw = from_hex(bytes, "01000000" "00" "01" "0000000000000000" "0151" "00000000");
    struct sotto_btc_tx tx = decoded(raw);
    assert_true(tx.in_count == 0 && tx.out_count == 1);
    is_written(&tx, true, raw);
}

static void find_and_delete(void **state)
{
    (void)state;
    static const struct { const char *script, *pattern, *rest; } cases[] = {
        { "51ab51", "51", "ab" },
        { "5151ab5151", "51", "ab" },
        { "0151", "51", "0151" },                                     /* inside a push: no word begins there */
        { "02515151", "51", "025151" },
        { "51", "", "51" },
        { "", "51", "" },
        { "51515152", "5151", "5152" },
        { "0302ff03", "0302ff03", "" },
        { "0302ff030302ff03", "0302ff03", "" },
        { "03feed", "03feed", "" },                                   /* a push that runs past the end, as a whole */
        { "03feed", "ed", "03feed" },
        { "ac03feed", "03", "acfeed" },                               /* what is left is read as words again */
        { "4c0151ac", "4c", "0151ac" },
        { "4c0151ac", "51", "4c0151ac" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t a[BYTES_MAX], b[BYTES_MAX], c[BYTES_MAX];
        struct sotto_buf out = sotto_buf_make(BYTES_MAX);
        struct sotto_span rest = from_hex(c, cases[i].rest);
        assert_int_equal(sotto_btc_find_and_delete(&out, from_hex(a, cases[i].script), from_hex(b, cases[i].pattern)), SOTTO_OK);
        if (!sotto_span_equal(sotto_buf_span(&out), rest)) fail_msg("case %zu", i);
        sotto_buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_rows), cmocka_unit_test(bip143_examples), cmocka_unit_test(both_forms), cmocka_unit_test(bad_forms),
        cmocka_unit_test(find_and_delete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
