/* What a node keeps besides the messenger's rows, and the names it hands out: a profile, the settings of a chat, message names, event
 * cursors, job names. Any bytes are refused, or written back to the same. The first byte chooses. */
#include "support/fuzz_input.h"

#include "node/chats.h"

static void profile(struct sotto_span in)
{
    struct sotto_node_account a = { .cert = sotto_buf_make(SOTTO_CERT_MAX), .name = "before" };
    struct sotto_buf again = sotto_buf_make(1024);
    if (fuzz_err(sotto_profile_decode(&a, in)) == SOTTO_OK)
        SOTTO_ASSERT(sotto_profile_encode(&again, &a) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&again), in));
    else SOTTO_ASSERT(strcmp(a.name, "before") == 0 && a.cert.size == 0 && a.backup_ms == 0);
    sotto_buf_free(&again);
    sotto_buf_free(&a.cert);
}

static void chat(struct sotto_span in)
{
    struct sotto_chat c;
    struct sotto_buf again = sotto_buf_make(1u << 17);
    if (fuzz_err(sotto_chat_decode(&c, in)) == SOTTO_OK) {
        SOTTO_ASSERT(c.draft.size <= SOTTO_DRAFT_MAX && sotto_chat_encode(&again, &c) == SOTTO_OK && sotto_span_equal(sotto_buf_span(&again), in));
        sotto_buf_free(&c.draft);
    }
    sotto_buf_free(&again);
}

static void names(struct fuzz_in in)
{
    char text[64], again[64];
    uint64_t made = fuzz_u64(&in), got;
    sotto_message_name(again, made);
    SOTTO_ASSERT(sotto_message_parse(&got, again) == SOTTO_OK && got == made);
    sotto_cursor_text(again, made >> 2);
    SOTTO_ASSERT(sotto_cursor_parse(&got, again) && got == made >> 2);
    sotto_task_name(again, made | 1);
    SOTTO_ASSERT(sotto_task_parse(&got, again) && got == (made | 1));

    size_t size = fuzz_left(&in) < sizeof text - 1 ? fuzz_left(&in) : sizeof text - 1;
    fuzz_fill(&in, text, size);
    text[size] = 0;
    size = strlen(text);
    if (sotto_message_parse(&got, text) == SOTTO_OK) {
        sotto_message_name(again, got);
        for (size_t i = 0; i <= size; i++) SOTTO_ASSERT((again[i] | 0x20) == (text[i] | 0x20));
    }
    if (sotto_cursor_parse(&got, text)) {
        SOTTO_ASSERT(got < 1ull << 62);
        sotto_cursor_text(again, got);
        SOTTO_ASSERT(strlen(again) <= size && strcmp(again + 1, text + 1 + size - strlen(again)) == 0);      /* but for zeros in front */
    }
    if (sotto_task_parse(&got, text)) {
        sotto_task_name(again, got);
        SOTTO_ASSERT(strcmp(again, text) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    switch (fuzz_below(&in, 3)) {
    case 0: profile(fuzz_rest(&in)); break;
    case 1: chat(fuzz_rest(&in)); break;
    default: names(in);
    }
    return 0;
}
