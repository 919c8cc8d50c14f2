/* Any bytes: the reader ends, and what it takes for one item is written back to the same bytes by the writer. */
#include "support/fuzz.h"
#include "wire/rlp.h"

static void copy_items(struct sotto_buf *out, struct sotto_rlp r)
{
    while (sotto_rlp_more(&r)) {
        struct sotto_rlp inner, before = r;
        struct sotto_span text;
        if (sotto_rlp_is_list(&r)) {
            SOTTO_ASSERT(sotto_rlp_list(&r, &inner) == SOTTO_OK);
            size_t mark = sotto_rlp_begin(out);
            copy_items(out, inner);
            SOTTO_ASSERT(sotto_rlp_end_list(out, mark) == SOTTO_OK);
            continue;
        }
        SOTTO_ASSERT(sotto_rlp_bytes(&r, &text) == SOTTO_OK);
        uint64_t number;
        if (sotto_rlp_uint(&before, &number) == SOTTO_OK) {
            SOTTO_ASSERT(before.at == r.at && sotto_rlp_add_uint(out, number) == SOTTO_OK);
        } else {
            SOTTO_ASSERT(sotto_rlp_add_bytes(out, text) == SOTTO_OK);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_span in = sotto_span(data, size), raw;
    struct sotto_rlp r = sotto_rlp(in);
    while (sotto_rlp_raw(&r, &raw) == SOTTO_OK) SOTTO_ASSERT(raw.size && raw.data >= data && raw.data + raw.size <= data + size);
    if (sotto_rlp_check(in) != SOTTO_OK) return 0;
    struct sotto_buf out = sotto_buf_make(size + 64);
    copy_items(&out, sotto_rlp(in));
    SOTTO_ASSERT(sotto_span_equal(in, sotto_buf_span(&out)));
    sotto_buf_free(&out);
    return 0;
}
