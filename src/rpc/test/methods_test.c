/* Every method of the table, by its own specification: it is reached with good parameters by name and by position, and each
 * parameter left out, of a wrong type or over its bound is refused before the handler sees anything. */
#include "rpc/test/fake_api.h"
#include "rpc/dispatch.h"
#include "rpc/foreign.h"
#include "support/test.h"

static int calls;
static enum sotto_method last;

static void fake_called(void *ctx, struct sotto_call *call, enum sotto_method m, const void *params)
{
    (void)ctx;
    assert_non_null(params);
    calls++;
    last = m;
    sotto_call_result(call, json_true());
}

static struct sotto_foreign_arg seen[SOTTO_FOREIGN_PARAMS_MAX];
static enum sotto_foreign last_foreign;
static void fake_foreign(void *ctx, struct sotto_call *call, enum sotto_foreign m, const struct sotto_foreign_arg *args)
{
    (void)ctx;
    calls++;
    last_foreign = m;
    memcpy(seen, args, sizeof seen);
    if (calls % 2) {
        struct sotto_buf text = sotto_buf_make(16);
        assert_int_equal(sotto_buf_add(&text, "1.50", 4), SOTTO_OK);
        sotto_call_result_text(call, &text);
    } else {
        sotto_call_result(call, json_real(1.5));
    }
}

static char answer[1 << 16];
static void on_reply(void *ctx, struct sotto_span json)
{
    (void)ctx;
    assert_true(json.size < sizeof answer);
    memcpy(answer, json.data, json.size);
    answer[json.size] = 0;
}

/* A value that must be taken; size = for texts the number of bytes wanted. */
static json_t *good(const struct sotto_param_spec *p, bool largest)
{
    switch (p->type) {
    case SOTTO_PARAM_STRING: case SOTTO_PARAM_NAME: case SOTTO_PARAM_TOKEN: case SOTTO_PARAM_SECRET: case SOTTO_PARAM_PATH: {
        size_t n = largest ? (p->chars && p->chars < p->max ? p->chars : p->max) : p->min > 1 ? p->min : 1;
        char *text = malloc(n + 1);
        memset(text, 'x', n);
        text[n] = 0;
        if (p->type == SOTTO_PARAM_PATH) text[0] = '/';
        json_t *value = json_string(text);
        free(text);
        return value;
    }
    case SOTTO_PARAM_ID: return json_string("0x52908400098527886E0F7030069857D2E4169EE7");
    case SOTTO_PARAM_HASH: return json_string("0x00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff");
    case SOTTO_PARAM_BOOL: return json_true();
    case SOTTO_PARAM_INT: case SOTTO_PARAM_MS: return json_integer((json_int_t)(largest ? p->max : p->min));
    case SOTTO_PARAM_ENUM: return json_string(p->values[0]);
    case SOTTO_PARAM_KINDS: return json_pack("[s,s]", "message.new", "node.peer");
    case SOTTO_PARAM_CONFIRM: return json_string(p->values[0]);
    }
    return NULL;
}

static bool other(const struct sotto_method_spec *m, unsigned i, bool *chosen)
{
    if (!(m->one_of >> i & 1)) return false;
    if (!*chosen) {
        *chosen = true;
        return false;
    }
    return true;
}

static int code_of(struct sotto_rpc *rpc, const struct sotto_method_spec *m, json_t *params)
{
    static int conn;
    const struct sotto_rpc_peer peer = { &conn, SOTTO_SCOPE_ALL, true, false };
    json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method", m->rpc, "params", params);
    char *text = json_dumps(request, JSON_COMPACT);
    sotto_rpc_request(rpc, &peer, sotto_span_str(text), on_reply, NULL);
    free(text);
    json_decref(request);
    json_t *reply = json_loads(answer, 0, NULL);
    assert_non_null(reply);
    int code = (int)json_integer_value(json_object_get(json_object_get(reply, "error"), "code"));
    json_decref(reply);
    return code;
}

static json_t *named(const struct sotto_method_spec *m, bool largest)
{
    json_t *params = json_object();
    bool chosen = false;
    for (unsigned i = 0; i < m->param_count; i++)
        if (!other(m, i, &chosen)) json_object_set_new(params, m->params[i].name, good(&m->params[i], largest));
    return params;
}

static void reached(struct sotto_rpc *rpc, int m, json_t *params)
{
    int before = calls;
    int code = code_of(rpc, &sotto_method_specs[m], params);
    if (code || calls != before + 1 || last != (enum sotto_method)m) fail_msg("%s: %s", sotto_method_specs[m].name, answer);
}
static void refused(struct sotto_rpc *rpc, int m, json_t *params, const char *field, const char *what)
{
    int before = calls;
    int code = code_of(rpc, &sotto_method_specs[m], params);
    char want[96];
    snprintf(want, sizeof want, "\"field\":\"%s\"", field);
    if ((code != -32602 && code != 1108) || calls != before || !strstr(answer, want))
        fail_msg("%s, %s %s: %s", sotto_method_specs[m].name, field, what, answer);
}

static void test_every_method(void **state)
{
    (void)state;
    struct sotto_rpc *rpc;
    assert_int_equal(sotto_rpc_new(&rpc, &fake_api, NULL, NULL), SOTTO_OK);
    for (int m = 0; m < SOTTO_METHOD_COUNT; m++) {
        const struct sotto_method_spec *spec = &sotto_method_specs[m];
        static const char *const spaces[] = { "sotto_", "rpc.", "rpc_", "net_", "web3_", "admin_" };
        bool ours = false;
        for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) ours |= strncmp(spec->rpc, spaces[i], strlen(spaces[i])) == 0;
        assert_true(ours);
        reached(rpc, m, named(spec, false));
        reached(rpc, m, named(spec, true));
        json_t *list = json_array();
        bool chosen = false;
        for (unsigned i = 0; i < spec->param_count; i++)
            json_array_append_new(list, other(spec, i, &chosen) ? json_null() : good(&spec->params[i], false));
        reached(rpc, m, list);
        json_t *params = named(spec, false);
        json_object_set_new(params, "noSuchThing", json_true());
        refused(rpc, m, params, "noSuchThing", "unknown");
        params = named(spec, false);
        json_object_set_new(params, "requestKey", json_string("0123456789abcdef"));
        if (spec->write)
            reached(rpc, m, params);
        else
            refused(rpc, m, params, "requestKey", "on a method that changes nothing");
    }
    sotto_rpc_free(rpc);
}

static void test_every_parameter(void **state)
{
    (void)state;
    struct sotto_rpc *rpc;
    assert_int_equal(sotto_rpc_new(&rpc, &fake_api, NULL, NULL), SOTTO_OK);
    unsigned tried = 0;
    for (int m = 0; m < SOTTO_METHOD_COUNT; m++) {
        const struct sotto_method_spec *spec = &sotto_method_specs[m];
        for (unsigned i = 0; i < spec->param_count; i++) {
            const struct sotto_param_spec *p = &spec->params[i];
            json_t *params = named(spec, false);
            if (!(spec->one_of >> i & 1)) {
                json_object_del(params, p->name);
                if (p->optional)
                    reached(rpc, m, params);
                else
                    refused(rpc, m, params, p->name, "left out");
                params = named(spec, false);
            }
            json_object_set_new(params, p->name, json_object());
            refused(rpc, m, params, p->name, "as an object");
            params = named(spec, false);
            json_object_set_new(params, p->name, json_null());
            refused(rpc, m, params, p->name, "as null");
            params = named(spec, false);
            json_object_set_new(params, p->name, json_real(0.5));
            refused(rpc, m, params, p->name, "as 0.5");
            params = named(spec, false);
            bool text = p->type <= SOTTO_PARAM_SECRET;
            if (text) {
                json_t *over = good(p, true);
                size_t n = json_string_length(over);
                char *longer = malloc(n + 2);
                memcpy(longer, json_string_value(over), n);
                longer[n] = 'x';
                longer[n + 1] = 0;
                json_object_set_new(params, p->name, json_string(longer));
                refused(rpc, m, params, p->name, "one too long");
                params = named(spec, false);
                json_object_set_new(params, p->name, json_stringn("a\0b", 3));
                free(longer);
                json_decref(over);
                refused(rpc, m, params, p->name, "with a zero character");
            } else if (p->type == SOTTO_PARAM_INT || p->type == SOTTO_PARAM_MS) {
                json_object_set_new(params, p->name, json_integer((json_int_t)p->max + 1));
                refused(rpc, m, params, p->name, "over its bound");
                params = named(spec, false);
                json_object_set_new(params, p->name, json_integer((json_int_t)p->min - 1));
                refused(rpc, m, params, p->name, "under its bound");
            } else {
                json_object_set_new(params, p->name, json_string("perhaps"));
                refused(rpc, m, params, p->name, "as another word");
            }
            tried++;
        }
    }
    assert_true(tried > 80);
    sotto_rpc_free(rpc);
}

/* ---- methods of other people's namespaces ---- */

static json_t *good_foreign(const struct sotto_foreign_spec *spec, unsigned i)
{
    if (i == 0 && spec->subscription) return json_string(spec->subscription);
    switch (spec->params[i]) {
    case SOTTO_FOREIGN_BYTES: return json_string("0X0aFf");
    case SOTTO_FOREIGN_STRING: return json_string("text");
    case SOTTO_FOREIGN_UINT32: return json_integer(UINT32_MAX);
    case SOTTO_FOREIGN_FLOAT64: return json_real(-0.5);
    case SOTTO_FOREIGN_OBJECT: return json_pack("{s:i}", "any", 1);
    }
    return NULL;
}
static bool has_bad(enum sotto_foreign_type type) { return type != SOTTO_FOREIGN_OBJECT; }

static json_t *good_params(const struct sotto_foreign_spec *spec, unsigned count)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < count; i++) json_array_append_new(list, good_foreign(spec, i));
    return list;
}

static int foreign_code(struct sotto_rpc *rpc, const char *method, json_t *params, bool can_subscribe, const char *text)
{
    static int conn;
    const struct sotto_rpc_peer peer = { &conn, SOTTO_SCOPE_ALL, can_subscribe, false };
    json_t *request = json_pack("{s:b, s:s, s:o}", "id", 1, "method", method, "params", params);
    char *json = json_dumps(request, JSON_COMPACT);
    sotto_rpc_request(rpc, &peer, sotto_span_str(json), on_reply, NULL);
    free(json);
    json_decref(request);
    json_t *reply = json_loads(answer, 0, NULL), *error = json_object_get(reply, "error");
    assert_true(json_is_true(json_object_get(reply, "id")));
    int code = (int)json_integer_value(json_object_get(error, "code"));
    if (!error) assert_true(json_real_value(json_object_get(reply, "result")) == 1.5);
    if (text) assert_string_equal(json_string_value(json_object_get(error, "message")), text);
    json_decref(reply);
    return code;
}

static void test_every_foreign_method(void **state)
{
    (void)state;
    struct sotto_rpc *rpc;
    assert_int_equal(sotto_rpc_new(&rpc, &fake_api, NULL, NULL), SOTTO_OK);
    for (int m = 0; m < SOTTO_FOREIGN_COUNT; m++) {
        const struct sotto_foreign_spec *spec = &sotto_foreign_specs[m];
        char text[128];
        unsigned n = spec->param_count;
        int before = calls;
        assert_int_equal(foreign_code(rpc, spec->name, good_params(spec, n), true, NULL), 0);
        assert_true(calls == before + 1 && last_foreign == (enum sotto_foreign)m);
        if (n && spec->params[0] == SOTTO_FOREIGN_UINT32) assert_true(seen[0].number == UINT32_MAX);
        if (n && spec->params[0] == SOTTO_FOREIGN_FLOAT64) assert_true(seen[0].real == -0.5);
        if (n) {
            json_t *more = good_params(spec, n);
            json_array_append_new(more, json_null());
            snprintf(text, sizeof text, "too many arguments, want at most %u", n);
            assert_int_equal(foreign_code(rpc, spec->name, more, true, text), -32602);
            snprintf(text, sizeof text, "missing value for required argument %u", n - 1);
            assert_int_equal(foreign_code(rpc, spec->name, good_params(spec, n - 1), true, spec->subscription && n == 1 ? NULL : text), -32602);
        }
        assert_int_equal(foreign_code(rpc, spec->name, json_object(), true, "non-array args"), -32602);
        for (unsigned i = spec->subscription ? 1 : 0; i < n; i++) {
            if (!has_bad(spec->params[i])) continue;
            json_t *list = good_params(spec, n);
            json_array_set_new(list, i, json_true());
            assert_int_equal(foreign_code(rpc, spec->name, list, true, NULL), -32602);
        }
        if (spec->subscription) {
            assert_int_equal(foreign_code(rpc, spec->name, good_params(spec, n), false, "notifications not supported"), -32000);
            assert_int_equal(foreign_code(rpc, spec->name, json_pack("[s]", "other"), true, "no \"other\" subscription in shh namespace"), -32601);
            assert_int_equal(foreign_code(rpc, spec->name, json_pack("[i]", 1), true, "expected subscription name as first argument"), -32602);
        }
        if (n == 0) assert_int_equal(foreign_code(rpc, spec->name, json_null(), true, NULL), 0);
    }
    assert_int_equal(foreign_code(rpc, "shh_none", json_array(), true, "the method shh_none does not exist/is not available"), -32601);
    sotto_rpc_free(rpc);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_method), cmocka_unit_test(test_every_parameter), cmocka_unit_test(test_every_foreign_method) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
