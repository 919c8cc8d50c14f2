/* Any 1028 bytes as a cell in the first-contact lane; the fuzzer's bytes also choose a plain text to seal and change. */
#include "support/fuzz.h"

#include "identity/box.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    static const struct sotto_scalar exchange = { { [31] = 5 } }, scan = { { [31] = 7 } }, e = { { [31] = 9 } };
    struct sotto_box_keys keys;
    uint8_t sealed[SOTTO_BOX_SEALED] = { 0 }, plain[SOTTO_BOX_PLAIN] = { 0 }, opened[SOTTO_BOX_PLAIN];
    SOTTO_ASSERT(sotto_box_keys_make(&keys, &exchange, &scan) == SOTTO_OK);

    if (size > 0) memcpy(sealed, data, size < sizeof sealed ? size : sizeof sealed);
    SOTTO_ASSERT(sotto_box_open(opened, &keys, sealed) != SOTTO_OK);

    if (size > 0) memcpy(plain, data, size < sizeof plain ? size : sizeof plain);
    SOTTO_ASSERT(sotto_box_seal(sealed, &keys.exchange_pub, &keys.scan_pub, plain, &e, plain) == SOTTO_OK);
    SOTTO_ASSERT(sotto_box_open(opened, &keys, sealed) == SOTTO_OK && memcmp(plain, opened, sizeof plain) == 0);
    if (size >= 2) {
        size_t bit = sotto_be16(data) % (8 * sizeof sealed);
        sealed[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        SOTTO_ASSERT(sotto_box_open(opened, &keys, sealed) != SOTTO_OK);
    }
    return 0;
}
