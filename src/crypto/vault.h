/* The vault file and sealed rows (messaging.md 1.2), and the Web3 keystore (1.4). */
#ifndef SOTTO_CRYPTO_VAULT_H
#define SOTTO_CRYPTO_VAULT_H

#include "base/env.h"
#include "crypto/aead.h"
#include "crypto/curve.h"

#define SOTTO_VAULT_HEAD 35u
#define SOTTO_VAULT_SIZE (35u + 24u + 48u)
#define SOTTO_ROW_OVERHEAD (24u + 16u)

struct sotto_vault_cost { uint32_t passes, memory_kib; };
/* What a reader accepts. Production: memory 65,536..4,194,304 KiB, passes 2..64; vectors and unit tests pass their own. */
struct sotto_vault_limits { uint32_t passes_min, passes_max, memory_kib_min, memory_kib_max; };
extern const struct sotto_vault_limits sotto_vault_limits_default;

/* Argon2id runs here: 0.1 to 1 s, so call it on a worker thread. password is normalised to NFC. */
SOTTO_MUST_USE enum sotto_err sotto_vault_seal(uint8_t out[SOTTO_VAULT_SIZE], const struct sotto_secret *vk, struct sotto_span password,
                                               struct sotto_vault_cost cost, const uint8_t salt[16], const uint8_t nonce[24]);
/* ERR_VAULT_FORM, ERR_VAULT_COST (before anything is allocated), ERR_NOMEM, ERR_PASSPHRASE. */
SOTTO_MUST_USE enum sotto_err sotto_vault_open(struct sotto_secret *vk, struct sotto_span file, struct sotto_span password,
                                               const struct sotto_vault_limits *limits);
/* The key from the password alone (vectors, backups). */
SOTTO_MUST_USE enum sotto_err sotto_vault_kek(struct sotto_secret *out, struct sotto_span password, struct sotto_vault_cost cost, const uint8_t salt[16]);

/* purpose: "seed" "contacts" "messages" "sessions" "skipped" "files". */
void sotto_vault_subkey(struct sotto_secret *out, const struct sotto_secret *vk, const char *purpose);
/* Row value = nonce 24 || XChaCha20-Poly1305(AAD = table 0 row_id column 0 version). Appends value.size + 40 bytes. */
SOTTO_MUST_USE enum sotto_err sotto_row_seal(struct sotto_buf *out, const struct sotto_secret *subkey, const char *table, uint64_t row_id,
                                             const char *column, struct sotto_span value, const uint8_t nonce[24]);
SOTTO_MUST_USE enum sotto_err sotto_row_open(struct sotto_buf *out, const struct sotto_secret *subkey, const char *table, uint64_t row_id,
                                             const char *column, struct sotto_span sealed);

/* Web3 secret storage v3. JSON text in and out; cost n must be a power of two. id16 = the UUID's bytes. */
SOTTO_MUST_USE enum sotto_err sotto_keystore_export(struct sotto_buf *out, const struct sotto_scalar *key, struct sotto_span password,
                                                    uint32_t scrypt_n, const uint8_t salt[32], const uint8_t iv[16], const uint8_t id16[16]);
/* scrypt or PBKDF2-SHA256; bounds n <= 2^20, r <= 8, p <= 16, rounds <= 10,000,000, checked first. ERR_KEYSTORE, ERR_PASSPHRASE. */
SOTTO_MUST_USE enum sotto_err sotto_keystore_import(struct sotto_scalar *out, struct sotto_span json, struct sotto_span password);

#endif
