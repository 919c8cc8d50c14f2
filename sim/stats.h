/* Mean and 95 % confidence interval of a few independent trials. Plain values. */
#ifndef SOTTO_SIM_STATS_H
#define SOTTO_SIM_STATS_H

#include <math.h>

struct sim_mean { double sum, squares; unsigned count; };

static inline void sim_mean_add(struct sim_mean *m, double x)
{
    m->sum += x;
    m->squares += x * x;
    m->count++;
}
static inline double sim_mean(const struct sim_mean *m) { return m->count ? m->sum / m->count : NAN; }

/* Half of the interval: Student's quantile times the standard error; NAN below two trials. */
static inline double sim_mean_half(const struct sim_mean *m)
{
    static const double t[] = { 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
                                2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042 };
    if (m->count < 2) return NAN;
    unsigned free = m->count - 1;
    double variance = (m->squares - m->sum * m->sum / m->count) / free;
    return (free <= sizeof t / sizeof t[0] ? t[free - 1] : 1.96 + 2.4 / free) * sqrt((variance > 0 ? variance : 0) / m->count);
}

#endif
