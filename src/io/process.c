#include "io/process.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

void sotto_process_private(void)
{
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

bool sotto_process_dumps(void)
{
    struct rlimit core;
    return getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur != 0;
}

int sotto_process_id(void) { return (int)getpid(); }

/* statm: pages of the address space, and pages in RAM. */
static uint64_t rss_bytes(void)
{
    char text[128];
    char *after;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    if (size <= 0) return 0;
    text[size] = 0;
    (void)strtoull(text, &after, 10);             /* all of it; what is resident comes second */
    return *after == ' ' ? strtoull(after, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

struct sotto_process_use sotto_process_use(void)
{
    struct rusage used = { 0 };
    (void)getrusage(RUSAGE_SELF, &used);
    return (struct sotto_process_use){ .rss_bytes = rss_bytes(), .wakeups = (uint64_t)used.ru_nvcsw };
}
