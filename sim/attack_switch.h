/* Defences taken away for the laboratory, without a hole in the product: a program that links sotto_sim_attack has its calls of
 *
 *     sotto_pool_new             another floor to begin with
 *     sotto_pool_add             every envelope from a link of its own
 *     sotto_rules_worth          another order of eviction
 *     sotto_rules_before_work    no cap on the life of an envelope
 *
 * led through attack_switch.c by the linker. While `on` is false they go straight through. No other program links it. Threads: one. */
#ifndef SOTTO_SIM_ATTACK_SWITCH_H
#define SOTTO_SIM_ATTACK_SWITCH_H

#include "sim/attack.h"

#define SIM_ATTACK_MARK 8u                        /* first bytes of the data of an honest envelope of this world */

struct sim_attack_switch {
    bool on, quota, cap;
    enum sim_evict evict;
    double floor;
    uint64_t arrivals;                            /* so far: worth or link of the next, where these are taken away */
    uint8_t mark[SIM_ATTACK_MARK];
    struct sim_attack_side honest, attacker;
};
extern struct sim_attack_switch sim_attack_switch;

#endif
