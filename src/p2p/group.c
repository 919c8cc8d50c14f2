#include "p2p/group.h"

#include "crypto/hash.h"

#define KIND_IP4 4u
#define KIND_IP6 6u
#define KIND_NAME 7u
#define KIND_NEAR 126u            /* these two never leave the process */
#define KIND_PORT 127u

struct sotto_group sotto_group_of(const struct sotto_addr *addr, bool local)
{
    struct sotto_group g = { 0 };
    if (local && sotto_addr_loopback(addr)) {
        g.size = 4;
        g.b[0] = KIND_PORT;
        g.b[1] = addr->family;
        sotto_put_be16(g.b + 2, addr->port);
    } else if (addr->family == 4) {
        g.size = 3;
        g.b[0] = KIND_IP4;
        memcpy(g.b + 1, addr->ip, 2);
    } else if (addr->family == 6) {
        g.size = 5;
        g.b[0] = KIND_IP6;
        memcpy(g.b + 1, addr->ip, 4);
    }
    return g;
}

struct sotto_group sotto_group_of_near(const struct sotto_addr *addr)
{
    return (struct sotto_group){ { KIND_NEAR, addr->ip[0], addr->ip[1], addr->ip[2], addr->ip[3] }, 5 };
}

struct sotto_group sotto_group_of_name(const uint8_t node[32]) { return (struct sotto_group){ { KIND_NAME, node[0], node[1] }, 3 }; }

bool sotto_group_equal(const struct sotto_group *a, const struct sotto_group *b) { return a->size == b->size && memcmp(a->b, b->b, sizeof a->b) == 0; }

void sotto_node_hash(uint8_t out[32], const uint8_t key[64]) { sotto_keccak256(out, sotto_span(key, 64)); }

/* ---- what is a place on the network ---- */

struct range { uint8_t ip[4], bits; enum sotto_disc_class class; };
/* RFC 6890 and its successors: what is no place on the public network. */
static const struct range ranges4[] = {
    { { 0 }, 8, SOTTO_DISC_NOWHERE }, { { 10 }, 8, SOTTO_DISC_LAN }, { { 100, 64 }, 10, SOTTO_DISC_LAN }, { { 127 }, 8, SOTTO_DISC_LOOPBACK },
    { { 169, 254 }, 16, SOTTO_DISC_LAN }, { { 172, 16 }, 12, SOTTO_DISC_LAN }, { { 192, 0, 0 }, 24, SOTTO_DISC_NOWHERE },
    { { 192, 0, 2 }, 24, SOTTO_DISC_NOWHERE }, { { 192, 31, 196 }, 24, SOTTO_DISC_NOWHERE }, { { 192, 52, 193 }, 24, SOTTO_DISC_NOWHERE },
    { { 192, 88, 99 }, 24, SOTTO_DISC_NOWHERE }, { { 192, 168 }, 16, SOTTO_DISC_LAN }, { { 192, 175, 48 }, 24, SOTTO_DISC_NOWHERE },
    { { 198, 18 }, 15, SOTTO_DISC_NOWHERE }, { { 198, 51, 100 }, 24, SOTTO_DISC_NOWHERE }, { { 203, 0, 113 }, 24, SOTTO_DISC_NOWHERE },
    { { 224 }, 3, SOTTO_DISC_NOWHERE }                                     /* multicast, reserved, broadcast */
};

static bool prefix(const uint8_t *ip, const uint8_t *want, unsigned bits)
{
    if (memcmp(ip, want, bits / 8) != 0) return false;
    return bits % 8 == 0 || (ip[bits / 8] ^ want[bits / 8]) >> (8 - bits % 8) == 0;
}

static enum sotto_disc_class class6(const struct sotto_addr *a)
{
    static const uint8_t documentation[] = { 0x20, 0x01, 0x0d, 0xb8 }, protocol[] = { 0x20, 0x01, 0x00 }, six_to_four[] = { 0x20, 0x02 };
    static const uint8_t link[] = { 0xfe, 0x80 }, unique[] = { 0xfc }, global[] = { 0x20 }, documentation2[] = { 0x3f, 0xff, 0x00 };
    if (sotto_addr_loopback(a)) return SOTTO_DISC_LOOPBACK;
    if (prefix(a->ip, link, 10) || prefix(a->ip, unique, 7)) return SOTTO_DISC_LAN;
    if (!prefix(a->ip, global, 3) || prefix(a->ip, documentation, 32) || prefix(a->ip, protocol, 23) || prefix(a->ip, six_to_four, 16) ||
        prefix(a->ip, documentation2, 20))
        return SOTTO_DISC_NOWHERE;
    return SOTTO_DISC_PUBLIC;
}

enum sotto_disc_class sotto_disc_class(const struct sotto_addr *a)
{
    if (a->family == 6) return class6(a);
    if (a->family != 4) return SOTTO_DISC_NOWHERE;
    for (size_t i = 0; i < sizeof ranges4 / sizeof *ranges4; i++)
        if (prefix(a->ip, ranges4[i].ip, ranges4[i].bits)) return ranges4[i].class;
    return SOTTO_DISC_PUBLIC;
}

bool sotto_disc_may_tell(const struct sotto_addr *teller, const struct sotto_addr *told)
{
    enum sotto_disc_class who = sotto_disc_class(teller), what = sotto_disc_class(told);
    if (what == SOTTO_DISC_NOWHERE) return false;
    if (what == SOTTO_DISC_LOOPBACK) return who == SOTTO_DISC_LOOPBACK;
    return what == SOTTO_DISC_PUBLIC || who == SOTTO_DISC_LAN || who == SOTTO_DISC_LOOPBACK;
}
