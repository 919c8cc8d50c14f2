#include "relay/link.h"

#include "base/plant.h"
#include "relay/link_keys.h"
#include "relay/link_send.h"
#include "whisper/bucket.h"

#include <stdlib.h>

#define NONE UINT64_MAX
enum { RATE_MAX = UINT32_MAX / 16, RECORDS_ANY = 65536, SMALL_MAX = 3 };      /* so many small cells are fewer bytes on the line than a large one */

struct sotto_rl {
    struct sotto_rl_config config;
    enum sotto_rl_state state;
    bool begun, bound;
    uint64_t until_us;                            /* of the state, OPENING and KEYED */
    /* the handshake, wiped when the keys are made */
    struct sotto_scalar fresh;
    struct sotto_point fresh_pub;
    uint8_t status[SOTTO_RL_STATUS_SIZE];
    /* the link */
    struct sotto_rl_options peer;
    uint8_t th[32];
    struct sotto_rl_lane out, in;
    struct sotto_rl_credit credit;
    struct sotto_rl_receive receive;
    struct sotto_rl_queue queue[SOTTO_RL_CHANNELS];
    size_t room;
    /* rates: what we put on channels 0 and 1, what comes on them, on 3, and new credit of 2 */
    struct sotto_bucket pay_cells, pay_records, take_cells, take_media, grant_bytes;
    uint32_t owed_cells, owed_media;              /* came, and are not yet paid */
    /* what the link says by itself */
    uint8_t pong[8], ping[8];
    bool pong_due, ping_due, ping_open;
    uint64_t pong_us, ping_us, ack_us, ack_cells; /* when the last one was taken or sent, and what the last ACK said */
    uint64_t class_out[2], class_in[2], bytes_out[SOTTO_RL_CHANNELS], acked, rtt_us, mono_us;
};

#define TO(state) (1u << SOTTO_RL_##state)
static const unsigned allowed[SOTTO_RL_STATES] = {
    [SOTTO_RL_OPENING] = TO(KEYED) | TO(ENDED), [SOTTO_RL_KEYED] = TO(UP) | TO(ENDED), [SOTTO_RL_UP] = TO(ENDED), [SOTTO_RL_ENDED] = 0,
};

static void move(struct sotto_rl *l, enum sotto_rl_state next)
{
    SOTTO_ASSERT(allowed[l->state] & (1u << next));
    l->state = next;
}

/* ---- made, ended ---- */

static void drop_handshake(struct sotto_rl *l)
{
    SOTTO_WIPE(l->fresh);
    SOTTO_WIPE(l->status);
    l->config.key = NULL;
}

static void drop_all(struct sotto_rl *l)
{
    drop_handshake(l);
    sotto_rl_lane_end(&l->in);
    sotto_rl_lane_end(&l->out);
    if (l->receive.budget) sotto_rl_receive_end(&l->receive);
    for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++) sotto_rl_queue_end(&l->queue[i]);
}

static void end(struct sotto_rl *l, enum sotto_err err)
{
    if (l->state == SOTTO_RL_ENDED) return;
    move(l, SOTTO_RL_ENDED);
    drop_all(l);
    l->config.sink.ended(l->config.sink.owner, err);
}

static enum sotto_err write_status(struct sotto_rl *l)
{
    struct sotto_rl_status s = { .options = l->config.options };
    sotto_scalar_random(&l->fresh, l->config.rng);
    SOTTO_TRY(sotto_point_make(&l->fresh_pub, &l->fresh));
    s.fresh = l->fresh_pub;
    sotto_rng_fill(l->config.rng, s.nonce, sizeof s.nonce);
    SOTTO_TRY(sotto_rl_status_write(l->status, &s, NULL, 0));
    SOTTO_TRY(sotto_rl_status_read(&s, SOTTO_SPAN(l->status), NULL));
    l->config.options = s.options;                /* as the other end reads them: what we do not say has the value of its absence */
    return SOTTO_OK;
}

enum sotto_err sotto_rl_new(struct sotto_rl **out, const struct sotto_rl_config *config, struct sotto_now now)
{
    static const size_t queue_max[SOTTO_RL_CHANNELS] = { SOTTO_RL_QUEUE_0, SOTTO_RL_QUEUE_1, SOTTO_RL_QUEUE_2, SOTTO_RL_QUEUE_3 };
    SOTTO_ASSERT(config->key && config->budget && config->rng && config->options.has & SOTTO_RL_HAS(1));
    struct sotto_rl *l = calloc(1, sizeof *l);
    if (!l) return SOTTO_ERR_NOMEM;
    l->config = *config;
    l->until_us = now.mono_us + SOTTO_RL_STATUS_US;
    l->mono_us = now.mono_us;
    for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++) l->queue[i] = sotto_rl_queue(queue_max[i]);
    enum sotto_err err = write_status(l);
    if (err != SOTTO_OK) {
        sotto_rl_free(l);
        return err;
    }
    *out = l;
    return SOTTO_OK;
}

void sotto_rl_free(struct sotto_rl *l)
{
    if (!l) return;
    drop_all(l);
    sotto_wipe(l, sizeof *l);
    free(l);
}

void sotto_rl_begin(struct sotto_rl *l, struct sotto_now now)
{
    SOTTO_ASSERT(!l->begun && l->state == SOTTO_RL_OPENING);
    l->begun = true;
    l->until_us = now.mono_us + SOTTO_RL_STATUS_US;
    l->config.sink.frame(l->config.sink.owner, SOTTO_RL_STATUS, SOTTO_SPAN(l->status));
}

/* ---- cells leave ---- */

/* A rate as a bucket that holds SOTTO_RL_BURST_S of it, or so many tokens if that is more. */
static struct sotto_bucket bucket(uint64_t rate, uint32_t least, uint64_t now_us)
{
    uint32_t r = rate > RATE_MAX ? RATE_MAX : (uint32_t)rate, burst = r * SOTTO_RL_BURST_S;
    return sotto_bucket_make(r, burst > least ? burst : least, now_us);
}

static enum sotto_err send_cell(struct sotto_rl *l, struct sotto_rl_pack *p, enum sotto_rl_class c)
{
    uint8_t payload[SOTTO_RL_PAYLOAD_MAX];
    size_t size;
    sotto_rl_pack_close(p, sotto_rl_plain(c));
    enum sotto_err err = sotto_rl_seal(&l->out, payload, &size, c, p->plain);
    sotto_wipe(p->plain, sizeof p->plain);
    SOTTO_TRY(err);
    l->class_out[c]++;
    for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++) l->bytes_out[i] += p->bytes[i];
    l->room -= size < l->room ? size : l->room;
    l->config.sink.frame(l->config.sink.owner, SOTTO_RL_CELL, sotto_span(payload, size));
    return SOTTO_OK;
}

static bool pack_numbers(struct sotto_rl_pack *p, uint8_t code, const uint64_t *values, size_t count, size_t most)
{
    uint8_t bytes[32];
    struct sotto_buf b = { bytes, 0, sizeof bytes, sizeof bytes };
    enum sotto_err err = sotto_rl_body_numbers(&b, values, count);
    SOTTO_ASSERT(err == SOTTO_OK);
    return sotto_rl_pack_record(p, code, sotto_buf_span(&b), most);
}

/* What new credit of channel 2 takes from its rate: at most 4 MiB, which its bucket always holds. */
static uint32_t grant_cost(const struct sotto_rl *l, uint64_t limit)
{
    uint64_t bytes = limit - l->receive.limit[2];
    SOTTO_ASSERT(bytes <= SOTTO_RL_BYTES_BURST);
    return (uint32_t)bytes;
}

/* New credit of a channel; that of 2 is what its rate allows. */
static bool grant(struct sotto_rl *l, unsigned channel, uint64_t *limit)
{
    if (!sotto_rl_receive_due(&l->receive, channel, limit)) return false;
    return channel != 2 || l->bound || SOTTO_PLANTED(LINK_SYNC_UNLIMITED) || sotto_bucket_take(&l->grant_bytes, grant_cost(l, *limit), l->mono_us);
}

static void pack_windows(struct sotto_rl *l, struct sotto_rl_pack *p, size_t most)
{
    for (unsigned ch = 1; ch < SOTTO_RL_CHANNELS; ch++) {
        uint64_t limit;
        if (p->at + SOTTO_RL_HEAD + 12 > most || !grant(l, ch, &limit)) continue;
        bool fits = pack_numbers(p, SOTTO_RL_WINDOW, (const uint64_t[]){ ch, limit }, 2, most);
        SOTTO_ASSERT(fits);
        sotto_rl_receive_granted(&l->receive, ch, limit);
    }
}

/* A message of channel 0 has left in part: until its last piece nothing else may leave on that channel. */
static bool control_open(const struct sotto_rl *l) { return l->queue[0].sent > 0 && !SOTTO_PLANTED(LINK_CONTROL_MIXED); }

static void pack_own(struct sotto_rl *l, struct sotto_rl_pack *p, size_t most)
{
    pack_windows(l, p, most);
    if (l->pong_due && sotto_rl_pack_record(p, SOTTO_RL_PONG, SOTTO_SPAN(l->pong), most)) l->pong_due = false;
    if (l->ping_due && sotto_rl_pack_record(p, SOTTO_RL_PING, SOTTO_SPAN(l->ping), most)) {
        l->ping_due = false;
        l->ping_us = l->mono_us;
    }
}

/* Only where a cell leaves anyway and has the room: an ACK never makes one, and never makes one larger. */
static void pack_ack(struct sotto_rl *l, struct sotto_rl_pack *p, bool small)
{
    if (control_open(l)) return;
    if (l->receive.cells == l->ack_cells || (l->mono_us < l->ack_us + SOTTO_RL_ACK_US && !SOTTO_PLANTED(LINK_ACK_ALWAYS))) return;
    if (!pack_numbers(p, SOTTO_RL_ACK, &l->receive.cells, 1, small ? SOTTO_RL_PLAIN_S : SOTTO_RL_PLAIN_L)) return;
    l->ack_us = l->mono_us;
    l->ack_cells = l->receive.cells;
}

/* May control and relay records leave in this cell, and up to where? Their rate must allow it, and where a large cell without channels 2 and 3
 * counts as a whole, the credit of channel 1 must hold one. */
static size_t low_end(struct sotto_rl *l, bool flat, bool paced)
{
    if (!paced && sotto_bucket_tokens(&l->pay_cells, l->mono_us) == 0) return 0;
    if (!flat || sotto_rl_credit_left(&l->credit, 1) >= SOTTO_RL_PLAIN_L) return SOTTO_RL_PLAIN_L;
    return paced ? 0 : SOTTO_RL_PLAIN_S;
}

/* Channel 0. Fragments of a channel stay together: what the link says by itself waits for the end of a message that is cut. */
static void pack_control(struct sotto_rl *l, struct sotto_rl_pack *p, size_t low)
{
    struct sotto_rl_queue *q = &l->queue[0];
    unsigned most = (unsigned)sotto_bucket_tokens(&l->pay_records, l->mono_us), sent = 0;
    if (control_open(l)) sent = sotto_rl_pack_queue(p, q, 0, &l->credit, low, most > 0);
    if (!control_open(l)) {
        pack_own(l, p, low);
        sent += sotto_rl_pack_queue(p, q, 0, &l->credit, low, most - sent);
    }
    bool paid = sent == 0 || sotto_bucket_take(&l->pay_records, sent, l->mono_us);
    SOTTO_ASSERT(paid);
}

/* How much one cell takes. Little enough goes in small cells, where two or three of them are fewer bytes than a large one, as long as the other side's rate
 * is far from used up. On a link whose cells must not tell what is in them it is never so. */
static size_t cell_end(struct sotto_rl *l, bool flat, bool paced)
{
    size_t waits = 0;
    for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++) waits += sotto_rl_queue_bytes(&l->queue[i]);
    if (paced || flat || waits > SMALL_MAX * (SOTTO_RL_PLAIN_S - SOTTO_RL_HEAD)) return SOTTO_RL_PLAIN_L;
    sotto_bucket_fill(&l->pay_cells, l->mono_us);
    return l->pay_cells.level > l->pay_cells.burst_millionths / 2 ? SOTTO_RL_PLAIN_S : SOTTO_RL_PLAIN_L;
}

/* Fills one cell in the order of service. */
static void fill(struct sotto_rl *l, struct sotto_rl_pack *p, size_t low, size_t end)
{
    sotto_rl_pack_queue(p, &l->queue[3], 3, &l->credit, end, RECORDS_ANY);
    if (low > p->at) {
        pack_control(l, p, low);
        sotto_rl_pack_queue(p, &l->queue[1], 1, &l->credit, low, RECORDS_ANY);
    }
    sotto_rl_pack_queue(p, &l->queue[2], 2, &l->credit, end, RECORDS_ANY);
}

/* One cell with what waits; paced: also an empty one. False: none left. */
static bool one_cell(struct sotto_rl *l, bool paced)
{
    struct sotto_rl_pack p = sotto_rl_pack();
    bool flat = l->config.options.stem_class == 1;
    size_t low = low_end(l, flat, paced), end_at = cell_end(l, flat, paced);
    uint64_t used = l->credit.used[1];
    if (l->room < SOTTO_RL_PAYLOAD_MAX) return false;
    if (low > end_at) low = end_at;
    fill(l, &p, low, end_at);
    if (p.at == 0 && (!paced || low == 0)) return false;
    bool small = !paced && p.at <= SOTTO_RL_PLAIN_S;
    if (p.channels & 3u || paced) pack_ack(l, &p, small);
    if (flat && !small && p.channels < 1u << 2) { /* whatever is in it, it counts as a whole, and its records nothing */
        l->credit.used[1] = used;
        bool took = sotto_rl_credit_take(&l->credit, 1, SOTTO_RL_PLAIN_L);
        SOTTO_ASSERT(took);                       /* low_end asked for it */
    }
    if (p.channels & 3u && !paced) {
        bool paid = sotto_bucket_take(&l->pay_cells, 1, l->mono_us);
        SOTTO_ASSERT(paid);
    }
    enum sotto_err err = send_cell(l, &p, small ? SOTTO_RL_S : SOTTO_RL_L);
    if (err != SOTTO_OK) end(l, err);
    return err == SOTTO_OK;
}

/* The one place that decides when cells leave: at once, unless a schedule paces them. */
static void leave(struct sotto_rl *l)
{
    while (l->state == SOTTO_RL_UP && !l->config.paced && one_cell(l, false)) { }
}

bool sotto_rl_slot(struct sotto_rl *l, struct sotto_now now)
{
    SOTTO_ASSERT(l->config.paced);
    if (now.mono_us > l->mono_us) l->mono_us = now.mono_us;
    return l->state == SOTTO_RL_UP && one_cell(l, true);
}

/* ---- the handshake ---- */

static enum sotto_err send_ready(struct sotto_rl *l)
{
    struct sotto_rl_pack p = sotto_rl_pack();
    const uint64_t roles = l->config.options.roles;
    bool fits = pack_numbers(&p, SOTTO_RL_READY, &roles, 1, SOTTO_RL_PLAIN_S);
    SOTTO_ASSERT(fits);
    return send_cell(l, &p, SOTTO_RL_S);
}

/* What we allow ourselves of what they take: delays press cells together, and half of the burst is left for that. */
static struct sotto_bucket pay_bucket(const struct sotto_rl_options *peer, uint64_t now_us)
{
    struct sotto_bucket b = bucket(peer->cells_rate, 2, now_us);
    b.burst_millionths /= 2;
    b.level = b.burst_millionths;
    return b;
}

static void set_rates(struct sotto_rl *l)
{
    uint64_t now = l->mono_us;
    const struct sotto_rl_options *own = &l->config.options;
    l->take_cells = bucket(own->cells_rate, 1, now);
    l->take_media = bucket(SOTTO_RL_MEDIA_RATE, 1, now);
    l->grant_bytes = bucket(own->bytes_rate, SOTTO_RL_BYTES_BURST, now);
    l->pay_records = bucket(SOTTO_RL_CONTROL_RATE, 1, now);
    l->pay_cells = pay_bucket(&l->peer, now);
}

static enum sotto_err take_status(struct sotto_rl *l, struct sotto_span payload)
{
    struct sotto_rl_status s;
    struct sotto_rl_keys keys;
    SOTTO_TRY(sotto_rl_status_read(&s, payload, &l->fresh_pub));
    const struct sotto_rl_side side = { .dialled = l->config.dialled, .own = l->config.key, .fresh = &l->fresh, .own_pub = l->config.own_pub,
                                        .peer_pub = l->config.peer_pub, .peer_fresh = s.fresh, .own_status = SOTTO_SPAN(l->status), .peer_status = payload };
    SOTTO_TRY(sotto_rl_keys(&keys, &side));
    enum sotto_rl_direction mine = l->config.dialled ? SOTTO_RL_IR : SOTTO_RL_RI, theirs = l->config.dialled ? SOTTO_RL_RI : SOTTO_RL_IR;
    sotto_rl_keys_lane(&l->out, &keys, mine);
    sotto_rl_keys_lane(&l->in, &keys, theirs);
    sotto_rl_lane_prepare(&l->out);
    sotto_rl_lane_prepare(&l->in);
    memcpy(l->th, keys.th, sizeof l->th);
    SOTTO_WIPE(keys);
    drop_handshake(l);
    l->peer = s.options;
    l->credit = sotto_rl_credit(s.options.window);
    l->receive = sotto_rl_receive(l->config.budget, s.options.roles, s.options.stem_class == 1, l->config.options.window);
    set_rates(l);
    move(l, SOTTO_RL_KEYED);
    l->until_us = l->mono_us + SOTTO_RL_STATUS_US;
    return send_ready(l);
}

/* ---- cells come ---- */

static void take_pong(struct sotto_rl *l, const uint8_t nonce[8])
{
    if (!l->ping_open || l->ping_due || memcmp(nonce, l->ping, sizeof l->ping) != 0) return;
    l->ping_open = false;
    l->rtt_us = l->mono_us > l->ping_us ? l->mono_us - l->ping_us : 1;
    l->ping_us = l->mono_us;                      /* from here: it may have got the PING just now, and answers the next one no sooner */
}

static void take_ping(struct sotto_rl *l, const uint8_t nonce[8])
{
    if (l->pong_us && l->mono_us < l->pong_us + SOTTO_RL_PING_US) return;        /* more than it may: no answer */
    memcpy(l->pong, nonce, sizeof l->pong);
    l->pong_due = true;
    l->pong_us = l->mono_us;
}

static void take_update(struct sotto_rl *l, struct sotto_span list)
{
    enum sotto_err err = sotto_rl_options_read(&l->peer, list);
    SOTTO_ASSERT(err == SOTTO_OK);                /* the receiver read it */
    if (l->peer.cells_rate < l->pay_cells.rate && SOTTO_PLANTED(LINK_LOWER_RATE_IGNORED)) return;
    sotto_bucket_fill(&l->pay_cells, l->mono_us);         /* what has come together until now stays, however often they tell it */
    uint64_t level = l->pay_cells.level;
    l->pay_cells = pay_bucket(&l->peer, l->mono_us);
    if (l->pay_cells.level > level) l->pay_cells.level = level;
}

static void message(void *owner, const struct sotto_rl_message *m)
{
    struct sotto_rl *l = owner;
    enum sotto_err err;
    switch (m->code) {
    case SOTTO_RL_READY:                          /* the first of its cell: up is told before what shares it */
        move(l, SOTTO_RL_UP);
        l->config.sink.up(l->config.sink.owner);
        return;
    case SOTTO_RL_WINDOW:
        err = sotto_rl_credit_window(&l->credit, m->body->window.channel, m->body->window.limit);
        SOTTO_ASSERT(err == SOTTO_OK);
        return;
    case SOTTO_RL_ACK:
        if (m->body->ack.cells <= l->out.counter && m->body->ack.cells > l->acked) l->acked = m->body->ack.cells;
        return;
    case SOTTO_RL_PING: take_ping(l, m->body->ping.nonce); return;
    case SOTTO_RL_PONG: take_pong(l, m->body->ping.nonce); return;
    case SOTTO_RL_UPDATE: take_update(l, m->body->update.list); break;
    default: break;
    }
    l->config.sink.message(l->config.sink.owner, m);
}

/* What a cell costs of one rate; what cannot be paid is owed, and the peer is not read until it is paid. */
static void charge(struct sotto_bucket *b, uint32_t *owed, uint32_t cells, uint64_t now_us, uint64_t *wait_us)
{
    *owed += cells;
    while (*owed > 0 && sotto_bucket_take(b, 1, now_us)) {
        --*owed;
        if (SOTTO_PLANTED(LINK_DEBT_SLOW)) break;
    }
    if (*owed == 0) return;
    uint64_t wait = sotto_bucket_wait_us(b, 1, now_us) + (uint64_t)(*owed - 1) * 1000000u / (b->rate ? b->rate : 1);
    if (wait > *wait_us) *wait_us = wait;
}

static enum sotto_err pay_for_cell(struct sotto_rl *l)
{
    uint8_t channels = l->receive.channels;
    uint64_t wait = 0;
    charge(&l->take_cells, &l->owed_cells, channels == 0 || channels & 3u, l->mono_us, &wait);
    charge(&l->take_media, &l->owed_media, (channels >> 3) & 1u, l->mono_us, &wait);
    if (wait > SOTTO_RL_DEBT_S * 1000000u) return SOTTO_ERR_LINK_RATE;
    if (wait > 0) l->config.sink.pause(l->config.sink.owner, l->mono_us + wait);
    return SOTTO_OK;
}

static enum sotto_err take_cell(struct sotto_rl *l, struct sotto_span payload)
{
    uint8_t plain[SOTTO_RL_PLAIN_L];
    enum sotto_rl_class c;
    SOTTO_TRY(sotto_rl_open(&l->in, plain, &c, payload));
    enum sotto_err err = sotto_rl_receive_cell(&l->receive, sotto_span(plain, sotto_rl_plain(c)), c, l->mono_us, &l->credit, message, l);
    sotto_wipe(plain, sizeof plain);
    SOTTO_TRY(err);
    l->class_in[c]++;
    return pay_for_cell(l);
}

/* ---- what the owner calls ---- */

static void at(struct sotto_rl *l, struct sotto_now now)
{
    if (now.mono_us > l->mono_us) l->mono_us = now.mono_us;
}

static enum sotto_err take_frame(struct sotto_rl *l, unsigned code, struct sotto_span payload)
{
    if (code == SOTTO_RL_STATUS && l->state == SOTTO_RL_OPENING && l->begun) return take_status(l, payload);
    if (code == SOTTO_RL_CELL && (l->state == SOTTO_RL_KEYED || l->state == SOTTO_RL_UP)) return take_cell(l, payload);
    return SOTTO_ERR_LINK_CODE;
}

void sotto_rl_frame(struct sotto_rl *l, unsigned code, struct sotto_span payload, struct sotto_now now)
{
    at(l, now);
    if (l->state == SOTTO_RL_ENDED) return;
    enum sotto_err err = take_frame(l, code, payload);
    if (err != SOTTO_OK) end(l, err);
    else leave(l);
}

void sotto_rl_tick(struct sotto_rl *l, struct sotto_now now)
{
    enum sotto_err err = SOTTO_OK;
    at(l, now);
    if (l->state == SOTTO_RL_ENDED) return;
    if (l->state != SOTTO_RL_UP && l->mono_us >= l->until_us) err = SOTTO_ERR_LINK_TIME;
    if (err == SOTTO_OK && l->state != SOTTO_RL_OPENING) err = sotto_rl_receive_time(&l->receive, l->mono_us);
    if (err != SOTTO_OK) end(l, err);
    else leave(l);
}

/* When a bucket has what the next cell wants, for those that have nothing else to wait for. */
static uint64_t fill_at(const struct sotto_bucket *b, uint32_t cost)
{
    uint64_t want = (uint64_t)cost * 1000000u;
    return b->level >= want ? 0 : b->at_us + (want - b->level + b->rate - 1) / b->rate;
}

static uint64_t later(uint64_t a, uint64_t b) { return a > b ? a : b; }
static uint64_t sooner(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* What could leave by its rate and has not, waits for credit or room: time alone does not help it. */
static uint64_t ahead(const struct sotto_rl *l, uint64_t when) { return when > l->mono_us ? when : NONE; }

/* When something that only a rate holds back may leave. */
static uint64_t leave_deadline(const struct sotto_rl *l)
{
    uint64_t when = NONE, cells = fill_at(&l->pay_cells, 1), limit;
    if (l->config.paced || l->room < SOTTO_RL_PAYLOAD_MAX) return NONE;
    if (l->pong_due || l->ping_due || (sotto_rl_queue_any(&l->queue[1]) && sotto_rl_credit_left(&l->credit, 1) > SOTTO_RL_HEAD)) when = ahead(l, cells);
    if (sotto_rl_queue_any(&l->queue[0])) when = sooner(when, ahead(l, later(cells, fill_at(&l->pay_records, 1))));
    for (unsigned ch = 1; ch < SOTTO_RL_CHANNELS; ch++) {
        if (!sotto_rl_receive_due(&l->receive, ch, &limit) || (ch == 2 && SOTTO_PLANTED(LINK_CREDIT_ASLEEP))) continue;
        uint64_t paid = ch != 2 || l->bound ? 0 : fill_at(&l->grant_bytes, grant_cost(l, limit));
        when = sooner(when, ahead(l, later(cells, paid)));
    }
    return when;
}

uint64_t sotto_rl_deadline(const struct sotto_rl *l)
{
    switch (l->state) {
    case SOTTO_RL_OPENING: return l->until_us;
    case SOTTO_RL_KEYED: return sooner(l->until_us, sotto_rl_receive_deadline(&l->receive));
    case SOTTO_RL_UP: return sooner(leave_deadline(l), sotto_rl_receive_deadline(&l->receive));
    case SOTTO_RL_ENDED: case SOTTO_RL_STATES: break;
    }
    return NONE;
}

static bool own_code(uint8_t code)
{
    return code == SOTTO_RL_READY || code == SOTTO_RL_WINDOW || code == SOTTO_RL_ACK || code == SOTTO_RL_PING || code == SOTTO_RL_PONG;
}

/* Our own UPDATE of option 03: who keeps to it is not refused. A lower rate of cells is theirs to keep: those on their way do not know it. */
static void announce(struct sotto_rl *l, struct sotto_span body)
{
    struct sotto_rl_body b;
    struct sotto_rl_options *own = &l->config.options;
    enum sotto_err err = sotto_rl_body_read(&b, SOTTO_RL_UPDATE, body);
    SOTTO_ASSERT(err == SOTTO_OK);
    if (!(b.update.options.has & SOTTO_RL_HAS(3))) return;
    if (b.update.options.cells_rate > own->cells_rate) {
        own->cells_rate = b.update.options.cells_rate;
        l->take_cells = bucket(own->cells_rate, 1, l->mono_us);
    }
    own->bytes_rate = b.update.options.bytes_rate;
    l->grant_bytes = bucket(own->bytes_rate, SOTTO_RL_BYTES_BURST, l->mono_us);
}

enum sotto_err sotto_rl_send(struct sotto_rl *l, uint8_t code, struct sotto_span body)
{
    unsigned channel = sotto_rl_channel(code);
    SOTTO_ASSERT(channel < SOTTO_RL_CHANNELS && !own_code(code) && body.size > 0);
    if (l->state == SOTTO_RL_ENDED) return SOTTO_ERR_STATE;
    if (body.size > SOTTO_RL_MESSAGE_MAX) return SOTTO_ERR_RANGE;
    SOTTO_TRY(sotto_rl_queue_add(&l->queue[channel], code, body));
    if (code == SOTTO_RL_UPDATE) announce(l, body);
    return SOTTO_OK;
}

void sotto_rl_room(struct sotto_rl *l, size_t bytes) { l->room = bytes; }

void sotto_rl_flush(struct sotto_rl *l, struct sotto_now now)
{
    at(l, now);
    leave(l);
}

enum sotto_err sotto_rl_ping(struct sotto_rl *l, struct sotto_now now)
{
    at(l, now);
    if (l->state != SOTTO_RL_UP) return SOTTO_ERR_STATE;
    if (l->ping_open || (l->ping_us && l->mono_us < l->ping_us + SOTTO_RL_PING_US)) return SOTTO_ERR_AGAIN;
    sotto_rng_fill(l->config.rng, l->ping, sizeof l->ping);
    l->ping_due = l->ping_open = true;
    leave(l);
    return SOTTO_OK;
}

void sotto_rl_bound(struct sotto_rl *l, struct sotto_now now)
{
    at(l, now);
    if (l->state != SOTTO_RL_UP || l->bound) return;
    l->bound = true;
    l->take_media = bucket(SOTTO_RL_MEDIA_RATE_BOUND, 1, l->mono_us);
    sotto_rl_receive_bound(&l->receive);
    leave(l);
}

void sotto_rl_info(const struct sotto_rl *l, struct sotto_rl_info *out)
{
    *out = (struct sotto_rl_info){ .state = l->state, .cells_in = l->class_in[0] + l->class_in[1], .cells_out = l->class_out[0] + l->class_out[1],
                                   .cells_acked = l->acked, .cells_out_class = { l->class_out[0], l->class_out[1] },
                                   .cells_in_class = { l->class_in[0], l->class_in[1] }, .rtt_us = l->rtt_us };
    for (unsigned i = 0; i < SOTTO_RL_CHANNELS; i++) {
        out->waiting[i] = sotto_rl_queue_bytes(&l->queue[i]);
        out->bytes_out[i] = l->bytes_out[i];
        out->bytes_in[i] = l->receive.bytes[i];
    }
    if (l->state == SOTTO_RL_KEYED || l->state == SOTTO_RL_UP) out->peer = &l->peer, out->th = l->th;
}
