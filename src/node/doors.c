/* Who comes in, and what becomes of it: the unix socket and HTTP on TCP (experience.md 2.5). io/door.h moves the bytes, rpc/gate.h judges,
 * rpc/token.h knows the tokens; here they meet the node. */
#include "node/impl.h"

#include "openrpc_table.h"

#include <stdio.h>
#include <stdlib.h>

#define MINUTE_MS 60000u
#define SHOWN_MAX 100u                    /* characters of a foreign Host or Origin that are repeated to who sent it */

/* ---- requests and their answers ---- */

/* Kept in a list: the answer of a closed connection never comes, so its end frees them. */
struct reply { struct reply *next, **back; struct sotto_node *node; uint64_t conn; };
static void reply_free(struct reply *r)
{
    *r->back = r->next;
    if (r->next) r->next->back = r->back;
    free(r);
}

static void on_reply(void *ctx, struct sotto_span json)
{
    struct reply *r = ctx;
    if (r->node->door) (void)!sotto_door_reply(r->node->door, r->conn, json);      /* a client that is gone needs no answer */
    reply_free(r);
}

/* The scopes of who asks, now: a token may have been revoked since its WebSocket was opened. */
static bool scopes_of(unsigned *out, struct sotto_node *n, const struct sotto_door_request *request)
{
    *out = SOTTO_SCOPE_ALL;
    if (!request->tcp) return true;
    const struct sotto_token *token = sotto_tokens_number(&n->tokens, request->who, sotto_io_now().wall_ms);
    if (token) *out = token->scopes;
    return token != NULL;
}

static void on_request(void *ctx, const struct sotto_door_request *request)
{
    struct sotto_node *n = ctx;
    struct reply *r = malloc(sizeof *r);
    struct sotto_rpc_peer peer = { .conn = (void *)(uintptr_t)request->conn, .can_subscribe = !request->http, .no_paths = request->tcp };
    if (!r) {
        static const char busy[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":1003,\"message\":\"The node has too much to do at this moment.\"}}";
        (void)!sotto_door_reply(n->door, request->conn, sotto_span_str(busy));
        return;
    }
    sotto_batch_close(n);                                 /* nobody is shown what is not durable */
    *r = (struct reply){ .next = n->replies, .back = (struct reply **)&n->replies, .node = n, .conn = request->conn };
    if (r->next) r->next->back = &r->next;
    n->replies = r;
    if (scopes_of(&peer.scopes, n, request)) sotto_rpc_request(n->rpc, &peer, request->json, on_reply, r);
    else sotto_rpc_refuse(on_reply, r, SOTTO_CODE_NO_TOKEN, NULL);
}

static void on_closed(void *ctx, uint64_t conn)
{
    struct sotto_node *n = ctx;
    sotto_rpc_conn_closed(n->rpc, (void *)(uintptr_t)conn);
    sotto_events_closed(n, conn);
    sotto_desk_closed(n, conn);
    for (struct reply *r = n->replies, *next; r; r = next) {
        next = r->next;
        if (r->conn == conn) reply_free(r);
    }
}

/* ---- the judge, and what it lets through ---- */

static bool health(struct sotto_node *n, struct sotto_buf *body)
{
    sotto_batch_close(n);
    json_t *status = sotto_status_json(n);
    bool ok = !n->stopping && sotto_net_clock_off(n->net) == 0;
    json_t *o = json_pack("{s:b,s:O}", "ok", ok, "parts", json_object_get(status, "parts"));
    char *text = json_dumps(o, JSON_COMPACT);
    if (text) (void)!sotto_buf_add(body, text, strlen(text));
    free(text);
    json_decref(o);
    json_decref(status);
    return ok;
}

/* What a stranger wrote, made fit to be shown: cut, and nothing but visible ASCII. */
static void show(char out[SHOWN_MAX + 1], struct sotto_span text)
{
    size_t size = text.size < SHOWN_MAX ? text.size : SHOWN_MAX;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = text.data[i];
        out[i] = c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' ? (char)c : '?';
    }
    out[size] = 0;
}

static void refusal_body(struct sotto_node *n, struct sotto_buf *body, const struct sotto_gate_verdict *v, const struct sotto_http_head *head)
{
    char host[SHOWN_MAX + 1], origin[SHOWN_MAX + 1], path[SHOWN_MAX + 1], scopes[8], address[80], door[64];
    show(host, head->host);
    show(origin, head->origin);
    show(path, v->code == SOTTO_CODE_SCOPE && head->path.size < 24 ? head->path : sotto_span(NULL, 0));      /* a longer one may hold a token */
    sotto_scopes_text(scopes, v->scopes);
    sotto_addr_text(door, &n->http);
    snprintf(address, sizeof address, "http://%s", door);
    const char *const values[] = { "address", address, "host", host[0] ? host : NULL, "origin", origin[0] ? origin : NULL, "name", v->token_name, "scopes", scopes,
                                   "verb", path[0] ? path : NULL, "scope", v->code == SOTTO_CODE_SCOPE ? "r" : NULL,
                                   "retryMs", v->code == SOTTO_CODE_BUSY ? "60000" : NULL, NULL };
    /* a pair without a value is left out: it may not end the list */
    const char *given[sizeof values / sizeof values[0]] = { 0 };
    for (size_t i = 0, k = 0; values[i]; i += 2)
        if (values[i + 1]) given[k++] = values[i], given[k++] = values[i + 1];
    json_t *error = sotto_rpc_error_object(v->code, given);
    if (error && v->code == SOTTO_CODE_HOST_REFUSED) json_object_set_new(error, "message", json_string("invalid host specified"));
    json_t *whole = error ? json_pack("{s:s, s:n, s:o}", "jsonrpc", "2.0", "id", "error", error) : NULL;
    char *text = whole ? json_dumps(whole, JSON_COMPACT) : NULL;
    if (text) (void)!sotto_buf_add_span(body, sotto_span_str(text));
    free(text);
    json_decref(whole);
}

static void refused(struct sotto_node *n, struct sotto_door_verdict *out, const struct sotto_gate_verdict *v, const struct sotto_http_head *head)
{
    out->way = SOTTO_DOOR_REFUSE;
    out->status = v->status;
    if (v->code) {
        refusal_body(n, &out->body, v, head);
        sotto_doors_refused(n, v->code);
    } else {
        out->type = "text/plain";
        const char *text = v->status == 405 ? "method not allowed" : v->status == 415 ? "invalid content type, only application/json is supported" : "";
        (void)!sotto_buf_add_span(&out->body, sotto_span_str(text));
    }
    if (v->status == 401) out->more = "WWW-Authenticate: Bearer\r\n";
    if (v->status == 405) out->more = strcmp(v->allow, "POST") == 0 ? "Allow: POST\r\n" : "Allow: GET\r\n";
    if (v->status == 426) out->more = "Upgrade: websocket\r\n";
    if (v->status == 429) out->more = "Retry-After: 60\r\n";
}

static void on_judge(void *ctx, struct sotto_door_verdict *out, const struct sotto_http_head *head)
{
    struct sotto_node *n = ctx;
    struct sotto_gate_verdict v;
    sotto_gate_judge(&v, &n->gate, &n->tokens, head, sotto_io_now().wall_ms);
    switch (v.way) {
    case SOTTO_GATE_REFUSED:
        refused(n, out, &v, head);
        return;
    case SOTTO_GATE_CALL:
    case SOTTO_GATE_WEBSOCKET:
        out->way = v.way == SOTTO_GATE_CALL ? SOTTO_DOOR_CALL : SOTTO_DOOR_WEBSOCKET;
        if (!head->local) out->who = v.token;
        return;
    case SOTTO_GATE_HEALTH:
        out->way = SOTTO_DOOR_ANSWER;
        out->status = health(n, &out->body) ? 200 : 503;
        return;
    case SOTTO_GATE_METRICS:
        out->way = SOTTO_DOOR_ANSWER;
        out->status = 200;
        out->type = "text/plain; version=0.0.4";
        sotto_metrics_text(&out->body, n);
        return;
    case SOTTO_GATE_OPENRPC:
        out->way = SOTTO_DOOR_ANSWER;
        out->status = sotto_buf_add(&out->body, sotto_openrpc, sotto_openrpc_size) == SOTTO_OK ? 200 : 503;
        return;
    }
}

static const struct { int code; const char *reason; } reasons[SOTTO_DOOR_REASONS] = {
    { SOTTO_CODE_NO_TOKEN, "token" }, { SOTTO_CODE_SCOPE, "scope" }, { SOTTO_CODE_HOST_REFUSED, "host" }, { SOTTO_CODE_ORIGIN_REFUSED, "origin" },
    { SOTTO_CODE_BUSY, "misses" },
};
const char *sotto_doors_reason(unsigned index) { return reasons[index].reason; }

/* One line a minute for each reason: who knocks all day must not fill the log. Never what he said. */
void sotto_doors_refused(struct sotto_node *n, int code)
{
    uint64_t now = sotto_io_now().wall_ms;
    for (unsigned i = 0; i < SOTTO_DOOR_REASONS; i++) {
        if (reasons[i].code != code) continue;
        n->door_refused[i]++;
        if (n->door_refused[i] > 1 && now - n->door_told_ms[i] < MINUTE_MS) continue;
        n->door_told_ms[i] = now;
        sotto_log_line(n->log, SOTTO_LOG_WARN, "door", "refused", "reason=%s", reasons[i].reason);
    }
}

/* ---- opening ---- */

static int open_socket(struct sotto_node *n, char problem[1024])
{
    static const char too_long[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"The line is longer than 5 MiB.\"}}";
    enum sotto_err err = sotto_config_socket(n->socket_path, n->config);
    if (err != SOTTO_OK) {
        snprintf(problem, 1024, "The path of the socket is longer than 107 bytes. Set data.socket to a shorter one. (2105 CONFIG)");
        return 10;
    }
    struct sotto_door_config config = {
        .loop = n->loop, .log = n->log, .path = n->socket_path, .conns_max = (unsigned)sotto_config_number(n->config, SOTTO_KEY_LIMITS_DOOR_CONNS),
        .http_conns_max = (unsigned)sotto_config_number(n->config, SOTTO_KEY_LIMITS_HTTP_CONNS),
        .too_long = sotto_span_str(too_long), .ctx = n, .request = on_request, .judge = on_judge, .closed = on_closed,
    };
    err = sotto_door_open(&n->door, &config);
    if (err == SOTTO_OK) return 0;
    if (err == SOTTO_ERR_IN_USE) snprintf(problem, 1024, "Another program answers at %s. Stop that one, or set data.socket. (2103 IN_USE)", n->socket_path);
    else if (err == SOTTO_ERR_MODE) snprintf(problem, 1024, "The folder of %s can be entered by others: chmod 700. (2104 MODE)", n->socket_path);
    else snprintf(problem, 1024, "The socket %s cannot be made (%s).", n->socket_path, sotto_err_name(err));
    return 10;
}

/* A new secret for this run, readable by this user only. */
static enum sotto_err new_cookie(struct sotto_node *n)
{
    char dir[SOTTO_PATH_MAX], path[SOTTO_PATH_MAX], secret[SOTTO_TOKEN_SECRET + 1];
    uint8_t random[32];
    SOTTO_TRY(sotto_path_join(dir, n->data_dir, "auth"));
    SOTTO_TRY(sotto_path_join(path, dir, "cookie"));
    SOTTO_TRY(sotto_dir_make(dir));
    sotto_rng_fill(&n->rng.rng, random, sizeof random);
    sotto_tokens_set_cookie(&n->tokens, secret, random, sotto_io_now().wall_ms);
    enum sotto_err err = sotto_file_replace(path, sotto_span(secret, SOTTO_TOKEN_SECRET));
    SOTTO_WIPE(random);
    SOTTO_WIPE(secret);
    return err;
}

static int open_http(struct sotto_node *n, char problem[1024])
{
    const char *listen = sotto_config_text(n->config, SOTTO_KEY_HTTP_LISTEN);
    uint16_t port = (uint16_t)sotto_config_number(n->config, SOTTO_KEY_HTTP_PORT);
    struct sotto_addr addr;
    if (!listen[0]) return 0;
    if (sotto_io_addr(&addr, listen, port) != SOTTO_OK) {
        snprintf(problem, 1024, "http.listen: %s is no address. Write 127.0.0.1 or ::1. (2105 CONFIG)", listen);
        return 10;
    }
    if (!sotto_addr_loopback(&addr)) {
        snprintf(problem, 1024, "The node will not listen on %s: no certificate is set, so tokens could be read. Listen on this machine only, and reach it by "
                 "ssh -L. (2006 UNSAFE_LISTEN)", listen);
        return 1;
    }
    enum sotto_err err = new_cookie(n);
    if (err != SOTTO_OK) {
        snprintf(problem, 1024, "%.600s/auth/cookie cannot be written (%s).", n->data_dir, sotto_err_name(err));
        return 10;
    }
    err = sotto_door_listen(n->door, &n->http, &addr);
    if (err == SOTTO_ERR_IN_USE) snprintf(problem, 1024, "Port %u is used by another program. Stop that, or set http.port. (2003 PORT_USED)", port);
    else if (err != SOTTO_OK) snprintf(problem, 1024, "The HTTP door cannot listen on %s (%s). Set http.listen.", listen, sotto_err_name(err));
    n->gate.port = n->http.port;
    return err == SOTTO_OK ? 0 : 1;
}

void sotto_doors_configured(struct sotto_node *n)
{
    n->gate.host_count = 0;
    for (unsigned i = 0; i < sotto_config_list_size(n->config, SOTTO_KEY_HTTP_HOSTS) && i < SOTTO_GATE_HOSTS_MAX; i++)
        n->gate.hosts[n->gate.host_count++] = sotto_config_list(n->config, SOTTO_KEY_HTTP_HOSTS, i);
}

int sotto_doors_start(struct sotto_node *n, char problem[1024])
{
    enum sotto_err err = sotto_tokens_load(n);
    if (err != SOTTO_OK) {
        snprintf(problem, 1024, "The tokens in messages.db cannot be read (%s). (2102 STORE_DAMAGED)", sotto_err_name(err));
        return 10;
    }
    int code = open_socket(n, problem);
    return code ? code : open_http(n, problem);
}

void sotto_doors_free(struct sotto_node *n)
{
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): reply_free takes the first reply out of the list, through its back
    while (n->replies) reply_free(n->replies);
    SOTTO_WIPE(n->tokens);
}
