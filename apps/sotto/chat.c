#include "chat.h"

#include "show.h"
#include "tty.h"

#include <ctype.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}
static bool truth(const json_t *o, const char *key) { return json_is_true(json_object_get(o, key)); }

char *chat_line(struct chat *c, bool block)
{
    static char line[LINE_BYTES_MAX + 1];
    for (;;) {
        char *end = memchr(c->buffer, '\n', c->size);
        size_t n = end ? (size_t)(end - c->buffer) : c->size;
        if (end || (c->eof && c->size) || n == sizeof c->buffer) {
            bool cut = !end && n == sizeof c->buffer, drop = c->skipping || cut;
            memcpy(line, c->buffer, n);
            line[n] = 0;
            c->size -= n + (end ? 1 : 0);
            memmove(c->buffer, c->buffer + n + (end ? 1 : 0), c->size);
            explicit_bzero(c->buffer + c->size, sizeof c->buffer - c->size);
            if (cut && !c->skipping) puts("That line is too long; it was not sent.");
            c->skipping = cut;
            if (drop) continue;
            if (n && line[n - 1] == '\r') line[n - 1] = 0;
            return line;
        }
        if (c->eof) return NULL;
        struct pollfd p = { STDIN_FILENO, POLLIN, 0 };
        if (wait_input(&p, 1, block ? -1 : 0) <= 0) return NULL;
        ssize_t got = read(STDIN_FILENO, c->buffer + c->size, sizeof c->buffer - c->size);
        if (got <= 0) c->eof = true;
        else c->size += (size_t)got;
    }
}

char *chat_ask(struct chat *c, const char *prompt, bool secret, bool fresh)
{
    fflush(stdout);
    if (c->terminal && can_ask(c->app)) return secret && fresh ? ask_new_secret(c->app, prompt) : secret ? ask_secret(c->app, prompt) : ask_line(c->app, prompt);
    if (c->app->o.no_input) {
        usage_error(c->app, "There is nobody to ask (--no-input): %s", prompt);
        return NULL;
    }
    puts(prompt);
    fflush(stdout);
    char *line = chat_line(c, true), *copy = line ? strdup(line) : NULL;
    if (line) explicit_bzero(line, strlen(line));
    return copy;
}

json_t *chat_call(struct chat *c, const char *rpc, json_t *params, json_t **error)
{
    json_t *result = client_call(c->app, rpc, params, error);
    if (!result && *error && json_integer_value(json_object_get(*error, "code")) == 1105) {       /* locked meanwhile */
        json_decref(*error);
        *error = NULL;
        if (chat_unlock(c) == 0) puts("Open again; repeat the last line.");
    }
    return result;
}

static void refresh_names(struct chat *c)
{
    json_decref(c->names);
    c->names = contact_names(c->app);
}

/* A name for a line: alias, or the beginning of the ID. */
static void put_name(struct chat *c, const char *id)
{
    const char *name = contact_name(c->names, id);
    if (name == id && strlen(id) == 42) printf("%.6s..%s", id, id + 38);
    else put_clean(stdout, name, CLEAN_LINE);
}

static void keep_text(struct chat *c, const json_t *message)
{
    if (json_object_size(c->texts) > 2000) json_object_clear(c->texts);
    if (*text_of(message, "message")) json_object_set_new(c->texts, text_of(message, "message"), json_string(text_of(message, "text")));
}

static void mark_read(struct chat *c, const char *chat, const char *message)
{
    json_t *error, *done = client_call(c->app, "sotto_chatRead", json_pack("{s:s, s:s}", "chat", chat, "upTo", message), &error);
    json_decref(done);
    json_decref(error);                                   /* not told: it only counts what is unread */
}

static bool sent_here(struct chat *c, const char *message)
{
    for (size_t i = 0; i < sizeof c->own / sizeof *c->own; i++)
        if (c->own[i] && strcmp(c->own[i], message) == 0) return true;
    return false;
}

/* 0x8152 or 0x8152..aeBF, as the chat writes an Id, made whole when exactly one contact fits; else out = who. */
static void whole_id(struct chat *c, char out[64], const char *who)
{
    const char *dots = strstr(who, ".."), *tail = dots ? dots + 2 : "";
    size_t head = dots ? (size_t)(dots - who) : strlen(who), end = strlen(tail), found = 0;
    char id[64] = "";
    if (strncmp(who, "0x", 2) == 0 && head >= 6 && head + end < 42) {
        json_t *error, *list = client_call(c->app, "sotto_contactList", json_pack("{s:i, s:s#}", "limit", 200, "query", who, (int)head), &error);
        size_t i;
        json_t *o;
        json_array_foreach(json_object_get(list, "items"), i, o) {
            const char *one = text_of(o, "id");
            size_t n = strlen(one);
            if (n < 64 && n >= head + end && strncasecmp(one, who, head) == 0 && strcasecmp(one + n - end, tail) == 0) {
                snprintf(id, sizeof id, "%s", one);
                found++;
            }
        }
        if (json_object_get(list, "next")) found = 0;     /* not all were looked at */
        json_decref(list);
        json_decref(error);
    }
    snprintf(out, 64, "%s", found == 1 ? id : who);
}

/* The Id of somebody named by alias or Id; false = said so. */
static bool find_who(struct chat *c, char out[64], const char *who)
{
    char id[64];
    if (strlen(who) < sizeof id) {
        whole_id(c, id, who);
        who = id;
    }
    json_t *error, *contact = chat_call(c, "sotto_contactGet", json_pack("{s:s}", "contact", who), &error);
    if (!contact) {
        if (error) report_error(c->app, error);
        return false;
    }
    snprintf(out, 64, "%s", text_of(contact, "id"));
    json_decref(contact);
    return true;
}

static void say_to(struct chat *c, const char *chat, const char *text)
{
    json_t *error, *m = chat_call(c, "sotto_messageSend", json_pack("{s:s, s:s}", "chat", chat, "text", text), &error);
    if (!m) {
        if (error) report_error(c->app, error);
        return;
    }
    char state[96], when[32];
    free(c->own[c->own_next]);
    c->own[c->own_next] = strdup(text_of(m, "message"));
    c->own_next = (c->own_next + 1) % (sizeof c->own / sizeof *c->own);
    keep_text(c, m);
    state_text(c->app, state, m);
    time_text(c->app, when, json_integer_value(json_object_get(m, "ms")));
    printf("%s  me to ", when);
    put_name(c, text_of(m, "chat"));
    fputs("  ", stdout);
    put_clean(stdout, text, CLEAN_LINE);
    printf(*state ? "   [%s]\n" : "\n", state);
    snprintf(c->to, sizeof c->to, "%s", *text_of(m, "chat") ? text_of(m, "chat") : chat);
    json_decref(m);
}

static void note_state(struct chat *c, const json_t *contact)
{
    if (*text_of(contact, "id") && *text_of(contact, "state")) json_object_set_new(c->states, text_of(contact, "id"), json_string(text_of(contact, "state")));
}

/* A contact on one line; a request with what to type. */
static void show_contact_line(struct chat *c, const json_t *contact)
{
    const char *id = text_of(contact, "id"), *alias = text_of(contact, "alias"), *state = text_of(contact, "state");
    bool asks = strcmp(state, "incoming") == 0;
    put_clean(stdout, *alias ? alias : id, CLEAN_LINE);
    printf("  %s", contact_state_words(state));
    if (asks && *text_of(contact, "note")) {
        fputs(": \"", stdout);
        put_clean(stdout, text_of(contact, "note"), CLEAN_LINE);
        fputc('"', stdout);
    }
    if (*alias && strlen(id) == 42) printf("  (%.6s..%s)", id, id + 38);
    char brief[64];
    if (strlen(id) == 42) snprintf(brief, sizeof brief, "%.6s..%s", id, id + 38);
    else snprintf(brief, sizeof brief, "%s", id);
    if (asks) printf("   /accept %s NAME  /decline %s", brief, brief);
    else if (!*alias && !strcmp(state, "mutual")) printf("   /name %s NAME", brief);
    putchar('\n');
    note_state(c, contact);
}

static void on_message(struct chat *c, const json_t *m, bool is_new)
{
    if (json_is_object(json_object_get(m, "message"))) m = json_object_get(m, "message");
    const char *name = text_of(m, "message"), *state = text_of(m, "state");
    if (is_new) {
        if (truth(m, "own") && sent_here(c, name)) return;
        keep_text(c, m);
        if (!json_object_get(c->names, text_of(m, "chat"))) refresh_names(c);
        show_message(c->app, m, c->names);
        if (!truth(m, "own")) {
            if (!c->to[0]) snprintf(c->to, sizeof c->to, "%s", text_of(m, "chat"));
            mark_read(c, text_of(m, "chat"), name);
        }
        return;
    }
    if (!truth(m, "own") || !strcmp(state, "queued") || !strcmp(state, "working")) return;
    char line[96];
    state_text(c->app, line, m);
    const char *text = json_string_value(json_object_get(c->texts, name));
    if (!text) text = text_of(m, "text");
    fputs("       ", stdout);
    put_name(c, text_of(m, "chat"));
    printf(": %s  (", *line ? line : state);
    char *clean = clean_copy(text);
    size_t cut = strlen(clean);
    if (cut > 40) {                                       /* at the border of a character */
        cut = 40;
        while (cut && ((unsigned char)clean[cut] & 0xc0) == 0x80) cut--;
    }
    printf("%.*s%s)\n", (int)cut, clean, clean[cut] ? "..." : "");
    free(clean);
}

static void on_event(struct chat *c, const json_t *event)
{
    const char *kind = text_of(event, "kind");
    const json_t *data = json_object_get(event, "data");
    const json_t *contact = json_object_get(data, "contact") ? json_object_get(data, "contact") : data;
    if (!strcmp(kind, "message.new")) {
        on_message(c, data, true);
    } else if (!strcmp(kind, "message.state")) {
        on_message(c, data, false);
    } else if (!strcmp(kind, "message.gap")) {
        fputs("       -- message ", stdout);
        printf("%lld of ", (long long)json_integer_value(json_object_get(data, "number")));
        put_name(c, text_of(data, "chat"));
        puts(" has not arrived yet; asked for again --");
    } else if (!strcmp(kind, "contact.request")) {
        refresh_names(c);
        show_contact_line(c, contact);
    } else if (!strcmp(kind, "contact.state") || !strcmp(kind, "contact.key")) {
        refresh_names(c);
        if (!strcmp(text_of(contact, "state"), "mutual") && !c->to[0]) snprintf(c->to, sizeof c->to, "%s", text_of(contact, "id"));
        if (!strcmp(kind, "contact.key") || strcmp(text_of(c->states, text_of(contact, "id")), text_of(contact, "state")) != 0) show_contact_line(c, contact);
        if (!strcmp(kind, "contact.key") && *text_of(data, "sentence")) {
            fputs("  ", stdout);
            put_clean(stdout, text_of(data, "sentence"), CLEAN_LINE);
            putchar('\n');
        }
    } else if (!strcmp(kind, "chat.system")) {
        fputs("       -- ", stdout);
        put_name(c, text_of(data, "chat"));
        fputs(": ", stdout);
        put_clean(stdout, text_of(data, "what"), CLEAN_LINE);
        puts(" --");
    } else if (!strcmp(kind, "node.part")) {
        printf("       -- %s is %s", text_of(data, "part"), text_of(data, "state"));
        if (*text_of(data, "text")) fputs(": ", stdout);
        put_clean(stdout, text_of(data, "text"), CLEAN_LINE);
        puts(" --");
    }
}

/* The commands. rest = what stands behind the word. */
static bool one_verb(struct chat *c, const char *object, const char *verb, const char *param, const char *value, const char *second, const char *second_value)
{
    const struct sotto_cli_verb *v = find_verb(object, verb);
    json_t *params = json_object();
    if (param) json_object_set_new(params, param, json_string(value));
    if (second && second_value && *second_value) json_object_set_new(params, second, json_string(second_value));
    char id[64];
    if (param && strcmp(param, "contact") == 0 && strlen(value) < sizeof id) {
        whole_id(c, id, value);
        json_object_set_new(params, param, json_string(id));
    }
    json_t *error, *result = chat_call(c, v->rpc, params, &error);
    if (result) show_result(c->app, v, result);
    else if (error) report_error(c->app, error);
    if (strcmp(object, "contact") == 0) {
        note_state(c, result);
        refresh_names(c);
    }
    bool done = result != NULL;
    json_decref(result);
    return done;
}

static void cmd_add(struct chat *c, const char *link, const char *note) { one_verb(c, "contact", "add", "link", link, "note", note); }
static void cmd_accept(struct chat *c, const char *who, const char *alias)
{
    if (one_verb(c, "contact", "accept", "contact", who, "alias", alias) && !c->to[0]) find_who(c, c->to, alias && *alias ? alias : who);
}
static void cmd_decline(struct chat *c, const char *who, const char *rest) { (void)rest; one_verb(c, "contact", "decline", "contact", who, NULL, NULL); }
static void cmd_block(struct chat *c, const char *who, const char *rest) { (void)rest; one_verb(c, "contact", "block", "contact", who, NULL, NULL); }
static void cmd_unblock(struct chat *c, const char *who, const char *rest) { (void)rest; one_verb(c, "contact", "unblock", "contact", who, NULL, NULL); }
static void cmd_name(struct chat *c, const char *who, const char *alias)
{
    if (alias && *alias) one_verb(c, "contact", "set", "contact", who, "alias", alias);
    else puts("/name WHO NAME  what you call them");
}
static void cmd_contacts(struct chat *c, const char *a, const char *b) { (void)a; (void)b; one_verb(c, "contact", "list", NULL, NULL, NULL, NULL); }
static void cmd_chats(struct chat *c, const char *a, const char *b) { (void)a; (void)b; one_verb(c, "chat", "list", NULL, NULL, NULL, NULL); }
static void cmd_link(struct chat *c, const char *a, const char *b) { (void)a; (void)b; one_verb(c, "account", "link", NULL, NULL, NULL, NULL); }
static void cmd_status(struct chat *c, const char *a, const char *b) { (void)a; (void)b; one_verb(c, "node", "status", NULL, NULL, NULL, NULL); }
static void cmd_verify(struct chat *c, const char *who, const char *code)
{
    if (code && *code) one_verb(c, "contact", "verify", "contact", who, "code", code);
    else if (one_verb(c, "contact", "safety", "contact", who, NULL, NULL)) {
        fputs("Compare by voice or face to face, then type what they read to you: /verify ", stdout);
        put_clean(stdout, who, CLEAN_LINE);
        puts(" WORDS");
    }
}

static void cmd_search(struct chat *c, const char *text, const char *rest)
{
    char *whole = NULL;
    if (asprintf(&whole, "%s%s%s", text, rest && *rest ? " " : "", rest ? rest : "") < 0) abort();
    one_verb(c, "message", "search", "query", whole, NULL, NULL);
    wipe_text(whole);
}

static void cmd_read(struct chat *c, const char *who, const char *rest)
{
    (void)rest;
    char id[64];
    if (who && *who) {
        if (!find_who(c, id, who)) return;
    } else if (c->to[0]) {
        snprintf(id, sizeof id, "%s", c->to);
    } else {
        cmd_chats(c, NULL, NULL);
        return;
    }
    json_t *error, *list = chat_call(c, "sotto_messageList", json_pack("{s:s, s:i}", "chat", id, "limit", 20), &error);
    if (!list) {
        if (error) report_error(c->app, error);
        return;
    }
    const char *last = NULL;
    size_t i;
    json_t *m;
    json_array_foreach(json_object_get(list, "items"), i, m) {
        show_message(c->app, m, c->names);
        keep_text(c, m);
        if (!truth(m, "own")) last = text_of(m, "message");
    }
    if (json_array_size(json_object_get(list, "items")) == 0) puts("Nothing written yet.");
    if (last) mark_read(c, id, last);
    json_decref(list);
    snprintf(c->to, sizeof c->to, "%s", id);
}

static void cmd_chat(struct chat *c, const char *who, const char *rest)
{
    (void)rest;
    char id[64];
    if (!find_who(c, id, who)) return;
    snprintf(c->to, sizeof c->to, "%s", id);
    fputs("What you type now goes to ", stdout);
    put_name(c, id);
    puts(".");
}

static void cmd_phrase(struct chat *c, const char *a, const char *b)
{
    (void)a;
    (void)b;
    char *passphrase = chat_ask(c, "Passphrase: ", true, false);
    if (!passphrase) return;
    json_t *error, *words = client_call(c->app, "sotto_accountPhrase", json_pack("{s:s}", "passphrase", passphrase), &error);
    wipe_text(passphrase);
    if (words) show_result(c->app, find_verb("account", "phrase"), words);
    else if (error) report_error(c->app, error);
    json_decref(words);
}

static void cmd_lock(struct chat *c, const char *a, const char *b)
{
    (void)a;
    (void)b;
    one_verb(c, "vault", "lock", NULL, NULL, NULL, NULL);
    interrupted = 2;                                      /* nothing of the chat stays open behind a lock */
}

static void cmd_help(struct chat *c, const char *a, const char *b);

static const struct command_word {
    const char *word, *brief, *usage, *help;
    bool who;                             /* needs its first word */
    void (*run)(struct chat *c, const char *who, const char *rest);
} commands[] = {
    { "/add", "/a", "/add LINK [NOTE]", "ask somebody to become a contact", true, cmd_add },
    { "/accept", "/y", "/accept WHO [NAME]", "say yes to a request, and what you call them", true, cmd_accept },
    { "/decline", "/n", "/decline WHO", "say no; can be undone for 14 days", true, cmd_decline },
    { "/name", "/m", "/name WHO NAME", "what you call them", true, cmd_name },
    { "/contacts", "/c", "/contacts", "the people you know, and who asks", false, cmd_contacts },
    { "/chats", "/l", "/chats", "your conversations", false, cmd_chats },
    { "/chat", "/g", "/chat WHO", "go to a conversation", true, cmd_chat },
    { "/read", "/r", "/read [WHO]", "its newest messages", false, cmd_read },
    { "/search", "/f", "/search TEXT", "find messages by their text", true, cmd_search },
    { "/verify", "/v", "/verify WHO [WORDS]", "the words to compare; with them: compared", true, cmd_verify },
    { "/block", "/b", "/block WHO", "take nothing more from somebody", true, cmd_block },
    { "/unblock", "/u", "/unblock WHO", "undo it", true, cmd_unblock },
    { "/link", "/i", "/link", "your own link, for others to add you", false, cmd_link },
    { "/phrase", "/p", "/phrase", "your 24 words", false, cmd_phrase },
    { "/status", "/s", "/status", "what the node is doing", false, cmd_status },
    { "/lock", "/x", "/lock", "close the account and leave", false, cmd_lock },
    { "/help", "/?", "/help", "this", false, cmd_help },
};

static void cmd_help(struct chat *c, const char *a, const char *b)
{
    (void)c;
    (void)a;
    (void)b;
    puts("Plain text goes to the last chat; @name text to somebody. A line that begins with // is sent with one /.");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) printf("  %-22s %-3s %s\n", commands[i].usage, commands[i].brief, commands[i].help);
    puts("  /quit                  /q  leave");
}

/* First word and the rest, in place. */
static char *cut_word(char *line)
{
    while (*line && !isspace((unsigned char)*line)) line++;
    if (*line) *line++ = 0;
    while (isspace((unsigned char)*line)) line++;
    return line;
}

/* false = leave. */
static bool on_line(struct chat *c, char *line)
{
    size_t n = strlen(line);
    while (n && isspace((unsigned char)line[n - 1])) line[--n] = 0;
    while (isspace((unsigned char)*line)) line++;
    if (!*line) return true;
    if (line[0] == '@' && line[1]) {
        char id[64], *text = cut_word(line + 1);
        if (!find_who(c, id, line + 1)) return true;
        if (*text) say_to(c, id, text);
        else cmd_chat(c, line + 1, NULL);
        return true;
    }
    if (line[0] != '/' || line[1] == '/') {
        if (!c->to[0]) puts("To whom? @NAME TEXT, or /chat NAME first. /contacts shows the names.");
        else say_to(c, c->to, line[0] == '/' ? line + 1 : line);
        return true;
    }
    char *rest = cut_word(line);
    if (!strcmp(line, "/quit") || !strcmp(line, "/q")) return false;
    const char *words[sizeof commands / sizeof *commands];
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const struct command_word *w = &commands[i];
        words[i] = w->word;
        if (strcmp(line, w->word) != 0 && strcmp(line, w->brief) != 0) continue;
        char *who = rest, *more = *rest ? cut_word(rest) : rest;
        if (w->who && !*who) printf("%s  %s\n", w->usage, w->help);
        else w->run(c, who, more);
        return true;
    }
    const char *near = nearest(line, words, sizeof commands / sizeof *commands);
    printf("There is no %.32s%s%s%s /help shows all. To send it as text: /%.32s\n", line, near ? "; did you mean " : "", near ? near : "", near ? "?" : ".", line);
    return true;
}

static bool ask_events(struct chat *c)
{
    json_t *params = json_pack("{s:s, s:i, s:[s,s,s,s,s,s,s,s]}", "cursor", c->cursor, "waitMs", 30000, "kinds", "message.new", "message.state",
                               "message.gap", "contact.request", "contact.state", "contact.key", "chat.system", "node.part");
    c->asking = params && client_send(c->app, "sotto_eventList", params);
    return c->asking;
}

static bool from_now(struct chat *c)
{
    json_t *error, *now = client_call(c->app, "sotto_eventNow", NULL, &error);
    if (!now) {
        if (error) report_error(c->app, error);
        return false;
    }
    snprintf(c->cursor, sizeof c->cursor, "%s", text_of(now, "cursor"));
    json_decref(now);
    return true;
}

/* Who waits for an answer, where the talk was left, how to begin. */
static void welcome(struct chat *c)
{
    json_t *error, *contacts = client_call(c->app, "sotto_contactList", json_pack("{s:i}", "limit", 200), &error);
    json_decref(error);
    json_t *chats = client_call(c->app, "sotto_chatList", json_pack("{s:i}", "limit", 200), &error);
    json_decref(error);
    size_t i, people = 0;
    json_t *o;
    put_clean(stdout, *c->name ? c->name : c->account, CLEAN_LINE);
    puts("  \u00b7  /help shows what you can type");
    json_array_foreach(json_object_get(contacts, "items"), i, o) {
        if (!strcmp(text_of(o, "state"), "incoming")) show_contact_line(c, o);
        people++;
    }
    if (people == 0) puts("No contacts yet. /add LINK adds one; /link shows yours.");
    json_int_t newest = -1;
    json_array_foreach(json_object_get(chats, "items"), i, o) {
        json_int_t unread = json_integer_value(json_object_get(o, "unread")), ms = json_integer_value(json_object_get(json_object_get(o, "last"), "ms"));
        if (ms > newest) {
            newest = ms;
            snprintf(c->to, sizeof c->to, "%s", text_of(o, "chat"));
        }
        if (unread > 0) {
            put_name(c, text_of(o, "chat"));
            printf("  %lld new: /read ", (long long)unread);
            put_name(c, text_of(o, "chat"));
            putchar('\n');
        }
    }
    if (c->to[0]) {
        fputs("What you type goes to ", stdout);
        put_name(c, c->to);
        puts(".");
    }
    json_decref(contacts);
    json_decref(chats);
}

/* What came from the node; -1 = leave with *status. */
static int on_node(struct chat *c, int *status)
{
    json_t *result, *error;
    int n = client_poll(c->app, &result, &error);
    if (n < 0) {
        *status = REPORT(c->app, 2001, "path", c->app->socket);
        return -1;
    }
    if (n == 0) return 0;
    c->asking = false;
    if (error) {
        json_int_t code = json_integer_value(json_object_get(error, "code"));
        if (code != 1008 && code != 1105) {
            *status = report_error(c->app, error);
            return -1;
        }
        json_decref(error);
        if (code == 1105 && (*status = chat_unlock(c)) != 0) return -1;
        if (code == 1008) puts("You were away for long: /read shows what came meanwhile.");
        return code == 1008 && !from_now(c) ? -1 : 0;
    }
    size_t i;
    json_t *event;
    json_array_foreach(json_object_get(result, "events"), i, event) {
        const char *account = text_of(event, "account");
        if (!*account || !*c->account || strcasecmp(account, c->account) == 0) on_event(c, event);
    }
    snprintf(c->cursor, sizeof c->cursor, "%s", text_of(result, "cursor"));
    json_decref(result);
    fflush(stdout);
    return 0;
}

static int talk(struct chat *c)
{
    int status = EXIT_DONE;
    while (!interrupted) {
        char *line;
        while (!interrupted && (line = chat_line(c, false)) != NULL) {
            char *own = strdup(line);                     /* a question in between reads into the same buffer */
            bool stay = own && on_line(c, own);
            wipe_text(own);
            if (!stay) return EXIT_DONE;
        }
        fflush(stdout);
        if (c->eof || interrupted) break;
        if (!c->asking && !ask_events(c)) return REPORT(c->app, 2001, "path", c->app->socket);
        if (on_node(c, &status) < 0) return status;       /* what came during another call is already read */
        if (!c->asking) continue;
        struct pollfd p[2] = { { STDIN_FILENO, POLLIN, 0 }, { client_fd(c->app), POLLIN, 0 } };
        wait_input(p, 2, -1);
    }
    return interrupted == 1 ? EXIT_INTERRUPTED : status;
}

int run_chat(struct app *app)
{
    static struct chat c;
    c.app = app;
    app->talking = true;
    c.terminal = isatty(STDIN_FILENO);
    c.texts = json_object();
    c.states = json_object();
    int bad = client_open(app);
    if (!bad) bad = chat_start(&c);
    if (!bad && !c.eof) {
        if (from_now(&c)) {
            refresh_names(&c);
            welcome(&c);
            fflush(stdout);
            bad = talk(&c);
        } else {
            bad = EXIT_OTHER;
        }
    }
    json_decref(c.names);
    json_decref(c.texts);
    json_decref(c.states);
    for (size_t i = 0; i < sizeof c.own / sizeof *c.own; i++) free(c.own[i]);
    explicit_bzero(c.buffer, sizeof c.buffer);
    return bad;
}
