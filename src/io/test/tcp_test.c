/* The TCP driver on 127.0.0.1 with two "cores" in one loop that talk to each other, and raw sockets for what is rude. */
#include "crypto/rng.h"
#include "io/tcp.h"
#include "world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#define CONNS 32u

struct side {
    struct sotto_io_net *net;
    struct sotto_io_net_config config;
    struct sotto_addr at;
    uint32_t next;
    unsigned opened, accepted, closed;
    uint32_t last_conn, closed_conns[CONNS];
    struct sotto_addr last_addr;
    struct sotto_buf data;                      /* of all connections */
    uint64_t sent, sent_reports;
    bool inside;                                /* an input is running: none may come inside it */
    void (*also)(struct side *s, const struct sotto_in *in);
    size_t wanted;
};

/* The linker puts these between the driver and its memory. */
void *__real_malloc(size_t size);           // NOLINT(bugprone-reserved-identifier): the linker's name
void *__real_calloc(size_t count, size_t size);     // NOLINT(bugprone-reserved-identifier): the linker's name
void *__wrap_malloc(size_t size);           // NOLINT(bugprone-reserved-identifier): the linker's name
void *__wrap_calloc(size_t count, size_t size);     // NOLINT(bugprone-reserved-identifier): the linker's name
static bool starving;
static unsigned starved;
void *__wrap_malloc(size_t size)            // NOLINT(bugprone-reserved-identifier): the linker's name
{
    if (!starving) return __real_malloc(size);
    starved++;
    return NULL;
}
void *__wrap_calloc(size_t count, size_t size)      // NOLINT(bugprone-reserved-identifier): the linker's name
{
    if (!starving) return __real_calloc(count, size);
    starved++;
    return NULL;
}

static struct sotto_loop *loop;
static struct sotto_timer *guard;
static struct side a, b;

static void perform(struct side *s, enum sotto_out_kind kind, uint32_t conn, const struct sotto_addr *to, const void *bytes, size_t size, uint64_t token)
{
    struct sotto_out out = { .kind = kind, .conn = conn, .token = token, .bytes = sotto_buf_make(64 << 20) };
    if (to) out.addr = *to;
    if (size) assert_ok(sotto_buf_add(&out.bytes, bytes, size));
    assert_true(sotto_io_net_perform(s->net, &out));
    sotto_buf_free(&out.bytes);
}
static void dial(struct side *s, const struct sotto_addr *to) { perform(s, SOTTO_OUT_DIAL, ++s->next, to, NULL, 0, 0); }
static void send_to(struct side *s, uint32_t conn, const void *bytes, size_t size) { perform(s, SOTTO_OUT_SEND, conn, NULL, bytes, size, 0); }

static uint32_t next_conn(void *ctx) { return ++((struct side *)ctx)->next; }

static void input(void *ctx, const struct sotto_in *in, struct sotto_now now)
{
    struct side *s = ctx;
    assert_false(s->inside);
    assert_true(now.mono_us > 0);
    s->inside = true;
    for (unsigned i = 0; i < s->closed && i < CONNS; i++) assert_int_not_equal(s->closed_conns[i], in->conn);     /* nothing after the end */
    if (in->kind == SOTTO_IN_OPENED) s->opened++;
    if (in->kind == SOTTO_IN_ACCEPTED) s->accepted++;
    if (in->kind == SOTTO_IN_OPENED || in->kind == SOTTO_IN_ACCEPTED) {
        s->last_conn = in->conn;
        s->last_addr = in->addr;
    }
    if (in->kind == SOTTO_IN_DATA) {
        assert_true(in->bytes.size > 0 && in->bytes.size <= SOTTO_IO_NET_CHUNK);
        assert_ok(sotto_buf_add_span(&s->data, in->bytes));
    }
    if (in->kind == SOTTO_IN_SENT) {
        assert_true(in->token > 0 && in->token <= SOTTO_IO_NET_CHUNK);
        s->sent += in->token;
        s->sent_reports++;
    }
    if (in->kind == SOTTO_IN_CLOSED) {
        assert_true(s->closed < CONNS);
        s->closed_conns[s->closed++] = in->conn;
    }
    if (s->also) s->also(s, in);
    s->inside = false;
}

static void late(void *ctx, struct sotto_now now)
{
    (void)ctx;
    (void)now;
    fail_msg("20 s passed");
}

static void side_start(struct side *s)
{
    *s = (struct side){ .data = sotto_buf_make(64 << 20) };
    s->config = (struct sotto_io_net_config){ .loop = loop, .local = true, .accept_max = 4, .conn_max = 8, .queue_max = 32 << 20, .ctx = s, .next_conn = next_conn, .input = input };
    assert_ok(sotto_io_net_new(&s->net, &s->config));
    struct sotto_addr any;
    assert_ok(sotto_io_addr(&any, "127.0.0.1", 0));
    assert_ok(sotto_io_net_listen(s->net, &s->at, &any));
    assert_true(s->at.port != 0 && s->at.family == 4);
}

static int setup(void **state)
{
    (void)state;
    if (sotto_loop_new(&loop) != SOTTO_OK || sotto_timer_new(&guard, loop, late, NULL) != SOTTO_OK) return -1;
    sotto_timer_set(guard, sotto_io_now().mono_us + 20000000);
    side_start(&a);
    side_start(&b);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    sotto_io_net_free(a.net);
    sotto_io_net_free(b.net);
    sotto_timer_free(guard);
    sotto_loop_free(loop);
    sotto_buf_free(&a.data);
    sotto_buf_free(&b.data);
    return 0;
}

static void stop_when_both_up(struct side *s, const struct sotto_in *in)
{
    (void)s;
    (void)in;
    if (a.opened && b.accepted) sotto_loop_stop(loop);
}
static void stop_at_end(struct side *s, const struct sotto_in *in)
{
    (void)s;
    if (in->kind == SOTTO_IN_CLOSED) sotto_loop_stop(loop);
}
static void stop_at_open(struct side *s, const struct sotto_in *in)
{
    (void)s;
    if (in->kind == SOTTO_IN_OPENED) sotto_loop_stop(loop);
}
static void stop_at_data(struct side *s, const struct sotto_in *in)
{
    (void)in;
    if (s->data.size >= s->wanted) sotto_loop_stop(loop);
}

static void connect_both(void)
{
    a.also = b.also = stop_when_both_up;
    dial(&a, &b.at);
    assert_int_equal(a.opened, 0);              /* never inside perform */
    sotto_loop_run(loop);
    assert_int_equal(a.opened, 1);
    assert_int_equal(b.accepted, 1);
    assert_true(sotto_addr_equal(&a.last_addr, &b.at));
    assert_true(b.last_addr.family == 4 && sotto_addr_loopback(&b.last_addr));
    a.also = b.also = NULL;
}

/* ---- */

static void test_addresses(void **state)
{
    (void)state;
    struct sotto_addr x, y;
    assert_ok(sotto_io_addr(&x, "::ffff:127.0.0.1", 5));
    assert_ok(sotto_io_addr(&y, "127.0.0.1", 5));
    assert_true(sotto_addr_equal(&x, &y));
    assert_ok(sotto_io_addr(&x, "[::1]", 5));
    assert_int_equal(x.family, 6);
    assert_true(sotto_addr_loopback(&x));
    assert_ok(sotto_io_addr(&x, "::", 0));
    static const char *const wrong[] = { "", "localhost", "1.2.3", "1.2.3.4.5", "[::1", "::1]", "127.0.0.1:80", "[]", "::g", "0000000000000000000000000000000000000000000000000000000::1" };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_int_equal(sotto_io_addr(&x, wrong[i], 0), SOTTO_ERR_FORMAT);
    struct sotto_out mine = { .kind = SOTTO_OUT_MINE };
    assert_false(sotto_io_net_perform(a.net, &mine));
}

static void test_listen_errors(void **state)
{
    (void)state;
    struct sotto_addr addr;
    assert_int_equal(sotto_io_net_listen(b.net, NULL, &a.at), SOTTO_ERR_IN_USE);
    assert_ok(sotto_io_addr(&addr, "0.0.0.0", 0));
    assert_int_equal(sotto_io_net_listen(a.net, NULL, &addr), SOTTO_ERR_RANGE);        /* local */
    assert_ok(sotto_io_addr(&addr, "::1", 0));
    enum sotto_err err = sotto_io_net_listen(a.net, &addr, &addr);
    assert_true(err == SOTTO_OK || err == SOTTO_ERR_IO);                               /* no IPv6 here */
    if (err == SOTTO_OK) {
        assert_true(addr.family == 6 && addr.port != 0);
        assert_int_equal(sotto_io_net_listen(b.net, NULL, &addr), SOTTO_ERR_IN_USE);
        b.also = stop_at_open;
        dial(&b, &addr);
        sotto_loop_run(loop);
        assert_int_equal(b.opened, 1);
    }
    addr.family = 0;
    assert_int_equal(sotto_io_net_listen(a.net, NULL, &addr), SOTTO_ERR_RANGE);
}

/* Large and small pieces both ways arrive in order, whole; SENT adds up to what was sent, in steps. */
static void test_data(void **state)
{
    (void)state;
    connect_both();
    size_t size = 3000000;
    uint8_t *bytes = malloc(size);
    unsigned seed = (unsigned)test_seed();
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)rand_r(&seed);
    for (size_t from = 0; from < size;) {
        size_t part = 1 + (size_t)rand_r(&seed) % (rand_r(&seed) % 4 == 0 ? 400000 : 300);
        if (part > size - from) part = size - from;
        send_to(&a, a.last_conn, bytes + from, part);
        from += part;
    }
    send_to(&b, b.last_conn, "hello", 5);
    b.wanted = size;
    b.also = stop_at_data;
    sotto_loop_run(loop);
    assert_int_equal(b.data.size, size);
    assert_memory_equal(b.data.data, bytes, size);
    while (a.sent < size) {                     /* the last report may be a turn away */
        a.also = stop_at_data;
        a.wanted = 0;
        sotto_loop_run(loop);
    }
    assert_int_equal(a.sent, size);
    assert_true(a.sent_reports >= size / SOTTO_IO_NET_CHUNK);
    assert_memory_equal(a.data.data, "hello", 5);
    free(bytes);
}

/* The last words arrive although our end closes at once after them. */
static void test_goodbye(void **state)
{
    (void)state;
    connect_both();
    static uint8_t words[500000];
    memset(words, 'w', sizeof words);
    send_to(&a, a.last_conn, words, sizeof words);
    send_to(&b, b.last_conn, words, sizeof words);                        /* unread bytes must not turn the end into a reset */
    perform(&a, SOTTO_OUT_CLOSE, a.last_conn, NULL, NULL, 0, 1);
    send_to(&a, a.last_conn, "x", 1);                                     /* after the goodbye: ignored */
    b.also = stop_at_end;
    sotto_loop_run(loop);
    assert_int_equal(b.closed, 1);
    assert_int_equal(b.data.size, sizeof words);
    assert_int_equal(a.closed, 0);                                        /* the core closed it: it is not told */
}

static void test_close_at_once(void **state)
{
    (void)state;
    connect_both();
    perform(&a, SOTTO_OUT_CLOSE, a.last_conn, NULL, NULL, 0, 0);
    perform(&a, SOTTO_OUT_CLOSE, a.last_conn, NULL, NULL, 0, 0);
    perform(&a, SOTTO_OUT_PAUSE, a.last_conn, NULL, NULL, 0, 0);
    perform(&a, SOTTO_OUT_RESUME, 999, NULL, NULL, 0, 0);
    b.also = stop_at_end;
    sotto_loop_run(loop);
    assert_int_equal(b.closed, 1);
    assert_int_equal(a.closed, 0);
}

/* Refused, unreachable by rule, too many: always CLOSED, always in a later turn. */
static void stop_at_four(struct side *s, const struct sotto_in *in)
{
    (void)in;
    if (s->closed == 4) sotto_loop_stop(loop);
}
static void test_failed_dials(void **state)
{
    (void)state;
    struct sotto_addr refused = a.at, far = { .family = 4, .ip = { 192, 0, 2, 1 }, .port = 30303 }, none = { 0 }, portless = b.at;
    portless.port = 0;
    sotto_io_net_unlisten(a.net);
    struct side *s = &b;
    s->also = stop_at_four;
    dial(s, &far);                              /* not loopback */
    dial(s, &none);
    dial(s, &portless);
    assert_int_equal(s->closed, 0);
    sotto_timer_set(guard, sotto_io_now().mono_us + 20000000);
    dial(s, &refused);
    sotto_loop_run(loop);
    assert_int_equal(s->closed, 4);
    assert_int_equal(s->opened, 0);
}

static void test_cancelled_dial(void **state)
{
    (void)state;
    struct sotto_addr none = { 0 };
    dial(&a, &none);
    perform(&a, SOTTO_OUT_CLOSE, a.next, NULL, NULL, 0, 0);               /* before its CLOSED came: not told any more */
    dial(&a, &b.at);
    perform(&a, SOTTO_OUT_CLOSE, a.next, NULL, NULL, 0, 0);
    dial(&a, &b.at);
    a.also = stop_when_both_up;
    b.also = stop_when_both_up;
    sotto_loop_run(loop);
    assert_int_equal(a.closed, 0);
    assert_int_equal(a.opened, 1);
}

static unsigned all_closed_wanted;
static void stop_at_closed(struct side *s, const struct sotto_in *in)
{
    (void)in;
    if (s->opened + s->closed == all_closed_wanted && s->closed >= 4) sotto_loop_stop(loop);
}

/* conn_max = 8 dials at once, the ninth fails; of those, accept_max = 4 stay. */
static void test_limits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 9; i++) dial(&a, &b.at);
    all_closed_wanted = 8 + 5;                  /* 8 open at the other end's kernel, then 4 are dropped; one never began */
    a.also = stop_at_closed;
    sotto_loop_run(loop);
    assert_int_equal(b.accepted, 4);
    assert_int_equal(a.opened, 8);
    assert_int_equal(a.closed, 5);
    assert_int_equal(a.closed_conns[0], 9);
}

/* A queue past its bound ends the connection, and the core hears of it. */
static void test_queue_bound(void **state)
{
    (void)state;
    connect_both();
    perform(&b, SOTTO_OUT_PAUSE, b.last_conn, NULL, NULL, 0, 0);
    static uint8_t part[1 << 20];
    a.also = stop_at_end;
    for (unsigned i = 0; i < 40; i++) send_to(&a, a.last_conn, part, sizeof part);
    assert_int_equal(a.closed, 0);
    sotto_loop_run(loop);
    assert_int_equal(a.closed, 1);
}

/* PAUSE holds the bytes back, RESUME lets them go on: nothing is lost. */
static void test_pause(void **state)
{
    (void)state;
    connect_both();
    perform(&b, SOTTO_OUT_PAUSE, b.last_conn, NULL, NULL, 0, 0);
    size_t size = 20 << 20;
    uint8_t *bytes = calloc(1, size);
    for (size_t i = 0; i < size; i += 997) bytes[i] = (uint8_t)(i >> 8);
    send_to(&a, a.last_conn, bytes, size);
    uint32_t paused = b.last_conn;
    a.also = stop_at_open;
    dial(&a, &b.at);                            /* a second connection goes all its ways meanwhile */
    sotto_loop_run(loop);
    send_to(&a, a.last_conn, "ping", 4);
    b.wanted = 4;
    b.also = stop_at_data;
    a.also = NULL;
    sotto_loop_run(loop);
    assert_int_equal(b.data.size, 4);
    assert_memory_equal(b.data.data, "ping", 4);
    assert_true(a.sent < size);                 /* the write stalls: the core can see it */
    b.data.size = 0;
    perform(&b, SOTTO_OUT_RESUME, paused, NULL, NULL, 0, 0);
    b.wanted = size;
    sotto_loop_run(loop);
    assert_int_equal(b.data.size, size);
    assert_memory_equal(b.data.data, bytes, size);
    free(bytes);
}

/* The core closes, sends and frees inside inputs. */
static void close_inside(struct side *s, const struct sotto_in *in)
{
    if (in->kind == SOTTO_IN_DATA) {
        send_to(s, in->conn, "bye", 3);
        perform(s, SOTTO_OUT_CLOSE, in->conn, NULL, NULL, 0, 1);
    }
}
static void test_close_inside(void **state)
{
    (void)state;
    connect_both();
    b.also = close_inside;
    a.also = stop_at_end;
    send_to(&a, a.last_conn, "hi", 2);
    sotto_loop_run(loop);
    assert_int_equal(a.data.size, 3);
    assert_int_equal(a.closed, 1);
    assert_int_equal(b.closed, 0);
}

static void free_inside(struct side *s, const struct sotto_in *in)
{
    (void)in;
    sotto_io_net_free(s->net);
    s->net = NULL;
}
static void test_free_inside(void **state)
{
    (void)state;
    connect_both();
    b.also = free_inside;
    a.also = stop_at_end;
    send_to(&a, a.last_conn, "hi", 2);
    sotto_loop_run(loop);
    assert_int_equal(a.closed, 1);
    assert_null(b.net);
}

/* A raw peer that resets. */
static void test_reset(void **state)
{
    (void)state;
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(b.at.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct linger hard = { 1, 0 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, "x", 1, 0), 1);
    b.wanted = 1;
    b.also = stop_at_data;
    sotto_loop_run(loop);
    b.also = stop_at_end;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
    sotto_loop_run(loop);
    assert_int_equal(b.closed, 1);
    send_to(&b, b.last_conn, "y", 1);
}

/* Over IPv6, beside IPv4 on the same port; our end asks for a temporary address, which costs nothing where there is none. */
static void test_ipv6(void **state)
{
    (void)state;
    struct sotto_addr six, bound;
    assert_ok(sotto_io_addr(&six, "::1", b.at.port));
    enum sotto_err err = sotto_io_net_listen(b.net, &bound, &six);
    if (err != SOTTO_OK) {
        assert_int_equal(err, SOTTO_ERR_IO);          /* no IPv6 here */
        skip();
    }
    a.also = b.also = stop_when_both_up;
    dial(&a, &six);
    sotto_loop_run(loop);
    assert_int_equal(a.opened, 1);
    assert_true(sotto_addr_equal(&a.last_addr, &six));
    assert_int_equal(b.last_addr.family, 6);
    unsigned wishes = 0;
    for (int fd = 3; fd < 1024; fd++) {
        struct sockaddr_in6 peer = { .sin6_family = 0 };
        socklen_t size = sizeof peer;
        int wish = 0;
        if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0 || peer.sin6_family != AF_INET6 || ntohs(peer.sin6_port) != b.at.port) continue;
        size = sizeof wish;
        assert_int_equal(getsockopt(fd, IPPROTO_IPV6, 72, &wish, &size), 0);       /* IPV6_ADDR_PREFERENCES */
        assert_true(wish & 1);                        /* IPV6_PREFER_SRC_TMP */
        wishes++;
    }
    assert_int_equal(wishes, 1);
}

/* ---- through a proxy: b plays one that is also the peer it was asked for ---- */

static struct { unsigned step; struct sotto_buf heard; bool refuse, slow; } proxy;

/* The answers of RFC 1928 and 1929, each when its question is whole; the peer's first word comes in one piece with the last of them. */
static void as_proxy(struct side *s, const struct sotto_in *in)
{
    static const uint8_t no[] = { 5, 5, 0, 1, 0, 0, 0, 0, 0, 0 };
    static const struct { const char *bytes; size_t size, question; } answers[] = {
        { "\x05\x02", 2, 4 }, { "\x01\x00", 2, 4 + 67 }, { "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00word", 14, 4 + 67 + 10 },
    };
    if (in->kind != SOTTO_IN_DATA) return;
    assert_ok(sotto_buf_add_span(&proxy.heard, in->bytes));
    if (proxy.slow || proxy.step == 3 || proxy.heard.size < answers[proxy.step].question) return;
    bool no_more = proxy.refuse && proxy.step == 2;
    perform(s, SOTTO_OUT_SEND, in->conn, NULL, no_more ? (const void *)no : answers[proxy.step].bytes, no_more ? sizeof no : answers[proxy.step].size, 0);
    proxy.step++;
}

static void stop_when_heard(struct side *s, const struct sotto_in *in)
{
    as_proxy(s, in);
    if (proxy.heard.size) sotto_loop_stop(loop);
}

static void side_through(struct side *s, const struct sotto_addr *to, struct sotto_rng *rng)
{
    sotto_io_net_free(s->net);
    s->config.proxy = *to;
    s->config.proxy_only = true;
    s->config.rng = rng;
    assert_ok(sotto_io_net_new(&s->net, &s->config));
}

static struct sotto_chacha_rng proxy_rng;

static void proxy_begin(void)
{
    sotto_rng_from_seed(&proxy_rng, test_seed(), "proxy");
    side_through(&a, &b.at, &proxy_rng.rng);
    sotto_buf_free(&proxy.heard);
    memset(&proxy, 0, sizeof proxy);
    proxy.heard = sotto_buf_make(4096);
    b.also = as_proxy;
}

static void test_proxy(void **state)
{
    (void)state;
    struct sotto_addr peer, any;
    assert_ok(sotto_io_addr(&peer, "127.9.8.7", 4242));
    proxy_begin();
    a.also = stop_at_data;
    a.wanted = 4;
    dial(&a, &peer);
    sotto_loop_run(loop);
    assert_int_equal(a.opened, 1);
    assert_true(sotto_addr_equal(&a.last_addr, &peer));       /* the peer's, not the proxy's */
    assert_int_equal(a.data.size, 4);
    assert_memory_equal(a.data.data, "word", 4);
    assert_int_equal(a.sent_reports, 0);                       /* what the proxy was told is not the core's */
    assert_memory_equal(proxy.heard.data + 4 + 67, "\x05\x01\x00\x01\x7f\x09\x08\x07\x10\x92", 10);
    send_to(&a, a.last_conn, "to the peer", 11);
    b.also = stop_at_data;
    b.wanted = 4 + 67 + 10 + 11;
    sotto_loop_run(loop);
    assert_memory_equal(b.data.data + 4 + 67 + 10, "to the peer", 11);
    assert_ok(sotto_io_addr(&any, "0.0.0.0", 0));
    assert_int_equal(sotto_io_net_listen(a.net, NULL, &any), SOTTO_ERR_RANGE);
    sotto_buf_free(&proxy.heard);
}

static void test_proxy_refuses(void **state)
{
    (void)state;
    proxy_begin();
    proxy.refuse = true;
    a.also = stop_at_end;
    dial(&a, &b.at);
    sotto_loop_run(loop);
    assert_int_equal(a.opened, 0);
    assert_int_equal(a.closed, 1);
    sotto_buf_free(&proxy.heard);
}

/* Given up in the middle, by the core and by the end of all. */
static void test_proxy_given_up(void **state)
{
    (void)state;
    proxy_begin();
    proxy.slow = true;
    b.also = stop_when_heard;
    dial(&a, &b.at);
    sotto_loop_run(loop);
    perform(&a, SOTTO_OUT_CLOSE, a.next, NULL, NULL, 0, 0);
    b.also = stop_at_end;
    sotto_loop_run(loop);
    assert_int_equal(b.closed, 1);
    assert_int_equal(a.opened + a.closed, 0);
    proxy.heard.size = 0;
    b.also = stop_when_heard;
    dial(&a, &b.at);
    sotto_loop_run(loop);
    sotto_buf_free(&proxy.heard);                              /* teardown frees the rest */
}

static void stop_when_all_closed(struct side *s, const struct sotto_in *in)
{
    (void)in;
    if (s->closed == s->wanted) sotto_loop_stop(loop);
}

/* Without memory who dials is turned away, several at once too; the listener still hears, then and afterwards. */
static void test_no_memory(void **state)
{
    (void)state;
    for (unsigned round = 1; round <= 2; round++) {
        a.wanted = 4 * round;
        a.also = stop_when_all_closed;
        for (unsigned i = 0; i < 4; i++) dial(&a, &b.at);
        starving = true;
        starved = 0;
        sotto_loop_run(loop);
        starving = false;
        assert_in_range(starved, 4, 64);
        assert_int_equal(b.accepted, 0);
        assert_int_equal(a.closed, a.wanted);
    }
    a.opened = 0;
    connect_both();
    /* The listener may go while its spare is not closed yet, and another one waits for that. */
    a.also = stop_at_open;
    dial(&a, &b.at);
    dial(&a, &b.at);
    starving = true;
    sotto_loop_run(loop);
    starving = false;
    sotto_io_net_unlisten(b.net);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_addresses), T(test_listen_errors), T(test_data), T(test_goodbye), T(test_close_at_once), T(test_failed_dials), T(test_cancelled_dial),
        T(test_limits), T(test_queue_bound), T(test_pause), T(test_close_inside), T(test_free_inside), T(test_reset), T(test_ipv6), T(test_proxy),
        T(test_proxy_refuses), T(test_proxy_given_up), T(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
