/* Any bytes as an envelope: what decodes encodes to the same bytes, and is judged without harm. */
#include "support/fuzz.h"

#include "whisper/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_envelope e;
    if (sotto_envelope_decode(&e, sotto_span(data, size)) != SOTTO_OK) return 0;
    struct sotto_buf b = sotto_buf_make(32u << 20);
    SOTTO_ASSERT(sotto_envelope_encode(&b, &e) == SOTTO_OK);
    SOTTO_ASSERT(sotto_span_equal(sotto_buf_span(&b), sotto_span(data, size)));
    SOTTO_ASSERT(size <= e.data.size + SOTTO_ENVELOPE_RLP_EXTRA);
    sotto_buf_free(&b);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t now = i == 0 ? e.expiry : i == 1 ? sotto_envelope_sent(&e) - 5 : i == 2 ? UINT32_MAX : 0;
        struct sotto_rules rules = { now, now, 0.2, i & 1 ? 0.0 : 0.2, NULL, NULL, 0 };
        double rating;
        if (sotto_rules_judge(&rating, &e, &rules) == SOTTO_OK) SOTTO_ASSERT(rating >= 0 && e.ttl > 0 && e.ttl <= 86400);
    }
    return 0;
}
