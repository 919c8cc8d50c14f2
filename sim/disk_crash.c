/* What is left of unsynced changes: after a power cut, a failed sync, a restart. */
#include "sim/disk_impl.h"

#include <stdlib.h>

#define TORN_ONE_IN 8u                      /* of the sectors that lose something */

/* How one file or folder fares: keep so many of 8 of its changes. All or nothing of a file is as likely as a mixture: a database whose WAL
 * is whole but whose pages are not is worth as much as noise everywhere. */
static unsigned luck(struct sim_disk *d)
{
    static const unsigned of_8[] = { 0, 1, 4, 4, 7, 8 };
    return of_8[sim_disk_below(d, sizeof of_8 / sizeof *of_8)];
}

static uint64_t end_of(const struct sim_undo *u) { return u->offset + u->length; }

/* Each piece of content within one block of so many bytes. Order stays. */
static void split(struct sim_inode *f, uint64_t block)
{
    size_t cap = 0, count = 0;
    struct sim_undo *all = NULL;
    for (size_t i = 0; i < f->undo_count; i++) {
        struct sim_undo u = f->undo[i];
        do {
            struct sim_undo part = u;
            uint64_t end = u.resize ? 0 : (u.offset / block + 1) * block;
            if (!u.resize && end < end_of(&u)) part.length = (uint32_t)(end - u.offset);
            all = sim_disk_grow(all, &cap, count + 1, sizeof *all);
            all[count++] = part;
            u.offset += part.length;
            u.length -= part.length;
            if (u.at != SIM_ZEROS) u.at += part.length;
        } while (!u.resize && u.length > 0);
    }
    free(f->undo);
    f->undo = all;
    f->undo_count = count;
    f->undo_cap = cap;
}

/* Takes back all but the first keep bytes of one piece. */
static void take_back(struct sim_inode *f, const struct sim_undo *u, size_t keep)
{
    if (u->resize || end_of(u) > f->size) return;
    if (u->at == SIM_ZEROS) memset(f->data + u->offset + keep, 0, u->length - keep);
    else memcpy(f->data + u->offset + keep, f->old + u->at + keep, u->length - keep);
}

/* ---- a power cut ---- */

struct piece { uint64_t sector; size_t index; bool shrink, shrink_kept, undo; uint32_t keep; };

static int by_sector(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    if (x->sector != y->sector) return x->sector < y->sector ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}
static int by_index(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* How many of the count versions of one sector survive. A cut of the file is one change of the whole file: its sectors follow it. */
static size_t versions_kept(struct sim_disk *d, const struct sim_inode *f, const struct piece *p, size_t count, enum sim_loss loss, unsigned of_8, uint64_t tail)
{
    size_t low = 0, high = count, kept = 0, stuck = 0;
    for (size_t i = 0; i < count; i++) {
        if (f->undo[p[i].index].stuck) stuck = i + 1;
        if (p[i].shrink && p[i].shrink_kept) low = i + 1;
        if (p[i].shrink && !p[i].shrink_kept && high > i) high = i;
    }
    if (loss == SIM_LOSS_TAIL) while (kept < count && f->undo[p[kept].index].seq < tail) kept++;
    if (loss == SIM_LOSS_RANDOM) kept = sim_disk_below(d, 8) < of_8 ? count : (size_t)sim_disk_below(d, count + 1);
    if (kept > high) kept = high;
    if (kept < low) kept = low;
    if (kept <= stuck && stuck > 0) kept = low == 0 ? 0 : high > stuck ? stuck + 1 : low;      /* what was given up was on no platter */
    return kept;
}

static void file_cut_off(struct sim_disk *d, struct sim_inode *f, enum sim_loss loss, uint64_t tail)
{
    if (f->undo_count == 0) return;
    unsigned of_8 = luck(d);
    split(f, SIM_SECTOR);
    SOTTO_ASSERT(f->undo_count > 0);        /* split makes more of them, never fewer */
    /* sizes: a first part of them survives */
    size_t sizes = 0, kept_sizes = 0, seen = 0, largest = f->size, final = f->size;
    for (size_t i = 0; i < f->undo_count; i++) {
        if (!f->undo[i].resize) continue;
        sizes++;
        if (f->undo[i].seq < tail) kept_sizes++;
        if (f->undo[i].offset > largest) largest = (size_t)f->undo[i].offset;
    }
    if (loss == SIM_LOSS_ALL) kept_sizes = 0;
    if (loss == SIM_LOSS_RANDOM) kept_sizes = sim_disk_below(d, 8) < of_8 ? sizes : (size_t)sim_disk_below(d, sizes + 1);
    for (size_t i = 0; i < f->undo_count; i++)
        if (f->undo[i].resize && seen++ == kept_sizes) final = (size_t)f->undo[i].offset;
    /* sectors */
    struct piece *p = calloc(f->undo_count, sizeof *p);
    SOTTO_ASSERT(p);
    size_t count = 0;
    seen = 0;
    for (size_t i = 0; i < f->undo_count; i++) {
        const struct sim_undo *u = &f->undo[i];
        if (u->resize) seen++;
        else p[count++] = (struct piece){ .sector = u->offset / SIM_SECTOR, .index = i, .shrink = u->shrink, .shrink_kept = seen < kept_sizes };
    }
    qsort(p, count, sizeof *p, by_sector);
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && p[to].sector == p[from].sector;) to++;
        size_t kept = versions_kept(d, f, p + from, to - from, loss, of_8, tail);
        bool lost = kept < to - from;
        for (size_t i = from + kept; i < to; i++) p[i].undo = true;
        struct piece *first = lost ? &p[from + kept] : NULL;
        bool torn = lost && loss != SIM_LOSS_ALL && !first->shrink && !f->undo[first->index].stuck && sim_disk_below(d, TORN_ONE_IN) == 0;
        if (torn) first->keep = (uint32_t)sim_disk_below(d, f->undo[first->index].length + 1);
        d->counts.sectors_kept += !lost;
        d->counts.sectors_lost += lost && !torn;
        d->counts.sectors_torn += torn;
    }
    qsort(p, count, sizeof *p, by_index);
    sim_inode_resize(d, f, largest);        /* room for everything that may come back */
    for (size_t i = count; i-- > 0;)
        if (p[i].undo) take_back(f, &f->undo[p[i].index], p[i].keep);
    free(p);
    sim_inode_resize(d, f, final);
    sim_inode_forget(f);
}

static void names_cut_off(struct sim_disk *d, enum sim_loss loss, uint64_t tail)
{
    unsigned of_8 = luck(d);
    for (size_t i = d->name_op_count; i-- > 0;)
        for (unsigned c = d->name_ops[i].count; c-- > 0;) sim_names_set(d, d->name_ops[i].folder, d->name_ops[i].change[c].name, d->name_ops[i].change[c].before);
    for (size_t i = 0; i < d->name_op_count; i++) {
        const struct sim_name_op *op = &d->name_ops[i];
        bool keep = loss == SIM_LOSS_TAIL ? op->seq < tail : loss == SIM_LOSS_RANDOM && sim_disk_below(d, 8) < of_8;
        for (unsigned c = 0; c < op->count; c++) {                     /* a change whose ground was lost is lost too */
            uint32_t now = sim_names_get(d, op->folder, op->change[c].name);
            keep = keep && now == op->change[c].before;
        }
        if (keep) d->counts.names_kept++;
        else d->counts.names_lost++;
        for (unsigned c = 0; keep && c < op->count; c++) sim_names_set(d, op->folder, op->change[c].name, op->change[c].after);
    }
    d->name_op_count = 0;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The change at which the power went: any unsynced one, or none of them. */
static uint64_t pick_tail(struct sim_disk *d)
{
    size_t count = 0, cap = 0;
    uint64_t *all = NULL;
    for (uint32_t id = 0; id < d->inode_count; id++)
        for (size_t i = 0; d->inodes[id] && i < d->inodes[id]->undo_count; i++) {
            all = sim_disk_grow(all, &cap, count + 1, sizeof *all);
            all[count++] = d->inodes[id]->undo[i].seq;
        }
    for (size_t i = 0; i < d->name_op_count; i++) {
        all = sim_disk_grow(all, &cap, count + 1, sizeof *all);
        all[count++] = d->name_ops[i].seq;
    }
    if (count) qsort(all, count, sizeof *all, by_number);
    size_t at = (size_t)sim_disk_below(d, count + 1);
    uint64_t tail = at < count ? all[at] : UINT64_MAX;
    free(all);
    return tail;
}

static void close_all(struct sim_disk *d)
{
    d->open_count = 0;
    for (uint32_t id = 0; id < d->inode_count; id++)
        if (d->inodes[id]) d->inodes[id]->opens = 0, d->inodes[id]->locked_by = 0;
}

void sim_disk_crash(struct sim_disk *d, enum sim_loss loss)
{
    if (d->dead) return;
    d->counts.crashes++;
    d->dead = true;
    d->crash_now = false;
    d->crash_left = 0;
    close_all(d);
    if (loss == SIM_LOSS_NONE) return;
    uint64_t tail = loss == SIM_LOSS_TAIL ? pick_tail(d) : 0;
    names_cut_off(d, loss, tail);
    for (uint32_t id = 0; id < d->inode_count; id++)
        if (d->inodes[id]) file_cut_off(d, d->inodes[id], loss, tail);
    sim_disk_collect(d);
}

/* ---- failed syncs ---- */

/* Was the page of a piece that was given up written to again? Then it is on its way to the disk once more. */
static bool rewritten(const struct sim_inode *f, size_t at)
{
    uint64_t first = f->undo[at].offset / SIM_PAGE, last = (end_of(&f->undo[at]) - 1) / SIM_PAGE;
    for (size_t i = at + 1; i < f->undo_count; i++) {
        const struct sim_undo *u = &f->undo[i];
        if (!u->resize && !u->stuck && u->offset / SIM_PAGE <= last && (end_of(u) - 1) / SIM_PAGE >= first) return true;
    }
    return false;
}

/* Keeps the pieces that wanted says; their old bytes move together. */
static void keep_only(struct sim_inode *f, const bool *wanted)
{
    uint8_t *old = NULL;
    size_t cap = 0, size = 0, count = 0;
    f->stuck = false;
    for (size_t i = 0; i < f->undo_count; i++) {
        struct sim_undo u = f->undo[i];
        if (!wanted[i]) continue;
        if (!u.resize && u.at != SIM_ZEROS) {
            old = sim_disk_grow(old, &cap, size + u.length, 1);
            memcpy(old + size, f->old + u.at, u.length);
            u.at = size;
            size += u.length;
        }
        f->stuck = f->stuck || u.stuck;
        f->undo[count++] = u;
    }
    free(f->old);
    f->old = old;
    f->old_size = size;
    f->old_cap = cap;
    f->undo_count = count;
}

static bool *flags(const struct sim_inode *f)
{
    bool *all = calloc(f->undo_count + 1, sizeof *all);
    SOTTO_ASSERT(all);
    return all;
}

void sim_inode_synced(struct sim_inode *f)
{
    if (!f->stuck) {
        sim_inode_forget(f);
        return;
    }
    bool *wanted = flags(f);
    for (size_t i = 0; i < f->undo_count; i++) wanted[i] = f->undo[i].stuck && !rewritten(f, i);
    keep_only(f, wanted);
    free(wanted);
}

void sim_inode_sync_failed(struct sim_disk *d, struct sim_inode *f)
{
    uint64_t draw = sim_disk_random(d);
    bool sizes = sim_disk_below(d, 2) == 0;
    split(f, SIM_PAGE);
    bool *wanted = flags(f);
    for (size_t i = 0; i < f->undo_count; i++) {
        struct sim_undo *u = &f->undo[i];
        bool written = ((draw ^ (u->offset / SIM_PAGE + 1) * 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u) >> 63;
        if (u->resize || u->shrink) {
            wanted[i] = sizes;              /* still to be done, or done */
            continue;
        }
        wanted[i] = !written || (u->stuck && !rewritten(f, i));         /* given up before: not tried again */
        u->stuck = true;
    }
    keep_only(f, wanted);
    free(wanted);
}

/* Pages of failed syncs leave the memory of the machine: what the platter has is read again. */
static void forget_stuck(struct sim_inode *f)
{
    if (!f->stuck) return;
    bool *wanted = flags(f);
    for (size_t i = 0; i < f->undo_count; i++) wanted[i] = !f->undo[i].stuck || rewritten(f, i);
    for (size_t i = f->undo_count; i-- > 0;)
        if (!wanted[i]) take_back(f, &f->undo[i], 0);
    keep_only(f, wanted);
    free(wanted);
}

void sim_disk_restart(struct sim_disk *d)
{
    d->dead = d->crash_now = false;
    d->counts.restarts++;
    close_all(d);
    for (uint32_t id = 0; id < d->inode_count; id++)
        if (d->inodes[id]) forget_stuck(d->inodes[id]);
    sim_disk_collect(d);
}
