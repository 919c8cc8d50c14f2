#include "app.h"

#include <stdlib.h>
#include <string.h>

/* LINK, [--alias X], ... as docs/api.md shows it. */
static void put_usage(FILE *f, const struct sotto_cli_verb *v)
{
    fprintf(f, "sotto %s %s", v->object, v->verb);
    for (unsigned i = 0; i < v->param_count; i++) {
        const struct sotto_cli_param *p = &v->params[i];
        bool optional = p->optional || p->type == SOTTO_PARAM_SECRET || v->one_of >> i & 1, place = false;
        for (unsigned k = 0; k < v->positional_count; k++) place |= v->positional[k] == i;
        fputs(optional ? " [" : " ", f);
        if (place) {
            for (const char *c = p->flag; *c; c++) fputc(*c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? *c - 32 : *c, f);
        } else if (p->type == SOTTO_PARAM_SECRET) {
            fprintf(f, "--%s-file FILE", p->flag);
        } else if (p->type == SOTTO_PARAM_CONFIRM) {
            fprintf(f, "--confirm %s", p->values[0]);
        } else if (p->type == SOTTO_PARAM_BOOL) {
            fprintf(f, p->values ? "--%s yes|no" : "--%s", p->flag);
        } else if (p->type == SOTTO_PARAM_ENUM) {
            fprintf(f, "--%s ", p->flag);
            for (int k = 0; p->values[k]; k++) fprintf(f, "%s%s", k ? "|" : "", p->values[k]);
        } else {
            fprintf(f, "--%s %s", p->flag, p->type == SOTTO_PARAM_MS ? "TIME" : p->type == SOTTO_PARAM_INT ? "N" : p->type == SOTTO_PARAM_PATH ? "FILE" : "X");
        }
        if (optional) fputc(']', f);
    }
    if (v->word) {
        bool has = false;
        for (unsigned i = 0; i < v->param_count; i++) has |= v->params[i].type == SOTTO_PARAM_CONFIRM;
        if (!has) fprintf(f, " [--confirm %s]", v->word);
    }
    fputc('\n', f);
}

void help_verb(FILE *f, const struct sotto_cli_verb *v)
{
    put_usage(f, v);
    for (unsigned i = 0; i < sotto_cli_short_count; i++)
        if (&sotto_cli_verbs[sotto_cli_shorts[i].verb] == v) fprintf(f, "short form: sotto %s\n", sotto_cli_shorts[i].word);
    fprintf(f, "\n  %c%s.%s%s\n", v->help[0] >= 'a' && v->help[0] <= 'z' ? v->help[0] - 32 : v->help[0], v->help + 1, v->detail ? " " : "", v->detail ? v->detail : "");
    if (v->destroys) fprintf(f, "  Destroys: %s It asks first; without a terminal say --confirm %s.\n", v->destroys, v->word);
    if (v->param_count) fputc('\n', f);
    for (unsigned i = 0; i < v->param_count; i++) {
        const struct sotto_cli_param *p = &v->params[i];
        char flag[96];
        if (p->type == SOTTO_PARAM_SECRET) snprintf(flag, sizeof flag, "--%s-file FILE, --%s-fd N", p->flag, p->flag);
        else snprintf(flag, sizeof flag, "--%s", p->flag);
        fprintf(f, "  %-36s %s", flag, p->help);
        if (p->values && p->type == SOTTO_PARAM_ENUM) {
            fputs(": ", f);
            for (int k = 0; p->values[k]; k++) fprintf(f, "%s%s", k ? ", " : "", p->values[k]);
        }
        if (p->type == SOTTO_PARAM_MS) fputs(" (30s, 5min, 12h, 14d)", f);
        if (p->fallback) fprintf(f, " [%s]", p->fallback);
        if (p->type == SOTTO_PARAM_SECRET) fputs("; asked for on a terminal", f);
        if (p->type == SOTTO_PARAM_STRING) fprintf(f, "; --%s-file FILE or - reads it", p->flag);
        fputc('\n', f);
    }
    fprintf(f, "\n  result: %s\n", v->result);
    if (v->job) fputs("  It may take a while: --no-wait prints the job instead of waiting for it.\n", f);
}

void help_short(FILE *f)
{
    fputs("sotto                        chat, a line at a time\n"
          "sotto send WHO TEXT          write to somebody\n"
          "sotto read [CHAT]            the newest messages, or your chats\n"
          "sotto add LINK               ask somebody to become a contact\n"
          "sotto contacts               the people you know, and who asks\n"
          "sotto status                 what the node is doing\n"
          "sotto doctor                 look for faults\n"
          "sotto watch [KINDS] [--from CURSOR] [--for TIME]   events, one JSON line each\n"
          "sotto OBJECT VERB ...        everything else:\n\n", f);
    const char *last = "";
    for (unsigned i = 0; i < sotto_cli_verb_count; i++) {
        const struct sotto_cli_verb *v = &sotto_cli_verbs[i];
        if (strcmp(last, v->object) != 0) fprintf(f, "%s  %-9s %s", i ? "\n" : "", v->object, v->verb);
        else fprintf(f, ", %s", v->verb);
        last = v->object;
    }
    fputs("\n\nFor every verb:\n"
          "  --data DIR, --socket PATH    the node to talk to\n"
          "  --json                       exactly the result, on one line; an error is one line on stderr\n"
          "  --account ID                 the account meant\n"
          "  --no-input                   never ask; a missing value ends with status 2\n"
          "  --no-wait                    do not wait for a job\n"
          "  --request-key KEY            the same key within 24 h is done once only\n"
          "  --quiet  --utc  --plain      less talk; times in UTC; one line for each thing\n\n"
          "sotto help OBJECT VERB tells more.\n", f);
}

int help_words(struct app *app, int argc, char **argv)
{
    if (argc == 0) {
        help_short(stdout);
        return EXIT_DONE;
    }
    const struct sotto_cli_verb *v = argc >= 2 ? find_verb(argv[0], argv[1]) : find_short(argv[0]);
    if (v) {
        help_verb(stdout, v);
        return EXIT_DONE;
    }
    if (argc == 1 && strcmp(argv[0], "watch") == 0) {
        puts("sotto watch [KINDS] [--from CURSOR] [--for TIME]\n\n  Prints every event as one JSON line, until Ctrl+C, or with --for until it was quiet so long.\n"
             "  The last line is {\"cursor\":...}: --from goes on there. KINDS, separated by commas:");
        for (unsigned i = 0; sotto_cli_events[i]; i++) printf("    %s\n", sotto_cli_events[i]);
        return EXIT_DONE;
    }
    if (argc == 1 && strcmp(argv[0], "read") == 0) {
        puts("sotto read [CHAT] [--limit N] [--before X] [--after X]\n\n  The newest messages of a chat; they count as read. Without a chat: all chats.");
        return EXIT_DONE;
    }
    if (argc == 1) {
        bool any = false;
        for (unsigned i = 0; i < sotto_cli_verb_count; i++) {
            if (strcmp(sotto_cli_verbs[i].object, argv[0]) != 0) continue;
            fputs("  ", stdout);
            put_usage(stdout, &sotto_cli_verbs[i]);
            printf("      %s\n", sotto_cli_verbs[i].help);
            any = true;
        }
        if (any) return EXIT_DONE;
    }
    return usage_error(app, "There is no \"%s%s%s\". See: sotto help", argv[0], argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
}
