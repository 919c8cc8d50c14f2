/* The table of tags this account waits for: tag -> (session, place, index), messaging.md 4.5. One probe per envelope.
 *
 * Open addressing: the place from bytes 4..8 of the tag, then the topic (bytes 0..4) in an array of its own, then the whole tag. Tags
 * are outputs of a keyed function, so nobody outside can choose them and no second hash is needed; probing sees public data only.
 * Bounded: a full table refuses, and so does one whose tags crowd (a contact can choose among its keys): no search looks at more than
 * 64 places. Threads: one owner. */
#ifndef SOTTO_CONVERSATION_TAGS_H
#define SOTTO_CONVERSATION_TAGS_H

#include "conversation/session.h"

struct sotto_tags;
struct sotto_tag_place { void *owner; struct sotto_hit hit; };           /* owner: what the caller gave, never NULL */

SOTTO_MUST_USE enum sotto_err sotto_tags_new(struct sotto_tags **out, uint32_t max);    /* grows up to max entries */
void sotto_tags_free(struct sotto_tags *t);
/* ERR_FULL (max entries, or too many at one place), ERR_NOMEM, ERR_EXISTS (same tag: a collision of 128 bits, or ours twice). */
SOTTO_MUST_USE enum sotto_err sotto_tags_add(struct sotto_tags *t, const struct sotto_tag *tag, const struct sotto_tag_place *place);
bool sotto_tags_find(const struct sotto_tags *t, struct sotto_tag_place *out, const struct sotto_tag *tag);
void sotto_tags_remove(struct sotto_tags *t, const struct sotto_tag *tag);
void sotto_tags_remove_owner(struct sotto_tags *t, const void *owner);   /* all of one session; walks the table */
uint32_t sotto_tags_count(const struct sotto_tags *t);

#endif
