/* What every bench program shares: a clock, medians, and the JSON lines that bench.py reads (their form is described there).
 *
 * Time is the processor time of the calling thread, so that other work on the machine disturbs a figure little. */
#ifndef SOTTO_BENCH_H
#define SOTTO_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_RUNS_MIN 5u                         /* a median of fewer says little */
#define BENCH_RUNS_MAX 64u

/* The times (or rates) of several runs of one measure. */
struct bench_runs { double at[BENCH_RUNS_MAX]; unsigned count; };

uint64_t bench_now_ns(void);
void bench_add(struct bench_runs *runs, double value);                    /* at most BENCH_RUNS_MAX */
double bench_median(const struct bench_runs *runs);                       /* of at least BENCH_RUNS_MIN */

/* One line of the table on standard output. Zero or NULL: not given. */
struct bench_line {
    const char *name, *unit;
    const struct bench_runs *runs;                /* value = their median */
    const char *peer;
    double peer_value;                            /* same unit */
    double ratio, goal;
    bool higher;                                  /* the goal is a least ratio (or value), else a most */
};
void bench_print(const struct bench_line *line);
void bench_skip(const char *name, const char *why);

#endif
