/* Discovery v4 in the node: the step machine of p2p/discv4.h on the UDP sockets of io/udp.h (network.md 1, discv4 and Sources).
 *
 *     datagram, timer -> sotto_discv4_* -> datagrams
 *                                       -> a node with our key in its record -> sotto_network_found
 *                                       -> our record changed -> its number is stored, then it leaves
 *
 * UDP has the port of TCP. Off: without network.discovery, and where nothing is listened on. Threads: the loop's. */
#ifndef SOTTO_NODE_DISCOVERY_H
#define SOTTO_NODE_DISCOVERY_H

#include "crypto/curve.h"
#include "p2p/host.h"

#include <jansson.h>

struct sotto_node;
struct sotto_discovery;

/* In this order, each once. open: whether discovery is wanted, and its bootstrap list (ERR_FORMAT with a problem for people). listen: beside
 * a TCP socket that was just bound; nothing if it is off; the errors of sotto_io_udp_listen. unlisten: the port is given up for another
 * one. start: bound is the first address listened on, family 0: none. */
SOTTO_MUST_USE enum sotto_err sotto_discovery_open(struct sotto_node *n, char problem[1024]);
SOTTO_MUST_USE enum sotto_err sotto_discovery_listen(struct sotto_node *n, const struct sotto_addr *addr);
void sotto_discovery_unlisten(struct sotto_node *n);
SOTTO_MUST_USE enum sotto_err sotto_discovery_start(struct sotto_node *n, const struct sotto_scalar *key, const struct sotto_addr *bound);
void sotto_discovery_stop(struct sotto_node *n);          /* falls silent */
void sotto_discovery_free(struct sotto_node *n);

/* Our address by other means than the neighbours' word; family 0: unknown again. */
void sotto_discovery_announce(struct sotto_node *n, const struct sotto_addr *addr);
/* {enode, enr, enrSeq, discovery, nodes, live}: network self. */
json_t *sotto_discovery_json(struct sotto_node *n);

#endif
