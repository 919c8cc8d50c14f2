/* The keys that filters try on envelopes: each once, however many filters have it. Inside filter.c and its helper only.
 *
 * A symmetric key is taken apart once; together with the private keys they lie in guarded chunks, wiped when the last filter goes. */
#ifndef SOTTO_WHISPER_OPENER_H
#define SOTTO_WHISPER_OPENER_H

#include "whisper/message.h"

#include <bsd/sys/queue.h>

struct opener_slot { struct sotto_gcm_key prepared; struct sotto_secret key; };      /* key: symmetric, or the scalar */

TAILQ_HEAD(opener_filters, filter);
struct opener {
    TAILQ_ENTRY(opener) in_all, in_open;
    struct opener_slot *slot;
    bool asymmetric;
    uint8_t recipient[SOTTO_SHH_PUBLIC];              /* of a private key */
    uint32_t users;                                   /* filters with this key */
    struct opener_filters open;                       /* those of them without topics; the list of openers with any is `open` below */
    uint64_t tried;                                   /* the turn in which it was tried last */
};
TAILQ_HEAD(opener_list, opener);

struct opener_chunk;
struct openers {
    struct opener_list all, open;                     /* in order of their first filter */
    struct opener_chunk *chunks;
    struct opener_slot **unused;                      /* a stack of free slots, as long as all chunks */
    uint32_t unused_count, slots;
};

void openers_init(struct openers *o);
void openers_free(struct openers *o);                 /* all openers are gone before */
/* The one with this key, new if there is none, with one user more. NULL: out of memory. Exactly one of sym and key. */
struct opener *opener_use(struct openers *o, const struct sotto_secret *sym, const struct sotto_scalar *key);
void opener_leave(struct openers *o, struct opener *opener);          /* the last user's wipes it */
/* OK: plain holds what it opened to. Any other: not with this key, or ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err opener_try(const struct opener *opener, struct sotto_buf *plain, struct sotto_span data);

#endif
