/* Lines, what links say on them, and connections that come and go. */
#include "sim/links_world.h"

#include <stdlib.h>

enum { PING_ANSWER_S = 30, DELAY_MIN_US = 10000, DELAY_MAX_US = 90000 };

/* ---- lines ---- */

static struct links_packet *packet(struct links_world *w)
{
    struct links_packet *p = STAILQ_FIRST(&w->spare);
    if (p) STAILQ_REMOVE_HEAD(&w->spare, next);
    else p = links_need(malloc(sizeof *p));
    return p;
}

static void clear(struct links_world *w, struct links_packets *list)
{
    STAILQ_CONCAT(&w->spare, list);
}

static void pipe_begin(struct links_pipe *p)
{
    STAILQ_INIT(&p->backlog);
    STAILQ_INIT(&p->flying);
    STAILQ_INIT(&p->unread);
}

static void pipe_end(struct links_world *w, struct links_pipe *p)
{
    clear(w, &p->backlog);
    clear(w, &p->flying);
    clear(w, &p->unread);
    p->backlog_bytes = p->window_bytes = 0;
}

static bool departs(const struct links_end *e)
{
    const struct links_packet *p = STAILQ_FIRST(&e->out.backlog);
    return p && !e->c->dead && (e->out.window_bytes == 0 || e->out.window_bytes + p->size <= e->c->fly);
}

/* Something is there to leave: when the line is free. */
static void wake_line(struct links_end *e)
{
    if (e->out.moving || !departs(e)) return;
    e->out.moving = true;
    links_at(e->w, e->out.free_us, LINKS_LINE, e->c, e->side);
}

void links_put(struct links_end *e, unsigned code, struct sotto_span payload)
{
    struct links_packet *p = packet(e->w);
    SOTTO_ASSERT(payload.size <= sizeof p->bytes);
    p->code = (uint8_t)code;
    p->size = (uint16_t)payload.size;
    memcpy(p->bytes, payload.data, payload.size);
    links_tell(e, "code %u, %zu bytes, %zu before them", code, payload.size, e->out.backlog_bytes);
    STAILQ_INSERT_TAIL(&e->out.backlog, p, next);
    e->out.backlog_bytes += payload.size;
    wake_line(e);
}

void links_room(struct links_end *e)
{
    size_t behind = e->out.backlog_bytes;
    if (e->rl) sotto_rl_room(e->rl, behind < e->c->ahead ? e->c->ahead - behind : 0);
}

void links_line_event(struct links_end *e)
{
    struct links_world *w = e->w;
    struct links_conn *c = e->c;
    struct links_pipe *o = &e->out;
    o->moving = false;
    if (!departs(e)) return;
    struct links_packet *p = STAILQ_FIRST(&o->backlog);
    STAILQ_REMOVE_HEAD(&o->backlog, next);
    o->backlog_bytes -= p->size;
    o->window_bytes += p->size;
    o->free_us = w->now_us + (uint64_t)(p->size + LINKS_FRAME) * LINKS_SECOND / c->rate;
    uint64_t jitter = sotto_rng_exp_us(&w->lines.rng, c->jitter_us), most = 8 * (uint64_t)c->jitter_us;
    uint64_t there = o->free_us + c->delay_us + (jitter < most ? jitter : most);
    o->last_us = there > o->last_us ? there : o->last_us;
    STAILQ_INSERT_TAIL(&o->flying, p, next);
    links_at(w, o->last_us, LINKS_ARRIVE, c, e->side);
    wake_line(e);
    if (!e->rl || e->ended) return;
    links_room(e);
    sotto_rl_flush(e->rl, links_now(w));
    links_after(e);
}

static void take(struct links_end *to, struct links_packet *p)
{
    struct links_world *w = to->w;
    struct links_raw *raw = to->c->raw;
    enum sotto_err want = SOTTO_OK;
    links_mix(w, w->now_us ^ (uint64_t)to->c->index << 48 ^ (uint64_t)to->side << 56);
    links_mix(w, p->size ^ (uint64_t)p->bytes[p->size - 1] << 32);
    if (!to->rl || to->ended) return;
    links_room(to);
    links_tell(to, "reads code %u, %u bytes", p->code, p->size);
    if (raw) links_raw_before(raw, p->code, sotto_span(p->bytes, p->size), &want);
    sotto_rl_frame(to->rl, p->code, sotto_span(p->bytes, p->size), links_now(w));
    if (raw) links_raw_after(raw, want);
    links_after(to);
}

static bool reads(const struct links_end *e)
{
    if (e->c->over || e->stalled_us > e->w->now_us || e->paused_us > e->w->now_us) return false;
    return e->rl ? !e->ended : !e->c->raw || !e->c->raw->deaf;
}

/* What is there for this end, a buffer at a time: what one read brings is taken, also when the link asks for a pause in the middle of it. */
void links_read_all(struct links_end *e)
{
    struct links_world *w = e->w;
    struct links_end *from = links_other(e);
    while (reads(e) && !STAILQ_EMPTY(&from->out.unread) && !w->r->broken) {
        size_t taken = 0;
        struct links_packet *p;
        while ((p = STAILQ_FIRST(&from->out.unread)) && (taken == 0 || taken + p->size <= e->c->chunk)) {
            STAILQ_REMOVE_HEAD(&from->out.unread, next);
            taken += p->size;
            from->out.window_bytes -= p->size;
            take(e, p);
            STAILQ_INSERT_HEAD(&w->spare, p, next);
        }
        wake_line(from);
    }
}

void links_arrive_event(struct links_end *from)
{
    struct links_packet *p = STAILQ_FIRST(&from->out.flying);
    if (from->c->dead || !p) return;
    STAILQ_REMOVE_HEAD(&from->out.flying, next);
    STAILQ_INSERT_TAIL(&from->out.unread, p, next);
    links_read_all(links_other(from));
}

/* ---- what a link says ---- */

static void cell_leaves(struct links_end *e, struct sotto_span payload)
{
    bool large = payload.size == SOTTO_RL_PAYLOAD_MAX;
    if (!large && payload.size != SOTTO_RL_PAYLOAD_HEAD + SOTTO_RL_CELL_S) links_break(e->w, "size", "a cell of %zu bytes leaves", payload.size);
    if (e->paced && e->cells > 0 && !(e->in_slot && large))
        links_break(e->w, "slot", "a cell of %zu bytes leaves a paced link outside of its slot", payload.size);
    if (++e->cells == SOTTO_RL_REKEY) e->w->r->rekeys++;
    e->w->r->cells++;
}

static void on_frame(void *owner, unsigned code, struct sotto_span payload)
{
    struct links_end *e = owner;
    if (code == SOTTO_RL_CELL) cell_leaves(e, payload);
    else if (code != SOTTO_RL_STATUS || payload.size != SOTTO_RL_STATUS_SIZE)
        links_break(e->w, "size", "a payload of code %u and %zu bytes leaves", code, payload.size);
    links_put(e, code, payload);
    if (e->out.backlog_bytes > e->c->ahead + SOTTO_RL_STATUS_SIZE + SOTTO_RL_CELL_S + SOTTO_RL_PAYLOAD_HEAD)
        links_break(e->w, "line", "%zu bytes wait for a line that takes %u", e->out.backlog_bytes, e->c->ahead);
    if (e->c->raw) links_raw_heard(e->c->raw, code, payload);
}

static void on_up(void *owner)
{
    struct links_end *e = owner;
    struct links_world *w = e->w;
    if (e->was_up) links_break(w, "once", "a link is up twice");
    links_tell(e, "up");
    e->was_up = true;
    if (e->c->raw) return;
    links_at(w, w->now_us + sotto_rng_exp_us(&w->traffic.rng, w->gap_us), LINKS_TRAFFIC, e->c, e->side);
    if (!w->bulk) links_at(w, w->now_us + links_below(&w->traffic, LINKS_SECOND), LINKS_PING, e->c, e->side);
    if (e->options.has & SOTTO_RL_HAS(3) && !w->bulk) links_at(w, w->now_us + links_below(&w->traffic, 10 * LINKS_SECOND), LINKS_UPDATE, e->c, e->side);
    if (e->paced) links_at(w, w->now_us + sotto_slots_of(SOTTO_PROFILE_STRONG)->cell_us / 2, LINKS_SLOT, e->c, e->side);
}

static void on_message(void *owner, const struct sotto_rl_message *m)
{
    struct links_end *e = owner;
    if (!e->was_up || e->ended) links_break(e->w, "once", "a message of code %02x before or behind a link", m->code);
    if (e->c->raw) links_raw_got(e->c->raw, m);
    else links_got(e, m);
}

static void on_pause(void *owner, uint64_t until_us)
{
    struct links_end *e = owner;
    struct links_world *w = e->w;
    const struct links_end *from = links_other(e);
    w->r->pauses++;
    links_tell(e, "does not read for %llu us", (unsigned long long)(until_us - w->now_us));
    if (until_us <= e->paused_us) return;
    if (e->c->raw) links_raw_paused(e->c->raw, until_us);
    else {
        uint64_t begun = e->paused_us > w->now_us ? e->paused_us : w->now_us;
        if (!e->c->stalled_once && from->media_cells < SOTTO_RL_MEDIA_RATE * SOTTO_RL_BURST_S)
            links_break(w, "honest", "a peer that keeps to the rates is not read for %llu us", (unsigned long long)(until_us - w->now_us));
        links_delay(e->c, until_us - begun);
    }
    e->paused_us = until_us;
    links_at(w, until_us, LINKS_READ, e->c, e->side);
}

/* What network.md 1 says of each end of a link, written down once more. */
static bool penalty_right(enum sotto_err err)
{
    struct sotto_rl_penalty p = sotto_rl_penalty(err);
    const char *name = sotto_err_name(err);
    if (err == SOTTO_ERR_FULL || err == SOTTO_ERR_NOMEM) return p.score == 0 && p.reason == SOTTO_REASON_TOO_MANY;
    int score = strcmp(name, "link-time") == 0 || strcmp(name, "link-rate") == 0 ? 10 : strcmp(name, "cell-open") == 0 ? 30 : 50;
    return p.score == score && p.reason == SOTTO_REASON_SUBPROTOCOL;
}

static void on_ended(void *owner, enum sotto_err err)
{
    struct links_end *e = owner;
    struct links_world *w = e->w;
    if (e->ended) links_break(w, "once", "a link ends twice");
    e->ended = true;
    e->err = err;
    links_tell(e, "ends: %s", sotto_err_name(err));
    if (!penalty_right(err)) links_break(w, "penalty", "%s costs something else than the table says", sotto_err_name(err));
    if (err == SOTTO_ERR_FULL) w->r->shed++;
    if (!e->c->raw) links_break(w, "honest", "an honest link ends: %s", sotto_err_name(err));
    links_mix(w, (uint64_t)err);
    links_at(w, w->now_us, LINKS_CLOSE, e->c, e->side);
}

/* ---- what must hold after every call ---- */

static void check_bounds(struct links_end *e)
{
    static const size_t most[SOTTO_RL_CHANNELS] = { SOTTO_RL_QUEUE_0, SOTTO_RL_QUEUE_1, SOTTO_RL_QUEUE_2, SOTTO_RL_QUEUE_3 };
    struct links_world *w = e->w;
    const struct sotto_rl_budget *b = &w->nodes[e->node].budget;
    struct sotto_rl_info info;
    sotto_rl_info(e->rl, &info);
    for (unsigned ch = 0; ch < SOTTO_RL_CHANNELS; ch++)
        if (info.waiting[ch] > most[ch]) links_break(w, "memory", "%zu bytes wait on channel %u", info.waiting[ch], ch);
    if (b->used > b->max) links_break(w, "memory", "open messages of a node take %zu bytes of %zu", b->used, b->max);
    if (b->used > w->r->open_most) w->r->open_most = b->used;
    if (info.cells_acked > info.cells_out)
        links_break(w, "ack", "%llu cells of %llu are acknowledged", (unsigned long long)info.cells_acked, (unsigned long long)info.cells_out);
    if (info.cells_out != e->cells) links_break(w, "size", "a link counts other cells than left");
    if ((info.state == SOTTO_RL_ENDED) != e->ended) links_break(w, "once", "a link has ended and did not say so");
}

void links_after(struct links_end *e)
{
    if (!e->rl) return;
    check_bounds(e);
    if (e->ended) return;
    uint64_t when = sotto_rl_deadline(e->rl);
    if (when == UINT64_MAX || (e->tick_us > e->w->now_us && e->tick_us <= when)) return;
    e->tick_us = when < e->w->now_us ? e->w->now_us : when;
    links_at(e->w, e->tick_us, LINKS_TICK, e->c, e->side);
}

void links_tick_event(struct links_end *e)
{
    struct links_world *w = e->w;
    if (!e->rl || e->ended || e->tick_us != w->now_us) return;     /* another one took its place */
    e->tick_us = 0;
    links_tell(e, "tick");
    links_room(e);
    sotto_rl_tick(e->rl, links_now(w));
    links_after(e);
    if (e->c->raw) links_raw_ticked(e->c->raw);
    if (!e->ended && e->tick_us == w->now_us) links_break(w, "blocks", "a link wants a tick now, and after it again");
}

/* One L cell a slot, full or empty. */
void links_slot_event(struct links_end *e)
{
    struct links_world *w = e->w;
    uint64_t before = e->cells, next = sotto_schedule_draw(&(struct sotto_schedule){ sotto_slots_of(SOTTO_PROFILE_STRONG)->cell_us }, &w->traffic.rng, w->now_us);
    if (!e->rl || e->ended) return;
    links_room(e);
    e->in_slot = true;
    bool left = sotto_rl_slot(e->rl, links_now(w));
    e->in_slot = false;
    if (left != (e->cells == before + 1) || e->cells > before + 1)
        links_break(w, "slot", "a slot sends %llu cells", (unsigned long long)(e->cells - before));
    if (left) e->slots++, w->r->slots++;
    else if (!e->c->dead && !e->c->raw && !e->c->stalled_once) links_break(w, "slot", "an honest paced link loses its slot");
    links_after(e);
    links_at(w, next < w->now_us + LINKS_SLOT_GAP_US ? next : w->now_us + LINKS_SLOT_GAP_US, LINKS_SLOT, e->c, e->side);
}

/* As relay/links.h asks; twice as often as it may, so that being too early is tried too. */
void links_ping_event(struct links_end *e)
{
    struct links_world *w = e->w;
    struct sotto_rl_info info;
    if (!e->rl || e->ended || e->c->dead || w->now_us > w->end_us) return;
    sotto_rl_info(e->rl, &info);
    links_room(e);
    enum sotto_err err = sotto_rl_ping(e->rl, links_now(w));
    if (err == SOTTO_OK) {
        w->r->pings++;
        e->ping_asked_us = w->now_us;
    } else if (err == SOTTO_ERR_AGAIN && w->now_us > e->ping_asked_us + PING_ANSWER_S * LINKS_SECOND && !e->paced && !links_other(e)->paced) {
        links_break(w, "ping", "no answer to a PING for %llu s", (unsigned long long)((w->now_us - e->ping_asked_us) / LINKS_SECOND));
    }
    links_after(e);
    links_at(w, w->now_us + SOTTO_RL_PING_US / 2 + links_below(&w->traffic, SOTTO_RL_PING_US), LINKS_PING, e->c, e->side);
}

void links_stall(struct links_end *e, uint64_t us)
{
    struct links_world *w = e->w;
    uint64_t begun = e->stalled_us > w->now_us ? e->stalled_us : w->now_us;
    if (w->now_us + us <= e->stalled_us) return;
    e->stalled_us = w->now_us + us;
    e->c->stalled_once = true;
    w->r->stalls++;
    links_tell(e, "a slow reader for %llu us", (unsigned long long)us);
    links_delay(e->c, e->stalled_us - begun);
    links_at(w, e->stalled_us, LINKS_READ, e->c, e->side);
}

/* ---- connections ---- */

static void begin_end(struct links_conn *c, unsigned side, unsigned node, unsigned peer)
{
    struct links_world *w = c->end[side].w;
    struct links_end *e = &c->end[side];
    struct links_node *n = &w->nodes[node];
    e->options = sotto_rl_options();
    e->options.has = SOTTO_RL_HAS(1);
    e->options.roles = SOTTO_RL_FLOOD | SOTTO_RL_STEM;
    const struct sotto_slots *slots = sotto_slots_of(n->profile);
    if (slots->stem_class) e->options.has |= SOTTO_RL_HAS(5), e->options.stem_class = slots->stem_class, e->options.hop_ms = slots->hop_ms;
    if (w->long_run || (!c->raw && links_below(&w->lines, 3) == 0)) {
        e->options.has |= SOTTO_RL_HAS(3);
        e->options.cells_rate = w->long_run ? 2000 : (uint32_t)links_between(&w->lines, 20, 400);
        e->options.bytes_rate = w->long_run ? 32u << 20 : (uint32_t)links_between(&w->lines, 64 << 10, 4 << 20);
        e->options.window = w->long_run ? 4u << 20 : (uint32_t)links_between(&w->lines, 1, 1 << 20);
    }
    e->cells_rate_min = e->options.cells_rate;
    e->bytes_rate_min = e->options.bytes_rate;
    e->paced = slots->cell_us > 0 && side == 0 && !w->long_run;  /* its stem links: those that it dialled */
    const struct sotto_rl_config config = { .dialled = side == 0, .paced = e->paced, .key = &n->key, .own_pub = n->pub, .peer_pub = w->nodes[peer].pub,
                                            .options = e->options, .budget = &n->budget, .rng = &n->rng.rng,
                                            .sink = { e, on_frame, on_up, on_message, on_pause, on_ended } };
    if (sotto_rl_new(&e->rl, &config, links_now(w)) != SOTTO_OK) links_need(NULL);
}

struct links_conn *links_connect(struct links_world *w, unsigned from, unsigned to, struct links_raw *raw)
{
    if (w->conn_count == LINKS_CONNS_MAX) return NULL;
    struct links_conn *c = links_need(calloc(1, sizeof *c));
    c->index = w->conn_count;
    w->conns[w->conn_count++] = c;
    c->raw = raw;
    c->delay_us = (uint32_t)links_between(&w->lines, DELAY_MIN_US, DELAY_MAX_US);
    c->jitter_us = (uint32_t)links_between(&w->lines, 1000, 20000);
    if (w->long_run) c->delay_us = 5000, c->jitter_us = 1000;
    c->rate = w->long_run ? 16000000u : (uint32_t)links_between(&w->lines, 300000, 4000000);
    c->ahead = (uint32_t)links_between(&w->lines, 16 << 10, 256 << 10);
    c->fly = w->slow_windows ? (uint32_t)links_between(&w->lines, 32 << 10, 64 << 10) : (uint32_t)links_between(&w->lines, 64 << 10, 512 << 10);
    if (w->long_run) c->ahead = 256 << 10, c->fly = 4 << 20;
    c->chunk = (uint32_t)links_between(&w->lines, 2 << 10, 64 << 10);
    if (raw && strcmp(w->strategy->name, "rate") == 0) c->fly = c->chunk = 1 << 20;       /* so much at once that a rate is far behind it */
    for (unsigned s = 0; s < 2; s++) {
        struct links_end *e = &c->end[s];
        e->w = w;
        e->c = c;
        e->side = s;
        e->node = s ? to : from;
        pipe_begin(&e->out);
    }
    for (unsigned s = 0; s < 2; s++) {
        if (raw && w->nodes[c->end[s].node].hostile) raw->own = &c->end[s], raw->victim = &c->end[1 - s];
        else begin_end(c, s, c->end[s].node, c->end[1 - s].node);
    }
    w->r->links++;
    links_tell(&c->end[0], "to node %u: %u us, %u bytes/s, room %u, window %u", to, c->delay_us, c->rate, c->ahead, c->fly);
    for (unsigned s = 0; s < 2; s++) {
        struct links_end *e = &c->end[s];
        if (!e->rl) continue;
        links_room(e);
        sotto_rl_begin(e->rl, links_now(w));
        links_after(e);
    }
    if (raw) links_raw_begin(raw);
    else if (w->lossy && links_below(&w->lines, 2))
        links_at(w, w->now_us + links_below(&w->lines, 30 * LINKS_SECOND), LINKS_LOSE, c, (unsigned)links_below(&w->lines, 2));
    return c;
}

void links_close_end(struct links_end *e)
{
    sotto_rl_free(e->rl);
    e->rl = NULL;
    pipe_end(e->w, &e->out);
    for (unsigned ch = 0; ch < SOTTO_RL_CHANNELS; ch++) e->to[ch].count = 0;
}

void links_close_event(struct links_conn *c)
{
    struct links_world *w = c->end[0].w;
    if (c->over) return;
    c->over = true;
    if (c->raw) links_raw_closed(c->raw);
    for (unsigned s = 0; s < 2; s++) links_close_end(&c->end[s]);
    if (!c->raw && w->now_us < w->end_us) links_at(w, w->now_us + links_between(&w->lines, 100000, 2000000), LINKS_DIAL, c, 0);
}

/* The line breaks: one end knows it at once, the other one speaks into nothing for a while. */
void links_lose_event(struct links_end *e)
{
    struct links_world *w = e->w;
    if (e->c->over || e->c->dead) return;
    w->r->lost++;
    links_tell(e, "the line breaks");
    e->c->dead = true;
    struct links_end *o = links_other(e);
    links_close_end(e);
    for (unsigned ch = 0; ch < SOTTO_RL_CHANNELS; ch++) o->to[ch].count = 0;
    clear(w, &o->out.flying);
    clear(w, &o->out.unread);
    links_at(w, w->now_us + links_below(&w->lines, 5 * LINKS_SECOND), LINKS_CLOSE, e->c, 0);
}
