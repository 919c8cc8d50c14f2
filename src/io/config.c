#include "io/config.h"
#include "io/config_value.h"
#include "io/file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define CONF_D_MAX 64u                      /* files of conf.d */

enum { RESTART = SOTTO_CONFIG_RESTART, TEST = SOTTO_CONFIG_TEST, FIXED = SOTTO_CONFIG_FIXED };

const struct sotto_config_key sotto_config_keys[SOTTO_KEYS] = {
#define KEY(id, name, type, def, min, max, flags, row, text) [SOTTO_KEY_##id] = { name, SOTTO_TYPE_##type, def, min, max, flags, row, text },
    SOTTO_CONFIG_MAP(KEY)
#undef KEY
};

struct sotto_config { struct sotto_config_value values[SOTTO_KEYS]; };

/* What one source is read into. */
struct load {
    struct sotto_config *config;
    struct sotto_config_problems *problems;
    enum sotto_config_source source;
    const char *file;
    struct sotto_span section;
    bool section_known;
    bool seen[SOTTO_KEYS];                  /* in this source */
    char sections_seen[16][16];
    unsigned section_count;
    enum sotto_err err;                     /* ERR_NOMEM sticks */
};

/* ---- names ---- */

enum sotto_config_key_id sotto_config_find(struct sotto_span name)
{
    unsigned i = 0;
    while (i < SOTTO_KEYS && !sotto_span_equal(name, sotto_span_str(sotto_config_keys[i].name))) i++;
    return (enum sotto_config_key_id)i;
}

/* Levenshtein; both short. */
static unsigned distance(struct sotto_span a, struct sotto_span b)
{
    unsigned row[65];
    if (a.size > 64 || b.size > 64) return 64;
    for (unsigned j = 0; j <= b.size; j++) row[j] = j;
    for (unsigned i = 1; i <= a.size; i++) {
        unsigned corner = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.size; j++) {
            unsigned change = corner + (a.data[i - 1] != b.data[j - 1]);
            unsigned best = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            corner = row[j];
            row[j] = change < best ? change : best;
        }
    }
    return row[b.size];
}

const char *sotto_config_nearest(struct sotto_span name)
{
    const char *best = NULL;
    unsigned best_distance = (unsigned)(name.size / 3 > 2 ? name.size / 3 : 2) + 1;
    for (unsigned i = 0; i < SOTTO_KEYS; i++) {
        struct sotto_span full = sotto_span_str(sotto_config_keys[i].name);
        unsigned d = distance(name, full);
        const char *dot = strchr(sotto_config_keys[i].name, '.');
        if (sotto_span_equal(name, sotto_span_str(dot + 1))) d = 1;       /* the section was forgotten */
        if (d < best_distance) {
            best_distance = d;
            best = sotto_config_keys[i].name;
        }
    }
    return best;
}

const char *sotto_config_source_name(enum sotto_config_source source)
{
    static const char *const names[] = { "default", "/etc/sotto/sotto.conf", "conf.d", "user file", "config set", "environment", "flag" };
    return names[source];
}

/* ---- problems ---- */

static void copy_cut(char *out, size_t size, struct sotto_span text)
{
    size_t n = text.size < size - 1 ? text.size : size - 1;
    for (size_t i = 0; i < n; i++) out[i] = text.data[i] < 0x20 || text.data[i] >= 0x7f ? '?' : (char)text.data[i];
    out[n] = 0;
}

static void complain(struct sotto_config_problems *p, const char *file, unsigned line, struct sotto_span key, const char *near,
                     const char *what)
{
    p->all++;
    if (p->count == SOTTO_CONFIG_PROBLEMS_MAX) return;
    struct sotto_config_problem *items = realloc(p->items, (p->count + 1) * sizeof *items);
    if (!items) return;                     /* counted at least */
    p->items = items;
    struct sotto_config_problem *q = &items[p->count++];
    memset(q, 0, sizeof *q);
    copy_cut(q->file, sizeof q->file, sotto_span_str(file));
    copy_cut(q->key, sizeof q->key, key);
    if (near) copy_cut(q->near, sizeof q->near, sotto_span_str(near));
    q->line = line;
    char where[300], quoted[70] = "";
    if (line > 0) snprintf(where, sizeof where, "%s line %u", q->file, line);
    else snprintf(where, sizeof where, "%s", q->file);
    if (key.size > 0) snprintf(quoted, sizeof quoted, "\"%s\" ", q->key);
    snprintf(q->text, sizeof q->text, "%s: %s%s%s%s%s", where, quoted, what, near ? "; did you mean \"" : "", near ? near : "",
             near ? "\"?" : "");
}

void sotto_config_problems_free(struct sotto_config_problems *p)
{
    free(p->items);
    *p = (struct sotto_config_problems){ 0 };
}

/* ---- one value into the table ---- */

static void take(struct load *l, unsigned line, struct sotto_span name, const struct sotto_raw *raw)
{
    enum sotto_config_key_id id = sotto_config_find(name);
    if (id == SOTTO_KEYS) {
        complain(l->problems, l->file, line, name, sotto_config_nearest(name), "is unknown");
        return;
    }
    const struct sotto_config_key *key = &sotto_config_keys[id];
    bool flag_list = l->source == SOTTO_SOURCE_FLAG && key->type == SOTTO_TYPE_LIST;
    bool again = l->seen[id];
    if (again && l->source != SOTTO_SOURCE_FLAG) {
        complain(l->problems, l->file, line, name, NULL, "is given twice");
        return;
    }
    if (l->source == SOTTO_SOURCE_SET && (key->flags & FIXED)) {
        complain(l->problems, l->file, line, name, NULL, "cannot be changed here: it belongs into a file or a flag");
        return;
    }
    l->seen[id] = true;
    struct sotto_config_value v = { .source = l->source, .line = line };
    copy_cut(v.file, sizeof v.file, sotto_span_str(l->file));
    char why[SOTTO_WHY_MAX] = "";
    enum sotto_err err = sotto_config_convert(&v, why, key, raw);
    if (err == SOTTO_ERR_FORMAT) {
        complain(l->problems, l->file, line, name, NULL, why);
        sotto_config_value_free(&v);
        return;
    }
    if (err == SOTTO_OK && flag_list && again && v.count > 0) {           /* --network.static A --network.static B */
        struct sotto_config_value *old = &l->config->values[id];
        char **items = NULL;
        if (old->count + v.count > SOTTO_CONFIG_LIST_MAX) {
            complain(l->problems, l->file, line, name, NULL, "has too many items");
        } else if ((items = realloc(old->items, (old->count + v.count) * sizeof *items))) {
            memcpy(items + old->count, v.items, v.count * sizeof *items);
            old->items = items;
            old->count += v.count;
            v.count = 0;                    /* the texts moved */
        } else {
            err = SOTTO_ERR_NOMEM;
        }
        sotto_config_value_free(&v);
    } else if (err == SOTTO_OK) {
        sotto_config_value_free(&l->config->values[id]);
        l->config->values[id] = v;
    } else {
        sotto_config_value_free(&v);
    }
    if (err != SOTTO_OK) l->err = err;
}

static void take_loose(struct load *l, const char *name, const char *value)
{
    struct sotto_raw *raw = calloc(1, sizeof *raw);
    if (!raw) {
        l->err = SOTTO_ERR_NOMEM;
        return;
    }
    raw->kind = SOTTO_RAW_LOOSE;
    raw->text = sotto_span_str(value);
    take(l, 0, sotto_span_str(name), raw);
    free(raw);
}

/* ---- a file ---- */

static void on_section(void *ctx, unsigned line, struct sotto_span name)
{
    struct load *l = ctx;
    l->section = name;
    l->section_known = false;
    for (unsigned i = 0; i < SOTTO_KEYS && !l->section_known; i++) {
        const char *dot = strchr(sotto_config_keys[i].name, '.');
        l->section_known = sotto_span_equal(name, sotto_span(sotto_config_keys[i].name, (size_t)(dot - sotto_config_keys[i].name)));
    }
    if (!l->section_known) {
        complain(l->problems, l->file, line, name, NULL, "is no section");
        return;
    }
    for (unsigned i = 0; i < l->section_count; i++)
        if (sotto_span_equal(name, sotto_span_str(l->sections_seen[i]))) {
            complain(l->problems, l->file, line, name, NULL, "is opened twice");
            return;
        }
    if (l->section_count < 16) copy_cut(l->sections_seen[l->section_count++], 16, name);
}

static void on_entry(void *ctx, unsigned line, struct sotto_span key, const struct sotto_raw *raw)
{
    struct load *l = ctx;
    uint8_t name[130];
    if (l->section.size == 0) {
        take(l, line, key, raw);
        return;
    }
    if (!l->section_known) return;          /* said once, at the section */
    if (l->section.size + 1 + key.size > sizeof name) {
        complain(l->problems, l->file, line, key, NULL, "is unknown");
        return;
    }
    memcpy(name, l->section.data, l->section.size);
    name[l->section.size] = '.';
    memcpy(name + l->section.size + 1, key.data, key.size);
    take(l, line, sotto_span(name, l->section.size + 1 + key.size), raw);
}

static void on_fault(void *ctx, unsigned line, const char *what)
{
    struct load *l = ctx;
    complain(l->problems, l->file, line, sotto_span(NULL, 0), NULL, what);
}

static void start_source(struct load *l, enum sotto_config_source source, const char *file)
{
    l->source = source;
    l->file = file;
    l->section = sotto_span(NULL, 0);
    l->section_known = false;
    l->section_count = 0;
    memset(l->seen, 0, sizeof l->seen);
}

static void read_text(struct load *l, enum sotto_config_source source, const char *file, struct sotto_span text)
{
    start_source(l, source, file);
    struct sotto_config_reader reader = { l, on_section, on_entry, on_fault };
    enum sotto_err err = sotto_config_read_text(&reader, text);
    if (err != SOTTO_OK) l->err = err;
}

static void read_file(struct load *l, enum sotto_config_source source, const char *path, bool must_exist)
{
    struct sotto_buf text = sotto_buf_make(SOTTO_CONFIG_FILE_MAX);
    enum sotto_err err = sotto_file_read(&text, path);
    if (err == SOTTO_OK) read_text(l, source, path, sotto_buf_span(&text));
    else if (err == SOTTO_ERR_NOMEM) l->err = err;
    else if (err == SOTTO_ERR_FULL) complain(l->problems, path, 0, sotto_span(NULL, 0), NULL, "is larger than 256 KiB");
    else if (err != SOTTO_ERR_MISSING || must_exist)
        complain(l->problems, path, 0, sotto_span(NULL, 0), NULL, err == SOTTO_ERR_MISSING ? "there is no such file" : "cannot be read");
    sotto_buf_free(&text);
}

struct conf_dir { struct load *load; const char *path; unsigned count; };

static void conf_one(void *ctx, const char *name, bool folder)
{
    struct conf_dir *d = ctx;
    size_t size = strlen(name);
    char file[SOTTO_PATH_MAX];
    (void)folder;                           /* one that is called so is complained of as a file that cannot be read */
    if (name[0] == '.' || size < 6 || strcmp(name + size - 5, ".conf") != 0) return;
    if (++d->count == CONF_D_MAX + 1) complain(d->load->problems, d->path, 0, sotto_span(NULL, 0), NULL, "holds more than 64 files");
    if (d->count <= CONF_D_MAX && sotto_path_join(file, d->path, name) == SOTTO_OK) read_file(d->load, SOTTO_SOURCE_SYSTEM_DIR, file, false);
}

static void read_dir(struct load *l, const char *path)
{
    struct conf_dir d = { .load = l, .path = path };
    if (sotto_dir_list(path, conf_one, &d) == SOTTO_ERR_NOMEM) l->err = SOTTO_ERR_NOMEM;      /* not there, or not for us: as if empty */
}

/* ---- environment: SOTTO_NETWORK_PORT ---- */

static void environ_name(char out[64], const char *key)
{
    size_t i = 0;
    for (; i < 63 && key[i]; i++) out[i] = key[i] == '.' ? '_' : (char)toupper((unsigned char)key[i]);
    out[i] = 0;
}

static bool starts_with_section(const char *name)
{
    for (unsigned i = 0; i < SOTTO_KEYS; i++) {
        char full[64];
        environ_name(full, sotto_config_keys[i].name);
        size_t section = strcspn(sotto_config_keys[i].name, ".") + 1;     /* with the underscore */
        if (strncmp(name, full, section) == 0) return true;
    }
    return false;
}

static void read_environ(struct load *l, char **environment)
{
    start_source(l, SOTTO_SOURCE_ENV, "environment");
    for (char **e = environment; e && *e; e++) {
        if (strncmp(*e, "SOTTO_", 6) != 0) continue;
        const char *name = *e + 6, *equals = strchr(name, '=');
        if (!equals) continue;
        unsigned i = 0;
        for (; i < SOTTO_KEYS; i++) {
            char full[64];
            environ_name(full, sotto_config_keys[i].name);
            if (strlen(full) == (size_t)(equals - name) && strncmp(full, name, (size_t)(equals - name)) == 0) break;
        }
        if (i < SOTTO_KEYS) take_loose(l, sotto_config_keys[i].name, equals + 1);
        else if (starts_with_section(name)) complain(l->problems, "environment", 0, sotto_span(*e, (size_t)(equals - *e)), NULL, "is no key");
    }
}

/* ---- rules over several keys ---- */

static bool test_network(const struct sotto_config *c) { return strncmp(c->values[SOTTO_KEY_NETWORK_NAME].text, "test", 4) == 0; }
#define TEST_ONLY "is for tests: allowed only when network.name starts with test"

static void check_whole(struct load *l)
{
    if (test_network(l->config)) return;
    for (unsigned i = 0; i < SOTTO_KEYS; i++) {
        const struct sotto_config_value *v = &l->config->values[i];
        if ((sotto_config_keys[i].flags & TEST) && v->source != SOTTO_SOURCE_BUILT_IN)
            complain(l->problems, v->file, v->line, sotto_span_str(sotto_config_keys[i].name), NULL, TEST_ONLY);
    }
}

static enum sotto_err begin(struct load *l, struct sotto_config_problems *problems)
{
    *l = (struct load){ .problems = problems };
    l->config = calloc(1, sizeof *l->config);
    if (!l->config) return SOTTO_ERR_NOMEM;
    start_source(l, SOTTO_SOURCE_BUILT_IN, "default");
    for (unsigned i = 0; i < SOTTO_KEYS; i++) take_loose(l, sotto_config_keys[i].name, sotto_config_keys[i].default_text);
    SOTTO_ASSERT(problems->all == 0 || l->err != SOTTO_OK);               /* a default that is refused is our own mistake */
    return l->err;
}

static enum sotto_err finish(struct sotto_config **out, struct load *l)
{
    enum sotto_err err = l->err;
    if (err == SOTTO_OK) check_whole(l);
    if (err == SOTTO_OK && l->problems->all > 0) err = SOTTO_ERR_FORMAT;
    if (err == SOTTO_OK && out) *out = l->config;
    else sotto_config_free(l->config);
    if (err != SOTTO_OK && err != SOTTO_ERR_FORMAT) sotto_config_problems_free(l->problems);
    return err;
}

static void read_user_file(struct load *l, const char *path)
{
    char found[SOTTO_PATH_MAX], folder[SOTTO_PATH_MAX];
    if (path) {
        if (*path) read_file(l, SOTTO_SOURCE_USER, path, true);
        return;
    }
    const char *config_home = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config_home && *config_home == '/') {
        if (sotto_path_join(found, config_home, "sotto/sotto.conf") != SOTTO_OK) return;
    } else {
        if (!home || !*home || sotto_path_join(folder, home, ".config") != SOTTO_OK) return;
        if (sotto_path_join(found, folder, "sotto/sotto.conf") != SOTTO_OK) return;
    }
    read_file(l, SOTTO_SOURCE_USER, found, false);
}

enum sotto_err sotto_config_load(struct sotto_config **out, struct sotto_config_problems *problems, const struct sotto_config_input *input)
{
    struct load l;
    enum sotto_err err = begin(&l, problems);
    if (err != SOTTO_OK) {
        sotto_config_free(l.config);
        return err;
    }
    const char *system_file = input->system_file ? input->system_file : "/etc/sotto/sotto.conf";
    const char *system_dir = input->system_dir ? input->system_dir : "/etc/sotto/conf.d";
    if (*system_file) read_file(&l, SOTTO_SOURCE_SYSTEM, system_file, false);
    if (*system_dir) read_dir(&l, system_dir);
    read_user_file(&l, input->user_file);
    start_source(&l, SOTTO_SOURCE_SET, "config set");
    for (unsigned i = 0; i < input->set_count; i++) take_loose(&l, input->set[i].key, input->set[i].value);
    read_environ(&l, input->environ);
    start_source(&l, SOTTO_SOURCE_FLAG, "flag");
    for (unsigned i = 0; i < input->flag_count; i++) take_loose(&l, input->flags[i].key, input->flags[i].value);
    return finish(out, &l);
}

void sotto_config_free(struct sotto_config *c)
{
    if (!c) return;
    for (unsigned i = 0; i < SOTTO_KEYS; i++) sotto_config_value_free(&c->values[i]);
    free(c);
}

enum sotto_err sotto_config_check(struct sotto_config_problems *problems, const char *file, struct sotto_span text)
{
    struct load l;
    enum sotto_err err = begin(&l, problems);
    if (err != SOTTO_OK) {
        sotto_config_free(l.config);
        return err;
    }
    if (text.size > SOTTO_CONFIG_FILE_MAX) complain(problems, file, 0, sotto_span(NULL, 0), NULL, "is larger than 256 KiB");
    else read_text(&l, SOTTO_SOURCE_USER, file, text);
    return finish(NULL, &l);
}

enum sotto_err sotto_config_check_value(struct sotto_config_problems *problems, const struct sotto_config *c, const char *key,
                                        const char *value)
{
    struct load l;
    enum sotto_err err = begin(&l, problems);
    if (err != SOTTO_OK) {
        sotto_config_free(l.config);
        return err;
    }
    start_source(&l, SOTTO_SOURCE_SET, "config set");
    take_loose(&l, key, value);
    enum sotto_config_key_id id = sotto_config_find(sotto_span_str(key));
    bool only_test = id != SOTTO_KEYS && (sotto_config_keys[id].flags & TEST) && !test_network(c);
    if (id != SOTTO_KEYS) l.config->values[id].source = SOTTO_SOURCE_BUILT_IN;          /* the rule below is for the network of c */
    if (only_test) complain(problems, "config set", 0, sotto_span_str(key), NULL, TEST_ONLY);
    return finish(NULL, &l);
}

/* ---- reading ---- */

static const struct sotto_config_value *value_of(const struct sotto_config *c, enum sotto_config_key_id key, unsigned types)
{
    SOTTO_ASSERT(key < SOTTO_KEYS && (types >> sotto_config_keys[key].type & 1));
    return &c->values[key];
}

const char *sotto_config_text(const struct sotto_config *c, enum sotto_config_key_id key)
{
    return value_of(c, key, 1u << SOTTO_TYPE_STRING | 1u << SOTTO_TYPE_WORD)->text;
}
bool sotto_config_bool(const struct sotto_config *c, enum sotto_config_key_id key)
{
    return value_of(c, key, 1u << SOTTO_TYPE_BOOL)->number != 0;
}
uint64_t sotto_config_number(const struct sotto_config *c, enum sotto_config_key_id key)
{
    return value_of(c, key, 1u << SOTTO_TYPE_COUNT | 1u << SOTTO_TYPE_BYTES | 1u << SOTTO_TYPE_TIME)->number;
}
unsigned sotto_config_list_size(const struct sotto_config *c, enum sotto_config_key_id key)
{
    return value_of(c, key, 1u << SOTTO_TYPE_LIST)->count;
}
const char *sotto_config_list(const struct sotto_config *c, enum sotto_config_key_id key, unsigned index)
{
    const struct sotto_config_value *v = value_of(c, key, 1u << SOTTO_TYPE_LIST);
    SOTTO_ASSERT(index < v->count);
    return v->items[index];
}
enum sotto_config_source sotto_config_source(const struct sotto_config *c, enum sotto_config_key_id key) { return c->values[key].source; }
enum sotto_err sotto_config_show(struct sotto_buf *out, const struct sotto_config *c, enum sotto_config_key_id key)
{
    return sotto_config_value_show(out, &sotto_config_keys[key], &c->values[key]);
}
bool sotto_config_equal(const struct sotto_config *a, const struct sotto_config *b, enum sotto_config_key_id key)
{
    return sotto_config_value_equal(&a->values[key], &b->values[key]);
}
