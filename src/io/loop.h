/* The one loop of a process: time, timers, signals, and calls posted from other threads (libuv).
 *
 * Everything in io/ belongs to one loop. Threads: all functions on the loop's thread, but for sotto_loop_post and
 * sotto_io_now, which any thread may call.
 *
 * Freeing: the free function of every object of io/ that lives on a loop (timer, net, door, workers) may be called at any
 * moment on the loop's thread, also inside one of its own callbacks. No callback of the object comes after it; what the
 * kernel still holds is given back by later turns of the loop, at the latest inside sotto_loop_free. */
#ifndef SOTTO_IO_LOOP_H
#define SOTTO_IO_LOOP_H

#include "base/env.h"

struct sotto_loop;
struct uv_loop_s;

/* Any thread. mono_us from CLOCK_MONOTONIC; wall_ms is unix time. */
struct sotto_now sotto_io_now(void);

/* ERR_NOMEM, ERR_IO (no descriptors). Also makes SIGPIPE harmless for the process. */
SOTTO_MUST_USE enum sotto_err sotto_loop_new(struct sotto_loop **out);
/* Runs until sotto_loop_stop, or until nothing is left that could happen. May be called again afterwards. */
void sotto_loop_run(struct sotto_loop *loop);
/* run returns after the callback that is now running. */
void sotto_loop_stop(struct sotto_loop *loop);
/* Free every object that lives on the loop first. Calls still posted are dropped unless they come from workers, which were
 * stopped before. NULL is fine. */
void sotto_loop_free(struct sotto_loop *loop);
struct uv_loop_s *sotto_loop_uv(struct sotto_loop *loop);                 /* for io/ only */
/* For io/ only: fn(arg) inside sotto_loop_free, after the last handle is closed: for a library that wants to be taken down in two
 * steps. At most 4. ERR_FULL. */
SOTTO_MUST_USE enum sotto_err sotto_loop_at_end(struct sotto_loop *loop, void (*fn)(void *arg), void *arg);

/* Calls fn(arg) on the loop's thread in a later turn; in order of posting. Any thread, while the loop exists. ERR_NOMEM. */
typedef void sotto_call_fn(void *arg);
SOTTO_MUST_USE enum sotto_err sotto_loop_post(struct sotto_loop *loop, sotto_call_fn *fn, void *arg);

/* A one-shot timer. Set again at will, also inside its callback; it never fires before its time, and at most a few ms after
 * it when the loop is not busy. A timer that is not set does not keep the loop running. */
struct sotto_timer;
typedef void sotto_timer_fn(void *ctx, struct sotto_now now);
SOTTO_MUST_USE enum sotto_err sotto_timer_new(struct sotto_timer **out, struct sotto_loop *loop, sotto_timer_fn *fn, void *ctx);
void sotto_timer_set(struct sotto_timer *t, uint64_t mono_us);           /* replaces the former time; UINT64_MAX = not set */
void sotto_timer_stop(struct sotto_timer *t);
void sotto_timer_free(struct sotto_timer *t);                             /* NULL is fine */

/* SIGTERM and SIGINT ask for the end, SIGHUP for a reload. fn is called on the loop, once per signal; of several of one kind that
 * wait at the same time, once. They are blocked from then on in this thread and in those it starts later, until the process ends:
 * call it before the first thread. Once per loop; the signals themselves do not keep the loop running. ERR_IO, ERR_EXISTS. */
enum sotto_signal { SOTTO_SIGNAL_END, SOTTO_SIGNAL_RELOAD };
typedef void sotto_signal_fn(void *ctx, enum sotto_signal what);
SOTTO_MUST_USE enum sotto_err sotto_loop_on_signal(struct sotto_loop *loop, sotto_signal_fn *fn, void *ctx);

#endif
