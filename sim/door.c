#include "sim/door.h"

#include "io/door.h"
#include "io/log.h"

#include <stdlib.h>

struct sim_said { struct sim_said *next; uint64_t conn; json_t *json; };

struct sotto_door {
    struct sim_machine *machine;
    struct sotto_door_config config;
    bool draining;
    void (*idle)(void *ctx);
    void *idle_ctx;
    struct sim_event drained;
};

static void say(struct sim_machine *m, uint64_t conn, struct sotto_span json)
{
    if (m->dead || sim_disk_dead(m->disk) || json.size == 0) return;
    struct sim_said *s = sim_alloc(sizeof *s);
    s->conn = conn;
    s->json = json_loadb((const char *)json.data, json.size, 0, NULL);
    if (!s->json) sim_break(m->world, "json", "%s: an answer is no JSON: %.*s", m->name, (int)(json.size < 200 ? json.size : 200), (const char *)json.data);
    *m->said_last = s;
    m->said_last = &s->next;
}

json_t *sim_door_take(struct sim_machine *m, uint64_t *conn)
{
    struct sim_said *s = m->said;
    if (!s) return NULL;
    m->said = s->next;
    if (!s->next) m->said_last = &m->said;
    json_t *json = s->json;
    *conn = s->conn;
    free(s);
    return json;
}

void sim_door_forget(struct sim_machine *m)
{
    uint64_t conn;
    for (json_t *json; m->said; json_decref(json)) json = sim_door_take(m, &conn);
}

struct asking { struct sim_machine *machine; struct sotto_door_request request; };
static void ask(void *ctx)
{
    struct asking *a = ctx;
    a->machine->door->config.request(a->machine->door->config.ctx, &a->request);
}

bool sim_door_ask(struct sim_machine *m, uint64_t conn, const char *json)
{
    if (!m->node || !m->door || m->door->draining) return false;
    struct asking a = { m, { .conn = conn, .json = sotto_span_str(json), .uid = 1000, .who = SOTTO_DOOR_NOBODY } };
    m->world->counts[SIM_N_CALLS]++;
    sim_machine_step(m, ask, &a);
    return true;
}

struct leaving { struct sotto_door *door; uint64_t conn; };
static void gone(void *ctx)
{
    struct leaving *l = ctx;
    if (l->door->config.closed) l->door->config.closed(l->door->config.ctx, l->conn);
}

void sim_door_gone(struct sim_machine *m, uint64_t conn)
{
    if (!m->node || !m->door) return;
    struct leaving l = { m->door, conn };
    sim_machine_step(m, gone, &l);
}

/* ---- io/door.h ---- */

static void tell_drained(void *ctx)
{
    struct sotto_door *door = ctx;
    if (door->idle) door->idle(door->idle_ctx);
}

enum sotto_err sotto_door_open(struct sotto_door **out, const struct sotto_door_config *config)
{
    struct sim_machine *m = sim_world_running->current;
    struct sotto_door *door = sim_alloc(sizeof *door);
    door->machine = m;
    door->config = *config;
    sim_event_init(&door->drained, m, "drained", tell_drained, door);
    m->door = door;
    *out = door;
    return SOTTO_OK;
}

/* Nobody dials in this world: requests come by sim_door_ask. */
enum sotto_err sotto_door_listen(struct sotto_door *door, struct sotto_addr *bound, const struct sotto_addr *addr)
{
    (void)door;
    *bound = *addr;
    if (!bound->port) bound->port = 7377;
    return SOTTO_OK;
}

void sotto_door_expel(struct sotto_door *door, uint64_t who)
{
    (void)door;
    (void)who;
}

enum sotto_err sotto_door_reply(struct sotto_door *door, uint64_t conn, struct sotto_span json)
{
    say(door->machine, conn, json);
    return SOTTO_OK;
}

enum sotto_err sotto_door_push(struct sotto_door *door, uint64_t conn, struct sotto_span json)
{
    say(door->machine, conn, json);
    return SOTTO_OK;
}

size_t sotto_door_backlog(const struct sotto_door *door, uint64_t conn)
{
    (void)door;
    (void)conn;
    return 0;
}

unsigned sotto_door_conns(const struct sotto_door *door)
{
    (void)door;
    return 1;
}

void sotto_door_drain(struct sotto_door *door, void (*idle)(void *ctx), void *ctx)
{
    door->draining = true;
    door->idle = idle;
    door->idle_ctx = ctx;
    sim_event_at(door->machine->world, &door->drained, door->machine->world->now_us + 1);
}

void sotto_door_free(struct sotto_door *door)
{
    if (!door) return;
    sim_event_drop(door->machine->world, &door->drained);
    door->machine->door = NULL;
    free(door);
}

/* ---- io/log.h: the last lines of each machine, for the report of a broken rule, and all of them in the trace ---- */

struct sim_log { struct sotto_log base; struct sim_machine *machine; enum sotto_level level; };

static void line(struct sotto_log *base, enum sotto_level level, const char *area, const char *event, const char *fields)
{
    struct sim_log *log = (struct sim_log *)base;
    struct sim_machine *m = log->machine;
    if (level > log->level || m->dead) return;
    struct sim_log_line *l = &m->log[m->log_count++ % SIM_LOG_LINES];
    l->at_us = m->world->now_us;
    snprintf(l->text, sizeof l->text, "%s %s %s %s", sotto_level_name(level), area, event, fields ? fields : "");
    sim_trace(m->world, m->name, "log", "%s", l->text);
}

enum sotto_err sotto_io_log_new(struct sotto_log **out, int fd, enum sotto_log_format format, enum sotto_level level)
{
    struct sim_log *log = sim_alloc(sizeof *log);
    (void)fd;
    (void)format;
    log->base.line = line;
    log->machine = sim_world_running->current;
    log->level = level;
    *out = &log->base;
    return SOTTO_OK;
}

enum sotto_err sotto_io_log_level(struct sotto_log *log, const char *area, enum sotto_level level)
{
    (void)area;
    ((struct sim_log *)log)->level = level;
    return SOTTO_OK;
}

enum sotto_level sotto_io_log_get(struct sotto_log *log, const char *area)
{
    (void)area;
    return ((struct sim_log *)log)->level;
}

unsigned sotto_io_log_areas(struct sotto_log *log, struct sotto_log_area out[SOTTO_LOG_AREAS_MAX])
{
    (void)log;
    (void)out;
    return 0;
}

/* Its lines are the machine's (SIM_LOG_LINES): nobody of this world asks for them. */
enum sotto_err sotto_io_log_tail(struct sotto_log *log, struct sotto_buf *out, const char *area, enum sotto_level level, unsigned limit)
{
    static const struct sotto_log_ring none;
    (void)log;
    return sotto_log_ring_tail(&none, out, area, level, limit);
}

void sotto_io_log_free(struct sotto_log *log) { free(log); }
