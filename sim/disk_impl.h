/* Inside the simulated disk: files, names, what lies under unsynced changes, and the operations that sim/file.c and sim/vfs.c offer. */
#ifndef SOTTO_SIM_DISK_IMPL_H
#define SOTTO_SIM_DISK_IMPL_H

#include "sim/disk.h"

#include <sys/stat.h>
#include <sys/types.h>

#define SIM_NAME_MAX 127u                   /* of one name; the longest of the product is a vault file's, below 64 */
#define SIM_PAGE 4096u                      /* what the page cache and the quota count in */
#define SIM_ROOT 1u                         /* inode of "/"; 0 is none */
#define SIM_ZEROS SIZE_MAX                  /* in sim_undo.at: the bytes before were zeros, nothing is kept of them */

/* What a write or a cut replaced, so that it can be taken back: newest last. */
struct sim_undo {
    uint64_t seq;                           /* order among all changes of the disk */
    uint64_t offset;                        /* resize: the size before */
    uint32_t length;                        /* bytes; unused for a resize */
    bool resize;
    bool shrink;                            /* bytes that the resize behind it cut off: they follow it */
    bool stuck;                             /* a failed sync gave it up: it will never be written by itself */
    size_t at;                              /* in old, or SIM_ZEROS */
};

struct sim_inode {
    uint32_t id;
    bool folder;
    uint32_t mode;
    unsigned opens;
    int locked_by;                          /* descriptor that holds the lock of sotto_sys_lock, 0 = nobody */
    uint8_t *data;                          /* what readers see; zeros from size to cap */
    size_t size, cap;
    struct sim_undo *undo;
    size_t undo_count, undo_cap;
    uint8_t *old;
    size_t old_size, old_cap;
    bool stuck;                             /* some piece is */
};

struct sim_entry { uint32_t folder, inode; char name[SIM_NAME_MAX + 1]; };

/* An unsynced change of a folder: one name, or for a rename both. before, after: inode or 0. */
struct sim_name_change { char name[SIM_NAME_MAX + 1]; uint32_t before, after; };
struct sim_name_op { uint64_t seq; uint32_t folder; unsigned count; struct sim_name_change change[2]; };

struct sim_open { int fd; uint32_t inode; bool writes, of_folder; uint8_t level; uint64_t at; };      /* level: SQLite's lock */

struct sim_fault_state { uint64_t at; uint32_t left; };

struct sim_needle { uint8_t *data; size_t size; };

struct sim_disk {
    struct sim_disk_config config;
    struct sim_disk_counts counts;
    struct sim_fault_state faults[SIM_FAULTS];
    uint64_t random;                        /* state of the stream that decides faults */
    uint64_t sqlite_random;                 /* of the bytes SQLite asks for */
    struct sim_inode **inodes;              /* by id; NULL = free */
    uint32_t inode_count;
    struct sim_entry *entries;
    size_t entry_count, entry_cap;
    struct sim_name_op *name_ops;
    size_t name_op_count, name_op_cap;
    struct sim_open *opens;
    size_t open_count, open_cap;
    int next_fd;                            /* never given twice: an old descriptor meets nothing */
    uint64_t seq, cost_us, used;
    uint64_t crash_left;
    enum sim_loss crash_loss;
    bool crash_now, dead;
    sim_disk_step_fn *step_fn;
    void *step_ctx;
    struct sim_needle watch[SIM_WATCH_MAX];
    unsigned watch_count;
    bool watch_found;
    struct sim_disk_spot watch_at;
};

static inline uint64_t sim_pages(uint64_t size) { return (size + SIM_PAGE - 1) / SIM_PAGE * SIM_PAGE; }
void *sim_disk_grow(void *items, size_t *cap, size_t need, size_t size);     /* realloc to at least need items, or the end */
uint64_t sim_disk_random(struct sim_disk *d);
uint64_t sim_disk_below(struct sim_disk *d, uint64_t bound);                 /* bound >= 1 */

/* names and files */
uint32_t sim_disk_parent(const struct sim_disk *d, const char *path, char name[SIM_NAME_MAX + 1]);   /* of the folder, and the last name; 0 and errno */
uint32_t sim_disk_lookup(const struct sim_disk *d, const char *path);        /* 0 and errno: ENOENT, ENOTDIR */
struct sim_inode *sim_inode_new(struct sim_disk *d, bool folder, uint32_t mode);
void sim_inode_resize(struct sim_disk *d, struct sim_inode *f, size_t size); /* bytes beyond become zeros; keeps no undo */
void sim_inode_forget(struct sim_inode *f);                                  /* all of it is durable as it is */
uint32_t sim_names_get(const struct sim_disk *d, uint32_t folder, const char *name);         /* 0: no such name */
void sim_names_set(struct sim_disk *d, uint32_t folder, const char *name, uint32_t inode);   /* 0 = gone; keeps no undo */
void sim_disk_collect(struct sim_disk *d);                                   /* frees files that nothing can reach */
void sim_disk_path_of(const struct sim_disk *d, char out[256], uint32_t inode);   /* cut at 255; "?" when it has no name */

/* crash (disk_crash.c) */
void sim_inode_sync_failed(struct sim_disk *d, struct sim_inode *f);
void sim_inode_synced(struct sim_inode *f);

/* Operations, errno as POSIX. fd >= 3. d may be NULL: EIO. */
int sim_open(struct sim_disk *d, const char *path, int flags, mode_t mode);
int sim_close(struct sim_disk *d, int fd);
struct sim_open *sim_open_of(struct sim_disk *d, int fd);                    /* NULL and errno */
ssize_t sim_read_at(struct sim_disk *d, int fd, void *out, size_t size, uint64_t at);
ssize_t sim_write_at(struct sim_disk *d, int fd, const void *data, size_t size, uint64_t at);
int sim_truncate(struct sim_disk *d, int fd, uint64_t size);
int sim_sync(struct sim_disk *d, int fd);
int sim_stat(struct sim_disk *d, const char *path, struct stat *out);
int sim_fstat(struct sim_disk *d, int fd, struct stat *out);
int sim_chmod(struct sim_disk *d, const char *path, mode_t mode);
int sim_fchmod(struct sim_disk *d, int fd, mode_t mode);
int sim_rename(struct sim_disk *d, const char *from, const char *to);
int sim_link(struct sim_disk *d, const char *from, const char *to);
int sim_remove(struct sim_disk *d, const char *path, bool folder);
int sim_mkdir(struct sim_disk *d, const char *path, mode_t mode);

uint64_t sim_disk_sqlite_random(struct sim_disk *d);
void sim_vfs_switch(void);                  /* vfs.c: SQLite works on another disk from now on */

#endif
