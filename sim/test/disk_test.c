/* The simulated disk against a model of what POSIX promises: random operations, then the power goes, then whatever is there must be something
 * that the model allows; and the rest of sim/disk.h. */
#include "disk_rig.h"

#include "io/sys.h"

#include <errno.h>
#include <fcntl.h>

#define FILES 4u                            /* names */
#define OBJECTS 64u                         /* files that there ever were */
#define SIZE_MOST 4096u
#define SECTORS (SIZE_MOST / SIM_SECTOR)
#define VERSIONS 48u                        /* since the last sync; the model syncs before it runs out */

/* ---- the model: a file is the versions of each sector and the sizes since the last sync, newest last ---- */

struct object {
    uint8_t sector[SECTORS][VERSIONS][SIM_SECTOR];
    unsigned versions[SECTORS];
    size_t sizes[VERSIONS];
    unsigned size_count;
};
static struct object objects[OBJECTS];
static unsigned object_count;
struct name { unsigned now, durable; bool may[OBJECTS + 1]; };         /* object + 1; 0 = no such file */
static struct name names[FILES];

static const char *path_of(unsigned name)
{
    static const char *const paths[FILES] = { "/data/a", "/data/b", "/data/c", "/data/d" };
    return paths[name];
}
static size_t size_of(const struct object *o) { return o->sizes[o->size_count - 1]; }
static uint8_t *newest(struct object *o, unsigned sector) { return o->sector[sector][o->versions[sector] - 1]; }

static void object_synced(struct object *o)
{
    for (unsigned s = 0; s < SECTORS; s++) {
        memmove(o->sector[s][0], newest(o, s), SIM_SECTOR);
        o->versions[s] = 1;
    }
    o->sizes[0] = size_of(o);
    o->size_count = 1;
}

static void set_name(unsigned name, unsigned value)
{
    names[name].now = value;
    names[name].may[value] = true;
}

static void names_synced(void)
{
    for (unsigned n = 0; n < FILES; n++) {
        memset(names[n].may, 0, sizeof names[n].may);
        names[n].durable = names[n].now;
        names[n].may[names[n].now] = true;
    }
}

/* Bytes from at on; NULL data: zeros. */
static void model_write(struct object *o, size_t at, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned s = (unsigned)((at + i) / SIM_SECTOR);
        if (i == 0 || (at + i) % SIM_SECTOR == 0) {
            memcpy(o->sector[s][o->versions[s]], newest(o, s), SIM_SECTOR);
            o->versions[s]++;
        }
        newest(o, s)[(at + i) % SIM_SECTOR] = data ? data[i] : 0;
    }
}

/* One version, or the first part of one and the rest of the one before. Behind the end of the file nothing is asked. */
static bool sector_allowed(const struct object *o, unsigned s, const uint8_t *found, size_t size)
{
    for (unsigned v = 0; v < o->versions[s]; v++) {
        size_t same = 0;
        while (same < size && found[same] == o->sector[s][v][same]) same++;
        if (same == size) return true;
        if (v > 0 && memcmp(found + same, o->sector[s][v - 1] + same, size - same) == 0) return true;
    }
    return false;
}

static bool object_allowed(const struct object *o, const uint8_t *found, size_t size, bool only_durable, bool only_now)
{
    bool fits = false;
    for (unsigned i = 0; i < o->size_count; i++)
        if (o->sizes[i] == size && (!only_durable || i == 0) && (!only_now || i == o->size_count - 1)) fits = true;
    for (unsigned s = 0; fits && s * SIM_SECTOR < size; s++) {
        size_t part = size - s * SIM_SECTOR < SIM_SECTOR ? size - s * SIM_SECTOR : SIM_SECTOR;
        const uint8_t *at = found + s * SIM_SECTOR;
        if (only_durable) fits = memcmp(at, o->sector[s][0], part) == 0;
        else if (only_now) fits = memcmp(at, o->sector[s][o->versions[s] - 1], part) == 0;
        else fits = sector_allowed(o, s, at, part);
    }
    return fits;
}

/* ---- the same on the disk and in the model ---- */

static void step(unsigned n)
{
    const char *path = path_of(n);
    unsigned now = names[n].now;
    struct object *o = now ? &objects[now - 1] : NULL;
    uint8_t data[2000];
    uint64_t what = dice(20);
    if (!o && object_count < OBJECTS) {                                /* make it */
        int fd = sotto_sys_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
        assert_true(fd >= 0);
        sotto_sys_close(fd);
        o = &objects[object_count++];
        memset(o, 0, sizeof *o);
        for (unsigned s = 0; s < SECTORS; s++) o->versions[s] = 1;
        o->size_count = 1;
        set_name(n, object_count);
        return;
    }
    if (what == 0 || !o) {
        int fd = sotto_sys_open("/data", O_RDONLY | O_DIRECTORY, 0);
        assert_int_equal(sotto_sys_sync(fd), 0);
        sotto_sys_close(fd);
        names_synced();
    } else if (what == 1) {
        assert_int_equal(sotto_sys_unlink(path), 0);
        set_name(n, 0);
    } else if (what == 2) {
        unsigned to = (n + 1 + (unsigned)dice(FILES - 1)) % FILES;
        assert_int_equal(sotto_sys_rename(path, path_of(to)), 0);
        set_name(to, now);
        set_name(n, 0);
    } else {
        int fd = sotto_sys_open(path, O_RDWR, 0);
        assert_true(fd >= 0);
        bool room = o->size_count < VERSIONS - 2;
        for (unsigned s = 0; s < SECTORS; s++) room = room && o->versions[s] < VERSIONS - 2;
        if (what < 6 || !room) {
            assert_int_equal(sotto_sys_sync(fd), 0);
            object_synced(o);
        } else if (what < 8) {
            size_t size = dice(SIZE_MOST + 1), before = size_of(o);
            assert_int_equal(sotto_sys_truncate(fd, (off_t)size), 0);
            if (size < before) model_write(o, size, NULL, before - size);
            if (size != before) o->sizes[o->size_count++] = size;
        } else {
            size_t at = dice(SIZE_MOST), size = 1 + dice(sizeof data);
            if (size > SIZE_MOST - at) size = SIZE_MOST - at;
            for (size_t i = 0; i < size; i++) data[i] = (uint8_t)dice(256);
            uint8_t skip[SIZE_MOST];
            size_t from = 0;
            while (from < at) {                                        /* there is no seek: reading moves the place, as far as there is something */
                ssize_t got = sotto_sys_read(fd, skip, at - from);
                if (got <= 0) break;
                from += (size_t)got;
            }
            assert_int_equal(sotto_sys_write(fd, data, size), size);
            model_write(o, from, data, size);
            if (from + size > size_of(o)) {
                o->sizes[o->size_count] = from + size;
                o->size_count++;
            }
        }
        sotto_sys_close(fd);
    }
}

static void check_names(const struct sim_disk *d, enum sim_loss loss, uint64_t seed)
{
    for (unsigned n = 0; n < FILES; n++) {
        struct sotto_span found;
        bool there = sim_disk_peek(d, &found, path_of(n)), fits = false;
        for (unsigned v = 0; v <= object_count; v++) {
            if (loss == SIM_LOSS_NONE ? v != names[n].now : loss == SIM_LOSS_ALL ? v != names[n].durable : !names[n].may[v]) continue;
            if (v == 0) fits = fits || !there;
            else if (there) fits = fits || object_allowed(&objects[v - 1], found.data, found.size, loss == SIM_LOSS_ALL, loss == SIM_LOSS_NONE);
        }
        if (!fits) print_error("%s after loss %d, seed %llu: not allowed (%s, %zu bytes)\n", path_of(n), (int)loss, (unsigned long long)seed, there ? "there" : "gone", there ? found.size : 0);
        assert_true(fits);
    }
}

static void test_model(void **state)
{
    (void)state;
    uint64_t first = test_seed(), torn = 0, lost = 0, kept = 0, names_lost = 0, names_kept = 0;
    for (uint64_t round = 0; round < 400; round++) {
        struct sim_disk *d = ready_disk(first + round);
        dice_state = first + round;
        object_count = 0;
        memset(names, 0, sizeof names);
        names_synced();
        unsigned steps = 1 + (unsigned)dice(150);
        for (unsigned i = 0; i < steps; i++) step((unsigned)dice(FILES));
        check_names(d, SIM_LOSS_NONE, first + round);                  /* what readers see */
        for (unsigned loss = 0; loss < 4; loss++)
            for (unsigned again = 0; again < 8; again++) {
                struct sim_disk *cut = sim_disk_clone(d, first + round * 100 + again);
                sim_disk_crash(cut, (enum sim_loss)loss);
                sim_disk_restart(cut);
                check_names(cut, (enum sim_loss)loss, first + round);
                const struct sim_disk_counts *c = sim_disk_counts(cut);
                torn += c->sectors_torn, lost += c->sectors_lost, kept += c->sectors_kept, names_lost += c->names_lost, names_kept += c->names_kept;
                sim_disk_free(cut);
            }
        sim_disk_free(d);
    }
    print_message("sectors: %llu kept, %llu lost, %llu torn; names: %llu kept, %llu lost\n", (unsigned long long)kept, (unsigned long long)lost,
                  (unsigned long long)torn, (unsigned long long)names_kept, (unsigned long long)names_lost);
    assert_true(torn > 100 && lost > 1000 && kept > 1000 && names_lost > 100 && names_kept > 100);
}

/* The model itself can say no: a byte that was never there, a size that never was, a name that came back after its folder was synced. */
static void test_model_refuses(void **state)
{
    (void)state;
    struct object *o = &objects[0];
    memset(o, 0, sizeof *o);
    for (unsigned s = 0; s < SECTORS; s++) o->versions[s] = 1;
    o->size_count = 1;
    uint8_t data[1024];
    memset(data, 7, sizeof data);
    model_write(o, 0, data, sizeof data);
    o->sizes[o->size_count++] = sizeof data;
    assert_true(object_allowed(o, data, 1024, false, false));
    memset(data + 100, 0, 412);
    assert_true(object_allowed(o, data, 1024, false, false));          /* torn */
    assert_false(object_allowed(o, data, 1000, false, false));
    data[50] = 0;
    assert_false(object_allowed(o, data, 1024, false, false));         /* a hole in the middle is no tear */
    object_synced(o);
    assert_false(object_allowed(o, data, 0, false, false));
}

static int file_with(const char *path, const char *text)
{
    int fd = sotto_sys_open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(sotto_sys_write(fd, text, strlen(text)), strlen(text));
    return fd;
}

/* A failed sync: readers see the bytes, a later sync says OK, and yet some of them are gone after the restart; what is written again is safe. */
static void test_failed_sync(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    unsigned lost = 0, kept = 0;
    for (unsigned i = 0; i < 40; i++) {
        struct sim_disk *d = ready_disk(seed + i);
        struct sotto_span found;
        int fd = file_with("/data/a", "promise");
        sim_disk_fault_at(d, SIM_FAULT_SYNC, 1);
        assert_int_equal(sotto_sys_sync(fd), -1);
        assert_int_equal(errno, EIO);
        assert_int_equal(sotto_sys_sync(fd), 0);
        assert_true(sim_disk_peek(d, &found, "/data/a") && found.size == 7 && memcmp(found.data, "promise", 7) == 0);
        if (i % 2) {                        /* written again: now it counts */
            int other = sotto_sys_open("/data/a", O_RDWR, 0);
            assert_int_equal(sotto_sys_write(other, "promise", 7), 7);
            assert_int_equal(sotto_sys_sync(other), 0);
        }
        sim_disk_crash(d, SIM_LOSS_NONE);
        sim_disk_restart(d);
        bool there = sim_disk_peek(d, &found, "/data/a") && found.size == 7 && memcmp(found.data, "promise", 7) == 0;
        if (i % 2) assert_true(there);
        else *(there ? &kept : &lost) += 1;
        sim_disk_free(d);
    }
    assert_true(lost > 0 && kept > 0);
}

static void test_dead(void **state)
{
    (void)state;
    struct sim_disk *d = ready_disk(test_seed());
    uint8_t before[32], after[32];
    struct stat st;
    char text[8];
    int fd = file_with("/data/a", "x");
    assert_int_equal(sotto_sys_sync(fd), 0);
    sim_disk_crash(d, SIM_LOSS_ALL);
    assert_true(sim_disk_dead(d));
    sim_disk_hash(d, before);
    assert_int_equal(sotto_sys_write(fd, "y", 1), -1);
    assert_int_equal(sotto_sys_read(fd, text, 1), -1);
    assert_int_equal(sotto_sys_sync(fd), -1);
    assert_int_equal(sotto_sys_truncate(fd, 0), -1);
    assert_int_equal(sotto_sys_open("/data/b", O_RDWR | O_CREAT, 0600), -1);
    assert_int_equal(sotto_sys_unlink("/data/a"), -1);
    assert_int_equal(sotto_sys_rename("/data/a", "/data/b"), -1);
    assert_int_equal(sotto_sys_link("/data/a", "/data/b"), -1);
    assert_int_equal(sotto_sys_mkdir("/data/c", 0700), -1);
    assert_int_equal(sotto_sys_stat("/data/.keep", &st), -1);
    assert_int_equal(errno, EIO);
    sim_disk_hash(d, after);
    assert_memory_equal(before, after, 32);
    sim_disk_restart(d);
    assert_int_equal(sotto_sys_write(fd, "y", 1), -1);                 /* of the process that is gone */
    assert_int_equal(sotto_sys_close(fd), 0);
    assert_int_equal(sotto_sys_stat("/data/.keep", &st), 0);
    sim_disk_use(NULL);
    assert_int_equal(sotto_sys_stat("/data/.keep", &st), -1);
    sim_disk_free(d);
}

static void test_crash_at(void **state)
{
    (void)state;
    struct sim_disk *d = ready_disk(test_seed());
    struct stat st;
    int fd = file_with("/data/a", "one");                              /* steps 1, 2 */
    sim_disk_crash_at(d, 3, SIM_LOSS_NONE);
    assert_int_equal(sotto_sys_write(fd, "two", 3), 3);
    assert_int_equal(sotto_sys_sync(fd), 0);
    assert_int_equal(sotto_sys_write(fd, "three", 5), -1);
    assert_true(sim_disk_dead(d));
    sim_disk_restart(d);
    struct sotto_span found;
    assert_true(sim_disk_peek(d, &found, "/data/a") && found.size == 11);      /* done, but nobody was told */
    assert_int_equal(sim_disk_counts(d)->crashes, 1);
    assert_int_equal(sim_disk_counts(d)->steps, 5);
    sim_disk_crash_at(d, 1, SIM_LOSS_ALL);
    assert_int_equal(sotto_sys_mkdir("/data/z", 0700), -1);
    sim_disk_restart(d);
    assert_int_equal(sotto_sys_stat("/data/z", &st), -1);
    sim_disk_free(d);
}

static void test_limits(void **state)
{
    (void)state;
    struct sim_disk *d = ready_disk(test_seed());
    struct sim_disk_config c = sim_disk_quiet();
    static const uint8_t block[5000] = { 1 };
    c.quota_bytes = 2 * 4096;
    sim_disk_configure(d, &c);
    int fd = sotto_sys_open("/data/a", O_RDWR | O_CREAT, 0600);
    assert_int_equal(sotto_sys_write(fd, block, 5000), 5000);
    assert_int_equal(sotto_sys_write(fd, block, 5000), 8192 - 5000);   /* what fits */
    assert_int_equal(sotto_sys_write(fd, block, 1), -1);
    assert_int_equal(errno, ENOSPC);
    assert_int_equal(sim_disk_used(d), 8192);
    assert_int_equal(sotto_sys_open("/data/b", O_RDWR | O_CREAT, 0600), -1);
    assert_int_equal(sotto_sys_truncate(fd, 10), 0);
    int other = sotto_sys_open("/data/b", O_RDWR | O_CREAT, 0600);
    assert_true(other >= 0);
    sotto_sys_close(other);
    c = sim_disk_quiet();
    c.read_only = true;
    sim_disk_configure(d, &c);
    assert_int_equal(sotto_sys_write(fd, block, 1), -1);
    assert_int_equal(errno, EROFS);
    assert_int_equal(sotto_sys_open("/data/b", O_RDWR, 0), -1);
    assert_true(sotto_sys_open("/data/b", O_RDONLY, 0) >= 0);
    c = sim_disk_quiet();
    c.chance_ppm[SIM_FAULT_SLOW] = SIM_DISK_PPM;
    (void)sim_disk_take_cost_us(d);
    sim_disk_configure(d, &c);
    assert_int_equal(sotto_sys_sync(fd), 0);
    assert_int_equal(sim_disk_take_cost_us(d), (uint64_t)c.sync_us * c.slow_factor);
    assert_int_equal(sim_disk_take_cost_us(d), 0);
    assert_int_equal(sim_disk_counts(d)->faults[SIM_FAULT_SLOW], 1);
    c = sim_disk_quiet();
    c.episode[SIM_FAULT_WRITE] = 2;
    sim_disk_configure(d, &c);
    sim_disk_fault_at(d, SIM_FAULT_WRITE, 2);
    static const int expected[] = { 1, -1, -1, -1, 1 };
    for (unsigned i = 0; i < 5; i++) assert_int_equal(sotto_sys_write(fd, block, 1), expected[i]);
    sim_disk_free(d);
}

static void test_from_outside(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sim_disk *d = ready_disk(seed);
    struct sim_disk_spot at = { 0 };
    struct sotto_span found, needle = sotto_span_str("planted");
    sim_disk_watch(d, needle);
    int fd = file_with("/data/a", "0123 planted 4567");
    assert_int_equal(sotto_sys_sync(fd), 0);
    assert_true(sim_disk_find(d, &at, needle));
    assert_string_equal(at.path, "/data/a");
    assert_int_equal(at.offset, 5);
    struct sim_disk *old = sim_disk_clone(d, seed);
    int again = sotto_sys_open("/data/a", O_RDWR, 0);
    assert_int_equal(sotto_sys_write(again, "0123 .......", 12), 12);
    assert_true(sim_disk_find(d, NULL, needle));                       /* still on the platter */
    assert_int_equal(sotto_sys_sync(again), 0);
    assert_false(sim_disk_find(d, NULL, needle));
    assert_true(sim_disk_watched(d, &at) && at.offset == 5);
    assert_true(sim_disk_peek(d, &found, "/data/a") && memcmp(found.data, "0123 .......", 12) == 0);
    assert_false(sim_disk_watched(old, NULL));
    uint8_t one[32], two[32];
    struct sim_disk *twin = sim_disk_clone(d, seed + 1);
    sim_disk_hash(d, one);
    sim_disk_hash(twin, two);
    assert_memory_equal(one, two, 32);
    assert_int_equal(sim_disk_flip(twin, &at, "/data/a", 1), 1);
    sim_disk_hash(twin, two);
    assert_memory_not_equal(one, two, 32);
    assert_true(sim_disk_peek(twin, &found, "/data/a"));
    struct sotto_span whole;
    assert_true(sim_disk_peek(d, &whole, "/data/a"));
    assert_int_equal(found.data[at.offset] ^ whole.data[at.offset], 1 << at.bit);
    assert_int_equal(sim_disk_flip(twin, NULL, "/data/.keep", 1), 0);
    sim_disk_restore(d, old);
    assert_true(sim_disk_find(d, NULL, needle));
    assert_int_equal(sotto_sys_write(again, "x", 1), -1);              /* open files died with the old content */
    int made = file_with("/data/b", "gone soon");
    sotto_sys_close(made);
    assert_int_equal(sotto_sys_unlink("/data/b"), 0);
    sim_disk_settle(d);
    sim_disk_crash(d, SIM_LOSS_ALL);
    sim_disk_restart(d);
    assert_false(sim_disk_peek(d, &found, "/data/b") || sim_disk_find(d, NULL, sotto_span_str("gone soon")));
    sim_disk_free(twin);
    sim_disk_free(old);
    sim_disk_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model), cmocka_unit_test(test_model_refuses), cmocka_unit_test(test_failed_sync), cmocka_unit_test(test_dead),
        cmocka_unit_test(test_crash_at), cmocka_unit_test(test_limits), cmocka_unit_test(test_from_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
