/* Any bytes as a line of history: refused, or written back to the same bytes; and a line made of the fuzzer's choices read back. */
#include "support/fuzz_input.h"

#include "node/history.h"

static void made(struct fuzz_in in)
{
    struct sotto_history h = { .m = { .message = fuzz_u64(&in), .own = fuzz_bool(&in), .type = fuzz_u8(&in), .number = fuzz_u32(&in), .ms = fuzz_u64(&in),
                                      .state = (enum sotto_message_state)fuzz_below(&in, SOTTO_MSG_STATES) } }, same;
    struct sotto_buf b = sotto_buf_make(1u << 18);
    for (unsigned i = fuzz_u8(&in) % 40; i; i--) {
        unsigned before = h.state_count;
        sotto_history_state(&h, (enum sotto_message_state)fuzz_below(&in, SOTTO_MSG_STATES), fuzz_u16(&in));
        SOTTO_ASSERT(h.state_count == (before < SOTTO_HISTORY_STATES_MAX ? before + 1 : before) && h.states[h.state_count - 1].state == h.m.state);
    }
    h.m.subject = fuzz_span(&in, 100);
    h.m.text = fuzz_rest(&in);
    SOTTO_ASSERT(sotto_history_encode(&b, &h) == SOTTO_OK && sotto_history_decode(&same, h.m.message, sotto_buf_span(&b)) == SOTTO_OK);
    SOTTO_ASSERT(same.m.message == h.m.message && same.m.own == h.m.own && same.m.state == h.m.state && same.state_count == h.state_count);
    SOTTO_ASSERT(sotto_span_equal(same.m.text, h.m.text) && sotto_span_equal(same.m.subject, h.m.subject));
    sotto_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_history h;
    struct sotto_buf again = sotto_buf_make(1u << 18);
    if (fuzz_err(sotto_history_decode(&h, 7, sotto_span(data, size))) == SOTTO_OK) {
        SOTTO_ASSERT(h.state_count <= SOTTO_HISTORY_STATES_MAX && h.m.state < SOTTO_MSG_STATES && h.m.message == 7);
        SOTTO_ASSERT(sotto_history_encode(&again, &h) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&again), sotto_span(data, size)));
    }
    sotto_buf_free(&again);
    if (size < 40000) made(fuzz_in(data, size));
    return 0;
}
