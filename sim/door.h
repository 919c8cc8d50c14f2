/* The door and the log of simulated machines: who asks, and what the node answers. Threads: one. */
#ifndef SOTTO_SIM_DOOR_H
#define SOTTO_SIM_DOOR_H

#include "sim/world.h"

#include <jansson.h>

/* One request, given to the node in a step of its own; json is a whole JSON-RPC text. Nothing happens while the machine is down (false). */
bool sim_door_ask(struct sim_machine *m, uint64_t conn, const char *json);
void sim_door_gone(struct sim_machine *m, uint64_t conn);      /* the client closes its connection */

/* What the node said and nobody took yet, oldest first; NULL: nothing. json belongs to the caller. What it said after its disk died is not
 * among it: the process was gone. Survives the end of the process, as bytes in a socket do. */
json_t *sim_door_take(struct sim_machine *m, uint64_t *conn);
void sim_door_forget(struct sim_machine *m);

#endif
