/* Values of published cases from which nothing can be computed: a key of a role that the case does not use, a clock that any
 * minute of would do, a bit of a cell that is refused with or without it, the label of a case.
 *
 * A row says: a case that equals the published one in all but this value must equal it in this value too. Cases of other
 * files (other seeds) match no row. "mutation_NAME --pins" prints the table of a file. */
#ifndef SOTTO_TESTS_PINS_H
#define SOTTO_TESTS_PINS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct vec_pin { const char *group, *path; uint64_t rest, value; };      /* first 8 bytes of SHA-256 of the compact, sorted JSON */
extern const struct vec_pin vec_pins_messaging[], vec_pins_network[], vec_pins_ledger[];
extern const size_t vec_pins_messaging_count, vec_pins_network_count, vec_pins_ledger_count;
extern bool vec_pins_off;                 /* the mutation test looks at the checks alone */

/* The row of one value, path as in "in.I.private.payment" or "in.list.3"; false: no such value. */
bool vec_pin_make(struct vec_pin *out, const json_t *one, const char *path);

#endif
