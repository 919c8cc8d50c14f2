/* The door, spoken to in HTTP. */
#include "door_rig.h"

static void http_client(void)
{
    char body[4096];
    int fd = dial();
    CHECK(http(fd, post("/rpc", "application/json", "{\"a\":1}"), body) == 200 && strcmp(body, "{\"a\":1}") == 0);
    CHECK(http(fd, post("/", "application/json; charset=utf-8", "[\n 2,\n 3]"), body) == 200 && strcmp(body, "[\n 2,\n 3]") == 0);
    CHECK(http(fd, post("/rpc", "Application/JSON", "\"silent\""), body) == 204);
    CHECK(http(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", body) == 200 && strcmp(body, "{\"ok\":true}") == 0);
    CHECK(http(fd, post("/rpc", "application/json", "\"push 2\""), body) == 200);
    CHECK(http(fd, post("/rpc", "application/json", ""), body) == 204);   /* told as it is: the owner knows what an empty call is */
    CHECK(http(fd, "GET /healthz?ready HTTP/1.1\r\nHost: x\r\n\r\n", body) == 200);
    for (unsigned i = 0; i < 100; i++) CHECK(http(fd, post("/rpc", "application/json", "{}"), body) == 200 && strcmp(body, "{}") == 0);
    close(fd);
    static const struct { unsigned status; const char *request; } refusals[] = {
        { 404, "GET /none HTTP/1.1\r\nHost: x\r\n\r\n" },
        { 405, "GET /rpc HTTP/1.1\r\nHost: x\r\n\r\n" },
        { 405, "PUT /rpc HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" },
        { 405, "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" },
        { 411, "POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\r\n" },
        { 411, "POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" },
        { 413, "POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200001\r\n\r\n{}" },
        { 413, "POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999999\r\n\r\n{}" },
        { 400, "POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n{}" },
        { 400, "POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2x\r\n\r\n{}" },
        { 415, "POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}" },
        { 415, "POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" },
    };
    for (unsigned i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        fd = dial();
        unsigned status = http(fd, refusals[i].request, body);
        if (status != refusals[i].status) printf("refusal %u: %u instead of %u\n", i, status, refusals[i].status);
        CHECK(status == refusals[i].status);
        char rest[16];
        CHECK(hear_end(fd, rest, sizeof rest) == 0);                      /* and the connection ends */
        close(fd);
    }
}
static void test_http(void **state)
{
    (void)state;
    run_client(http_client);
    assert_int_equal(requests, 2 + 1 + 1 + 1 + 100);
}

static void http_odd_client(void)
{
    char body[4096], rest[64];
    int fd = dial(), other = dial();
    /* in pieces, with a wait for 100 Continue */
    CHECK(say_text(fd, "P") && say_text(fd, "OST /rpc HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Ty") &&
          say_text(fd, "pe: application/json\r\nContent-Length: 7\r\n\r\n"));
    CHECK(http(fd, "", body) == 100 && say_text(fd, "\"ab") && http(fd, "cde\"", body) == 200 && strcmp(body, "\"abcde\"") == 0);
    close(fd);
    close(other);
    /* the answer comes later, another client asks meanwhile */
    fd = dial();
    other = dial();
    CHECK(say_text(fd, post("/rpc", "application/json", "\"later\"")));
    do CHECK(http(other, post("/rpc", "application/json", "\"now\""), body) == 200);
    while (recv(fd, rest, 1, MSG_PEEK | MSG_DONTWAIT) != 1);
    CHECK(http(fd, "", body) == 200 && strcmp(body, "\"later\"") == 0);
    CHECK(http(fd, post("/rpc", "application/json", "5"), body) == 200);
    close(fd);
    /* Connection: close, HTTP/1.0 */
    fd = dial();
    CHECK(http(fd, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n6", body) == 200);
    CHECK(hear_end(fd, rest, sizeof rest) == 0);
    close(fd);
    fd = dial();
    CHECK(http(fd, "POST / HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n7", body) == 200);
    CHECK(hear_end(fd, rest, sizeof rest) == 0);
    close(fd);
    /* gone in the middle of a body, and while the answer is still to come */
    fd = dial();
    CHECK(say_text(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n123"));
    close(fd);
    fd = dial();
    CHECK(say_text(fd, post("/rpc", "application/json", "\"later\"")));
    close(fd);
    /* garbage in capitals, upgrades, HTTP/2, a head without end */
    static const char *const garbage[] = { "XYZZY\r\n\r\n", "GET", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET  \r\n\r\n", "POST /rpc\r\n\r\n", "CONNECT x HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" };
    for (unsigned i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        fd = dial();
        CHECK(say_text(fd, garbage[i]));
        shutdown(fd, SHUT_WR);
        CHECK(hear_end(fd, rest, sizeof rest) >= 0);
        close(fd);
    }
    fd = dial();
    CHECK(say_text(fd, "GET /healthz HTTP/1.1\r\n"));
    for (unsigned i = 0; i < 1000; i++)
        if (!say_text(fd, "X-Header: 0123456789012345678901234567890123456789\r\n")) break;
    CHECK(hear_end(fd, rest, sizeof rest) >= 0);
    close(fd);
    CHECK(http(other, post("/rpc", "application/json", "8"), body) == 200);
    close(other);
}
static void test_http_odd(void **state)
{
    (void)state;
    run_client(http_odd_client);
}

/* Bytes behind a body before its answer end the connection; behind the answer they are the next request. */
static void http_pipeline_client(void)
{
    char body[4096], rest[64], two[4096];
    int fd = dial();
    snprintf(two, sizeof two, "%s", post("/rpc", "application/json", "\"later\""));
    strcat(two, post("/rpc", "application/json", "2"));
    CHECK(say_text(fd, two) && hear_end(fd, rest, sizeof rest) == 0);
    close(fd);
    fd = dial();
    CHECK(http(fd, post("/rpc", "application/json", "3"), body) == 200);
    close(fd);
}
static void test_http_pipeline(void **state)
{
    (void)state;
    run_client(http_pipeline_client);
}

static void http_slow_client(void)
{
    char rest[256];
    int head = dial(), text = dial(), idle = dial(), half = dial();
    CHECK(say_text(head, "POST / HTTP/1.1\r\nHost:"));
    CHECK(say_text(text, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n1"));
    CHECK(say_text(half, "G"));
    char body[4096];
    CHECK(http(idle, post("/rpc", "application/json", "1"), body) == 200);
    CHECK(hear_end(head, rest, sizeof rest) >= 0);
    CHECK(hear_end(text, rest, sizeof rest) >= 0);
    CHECK(hear_end(half, rest, sizeof rest) >= 0);
    CHECK(hear_end(idle, rest, sizeof rest) >= 0);
    close(head);
    close(text);
    close(idle);
    close(half);
}
static void test_http_slow(void **state)
{
    (void)state;
    config.message_s = 1;
    config.idle_s = 1;
    run_client(http_slow_client);
}

static void http_large_client(void)
{
    char *text = malloc(MESSAGE_MAX + 300), *back = malloc(3000300);
    int fd = dial();
    size_t size = (size_t)sprintf(text, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %u\r\n\r\n", MESSAGE_MAX);
    memset(text + size, '1', MESSAGE_MAX);
    CHECK(say(fd, text, size + MESSAGE_MAX));
    ssize_t have = 0, n;
    while (have < (ssize_t)MESSAGE_MAX && (n = recv(fd, back + have, 3000300 - (size_t)have, 0)) > 0) have += n;
    char *end = memmem(back, (size_t)have, "\r\n\r\n", 4);
    CHECK(end && strncmp(back, "HTTP/1.1 200", 12) == 0);
    while (back + have - (end + 4) < (ssize_t)MESSAGE_MAX && (n = recv(fd, back + have, 3000300 - (size_t)have, 0)) > 0) have += n;
    CHECK(back + have - (end + 4) == MESSAGE_MAX && memcmp(end + 4, text + size, MESSAGE_MAX) == 0);
    CHECK(say_text(fd, post("/rpc", "application/json", "\"big 3000000\"")));
    have = 0;
    while (have < 3000000 && (n = recv(fd, back + have, 3000300 - (size_t)have, 0)) > 0) have += n;
    end = memmem(back, (size_t)have, "\r\n\r\n", 4);
    CHECK(end);
    while (back + have - (end + 4) < 3000000 && (n = recv(fd, back + have, 3000300 - (size_t)have, 0)) > 0) have += n;
    CHECK(back + have - (end + 4) == 3000000);
    close(fd);
    free(text);
    free(back);
}
static void test_http_large(void **state)
{
    (void)state;
    run_client(http_large_client);
}

static void unhealthy_client(void)
{
    char body[4096];
    int fd = dial();
    CHECK(http(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", body) == 503 && strcmp(body, "{\"ok\":false}") == 0);
    close(fd);
}
static void test_unhealthy(void **state)
{
    (void)state;
    healthy = false;
    run_client(unhealthy_client);
    assert_int_equal(requests, 0);
    assert_int_equal(closed_count, 0);
}

static void http_free_client(void)
{
    char got[64];
    int web = dial(), other = dial();
    char body[4096];
    CHECK(http(other, post("/rpc", "application/json", "1"), body) == 200);
    CHECK(say_text(web, post("/rpc", "application/json", "\"free\"")));
    CHECK(hear_end(web, got, sizeof got) >= 0 && hear_end(other, got, sizeof got) >= 0);
    close(web);
    close(other);
}
static void test_free_inside_http(void **state)
{
    (void)state;
    run_client(http_free_client);
    assert_null(door);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_http), T(test_http_odd), T(test_http_pipeline), T(test_http_slow), T(test_http_large), T(test_unhealthy), T(test_free_inside_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
