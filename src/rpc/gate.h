/* The judge at the HTTP doors (experience.md 2.5): one request head in, one verdict out, before a byte of the body is read. Pure: no
 * socket, no clock, no text of errors; the owner of the door turns a code into words.
 *
 *     Host     must be 127.0.0.1, [::1], localhost or a name of http.hosts, with our port: a page that had its own name resolved to this
 *              machine (DNS rebinding) is stopped here                                                                     403, 1103
 *     Origin   when present, http:// and such a Host: no other page may ask                                                403, 1104
 *     OPTIONS  no preflight is ever answered, no CORS field ever sent                                                      403, 1104
 *     path     /  /rpc  /k/TOKEN/  POST;  /ws  /k/TOKEN/  upgrade;  /healthz  /metrics  /openrpc.json  GET                 404, 405, 426
 *     token    Authorization: Bearer, or in the path (whisper scope alone, experience.md 2.5); none for /openrpc.json    401, 1101
 *              too many wrong ones                                                                                         429, 1003
 *              not the scope that is needed                                                                                403, 1102
 *     type     of a POST: JSON, in one of the three names that geth takes, none of which a form can send                   415
 *
 * in this order. Over the unix socket the kernel has said who it is: Host, Origin and token are not looked at. */
#ifndef SOTTO_RPC_GATE_H
#define SOTTO_RPC_GATE_H

#include "base/http.h"
#include "rpc/token.h"

#define SOTTO_GATE_HOSTS_MAX 16u

struct sotto_gate {
    uint16_t port;                              /* of the TCP door */
    const char *hosts[SOTTO_GATE_HOSTS_MAX];    /* http.hosts: "name" (with our port) or "name:port"; borrowed */
    unsigned host_count;
};

enum sotto_gate_way {
    SOTTO_GATE_REFUSED,                         /* status, code */
    SOTTO_GATE_CALL,                            /* a body with JSON-RPC follows */
    SOTTO_GATE_WEBSOCKET,
    SOTTO_GATE_HEALTH, SOTTO_GATE_METRICS, SOTTO_GATE_OPENRPC
};
struct sotto_gate_verdict {
    enum sotto_gate_way way;
    unsigned status;                            /* of a refusal */
    const char *allow;                          /* the method that would have fitted, of a 405 */
    int code;                                   /* public error code (api/errors.json), 0 = none */
    unsigned scopes;                            /* of who passed */
    uint64_t token;                             /* the number of the token; meaningless over the unix socket and for /openrpc.json */
    char token_name[SOTTO_TOKEN_NAME_MAX + 1];  /* of who passed, or had the wrong scope; else empty */
};
/* tokens is changed: last use and misses. */
void sotto_gate_judge(struct sotto_gate_verdict *out, const struct sotto_gate *gate, struct sotto_tokens *tokens, const struct sotto_http_head *head,
                      uint64_t now_ms);
/* One Host field against the names of the door; letters of either case. */
bool sotto_gate_host_ours(const struct sotto_gate *gate, struct sotto_span host);
bool sotto_gate_origin_ours(const struct sotto_gate *gate, struct sotto_span origin);

#endif
