#include "show.h"

#include "tty.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}
static json_int_t number_of(const json_t *o, const char *key) { return json_integer_value(json_object_get(o, key)); }
static bool is(const struct sotto_cli_verb *verb, const char *object, const char *name)
{
    return strcmp(verb->object, object) == 0 && strcmp(verb->verb, name) == 0;
}

/* A note belongs to the asking: later nobody knows any more who of the two wrote it. */
static bool note_shown(const json_t *contact)
{
    const char *state = text_of(contact, "state");
    return *text_of(contact, "note") && (!strcmp(state, "incoming") || !strcmp(state, "declined") || !strcmp(state, "requested"));
}

void show_json(const json_t *result)
{
    /* on a terminal nothing that is no ASCII reaches the screen raw */
    char *text = json_dumps(result, JSON_COMPACT | JSON_ENCODE_ANY | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0));
    if (!text) abort();
    puts(text);
    fflush(stdout);
    wipe_text(text);
}

/* When it came into this state; 0 = not told. */
static json_int_t since(const json_t *message, const char *state)
{
    const json_t *states = json_object_get(message, "states");
    json_int_t ms = 0;
    for (size_t i = 0; i < json_array_size(states); i++) {
        const json_t *s = json_array_get(states, i);
        if (strcmp(text_of(s, "state"), state) == 0) ms = number_of(s, "ms");
    }
    return ms;
}

void state_text(const struct app *app, char out[96], const json_t *message)
{
    const char *state = text_of(message, "state");
    char when[32] = "", until[32] = "";
    json_int_t ms = since(message, state), held = number_of(message, "heldUntilMs");
    out[0] = 0;
    if (ms) time_text(app, when, ms);
    if (held) time_text(app, until, held);
    if (!strcmp(state, "queued")) snprintf(out, 96, "waiting for network");
    else if (!strcmp(state, "working")) snprintf(out, 96, "preparing");
    else if (!strcmp(state, "sent")) snprintf(out, 96, held ? "\u2713 a relay took it; lives until %s" : "\u2713 a relay took it %s", held ? until : when);
    else if (!strcmp(state, "held")) snprintf(out, 96, held ? "\u2713 held until %s by a mailbox" : "\u2713 held by a mailbox", until);
    else if (!strcmp(state, "delivered")) snprintf(out, 96, "\u2713\u2713 on their device %s", when);
    else if (!strcmp(state, "read")) snprintf(out, 96, "\u2713\u2713 read %s", when);
    else if (!strcmp(state, "expired")) snprintf(out, 96, "expired %s, nobody collected it. Send again: sotto message resend", when);
    else if (!strcmp(state, "failed")) snprintf(out, 96, "! failed %s", when);
    else if (!strcmp(state, "cancelled")) snprintf(out, 96, "\u2013 cancelled %s", when);
    size_t n = strlen(out);
    while (n && out[n - 1] == ' ') out[--n] = 0;
}

json_t *contact_names(struct app *app)
{
    json_t *names = json_object(), *after = NULL, *error;
    for (int page = 0; page < 64; page++) {
        json_t *params = json_pack("{s:i}", "limit", 200);
        if (after) json_object_set_new(params, "after", after);
        after = NULL;
        json_t *list = client_call(app, "sotto_contactList", params, &error);
        if (!list) {
            json_decref(error);
            break;
        }
        size_t i;
        json_t *c;
        json_array_foreach(json_object_get(list, "items"), i, c) {
            const char *id = text_of(c, "id"), *alias = text_of(c, "alias");
            if (*id && *alias) json_object_set_new(names, id, json_string(alias));
        }
        after = json_incref(json_object_get(list, "next"));
        json_decref(list);
        if (!json_is_string(after)) break;
    }
    json_decref(after);
    return names;
}

const char *contact_name(const json_t *names, const char *id)
{
    const char *name = json_string_value(json_object_get(names, id));
    return name ? name : id;
}

void show_message(struct app *app, const json_t *m, const json_t *names)
{
    char when[32], state[96];
    if (number_of(m, "gapBefore"))
        printf("       -- %lld before this %s not arrived yet; asked for again --\n", (long long)number_of(m, "gapBefore"),
               number_of(m, "gapBefore") == 1 ? "has" : "have");
    time_text(app, when, number_of(m, "ms"));
    printf("%s  ", when);
    bool system = strcmp(text_of(m, "kind"), "system") == 0;
    if (system) fputs("-- ", stdout);
    else if (json_is_true(json_object_get(m, "own"))) fputs("me  ", stdout);
    else {
        put_clean(stdout, contact_name(names, text_of(m, "from")), CLEAN_LINE);
        fputs("  ", stdout);
    }
    if (*text_of(m, "subject")) {
        put_clean(stdout, text_of(m, "subject"), CLEAN_LINE);
        fputs(": ", stdout);
    }
    if (strcmp(text_of(m, "kind"), "unknown") == 0) fputs("(a kind of message this version cannot show)", stdout);
    put_clean(stdout, text_of(m, "text"), app->o.plain ? CLEAN_LINE : CLEAN_TEXT);
    if (system) fputs(" --", stdout);
    state_text(app, state, m);
    if (*state) printf("   [%s]", state);
    putchar('\n');
}

/* One value on one line. */
static void put_value(struct app *app, const char *key, const json_t *v)
{
    size_t n = strlen(key);
    char text[32];
    switch (json_typeof(v)) {
    case JSON_STRING: put_clean(stdout, json_string_value(v), CLEAN_TEXT); break;
    case JSON_INTEGER:
        if (strcmp(key, "ms") == 0 || strcmp(key, "since") == 0) time_text(app, text, json_integer_value(v));
        else if (n > 2 && strcmp(key + n - 2, "Ms") == 0 && json_integer_value(v) == 0) strcpy(text, "-");
        else if (n > 2 && strcmp(key + n - 2, "Ms") == 0 && json_integer_value(v) > 100000000000) time_text(app, text, json_integer_value(v));
        else if (n > 2 && strcmp(key + n - 2, "Ms") == 0) span_text(text, json_integer_value(v));
        else snprintf(text, sizeof text, "%lld", (long long)json_integer_value(v));
        fputs(text, stdout);
        break;
    case JSON_REAL: printf("%g", json_real_value(v)); break;
    case JSON_TRUE: fputs("yes", stdout); break;
    case JSON_FALSE: fputs("no", stdout); break;
    case JSON_NULL: fputs("-", stdout); break;
    case JSON_ARRAY: {
        if (json_array_size(v) == 0) fputs("none", stdout);
        for (size_t i = 0; i < json_array_size(v); i++) {
            if (i) fputs(", ", stdout);
            put_value(app, "", json_array_get(v, i));
        }
        break;
    }
    case JSON_OBJECT: {
        const char *name, *between = "";
        json_t *value;
        json_object_foreach((json_t *)v, name, value) {
            printf("%s%s ", between, name);
            put_value(app, name, value);
            between = " \u00b7 ";
        }
        break;
    }
    }
}

static void show_object(struct app *app, const json_t *o)
{
    const char *key;
    json_t *value;
    int width = 0;
    json_object_foreach((json_t *)o, key, value) if ((int)strlen(key) > width) width = (int)strlen(key);
    json_object_foreach((json_t *)o, key, value) {
        printf("%-*s  ", width, key);
        put_value(app, key, value);
        putchar('\n');
    }
}

/* As put_clean, but every line end stays as it is: a whole text for a file or a pager. */
static void put_lines(const char *text)
{
    char *copy = strdup(text), *rest = copy, *line;
    if (!copy) abort();
    while ((line = strsep(&rest, "\n")) != NULL) {
        put_clean(stdout, line, CLEAN_LINE);
        if (rest) putchar('\n');
    }
    if (*text && text[strlen(text) - 1] != '\n') putchar('\n');
    wipe_text(copy);
}

struct column { const char *key, *title; };
#define COLUMNS_MAX 10

static char *cell(struct app *app, const json_t *row, const char *key)
{
    char *out = NULL, short_text[32];
    size_t size = 0;
    const json_t *v = json_object_get(row, key);
    size_t n = strlen(key);
    FILE *f = open_memstream(&out, &size);
    if (!f) abort();
    if (json_is_string(v)) {
        if (strcmp(key, "note") != 0 || note_shown(row)) put_clean(f, json_string_value(v), CLEAN_LINE);
    } else if (json_is_integer(v) && n > 2 && strcmp(key + n - 2, "Ms") == 0) {
        if (json_integer_value(v) > 100000000000) time_text(app, short_text, json_integer_value(v));
        else if (json_integer_value(v) == 0) strcpy(short_text, "-");
        else span_text(short_text, json_integer_value(v));
        fputs(short_text, f);
    } else if (json_is_integer(v)) {
        fprintf(f, "%lld", (long long)json_integer_value(v));
    } else if (json_is_boolean(v)) {
        fputs(json_is_true(v) ? "yes" : "no", f);
    } else if (json_is_real(v)) {
        fprintf(f, "%g", json_real_value(v));
    }
    fclose(f);
    return out;
}

static void show_table(struct app *app, const json_t *rows, const struct column *columns)
{
    unsigned width[COLUMNS_MAX] = { 0 }, count = 0;
    size_t n = json_array_size(rows);
    while (count < COLUMNS_MAX && columns[count].key) count++;
    char **cells = calloc(n * count + 1, sizeof *cells);
    if (!cells) abort();
    for (unsigned c = 0; c < count; c++) width[c] = text_width(columns[c].title);
    for (size_t r = 0; r < n; r++) {
        for (unsigned c = 0; c < count; c++) {
            char *text = cells[r * count + c] = cell(app, json_array_get(rows, r), columns[c].key);
            if (text_width(text) > width[c]) width[c] = text_width(text);
        }
    }
    for (unsigned c = 0; c + 1 < count; c++) printf("%-*s  ", (int)width[c], columns[c].title);
    puts(columns[count - 1].title);
    for (size_t r = 0; r < n; r++) {
        for (unsigned c = 0; c < count; c++) {
            char *text = cells[r * count + c];
            fputs(text, stdout);
            if (c + 1 < count) printf("%*s", (int)(width[c] - text_width(text) + 2), "");
            free(text);
        }
        putchar('\n');
    }
    free(cells);
}

static void show_checks(const json_t *checks)
{
    size_t i;
    json_t *c;
    json_array_foreach(checks, i, c) {
        const char *result = text_of(c, "result");
        printf("%-4s  ", *result ? result : text_of(c, "state"));
        put_clean(stdout, text_of(c, "id"), CLEAN_LINE);
        printf("%*s", (int)(text_width(text_of(c, "id")) < 8 ? 8 - text_width(text_of(c, "id")) : 0), "");
        for (int k = 0; k < 3; k++) {
            const char *part = text_of(c, (const char *const[]){ "what", "why", "todo" }[k]);
            if (*part) fputs(k ? " " : "  ", stdout);
            put_clean(stdout, part, CLEAN_LINE);
        }
        putchar('\n');
    }
    if (json_array_size(checks) == 0) puts("Nothing to tell.");
}

static void show_parts(const json_t *parts)
{
    const char *name;
    json_t *part;
    json_object_foreach((json_t *)parts, name, part) {
        printf("%-8s  %-8s  ", name, text_of(part, "state"));
        put_clean(stdout, text_of(part, "text"), CLEAN_LINE);
        putchar('\n');
    }
}

static void show_status(struct app *app, const json_t *s)
{
    printf("Sotto ");
    put_clean(stdout, text_of(s, "version"), CLEAN_LINE);
    printf(" \u00b7 network \"");
    put_clean(stdout, text_of(s, "network"), CLEAN_LINE);
    json_int_t peers = number_of(s, "peers");
    printf("\" \u00b7 %lld peer%s", (long long)peers, peers == 1 ? "" : "s");
    if (json_is_integer(json_object_get(s, "height"))) printf(" \u00b7 block %lld", (long long)number_of(s, "height"));
    putchar('\n');
    show_parts(json_object_get(s, "parts"));
    if (json_object_get(s, "doors")) {
        fputs("doors     ", stdout);
        put_value(app, "doors", json_object_get(s, "doors"));
        putchar('\n');
    }
    if (*text_of(s, "peer")) {
        fputs("address   ", stdout);
        put_clean(stdout, text_of(s, "peer"), CLEAN_LINE);
        putchar('\n');
    }
}

const char *contact_state_words(const char *state)
{
    static const char *const words[][2] = {
        { "incoming", "asks to be your contact" }, { "requested", "asked; waiting for their answer" }, { "accepted", "accepted; waiting for their node" },
        { "mutual", "is your contact" }, { "declined", "declined" }, { "unanswered", "has not answered for 14 days" }, { "frozen", "frozen: certificate ended" },
        { "ended", "ended" },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], state) == 0) return words[i][1];
    return state;
}

static void show_contact(const json_t *c)
{
    const char *alias = text_of(c, "alias");
    put_clean(stdout, *alias ? alias : text_of(c, "id"), CLEAN_LINE);
    printf("  %s", contact_state_words(text_of(c, "state")));
    if (json_is_true(json_object_get(c, "verified"))) fputs("  \u2714 compared", stdout);
    if (json_is_true(json_object_get(c, "blocked"))) fputs("  blocked", stdout);
    putchar('\n');
    if (*alias) printf("  %s\n", text_of(c, "id"));
    if (note_shown(c)) {
        fputs(strcmp(text_of(c, "state"), "requested") == 0 ? "  you wrote: \"" : "  \"", stdout);
        put_clean(stdout, text_of(c, "note"), CLEAN_LINE);
        fputs("\"\n", stdout);
    }
    if (*text_of(c, "sentence")) {
        fputs("  ", stdout);
        put_clean(stdout, text_of(c, "sentence"), CLEAN_LINE);
        putchar('\n');
    }
}

static void show_chats(struct app *app, const json_t *items)
{
    size_t i;
    json_t *c;
    json_array_foreach(items, i, c) {
        const char *title = text_of(c, "title");
        const json_t *last = json_object_get(c, "last");
        char when[32], state[96];
        put_clean(stdout, *title ? title : text_of(c, "chat"), CLEAN_LINE);
        if (number_of(c, "unread")) printf("  (%lld new)", (long long)number_of(c, "unread"));
        if (json_is_object(last)) {
            time_text(app, when, number_of(last, "ms"));
            printf("  %s  %s", when, json_is_true(json_object_get(last, "own")) ? "me: " : "");
            put_clean(stdout, text_of(last, "text"), CLEAN_LINE);
            state_text(app, state, last);
            if (*state) printf("   [%s]", state);
        }
        putchar('\n');
    }
}

static void show_trace(struct app *app, const json_t *t)
{
    size_t i;
    json_t *step;
    char when[32];
    json_array_foreach(json_object_get(t, "steps"), i, step) {
        time_text(app, when, number_of(step, "ms"));
        printf("%s  ", number_of(step, "ms") ? when : "     ");
        put_clean(stdout, json_is_string(step) ? json_string_value(step) : text_of(step, "step"), CLEAN_LINE);
        if (*text_of(step, "text")) {
            fputs("  ", stdout);
            put_clean(stdout, text_of(step, "text"), CLEAN_LINE);
        }
        putchar('\n');
    }
    const char *who;
    json_t *sees;
    json_object_foreach(json_object_get(t, "sees"), who, sees) {
        printf("%-8s sees: ", who);
        put_value(app, who, sees);
        putchar('\n');
    }
    printf("%lld bytes \u00b7 work %lld ms\n", (long long)number_of(t, "bytes"), (long long)number_of(t, "workMs"));
}

/* One conversation: what it is, then its last message as in a list. */
static void show_chat(struct app *app, const json_t *chat)
{
    json_t *settings = json_copy((json_t *)chat);
    json_object_del(settings, "last");
    show_object(app, settings);
    json_decref(settings);
    const json_t *last = json_object_get(chat, "last");
    if (!json_is_object(last)) return;
    json_t *names = contact_names(app);
    show_message(app, last, names);
    json_decref(names);
}

/* As the log itself writes them on a terminal. */
static void show_log(const struct app *app, const json_t *lines)
{
    size_t i;
    json_t *line, *value;
    const char *key;
    json_array_foreach(lines, i, line) {
        char when[32];
        clock_text(app, when, number_of(line, "ms"));
        printf("%s %-5s ", when, text_of(line, "level"));
        put_clean(stdout, text_of(line, "area"), CLEAN_LINE);
        putchar(' ');
        put_clean(stdout, text_of(line, "event"), CLEAN_LINE);
        json_object_foreach(line, key, value) {
            if (!strcmp(key, "ms") || !strcmp(key, "level") || !strcmp(key, "area") || !strcmp(key, "event")) continue;
            char *text = json_is_string(value) ? strdup(json_string_value(value)) : json_dumps(value, JSON_ENCODE_ANY);
            if (!text) abort();
            putchar(' ');
            put_clean(stdout, key, CLEAN_LINE);
            putchar('=');
            put_clean(stdout, text, CLEAN_LINE);
            free(text);
        }
        putchar('\n');
    }
    if (json_array_size(lines) == 0) puts("No such line is kept.");
}

static void put_labels(const json_t *sample)
{
    const char *name, *between = "{";
    json_t *value;
    json_object_foreach(json_object_get(sample, "labels"), name, value) {
        printf("%s%s=", between, name);
        put_clean(stdout, json_string_value(value) ? json_string_value(value) : "", CLEAN_LINE);
        between = ",";
    }
    if (*between == ',') putchar('}');
}

/* One line for each value; of times how many there were, and the mean. */
static void show_metrics(struct app *app, const json_t *metrics)
{
    size_t i, k;
    json_t *metric, *sample;
    json_array_foreach(metrics, i, metric) {
        json_array_foreach(json_object_get(metric, "samples"), k, sample) {
            json_int_t count = number_of(sample, "count");
            put_clean(stdout, text_of(metric, "name"), CLEAN_LINE);
            put_labels(sample);
            putchar(' ');
            if (!json_object_get(sample, "buckets")) put_value(app, "", json_object_get(sample, "value"));
            else printf("%lld times, mean %.6f s", (long long)count, count ? json_number_value(json_object_get(sample, "sum")) / (double)count : 0.0);
            putchar('\n');
        }
    }
}

/* A value that config set has stored, and when it will hold. */
static void show_config_item(struct app *app, const struct sotto_cli_verb *verb, const json_t *item)
{
    show_object(app, item);
    if (app->o.quiet || is(verb, "config", "get")) return;
    const char *source = text_of(item, "source");
    if (is(verb, "config", "set") && strcmp(source, "config set") != 0) {
        fputs("Stored, but the value above stays in force: its source (", stdout);
        put_clean(stdout, source, CLEAN_LINE);
        puts(") goes before config set.");
    } else if (json_is_true(json_object_get(item, "needsRestart"))) {
        puts("It holds from the next start of the node.");
    }
}

static const struct list_form { const char *object, *verb; struct column columns[COLUMNS_MAX + 1]; const char *empty; } lists[] = {
    { "account", "list", { { "name", "name" }, { "id", "id" }, { "locked", "locked" }, { "current", "in use" }, { NULL, NULL } },
      "No account yet. Make one: sotto account create --name NAME" },
    { "contact", "list", { { "alias", "alias" }, { "state", "state" }, { "id", "id" }, { "verified", "compared" }, { "unread", "new" }, { "note", "note" }, { NULL, NULL } },
      "No contacts. sotto add LINK adds one; your own link: sotto account link" },
    { "network", "peers", { { "peer", "peer" }, { "state", "state" }, { "inbound", "came to us" }, { "client", "program" }, { "speaks", "speaks" }, { "roundTrip", "round trip" },
      { "smallCells", "small cells in / out" }, { "largeCells", "large cells in / out" }, { "channels", "channels in / out" }, { "enode", "address" }, { NULL, NULL } },
      "No peers. Add one: sotto peer add ENODE" },
    { "job", "list", { { "job", "job" }, { "method", "method" }, { "state", "state" }, { "step", "step" }, { NULL, NULL } }, "No jobs." },
    { "envelope", "list", { { "hash", "hash" }, { "size", "bytes" }, { "work", "work" }, { "expiryMs", "until" }, { NULL, NULL } }, "No envelopes in the pool." },
    { "config", "dump", { { "key", "key" }, { "value", "value" }, { "source", "source" }, { "seedRow", "paper" }, { NULL, NULL } }, "Nothing." },
};

static bool show_list(struct app *app, const struct sotto_cli_verb *verb, const json_t *rows)
{
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (!is(verb, lists[i].object, lists[i].verb)) continue;
        if (json_array_size(rows) == 0 && app->talking && strcmp(verb->object, "contact") == 0) puts("No contacts yet. /add LINK adds one; /link shows yours.");
        else if (json_array_size(rows) == 0) puts(lists[i].empty);
        else if (is(verb, "network", "peers")) {
            json_t *told = peer_rows(rows);
            show_table(app, told, lists[i].columns);
            json_decref(told);
        } else show_table(app, rows, lists[i].columns);
        return true;
    }
    return false;
}

void show_result(struct app *app, const struct sotto_cli_verb *verb, const json_t *r)
{
    const json_t *items = json_object_get(r, "items");
    const json_t *rows = items ? items : r;
    size_t i;
    json_t *row;
    if (is(verb, "node", "status")) {
        show_status(app, r);
    } else if (is(verb, "node", "health")) {
        puts(json_is_true(json_object_get(r, "ok")) ? "Every part works." : "Not every part works.");
        show_parts(json_object_get(r, "parts"));
    } else if (is(verb, "vault", "unlock")) {
        if (!app->o.quiet) puts("The account is open.");
    } else if (is(verb, "chat", "export") && json_is_string(json_object_get(r, "text"))) {
        put_lines(text_of(r, "text"));
    } else if (strcmp(verb->object, "chat") == 0 && json_object_get(r, "title")) {
        show_chat(app, r);
    } else if (strcmp(verb->object, "config") == 0 && json_object_get(r, "needsRestart")) {
        show_config_item(app, verb, r);
    } else if (is(verb, "metric", "list")) {
        show_metrics(app, rows);
    } else if (is(verb, "log", "tail")) {
        show_log(app, rows);
    } else if (is(verb, "node", "doctor") && json_is_array(r)) {
        show_checks(r);
    } else if (is(verb, "message", "list") || is(verb, "message", "search")) {
        json_t *names = contact_names(app);
        json_array_foreach(rows, i, row) show_message(app, row, names);
        if (json_array_size(rows) == 0) puts(is(verb, "message", "list") ? "Nothing written yet." : "Nothing found.");
        json_decref(names);
    } else if (strcmp(verb->object, "message") == 0 && json_object_get(r, "state")) {
        json_t *names = contact_names(app);
        show_message(app, r, names);
        if (is(verb, "message", "send")) printf("  %s\n", text_of(r, "message"));
        json_decref(names);
    } else if (is(verb, "message", "trace")) {
        show_trace(app, r);
    } else if (is(verb, "chat", "list")) {
        if (json_array_size(rows) == 0) puts(app->talking ? "No chats yet. /add LINK adds a contact." : "No chats yet. sotto add LINK adds a contact.");
        else show_chats(app, rows);
    } else if (is(verb, "contact", "safety")) {
        for (size_t k = 0; k < json_array_size(json_object_get(r, "words")); k++)
            printf("%s%s", k ? " " : "", json_string_value(json_array_get(json_object_get(r, "words"), k)));
        putchar('\n');
        puts(text_of(r, "digits"));
        put_clean(stdout, text_of(r, "sentence"), CLEAN_LINE);
        putchar('\n');
        if (!app->talking) puts("Compare by voice or face to face, then: sotto contact verify WHO \"WORDS\"");
    } else if (is(verb, "account", "link")) {
        puts(text_of(r, "link"));
    } else if (is(verb, "account", "phrase")) {
        const json_t *words = json_is_object(r) ? json_object_get(r, "words") : r;
        for (size_t k = 0; k < json_array_size(words); k++)
            printf("%2zu %-9s%s", k + 1, json_string_value(json_array_get(words, k)) ? json_string_value(json_array_get(words, k)) : "", k % 4 == 3 ? "\n" : " ");
        if (json_is_string(words)) puts(json_string_value(words));
    } else if (is(verb, "event", "list")) {
        json_array_foreach(json_object_get(r, "events"), i, row) {
            char when[32];
            time_text(app, when, number_of(row, "ms"));
            printf("%s  %-16s ", when, text_of(row, "kind"));
            put_value(app, "", json_object_get(row, "data"));
            putchar('\n');
        }
        printf("cursor %s\n", text_of(r, "cursor"));
    } else if (is(verb, "account", "create")) {
        printf("Account %s is made.\n", text_of(r, "account"));
        if (!app->o.quiet) puts("24 words are the only way back if this disk is lost; nobody can reset them. Show them: sotto account phrase");
    } else if (is(verb, "contact", "list") || json_is_array(rows)) {
        if (!show_list(app, verb, rows)) {
            if (json_array_size(rows) == 0) puts("Nothing.");
            json_array_foreach(rows, i, row) {
                if (i) putchar('\n');
                if (json_is_object(row)) show_object(app, row);
                else {
                    put_value(app, "", row);
                    putchar('\n');
                }
            }
        }
        if (*text_of(r, "next")) printf("There is more: --after %s\n", text_of(r, "next"));
    } else if (strcmp(verb->object, "contact") == 0 && json_object_get(r, "state")) {
        show_contact(r);
    } else if (json_is_true(r)) {
        if (!app->o.quiet) puts("done");
    } else if (json_is_object(r)) {
        show_object(app, r);
    } else {
        put_value(app, "", r);
        putchar('\n');
    }
    fflush(stdout);
}
