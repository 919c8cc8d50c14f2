/* What a peer brings: Messages packets, judged, paid for and pooled. */
#include "base/plant.h"
#include "whisper/shh_peer.h"
#include "wire/rlp.h"

#define PERMILLION 1000000u

/* One envelope of a batch, with what judging it asks for. */
struct arrival {
    struct sotto_span rlp;
    struct sotto_envelope e;
    enum sotto_err times;                         /* of the rules that need no hash */
    uint32_t late_s;
    struct sotto_envelope_digest digest;          /* only if times is OK, as what follows */
    bool same;                                    /* it was in the pool when the batch was hashed, under this index */
    uint64_t index, sample;
};
/* The next envelopes of what is read; the first of them are decoded already. */
struct batch { struct arrival at[SOTTO_ENVELOPE_BATCH]; uint32_t decoded; };

/* Reads every envelope of the packet before any of it counts (whisper-v6.md 4). items = what is inside the list; the first batch of it
 * is left decoded. */
static enum sotto_err read_packet(struct sotto_span *items, uint32_t *count, struct batch *b, struct sotto_span payload)
{
    struct sotto_rlp top = sotto_rlp(payload), list;
    SOTTO_TRY(sotto_rlp_list(&top, &list));       /* bytes after it are ignored */
    struct sotto_span all = sotto_rlp_rest(&list);
    uint32_t n = 0;
    b->decoded = 0;
    while (sotto_rlp_more(&list)) {
        struct arrival beyond, *a = n < SOTTO_ENVELOPE_BATCH ? &b->at[b->decoded++] : &beyond;
        SOTTO_TRY(sotto_rlp_raw(&list, &a->rlp));
        SOTTO_TRY(sotto_envelope_decode(&a->e, a->rlp));
        n++;
    }
    *items = all;
    *count = n;
    return SOTTO_OK;
}

struct sotto_rules sotto_shh_rules(const struct sotto_shh *s, struct sotto_now now)
{
    bool floor_grace = now.mono_us < s->floor_us + SOTTO_CHANGE_GRACE_US;
    bool filter_grace = s->filter_us && now.mono_us < s->filter_us + SOTTO_CHANGE_GRACE_US;
    return (struct sotto_rules){
        .now_ahead = sotto_shh_now_ahead(s, now), .now_behind = sotto_shh_now_behind(s, now),
        .floor = s->floor, .floor_before = floor_grace ? s->floor_before : s->floor, .size_max = s->size_max,
        .filter = s->filtered ? &s->filter : NULL,
        .filter_before = !filter_grace ? &s->filter : s->filtered_before ? &s->filter_before : NULL,
    };
}

/* An envelope out of step in time costs the peer nothing but patience (network.md 1 and 5). */
static void time_error(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now)
{
    if (now.mono_us - p->time_errors_since_us >= SOTTO_SHH_TIME_ERRORS_US) {
        p->time_errors_since_us = now.mono_us;
        p->time_errors = 0;
    }
    if (++p->time_errors <= SOTTO_SHH_TIME_ERRORS_MAX) return;
    p->time_errors = 0;
    sotto_host_pause(s->host, p->conn, now.mono_us + SOTTO_SHH_TIME_REST_US, s->out);
}

static uint32_t remember_until(uint32_t expiry)
{
    return expiry > UINT32_MAX - SOTTO_POOL_REMEMBER_S ? UINT32_MAX : expiry + SOTTO_POOL_REMEMBER_S;
}

/* Decodes up to max more envelopes. */
static void batch_decode(struct batch *b, struct sotto_rlp items, uint32_t max)
{
    for (b->decoded = 0; b->decoded < max && sotto_rlp_more(&items); b->decoded++) {
        struct arrival *a = &b->at[b->decoded];
        enum sotto_err err = sotto_rlp_raw(&items, &a->rlp);
        if (err == SOTTO_OK) err = sotto_envelope_decode(&a->e, a->rlp);
        SOTTO_ASSERT(err == SOTTO_OK);            /* the packet was read before */
    }
}

/* Hashes the first count of a batch side by side. All of this depends on their bytes alone, so it may be done before any of them counts;
 * those that are in the pool already need no hash. */
static void batch_hash(struct batch *b, const struct sotto_pool *pool, const struct shh_peer *p, uint32_t count, const struct sotto_rules *rules)
{
    struct sotto_envelope_in in[SOTTO_ENVELOPE_BATCH];
    size_t unknown = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct arrival *a = &b->at[i];
        a->times = sotto_rules_before_work(&a->late_s, &a->e, rules);
        if (a->times != SOTTO_OK) continue;
        a->sample = sotto_pool_sample(pool, a->rlp);
        sotto_pool_expect_same(pool, a->sample);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct arrival *a = &b->at[i];
        if (a->times != SOTTO_OK) continue;
        const struct sotto_pool_entry *same = sotto_pool_same(pool, a->rlp, a->sample);
        a->same = same;
        if (same) {
            memcpy(a->digest.hash, same->hash, sizeof a->digest.hash);
            a->digest.zeros = same->zeros;
            a->index = same->index;
        } else {
            in[unknown++] = (struct sotto_envelope_in){ &a->e, a->rlp, &a->digest };
        }
    }
    if (unknown) sotto_envelope_digests(in, unknown);
    for (uint32_t i = 0; i < count; i++) {
        struct arrival *a = &b->at[i];
        if (a->times != SOTTO_OK) continue;
        if (!a->same) a->index = sotto_pool_index(pool, a->digest.hash);
        sotto_pool_expect_add(pool, a->index);
        sotto_ids_expect(&p->known, a->index);
    }
}

struct news_of { bool quick, slow; };             /* what came in for others */

/* Into the pool in the name of source; the pool's answer. */
static enum sotto_err keep(struct sotto_shh *s, const struct arrival *a, double rating, struct sotto_pool_source source, struct news_of *news, struct sotto_now now)
{
    struct sotto_pool_id id = { a->digest.hash, a->index };
    const struct sotto_pool_entry *entry;
    enum sotto_err err = sotto_pool_add(s->config.pool, &entry, &a->e, a->rlp, id, rating, source);
    if (err == SOTTO_OK) {
        sotto_pool_show(s->config.pool, entry, a->sample, a->digest.zeros);
        s->stats.accepted++;
        if (shh_is_quick(s, entry)) news->quick = true;
        else news->slow = true;
        if (s->config.arrived) s->config.arrived(s->config.owner, &a->e, true, now);
    } else if (err == SOTTO_ERR_ENV_DUPLICATE) {
        s->stats.duplicate++;
        shh_heard(s, id.hash, now);
    } else {
        s->stats.quota++;                         /* its share is used up, or the pool is full of better ones, or memory is out */
        if (s->config.arrived) s->config.arrived(s->config.owner, &a->e, false, now);
    }
    return err;
}

static struct sotto_pool_source source_of(bool inbound, uint64_t name) { return (struct sotto_pool_source){ inbound ? SOTTO_FROM_INBOUND : SOTTO_FROM_OUTBOUND, name }; }

static void tell_all(struct sotto_shh *s, const struct news_of *news, struct sotto_now now)
{
    for (unsigned i = 0; i < s->peer_count; i++) {
        if (news->slow) shh_flush_soon(s, s->peers[i], now);
        if (news->quick) shh_quick_soon(s, s->peers[i], now);
    }
}

static void count_refused(struct sotto_shh *s, enum sotto_err err)
{
    if (err == SOTTO_ERR_ENV_FUTURE) s->stats.future++;
    else if (err == SOTTO_ERR_ENV_OLD) s->stats.expired++;
    else if (err == SOTTO_ERR_ENV_TTL) s->stats.ttl++;
    else if (err == SOTTO_ERR_ENV_SIZE) s->stats.size++;
    else if (err == SOTTO_ERR_ENV_BLOOM) s->stats.bloom++;
    else s->stats.low_work++;
}

/* One envelope. Returns false when the peer is to be cut off for it. */
static bool take_one(struct sotto_shh *s, struct shh_peer *p, const struct arrival *a, const struct sotto_rules *rules, struct news_of *news, struct sotto_now now)
{
    double rating;
    if (!p->inbound) sotto_clock_count(&p->clock, sotto_envelope_sent(&a->e), a->e.expiry, shh_now_s(now), now.mono_us);
    enum sotto_err err = a->times;
    if (err == SOTTO_OK) err = sotto_rules_work(&rating, &a->e, a->digest.zeros, a->late_s, rules);
    if (err == SOTTO_OK) {
        if (!SOTTO_PLANTED(ECHO_TO_SENDER)) sotto_ids_add(&p->known, a->digest.hash, a->index, remember_until(a->e.expiry));
        (void)!keep(s, a, rating, source_of(p->inbound, p->name), news, now);
        return true;
    }
    count_refused(s, err);
    bool late = err == SOTTO_ERR_ENV_FUTURE || err == SOTTO_ERR_ENV_OLD;
    if (late) time_error(s, p, now);
    return late || err == SOTTO_ERR_ENV_TTL;
}

enum sotto_err sotto_shh_take_other(struct sotto_shh *s, uint8_t hash[32], uint32_t conn, const struct sotto_envelope *e, struct sotto_span rlp, struct sotto_now now)
{
    struct shh_peer *p = shh_find(s, conn);
    struct sotto_peer_info info;
    struct sotto_rules rules = sotto_shh_rules(s, now);
    struct arrival a = { .rlp = rlp, .e = *e };
    struct sotto_envelope_in in = { &a.e, rlp, &a.digest };
    struct news_of news = { 0 };
    double rating;
    rules.filter = rules.filter_before = NULL;
    bool there = sotto_host_peer(s->host, conn, &info);
    SOTTO_ASSERT(there);
    if (p && !p->inbound) sotto_clock_count(&p->clock, sotto_envelope_sent(e), e->expiry, shh_now_s(now), now.mono_us);
    sotto_envelope_digests(&in, 1);
    memcpy(hash, a.digest.hash, sizeof a.digest.hash);
    enum sotto_err err = sotto_rules_before_work(&a.late_s, e, &rules);
    if (err == SOTTO_OK) err = sotto_rules_work(&rating, e, a.digest.zeros, a.late_s, &rules);
    if (err != SOTTO_OK) {
        count_refused(s, err);
        return err;
    }
    a.index = sotto_pool_index(s->config.pool, hash);
    a.sample = sotto_pool_sample(s->config.pool, rlp);
    if (p) sotto_ids_add(&p->known, hash, a.index, remember_until(e->expiry));
    err = keep(s, &a, rating, source_of(info.inbound, sotto_be64(info.key)), &news, now);
    tell_all(s, &news, now);
    return err;
}

static struct sotto_span after(struct sotto_rlp items, struct sotto_span item)
{
    const uint8_t *at = item.data + item.size;
    return sotto_span(at, (size_t)(items.end - at));
}

/* Takes envelopes from the front while there are tokens; items is what is left. Returns false for a breach in one of them. They are
 * hashed in batches and judged one by one, in order. */
static bool take_paid(struct sotto_shh *s, struct shh_peer *p, struct sotto_rlp *items, uint32_t *count, struct batch *b, struct sotto_now now)
{
    struct sotto_rules rules = sotto_shh_rules(s, now);
    struct news_of news = { 0 };
    bool good = true;
    for (;;) {
        uint64_t tokens = sotto_bucket_tokens(&p->take, now.mono_us);
        uint32_t max = tokens < s->config.batch ? (uint32_t)tokens : s->config.batch;
        if (b->decoded == 0) batch_decode(b, *items, max);
        uint32_t n = b->decoded < max ? b->decoded : max;
        if (n == 0) break;
        batch_hash(b, s->config.pool, p, n, &rules);
        for (uint32_t i = 0; i < n && !p->gone; i++) {
            bool paid = sotto_bucket_take(&p->take, 1, now.mono_us);
            SOTTO_ASSERT(paid);
            good = take_one(s, p, &b->at[i], &rules, &news, now) && good;
            *items = sotto_rlp(after(*items, b->at[i].rlp));
            --*count;
        }
        b->decoded = 0;                           /* what is left of them is read again when it is paid */
        if (p->gone) break;
    }
    tell_all(s, &news, now);
    return good;
}

void shh_take_end(struct sotto_shh *s, struct shh_peer *p)
{
    s->waiting_bytes -= p->waiting.size;
    sotto_buf_free(&p->waiting);
    p->waiting_count = 0;
    p->waiting_until_us = NONE;
}

/* What could not be paid is dropped; the third time in five minutes ends it. */
static void drop_unpaid(struct sotto_shh *s, struct shh_peer *p, uint32_t count, struct sotto_now now)
{
    s->stats.quota += count;
    bool again = p->drop_us[SOTTO_SHH_DROPS_MAX - 2] && now.mono_us + 1 - p->drop_us[SOTTO_SHH_DROPS_MAX - 2] < SOTTO_SHH_DROPS_US;
    memmove(p->drop_us + 1, p->drop_us, sizeof p->drop_us - sizeof p->drop_us[0]);
    p->drop_us[0] = now.mono_us + 1;
    if (again) shh_breach(s, p, SCORE_RATE, "shh-rate", now);
}

/* Back-pressure: the peer is not read until what waits can be paid, or is given up. */
static void rest(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now)
{
    uint64_t burst = p->take.burst_millionths / PERMILLION;
    uint32_t tokens = p->waiting_count < burst ? p->waiting_count : (uint32_t)burst;
    uint64_t until = now.mono_us + sotto_bucket_wait_us(&p->take, tokens, now.mono_us);
    sotto_host_pause(s->host, p->conn, until < p->waiting_until_us ? until : p->waiting_until_us, s->out);
}

static void wait_unpaid(struct sotto_shh *s, struct shh_peer *p, struct sotto_span items, uint32_t count, struct sotto_now now)
{
    bool room = s->waiting_bytes + items.size <= SOTTO_SHH_WAITING_MAX || p->waiting.size + items.size <= SOTTO_SHH_WAITING_OWN;
    if (!room || sotto_buf_add_span(&p->waiting, items) != SOTTO_OK) {
        drop_unpaid(s, p, count, now);
        return;
    }
    s->waiting_bytes += items.size;
    p->waiting_count += count;
    if (p->waiting_until_us == NONE) p->waiting_until_us = now.mono_us + SOTTO_SHH_WAIT_US;
    rest(s, p, now);
}

void shh_take_messages(struct sotto_shh *s, struct shh_peer *p, struct sotto_span payload, struct sotto_now now)
{
    struct sotto_span items;
    uint32_t count;
    struct batch b;
    if (read_packet(&items, &count, &b, payload) != SOTTO_OK) {
        s->stats.malformed++;
        shh_breach(s, p, SCORE_FORM, "shh-messages", now);
        return;
    }
    struct sotto_rlp left = sotto_rlp(items);
    if (items.size / SOTTO_SHH_CATCH_UP_BYTES > count) sotto_bucket_no_credit(&p->take);
    if (p->waiting_count == 0 && !take_paid(s, p, &left, &count, &b, now)) {
        shh_breach(s, p, SCORE_ENVELOPE, "shh-envelope", now);
        return;
    }
    if (!p->gone && sotto_rlp_more(&left)) wait_unpaid(s, p, sotto_rlp_rest(&left), count, now);
}

/* For us alone: no rule but the form, and it is paid like any other (geth has no such bound). */
void shh_take_direct(struct sotto_shh *s, struct shh_peer *p, struct sotto_span payload, struct sotto_now now)
{
    struct sotto_rlp top = sotto_rlp(payload);
    struct sotto_span rlp;
    struct sotto_envelope e;
    if (sotto_rlp_raw(&top, &rlp) != SOTTO_OK || sotto_envelope_decode(&e, rlp) != SOTTO_OK) {       /* bytes after it are ignored */
        s->stats.malformed++;
        shh_breach(s, p, SCORE_FORM, "shh-direct", now);
        return;
    }
    if (!sotto_bucket_take(&p->take, 1, now.mono_us)) {
        s->stats.quota++;
        return;
    }
    s->stats.direct++;
    if (s->config.direct) s->config.direct(s->config.owner, rlp, now);
}

void shh_take_waiting(struct sotto_shh *s, struct shh_peer *p, struct sotto_now now)
{
    struct sotto_rlp left = sotto_rlp(sotto_buf_span(&p->waiting));
    size_t before = p->waiting.size;
    uint32_t count = p->waiting_count;
    struct batch b;
    b.decoded = 0;
    bool good = take_paid(s, p, &left, &count, &b, now);
    size_t taken = before - sotto_rlp_rest(&left).size;
    bool over = sotto_rlp_more(&left) && now.mono_us >= p->waiting_until_us;
    if (!sotto_rlp_more(&left) || over || !good) {
        shh_take_end(s, p);
    } else {
        sotto_buf_drop(&p->waiting, taken);
        s->waiting_bytes -= taken;
        p->waiting_count = count;
    }
    if (!good) shh_breach(s, p, SCORE_ENVELOPE, "shh-envelope", now);
    else if (over) drop_unpaid(s, p, count, now);
}

/* A batch at a time: at most a second's worth, so that a long queue costs few wake-ups. */
uint64_t shh_take_deadline(const struct shh_peer *p)
{
    if (p->waiting_count == 0) return NONE;
    uint64_t batch = p->waiting_count < p->take.rate ? p->waiting_count : p->take.rate;
    uint64_t want = batch * PERMILLION, lack = want > p->take.level ? want - p->take.level : 0;
    uint64_t at = p->take.at_us + (lack + p->take.rate - 1) / p->take.rate;
    return at < p->waiting_until_us ? at : p->waiting_until_us;
}
