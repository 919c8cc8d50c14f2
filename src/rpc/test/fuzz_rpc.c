/* Any bytes as a request text: one reply or none, always JSON, nothing left open, nothing begun without an end. */
#include "rpc/test/fake_api.h"
#include "rpc/foreign.h"
#include "support/fuzz.h"

static int open_begins, replies;

static void fake_called(void *ctx, struct sotto_call *call, enum sotto_method m, const void *params)
{
    (void)ctx;
    (void)params;
    uint8_t hash[32];
    sotto_call_params_hash(call, hash);
    if ((int)m % 2)
        sotto_call_result(call, json_true());
    else
        sotto_call_error(call, SOTTO_CODE_WRONG_STATE, "thing", "it", "state", "odd", NULL);
}
static void fake_foreign(void *ctx, struct sotto_call *call, enum sotto_foreign m, const struct sotto_foreign_arg *args)
{
    (void)ctx;
    (void)args;
    if ((int)m % 2) sotto_call_result(call, json_true());
    else sotto_call_foreign_error(call, SOTTO_FOREIGN_CODE, "odd", "ODD");
}
static int begin(void *ctx, struct sotto_call *call, json_t **stored)
{
    (void)ctx;
    (void)call;
    (void)stored;
    open_begins++;
    return 0;
}
static int commit(void *ctx, struct sotto_call *call, json_t *result)
{
    (void)ctx;
    (void)call;
    (void)result;
    open_begins--;
    return 0;
}
static void undo(void *ctx, struct sotto_call *call)
{
    (void)ctx;
    (void)call;
    open_begins--;
}
static void on_reply(void *ctx, struct sotto_span json)
{
    (void)ctx;
    replies++;
    if (json.size == 0) return;
    json_t *reply = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, NULL);
    SOTTO_ASSERT(reply != NULL);
    json_decref(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int conn;
    struct sotto_rpc *rpc;
    const struct sotto_rpc_hooks hooks = { .begin = begin, .commit = commit, .abort = undo };
    const struct sotto_rpc_peer peer = { &conn, SOTTO_SCOPE_ALL, true, false };
    if (sotto_rpc_new(&rpc, &fake_api, &hooks, NULL) != SOTTO_OK) return 0;
    open_begins = replies = 0;
    sotto_rpc_request(rpc, &peer, sotto_span(data, size), on_reply, NULL);
    SOTTO_ASSERT(replies == 1 && open_begins == 0 && sotto_rpc_pending(rpc) == 0);
    sotto_rpc_free(rpc);
    return 0;
}
