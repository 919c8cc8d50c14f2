/* The rig of the door's tests: an owner that echoes, and clients on a thread of their own with blocking calls. */
#ifndef SOTTO_IO_TEST_DOOR_RIG_H
#define SOTTO_IO_TEST_DOOR_RIG_H

#include "io/door.h"
#include "world.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define MESSAGE_MAX 200000u
#define HELD_MAX 64u

static struct sotto_loop *loop;
static struct sotto_door *door;
static struct sotto_door_config config;
static char path[128];
static struct { uint64_t conn; char text[64]; } held[HELD_MAX];
static unsigned held_count, requests, closed_count, most_held, idle_count;
static unsigned judged;
static uint64_t last_conn, last_who;
static bool healthy;
static const char *failure;                     /* of the client; checked on the main thread after it was joined */
static unsigned failure_line;

#define CHECK(cond) do { if (!(cond)) { if (!failure) { failure = #cond; failure_line = __LINE__; } return; } } while (0)

/* ---- the owner: echoes, but for some words ---- */

static inline void answer(uint64_t conn, struct sotto_span json)
{
    enum sotto_err err = sotto_door_reply(door, conn, json);
    assert_true(err == SOTTO_OK || err == SOTTO_ERR_MISSING || err == SOTTO_ERR_FULL);
}

static inline void on_idle(void *ctx)
{
    (void)ctx;
    idle_count++;
    sotto_loop_stop(loop);
}

static inline void on_request(void *ctx, const struct sotto_door_request *r)
{
    assert_ptr_equal(ctx, &config);
    char text[64] = "";
    if (r->json.size > 0) memcpy(text, r->json.data, r->json.size < 63 ? r->json.size : 63);
    assert_true(r->tcp ? r->uid == UINT32_MAX : r->uid == geteuid());
    last_who = r->who;
    requests++;
    last_conn = r->conn;
    unsigned number = 0;
    if (strstr(text, "later")) {
        assert_true(held_count < HELD_MAX);
        held[held_count].conn = r->conn;
        strcpy(held[held_count++].text, text);
        if (held_count > most_held) most_held = held_count;
    } else if (strstr(text, "now")) {
        while (held_count > 0) {
            held_count--;
            answer(held[held_count].conn, sotto_span_str(held[held_count].text));
        }
        answer(r->conn, r->json);
        assert_int_equal(sotto_door_reply(door, r->conn, r->json), SOTTO_ERR_STATE);
    } else if (strstr(text, "silent")) {
        answer(r->conn, sotto_span(NULL, 0));
    } else if (sscanf(text, "\"big %u", &number) == 1) {
        uint8_t *big = malloc(number);
        memset(big, 'b', number);
        answer(r->conn, sotto_span(big, number));
        free(big);
    } else if (sscanf(text, "\"push %u", &number) == 1) {
        for (unsigned i = 0; i < number; i++) {
            char event[32];
            snprintf(event, sizeof event, "{\"event\":%u}", i);
            enum sotto_err err = sotto_door_push(door, r->conn, sotto_span_str(event));
            assert_int_equal(err, r->http ? SOTTO_ERR_STATE : SOTTO_OK);
        }
        answer(r->conn, r->json);
    } else if (strstr(text, "flood")) {
        uint8_t part[10000];
        memset(part, 'f', sizeof part);
        enum sotto_err err = SOTTO_OK;
        for (unsigned i = 0; i < 10000 && err == SOTTO_OK; i++) err = sotto_door_push(door, r->conn, SOTTO_SPAN(part));
        assert_int_equal(err, SOTTO_ERR_FULL);
        assert_int_equal(sotto_door_push(door, r->conn, r->json), SOTTO_ERR_MISSING);
    } else if (strstr(text, "drain")) {
        answer(r->conn, r->json);
        sotto_door_drain(door, on_idle, NULL);
    } else if (strstr(text, "expel")) {
        sotto_door_expel(door, r->who);
        assert_int_equal(sotto_door_reply(door, r->conn, r->json), SOTTO_ERR_MISSING);
    } else if (strstr(text, "free")) {
        struct sotto_door *gone = door;
        answer(r->conn, r->json);
        door = NULL;
        sotto_door_free(gone);
    } else {
        answer(r->conn, r->json);
    }
}

/* A judge with few rules; the real one is rpc/gate.h. */
static inline void on_judge(void *ctx, struct sotto_door_verdict *v, const struct sotto_http_head *head)
{
    static const char token[] = "Bearer good";
    bool rpc = sotto_span_equal(head->path, sotto_span_str("/rpc")) || sotto_span_equal(head->path, sotto_span_str("/"));
    bool ws = sotto_span_equal(head->path, sotto_span_str("/ws")), get = strcmp(head->method, "GET") == 0;
    assert_ptr_equal(ctx, &config);
    assert_true(v->way == SOTTO_DOOR_REFUSE && v->who == SOTTO_DOOR_NOBODY);
    judged++;
    if (!rpc && !ws && !sotto_span_equal(head->path, sotto_span_str("/healthz"))) v->status = 404;
    else if (!head->local && !sotto_span_equal(head->authorization, sotto_span_str(token))) v->status = 401, v->more = "WWW-Authenticate: Bearer\r\n";
    else if (rpc ? strcmp(head->method, "POST") != 0 : !get) v->status = 405;
    else if (ws != head->upgrade) v->status = 426;
    else if (rpc && (head->content_type.size < 16 || strncasecmp((const char *)head->content_type.data, "application/json", 16) != 0)) v->status = 415;
    else v->way = rpc ? SOTTO_DOOR_CALL : ws ? SOTTO_DOOR_WEBSOCKET : SOTTO_DOOR_ANSWER;
    if (v->way != SOTTO_DOOR_REFUSE) v->who = 7;
    if (v->way != SOTTO_DOOR_ANSWER) return;
    v->status = healthy ? 200 : 503;
    assert_ok(sotto_buf_add_span(&v->body, sotto_span_str(healthy ? "{\"ok\":true}" : "{\"ok\":false}")));
}

static inline void on_closed(void *ctx, uint64_t conn)
{
    (void)ctx;
    assert_true(conn > 0);
    closed_count++;
    for (unsigned i = 0; i < held_count; i++)
        if (held[i].conn == conn) held[i--] = held[--held_count];
}

static inline int setup(void **state)
{
    if (world_make(state) != 0) return -1;
    snprintf(path, sizeof path, "%s/run/sotto.sock", world_dir);
    held_count = requests = closed_count = most_held = idle_count = 0;
    last_conn = last_who = judged = 0;
    failure = NULL;
    healthy = true;
    if (sotto_loop_new(&loop) != SOTTO_OK) return -1;
    config = (struct sotto_door_config){ .loop = loop, .path = path, .message_max = MESSAGE_MAX, .too_long = sotto_span_str("{\"error\":\"too long\"}"),
                                         .ctx = &config, .request = on_request, .judge = on_judge, .closed = on_closed };
    return 0;
}

static inline int teardown(void **state)
{
    sotto_door_free(door);
    door = NULL;
    sotto_loop_free(loop);
    return world_drop(state);
}

/* ---- the client ---- */

static inline int dial(void)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    strcpy(at.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = { .tv_sec = 20 };                           /* a failing test ends, it does not hang */
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline bool say(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n <= 0) return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}
static inline bool say_text(int fd, const char *text) { return say(fd, text, strlen(text)); }

/* Exactly these bytes come next. */
static inline bool hear(int fd, const char *text)
{
    char got[4096];
    size_t size = strlen(text);
    if (size > sizeof got) return false;
    for (size_t have = 0; have < size;) {
        ssize_t n = recv(fd, got + have, size - have, 0);
        if (n <= 0) return false;
        have += (size_t)n;
    }
    return memcmp(got, text, size) == 0;
}

/* Bytes until the end of the connection; -1 for a time-out. */
static inline ssize_t hear_end(int fd, char *out, size_t max)
{
    size_t have = 0;
    for (;;) {
        char spill[4096];
        ssize_t n = have < max ? recv(fd, out + have, max - have, 0) : recv(fd, spill, sizeof spill, 0);
        if (n == 0 || (n < 0 && (errno == ECONNRESET || errno == EPIPE))) return (ssize_t)have;
        if (n < 0) return -1;
        if (have < max) have += (size_t)n;
    }
}

static inline void stop_loop(void *arg)
{
    (void)arg;
    sotto_loop_stop(loop);
}

static inline void *client_main(void *arg)
{
    void (*client)(void) = *(void (**)(void))arg;
    client();
    if (sotto_loop_post(loop, stop_loop, NULL) != SOTTO_OK) abort();
    return NULL;
}

static inline void run_client(void (*client)(void))
{
    pthread_t thread;
    if (!door) assert_ok(sotto_door_open(&door, &config));
    assert_int_equal(pthread_create(&thread, NULL, client_main, &client), 0);
    sotto_loop_run(loop);
    pthread_join(thread, NULL);
    if (failure) fail_msg("client, line %u: %s", failure_line, failure);
}

/* ---- an HTTP client ---- */

/* Sends a request and reads the whole answer (it must say its length, or be 204). Returns the status, 0 for none. */
static inline unsigned http(int fd, const char *request, char body[4096])
{
    char head[8192];
    size_t have = 0;
    body[0] = 0;
    if (*request && !say_text(fd, request)) return 0;
    char *end = NULL;
    while (!end) {
        ssize_t n = recv(fd, head + have, 1, 0);
        if (n <= 0 || have + 2 > sizeof head) return 0;
        have += (size_t)n;
        head[have] = 0;
        end = strstr(head, "\r\n\r\n");
    }
    unsigned status = 0;
    size_t size = 0;
    if (sscanf(head, "HTTP/1.1 %u", &status) != 1) return 0;
    if (status == 100) return 100;
    const char *length = strstr(head, "Content-Length: ");
    if (!length) return status == 204 ? status : 0;
    size = strtoul(length + 16, NULL, 10);
    if (size > 4095) return 0;
    for (size_t got = 0; got < size;) {
        ssize_t n = recv(fd, body + got, size - got, 0);
        if (n <= 0) return 0;
        got += (size_t)n;
    }
    body[size] = 0;
    return status;
}

static inline const char *post(const char *target, const char *type, const char *body)
{
    static char text[4096];
    snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: sotto\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", target, type, strlen(body), body);
    return text;
}

#endif
