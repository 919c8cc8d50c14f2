/* The secrets of one open account, in one guarded region, and the account file they come from (messaging.md 1.1-1.3).
 *
 * vault/<id>.vault = vault 107 || row "account", 0, "seed": u8 version 1 || entropy 32 || u32 account'. The file is all that is
 * needed to be this account again; it is replaced atomically. */
#ifndef SOTTO_NODE_KEYS_H
#define SOTTO_NODE_KEYS_H

#include "base/env.h"
#include "conversation/messenger.h"
#include "crypto/mnemonic.h"
#include "crypto/vault.h"

#define SOTTO_ACCOUNT_FILE_SIZE (SOTTO_VAULT_SIZE + 37u + SOTTO_ROW_OVERHEAD)

enum sotto_purpose { SOTTO_PURPOSE_CONTACTS, SOTTO_PURPOSE_MESSAGES, SOTTO_PURPOSE_SESSIONS, SOTTO_PURPOSE_SKIPPED, SOTTO_PURPOSE_COUNT };

struct sotto_keys {                        /* lives in sotto_guard_new memory only */
    struct sotto_secret vk;
    struct sotto_secret sub[SOTTO_PURPOSE_COUNT];     /* sessions and skipped: replaced daily by random keys stored under VK */
    struct sotto_roles roles;
    uint32_t account_index;
    bool empty_passphrase;                   /* opened with the empty passphrase */
};

/* A new account's file from entropy. Argon2id: on a worker. */
SOTTO_MUST_USE enum sotto_err sotto_keys_make(struct sotto_keys *keys, uint8_t file[SOTTO_ACCOUNT_FILE_SIZE], const struct sotto_entropy *entropy,
                                              uint32_t account_index, struct sotto_span passphrase, struct sotto_vault_cost cost, struct sotto_rng *rng);
/* Opens it. ERR_VAULT_FORM, ERR_VAULT_COST, ERR_PASSPHRASE, ERR_NOMEM; ERR_AEAD: the seed row is damaged. On a worker. */
SOTTO_MUST_USE enum sotto_err sotto_keys_open(struct sotto_keys *keys, struct sotto_span file, struct sotto_span passphrase,
                                              const struct sotto_vault_limits *limits);
/* The same seed and VK under another passphrase. On a worker. */
SOTTO_MUST_USE enum sotto_err sotto_keys_reseal(uint8_t file[SOTTO_ACCOUNT_FILE_SIZE], const struct sotto_keys *keys, struct sotto_span old_file,
                                                struct sotto_span passphrase, struct sotto_vault_cost cost, struct sotto_rng *rng);
/* The entropy out of an open account's file (the vault is open: no passphrase, no Argon2id). */
SOTTO_MUST_USE enum sotto_err sotto_keys_entropy(struct sotto_entropy *out, const struct sotto_keys *keys, struct sotto_span file);
enum sotto_purpose sotto_purpose_of(enum sotto_table table);

#endif
