/* The hostile end of a link: it knows the format and holds the keys. Between it and its victim sits a second reader, which says of each cell what
 * the victim must make of it, and of each cell of the victim whether an honest one may say that. */
#include "sim/links_world.h"

#include <stdlib.h>

enum { STEP_US = 50000, LIVE_S = 12, FED_MAX = 30, PIECE = SOTTO_RL_PLAIN_L - SOTTO_RL_HEAD, BACKLOG = 64 << 10, ROUND_US = 3 };
static const uint64_t windows[SOTTO_RL_CHANNELS] = { 0, SOTTO_RL_WINDOW_1, SOTTO_RL_WINDOW_2, SOTTO_RL_WINDOW_3 };

struct links_raw *links_raw_new(struct links_world *w, struct links_node *node)
{
    struct links_raw *r = links_need(calloc(1, sizeof *r));
    struct sotto_rl_status s = { .options = sotto_rl_options() };
    r->w = w;
    r->node = node;
    s.options.has = SOTTO_RL_HAS(1);
    s.options.roles = SOTTO_RL_FLOOD | SOTTO_RL_STEM;
    if (links_below(&w->hostile, 4) == 0) s.options.has |= SOTTO_RL_HAS(5), s.options.stem_class = 1;
    sotto_scalar_random(&r->fresh, &node->rng.rng);
    if (sotto_point_make(&r->fresh_pub, &r->fresh) != SOTTO_OK) links_need(NULL);
    s.fresh = r->fresh_pub;
    sotto_rng_fill(&node->rng.rng, s.nonce, sizeof s.nonce);
    SOTTO_ASSERT(sotto_rl_status_write(r->status, &s, NULL, 0) == SOTTO_OK);
    r->options = s.options;
    return r;
}

void links_raw_free(struct links_raw *r)
{
    if (!r) return;
    if (r->keyed) {
        judge_end(&r->to);
        judge_end(&r->from);
    }
    sotto_wipe(r, sizeof *r);
    free(r);
}

void links_raw_begin(struct links_raw *r)
{
    struct links_world *w = r->w;
    r->begun_us = w->now_us;
    links_at(w, w->now_us + sotto_rng_exp_us(&w->hostile.rng, STEP_US), LINKS_HOSTILE, r->own->c, 0);
}

/* ---- what the victim says ---- */

static void heard_status(struct links_raw *r, struct sotto_span payload)
{
    struct sotto_rl_status theirs;
    struct sotto_rl_keys keys;
    bool dialled = r->own->side == 0;
    SOTTO_ASSERT(!r->keyed && payload.size == sizeof r->theirs);
    memcpy(r->theirs, payload.data, payload.size);
    if (sotto_rl_status_read(&theirs, payload, &r->fresh_pub) != SOTTO_OK) {
        links_break(r->w, "breach", "a node says a STATUS that nobody may take");
        return;
    }
    const struct sotto_rl_side side = { .dialled = dialled, .own = &r->node->key, .fresh = &r->fresh, .own_pub = r->node->pub,
                                        .peer_pub = r->w->nodes[r->victim->node].pub, .peer_fresh = theirs.fresh,
                                        .own_status = SOTTO_SPAN(r->status), .peer_status = SOTTO_SPAN(r->theirs) };
    SOTTO_ASSERT(sotto_rl_keys(&keys, &side) == SOTTO_OK);
    sotto_rl_keys_lane(&r->out, &keys, dialled ? SOTTO_RL_IR : SOTTO_RL_RI);
    sotto_rl_keys_lane(&r->tap_to, &keys, dialled ? SOTTO_RL_IR : SOTTO_RL_RI);
    sotto_rl_keys_lane(&r->tap_from, &keys, dialled ? SOTTO_RL_RI : SOTTO_RL_IR);
    SOTTO_WIPE(keys);
    judge_begin(&r->to, &r->from, r->options.roles, r->options.stem_class == 1, theirs.options.window);
    judge_begin(&r->from, &r->to, theirs.options.roles, theirs.options.stem_class == 1, r->options.window);
    memcpy(r->granted, r->from.limit, sizeof r->granted);
    r->keyed = true;
}

static void heard_record(struct links_raw *r, const struct judge_record *rec, const uint64_t limits[SOTTO_RL_CHANNELS])
{
    struct links_world *w = r->w;
    struct sotto_rl_body b;
    if (rec->channel == 0 && rec->code > SOTTO_RL_PONG) r->control++;
    if (rec->code == SOTTO_RL_PONG) r->pongs++;
    if (rec->code != SOTTO_RL_WINDOW && rec->code != SOTTO_RL_ACK) return;
    SOTTO_ASSERT(sotto_rl_body_read(&b, rec->code, rec->body) == SOTTO_OK);
    if (rec->code == SOTTO_RL_WINDOW) {
        unsigned ch = b.window.channel;
        uint64_t seconds = (w->now_us - r->keyed_us) / LINKS_SECOND + 1, rate = r->victim->options.bytes_rate;
        uint64_t burst = rate * SOTTO_RL_BURST_S > SOTTO_RL_BYTES_BURST ? rate * SOTTO_RL_BURST_S : SOTTO_RL_BYTES_BURST;
        if (ch == 2) r->sync_granted += b.window.limit - limits[2];
        if (r->sync_granted > burst + rate * seconds)
            links_break(w, "rate", "%llu bytes of credit on channel 2 in %llu s", (unsigned long long)r->sync_granted, (unsigned long long)seconds);
        if (b.window.limit != r->to.used[ch] + windows[ch] || limits[ch] - r->to.used[ch] > windows[ch] / 2)
            links_break(w, "credit", "new credit of channel %u: %llu at %llu used of %llu", ch, (unsigned long long)b.window.limit,
                        (unsigned long long)r->to.used[ch], (unsigned long long)limits[ch]);
        return;
    }
    if (b.ack.cells != r->to.cells || (r->ack_us && w->now_us < r->ack_us + SOTTO_RL_ACK_US))
        links_break(w, "ack", "an ACK too early, or of a wrong number");
    r->ack_us = w->now_us;
}

/* It keeps to what we accept, half a burst ahead at most: delays press cells together. */
static void fill_pay(struct links_raw *r)
{
    int64_t most = (int64_t)r->pay_rate * SOTTO_RL_BURST_S / 2 * 1000000;
    r->pay_level += (int64_t)((r->w->now_us - r->pay_us) * r->pay_rate);
    r->pay_us = r->w->now_us;
    if (r->pay_level > most) r->pay_level = most;
}
static void paid(struct links_raw *r)
{
    fill_pay(r);
    r->pay_level -= 1000000;
    if (r->pay_level < 0)
        links_break(r->w, "rate", "cells of channels 0 and 1 leave faster than %llu a second", (unsigned long long)r->pay_rate);
}
static void new_rate(struct links_raw *r, uint32_t cells_rate)
{
    fill_pay(r);
    r->pay_rate = cells_rate;
    fill_pay(r);
}

static void heard_cell(struct links_raw *r, struct sotto_span payload)
{
    struct links_world *w = r->w;
    uint8_t plain[SOTTO_RL_PLAIN_L];
    enum sotto_rl_class c;
    uint64_t limits[SOTTO_RL_CHANNELS], seconds = (w->now_us - r->begun_us) / LINKS_SECOND + 1;
    if (sotto_rl_open(&r->tap_from, plain, &c, payload) != SOTTO_OK) {
        links_break(w, "seal", "a cell of a node does not open");
        return;
    }
    memcpy(limits, r->to.limit, sizeof limits);
    bool first = r->from.cells == 0;
    /* no time: what waits for our credit may wait */
    enum sotto_err err = judge_cell(&r->from, sotto_span(plain, sotto_rl_plain(c)), 1);
    if (err != SOTTO_OK) {
        links_break(w, "breach", "a node says what nobody may take: %s", sotto_err_name(err));
        return;
    }
    for (unsigned i = 0; i < r->from.count; i++) heard_record(r, &r->from.records[i], limits);
    if (!first && !r->victim->paced && r->from.channels & 3u) paid(r);
    if (r->control > SOTTO_RL_CONTROL_RATE * (SOTTO_RL_BURST_S + seconds))
        links_break(w, "rate", "%llu records of channel 0 in %llu s", (unsigned long long)r->control, (unsigned long long)seconds);
    if (r->pongs > seconds * LINKS_SECOND / SOTTO_RL_PING_US + 2)
        links_break(w, "rate", "%llu PONGs in %llu s", (unsigned long long)r->pongs, (unsigned long long)seconds);
    if (!first && !r->victim->paced && (r->from.count == 0 || (c == SOTTO_RL_L) != (r->from.text_size > SOTTO_RL_PLAIN_S)))
        links_break(w, "size", "a cell larger than what is in it, or an empty one");
}

void links_raw_heard(struct links_raw *r, unsigned code, struct sotto_span payload)
{
    if (code == SOTTO_RL_STATUS) heard_status(r, payload);
    else if (r->keyed) heard_cell(r, payload);
}

/* ---- what reaches the victim, and what it must make of it ---- */

static int64_t full(uint32_t rate) { return (int64_t)rate * SOTTO_RL_BURST_S * 1000000; }
static void fill(int64_t *level, uint64_t passed, uint32_t rate)
{
    *level += (int64_t)(passed * rate);
    if (*level > full(rate)) *level = full(rate);
}

static void pay(struct links_raw *r)
{
    uint32_t rate = r->victim->options.cells_rate;
    uint64_t now = r->w->now_us, passed = now - r->take_us, wait = 0;
    unsigned ch = r->to.channels;
    fill(&r->take_cells, passed, rate);
    fill(&r->take_media, passed, SOTTO_RL_MEDIA_RATE);
    r->take_us = now;
    if (ch == 0 || ch & 3u) r->take_cells -= 1000000;
    if (ch & 8u) r->take_media -= 1000000;
    if (r->take_cells < 0) wait = (uint64_t)-r->take_cells / rate;
    if (r->take_media < 0 && (uint64_t)-r->take_media / SOTTO_RL_MEDIA_RATE > wait) wait = (uint64_t)-r->take_media / SOTTO_RL_MEDIA_RATE;
    uint64_t most = SOTTO_RL_DEBT_S * LINKS_SECOND;
    r->want_pause_us = wait;
    r->rate_over = wait > most + ROUND_US;
    r->rate_near = wait + ROUND_US >= most && wait <= most + ROUND_US;
}

static enum sotto_err cell_comes(struct links_raw *r, struct sotto_span payload)
{
    uint8_t plain[SOTTO_RL_PLAIN_L];
    enum sotto_rl_class c;
    SOTTO_TRY(sotto_rl_open(&r->tap_to, plain, &c, payload));
    SOTTO_TRY(judge_cell(&r->to, sotto_span(plain, sotto_rl_plain(c)), r->w->now_us));
    pay(r);
    for (unsigned i = 0; i < r->to.count; i++) {
        struct sotto_rl_body b;
        if (r->to.records[i].code != SOTTO_RL_UPDATE || sotto_rl_body_read(&b, SOTTO_RL_UPDATE, r->to.records[i].body) != SOTTO_OK) continue;
        if (b.update.options.has & SOTTO_RL_HAS(3)) new_rate(r, b.update.options.cells_rate);
    }
    return SOTTO_OK;
}

void links_raw_before(struct links_raw *r, unsigned code, struct sotto_span payload, enum sotto_err *want)
{
    struct sotto_rl_info info;
    sotto_rl_info(r->victim->rl, &info);
    r->rate_over = r->rate_near = r->paused = false;
    r->want_pause_us = r->expect_at = 0;
    if (r->keyed) r->to.whole.size = 0;
    if (code == SOTTO_RL_STATUS && info.state == SOTTO_RL_OPENING) {
        *want = r->status_err;
        r->keyed_us = r->take_us = r->pay_us = r->w->now_us;
        r->pay_rate = r->options.cells_rate;
        r->pay_level = INT64_MAX / 2;
        r->take_cells = full(r->victim->options.cells_rate);
        r->take_media = full(SOTTO_RL_MEDIA_RATE);
    } else if (code == SOTTO_RL_CELL && (info.state == SOTTO_RL_KEYED || info.state == SOTTO_RL_UP)) {
        *want = cell_comes(r, payload);
        if (*want != SOTTO_OK) r->to.whole.size = 0;
    } else {
        *want = SOTTO_ERR_LINK_CODE;
    }
}

static bool own_code(uint8_t code)
{
    return code == SOTTO_RL_READY || code == SOTTO_RL_WINDOW || code == SOTTO_RL_ACK || code == SOTTO_RL_PING || code == SOTTO_RL_PONG;
}

/* The next whole message that the node must be told. */
static bool next_told(struct links_raw *r, uint8_t *code, struct sotto_span *bytes)
{
    while (r->keyed && r->expect_at < r->to.whole.size) {
        const uint8_t *at = r->to.whole.data + r->expect_at;
        *code = at[0];
        *bytes = sotto_span(at + 6, sotto_be32(at + 2));
        r->expect_at += 6 + bytes->size;
        if (!own_code(*code)) return true;
    }
    return false;
}

void links_raw_got(struct links_raw *r, const struct sotto_rl_message *m)
{
    uint8_t code;
    struct sotto_span bytes;
    if (!next_told(r, &code, &bytes) || code != m->code || !sotto_span_equal(bytes, m->bytes))
        links_break(r->w, "whole", "a node is told of a message of code %02x that is not in the cell", m->code);
}

static bool no_memory(const struct links_raw *r) { return r->victim->ended && r->victim->err == SOTTO_ERR_FULL && r->w->crowded; }

void links_raw_after(struct links_raw *r, enum sotto_err want)
{
    const struct links_end *v = r->victim;
    uint8_t code;
    struct sotto_span bytes;
    if (no_memory(r)) return;
    if (want != SOTTO_OK) {
        if (!v->ended || v->err != want)
            links_break(r->w, "penalty", "%s goes for %s", sotto_err_name(want), v->ended ? sotto_err_name(v->err) : "nothing");
        return;
    }
    if (next_told(r, &code, &bytes)) links_break(r->w, "whole", "a message of code %02x is lost", code);
    if (v->ended && !(v->err == SOTTO_ERR_LINK_RATE && (r->rate_over || r->rate_near)))
        links_break(r->w, "penalty", "%s, and nothing was wrong", sotto_err_name(v->err));
    else if (!v->ended && r->rate_over) links_break(r->w, "penalty", "who is far above its rate stays");
    else if (!v->ended && r->want_pause_us > ROUND_US && !r->paused) links_break(r->w, "penalty", "who is above its rate is read");
}

void links_raw_paused(struct links_raw *r, uint64_t until_us)
{
    uint64_t until = r->w->now_us + r->want_pause_us;
    if (until_us + ROUND_US < until || until_us > until + ROUND_US)
        links_break(r->w, "rate", "a pause of %llu us, and %llu are right", (unsigned long long)(until_us - r->w->now_us),
                    (unsigned long long)r->want_pause_us);
    r->paused = true;
}

void links_raw_ticked(struct links_raw *r)
{
    const struct links_end *v = r->victim;
    bool late = false;
    uint64_t now = r->w->now_us;
    for (unsigned ch = 0; r->keyed && ch < SOTTO_RL_CHANNELS; ch++)
        late = late || (r->to.at[ch].open && now >= r->to.at[ch].first_us + SOTTO_RL_MESSAGE_US);
    bool silent = !v->was_up && now >= (r->keyed_us ? r->keyed_us : r->begun_us) + SOTTO_RL_STATUS_US;
    enum sotto_err want = silent ? SOTTO_ERR_LINK_TIME : late ? SOTTO_ERR_MESSAGE_TIME : SOTTO_OK;
    if (want != (v->ended ? v->err : SOTTO_OK))
        links_break(r->w, "penalty", "by the clock %s goes for %s", sotto_err_name(want), sotto_err_name(v->ended ? v->err : SOTTO_OK));
}

/* A node whose memory is full may have sent it away before it came to that. */
void links_raw_closed(struct links_raw *r)
{
    struct links_world *w = r->w;
    const struct links_end *v = r->victim;
    const char *want = w->strategy->end, *was = v->ended ? sotto_err_name(v->err) : NULL;
    if (v->ended) w->r->refused++, w->r->end = was;
    if (w->r->broken || (want && !*want) || no_memory(r)) return;
    if (v->paced && want && was && strcmp(want, "message-size") == 0) want = "message-time";         /* credit comes with its slots */
    if ((want && (!was || strcmp(was, want) != 0)) || (!want && was))
        links_break(w, "penalty", "the strategy ends with %s, and the table says %s", was ? was : "nothing", want ? want : "nothing");
}

bool links_raw_busy(const struct links_raw *r)
{
    const char *end = r->w->strategy->end;
    return !r->victim->ended && (!r->done || (end && *end));
}

/* ---- what it says ---- */

void links_raw_seal(struct links_raw *r, enum sotto_rl_class c, const void *text, size_t size, bool raw)
{
    uint8_t plain[SOTTO_RL_PLAIN_L] = { 0 };
    struct sotto_rl_heads h = sotto_rl_heads(sotto_span(plain, sotto_rl_plain(c)));
    struct sotto_rl_record rec;
    unsigned channels = 0;
    uint64_t used[SOTTO_RL_CHANNELS] = { 0 };
    SOTTO_ASSERT(size <= sotto_rl_plain(c));
    memcpy(plain, text, size);
    if (size < sotto_rl_plain(c) && !raw) plain[size] = SOTTO_RL_END_MARK;
    while (sotto_rl_next(&h, &rec) == SOTTO_OK) {
        channels |= 1u << rec.channel;
        used[rec.channel] += SOTTO_RL_HEAD + rec.body.size;
    }
    if (r->options.stem_class == 1 && c == SOTTO_RL_L && channels < 4) used[1] = SOTTO_RL_PLAIN_L;
    for (unsigned ch = 1; ch < SOTTO_RL_CHANNELS; ch++) r->sent[ch] += used[ch];
    SOTTO_ASSERT(sotto_rl_seal(&r->out, r->last, &r->last_size, c, plain) == SOTTO_OK);
}

void links_raw_cell(struct links_raw *r, enum sotto_rl_class c, const void *text, size_t size, bool raw)
{
    links_raw_seal(r, c, text, size, raw);
    links_put(r->own, SOTTO_RL_CELL, sotto_span(r->last, r->last_size));
}

bool links_raw_fits(const struct links_raw *r, unsigned channel, size_t bytes)
{
    size_t cost = r->options.stem_class == 1 && channel < 2 && bytes < SOTTO_RL_PLAIN_L ? SOTTO_RL_PLAIN_L : bytes;
    unsigned pays = channel == 0 ? 1 : channel;
    bool free = channel == 0 && r->options.stem_class == 0;
    return r->own->out.backlog_bytes < BACKLOG && (free || r->to.limit[pays] - r->sent[pays] >= cost);
}

void links_raw_numbers(struct links_raw *r, uint8_t code, const uint64_t *values, size_t count)
{
    uint8_t text[40] = { code, SOTTO_RL_FIRST };
    struct sotto_buf b = { text + SOTTO_RL_HEAD, 0, 32, 32 };
    SOTTO_ASSERT(sotto_rl_body_numbers(&b, values, count) == SOTTO_OK);
    text[3] = (uint8_t)b.size;
    links_raw_cell(r, SOTTO_RL_S, text, SOTTO_RL_HEAD + b.size, false);
}

static void whole_message(struct links_raw *r, uint8_t code, uint32_t size)
{
    struct links_world *w = r->w;
    struct sotto_span s = links_body(w, code, size, (uint32_t)sotto_rng_u64(&w->hostile.rng));
    unsigned ch = sotto_rl_channel(code);
    uint8_t text[SOTTO_RL_PLAIN_L];
    if (!links_raw_fits(r, ch, s.size + (s.size / PIECE + 1) * SOTTO_RL_HEAD + SOTTO_RL_PLAIN_L)) return;
    for (size_t at = 0; at < s.size; ) {
        size_t take = s.size - at < PIECE ? s.size - at : PIECE;
        text[0] = code;
        text[1] = (uint8_t)(ch | (at == 0 ? SOTTO_RL_FIRST : 0) | (at + take < s.size ? SOTTO_RL_MORE : 0));
        sotto_put_be16(text + 2, (uint16_t)take);
        memcpy(text + SOTTO_RL_HEAD, s.data + at, take);
        links_raw_cell(r, SOTTO_RL_HEAD + take <= SOTTO_RL_PLAIN_S ? SOTTO_RL_S : SOTTO_RL_L, text, SOTTO_RL_HEAD + take, false);
        at += take;
    }
}

void links_raw_grant(struct links_raw *r, unsigned channel, uint64_t limit)
{
    r->granted[channel] = limit;
    links_raw_numbers(r, SOTTO_RL_WINDOW, (const uint64_t[]){ channel, limit }, 2);
}

static void grants(struct links_raw *r)
{
    for (unsigned ch = 1; ch < SOTTO_RL_CHANNELS && !r->no_grant; ch++)
        if (r->granted[ch] - r->from.used[ch] <= windows[ch] / 2 && links_raw_fits(r, 0, 20)) links_raw_grant(r, ch, r->from.used[ch] + windows[ch]);
}

/* As an honest peer speaks: within its credit and its rates. */
void links_raw_live(struct links_raw *r)
{
    static const uint8_t codes[] = { SOTTO_RL_NOTICE, SOTTO_RL_PEERS, SOTTO_RL_INV, SOTTO_RL_STEM_TX, 0x26, 0x42, SOTTO_RL_CCELL };
    struct links_world *w = r->w;
    if (r->out.counter * 2 > SOTTO_RL_CELLS_RATE * (SOTTO_RL_BURST_S + (w->now_us - r->begun_us) / LINKS_SECOND)) return;
    grants(r);
    if (w->now_us >= r->ping_us + SOTTO_RL_PING_US + LINKS_SECOND && links_raw_fits(r, 0, 12)) {
        r->ping_us = w->now_us;
        links_raw_cell(r, SOTTO_RL_S, "\x07\x40\x00\x08nonce...", 12, false);
    }
    if (links_below(&w->hostile, 20) == 0 && links_raw_fits(r, 0, 20)) links_raw_numbers(r, SOTTO_RL_ACK, &r->from.cells, 1);
    uint8_t code = codes[links_below(&w->hostile, sizeof codes)];
    whole_message(r, code, (uint32_t)links_between(&w->hostile, 1, links_below(&w->hostile, 4) ? 1000 : 12000) % (code == SOTTO_RL_PEERS ? 3300 : 12000));
}

/* Its victim speaks to it too. */
static void feed(struct links_raw *r)
{
    static const uint8_t codes[] = { SOTTO_RL_NOTICE, SOTTO_RL_STEM_TX, 0x26, 0x42 };
    struct links_world *w = r->w;
    struct links_end *v = r->victim;
    if (!v->was_up || v->ended) return;
    if (r->feeds) {
        if (v->out.backlog_bytes + SOTTO_RL_PAYLOAD_MAX <= v->c->ahead && r->fed++ < FED_MAX)
            (void)!sotto_rl_send(v->rl, 0x26, links_body(w, 0x26, 200000, 7));
    } else if (r->chatty) {
        (void)!sotto_rl_send(v->rl, SOTTO_RL_NOTICE, links_body(w, SOTTO_RL_NOTICE, 7, (uint32_t)w->now_us));
    } else if (links_below(&w->hostile, 8) == 0) {
        uint8_t code = codes[links_below(&w->hostile, sizeof codes)];
        for (unsigned k = 0; k < (links_below(&w->hostile, 16) ? 1 : 200); k++)
            (void)!sotto_rl_send(v->rl, code, links_body(w, code, (uint32_t)links_between(&w->hostile, 1, 3000), 7));
    }
    links_flush(v);
}

void links_raw_step(struct links_raw *r)
{
    struct links_world *w = r->w;
    const struct links_strategy *s = w->strategy;
    if (r->victim->ended || r->mute || (r->done && w->now_us > w->end_us)) return;
    unsigned phase = r->step < LINKS_LIVE ? r->step : LINKS_LIVE;
    bool its = phase == s->phase && (phase < LINKS_LIVE || w->now_us >= r->live_us);
    if (its && !r->done) {
        if (s->commit) s->commit(r);
        else {
            links_raw_cell(r, SOTTO_RL_S, s->text, s->size, false);
            r->done = true;
        }
    } else if (phase == LINKS_AT_STATUS) links_put(r->own, SOTTO_RL_STATUS, SOTTO_SPAN(r->status));
    else if (phase == LINKS_AT_READY) links_raw_numbers(r, SOTTO_RL_READY, (const uint64_t[]){ r->options.roles }, 1);
    else if (!its) links_raw_live(r);
    if (phase < LINKS_LIVE && (!its || !s->commit || r->done)) r->step++;
    if (r->step == LINKS_LIVE && !r->live_us) r->live_us = w->now_us + links_below(&w->hostile, LIVE_S * LINKS_SECOND);
    feed(r);
    links_at(w, w->now_us + 1 + sotto_rng_exp_us(&w->hostile.rng, STEP_US), LINKS_HOSTILE, r->own->c, 0);
}
