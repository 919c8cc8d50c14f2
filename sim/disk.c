#include "sim/disk_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define QUIET_READ_US 2u                    /* from the page cache */
#define QUIET_WRITE_US 4u
#define QUIET_SYNC_US 200u                  /* a middling SSD with a write cache that is flushed */

void *sim_disk_grow(void *items, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap) return items;
    size_t more = *cap ? 2 * *cap : 16;
    if (more < need) more = need;
    items = realloc(items, more * size);
    if (!items) {
        fprintf(stderr, "sim disk: out of memory\n");
        abort();
    }
    *cap = more;
    return items;
}

static void *make(size_t size)
{
    size_t none = 0;
    return memset(sim_disk_grow(NULL, &none, size, 1), 0, size);
}

/* splitmix64: a counter and a mixing function (public domain, Vigna). Faults want no secret. */
static uint64_t next_of(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t sim_disk_random(struct sim_disk *d) { return next_of(&d->random); }
uint64_t sim_disk_sqlite_random(struct sim_disk *d) { return next_of(&d->sqlite_random); }
uint64_t sim_disk_below(struct sim_disk *d, uint64_t bound) { return (uint64_t)(((unsigned __int128)sim_disk_random(d) * bound) >> 64); }

/* ---- files ---- */

struct sim_inode *sim_inode_new(struct sim_disk *d, bool folder, uint32_t mode)
{
    uint32_t id = SIM_ROOT;
    while (id < d->inode_count && d->inodes[id]) id++;
    if (id >= d->inode_count) {
        size_t cap = d->inode_count;
        d->inodes = sim_disk_grow(d->inodes, &cap, id + 1, sizeof *d->inodes);
        memset(d->inodes + d->inode_count, 0, (cap - d->inode_count) * sizeof *d->inodes);
        d->inode_count = (uint32_t)cap;
    }
    struct sim_inode *f = make(sizeof *f);
    *f = (struct sim_inode){ .id = id, .folder = folder, .mode = mode };
    return d->inodes[id] = f;
}

void sim_inode_resize(struct sim_disk *d, struct sim_inode *f, size_t size)
{
    if (size > f->cap) {
        size_t cap = f->cap;
        f->data = sim_disk_grow(f->data, &cap, (size_t)sim_pages(size), 1);
        memset(f->data + f->cap, 0, cap - f->cap);
        f->cap = cap;
    }
    if (size < f->size) memset(f->data + size, 0, f->size - size);
    d->used += sim_pages(size) - sim_pages(f->size);
    f->size = size;
}

void sim_inode_forget(struct sim_inode *f)
{
    f->undo_count = 0;
    f->old_size = 0;
    f->stuck = false;
}

static void inode_free(struct sim_disk *d, struct sim_inode *f)
{
    d->used -= sim_pages(f->size);
    d->inodes[f->id] = NULL;
    free(f->data);
    free(f->undo);
    free(f->old);
    free(f);
}

/* ---- names ---- */

static size_t entry_of(const struct sim_disk *d, uint32_t folder, const char *name)
{
    size_t i = 0;
    while (i < d->entry_count && (d->entries[i].folder != folder || strcmp(d->entries[i].name, name) != 0)) i++;
    return i;
}

uint32_t sim_disk_parent(const struct sim_disk *d, const char *path, char name[SIM_NAME_MAX + 1])
{
    uint32_t at = SIM_ROOT;
    errno = ENOENT;
    if (*path != '/') return 0;
    for (const char *p = path + 1;; ) {
        size_t size = strcspn(p, "/");
        if (size == 0) return 0;
        if (size > SIM_NAME_MAX) {
            errno = ENAMETOOLONG;
            return 0;
        }
        memcpy(name, p, size);
        name[size] = 0;
        p += size;
        if (*p == 0) return at;
        size_t e = entry_of(d, at, name);
        if (e == d->entry_count) return 0;
        at = d->entries[e].inode;
        if (!d->inodes[at]->folder) {
            errno = ENOTDIR;
            return 0;
        }
        p++;
    }
}

uint32_t sim_disk_lookup(const struct sim_disk *d, const char *path)
{
    char name[SIM_NAME_MAX + 1];
    if (strcmp(path, "/") == 0) return SIM_ROOT;
    uint32_t folder = sim_disk_parent(d, path, name);
    if (!folder) return 0;
    size_t e = entry_of(d, folder, name);
    if (e < d->entry_count) return d->entries[e].inode;
    errno = ENOENT;
    return 0;
}

uint32_t sim_names_get(const struct sim_disk *d, uint32_t folder, const char *name)
{
    size_t e = entry_of(d, folder, name);
    return e < d->entry_count ? d->entries[e].inode : 0;
}

void sim_names_set(struct sim_disk *d, uint32_t folder, const char *name, uint32_t inode)
{
    size_t e = entry_of(d, folder, name);
    if (inode == 0) {
        if (e < d->entry_count) memmove(d->entries + e, d->entries + e + 1, (--d->entry_count - e) * sizeof *d->entries);
        return;
    }
    if (e == d->entry_count) {
        d->entries = sim_disk_grow(d->entries, &d->entry_cap, e + 1, sizeof *d->entries);
        d->entries[d->entry_count++] = (struct sim_entry){ .folder = folder };
        strcpy(d->entries[e].name, name);
    }
    d->entries[e].inode = inode;
}

void sim_disk_path_of(const struct sim_disk *d, char out[256], uint32_t inode)
{
    char path[256] = "", longer[512];
    if (inode == SIM_ROOT) strcpy(path, "/");
    for (unsigned depth = 0; inode != SIM_ROOT && depth < 64; depth++) {
        size_t e = 0;
        while (e < d->entry_count && d->entries[e].inode != inode) e++;
        if (e == d->entry_count) {
            strcpy(path, "?");
            break;
        }
        snprintf(longer, sizeof longer, "/%s%s", d->entries[e].name, path);
        snprintf(path, sizeof path, "%.255s", longer);
        inode = d->entries[e].folder;
    }
    strcpy(out, path);
}

void sim_disk_collect(struct sim_disk *d)
{
    bool again;
    do {
        again = false;
        for (uint32_t id = SIM_ROOT + 1; id < d->inode_count; id++) {
            struct sim_inode *f = d->inodes[id];
            bool used = !f || f->opens > 0;
            for (size_t i = 0; i < d->entry_count && !used; i++) used = d->entries[i].inode == id;
            for (size_t i = 0; i < d->name_op_count && !used; i++)
                for (unsigned c = 0; c < d->name_ops[i].count; c++)
                    used = used || d->name_ops[i].change[c].before == id || d->name_ops[i].change[c].after == id;
            if (used) continue;
            for (size_t i = d->entry_count; i-- > 0;)                  /* of a folder whose making was lost */
                if (d->entries[i].folder == id) memmove(d->entries + i, d->entries + i + 1, (--d->entry_count - i) * sizeof *d->entries);
            for (size_t i = d->name_op_count; i-- > 0;)
                if (d->name_ops[i].folder == id) memmove(d->name_ops + i, d->name_ops + i + 1, (--d->name_op_count - i) * sizeof *d->name_ops);
            inode_free(d, f);
            again = true;
        }
    } while (again);
}

/* ---- the disk as a whole ---- */

struct sim_disk_config sim_disk_quiet(void)
{
    return (struct sim_disk_config){ .read_us = QUIET_READ_US, .write_us = QUIET_WRITE_US, .sync_us = QUIET_SYNC_US, .slow_factor = 100 };
}

static void seed(struct sim_disk *d, uint64_t value)
{
    d->random = value;
    sim_disk_random(d);
    d->sqlite_random = sim_disk_random(d);
}

struct sim_disk *sim_disk_new(uint64_t value)
{
    struct sim_disk *d = make(sizeof *d);
    d->config = sim_disk_quiet();
    d->next_fd = 3;                         /* as if standard input, output and errors were open */
    seed(d, value);
    sim_inode_new(d, true, 0700);
    return d;
}

static void *copy(const void *from, size_t count, size_t size)
{
    if (count == 0) return NULL;
    size_t none = 0;
    return memcpy(sim_disk_grow(NULL, &none, count, size), from, count * size);
}

static struct sim_inode *inode_copy(const struct sim_inode *from)
{
    struct sim_inode *f = make(sizeof *f);
    *f = *from;
    f->opens = 0;
    f->locked_by = 0;
    f->cap = (size_t)sim_pages(from->size);
    f->data = copy(from->data, f->cap, 1);
    f->undo_cap = f->undo_count;
    f->undo = copy(from->undo, f->undo_count, sizeof *f->undo);
    f->old_cap = f->old_size;
    f->old = copy(from->old, f->old_size, 1);
    return f;
}

/* Content and unsynced changes of from; everything else of d stays. */
static void take_content(struct sim_disk *d, const struct sim_disk *from)
{
    d->inodes = copy(from->inodes, from->inode_count, sizeof *d->inodes);
    d->inode_count = from->inode_count;
    for (uint32_t id = 0; id < d->inode_count; id++)
        if (d->inodes[id]) d->inodes[id] = inode_copy(from->inodes[id]);
    d->entries = copy(from->entries, from->entry_count, sizeof *d->entries);
    d->entry_count = d->entry_cap = from->entry_count;
    d->name_ops = copy(from->name_ops, from->name_op_count, sizeof *d->name_ops);
    d->name_op_count = d->name_op_cap = from->name_op_count;
    d->seq = from->seq;
    d->used = from->used;
    sim_disk_collect(d);                    /* removed files that only the original holds open */
}

static void drop_content(struct sim_disk *d)
{
    for (uint32_t id = 0; id < d->inode_count; id++)
        if (d->inodes[id]) inode_free(d, d->inodes[id]);
    free(d->inodes);
    free(d->entries);
    free(d->name_ops);
    d->inodes = NULL;
    d->inode_count = 0;
}

struct sim_disk *sim_disk_clone(const struct sim_disk *from, uint64_t value)
{
    struct sim_disk *d = make(sizeof *d);
    d->config = sim_disk_quiet();
    d->next_fd = 3;
    seed(d, value);
    take_content(d, from);
    for (unsigned i = 0; i < from->watch_count; i++) sim_disk_watch(d, sotto_span(from->watch[i].data, from->watch[i].size));
    return d;
}

static struct sim_disk *current, *last;     /* last: the one SQLite's random generator was started for */

void sim_disk_free(struct sim_disk *d)
{
    if (!d) return;
    if (current == d) current = NULL;
    if (last == d) last = NULL;
    drop_content(d);
    free(d->opens);
    for (unsigned i = 0; i < d->watch_count; i++) free(d->watch[i].data);
    free(d);
}

void sim_disk_restore(struct sim_disk *d, const struct sim_disk *old)
{
    drop_content(d);
    take_content(d, old);
    d->open_count = 0;
    sim_disk_restart(d);
}

struct sim_disk *sim_disk_current(void) { return current; }

void sim_disk_use(struct sim_disk *d)
{
    current = d;
    if (!d || d == last) return;
    last = d;
    sim_vfs_switch();
}
