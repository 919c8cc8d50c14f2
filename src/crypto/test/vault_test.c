/* vault, rows, keystore: costs are refused first, every changed byte is noticed, a row opens only in its own place. */
#include "crypto/rng.h"
#include "crypto/vault.h"
#include "support/test.h"

#include <sys/resource.h>

static struct sotto_chacha_rng random_stream;
static struct sotto_rng *rng(void) { return &random_stream.rng; }

/* One pass over 8 KiB: the law is tested here, not the cost. */
static const struct sotto_vault_cost cheap = { 1, 8 };
static const struct sotto_vault_limits low = { 1, 4, 8, 1024 };

struct made { struct sotto_secret vk; uint8_t salt[16], nonce[24], file[SOTTO_VAULT_SIZE]; };

static struct made make(const char *password)
{
    struct made m;
    sotto_rng_fill(rng(), m.vk.b, 32);
    sotto_rng_fill(rng(), m.salt, 16);
    sotto_rng_fill(rng(), m.nonce, 24);
    assert_int_equal(sotto_vault_seal(m.file, &m.vk, sotto_span_str(password), cheap, m.salt, m.nonce), SOTTO_OK);
    return m;
}

static void vault_opens_with_its_password_only(void **state)
{
    (void)state;
    struct made m = make("correct horse");
    struct sotto_secret vk = { { 1 } }, before = vk;
    static const char *const wrong[] = { "", "correct hors", "correct horse ", "Correct horse", "\xff\xff" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(sotto_vault_open(&vk, SOTTO_SPAN(m.file), sotto_span_str(wrong[i]), &low), SOTTO_ERR_PASSPHRASE);
    assert_memory_equal(vk.b, before.b, 32);
    assert_int_equal(sotto_vault_open(&vk, SOTTO_SPAN(m.file), sotto_span_str("correct horse"), &low), SOTTO_OK);
    assert_memory_equal(vk.b, m.vk.b, 32);
    struct made none = make("");                      /* an empty password is a password */
    assert_int_equal(sotto_vault_open(&vk, SOTTO_SPAN(none.file), sotto_span(NULL, 0), &low), SOTTO_OK);
    assert_int_equal(sotto_vault_open(&vk, SOTTO_SPAN(none.file), sotto_span_str("x"), &low), SOTTO_ERR_PASSPHRASE);
}

static void password_is_normalised(void **state)
{
    (void)state;
    struct made m = make("caf\xc3\xa9");
    struct sotto_secret vk;
    uint8_t out[SOTTO_VAULT_SIZE];
    assert_int_equal(sotto_vault_open(&vk, SOTTO_SPAN(m.file), sotto_span_str("cafe\xcc\x81"), &low), SOTTO_OK);
    assert_int_equal(sotto_vault_open(&vk, SOTTO_SPAN(m.file), sotto_span_str("cafe"), &low), SOTTO_ERR_PASSPHRASE);
    assert_int_equal(sotto_vault_seal(out, &m.vk, sotto_span_str("\xc3("), cheap, m.salt, m.nonce), SOTTO_ERR_FORMAT);
    char *huge = malloc(70000);
    assert_non_null(huge);
    memset(huge, 'a', 70000);
    assert_int_equal(sotto_vault_seal(out, &m.vk, sotto_span(huge, 70000), cheap, m.salt, m.nonce), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_vault_open(&vk, SOTTO_SPAN(m.file), sotto_span(huge, 70000), &low), SOTTO_ERR_PASSPHRASE);
    free(huge);
}

static void every_byte_of_the_vault_counts(void **state)
{
    (void)state;
    struct made m = make("pw");
    struct sotto_secret vk;
    for (size_t i = 0; i < SOTTO_VAULT_SIZE; i++) {
        uint8_t file[SOTTO_VAULT_SIZE];
        memcpy(file, m.file, sizeof file);
        file[i] ^= 1;
        enum sotto_err err = sotto_vault_open(&vk, SOTTO_SPAN(file), sotto_span_str("pw"), &low);
        if (i < 10 || i == 18) assert_int_equal(err, SOTTO_ERR_VAULT_FORM);                   /* magic, version, algorithm, lanes */
        else if (i < 18) assert_true(err == SOTTO_ERR_VAULT_COST || err == SOTTO_ERR_PASSPHRASE);
        else assert_int_equal(err, SOTTO_ERR_PASSPHRASE);
    }
    for (size_t size = 0; size < SOTTO_VAULT_SIZE; size++)
        assert_int_equal(sotto_vault_open(&vk, sotto_span(m.file, size), sotto_span_str("pw"), &low), SOTTO_ERR_VAULT_FORM);
    uint8_t more[SOTTO_VAULT_SIZE + 1] = { 0 };
    memcpy(more, m.file, SOTTO_VAULT_SIZE);
    assert_int_equal(sotto_vault_open(&vk, SOTTO_SPAN(more), sotto_span_str("pw"), &low), SOTTO_ERR_VAULT_FORM);
}

static long peak_kib(void)
{
    struct rusage use;
    assert_int_equal(getrusage(RUSAGE_SELF, &use), 0);
    return use.ru_maxrss;
}

static void costs_are_refused_first(void **state)
{
    (void)state;
    static const struct { uint32_t t, m; enum sotto_err want; } cases[] = {
        { 1, 65536, SOTTO_ERR_VAULT_COST }, { 0, 65536, SOTTO_ERR_VAULT_COST }, { 65, 65536, SOTTO_ERR_VAULT_COST },
        { 0xffffffff, 65536, SOTTO_ERR_VAULT_COST }, { 2, 65535, SOTTO_ERR_VAULT_COST }, { 2, 0, SOTTO_ERR_VAULT_COST },
        { 2, 8, SOTTO_ERR_VAULT_COST }, { 2, 4194305, SOTTO_ERR_VAULT_COST }, { 2, 0xffffffff, SOTTO_ERR_VAULT_COST },
    };
    struct made m = make("pw");
    struct sotto_secret vk;
    long before = peak_kib();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sotto_put_be32(m.file + 10, cases[i].t);
        sotto_put_be32(m.file + 14, cases[i].m);
        assert_int_equal(sotto_vault_open(&vk, SOTTO_SPAN(m.file), sotto_span_str("pw"), &sotto_vault_limits_default), cases[i].want);
    }
    assert_true(peak_kib() - before < 16384);         /* far below the smallest of them that is accepted */
    assert_int_equal(sotto_vault_limits_default.passes_min, 2);
    assert_int_equal(sotto_vault_limits_default.passes_max, 64);
    assert_int_equal(sotto_vault_limits_default.memory_kib_min, 65536);
    assert_int_equal(sotto_vault_limits_default.memory_kib_max, 4194304);
    /* what Argon2 itself cannot do */
    assert_int_equal(sotto_vault_kek(&vk, sotto_span_str("pw"), (struct sotto_vault_cost){ 0, 64 }, m.salt), SOTTO_ERR_VAULT_COST);
    assert_int_equal(sotto_vault_kek(&vk, sotto_span_str("pw"), (struct sotto_vault_cost){ 1, 7 }, m.salt), SOTTO_ERR_VAULT_COST);
    assert_int_equal(sotto_vault_kek(&vk, sotto_span_str("pw"), (struct sotto_vault_cost){ 1, 4194305 }, m.salt), SOTTO_ERR_VAULT_COST);
}

/* The lowest production cost works end to end, and its memory is given back. */
static void production_minimum_opens(void **state)
{
    (void)state;
    struct made m = make("pw");
    struct sotto_secret vk;
    assert_int_equal(sotto_vault_seal(m.file, &m.vk, sotto_span_str("pw"), (struct sotto_vault_cost){ 2, 65536 }, m.salt, m.nonce), SOTTO_OK);
    assert_int_equal(sotto_vault_open(&vk, SOTTO_SPAN(m.file), sotto_span_str("pw"), &sotto_vault_limits_default), SOTTO_OK);
    assert_memory_equal(vk.b, m.vk.b, 32);
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages = 0, resident = 0;
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu %lu", &pages, &resident), 2);
    fclose(f);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(resident * 4 < 65536);                /* the 64 MiB are not resident any more (pages of 4 KiB) */
#endif
}

static void subkeys_differ(void **state)
{
    (void)state;
    static const char *const names[] = { "seed", "contacts", "messages", "sessions", "skipped", "files" };
    struct sotto_secret vk, keys[6];
    sotto_rng_fill(rng(), vk.b, 32);
    for (size_t i = 0; i < 6; i++) {
        sotto_vault_subkey(&keys[i], &vk, names[i]);
        for (size_t j = 0; j < i; j++) assert_memory_not_equal(keys[i].b, keys[j].b, 32);
    }
}

static void rows_open_in_their_place_only(void **state)
{
    (void)state;
    struct sotto_secret key, other;
    uint8_t nonce[24];
    struct sotto_buf row = sotto_buf_make(200), out = sotto_buf_make(200);
    struct sotto_span value = sotto_span_str("a value of one row");
    sotto_rng_fill(rng(), key.b, 32);
    sotto_rng_fill(rng(), other.b, 32);
    sotto_rng_fill(rng(), nonce, 24);
    assert_int_equal(sotto_row_seal(&row, &key, "messages", 7, "body", value, nonce), SOTTO_OK);
    assert_int_equal(row.size, value.size + SOTTO_ROW_OVERHEAD);
    struct sotto_span sealed = sotto_buf_span(&row);
    assert_int_equal(sotto_row_open(&out, &other, "messages", 7, "body", sealed), SOTTO_ERR_AEAD);
    assert_int_equal(sotto_row_open(&out, &key, "message", 7, "body", sealed), SOTTO_ERR_AEAD);
    assert_int_equal(sotto_row_open(&out, &key, "messages", 8, "body", sealed), SOTTO_ERR_AEAD);
    assert_int_equal(sotto_row_open(&out, &key, "messages", 7ull << 56, "body", sealed), SOTTO_ERR_AEAD);
    assert_int_equal(sotto_row_open(&out, &key, "messages", 7, "bodies", sealed), SOTTO_ERR_AEAD);
    assert_int_equal(sotto_row_open(&out, &key, "body", 7, "messages", sealed), SOTTO_ERR_AEAD);
    for (size_t i = 0; i < row.size; i++) {
        row.data[i] ^= 0x10;
        assert_int_equal(sotto_row_open(&out, &key, "messages", 7, "body", sealed), SOTTO_ERR_AEAD);
        row.data[i] ^= 0x10;
    }
    for (size_t size = 0; size < row.size; size++)
        assert_int_equal(sotto_row_open(&out, &key, "messages", 7, "body", sotto_span(row.data, size)), SOTTO_ERR_AEAD);
    assert_int_equal(out.size, 0);
    assert_int_equal(sotto_row_open(&out, &key, "messages", 7, "body", sealed), SOTTO_OK);
    assert_true(sotto_span_equal(sotto_buf_span(&out), value));
    /* an empty value, into a buffer that never held anything */
    struct sotto_buf none = sotto_buf_make(200), empty = sotto_buf_make(200);
    assert_int_equal(sotto_row_seal(&none, &key, "t", 1, "c", sotto_span(NULL, 0), nonce), SOTTO_OK);
    assert_int_equal(none.size, SOTTO_ROW_OVERHEAD);
    assert_int_equal(sotto_row_open(&empty, &key, "t", 1, "c", sotto_buf_span(&none)), SOTTO_OK);
    assert_int_equal(sotto_row_open(&empty, &key, "t", 2, "c", sotto_buf_span(&none)), SOTTO_ERR_AEAD);
    assert_int_equal(empty.size, 0);
    sotto_buf_free(&none);
    sotto_buf_free(&empty);
    sotto_buf_free(&row);
    sotto_buf_free(&out);
}

/* ---- keystore ---- */

static struct sotto_scalar key_made;
static char json_made[1200];

static void export_one(void)
{
    uint8_t salt[32], iv[16], id[16];
    struct sotto_buf json = sotto_buf_make(sizeof json_made - 1);
    sotto_scalar_random(&key_made, rng());
    sotto_rng_fill(rng(), salt, 32);
    sotto_rng_fill(rng(), iv, 16);
    sotto_rng_fill(rng(), id, 16);
    assert_int_equal(sotto_keystore_export(&json, &key_made, sotto_span_str("pw"), 4, salt, iv, id), SOTTO_OK);
    memset(json_made, 0, sizeof json_made);
    memcpy(json_made, json.data, json.size);
    assert_int_equal(sotto_keystore_export(&json, &key_made, sotto_span_str("pw"), 3, salt, iv, id), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_keystore_export(&json, &key_made, sotto_span_str("pw"), 1, salt, iv, id), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_keystore_export(&json, &key_made, sotto_span_str("pw"), 1u << 21, salt, iv, id), SOTTO_ERR_RANGE);
    sotto_buf_free(&json);
}

static enum sotto_err import_text(const char *json, const char *password)
{
    struct sotto_scalar k = { { 0x11 } }, before = k;
    enum sotto_err err = sotto_keystore_import(&k, sotto_span_str(json), sotto_span_str(password));
    if (err == SOTTO_OK) assert_memory_equal(k.b, key_made.b, 32);
    else assert_memory_equal(k.b, before.b, 32);
    return err;
}

static void keystore_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        export_one();
        assert_int_equal(import_text(json_made, "pw"), SOTTO_OK);
        assert_int_equal(import_text(json_made, "pW"), SOTTO_ERR_PASSPHRASE);
        assert_int_equal(import_text(json_made, ""), SOTTO_ERR_PASSPHRASE);
    }
}

/* One piece of the good file replaced by another. */
static enum sotto_err import_with(const char *piece, const char *other)
{
    char json[2400];
    const char *at = strstr(json_made, piece);
    assert_non_null(at);
    snprintf(json, sizeof json, "%.*s%s%s", (int)(at - json_made), json_made, other, at + strlen(piece));
    return import_text(json, "pw");
}

static void keystore_bounds(void **state)
{
    (void)state;
    static const char *const refused[][2] = {
        { "\"n\":4,", "\"n\":5," }, { "\"n\":4,", "\"n\":0," }, { "\"n\":4,", "\"n\":1," }, { "\"n\":4,", "\"n\":2097152," },
        { "\"n\":4,", "\"n\":-4," }, { "\"n\":4,", "\"n\":4.0," }, { "\"n\":4,", "\"n\":\"4\"," }, { "\"n\":4,", "" },
        { "\"n\":4,", "\"n\":4294967300," }, { "\"n\":4,", "\"n\":99999999999999999999," }, { "\"n\":4,", "\"n\":4,\"n\":4," },
        { "\"r\":8", "\"r\":9" }, { "\"r\":8", "\"r\":0" }, { "\"p\":1", "\"p\":17" }, { "\"p\":1", "\"p\":0" },
        { "\"dklen\":32", "\"dklen\":31" }, { "\"dklen\":32", "\"dklen\":64" }, { "\"version\":3", "\"version\":1" },
        { "aes-128-ctr", "aes-128-cbc" }, { "\"kdf\":\"scrypt\"", "\"kdf\":\"bcrypt\"" }, { "\"kdf\":\"scrypt\"", "\"kdf\":7" },
        { "\"kdf\":\"scrypt\"", "\"kdf\":\"pbkdf2\"" }, { "\"mac\":\"", "\"mac\":\"00" }, { "\"mac\":\"", "\"mac\":\"zz" },
        { "\"ciphertext\":\"", "\"ciphertext\":\"00" }, { "\"iv\":\"", "\"iv\":\"0" }, { "\"salt\":\"", "\"salt\":\"xy" },
        { "\"crypto\":{", "\"crypto\":[{" }, { "\"crypto\"", "\"cripto\"" }, { "{\"version\"", "[{\"version\"" }, { "}}", "}" },
        { "\"version\":3", "\"version\":3,\"a\":[[[[[[[[[]]]]]]]]]" }, { "\"address\":\"", "\"address\":\"0" },
        { "\"n\":4,", "\"c\":0,\"prf\":\"hmac-sha256\"," },
    };
    export_one();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (import_with(refused[i][0], refused[i][1]) != SOTTO_ERR_KEYSTORE) fail_msg("%s -> %s", refused[i][0], refused[i][1]);
    /* harmless differences of other writers */
    assert_int_equal(import_with("\"crypto\"", "\"Crypto\""), SOTTO_OK);
    assert_int_equal(import_with("\"address\":\"", "\"address\":\"0x"), SOTTO_OK);
    assert_int_equal(import_with("\"version\":3", "\"version\":3,\"name\":\"my {[{[{[{[{[{[ key\\\"\""), SOTTO_OK);
    assert_int_equal(import_with("\"address\"", "\"other\""), SOTTO_OK);
    /* pbkdf2 in the same file: in bounds it is computed and does not fit, out of bounds it is never computed */
    char rounds[2400];
    const char *from = strstr(json_made, "\"kdf\":"), *to = strstr(json_made, "\"salt\"");
    static const struct { const char *c; enum sotto_err want; } counts[] = {
        { "10000001", SOTTO_ERR_KEYSTORE }, { "0", SOTTO_ERR_KEYSTORE }, { "-1", SOTTO_ERR_KEYSTORE }, { "1", SOTTO_ERR_PASSPHRASE },
    };
    for (size_t i = 0; i < 4; i++) {
        snprintf(rounds, sizeof rounds, "%.*s\"kdf\":\"pbkdf2\",\"kdfparams\":{\"dklen\":32,\"prf\":\"hmac-sha256\",\"c\":%s,%s",
                 (int)(from - json_made), json_made, counts[i].c, to);
        assert_int_equal(import_text(rounds, "pw"), counts[i].want);
    }
    /* another address than the key's */
    char *digit = strstr(json_made, "\"address\":\"") + strlen("\"address\":\"");
    *digit = *digit == '0' ? '1' : '0';
    assert_int_equal(import_text(json_made, "pw"), SOTTO_ERR_KEYSTORE);
}

static void keystore_eats_anything(void **state)
{
    (void)state;
    export_one();
    size_t size = strlen(json_made);
    for (size_t cut = 0; cut < size; cut++) {
        struct sotto_scalar k;
        assert_int_equal(sotto_keystore_import(&k, sotto_span(json_made, cut), sotto_span_str("pw")), SOTTO_ERR_KEYSTORE);
    }
    /* one digit of iv, ciphertext, salt or mac changed is noticed (an iv by the address) */
    static const char *const fields[] = { "\"iv\":\"", "\"ciphertext\":\"", "\"salt\":\"", "\"mac\":\"" };
    for (size_t i = 0; i < 4; i++) {
        char *at = strstr(json_made, fields[i]) + strlen(fields[i]);
        char was = *at;
        *at = was == '0' ? '1' : '0';
        assert_int_equal(import_text(json_made, "pw"), i == 0 ? SOTTO_ERR_KEYSTORE : SOTTO_ERR_PASSPHRASE);
        *at = was;
    }
    char *deep = malloc(20000);
    assert_non_null(deep);
    memset(deep, '[', 20000);
    struct sotto_scalar k;
    assert_int_equal(sotto_keystore_import(&k, sotto_span(deep, 20000), sotto_span_str("pw")), SOTTO_ERR_KEYSTORE);
    assert_int_equal(sotto_keystore_import(&k, sotto_span(deep, 16384), sotto_span_str("pw")), SOTTO_ERR_KEYSTORE);
    for (int i = 0; i < 2000; i++) {                  /* random damage: any answer, no crash, never another key */
        memcpy(deep, json_made, size);
        for (int j = 0; j < 3; j++) deep[sotto_rng_below(rng(), size)] = (char)sotto_rng_below(rng(), 256);
        struct sotto_scalar got;
        /* damage may raise the cost inside its bounds, so those rows are left alone: n, r and p stay as they were */
        if (!strstr(json_made, "\"n\":4,\"r\":8,\"p\":1") || memmem(deep, size, "\"n\":4,\"r\":8,\"p\":1", 17) == NULL) continue;
        /* the mac does not cover the iv, the address does: one that is called otherwise is no address, so its name stays as well */
        if (memmem(deep, size, "\"address\":", 10) == NULL) continue;
        if (sotto_keystore_import(&got, sotto_span(deep, size), sotto_span_str("pw")) == SOTTO_OK) assert_memory_equal(got.b, key_made.b, 32);
    }
    free(deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vault_opens_with_its_password_only), cmocka_unit_test(password_is_normalised),
        cmocka_unit_test(every_byte_of_the_vault_counts), cmocka_unit_test(costs_are_refused_first),
        cmocka_unit_test(production_minimum_opens), cmocka_unit_test(subkeys_differ), cmocka_unit_test(rows_open_in_their_place_only),
        cmocka_unit_test(keystore_round_trip), cmocka_unit_test(keystore_bounds), cmocka_unit_test(keystore_eats_anything),
    };
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    sotto_rng_from_seed(&random_stream, test_seed(), "vault test");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
