/* Any bytes as a vault file, as a sealed row, and as a Web3 keystore. */
#include "crypto/vault.h"
#include "support/fuzz.h"

#include <ctype.h>

/* A keystore may ask for seconds of scrypt within its bounds: numbers of more than 3 digits are left to the unit tests. */
static bool cheap(const uint8_t *data, size_t size)
{
    size_t run = 0, quotes = 0;
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '"') quotes++;
        run = isdigit(data[i]) && quotes % 2 == 0 ? run + 1 : 0;
        if (run > 3 || (run && (data[i] == 'e' || data[i] == 'E'))) return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sotto_vault_limits low = { .passes_min = 1, .passes_max = 1, .memory_kib_min = 8, .memory_kib_max = 16 };
    static bool ready;
    if (!ready) ready = sotto_crypto_init() == SOTTO_OK;
    struct sotto_secret vk, subkey = { .b = { 1 } };
    struct sotto_scalar key;
    struct sotto_buf plain = sotto_buf_make(1u << 20);
    struct sotto_span all = sotto_span(data, size);
    if (sotto_vault_open(&vk, all, sotto_span_str("x"), &low) == SOTTO_OK) SOTTO_ASSERT(size == SOTTO_VAULT_SIZE);
    if (sotto_row_open(&plain, &subkey, "contact", 1, "value", all) == SOTTO_OK) SOTTO_ASSERT(plain.size + SOTTO_ROW_OVERHEAD == size);
    if (cheap(data, size) && sotto_keystore_import(&key, all, sotto_span_str("testpassword")) == SOTTO_OK) SOTTO_ASSERT(sotto_scalar_valid(&key));
    sotto_buf_free(&plain);
    return 0;
}
