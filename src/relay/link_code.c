#include "relay/link_code.h"

#include "base/plant.h"

/* One row for each run of codes, in order; what is in no row is refused. */
static const struct { uint8_t from, to, channel; } runs[] = {
    { 0x02, 0x0d, 0 }, { 0x0e, 0x0f, SOTTO_RL_IGNORED }, { 0x10, 0x14, 1 }, { 0x16, 0x18, 1 }, { 0x19, 0x19, SOTTO_RL_IGNORED }, { 0x1a, 0x1a, 1 },
    { 0x1b, 0x1f, SOTTO_RL_IGNORED }, { 0x20, 0x33, 2 }, { 0x34, 0x3f, SOTTO_RL_IGNORED }, { 0x40, 0x41, 2 }, { 0x42, 0x43, 3 }, { 0x44, 0x44, 2 },
    { 0x45, 0x45, 3 }, { 0x46, 0x48, 2 }, { 0x49, 0x49, 3 }, { 0x4a, 0x4d, 2 }, { 0x4e, 0x4f, SOTTO_RL_IGNORED }, { 0x50, 0x5f, 2 }, { 0x60, 0x61, 0 },
    { 0x62, 0x62, 3 }, { 0x63, 0x63, 0 }, { 0x64, 0x64, 3 }, { 0x65, 0x65, 2 }, { 0x66, 0x7f, SOTTO_RL_IGNORED },
};

unsigned sotto_rl_channel(uint8_t code)
{
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        if (code >= runs[i].from && code <= runs[i].to) return runs[i].channel;
    return SOTTO_RL_REFUSED;
}

enum sotto_err sotto_rl_next(struct sotto_rl_heads *h, struct sotto_rl_record *out)
{
    struct sotto_span rest = sotto_span_cut(h->plain, h->at, h->plain.size - h->at);
    if (rest.size == 0) return SOTTO_ERR_MISSING;
    uint8_t code = rest.data[0];
    if (code == SOTTO_RL_END_MARK && SOTTO_PLANTED(LINK_PADDING_IGNORED)) return SOTTO_ERR_MISSING;
    if (code == SOTTO_RL_END_MARK) return sotto_all_zero(rest.data + 1, rest.size - 1) ? SOTTO_ERR_MISSING : SOTTO_ERR_CELL_PADDING;
    unsigned channel = sotto_rl_channel(code);
    if (channel == SOTTO_RL_REFUSED) return SOTTO_ERR_RECORD_CODE;
    if (rest.size < SOTTO_RL_HEAD) return SOTTO_ERR_RECORD_OVERRUN;
    uint8_t flags = rest.data[1];
    if (flags & ~(SOTTO_RL_MORE | SOTTO_RL_FIRST | 3u)) return SOTTO_ERR_RECORD_FLAGS;
    if (channel != SOTTO_RL_IGNORED && channel != (flags & 3u)) return SOTTO_ERR_RECORD_CHANNEL;
    size_t size = sotto_be16(rest.data + 2);
    if (size == 0) return SOTTO_ERR_RECORD_EMPTY;
    if (size > rest.size - SOTTO_RL_HEAD) return SOTTO_ERR_RECORD_OVERRUN;
    *out = (struct sotto_rl_record){ .code = code, .channel = flags & 3u, .first = flags & SOTTO_RL_FIRST, .more = flags & SOTTO_RL_MORE,
                                     .body = sotto_span_cut(rest, SOTTO_RL_HEAD, size) };
    h->at += SOTTO_RL_HEAD + size;
    return SOTTO_OK;
}
