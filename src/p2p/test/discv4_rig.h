/* One discovery machine and strangers who write to it by hand, under a clock that the test turns. */
#ifndef SOTTO_P2P_DISCV4_RIG_H
#define SOTTO_P2P_DISCV4_RIG_H

#include "support/test.h"

#include "crypto/rng.h"
#include "p2p/discv4_state.h"

#define MS SOTTO_DISC_MS
#define SECOND SOTTO_DISC_SECOND

struct stranger { struct sotto_scalar key; uint8_t key64[64], id[32]; struct sotto_addr addr; uint16_t tcp; };

/* What the machine said since the last look; datagrams only with to and the packet as read. */
struct said { struct sotto_addr to; size_t size; struct sotto_disc_packet p; uint8_t bytes[SOTTO_DISC_PACKET_MAX]; };
struct rig {
    struct sotto_chacha_rng rng;
    struct sotto_discv4_config config;
    struct sotto_discv4 *d;
    uint8_t key64[64];
    struct sotto_now now;
    struct sotto_disc_out slots[SOTTO_DISC_OUT_MAX];
    struct sotto_disc_outq out;           /* of the last call */
    struct said said[1024];
    unsigned said_count;
    struct sotto_disc_out events[256];
    unsigned event_count;
};

struct sotto_addr rig_addr(unsigned a, unsigned b, unsigned c, unsigned d, unsigned port);
/* now: 1 h after the start of the clocks. local: 127.0.0.1:30303. */
void rig_begin(struct rig *r, bool local, bool lan);
void rig_end(struct rig *r);
void rig_forget(struct rig *r);           /* what was said so far */
void rig_pass(struct rig *r, uint64_t us);                    /* ticks at every deadline */
void rig_datagram(struct rig *r, const struct sotto_addr *from, const void *bytes, size_t size);
const struct sotto_disc_out *rig_event(const struct rig *r, enum sotto_disc_out_kind kind);      /* the last one of the kind, or NULL */
unsigned rig_events(const struct rig *r, enum sotto_disc_out_kind kind);
unsigned rig_said(const struct rig *r, const struct sotto_addr *to, int type);                   /* datagrams to there; type 0: any */
const struct said *rig_last(const struct rig *r, const struct sotto_addr *to, enum sotto_disc_type type);

struct stranger stranger_make(unsigned number, struct sotto_addr addr);
/* Signs and delivers; expiration 0: now + 20 s. hash (may be NULL) is the packet's. Returns the packet's size. */
size_t stranger_send(struct rig *r, const struct stranger *s, struct sotto_disc_packet *p, uint8_t hash[32]);
void stranger_ping(struct rig *r, const struct stranger *s, uint8_t hash[32]);
void stranger_pong(struct rig *r, const struct stranger *s, const uint8_t ping[32], const struct sotto_addr *to, uint64_t seq);
void stranger_find(struct rig *r, const struct stranger *s, const uint8_t target[64]);
void stranger_bond(struct rig *r, const struct stranger *s);  /* Ping, and a Pong to what comes back; then forgets what was said */

#endif
