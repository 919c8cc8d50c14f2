/* A p2p host that only writes down what the capability asks of it, so that a test can hand it any packet at any time. */
#ifndef SOTTO_WHISPER_TEST_FAKE_HOST_H
#define SOTTO_WHISPER_TEST_FAKE_HOST_H

#include "crypto/rng.h"
#include "whisper/shh.h"

#define FAKE_PEERS 64u
#define FAKE_SENT_MAX 4096u
#define FAKE_ARRIVALS_MAX 16384u

struct fake_packet { uint32_t peer; unsigned code; struct sotto_buf payload; };
struct fake_peer {
    bool up, inbound, closed;
    enum sotto_reason reason;
    int score;
    uint64_t paused_until_us;
    size_t backlog;
    enum sotto_err send;                          /* what the next sends return */
};
struct sotto_host {
    struct fake_peer peers[FAKE_PEERS];
    struct fake_packet sent[FAKE_SENT_MAX];
    unsigned sent_count;
    const struct sotto_capability *capability;
    bool gathers;
    bool deaf;                                    /* keep no packets (fuzzing) */
};

/* One capability with its pool on a clock of its own. */
struct fake {
    struct sotto_chacha_rng rng;
    struct sotto_host host;
    struct sotto_pool *pool;
    struct sotto_shh *shh;
    struct sotto_outq out;
    struct sotto_now now;
    unsigned first_hops, directs;                 /* calls of first_hop, and of direct */
    unsigned arrived;                             /* good new ones, and the pool as it was then */
    struct { bool kept; uint8_t topic; uint32_t count; } arrivals[FAKE_ARRIVALS_MAX];
};
void fake_init(struct fake *f, uint64_t seed, const struct sotto_pool_config *pool);     /* pool: NULL = defaults */
void fake_init_catch_up(struct fake *f, uint64_t seed, const struct sotto_pool_config *pool, uint32_t inbound, uint32_t outbound);
void fake_init_batch(struct fake *f, uint64_t seed, const struct sotto_pool_config *pool, uint32_t inbound, uint32_t outbound, uint32_t batch);
void fake_init_own(struct fake *f, uint64_t seed, const struct sotto_pool_config *pool, struct sotto_shh_config shh);
void fake_init_rate(struct fake *f, uint64_t seed, const struct sotto_pool_config *pool, uint32_t rate);
void fake_init_gather(struct fake *f, uint64_t seed, const struct sotto_pool_config *pool, uint64_t gather_us);
void fake_free(struct fake *f);
void fake_up(struct fake *f, uint32_t peer, bool inbound);
void fake_down(struct fake *f, uint32_t peer);
void fake_message(struct fake *f, uint32_t peer, unsigned code, struct sotto_span payload);
void fake_ready(struct fake *f, uint32_t peer, bool inbound);                            /* up and the default Status */
void fake_pass(struct fake *f, uint64_t us);                                             /* to each deadline on the way */
void fake_forget(struct fake *f);                                                        /* empties what was sent and the marks */
const struct fake_packet *fake_last(const struct fake *f, uint32_t peer, unsigned code); /* NULL: none */
uint32_t fake_now_s(const struct fake *f);

/* An envelope with work: appended to out. */
struct fake_envelope { uint32_t expiry, ttl, data_size; uint8_t topic[4], fill; unsigned bits; };
void fake_seal(struct sotto_buf *out, const struct fake_envelope *e);
void fake_list(struct sotto_buf *out, struct sotto_span items);                          /* items with a list head */

#endif
