#include "vec.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- memory of one case: bytes decoded from hex ---- */

struct kept { struct kept *next; uint8_t data[]; };
static struct kept *kept_list;

static uint8_t *keep(size_t size)
{
    struct kept *k = malloc(sizeof *k + size + 1);
    SOTTO_ASSERT(k);
    k->next = kept_list;
    kept_list = k;
    return k->data;
}

static void drop_kept(void)
{
    while (kept_list) {
        struct kept *k = kept_list;
        kept_list = k->next;
        free(k);
    }
}

/* ---- faults and marks ---- */

void vec_fault(struct vec *v, const char *why, ...)
{
    if (!v->quiet) {
        va_list args;
        va_start(args, why);
        fprintf(stderr, "FAIL %s: ", v->id ? v->id : "file");
        vfprintf(stderr, why, args);
        fputc('\n', stderr);
        va_end(args);
    }
    longjmp(v->fault, 1);
}

static bool marked(const struct vec *v, const json_t *value)
{
    for (size_t i = 0; i < v->mark_count; i++)
        if (v->marks[i] == value) return true;
    return false;
}

void vec_mark(struct vec *v, const json_t *value)
{
    if (v->mark_count == v->mark_cap) {
        v->mark_cap = v->mark_cap ? 2 * v->mark_cap : 256;
        v->marks = realloc(v->marks, v->mark_cap * sizeof *v->marks);
        SOTTO_ASSERT(v->marks);
    }
    v->marks[v->mark_count++] = value;
}

void vec_mark_all(struct vec *v, const json_t *value)
{
    const char *key;
    const json_t *child;
    size_t i;
    vec_mark(v, value);
    json_object_foreach((json_t *)value, key, child) vec_mark_all(v, child);
    json_array_foreach(value, i, child) vec_mark_all(v, child);
}

/* Everything below value was asked for, objects and arrays too (an empty one must have been looked at). */
static void check_marked(struct vec *v, const json_t *value, const char *path)
{
    char name[256];
    const char *key;
    const json_t *child;
    size_t i;
    if (!marked(v, value)) vec_fault(v, "%s: nobody knows this value", path);
    json_object_foreach((json_t *)value, key, child) {
        snprintf(name, sizeof name, "%s.%s", path, key);
        check_marked(v, child, name);
    }
    json_array_foreach(value, i, child) {
        snprintf(name, sizeof name, "%s[%zu]", path, i);
        check_marked(v, child, name);
    }
}

/* ---- reading ---- */

bool vec_has(const json_t *object, const char *key) { return json_object_get(object, key) != NULL; }

static json_t *member(struct vec *v, const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (!value) vec_fault(v, "%s is missing", key);
    vec_mark(v, value);
    return value;
}

json_t *vec_get(struct vec *v, const json_t *object, const char *key)
{
    json_t *value = member(v, object, key);
    if (!json_is_object(value) && !json_is_array(value)) vec_fault(v, "%s is no object and no list", key);
    return value;
}

const char *vec_str(struct vec *v, const json_t *object, const char *key)
{
    json_t *value = member(v, object, key);
    if (!json_is_string(value)) vec_fault(v, "%s is no text", key);
    return json_string_value(value);
}

uint64_t vec_num(struct vec *v, const json_t *object, const char *key)
{
    json_t *value = member(v, object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0) vec_fault(v, "%s is no whole number >= 0", key);
    return (uint64_t)json_integer_value(value);
}

uint64_t vec_u64(struct vec *v, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (!text) return vec_num(v, object, key);
    vec_mark(v, json_object_get(object, key));
    uint64_t n = 0;
    for (const char *c = text; *c; c++)
        if (*c < '0' || *c > '9' || (c == text && *c == '0' && c[1]) || __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*c - '0'), &n))
            vec_fault(v, "%s is no number of 64 bits", key);
    if (!*text) vec_fault(v, "%s is empty", key);
    return n;
}

struct sotto_span vec_bytes_value(struct vec *v, const json_t *value, const char *key)
{
    vec_mark(v, value);
    if (!json_is_string(value)) vec_fault(v, "%s is no text", key);
    const char *text = json_string_value(value);
    size_t size = strlen(text) / 2;
    uint8_t *data = keep(size);
    for (const char *c = text; *c; c++)
        if (*c >= 'A' && *c <= 'F') vec_fault(v, "%s is not lower-case hex", key);
    if (sotto_unhex(data, size, sotto_span_str(text)) != SOTTO_OK) vec_fault(v, "%s is no hex", key);
    return sotto_span(data, size);
}

struct sotto_span vec_bytes(struct vec *v, const json_t *object, const char *key) { return vec_bytes_value(v, member(v, object, key), key); }

void vec_hex(struct vec *v, const json_t *object, const char *key, void *out, size_t size)
{
    struct sotto_span bytes = vec_bytes(v, object, key);
    if (bytes.size != size) vec_fault(v, "%s has %zu bytes, not %zu", key, bytes.size, size);
    memcpy(out, bytes.data, size);
}

struct sotto_scalar vec_scalar(struct vec *v, const json_t *object, const char *key)
{
    struct sotto_scalar k;
    vec_hex(v, object, key, k.b, sizeof k.b);
    if (!sotto_scalar_valid(&k)) vec_fault(v, "%s is no scalar", key);
    return k;
}

struct sotto_point vec_point(struct vec *v, const json_t *object, const char *key)
{
    struct sotto_point p;
    vec_hex(v, object, key, p.b, sizeof p.b);
    if (sotto_point_check(p.b) != SOTTO_OK) vec_fault(v, "%s is no point", key);
    return p;
}

struct sotto_id vec_id(struct vec *v, const json_t *object, const char *key)
{
    struct sotto_id id;
    vec_hex(v, object, key, id.b, sizeof id.b);
    return id;
}

/* ---- comparing ---- */

void vec_is_hex_value(struct vec *v, const json_t *value, const char *what, const void *bytes, size_t size)
{
    vec_mark(v, value);
    char *hex = (char *)keep(2 * size);
    sotto_hex(hex, bytes, size);
    if (!json_is_string(value) || strcmp(json_string_value(value), hex) != 0) vec_fault(v, "%s: computed %.140s", what, hex);
}

void vec_is_hex(struct vec *v, const json_t *object, const char *key, const void *bytes, size_t size)
{
    vec_is_hex_value(v, member(v, object, key), key, bytes, size);
}

void vec_is_str(struct vec *v, const json_t *object, const char *key, const char *text)
{
    if (strcmp(vec_str(v, object, key), text) != 0) vec_fault(v, "%s: computed %.140s", key, text);
}

void vec_is_num(struct vec *v, const json_t *object, const char *key, uint64_t value)
{
    if (vec_num(v, object, key) != value) vec_fault(v, "%s: computed %llu", key, (unsigned long long)value);
}

void vec_is_real(struct vec *v, const json_t *object, const char *key, double value)
{
    json_t *real = member(v, object, key);
    if (!json_is_real(real) || json_real_value(real) != value) vec_fault(v, "%s: computed %.17g", key, value);
}

bool vec_refused(const struct vec *v) { return vec_has(v->out, "error"); }

void vec_is_error(struct vec *v, enum sotto_err err) { vec_is_str(v, v->out, "error", sotto_err_name(err)); }

/* ---- a case, a file ---- */

static vec_group_fn *group_of(const struct vec_book *book, const char *name)
{
    for (size_t i = 0; i < book->group_count; i++)
        if (strcmp(book->groups[i].name, name) == 0) return book->groups[i].run;
    return NULL;
}

static bool listed(const char *const *list, const char *name)
{
    for (; name && *list; list++)
        if (strcmp(*list, name) == 0) return true;
    return false;
}

bool vec_later(const struct vec_book *book, const json_t *one)
{
    return listed(book->later, json_string_value(json_object_get(one, "group")));
}

/* A case of a file of lists has no name of its own: it is called by its group and its place in it. */
static void check_place(struct vec *v, const json_t *one)
{
    char id[128];
    size_t place = 0, i;
    json_t *other;
    json_array_foreach(json_object_get(v->root, "vectors"), i, other) {
        const char *group = json_string_value(json_object_get(other, "group"));
        place += group && strcmp(group, v->group) == 0;
        if (other == one) break;
    }
    snprintf(id, sizeof id, "%s-%zu", v->group, place);
    vec_is_str(v, one, "id", id);
    vec_is_str(v, one, "what", id);
}

static void run_case(struct vec *v, json_t *one)
{
    static const char *const keys[] = { "id", "group", "what", "in", "out" };
    for (size_t i = 0; i < 5; i++)
        if (!vec_has(one, keys[i])) vec_fault(v, "%s is missing", keys[i]);
    if (json_object_size(one) != 5) vec_fault(v, "more than the five keys of a case");
    if (strlen(vec_str(v, one, "what")) == 0) vec_fault(v, "what is empty");
    v->group = vec_str(v, one, "group");
    v->what = json_object_get(one, "what");
    v->in = vec_get(v, one, "in");
    v->out = vec_get(v, one, "out");
    size_t n = strlen(v->group);
    if (strncmp(v->id, v->group, n) != 0 || v->id[n] != '-' || v->id[n + 1] == 0) vec_fault(v, "id does not begin with its group");
    if (vec_later(v->book, one)) return;
    vec_group_fn *run = group_of(v->book, v->group);
    if (!run) vec_fault(v, "unknown group %s", v->group);
    if (v->book->lists) check_place(v, one);
    run(v);
    check_marked(v, v->in, "in");
    check_marked(v, v->out, "out");
    const char *pin = vec_pin_broken(v->book, one);
    if (pin) vec_fault(v, "%s differs from the published case", pin);
}

bool vec_case(const struct vec_book *book, json_t *root, json_t *one, bool quiet)
{
    struct vec v = { .book = book, .root = root, .quiet = quiet };
    const json_t *id = json_object_get(one, "id");
    v.id = json_is_string(id) ? json_string_value(id) : "case without id";
    bool good = setjmp(v.fault) == 0;
    if (good) run_case(&v, one);
    free(v.marks);
    drop_kept();
    return good;
}

static void check_head(struct vec *v, json_t *root)
{
    static const char *const keys[] = { "version", "spec", "note", "fields", "vectors" };
    const char *key;
    json_t *text;
    if (!json_is_object(root) || json_object_size(root) != 5) vec_fault(v, "not the five keys of a vector file");
    for (size_t i = 0; i < 5; i++)
        if (!vec_has(root, keys[i])) vec_fault(v, "%s is missing", keys[i]);
    vec_is_num(v, root, "version", 1);
    vec_is_str(v, root, "spec", v->book->spec);
    if (strlen(vec_str(v, root, "note")) == 0) vec_fault(v, "note is empty");
    json_object_foreach(vec_get(v, root, "fields"), key, text)
        if (!json_is_string(text) || (!listed(v->book->notes, key) && !listed(v->book->later, key) && !group_of(v->book, key)))
            vec_fault(v, "fields explains %s, which is no group", key);
    if (!json_is_array(vec_get(v, root, "vectors"))) vec_fault(v, "vectors is no list");
}

static bool head_good(const struct vec_book *book, json_t *root, bool quiet)
{
    struct vec v = { .book = book, .root = root, .quiet = quiet };
    bool good = setjmp(v.fault) == 0;
    if (good) check_head(&v, root);
    free(v.marks);
    return good;
}

static size_t count_group(json_t *list, const char *name)
{
    size_t count = 0, i;
    json_t *one;
    json_array_foreach(list, i, one) {
        const char *group = json_string_value(json_object_get(one, "group"));
        count += group && strcmp(group, name) == 0;
    }
    return count;
}

static bool group_there(json_t *list, const char *name, bool quiet)
{
    if (count_group(list, name)) return true;
    if (!quiet) fprintf(stderr, "FAIL file: no case of group %s\n", name);
    return false;
}

static bool groups_there(const struct vec_book *book, json_t *list, bool quiet)
{
    bool good = true;
    for (size_t g = 0; g < book->group_count; g++) good = group_there(list, book->groups[g].name, quiet) && good;
    for (const char *const *name = book->later; *name; name++) {
        good = group_there(list, *name, quiet) && good;
        if (!quiet) printf("not yet covered: %s, %zu cases\n", *name, count_group(list, *name));
    }
    return good;
}

bool vec_file(const struct vec_book *book, json_t *root, bool quiet, size_t *cases)
{
    *cases = 0;
    if (!head_good(book, root, quiet)) return false;
    bool good = true;
    json_t *list = json_object_get(root, "vectors"), *one, *ids = json_object();
    size_t i;
    json_array_foreach(list, i, one) {
        const char *id = json_string_value(json_object_get(one, "id"));
        bool fresh = id && !json_object_get(ids, id);
        if (!fresh && !quiet) fprintf(stderr, "FAIL case %zu: id missing or used twice\n", i);
        if (fresh) json_object_set_new(ids, id, json_null());
        good = vec_case(book, root, one, quiet) && fresh && good;
        *cases += !vec_later(book, one);
    }
    json_decref(ids);
    return groups_there(book, list, quiet) && good;
}

int vec_main(const struct vec_book *book)
{
    size_t cases = 0;
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    json_t *root = vec_load(book);
    bool good = root && vec_file(book, root, false, &cases);
    json_decref(root);
    printf("%zu cases of %s: %s\n", cases, book->file, good ? "all pass" : "FAILED");
    return good ? 0 : 1;
}

/* One case of a file of lists: all of it is "in", but for the error it must end with. */
static void add_case(json_t *list, const char *group, size_t place, json_t *one)
{
    char id[128];
    snprintf(id, sizeof id, "%s-%zu", group, place);
    json_t *in = json_copy(one), *out = json_object(), *error = json_object_get(in, "error");
    if (json_is_string(error)) {
        json_object_set(out, "error", error);
        json_object_del(in, "error");
    }
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o, s:o}", "id", id, "group", group, "what", id, "in", in, "out", out));
}

static json_t *in_form(const struct vec_book *book, json_t *lists)
{
    const char *key;
    json_t *value, *one, *vectors = json_array();
    size_t i;
    bool good = true;
    json_object_foreach(lists, key, value) {
        bool head = strcmp(key, "about") == 0 || strcmp(key, "set") == 0;
        if (json_is_string(value) != head) fprintf(stderr, "FAIL %s: %s is no group\n", book->file, key), good = false;
        if (json_is_object(value)) add_case(vectors, key, 1, value);
        json_array_foreach(value, i, one) add_case(vectors, key, i + 1, one);
    }
    json_t *root = json_pack("{s:i, s:s, s:O, s:{}, s:o}", "version", 1, "spec", book->spec, "note", json_object_get(lists, "about"), "fields", "vectors", vectors);
    json_decref(lists);
    if (good) return root;
    json_decref(root);
    return NULL;
}

json_t *vec_load(const struct vec_book *book)
{
    char path[4096];
    const char *folder = getenv("SOTTO_VECTORS");
    if (folder && *folder) snprintf(path, sizeof path, "%s/%s", folder, book->file);
    else snprintf(path, sizeof path, "%s/tests/vectors/%s", SOTTO_SOURCE_DIR, book->file);
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!root) fprintf(stderr, "FAIL %s: line %d: %s\n", path, error.line, error.text);
    else printf("%s\n", path);
    return root && book->lists && json_object_get(root, "about") ? in_form(book, root) : root;
}
