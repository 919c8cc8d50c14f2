/* A relay that plays with what passes: it speaks RLPx and shh/6 with our own p2p room, keeps every envelope it is given and gives them away as
 * it likes: late, twice, in another order, damaged. It is a machine of the world without a node. Threads: one. */
#ifndef SOTTO_SIM_HOSTILE_H
#define SOTTO_SIM_HOSTILE_H

#include "sim/world.h"

struct sim_hostile;
struct sim_hostile *sim_hostile_new(struct sim_world *w);       /* adds a machine; its neighbours dial it */
const char *sim_hostile_enode(const struct sim_hostile *h);
void sim_hostile_start(struct sim_hostile *h);
void sim_hostile_behave(struct sim_hostile *h, bool well);      /* well: passes on what it gets, as it is */
void sim_hostile_free(struct sim_hostile *h);

#endif
