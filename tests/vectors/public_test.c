/* Published values of the standards we stand on. The files lie in tests/vectors/public; its README names their sources.
 *
 * A test fails when its file is missing or does not parse, when a value differs, and when no row ran. Rows that test what
 * we do not have (an ASN.1 reader) are counted apart, and no row that its publisher calls valid may be. */
#include "base/text.h"
#include "crypto/aead.h"
#include "crypto/curve.h"
#include "crypto/eip712.h"
#include "crypto/hash.h"
#include "crypto/mnemonic.h"
#include "crypto/vault.h"
#include "support/test.h"

#include <jansson.h>

enum { BYTES_MAX = 16384 };
struct bytes { uint8_t b[BYTES_MAX]; size_t size; };

static struct sotto_span span_of(const struct bytes *v) { return sotto_span(v->b, v->size); }

static const char *text_of(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    if (!text) fail_msg("no text '%s' in a row", name);
    return text;
}

static json_int_t number_of(const json_t *row, const char *name)
{
    const json_t *v = json_object_get(row, name);
    if (!json_is_integer(v)) fail_msg("no number '%s' in a row", name);
    return json_integer_value(v);
}

static void hex_of(struct bytes *out, const json_t *row, const char *name)
{
    struct sotto_span text = sotto_span_str(text_of(row, name));
    out->size = text.size / 2;
    if (text.size / 2 > BYTES_MAX || sotto_unhex(out->b, out->size, text) != SOTTO_OK) fail_msg("'%s' is not hex", name);
}

static void fixed_of(uint8_t *out, size_t size, const json_t *row, const char *name)
{
    if (sotto_unhex(out, size, sotto_span_str(text_of(row, name))) != SOTTO_OK) fail_msg("'%s' is not %zu bytes of hex", name, size);
}

static bool says_valid(const json_t *row)
{
    const char *result = text_of(row, "result");
    if (strcmp(result, "valid") != 0 && strcmp(result, "invalid") != 0 && strcmp(result, "acceptable") != 0) fail_msg("result '%s'", result);
    return strcmp(result, "valid") == 0;
}

static json_t *file_open(const char *name)
{
    char path[512];
    json_error_t why;
    snprintf(path, sizeof path, "%s/tests/vectors/public/%s", SOTTO_SOURCE_DIR, name);
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (!root) fail_msg("%s: %s", path, why.text);
    if (json_array_size(json_object_get(root, "tests")) == 0) fail_msg("%s: no rows", path);
    return root;
}

/* Runs check on every row of the file; check says whether the row ran (false: not our format). */
static void each_row(const char *name, bool (*check)(const json_t *row))
{
    json_t *root = file_open(name);
    const json_t *row;
    size_t i, ran = 0, apart = 0;
    json_array_foreach(json_object_get(root, "tests"), i, row) {
        if (check(row)) ran++;
        else apart++;
    }
    printf("  %-50s %4zu rows ran, %zu set apart\n", name, ran, apart);
    assert_true(ran > 0);
    json_decref(root);
}

/* The row is named when a check in it fails: cmocka itself would only show the line. */
#define ROW_CHECK(row, cond)                                                                                              \
    do {                                                                                                                  \
        if (!(cond)) {                                                                                                    \
            char *row_text_ = json_dumps((row), JSON_COMPACT);                                                            \
            print_error("row %.300s\n", row_text_);                                                                       \
            free(row_text_);                                                                                              \
            fail_msg("%s", #cond);                                                                                        \
        }                                                                                                                 \
    } while (0)

/* ---- hashes ---- */

static bool keccak_row(const json_t *row)
{
    static struct bytes msg;
    uint8_t want[32], got[32];
    hex_of(&msg, row, "msg");
    fixed_of(want, 32, row, "digest");
    sotto_keccak256(got, span_of(&msg));
    ROW_CHECK(row, memcmp(got, want, 32) == 0);
    return true;
}

static bool hkdf_check(const json_t *row)
{
    static struct bytes ikm, salt, info, okm;
    uint8_t got[8160];
    hex_of(&ikm, row, "ikm");
    hex_of(&salt, row, "salt");
    hex_of(&info, row, "info");
    hex_of(&okm, row, "okm");
    size_t size = (size_t)number_of(row, "size");
    ROW_CHECK(row, size == okm.size);
    struct sotto_span i = span_of(&ikm), n = span_of(&info);
    sotto_hkdf_parts(got, size, span_of(&salt), &i, 1, &n, 1);
    ROW_CHECK(row, memcmp(got, okm.b, size) == 0);
    sotto_hkdf(got, size, span_of(&salt), i, "", &n, 1);
    ROW_CHECK(row, memcmp(got, okm.b, size) == 0);
    return true;
}

static bool rfc5869_row(const json_t *row)
{
    static struct bytes ikm, salt;
    uint8_t want[32], prk[32];
    hex_of(&ikm, row, "ikm");
    hex_of(&salt, row, "salt");
    fixed_of(want, 32, row, "prk");
    SOTTO_HMAC(prk, span_of(&salt), span_of(&ikm));   /* the extracting half of HKDF is this HMAC */
    ROW_CHECK(row, memcmp(prk, want, 32) == 0);
    return hkdf_check(row);
}

/* An invalid row asks for more than 255 blocks: a broken rule of our own caller, who uses constants. */
static bool hkdf_row(const json_t *row)
{
    if (!says_valid(row)) {
        ROW_CHECK(row, number_of(row, "size") > 8160);
        return false;
    }
    return hkdf_check(row);
}

static void keccak256(void **state) { (void)state; each_row("keccak256.json", keccak_row); }
static void rfc5869(void **state) { (void)state; each_row("rfc5869.json", rfc5869_row); }
static void wycheproof_hkdf(void **state) { (void)state; each_row("wycheproof/hkdf_sha256.json", hkdf_row); }

/* ---- phrases and derivation ---- */

static void unbase58(uint8_t out[82], const char *text)
{
    static const char digits[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    memset(out, 0, 82);
    for (; *text; text++) {
        const char *at = strchr(digits, *text);
        assert_non_null(at);
        unsigned carry = (unsigned)(at - digits);
        for (int i = 81; i >= 0; i--) {
            carry += out[i] * 58u;
            out[i] = (uint8_t)carry;
            carry >>= 8;
        }
        assert_int_equal(carry, 0);
    }
}

/* xprv: version 4, depth 1, parent 4, number 4, chain code 32, 00, key 32, check 4. */
static void check_xprv(const json_t *row, const char *xprv, const struct sotto_scalar *key, const uint8_t chain[32], size_t depth)
{
    static const uint8_t version[4] = { 0x04, 0x88, 0xad, 0xe4 };
    uint8_t raw[82], sum[32];
    unbase58(raw, xprv);
    sotto_sha256(sum, sotto_span(raw, 78));
    sotto_sha256(sum, SOTTO_SPAN(sum));
    ROW_CHECK(row, memcmp(sum, raw + 78, 4) == 0);
    ROW_CHECK(row, memcmp(raw, version, 4) == 0 && raw[4] == depth && raw[45] == 0);
    ROW_CHECK(row, memcmp(raw + 13, chain, 32) == 0);
    ROW_CHECK(row, memcmp(raw + 46, key->b, 32) == 0);
}

static bool bip39_row(const json_t *row)
{
    static struct bytes entropy;
    uint8_t want[64], chain[32];
    struct sotto_seed seed;
    struct sotto_scalar key;
    struct sotto_buf words = sotto_buf_make(1000);
    struct sotto_span wanted = sotto_span_str(text_of(row, "words"));
    hex_of(&entropy, row, "entropy");
    fixed_of(want, 64, row, "seed");
    ROW_CHECK(row, sotto_mnemonic_words_any(&words, span_of(&entropy)) == SOTTO_OK);
    ROW_CHECK(row, sotto_span_equal(sotto_buf_span(&words), wanted));
    sotto_mnemonic_seed(&seed, wanted, sotto_span_str("TREZOR"));
    ROW_CHECK(row, memcmp(seed.b, want, 64) == 0);
    ROW_CHECK(row, sotto_bip32_hardened(&key, chain, SOTTO_SPAN(seed.b), NULL, 0) == SOTTO_OK);
    check_xprv(row, text_of(row, "master"), &key, chain, 0);
    if (entropy.size == 32) {
        struct sotto_entropy e, back;
        char text[SOTTO_WORDS_TEXT_MAX];
        memcpy(e.b, entropy.b, 32);
        sotto_mnemonic_words(text, &e);
        ROW_CHECK(row, sotto_span_equal(sotto_span_str(text), wanted));
        ROW_CHECK(row, sotto_mnemonic_parse(&back, NULL, wanted) == SOTTO_OK && memcmp(back.b, e.b, 32) == 0);
    }
    sotto_buf_free(&words);
    return true;
}

static void bip39(void **state)
{
    (void)state;
    json_t *root = file_open("bip39.json");
    assert_true(json_array_size(json_object_get(root, "tests")) >= 24);
    json_decref(root);
    each_row("bip39.json", bip39_row);
}

static bool bip32_row(const json_t *row)
{
    static struct bytes seed;
    uint32_t path[8];
    uint8_t chain[32];
    struct sotto_scalar key;
    const json_t *steps = json_object_get(row, "path");
    size_t depth = json_array_size(steps);
    hex_of(&seed, row, "seed");
    ROW_CHECK(row, json_is_array(steps) && depth <= 8);
    for (size_t i = 0; i < depth; i++) path[i] = (uint32_t)json_integer_value(json_array_get(steps, i));
    ROW_CHECK(row, sotto_bip32_hardened(&key, chain, span_of(&seed), path, depth) == SOTTO_OK);
    check_xprv(row, text_of(row, "xprv"), &key, chain, depth);
    return true;
}

static void bip32(void **state) { (void)state; each_row("bip32.json", bip32_row); }

/* ---- Ethereum forms ---- */

static bool eip55_row(const json_t *row)
{
    struct sotto_id id, again;
    char text[43], other[43];
    struct sotto_span address = sotto_span_str(text_of(row, "address"));
    ROW_CHECK(row, sotto_id_parse(&id, address, false) == SOTTO_OK);
    sotto_id_text(text, &id);
    ROW_CHECK(row, sotto_span_equal(address, sotto_span_str(text)));
    for (size_t i = 2; i < 42; i++) {                 /* any one letter in the wrong case is seen */
        if (text[i] < 'A') continue;
        memcpy(other, text, sizeof other);
        other[i] ^= 0x20;
        ROW_CHECK(row, sotto_id_parse(&again, sotto_span_str(other), false) == SOTTO_ERR_FORMAT);
    }
    return true;
}

static void address_of(struct sotto_id *out, const json_t *row, const char *name)
{
    ROW_CHECK(row, sotto_id_parse(out, sotto_span_str(text_of(row, name)), false) == SOTTO_OK);
}

static void person(uint8_t out[32], const json_t *row, const char *name, const char *wallet)
{
    struct sotto_eip712 e;
    struct sotto_id id;
    address_of(&id, row, wallet);
    sotto_eip712_begin(&e, text_of(row, "person_type"));
    sotto_eip712_bytes(&e, sotto_span_str(text_of(row, name)));
    sotto_eip712_address(&e, id.b);
    sotto_eip712_struct(&e, out);
}

static bool eip712_row(const json_t *row)
{
    struct sotto_eip712 e;
    struct sotto_id contract, signer, id;
    struct sotto_scalar key;
    struct sotto_point point;
    struct sotto_sig65 sig;
    uint8_t domain[32], mail[32], digest[32], from[32], to[32], want[32];

    address_of(&contract, row, "contract");
    sotto_eip712_begin(&e, text_of(row, "domain_type"));
    sotto_eip712_bytes(&e, sotto_span_str(text_of(row, "name")));
    sotto_eip712_bytes(&e, sotto_span_str(text_of(row, "version")));
    sotto_eip712_uint(&e, (uint64_t)number_of(row, "chain_id"));
    sotto_eip712_address(&e, contract.b);
    sotto_eip712_struct(&e, domain);
    fixed_of(want, 32, row, "domain_hash");
    ROW_CHECK(row, memcmp(domain, want, 32) == 0);

    person(from, row, "from_name", "from_wallet");
    person(to, row, "to_name", "to_wallet");
    sotto_eip712_begin(&e, text_of(row, "mail_type"));
    sotto_eip712_bytes32(&e, from);
    sotto_eip712_bytes32(&e, to);
    sotto_eip712_bytes(&e, sotto_span_str(text_of(row, "contents")));
    sotto_eip712_struct(&e, mail);
    fixed_of(want, 32, row, "struct_hash");
    ROW_CHECK(row, memcmp(mail, want, 32) == 0);

    sotto_eip712_digest(digest, domain, mail);
    fixed_of(want, 32, row, "digest");
    ROW_CHECK(row, memcmp(digest, want, 32) == 0);

    sotto_keccak256(key.b, sotto_span_str(text_of(row, "secret_text")));
    address_of(&signer, row, "signer");
    ROW_CHECK(row, sotto_point_make(&point, &key) == SOTTO_OK && sotto_id_of(&id, &point) == SOTTO_OK && sotto_id_equal(&id, &signer));
    ROW_CHECK(row, sotto_sign(&sig, &key, digest) == SOTTO_OK);
    fixed_of(want, 32, row, "r");
    ROW_CHECK(row, memcmp(sig.b, want, 32) == 0);
    fixed_of(want, 32, row, "s");
    ROW_CHECK(row, memcmp(sig.b + 32, want, 32) == 0);
    ROW_CHECK(row, sig.b[64] == number_of(row, "v"));
    ROW_CHECK(row, sotto_recover(&point, &sig, digest) == SOTTO_OK && sotto_id_of(&id, &point) == SOTTO_OK && sotto_id_equal(&id, &signer));
    return true;
}

static bool keystore_row(const json_t *row)
{
    struct sotto_scalar want, got;
    const char *password = text_of(row, "password");
    char *json = json_dumps(json_object_get(row, "keystore"), 0);
    ROW_CHECK(row, json != NULL);
    fixed_of(want.b, 32, row, "secret");
    ROW_CHECK(row, sotto_keystore_import(&got, sotto_span_str(json), sotto_span_str(password)) == SOTTO_OK);
    ROW_CHECK(row, memcmp(got.b, want.b, 32) == 0);
    free(json);
    return true;
}

static void eip55(void **state) { (void)state; each_row("eip55.json", eip55_row); }
static void eip712(void **state) { (void)state; each_row("eip712.json", eip712_row); }
static void keystore(void **state) { (void)state; each_row("keystore.json", keystore_row); }

/* ---- curve ---- */

static bool bip340_row(const json_t *row)
{
    struct sotto_scalar key;
    uint8_t x[32], aux[32], msg[32], sig[64], got[64];
    const json_t *valid = json_object_get(row, "valid");
    ROW_CHECK(row, json_is_boolean(valid));
    fixed_of(x, 32, row, "key");
    fixed_of(msg, 32, row, "msg");
    fixed_of(sig, 64, row, "sig");
    ROW_CHECK(row, (sotto_schnorr_verify(sig, x, msg) == SOTTO_OK) == json_is_true(valid));
    if (text_of(row, "secret")[0]) {
        struct sotto_point point;
        fixed_of(key.b, 32, row, "secret");
        fixed_of(aux, 32, row, "aux");
        ROW_CHECK(row, sotto_point_make(&point, &key) == SOTTO_OK && memcmp(point.b + 1, x, 32) == 0);
        ROW_CHECK(row, sotto_schnorr_sign(got, &key, msg, aux) == SOTTO_OK && memcmp(got, sig, 64) == 0);
    }
    return true;
}

/* The head of a SubjectPublicKeyInfo for a named secp256k1 key, as far as its point. */
static bool point_of_spki(struct sotto_point *out, bool *on_curve, const struct bytes *spki)
{
    static const uint8_t full[] = { 0x30, 0x56, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                    0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a, 0x03, 0x42, 0x00, 0x04 };
    static const uint8_t compressed[] = { 0x30, 0x36, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                          0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a, 0x03, 0x22, 0x00 };
    if (spki->size == sizeof full + 64 && memcmp(spki->b, full, sizeof full) == 0) {
        *on_curve = sotto_point_from64(out, spki->b + sizeof full) == SOTTO_OK;
        return true;
    }
    if (spki->size != sizeof compressed + 33 || memcmp(spki->b, compressed, sizeof compressed) != 0) return false;
    *on_curve = sotto_point_check(spki->b + sizeof compressed) == SOTTO_OK;
    memcpy(out->b, spki->b + sizeof compressed, 33);
    return true;
}

static bool ecdh_row(const json_t *row)
{
    static struct bytes spki, private, shared;
    struct sotto_scalar key = { { 0 } };
    struct sotto_point point;
    struct sotto_secret got;
    bool on_curve;
    hex_of(&spki, row, "public");
    hex_of(&private, row, "private");
    hex_of(&shared, row, "shared");
    if (!point_of_spki(&point, &on_curve, &spki)) {
        ROW_CHECK(row, !says_valid(row));
        return false;
    }
    struct sotto_span k = span_of(&private);          /* a signed integer: a leading zero, or fewer bytes */
    while (k.size && k.data[0] == 0) k = sotto_span_cut(k, 1, k.size - 1);
    ROW_CHECK(row, k.size <= 32);
    if (k.size) memcpy(key.b + 32 - k.size, k.data, k.size);
    bool ok = on_curve && sotto_ecdh_x(&got, &key, &point) == SOTTO_OK;
    if (strcmp(text_of(row, "result"), "invalid") == 0) {
        ROW_CHECK(row, !ok);
        return true;
    }
    if (!ok) {                                        /* "acceptable" leaves a refusal to us */
        ROW_CHECK(row, !says_valid(row));
        return true;
    }
    ROW_CHECK(row, shared.size == 32 && memcmp(got.b, shared.b, 32) == 0);
    struct sotto_point whole;
    ROW_CHECK(row, sotto_ecdh_point(&whole, &key, &point) == SOTTO_OK && memcmp(whole.b + 1, shared.b, 32) == 0);
    return true;
}

/* n - s, for the twin of a signature. */
static void negate(uint8_t s[32])
{
    static const uint8_t n[32] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
                                   0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41 };
    int borrow = 0;
    for (int i = 31; i >= 0; i--) {
        int d = n[i] - s[i] - borrow;
        s[i] = (uint8_t)d;
        borrow = d < 0;
    }
}

static void message_and_key(struct sotto_point *key, uint8_t digest[32], const json_t *row)
{
    static struct bytes public, msg;
    hex_of(&public, row, "key");
    hex_of(&msg, row, "msg");
    ROW_CHECK(row, public.size == 65 && public.b[0] == 4 && sotto_point_from64(key, public.b + 1) == SOTTO_OK);
    sotto_sha256(digest, span_of(&msg));
}

/* Raw r || s. The file allows high s; we do not: there the refusal is sig-form, and the low twin must verify. */
static size_t high_s;
static bool ecdsa_p1363_row(const json_t *row)
{
    static struct bytes sig;
    struct sotto_point key;
    uint8_t digest[32];
    message_and_key(&key, digest, row);
    hex_of(&sig, row, "sig");
    if (sig.size != 64) {
        ROW_CHECK(row, !says_valid(row));
        return false;
    }
    enum sotto_err err = sotto_verify(sig.b, &key, digest);
    if (err == SOTTO_ERR_SIG_FORM) {                  /* high, or outside the range: then the twin is so too */
        negate(sig.b + 32);
        err = sotto_verify(sig.b, &key, digest);
        high_s += err == SOTTO_OK;
    }
    ROW_CHECK(row, (err == SOTTO_OK) == says_valid(row));
    return true;
}

/* One DER integer into 32 bytes; false: not DER, negative, or longer. */
static bool der_integer(struct sotto_reader *r, uint8_t out[32])
{
    uint8_t tag, size;
    struct sotto_span v;
    if (sotto_get_u8(r, &tag) != SOTTO_OK || tag != 2 || sotto_get_u8(r, &size) != SOTTO_OK || size == 0 || size > 33) return false;
    if (sotto_get_span(r, &v, size) != SOTTO_OK || (v.data[0] & 0x80)) return false;
    if (v.data[0] == 0 && v.size > 1) {
        if (!(v.data[1] & 0x80)) return false;
        v = sotto_span_cut(v, 1, v.size - 1);
    }
    if (v.size > 32) return false;
    memset(out, 0, 32);
    memcpy(out + 32 - v.size, v.data, v.size);
    return true;
}

static bool ecdsa_bitcoin_row(const json_t *row)
{
    static struct bytes sig;
    struct sotto_point key;
    uint8_t digest[32], rs[64], tag, size;
    message_and_key(&key, digest, row);
    hex_of(&sig, row, "sig");
    struct sotto_reader r = sotto_reader(span_of(&sig));
    bool der = sotto_get_u8(&r, &tag) == SOTTO_OK && tag == 0x30 && sotto_get_u8(&r, &size) == SOTTO_OK && size == sotto_reader_left(&r)
            && der_integer(&r, rs) && der_integer(&r, rs + 32) && sotto_get_end(&r) == SOTTO_OK;
    if (!der) {
        ROW_CHECK(row, !says_valid(row));
        return false;
    }
    ROW_CHECK(row, (sotto_verify(rs, &key, digest) == SOTTO_OK) == says_valid(row));
    return true;
}

static void bip340(void **state) { (void)state; each_row("bip340.json", bip340_row); }
static void wycheproof_ecdh(void **state) { (void)state; each_row("wycheproof/ecdh_secp256k1.json", ecdh_row); }
static void wycheproof_ecdsa_raw(void **state)
{
    (void)state;
    high_s = 0;
    each_row("wycheproof/ecdsa_secp256k1_sha256_p1363.json", ecdsa_p1363_row);
    printf("  of these, %zu had a high s: refused by us, and their low twin verified\n", high_s);
    assert_true(high_s > 0);
}
static void wycheproof_ecdsa_bitcoin(void **state) { (void)state; each_row("wycheproof/ecdsa_secp256k1_sha256_bitcoin.json", ecdsa_bitcoin_row); }

/* ---- sealing ---- */

struct aead_case { struct bytes key, iv, aad, msg, ct, tag, sealed, out; };

static struct aead_case *aead_read(const json_t *row, size_t iv_size)
{
    static struct aead_case c;
    hex_of(&c.key, row, "key");
    hex_of(&c.iv, row, "iv");
    hex_of(&c.aad, row, "aad");
    hex_of(&c.msg, row, "msg");
    hex_of(&c.ct, row, "ct");
    hex_of(&c.tag, row, "tag");
    ROW_CHECK(row, c.key.size == 32 && c.iv.size == iv_size && c.tag.size == SOTTO_TAG_SIZE && c.ct.size + c.tag.size <= BYTES_MAX);
    memcpy(c.sealed.b, c.ct.b, c.ct.size);
    memcpy(c.sealed.b + c.ct.size, c.tag.b, c.tag.size);
    c.sealed.size = c.ct.size + c.tag.size;
    return &c;
}

static void aead_judge(const json_t *row, const struct aead_case *c, enum sotto_err opened)
{
    ROW_CHECK(row, opened == (says_valid(row) ? SOTTO_OK : SOTTO_ERR_AEAD));
    if (says_valid(row)) ROW_CHECK(row, c->msg.size == c->ct.size && memcmp(c->out.b, c->msg.b, c->msg.size) == 0);
    else ROW_CHECK(row, sotto_all_zero(c->out.b, c->ct.size));
}

static bool gcm_row(const json_t *row)
{
    struct aead_case *c = aead_read(row, 12);
    struct sotto_kn kn;
    memcpy(kn.b, c->key.b, 32);
    memcpy(kn.b + 32, c->iv.b, 12);
    aead_judge(row, c, sotto_gcm_open(c->out.b, &kn, span_of(&c->aad), span_of(&c->sealed)));
    if (says_valid(row)) {
        ROW_CHECK(row, sotto_gcm_seal(c->out.b, &kn, span_of(&c->aad), span_of(&c->msg)) == SOTTO_OK);
        ROW_CHECK(row, memcmp(c->out.b, c->sealed.b, c->sealed.size) == 0);
    }
    return true;
}

static bool xchacha_row(const json_t *row)
{
    struct aead_case *c = aead_read(row, 24);
    struct sotto_secret key;
    memcpy(key.b, c->key.b, 32);
    aead_judge(row, c, sotto_xchacha_open(c->out.b, &key, c->iv.b, span_of(&c->aad), span_of(&c->sealed)));
    if (says_valid(row)) {
        ROW_CHECK(row, sotto_xchacha_seal(c->out.b, &key, c->iv.b, span_of(&c->aad), span_of(&c->msg)) == SOTTO_OK);
        ROW_CHECK(row, memcmp(c->out.b, c->sealed.b, c->sealed.size) == 0);
    }
    return true;
}

static void wycheproof_gcm(void **state) { (void)state; each_row("wycheproof/aes_256_gcm.json", gcm_row); }
static void wycheproof_xchacha(void **state) { (void)state; each_row("wycheproof/xchacha20_poly1305.json", xchacha_row); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keccak256), cmocka_unit_test(rfc5869), cmocka_unit_test(wycheproof_hkdf),
        cmocka_unit_test(bip39), cmocka_unit_test(bip32),
        cmocka_unit_test(eip55), cmocka_unit_test(eip712), cmocka_unit_test(keystore),
        cmocka_unit_test(bip340), cmocka_unit_test(wycheproof_ecdh), cmocka_unit_test(wycheproof_ecdsa_raw),
        cmocka_unit_test(wycheproof_ecdsa_bitcoin), cmocka_unit_test(wycheproof_gcm), cmocka_unit_test(wycheproof_xchacha),
    };
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
