/* Tokens: who may ask over HTTP, and for what (experience.md 2.5). A pure table; whoever owns it stores its bytes.
 *
 *     cookie     one, new at each start, in a file of mode 0600; every scope but S; number 0, name "cookie"
 *     made       by `token create`: a name, scopes, perhaps an end; numbers rise and never come again
 *
 * A secret is 64 hex digits of 32 random bytes. The table holds TH("sotto/token", digits) only, so neither memory nor disk gives one away,
 * and what is presented is hashed and compared with every row, in constant time whatever it is. Wrong ones are counted: past 5 in a
 * minute the answer is "later". A right one passes even then: a program that guesses must not be able to shut out the owner, and 2^256
 * guesses need no other defence. Threads: plain values, one owner. */
#ifndef SOTTO_RPC_TOKEN_H
#define SOTTO_RPC_TOKEN_H

#include "base/bytes.h"

#define SOTTO_TOKENS_MAX 64u
#define SOTTO_TOKEN_SECRET 64u                  /* hex digits */
#define SOTTO_TOKEN_NAME_MAX 64u                /* bytes, UTF-8, no zero */
#define SOTTO_TOKEN_MISSES_MAX 5u               /* a minute */
#define SOTTO_TOKEN_ROWS_MAX (16u << 10)        /* bytes of all rows as stored */

struct sotto_token {
    uint64_t number;                            /* 0 = the cookie */
    char name[SOTTO_TOKEN_NAME_MAX + 1];
    unsigned scopes;                            /* enum sotto_scope; never S */
    uint64_t created_ms, expires_ms;            /* expires_ms 0 = never */
    uint64_t used_ms;                           /* 0 = never */
    uint8_t hash[32];
};
struct sotto_tokens {                           /* start with { 0 } */
    struct sotto_token cookie;
    bool has_cookie;
    struct sotto_token made[SOTTO_TOKENS_MAX];
    unsigned count;
    uint64_t last_number;
    uint64_t miss_since_ms;                     /* begin of the running minute */
    unsigned misses;
    bool used;                                  /* a used_ms changed since the rows were encoded */
};

/* random: 32 bytes of a secure source. secret gets 64 digits and a zero; wipe it when it was told. */
void sotto_tokens_set_cookie(struct sotto_tokens *t, char secret[SOTTO_TOKEN_SECRET + 1], const uint8_t random[32], uint64_t now_ms);
/* *out points into t until the next change. ERR_FULL, ERR_EXISTS (that name), ERR_RANGE (no scope, S, a name too long or empty, an end that
 * has passed). */
SOTTO_MUST_USE enum sotto_err sotto_tokens_add(struct sotto_tokens *t, const struct sotto_token **out, char secret[SOTTO_TOKEN_SECRET + 1],
                                               const uint8_t random[32], const char *name, unsigned scopes, uint64_t expires_ms, uint64_t now_ms);
SOTTO_MUST_USE enum sotto_err sotto_tokens_remove(struct sotto_tokens *t, uint64_t number);       /* ERR_MISSING; the cookie stays */

enum sotto_token_found { SOTTO_TOKEN_RIGHT, SOTTO_TOKEN_WRONG, SOTTO_TOKEN_LATER };
/* *out: a copy of the row, marked as used. An expired one is wrong. LATER: wrong, and one too many in this minute. */
enum sotto_token_found sotto_tokens_find(struct sotto_tokens *t, struct sotto_token *out, struct sotto_span secret, uint64_t now_ms);
/* The row by its number, for what a token began earlier; NULL: revoked or expired since. */
const struct sotto_token *sotto_tokens_number(const struct sotto_tokens *t, uint64_t number, uint64_t now_ms);

/* "rcx" and back; the order is r c w a x. false: an unknown letter, one twice, or none. */
void sotto_scopes_text(char out[8], unsigned scopes);
bool sotto_scopes_parse(unsigned *out, const char *text);

/* Stored form of the made ones: version 1 | last number 8 | count 2 | each: number 8, scopes 1, created 8, expires 8, used 8, hash 32, size of
 * the name 1, name. Numbers rise. Decoding replaces them all, or gives ERR_FORMAT and changes nothing. */
SOTTO_MUST_USE enum sotto_err sotto_tokens_encode(struct sotto_buf *out, const struct sotto_tokens *t);
SOTTO_MUST_USE enum sotto_err sotto_tokens_decode(struct sotto_tokens *t, struct sotto_span rows);

#endif
