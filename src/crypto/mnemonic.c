#include "crypto/mnemonic.h"

#include "crypto/hash.h"
#include "crypto/normal.h"
#include "crypto/wordlist.h"

#include <nettle/hmac.h>
#include <secp256k1.h>

enum { WORDS = 2048, WORD_MAX = SOTTO_WORD_MAX, PHRASE_WORDS = 24 };

const char *sotto_word(unsigned index)
{
    SOTTO_ASSERT(index < WORDS);
    return sotto_wordlist[index];
}

/* A letter in lower case, without a branch on it: words are secrets. */
static uint8_t lower(uint8_t c) { return (uint8_t)(c | ((((unsigned)c - 'A') < 26u) << 5)); }

int sotto_word_index(struct sotto_span word)
{
    uint8_t text[SOTTO_WORD_MAX], strange = 0;            /* a zero byte in the word would pass for the end of a shorter one */
    unsigned index;
    if (word.size == 0 || word.size > SOTTO_WORD_MAX) return -1;
    for (size_t i = 0; i < word.size; i++) {
        text[i] = lower(word.data[i]);
        strange |= text[i] == 0;
    }
    bool found = !strange && sotto_words_find(&index, sotto_span(text, word.size));
    SOTTO_WIPE(text);
    return found ? (int)index : -1;
}

/* Insert, delete, replace: 1 each. Neighbours swapped: 1 too, for fingers do that. */
static unsigned distance(const uint8_t *a, size_t a_size, const char *b, size_t b_size)
{
    unsigned row[3][WORD_MAX + 2];
    for (size_t j = 0; j <= b_size; j++) row[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_size; i++) {
        unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b_size; j++) {
            unsigned best = last[j - 1] + (a[i - 1] != (uint8_t)b[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == (uint8_t)b[j - 2] && a[i - 2] == (uint8_t)b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[a_size % 3][b_size];
}

/* Among equals the word that begins alike: the first four letters are what tells the words of the list apart. */
const char *sotto_word_nearest(struct sotto_span word)
{
    uint8_t text[2 * WORD_MAX] = { 0 };               /* what is longer is equally far from all: its start decides */
    size_t size = word.size < sizeof text ? word.size : sizeof text;
    for (size_t i = 0; i < sizeof text && i < size; i++) text[i] = lower(word.data[i]);
    const char *best = sotto_wordlist[0];
    unsigned best_cost = ~0u;
    for (size_t w = 0; w < WORDS; w++) {
        const char *candidate = sotto_wordlist[w];
        unsigned alike = 0;
        while (alike < size && alike < WORD_MAX && text[alike] == (uint8_t)candidate[alike]) alike++;
        unsigned cost = distance(text, size, candidate, strlen(candidate)) * 16 + (WORD_MAX - alike);
        if (cost < best_cost) {
            best_cost = cost;
            best = candidate;
        }
    }
    SOTTO_WIPE(text);
    return best;
}

/* Writes entropy.size / 4 * 3 words; returns the length of the text. */
static size_t words(char text[PHRASE_WORDS * (WORD_MAX + 1)], struct sotto_span entropy)
{
    uint8_t bits[33] = { 0 }, check[32];
    sotto_sha256(check, entropy);
    memcpy(bits, entropy.data, entropy.size);
    bits[entropy.size] = check[0];                    /* one check bit for every 32 bits; no more are taken */
    size_t size = sotto_words_put(text, bits, entropy.size * 3 / 4);
    SOTTO_WIPE(bits);
    SOTTO_WIPE(check);
    return size;
}

enum sotto_err sotto_mnemonic_words_any(struct sotto_buf *out, struct sotto_span entropy)
{
    char text[PHRASE_WORDS * (WORD_MAX + 1)];
    if (entropy.size < 16 || entropy.size > 32 || entropy.size % 4 != 0) return SOTTO_ERR_RANGE;
    enum sotto_err err = sotto_buf_add(out, text, words(text, entropy));
    SOTTO_WIPE(text);
    return err;
}

size_t sotto_mnemonic_words(char out[SOTTO_WORDS_TEXT_MAX], const struct sotto_entropy *e)
{
    _Static_assert(PHRASE_WORDS * (WORD_MAX + 1) < SOTTO_WORDS_TEXT_MAX, "room for the words and a final zero");
    size_t size = words(out, SOTTO_SPAN(e->b));
    out[size] = 0;
    return size;
}

/* Bytes of white space at the start of s: ASCII's, the no-break space and the wide space of East Asian keyboards. */
static size_t space(struct sotto_span s)
{
    if (s.size == 0) return 0;
    if (s.data[0] == ' ' || (s.data[0] >= '\t' && s.data[0] <= '\r')) return 1;
    if (s.size >= 2 && memcmp(s.data, "\xc2\xa0", 2) == 0) return 2;
    return s.size >= 3 && memcmp(s.data, "\xe3\x80\x80", 3) == 0 ? 3 : 0;
}

enum sotto_err sotto_mnemonic_parse(struct sotto_entropy *out, int *bad_word, struct sotto_span text)
{
    uint8_t bits[33] = { 0 }, check[32];
    unsigned count = 0, bad = 0;
    for (size_t at = 0; at < text.size;) {
        size_t skip = space(sotto_span_cut(text, at, text.size - at));
        if (skip) {
            at += skip;
            continue;
        }
        size_t end = at;
        while (end < text.size && !space(sotto_span_cut(text, end, text.size - end))) end++;
        if (++count > PHRASE_WORDS) break;
        int index = sotto_word_index(sotto_span_cut(text, at, end - at));
        if (index < 0) {
            bad = count;
            break;
        }
        for (unsigned b = 0; b < 11; b++) {
            size_t to = 11 * (count - 1) + b;
            bits[to / 8] |= (uint8_t)(((unsigned)index >> (10 - b) & 1u) << (7 - to % 8));
        }
        at = end;
    }
    sotto_sha256(check, sotto_span(bits, 32));
    bool ok = bad == 0 && count == PHRASE_WORDS && bits[32] == check[0];
    if (ok) memcpy(out->b, bits, 32);
    else if (bad_word) *bad_word = (int)bad;
    SOTTO_WIPE(bits);
    SOTTO_WIPE(check);
    return ok ? SOTTO_OK : SOTTO_ERR_PHRASE;
}

void sotto_mnemonic_seed(struct sotto_seed *out, struct sotto_span words, struct sotto_span passphrase)
{
    struct sotto_buf salt = sotto_buf_make(8 + SOTTO_NORMAL_MAX + passphrase.size);
    enum sotto_err err = sotto_buf_add(&salt, "mnemonic", 8);
    if (err == SOTTO_OK) err = sotto_normal(&salt, passphrase, SOTTO_NFKD);
    /* Bytes that are no text have no normal form: they are taken as they are. Without memory there is no right answer,
     * and a wrong seed would be another person's keys. */
    if (err == SOTTO_ERR_FORMAT || err == SOTTO_ERR_RANGE) err = sotto_buf_add_span(&salt, passphrase);
    SOTTO_ASSERT(err == SOTTO_OK);
    sotto_pbkdf2_sha512(out->b, sizeof out->b, words, sotto_buf_span(&salt), 2048);       /* rounds: BIP-39 */
    sotto_buf_free(&salt);
}

/* ---- BIP-32, private and hardened only ---- */

struct node { uint8_t key[32], chain[32]; };          /* IL and IR of the standard */

static void node_hmac(struct node *out, struct sotto_span key, struct sotto_span data)
{
    struct hmac_sha512_ctx ctx;
    uint8_t both[64];
    hmac_sha512_set_key(&ctx, key.size, key.data);
    hmac_sha512_update(&ctx, data.size, data.data);
    hmac_sha512_digest(&ctx, sizeof both, both);
    memcpy(out->key, both, 32);
    memcpy(out->chain, both + 32, 32);
    SOTTO_WIPE(ctx);
    SOTTO_WIPE(both);
}

static enum sotto_err child(struct node *n, uint32_t index)
{
    struct node next;
    uint8_t data[37] = { 0 };
    memcpy(data + 1, n->key, 32);
    sotto_put_be32(data + 33, index | 0x80000000u);
    node_hmac(&next, SOTTO_SPAN(n->chain), SOTTO_SPAN(data));
    /* IL >= n or a sum of 0 (2^-127) means "no such child". The static context is enough for adding scalars. */
    bool ok = secp256k1_ec_seckey_tweak_add(secp256k1_context_static, next.key, n->key);
    if (ok) *n = next;
    SOTTO_WIPE(next);
    SOTTO_WIPE(data);
    return ok ? SOTTO_OK : SOTTO_ERR_KEY;
}

enum sotto_err sotto_bip32_hardened(struct sotto_scalar *out, uint8_t chain_code[32], struct sotto_span seed,
                                    const uint32_t *path, size_t depth)
{
    struct node n;
    if (seed.size < 16 || seed.size > 64) return SOTTO_ERR_RANGE;
    node_hmac(&n, sotto_span_str("Bitcoin seed"), seed);
    struct sotto_scalar key;
    memcpy(key.b, n.key, 32);
    enum sotto_err err = sotto_scalar_valid(&key) ? SOTTO_OK : SOTTO_ERR_KEY;
    for (size_t i = 0; i < depth && err == SOTTO_OK; i++) err = child(&n, path[i]);
    if (err == SOTTO_OK) {
        memcpy(out->b, n.key, 32);
        if (chain_code) memcpy(chain_code, n.chain, 32);
    }
    SOTTO_WIPE(key);
    SOTTO_WIPE(n);
    return err;
}

enum sotto_err sotto_roles_derive(struct sotto_roles *out, const struct sotto_seed *seed, uint32_t account)
{
    struct sotto_roles roles;
    enum sotto_err err = account < 0x80000000u ? SOTTO_OK : SOTTO_ERR_RANGE;
    for (uint32_t role = 0; role < SOTTO_ROLE_COUNT && err == SOTTO_OK; role++) {
        const uint32_t path[] = { 7377, 0, account, role };
        err = sotto_bip32_hardened(&roles.key[role], NULL, SOTTO_SPAN(seed->b), path, 4);
    }
    if (err == SOTTO_OK) *out = roles;
    SOTTO_WIPE(roles);
    return err;
}
