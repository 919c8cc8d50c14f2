/* The groups of addresses: tests/vectors/network.json, group "group" (SOTTO_VECTORS names another folder). */
#include "support/test.h"

#include "base/text.h"
#include "p2p/group.h"

#include <jansson.h>

static json_t *root;

static size_t hex_of(uint8_t *out, size_t max, const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    if (!text) return 0;
    size_t size = strlen(text) / 2;
    assert_true(size <= max);
    assert_int_equal(sotto_unhex(out, size, sotto_span_str(text)), SOTTO_OK);
    return size;
}

static void test_vectors(void **state)
{
    (void)state;
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    size_t i;
    unsigned kinds[3] = { 0 };
    json_t *v;
    json_array_foreach(json_object_get(root, "vectors"), i, v) {
        if (strcmp(json_string_value(json_object_get(v, "group")), "group") != 0) continue;
        uint8_t in[32], want[8];
        const json_t *given = json_object_get(v, "in");
        struct sotto_group g;
        if (hex_of(in, sizeof in, given, "node") == 32) {
            g = sotto_group_of_name(in);
            kinds[2]++;
        } else {
            assert_int_equal(hex_of(in, sizeof in, given, "ip16"), 16);
            struct sotto_addr addr = { .family = memcmp(in, mapped, sizeof mapped) == 0 ? 4 : 6, .port = 1 };
            memcpy(addr.ip, addr.family == 4 ? in + 12 : in, addr.family == 4 ? 4 : 16);
            g = sotto_group_of(&addr, false);
            kinds[addr.family == 6]++;
        }
        assert_int_equal(hex_of(want, sizeof want, json_object_get(v, "out"), "group"), g.size);
        assert_memory_equal(want, g.b, g.size);
    }
    for (unsigned k = 0; k < 3; k++) assert_true(kinds[k] > 0);
}

static void test_local(void **state)
{
    (void)state;
    struct sotto_addr a = { .ip = { 127, 0, 0, 1 }, .port = 30303, .family = 4 }, b = a, none = { .family = 0 };
    b.port++;
    struct sotto_group ga = sotto_group_of(&a, true), gb = sotto_group_of(&b, true), gc = sotto_group_of(&a, false), gd = sotto_group_of(&b, false);
    struct sotto_group nowhere = sotto_group_of(&none, true);
    assert_false(sotto_group_equal(&ga, &gb));
    assert_true(sotto_group_equal(&gc, &gd));
    assert_false(sotto_group_equal(&ga, &gc));
    assert_int_equal(nowhere.size, 0);
    struct sotto_addr lan = { .ip = { 10, 0, 0, 1 }, .port = 1, .family = 4 };
    ga = sotto_group_of(&lan, true);
    gb = sotto_group_of(&lan, false);
    assert_true(sotto_group_equal(&ga, &gb));
}

static int setup(void **state)
{
    (void)state;
    char path[4096];
    const char *folder = getenv("SOTTO_VECTORS");
    if (folder) snprintf(path, sizeof path, "%s/network.json", folder);
    else snprintf(path, sizeof path, SOTTO_SOURCE_DIR "/tests/vectors/network.json");
    root = json_load_file(path, 0, NULL);
    return root ? 0 : -1;
}
static int teardown(void **state)
{
    (void)state;
    json_decref(root);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_vectors), cmocka_unit_test(test_local) };
    return cmocka_run_group_tests(tests, setup, teardown);
}
