/* The judge of the HTTP doors and the table of tokens: who passes, who does not, and with which answer. */
#include "rpc/gate.h"

#include "base/text.h"
#include "rpc/rpc.h"
#include "support/test.h"

#define NOW 1700000000000u
#define assert_ok(expr) assert_int_equal(expr, SOTTO_OK)

static struct sotto_gate gate;
static struct sotto_tokens tokens;
static char cookie[SOTTO_TOKEN_SECRET + 1], whisper[SOTTO_TOKEN_SECRET + 1], reader[SOTTO_TOKEN_SECRET + 1], field[128];

static void random_of(uint8_t out[32], uint8_t n)
{
    for (unsigned i = 0; i < 32; i++) out[i] = (uint8_t)(n + i);
}

static int setup(void **state)
{
    const struct sotto_token *made;
    uint8_t random[32];
    (void)state;
    gate = (struct sotto_gate){ .port = 7377, .hosts = { "node.example", "front.example:443" }, .host_count = 2 };
    tokens = (struct sotto_tokens){ 0 };
    random_of(random, 1);
    sotto_tokens_set_cookie(&tokens, cookie, random, NOW);
    random_of(random, 2);
    assert_ok(sotto_tokens_add(&tokens, &made, whisper, random, "web3", SOTTO_SCOPE_X, 0, NOW));
    random_of(random, 3);
    assert_ok(sotto_tokens_add(&tokens, &made, reader, random, "graphs", SOTTO_SCOPE_R | SOTTO_SCOPE_C, NOW + 1000, NOW));
    return 0;
}

static struct sotto_span text(const char *t) { return t ? sotto_span_str(t) : sotto_span(NULL, 0); }
static const char *bearer(const char *secret)
{
    snprintf(field, sizeof field, "Bearer %s", secret);
    return field;
}

static struct sotto_gate_verdict judge(const char *method, const char *path, const char *host, const char *origin, const char *token, const char *type, bool upgrade)
{
    struct sotto_http_head head = { .upgrade = upgrade, .method = method, .path = text(path), .host = text(host), .origin = text(origin), .authorization = text(token),
                                    .content_type = text(type) };
    struct sotto_gate_verdict v;
    sotto_gate_judge(&v, &gate, &tokens, &head, NOW);
    return v;
}
#define HOST "127.0.0.1:7377"
#define JSON "application/json"
static void expect(struct sotto_gate_verdict v, unsigned status, int code)
{
    assert_int_equal(v.way, SOTTO_GATE_REFUSED);
    assert_int_equal(v.status, status);
    assert_int_equal(v.code, code);
}

static void test_hosts(void **state)
{
    (void)state;
    static const char *const ours[] = { "127.0.0.1:7377", "[::1]:7377", "localhost:7377", "LocalHost:7377", "node.example:7377", "NODE.example:7377", "front.example:443" };
    static const char *const foreign[] = { "127.0.0.1", "localhost", "127.0.0.1:80", "127.0.0.1:73770", "127.0.0.1:7377 ", " 127.0.0.1:7377", "127.0.0.1:07377", "::1:7377",
                                           "localhost.:7377", "evil.example:7377", "127.0.0.1:7377@evil", "evil@127.0.0.1:7377", "127.1:7377", "2130706433:7377",
                                           "localhost:7377,localhost:7377", "node.example", "front.example", "front.example:7377", "anode.example:7377", "", "[::ffff:127.0.0.1]:7377" };
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        char origin[80];
        assert_true(sotto_gate_host_ours(&gate, text(ours[i])));
        snprintf(origin, sizeof origin, "http://%s", ours[i]);
        assert_true(sotto_gate_origin_ours(&gate, text(origin)));
        snprintf(origin, sizeof origin, "https://%s", ours[i]);
        assert_false(sotto_gate_origin_ours(&gate, text(origin)));
        snprintf(origin, sizeof origin, "http://%s/", ours[i]);
        assert_false(sotto_gate_origin_ours(&gate, text(origin)));
    }
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        assert_false(sotto_gate_host_ours(&gate, text(foreign[i])));
        expect(judge("POST", "/rpc", foreign[i], NULL, bearer(cookie), JSON, false), 403, SOTTO_CODE_HOST_REFUSED);
    }
    assert_false(sotto_gate_host_ours(&gate, text(NULL)));
    assert_false(sotto_gate_origin_ours(&gate, text("null")));
    assert_false(sotto_gate_origin_ours(&gate, text("http://")));
    gate.port = 80;                               /* browsers leave that one out */
    assert_true(sotto_gate_host_ours(&gate, text("localhost")) && sotto_gate_host_ours(&gate, text("localhost:80")) && sotto_gate_host_ours(&gate, text("node.example")));
    assert_false(sotto_gate_host_ours(&gate, text("front.example")));
}

static void test_routes(void **state)
{
    (void)state;
    struct sotto_gate_verdict v = judge("POST", "/rpc", HOST, NULL, bearer(cookie), JSON, false);
    assert_true(v.way == SOTTO_GATE_CALL && v.token == 0 && v.scopes == (SOTTO_SCOPE_ALL & ~(unsigned)SOTTO_SCOPE_S));
    assert_int_equal(judge("POST", "/", HOST, "http://" HOST, bearer(cookie), "application/json-rpc; x", false).way, SOTTO_GATE_CALL);
    assert_int_equal(judge("GET", "/ws", HOST, NULL, bearer(reader), NULL, true).way, SOTTO_GATE_WEBSOCKET);
    assert_int_equal(judge("GET", "/healthz", HOST, NULL, bearer(reader), NULL, false).way, SOTTO_GATE_HEALTH);
    assert_int_equal(judge("GET", "/metrics", HOST, NULL, bearer(reader), NULL, false).way, SOTTO_GATE_METRICS);
    assert_int_equal(judge("GET", "/openrpc.json", HOST, NULL, NULL, NULL, false).way, SOTTO_GATE_OPENRPC);
    expect(judge("GET", "/metrics", HOST, NULL, bearer(whisper), NULL, false), 403, SOTTO_CODE_SCOPE);
    expect(judge("POST", "/rpc", HOST, "http://evil.example", bearer(cookie), JSON, false), 403, SOTTO_CODE_ORIGIN_REFUSED);
    expect(judge("GET", "/ws", HOST, "null", bearer(cookie), NULL, true), 403, SOTTO_CODE_ORIGIN_REFUSED);
    expect(judge("OPTIONS", "/rpc", HOST, NULL, bearer(cookie), JSON, false), 403, SOTTO_CODE_ORIGIN_REFUSED);
    expect(judge("GET", "/ws", HOST, NULL, bearer(cookie), NULL, false), 426, 0);
    expect(judge("POST", "/rpc", HOST, NULL, bearer(cookie), JSON, true), 400, 0);
    expect(judge("POST", "/rpc", HOST, NULL, bearer(cookie), "text/plain", false), 415, 0);
    expect(judge("POST", "/rpc", HOST, NULL, bearer(cookie), "application/jsonx", false), 415, 0);
    expect(judge("POST", "/rpc", HOST, NULL, bearer(cookie), NULL, false), 415, 0);
    v = judge("PUT", "/rpc", HOST, NULL, NULL, JSON, false);
    expect(v, 405, 0);
    assert_string_equal(v.allow, "POST");
    static const char *const nowhere[] = { "", "/rp", "/rpc/", "//", "/WS", "/k", "/k/", "/k/a", "/k/a/b", "/k/a/b/", "/auth/cookie", "rpc" };
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) expect(judge("POST", nowhere[i], HOST, NULL, bearer(cookie), JSON, false), 404, 0);
    expect(judge("POST", "/k//", HOST, NULL, bearer(cookie), JSON, false), 401, SOTTO_CODE_NO_TOKEN);
    /* over the unix socket the kernel has said who it is */
    struct sotto_http_head head = { .local = true, .method = "POST", .path = text("/rpc"), .host = text("anything"), .origin = text("http://evil.example"), .content_type = text(JSON) };
    sotto_gate_judge(&v, &gate, &tokens, &head, NOW);
    assert_true(v.way == SOTTO_GATE_CALL && v.scopes == SOTTO_SCOPE_ALL);
    head.content_type = text("text/plain");
    sotto_gate_judge(&v, &gate, &tokens, &head, NOW);
    expect(v, 415, 0);
}

static void test_tokens_in_heads(void **state)
{
    (void)state;
    char path[128], other[SOTTO_TOKEN_SECRET + 1];
    snprintf(path, sizeof path, "/k/%s/", whisper);
    struct sotto_gate_verdict v = judge("POST", path, HOST, NULL, NULL, JSON, false);
    assert_true(v.way == SOTTO_GATE_CALL && v.scopes == SOTTO_SCOPE_X && v.token == 1);
    assert_int_equal(judge("GET", path, HOST, NULL, NULL, NULL, true).way, SOTTO_GATE_WEBSOCKET);
    expect(judge("POST", path, "evil.example", NULL, NULL, JSON, false), 403, SOTTO_CODE_HOST_REFUSED);
    /* more than whisper's scope may not stand in an address */
    snprintf(path, sizeof path, "/k/%s/", cookie);
    expect(judge("POST", path, HOST, NULL, NULL, JSON, false), 403, SOTTO_CODE_SCOPE);
    snprintf(path, sizeof path, "/k/%s/", reader);
    expect(judge("POST", path, HOST, NULL, NULL, JSON, false), 403, SOTTO_CODE_SCOPE);
    static const char *const none[] = { NULL, "", "Bearer", "Bearer ", "Bearer    ", "Basic abc" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) expect(judge("POST", "/rpc", HOST, NULL, none[i], JSON, false), 401, SOTTO_CODE_NO_TOKEN);
    assert_int_equal(tokens.misses, 0);           /* who shows nothing guesses nothing */
    for (unsigned i = 0; i < 9; i++) {
        memcpy(other, cookie, sizeof other);
        other[7 * i] = other[7 * i] == '0' ? '1' : '0';
        expect(judge("POST", "/rpc", HOST, NULL, bearer(other), JSON, false), i < 5 ? 401 : 429, i < 5 ? SOTTO_CODE_NO_TOKEN : SOTTO_CODE_BUSY);
        assert_int_equal(judge("POST", "/rpc", HOST, NULL, bearer(cookie), JSON, false).way, SOTTO_GATE_CALL);      /* the owner is not shut out */
    }
}

static enum sotto_token_found find(const char *secret, uint64_t now)
{
    struct sotto_token t;
    return sotto_tokens_find(&tokens, &t, text(secret), now);
}

static void test_token_table(void **state)
{
    (void)state;
    const struct sotto_token *made;
    struct sotto_token found;
    char secret[SOTTO_TOKEN_SECRET + 1];
    uint8_t random[32];
    random_of(random, 9);
    assert_int_equal(sotto_tokens_find(&tokens, &found, text(reader), NOW + 999), SOTTO_TOKEN_RIGHT);
    assert_true(found.number == 2 && found.used_ms == NOW + 999 && strcmp(found.name, "graphs") == 0 && tokens.used);
    assert_int_equal(find(reader, NOW + 1000), SOTTO_TOKEN_WRONG);       /* its end has come */
    assert_null(sotto_tokens_number(&tokens, 2, NOW + 1000));
    assert_non_null(sotto_tokens_number(&tokens, 2, NOW));
    assert_string_equal(sotto_tokens_number(&tokens, 0, NOW)->name, "cookie");
    assert_int_equal(sotto_tokens_add(&tokens, &made, secret, random, "web3", SOTTO_SCOPE_R, 0, NOW), SOTTO_ERR_EXISTS);
    assert_int_equal(sotto_tokens_add(&tokens, &made, secret, random, "cookie", SOTTO_SCOPE_R, 0, NOW), SOTTO_ERR_EXISTS);
    assert_int_equal(sotto_tokens_add(&tokens, &made, secret, random, "", SOTTO_SCOPE_R, 0, NOW), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_tokens_add(&tokens, &made, secret, random, "a", 0, 0, NOW), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_tokens_add(&tokens, &made, secret, random, "a", SOTTO_SCOPE_R | SOTTO_SCOPE_S, 0, NOW), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_tokens_add(&tokens, &made, secret, random, "a", SOTTO_SCOPE_R, NOW, NOW), SOTTO_ERR_RANGE);
    assert_ok(sotto_tokens_remove(&tokens, 1));
    assert_int_equal(sotto_tokens_remove(&tokens, 1), SOTTO_ERR_MISSING);
    assert_int_equal(sotto_tokens_remove(&tokens, 0), SOTTO_ERR_MISSING);
    assert_int_equal(find(whisper, NOW + 1500), SOTTO_TOKEN_WRONG);
    assert_ok(sotto_tokens_add(&tokens, &made, secret, random, "web3", SOTTO_SCOPE_X, 0, NOW));
    assert_int_equal(made->number, 3);            /* numbers do not come again */
    /* a minute after the first miss there are five more */
    for (unsigned i = 2; i < 5; i++) assert_int_equal(find("x", NOW + 2000), SOTTO_TOKEN_WRONG);
    assert_int_equal(find("x", NOW + 59999), SOTTO_TOKEN_LATER);
    assert_int_equal(find("x", NOW + 61000), SOTTO_TOKEN_WRONG);
    while (tokens.count < SOTTO_TOKENS_MAX) {
        char name[16];
        snprintf(name, sizeof name, "n%u", tokens.count);
        random_of(random, (uint8_t)(20 + tokens.count));
        assert_ok(sotto_tokens_add(&tokens, &made, secret, random, name, SOTTO_SCOPE_A, 0, NOW));
    }
    assert_int_equal(sotto_tokens_add(&tokens, &made, secret, random, "one more", SOTTO_SCOPE_A, 0, NOW), SOTTO_ERR_FULL);
    assert_int_equal(find(secret, NOW), SOTTO_TOKEN_RIGHT);
}

static void test_token_rows(void **state)
{
    (void)state;
    struct sotto_buf rows = sotto_buf_make(SOTTO_TOKEN_ROWS_MAX), again = sotto_buf_make(SOTTO_TOKEN_ROWS_MAX);
    static struct sotto_tokens other;
    other = (struct sotto_tokens){ 0 };
    assert_ok(sotto_tokens_encode(&rows, &tokens));
    assert_ok(sotto_tokens_decode(&other, sotto_buf_span(&rows)));
    assert_ok(sotto_tokens_encode(&again, &other));
    assert_true(sotto_span_equal(sotto_buf_span(&rows), sotto_buf_span(&again)));
    assert_true(other.count == 2 && other.last_number == 2 && !other.has_cookie);
    struct sotto_token found;
    assert_int_equal(sotto_tokens_find(&other, &found, text(whisper), NOW), SOTTO_TOKEN_RIGHT);
    assert_int_equal(sotto_tokens_find(&other, &found, text(cookie), NOW), SOTTO_TOKEN_WRONG);
    /* neither a secret nor half of one is in what is stored */
    uint8_t raw[32];
    assert_ok(sotto_unhex(raw, 32, text(whisper)));
    for (size_t i = 0; i + 16 <= rows.size; i++) assert_true(memcmp(rows.data + i, raw, 16) != 0 && memcmp(rows.data + i, whisper, 16) != 0);
    for (size_t cut = 0; cut < rows.size; cut++) assert_int_equal(sotto_tokens_decode(&other, sotto_span(rows.data, cut)), SOTTO_ERR_FORMAT);
    assert_ok(sotto_buf_add_u8(&rows, 0));
    assert_int_equal(sotto_tokens_decode(&other, sotto_buf_span(&rows)), SOTTO_ERR_FORMAT);
    assert_int_equal(other.count, 2);
    sotto_buf_free(&rows);
    sotto_buf_free(&again);
}

static void test_scopes(void **state)
{
    (void)state;
    char out[8];
    unsigned scopes = 99;
    for (unsigned all = 1; all < 32; all++) {
        sotto_scopes_text(out, all);
        assert_true(sotto_scopes_parse(&scopes, out) && scopes == all);
    }
    static const char *const bad[] = { "", "s", "rr", "r c", "R", "-", "rcwaxs" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(sotto_scopes_parse(&scopes, bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_hosts, setup), cmocka_unit_test_setup(test_routes, setup), cmocka_unit_test_setup(test_tokens_in_heads, setup),
        cmocka_unit_test_setup(test_token_table, setup), cmocka_unit_test_setup(test_token_rows, setup), cmocka_unit_test_setup(test_scopes, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
