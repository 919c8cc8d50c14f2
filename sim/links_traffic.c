/* Messages of honest ends: what they say, when it must be there, and that it comes once, whole and in order. */
#include "sim/links_world.h"

enum { UPDATE_WINDOW = 262144, PEER_ITEM = 200 };

/* ---- bodies: both ends make them from three numbers ---- */

static size_t list_head(uint8_t *out, unsigned base, size_t size)      /* base: c0 of a list, 80 of a string */
{
    if (size < 56) {
        out[0] = (uint8_t)(base + size);
        return 1;
    }
    size_t bytes = size < 256 ? 1 : size < 65536 ? 2 : 3;
    out[0] = (uint8_t)(base + 55 + bytes);
    for (size_t i = 0; i < bytes; i++) out[1 + i] = (uint8_t)(size >> (8 * (bytes - 1 - i)));
    return 1 + bytes;
}
static size_t head_size(size_t size) { return size < 56 ? 1 : size < 256 ? 2 : size < 65536 ? 3 : 4; }

/* [string] of about so many bytes */
static size_t one_string(uint8_t *out, const uint8_t *from, size_t size)
{
    size = size < 2 ? 2 : size;                   /* a single byte below 80 would be its own string */
    size_t at = list_head(out, 0xc0, head_size(size) + size);
    at += list_head(out + at, 0x80, size);
    memcpy(out + at, from, size);
    return at + size;
}

struct sotto_span links_body(struct links_world *w, uint8_t code, uint32_t size, uint32_t seed)
{
    uint8_t *b = w->body;
    const uint8_t *from = w->pool + seed % SOTTO_RL_MESSAGE_MAX;
    switch (code) {
    case SOTTO_RL_NOTICE:
        memcpy(b, "\xc6\x63\x84", 3);
        sotto_put_be32(b + 3, seed | 1u << 31);
        return sotto_span(b, 7);
    case SOTTO_RL_PEERS: {
        size_t items = size / PEER_ITEM, at;
        items = items < 1 ? 1 : items > 16 ? 16 : items;
        size_t each = head_size(PEER_ITEM + 2) + head_size(PEER_ITEM) + PEER_ITEM;
        at = list_head(b, 0xc0, items * each);
        for (size_t i = 0; i < items; i++) at += one_string(b + at, from + i, PEER_ITEM);
        return sotto_span(b, at);
    }
    case SOTTO_RL_INV: {
        size_t bytes = size < 16 ? 16 : size > 1024 ? 1024 : size / 16 * 16;
        memcpy(b, from, bytes);
        return sotto_span(b, bytes);
    }
    case SOTTO_RL_CCELL:
        memcpy(b, from, 128);
        b[0] |= 1;
        return sotto_span(b, 128);
    case SOTTO_RL_STEM_TX:
        memcpy(b, from, size);
        return sotto_span(b, size);
    case SOTTO_RL_UPDATE: {                       /* size and seed are the two rates */
        struct sotto_rl_options o = sotto_rl_options();
        struct sotto_buf out = { b, 0, 256, 256 };
        o.has = SOTTO_RL_HAS(3);
        o.cells_rate = size, o.bytes_rate = seed, o.window = UPDATE_WINDOW;
        size_t mark = sotto_rlp_begin(&out);
        SOTTO_ASSERT(sotto_rl_options_write(&out, &o) == SOTTO_OK && sotto_rlp_end_list(&out, mark) == SOTTO_OK);
        return sotto_buf_span(&out);
    }
    default: return sotto_span(b, one_string(b, from, size));
    }
}

/* ---- when it must be there ---- */

static const uint8_t service[SOTTO_RL_CHANNELS] = { 1, 2, 3, 0 };      /* place of a channel in the order 3, 0, 1, 2 */

/* How long the line alone takes, and from a cell to its answer when the buffers on both sides are full. */
static uint64_t line_us(const struct links_conn *c, uint64_t bytes)
{
    uint64_t flight = c->delay_us + 8 * (uint64_t)c->jitter_us + 1, by_window = (uint64_t)c->fly * LINKS_SECOND / flight;
    return bytes * LINKS_SECOND / (by_window < c->rate ? by_window : c->rate);
}
static uint64_t turn_us(const struct links_end *e)
{
    const struct links_conn *c = e->c;
    uint64_t flight = 2 * (c->delay_us + 8 * (uint64_t)c->jitter_us);
    if (c->end[1 - e->side].paced) flight += LINKS_SLOT_GAP_US;        /* new credit comes with a slot */
    return flight + 2 * line_us(c, c->ahead + SOTTO_RL_WINDOW_3) + LINKS_SECOND / c->end[e->side].cells_rate_min;
}

/* If nothing else were there: by the line, by credit, by the rates of its channel. */
static uint64_t cost_us(const struct links_end *e, unsigned ch, size_t size)
{
    const struct links_end *o = &e->c->end[1 - e->side];               /* its rates hold */
    uint64_t cells = size / SOTTO_RL_PLAIN_L + size / 32768 + 2, cost = line_us(e->c, cells * (SOTTO_RL_PAYLOAD_MAX + LINKS_FRAME));
    if (ch > 0) cost += size / (ch == 2 ? 65536 : 16384) * turn_us(e) / 2;
    if (ch < 2) cost += cells * LINKS_SECOND / o->cells_rate_min;
    if (ch == 0) cost += cells * LINKS_SECOND / SOTTO_RL_CONTROL_RATE;
    if (ch == 2) cost += size * LINKS_SECOND / o->bytes_rate_min;
    if (ch == 3) cost += cells * LINKS_SECOND / SOTTO_RL_MEDIA_RATE;
    return cost;
}

/* A paced end counts slots, a cell each; what was on the line when it was handed over is nothing then. */
static uint64_t clock_of(const struct links_end *e) { return e->paced ? e->slots : e->w->now_us; }
static uint64_t slack_of(const struct links_end *e) { return e->paced ? 40 : 2 * LINKS_SECOND + 2 * turn_us(e); }

static uint64_t later(uint64_t a, uint64_t b) { return a > b ? a : b; }

void links_delay(struct links_conn *c, uint64_t us)
{
    for (unsigned s = 0; s < 2; s++) {
        struct links_end *e = &c->end[s];
        for (unsigned ch = 0; ch < SOTTO_RL_CHANNELS && !e->paced; ch++) e->due[ch] = later(e->due[ch], e->w->now_us) + us, e->extra[ch] += us;
    }
}

/* What is cut on a paced end waits for all that is served before it, and has 60 s: what is handed over together is through in two slots, and
 * nothing comes after it until then. */
static bool in_batch(struct links_end *e)
{
    bool any = false;
    for (unsigned ch = 0; ch < SOTTO_RL_CHANNELS; ch++) any = any || e->to[ch].count > 0;
    if (!any) e->batch_us = e->w->now_us;
    return e->batch_us == e->w->now_us;
}

/* What is served behind it waits for it too; may it be handed over at all? */
static bool may_hand(struct links_end *e, unsigned ch, uint64_t cost)
{
    if (e->paced && !in_batch(e)) return false;
    uint64_t now = clock_of(e), most = e->paced ? 2 : e->w->bulk ? 10 * LINKS_BOUND_US : LINKS_BOUND_US;       /* bulk: one after the other */
    for (unsigned other = 0; other < SOTTO_RL_CHANNELS; other++)
        if (service[other] >= service[ch] && later(e->due[other], now) + cost > now + most) return false;
    return e->to[ch].count < LINKS_WANTS;
}

bool links_hand(struct links_end *e, uint8_t code, uint32_t size)
{
    static const size_t most[SOTTO_RL_CHANNELS] = { SOTTO_RL_QUEUE_0, SOTTO_RL_QUEUE_1, SOTTO_RL_QUEUE_2, SOTTO_RL_QUEUE_3 };
    struct links_world *w = e->w;
    unsigned ch = sotto_rl_channel(code);
    uint64_t draw = code == SOTTO_RL_UPDATE ? links_between(&w->traffic, e->bytes_rate_min, 2 * (uint64_t)e->bytes_rate_min) : sotto_rng_u64(&w->traffic.rng);
    uint32_t seed = (uint32_t)draw;
    struct sotto_span text = links_body(w, code, size, seed);
    struct sotto_rl_info info;
    if (e->c->dead) {                             /* spoken into nothing: it only must keep its bounds */
        (void)!sotto_rl_send(e->rl, code, text);
        return false;
    }
    uint64_t cost = e->paced ? text.size / SOTTO_RL_PLAIN_L + 1 : cost_us(e, ch, text.size);
    if (!may_hand(e, ch, cost)) return false;
    sotto_rl_info(e->rl, &info);
    enum sotto_err err = sotto_rl_send(e->rl, code, text);
    size_t leaving = e->to[ch].count ? e->to[ch].list[e->to[ch].first].size + 8u : 0;     /* what has left of it is kept until all of it has */
    if (err == SOTTO_ERR_FULL && 2 * (info.waiting[ch] + leaving + text.size + 5) > most[ch]) return false;
    if (err != SOTTO_OK) {
        links_break(w, "queue", "a message of %zu bytes on channel %u is not taken: %s", text.size, ch, sotto_err_name(err));
        return false;
    }
    for (unsigned other = 0; other < SOTTO_RL_CHANNELS; other++) {
        if (service[other] < service[ch]) continue;
        e->due[other] = later(e->due[other], clock_of(e)) + cost;
        if (other != ch) e->extra[other] += cost;
    }
    if (ch == 3) e->media_cells += text.size / SOTTO_RL_PLAIN_L + text.size / 32768 + 2;
    struct links_lane *lane = &e->to[ch];
    lane->list[(lane->first + lane->count++) % LINKS_WANTS] = (struct links_want){ code, size, seed, e->due[ch], e->extra[ch] };
    w->quota -= text.size + 300 < w->quota ? text.size + 300 : w->quota;
    links_mix(w, w->now_us ^ (uint64_t)code << 56 ^ text.size);
    links_tell(e, "is given %zu bytes on channel %u, within %llu", text.size, ch, (unsigned long long)(e->due[ch] - clock_of(e)));
    return true;
}

void links_got(struct links_end *to, const struct sotto_rl_message *m)
{
    struct links_world *w = to->w;
    struct links_end *e = links_other(to);
    struct links_lane *lane = &e->to[m->channel];
    if (e->c->dead) return;
    if (lane->count == 0 || m->channel != sotto_rl_channel(m->code)) {
        links_break(w, "whole", "a message of code %02x comes that nobody sent", m->code);
        return;
    }
    const struct links_want want = lane->list[lane->first];
    struct sotto_span text = links_body(w, want.code, want.size, want.seed);
    lane->first = (lane->first + 1) % LINKS_WANTS;
    lane->count--;
    if (want.code != m->code || !sotto_span_equal(text, m->bytes) || m->body->code != m->code)
        links_break(w, "whole", "another message comes on channel %u than was sent: code %02x, %zu bytes", m->channel, m->code, m->bytes.size);
    uint64_t due = want.due + (e->extra[m->channel] - want.extra) + slack_of(e), now = clock_of(e);
    if (now > due)
        links_break(w, "late", "a message of %zu bytes on channel %u comes %llu %s late", text.size, m->channel,
                    (unsigned long long)(now - due), e->paced ? "slots" : "us");
    links_tell(to, "has %zu bytes on channel %u", text.size, m->channel);
    w->r->messages++;
    w->r->bytes += text.size;
}

static struct links_want *oldest_late(struct links_end *e, unsigned ch)
{
    struct links_lane *lane = &e->to[ch];
    struct links_want *want = &lane->list[lane->first];
    if (lane->count == 0 || e->c->dead || e->c->over) return NULL;
    return clock_of(e) > want->due + (e->extra[ch] - want->extra) + slack_of(e) ? want : NULL;
}

void links_check_due(struct links_world *w)
{
    for (unsigned i = 0; i < w->conn_count; i++)
        for (unsigned s = 0; s < 2; s++)
            for (unsigned ch = 0; ch < SOTTO_RL_CHANNELS; ch++) {
                const struct links_want *want = oldest_late(&w->conns[i]->end[s], ch);
                if (want) links_tell(&w->conns[i]->end[s], "owes %u bytes on channel %u", want->size, ch);
                if (want) links_break(w, "blocks", "a message of %u bytes on channel %u did not come, and nothing holds it up", want->size, ch);
            }
}

bool links_outstanding(const struct links_world *w)
{
    for (unsigned i = 0; i < w->conn_count; i++)
        for (unsigned s = 0; s < 2 && !w->conns[i]->over && !w->conns[i]->dead; s++)
            for (unsigned ch = 0; ch < SOTTO_RL_CHANNELS; ch++)
                if (w->conns[i]->end[s].to[ch].count) return true;
    return false;
}

/* ---- what people and their nodes do ---- */

void links_flush(struct links_end *e)
{
    if (e->paced) return;
    links_room(e);
    sotto_rl_flush(e->rl, links_now(e->w));
    links_after(e);
}

static void one_message(struct links_end *e)
{
    static const uint8_t codes[] = { SOTTO_RL_NOTICE, SOTTO_RL_PEERS, SOTTO_RL_INV, SOTTO_RL_STEM_TX, 0x26, 0x26, 0x42, SOTTO_RL_CCELL };
    struct links_world *w = e->w;
    uint8_t code = w->long_run ? 0x26 : codes[links_below(&w->traffic, sizeof codes)];
    unsigned ch = sotto_rl_channel(code);
    uint64_t most = ch == 2 ? w->big : ch == 0 ? 3300 : w->big < 60000 ? w->big : 60000;
    uint64_t size = links_below(&w->traffic, 3) && !w->long_run ? links_between(&w->traffic, 1, 1100) : links_between(&w->traffic, 1, most);
    if (w->bulk) code = 0x26;
    if (w->long_run || w->bulk) size = e->side ? 200 : links_between(&w->traffic, w->big / 4, w->big);
    if (e->paced && size > 900) size = 900;       /* on a paced link what is longer than a cell may not be through within its 60 s */
    (void)!links_hand(e, code, (uint32_t)size);
}

void links_traffic(struct links_end *e)
{
    struct links_world *w = e->w;
    if (!e->rl || e->ended || w->now_us > w->end_us || w->quota == 0 || (w->bulk && e->side)) return;
    for (uint64_t k = 1 + links_below(&w->traffic, 4); k > 0 && !w->r->broken; k--) one_message(e);
    links_flush(e);
    links_at(w, w->now_us + sotto_rng_exp_us(&w->traffic.rng, w->gap_us), LINKS_TRAFFIC, e->c, e->side);
}

/* New rates, not below the least of this world, on which the bounds stand; told as any message. */
void links_update(struct links_end *e)
{
    struct links_world *w = e->w;
    if (!e->rl || e->ended || w->now_us > w->end_us) return;
    if (links_hand(e, SOTTO_RL_UPDATE, (uint32_t)links_between(&w->traffic, e->cells_rate_min, 2 * (uint64_t)e->cells_rate_min))) w->r->updates++;
    links_flush(e);
    links_at(w, w->now_us + LINKS_SECOND + links_below(&w->traffic, 10 * LINKS_SECOND), LINKS_UPDATE, e->c, e->side);
}
