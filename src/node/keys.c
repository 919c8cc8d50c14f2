#include "node/keys.h"

enum { SEED_VERSION = 1, SEED_SIZE = 37 };

static void derive_subkeys(struct sotto_keys *keys)
{
    static const char *const names[SOTTO_PURPOSE_COUNT] = { "contacts", "messages", "sessions", "skipped" };
    for (int i = 0; i < SOTTO_PURPOSE_COUNT; i++) sotto_vault_subkey(&keys->sub[i], &keys->vk, names[i]);
}

static enum sotto_err derive_roles(struct sotto_keys *keys, const struct sotto_entropy *entropy)
{
    char words[SOTTO_WORDS_TEXT_MAX];
    struct sotto_seed seed;
    size_t size = sotto_mnemonic_words(words, entropy);
    sotto_mnemonic_seed(&seed, sotto_span(words, size), sotto_span(NULL, 0));
    enum sotto_err err = sotto_roles_derive(&keys->roles, &seed, keys->account_index);
    SOTTO_WIPE(words);
    SOTTO_WIPE(seed);
    return err;
}

static enum sotto_err write_file(uint8_t file[SOTTO_ACCOUNT_FILE_SIZE], const struct sotto_keys *keys, const struct sotto_entropy *entropy,
                                 struct sotto_span passphrase, struct sotto_vault_cost cost, struct sotto_rng *rng)
{
    uint8_t salt[16], nonce[24], seed[SEED_SIZE], made[SOTTO_ACCOUNT_FILE_SIZE];
    struct sotto_secret seed_key;
    struct sotto_buf row = sotto_buf_make(SEED_SIZE + SOTTO_ROW_OVERHEAD);
    sotto_rng_fill(rng, salt, sizeof salt);
    sotto_rng_fill(rng, nonce, sizeof nonce);
    SOTTO_TRY(sotto_vault_seal(made, &keys->vk, passphrase, cost, salt, nonce));
    sotto_rng_fill(rng, nonce, sizeof nonce);
    seed[0] = SEED_VERSION;
    memcpy(seed + 1, entropy->b, 32);
    sotto_put_be32(seed + 33, keys->account_index);
    sotto_vault_subkey(&seed_key, &keys->vk, "seed");
    enum sotto_err err = sotto_row_seal(&row, &seed_key, "account", 0, "seed", SOTTO_SPAN(seed), nonce);
    SOTTO_WIPE(seed);
    SOTTO_WIPE(seed_key);
    if (err == SOTTO_OK) {
        SOTTO_ASSERT(row.size == SEED_SIZE + SOTTO_ROW_OVERHEAD);
        memcpy(made + SOTTO_VAULT_SIZE, row.data, row.size);
        memcpy(file, made, sizeof made);
    }
    sotto_buf_free(&row);
    return err;
}

/* Reads the seed row with keys->vk in place; fills account_index too. */
static enum sotto_err read_seed(struct sotto_entropy *entropy, uint32_t *account_index, const struct sotto_keys *keys, struct sotto_span file)
{
    if (file.size != SOTTO_ACCOUNT_FILE_SIZE) return SOTTO_ERR_VAULT_FORM;
    struct sotto_secret seed_key;
    struct sotto_buf seed = sotto_buf_make(SEED_SIZE);
    sotto_vault_subkey(&seed_key, &keys->vk, "seed");
    enum sotto_err err = sotto_row_open(&seed, &seed_key, "account", 0, "seed", sotto_span_cut(file, SOTTO_VAULT_SIZE, file.size - SOTTO_VAULT_SIZE));
    SOTTO_WIPE(seed_key);
    if (err == SOTTO_OK && (seed.size != SEED_SIZE || seed.data[0] != SEED_VERSION)) err = SOTTO_ERR_VAULT_FORM;
    if (err == SOTTO_OK) {
        memcpy(entropy->b, seed.data + 1, 32);
        *account_index = sotto_be32(seed.data + 33);
    }
    sotto_buf_free(&seed);
    return err;
}

enum sotto_err sotto_keys_make(struct sotto_keys *keys, uint8_t file[SOTTO_ACCOUNT_FILE_SIZE], const struct sotto_entropy *entropy,
                               uint32_t account_index, struct sotto_span passphrase, struct sotto_vault_cost cost, struct sotto_rng *rng)
{
    sotto_rng_fill(rng, keys->vk.b, sizeof keys->vk.b);
    keys->account_index = account_index;
    keys->empty_passphrase = passphrase.size == 0;
    derive_subkeys(keys);
    SOTTO_TRY(derive_roles(keys, entropy));
    return write_file(file, keys, entropy, passphrase, cost, rng);
}

enum sotto_err sotto_keys_open(struct sotto_keys *keys, struct sotto_span file, struct sotto_span passphrase, const struct sotto_vault_limits *limits)
{
    if (file.size != SOTTO_ACCOUNT_FILE_SIZE) return SOTTO_ERR_VAULT_FORM;
    SOTTO_TRY(sotto_vault_open(&keys->vk, sotto_span_cut(file, 0, SOTTO_VAULT_SIZE), passphrase, limits));
    struct sotto_entropy entropy;
    enum sotto_err err = read_seed(&entropy, &keys->account_index, keys, file);
    if (err == SOTTO_OK) err = derive_roles(keys, &entropy);
    SOTTO_WIPE(entropy);
    if (err != SOTTO_OK) {
        SOTTO_WIPE(*keys);
        return err;
    }
    keys->empty_passphrase = passphrase.size == 0;
    derive_subkeys(keys);
    return SOTTO_OK;
}

enum sotto_err sotto_keys_entropy(struct sotto_entropy *out, const struct sotto_keys *keys, struct sotto_span file)
{
    uint32_t index;
    return read_seed(out, &index, keys, file);
}

enum sotto_err sotto_keys_reseal(uint8_t file[SOTTO_ACCOUNT_FILE_SIZE], const struct sotto_keys *keys, struct sotto_span old_file,
                                 struct sotto_span passphrase, struct sotto_vault_cost cost, struct sotto_rng *rng)
{
    struct sotto_entropy entropy;
    SOTTO_TRY(sotto_keys_entropy(&entropy, keys, old_file));
    enum sotto_err err = write_file(file, keys, &entropy, passphrase, cost, rng);
    SOTTO_WIPE(entropy);
    return err;
}

enum sotto_purpose sotto_purpose_of(enum sotto_table table)
{
    const char *purpose = sotto_table_purpose(table);
    return strcmp(purpose, "contacts") == 0   ? SOTTO_PURPOSE_CONTACTS
           : strcmp(purpose, "sessions") == 0 ? SOTTO_PURPOSE_SESSIONS
           : strcmp(purpose, "skipped") == 0  ? SOTTO_PURPOSE_SKIPPED
                                              : SOTTO_PURPOSE_MESSAGES;
}
