#include "io/process.h"

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
