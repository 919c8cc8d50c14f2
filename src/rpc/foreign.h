/* Methods of other people's namespaces, shh_* and the like (experience.md 2.3): parameters by position, read by rpc/go.h as the table's
 * types say; errors with the words of the node that they come from. The table is "foreign" in api/methods.json. */
#ifndef SOTTO_RPC_FOREIGN_H
#define SOTTO_RPC_FOREIGN_H

#include "rpc/go.h"
#include "rpc/rpc.h"

#define SOTTO_FOREIGN_CODE (-32000)       /* what geth answers for everything that a method itself refuses */

/* A parameter, as its type says; the others are zero. Lives as long as the call. */
struct sotto_foreign_arg {
    struct sotto_span bytes;              /* BYTES, STRING */
    uint32_t number;                      /* UINT32 */
    double real;                          /* FLOAT64 */
    const json_t *object;                 /* OBJECT: any JSON value, still to be read (sotto_go_object) */
};

/* Both end the call. name: ours, in capitals, for data.name. */
void sotto_call_foreign_error(struct sotto_call *call, int code, const char *text, const char *name);
/* A member of parameter `index` was refused. */
void sotto_call_foreign_argument(struct sotto_call *call, unsigned index, const struct sotto_go_fault *fault);

#endif
