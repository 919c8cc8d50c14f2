/* One identity of an attacker on Whisper: dials every relay and brings to each as many envelopes as its link may and its processors can.
 *
 * It keeps to the rate and to the floor that each relay announces: breaking them ends the connection and costs it more. It asks for nothing
 * itself. Threads: one. */
#ifndef SOTTO_SIM_ATTACK_PEER_H
#define SOTTO_SIM_ATTACK_PEER_H

#include "p2p/host.h"
#include "sim/attack.h"
#include "sim/world.h"
#include "whisper/envelope.h"

/* What all identities of one attacker share: the processors, and the envelope they work on. Zeroed but for tries_per_s and at_us. */
struct sim_attack_purse {
    double tries_per_s, tries;                    /* tries: earned and not spent */
    uint64_t at_us;
    uint64_t spent, envelopes, cut;
    bool working;
    struct sotto_work work;
    struct sotto_envelope e;                      /* its data is the purse's */
    uint8_t *data;
};
void sim_attack_purse_end(struct sim_attack_purse *purse);

struct sim_attack_tactic {
    unsigned identities;
    uint32_t data_size, ttl_s;
    double outbid;                                /* aims at so many times the floor of the relay */
};

struct sim_attack_peer;
struct sim_attack_peer *sim_attack_peer_new(struct sim_world *w, const struct sim_attack_tactic *tactic, struct sim_attack_purse *purse);
/* Begins now and goes on until until_us; targets are copied. */
void sim_attack_peer_start(struct sim_attack_peer *p, const struct sotto_enode *targets, unsigned count, uint64_t until_us);
void sim_attack_peer_free(struct sim_attack_peer *p);
unsigned sim_attack_peer_machine(const struct sim_attack_peer *p);

#endif
