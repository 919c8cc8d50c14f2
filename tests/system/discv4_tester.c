#include "discv4_tester.h"

#include "crypto/hash.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct sotto_chacha_rng dice;
uint8_t node_key[64];
uint16_t node_port;
double slow = 1;
char why[256];

uint64_t mono_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}
uint64_t in_seconds(int64_t s) { return (uint64_t)((int64_t)time(NULL) + s); }

/* ---- RLP by hand ---- */

void raw(struct bytes *o, const void *data, size_t size)
{
    SOTTO_ASSERT(o->n + size <= sizeof o->b);
    memcpy(o->b + o->n, data, size);
    o->n += size;
}
static void head(struct bytes *o, uint8_t low, size_t size)       /* 0x80: a string, 0xc0: a list */
{
    uint8_t h[3] = { (uint8_t)(low + size), (uint8_t)size };
    if (size > 255) {
        h[0] = (uint8_t)(low + 57);
        h[1] = (uint8_t)(size >> 8);
        h[2] = (uint8_t)size;
        raw(o, h, 3);
    } else {
        if (size > 55) h[0] = (uint8_t)(low + 56);
        raw(o, h, size > 55 ? 2 : 1);
    }
}
void string(struct bytes *o, const void *data, size_t size)
{
    if (size != 1 || *(const uint8_t *)data >= 0x80) head(o, 0x80, size);
    raw(o, data, size);
}
void number(struct bytes *o, uint64_t value)
{
    uint8_t b[8];
    size_t skip = 0;
    sotto_put_be64(b, value);
    while (skip < 8 && b[skip] == 0) skip++;
    string(o, b + skip, 8 - skip);
}
void list(struct bytes *o, const struct bytes *items)
{
    head(o, 0xc0, items->n);
    raw(o, items->b, items->n);
}
void endpoint(struct bytes *o, const char *ip, uint64_t udp, uint64_t tcp)
{
    struct bytes e = { .n = 0 };
    uint8_t four[4];
    if (inet_pton(AF_INET, ip, four) == 1) string(&e, four, 4);
    else string(&e, "", 0);
    number(&e, udp);
    number(&e, tcp);
    list(o, &e);
}

/* ---- a tester ---- */

bool open_at(struct tester *t, const char *ip, const struct sotto_scalar *key)
{
    struct sockaddr_in here = { .sin_family = AF_INET }, node = { .sin_family = AF_INET, .sin_port = htons(node_port) };
    socklen_t size = sizeof here;
    *t = (struct tester){ .ip = ip };
    if (key) t->key = *key;
    else sotto_scalar_random(&t->key, &dice.rng);
    inet_pton(AF_INET, ip, &here.sin_addr);
    inet_pton(AF_INET, "127.0.0.1", &node.sin_addr);
    t->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(t->fd >= 0 && bind(t->fd, (struct sockaddr *)&here, sizeof here) == 0 && connect(t->fd, (struct sockaddr *)&node, sizeof node) == 0 &&
          getsockname(t->fd, (struct sockaddr *)&here, &size) == 0, "no socket at %s", ip);
    t->port = ntohs(here.sin_port);
    return true;
}
void shut(struct tester *t)
{
    if (t->fd > 0) close(t->fd);
    t->fd = 0;
}

size_t sign(struct bytes *o, struct tester *t, uint8_t type, const struct bytes *data)
{
    struct sotto_sig65 sig;
    uint8_t digest[32];
    struct sotto_keccak k;
    sotto_keccak_init(&k);
    sotto_keccak_update(&k, &type, 1);
    sotto_keccak_update(&k, data->b, data->n);
    sotto_keccak_final(&k, digest);
    if (sotto_sign(&sig, &t->key, digest) != SOTTO_OK) abort();
    sig.b[64] -= 27;
    o->n = 32;
    raw(o, sig.b, 65);
    raw(o, &type, 1);
    raw(o, data->b, data->n);
    sotto_keccak256(o->b, sotto_span(o->b + 32, o->n - 32));
    memcpy(t->hash, o->b, 32);
    return o->n;
}
bool hand_over(const struct tester *t, const struct bytes *packet)
{
    CHECK(send(t->fd, packet->b, packet->n, 0) == (ssize_t)packet->n, "the datagram could not be sent");
    return true;
}
bool put(struct tester *t, uint8_t type, const struct bytes *body)       /* body: with the head of its list */
{
    struct bytes packet;
    sign(&packet, t, type, body);
    return hand_over(t, &packet);
}
bool put_items(struct tester *t, uint8_t type, const struct bytes *items)
{
    struct bytes body = { .n = 0 };
    list(&body, items);
    return put(t, type, &body);
}

/* The next datagram within ms; false without a reason: there was none. A reason: it is no packet of the node. */
bool next(struct tester *t, struct sotto_disc_packet *p, int ms)
{
    static uint8_t data[2048];            /* the record of a packet points here */
    struct pollfd fd = { .fd = t->fd, .events = POLLIN };
    why[0] = 0;
    if (poll(&fd, 1, ms) <= 0) return false;
    ssize_t size = recv(t->fd, data, sizeof data, 0);
    CHECK(size > 0 && size <= (ssize_t)SOTTO_DISC_PACKET_MAX, "a datagram of %zd bytes", size);
    enum sotto_err err = sotto_disc_read(p, sotto_span(data, (size_t)size));
    CHECK(err == SOTTO_OK, "a packet that does not decode: %s", sotto_err_name(err));
    CHECK(memcmp(p->key, node_key, 64) == 0, "a packet signed by somebody else");
    CHECK(p->type == SOTTO_DISC_ENR_RESPONSE || sotto_disc_fresh(p->expiration, 1000 * in_seconds(0)), "a packet that has expired");
    return true;
}
/* Of our own accord the node may ask us something a while after a bond, not sooner. */
static bool own(const struct tester *t, const struct sotto_disc_packet *p)
{
    return t->bonded_ms && mono_ms() >= t->bonded_ms + QUIET_MS - 50 &&
           (p->type == SOTTO_DISC_PING || p->type == SOTTO_DISC_FINDNODE || p->type == SOTTO_DISC_ENR_REQUEST);
}
bool expect(struct tester *t, struct sotto_disc_packet *p, enum sotto_disc_type type)
{
    uint64_t until = mono_ms() + (uint64_t)(PATIENCE_MS * slow);
    do {
        uint64_t now = mono_ms();
        if (!next(t, p, until > now ? (int)(until - now) : 0)) {
            CHECK(why[0], "no packet of type %d came", type);
            return false;
        }
    } while (p->type != type && own(t, p));
    CHECK(p->type == type, "a packet of type %d instead of %d", p->type, type);
    return true;
}
bool silence(struct tester *t)
{
    struct sotto_disc_packet p;
    uint64_t until = mono_ms() + QUIET_MS, now;
    while ((now = mono_ms()) < until) {
        if (!next(t, &p, (int)(until - now))) {
            if (why[0]) return false;
            break;
        }
        CHECK(own(t, &p), "a packet of type %d where there should be silence", p.type);
    }
    return true;
}

void ping_items(struct bytes *o, uint64_t version, const char *from, uint16_t from_port, const char *to, uint16_t to_port, uint64_t expiration)
{
    o->n = 0;
    number(o, version);
    endpoint(o, from, from_port, TCP);
    endpoint(o, to, to_port, 0);
    number(o, expiration);
}
bool ping(struct tester *t)
{
    struct bytes items;
    ping_items(&items, 4, t->ip, t->port, "127.0.0.1", node_port, in_seconds(20));
    return put_items(t, SOTTO_DISC_PING, &items);
}
bool pong(struct tester *t, const uint8_t hash[32])
{
    struct bytes items = { .n = 0 };
    endpoint(&items, "127.0.0.1", node_port, 0);
    string(&items, hash, 32);
    number(&items, in_seconds(20));
    return put_items(t, SOTTO_DISC_PONG, &items);
}
bool findnode(struct tester *t, const uint8_t target[64], uint64_t expiration)
{
    struct bytes items = { .n = 0 };
    string(&items, target, 64);
    number(&items, expiration);
    return put_items(t, SOTTO_DISC_FINDNODE, &items);
}
bool enr_request(struct tester *t, uint64_t expiration)
{
    struct bytes items = { .n = 0 };
    number(&items, expiration);
    return put_items(t, SOTTO_DISC_ENR_REQUEST, &items);
}

/* The Pong to our last packet, and nothing before it. tcp: the port that the ping told. */
bool ponged(struct tester *t, uint16_t tcp)
{
    struct sotto_disc_packet p;
    uint64_t begun = mono_ms();
    TRY(expect(t, &p, SOTTO_DISC_PONG));
    CHECK(mono_ms() - begun <= AT_ONCE_MS * slow, "the Pong took %llu ms", (unsigned long long)(mono_ms() - begun));
    CHECK(memcmp(p.reply_to, t->hash, 32) == 0, "the Pong has another hash than the Ping");
    struct sotto_addr us = { .family = 4, .port = t->port };
    inet_pton(AF_INET, t->ip, us.ip);
    CHECK(sotto_addr_equal(&p.to.addr, &us), "the Pong tells another address than ours");
    CHECK(p.to.tcp == tcp, "the Pong tells TCP port %u, the Ping said %u", p.to.tcp, tcp);
    CHECK(p.enr_seq > 0, "the Pong has no number of a record");
    return true;
}
/* The Ping back of a node that we are strangers to. */
bool pinged(struct tester *t, struct sotto_disc_packet *p)
{
    TRY(expect(t, p, SOTTO_DISC_PING));
    CHECK(p->version == 4 && p->enr_seq > 0, "the Ping says version %llu, record %llu", (unsigned long long)p->version, (unsigned long long)p->enr_seq);
    return true;
}
bool bond(struct tester *t)
{
    struct sotto_disc_packet p;
    TRY(ping(t));
    TRY(ponged(t, TCP));
    TRY(pinged(t, &p));
    TRY(pong(t, p.hash));
    t->bonded_ms = mono_ms();
    return true;
}
