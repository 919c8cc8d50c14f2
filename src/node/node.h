/* A whole node in one process: the only place where cores meet io/. Made from a configuration, run until it is told to end.
 *
 * Order of a start: lock the data directory, open the store, open the doors (everything is locked, and answers), print the
 * ready line, then open vaults on a worker. Order of an end: no new work, disconnects, commit, close.
 *
 * The law of every change: one transaction holds all rows and events of it; what it promises the world (cells, answers,
 * pushes) leaves after the commit. If a commit fails, the accounts are loaded again from the disk: memory never runs ahead. */
#ifndef SOTTO_NODE_NODE_H
#define SOTTO_NODE_NODE_H

#include "base/env.h"
#include "io/config.h"

struct sotto_node;

/* input: where the configuration comes from; borrowed for the node's life (reload reads it again); its `set` is the node's to fill.
 * *problem gets what a person should read: what, why, what to do. The answer is an exit code of experience.md 3.1: 0, or why the
 * node did not start; *out is then NULL. */
int sotto_node_new(struct sotto_node **out, const struct sotto_config_input *input, char problem[1024]);
/* Everything up to open doors; vaults are opened by later turns of the loop. 0, or an exit code and the problem. Whoever calls this
 * alone turns the loop himself (sim/). */
int sotto_node_start(struct sotto_node *n, char problem[1024]);
/* Starts, prints the ready line on stdout once all doors answer (json: one JSON object, else text), runs until the end, returns
 * the exit code. */
int sotto_node_run(struct sotto_node *n, bool json);
void sotto_node_free(struct sotto_node *n);               /* NULL is fine */

#endif
