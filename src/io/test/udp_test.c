/* The UDP driver on loopback: two objects in one loop that talk to each other, and a raw socket for what is rude. */
#include "io/sockaddr.h"
#include "io/tcp.h"
#include "io/udp.h"
#include "world.h"

#include <limits.h>

struct side {
    struct sotto_io_udp *udp;
    struct sotto_addr at, at6, from;
    uint8_t last[SOTTO_IO_UDP_MAX];
    size_t last_size;
    unsigned count, wanted, heard;              /* heard: of a group */
    bool echo, sending, free_it;
};

static struct sotto_loop *loop;
static struct sotto_timer *guard;
static struct side a, b;

static void input(void *ctx, const struct sotto_addr *from, struct sotto_span bytes, struct sotto_now now)
{
    struct side *s = ctx;
    assert_false(s->sending);                   /* never inside send */
    assert_true(now.mono_us > 0 && bytes.size >= 1 && bytes.size <= SOTTO_IO_UDP_MAX);
    s->from = *from;
    s->last_size = bytes.size;
    memcpy(s->last, bytes.data, bytes.size);
    s->count++;
    if (s->echo) assert_ok(sotto_io_udp_send(s->udp, from, bytes));
    if (s->free_it) {
        sotto_io_udp_free(s->udp);
        s->udp = NULL;
    }
    if (s->count >= s->wanted) sotto_loop_stop(loop);
}

static void group_input(void *ctx, const struct sotto_addr *from, struct sotto_span bytes, struct sotto_now now)
{
    struct side *s = ctx;
    assert_false(s->sending);
    assert_true(now.mono_us > 0 && bytes.size == 5 && memcmp(bytes.data, "where", 5) == 0);
    s->from = *from;
    s->heard++;
}

static void late(void *ctx, struct sotto_now now)
{
    (void)ctx;
    (void)now;
    fail_msg("20 s passed");
}

static struct sotto_addr address(const char *text, uint16_t port)
{
    struct sotto_addr addr;
    assert_ok(sotto_io_addr(&addr, text, port));
    return addr;
}

static void side_start(struct side *s)
{
    struct sotto_io_udp_config config = { .loop = loop, .local = true, .near = true, .waiting_max = 4, .ctx = s, .input = input, .group = group_input };
    struct sotto_addr any = address("127.0.0.1", 0);
    *s = (struct side){ .wanted = 1 };
    assert_ok(sotto_io_udp_new(&s->udp, &config));
    assert_ok(sotto_io_udp_listen(s->udp, &s->at, &any));
    assert_true(s->at.port != 0 && s->at.family == 4);
}

static enum sotto_err send_to(struct side *s, const struct sotto_addr *to, const void *bytes, size_t size)
{
    s->sending = true;
    enum sotto_err err = sotto_io_udp_send(s->udp, to, sotto_span(bytes, size));
    s->sending = false;
    return err;
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
    sotto_io_udp_free(a.udp);
    sotto_io_udp_free(b.udp);
    sotto_timer_free(guard);
    sotto_loop_free(loop);
    return 0;
}

static void test_there_and_back(void **state)
{
    (void)state;
    b.echo = true;
    b.wanted = UINT_MAX;
    assert_ok(send_to(&a, &b.at, "hello", 5));
    assert_int_equal(b.count, 0);
    sotto_loop_run(loop);
    assert_int_equal(a.count, 1);
    assert_true(sotto_addr_equal(&a.from, &b.at) && sotto_addr_equal(&b.from, &a.at));
    assert_int_equal(a.last_size, 5);
    assert_memory_equal(a.last, "hello", 5);
    assert_int_equal(sotto_io_udp_stats(a.udp)->sent, 1);
    assert_int_equal(sotto_io_udp_stats(a.udp)->received, 1);
}

/* The longest passes; one byte more is neither sent nor taken, and is counted; what comes after it is heard. */
static void test_sizes(void **state)
{
    (void)state;
    uint8_t bytes[4000];
    memset(bytes, 0x5a, sizeof bytes);
    assert_int_equal(send_to(&a, &b.at, bytes, 0), SOTTO_ERR_RANGE);
    assert_int_equal(send_to(&a, &b.at, bytes, SOTTO_IO_UDP_MAX + 1), SOTTO_ERR_RANGE);
    int raw = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_storage to;
    sotto_io_to_sockaddr(&to, &b.at);
    static const size_t sizes[] = { SOTTO_IO_UDP_MAX + 1, sizeof bytes, 0, SOTTO_IO_UDP_MAX };
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(sendto(raw, bytes, sizes[i], 0, (const struct sockaddr *)&to, sizeof(struct sockaddr_in)), (ssize_t)sizes[i]);
    sotto_loop_run(loop);
    close(raw);
    assert_int_equal(b.count, 1);
    assert_int_equal(b.last_size, SOTTO_IO_UDP_MAX);
    assert_int_equal(sotto_io_udp_stats(b.udp)->too_long, 2);
    assert_int_equal(sotto_io_udp_stats(b.udp)->refused, 1);
}

static void test_refused(void **state)
{
    (void)state;
    struct sotto_addr far = address("192.0.2.1", 4000), nobody = address("127.0.0.1", 0), all = address("0.0.0.0", 0), six = address("::1", 4000);
    struct sotto_addr none = { 0 }, taken = b.at;
    assert_int_equal(send_to(&a, &far, "x", 1), SOTTO_ERR_RANGE);           /* local: this machine only */
    assert_int_equal(send_to(&a, &nobody, "x", 1), SOTTO_ERR_RANGE);
    assert_int_equal(send_to(&a, &none, "x", 1), SOTTO_ERR_RANGE);
    assert_int_equal(send_to(&a, &six, "x", 1), SOTTO_ERR_MISSING);         /* no socket of that family */
    assert_int_equal(sotto_io_udp_listen(a.udp, NULL, &all), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_io_udp_listen(a.udp, NULL, &none), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_io_udp_listen(a.udp, NULL, &taken), SOTTO_ERR_IN_USE);
    for (unsigned i = 1; i < SOTTO_IO_UDP_SOCKETS_MAX; i++) assert_ok(sotto_io_udp_listen(a.udp, NULL, &nobody));
    assert_int_equal(sotto_io_udp_listen(a.udp, NULL, &nobody), SOTTO_ERR_FULL);
}

/* IPv6 beside IPv4 on one port: two sockets, each of its family, and answers leave from the right one. */
static void test_ipv6(void **state)
{
    (void)state;
    struct sotto_addr six = address("::1", b.at.port), any = address("::1", 0);
    if (sotto_io_udp_listen(b.udp, &b.at6, &six) != SOTTO_OK || sotto_io_udp_listen(a.udp, &a.at6, &any) != SOTTO_OK) skip();      /* no IPv6 here */
    b.echo = true;
    b.wanted = UINT_MAX;
    a.wanted = 2;
    assert_ok(send_to(&a, &b.at6, "six", 3));
    assert_ok(send_to(&a, &b.at, "four", 4));
    sotto_loop_run(loop);
    assert_int_equal(b.count, 2);
    assert_int_equal(a.count, 2);
    assert_true(sotto_addr_equal(&a.from, &b.at) || sotto_addr_equal(&a.from, &b.at6));
}

/* A socket on all IPv6 addresses hears no IPv4: a v4 socket has the same port. */
static void test_v6_only(void **state)
{
    (void)state;
    struct sotto_io_udp_config config = { .loop = loop, .waiting_max = 4, .ctx = &a, .input = input };
    struct sotto_io_udp *open = NULL;
    struct sotto_addr six = address("::", b.at.port);
    assert_ok(sotto_io_udp_new(&open, &config));
    enum sotto_err err = sotto_io_udp_listen(open, NULL, &six);
    if (err != SOTTO_OK) {
        assert_int_equal(err, SOTTO_ERR_IO);
        sotto_io_udp_free(open);
        skip();
    }
    assert_ok(send_to(&a, &b.at, "four", 4));
    sotto_loop_run(loop);
    assert_int_equal(b.count, 1);
    assert_int_equal(a.count, 0);
    sotto_io_udp_free(open);
}

static void test_mapped(void **state)
{
    (void)state;
    struct sockaddr_in6 in = { .sin6_family = AF_INET6, .sin6_port = htons(77), .sin6_addr.s6_addr = { [10] = 0xff, 0xff, 10, 1, 2, 3 } };
    struct sotto_addr addr = sotto_io_from_sockaddr((const struct sockaddr *)&in), want = address("10.1.2.3", 77);
    assert_true(sotto_addr_equal(&addr, &want));
    struct sockaddr other = { .sa_family = AF_UNIX };
    assert_int_equal(sotto_io_from_sockaddr(&other).family, 0);
}

/* Freed in the middle of its own input; and closed, then opened on the same port again. */
static void test_free_and_close(void **state)
{
    (void)state;
    b.free_it = true;
    assert_ok(send_to(&a, &b.at, "bye", 3));
    assert_ok(send_to(&a, &b.at, "bye", 3));
    sotto_loop_run(loop);
    assert_int_equal(b.count, 1);
    struct sotto_addr again = a.at;
    sotto_io_udp_close(a.udp);
    assert_int_equal(send_to(&a, &b.at, "x", 1), SOTTO_ERR_MISSING);
    assert_ok(sotto_io_udp_listen(a.udp, NULL, &again));
}

/* The last datagram on its way is a's, to b alone: what was said to everybody came before it, for loopback keeps the order. */
static void flush_loop(void)
{
    b.count = 0;
    b.wanted = 1;
    assert_ok(send_to(&a, &b.at, "x", 1));
    sotto_loop_run(loop);
}

static const struct sotto_addr anywhere;

/* Everybody who joined hears it once, with the address that answers go to; nobody else does, and it is no datagram to us alone. */
static void test_group(void **state)
{
    (void)state;
    struct sotto_addr group = address("239.255.83.84", a.at.port), wrong[] = { address("127.0.0.1", 1), address("239.255.83.84", 0), address("240.0.0.1", 1), address("::1", 1) };
    unsigned links = 0;
    for (unsigned i = 0; i < 4; i++) assert_int_equal(sotto_io_udp_join(a.udp, &links, &wrong[i], &anywhere), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_io_udp_shout(a.udp, &links, sotto_span("where", 5)), SOTTO_ERR_MISSING);
    assert_ok(sotto_io_udp_join(a.udp, &links, &group, &anywhere));
    assert_int_equal(links, 1);
    assert_ok(sotto_io_udp_shout(a.udp, &links, sotto_span("where", 5)));
    assert_int_equal(links, 1);
    flush_loop();
    assert_int_equal(a.heard, 1);
    assert_int_equal(b.heard, 0);
    assert_ok(sotto_io_udp_join(b.udp, &links, &group, &anywhere));
    assert_ok(sotto_io_udp_join(b.udp, &links, &group, &anywhere));        /* again: nothing new */
    assert_int_equal(links, 1);
    for (unsigned i = 0; i < 3; i++) assert_ok(sotto_io_udp_shout(a.udp, NULL, sotto_span("where", 5)));
    flush_loop();
    assert_int_equal(a.heard, 4);
    assert_int_equal(b.heard, 3);
    assert_true(sotto_addr_equal(&b.from, &a.at));
    assert_int_equal(a.count, 0);
    assert_int_equal(sotto_io_udp_shout(a.udp, NULL, sotto_span("", 0)), SOTTO_ERR_RANGE);
    sotto_io_udp_close(b.udp);
    assert_int_equal(sotto_io_udp_shout(b.udp, NULL, sotto_span("where", 5)), SOTTO_ERR_MISSING);
    assert_ok(sotto_io_udp_listen(b.udp, NULL, &b.at));
    assert_ok(sotto_io_udp_shout(a.udp, NULL, sotto_span("where", 5)));
    flush_loop();
    assert_int_equal(b.heard, 3);
}

static int ttl_of(int raw)
{
    char byte[8];
    union { struct cmsghdr head; char bytes[CMSG_SPACE(sizeof(int))]; } control;
    struct iovec v = { byte, sizeof byte };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
    int ttl = 0;
    assert_true(recvmsg(raw, &m, 0) > 0);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) memcpy(&ttl, CMSG_DATA(c), sizeof ttl);
    return ttl;                                 /* 0: the system does not tell */
}

/* What is said on our own network does not pass a router. */
static void test_near(void **state)
{
    (void)state;
    int raw = socket(AF_INET, SOCK_DGRAM, 0), one = 1;
    struct sockaddr_storage at;
    socklen_t size = sizeof at;
    struct sotto_addr any = address("0.0.0.0", 0);
    sotto_io_to_sockaddr(&at, &any);
    assert_int_equal(bind(raw, (const struct sockaddr *)&at, sizeof(struct sockaddr_in)), 0);
    assert_int_equal(setsockopt(raw, IPPROTO_IP, IP_RECVTTL, &one, sizeof one), 0);
    assert_int_equal(getsockname(raw, (struct sockaddr *)&at, &size), 0);
    uint16_t port = sotto_io_from_sockaddr((const struct sockaddr *)&at).port;
    struct sotto_addr group = address("239.255.83.84", port), here = address("127.0.0.1", port);
    struct ip_mreqn m = { .imr_ifindex = 1 };
    memcpy(&m.imr_multiaddr, group.ip, 4);
    assert_int_equal(setsockopt(raw, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof m), 0);
    assert_ok(send_to(&a, &here, "x", 1));
    assert_int_equal(ttl_of(raw), 1);
    struct sotto_io_udp_config config = { .loop = loop, .local = true, .waiting_max = 4, .ctx = &b, .input = input };
    struct sotto_addr out = address("127.0.0.1", 0);
    struct sotto_io_udp *far = NULL;
    assert_ok(sotto_io_udp_new(&far, &config));
    assert_ok(sotto_io_udp_listen(far, NULL, &out));
    assert_ok(sotto_io_udp_send(far, &here, sotto_span("x", 1)));
    assert_in_range(ttl_of(raw), 2, 255);
    sotto_io_udp_free(far);
    /* Another program has the port for itself: it is said, and tried again later. */
    assert_int_equal(sotto_io_udp_join(a.udp, NULL, &group, &anywhere), SOTTO_ERR_IN_USE);
    int reuse = setsockopt(raw, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    assert_int_equal(reuse, 0);
    assert_ok(sotto_io_udp_join(a.udp, NULL, &group, &anywhere));
    assert_ok(sotto_io_udp_shout(a.udp, NULL, sotto_span("where", 5)));
    assert_int_equal(ttl_of(raw), 1);
    close(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, setup, teardown), cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown), cmocka_unit_test_setup_teardown(test_ipv6, setup, teardown),
        cmocka_unit_test_setup_teardown(test_v6_only, setup, teardown), cmocka_unit_test(test_mapped),
        cmocka_unit_test_setup_teardown(test_free_and_close, setup, teardown), cmocka_unit_test_setup_teardown(test_group, setup, teardown),
        cmocka_unit_test_setup_teardown(test_near, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
