/* The lines between sotto-portmap and a node. */
#include "support/test.h"

#include "io/portmap.h"

static enum sotto_err read_text(struct sotto_map_report *r, const char *text) { return sotto_portmap_read(r, sotto_span_str(text)); }

static void test_lines(void **state)
{
    (void)state;
    struct sotto_map_report r;
    assert_int_equal(read_text(&r, "upnp silent\nnatpmp mapped 45.67.89.10:30303 3600\n"), SOTTO_OK);
    assert_int_equal(r.count, 2);
    assert_int_equal(r.tries[0].method, SOTTO_MAP_UPNP);
    assert_int_equal(r.tries[0].result, SOTTO_MAP_SILENT);
    assert_int_equal(r.tries[1].result, SOTTO_MAP_MAPPED);
    assert_int_equal(r.tries[1].addr.port, 30303);
    assert_int_equal(r.tries[1].lease_s, 3600);
    assert_memory_equal(r.tries[1].addr.ip, ((uint8_t[]){ 45, 67, 89, 10 }), 4);
    assert_int_equal(read_text(&r, "upnp mapped 45.67.89.10:1 0 http://192.168.1.1:5000/root.xml\n"), SOTTO_OK);
    assert_string_equal(r.tries[0].url, "http://192.168.1.1:5000/root.xml");
    assert_int_equal(read_text(&r, ""), SOTTO_OK);
    assert_int_equal(r.count, 0);
    assert_int_equal(read_text(&r, "upnp silent\nnatpmp map"), SOTTO_OK);          /* it was ended in the middle of a word */
    assert_int_equal(r.count, 1);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\n", "upnp\n", "upnp silent \n", " upnp silent\n", "upnp  silent\n", "upnp silent x\n", "UPNP silent\n", "upnp none\n", "pcp silent\n", "upnp silent\r\n",
        "upnp mapped\n", "natpmp mapped 45.67.89.10 3600\n", "natpmp mapped 45.67.89.10:30303\n", "natpmp mapped 45.67.89.10:030303 3600\n",
        "natpmp mapped 45.67.89.10:65536 3600\n", "natpmp mapped 45.67.89.10:30303 4294967296\n", "natpmp mapped 45.67.89.10:30303 -1\n", "natpmp mapped 45.67.89:30303 3600\n",
        "natpmp mapped [::1]:30303 3600\n", "natpmp mapped 45.67.89.10:30303 3600 http://192.168.1.1/\n", "upnp mapped 45.67.89.10:30303 3600\n",
        "upnp mapped 45.67.89.10:30303 3600 http://8.8.8.8/\n", "upnp mapped 45.67.89.10:30303 3600 https://192.168.1.1/\n", "upnp mapped 45.67.89.10:30303 3600 http://192.168.1.1/ x\n",
        "upnp silent\nupnp silent\nupnp silent\n", "natpmp mapped 45.67.89.10:30303 03600\n",
    };
    struct sotto_map_report r;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (read_text(&r, bad[i]) != SOTTO_ERR_FORMAT) fail_msg("taken: %s", bad[i]);
    char with_zero[] = "upnp silent\0\n", *large = malloc(SOTTO_PORTMAP_LINES_MAX + 1);
    assert_int_equal(sotto_portmap_read(&r, sotto_span(with_zero, sizeof with_zero - 1)), SOTTO_ERR_FORMAT);
    memset(large, 'a', SOTTO_PORTMAP_LINES_MAX + 1);
    assert_int_equal(sotto_portmap_read(&r, sotto_span(large, SOTTO_PORTMAP_LINES_MAX + 1)), SOTTO_ERR_FORMAT);
    free(large);
}

/* A router's own words go into a line only as far as a URL may look. */
static void test_url(void **state)
{
    (void)state;
    char large[SOTTO_MAP_URL_SIZE + 8];
    assert_true(sotto_portmap_url("http://10.0.0.1/") && sotto_portmap_url("http://172.31.0.1:80") && sotto_portmap_url("http://100.64.0.1:5000/a?b=c#d"));
    assert_true(sotto_portmap_url("http://169.254.1.1/x") && sotto_portmap_url("http://192.168.255.255"));
    static const char *const bad[] = { "", "http://", "http://router/", "http://172.32.0.1/", "http://127.0.0.1/", "http://0.0.0.0/", "http://1.2.3.4/", "http://10.0.0.1 /", "http://10.0.0.1/\n",
                                       "http://10.0.0.1/\xc3\xa9", "ftp://10.0.0.1/", "http://[fe80::1]/", "http://10.1/", "http://10.0.0.1@8.8.8.8/", "HTTP://10.0.0.1/" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (sotto_portmap_url(bad[i])) fail_msg("taken: %s", bad[i]);
    memset(large, 'a', sizeof large);
    memcpy(large, "http://10.0.0.1/", 16);
    large[SOTTO_MAP_URL_SIZE - 1] = 0;
    assert_true(sotto_portmap_url(large));
    large[SOTTO_MAP_URL_SIZE - 1] = 'a';
    large[SOTTO_MAP_URL_SIZE] = 0;
    assert_false(sotto_portmap_url(large));
}

/* Every word and every sentence is there; what is written is read. */
static void test_words(void **state)
{
    (void)state;
    for (int m = 0; m < SOTTO_MAP_METHOD_COUNT; m++)
        for (int i = 0; i < SOTTO_MAP_RESULT_COUNT; i++) {
            struct sotto_map_try t = { .method = (enum sotto_map_method)m, .result = (enum sotto_map_result)i };
            struct sotto_map_report r;
            struct sotto_buf line = sotto_buf_make(SOTTO_PORTMAP_LINES_MAX);
            if (i == SOTTO_MAP_MAPPED) t.addr = (struct sotto_addr){ .ip = { 1, 2, 3, 4 }, .port = 65535, .family = 4 };
            if (i == SOTTO_MAP_MAPPED && m == SOTTO_MAP_UPNP) strcpy(t.url, "http://10.0.0.1/");
            assert_int_equal(sotto_portmap_write(&line, &t), SOTTO_OK);
            assert_int_equal(sotto_portmap_read(&r, sotto_buf_span(&line)), SOTTO_OK);
            assert_true(r.count == 1 && r.tries[0].method == t.method && r.tries[0].result == t.result && sotto_addr_equal(&r.tries[0].addr, &t.addr));
            assert_true(strlen(sotto_map_result_text(t.result)) > 10 && strlen(sotto_map_method_text(t.method)) >= 4);
            sotto_buf_free(&line);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_refused), cmocka_unit_test(test_url), cmocka_unit_test(test_words) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
