/* Any bytes as what sotto-portmap says: what is taken is written the same way again. */
#include "io/portmap.h"
#include "support/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_map_report r;
    struct sotto_span lines = sotto_span(data, size);
    struct sotto_buf again = sotto_buf_make(SOTTO_PORTMAP_LINES_MAX);
    enum sotto_err err = fuzz_err(sotto_portmap_read(&r, lines));
    SOTTO_ASSERT(err == SOTTO_OK || err == SOTTO_ERR_FORMAT);
    if (err != SOTTO_OK) return 0;
    for (unsigned i = 0; i < r.count; i++) SOTTO_ASSERT(sotto_portmap_write(&again, &r.tries[i]) == SOTTO_OK);
    SOTTO_ASSERT(sotto_span_equal(sotto_buf_span(&again), sotto_span_cut(lines, 0, again.size)));
    SOTTO_ASSERT(again.size == size || !memchr(data + again.size, '\n', size - again.size));      /* the rest is a line that was not ended */
    sotto_buf_free(&again);
    return 0;
}
