/* The names of keys and filters in the RPC namespace shh: 32 random bytes as 64 lower-case hex digits, no 0x (whisper-v6.md 1). They are
 * compared letter by letter: in upper case, or with 0x in front, they name nothing. */
#ifndef SOTTO_WHISPER_SHH_ID_H
#define SOTTO_WHISPER_SHH_ID_H

#include "base/env.h"
#include "base/text.h"

#define SOTTO_SHH_ID 64u
struct sotto_shh_id { char text[SOTTO_SHH_ID + 1]; };

static inline void sotto_shh_id_draw(struct sotto_shh_id *out, struct sotto_rng *rng)
{
    uint8_t bytes[SOTTO_SHH_ID / 2];
    sotto_rng_fill(rng, bytes, sizeof bytes);
    sotto_hex(out->text, bytes, sizeof bytes);
}
/* false: it has not the length of one. Other characters than hex digits are taken: they name nothing. */
static inline bool sotto_shh_id_read(struct sotto_shh_id *out, struct sotto_span text)
{
    if (text.size != SOTTO_SHH_ID) return false;
    memcpy(out->text, text.data, SOTTO_SHH_ID);
    out->text[SOTTO_SHH_ID] = 0;
    return true;
}
static inline int sotto_shh_id_compare(const struct sotto_shh_id *a, const struct sotto_shh_id *b) { return memcmp(a->text, b->text, SOTTO_SHH_ID); }

#endif
