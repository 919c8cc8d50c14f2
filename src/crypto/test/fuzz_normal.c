/* Any bytes as a passphrase: refused, or brought to a normal form that is whole UTF-8 and its own normal form. */
#include "support/fuzz_input.h"

#include "base/text.h"
#include "crypto/normal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_span in = sotto_span(data, size);
    for (unsigned kind = SOTTO_NFC; kind <= SOTTO_NFKD; kind++) {
        struct sotto_buf once = sotto_buf_make(SOTTO_NORMAL_MAX), twice = sotto_buf_make(SOTTO_NORMAL_MAX);
        enum sotto_err err = fuzz_err(sotto_normal(&once, in, (enum sotto_normal)kind));
        SOTTO_ASSERT(err == SOTTO_OK || err == SOTTO_ERR_FORMAT);
        SOTTO_ASSERT(sotto_utf8_valid(in) || err == SOTTO_ERR_FORMAT);
        if (err == SOTTO_OK) {
            SOTTO_ASSERT(once.size <= 18 * size && sotto_utf8_valid(sotto_buf_span(&once)));
            SOTTO_ASSERT(sotto_normal(&twice, sotto_buf_span(&once), (enum sotto_normal)kind) == SOTTO_OK);
            SOTTO_ASSERT(sotto_span_equal(sotto_buf_span(&once), sotto_buf_span(&twice)));
        } else {
            SOTTO_ASSERT(once.size == 0);
        }
        sotto_buf_free(&once);
        sotto_buf_free(&twice);
    }
    return 0;
}
