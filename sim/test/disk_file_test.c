/* io/file.c, the same object as in sottod, with the power gone, the disk full or broken at every single operation. */
#include "disk_rig.h"

#include "io/file.h"
#include "io/sys.h"

#include <fcntl.h>

#define OLD_SIZE 1500u                      /* three sectors, the last one in part */
#define NEW_SIZE 5000u
#define ROUNDS 24u                          /* seeds for each crash point and kind of loss */
#define PATH "/data/vault"

static uint8_t old_content[OLD_SIZE], new_content[NEW_SIZE];

enum seen { NOTHING, EMPTY, OLD, NEW, OTHER };
static enum seen look(const char *path)
{
    struct sotto_buf b = sotto_buf_make(1 << 20);
    enum sotto_err err = sotto_file_read(&b, path);
    enum seen seen = OTHER;
    assert_true(err == SOTTO_OK || err == SOTTO_ERR_MISSING);
    if (err == SOTTO_ERR_MISSING) seen = NOTHING;
    else if (b.size == 0) seen = EMPTY;
    else if (sotto_span_equal(sotto_buf_span(&b), SOTTO_SPAN(old_content))) seen = OLD;
    else if (sotto_span_equal(sotto_buf_span(&b), SOTTO_SPAN(new_content))) seen = NEW;
    sotto_buf_free(&b);
    return seen;
}

/* One thing to do, and what may be there when it was cut off, and when it said OK. Bits of enum seen. */
struct story {
    const char *name;
    bool with_old;                          /* PATH holds the old content at the start */
    enum sotto_err (*act)(void);
    unsigned before_ok, after_ok;
    enum seen last;                         /* when it is done once more, without faults */
};

static enum sotto_err replace(void) { return sotto_file_replace(PATH, SOTTO_SPAN(new_content)); }
static enum sotto_err create(void)
{
    enum sotto_err err = sotto_file_create(PATH, SOTTO_SPAN(new_content));
    return err == SOTTO_ERR_EXISTS && look(PATH) == NEW ? SOTTO_OK : err;              /* the second time: it was there after all */
}
static enum sotto_err make_empty(void)
{
    enum sotto_err err = sotto_file_make(PATH);
    return err == SOTTO_ERR_EXISTS && look(PATH) == EMPTY ? SOTTO_OK : err;
}
static enum sotto_err take_away(void) { return sotto_file_remove(PATH); }
static enum sotto_err shred(void) { return sotto_file_shred(PATH); }
static enum sotto_err renew(void) { return sotto_file_renew(PATH); }

#define BIT(seen) (1u << (seen))
static const struct story stories[] = {
    { "replace", true, replace, BIT(OLD) | BIT(NEW), BIT(NEW), NEW },
    { "replace, first", false, replace, BIT(NOTHING) | BIT(NEW), BIT(NEW), NEW },
    { "create", false, create, BIT(NOTHING) | BIT(NEW), BIT(NEW), NEW },
    { "make", false, make_empty, BIT(NOTHING) | BIT(EMPTY), BIT(EMPTY), EMPTY },
    { "remove", true, take_away, BIT(NOTHING) | BIT(OLD), BIT(NOTHING), NOTHING },
    { "shred", true, shred, BIT(NOTHING) | BIT(OLD) | BIT(OTHER), BIT(NOTHING), NOTHING },
    { "renew", true, renew, BIT(OLD), BIT(OLD), OLD },
};
#define STORIES (sizeof stories / sizeof *stories)

static struct sim_disk *start_of(const struct story *s)
{
    struct sim_disk *d = ready_disk(1);
    if (s->with_old) sim_disk_put(d, PATH, SOTTO_SPAN(old_content));
    return d;
}

static void expect(const struct story *s, unsigned allowed, uint64_t k, enum sim_loss loss, uint64_t seed)
{
    enum seen seen = look(PATH);
    if (allowed & BIT(seen)) return;
    print_error("%s, step %llu, loss %d, seed %llu: found %d\n", s->name, (unsigned long long)k, (int)loss, (unsigned long long)seed, (int)seen);
    fail();
}

static const enum sim_loss losses[] = { SIM_LOSS_NONE, SIM_LOSS_ALL, SIM_LOSS_RANDOM, SIM_LOSS_TAIL };

static void test_crash(void **state)
{
    (void)state;
    uint64_t seed = test_seed(), points = 0;
    for (size_t i = 0; i < STORIES; i++) {
        const struct story *s = &stories[i];
        struct sim_disk *start = start_of(s);
        bool passed = false;
        for (uint64_t k = 1; !passed; k++) {
            for (size_t l = 0; l < 4; l++)
                for (unsigned round = 0; round < (losses[l] == SIM_LOSS_RANDOM || losses[l] == SIM_LOSS_TAIL ? ROUNDS : 1); round++) {
                    struct sim_disk *d = sim_disk_clone(start, seed + round);
                    sim_disk_use(d);
                    sim_disk_crash_at(d, k, losses[l]);
                    enum sotto_err err = s->act();
                    passed = !sim_disk_dead(d);
                    if (passed) assert_ok(err);
                    sim_disk_crash(d, losses[l]);                      /* done, and then the power goes */
                    sim_disk_restart(d);
                    expect(s, err == SOTTO_OK ? s->after_ok : s->before_ok, k, losses[l], seed + round);
                    assert_ok(s->act());
                    assert_int_equal(look(PATH), s->last);
                    if (s->act == shred) assert_false(sim_disk_find(d, NULL, SOTTO_SPAN(old_content)) || sim_disk_find(d, NULL, sotto_span(old_content, 100)));
                    sim_disk_free(d);
                    points++;
                }
        }
        sim_disk_free(start);
    }
    print_message("%llu crashes\n", (unsigned long long)points);
}

/* Every operation fails once, or from there on: an error of the header, nothing lost that was promised, and it works when the disk does. */
static void test_faults(void **state)
{
    (void)state;
    static const enum sim_disk_fault faults[] = { SIM_FAULT_WRITE, SIM_FAULT_NAMES, SIM_FAULT_SYNC, SIM_FAULT_FULL };
    uint64_t seed = test_seed();
    for (size_t i = 0; i < STORIES; i++)
        for (size_t f = 0; f < sizeof faults / sizeof *faults; f++)
            for (unsigned lasting = 0; lasting < 2; lasting++) {
                const struct story *s = &stories[i];
                struct sim_disk *start = start_of(s);
                struct sim_disk_config broken = sim_disk_quiet();
                broken.episode[faults[f]] = lasting ? UINT32_MAX : 0;
                for (uint64_t k = 1; k < 40; k++) {
                    struct sim_disk *d = sim_disk_clone(start, seed + k), *cut;
                    sim_disk_use(d);
                    sim_disk_configure(d, &broken);
                    sim_disk_fault_at(d, faults[f], k);
                    enum sotto_err err = s->act();
                    bool was_hit = sim_disk_counts(d)->faults[faults[f]] > 0;
                    if (!was_hit) assert_ok(err);
                    if (err != SOTTO_OK) {
                        if (faults[f] == SIM_FAULT_FULL) assert_int_equal(err, SOTTO_ERR_DISK_FULL);
                        else assert_int_equal(err, SOTTO_ERR_IO);
                    }
                    expect(s, err == SOTTO_OK ? s->after_ok : s->before_ok, k, SIM_LOSS_NONE, seed + k);
                    cut = sim_disk_clone(d, seed);
                    sim_disk_use(cut);
                    sim_disk_crash(cut, SIM_LOSS_ALL);
                    sim_disk_restart(cut);
                    expect(s, err == SOTTO_OK ? s->after_ok : s->before_ok, k, SIM_LOSS_ALL, seed + k);
                    sim_disk_free(cut);
                    sim_disk_use(d);
                    struct sim_disk_config quiet = sim_disk_quiet();
                    sim_disk_configure(d, &quiet);
                    sim_disk_fault_at(d, faults[f], 0);
                    assert_ok(s->act());
                    assert_int_equal(look(PATH), s->last);
                    sim_disk_free(d);
                    if (!was_hit) break;
                    assert_true(k < 39);
                }
                sim_disk_free(start);
            }
}

/* Reads and writes that do a part only are asked again; a read that fails is told. */
static void test_short(void **state)
{
    (void)state;
    struct sim_disk *d = ready_disk(test_seed());
    struct sim_disk_config config = sim_disk_quiet();
    config.chance_ppm[SIM_FAULT_SHORT_READ] = config.chance_ppm[SIM_FAULT_SHORT_WRITE] = SIM_DISK_PPM;
    sim_disk_configure(d, &config);
    assert_ok(replace());
    assert_int_equal(look(PATH), NEW);
    assert_true(sim_disk_counts(d)->faults[SIM_FAULT_SHORT_READ] > 0 && sim_disk_counts(d)->faults[SIM_FAULT_SHORT_WRITE] > 0);
    uint8_t head[100];
    size_t got = 0;
    assert_ok(sotto_file_head(head, &got, PATH, sizeof head));
    assert_int_equal(got, sizeof head);
    assert_memory_equal(head, new_content, sizeof head);
    struct sotto_buf b = sotto_buf_make(1 << 20);
    sim_disk_fault_at(d, SIM_FAULT_READ, 3);
    assert_int_equal(sotto_file_read(&b, PATH), SOTTO_ERR_IO);
    assert_int_equal(b.size, 0);
    sotto_buf_free(&b);
    sim_disk_fault_at(d, SIM_FAULT_READ, 1);
    assert_int_equal(sotto_file_head(head, &got, PATH, sizeof head), SOTTO_ERR_IO);
    sim_disk_free(d);
}

/* A folder that was made stays, with every folder above it that was made on the way: whatever is committed in it later hangs on that. */
static void test_folders(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (unsigned round = 0; round < 60; round++) {
        struct sim_disk *d = sim_disk_new(seed + round);
        sim_disk_use(d);
        assert_ok(sotto_dir_make("/home/.local/share/sotto"));
        assert_ok(sotto_file_replace("/home/.local/share/sotto/a", sotto_span_str("x")));
        sim_disk_crash(d, losses[1 + round % 3]);
        sim_disk_restart(d);
        assert_true(sotto_file_exists("/home/.local/share/sotto/a"));
        sim_disk_free(d);
    }
    struct sim_disk *d = sim_disk_new(seed);
    bool passed = false;
    for (uint64_t k = 1; !passed; k++) {
        sim_disk_use(d);
        sim_disk_crash_at(d, k, SIM_LOSS_RANDOM);
        enum sotto_err err = sotto_dir_make("/a/b/c");
        passed = !sim_disk_dead(d);
        sim_disk_restart(d);
        assert_true(!passed || err == SOTTO_OK);
        assert_ok(sotto_dir_make("/a/b/c"));
        sim_disk_free(d);
        d = sim_disk_new(seed + k);
    }
    sim_disk_free(d);
}

static void collect(void *ctx, const char *name, bool folder)
{
    char *text = ctx;
    sprintf(text + strlen(text), "%s%s ", name, folder ? "/" : "");
}

/* One process: the lock ends with it, however it ends. Names come in order. */
static void test_lock_and_list(void **state)
{
    (void)state;
    struct sim_disk *d = ready_disk(test_seed());
    struct sotto_dir_lock *lock = NULL, *second = NULL;
    int other = 0;
    assert_ok(sotto_dir_lock_take(&lock, &other, "/data"));
    assert_int_equal(sotto_dir_lock_take(&second, &other, "/data"), SOTTO_ERR_IN_USE);
    assert_int_equal(other, 4242);
    sim_disk_crash(d, SIM_LOSS_RANDOM);
    assert_int_equal(sotto_dir_lock_take(&second, &other, "/data"), SOTTO_ERR_IO);
    sim_disk_restart(d);
    assert_ok(sotto_dir_lock_take(&second, &other, "/data"));
    sotto_dir_lock_free(lock);              /* of the process that died: takes nothing from the new one */
    lock = NULL;
    assert_int_equal(sotto_dir_lock_take(&lock, &other, "/data"), SOTTO_ERR_IN_USE);
    sotto_dir_lock_free(second);
    assert_ok(sotto_dir_make("/data/z"));
    assert_ok(sotto_file_make("/data/b"));
    assert_ok(sotto_file_make("/data/a"));
    assert_int_equal(sotto_file_make("/data/a"), SOTTO_ERR_EXISTS);
    char text[200] = "";
    assert_ok(sotto_dir_list("/data", collect, text));
    assert_string_equal(text, ".keep a b lock z/ ");
    assert_int_equal(sotto_dir_list("/none", collect, text), SOTTO_ERR_MISSING);
    assert_int_equal(sotto_dir_list("/data/a", collect, text), SOTTO_ERR_MISSING);
    assert_ok(sotto_dir_remove("/data/z"));
    assert_ok(sotto_dir_remove("/data/z"));
    assert_int_equal(sotto_dir_remove("/data"), SOTTO_ERR_IO);
    uint64_t size = 7;
    assert_ok(sotto_file_size(&size, "/data/a"));
    assert_int_equal(size, 0);
    assert_int_equal(sotto_file_size(&size, "/data/none"), SOTTO_ERR_MISSING);
    assert_ok(sotto_disk_free(&size, "/data"));
    assert_true(size > 1 << 30);
    sim_disk_free(d);
}

/* What a failed sync left in memory only is read as before, and gone one day; not if the file was renewed between. */
static void test_renew(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    unsigned lost = 0;
    for (unsigned i = 0; i < 80; i++) {
        struct sim_disk *d = ready_disk(seed + i);
        assert_ok(sotto_file_replace(PATH, SOTTO_SPAN(old_content)));
        int fd = sotto_sys_open(PATH, O_WRONLY, 0);
        assert_int_equal(sotto_sys_write(fd, new_content, NEW_SIZE), NEW_SIZE);
        sim_disk_fault_at(d, SIM_FAULT_SYNC, 1);
        assert_int_equal(sotto_sys_sync(fd), -1);
        assert_int_equal(look(PATH), NEW);
        if (i % 2) assert_ok(sotto_file_renew(PATH));
        else assert_int_equal(sotto_sys_sync(fd), 0);
        sim_disk_crash(d, SIM_LOSS_NONE);
        sim_disk_restart(d);
        if (i % 2) assert_int_equal(look(PATH), NEW);
        else lost += look(PATH) != NEW;
        sim_disk_free(d);
    }
    assert_true(lost > 0);
    struct sim_disk *d = ready_disk(seed);
    assert_int_equal(sotto_file_renew("/data/nothing"), SOTTO_ERR_MISSING);
    sim_disk_free(d);
}

int main(void)
{
    memset(old_content, 'o', sizeof old_content);
    memset(new_content, 'n', sizeof new_content);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash), cmocka_unit_test(test_faults), cmocka_unit_test(test_short), cmocka_unit_test(test_folders),
        cmocka_unit_test(test_lock_and_list), cmocka_unit_test(test_renew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
