/* The standard English list of BIP-39, in order. Inside this room only. */
#ifndef SOTTO_CRYPTO_WORDLIST_H
#define SOTTO_CRYPTO_WORDLIST_H

extern const char sotto_wordlist[2048][9];            /* zero-filled, so that whole entries can be compared */

#endif
