/* The process itself: what it may show to others of the machine, and what it uses. Threads: any. */
#ifndef SOTTO_IO_PROCESS_H
#define SOTTO_IO_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* No core dump and no reading of our memory by other processes of the user. A refusal by the system changes nothing else. */
void sotto_process_private(void);
bool sotto_process_dumps(void);                  /* a core dump could be written */
int sotto_process_id(void);

struct sotto_process_use {
    uint64_t rss_bytes;                          /* of memory in RAM; 0 = the system does not tell */
    uint64_t wakeups;                            /* times that a thread of ours had waited and went on */
};
struct sotto_process_use sotto_process_use(void);

#endif
