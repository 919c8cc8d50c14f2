#include "node/impl.h"

#include "crypto/keccak_lanes.h"
#include "io/process.h"

#include <stdio.h>
#include <stdlib.h>

#define HOUSE_EVERY_US 5000000u           /* idle locks, day keys, pruning: often enough for the shortest of them */
#define PRUNE_EVERY_TICKS 60u             /* 5 min */
#define WORKER_QUEUE_MAX 256u

static void say(char problem[1024], const char *text) { snprintf(problem, 1024, "%s", text); }

/* ---- configuration ---- */

struct pairs { struct sotto_config_pair *items; unsigned count, cap; };
static enum sotto_err pair_one(void *ctx, const char *key, const char *value)
{
    struct pairs *p = ctx;
    if (p->count == p->cap) {
        unsigned cap = p->cap ? 2 * p->cap : 16;
        struct sotto_config_pair *more = realloc(p->items, cap * sizeof *more);
        if (!more) return SOTTO_ERR_NOMEM;
        p->items = more;
        p->cap = cap;
    }
    char *k = strdup(key), *v = strdup(value);
    if (!k || !v) {
        free(k);
        free(v);
        return SOTTO_ERR_NOMEM;
    }
    p->items[p->count++] = (struct sotto_config_pair){ k, v };
    return SOTTO_OK;
}

enum sotto_err sotto_node_config(struct sotto_node *n, struct sotto_config **out, struct sotto_config_problems *problems)
{
    struct pairs set = { 0 };
    struct sotto_config_input input = *n->input;
    enum sotto_err err = n->store ? sotto_store_setting_list(n->store, pair_one, &set) : SOTTO_OK;
    input.set = set.items;
    input.set_count = set.count;
    if (err == SOTTO_OK) err = sotto_config_load(out, problems, &input);
    for (unsigned i = 0; i < set.count; i++) {
        free((char *)set.items[i].key);
        free((char *)set.items[i].value);
    }
    free(set.items);
    return err;
}

static int config_problem(char problem[1024], struct sotto_config_problems *p, enum sotto_err err)
{
    if (err == SOTTO_ERR_FORMAT && p->count) {
        size_t at = 0;
        for (unsigned i = 0; i < p->count && i < 4 && at < 900; i++) at += (size_t)snprintf(problem + at, 1024 - at, "%s%s", i ? "\n" : "", p->items[i].text);
        if (at > 1000) at = 1000;                         /* the last text was cut: the code is not */
        snprintf(problem + at, 1024 - at, " (2105 CONFIG)");
    } else {
        snprintf(problem, 1024, "The configuration cannot be read (%s).%s", sotto_err_name(err),      /* what `config set` left is in there */
                 err == SOTTO_ERR_DAMAGED ? " messages.db is damaged. Nothing was changed. Restore from a backup into a new --data. (2102 STORE_DAMAGED)" : "");
    }
    sotto_config_problems_free(p);
    return 10;
}

void sotto_node_configured(struct sotto_node *n)
{
    enum sotto_level level;
    const char *text = sotto_config_text(n->config, SOTTO_KEY_LOG_LEVEL);
    if (strcmp(text, n->log_level) != 0 && sotto_level_parse(&level, text) == SOTTO_OK) {       /* else what `log level` said stays in force */
        snprintf(n->log_level, sizeof n->log_level, "%s", text);
        (void)!sotto_io_log_level(n->log, NULL, level);
    }
    sotto_doors_configured(n);
    if (!n->net) return;
    sotto_net_set_plain(n->net, sotto_config_bool(n->config, SOTTO_KEY_RELAY_PLAIN));
    if (n->net_timer && !n->stopping) sotto_timer_set(n->net_timer, sotto_io_now().mono_us);      /* what waited may leave now */
}

/* ---- start ---- */

/* Accounts without the database that names them: an empty one in its place would look as if there never had been any. */
static void vault_one(void *lost, const char *name, bool is_dir)
{
    const char *dot = strrchr(name, '.');
    (void)is_dir;
    if (dot && dot != name && strcmp(dot, ".vault") == 0) *(bool *)lost = true;
}

static bool database_lost(const struct sotto_node *n)
{
    char path[SOTTO_PATH_MAX];
    uint64_t size = 0;
    bool lost = false;
    if (sotto_path_join(path, n->data_dir, "messages.db") != SOTTO_OK) return false;
    enum sotto_err err = sotto_file_size(&size, path);
    if (err == SOTTO_OK ? size > 0 : err != SOTTO_ERR_MISSING) return false;
    return sotto_dir_list(n->vault_dir, vault_one, &lost) == SOTTO_OK && lost;
}

static int start_data(struct sotto_node *n, char problem[1024])
{
    int other = 0;
    enum sotto_err err = sotto_config_data_dir(n->data_dir, n->config);
    if (err == SOTTO_OK) err = sotto_dir_make(n->data_dir);
    if (err != SOTTO_OK) {
        snprintf(problem, 1024, "The data directory %.600s cannot be used (%s). Choose another: --data DIR.", n->data_dir, sotto_err_name(err));
        return 10;
    }
    err = sotto_dir_lock_take(&n->lock, &other, n->data_dir);
    if (err == SOTTO_ERR_IN_USE) {
        snprintf(problem, 1024, "Another node (process %d) uses this data. Stop that one, or take another --data. (2103 IN_USE)", other);
        return 10;
    }
    if (err == SOTTO_OK) err = sotto_path_join(n->vault_dir, n->data_dir, "vault");
    if (err == SOTTO_OK) err = sotto_dir_make(n->vault_dir);
    if (err != SOTTO_OK) {
        snprintf(problem, 1024, "The data directory %.600s cannot be used (%s). Look at its owner and rights.", n->data_dir, sotto_err_name(err));
        return 10;
    }
    if (database_lost(n)) {
        snprintf(problem, 1024, "%.600s/messages.db is missing or empty, but vault/ holds an account. Nothing was changed. "
                 "Restore from a backup into a new --data. (2102 STORE_DAMAGED)", n->data_dir);
        return 10;
    }
    struct sotto_store_open_info info = { 0 };
    err = sotto_store_open(&n->store, &info, n->data_dir);
    if (err == SOTTO_ERR_NEWER) snprintf(problem, 1024, "The data was written by a newer version (format %u). Install it; nothing was changed. (2106 NEWER_DATA)", info.format);
    else if (err == SOTTO_ERR_DAMAGED) snprintf(problem, 1024, "%.600s/messages.db is damaged. Nothing was changed. Restore from a backup into a new --data. (2102 STORE_DAMAGED)", n->data_dir);
    else if (err == SOTTO_ERR_MODE) snprintf(problem, 1024, "%.600s/messages.db can be read by others: chmod 600. (2104 MODE)", n->data_dir);
    else if (err == SOTTO_ERR_DISK_FULL) say(problem, "The disk is full. Nothing was lost: writing stopped before. Free space. (2101 DISK_FULL)");
    else if (err != SOTTO_OK) snprintf(problem, 1024, "%.600s/messages.db cannot be opened (%s).", n->data_dir, sotto_err_name(err));
    if (err != SOTTO_OK) return 10;
    if (info.unclean) sotto_log_line(n->log, SOTTO_LOG_INFO, "store", "recovered", NULL);
    return 0;
}

static void prune(struct sotto_node *n, struct sotto_now now)
{
    bool more = true;
    uint64_t age = sotto_config_number(n->config, SOTTO_KEY_LIMITS_EVENT_AGE);
    enum sotto_err err = SOTTO_OK;
    for (int i = 0; more && i < 4 && err == SOTTO_OK; i++)
        err = sotto_store_event_prune(n->store, &more, now.wall_ms > age ? now.wall_ms - age : 0, sotto_config_number(n->config, SOTTO_KEY_LIMITS_EVENTS));
    if (err == SOTTO_OK) err = sotto_store_request_prune(n->store, now.wall_ms);
    sotto_tokens_save_use(n);
    if (err != SOTTO_OK) sotto_log_line(n->log, SOTTO_LOG_WARN, "store", "prune-failed", "reason=%s", sotto_err_name(err));
    for (unsigned i = 0; i < n->account_count; i++)
        if (n->accounts[i]->messenger) sotto_chats_prune(n, n->accounts[i], now);
}

static void house_tick(void *ctx, struct sotto_now now)
{
    struct sotto_node *n = ctx;
    sotto_batch_close(n);
    sotto_network_solve_again(n);                         /* when it was memory that was short, not the lane */
    sotto_accounts_tick(n, now);
    sotto_neighbours_tick(n, now);
    if (n->house_ticks++ % PRUNE_EVERY_TICKS == 0) prune(n, now);
    sotto_timer_set(n->house_timer, now.mono_us + HOUSE_EVERY_US);
}

int sotto_node_new(struct sotto_node **out, const struct sotto_config_input *input, char problem[1024])
{
    struct sotto_config_problems problems = { 0 };
    *out = NULL;
    problem[0] = 0;
    struct sotto_node *n = calloc(1, sizeof *n);
    if (!n) return 1;
    n->input = input;
    n->outq = sotto_outq_make(65536);
    n->next_task = 1;
    int code = 1;
    sotto_process_private();                              /* keys live here (messaging.md 1.3) */
    if (sotto_crypto_init() != SOTTO_OK) {
        say(problem, "The cryptographic libraries do not start. Reinstall libsodium, libsecp256k1 and OpenSSL.");
        goto failed;
    }
    sotto_rng_from_system(&n->rng);
    n->next_task = sotto_io_now().wall_ms;                /* job names do not come twice, also after a restart */
    enum sotto_err err = sotto_node_config(n, &n->config, &problems);
    if (err != SOTTO_OK) {
        code = config_problem(problem, &problems, err);
        goto failed;
    }
    const char *format = sotto_config_text(n->config, SOTTO_KEY_LOG_FORMAT);
    err = sotto_io_log_new(&n->log, 2, strcmp(format, "json") == 0 ? SOTTO_LOG_JSON : strcmp(format, "text") == 0 ? SOTTO_LOG_TEXT : SOTTO_LOG_AUTO, SOTTO_LOG_INFO);
    if (err != SOTTO_OK) goto failed;
    sotto_node_configured(n);
    if (sotto_keccak_refused()) sotto_log_line(n->log, SOTTO_LOG_WARN, "crypto", "kernel-refused", "name=%s used=%s", sotto_keccak_refused(), sotto_keccak_in_use()->name);
    if ((code = start_data(n, problem)) != 0) goto failed;
    struct sotto_config *whole = NULL;                    /* again, with what `config set` left */
    err = sotto_node_config(n, &whole, &problems);
    if (err != SOTTO_OK) {
        code = config_problem(problem, &problems, err);
        goto failed;
    }
    sotto_config_free(n->config);
    n->config = whole;
    sotto_node_configured(n);
    n->local = sotto_config_bool(n->config, SOTTO_KEY_NETWORK_LOCAL);
    code = 1;
    const char *secret = sotto_config_text(n->config, SOTTO_KEY_VAULT_PASSPHRASE_FILE);
    if (secret[0] && (err = sotto_file_private(secret)) != SOTTO_OK) {
        if (err == SOTTO_ERR_MODE) snprintf(problem, 1024, "%.800s can be read by others: chmod 600. (2104 MODE)", secret);
        else snprintf(problem, 1024, "vault.passphrase_file: %.800s cannot be read (%s). (2105 CONFIG)", secret, sotto_err_name(err));
        code = 10;
        goto failed;
    }
    n->backlog = calloc(SOTTO_BACKLOG_MAX, sizeof *n->backlog);
    if (!n->backlog || sotto_loop_new(&n->loop) != SOTTO_OK || sotto_workers_new(&n->workers, n->loop, WORKER_QUEUE_MAX) != SOTTO_OK) goto failed;
    err = sotto_accounts_load(n);
    if (err != SOTTO_OK) {
        snprintf(problem, 1024, "The accounts in messages.db cannot be read (%s). (2102 STORE_DAMAGED)", sotto_err_name(err));
        code = 10;
        goto failed;
    }
    struct sotto_now now = sotto_io_now();
    n->started_us = now.mono_us;
    n->started_ms = now.wall_ms;
    *out = n;
    return 0;
failed:
    if (!problem[0]) say(problem, "Memory or descriptors are short: the node cannot start.");
    sotto_node_free(n);
    return code;
}

static void on_signal(void *ctx, enum sotto_signal what)
{
    struct sotto_node *n = ctx;
    if (what == SOTTO_SIGNAL_END) sotto_node_stop(n);
    else sotto_config_again(n);
}

static void passphrase_file(struct sotto_node *n)
{
    const char *path = sotto_config_text(n->config, SOTTO_KEY_VAULT_PASSPHRASE_FILE);
    struct sotto_buf text = sotto_buf_make(4096);
    enum sotto_err err = SOTTO_OK;
    if (path[0]) {
        err = sotto_file_private(path);
        if (err == SOTTO_OK) err = sotto_file_read(&text, path);
        if (err != SOTTO_OK) sotto_log_line(n->log, SOTTO_LOG_WARN, "account", "passphrase-file-refused", "reason=%s", sotto_err_name(err));
    }
    if (text.size && text.data[text.size - 1] == '\n') text.size--;
    if (err == SOTTO_OK) err = sotto_buf_add_u8(&text, 0);
    if (err == SOTTO_OK && (path[0] || n->account_count)) sotto_accounts_open_at_start(n, (const char *)text.data);
    sotto_buf_free(&text);
}

static void ready(struct sotto_node *n, bool json)
{
    char enode[256] = "", http[64] = "";
    if (n->self.addr.family) sotto_enode_text(enode, &n->self);
    if (n->http.family) sotto_addr_text(http, &n->http);
    if (json) {
        json_t *o = json_pack("{s:b,s:i,s:s,s:s,s:s,s:s}", "ready", 1, "pid", sotto_process_id(), "version", SOTTO_VERSION, "socket", n->socket_path, "network",
                              sotto_config_text(n->config, SOTTO_KEY_NETWORK_NAME), "networkId", "0x0000000000000000000000000000000000000000000000000000000000000000");
        if (http[0]) json_object_set_new(o, "http", json_string(http));
        if (enode[0]) json_object_set_new(o, "peer", json_string(enode));
        char *text = json_dumps(o, JSON_COMPACT);
        if (text) puts(text);
        free(text);
        json_decref(o);
    } else {
        printf("sottod %s is up, network \"%s\"\n  socket  %s\n", SOTTO_VERSION, sotto_config_text(n->config, SOTTO_KEY_NETWORK_NAME), n->socket_path);
        if (http[0]) printf("  http    http://%s              (token: %s/auth/cookie)\n", http, n->data_dir);
        if (enode[0]) printf("  peer    %s\n", enode);
        printf("  chat    sotto%s%s              (stop the node: Ctrl+C, or sotto node stop)\n", sotto_config_source(n->config, SOTTO_KEY_DATA_DIR) != SOTTO_SOURCE_BUILT_IN ? " --data " : "",
               sotto_config_source(n->config, SOTTO_KEY_DATA_DIR) != SOTTO_SOURCE_BUILT_IN ? n->data_dir : "");
    }
    fflush(stdout);
}

static void stop_now(void *arg) { sotto_loop_stop(((struct sotto_node *)arg)->loop); }
void sotto_node_ending(struct sotto_node *n)
{
    if (n->stopping && n->drained && !sotto_nat_busy(n)) stop_now(n);
}
static void drained(void *ctx)
{
    struct sotto_node *n = ctx;
    n->drained = true;
    sotto_node_ending(n);
}
static void stop_late(void *ctx, struct sotto_now now)
{
    (void)now;
    stop_now(ctx);
}

/* Answers that are under way leave first, disconnects too, and what a router leads to us is given back: at most 2 s, with a router 4 s. */
void sotto_node_stop(struct sotto_node *n)
{
    if (n->stopping) return;
    sotto_batch_close(n);
    sotto_network_stop(n);
    n->stopping = true;
    sotto_timer_stop(n->idle_timer);
    sotto_timer_stop(n->turn_timer);
    sotto_timer_stop(n->net_timer);
    sotto_timer_stop(n->chat_timer);
    sotto_timer_free(n->house_timer);
    n->house_timer = NULL;
    if (sotto_timer_new(&n->house_timer, n->loop, stop_late, n) == SOTTO_OK) sotto_timer_set(n->house_timer, sotto_io_now().mono_us + (sotto_nat_busy(n) ? 4000000 : 2000000));
    sotto_door_drain(n->door, drained, n);
}

int sotto_node_start(struct sotto_node *n, char problem[1024])
{
    int code = 1;
    problem[0] = 0;
    enum sotto_err err = sotto_loop_on_signal(n->loop, on_signal, n);          /* before the first thread */
    if (err == SOTTO_OK) err = sotto_api_start(n);
    if (err == SOTTO_OK) err = sotto_timer_new(&n->net_timer, n->loop, sotto_network_tick, n);
    if (err == SOTTO_OK) err = sotto_timer_new(&n->chat_timer, n->loop, sotto_chat_tick, n);
    if (err == SOTTO_OK) err = sotto_timer_new(&n->house_timer, n->loop, house_tick, n);
    if (err == SOTTO_OK) err = sotto_timer_new(&n->idle_timer, n->loop, sotto_idle_turn, n);
    if (err == SOTTO_OK) err = sotto_timer_new(&n->turn_timer, n->loop, sotto_turn_over, n);
    if (err == SOTTO_OK) err = sotto_network_start(n, problem, &code);
    if (err == SOTTO_OK) {
        sotto_peers_added(n);
        sotto_network_flush(n);
        code = sotto_doors_start(n, problem);
    }
    if (err != SOTTO_OK || code != 0) {
        if (!problem[0]) snprintf(problem, 1024, "The node cannot start (%s).", sotto_err_name(err));
        return code ? code : 1;
    }
    sotto_log_line(n->log, SOTTO_LOG_INFO, "node", "ready", "version=%s accounts=%u", SOTTO_VERSION, n->account_count);
    passphrase_file(n);
    sotto_timer_set(n->house_timer, n->started_us + HOUSE_EVERY_US);
    return 0;
}

int sotto_node_run(struct sotto_node *n, bool json)
{
    char problem[1024];
    int code = sotto_node_start(n, problem);
    if (code != 0) {
        fprintf(stderr, "sottod: %s\n", problem);
        return code;
    }
    ready(n, json);
    sotto_loop_run(n->loop);
    sotto_log_line(n->log, SOTTO_LOG_INFO, "node", "stopped", NULL);
    return n->exit_code;
}

/* vault wipe all: every file of the node; keys were destroyed before. At the top only what the node made itself: a data directory
 * may be a folder where other things lie. */
static bool our_file(const char *name)
{
    static const char *const names[] = { "messages.db", "messages.db-wal", "messages.db-shm", "messages.db-journal", "auth", "vault", "network", "lock", "sotto.sock" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

struct wiping { const char *path; bool top; };
static void wipe_dir(const char *path, bool top);

static void wipe_one(void *ctx, const char *name, bool is_dir)
{
    const struct wiping *w = ctx;
    char path[SOTTO_PATH_MAX];
    if ((w->top && !our_file(name)) || sotto_path_join(path, w->path, name) != SOTTO_OK) return;
    if (is_dir) wipe_dir(path, false);
    (void)!(is_dir ? sotto_dir_remove(path) : sotto_file_remove(path));
}

static void wipe_dir(const char *path, bool top)
{
    struct wiping w = { path, top };
    (void)!sotto_dir_list(path, wipe_one, &w);
}

void sotto_node_free(struct sotto_node *n)
{
    if (!n) return;
    n->stopping = true;
    if (n->workers) sotto_workers_stop(n->workers);
    if (n->rpc) sotto_rpc_free(n->rpc);                   /* waiting calls let go of their waiters */
    n->rpc = NULL;
    sotto_api_end(n);
    sotto_doors_free(n);
    sotto_events_free(n);
    sotto_tasks_free(n);
    sotto_desk_free(n);
    sotto_network_free(n);
    sotto_door_free(n->door);
    sotto_io_net_free(n->io_net);
    sotto_net_free(n->net);
    sotto_neighbours_free(n);
    sotto_timer_free(n->net_timer);
    sotto_timer_free(n->chat_timer);
    sotto_timer_free(n->house_timer);
    sotto_timer_free(n->idle_timer);
    sotto_timer_free(n->turn_timer);
    sotto_workers_free(n->workers);
    for (unsigned i = 0; i < n->account_count; i++) sotto_account_free(n->accounts[i]);
    sotto_store_close(n->store);
    sotto_loop_free(n->loop);
    sotto_outq_free(&n->outq);
    if (n->wipe_all) wipe_dir(n->data_dir, true);
    sotto_dir_lock_free(n->lock);
    sotto_config_free(n->config);
    sotto_io_log_free(n->log);
    free(n->backlog);
    free(n->deferred);
    SOTTO_WIPE(n->rng);
    free(n);
}
