/* What a core may know of the world: the time and random bytes, both handed in by the caller (network.md 0).
 * Cores never read a clock or the system generator, so one seed replays one run. */
#ifndef SOTTO_BASE_ENV_H
#define SOTTO_BASE_ENV_H

#include "base/bytes.h"

struct sotto_now {
    uint64_t mono_us;      /* never goes back: drives timers */
    uint64_t wall_ms;      /* unix time: only where a format needs it */
};

/* A stream of random bytes. fill never fails and never blocks. Made by crypto/rng.h (seeded from the system in the
 * programs, from a printed seed in tests). */
struct sotto_rng {
    void (*fill)(struct sotto_rng *rng, void *out, size_t size);
};
static inline void sotto_rng_fill(struct sotto_rng *rng, void *out, size_t size) { rng->fill(rng, out, size); }
static inline uint64_t sotto_rng_u64(struct sotto_rng *rng)
{
    uint64_t v;
    rng->fill(rng, &v, sizeof v);
    return v;
}
uint64_t sotto_rng_below(struct sotto_rng *rng, uint64_t bound);      /* uniform in 0..bound-1, no bias; bound >= 1 */
uint64_t sotto_rng_exp_us(struct sotto_rng *rng, uint64_t mean_us);   /* exponential, at most 50 times the mean */

/* A log line without secrets: no key, tag, text, token, address or ID of a user (experience.md 5). fields is
 * "key=value key=value" or NULL. NULL sink: nothing is logged. */
enum sotto_level { SOTTO_LOG_ERROR, SOTTO_LOG_WARN, SOTTO_LOG_INFO, SOTTO_LOG_DEBUG };
struct sotto_log {
    void (*line)(struct sotto_log *log, enum sotto_level level, const char *area, const char *event, const char *fields);
};
__attribute__((format(printf, 5, 6)))
void sotto_log_line(struct sotto_log *log, enum sotto_level level, const char *area, const char *event, const char *fields, ...);

#endif
