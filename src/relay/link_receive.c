#include "relay/link_receive.h"

#include "base/plant.h"

#define PARTS_FIRST 2048u                         /* bytes first asked for an open message */

struct sotto_rl_receive sotto_rl_receive(struct sotto_rl_budget *budget, uint16_t roles, bool padded, uint64_t window2)
{
    struct sotto_rl_receive r = { .roles = roles, .padded = padded, .budget = budget, .limit = { 0, SOTTO_RL_WINDOW_1, window2, SOTTO_RL_WINDOW_3 },
                                  .window = { 0, SOTTO_RL_WINDOW_1, SOTTO_RL_WINDOW_2, SOTTO_RL_WINDOW_3 } };
    for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++) r.parts[i] = sotto_buf_make(SOTTO_RL_MESSAGE_MAX + SOTTO_RL_PLAIN_L);
    return r;
}

static void drop_parts(struct sotto_rl_receive *r, unsigned channel)
{
    r->budget->used -= r->parts[channel].cap;
    sotto_buf_free(&r->parts[channel]);
}

void sotto_rl_receive_end(struct sotto_rl_receive *r)
{
    for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++) drop_parts(r, i);
    sotto_wipe(r, sizeof *r);
}

void sotto_rl_receive_bound(struct sotto_rl_receive *r) { r->window[2] = SOTTO_RL_WINDOW_BOUND; }

/* ---- checking a cell ---- */

/* What a cell changes, while it is not yet sure that it may. */
struct trial {
    bool ready;
    uint8_t channels;
    uint64_t used[SOTTO_RL_CHANNELS], peer_limit[SOTTO_RL_CHANNELS];
    struct sotto_rl_open at[SOTTO_RL_CHANNELS];
    size_t start[SOTTO_RL_CHANNELS];              /* where the open message begins in parts */
};

/* A link may hold as much as it leaves for the others. So n links that open messages and never end them get an n+1st part each, and as much is
 * left for the next one: nobody is shut out by those who were here before. */
static bool may_grow(const struct sotto_rl_receive *r, size_t more)
{
    size_t held = more, left = r->budget->max - r->budget->used;
    for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++) held += r->parts[i].cap;
    return more <= left && held <= left - more;
}

static enum sotto_err keep_part(struct sotto_rl_receive *r, unsigned channel, struct sotto_span body)
{
    struct sotto_buf *b = &r->parts[channel];
    size_t cap = b->cap ? b->cap : PARTS_FIRST, need = b->size + body.size;
    while (cap < need) cap = cap > b->max / 2 ? b->max : cap * 2;
    if (cap > b->cap) {                           /* the shared budget is asked before */
        if (!may_grow(r, cap - b->cap)) return SOTTO_ERR_FULL;
        size_t before = b->cap;
        SOTTO_TRY(sotto_buf_reserve(b, cap - b->size));
        r->budget->used += b->cap - before;
    }
    return sotto_buf_add_span(b, body);
}

static enum sotto_err check_order(struct trial *t, const struct sotto_rl_record *rec, uint64_t now_us)
{
    struct sotto_rl_open *o = &t->at[rec->channel];
    if (rec->first == o->open) return SOTTO_ERR_FRAGMENT_ORDER;
    if (o->open && o->code != rec->code && !SOTTO_PLANTED(LINK_FRAGMENTS_MIXED)) return SOTTO_ERR_FRAGMENT_CODE;
    if (rec->first) *o = (struct sotto_rl_open){ .open = true, .kept = sotto_rl_channel(rec->code) != SOTTO_RL_IGNORED, .code = rec->code, .first_us = now_us };
    if (SOTTO_PLANTED(LINK_MESSAGE_DRIPS)) o->first_us = now_us;
    if (rec->body.size > SOTTO_RL_MESSAGE_MAX - o->size && !SOTTO_PLANTED(LINK_MESSAGE_UNBOUNDED)) return SOTTO_ERR_MESSAGE_SIZE;
    o->size += (uint32_t)rec->body.size;
    return SOTTO_OK;
}

/* A whole message: its body, and what the link itself asks of some. */
static enum sotto_err check_message(const struct sotto_rl_receive *r, struct trial *t, uint8_t code, struct sotto_span bytes)
{
    struct sotto_rl_body b;
    SOTTO_TRY(sotto_rl_body_read(&b, code, bytes));
    if (code == SOTTO_RL_READY) {
        if (b.ready.roles != r->roles) return SOTTO_ERR_READY_ROLES;
        t->ready = true;
    }
    if (code == SOTTO_RL_WINDOW) {
        if (b.window.limit < t->peer_limit[b.window.channel]) return SOTTO_ERR_WINDOW_BACK;
        t->peer_limit[b.window.channel] = b.window.limit;
    }
    return SOTTO_OK;
}

static enum sotto_err check_record(struct sotto_rl_receive *r, struct trial *t, const struct sotto_rl_record *rec, bool counts, uint64_t now_us)
{
    unsigned ch = rec->channel;
    if (!t->ready && !(rec->code == SOTTO_RL_READY && rec->first && !rec->more) && !SOTTO_PLANTED(LINK_READY_LATE)) return SOTTO_ERR_READY_FIRST;
    if (t->ready && rec->code == SOTTO_RL_READY) return SOTTO_ERR_READY_AGAIN;
    if (counts && ch > 0) {
        if (SOTTO_RL_HEAD + rec->body.size > r->limit[ch] - t->used[ch] && !SOTTO_PLANTED(LINK_CREDIT_IGNORED)) return SOTTO_ERR_WINDOW;
        t->used[ch] += SOTTO_RL_HEAD + rec->body.size;
    }
    SOTTO_TRY(check_order(t, rec, now_us));
    struct sotto_rl_open *o = &t->at[ch];
    bool whole = rec->first && !rec->more;
    if (o->kept && !whole) SOTTO_TRY(keep_part(r, ch, rec->body));
    if (rec->more) return SOTTO_OK;
    if (o->kept) {
        struct sotto_span bytes = whole ? rec->body : sotto_span(r->parts[ch].data + t->start[ch], o->size);
        SOTTO_TRY(check_message(r, t, rec->code, bytes));
        if (!whole) t->start[ch] += o->size;
    }
    o->open = false;
    return SOTTO_OK;
}

/* All heads from the left. *channels: bit i, a record of channel i is among them. */
static enum sotto_err check_heads(struct sotto_span plain, uint8_t *channels)
{
    struct sotto_rl_heads h = sotto_rl_heads(plain);
    struct sotto_rl_record rec;
    enum sotto_err err;
    *channels = 0;
    while ((err = sotto_rl_next(&h, &rec)) == SOTTO_OK) *channels |= (uint8_t)(1u << rec.channel);
    return err == SOTTO_ERR_MISSING ? SOTTO_OK : err;
}

static enum sotto_err check_cell(struct sotto_rl_receive *r, struct trial *t, struct sotto_span plain, enum sotto_rl_class c, uint64_t now_us)
{
    struct sotto_rl_heads h = sotto_rl_heads(plain);
    struct sotto_rl_record rec;
    SOTTO_TRY(sotto_rl_receive_time(r, now_us));
    SOTTO_TRY(check_heads(plain, &t->channels));
    bool flat = r->padded && c == SOTTO_RL_L && t->channels < 1u << 2;/* counts alike, whatever is in it: nobody may learn it from WINDOW */
    bool over = flat && SOTTO_RL_PLAIN_L > r->limit[1] - r->used[1];
    if (flat && !over && !SOTTO_PLANTED(LINK_EMPTY_CELL_FREE)) t->used[1] += SOTTO_RL_PLAIN_L;
    bool any = false;
    for (; sotto_rl_next(&h, &rec) == SOTTO_OK; any = true) {
        if (over && (t->ready ? rec.code != SOTTO_RL_READY : rec.code == SOTTO_RL_READY)) return SOTTO_ERR_WINDOW;
        SOTTO_TRY(check_record(r, t, &rec, !flat, now_us));
    }
    if (!any && !t->ready) return SOTTO_ERR_READY_FIRST;
    return over ? SOTTO_ERR_WINDOW : SOTTO_OK;
}

/* ---- taking it ---- */

static void tell(uint8_t code, unsigned channel, struct sotto_span bytes, sotto_rl_message_fn *fn, void *owner)
{
    struct sotto_rl_body body;
    enum sotto_err err = sotto_rl_body_read(&body, code, bytes);
    SOTTO_ASSERT(err == SOTTO_OK);                /* it was read before */
    fn(owner, &(struct sotto_rl_message){ code, (uint8_t)channel, &body, bytes });
}

static void hand_out(struct sotto_rl_receive *r, struct sotto_span plain, const uint32_t begun[SOTTO_RL_CHANNELS], sotto_rl_message_fn *fn, void *owner)
{
    struct sotto_rl_heads h = sotto_rl_heads(plain);
    struct sotto_rl_record rec;
    size_t start[SOTTO_RL_CHANNELS] = { 0 }, size[SOTTO_RL_CHANNELS];
    for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++) size[i] = begun[i];
    while (sotto_rl_next(&h, &rec) == SOTTO_OK) {
        unsigned ch = rec.channel;
        r->bytes[ch] += SOTTO_RL_HEAD + rec.body.size;
        if (sotto_rl_channel(rec.code) == SOTTO_RL_IGNORED) continue;
        if (rec.first && !rec.more) {
            tell(rec.code, ch, rec.body, fn, owner);
            continue;
        }
        size[ch] = (rec.first ? 0 : size[ch]) + rec.body.size;
        if (rec.more) continue;
        tell(rec.code, ch, sotto_span(r->parts[ch].data + start[ch], size[ch]), fn, owner);
        start[ch] += size[ch];
    }
}

static void settle(struct sotto_rl_receive *r, const struct trial *t)
{
    r->ready = t->ready;
    r->channels = t->channels;
    r->cells++;
    memcpy(r->used, t->used, sizeof r->used);
    memcpy(r->at, t->at, sizeof r->at);
    for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++) {
        if (t->start[i] == r->parts[i].size) drop_parts(r, i);
        else sotto_buf_drop(&r->parts[i], t->start[i]);
    }
}

enum sotto_err sotto_rl_receive_cell(struct sotto_rl_receive *r, struct sotto_span plain, enum sotto_rl_class c, uint64_t now_us,
                                     const struct sotto_rl_credit *send, sotto_rl_message_fn *fn, void *owner)
{
    struct trial t = { .ready = r->ready };
    uint32_t begun[SOTTO_RL_CHANNELS];
    size_t held[SOTTO_RL_CHANNELS];
    SOTTO_ASSERT(plain.size == sotto_rl_plain(c));
    memcpy(t.used, r->used, sizeof t.used);
    memcpy(t.at, r->at, sizeof t.at);
    memcpy(t.peer_limit, send->limit, sizeof t.peer_limit);
    for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++) begun[i] = r->at[i].open ? r->at[i].size : 0, held[i] = r->parts[i].size;
    enum sotto_err err = check_cell(r, &t, plain, c, now_us);
    if (err != SOTTO_OK) {
        for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++) r->parts[i].size = held[i];
        return err;
    }
    hand_out(r, plain, begun, fn, owner);
    settle(r, &t);
    return SOTTO_OK;
}

enum sotto_err sotto_rl_receive_time(const struct sotto_rl_receive *r, uint64_t now_us)
{
    return now_us >= sotto_rl_receive_deadline(r) ? SOTTO_ERR_MESSAGE_TIME : SOTTO_OK;
}

uint64_t sotto_rl_receive_deadline(const struct sotto_rl_receive *r)
{
    uint64_t at = UINT64_MAX;
    for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++)
        if (r->at[i].open && r->at[i].first_us + SOTTO_RL_MESSAGE_US < at) at = r->at[i].first_us + SOTTO_RL_MESSAGE_US;
    return at;
}

bool sotto_rl_receive_due(const struct sotto_rl_receive *r, unsigned channel, uint64_t *limit)
{
    SOTTO_ASSERT(channel >= 1 && channel < SOTTO_RL_CHANNELS);
    uint64_t w = r->window[channel];
    if (r->limit[channel] - r->used[channel] > w / 2) return false;
    *limit = r->used[channel] + (SOTTO_PLANTED(LINK_CREDIT_TWICE) ? 2 * w : w);
    return true;
}

void sotto_rl_receive_granted(struct sotto_rl_receive *r, unsigned channel, uint64_t limit)
{
    SOTTO_ASSERT(channel >= 1 && channel < SOTTO_RL_CHANNELS && limit >= r->limit[channel]);
    r->limit[channel] = limit;
}
