#include "crypto/vault.h"

#include "crypto/hash.h"
#include "crypto/normal.h"

#include <sodium.h>

/* messaging.md 1.2. Below: too cheap for whoever steals the file. Above: a file that somebody prepared to stop the node. */
const struct sotto_vault_limits sotto_vault_limits_default = {
    .passes_min = 2, .passes_max = 64, .memory_kib_min = 65536, .memory_kib_max = 4194304,
};

enum { MAGIC = 8, PASSES_AT = 10, MEMORY_AT = 14, LANES_AT = 18, SALT_AT = 19, NONCE_AT = 35, SEALED_AT = 59 };
_Static_assert(SALT_AT + 16 == SOTTO_VAULT_HEAD && NONCE_AT == SOTTO_VAULT_HEAD && SEALED_AT + 48 == SOTTO_VAULT_SIZE, "vault layout");

static const uint8_t magic[MAGIC + 2] = { 'S', 'O', 'T', 'T', 'O', 'V', 'L', 'T', 1, 1 };   /* version, Argon2id v1.3 */

enum sotto_err sotto_vault_kek(struct sotto_secret *out, struct sotto_span password, struct sotto_vault_cost cost, const uint8_t salt[16])
{
    _Static_assert(crypto_pwhash_SALTBYTES == 16, "salt of Argon2id");
    /* What Argon2 itself can do; what a reader accepts is narrower and was checked by the caller. */
    if (cost.passes < 1 || cost.memory_kib < 8 || cost.memory_kib > sotto_vault_limits_default.memory_kib_max) return SOTTO_ERR_VAULT_COST;
    struct sotto_buf text = sotto_buf_make(SOTTO_NORMAL_MAX);
    struct sotto_secret kek;
    enum sotto_err err = sotto_normal(&text, password, SOTTO_NFC);
    if (err == SOTTO_OK) {
        const char *chars = text.size ? (const char *)text.data : "";
        if (crypto_pwhash(kek.b, sizeof kek.b, chars, text.size, salt, cost.passes, (size_t)cost.memory_kib * 1024,
                          crypto_pwhash_ALG_ARGON2ID13) != 0)
            err = SOTTO_ERR_NOMEM;                    /* its only failure with arguments in range */
    }
    if (err == SOTTO_OK) *out = kek;
    SOTTO_WIPE(kek);
    sotto_buf_free(&text);
    return err;
}

enum sotto_err sotto_vault_seal(uint8_t out[SOTTO_VAULT_SIZE], const struct sotto_secret *vk, struct sotto_span password,
                                struct sotto_vault_cost cost, const uint8_t salt[16], const uint8_t nonce[24])
{
    uint8_t file[SOTTO_VAULT_SIZE];
    struct sotto_secret kek;
    memcpy(file, magic, sizeof magic);
    sotto_put_be32(file + PASSES_AT, cost.passes);
    sotto_put_be32(file + MEMORY_AT, cost.memory_kib);
    file[LANES_AT] = 1;
    memcpy(file + SALT_AT, salt, 16);
    memcpy(file + NONCE_AT, nonce, 24);
    SOTTO_TRY(sotto_vault_kek(&kek, password, cost, salt));
    enum sotto_err err = sotto_xchacha_seal(file + SEALED_AT, &kek, nonce, sotto_span(file, SOTTO_VAULT_HEAD), SOTTO_SPAN(vk->b));
    SOTTO_WIPE(kek);
    SOTTO_TRY(err);
    memcpy(out, file, sizeof file);
    return SOTTO_OK;
}

enum sotto_err sotto_vault_open(struct sotto_secret *vk, struct sotto_span file, struct sotto_span password,
                                const struct sotto_vault_limits *limits)
{
    if (file.size != SOTTO_VAULT_SIZE || memcmp(file.data, magic, sizeof magic) != 0 || file.data[LANES_AT] != 1)
        return SOTTO_ERR_VAULT_FORM;
    struct sotto_vault_cost cost = { sotto_be32(file.data + PASSES_AT), sotto_be32(file.data + MEMORY_AT) };
    if (cost.passes < limits->passes_min || cost.passes > limits->passes_max || cost.memory_kib < limits->memory_kib_min
        || cost.memory_kib > limits->memory_kib_max)
        return SOTTO_ERR_VAULT_COST;
    struct sotto_secret kek, key = { { 0 } };
    enum sotto_err err = sotto_vault_kek(&kek, password, cost, file.data + SALT_AT);
    if (err == SOTTO_ERR_FORMAT || err == SOTTO_ERR_RANGE) err = SOTTO_ERR_PASSPHRASE;     /* no vault was made with such a password */
    SOTTO_TRY(err);
    err = sotto_xchacha_open(key.b, &kek, file.data + NONCE_AT, sotto_span_cut(file, 0, SOTTO_VAULT_HEAD),
                             sotto_span_cut(file, SEALED_AT, 48));
    if (err == SOTTO_OK) *vk = key;
    SOTTO_WIPE(kek);
    SOTTO_WIPE(key);
    return err == SOTTO_OK ? SOTTO_OK : SOTTO_ERR_PASSPHRASE;
}

void sotto_vault_subkey(struct sotto_secret *out, const struct sotto_secret *vk, const char *purpose)
{
    const struct sotto_span more = sotto_span_str(purpose);
    sotto_hkdf(out->b, sizeof out->b, sotto_span(NULL, 0), SOTTO_SPAN(vk->b), "sotto/vault/1", &more, 1);
}

/* ---- rows ---- */

enum { ROW_SCHEMA = 1, NAME_MAX_BYTES = 64, AAD_MAX = 2 * NAME_MAX_BYTES + 2 + 8 + 2 };

/* table 0 | u64 row | column 0 | u16 schema: a sealed value opens only in its own place. */
static struct sotto_span row_aad(uint8_t out[AAD_MAX], const char *table, uint64_t row_id, const char *column)
{
    size_t t = strlen(table) + 1, c = strlen(column) + 1;
    SOTTO_ASSERT(t <= NAME_MAX_BYTES && c <= NAME_MAX_BYTES);        /* names are ours */
    memcpy(out, table, t);
    sotto_put_be64(out + t, row_id);
    memcpy(out + t + 8, column, c);
    sotto_put_be16(out + t + 8 + c, ROW_SCHEMA);
    return sotto_span(out, t + 8 + c + 2);
}

enum sotto_err sotto_row_seal(struct sotto_buf *out, const struct sotto_secret *subkey, const char *table, uint64_t row_id,
                              const char *column, struct sotto_span value, const uint8_t nonce[24])
{
    uint8_t aad[AAD_MAX];
    if (value.size > SIZE_MAX - SOTTO_ROW_OVERHEAD) return SOTTO_ERR_FULL;
    SOTTO_TRY(sotto_buf_reserve(out, value.size + SOTTO_ROW_OVERHEAD));
    uint8_t *p = out->data + out->size;
    memcpy(p, nonce, 24);
    SOTTO_TRY(sotto_xchacha_seal(p + 24, subkey, nonce, row_aad(aad, table, row_id, column), value));
    out->size += value.size + SOTTO_ROW_OVERHEAD;
    return SOTTO_OK;
}

enum sotto_err sotto_row_open(struct sotto_buf *out, const struct sotto_secret *subkey, const char *table, uint64_t row_id,
                              const char *column, struct sotto_span sealed)
{
    uint8_t aad[AAD_MAX];
    uint8_t empty;
    if (sealed.size < SOTTO_ROW_OVERHEAD) return SOTTO_ERR_AEAD;
    size_t size = sealed.size - SOTTO_ROW_OVERHEAD;
    SOTTO_TRY(sotto_buf_reserve(out, size));
    uint8_t *to = size ? out->data + out->size : &empty;             /* an empty buffer may have no memory yet */
    struct sotto_span place = row_aad(aad, table, row_id, column);
    SOTTO_TRY(sotto_xchacha_open(to, subkey, sealed.data, place, sotto_span_cut(sealed, 24, sealed.size - 24)));
    out->size += size;
    return SOTTO_OK;
}
