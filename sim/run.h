/* `sotto-lab sim`. Threads: one. */
#ifndef SOTTO_SIM_RUN_H
#define SOTTO_SIM_RUN_H

/* argv begins behind "sim". 0, 1 at the first broken rule, 2 for wrong usage. */
int sim_command(int argc, char **argv);

#endif
