/* The disk of a simulated machine: folders and files in memory that behave as a POSIX file system on a real disk may behave at
 * its worst, repeatably from a seed.
 *
 *   io/file.c, io/store*.c (the objects of sottod)
 *        |                  \
 *   io/sys.h                SQLite
 *        |                     |
 *   sim/file.c              sim/vfs.c          both work on the current disk: sim_disk_use
 *        \                  /
 *             sim/disk.c                       one struct sim_disk a machine
 *
 * What a program may rely on, and what not:
 * - A write is seen at once by every reader. It survives a power cut for certain only after the file was synced. Until then each sector
 *   (512 bytes) it touched may come back as any of the versions since the last sync, or torn: the first part of one version, the rest of the
 *   version before. Bytes outside what was written are never touched (SQLite calls that powersafe overwrite). Sizes: any since the last sync.
 * - A name made, replaced, moved or removed survives for certain only after its folder was synced. Until then each such change of a folder may
 *   or may not have happened; each alone is whole (a rename never leaves both names or none of them without the file).
 * - A sync that fails may have written anything, and what it did not write is lost: a later sync does not try again (Linux), though readers
 *   see the bytes until the file leaves memory, here at the next sim_disk_restart.
 *
 * Errors reach the callers as errno: EIO, ENOSPC, EROFS. After a crash every operation fails with EIO and changes nothing until
 * sim_disk_restart, so that the step of the node that was under way can run to its end without harm. Descriptors and database handles of
 * before a restart stay dead for ever; closing them is fine.
 *
 * A call that takes a path wants an absolute one. Functions that return a pointer or void stop the process when memory is short: this is a
 * test bench. Threads: one in the whole process (SQLite's random generator is one a process).
 *
 * The usual life of a disk:
 *     struct sim_disk *d = sim_disk_new(seed);                 or sim_disk_clone(ready, seed)
 *     sim_disk_use(d);                                         before each step of its node
 *     ... the node runs ...                                    sim_disk_take_cost_us: what the step took
 *     if (sim_disk_dead(d)) { free the node; sim_disk_restart(d); start it again }
 *     sim_disk_free(d); */
#ifndef SOTTO_SIM_DISK_H
#define SOTTO_SIM_DISK_H

#include "base/bytes.h"

#define SIM_SECTOR 512u                     /* what a disk writes whole or not at all; torn sectors are possible all the same */
#define SIM_DISK_PPM 1000000u               /* a chance is given in parts per million */

struct sim_disk;

/* An empty disk: only the folder "/". The seed decides every fault and the random bytes SQLite asks for. */
struct sim_disk *sim_disk_new(uint64_t seed);
/* A disk of its own with the same content (also what is not synced), no open file, no fault set, counts at zero. The original may be in use. */
struct sim_disk *sim_disk_clone(const struct sim_disk *d, uint64_t seed);
void sim_disk_free(struct sim_disk *d);     /* NULL is fine; the current disk may be freed: there is none then */

/* Which disk the code that runs now works on. Also registers the VFS as SQLite's default at the first call, and starts SQLite's random
 * generator from the disk, so that what is on one disk depends on that disk's history only. NULL = none: every operation gives EIO. */
void sim_disk_use(struct sim_disk *d);
struct sim_disk *sim_disk_current(void);

/* ---- the end of the process, and of the power ---- */

enum sim_loss {
    SIM_LOSS_NONE,                          /* kill -9: the kernel keeps what was written */
    SIM_LOSS_ALL,                           /* power cut: all that was not synced is gone */
    SIM_LOSS_RANDOM,                        /* power cut: each sector, size and name on its own is kept, lost or torn */
    SIM_LOSS_TAIL,                          /* power cut: everything in the order it was done, up to a random point; the sector there torn */
};
/* Now. The disk is dead until sim_disk_restart. A second crash before that changes nothing. */
void sim_disk_crash(struct sim_disk *d, enum sim_loss loss);
/* In the middle of the k-th changing operation from now (1 = the next one): it counts as done, but not synced; its caller gets EIO.
 * k = 0 takes it back. Every operation of sim_disk_op except reading is one step. */
void sim_disk_crash_at(struct sim_disk *d, uint64_t k, enum sim_loss loss);
bool sim_disk_dead(const struct sim_disk *d);
/* fn is called after each changing operation that was tried, before its caller hears of it: to look at a clone as it would be if the power went
 * now. It may use other disks, and sets this one as the current one again. Clones do not inherit it. NULL ends it. */
typedef void sim_disk_step_fn(void *ctx);
void sim_disk_on_step(struct sim_disk *d, sim_disk_step_fn *fn, void *ctx);
/* Alive again, with no open file and no lock. What a failed sync did not write is gone now. Also fine on a living disk. */
void sim_disk_restart(struct sim_disk *d);

/* ---- faults ---- */

enum sim_disk_op {
    SIM_OP_CREATE,                          /* file, folder, second name of a file */
    SIM_OP_WRITE,
    SIM_OP_TRUNCATE,
    SIM_OP_SYNC,
    SIM_OP_SYNC_DIR,
    SIM_OP_RENAME,
    SIM_OP_REMOVE,                          /* file or folder */
    SIM_OP_CHMOD,
    SIM_OP_READ,                            /* changes nothing: no crash point */
    SIM_OPS
};

enum sim_disk_fault {
    SIM_FAULT_READ,                         /* EIO */
    SIM_FAULT_WRITE,                        /* EIO; a part may be written */
    SIM_FAULT_NAMES,                        /* EIO at CREATE, TRUNCATE, RENAME, REMOVE, CHMOD: nothing is changed */
    SIM_FAULT_SYNC,                         /* EIO at SYNC, SYNC_DIR; see the top of this file */
    SIM_FAULT_FULL,                         /* ENOSPC at CREATE and at a WRITE that lets a file grow; a part may be written */
    SIM_FAULT_SHORT_READ,                   /* fewer bytes than asked for, at least 1: to be asked again, no error */
    SIM_FAULT_SHORT_WRITE,
    SIM_FAULT_SLOW,                         /* any operation: slow_factor times the cost */
    SIM_FAULT_SYNC_LIES,                    /* SYNC, SYNC_DIR: OK, but nothing is made durable (a control: nothing can stand this) */
    SIM_FAULTS
};

struct sim_disk_config {
    uint32_t chance_ppm[SIM_FAULTS];        /* that an operation the fault can hit is hit */
    uint32_t episode[SIM_FAULTS];           /* so many more operations that it can hit are hit too ("full for a while"); UINT32_MAX: all */
    uint64_t quota_bytes;                   /* of all content, in pages of 4096; 0 = none. Beyond it: ENOSPC */
    bool read_only;                         /* EROFS at all that would change something */
    uint32_t read_us, write_us, sync_us;    /* cost of an operation; all others than read and sync cost write_us */
    uint32_t slow_factor;
};
/* A quiet disk: no faults, costs of a middling SSD. What sim_disk_new and sim_disk_clone begin with. */
struct sim_disk_config sim_disk_quiet(void);
void sim_disk_configure(struct sim_disk *d, const struct sim_disk_config *config);     /* ends every episode; may be called at any time */
const struct sim_disk_config *sim_disk_config(const struct sim_disk *d);

/* The k-th operation from now that the fault can hit is hit, whatever the chance (1 = the next); and the episode after it. 0 takes it back. */
void sim_disk_fault_at(struct sim_disk *d, enum sim_disk_fault fault, uint64_t k);

/* Turns over `bits` single bits of the synced content of path (NULL: of any file, each byte equally likely): damage that nobody reports.
 * Returns how many were turned: 0 when there is nothing synced. at, if not NULL: where the last one was. */
struct sim_disk_spot { char path[256]; uint64_t offset; uint8_t bit; };
unsigned sim_disk_flip(struct sim_disk *d, struct sim_disk_spot *at, const char *path, unsigned bits);

/* Microseconds that operations cost since the last call. */
uint64_t sim_disk_take_cost_us(struct sim_disk *d);

struct sim_disk_counts {
    uint64_t ops[SIM_OPS];                  /* asked for, also when they failed */
    uint64_t steps;                         /* changing ones: all but READ; what sim_disk_crash_at counts */
    uint64_t faults[SIM_FAULTS];
    uint64_t crashes, restarts, bits_flipped;
    uint64_t sectors_kept, sectors_lost, sectors_torn;          /* unsynced ones, at power cuts */
    uint64_t names_kept, names_lost;                            /* unsynced changes of folders, at power cuts */
    uint64_t bytes_read, bytes_written;
};
const struct sim_disk_counts *sim_disk_counts(const struct sim_disk *d);

/* ---- an old state that comes back: a restored backup, a rolled back virtual machine ---- */

/* d gets the content of old (made by sim_disk_clone some time ago; it stays as it is). Open files die, as at a restart, and d is alive; its
 * faults, counts and random stream go on. */
void sim_disk_restore(struct sim_disk *d, const struct sim_disk *old);

/* ---- looking from outside: no fault, no cost, no count ---- */

/* Does needle (at least 1 byte) stand anywhere? Content of all files, the versions that lie under unsynced writes, removed files whose
 * removal is not synced. at may be NULL. */
bool sim_disk_find(const struct sim_disk *d, struct sim_disk_spot *at, struct sotto_span needle);
/* From now on every write is searched for needle as well (the whole of one write call; copied, at most SIM_WATCH_MAX of them): finds also
 * what was overwritten or removed since. sim_disk_watched: where it was first written. Clones watch the same, with nothing found yet. */
#define SIM_WATCH_MAX 16u
void sim_disk_watch(struct sim_disk *d, struct sotto_span needle);
bool sim_disk_watched(const struct sim_disk *d, struct sim_disk_spot *at);

/* Of names, modes, sizes, content and unsynced state: two runs of one seed must agree. Fast, not cryptographic. */
void sim_disk_hash(const struct sim_disk *d, uint8_t out[32]);
/* The content of one file, borrowed until the next operation. false: no such file. */
bool sim_disk_peek(const struct sim_disk *d, struct sotto_span *out, const char *path);
/* Puts a file in place, synced with its name, mode 0600; folders above it are made. For the preparation of a test. */
void sim_disk_put(struct sim_disk *d, const char *path, struct sotto_span content);
/* All is durable as it is now, as after sync(2): before a disk is cloned many times, so that no removed file is carried along. */
void sim_disk_settle(struct sim_disk *d);
/* Each file and folder in order of the paths; folders have size 0. path is borrowed. */
typedef void sim_disk_visit_fn(void *ctx, const char *path, bool folder, uint32_t mode, uint64_t size);
void sim_disk_walk(const struct sim_disk *d, sim_disk_visit_fn *fn, void *ctx);
uint64_t sim_disk_used(const struct sim_disk *d);       /* bytes against the quota */

#endif
