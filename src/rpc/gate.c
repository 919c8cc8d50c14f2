#include "rpc/gate.h"

#include "rpc/rpc.h"

#include <stdio.h>
#include <strings.h>

#define TOKEN_PATH "/k/"

static bool same(struct sotto_span s, const char *text) { return sotto_span_equal(s, sotto_span_str(text)); }

static bool same_host(struct sotto_span s, const char *text, size_t size)
{
    return s.size == size && strncasecmp((const char *)s.data, text, size) == 0;
}

/* name, or name:port when its own port is not in it. */
static bool is_named(struct sotto_span host, const char *name, uint16_t port)
{
    char whole[300];
    const char *bracket = strrchr(name, ']'), *colon = strrchr(bracket ? bracket : name, ':');
    int size = snprintf(whole, sizeof whole, colon ? "%s" : "%s:%u", name, port);
    if (size <= 0 || (size_t)size >= sizeof whole) return false;
    if (same_host(host, whole, (size_t)size)) return true;
    return !colon && port == 80 && same_host(host, name, strlen(name));  /* browsers leave out the port of the scheme */
}

bool sotto_gate_host_ours(const struct sotto_gate *gate, struct sotto_span host)
{
    static const char *const always[] = { "127.0.0.1", "[::1]", "localhost" };
    if (!host.data || host.size == 0) return false;
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        if (is_named(host, always[i], gate->port)) return true;
    for (unsigned i = 0; i < gate->host_count; i++)
        if (is_named(host, gate->hosts[i], gate->port)) return true;
    return false;
}

bool sotto_gate_origin_ours(const struct sotto_gate *gate, struct sotto_span origin)
{
    static const char scheme[] = "http://";
    size_t size = sizeof scheme - 1;
    if (origin.size <= size || strncasecmp((const char *)origin.data, scheme, size) != 0) return false;
    return sotto_gate_host_ours(gate, sotto_span_cut(origin, size, origin.size - size));
}

static void refuse(struct sotto_gate_verdict *out, unsigned status, int code)
{
    out->way = SOTTO_GATE_REFUSED;
    out->status = status;
    out->code = code;
}

struct route { enum sotto_gate_way way; const char *method; unsigned need; bool open; };

/* What lies at the path; false: nothing does. secret gets the token of a path that has one. */
static bool route_of(struct route *route, struct sotto_span *secret, const struct sotto_http_head *head)
{
    struct sotto_span path = head->path;
    size_t prefix = sizeof TOKEN_PATH - 1;
    *secret = sotto_span(NULL, 0);
    if (path.size >= prefix && memcmp(path.data, TOKEN_PATH, prefix) == 0) {
        size_t end = prefix;
        while (end < path.size && path.data[end] != '/') end++;
        if (head->local || end == path.size || end + 1 != path.size) return false;
        *secret = sotto_span_cut(path, prefix, end - prefix);
        *route = head->upgrade ? (struct route){ SOTTO_GATE_WEBSOCKET, "GET", 0, false } : (struct route){ SOTTO_GATE_CALL, "POST", 0, false };
        return true;
    }
    if (same(path, "/") || same(path, "/rpc")) *route = (struct route){ SOTTO_GATE_CALL, "POST", 0, false };
    else if (same(path, "/ws")) *route = (struct route){ SOTTO_GATE_WEBSOCKET, "GET", 0, false };
    else if (same(path, "/healthz")) *route = (struct route){ SOTTO_GATE_HEALTH, "GET", SOTTO_SCOPE_R, false };
    else if (same(path, "/metrics")) *route = (struct route){ SOTTO_GATE_METRICS, "GET", SOTTO_SCOPE_R, false };
    else if (same(path, "/openrpc.json")) *route = (struct route){ SOTTO_GATE_OPENRPC, "GET", 0, true };
    else return false;
    return true;
}

static struct sotto_span bearer(struct sotto_span field)
{
    static const char scheme[] = "bearer ";
    size_t size = sizeof scheme - 1;
    if (field.size <= size || strncasecmp((const char *)field.data, scheme, size) != 0) return sotto_span(NULL, 0);
    while (size < field.size && field.data[size] == ' ') size++;
    return sotto_span_cut(field, size, field.size - size);
}

static bool is_json(struct sotto_span type)
{
    static const char *const names[] = { "application/json", "application/json-rpc", "application/jsonrequest" };
    size_t size = 0;
    while (size < type.size && type.data[size] != ';' && type.data[size] != ' ' && type.data[size] != '\t') size++;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (same_host(sotto_span(type.data, size), names[i], strlen(names[i]))) return true;
    return false;
}

/* true: passed, with scopes and token filled. */
static bool token_passes(struct sotto_gate_verdict *out, struct sotto_tokens *tokens, const struct sotto_http_head *head, struct sotto_span in_path,
                         unsigned need, uint64_t now_ms)
{
    struct sotto_token token;
    struct sotto_span secret = in_path.data ? in_path : bearer(head->authorization);
    if (secret.size == 0) {
        refuse(out, 401, SOTTO_CODE_NO_TOKEN);
        return false;
    }
    enum sotto_token_found found = sotto_tokens_find(tokens, &token, secret, now_ms);
    if (found != SOTTO_TOKEN_RIGHT) {
        refuse(out, found == SOTTO_TOKEN_LATER ? 429 : 401, found == SOTTO_TOKEN_LATER ? SOTTO_CODE_BUSY : SOTTO_CODE_NO_TOKEN);
        return false;
    }
    memcpy(out->token_name, token.name, sizeof out->token_name);
    out->scopes = token.scopes;
    out->token = token.number;
    if ((in_path.data && token.scopes != SOTTO_SCOPE_X) || (token.scopes & need) != need) {
        refuse(out, 403, SOTTO_CODE_SCOPE);      /* an address is seen, logged and sent on: only the least of tokens may stand in one */
        return false;
    }
    return true;
}

void sotto_gate_judge(struct sotto_gate_verdict *out, const struct sotto_gate *gate, struct sotto_tokens *tokens, const struct sotto_http_head *head,
                      uint64_t now_ms)
{
    struct route route;
    struct sotto_span in_path;
    *out = (struct sotto_gate_verdict){ 0 };
    if (!head->local && !sotto_gate_host_ours(gate, head->host)) refuse(out, 403, SOTTO_CODE_HOST_REFUSED);
    else if (!head->local && head->origin.data && !sotto_gate_origin_ours(gate, head->origin)) refuse(out, 403, SOTTO_CODE_ORIGIN_REFUSED);
    else if (!head->local && strcmp(head->method, "OPTIONS") == 0) refuse(out, 403, SOTTO_CODE_ORIGIN_REFUSED);
    else if (!route_of(&route, &in_path, head)) refuse(out, 404, 0);
    else if (strcmp(head->method, route.method) != 0) refuse(out, 405, 0), out->allow = route.method;
    else if (route.way == SOTTO_GATE_WEBSOCKET && !head->upgrade) refuse(out, 426, 0);
    else if (route.way != SOTTO_GATE_WEBSOCKET && head->upgrade) refuse(out, 400, 0);
    else if (head->local) out->scopes = SOTTO_SCOPE_ALL;
    else if (!route.open && !token_passes(out, tokens, head, in_path, route.need, now_ms)) return;
    if (out->status) return;
    if (route.way == SOTTO_GATE_CALL && !is_json(head->content_type)) refuse(out, 415, 0);
    else out->way = route.way;
}
