/* io/loop.h, io/worker.h and io/process.h over the heap of the world. A machine's loop is whatever the world runs for it; nothing here turns. */
#include "io/loop.h"

#include "io/process.h"
#include "io/worker.h"
#include "sim/wrap.h"

#include <stdlib.h>

#define LATE_US 1000u                       /* a timer of the real loop counts milliseconds, and is up to so much later */
#define KDF_MEAN_US 400000u                 /* Argon2id and the like on a worker */

struct posted { struct posted *next; sotto_call_fn *fn; void *arg; };

struct sotto_loop {
    struct sim_machine *machine;
    struct posted *first, **last;
    struct sim_event posted, signal;
    sotto_signal_fn *signal_fn;
    void *signal_ctx;
};

struct sotto_timer { struct sim_machine *machine; struct sim_event event; sotto_timer_fn *fn; void *ctx; };

struct sotto_now sotto_io_now(void)
{
    SOTTO_ASSERT(sim_world_running && sim_world_running->current);
    return sim_machine_now(sim_world_running->current);
}

static void run_posted(void *ctx)
{
    struct sotto_loop *loop = ctx;
    struct posted *list = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    while (list) {
        struct posted *next = list->next;
        list->fn(list->arg);
        free(list);
        list = next;
    }
}

static void run_signal(void *ctx)
{
    struct sotto_loop *loop = ctx;
    if (loop->signal_fn) loop->signal_fn(loop->signal_ctx, SOTTO_SIGNAL_END);
}

enum sotto_err sotto_loop_new(struct sotto_loop **out)
{
    struct sim_machine *m = sim_world_running->current;
    struct sotto_loop *loop = sim_alloc(sizeof *loop);
    loop->machine = m;
    loop->last = &loop->first;
    sim_event_init(&loop->posted, m, "posted", run_posted, loop);
    sim_event_init(&loop->signal, m, "signal", run_signal, loop);
    m->loop = loop;
    *out = loop;
    return SOTTO_OK;
}

void sotto_loop_run(struct sotto_loop *loop)
{
    (void)loop;
    SOTTO_ASSERT(false);                    /* the world turns it */
}

void sotto_loop_stop(struct sotto_loop *loop) { loop->machine->ended = true; }

void sotto_loop_free(struct sotto_loop *loop)
{
    if (!loop) return;
    sim_event_drop(loop->machine->world, &loop->posted);
    sim_event_drop(loop->machine->world, &loop->signal);
    while (loop->first) {
        struct posted *next = loop->first->next;
        free(loop->first);
        loop->first = next;
    }
    loop->machine->loop = NULL;
    free(loop);
}

enum sotto_err sotto_loop_post(struct sotto_loop *loop, sotto_call_fn *fn, void *arg)
{
    struct posted *p = sim_alloc(sizeof *p);
    *p = (struct posted){ NULL, fn, arg };
    *loop->last = p;
    loop->last = &p->next;
    struct sim_world *w = loop->machine->world;
    if (!loop->posted.place) sim_event_at(w, &loop->posted, w->now_us + 1);
    return SOTTO_OK;
}

enum sotto_err sotto_loop_on_signal(struct sotto_loop *loop, sotto_signal_fn *fn, void *ctx)
{
    if (loop->signal_fn) return SOTTO_ERR_EXISTS;
    loop->signal_fn = fn;
    loop->signal_ctx = ctx;
    return SOTTO_OK;
}

void sim_loop_signal(struct sim_machine *m)
{
    if (m->loop) sim_event_at(m->world, &m->loop->signal, m->world->now_us);
}

/* ---- timers ---- */

static void timer_fired(void *ctx)
{
    struct sotto_timer *t = ctx;
    t->fn(t->ctx, sim_machine_now(t->machine));
}

enum sotto_err sotto_timer_new(struct sotto_timer **out, struct sotto_loop *loop, sotto_timer_fn *fn, void *ctx)
{
    struct sotto_timer *t = sim_alloc(sizeof *t);
    t->machine = loop->machine;
    t->fn = fn;
    t->ctx = ctx;
    sim_event_init(&t->event, loop->machine, "timer", timer_fired, t);
    *out = t;
    return SOTTO_OK;
}

void sotto_timer_set(struct sotto_timer *t, uint64_t mono_us)
{
    if (mono_us == UINT64_MAX) {
        sotto_timer_stop(t);
        return;
    }
    uint64_t at = mono_us > SIM_MONO_BASE_US ? mono_us - SIM_MONO_BASE_US : 0, now = t->machine->world->now_us;
    if (at < now) at = now;
    sim_event_at(t->machine->world, &t->event, at + 1 + sim_machine_dice(t->machine, LATE_US));
}

void sotto_timer_stop(struct sotto_timer *t) { sim_event_drop(t->machine->world, &t->event); }

void sotto_timer_free(struct sotto_timer *t)
{
    if (!t) return;
    sotto_timer_stop(t);
    free(t);
}

/* ---- workers: one job of a lane at a time; its run happens at the end of the time it takes ---- */

struct sotto_job {
    struct sotto_workers *owner;
    struct sotto_job *next;
    sotto_job_run_fn *run;
    sotto_job_done_fn *done;
    void *arg;
    atomic_bool cancel;
    enum sotto_lane lane;
    bool running, dropped;                  /* dropped: cancelled before it began */
    struct sim_event over;
};

struct sotto_workers {
    struct sim_machine *machine;
    unsigned queue_max;
    struct sotto_job *first[SOTTO_LANES], **last[SOTTO_LANES];
    unsigned count[SOTTO_LANES];
    bool ending;
};

enum sotto_err sotto_workers_new(struct sotto_workers **out, struct sotto_loop *loop, unsigned queue_max)
{
    struct sotto_workers *w = sim_alloc(sizeof *w);
    w->machine = loop->machine;
    w->queue_max = queue_max;
    for (int i = 0; i < SOTTO_LANES; i++) w->last[i] = &w->first[i];
    w->machine->workers = w;
    *out = w;
    return SOTTO_OK;
}

static void begin_next(struct sotto_workers *w, enum sotto_lane lane)
{
    struct sotto_job *job = w->first[lane];
    while (job && job->dropped) job = job->next;
    if (!job || job->running) return;
    job->running = true;
    struct sim_machine *m = w->machine;
    uint64_t mean = lane == SOTTO_LANE_MINE ? m->work_mean_us : KDF_MEAN_US;
    sim_event_at(m->world, &job->over, m->world->now_us + 1 + sotto_rng_exp_us(&m->dice.rng, mean));
}

static void unlink_job(struct sotto_workers *w, struct sotto_job *job)
{
    struct sotto_job **at = &w->first[job->lane];
    while (*at != job) at = &(*at)->next;
    *at = job->next;
    if (!*at) w->last[job->lane] = at;
    w->count[job->lane]--;
    sim_event_drop(w->machine->world, &job->over);
}

/* A search that was cancelled may have ended a moment before, and may not: the dice say. */
static void job_over(void *ctx)
{
    struct sotto_job *job = ctx;
    struct sotto_workers *w = job->owner;
    atomic_bool flag;
    atomic_init(&flag, atomic_load(&job->cancel) && sim_machine_dice(w->machine, 2));
    if (!job->dropped) job->run(job->arg, &flag);
    unlink_job(w, job);
    begin_next(w, job->lane);
    job->done(job->arg, atomic_load(&job->cancel));
    free(job);
}

enum sotto_err sotto_workers_run(struct sotto_workers *w, struct sotto_job **out, enum sotto_lane lane, sotto_job_run_fn *run,
                                 sotto_job_done_fn *done, void *arg)
{
    if (w->ending) return SOTTO_ERR_STATE;
    if (w->count[lane] >= w->queue_max) return SOTTO_ERR_FULL;
    struct sotto_job *job = sim_alloc(sizeof *job);
    job->owner = w;
    job->run = run;
    job->done = done;
    job->arg = arg;
    job->lane = lane;
    atomic_init(&job->cancel, false);
    sim_event_init(&job->over, w->machine, lane == SOTTO_LANE_MINE ? "mined" : "worked", job_over, job);
    *w->last[lane] = job;
    w->last[lane] = &job->next;
    w->count[lane]++;
    begin_next(w, lane);
    if (out) *out = job;
    return SOTTO_OK;
}

void sotto_job_cancel(struct sotto_job *job)
{
    struct sim_world *w = job->owner->machine->world;
    atomic_store(&job->cancel, true);
    if (job->dropped) return;
    job->dropped = !job->running;
    sim_event_at(w, &job->over, w->now_us + 1);     /* a running one lets go soon */
}

unsigned sotto_workers_count(const struct sotto_workers *w, enum sotto_lane lane) { return w->count[lane]; }

void sotto_workers_stop(struct sotto_workers *w)
{
    if (w->ending) return;
    w->ending = true;
    for (int lane = 0; lane < SOTTO_LANES; lane++)
        while (w->first[lane]) {
            struct sotto_job *job = w->first[lane];
            SOTTO_ASSERT((int)job->lane == lane);
            if (job->running && !job->dropped && sim_machine_dice(w->machine, 2)) {
                atomic_bool flag;
                atomic_init(&flag, false);
                job->run(job->arg, &flag);          /* it had just ended */
            }
            unlink_job(w, job);
            job->done(job->arg, true);
            free(job);
        }
}

void sotto_workers_free(struct sotto_workers *w)
{
    if (!w) return;
    sotto_workers_stop(w);
    w->machine->workers = NULL;
    free(w);
}

/* ---- the process ---- */

void sotto_process_private(void) { }
bool sotto_process_dumps(void) { return false; }
struct sotto_process_use sotto_process_use(void) { return (struct sotto_process_use){ 0 }; }
int sotto_process_id(void) { return 1 + (int)sim_world_running->current->index; }
