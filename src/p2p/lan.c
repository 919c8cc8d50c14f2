#include "p2p/lan.h"

#include "crypto/aead.h"
#include "crypto/curve.h"
#include "crypto/hash.h"
#include "p2p/group.h"

#include <stdlib.h>

#define HASH_AT SOTTO_LAN_SALT
#define PORT_AT (HASH_AT + 32u)
#define ZERO_AT (PORT_AT + 2u)
#define NONCE 24u
#define CLAIM 66u
#define SECOND_US 1000000ull

_Static_assert(ZERO_AT + 14u == SOTTO_LAN_BEACON_SIZE, "a beacon is 64 bytes");
_Static_assert(NONCE + CLAIM + SOTTO_TAG_SIZE == SOTTO_LAN_ANSWER_SIZE, "an answer holds one sealed claim");
_Static_assert(SOTTO_LAN_ANSWER_SIZE < 2 * SOTTO_LAN_BEACON_SIZE, "no amplifier");

/* ---- the two datagrams ---- */

void sotto_lan_beacon_write(uint8_t out[SOTTO_LAN_BEACON_SIZE], const uint8_t salt[SOTTO_LAN_SALT], const struct sotto_secret *secret, uint16_t port)
{
    SOTTO_ASSERT(port != 0);
    memset(out, 0, SOTTO_LAN_BEACON_SIZE);
    memcpy(out, salt, SOTTO_LAN_SALT);
    SOTTO_TH(out + HASH_AT, "sotto/lan", sotto_span(salt, SOTTO_LAN_SALT), SOTTO_SPAN(secret->b));
    sotto_put_be16(out + PORT_AT, port);
}

enum sotto_err sotto_lan_beacon_read(uint8_t salt[SOTTO_LAN_SALT], uint16_t *port, struct sotto_span beacon, const struct sotto_secret *secret)
{
    uint8_t hash[32];
    if (beacon.size != SOTTO_LAN_BEACON_SIZE || sotto_be16(beacon.data + PORT_AT) == 0) return SOTTO_ERR_LAN_FORM;
    if (!sotto_all_zero(beacon.data + ZERO_AT, SOTTO_LAN_BEACON_SIZE - ZERO_AT)) return SOTTO_ERR_LAN_FORM;
    SOTTO_TH(hash, "sotto/lan", sotto_span(beacon.data, SOTTO_LAN_SALT), SOTTO_SPAN(secret->b));
    bool same = sotto_equal_ct(hash, beacon.data + HASH_AT, sizeof hash);
    SOTTO_WIPE(hash);
    if (!same) return SOTTO_ERR_LAN_SECRET;
    memcpy(salt, beacon.data, SOTTO_LAN_SALT);
    *port = sotto_be16(beacon.data + PORT_AT);
    return SOTTO_OK;
}

static void answer_key(struct sotto_secret *out, const uint8_t salt[SOTTO_LAN_SALT], const struct sotto_secret *secret)
{
    SOTTO_TH(out->b, "sotto/lan/answer", sotto_span(salt, SOTTO_LAN_SALT), SOTTO_SPAN(secret->b));
}

void sotto_lan_answer_write(uint8_t out[SOTTO_LAN_ANSWER_SIZE], const struct sotto_lan_claim *claim, const uint8_t salt[SOTTO_LAN_SALT],
                            const struct sotto_secret *secret, const uint8_t nonce[NONCE])
{
    struct sotto_secret key;
    uint8_t plain[CLAIM];
    memcpy(plain, claim->key, 64);
    sotto_put_be16(plain + 64, claim->tcp);
    memcpy(out, nonce, NONCE);
    answer_key(&key, salt, secret);
    enum sotto_err err = sotto_xchacha_seal(out + NONCE, &key, nonce, sotto_span(NULL, 0), SOTTO_SPAN(plain));
    SOTTO_WIPE(key);
    SOTTO_ASSERT(err == SOTTO_OK);
}

enum sotto_err sotto_lan_answer_read(struct sotto_lan_claim *out, struct sotto_span answer, const uint8_t salt[SOTTO_LAN_SALT], const struct sotto_secret *secret)
{
    struct sotto_secret key;
    struct sotto_point point;
    uint8_t plain[CLAIM];
    if (answer.size != SOTTO_LAN_ANSWER_SIZE) return SOTTO_ERR_LAN_FORM;
    answer_key(&key, salt, secret);
    enum sotto_err err = sotto_xchacha_open(plain, &key, answer.data, sotto_span(NULL, 0), sotto_span_cut(answer, NONCE, CLAIM + SOTTO_TAG_SIZE));
    SOTTO_WIPE(key);
    if (err != SOTTO_OK) return SOTTO_ERR_LAN_SECRET;
    if (sotto_be16(plain + 64) == 0 || sotto_point_from64(&point, plain) != SOTTO_OK) return SOTTO_ERR_LAN_FORM;
    memcpy(out->key, plain, 64);
    out->tcp = sotto_be16(plain + 64);
    return SOTTO_OK;
}

/* ---- one node ---- */

struct place { struct sotto_enode node; uint64_t heard_us; };

struct sotto_lan {
    struct sotto_secret *secret;          /* guarded */
    struct sotto_lan_claim self;
    uint16_t udp;
    enum sotto_disc_class near;           /* addresses of our own network */
    struct sotto_rng *rng;
    uint8_t salt[SOTTO_LAN_SALT];         /* of our newest beacon */
    bool asked;                           /* there is one */
    uint64_t next_us, asked_us;
    unsigned taken;                       /* for answers to it */
    uint8_t heard[SOTTO_LAN_HEARD_MAX][SOTTO_LAN_SALT];
    unsigned heard_count, heard_next;
    uint64_t second_us;                   /* when the running second began */
    unsigned in_second;
    struct place places[SOTTO_LAN_NODES_MAX];
    unsigned place_count;
    struct sotto_lan_stats stats;
};

enum sotto_err sotto_lan_new(struct sotto_lan **out, const struct sotto_lan_config *config, struct sotto_now now)
{
    SOTTO_ASSERT(config->udp != 0);
    struct sotto_lan *l = calloc(1, sizeof *l);
    if (!l) return SOTTO_ERR_NOMEM;
    l->secret = sotto_guard_new(sizeof *l->secret, NULL);
    if (!l->secret) {
        free(l);
        return SOTTO_ERR_NOMEM;
    }
    *l->secret = config->secret;
    l->self = config->self;
    l->udp = config->udp;
    l->near = config->local ? SOTTO_DISC_LOOPBACK : SOTTO_DISC_LAN;
    l->rng = config->rng;
    l->next_us = l->second_us = now.mono_us;
    *out = l;
    return SOTTO_OK;
}

void sotto_lan_free(struct sotto_lan *l)
{
    if (!l) return;
    sotto_guard_free(l->secret);
    free(l);
}

bool sotto_lan_tick(struct sotto_lan *l, uint8_t out[SOTTO_LAN_BEACON_SIZE], struct sotto_now now)
{
    if (now.mono_us < l->next_us) return false;
    sotto_rng_fill(l->rng, l->salt, sizeof l->salt);
    l->asked = true;
    l->asked_us = now.mono_us;
    l->next_us = now.mono_us + SOTTO_LAN_PERIOD_US - SOTTO_LAN_SPREAD_US + sotto_rng_below(l->rng, 2 * SOTTO_LAN_SPREAD_US + 1);
    l->taken = 0;
    l->stats.sent++;
    sotto_lan_beacon_write(out, l->salt, l->secret, l->udp);
    return true;
}

uint64_t sotto_lan_deadline(const struct sotto_lan *l) { return l->next_us; }

static bool was_heard(const struct sotto_lan *l, const uint8_t salt[SOTTO_LAN_SALT])
{
    if (l->asked && memcmp(l->salt, salt, SOTTO_LAN_SALT) == 0) return true;              /* our own, come back */
    for (unsigned i = 0; i < l->heard_count; i++)
        if (memcmp(l->heard[i], salt, SOTTO_LAN_SALT) == 0) return true;
    return false;
}

static bool rate_has(struct sotto_lan *l, struct sotto_now now)
{
    if (now.mono_us - l->second_us >= SECOND_US) {
        l->second_us = now.mono_us;
        l->in_second = 0;
    }
    return l->in_second < SOTTO_LAN_RATE;
}

bool sotto_lan_heard(struct sotto_lan *l, uint8_t out[SOTTO_LAN_ANSWER_SIZE], struct sotto_addr *to, const struct sotto_addr *from, struct sotto_span bytes,
                     struct sotto_now now)
{
    uint8_t salt[SOTTO_LAN_SALT], nonce[NONCE];
    uint16_t port;
    if (sotto_disc_class(from) != l->near || sotto_lan_beacon_read(salt, &port, bytes, l->secret) != SOTTO_OK) {
        l->stats.strangers++;
        return false;
    }
    l->stats.beacons++;
    if (l->self.tcp == 0 || port < SOTTO_LAN_PORT_MIN || was_heard(l, salt) || !rate_has(l, now)) {
        l->stats.held++;
        return false;
    }
    memcpy(l->heard[l->heard_next], salt, SOTTO_LAN_SALT);
    l->heard_next = (l->heard_next + 1) % SOTTO_LAN_HEARD_MAX;
    if (l->heard_count < SOTTO_LAN_HEARD_MAX) l->heard_count++;
    l->in_second++;
    l->stats.answered++;
    sotto_rng_fill(l->rng, nonce, sizeof nonce);
    sotto_lan_answer_write(out, &l->self, salt, l->secret, nonce);
    *to = *from;
    to->port = port;
    return true;
}

static struct place *place_of(struct sotto_lan *l, const uint8_t key[64])
{
    for (unsigned i = 0; i < l->place_count; i++)
        if (memcmp(l->places[i].node.key, key, 64) == 0) return &l->places[i];
    return NULL;
}

bool sotto_lan_answer(struct sotto_lan *l, struct sotto_enode *out, const struct sotto_addr *from, struct sotto_span bytes, struct sotto_now now)
{
    struct sotto_lan_claim claim;
    if (!l->asked || now.mono_us - l->asked_us > SOTTO_LAN_LISTEN_US || l->taken == SOTTO_LAN_ANSWERS_MAX || sotto_disc_class(from) != l->near) {
        l->stats.strangers++;
        return false;
    }
    l->taken++;
    if (sotto_lan_answer_read(&claim, bytes, l->salt, l->secret) != SOTTO_OK || memcmp(claim.key, l->self.key, 64) == 0) {
        l->stats.strangers++;
        return false;
    }
    l->stats.answers++;
    struct place *p = place_of(l, claim.key);
    if (p && p->node.addr.port == claim.tcp && p->node.addr.family == from->family && memcmp(p->node.addr.ip, from->ip, sizeof from->ip) == 0)
        p->heard_us = now.mono_us;
    if (p || l->place_count == SOTTO_LAN_NODES_MAX) return false;
    p = &l->places[l->place_count++];
    *p = (struct place){ .node = { .addr = *from, .udp = claim.tcp }, .heard_us = now.mono_us };
    p->node.addr.port = claim.tcp;
    memcpy(p->node.key, claim.key, 64);
    *out = p->node;
    return true;
}

bool sotto_lan_stale(struct sotto_lan *l, uint8_t key[64], struct sotto_now now)
{
    for (unsigned i = 0; i < l->place_count; i++) {
        if (now.mono_us - l->places[i].heard_us < SOTTO_LAN_STALE_US) continue;
        l->places[i].heard_us = now.mono_us;
        memcpy(key, l->places[i].node.key, 64);
        return true;
    }
    return false;
}

void sotto_lan_forget(struct sotto_lan *l, const uint8_t key[64])
{
    struct place *p = place_of(l, key);
    if (p) *p = l->places[--l->place_count];
}

bool sotto_lan_at(const struct sotto_lan *l, unsigned index, struct sotto_enode *out)
{
    if (index >= l->place_count) return false;
    *out = l->places[index].node;
    return true;
}

const struct sotto_lan_stats *sotto_lan_stats(const struct sotto_lan *l) { return &l->stats; }
