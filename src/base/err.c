#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const names[SOTTO_ERR_COUNT] = {
#define SOTTO_ERR_NAME(name, text) [SOTTO_##name] = text,
    SOTTO_ERR_MAP(SOTTO_ERR_NAME)
#undef SOTTO_ERR_NAME
};

const char *sotto_err_name(enum sotto_err err)
{
    return (unsigned)err < SOTTO_ERR_COUNT ? names[err] : "unknown";
}

_Noreturn void sotto_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "sotto: broken rule: %s (%s:%d)\n", cond, file, line);
    abort();
}
