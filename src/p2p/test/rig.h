/* One host under a virtual clock, and scripted peers that speak RLPx to it byte by byte. */
#ifndef SOTTO_P2P_TEST_RIG_H
#define SOTTO_P2P_TEST_RIG_H

#include "support/test.h"

#include "crypto/rng.h"
#include "p2p/state.h"

enum { RIG_LINES = 512, RIG_TAPE = 64 };

struct rig_line {                         /* what the host did on one connection */
    struct sotto_buf sent;
    bool dialled, closed, paused;
    uint64_t close_token;
    struct sotto_addr addr;
    unsigned ups, downs, messages, peer_up, peer_down;
    unsigned last_code;
    struct sotto_buf last;
};
struct rig {
    struct sotto_chacha_rng rng;
    struct sotto_host_config config;
    struct sotto_host *h;
    struct sotto_outq out;
    struct sotto_now now;
    struct rig_line lines[RIG_LINES];
    uint32_t last_dial;
    unsigned dials;
    bool hold_sent;                       /* do not report SENT: the peer does not read */
    bool stuck;                           /* leave the queue as it is: the world does not take anything */
    void (*on_up)(struct rig *r, uint32_t peer);
    void (*on_message)(struct rig *r, uint32_t peer, unsigned code, struct sotto_span payload);
};

extern const struct sotto_capability rig_shh;         /* name, version and codes only */

/* config: what differs from the defaults; key, capabilities and rng are filled in. */
struct rig *rig_new(uint64_t seed, const struct sotto_host_config *config);
void rig_free(struct rig *r);
void rig_take(struct rig *r);                                        /* carries out what is in the queue */
void rig_in(struct rig *r, struct sotto_in in);
void rig_wait(struct rig *r, uint64_t us);                           /* time passes; a TICK at every deadline on the way */
uint32_t rig_accept(struct rig *r, struct sotto_addr addr);
void rig_data(struct rig *r, uint32_t conn, const void *data, size_t size);
struct sotto_addr rig_ip(unsigned a, unsigned b, unsigned c, unsigned d);

struct script {
    struct rig *r;
    uint32_t conn;
    struct sotto_scalar key;
    uint8_t pub[64];
    struct sotto_rlpx x;
    struct sotto_frames f;
    bool framed;
    size_t at;                            /* how much of the line's sent bytes was read */
    uint32_t code;                        /* of the last message read */
    struct sotto_buf raw, plain;          /* its payload as sent, and inflated if it is a block */
    bool was_block;
};
void script_key(struct script *s, struct rig *r, unsigned n);        /* a fresh script with the n-th key; owns nothing yet */
void script_end(struct script *s);
void script_dial(struct script *s, struct sotto_addr addr);          /* the host accepts, keys are made */
void script_answer(struct script *s, uint32_t conn);                 /* the host has dialled conn: OPENED, keys are made */
void script_send(struct script *s, unsigned code, struct sotto_span payload);                /* as it is */
void script_send_block(struct script *s, unsigned code, struct sotto_span payload);          /* compressed */
bool script_next(struct script *s);                                  /* the host's next frame; false: there is none */
void script_hello(struct script *s, struct sotto_buf *out, uint64_t version, const char *name, unsigned cap_version, struct sotto_span key);
void script_send_hello(struct script *s, uint64_t version);
void script_up(struct script *s, struct sotto_addr addr);            /* dial, Hello both ways */
/* The host's last words: the Disconnect reason, or -1 if it closed without; fails if it did not close. */
int script_reason(struct script *s);
int script_score(const struct script *s);

#endif
