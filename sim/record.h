/* What somebody sees who watches every wire and reads every envelope, as the relays do (but knows no key of a person): one JSON line each
 * time a node hands an envelope to a neighbour. And, in a file of its own, for the judgement of a classifier only,
 * who wrote to whom. Threads: one.
 *
 *     {"time_us":..., "from":2, "to":3, "ttl":1800, "expiry":..., "topic":"0a1b2c3d", "cell":"<2048 hex digits>", "nonce":"..."}
 *     {"topic":"0a1b2c3d", "cell_hash":"<16 hex digits of its SHA-256>", "sender":0, "receiver":1}
 * from, to: machines. sender, receiver: people; a pair is (2i, 2i + 1). */
#ifndef SOTTO_SIM_RECORD_H
#define SOTTO_SIM_RECORD_H

#include "sim/people.h"

struct sim_record;
/* NULL when a file cannot be made. truth may be NULL. */
struct sim_record *sim_record_new(struct sim_world *w, const char *file, const char *truth);
void sim_record_free(struct sim_record *r);

/* From the wraps: a node writes envelopes to a peer; an account hands out a cell. */
void sim_record_envelope(struct sim_world *w, const uint8_t key[64], struct sotto_span rlp);        /* one, over a link */
void sim_record_packet(struct sim_world *w, const uint8_t key[64], struct sotto_span packet);     /* key: of the peer */
void sim_record_cell(struct sim_world *w, unsigned machine, uint32_t account, const uint8_t sealed[1028]);

#endif
