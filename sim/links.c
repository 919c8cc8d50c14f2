#include "sim/links_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_HEAP = 1024, LATE_MAX = 400, CROWD = 5 };

void *links_need(void *p)
{
    if (p) return p;
    fputs("no memory\n", stderr);
    abort();
}

void links_break(struct links_world *w, const char *rule, const char *form, ...)
{
    va_list args;
    if (w->r->broken) return;                     /* the first one counts */
    w->r->broken = true;
    snprintf(w->r->rule, sizeof w->r->rule, "%s", rule);
    va_start(args, form);
    vsnprintf(w->r->text, sizeof w->r->text, form, args);
    va_end(args);
}

void links_tell(const struct links_end *e, const char *form, ...)
{
    va_list args;
    FILE *to = e->w->trace;
    if (!to) return;
    fprintf(to, "%.6f link %u node %u%s: ", (double)e->w->now_us / 1e6, e->c->index, e->node,
            e->rl ? e->paced ? " paced" : "" : " hostile");
    va_start(args, form);
    vfprintf(to, form, args);
    va_end(args);
    fputc('\n', to);
}

void links_mix(struct links_world *w, uint64_t v) { w->r->digest = (w->r->digest ^ v) * 0x100000001b3ull; }

/* ---- the heap: by time, then by the order in which events were made ---- */

static bool sooner(const struct links_event *a, const struct links_event *b) { return a->at < b->at || (a->at == b->at && a->seq < b->seq); }

void links_at(struct links_world *w, uint64_t when, enum links_event_kind kind, const struct links_conn *c, unsigned side)
{
    struct links_event e = { when < w->now_us ? w->now_us : when, w->seq++, (uint8_t)kind, (uint8_t)side, c ? (uint16_t)c->index : 0 };
    if (w->heap_count == w->heap_cap) {
        w->heap_cap = w->heap_cap ? w->heap_cap * 2 : FIRST_HEAP;
        w->heap = links_need(realloc(w->heap, w->heap_cap * sizeof *w->heap));
    }
    size_t i = w->heap_count++;
    for (; i > 0 && sooner(&e, &w->heap[(i - 1) / 2]); i = (i - 1) / 2) w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = e;
}

static bool next_event(struct links_world *w, struct links_event *out)
{
    if (w->heap_count == 0) return false;
    *out = w->heap[0];
    struct links_event e = w->heap[--w->heap_count];
    size_t i = 0, k;
    for (; (k = 2 * i + 1) < w->heap_count; i = k) {
        if (k + 1 < w->heap_count && sooner(&w->heap[k + 1], &w->heap[k])) k++;
        if (!sooner(&w->heap[k], &e)) break;
        w->heap[i] = w->heap[k];
    }
    w->heap[i] = e;
    return true;
}

/* ---- the world ---- */

static void emit_event(struct links_world *w, unsigned node)
{
    struct links_node *n = &w->nodes[node];
    if (w->now_us > w->end_us) return;
    for (unsigned i = 0; i < w->conn_count; i++) {  /* its guard: the first link that it dialled */
        struct links_end *e = &w->conns[i]->end[0];
        if (e->node != node || !e->rl || !e->was_up || e->c->raw) continue;
        (void)links_hand(e, SOTTO_RL_STEM_TX, 1052);
        links_flush(e);
        break;
    }
    struct links_event again = { .at = sotto_schedule_draw(&n->emit, &w->traffic.rng, w->now_us) };
    links_at(w, again.at, LINKS_EMIT, NULL, node);
}

static void happen(struct links_world *w, const struct links_event *ev)
{
    struct links_conn *c = w->conns[ev->conn];
    struct links_end *e = &c->end[ev->side & 1];
    if (ev->kind == LINKS_EMIT) {
        emit_event(w, ev->side);
        return;
    }
    if (ev->kind == LINKS_DIAL) {
        if (w->now_us < w->end_us) (void)!links_connect(w, c->end[0].node, c->end[1].node, NULL);
        return;
    }
    if (c->over) return;
    switch ((enum links_event_kind)ev->kind) {
    case LINKS_LINE: links_line_event(e); break;
    case LINKS_ARRIVE: links_arrive_event(e); break;
    case LINKS_READ: links_read_all(e); break;
    case LINKS_TICK: links_tick_event(e); break;
    case LINKS_SLOT: links_slot_event(e); break;
    case LINKS_TRAFFIC: links_traffic(e); break;
    case LINKS_LOSE: links_lose_event(e); break;
    case LINKS_CLOSE: links_close_event(c); break;
    case LINKS_STALL:
        if (w->now_us > w->end_us) break;
        if (!c->dead) links_stall(e, links_below(&w->lines, LINKS_STALL_MAX_US));
        links_at(w, w->now_us + LINKS_STALL_MAX_US + links_below(&w->lines, 10 * LINKS_SECOND), LINKS_STALL, c, ev->side);
        break;
    case LINKS_UPDATE: links_update(e); break;
    case LINKS_PING: links_ping_event(e); break;
    case LINKS_HOSTILE: links_raw_step(c->raw); break;
    case LINKS_EMIT: case LINKS_DIAL: case LINKS_EVENTS: break;
    }
}

static void make_nodes(struct links_world *w)
{
    for (unsigned i = 0; i < w->node_count; i++) {
        struct links_node *n = &w->nodes[i];
        sotto_rng_fork(&n->rng, &w->rng.rng, "node");
        sotto_scalar_random(&n->key, &n->rng.rng);
        if (sotto_point_make(&n->pub, &n->key) != SOTTO_OK) links_need(NULL);
        n->budget.max = SOTTO_RL_BUDGET_MAX;
        n->hostile = i >= w->honest;
        n->profile = w->bulk ? SOTTO_PROFILE_OFF : (enum sotto_profile)links_below(&w->rng, SOTTO_PROFILES);
        n->emit = sotto_schedule_make(sotto_slots_of(n->profile)->talk_us);
        if (!n->hostile && !w->long_run && !w->bulk && n->profile != SOTTO_PROFILE_OFF) links_at(w, w->now_us + links_below(&w->rng, 5 * LINKS_SECOND), LINKS_EMIT, NULL, i);
    }
}

static void make_world(struct links_world *w)
{
    w->long_run = w->seed % 128 == 100;           /* more cells than one key seals */
    w->bulk = !w->long_run && links_below(&w->rng, 8) == 0;
    w->lossy = links_below(&w->rng, 3) == 0;
    w->stalling = links_below(&w->rng, 3) == 0 && !w->long_run;
    w->slow_windows = links_below(&w->rng, 4) == 0;
    w->honest = w->long_run || w->bulk ? 2 : (unsigned)links_between(&w->rng, 2, 4);
    w->end_us = w->now_us + (w->long_run ? 90 : links_between(&w->rng, 30, 100)) * LINKS_SECOND;
    w->big = (uint32_t)(links_below(&w->rng, 4) ? links_between(&w->rng, 1000, 200000) : (2 << 20));
    w->quota = w->long_run ? 84u << 20 : w->big > (1 << 20) ? 12u << 20 : 4u << 20;
    w->gap_us = w->long_run ? 100000 : (uint32_t)links_between(&w->rng, 50000, 2000000);
    if (w->long_run) w->big = 2 << 20, w->lossy = false;
    if (w->bulk) w->big = 2 << 20, w->quota = 12 << 20, w->lossy = w->stalling = false;
    bool hostile = w->strategy && !w->long_run;
    w->crowded = hostile && strcmp(w->strategy->name, "many-open") == 0;
    w->node_count = w->honest + (hostile ? w->crowded ? CROWD : 1 : 0);
    make_nodes(w);
    unsigned chords = w->honest > 2 ? (unsigned)links_below(&w->rng, 2) : 0;
    for (unsigned i = 0; i + 1 < w->honest; i++) (void)!links_connect(w, i + 1, i, NULL);
    if (chords) (void)!links_connect(w, 0, w->honest - 1, NULL);
    for (unsigned i = 0; w->stalling && i < w->conn_count; i++)
        links_at(w, w->now_us + links_below(&w->lines, 20 * LINKS_SECOND), LINKS_STALL, w->conns[i], (unsigned)links_below(&w->lines, 2));
    unsigned victim = (unsigned)links_below(&w->rng, w->honest);
    for (unsigned i = w->honest; i < w->node_count; i++) {
        struct links_raw *raw = links_raw_new(w, &w->nodes[i]);
        bool dials = links_below(&w->hostile, 2);
        (void)!links_connect(w, dials ? i : victim, dials ? victim : i, raw);
    }
}

static void at_rest(struct links_world *w)
{
    for (unsigned i = 0; i < w->honest && !w->r->broken; i++)
        if (w->nodes[i].budget.used) links_break(w, "memory", "%zu bytes are held for messages that are not open", w->nodes[i].budget.used);
}

static void end_world(struct links_world *w)
{
    for (unsigned i = 0; i < w->conn_count; i++)
        if ((w->conns[i]->raw || w->conns[i]->dead) && !w->conns[i]->over) links_close_event(w->conns[i]);
    if (!w->r->broken) at_rest(w);                /* the honest links are still there */
    for (unsigned i = 0; i < w->conn_count; i++)
        for (unsigned s = 0; s < 2; s++) links_close_end(&w->conns[i]->end[s]);
    if (!w->r->broken) at_rest(w);
    for (unsigned i = 0; i < w->conn_count; i++) {
        links_raw_free(w->conns[i]->raw);
        free(w->conns[i]);
    }
    struct links_packet *p;
    while ((p = STAILQ_FIRST(&w->spare))) {
        STAILQ_REMOVE_HEAD(&w->spare, next);
        free(p);
    }
    free(w->heap);
}

static bool hostile_busy(const struct links_world *w)
{
    for (unsigned i = 0; i < w->conn_count; i++)
        if (w->conns[i]->raw && !w->conns[i]->over && links_raw_busy(w->conns[i]->raw)) return true;
    return false;
}

static const struct links_strategy *choose(struct links_world *w, const char *name)
{
    for (unsigned i = 0; name && i < links_strategy_count; i++)
        if (strcmp(name, links_strategies[i].name) == 0) return &links_strategies[i];
    SOTTO_ASSERT(!name);
    return &links_strategies[links_below(&w->rng, links_strategy_count)];
}

const char *sim_links_strategy(unsigned index, const char **end)
{
    if (index >= links_strategy_count) return NULL;
    *end = links_strategies[index].end;
    return links_strategies[index].name;
}

bool sim_links_run(struct sim_links *out, const struct sim_links_options *options)
{
    static uint8_t *pool, *body;                  /* the same for all worlds */
    struct links_world *w = links_need(calloc(1, sizeof *w));
    memset(out, 0, sizeof *out);
    out->digest = 0xcbf29ce484222325ull;
    w->r = out;
    w->seed = options->seed;
    w->trace = options->trace;
    w->now_us = LINKS_START_US;
    STAILQ_INIT(&w->spare);
    sotto_rng_from_seed(&w->rng, options->seed, "links");
    sotto_rng_fork(&w->lines, &w->rng.rng, "lines");
    sotto_rng_fork(&w->traffic, &w->rng.rng, "traffic");
    sotto_rng_fork(&w->hostile, &w->rng.rng, "hostile");
    if (!pool) {
        struct sotto_chacha_rng fixed;
        pool = links_need(malloc(2 * SOTTO_RL_MESSAGE_MAX));
        body = links_need(malloc(2 * SOTTO_RL_MESSAGE_MAX));
        sotto_rng_from_seed(&fixed, 1, "links pool");
        sotto_rng_fill(&fixed.rng, pool, 2 * SOTTO_RL_MESSAGE_MAX);
    }
    w->pool = pool;
    w->body = body;
    w->strategy = choose(w, options->strategy);
    out->strategy = w->strategy->name;
    make_world(w);
    struct links_event ev;
    uint64_t last_us = w->end_us + LATE_MAX * LINKS_SECOND, checked_us = w->now_us;
    while (!out->broken && next_event(w, &ev)) {
        w->now_us = ev.at;
        out->events++;
        happen(w, &ev);
        if (w->now_us < checked_us) continue;
        checked_us = w->now_us + LINKS_SECOND;
        links_check_due(w);
        if (w->now_us > w->end_us && !links_outstanding(w) && !hostile_busy(w)) break;
        if (w->now_us > last_us)
            links_break(w, "blocks", "%s after all that time", links_outstanding(w) ? "a message did not come" : "the hostile peer is not through");
    }
    if (!out->broken && links_outstanding(w)) links_break(w, "blocks", "nothing happens any more, and a message did not come");
    out->simulated_us = w->now_us - LINKS_START_US;
    end_world(w);
    links_mix(w, out->messages);
    free(w);
    return !out->broken;
}
