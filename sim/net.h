/* The wires between machines: TCP and UDP as they are at their worst, repeatable from the seed.
 *
 * Each direction of a connection is a stream that keeps its order: bytes leave at a bandwidth, arrive after the link's delay and a jitter in
 * pieces of random size, wait in the receiver's window and stall the sender when it is full. Connections can be refused, dialled in vain, be
 * reset, or be forgotten by one end alone; whole pairs of machines can be parted for a time.
 *
 * Datagrams are lost, come twice, late and out of order (sim/udp.c).
 *
 * Threads: one. */
#ifndef SOTTO_SIM_NET_H
#define SOTTO_SIM_NET_H

#include "sim/world.h"

struct sim_net;

struct sim_net_config {
    uint32_t delay_min_us, delay_max_us;        /* of a link, drawn once per pair (network.md 8: 10..90 ms) */
    uint32_t jitter_mean_us;                    /* exponential, per piece */
    uint32_t bytes_per_s;
    uint32_t window;                            /* bytes under way or not read */
    uint32_t piece_max;                         /* largest piece the stream is cut into */
    uint32_t stall_us;                          /* a slow reader: takes a piece at most so often; 0 = not */
    unsigned datagram_loss_pct, datagram_twice_pct;
    uint32_t datagram_late_us;                  /* a uniform draw up to this on top of the link's delay: later ones overtake */
};
struct sim_net_config sim_net_quiet(void);

struct sim_net *sim_net_new(struct sim_world *w);
void sim_net_free(struct sim_net *net);
struct sim_net_config *sim_net_config(struct sim_net *net);

/* From now on (on) or no longer; both ways. What is under way waits; who dials waits in vain. */
void sim_net_part(struct sim_net *net, unsigned a, unsigned b, bool on);
void sim_net_heal(struct sim_net *net);
bool sim_net_parted(const struct sim_net *net, unsigned a, unsigned b);
void sim_net_slow(struct sim_net *net, unsigned reader, uint32_t stall_us);          /* of one machine; 0 ends it */
/* One living connection, chosen by the world's dice, is reset (both ends hear it), or forgotten by one end. False: there is none. */
bool sim_net_reset(struct sim_net *net, bool half);
unsigned sim_net_conns(const struct sim_net *net);

/* Everything that passes on a connection is shown to this function, as the receiver will read it. */
typedef void sim_wire_fn(void *ctx, unsigned from, unsigned to, struct sotto_span bytes);
void sim_net_listen_in(struct sim_net *net, sim_wire_fn *fn, void *ctx);

/* For sim/udp.c: the dice of the wires, 0..bound-1; the delay of one piece between two machines. */
uint64_t sim_net_dice(struct sim_net *net, uint64_t bound);
uint64_t sim_net_delay(struct sim_net *net, unsigned a, unsigned b);
void sim_udp_forget(struct sim_world *w);       /* what is in the air, at the end of a world */

#endif
