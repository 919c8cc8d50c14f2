#include "node/history.h"

enum { VERSION = 1, FLAG_OWN = 1 };

enum sotto_err sotto_history_encode(struct sotto_buf *out, const struct sotto_history *h)
{
    const struct sotto_message *m = &h->m;
    SOTTO_TRY(sotto_buf_add_u8(out, VERSION));
    SOTTO_TRY(sotto_buf_add_u8(out, m->own ? FLAG_OWN : 0));
    SOTTO_TRY(sotto_buf_add_u8(out, m->type));
    SOTTO_TRY(sotto_buf_add_u8(out, (uint8_t)m->state));
    SOTTO_TRY(sotto_buf_add(out, m->chat.b, sizeof m->chat.b));
    SOTTO_TRY(sotto_buf_add_u32(out, m->number));
    SOTTO_TRY(sotto_buf_add_u32(out, m->gap_before));
    SOTTO_TRY(sotto_buf_add(out, m->mid, sizeof m->mid));
    SOTTO_TRY(sotto_buf_add_u64(out, m->ms));
    SOTTO_TRY(sotto_buf_add_u64(out, m->arrived_ms));
    SOTTO_TRY(sotto_buf_add_u64(out, m->reply_to));
    SOTTO_TRY(sotto_buf_add_u8(out, (uint8_t)h->state_count));
    for (unsigned i = 0; i < h->state_count; i++) {
        SOTTO_TRY(sotto_buf_add_u8(out, h->states[i].state));
        SOTTO_TRY(sotto_buf_add_u64(out, h->states[i].ms));
    }
    SOTTO_TRY(sotto_buf_add_u16(out, (uint16_t)m->subject.size));
    SOTTO_TRY(sotto_buf_add_span(out, m->subject));
    SOTTO_TRY(sotto_buf_add_u16(out, (uint16_t)m->text.size));
    return sotto_buf_add_span(out, m->text);
}

enum sotto_err sotto_history_decode(struct sotto_history *out, uint64_t message, struct sotto_span bytes)
{
    struct sotto_history h = { .m = { .message = message } };
    struct sotto_reader r = sotto_reader(bytes);
    uint8_t version, flags, state, count;
    uint16_t size;
    SOTTO_TRY(sotto_get_u8(&r, &version));
    SOTTO_TRY(sotto_get_u8(&r, &flags));
    SOTTO_TRY(sotto_get_u8(&r, &h.m.type));
    SOTTO_TRY(sotto_get_u8(&r, &state));
    if (version != VERSION || flags > FLAG_OWN || state >= SOTTO_MSG_STATES) return SOTTO_ERR_FORMAT;
    h.m.own = flags & FLAG_OWN;
    h.m.state = (enum sotto_message_state)state;
    SOTTO_TRY(sotto_get_bytes(&r, h.m.chat.b, sizeof h.m.chat.b));
    SOTTO_TRY(sotto_get_u32(&r, &h.m.number));
    SOTTO_TRY(sotto_get_u32(&r, &h.m.gap_before));
    SOTTO_TRY(sotto_get_bytes(&r, h.m.mid, sizeof h.m.mid));
    SOTTO_TRY(sotto_get_u64(&r, &h.m.ms));
    SOTTO_TRY(sotto_get_u64(&r, &h.m.arrived_ms));
    SOTTO_TRY(sotto_get_u64(&r, &h.m.reply_to));
    SOTTO_TRY(sotto_get_u8(&r, &count));
    if (count > SOTTO_HISTORY_STATES_MAX) return SOTTO_ERR_FORMAT;
    h.state_count = count;
    for (unsigned i = 0; i < count; i++) {
        SOTTO_TRY(sotto_get_u8(&r, &h.states[i].state));
        SOTTO_TRY(sotto_get_u64(&r, &h.states[i].ms));
        if (h.states[i].state >= SOTTO_MSG_STATES) return SOTTO_ERR_FORMAT;
    }
    SOTTO_TRY(sotto_get_u16(&r, &size));
    SOTTO_TRY(sotto_get_span(&r, &h.m.subject, size));
    SOTTO_TRY(sotto_get_u16(&r, &size));
    SOTTO_TRY(sotto_get_span(&r, &h.m.text, size));
    SOTTO_TRY(sotto_get_end(&r));
    *out = h;
    return SOTTO_OK;
}

void sotto_history_state(struct sotto_history *h, enum sotto_message_state state, uint64_t ms)
{
    h->m.state = state;
    if (h->state_count == SOTTO_HISTORY_STATES_MAX) {
        memmove(h->states, h->states + 1, (SOTTO_HISTORY_STATES_MAX - 1) * sizeof h->states[0]);
        h->state_count--;
    }
    h->states[h->state_count].state = (uint8_t)state;
    h->states[h->state_count++].ms = ms;
}
