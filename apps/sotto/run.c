#include "app.h"

#include "show.h"
#include "tty.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An account may be named where its Id is wanted. 0, or the exit code. */
static int find_account(struct app *app, char out[64], const char *name)
{
    if (strncmp(name, "0x", 2) == 0) {
        snprintf(out, 64, "%s", name);
        return 0;
    }
    json_t *error, *list = client_call(app, "sotto_accountList", json_pack("{s:i}", "limit", 200), &error);
    if (!list) return error ? report_error(app, error) : EXIT_INTERRUPTED;
    unsigned found = 0;
    size_t i;
    json_t *a;
    json_array_foreach(json_object_get(list, "items"), i, a) {
        const char *its = json_string_value(json_object_get(a, "name")), *id = json_string_value(json_object_get(a, "id"));
        if (its && id && strcmp(its, name) == 0) {
            snprintf(out, 64, "%s", id);
            found++;
        }
    }
    json_decref(list);
    if (found == 1) return 0;
    if (found > 1) return usage_error(app, "Several accounts are called \"%s\": use the ID.", name);
    return REPORT(app, 1002, "thing", "account", "value", name);
}

/* --account with a verb that works on the account in use: goes on only if it is that one. */
static int guard_account(struct app *app, const struct sotto_cli_verb *verb, json_t *params)
{
    json_t *given = json_object_get(params, "account");
    char id[64];
    if (json_is_string(given)) {
        int bad = find_account(app, id, json_string_value(given));
        if (!bad) json_object_set_new(params, "account", json_string(id));
        return bad;
    }
    if (!app->o.account || strcmp(verb->object, "account") == 0) return 0;
    int bad = find_account(app, id, app->o.account);
    if (bad) return bad;
    json_t *error, *now = client_call(app, "sotto_accountShow", NULL, &error);
    if (!now) return error ? report_error(app, error) : EXIT_INTERRUPTED;
    const char *used = json_string_value(json_object_get(now, "id"));
    bad = used && strcasecmp(used, id) == 0 ? 0 : usage_error(app, "%s is not the account in use. Change it: sotto account use %s", id, id);
    json_decref(now);
    return bad;
}

static void show_progress(const json_t *job)
{
    const char *step = json_string_value(json_object_get(job, "step"));
    json_int_t done = json_integer_value(json_object_get(job, "done")), total = json_integer_value(json_object_get(job, "total"));
    json_t *eta = json_object_get(job, "etaMs");
    char left[32] = "";
    if (json_is_integer(eta)) span_text(left, json_integer_value(eta));
    char *clean = clean_copy(step && *step ? step : "working");
    fprintf(stderr, "\r\033[K%s", clean);
    if (total > 1) fprintf(stderr, "  %lld / %lld", (long long)done, (long long)total);
    if (*left) fprintf(stderr, "  about %s", left);
    fputs("   Ctrl+C leaves it running", stderr);
    fflush(stderr);
    free(clean);
}

json_t *follow_job(struct app *app, const char *job, json_t **error)
{
    const char *term = getenv("TERM");
    bool progress = !app->o.quiet && !app->o.json && isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    bool drawn = false;
    json_t *result = NULL;
    *error = NULL;
    for (bool ended = false; !ended;) {
        json_t *state = client_call(app, "sotto_jobWait", json_pack("{s:s, s:i}", "job", job, "waitMs", progress ? 500 : 10000), error);
        if (!state && *error && json_integer_value(json_object_get(*error, "code")) == 1004) {    /* not yet */
            json_decref(*error);
            *error = NULL;
            if (!progress || interrupted) {
                if (!interrupted) continue;
            } else {
                state = client_call(app, "sotto_jobGet", json_pack("{s:s}", "job", job), error);
            }
        }
        if (!state) break;
        const char *word = json_string_value(json_object_get(state, "state"));
        if (!word) word = "";
        if (strcmp(word, "done") == 0) {
            json_t *r = json_object_get(state, "result");
            result = r ? json_incref(r) : json_true();
            ended = true;
        } else if (strcmp(word, "failed") == 0 || strcmp(word, "cancelled") == 0) {
            json_t *bad = json_object_get(state, "error");
            *error = json_is_object(bad) ? json_incref(bad)
                                         : json_pack("{s:i, s:s, s:{s:s, s:s}}", "code", 1009, "message", "The job was cancelled.", "data", "name", "WRONG_STATE",
                                                     "what", "The job was cancelled.");
            ended = true;
        } else if (progress) {
            show_progress(state);
            drawn = true;
        }
        json_decref(state);
        if (interrupted && !ended) break;
    }
    if (drawn) fputs("\r\033[K", stderr);
    if (!result && !*error) {                             /* Ctrl+C: it goes on, and this is its name */
        if (app->o.json) printf("{\"job\":\"%s\"}\n", job);
        else fprintf(stderr, "It goes on as job %s: sotto job wait %s\n", job, job);
        fflush(stdout);
    }
    return result;
}

/* The job a result names: {"job": ...} and nothing else. */
static const char *job_of(const json_t *result)
{
    return json_object_size(result) == 1 ? json_string_value(json_object_get(result, "job")) : NULL;
}

/* The exit code of a result that is a verdict: doctor and health tell by it. */
static int verdict(const struct sotto_cli_verb *verb, const json_t *result)
{
    int status = EXIT_DONE;
    if (strcmp(verb->verb, "health") == 0 && json_is_false(json_object_get(result, "ok"))) return EXIT_OTHER;
    if (strcmp(verb->verb, "doctor") != 0) return status;
    size_t i;
    json_t *check;
    json_array_foreach(result, i, check) {
        const char *word = json_string_value(json_object_get(check, "result"));
        if (!word) word = json_string_value(json_object_get(check, "state"));
        if (word && strcmp(word, "fail") == 0) return EXIT_DISK;
        if (word && strcmp(word, "warn") == 0) status = EXIT_OTHER;
    }
    return status;
}

int run_verb(struct app *app, const struct sotto_cli_verb *verb, int argc, char **argv)
{
    struct command command;
    if (app->o.help) {
        help_verb(stdout, verb);
        return EXIT_DONE;
    }
    int bad = args_verb(app, &command, verb, argc, argv);
    if (bad) return bad;
    if (!app->client) bad = client_open(app);
    if (!bad) bad = guard_account(app, verb, command.params);
    if (bad) {
        json_decref(command.params);
        return bad;
    }
    json_t *error, *result = client_call(app, verb->rpc, command.params, &error);
    const char *job = verb->job && result && !app->o.no_wait ? job_of(result) : NULL;
    if (job) {
        json_t *waited = follow_job(app, job, &error);
        json_decref(result);
        result = waited;
    }
    if (!result) return error ? report_error(app, error) : EXIT_INTERRUPTED;
    if (app->o.json) show_json(result);
    else if (!(app->o.quiet && verb->write)) show_result(app, verb, result);
    int status = verdict(verb, result);
    json_decref(result);
    return status;
}

/* read [CHAT]: the newest messages, and they count as read. Without a chat: the list of chats. */
int run_read(struct app *app, int argc, char **argv)
{
    if (argc == 0) return run_verb(app, find_verb("chat", "list"), 0, argv);
    struct command command;
    const struct sotto_cli_verb *verb = find_verb("message", "list");
    if (app->o.help) {
        help_verb(stdout, verb);
        return EXIT_DONE;
    }
    int bad = args_verb(app, &command, verb, argc, argv);
    if (bad) return bad;
    json_t *chat = json_incref(json_object_get(command.params, "chat"));
    if ((bad = client_open(app)) || (bad = guard_account(app, verb, command.params))) {
        json_decref(command.params);
        json_decref(chat);
        return bad;
    }
    json_t *error, *result = client_call(app, verb->rpc, command.params, &error);
    if (!result) {
        json_decref(chat);
        return error ? report_error(app, error) : EXIT_INTERRUPTED;
    }
    if (app->o.json) show_json(result);
    else show_result(app, verb, result);
    const json_t *items = json_object_get(result, "items");
    const char *last = NULL;
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *m = json_array_get(items, i);
        if (json_is_false(json_object_get(m, "own"))) last = json_string_value(json_object_get(m, "message"));
    }
    if (last) {
        json_t *done = client_call(app, "sotto_chatRead", json_pack("{s:O, s:s}", "chat", chat, "upTo", last), &error);
        json_decref(done);
        if (error) bad = report_error(app, error);
    }
    json_decref(result);
    json_decref(chat);
    return bad;
}

/* watch [KINDS] [--from CURSOR]: one JSON line for each event, and a last one with the cursor to go on from. */
int run_watch(struct app *app, int argc, char **argv)
{
    struct command command;
    const struct sotto_cli_verb *list = find_verb("event", "list");
    char *words[64];
    int n = 0;
    bool kinds = false, from = false;
    if (app->o.help) return help_words(app, 1, (char *[]){ (char *)(uintptr_t)"watch" });
    for (int i = 0; i < argc && n < 60; i++) {
        if (strncmp(argv[i], "--from", 6) == 0 && (argv[i][6] == 0 || argv[i][6] == '=')) {
            const char *cursor = argv[i][6] ? argv[i] + 7 : i + 1 < argc ? argv[++i] : "";
            if (!*cursor) return usage_error(app, "--from needs a cursor.");
            words[n++] = (char *)(uintptr_t)"--cursor";
            words[n++] = (char *)(uintptr_t)cursor;
            from = true;
        } else if (strncmp(argv[i], "--kinds", 7) != 0 && strncmp(argv[i], "--", 2) != 0 && !kinds) {
            words[n++] = (char *)(uintptr_t)"--kinds";
            words[n++] = argv[i];
            kinds = true;
        } else {
            words[n++] = argv[i];                         /* a flag of event list, with the value behind it */
            if (!strchr(argv[i], '=') && i + 1 < argc) words[n++] = argv[++i];
        }
    }
    int bad = args_verb(app, &command, list, n, words);
    if (bad) return bad;
    if (app->o.request_key) {
        json_decref(command.params);
        return usage_error(app, "watch changes nothing, so it takes no --request-key.");
    }
    if ((bad = client_open(app)) || (bad = guard_account(app, list, command.params))) {
        json_decref(command.params);
        return bad;
    }
    json_t *error = NULL;
    bool known = !from;                                   /* the node has taken or given the cursor */
    if (!from) {                                          /* from now on */
        json_t *now = client_call(app, "sotto_eventNow", NULL, &error);
        if (now) json_object_set(command.params, "cursor", json_object_get(now, "cursor"));
        json_decref(now);
    }
    json_int_t for_ms = json_is_integer(json_object_get(command.params, "waitMs")) ? json_integer_value(json_object_get(command.params, "waitMs")) : -1;
    json_object_set_new(command.params, "waitMs", json_integer(for_ms >= 0 ? for_ms : 30000));
    while (!error && !interrupted) {
        json_t *result = client_call(app, list->rpc, json_deep_copy(command.params), &error);
        if (!result) break;
        const json_t *events = json_object_get(result, "events");
        for (size_t i = 0; i < json_array_size(events); i++) show_json(json_array_get(events, i));
        json_object_set(command.params, "cursor", json_object_get(result, "cursor"));
        known = true;
        bool over = for_ms >= 0 && json_array_size(events) == 0;       /* --for: until it was quiet so long */
        json_decref(result);
        if (ferror(stdout)) break;
        if (over) break;
    }
    const char *cursor = json_string_value(json_object_get(command.params, "cursor"));
    if (cursor && (known || !error)) printf("{\"cursor\":\"%s\"}\n", cursor); /* every line of watch is JSON; a refused cursor is no place to go on from */
    fflush(stdout);
    json_decref(command.params);
    if (error) return report_error(app, error);
    return interrupted ? EXIT_INTERRUPTED : EXIT_DONE;
}
