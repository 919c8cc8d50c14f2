/* The JSON forms of experience.md 2.1 and 2.2: one function per shape, used by results and events alike. All return new
 * references; NULL only when memory is out. */
#ifndef SOTTO_NODE_RENDER_H
#define SOTTO_NODE_RENDER_H

#include "node/history.h"

#include <jansson.h>

json_t *sotto_json_text(struct sotto_span utf8);          /* a string; bytes that are not UTF-8 become U+FFFD */
json_t *sotto_json_id(const struct sotto_id *id);         /* EIP-55 */
json_t *sotto_json_hex(const void *data, size_t size);    /* 0x...; at most 65 bytes */
json_t *sotto_json_contact(const struct sotto_contact *c);
/* A contact has no ledger record to show yet: what may truly be said (experience.md 4.4). */
const char *sotto_contact_sentence(const struct sotto_contact *c);
json_t *sotto_json_message(const struct sotto_history *h, const struct sotto_id *self);
/* An opaque message name: "m" and 16 hex digits. Returns ERR_FORMAT. */
void sotto_message_name(char out[18], uint64_t message);
SOTTO_MUST_USE enum sotto_err sotto_message_parse(uint64_t *out, const char *name);

#endif
