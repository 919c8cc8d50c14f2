#include "base/env.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

uint64_t sotto_rng_below(struct sotto_rng *rng, uint64_t bound)
{
    SOTTO_ASSERT(bound > 0);
    uint64_t reject = (0 - bound) % bound;      /* 2^64 mod bound: values below it would be over-represented */
    uint64_t v;
    do v = sotto_rng_u64(rng);
    while (v < reject);
    return v % bound;
}

uint64_t sotto_rng_exp_us(struct sotto_rng *rng, uint64_t mean_us)
{
    double u = ((double)(sotto_rng_u64(rng) >> 11) + 0.5) * 0x1p-53;      /* in (0, 1) */
    double t = -log(u);
    if (t > 50) t = 50;
    return (uint64_t)(t * (double)mean_us);
}

void sotto_log_line(struct sotto_log *log, enum sotto_level level, const char *area, const char *event, const char *fields, ...)
{
    if (!log) return;
    char text[512];
    text[0] = 0;
    if (fields) {
        va_list args;
        va_start(args, fields);
        vsnprintf(text, sizeof text, fields, args);
        va_end(args);
    }
    log->line(log, level, area, event, text[0] ? text : NULL);
}
