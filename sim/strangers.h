/* A thousand nodes that find and dial each other, a fifth of them against the others (network.md 1). What is tried are the machines of
 * the product: book, dial, slots and the rate of accepted addresses, one set for each honest node.
 *
 * Carried by something cheaper than the product: discovery is not packets but its tables (17 buckets of 16, two of a /24 in a bucket
 * and ten in a table, sixteen of a group, who is there stays, lookups three at a time until the 16 nearest were asked, two of a group
 * among them); a connection is there a second after it was wished, a dial to a node that is off ends after 15; no handshakes, no
 * bytes. The book learns of a node when that has proven its endpoint, as in the product: hearsay is only followed. Time goes in steps
 * of one second.
 *
 * The hostile fifth: machines with ten ids and addresses each, all of them in four /16. They answer lookups with their own, take every
 * connection, prove their endpoints to everybody at random and so fill tables and books, and dial in without end. The
 * honest start within five minutes from four honest bootstrap nodes; each is restarted once, with what it had saved.
 *
 * Everything follows from the seed. Threads: one. */
#ifndef SOTTO_SIM_STRANGERS_H
#define SOTTO_SIM_STRANGERS_H

#include <stdbool.h>
#include <stdint.h>

struct sim_strangers_options {
    uint64_t seed;
    unsigned nodes, hostile_percent, minutes;         /* 1000, 20, 60 */
    bool no_groups;                                   /* every address a group of its own: what the rules are worth */
};
struct sim_strangers {
    unsigned honest, hostile, identities;             /* nodes; ids of the hostile ones */
    unsigned eclipsed, alone;                         /* honest nodes at the end: with hostile outbound peers only; with none */
    uint64_t eclipsed_minutes, minutes;               /* of honest nodes that had been up for five minutes */
    uint64_t outbound, outbound_hostile, inbound, inbound_hostile;       /* connections of honest nodes at the end */
    unsigned outbound_hostile_most;                   /* of one node */
    uint64_t dials, refused, full, evicted, known, known_honest;         /* known: entries of their books at the end */
    uint64_t digest;                                  /* of every connection at the end: equal runs have equal ones */
};
/* Outputs of one world; aborts without memory. */
void sim_strangers_run(struct sim_strangers *out, const struct sim_strangers_options *options);
/* `sotto-lab strangers`: argv begins behind it. 0; 1: an honest node ended among hostile outbound peers only, or alone; 2: wrong usage. */
int sim_strangers_command(int argc, char **argv);

#endif
