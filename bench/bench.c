#include "bench/bench.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void bench_add(struct bench_runs *runs, double value)
{
    SOTTO_ASSERT(runs->count < BENCH_RUNS_MAX);
    runs->at[runs->count++] = value;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(const struct bench_runs *runs)
{
    SOTTO_ASSERT(runs->count >= BENCH_RUNS_MIN);
    double sorted[BENCH_RUNS_MAX];
    memcpy(sorted, runs->at, runs->count * sizeof *sorted);
    qsort(sorted, runs->count, sizeof *sorted, by_value);
    unsigned middle = runs->count / 2;
    return runs->count % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/* Names and peers are literals of the bench programs: nothing in them needs escaping, which the assertion keeps true. */
static void put_text(const char *key, const char *text)
{
    SOTTO_ASSERT(!strpbrk(text, "\"\\\n"));
    printf("\"%s\": \"%s\"", key, text);
}

void bench_print(const struct bench_line *line)
{
    printf("{");
    put_text("name", line->name);
    printf(", \"value\": %.9g, ", bench_median(line->runs));
    put_text("unit", line->unit);
    if (line->peer) {
        printf(", ");
        put_text("peer", line->peer);
        printf(", \"peer_value\": %.9g", line->peer_value);
    }
    if (line->ratio > 0) printf(", \"ratio\": %.9g", line->ratio);
    if (line->goal > 0) printf(", \"goal\": %.9g, \"better\": \"%s\"", line->goal, line->higher ? "higher" : "lower");
    printf(", \"runs\": [");
    for (unsigned i = 0; i < line->runs->count; i++) printf("%s%.9g", i ? ", " : "", line->runs->at[i]);
    printf("]}\n");
    fflush(stdout);
}

void bench_skip(const char *name, const char *why)
{
    printf("{");
    put_text("name", name);
    printf(", ");
    put_text("skipped", why);
    printf("}\n");
    fflush(stdout);
}
