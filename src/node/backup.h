/* The backup file (experience.md 5, messaging.md 1.2): one person's seed, contacts and history; never a session.
 *
 *     head 35 = "SOTTOBAK" || u8 1 || u8 1 (Argon2id v1.3) || u32 passes || u32 memory KiB || u8 1 lane || salt 16
 *     frame 12 = u64 created, unix ms || u32 parts
 *     check 40 = nonce 24 || tag 16 (seals nothing: tells a wrong passphrase from a damaged part)
 *     then `parts` times: u32 size || nonce 24 || sealed, size = 24 + plain + 16 <= 65,600
 *
 * Key = HKDF("", Argon2id(passphrase), "sotto/backup/1", 32). AAD of every seal = head || frame || u32 part number
 * (2^32 - 1 for the check): parts cannot be moved, dropped or mixed between files. Plain text of a part = items:
 * u8 kind || u64 row || u32 size || bytes. A damaged part loses its items only. Pure: files and threads are the caller's. */
#ifndef SOTTO_NODE_BACKUP_H
#define SOTTO_NODE_BACKUP_H

#include "base/env.h"
#include "crypto/vault.h"

#define SOTTO_BACKUP_HEAD 35u
#define SOTTO_BACKUP_START (35u + 12u + 40u)
#define SOTTO_BACKUP_PART_PLAIN_MAX 65536u
#define SOTTO_BACKUP_SIZE_MAX (1024u << 20)

enum sotto_backup_kind { SOTTO_BACKUP_SEED = 1, SOTTO_BACKUP_CONTACT = 2, SOTTO_BACKUP_MESSAGE = 3, SOTTO_BACKUP_PROFILE = 4 };

struct sotto_backup_writer {
    struct sotto_buf items;               /* all items, plain; a new part begins where one would pass PART_PLAIN_MAX */
    struct sotto_buf cuts;                /* u32 end offset of each finished part */
    uint32_t part_start, count;
};
void sotto_backup_begin(struct sotto_backup_writer *w);
/* An item must fit one part: ERR_TOO_LONG above 65,523 bytes. */
SOTTO_MUST_USE enum sotto_err sotto_backup_add(struct sotto_backup_writer *w, enum sotto_backup_kind kind, uint64_t row, struct sotto_span bytes);
/* Runs Argon2id: on a worker. Appends the whole file. The writer stays valid and must be freed. */
SOTTO_MUST_USE enum sotto_err sotto_backup_seal(struct sotto_buf *out, const struct sotto_backup_writer *w, struct sotto_span passphrase,
                                                struct sotto_vault_cost cost, uint64_t created_ms, struct sotto_rng *rng);
void sotto_backup_free(struct sotto_backup_writer *w);

struct sotto_backup_report {
    uint64_t created_ms, items, bad_offset;               /* bad_offset: first damaged byte position known, if parts_ok < parts */
    uint32_t parts, parts_ok;
};
typedef enum sotto_err sotto_backup_item_fn(void *ctx, enum sotto_backup_kind kind, uint64_t row, struct sotto_span bytes);
/* Runs Argon2id: on a worker. Calls fn for each item of every readable part; an error of fn ends it and is returned.
 * ERR_FORMAT (not a backup, or cut inside the head), ERR_VAULT_COST, ERR_PASSPHRASE, ERR_NOMEM; damaged parts are not an error:
 * they show in the report. Unknown kinds are skipped but counted (a newer program wrote them). */
SOTTO_MUST_USE enum sotto_err sotto_backup_open(struct sotto_backup_report *report, struct sotto_span file, struct sotto_span passphrase,
                                                const struct sotto_vault_limits *limits, sotto_backup_item_fn *fn, void *ctx);

#endif
