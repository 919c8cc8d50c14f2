/* Does the runner notice a changed value? Every value of a file that is covered is changed, one at a time: each must make its case fail.
 * One program for each file: MUTATION_BOOK is its book.
 *
 *     mutation_messaging RUNNER                the test: values, keys, lists, groups; then the runner itself on changed files
 *     mutation_messaging --pins [GROUP]        prints the rows of pins_messaging.c for what no computation can notice
 *
 * First with the pins off: what goes unnoticed then must be exactly what the table holds. Then with them on: nothing may. */
#include "pins.h"
#include "vec.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEYS_MAX = 256, UNNOTICED_MAX = 4096, PATH_SIZE = 256 };

static const struct vec_book *const book = &MUTATION_BOOK;
static json_t *root;
static size_t tried, missed;
static char unnoticed[UNNOTICED_MAX][2][PATH_SIZE];       /* id, path */
static size_t unnoticed_count;
static bool only_unnoticed;               /* second round: what the first one noticed is noticed */

static bool in_list(const char *id, const char *path)
{
    for (size_t i = 0; i < unnoticed_count; i++)
        if (strcmp(unnoticed[i][0], id) == 0 && strcmp(unnoticed[i][1], path) == 0) return true;
    return false;
}

static void note(const char *id, const char *path)
{
    if (in_list(id, path)) return;
    SOTTO_ASSERT(unnoticed_count < UNNOTICED_MAX);
    snprintf(unnoticed[unnoticed_count][0], PATH_SIZE, "%s", id);
    snprintf(unnoticed[unnoticed_count++][1], PATH_SIZE, "%s", path);
}

/* One changed case; it must fail. */
static void must_fail(json_t *one, const char *id, const char *path)
{
    tried++;
    if (!vec_case(book, root, one, true)) return;
    missed++;
    if (only_unnoticed) fprintf(stderr, "not noticed: %s %s\n", id, path);
    else note(id, path);
}

/* ---- changing a leaf ---- */

static bool is_hex(const char *text)
{
    size_t n = strlen(text);
    return n >= 2 && n % 2 == 0 && strspn(text, "0123456789abcdef") == n;
}

static void change_text(json_t *one, json_t *leaf, const char *id, const char *path)
{
    char *old = strdup(json_string_value(leaf)), *text = strdup(old);
    SOTTO_ASSERT(old && text);
    size_t n = strlen(text), places[] = { 0, 1, n / 3, n / 2, n > 1 ? n - 2 : 0, n ? n - 1 : 0 };
    if (n == 0) {
        json_string_set(leaf, "00");
        must_fail(one, id, path);
    }
    for (size_t i = 0; n > 0 && i < sizeof places / sizeof *places; i++) {
        if (i > 0 && places[i] == places[i - 1]) continue;
        char *c = &text[places[i] < n ? places[i] : n - 1], keep = *c;
        if (is_hex(old)) *c = keep == '9' ? '8' : keep == 'a' ? 'b' : (char)(keep ^ 1);
        else *c = isalnum((unsigned char)keep) && keep != 'z' && keep != 'Z' && keep != '9' ? (char)(keep + 1) : 'a';
        if (*c == keep) *c = 'b';
        if (json_string_set(leaf, text) == 0) must_fail(one, id, path);       /* no UTF-8: no such text can stand in a file */
        *c = keep;
    }
    json_string_set(leaf, old);
    free(old);
    free(text);
}

static void change_number(json_t *one, json_t *leaf, const char *id, const char *path)
{
    if (json_is_real(leaf)) {
        double old = json_real_value(leaf);
        json_real_set(leaf, nextafter(old, 1e9));
        must_fail(one, id, path);
        json_real_set(leaf, old);
        return;
    }
    json_int_t old = json_integer_value(leaf);
    const json_int_t values[] = { old + 1, old - 1, old + 256 };
    for (size_t i = 0; i < 3; i++) {
        json_integer_set(leaf, values[i]);
        must_fail(one, id, path);
    }
    json_integer_set(leaf, old);
}

static void change_leaves(json_t *one, json_t *value, const char *id, const char *path)
{
    char name[PATH_SIZE];
    const char *key;
    json_t *child;
    size_t i;
    json_object_foreach(value, key, child) {
        snprintf(name, sizeof name, "%s%s%s", path, *path ? "." : "", key);
        change_leaves(one, child, id, name);
    }
    json_array_foreach(value, i, child) {
        snprintf(name, sizeof name, "%s.%zu", path, i);
        change_leaves(one, child, id, name);
    }
    if (only_unnoticed && !in_list(id, path)) return;
    if (json_is_string(value)) change_text(one, value, id, path);
    else if (json_is_number(value)) change_number(one, value, id, path);
}

/* ---- changing the shape: a key more, a key less, a list longer or shorter ---- */

static size_t shape_missed;

static void shape_must_fail(json_t *one, const char *id, const char *path, const char *how)
{
    tried++;
    if (!vec_case(book, root, one, true)) return;
    shape_missed++;
    fprintf(stderr, "not noticed: %s %s %s\n", id, path, how);
}

static void change_shape(json_t *one, json_t *value, const char *id, const char *path)
{
    char name[PATH_SIZE];
    size_t count = json_object_size(value), i;
    json_t *child;
    if (json_is_object(value)) {
        json_object_set_new(value, "surplus", json_integer(1));
        shape_must_fail(one, id, path, "with a surplus key");
        json_object_del(value, "surplus");
        const char *keys[KEYS_MAX];
        size_t n = 0;
        const char *key;
        SOTTO_ASSERT(count <= KEYS_MAX);
        json_object_foreach(value, key, child) keys[n++] = key;
        for (i = 0; i < n; i++) {
            char *copy = strdup(keys[i]);             /* the object's own key dies with the entry */
            SOTTO_ASSERT(copy);
            child = json_incref(json_object_get(value, copy));
            snprintf(name, sizeof name, "%s.%s", path, copy);
            json_object_del(value, copy);
            shape_must_fail(one, id, name, "left out");
            json_object_set(value, copy, child);
            keys[i] = json_object_iter_key(json_object_iter_at(value, copy));
            change_shape(one, child, id, name);
            json_decref(child);
            free(copy);
        }
    } else if (json_is_array(value) && json_array_size(value) > 0) {
        json_t *last = json_incref(json_array_get(value, json_array_size(value) - 1));
        json_array_append_new(value, json_deep_copy(last));
        shape_must_fail(one, id, path, "with the last entry twice");
        json_array_remove(value, json_array_size(value) - 1);
        json_array_remove(value, json_array_size(value) - 1);
        shape_must_fail(one, id, path, "without its last entry");
        json_array_append(value, last);
        json_decref(last);
        json_array_foreach(value, i, child) {
            snprintf(name, sizeof name, "%s.%zu", path, i);
            if (json_is_object(child)) change_shape(one, child, id, name);
        }
    }
}

/* ---- whole files ---- */

static bool run_on(const char *runner, const char *folder)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        setenv("SOTTO_VECTORS", folder, 1);
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)) _exit(126);
        execl(runner, runner, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0) return false;
    SOTTO_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) < 126);
    return WEXITSTATUS(status) == 0;
}

static bool file_passes(const char *runner, const char *folder, json_t *changed)
{
    char path[PATH_SIZE + 32];
    snprintf(path, sizeof path, "%s/%s", folder, book->file);
    SOTTO_ASSERT(json_dump_file(changed, path, JSON_COMPACT) == 0);
    bool passes = run_on(runner, folder);
    unlink(path);
    tried++;
    return passes;
}

static void without_group(json_t *changed, const char *group)
{
    json_t *list = json_object_get(changed, "vectors");
    for (size_t i = json_array_size(list); i-- > 0;)
        if (strcmp(json_string_value(json_object_get(json_array_get(list, i), "group")), group) == 0) json_array_remove(list, i);
}

static size_t file_faults(const char *runner)
{
    size_t faults = 0, cases = json_array_size(json_object_get(root, "vectors"));
    size_t every = cases / 16 > 11 ? cases / 16 : 11;     /* each look is a whole run of the test: a long file gets no more of them */
    char folder[] = "/tmp/sotto-vectors-XXXXXX";
    SOTTO_ASSERT(mkdtemp(folder));
    json_t *list = json_object_get(root, "vectors"), *one;
    size_t i;
#define EXPECT(passes, what) \
    do { \
        if (file_passes(runner, folder, changed) != (passes)) faults++, fprintf(stderr, "runner: wrong about %s\n", what); \
        json_decref(changed); \
    } while (0)
    json_t *changed = json_deep_copy(root);
    EXPECT(true, "an unchanged copy");

    json_array_foreach(list, i, one) {    /* each group missing */
        const char *group = json_string_value(json_object_get(one, "group"));
        if (i > 0 && strcmp(group, json_string_value(json_object_get(json_array_get(list, i - 1), "group"))) == 0) continue;
        changed = json_deep_copy(root);
        without_group(changed, group);
        EXPECT(false, group);
    }
    json_array_foreach(list, i, one) {    /* a group nobody knows, an id twice, a value changed in the last place of the file */
        if (i % every != 0) continue;
        changed = json_deep_copy(root);
        json_object_set_new(json_array_get(json_object_get(changed, "vectors"), i), "group", json_string("secret"));
        EXPECT(false, "an unknown group");
        changed = json_deep_copy(root);
        json_array_append_new(json_object_get(changed, "vectors"), json_deep_copy(one));
        EXPECT(false, "an id used twice");
    }
    changed = json_deep_copy(root);
    json_object_set_new(changed, "surplus", json_true());
    EXPECT(false, "an unknown key of the file");
    changed = json_deep_copy(root);
    json_object_set_new(changed, "version", json_integer(2));
    EXPECT(false, "another version");
    changed = json_deep_copy(root);
    json_object_set_new(json_object_get(changed, "fields"), "secret", json_string("a group"));
    EXPECT(false, "a field note about an unknown group");
    changed = json_deep_copy(root);
    json_object_set_new(json_object_get(json_array_get(json_object_get(changed, "vectors"), 0), "out"), "id", json_string("00"));
    EXPECT(false, "a changed value");
    changed = json_array();
    EXPECT(false, "a file of another form");
#undef EXPECT
    if (run_on(runner, folder)) faults++, fprintf(stderr, "runner: passes without a file\n");
    rmdir(folder);
    return faults;
}

/* ---- the test ---- */

static json_t *case_of(const char *id)
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(root, "vectors"), i, one)
        if (strcmp(json_string_value(json_object_get(one, "id")), id) == 0) return one;
    return NULL;
}

static bool pinned(const char *id, const char *path)
{
    struct vec_pin pin;
    if (!vec_pin_make(&pin, case_of(id), path)) return false;
    for (size_t i = 0; i < *book->pin_count; i++)
        if (strcmp(book->pins[i].path, path) == 0 && book->pins[i].rest == pin.rest && book->pins[i].value == pin.value) return true;
    return false;
}

static void change_all(const char *group)                 /* NULL: every one */
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(root, "vectors"), i, one) {
        if (vec_later(book, one) || (group && strcmp(json_string_value(json_object_get(one, "group")), group) != 0)) continue;
        char *id = strdup(json_string_value(json_object_get(one, "id")));
        SOTTO_ASSERT(id);
        change_leaves(one, one, id, "");
        free(id);
    }
}

static int print_pins(const char *group)
{
    struct vec_pin pin;
    vec_pins_off = true;
    change_all(group);
    for (size_t i = 0; i < unnoticed_count; i++) {
        if (!vec_pin_make(&pin, case_of(unnoticed[i][0]), unnoticed[i][1])) return 1;
        printf("    { \"%s\", \"%s\", 0x%016llxu, 0x%016llxu },\n", pin.group, pin.path, (unsigned long long)pin.rest, (unsigned long long)pin.value);
    }
    return 0;
}

int main(int argc, char **argv)
{
    size_t cases;
    unsetenv("SOTTO_VECTORS");            /* the published file, whatever else is being tested */
    if (argc < 2 || argc > 3 || sotto_crypto_init() != SOTTO_OK || !(root = vec_load(book))) return 1;
    if (strcmp(argv[1], "--pins") == 0) return print_pins(argv[2]);
    size_t faults = 0;
    if (!vec_file(book, root, false, &cases)) return 1;

    vec_pins_off = true;
    change_all(NULL);
    size_t without = unnoticed_count;
    for (size_t i = 0; i < unnoticed_count; i++) {
        if (pinned(unnoticed[i][0], unnoticed[i][1])) continue;
        fprintf(stderr, "no check notices %s %s\n", unnoticed[i][0], unnoticed[i][1]);
        faults++;
    }
    vec_pins_off = false;
    only_unnoticed = true;
    missed = 0;
    change_all(NULL);
    faults += missed;

    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(root, "vectors"), i, one)
        if (!vec_later(book, one)) change_shape(one, one, json_string_value(json_object_get(one, "id")), "");
    faults += shape_missed;
    if (!vec_file(book, root, false, &cases)) faults++, fputs("the file is not as it was\n", stderr);
    faults += file_faults(argv[1]);
    json_decref(root);
    printf("%zu changes of %zu cases, %zu values that no computation can notice: %s\n", tried, cases, without,
           faults ? "FAILED" : "every change is noticed");
    return faults ? 1 : 0;
}
