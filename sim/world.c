#include "sim/world.h"

#include "io/loop.h"
#include "node/node.h"
#include "sim/door.h"
#include "sim/net.h"
#include "sim/wrap.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

struct sim_world *sim_world_running;

const char *const sim_count_names[SIM_COUNTS] = {
    "steps", "connections", "resets", "halfOpen", "partitions", "slowReaders", "dialTimeouts", "refused", "crashes", "crashesInStep", "powerCuts",
    "stops", "starts", "startsFailed", "clockJumps", "locks", "oldStates", "restores", "diskFaults", "replayed", "corrupted", "delayed", "sent",
    "shown", "delivered", "expired", "seals", "cells", "cellsAgain", "calls", "callsLost", "audits", "bitsFlipped", "damageNamed",
    "datagrams",
};

void *sim_alloc(size_t size)
{
    void *p = calloc(1, size);
    if (!p) {
        fputs("sim: memory is short\n", stderr);
        abort();
    }
    return p;
}

/* ---- the heap: by time, then by order of asking ---- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

static void put(struct sim_world *w, uint32_t place, struct sim_event *e)
{
    w->heap[place - 1] = e;
    e->place = place;
}

static void rise(struct sim_world *w, struct sim_event *e)
{
    uint32_t at = e->place;
    for (; at > 1 && before(e, w->heap[at / 2 - 1]); at /= 2) put(w, at, w->heap[at / 2 - 1]);
    put(w, at, e);
}

static void sink(struct sim_world *w, struct sim_event *e)
{
    uint32_t at = e->place;
    for (;;) {
        uint32_t child = 2 * at;
        if (child > w->heap_count) break;
        if (child < w->heap_count && before(w->heap[child], w->heap[child - 1])) child++;
        if (!before(w->heap[child - 1], e)) break;
        put(w, at, w->heap[child - 1]);
        at = child;
    }
    put(w, at, e);
}

void sim_event_init(struct sim_event *e, struct sim_machine *machine, const char *kind, sim_fn *fn, void *ctx)
{
    *e = (struct sim_event){ .machine = machine, .kind = kind, .fn = fn, .ctx = ctx };
}

static void queue(struct sim_world *w, struct sim_event *e, uint64_t at_us)
{
    e->at_us = at_us > w->now_us ? at_us : w->now_us;
    if (w->heap_count == w->heap_cap) {
        w->heap_cap = w->heap_cap ? 2 * w->heap_cap : 256;
        struct sim_event **more = realloc(w->heap, w->heap_cap * sizeof *more);
        if (!more) abort();
        w->heap = more;
    }
    e->place = ++w->heap_count;
    rise(w, e);
}

void sim_event_at(struct sim_world *w, struct sim_event *e, uint64_t at_us)
{
    sim_event_drop(w, e);
    e->seq = w->next_seq++;
    queue(w, e, at_us);
}

void sim_event_drop(struct sim_world *w, struct sim_event *e)
{
    if (!e->place) return;
    struct sim_event *last = w->heap[--w->heap_count];
    if (last != e) {
        put(w, e->place, last);
        rise(w, last);
        sink(w, last);
    }
    e->place = 0;
}

/* ---- words ---- */

void sim_trace(struct sim_world *w, const char *who, const char *what, const char *fields, ...)
{
    if (!w->trace) return;
    char text[1024] = "";
    va_list args;
    va_start(args, fields);
    if (fields) vsnprintf(text, sizeof text, fields, args);
    va_end(args);
    fprintf(w->trace, "%10" PRIu64 ".%06" PRIu64 " %-5s %s%s%s\n", w->now_us / SIM_SECOND_US, w->now_us % SIM_SECOND_US, who, what, text[0] ? " " : "", text);
}

void sim_break(struct sim_world *w, const char *rule, const char *why, ...)
{
    if (w->broken) return;
    w->broken = true;
    snprintf(w->rule, sizeof w->rule, "%s", rule);
    va_list args;
    va_start(args, why);
    vsnprintf(w->why, sizeof w->why, why, args);
    va_end(args);
    sim_trace(w, "RULE", rule, "%s", w->why);
}

void sim_hash_event(struct sim_world *w, const char *kind, unsigned from, unsigned to, uint64_t size, uint64_t id)
{
    uint8_t b[32];
    sotto_put_be64(b, w->now_us);
    sotto_put_be32(b + 8, from);
    sotto_put_be32(b + 12, to);
    sotto_put_be64(b + 16, size);
    sotto_put_be64(b + 24, id);
    sha256_update(&w->hash, sizeof b, b);
    sha256_update(&w->hash, strlen(kind), (const uint8_t *)kind);
}

uint64_t sim_dice(struct sim_world *w, uint64_t bound) { return sotto_rng_below(&w->dice.rng, bound); }
bool sim_chance(struct sim_world *w, unsigned percent) { return sotto_rng_below(&w->dice.rng, 100) < percent; }

/* ---- machines ---- */

static void seed_rng(struct sotto_chacha_rng *out, uint64_t seed, unsigned machine, unsigned boot, const char *purpose)
{
    char text[64];
    snprintf(text, sizeof text, "sim/%s/%u/%u", purpose, machine, boot);
    sotto_rng_from_seed(out, seed, text);
}

struct sim_machine *sim_machine_new(struct sim_world *w, struct sim_disk *disk)
{
    SOTTO_ASSERT(w->machine_count < SIM_MACHINES_MAX);
    struct sim_machine *m = sim_alloc(sizeof *m);
    m->world = w;
    m->index = w->machine_count;
    snprintf(m->name, sizeof m->name, "n%u", m->index);
    m->port = (uint16_t)(30400 + m->index);
    m->disk = disk ? disk : sim_disk_new(w->dice_seed * SIM_MACHINES_MAX + m->index);
    m->work_mean_us = 200000;
    m->said_last = &m->said;
    seed_rng(&m->dice, w->dice_seed, m->index, 0, "loop");
    w->machines[w->machine_count++] = m;
    return m;
}

void sim_machine_flag(struct sim_machine *m, const char *key, const char *value)
{
    size_t size = strlen(value) + 1;
    SOTTO_ASSERT(m->flag_count < sizeof m->flags / sizeof m->flags[0] && m->flag_size + size <= sizeof m->flag_text);
    memcpy(m->flag_text + m->flag_size, value, size);
    m->flags[m->flag_count++] = (struct sotto_config_pair){ key, m->flag_text + m->flag_size };
    m->flag_size += size;
}

struct sotto_now sim_machine_now(const struct sim_machine *m)
{
    uint64_t now = m->world->now_us;
    int64_t drift = (int64_t)((now - m->clock.since_us) / 1000) * m->clock.drift_ppm / 1000000;
    int64_t wall = (int64_t)(SIM_WALL_BASE_MS + now / 1000) + m->clock.offset_ms + drift;
    return (struct sotto_now){ .mono_us = SIM_MONO_BASE_US + now, .wall_ms = (uint64_t)wall };
}

void sim_machine_clock(struct sim_machine *m, int64_t jump_ms, int32_t drift_ppm)
{
    uint64_t now = m->world->now_us;
    m->clock.offset_ms += jump_ms + (int64_t)((now - m->clock.since_us) / 1000) * m->clock.drift_ppm / 1000000;
    m->clock.since_us = now;
    m->clock.drift_ppm = drift_ppm;
}

uint64_t sim_machine_dice(struct sim_machine *m, uint64_t bound) { return sotto_rng_below(&m->dice.rng, bound); }

static void enter(struct sim_machine *m)
{
    SOTTO_ASSERT(!m->world->current);
    m->world->current = m;
    sim_disk_use(m->disk);
}

static void leave(struct sim_machine *m)
{
    uint64_t cost = sim_disk_take_cost_us(m->disk), now = m->world->now_us;
    m->world->current = NULL;
    sim_disk_use(NULL);
    m->busy_until_us = (m->busy_until_us > now ? m->busy_until_us : now) + cost;
    m->steps++;
    m->world->counts[SIM_N_STEPS]++;
}

/* The process is gone: its memory is given back with a dead disk and a dead network, so that nothing it does there matters. */
static void throw_away(struct sim_machine *m)
{
    if (!sim_disk_dead(m->disk)) sim_disk_crash(m->disk, SIM_LOSS_NONE);
    m->dead = true;
    enter(m);
    sotto_node_free(m->node);
    leave(m);
    m->node = NULL;
    m->dead = m->cut = m->ended = false;
    m->stop_us = 0;
    m->part = SIM_DOWN;
    m->busy_until_us = 0;
    sim_disk_restart(m->disk);
}

/* After each step: did the disk die in it, or did the node end by itself? */
static void settle(struct sim_machine *m)
{
    struct sim_world *w = m->world;
    if (m->node && sim_disk_dead(m->disk)) {
        w->counts[SIM_N_STEP_CRASHES]++;
        sim_trace(w, m->name, "crash", "inside a step");
        sim_hash_event(w, "crash", m->index, m->index, 1, m->boot);
        throw_away(m);
    } else if (m->node && m->ended) {
        enter(m);
        sotto_node_free(m->node);
        m->node = NULL;
        leave(m);
        bool died = sim_disk_dead(m->disk);
        w->counts[SIM_N_STEP_CRASHES] += died;
        m->ended = false;
        m->stop_us = 0;
        m->part = SIM_DOWN;
        m->dead = false;
        if (died) sim_disk_restart(m->disk);
        sim_trace(w, m->name, "ended", died ? "crashed while ending" : NULL);
        sim_hash_event(w, "ended", m->index, m->index, died, m->boot);
    }
    if (w->stepped && !w->broken) w->stepped(w, m);
}

void sim_machine_step(struct sim_machine *m, sim_fn *fn, void *ctx)
{
    enter(m);
    fn(ctx);
    leave(m);
    settle(m);
}

bool sim_machine_start(struct sim_machine *m)
{
    struct sim_world *w = m->world;
    char problem[1024] = "", dir[16], port[8];
    SOTTO_ASSERT(!m->node);
    m->boot++;
    seed_rng(&m->entropy, w->dice_seed, m->index, m->boot, "entropy");
    if (m->boot == 1) {
        snprintf(dir, sizeof dir, "/%s", m->name);
        snprintf(port, sizeof port, "%u", m->port);
        sim_machine_flag(m, "data.dir", dir);
        sim_machine_flag(m, "network.port", port);
    }
    m->input = (struct sotto_config_input){ .system_file = "", .system_dir = "", .user_file = "", .flags = m->flags, .flag_count = m->flag_count };
    w->counts[SIM_N_STARTS]++;
    enter(m);
    int code = sotto_node_new(&m->node, &m->input, problem);
    if (code == 0) code = sotto_node_start(m->node, problem);
    leave(m);
    sim_trace(w, m->name, "start", "boot=%u code=%d%s%s", m->boot, code, problem[0] ? " " : "", problem);
    sim_hash_event(w, "start", m->index, m->index, (uint64_t)code, m->boot);
    bool died = sim_disk_dead(m->disk);
    if (code == 0 && !died) {
        m->part = SIM_UP;
        settle(m);
        return m->part == SIM_UP;
    }
    w->counts[died ? SIM_N_STEP_CRASHES : SIM_N_START_FAILS]++;
    throw_away(m);
    if (!died) {
        m->part = SIM_BROKEN;
        snprintf(m->log[m->log_count++ % SIM_LOG_LINES].text, sizeof m->log[0].text, "%.*s", (int)sizeof m->log[0].text - 1, problem);
    }
    return false;
}

void sim_machine_crash(struct sim_machine *m, enum sim_loss loss)
{
    struct sim_world *w = m->world;
    w->counts[loss == SIM_LOSS_NONE ? SIM_N_CRASHES : SIM_N_POWER_CUTS]++;
    sim_trace(w, m->name, "crash", loss == SIM_LOSS_NONE ? "kill" : "power cut %d", loss);
    sim_hash_event(w, "crash", m->index, m->index, loss, m->boot);
    m->cut = loss != SIM_LOSS_NONE;
    sim_disk_crash(m->disk, loss);
    if (m->node) throw_away(m);
    else sim_disk_restart(m->disk);
}

void sim_machine_stop(struct sim_machine *m)
{
    m->world->counts[SIM_N_STOPS]++;
    m->stop_us = m->world->now_us;
    sim_trace(m->world, m->name, "stop", NULL);
    sim_hash_event(m->world, "stop", m->index, m->index, 0, m->boot);
    sim_loop_signal(m);
}

/* ---- the world ---- */

struct sim_world *sim_world_new(uint64_t seed, FILE *trace)
{
    struct sim_world *w = sim_alloc(sizeof *w);
    w->seed = w->dice_seed = seed;
    w->trace = trace;
    sha256_init(&w->hash);
    sotto_rng_from_seed(&w->dice, seed, "sim/world");
    w->net = sim_net_new(w);
    w->watch = sim_watch_new(w);
    sim_world_running = w;
    return w;
}

void sim_world_free(struct sim_world *w)
{
    if (!w) return;
    w->stepped = NULL;
    w->trace = NULL;
    sim_udp_forget(w);                                /* while the machines that they are from are there */
    for (unsigned i = 0; i < w->machine_count; i++)       /* its connections still lead to the others */
        if (w->machines[i]->node) throw_away(w->machines[i]);
    for (unsigned i = 0; i < w->machine_count; i++) {
        sim_door_forget(w->machines[i]);
        sim_disk_free(w->machines[i]->disk);
        SOTTO_WIPE(w->machines[i]->entropy);
        free(w->machines[i]);
    }
    sim_net_free(w->net);
    sim_watch_free(w->watch);
    free(w->heap);
    free(w);
    sim_world_running = NULL;
}

bool sim_world_turn(struct sim_world *w)
{
    if (w->broken || w->heap_count == 0) return false;
    struct sim_event *e = w->heap[0];
    struct sim_machine *m = e->machine;
    SOTTO_ASSERT(e->at_us >= w->now_us);
    w->now_us = e->at_us;
    if (m && m->busy_until_us > w->now_us) {          /* still in its last step: later, in the same order */
        sim_event_drop(w, e);
        queue(w, e, m->busy_until_us);
        return true;
    }
    sim_event_drop(w, e);
    sim_hash_event(w, e->kind, m ? m->index : 255, 0, 0, e->seq);
    if (m) sim_machine_step(m, e->fn, e->ctx);
    else e->fn(e->ctx);
    return !w->broken;
}

void sim_world_run(struct sim_world *w, uint64_t until_us)
{
    while (w->heap_count && w->heap[0]->at_us <= until_us && sim_world_turn(w)) continue;
    if (!w->broken && w->now_us < until_us) w->now_us = until_us;
}
