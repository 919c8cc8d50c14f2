/* Web3 secret storage, version 3 (messaging.md 1.4). */
#include "crypto/hash.h"
#include "crypto/vault.h"

#include "base/text.h"

#include <jansson.h>
#include <nettle/pbkdf2.h>
#include <sodium.h>
#include <stdio.h>

enum {
    JSON_SIZE_MAX = 16384,                            /* a keystore has about 500 bytes */
    JSON_DEPTH_MAX = 8,                               /* it needs three */
    SCRYPT_N_MAX = 1 << 20, SCRYPT_R_MAX = 8, SCRYPT_P_MAX = 16,     /* at most 1 GiB, some 30 s: above is an attack */
    ROUNDS_MAX = 10000000,
    SALT_MAX = 64,
};

struct derived { uint8_t b[32]; };                    /* 0..16 cipher key, 16..32 MAC key */

static enum sotto_err scrypt(struct derived *out, struct sotto_span password, struct sotto_span salt, uint64_t n, uint32_t r, uint32_t p)
{
    const uint8_t none = 0;
    if (crypto_pwhash_scryptsalsa208sha256_ll(password.size ? password.data : &none, password.size, salt.data, salt.size, n, r, p,
                                              out->b, sizeof out->b) != 0)
        return SOTTO_ERR_NOMEM;                       /* its only failure with arguments in range */
    return SOTTO_OK;
}

static void mac_of(uint8_t out[32], const struct derived *d, struct sotto_span ciphertext)
{
    struct sotto_keccak k;
    sotto_keccak_init(&k);
    sotto_keccak_update(&k, d->b + 16, 16);
    sotto_keccak_update(&k, ciphertext.data, ciphertext.size);
    sotto_keccak_final(&k, out);
    SOTTO_WIPE(k);
}

static enum sotto_err cipher(uint8_t *out, const struct derived *d, const uint8_t iv[16], struct sotto_span in)
{
    struct sotto_ctr *ctr = sotto_ctr_new(sotto_span(d->b, 16), iv);
    if (!ctr) return SOTTO_ERR_NOMEM;
    sotto_ctr_xor(ctr, out, in);
    sotto_ctr_free(ctr);
    return SOTTO_OK;
}

static enum sotto_err id_of_scalar(struct sotto_id *out, const struct sotto_scalar *key)
{
    struct sotto_point point;
    SOTTO_TRY(sotto_point_make(&point, key));
    return sotto_id_of(out, &point);
}

/* ---- export ---- */

enum sotto_err sotto_keystore_export(struct sotto_buf *out, const struct sotto_scalar *key, struct sotto_span password, uint32_t scrypt_n,
                                     const uint8_t salt[32], const uint8_t iv[16], const uint8_t id16[16])
{
    struct sotto_id id;
    struct derived d;
    uint8_t sealed[32], mac[32];
    if (scrypt_n < 2 || scrypt_n > SCRYPT_N_MAX || (scrypt_n & (scrypt_n - 1))) return SOTTO_ERR_RANGE;
    SOTTO_TRY(id_of_scalar(&id, key));
    enum sotto_err err = scrypt(&d, password, sotto_span(salt, 32), scrypt_n, 8, 1);
    if (err == SOTTO_OK) err = cipher(sealed, &d, iv, SOTTO_SPAN(key->b));
    if (err == SOTTO_OK) mac_of(mac, &d, SOTTO_SPAN(sealed));
    SOTTO_WIPE(d);
    SOTTO_TRY(err);

    char address[41], iv_hex[33], sealed_hex[65], salt_hex[65], mac_hex[65], uuid[33], text[1024];
    sotto_hex(address, id.b, sizeof id.b);
    sotto_hex(iv_hex, iv, 16);
    sotto_hex(sealed_hex, sealed, sizeof sealed);
    sotto_hex(salt_hex, salt, 32);
    sotto_hex(mac_hex, mac, sizeof mac);
    sotto_hex(uuid, id16, 16);
    int size = snprintf(text, sizeof text,
        "{\"version\":3,\"id\":\"%.8s-%.4s-%.4s-%.4s-%.12s\",\"address\":\"%s\",\"crypto\":{\"cipher\":\"aes-128-ctr\","
        "\"cipherparams\":{\"iv\":\"%s\"},\"ciphertext\":\"%s\",\"kdf\":\"scrypt\","
        "\"kdfparams\":{\"dklen\":32,\"n\":%u,\"r\":8,\"p\":1,\"salt\":\"%s\"},\"mac\":\"%s\"}}",
        uuid, uuid + 8, uuid + 12, uuid + 16, uuid + 20, address, iv_hex, sealed_hex, scrypt_n, salt_hex, mac_hex);
    SOTTO_ASSERT(size > 0 && (size_t)size < sizeof text);
    return sotto_buf_add(out, text, (size_t)size);
}

/* ---- import: the file is read completely into this before any costly step ---- */

struct keystore {
    bool is_scrypt;
    uint32_t n, r, p, rounds;
    uint8_t salt[SALT_MAX], iv[16], sealed[32], mac[32];
    size_t salt_size, sealed_size;
    bool has_address;
    struct sotto_id address;
};

/* jansson recurses and has no depth to set. */
static bool shallow(struct sotto_span json)
{
    int depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < json.size; i++) {
        uint8_t c = json.data[i];
        if (in_text) {
            if (c == '\\') i++;
            else if (c == '"') in_text = false;
        } else if (c == '"') {
            in_text = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX) return false;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

static struct sotto_span text_of(const json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);
    return json_is_string(v) ? sotto_span(json_string_value(v), json_string_length(v)) : sotto_span(NULL, 0);
}

static bool is_text(const json_t *object, const char *name, const char *wanted)
{
    return sotto_span_equal(text_of(object, name), sotto_span_str(wanted));
}

static bool number(uint32_t *out, const json_t *object, const char *name, uint32_t min, uint32_t max)
{
    const json_t *v = json_object_get(object, name);
    if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max) return false;
    *out = (uint32_t)json_integer_value(v);
    return true;
}

static bool hex(uint8_t *out, size_t *size, const json_t *object, const char *name, size_t min, size_t max)
{
    struct sotto_span text = text_of(object, name);
    if (text.size % 2 || text.size / 2 < min || text.size / 2 > max) return false;
    if (sotto_unhex(out, text.size / 2, text) != SOTTO_OK) return false;
    if (size) *size = text.size / 2;
    return true;
}

static bool read_kdf(struct keystore *out, const json_t *crypto)
{
    const json_t *params = json_object_get(crypto, "kdfparams");
    uint32_t size;
    if (!number(&size, params, "dklen", 32, 32) || !hex(out->salt, &out->salt_size, params, "salt", 0, SALT_MAX)) return false;
    out->is_scrypt = is_text(crypto, "kdf", "scrypt");
    if (out->is_scrypt)
        return number(&out->n, params, "n", 2, SCRYPT_N_MAX) && (out->n & (out->n - 1)) == 0
            && number(&out->r, params, "r", 1, SCRYPT_R_MAX) && number(&out->p, params, "p", 1, SCRYPT_P_MAX);
    return is_text(crypto, "kdf", "pbkdf2") && is_text(params, "prf", "hmac-sha256") && number(&out->rounds, params, "c", 1, ROUNDS_MAX);
}

static bool read_keystore(struct keystore *out, const json_t *root)
{
    uint32_t version;
    const json_t *crypto = json_object_get(root, "crypto");
    if (!crypto) crypto = json_object_get(root, "Crypto");           /* as old writers spelled it */
    if (!number(&version, root, "version", 3, 3) || !is_text(crypto, "cipher", "aes-128-ctr")) return false;
    if (!hex(out->iv, NULL, json_object_get(crypto, "cipherparams"), "iv", 16, 16)) return false;
    /* Early writers dropped leading zero bytes of the key. */
    if (!hex(out->sealed, &out->sealed_size, crypto, "ciphertext", 1, 32) || !hex(out->mac, NULL, crypto, "mac", 32, 32)) return false;
    if (!read_kdf(out, crypto)) return false;
    struct sotto_span address = text_of(root, "address");
    out->has_address = address.size != 0;
    if (address.size == 42 && memcmp(address.data, "0x", 2) == 0) address = sotto_span_cut(address, 2, 40);
    return !out->has_address || sotto_unhex(out->address.b, sizeof out->address.b, address) == SOTTO_OK;
}

static enum sotto_err open_keystore(struct sotto_scalar *out, const struct keystore *ks, struct sotto_span password)
{
    struct derived d;
    struct sotto_scalar key = { { 0 } };
    struct sotto_id id;
    uint8_t mac[32];
    struct sotto_span sealed = sotto_span(ks->sealed, ks->sealed_size);
    enum sotto_err err = SOTTO_OK;
    if (ks->is_scrypt) err = scrypt(&d, password, sotto_span(ks->salt, ks->salt_size), ks->n, ks->r, ks->p);
    else pbkdf2_hmac_sha256(password.size, password.data, ks->rounds, ks->salt_size, ks->salt, sizeof d.b, d.b);
    if (err == SOTTO_OK) {
        mac_of(mac, &d, sealed);
        if (!sotto_equal_ct(mac, ks->mac, sizeof mac)) err = SOTTO_ERR_PASSPHRASE;
    }
    if (err == SOTTO_OK) err = cipher(key.b + sizeof key.b - sealed.size, &d, ks->iv, sealed);
    if (err == SOTTO_OK && (id_of_scalar(&id, &key) != SOTTO_OK || (ks->has_address && !sotto_id_equal(&id, &ks->address))))
        err = SOTTO_ERR_KEYSTORE;
    if (err == SOTTO_OK) *out = key;
    SOTTO_WIPE(d);
    SOTTO_WIPE(key);
    SOTTO_WIPE(mac);
    return err;
}

enum sotto_err sotto_keystore_import(struct sotto_scalar *out, struct sotto_span json, struct sotto_span password)
{
    if (json.size > JSON_SIZE_MAX || !shallow(json)) return SOTTO_ERR_KEYSTORE;
    json_t *root = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, NULL);
    if (!root) return SOTTO_ERR_KEYSTORE;
    struct keystore ks = { 0 };
    bool ok = read_keystore(&ks, root);
    json_decref(root);
    return ok ? open_keystore(out, &ks, password) : SOTTO_ERR_KEYSTORE;
}
