/* Whisper's filter of 512 bits over topics (whisper-v6.md 6).
 *
 * The bits of one topic are assigned, not ored: where two of the three fall into one byte the later erases the earlier. That
 * is what geth does; with "or" we would withhold envelopes that a geth asked for. */
#ifndef SOTTO_WHISPER_BLOOM_H
#define SOTTO_WHISPER_BLOOM_H

#include "base/bytes.h"

struct sotto_bloom { uint8_t b[64]; };

void sotto_bloom_topic(struct sotto_bloom *out, const uint8_t topic[4]);
void sotto_bloom_join(struct sotto_bloom *set, const struct sotto_bloom *more);           /* or: sets, not one topic */
bool sotto_bloom_match(const struct sotto_bloom *filter, const struct sotto_bloom *sample);
static inline struct sotto_bloom sotto_bloom_all(void)
{
    struct sotto_bloom all;
    memset(all.b, 0xff, sizeof all.b);
    return all;
}

#endif
