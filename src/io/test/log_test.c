/* Log lines: valid JSON whatever the fields hold, levels per area, never a stop at a full pipe. */
#include "io/log.h"
#include "io/test/world.h"

#include <fcntl.h>
#include <jansson.h>

static int ends[2];
static struct sotto_log *logger;

static int setup(void **state)
{
    (void)state;
    if (pipe2(ends, O_NONBLOCK) != 0) return -1;
    return sotto_io_log_new(&logger, ends[1], SOTTO_LOG_AUTO, SOTTO_LOG_INFO) == SOTTO_OK ? 0 : -1;
}
static int teardown(void **state)
{
    (void)state;
    sotto_io_log_free(logger);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static size_t drain(char *out, size_t max)
{
    size_t size = 0;
    ssize_t n;
    while (size < max - 1 && (n = read(ends[0], out + size, max - 1 - size)) > 0) size += (size_t)n;
    out[size] = 0;
    return size;
}

static json_t *next_line(void)
{
    char text[8192];
    size_t size = drain(text, sizeof text);
    assert_true(size > 0 && text[size - 1] == '\n');
    assert_ptr_equal(strchr(text, '\n'), text + size - 1);                /* one line */
    json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(line);
    return line;
}

static void test_json(void **state)
{
    (void)state;
    sotto_log_line(logger, SOTTO_LOG_WARN, "p2p", "peer-up", "peers=%d label=k7 ok=true negative=-5 zero=0 padded=007 text=\"two words\" empty= bare", 3);
    json_t *line = next_line();
    assert_true(json_integer_value(json_object_get(line, "ms")) > 1600000000000);
    assert_string_equal(json_string_value(json_object_get(line, "level")), "warn");
    assert_string_equal(json_string_value(json_object_get(line, "area")), "p2p");
    assert_string_equal(json_string_value(json_object_get(line, "event")), "peer-up");
    assert_int_equal(json_integer_value(json_object_get(line, "peers")), 3);
    assert_string_equal(json_string_value(json_object_get(line, "label")), "k7");
    assert_true(json_is_true(json_object_get(line, "ok")));
    assert_int_equal(json_integer_value(json_object_get(line, "negative")), -5);
    assert_true(json_is_integer(json_object_get(line, "zero")));
    assert_string_equal(json_string_value(json_object_get(line, "padded")), "007");
    assert_string_equal(json_string_value(json_object_get(line, "text")), "two words");
    assert_string_equal(json_string_value(json_object_get(line, "empty")), "");
    assert_string_equal(json_string_value(json_object_get(line, "bare")), "");
    json_decref(line);
}

/* Any bytes as fields, any length: always one line, always JSON. */
static void test_any_fields(void **state)
{
    (void)state;
    unsigned seed = (unsigned)test_seed();
    for (unsigned round = 0; round < 500; round++) {
        char fields[6000];
        size_t size = (size_t)rand_r(&seed) % (round % 10 == 0 ? sizeof fields : 200);
        for (size_t i = 0; i < size; i++) {
            char c = "ab=\" \\\n\x01\x7f\xc3z9"[rand_r(&seed) % 12];
            fields[i] = c ? c : 'x';
        }
        fields[size] = 0;
        logger->line(logger, SOTTO_LOG_ERROR, "area", "event", fields);
        char text[8192];
        size = drain(text, sizeof text);
        assert_true(size > 0 && size <= 2048 && text[size - 1] == '\n' && strchr(text, '\n') == text + size - 1);
        json_t *line = json_loads(text, 0, NULL);
        if (!line) fail_msg("no JSON: %s", text);
        json_decref(line);
    }
}

static void test_levels(void **state)
{
    (void)state;
    char text[4096];
    sotto_log_line(logger, SOTTO_LOG_DEBUG, "p2p", "quiet", NULL);
    assert_int_equal(drain(text, sizeof text), 0);
    assert_ok(sotto_io_log_level(logger, "p2p", SOTTO_LOG_DEBUG));
    sotto_log_line(logger, SOTTO_LOG_DEBUG, "p2p", "loud", NULL);
    sotto_log_line(logger, SOTTO_LOG_DEBUG, "store", "quiet", NULL);
    assert_true(drain(text, sizeof text) > 0);
    assert_non_null(strstr(text, "\"loud\""));
    assert_null(strstr(text, "\"quiet\""));
    assert_int_equal(sotto_io_log_get(logger, "p2p"), SOTTO_LOG_DEBUG);
    assert_int_equal(sotto_io_log_get(logger, "store"), SOTTO_LOG_INFO);
    assert_ok(sotto_io_log_level(logger, NULL, SOTTO_LOG_ERROR));
    assert_int_equal(sotto_io_log_get(logger, "p2p"), SOTTO_LOG_ERROR);
    assert_int_equal(sotto_io_log_level(logger, "a-name-of-sixteen", SOTTO_LOG_INFO), SOTTO_ERR_RANGE);
    for (unsigned i = 0; i < SOTTO_LOG_AREAS_MAX; i++) {
        char area[8];
        snprintf(area, sizeof area, "a%u", i);
        assert_ok(sotto_io_log_level(logger, area, SOTTO_LOG_INFO));
    }
    assert_int_equal(sotto_io_log_level(logger, "more", SOTTO_LOG_INFO), SOTTO_ERR_FULL);
    enum sotto_level level;
    assert_ok(sotto_level_parse(&level, "debug"));
    assert_int_equal(level, SOTTO_LOG_DEBUG);
    assert_int_equal(sotto_level_parse(&level, "loud"), SOTTO_ERR_FORMAT);
    assert_string_equal(sotto_level_name(SOTTO_LOG_WARN), "warn");
}

/* Nobody reads the pipe: lines are dropped and counted, the caller never waits (the write end blocks, as stderr does). */
static void test_full_pipe(void **state)
{
    (void)state;
    int flags = fcntl(ends[1], F_GETFL);
    assert_int_equal(fcntl(ends[1], F_SETFL, flags & ~O_NONBLOCK), 0);
    for (unsigned i = 0; i < 5000; i++) sotto_log_line(logger, SOTTO_LOG_INFO, "test", "line", "number=%u text=\"%0100u\"", i, i);
    static char text[1 << 20];
    size_t size = drain(text, sizeof text);
    assert_true(size > 4096 && text[size - 1] == '\n');
    sotto_log_line(logger, SOTTO_LOG_INFO, "test", "after", NULL);
    size = drain(text, sizeof text);
    assert_non_null(strstr(text, "\"event\":\"dropped\",\"lines\":"));
    assert_non_null(strstr(text, "\"event\":\"after\""));
}

static void test_text(void **state)
{
    (void)state;
    struct sotto_log *plain;
    char text[4096];
    assert_ok(sotto_io_log_new(&plain, ends[1], SOTTO_LOG_TEXT, SOTTO_LOG_INFO));
    sotto_log_line(plain, SOTTO_LOG_INFO, "node", "ready", "port=%d name=\"a b\"", 5);
    drain(text, sizeof text);
    assert_string_equal(text + 12, " info  node ready port=5 name=a b\n");
    sotto_io_log_free(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_any_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_pipe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_text, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
