/* A node on a local network where anybody says anything: true beacons and answers, changed ones, old ones, other people's bytes, time. It
 * answers a salt once and a bounded number in a second, less than twice what it got, and only where the beacon came from; it knows at
 * most six nodes, each once, and only such as answered with its secret. */
#include "support/fuzz_input.h"

#include "crypto/curve.h"
#include "crypto/rng.h"
#include "p2p/group.h"
#include "p2p/lan.h"

#define KEYS 8u
static uint8_t keys[KEYS][64];

static void keys_make(void)
{
    if (keys[0][0] | keys[0][1]) return;
    SOTTO_ASSERT(sotto_crypto_init() == SOTTO_OK);
    for (unsigned i = 0; i < KEYS; i++) {
        struct sotto_scalar k = { { [31] = (uint8_t)(i + 1) } };
        struct sotto_point p;
        SOTTO_ASSERT(sotto_point_make(&p, &k) == SOTTO_OK && sotto_point_to64(keys[i], &p) == SOTTO_OK);
    }
}

struct run {
    struct sotto_lan *lan;
    struct sotto_secret secret;
    struct sotto_now now;
    uint8_t beacon[SOTTO_LAN_BEACON_SIZE];            /* its newest, once it asked */
    bool asked;
    uint8_t salts[256][SOTTO_LAN_SALT];               /* that were answered */
    uint64_t at[256];
    unsigned answered;
};

static struct sotto_addr place(uint8_t which)
{
    struct sotto_addr a = { .ip = { 192, 168, 1, which }, .port = 40000, .family = 4 };
    if (which >= 240) a.ip[0] = which;
    if (which == 239) a.ip[0] = 127;
    if (which == 238) a = (struct sotto_addr){ .ip = { 0xfe, 0x80, [15] = 1 }, .port = 40000, .family = 6 };
    return a;
}

static void spoil(struct fuzz_in *in, uint8_t *bytes, size_t size)
{
    uint8_t how = fuzz_u8(in);
    if (how & 1) bytes[fuzz_below(in, (uint32_t)size)] ^= (uint8_t)(1u << (how >> 5));
}

static void heard(struct run *r, struct sotto_span bytes, const struct sotto_addr *from)
{
    uint8_t out[SOTTO_LAN_ANSWER_SIZE], salt[SOTTO_LAN_SALT];
    struct sotto_lan_claim claim;
    struct sotto_addr to;
    uint16_t port = 0;
    enum sotto_err err = fuzz_err(sotto_lan_beacon_read(salt, &port, bytes, &r->secret));
    SOTTO_ASSERT(err == SOTTO_OK || err == SOTTO_ERR_LAN_FORM || err == SOTTO_ERR_LAN_SECRET);
    if (!sotto_lan_heard(r->lan, out, &to, from, bytes, r->now)) return;
    SOTTO_ASSERT(err == SOTTO_OK && to.port == port && port >= SOTTO_LAN_PORT_MIN && memcmp(to.ip, from->ip, 16) == 0);
    SOTTO_ASSERT(sotto_disc_class(&to) == SOTTO_DISC_LAN && (!r->asked || memcmp(salt, r->beacon, sizeof salt) != 0));
    SOTTO_ASSERT(sotto_lan_answer_read(&claim, SOTTO_SPAN(out), salt, &r->secret) == SOTTO_OK && memcmp(claim.key, keys[0], 64) == 0);
    unsigned recent = 0;
    for (unsigned i = r->answered; i-- > 0;) {
        SOTTO_ASSERT(r->answered - i > SOTTO_LAN_HEARD_MAX || memcmp(r->salts[i], salt, sizeof salt) != 0);
        recent += r->now.mono_us - r->at[i] < 1000000;
    }
    SOTTO_ASSERT(recent < 2 * SOTTO_LAN_RATE);        /* in any second; at most SOTTO_LAN_RATE in each of its own */
    if (r->answered == 256) return;
    memcpy(r->salts[r->answered], salt, sizeof salt);
    r->at[r->answered++] = r->now.mono_us;
}

static unsigned known(const struct run *r)
{
    struct sotto_enode a, b;
    unsigned count = 0;
    for (; sotto_lan_at(r->lan, count, &a); count++) {
        SOTTO_ASSERT(sotto_disc_class(&a.addr) == SOTTO_DISC_LAN && a.addr.port != 0 && memcmp(a.key, keys[0], 64) != 0);
        for (unsigned i = 0; i < count; i++) SOTTO_ASSERT(sotto_lan_at(r->lan, i, &b) && memcmp(a.key, b.key, 64) != 0);
    }
    SOTTO_ASSERT(count <= SOTTO_LAN_NODES_MAX);
    return count;
}

static void answered(struct run *r, struct sotto_span bytes, const struct sotto_addr *from)
{
    struct sotto_lan_claim claim;
    struct sotto_enode node;
    unsigned before = known(r);
    enum sotto_err err = fuzz_err(sotto_lan_answer_read(&claim, bytes, r->beacon, &r->secret));
    bool news = sotto_lan_answer(r->lan, &node, from, bytes, r->now);
    SOTTO_ASSERT(known(r) == before + news);
    if (news) SOTTO_ASSERT(err == SOTTO_OK && r->asked && memcmp(node.key, claim.key, 64) == 0 && node.addr.port == claim.tcp && memcmp(node.addr.ip, from->ip, 16) == 0);
}

static void step(struct run *r, struct fuzz_in *in)
{
    uint8_t op = fuzz_u8(in), who = fuzz_u8(in), b[SOTTO_LAN_BEACON_SIZE], a[SOTTO_LAN_ANSWER_SIZE], salt[SOTTO_LAN_SALT] = { who }, nonce[24] = { op }, key[64];
    struct sotto_secret other = { { 9 } };
    struct sotto_addr from = place(fuzz_u8(in));
    switch (op % 8) {
    case 0:
        if (sotto_lan_tick(r->lan, b, r->now)) {
            memcpy(r->beacon, b, sizeof b);
            r->asked = true;
        }
        SOTTO_ASSERT(sotto_lan_deadline(r->lan) > r->now.mono_us && sotto_lan_deadline(r->lan) - r->now.mono_us <= SOTTO_LAN_PERIOD_US + SOTTO_LAN_SPREAD_US);
        break;
    case 1: case 2:
        sotto_lan_beacon_write(b, who & 1 ? r->beacon : salt, op & 8 ? &other : &r->secret, (uint16_t)(fuzz_u16(in) | 1));
        spoil(in, b, sizeof b);
        heard(r, SOTTO_SPAN(b), &from);
        break;
    case 3: case 4: {
        struct sotto_lan_claim claim = { .tcp = (uint16_t)(op & 16 ? 0 : 30000 + who) };
        memcpy(claim.key, keys[who % KEYS], 64);
        if (op & 32) claim.key[63] ^= 1;
        sotto_lan_answer_write(a, &claim, who & 128 ? salt : r->beacon, op & 8 ? &other : &r->secret, nonce);
        spoil(in, a, sizeof a);
        answered(r, SOTTO_SPAN(a), &from);
        break;
    }
    case 5: {
        struct sotto_span bytes = fuzz_span(in, 128);
        heard(r, bytes, &from);
        answered(r, bytes, &from);
        break;
    }
    case 6: {
        unsigned before = known(r);
        if (sotto_lan_stale(r->lan, key, r->now)) {
            sotto_lan_forget(r->lan, key);
            SOTTO_ASSERT(known(r) == before - 1);
        }
        break;
    }
    default: r->now.mono_us += fuzz_wide(in) % (1ull << 32);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    struct sotto_chacha_rng rng;
    struct run r = { .secret = { { 1 } }, .now = { 1, 1767225600000 } };
    keys_make();
    sotto_rng_from_seed(&rng, 1, "fuzz");
    struct sotto_lan_config config = { .secret = r.secret, .self = { .tcp = 30000 }, .udp = 40000, .rng = &rng.rng };
    memcpy(config.self.key, keys[0], 64);
    SOTTO_ASSERT(sotto_lan_new(&r.lan, &config, r.now) == SOTTO_OK);
    for (unsigned i = 0; i < 256 && fuzz_left(&in); i++) step(&r, &in);
    known(&r);
    sotto_lan_free(r.lan);
    return 0;
}
