/* Port mapping in the node: the machine of p2p/mapping.h, the worker that asks the router (io/portmap.h), and who is told of the answer
 * (network.md 1, NAT).
 *
 *     timer -> ask on a worker -> the address outside -> our enode, our record (discovery)
 *     the end of the node      -> given back, if the router answers before the node has ended
 *
 * Off: without network.nat, with network.local or network.proxy_only, where no IPv4 address is listened on that needs it. Threads: the
 * loop's. */
#ifndef SOTTO_NODE_NAT_H
#define SOTTO_NODE_NAT_H

#include "base/step.h"

#include <jansson.h>

struct sotto_node;
struct sotto_nat;

/* An address that is listened on now; of several the first IPv4 one counts. Before start. */
void sotto_nat_listen(struct sotto_node *n, const struct sotto_addr *addr);
/* After discovery has begun and n->self is what we are without a router. ERR_NOMEM. */
SOTTO_MUST_USE enum sotto_err sotto_nat_start(struct sotto_node *n);
/* What is mapped is given back. While sotto_nat_busy the node waits for that; then sotto_node_ending is called. */
void sotto_nat_stop(struct sotto_node *n);
bool sotto_nat_busy(const struct sotto_node *n);
void sotto_nat_free(struct sotto_node *n);                /* after the workers have stopped */

/* {state: off, asking, mapped, failed; why?, method?, address?, leaseMs?, tries[] {method, result}}: network self. */
json_t *sotto_nat_json(const struct sotto_node *n);
/* For the doctor, in words. Whether that is as it should be. */
bool sotto_nat_words(const struct sotto_node *n, char what[160], char why[240], const char **todo);

#endif
