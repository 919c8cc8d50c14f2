/* Account files: any bytes; and a proper vault with the fuzzer's bytes as its seed row, sealed as only the owner could. What opens gives
 * the same keys again, and sealed under another passphrase still does. */
#include "support/fuzz_input.h"

#include "crypto/rng.h"
#include "node/keys.h"

static const struct sotto_vault_limits low = { .passes_min = 1, .passes_max = 1, .memory_kib_min = 8, .memory_kib_max = 16 };
static const struct sotto_vault_cost cost = { 1, 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sotto_keys keys, same;
    static struct sotto_chacha_rng rng;
    static uint8_t vault[SOTTO_VAULT_SIZE];
    static const struct sotto_secret vk = { { 7 } };
    static bool ready;
    if (!ready) {
        static const uint8_t salt[16] = { 1 }, nonce[24] = { 2 };
        SOTTO_ASSERT(sotto_crypto_init() == SOTTO_OK && sotto_vault_seal(vault, &vk, sotto_span_str("pass"), cost, salt, nonce) == SOTTO_OK);
        sotto_rng_from_seed(&rng, 1, "fuzz");
        ready = true;
    }
    SOTTO_ASSERT(fuzz_err(sotto_keys_open(&keys, sotto_span(data, size), sotto_span_str("pass"), &low)) != SOTTO_OK);

    struct fuzz_in in = fuzz_in(data, size);
    struct sotto_secret seed_key;
    struct sotto_buf file = sotto_buf_make(8192);
    struct sotto_entropy entropy;
    uint8_t nonce[24] = { 3 }, spoil = fuzz_u8(&in);
    struct sotto_span seed = fuzz_rest(&in);
    if (seed.size > 4096) return 0;
    sotto_vault_subkey(&seed_key, &vk, "seed");
    SOTTO_ASSERT(sotto_buf_add(&file, vault, sizeof vault) == SOTTO_OK && sotto_row_seal(&file, &seed_key, "account", 0, "seed", seed, nonce) == SOTTO_OK);
    if (spoil & 1) file.data[SOTTO_VAULT_SIZE + (spoil >> 1) % (file.size - SOTTO_VAULT_SIZE)] ^= 1;
    enum sotto_err err = fuzz_err(sotto_keys_open(&keys, sotto_buf_span(&file), sotto_span_str("pass"), &low));
    if (err == SOTTO_OK) {
        uint8_t other[SOTTO_ACCOUNT_FILE_SIZE];
        SOTTO_ASSERT(!(spoil & 1) && seed.size == 37 && file.size == SOTTO_ACCOUNT_FILE_SIZE && keys.account_index == sotto_be32(seed.data + 33));
        SOTTO_ASSERT(sotto_keys_entropy(&entropy, &keys, sotto_buf_span(&file)) == SOTTO_OK && memcmp(entropy.b, seed.data + 1, 32) == 0);
        SOTTO_ASSERT(sotto_keys_reseal(other, &keys, sotto_buf_span(&file), sotto_span_str("another"), cost, &rng.rng) == SOTTO_OK);
        SOTTO_ASSERT(sotto_keys_open(&same, SOTTO_SPAN(other), sotto_span_str("another"), &low) == SOTTO_OK && memcmp(&same.roles, &keys.roles, sizeof keys.roles) == 0);
        SOTTO_ASSERT(sotto_keys_open(&same, SOTTO_SPAN(other), sotto_span_str("pass"), &low) == SOTTO_ERR_PASSPHRASE);
    }
    sotto_buf_free(&file);
    return 0;
}
