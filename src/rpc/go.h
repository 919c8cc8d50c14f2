/* JSON values as Go's decoder and geth's hexutil take them (whisper-v6.md 12.1), for methods of other people's namespaces.
 *
 *     bytes     "0x" or "0X" and an even number of hex digits; "" and "0x" are empty
 *     topic     the same, exactly 8 digits
 *     numbers   JSON numbers; no texts; whole ones without fraction or exponent
 *     null      zero, empty, absent; refused for bytes that are a parameter by themselves
 *     object    members in any order, matched without regard to case, unknown ones ignored, the last of several counts
 *
 * What is wrong is told in Go's words, of which a client should not depend: it looks at the code. Threads: pure functions. */
#ifndef SOTTO_RPC_GO_H
#define SOTTO_RPC_GO_H

#include "base/bytes.h"

#include <jansson.h>

struct sotto_go_fault { char why[256]; };

enum sotto_go_type {
    SOTTO_GO_STRING,                      /* struct sotto_span, borrowed from the value */
    SOTTO_GO_BYTES,                       /* struct sotto_buf, its max set by the caller, who frees it */
    SOTTO_GO_TOPIC,                       /* uint8_t[4] */
    SOTTO_GO_TOPICS,                      /* struct sotto_buf of 4 bytes each; as BYTES */
    SOTTO_GO_UINT32,                      /* uint32_t */
    SOTTO_GO_FLOAT64,                     /* double, finite */
    SOTTO_GO_BOOL                         /* bool */
};
struct sotto_go_field { const char *name; enum sotto_go_type type; void *out; };

/* One parameter. out is written on success only (but a buffer may have got some bytes). false: *fault says why. */
bool sotto_go_value(void *out, enum sotto_go_type type, const json_t *value, struct sotto_go_fault *fault);
/* The members of an object; type = Go's name of it without the package, "NewMessage". value NULL or null: nothing is written, and it is good. */
bool sotto_go_object(const struct sotto_go_field *fields, size_t count, const char *type, const json_t *value, struct sotto_go_fault *fault);

#endif
