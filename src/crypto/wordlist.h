/* The standard English list of BIP-39, in order. Inside this room only. */
#ifndef SOTTO_CRYPTO_WORDLIST_H
#define SOTTO_CRYPTO_WORDLIST_H

#include "base/bytes.h"

#define SOTTO_WORD_MAX 8u                             /* letters of the longest word */

extern const char sotto_wordlist[2048][9];            /* zero-filled, so that whole entries can be compared */

/* Which words are meant is the account's seed: both functions read the whole list for each word, so that neither an address nor a
 * branch tells it. Public are the length of the whole phrase, the length of a word that was typed, and whether it is in the list. */

/* count words, 11 bits each from the start of bits, with single spaces. out has count * 9 bytes. Returns their length; no final zero. */
size_t sotto_words_put(char *out, const uint8_t *bits, size_t count);
/* The number of a word in lower case, at most SOTTO_WORD_MAX letters; false and 0 if it is not in the list. */
bool sotto_words_find(unsigned *index, struct sotto_span word);

#endif
