/* The door, its place, its lines, its end. */
#include "door_rig.h"

/* ---- lines ---- */

static void lines_client(void)
{
    int fd = dial();
    CHECK(fd >= 0);
    CHECK(say_text(fd, "{\"a\":1}\n") && hear(fd, "{\"a\":1}\n"));
    CHECK(say_text(fd, "  \n\r\n\n[2]\r\n3") && hear(fd, "[2]\n"));
    CHECK(say_text(fd, "4\n") && hear(fd, "34\n"));
    CHECK(say_text(fd, "\"later 1\"\n\"later 2\"\n\"silent\"\n\"other\"\n") && hear(fd, "\"other\"\n"));
    CHECK(say_text(fd, "\"now\"\n") && hear(fd, "\"later 2\"\n\"later 1\"\n\"now\"\n"));
    CHECK(say_text(fd, "\"push 3\"\n") && hear(fd, "{\"event\":0}\n{\"event\":1}\n{\"event\":2}\n\"push 3\"\n"));
    /* no line end, several at once, one in pieces: as web3.js and geth's clients write */
    CHECK(say_text(fd, "{\"a\":\"}\"}") && hear(fd, "{\"a\":\"}\"}\n"));
    CHECK(say_text(fd, "{\"b\":1}[2] {\"c\":[") && hear(fd, "{\"b\":1}\n[2]\n"));
    CHECK(say_text(fd, "3]") && say_text(fd, "}{\"broken\":\n{}") && hear(fd, "{\"c\":[3]}\n{\"broken\":\n{}\n"));
    char nul[] = "\"a\0b\"\n";
    CHECK(say(fd, nul, sizeof nul - 1));
    char got[6];
    CHECK(recv(fd, got, 6, MSG_WAITALL) == 6 && memcmp(got, nul, 6) == 0);
    close(fd);
    /* beginnings that a parser of HTTP could mistake */
    static const char *const starts[] = { "\n{}\n", " {}\n", "\r\n{}\n", "true\n", "get\n", "null\n", "-1\n", "\"GET / HTTP/1.1\"\n" };
    static const char *const heard[] = { "{}\n", "{}\n", "{}\n", "true\n", "get\n", "null\n", "-1\n", "\"GET / HTTP/1.1\"\n" };
    for (unsigned i = 0; i < sizeof starts / sizeof *starts; i++) {
        fd = dial();
        CHECK(say(fd, starts[i], 1) && say_text(fd, starts[i] + 1) && hear(fd, heard[i]));
        close(fd);
    }
}
static void test_lines(void **state)
{
    (void)state;
    run_client(lines_client);
    assert_true(requests > 10);
}

/* Thousands of lines in one write, many of them waiting: the bound on unanswered ones holds the client back, and nothing is lost. */
static void pipeline_client(void)
{
    int fd = dial();
    CHECK(fd >= 0);
    static char all[5000 * 8];
    size_t size = 0;
    for (unsigned i = 0; i < 5000; i++) size += (size_t)snprintf(all + size, 9, "%06u\n", i);
    CHECK(say(fd, all, size));
    for (unsigned i = 0; i < 5000; i++) {
        char wanted[9];
        snprintf(wanted, sizeof wanted, "%06u\n", i);
        CHECK(hear(fd, wanted));
    }
    size = 0;
    for (unsigned i = 0; i < 20; i++) size += (size_t)snprintf(all + size, 20, "\"later %02u\"\n", i);
    CHECK(say(fd, all, size));
    int other = dial();                         /* pending_max is 4: another client frees the first one, again and again */
    for (unsigned round = 0; round < 5; round++) {
        char got[48];
        /* a reply for each of the four held: only then is the next "now" sent, so none of the lines can be missed */
        do CHECK(say_text(other, "\"now\"\n") && hear(other, "\"now\"\n"));
        while (recv(fd, got, 1, MSG_PEEK | MSG_DONTWAIT) != 1);
        CHECK(recv(fd, got, 44, MSG_WAITALL) == 44);
    }
    close(fd);
    close(other);
}
static void test_pipeline(void **state)
{
    (void)state;
    config.pending_max = 4;
    run_client(pipeline_client);
    assert_int_equal(most_held, 4);
}

/* A client that shut its side still gets its answers; its last line needs no end. */
static void half_closed_client(void)
{
    char got[64] = "";
    int fd = dial(), other = dial();
    CHECK(say_text(fd, "\"later\"\n\"last\"") && shutdown(fd, SHUT_WR) == 0 && hear(fd, "\"last\"\n"));
    CHECK(say_text(other, "\"now\"\n") && hear(other, "\"now\"\n"));
    CHECK(hear_end(fd, got, sizeof got) == 8 && memcmp(got, "\"later\"\n", 8) == 0);
    close(fd);
    fd = dial();                                /* nothing said at all */
    CHECK(shutdown(fd, SHUT_WR) == 0 && hear_end(fd, got, sizeof got) == 0);
    close(fd);
    close(other);
}
static void test_half_closed(void **state)
{
    (void)state;
    run_client(half_closed_client);
}

static void large_client(void)
{
    char *text = malloc(MESSAGE_MAX + 2), got[64] = "";
    int fd = dial();
    memset(text, '1', MESSAGE_MAX + 1);
    text[MESSAGE_MAX] = '\n';
    CHECK(say(fd, text, MESSAGE_MAX + 1));
    char *back = malloc(MESSAGE_MAX + 1);
    CHECK(recv(fd, back, MESSAGE_MAX + 1, MSG_WAITALL) == MESSAGE_MAX + 1 && memcmp(text, back, MESSAGE_MAX + 1) == 0);
    text[MESSAGE_MAX] = '1';
    text[MESSAGE_MAX + 1] = '\n';
    say(fd, text, MESSAGE_MAX + 2);             /* one byte too many: may be cut off in the middle */
    ssize_t n = hear_end(fd, got, sizeof got);
    CHECK(n == 21 && memcmp(got, "{\"error\":\"too long\"}\n", 21) == 0);
    close(fd);
    fd = dial();                                /* no end of line at all */
    for (unsigned i = 0; i < 20 && say(fd, text, MESSAGE_MAX); i++) { }
    n = hear_end(fd, got, sizeof got);
    CHECK(n == 21);
    close(fd);
    fd = dial();
    CHECK(say_text(fd, "\"big 3000000\"\n"));
    size_t have = 0;
    while (have < 3000001) {
        n = recv(fd, text, MESSAGE_MAX, 0);
        CHECK(n > 0);
        have += (size_t)n;
    }
    CHECK(have == 3000001 && text[n - 1] == '\n');
    close(fd);
    free(text);
    free(back);
}
static void test_large(void **state)
{
    (void)state;
    run_client(large_client);
}

/* A reader that never reads is closed at the bound; others do not feel it. */
static void slow_reader_client(void)
{
    char got[16];
    int fd = dial(), other = dial();
    CHECK(say_text(fd, "\"flood\"\n") && say_text(other, "1\n") && hear(other, "1\n"));
    CHECK(hear_end(fd, got, sizeof got) >= 0);
    close(fd);
    close(other);
}
static void test_slow_reader(void **state)
{
    (void)state;
    config.out_max = 1 << 20;
    run_client(slow_reader_client);
}

/* A begun line must be whole within message_s; silence is free. */
static void stalled_client(void)
{
    char got[16];
    int silent = dial(), begun = dial(), between = dial();
    CHECK(say_text(between, "1\n") && hear(between, "1\n"));
    CHECK(say_text(begun, "{\"never"));
    CHECK(hear_end(begun, got, sizeof got) == 0);                         /* ended by the door after message_s = 1 */
    CHECK(say_text(silent, "2\n") && hear(silent, "2\n"));
    CHECK(say_text(between, "3\n") && hear(between, "3\n"));
    close(silent);
    close(begun);
    close(between);
}
static void test_stalled(void **state)
{
    (void)state;
    config.message_s = 1;
    run_client(stalled_client);
}

static void crowd_client(void)
{
    char got[16];
    int fds[4];
    for (unsigned i = 0; i < 4; i++) CHECK((fds[i] = dial()) >= 0);
    for (unsigned i = 1; i < 4; i++) CHECK(say_text(fds[i], "1\n") && hear(fds[i], "1\n"));
    int more = dial();                          /* the silent one gives way */
    CHECK(say_text(more, "2\n") && hear(more, "2\n"));
    CHECK(hear_end(fds[0], got, sizeof got) == 0);
    int refused = dial();                       /* all have spoken: the new one goes */
    CHECK(refused >= 0 && hear_end(refused, got, sizeof got) == 0);
    CHECK(say_text(fds[1], "3\n") && hear(fds[1], "3\n"));
    for (unsigned i = 0; i < 4; i++) close(fds[i]);
    close(more);
    close(refused);
}

/* Who left with answers outstanding holds no place: neither one gone at once, nor one that had shut its sending side before. */
static void gone_client(void)
{
    int fds[4], watch = dial();
    CHECK(say_text(watch, "0\n") && hear(watch, "0\n"));
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 3; i++) CHECK((fds[i] = dial()) >= 0 && say_text(fds[i], "1\n\"later\"\n") && hear(fds[i], "1\n"));
        for (unsigned i = 0; i < 3 && round == 1; i++) CHECK(shutdown(fds[i], SHUT_WR) == 0);
        CHECK(say_text(watch, "2\n") && hear(watch, "2\n"));
        for (unsigned i = 0; i < 3; i++) close(fds[i]);
        CHECK(say_text(watch, "3\n") && hear(watch, "3\n"));
    }
    close(watch);
}

static void test_crowd(void **state)
{
    (void)state;
    config.conns_max = 4;
    run_client(crowd_client);
}

static void test_gone(void **state)
{
    (void)state;
    config.conns_max = 4;
    run_client(gone_client);
}

/* ---- begin and end ---- */

static void free_client(void)
{
    char got[64];
    int lines = dial(), web = dial(), silent = dial();
    CHECK(say_text(lines, "1\n") && hear(lines, "1\n"));
    char body[4096];
    CHECK(http(web, post("/rpc", "application/json", "1"), body) == 200);
    CHECK(say_text(lines, "\"free\"\n\"never told\"\n"));
    CHECK(hear_end(lines, got, sizeof got) >= 0 && hear_end(web, got, sizeof got) >= 0 && hear_end(silent, got, sizeof got) >= 0);
    CHECK(dial() < 0);
    close(lines);
    close(web);
    close(silent);
}
static void test_free_inside(void **state)
{
    (void)state;
    run_client(free_client);
    assert_null(door);
    assert_int_equal(requests, 3);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void drain_client(void)
{
    int fd = dial();
    CHECK(say_text(fd, "\"drain\"\n2\n") && hear(fd, "\"drain\"\n"));
    close(fd);
}
static void test_drain(void **state)
{
    (void)state;
    run_client(drain_client);
    if (idle_count == 0) sotto_loop_run(loop);                            /* the client ended first */
    assert_int_equal(idle_count, 1);
    assert_int_equal(requests, 1);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void test_places(void **state)
{
    (void)state;
    struct sotto_door *second = NULL;
    assert_ok(sotto_door_open(&door, &config));
    assert_int_equal(world_mode(path), 0600);
    assert_int_equal(world_mode(world_path("run")), 0700);
    assert_int_equal(sotto_door_open(&second, &config), SOTTO_ERR_IN_USE);
    sotto_door_free(door);
    assert_int_not_equal(access(path, F_OK), 0);
    /* a socket whose process was killed */
    pid_t child = fork();
    if (child == 0) {
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        strcpy(at.sun_path, path);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        _exit(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1) == 0 ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_ok(sotto_door_open(&door, &config));
    sotto_door_free(door);
    door = NULL;
    /* somebody's file, a folder that others can change, a path too long */
    world_write(path, "not a socket");
    assert_int_equal(sotto_door_open(&door, &config), SOTTO_ERR_IO);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(chmod(world_path("run"), 0777), 0);
    assert_int_equal(sotto_door_open(&door, &config), SOTTO_ERR_MODE);
    assert_int_equal(chmod(world_path("run"), 0700), 0);
    char longest[200];
    memset(longest, 'x', sizeof longest);
    longest[108] = 0;
    config.path = longest;
    assert_int_equal(sotto_door_open(&door, &config), SOTTO_ERR_RANGE);
}

/* Another user may not pass even if the file lets him (root only can play two users). */
static void test_other_user(void **state)
{
    (void)state;
    if (geteuid() != 0) skip();
    assert_ok(sotto_door_open(&door, &config));
    assert_int_equal(chmod(world_dir, 0755) | chmod(world_path("run"), 0755) | chmod(path, 0666), 0);
    pid_t child = fork();
    if (child == 0) {
        if (setuid(65534) != 0) _exit(2);
        int fd = dial();
        char got[8];
        if (fd < 0) _exit(3);
        say_text(fd, "1\n");
        ssize_t n = hear_end(fd, got, sizeof got);
        _exit(n == 0 ? 0 : 4);
    }
    int status = 1;
    while (waitpid(child, &status, WNOHANG) == 0) {
        assert_ok(sotto_loop_post(loop, stop_loop, NULL));
        sotto_loop_run(loop);
    }
    assert_int_equal(status, 0);
    assert_int_equal(requests, 0);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_places), T(test_lines), T(test_pipeline), T(test_half_closed), T(test_large), T(test_slow_reader), T(test_stalled), T(test_crowd), T(test_gone),
        T(test_free_inside), T(test_drain), T(test_other_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
