#include "pins.h"

#include "vec.h"

#include "crypto/hash.h"

#include <stdlib.h>

bool vec_pins_off;

static uint64_t digest(const json_t *value)
{
    uint8_t hash[32];
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    SOTTO_ASSERT(text);
    sotto_sha256(hash, sotto_span_str(text));
    free(text);
    return sotto_be64(hash);
}

/* The part of path before the next dot; path moves past it. */
static bool next_part(char part[64], const char **path)
{
    size_t n = strcspn(*path, ".");
    if (n == 0 || n >= 64) return false;
    memcpy(part, *path, n);
    part[n] = 0;
    *path += n + ((*path)[n] == '.');
    return true;
}

static json_t *child(json_t *value, const char *part)
{
    return json_is_array(value) ? json_array_get(value, strtoul(part, NULL, 10)) : json_object_get(value, part);
}

bool vec_pin_make(struct vec_pin *out, const json_t *one, const char *path)
{
    const char *group = json_string_value(json_object_get(one, "group")), *rest = path;
    json_t *copy = json_deep_copy(one), *parent = copy, *value = copy;
    char part[64] = "";
    bool found = group && *path;
    while (found && *rest) {
        found = next_part(part, &rest);
        parent = value;
        value = found ? child(parent, part) : NULL;
        found = value != NULL;
    }
    if (found) {
        out->group = group;
        out->path = path;
        out->value = digest(value);
        if (json_is_array(parent)) json_array_set_new(parent, strtoul(part, NULL, 10), json_null());
        else json_object_set_new(parent, part, json_null());
        out->rest = digest(copy);
    }
    json_decref(copy);
    return found;
}

/* The rows of a group name few paths again and again: each is looked up in the case once. */
struct looked { const char *path; bool found; struct vec_pin seen; };

static const struct looked *look(struct looked *all, size_t *count, size_t max, const json_t *one, const char *path)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(all[i].path, path) == 0) return &all[i];
    struct looked *fresh = &all[*count < max ? (*count)++ : max - 1];
    fresh->path = path;
    fresh->found = vec_pin_make(&fresh->seen, one, path);
    return fresh;
}

const char *vec_pin_broken(const struct vec_book *book, const json_t *one)
{
    const struct vec_pin *pins = book->pins;
    const char *group = json_string_value(json_object_get(one, "group"));
    struct looked all[64];
    size_t count = 0;
    for (size_t i = 0; i < *book->pin_count && !vec_pins_off; i++) {
        if (!group || strcmp(pins[i].group, group) != 0) continue;
        const struct looked *at = look(all, &count, sizeof all / sizeof *all, one, pins[i].path);
        if (at->found && at->seen.rest == pins[i].rest && at->seen.value != pins[i].value) return pins[i].path;
    }
    return NULL;
}
