/* Whose news go first where there is more to bring than may be brought now (whisper/shh_flush.c, relay/flood.c): the neighbours that brought them to
 * us take turns, each with its newest first; neighbours that are gone share one turn, and own news have one. By rating alone, one link that is always
 * full of envelopes with a little more work would keep those of all others waiting for good; oldest first, what it once poured in would stand
 * before everything new. Pure. */
#ifndef SOTTO_WHISPER_TURNS_H
#define SOTTO_WHISPER_TURNS_H

#include "whisper/pool.h"

/* Entries of a pool in the order of arrival; news: those that stay are the first *count slots, in the order in which they go. At most `most` of each
 * source stay. names: of the neighbours that are there (source of sotto_pool_entry). *left_seq falls to the lowest seq of those that do not stay.
 * Out of memory all stay, as they stood. */
void sotto_turns(const struct sotto_pool_entry **slots, size_t *count, uint64_t *left_seq, const uint64_t *names, unsigned name_count, uint64_t most);

#endif
