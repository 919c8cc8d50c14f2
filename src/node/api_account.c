/* account and vault methods. Argon2id runs on the worker; what it gives is taken over on the loop. */
#include "node/impl.h"

#include "identity/link.h"

#include <stdio.h>
#include <stdlib.h>

/* After a wrong passphrase the next try waits 1 s, doubling to 60 s: guessing over the door is slower than guessing at the file. */
#define WRONG_WAIT_MAX_S 60u

/* One round on the worker. Secrets lie in guarded memory from the moment they leave the call. */
struct work {
    struct sotto_node *node;
    struct sotto_node_account *account;   /* NULL for a new one */
    enum { MAKE, OPEN, RESEAL, CHECK } what;
    struct sotto_keys *keys;              /* guarded */
    struct sotto_secret_text { char text[1025]; char next[1025]; struct sotto_entropy entropy; } *secret;      /* guarded */
    uint8_t file[SOTTO_ACCOUNT_FILE_SIZE];
    struct sotto_vault_cost cost;
    char name[65];
    enum sotto_err err;
    bool ran;
    unsigned locks;                       /* of the account when it was asked */
    struct sotto_call *call;              /* answered at the end; NULL: a task, or nobody */
    struct sotto_task *task;
    void (*then)(struct work *w);         /* on the loop, with the result in err; owns nothing */
};

static void work_free(struct work *w)
{
    sotto_guard_free(w->keys);
    sotto_guard_free(w->secret);
    SOTTO_WIPE(w->file);
    free(w);
}

static void work_run(void *arg, const atomic_bool *cancel)
{
    struct work *w = arg;
    struct sotto_chacha_rng rng;
    struct sotto_span passphrase = sotto_span_str(w->secret->text);
    (void)cancel;                                         /* Argon2id cannot be stopped half-way; it takes a second at most */
    w->ran = true;
    sotto_rng_from_system(&rng);
    switch (w->what) {
    case MAKE: w->err = sotto_keys_make(w->keys, w->file, &w->secret->entropy, 0, passphrase, w->cost, &rng.rng); break;
    case OPEN:
    case CHECK: w->err = sotto_keys_open(w->keys, SOTTO_SPAN(w->file), passphrase, &sotto_vault_limits_default); break;
    case RESEAL: {
        uint8_t fresh[SOTTO_ACCOUNT_FILE_SIZE];
        w->err = sotto_keys_open(w->keys, SOTTO_SPAN(w->file), passphrase, &sotto_vault_limits_default);
        if (w->err == SOTTO_OK) w->err = sotto_keys_reseal(fresh, w->keys, SOTTO_SPAN(w->file), sotto_span_str(w->secret->next), w->cost, &rng.rng);
        if (w->err == SOTTO_OK) memcpy(w->file, fresh, sizeof fresh);
        break;
    }
    }
    SOTTO_WIPE(rng);
}

static void work_cancelled(void *ctx, struct sotto_call *call)
{
    (void)call;
    ((struct work *)ctx)->call = NULL;                    /* the work goes on; nobody is told */
}

static void work_done(void *arg, bool cancelled)
{
    struct work *w = arg;
    struct sotto_node_account *a = w->account;
    (void)cancelled;
    sotto_batch_close(w->node);
    if (a && w->what == OPEN) a->opening = false;
    if (!w->ran) w->err = SOTTO_ERR_CANCELLED;
    if (w->node->stopping) w->err = SOTTO_ERR_CANCELLED;
    if (a && w->what == OPEN && w->err == SOTTO_OK && w->locks != a->locks) w->err = SOTTO_ERR_LOCKED;      /* the lock came later: it counts */
    if (a && a->gone) w->err = SOTTO_ERR_MISSING;
    struct sotto_node *n = w->node;
    w->then(w);
    work_free(w);
    if (a && --a->busy == 0 && a->gone) sotto_account_free(a);
    if (!n->stopping) sotto_events_publish(n);            /* who waited for a vault to open sees now what is in it */
}

static struct work *work_new(struct sotto_node *n, struct sotto_node_account *a, const char *passphrase)
{
    struct work *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->node = n;
    w->account = a;
    w->keys = sotto_guard_new(sizeof *w->keys, NULL);
    w->secret = sotto_guard_new(sizeof *w->secret, NULL);
    if (!w->keys || !w->secret) {
        work_free(w);
        return NULL;
    }
    sotto_locks_check(n);
    if (passphrase) snprintf(w->secret->text, sizeof w->secret->text, "%s", passphrase);
    return w;
}

static bool work_start(struct work *w, struct sotto_call *call)
{
    if (sotto_workers_run(w->node->workers, w->task ? &w->task->job : NULL, SOTTO_LANE_WORK, work_run, work_done, w) != SOTTO_OK) {
        if (w->account && w->what == OPEN) w->account->opening = false;
        if (w->account) w->account->busy--;
        work_free(w);
        if (call) sotto_call_error(call, 1003, NULL);
        return false;
    }
    return true;
}

/* An empty passphrase takes the least cost: cost protects nothing there (messaging.md 1.2). */
static struct sotto_vault_cost cost_for(struct sotto_node *n, const char *passphrase)
{
    if (!passphrase || !passphrase[0]) return (struct sotto_vault_cost){ .passes = 2, .memory_kib = 65536 };
    return (struct sotto_vault_cost){ .passes = (uint32_t)sotto_config_number(n->config, SOTTO_KEY_VAULT_PASSES),
                                      .memory_kib = (uint32_t)(sotto_config_number(n->config, SOTTO_KEY_VAULT_MEMORY) / 1024) };
}

static json_t *account_json(struct sotto_node *n, struct sotto_node_account *a)
{
    json_t *o = json_object();
    json_object_set_new(o, "id", sotto_json_id(&a->id));
    json_object_set_new(o, "name", a->keys ? sotto_json_text(sotto_span_str(a->name)) : json_null());      /* sealed while locked */
    json_object_set_new(o, "registered", json_false());
    json_object_set_new(o, "locked", json_boolean(!a->messenger));
    json_object_set_new(o, "opening", json_boolean(a->opening));
    if (a->broken) json_object_set_new(o, "damaged", json_true());
    json_object_set_new(o, "backupMs", a->keys && a->backup_ms ? json_integer((json_int_t)a->backup_ms) : json_null());
    json_object_set_new(o, "current", json_boolean(a == sotto_account_current(n)));
    return o;
}

static struct sotto_node_account *named(struct sotto_node *n, struct sotto_call *call, const struct sotto_id *id)
{
    struct sotto_node_account *a = id ? sotto_account_find(n, id) : sotto_account_current(n);
    if (a) return a;
    if (!id) sotto_call_error(call, 1201, NULL);
    else {
        char text[43];
        sotto_id_text(text, id);
        sotto_call_error(call, 1002, "thing", "account", "value", text, NULL);
    }
    return NULL;
}

/* The store and the vault directory get the new account together: file first (alone it is harmless), then the row. */
enum sotto_err sotto_account_adopt(struct sotto_node *n, struct sotto_node_account **out, struct sotto_keys *keys, const uint8_t file[SOTTO_ACCOUNT_FILE_SIZE],
                                   const char *name)
{
    struct sotto_point identity;
    struct sotto_id id;
    char path[SOTTO_PATH_MAX];
    SOTTO_TRY(sotto_point_make(&identity, &keys->roles.key[SOTTO_ROLE_IDENTITY]));
    SOTTO_TRY(sotto_id_of(&id, &identity));
    if (sotto_account_find(n, &id)) return SOTTO_ERR_EXISTS;
    if (n->account_count == SOTTO_ACCOUNTS_MAX) return SOTTO_ERR_FULL;
    SOTTO_TRY(sotto_account_path(path, n, &id));
    SOTTO_TRY(sotto_file_replace(path, sotto_span(file, SOTTO_ACCOUNT_FILE_SIZE)));
    struct sotto_node_account *a = calloc(1, sizeof *a);
    if (!a) return SOTTO_ERR_NOMEM;
    a->id = id;
    a->created_ms = sotto_io_now().wall_ms;
    a->cert = sotto_buf_make(SOTTO_CERT_MAX);
    snprintf(a->name, sizeof a->name, "%s", name);
    struct sotto_store_account row = { .created_ms = a->created_ms };
    memcpy(row.id, id.b, 20);
    sotto_txn_begin(n);
    enum sotto_err err = sotto_store_account_put(n->store, &row);
    uint8_t current[4];
    sotto_put_be32(current, (uint32_t)row.number);
    if (err == SOTTO_OK) err = sotto_store_meta_put(n->store, "account.current", SOTTO_SPAN(current));
    a->number = (uint32_t)row.number;
    a->keys = keys;
    if (err == SOTTO_OK) err = sotto_profile_save(n, a);
    a->keys = NULL;
    if (err != SOTTO_OK) sotto_txn_fail(n, err);
    err = sotto_txn_end(n, true);
    if (err != SOTTO_OK) {
        (void)!sotto_file_remove(path);
        sotto_account_free(a);
        return err;
    }
    n->accounts[n->account_count++] = a;
    n->current = a->number;
    *out = a;
    return SOTTO_OK;
}

static void task_error(struct sotto_node *n, struct sotto_task *t, enum sotto_err err)
{
    if (err == SOTTO_ERR_CANCELLED) sotto_task_cancelled(n, t);
    else if (err == SOTTO_ERR_EXISTS) sotto_task_fail(n, t, 1205, NULL);
    else if (err == SOTTO_ERR_FULL) sotto_task_fail(n, t, 1605, "need", "one more account", "free", "0", NULL);
    else if (err == SOTTO_ERR_DISK_FULL) sotto_task_fail(n, t, 2101, NULL);
    else if (err == SOTTO_ERR_NOMEM) sotto_task_fail(n, t, 1605, "need", "more memory", "free", "less", NULL);
    else sotto_task_fail(n, t, 1000, NULL);
}

static void created(struct work *w)
{
    struct sotto_node *n = w->node;
    struct sotto_node_account *a = NULL;
    enum sotto_err err = w->err;
    if (err == SOTTO_OK) err = sotto_account_adopt(n, &a, w->keys, w->file, w->name);
    if (err == SOTTO_OK) {
        err = sotto_account_opened(n, a, w->keys);
        w->keys = NULL;
    }
    if (err != SOTTO_OK) {
        if (a) sotto_account_unadopt(n, a);
        task_error(n, w->task, err);
        return;
    }
    json_t *result = json_object();
    json_object_set_new(result, "account", sotto_json_id(&a->id));
    json_object_set_new(result, "phraseShown", json_false());
    if (w->what == MAKE && strcmp(w->task->method, "account restore") == 0) {
        json_object_set_new(result, "contacts", json_integer(0));
        json_object_set_new(result, "chats", json_integer(0));
        json_object_set_new(result, "sinceHeight", json_null());
    }
    sotto_task_done(n, w->task, result);
}

json_t *sotto_task_answer(const struct sotto_task *t)
{
    json_t *whole = sotto_task_json(t), *o = json_object();
    json_object_set(o, "job", json_object_get(whole, "job"));
    json_decref(whole);
    return o;
}

static void make_after(struct sotto_node *n, void *arg, bool committed)
{
    struct work *w = arg;
    struct sotto_task *t = w->task;
    if (!committed) work_free(w);                         /* and the task with its call */
    else if (!work_start(w, NULL)) sotto_task_fail(n, t, 1003, NULL);
}

static void make(struct sotto_node *n, struct sotto_call *call, const char *method, const char *name, const char *passphrase, const struct sotto_entropy *entropy)
{
    struct work *w = work_new(n, NULL, passphrase ? passphrase : "");
    struct sotto_task *t = w ? sotto_task_new(n, method) : NULL;
    if (!t) {
        if (w) work_free(w);
        sotto_call_error(call, 1003, NULL);
        return;
    }
    w->what = MAKE;
    w->task = t;
    w->then = created;
    w->cost = cost_for(n, passphrase);
    w->secret->entropy = *entropy;
    snprintf(w->name, sizeof w->name, "%s", name);
    snprintf(t->step, sizeof t->step, "deriving the key from the passphrase");
    sotto_txn_after(n, make_after, w);
    sotto_call_result(call, sotto_task_answer(t));
}

static void account_create(void *ctx, struct sotto_call *call, const struct sotto_account_create_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_entropy entropy;
    if (n->account_count == SOTTO_ACCOUNTS_MAX) {
        sotto_call_error(call, 1605, "need", "one more account", "free", "0", NULL);
        return;
    }
    struct sotto_chacha_rng rng;
    sotto_rng_from_system(&rng);
    sotto_rng_fill(&rng.rng, entropy.b, sizeof entropy.b);
    make(n, call, "account create", p->name, p->passphrase, &entropy);
    SOTTO_WIPE(entropy);
    SOTTO_WIPE(rng);
}

/* 24 words here; a backup in api_backup.c. */
void sotto_account_restore_phrase(struct sotto_node *n, struct sotto_call *call, const struct sotto_account_restore_params *p)
{
    struct sotto_entropy entropy;
    int bad = 0;
    if (sotto_mnemonic_parse(&entropy, &bad, sotto_span_str(p->phrase)) != SOTTO_OK) {
        if (bad > 0) {
            /* the wrong word alone may be named: it is in no list, so it is none of the 24 */
            char number[8], word[32] = "";
            const char *at = p->phrase;
            for (int i = 0; i < bad; i++) {
                at += strspn(at, " \t\r\n");
                size_t size = strcspn(at, " \t\r\n");
                snprintf(word, sizeof word, "%.*s", (int)(size < 31 ? size : 31), at);
                at += size;
            }
            snprintf(number, sizeof number, "%d", bad);
            sotto_call_error(call, 1202, "n", number, "word", word, "near", sotto_word_nearest(sotto_span_str(word)), NULL);
        } else {
            sotto_call_error(call, 1202, NULL);
        }
        return;
    }
    make(n, call, "account restore", p->name ? p->name : "", p->passphrase, &entropy);
    SOTTO_WIPE(entropy);
}

static void account_list(void *ctx, struct sotto_call *call, const struct sotto_account_list_params *p)
{
    struct sotto_node *n = ctx;
    json_t *items = json_array();
    unsigned from = p->after ? (unsigned)strtoul(p->after, NULL, 10) : 0, i = from;
    for (; i < n->account_count && json_array_size(items) < p->limit; i++) json_array_append_new(items, account_json(n, n->accounts[i]));
    json_t *o = json_pack("{s:o}", "items", items);
    char next[16];
    snprintf(next, sizeof next, "%u", i);
    if (i < n->account_count) json_object_set_new(o, "next", json_string(next));
    sotto_call_result(call, o);
}

static void account_show(void *ctx, struct sotto_call *call, const struct sotto_account_show_params *p)
{
    struct sotto_node_account *a = named(ctx, call, p->account);
    if (a) sotto_call_result(call, account_json(ctx, a));
}

static void account_link(void *ctx, struct sotto_call *call, const struct sotto_account_link_params *p)
{
    struct sotto_node_account *a = named(ctx, call, p->account);
    if (!a) return;
    if (!a->keys) {
        sotto_call_error(call, 1105, NULL);
        return;
    }
    struct sotto_buf text = sotto_buf_make(4096);
    struct sotto_link link = { .kind = SOTTO_LINK_CONTACT, .id = a->id, .cert_size = (uint16_t)a->cert.size };
    memcpy(link.cert, a->cert.data, a->cert.size);
    enum sotto_err err = sotto_link_build(&text, &link);
    if (err == SOTTO_OK) sotto_call_result(call, json_pack("{s:o}", "link", sotto_json_text(sotto_buf_span(&text))));
    else sotto_api_fail(call, err);
    sotto_buf_free(&text);
}

static void account_use(void *ctx, struct sotto_call *call, const struct sotto_account_use_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_node_account *a = named(n, call, p->account);
    if (!a) return;
    uint8_t number[4];
    sotto_put_be32(number, a->number);
    enum sotto_err err = sotto_store_meta_put(n->store, "account.current", SOTTO_SPAN(number));
    if (err != SOTTO_OK) {
        sotto_api_fail(call, err);
        return;
    }
    n->current = a->number;
    sotto_call_result(call, account_json(n, a));
}

static void account_rename(void *ctx, struct sotto_call *call, const struct sotto_account_rename_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_node_account *a = sotto_api_account(n, call);
    if (!a) return;
    char old[sizeof a->name];
    memcpy(old, a->name, sizeof old);
    a->dirty = true;                                      /* if the commit fails, the old name is loaded again */
    snprintf(a->name, sizeof a->name, "%s", p->name);
    enum sotto_err err = sotto_profile_save(n, a);
    if (err != SOTTO_OK) {
        memcpy(a->name, old, sizeof old);
        sotto_api_fail(call, err);
        return;
    }
    sotto_call_result(call, account_json(n, a));
}

/* ---- passphrase asked again ---- */

static bool wait_over(struct sotto_node_account *a, struct sotto_call *call)
{
    uint64_t now = sotto_io_now().mono_us;
    if (now >= a->fail_until_us) return true;
    char seconds[24];
    snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)((a->fail_until_us - now + 999999) / 1000000));
    sotto_call_error(call, 1106, "what", "the account", "s", seconds, NULL);
    return false;
}

static void wrong(struct sotto_node_account *a)
{
    uint64_t wait = a->fails < 6 ? 1ull << a->fails : WRONG_WAIT_MAX_S;
    a->fails++;
    a->fail_until_us = sotto_io_now().mono_us + wait * 1000000;
}

/* Answers every failure of opening a vault; true when it went well. */
static bool opened_well(struct work *w)
{
    if (w->err == SOTTO_OK) {
        w->account->fails = 0;
        w->account->fail_until_us = 0;
        return true;
    }
    if (w->err == SOTTO_ERR_PASSPHRASE) wrong(w->account);
    if (!w->call) return false;
    if (w->err == SOTTO_ERR_PASSPHRASE) sotto_call_error(w->call, 1106, "what", "the account", NULL);
    else if (w->err == SOTTO_ERR_VAULT_FORM || w->err == SOTTO_ERR_AEAD || w->err == SOTTO_ERR_VAULT_COST) sotto_call_error(w->call, 2102, "store", "The account's vault file", NULL);
    else sotto_api_fail(w->call, w->err);
    return false;
}

static bool vault_file(struct sotto_node *n, struct sotto_node_account *a, struct work *w, struct sotto_call *call)
{
    char path[SOTTO_PATH_MAX];
    struct sotto_buf b = sotto_buf_make(SOTTO_ACCOUNT_FILE_SIZE);
    enum sotto_err err = sotto_account_path(path, n, &a->id);
    if (err == SOTTO_OK) err = sotto_file_private(path);
    if (err == SOTTO_OK) err = sotto_file_read(&b, path);
    if (err == SOTTO_OK && b.size != sizeof w->file) err = SOTTO_ERR_VAULT_FORM;
    if (err == SOTTO_OK) memcpy(w->file, b.data, sizeof w->file);
    sotto_buf_free(&b);
    if (err == SOTTO_OK) return true;
    if (!call) return false;
    if (err == SOTTO_ERR_MODE) sotto_call_error(call, 2104, "file", path, NULL);
    else sotto_call_error(call, 2102, "store", "The account's vault file", NULL);
    return false;
}

static struct work *ask(struct sotto_node *n, struct sotto_call *call, struct sotto_node_account *a, const char *passphrase)
{
    if (call && !wait_over(a, call)) return NULL;
    if (call && a->fails && a->busy) {                    /* after a wrong one, one guess at a time: else the waiting is walked around */
        sotto_call_error(call, 1003, NULL);
        return NULL;
    }
    struct work *w = work_new(n, a, passphrase);
    if (!w) {
        if (call) sotto_call_error(call, 1003, NULL);
        return NULL;
    }
    if (!vault_file(n, a, w, call)) {
        work_free(w);
        return NULL;
    }
    a->busy++;
    w->locks = a->locks;
    return w;
}

static void unlocked(struct work *w)
{
    struct sotto_node *n = w->node;
    if (!opened_well(w)) return;
    enum sotto_err err = SOTTO_OK;
    if (!w->account->keys) {
        err = sotto_account_opened(n, w->account, w->keys);
        w->keys = NULL;
    } else if (w->account->stalled) {
        err = sotto_account_reload(n, w->account);
    }
    if (err == SOTTO_OK) sotto_log_line(n->log, SOTTO_LOG_INFO, "account", "unlocked", NULL);
    if (!w->call) return;
    if (err == SOTTO_ERR_FORMAT || err == SOTTO_ERR_AEAD) sotto_call_error(w->call, 2102, "store", "messages.db", NULL);
    else if (err != SOTTO_OK) sotto_api_fail(w->call, err);
    else sotto_call_result(w->call, json_pack("{s:I}", "unlockedMs", (json_int_t)sotto_io_now().wall_ms));
}

static void vault_unlock(void *ctx, struct sotto_call *call, const struct sotto_vault_unlock_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_node_account *a = named(n, call, p->account);
    struct work *w = a ? ask(n, call, a, p->passphrase) : NULL;
    if (!w) return;
    w->what = OPEN;
    w->call = call;
    w->then = unlocked;
    a->opening = true;
    if (work_start(w, call)) sotto_call_on_cancel(call, work_cancelled, w);
}

/* At the start: accounts with an empty passphrase open by themselves, others with vault.passphrase_file. Nobody is told. */
static void open_at_start(struct sotto_node *n, struct sotto_node_account *a, const char *passphrase);
static void opened_at_start(struct work *w)
{
    struct sotto_node *n = w->node;
    if (w->err == SOTTO_ERR_PASSPHRASE && w->secret->text[0]) {
        open_at_start(n, w->account, "");                 /* the file is for other accounts: this one may have an empty passphrase */
        return;
    }
    if (w->err == SOTTO_OK && !w->account->keys) {
        (void)!sotto_account_opened(n, w->account, w->keys);       /* logged there */
        w->keys = NULL;
    } else if (w->err != SOTTO_OK && w->err != SOTTO_ERR_PASSPHRASE) {
        sotto_log_line(n->log, SOTTO_LOG_WARN, "account", "stays-locked", "reason=%s", sotto_err_name(w->err));
    }
}

static void open_at_start(struct sotto_node *n, struct sotto_node_account *a, const char *passphrase)
{
    struct work *w = ask(n, NULL, a, passphrase);
    if (!w) {
        sotto_log_line(n->log, SOTTO_LOG_WARN, "account", "vault-unreadable", NULL);
        return;
    }
    w->what = OPEN;
    w->then = opened_at_start;
    a->opening = true;
    work_start(w, NULL);
}

void sotto_accounts_open_at_start(struct sotto_node *n, const char *passphrase)
{
    for (unsigned i = 0; i < n->account_count; i++) open_at_start(n, n->accounts[i], passphrase);
}

static void vault_lock(void *ctx, struct sotto_call *call, const struct sotto_vault_lock_params *p)
{
    struct sotto_node *n = ctx;
    (void)p;
    for (unsigned i = 0; i < n->account_count; i++) {
        n->accounts[i]->locks++;
        if (n->accounts[i]->keys) sotto_account_lock(n, n->accounts[i]);
    }
    sotto_call_result(call, json_true());
}

static void phrase_shown(struct work *w)
{
    if (!opened_well(w) || !w->call) return;
    struct sotto_entropy entropy;
    char words[SOTTO_WORDS_TEXT_MAX];
    enum sotto_err err = sotto_keys_entropy(&entropy, w->keys, SOTTO_SPAN(w->file));
    if (err != SOTTO_OK) {
        sotto_api_fail(w->call, err);
        return;
    }
    sotto_mnemonic_words(words, &entropy);
    json_t *list = json_array();
    for (char *save = NULL, *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) json_array_append_new(list, json_string(word));
    SOTTO_WIPE(entropy);
    SOTTO_WIPE(words);
    sotto_call_result(w->call, list);
}

static void account_phrase(void *ctx, struct sotto_call *call, const struct sotto_account_phrase_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_node_account *a = named(n, call, NULL);
    struct work *w = a ? ask(n, call, a, p->passphrase) : NULL;
    if (!w) return;
    w->what = CHECK;
    w->call = call;
    w->then = phrase_shown;
    if (work_start(w, call)) sotto_call_on_cancel(call, work_cancelled, w);
}

static void passphrase_changed(struct work *w)
{
    struct sotto_node *n = w->node;
    char path[SOTTO_PATH_MAX];
    if (!opened_well(w)) return;
    enum sotto_err err = sotto_account_path(path, n, &w->account->id);
    if (err == SOTTO_OK) err = sotto_file_replace(path, SOTTO_SPAN(w->file));
    if (err == SOTTO_OK && w->account->keys) w->account->keys->empty_passphrase = w->secret->next[0] == 0;
    if (!w->call) return;
    if (err == SOTTO_OK) sotto_call_result(w->call, json_true());
    else sotto_api_fail(w->call, err);
}

static void account_passphrase(void *ctx, struct sotto_call *call, const struct sotto_account_passphrase_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_node_account *a = named(n, call, NULL);
    struct work *w = a ? ask(n, call, a, p->passphrase) : NULL;
    if (!w) return;
    sotto_api_detach(n);
    w->what = RESEAL;
    w->call = call;
    w->then = passphrase_changed;
    w->cost = cost_for(n, p->new);
    snprintf(w->secret->next, sizeof w->secret->next, "%s", p->new);
    if (work_start(w, call)) sotto_call_on_cancel(call, work_cancelled, w);
}

/* Its rows, and the object as soon as no worker holds it. */
static enum sotto_err forget(struct sotto_node *n, struct sotto_node_account *a)
{
    uint32_t number = a->number;
    sotto_txn_begin(n);
    enum sotto_err err = sotto_store_account_remove(n->store, number);
    if (err != SOTTO_OK) sotto_txn_fail(n, err);
    SOTTO_TRY(sotto_txn_end(n, true));
    for (unsigned i = 0; i < n->account_count; i++)
        if (n->accounts[i] == a) {
            memmove(&n->accounts[i], &n->accounts[i + 1], (--n->account_count - i) * sizeof n->accounts[0]);
            break;
        }
    if (a->busy) a->gone = true;                          /* no longer in the list; what its workers bring is refused */
    else sotto_account_free(a);
    n->removed = true;
    if (n->current == number) n->current = n->account_count ? n->accounts[0]->number : 0;
    return SOTTO_OK;
}

/* Keys first: without the vault file nothing on this disk can be read again, whatever happens next. */
static enum sotto_err shred(struct sotto_node *n, struct sotto_node_account *a)
{
    char path[SOTTO_PATH_MAX];
    SOTTO_TRY(sotto_account_path(path, n, &a->id));
    if (a->keys) sotto_account_lock(n, a);
    enum sotto_err err = sotto_file_shred(path);
    return err == SOTTO_ERR_MISSING ? SOTTO_OK : err;
}

static enum sotto_err destroy(struct sotto_node *n, struct sotto_node_account *a)
{
    SOTTO_TRY(shred(n, a));
    return forget(n, a);
}

void sotto_account_unadopt(struct sotto_node *n, struct sotto_node_account *a)
{
    char path[SOTTO_PATH_MAX];
    enum sotto_err err = sotto_account_path(path, n, &a->id);
    if (a->keys) sotto_account_lock(n, a);
    if (err == SOTTO_OK) err = forget(n, a);              /* rows first: an account without its file could not even be removed */
    if (err == SOTTO_OK) err = sotto_file_shred(path);
    if (err != SOTTO_OK) sotto_log_line(n->log, SOTTO_LOG_WARN, "account", "half-made-kept", "reason=%s", sotto_err_name(err));
}

static void removed(struct work *w)
{
    if (!opened_well(w)) return;
    enum sotto_err err = destroy(w->node, w->account);
    w->account = NULL;
    sotto_leave_no_copy(w->node);
    if (!w->call) return;
    if (err == SOTTO_OK) sotto_call_result(w->call, json_true());
    else sotto_api_fail(w->call, err);
}

static void account_remove(void *ctx, struct sotto_call *call, const struct sotto_account_remove_params *p)
{
    struct sotto_node *n = ctx;
    struct sotto_node_account *a = named(n, call, p->account);
    struct work *w = a && !a->busy ? ask(n, call, a, p->passphrase) : NULL;
    if (a && !w && a->busy) sotto_call_error(call, 1003, NULL);
    if (!w) return;
    sotto_api_detach(n);
    w->what = CHECK;
    w->call = call;
    w->then = removed;
    if (work_start(w, call)) sotto_call_on_cancel(call, work_cancelled, w);
}

static void vault_wipe(void *ctx, struct sotto_call *call, const struct sotto_vault_wipe_params *p)
{
    struct sotto_node *n = ctx;
    enum sotto_err err = SOTTO_OK;
    if (!(sotto_call_scopes(call) & SOTTO_SCOPE_S)) {     /* a person, not a program with a token (experience.md 2.2) */
        sotto_call_error(call, 1102, "scope", "the unix socket", NULL);
        return;
    }
    sotto_api_detach(n);
    /* the keys of all accounts before the rows of the first: a full disk may refuse to change those */
    for (unsigned i = 0; i < n->account_count; i++) {
        enum sotto_err one = shred(n, n->accounts[i]);
        if (err == SOTTO_OK) err = one;
    }
    while (n->account_count && err == SOTTO_OK) err = forget(n, n->accounts[0]);
    if (err != SOTTO_OK) {
        sotto_api_fail(call, err);
        return;
    }
    sotto_leave_no_copy(n);
    n->wipe_all = p->level == SOTTO_VAULT_WIPE_LEVEL_ALL;  /* every file of the data directory, when the node has closed them */
    sotto_call_result(call, json_true());
    if (n->wipe_all) sotto_node_stop(n);
}

void sotto_api_account_fill(struct sotto_api *api)
{
    api->account_list = account_list;
    api->account_show = account_show;
    api->account_link = account_link;
    api->account_create = account_create;
    api->account_phrase = account_phrase;
    api->account_passphrase = account_passphrase;
    api->account_remove = account_remove;
    api->account_use = account_use;
    api->account_rename = account_rename;
    api->vault_unlock = vault_unlock;
    api->vault_lock = vault_lock;
    api->vault_wipe = vault_wipe;
}
