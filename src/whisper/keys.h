/* The keys of the RPC namespace shh: key pairs and symmetric keys by id, in memory only (whisper-v6.md 12.2).
 *
 * Every addition gives a new id, also of a key that is here already. Secrets lie in guarded memory, made once for as many as the bounds
 * allow (32 bytes each), and are wiped when they are deleted. Filters keep copies of their own: deleting a key does not end them.
 * Functions that answer a caller of the RPC return a refusal with geth's words; why NOTHING = done.
 * Threads: one owner. */
#ifndef SOTTO_WHISPER_KEYS_H
#define SOTTO_WHISPER_KEYS_H

#include "crypto/curve.h"
#include "whisper/refusal.h"
#include "whisper/shh_id.h"

#define SOTTO_SHH_KEYS_MAX 2048u                  /* of each kind: 64 KiB of locked memory, then geth's habit of never forgetting needs a bound */

struct sotto_shh_keys;
/* pairs_max and syms_max: 1..65,536. rng is borrowed. ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_shh_keys_new(struct sotto_shh_keys **out, uint32_t pairs_max, uint32_t syms_max, struct sotto_rng *rng);
void sotto_shh_keys_free(struct sotto_shh_keys *k);

/* shh_newKeyPair, shh_addPrivateKey (KEY_LENGTH, KEY_ABOVE_ORDER, KEY_ZERO), shh_deleteKeyPair (NO_KEY_PAIR, borrowing id). The first two
 * also: KEYS_FULL, NO_MEMORY. */
SOTTO_MUST_USE struct sotto_shh_refusal sotto_shh_keys_new_pair(struct sotto_shh_keys *k, struct sotto_shh_id *id);
SOTTO_MUST_USE struct sotto_shh_refusal sotto_shh_keys_add_pair(struct sotto_shh_keys *k, struct sotto_shh_id *id, struct sotto_span private_key);
SOTTO_MUST_USE struct sotto_shh_refusal sotto_shh_keys_delete_pair(struct sotto_shh_keys *k, struct sotto_span id);
/* One pair. Borrowed until it is deleted; `key` points into guarded memory. */
struct sotto_shh_pair { const struct sotto_scalar *key; struct sotto_point point; };
/* INVALID_ID: shh_getPublicKey, shh_getPrivateKey; shh_hasKeyPair asks whether it is refused. */
SOTTO_MUST_USE struct sotto_shh_refusal sotto_shh_keys_pair(const struct sotto_shh_keys *k, struct sotto_shh_pair *out, struct sotto_span id);

/* shh_newSymKey, shh_addSymKey (SYM_KEY_SIZE; 32 zero bytes are taken, using them is SYM_KEY), and what became of a password on a worker
 * (whisper/message.h). Also: KEYS_FULL, NO_MEMORY. */
SOTTO_MUST_USE struct sotto_shh_refusal sotto_shh_keys_new_sym(struct sotto_shh_keys *k, struct sotto_shh_id *id);
SOTTO_MUST_USE struct sotto_shh_refusal sotto_shh_keys_add_sym(struct sotto_shh_keys *k, struct sotto_shh_id *id, struct sotto_span key);
bool sotto_shh_keys_delete_sym(struct sotto_shh_keys *k, struct sotto_span id);          /* false: there is none */
/* NO_SYM_KEY. *out is borrowed until the key is deleted; it points into guarded memory. */
SOTTO_MUST_USE struct sotto_shh_refusal sotto_shh_keys_sym(const struct sotto_shh_keys *k, const struct sotto_secret **out, struct sotto_span id);
/* The same for one who is going to use it: also SYM_KEY for 32 zero bytes. */
SOTTO_MUST_USE struct sotto_shh_refusal sotto_shh_keys_sym_to_use(const struct sotto_shh_keys *k, const struct sotto_secret **out, struct sotto_span id);

uint32_t sotto_shh_keys_pairs(const struct sotto_shh_keys *k);
uint32_t sotto_shh_keys_syms(const struct sotto_shh_keys *k);

#endif
