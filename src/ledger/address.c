#include "ledger/address.h"

#include "crypto/hash.h"

enum { HASH = 20, CHECK = 4, WHOLE = 1 + HASH + CHECK };

static const char digits58[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

void sotto_h160_of(struct sotto_h160 *out, const struct sotto_point *key) { sotto_hash160(out->b, SOTTO_SPAN(key->b)); }

static void checksum(uint8_t out[CHECK], const uint8_t head[1 + HASH])
{
    uint8_t twice[32];
    sotto_sha256d(twice, sotto_span(head, 1 + HASH));
    memcpy(out, twice, CHECK);
}

/* The version byte is never zero, so the number has no leading zero byte and its digits no leading '1'. */
void sotto_pay_text(char out[SOTTO_PAY_TEXT], enum sotto_pay_net net, const struct sotto_h160 *hash)
{
    uint8_t number[WHOLE] = { (uint8_t)net };
    char backwards[SOTTO_PAY_TEXT];
    size_t n = 0;
    memcpy(number + 1, hash->b, HASH);
    checksum(number + 1 + HASH, number);
    while (!sotto_all_zero(number, sizeof number)) {
        unsigned rest = 0;
        for (size_t i = 0; i < sizeof number; i++) {
            rest = rest << 8 | number[i];
            number[i] = (uint8_t)(rest / 58);
            rest %= 58;
        }
        SOTTO_ASSERT(n < SOTTO_PAY_TEXT - 1);
        backwards[n++] = digits58[rest];
    }
    for (size_t i = 0; i < n; i++) out[i] = backwards[n - 1 - i];
    out[n] = 0;
}

enum sotto_err sotto_pay_parse(struct sotto_h160 *out, enum sotto_pay_net net, struct sotto_span text)
{
    uint8_t number[WHOLE] = { 0 }, check[CHECK];
    if (text.size == 0 || text.size >= SOTTO_PAY_TEXT || text.data[0] == '1') return SOTTO_ERR_FORMAT;
    for (size_t c = 0; c < text.size; c++) {
        const char *digit = text.data[c] ? strchr(digits58, text.data[c]) : NULL;
        if (!digit) return SOTTO_ERR_FORMAT;
        unsigned carry = (unsigned)(digit - digits58);
        for (size_t i = sizeof number; i-- > 0;) {
            carry += 58u * number[i];
            number[i] = (uint8_t)carry;
            carry >>= 8;
        }
        if (carry) return SOTTO_ERR_FORMAT;
    }
    checksum(check, number);
    if (number[0] != (uint8_t)net || memcmp(check, number + 1 + HASH, CHECK) != 0) return SOTTO_ERR_FORMAT;
    memcpy(out->b, number + 1, HASH);
    return SOTTO_OK;
}

enum sotto_err sotto_signed_by(const struct sotto_id *id, const struct sotto_sig65 *sig, const uint8_t digest[32])
{
    struct sotto_point key;
    struct sotto_id signer;
    if (sotto_recover(&key, sig, digest) != SOTTO_OK || sotto_id_of(&signer, &key) != SOTTO_OK) return SOTTO_R_SIG;
    return sotto_id_equal(&signer, id) ? SOTTO_OK : SOTTO_R_SIG;
}
