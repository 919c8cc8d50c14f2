#include "io/log.h"

static const char *const names[] = { "error", "warn", "info", "debug" };

const char *sotto_level_name(enum sotto_level level) { return names[level]; }

enum sotto_err sotto_level_parse(enum sotto_level *out, const char *text)
{
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (enum sotto_level)i;
            return SOTTO_OK;
        }
    return SOTTO_ERR_FORMAT;
}
