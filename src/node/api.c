/* Between the method table and the node: transactions around calls, request keys, and one mapping from inner errors to what a
 * person reads. */
#include "node/impl.h"

#include "base/plant.h"
#include "crypto/hash.h"

#include <stdio.h>
#include <stdlib.h>

void sotto_api_fail(struct sotto_call *call, enum sotto_err err)
{
    switch ((int)err) {
    case SOTTO_ERR_DISK_FULL: sotto_call_error(call, 2101, NULL); return;
    case SOTTO_ERR_DAMAGED: sotto_call_error(call, 2102, "store", "messages.db", NULL); return;
    case SOTTO_ERR_LOCKED: sotto_call_error(call, 1105, NULL); return;
    case SOTTO_ERR_MISSING: sotto_call_error(call, 1002, NULL); return;
    case SOTTO_ERR_FULL:
    case SOTTO_ERR_AGAIN:
    case SOTTO_ERR_CANCELLED: sotto_call_error(call, 1003, NULL); return;
    case SOTTO_ERR_NOMEM: sotto_call_error(call, 1003, "why", "Memory is short.", NULL); return;
    default: sotto_call_error(call, 1000, NULL); return;
    }
}

static int code_of(enum sotto_err err)
{
    return err == SOTTO_ERR_DISK_FULL ? 2101 : err == SOTTO_ERR_DAMAGED ? 2102 : err == SOTTO_ERR_CANCELLED ? 1003 : 1000;
}

void sotto_api_touch(struct sotto_node *n)
{
    struct sotto_node_account *a = sotto_account_current(n);
    if (a) a->used_us = sotto_io_now().mono_us;
}

struct sotto_node_account *sotto_api_account(struct sotto_node *n, struct sotto_call *call)
{
    struct sotto_node_account *a = sotto_account_current(n);
    if (!a) sotto_call_error(call, 1201, NULL);
    else if (a->keys && a->stalled) sotto_call_error(call, 2101, NULL);
    else if (!a->messenger) sotto_call_error(call, 1105, NULL);
    else {
        sotto_api_touch(n);
        return a;
    }
    return NULL;
}

void sotto_api_detach(struct sotto_node *n)
{
    if (!n->rpc_txn) return;
    n->rpc_txn = false;
    enum sotto_err err = sotto_txn_end(n, true);          /* nothing was written in it yet */
    if (err != SOTTO_OK) sotto_log_line(n->log, SOTTO_LOG_WARN, "store", "commit-failed", "reason=%s", sotto_err_name(err));
}

void sotto_api_attach(struct sotto_node *n)
{
    if (n->rpc_txn) return;
    sotto_txn_begin(n);
    n->rpc_txn = n->txn_person = true;
}

/* A key is stored hashed, its result sealed with the account in use: results hold texts. Without an open account (its creation,
 * settings of the node) nothing private is in them. */
static void request_id(uint8_t out[32], const struct sotto_call *call)
{
    SOTTO_TH(out, "sotto/request", sotto_span_str(sotto_call_request_key(call)));
}

static enum sotto_err request_get(struct sotto_node *n, struct sotto_call *call, json_t **stored)
{
    uint8_t id[32], hash[32];
    struct sotto_buf found = sotto_buf_make(SOTTO_STORE_VALUE_MAX), plain = sotto_buf_make(SOTTO_STORE_VALUE_MAX);
    request_id(id, call);
    sotto_call_params_hash(call, hash);
    enum sotto_err err = sotto_store_request_get(n->store, &found, SOTTO_SPAN(id), hash, sotto_io_now().wall_ms);
    if (err == SOTTO_OK) {
        struct sotto_span value = sotto_buf_span(&found);
        uint32_t number = 0;
        if (value.size < 4) err = SOTTO_ERR_DAMAGED;
        else number = sotto_be32(value.data), value = sotto_span_cut(value, 4, value.size - 4);
        struct sotto_node_account *a = number ? sotto_account_number(n, number) : NULL;
        if (err == SOTTO_OK && number) {
            err = a && a->keys ? sotto_row_open(&plain, &a->keys->sub[SOTTO_PURPOSE_MESSAGES], "request", 0, "result", value) : SOTTO_ERR_LOCKED;
            value = sotto_buf_span(&plain);
        }
        if (err == SOTTO_OK) {
            *stored = json_loadb((const char *)value.data, value.size, JSON_DECODE_ANY, NULL);
            if (!*stored) err = SOTTO_ERR_DAMAGED;
        }
    }
    sotto_buf_free(&found);
    sotto_buf_free(&plain);
    return err;
}

static enum sotto_err request_put(struct sotto_node *n, struct sotto_call *call, json_t *result)
{
    uint8_t id[32], hash[32], nonce[24];
    struct sotto_node_account *a = sotto_account_current(n);
    uint32_t number = a && a->keys ? a->number : 0;
    request_id(id, call);
    sotto_call_params_hash(call, hash);
    char *text = json_dumps(result, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text) return SOTTO_ERR_NOMEM;
    struct sotto_buf value = sotto_buf_make(SOTTO_STORE_VALUE_MAX);
    enum sotto_err err = sotto_buf_add_u32(&value, number);
    if (err == SOTTO_OK && number) {
        sotto_rng_fill(&n->rng.rng, nonce, sizeof nonce);
        err = sotto_row_seal(&value, &a->keys->sub[SOTTO_PURPOSE_MESSAGES], "request", 0, "result", sotto_span_str(text), nonce);
    } else if (err == SOTTO_OK) {
        err = sotto_buf_add_span(&value, sotto_span_str(text));
    }
    sotto_wipe(text, strlen(text));
    free(text);
    if (err == SOTTO_OK && !SOTTO_PLANTED(REQUEST_NOT_STORED)) err = sotto_store_request_put(n->store, number, SOTTO_SPAN(id), hash, sotto_io_now().wall_ms, sotto_buf_span(&value));
    sotto_buf_free(&value);
    return err;
}

/* A call that carries a key, from its begin to its commit or abort. A second one with the same key must not do the same thing again. */
struct keyed { struct keyed *next; struct sotto_call *call; uint8_t id[32], hash[32]; };

static int keyed_add(struct sotto_node *n, struct sotto_call *call)
{
    struct keyed *k = calloc(1, sizeof *k);
    if (!k) return 1003;
    request_id(k->id, call);
    sotto_call_params_hash(call, k->hash);
    for (const struct keyed *other = n->keyed; other; other = other->next) {
        if (memcmp(other->id, k->id, sizeof k->id) != 0) continue;
        int code = memcmp(other->hash, k->hash, sizeof k->hash) == 0 ? 1003 : 1007;      /* the first one's answer is worth waiting for */
        free(k);
        return code;
    }
    k->call = call;
    k->next = n->keyed;
    n->keyed = k;
    return 0;
}

static void keyed_remove(struct sotto_node *n, const struct sotto_call *call)
{
    for (struct keyed **at = (struct keyed **)&n->keyed; *at; at = &(*at)->next) {
        struct keyed *k = *at;
        if (k->call != call) continue;
        *at = k->next;
        free(k);
        return;
    }
}

void sotto_api_end(struct sotto_node *n)
{
    while (n->keyed) keyed_remove(n, ((struct keyed *)n->keyed)->call);
}

static int on_begin(void *ctx, struct sotto_call *call, json_t **stored)
{
    struct sotto_node *n = ctx;
    SOTTO_ASSERT(!n->rpc_txn);
    if (sotto_call_request_key(call)) {
        enum sotto_err err = request_get(n, call, stored);
        if (err == SOTTO_OK) return 1;
        if (err == SOTTO_ERR_REPLAY) return 1007;
        if (err == SOTTO_ERR_LOCKED) return 1105;
        if (err != SOTTO_ERR_MISSING) return code_of(err);
        int code = keyed_add(n, call);
        if (code) return code;
    }
    sotto_api_attach(n);
    if (n->txn_err == SOTTO_OK) return 0;
    enum sotto_err err = n->txn_err;
    keyed_remove(n, call);
    n->rpc_txn = false;
    (void)!sotto_txn_end(n, false);
    return code_of(err);
}

static int on_commit(void *ctx, struct sotto_call *call, json_t *result)
{
    struct sotto_node *n = ctx;
    keyed_remove(n, call);
    if (sotto_call_request_key(call)) {
        sotto_api_attach(n);
        enum sotto_err err = request_put(n, call, result);
        if (err != SOTTO_OK) sotto_txn_fail(n, err);
    }
    if (!n->rpc_txn) return 0;
    n->rpc_txn = false;
    enum sotto_err err = sotto_txn_end(n, true);
    if (err == SOTTO_OK) return 0;
    sotto_log_line(n->log, SOTTO_LOG_ERROR, "store", "commit-failed", "reason=%s", sotto_err_name(err));
    return code_of(err);
}

static void on_abort(void *ctx, struct sotto_call *call)
{
    struct sotto_node *n = ctx;
    keyed_remove(n, call);
    if (!n->rpc_txn) return;
    n->rpc_txn = false;
    (void)!sotto_txn_end(n, false);                       /* it was to be undone: its answer is CANCELLED */
}

static uint64_t clock_us(void *ctx)
{
    (void)ctx;
    return sotto_io_now().mono_us;
}
static void on_told(void *ctx, unsigned method, int code, uint64_t us) { sotto_meters_call(ctx, method, code, us); }

enum sotto_err sotto_api_start(struct sotto_node *n)
{
    n->api = (struct sotto_api){ .ctx = n };
    sotto_api_node_fill(&n->api);
    sotto_api_config_fill(&n->api);
    sotto_api_job_fill(&n->api);
    sotto_api_event_fill(&n->api);
    sotto_api_account_fill(&n->api);
    sotto_api_backup_fill(&n->api);
    sotto_api_token_fill(&n->api);
    sotto_api_log_fill(&n->api);
    sotto_api_metric_fill(&n->api);
    sotto_api_foreign_fill(&n->api);
    sotto_api_contact_fill(&n->api);
    sotto_api_message_fill(&n->api);
    sotto_api_network_fill(&n->api);
    sotto_api_shh_fill(&n->api);
    const char *missing = sotto_api_missing(&n->api);
    if (missing) sotto_log_line(n->log, SOTTO_LOG_ERROR, "rpc", "no-handler", "method=\"%s\"", missing);
    SOTTO_ASSERT(!missing);
    struct sotto_rpc_hooks hooks = { .ctx = n, .begin = on_begin, .commit = on_commit, .abort = on_abort, .clock_us = clock_us, .told = on_told };
    struct sotto_rpc_limits limits = { 0 };
    return sotto_rpc_new(&n->rpc, &n->api, &hooks, &limits);
}
