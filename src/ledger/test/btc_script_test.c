/* Bitcoin Core's own script tests, as they are published: script_tests.json with the name of every error, tx_valid.json and tx_invalid.json with
 * the rules about their flags: fewer flags never refuse what was valid, more never allow what was not, and each flag named is needed.
 * Rows of taproot are counted apart: that is no part of the ledger's machine. */
#include "btc_words.h"

#include "base/text.h"
#include "crypto/curve.h"
#include "crypto/rng.h"
#include "support/test.h"

#include <jansson.h>
#include <math.h>

enum { INPUTS_MAX = 128, TX_MAX = 120000, COIN = 100000000 };

static struct sotto_chacha_rng rng;
static struct sotto_script *machine;

/* What can be set together: CLEANSTACK asks for WITNESS, WITNESS for P2SH. */
static uint32_t trimmed(uint32_t flags)
{
    if (!(flags & SOTTO_BTC_P2SH)) flags &= ~SOTTO_BTC_WITNESS;
    if (!(flags & SOTTO_BTC_WITNESS)) flags &= ~SOTTO_BTC_CLEAN;
    return flags;
}
static uint32_t filled(uint32_t flags)
{
    if (flags & SOTTO_BTC_CLEAN) flags |= SOTTO_BTC_WITNESS;
    if (flags & SOTTO_BTC_WITNESS) flags |= SOTTO_BTC_P2SH;
    return flags;
}
static uint32_t all_flags(void)
{
    uint32_t flags = 0;
#define FLAG_OR(name, flag) flags |= (flag);
    SOTTO_BTC_FLAGS(FLAG_OR)
#undef FLAG_OR
    return flags;
}

static json_t *rows_of(const char *file)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/vectors/public/bitcoin/%s", SOTTO_SOURCE_DIR, file);
    json_error_t error;
    json_t *rows = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!rows) fail_msg("%s: line %d: %s", path, error.line, error.text);
    return rows;
}

static struct sotto_buf words(const char *text)
{
    struct sotto_buf b = sotto_buf_make(BTC_SCRIPT_MAX);
    if (!btc_words(&b, text)) fail_msg("no script: %s", text);
    return b;
}

/* ---- script_tests.json: [[witness.., amount]?, unlocking script, output script, flags, error, ..] ---- */

static bool of_taproot(const json_t *row)
{
    char *text = json_dumps(row, JSON_COMPACT);
    bool found = strstr(text, "TAPROOT") != NULL;
    free(text);
    return found;
}

struct witness { uint8_t room[BTC_ITEMS_MAX][600]; struct sotto_span items[BTC_ITEMS_MAX]; uint32_t count; uint64_t value; };

static void read_witness(struct witness *w, const json_t *list)
{
    *w = (struct witness){ .count = 0 };
    if (!list) return;
    w->count = (uint32_t)json_array_size(list) - 1;
    w->value = (uint64_t)llround(json_number_value(json_array_get(list, w->count)) * COIN);
    assert_true(w->count <= BTC_ITEMS_MAX);
    for (uint32_t i = 0; i < w->count; i++) {
        struct sotto_span hex = sotto_span_str(json_string_value(json_array_get(list, i)));
        assert_true(hex.size / 2 <= sizeof w->room[i]);
        assert_int_equal(sotto_unhex(w->room[i], hex.size / 2, hex), SOTTO_OK);
        w->items[i] = sotto_span(w->room[i], hex.size / 2);
    }
}

static void script_row(const json_t *row)
{
    static struct witness w;
    struct btc_pair pair;
    size_t at = json_is_array(json_array_get(row, 0));
    const char *text[4];
    for (size_t i = 0; i < 4; i++) assert_non_null(text[i] = json_string_value(json_array_get(row, at + i)));
    read_witness(&w, at ? json_array_get(row, 0) : NULL);
    uint32_t flags;
    struct sotto_buf unlock = words(text[0]), output = words(text[1]);
    if (!sotto_btc_flags(&flags, text[2])) fail_msg("no flags: %s", text[2]);
    flags = filled(flags);
    btc_pair_make(&pair, sotto_buf_span(&unlock), sotto_buf_span(&output), w.items, w.count, w.value);
    struct sotto_btc_spend spend = btc_pair_spend(&pair);
    enum sotto_script_fault fault = sotto_btc_verify(machine, &spend, flags, NULL);
    if (strcmp(sotto_script_fault_word(fault), text[3]) != 0) fail_msg("%s | %s | %s: %s, not %s", text[0], text[1], text[2], sotto_script_fault_word(fault), text[3]);
    for (int i = 0; i < 16; i++) {                 /* fewer flags for what is good, more for what is not */
        uint32_t extra = (uint32_t)sotto_rng_u64(&rng.rng) & all_flags(), other = fault ? filled(flags | extra) : trimmed(flags & ~extra);
        if ((sotto_btc_verify(machine, &spend, other, NULL) != SOTTO_FAULT_NONE) != (fault != SOTTO_FAULT_NONE)) fail_msg("%s | %s: flags %x", text[0], text[1], other);
    }
    sotto_buf_free(&unlock);
    sotto_buf_free(&output);
}

static void test_scripts(void **state)
{
    (void)state;
    json_t *rows = rows_of("script_tests.json"), *row;
    size_t i, ran = 0, taproot = 0, comments = 0;
    json_array_foreach(rows, i, row) {
        if (json_array_size(row) == 1) comments++;
        else if (of_taproot(row)) taproot++;
        else script_row(row), ran++;
    }
    printf("script_tests.json: %zu rows ran, %zu are about taproot, %zu are comments\n", ran, taproot, comments);
    assert_int_equal(ran + taproot + comments, json_array_size(rows));
    assert_int_equal(ran, 1217);
    assert_int_equal(taproot, 5);
    json_decref(rows);
}

/* ---- tx_valid.json, tx_invalid.json: [[[hash, index, output script, amount?]..], transaction, flags] ---- */

struct coin { struct sotto_outpoint point; struct sotto_buf script; uint64_t value; };
struct tx_row {
    struct sotto_btc_tx tx;
    struct coin coins[INPUTS_MAX];
    size_t coin_count;
    uint32_t flags;
    bool taproot;                                  /* one of the coins asks for it */
};

static void read_row(struct tx_row *out, const json_t *row)
{
    static uint8_t bytes[TX_MAX], arena_bytes[SOTTO_BTC_ARENA(TX_MAX)] __attribute__((aligned(16)));
    struct sotto_tx_arena arena = { arena_bytes, sizeof arena_bytes, 0 };
    const json_t *coin;
    *out = (struct tx_row){ .coin_count = 0 };
    json_array_foreach(json_array_get(row, 0), out->coin_count, coin) {
        struct coin *c = &out->coins[out->coin_count];
        assert_true(out->coin_count < INPUTS_MAX);
        assert_int_equal(sotto_unhex(c->point.txid, 32, sotto_span_str(json_string_value(json_array_get(coin, 0)))), SOTTO_OK);
        for (size_t i = 0; i < 16; i++) {
            uint8_t first = c->point.txid[i];
            c->point.txid[i] = c->point.txid[31 - i];
            c->point.txid[31 - i] = first;
        }
        c->point.index = (uint32_t)json_integer_value(json_array_get(coin, 1));
        c->script = words(json_string_value(json_array_get(coin, 2)));
        c->value = (uint64_t)json_integer_value(json_array_get(coin, 3));
        out->taproot = out->taproot || (c->script.size == 34 && c->script.data[0] == SOTTO_OPCODE_1 && c->script.data[1] == 32);
    }
    struct sotto_span hex = sotto_span_str(json_string_value(json_array_get(row, 1)));
    assert_true(hex.size / 2 <= sizeof bytes);
    assert_int_equal(sotto_unhex(bytes, hex.size / 2, hex), SOTTO_OK);
    assert_int_equal(sotto_btc_tx_decode(&out->tx, &arena, sotto_span(bytes, hex.size / 2)), SOTTO_OK);
}

static void free_row(struct tx_row *row)
{
    for (size_t i = 0; i < row->coin_count; i++) sotto_buf_free(&row->coins[i].script);
}

/* What Bitcoin asks of a transaction alone: rows of the flag BADTX break it. */
static bool good_alone(const struct sotto_btc_tx *tx)
{
    uint64_t sum = 0, most = UINT64_C(21000000) * COIN;
    static const uint8_t nowhere[32];
    if (tx->in_count == 0 || tx->out_count == 0) return false;
    for (uint32_t i = 0; i < tx->out_count; i++) {
        if (tx->outs[i].value > most || (sum += tx->outs[i].value) > most) return false;
    }
    for (uint32_t i = 0; i < tx->in_count; i++) {
        const struct sotto_outpoint *from = &tx->ins[i].from;
        bool none = from->index == UINT32_MAX && memcmp(from->txid, nowhere, 32) == 0;
        if (none && (tx->in_count > 1 || tx->ins[i].script.size < 2 || tx->ins[i].script.size > 100)) return false;
        for (uint32_t j = 0; j < i; j++)
            if (sotto_outpoint_equal(from, &tx->ins[j].from)) return false;
    }
    return true;
}

static bool scripts_good(const struct tx_row *row, uint32_t flags)
{
    for (uint32_t i = 0; i < row->tx.in_count; i++) {
        const struct coin *coin = NULL;
        for (size_t c = 0; c < row->coin_count; c++)
            if (sotto_outpoint_equal(&row->coins[c].point, &row->tx.ins[i].from)) coin = &row->coins[c];
        assert_non_null(coin);
        struct sotto_btc_spend spend = { &row->tx, i, sotto_buf_span(&coin->script), coin->value };
        if (sotto_btc_verify(machine, &spend, flags, NULL) != SOTTO_FAULT_NONE) return false;
    }
    return true;
}

/* One bit after the other of flags. */
#define EACH_FLAG(flag, flags) for (uint32_t flag = 1; flag; flag <<= 1) if ((flags) & flag)

static void valid_row(const struct tx_row *row, const char *text)
{
    uint32_t all = all_flags(), flags = all & ~row->flags;
    assert_true(flags == filled(flags));
    if (!good_alone(&row->tx) || !scripts_good(row, flags)) fail_msg("refused: %s", text);
    EACH_FLAG(flag, all) {
        if (!scripts_good(row, trimmed(flags & ~flag)) || !scripts_good(row, trimmed(flags & (uint32_t)sotto_rng_u64(&rng.rng)))) fail_msg("refused without %x: %s", flag, text);
    }
    EACH_FLAG(flag, row->flags) {
        if (scripts_good(row, filled(flags | flag))) fail_msg("does not need to be without %x: %s", flag, text);
    }
}

static void invalid_row(const struct tx_row *row, const char *text)
{
    uint32_t all = all_flags();
    if (scripts_good(row, row->flags)) fail_msg("let through: %s", text);
    EACH_FLAG(flag, all) {
        uint32_t more = filled(row->flags | flag), any = filled(row->flags | ((uint32_t)sotto_rng_u64(&rng.rng) & all));
        if (scripts_good(row, more) || scripts_good(row, any)) fail_msg("let through with %x: %s", flag, text);
    }
    EACH_FLAG(flag, row->flags) {
        if (!scripts_good(row, trimmed(row->flags & ~flag))) fail_msg("does not need %x: %s", flag, text);
    }
}

static void transactions(const char *file, bool valid, size_t want)
{
    static struct tx_row r;
    json_t *rows = rows_of(file), *row;
    size_t i, ran = 0, alone = 0, taproot = 0, comments = 0;
    json_array_foreach(rows, i, row) {
        if (!json_is_array(json_array_get(row, 0))) {
            comments++;
            continue;
        }
        char *text = json_dumps(row, JSON_COMPACT);
        const char *flags = json_string_value(json_array_get(row, 2));
        bool bad = strcmp(flags, "BADTX") == 0;
        read_row(&r, row);
        if (!bad && !sotto_btc_flags(&r.flags, flags)) fail_msg("no flags: %s", flags);
        if (bad != !good_alone(&r.tx)) fail_msg("alone: %s", text);
        if (bad) alone++;
        else if (r.taproot) taproot++;
        else if (valid) valid_row(&r, text), ran++;
        else invalid_row(&r, text), ran++;
        free_row(&r);
        free(text);
    }
    printf("%s: %zu rows ran, %zu break a rule without scripts, %zu are about taproot, %zu are comments\n", file, ran, alone, taproot, comments);
    assert_int_equal(ran + alone + taproot + comments, json_array_size(rows));
    assert_int_equal(ran + alone, want);
    json_decref(rows);
}

static void test_valid(void **state)
{
    (void)state;
    transactions("tx_valid.json", true, 121);
}

static void test_invalid(void **state)
{
    (void)state;
    transactions("tx_invalid.json", false, 93);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_scripts), cmocka_unit_test(test_valid), cmocka_unit_test(test_invalid) };
    sotto_rng_from_seed(&rng, test_seed(), "bitcoin");
    if (sotto_crypto_init() != SOTTO_OK || sotto_script_new(&machine) != SOTTO_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sotto_script_free(machine);
    return failed;
}
