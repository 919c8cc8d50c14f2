/* io/udp.h between the machines of a world: every datagram is on its own, may be lost, come twice, late, and before an earlier one. A
 * machine is found by its ports, as in net.c; all machines are on the one link on which a group is heard. */
#include "io/udp.h"

#include "sim/net.h"

#include <stdlib.h>

struct sim_datagram {
    struct sim_datagram *next, **back;              /* of all that are in the air */
    struct sim_machine *from, *to;
    uint64_t id;
    struct sotto_addr source, at;                   /* at: where it goes, the group or one of us */
    size_t size;
    struct sim_event arrive;
    uint8_t bytes[SOTTO_IO_UDP_MAX];
};

#define OWN_PORT 50000u                             /* what a machine gets for port 0 */

struct sotto_io_udp {
    struct sotto_io_udp *next, **back;              /* of its machine */
    struct sotto_io_udp_config config;
    struct sim_machine *machine;
    struct sotto_addr group;                        /* family 0: none */
    struct sotto_addr at[SOTTO_IO_UDP_SOCKETS_MAX];
    unsigned count;
    struct sotto_io_udp_stats stats;
};

enum sotto_err sotto_io_udp_new(struct sotto_io_udp **out, const struct sotto_io_udp_config *config)
{
    struct sim_machine *m = sim_world_running->current;
    struct sotto_io_udp *udp = sim_alloc(sizeof *udp);
    udp->config = *config;
    udp->machine = m;
    udp->next = m->udp;
    udp->back = &m->udp;
    if (udp->next) udp->next->back = &udp->next;
    m->udp = udp;
    *out = udp;
    return SOTTO_OK;
}

enum sotto_err sotto_io_udp_listen(struct sotto_io_udp *udp, struct sotto_addr *bound, const struct sotto_addr *addr)
{
    if ((addr->family != 4 && addr->family != 6) || (udp->config.local && !sotto_addr_loopback(addr))) return SOTTO_ERR_RANGE;
    if (udp->count == SOTTO_IO_UDP_SOCKETS_MAX) return SOTTO_ERR_FULL;
    struct sotto_addr *at = &udp->at[udp->count++];
    *at = *addr;
    if (at->port == 0) at->port = (uint16_t)(OWN_PORT + udp->machine->index);
    if (bound) *bound = *at;
    return SOTTO_OK;
}

static void datagram_free(struct sim_datagram *d)
{
    sim_event_drop(d->from->world, &d->arrive);
    *d->back = d->next;
    if (d->next) d->next->back = d->back;
    free(d);
}

void sim_udp_forget(struct sim_world *w)
{
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): datagram_free takes the first one out of the list, through its back
    while (w->air) datagram_free(w->air);
}

/* Whoever on that machine has the port, or hears the group. */
static struct sotto_io_udp *hears(const struct sim_machine *m, const struct sotto_addr *at)
{
    for (struct sotto_io_udp *udp = m->udp; udp; udp = udp->next) {
        if (udp->group.family && sotto_addr_equal(&udp->group, at)) return udp;
        for (unsigned i = 0; i < udp->count; i++)
            if (udp->at[i].port == at->port) return udp;
    }
    return NULL;
}

static void arrived(void *ctx)
{
    struct sim_datagram *d = ctx, copy = *d;
    struct sim_machine *m = copy.to;
    struct sotto_io_udp *udp = hears(m, &copy.at);
    datagram_free(d);
    if (!udp || m->part != SIM_UP || sim_net_parted(m->world->net, copy.from->index, m->index)) return;
    sim_hash_event(m->world, "datagram", copy.from->index, m->index, copy.size, copy.id);
    m->world->counts[SIM_N_DATAGRAMS]++;
    udp->stats.received++;
    (sotto_addr_equal(&udp->group, &copy.at) ? udp->config.group : udp->config.input)(udp->config.ctx, &copy.source, sotto_span(copy.bytes, copy.size), sim_machine_now(m));
}

static void fly(struct sotto_io_udp *udp, struct sim_machine *to, const struct sotto_addr *at, unsigned socket, struct sotto_span bytes)
{
    struct sim_world *w = udp->machine->world;
    const struct sim_net_config *config = sim_net_config(w->net);
    struct sim_datagram *d = sim_alloc(sizeof *d);
    d->from = udp->machine;
    d->to = to;
    d->id = ++w->datagrams;
    d->source = udp->at[socket];
    d->at = *at;
    d->size = bytes.size;
    memcpy(d->bytes, bytes.data, bytes.size);
    d->next = w->air;
    d->back = &w->air;
    if (d->next) d->next->back = &d->next;
    w->air = d;
    uint64_t late = config->datagram_late_us ? sim_net_dice(w->net, config->datagram_late_us) : 0;
    sim_event_init(&d->arrive, to, "datagram", arrived, d);
    sim_event_at(w, &d->arrive, w->now_us + sim_net_delay(w->net, udp->machine->index, to->index) + late);
}

static void throw_to(struct sotto_io_udp *udp, struct sim_machine *to, const struct sotto_addr *at, unsigned socket, struct sotto_span bytes)
{
    struct sim_net *net = udp->machine->world->net;
    const struct sim_net_config *config = sim_net_config(net);
    if (sim_net_dice(net, 100) < config->datagram_loss_pct) return;
    fly(udp, to, at, socket, bytes);
    if (sim_net_dice(net, 100) < config->datagram_twice_pct) fly(udp, to, at, socket, bytes);
}

enum sotto_err sotto_io_udp_send(struct sotto_io_udp *udp, const struct sotto_addr *to, struct sotto_span bytes)
{
    struct sim_world *w = udp->machine->world;
    struct sim_machine *target = NULL;
    unsigned socket = 0;
    if ((to->family != 4 && to->family != 6) || to->port == 0 || (udp->config.local && !sotto_addr_loopback(to))) return SOTTO_ERR_RANGE;
    if (bytes.size == 0 || bytes.size > SOTTO_IO_UDP_MAX) return SOTTO_ERR_RANGE;
    while (socket < udp->count && udp->at[socket].family != to->family) socket++;
    if (socket == udp->count) return SOTTO_ERR_MISSING;
    if (udp->machine->dead || sim_disk_dead(udp->machine->disk)) return SOTTO_OK;      /* a process that has ended says nothing more */
    udp->stats.sent++;
    for (unsigned i = 0; i < w->machine_count; i++)
        if (w->machines[i]->port == to->port || w->machines[i]->index + OWN_PORT == to->port) target = w->machines[i];
    if (target && target != udp->machine) throw_to(udp, target, to, socket, bytes);
    return SOTTO_OK;
}

enum sotto_err sotto_io_udp_join(struct sotto_io_udp *udp, unsigned *links, const struct sotto_addr *group, const struct sotto_addr *only)
{
    (void)only;
    SOTTO_ASSERT(udp->config.group);
    if (group->family != 4 || group->ip[0] >> 4 != 0xe || group->port == 0) return SOTTO_ERR_RANGE;
    udp->group = *group;
    if (links) *links = 1;
    return SOTTO_OK;
}

enum sotto_err sotto_io_udp_shout(struct sotto_io_udp *udp, unsigned *links, struct sotto_span bytes)
{
    struct sim_world *w = udp->machine->world;
    unsigned socket = 0;
    if (bytes.size == 0 || bytes.size > SOTTO_IO_UDP_MAX) return SOTTO_ERR_RANGE;
    while (socket < udp->count && udp->at[socket].family != 4) socket++;
    if (socket == udp->count || !udp->group.family) return SOTTO_ERR_MISSING;
    if (links) *links = 1;
    if (udp->machine->dead || sim_disk_dead(udp->machine->disk)) return SOTTO_OK;
    udp->stats.sent++;
    for (unsigned i = 0; i < w->machine_count; i++) throw_to(udp, w->machines[i], &udp->group, socket, bytes);     /* to ourselves too */
    return SOTTO_OK;
}

const struct sotto_io_udp_stats *sotto_io_udp_stats(const struct sotto_io_udp *udp) { return &udp->stats; }

void sotto_io_udp_close(struct sotto_io_udp *udp)
{
    udp->count = 0;
    udp->group.family = 0;
}

void sotto_io_udp_free(struct sotto_io_udp *udp)
{
    if (!udp) return;
    *udp->back = udp->next;
    if (udp->next) udp->next->back = udp->back;
    free(udp);
}
