/* The insides of one call and of the request it came in. Not for others. */
#ifndef SOTTO_RPC_CALL_H
#define SOTTO_RPC_CALL_H

#include "rpc/decode.h"
#include "rpc/rpc.h"

/* One text that came in: one call, or a batch. It lives until every call in it is answered and, while requests are still being
 * dispatched, a little longer (held). */
struct sotto_request {
    sotto_rpc_reply_fn *reply;            /* NULL once the connection is closed */
    void *reply_ctx;
    bool batch;
    unsigned open;                        /* calls not answered yet, and 1 while dispatching */
    struct sotto_buf text;                /* the replies so far */
    bool lost;                            /* out of memory while answering */
};

struct sotto_call {
    struct sotto_call *next, *prev;       /* in the rpc's list of open calls */
    struct sotto_rpc *rpc;
    struct sotto_request *request;
    void *conn;
    unsigned scopes;
    bool can_subscribe;
    bool silent;                          /* a notification: no reply */
    bool begun;                           /* the begin hook said yes: commit or abort must follow */
    enum sotto_method method;
    struct sotto_span id;                 /* raw text, owned */
    json_t *source;                       /* the request: keeps the texts alive that params point to */
    json_t *by_name;
    const char *request_key;
    void (*cancel)(void *ctx, struct sotto_call *call);
    void *cancel_ctx;
    union sotto_params params;            /* holds pointers into itself: never copied */
};

struct sotto_rpc {
    struct sotto_api api;
    struct sotto_rpc_hooks hooks;
    struct sotto_rpc_limits limits;
    struct sotto_call *calls;
    unsigned call_count;
};

/* Adds one reply to the request; result or error is stolen, the other NULL. */
void sotto_request_answer(struct sotto_request *request, struct sotto_span id, json_t *result, json_t *error);
/* One call less; the last one sends what there is and frees the request. */
void sotto_request_release(struct sotto_request *request);
/* Unlinks and frees, wiping; the request is released by the caller. */
void sotto_call_free(struct sotto_call *call);

#endif
