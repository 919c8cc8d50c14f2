/* Arguments and default places: the parts of configuration that look at the process itself. */
#include "io/config.h"
#include "io/file.h"

#include <stdio.h>
#include <stdlib.h>

static enum sotto_err refuse(char text[200], const char *what, const char *arg, const char *near)
{
    char shown[80];
    size_t n = 0;
    for (; arg[n] && n + 1 < sizeof shown; n++) shown[n] = (unsigned char)arg[n] < 0x20 || (unsigned char)arg[n] >= 0x7f ? '?' : arg[n];
    shown[n] = 0;
    snprintf(text, 200, "\"%s\" %s%s%s%s", shown, what, near ? "; did you mean --" : "", near ? near : "", near ? "?" : "");
    return SOTTO_ERR_FORMAT;
}

static const struct sotto_config_option *find_option(const struct sotto_config_option *options, unsigned count, const char *arg, size_t size)
{
    for (unsigned i = 0; i < count; i++)
        if (strlen(options[i].name) == size && strncmp(options[i].name, arg, size) == 0) return &options[i];
    return NULL;
}

static enum sotto_err take_args(struct sotto_config_pair *pairs, unsigned *count, char text[200], int argc, char **argv,
                                const struct sotto_config_option *options, unsigned option_count)
{
    static const struct sotto_config_option data = { "--data", true, NULL, NULL };
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (strncmp(arg, "--", 2) != 0 || !arg[2]) return refuse(text, "is not expected here", arg, NULL);
        size_t size = strcspn(arg, "=");
        const char *value = arg[size] == '=' ? arg + size + 1 : NULL;
        const struct sotto_config_option *o = find_option(options, option_count, arg, size);
        if (!o && size == strlen(data.name) && strncmp(arg, data.name, size) == 0) o = &data;
        enum sotto_config_key_id id = o ? SOTTO_KEYS : sotto_config_find(sotto_span(arg + 2, size - 2));
        if (!o && id == SOTTO_KEYS) return refuse(text, "is no option", arg, sotto_config_nearest(sotto_span(arg + 2, size - 2)));
        bool wants = !o || o->has_value;
        if (!wants && value) return refuse(text, "takes no value", arg, NULL);
        if (wants && !value && i + 1 < argc) value = argv[++i];
        if (wants && !value) return refuse(text, "wants a value", arg, NULL);
        if (o && o->seen) *o->seen = true;
        if (o && o->value) *o->value = value;
        if (!o || o == &data) pairs[(*count)++] = (struct sotto_config_pair){ o ? "data.dir" : sotto_config_keys[id].name, value };
    }
    return SOTTO_OK;
}

enum sotto_err sotto_config_args(struct sotto_config_pair **flags, unsigned *flag_count, char text[200], int argc, char **argv,
                                 const struct sotto_config_option *options, unsigned option_count)
{
    struct sotto_config_pair *pairs = calloc(argc > 0 ? (size_t)argc : 1, sizeof *pairs);
    if (!pairs) return SOTTO_ERR_NOMEM;
    unsigned count = 0;
    enum sotto_err err = take_args(pairs, &count, text, argc, argv, options, option_count);
    if (err != SOTTO_OK) {
        free(pairs);
        return err;
    }
    *flags = pairs;
    *flag_count = count;
    return SOTTO_OK;
}

static const char *environ_path(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] == '/' ? value : NULL;             /* XDG: a relative path is to be ignored */
}

static enum sotto_err copy_path(char out[SOTTO_PATH_MAX], const char *path)
{
    size_t size = strlen(path);
    if (size >= SOTTO_PATH_MAX) return SOTTO_ERR_RANGE;
    memcpy(out, path, size + 1);
    return SOTTO_OK;
}

enum sotto_err sotto_config_data_dir(char out[4096], const struct sotto_config *c)
{
    const char *given = sotto_config_text(c, SOTTO_KEY_DATA_DIR), *found;
    if (*given) return copy_path(out, given);
    if ((found = environ_path("STATE_DIRECTORY"))) return copy_path(out, found);
    if ((found = environ_path("XDG_DATA_HOME"))) return sotto_path_join(out, found, "sotto");
    if ((found = environ_path("HOME"))) return sotto_path_join(out, found, ".local/share/sotto");
    return SOTTO_ERR_MISSING;
}

enum sotto_err sotto_config_socket(char out[108], const struct sotto_config *c)
{
    char path[SOTTO_PATH_MAX], dir[SOTTO_PATH_MAX];
    const char *given = sotto_config_text(c, SOTTO_KEY_DATA_SOCKET), *found;
    if (*given) {
        SOTTO_TRY(copy_path(path, given));
    } else if (!*sotto_config_text(c, SOTTO_KEY_DATA_DIR) && (found = environ_path("RUNTIME_DIRECTORY"))) {
        SOTTO_TRY(sotto_path_join(path, found, "sotto.sock"));
    } else if (!*sotto_config_text(c, SOTTO_KEY_DATA_DIR) && (found = environ_path("XDG_RUNTIME_DIR"))) {
        SOTTO_TRY(sotto_path_join(path, found, "sotto/sotto.sock"));
    } else {
        SOTTO_TRY(sotto_config_data_dir(dir, c));
        SOTTO_TRY(sotto_path_join(path, dir, "sotto.sock"));
    }
    if (strlen(path) > 107) return SOTTO_ERR_RANGE;
    strcpy(out, path);
    return SOTTO_OK;
}
