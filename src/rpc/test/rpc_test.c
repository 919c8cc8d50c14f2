/* The JSON-RPC engine against good and bad texts: one sentence a test. */
#include "rpc/test/fake_api.h"
#include "rpc/dispatch.h"
#include "rpc/error_text.h"
#include "rpc/rpc.h"
#include "rpc/scan.h"
#include "support/test.h"

/* What the handlers do in a test, and what they saw. */
static struct {
    int calls;
    enum sotto_method method;
    struct sotto_call *kept[256];         /* answered later */
    unsigned kept_count;
    bool later, error;
    struct sotto_contact_add_params add;
    char link[64], alias[64];
    struct sotto_contact_set_params set;
    bool receipts;
    uint64_t timer;
    struct sotto_event_list_params events;
    struct sotto_account_link_params link_params;
    struct sotto_id id;
    char key[65];
    uint8_t hash[32];
    int begins, commits, aborts, cancels, begin_code, commit_code;
    bool replay;
} seen;

static void copy(char *to, const char *from) { snprintf(to, 64, "%s", from ? from : "(absent)"); }

static void fake_foreign(void *ctx, struct sotto_call *call, enum sotto_foreign m, const struct sotto_foreign_arg *args)
{
    (void)ctx;
    (void)m;
    (void)args;
    seen.calls++;
    sotto_call_result(call, json_true());
}

static void fake_called(void *ctx, struct sotto_call *call, enum sotto_method m, const void *params)
{
    (void)ctx;
    seen.calls++;
    seen.method = m;
    sotto_call_params_hash(call, seen.hash);
    snprintf(seen.key, sizeof seen.key, "%s", sotto_call_request_key(call) ? sotto_call_request_key(call) : "");
    if (m == SOTTO_METHOD_CONTACT_ADD) {
        seen.add = *(const struct sotto_contact_add_params *)params;
        copy(seen.link, seen.add.link);
        copy(seen.alias, seen.add.alias);
    } else if (m == SOTTO_METHOD_CONTACT_SET) {
        seen.set = *(const struct sotto_contact_set_params *)params;
        if (seen.set.receipts) seen.receipts = *seen.set.receipts;
        if (seen.set.timer_ms) seen.timer = *seen.set.timer_ms;
    } else if (m == SOTTO_METHOD_EVENT_LIST) {
        seen.events = *(const struct sotto_event_list_params *)params;
    } else if (m == SOTTO_METHOD_ACCOUNT_LINK) {
        seen.link_params = *(const struct sotto_account_link_params *)params;
        if (seen.link_params.account) seen.id = *seen.link_params.account;
    }
    if (seen.later) {
        assert_true(seen.kept_count < 256);
        seen.kept[seen.kept_count++] = call;
    } else if (seen.error) {
        sotto_call_error(call, SOTTO_CODE_NOT_FOUND, "thing", "contact", "value", "bob", "field", "contact", NULL);
    } else {
        sotto_call_result(call, json_pack("{s:s}", "did", sotto_call_method_name(call)));
    }
}

static int begin(void *ctx, struct sotto_call *call, json_t **stored)
{
    (void)ctx;
    (void)call;
    seen.begins++;
    if (seen.replay) {
        *stored = json_string("first");
        return 1;
    }
    return seen.begin_code;
}
static int commit(void *ctx, struct sotto_call *call, json_t *result)
{
    (void)ctx;
    (void)call;
    assert_non_null(result);
    seen.commits++;
    return seen.commit_code;
}
static void undo(void *ctx, struct sotto_call *call)
{
    (void)ctx;
    (void)call;
    seen.aborts++;
}
static void cancelled(void *ctx, struct sotto_call *call)
{
    (void)call;
    assert_ptr_equal(ctx, &seen);
    seen.cancels++;
}

static struct sotto_rpc *rpc;
static int conn_a, conn_b;
static char answer[1 << 16];
static int answers;

static void on_reply(void *ctx, struct sotto_span json)
{
    (void)ctx;
    assert_true(json.size < sizeof answer);
    if (json.size) memcpy(answer, json.data, json.size);
    answer[json.size] = 0;
    answers++;
}

static struct { unsigned count, method; int code; uint64_t us; } heard;
static uint64_t clock_us(void *ctx)
{
    (void)ctx;
    static uint64_t now;
    return now += 1000;
}
static void told(void *ctx, unsigned method, int code, uint64_t us)
{
    (void)ctx;
    heard.count++;
    heard.method = method;
    heard.code = code;
    heard.us = us;
}

static int setup(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof seen);
    answers = 0;
    answer[0] = 0;
    static const struct sotto_rpc_hooks hooks = { .begin = begin, .commit = commit, .abort = undo, .clock_us = clock_us, .told = told };
    return sotto_rpc_new(&rpc, &fake_api, &hooks, NULL) == SOTTO_OK ? 0 : -1;
}
static int teardown(void **state)
{
    (void)state;
    sotto_rpc_free(rpc);
    return 0;
}

static const struct sotto_rpc_peer alice = { &conn_a, SOTTO_SCOPE_ALL, true, false };

static const char *ask_as(const struct sotto_rpc_peer *peer, const char *text)
{
    answer[0] = 0;
    sotto_rpc_request(rpc, peer, sotto_span_str(text), on_reply, NULL);
    return answer;
}
static const char *ask(const char *text) { return ask_as(&alice, text); }

static void wants_error(const char *text, int code, const char *id)
{
    int before = answers;
    json_t *reply = json_loads(ask(text), 0, NULL);
    if (!reply || answers != before + 1) fail_msg("no reply to %s: %s", text, answer);
    json_t *error = json_object_get(reply, "error");
    if (json_integer_value(json_object_get(error, "code")) != code) fail_msg("%s gave %s", text, answer);
    assert_true(json_string_length(json_object_get(error, "message")) > 0);
    const char *name = json_string_value(json_object_get(json_object_get(error, "data"), "name"));
    assert_string_equal(name, sotto_code_name(code));
    char want[64];
    snprintf(want, sizeof want, "\"id\":%s,", id);
    if (!strstr(answer, want)) fail_msg("%s: id is not %s in %s", text, id, answer);
    json_decref(reply);
}

static void test_good(void **state)
{
    (void)state;
    assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_nodeStatus\"}"),
                        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"did\":\"node status\"}}");
    assert_int_equal(seen.method, SOTTO_METHOD_NODE_STATUS);
    assert_int_equal(seen.begins + seen.commits, 0);      /* it changes nothing */
    ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_contactAdd\",\"params\":{\"link\":\"sotto:0x1\",\"note\":\"It is me\"}}");
    assert_string_equal(seen.link, "sotto:0x1");
    assert_string_equal(seen.alias, "(absent)");
    assert_int_equal(seen.begins, 1);
    assert_int_equal(seen.commits, 1);
    ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_contactAdd\",\"params\":[\"sotto:0x2\",\"bob\"]}");
    assert_string_equal(seen.link, "sotto:0x2");
    assert_string_equal(seen.alias, "bob");
    assert_int_equal(sotto_rpc_pending(rpc), 0);
}

/* Every id comes back as it was written, however odd. */
static void test_id(void **state)
{
    (void)state;
    static const char *const ids[] = { "1", "-0", "1.50", "1E+2", "\"a\\u0062\\\"}{[]\"", "\"\"", "null", "123456789012345678", "0.1000" };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char text[256], want[256];
        snprintf(text, sizeof text, " {\"params\":{\"state\":\"done\"} , \"id\" :\t%s , \"method\":\"sotto_jobList\",\"jsonrpc\":\"2.0\"}\n", ids[i]);
        snprintf(want, sizeof want, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"did\":\"job list\"}}", ids[i]);
        assert_string_equal(ask(text), want);
        snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"method\":\"sotto_nodeHealth\",\"\\u0069d\":%s}", ids[i]);
        snprintf(want, sizeof want, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"did\":\"node health\"}}", ids[i]);
        assert_string_equal(ask(text), want);
    }
    /* an "id" inside the parameters is not the id of the request */
    wants_error("{\"jsonrpc\":\"2.0\",\"params\":{\"id\":7},\"id\":8,\"method\":\"sotto_nodeHealth\"}", -32602, "8");
}

static void test_envelope(void **state)
{
    (void)state;
    static const struct { const char *text; int code; const char *id; } bad[] = {
        { "", -32700, "null" }, { "   ", -32700, "null" }, { "{", -32700, "null" }, { "}", -32700, "null" }, { "{\"a\":", -32700, "null" },
        { "nul", -32700, "null" }, { "{\"id\":1}x", -32700, "null" }, { "\"\\", -32700, "null" }, { "[1,]", -32700, "null" }, { "\xff", -32700, "null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xc0\x80\"}", -32700, "null" },
        { "{'jsonrpc':'2.0'}", -32700, "null" },
        { "1", -32600, "null" }, { "\"text\"", -32600, "null" }, { "null", -32600, "null" }, { "true", -32600, "null" }, { "[]", -32600, "null" },
        { "{}", -32600, "null" }, { "{\"id\":1}", -32600, "1" }, { "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"sotto_nodeStatus\"}", -32600, "1" },
        { "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"sotto_nodeStatus\"}", -32600, "1" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":1}", -32600, "1" },
        { "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"sotto_nodeStatus\"}", -32600, "null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"sotto_nodeStatus\"}", -32600, "null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"sotto_nodeStatus\"}", -32600, "null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_nodeStatus\",\"params\":\"x\"}", -32600, "1" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_nodeStatus\",\"params\":null}", -32600, "1" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_nodeStatus\",\"extra\":0}", -32600, "1" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"sotto_nodeStatus\"}", -32600, "null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_contactAdd\",\"params\":{\"link\":\"a\",\"l\\u0069nk\":\"b\"}}", -32600, "null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":123456789012345678901234567890,\"method\":\"sotto_nodeStatus\"}", -32600, "null" },
        { "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"sotto_nothing\"}", -32601, "5" },
        { "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"\"}", -32601, "5" },
        { "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"sotto_nodeStatus\\u0000\"}", -32601, "5" },
        { "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"rpc.discover2\"}", -32601, "5" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) wants_error(bad[i].text, bad[i].code, bad[i].id);
    assert_int_equal(seen.calls, 0);
}

static void test_params(void **state)
{
    (void)state;
    static const struct { const char *method, *params, *field; int code; } bad[] = {
        { "contactAdd", "{}", "link", -32602 }, { "contactAdd", "[]", "link", -32602 }, { "contactAdd", "{\"link\":1}", "link", -32602 },
        { "contactAdd", "{\"link\":null}", "link", -32602 }, { "contactAdd", "{\"link\":\"\"}", "link", -32602 },
        { "contactAdd", "{\"link\":\"a\\u0000b\"}", "link", -32602 }, { "contactAdd", "{\"link\":\"a\\u001bb\"}", "link", -32602 },
        { "contactAdd", "{\"link\":\"a\",\"alias\":null}", "alias", -32602 }, { "contactAdd", "{\"link\":\"a\",\"alias\":\" b\"}", "alias", -32602 },
        { "contactAdd", "{\"link\":\"a\",\"alias\":\"b\\nc\"}", "alias", -32602 }, { "contactAdd", "{\"link\":\"a\",\"alias\":\"b\\u0085c\"}", "alias", -32602 },
        { "contactAdd", "{\"link\":\"a\",\"colour\":1}", "colour", -32602 }, { "contactAdd", "[\"a\",\"b\",\"c\",\"d\"]", NULL, -32602 },
        { "contactAdd", "{\"link\":\"a\",\"requestKey\":\"short\"}", "requestKey", -32602 },
        { "contactAdd", "{\"link\":\"a\",\"requestKey\":\"0123456789abcde \"}", "requestKey", -32602 },
        { "contactAdd", "{\"link\":\"a\",\"requestKey\":0}", "requestKey", -32602 },
        { "contactList", "{\"requestKey\":\"0123456789abcdef\"}", "requestKey", -32602 },
        { "contactList", "{\"state\":\"friend\"}", "state", -32602 }, { "contactList", "{\"state\":0}", "state", -32602 },
        { "contactList", "{\"limit\":0}", "limit", -32602 }, { "contactList", "{\"limit\":201}", "limit", -32602 },
        { "contactList", "{\"limit\":-1}", "limit", -32602 }, { "contactList", "{\"limit\":5.0}", "limit", -32602 },
        { "contactList", "{\"limit\":\"5\"}", "limit", -32602 }, { "contactList", "{\"after\":\"a b\"}", "after", -32602 },
        { "contactSet", "{\"contact\":\"bob\",\"receipts\":1}", "receipts", -32602 }, { "contactSet", "{\"contact\":\"bob\",\"timerMs\":-5}", "timerMs", -32602 },
        { "eventList", "{\"waitMs\":30001}", "waitMs", -32602 }, { "eventList", "{\"kinds\":[]}", "kinds", -32602 },
        { "eventList", "{\"kinds\":\"message.new\"}", "kinds", -32602 }, { "eventList", "{\"kinds\":[\"message.old\"]}", "kinds", -32602 },
        { "eventList", "{\"kinds\":[1]}", "kinds", -32602 },
        { "accountShow", "{\"account\":\"0x12\"}", "account", -32602 }, { "accountShow", "{\"account\":\"bob\"}", "account", -32602 },
        { "accountShow", "{\"account\":\"0x52908400098527886e0f7030069857d2e4169EE7\"}", "account", -32602 },      /* EIP-55 of another */
        { "envelopeGet", "{\"hash\":\"0x00\"}", "hash", -32602 },
        { "envelopeGet", "{\"hash\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00\"}", "hash", -32602 },
        { "backupCreate", "{\"path\":\"relative/file\",\"passphrase\":\"x\"}", "path", -32602 },
        { "accountRestore", "{}", "phrase", -32602 }, { "accountRestore", "{\"phrase\":\"a\",\"backup\":\"/b\"}", "phrase", -32602 },
        { "accountPhrase", "{}", "passphrase", -32602 }, { "vaultWipe", "{\"level\":\"all\"}", "confirm", 1108 },
        { "vaultWipe", "{\"level\":\"all\",\"confirm\":\"wipe\"}", "confirm", 1108 }, { "vaultWipe", "{\"confirm\":\"WIPE\"}", "level", -32602 },
        { "vaultWipe", "{\"level\":\"all\",\"confirm\":true}", "confirm", 1108 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[512];
        snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_%s\",\"params\":%s}", bad[i].method, bad[i].params);
        wants_error(text, bad[i].code, "1");
        json_t *reply = json_loads(answer, 0, NULL);
        json_t *field = json_object_get(json_object_get(json_object_get(reply, "error"), "data"), "field");
        if (bad[i].field && (!field || strcmp(json_string_value(field), bad[i].field) != 0)) fail_msg("%s: field in %s", text, answer);
        json_decref(reply);
    }
    assert_int_equal(seen.calls, 0);
    assert_int_equal(seen.begins, 0);                     /* nothing is begun for what is not even well formed */
}

static void test_values(void **state)
{
    (void)state;
    ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_contactSet\",\"params\":{\"contact\":\"bob\",\"receipts\":false,\"timerMs\":0}}");
    assert_non_null(seen.set.receipts);
    assert_false(seen.receipts);
    assert_non_null(seen.set.timer_ms);
    assert_int_equal(seen.timer, 0);
    assert_null(seen.set.alias);
    assert_null(seen.set.muted);
    ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_contactSet\",\"params\":[\"bob\",null,true,null,false]}");
    assert_non_null(seen.set.receipts);
    assert_true(seen.receipts);
    assert_null(seen.set.timer_ms);
    assert_non_null(seen.set.muted);
    ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_eventList\",\"params\":{\"kinds\":[\"message.new\",\"contact.state\"]}}");
    assert_int_equal(seen.events.kinds, 1u << SOTTO_API_EVENT_MESSAGE_NEW | 1u << SOTTO_API_EVENT_CONTACT_STATE);
    assert_int_equal(seen.events.limit, 200);
    assert_int_equal(seen.events.wait_ms, 0);
    assert_null(seen.events.cursor);
    ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_accountLink\",\"params\":{\"account\":\"0x52908400098527886E0F7030069857D2E4169EE7\"}}");
    assert_int_equal(seen.link_params.format, SOTTO_ACCOUNT_LINK_FORMAT_TEXT);
    char text[43];
    sotto_id_text(text, &seen.id);
    assert_string_equal(text, "0x52908400098527886E0F7030069857D2E4169EE7");
    ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_accountLink\"}");
    assert_null(seen.link_params.account);
    /* 280 characters of two bytes fit, 281 do not */
    char note[600] = "", json[900];
    for (int i = 0; i < 280; i++) strcat(note, "\xc3\xa9");
    snprintf(json, sizeof json, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_contactAdd\",\"params\":{\"link\":\"a\",\"note\":\"%s\"}}", note);
    assert_non_null(strstr(ask(json), "result"));
    snprintf(json, sizeof json, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_contactAdd\",\"params\":{\"link\":\"a\",\"note\":\"%s.\"}}", note);
    wants_error(json, -32602, "1");
}

static void test_batch(void **state)
{
    (void)state;
    ask("[{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"sotto_nodeStatus\"}, 1, {\"jsonrpc\":\"2.0\",\"method\":\"sotto_nodeHealth\"},"
        " {\"jsonrpc\":\"2.0\",\"id\": 2.0 ,\"method\":\"sotto_eventNow\"}]");
    assert_non_null(strstr(answer, "INVALID_REQUEST"));
    json_t *list = json_loads(answer, 0, NULL);
    assert_int_equal(json_array_size(list), 3);
    assert_int_equal(seen.calls, 3);
    assert_non_null(strstr(answer, "\"id\":\"a\""));
    assert_non_null(strstr(answer, "\"id\":2.0,"));
    json_decref(list);
    /* notifications only: no reply, but done */
    assert_string_equal(ask("[{\"jsonrpc\":\"2.0\",\"method\":\"sotto_nodeHealth\"}]"), "");
    assert_int_equal(answers, 2);
    assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"method\":\"sotto_nodeHealth\"}"), "");
    assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"method\":\"sotto_nodeHealth\",\"params\":[1]}"), "");
    assert_string_equal(ask("{\"jsonrpc\":\"2.0\",\"method\":\"sotto_none\"}"), "");
    assert_int_equal(seen.calls, 5);
    assert_int_equal(answers, 5);
    /* 100 are taken, 101 are not */
    char *big = malloc(1 << 16);
    for (int n = 100; n <= 101; n++) {
        strcpy(big, "[");
        for (int i = 0; i < n; i++) sprintf(big + strlen(big), "%s{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"sotto_nodeHealth\"}", i ? "," : "", i);
        strcat(big, "]");
        int before = seen.calls;
        if (n == 101) {
            wants_error(big, -32600, "null");
            assert_int_equal(seen.calls, before);
        } else {
            list = json_loads(ask(big), 0, NULL);
            assert_int_equal(json_array_size(list), 100);
            assert_int_equal(seen.calls, before + 100);
            json_decref(list);
        }
    }
    free(big);
}

static void test_bounds(void **state)
{
    (void)state;
    char text[512], nest[128];
    for (int depth = 29; depth <= 31; depth++) {          /* and three levels around it: request, params, the list */
        memset(nest, '[', (size_t)depth);
        memset(nest + depth, ']', (size_t)depth);
        nest[2 * depth] = 0;
        snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_contactAdd\",\"params\":{\"link\":%s}}", nest);
        wants_error(text, depth + 2 <= 32 ? -32602 : -32600, depth + 2 <= 32 ? "1" : "null");
    }
    /* brackets inside a text are no depth */
    snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_contactAdd\",\"params\":{\"link\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"{{\"}}");
    assert_non_null(strstr(ask(text), "result"));
    /* a mebibyte of opening brackets costs nothing */
    size_t size = 1u << 20;
    char *deep = malloc(size + 1);
    memset(deep, '[', size);
    deep[size] = 0;
    wants_error(deep, -32600, "null");
    free(deep);
    size = SOTTO_RPC_BODY_MAX + 1;
    char *large = malloc(size + 1);
    memset(large, ' ', size);
    large[size] = 0;
    wants_error(large, -32600, "null");
    free(large);
    snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":\"%0300d\",\"method\":\"sotto_nodeHealth\"}", 0);
    assert_non_null(strstr(ask(text), "result"));
}

static void test_scopes(void **state)
{
    (void)state;
    struct sotto_rpc_peer reader = { &conn_b, SOTTO_SCOPE_R, false, false };
    assert_non_null(strstr(ask_as(&reader, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_contactList\"}"), "result"));
    assert_non_null(strstr(ask_as(&reader, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_contactAdd\",\"params\":[\"a\"]}"), "1102"));
    assert_non_null(strstr(ask_as(&reader, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_nodeStop\"}"), "1102"));
    reader.scopes = SOTTO_SCOPE_ALL & ~SOTTO_SCOPE_S;     /* what a token can have at most */
    assert_non_null(strstr(ask_as(&reader, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_accountPhrase\",\"params\":{\"passphrase\":\"\"}}"), "1102"));
    assert_int_equal(seen.calls, 1);
}

static void test_hooks(void **state)
{
    (void)state;
    static const char add[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_contactAdd\",\"params\":{\"link\":\"a\",\"requestKey\":\"0123456789abcdef\"}}";
    assert_non_null(strstr(ask(add), "did"));
    assert_string_equal(seen.key, "0123456789abcdef");
    uint8_t first[32];
    memcpy(first, seen.hash, 32);
    ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_contactAdd\",\"params\":[\"a\"]}");
    assert_memory_equal(first, seen.hash, 32);            /* by name or by position, with or without the key: the same wish */
    ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_contactAdd\",\"params\":[\"b\"]}");
    assert_memory_not_equal(first, seen.hash, 32);
    seen.replay = true;
    int calls = seen.calls, commits = seen.commits;
    assert_non_null(strstr(ask(add), "\"result\":\"first\""));
    assert_int_equal(seen.calls, calls);
    assert_int_equal(seen.commits, commits);
    assert_int_equal(seen.aborts, 0);
    seen.replay = false;
    seen.begin_code = SOTTO_CODE_REQUEST_KEY_REUSED;
    wants_error(add, 1007, "1");
    assert_int_equal(seen.calls, calls);
    assert_int_equal(seen.aborts, 0);
    seen.begin_code = 0;
    seen.commit_code = SOTTO_CODE_DISK_FULL;              /* what could not be made durable is not told as done */
    wants_error(add, 2101, "1");
    seen.commit_code = 0;
    assert_int_equal(seen.aborts, 0);
    seen.error = true;
    wants_error(add, 1002, "1");
    assert_int_equal(seen.aborts, 1);
    assert_non_null(strstr(answer, "There is no such contact: bob."));
}

/* Each answer is counted once, under its method; what never became a call under none. */
static void test_told(void **state)
{
    (void)state;
    static const struct { const char *request, *method; int code; } rows[] = {
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_contactAdd\",\"params\":[\"a\"]}", "sotto_contactAdd", 0 },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_contactAdd\",\"params\":[]}", "sotto_contactAdd", -32602 },
        { "{\"id\":1,\"method\":\"shh_hasKeyPair\",\"params\":[1]}", "shh_hasKeyPair", -32602 },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_none\"}", NULL, -32601 },
        { "{\"id\":1,\"method\":\"shh_none\"}", NULL, -32601 },
        { "{\"jsonrpc\":\"2.0\",\"id\":1}", NULL, -32600 },
        { "[]", NULL, -32600 },
        { "{", NULL, -32700 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned before = heard.count;
        ask(rows[i].request);
        assert_int_equal(heard.count, before + 1);
        assert_int_equal(heard.code, rows[i].code);
        assert_int_equal(heard.method == SOTTO_RPC_METHODS, rows[i].method == NULL);
        assert_int_equal(heard.us, rows[i].method ? 1000 : 0);
        if (rows[i].method) assert_string_equal(sotto_rpc_method_name(heard.method), rows[i].method);
    }
    unsigned before = heard.count;
    ask("[{\"jsonrpc\":\"2.0\",\"method\":\"sotto_contactAdd\",\"params\":[\"a\"]},{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_contactAdd\",\"params\":[\"b\"]},1]");
    assert_int_equal(heard.count, before + 3);            /* a notification has an answer too, though nobody hears it */
}

/* The hash that is stored beside a requestKey says nothing of a passphrase. */
static void test_hash_hides_secrets(void **state)
{
    (void)state;
    uint8_t first[32];
    ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_accountCreate\",\"params\":{\"name\":\"Alice\",\"passphrase\":\"one\"}}");
    memcpy(first, seen.hash, 32);
    ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_accountCreate\",\"params\":{\"name\":\"Alice\",\"passphrase\":\"two\"}}");
    assert_memory_equal(first, seen.hash, 32);
    ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_accountCreate\",\"params\":{\"name\":\"Bob\",\"passphrase\":\"two\"}}");
    assert_memory_not_equal(first, seen.hash, 32);
}

static void test_later(void **state)
{
    (void)state;
    seen.later = true;
    ask("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_nodeStatus\"},{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"sotto_eventList\"}]");
    assert_int_equal(answers, 0);
    assert_int_equal(sotto_rpc_pending(rpc), 2);
    sotto_call_result(seen.kept[1], json_string("second"));
    assert_int_equal(answers, 0);
    sotto_call_result(seen.kept[0], json_string("first"));
    assert_int_equal(answers, 1);
    assert_string_equal(answer, "[{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"second\"},{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"first\"}]");
    assert_int_equal(sotto_rpc_pending(rpc), 0);
}

/* A connection goes away in the middle: whoever waits lets go, a change runs on untold, others are not touched. */
static void test_closed(void **state)
{
    (void)state;
    struct sotto_rpc_peer bob = { &conn_b, SOTTO_SCOPE_ALL, true, false };
    seen.later = true;
    ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_eventList\",\"params\":{\"waitMs\":30000}}");
    ask("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"sotto_contactAdd\",\"params\":[\"a\"]}");
    ask("{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"sotto_contactBlock\",\"params\":[\"a\"]}");
    ask_as(&bob, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"sotto_eventList\"}");
    sotto_call_on_cancel(seen.kept[0], cancelled, &seen);
    sotto_call_on_cancel(seen.kept[2], cancelled, &seen);
    sotto_rpc_conn_closed(rpc, &conn_a);
    assert_int_equal(seen.cancels, 2);
    assert_int_equal(seen.aborts, 1);                     /* the block was cancelled and undone */
    assert_int_equal(sotto_rpc_pending(rpc), 2);
    assert_null(sotto_call_conn(seen.kept[1]));
    sotto_call_result(seen.kept[1], json_true());         /* the change itself is kept */
    assert_int_equal(seen.commits, 1);
    assert_int_equal(answers, 0);
    sotto_call_result(seen.kept[3], json_true());
    assert_int_equal(answers, 1);
    assert_int_equal(sotto_rpc_pending(rpc), 0);
    /* free with calls open */
    ask("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"sotto_contactAdd\",\"params\":[\"a\"]}");
    ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_eventList\"}");
    assert_int_equal(sotto_rpc_pending(rpc), 2);
}

static void test_too_many(void **state)
{
    (void)state;
    seen.later = true;
    for (unsigned i = 0; i < SOTTO_RPC_CONN_CALLS_MAX; i++) ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_eventList\"}");
    assert_int_equal(answers, 0);
    wants_error("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"sotto_nodeStatus\"}", 1003, "9");
    struct sotto_rpc_peer bob = { &conn_b, SOTTO_SCOPE_ALL, true, false };
    seen.later = false;
    assert_non_null(strstr(ask_as(&bob, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_nodeStatus\"}"), "result"));
}

static void test_notification(void **state)
{
    (void)state;
    struct sotto_buf out = sotto_buf_make(1024);
    assert_int_equal(sotto_rpc_notification(&out, "sotto_event", json_pack("{s:s, s:{s:i}}", "subscription", "s1", "result", "seq", 4)), SOTTO_OK);
    static const char want[] = "{\"jsonrpc\":\"2.0\",\"method\":\"sotto_event\",\"params\":{\"subscription\":\"s1\",\"result\":{\"seq\":4}}}";
    assert_int_equal(out.size, sizeof want - 1);
    assert_memory_equal(out.data, want, sizeof want - 1);
    sotto_buf_free(&out);
    sotto_rpc_refuse(on_reply, NULL, SOTTO_CODE_PARSE, NULL);
    assert_non_null(strstr(answer, "\"id\":null"));
    assert_non_null(strstr(answer, "-32700"));
}

static void check_fill(const char *text, const char *const *values, const char *want)
{
    char *got = sotto_error_fill(text, values);
    assert_string_equal(got, want);
    free(got);
}
static void test_texts(void **state)
{
    (void)state;
    const char *const ab[] = { "a", "1", "bb", "{a}[x]", NULL };
    check_fill("", ab, "");
    check_fill("x {a} y {bb}.", ab, "x 1 y {a}[x].");         /* what is filled in is not read again */
    check_fill("x {c}.", ab, "x ?.");
    check_fill("[{c}|{a}|z][ {c}] [{c}|z]", ab, "1 z");
    check_fill("open [a", ab, "open [a");
    check_fill("{\"k\":{}} {A} {", ab, "{\"k\":{}} {A} {");
    check_fill("x {a}", NULL, "x ?");
    json_t *e = sotto_rpc_error_object(1003, (const char *const[]){ "retryMs", "2500", "job", "j7", NULL });
    assert_int_equal(json_integer_value(json_object_get(json_object_get(e, "data"), "retryMs")), 2500);
    assert_string_equal(json_string_value(json_object_get(json_object_get(e, "data"), "job")), "j7");
    json_decref(e);
    e = sotto_rpc_error_object(4711, NULL);
    assert_int_equal(json_integer_value(json_object_get(e, "code")), 1000);
    json_decref(e);
    assert_null(sotto_code_name(4711));
    assert_null(sotto_api_missing(&fake_api));
    struct sotto_api part = fake_api;
    part.chat_clear = NULL;
    assert_string_equal(sotto_api_missing(&part), "chat clear");
}

/* Whatever the bytes, one reply or none, and nothing left open. */
static void test_noise(void **state)
{
    (void)state;
    static const char base[] = "[{\"jsonrpc\":\"2.0\",\"id\":\"a\\\"b\",\"method\":\"sotto_contactAdd\",\"params\":{\"link\":\"sotto:0x\",\"note\":\"n\"}},"
                               "{\"jsonrpc\":\"2.0\",\"id\":17,\"method\":\"sotto_eventList\",\"params\":[null,[\"message.new\"],5]}]";
    uint64_t x = test_seed();
    char text[sizeof base];
    for (int round = 0; round < 20000; round++) {
        memcpy(text, base, sizeof base);
        size_t size = sizeof base - 1;
        for (int k = 0; k < 1 + round % 5; k++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            size_t at = (size_t)(x >> 33) % size;
            static const char odd[] = "{}[]\",:\\ 019nulltruefalse\x01\xff";
            text[at] = odd[(x >> 20) % (sizeof odd - 1)];
            if ((x >> 50) % 8 == 0) size = at + 1;
        }
        int before = answers;
        sotto_rpc_request(rpc, &alice, sotto_span(text, size), on_reply, NULL);
        assert_int_equal(answers, before + 1);
        assert_int_equal(sotto_rpc_pending(rpc), 0);
        if (answer[0]) {
            json_t *reply = json_loads(answer, 0, NULL);
            if (!reply) fail_msg("not JSON: %s", answer);
            json_decref(reply);
        }
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_good), T(test_id), T(test_envelope), T(test_params), T(test_values), T(test_batch), T(test_bounds), T(test_scopes), T(test_hooks), T(test_told),
        T(test_hash_hides_secrets), T(test_later), T(test_closed), T(test_too_many), T(test_notification), T(test_texts), T(test_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
