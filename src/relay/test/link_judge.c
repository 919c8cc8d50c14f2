#include "link_judge.h"

void judge_begin(struct judge *j, struct judge *back, uint16_t roles, bool padded, uint64_t window2)
{
    *j = (struct judge){ .roles = roles, .padded = padded, .back = back, .limit = { 0, 65536, window2, 65536 } };
    for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++) j->at[i].bytes = sotto_buf_make(SOTTO_RL_MESSAGE_MAX);
    j->whole = sotto_buf_make(4u << 20);
}

void judge_end(struct judge *j)
{
    for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++) sotto_buf_free(&j->at[i].bytes);
    sotto_buf_free(&j->whole);
}

size_t judge_open_bytes(const struct judge *j)
{
    size_t sum = 0;
    for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++) sum += j->at[i].open ? j->at[i].bytes.size : 0;
    return sum;
}

/* All heads, from the left, into j->records. */
static enum sotto_err heads(struct judge *j, const uint8_t *p, size_t size)
{
    size_t at = 0;
    j->count = j->channels = 0;
    while (at < size && p[at] != 0xff) {
        unsigned home = sotto_rl_channel(p[at]);
        if (home == SOTTO_RL_REFUSED) return SOTTO_ERR_RECORD_CODE;
        if (size - at < 4) return SOTTO_ERR_RECORD_OVERRUN;
        unsigned flags = p[at + 1], channel = flags % 4, length = p[at + 2] * 256u + p[at + 3];
        if (flags & 0x3c) return SOTTO_ERR_RECORD_FLAGS;
        if (home < 4 && home != channel) return SOTTO_ERR_RECORD_CHANNEL;
        if (length == 0) return SOTTO_ERR_RECORD_EMPTY;
        if (at + 4 + length > size) return SOTTO_ERR_RECORD_OVERRUN;
        j->records[j->count++] = (struct judge_record){ p[at], (uint8_t)channel, flags & 0x40, flags & 0x80, sotto_span(p + at + 4, length) };
        j->channels |= 1u << channel;
        at += 4 + length;
    }
    j->text_size = at;
    for (at++; at < size; at++)
        if (p[at]) return SOTTO_ERR_CELL_PADDING;
    return SOTTO_OK;
}

static enum sotto_err whole(struct judge *j, const struct judge_record *r, struct sotto_span bytes)
{
    struct sotto_rl_body b;
    SOTTO_TRY(sotto_rl_body_read(&b, r->code, bytes));
    if (r->code == SOTTO_RL_READY) {
        if (b.ready.roles != j->roles) return SOTTO_ERR_READY_ROLES;
        j->ready = true;
    }
    if (r->code == SOTTO_RL_WINDOW) {
        uint64_t *limit = &j->back->limit[b.window.channel];
        if (b.window.limit < *limit) return SOTTO_ERR_WINDOW_BACK;
        *limit = b.window.limit;
    }
    SOTTO_ASSERT(sotto_buf_add_u8(&j->whole, r->code) == SOTTO_OK && sotto_buf_add_u8(&j->whole, r->channel) == SOTTO_OK);
    SOTTO_ASSERT(sotto_buf_add_u32(&j->whole, (uint32_t)bytes.size) == SOTTO_OK && sotto_buf_add_span(&j->whole, bytes) == SOTTO_OK);
    return SOTTO_OK;
}

static enum sotto_err record(struct judge *j, const struct judge_record *r, bool over, bool counts, uint64_t now_us)
{
    struct judge_open *o = &j->at[r->channel];
    if (!j->ready && (r->code != SOTTO_RL_READY || !r->first || r->more)) return SOTTO_ERR_READY_FIRST;
    if (j->ready && r->code == SOTTO_RL_READY) return SOTTO_ERR_READY_AGAIN;
    if (over) return SOTTO_ERR_WINDOW;
    if (counts && r->channel > 0) {
        j->used[r->channel] += 4 + r->body.size;
        if (j->used[r->channel] > j->limit[r->channel]) return SOTTO_ERR_WINDOW;
    }
    if (r->first ? o->open : !o->open) return SOTTO_ERR_FRAGMENT_ORDER;
    if (r->first) {
        o->open = true;
        o->code = r->code;
        o->size = o->bytes.size = 0;
        o->first_us = now_us;
    }
    if (o->code != r->code) return SOTTO_ERR_FRAGMENT_CODE;
    o->size += r->body.size;
    if (o->size > (2u << 20) + 4096) return SOTTO_ERR_MESSAGE_SIZE;
    bool ignored = sotto_rl_channel(r->code) == SOTTO_RL_IGNORED;
    if (!ignored) SOTTO_ASSERT(sotto_buf_add_span(&o->bytes, r->body) == SOTTO_OK);
    if (r->more) return SOTTO_OK;
    o->open = false;
    return ignored ? SOTTO_OK : whole(j, r, sotto_buf_span(&o->bytes));
}

enum sotto_err judge_cell(struct judge *j, struct sotto_span plain, uint64_t now_us)
{
    j->whole.size = 0;
    for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++)
        if (j->at[i].open && now_us - j->at[i].first_us >= 60000000u) return SOTTO_ERR_MESSAGE_TIME;
    SOTTO_TRY(heads(j, plain.data, plain.size));
    bool flat = j->padded && plain.size == SOTTO_RL_PLAIN_L && !(j->channels & 12u);
    if (flat) j->used[1] += SOTTO_RL_PLAIN_L;
    bool over = flat && j->used[1] > j->limit[1];
    if (!j->ready && j->count == 0) return SOTTO_ERR_READY_FIRST;
    for (unsigned i = 0; i < j->count; i++) SOTTO_TRY(record(j, &j->records[i], over, !flat, now_us));
    j->cells++;
    return over ? SOTTO_ERR_WINDOW : SOTTO_OK;
}
