/* The SOCKS5 client against a scripted proxy, byte by byte as in RFC 1928 and RFC 1929. */
#include "support/test.h"

#include "crypto/rng.h"
#include "p2p/socks5.h"

static struct sotto_chacha_rng rng;
static struct sotto_socks5 s;
static struct sotto_socks5_say say;
static const struct sotto_addr four = { .ip = { 192, 0, 2, 7 }, .port = 30303, .family = 4 };

static void begin(const struct sotto_addr *addr, const char *name)
{
    static const uint8_t greeting[] = { 5, 2, 2, 0 };
    assert_int_equal(sotto_socks5_begin(&s, &say, addr, name, &rng.rng), SOTTO_OK);
    assert_int_equal(say.size, sizeof greeting);
    assert_memory_equal(say.b, greeting, sizeof greeting);
}

/* Everything in one piece; *used is checked to be all of it unless it is open. */
static enum sotto_err hear(const void *bytes, size_t size, size_t used)
{
    size_t got = SIZE_MAX;
    enum sotto_err err = sotto_socks5_data(&s, &got, &say, sotto_span(bytes, size));
    assert_int_equal(got, used);
    return err;
}

static void said(const void *want, size_t size)
{
    assert_int_equal(say.size, size);
    assert_memory_equal(say.b, want, size);
}

static void authenticate(void)
{
    assert_int_equal(hear("\x05\x02", 2, 2), SOTTO_ERR_AGAIN);
    assert_int_equal(say.size, 1 + 1 + SOTTO_SOCKS5_SECRET + 1 + SOTTO_SOCKS5_SECRET);
    assert_int_equal(say.b[0], 1);
    assert_int_equal(say.b[1], SOTTO_SOCKS5_SECRET);
    assert_memory_equal(say.b + 2, s.user, SOTTO_SOCKS5_SECRET);
    assert_int_equal(say.b[2 + SOTTO_SOCKS5_SECRET], SOTTO_SOCKS5_SECRET);
    assert_memory_equal(say.b + 3 + SOTTO_SOCKS5_SECRET, s.password, SOTTO_SOCKS5_SECRET);
    assert_int_equal(hear("\x01\x00", 2, 2), SOTTO_ERR_AGAIN);
}

static void test_four(void **state)
{
    (void)state;
    begin(&four, NULL);
    authenticate();
    said("\x05\x01\x00\x01\xc0\x00\x02\x07\x76\x5f", 10);
    assert_int_equal(hear("\x05\x00\x00\x01\x0a\x00\x00\x01\x12\x34PEER", 14, 10), SOTTO_OK);       /* the rest is the peer's */
    assert_int_equal(say.size, 0);
}

static void test_six_and_no_password(void **state)
{
    (void)state;
    struct sotto_addr six = { .ip = { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 }, .port = 1, .family = 6 };
    begin(&six, NULL);
    assert_int_equal(hear("\x05\x00", 2, 2), SOTTO_ERR_AGAIN);
    said("\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09\x00\x01", 22);
    uint8_t reply[22] = { 5, 0, 0, 4 };
    assert_int_equal(hear(reply, 22, 22), SOTTO_OK);
}

/* A name reaches the proxy as it is; the reply may have a name too, of any length. */
static void test_name(void **state)
{
    (void)state;
    static const char onion[] = "expyuzz4wqqyqhjnexpyuzz4wqqyqhjnexpyuzz4wqqyqhjnexpyuzid.onion";
    struct sotto_addr port = { .port = 9999 };
    uint8_t want[4 + 1 + 62 + 2] = { 5, 1, 0, 3, 62 };
    assert_int_equal(strlen(onion), 62);
    memcpy(want + 5, onion, 62);
    sotto_put_be16(want + 67, 9999);
    for (unsigned size = 0; size <= 255; size += 51) {
        uint8_t reply[4 + 1 + 255 + 2] = { 5, 0, 0, 3, (uint8_t)size };
        begin(&port, onion);
        authenticate();
        said(want, sizeof want);
        assert_int_equal(hear(reply, 7 + size, 7 + size), SOTTO_OK);
    }
}

/* In any pieces the same comes out. */
static void test_pieces(void **state)
{
    (void)state;
    static const uint8_t all[] = "\x05\x02\x01\x00\x05\x00\x00\x03\x04host\x00\x50";
    static const bool speaks[sizeof all - 1] = { [1] = true, [3] = true };
    begin(&four, NULL);
    for (size_t i = 0; i < sizeof all - 1; i++) {
        bool last = i + 2 == sizeof all;
        assert_int_equal(hear(all + i, 1, 1), last ? SOTTO_OK : SOTTO_ERR_AGAIN);
        assert_int_equal(say.size > 0, speaks[i]);
        if (last) break;
        assert_int_equal(hear(NULL, 0, 0), SOTTO_ERR_AGAIN);
        assert_int_equal(say.size, 0);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct { const char *bytes; size_t size; uint8_t reply; } cases[] = {
        { "\x04\x02", 2, 0 }, { "\x05\xff", 2, 0 }, { "\x05\x01", 2, 0 }, { "HTTP/1.1 400", 2, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&four, NULL);
        assert_int_equal(hear(cases[i].bytes, cases[i].size, cases[i].size), SOTTO_ERR_PROXY);
        assert_int_equal(say.size, 0);
    }
    static const char *const auths[] = { "\x01\x01", "\x02\x00", "\x05\x00" };
    for (size_t i = 0; i < 3; i++) {
        begin(&four, NULL);
        assert_int_equal(hear("\x05\x02", 2, 2), SOTTO_ERR_AGAIN);
        assert_int_equal(hear(auths[i], 2, 2), SOTTO_ERR_PROXY);
    }
    static const uint8_t replies[][5] = { { 5, 1, 0, 1, 0 }, { 5, 5, 0, 1, 0 }, { 4, 0, 0, 1, 0 }, { 5, 0, 1, 1, 0 }, { 5, 0, 0, 2, 0 }, { 5, 0, 0, 0, 0 } };
    static const uint8_t codes[] = { 1, 5, 0, 0, 0, 0 };
    for (size_t i = 0; i < sizeof codes; i++) {
        begin(&four, NULL);
        authenticate();
        assert_int_equal(hear(replies[i], 5, 5), SOTTO_ERR_PROXY);
        assert_int_equal(s.reply, codes[i]);
        assert_int_equal(s.state, SOTTO_SOCKS5_FAILED);
    }
    begin(&four, NULL);                               /* answers before it was asked */
    assert_int_equal(hear("\x05\x02\x01\x00", 4, 4), SOTTO_ERR_PROXY);
}

static void test_targets(void **state)
{
    (void)state;
    struct sotto_addr none = { .port = 1 }, no_port = four;
    char name[258];
    memset(name, 'a', sizeof name);
    name[256] = 0;
    no_port.port = 0;
    assert_int_equal(sotto_socks5_begin(&s, &say, &none, NULL, &rng.rng), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_socks5_begin(&s, &say, &none, "", &rng.rng), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_socks5_begin(&s, &say, &none, "a b", &rng.rng), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_socks5_begin(&s, &say, &none, "a\x80", &rng.rng), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_socks5_begin(&s, &say, &none, name, &rng.rng), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_socks5_begin(&s, &say, &no_port, NULL, &rng.rng), SOTTO_ERR_RANGE);
    name[255] = 0;
    begin(&none, name);
    assert_int_equal(hear("\x05\x00", 2, 2), SOTTO_ERR_AGAIN);
    assert_int_equal(say.size, SOTTO_SOCKS5_SAY_MAX);
}

/* Two connections share neither user nor password: the proxy keeps them on separate ways. */
static void test_isolation(void **state)
{
    (void)state;
    begin(&four, NULL);
    struct sotto_socks5 first = s;
    begin(&four, NULL);
    assert_string_not_equal(first.user, s.user);
    assert_string_not_equal(first.password, s.password);
    assert_string_not_equal(s.user, s.password);
    sotto_socks5_end(&s);
    struct sotto_socks5 zero = { 0 };
    assert_memory_equal(&s, &zero, sizeof s);
}

static int setup(void **state)
{
    (void)state;
    sotto_rng_from_seed(&rng, test_seed(), "socks5");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_four), cmocka_unit_test(test_six_and_no_password), cmocka_unit_test(test_name), cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_targets), cmocka_unit_test(test_isolation),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
