/* What two people compare to be sure of each other's identity keys (messaging.md 2.3). Both orders of the keys give the same. */
#ifndef SOTTO_IDENTITY_SAFETY_H
#define SOTTO_IDENTITY_SAFETY_H

#include "crypto/curve.h"

#define SOTTO_SAFETY_DIGITS 72u           /* 12 groups of 5, single spaces, final zero */
#define SOTTO_SAFETY_WORDS 72u            /* 8 words of <= 8 letters, single spaces, final zero */

/* 60 digits: two halves of 30, so faking one person's half is a second preimage of 2^99. For the careful. */
void sotto_safety_digits(char out[SOTTO_SAFETY_DIGITS], const struct sotto_point *a, const struct sotto_point *b);
/* 8 words, about 2^61 work to fool. PBKDF2 with 131,072 rounds: 0.1 to 0.3 s, so on a worker. */
void sotto_safety_words(char out[SOTTO_SAFETY_WORDS], const struct sotto_point *a, const struct sotto_point *b);

#endif
