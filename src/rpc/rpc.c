#include "rpc/rpc.h"

#include "rpc/call.h"
#include "rpc/error_text.h"
#include "rpc/scan.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define ID_MAX 4096u                      /* bytes of one raw id: it is kept as long as the call */

/* jansson frees passphrases and texts like anything else: its free function wipes first. Set once for the process; memory it
 * gave out may still be freed with free(). */
static void wiping_free(void *memory)
{
    if (memory) sotto_wipe(memory, malloc_usable_size(memory));
    free(memory);
}

enum sotto_err sotto_rpc_new(struct sotto_rpc **out, const struct sotto_api *api, const struct sotto_rpc_hooks *hooks,
                             const struct sotto_rpc_limits *limits)
{
    json_set_alloc_funcs(malloc, wiping_free);
    struct sotto_rpc *rpc = calloc(1, sizeof *rpc);
    if (!rpc) return SOTTO_ERR_NOMEM;
    rpc->api = *api;
    if (hooks) rpc->hooks = *hooks;
    if (limits) rpc->limits = *limits;
    struct sotto_rpc_limits *l = &rpc->limits;
    if (!l->body_max) l->body_max = SOTTO_RPC_BODY_MAX;
    if (!l->batch_max) l->batch_max = SOTTO_RPC_BATCH_MAX;
    if (!l->depth_max) l->depth_max = SOTTO_RPC_DEPTH_MAX;
    if (!l->calls_max) l->calls_max = SOTTO_RPC_CALLS_MAX;
    if (!l->conn_calls_max) l->conn_calls_max = SOTTO_RPC_CONN_CALLS_MAX;
    *out = rpc;
    return SOTTO_OK;
}

/* The connection is gone (or everything ends): the handler lets go, what had begun is undone, nobody is told. */
static void cancel_call(struct sotto_call *call)
{
    struct sotto_request *request = call->request;
    struct sotto_rpc *rpc = call->rpc;
    if (call->cancel) call->cancel(call->cancel_ctx, call);
    if (call->begun && rpc->hooks.abort) rpc->hooks.abort(rpc->hooks.ctx, call);
    sotto_call_free(call);
    sotto_request_release(request);
}

void sotto_rpc_free(struct sotto_rpc *rpc)
{
    if (!rpc) return;
    for (struct sotto_call *c = rpc->calls; c; c = c->next) {
        c->conn = NULL;
        c->request->reply = NULL;
    }
    while (rpc->calls) cancel_call(rpc->calls);
    free(rpc);
}

void sotto_rpc_conn_closed(struct sotto_rpc *rpc, void *conn)
{
    bool again;
    do {
        again = false;
        for (struct sotto_call *c = rpc->calls; c; c = c->next) {
            if (c->conn != conn) continue;
            c->request->reply = NULL;
            if (!c->cancel) {
                c->conn = NULL;                   /* it runs on; its result is kept but not told */
                continue;
            }
            c->conn = NULL;
            cancel_call(c);
            again = true;                         /* the list may have changed under us */
            break;
        }
    } while (again);
}

unsigned sotto_rpc_pending(const struct sotto_rpc *rpc) { return rpc->call_count; }

json_t *sotto_rpc_error_object(int code, const char *const *values) { return sotto_error_make(code, values); }
const char *sotto_code_name(int code)
{
    const struct sotto_error_text *e = sotto_error_find(code);
    return e ? e->name : NULL;
}

void sotto_rpc_refuse(sotto_rpc_reply_fn *reply, void *reply_ctx, int code, const char *why)
{
    static const char broken[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":1000,\"message\":\"out of memory\"}}";
    json_t *error = sotto_error_make(code, (const char *const[]){ "why", why, NULL });
    json_t *whole = error ? json_pack("{s:s, s:n, s:o}", "jsonrpc", "2.0", "id", "error", error) : NULL;
    char *text = whole ? json_dumps(whole, JSON_COMPACT) : NULL;
    json_decref(whole);
    reply(reply_ctx, text ? sotto_span_str(text) : sotto_span(broken, sizeof broken - 1));
    free(text);
}

enum sotto_err sotto_rpc_notification(struct sotto_buf *out, const char *method, json_t *params)
{
    json_t *whole = params ? json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", method, "params", params) : NULL;
    char *text = whole ? json_dumps(whole, JSON_COMPACT) : NULL;
    enum sotto_err err = text ? sotto_buf_add_span(out, sotto_span_str(text)) : SOTTO_ERR_NOMEM;
    json_decref(whole);
    if (text) sotto_wipe(text, strlen(text));
    free(text);
    return err;
}

/* Not one of ours, but of a namespace that other people's nodes have. */
static bool looks_foreign(const char *name) { return strncmp(name, "sotto_", 6) != 0 && strchr(name, '_') != NULL; }

static int find_foreign(const char *name)
{
    for (int m = 0; m < SOTTO_FOREIGN_COUNT; m++)
        if (strcmp(sotto_foreign_specs[m].name, name) == 0) return m;
    return -1;
}

static int find_method(const char *name)
{
    for (int m = 0; m < SOTTO_METHOD_COUNT; m++)
        if (strcmp(sotto_method_specs[m].rpc, name) == 0) return m;
    return -1;
}

static unsigned scope_of(char perm)
{
    switch (perm) {
    case '-': return 0;
    case 'r': return SOTTO_SCOPE_R;
    case 'c': return SOTTO_SCOPE_C;
    case 'w': return SOTTO_SCOPE_W;
    case 'a': return SOTTO_SCOPE_A;
    case 'x': return SOTTO_SCOPE_X;
    default: return SOTTO_SCOPE_S;
    }
}

static unsigned calls_of(const struct sotto_rpc *rpc, const void *conn)
{
    unsigned n = 0;
    for (const struct sotto_call *c = rpc->calls; c; c = c->next) n += c->conn == conn;
    return n;
}

static struct sotto_call *call_new(struct sotto_rpc *rpc, struct sotto_request *request, const struct sotto_rpc_peer *peer, struct sotto_span id)
{
    struct sotto_call *call = calloc(1, sizeof *call);
    uint8_t *raw = id.size ? malloc(id.size) : NULL;
    if (!call || (id.size && !raw)) {
        free(call);
        free(raw);
        return NULL;
    }
    if (id.size) memcpy(raw, id.data, id.size);
    call->id = sotto_span(raw, id.size);
    call->rpc = rpc;
    call->request = request;
    call->conn = peer->conn;
    call->scopes = peer->scopes;
    call->can_subscribe = peer->can_subscribe;
    call->no_paths = peer->no_paths;
    if (rpc->hooks.clock_us) call->begun_us = rpc->hooks.clock_us(rpc->hooks.ctx);
    call->next = rpc->calls;
    if (rpc->calls) rpc->calls->prev = call;
    rpc->calls = call;
    rpc->call_count++;
    request->open++;
    return call;
}

/* An answer to something that never became a call. */
static void refuse_one(struct sotto_rpc *rpc, struct sotto_request *request, struct sotto_span id, int code, const char *const *values)
{
    sotto_rpc_count(rpc, NULL, code);
    if (request->reply) sotto_request_answer(request, id, NULL, sotto_error_make(code, values));
}
#define VALUES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void refuse_foreign(struct sotto_rpc *rpc, struct sotto_request *request, struct sotto_span id, const char *method)
{
    char text[128];
    sotto_rpc_count(rpc, NULL, SOTTO_CODE_METHOD_NOT_FOUND);
    snprintf(text, sizeof text, "the method %s does not exist/is not available", method);
    if (request->reply) sotto_request_answer(request, id, NULL, sotto_foreign_error(SOTTO_CODE_METHOD_NOT_FOUND, text, "METHOD_NOT_FOUND"));
}

/* Checks the envelope (JSON-RPC 2.0, 4). NULL = good, else what is wrong. What is asked for by a foreign name may look as geth takes it
 * (whisper-v6.md 12.1): any version, any further member, params null, and an id that is true or false. */
static const char *bad_envelope(const json_t *one, struct sotto_span id)
{
    if (!json_is_object(one)) return "a request is an object";
    const char *version = json_string_value(json_object_get(one, "jsonrpc")), *method = json_string_value(json_object_get(one, "method"));
    if (method && looks_foreign(method)) {
        const json_t *given = json_object_get(one, "id");
        if (json_is_object(given) || json_is_array(given)) return "\"id\" must be a text, a number or null";
        return id.size > ID_MAX ? "\"id\" is too long" : NULL;
    }
    if (!version || strcmp(version, "2.0") != 0) return "\"jsonrpc\" must be \"2.0\"";
    if (!method) return "\"method\" must be a text";
    const json_t *params = json_object_get(one, "params");
    if (params && !json_is_object(params) && !json_is_array(params)) return "\"params\" must be an object or a list";
    const json_t *id_value = json_object_get(one, "id");
    if (id_value && !json_is_string(id_value) && !json_is_number(id_value) && !json_is_null(id_value)) return "\"id\" must be a text, a number or null";
    if (id.size > ID_MAX) return "\"id\" is too long";
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)one, key, value)
        if (strcmp(key, "jsonrpc") != 0 && strcmp(key, "method") != 0 && strcmp(key, "params") != 0 && strcmp(key, "id") != 0)
            return "it has an unknown member";
    return NULL;
}

/* A change begins. False: the call was answered. */
static bool begin_call(struct sotto_call *call, bool write)
{
    struct sotto_rpc *rpc = call->rpc;
    if (write && rpc->hooks.begin) {
        json_t *stored = NULL;
        int code = rpc->hooks.begin(rpc->hooks.ctx, call, &stored);
        if (code == 1) {
            sotto_call_result(call, stored);
            return false;
        }
        if (code) {
            sotto_call_error(call, code, NULL);
            return false;
        }
    }
    call->begun = write;
    return true;
}

static bool allowed(struct sotto_call *call, char perm)
{
    unsigned need = scope_of(perm);
    if ((call->scopes & need) == need) return true;
    sotto_call_error(call, SOTTO_CODE_SCOPE, "scope", (const char[]){ perm, 0 }, NULL);
    return false;
}

static void start_foreign(struct sotto_call *call, enum sotto_foreign m, const json_t *params)
{
    const struct sotto_foreign_spec *spec = &sotto_foreign_specs[m];
    if (!allowed(call, spec->perm) || !sotto_foreign_params(call, spec, params) || !begin_call(call, spec->write)) return;
    sotto_api_dispatch_foreign(&call->rpc->api, m, call, call->args);
}

/* Everything between the envelope and the handler. Ends the call on any fault. */
static void start_call(struct sotto_call *call, const json_t *params)
{
    const struct sotto_method_spec *spec = &sotto_method_specs[call->method];
    if (!allowed(call, spec->perm)) return;
    struct sotto_decode_fault fault;
    int bad = sotto_decode_params(&call->params, &call->by_name, &call->request_key, &fault, spec, params);
    if (bad) {
        if (fault.field)
            sotto_call_error(call, bad, "field", fault.field, "why", fault.why, "word", fault.word, NULL);
        else
            sotto_call_error(call, bad, "field", "params", "why", fault.why, NULL);
        return;
    }
    for (unsigned i = 0; call->no_paths && i < spec->param_count; i++) {
        if (spec->params[i].type != SOTTO_PARAM_PATH || !json_object_get(call->by_name, spec->params[i].name)) continue;
        sotto_call_error(call, SOTTO_CODE_NOT_SUPPORTED, "field", spec->params[i].name, "thing", "a file named by its path",
                         "why", "Over HTTP nobody names files of this machine.", NULL);
        return;
    }
    if (begin_call(call, spec->write)) sotto_api_dispatch(&call->rpc->api, call->method, call, &call->params);
}

static void run_one(struct sotto_rpc *rpc, struct sotto_request *request, const struct sotto_rpc_peer *peer, json_t *one, struct sotto_span id)
{
    const char *why = bad_envelope(one, id);
    if (why) {
        bool usable = json_is_object(one) && id.size <= ID_MAX;
        const json_t *v = usable ? json_object_get(one, "id") : NULL;
        refuse_one(rpc, request, json_is_string(v) || json_is_number(v) ? id : sotto_span(NULL, 0), SOTTO_CODE_INVALID_REQUEST, VALUES("why", why));
        return;
    }
    bool silent = json_object_get(one, "id") == NULL;
    const char *name = json_string_value(json_object_get(one, "method"));
    bool whole = strlen(name) == json_string_length(json_object_get(one, "method"));
    int method = whole ? find_method(name) : -1, foreign = whole && method < 0 ? find_foreign(name) : -1;
    bool known = method >= 0 ? sotto_api_has(&rpc->api, (enum sotto_method)method) : foreign >= 0 && sotto_api_has_foreign(&rpc->api, (enum sotto_foreign)foreign);
    if (!known) {
        char shown[65];                                   /* a name of ours, not a page of somebody's text */
        snprintf(shown, sizeof shown, "%s", name);
        for (char *c = shown; *c; c++)
            if (*c < 0x20 || *c > 0x7e || *c == '"' || *c == '\\') *c = '?';
        if (!silent && looks_foreign(name)) refuse_foreign(rpc, request, id, shown);
        else if (!silent) refuse_one(rpc, request, id, SOTTO_CODE_METHOD_NOT_FOUND, VALUES("method", shown));
        return;
    }
    if (rpc->call_count >= rpc->limits.calls_max || calls_of(rpc, peer->conn) >= rpc->limits.conn_calls_max) {
        if (!silent) refuse_one(rpc, request, id, SOTTO_CODE_BUSY, VALUES("why", "Too many calls wait for their answer.", "retryMs", "1000"));
        return;
    }
    struct sotto_call *call = call_new(rpc, request, peer, id);
    if (!call) {
        request->lost = true;
        return;
    }
    call->silent = silent;
    call->source = json_incref(one);
    if (foreign >= 0) {
        call->foreign = &sotto_foreign_specs[foreign];
        start_foreign(call, (enum sotto_foreign)foreign, json_object_get(one, "params"));
        return;
    }
    call->method = (enum sotto_method)method;
    const json_t *params = json_object_get(one, "params");
    start_call(call, json_is_null(params) ? NULL : params);
}

void sotto_rpc_request(struct sotto_rpc *rpc, const struct sotto_rpc_peer *peer, struct sotto_span json, sotto_rpc_reply_fn *reply, void *reply_ctx)
{
    SOTTO_ASSERT(peer->conn != NULL);
    if (json.size > rpc->limits.body_max) {
        sotto_rpc_count(rpc, NULL, SOTTO_CODE_INVALID_REQUEST);
        sotto_rpc_refuse(reply, reply_ctx, SOTTO_CODE_INVALID_REQUEST, "it is larger than 5 MiB");
        return;
    }
    struct sotto_request *request = calloc(1, sizeof *request);
    struct sotto_span *ids = calloc(rpc->limits.batch_max, sizeof *ids);
    if (!request || !ids) {
        free(request);
        free(ids);
        sotto_rpc_count(rpc, NULL, SOTTO_CODE_INTERNAL);
        sotto_rpc_refuse(reply, reply_ctx, SOTTO_CODE_INTERNAL, NULL);
        return;
    }
    struct sotto_scan scan;
    sotto_scan_json(&scan, ids, rpc->limits.batch_max, json, rpc->limits.depth_max);
    json_t *root = NULL;
    int code = 0;
    const char *why = NULL;
    json_error_t fault;
    if (scan.depth > rpc->limits.depth_max) {
        code = SOTTO_CODE_INVALID_REQUEST;
        why = "it is nested too deeply";
    } else if (scan.batch && scan.count > rpc->limits.batch_max) {
        code = SOTTO_CODE_INVALID_REQUEST;
        why = "a batch holds at most 100";
    } else {
        /* zero characters inside texts are JSON: the decoder refuses them with the name of the field */
        root = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &fault);
        if (!root) {
            enum json_error_code e = json_error_code(&fault);
            code = e == json_error_duplicate_key || e == json_error_numeric_overflow ? SOTTO_CODE_INVALID_REQUEST : SOTTO_CODE_PARSE;
            why = e == json_error_duplicate_key ? "a name stands twice in one object" : e == json_error_numeric_overflow ? "a number is too large" : NULL;
        } else if (json_is_array(root) && json_array_size(root) == 0) {
            code = SOTTO_CODE_INVALID_REQUEST;
            why = "the batch is empty";
        } else if (scan.batch != json_is_array(root) || (scan.batch && scan.count != json_array_size(root))) {
            code = SOTTO_CODE_INTERNAL;                   /* never seen: both would have to read the same JSON differently */
        }
    }
    if (code) {
        free(request);
        sotto_rpc_count(rpc, NULL, code);
        sotto_rpc_refuse(reply, reply_ctx, code, why);
    } else {
        request->reply = reply;
        request->reply_ctx = reply_ctx;
        request->batch = json_is_array(root);
        request->open = 1;
        if (request->batch) {
            for (size_t i = 0; i < json_array_size(root) && request->reply; i++) run_one(rpc, request, peer, json_array_get(root, i), ids[i]);
        } else {
            run_one(rpc, request, peer, root, ids[0]);
        }
        sotto_request_release(request);
    }
    json_decref(root);
    free(ids);
}
