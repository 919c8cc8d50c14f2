/* History rows: encode and decode are inverse; every cut and every wrong field is refused. */
#include "node/history.h"

#include "crypto/rng.h"
#include "support/test.h"

static void rows_come_back_and_cuts_do_not(void **state)
{
    (void)state;
    struct sotto_chacha_rng r;
    sotto_rng_from_seed(&r, test_seed(), "history");
    for (int round = 0; round < 200; round++) {
        uint8_t text[300], subject[40];
        sotto_rng_fill(&r.rng, text, sizeof text);
        sotto_rng_fill(&r.rng, subject, sizeof subject);
        struct sotto_history h = { .m = { .message = (uint64_t)round, .own = round & 1, .type = (uint8_t)round, .number = (uint32_t)round * 7,
            .gap_before = (uint32_t)round % 3, .ms = sotto_rng_u64(&r.rng), .arrived_ms = sotto_rng_u64(&r.rng), .reply_to = sotto_rng_u64(&r.rng),
            .text = sotto_span(text, sotto_rng_below(&r.rng, sizeof text)), .subject = sotto_span(subject, sotto_rng_below(&r.rng, sizeof subject)) } };
        sotto_rng_fill(&r.rng, h.m.chat.b, 20);
        unsigned changes = (unsigned)sotto_rng_below(&r.rng, 40);
        for (unsigned i = 0; i < changes; i++)
            sotto_history_state(&h, (enum sotto_message_state)sotto_rng_below(&r.rng, SOTTO_MSG_STATES), i + 1);
        struct sotto_buf b = sotto_buf_make(SOTTO_HISTORY_SIZE_MAX);
        struct sotto_history back;
        assert_int_equal(sotto_history_encode(&b, &h), SOTTO_OK);
        assert_int_equal(sotto_history_decode(&back, (uint64_t)round, sotto_buf_span(&b)), SOTTO_OK);
        assert_int_equal(back.m.own, h.m.own);
        assert_int_equal(back.m.state, h.m.state);
        assert_int_equal(back.m.ms, h.m.ms);
        assert_int_equal(back.m.gap_before, h.m.gap_before);
        assert_int_equal(back.state_count, h.state_count);
        if (changes) assert_int_equal(back.states[back.state_count - 1].ms, changes);
        assert_true(sotto_span_equal(back.m.text, h.m.text));
        assert_true(sotto_span_equal(back.m.subject, h.m.subject));
        for (size_t cut = 0; cut < b.size; cut++)
            assert_int_equal(sotto_history_decode(&back, 1, sotto_span(b.data, cut)), SOTTO_ERR_FORMAT);
        b.data[0] ^= 0x80;
        assert_int_equal(sotto_history_decode(&back, 1, sotto_buf_span(&b)), SOTTO_ERR_FORMAT);
        sotto_buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(rows_come_back_and_cuts_do_not) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
