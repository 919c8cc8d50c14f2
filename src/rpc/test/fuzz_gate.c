/* Any request head at the HTTP door, and any bytes as the stored table of tokens. Nobody without a token passes to anything but the document
 * of methods; a foreign Host or Origin passes nowhere; what decodes encodes to the same bytes.
 *
 *     byte 0   bit 0: the rest is a stored table · bit 1: over the unix socket · bit 2: upgrade · bits 3 to 5: the method
 *     then     path, Host, Origin, Authorization, Content-Type, each with its size in a byte; size 255 = not there */
#include "rpc/gate.h"
#include "rpc/rpc.h"
#include "support/fuzz_input.h"

static struct sotto_span optional(struct fuzz_in *in)
{
    uint8_t size = fuzz_u8(in);
    if (size == 255 || fuzz_left(in) < size) return sotto_span(NULL, 0);
    struct sotto_span out = sotto_span(in->at, size);
    in->at += size;
    return out;
}

static void rows(struct sotto_span text)
{
    static struct sotto_tokens t;
    struct sotto_buf again = sotto_buf_make(SOTTO_TOKEN_ROWS_MAX);
    t = (struct sotto_tokens){ 0 };
    if (fuzz_err(sotto_tokens_decode(&t, text)) != SOTTO_OK) {
        SOTTO_ASSERT(t.count == 0);
        return;
    }
    SOTTO_ASSERT(t.count <= SOTTO_TOKENS_MAX && sotto_tokens_encode(&again, &t) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&again), text));
    for (unsigned i = 0; i < t.count; i++) SOTTO_ASSERT(t.made[i].scopes && !(t.made[i].scopes & SOTTO_SCOPE_S) && t.made[i].name[0]);
    sotto_buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[8] = { "GET", "POST", "OPTIONS", "PUT", "DELETE", "HEAD", "", "GET" };
    static struct sotto_tokens tokens;
    struct fuzz_in in = fuzz_in(data, size);
    uint8_t how = fuzz_u8(&in);
    if (how & 1) {
        rows(fuzz_rest(&in));
        return 0;
    }
    char secret[SOTTO_TOKEN_SECRET + 1];
    uint8_t random[32] = { 7 };
    struct sotto_gate gate = { .port = 7377, .hosts = { "front.example:443" }, .host_count = 1 };
    struct sotto_gate_verdict v;
    tokens = (struct sotto_tokens){ 0 };
    sotto_tokens_set_cookie(&tokens, secret, random, 1);
    struct sotto_http_head head = { .local = how & 2, .upgrade = how & 4, .method = methods[how >> 3 & 7] };
    head.path = optional(&in);
    head.host = optional(&in);
    head.origin = optional(&in);
    head.authorization = optional(&in);
    head.content_type = optional(&in);
    sotto_gate_judge(&v, &gate, &tokens, &head, 2);
    SOTTO_ASSERT((v.way == SOTTO_GATE_REFUSED) == (v.status != 0));
    SOTTO_ASSERT(v.status == 0 || (v.status >= 400 && v.status < 430));
    if (v.way == SOTTO_GATE_REFUSED) return 0;
    SOTTO_ASSERT(strcmp(head.method, v.way == SOTTO_GATE_CALL ? "POST" : "GET") == 0 && head.upgrade == (v.way == SOTTO_GATE_WEBSOCKET));
    if (head.local) return 0;
    SOTTO_ASSERT(sotto_gate_host_ours(&gate, head.host) && (!head.origin.data || sotto_gate_origin_ours(&gate, head.origin)));
    bool shown = head.authorization.size >= SOTTO_TOKEN_SECRET && memcmp(head.authorization.data + head.authorization.size - SOTTO_TOKEN_SECRET, secret, SOTTO_TOKEN_SECRET) == 0;
    SOTTO_ASSERT(v.way == SOTTO_GATE_OPENRPC || shown);
    return 0;
}
