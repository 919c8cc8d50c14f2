/* The accounts of a node: found at the start, opened with a passphrase, locked, kept. */
#include "node/impl.h"

#include "identity/cert.h"

#include <stdio.h>
#include <stdlib.h>

/* messaging.md 2.2: a certificate spans at most 63,115,200 s; without a ledger nobody renews it but its owner. */
#define CERT_SPAN_S 63072000ull           /* 730 days */
#define CERT_DAY_S 86400ull               /* notBefore on a whole day: not the second the account was made */
#define CERT_RENEW_S (60ull * 86400)      /* made anew at unlock with less than this left */
#define DAY_KEY_MS (24ull * 3600 * 1000)  /* messaging.md 1.3: sessions and skipped keys are sealed under a key replaced daily */
#define PROFILE_VERSION 1

enum sotto_err sotto_account_path(char out[SOTTO_PATH_MAX], const struct sotto_node *n, const struct sotto_id *id)
{
    char text[43], name[64];
    sotto_id_text(text, id);
    snprintf(name, sizeof name, "%s.vault", text);
    return sotto_path_join(out, n->vault_dir, name);
}

struct sotto_node_account *sotto_account_find(struct sotto_node *n, const struct sotto_id *id)
{
    for (unsigned i = 0; i < n->account_count; i++)
        if (sotto_id_equal(&n->accounts[i]->id, id)) return n->accounts[i];
    return NULL;
}

struct sotto_node_account *sotto_account_number(struct sotto_node *n, uint32_t number)
{
    for (unsigned i = 0; i < n->account_count; i++)
        if (n->accounts[i]->number == number) return n->accounts[i];
    return NULL;
}

struct sotto_node_account *sotto_account_current(struct sotto_node *n)
{
    struct sotto_node_account *a = sotto_account_number(n, n->current);
    return a ? a : n->account_count ? n->accounts[0] : NULL;
}

void sotto_account_free(struct sotto_node_account *a)
{
    if (!a) return;
    sotto_messenger_free(a->messenger);
    sotto_acts_free(&a->acts);
    sotto_buf_free(&a->cert);
    sotto_guard_free(a->keys);
    SOTTO_WIPE(a->name);
    free(a);
}

static enum sotto_err load_one(void *ctx, const struct sotto_store_account *row)
{
    struct sotto_node *n = ctx;
    if (n->account_count == SOTTO_ACCOUNTS_MAX) return SOTTO_ERR_FULL;
    struct sotto_node_account *a = calloc(1, sizeof *a);
    if (!a) return SOTTO_ERR_NOMEM;
    a->number = (uint32_t)row->number;
    memcpy(a->id.b, row->id, 20);
    a->created_ms = row->created_ms;
    a->cert = sotto_buf_make(SOTTO_CERT_MAX);
    n->accounts[n->account_count++] = a;
    return SOTTO_OK;
}

enum sotto_err sotto_accounts_load(struct sotto_node *n)
{
    SOTTO_TRY(sotto_store_account_list(n->store, load_one, n));
    sotto_accounts_current_load(n);
    return SOTTO_OK;
}

void sotto_accounts_current_load(struct sotto_node *n)
{
    struct sotto_buf b = sotto_buf_make(8);
    if (sotto_store_meta_get(n->store, &b, "account.current") == SOTTO_OK && b.size == 4) n->current = sotto_be32(b.data);
    sotto_buf_free(&b);
}

/* ---- the profile row: name, own certificate, time of the last backup ---- */

static enum sotto_err sealed_put(struct sotto_node *n, struct sotto_node_account *a, const struct sotto_secret *key, const char *table, struct sotto_span plain)
{
    uint8_t nonce[24];
    struct sotto_buf sealed = sotto_buf_make(plain.size + SOTTO_ROW_OVERHEAD);
    sotto_rng_fill(&n->rng.rng, nonce, sizeof nonce);
    enum sotto_err err = sotto_row_seal(&sealed, key, table, 1, "value", plain, nonce);
    if (err == SOTTO_OK) err = sotto_store_put(n->store, a->number, table, 1, sotto_buf_span(&sealed));
    sotto_buf_free(&sealed);
    return err;
}

static enum sotto_err sealed_get(struct sotto_node *n, struct sotto_node_account *a, const struct sotto_secret *key, const char *table, struct sotto_buf *plain)
{
    struct sotto_buf sealed = sotto_buf_make(4096);
    enum sotto_err err = sotto_store_get(n->store, &sealed, a->number, table, 1);
    if (err == SOTTO_OK) err = sotto_row_open(plain, key, table, 1, "value", sotto_buf_span(&sealed));
    sotto_buf_free(&sealed);
    return err;
}

enum sotto_err sotto_profile_encode(struct sotto_buf *out, const struct sotto_node_account *a)
{
    size_t name = strlen(a->name);
    SOTTO_TRY(sotto_buf_add_u8(out, PROFILE_VERSION));
    SOTTO_TRY(sotto_buf_add_u8(out, (uint8_t)name));
    SOTTO_TRY(sotto_buf_add(out, a->name, name));
    SOTTO_TRY(sotto_buf_add_u16(out, (uint16_t)a->cert.size));
    SOTTO_TRY(sotto_buf_add_span(out, sotto_buf_span(&a->cert)));
    return sotto_buf_add_u64(out, a->backup_ms);
}

enum sotto_err sotto_profile_decode(struct sotto_node_account *a, struct sotto_span plain)
{
    struct sotto_reader r = sotto_reader(plain);
    uint8_t version, size;
    uint16_t cert_size;
    uint64_t backup_ms;
    struct sotto_span name, cert;
    SOTTO_TRY(sotto_get_u8(&r, &version));
    SOTTO_TRY(sotto_get_u8(&r, &size));
    if (version != PROFILE_VERSION || size >= sizeof a->name) return SOTTO_ERR_FORMAT;
    SOTTO_TRY(sotto_get_span(&r, &name, size));
    SOTTO_TRY(sotto_get_u16(&r, &cert_size));
    SOTTO_TRY(sotto_get_span(&r, &cert, cert_size));
    SOTTO_TRY(sotto_get_u64(&r, &backup_ms));
    SOTTO_TRY(sotto_get_end(&r));
    if (cert_size > SOTTO_CERT_MAX || memchr(name.data, 0, name.size)) return SOTTO_ERR_FORMAT;
    SOTTO_TRY(sotto_buf_reserve(&a->cert, a->cert.size < cert_size ? cert_size - a->cert.size : 0));
    a->cert.size = 0;
    SOTTO_TRY(sotto_buf_add_span(&a->cert, cert));         /* has its room */
    memcpy(a->name, name.data, name.size);
    a->name[name.size] = 0;
    a->backup_ms = backup_ms;
    return SOTTO_OK;
}

enum sotto_err sotto_profile_save(struct sotto_node *n, struct sotto_node_account *a)
{
    struct sotto_buf b = sotto_buf_make(1024);
    enum sotto_err err = sotto_profile_encode(&b, a);
    if (err == SOTTO_OK) err = sealed_put(n, a, &a->keys->sub[SOTTO_PURPOSE_CONTACTS], "profile", sotto_buf_span(&b));
    sotto_buf_free(&b);
    return err;
}

static enum sotto_err profile_load(struct sotto_node *n, struct sotto_node_account *a)
{
    struct sotto_buf b = sotto_buf_make(1024);
    enum sotto_err err = sealed_get(n, a, &a->keys->sub[SOTTO_PURPOSE_CONTACTS], "profile", &b);
    if (err == SOTTO_OK) err = sotto_profile_decode(a, sotto_buf_span(&b));
    sotto_buf_free(&b);
    return err;
}

/* A certificate of its own: without a ledger chainId and registry are zero (messaging.md 2.2). */
static enum sotto_err cert_renew(struct sotto_node_account *a, struct sotto_now now)
{
    struct sotto_cert old;
    uint64_t now_s = now.wall_ms / 1000;
    if (a->cert.size && sotto_cert_parse(&old, sotto_buf_span(&a->cert)) == SOTTO_OK && old.not_after_s > now_s + CERT_RENEW_S) return SOTTO_OK;
    struct sotto_cert cert = { .version = 1, .kind = 0 };
    cert.not_before_s = now_s - now_s % CERT_DAY_S;
    cert.not_after_s = cert.not_before_s + CERT_SPAN_S;
    cert.id = a->id;
    SOTTO_TRY(sotto_point_make(&cert.key, &a->keys->roles.key[SOTTO_ROLE_IDENTITY]));
    SOTTO_TRY(sotto_point_make(&cert.xkey, &a->keys->roles.key[SOTTO_ROLE_EXCHANGE]));
    struct sotto_buf made = sotto_buf_make(SOTTO_CERT_MAX);
    enum sotto_err err = sotto_cert_make(&made, &cert, &a->keys->roles.key[SOTTO_ROLE_IDENTITY]);
    if (err == SOTTO_OK) a->cert.size = 0, err = sotto_buf_add_span(&a->cert, sotto_buf_span(&made));
    sotto_buf_free(&made);
    return err;
}

/* ---- day keys ---- */

static enum sotto_err day_save(struct sotto_node *n, struct sotto_node_account *a)
{
    uint8_t plain[72];
    struct sotto_secret base;
    memcpy(plain, a->keys->sub[SOTTO_PURPOSE_SESSIONS].b, 32);
    memcpy(plain + 32, a->keys->sub[SOTTO_PURPOSE_SKIPPED].b, 32);
    sotto_put_be64(plain + 64, a->day_key_ms);
    sotto_vault_subkey(&base, &a->keys->vk, "sessions");
    enum sotto_err err = sealed_put(n, a, &base, "daykey", SOTTO_SPAN(plain));
    SOTTO_WIPE(plain);
    SOTTO_WIPE(base);
    return err;
}

static void day_fresh(struct sotto_node *n, struct sotto_keys *keys)
{
    sotto_rng_fill(&n->rng.rng, keys->sub[SOTTO_PURPOSE_SESSIONS].b, 32);
    sotto_rng_fill(&n->rng.rng, keys->sub[SOTTO_PURPOSE_SKIPPED].b, 32);
}

static enum sotto_err day_load(struct sotto_node *n, struct sotto_node_account *a, struct sotto_now now)
{
    struct sotto_secret base;
    struct sotto_buf b = sotto_buf_make(72);
    sotto_vault_subkey(&base, &a->keys->vk, "sessions");
    enum sotto_err err = sealed_get(n, a, &base, "daykey", &b);
    SOTTO_WIPE(base);
    if (err == SOTTO_OK && b.size != 72) err = SOTTO_ERR_FORMAT;
    if (err == SOTTO_OK) {
        memcpy(a->keys->sub[SOTTO_PURPOSE_SESSIONS].b, b.data, 32);
        memcpy(a->keys->sub[SOTTO_PURPOSE_SKIPPED].b, b.data + 32, 32);
        a->day_key_ms = sotto_be64(b.data + 64);
    } else if (err == SOTTO_ERR_MISSING) {
        day_fresh(n, a->keys);
        a->day_key_ms = now.wall_ms;
        err = day_save(n, a);
    }
    sotto_buf_free(&b);
    return err;
}

struct resealed { struct sotto_node *node; struct sotto_node_account *account; enum sotto_table table; struct sotto_buf rows; };
static enum sotto_err collect(void *ctx, uint64_t id, struct sotto_span value)
{
    struct resealed *r = ctx;
    struct sotto_buf plain = sotto_buf_make(SOTTO_STORE_VALUE_MAX);
    const char *name = sotto_table_name(r->table);
    enum sotto_err err = sotto_row_open(&plain, &r->account->keys->sub[sotto_purpose_of(r->table)], name, id, "value", value);
    if (err == SOTTO_OK) err = sotto_buf_add_u64(&r->rows, id);
    if (err == SOTTO_OK) err = sotto_buf_add_u32(&r->rows, (uint32_t)plain.size);
    if (err == SOTTO_OK) err = sotto_buf_add_span(&r->rows, sotto_buf_span(&plain));
    sotto_buf_free(&plain);
    return err;
}

static bool day_table(enum sotto_table t)
{
    enum sotto_purpose p = sotto_purpose_of(t);
    return p == SOTTO_PURPOSE_SESSIONS || p == SOTTO_PURPOSE_SKIPPED;
}

/* All rows of sessions and skipped keys under fresh keys, in one transaction; the old keys are overwritten on the disk. */
static enum sotto_err day_rotate(struct sotto_node *n, struct sotto_node_account *a, struct sotto_now now)
{
    struct resealed tables[SOTTO_TABLE_COUNT];
    struct sotto_keys *old = sotto_guard_new(sizeof *old, NULL);
    if (!old) return SOTTO_ERR_NOMEM;
    *old = *a->keys;
    uint64_t old_ms = a->day_key_ms;
    enum sotto_err err = SOTTO_OK;
    for (int t = 0; t < SOTTO_TABLE_COUNT; t++) {
        tables[t] = (struct resealed){ n, a, (enum sotto_table)t, sotto_buf_make(256u << 20) };
        if (err == SOTTO_OK && day_table((enum sotto_table)t)) err = sotto_store_scan(n->store, a->number, sotto_table_name((enum sotto_table)t), collect, &tables[t]);
    }
    if (err == SOTTO_OK) {
        day_fresh(n, a->keys);
        a->day_key_ms = now.wall_ms;
        sotto_txn_begin(n);
        for (int t = 0; t < SOTTO_TABLE_COUNT; t++) {
            struct sotto_reader r = sotto_reader(sotto_buf_span(&tables[t].rows));
            while (err == SOTTO_OK && sotto_reader_left(&r)) {
                uint64_t id;
                uint32_t size;
                struct sotto_span plain;
                err = sotto_get_u64(&r, &id);
                if (err == SOTTO_OK) err = sotto_get_u32(&r, &size);
                if (err == SOTTO_OK) err = sotto_get_span(&r, &plain, size);
                if (err == SOTTO_OK) err = sotto_rows_put(n, a, (enum sotto_table)t, id, plain);
            }
        }
        if (err == SOTTO_OK) err = day_save(n, a);
        if (err != SOTTO_OK) sotto_txn_fail(n, err);
        err = sotto_txn_end(n, true);
        if (err != SOTTO_OK) {
            *a->keys = *old;
            a->day_key_ms = old_ms;
        } else {
            n->removed = true;                            /* what the old keys sealed must not live on in the database's log and pages */
            sotto_leave_no_copy(n);
        }
    }
    for (int t = 0; t < SOTTO_TABLE_COUNT; t++) sotto_buf_free(&tables[t].rows);
    sotto_guard_free(old);
    return err;
}

/* ---- opening and locking ---- */

struct loading { struct sotto_node *node; struct sotto_node_account *account; struct sotto_messenger *messenger; enum sotto_table table; };
static enum sotto_err load_row(void *ctx, uint64_t id, struct sotto_span value)
{
    struct loading *l = ctx;
    struct sotto_buf plain = sotto_buf_make(SOTTO_STORE_VALUE_MAX);
    enum sotto_err err = sotto_row_open(&plain, &l->account->keys->sub[sotto_purpose_of(l->table)], sotto_table_name(l->table), id, "value", value);
    if (err == SOTTO_OK) err = sotto_messenger_load(l->messenger, l->table, id, sotto_buf_span(&plain));
    sotto_buf_free(&plain);
    return err;
}

enum sotto_err sotto_account_reload(struct sotto_node *n, struct sotto_node_account *a)
{
    sotto_batch_close(n);
    SOTTO_ASSERT(a->keys && n->txn_depth == 0);
    struct sotto_now now = sotto_io_now();
    sotto_messenger_free(a->messenger);
    a->messenger = NULL;
    a->stalled = true;
    SOTTO_TRY(profile_load(n, a));                        /* the name too may be one that was not stored */
    struct sotto_messenger_config config = {
        .keys = &a->keys->roles, .cert = sotto_buf_span(&a->cert), .receipt_mean_ms = sotto_config_number(n->config, SOTTO_KEY_RELAY_RECEIPT),
        .puzzle_bits = 20, .contacts_max = SOTTO_CHATS_MAX, .requests_max = 256, .pending_max = 64, .unacked_max = 1000,
        .prepares = true, .tables_max = (unsigned)sotto_config_number(n->config, SOTTO_KEY_LIMITS_TABLES),
        .rng = &n->rng.rng, .log = n->log,
    };
    struct loading l = { .node = n, .account = a };
    SOTTO_TRY(sotto_messenger_new(&l.messenger, &config));
    enum sotto_err err = SOTTO_OK;
    for (int t = 0; err == SOTTO_OK && t < SOTTO_TABLE_COUNT; t++) {
        l.table = (enum sotto_table)t;
        err = sotto_store_scan(n->store, a->number, sotto_table_name(l.table), load_row, &l);
    }
    uint64_t last = 0;
    if (err == SOTTO_OK) err = sotto_store_message_last_id(n->store, &last, a->number);
    if (err != SOTTO_OK) {
        sotto_messenger_free(l.messenger);
        return err;
    }
    sotto_acts_clear(&a->acts);
    err = sotto_messenger_start(l.messenger, last + 1, now, &a->acts);
    if (err != SOTTO_OK) {
        sotto_messenger_free(l.messenger);
        return err;
    }
    a->messenger = l.messenger;
    sotto_txn_begin(n);
    sotto_txn_apply(n, a);
    a->dirty = false;                                     /* a failure here is answered below, not by another reload */
    err = sotto_txn_end(n, true);
    if (err != SOTTO_OK) {
        sotto_messenger_free(a->messenger);
        a->messenger = NULL;
        return err;
    }
    /* what came in behind the commit may have failed and loaded it again, or have failed at that */
    if (!a->messenger) return SOTTO_ERR_DISK_FULL;
    a->stalled = false;
    return SOTTO_OK;
}

static void probe_now(struct sotto_node *n, struct sotto_node_account *a)
{
    sotto_txn_begin(n);
    sotto_network_probe(n, a);
    enum sotto_err err = sotto_txn_end(n, true);
    if (err != SOTTO_OK) sotto_log_line(n->log, SOTTO_LOG_ERROR, "store", "commit-failed", "reason=%s", sotto_err_name(err));
}

enum sotto_err sotto_account_opened(struct sotto_node *n, struct sotto_node_account *a, struct sotto_keys *keys)
{
    struct sotto_now now = sotto_io_now();
    SOTTO_ASSERT(!a->keys);
    a->keys = keys;
    a->used_us = now.mono_us;
    a->fails = 0;
    enum sotto_err err = profile_load(n, a);
    sotto_txn_begin(n);
    if (err == SOTTO_ERR_MISSING || err == SOTTO_OK) {
        err = cert_renew(a, now);
        if (err == SOTTO_OK) err = sotto_profile_save(n, a);
    }
    if (err == SOTTO_OK) err = day_load(n, a, now);
    if (err != SOTTO_OK) sotto_txn_fail(n, err);
    err = sotto_txn_end(n, true);
    if (err == SOTTO_OK) err = sotto_account_reload(n, a);
    if (err != SOTTO_OK) {
        sotto_log_line(n->log, SOTTO_LOG_ERROR, "account", "not-opened", "reason=%s", sotto_err_name(err));
        a->broken = err == SOTTO_ERR_FORMAT || err == SOTTO_ERR_AEAD;
        sotto_account_lock(n, a);
        return err;
    }
    a->broken = false;
    a->probe = false;
    probe_now(n, a);                                      /* what came while it was locked and is still alive */
    sotto_network_wake(n);
    return SOTTO_OK;
}

void sotto_locks_check(struct sotto_node *n)
{
    unsigned unlocked = sotto_guard_unlocked();
    if (unlocked <= n->lock_warned) return;
    if (n->lock_warned == 0)
        sotto_log_line(n->log, SOTTO_LOG_WARN, "account", "memory-not-locked",
                       "regions=%u todo=\"keys could reach the swap: raise LimitMEMLOCK (systemd) or ulimit -l, 64 MiB are enough\"", unlocked);
    n->lock_warned = unlocked;
}

void sotto_leave_no_copy(struct sotto_node *n)
{
    enum sotto_err err = n->removed ? sotto_store_compact(n->store) : sotto_store_wal_truncate(n->store);
    if (err == SOTTO_OK) n->removed = false;
    else sotto_log_line(n->log, SOTTO_LOG_WARN, "store", "wal-not-truncated", "reason=%s", sotto_err_name(err));
}

void sotto_account_lock(struct sotto_node *n, struct sotto_node_account *a)
{
    sotto_network_forget(n, a);
    sotto_messenger_free(a->messenger);
    a->messenger = NULL;
    sotto_acts_free(&a->acts);
    sotto_guard_free(a->keys);
    a->keys = NULL;
    a->stalled = false;
    SOTTO_WIPE(a->name);
    a->cert.size = 0;
    sotto_tasks_forget(n);
    if (!sotto_store_begun(n->store)) sotto_leave_no_copy(n);
}

void sotto_accounts_tick(struct sotto_node *n, struct sotto_now now)
{
    uint64_t idle_us = sotto_config_number(n->config, SOTTO_KEY_VAULT_LOCK_AFTER) * 1000;
    sotto_locks_check(n);
    for (unsigned i = 0; i < n->account_count; i++) {
        struct sotto_node_account *a = n->accounts[i];
        if (!a->keys) continue;
        if (a->stalled && sotto_account_reload(n, a) == SOTTO_OK) {
            sotto_log_line(n->log, SOTTO_LOG_INFO, "account", "goes-on", NULL);
            probe_now(n, a);                              /* what came while nothing could be stored */
            sotto_network_wake(n);
        }
        if (a->messenger && now.wall_ms > a->day_key_ms + DAY_KEY_MS) {
            enum sotto_err err = day_rotate(n, a, now);
            if (err != SOTTO_OK) sotto_log_line(n->log, SOTTO_LOG_WARN, "account", "day-key-kept", "reason=%s", sotto_err_name(err));
        }
        /* an empty passphrase protects nothing: locking would only stop the receiving */
        if (idle_us && !a->keys->empty_passphrase && now.mono_us > a->used_us && now.mono_us - a->used_us > idle_us) {
            sotto_log_line(n->log, SOTTO_LOG_INFO, "account", "locked-idle", NULL);
            sotto_account_lock(n, a);
        }
    }
}
