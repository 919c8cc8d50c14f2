/* Any bytes as a configuration file. */
#include "io/config.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_config_problems problems = { 0 };
    enum sotto_err err = sotto_config_check(&problems, "fuzz", sotto_span(data, size));
    SOTTO_ASSERT(err == SOTTO_OK || err == SOTTO_ERR_FORMAT || err == SOTTO_ERR_NOMEM);
    SOTTO_ASSERT((err == SOTTO_ERR_FORMAT) == (problems.all > 0));
    sotto_config_problems_free(&problems);
    return 0;
}
