/* Links of sotto/1 under everything that a line and a peer can do to them (network.md 2): a few nodes, each with several links and one budget
 * for their open messages, over the machines of the product (relay/link.h) with their real cryptography. Time is a heap of events in microseconds.
 *
 * Lines: delay, jitter, bandwidth, a bounded buffer of the sender and of the receiver; order is kept, as TCP keeps it. Connections are lost in the
 * middle, are half open for a while, and come again as new links; readers stop and go on; messages of a byte to 2 MiB cross on all channels; rates
 * change by UPDATE; the links of a node of profile strong leave by slots (network.md 3), those of the others at once.
 *
 * One peer is hostile: it speaks as others do, and at a random moment follows a strategy. Between it and its victim sits a second reader of the
 * format (relay/test/link_judge.h) with the keys of the link: what it says of each cell is what the victim must do.
 *
 * Everything follows from the seed. Threads: one. */
#ifndef SOTTO_SIM_LINKS_H
#define SOTTO_SIM_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct sim_links_options {
    uint64_t seed;
    const char *strategy;                         /* a name of sim_links_strategy; NULL: by the seed */
    FILE *trace;                                  /* a line an event; may be NULL */
};
struct sim_links {
    bool broken;
    char rule[16], text[200];                     /* of what was broken */
    const char *strategy, *end;                   /* what the hostile peer did, and the refusal that it met: NULL, none */
    uint64_t links, lost, refused, shed;          /* shed: of hostile peers, that held so many open messages that they must leave the rest to others */
    uint64_t messages, bytes, cells, slots, rekeys, updates, stalls, pauses, pings, events, simulated_us;
    size_t open_most;                             /* bytes of open messages on one node */
    uint64_t digest;                              /* of every event: equal runs have equal ones */
};
/* One world. False: a rule is broken. Aborts without memory. */
bool sim_links_run(struct sim_links *out, const struct sim_links_options *options);
/* Name of a strategy, NULL behind the last; *end: the refusal that it must meet; NULL: none; empty: it depends on the moment. */
const char *sim_links_strategy(unsigned index, const char **end);
/* `sotto-lab links`: argv begins behind it. 0; 1: a rule was broken; 2: wrong usage. */
int sim_links_command(int argc, char **argv);

#endif
