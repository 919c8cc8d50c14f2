#include "sim/range.h"

#include "sim/memo.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 4096u                             /* seeds whose results are kept at a time: memory does not grow with the range */

#define LONG 200u                               /* seeds that are worth the longer table of sim/memo.h */

struct row { uint64_t counts[SIM_COUNTS], simulated_us; uint32_t faults; uint8_t hash[32]; };
struct job { uint64_t at, broken_seed; double seconds; bool broken, whole; char text[SIM_BROKEN_TEXT]; };
/* Between the processes. A job writes its own entry of jobs and the rows of the seeds it took. */
struct board {
    _Atomic uint64_t next, end;                 /* the next seed to take; end sinks to the first broken one + 1 */
    struct job jobs[SIM_JOBS_MAX];
    struct row rows[CHUNK];
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void tell_faults(FILE *to, unsigned faults)
{
    for (int i = 0; i < SIM_F_COUNT; i++)
        if (faults >> i & 1) fprintf(to, " %s", sim_fault_names[i]);
    fprintf(to, "\n");
}

static void tell_seed(const struct sim_run *run, double seconds)
{
    const struct sim_world *w = run->world;
    printf("%s %" PRIu64 ": %.0f ms, %" PRIu64 " steps, %.1f h, sent %" PRIu64 ", delivered %" PRIu64 ", faults", run->kind->name, w->seed, seconds * 1000,
           w->counts[SIM_N_STEPS], (double)w->now_us / (double)SIM_HOUR_US, w->counts[SIM_N_SENT], w->counts[SIM_N_DELIVERED]);
    tell_faults(stdout, run->faults);
    fflush(stdout);
}

static void tell_broken(FILE *to, const struct sim_run *run, const struct sim_options *o)
{
    const struct sim_world *w = run->world;
    fprintf(to, "broken   %s\nseed     %" PRIu64 "\ntime     %" PRIu64 ".%06" PRIu64 " s\nwhat     %s\nfaults  ", w->rule, w->seed, w->now_us / SIM_SECOND_US,
            w->now_us % SIM_SECOND_US, w->why);
    tell_faults(to, run->faults);
    for (unsigned i = 0; i < w->machine_count; i++) {
        const struct sim_machine *m = w->machines[i];
        for (unsigned k = m->log_count > 3 ? m->log_count - 3 : 0; k < m->log_count; k++)
            fprintf(to, "log %-4s %" PRIu64 " %.400s\n", m->name, m->log[k % SIM_LOG_LINES].at_us / SIM_SECOND_US, m->log[k % SIM_LOG_LINES].text);
    }
    fprintf(to, "repeat   sotto-lab sim --world %s --seed %" PRIu64 " --count 1", run->kind->name, w->seed);
    if (o->nodes) fprintf(to, " --nodes %u", o->nodes);
    if (o->pairs) fprintf(to, " --pairs %u", o->pairs);
    if (o->messages) fprintf(to, " --messages %u", o->messages);
    if (o->quiet) fprintf(to, " --quiet");
    fprintf(to, " --trace FILE\n");
}

static void keep(struct row *row, const struct sim_run *run)
{
    struct sha256_ctx copy = run->world->hash;
    sha256_digest(&copy, sizeof row->hash, row->hash);
    memcpy(row->counts, run->world->counts, sizeof row->counts);
    row->faults = run->faults;
    row->simulated_us = run->world->now_us;
}

/* Seeds are taken in order, so when one breaks, all before it were taken by somebody who brings them to their end. */
static void work(struct board *b, struct job *job, const struct sim_range *range, uint64_t first)
{
    for (;;) {
        uint64_t seed = atomic_fetch_add(&b->next, 1);
        if (seed >= atomic_load(&b->end)) break;
        struct sim_run run;
        double from = now_s();
        job->at = seed;
        sim_run_seed(&run, sim_kind_of(range->world, seed), &range->options, seed, range->trace);
        keep(&b->rows[seed - first], &run);
        if (run.world->broken) {
            uint64_t end = atomic_load(&b->end);
            while (seed + 1 < end && !atomic_compare_exchange_weak(&b->end, &end, seed + 1)) continue;
            FILE *to = fmemopen(job->text, sizeof job->text - 1, "w");
            if (to) {
                tell_broken(to, &run, &range->options);
                fclose(to);
            }
            job->broken = true;
            job->broken_seed = seed;
        }
        if (range->each) tell_seed(&run, now_s() - from);
        sim_run_free(&run);
        job->seconds += now_s() - from;
    }
    job->whole = true;
}

static bool fork_all(struct sim_totals *out, struct board *b, const struct sim_range *range, uint64_t first)
{
    pid_t pids[SIM_JOBS_MAX];
    unsigned begun = 0;
    bool ok = true;
    fflush(NULL);
    for (; begun < range->jobs; begun++) {
        pids[begun] = fork();
        if (pids[begun] == 0) {
            work(b, &b->jobs[begun], range, first);
            sim_templates_free();
            exit(0);                            /* what a sanitizer finds at the end becomes the status */
        }
        if (pids[begun] < 0) break;
    }
    for (unsigned i = 0; i < begun; i++) {
        int status = 0;
        bool whole = waitpid(pids[i], &status, 0) == pids[i] && status == 0 && b->jobs[i].whole;
        if (!whole && ok) snprintf(out->text, sizeof out->text, "job %u died at seed %" PRIu64 " (status 0x%x)", i, b->jobs[i].at, (unsigned)status);
        ok = ok && whole;
    }
    if (begun < range->jobs && ok) snprintf(out->text, sizeof out->text, "no process for job %u", begun);
    return ok && begun == range->jobs;
}

static void sum_up(struct sim_totals *out, struct sha256_ctx *hash, const struct board *b, uint64_t first, uint64_t end, unsigned jobs)
{
    for (uint64_t i = 0; i < end - first; i++) {
        const struct row *row = &b->rows[i];
        sha256_update(hash, sizeof row->hash, row->hash);
        for (int k = 0; k < SIM_COUNTS; k++) out->counts[k] += row->counts[k];
        for (int k = 0; k < SIM_F_COUNT; k++) out->faults[k] += row->faults >> k & 1;
        out->simulated_us += row->simulated_us;
        out->seeds++;
    }
    for (unsigned i = 0; i < jobs; i++) {
        out->seconds += b->jobs[i].seconds;
        if (!b->jobs[i].broken || b->jobs[i].broken_seed + 1 != end) continue;
        out->broken = true;
        out->broken_seed = b->jobs[i].broken_seed;
        memcpy(out->text, b->jobs[i].text, sizeof out->text);
    }
}

bool sim_range_run(struct sim_totals *out, const struct sim_range *range)
{
    struct sha256_ctx hash;
    memset(out, 0, sizeof *out);
    sha256_init(&hash);
    struct board *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (b == MAP_FAILED) {
        snprintf(out->text, sizeof out->text, "memory is short");
        return false;
    }
    bool ok = true;
    if (range->count >= LONG) sim_memo_long();
    for (uint64_t first = range->first, left = range->count; left && ok && !out->broken;) {
        uint64_t count = left < CHUNK ? left : CHUNK;
        atomic_store(&b->next, first);
        atomic_store(&b->end, first + count);
        memset(b->jobs, 0, sizeof b->jobs);
        if (range->jobs == 1) work(b, &b->jobs[0], range, first);
        else ok = fork_all(out, b, range, first);
        if (ok) sum_up(out, &hash, b, first, atomic_load(&b->end), range->jobs);
        first += count;
        left -= count;
    }
    sha256_digest(&hash, sizeof out->hash, out->hash);
    munmap(b, sizeof *b);
    sim_templates_free();
    return ok;
}
