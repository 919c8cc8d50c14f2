/* The strict decoders of every method: the first byte names the method, the next ones make a value for each parameter that is nearly what
 * its type wants. Whatever reaches a handler keeps the bounds of the table; a call is answered exactly once, with JSON. */
#include "rpc/test/fake_api.h"

#include "rpc/dispatch.h"
#include "rpc/rpc.h"
#include "support/fuzz_input.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

static unsigned calls, replies;
static enum sotto_method wanted;

static void check_text(const struct sotto_param_spec *p, const char *s)
{
    size_t size = strlen(s);
    SOTTO_ASSERT(size >= p->min && size <= p->max && sotto_utf8_valid(sotto_span_str(s)));
    for (size_t i = 0; i < size; i++) {
        uint8_t c = (uint8_t)s[i];
        if (p->type == SOTTO_PARAM_TOKEN) SOTTO_ASSERT(c > 0x20 && c < 0x7f);
        if (p->type == SOTTO_PARAM_NAME || p->type == SOTTO_PARAM_PATH) SOTTO_ASSERT(c >= 0x20 && c != 0x7f);
        if (p->type == SOTTO_PARAM_STRING) SOTTO_ASSERT(c >= 0x20 || c == '\n' || c == '\r' || c == '\t');
    }
    if (p->type == SOTTO_PARAM_PATH) SOTTO_ASSERT(s[0] == '/');
}

static void fake_called(void *ctx, struct sotto_call *call, enum sotto_method m, const void *params)
{
    (void)ctx;
    const struct sotto_method_spec *spec = &sotto_method_specs[m];
    SOTTO_ASSERT(m == wanted);
    calls++;
    for (unsigned i = 0; i < spec->param_count; i++) {
        const struct sotto_param_spec *p = &spec->params[i];
        const uint8_t *at = (const uint8_t *)params + p->at;
        const void *pointer;
        memcpy(&pointer, at, sizeof pointer);
        switch (p->type) {
        case SOTTO_PARAM_STRING: case SOTTO_PARAM_NAME: case SOTTO_PARAM_TOKEN: case SOTTO_PARAM_PATH: case SOTTO_PARAM_SECRET:
            SOTTO_ASSERT(pointer || p->optional);
            if (pointer) check_text(p, pointer);
            break;
        case SOTTO_PARAM_ID: case SOTTO_PARAM_HASH: SOTTO_ASSERT(pointer ? pointer == (const uint8_t *)params + p->store : p->optional); break;
        case SOTTO_PARAM_INT: case SOTTO_PARAM_MS: {
            uint64_t v;
            if (p->store && !pointer) break;
            memcpy(&v, p->store ? pointer : at, sizeof v);
            SOTTO_ASSERT((v >= p->min && v <= p->max) || (p->has_default && v == p->fallback));
            break;
        }
        case SOTTO_PARAM_ENUM: {
            int v, count = 0;
            memcpy(&v, at, sizeof v);
            while (p->values[count]) count++;
            SOTTO_ASSERT(v >= 0 && v <= count && (v > 0 || p->optional));
            break;
        }
        case SOTTO_PARAM_KINDS: {
            uint32_t bits;
            memcpy(&bits, at, sizeof bits);
            SOTTO_ASSERT((bits || p->optional) && bits < 1u << SOTTO_API_EVENT_COUNT);
            break;
        }
        case SOTTO_PARAM_BOOL: case SOTTO_PARAM_CONFIRM: break;
        }
    }
    uint8_t hash[32], again[32];
    sotto_call_params_hash(call, hash);
    sotto_call_params_hash(call, again);
    SOTTO_ASSERT(memcmp(hash, again, 32) == 0);
    sotto_call_result(call, json_true());
}

static void fake_foreign(void *ctx, struct sotto_call *call, enum sotto_foreign m, const struct sotto_foreign_arg *args)
{
    (void)ctx;
    (void)m;
    (void)args;
    SOTTO_ASSERT(!call);                                  /* only methods of our own are asked for here */
}

static void on_reply(void *ctx, struct sotto_span json)
{
    (void)ctx;
    replies++;
    json_t *reply = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, NULL);
    SOTTO_ASSERT(reply && (json_object_get(reply, "result") != NULL) != (json_object_get(reply, "error") != NULL));
    SOTTO_ASSERT((calls == 1) == (json_object_get(reply, "result") != NULL));
    json_decref(reply);
}

static json_t *text_of(struct fuzz_in *in, size_t least)
{
    static const char *const odd[] = { "", " ", "\t", "\xc3\xa9", "\xf0\x9f\x98\x80", "\xe2\x80\xae", "\x7f", "\xc2\x85", "/", "-" };
    char text[256] = "";
    size_t size = 0;
    for (unsigned n = fuzz_u8(in) % 8; n; n--) {
        uint8_t c = fuzz_u8(in);
        size += (size_t)snprintf(text + size, sizeof text - size, "%s", c < 10 ? odd[c] : (char[]){ (char)(c < 128 ? c : 'x'), 0 });
    }
    while (size < least && size + 1 < sizeof text) text[size++] = 'x';
    text[size] = 0;
    return json_string(text);
}

static json_t *value_of(struct fuzz_in *in, const struct sotto_param_spec *p)
{
    uint8_t how = fuzz_u8(in);
    if (how >= 250) return how == 250 ? json_null() : how == 251 ? json_array() : how == 252 ? json_object() : how == 253 ? json_real(1.5) : json_integer(-1);
    if (how >= 244) return text_of(in, 0);
    switch (p->type) {
    case SOTTO_PARAM_STRING: case SOTTO_PARAM_NAME: case SOTTO_PARAM_TOKEN: case SOTTO_PARAM_SECRET: return text_of(in, (size_t)p->min);
    case SOTTO_PARAM_PATH: return how & 1 ? json_string("/tmp/x") : text_of(in, 1);
    case SOTTO_PARAM_ID: return json_string(how & 1 ? "0x52908400098527886E0F7030069857D2E4169EE7" : how & 2 ? "0x52908400098527886e0f7030069857d2e4169ee7" : "0x52");
    case SOTTO_PARAM_HASH: return json_string(how & 1 ? "0x00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff" : "0x00");
    case SOTTO_PARAM_BOOL: return json_boolean(how & 1);
    case SOTTO_PARAM_INT: case SOTTO_PARAM_MS: return json_integer((json_int_t)(how & 1 ? p->min : how & 2 ? p->max : how & 4 ? p->max + 1 : fuzz_wide(in)));
    case SOTTO_PARAM_ENUM: {
        unsigned count = 0;
        while (p->values[count]) count++;
        return json_string(p->values[how % count]);
    }
    case SOTTO_PARAM_KINDS: {
        json_t *kinds = json_array();
        for (unsigned n = how % 5; n; n--) json_array_append_new(kinds, json_string(sotto_api_event_name((enum sotto_api_event)(fuzz_u8(in) % SOTTO_API_EVENT_COUNT))));
        return kinds;
    }
    case SOTTO_PARAM_CONFIRM: return json_string(how & 1 ? p->values[0] : "yes");
    }
    return json_null();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sotto_rpc *rpc;
    static int conn;
    struct fuzz_in in = fuzz_in(data, size);
    if (!rpc) SOTTO_ASSERT(sotto_rpc_new(&rpc, &fake_api, NULL, NULL) == SOTTO_OK);
    wanted = (enum sotto_method)fuzz_below(&in, SOTTO_METHOD_COUNT);
    const struct sotto_method_spec *spec = &sotto_method_specs[wanted];
    uint8_t how = fuzz_u8(&in);
    json_t *params = how & 1 ? json_array() : json_object();
    for (unsigned i = 0; i < spec->param_count; i++) {
        const struct sotto_param_spec *p = &spec->params[i];
        if (how & 1) json_array_append_new(params, p->optional && fuzz_u8(&in) & 1 ? json_null() : value_of(&in, p));
        else if (!p->optional || fuzz_u8(&in) & 1) json_object_set_new(params, p->name, value_of(&in, p));
    }
    if (how & 2) {
        if (how & 1) json_array_append_new(params, json_true());
        else json_object_set_new(params, how & 4 ? "requestKey" : "foreign", json_string("0123456789abcdef"));
    }
    json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method", spec->rpc, "params", params);
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    SOTTO_ASSERT(text);
    const struct sotto_rpc_peer peer = { &conn, SOTTO_SCOPE_ALL, true, false };
    calls = replies = 0;
    sotto_rpc_request(rpc, &peer, sotto_span_str(text), on_reply, NULL);
    SOTTO_ASSERT(replies == 1 && calls <= 1 && sotto_rpc_pending(rpc) == 0);
    free(text);
    json_decref(request);
    return 0;
}
