/* What the generated tables say about one parameter. The tables are made by tools/gen_api.py from api/methods.json; the
 * decoder (decode.h) and the command line read them. No function here. */
#ifndef SOTTO_RPC_SPEC_H
#define SOTTO_RPC_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sotto_param_type {               /* field in the parameter struct */
    SOTTO_PARAM_STRING,               /* const char *, UTF-8 without zero bytes; NULL = absent. line ends and tabs are allowed */
    SOTTO_PARAM_NAME,                 /* const char *, 1..max bytes, no control characters, no space at an end */
    SOTTO_PARAM_TOKEN,                /* const char *, 1..max visible ASCII characters */
    SOTTO_PARAM_PATH,                 /* const char *, absolute */
    SOTTO_PARAM_SECRET,               /* const char *, UTF-8; wiped after the call */
    SOTTO_PARAM_ID,                   /* const struct sotto_id *; NULL = absent */
    SOTTO_PARAM_HASH,                 /* const uint8_t *, 32 bytes; NULL = absent */
    SOTTO_PARAM_BOOL,                 /* bool, or const bool * when optional without default */
    SOTTO_PARAM_INT,                  /* uint64_t, or const uint64_t * when optional without default */
    SOTTO_PARAM_MS,                   /* the same; a duration on the command line */
    SOTTO_PARAM_ENUM,                 /* an enum; 0 = absent */
    SOTTO_PARAM_KINDS,                /* uint32_t, bit 1 << enum sotto_api_event; 0 = all */
    SOTTO_PARAM_CONFIRM               /* no field: must be the word */
};

struct sotto_param_spec {
    const char *name;                 /* as in JSON */
    enum sotto_param_type type;
    bool optional;                    /* may be absent */
    bool has_default;                 /* then fallback is the value */
    uint16_t at;                      /* offset of the field in the struct; of the pointer when it is one */
    uint16_t store;                   /* offset of what the pointer points to; 0 = the field is no such pointer */
    uint64_t min, max;                /* bytes of a text, value of a number */
    uint64_t chars;                   /* characters of a text; 0 = not bounded */
    uint64_t fallback;
    const char *const *values;        /* enum, and the word of confirm; ends with NULL */
};

struct sotto_method_spec {
    const char *name, *rpc;           /* "contact add", "sotto_contactAdd" */
    char perm;                        /* - r c w a x s */
    bool write, job;
    const struct sotto_param_spec *params;
    unsigned param_count;
    uint32_t one_of;                  /* exactly one of these parameters (bit = index) must be there; 0 = no such rule */
};

/* Methods of other people's namespaces (rpc/foreign.h). */
enum sotto_foreign_type { SOTTO_FOREIGN_BYTES, SOTTO_FOREIGN_STRING, SOTTO_FOREIGN_UINT32, SOTTO_FOREIGN_FLOAT64, SOTTO_FOREIGN_OBJECT };
#define SOTTO_FOREIGN_PARAMS_MAX 4

struct sotto_foreign_spec {
    const char *name;                 /* "shh_newKeyPair" */
    const char *subscription;         /* the first parameter must be this word, and the connection one that can be pushed to; NULL = none */
    char perm;
    bool write;
    unsigned param_count;
    enum sotto_foreign_type params[SOTTO_FOREIGN_PARAMS_MAX];
};

struct sotto_error_text { int code; const char *name, *what, *why, *todo; int exit; };

#endif
