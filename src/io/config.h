/* Configuration: a strict TOML subset, environment and flags, in a fixed order (experience.md 5, 5.1).
 *
 *     [network]                               sections; `key = value` inside, or section.key = value before the first one
 *     port = 30401                            whole number, may be grouped: 200_000
 *     name = "test-1"                         string: \" \\ \n \t \r \uXXXX; or 'literal'
 *     static = ["enode://...",                array of strings; may run over lines; a comma after the last is fine
 *               "enode://..."]
 *     local = true
 *     receipt = 300s                          time: ms s min h d         (also as a string)
 *     pool = 64MiB                            size: B KiB MiB GiB KB MB GB (also as a string)
 *     # comment
 *
 * Nothing else of TOML. A key twice in one file, an unknown key, a wrong value: a problem with its line, and the file's values
 * count for nothing. Later wins: built-in, /etc/sotto/sotto.conf, the *.conf of /etc/sotto/conf.d by name, the user's file, `config set`,
 * SOTTO_SECTION_KEY, flags. An array is replaced as a whole.
 *
 * In `config set`, the environment and flags a value is bare text: 300s, true, a string without quotes; a list is its items parted by
 * spaces or commas (flags: one item each, repeated); "" empties it.
 *
 * Threads: a loaded configuration never changes; reload makes another one. */
#ifndef SOTTO_IO_CONFIG_H
#define SOTTO_IO_CONFIG_H

#include "base/bytes.h"
#include "io/config_keys.h"

#define SOTTO_CONFIG_FILE_MAX (256u << 10)
#define SOTTO_CONFIG_LIST_MAX 256u              /* items of one array */
#define SOTTO_CONFIG_PROBLEMS_MAX 50u           /* further ones are counted only */

enum sotto_config_type { SOTTO_TYPE_STRING, SOTTO_TYPE_LIST, SOTTO_TYPE_BOOL, SOTTO_TYPE_COUNT, SOTTO_TYPE_BYTES, SOTTO_TYPE_TIME, SOTTO_TYPE_WORD };
enum { SOTTO_CONFIG_RESTART = 1, SOTTO_CONFIG_TEST = 2, SOTTO_CONFIG_FIXED = 4 };

struct sotto_config_key {
    const char *name;                           /* "network.port" */
    enum sotto_config_type type;
    const char *default_text;
    uint64_t min, max;
    unsigned flags;
    const char *row;
    const char *meaning;                        /* for help; words after '|' */
};
extern const struct sotto_config_key sotto_config_keys[SOTTO_KEYS];
/* Returns SOTTO_KEYS when there is no such key. */
enum sotto_config_key_id sotto_config_find(struct sotto_span name);
/* The nearest key by edit distance, NULL when nothing is near. */
const char *sotto_config_nearest(struct sotto_span name);

enum sotto_config_source {
    SOTTO_SOURCE_BUILT_IN, SOTTO_SOURCE_SYSTEM, SOTTO_SOURCE_SYSTEM_DIR, SOTTO_SOURCE_USER, SOTTO_SOURCE_SET, SOTTO_SOURCE_ENV, SOTTO_SOURCE_FLAG
};
/* "default" "/etc/sotto/sotto.conf" "conf.d" "user file" "config set" "environment" "flag" */
const char *sotto_config_source_name(enum sotto_config_source source);

/* Error 2105. */
struct sotto_config_problem {
    char file[256];                             /* file, or "environment", "flag", "config set" */
    unsigned line;                              /* 0 = none */
    char key[64];                               /* as written, cut; control characters replaced */
    char near[64];                              /* unknown key: the nearest name, or empty */
    char text[640];                             /* whole sentence: sotto.conf line 3: "netwrok.port" is unknown; did you mean "network.port"? */
};
struct sotto_config_problems { struct sotto_config_problem *items; unsigned count, all; };
void sotto_config_problems_free(struct sotto_config_problems *p);

struct sotto_config_pair { const char *key, *value; };
struct sotto_config_input {
    const char *system_file;                    /* NULL: /etc/sotto/sotto.conf; "" none */
    const char *system_dir;                     /* NULL: /etc/sotto/conf.d; "" none */
    const char *user_file;                      /* --config: must exist. NULL: $XDG_CONFIG_HOME/sotto/sotto.conf, else ~/.config/..., if
                                                   there; "" none */
    const struct sotto_config_pair *set;        /* `config set` values from the database; NULL before it is open. A key that no longer
                                                   exists is a problem */
    unsigned set_count;
    char **environ;                             /* NULL: none. SOTTO_SECTION_x of a known section that is no key is a problem; other
                                                   SOTTO_x are not ours */
    const struct sotto_config_pair *flags;      /* section.key without --; an item each */
    unsigned flag_count;
};

struct sotto_config;
/* problems is filled on ERR_FORMAT, and only then; start with { 0 }. ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_config_load(struct sotto_config **out, struct sotto_config_problems *problems, const struct sotto_config_input *input);
void sotto_config_free(struct sotto_config *c);                           /* NULL is fine */
/* Every problem of a text as the user file named `file`, on top of the built-in values. OK = none. ERR_FORMAT, ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_config_check(struct sotto_config_problems *problems, const char *file, struct sotto_span text);
/* One value as `config set` would take it, against the network name of c: problems as above. FIXED keys are refused. */
SOTTO_MUST_USE enum sotto_err sotto_config_check_value(struct sotto_config_problems *problems, const struct sotto_config *c, const char *key, const char *value);

/* Values. The key must have the type (our own mistake otherwise). Strings live as long as c; never NULL. */
const char *sotto_config_text(const struct sotto_config *c, enum sotto_config_key_id key);        /* STRING, WORD */
bool sotto_config_bool(const struct sotto_config *c, enum sotto_config_key_id key);
uint64_t sotto_config_number(const struct sotto_config *c, enum sotto_config_key_id key);         /* COUNT; BYTES in bytes; TIME in ms */
unsigned sotto_config_list_size(const struct sotto_config *c, enum sotto_config_key_id key);
const char *sotto_config_list(const struct sotto_config *c, enum sotto_config_key_id key, unsigned index);
enum sotto_config_source sotto_config_source(const struct sotto_config *c, enum sotto_config_key_id key);
/* The value as `config dump` shows it: numbers with the largest unit that divides them, lists parted by ", ". Appends, no final zero. */
SOTTO_MUST_USE enum sotto_err sotto_config_show(struct sotto_buf *out, const struct sotto_config *c, enum sotto_config_key_id key);
/* Do two configurations differ in a key? (reload: which keys changed, which of them need a restart) */
bool sotto_config_equal(const struct sotto_config *a, const struct sotto_config *b, enum sotto_config_key_id key);

/* data.dir, or its default: $STATE_DIRECTORY (systemd), $XDG_DATA_HOME/sotto, ~/.local/share/sotto. ERR_RANGE, ERR_MISSING (no home). */
SOTTO_MUST_USE enum sotto_err sotto_config_data_dir(char out[4096], const struct sotto_config *c);
/* data.socket; else DIR/sotto.sock when data.dir was given; else $RUNTIME_DIRECTORY/sotto.sock, $XDG_RUNTIME_DIR/sotto/sotto.sock, or
 * DIR/sotto.sock. ERR_RANGE above 107 bytes (2105). */
SOTTO_MUST_USE enum sotto_err sotto_config_socket(char out[108], const struct sotto_config *c);

/* The arguments of a program: --section.key VALUE or --section.key=VALUE, and the program's own options. */
struct sotto_config_option { const char *name; bool has_value; const char **value; bool *seen; };   /* "--json"; value, seen may be NULL */
/* Takes argv[1..argc-1]; --data DIR is data.dir. flags (free it with free) point into argv. ERR_FORMAT with a sentence in text: an unknown
 * option (nearest key named), a missing value, an argument that is no option. ERR_NOMEM. Whether values fit is found by _load. */
SOTTO_MUST_USE enum sotto_err sotto_config_args(struct sotto_config_pair **flags, unsigned *flag_count, char text[200], int argc, char **argv,
                                                const struct sotto_config_option *options, unsigned option_count);

#endif
