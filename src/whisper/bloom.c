#include "whisper/bloom.h"

void sotto_bloom_topic(struct sotto_bloom *out, const uint8_t topic[4])
{
    struct sotto_bloom b = { { 0 } };
    for (unsigned j = 0; j < 3; j++) {
        unsigned n = topic[j] + (topic[3] & 1u << j ? 256u : 0u);
        b.b[n / 8] = (uint8_t)(1u << (n % 8));                        /* assigned, not ored: see the header */
    }
    *out = b;
}

void sotto_bloom_join(struct sotto_bloom *set, const struct sotto_bloom *more)
{
    for (unsigned i = 0; i < sizeof set->b; i++) set->b[i] |= more->b[i];
}

bool sotto_bloom_match(const struct sotto_bloom *filter, const struct sotto_bloom *sample)
{
    for (unsigned i = 0; i < sizeof filter->b; i++)
        if ((filter->b[i] | sample->b[i]) != filter->b[i]) return false;
    return true;
}
