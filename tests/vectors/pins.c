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

const char *vec_pin_broken(const struct vec_book *book, const json_t *one)
{
    const struct vec_pin *pins = book->pins;
    const char *group = json_string_value(json_object_get(one, "group"));
    for (size_t i = 0; i < *book->pin_count && !vec_pins_off; i++) {
        struct vec_pin seen;
        if (!group || strcmp(pins[i].group, group) != 0 || !vec_pin_make(&seen, one, pins[i].path)) continue;
        if (seen.rest == pins[i].rest && seen.value != pins[i].value) return pins[i].path;
    }
    return NULL;
}
