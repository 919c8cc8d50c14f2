/* JSON-RPC 2.0 over the method table (experience.md 2.1): text in, a call of one handler, text out. No sockets: whoever owns
 * a door hands complete JSON texts in and gets complete JSON texts back.
 *
 *     text -> size, depth, id cut out -> jansson -> envelope -> scope -> strict decoder -> begin hook -> handler
 *                              ... later ... sotto_call_result or sotto_call_error -> commit hook -> reply
 *
 * Handlers (struct sotto_api in the generated api.h) may answer at once or later, exactly once, by sotto_call_result or
 * sotto_call_error; the call object is gone after that. Parameters live until then. Everything of a call, secret
 * parameters included, is wiped when it ends: this library sets jansson's free function to one that wipes.
 *
 * Write before you speak: for methods that change something the commit hook runs before a byte of the reply leaves.
 *
 * Threads: one owner. Limits are fixed at creation. Codes and texts of errors come from api/errors.json. */
#ifndef SOTTO_RPC_RPC_H
#define SOTTO_RPC_RPC_H

#include "api.h"
#include "base/bytes.h"

#include <jansson.h>

/* Scopes, one bit for each permission letter (experience.md 2.1). S is given to doors where a person stands (unix socket,
 * browser login), never to a token: such methods carry the passphrase themselves. */
enum sotto_scope {
    SOTTO_SCOPE_R = 1u << 0, SOTTO_SCOPE_C = 1u << 1, SOTTO_SCOPE_W = 1u << 2, SOTTO_SCOPE_A = 1u << 3, SOTTO_SCOPE_X = 1u << 4,
    SOTTO_SCOPE_S = 1u << 5
};
#define SOTTO_SCOPE_ALL 0x3fu

#define SOTTO_RPC_BODY_MAX (5u << 20)         /* bytes of one request text, experience.md 2.1 */
#define SOTTO_RPC_BATCH_MAX 100u
#define SOTTO_RPC_DEPTH_MAX 32u
#define SOTTO_RPC_CALLS_MAX 1024u             /* unanswered calls of all connections: at most 30 s of long polls and unlocks */
#define SOTTO_RPC_CONN_CALLS_MAX 128u         /* of one connection: one full batch and a few polls */

struct sotto_rpc_limits {                     /* 0 = the value above */
    size_t body_max;
    unsigned batch_max, depth_max, calls_max, conn_calls_max;
};

struct sotto_rpc;
struct sotto_call;                            /* one call, from its begin to its answer */

/* All may be NULL. begin, commit and abort run only for methods with the write flag. */
struct sotto_rpc_hooks {
    void *ctx;
    /* Before the handler. 0: go on. 1: *stored (given to us) is the result of the same requestKey: it is answered, neither the handler
     * nor commit nor abort run. Any other value is the code of the error that is answered instead (1007, 2101, ...); no abort. */
    int (*begin)(void *ctx, struct sotto_call *call, json_t **stored);
    /* The handler answered result (borrowed): make everything durable, then return 0. Another value: nothing was changed, and
     * this code is answered instead. */
    int (*commit)(void *ctx, struct sotto_call *call, json_t *result);
    /* The handler answered with an error, or the connection went and the handler's cancel function ran: undo. */
    void (*abort)(void *ctx, struct sotto_call *call);
    /* For those who count, of every method: microseconds of a clock that never goes back, and what was answered, 0 or the code of the
     * error; method = its index below, or SOTTO_RPC_METHODS when what came never became a call (us is 0 then). */
    uint64_t (*clock_us)(void *ctx);
    void (*told)(void *ctx, unsigned method, int code, uint64_t us);
};

/* api and hooks are copied. A NULL handler answers -32601; sotto_api_missing(api) names the first one, for a test. */
SOTTO_MUST_USE enum sotto_err sotto_rpc_new(struct sotto_rpc **out, const struct sotto_api *api, const struct sotto_rpc_hooks *hooks,
                                            const struct sotto_rpc_limits *limits);
/* Pending calls end without a reply (cancel functions run). */
void sotto_rpc_free(struct sotto_rpc *rpc);

/* Who asks. conn: any address that names the connection for sotto_rpc_conn_closed, not NULL; several requests of one
 * connection may be under way. */
struct sotto_rpc_peer {
    void *conn;
    unsigned scopes;                          /* enum sotto_scope */
    bool can_subscribe;                       /* unix socket, WebSocket */
    bool no_paths;                            /* parameters of type path are refused: whoever asks need not be the user of this machine's files */
};
/* Called exactly once for each request, unless the connection is closed first: json = the reply without a line end, borrowed;
 * size 0 = nothing to send (notifications only). May be called before sotto_rpc_request returns. The text that came in and the copy that
 * is sent may hold secrets too: they are the door's, which wipes them. */
typedef void sotto_rpc_reply_fn(void *ctx, struct sotto_span json);
void sotto_rpc_request(struct sotto_rpc *rpc, const struct sotto_rpc_peer *peer, struct sotto_span json, sotto_rpc_reply_fn *reply, void *reply_ctx);
/* The door could not even read the text (a line over the limit, not HTTP's fault): writes that error reply. */
void sotto_rpc_refuse(sotto_rpc_reply_fn *reply, void *reply_ctx, int code, const char *why);
/* Forgets every reply of this connection. Its pending calls get their cancel function; a call without one runs on and its
 * result is made durable but not told. */
void sotto_rpc_conn_closed(struct sotto_rpc *rpc, void *conn);
unsigned sotto_rpc_pending(const struct sotto_rpc *rpc);

/* The text of a notification, e.g. method "sotto_event", params {"subscription", "result"} (params stolen). The door sends it.
 * Appends to out. */
SOTTO_MUST_USE enum sotto_err sotto_rpc_notification(struct sotto_buf *out, const char *method, json_t *params);

/* For handlers. Both end the call. result is stolen; NULL (out of memory) answers 1000. */
void sotto_call_result(struct sotto_call *call, json_t *result);
/* The same with a text that is JSON already (numbers in a form of their own, megabytes of hex); freed. Only for methods without the write
 * flag. */
void sotto_call_result_text(struct sotto_call *call, struct sotto_buf *json);
/* Then pairs of const char * "key", "value", ended by a NULL key: they fill {key} of the texts in api/errors.json. The keys
 * "field", "state", "job", "oldest" and "retryMs" (a decimal number) also become members of data. */
void sotto_call_error(struct sotto_call *call, int code, ...) __attribute__((sentinel));
/* Runs once if the connection closes (or rpc is freed) before the answer: the handler must let go of the call; it is freed right after fn. */
void sotto_call_on_cancel(struct sotto_call *call, void (*fn)(void *ctx, struct sotto_call *call), void *ctx);

enum sotto_method sotto_call_method(const struct sotto_call *call);
const char *sotto_call_method_name(const struct sotto_call *call);        /* "contact add", "shh_post" */
void *sotto_call_conn(const struct sotto_call *call);                     /* NULL once it was closed */
unsigned sotto_call_scopes(const struct sotto_call *call);
bool sotto_call_can_subscribe(const struct sotto_call *call);
const char *sotto_call_request_key(const struct sotto_call *call);        /* NULL = none */
/* SHA-256 over the method's name and its parameters by name, as compact JSON with sorted keys, without requestKey and with the values
 * of secrets left out (so that what is stored helps nobody to guess them). The texts of messages are in it: store it sealed. */
void sotto_call_params_hash(const struct sotto_call *call, uint8_t out[32]);

/* All methods under one count, ours and then those of other namespaces: "sotto_contactAdd", "shh_post". */
#define SOTTO_RPC_METHODS ((unsigned)SOTTO_METHOD_COUNT + (unsigned)SOTTO_FOREIGN_COUNT)
const char *sotto_rpc_method_name(unsigned method);

/* An error object {code, message, data} as sotto_call_error makes it: for Job.error. values = key, value, ..., NULL. */
json_t *sotto_rpc_error_object(int code, const char *const *values);

#endif
