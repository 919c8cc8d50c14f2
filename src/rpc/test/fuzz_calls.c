/* The dispatcher as a sequence: requests and batches of several connections, answers now, later or never, connections that close, a
 * begin hook that knows the answer already, a commit that fails. Every request is answered once, or its connection is gone; every begun
 * change is committed or undone once; no more calls wait than the limits allow. */
#include "rpc/test/fake_api.h"

#include "rpc/rpc.h"
#include "support/fuzz_input.h"

#include <stdio.h>
#include <stdlib.h>

enum { CONNS = 4, WAITING_MAX = 12, PER_CONN = 5, STEPS_MAX = 100 };

struct waiting { struct sotto_call *call; bool write; };
static struct waiting waiting[WAITING_MAX + 4];
static struct request { int conn; bool open, answered; } requests[STEPS_MAX + 1];
static unsigned waiting_count, begun, request_count;
static uint8_t mood;
static char conns[CONNS];

static void gone(void *ctx, struct sotto_call *call)
{
    (void)ctx;
    for (unsigned i = 0; i < waiting_count; i++) {
        if (waiting[i].call != call) continue;
        waiting[i] = waiting[--waiting_count];
        return;
    }
    SOTTO_ASSERT(!"a call is cancelled that nobody holds");
}

static void finish(struct sotto_call *call, uint8_t how)
{
    if (how & 1) sotto_call_result(call, how & 2 ? json_pack("{s:i}", "n", how) : json_true());
    else sotto_call_error(call, how & 2 ? SOTTO_CODE_WRONG_STATE : 1002, "thing", "it", "state", "odd", "value", "x", NULL);
}

static void fake_called(void *ctx, struct sotto_call *call, enum sotto_method m, const void *params)
{
    (void)ctx;
    (void)m;
    (void)params;
    if (mood & 128) {
        SOTTO_ASSERT(waiting_count < WAITING_MAX);
        waiting[waiting_count++] = (struct waiting){ call, false };
        if (mood & 64) sotto_call_on_cancel(call, gone, NULL);
        waiting[waiting_count - 1].write = mood & 64;
    } else {
        finish(call, mood);
    }
}

static int begin(void *ctx, struct sotto_call *call, json_t **stored)
{
    (void)ctx;
    (void)call;
    if (mood % 16 == 3) {
        *stored = json_string("as before");
        return 1;
    }
    if (mood % 16 == 5) return 2101;
    begun++;
    return 0;
}
static int commit(void *ctx, struct sotto_call *call, json_t *result)
{
    (void)ctx;
    (void)call;
    SOTTO_ASSERT(begun > 0 && result);
    begun--;
    return mood % 8 == 7 ? 2101 : 0;
}
static void undo(void *ctx, struct sotto_call *call)
{
    (void)ctx;
    (void)call;
    SOTTO_ASSERT(begun > 0);
    begun--;
}

static void on_reply(void *ctx, struct sotto_span json)
{
    struct request *r = ctx;
    SOTTO_ASSERT(r->open && !r->answered);            /* once, and not to who is gone */
    r->answered = true;
    if (json.size == 0) return;
    json_t *reply = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, NULL);
    SOTTO_ASSERT(reply && memchr(json.data, '\n', json.size) == NULL);
    json_decref(reply);
}

static void fake_foreign(void *ctx, struct sotto_call *call, enum sotto_foreign m, const struct sotto_foreign_arg *args)
{
    (void)m;
    fake_called(ctx, call, SOTTO_METHOD_COUNT, args);
}

static const char *one_of(uint8_t n)
{
    static const char *const texts[] = {
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sotto_nodeStatus\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"sotto_chatList\",\"params\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"sotto_contactDecline\",\"params\":[\"0x52908400098527886E0F7030069857D2E4169EE7\"]}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"sotto_nodeHealth\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"sotto_accountUse\",\"params\":{\"account\":\"x\",\"requestKey\":\"0123456789abcdef\"}}",
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"sotto_eventNow\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"sotto_none\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1e3,\"method\":\"sotto_jobList\",\"params\":{\"limit\":5}}",
        "{\"id\":true,\"method\":\"shh_version\",\"params\":null}",
        "{\"id\":3,\"method\":\"shh_subscribe\",\"params\":[\"messages\",{\"symKeyID\":\"\",\"topics\":[\"0x01020304\"]}]}",
        "{\"id\":3,\"method\":\"shh_addSymKey\",\"params\":[\"0x010\"]}",
        "[]", "7", "{", "{\"id\":9}",
    };
    return texts[n % (sizeof texts / sizeof *texts)];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sotto_rpc_limits limits = { .body_max = 4096, .batch_max = 8, .depth_max = 8, .calls_max = WAITING_MAX, .conn_calls_max = PER_CONN };
    const struct sotto_rpc_hooks hooks = { .begin = begin, .commit = commit, .abort = undo };
    struct fuzz_in in = fuzz_in(data, size);
    struct sotto_rpc *rpc;
    waiting_count = begun = request_count = 0;
    SOTTO_ASSERT(sotto_rpc_new(&rpc, &fake_api, &hooks, &limits) == SOTTO_OK);
    for (unsigned i = 0; i < STEPS_MAX && fuzz_left(&in); i++) {
        uint8_t op = fuzz_u8(&in), which = fuzz_u8(&in);
        int conn = op >> 4 & 3;
        char text[2048];
        size_t used = 0;
        mood = fuzz_u8(&in);
        switch (op % 6) {
        case 0: case 1: case 2: {
            struct request *r = &requests[request_count++];
            const struct sotto_rpc_peer peer = { &conns[conn], op & 64 ? SOTTO_SCOPE_ALL : SOTTO_SCOPE_R, op & 128, false };
            *r = (struct request){ conn, true, false };
            if (op % 6 == 2) {
                used += (size_t)snprintf(text, sizeof text, "[");
                for (unsigned k = 0; k <= which % 9u; k++) used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", k ? "," : "", one_of(fuzz_u8(&in)));
                used += (size_t)snprintf(text + used, sizeof text - used, "]");
            } else {
                used = (size_t)snprintf(text, sizeof text, "%s", one_of(which));
            }
            sotto_rpc_request(rpc, &peer, sotto_span(text, used), on_reply, r);
            break;
        }
        case 3: case 4: {
            if (waiting_count == 0) break;
            struct sotto_call *call = waiting[which % waiting_count].call;
            waiting[which % waiting_count] = waiting[waiting_count - 1];
            waiting_count--;
            finish(call, mood);
            break;
        }
        default:
            sotto_rpc_conn_closed(rpc, &conns[conn]);
            for (unsigned k = 0; k < request_count; k++)
                if (requests[k].conn == conn) requests[k].open = false;
        }
        unsigned of[CONNS] = { 0 };
        SOTTO_ASSERT(sotto_rpc_pending(rpc) == waiting_count && waiting_count <= WAITING_MAX && begun <= waiting_count);
        for (unsigned k = 0; k < waiting_count; k++)
            for (int c = 0; c < CONNS; c++) of[c] += sotto_call_conn(waiting[k].call) == &conns[c];
        for (int c = 0; c < CONNS; c++) SOTTO_ASSERT(of[c] <= PER_CONN);
        if (waiting_count == 0)
            for (unsigned k = 0; k < request_count; k++) SOTTO_ASSERT(requests[k].answered || !requests[k].open);
    }
    for (unsigned k = 0; k < request_count; k++) requests[k].open = false;
    sotto_rpc_free(rpc);
    SOTTO_ASSERT(begun == 0);
    return 0;
}
