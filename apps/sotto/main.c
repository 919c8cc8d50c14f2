/* sotto: the command line. Everything it can do is a method of the node (api/methods.json); it holds no key and no state. */
#include "app.h"

#include <errno.h>
#include <locale.h>
#include <langinfo.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "show.h"

volatile sig_atomic_t interrupted;
static void on_signal(int sig)
{
    (void)sig;
    interrupted = 1;
}

int wait_input(struct pollfd *fds, unsigned count, int timeout_ms)
{
    sigset_t none;
    sigemptyset(&none);
    struct timespec t = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
    for (;;) {
        int n = interrupted ? -1 : ppoll(fds, count, timeout_ms < 0 ? NULL : &t, &none);
        if (n >= 0 || interrupted) return n;
        if (errno != EINTR) abort();                      /* no other way for it to fail with descriptors of our own */
    }
}

bool wait_readable(int fd)
{
    struct pollfd p = { fd, POLLIN, 0 };
    return wait_input(&p, 1, -1) > 0;
}

/* What jansson frees may have held a passphrase or a message. */
static void wiping_free(void *memory)
{
    if (memory) explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

static json_t *check(const char *id, const char *result, const char *what, const char *why, const char *todo)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", id, "result", result, "what", what, "why", why, "todo", todo);
}

/* What can be looked at without a node. */
static json_t *local_checks(const struct app *app)
{
    json_t *checks = json_array();
    char folder[4096], text[4352];
    snprintf(text, sizeof text, "No socket answers at %s.", app->socket);
    char todo[4352];
    snprintf(todo, sizeof todo, "Start it: sottod%s%s.", app->o.data ? " --data " : "", app->o.data ? app->o.data : "");
    json_array_append_new(checks, check("node", "fail", "The node is not running.", text, todo));
    snprintf(folder, sizeof folder, "%s", app->socket);
    char *slash = strrchr(folder, '/');
    if (slash) *slash = 0;
    struct stat st;
    struct statvfs disk;
    if (stat(folder, &st) != 0) {
        snprintf(text, sizeof text, "There is no folder %s.", folder);
        json_array_append_new(checks, check("data", "warn", text, "A node makes it at its first start.", ""));
        return checks;
    }
    bool open_to_others = (st.st_mode & 07) != 0;
    snprintf(text, sizeof text, "%s %s.", folder, open_to_others ? "can be read by others" : "is closed to others");
    json_array_append_new(checks, check("mode", open_to_others ? "warn" : "ok", text, "", open_to_others ? "chmod 700 it." : ""));
    if (statvfs(folder, &disk) == 0) {
        unsigned long long free_mb = (unsigned long long)disk.f_bavail * disk.f_frsize >> 20;
        snprintf(text, sizeof text, "%llu MB free on its disk.", free_mb);
        json_array_append_new(checks, check("disk", free_mb < 100 ? "warn" : "ok", text, "", free_mb < 100 ? "Free some: a node stops writing when none is left." : ""));
    }
    return checks;
}

int run_doctor(struct app *app, int argc, char **argv)
{
    const struct sotto_cli_verb *verb = find_verb("node", "doctor");
    struct command command;
    if (app->o.help) return run_verb(app, verb, argc, argv);
    int bad = args_verb(app, &command, verb, argc, argv);
    if (bad) return bad;
    json_decref(command.params);
    FILE *held = stderr;
    char *said = NULL;
    size_t size = 0;
    stderr = open_memstream(&said, &size);                /* a node that is down is a finding, not a failure */
    bad = client_open(app);
    fclose(stderr);
    stderr = held;
    if (bad != EXIT_DOWN) {
        if (bad) fputs(said, stderr);
        free(said);
        return bad ? bad : run_verb(app, verb, argc, argv);
    }
    free(said);
    json_t *checks = local_checks(app);
    if (app->o.json) show_json(checks);
    else show_result(app, verb, checks);
    json_decref(checks);
    return EXIT_DISK;
}

static int unknown_word(struct app *app, const char *word)
{
    const char *words[128];
    unsigned n = 0;
    static const char *const own[] = { "watch", "read", "help", "chat", "doctor" };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) words[n++] = own[i];
    for (unsigned i = 0; i < sotto_cli_short_count && n < 64; i++) words[n++] = sotto_cli_shorts[i].word;
    for (unsigned i = 0; i < sotto_cli_verb_count && n < 128; i++)
        if (i == 0 || strcmp(sotto_cli_verbs[i].object, sotto_cli_verbs[i - 1].object) != 0) words[n++] = sotto_cli_verbs[i].object;
    const char *near = nearest(word, words, n);
    if (near) return usage_error(app, "There is no \"%s\"; did you mean %s?", word, near);
    return usage_error(app, "There is no \"%s\". See: sotto help", word);
}

static int unknown_verb(struct app *app, const char *object, const char *word)
{
    const char *words[32];
    unsigned n = 0;
    for (unsigned i = 0; i < sotto_cli_verb_count && n < 32; i++)
        if (strcmp(sotto_cli_verbs[i].object, object) == 0) words[n++] = sotto_cli_verbs[i].verb;
    if (!word || strncmp(word, "--", 2) == 0) return usage_error(app, "%s what? See: sotto help %s", object, object);
    const char *near = nearest(word, words, n);
    if (near) return usage_error(app, "%s has no verb \"%s\"; did you mean %s?", object, word, near);
    return usage_error(app, "%s has no verb \"%s\". See: sotto help %s", object, word, object);
}

static int run(struct app *app, int argc, char **argv)
{
    int bad = args_globals(app, &argc, argv);
    if (bad) return bad;
    if (app->o.version) {
        puts("sotto " SOTTO_VERSION);
        return EXIT_DONE;
    }
    if (argc == 0) {
        if (app->o.help) return help_words(app, 0, argv);
        if (app->o.json) return usage_error(app, "The chat has no --json; a program uses sotto watch and sotto send.");
        return run_chat(app);
    }
    const char *word = argv[0];
    if (strncmp(word, "--", 2) == 0) return usage_error(app, "There is no %s. See: sotto help", word);
    if (strcmp(word, "help") == 0) return help_words(app, argc - 1, argv + 1);
    if (strcmp(word, "chat") == 0 && argc == 1 && !app->o.help) return app->o.json ? unknown_verb(app, "chat", NULL) : run_chat(app);
    if (strcmp(word, "watch") == 0) return run_watch(app, argc - 1, argv + 1);
    if (strcmp(word, "read") == 0) return run_read(app, argc - 1, argv + 1);
    if (strcmp(word, "doctor") == 0) return run_doctor(app, argc - 1, argv + 1);
    if (strcmp(word, "node") == 0 && argc > 1 && strcmp(argv[1], "doctor") == 0) return run_doctor(app, argc - 2, argv + 2);
    const struct sotto_cli_verb *verb = find_short(word);
    if (verb) return run_verb(app, verb, argc - 1, argv + 1);
    bool object = false;
    for (unsigned i = 0; i < sotto_cli_verb_count; i++) object |= strcmp(sotto_cli_verbs[i].object, word) == 0;
    if (!object) return unknown_word(app, word);
    verb = argc > 1 ? find_verb(word, argv[1]) : NULL;
    if (!verb) {
        if (app->o.help) return help_words(app, 1, argv);
        return unknown_verb(app, word, argc > 1 ? argv[1] : NULL);
    }
    return run_verb(app, verb, argc - 2, argv + 2);
}

int main(int argc, char **argv)
{
    static struct app app;
    struct sigaction act = { .sa_handler = on_signal };
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    sigprocmask(SIG_BLOCK, &both, NULL);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });     /* a passphrase may be in memory */
    json_set_alloc_funcs(malloc, wiping_free);
    /* widths of characters; everything we print is UTF-8 in any case */
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0) setlocale(LC_CTYPE, "C.UTF-8");
    int status = run(&app, argc - 1, argv + 1);
    client_close(&app);
    /* a result that did not arrive is no result: a full disk behind > must not look like success */
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXIT_DONE) status = REPORT(&app, 1606, "file", "behind standard output", "why", "Part of the result is lost.");
    return status;
}
