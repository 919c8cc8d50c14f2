/* Files: small whole ones replaced in one step, folders, the lock of a data directory, free space. Over io/sys.h.
 * Blocking; large files belong on a worker. Threads: any. Paths are absolute or relative to the working directory. */
#ifndef SOTTO_IO_FILE_H
#define SOTTO_IO_FILE_H

#include "base/bytes.h"

#define SOTTO_PATH_MAX 4096u

/* dir/name into out; ERR_RANGE when it does not fit. */
SOTTO_MUST_USE enum sotto_err sotto_path_join(char out[SOTTO_PATH_MAX], const char *dir, const char *name);

/* Writes path.new with mode 0600, fsyncs it, renames it over path and fsyncs the folder: after OK the new content is durable;
 * at every moment path is the old or the new one, whole. ERR_DISK_FULL, ERR_IO, ERR_RANGE. */
SOTTO_MUST_USE enum sotto_err sotto_file_replace(const char *path, struct sotto_span content);
/* As above, but never over an existing file: ERR_EXISTS. */
SOTTO_MUST_USE enum sotto_err sotto_file_create(const char *path, struct sotto_span content);
/* An empty file, mode 0600, durable with its name. ERR_EXISTS, ERR_DISK_FULL, ERR_IO. */
SOTTO_MUST_USE enum sotto_err sotto_file_make(const char *path);
/* The first bytes of a file, at most size; *got says how many there were. ERR_MISSING, ERR_IO. */
SOTTO_MUST_USE enum sotto_err sotto_file_head(void *out, size_t *got, const char *path, size_t size);
/* Writes the file over itself, byte by byte the same, and syncs it. After a sync that failed the kernel keeps what did not reach the disk in memory as if
 * it had: it is read as before, a later sync leaves it alone, and it is gone when its page is. Written once more it is as good as new.
 * ERR_MISSING, ERR_IO, ERR_DISK_FULL. */
SOTTO_MUST_USE enum sotto_err sotto_file_renew(const char *path);
/* Appends the whole file to out. ERR_MISSING, ERR_FULL (larger than out may hold), ERR_IO (no regular file, no right), ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_file_read(struct sotto_buf *out, const char *path);
/* ERR_MODE when group or others may read or write it, or it belongs to neither us nor root; ERR_MISSING, ERR_IO. Anything else than a
 * regular file gives ERR_IO. */
SOTTO_MUST_USE enum sotto_err sotto_file_private(const char *path);
bool sotto_file_exists(const char *path);
SOTTO_MUST_USE enum sotto_err sotto_file_size(uint64_t *out, const char *path);       /* ERR_MISSING, ERR_IO */
SOTTO_MUST_USE enum sotto_err sotto_file_remove(const char *path);                    /* a missing one is fine */
/* Overwrites the bytes in place, fsyncs, removes (vault wipe). A flash disk may keep old blocks: keys are what must go. */
SOTTO_MUST_USE enum sotto_err sotto_file_shred(const char *path);

/* Makes a folder with mode 0700, and its missing parents alike. An existing folder of ours is set to 0700 if others could enter it;
 * one of another user, or something that is no folder: ERR_MODE. ERR_IO, ERR_DISK_FULL. */
SOTTO_MUST_USE enum sotto_err sotto_dir_make(const char *path);

/* Names in a folder, without "." and "..", in order of their bytes. fn may change the folder. ERR_MISSING, ERR_IO, ERR_NOMEM. */
typedef void sotto_dir_fn(void *ctx, const char *name, bool is_dir);
SOTTO_MUST_USE enum sotto_err sotto_dir_list(const char *path, sotto_dir_fn *fn, void *ctx);
SOTTO_MUST_USE enum sotto_err sotto_dir_sync(const char *path);                       /* names made and removed in it are durable. ERR_IO */
SOTTO_MUST_USE enum sotto_err sotto_dir_remove(const char *path);                     /* an empty one; a missing one is fine */

/* One process per data directory: DIR/lock, flock, the process id inside. Held until _free or the end of the process, however
 * it ends. ERR_IN_USE with *other = the holder's process id (0 if it cannot be read). other is written on ERR_IN_USE only. */
struct sotto_dir_lock;
SOTTO_MUST_USE enum sotto_err sotto_dir_lock_take(struct sotto_dir_lock **out, int *other, const char *dir);
void sotto_dir_lock_free(struct sotto_dir_lock *lock);                                /* NULL is fine */

/* Bytes an ordinary user may still write where path lies. ERR_IO. */
SOTTO_MUST_USE enum sotto_err sotto_disk_free(uint64_t *out, const char *path);

#endif
