/* sottod: a node. Stays in the foreground; every configuration key is a flag (experience.md 5.1). */
#include "node/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void help(void)
{
    printf("sottod %s: a Sotto node. It stays in the foreground; stop it with Ctrl+C or sotto node stop.\n\n"
           "  sottod [--data DIR] [--config FILE] [--SECTION.KEY VALUE]... [--json] [--check] [--version] [--help]\n\n"
           "  --data DIR      all data of this node (data.dir)\n"
           "  --config FILE   the configuration file, instead of the user's own\n"
           "  --json          one JSON object when all doors answer, instead of text\n"
           "  --check         read the configuration, print its problems as JSON, and end\n\n"
           "Every key is a flag; an array by repeating it, \"\" empties it:\n\n",
           SOTTO_VERSION);
    for (int i = 0; i < SOTTO_KEYS; i++)
        printf("  --%-24s %-12s %s\n", sotto_config_keys[i].name, sotto_config_keys[i].default_text, sotto_config_keys[i].meaning);
}

static void json_text(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') printf("\\%c", *text);
        else if ((unsigned char)*text < 0x20) printf("\\u%04x", *text);
        else putchar(*text);
    }
    putchar('"');
}

static int check(const struct sotto_config_input *input)
{
    struct sotto_config *config = NULL;
    struct sotto_config_problems problems = { 0 };
    enum sotto_err err = sotto_config_load(&config, &problems, input);
    putchar('[');
    for (unsigned i = 0; i < problems.count; i++) {
        const struct sotto_config_problem *p = &problems.items[i];
        printf("%s{\"file\":", i ? "," : "");
        json_text(p->file);
        if (p->line) printf(",\"line\":%u", p->line);
        printf(",\"key\":");
        json_text(p->key);
        printf(",\"what\":");
        json_text(p->text);
        printf(",\"todo\":");
        char todo[96];
        snprintf(todo, sizeof todo, p->near[0] ? "Did you mean \"%s\"?" : "Correct it.%s", p->near);
        json_text(todo);
        putchar('}');
    }
    printf("]\n");
    sotto_config_problems_free(&problems);
    sotto_config_free(config);
    return err == SOTTO_OK ? 0 : 10;
}

int main(int argc, char **argv)
{
    const char *file = NULL;
    bool json = false, only_check = false, version = false, asked_help = false;
    const struct sotto_config_option options[] = {
        { "--config", true, &file, NULL },        { "--json", false, NULL, &json },        { "--check", false, NULL, &only_check },
        { "--version", false, NULL, &version },   { "--help", false, NULL, &asked_help },
    };
    struct sotto_config_pair *flags = NULL;
    unsigned flag_count = 0;
    char text[200];
    enum sotto_err err = sotto_config_args(&flags, &flag_count, text, argc, argv, options, sizeof options / sizeof options[0]);
    if (err != SOTTO_OK) {
        fprintf(stderr, "sottod: %s%s\n", err == SOTTO_ERR_FORMAT ? text : "memory is short", err != SOTTO_ERR_FORMAT ? "" : strchr(text, '?') ? " See: sottod --help" : ". See: sottod --help");
        return 2;
    }
    extern char **environ;
    struct sotto_config_input input = { .user_file = file, .environ = environ, .flags = flags, .flag_count = flag_count };
    int code = 0;
    if (asked_help) help();
    else if (version) printf("sottod %s\n", SOTTO_VERSION);
    else if (only_check) code = check(&input);
    else {
        struct sotto_node *node;
        char problem[1024];
        code = sotto_node_new(&node, &input, problem);
        if (code == 0) code = sotto_node_run(node, json);
        else fprintf(stderr, "sottod: %s\n", problem);
        sotto_node_free(node);
    }
    free(flags);
    return code;
}
