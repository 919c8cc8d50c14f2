#include "identity/safety.h"

#include "crypto/hash.h"
#include "crypto/mnemonic.h"

#include <stdio.h>

enum { GROUPS_PER_KEY = 6, GROUP_BYTES = 5, WORDS = 8, WORD_BITS = 11, WORD_ROUNDS = 131072 };

static void half(char *out, const struct sotto_point *key)
{
    uint8_t bytes[GROUPS_PER_KEY * GROUP_BYTES];
    sotto_hkdf(bytes, sizeof bytes, sotto_span(NULL, 0), SOTTO_SPAN(key->b), "sotto/safety/1", NULL, 0);
    for (int g = 0; g < GROUPS_PER_KEY; g++) {
        uint64_t value = 0;
        for (int i = 0; i < GROUP_BYTES; i++) value = value << 8 | bytes[g * GROUP_BYTES + i];
        snprintf(out + g * 6, 7, "%05u ", (unsigned)(value % 100000));
    }
}

static bool in_order(const struct sotto_point *a, const struct sotto_point *b)
{
    return memcmp(a->b, b->b, sizeof a->b) <= 0;
}

void sotto_safety_digits(char out[SOTTO_SAFETY_DIGITS], const struct sotto_point *a, const struct sotto_point *b)
{
    char text[2 * 36 + 1];
    bool order = in_order(a, b);
    half(text, order ? a : b);
    half(text + 36, order ? b : a);
    text[71] = 0;                         /* the space after the last group */
    memcpy(out, text, SOTTO_SAFETY_DIGITS);
}

void sotto_safety_words(char out[SOTTO_SAFETY_WORDS], const struct sotto_point *a, const struct sotto_point *b)
{
    uint8_t keys[66], bytes[WORDS * WORD_BITS / 8];
    bool order = in_order(a, b);
    memcpy(keys, (order ? a : b)->b, 33);
    memcpy(keys + 33, (order ? b : a)->b, 33);
    sotto_pbkdf2_sha512(bytes, sizeof bytes, SOTTO_SPAN(keys), sotto_span_str("sotto/safety/words/1"), WORD_ROUNDS);

    size_t used = 0;
    for (unsigned w = 0; w < WORDS; w++) {
        unsigned index = 0;
        for (unsigned bit = w * WORD_BITS; bit < (w + 1) * WORD_BITS; bit++) index = index << 1 | (bytes[bit / 8] >> (7 - bit % 8) & 1u);
        int n = snprintf(out + used, SOTTO_SAFETY_WORDS - used, "%s%s", w ? " " : "", sotto_word(index));
        SOTTO_ASSERT(n > 0 && (size_t)n < SOTTO_SAFETY_WORDS - used);
        used += (size_t)n;
    }
}
