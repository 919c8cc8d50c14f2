#include "io/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#define AT_END_MAX 4u

struct posted { sotto_call_fn *fn; void *arg; struct posted *next; };

struct sotto_loop {
    uv_loop_t uv;
    uv_async_t async;
    uv_prepare_t before_wait;
    uv_mutex_t lock;
    struct posted *first, **last;             /* under lock */
    uv_poll_t signals;
    int signal_fd;                            /* -1: nobody asked */
    sotto_signal_fn *signal_fn;
    void *signal_ctx;
    struct { void (*fn)(void *arg); void *arg; } at_end[AT_END_MAX];
    unsigned at_end_count;
};

struct sotto_timer {
    uv_timer_t uv;
    sotto_timer_fn *fn;
    void *ctx;
    uint64_t at_us;
};

struct sotto_now sotto_io_now(void)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    return (struct sotto_now){ .mono_us = uv_hrtime() / 1000,
                               .wall_ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000 };
}

static void run_posted(uv_async_t *async)
{
    struct sotto_loop *loop = async->data;
    uv_mutex_lock(&loop->lock);
    struct posted *list = loop->first;        /* what is posted from now on waits for a later turn */
    loop->first = NULL;
    loop->last = &loop->first;
    uv_mutex_unlock(&loop->lock);
    while (list) {
        struct posted *next = list->next;
        list->fn(list->arg);
        free(list);
        list = next;
    }
}

/* Whatever the callbacks of this turn left on the stack is gone before the loop waits: it may wait for hours. */
static void before_wait(uv_prepare_t *prepare)
{
    (void)prepare;
    sotto_stack_wipe();
}

enum sotto_err sotto_loop_new(struct sotto_loop **out)
{
    struct sotto_loop *loop = calloc(1, sizeof *loop);
    if (!loop) return SOTTO_ERR_NOMEM;
    loop->last = &loop->first;
    loop->signal_fd = -1;
    if (uv_loop_init(&loop->uv) != 0) {
        free(loop);
        return SOTTO_ERR_IO;
    }
    if (uv_mutex_init(&loop->lock) != 0) {
        uv_loop_close(&loop->uv);
        free(loop);
        return SOTTO_ERR_IO;
    }
    if (uv_async_init(&loop->uv, &loop->async, run_posted) != 0) {
        uv_mutex_destroy(&loop->lock);
        uv_loop_close(&loop->uv);
        free(loop);
        return SOTTO_ERR_IO;
    }
    loop->async.data = loop;
    uv_unref((uv_handle_t *)&loop->async);
    uv_prepare_init(&loop->uv, &loop->before_wait);
    uv_prepare_start(&loop->before_wait, before_wait);
    uv_unref((uv_handle_t *)&loop->before_wait);
    signal(SIGPIPE, SIG_IGN);                 /* a peer that closed shows as EPIPE, never as the end of the process */
    *out = loop;
    return SOTTO_OK;
}

void sotto_loop_run(struct sotto_loop *loop) { uv_run(&loop->uv, UV_RUN_DEFAULT); }
void sotto_loop_stop(struct sotto_loop *loop) { uv_stop(&loop->uv); }
struct uv_loop_s *sotto_loop_uv(struct sotto_loop *loop) { return &loop->uv; }

void sotto_loop_free(struct sotto_loop *loop)
{
    if (!loop) return;
    uv_close((uv_handle_t *)&loop->async, NULL);
    uv_close((uv_handle_t *)&loop->before_wait, NULL);
    if (loop->signal_fd >= 0) uv_close((uv_handle_t *)&loop->signals, NULL);
    while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0) { }    /* an earlier uv_stop ends one run; closing handles want another */
    for (unsigned i = 0; i < loop->at_end_count; i++) loop->at_end[i].fn(loop->at_end[i].arg);
    SOTTO_ASSERT(uv_loop_close(&loop->uv) == 0);          /* else an object of the loop was not freed */
    if (loop->signal_fd >= 0) close(loop->signal_fd);
    while (loop->first) {
        struct posted *next = loop->first->next;
        free(loop->first);
        loop->first = next;
    }
    uv_mutex_destroy(&loop->lock);
    free(loop);
}

enum sotto_err sotto_loop_at_end(struct sotto_loop *loop, void (*fn)(void *arg), void *arg)
{
    if (loop->at_end_count == AT_END_MAX) return SOTTO_ERR_FULL;
    loop->at_end[loop->at_end_count].fn = fn;
    loop->at_end[loop->at_end_count++].arg = arg;
    return SOTTO_OK;
}

enum sotto_err sotto_loop_post(struct sotto_loop *loop, sotto_call_fn *fn, void *arg)
{
    struct posted *p = malloc(sizeof *p);
    if (!p) return SOTTO_ERR_NOMEM;
    *p = (struct posted){ fn, arg, NULL };
    uv_mutex_lock(&loop->lock);
    *loop->last = p;
    loop->last = &p->next;
    uv_mutex_unlock(&loop->lock);
    uv_async_send(&loop->async);
    return SOTTO_OK;
}

/* ---- timers ---- */

static void timer_start(struct sotto_timer *t);

static void timer_fired(uv_timer_t *uv)
{
    struct sotto_timer *t = uv->data;
    struct sotto_now now = sotto_io_now();
    if (now.mono_us < t->at_us) {             /* far times are cut to a day */
        timer_start(t);
        return;
    }
    t->at_us = UINT64_MAX;
    t->fn(t->ctx, now);
}

static void timer_start(struct sotto_timer *t)
{
    const uint64_t day_ms = 86400000;
    uv_update_time(uv_handle_get_loop((uv_handle_t *)&t->uv));
    uint64_t now_ms = uv_now(uv_handle_get_loop((uv_handle_t *)&t->uv));       /* rounded down ... */
    uint64_t at_ms = t->at_us / 1000 + (t->at_us % 1000 != 0);                 /* ... and up: never early */
    uint64_t delay_ms = at_ms > now_ms ? at_ms - now_ms : 0;
    uv_timer_start(&t->uv, timer_fired, delay_ms < day_ms ? delay_ms : day_ms, 0);
}

enum sotto_err sotto_timer_new(struct sotto_timer **out, struct sotto_loop *loop, sotto_timer_fn *fn, void *ctx)
{
    struct sotto_timer *t = calloc(1, sizeof *t);
    if (!t) return SOTTO_ERR_NOMEM;
    *t = (struct sotto_timer){ .fn = fn, .ctx = ctx, .at_us = UINT64_MAX };
    uv_timer_init(&loop->uv, &t->uv);
    t->uv.data = t;
    *out = t;
    return SOTTO_OK;
}

void sotto_timer_set(struct sotto_timer *t, uint64_t mono_us)
{
    if (mono_us == UINT64_MAX) {
        sotto_timer_stop(t);
        return;
    }
    t->at_us = mono_us;
    timer_start(t);
}

void sotto_timer_stop(struct sotto_timer *t)
{
    t->at_us = UINT64_MAX;
    uv_timer_stop(&t->uv);
}

static void timer_closed(uv_handle_t *handle) { free(handle->data); }

void sotto_timer_free(struct sotto_timer *t)
{
    if (t) uv_close((uv_handle_t *)&t->uv, timer_closed);
}

/* ---- signals ---- */

/* A descriptor, not handlers: no code of ours runs in the middle of other code, and none is lost while another one is handled. */
static void signal_came(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct sotto_loop *loop = poll->data;
    struct signalfd_siginfo info;
    while (read(loop->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        loop->signal_fn(loop->signal_ctx, info.ssi_signo == SIGHUP ? SOTTO_SIGNAL_RELOAD : SOTTO_SIGNAL_END);
}

enum sotto_err sotto_loop_on_signal(struct sotto_loop *loop, sotto_signal_fn *fn, void *ctx)
{
    if (loop->signal_fd >= 0) return SOTTO_ERR_EXISTS;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) return SOTTO_ERR_IO;
    if (uv_poll_init(&loop->uv, &loop->signals, fd) != 0) {
        close(fd);
        return SOTTO_ERR_IO;
    }
    loop->signal_fd = fd;                     /* from here on _free closes both */
    loop->signals.data = loop;
    loop->signal_fn = fn;
    loop->signal_ctx = ctx;
    if (uv_poll_start(&loop->signals, UV_READABLE, signal_came) != 0) return SOTTO_ERR_IO;
    uv_unref((uv_handle_t *)&loop->signals);
    pthread_sigmask(SIG_BLOCK, &set, NULL);   /* for good: one that comes while the program is being taken down changes nothing */
    return SOTTO_OK;
}
