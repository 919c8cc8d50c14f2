/* Any bytes as a vault file and as a sealed row; then both sealed properly around the fuzzer's bytes, opened, spoilt. */
#include "support/fuzz_input.h"

#include "base/text.h"
#include "crypto/vault.h"

static const struct sotto_vault_limits low = { .passes_min = 1, .passes_max = 2, .memory_kib_min = 8, .memory_kib_max = 32 };

static void vault(struct fuzz_in in)
{
    struct sotto_secret vk, same;
    uint8_t file[SOTTO_VAULT_SIZE], salt[16], nonce[24];
    struct sotto_vault_cost cost = { fuzz_u8(&in) % 4, 4u + 8u * (fuzz_u8(&in) % 6) };
    uint16_t bit = fuzz_u16(&in);
    fuzz_fill(&in, vk.b, 32);
    fuzz_fill(&in, salt, 16);
    fuzz_fill(&in, nonce, 24);
    struct sotto_span password = fuzz_rest(&in);
    if (password.size > 512 || fuzz_err(sotto_vault_seal(file, &vk, password, cost, salt, nonce)) != SOTTO_OK) return;
    enum sotto_err err = fuzz_err(sotto_vault_open(&same, SOTTO_SPAN(file), password, &low));
    bool inside = cost.passes >= 1 && cost.passes <= 2 && cost.memory_kib >= 8 && cost.memory_kib <= 32;
    SOTTO_ASSERT(err == (inside ? SOTTO_OK : SOTTO_ERR_VAULT_COST));
    if (inside) SOTTO_ASSERT(memcmp(&vk, &same, 32) == 0);
    file[bit / 8 % sizeof file] ^= (uint8_t)(1u << bit % 8);
    err = fuzz_err(sotto_vault_open(&same, SOTTO_SPAN(file), password, &low));
    SOTTO_ASSERT(err == SOTTO_ERR_VAULT_FORM || err == SOTTO_ERR_VAULT_COST || err == SOTTO_ERR_PASSPHRASE);
}

static void row(struct fuzz_in in)
{
    static const char *const tables[] = { "contact", "session", "" };
    struct sotto_secret key, vk;
    uint8_t nonce[24];
    struct sotto_buf sealed = sotto_buf_make(8192), plain = sotto_buf_make(8192);
    const char *table = tables[fuzz_below(&in, 3)], *column = tables[fuzz_below(&in, 3)];
    uint64_t id = fuzz_wide(&in);
    uint16_t bit = fuzz_u16(&in);
    uint8_t what = fuzz_u8(&in);
    fuzz_fill(&in, vk.b, 32);
    fuzz_fill(&in, nonce, 24);
    sotto_vault_subkey(&key, &vk, table);
    struct sotto_span value = fuzz_rest(&in);
    SOTTO_ASSERT(sotto_row_seal(&sealed, &key, table, id, column, value, nonce) == SOTTO_OK && sealed.size == value.size + SOTTO_ROW_OVERHEAD);
    SOTTO_ASSERT(sotto_row_open(&plain, &key, table, id, column, sotto_buf_span(&sealed)) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&plain), value));
    plain.size = 0;
    switch (what % 4) {                                   /* elsewhere, or with one bit changed, it does not open */
    case 0: sealed.data[bit / 8 % sealed.size] ^= (uint8_t)(1u << bit % 8); break;
    case 1: id ^= 1ull << bit % 64; break;
    case 2: table = table[0] == 'c' ? "hello" : "contact"; break;
    default: sealed.size -= 1 + bit % sealed.size;
    }
    SOTTO_ASSERT(sotto_row_open(&plain, &key, table, id, column, sotto_buf_span(&sealed)) == SOTTO_ERR_AEAD && plain.size == 0);
    sotto_buf_free(&sealed);
    sotto_buf_free(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (sotto_crypto_init() != SOTTO_OK || size > 4096) return 0;
    struct fuzz_in in = fuzz_in(data, size);
    struct sotto_secret vk, key = { .b = { 1 } };
    struct sotto_buf plain = sotto_buf_make(8192);
    struct sotto_span all = sotto_span(data, size);
    enum sotto_err err = fuzz_err(sotto_vault_open(&vk, all, sotto_span_str("x"), &low));
    SOTTO_ASSERT(err == SOTTO_ERR_VAULT_FORM || err == SOTTO_ERR_VAULT_COST || (err == SOTTO_ERR_PASSPHRASE && size == SOTTO_VAULT_SIZE));
    SOTTO_ASSERT(sotto_row_open(&plain, &key, "contact", 1, "value", all) == SOTTO_ERR_AEAD && plain.size == 0);
    if (fuzz_u8(&in) % 4 == 0) vault(in);
    else row(in);
    sotto_buf_free(&plain);
    return 0;
}
