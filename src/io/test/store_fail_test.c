/* The database when the machine fails: killed writers, full disks, other formats, damage, and what must be gone. */
#include "store_rig.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* A writer is killed at any moment: every transaction it reported is whole, at most the one after it is there too, and none in part. */
static void test_killed(void **state)
{
    (void)state;
    unsigned seed = (unsigned)test_seed();
    sotto_store_close(store);
    store = NULL;
    uint64_t have = 0;
    for (unsigned round = 0; round < 8; round++) {
        int report[2];
        assert_int_equal(pipe(report), 0);
        pid_t child = fork();
        if (child == 0) {
            struct sotto_store *own;
            close(report[0]);
            if (sotto_store_open(&own, NULL, world_dir) != SOTTO_OK) _exit(1);
            for (uint64_t n = have + 1;; n++) {
                char value[3000];
                memset(value, 'a' + (int)(n % 26), sizeof value);
                if (sotto_store_begin(own) != SOTTO_OK) _exit(2);
                for (uint64_t part = 0; part < 5; part++)
                    if (sotto_store_put(own, 1, "k", n * 5 + part, SOTTO_SPAN(value)) != SOTTO_OK) _exit(3);
                if (sotto_store_commit(own) != SOTTO_OK) _exit(4);
                if (write(report[1], &n, sizeof n) != sizeof n) _exit(5);
            }
        }
        close(report[1]);
        uint64_t reported = have;
        unsigned wait_for = 1 + (unsigned)rand_r(&seed) % 30;
        for (unsigned i = 0; i < wait_for; i++) assert_int_equal(read(report[0], &reported, sizeof reported), sizeof reported);
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        while (read(report[0], &reported, sizeof reported) == sizeof reported) { }
        close(report[0]);
        struct sotto_store_open_info info;
        assert_ok(sotto_store_open(&store, &info, world_dir));
        assert_true(info.unclean && !info.created);
        uint64_t count = 0;
        assert_ok(sotto_store_count(store, &count, 1, "k"));
        assert_int_equal(count % 5, 0);
        assert_true(count / 5 == reported || count / 5 == reported + 1);
        have = count / 5;
        assert_ok(sotto_store_verify(store, NULL));
        sotto_store_close(store);
        store = NULL;
    }
    reopen();
}

/* Full: an error, nothing half done, and it goes on when there is room again. */
static void test_full(void **state)
{
    (void)state;
    static uint8_t value[50000];
    assert_ok(put(1, "t", 1, "old"));
    assert_ok(sotto_store_limit(store, sotto_store_size(store) + 200000));
    assert_ok(sotto_store_begin(store));
    enum sotto_err err = SOTTO_OK;
    uint64_t id = 2;
    assert_ok(put(1, "t", 1, "new"));
    while (err == SOTTO_OK && id < 100) err = sotto_store_put(store, 1, "t", id++, SOTTO_SPAN(value));
    assert_int_equal(err, SOTTO_ERR_DISK_FULL);
    err = put(1, "t", 1, "slips in");           /* allowed only as long as the transaction is really there */
    if (err == SOTTO_OK) expect_row(1, "t", 1, "slips in");
    sotto_store_rollback(store);
    expect_row(1, "t", 1, "old");
    expect_row(1, "t", 2, NULL);
    err = SOTTO_OK;
    for (id = 2; err == SOTTO_OK && id < 100; id++) err = sotto_store_put(store, 1, "t", id, SOTTO_SPAN(value));
    assert_int_equal(err, SOTTO_ERR_DISK_FULL);
    assert_ok(sotto_store_delete(store, 1, "t", 2));
    assert_ok(put(1, "t", 200, "fits"));
    assert_ok(sotto_store_limit(store, 0));
    assert_ok(sotto_store_put(store, 1, "t", 300, SOTTO_SPAN(value)));
    assert_ok(sotto_store_verify(store, NULL));
}

/* The file system itself refuses (a size limit stands for it): the same, and a later open finds the committed part. */
static void test_full_file(void **state)
{
    (void)state;
    sotto_store_close(store);
    store = NULL;
    pid_t child = fork();
    if (child == 0) {
        struct sotto_store *own;
        static uint8_t value[100000];
        struct rlimit limit = { 1 << 20, 1 << 20 };
        signal(SIGXFSZ, SIG_IGN);
        if (sotto_store_open(&own, NULL, world_dir) != SOTTO_OK) _exit(1);
        if (sotto_store_put(own, 1, "t", 1, sotto_span_str("kept")) != SOTTO_OK) _exit(2);
        setrlimit(RLIMIT_FSIZE, &limit);
        enum sotto_err err = sotto_store_begin(own);
        for (uint64_t id = 2; err == SOTTO_OK && id < 40; id++) err = sotto_store_put(own, 1, "t", id, SOTTO_SPAN(value));
        if (err == SOTTO_OK) err = sotto_store_commit(own);
        if (err != SOTTO_ERR_DISK_FULL) _exit(3);
        enum sotto_err again = sotto_store_put(own, 1, "t", 1, sotto_span_str("slips in"));
        if (sotto_store_begun(own) && again == SOTTO_OK) sotto_store_rollback(own);
        else if (!sotto_store_begun(own) && again == SOTTO_OK) _exit(0);
        sotto_store_rollback(own);
        struct sotto_buf out = sotto_buf_make(100);
        if (sotto_store_get(own, &out, 1, "t", 1) != SOTTO_OK || out.size != 4 || memcmp(out.data, "kept", 4) != 0) _exit(4);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_ok(sotto_store_open(&store, NULL, world_dir));
    expect_row(1, "t", 2, NULL);
    assert_ok(sotto_store_verify(store, NULL));
}

static void execute(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(world_path("messages.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}
static uint64_t file_sum(void)
{
    uint64_t sum = 0;
    FILE *f = fopen(world_path("messages.db"), "rb");
    for (int c; (c = fgetc(f)) != EOF;) sum = sum * 31 + (unsigned)c;
    fclose(f);
    return sum;
}

static void test_formats(void **state)
{
    (void)state;
    struct sotto_store_open_info info = { 0 };
    struct sotto_store *second;
    assert_ok(put(1, "t", 1, "x"));
    assert_int_equal(sotto_store_open(&second, NULL, world_dir), SOTTO_ERR_IN_USE);    /* one process */
    sotto_store_close(store);
    store = NULL;
    execute("PRAGMA journal_mode=DELETE; PRAGMA user_version=7");
    uint64_t before = file_sum();
    assert_int_equal(sotto_store_open(&store, &info, world_dir), SOTTO_ERR_NEWER);
    assert_int_equal(info.format, 7);
    assert_int_equal(file_sum(), before);
    execute("PRAGMA user_version=1; PRAGMA application_id=77");
    assert_int_equal(sotto_store_open(&store, NULL, world_dir), SOTTO_ERR_DAMAGED);
    execute("PRAGMA application_id=1399813236");
    assert_ok(sotto_store_open(&store, NULL, world_dir));
    expect_row(1, "t", 1, "x");
    sotto_store_close(store);
    store = NULL;
    for (int at = 18; at <= 19; at++) {                                       /* format bytes that only allow reading, or nothing */
        uint8_t was, odd = 0x82;
        int fd = open(world_path("messages.db"), O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0 && pread(fd, &was, 1, at) == 1 && pwrite(fd, &odd, 1, at) == 1);
        before = file_sum();
        assert_int_equal(sotto_store_open(&store, NULL, world_dir), SOTTO_ERR_DAMAGED);
        assert_int_equal(file_sum(), before);
        assert_int_equal(pwrite(fd, &was, 1, at), 1);
        close(fd);
    }
    assert_int_equal(chmod(world_path("messages.db"), 0640), 0);
    assert_int_equal(sotto_store_open(&store, NULL, world_dir), SOTTO_ERR_MODE);
    assert_int_equal(chmod(world_path("messages.db"), 0600), 0);
    world_write(world_path("messages.db"), "not a database at all, but longer than the hundred bytes that a head of one has, so that it is looked at closely");
    assert_int_equal(sotto_store_open(&store, NULL, world_dir), SOTTO_ERR_DAMAGED);
    world_write(world_path("messages.db"), "short");
    assert_int_equal(sotto_store_open(&store, NULL, world_dir), SOTTO_ERR_DAMAGED);
    world_write(world_path("messages.db"), "");                           /* made, then the power failed */
    assert_ok(sotto_store_open(&store, &info, world_dir));
    assert_true(info.created);
}

static enum sotto_err count_row(void *ctx, uint64_t id, struct sotto_span value)
{
    (void)id;
    (void)value;
    ++*(unsigned *)ctx;
    return SOTTO_OK;
}

/* Bytes turned over in the middle of the file: an error at once or later, never wrong answers called right, never a crash. */
static void test_damage(void **state)
{
    (void)state;
    unsigned seed = (unsigned)test_seed(), refused = 0;
    char value[900];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    assert_ok(sotto_store_begin(store));
    for (uint64_t id = 1; id <= 300; id++) assert_ok(put(1, "t", id, value));
    assert_ok(sotto_store_commit(store));
    sotto_store_close(store);
    store = NULL;
    for (unsigned round = 0; round < 25; round++) {
        int fd = open(world_path("messages.db"), O_RDWR);
        off_t size = lseek(fd, 0, SEEK_END), at = (off_t)((unsigned)rand_r(&seed) % (unsigned)(size / 4096)) * 4096;
        uint8_t kept[64], junk[64];
        assert_int_equal(pread(fd, kept, sizeof kept, at), sizeof kept);
        for (unsigned i = 0; i < sizeof junk; i++) junk[i] = (uint8_t)rand_r(&seed);
        assert_int_equal(pwrite(fd, junk, sizeof junk, at), sizeof junk);
        world_write(world_path("messages.db-wal"), "");                   /* as after an unclean end: the check runs */
        enum sotto_err err = sotto_store_open(&store, NULL, world_dir);
        if (err == SOTTO_OK) {
            err = sotto_store_verify(store, NULL);
            unsigned rows = 0;
            enum sotto_err walked = sotto_store_scan(store, 1, "t", count_row, &rows);
            assert_true(walked == SOTTO_OK || err != SOTTO_OK);
        }
        if (err != SOTTO_OK) {
            refused++;
            assert_true(err == SOTTO_ERR_DAMAGED || err == SOTTO_ERR_NEWER || err == SOTTO_ERR_IO);
        }
        sotto_store_close(store);
        store = NULL;
        assert_int_equal(pwrite(fd, kept, sizeof kept, at), sizeof kept);
        close(fd);
        unlink(world_path("messages.db-wal"));
        unlink(world_path("messages.db-shm"));
    }
    assert_true(refused > 15);                  /* the first bytes of nearly every page matter */
    assert_ok(sotto_store_open(&store, NULL, world_dir));
    expect_row(1, "t", 300, value);
}

/* What is deleted leaves no copy in the files: not in the WAL after a cut, not in free pages. */
static void test_gone(void **state)
{
    (void)state;
    const char *secret = "planted-value-that-must-not-stay-anywhere";
    assert_ok(put(1, "t", 1, secret));
    assert_ok(sotto_store_wal_truncate(store));
    assert_ok(sotto_store_delete(store, 1, "t", 1));
    assert_ok(sotto_store_wal_truncate(store));
    static const char *const files[] = { "messages.db", "messages.db-wal" };
    for (unsigned i = 0; i < 2; i++) {
        static char content[1 << 20];
        FILE *f = fopen(world_path(files[i]), "rb");
        assert_non_null(f);
        size_t size = fread(content, 1, sizeof content, f);
        fclose(f);
        assert_null(memmem(content, size, secret, 20));
        if (i == 1) assert_int_equal(size, 0);
    }
}

/* The power went while the first page was copied from the WAL to the database: its first sector is lost, or torn before the number that
 * says whose file it is. What was acknowledged is in the WAL. */
static void test_first_page_torn(void **state)
{
    (void)state;
    static const struct { long at; size_t size; } torn[] = { { 0, 512 }, { 68, 4 }, { 68, 444 } };
    for (size_t i = 0; i < sizeof torn / sizeof *torn; i++) {
        const char *database = world_path("messages.db");
        sotto_store_close(store);
        store = NULL;
        assert_int_equal(unlink(database), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {                                      /* ends without closing: everything, the first page too, is in the WAL only */
            if (sotto_store_open(&store, NULL, world_dir) != SOTTO_OK || put(1, "contacts", 10, "acknowledged") != SOTTO_OK) _exit(1);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        static const char zero[512];
        FILE *f = fopen(database, "r+");
        assert_non_null(f);
        assert_int_equal(fseek(f, torn[i].at, SEEK_SET), 0);
        assert_int_equal(fwrite(zero, 1, torn[i].size, f), torn[i].size);
        assert_int_equal(fclose(f), 0);
        assert_ok(sotto_store_open(&store, NULL, world_dir));
        expect_row(1, "contacts", 10, "acknowledged");
        assert_ok(sotto_store_verify(store, NULL));
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_killed), T(test_first_page_torn), T(test_full), T(test_full_file), T(test_formats), T(test_damage), T(test_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
