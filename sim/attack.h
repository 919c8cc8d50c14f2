/* Attacks on Whisper in the simulated world (seed W, chapter on denial of service; rows W-05..W-09, W-43).
 *
 * Relays are the very objects of sottod (relay/net.h: host, Whisper, pool, outbox) on the wires of sim/net.h; attackers are peers that keep
 * every rule they cannot profit from breaking. People at all relays write while the attack runs; what they lose is measured.
 *
 * The world is a 128th of a full-size network: a pool of 512 KiB and 512 entries, and a 128th of the work. An attacker whose hashes are to
 * fill a 128th of a pool at a 128th of the price needs SIM_ATTACK_SCALE times fewer than against a full-size node; figures of the
 * attacker's side are given for the full size.
 *
 * Single defences can be taken away (sim/attack_switch.h): in the laboratory only, by the linker. The rate of 20 envelopes a second a link, the
 * turns that links take and the bounds of the pool stand always.
 *
 * Threads: one; a process runs one world at a time. */
#ifndef SOTTO_SIM_ATTACK_H
#define SOTTO_SIM_ATTACK_H

#include "base/bytes.h"

#define SIM_ATTACK_SHRINK 128u                    /* of pool and of work */
#define SIM_ATTACK_SCALE ((double)SIM_ATTACK_SHRINK * SIM_ATTACK_SHRINK)      /* a try here stands for so many there */
#define SIM_ATTACK_CORE_TRIES 4e6                 /* tries a second of one processor core, as whole cores of an attacker are counted */
#define SIM_ATTACK_OUTBID_TIMES 4.0               /* more processors than the other attackers */
#define SIM_ATTACK_RELAYS_MAX 10u

enum sim_attack {
    SIM_ATTACK_CALM,                              /* nobody attacks: what the others are compared with */
    SIM_ATTACK_EXPIRY,                            /* the longest life that is taken: 10 years, or a day below the cap */
    SIM_ATTACK_COUNT,                             /* as many as possible: the smallest, short-lived */
    SIM_ATTACK_SIZE,                              /* as many bytes as possible: the largest, short-lived */
    SIM_ATTACK_SYBIL,                             /* native look and life long enough, under many identities */
    SIM_ATTACK_OUTBID,                            /* the same with more processors, each envelope with more work than an honest one must have */
    SIM_ATTACKS
};
enum sim_evict {
    SIM_EVICT_PLACE,                              /* the product: lowest rating, as if nothing were shorter than a native envelope (whisper/rules.h) */
    SIM_EVICT_RATING,                             /* lowest rating, as Whisper has it */
    SIM_EVICT_OLDEST,                             /* a full pool drops what came first */
    SIM_EVICT_NEWEST                              /* a full pool takes nothing more */
};
struct sim_defence {
    bool floor;                                   /* least rating: work for size and life (W-03, W-09) */
    enum sim_evict evict;                         /* W-06 */
    bool quota;                                   /* shares of the pool by link */
    bool cap;                                     /* of the life of an envelope (W-08) */
};

struct sim_attack_options {
    enum sim_attack attack;
    struct sim_defence defence;
    uint64_t seed;
    unsigned relays;                              /* 6..SIM_ATTACK_RELAYS_MAX */
    unsigned attack_s;                            /* its length */
    double cores;                                 /* of the attacker (SIM_ATTACK_OUTBID_TIMES as many for OUTBID) */
};

struct sim_attack_side { uint64_t let_in, refused; };      /* calls of the pools: taken; turned away by quota or a full pool */
struct sim_attack_result {
    uint64_t tries, envelopes, bytes;             /* of the attacker, in this world: tries for work, envelopes made, bytes on its wires */
    uint64_t cut;                                 /* its connections that relays ended */
    uint64_t pairs, delivered;                    /* (message, relay that is no neighbour): written during the attack; arrived by its end + 30 s */
    double delay_s;                               /* mean of the delivered ones, from writing to arrival */
    uint64_t keep, kept;                          /* (message, relay) alive at the end of the attack; still in that pool */
    uint64_t evicted;                             /* over all pools */
    uint64_t attack_pooled;                       /* envelopes of the attacker in all pools at its end */
    uint64_t relay_bytes;                         /* between relays */
    struct sim_attack_side honest, attacker;
    uint8_t hash[32];                             /* of all events in order */
};

extern const char *const sim_attack_names[SIM_ATTACKS];
/* Everything follows from the options. */
void sim_attack_run(struct sim_attack_result *out, const struct sim_attack_options *o);

#endif
