/* From entropy over 24 words to role keys, and the account's file around them. */
#include "ct.h"

#include "crypto/wordlist.h"
#include "node/keys.h"
#include "rpc/rpc.h"
#include "rpc/token.h"

#include <stdlib.h>

static void words_put(void)
{
    struct sotto_entropy entropy;
    char text[SOTTO_WORDS_TEXT_MAX];
    sotto_rng_fill(ct_rng(), entropy.b, sizeof entropy.b);
    size_t size = sotto_mnemonic_words(text, &entropy);
    ct_still_secret(text, size);
}

static void words_find(void)
{
    char first[] = "abandon", last[] = "zoo", none[] = "zzzz";
    unsigned index;
    CT_SECRET(first);
    CT_SECRET(last);
    CT_SECRET(none);
    if (!sotto_words_find(&index, sotto_span(first, 7))) abort();
    CT_STILL_SECRET(index);
    if (!sotto_words_find(&index, sotto_span(last, 3))) abort();
    if (sotto_words_find(&index, sotto_span(none, 4))) abort();
}

static void seed_and_roles(void)
{
    char text[160];
    struct sotto_seed seed;
    struct sotto_roles roles;
    sotto_rng_fill(ct_rng(), text, sizeof text);
    sotto_mnemonic_seed(&seed, sotto_span(text, sizeof text), sotto_span(NULL, 0));
    CT_STILL_SECRET(seed);
    CT_OK(sotto_roles_derive(&roles, &seed, 0));
    for (int i = 0; i < SOTTO_ROLE_COUNT; i++) CT_STILL_SECRET(roles.key[i]);
}

/* The whole way of an account: made, opened, under another passphrase. */
static void account_file(void)
{
    static const struct sotto_vault_limits small = { 1, 2, 8, 64 };
    const struct sotto_vault_cost cost = { 1, 8 };
    struct sotto_keys *keys = sotto_guard_new(sizeof *keys, NULL);
    struct sotto_entropy entropy;
    uint8_t file[SOTTO_ACCOUNT_FILE_SIZE], other[SOTTO_ACCOUNT_FILE_SIZE];
    sotto_rng_fill(ct_rng(), entropy.b, sizeof entropy.b);
    ct_public.seed_row = true;
    CT_OK(sotto_keys_make(keys, file, &entropy, 0, sotto_span_str("one"), cost, ct_rng()));
    CT_REVEAL(file, "the file lies on the disk");
    memset(keys, 0, sizeof *keys);
    CT_OK(sotto_keys_open(keys, SOTTO_SPAN(file), sotto_span_str("one"), &small));
    CT_STILL_SECRET(keys->vk);
    CT_STILL_SECRET(keys->sub);
    CT_STILL_SECRET(keys->roles);
    CT_OK(sotto_keys_reseal(other, keys, SOTTO_SPAN(file), sotto_span_str("two"), cost, ct_rng()));
    CT_REVEAL(other, "the file lies on the disk");
    CT_OK(sotto_keys_entropy(&entropy, keys, SOTTO_SPAN(other)));
    CT_STILL_SECRET(entropy);
    sotto_guard_free(keys);
}

/* A token that is presented, the right one or not, against a table of some: where they differ must not show. */
static void token_find(void)
{
    static struct sotto_tokens tokens;
    struct sotto_token found;
    const struct sotto_token *made;
    char secrets[3][SOTTO_TOKEN_SECRET + 1], cookie[SOTTO_TOKEN_SECRET + 1], wrong[SOTTO_TOKEN_SECRET];
    uint8_t random[32];
    memset(&tokens, 0, sizeof tokens);
    sotto_rng_fill(ct_open_rng(), random, sizeof random);
    sotto_tokens_set_cookie(&tokens, cookie, random, 1000);
    for (unsigned i = 0; i < 3; i++) {
        const char name[] = { (char)('a' + i), 0 };
        sotto_rng_fill(ct_open_rng(), random, sizeof random);
        CT_OK(sotto_tokens_add(&tokens, &made, secrets[i], random, name, SOTTO_SCOPE_R, 0, 1000));
    }
    memcpy(wrong, secrets[1], sizeof wrong);
    wrong[63] ^= 1;
    CT_SECRET(secrets);
    CT_SECRET(cookie);
    CT_SECRET(wrong);
    CT_SECRET(tokens.cookie.hash);
    for (unsigned i = 0; i < 3; i++) CT_SECRET(tokens.made[i].hash);
    for (unsigned i = 0; i < 3; i++)
        if (sotto_tokens_find(&tokens, &found, sotto_span(secrets[i], SOTTO_TOKEN_SECRET), 2000) != SOTTO_TOKEN_RIGHT || found.number != i + 1) abort();
    if (sotto_tokens_find(&tokens, &found, sotto_span(cookie, SOTTO_TOKEN_SECRET), 2000) != SOTTO_TOKEN_RIGHT || found.number != 0) abort();
    if (sotto_tokens_find(&tokens, &found, SOTTO_SPAN(wrong), 2000) != SOTTO_TOKEN_WRONG) abort();
    CT_STILL_SECRET(tokens.made[0].hash);
}

const struct ct_op ct_ops_keys[] = {
    { "words-from-entropy", words_put }, { "word-to-number", words_find }, { "seed-and-roles", seed_and_roles }, { "account-file", account_file },
    { "token-find", token_find },
    { NULL, NULL },
};
