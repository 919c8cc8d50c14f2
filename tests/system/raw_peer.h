/* A peer that speaks RLPx and shh/6 over a blocking socket, made of the product's own handshake and frames: for tests that need neighbours who do
 * what no sottod does. One target and one thread a process; whatever fails here ends the process, but for what the other side may do. */
#ifndef SOTTO_TESTS_SYSTEM_RAW_PEER_H
#define SOTTO_TESTS_SYSTEM_RAW_PEER_H

#include "crypto/rng.h"
#include "crypto/setup.h"
#include "p2p/frame.h"
#include "p2p/hello.h"
#include "whisper/shh.h"
#include "wire/rlp.h"
#include "wire/snappy.h"

#define SHH_FIRST SOTTO_FIRST_CODE
#define WIRE_MAX (32u << 20)
#define TEST_WORK_BITS 8u                 /* relay.work of the test network */

struct peer {
    int fd;
    struct sotto_scalar key;
    uint8_t pub[64];
    struct sotto_rlpx x;
    struct sotto_frames f;
    bool keyed, framed;
};

/* Of the process: its dice, whom it calls, and what it did so far. */
extern struct sotto_chacha_rng dice;
extern struct sotto_enode target;
extern const char *program;
extern int patience_s;                    /* for any one answer, and for the other side to take what is sent; 2 at first */
extern uint64_t connections, refused, handshakes, cut_off, sent_bytes;

_Noreturn void fail(const char *what);
void must(enum sotto_err err);
uint64_t mono_us(void);
static inline uint64_t below(uint64_t n) { return sotto_rng_below(&dice.rng, n); }

/* ---- sockets ---- */
int dial(int receive_buffer);             /* -1: refused; receive_buffer 0: the system's */
bool say(int fd, const void *data, size_t size);
bool hear(int fd, void *data, size_t size);

/* ---- a peer, step by step; false: the other side closed or fell silent ---- */
void peer_end(struct peer *p);
bool peer_dial(struct peer *p, int receive_buffer);           /* under a key of its own */
bool peer_keys(struct peer *p);
bool peer_hello(struct peer *p);
bool peer_status(struct peer *p);
bool peer_up(struct peer *p, int receive_buffer);             /* all of these; on false it is ended */
void hello_make(struct sotto_buf *out, const struct peer *p, const char *capability, unsigned version);
bool send_plain(struct peer *p, unsigned code, struct sotto_span payload);
bool send_block(struct peer *p, unsigned code, struct sotto_span payload);
/* Reads one frame; false: closed, silent, or a Disconnect. */
bool hear_frame(struct peer *p);
/* The same, with what it carries, inflated. payload is emptied first. */
bool hear_packet(struct peer *p, uint32_t *code, struct sotto_buf *payload);

/* Appends a native envelope with just the work that the test network asks for. */
void native_add(struct sotto_buf *out, const uint8_t data[SOTTO_NATIVE_DATA]);

#endif
