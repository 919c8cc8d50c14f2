/* What both halves of the target relay_link share: one or two link machines, what is on its way, and what must still come out. */
#ifndef SOTTO_RELAY_TEST_FUZZ_RELAY_LINK_H
#define SOTTO_RELAY_TEST_FUZZ_RELAY_LINK_H

#include "support/fuzz_input.h"

#include "crypto/rng.h"
#include "relay/link.h"
#include "relay/link_cell.h"

enum { WANT_MAX = 256, SENT_BYTES_MAX = 1 << 20, BUDGET_SMALL = 20000, START_US = 1000000, SECOND_US = 1000000 };

struct want { uint8_t code, seed; uint32_t size; };
struct wants { struct want list[WANT_MAX]; unsigned first, count; };
struct end {
    struct sotto_rl *link;
    struct sotto_scalar key;
    struct sotto_point pub;
    struct sotto_rl_options options;
    struct sotto_rl_budget budget;
    struct sotto_chacha_rng rng;
    struct sotto_buf wire;                        /* what left and did not arrive: code(1) || size(4) || payload, from wire_at on */
    size_t wire_at;
    struct wants wants[SOTTO_RL_CHANNELS];        /* messages that must still come out here */
    struct sotto_rl_info last;
    bool paced, gap;                              /* gap: a cell on the way to it was lost */
    unsigned ups, ends;
    enum sotto_err err;
    uint64_t paused_us;
};
struct world {
    struct end e[2];                              /* with a stranger only e[0] has a link */
    struct sotto_now now;
    bool dialled;                                 /* by end 0 */
    bool stranger, small, harmed, status_spoilt, disobeyed;
    size_t sent_bytes;
};
extern struct world w;

/* A valid body of about this size, borrowed until the next call. */
struct sotto_span make_body(uint8_t code, uint32_t size, uint8_t seed);
/* The next of these messages came out. */
void came_out(struct wants *wants, uint8_t code, struct sotto_span bytes);
struct sotto_rl_options some_options(struct fuzz_in *in, bool own);
void check_end(unsigned i);
/* One thing that the owner of end i does. */
void owner_act(struct fuzz_in *in, unsigned i, uint8_t op);
enum { OWNER_OPS = 10 };

/* The other half, fuzz_relay_link_stranger.c: an end that obeys nobody and sees everything. */
void stranger_begin(struct fuzz_in *in);
void stranger_act(struct fuzz_in *in);
void stranger_frame(unsigned code, struct sotto_span payload);
void stranger_message(const struct sotto_rl_message *m);
void stranger_check(void);
void stranger_end(void);

#endif
