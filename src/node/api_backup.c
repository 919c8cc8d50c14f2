/* backup create and verify, account restore from a backup. Reading rows happens on the loop, Argon2id and the file on the worker. */
#include "node/backup.h"
#include "node/impl.h"

#include "crypto/hash.h"

#include <stdio.h>
#include <stdlib.h>

struct backup_work {
    struct sotto_node *node;
    enum { CREATE, VERIFY, RESTORE } what;
    uint32_t account;
    struct sotto_backup_writer writer;
    char path[SOTTO_PATH_MAX];
    struct secret { char passphrase[1025]; } *secret;     /* guarded */
    struct sotto_vault_cost cost;
    uint64_t created_ms, bytes;
    uint8_t hash[32];
    enum sotto_err err;
    bool partial, ran;
    char name[65];
    struct sotto_backup_report report;
    /* what a restore found */
    struct sotto_buf rows;                                /* u8 kind, u64 row, u32 size, bytes: contacts and messages */
    struct sotto_keys *keys;                              /* guarded */
    struct sotto_entropy *entropy;                        /* guarded */
    bool has_seed;
    uint32_t account_index, contacts, messages;
    uint8_t file[SOTTO_ACCOUNT_FILE_SIZE];
    struct sotto_task *task;
};

static void backup_free(struct backup_work *w)
{
    sotto_backup_free(&w->writer);
    sotto_guard_free(w->secret);
    sotto_guard_free(w->keys);
    sotto_guard_free(w->entropy);
    sotto_buf_free(&w->rows);
    free(w);
}

static enum sotto_err keep(void *ctx, enum sotto_backup_kind kind, uint64_t row, struct sotto_span bytes)
{
    struct backup_work *w = ctx;
    if (kind == SOTTO_BACKUP_SEED) {
        if (bytes.size != 36) return SOTTO_ERR_FORMAT;
        memcpy(w->entropy->b, bytes.data, 32);
        w->account_index = sotto_be32(bytes.data + 32);
        w->has_seed = true;
        return SOTTO_OK;
    }
    if (kind == SOTTO_BACKUP_PROFILE) {
        if (bytes.size >= sizeof w->name) return SOTTO_ERR_FORMAT;
        if (!w->name[0]) memcpy(w->name, bytes.data, bytes.size), w->name[bytes.size] = 0;
        return SOTTO_OK;
    }
    if (kind == SOTTO_BACKUP_CONTACT) w->contacts++;
    else w->messages++;
    SOTTO_TRY(sotto_buf_add_u8(&w->rows, (uint8_t)kind));
    SOTTO_TRY(sotto_buf_add_u64(&w->rows, row));
    SOTTO_TRY(sotto_buf_add_u32(&w->rows, (uint32_t)bytes.size));
    return sotto_buf_add_span(&w->rows, bytes);
}

static enum sotto_err create(struct backup_work *w)
{
    struct sotto_chacha_rng rng;
    struct sotto_buf file = sotto_buf_make(SOTTO_BACKUP_SIZE_MAX);
    sotto_rng_from_system(&rng);
    enum sotto_err err = sotto_backup_seal(&file, &w->writer, sotto_span_str(w->secret->passphrase), w->cost, w->created_ms, &rng.rng);
    if (err == SOTTO_OK) err = sotto_file_replace(w->path, sotto_buf_span(&file));
    if (err == SOTTO_OK) {
        sotto_sha256(w->hash, sotto_buf_span(&file));
        w->bytes = file.size;
    }
    sotto_buf_free(&file);
    SOTTO_WIPE(rng);
    return err;
}

static enum sotto_err read_back(struct backup_work *w)
{
    struct sotto_buf file = sotto_buf_make(SOTTO_BACKUP_SIZE_MAX);
    enum sotto_err err = sotto_file_read(&file, w->path);
    if (err == SOTTO_OK) err = sotto_backup_open(&w->report, sotto_buf_span(&file), sotto_span_str(w->secret->passphrase), &sotto_vault_limits_default, keep, w);
    if (err == SOTTO_OK) {
        sotto_sha256(w->hash, sotto_buf_span(&file));
        w->bytes = file.size;
    }
    sotto_buf_free(&file);
    return err;
}

static void backup_run(void *arg, const atomic_bool *cancel)
{
    struct backup_work *w = arg;
    (void)cancel;
    w->ran = true;
    if (w->what == CREATE) {
        w->err = create(w);
        return;
    }
    w->err = read_back(w);
    if (w->err != SOTTO_OK || w->what != RESTORE) return;
    if (!w->has_seed || (w->report.parts_ok < w->report.parts && !w->partial)) return;     /* judged on the loop */
    struct sotto_chacha_rng rng;
    sotto_rng_from_system(&rng);
    w->err = sotto_keys_make(w->keys, w->file, w->entropy, w->account_index, sotto_span_str(w->secret->passphrase), w->cost, &rng.rng);
    SOTTO_WIPE(rng);
}

static void told(struct backup_work *w)
{
    json_t *o = json_object();
    json_object_set_new(o, "bytes", json_integer((json_int_t)w->bytes));
    json_object_set_new(o, "items", json_integer((json_int_t)(w->what == CREATE ? w->writer.count : w->report.items)));
    json_object_set_new(o, "hash", sotto_json_hex(w->hash, 32));
    sotto_task_done(w->node, w->task, o);
}

static void damaged(struct backup_work *w)
{
    char at[24], ok[16], all[16];
    snprintf(at, sizeof at, "%llu", (unsigned long long)w->report.bad_offset);
    snprintf(ok, sizeof ok, "%u", w->report.parts_ok);
    snprintf(all, sizeof all, "%u", w->report.parts);
    sotto_task_fail(w->node, w->task, 1203, "n", at, "k", ok, "m", all, NULL);
}

/* Contacts and history under their own numbers, then each contact is met again by a resync (messaging.md 4.9). */
static enum sotto_err fill(struct sotto_node *n, struct sotto_node_account *a, struct backup_work *w)
{
    enum sotto_err err = SOTTO_OK;
    struct sotto_reader r = sotto_reader(sotto_buf_span(&w->rows));
    sotto_txn_begin(n);
    while (err == SOTTO_OK && sotto_reader_left(&r)) {
        uint8_t kind;
        uint64_t row;
        uint32_t size;
        struct sotto_span bytes;
        struct sotto_history h;
        err = sotto_get_u8(&r, &kind);
        if (err == SOTTO_OK) err = sotto_get_u64(&r, &row);
        if (err == SOTTO_OK) err = sotto_get_u32(&r, &size);
        if (err == SOTTO_OK) err = sotto_get_span(&r, &bytes, size);
        if (err != SOTTO_OK) break;
        if (kind == SOTTO_BACKUP_CONTACT) err = sotto_rows_put(n, a, SOTTO_TABLE_CONTACT, row, bytes);
        else if ((err = sotto_history_decode(&h, row, bytes)) == SOTTO_OK) err = sotto_rows_message_put(n, a, &h);
    }
    if (err != SOTTO_OK) sotto_txn_fail(n, err);
    return sotto_txn_end(n, true);
}

static void meet_again(struct sotto_node *n, struct sotto_node_account *a)
{
    struct sotto_contact c;
    for (unsigned i = 0; a->messenger && sotto_messenger_contact_at(a->messenger, i, &c); i++) {
        if (c.state != SOTTO_CONTACT_MUTUAL && c.state != SOTTO_CONTACT_ACCEPTED) continue;
        struct sotto_id id = c.id;
        sotto_txn_begin(n);
        enum sotto_err err = sotto_messenger_resync(a->messenger, &id, sotto_io_now(), &a->acts);
        if (err == SOTTO_OK) sotto_txn_apply(n, a);
        enum sotto_err end = sotto_txn_end(n, err == SOTTO_OK);
        if (err != SOTTO_OK || end != SOTTO_OK)
            sotto_log_line(n->log, SOTTO_LOG_WARN, "account", "resync-not-begun", "reason=%s", sotto_err_name(err != SOTTO_OK ? err : end));
    }
}

static void restored(struct backup_work *w)
{
    struct sotto_node *n = w->node;
    struct sotto_node_account *a = NULL;
    if (!w->has_seed || (w->report.parts_ok < w->report.parts && !w->partial)) {
        damaged(w);
        return;
    }
    /* keys live in guarded memory of their own: the account takes it over when it opens */
    enum sotto_err err = sotto_account_adopt(n, &a, w->keys, w->file, w->name);
    if (err == SOTTO_OK) {
        err = sotto_account_opened(n, a, w->keys);
        w->keys = NULL;
    }
    if (err == SOTTO_OK) err = fill(n, a, w);
    if (err == SOTTO_OK) err = sotto_account_reload(n, a);
    if (err == SOTTO_ERR_EXISTS) {
        sotto_task_fail(n, w->task, 1205, NULL);
        return;
    }
    if (err != SOTTO_OK) {
        if (a) sotto_account_unadopt(n, a);               /* half of a restore would stand in the way of the next one */
        sotto_task_fail(n, w->task, err == SOTTO_ERR_DISK_FULL ? 2101 : err == SOTTO_ERR_FORMAT ? 1203 : 1000, NULL);
        return;
    }
    meet_again(n, a);
    json_t *o = json_object();
    json_object_set_new(o, "account", sotto_json_id(&a->id));
    json_object_set_new(o, "contacts", json_integer(w->contacts));
    json_object_set_new(o, "chats", json_integer(w->contacts));
    json_object_set_new(o, "messages", json_integer(w->messages));
    json_object_set_new(o, "sinceHeight", json_null());
    sotto_task_done(n, w->task, o);
}

static void backup_done(void *arg, bool cancelled)
{
    struct backup_work *w = arg;
    struct sotto_node *n = w->node;
    sotto_batch_close(n);
    if (!w->ran || n->stopping || (cancelled && w->what == RESTORE)) sotto_task_cancelled(n, w->task);
    else if (w->err == SOTTO_ERR_PASSPHRASE) sotto_task_fail(n, w->task, 1106, "what", "the backup", NULL);
    else if (w->err == SOTTO_ERR_FORMAT || w->err == SOTTO_ERR_VAULT_COST) sotto_task_fail(n, w->task, 1203, "n", "0", NULL);
    else if (w->err == SOTTO_ERR_MISSING || w->err == SOTTO_ERR_IO || w->err == SOTTO_ERR_MODE) sotto_task_fail(n, w->task, 1606, "file", w->path, NULL);
    else if (w->err == SOTTO_ERR_DISK_FULL) sotto_task_fail(n, w->task, 2101, NULL);
    else if (w->err == SOTTO_ERR_FULL || w->err == SOTTO_ERR_NOMEM) sotto_task_fail(n, w->task, 1605, "need", "more than 1 GiB", "free", "1 GiB", NULL);
    else if (w->err != SOTTO_OK) sotto_task_fail(n, w->task, 1000, NULL);
    else if (w->what == RESTORE) restored(w);
    else if (w->what == VERIFY && (w->report.parts_ok < w->report.parts || w->report.bad_offset || !w->has_seed)) damaged(w);
    else {
        struct sotto_node_account *a = sotto_account_number(n, w->account);
        if (w->what == CREATE && a && a->keys) {
            a->backup_ms = w->created_ms;
            sotto_txn_begin(n);
            enum sotto_err err = sotto_profile_save(n, a);
            if (err != SOTTO_OK) sotto_txn_fail(n, err);
            (void)!sotto_txn_end(n, true);                /* the backup is there all the same */
        }
        told(w);
    }
    backup_free(w);
}

static struct backup_work *begin(struct sotto_node *n, struct sotto_call *call, const char *method, const char *path, const char *passphrase)
{
    if (path[0] != '/') {
        sotto_call_error(call, 1606, "file", path, "why", "The path must be absolute: the node runs in another folder.", NULL);
        return NULL;
    }
    struct backup_work *w = calloc(1, sizeof *w);
    if (w) {
        w->node = n;
        w->rows = sotto_buf_make(SOTTO_BACKUP_SIZE_MAX);
        sotto_backup_begin(&w->writer);
        w->secret = sotto_guard_new(sizeof *w->secret, NULL);
        w->keys = sotto_guard_new(sizeof *w->keys, NULL);
        w->entropy = sotto_guard_new(sizeof *w->entropy, NULL);
        w->task = w->secret && w->keys && w->entropy ? sotto_task_new(n, method) : NULL;
    }
    if (!w || !w->task) {
        if (w) backup_free(w);
        sotto_call_error(call, 1003, NULL);
        return NULL;
    }
    snprintf(w->path, sizeof w->path, "%s", path);
    snprintf(w->secret->passphrase, sizeof w->secret->passphrase, "%s", passphrase);
    w->cost = passphrase[0] ? (struct sotto_vault_cost){ .passes = (uint32_t)sotto_config_number(n->config, SOTTO_KEY_VAULT_PASSES),
                                                         .memory_kib = (uint32_t)(sotto_config_number(n->config, SOTTO_KEY_VAULT_MEMORY) / 1024) }
                            : (struct sotto_vault_cost){ .passes = 2, .memory_kib = 65536 };
    w->created_ms = sotto_io_now().wall_ms;
    return w;
}

static void start_after(struct sotto_node *n, void *arg, bool committed)
{
    struct backup_work *w = arg;
    struct sotto_task *t = w->task;
    if (committed && sotto_workers_run(n->workers, &t->job, SOTTO_LANE_WORK, backup_run, backup_done, w) == SOTTO_OK) return;
    backup_free(w);
    if (committed) sotto_task_fail(n, t, 1003, NULL);     /* else the task went with its call */
}

static void start(struct backup_work *w, struct sotto_call *call)
{
    json_t *told_job = sotto_task_answer(w->task);
    sotto_txn_after(w->node, start_after, w);
    sotto_call_result(call, told_job);
}

struct gather { struct sotto_node_account *account; struct backup_work *work; };
static enum sotto_err gather_contact(void *ctx, uint64_t id, struct sotto_span value)
{
    struct gather *g = ctx;
    struct sotto_buf plain = sotto_buf_make(SOTTO_STORE_VALUE_MAX);
    enum sotto_err err = sotto_row_open(&plain, &g->account->keys->sub[sotto_purpose_of(SOTTO_TABLE_CONTACT)], sotto_table_name(SOTTO_TABLE_CONTACT), id, "value", value);
    if (err == SOTTO_OK) err = sotto_backup_add(&g->work->writer, SOTTO_BACKUP_CONTACT, id, sotto_buf_span(&plain));
    sotto_buf_free(&plain);
    return err;
}

static enum sotto_err gather_message(void *ctx, const struct sotto_store_message *m)
{
    struct gather *g = ctx;
    struct sotto_buf plain = sotto_buf_make(SOTTO_HISTORY_SIZE_MAX);
    enum sotto_err err = sotto_row_open(&plain, &g->account->keys->sub[SOTTO_PURPOSE_MESSAGES], "message", m->id, "value", m->value);
    if (err == SOTTO_OK) err = sotto_backup_add(&g->work->writer, SOTTO_BACKUP_MESSAGE, m->id, sotto_buf_span(&plain));
    sotto_buf_free(&plain);
    return err;
}

static enum sotto_err gather_seed(struct sotto_node *n, struct sotto_node_account *a, struct backup_work *w)
{
    char path[SOTTO_PATH_MAX];
    uint8_t seed[36];
    struct sotto_buf file = sotto_buf_make(SOTTO_ACCOUNT_FILE_SIZE);
    enum sotto_err err = sotto_account_path(path, n, &a->id);
    if (err == SOTTO_OK) err = sotto_file_read(&file, path);
    if (err == SOTTO_OK) err = sotto_keys_entropy(w->entropy, a->keys, sotto_buf_span(&file));
    if (err == SOTTO_OK) {
        memcpy(seed, w->entropy->b, 32);
        sotto_put_be32(seed + 32, a->keys->account_index);
        err = sotto_backup_add(&w->writer, SOTTO_BACKUP_SEED, 0, SOTTO_SPAN(seed));
    }
    SOTTO_WIPE(seed);
    sotto_buf_free(&file);
    return err;
}

static void backup_create(void *ctx, struct sotto_call *call, const struct sotto_backup_create_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_node_account *a = sotto_api_account(n, call);
    struct backup_work *w = a ? begin(n, call, "backup create", p->path, p->passphrase) : NULL;
    if (!w) return;
    w->what = CREATE;
    w->account = a->number;
    struct gather g = { a, w };
    struct sotto_store_query q = { .account = a->number };
    enum sotto_err err = gather_seed(n, a, w);
    if (err == SOTTO_OK) err = sotto_backup_add(&w->writer, SOTTO_BACKUP_PROFILE, 0, sotto_span_str(a->name));
    if (err == SOTTO_OK) err = sotto_store_scan(n->store, a->number, sotto_table_name(SOTTO_TABLE_CONTACT), gather_contact, &g);
    if (err == SOTTO_OK) err = sotto_store_message_list(n->store, &q, gather_message, &g);
    if (err != SOTTO_OK) {
        struct sotto_task *t = w->task;
        json_t *job = sotto_task_answer(t);
        backup_free(w);
        sotto_task_fail(n, t, err == SOTTO_ERR_FULL ? 1605 : 2102, NULL);
        sotto_call_result(call, job);
        return;
    }
    snprintf(w->task->step, sizeof w->task->step, "sealing");
    start(w, call);
}

static void backup_verify(void *ctx, struct sotto_call *call, const struct sotto_backup_verify_params *p)
{
    struct backup_work *w = begin(ctx, call, "backup verify", p->path, p->passphrase);
    if (!w) return;
    w->what = VERIFY;
    snprintf(w->task->step, sizeof w->task->step, "reading");
    start(w, call);
}

static void account_restore(void *ctx, struct sotto_call *call, const struct sotto_account_restore_params *p)
{
    struct sotto_node *n = ctx;
    if (p->phrase) {
        sotto_account_restore_phrase(n, call, p);
        return;
    }
    struct backup_work *w = begin(n, call, "account restore", p->backup, p->passphrase ? p->passphrase : "");
    if (!w) return;
    w->what = RESTORE;
    w->partial = p->partial;
    if (p->name) snprintf(w->name, sizeof w->name, "%s", p->name);
    snprintf(w->task->step, sizeof w->task->step, "reading");
    start(w, call);
}

void sotto_api_backup_fill(struct sotto_api *api)
{
    api->backup_create = backup_create;
    api->backup_verify = backup_verify;
    api->account_restore = account_restore;
}
