#include "rpc/call.h"

#include "crypto/hash.h"
#include "rpc/error_text.h"

#include <stdarg.h>
#include <stdlib.h>

#define REPLY_MAX (256u << 20)            /* bytes of one reply; a batch of 100 exports stays below */
#define VALUES_MAX 32                     /* key and value pairs of one error */

static void wipe_free(char *text)
{
    if (text) sotto_wipe(text, strlen(text));
    free(text);
}

/* The reply text of one call. */
static enum sotto_err add_reply(struct sotto_buf *out, struct sotto_span id, const char *member, struct sotto_span body)
{
    static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":", null_id[] = "null";
    SOTTO_TRY(sotto_buf_add(out, head, sizeof head - 1));
    SOTTO_TRY(id.size ? sotto_buf_add_span(out, id) : sotto_buf_add(out, null_id, sizeof null_id - 1));
    SOTTO_TRY(sotto_buf_add(out, ",\"", 2));
    SOTTO_TRY(sotto_buf_add_span(out, sotto_span_str(member)));
    SOTTO_TRY(sotto_buf_add(out, "\":", 2));
    SOTTO_TRY(sotto_buf_add_span(out, body));
    return sotto_buf_add_u8(out, '}');
}

void sotto_request_answer_text(struct sotto_request *request, struct sotto_span id, const char *member, struct sotto_span body)
{
    if (request->text.max == 0) request->text = sotto_buf_make(REPLY_MAX);
    size_t before = request->text.size;
    enum sotto_err err = body.size ? SOTTO_OK : SOTTO_ERR_NOMEM;
    if (err == SOTTO_OK && request->batch) err = sotto_buf_add_u8(&request->text, before ? ',' : '[');
    if (err == SOTTO_OK) err = add_reply(&request->text, id, member, body);
    if (err == SOTTO_OK) return;
    request->text.size = before;
    request->lost = true;
}

void sotto_request_answer(struct sotto_request *request, struct sotto_span id, json_t *result, json_t *error)
{
    char *body = json_dumps(error ? error : result, JSON_COMPACT | JSON_ENCODE_ANY);
    sotto_request_answer_text(request, id, error ? "error" : "result", body ? sotto_span_str(body) : sotto_span(NULL, 0));
    wipe_free(body);
    json_decref(result);
    json_decref(error);
}

void sotto_request_release(struct sotto_request *request)
{
    SOTTO_ASSERT(request->open > 0);
    if (--request->open > 0) return;
    struct sotto_buf text = request->text;
    sotto_rpc_reply_fn *reply = request->reply;
    void *ctx = request->reply_ctx;
    bool lost = request->lost;
    if (request->batch && text.size && sotto_buf_add_u8(&text, ']') != SOTTO_OK) lost = true;
    free(request);
    if (reply && lost)
        sotto_rpc_refuse(reply, ctx, SOTTO_CODE_INTERNAL, NULL);
    else if (reply)
        reply(ctx, sotto_buf_span(&text));
    sotto_buf_free(&text);
}

void sotto_call_free(struct sotto_call *call)
{
    if (call->prev)
        call->prev->next = call->next;
    else
        call->rpc->calls = call->next;
    if (call->next) call->next->prev = call->prev;
    call->rpc->call_count--;
    json_decref(call->by_name);
    json_decref(call->source);
    free((void *)(uintptr_t)call->id.data);
    for (unsigned i = 0; i < SOTTO_FOREIGN_PARAMS_MAX; i++) sotto_buf_free(&call->held[i]);
    SOTTO_WIPE(*call);
    free(call);
}

static unsigned index_of(const struct sotto_call *call)
{
    return call->foreign ? (unsigned)SOTTO_METHOD_COUNT + (unsigned)(call->foreign - sotto_foreign_specs) : (unsigned)call->method;
}

void sotto_rpc_count(struct sotto_rpc *rpc, const struct sotto_call *call, int code)
{
    const struct sotto_rpc_hooks *h = &rpc->hooks;
    if (!h->told) return;
    uint64_t us = call && h->clock_us ? h->clock_us(h->ctx) - call->begun_us : 0;
    h->told(h->ctx, call ? index_of(call) : SOTTO_RPC_METHODS, code, us);
}

/* Ends the call with one of both. */
static void finish(struct sotto_call *call, json_t *result, json_t *error)
{
    struct sotto_request *request = call->request;
    sotto_rpc_count(call->rpc, call, error ? (int)json_integer_value(json_object_get(error, "code")) : 0);
    if (call->silent || !request->reply) {
        json_decref(result);
        json_decref(error);
    } else {
        sotto_request_answer(request, call->id, result, error);
    }
    sotto_call_free(call);
    sotto_request_release(request);
}

void sotto_call_result(struct sotto_call *call, json_t *result)
{
    if (!result) {
        sotto_call_error(call, SOTTO_CODE_INTERNAL, NULL);
        return;
    }
    if (call->begun) {
        struct sotto_rpc *rpc = call->rpc;
        call->begun = false;
        int code = rpc->hooks.commit ? rpc->hooks.commit(rpc->hooks.ctx, call, result) : 0;
        if (code) {
            json_decref(result);
            finish(call, NULL, sotto_error_make(code, NULL));
            return;
        }
    }
    finish(call, result, NULL);
}

void sotto_call_result_text(struct sotto_call *call, struct sotto_buf *json)
{
    struct sotto_request *request = call->request;
    SOTTO_ASSERT(!call->begun);                           /* what is stored for a request key is a JSON value */
    if (!call->silent && request->reply) sotto_request_answer_text(request, call->id, "result", sotto_buf_span(json));
    sotto_buf_free(json);
    sotto_rpc_count(call->rpc, call, 0);
    sotto_call_free(call);
    sotto_request_release(request);
}

void sotto_call_fail(struct sotto_call *call, json_t *error)
{
    if (call->begun) {
        struct sotto_rpc *rpc = call->rpc;
        call->begun = false;
        if (rpc->hooks.abort) rpc->hooks.abort(rpc->hooks.ctx, call);
    }
    finish(call, NULL, error);
}

void sotto_call_error(struct sotto_call *call, int code, ...)
{
    const char *values[2 * VALUES_MAX + 3] = { 0 };
    va_list ap;
    va_start(ap, code);
    size_t n = 0;
    for (const char *key; n < 2 * VALUES_MAX && (key = va_arg(ap, const char *)) != NULL; n += 2) {
        values[n] = key;
        values[n + 1] = va_arg(ap, const char *);
    }
    va_end(ap);
    bool has_verb = false;
    for (size_t i = 0; i < n; i += 2) has_verb |= strcmp(values[i], "verb") == 0;
    if (!has_verb) {                                      /* every text may name the verb */
        values[n] = "verb";
        values[n + 1] = sotto_call_method_name(call);
    }
    sotto_call_fail(call, sotto_error_make(code, values));
}

void sotto_call_on_cancel(struct sotto_call *call, void (*fn)(void *ctx, struct sotto_call *call), void *ctx)
{
    call->cancel = fn;
    call->cancel_ctx = ctx;
}

enum sotto_method sotto_call_method(const struct sotto_call *call) { return call->method; }
const char *sotto_call_method_name(const struct sotto_call *call) { return call->foreign ? call->foreign->name : sotto_method_specs[call->method].name; }
const char *sotto_rpc_method_name(unsigned method)
{
    SOTTO_ASSERT(method < SOTTO_RPC_METHODS);
    return method < (unsigned)SOTTO_METHOD_COUNT ? sotto_method_specs[method].rpc : sotto_foreign_specs[method - (unsigned)SOTTO_METHOD_COUNT].name;
}
void *sotto_call_conn(const struct sotto_call *call) { return call->conn; }
unsigned sotto_call_scopes(const struct sotto_call *call) { return call->scopes; }
bool sotto_call_can_subscribe(const struct sotto_call *call) { return call->can_subscribe; }
const char *sotto_call_request_key(const struct sotto_call *call) { return call->request_key; }

void sotto_call_params_hash(const struct sotto_call *call, uint8_t out[32])
{
    SOTTO_ASSERT(!call->foreign);
    const struct sotto_method_spec *spec = &sotto_method_specs[call->method];
    json_t *shown = json_object();
    const char *key;
    json_t *value;
    json_object_foreach(call->by_name, key, value) {
        bool secret = false;
        for (unsigned i = 0; i < spec->param_count; i++)
            secret |= spec->params[i].type == SOTTO_PARAM_SECRET && strcmp(spec->params[i].name, key) == 0;
        if (!secret) json_object_set(shown, key, value);
    }
    char *text = json_dumps(shown, JSON_COMPACT | JSON_SORT_KEYS);
    struct sha256_ctx ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, strlen(spec->name) + 1, (const uint8_t *)spec->name);
    if (text) sha256_update(&ctx, strlen(text), (const uint8_t *)text);
    sha256_digest(&ctx, 32, out);
    SOTTO_WIPE(ctx);
    wipe_free(text);
    json_decref(shown);
}
