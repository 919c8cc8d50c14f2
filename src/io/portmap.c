#include "io/portmap.h"

#include "io/file.h"
#include "io/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 50                          /* how soon a cancelled request ends */
#define GRACE_MS 300u                       /* beyond its own time, which it keeps by itself if nothing holds it up */
#define HINT_MAX (SOTTO_MAP_URL_SIZE + 64u)

/* Beside this program, as in a build folder, or in libexec, as it is installed. */
static enum sotto_err program(char out[PATH_MAX])
{
    static const char *const places[] = { SOTTO_PORTMAP_PROGRAM, "../libexec/sotto/" SOTTO_PORTMAP_PROGRAM };
    char self[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size <= 0) return SOTTO_ERR_IO;
    self[size] = 0;
    char *slash = strrchr(self, '/');
    if (!slash) return SOTTO_ERR_IO;
    slash[1] = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (snprintf(out, PATH_MAX, "%s%s", self, places[i]) < PATH_MAX && access(out, X_OK) == 0) return SOTTO_OK;
    return SOTTO_ERR_MISSING;
}

/* It gets nothing of ours: no descriptor but the pipe, no environment, signals as they are for a new program. */
static enum sotto_err begin(pid_t *pid, int *out, char *const argv[], const char *path)
{
    static char *const nothing[] = { NULL };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int pipe_fd[2];
    if (pipe2(pipe_fd, O_CLOEXEC) != 0) return SOTTO_ERR_IO;
    sigemptyset(&none);
    sigfillset(&all);
    int bad = posix_spawn_file_actions_init(&files);
    if (!bad) {
        bad = posix_spawnattr_init(&attr);
        if (!bad) {
            bad = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
            if (!bad) bad = posix_spawn_file_actions_adddup2(&files, pipe_fd[1], 1);
            if (!bad) bad = posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
            if (!bad) bad = posix_spawn_file_actions_addclosefrom_np(&files, 3);
            if (!bad) bad = posix_spawnattr_setsigmask(&attr, &none);
            if (!bad) bad = posix_spawnattr_setsigdefault(&attr, &all);
            if (!bad) bad = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
            if (!bad) bad = posix_spawn(pid, path, &files, &attr, argv, nothing);
            posix_spawnattr_destroy(&attr);
        }
        posix_spawn_file_actions_destroy(&files);
    }
    close(pipe_fd[1]);
    if (bad) {
        close(pipe_fd[0]);
        return bad == ENOENT ? SOTTO_ERR_MISSING : bad == ENOMEM ? SOTTO_ERR_NOMEM : SOTTO_ERR_IO;
    }
    *out = pipe_fd[0];
    return SOTTO_OK;
}

/* Reads to the end of the pipe. False: the time is over, it was cancelled, or it says too much. */
static bool read_all(char *text, size_t *size, int fd, uint64_t until_us, const atomic_bool *cancel)
{
    *size = 0;
    while (!atomic_load(cancel) && sotto_io_now().mono_us < until_us) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int ready = poll(&p, 1, LOOK_MS);
        if (ready < 0 && errno != EINTR) return false;
        if (ready <= 0) continue;
        if (*size == SOTTO_PORTMAP_LINES_MAX) return false;
        ssize_t got = read(fd, text + *size, SOTTO_PORTMAP_LINES_MAX - *size);
        if (got == 0) return true;
        if (got > 0) *size += (size_t)got;
        else if (errno != EINTR) return false;
    }
    return false;
}

/* It was ended: the method it was about to tell of has come to nothing. */
static void late(struct sotto_map_report *r)
{
    if (r->count == SOTTO_MAP_METHOD_COUNT || (r->count && r->tries[r->count - 1].result == SOTTO_MAP_MAPPED)) return;
    enum sotto_map_method next = r->count && r->tries[0].method == SOTTO_MAP_UPNP ? SOTTO_MAP_NATPMP : SOTTO_MAP_UPNP;
    r->tries[r->count++] = (struct sotto_map_try){ .method = next, .result = SOTTO_MAP_LATE };
}

enum sotto_err sotto_io_portmap(struct sotto_map_report *out, const struct sotto_portmap_request *r, const atomic_bool *cancel)
{
    char path[PATH_MAX], port[16], ms[16], from[64] = "any", text[SOTTO_PORTMAP_LINES_MAX];
    char name[] = SOTTO_PORTMAP_PROGRAM, ask[] = "ask", give_back[] = "give-back", nothing[] = "new";
    char hint[HINT_MAX];
    struct sotto_map_report report = { .count = 0 };
    uint32_t time_ms = r->give_back ? SOTTO_PORTMAP_GIVE_BACK_MS : SOTTO_PORTMAP_ASK_MS;
    size_t size = 0;
    pid_t pid;
    int fd, status;
    SOTTO_TRY(program(path));
    snprintf(port, sizeof port, "%u", r->port);
    snprintf(ms, sizeof ms, "%u", time_ms);
    if (r->from.family == 4) snprintf(from, sizeof from, "%u.%u.%u.%u", r->from.ip[0], r->from.ip[1], r->from.ip[2], r->from.ip[3]);
    struct sotto_buf line = sotto_buf_make(HINT_MAX);
    if (r->hint.result == SOTTO_MAP_MAPPED) SOTTO_TRY(sotto_portmap_write(&line, &r->hint));
    snprintf(hint, sizeof hint, "%.*s", line.size ? (int)line.size - 1 : 0, line.size ? (const char *)line.data : "");
    sotto_buf_free(&line);
    char *argv[] = { name, r->give_back ? give_back : ask, port, ms, from, hint[0] ? hint : nothing, NULL };
    SOTTO_TRY(begin(&pid, &fd, argv, path));
    bool whole = read_all(text, &size, fd, sotto_io_now().mono_us + 1000ull * (time_ms + GRACE_MS), cancel);
    close(fd);
    if (!whole) kill(pid, SIGKILL);         /* still ours: nobody has waited for it */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    enum sotto_err err = sotto_portmap_read(&report, sotto_span(text, size));
    if (err != SOTTO_OK) return SOTTO_ERR_IO;
    if (!whole || !WIFEXITED(status)) late(&report);
    *out = report;
    return SOTTO_OK;
}
