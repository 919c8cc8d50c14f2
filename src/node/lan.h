/* Nodes of the local network in the node: the machine of p2p/lan.h on the UDP sockets of io/udp.h (network.md 1, LAN).
 *
 *     timer  -> links looked at anew -> beacon to the group, on each link
 *     beacon -> answer, to who sent it
 *     answer -> a node: sotto_host_lan
 *
 * What answers no more and is not connected is forgotten, and so is what answers and cannot be reached, so that six inventions do not hold
 * the six places. Answers come to a port that the system chooses. Nothing of the system that fails here ends the node: it is tried
 * again with the next beacon.
 *
 * Off: without network.lan, behind a proxy, and where no address of a local network is listened on. Threads: the loop's. */
#ifndef SOTTO_NODE_LAN_H
#define SOTTO_NODE_LAN_H

#include "base/step.h"

#include <jansson.h>

#define SOTTO_BEACON_GROUP { 239, 255, 83, 84 }       /* of the block for local use (RFC 2365); the last two are S and T */
#define SOTTO_BEACON_PORT 18384u                      /* below those that nodes and systems draw, so that it is free */
#define SOTTO_BEACON_TRIES 3u                         /* dials in vain, after which a node that answers is forgotten */

struct sotto_node;
struct sotto_beacon;

/* In this order, each once. open: whether it is wanted, and its secret (ERR_FORMAT, ERR_MODE and those of sotto_file_read with a problem for
 * people). start: after n->self.key and n->nat_listen are known. */
SOTTO_MUST_USE enum sotto_err sotto_beacon_open(struct sotto_node *n, char problem[1024]);
SOTTO_MUST_USE enum sotto_err sotto_beacon_start(struct sotto_node *n);
void sotto_beacon_stop(struct sotto_node *n);         /* falls silent */
void sotto_beacon_free(struct sotto_node *n);

/* What the configuration of c leaves of network.lan: NULL, or why there is none. */
struct sotto_config;
const char *sotto_beacon_barred(const struct sotto_config *c);
/* {state: off, on; why?, links?, known?, answered?}: network self. */
json_t *sotto_beacon_json(const struct sotto_node *n);
/* For the doctor, in words. Whether that is as it should be. */
bool sotto_beacon_words(const struct sotto_node *n, char what[160], const char **why, const char **todo);

#endif
