/* sotto-portmap: asks the router of this network to lead a port here, or to stop it, and says by lines what came of it (io/portmap.h).
 * sottod starts it; by hand it shows what a router answers:
 *
 *     sotto-portmap ask PORT [MILLISECONDS [ADDRESS|any [LINE|new]]]
 *     sotto-portmap give-back PORT MILLISECONDS ADDRESS|any LINE
 *
 * LINE is one that an earlier run wrote. Each method runs in a process of its own: whatever a router sends into it, it ends in time,
 * and takes nothing along but itself. Exit: 0 done, 1 no method came to anything, 2 usage. */
#include "portmap.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEMORY_MAX (64ull << 20)            /* of one method; the libraries read a whole answer into memory, however long it is */
#define PROCESSOR_MAX_S 5u

static void limit(int what, rlim_t most)
{
    struct rlimit r = { most, most };
    setrlimit(what, &r);
}

static void limits(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)       /* their shadows are large */
    limit(RLIMIT_AS, MEMORY_MAX);
#endif
    limit(RLIMIT_CPU, PROCESSOR_MAX_S);
    limit(RLIMIT_FSIZE, SOTTO_PORTMAP_LINES_MAX);
    limit(RLIMIT_NOFILE, 32);
    limit(RLIMIT_CORE, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void say(struct sotto_map_try *t)
{
    struct sotto_buf line = sotto_buf_make(SOTTO_PORTMAP_LINES_MAX);
    if (sotto_portmap_write(&line, t) == SOTTO_OK && fwrite(line.data, 1, line.size, stdout) == line.size) fflush(stdout);
    sotto_buf_free(&line);
}

/* In the child. Its status: 0 mapped or given back, 1 not. */
static int method(enum sotto_map_method m, const struct portmap *p)
{
    struct sotto_map_try t = { .method = m };
    struct itimerval time = { .it_value = { p->budget_ms / 1000, 1000 * (p->budget_ms % 1000) } };
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == 1) return 1;           /* too late: it has gone */
    setitimer(ITIMER_REAL, &time, NULL);
    t.result = m == SOTTO_MAP_UPNP ? portmap_upnp(&t, p) : portmap_natpmp(&t, p);
    bool good = t.result == SOTTO_MAP_MAPPED;
    if (good && p->give_back) t = p->hint;
    say(&t);
    return good ? 0 : 1;
}

/* True: nothing else need be tried. */
static bool run(enum sotto_map_method m, struct portmap *p, unsigned budget_ms)
{
    struct sotto_map_try t = { .method = m, .result = SOTTO_MAP_FAILED };
    int status = 0;
    p->budget_ms = budget_ms ? budget_ms : 1;
    pid_t pid = fork();
    if (pid == 0) _exit(method(m, p));
    if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status)) return WEXITSTATUS(status) == 0;
    if (pid > 0 && WIFSIGNALED(status)) t.result = WTERMSIG(status) == SIGALRM ? SOTTO_MAP_LATE : SOTTO_MAP_RUBBISH;       /* it could not digest it */
    say(&t);
    return false;
}

static bool hint(struct sotto_map_try *out, const char *line)
{
    char text[SOTTO_PORTMAP_LINES_MAX];
    struct sotto_map_report r;
    int size = snprintf(text, sizeof text, "%s\n", line);
    if (size < 0 || (size_t)size >= sizeof text || sotto_portmap_read(&r, sotto_span(text, (size_t)size)) != SOTTO_OK || r.count != 1) return false;
    *out = r.tries[0];
    return true;
}

int main(int argc, char **argv)
{
    struct portmap p = { .hint = { .result = SOTTO_MAP_FAILED } };
    unsigned long ms = argc > 3 ? strtoul(argv[3], NULL, 10) : SOTTO_PORTMAP_ASK_MS;
    unsigned long port = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    bool good = argc >= 3 && argc <= 6 && port > 0 && port <= UINT16_MAX && ms > 0 && ms <= 60000;
    p.port = (uint16_t)port;
    p.give_back = argc > 1 && strcmp(argv[1], "give-back") == 0;
    if (argc > 1 && !p.give_back && strcmp(argv[1], "ask") != 0) good = false;
    if (argc > 4 && strcmp(argv[4], "any") != 0) p.from = argv[4];
    if (good && argc > 5 && strcmp(argv[5], "new") != 0) good = hint(&p.hint, argv[5]);
    if (!good || (p.give_back && p.hint.result != SOTTO_MAP_MAPPED)) {
        fprintf(stderr, "sotto-portmap ask PORT [MILLISECONDS [ADDRESS|any [LINE|new]]]\nsotto-portmap give-back PORT MILLISECONDS ADDRESS|any LINE\n");
        return 2;
    }
    limits();
    prctl(PR_SET_PDEATHSIG, SIGKILL);       /* of the thread that waits for us */
    if (p.give_back) return run(p.hint.method, &p, (unsigned)ms) ? 0 : 1;
    /* NAT-PMP is quick, UPnP has to look around first: more than half of the time, and some is left for the whole. */
    unsigned upnp = (unsigned)ms * 6 / 10, natpmp = (unsigned)ms * 3 / 10;
    bool first = p.hint.result == SOTTO_MAP_MAPPED && p.hint.method == SOTTO_MAP_NATPMP;
    if (first ? run(SOTTO_MAP_NATPMP, &p, natpmp) : run(SOTTO_MAP_UPNP, &p, upnp)) return 0;
    return (first ? run(SOTTO_MAP_UPNP, &p, upnp) : run(SOTTO_MAP_NATPMP, &p, natpmp)) ? 0 : 1;
}
