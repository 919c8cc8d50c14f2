/* The insides of one call and of the request it came in. Not for others. */
#ifndef SOTTO_RPC_CALL_H
#define SOTTO_RPC_CALL_H

#include "rpc/decode.h"
#include "rpc/foreign.h"
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
    uint64_t begun_us;
    bool can_subscribe, no_paths;
    bool silent;                          /* a notification: no reply */
    bool begun;                           /* the begin hook said yes: commit or abort must follow */
    enum sotto_method method;
    const struct sotto_foreign_spec *foreign;     /* not a method of ours: method says nothing */
    struct sotto_foreign_arg args[SOTTO_FOREIGN_PARAMS_MAX];
    struct sotto_buf held[SOTTO_FOREIGN_PARAMS_MAX];          /* the bytes of args; wiped */
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
/* The same with a text that is JSON already: the value of that member. */
void sotto_request_answer_text(struct sotto_request *request, struct sotto_span id, const char *member, struct sotto_span body);
/* Tells the hook that counts; call NULL: what came never became one. */
void sotto_rpc_count(struct sotto_rpc *rpc, const struct sotto_call *call, int code);
/* Ends the call with an error object, which is stolen. */
void sotto_call_fail(struct sotto_call *call, json_t *error);
/* foreign.c: an error object with somebody else's words; the parameters of a foreign call into its args. false: the call was answered. */
json_t *sotto_foreign_error(int code, const char *text, const char *name);
bool sotto_foreign_params(struct sotto_call *call, const struct sotto_foreign_spec *spec, const json_t *params);
/* One call less; the last one sends what there is and frees the request. */
void sotto_request_release(struct sotto_request *request);
/* Unlinks and frees, wiping; the request is released by the caller. */
void sotto_call_free(struct sotto_call *call);

#endif
