#include "rpc/error_text.h"

#include "errors_table.h"

#include <stdlib.h>
#include <string.h>

const struct sotto_error_text *sotto_error_find(int code)
{
    unsigned from = 0, to = sotto_error_text_count;
    while (from < to) {
        unsigned mid = from + (to - from) / 2;
        if (sotto_error_texts[mid].code == code) return &sotto_error_texts[mid];
        if (sotto_error_texts[mid].code < code)
            from = mid + 1;
        else
            to = mid;
    }
    return NULL;
}

/* The value of the name between the braces at text[0] == '{'; *size = length with braces. NULL and *size 0: no name there. */
static const char *value_at(const char *text, const char *const *values, size_t *size)
{
    size_t n = 1;
    while (text[n] >= 'a' && text[n] <= 'z') n++;
    *size = text[n] == '}' && n > 1 ? n + 1 : 0;
    if (*size == 0) return NULL;
    for (const char *const *v = values; v && v[0]; v += 2)
        if (strncmp(v[0], text + 1, n - 1) == 0 && v[0][n - 1] == 0) return v[1];
    return NULL;
}

struct out { char *data; size_t size, cap; bool failed; };

static void put(struct out *o, const char *text, size_t size)
{
    if (o->failed) return;
    if (o->cap - o->size <= size) {
        size_t cap = o->cap * 2 + size + 64;
        char *grown = realloc(o->data, cap);
        if (!grown) {
            o->failed = true;
            return;
        }
        o->data = grown;
        o->cap = cap;
    }
    memcpy(o->data + o->size, text, size);
    o->size += size;
    o->data[o->size] = 0;
}

/* Fills text[0..size); false when a name has no value and strict is set: nothing useful was written then. */
static bool fill_part(struct out *o, const char *text, size_t size, const char *const *values, bool strict)
{
    for (size_t i = 0; i < size;) {
        size_t n = 0;
        const char *value = text[i] == '{' ? value_at(text + i, values, &n) : NULL;
        if (n == 0) {
            put(o, text + i++, 1);
            continue;
        }
        if (!value && strict) return false;
        put(o, value ? value : "?", value ? strlen(value) : 1);
        i += n;
    }
    return true;
}

static bool name_missing(const char *text, size_t size, const char *const *values)
{
    for (size_t i = 0; i < size; i++) {
        size_t n = 0;
        if (text[i] == '{' && !value_at(text + i, values, &n) && n) return true;
    }
    return false;
}

char *sotto_error_fill(const char *text, const char *const *values)
{
    struct out o = { 0 };
    put(&o, "", 0);
    for (const char *p = text; *p;) {
        const char *close = *p == '[' ? strchr(p, ']') : NULL;
        if (!close) {
            size_t plain = *p == '[' ? 1 : strcspn(p, "[");
            fill_part(&o, p, plain, values, false);
            p += plain;
            continue;
        }
        for (const char *part = p + 1; part <= close;) {
            size_t size = strcspn(part, "|]");
            if (!name_missing(part, size, values)) {
                fill_part(&o, part, size, values, true);
                break;
            }
            part += size + 1;
        }
        p = close + 1;
    }
    if (o.failed) {
        free(o.data);
        return NULL;
    }
    return o.data;
}

json_t *sotto_error_make(int code, const char *const *values)
{
    const struct sotto_error_text *e = sotto_error_find(code);
    if (!e) e = sotto_error_find(1000);
    char *what = sotto_error_fill(e->what, values), *why = sotto_error_fill(e->why, values), *todo = sotto_error_fill(e->todo, values);
    json_t *data = what && why && todo ? json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", e->name, "what", what, "why", why, "todo", todo,
                                                   "doc", "docs/api.md#errors") : NULL;
    for (const char *const *v = values; data && v && v[0]; v += 2) {
        if (!v[1]) continue;
        if (strcmp(v[0], "retryMs") == 0)
            json_object_set_new(data, v[0], json_integer((json_int_t)strtoll(v[1], NULL, 10)));
        else if (strcmp(v[0], "field") == 0 || strcmp(v[0], "state") == 0 || strcmp(v[0], "job") == 0 || strcmp(v[0], "oldest") == 0)
            json_object_set_new(data, v[0], json_string(v[1]));
    }
    json_t *error = data ? json_pack("{s:i, s:s, s:o}", "code", e->code, "message", what, "data", data) : NULL;
    free(what);
    free(why);
    free(todo);
    return error;
}
