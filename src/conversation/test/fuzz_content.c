/* Any 876 bytes: refused, or written back to the same bytes. */
#include "conversation/content.h"
#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t in[SOTTO_BODY_BYTES] = { 0 }, out[SOTTO_BODY_BYTES];
    struct sotto_body body;
    if (size) memcpy(in, data, size < sizeof in ? size : sizeof in);
    if (sotto_body_decode(&body, in) != SOTTO_OK) return 0;
    SOTTO_ASSERT(body.payload.size <= SOTTO_PAYLOAD_MAX && body.fragment < body.fragments && body.time_ms != 0);
    sotto_body_encode(out, &body);
    SOTTO_ASSERT(memcmp(in, out, sizeof in) == 0);
    return 0;
}
