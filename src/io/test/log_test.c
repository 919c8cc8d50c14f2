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

/* ---- the lines kept ---- */

static struct sotto_buf kept;
static const char *tail(const char *area, enum sotto_level level, unsigned limit)
{
    sotto_buf_free(&kept);
    kept = sotto_buf_make(1 << 20);
    assert_ok(sotto_io_log_tail(logger, &kept, area, level, limit));
    assert_ok(sotto_buf_add_u8(&kept, 0));
    return (const char *)kept.data;
}

static void test_tail(void **state)
{
    (void)state;
    char text[4096];
    assert_string_equal(tail(NULL, SOTTO_LOG_DEBUG, 10), "[]");
    sotto_log_line(logger, SOTTO_LOG_INFO, "p2p", "one", "n=1");
    sotto_log_line(logger, SOTTO_LOG_WARN, "store", "two", NULL);
    sotto_log_line(logger, SOTTO_LOG_DEBUG, "store", "unsaid", NULL);
    sotto_log_line(logger, SOTTO_LOG_ERROR, "p2p", "three", NULL);
    size_t size = drain(text, sizeof text);
    json_t *all = json_loads(tail(NULL, SOTTO_LOG_DEBUG, 10), 0, NULL);
    assert_int_equal(json_array_size(all), 3);
    for (size_t i = 0, at = 0; i < 3; i++) {              /* the very lines that were written */
        char *end = memchr(text + at, '\n', size - at);
        *end = 0;
        json_t *line = json_loads(text + at, 0, NULL);
        assert_true(json_equal(line, json_array_get(all, i)));
        json_decref(line);
        at = (size_t)(end - text) + 1;
    }
    json_decref(all);
    assert_null(strstr(tail("p2p", SOTTO_LOG_DEBUG, 10), "two"));
    assert_null(strstr(tail(NULL, SOTTO_LOG_DEBUG, 2), "one"));
    assert_non_null(strstr(tail(NULL, SOTTO_LOG_DEBUG, 2), "two"));
    assert_null(strstr(tail(NULL, SOTTO_LOG_WARN, 10), "one"));
    assert_non_null(strstr(tail("p2p", SOTTO_LOG_INFO, 1), "three"));
    struct sotto_log_area own[SOTTO_LOG_AREAS_MAX];
    assert_ok(sotto_io_log_level(logger, "tcp", SOTTO_LOG_ERROR));
    assert_int_equal(sotto_io_log_areas(logger, own), 1);
    assert_string_equal(own[0].area, "tcp");
    assert_int_equal(own[0].level, SOTTO_LOG_ERROR);
    sotto_buf_free(&kept);
}

/* Against a list without bounds: what is kept are always its newest lines, as many as both bounds allow. */
static void test_ring(void **state)
{
    (void)state;
    unsigned seed = (unsigned)test_seed();
    static struct sotto_log_ring ring;
    enum { LINES = 6000 };
    static struct { unsigned size; enum sotto_level level; char area; } model[LINES];
    char *line = malloc(SOTTO_LOG_KEPT_BYTES + 1);
    memset(&ring, 0, sizeof ring);
    for (unsigned n = 0; n < LINES; n++) {
        bool large = rand_r(&seed) % 4000 == 0;
        unsigned size = large ? SOTTO_LOG_KEPT_BYTES / 2 + (unsigned)rand_r(&seed) % 1000 : 8 + (unsigned)rand_r(&seed) % (n / 3000 ? 600 : 40);
        char area[2] = { (char)('a' + rand_r(&seed) % 2), 0 };
        model[n].size = size;
        model[n].level = (enum sotto_level)(rand_r(&seed) % 4);
        model[n].area = area[0];
        memset(line, '0' + (int)(n % 10), size);
        char digits[9];
        snprintf(digits, sizeof digits, "%08u", n);
        memcpy(line, digits, 8);
        sotto_log_ring_add(&ring, model[n].level, area, sotto_span(line, size));
        if (n % 97 && n != LINES - 1) continue;
        unsigned first = n, bytes = model[n].size;
        while (first > 0 && n - first + 2 <= SOTTO_LOG_KEPT_LINES && bytes + model[first - 1].size <= SOTTO_LOG_KEPT_BYTES) bytes += model[--first].size;
        unsigned limit = 1 + (unsigned)rand_r(&seed) % 1200;
        enum sotto_level level = (enum sotto_level)(rand_r(&seed) % 4);
        const char *of = rand_r(&seed) % 2 ? "a" : NULL;
        unsigned from = n + 1;
        for (unsigned k = n + 1, left = limit; k > first && left > 0; k--) {
            if (model[k - 1].level > level || (of && model[k - 1].area != *of)) continue;
            from = k - 1;
            left--;
        }
        struct sotto_buf out = sotto_buf_make(1 << 20);
        assert_ok(sotto_log_ring_tail(&ring, &out, of, level, limit));
        size_t at = 1;
        assert_int_equal(out.data[0], '[');
        for (unsigned k = from; k <= n; k++) {
            if (model[k].level > level || (of && model[k].area != *of)) continue;
            if (at > 1) assert_int_equal(out.data[at++], ',');
            snprintf(digits, sizeof digits, "%08u", k);
            assert_true(at + model[k].size < out.size);
            assert_memory_equal(out.data + at, digits, 8);
            bool same = true;
            for (unsigned i = 8; i < model[k].size; i++) same &= out.data[at + i] == '0' + (int)(k % 10);
            assert_true(same);
            at += model[k].size;
        }
        assert_int_equal(at + 1, out.size);
        assert_int_equal(out.data[at], ']');
        sotto_buf_free(&out);
    }
    sotto_log_ring_add(&ring, SOTTO_LOG_INFO, "a", sotto_span(line, SOTTO_LOG_KEPT_BYTES + 1));      /* too long for any: the others stay */
    struct sotto_buf small = sotto_buf_make(20);
    assert_int_equal(sotto_log_ring_tail(&ring, &small, NULL, SOTTO_LOG_DEBUG, 100), SOTTO_ERR_FULL);
    assert_int_equal(small.size, 0);
    sotto_buf_free(&small);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_any_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_pipe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tail, setup, teardown),
        cmocka_unit_test(test_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
