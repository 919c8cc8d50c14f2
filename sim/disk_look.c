/* Looking at a disk from outside, and preparing one. */
#include "sim/disk_impl.h"

#include <stdio.h>
#include <stdlib.h>

static bool spot(const struct sim_disk *d, struct sim_disk_spot *at, const struct sim_inode *f, const uint8_t *found, const uint8_t *from)
{
    if (!found) return false;
    if (at) {
        *at = (struct sim_disk_spot){ .offset = (uint64_t)(found - from) };
        sim_disk_path_of(d, at->path, f->id);
    }
    return true;
}

bool sim_disk_find(const struct sim_disk *d, struct sim_disk_spot *at, struct sotto_span needle)
{
    for (uint32_t id = 0; id < d->inode_count; id++) {
        const struct sim_inode *f = d->inodes[id];
        if (!f) continue;
        if (f->size && spot(d, at, f, memmem(f->data, f->size, needle.data, needle.size), f->data)) return true;
        if (f->old_size && spot(d, at, f, memmem(f->old, f->old_size, needle.data, needle.size), f->old)) return true;
    }
    return false;
}

void sim_disk_watch(struct sim_disk *d, struct sotto_span needle)
{
    SOTTO_ASSERT(d->watch_count < SIM_WATCH_MAX && needle.size > 0);
    size_t cap = 0;
    struct sim_needle *n = &d->watch[d->watch_count++];
    n->data = sim_disk_grow(NULL, &cap, needle.size, 1);
    n->size = needle.size;
    memcpy(n->data, needle.data, needle.size);
}

bool sim_disk_watched(const struct sim_disk *d, struct sim_disk_spot *at)
{
    if (d->watch_found && at) *at = d->watch_at;
    return d->watch_found;
}

/* ---- in order of the paths ---- */

struct place { char path[256]; const struct sim_inode *file; };

static int by_path(const void *a, const void *b) { return strcmp(((const struct place *)a)->path, ((const struct place *)b)->path); }

static struct place *places(const struct sim_disk *d)
{
    struct place *all = calloc(d->entry_count + 1, sizeof *all);
    SOTTO_ASSERT(all);
    for (size_t i = 0; i < d->entry_count; i++) {
        char folder[256];
        sim_disk_path_of(d, folder, d->entries[i].folder);
        snprintf(all[i].path, sizeof all[i].path, "%.120s/%.127s", strcmp(folder, "/") == 0 ? "" : folder, d->entries[i].name);
        all[i].file = d->inodes[d->entries[i].inode];
    }
    if (d->entry_count) qsort(all, d->entry_count, sizeof *all, by_path);
    return all;
}

void sim_disk_walk(const struct sim_disk *d, sim_disk_visit_fn *fn, void *ctx)
{
    struct place *all = places(d);
    for (size_t i = 0; i < d->entry_count; i++) fn(ctx, all[i].path, all[i].file->folder, all[i].file->mode, all[i].file->folder ? 0 : all[i].file->size);
    free(all);
}

/* Four lanes of multiply and rotate: tells apart what differs by chance, at the speed of memory. Nobody attacks it. */
static void add(uint64_t h[4], const void *part, size_t size)
{
    const uint8_t *p = part;
    uint64_t w[4];
    for (size_t left = size;; left -= sizeof w, p += sizeof w) {
        bool last = left < sizeof w;
        memset(w, 0, sizeof w);
        if (left) memcpy(w, p, last ? left : sizeof w);
        if (last) w[3] ^= size << 8 ^ 1;    /* where a part ends counts */
        for (unsigned i = 0; i < 4; i++) {
            h[i] = (h[i] ^ w[i]) * 0x9e3779b97f4a7c15u;
            h[i] ^= h[i] >> 29;
        }
        uint64_t first = h[0];
        for (unsigned i = 0; i < 3; i++) h[i] += h[i + 1] << 17 | h[i + 1] >> 47;
        h[3] += first << 23 | first >> 41;
        if (last) return;
    }
}

void sim_disk_hash(const struct sim_disk *d, uint8_t out[32])
{
    struct place *all = places(d);
    uint64_t h[4] = { 1, 2, 3, 4 };
    for (size_t i = 0; i < d->entry_count; i++) {
        const struct sim_inode *f = all[i].file;
        uint8_t head[24];
        sotto_put_be64(head, (uint64_t)f->folder << 32 | f->mode);
        sotto_put_be64(head + 8, f->size);
        sotto_put_be64(head + 16, f->undo_count);
        add(h, all[i].path, strlen(all[i].path));
        add(h, head, sizeof head);
        add(h, f->data, f->size);
        add(h, f->old, f->old_size);
        for (size_t k = 0; k < f->undo_count; k++) {
            const struct sim_undo *u = &f->undo[k];
            uint8_t line[16];
            sotto_put_be64(line, u->offset);
            sotto_put_be64(line + 8, (uint64_t)u->length << 3 | (uint64_t)u->resize << 2 | (uint64_t)u->shrink << 1 | u->stuck);
            add(h, line, sizeof line);
        }
    }
    for (size_t i = 0; i < d->name_op_count; i++)
        for (unsigned c = 0; c < d->name_ops[i].count; c++) add(h, d->name_ops[i].change[c].name, strlen(d->name_ops[i].change[c].name));
    for (unsigned i = 0; i < 4; i++) sotto_put_be64(out + 8 * i, h[i]);
    free(all);
}

bool sim_disk_peek(const struct sim_disk *d, struct sotto_span *out, const char *path)
{
    uint32_t id = sim_disk_lookup(d, path);
    if (!id || d->inodes[id]->folder) return false;
    *out = sotto_span(d->inodes[id]->data, d->inodes[id]->size);
    return true;
}

/* The inode of path, made if it is not there; synced. */
static struct sim_inode *put_one(struct sim_disk *d, const char *path, bool folder)
{
    uint32_t id = sim_disk_lookup(d, path);
    if (!id) {
        char above[256];
        const char *name = strrchr(path, '/') + 1;
        snprintf(above, sizeof above, "%.*s", (int)(name - 1 - path), path);
        uint32_t parent = *above ? put_one(d, above, true)->id : SIM_ROOT;
        id = sim_inode_new(d, folder, folder ? 0700 : 0600)->id;
        sim_names_set(d, parent, name, id);
    }
    SOTTO_ASSERT(d->inodes[id]->folder == folder);
    return d->inodes[id];
}

void sim_disk_put(struct sim_disk *d, const char *path, struct sotto_span content)
{
    struct sim_inode *f = put_one(d, path, false);
    sim_inode_forget(f);
    sim_inode_resize(d, f, 0);
    sim_inode_resize(d, f, content.size);
    if (content.size) memcpy(f->data, content.data, content.size);
}

void sim_disk_settle(struct sim_disk *d)
{
    for (uint32_t id = 1; id < d->inode_count; id++)
        if (d->inodes[id]) sim_inode_forget(d->inodes[id]);
    d->name_op_count = 0;
    sim_disk_collect(d);
}

/* ---- silent damage ---- */

unsigned sim_disk_flip(struct sim_disk *d, struct sim_disk_spot *at, const char *path, unsigned bits)
{
    uint32_t only = path ? sim_disk_lookup(d, path) : 0;
    uint64_t total = 0;
    for (uint32_t id = 1; id < d->inode_count; id++)
        if (d->inodes[id] && (!path || id == only)) total += d->inodes[id]->size;
    if (total == 0) return 0;
    for (unsigned i = 0; i < bits; i++) {
        uint64_t left = sim_disk_below(d, total);
        uint8_t bit = (uint8_t)sim_disk_below(d, 8);
        for (uint32_t id = 1; id < d->inode_count; id++) {
            struct sim_inode *f = d->inodes[id];
            if (!f || (path && id != only)) continue;
            if (left >= f->size) {
                left -= f->size;
                continue;
            }
            f->data[left] ^= (uint8_t)(1u << bit);
            d->counts.bits_flipped++;
            if (at) {
                *at = (struct sim_disk_spot){ .offset = left, .bit = bit };
                sim_disk_path_of(d, at->path, id);
            }
            break;
        }
    }
    return bits;
}
