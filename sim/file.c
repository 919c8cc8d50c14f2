/* io/sys.h on the current simulated disk: io/file.c runs on it unchanged. */
#include "io/sys.h"
#include "sim/disk_impl.h"

#include <errno.h>
#include <stdlib.h>

#define FREE_WITHOUT_QUOTA (64ull << 30)    /* what a disk without a quota says is free */

static struct sim_disk *disk(void) { return sim_disk_current(); }

int sotto_sys_open(const char *path, int flags, mode_t mode) { return sim_open(disk(), path, flags, mode); }
int sotto_sys_close(int fd) { return sim_close(disk(), fd); }
int sotto_sys_sync(int fd) { return sim_sync(disk(), fd); }
int sotto_sys_truncate(int fd, off_t size) { return sim_truncate(disk(), fd, (uint64_t)size); }
int sotto_sys_fstat(int fd, struct stat *out) { return sim_fstat(disk(), fd, out); }
int sotto_sys_stat(const char *path, struct stat *out) { return sim_stat(disk(), path, out); }
int sotto_sys_fchmod(int fd, mode_t mode) { return sim_fchmod(disk(), fd, mode); }
int sotto_sys_chmod(const char *path, mode_t mode) { return sim_chmod(disk(), path, mode); }
int sotto_sys_rename(const char *from, const char *to) { return sim_rename(disk(), from, to); }
int sotto_sys_link(const char *from, const char *to) { return sim_link(disk(), from, to); }
int sotto_sys_unlink(const char *path) { return sim_remove(disk(), path, false); }
int sotto_sys_mkdir(const char *path, mode_t mode) { return sim_mkdir(disk(), path, mode); }
int sotto_sys_rmdir(const char *path) { return sim_remove(disk(), path, true); }

ssize_t sotto_sys_read(int fd, void *out, size_t size)
{
    const struct sim_open *o = sim_open_of(disk(), fd);
    ssize_t n = sim_read_at(disk(), fd, out, size, o ? o->at : 0);
    if (n > 0) sim_open_of(disk(), fd)->at += (uint64_t)n;
    return n;
}

ssize_t sotto_sys_write(int fd, const void *data, size_t size)
{
    const struct sim_open *o = sim_open_of(disk(), fd);
    ssize_t n = sim_write_at(disk(), fd, data, size, o ? o->at : 0);
    if (n > 0) sim_open_of(disk(), fd)->at += (uint64_t)n;
    return n;
}

int sotto_sys_lock(int fd)
{
    const struct sim_open *o = sim_open_of(disk(), fd);
    if (!o) return -1;
    struct sim_inode *f = disk()->inodes[o->inode];
    if (f->locked_by && f->locked_by != fd) {
        errno = EWOULDBLOCK;
        return -1;
    }
    f->locked_by = fd;
    return 0;
}

int sotto_sys_list(const char *path, sotto_sys_name_fn *fn, void *ctx)
{
    const struct sim_disk *d = disk();
    errno = EIO;
    if (!d || d->dead) return -1;
    uint32_t folder = sim_disk_lookup(d, path);
    if (!folder) return -1;
    errno = ENOTDIR;
    if (!d->inodes[folder]->folder) return -1;
    for (size_t i = 0; i < d->entry_count; i++)
        if (d->entries[i].folder == folder && !fn(ctx, d->entries[i].name, d->inodes[d->entries[i].inode]->folder)) break;
    return 0;
}

int sotto_sys_free(uint64_t *out, const char *path)
{
    struct stat st;
    const struct sim_disk *d = disk();
    if (sotto_sys_stat(path, &st) != 0) return -1;
    uint64_t quota = d->config.quota_bytes ? d->config.quota_bytes : d->used + FREE_WITHOUT_QUOTA;
    *out = quota > d->used ? quota - d->used : 0;
    return 0;
}
