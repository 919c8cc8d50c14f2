/* SQLite on the current simulated disk. The order of operations, the errors and the properties of the device it tells of are those of SQLite's
 * own VFS for unix, so that what is tested here holds there: whole loops over short reads and writes, ENOSPC as SQLITE_FULL, the folder
 * synced with the first sync of a journal or WAL that was made, 4096 bytes a sector, powersafe overwrite.
 *
 * No shared memory: the store opens with locking_mode=EXCLUSIVE before it touches the WAL, so SQLite keeps the index of the WAL in its heap. A
 * store that forgets that cannot open its WAL here, which is right: two processes must never share that file. */
#include "sim/disk_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define SECTOR_SIZE 4096
#define PATH_BYTES 512
#define JULIAN_DAY_1970_MS 210866760000000ll

struct file {
    sqlite3_file base;
    struct sim_disk *disk;
    int fd;
    bool folder_too;                        /* made by us: its name is synced with the first sync */
    const char *path;                       /* SQLite's, lives as long as the file */
};

static int read_at(sqlite3_file *base, void *out, int size, sqlite3_int64 at)
{
    struct file *f = (struct file *)base;
    uint8_t *to = out;
    while (size > 0) {
        ssize_t n = sim_read_at(f->disk, f->fd, to, (size_t)size, (uint64_t)at);
        if (n < 0) return errno == EIO ? SQLITE_IOERR_CORRUPTFS : SQLITE_IOERR_READ;
        if (n == 0) {
            memset(to, 0, (size_t)size);
            return SQLITE_IOERR_SHORT_READ;
        }
        to += n;
        at += n;
        size -= (int)n;
    }
    return SQLITE_OK;
}

static int write_at(sqlite3_file *base, const void *data, int size, sqlite3_int64 at)
{
    struct file *f = (struct file *)base;
    const uint8_t *from = data;
    while (size > 0) {
        ssize_t n = sim_write_at(f->disk, f->fd, from, (size_t)size, (uint64_t)at);
        if (n < 0) return errno == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
        from += n;
        at += n;
        size -= (int)n;
    }
    return SQLITE_OK;
}

static int truncate_to(sqlite3_file *base, sqlite3_int64 size)
{
    struct file *f = (struct file *)base;
    return sim_truncate(f->disk, f->fd, (uint64_t)size) == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int sync_folder_of(struct sim_disk *d, const char *path)
{
    char folder[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    int fd = sim_open(d, folder, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return SQLITE_CANTOPEN;
    int result = sim_sync(d, fd);
    sim_close(d, fd);
    return result == 0 ? SQLITE_OK : SQLITE_IOERR_DIR_FSYNC;
}

static int sync_file(sqlite3_file *base, int flags)
{
    struct file *f = (struct file *)base;
    (void)flags;
    if (sim_sync(f->disk, f->fd) != 0) return SQLITE_IOERR_FSYNC;
    if (f->folder_too) {
        /* unix: an error here is not told, the next sync does not try again */
        (void)sync_folder_of(f->disk, f->path);
        f->folder_too = false;
    }
    return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size)
{
    struct file *f = (struct file *)base;
    struct stat st;
    if (sim_fstat(f->disk, f->fd, &st) != 0) return SQLITE_IOERR_FSTAT;
    *size = st.st_size;
    return SQLITE_OK;
}

/* ---- locks: levels of each connection to one file, held in memory, gone with the process ---- */

static bool other_holds(const struct file *f, const struct sim_open *me, unsigned from)
{
    for (size_t i = 0; i < f->disk->open_count; i++) {
        const struct sim_open *o = &f->disk->opens[i];
        if (o != me && o->inode == me->inode && o->level >= from) return true;
    }
    return false;
}

static int lock(sqlite3_file *base, int level)
{
    struct file *f = (struct file *)base;
    struct sim_open *me = sim_open_of(f->disk, f->fd);
    if (!me) return SQLITE_IOERR_LOCK;
    if (me->level >= level) return SQLITE_OK;
    if (other_holds(f, me, level == SQLITE_LOCK_SHARED ? SQLITE_LOCK_PENDING : SQLITE_LOCK_RESERVED)) return SQLITE_BUSY;
    if (level == SQLITE_LOCK_EXCLUSIVE && other_holds(f, me, SQLITE_LOCK_SHARED)) {
        me->level = SQLITE_LOCK_PENDING;
        return SQLITE_BUSY;
    }
    me->level = (uint8_t)level;
    return SQLITE_OK;
}

static int unlock(sqlite3_file *base, int level)
{
    struct file *f = (struct file *)base;
    struct sim_open *me = sim_open_of(f->disk, f->fd);
    if (!me) return SQLITE_IOERR_UNLOCK;
    if (me->level > level) me->level = (uint8_t)level;
    return SQLITE_OK;
}

static int reserved(sqlite3_file *base, int *out)
{
    struct file *f = (struct file *)base;
    struct sim_open *me = sim_open_of(f->disk, f->fd);
    if (!me) return SQLITE_IOERR_CHECKRESERVEDLOCK;
    *out = me->level >= SQLITE_LOCK_RESERVED || other_holds(f, me, SQLITE_LOCK_RESERVED);
    return SQLITE_OK;
}

static int control(sqlite3_file *base, int op, void *arg)
{
    const struct file *f = (const struct file *)base;
    if (op == SQLITE_FCNTL_VFSNAME) {
        *(char **)arg = sqlite3_mprintf("%s", "sim");
        return SQLITE_OK;
    }
    if (op == SQLITE_FCNTL_HAS_MOVED) {
        const struct sim_open *me = sim_open_of(f->disk, f->fd);
        *(int *)arg = !me || sim_disk_lookup(f->disk, f->path) != me->inode;
        return SQLITE_OK;
    }
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *base)
{
    (void)base;
    return SECTOR_SIZE;
}

static int properties(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int close_file(sqlite3_file *base)
{
    struct file *f = (struct file *)base;
    (void)sim_close(f->disk, f->fd);
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1, .xClose = close_file, .xRead = read_at, .xWrite = write_at, .xTruncate = truncate_to, .xSync = sync_file, .xFileSize = file_size,
    .xLock = lock, .xUnlock = unlock, .xCheckReservedLock = reserved, .xFileControl = control, .xSectorSize = sector_size,
    .xDeviceCharacteristics = properties,
};

/* ---- names ---- */

static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *out)
{
    struct file *f = (struct file *)base;
    struct sim_disk *d = sim_disk_current();
    struct stat st;
    (void)vfs;
    f->base.pMethods = NULL;
    if (!path) return SQLITE_CANTOPEN;      /* an unnamed temporary file: temp_store=MEMORY makes none */
    bool writes = flags & SQLITE_OPEN_READWRITE;
    bool beside = flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL);
    int mode = (writes ? O_RDWR : O_RDONLY) | (flags & SQLITE_OPEN_CREATE ? O_CREAT : 0) | (flags & SQLITE_OPEN_EXCLUSIVE ? O_EXCL : 0);
    mode_t rights = 0644;
    if (beside) {                           /* the rights of the database it belongs to */
        char database[PATH_BYTES];
        snprintf(database, sizeof database, "%.*s", (int)(strrchr(path, '-') - path), path);
        if (sim_stat(d, database, &st) == 0) rights = st.st_mode & 0777;
    }
    int fd = sim_open(d, path, mode, rights);
    if (fd < 0 && writes && errno != EISDIR) {
        fd = sim_open(d, path, O_RDONLY, 0);
        flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
    }
    if (fd < 0) return SQLITE_CANTOPEN;
    *f = (struct file){ .base.pMethods = &methods, .disk = d, .fd = fd, .folder_too = beside && (flags & SQLITE_OPEN_CREATE), .path = path };
    if (flags & SQLITE_OPEN_DELETEONCLOSE) (void)sim_remove(d, path, false);
    if (out) *out = flags;
    return SQLITE_OK;
}

static int delete_file(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    (void)vfs;
    if (sim_remove(sim_disk_current(), path, false) != 0) return errno == ENOENT ? SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE;
    return sync_folder ? sync_folder_of(sim_disk_current(), path) : SQLITE_OK;
}

static int access_file(sqlite3_vfs *vfs, const char *path, int asked, int *out)
{
    struct stat st;
    (void)vfs;
    *out = sim_stat(sim_disk_current(), path, &st) == 0 && (asked != SQLITE_ACCESS_EXISTS || !S_ISREG(st.st_mode) || st.st_size > 0);
    return SQLITE_OK;
}

static int full_path(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
    (void)vfs;
    if (path[0] != '/' || strlen(path) >= (size_t)size) return SQLITE_CANTOPEN;
    strcpy(out, path);
    return SQLITE_OK;
}

static int random_bytes(sqlite3_vfs *vfs, int size, char *out)
{
    struct sim_disk *d = sim_disk_current();
    (void)vfs;
    memset(out, 0, (size_t)size);
    for (int i = 0; d && i < size; i += 8) {
        uint64_t v = sim_disk_sqlite_random(d);
        memcpy(out + i, &v, size - i < 8 ? (size_t)(size - i) : 8);
    }
    return size;
}

static int wait_us(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    if (sim_disk_current()) sim_disk_current()->cost_us += (uint64_t)us;
    return us;
}

static int last_error(sqlite3_vfs *vfs, int size, char *text)
{
    (void)vfs;
    (void)size;
    (void)text;
    return errno;
}

/* Nothing stored asks SQLite for the time: a fixed one shows if something ever does. */
static int time_ms(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    (void)vfs;
    *out = JULIAN_DAY_1970_MS;
    return SQLITE_OK;
}

static int time_days(sqlite3_vfs *vfs, double *out)
{
    (void)vfs;
    *out = (double)JULIAN_DAY_1970_MS / 86400000.0;
    return SQLITE_OK;
}

void sim_vfs_switch(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 2, .szOsFile = sizeof(struct file), .mxPathname = PATH_BYTES - 1, .zName = "sim", .xOpen = open_file, .xDelete = delete_file,
        .xAccess = access_file, .xFullPathname = full_path, .xRandomness = random_bytes, .xSleep = wait_us, .xCurrentTime = time_days,
        .xGetLastError = last_error, .xCurrentTimeInt64 = time_ms,
    };
    static bool registered;
    if (!registered) {
        SOTTO_ASSERT(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
        registered = true;
    }
    sqlite3_randomness(0, NULL);            /* forgets its state: the next bytes come from the new disk */
}
