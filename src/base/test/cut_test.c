/* Where values end in a stream: as the one who wrote it knows, however the stream is cut into pieces. */
#include "base/cut.h"
#include "support/test.h"

enum { STREAM_MAX = 1 << 14, VALUES_MAX = 256 };

static char stream[STREAM_MAX];
static size_t size;
static struct { size_t from, size; } values[VALUES_MAX];
static unsigned value_count, seed;

static unsigned below(unsigned n) { return (unsigned)rand_r(&seed) % n; }
static void add(const char *text)
{
    size_t n = strlen(text);
    assert_true(size + n < STREAM_MAX);
    memcpy(stream + size, text, n);
    size += n;
}

static void add_text(void)
{
    static const char *const parts[] = { "a", "{", "}", "[", "]", ",", ":", " ", "\\\"", "\\\\", "\\u007d", "\xc3\xa9", "\\n", "'", "}{" };
    add("\"");
    for (unsigned n = below(6); n > 0; n--) add(parts[below(sizeof parts / sizeof *parts)]);
    add("\"");
}

static void add_value(unsigned deep)
{
    static const char *const plain[] = { "1", "-0.5e3", "true", "null" };
    unsigned kind = deep > 5 ? below(2) : below(4), members = below(4);
    if (kind == 0) add(plain[below(4)]);
    else if (kind == 1) add_text();
    else {
        add(kind == 2 ? "{" : "[");
        for (unsigned i = 0; i < members; i++) {
            if (i) add(below(2) ? "," : " ,\t");
            if (kind == 2) {
                add_text();
                add(":");
            }
            add_value(deep + 1);
        }
        add(kind == 2 ? "}" : "]");
    }
}

/* A stream of values, with what its writer knows of them: objects and lists may stand one against the other, others need a line end. */
static void write_stream(void)
{
    static const char *const loose[] = { "", "\n", " ", "\r\n", "\n\n \t\r\n", "   ", "\t" }, *const ends[] = { "\n", "\r\n", "\n \n" };
    size = value_count = 0;
    unsigned count = below(20);
    for (unsigned i = 0; i < count; i++) {
        size_t from = size;
        add_value(0);
        values[value_count].from = from;
        values[value_count++].size = size - from;
        if (stream[from] == '{' || stream[from] == '[') add(loose[below(sizeof loose / sizeof *loose)]);
        else add(ends[below(sizeof ends / sizeof *ends)]);
    }
}

/* A reader as the door is one: told[] = what it would tell. */
static struct { size_t from, size; } told[STREAM_MAX];
static unsigned read_in_pieces(unsigned piece_max)
{
    struct sotto_cut cut = { 0 };
    unsigned count = 0;
    size_t from = 0;
    for (size_t at = 0; at < size;) {
        size_t piece = piece_max ? 1 + below(piece_max) : size, used;
        if (piece > size - at) piece = size - at;
        for (size_t end = at + piece; at < end;) {
            if (!sotto_cut_end(&cut, &used, sotto_span(stream + at, end - at))) {
                at = end;
                break;
            }
            at += used;
            size_t first = from, last = at;
            while (first < last && sotto_cut_blank((uint8_t)stream[first])) first++;
            while (last > first && (stream[last - 1] == '\n' || stream[last - 1] == '\r')) last--;
            if (last > first) told[count].from = first, told[count++].size = last - first;
            from = at;
        }
    }
    return count;
}

static void test_streams(void **state)
{
    (void)state;
    seed = (unsigned)test_seed();
    unsigned ends_by_bracket = 0;
    for (unsigned run = 1; run <= 3000; run++) {
        write_stream();
        for (unsigned way = 0; way < 4; way++) {
            unsigned count = read_in_pieces((const unsigned[]){ 0, 1, 3, 40 }[way]);
            test_rule(count == value_count, "every value is told once", run);
            for (unsigned i = 0; i < count; i++) test_rule(told[i].from == values[i].from && told[i].size == values[i].size, "as it was written", run);
        }
        for (unsigned i = 0; i < value_count; i++) ends_by_bracket += stream[values[i].from + values[i].size] != '\n' && stream[values[i].from] == '{';
    }
    assert_true(ends_by_bracket > 1000);                  /* some 5000 */
}

/* Rubbish too is told the same way however it comes, and a line end always ends it. */
static void test_rubbish(void **state)
{
    (void)state;
    static const char alphabet[] = "{}[]\"\\\n\r\t a1,:";
    seed = (unsigned)test_seed();
    static struct { size_t from, size; } whole[STREAM_MAX];
    for (unsigned run = 1; run <= 3000; run++) {
        size = 1 + below(300);
        for (size_t i = 0; i < size; i++) stream[i] = alphabet[below(sizeof alphabet - 1)];
        unsigned count = read_in_pieces(0);
        memcpy(whole, told, count * sizeof *whole);
        for (unsigned piece = 1; piece < 12; piece += 5) {
            test_rule(read_in_pieces(piece) == count, "as many as in one piece", run);
            test_rule(memcmp(whole, told, count * sizeof *whole) == 0, "the same ones", run);
        }
        for (unsigned i = 0; i < count; i++) test_rule(!memchr(stream + told[i].from, '\n', told[i].size), "no value holds a line end", run);
        struct sotto_cut cut = { 0 };
        size_t used, at = 0;
        while (at < size && sotto_cut_end(&cut, &used, sotto_span(stream + at, size - at))) at += used;
        bool ended = sotto_cut_end(&cut, &used, sotto_span("\n", 1));
        test_rule(ended && used == 1 && !cut.begun && cut.depth == 0, "behind a line end it begins anew", run);
    }
}

static void test_forms(void **state)
{
    (void)state;
    static const struct { const char *text; size_t used; } rows[] = {
        { "{}{}", 2 }, { "[]", 2 }, { "  [1,[2]] x", 9 }, { "{\"}\":1}", 7 }, { "{\"\\\"}\":1}", 9 }, { "{]", 2 }, { "1{}\n", 4 }, { "\n", 1 }, { "{\"a\n}", 4 },
        { "\"{}\"\n", 5 }, { "}\n", 2 }, { "{", 0 }, { "null", 0 }, { "{\"a\":\"}", 0 }, { "", 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sotto_cut cut = { 0 };
        size_t used = 0;
        assert_int_equal(sotto_cut_end(&cut, &used, sotto_span_str(rows[i].text)), rows[i].used > 0);
        assert_int_equal(used, rows[i].used);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_forms), cmocka_unit_test(test_streams), cmocka_unit_test(test_rubbish) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
