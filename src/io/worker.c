#include "io/worker.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#define MINE_NICE 10                        /* other work on the machine goes first; still done at once on an idle one */
#define STACK_BYTES (512u << 10)            /* the libraries keep their large state on the heap */

enum job_state { WAITING, RUNNING, FINISHED };

struct sotto_job {
    struct sotto_workers *owner;
    struct sotto_job *next;                 /* in a lane's queue, or in the list of the finished */
    sotto_job_run_fn *run;
    sotto_job_done_fn *done;
    void *arg;
    atomic_bool cancel;
    enum sotto_lane lane;
    enum job_state state;                   /* under lock */
};

struct lane {
    uv_thread_t thread;
    uv_cond_t wake;
    bool started;
    struct sotto_job *first, **last;        /* under lock */
    struct sotto_job *running;              /* under lock */
    unsigned count;                         /* loop thread only */
};

struct sotto_workers {
    struct sotto_loop *loop;
    unsigned queue_max;
    uv_mutex_t lock;
    uv_async_t async;
    struct lane lanes[SOTTO_LANES];
    struct sotto_job *finished, **finished_last;      /* under lock */
    bool ending;                            /* under lock; read by the loop without */
    bool stopped;
};

struct start { struct sotto_workers *w; enum sotto_lane lane; };

/* With the lock held. */
static void finish(struct sotto_workers *w, struct sotto_job *job)
{
    job->state = FINISHED;
    job->next = NULL;
    *w->finished_last = job;
    w->finished_last = &job->next;
}

static void lane_main(void *arg)
{
    struct start start = *(struct start *)arg;
    free(arg);
    struct sotto_workers *w = start.w;
    struct lane *lane = &w->lanes[start.lane];
    if (start.lane == SOTTO_LANE_MINE)
        setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), MINE_NICE);      /* Linux: of this thread; a refusal changes nothing else */
    uv_mutex_lock(&w->lock);
    for (;;) {
        while (!lane->first && !w->ending) uv_cond_wait(&lane->wake, &w->lock);
        struct sotto_job *job = lane->first;
        if (!job) break;                    /* ending, and the queue was given back by _stop */
        lane->first = job->next;
        if (!lane->first) lane->last = &lane->first;
        lane->running = job;
        job->state = RUNNING;
        uv_mutex_unlock(&w->lock);
        job->run(job->arg, &job->cancel);
        sotto_stack_wipe();                 /* keys are made in jobs */
        uv_mutex_lock(&w->lock);
        lane->running = NULL;
        finish(w, job);
        if (!w->ending) uv_async_send(&w->async);
    }
    uv_mutex_unlock(&w->lock);
}

/* The loop runs on while a job is under way. */
static void keep_loop(struct sotto_workers *w)
{
    unsigned count = 0;
    for (unsigned i = 0; i < SOTTO_LANES; i++) count += w->lanes[i].count;
    if (count > 0) uv_ref((uv_handle_t *)&w->async);
    else uv_unref((uv_handle_t *)&w->async);
}

/* Tells the finished jobs, one at a time: a done callback may call _run and _stop. */
static void report(struct sotto_workers *w)
{
    for (;;) {
        uv_mutex_lock(&w->lock);
        struct sotto_job *job = w->finished;
        if (job) w->finished = job->next;
        if (!w->finished) w->finished_last = &w->finished;
        uv_mutex_unlock(&w->lock);
        if (!job) return;
        w->lanes[job->lane].count--;
        keep_loop(w);
        job->done(job->arg, atomic_load(&job->cancel));
        free(job);
    }
}

static void on_async(uv_async_t *async)
{
    struct sotto_workers *w = async->data;
    if (!w->stopped) report(w);
}

enum sotto_err sotto_workers_new(struct sotto_workers **out, struct sotto_loop *loop, unsigned queue_max)
{
    struct sotto_workers *w = calloc(1, sizeof *w);
    if (!w) return SOTTO_ERR_NOMEM;
    w->loop = loop;
    w->queue_max = queue_max;
    w->finished_last = &w->finished;
    bool mutex = uv_mutex_init(&w->lock) == 0;
    unsigned conds = 0;
    while (mutex && conds < SOTTO_LANES && uv_cond_init(&w->lanes[conds].wake) == 0) {
        w->lanes[conds].last = &w->lanes[conds].first;
        conds++;
    }
    if (conds < SOTTO_LANES || uv_async_init(sotto_loop_uv(loop), &w->async, on_async) != 0) {
        while (conds-- > 0) uv_cond_destroy(&w->lanes[conds].wake);
        if (mutex) uv_mutex_destroy(&w->lock);
        free(w);
        return SOTTO_ERR_IO;
    }
    w->async.data = w;
    keep_loop(w);
    *out = w;
    return SOTTO_OK;
}

static enum sotto_err lane_start(struct sotto_workers *w, enum sotto_lane lane)
{
    if (w->lanes[lane].started) return SOTTO_OK;
    struct start *start = malloc(sizeof *start);
    if (!start) return SOTTO_ERR_NOMEM;
    *start = (struct start){ w, lane };
    uv_thread_options_t options = { .flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = STACK_BYTES };
    if (uv_thread_create_ex(&w->lanes[lane].thread, &options, lane_main, start) != 0) {
        free(start);
        return SOTTO_ERR_IO;
    }
    w->lanes[lane].started = true;
    return SOTTO_OK;
}

enum sotto_err sotto_workers_run(struct sotto_workers *w, struct sotto_job **out, enum sotto_lane lane, sotto_job_run_fn *run,
                                 sotto_job_done_fn *done, void *arg)
{
    if (w->ending) return SOTTO_ERR_STATE;
    if (w->lanes[lane].count >= w->queue_max) return SOTTO_ERR_FULL;
    SOTTO_TRY(lane_start(w, lane));
    struct sotto_job *job = calloc(1, sizeof *job);
    if (!job) return SOTTO_ERR_NOMEM;
    job->owner = w;
    job->run = run;
    job->done = done;
    job->arg = arg;
    job->lane = lane;
    job->state = WAITING;
    atomic_init(&job->cancel, false);
    w->lanes[lane].count++;
    keep_loop(w);
    uv_mutex_lock(&w->lock);
    *w->lanes[lane].last = job;
    w->lanes[lane].last = &job->next;
    uv_cond_signal(&w->lanes[lane].wake);
    uv_mutex_unlock(&w->lock);
    if (out) *out = job;
    return SOTTO_OK;
}

void sotto_job_cancel(struct sotto_job *job)
{
    struct sotto_workers *w = job->owner;
    atomic_store(&job->cancel, true);
    uv_mutex_lock(&w->lock);
    if (job->state == WAITING) {            /* it never begins: out of the queue, done at once */
        struct sotto_job **at = &w->lanes[job->lane].first;
        while (*at != job) at = &(*at)->next;
        *at = job->next;
        if (!*at) w->lanes[job->lane].last = at;
        finish(w, job);
        uv_async_send(&w->async);
    }
    uv_mutex_unlock(&w->lock);
}

unsigned sotto_workers_count(const struct sotto_workers *w, enum sotto_lane lane) { return w->lanes[lane].count; }

void sotto_workers_stop(struct sotto_workers *w)
{
    if (w->ending) return;
    uv_mutex_lock(&w->lock);
    w->ending = true;
    for (struct sotto_job *job = w->finished; job; job = job->next) atomic_store(&job->cancel, true);
    for (unsigned i = 0; i < SOTTO_LANES; i++) {
        struct lane *lane = &w->lanes[i];
        if (lane->running) atomic_store(&lane->running->cancel, true);
        while (lane->first) {
            struct sotto_job *job = lane->first;
            lane->first = job->next;
            atomic_store(&job->cancel, true);
            finish(w, job);
        }
        lane->last = &lane->first;
        uv_cond_signal(&lane->wake);
    }
    uv_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < SOTTO_LANES; i++)
        if (w->lanes[i].started) uv_thread_join(&w->lanes[i].thread);
    report(w);                              /* nobody else touches the list any more */
    w->stopped = true;
}

static void workers_closed(uv_handle_t *handle)
{
    struct sotto_workers *w = handle->data;
    for (unsigned i = 0; i < SOTTO_LANES; i++) uv_cond_destroy(&w->lanes[i].wake);
    uv_mutex_destroy(&w->lock);
    free(w);
}

void sotto_workers_free(struct sotto_workers *w)
{
    if (!w) return;
    sotto_workers_stop(w);
    uv_close((uv_handle_t *)&w->async, workers_closed);
}
