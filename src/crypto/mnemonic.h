/* From 24 words to role keys: BIP-39, BIP-32 hardened path m/7377'/0'/account'/role' (messaging.md 1.1). */
#ifndef SOTTO_CRYPTO_MNEMONIC_H
#define SOTTO_CRYPTO_MNEMONIC_H

#include "crypto/curve.h"

#define SOTTO_WORDS_TEXT_MAX 240u                     /* 24 words of <= 8 letters, spaces, final zero */

enum sotto_role { SOTTO_ROLE_IDENTITY, SOTTO_ROLE_EXCHANGE, SOTTO_ROLE_PAYMENT, SOTTO_ROLE_SCAN, SOTTO_ROLE_COUNT };
struct sotto_entropy { uint8_t b[32]; };
struct sotto_seed { uint8_t b[64]; };
struct sotto_roles { struct sotto_scalar key[SOTTO_ROLE_COUNT]; };

const char *sotto_word(unsigned index);               /* 0..2047 of the English list */
int sotto_word_index(struct sotto_span word);         /* -1: not in the list */
const char *sotto_word_nearest(struct sotto_span word);               /* by edit distance, for "did you mean" */

/* Single spaces, lower case, a final zero. Returns the length: public, as the words are not (crypto/wordlist.h). */
size_t sotto_mnemonic_words(char out[SOTTO_WORDS_TEXT_MAX], const struct sotto_entropy *e);
/* Any white space between words, any case. ERR_PHRASE; *bad_word (may be NULL) = 1..24 the first word not in the list, 0 =
 * wrong count or the check word differs. */
SOTTO_MUST_USE enum sotto_err sotto_mnemonic_parse(struct sotto_entropy *out, int *bad_word, struct sotto_span text);
/* General form, 12..24 words (public vectors): words from 16..32 bytes of entropy. */
SOTTO_MUST_USE enum sotto_err sotto_mnemonic_words_any(struct sotto_buf *out, struct sotto_span entropy);
/* words exactly as they are hashed; passphrase is NFKD-normalised here. */
void sotto_mnemonic_seed(struct sotto_seed *out, struct sotto_span words, struct sotto_span passphrase);

/* Only private halves leave this function, no chain code. */
SOTTO_MUST_USE enum sotto_err sotto_roles_derive(struct sotto_roles *out, const struct sotto_seed *seed, uint32_t account);
/* One hardened path, for the published BIP-32 vectors; chain code out may be NULL. seed is 16..64 bytes. */
SOTTO_MUST_USE enum sotto_err sotto_bip32_hardened(struct sotto_scalar *out, uint8_t chain_code[32], struct sotto_span seed,
                                                   const uint32_t *path, size_t depth);

#endif
