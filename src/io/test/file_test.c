/* Files: whole or not at all, private, one process per folder. */
#include "io/file.h"
#include "io/test/world.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void test_join(void **state)
{
    (void)state;
    char out[SOTTO_PATH_MAX], longest[SOTTO_PATH_MAX];
    assert_ok(sotto_path_join(out, "/a", "b"));
    assert_string_equal(out, "/a/b");
    assert_ok(sotto_path_join(out, "/a/", "b"));
    assert_string_equal(out, "/a/b");
    assert_ok(sotto_path_join(out, "", "b"));
    assert_string_equal(out, "b");
    memset(longest, 'x', sizeof longest);
    longest[SOTTO_PATH_MAX - 1] = 0;
    assert_int_equal(sotto_path_join(out, longest, "b"), SOTTO_ERR_RANGE);
    longest[SOTTO_PATH_MAX - 3] = 0;
    assert_ok(sotto_path_join(out, longest, "b"));
    assert_int_equal(strlen(out), SOTTO_PATH_MAX - 1);
}

static void expect_content(const char *path, const char *content)
{
    struct sotto_buf b = sotto_buf_make(1 << 20);
    assert_ok(sotto_file_read(&b, path));
    assert_int_equal(b.size, strlen(content));
    assert_memory_equal(b.data, content, b.size);
    sotto_buf_free(&b);
}

static void test_replace(void **state)
{
    (void)state;
    const char *path = world_path("vault");
    assert_ok(sotto_file_replace(path, sotto_span_str("first")));
    assert_int_equal(world_mode(path), 0600);
    expect_content(path, "first");
    world_write(world_path("vault.new"), "left by a process that died");
    assert_ok(sotto_file_replace(path, sotto_span_str("second")));
    expect_content(path, "second");
    assert_false(sotto_file_exists(world_path("vault.new")));
    assert_int_equal(sotto_file_create(path, sotto_span_str("third")), SOTTO_ERR_EXISTS);
    expect_content(path, "second");
    assert_ok(sotto_file_create(world_path("new"), sotto_span_str("")));
    expect_content(world_path("new"), "");
    assert_int_equal(sotto_file_replace(world_path("no/such/folder"), sotto_span_str("x")), SOTTO_ERR_IO);
}

static void test_read_bounds(void **state)
{
    (void)state;
    struct sotto_buf b = sotto_buf_make(10);
    assert_ok(sotto_buf_add(&b, "ab", 2));
    assert_int_equal(sotto_file_read(&b, world_path("none")), SOTTO_ERR_MISSING);
    world_write(world_path("nine"), "123456789");
    assert_int_equal(sotto_file_read(&b, world_path("nine")), SOTTO_ERR_FULL);
    assert_int_equal(b.size, 2);
    world_write(world_path("eight"), "12345678");
    assert_ok(sotto_file_read(&b, world_path("eight")));
    assert_memory_equal(b.data, "ab12345678", 10);
    assert_int_equal(sotto_file_read(&b, world_dir), SOTTO_ERR_IO);
    assert_int_equal(mkfifo(world_path("pipe"), 0600), 0);                    /* nobody writes there: no reason to wait */
    assert_int_equal(sotto_file_read(&b, world_path("pipe")), SOTTO_ERR_IO);
    assert_int_equal(sotto_file_read(&b, "/dev/zero"), SOTTO_ERR_IO);
    assert_int_equal(b.size, 10);
    sotto_buf_free(&b);
}

static void test_private(void **state)
{
    (void)state;
    const char *path = world_path("secret");
    world_write(path, "x");
    assert_int_equal(chmod(path, 0600), 0);
    assert_ok(sotto_file_private(path));
    assert_int_equal(chmod(path, 0400), 0);
    assert_ok(sotto_file_private(path));
    static const mode_t open_modes[] = { 0640, 0604, 0620, 0602, 0610 };
    for (unsigned i = 0; i < sizeof open_modes / sizeof *open_modes; i++) {
        assert_int_equal(chmod(path, open_modes[i]), 0);
        assert_int_equal(sotto_file_private(path), SOTTO_ERR_MODE);
    }
    assert_int_equal(sotto_file_private(world_path("none")), SOTTO_ERR_MISSING);
    assert_int_equal(sotto_file_private(world_dir), SOTTO_ERR_IO);
}

static void test_folders(void **state)
{
    (void)state;
    assert_ok(sotto_dir_make(world_path("a/b/c")));
    assert_int_equal(world_mode(world_path("a/b/c")), 0700);
    assert_int_equal(world_mode(world_path("a")), 0700);
    assert_int_equal(chmod(world_path("a/b"), 0755), 0);
    assert_ok(sotto_dir_make(world_path("a/b")));
    assert_int_equal(world_mode(world_path("a/b")), 0700);
    world_write(world_path("file"), "x");
    assert_int_equal(sotto_dir_make(world_path("file")), SOTTO_ERR_MODE);
    assert_int_equal(sotto_dir_make(world_path("file/below")), SOTTO_ERR_MODE);
    assert_int_equal(sotto_dir_make(""), SOTTO_ERR_RANGE);
}

static void test_shred(void **state)
{
    (void)state;
    const char *path = world_path("vault");
    world_write(path, "a key that must go");
    assert_int_equal(link(path, world_path("other-name")), 0);
    assert_ok(sotto_file_shred(path));
    assert_false(sotto_file_exists(path));
    struct sotto_buf b = sotto_buf_make(100);
    assert_ok(sotto_file_read(&b, world_path("other-name")));
    assert_int_equal(b.size, 18);
    assert_true(sotto_all_zero(b.data, b.size));
    sotto_buf_free(&b);
    assert_ok(sotto_file_shred(path));
    assert_ok(sotto_file_remove(path));
}

/* The same afterwards; nothing that is not a file of our own is touched, nor waited for. */
static void test_renew(void **state)
{
    (void)state;
    static uint8_t content[70000];                    /* more than one piece */
    for (size_t i = 0; i < sizeof content; i++) content[i] = (uint8_t)(i * 31 >> 3);
    char path[SOTTO_PATH_MAX];
    snprintf(path, sizeof path, "%s", world_path("renewed"));
    assert_int_equal(sotto_file_renew(path), SOTTO_ERR_MISSING);
    assert_ok(sotto_file_replace(path, SOTTO_SPAN(content)));
    assert_ok(sotto_file_renew(path));
    struct sotto_buf b = sotto_buf_make(1 << 20);
    assert_ok(sotto_file_read(&b, path));
    assert_true(sotto_span_equal(sotto_buf_span(&b), SOTTO_SPAN(content)));
    sotto_buf_free(&b);
    assert_ok(sotto_file_replace(path, sotto_span(NULL, 0)));
    assert_ok(sotto_file_renew(path));
    assert_int_equal(symlink(path, world_path("link")), 0);
    assert_int_equal(sotto_file_renew(world_path("link")), SOTTO_ERR_IO);
    assert_int_equal(mkfifo(world_path("pipe"), 0600), 0);                    /* nobody writes there: no reason to wait */
    assert_int_equal(sotto_file_renew(world_path("pipe")), SOTTO_ERR_IO);
}

/* The lock goes with its process, however that ends. */
static void test_lock(void **state)
{
    (void)state;
    struct sotto_dir_lock *lock = NULL, *second = NULL;
    int other = -1, up[2];
    assert_ok(sotto_dir_lock_take(&lock, &other, world_dir));
    assert_int_equal(other, -1);
    assert_int_equal(world_mode(world_path("lock")), 0600);
    assert_int_equal(sotto_dir_lock_take(&second, &other, world_dir), SOTTO_ERR_IN_USE);
    assert_int_equal(other, getpid());
    sotto_dir_lock_free(lock);
    assert_int_equal(pipe(up), 0);
    pid_t child = fork();
    if (child == 0) {
        bool ok = sotto_dir_lock_take(&lock, NULL, world_dir) == SOTTO_OK;
        if (write(up[1], ok ? "1" : "0", 1) == 1) pause();
        _exit(0);
    }
    char said = 0;
    assert_int_equal(read(up[0], &said, 1), 1);
    assert_int_equal(said, '1');
    assert_int_equal(sotto_dir_lock_take(&second, &other, world_dir), SOTTO_ERR_IN_USE);
    assert_int_equal(other, child);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_ok(sotto_dir_lock_take(&second, &other, world_dir));
    sotto_dir_lock_free(second);
    close(up[0]);
    close(up[1]);
}

/* A file size limit stands for a full disk: the old content stays whole and no piece is left. */
static void test_full(void **state)
{
    (void)state;
    const char *path = world_path("data");
    assert_ok(sotto_file_replace(path, sotto_span_str("old")));
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = { 4096, 4096 };
        static uint8_t large[8192];
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit(sotto_file_replace(path, SOTTO_SPAN(large)) == SOTTO_ERR_DISK_FULL ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    expect_content(path, "old");
    assert_false(sotto_file_exists(world_path("data.new")));
    uint64_t bytes = 0;
    assert_ok(sotto_disk_free(&bytes, world_dir));
    assert_true(bytes > 0);
    assert_int_equal(sotto_disk_free(&bytes, world_path("none/none")), SOTTO_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_join, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_replace, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_read_bounds, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_private, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_folders, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_shred, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_renew, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_lock, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_full, world_make, world_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
