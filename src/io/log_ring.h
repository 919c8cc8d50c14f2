/* The newest lines of a log, kept in memory for `log tail` (experience.md 5): what a person asks for when something goes wrong, without
 * the right to read the journal. A fixed number of bytes and lines; the oldest go first. Holds what the log says and no more.
 * Threads: plain values, one owner. */
#ifndef SOTTO_IO_LOG_RING_H
#define SOTTO_IO_LOG_RING_H

#include "base/env.h"

#define SOTTO_LOG_KEPT_LINES 1024u              /* some hours of a quiet node, minutes of a chatty one */
#define SOTTO_LOG_KEPT_BYTES (256u << 10)
#define SOTTO_LOG_AREA_SIZE 16u                 /* with the final zero */

struct sotto_log_kept { uint32_t at, size; enum sotto_level level; char area[SOTTO_LOG_AREA_SIZE]; };
struct sotto_log_ring {                         /* start with { 0 } */
    uint64_t first, next;                       /* numbers of the oldest line kept and of the one to come; a line's place is number % LINES */
    uint32_t used, end;                         /* bytes kept, and where the next ones go */
    struct sotto_log_kept lines[SOTTO_LOG_KEPT_LINES];
    char bytes[SOTTO_LOG_KEPT_BYTES];           /* the texts one behind the other, round and round */
};

/* text: copied; one above KEPT_BYTES is not kept. area: cut to 15 characters. */
void sotto_log_ring_add(struct sotto_log_ring *ring, enum sotto_level level, const char *area, struct sotto_span text);
/* Appends the newest `limit` lines of this area (NULL = of all) that are as grave as level or graver, oldest first, as "[line,line]".
 * ERR_FULL, ERR_NOMEM: out is as it was. */
SOTTO_MUST_USE enum sotto_err sotto_log_ring_tail(const struct sotto_log_ring *ring, struct sotto_buf *out, const char *area, enum sotto_level level,
                                                  unsigned limit);

#endif
