/* Any words as the arguments of `sotto`: the flags of every verb, then one verb, the first byte of the input naming it. Words are parted by
 * zero bytes. What is taken keeps the bounds of the table; everything else is one sentence and exit 2. No file is read and nobody asked. */
#include "app.h"
#include "tty.h"

#include "support/fuzz_input.h"

#include <stdlib.h>

enum { WORDS_MAX = 24 };

volatile sig_atomic_t interrupted;
static unsigned sentences;

/* What args.c needs of the rest of the program. */
bool wait_readable(int fd) { return fd >= 0; }
bool can_ask(const struct app *app) { return !app; }
char *ask_line(const struct app *app, const char *prompt) { return app && prompt ? NULL : NULL; }
char *ask_secret(const struct app *app, const char *prompt) { return ask_line(app, prompt); }
char *ask_new_secret(const struct app *app, const char *prompt) { return ask_line(app, prompt); }
void wipe_text(char *text) { free(text); }
int usage_error(const struct app *app, const char *text, ...)
{
    SOTTO_ASSERT(app && text[0]);
    sentences++;
    return EXIT_USAGE;
}
int report_code(const struct app *app, int code, const char *const *values)
{
    SOTTO_ASSERT(app && code && values);
    sentences++;
    return EXIT_OTHER;
}

static void check(const struct command *c, const struct app *app)
{
    const char *key;
    json_t *value;
    json_object_foreach(c->params, key, value) {
        const struct sotto_cli_param *p = NULL;
        for (unsigned i = 0; i < c->verb->param_count; i++)
            if (strcmp(c->verb->params[i].name, key) == 0) p = &c->verb->params[i];
        SOTTO_ASSERT(p || strcmp(key, "requestKey") == 0);
        if (!p) continue;
        SOTTO_ASSERT(value && !json_is_null(value));
        if ((p->type == SOTTO_PARAM_INT || p->type == SOTTO_PARAM_MS) && p->max)
            SOTTO_ASSERT((uint64_t)json_integer_value(value) >= p->min && (uint64_t)json_integer_value(value) <= p->max);
        if (p->type == SOTTO_PARAM_KINDS) SOTTO_ASSERT(json_array_size(value) > 0);
    }
    for (unsigned i = 0; i < c->verb->param_count; i++) {
        const struct sotto_cli_param *p = &c->verb->params[i];
        if (!p->optional && !(c->verb->one_of >> i & 1)) SOTTO_ASSERT(json_object_get(c->params, p->name));
        if (app->o.account && strcmp(p->name, "account") == 0) SOTTO_ASSERT(json_object_get(c->params, "account"));      /* never another than the one named */
    }
    if (app->o.request_key) SOTTO_ASSERT(json_object_get(c->params, "requestKey"));
}

static void duration(const char *text)
{
    uint64_t ms;
    if (!parse_duration(text, &ms)) return;
    SOTTO_ASSERT(text[0] >= '0' && text[0] <= '9');
    size_t digits = strspn(text, "0123456789");
    SOTTO_ASSERT(ms == 0 ? strspn(text, "0") == digits : text[digits] != 0);      /* a number alone says nothing */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct app app = { .o.no_input = true };
    char *text = malloc(size + 1), *words[WORDS_MAX];
    int count = 0;
    SOTTO_ASSERT(text);
    if (size) memcpy(text, data, size);
    text[size] = 0;
    const struct sotto_cli_verb *verb = &sotto_cli_verbs[size ? data[0] % sotto_cli_verb_count : 0];
    for (size_t at = 1; at < size && count < WORDS_MAX; at += strlen(text + at) + 1) {
        /* files and descriptors are the world's: not opened here */
        if (strstr(text + at, "-file") || strstr(text + at, "-fd")) continue;
        words[count++] = text + at;
        duration(text + at);
        const char *near = nearest(text + at, sotto_cli_events, 3);
        SOTTO_ASSERT(!near || strlen(near) < 64);
        (void)find_short(text + at);
    }
    sentences = 0;
    int bad = args_globals(&app, &count, words);
    SOTTO_ASSERT(count >= 0 && count <= WORDS_MAX && (bad == 0) == (sentences == 0));
    struct command c = { 0 };
    if (!bad) {
        bad = args_verb(&app, &c, verb, count, words);
        SOTTO_ASSERT(bad ? sentences == 1 && (bad == EXIT_USAGE || bad == EXIT_OTHER) : sentences == 0 && c.verb == verb);
        if (!bad) {
            check(&c, &app);
            json_decref(c.params);
        }
    }
    free(text);
    return 0;
}
