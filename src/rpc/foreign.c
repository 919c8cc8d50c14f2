#include "rpc/foreign.h"

#include "base/text.h"
#include "rpc/call.h"

#include <stdio.h>
#include <stdlib.h>

#define BYTES_MAX SOTTO_RPC_BODY_MAX

json_t *sotto_foreign_error(int code, const char *text, const char *name)
{
    char shown[1024];
    snprintf(shown, sizeof shown, "%s", text);            /* what a caller wrote may stand in it, cut anywhere */
    if (!sotto_utf8_valid(sotto_span_str(shown)))
        for (char *c = shown; *c; c++)
            if ((unsigned char)*c > 0x7e) *c = '?';
    return json_pack("{s:i, s:s, s:{s:s}}", "code", code, "message", shown, "data", "name", name);
}

void sotto_call_foreign_error(struct sotto_call *call, int code, const char *text, const char *name)
{
    sotto_call_fail(call, sotto_foreign_error(code, text, name));
}

static void bad_params(struct sotto_call *call, const char *text) { sotto_call_foreign_error(call, SOTTO_CODE_INVALID_PARAMS, text, "INVALID_PARAMS"); }

void sotto_call_foreign_argument(struct sotto_call *call, unsigned index, const struct sotto_go_fault *fault)
{
    char text[320];
    snprintf(text, sizeof text, "invalid argument %u: %s", index, fault->why);
    bad_params(call, text);
}

/* Subscribing has questions of its own, before its parameters. */
static bool check_subscription(struct sotto_call *call, const struct sotto_foreign_spec *spec, const json_t *params)
{
    const json_t *first = json_array_get(params, 0);
    char text[128], space[32];
    if (!call->can_subscribe) {
        sotto_call_foreign_error(call, SOTTO_FOREIGN_CODE, "notifications not supported", "NOT_SUPPORTED");
        return false;
    }
    if (!json_is_string(first)) {
        bad_params(call, "expected subscription name as first argument");
        return false;
    }
    if (strcmp(json_string_value(first), spec->subscription) == 0) return true;
    snprintf(space, sizeof space, "%.*s", (int)strcspn(spec->name, "_"), spec->name);
    snprintf(text, sizeof text, "no \"%.40s\" subscription in %s namespace", json_string_value(first), space);
    sotto_call_foreign_error(call, SOTTO_CODE_METHOD_NOT_FOUND, text, "METHOD_NOT_FOUND");
    return false;
}

static bool take(struct sotto_call *call, unsigned i, enum sotto_foreign_type type, const json_t *value, struct sotto_go_fault *fault)
{
    struct sotto_foreign_arg *arg = &call->args[i];
    struct sotto_buf *held = &call->held[i];
    bool good = true;
    switch (type) {
    case SOTTO_FOREIGN_BYTES:
        *held = sotto_buf_make(BYTES_MAX);
        good = sotto_go_value(held, SOTTO_GO_BYTES, value, fault);
        arg->bytes = sotto_buf_span(held);
        break;
    case SOTTO_FOREIGN_STRING: good = sotto_go_value(&arg->bytes, SOTTO_GO_STRING, value, fault); break;
    case SOTTO_FOREIGN_UINT32: good = sotto_go_value(&arg->number, SOTTO_GO_UINT32, value, fault); break;
    case SOTTO_FOREIGN_FLOAT64: good = sotto_go_value(&arg->real, SOTTO_GO_FLOAT64, value, fault); break;
    case SOTTO_FOREIGN_OBJECT: arg->object = value; break;
    }
    return good;
}

bool sotto_foreign_params(struct sotto_call *call, const struct sotto_foreign_spec *spec, const json_t *params)
{
    struct sotto_go_fault fault;
    char text[64];
    if (params && !json_is_null(params) && !json_is_array(params)) {
        bad_params(call, "non-array args");
        return false;
    }
    if (spec->subscription && !check_subscription(call, spec, params)) return false;
    size_t given = json_array_size(params);
    for (unsigned i = 0; i < given; i++) {
        if (i == spec->param_count) {
            snprintf(text, sizeof text, "too many arguments, want at most %u", spec->param_count);
            bad_params(call, text);
            return false;
        }
        if (!take(call, i, spec->params[i], json_array_get(params, i), &fault)) {
            sotto_call_foreign_argument(call, i, &fault);
            return false;
        }
    }
    if (given >= spec->param_count) return true;
    snprintf(text, sizeof text, "missing value for required argument %zu", given);
    bad_params(call, text);
    return false;
}
