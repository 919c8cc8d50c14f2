#include "rpc/token.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "rpc/rpc.h"

#define VERSION 1u
#define ROW_FIXED 66u                           /* bytes of a row without its name */
#define MINUTE_MS 60000u

static const struct { char letter; unsigned scope; } letters[] = {
    { 'r', SOTTO_SCOPE_R }, { 'c', SOTTO_SCOPE_C }, { 'w', SOTTO_SCOPE_W }, { 'a', SOTTO_SCOPE_A }, { 'x', SOTTO_SCOPE_X },
};
#define LETTERS (sizeof letters / sizeof letters[0])
#define GRANTED (SOTTO_SCOPE_ALL & ~(unsigned)SOTTO_SCOPE_S)

static void hash_of(uint8_t out[32], struct sotto_span secret) { SOTTO_TH(out, "sotto/token", secret); }

static void make_secret(char secret[SOTTO_TOKEN_SECRET + 1], uint8_t hash[32], const uint8_t random[32])
{
    sotto_hex(secret, random, 32);
    hash_of(hash, sotto_span(secret, SOTTO_TOKEN_SECRET));
}

void sotto_tokens_set_cookie(struct sotto_tokens *t, char secret[SOTTO_TOKEN_SECRET + 1], const uint8_t random[32], uint64_t now_ms)
{
    t->cookie = (struct sotto_token){ .name = "cookie", .scopes = GRANTED, .created_ms = now_ms };
    make_secret(secret, t->cookie.hash, random);
    t->has_cookie = true;
}

enum sotto_err sotto_tokens_add(struct sotto_tokens *t, const struct sotto_token **out, char secret[SOTTO_TOKEN_SECRET + 1], const uint8_t random[32],
                                const char *name, unsigned scopes, uint64_t expires_ms, uint64_t now_ms)
{
    size_t size = strlen(name);
    if (size == 0 || size > SOTTO_TOKEN_NAME_MAX || !sotto_utf8_valid(sotto_span(name, size))) return SOTTO_ERR_RANGE;
    if (scopes == 0 || (scopes & ~GRANTED) || (expires_ms && expires_ms <= now_ms)) return SOTTO_ERR_RANGE;
    if (strcmp(name, t->cookie.name) == 0) return SOTTO_ERR_EXISTS;
    for (unsigned i = 0; i < t->count; i++)
        if (strcmp(t->made[i].name, name) == 0) return SOTTO_ERR_EXISTS;
    if (t->count == SOTTO_TOKENS_MAX) return SOTTO_ERR_FULL;
    struct sotto_token *made = &t->made[t->count++];
    *made = (struct sotto_token){ .number = ++t->last_number, .scopes = scopes, .created_ms = now_ms, .expires_ms = expires_ms };
    memcpy(made->name, name, size + 1);
    make_secret(secret, made->hash, random);
    *out = made;
    return SOTTO_OK;
}

enum sotto_err sotto_tokens_remove(struct sotto_tokens *t, uint64_t number)
{
    for (unsigned i = 0; i < t->count; i++) {
        if (t->made[i].number != number) continue;
        memmove(&t->made[i], &t->made[i + 1], (t->count - i - 1) * sizeof t->made[0]);
        t->count--;
        return SOTTO_OK;
    }
    return SOTTO_ERR_MISSING;
}

static bool expired(const struct sotto_token *token, uint64_t now_ms) { return token->expires_ms != 0 && now_ms >= token->expires_ms; }

static enum sotto_token_found miss(struct sotto_tokens *t, uint64_t now_ms)
{
    if (now_ms < t->miss_since_ms || now_ms - t->miss_since_ms >= MINUTE_MS) {       /* a clock that went back begins a new minute too */
        t->miss_since_ms = now_ms;
        t->misses = 0;
    }
    if (t->misses < SOTTO_TOKEN_MISSES_MAX) {
        t->misses++;
        return SOTTO_TOKEN_WRONG;
    }
    return SOTTO_TOKEN_LATER;
}

enum sotto_token_found sotto_tokens_find(struct sotto_tokens *t, struct sotto_token *out, struct sotto_span secret, uint64_t now_ms)
{
    uint8_t hash[32];
    struct sotto_token *found = NULL;
    hash_of(hash, secret);
    for (unsigned i = 0; i < t->count; i++)     /* every row, whatever was found before */
        if (sotto_equal_ct(t->made[i].hash, hash, sizeof hash)) found = &t->made[i];
    if (sotto_equal_ct(t->cookie.hash, hash, sizeof hash) && t->has_cookie) found = &t->cookie;
    SOTTO_WIPE(hash);
    if (!found || expired(found, now_ms)) return miss(t, now_ms);
    found->used_ms = now_ms;
    t->used |= found->number != 0;
    *out = *found;
    return SOTTO_TOKEN_RIGHT;
}

const struct sotto_token *sotto_tokens_number(const struct sotto_tokens *t, uint64_t number, uint64_t now_ms)
{
    if (number == 0) return t->has_cookie ? &t->cookie : NULL;
    for (unsigned i = 0; i < t->count; i++)
        if (t->made[i].number == number) return expired(&t->made[i], now_ms) ? NULL : &t->made[i];
    return NULL;
}

void sotto_scopes_text(char out[8], unsigned scopes)
{
    for (size_t i = 0; i < LETTERS; i++)
        if (scopes & letters[i].scope) *out++ = letters[i].letter;
    if (scopes & SOTTO_SCOPE_S) *out++ = 's';
    *out = 0;
}

bool sotto_scopes_parse(unsigned *out, const char *text)
{
    unsigned scopes = 0;
    for (; *text; text++) {
        size_t i = 0;
        while (i < LETTERS && letters[i].letter != *text) i++;
        if (i == LETTERS || (scopes & letters[i].scope)) return false;
        scopes |= letters[i].scope;
    }
    if (scopes == 0) return false;
    *out = scopes;
    return true;
}

enum sotto_err sotto_tokens_encode(struct sotto_buf *out, const struct sotto_tokens *t)
{
    SOTTO_TRY(sotto_buf_add_u8(out, VERSION));
    SOTTO_TRY(sotto_buf_add_u64(out, t->last_number));
    SOTTO_TRY(sotto_buf_add_u16(out, (uint16_t)t->count));
    for (unsigned i = 0; i < t->count; i++) {
        const struct sotto_token *token = &t->made[i];
        SOTTO_TRY(sotto_buf_add_u64(out, token->number));
        SOTTO_TRY(sotto_buf_add_u8(out, (uint8_t)token->scopes));
        SOTTO_TRY(sotto_buf_add_u64(out, token->created_ms));
        SOTTO_TRY(sotto_buf_add_u64(out, token->expires_ms));
        SOTTO_TRY(sotto_buf_add_u64(out, token->used_ms));
        SOTTO_TRY(sotto_buf_add(out, token->hash, sizeof token->hash));
        SOTTO_TRY(sotto_buf_add_u8(out, (uint8_t)strlen(token->name)));
        SOTTO_TRY(sotto_buf_add_span(out, sotto_span_str(token->name)));
    }
    return SOTTO_OK;
}

static enum sotto_err decode_row(struct sotto_token *token, struct sotto_reader *r)
{
    uint8_t scopes, size;
    struct sotto_span name;
    *token = (struct sotto_token){ 0 };
    SOTTO_TRY(sotto_get_u64(r, &token->number));
    SOTTO_TRY(sotto_get_u8(r, &scopes));
    SOTTO_TRY(sotto_get_u64(r, &token->created_ms));
    SOTTO_TRY(sotto_get_u64(r, &token->expires_ms));
    SOTTO_TRY(sotto_get_u64(r, &token->used_ms));
    SOTTO_TRY(sotto_get_bytes(r, token->hash, sizeof token->hash));
    SOTTO_TRY(sotto_get_u8(r, &size));
    SOTTO_TRY(sotto_get_span(r, &name, size));
    if (size == 0 || size > SOTTO_TOKEN_NAME_MAX || memchr(name.data, 0, size) || !sotto_utf8_valid(name)) return SOTTO_ERR_FORMAT;
    if (scopes == 0 || (scopes & ~GRANTED)) return SOTTO_ERR_FORMAT;
    token->scopes = scopes;
    memcpy(token->name, name.data, size);
    return SOTTO_OK;
}

enum sotto_err sotto_tokens_decode(struct sotto_tokens *t, struct sotto_span rows)
{
    struct sotto_reader r = sotto_reader(rows);
    struct sotto_token made[SOTTO_TOKENS_MAX];
    uint8_t version;
    uint16_t count;
    uint64_t last, before = 0;
    SOTTO_TRY(sotto_get_u8(&r, &version));
    SOTTO_TRY(sotto_get_u64(&r, &last));
    SOTTO_TRY(sotto_get_u16(&r, &count));
    if (version != VERSION || count > SOTTO_TOKENS_MAX) return SOTTO_ERR_FORMAT;
    for (unsigned i = 0; i < count; i++) {
        SOTTO_TRY(decode_row(&made[i], &r));
        if (made[i].number <= before || made[i].number > last) return SOTTO_ERR_FORMAT;
        before = made[i].number;
    }
    SOTTO_TRY(sotto_get_end(&r));
    memcpy(t->made, made, count * sizeof made[0]);
    t->count = count;
    t->last_number = last;
    return SOTTO_OK;
}

_Static_assert(SOTTO_TOKEN_ROWS_MAX >= 11 + SOTTO_TOKENS_MAX * (ROW_FIXED + SOTTO_TOKEN_NAME_MAX), "a full table fits");
