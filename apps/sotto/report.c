#include "app.h"

#include "rpc/error_text.h"
#include "show.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int error_exit(const json_t *error)
{
    const struct sotto_error_text *e = sotto_error_find((int)json_integer_value(json_object_get(error, "code")));
    return e ? e->exit : EXIT_OTHER;
}

int report_error(const struct app *app, json_t *error)
{
    int status = error_exit(error);
    fflush(stdout);
    if (app->o.json) {
        char *text = json_dumps(error, JSON_COMPACT);
        fprintf(stderr, "%s\n", text ? text : "{\"code\":1000}");
        free(text);
    } else {
        const json_t *data = json_object_get(error, "data");
        const char *what = json_string_value(json_object_get(data, "what"));
        const char *parts[] = { what ? what : json_string_value(json_object_get(error, "message")), json_string_value(json_object_get(data, "why")),
                                json_string_value(json_object_get(data, "todo")) };
        for (int i = 0; i < 3; i++) {
            if (!parts[i] || !*parts[i]) continue;
            put_clean(stderr, parts[i], CLEAN_LINE);
            fputc(' ', stderr);
        }
        fprintf(stderr, "(%lld)\n", (long long)json_integer_value(json_object_get(error, "code")));
    }
    json_decref(error);
    return status;
}

int report_code(const struct app *app, int code, const char *const *values)
{
    json_t *error = sotto_error_make(code, values);
    if (!error) abort();
    return report_error(app, error);
}

int usage_error(const struct app *app, const char *text, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, text);
    vsnprintf(line, sizeof line, text, ap);
    va_end(ap);
    fflush(stdout);
    if (app->o.json) {
        json_t *error = json_pack("{s:i, s:s, s:{s:s, s:s, s:s, s:s}}", "code", -32602, "message", line, "data", "name", "INVALID_PARAMS", "what", line,
                                  "why", "", "todo", "See sotto help.");
        char *dump = error ? json_dumps(error, JSON_COMPACT) : NULL;
        fprintf(stderr, "%s\n", dump ? dump : "{\"code\":-32602,\"message\":\"wrong usage\"}");
        free(dump);
        json_decref(error);
    } else {
        put_clean(stderr, line, CLEAN_LINE);
        fputc('\n', stderr);
    }
    return EXIT_USAGE;
}
