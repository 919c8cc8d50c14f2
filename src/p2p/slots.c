#include "p2p/slots.h"

static bool same_prefix(const struct sotto_addr *a, const struct sotto_addr *b, size_t bytes4, size_t bytes6)
{
    return memcmp(a->ip, b->ip, a->family == 4 ? bytes4 : bytes6) == 0;
}

static bool same_group(const struct sotto_slot *a, const struct sotto_slot *b) { return !a->exempt && !b->exempt && sotto_group_equal(&a->group, &b->group); }

static unsigned group_size(const struct sotto_slot *taken, unsigned count, const struct sotto_slot *of)
{
    unsigned size = 0;
    for (unsigned i = 0; i < count; i++) size += same_group(&taken[i], of);
    return size;
}

/* Within its group only: where every address is a group of its own, nobody is alike. */
static bool too_many_alike(const struct sotto_slot *taken, unsigned count, const struct sotto_slot *newcomer)
{
    unsigned group = 0, subnet = 0, address = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!same_group(&taken[i], newcomer)) continue;
        group++;
        subnet += same_prefix(&taken[i].addr, &newcomer->addr, 3, 8);
        address += same_prefix(&taken[i].addr, &newcomer->addr, 4, 16);
    }
    return group >= SOTTO_INBOUND_PER_GROUP || subnet >= SOTTO_INBOUND_PER_SUBNET || address >= SOTTO_INBOUND_PER_ADDRESS;
}

enum sotto_slot_answer sotto_slots_judge(uint32_t *out, const struct sotto_slot *taken, unsigned count, unsigned max, const struct sotto_slot *newcomer)
{
    if (too_many_alike(taken, count, newcomer)) return SOTTO_SLOT_REFUSED;
    if (count < max) return SOTTO_SLOT_FREE;
    const struct sotto_slot *best = NULL;
    unsigned best_size = group_size(taken, count, newcomer) + 1;
    for (unsigned i = 0; i < count; i++) {
        if (best && taken[i].since_us <= best->since_us && sotto_group_equal(&taken[i].group, &best->group)) continue;
        unsigned size = group_size(taken, count, &taken[i]);
        if (size > best_size || (best && size == best_size && taken[i].since_us > best->since_us)) {
            best = &taken[i];
            best_size = size;
        }
    }
    if (!best) return SOTTO_SLOT_REFUSED;
    *out = best->id;
    return SOTTO_SLOT_EVICT;
}
