/* The log of a program: one event a line, JSON or key=value (experience.md 5).
 *
 *     {"ms":1763729417000,"level":"info","area":"p2p","event":"peer-up","peers":3}
 *     13:10:17.000 info  p2p peer-up peers=3
 *
 * fields are "key=value key=value"; a value in double quotes may hold spaces. Whole numbers, true and false become JSON numbers and
 * booleans, everything else a string; control characters are escaped. What may be said at all is the caller's duty (base/env.h).
 *
 * A line that the descriptor cannot take at once is dropped and counted, so a stuck reader never stops the loop; the next line
 * that gets through is preceded by {"event":"dropped","lines":n}. The newest lines are also kept in memory, as JSON and whatever became
 * of them outside (io/log_ring.h). Threads: any. */
#ifndef SOTTO_IO_LOG_H
#define SOTTO_IO_LOG_H

#include "io/log_ring.h"

enum sotto_log_format { SOTTO_LOG_AUTO, SOTTO_LOG_JSON, SOTTO_LOG_TEXT };       /* AUTO: text on a terminal, else JSON */
#define SOTTO_LOG_AREAS_MAX 32u                 /* areas with a level of their own */

/* fd is borrowed (2 in the programs). ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_io_log_new(struct sotto_log **out, int fd, enum sotto_log_format format, enum sotto_level level);
/* area NULL: the general level, which also forgets the levels of all areas. ERR_FULL, ERR_RANGE (area longer than 15). */
SOTTO_MUST_USE enum sotto_err sotto_io_log_level(struct sotto_log *log, const char *area, enum sotto_level level);
enum sotto_level sotto_io_log_get(struct sotto_log *log, const char *area);
struct sotto_log_area { char area[SOTTO_LOG_AREA_SIZE]; enum sotto_level level; };
unsigned sotto_io_log_areas(struct sotto_log *log, struct sotto_log_area out[SOTTO_LOG_AREAS_MAX]);     /* those with a level of their own */
/* The lines kept, as sotto_log_ring_tail. */
SOTTO_MUST_USE enum sotto_err sotto_io_log_tail(struct sotto_log *log, struct sotto_buf *out, const char *area, enum sotto_level level, unsigned limit);
/* "error" "warn" "info" "debug"; ERR_FORMAT. */
SOTTO_MUST_USE enum sotto_err sotto_level_parse(enum sotto_level *out, const char *text);
const char *sotto_level_name(enum sotto_level level);
void sotto_io_log_free(struct sotto_log *log);  /* NULL is fine */

#endif
