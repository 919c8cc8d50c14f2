/* Who may come in (network.md 1, Slots), as one question over a list, so that host and simulation ask the same. Pure.
 *
 * At most 4 inbound peers of one IPv4 /16 or IPv6 /32, 2 of one /24 or /64, 1 of one address. When all places are taken, the youngest
 * of the most crowded group goes for a newcomer whose group would be less crowded. The newcomer counts as the youngest of its own
 * group: where it would be as crowded as the others, nobody goes. So the oldest of every group stay, and with them the four oldest of
 * distinct groups; many groups at once push nobody out, and neither do many connections of one. */
#ifndef SOTTO_P2P_SLOTS_H
#define SOTTO_P2P_SLOTS_H

#include "p2p/group.h"

#define SOTTO_INBOUND_PER_GROUP 4u
#define SOTTO_INBOUND_PER_SUBNET 2u
#define SOTTO_INBOUND_PER_ADDRESS 1u

struct sotto_slot {
    struct sotto_addr addr;
    struct sotto_group group;             /* of addr */
    bool exempt;                          /* network.local and a loopback address: alone in every respect */
    uint64_t since_us;
    uint32_t id;
};
enum sotto_slot_answer { SOTTO_SLOT_FREE, SOTTO_SLOT_EVICT, SOTTO_SLOT_REFUSED };
/* May newcomer have one of max places beside those that are taken? With EVICT, *out = id of the one that goes for it. */
enum sotto_slot_answer sotto_slots_judge(uint32_t *out, const struct sotto_slot *taken, unsigned count, unsigned max, const struct sotto_slot *newcomer);

#endif
