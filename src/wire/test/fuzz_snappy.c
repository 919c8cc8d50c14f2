/* Any bytes as a block: refused, or at most the limit; and any bytes as text survive a round trip. */
#include "support/fuzz.h"
#include "wire/snappy.h"

enum { LIMIT = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_span in = sotto_span(data, size);
    struct sotto_buf out = sotto_buf_make(LIMIT), back = sotto_buf_make(1u << 21);
    enum sotto_err err = sotto_snappy_inflate(&out, in, LIMIT);
    SOTTO_ASSERT(err == SOTTO_OK ? out.size <= LIMIT : out.size == 0);
    struct sotto_span plain;
    if (sotto_snappy_literal_plain(&plain, in) == SOTTO_OK) SOTTO_ASSERT(err == SOTTO_OK && sotto_span_equal(plain, sotto_buf_span(&out)));
    sotto_buf_free(&out);
    out.max = 1u << 21;
    SOTTO_ASSERT(sotto_snappy_deflate(&out, in) == SOTTO_OK && out.size <= sotto_snappy_bound(size));
    SOTTO_ASSERT(sotto_snappy_inflate(&back, sotto_buf_span(&out), size) == SOTTO_OK);
    SOTTO_ASSERT(sotto_span_equal(in, sotto_buf_span(&back)));
    out.size = back.size = 0;
    if (size > 0 && size <= 65536) {
        SOTTO_ASSERT(sotto_snappy_literal(&out, in) == SOTTO_OK && out.size <= size + SOTTO_SNAPPY_LITERAL_EXTRA);
        SOTTO_ASSERT(sotto_snappy_inflate(&back, sotto_buf_span(&out), size) == SOTTO_OK && sotto_span_equal(in, sotto_buf_span(&back)));
        SOTTO_ASSERT(sotto_snappy_literal_plain(&plain, sotto_buf_span(&out)) == SOTTO_OK && sotto_span_equal(plain, in));
    }
    sotto_buf_free(&out);
    sotto_buf_free(&back);
    return 0;
}
