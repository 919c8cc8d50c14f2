#include "sim/memo.h"

#include "crypto/hash.h"
#include "crypto/multiples.h"
#include "crypto/setup.h"
#include "sim/world.h"

#include <secp256k1.h>
#include <secp256k1_ecdh.h>
#include <secp256k1_recovery.h>
#include <sodium.h>
#include <stdlib.h>

static bool off;
static struct sim_memo_count counts[SIM_MEMO_KINDS];

void sim_memo_use(bool on) { off = !on; }
struct sim_memo_count sim_memo_count(enum sim_memo_kind kind) { return counts[kind]; }

static bool on(void) { return sim_world_running && !off; }

/* ---- tables: rows of a few slots, the one used last in front ---- */

enum { SLOTS = 4, KEY_MAX = 96, SLOT_MAX = 1 + KEY_MAX + 64 };

struct table { unsigned row_bits; size_t key, value; uint8_t *slots; };        /* sizes in bytes; a slot is: used, key, value */

static struct table by_factor = { .row_bits = 14, .key = 32, .value = 64 };     /* k -> k*G in the library's own form */
static struct table by_point = { .row_bits = 14, .key = 64, .value = 32 };      /* and back */
static struct table by_both = { .row_bits = 11, .key = 96, .value = 64 };       /* k, P -> k*P */
static struct table by_signature = { .row_bits = 9, .key = 32, .value = 64 };   /* hash of signature and digest -> who signed */
static struct table by_bytes = { .row_bits = 12, .key = 33, .value = 64 };
static struct table by_password = { .row_bits = 7, .key = 32, .value = 64 };

static size_t slot_size(const struct table *t) { return 1 + t->key + t->value; }

static uint8_t *row_of(struct table *t, const uint8_t *key)
{
    uint64_t a, b;
    if (!t->slots) t->slots = sim_alloc(((size_t)SLOTS << t->row_bits) * slot_size(t));
    memcpy(&a, key + 1, sizeof a);
    memcpy(&b, key + t->key - sizeof b, sizeof b);
    uint64_t row = (a ^ b) * 0x9e3779b97f4a7c15u >> (64 - t->row_bits);
    return t->slots + row * SLOTS * slot_size(t);
}

static void to_front(const struct table *t, uint8_t *row, unsigned at)
{
    uint8_t slot[SLOT_MAX];
    size_t size = slot_size(t);
    if (at == 0) return;
    memcpy(slot, row + at * size, size);
    memmove(row + size, row, at * size);
    memcpy(row, slot, size);
}

/* The value, until the next call; NULL: not known. */
static const uint8_t *find(struct table *t, const uint8_t *key)
{
    uint8_t *row = row_of(t, key);
    size_t size = slot_size(t);
    for (unsigned i = 0; i < SLOTS && row[i * size]; i++)
        if (memcmp(row + i * size + 1, key, t->key) == 0) {
            to_front(t, row, i);
            return row + 1 + t->key;
        }
    return NULL;
}

/* The key is not there yet. */
static void add(struct table *t, const uint8_t *key, const void *value)
{
    uint8_t *row = row_of(t, key);
    to_front(t, row, SLOTS - 1);
    row[0] = 1;
    memcpy(row + 1, key, t->key);
    memcpy(row + 1 + t->key, value, t->value);
}

/* ---- k*G ---- */

/* k is written in digits of so many bits, from -2^(bits - 1) + 1 to 2^(bits - 1); one place more takes the last carry. */
enum { BITS_SOON = 8, BITS_FAST = 13, PLACES_MAX = 256 / BITS_SOON + 1 };
static unsigned bits = BITS_SOON;
static secp256k1_pubkey *multiples;             /* d * 2^(bits * place) * G for d = 1 .. 2^(bits - 1), place after place */

static secp256k1_pubkey *multiple(unsigned place, unsigned d) { return &multiples[((size_t)place << (bits - 1)) + d - 1]; }

int __real_secp256k1_ec_pubkey_create(const secp256k1_context *ctx, secp256k1_pubkey *out, const unsigned char *k);
int __wrap_secp256k1_ec_pubkey_create(const secp256k1_context *ctx, secp256k1_pubkey *out, const unsigned char *k);

static void sum(const secp256k1_context *ctx, secp256k1_pubkey *out, const secp256k1_pubkey *a, const secp256k1_pubkey *b)
{
    const secp256k1_pubkey *two[] = { a, b };
    SOTTO_ASSERT(secp256k1_ec_pubkey_combine(ctx, out, two, 2));
}

static void build(const secp256k1_context *ctx)
{
    static const uint8_t one[32] = { [31] = 1 };
    unsigned half = 1u << (bits - 1);
    if (multiples) return;
    multiples = sim_alloc((256 / bits + 1) * (size_t)half * sizeof *multiples);
    SOTTO_ASSERT(__real_secp256k1_ec_pubkey_create(ctx, multiple(0, 1), one));
    for (unsigned place = 0; place < 256 / bits + 1; place++) {
        if (place) sum(ctx, multiple(place, 1), multiple(place - 1, half), multiple(place - 1, half));
        for (unsigned d = 2; d <= half; d++) sum(ctx, multiple(place, d), multiple(place, d - 1), multiple(place, 1));
    }
}

void sim_memo_long(void)
{
    if (off || bits == BITS_FAST) return;
    free(multiples);
    multiples = NULL;
    bits = BITS_FAST;
    build(sotto_curve_context());
}

/* Bits bits * place and up of a big-endian number. */
static unsigned digit(const uint8_t k[32], unsigned place)
{
    unsigned from = bits * place, v = 0;
    for (unsigned i = 0; i < 3; i++) {
        unsigned byte = from / 8 + i;
        if (byte < 32) v |= (unsigned)k[31 - byte] << (8 * i);
    }
    return v >> (from % 8) & ((1u << bits) - 1);
}

/* k is in [1, n-1]: so the sum is not infinity. */
static bool multiply(const secp256k1_context *ctx, secp256k1_pubkey *out, const uint8_t k[32])
{
    const uint8_t *known = find(&by_factor, k);
    if (known) {
        memcpy(out, known, sizeof *out);
        return true;
    }
    const secp256k1_pubkey *parts[PLACES_MAX];
    secp256k1_pubkey negated[PLACES_MAX];
    size_t count = 0;
    unsigned carry = 0;
    build(ctx);
    for (unsigned place = 0; place < 256 / bits + 1; place++) {
        unsigned d = digit(k, place) + carry;
        carry = d > 1u << (bits - 1);
        if (carry) {
            if (d == 1u << bits) continue;          /* nothing here, one more there */
            negated[count] = *multiple(place, (1u << bits) - d);
            SOTTO_ASSERT(secp256k1_ec_pubkey_negate(ctx, &negated[count]));
            parts[count] = &negated[count];
            count++;
        } else if (d) {
            parts[count++] = multiple(place, d);
        }
    }
    SOTTO_ASSERT(carry == 0 && secp256k1_ec_pubkey_combine(ctx, out, parts, count));
    add(&by_factor, k, out);
    return false;
}

static void learn(const secp256k1_pubkey *point, const uint8_t k[32])
{
    if (!find(&by_point, point->data)) add(&by_point, point->data, k);
}

int __wrap_secp256k1_ec_pubkey_create(const secp256k1_context *ctx, secp256k1_pubkey *out, const unsigned char *k)
{
    if (!on() || !secp256k1_ec_seckey_verify(ctx, k)) return __real_secp256k1_ec_pubkey_create(ctx, out, k);
    counts[SIM_MEMO_MADE].asked++;
    counts[SIM_MEMO_MADE].known += multiply(ctx, out, k);
    learn(out, k);
    return 1;
}

enum sotto_err __real_sotto_generator_x(struct sotto_secret *out, const struct sotto_scalar *k);
enum sotto_err __wrap_sotto_generator_x(struct sotto_secret *out, const struct sotto_scalar *k);
enum sotto_err __wrap_sotto_generator_x(struct sotto_secret *out, const struct sotto_scalar *k)
{
    struct sotto_point point;
    if (!on()) return __real_sotto_generator_x(out, k);
    SOTTO_TRY(sotto_point_make(&point, k));
    memcpy(out->b, point.b + 1, sizeof out->b);
    return SOTTO_OK;
}

/* ---- k*P ---- */

int __real_secp256k1_ecdh(const secp256k1_context *ctx, unsigned char *out, const secp256k1_pubkey *point, const unsigned char *k,
                          secp256k1_ecdh_hash_function hash, void *data);
int __wrap_secp256k1_ecdh(const secp256k1_context *ctx, unsigned char *out, const secp256k1_pubkey *point, const unsigned char *k,
                          secp256k1_ecdh_hash_function hash, void *data);
int __wrap_secp256k1_ecdh(const secp256k1_context *ctx, unsigned char *out, const secp256k1_pubkey *point, const unsigned char *k,
                          secp256k1_ecdh_hash_function hash, void *data)
{
    if (!on() || !hash || !secp256k1_ec_seckey_verify(ctx, k)) return __real_secp256k1_ecdh(ctx, out, point, k, hash, data);
    secp256k1_pubkey product;
    uint8_t both[96], full[65];
    size_t size = sizeof full;
    const uint8_t *known = find(&by_point, point->data);
    if (known) {
        memcpy(both, known, 32);
        SOTTO_ASSERT(secp256k1_ec_seckey_tweak_mul(ctx, both, k));
        counts[SIM_MEMO_SHARED].asked++;
        counts[SIM_MEMO_SHARED].known += multiply(ctx, &product, both);
        learn(&product, both);                  /* the secret point of a session is a base itself */
    } else {
        memcpy(both, k, 32);
        memcpy(both + 32, point->data, 64);
        counts[SIM_MEMO_FOREIGN].asked++;
        known = find(&by_both, both);
        counts[SIM_MEMO_FOREIGN].known += known != NULL;
        memcpy(&product, known ? known : point->data, sizeof product);
        /* the multiplication that is faster, since nobody measures its time in here */
        if (!known && !secp256k1_ec_pubkey_tweak_mul(ctx, &product, k)) return __real_secp256k1_ecdh(ctx, out, point, k, hash, data);
        if (!known) add(&by_both, both, &product);
    }
    SOTTO_ASSERT(secp256k1_ec_pubkey_serialize(ctx, full, &size, &product, SECP256K1_EC_UNCOMPRESSED));
    return hash(out, full + 1, full + 33, data);
}

/* ---- signatures ---- */

static void signature_name(uint8_t out[32], const secp256k1_ecdsa_recoverable_signature *sig, const unsigned char *digest)
{
    uint8_t text[sizeof sig->data + 32];
    memcpy(text, sig->data, sizeof sig->data);
    memcpy(text + sizeof sig->data, digest, 32);
    crypto_generichash(out, 32, text, sizeof text, NULL, 0);
}

int __real_secp256k1_ecdsa_sign_recoverable(const secp256k1_context *ctx, secp256k1_ecdsa_recoverable_signature *sig, const unsigned char *digest,
                                            const unsigned char *k, secp256k1_nonce_function nonce, const void *data);
int __wrap_secp256k1_ecdsa_sign_recoverable(const secp256k1_context *ctx, secp256k1_ecdsa_recoverable_signature *sig, const unsigned char *digest,
                                            const unsigned char *k, secp256k1_nonce_function nonce, const void *data);
int __wrap_secp256k1_ecdsa_sign_recoverable(const secp256k1_context *ctx, secp256k1_ecdsa_recoverable_signature *sig, const unsigned char *digest,
                                            const unsigned char *k, secp256k1_nonce_function nonce, const void *data)
{
    int ok = __real_secp256k1_ecdsa_sign_recoverable(ctx, sig, digest, k, nonce, data);
    if (ok && on()) {
        uint8_t name[32];
        secp256k1_pubkey who;
        signature_name(name, sig, digest);
        multiply(ctx, &who, k);
        if (!find(&by_signature, name)) add(&by_signature, name, &who);
    }
    return ok;
}

int __real_secp256k1_ecdsa_recover(const secp256k1_context *ctx, secp256k1_pubkey *out, const secp256k1_ecdsa_recoverable_signature *sig, const unsigned char *digest);
int __wrap_secp256k1_ecdsa_recover(const secp256k1_context *ctx, secp256k1_pubkey *out, const secp256k1_ecdsa_recoverable_signature *sig, const unsigned char *digest);
int __wrap_secp256k1_ecdsa_recover(const secp256k1_context *ctx, secp256k1_pubkey *out, const secp256k1_ecdsa_recoverable_signature *sig, const unsigned char *digest)
{
    uint8_t name[32];
    if (!on()) return __real_secp256k1_ecdsa_recover(ctx, out, sig, digest);
    signature_name(name, sig, digest);
    const uint8_t *known = find(&by_signature, name);
    counts[SIM_MEMO_RECOVERED].asked++;
    counts[SIM_MEMO_RECOVERED].known += known != NULL;
    if (known) {
        memcpy(out, known, sizeof *out);
        return 1;
    }
    int ok = __real_secp256k1_ecdsa_recover(ctx, out, sig, digest);
    if (ok) add(&by_signature, name, out);
    return ok;
}

/* ---- the root behind a compressed point ---- */

int __real_secp256k1_ec_pubkey_parse(const secp256k1_context *ctx, secp256k1_pubkey *out, const unsigned char *bytes, size_t size);
int __wrap_secp256k1_ec_pubkey_parse(const secp256k1_context *ctx, secp256k1_pubkey *out, const unsigned char *bytes, size_t size);
int __wrap_secp256k1_ec_pubkey_parse(const secp256k1_context *ctx, secp256k1_pubkey *out, const unsigned char *bytes, size_t size)
{
    if (!on() || size != 33) return __real_secp256k1_ec_pubkey_parse(ctx, out, bytes, size);
    const uint8_t *known = find(&by_bytes, bytes);
    counts[SIM_MEMO_PARSED].asked++;
    counts[SIM_MEMO_PARSED].known += known != NULL;
    if (known) {
        memcpy(out, known, sizeof *out);
        return 1;
    }
    int ok = __real_secp256k1_ec_pubkey_parse(ctx, out, bytes, size);
    if (ok) add(&by_bytes, bytes, out);
    return ok;
}

/* ---- 24 words -> seed, safety words ---- */

void __real_sotto_pbkdf2_sha512(uint8_t *out, size_t size, struct sotto_span password, struct sotto_span salt, uint32_t rounds);
void __wrap_sotto_pbkdf2_sha512(uint8_t *out, size_t size, struct sotto_span password, struct sotto_span salt, uint32_t rounds);
void __wrap_sotto_pbkdf2_sha512(uint8_t *out, size_t size, struct sotto_span password, struct sotto_span salt, uint32_t rounds)
{
    uint8_t name[32], head[20], value[64] = { 0 };
    if (!on() || size > sizeof value) {
        __real_sotto_pbkdf2_sha512(out, size, password, salt, rounds);
        return;
    }
    sotto_put_be64(head, size);
    sotto_put_be64(head + 8, password.size);
    sotto_put_be32(head + 16, rounds);
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof name);
    crypto_generichash_update(&state, head, sizeof head);
    crypto_generichash_update(&state, password.data, password.size);
    crypto_generichash_update(&state, salt.data, salt.size);
    crypto_generichash_final(&state, name, sizeof name);
    const uint8_t *known = find(&by_password, name);
    counts[SIM_MEMO_DERIVED].asked++;
    counts[SIM_MEMO_DERIVED].known += known != NULL;
    if (known) {
        memcpy(out, known, size);
    } else {
        __real_sotto_pbkdf2_sha512(value, size, password, salt, rounds);
        memcpy(out, value, size);
        add(&by_password, name, value);
    }
}
