/* A tester of discovery v4: its sockets and its packets, put together byte by byte, so that each can be wrong in its own way. What comes
 * back is read by the product's codec, which has vectors of its own. A function that answers bool leaves a reason in why. */
#ifndef SOTTO_TESTS_DISCV4_TESTER_H
#define SOTTO_TESTS_DISCV4_TESTER_H

#include "crypto/rng.h"
#include "p2p/discv4_packet.h"

#include <stdio.h>

#define QUIET_MS 300                      /* what the tool waits for a packet that must not come; and a fresh bond is left in peace so long */
#define PATIENCE_MS 2000                  /* for one that must come: the machine may be busy */
#define AT_ONCE_MS 1000                   /* a Pong comes within a millisecond; a busy machine lets it wait */
#define TCP 4321u                         /* our TCP port, as we tell it */

extern struct sotto_chacha_rng dice;
extern uint8_t node_key[64];              /* the node that is tested, at 127.0.0.1 */
extern uint16_t node_port;
extern double slow;
extern char why[256];

#define CHECK(what, ...)                                                                                                  \
    do {                                                                                                                  \
        if (!(what)) {                                                                                                    \
            snprintf(why, sizeof why, __VA_ARGS__);                                                                       \
            return false;                                                                                                 \
        }                                                                                                                 \
    } while (0)
#define TRY(expr)                                                                                                         \
    do {                                                                                                                  \
        if (!(expr)) return false;                                                                                        \
    } while (0)

uint64_t mono_ms(void);
uint64_t in_seconds(int64_t s);           /* unix time then */

/* RLP, appended. endpoint: an ip that is none is empty. list takes the items without their head. */
struct bytes { uint8_t b[4096]; size_t n; };
void raw(struct bytes *o, const void *data, size_t size);
void string(struct bytes *o, const void *data, size_t size);
void number(struct bytes *o, uint64_t value);
void list(struct bytes *o, const struct bytes *items);
void endpoint(struct bytes *o, const char *ip, uint64_t udp, uint64_t tcp);

/* hash: of the last packet that was signed. bonded_ms: when bond was done, 0: not. key NULL: a fresh one. */
struct tester { int fd; const char *ip; uint16_t port; struct sotto_scalar key; uint8_t hash[32]; uint64_t bonded_ms; };
bool open_at(struct tester *t, const char *ip, const struct sotto_scalar *key);
void shut(struct tester *t);

size_t sign(struct bytes *o, struct tester *t, uint8_t type, const struct bytes *data);
bool hand_over(const struct tester *t, const struct bytes *packet);
bool put(struct tester *t, uint8_t type, const struct bytes *body);               /* body: with the head of its list */
bool put_items(struct tester *t, uint8_t type, const struct bytes *items);

/* The next datagram within ms. False with an empty why: there was none. Its record is good until the next one. */
bool next(struct tester *t, struct sotto_disc_packet *p, int ms);
/* The very next packet has that type; what the node asks of its own accord is read over, once a fresh bond has had its time. */
bool expect(struct tester *t, struct sotto_disc_packet *p, enum sotto_disc_type type);
bool silence(struct tester *t);

void ping_items(struct bytes *o, uint64_t version, const char *from, uint16_t from_port, const char *to, uint16_t to_port, uint64_t expiration);
bool ping(struct tester *t);
bool pong(struct tester *t, const uint8_t hash[32]);
bool findnode(struct tester *t, const uint8_t target[64], uint64_t expiration);
bool enr_request(struct tester *t, uint64_t expiration);
bool ponged(struct tester *t, uint16_t tcp);                      /* the Pong to our last packet, and nothing before it; tcp: what our Ping told */
bool pinged(struct tester *t, struct sotto_disc_packet *p);       /* the Ping back to a stranger */
bool bond(struct tester *t);

#endif
