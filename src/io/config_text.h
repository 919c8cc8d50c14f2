/* Inside io/config: the reader of the TOML subset. It knows no keys: it finds sections, keys and raw values, or complains. Pure. */
#ifndef SOTTO_IO_CONFIG_TEXT_H
#define SOTTO_IO_CONFIG_TEXT_H

#include "base/bytes.h"

#define SOTTO_RAW_ITEMS_MAX 256u

enum sotto_raw_kind {
    SOTTO_RAW_STRING,                       /* was quoted */
    SOTTO_RAW_BARE,                         /* 30401, true, 300s: letters, digits, '_' '-' '+' '.' */
    SOTTO_RAW_ARRAY,                        /* of strings */
    SOTTO_RAW_LOOSE                         /* from a flag, the environment or `config set`: any type */
};
struct sotto_raw {
    enum sotto_raw_kind kind;
    struct sotto_span text;                 /* not for ARRAY */
    struct sotto_span items[SOTTO_RAW_ITEMS_MAX];
    unsigned count;
};

struct sotto_config_reader {
    void *ctx;
    void (*section)(void *ctx, unsigned line, struct sotto_span name);
    void (*entry)(void *ctx, unsigned line, struct sotto_span key, const struct sotto_raw *raw);     /* key as written, without its section */
    void (*fault)(void *ctx, unsigned line, const char *what);
};
/* Goes on with the next line after a fault. ERR_NOMEM; faults are not errors here. */
SOTTO_MUST_USE enum sotto_err sotto_config_read_text(const struct sotto_config_reader *reader, struct sotto_span text);

#endif
