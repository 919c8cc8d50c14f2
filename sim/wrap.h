/* What the simulator puts between the objects of sottod and the world by the linker (--wrap), and what it sees there.
 *
 *     randombytes_buf       the running machine's own stream, from (seed, machine, start, purpose)
 *     crypto_pwhash         a cheap keyed hash: Argon2id is not what is simulated
 *     sotto_messenger_new   a cheap puzzle
 *     sotto_gcm_seal, sotto_xchacha_seal    every (key, nonce) is remembered with what it sealed
 *     sotto_net_submit      every cell that is handed out is remembered with its address
 *     sotto_host_send       every envelope that goes to a neighbour, for a recording
 *
 * Outside of a running world each calls what it wraps. Threads: one. */
#ifndef SOTTO_SIM_WRAP_H
#define SOTTO_SIM_WRAP_H

#include "sim/world.h"

#define SIM_PUZZLE_BITS 4u                  /* of a first contact, in here */

struct sim_watch;
struct sim_watch *sim_watch_new(struct sim_world *w);
void sim_watch_free(struct sim_watch *watch);

/* The rules behind the wraps, to be fed by hand in a test. False: broken (and told to the world). */
bool sim_watch_seal(struct sim_world *w, struct sotto_span key, struct sotto_span nonce, struct sotto_span aad, struct sotto_span plain);
bool sim_watch_cell(struct sim_world *w, unsigned machine, const uint8_t sealed[1028]);
/* For recordings, whose topics somebody else judges (the control of that judge has topics that come again). Until the process ends. */
void sim_watch_leave_topics(void);
/* From now on this machine lives from an old copy of its state: an address may come twice (messaging.md 1.2), a (key, nonce) never. */
void sim_watch_old_state(struct sim_world *w, unsigned machine);

/* loop.c */
void sim_loop_signal(struct sim_machine *m);

#endif
