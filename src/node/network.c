/* The network core on real sockets: its inputs come from io/tcp and the miner, its wishes go back there, and what it delivers
 * goes to the open accounts. */
#include "node/impl.h"

#include "identity/hello.h"

#include <stdio.h>
#include <stdlib.h>

#define IDLE_BUDGET 10u                   /* multiplications prepared in one turn of the loop: half a millisecond that input may wait */
#define IDLE_PAUSE_US 1000u               /* between two such turns: everything else comes first */
#define AWAY_US (10 * 60 * 1000000ull)    /* without any neighbour: more than a few cells may have passed by, a look-ahead holds 8 to 32 */
#define CLOCK_JUMP_MS (5 * 60000)         /* of the wall clock: envelopes live 30 minutes, and what seemed too old or too new is none now */
#define TICK_AGAIN_US 5000000u            /* after a tick that could not be stored: a disk is given room by people, not in milliseconds */

/* Work on the MINE lane: an envelope's nonce for the network core, or a first contact's puzzle for an account. */
struct mine {
    struct mine *next;
    struct sotto_node *node;
    struct sotto_job *job;
    uint32_t account;                     /* 0 = an envelope of the network core */
    uint64_t token, first, found, took_us;
    unsigned bits;
    bool ok, dropped;
    struct sotto_buf prefix;              /* envelopes */
    uint8_t digest[32];                   /* puzzles */
};

static uint64_t net_id(const struct sotto_node_account *a, uint64_t cell) { return (uint64_t)a->number << 48 | cell; }

static void mine_run(void *arg, const atomic_bool *cancel)
{
    struct mine *m = arg;
    if (!m->account) {
        uint64_t before = sotto_io_now().mono_us;
        m->ok = sotto_work_search(&m->found, sotto_buf_span(&m->prefix), m->first, m->bits, cancel) == SOTTO_OK;
        m->took_us = sotto_io_now().mono_us - before;
        return;
    }
    uint64_t at = m->first;
    while (!m->ok && !atomic_load(cancel)) m->ok = sotto_puzzle_search(&m->found, &at, m->digest, m->bits, 4096);
}

static void flush(struct sotto_node *n, bool linger);

static void step(struct sotto_node *n, const struct sotto_in *in, struct sotto_now now)
{
    sotto_net_step(n->net, in, now, &n->outq);
    flush(n, true);
}

static void mine_done(void *arg, bool cancelled)
{
    struct mine *m = arg;
    struct sotto_node *n = m->node;
    struct mine **at = (struct mine **)&n->mining;
    while (*at != m) at = &(*at)->next;
    *at = m->next;
    bool ok = m->ok && !m->dropped;
    if (ok && !m->account) sotto_histogram_add(&n->meters.work, m->took_us);
    if (m->account) sotto_batch_close(n);                 /* it may fail, and the account be another object then */
    if (m->account) {
        struct sotto_node_account *a = sotto_account_number(n, m->account);
        if (ok && a && a->messenger && !n->stopping) {
            sotto_txn_begin(n);
            sotto_messenger_solved(a->messenger, m->token, m->found, sotto_io_now(), &a->acts);
            sotto_txn_apply(n, a);
            enum sotto_err err = sotto_txn_end(n, true);
            if (err != SOTTO_OK) sotto_log_line(n->log, SOTTO_LOG_ERROR, "store", "commit-failed", "reason=%s", sotto_err_name(err));
        }
    } else if (!m->dropped && !cancelled && n->net && !n->stopping) {
        uint8_t found[1] = { 1 };
        struct sotto_in in = { .kind = SOTTO_IN_MINED, .token = m->token, .value = ok ? m->found : 0, .bytes = sotto_span(found, ok) };
        step(n, &in, sotto_io_now());
    }
    sotto_buf_free(&m->prefix);
    free(m);
    sotto_network_solve_again(n);                         /* there is a place in the lane now */
}

/* A search that cannot begin has found nothing: the core takes the cell up again after a while. */
static void mine_failed(struct sotto_node *n, uint64_t token)
{
    struct sotto_in in = { .kind = SOTTO_IN_MINED, .token = token };
    sotto_net_step(n->net, &in, sotto_io_now(), &n->outq);
}

static void mine_free(struct mine *m)
{
    sotto_buf_free(&m->prefix);
    free(m);
}

static bool mine_try(struct sotto_node *n, struct mine *m)
{
    if (sotto_workers_run(n->workers, &m->job, SOTTO_LANE_MINE, mine_run, mine_done, m) != SOTTO_OK) return false;
    m->next = n->mining;
    n->mining = m;
    return true;
}

static void mine_start(struct sotto_node *n, struct mine *m)
{
    m->node = n;
    if (mine_try(n, m)) return;
    sotto_log_line(n->log, SOTTO_LOG_WARN, "work", "lane-full", NULL);
    if (m->account) {                                     /* nobody else would ask again for a puzzle before the account is loaded anew */
        m->next = n->mine_waiting;
        n->mine_waiting = m;
    } else {
        mine_failed(n, m->token);
        mine_free(m);
    }
}

void sotto_network_solve_again(struct sotto_node *n)
{
    struct mine *m;
    while ((m = n->mine_waiting) && !n->stopping) {
        n->mine_waiting = m->next;
        if (mine_try(n, m)) continue;
        m->next = n->mine_waiting;
        n->mine_waiting = m;
        return;
    }
}

/* token 0: all of that account */
static void mine_unwait(struct sotto_node *n, uint32_t account, uint64_t token)
{
    for (struct mine **at = (struct mine **)&n->mine_waiting; *at;) {
        struct mine *m = *at;
        if (m->account != account || (token && m->token != token)) {
            at = &m->next;
            continue;
        }
        *at = m->next;
        mine_free(m);
    }
}

static void mine_cancel(struct sotto_node *n, uint32_t account, uint64_t token)
{
    if (account) mine_unwait(n, account, token);
    for (struct mine *m = n->mining; m; m = m->next)
        if (m->account == account && m->token == token && !m->dropped) {
            m->dropped = true;
            sotto_job_cancel(m->job);
        }
}

static void mine_envelope(struct sotto_node *n, struct sotto_out *out)
{
    struct mine *m = calloc(1, sizeof *m);
    if (!m) {
        mine_failed(n, out->token);
        return;
    }
    m->token = out->token;
    m->first = out->value;
    m->bits = out->bits;
    m->prefix = out->bytes;
    out->bytes = sotto_buf_make(out->bytes.max);
    mine_start(n, m);
}

void sotto_network_solve(struct sotto_node *n, struct sotto_node_account *a, const struct sotto_act *act)
{
    for (struct mine *m = n->mining; m; m = m->next)
        if (m->account == a->number && m->token == act->row && !m->dropped) return;       /* an account loaded again asks again */
    mine_unwait(n, a->number, act->row);
    struct mine *m = calloc(1, sizeof *m);
    if (!m) return;
    m->account = a->number;
    m->token = act->row;
    m->bits = act->bits;
    m->first = sotto_rng_u64(&n->rng.rng);
    memcpy(m->digest, act->digest, 32);
    m->prefix = sotto_buf_make(1);
    mine_start(n, m);
}

void sotto_network_unsolve(struct sotto_node *n, struct sotto_node_account *a, uint64_t token) { mine_cancel(n, a->number, token); }

/* One cell to every open account; the first that knows it keeps it. */
static void deliver(struct sotto_node *n, const uint8_t *sealed, struct sotto_now now)
{
    for (unsigned i = 0; i < n->account_count; i++) {
        struct sotto_node_account *a = n->accounts[i];
        if (!a->messenger) continue;
        enum sotto_err err = sotto_messenger_cell_in(a->messenger, sealed, now, &a->acts);
        if (a->acts.count) sotto_txn_apply(n, a);
        if (err == SOTTO_ERR_NOT_MINE) continue;
        if (err == SOTTO_ERR_NOMEM) {                     /* the object is half changed: from the rows again, and the cell with it */
            a->dirty = true;
            sotto_txn_fail(n, err);
        }
        if (err != SOTTO_OK) {
            n->refused[err]++;
            sotto_log_line(n->log, SOTTO_LOG_INFO, "message", "cell-refused", "reason=%s", sotto_err_name(err));
        }
        return;
    }
}

static void cell_feedback(struct sotto_node *n, const struct sotto_out *out, struct sotto_now now)
{
    struct sotto_node_account *a = sotto_account_number(n, (uint32_t)(out->token >> 48));
    if (!a || !a->messenger) return;
    uint64_t cell = out->token & ((1ull << 48) - 1);
    if (out->kind == SOTTO_OUT_CELL_SENT) sotto_messenger_cell_sent(a->messenger, cell, now, &a->acts);
    else sotto_messenger_cell_expired(a->messenger, cell, now, &a->acts);
    sotto_txn_apply(n, a);
}

static void backlog_move(struct sotto_node *n, struct sotto_now now)
{
    while (n->backlog_count) {
        struct sotto_backlog *b = &n->backlog[n->backlog_head];
        enum sotto_err err = b->id ? sotto_net_submit(n->net, b->id, b->sealed, now, &n->outq) : SOTTO_OK;
        if (err == SOTTO_ERR_FULL) return;
        n->backlog_head = (n->backlog_head + 1) % SOTTO_BACKLOG_MAX;
        n->backlog_count--;
    }
}

void sotto_network_submit(struct sotto_node *n, struct sotto_node_account *a, uint64_t cell, struct sotto_span sealed)
{
    SOTTO_ASSERT(sealed.size == SOTTO_SEALED_SIZE && cell < 1ull << 48);
    uint64_t id = net_id(a, cell);
    for (size_t i = 0; i < n->backlog_count; i++)
        if (n->backlog[(n->backlog_head + i) % SOTTO_BACKLOG_MAX].id == id) return;
    if (n->backlog_count == SOTTO_BACKLOG_MAX) {
        /* it stays a row: the next start, or the next account loaded, brings it again */
        sotto_log_line(n->log, SOTTO_LOG_WARN, "message", "backlog-full", NULL);
        return;
    }
    struct sotto_backlog *b = &n->backlog[(n->backlog_head + n->backlog_count++) % SOTTO_BACKLOG_MAX];
    b->id = id;
    memcpy(b->sealed, sealed.data, SOTTO_SEALED_SIZE);
}

void sotto_network_cancel(struct sotto_node *n, struct sotto_node_account *a, uint64_t cell)
{
    uint64_t id = net_id(a, cell);
    for (size_t i = 0; i < n->backlog_count; i++) {
        struct sotto_backlog *b = &n->backlog[(n->backlog_head + i) % SOTTO_BACKLOG_MAX];
        if (b->id == id) b->id = 0;                       /* skipped when its turn comes */
    }
    if (n->net && sotto_net_cancel(n->net, id, &n->outq) == SOTTO_OK) sotto_network_flush(n);
}

void sotto_network_forget(struct sotto_node *n, struct sotto_node_account *a)
{
    for (size_t i = 0; i < n->backlog_count; i++) {
        struct sotto_backlog *b = &n->backlog[(n->backlog_head + i) % SOTTO_BACKLOG_MAX];
        if (b->id >> 48 == a->number) b->id = 0;
    }
    mine_unwait(n, a->number, 0);
    for (struct mine *m = n->mining; m; m = m->next)
        if (m->account == a->number && !m->dropped) {
            m->dropped = true;
            sotto_job_cancel(m->job);
        }
}

struct replay { struct sotto_node *node; struct sotto_node_account *account; struct sotto_now now; };
static void replay_one(void *ctx, const uint8_t sealed[SOTTO_SEALED_SIZE], uint32_t expiry)
{
    struct replay *r = ctx;
    (void)expiry;
    if (!r->account->messenger) return;
    enum sotto_err err = sotto_messenger_cell_in(r->account->messenger, sealed, r->now, &r->account->acts);
    if (r->account->acts.count) sotto_txn_apply(r->node, r->account);
    if (err != SOTTO_OK && err != SOTTO_ERR_NOT_MINE) r->node->refused[err]++;
}

void sotto_network_probe(struct sotto_node *n, struct sotto_node_account *a)
{
    struct replay r = { n, a, sotto_io_now() };
    if (!n->net || !a->messenger) return;
    sotto_net_replay(n->net, replay_one, &r);
}

#define PEER_EVENTS_MAX 150u              /* stored in ten minutes, 151,200 a week of the 200,000 rows: who dials and goes all day must not push what matters out */
#define PEER_EVENTS_US (600 * UINT64_C(1000000))

static void peer_event(struct sotto_node *n, const struct sotto_out *out, struct sotto_now now)
{
    if (out->value && n->peers++ == 0 && now.mono_us - (n->alone_us ? n->alone_us : n->started_us) >= AWAY_US) n->away = true;
    if (!out->value && n->peers && --n->peers == 0) n->alone_us = now.mono_us;
    if (now.mono_us >= n->peer_events_us) {
        n->peer_events_us = now.mono_us + PEER_EVENTS_US;
        n->peer_events = 0;
    }
    if (n->peer_events >= PEER_EVENTS_MAX) return;
    n->peer_events++;
    json_t *data = json_object();
    char name[16];
    snprintf(name, sizeof name, "p%u", out->conn);
    json_object_set_new(data, "peer", json_string(name));
    json_object_set_new(data, "up", json_boolean(out->value));
    sotto_txn_begin(n);
    enum sotto_err err = sotto_event_add(n, NULL, "node.peer", data);
    if (err != SOTTO_OK) sotto_txn_fail(n, err);
    err = sotto_txn_end(n, true);
    if (err != SOTTO_OK) sotto_log_line(n->log, SOTTO_LOG_WARN, "store", "event-lost", "reason=%s", sotto_err_name(err));
}

/* Performs what the network core wants, until it wants nothing more. What arrives together is committed together; linger: more may
 * arrive in this turn of the loop. */
static void flush(struct sotto_node *n, bool linger)
{
    if (n->flushing || !n->net) return;
    linger = linger && n->turn_timer && !n->stopping && (n->batch || n->txn_depth == 0);
    n->flushing = true;
    struct sotto_now now = sotto_io_now();
    for (;;) {
        backlog_move(n, now);
        if (n->outq.count == 0) {
            if (!n->batch || (linger && !sotto_batch_full(n, now))) break;
            sotto_batch_close(n);                         /* performs deferred acts: may add wishes */
            continue;
        }
        struct sotto_outq q = n->outq;
        n->outq = sotto_outq_make(q.max);
        for (uint32_t i = 0; i < q.count; i++) {
            struct sotto_out *out = &q.slots[i];
            if (sotto_io_net_perform(n->io_net, out)) continue;
            if (out->kind == SOTTO_OUT_MINE) mine_envelope(n, out);
            else if (out->kind == SOTTO_OUT_MINE_CANCEL) mine_cancel(n, 0, out->token);
            else if (out->kind == SOTTO_OUT_PEER) peer_event(n, out, now);
            else if (out->kind == SOTTO_OUT_DIRECT) sotto_desk_direct(n, &out->bytes);
            else if (out->kind == SOTTO_OUT_DELIVER || out->kind == SOTTO_OUT_CELL_SENT || out->kind == SOTTO_OUT_CELL_EXPIRED) {
                if (!n->batch) sotto_batch_open(n);
                n->batch_cells++;
                if (out->kind == SOTTO_OUT_DELIVER) deliver(n, out->bytes.data, now);
                else cell_feedback(n, out, now);
            }
        }
        sotto_outq_free(&q);
    }
    n->flushing = false;
    sotto_desk_look(n);
    sotto_network_wake(n);
}

void sotto_network_flush(struct sotto_node *n) { flush(n, false); }

void sotto_network_tick(void *ctx, struct sotto_now now)
{
    struct sotto_node *n = ctx;
    struct sotto_in in = { .kind = SOTTO_IN_TICK };
    step(n, &in, now);
}

void sotto_chat_tick(void *ctx, struct sotto_now now)
{
    struct sotto_node *n = ctx;
    sotto_batch_close(n);
    sotto_txn_begin(n);
    for (unsigned i = 0; i < n->account_count; i++) {
        struct sotto_node_account *a = n->accounts[i];
        if (!a->messenger) continue;
        if (n->away) sotto_messenger_away(a->messenger, now, &a->acts);
        if (sotto_messenger_deadline(a->messenger) <= now.wall_ms) sotto_messenger_tick(a->messenger, now, &a->acts);
        if (a->acts.count) sotto_txn_apply(n, a);
    }
    n->away = false;
    enum sotto_err err = sotto_txn_end(n, true);
    if (err != SOTTO_OK) {
        /* the same deadline is due again at once: a full disk must not become a busy loop */
        n->chat_hold_us = now.mono_us + TICK_AGAIN_US;
        sotto_log_line(n->log, SOTTO_LOG_ERROR, "store", "commit-failed", "reason=%s", sotto_err_name(err));
    }
    sotto_network_wake(n);
}

static void idle_soon(struct sotto_node *n, struct sotto_now now)
{
    bool idle = false;
    for (unsigned i = 0; i < n->account_count; i++) idle |= n->accounts[i]->messenger && sotto_messenger_idle(n->accounts[i]->messenger);
    if (idle && n->idle_timer && !n->stopping) sotto_timer_set(n->idle_timer, now.mono_us + IDLE_PAUSE_US);
}

/* What the next messages will need, in small pieces, while no commit and nothing on its way out waits (messaging.md 4.11). */
void sotto_idle_turn(void *ctx, struct sotto_now now)
{
    struct sotto_node *n = ctx;
    for (unsigned i = 0; i < n->account_count && !n->batch && n->txn_depth == 0; i++) {
        struct sotto_node_account *a = n->accounts[i];
        if (!a->messenger) continue;
        (void)sotto_messenger_prepare(a->messenger, IDLE_BUDGET, now, &a->acts);
        if (!a->acts.count) continue;
        sotto_txn_begin(n);                           /* new tags: the pool is asked for them, nothing is stored */
        sotto_txn_apply(n, a);
        enum sotto_err err = sotto_txn_end(n, true);
        if (err != SOTTO_OK) sotto_log_line(n->log, SOTTO_LOG_ERROR, "store", "commit-failed", "reason=%s", sotto_err_name(err));
    }
    idle_soon(n, now);
}

static void clock_look(struct sotto_node *n, struct sotto_now now)
{
    int64_t clock_ms = (int64_t)now.wall_ms - (int64_t)(now.mono_us / 1000), moved = clock_ms - n->clock_ms;
    if (n->clock_ms && (moved >= CLOCK_JUMP_MS || moved <= -CLOCK_JUMP_MS)) n->away = true;        /* a machine that slept looks the same */
    n->clock_ms = clock_ms;
}

void sotto_network_wake(struct sotto_node *n)
{
    if (n->stopping) return;
    if (n->net) sotto_timer_set(n->net_timer, sotto_net_deadline(n->net));
    struct sotto_now now = sotto_io_now();
    clock_look(n, now);
    idle_soon(n, now);
    uint64_t soonest = UINT64_MAX;
    for (unsigned i = 0; i < n->account_count; i++) {
        struct sotto_node_account *a = n->accounts[i];
        uint64_t at = a->messenger ? sotto_messenger_deadline(a->messenger) : UINT64_MAX;
        if (at < soonest) soonest = at;
    }
    /* the wall clock may jump: look again at least once a minute */
    uint64_t wait_ms = soonest == UINT64_MAX ? 60000 : soonest > now.wall_ms ? soonest - now.wall_ms : 0;
    if (wait_ms > 60000) wait_ms = 60000;
    if (n->away && n->account_count) soonest = now.wall_ms, wait_ms = 0;
    if (soonest == UINT64_MAX) sotto_timer_stop(n->chat_timer);
    else {
        uint64_t due_us = now.mono_us + wait_ms * 1000;
        sotto_timer_set(n->chat_timer, due_us > n->chat_hold_us ? due_us : n->chat_hold_us);
    }
}

void sotto_network_input(void *node, const struct sotto_in *in, struct sotto_now now)
{
    struct sotto_node *n = node;
    if (in->kind == SOTTO_IN_DATA) n->meters.bytes[0] += in->bytes.size;
    if (in->kind == SOTTO_IN_SENT) n->meters.bytes[1] += in->token;
    step(n, in, now);
}

enum sotto_err sotto_network_found(struct sotto_node *n, const struct sotto_enode *node) { return sotto_network_learned(n, node, &node->addr); }

void sotto_network_external(struct sotto_node *n, const struct sotto_addr *addr)
{
    if (n->local || !n->everywhere) return;               /* listening on one address: that is where we are */
    uint16_t port = n->self.addr.port;
    n->self.addr = *addr;
    n->self.addr.port = port;
}

void sotto_network_stop(struct sotto_node *n)
{
    sotto_nat_stop(n);
    sotto_beacon_stop(n);
    sotto_discovery_stop(n);
    if (!n->net) return;
    sotto_neighbours_save(n);
    sotto_io_net_unlisten(n->io_net);
    sotto_net_quit(n->net, sotto_io_now(), &n->outq);
    for (uint32_t i = 0; i < n->outq.count; i++) sotto_io_net_perform(n->io_net, &n->outq.slots[i]);
    sotto_outq_clear(&n->outq);
}

void sotto_network_free(struct sotto_node *n)
{
    struct mine *m;
    sotto_nat_free(n);
    sotto_beacon_free(n);
    sotto_discovery_free(n);
    while ((m = n->mine_waiting)) {
        n->mine_waiting = m->next;
        mine_free(m);
    }
}
