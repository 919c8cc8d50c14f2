#include "support/test.h"

#include "p2p/host.h"

#define KEY "ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd31387574077f301b421bc84df7266c44e9e6d569fc56be00812904767bf5ccd1fc7f"
#define KEY_UPPER "CA634CAE0D49ACB401D8A4C6B6FE8C55B70D115BF400769CC1400F3258CD31387574077F301B421BC84DF7266C44E9E6D569FC56BE00812904767BF5CCD1FC7F"

static enum sotto_err parse(struct sotto_enode *e, const char *text) { return sotto_enode_parse(e, sotto_span_str(text)); }

static void test_accepted(void **state)
{
    (void)state;
    static const struct { const char *in, *canonical; } cases[] = {
        { "enode://" KEY "@127.0.0.1:30303", "enode://" KEY "@127.0.0.1:30303" },
        { "enode://" KEY_UPPER "@127.0.0.1:30303", "enode://" KEY "@127.0.0.1:30303" },
        { "enode://" KEY "@10.255.0.1:0?discport=0", "enode://" KEY "@10.255.0.1:0" },
        { "enode://" KEY "@10.255.0.1:65535?discport=65535", "enode://" KEY "@10.255.0.1:65535" },
        { "enode://" KEY "@[::1]:7", "enode://" KEY "@[::1]:7" },
        { "enode://" KEY "@[::]:7", "enode://" KEY "@[::]:7" },
        { "enode://" KEY "@[2001:db8::]:7", "enode://" KEY "@[2001:db8::]:7" },
        { "enode://" KEY "@[2001:db8:85a3:8d3:1319:8a2e:370:7348]:7", "enode://" KEY "@[2001:db8:85a3:8d3:1319:8a2e:370:7348]:7" },
        { "enode://" KEY "@[2001:0DB8::0001:0]:7", "enode://" KEY "@[2001:db8::1:0]:7" },
        { "enode://" KEY "@[1:2:3:4:5:6:7::]:7", "enode://" KEY "@[1:2:3:4:5:6:7:0]:7" },
        { "enode://" KEY "@[64:ff9b::1.2.3.4]:7", "enode://" KEY "@[64:ff9b::102:304]:7" },
        { "enode://" KEY "@[::ffff:1.2.3.4]:7", "enode://" KEY "@1.2.3.4:7" },
        { "enode://" KEY "@[::ffff:102:304]:7", "enode://" KEY "@1.2.3.4:7" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sotto_enode e, again;
        char text[256];
        if (parse(&e, cases[i].in) != SOTTO_OK) fail_msg("refused: %s", cases[i].in);
        sotto_enode_text(text, &e);
        assert_string_equal(text, cases[i].canonical);
        assert_int_equal(parse(&again, text), SOTTO_OK);
        assert_true(sotto_addr_equal(&e.addr, &again.addr));
        assert_memory_equal(e.key, again.key, 64);
    }
}

static void test_udp_port(void **state)
{
    (void)state;
    struct sotto_enode e;
    assert_int_equal(parse(&e, "enode://" KEY "@127.0.0.1:30303"), SOTTO_OK);
    assert_int_equal(e.udp, 30303);
    assert_int_equal(parse(&e, "enode://" KEY "@127.0.0.1:30303?discport=30301"), SOTTO_OK);
    assert_int_equal(e.udp, 30301);
    assert_int_equal(e.addr.port, 30303);
    assert_int_equal(parse(&e, "enode://" KEY "@127.0.0.1:30303?discport=0"), SOTTO_OK);
    assert_int_equal(e.udp, 0);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "", "enode://", "http://" KEY "@127.0.0.1:1", "ENODE://" KEY "@127.0.0.1:1", "enode://" KEY, KEY "@127.0.0.1:1",
        "enode://" KEY "@127.0.0.1", "enode://" KEY "@127.0.0.1:", "enode://" KEY "@127.0.0.1:65536", "enode://" KEY "@127.0.0.1:-1",
        "enode://" KEY "@127.0.0.1:1 ", "enode://" KEY "@127.0.0.1:01", "enode://" KEY "@127.0.0.1:1x", "enode://" KEY "@127.0.0.1:999999",
        "enode://" KEY "@127.0.0.256:1", "enode://" KEY "@127.0.0:1", "enode://" KEY "@127.0.0.01:1", "enode://" KEY "@127.0.0.1.1:1",
        "enode://" KEY "@localhost:1", "enode://" KEY "@:1", "enode://" KEY "@[]:1", "enode://" KEY "@[:]:1", "enode://" KEY "@[::1:1",
        "enode://" KEY "@::1:1", "enode://" KEY "@[1:2:3:4:5:6:7]:1", "enode://" KEY "@[1:2:3:4:5:6:7:8:9]:1", "enode://" KEY "@[1::2::3]:1",
        "enode://" KEY "@[12345::]:1", "enode://" KEY "@[::1%lo]:1", "enode://" KEY "@[1:2:3:4:5:6:7:8::]:1", "enode://" KEY "@[1:]:1",
        "enode://" KEY "@[:::1]:1", "enode://" KEY "@[::1.2.3.4.5]:1", "enode://" KEY "@[1.2.3.4::]:1", "enode://" KEY "@[1:2:3:4:5:6:7:1.2.3.4]:1",
        "enode://" KEY "@127.0.0.1:1?discport=", "enode://" KEY "@127.0.0.1:1?discport=65536", "enode://" KEY "@127.0.0.1:1?discport=a",
        "enode://" KEY "@127.0.0.1:1?other=1", "enode://" KEY "@127.0.0.1:1?discport=1&x=2",
        "enode://" KEY "00@127.0.0.1:1",                                       /* 65 bytes */
        "enode://00" KEY "@127.0.0.1:1",
        "enode://zz634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd31387574077f301b421bc84df7266c44e9e6d569fc56be00812904767bf5ccd1fc7f@127.0.0.1:1",
        "enode://ca634cae0d49acb401d8a4c6b6fe8c55b70d115bf400769cc1400f3258cd31387574077f301b421bc84df7266c44e9e6d569fc56be00812904767bf5ccd1fc7e@127.0.0.1:1",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sotto_enode e;
        memset(&e, 0x55, sizeof e);
        if (parse(&e, cases[i]) != SOTTO_ERR_ENODE) fail_msg("accepted: %s", cases[i]);
        assert_int_equal(e.key[0], 0x55);                                      /* written only on success */
    }
    struct sotto_enode e;
    static const char zero[] = "enode://" KEY "@127.0.0.1:1\0";
    assert_int_equal(sotto_enode_parse(&e, sotto_span(zero, sizeof zero - 1)), SOTTO_ERR_ENODE);
}

static int setup(void **state)
{
    (void)state;
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_accepted), cmocka_unit_test(test_udp_port), cmocka_unit_test(test_refused) };
    return cmocka_run_group_tests(tests, setup, NULL);
}
