/* What the parts of the command line share: the flags that hold for every verb, and how a run ends. */
#ifndef SOTTO_APP_H
#define SOTTO_APP_H

#include "cli_table.h"

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

/* Exit codes, experience.md 3.1. */
enum { EXIT_DONE = 0, EXIT_OTHER = 1, EXIT_USAGE = 2, EXIT_DOWN = 3, EXIT_LOCKED = 4, EXIT_MISSING = 5, EXIT_CONFLICT = 6, EXIT_TIME = 7,
       EXIT_REFUSED = 8, EXIT_VERIFY = 9, EXIT_DISK = 10, EXIT_INTERRUPTED = 130 };

struct options {
    const char *data, *socket, *account, *confirm, *request_key, *from;
    bool json, no_input, no_wait, quiet, utc, plain;
    bool help, version;
};

struct client;
struct app {
    struct options o;
    struct client *client;
    char socket[4096];                    /* where the node was looked for */
    bool talking;                         /* inside the chat: hints name its commands */
};

/* Set by SIGINT and SIGTERM. Both are blocked but for the moments inside wait_input, so that none can slip in between a look at
 * this flag and the system call that would then wait for ever. */
extern volatile sig_atomic_t interrupted;
struct pollfd;
/* poll() that a signal ends: > 0 ready, 0 time over, -1 interrupted. timeout_ms -1 = no end. */
int wait_input(struct pollfd *fds, unsigned count, int timeout_ms);
bool wait_readable(int fd);               /* false = interrupted */

/* client.c: one JSON value a line over the unix socket. */
/* Connects; 0, or prints the error and returns the exit code. */
int client_open(struct app *app);
void client_close(struct app *app);
/* Asks and waits. params is stolen (NULL = none). Returns the result, or NULL with *error set (an error object: free it), or NULL with
 * *error NULL when the person pressed Ctrl+C. */
json_t *client_call(struct app *app, const char *rpc, json_t *params, json_t **error);
/* The same without an answer yet; client_poll gives it once it is there. Only one may be under way, calls in between are allowed. */
bool client_send(struct app *app, const char *rpc, json_t *params);
int client_fd(const struct app *app);
/* 1: *result or *error was set. 0: nothing complete yet. -1: the node is gone. */
int client_poll(struct app *app, json_t **result, json_t **error);

/* report.c: errors to people and programs. */
/* Prints error (stolen) and returns its exit code. */
int report_error(const struct app *app, json_t *error);
/* An error of our own with the texts of api/errors.json; values = key, value, ..., NULL. */
int report_code(const struct app *app, int code, const char *const *values);
#define REPORT(app, code, ...) report_code((app), (code), (const char *const[]){ __VA_ARGS__, NULL })
/* Wrong usage: one sentence, exit 2. */
int usage_error(const struct app *app, const char *text, ...) __attribute__((format(printf, 2, 3)));
int error_exit(const json_t *error);

/* args.c */
struct command {
    const struct sotto_cli_verb *verb;
    json_t *params;
};
/* Takes the flags of every verb out of argv; *argc and argv then hold the rest. 0 or an exit code. */
int args_globals(struct app *app, int *argc, char **argv);
/* The rest of the words for one verb -> params. 0 or an exit code (printed). Prompts for what is missing where it may. */
int args_verb(struct app *app, struct command *out, const struct sotto_cli_verb *verb, int argc, char **argv);
bool parse_duration(const char *text, uint64_t *ms);
const struct sotto_cli_verb *find_verb(const char *object, const char *name);
const struct sotto_cli_verb *find_short(const char *word);
const char *nearest(const char *word, const char *const *words, unsigned count);

/* run.c: one verb from words to exit code; jobs are followed. */
int run_verb(struct app *app, const struct sotto_cli_verb *verb, int argc, char **argv);
/* Waits for a job. The result, or NULL with *error (or NULL: interrupted, its id was printed). */
json_t *follow_job(struct app *app, const char *job, json_t **error);
int run_watch(struct app *app, int argc, char **argv);
int run_read(struct app *app, int argc, char **argv);
int run_doctor(struct app *app, int argc, char **argv);

/* help.c */
void help_short(FILE *f);
int help_words(struct app *app, int argc, char **argv);
void help_verb(FILE *f, const struct sotto_cli_verb *verb);

/* chat.c */
int run_chat(struct app *app);

#endif
