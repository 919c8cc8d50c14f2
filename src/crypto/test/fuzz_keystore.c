/* Any text as a Web3 keystore, and a proper one with a piece of it replaced. */
#include "support/fuzz_input.h"

#include "crypto/vault.h"

#include <ctype.h>

/* A keystore may ask for seconds of scrypt within its bounds: numbers of more than 3 digits are left to the unit tests. */
static bool cheap(struct sotto_span t)
{
    size_t run = 0, quotes = 0;
    for (size_t i = 0; i < t.size; i++) {
        if (t.data[i] == '"') quotes++;
        run = isdigit(t.data[i]) && quotes % 2 == 0 ? run + 1 : 0;
        if (run > 3 || (run && (t.data[i] == 'e' || t.data[i] == 'E'))) return false;
    }
    return true;
}

static void read_text(struct sotto_span text)
{
    struct sotto_scalar key;
    memset(&key, 0xa5, sizeof key);
    if (!cheap(text)) return;
    enum sotto_err err = fuzz_err(sotto_keystore_import(&key, text, sotto_span_str("testpassword")));
    SOTTO_ASSERT(err == SOTTO_OK || err == SOTTO_ERR_KEYSTORE || err == SOTTO_ERR_PASSPHRASE || err == SOTTO_ERR_KEY);
    if (err == SOTTO_OK) SOTTO_ASSERT(sotto_scalar_valid(&key));
    else SOTTO_ASSERT(key.b[0] == 0xa5 && key.b[31] == 0xa5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sotto_buf good;
    static const uint8_t salt[32] = { 1 }, iv[16] = { 2 }, id[16] = { 3 };
    static const struct sotto_scalar key = { { [31] = 7 } };
    if (good.size == 0) {
        SOTTO_ASSERT(sotto_crypto_init() == SOTTO_OK);
        good = sotto_buf_make(4096);
        SOTTO_ASSERT(sotto_keystore_export(&good, &key, sotto_span_str("testpassword"), 2, salt, iv, id) == SOTTO_OK);
        struct sotto_scalar same;
        SOTTO_ASSERT(sotto_keystore_import(&same, sotto_buf_span(&good), sotto_span_str("testpassword")) == SOTTO_OK && memcmp(&same, &key, 32) == 0);
    }
    read_text(sotto_span(data, size));
    if (size >= 3) {                                      /* from, how many go, then what comes instead */
        struct sotto_buf text = sotto_buf_make(8192);
        size_t from = sotto_be16(data) % good.size, gone = data[2] % (good.size - from + 1);
        if (sotto_buf_add(&text, good.data, from) == SOTTO_OK && sotto_buf_add(&text, data + 3, size - 3) == SOTTO_OK &&
            sotto_buf_add(&text, good.data + from + gone, good.size - from - gone) == SOTTO_OK)
            read_text(sotto_buf_span(&text));
        sotto_buf_free(&text);
    }
    return 0;
}
