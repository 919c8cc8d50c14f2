/* Addresses and who probably shares an owner with whom (network.md 1; placement.md 1, vectors [group]).
 *
 * A group is cheap to fill and dear to get many of: an IPv4 /16, an IPv6 /32, or for a name behind a proxy 16 bits of the node id.
 * Everything that draws neighbours, or lets them in, counts groups and not nodes. Threads: values, any. */
#ifndef SOTTO_P2P_GROUP_H
#define SOTTO_P2P_GROUP_H

#include "base/step.h"

struct sotto_group { uint8_t b[5]; uint8_t size; };       /* kind || prefix, the rest zero; size 0: no address */

/* v4-mapped addresses were turned into v4 before (base/step.h). local = network.local: every loopback port is a group of its own. */
struct sotto_group sotto_group_of(const struct sotto_addr *addr, bool local);
/* An IPv4 address of our own network: a machine is a group, for the whole network is one /16. */
struct sotto_group sotto_group_of_near(const struct sotto_addr *addr);
/* A node that is reached by name through a proxy; node = Keccak-256 of its key. */
struct sotto_group sotto_group_of_name(const uint8_t node[32]);
bool sotto_group_equal(const struct sotto_group *a, const struct sotto_group *b);
void sotto_node_hash(uint8_t out[32], const uint8_t key[64]);

/* What an address is good for. NOWHERE: unspecified, multicast, documentation, translated. */
enum sotto_disc_class { SOTTO_DISC_NOWHERE, SOTTO_DISC_PUBLIC, SOTTO_DISC_LAN, SOTTO_DISC_LOOPBACK };
enum sotto_disc_class sotto_disc_class(const struct sotto_addr *a);
/* May we believe teller that somebody lives at told? A stranger knows nothing of our own network (devp2p.md 8.2, last line). */
bool sotto_disc_may_tell(const struct sotto_addr *teller, const struct sotto_addr *told);

#endif
