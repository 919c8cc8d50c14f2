/* What a program may ask of the disk, and what goes wrong with it. */
#include "sim/disk_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* ---- faults ---- */

void sim_disk_configure(struct sim_disk *d, const struct sim_disk_config *config)
{
    d->config = *config;
    for (unsigned i = 0; i < SIM_FAULTS; i++) d->faults[i].left = 0;
}
const struct sim_disk_config *sim_disk_config(const struct sim_disk *d) { return &d->config; }
const struct sim_disk_counts *sim_disk_counts(const struct sim_disk *d) { return &d->counts; }
uint64_t sim_disk_used(const struct sim_disk *d) { return d->used; }
bool sim_disk_dead(const struct sim_disk *d) { return d->dead; }

void sim_disk_fault_at(struct sim_disk *d, enum sim_disk_fault fault, uint64_t k)
{
    d->faults[fault].at = k;
    d->faults[fault].left = 0;
}

void sim_disk_crash_at(struct sim_disk *d, uint64_t k, enum sim_loss loss)
{
    d->crash_left = k;
    d->crash_loss = loss;
}

void sim_disk_on_step(struct sim_disk *d, sim_disk_step_fn *fn, void *ctx)
{
    d->step_fn = fn;
    d->step_ctx = ctx;
}

uint64_t sim_disk_take_cost_us(struct sim_disk *d)
{
    uint64_t us = d->cost_us;
    d->cost_us = 0;
    return us;
}

static bool hit(struct sim_disk *d, enum sim_disk_fault fault)
{
    struct sim_fault_state *s = &d->faults[fault];
    bool now = s->at > 0 && --s->at == 0;
    if (!now && s->left > 0) {
        if (s->left != UINT32_MAX) s->left--;
        d->counts.faults[fault]++;
        return true;
    }
    if (!now && d->config.chance_ppm[fault]) now = sim_disk_below(d, SIM_DISK_PPM) < d->config.chance_ppm[fault];
    if (!now) return false;
    s->left = d->config.episode[fault];
    d->counts.faults[fault]++;
    return true;
}

static int refuse(int e)
{
    errno = e;
    return -1;
}

/* Every operation begins here: -1 and errno when it is not to be done at all. */
static int begin(struct sim_disk *d, enum sim_disk_op op)
{
    if (!d) return refuse(EIO);
    d->counts.ops[op]++;
    if (d->dead) return refuse(EIO);
    uint64_t us = op == SIM_OP_READ ? d->config.read_us : op == SIM_OP_SYNC || op == SIM_OP_SYNC_DIR ? d->config.sync_us : d->config.write_us;
    d->cost_us += hit(d, SIM_FAULT_SLOW) ? us * d->config.slow_factor : us;
    if (op == SIM_OP_READ) return 0;
    d->counts.steps++;
    if (d->config.read_only) return refuse(EROFS);
    if (d->crash_left > 0 && --d->crash_left == 0) d->crash_now = true;
    return 0;
}

/* ... and ends here when it was done: the power may go at this very moment. */
static int end(struct sim_disk *d)
{
    if (!d->crash_now && d->step_fn) {
        int e = errno;
        d->step_fn(d->step_ctx);
        errno = e;
    }
    if (!d->crash_now) return 0;
    sim_disk_crash(d, d->crash_loss);
    return refuse(EIO);
}

/* The fault instead of the operation; a crash that fell on it comes all the same. */
static int failed(struct sim_disk *d, int e)
{
    if (end(d) != 0) return -1;
    return refuse(e);
}

/* ---- what lies under unsynced changes ---- */

static void note(struct sim_disk *d, struct sim_inode *f, struct sim_undo u)
{
    f->undo = sim_disk_grow(f->undo, &f->undo_cap, f->undo_count + 1, sizeof *f->undo);
    u.seq = d->seq++;
    f->undo[f->undo_count++] = u;
}

/* Keeps what now stands at offset, before it is replaced. */
static void note_bytes(struct sim_disk *d, struct sim_inode *f, uint64_t offset, size_t length, bool shrink)
{
    size_t inside = offset >= f->size ? 0 : offset + length <= f->size ? length : (size_t)(f->size - offset);
    if (inside) {
        f->old = sim_disk_grow(f->old, &f->old_cap, f->old_size + inside, 1);
        memcpy(f->old + f->old_size, f->data + offset, inside);
        note(d, f, (struct sim_undo){ .offset = offset, .length = (uint32_t)inside, .shrink = shrink, .at = f->old_size });
        f->old_size += inside;
    }
    if (length > inside) note(d, f, (struct sim_undo){ .offset = offset + inside, .length = (uint32_t)(length - inside), .at = SIM_ZEROS });
}

static void note_size(struct sim_disk *d, struct sim_inode *f) { note(d, f, (struct sim_undo){ .offset = f->size, .resize = true }); }

/* Does it now, and keeps it as not synced. */
static void names_change(struct sim_disk *d, uint32_t folder, unsigned count, const struct sim_name_change *change)
{
    d->name_ops = sim_disk_grow(d->name_ops, &d->name_op_cap, d->name_op_count + 1, sizeof *d->name_ops);
    struct sim_name_op *op = &d->name_ops[d->name_op_count++];
    *op = (struct sim_name_op){ .seq = d->seq++, .folder = folder, .count = count };
    for (unsigned i = 0; i < count; i++) {
        op->change[i] = change[i];
        sim_names_set(d, folder, change[i].name, change[i].after);
    }
}

static struct sim_name_change change_of(const char *name, uint32_t before, uint32_t after)
{
    struct sim_name_change c = { .before = before, .after = after };
    strcpy(c.name, name);
    return c;
}

/* ---- operations ---- */

struct sim_open *sim_open_of(struct sim_disk *d, int fd)
{
    errno = EIO;
    if (!d || d->dead) return NULL;
    for (size_t i = 0; i < d->open_count; i++)
        if (d->opens[i].fd == fd) return &d->opens[i];
    return NULL;                            /* of before a restart */
}

int sim_open(struct sim_disk *d, const char *path, int flags, mode_t mode)
{
    char name[SIM_NAME_MAX + 1];
    SOTTO_ASSERT((flags & (O_TRUNC | O_APPEND)) == 0);                 /* not simulated: nobody here uses them */
    if (!d || d->dead) return refuse(EIO);
    bool writes = (flags & O_ACCMODE) != O_RDONLY;
    uint32_t id = sim_disk_lookup(d, path);
    if (id && (flags & O_CREAT) && (flags & O_EXCL)) return refuse(EEXIST);
    if (id && (writes || (flags & O_CREAT)) && d->inodes[id]->folder) return refuse(EISDIR);
    if (id && (flags & O_DIRECTORY) && !d->inodes[id]->folder) return refuse(ENOTDIR);
    if (id && writes && d->config.read_only) return refuse(EROFS);
    if (!id) {
        if (errno != ENOENT || !(flags & O_CREAT)) return -1;
        uint32_t folder = sim_disk_parent(d, path, name);
        if (!folder) return -1;
        if (begin(d, SIM_OP_CREATE) != 0) return -1;
        if (hit(d, SIM_FAULT_NAMES)) return failed(d, EIO);
        if (hit(d, SIM_FAULT_FULL) || (d->config.quota_bytes && d->used >= d->config.quota_bytes)) return failed(d, ENOSPC);
        id = sim_inode_new(d, false, mode & 0777)->id;
        names_change(d, folder, 1, (struct sim_name_change[]){ change_of(name, 0, id) });
        if (end(d) != 0) return -1;
    }
    d->opens = sim_disk_grow(d->opens, &d->open_cap, d->open_count + 1, sizeof *d->opens);
    d->opens[d->open_count++] = (struct sim_open){ .fd = d->next_fd, .inode = id, .writes = writes, .of_folder = d->inodes[id]->folder };
    d->inodes[id]->opens++;
    return d->next_fd++;
}

int sim_close(struct sim_disk *d, int fd)
{
    for (size_t i = 0; d && i < d->open_count; i++) {
        if (d->opens[i].fd != fd) continue;
        struct sim_inode *f = d->inodes[d->opens[i].inode];
        f->opens--;
        if (f->locked_by == fd) f->locked_by = 0;
        memmove(d->opens + i, d->opens + i + 1, (--d->open_count - i) * sizeof *d->opens);
        if (f->opens == 0) sim_disk_collect(d);
        break;
    }
    return 0;
}

ssize_t sim_read_at(struct sim_disk *d, int fd, void *out, size_t size, uint64_t at)
{
    struct sim_open *o = sim_open_of(d, fd);
    if (begin(d, SIM_OP_READ) != 0) return -1;
    if (!o) return refuse(EIO);
    if (o->of_folder) return refuse(EISDIR);
    if (hit(d, SIM_FAULT_READ)) return refuse(EIO);
    const struct sim_inode *f = d->inodes[o->inode];
    if (at >= f->size) return 0;
    if (size > f->size - at) size = f->size - (size_t)at;
    if (size > 1 && hit(d, SIM_FAULT_SHORT_READ)) size = 1 + (size_t)sim_disk_below(d, size - 1);
    memcpy(out, f->data + at, size);
    d->counts.bytes_read += size;
    return (ssize_t)size;
}

static void watch(struct sim_disk *d, const struct sim_inode *f, const void *data, size_t size, uint64_t at)
{
    for (unsigned i = 0; i < d->watch_count && !d->watch_found; i++) {
        const uint8_t *found = memmem(data, size, d->watch[i].data, d->watch[i].size);
        if (!found) continue;
        d->watch_found = true;
        d->watch_at = (struct sim_disk_spot){ .offset = at + (uint64_t)(found - (const uint8_t *)data) };
        sim_disk_path_of(d, d->watch_at.path, f->id);
    }
}

static void put_bytes(struct sim_disk *d, struct sim_inode *f, const void *data, size_t size, uint64_t at)
{
    if (size == 0) return;
    note_bytes(d, f, at, size, false);
    if (at + size > f->size) {
        note_size(d, f);
        sim_inode_resize(d, f, (size_t)at + size);
    }
    memcpy(f->data + at, data, size);
    d->counts.bytes_written += size;
}

ssize_t sim_write_at(struct sim_disk *d, int fd, const void *data, size_t size, uint64_t at)
{
    struct sim_open *o = sim_open_of(d, fd);
    if (begin(d, SIM_OP_WRITE) != 0) return -1;
    if (!o) return refuse(EIO);
    if (!o->writes) return refuse(EBADF);
    if (size == 0) return end(d);
    struct sim_inode *f = d->inodes[o->inode];
    watch(d, f, data, size, at);
    bool grows = at + size > f->size;
    int error = hit(d, SIM_FAULT_WRITE) ? EIO : grows && hit(d, SIM_FAULT_FULL) ? ENOSPC : 0;
    if (error) {
        put_bytes(d, f, data, (size_t)sim_disk_below(d, size), at);
        return failed(d, error);
    }
    if (grows && d->config.quota_bytes) {
        uint64_t others = d->used - sim_pages(f->size);
        uint64_t room = others < d->config.quota_bytes ? (d->config.quota_bytes - others) / SIM_PAGE * SIM_PAGE : 0;
        if (room < f->size) room = f->size;                            /* what it has it keeps, also when the quota came later */
        if (at >= room) return failed(d, ENOSPC);
        if (at + size > room) size = (size_t)(room - at);
    }
    if (size > 1 && hit(d, SIM_FAULT_SHORT_WRITE)) size = 1 + (size_t)sim_disk_below(d, size - 1);
    put_bytes(d, f, data, size, at);
    return end(d) != 0 ? -1 : (ssize_t)size;
}

int sim_truncate(struct sim_disk *d, int fd, uint64_t size)
{
    struct sim_open *o = sim_open_of(d, fd);
    if (begin(d, SIM_OP_TRUNCATE) != 0) return -1;
    if (!o) return refuse(EIO);
    if (!o->writes) return refuse(EINVAL);
    if (hit(d, SIM_FAULT_NAMES)) return failed(d, EIO);
    struct sim_inode *f = d->inodes[o->inode];
    if (size < f->size) note_bytes(d, f, size, f->size - (size_t)size, true);
    if (size != f->size) {
        note_size(d, f);
        sim_inode_resize(d, f, (size_t)size);
    }
    return end(d);
}

static void folder_synced(struct sim_disk *d, uint32_t folder)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->name_op_count; i++)
        if (d->name_ops[i].folder != folder) d->name_ops[kept++] = d->name_ops[i];
    if (kept == d->name_op_count) return;
    d->name_op_count = kept;
    sim_disk_collect(d);
}

int sim_sync(struct sim_disk *d, int fd)
{
    struct sim_open *o = sim_open_of(d, fd);
    bool folder = o && o->of_folder;
    if (begin(d, folder ? SIM_OP_SYNC_DIR : SIM_OP_SYNC) != 0) return -1;
    if (!o) return refuse(EIO);
    struct sim_inode *f = d->inodes[o->inode];
    if (d->crash_now) return end(d);                                   /* the power went before it was through */
    if (hit(d, SIM_FAULT_SYNC)) {
        if (!folder) sim_inode_sync_failed(d, f);                      /* names stay as they are: not synced */
        return failed(d, EIO);
    }
    if (hit(d, SIM_FAULT_SYNC_LIES)) return end(d);
    if (folder) folder_synced(d, o->inode);
    else sim_inode_synced(f);
    return end(d);
}

static int stat_of(const struct sim_disk *d, uint32_t id, struct stat *out)
{
    const struct sim_inode *f = d->inodes[id];
    memset(out, 0, sizeof *out);
    out->st_mode = (f->folder ? S_IFDIR : S_IFREG) | f->mode;
    out->st_size = (off_t)f->size;
    out->st_uid = geteuid();
    return 0;
}

int sim_stat(struct sim_disk *d, const char *path, struct stat *out)
{
    if (!d || d->dead) return refuse(EIO);
    uint32_t id = sim_disk_lookup(d, path);
    return id ? stat_of(d, id, out) : -1;
}

int sim_fstat(struct sim_disk *d, int fd, struct stat *out)
{
    struct sim_open *o = sim_open_of(d, fd);
    return o ? stat_of(d, o->inode, out) : -1;
}

/* Rights survive a crash at once: they are set before there is anything to protect, and only ever to 0600 and 0700. */
static int chmod_one(struct sim_disk *d, uint32_t id, mode_t mode)
{
    if (begin(d, SIM_OP_CHMOD) != 0) return -1;
    if (hit(d, SIM_FAULT_NAMES)) return failed(d, EIO);
    d->inodes[id]->mode = mode & 0777;
    return end(d);
}

int sim_chmod(struct sim_disk *d, const char *path, mode_t mode)
{
    if (!d || d->dead) return refuse(EIO);
    uint32_t id = sim_disk_lookup(d, path);
    return id ? chmod_one(d, id, mode) : -1;
}

int sim_fchmod(struct sim_disk *d, int fd, mode_t mode)
{
    struct sim_open *o = sim_open_of(d, fd);
    return o ? chmod_one(d, o->inode, mode) : -1;
}

int sim_rename(struct sim_disk *d, const char *from, const char *to)
{
    char old_name[SIM_NAME_MAX + 1], new_name[SIM_NAME_MAX + 1];
    if (!d || d->dead) return refuse(EIO);
    uint32_t id = sim_disk_lookup(d, from), over = id ? sim_disk_lookup(d, to) : 0;
    if (!id) return -1;
    uint32_t folder = sim_disk_parent(d, from, old_name), target = sim_disk_parent(d, to, new_name);
    if (!folder || !target) return -1;
    if (folder != target) return refuse(EXDEV);                        /* not simulated */
    if (over && d->inodes[over]->folder) return refuse(EISDIR);
    if (begin(d, SIM_OP_RENAME) != 0) return -1;
    if (hit(d, SIM_FAULT_NAMES)) return failed(d, EIO);
    if (over != id) names_change(d, folder, 2, (struct sim_name_change[]){ change_of(old_name, id, 0), change_of(new_name, over, id) });
    return end(d);
}

int sim_link(struct sim_disk *d, const char *from, const char *to)
{
    char name[SIM_NAME_MAX + 1];
    if (!d || d->dead) return refuse(EIO);
    uint32_t id = sim_disk_lookup(d, from);
    if (!id) return -1;
    if (d->inodes[id]->folder) return refuse(EPERM);
    if (sim_disk_lookup(d, to)) return refuse(EEXIST);
    uint32_t folder = sim_disk_parent(d, to, name);
    if (!folder) return -1;
    if (begin(d, SIM_OP_CREATE) != 0) return -1;
    if (hit(d, SIM_FAULT_NAMES)) return failed(d, EIO);
    if (hit(d, SIM_FAULT_FULL)) return failed(d, ENOSPC);
    names_change(d, folder, 1, (struct sim_name_change[]){ change_of(name, 0, id) });
    return end(d);
}

int sim_remove(struct sim_disk *d, const char *path, bool folder)
{
    char name[SIM_NAME_MAX + 1];
    if (!d || d->dead) return refuse(EIO);
    uint32_t id = sim_disk_lookup(d, path);
    if (!id) return -1;
    if (d->inodes[id]->folder != folder) return refuse(folder ? ENOTDIR : EISDIR);
    if (id == SIM_ROOT) return refuse(EBUSY);
    for (size_t i = 0; folder && i < d->entry_count; i++)
        if (d->entries[i].folder == id) return refuse(ENOTEMPTY);
    if (begin(d, SIM_OP_REMOVE) != 0) return -1;
    if (hit(d, SIM_FAULT_NAMES)) return failed(d, EIO);
    names_change(d, sim_disk_parent(d, path, name), 1, (struct sim_name_change[]){ change_of(strrchr(path, '/') + 1, id, 0) });
    return end(d);
}

int sim_mkdir(struct sim_disk *d, const char *path, mode_t mode)
{
    char name[SIM_NAME_MAX + 1];
    if (!d || d->dead) return refuse(EIO);
    if (sim_disk_lookup(d, path)) return refuse(EEXIST);
    uint32_t folder = sim_disk_parent(d, path, name);
    if (!folder) return -1;
    if (begin(d, SIM_OP_CREATE) != 0) return -1;
    if (hit(d, SIM_FAULT_NAMES)) return failed(d, EIO);
    if (hit(d, SIM_FAULT_FULL) || (d->config.quota_bytes && d->used >= d->config.quota_bytes)) return failed(d, ENOSPC);
    uint32_t id = sim_inode_new(d, true, mode & 0777)->id;
    names_change(d, folder, 1, (struct sim_name_change[]){ change_of(name, 0, id) });
    return end(d);
}
