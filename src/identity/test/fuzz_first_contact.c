/* Any bytes as M1 and as M2. The puzzle asks for nothing and the first bytes choose the clock, so that deeper checks are met. */
#include "support/fuzz.h"

#include "identity/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    struct sotto_span pt = sotto_span(data, size);
    struct sotto_hello hello;
    struct sotto_hello_seen seen;
    struct sotto_hello_keys keys;
    if (sotto_hello_parse(&hello, pt) != SOTTO_OK) return 0;

    struct sotto_ledger_status status = { .state = SOTTO_LEDGER_VALID, .owner = hello.from, .xkey = hello.eph };
    struct sotto_hello_ctx ctx = { .own = hello.to, .now_ms = hello.time_ms, .puzzle_bits = 0 };
    if (hello.cert.size == 0) ctx.status = &status;
    enum sotto_err err = sotto_hello_m1_check(&seen, pt, &ctx);
    SOTTO_ASSERT(err != SOTTO_OK || hello.step == 1);

    struct sotto_hello_pending pending = { .to = hello.from, .flags = 3, .time_ms = hello.time_ms - 1, .share = { { 1 } }, .eph = { { 1 } } };
    struct sotto_scalar exchange = { { 2 } };
    memcpy(pending.nonce, hello.echo, 32);
    err = sotto_hello_m2_check(&seen, &keys, pt, &ctx, &pending, &exchange);
    SOTTO_ASSERT(err != SOTTO_OK);                    /* nobody without our scalars can confirm */
    return 0;
}
