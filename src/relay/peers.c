#include "relay/peers.h"

#include "p2p/group.h"

#include <stdlib.h>

#define NONE UINT64_MAX
#define SAID_MAX 8u                               /* what neighbours said of our port */
#define NOTICE_KINDS 8u

struct member {
    uint32_t peer;
    bool inbound;
    uint64_t ask_us;                              /* PEERS_GET next; NONE: never */
    uint64_t asked_us;                            /* mono_us + 1 of the latest, 0: no answer is open */
    uint64_t answer_us;                           /* not before */
    uint64_t reach_us;                            /* DIAL_ME next */
    bool reach_open;                              /* asked, not answered */
    uint64_t dial_us;                             /* not dialled back before */
    uint32_t probe;                               /* under way for it; 0: none */
};

struct said { struct sotto_group group; bool reached; uint64_t at_us; };

struct record { struct sotto_enr_record bytes; uint8_t key[64]; struct sotto_group group; };

struct sotto_peers {
    struct sotto_peers_config config;
    struct sotto_outq *out;
    struct sotto_now now;                         /* of the call in progress */
    struct member **members;
    unsigned count, cap;
    struct record *records[SOTTO_PEERS_RECORDS_MAX];      /* ring: the oldest makes room */
    unsigned record_count, record_next;
    struct sotto_enr_record own;                  /* size 0: none */
    struct said said[SAID_MAX];
    unsigned said_count;
    uint32_t probes;                              /* tokens given */
    struct sotto_peers_stats stats;
};

static struct member *find(const struct sotto_peers *p, uint32_t peer)
{
    for (unsigned i = 0; i < p->count; i++)
        if (p->members[i]->peer == peer) return p->members[i];
    return NULL;
}

static uint64_t draw(const struct sotto_peers *p, uint64_t us) { return p->now.mono_us + us + sotto_rng_below(p->config.rng, us); }

static bool say(struct sotto_peers *p, const struct member *m, uint8_t code, struct sotto_span body)
{
    return sotto_links_send(p->config.links, m->peer, code, body, p->now) == SOTTO_OK;
}

static bool say_number(struct sotto_peers *p, const struct member *m, uint8_t code, uint64_t value)
{
    uint8_t bytes[16];
    struct sotto_buf b = { bytes, 0, sizeof bytes, sizeof bytes };
    enum sotto_err err = sotto_rl_body_numbers(&b, &value, 1);
    SOTTO_ASSERT(err == SOTTO_OK);
    return say(p, m, code, sotto_buf_span(&b));
}

/* ---- records ---- */

static struct record *record_of(struct sotto_peers *p, const uint8_t key[64])
{
    for (unsigned i = 0; i < p->record_count; i++)
        if (memcmp(p->records[i]->key, key, 64) == 0) return p->records[i];
    return NULL;
}

static enum sotto_err keep(struct sotto_peers *p, const struct sotto_enr *enr, struct sotto_span bytes)
{
    struct record *r = record_of(p, enr->key);
    if (!r && p->record_count < SOTTO_PEERS_RECORDS_MAX) {
        r = malloc(sizeof *r);
        if (!r) return SOTTO_ERR_NOMEM;
        p->records[p->record_count++] = r;
    } else if (!r) {
        r = p->records[p->record_next++ % SOTTO_PEERS_RECORDS_MAX];
    }
    struct sotto_addr addr;
    uint16_t tcp;
    bool there = sotto_enr_endpoint(enr, &addr, &tcp);
    memcpy(r->bytes.b, bytes.data, bytes.size);
    r->bytes.size = bytes.size;
    memcpy(r->key, enr->key, sizeof r->key);
    r->group = there ? sotto_group_of(&addr, p->config.local) : (struct sotto_group){ .size = 0 };
    return SOTTO_OK;
}

enum sotto_err sotto_peers_record(struct sotto_peers *p, struct sotto_span record)
{
    struct sotto_enr enr;
    SOTTO_TRY(sotto_enr_read(&enr, record));
    return keep(p, &enr, record);
}

void sotto_peers_own(struct sotto_peers *p, const struct sotto_enr_record *record) { p->own = *record; }

/* May the asker hear of it? Tried, by us; and the asker knows itself. */
static bool fit(const struct sotto_peers *p, const struct record *r, const uint8_t asker[64])
{
    struct sotto_book_entry e;
    return r->group.size && memcmp(r->key, asker, 64) != 0 && sotto_book_find(p->config.book, &e, r->key) && e.tried && e.failures == 0;
}

static bool crowded(const struct sotto_group *taken, unsigned count, const struct sotto_group *group)
{
    unsigned alike = 0;
    for (unsigned i = 0; i < count; i++) alike += sotto_group_equal(&taken[i], group);
    return alike >= SOTTO_PEERS_PER_GROUP;
}

/* Our own first, then others by a shuffle that ends when there are enough. */
static void answer(struct sotto_peers *p, struct member *m, unsigned wanted)
{
    struct sotto_peer_info info;
    struct sotto_group taken[SOTTO_RL_PEERS_MAX];
    uint16_t order[SOTTO_PEERS_RECORDS_MAX];
    unsigned count = 0, groups = 0;
    if (!p->config.book || p->now.mono_us < m->answer_us || !sotto_host_peer(p->config.host, m->peer, &info)) return;
    m->answer_us = p->now.mono_us + SOTTO_PEERS_GET_US;
    struct sotto_buf b = sotto_buf_make(8 + SOTTO_RL_PEERS_MAX * SOTTO_RL_ENR_MAX);
    size_t mark = sotto_rlp_begin(&b);
    enum sotto_err err = SOTTO_OK;
    if (p->own.size) {
        err = sotto_buf_add_span(&b, sotto_enr_span(&p->own));
        count++;
    }
    for (unsigned i = 0; i < p->record_count; i++) order[i] = (uint16_t)i;
    for (unsigned left = p->record_count; left > 0 && count < wanted && err == SOTTO_OK; left--) {
        unsigned at = (unsigned)sotto_rng_below(p->config.rng, left);
        const struct record *r = p->records[order[at]];
        order[at] = order[left - 1];
        if (!fit(p, r, info.key) || crowded(taken, groups, &r->group)) continue;
        taken[groups++] = r->group;
        err = sotto_buf_add_span(&b, sotto_enr_span(&r->bytes));
        count++;
    }
    if (err == SOTTO_OK) err = sotto_rlp_end_list(&b, mark);
    if (err == SOTTO_OK && say(p, m, SOTTO_RL_PEERS, sotto_buf_span(&b))) p->stats.told += count;
    sotto_buf_free(&b);
}

/* What a neighbour says of others: signed by each of them, and no more than hearsay all the same. */
static void learn(struct sotto_peers *p, struct member *m, const struct sotto_rl_list *list)
{
    struct sotto_peer_info info;
    if (!p->config.book || !m->asked_us || p->now.mono_us + 1 > m->asked_us + SOTTO_PEERS_ANSWER_US || !sotto_host_peer(p->config.host, m->peer, &info)) return;
    m->asked_us = 0;
    struct sotto_rlp at = sotto_rlp(list->items);
    struct sotto_span bytes;
    while (sotto_rlp_more(&at) && sotto_rlp_raw(&at, &bytes) == SOTTO_OK) {
        struct sotto_enr enr;
        struct sotto_enode node;
        struct sotto_addr udp;
        uint16_t tcp;
        if (sotto_enr_read(&enr, bytes) != SOTTO_OK || (!enr.sotto && !p->config.bridge) || !sotto_enr_endpoint(&enr, &udp, &tcp) || tcp == 0) continue;
        node = (struct sotto_enode){ .addr = udp, .udp = udp.port };
        node.addr.port = tcp;
        memcpy(node.key, enr.key, sizeof node.key);
        enum sotto_err err = sotto_book_learn(p->config.book, &node, &info.addr, p->now);
        if (err != SOTTO_OK && err != SOTTO_ERR_EXISTS) continue;
        p->stats.learnt += err == SOTTO_OK;
        (void)!keep(p, &enr, bytes);              /* without memory it is not handed on */
    }
    sotto_log_line(p->config.log, SOTTO_LOG_DEBUG, "p2p", "peers.heard", "conn=%u records=%u", m->peer, list->count);
}

/* ---- our port ---- */

enum sotto_reach sotto_peers_reach(const struct sotto_peers *p, struct sotto_now now)
{
    unsigned yes = 0, no = 0;
    for (unsigned i = 0; i < p->said_count; i++) {
        if (now.mono_us > p->said[i].at_us + SOTTO_PEERS_REACH_US) continue;
        if (p->said[i].reached) yes++;
        else no++;
    }
    return yes >= 2 ? SOTTO_REACH_YES : no >= 3 ? SOTTO_REACH_NO : SOTTO_REACH_UNKNOWN;
}

/* One voice for each group, the latest. */
static void note(struct sotto_peers *p, const struct sotto_group *group, bool reached)
{
    unsigned at = 0;
    while (at < p->said_count && !sotto_group_equal(&p->said[at].group, group)) at++;
    if (at == SAID_MAX) {
        memmove(p->said, p->said + 1, (SAID_MAX - 1) * sizeof *p->said);
        at = SAID_MAX - 1;
    }
    if (at >= p->said_count) p->said_count = at + 1;
    p->said[at] = (struct said){ *group, reached, p->now.mono_us };
}

static void dialled(struct sotto_peers *p, struct member *m, bool reached)
{
    struct sotto_peer_info info;
    if (!m->reach_open || !sotto_host_peer(p->config.host, m->peer, &info)) return;
    m->reach_open = false;
    enum sotto_reach before = sotto_peers_reach(p, p->now);
    struct sotto_group group = sotto_group_of(&info.addr, p->config.local);
    note(p, &group, reached);
    enum sotto_reach after = sotto_peers_reach(p, p->now);
    if (after != before) sotto_log_line(p->config.log, SOTTO_LOG_INFO, "p2p", "reach", "reached=%d", after == SOTTO_REACH_YES);
}

void sotto_peers_port(struct sotto_peers *p, uint16_t port, struct sotto_now now)
{
    if (port == p->config.port) return;
    p->now = now;
    p->config.port = port;
    p->said_count = 0;
    for (unsigned i = 0; i < p->count; i++) {
        p->members[i]->reach_open = false;
        p->members[i]->reach_us = draw(p, SOTTO_PEERS_ASK_US / 4);
    }
}

/* The address is the one that it comes from, as we see it; only the port is its to say. */
static void dial_back(struct sotto_peers *p, struct member *m, uint16_t port)
{
    struct sotto_peer_info info;
    if (!p->config.dials || port == 0 || m->probe || p->now.mono_us < m->dial_us || !sotto_host_peer(p->config.host, m->peer, &info)) return;
    struct sotto_enode node = { .addr = info.addr, .udp = port };
    node.addr.port = port;
    memcpy(node.key, info.key, sizeof node.key);
    if (++p->probes == 0) p->probes = 1;
    if (sotto_host_probe(p->config.host, &node, p->probes, p->now, p->out) != SOTTO_OK) return;       /* too many at once: it asks somebody else */
    m->probe = p->probes;
    m->dial_us = p->now.mono_us + SOTTO_PEERS_DIAL_US;
    p->stats.dialled_back++;
}

void sotto_peers_probed(struct sotto_peers *p, uint32_t token, bool reached, struct sotto_now now)
{
    p->now = now;
    for (unsigned i = 0; i < p->count; i++) {
        struct member *m = p->members[i];
        if (m->probe != token) continue;
        m->probe = 0;
        (void)say_number(p, m, SOTTO_RL_DIALLED, reached);
    }
}

/* ---- what comes, and when we ask ---- */

void sotto_peers_message(struct sotto_peers *p, uint32_t peer, const struct sotto_rl_message *msg, struct sotto_now now)
{
    struct member *m = find(p, peer);
    p->now = now;
    if (!m) return;
    if (msg->code == SOTTO_RL_PEERS_GET) answer(p, m, msg->body->peers_get.count);
    else if (msg->code == SOTTO_RL_PEERS) learn(p, m, &msg->body->list);
    else if (msg->code == SOTTO_RL_DIAL_ME) dial_back(p, m, msg->body->dial_me.port);
    else if (msg->code == SOTTO_RL_DIALLED) dialled(p, m, msg->body->dialled.ok);
    else if (msg->code == SOTTO_RL_NOTICE) {
        p->stats.notices[msg->body->notice.what < NOTICE_KINDS ? msg->body->notice.what : 0]++;
        sotto_log_line(p->config.log, SOTTO_LOG_DEBUG, "p2p", "notice", "conn=%u what=%u", peer, msg->body->notice.what);
    }
}

static bool hungry(const struct sotto_peers *p) { return p->config.book && sotto_book_live(p->config.book) < SOTTO_PEERS_BOOK_LIVE; }
static bool curious(const struct sotto_peers *p) { return p->config.port && sotto_peers_reach(p, p->now) == SOTTO_REACH_UNKNOWN; }

void sotto_peers_tick(struct sotto_peers *p, struct sotto_now now)
{
    p->now = now;
    for (unsigned i = 0; i < p->count; i++) {
        struct member *m = p->members[i];
        if (now.mono_us >= m->ask_us) {
            m->ask_us = draw(p, SOTTO_PEERS_ASK_AGAIN_US);
            if (hungry(p) && say_number(p, m, SOTTO_RL_PEERS_GET, SOTTO_RL_PEERS_MAX)) {
                m->asked_us = now.mono_us + 1;
                p->stats.asked++;
            }
        }
        if (now.mono_us >= m->reach_us) {
            m->reach_us = draw(p, SOTTO_PEERS_ASK_AGAIN_US);
            if (curious(p)) m->reach_open = say_number(p, m, SOTTO_RL_DIAL_ME, p->config.port);
        }
    }
}

uint64_t sotto_peers_deadline(const struct sotto_peers *p)
{
    uint64_t at = NONE;
    for (unsigned i = 0; i < p->count; i++) {
        const struct member *m = p->members[i];
        if (m->ask_us < at) at = m->ask_us;
        if (m->reach_us < at) at = m->reach_us;
    }
    return at;
}

/* ---- links ---- */

void sotto_peers_up(struct sotto_peers *p, uint32_t peer, struct sotto_now now)
{
    struct sotto_peer_info info;
    p->now = now;
    if (!sotto_host_peer(p->config.host, peer, &info)) return;
    if (p->count == p->cap) {
        unsigned cap = p->cap ? p->cap * 2 : 16;
        struct member **members = realloc(p->members, cap * sizeof *members);
        if (!members) return;                     /* a neighbour that is asked for nothing, and gets no answer */
        p->members = members;
        p->cap = cap;
    }
    struct member *m = calloc(1, sizeof *m);
    if (!m) return;
    *m = (struct member){ .peer = peer, .inbound = info.inbound, .ask_us = NONE, .reach_us = NONE };
    if (!info.inbound || info.is_static) {        /* a stranger who dialled us is not asked where to go, nor whether others reach us */
        m->ask_us = p->config.book ? draw(p, SOTTO_PEERS_ASK_US) : NONE;
        m->reach_us = draw(p, SOTTO_PEERS_ASK_US / 4);
    }
    p->members[p->count++] = m;
}

void sotto_peers_down(struct sotto_peers *p, uint32_t peer, struct sotto_now now)
{
    struct member *m = find(p, peer);
    p->now = now;
    if (!m) return;
    for (unsigned i = 0; i < p->count; i++)
        if (p->members[i] == m) p->members[i] = p->members[--p->count];
    free(m);
}

void sotto_peers_going(struct sotto_peers *p, struct sotto_now now)
{
    uint8_t bytes[16];
    struct sotto_buf b = { bytes, 0, sizeof bytes, sizeof bytes };
    enum sotto_err err = sotto_rl_body_numbers(&b, (const uint64_t[]){ SOTTO_RL_NOTICE_AWAY, 0 }, 2);
    SOTTO_ASSERT(err == SOTTO_OK);
    p->now = now;
    for (unsigned i = 0; i < p->count; i++) (void)say(p, p->members[i], SOTTO_RL_NOTICE, sotto_buf_span(&b));
}

/* ---- the object ---- */

enum sotto_err sotto_peers_new(struct sotto_peers **out, const struct sotto_peers_config *config)
{
    SOTTO_ASSERT(config->links && config->host && config->rng);
    struct sotto_peers *p = calloc(1, sizeof *p);
    if (!p) return SOTTO_ERR_NOMEM;
    p->config = *config;
    *out = p;
    return SOTTO_OK;
}

void sotto_peers_free(struct sotto_peers *p)
{
    if (!p) return;
    for (unsigned i = 0; i < p->count; i++) free(p->members[i]);
    for (unsigned i = 0; i < p->record_count; i++) free(p->records[i]);
    free(p->members);
    free(p);
}

void sotto_peers_enter(struct sotto_peers *p, struct sotto_outq *out) { p->out = out; }
const struct sotto_peers_stats *sotto_peers_stats(const struct sotto_peers *p) { return &p->stats; }
