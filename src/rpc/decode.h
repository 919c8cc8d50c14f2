/* Strict decoding of params by the generated table. */
#ifndef SOTTO_RPC_DECODE_H
#define SOTTO_RPC_DECODE_H

#include "rpc/dispatch.h"

#include <jansson.h>

struct sotto_decode_fault {
    const char *field;                    /* NULL = the parameters as a whole; may point into the request */
    const char *word;                     /* of a missing confirmation */
    char why[192];
};
/* params: NULL (absent), an object or an array; borrowed, and the texts of out point into it. by_name: the given parameters as a
 * new object, without requestKey. Returns 0, or the code of the error (-32602, 1108) with fault filled and nothing to free. */
int sotto_decode_params(union sotto_params *out, json_t **by_name, const char **request_key, struct sotto_decode_fault *fault,
                        const struct sotto_method_spec *spec, const json_t *params);

#endif
