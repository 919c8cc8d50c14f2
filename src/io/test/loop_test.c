/* Loop, timers, signals, workers. Nothing here waits for a guess: each step is started by the one before. */
#include "io/loop.h"
#include "io/worker.h"
#include "io/test/world.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static struct sotto_loop *loop;

static int setup(void **state)
{
    (void)state;
    return sotto_loop_new(&loop) == SOTTO_OK ? 0 : -1;
}
static int teardown(void **state)
{
    (void)state;
    sotto_loop_free(loop);
    return 0;
}

/* ---- timers ---- */

struct tick { struct sotto_timer *timer; uint64_t wanted, fired; unsigned count; };

static void ticked(void *ctx, struct sotto_now now)
{
    struct tick *t = ctx;
    t->fired = now.mono_us;
    assert_true(now.mono_us >= t->wanted);
    if (++t->count < 5) {
        t->wanted = now.mono_us + 1700 * t->count;                        /* odd microseconds: never early */
        sotto_timer_set(t->timer, t->wanted);
    }
}

static void test_timer_never_early(void **state)
{
    (void)state;
    struct tick t = { 0 };
    assert_ok(sotto_timer_new(&t.timer, loop, ticked, &t));
    sotto_timer_set(t.timer, UINT64_MAX);
    sotto_loop_run(loop);                                                 /* nothing set: returns */
    assert_int_equal(t.count, 0);
    t.wanted = sotto_io_now().mono_us + 2300;
    sotto_timer_set(t.timer, t.wanted);
    sotto_loop_run(loop);
    assert_int_equal(t.count, 5);
    sotto_timer_set(t.timer, 0);                                          /* long past: at once */
    t.wanted = 0;
    sotto_loop_run(loop);
    assert_int_equal(t.count, 6);
    sotto_timer_set(t.timer, sotto_io_now().mono_us + 1000);
    sotto_timer_stop(t.timer);
    sotto_loop_run(loop);
    assert_int_equal(t.count, 6);
    sotto_timer_free(t.timer);
}

static void free_itself(void *ctx, struct sotto_now now)
{
    (void)now;
    struct tick *t = ctx;
    t->count++;
    sotto_timer_free(t->timer);
}

static void test_timer_freed_inside(void **state)
{
    (void)state;
    struct tick t = { 0 };
    assert_ok(sotto_timer_new(&t.timer, loop, free_itself, &t));
    sotto_timer_set(t.timer, 0);
    sotto_loop_run(loop);
    assert_int_equal(t.count, 1);
}

static void test_clock(void **state)
{
    (void)state;
    struct sotto_now a = sotto_io_now(), b = sotto_io_now();
    assert_true(b.mono_us >= a.mono_us);
    assert_true(a.wall_ms > 1600000000000 && a.wall_ms < 10000000000000);
}

/* ---- posting from other threads ---- */

struct posted { unsigned thread, number; unsigned *next, *left; };

static void take_post(void *arg)
{
    struct posted *p = arg;
    assert_int_equal(p->number, p->next[p->thread]);                      /* in order of each thread */
    p->next[p->thread]++;
    if (--*p->left == 0) sotto_loop_stop(loop);
    free(p);
}

struct poster { unsigned thread; unsigned *next, *left; };
static void *post_many(void *arg)
{
    struct poster *t = arg;
    for (unsigned i = 0; i < 500; i++) {
        struct posted *p = malloc(sizeof *p);
        *p = (struct posted){ t->thread, i, t->next, t->left };
        if (sotto_loop_post(loop, take_post, p) != SOTTO_OK) abort();
    }
    return NULL;
}

static void never(void *ctx, struct sotto_now now)
{
    (void)ctx;
    (void)now;
    fail_msg("20 s passed");
}

static void test_post(void **state)
{
    (void)state;
    unsigned next[3] = { 0 }, left = 1500;
    struct poster posters[3] = { { 0, next, &left }, { 1, next, &left }, { 2, next, &left } };
    pthread_t threads[3];
    struct sotto_timer *guard;
    assert_ok(sotto_timer_new(&guard, loop, never, NULL));
    sotto_timer_set(guard, sotto_io_now().mono_us + 20000000);
    for (unsigned i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
    sotto_loop_run(loop);
    for (unsigned i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    assert_int_equal(left, 0);
    sotto_timer_free(guard);
}

/* ---- signals ---- */

static void got_signal(void *ctx, enum sotto_signal what)
{
    int *seen = ctx;
    seen[what]++;
    if (what == SOTTO_SIGNAL_RELOAD) kill(getpid(), SIGTERM);
    else if (seen[SOTTO_SIGNAL_END] == 1) kill(getpid(), SIGINT);
    else sotto_loop_stop(loop);
}

static void test_signals(void **state)
{
    (void)state;
    int seen[2] = { 0 };
    struct sotto_timer *guard;
    assert_ok(sotto_loop_on_signal(loop, got_signal, seen));
    assert_int_equal(sotto_loop_on_signal(loop, got_signal, seen), SOTTO_ERR_EXISTS);
    assert_ok(sotto_timer_new(&guard, loop, never, NULL));
    sotto_timer_set(guard, sotto_io_now().mono_us + 20000000);
    kill(getpid(), SIGHUP);
    sotto_loop_run(loop);
    assert_int_equal(seen[SOTTO_SIGNAL_END], 2);
    assert_int_equal(seen[SOTTO_SIGNAL_RELOAD], 1);
    sotto_timer_free(guard);
}

/* ---- workers ---- */

struct work {
    struct sotto_workers *workers;
    struct sotto_job *job;
    atomic_bool began, release;
    bool ran, done, cancelled;
    int nice_value;
    struct work *then;
    unsigned *order, place;
};

static void run_plain(void *arg, const atomic_bool *cancel)
{
    struct work *w = arg;
    (void)cancel;
    w->ran = true;
    w->nice_value = getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
}

static void run_until_cancelled(void *arg, const atomic_bool *cancel)
{
    struct work *w = arg;
    w->ran = true;
    atomic_store(&w->began, true);
    while (!atomic_load(cancel) && !atomic_load(&w->release)) sched_yield();
}

static void done_one(void *arg, bool cancelled)
{
    struct work *w = arg;
    assert_false(w->done);
    w->done = true;
    w->cancelled = cancelled;
    if (w->order) w->place = (*w->order)++;
    if (w->then) assert_ok(sotto_workers_run(w->workers, &w->then->job, SOTTO_LANE_WORK, run_plain, done_one, w->then));
}

static void test_jobs_in_order(void **state)
{
    (void)state;
    struct sotto_workers *workers;
    unsigned order = 0;
    struct work jobs[4] = { 0 }, mine = { 0 }, then = { 0 };
    assert_ok(sotto_workers_new(&workers, loop, 4));
    sotto_loop_run(loop);                                                 /* idle workers do not hold the loop */
    jobs[3].workers = workers;
    jobs[3].then = &then;
    for (unsigned i = 0; i < 4; i++) {
        jobs[i].order = &order;
        assert_ok(sotto_workers_run(workers, &jobs[i].job, SOTTO_LANE_WORK, run_plain, done_one, &jobs[i]));
    }
    assert_int_equal(sotto_workers_run(workers, NULL, SOTTO_LANE_WORK, run_plain, done_one, &then), SOTTO_ERR_FULL);
    assert_ok(sotto_workers_run(workers, NULL, SOTTO_LANE_MINE, run_plain, done_one, &mine));
    assert_int_equal(sotto_workers_count(workers, SOTTO_LANE_WORK), 4);
    sotto_loop_run(loop);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(jobs[i].ran && jobs[i].done && !jobs[i].cancelled);
        assert_int_equal(jobs[i].place, i);
        assert_int_equal(jobs[i].nice_value, getpriority(PRIO_PROCESS, 0));
    }
    assert_true(then.ran && then.done);
    assert_true(mine.ran && mine.done);
    assert_int_equal(mine.nice_value, 10);
    assert_int_equal(sotto_workers_count(workers, SOTTO_LANE_WORK), 0);
    sotto_workers_free(workers);
}

static void test_cancel(void **state)
{
    (void)state;
    struct sotto_workers *workers;
    struct work running = { 0 }, waiting = { 0 }, last = { 0 };
    assert_ok(sotto_workers_new(&workers, loop, 8));
    assert_ok(sotto_workers_run(workers, &running.job, SOTTO_LANE_MINE, run_until_cancelled, done_one, &running));
    assert_ok(sotto_workers_run(workers, &waiting.job, SOTTO_LANE_MINE, run_until_cancelled, done_one, &waiting));
    assert_ok(sotto_workers_run(workers, &last.job, SOTTO_LANE_MINE, run_plain, done_one, &last));
    while (!atomic_load(&running.began)) sched_yield();
    sotto_job_cancel(waiting.job);
    sotto_job_cancel(running.job);
    assert_false(running.done || waiting.done);
    sotto_loop_run(loop);
    assert_true(running.done && running.cancelled && running.ran);
    assert_true(waiting.done && waiting.cancelled && !waiting.ran);
    assert_true(last.done && !last.cancelled && last.ran);
    sotto_workers_free(workers);
}

static void test_stop(void **state)
{
    (void)state;
    struct sotto_workers *workers;
    struct work jobs[6] = { 0 };
    assert_ok(sotto_workers_new(&workers, loop, 8));
    for (unsigned i = 0; i < 6; i++)
        assert_ok(sotto_workers_run(workers, &jobs[i].job, i % 2 ? SOTTO_LANE_MINE : SOTTO_LANE_WORK, run_until_cancelled, done_one, &jobs[i]));
    while (!atomic_load(&jobs[0].began) || !atomic_load(&jobs[1].began)) sched_yield();
    sotto_workers_stop(workers);
    for (unsigned i = 0; i < 6; i++) {
        assert_true(jobs[i].done && jobs[i].cancelled);
        assert_int_equal(jobs[i].ran, i < 2);
    }
    assert_int_equal(sotto_workers_run(workers, NULL, SOTTO_LANE_WORK, run_plain, done_one, &jobs[0]), SOTTO_ERR_STATE);
    sotto_workers_stop(workers);
    sotto_workers_free(workers);
    sotto_loop_run(loop);
}

static void stop_inside(void *arg, bool cancelled)
{
    struct work *w = arg;
    done_one(arg, cancelled);
    sotto_workers_stop(w->workers);
}

static void test_stop_inside_done(void **state)
{
    (void)state;
    struct sotto_workers *workers;
    struct work first = { 0 }, second = { 0 }, third = { 0 };
    assert_ok(sotto_workers_new(&workers, loop, 8));
    first.workers = workers;
    assert_ok(sotto_workers_run(workers, NULL, SOTTO_LANE_WORK, run_plain, stop_inside, &first));
    assert_ok(sotto_workers_run(workers, NULL, SOTTO_LANE_WORK, run_until_cancelled, done_one, &second));
    assert_ok(sotto_workers_run(workers, NULL, SOTTO_LANE_WORK, run_until_cancelled, done_one, &third));
    sotto_loop_run(loop);
    assert_true(first.done && !first.cancelled);
    assert_true(second.done && second.cancelled && third.done && third.cancelled && !third.ran);
    sotto_workers_free(workers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_clock, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timer_never_early, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timer_freed_inside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_post, setup, teardown),
        cmocka_unit_test_setup_teardown(test_signals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_jobs_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_inside_done, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
