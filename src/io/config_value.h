/* Inside io/config: one value of one key, made from text and shown as text. Pure. */
#ifndef SOTTO_IO_CONFIG_VALUE_H
#define SOTTO_IO_CONFIG_VALUE_H

#include "io/config.h"
#include "io/config_text.h"

struct sotto_config_value {
    enum sotto_config_source source;
    char file[256];                         /* where it was said, for problems found later */
    unsigned line;
    uint64_t number;                        /* BOOL as 0 or 1 */
    char *text;                             /* STRING, WORD */
    char **items;
    unsigned count;
};

#define SOTTO_WHY_MAX 120u
/* Fills number, text or items of a zeroed value. ERR_FORMAT with why = the end of a sentence that begins with the key; ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_config_convert(struct sotto_config_value *out, char why[SOTTO_WHY_MAX], const struct sotto_config_key *key,
                                                   const struct sotto_raw *raw);
void sotto_config_value_free(struct sotto_config_value *v);               /* leaves it zeroed */
bool sotto_config_value_equal(const struct sotto_config_value *a, const struct sotto_config_value *b);
SOTTO_MUST_USE enum sotto_err sotto_config_value_show(struct sotto_buf *out, const struct sotto_config_key *key, const struct sotto_config_value *v);

#endif
