/* keys, vault, keystore, hash */
#include "vec.h"

#include "crypto/hash.h"
#include "crypto/mnemonic.h"
#include "crypto/vault.h"

#include <stdlib.h>

static const char *const role_names[SOTTO_ROLE_COUNT] = { "identity", "exchange", "payment", "scan" };

void vec_keys(struct vec *v)
{
    struct sotto_entropy entropy;
    if (vec_refused(v)) {
        int bad = 0;
        vec_is_error(v, sotto_mnemonic_parse(&entropy, &bad, sotto_span_str(vec_str(v, v->in, "words"))));
        return;
    }
    struct sotto_span bits = vec_bytes(v, v->in, "entropy");
    const char *passphrase = vec_str(v, v->in, "passphrase");
    uint64_t account = vec_num(v, v->in, "account");
    VEC_CHECK(v, account <= UINT32_MAX && bits.size <= 32);

    struct sotto_buf words = sotto_buf_make(SOTTO_WORDS_TEXT_MAX);
    VEC_OK(v, sotto_mnemonic_words_any(&words, bits));
    VEC_OK(v, sotto_buf_add_u8(&words, 0));
    char text[SOTTO_WORDS_TEXT_MAX];
    memcpy(text, words.data, words.size);
    sotto_buf_free(&words);
    vec_is_str(v, v->out, "words", text);
    if (bits.size == sizeof entropy.b) {  /* ours have 24 words: both ways */
        char again[SOTTO_WORDS_TEXT_MAX];
        VEC_OK(v, sotto_mnemonic_parse(&entropy, NULL, sotto_span_str(text)));
        VEC_CHECK(v, memcmp(entropy.b, bits.data, bits.size) == 0);
        sotto_mnemonic_words(again, &entropy);
        VEC_CHECK(v, strcmp(again, text) == 0);
    }

    struct sotto_seed seed;
    struct sotto_roles roles;
    sotto_mnemonic_seed(&seed, sotto_span_str(text), sotto_span_str(passphrase));
    vec_is_hex(v, v->out, "seed", seed.b, sizeof seed.b);
    VEC_OK(v, sotto_roles_derive(&roles, &seed, (uint32_t)account));
    json_t *private = vec_get(v, v->out, "private"), *public = vec_get(v, v->out, "public");
    struct sotto_point point[SOTTO_ROLE_COUNT];
    for (int r = 0; r < SOTTO_ROLE_COUNT; r++) {
        vec_is_hex(v, private, role_names[r], roles.key[r].b, 32);
        VEC_OK(v, sotto_point_make(&point[r], &roles.key[r]));
        vec_is_hex(v, public, role_names[r], point[r].b, 33);
    }
    struct sotto_id id;
    char eip55[43];
    VEC_OK(v, sotto_id_of(&id, &point[SOTTO_ROLE_IDENTITY]));
    vec_is_hex(v, v->out, "id", id.b, sizeof id.b);
    sotto_id_text(eip55, &id);
    vec_is_str(v, v->out, "eip55", eip55);
}

/* The cost is lowered in the file, so the reader's limits are too. */
static const struct sotto_vault_limits test_limits = { 2, 64, 8192, 4194304 };

void vec_vault(struct vec *v)
{
    struct sotto_secret vk;
    struct sotto_span password = vec_bytes(v, v->in, "password");
    if (vec_refused(v)) {
        vec_is_error(v, sotto_vault_open(&vk, vec_bytes(v, v->in, "file"), password, &test_limits));
        return;
    }
    uint64_t t = vec_num(v, v->in, "t"), m = vec_num(v, v->in, "m_kib"), row_id = vec_num(v, v->in, "row_id");
    VEC_CHECK(v, t >= test_limits.passes_min && t <= test_limits.passes_max && m >= test_limits.memory_kib_min && m <= test_limits.memory_kib_max);
    struct sotto_vault_cost cost = { (uint32_t)t, (uint32_t)m };
    uint8_t salt[16], nonce[24], row_nonce[24], file[SOTTO_VAULT_SIZE];
    vec_hex(v, v->in, "salt", salt, sizeof salt);
    vec_hex(v, v->in, "vault_key", vk.b, sizeof vk.b);
    vec_hex(v, v->in, "nonce", nonce, sizeof nonce);
    vec_hex(v, v->in, "row_nonce", row_nonce, sizeof row_nonce);

    struct sotto_secret kek, opened;
    VEC_OK(v, sotto_vault_kek(&kek, password, cost, salt));
    vec_is_hex(v, v->out, "kek", kek.b, sizeof kek.b);
    VEC_OK(v, sotto_vault_seal(file, &vk, password, cost, salt, nonce));
    vec_is_hex(v, v->out, "head", file, SOTTO_VAULT_HEAD);
    vec_is_hex(v, v->out, "file", file, sizeof file);
    VEC_OK(v, sotto_vault_open(&opened, SOTTO_SPAN(file), password, &test_limits));
    VEC_CHECK(v, memcmp(opened.b, vk.b, sizeof vk.b) == 0);

    static const char *const purposes[] = { "seed", "contacts", "messages", "sessions", "skipped", "files" };
    const char *table = vec_str(v, v->in, "row_table"), *column = vec_str(v, v->in, "row_column");
    json_t *subkeys = vec_get(v, v->out, "subkeys");
    struct sotto_secret subkey, row_key;
    bool found = false;
    for (size_t i = 0; i < sizeof purposes / sizeof *purposes; i++) {
        sotto_vault_subkey(&subkey, &vk, purposes[i]);
        vec_is_hex(v, subkeys, purposes[i], subkey.b, sizeof subkey.b);
        if (strcmp(purposes[i], table) == 0) row_key = subkey, found = true;
    }
    VEC_CHECK(v, found);                  /* in the file the table is named as its sub-key */

    struct sotto_span plain = vec_bytes(v, v->in, "row_plain");
    uint8_t aad[512], version[2] = { 0, 1 };
    size_t table_size = strlen(table) + 1, column_size = strlen(column) + 1, size = table_size + 8 + column_size + 2;
    VEC_CHECK(v, size <= sizeof aad);
    memcpy(aad, table, table_size);
    sotto_put_be64(aad + table_size, row_id);
    memcpy(aad + table_size + 8, column, column_size);
    memcpy(aad + table_size + 8 + column_size, version, 2);
    vec_is_hex(v, v->out, "row_aad", aad, size);

    struct sotto_buf row = sotto_buf_make(1 << 16), back = sotto_buf_make(1 << 16);
    VEC_OK(v, sotto_row_seal(&row, &row_key, table, row_id, column, plain, row_nonce));
    VEC_OK(v, sotto_row_open(&back, &row_key, table, row_id, column, sotto_buf_span(&row)));
    bool same = sotto_span_equal(sotto_buf_span(&back), plain);
    sotto_buf_free(&back);
    uint8_t bytes[4096];
    size_t row_size = row.size;
    bool fits = row_size <= sizeof bytes;
    if (fits) memcpy(bytes, row.data, row_size);
    sotto_buf_free(&row);
    VEC_CHECK(v, fits && same);
    vec_is_hex(v, v->out, "row", bytes, row_size);

    /* The same row by hand with the AAD above: it is what the row is bound to. */
    uint8_t by_hand[4096];
    VEC_OK(v, sotto_xchacha_seal(by_hand, &row_key, row_nonce, sotto_span(aad, size), plain));
    VEC_CHECK(v, memcmp(bytes, row_nonce, 24) == 0 && memcmp(bytes + 24, by_hand, row_size - 24) == 0);
}

static uint8_t hex_digit(struct vec *v, char c)
{
    if (c >= '0' && c <= '9') return (uint8_t)(c - '0');
    if (c >= 'a' && c <= 'f') return (uint8_t)(c - 'a' + 10);
    vec_fault(v, "id is no UUID");
}

static void read_uuid(struct vec *v, uint8_t out[16], const char *text)
{
    VEC_CHECK(v, strlen(text) == 36);
    for (size_t i = 0, n = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            VEC_CHECK(v, text[i] == '-');
            continue;
        }
        uint8_t digit = hex_digit(v, text[i]);
        out[n / 2] = n % 2 ? (uint8_t)(out[n / 2] | digit) : (uint8_t)(digit << 4);
        n++;
    }
}

void vec_keystore(struct vec *v)
{
    struct sotto_span password = vec_bytes(v, v->in, "password");
    struct sotto_scalar again;
    if (vec_refused(v)) {
        json_t *stored = vec_get(v, v->in, "keystore");
        vec_mark_all(v, stored);
        char *text = json_dumps(stored, 0);
        enum sotto_err err = sotto_keystore_import(&again, sotto_span_str(text), password);
        free(text);
        vec_is_error(v, err);
        return;
    }
    struct sotto_scalar key = vec_scalar(v, v->in, "private");
    uint8_t salt[32], iv[16], id[16];
    vec_hex(v, v->in, "salt", salt, sizeof salt);
    vec_hex(v, v->in, "iv", iv, sizeof iv);
    read_uuid(v, id, vec_str(v, v->in, "id"));
    uint64_t n = vec_num(v, v->in, "n");
    VEC_CHECK(v, n >= 2 && n <= 1u << 20);

    struct sotto_buf json = sotto_buf_make(4096);
    VEC_OK(v, sotto_keystore_export(&json, &key, password, (uint32_t)n, salt, iv, id));
    json_error_t error;
    json_t *made = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, &error);
    enum sotto_err err = sotto_keystore_import(&again, sotto_buf_span(&json), password);
    bool same = made && json_equal(made, v->out);
    json_decref(made);
    sotto_buf_free(&json);
    VEC_CHECK(v, same);                   /* the whole object, every key */
    vec_mark_all(v, v->out);
    VEC_CHECK(v, err == SOTTO_OK && memcmp(again.b, key.b, sizeof key.b) == 0);
}

void vec_hash(struct vec *v)
{
    uint8_t hash[32];
    if (vec_has(v->in, "tag")) {
        const char *tag = vec_str(v, v->in, "tag");
        struct sotto_span message = vec_bytes(v, v->in, "msg");
        SOTTO_TH(hash, tag, message);
        vec_is_hex(v, v->out, "hash", hash, sizeof hash);
        sotto_keccak256(hash, message);
        vec_is_hex(v, v->out, "keccak256", hash, sizeof hash);
        return;
    }
    struct sotto_span ikm = vec_bytes(v, v->in, "ikm"), info = vec_bytes(v, v->in, "info");
    struct sotto_span salt = vec_has(v->in, "salt") ? vec_bytes(v, v->in, "salt") : sotto_span(NULL, 0);
    uint64_t length = vec_num(v, v->in, "length");
    uint8_t okm[8160];
    VEC_CHECK(v, length >= 1 && length <= sizeof okm);
    sotto_hkdf_parts(okm, length, salt, &ikm, 1, &info, 1);
    vec_is_hex(v, v->out, "okm", okm, length);
}
