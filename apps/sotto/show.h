/* Results as a person reads them. All text that came from elsewhere goes through put_clean. */
#ifndef SOTTO_SHOW_H
#define SOTTO_SHOW_H

#include "app.h"

/* CLEAN_LINE: one line whatever the text holds. CLEAN_TEXT: line ends stay, further lines are indented. Control characters are
 * dropped; characters that turn the writing direction or hide are shown as marks such as <U+202E>. */
enum clean { CLEAN_LINE, CLEAN_TEXT };
void put_clean(FILE *f, const char *text, enum clean how);
char *clean_copy(const char *text);       /* CLEAN_LINE, to be freed */
unsigned text_width(const char *text);    /* columns */

/* "14:03" today, "Thu 14:09" within six days, else "4 Dec 2026 14:09". */
void time_text(const struct app *app, char out[32], json_int_t ms);
void clock_text(const struct app *app, char out[32], json_int_t ms);       /* "13:10:17.000" */
void span_text(char out[32], json_int_t ms);              /* "30 s", "2 h", "14 d" */
/* The words of experience.md 4.4 for a message's state, such as "✓✓ on their device 14:03"; empty for a received one. */
void state_text(const struct app *app, char out[96], const json_t *message);

const char *contact_state_words(const char *state);       /* "is your contact" */

void show_json(const json_t *result);
void show_result(struct app *app, const struct sotto_cli_verb *verb, const json_t *result);
/* One line of a conversation: time, who, text, state. names: Id -> alias, may be NULL. */
void show_message(struct app *app, const json_t *message, const json_t *names);
/* Id -> alias of all contacts; NULL when it could not be asked. */
json_t *contact_names(struct app *app);
/* Rows of network peers with what a table shows of a link: texts speaks, roundTrip, smallCells, largeCells, channels. The caller's. */
json_t *peer_rows(const json_t *peers);
const char *contact_name(const json_t *names, const char *id);

#endif
