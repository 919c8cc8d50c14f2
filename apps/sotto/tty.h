/* The person at the terminal: questions on /dev/tty, secrets without echo. Only where a person may be asked: not with
 * --no-input, and only when stderr is a terminal. */
#ifndef SOTTO_TTY_H
#define SOTTO_TTY_H

#include "app.h"

#define SECRET_MAX 1024u

bool can_ask(const struct app *app);
/* A line without its end, to be freed (wiped first if secret). NULL: no terminal, end of file, or Ctrl+C. */
char *ask_line(const struct app *app, const char *prompt);
char *ask_secret(const struct app *app, const char *prompt);
/* Twice, until both are the same. */
char *ask_new_secret(const struct app *app, const char *prompt);
void wipe_text(char *text);               /* wipes and frees */

bool colour_wanted(FILE *f);
unsigned terminal_width(void);            /* of stdout, 80 when it is no terminal, >= 40 */

#endif
