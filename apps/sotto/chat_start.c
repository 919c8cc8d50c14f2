/* The first minute (experience.md 1.4): no account yet, or a locked one. */
#include "chat.h"

#include "show.h"
#include "tty.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static void remember(struct chat *c, const json_t *account)
{
    snprintf(c->account, sizeof c->account, "%s", text_of(account, "id"));
    snprintf(c->name, sizeof c->name, "%s", text_of(account, "name"));
}

/* Runs a method that becomes a job; the result or NULL, the error being printed. */
static json_t *do_job(struct chat *c, const char *rpc, json_t *params)
{
    json_t *error, *result = client_call(c->app, rpc, params, &error);
    const char *job = json_string_value(json_object_get(result, "job"));
    if (job && json_object_size(result) == 1) {
        json_t *waited = follow_job(c->app, job, &error);
        json_decref(result);
        result = waited;
    }
    if (error) report_error(c->app, error);
    return result;
}

static void show_phrase(struct chat *c, const char *passphrase)
{
    json_t *error, *words = client_call(c->app, "sotto_accountPhrase", json_pack("{s:s}", "passphrase", passphrase), &error);
    if (words) show_result(c->app, find_verb("account", "phrase"), words);
    else if (error) report_error(c->app, error);
    json_decref(words);
}

static json_t *create(struct chat *c, char *name)
{
    char *passphrase = chat_ask(c, "Passphrase (empty: anyone who can read this disk can read your messages): ", true, true);
    if (!passphrase) return NULL;
    json_t *result = do_job(c, "sotto_accountCreate", json_pack("{s:s, s:s}", "name", name, "passphrase", passphrase));
    if (result) {
        puts("These 24 words are the only way back if this disk is lost; nobody can reset them.");
        char *answer = chat_ask(c, "Show them now? [y/N] ", false, false);
        if (answer && (*answer == 'y' || *answer == 'Y')) show_phrase(c, passphrase);
        else puts("Later: /phrase");
        wipe_text(answer);
    }
    wipe_text(passphrase);
    return result;
}

static json_t *restore(struct chat *c)
{
    char *words = chat_ask(c, "The 24 words in one line, or the path of a backup: ", true, false);
    if (!words) return NULL;
    json_t *params;
    if (strchr(words, '/') || !strchr(words, ' ')) {
        char *path = words[0] == '/' ? strdup(words) : realpath(words, NULL);
        char *passphrase = path ? chat_ask(c, "Passphrase of the backup: ", true, false) : NULL;
        if (!path) REPORT(c->app, 1606, "file", words, "why", "There is no such file.");
        params = passphrase ? json_pack("{s:s, s:s}", "backup", path, "passphrase", passphrase) : NULL;
        wipe_text(passphrase);
        free(path);
    } else {
        char *name = chat_ask(c, "Your name (only contacts see it): ", false, false);
        char *passphrase = name ? chat_ask(c, "Passphrase (empty: anyone who can read this disk can read your messages): ", true, true) : NULL;
        params = passphrase ? json_pack("{s:s, s:s, s:s}", "phrase", words, "name", name, "passphrase", passphrase) : NULL;
        wipe_text(passphrase);
        wipe_text(name);
    }
    wipe_text(words);
    return params ? do_job(c, "sotto_accountRestore", params) : NULL;
}

/* Create or restore, until one works. */
static int first_account(struct chat *c)
{
    if (c->app->o.no_input) return usage_error(c->app, "No account on this node yet, and nobody to ask (--no-input): sotto account create --name NAME --passphrase-file FILE.");
    puts("No account on this node yet.   1 create one   2 restore from 24 words or a backup");
    for (;;) {
        char *name = chat_ask(c, "Your name (only contacts see it; 2 = restore): ", false, false);
        if (!name) return interrupted ? EXIT_INTERRUPTED : EXIT_DONE;
        json_t *made = NULL;
        if (strcmp(name, "2") == 0) made = restore(c);
        else if (*name && strcmp(name, "1") != 0) made = create(c, name);
        wipe_text(name);
        if (made) {
            snprintf(c->account, sizeof c->account, "%s", text_of(made, "account"));
            printf("Account %s is ready.\n", c->account);
            json_decref(made);
            return 0;
        }
        if (interrupted || c->eof) return interrupted ? EXIT_INTERRUPTED : EXIT_OTHER;
    }
}

int chat_unlock(struct chat *c)
{
    if (c->app->o.no_input) return usage_error(c->app, "The account is locked, and there is nobody to ask (--no-input): sotto vault unlock --passphrase-file FILE.");
    for (int tries = 0; tries < 5; tries++) {
        char *passphrase = chat_ask(c, "The account is locked. Passphrase: ", true, false);
        if (!passphrase) return interrupted ? EXIT_INTERRUPTED : EXIT_LOCKED;
        json_t *error, *done = client_call(c->app, "sotto_vaultUnlock", json_pack("{s:s, s:s}", "account", c->account, "passphrase", passphrase), &error);
        wipe_text(passphrase);
        if (done) {
            json_decref(done);
            return 0;
        }
        if (!error) return EXIT_INTERRUPTED;
        json_int_t code = json_integer_value(json_object_get(error, "code"));
        int status = report_error(c->app, error);
        if (code != 1106 && code != 1003) return status;
    }
    return EXIT_LOCKED;
}

/* The account in use; NULL = none, or *status is set. */
static json_t *current(struct chat *c, int *status)
{
    json_t *error, *account = client_call(c->app, "sotto_accountShow", c->app->o.account ? json_pack("{s:s}", "account", c->app->o.account) : NULL, &error);
    *status = 0;
    if (account) return account;
    if (error && json_integer_value(json_object_get(error, "code")) == 1201) json_decref(error);
    else *status = error ? report_error(c->app, error) : EXIT_INTERRUPTED;
    return NULL;
}

int chat_start(struct chat *c)
{
    int status;
    json_t *account = current(c, &status);
    if (status) return status;
    if (!account) {
        int bad = first_account(c);
        if (bad || !c->account[0]) {
            if (!bad) exit(EXIT_DONE);
            return bad;
        }
        account = current(c, &status);
        if (!account) return status ? status : EXIT_OTHER;
    }
    /* a vault that opens by itself (empty passphrase, passphrase file) may still be at it */
    for (int i = 0; i < 100 && json_is_true(json_object_get(account, "locked")) && json_is_true(json_object_get(account, "opening")) && !interrupted; i++) {
        wait_input(NULL, 0, 100);
        json_decref(account);
        if (!(account = current(c, &status))) return status;
    }
    remember(c, account);
    bool locked = json_is_true(json_object_get(account, "locked"));
    json_decref(account);
    if (!locked) return 0;
    int bad = chat_unlock(c);
    if (bad) return bad;
    if ((account = current(c, &status))) remember(c, account);
    json_decref(account);
    return status;
}
