/* Long work beside the loop: Argon2id, files, mining, routers.
 *
 * Lanes of one thread each, started by their first job: WORK for what somebody waits for, MINE at nice 10 for proofs of
 * work, ASK for what waits itself, on others and for seconds. Jobs of a lane run one after the other, in order. Threads: all functions on the loop's thread.
 *
 *     sotto_workers_run -> run(arg, cancel) on the worker -> done(arg, cancelled) on the loop: exactly once per accepted job
 *
 * What run touches through arg belongs to the job until done; run reports progress with sotto_loop_post if it must. */
#ifndef SOTTO_IO_WORKER_H
#define SOTTO_IO_WORKER_H

#include "io/loop.h"

#include <stdatomic.h>

struct sotto_workers;
struct sotto_job;
enum sotto_lane { SOTTO_LANE_WORK, SOTTO_LANE_MINE, SOTTO_LANE_ASK, SOTTO_LANES };

/* Polls cancel where it can take longer than about 50 ms; becomes true once and stays. */
typedef void sotto_job_run_fn(void *arg, const atomic_bool *cancel);
/* cancelled: sotto_job_cancel was called, or the workers are stopping. run may have finished nevertheless, or, if the job
 * was still waiting, never have begun: arg itself has to tell (a flag that run sets). */
typedef void sotto_job_done_fn(void *arg, bool cancelled);

/* queue_max: jobs waiting or running in one lane. ERR_NOMEM, ERR_IO. */
SOTTO_MUST_USE enum sotto_err sotto_workers_new(struct sotto_workers **out, struct sotto_loop *loop, unsigned queue_max);
/* job may be NULL; the handle is good until done is called. ERR_FULL, ERR_NOMEM, ERR_IO (no thread), ERR_STATE (stopping): then
 * done is not called and arg is still the caller's. */
SOTTO_MUST_USE enum sotto_err sotto_workers_run(struct sotto_workers *w, struct sotto_job **job, enum sotto_lane lane, sotto_job_run_fn *run,
                                                sotto_job_done_fn *done, void *arg);
/* Asks only: done comes as for every job, at once (a later turn of the loop) if it was still waiting. */
void sotto_job_cancel(struct sotto_job *job);
unsigned sotto_workers_count(const struct sotto_workers *w, enum sotto_lane lane);     /* waiting, running, or done not yet called */
/* Cancels everything, waits for the running jobs, calls every outstanding done with cancelled = true before it returns.
 * Nothing is accepted afterwards. */
void sotto_workers_stop(struct sotto_workers *w);
void sotto_workers_free(struct sotto_workers *w);                         /* stops first if need be; not inside a done callback; NULL is fine */

#endif
