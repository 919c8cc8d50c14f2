#include "relay/flood.h"

#include "base/plant.h"
#include "whisper/bucket.h"
#include "whisper/ids.h"
#include "whisper/turns.h"

#include <stdlib.h>

#define NONE UINT64_MAX
#define SWEEP_US 60000000u
#define SERVE_AGAIN_US 20000u                     /* bodies wait for room: looked at again so soon, if nothing else wakes us */
#define QUEUE_HIGH (SOTTO_RL_QUEUE_1 / 2)         /* nothing new is announced to who has so much to read */
#define KNOWN_S 3600u                             /* an announced id says nothing of its expiry; a native envelope lives for half of it */
#define FORGOT_MAX 64u
#define SHORT_US 1000000u                         /* more to announce than may be: looked at again */
#define CATCH_UP_US 50000u                        /* ... and soon, while it is asked for */
#define DROPS_US 300000000u
#define SCORE_WORK 5
#define SCORE_STEM 2
#define SCORE_RATE 10
enum { NOTICES = 8, DROPS = 3, IDS_OF_CELL = (SOTTO_RL_PLAIN_S - SOTTO_RL_HEAD) / SOTTO_INV_ID };

struct member {
    uint32_t peer;
    bool inbound;
    bool leaf, feed, filtered;
    struct sotto_bloom bloom;                     /* of a leaf that chose to trust us */
    double floor;
    struct sotto_ids known;                       /* announced or brought by either side */
    uint64_t cursor, flush_us;                    /* as of shh_peer */
    struct sotto_bucket announce, window, inv, get;
    bool behind;                                  /* more is to be announced than could be */
    uint8_t ask[SOTTO_RL_IDS_MAX][SOTTO_INV_ID];  /* GET in the making */
    unsigned ask_count;
    uint8_t (*serve)[SOTTO_INV_ID];               /* ring of bodies to bring; NULL while there are none */
    unsigned serve_first, serve_count;
    uint64_t serve_us;
    uint64_t notice_us[NOTICES];                  /* not again before */
    uint64_t drop_us[DROPS];                      /* mono_us + 1 of the latest drops, 0 = none */
    uint32_t time_errors;
    uint64_t time_errors_since_us;
};

/* An own envelope that one neighbour was told of. */
struct offer { uint8_t hash[32]; uint32_t peer; uint64_t until_us; };

/* An announcer for whom there was no place. peer 0: none. */
struct late { uint8_t id[SOTTO_INV_ID]; uint32_t peer; };

struct sotto_flood {
    struct sotto_flood_config config;
    struct sotto_inv *inv;
    struct sotto_outq *out;
    struct sotto_now now;                         /* of the call in progress */
    struct member **members;
    unsigned count, cap;
    struct offer offers[SOTTO_FLOOD_OFFERS_MAX];
    unsigned offer_count;
    uint64_t unwanted_us;                         /* mono_us + 1 since which offers ended in vain, 0: none did */
    struct late late[SOTTO_FLOOD_LATE_MAX];       /* ring */
    unsigned late_next, late_count;
    uint8_t forgot[FORGOT_MAX][SOTTO_INV_ID];     /* since the last look */
    unsigned forgot_count;
    uint64_t sweep_us;
    struct sotto_flood_stats stats;
};

static struct member *find(const struct sotto_flood *f, uint32_t peer)
{
    for (unsigned i = 0; i < f->count; i++)
        if (f->members[i]->peer == peer) return f->members[i];
    return NULL;
}

/* Dialled by us, or pinned: that may change while it is connected. */
static bool first_hop(const struct sotto_flood *f, const struct member *m)
{
    struct sotto_peer_info info;
    return !m->inbound || (sotto_host_peer(f->config.host, m->peer, &info) && info.is_static);
}

static void flush_soon(struct sotto_flood *f, struct member *m)
{
    if (m->flush_us == NONE) m->flush_us = f->now.mono_us + sotto_rng_exp_us(f->config.rng, f->config.flush_mean_us);
}

static void flush_at(struct member *m, uint64_t at_us)
{
    if (m->flush_us > at_us) m->flush_us = at_us;
}

/* False: its queue is full; what was to be said is lost or comes later. */
static bool say(struct sotto_flood *f, const struct member *m, uint8_t code, struct sotto_span body)
{
    return sotto_links_send(f->config.links, m->peer, code, body, f->now) == SOTTO_OK;
}

static void say_numbers(struct sotto_flood *f, const struct member *m, uint8_t code, const uint64_t *values, size_t count)
{
    uint8_t bytes[32];
    struct sotto_buf b = { bytes, 0, sizeof bytes, sizeof bytes };
    enum sotto_err err = sotto_rl_body_numbers(&b, values, count);
    SOTTO_ASSERT(err == SOTTO_OK);
    (void)say(f, m, code, sotto_buf_span(&b));
}

static void notice(struct sotto_flood *f, struct member *m, enum sotto_rl_notice what, uint64_t arg)
{
    if (f->now.mono_us < m->notice_us[what]) return;
    m->notice_us[what] = f->now.mono_us + SOTTO_FLOOD_NOTICE_US;
    say_numbers(f, m, SOTTO_RL_NOTICE, (const uint64_t[]){ what, arg }, 2);
}

static void offend(struct sotto_flood *f, const struct member *m, int score, const char *what)
{
    sotto_host_offend(f->config.host, m->peer, score, what, f->now, f->out);
}

/* ---- asking: what relay/inv.h wants ---- */

static bool inv_known(void *owner, const uint8_t id[SOTTO_INV_ID])
{
    const struct sotto_flood *f = owner;
    return sotto_pool_knows_id(f->config.pool, id);
}

static void ask_now(struct sotto_flood *f, struct member *m)
{
    if (m->ask_count == 0) return;
    (void)say(f, m, SOTTO_RL_GET, sotto_span(m->ask[0], (size_t)m->ask_count * SOTTO_INV_ID));      /* lost: asked of the next one in two seconds */
    m->ask_count = 0;
}

static void inv_get(void *owner, uint32_t peer, const uint8_t id[SOTTO_INV_ID])
{
    struct sotto_flood *f = owner;
    struct member *m = find(f, peer);
    SOTTO_ASSERT(m);
    memcpy(m->ask[m->ask_count++], id, SOTTO_INV_ID);
    f->stats.asked++;
    if (m->ask_count == SOTTO_RL_IDS_MAX) ask_now(f, m);
}

static void inv_offend(void *owner, uint32_t peer, int score)
{
    struct sotto_flood *f = owner;
    const struct member *m = find(f, peer);
    if (m) offend(f, m, score, "inv");
}

static void inv_forgot(void *owner, const uint8_t id[SOTTO_INV_ID])
{
    struct sotto_flood *f = owner;
    if (f->forgot_count < FORGOT_MAX) memcpy(f->forgot[f->forgot_count++], id, SOTTO_INV_ID);
}

static bool among(const uint8_t (*ids)[SOTTO_INV_ID], unsigned count, const uint8_t id[SOTTO_INV_ID])
{
    uint64_t head = sotto_be64(id);
    for (unsigned i = 0; i < count; i++)
        if (sotto_be64(ids[i]) == head && memcmp(ids[i], id, SOTTO_INV_ID) == 0) return true;
    return false;
}

/* Those who came too late for what was forgotten have their turn, whom we dialled first. One pass for all that was forgotten together: whoever makes
 * much of it makes little work. */
static void ask_late(struct sotto_flood *f)
{
    uint8_t ids[FORGOT_MAX][SOTTO_INV_ID];
    unsigned count = f->forgot_count;
    memcpy(ids, f->forgot, sizeof ids);
    f->forgot_count = 0;
    for (unsigned pass = 0; pass < 2 && count && f->late_count; pass++) {
        for (unsigned i = 0; i < SOTTO_FLOOD_LATE_MAX; i++) {
            struct late *l = &f->late[i];
            if (l->peer == 0 || !among((const uint8_t (*)[SOTTO_INV_ID])ids, count, l->id)) continue;
            const struct member *m = find(f, l->peer);
            if (m && pass == 0 && !first_hop(f, m)) continue;
            if (m && !sotto_inv_announced(f->inv, l->peer, l->id, f->now)) continue;        /* the next time */
            l->peer = 0;
            f->late_count--;
        }
    }
}

static void note_late(struct sotto_flood *f, uint32_t peer, const uint8_t id[SOTTO_INV_ID])
{
    struct late *l = &f->late[f->late_next++ % SOTTO_FLOOD_LATE_MAX];
    f->late_count += l->peer == 0;
    memcpy(l->id, id, SOTTO_INV_ID);
    l->peer = peer;
}

/* ---- own envelopes ---- */

static struct offer *offer_of(struct sotto_flood *f, const uint8_t hash[32])
{
    for (unsigned i = 0; i < f->offer_count; i++)
        if (memcmp(f->offers[i].hash, hash, sizeof f->offers[i].hash) == 0) return &f->offers[i];
    return NULL;
}

static void offer_end(struct sotto_flood *f, struct offer *o) { *o = f->offers[--f->offer_count]; }

static bool may_offer(struct sotto_flood *f, const struct member *m, const struct sotto_pool_entry *e)
{
    if (SOTTO_PLANTED(FLOOD_OWN_TO_ALL)) return true;
    if (!first_hop(f, m) || sotto_shh_clock_off(f->config.shh)) return false;
    return f->offer_count < SOTTO_FLOOD_OFFERS_MAX && !offer_of(f, e->hash);
}

static void offer(struct sotto_flood *f, const struct member *m, const struct sotto_pool_entry *e)
{
    if (f->offer_count == SOTTO_FLOOD_OFFERS_MAX) return;         /* only with the planted bug */
    struct offer *o = &f->offers[f->offer_count++];
    memcpy(o->hash, e->hash, sizeof o->hash);
    o->peer = m->peer;
    o->until_us = f->now.mono_us + SOTTO_FLOOD_OFFER_US;
}

/* It has it: from now on the envelope is one like any other. */
static void released(struct sotto_flood *f, const struct sotto_pool_entry *e)
{
    struct offer *o = offer_of(f, e->hash);
    if (o) offer_end(f, o);
    f->unwanted_us = 0;
    sotto_pool_release(f->config.pool, e->hash);
    sotto_shh_news(f->config.shh, f->now);        /* those who speak shh/6 alone may have it, too */
    for (unsigned i = 0; i < f->count; i++) flush_soon(f, f->members[i]);
    f->config.first_hop(f->config.owner, e, f->now);
}

/* ---- serving ---- */

static size_t waiting(const struct sotto_flood *f, const struct member *m)
{
    struct sotto_rl_info info;
    return sotto_links_info(f->config.links, m->peer, &info) ? info.waiting[1] : SIZE_MAX;
}

static void know(const struct sotto_flood *f, struct member *m, const uint8_t *id, uint32_t until)
{
    sotto_ids_add(&m->known, id, sotto_pool_index(f->config.pool, id), until);
}

static bool bring(struct sotto_flood *f, struct member *m, const uint8_t id[SOTTO_INV_ID])
{
    const struct sotto_pool_entry *e = sotto_pool_find_id(f->config.pool, id);
    if (!e) {
        f->stats.missed++;
        return say(f, m, SOTTO_RL_MISS, sotto_span(id, SOTTO_INV_ID));
    }
    if (!say(f, m, SOTTO_RL_ENV, e->rlp)) return false;
    f->stats.served++;
    sotto_bucket_refund(&m->window, 1);           /* answered: another one may be announced */
    if (m->behind) flush_at(m, f->now.mono_us + CATCH_UP_US);
    if (e->held) released(f, e);
    return true;
}

static void serve(struct sotto_flood *f, struct member *m)
{
    while (m->serve_count > 0 && bring(f, m, m->serve[m->serve_first])) {
        m->serve_first = (m->serve_first + 1) % SOTTO_FLOOD_SERVE_MAX;
        m->serve_count--;
    }
    m->serve_us = m->serve_count ? f->now.mono_us + SERVE_AGAIN_US : NONE;
    if (m->serve_count) return;
    free(m->serve);
    m->serve = NULL;
    m->serve_first = 0;
}

/* What finds no place is never brought: they ask the next one in two seconds. */
static void serve_later(struct member *m, const uint8_t id[SOTTO_INV_ID])
{
    if (!m->serve) m->serve = malloc(SOTTO_FLOOD_SERVE_MAX * sizeof *m->serve);
    if (!m->serve || m->serve_count == SOTTO_FLOOD_SERVE_MAX) return;
    memcpy(m->serve[(m->serve_first + m->serve_count++) % SOTTO_FLOOD_SERVE_MAX], id, SOTTO_INV_ID);
}

/* ---- a flush ---- */

enum verdict { SETTLED, LATER, SEND };

static enum verdict judge(struct sotto_flood *f, const struct member *m, const struct sotto_pool_entry *e, bool whole)
{
    const struct sotto_shh *s = f->config.shh;
    if (e->data.size != SOTTO_NATIVE_DATA && !whole) return SETTLED;
    if (sotto_rules_too_late(e->expiry, sotto_shh_now_behind(s, f->now)) || e->rating < m->floor || (sotto_shh_is_light(s) && !e->own)) return SETTLED;
    if (m->filtered) {
        struct sotto_bloom sample;
        sotto_bloom_topic(&sample, e->topic);
        if (!sotto_bloom_match(&m->bloom, &sample)) return SETTLED;
    }
    if (sotto_ids_has(&m->known, e->hash, e->index) || e->quiet) return SETTLED;
    if (sotto_rules_too_early(e->sent, sotto_shh_now_ahead(s, f->now)) || (e->held && !may_offer(f, m, e))) return LATER;
    return SEND;
}

struct news { const struct sotto_pool_entry **slots; size_t count, cap; uint64_t left_seq, later_seq; };

static bool grow(struct news *n)
{
    if (n->count < n->cap) return true;
    size_t cap = n->cap ? n->cap * 2 : 64;
    const struct sotto_pool_entry **slots = realloc(n->slots, cap * sizeof *slots);
    if (!slots) return false;
    n->slots = slots;
    n->cap = cap;
    return true;
}

static void collect(struct sotto_flood *f, struct member *m, struct news *n)
{
    bool whole = !sotto_shh_is_peer(f->config.shh, m->peer);
    for (const struct sotto_pool_entry *e = sotto_pool_after(f->config.pool, m->cursor); e; e = sotto_pool_next(f->config.pool, e)) {
        enum verdict v = judge(f, m, e, whole);
        if (v == SEND && !grow(n)) v = LATER;
        if (v == SEND) n->slots[n->count++] = e;
        if (v == LATER && e->seq < n->later_seq) n->later_seq = e->seq;
    }
}

static int best_first(const void *a, const void *b)
{
    return sotto_pool_compare(*(const struct sotto_pool_entry *const *)a, *(const struct sotto_pool_entry *const *)b);
}

static uint32_t remember_until(uint32_t expiry) { return expiry > UINT32_MAX - SOTTO_POOL_REMEMBER_S ? UINT32_MAX : expiry + SOTTO_POOL_REMEMBER_S; }

static uint64_t may_announce(const struct sotto_flood *f, struct member *m)
{
    uint64_t pace = sotto_bucket_tokens(&m->announce, f->now.mono_us), window = sotto_bucket_tokens(&m->window, f->now.mono_us);
    return pace < window ? pace : window;
}

/* Up to 64 of them in one INV; to a leaf that feeds the bodies. Returns how many; 0: the link takes no more now. */
static size_t announce(struct sotto_flood *f, struct member *m, const struct sotto_pool_entry *const *slots, size_t count)
{
    uint8_t ids[SOTTO_RL_IDS_MAX][SOTTO_INV_ID];
    size_t n = 0, told = 0;
    if (waiting(f, m) > QUEUE_HIGH) return 0;
    for (; n < count && told < SOTTO_RL_IDS_MAX; n++) {
        const struct sotto_pool_entry *e = slots[n];
        if (may_announce(f, m) == 0 || (e->held && !may_offer(f, m, e))) break;      /* the places for offers may have filled up on the way */
        bool paid = sotto_bucket_take(&m->announce, 1, f->now.mono_us) && sotto_bucket_take(&m->window, 1, f->now.mono_us);
        SOTTO_ASSERT(paid);
        if (m->feed) {
            if (!say(f, m, SOTTO_RL_ENV, e->rlp)) break;
            f->stats.served++;
        } else if (sotto_inv_tell(f->inv, m->peer, e->hash)) {
            memcpy(ids[told++], e->hash, SOTTO_INV_ID);
        }
        sotto_ids_add(&m->known, e->hash, e->index, remember_until(e->expiry));
        if (!e->held) continue;
        if (m->feed) released(f, e);
        else offer(f, m, e);
    }
    f->stats.announced += told;
    if (told) (void)say(f, m, SOTTO_RL_INV, sotto_span(ids[0], told * SOTTO_INV_ID));      /* the queue had room for it */
    return n;
}

/* More than a small cell holds, and a little: that little waits for the next flush, when the other side may have told us of it, rather than have a cell of
 * its own. */
static void fill_cells(struct news *n)
{
    size_t rest = n->count % IDS_OF_CELL;
    if (n->count < IDS_OF_CELL || rest >= IDS_OF_CELL / 2) return;
    for (; rest > 0; rest--) {
        const struct sotto_pool_entry *e = n->slots[--n->count];
        if (e->seq < n->later_seq) n->later_seq = e->seq;
    }
}

static void flush(struct sotto_flood *f, struct member *m)
{
    struct news n = { .left_seq = NONE, .later_seq = NONE };
    uint64_t names[SOTTO_SHH_PEERS_MAX], latest = sotto_pool_seq(f->config.pool), tokens = may_announce(f, m);
    size_t at = 0, done;
    m->flush_us = NONE;
    collect(f, m, &n);
    if (n.count > tokens) sotto_turns(n.slots, &n.count, &n.left_seq, names, sotto_shh_names(f->config.shh, names), tokens);
    else if (n.count) qsort(n.slots, n.count, sizeof *n.slots, best_first);
    fill_cells(&n);
    while (at < n.count && (done = announce(f, m, n.slots + at, n.count - at)) > 0) at += done;
    for (; at < n.count; at++)
        if (n.slots[at]->seq < n.left_seq) n.left_seq = n.slots[at]->seq;
    free(n.slots);
    uint64_t first = n.left_seq < n.later_seq ? n.left_seq : n.later_seq;
    m->cursor = first == NONE ? latest : first - 1;
    m->behind = n.left_seq != NONE;
    if (first == NONE) return;
    flush_soon(f, m);
    if (m->behind && m->flush_us < f->now.mono_us + SHORT_US) m->flush_us = f->now.mono_us + SHORT_US;
}

/* ---- what comes ---- */

/* More than its rate: it is not read for a while, and what does not fit takes nothing and counts for nothing. */
static bool pays(struct sotto_flood *f, struct member *m, struct sotto_bucket *b, uint32_t count)
{
    uint64_t now_us = f->now.mono_us;
    if (sotto_bucket_take(b, count, now_us)) return true;
    sotto_host_pause(f->config.host, m->peer, now_us + sotto_bucket_wait_us(b, count, now_us), f->out);
    bool again = m->drop_us[DROPS - 2] && now_us + 1 - m->drop_us[DROPS - 2] < DROPS_US;
    memmove(m->drop_us + 1, m->drop_us, sizeof m->drop_us - sizeof m->drop_us[0]);
    m->drop_us[0] = now_us + 1;
    notice(f, m, SOTTO_RL_NOTICE_RATE, 0);
    if (!again) return false;
    offend(f, m, SCORE_RATE, "link-rate");
    sotto_host_disconnect(f->config.host, m->peer, SOTTO_REASON_SUBPROTOCOL, f->now, f->out);
    return false;
}

static const uint8_t *id_at(const struct sotto_rl_list *list, uint32_t i) { return list->items.data + (size_t)i * SOTTO_INV_ID; }

static void take_inv(struct sotto_flood *f, struct member *m, const struct sotto_rl_list *list)
{
    if (!pays(f, m, &m->inv, list->count)) return;
    for (uint32_t i = 0; i < list->count; i++) {
        know(f, m, id_at(list, i), (uint32_t)(f->now.wall_ms / 1000) + KNOWN_S);
        if (sotto_inv_announced(f->inv, m->peer, id_at(list, i), f->now)) continue;
        note_late(f, m->peer, id_at(list, i));
    }
}

static void take_get(struct sotto_flood *f, struct member *m, const struct sotto_rl_list *list)
{
    if (!pays(f, m, &m->get, list->count)) return;
    for (uint32_t i = 0; i < list->count; i++) {
        const uint8_t *id = id_at(list, i);
        enum sotto_inv_answer answer = sotto_inv_asked(f->inv, m->peer, id, true);
        if (answer == SOTTO_INV_SILENCE && !SOTTO_PLANTED(FLOOD_SERVES_ANY)) continue;
        if (m->serve_count > 0 || !bring(f, m, id)) serve_later(m, id);
    }
    if (m->serve_count) m->serve_us = f->now.mono_us + SERVE_AGAIN_US;
}

static void time_error(struct sotto_flood *f, struct member *m)
{
    uint64_t now_us = f->now.mono_us;
    if (now_us - m->time_errors_since_us >= SOTTO_SHH_TIME_ERRORS_US) {
        m->time_errors_since_us = now_us;
        m->time_errors = 0;
    }
    notice(f, m, SOTTO_RL_NOTICE_TIME, 0);
    if (++m->time_errors <= SOTTO_SHH_TIME_ERRORS_MAX) return;
    m->time_errors = 0;
    sotto_host_pause(f->config.host, m->peer, now_us + SOTTO_SHH_TIME_REST_US, f->out);
}

static void take_body(struct sotto_flood *f, struct member *m, const struct sotto_rl_message *msg)
{
    uint8_t hash[32];
    const struct sotto_envelope *e = &msg->body->envelope;
    enum sotto_err err = sotto_shh_take_other(f->config.shh, hash, m->peer, e, msg->bytes, f->now);
    sotto_inv_body(f->inv, hash);
    know(f, m, hash, remember_until(e->expiry));
    f->stats.taken += err == SOTTO_OK;
    if (err == SOTTO_ERR_ENV_FUTURE || err == SOTTO_ERR_ENV_OLD) time_error(f, m);
    if (err == SOTTO_ERR_ENV_QUOTA || err == SOTTO_ERR_FULL) notice(f, m, SOTTO_RL_NOTICE_POOL, 0);
    if (err != SOTTO_ERR_ENV_WORK && err != SOTTO_ERR_ENV_SIZE) return;
    notice(f, m, SOTTO_RL_NOTICE_RATING, 0);
    offend(f, m, SCORE_WORK, sotto_err_name(err));
}

/* A wish that asks for more brings what was held back; what it knows it does not get again. */
static void wish_again(struct sotto_flood *f, struct member *m)
{
    m->cursor = 0;
    flush_soon(f, m);
}

static double rating_of(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;                                     /* finite and not negative: the reader of options and bodies says so */
}

void sotto_flood_message(struct sotto_flood *f, uint32_t peer, const struct sotto_rl_message *msg, struct sotto_now now)
{
    struct member *m = find(f, peer);
    f->now = now;
    if (!m) return;
    switch (msg->code) {
    case SOTTO_RL_ENV: take_body(f, m, msg); break;
    case SOTTO_RL_INV: take_inv(f, m, &msg->body->list); break;
    case SOTTO_RL_GET: take_get(f, m, &msg->body->list); break;
    case SOTTO_RL_MISS:
        for (uint32_t i = 0; i < msg->body->list.count; i++) sotto_inv_missed(f->inv, peer, id_at(&msg->body->list, i), now);
        break;
    case SOTTO_RL_STEM_ENV: offend(f, m, SCORE_STEM, "stem-role"); break;      /* we do not say that we take any */
    case SOTTO_RL_FLOOR:
        m->floor = rating_of(msg->body->floor.bits);
        wish_again(f, m);
        break;
    case SOTTO_RL_UPDATE:
        if (!(msg->body->update.options.has & SOTTO_RL_HAS(4))) break;
        m->floor = rating_of(msg->body->update.options.floor_bits);
        wish_again(f, m);
        break;
    case SOTTO_RL_BLOOM:
        if (!m->leaf) break;
        m->filtered = true;
        memcpy(m->bloom.b, msg->body->bloom.filter, sizeof m->bloom.b);
        wish_again(f, m);
        break;
    case SOTTO_RL_FEED:
        if (m->leaf) m->feed = msg->body->feed.on;
        break;
    default: break;
    }
}

/* ---- links ---- */

void sotto_flood_up(struct sotto_flood *f, uint32_t peer, struct sotto_now now)
{
    struct sotto_rl_info link;
    struct sotto_peer_info info;
    f->now = now;
    bool there = sotto_links_info(f->config.links, peer, &link) && sotto_host_peer(f->config.host, peer, &info);
    SOTTO_ASSERT(there && link.peer);
    if (f->count == f->cap) {
        unsigned cap = f->cap ? f->cap * 2 : 16;
        struct member **members = realloc(f->members, cap * sizeof *members);
        if (members) {
            f->members = members;
            f->cap = cap;
        }
    }
    struct member *m = f->count < f->cap ? calloc(1, sizeof *m) : NULL;
    if (!m || sotto_inv_up(f->inv, peer) != SOTTO_OK) {
        free(m);
        sotto_host_disconnect(f->config.host, peer, SOTTO_REASON_TOO_MANY, now, f->out);
        return;
    }
    uint64_t cells = link.peer->cells_rate, window = cells < SOTTO_FLOOD_WINDOW_MAX * 4 / 5 ? cells + cells / 4 : SOTTO_FLOOD_WINDOW_MAX;
    *m = (struct member){ .peer = peer, .inbound = info.inbound, .leaf = link.peer->roles & SOTTO_RL_LEAF,
                          .floor = rating_of(link.peer->floor_bits), .known = sotto_ids_make(SOTTO_FLOOD_KNOWN_MAX), .flush_us = NONE, .serve_us = NONE };
    m->announce = sotto_bucket_make(SOTTO_FLOOD_ANNOUNCE_RATE, SOTTO_FLOOD_ANNOUNCE_BURST, now.mono_us);
    m->window = sotto_bucket_make(cells < SOTTO_FLOOD_ANNOUNCE_RATE ? (uint32_t)(cells + 1) / 2 : SOTTO_FLOOD_ANNOUNCE_RATE, (uint32_t)window, now.mono_us);
    m->inv = sotto_bucket_make(SOTTO_FLOOD_INV_RATE, SOTTO_FLOOD_INV_BURST, now.mono_us);
    m->get = sotto_bucket_make(SOTTO_FLOOD_GET_RATE, SOTTO_FLOOD_GET_BURST, now.mono_us);
    f->members[f->count++] = m;
    flush_soon(f, m);
}

static void member_free(struct member *m)
{
    sotto_ids_free(&m->known);
    free(m->serve);
    free(m);
}

void sotto_flood_down(struct sotto_flood *f, uint32_t peer, struct sotto_now now)
{
    struct member *m = find(f, peer);
    f->now = now;
    if (!m) return;
    for (unsigned i = 0; i < f->count; i++)
        if (f->members[i] == m) f->members[i] = f->members[--f->count];
    for (unsigned i = 0; i < f->offer_count;) {   /* the next one has the turn */
        if (f->offers[i].peer == peer) offer_end(f, &f->offers[i]);
        else i++;
    }
    member_free(m);
    sotto_inv_down(f->inv, peer, now);            /* what it was asked for is asked of the next: none of its calls is for this peer */
}

/* ---- the object ---- */

enum sotto_err sotto_flood_new(struct sotto_flood **out, const struct sotto_flood_config *config)
{
    SOTTO_ASSERT(config->pool && config->shh && config->links && config->rng && config->flush_mean_us > 0 && config->first_hop);
    struct sotto_flood *f = calloc(1, sizeof *f);
    if (!f) return SOTTO_ERR_NOMEM;
    f->config = *config;
    struct sotto_inv_sink sink = { f, inv_known, inv_get, inv_offend, inv_forgot };
    enum sotto_err err = sotto_inv_new(&f->inv, SOTTO_SHH_PEERS_MAX, config->rng, &sink);
    if (err != SOTTO_OK) {
        free(f);
        return err;
    }
    *out = f;
    return SOTTO_OK;
}

void sotto_flood_free(struct sotto_flood *f)
{
    if (!f) return;
    for (unsigned i = 0; i < f->count; i++) member_free(f->members[i]);
    free(f->members);
    sotto_inv_free(f->inv);
    free(f);
}

void sotto_flood_enter(struct sotto_flood *f, struct sotto_outq *out) { f->out = out; }

static void end_offers(struct sotto_flood *f)
{
    for (unsigned i = 0; i < f->offer_count;) {
        if (f->now.mono_us < f->offers[i].until_us) {
            i++;
            continue;
        }
        if (!f->unwanted_us) f->unwanted_us = f->now.mono_us + 1;
        offer_end(f, &f->offers[i]);
    }
}

void sotto_flood_tick(struct sotto_flood *f, struct sotto_now now)
{
    uint64_t latest = sotto_pool_seq(f->config.pool);
    SOTTO_ASSERT(f->out);
    f->now = now;
    sotto_inv_tick(f->inv, now);
    ask_late(f);
    end_offers(f);
    for (unsigned i = 0; i < f->count; i++) {
        struct member *m = f->members[i];
        if (m->serve_count) serve(f, m);
        if (m->cursor < latest) flush_soon(f, m);
        if (now.mono_us >= m->flush_us) flush(f, m);
        ask_now(f, m);
    }
    if (now.mono_us < f->sweep_us) return;
    for (unsigned i = 0; i < f->count; i++) sotto_ids_expire(&f->members[i]->known, sotto_shh_now_behind(f->config.shh, now));
    f->sweep_us = now.mono_us + SWEEP_US;
}

uint64_t sotto_flood_deadline(const struct sotto_flood *f)
{
    uint64_t at = sotto_inv_deadline(f->inv);
    for (unsigned i = 0; i < f->count; i++) {
        const struct member *m = f->members[i];
        if (m->flush_us < at) at = m->flush_us;
        if (m->serve_us < at) at = m->serve_us;
    }
    return at;
}

/* 0.2 x 2^k has a record of its own; a test network that works less says so by an UPDATE. */
static bool in_steps(uint64_t bits)
{
    uint64_t above = bits - SOTTO_RL_FLOOR_BITS;          /* a doubling is one more in the exponent */
    return bits >= SOTTO_RL_FLOOR_BITS && above % (UINT64_C(1) << 52) == 0 && above >> 52 <= SOTTO_RL_FLOOR_STEPS;
}

void sotto_flood_floor(struct sotto_flood *f, struct sotto_now now)
{
    double floor = sotto_pool_floor(f->config.pool);
    uint64_t bits;
    memcpy(&bits, &floor, sizeof bits);
    f->now = now;
    struct sotto_rl_options change = sotto_rl_options();
    change.has = SOTTO_RL_HAS(4);
    change.floor_bits = bits;
    uint8_t bytes[64];
    struct sotto_buf list = { bytes, 0, sizeof bytes, sizeof bytes };
    size_t mark = sotto_rlp_begin(&list);
    enum sotto_err err = sotto_rl_options_write(&list, &change);
    if (err == SOTTO_OK) err = sotto_rlp_end_list(&list, mark);
    SOTTO_ASSERT(err == SOTTO_OK);
    for (unsigned i = 0; i < f->count; i++) {
        if (in_steps(bits)) say_numbers(f, f->members[i], SOTTO_RL_FLOOR, &bits, 1);
        else (void)say(f, f->members[i], SOTTO_RL_UPDATE, sotto_buf_span(&list));
    }
}

unsigned sotto_flood_first_hops(const struct sotto_flood *f)
{
    unsigned count = 0;
    for (unsigned i = 0; i < f->count; i++) count += first_hop(f, f->members[i]);
    return count;
}

bool sotto_flood_stuck(const struct sotto_flood *f, struct sotto_now now) { return f->unwanted_us && now.mono_us + 1 >= f->unwanted_us + SOTTO_FLOOD_STUCK_US; }

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double sotto_flood_wanted(const struct sotto_flood *f, double floor)
{
    double floors[SOTTO_SHH_PEERS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < f->count && count < SOTTO_SHH_PEERS_MAX; i++)
        if (first_hop(f, f->members[i])) floors[count++] = f->members[i]->floor;
    if (count == 0) return floor;
    qsort(floors, count, sizeof *floors, by_value);
    double median = floors[(count - 1) / 2];      /* of two the milder, as in whisper/shh.c */
    return median > floor ? median : floor;
}

const struct sotto_flood_stats *sotto_flood_stats(const struct sotto_flood *f) { return &f->stats; }
