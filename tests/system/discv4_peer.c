/* A tester of discovery v4 on real sockets, for tests/system/discv4.py: the cases of the devp2p tool by their names (devp2p.md 11.1), and what
 * the text asks beyond them (8.1, 8.2).
 *
 *     discv4_peer KEY PORT SLOW [PATTERN]       node at 127.0.0.1; the tester is at 127.0.0.1 and 127.0.0.2
 *
 * Packets that go out are put together here, byte by byte, so that each can be wrong in its own way; what comes back is read by the
 * product's codec, which has vectors of its own. Each case has a key and sockets of its own. A line for each: "ok NAME" or
 * "FAIL NAME: why". Exit: 0 all passed, 1 not, 2 it could not begin. */
#include "discv4_tester.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "p2p/enr.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <time.h>

/* ---- the cases ---- */

static struct tester a, b;                /* closed after each */

static bool basic(const struct bytes *items)
{
    struct sotto_disc_packet p;
    TRY(put_items(&a, SOTTO_DISC_PING, items));
    TRY(ponged(&a, TCP));                 /* first the Pong */
    return pinged(&a, &p);                /* then, at once, a Ping */
}
static bool ping_basic(void)
{
    struct bytes items;
    ping_items(&items, 4, a.ip, a.port, "127.0.0.1", node_port, in_seconds(20));
    return basic(&items);
}
static bool ping_wrong_to(void)
{
    struct bytes items;
    ping_items(&items, 4, a.ip, a.port, "192.0.2.0", 0, in_seconds(20));
    return basic(&items);
}
static bool ping_wrong_from(void)
{
    struct bytes items;
    ping_items(&items, 4, "192.0.2.0", 0, "127.0.0.1", node_port, in_seconds(20));
    return basic(&items);
}
static void extra(struct bytes *items)
{
    static const uint8_t more[] = { 0x2a, 0x88, 1, 2, 3, 4, 5, 6, 7, 8 };
    raw(items, more, sizeof more);
}
static bool ping_extra_data(void)
{
    struct bytes items;
    ping_items(&items, 4, a.ip, a.port, "127.0.0.1", node_port, in_seconds(20));
    extra(&items);
    return basic(&items);
}
static bool ping_extra_data_wrong_from(void)
{
    struct bytes items;
    ping_items(&items, 4, "192.0.2.0", 0, "127.0.0.1", node_port, in_seconds(20));
    extra(&items);
    return basic(&items);
}
static bool ping_past_expiration(void)
{
    struct bytes items;
    ping_items(&items, 4, a.ip, a.port, "127.0.0.1", node_port, (uint64_t)-(int64_t)in_seconds(-20));
    TRY(put_items(&a, SOTTO_DISC_PING, &items));
    return silence(&a);
}
static bool ping_wrong_packet_type(void)
{
    struct bytes items;
    ping_items(&items, 4, a.ip, a.port, "127.0.0.1", node_port, in_seconds(20));
    TRY(put_items(&a, 66, &items));
    return silence(&a);
}
static bool ping_bond_then_wrong_from(void)
{
    struct bytes items;
    TRY(bond(&a));
    ping_items(&items, 4, "192.0.2.0", 0, "127.0.0.1", node_port, in_seconds(20));
    TRY(put_items(&a, SOTTO_DISC_PING, &items));
    TRY(ponged(&a, TCP));
    return silence(&a);                   /* bonded: no Ping back */
}
static bool request(void)
{
    struct sotto_disc_packet p;
    struct sotto_enr enr;
    TRY(bond(&a));
    TRY(enr_request(&a, in_seconds(20)));
    TRY(expect(&a, &p, SOTTO_DISC_ENR_RESPONSE));
    CHECK(memcmp(p.reply_to, a.hash, 32) == 0, "the answer has another hash than the request");
    enum sotto_err err = sotto_enr_read(&enr, p.record);
    CHECK(err == SOTTO_OK, "the record: %s", sotto_err_name(err));
    CHECK(memcmp(enr.key, node_key, 64) == 0 && enr.seq > 0 && enr.udp == node_port && enr.has_ip4, "the record is not of this node");
    return true;
}
static bool request_unbonded(void)
{
    TRY(enr_request(&a, in_seconds(20)));
    return silence(&a);
}
static bool request_expired(void)
{
    TRY(bond(&a));
    TRY(enr_request(&a, in_seconds(-20)));
    return silence(&a);
}
static bool find_unbonded(void)
{
    TRY(findnode(&a, node_key, in_seconds(20)));
    return silence(&a);
}
static bool find_basic(void)
{
    struct sotto_disc_packet p;
    uint8_t target[64];
    sotto_rng_fill(&dice.rng, target, sizeof target);
    TRY(bond(&a));
    TRY(findnode(&a, target, in_seconds(20)));
    return expect(&a, &p, SOTTO_DISC_NEIGHBORS);
}
static bool find_unsolicited(void)
{
    struct sotto_disc_packet p;
    struct sotto_scalar k;
    struct sotto_point point;
    struct bytes items = { .n = 0 }, nodes = { .n = 0 }, node = { .n = 0 };
    uint8_t made_up[64], ip[4] = { 127, 0, 0, 77 };
    sotto_scalar_random(&k, &dice.rng);
    CHECK(sotto_point_make(&point, &k) == SOTTO_OK && sotto_point_to64(made_up, &point) == SOTTO_OK, "no key");
    TRY(bond(&a));
    string(&node, ip, 4);
    number(&node, 30303);
    number(&node, 30303);
    string(&node, made_up, 64);
    list(&nodes, &node);
    list(&items, &nodes);
    number(&items, in_seconds(20));
    TRY(put_items(&a, SOTTO_DISC_NEIGHBORS, &items));
    TRY(findnode(&a, made_up, in_seconds(20)));
    TRY(expect(&a, &p, SOTTO_DISC_NEIGHBORS));
    for (unsigned i = 0; i < p.node_count; i++) CHECK(memcmp(p.nodes[i].key, made_up, 64) != 0, "it believed Neighbors that it had not asked for");
    return true;
}
static bool find_past_expiration(void)
{
    struct sotto_disc_packet p;
    TRY(bond(&a));
    TRY(findnode(&a, node_key, (uint64_t)-(int64_t)in_seconds(-20)));
    while (next(&a, &p, QUIET_MS)) CHECK(p.type != SOTTO_DISC_NEIGHBORS, "Neighbors to a Findnode that had expired");
    return why[0] == 0;
}
/* More nodes than one packet holds: sixteen are told, in packets that fit, and nobody else is. */
static bool find_sixteen(void)
{
    struct sotto_disc_packet p;
    unsigned told = 0, packets = 0;
    for (unsigned i = 0; i < 24; i++) {   /* of any 24 at least 16 have a place in the table */
        TRY(open_at(&b, "127.0.0.1", NULL));
        TRY(bond(&b));
        shut(&b);
    }
    TRY(bond(&a));
    TRY(findnode(&a, node_key, in_seconds(20)));
    while (told < 16) {
        TRY(expect(&a, &p, SOTTO_DISC_NEIGHBORS));
        CHECK(p.node_count > 0 && p.node_count <= SOTTO_DISC_NEIGHBORS_MAX, "%u nodes in one packet", p.node_count);
        told += p.node_count;
        packets++;
    }
    CHECK(told == 16 && packets == 2, "%u nodes in %u packets", told, packets);
    return silence(&a);
}
static bool amplify_pong_hash(void)
{
    static const uint8_t zero[32];
    struct sotto_disc_packet p;
    TRY(ping(&a));
    TRY(ponged(&a, TCP));
    TRY(pinged(&a, &p));
    TRY(pong(&a, zero));
    TRY(findnode(&a, node_key, in_seconds(20)));
    while (next(&a, &p, QUIET_MS)) CHECK(p.type != SOTTO_DISC_NEIGHBORS, "Neighbors without a proof");
    return why[0] == 0;
}
static bool amplify_wrong_ip(void)
{
    TRY(bond(&a));
    TRY(open_at(&b, "127.0.0.2", &a.key));
    TRY(findnode(&b, node_key, in_seconds(20)));
    return silence(&b);
}
static bool amplify_request_wrong_ip(void)
{
    TRY(bond(&a));
    TRY(open_at(&b, "127.0.0.2", &a.key));
    TRY(enr_request(&b, in_seconds(20)));
    return silence(&b);
}
/* The Pong of another key, or to another address, proves nothing. */
static bool amplify_pong_of_another(void)
{
    struct sotto_disc_packet p;
    TRY(ping(&a));
    TRY(ponged(&a, TCP));
    TRY(pinged(&a, &p));
    TRY(open_at(&b, "127.0.0.2", &a.key));
    TRY(pong(&b, p.hash));
    TRY(findnode(&b, node_key, in_seconds(20)));
    TRY(silence(&b));
    struct sotto_scalar key = a.key;
    sotto_scalar_random(&a.key, &dice.rng);
    TRY(pong(&a, p.hash));
    TRY(findnode(&a, node_key, in_seconds(20)));
    TRY(silence(&a));
    a.key = key;
    TRY(findnode(&a, node_key, in_seconds(20)));
    return silence(&a);
}
/* The smallest Pings of a stranger who never answers: a Pong for each, a Ping now and then, three times its bytes at the very most. */
static bool amplify_pings(void)
{
    struct sotto_disc_packet p;
    struct bytes items, body = { .n = 0 }, packet;
    unsigned pongs = 0, pings = 0, sent = 40;
    uint64_t in = 0, begun = mono_ms();
    for (unsigned i = 0; i < sent; i++) {
        items.n = body.n = 0;
        number(&items, 4);
        endpoint(&items, "", 0, 0);
        endpoint(&items, "", 0, 0);
        number(&items, in_seconds(20) + i);
        list(&body, &items);
        in += sign(&packet, &a, SOTTO_DISC_PING, &body);
        TRY(hand_over(&a, &packet));
    }
    while (pongs < sent && next(&a, &p, (int)(PATIENCE_MS * slow))) {
        pongs += p.type == SOTTO_DISC_PONG;
        pings += p.type == SOTTO_DISC_PING;
    }
    while (next(&a, &p, QUIET_MS)) pings += p.type == SOTTO_DISC_PING;
    TRY(why[0] == 0);
    uint64_t took = mono_ms() - begun, out = 160ull * pongs + 160ull * pings;       /* more than one of them has */
    CHECK(pongs == sent, "%u Pongs to %u Pings", pongs, sent);
    CHECK(pings <= 1 + took / 500, "%u Pings in %llu ms to somebody who answers none", pings, (unsigned long long)took);
    CHECK(out <= 3 * in, "%llu bytes for %llu", (unsigned long long)out, (unsigned long long)in);
    return true;
}
/* network.md 1: 20 packets a second and 50 at once from one source; the next one is not shut out by it. */
static bool amplify_rate(void)
{
    struct sotto_disc_packet p;
    unsigned pongs = 0;
    uint64_t begun = mono_ms();
    for (unsigned i = 0; i < 150; i++) TRY(ping(&a));
    while (next(&a, &p, QUIET_MS)) pongs += p.type == SOTTO_DISC_PONG;
    TRY(why[0] == 0);
    uint64_t took = mono_ms() - begun;
    CHECK(pongs >= 50 && pongs <= 51 + 20 * took / 1000, "%u Pongs to 150 Pings in %llu ms", pongs, (unsigned long long)took);
    TRY(open_at(&b, "127.0.0.1", NULL));
    TRY(ping(&b));
    return ponged(&b, TCP);
}

static bool at_time(uint64_t expiration, bool answered)
{
    struct bytes items;
    struct sotto_disc_packet p;
    ping_items(&items, 4, a.ip, a.port, "127.0.0.1", node_port, expiration);
    TRY(put_items(&a, SOTTO_DISC_PING, &items));
    if (!answered) return silence(&a);
    TRY(ponged(&a, TCP));
    return pinged(&a, &p);
}
static bool expire_now(void) { return at_time(in_seconds(0), false); }                      /* the current second is over already */
static bool expire_last(void) { return at_time((uint64_t)INT64_MAX - 1, true); }
static bool expire_overflow(void) { return at_time((uint64_t)INT64_MAX, false); }
static bool expire_all_ones(void) { return at_time(UINT64_MAX, false); }
static bool expire_zero(void) { return at_time(0, false); }

static bool form_version(void)
{
    struct bytes items;
    ping_items(&items, 99, a.ip, a.port, "127.0.0.1", node_port, in_seconds(20));
    return basic(&items);
}
static bool form_behind(void)             /* bytes behind the list */
{
    struct bytes items, body = { .n = 0 };
    struct sotto_disc_packet p;
    ping_items(&items, 4, a.ip, a.port, "127.0.0.1", node_port, in_seconds(20));
    list(&body, &items);
    raw(&body, "\xf8garbage", 8);
    TRY(put(&a, SOTTO_DISC_PING, &body));
    TRY(ponged(&a, TCP));
    return pinged(&a, &p);
}
static bool form_seq_is_list(void)
{
    struct bytes items;
    ping_items(&items, 4, a.ip, a.port, "127.0.0.1", node_port, in_seconds(20));
    raw(&items, "\xc1\x01", 2);
    return basic(&items);
}
/* One list of items that is refused: from is what makes it wrong. */
static bool from_refused(const struct bytes *from)
{
    struct bytes items = { .n = 0 };
    number(&items, 4);
    list(&items, from);
    endpoint(&items, "127.0.0.1", node_port, 0);
    number(&items, in_seconds(20));
    TRY(put_items(&a, SOTTO_DISC_PING, &items));
    return silence(&a);
}
static bool form_endpoint_of_four(void)
{
    struct bytes from = { .n = 0 };
    string(&from, "\x7f\0\0\x01", 4);
    number(&from, 1);
    number(&from, 2);
    number(&from, 3);
    return from_refused(&from);
}
static bool form_endpoint_of_two(void)
{
    struct bytes from = { .n = 0 };
    string(&from, "\x7f\0\0\x01", 4);
    number(&from, 1);
    return from_refused(&from);
}
static bool form_port(void)
{
    struct bytes from = { .n = 0 };
    string(&from, "\x7f\0\0\x01", 4);
    number(&from, 65536);
    number(&from, 2);
    return from_refused(&from);
}
static bool form_leading_zero(void)
{
    struct bytes from = { .n = 0 };
    string(&from, "\x7f\0\0\x01", 4);
    raw(&from, "\x82\x00\x01", 3);
    number(&from, 2);
    return from_refused(&from);
}
static bool form_hash(void)
{
    struct bytes items, body = { .n = 0 }, packet;
    ping_items(&items, 4, a.ip, a.port, "127.0.0.1", node_port, in_seconds(20));
    list(&body, &items);
    sign(&packet, &a, SOTTO_DISC_PING, &body);
    packet.b[31] ^= 1;
    TRY(hand_over(&a, &packet));
    return silence(&a);
}
static bool form_signature(void)
{
    struct bytes items, body = { .n = 0 }, packet;
    ping_items(&items, 4, a.ip, a.port, "127.0.0.1", node_port, in_seconds(20));
    list(&body, &items);
    static const struct { size_t at; uint8_t value; } wrong[] = { { 96, 4 }, { 96, 27 }, { 32, 0xff } };      /* no such recovery; geth's other form; r of n or more */
    for (unsigned i = 0; i < 3; i++) {
        sign(&packet, &a, SOTTO_DISC_PING, &body);
        packet.b[wrong[i].at] = wrong[i].value;
        if (wrong[i].at == 32) memset(packet.b + 32, 0xff, 32);
        sotto_keccak256(packet.b, sotto_span(packet.b + 32, packet.n - 32));
        TRY(hand_over(&a, &packet));
    }
    return silence(&a);
}
static bool form_long(void)               /* 1280 is the most; one more is no packet */
{
    struct bytes items, body = { .n = 0 }, packet;
    struct sotto_disc_packet p;
    ping_items(&items, 4, a.ip, a.port, "127.0.0.1", node_port, in_seconds(20));
    list(&body, &items);
    memset(body.b + body.n, 0x11, sizeof body.b - body.n);
    body.n = SOTTO_DISC_PACKET_MAX - SOTTO_DISC_HEAD + 1;
    sign(&packet, &a, SOTTO_DISC_PING, &body);
    TRY(hand_over(&a, &packet));
    TRY(silence(&a));
    body.n--;
    TRY(put(&a, SOTTO_DISC_PING, &body));
    TRY(ponged(&a, TCP));
    return pinged(&a, &p);
}
static bool form_short(void)
{
    struct bytes none = { .n = 0 }, packet;
    sign(&packet, &a, SOTTO_DISC_PING, &none);            /* 98 bytes and no list */
    TRY(hand_over(&a, &packet));
    packet.n--;
    TRY(hand_over(&a, &packet));
    packet.n = 1;
    TRY(hand_over(&a, &packet));
    return silence(&a);
}

static const struct { const char *name; bool (*run)(void); } cases[] = {
    { "Ping/Basic", ping_basic },
    { "Ping/WrongTo", ping_wrong_to },
    { "Ping/WrongFrom", ping_wrong_from },
    { "Ping/ExtraData", ping_extra_data },
    { "Ping/ExtraDataWrongFrom", ping_extra_data_wrong_from },
    { "Ping/PastExpiration", ping_past_expiration },
    { "Ping/WrongPacketType", ping_wrong_packet_type },
    { "Ping/BondThenPingWithWrongFrom", ping_bond_then_wrong_from },
    { "ENRRequest", request },
    { "Findnode/WithoutEndpointProof", find_unbonded },
    { "Findnode/BasicFindnode", find_basic },
    { "Findnode/UnsolicitedNeighbors", find_unsolicited },
    { "Findnode/PastExpiration", find_past_expiration },
    { "Amplification/InvalidPongHash", amplify_pong_hash },
    { "Amplification/WrongIP", amplify_wrong_ip },
    /* beyond the tool's list */
    { "Sotto/ENRRequestWithoutEndpointProof", request_unbonded },
    { "Sotto/ENRRequestPastExpiration", request_expired },
    { "Sotto/ENRRequestWrongIP", amplify_request_wrong_ip },
    { "Sotto/PongOfAnother", amplify_pong_of_another },
    { "Sotto/PingsWithoutPong", amplify_pings },
    { "Sotto/RateOfOneSource", amplify_rate },
    { "Sotto/ExpirationNow", expire_now },
    { "Sotto/ExpirationZero", expire_zero },
    { "Sotto/ExpirationLast", expire_last },
    { "Sotto/ExpirationOverflow", expire_overflow },
    { "Sotto/ExpirationAllOnes", expire_all_ones },
    { "Sotto/AnyVersion", form_version },
    { "Sotto/BytesBehindTheList", form_behind },
    { "Sotto/RecordNumberIsAList", form_seq_is_list },
    { "Sotto/EndpointOfFour", form_endpoint_of_four },
    { "Sotto/EndpointOfTwo", form_endpoint_of_two },
    { "Sotto/PortTooLarge", form_port },
    { "Sotto/PortWithLeadingZero", form_leading_zero },
    { "Sotto/WrongHash", form_hash },
    { "Sotto/WrongSignature", form_signature },
    { "Sotto/TooLong", form_long },
    { "Sotto/TooShort", form_short },
    { "Sotto/SixteenInTwoPackets", find_sixteen },
};

int main(int argc, char **argv)
{
    unsigned failed = 0, count = 0;
    if (argc < 4 || strlen(argv[1]) != 128 || sotto_unhex(node_key, sizeof node_key, sotto_span(argv[1], 128)) != SOTTO_OK || sotto_crypto_init() != SOTTO_OK) {
        fprintf(stderr, "discv4_peer KEY PORT SLOW [PATTERN]\n");
        return 2;
    }
    node_port = (uint16_t)strtoul(argv[2], NULL, 10);
    slow = strtod(argv[3], NULL);
    sotto_rng_from_system(&dice);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (argc > 4 && fnmatch(argv[4], cases[i].name, 0) != 0) continue;
        uint64_t begun = mono_ms();
        bool good = open_at(&a, "127.0.0.1", NULL) && cases[i].run();
        shut(&a);
        shut(&b);
        if (good) printf("ok   %s (%llu ms)\n", cases[i].name, (unsigned long long)(mono_ms() - begun));
        else printf("FAIL %s: %s\n", cases[i].name, why);
        fflush(stdout);
        failed += !good;
        count++;
    }
    printf("%u of %u passed\n", count - failed, count);
    return failed ? 1 : 0;
}
