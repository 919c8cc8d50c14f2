/* The door on TCP, and WebSockets on both doors: a client of bare bytes against the real loop. */
#include "door_rig.h"

#include <netinet/in.h>

static struct sotto_addr bound;
static bool over_tcp;

static int knock(void)
{
    if (!over_tcp) return dial();
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(bound.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = 20 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0) return fd;
    close(fd);
    return -1;
}

/* One masked frame of a client; the mask is zero, which the protocol allows. */
static bool frame(int fd, uint8_t first, const void *data, size_t size)
{
    uint8_t head[14] = { first };
    size_t n = 2;
    if (size < 126) head[1] = (uint8_t)(0x80 | size);
    else if (size < 65536) head[1] = 0x80 | 126, sotto_put_be16(head + 2, (uint16_t)size), n = 4;
    else head[1] = 0x80 | 127, sotto_put_be64(head + 2, size), n = 10;
    memset(head + n, 0, 4);
    return say(fd, head, n + 4) && (size == 0 || say(fd, data, size));
}
static bool text(int fd, const char *t) { return frame(fd, 0x81, t, strlen(t)); }

/* The server's next frame is this one, unmasked and whole. */
static bool heard(int fd, uint8_t first, const void *data, size_t size)
{
    uint8_t got[256];
    if (size > 125) return false;
    for (size_t have = 0; have < size + 2;) {
        ssize_t n = recv(fd, got + have, size + 2 - have, 0);
        if (n <= 0) return false;
        have += (size_t)n;
    }
    return got[0] == first && got[1] == size && memcmp(got + 2, data, size) == 0;
}
static bool heard_text(int fd, const char *t) { return heard(fd, 0x81, t, strlen(t)); }

static int upgrade(const char *token)
{
    char request[512], head[1024];
    size_t have = 0;
    int fd = knock();
    snprintf(request, sizeof request, "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
             "Sec-WebSocket-Version: 13\r\n%s\r\n", token);
    if (fd < 0 || !say_text(fd, request)) return -1;
    while (have < sizeof head - 1) {
        ssize_t n = recv(fd, head + have, 1, 0);
        if (n <= 0) break;
        head[++have] = 0;
        if (have >= 4 && memcmp(head + have - 4, "\r\n\r\n", 4) == 0) break;
    }
    /* the answer to the example key of RFC 6455 1.3 */
    if (have > 12 && memcmp(head, "HTTP/1.1 101", 12) == 0 && strstr(head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")) return fd;
    close(fd);
    return -1;
}
#define TOKEN "Authorization: Bearer good\r\n"

static void talk_client(void)
{
    int fd = upgrade(TOKEN);
    CHECK(fd >= 0);
    CHECK(text(fd, "\"one\"") && heard_text(fd, "\"one\""));
    CHECK(frame(fd, 0x82, "2", 1) && heard_text(fd, "2"));                /* binary in, text out */
    CHECK(frame(fd, 0x01, "\"a", 2) && frame(fd, 0x89, "p", 1) && frame(fd, 0x00, "b", 1) && frame(fd, 0x80, "c\"", 2));
    CHECK(heard(fd, 0x8a, "p", 1) && heard_text(fd, "\"abc\""));          /* fragments with a ping between */
    CHECK(text(fd, "\"push 2\"") && heard_text(fd, "{\"event\":0}") && heard_text(fd, "{\"event\":1}") && heard_text(fd, "\"push 2\""));
    CHECK(text(fd, "\"silent\"") && text(fd, "3") && heard_text(fd, "3"));
    CHECK(text(fd, "\"later 1\"") && text(fd, "\"later 2\"") && text(fd, "\"now\""));     /* answers in any order */
    CHECK(heard_text(fd, "\"later 2\"") && heard_text(fd, "\"later 1\"") && heard_text(fd, "\"now\""));
    for (unsigned i = 0; i < 2 * SOTTO_DOOR_PENDING_MAX; i++) CHECK(text(fd, "4"));
    for (unsigned i = 0; i < 2 * SOTTO_DOOR_PENDING_MAX; i++) CHECK(heard_text(fd, "4"));
    CHECK(frame(fd, 0x88, "\x03\xe8", 2) && heard(fd, 0x88, "\x03\xe8", 2));
    close(fd);
}

static void refusal_client(void)
{
    char body[4096], *large = calloc(1, MESSAGE_MAX + 1);
    int fd = knock();
    CHECK(http(fd, post("/rpc", "application/json", "1"), body) == 401);
    close(fd);
    fd = knock();
    CHECK(http(fd, "POST /rpc HTTP/1.1\r\nHost: x\r\n" TOKEN "Content-Type: application/json\r\nContent-Length: 1\r\n\r\n5", body) == 200 && strcmp(body, "5") == 0);
    CHECK(last_who == 7);
    close(fd);
    CHECK(upgrade("") == -1 && upgrade("Authorization: Bearer bad\r\n") == -1);
    fd = knock();                                       /* nothing but HTTP is spoken here */
    CHECK(say_text(fd, "{\"a\":1}\n") && hear_end(fd, body, sizeof body) == 0);
    close(fd);
    fd = upgrade(TOKEN);
    memset(large, ' ', MESSAGE_MAX + 1);
    frame(fd, 0x81, large, MESSAGE_MAX + 1);
    ssize_t size = hear_end(fd, body, sizeof body);
    CHECK(size >= 4 && (uint8_t)body[0] == 0x88 && sotto_be16((uint8_t *)body + 2) == 1009);
    close(fd);
    free(large);
}

static void expel_client(void)
{
    char rest[64];
    int fd = upgrade(TOKEN);
    CHECK(fd >= 0 && text(fd, "\"expel\""));
    CHECK(hear_end(fd, rest, sizeof rest) >= 0);        /* the connection ends */
    close(fd);
}

static void listen_too(void)
{
    static const struct sotto_addr here = { .ip = { 127, 0, 0, 1 }, .family = 4 };
    assert_ok(sotto_door_open(&door, &config));
    assert_ok(sotto_door_listen(door, &bound, &here));
    assert_true(bound.port != 0 && bound.family == 4);
    struct sotto_addr again;
    assert_int_equal(sotto_door_listen(door, &again, &here), SOTTO_ERR_STATE);
}

static void test_talk_unix(void **state)
{
    (void)state;
    over_tcp = false;
    run_client(talk_client);
    assert_int_equal(closed_count, 1);
}

static void test_talk_tcp(void **state)
{
    (void)state;
    over_tcp = true;
    listen_too();
    run_client(talk_client);
    assert_int_equal(closed_count, 1);
    assert_int_equal(judged, 1);
}

static void test_refusals(void **state)
{
    (void)state;
    over_tcp = true;
    listen_too();
    run_client(refusal_client);
}

static void test_expel(void **state)
{
    (void)state;
    over_tcp = true;
    listen_too();
    run_client(expel_client);
}

static void test_port_used(void **state)
{
    (void)state;
    struct sotto_door *other = NULL;
    struct sotto_door_config second = config;
    char where[160];
    listen_too();
    snprintf(where, sizeof where, "%s.2", path);
    second.path = where;
    assert_ok(sotto_door_open(&other, &second));
    struct sotto_addr wanted = bound, got;
    assert_int_equal(sotto_door_listen(other, &got, &wanted), SOTTO_ERR_IN_USE);
    sotto_door_free(other);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_talk_unix, setup, teardown), cmocka_unit_test_setup_teardown(test_talk_tcp, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown), cmocka_unit_test_setup_teardown(test_expel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_port_used, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
