/* Any sequence of filters, envelopes and fetches: the same as the slow matcher, within its bounds, after every step. */
#include "whisper/test/filter_model.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    const char *broken = filter_model_run(&in);
    if (broken) (void)fprintf(stderr, "rule broken: %s\n", broken);
    SOTTO_ASSERT(!broken);
    return 0;
}
