/* The system calls under io/file.h, so that one and the same file.c works on the real disk (sys.c) and on a simulated one (sim/file.c):
 * whoever links a program chooses. Each does what the call of that name does, answers alike and sets errno alike; descriptors are closed on
 * exec. Threads: any. */
#ifndef SOTTO_IO_SYS_H
#define SOTTO_IO_SYS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

int sotto_sys_open(const char *path, int flags, mode_t mode);          /* flags of open: access, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECTORY ... */
int sotto_sys_close(int fd);
ssize_t sotto_sys_read(int fd, void *out, size_t size);
ssize_t sotto_sys_write(int fd, const void *data, size_t size);
int sotto_sys_truncate(int fd, off_t size);                            /* the place of the next read or write stays */
int sotto_sys_sync(int fd);                                            /* of a file: content and size; of a folder: its names */
int sotto_sys_lock(int fd);                                            /* exclusive, at once or EWOULDBLOCK; goes with the descriptor */
int sotto_sys_fstat(int fd, struct stat *out);                         /* in the simulator: mode, owner and size only */
int sotto_sys_stat(const char *path, struct stat *out);
int sotto_sys_fchmod(int fd, mode_t mode);
int sotto_sys_chmod(const char *path, mode_t mode);
int sotto_sys_rename(const char *from, const char *to);
int sotto_sys_link(const char *from, const char *to);
int sotto_sys_unlink(const char *path);
int sotto_sys_mkdir(const char *path, mode_t mode);
int sotto_sys_rmdir(const char *path);
/* Calls fn for each name but "." and ".."; false ends the walk. A link to a folder is no folder. fn changes nothing in the folder. */
typedef bool sotto_sys_name_fn(void *ctx, const char *name, bool folder);
int sotto_sys_list(const char *path, sotto_sys_name_fn *fn, void *ctx);
int sotto_sys_free(uint64_t *out, const char *path);                   /* bytes an ordinary user may still write */

#endif
