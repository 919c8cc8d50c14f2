/* The unix socket door, with a real socket and its real loop in one thread: one client writes the fuzzer's bytes in pieces of the fuzzer's
 * choosing, answers come at once or later, the client shuts one side or leaves.
 *
 *     byte 0   bit 0: the pieces are single bytes and short ones · bit 1: answers are held back · bit 2: it shuts its sending side at the
 *              end · bit 3: it leaves without reading · bits 4, 5: connections that say nothing meanwhile
 *     then     what the client writes; byte 1 of it decides the manner as it always does
 *
 * On lines, what the owner is told is exactly the values of the text, as a second and simpler reader finds them, each once and in order;
 * what the client hears is exactly the answers. Over HTTP, each request is told once and bodies keep their bound. */
#include "io/door.h"
#include "support/fuzz_input.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

enum { MESSAGE_MAX = 300, PENDING_MAX = 3, TURNS_MAX = 400, LINES_MAX = 600 };

static struct sotto_loop *loop;
static struct sotto_door *door;
static char dir[64], path[96];
static uint8_t written[8192];
static struct { size_t from, size; } lines[LINES_MAX];   /* the values that must be told */
static unsigned line_count, told, closed, held_count;
static bool http, holds, too_long;
static uint64_t held[PENDING_MAX + 1], talker;
static struct sotto_buf said;                         /* what the client must hear */

static void answer(uint64_t conn)
{
    char text[32];
    int size = snprintf(text, sizeof text, "{\"n\":%u}", told);
    enum sotto_err err = fuzz_err(sotto_door_reply(door, conn, sotto_span(text, (size_t)size)));
    if (err == SOTTO_OK && !http) SOTTO_ASSERT(sotto_buf_add(&said, text, (size_t)size) == SOTTO_OK && sotto_buf_add_u8(&said, '\n') == SOTTO_OK);
    SOTTO_ASSERT(err == SOTTO_OK || err == SOTTO_ERR_MISSING);
}

static void on_request(void *ctx, const struct sotto_door_request *r)
{
    (void)ctx;
    SOTTO_ASSERT(r->uid == geteuid() && r->json.size <= MESSAGE_MAX && (http || !r->http) && (talker == 0 || talker == r->conn));
    talker = r->conn;
    if (!http) {
        SOTTO_ASSERT(told < line_count && sotto_span_equal(r->json, sotto_span(written + lines[told].from, lines[told].size)));
        SOTTO_ASSERT(held_count < PENDING_MAX);
    }
    told++;
    if (holds && !http) held[held_count++] = r->conn;
    else answer(r->conn);
}
/* Everything passes: what comes of it is the fuzzer's. */
static void on_judge(void *ctx, struct sotto_door_verdict *v, const struct sotto_http_head *head)
{
    (void)ctx;
    bool post = strcmp(head->method, "POST") == 0, get = strcmp(head->method, "GET") == 0;
    v->way = post ? SOTTO_DOOR_CALL : head->upgrade ? SOTTO_DOOR_WEBSOCKET : get ? SOTTO_DOOR_ANSWER : SOTTO_DOOR_REFUSE;
    v->status = get ? 200 : 405;
    SOTTO_ASSERT(head->local && sotto_buf_add_span(&v->body, sotto_span_str("{}")) == SOTTO_OK);
}
static void on_closed(void *ctx, uint64_t conn)
{
    (void)ctx;
    SOTTO_ASSERT(conn == talker && closed == 0);
    closed++;
}

static void remove_folder(void)
{
    unlink(path);
    rmdir(dir);
}

/* Engines end a process in ways that run nothing at its end: the folders of those that are gone go now. */
static void remove_old(const char *tmp)
{
    struct dirent **names = NULL;
    int count = scandir(tmp, &names, NULL, NULL);
    for (int i = 0; i < count; i++) {
        long pid = strncmp(names[i]->d_name, "sotto-fuzz-", 11) == 0 ? strtol(names[i]->d_name + 11, NULL, 10) : 0;
        if (pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH) {
            snprintf(dir, sizeof dir, "%s/sotto-fuzz-%ld", tmp, pid);
            snprintf(path, sizeof path, "%s/s", dir);
            remove_folder();
        }
        free(names[i]);
    }
    free(names);
}

static void prepare(void)
{
    const char *tmp = getenv("TMPDIR");
    if (!tmp || strlen(tmp) > 32) tmp = "/tmp";
    remove_old(tmp);
    snprintf(dir, sizeof dir, "%s/sotto-fuzz-%ld", tmp, (long)getpid());
    SOTTO_ASSERT(mkdir(dir, 0700) == 0 && sotto_loop_new(&loop) == SOTTO_OK);
    snprintf(path, sizeof path, "%s/s", dir);
    atexit(remove_folder);
    struct sotto_door_config config = { .loop = loop, .path = path, .message_max = MESSAGE_MAX, .pending_max = PENDING_MAX, .conns_max = 8,
                                        .too_long = sotto_span_str("{\"error\":\"too long\"}"), .request = on_request, .judge = on_judge, .closed = on_closed };
    SOTTO_ASSERT(sotto_door_open(&door, &config) == SOTTO_OK);
}

static int dial(void)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    memcpy(at.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    SOTTO_ASSERT(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0);
    return fd;
}

static void turn(unsigned times)
{
    while (times--) uv_run(sotto_loop_uv(loop), UV_RUN_NOWAIT);
}

/* Where the value that begins at `at`, no blank, ends: behind its last bracket, or at a line end. *ended = false: nowhere in this text. */
static size_t value_end(bool *ended, size_t at, size_t size)
{
    const uint8_t *line = memchr(written + at, '\n', size - at);
    size_t stop = line ? (size_t)(line - written) : size;
    *ended = line != NULL;
    if (written[at] != '{' && written[at] != '[') return stop;
    int open = 0;
    bool quoted = false;
    for (size_t i = at; i < stop; i++) {
        if (quoted && written[i] == '\\') i++;
        else if (written[i] == '"') quoted = !quoted;
        else if (!quoted && strchr("{[", written[i]) && written[i]) open++;
        else if (!quoted && strchr("}]", written[i]) && written[i] && --open == 0) {
            *ended = true;
            return i + 1;
        }
    }
    return stop;
}

/* The values of the whole text, by a reader of its own. Returns how many of them have an end: the last one gets it by the end of file. */
static unsigned read_lines(size_t size)
{
    unsigned ended = 0;
    line_count = 0;
    too_long = false;
    for (size_t at = 0; at < size && line_count < LINES_MAX;) {
        if (strchr(" \t\r\n", written[at]) && written[at]) {
            at++;
            continue;
        }
        bool has_end;
        size_t next = value_end(&has_end, at, size), length = next - at;
        while (length && written[at + length - 1] == '\r') length--;
        if (length > MESSAGE_MAX) {
            too_long = true;
            break;
        }
        lines[line_count].from = at;
        lines[line_count++].size = length;
        if (has_end) ended = line_count;
        at = next;
    }
    return ended;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    uint8_t how = fuzz_u8(&in), heard[8192];
    size_t total = fuzz_left(&in) < sizeof written / 2 ? fuzz_left(&in) : sizeof written / 2, at = 0;
    int silent[3], fd, silent_count = how >> 4 & 3;
    if (!door) prepare();
    if (total) memcpy(written, in.at, total);
    http = total && written[0] >= 'A' && written[0] <= 'Z';
    holds = how & 2;
    told = closed = held_count = 0;
    talker = 0;
    said = sotto_buf_make(1u << 16);
    unsigned ended = read_lines(total);
    for (int i = 0; i < silent_count; i++) silent[i] = dial();
    fd = dial();
    for (unsigned turns = 0; at < total && turns < TURNS_MAX; turns++) {
        size_t piece = how & 1 ? 1 + written[at] % 7 : 64 + written[at];
        if (turns + 40 > TURNS_MAX) piece = total;
        if (piece > total - at) piece = total - at;
        ssize_t n = send(fd, written + at, piece, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) break;          /* it was closed: a line too long, or HTTP that is none */
        if (n > 0) at += (size_t)n;
        turn(2);
        while (held_count && turns % 3 == 2) answer(held[--held_count]);
    }
    if (how & 4) shutdown(fd, SHUT_WR);
    size_t got = 0;
    for (unsigned quiet = 0; quiet < 12; quiet++) {
        unsigned before = told;
        turn(2);
        while (held_count && quiet % 2) answer(held[--held_count]);
        ssize_t n = how & 8 ? 0 : recv(fd, heard + got, sizeof heard - got, MSG_DONTWAIT);
        if (n > 0) got += (size_t)n;
        if (n > 0 || told != before) quiet = 0;
    }
    if (!http && at == total && !too_long) {
        SOTTO_ASSERT(told == (how & 4 ? line_count : ended));
        if (!(how & 8)) SOTTO_ASSERT(got == said.size && (got == 0 || memcmp(heard, said.data, got) == 0));
    }
    close(fd);
    for (int i = 0; i < silent_count; i++) close(silent[i]);
    for (unsigned turns = 0; sotto_door_conns(door) && turns < 50; turns++) turn(1);
    turn(3);
    SOTTO_ASSERT(sotto_door_conns(door) == 0 && closed == (talker ? 1 : 0));
    sotto_buf_free(&said);
    return 0;
}
