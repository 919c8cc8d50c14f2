/* The backup file: what goes in comes out; damage loses only its part; nothing moves between files; bad input is named. */
#include "node/backup.h"

#include "crypto/rng.h"
#include "support/test.h"

static const struct sotto_vault_limits low = { .passes_min = 1, .passes_max = 4, .memory_kib_min = 1024, .memory_kib_max = 65536 };
static const struct sotto_vault_cost cheap = { .passes = 1, .memory_kib = 1024 };

struct seen { unsigned count; uint64_t sum; enum sotto_err answer; };
static enum sotto_err item(void *ctx, enum sotto_backup_kind kind, uint64_t row, struct sotto_span bytes)
{
    struct seen *s = ctx;
    s->count++;
    s->sum += row * (unsigned)kind + bytes.size;
    for (size_t i = 0; i < bytes.size; i++) s->sum += bytes.data[i] * (i + 1);
    return s->answer;
}

static struct sotto_buf make(struct sotto_rng *rng, unsigned count, struct seen *expected)
{
    struct sotto_backup_writer w;
    uint8_t bytes[20000];
    sotto_backup_begin(&w);
    *expected = (struct seen){ 0 };
    for (unsigned i = 0; i < count; i++) {
        size_t size = sotto_rng_below(rng, sizeof bytes);
        sotto_rng_fill(rng, bytes, size);
        enum sotto_backup_kind kind = (enum sotto_backup_kind)(1 + sotto_rng_below(rng, 4));
        assert_int_equal(sotto_backup_add(&w, kind, i, sotto_span(bytes, size)), SOTTO_OK);
        item(expected, kind, i, sotto_span(bytes, size));
    }
    struct sotto_buf file = sotto_buf_make(SOTTO_BACKUP_SIZE_MAX);
    assert_int_equal(sotto_backup_seal(&file, &w, sotto_span_str("correct horse"), cheap, 1767225600000, rng), SOTTO_OK);
    sotto_backup_free(&w);
    return file;
}

static enum sotto_err open_with(struct sotto_backup_report *r, const struct sotto_buf *f, const char *pass, struct seen *s)
{
    return sotto_backup_open(r, sotto_buf_span(f), sotto_span_str(pass), &low, item, s);
}

static void whole_file_comes_back(void **state)
{
    (void)state;
    struct sotto_chacha_rng r;
    sotto_rng_from_seed(&r, test_seed(), "backup");
    for (unsigned count = 0; count < 30; count += 7) {
        struct seen expected, got = { 0 };
        struct sotto_backup_report report;
        struct sotto_buf file = make(&r.rng, count, &expected);
        assert_int_equal(open_with(&report, &file, "correct horse", &got), SOTTO_OK);
        assert_int_equal(got.count, count);
        assert_int_equal(got.sum, expected.sum);
        assert_int_equal(report.parts, report.parts_ok);
        assert_int_equal(report.bad_offset, 0);
        assert_int_equal(report.items, count);
        assert_int_equal(report.created_ms, 1767225600000);
        assert_int_equal(open_with(&report, &file, "correct house", &got), SOTTO_ERR_PASSPHRASE);
        sotto_buf_free(&file);
    }
}

static void damage_is_found_and_loses_one_part(void **state)
{
    (void)state;
    struct sotto_chacha_rng r;
    sotto_rng_from_seed(&r, test_seed(), "damage");
    struct seen expected;
    struct sotto_buf file = make(&r.rng, 20, &expected);
    for (int i = 0; i < 40; i++) {
        size_t at = SOTTO_BACKUP_START + 4 + sotto_rng_below(&r.rng, file.size - SOTTO_BACKUP_START - 4);
        uint8_t bit = (uint8_t)(1u << sotto_rng_below(&r.rng, 8));
        file.data[at] ^= bit;
        struct seen got = { 0 };
        struct sotto_backup_report report;
        assert_int_equal(open_with(&report, &file, "correct horse", &got), SOTTO_OK);
        assert_true(report.parts_ok < report.parts);
        assert_true(report.bad_offset >= SOTTO_BACKUP_START);
        assert_true(got.count < 20);
        file.data[at] ^= bit;
    }
    sotto_buf_free(&file);
}

static void cut_files_and_foreign_files_are_named(void **state)
{
    (void)state;
    struct sotto_chacha_rng r;
    sotto_rng_from_seed(&r, test_seed(), "cut");
    struct seen expected, got = { 0 };
    struct sotto_backup_report report;
    struct sotto_buf file = make(&r.rng, 10, &expected);
    size_t whole = file.size;
    for (size_t cut = 0; cut < SOTTO_BACKUP_START; cut++) {
        file.size = cut;
        assert_int_equal(open_with(&report, &file, "correct horse", &got), SOTTO_ERR_FORMAT);
    }
    for (int i = 0; i < 10; i++) {
        file.size = SOTTO_BACKUP_START + sotto_rng_below(&r.rng, whole - SOTTO_BACKUP_START);
        assert_int_equal(open_with(&report, &file, "correct horse", &got), SOTTO_OK);
        assert_true(report.parts_ok < report.parts && report.bad_offset != 0);
    }
    file.size = whole;
    assert_int_equal(sotto_buf_add_u8(&file, 0), SOTTO_OK);                     /* bytes nobody wrote */
    assert_int_equal(open_with(&report, &file, "correct horse", &got), SOTTO_OK);
    assert_int_equal(report.bad_offset, whole);
    /* a cost outside the limits is refused before any memory is taken */
    sotto_put_be32(file.data + 14, 0xffffffff);
    assert_int_equal(open_with(&report, &file, "correct horse", &got), SOTTO_ERR_VAULT_COST);
    sotto_buf_free(&file);
}

static void an_error_of_the_reader_ends_it(void **state)
{
    (void)state;
    struct sotto_chacha_rng r;
    sotto_rng_from_seed(&r, test_seed(), "stop");
    struct seen expected, got = { .answer = SOTTO_ERR_NOMEM };
    struct sotto_backup_report report;
    struct sotto_buf file = make(&r.rng, 5, &expected);
    assert_int_equal(open_with(&report, &file, "correct horse", &got), SOTTO_ERR_NOMEM);
    assert_int_equal(got.count, 1);
    sotto_buf_free(&file);
}

static void too_large_items_are_refused(void **state)
{
    (void)state;
    static uint8_t big[SOTTO_BACKUP_PART_PLAIN_MAX];
    struct sotto_backup_writer w;
    sotto_backup_begin(&w);
    assert_int_equal(sotto_backup_add(&w, SOTTO_BACKUP_MESSAGE, 1, SOTTO_SPAN(big)), SOTTO_ERR_TOO_LONG);
    assert_int_equal(sotto_backup_add(&w, SOTTO_BACKUP_MESSAGE, 1, sotto_span(big, sizeof big - 13)), SOTTO_OK);
    sotto_backup_free(&w);
}

int main(void)
{
    assert_int_equal(sotto_crypto_init(), SOTTO_OK);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_file_comes_back),
        cmocka_unit_test(damage_is_found_and_loses_one_part),
        cmocka_unit_test(cut_files_and_foreign_files_are_named),
        cmocka_unit_test(an_error_of_the_reader_ends_it),
        cmocka_unit_test(too_large_items_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
