/* Verdicts and outputs that are public although they are computed from secrets. valgrind lets a test wrap a function of the object
 * code under test: each wrapper here calls the function itself, under all checks, and declares one result public. The reason
 * stands in the table; a row that never saw a secret result fails the test, so that none outlives its need. */
#include "ct.h"

#include "crypto/vault.h"
#include "conversation/cell.h"
#include "relay/link_cell.h"

#include <stdio.h>
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>

#pragma GCC diagnostic ignored "-Wmissing-prototypes"     /* valgrind finds the wrappers by their names */
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"

/* Whether a scalar lies in [1, n-1]: honest ones always do, 2^-128 else. The call that was refused is refused for all to see. */
#define RANGE "a scalar out of range is refused, with probability 2^-128"
/* An answer that is not authentic is refused, and the sender may know. */
#define VERDICT "the verdict of a comparison is acted upon; where the bytes differ stays secret"

#define ROWS(X)                                                                                                                        \
    X(SECKEY_VERIFY, "secp256k1_ec_seckey_verify", RANGE)                                                                              \
    X(TWEAK_MUL, "secp256k1_ec_seckey_tweak_mul", RANGE)                                                                               \
    X(TWEAK_ADD, "secp256k1_ec_seckey_tweak_add", RANGE)                                                                               \
    X(PUBKEY_CREATE, "secp256k1_ec_pubkey_create", RANGE)                                                                              \
    X(ECDH, "secp256k1_ecdh", RANGE)                                                                                                   \
    X(KEYPAIR_CREATE, "secp256k1_keypair_create", RANGE)                                                                               \
    X(SIGN, "secp256k1_ecdsa_sign_recoverable", "a signature is made to be shown, to a peer at least")                                 \
    X(SCHNORR_SIGN, "secp256k1_schnorrsig_sign32", "a signature is made to be shown, to a peer at least")                              \
    X(RECOVER, "secp256k1_ecdsa_recover",                                                                                              \
      "verifying is not constant time in the library: signatures, and digests of texts with 256 random bits in them; of RLPx the token " \
      "of two node keys, which authenticates a connection and enciphers nothing (geth does the same)")                                 \
    X(SODIUM_MEMCMP, "sodium_memcmp", VERDICT)                                                                                         \
    X(CRYPTO_MEMCMP, "CRYPTO_memcmp", VERDICT)                                                                                         \
    X(VERIFY_16, "crypto_verify_16", VERDICT)                                                                                          \
    X(ALL_ZERO, "sotto_all_zero", "a share, scalar or h of zeros is refused; a random one never is")                                  \
    X(TAG, "sotto/tag", "a tag stands in the clear on its cell")                                                                       \
    X(PUZZLE_1, "sotto/puzzle/1", "the digest the puzzle is about is searched on a worker; a hash of a random share tells nothing of it") \
    X(MK_ID, "sotto/mk/id", "the name of a master key, sent to the peer; a hash of 256 random bits")                                   \
    X(X_GOOD, "sotto_x_good", "X stands in the clear in its cell")                                                                     \
    X(POINT_MAKE, "sotto_point_make", "the public half of a key, in operations that make no other point")                              \
    X(OPEN_HEADER, "sotto_cell_open_header", "an authentic header is read: ratchet point and numbers, no key")                         \
    X(OPEN_BODY, "sotto_cell_open_body", "an authentic body is read: it goes to the person's screen")                                  \
    X(CTR_XOR, "sotto_ctr_xor", "an authentic packet or frame of RLPx is read, a sealed key is written out")                                  \
    X(RL_OPEN, "sotto_rl_open", "an authentic cell of a link is read: codes, lengths and bodies of its records")                       \
    X(HEX, "sotto_hex", "the sealed key and its MAC, in a keystore file")                                                              \
    X(SEED_ROW, "sotto_row_open", "version and account number of the seed row, not the entropy between them")                          \
    X(WORDS_PUT, "sotto_words_put", "the length of the 24 words: some 4 bits of 256, and a person types and reads them")               \
    X(WORDS_FIND, "sotto_words_find", "a word that is in no list is named to the person who typed it")

enum {
#define ID(id, name, why) D_##id,
    ROWS(ID)
    D_COUNT
};
static struct { const char *name, *why; unsigned calls, undefined; } rows[D_COUNT] = {
#define ROW(id, name, why) { name, why, 0, 0 },
    ROWS(ROW)
};

static void publish(int id, const void *data, size_t size)
{
    const uint8_t *p = data;
    uint8_t bits = 0, any = 0;
    for (size_t i = 0; i < size; i++)
        if (VALGRIND_GET_VBITS(p + i, &bits, 1) == 1) any |= bits;
    rows[id].calls++;
    rows[id].undefined += any != 0;
    (void)VALGRIND_MAKE_MEM_DEFINED(data, size);
}

void ct_declassified(void)
{
    for (int i = 0; i < D_COUNT; i++) printf("declassified %-34s %6u %6u\n", rows[i].name, rows[i].calls, rows[i].undefined);
}

typedef unsigned long word;
#define SECP(name) I_WRAP_SONAME_FNNAME_ZU(libsecp256k1ZdsoZa, name)
#define SODIUM(name) I_WRAP_SONAME_FNNAME_ZU(libsodiumZdsoZa, name)
#define CRYPTO(name) I_WRAP_SONAME_FNNAME_ZU(libcryptoZdsoZa, name)
#define OURS(name) I_WRAP_SONAME_FNNAME_ZU(NONE, name)

#define CALL2(r, a, b) CALL_FN_W_WW(r, fn, a, b)
#define CALL3(r, a, b, c) CALL_FN_W_WWW(r, fn, a, b, c)
#define CALL4(r, a, b, c, d) CALL_FN_W_WWWW(r, fn, a, b, c, d)
#define CALL5(r, a, b, c, d, e) CALL_FN_W_5W(r, fn, a, b, c, d, e)
#define CALL6(r, a, b, c, d, e, f) CALL_FN_W_6W(r, fn, a, b, c, d, e, f)

#define ORIGINAL                                                                                                                       \
    OrigFn fn;                                                                                                                         \
    word r;                                                                                                                            \
    VALGRIND_GET_ORIG_FN(fn)

/* ---- libsecp256k1: returned verdicts ---- */

#define VERDICT2(wrapper, id)                                                                                                          \
    int wrapper(word a, word b) { ORIGINAL; CALL2(r, a, b); int v = (int)r; publish(id, &v, sizeof v); return v; }
#define VERDICT3(wrapper, id)                                                                                                          \
    int wrapper(word a, word b, word c) { ORIGINAL; CALL3(r, a, b, c); int v = (int)r; publish(id, &v, sizeof v); return v; }
#define VERDICT6(wrapper, id)                                                                                                          \
    int wrapper(word a, word b, word c, word d, word e, word f)                                                                        \
    { ORIGINAL; CALL6(r, a, b, c, d, e, f); int v = (int)r; publish(id, &v, sizeof v); return v; }

VERDICT2(SECP(secp256k1_ec_seckey_verify), D_SECKEY_VERIFY)
VERDICT3(SECP(secp256k1_ec_seckey_tweak_mul), D_TWEAK_MUL)
VERDICT3(SECP(secp256k1_ec_seckey_tweak_add), D_TWEAK_ADD)
VERDICT3(SECP(secp256k1_ec_pubkey_create), D_PUBKEY_CREATE)
VERDICT6(SECP(secp256k1_ecdh), D_ECDH)
VERDICT3(SECP(secp256k1_keypair_create), D_KEYPAIR_CREATE)

int SECP(secp256k1_ecdsa_sign_recoverable)(word ctx, word sig, word msg, word key, word nonce_fn, word data)
{
    ORIGINAL;
    CALL6(r, ctx, sig, msg, key, nonce_fn, data);
    int v = (int)r;
    publish(D_SIGN, (const void *)sig, 65);
    (void)VALGRIND_MAKE_MEM_DEFINED(&v, sizeof v);
    return v;
}

int SECP(secp256k1_schnorrsig_sign32)(word ctx, word sig, word msg, word pair, word aux)
{
    ORIGINAL;
    CALL5(r, ctx, sig, msg, pair, aux);
    int v = (int)r;
    publish(D_SCHNORR_SIGN, (const void *)sig, 64);
    (void)VALGRIND_MAKE_MEM_DEFINED(&v, sizeof v);
    return v;
}

int SECP(secp256k1_ecdsa_recover)(word ctx, word key, word sig, word msg)
{
    ORIGINAL;
    publish(D_RECOVER, (const void *)msg, 32);
    CALL4(r, ctx, key, sig, msg);
    return (int)r;
}

/* ---- comparisons ---- */

VERDICT3(SODIUM(sodium_memcmp), D_SODIUM_MEMCMP)
VERDICT2(SODIUM(crypto_verify_16), D_VERIFY_16)
VERDICT3(CRYPTO(CRYPTO_memcmp), D_CRYPTO_MEMCMP)

bool OURS(sotto_all_zero)(word data, word size)
{
    ORIGINAL;
    CALL2(r, data, size);
    bool v = (bool)(r & 1);
    publish(D_ALL_ZERO, &v, sizeof v);
    return v;
}

/* ---- hashes whose value is shown ---- */

void OURS(sotto_th_parts)(word out, word tag, word parts, word count)
{
    ORIGINAL;
    CALL4(r, out, tag, parts, count);
    for (int i = D_TAG; i <= D_MK_ID; i++)
        if (strcmp((const char *)tag, rows[i].name) == 0) publish(i, (const void *)out, 32);
}

/* ---- points ---- */

bool OURS(sotto_x_good)(word x)
{
    ORIGINAL;
    publish(D_X_GOOD, (const void *)x, 32);
    CALL_FN_W_W(r, fn, x);
    return (bool)(r & 1);
}

int OURS(sotto_point_make)(word out, word k)
{
    ORIGINAL;
    CALL2(r, out, k);
    if (ct_public.points) publish(D_POINT_MAKE, (const void *)out, 33);
    return (int)r;
}

/* ---- what was opened and is authentic ---- */

int OURS(sotto_cell_open_header)(word header, word sealed, word hs)
{
    ORIGINAL;
    CALL3(r, header, sealed, hs);
    if ((int)r == SOTTO_OK) publish(D_OPEN_HEADER, (const void *)header, SOTTO_HEADER_BYTES);
    return (int)r;
}

int OURS(sotto_rl_open)(word lane, word plain, word class, word payload, word payload_size)
{
    ORIGINAL;
    CALL5(r, lane, plain, class, payload, payload_size);
    if ((int)r == SOTTO_OK && ct_public.cells) publish(D_RL_OPEN, (const void *)plain, sotto_rl_plain(*(const enum sotto_rl_class *)class));
    return (int)r;
}

int OURS(sotto_cell_open_body)(word body, word sealed, word key)
{
    ORIGINAL;
    CALL3(r, body, sealed, key);
    if ((int)r == SOTTO_OK) publish(D_OPEN_BODY, (const void *)body, SOTTO_BODY_BYTES);
    return (int)r;
}

void OURS(sotto_ctr_xor)(word ctr, word out, word data, word size)
{
    ORIGINAL;
    CALL4(r, ctr, out, data, size);
    if (ct_public.streams) publish(D_CTR_XOR, (const void *)out, size);
}

void OURS(sotto_hex)(word out, word data, word size)
{
    ORIGINAL;
    if (ct_public.hex) publish(D_HEX, (const void *)data, size);
    CALL3(r, out, data, size);
}

/* seed row: version 1 | entropy 32 | account 4 (src/node/keys.c) */
int OURS(sotto_row_open)(word out, word key, word table, word row, word column, word unused, word data, word size)
{
    const struct sotto_buf *b = (const struct sotto_buf *)out;
    size_t before = b->size;
    ORIGINAL;
    CALL_FN_W_8W(r, fn, out, key, table, row, column, unused, data, size);      /* one register is left: the span lies on the stack */
    if ((int)r == SOTTO_OK && ct_public.seed_row && b->size - before == 37) {
        publish(D_SEED_ROW, b->data + before, 1);
        publish(D_SEED_ROW, b->data + before + 33, 4);
    }
    return (int)r;
}

/* ---- the 24 words ---- */

size_t OURS(sotto_words_put)(word out, word bits, word count)
{
    ORIGINAL;
    CALL3(r, out, bits, count);
    size_t v = r;
    publish(D_WORDS_PUT, &v, sizeof v);
    return v;
}

bool OURS(sotto_words_find)(word index, word data, word size)
{
    ORIGINAL;
    CALL3(r, index, data, size);
    bool v = (bool)(r & 1);
    publish(D_WORDS_FIND, &v, sizeof v);
    return v;
}

/* ---- password hashing: Argon2id and scrypt choose addresses by what they hash, by design: that is their cost. They run on a
 * password that is defined here, and what comes out of them is a secret from then on. ---- */

int SODIUM(crypto_pwhash)(word out, word out_size, word password, word password_size, word salt, word passes, word memory, word algorithm)
{
    ORIGINAL;
    CALL_FN_W_8W(r, fn, out, out_size, password, password_size, salt, passes, memory, algorithm);
    ct_secret((void *)out, out_size);
    return (int)r;
}

int SODIUM(crypto_pwhash_scryptsalsa208sha256_ll)(word password, word password_size, word salt, word salt_size, word n, word rr, word p, word out,
                                                  word out_size)
{
    ORIGINAL;
    CALL_FN_W_9W(r, fn, password, password_size, salt, salt_size, n, rr, p, out, out_size);
    ct_secret((void *)out, out_size);
    return (int)r;
}
