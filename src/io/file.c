#include "io/file.h"

#include "base/plant.h"
#include "io/process.h"
#include "io/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum sotto_err from_errno(int e)
{
    if (e == ENOSPC || e == EDQUOT || e == EFBIG) return SOTTO_ERR_DISK_FULL;
    if (e == ENOENT) return SOTTO_ERR_MISSING;
    if (e == EEXIST) return SOTTO_ERR_EXISTS;
    if (e == ENOMEM) return SOTTO_ERR_NOMEM;
    return SOTTO_ERR_IO;
}

enum sotto_err sotto_path_join(char out[SOTTO_PATH_MAX], const char *dir, const char *name)
{
    size_t dir_size = strlen(dir), name_size = strlen(name);
    bool slash = dir_size > 0 && dir[dir_size - 1] != '/';
    if (dir_size + slash + name_size >= SOTTO_PATH_MAX) return SOTTO_ERR_RANGE;
    memmove(out, dir, dir_size);
    if (slash) out[dir_size] = '/';
    memcpy(out + dir_size + slash, name, name_size + 1);
    return SOTTO_OK;
}

static enum sotto_err write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t n = sotto_sys_write(fd, data, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return from_errno(errno);
        data += n;
        size -= (size_t)n;
    }
    return SOTTO_OK;
}

enum sotto_err sotto_dir_sync(const char *path)
{
    int fd = sotto_sys_open(path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return SOTTO_ERR_IO;
    int e = sotto_sys_sync(fd);
    sotto_sys_close(fd);
    return e == 0 ? SOTTO_OK : SOTTO_ERR_IO;
}

/* The folder that holds path, so that a rename in it can be made durable. */
static enum sotto_err sync_folder(const char *path)
{
    char folder[SOTTO_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) : 0;
    if (!slash) strcpy(folder, ".");
    else if (size == 0) strcpy(folder, "/");
    else {
        if (size >= sizeof folder) return SOTTO_ERR_RANGE;
        memcpy(folder, path, size);
        folder[size] = 0;
    }
    return sotto_dir_sync(folder);
}

static enum sotto_err write_new(const char *path, struct sotto_span content)
{
    if (sotto_sys_unlink(path) != 0 && errno != ENOENT) return SOTTO_ERR_IO;     /* left by a process that died in the middle */
    int fd = sotto_sys_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (fd < 0) return errno == ENOENT ? SOTTO_ERR_IO : from_errno(errno);
    enum sotto_err err = write_all(fd, content.data, content.size);
    if (err == SOTTO_OK && (sotto_sys_fchmod(fd, 0600) != 0 || (!SOTTO_PLANTED(FILE_NOT_SYNCED) && sotto_sys_sync(fd) != 0))) err = from_errno(errno);
    if (sotto_sys_close(fd) != 0 && err == SOTTO_OK) err = from_errno(errno);
    if (err != SOTTO_OK) sotto_sys_unlink(path);
    return err;
}

static enum sotto_err place(const char *path, struct sotto_span content, bool over)
{
    char temp[SOTTO_PATH_MAX];
    int n = snprintf(temp, sizeof temp, "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof temp) return SOTTO_ERR_RANGE;
    SOTTO_TRY(write_new(temp, content));
    if (over) {
        if (sotto_sys_rename(temp, path) != 0) {
            int e = errno;
            sotto_sys_unlink(temp);
            return e == ENOSPC || e == EDQUOT ? SOTTO_ERR_DISK_FULL : SOTTO_ERR_IO;
        }
    } else {
        int linked = sotto_sys_link(temp, path);                                 /* unlike rename it never replaces */
        int e = errno;
        sotto_sys_unlink(temp);
        if (linked != 0) return e == EEXIST ? SOTTO_ERR_EXISTS : e == ENOSPC ? SOTTO_ERR_DISK_FULL : SOTTO_ERR_IO;
    }
    return SOTTO_PLANTED(RENAME_NOT_SYNCED) ? SOTTO_OK : sync_folder(path);
}

enum sotto_err sotto_file_replace(const char *path, struct sotto_span content) { return place(path, content, true); }
enum sotto_err sotto_file_create(const char *path, struct sotto_span content) { return place(path, content, false); }

enum sotto_err sotto_file_make(const char *path)
{
    int fd = sotto_sys_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (fd < 0) return errno == ENOENT ? SOTTO_ERR_IO : from_errno(errno);
    enum sotto_err err = sotto_sys_fchmod(fd, 0600) != 0 || sotto_sys_sync(fd) != 0 ? from_errno(errno) : SOTTO_OK;
    if (sotto_sys_close(fd) != 0 && err == SOTTO_OK) err = from_errno(errno);
    if (err == SOTTO_OK) err = sync_folder(path);
    if (err != SOTTO_OK) sotto_sys_unlink(path);
    return err;
}

enum sotto_err sotto_file_head(void *out, size_t *got, const char *path, size_t size)
{
    int fd = sotto_sys_open(path, O_RDONLY, 0);
    if (fd < 0) return errno == ENOENT || errno == ENOTDIR ? SOTTO_ERR_MISSING : SOTTO_ERR_IO;
    size_t have = 0;
    ssize_t n = 1;
    while (n != 0 && have < size) {
        n = sotto_sys_read(fd, (uint8_t *)out + have, size - have);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) break;
        have += (size_t)n;
    }
    sotto_sys_close(fd);
    if (n < 0) return SOTTO_ERR_IO;
    *got = have;
    return SOTTO_OK;
}

enum sotto_err sotto_file_renew(const char *path)
{
    uint8_t part[1u << 14];
    struct stat st;
    int from = sotto_sys_open(path, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0);       /* as in sotto_file_read: a pipe would hold us */
    if (from < 0) return errno == ENOENT ? SOTTO_ERR_MISSING : SOTTO_ERR_IO;
    bool regular = sotto_sys_fstat(from, &st) == 0 && S_ISREG(st.st_mode);
    int to = regular ? sotto_sys_open(path, O_WRONLY | O_NOFOLLOW, 0) : -1;
    enum sotto_err err = to < 0 ? SOTTO_ERR_IO : SOTTO_OK;
    while (err == SOTTO_OK) {
        ssize_t n = sotto_sys_read(from, part, sizeof part);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) err = SOTTO_ERR_IO;
        if (n <= 0) break;
        err = write_all(to, part, (size_t)n);
    }
    if (err == SOTTO_OK && sotto_sys_sync(to) != 0) err = from_errno(errno);
    if (to >= 0) sotto_sys_close(to);
    sotto_sys_close(from);
    return err;
}

enum sotto_err sotto_file_read(struct sotto_buf *out, const char *path)
{
    struct stat st;
    int fd = sotto_sys_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);                      /* a pipe without a writer would hold us for ever */
    if (fd < 0) return errno == ENOENT || errno == ENOTDIR ? SOTTO_ERR_MISSING : from_errno(errno);
    if (sotto_sys_fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        sotto_sys_close(fd);
        return SOTTO_ERR_IO;
    }
    size_t before = out->size;
    uint8_t part[16384];
    enum sotto_err err = SOTTO_OK;
    for (;;) {
        ssize_t n = sotto_sys_read(fd, part, sizeof part);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) err = SOTTO_ERR_IO;
        if (n <= 0) break;
        err = sotto_buf_add(out, part, (size_t)n);
        if (err != SOTTO_OK) break;
    }
    explicit_bzero(part, sizeof part);                                 /* it may have been a passphrase file */
    sotto_sys_close(fd);
    if (err != SOTTO_OK && out->size > before) {
        explicit_bzero(out->data + before, out->size - before);
        out->size = before;
    }
    return err;
}

enum sotto_err sotto_file_private(const char *path)
{
    struct stat st;
    if (sotto_sys_stat(path, &st) != 0) return errno == ENOENT || errno == ENOTDIR ? SOTTO_ERR_MISSING : SOTTO_ERR_IO;
    if (!S_ISREG(st.st_mode)) return SOTTO_ERR_IO;
    if (st.st_mode & (S_IRWXG | S_IRWXO)) return SOTTO_ERR_MODE;
    if (st.st_uid != geteuid() && st.st_uid != 0) return SOTTO_ERR_MODE;
    return SOTTO_OK;
}

bool sotto_file_exists(const char *path)
{
    struct stat st;
    return sotto_sys_stat(path, &st) == 0;
}

enum sotto_err sotto_file_size(uint64_t *out, const char *path)
{
    struct stat st;
    if (sotto_sys_stat(path, &st) != 0) return errno == ENOENT || errno == ENOTDIR ? SOTTO_ERR_MISSING : SOTTO_ERR_IO;
    *out = (uint64_t)st.st_size;
    return SOTTO_OK;
}

enum sotto_err sotto_file_remove(const char *path)
{
    if (sotto_sys_unlink(path) == 0) return sync_folder(path);
    return errno == ENOENT || errno == ENOTDIR ? SOTTO_OK : SOTTO_ERR_IO;
}

enum sotto_err sotto_file_shred(const char *path)
{
    int fd = sotto_sys_open(path, O_WRONLY | O_NOFOLLOW, 0);
    if (fd < 0) return errno == ENOENT ? SOTTO_OK : SOTTO_ERR_IO;
    struct stat st;
    enum sotto_err err = sotto_sys_fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? SOTTO_OK : SOTTO_ERR_IO;
    static const uint8_t zeros[4096];
    for (off_t left = err == SOTTO_OK ? st.st_size : 0; left > 0 && err == SOTTO_OK; left -= (off_t)sizeof zeros)
        err = write_all(fd, zeros, left < (off_t)sizeof zeros ? (size_t)left : sizeof zeros);
    if (err == SOTTO_OK && sotto_sys_sync(fd) != 0) err = SOTTO_ERR_IO;
    sotto_sys_close(fd);
    SOTTO_TRY(err);
    return sotto_file_remove(path);
}

enum sotto_err sotto_dir_make(const char *path)
{
    char at[SOTTO_PATH_MAX];
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof at) return SOTTO_ERR_RANGE;
    memcpy(at, path, size + 1);
    for (char *p = at + 1; *p; p++) {                                  /* parents: made when missing, else left as they are */
        if (*p != '/') continue;
        *p = 0;
        if (sotto_sys_mkdir(at, 0700) == 0) {
            SOTTO_TRY(sync_folder(at));                                /* else a power cut could take it, with all that was committed in it */
        } else if (errno != EEXIST) {
            int e = errno;
            struct stat parent;
            if (sotto_sys_stat(at, &parent) != 0 || !S_ISDIR(parent.st_mode))    /* EROFS, EACCES on a folder that is there are harmless */
                return e == ENOTDIR ? SOTTO_ERR_MODE : e == ENOENT ? SOTTO_ERR_IO : from_errno(e);
        }
        *p = '/';
    }
    struct stat st;
    if (sotto_sys_mkdir(path, 0700) == 0) {
        if (sotto_sys_stat(path, &st) == 0 && (st.st_mode & 0777) != 0700 && sotto_sys_chmod(path, 0700) != 0) return SOTTO_ERR_IO;    /* a strange umask */
        return sync_folder(path);
    }
    if (errno != EEXIST) return errno == ENOTDIR ? SOTTO_ERR_MODE : errno == ENOENT ? SOTTO_ERR_IO : from_errno(errno);
    if (sotto_sys_stat(path, &st) != 0) return SOTTO_ERR_IO;
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid()) return SOTTO_ERR_MODE;
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) && sotto_sys_chmod(path, 0700) != 0) return SOTTO_ERR_MODE;
    (void)!sync_folder(path);               /* made by a process that was killed before it could; the folder above may be closed to us */
    return SOTTO_OK;
}

struct names { struct name { char *text; bool folder; } *items; size_t count, cap; bool short_of_memory; };

static bool collect(void *ctx, const char *name, bool folder)
{
    struct names *n = ctx;
    if (n->count == n->cap) {
        size_t cap = n->cap ? 2 * n->cap : 16;
        struct name *more = realloc(n->items, cap * sizeof *more);
        n->short_of_memory = !more;
        if (!more) return false;
        n->items = more;
        n->cap = cap;
    }
    char *text = strdup(name);
    n->short_of_memory = !text;
    if (text) n->items[n->count++] = (struct name){ text, folder };
    return text;
}

static int by_text(const void *a, const void *b) { return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text); }

enum sotto_err sotto_dir_list(const char *path, sotto_dir_fn *fn, void *ctx)
{
    struct names n = { 0 };
    enum sotto_err err = SOTTO_OK;
    if (sotto_sys_list(path, collect, &n) != 0) err = errno == ENOENT || errno == ENOTDIR ? SOTTO_ERR_MISSING : SOTTO_ERR_IO;
    if (n.short_of_memory) err = SOTTO_ERR_NOMEM;
    if (n.count) qsort(n.items, n.count, sizeof *n.items, by_text);
    for (size_t i = 0; i < n.count; i++) {
        if (err == SOTTO_OK) fn(ctx, n.items[i].text, n.items[i].folder);
        free(n.items[i].text);
    }
    free(n.items);
    return err;
}

enum sotto_err sotto_dir_remove(const char *path)
{
    if (sotto_sys_rmdir(path) == 0) return sync_folder(path);
    return errno == ENOENT || errno == ENOTDIR ? SOTTO_OK : SOTTO_ERR_IO;
}

/* ---- one process per data directory ---- */

struct sotto_dir_lock { int fd; };

enum sotto_err sotto_dir_lock_take(struct sotto_dir_lock **out, int *other, const char *dir)
{
    char path[SOTTO_PATH_MAX];
    SOTTO_TRY(sotto_path_join(path, dir, "lock"));
    struct sotto_dir_lock *lock = calloc(1, sizeof *lock);
    if (!lock) return SOTTO_ERR_NOMEM;
    lock->fd = sotto_sys_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);     /* never removed: a removed file could be locked twice */
    if (lock->fd < 0) {
        enum sotto_err err = errno == ENOSPC ? SOTTO_ERR_DISK_FULL : SOTTO_ERR_IO;
        free(lock);
        return err;
    }
    char text[24] = "";
    if (sotto_sys_lock(lock->fd) != 0) {
        enum sotto_err err = errno == EWOULDBLOCK ? SOTTO_ERR_IN_USE : SOTTO_ERR_IO;
        if (err == SOTTO_ERR_IN_USE && other) {
            ssize_t n = sotto_sys_read(lock->fd, text, sizeof text - 1);
            long pid = n > 0 ? strtol(text, NULL, 10) : 0;
            *other = pid > 0 && pid <= INT_MAX ? (int)pid : 0;
        }
        sotto_sys_close(lock->fd);
        free(lock);
        return err;
    }
    int size = snprintf(text, sizeof text, "%d\n", sotto_process_id());
    if (sotto_sys_truncate(lock->fd, 0) != 0 || sotto_sys_write(lock->fd, text, (size_t)size) != size) {     /* the lock holds without the number */
        if (errno == ENOSPC || errno == EDQUOT) {
            sotto_dir_lock_free(lock);
            return SOTTO_ERR_DISK_FULL;
        }
    }
    *out = lock;
    return SOTTO_OK;
}

void sotto_dir_lock_free(struct sotto_dir_lock *lock)
{
    if (!lock) return;
    if (sotto_sys_truncate(lock->fd, 0) != 0) { /* the number of a dead process only; the lock itself goes with the descriptor */ }
    sotto_sys_close(lock->fd);
    free(lock);
}

enum sotto_err sotto_disk_free(uint64_t *out, const char *path) { return sotto_sys_free(out, path) == 0 ? SOTTO_OK : SOTTO_ERR_IO; }
