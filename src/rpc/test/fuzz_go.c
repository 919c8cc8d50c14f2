/* Any JSON as the members of an object that geth would take. What is taken keeps the bounds of its type; what is not says why, and is UTF-8 enough
 * to be told. */
#include "rpc/go.h"
#include "support/fuzz.h"

#include "base/text.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_span text = { NULL, 0 };
    struct sotto_buf bytes = sotto_buf_make(64), topics = sotto_buf_make(32);
    uint8_t topic[4] = { 0 };
    uint32_t number = 0;
    double real = 0;
    bool yes = false;
    const struct sotto_go_field fields[] = {
        { "text", SOTTO_GO_STRING, &text }, { "bytes", SOTTO_GO_BYTES, &bytes }, { "topic", SOTTO_GO_TOPIC, topic }, { "topics", SOTTO_GO_TOPICS, &topics },
        { "number", SOTTO_GO_UINT32, &number }, { "real", SOTTO_GO_FLOAT64, &real }, { "yes", SOTTO_GO_BOOL, &yes },
    };
    struct sotto_go_fault fault = { "" };
    json_t *value = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    if (value) {
        bool good = sotto_go_object(fields, sizeof fields / sizeof *fields, "Thing", value, &fault);
        SOTTO_ASSERT(good == (fault.why[0] == 0) && sotto_utf8_valid(sotto_span_str(fault.why)));
        SOTTO_ASSERT(isfinite(real) && bytes.size <= 64 && topics.size <= 32 && topics.size % 4 == 0);
        SOTTO_ASSERT(text.size == 0 || text.data);
    }
    sotto_buf_free(&bytes);
    sotto_buf_free(&topics);
    json_decref(value);
    return 0;
}
