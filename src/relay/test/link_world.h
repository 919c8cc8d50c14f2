/* Two ends of a link for tests: whole machines on a wire that the test holds, and an end of the test's own that can break every rule. */
#ifndef SOTTO_RELAY_TEST_LINK_WORLD_H
#define SOTTO_RELAY_TEST_LINK_WORLD_H

#include "crypto/hash.h"
#include "crypto/rng.h"
#include "relay/link.h"
#include "relay/link_keys.h"
#include "support/test.h"

/* ---- payloads on their way, first in first out ---- */

struct frames { struct sotto_buf bytes; size_t at, count; };      /* code(1) || size(4) || payload */
static inline void frames_add(struct frames *f, unsigned code, struct sotto_span payload)
{
    assert_int_equal(sotto_buf_add_u8(&f->bytes, (uint8_t)code), SOTTO_OK);
    assert_int_equal(sotto_buf_add_u32(&f->bytes, (uint32_t)payload.size), SOTTO_OK);
    assert_int_equal(sotto_buf_add_span(&f->bytes, payload), SOTTO_OK);
    f->count++;
}
/* Borrowed until the next frames_add. */
static inline bool frames_next(struct frames *f, unsigned *code, struct sotto_span *payload)
{
    if (f->count == 0) return false;
    const uint8_t *at = f->bytes.data + f->at;
    *code = at[0];
    *payload = sotto_span(at + 5, sotto_be32(at + 1));
    f->at += 5 + payload->size;
    f->count--;
    return true;
}
static inline void frames_tidy(struct frames *f)
{
    if (f->count == 0) f->at = f->bytes.size = 0;
    else if (f->at > (1u << 20)) {
        sotto_buf_drop(&f->bytes, f->at);
        f->at = 0;
    }
}

/* ---- one end ---- */

struct node {
    struct sotto_scalar key;
    struct sotto_point pub;
    struct sotto_rl *link;
    struct sotto_rl_budget budget;
    struct sotto_chacha_rng rng;
    struct frames sent;                   /* what left and has not arrived */
    struct sotto_now now;
    uint64_t paused_us;
    unsigned ups, ends, pauses;
    enum sotto_err end;
    size_t sizes[2];                      /* payloads of cells, by class: no other length is ever seen */
    void (*got)(struct node *n, const struct sotto_rl_message *m);
    struct node *peer;
    unsigned messages;
    uint8_t last_code;
};

static inline void node_frame(void *owner, unsigned code, struct sotto_span payload)
{
    struct node *n = owner;
    assert_true(n->ends == 0);
    if (code == SOTTO_RL_STATUS) assert_int_equal(payload.size, SOTTO_RL_STATUS_SIZE);
    else {
        assert_int_equal(code, SOTTO_RL_CELL);
        assert_true(payload.size == 259 || payload.size == 1155);
        n->sizes[payload.size == 1155]++;
    }
    frames_add(&n->sent, code, payload);
}
static inline void node_up(void *owner)
{
    struct node *n = owner;
    assert_int_equal(n->messages, 0);
    n->ups++;
}
static inline void node_message(void *owner, const struct sotto_rl_message *m)
{
    struct node *n = owner;
    assert_true(n->ups == 1 && n->ends == 0 && m->body->code == m->code && m->bytes.size > 0 && m->channel == sotto_rl_channel(m->code));
    n->messages++;
    n->last_code = m->code;
    if (n->got) n->got(n, m);
}
static inline void node_pause(void *owner, uint64_t until_us)
{
    struct node *n = owner;
    n->pauses++;
    n->paused_us = until_us;
}
static inline void node_ended(void *owner, enum sotto_err err)
{
    struct node *n = owner;
    n->ends++;
    n->end = err;
}

static inline void node_key(struct node *n, uint64_t seed, const char *name)
{
    memset(n, 0, sizeof *n);
    sotto_rng_from_seed(&n->rng, seed, name);
    sotto_scalar_random(&n->key, &n->rng.rng);
    assert_int_equal(sotto_point_make(&n->pub, &n->key), SOTTO_OK);
    n->sent.bytes = sotto_buf_make(64u << 20);
    n->budget.max = SOTTO_RL_BUDGET_MAX;
    n->now = (struct sotto_now){ 1000000, UINT64_C(1767225600000) };
}
static inline struct sotto_rl_options node_options(void)
{
    struct sotto_rl_options o = sotto_rl_options();
    o.has = SOTTO_RL_HAS(1);
    o.roles = SOTTO_RL_FLOOD | SOTTO_RL_STEM;
    return o;
}
static inline void node_link(struct node *n, struct node *peer, bool dialled, bool paced, const struct sotto_rl_options *options)
{
    const struct sotto_rl_config c = { .dialled = dialled, .paced = paced, .key = &n->key, .own_pub = n->pub, .peer_pub = peer->pub, .options = *options,
                                       .budget = &n->budget, .rng = &n->rng.rng,
                                       .sink = { n, node_frame, node_up, node_message, node_pause, node_ended } };
    n->peer = peer;
    assert_int_equal(sotto_rl_new(&n->link, &c, n->now), SOTTO_OK);
    sotto_rl_room(n->link, SIZE_MAX);
    sotto_rl_begin(n->link, n->now);
}
static inline void node_end(struct node *n)
{
    sotto_rl_free(n->link);
    sotto_buf_free(&n->sent.bytes);
    assert_int_equal(n->budget.used, 0);
}
/* One payload from `from` reaches `to`. */
static inline bool node_carry(struct node *from, struct node *to)
{
    unsigned code;
    struct sotto_span payload;
    uint8_t copy[SOTTO_RL_PAYLOAD_MAX];
    if (!frames_next(&from->sent, &code, &payload)) return false;
    assert_true(payload.size <= sizeof copy);
    memcpy(copy, payload.data, payload.size);
    frames_tidy(&from->sent);
    sotto_rl_frame(to->link, code, sotto_span(copy, payload.size), to->now);
    return true;
}
static inline enum sotto_rl_state node_state(const struct node *n)
{
    struct sotto_rl_info info;
    sotto_rl_info(n->link, &info);
    return info.state;
}

/* ---- an end that obeys nobody: the test seals what it likes ---- */

struct stranger {
    struct node *victim;
    struct sotto_scalar key, fresh;
    struct sotto_point pub, fresh_pub;
    struct sotto_rl_status status;
    uint8_t own[SOTTO_RL_STATUS_SIZE];
    struct sotto_rl_lane out;
};
/* A victim in OPENING whose STATUS is on the wire; the stranger dialled. */
static inline void stranger_begin(struct stranger *s, struct node *victim, uint64_t seed, const struct sotto_rl_options *options)
{
    struct node other;
    const struct sotto_rl_options o = node_options();
    node_key(&other, seed, "stranger");
    node_key(victim, seed, "victim");
    s->victim = victim;
    s->key = other.key;
    s->pub = other.pub;
    sotto_scalar_random(&s->fresh, &other.rng.rng);
    assert_int_equal(sotto_point_make(&s->fresh_pub, &s->fresh), SOTTO_OK);
    s->status = (struct sotto_rl_status){ .fresh = s->fresh_pub, .nonce = { 7 }, .options = o };
    assert_int_equal(sotto_rl_status_write(s->own, &s->status, NULL, 0), SOTTO_OK);
    node_link(victim, &other, false, false, options ? options : &o);
}
static inline void stranger_says(struct stranger *s, unsigned code, struct sotto_span payload) { sotto_rl_frame(s->victim->link, code, payload, s->victim->now); }
/* Its STATUS, and the keys of what it is going to seal. */
static inline void stranger_status(struct stranger *s)
{
    unsigned code;
    struct sotto_span theirs;
    struct sotto_rl_status read;
    struct sotto_rl_keys keys;
    assert_true(frames_next(&s->victim->sent, &code, &theirs) && code == SOTTO_RL_STATUS);
    assert_int_equal(sotto_rl_status_read(&read, theirs, &s->fresh_pub), SOTTO_OK);
    const struct sotto_rl_side side = { .dialled = true, .own = &s->key, .fresh = &s->fresh, .own_pub = s->pub, .peer_pub = s->victim->pub,
                                        .peer_fresh = read.fresh, .own_status = SOTTO_SPAN(s->own), .peer_status = theirs };
    assert_int_equal(sotto_rl_keys(&keys, &side), SOTTO_OK);
    sotto_rl_keys_lane(&s->out, &keys, SOTTO_RL_IR);
    stranger_says(s, SOTTO_RL_STATUS, SOTTO_SPAN(s->own));
}
/* A cell that begins with these bytes; an end mark behind them unless they fill it, or raw. */
static inline void stranger_cell(struct stranger *s, enum sotto_rl_class c, const void *text, size_t size, bool raw)
{
    uint8_t plain[SOTTO_RL_PLAIN_L] = { 0 }, payload[SOTTO_RL_PAYLOAD_MAX];
    size_t n;
    assert_true(size <= sotto_rl_plain(c));
    memcpy(plain, text, size);
    if (size < sotto_rl_plain(c) && !raw) plain[size] = SOTTO_RL_END_MARK;
    assert_int_equal(sotto_rl_seal(&s->out, payload, &n, c, plain), SOTTO_OK);
    stranger_says(s, SOTTO_RL_CELL, sotto_span(payload, n));
}
static inline void stranger_ready(struct stranger *s) { stranger_cell(s, SOTTO_RL_S, "\x02\x40\x00\x02\xc1\x03", 6, false); }

#endif
