#include "io/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

int sotto_sys_open(const char *path, int flags, mode_t mode) { return open(path, flags | O_CLOEXEC, mode); }
int sotto_sys_close(int fd) { return close(fd); }
ssize_t sotto_sys_read(int fd, void *out, size_t size) { return read(fd, out, size); }
ssize_t sotto_sys_write(int fd, const void *data, size_t size) { return write(fd, data, size); }
int sotto_sys_truncate(int fd, off_t size) { return ftruncate(fd, size); }
int sotto_sys_sync(int fd) { return fsync(fd); }
int sotto_sys_lock(int fd) { return flock(fd, LOCK_EX | LOCK_NB); }
int sotto_sys_fstat(int fd, struct stat *out) { return fstat(fd, out); }
int sotto_sys_stat(const char *path, struct stat *out) { return stat(path, out); }
int sotto_sys_fchmod(int fd, mode_t mode) { return fchmod(fd, mode); }
int sotto_sys_chmod(const char *path, mode_t mode) { return chmod(path, mode); }
int sotto_sys_rename(const char *from, const char *to) { return rename(from, to); }
int sotto_sys_link(const char *from, const char *to) { return link(from, to); }
int sotto_sys_unlink(const char *path) { return unlink(path); }
int sotto_sys_mkdir(const char *path, mode_t mode) { return mkdir(path, mode); }
int sotto_sys_rmdir(const char *path) { return rmdir(path); }

int sotto_sys_list(const char *path, sotto_sys_name_fn *fn, void *ctx)
{
    DIR *dir = opendir(path);
    if (!dir) return -1;
    bool more = true;
    errno = 0;
    for (struct dirent *e; more && (e = readdir(dir)); errno = 0) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        struct stat st;
        bool folder = e->d_type == DT_DIR;
        if (e->d_type == DT_UNKNOWN)                                    /* some file systems do not tell */
            folder = fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
        more = fn(ctx, e->d_name, folder);
    }
    int failed = more ? errno : 0;
    closedir(dir);
    errno = failed;
    return failed ? -1 : 0;
}

int sotto_sys_free(uint64_t *out, const char *path)
{
    struct statvfs fs;
    if (statvfs(path, &fs) != 0) return -1;
    *out = (uint64_t)fs.f_bavail * fs.f_frsize;
    return 0;
}
