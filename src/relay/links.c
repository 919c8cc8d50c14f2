#include "relay/links.h"

#include <stdlib.h>

#define NONE UINT64_MAX

struct member {
    struct sotto_links *all;
    uint32_t peer;
    struct sotto_rl *link;
    bool was_up, over;                            /* over: the link ended, the connection follows */
    uint64_t ping_us;
    bool paced;
    uint64_t slot_us;                             /* paced: its next slot; NONE until it is up */
};

struct sotto_links {
    struct sotto_links_config config;             /* key wiped */
    struct sotto_scalar *key;                     /* guarded */
    struct sotto_point pub;
    struct sotto_capability capability;
    struct sotto_host *host;
    struct sotto_outq *out;                       /* of the step in progress */
    struct sotto_now now;                         /* of the call in progress */
    struct sotto_rl_budget budget;
    struct member **members;
    unsigned count, cap;
};

static struct member *find(const struct sotto_links *l, uint32_t peer)
{
    for (unsigned i = 0; i < l->count; i++)
        if (l->members[i]->peer == peer) return l->members[i];
    return NULL;
}

/* What the line takes: a cell is a frame, and so much longer than its payload (whole blocks, two MACs, the literal's head). */
static void room(struct member *m)
{
    size_t ahead = sotto_host_backlog(m->all->host, m->peer);
    sotto_rl_room(m->link, ahead < SOTTO_LINKS_AHEAD ? SOTTO_LINKS_AHEAD - ahead : 0);
}

static void let_go(struct member *m, enum sotto_reason reason)
{
    struct sotto_links *l = m->all;
    if (m->over) return;
    m->over = true;
    sotto_host_disconnect(l->host, m->peer, reason, l->now, l->out);
}

static uint64_t next_slot(const struct sotto_links *l) { return l->now.mono_us + sotto_rng_exp_us(l->config.rng, l->config.cell_slot_us); }

/* ---- what a link says ---- */

static void frame(void *owner, unsigned code, struct sotto_span payload)
{
    struct member *m = owner;
    struct sotto_links *l = m->all;
    if (m->over) return;
    enum sotto_err err = sotto_host_send(l->host, m->peer, &l->capability, code, payload, l->now, l->out);
    if (err != SOTTO_OK) let_go(m, SOTTO_REASON_TOO_MANY);            /* a cell that is lost is never made up for */
}

static void up(void *owner)
{
    struct member *m = owner;
    struct sotto_links *l = m->all;
    m->was_up = true;
    m->ping_us = l->now.mono_us;                  /* so that it is known soon what the round trip is */
    if (m->paced) m->slot_us = next_slot(l);
    sotto_log_line(l->config.log, SOTTO_LOG_INFO, "p2p", "link.up", "conn=%u", m->peer);
    if (l->config.up) l->config.up(l->config.owner, m->peer, l->now);
}

static void message(void *owner, const struct sotto_rl_message *msg)
{
    struct member *m = owner;
    struct sotto_links *l = m->all;
    if (!m->over && l->config.message) l->config.message(l->config.owner, m->peer, msg, l->now);
}

static void pause_peer(void *owner, uint64_t until_us)
{
    struct member *m = owner;
    if (!m->over) sotto_host_pause(m->all->host, m->peer, until_us, m->all->out);
}

static void ended(void *owner, enum sotto_err err)
{
    struct member *m = owner;
    struct sotto_links *l = m->all;
    struct sotto_rl_penalty penalty = sotto_rl_penalty(err);
    if (m->over) return;
    if (penalty.score) sotto_host_offend(l->host, m->peer, penalty.score, sotto_err_name(err), l->now, l->out);
    let_go(m, penalty.reason);
}

/* ---- what the host says ---- */

static void member_free(struct member *m)
{
    sotto_rl_free(m->link);
    free(m);
}

static enum sotto_err begin(struct sotto_links *l, uint32_t peer)
{
    struct sotto_peer_info info;
    struct sotto_rl_config config = { .key = l->key, .own_pub = l->pub, .options = l->config.options, .budget = &l->budget, .rng = l->config.rng };
    if (!sotto_host_peer(l->host, peer, &info)) return SOTTO_ERR_MISSING;
    SOTTO_TRY(sotto_point_from64(&config.peer_pub, info.key));
    config.dialled = !info.inbound;
    if (config.dialled && l->config.dialled_cells_rate) {
        if (!(config.options.has & SOTTO_RL_HAS(3))) {
            config.options.bytes_rate = SOTTO_RL_BYTES_RATE;
            config.options.window = SOTTO_RL_WINDOW_2;
        }
        config.options.has |= SOTTO_RL_HAS(3);
        config.options.cells_rate = l->config.dialled_cells_rate;
    }
    if (l->count == l->cap) {
        unsigned cap = l->cap ? l->cap * 2 : 16;
        struct member **members = realloc(l->members, cap * sizeof *members);
        if (!members) return SOTTO_ERR_NOMEM;
        l->members = members;
        l->cap = cap;
    }
    struct member *m = calloc(1, sizeof *m);
    if (!m) return SOTTO_ERR_NOMEM;
    *m = (struct member){ .all = l, .peer = peer, .ping_us = NONE, .slot_us = NONE, .paced = config.dialled && l->config.cell_slot_us };
    config.paced = m->paced;
    config.sink = (struct sotto_rl_sink){ m, frame, up, message, pause_peer, ended };
    enum sotto_err err = sotto_rl_new(&m->link, &config, l->now);
    if (err != SOTTO_OK) {
        free(m);
        return err;
    }
    l->members[l->count++] = m;
    room(m);
    sotto_rl_begin(m->link, l->now);
    return SOTTO_OK;
}

static void peer_up(void *owner, uint32_t peer, struct sotto_now now)
{
    struct sotto_links *l = owner;
    l->now = now;
    if (begin(l, peer) != SOTTO_OK) sotto_host_disconnect(l->host, peer, SOTTO_REASON_TOO_MANY, now, l->out);
}

static void peer_message(void *owner, uint32_t peer, unsigned code, struct sotto_span payload, struct sotto_now now)
{
    struct sotto_links *l = owner;
    struct member *m = find(l, peer);
    l->now = now;
    if (!m || m->over) return;
    room(m);
    sotto_rl_frame(m->link, code, payload, now);
}

static void peer_down(void *owner, uint32_t peer, struct sotto_now now)
{
    struct sotto_links *l = owner;
    struct member *m = find(l, peer);
    l->now = now;
    if (!m) return;
    for (unsigned i = 0; i < l->count; i++)
        if (l->members[i] == m) l->members[i] = l->members[--l->count];
    bool was_up = m->was_up;
    member_free(m);
    if (was_up && l->config.down) l->config.down(l->config.owner, peer, now);
}

/* ---- the object ---- */

enum sotto_err sotto_links_new(struct sotto_links **out, const struct sotto_links_config *config)
{
    SOTTO_ASSERT(config->rng && config->options.has & SOTTO_RL_HAS(1));
    struct sotto_links *l = calloc(1, sizeof *l);
    if (!l) return SOTTO_ERR_NOMEM;
    l->config = *config;
    SOTTO_WIPE(l->config.key);
    l->budget.max = SOTTO_RL_BUDGET_MAX;
    l->capability = (struct sotto_capability){ .name = "sotto", .version = 1, .codes = SOTTO_LINKS_CODES, .literal = true, .owner = l,
                                               .up = peer_up, .message = peer_message, .down = peer_down };
    l->key = sotto_guard_new(sizeof *l->key, NULL);
    enum sotto_err err = l->key ? sotto_point_make(&l->pub, &config->key) : SOTTO_ERR_NOMEM;
    if (err != SOTTO_OK) {
        sotto_links_free(l);
        return err;
    }
    *l->key = config->key;
    *out = l;
    return SOTTO_OK;
}

void sotto_links_free(struct sotto_links *l)
{
    if (!l) return;
    for (unsigned i = 0; i < l->count; i++) member_free(l->members[i]);
    free(l->members);
    sotto_guard_free(l->key);
    free(l);
}

const struct sotto_capability *sotto_links_capability(struct sotto_links *l) { return &l->capability; }
void sotto_links_attach(struct sotto_links *l, struct sotto_host *host) { l->host = host; }
struct sotto_host *sotto_links_host(const struct sotto_links *l) { return l->host; }
void sotto_links_enter(struct sotto_links *l, struct sotto_outq *out) { l->out = out; }

void sotto_links_tick(struct sotto_links *l, struct sotto_now now)
{
    SOTTO_ASSERT(l->out);
    l->now = now;
    for (unsigned i = 0; i < l->count; i++) {
        struct member *m = l->members[i];
        if (m->over) continue;
        room(m);
        sotto_rl_tick(m->link, now);
        if (!m->over) sotto_rl_flush(m->link, now);
        if (!m->over && now.mono_us >= m->slot_us) {
            m->slot_us = next_slot(l);            /* one that was missed is not made up */
            (void)sotto_rl_slot(m->link, now);
        }
        if (m->over || now.mono_us < m->ping_us) continue;
        m->ping_us = now.mono_us + SOTTO_LINKS_PING_US + sotto_rng_below(l->config.rng, SOTTO_LINKS_PING_US);
        (void)!sotto_rl_ping(m->link, now);       /* the last one is not answered: then it is known as it was */
    }
}

uint64_t sotto_links_deadline(const struct sotto_links *l)
{
    uint64_t at = NONE;
    for (unsigned i = 0; i < l->count; i++) {
        const struct member *m = l->members[i];
        if (m->over) continue;
        uint64_t when = sotto_rl_deadline(m->link);
        if (m->ping_us < when) when = m->ping_us;
        if (m->slot_us < when) when = m->slot_us;
        if (when < at) at = when;
    }
    return at;
}

enum sotto_err sotto_links_send(struct sotto_links *l, uint32_t peer, uint8_t code, struct sotto_span body, struct sotto_now now)
{
    struct member *m = find(l, peer);
    if (!m || m->over || !m->was_up) return SOTTO_ERR_MISSING;
    l->now = now;
    return sotto_rl_send(m->link, code, body);    /* leaves with the tick of this step: messages that belong together share cells */
}

bool sotto_links_info(const struct sotto_links *l, uint32_t peer, struct sotto_rl_info *out)
{
    const struct member *m = find(l, peer);
    if (m) sotto_rl_info(m->link, out);
    return m != NULL;
}

unsigned sotto_links_up(const struct sotto_links *l)
{
    unsigned count = 0;
    for (unsigned i = 0; i < l->count; i++) count += l->members[i]->was_up && !l->members[i]->over;
    return count;
}
