/* Errors as a person reads them: the texts of api/errors.json, filled. Used by the daemon for replies and by the command line
 * for what it finds itself (a node that does not run). */
#ifndef SOTTO_RPC_ERROR_TEXT_H
#define SOTTO_RPC_ERROR_TEXT_H

#include "rpc/spec.h"

#include <jansson.h>

const struct sotto_error_text *sotto_error_find(int code);            /* NULL for a code that is not listed */
/* A template: {name} is replaced by its value, [a|b] by the first alternative all of whose names have one (nothing if none
 * has). values = key, value, ..., NULL. Returns a text the caller frees; NULL when memory is out. */
char *sotto_error_fill(const char *text, const char *const *values);
/* {code, message, data: {name, what, why, todo, ...}}; an unlisted code becomes 1000. NULL when memory is out. */
json_t *sotto_error_make(int code, const char *const *values);

#endif
