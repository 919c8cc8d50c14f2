#include "ledger/th.h"

static const struct { const char *text; uint32_t state[8]; } tags[SOTTO_TH_TAG_COUNT] = {
#define TAG_ROW(name, text, ...) [SOTTO_TH_##name] = { text, { __VA_ARGS__ } },
    SOTTO_TH_TAGS(TAG_ROW)
#undef TAG_ROW
};

void sotto_th_begin(struct sotto_th *t, enum sotto_th_tag tag)
{
    SOTTO_ASSERT((unsigned)tag < SOTTO_TH_TAG_COUNT);
    sotto_th_resume(t, tags[tag].state);
}

void sotto_th_of(uint8_t out[32], enum sotto_th_tag tag, const struct sotto_span *parts, size_t count)
{
    struct sotto_th t;
    sotto_th_begin(&t, tag);
    for (size_t i = 0; i < count; i++) sotto_th_update(&t, parts[i].data, parts[i].size);
    sotto_th_final(&t, out);
}

const char *sotto_th_text(enum sotto_th_tag tag)
{
    SOTTO_ASSERT((unsigned)tag < SOTTO_TH_TAG_COUNT);
    return tags[tag].text;
}
