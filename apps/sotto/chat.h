/* The line chat: what a person types, a line at a time, and what happens meanwhile, a line for each event. Works on a terminal,
 * with a screen reader and under a pipe alike: nothing is ever redrawn. */
#ifndef SOTTO_CHAT_H
#define SOTTO_CHAT_H

#include "app.h"

#define LINE_BYTES_MAX 65536u             /* longer ones are refused, never cut */

struct chat {
    struct app *app;
    bool terminal;                        /* standard input is one: secrets are asked on it without echo */
    char account[64], name[80];
    json_t *names;                        /* Id -> alias */
    char to[64];                          /* Id of the last chat; empty = none */
    char *own[64];                        /* messages sent here: their message.new is not shown again */
    unsigned own_next;
    json_t *states;                       /* Id -> contact state last shown: a change made here is not told twice */
    json_t *texts;                        /* message -> first words, for the lines about its state */
    char cursor[80];
    bool asking;                          /* an event list is under way */
    /* lines of standard input */
    char buffer[LINE_BYTES_MAX];
    size_t size;
    bool eof, skipping;
};

/* The next line of standard input without its end, in a buffer of the chat's own; NULL = none complete yet (block false), or the end. */
char *chat_line(struct chat *c, bool block);
/* A question; on a terminal through /dev/tty. To be freed with wipe_text. NULL = end or Ctrl+C. */
char *chat_ask(struct chat *c, const char *prompt, bool secret, bool fresh);
json_t *chat_call(struct chat *c, const char *rpc, json_t *params, json_t **error);

/* chat_start.c: an account there and open. 0, or an exit code. */
int chat_start(struct chat *c);
int chat_unlock(struct chat *c);

#endif
