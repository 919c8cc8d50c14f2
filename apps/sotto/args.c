#include "app.h"

#include "show.h"
#include "tty.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALUE_FILE_MAX (5u << 20)         /* --text-file and the like: as much as one request may hold */

bool parse_duration(const char *text, uint64_t *ms)
{
    static const struct { const char *unit; uint64_t ms; } units[] = {
        { "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { "w", 604800000 },
    };
    char *end;
    if (!isdigit((unsigned char)text[0])) return false;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno) return false;
    if (n == 0 && *end == 0) {
        *ms = 0;
        return true;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].unit) == 0) return !__builtin_mul_overflow((uint64_t)n, units[i].ms, ms);
    return false;
}

const struct sotto_cli_verb *find_verb(const char *object, const char *name)
{
    for (unsigned i = 0; i < sotto_cli_verb_count; i++)
        if (strcmp(sotto_cli_verbs[i].object, object) == 0 && strcmp(sotto_cli_verbs[i].verb, name) == 0) return &sotto_cli_verbs[i];
    return NULL;
}

const struct sotto_cli_verb *find_short(const char *word)
{
    for (unsigned i = 0; i < sotto_cli_short_count; i++)
        if (strcmp(sotto_cli_shorts[i].word, word) == 0) return &sotto_cli_verbs[sotto_cli_shorts[i].verb];
    return NULL;
}

/* Letters to change, add or drop to come from a to b; words are short. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[65], n = (unsigned)strlen(b);
    if (n > 64 || strlen(a) > 64) return 99;
    for (unsigned j = 0; j <= n; j++) row[j] = j;
    for (unsigned i = 0; a[i]; i++) {
        unsigned corner = row[0];
        row[0] = i + 1;
        for (unsigned j = 1; j <= n; j++) {
            unsigned above = row[j], best = corner + (a[i] != b[j - 1]);
            if (above + 1 < best) best = above + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
            corner = above;
        }
    }
    return row[n];
}

const char *nearest(const char *word, const char *const *words, unsigned count)
{
    const char *best = NULL;
    unsigned least = 3;                                   /* further away is another word, not a slip */
    for (unsigned i = 0; i < count; i++) {
        unsigned d = distance(word, words[i]);
        if (d < least) {
            least = d;
            best = words[i];
        }
    }
    return best;
}

int args_globals(struct app *app, int *argc, char **argv)
{
    struct options *o = &app->o;
    const struct { const char *name; const char **value; bool *on; } flags[] = {
        { "data", &o->data, NULL }, { "socket", &o->socket, NULL }, { "account", &o->account, NULL }, { "confirm", &o->confirm, NULL },
        { "request-key", &o->request_key, NULL }, { "json", NULL, &o->json }, { "no-input", NULL, &o->no_input }, { "no-wait", NULL, &o->no_wait },
        { "wait", NULL, NULL }, { "quiet", NULL, &o->quiet }, { "utc", NULL, &o->utc }, { "plain", NULL, &o->plain }, { "help", NULL, &o->help },
        { "version", NULL, &o->version },
    };
    int kept = 0;
    for (int i = 0; i < *argc; i++) {                     /* the form of errors must be known before the first of them */
        if (strcmp(argv[i], "--") == 0) break;
        o->json |= strcmp(argv[i], "--json") == 0;
    }
    for (int i = 0; i < *argc; i++) {
        char *word = argv[i];
        if (strcmp(word, "--") == 0) {
            while (i < *argc) argv[kept++] = argv[i++];
            break;
        }
        static char help[] = "--help";
        if (strcmp(word, "-h") == 0) word = help;
        const char *equal = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
        size_t size = equal ? (size_t)(equal - word - 2) : strlen(word) - (strlen(word) >= 2 ? 2 : 0);
        size_t k = 0, n = sizeof flags / sizeof *flags;
        if (strncmp(word, "--", 2) != 0) k = n;
        while (k < n && !(strncmp(flags[k].name, word + 2, size) == 0 && flags[k].name[size] == 0)) k++;
        if (k == n) {
            argv[kept++] = word;
            continue;
        }
        if (!flags[k].value) {
            if (equal) return usage_error(app, "--%s takes no value.", flags[k].name);
            if (flags[k].on) *flags[k].on = true;
            if (strcmp(flags[k].name, "wait") == 0) o->no_wait = false;
            continue;
        }
        if (!equal && ++i == *argc) return usage_error(app, "--%s needs a value.", flags[k].name);
        *flags[k].value = equal ? equal + 1 : argv[i];
        if (!**flags[k].value) return usage_error(app, "--%s needs a value.", flags[k].name);
    }
    *argc = kept;
    return 0;
}

/* The whole of a file ("-" = standard input), less one final line end. NULL and *why on failure. */
static char *read_whole(int fd, size_t max, const char **why)
{
    size_t size = 0, cap = 4096;
    char *data = malloc(cap);
    for (;;) {
        if (!data) abort();
        ssize_t n = wait_readable(fd) ? read(fd, data + size, cap - size - 1) : -1;
        if (n < 0) *why = interrupted ? "interrupted" : strerror(errno);
        if (n <= 0) {
            if (n == 0) break;
            goto fail;
        }
        size += (size_t)n;
        if (size > max) {
            *why = "it is too long";
            goto fail;
        }
        if (cap - size < 2) {
            char *grown = malloc(2 * cap);
            if (!grown) abort();
            memcpy(grown, data, size);
            explicit_bzero(data, size);
            free(data);
            data = grown;
            cap *= 2;
        }
    }
    if (size && data[size - 1] == '\n') size--;
    if (size && data[size - 1] == '\r') size--;
    data[size] = 0;
    if (strlen(data) != size) {
        *why = "it holds a zero byte";
        goto fail;
    }
    return data;
fail:
    explicit_bzero(data, size);
    free(data);
    return NULL;
}

/* why = the words of the system or of read_whole, as a sentence. */
static int bad_file(struct app *app, const char *path, const char *why)
{
    char sentence[256];
    snprintf(sentence, sizeof sentence, "%c%s.", toupper((unsigned char)why[0]), why + 1);
    return REPORT(app, 1606, "file", path, "why", sentence);
}

static int value_of_file(struct app *app, json_t **out, const struct sotto_cli_param *p, const char *path, bool is_fd)
{
    const char *why = NULL;
    int fd = -1;
    char *end = NULL;
    long number = is_fd && isdigit((unsigned char)path[0]) ? strtol(path, &end, 10) : -1;
    if (is_fd)
        fd = number <= INT_MAX ? (int)number : -1;
    else
        fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (is_fd && (fd < 0 || *end)) return usage_error(app, "--%s-fd needs the number of an open descriptor.", p->flag);
    if (fd < 0) return bad_file(app, path, strerror(errno));
    char *text = read_whole(fd, p->type == SOTTO_PARAM_SECRET ? SECRET_MAX : VALUE_FILE_MAX, &why);
    if (fd > STDERR_FILENO) close(fd);
    if (!text && interrupted) return EXIT_INTERRUPTED;
    if (!text) return bad_file(app, path, why);
    *out = json_string(text);
    wipe_text(text);
    return *out ? 0 : usage_error(app, "%s is not UTF-8 text.", path);
}

static char *trimmed(const char *text)
{
    while (isspace((unsigned char)*text)) text++;
    size_t n = strlen(text);
    while (n && isspace((unsigned char)text[n - 1])) n--;
    return strndup(text, n);
}

static char *absolute_path(const char *path)
{
    if (path[0] == '/') return strdup(path);
    char *here = getcwd(NULL, 0), *whole = NULL;
    if (here && asprintf(&whole, "%s/%s", strcmp(here, "/") ? here : "", path) < 0) whole = NULL;
    free(here);
    return whole;
}

static int bad_value(struct app *app, const struct sotto_cli_param *p, const char *why) { return usage_error(app, "--%s %s.", p->flag, why); }

/* One word as the value of a parameter. */
static int value_of_word(struct app *app, json_t **out, const struct sotto_cli_param *p, const char *word)
{
    *out = NULL;
    switch (p->type) {
    case SOTTO_PARAM_STRING:
        *out = json_string(word);
        break;
    case SOTTO_PARAM_NAME:
    case SOTTO_PARAM_TOKEN:
    case SOTTO_PARAM_ID:
    case SOTTO_PARAM_HASH: {
        char *text = trimmed(word);
        *out = json_string(text);
        free(text);
        break;
    }
    case SOTTO_PARAM_PATH: {
        char *text = absolute_path(word);
        *out = text ? json_string(text) : NULL;
        free(text);
        break;
    }
    case SOTTO_PARAM_SECRET:
        return usage_error(app, "A secret is never typed as an argument: others can read it. Use --%s-file FILE, --%s-fd N, or the prompt.", p->flag, p->flag);
    case SOTTO_PARAM_BOOL:
        if (!strcmp(word, "yes") || !strcmp(word, "true") || !strcmp(word, "on")) *out = json_true();
        else if (!strcmp(word, "no") || !strcmp(word, "false") || !strcmp(word, "off")) *out = json_false();
        else return bad_value(app, p, "is yes or no");
        return 0;
    case SOTTO_PARAM_INT: {
        char *end;
        errno = 0;
        long long n = strtoll(word, &end, 10);
        if (!isdigit((unsigned char)word[0]) || *end || errno) return bad_value(app, p, "must be a whole number");
        if (p->max && ((uint64_t)n < p->min || (uint64_t)n > p->max))
            return usage_error(app, "--%s is from %llu to %llu.", p->flag, (unsigned long long)p->min, (unsigned long long)p->max);
        *out = json_integer(n);
        break;
    }
    case SOTTO_PARAM_MS: {
        uint64_t ms;
        if (!parse_duration(word, &ms) || ms > INT64_MAX) return bad_value(app, p, "is a time with its unit, such as 30s, 5min, 12h or 14d");
        if (p->max && (ms < p->min || ms > p->max)) {
            char least[32], most[32];
            span_text(least, (json_int_t)p->min);
            span_text(most, (json_int_t)p->max);
            return usage_error(app, "--%s is from %s to %s.", p->flag, p->min ? least : "0", most);
        }
        *out = json_integer((json_int_t)ms);
        break;
    }
    case SOTTO_PARAM_ENUM: {
        char list[160] = "";
        for (int i = 0; p->values[i]; i++) {
            if (strcmp(word, p->values[i]) == 0) {
                *out = json_string(word);
                return 0;
            }
            size_t n = strlen(list);
            snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", p->values[i]);
        }
        return usage_error(app, "--%s is one of: %s.", p->flag, list);
    }
    case SOTTO_PARAM_KINDS: {
        json_t *kinds = json_array();
        char *copy = strdup(word), *rest = copy, *one;
        int bad = 0;
        while (!bad && (one = strsep(&rest, ", ")) != NULL) {
            unsigned n = 0;
            if (!*one) continue;
            while (sotto_cli_events[n]) n++;
            unsigned i = 0;
            while (i < n && strcmp(sotto_cli_events[i], one) != 0) i++;
            const char *near = i == n ? nearest(one, sotto_cli_events, n) : NULL;
            if (i == n && near) bad = usage_error(app, "There is no event \"%s\"; did you mean %s?", one, near);
            else if (i == n) bad = usage_error(app, "There is no event \"%s\". See sotto help watch.", one);
            else json_array_append_new(kinds, json_string(one));
        }
        free(copy);
        if (!bad && json_array_size(kinds) == 0) bad = bad_value(app, p, "needs at least one kind of event");
        if (bad) {
            json_decref(kinds);
            return bad;
        }
        *out = kinds;
        return 0;
    }
    case SOTTO_PARAM_CONFIRM:
        *out = json_string(word);
        break;
    }
    return *out ? 0 : bad_value(app, p, "is not UTF-8 text");
}

static int unknown_flag(struct app *app, const struct sotto_cli_verb *verb, const char *flag)
{
    const char *words[48];
    unsigned n = 0;
    static const char *const always[] = { "data", "socket", "account", "json", "no-input", "wait", "no-wait", "quiet", "utc", "plain", "help" };
    for (unsigned i = 0; i < verb->param_count; i++) words[n++] = verb->params[i].flag;
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) words[n++] = always[i];
    const char *near = nearest(flag, words, n);
    if (near) return usage_error(app, "%s %s has no --%s; did you mean --%s?", verb->object, verb->verb, flag, near);
    return usage_error(app, "%s %s has no --%s. See: sotto help %s %s", verb->object, verb->verb, flag, verb->object, verb->verb);
}

/* --flag, --flag=value, --flag-file FILE, --flag-fd N. *at moves past a value taken from the next word. */
static int take_flag(struct app *app, json_t *params, const struct sotto_cli_verb *verb, int argc, char **argv, int *at)
{
    char name[64];
    const char *word = argv[*at] + 2, *equal = strchr(word, '=');
    size_t size = equal ? (size_t)(equal - word) : strlen(word);
    if (size >= sizeof name) return unknown_flag(app, verb, "that");
    memcpy(name, word, size);
    name[size] = 0;
    for (unsigned i = 0; i < verb->param_count; i++) {
        const struct sotto_cli_param *p = &verb->params[i];
        size_t n = strlen(p->flag);
        if (strncmp(name, p->flag, n) != 0) continue;
        const char *form = name + n;
        bool file = strcmp(form, "-file") == 0 && (p->type == SOTTO_PARAM_SECRET || p->type == SOTTO_PARAM_STRING);
        bool fd = strcmp(form, "-fd") == 0 && p->type == SOTTO_PARAM_SECRET;
        if (*form && !file && !fd) continue;
        if (json_object_get(params, p->name)) return usage_error(app, "--%s is given twice.", p->flag);
        json_t *value = NULL;
        if (p->type == SOTTO_PARAM_BOOL && !p->values) {
            if (equal) return usage_error(app, "--%s takes no value.", p->flag);
            value = json_true();
        } else {
            if (!equal && *at + 1 >= argc) return usage_error(app, "--%s needs a value.", name);
            const char *text = equal ? equal + 1 : argv[++*at];
            int bad = file || fd ? value_of_file(app, &value, p, text, fd) : value_of_word(app, &value, p, text);
            if (bad) return bad;
        }
        json_object_set_new(params, p->name, value);
        return 0;
    }
    return unknown_flag(app, verb, name);
}

/* Asks for a secret on the terminal. */
static int take_secret(struct app *app, json_t *params, const struct sotto_cli_verb *verb, const struct sotto_cli_param *p)
{
    /* a passphrase that will protect an account on this disk from now on */
    bool create = strcmp(verb->object, "account") == 0 && strcmp(p->name, "passphrase") == 0 &&
                  (strcmp(verb->verb, "create") == 0 || (strcmp(verb->verb, "restore") == 0 && json_object_get(params, "phrase")));
    char prompt[160];
    const char *other = "";                               /* what may come instead */
    for (unsigned i = 0; i < verb->param_count; i++)
        if (verb->one_of >> i & 1 && &verb->params[i] != p && p - verb->params < 32 && verb->one_of >> (p - verb->params) & 1) other = verb->params[i].flag;
    if (!can_ask(app)) return usage_error(app, "The %s is missing: --%s-file FILE or --%s-fd N%s%s%s.", p->name, p->flag, p->flag, *other ? "; or --" : "", other, *other ? " FILE" : "");
    if (create) snprintf(prompt, sizeof prompt, "Passphrase (empty: anyone who can read this disk can read your messages): ");
    else if (strcmp(p->name, "phrase") == 0) snprintf(prompt, sizeof prompt, "The 24 words, in one line: ");
    else snprintf(prompt, sizeof prompt, "%s: ", strcmp(p->name, "new") == 0 ? "New passphrase" : "Passphrase");
    char *text = p->fresh || create ? ask_new_secret(app, prompt) : ask_secret(app, prompt);
    if (!text) return interrupted ? EXIT_INTERRUPTED : usage_error(app, "The %s is missing.", p->name);
    json_t *value = json_string(text);
    wipe_text(text);
    if (!value) return usage_error(app, "The %s is not UTF-8 text.", p->name);
    json_object_set_new(params, p->name, value);
    return 0;
}

static bool group_given(const struct sotto_cli_verb *verb, const json_t *params)
{
    for (unsigned i = 0; i < verb->param_count; i++)
        if (verb->one_of >> i & 1 && json_object_get(params, verb->params[i].name)) return true;
    return false;
}

/* What is missing: asked for where a person is there, else exit 2. */
static int take_missing(struct app *app, json_t *params, const struct sotto_cli_verb *verb)
{
    for (int secrets = 0; secrets < 2; secrets++) {       /* plain values first: who types a passphrase knows for what */
        for (unsigned k = 0; k < verb->param_count; k++) {
            /* with permission s the passphrase of now stands last in the table, but is asked for before a new one */
            unsigned i = secrets && verb->perm == 's' ? verb->param_count - 1 - k : k;
            const struct sotto_cli_param *p = &verb->params[i];
            if (json_object_get(params, p->name) || p->type == SOTTO_PARAM_CONFIRM || (p->type == SOTTO_PARAM_SECRET) != (secrets == 1)) continue;
            if (verb->one_of >> i & 1) {
                if (p->type != SOTTO_PARAM_SECRET || group_given(verb, params)) continue;
            } else if (p->optional && p->type != SOTTO_PARAM_SECRET) {
                continue;
            }
            int bad = 0;
            if (p->type == SOTTO_PARAM_SECRET) {
                bad = take_secret(app, params, verb, p);
            } else {
                char prompt[128];
                if (!can_ask(app)) return usage_error(app, "%s is missing: %s. See: sotto help %s %s", p->flag, p->help, verb->object, verb->verb);
                snprintf(prompt, sizeof prompt, "%c%s (%s): ", toupper((unsigned char)p->flag[0]), p->flag + 1, p->help);
                char *text = ask_line(app, prompt);
                if (!text) return interrupted ? EXIT_INTERRUPTED : usage_error(app, "%s is missing.", p->flag);
                json_t *value;
                bad = value_of_word(app, &value, p, text);
                free(text);
                if (!bad) json_object_set_new(params, p->name, value);
            }
            if (bad) return bad;
        }
    }
    return 0;
}

/* A verb that destroys says what will go, and wants the word. */
static int take_confirm(struct app *app, json_t *params, const struct sotto_cli_verb *verb)
{
    if (!verb->destroys) return app->o.confirm ? usage_error(app, "%s %s needs no --confirm.", verb->object, verb->verb) : 0;
    if (app->o.confirm) {
        if (strcmp(app->o.confirm, verb->word) != 0) return usage_error(app, "To confirm, the word is %s.", verb->word);
    } else {
        if (!can_ask(app)) return usage_error(app, "This destroys something: %s To confirm: --confirm %s", verb->destroys, verb->word);
        char prompt[512];
        snprintf(prompt, sizeof prompt, "This will go: %s\nType %s to go on: ", verb->destroys, verb->word);
        char *text = ask_line(app, prompt);
        bool said = text && strcmp(text, verb->word) == 0;
        free(text);
        if (interrupted) return EXIT_INTERRUPTED;
        if (!said) return usage_error(app, "Nothing was changed.");
    }
    for (unsigned i = 0; i < verb->param_count; i++)
        if (verb->params[i].type == SOTTO_PARAM_CONFIRM) json_object_set_new(params, verb->params[i].name, json_string(verb->word));
    return 0;
}

int args_verb(struct app *app, struct command *out, const struct sotto_cli_verb *verb, int argc, char **argv)
{
    json_t *params = json_object();
    unsigned place = 0;
    bool flags_end = false;
    int bad = 0;
    for (int i = 0; i < argc && !bad; i++) {
        if (!flags_end && strcmp(argv[i], "--") == 0) {
            flags_end = true;
            continue;
        }
        if (!flags_end && strncmp(argv[i], "--", 2) == 0) {
            bad = take_flag(app, params, verb, argc, argv, &i);
            continue;
        }
        while (place < verb->positional_count && json_object_get(params, verb->params[verb->positional[place]].name)) place++;
        if (place == verb->positional_count) {
            bad = usage_error(app, "\"%s\" is one word too many%s. See: sotto help %s %s", argv[i], verb->positional_count ? " (put a text in quotes)" : "",
                              verb->object, verb->verb);
            continue;
        }
        const struct sotto_cli_param *p = &verb->params[verb->positional[place++]];
        json_t *value;
        bad = value_of_word(app, &value, p, argv[i]);
        if (!bad) json_object_set_new(params, p->name, value);
    }
    for (unsigned i = 0; i < verb->param_count && !bad; i++)
        if (strcmp(verb->params[i].name, "account") == 0 && app->o.account && !json_object_get(params, "account") &&
            json_object_set_new(params, "account", json_string(app->o.account)) != 0)
            bad = usage_error(app, "--account is not UTF-8 text.");
    if (!bad && app->o.request_key) {
        if (verb->write) bad = json_object_set_new(params, "requestKey", json_string(app->o.request_key)) == 0 ? 0 : usage_error(app, "--request-key is not UTF-8 text.");
        else bad = usage_error(app, "%s %s changes nothing, so it takes no --request-key.", verb->object, verb->verb);
    }
    if (!bad) bad = take_missing(app, params, verb);
    if (!bad) bad = take_confirm(app, params, verb);
    if (bad) {
        json_decref(params);
        return bad;
    }
    out->verb = verb;
    out->params = params;
    return 0;
}
