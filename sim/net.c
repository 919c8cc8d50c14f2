#include "sim/net.h"

#include "io/tcp.h"

#include <stdlib.h>

#define HOST_GONE_RETRY_US 3000000u         /* what was sent to a machine without power is sent again */
#define AGAIN_MAX_US 1000000u               /* after a partition: when the sender tries again */

enum state { DIALING, OPEN, FLUSHING, GONE };
enum piece_kind { PIECE_DATA, PIECE_OPENED, PIECE_REFUSED, PIECE_END };

struct piece { struct piece *next; enum piece_kind kind; uint64_t arrive_us; uint8_t *data; size_t size; };
struct chunk { struct chunk *next; uint8_t *data; size_t size, sent; };
struct link;

struct end {                                /* of a connection, at one machine */
    struct link *link;
    struct sotto_io_net *net;               /* NULL: the machine knows nothing of it (any more) */
    struct sim_machine *machine;
    struct end *next, **back;               /* in net */
    uint32_t number;
    struct sotto_addr addr;                 /* of the other one, as this one sees it */
    enum state state;
    bool accepted, reading, shut;
    struct chunk *first, **last;            /* not yet on the wire */
    size_t queued, told;                    /* told: taken by the wire, SENT not yet told */
    struct piece *in, **in_last;            /* on its way here, or here and not read */
    size_t in_bytes;
    uint64_t in_last_us;
    bool held;                              /* its first piece waits for the end of a partition */
    struct sim_event arrive, sent, timer;
};

struct link { struct link *next, **back; struct sim_net *net; uint64_t id; struct end ends[2]; };

struct sotto_io_net {
    struct sotto_io_net_config config;
    struct sim_net *wires;
    struct sim_machine *machine;
    struct end *ends;
    unsigned conn_count, accepted_count;
    uint16_t ports[8];
    unsigned port_count;
    uint32_t *failed;                       /* to be told CLOSED in a later turn */
    unsigned failed_count, failed_max;
    struct sim_event later;
};

struct sim_net {
    struct sim_world *world;
    struct sim_net_config config;
    struct link *links;
    uint64_t next_id;
    uint32_t delay_us[SIM_MACHINES_MAX][SIM_MACHINES_MAX];
    bool parted[SIM_MACHINES_MAX][SIM_MACHINES_MAX];
    uint32_t stall_us[SIM_MACHINES_MAX];
    uint16_t next_port;
    struct sotto_chacha_rng dice;
    sim_wire_fn *listen;
    void *listen_ctx;
};

/* ---- the object ---- */

struct sim_net_config sim_net_quiet(void)
{
    return (struct sim_net_config){ .delay_min_us = 10000, .delay_max_us = 90000, .jitter_mean_us = 2000, .bytes_per_s = 1000000,
                                    .window = 256u << 10, .piece_max = 65536 };
}

struct sim_net *sim_net_new(struct sim_world *w)
{
    struct sim_net *net = sim_alloc(sizeof *net);
    net->world = w;
    net->config = sim_net_quiet();
    net->next_port = 40000;
    sotto_rng_from_seed(&net->dice, w->seed, "sim/net");
    return net;
}

struct sim_net_config *sim_net_config(struct sim_net *net) { return &net->config; }

void sim_net_listen_in(struct sim_net *net, sim_wire_fn *fn, void *ctx)
{
    net->listen = fn;
    net->listen_ctx = ctx;
}

uint64_t sim_net_dice(struct sim_net *net, uint64_t bound) { return sotto_rng_below(&net->dice.rng, bound); }
static uint64_t dice(struct sim_net *net, uint64_t bound) { return sim_net_dice(net, bound); }

static uint64_t delay_of(struct sim_net *net, unsigned a, unsigned b)
{
    unsigned low = a < b ? a : b, high = a < b ? b : a;
    uint32_t *d = &net->delay_us[low][high];
    if (!*d) *d = net->config.delay_min_us + (uint32_t)dice(net, net->config.delay_max_us - net->config.delay_min_us + 1) + 1;
    return *d + (net->config.jitter_mean_us ? sotto_rng_exp_us(&net->dice.rng, net->config.jitter_mean_us) : 0);
}

uint64_t sim_net_delay(struct sim_net *net, unsigned a, unsigned b) { return delay_of(net, a, b); }

static void pieces_free(struct end *e)
{
    for (struct piece *p = e->in, *next; p; p = next) {
        next = p->next;
        free(p->data);
        free(p);
    }
    e->in = NULL;
    e->in_last = &e->in;
    e->in_bytes = 0;
}

static void link_free(struct link *l)
{
    for (int i = 0; i < 2; i++) {
        struct end *e = &l->ends[i];
        sim_event_drop(l->net->world, &e->arrive);
        sim_event_drop(l->net->world, &e->sent);
        sim_event_drop(l->net->world, &e->timer);
        pieces_free(e);
    }
    *l->back = l->next;
    if (l->next) l->next->back = l->back;
    free(l);
}

void sim_net_free(struct sim_net *net)
{
    // NOLINTNEXTLINE(clang-analyzer-unix.Malloc): link_free takes the first link out of the list, through its back
    while (net->links) link_free(net->links);
    free(net);
}

static struct end *other(struct end *e) { return &e->link->ends[e == &e->link->ends[0]]; }

bool sim_net_parted(const struct sim_net *net, unsigned a, unsigned b) { return net->parted[a][b]; }

/* ---- the wire ---- */

static void arrive(struct end *e, uint64_t at_us)
{
    if (!e->arrive.place) sim_event_at(e->link->net->world, &e->arrive, at_us);
}

/* Puts a piece on its way to e. */
static struct piece *carry(struct end *to, enum piece_kind kind, const uint8_t *data, size_t size)
{
    struct sim_net *net = to->link->net;
    struct piece *p = sim_alloc(sizeof *p);
    uint64_t at = net->world->now_us + delay_of(net, to->machine->index, other(to)->machine->index);
    if (at < to->in_last_us) at = to->in_last_us;
    p->kind = kind;
    p->size = size;
    if (size) {
        p->data = sim_alloc(size);
        memcpy(p->data, data, size);
        at += (uint64_t)size * 1000000 / net->config.bytes_per_s;
    }
    p->arrive_us = to->in_last_us = at;
    *to->in_last = p;
    to->in_last = &p->next;
    to->in_bytes += size;
    if (to->in == p && !to->held) arrive(to, at);
    return p;
}

static void pump(struct end *e)
{
    struct end *to = other(e);
    struct sim_net *net = e->link->net;
    if (e->state != OPEN && e->state != FLUSHING) return;
    while (e->first && to->in_bytes < net->config.window) {
        struct chunk *c = e->first;
        size_t part = c->size - c->sent, room = net->config.window - to->in_bytes;
        if (part > room) part = room;
        if (part > net->config.piece_max) part = net->config.piece_max;
        if (part > 1 && dice(net, 4) == 0) part = 1 + dice(net, part);      /* a stream knows no messages */
        if (net->listen) net->listen(net->listen_ctx, e->machine->index, to->machine->index, sotto_span(c->data + c->sent, part));
        carry(to, PIECE_DATA, c->data + c->sent, part);
        c->sent += part;
        e->queued -= part;
        e->told += part;
        if (c->sent == c->size) {
            e->first = c->next;
            if (!e->first) e->last = &e->first;
            free(c->data);
            free(c);
        }
    }
    if (e->told && e->state == OPEN && !e->sent.place) sim_event_at(net->world, &e->sent, net->world->now_us + 20 + dice(net, 200));
    if (!e->first && e->state == FLUSHING && !e->shut) {
        e->shut = true;
        carry(to, PIECE_END, NULL, 0);
    }
}

/* ---- the life of an end ---- */

static void forget(struct end *e)                   /* its machine knows nothing of it any more */
{
    struct sotto_io_net *net = e->net;
    if (!net) return;
    struct sim_world *w = e->link->net->world;
    e->net = NULL;
    e->state = GONE;
    net->conn_count--;
    if (e->accepted) net->accepted_count--;
    *e->back = e->next;
    if (e->next) e->next->back = e->back;
    for (struct chunk *c = e->first, *next; c; c = next) {
        next = c->next;
        free(c->data);
        free(c);
    }
    e->first = NULL;
    e->last = &e->first;
    e->queued = 0;
    sim_event_drop(w, &e->sent);
    sim_event_drop(w, &e->timer);
    if (!other(e)->net && other(e)->state == GONE) link_free(e->link);
}

/* Its program closes it: what is on the wire still arrives, then the end. */
static void close_end(struct end *e)
{
    struct end *to = other(e);
    if (e->state == GONE) return;
    if (!e->shut && !e->machine->cut && to->state != GONE) carry(to, PIECE_END, NULL, 0);
    forget(e);
}

static void tell(struct sotto_io_net *net, const struct sotto_in *in)
{
    SOTTO_ASSERT(net);                              /* an end that is DIALING or OPEN has its program */
    net->config.input(net->config.ctx, in, sim_machine_now(net->machine));
}

static void lost(struct end *e)                     /* the wire ended it */
{
    if (e->state == GONE) return;
    struct sotto_io_net *net = e->net;
    bool known = e->state != FLUSHING;
    struct sotto_in in = { .kind = SOTTO_IN_CLOSED, .conn = e->number, .addr = e->addr };
    close_end(e);
    if (known) tell(net, &in);
}

static struct end *join(struct end *e, struct sotto_io_net *net, enum state state)
{
    e->net = net;
    e->state = state;
    e->reading = true;
    e->next = net->ends;
    e->back = &net->ends;
    if (e->next) e->next->back = &e->next;
    net->ends = e;
    net->conn_count++;
    return e;
}

static void knock(struct end *e)                    /* e: the end that would be accepted */
{
    struct sim_net *wires = e->link->net;
    struct sotto_io_net *net = e->machine->net;
    bool open = false;
    for (unsigned i = 0; net && i < net->port_count; i++) open |= net->ports[i] == e->machine->port;
    if (!open) {
        wires->world->counts[SIM_N_REFUSED]++;
        if (e->machine->part == SIM_UP || dice(wires, 2)) carry(other(e), PIECE_REFUSED, NULL, 0);      /* else the machine is off: silence */
        e->state = GONE;
        if (!other(e)->net) link_free(e->link);
        return;
    }
    carry(other(e), PIECE_OPENED, NULL, 0);
    if (net->conn_count >= net->config.conn_max || net->accepted_count >= net->config.accept_max) {
        carry(other(e), PIECE_END, NULL, 0);
        e->state = GONE;
        if (!other(e)->net) link_free(e->link);
        return;
    }
    join(e, net, OPEN);
    e->accepted = true;
    net->accepted_count++;
    e->number = net->config.next_conn(net->config.ctx);
    wires->world->counts[SIM_N_CONNS]++;
    struct sotto_in in = { .kind = SOTTO_IN_ACCEPTED, .conn = e->number, .addr = e->addr };
    tell(net, &in);
}

/* The next piece is here. One piece a step. */
static void arrived(void *ctx)
{
    struct end *e = ctx;
    struct sim_net *wires = e->link->net;
    struct sim_world *w = wires->world;
    struct piece *p = e->in;
    unsigned from = other(e)->machine->index, here = e->machine->index;
    if (!p) return;
    if (wires->parted[from][here]) {
        e->held = true;
        return;
    }
    e->held = false;
    if (e->state == OPEN && p->kind == PIECE_DATA && !e->reading) return;      /* again when it reads */
    if (!e->net && e->state == GONE && p->kind == PIECE_DATA) {
        /* for somebody who is not there: a running machine says so, another one says nothing */
        if (e->machine->part == SIM_UP) {
            pieces_free(e);
            if (other(e)->net) carry(other(e), PIECE_END, NULL, 0);
        } else {
            sim_event_at(w, &e->arrive, w->now_us + HOST_GONE_RETRY_US);
        }
        return;
    }
    e->in = p->next;
    if (!e->in) e->in_last = &e->in;
    e->in_bytes -= p->size;
    if (e->in) {
        uint64_t at = e->in->arrive_us, stall = wires->stall_us[here];
        if (stall && at < w->now_us + stall) at = w->now_us + stall;
        arrive(e, at);
    }
    sim_hash_event(w, "piece", from, here, p->size, e->link->id << 4 | (unsigned)p->kind);
    struct piece done = *p;
    free(p);
    pump(other(e));                                 /* there is room again */
    if (done.kind == PIECE_DATA) {
        struct sotto_in in = { .kind = SOTTO_IN_DATA, .conn = e->number, .bytes = sotto_span(done.data, done.size) };
        if (e->state == OPEN) tell(e->net, &in);
    } else if (done.kind == PIECE_OPENED && e->state == DIALING) {
        struct sotto_in in = { .kind = SOTTO_IN_OPENED, .conn = e->number, .addr = e->addr };
        sim_event_drop(w, &e->timer);
        e->state = OPEN;
        pump(e);
        tell(e->net, &in);
    } else if (done.kind == PIECE_REFUSED || done.kind == PIECE_END) {
        if (e->net) lost(e);
    }
    free(done.data);
}

static void came_in(void *ctx)
{
    struct end *e = ctx;
    struct sim_net *wires = e->link->net;
    if (!e->in && e->state == GONE) return;
    if (e->state != DIALING || e->net) {
        arrived(e);
        return;
    }
    /* the accepting end's first arrival is the call itself */
    if (wires->parted[e->machine->index][other(e)->machine->index]) {
        e->state = GONE;
        if (!other(e)->net) link_free(e->link);
    } else {
        if (e->in) sim_event_at(wires->world, &e->arrive, e->in->arrive_us);      /* the caller gave up meanwhile */
        knock(e);
    }
}

static void was_sent(void *ctx)
{
    struct end *e = ctx;
    struct sotto_in in = { .kind = SOTTO_IN_SENT, .conn = e->number, .token = e->told };
    e->told = 0;
    if (e->state == OPEN && in.token) tell(e->net, &in);
}

static void too_late(void *ctx)                     /* dialled in vain, or said goodbye too long */
{
    struct end *e = ctx;
    if (e->state == DIALING) {
        e->link->net->world->counts[SIM_N_DIAL_TIMEOUTS]++;
        lost(e);
    } else {
        close_end(e);
    }
}

/* ---- io/tcp.h ---- */

static void tell_failed(void *ctx)
{
    struct sotto_io_net *net = ctx;
    struct sim_machine *m = net->machine;
    while (m->net == net && net->failed_count > 0) {
        struct sotto_in in = { .kind = SOTTO_IN_CLOSED, .conn = net->failed[0] };
        memmove(net->failed, net->failed + 1, --net->failed_count * sizeof *net->failed);
        tell(net, &in);
    }
}

static void fail_later(struct sotto_io_net *net, uint32_t number)
{
    SOTTO_ASSERT(net->failed_count < net->failed_max);
    net->failed[net->failed_count++] = number;
    if (!net->later.place) sim_event_at(net->wires->world, &net->later, net->wires->world->now_us + 10);
}

enum sotto_err sotto_io_net_new(struct sotto_io_net **out, const struct sotto_io_net_config *config)
{
    struct sim_machine *m = sim_world_running->current;
    struct sotto_io_net *net = sim_alloc(sizeof *net);
    net->config = *config;
    net->wires = m->world->net;
    net->machine = m;
    net->failed_max = 4 * config->conn_max + 64;
    net->failed = sim_alloc(net->failed_max * sizeof *net->failed);
    sim_event_init(&net->later, m, "failed", tell_failed, net);
    m->net = net;
    *out = net;
    return SOTTO_OK;
}

enum sotto_err sotto_io_net_listen(struct sotto_io_net *net, struct sotto_addr *bound, const struct sotto_addr *addr)
{
    if (addr->family != 4 && addr->family != 6) return SOTTO_ERR_RANGE;
    if (net->config.local && !sotto_addr_loopback(addr)) return SOTTO_ERR_RANGE;
    if (net->port_count == 8) return SOTTO_ERR_FULL;
    net->ports[net->port_count++] = addr->port;
    if (bound) *bound = *addr;
    return SOTTO_OK;
}

static struct end *find(struct sotto_io_net *net, uint32_t number)
{
    for (struct end *e = net->ends; e; e = e->next)
        if (e->number == number && (e->state == DIALING || e->state == OPEN)) return e;
    return NULL;
}

static void end_init(struct end *e, struct link *l, struct sim_machine *m, struct sotto_addr addr)
{
    e->link = l;
    e->machine = m;
    e->addr = addr;
    e->state = DIALING;
    e->last = &e->first;
    e->in_last = &e->in;
    sim_event_init(&e->arrive, m, "arrive", came_in, e);
    sim_event_init(&e->sent, m, "sent", was_sent, e);
    sim_event_init(&e->timer, m, "late", too_late, e);
}

static void dial(struct sotto_io_net *net, uint32_t number, const struct sotto_addr *addr)
{
    struct sim_net *wires = net->wires;
    struct sim_world *w = wires->world;
    struct sim_machine *to = NULL;
    for (unsigned i = 0; i < w->machine_count; i++)
        if (w->machines[i]->port == addr->port) to = w->machines[i];
    if (!to || to == net->machine || net->conn_count >= net->config.conn_max || net->machine->dead) {
        fail_later(net, number);
        return;
    }
    struct link *l = sim_alloc(sizeof *l);
    l->net = wires;
    l->id = ++wires->next_id;
    l->next = wires->links;
    l->back = &wires->links;
    if (l->next) l->next->back = &l->next;
    wires->links = l;
    struct sotto_addr back = *addr;
    back.port = wires->next_port++;
    if (wires->next_port == 65000) wires->next_port = 40000;
    end_init(&l->ends[0], l, net->machine, *addr);
    end_init(&l->ends[1], l, to, back);
    struct end *e = join(&l->ends[0], net, DIALING);
    e->number = number;
    sim_event_at(w, &e->timer, w->now_us + SOTTO_IO_NET_DIAL_US);
    if (wires->parted[net->machine->index][to->index]) l->ends[1].state = GONE;
    else
        sim_event_at(w, &l->ends[1].arrive, w->now_us + delay_of(wires, net->machine->index, to->index));
}

static void send_bytes(struct sotto_io_net *net, uint32_t number, struct sotto_buf *bytes)
{
    struct end *e = find(net, number);
    if (!e || bytes->size == 0) return;
    if (e->queued + bytes->size > net->config.queue_max) {
        sotto_log_line(net->config.log, SOTTO_LOG_WARN, "tcp", "write-queue-full", "bytes=%zu", e->queued + bytes->size);
        fail_later(net, number);
        close_end(e);
        return;
    }
    struct chunk *c = sim_alloc(sizeof *c);
    c->data = bytes->data;
    c->size = bytes->size;
    *bytes = sotto_buf_make(bytes->max);
    *e->last = c;
    e->last = &c->next;
    e->queued += c->size;
    if (e->state == OPEN) pump(e);
}

bool sotto_io_net_perform(struct sotto_io_net *net, struct sotto_out *out)
{
    bool ours = out->kind == SOTTO_OUT_DIAL || out->kind == SOTTO_OUT_SEND || out->kind == SOTTO_OUT_CLOSE || out->kind == SOTTO_OUT_PAUSE ||
                out->kind == SOTTO_OUT_RESUME;
    /* a process that has ended in the middle of this step says nothing more */
    if (!ours || net->machine->dead || sim_disk_dead(net->machine->disk)) return ours;
    struct end *e = out->kind == SOTTO_OUT_DIAL || out->kind == SOTTO_OUT_SEND ? NULL : find(net, out->conn);
    if (out->kind == SOTTO_OUT_DIAL) {
        dial(net, out->conn, &out->addr);
    } else if (out->kind == SOTTO_OUT_SEND) {
        send_bytes(net, out->conn, &out->bytes);
    } else if (out->kind == SOTTO_OUT_CLOSE) {
        if (e && out->token == 1 && e->state == OPEN) {
            e->state = FLUSHING;
            sim_event_at(net->wires->world, &e->timer, net->wires->world->now_us + SOTTO_IO_NET_LINGER_US);
            if (!e->reading) e->reading = true;
            if (e->in) arrive(e, e->in->arrive_us);
            pump(e);
        } else if (e) {
            close_end(e);
        }
        for (unsigned i = 0; i < net->failed_count; i++)
            if (net->failed[i] == out->conn) {
                net->failed_count--;
                memmove(net->failed + i, net->failed + i + 1, (net->failed_count - i) * sizeof *net->failed);
                i--;
            }
    } else if (e) {
        e->reading = out->kind == SOTTO_OUT_RESUME;
        if (e->reading && e->in && !e->held) arrive(e, e->in->arrive_us);
    }
    return true;
}

unsigned sotto_io_net_conns(const struct sotto_io_net *net) { return net->conn_count; }
void sotto_io_net_unlisten(struct sotto_io_net *net) { net->port_count = 0; }

void sotto_io_net_free(struct sotto_io_net *net)
{
    if (!net) return;
    while (net->ends) close_end(net->ends);
    sim_event_drop(net->wires->world, &net->later);
    net->machine->net = NULL;
    free(net->failed);
    free(net);
}

/* ---- faults ---- */

void sim_net_part(struct sim_net *net, unsigned a, unsigned b, bool on)
{
    if (a == b || net->parted[a][b] == on) return;
    net->parted[a][b] = net->parted[b][a] = on;
    sim_hash_event(net->world, on ? "part" : "join", a, b, 0, 0);
    if (on) net->world->counts[SIM_N_PARTITIONS]++;
    for (struct link *l = on ? NULL : net->links; l; l = l->next)
        for (int i = 0; i < 2; i++) {
            struct end *e = &l->ends[i];
            if (!e->held || net->parted[e->machine->index][other(e)->machine->index]) continue;
            e->held = false;
            arrive(e, net->world->now_us + dice(net, AGAIN_MAX_US));
        }
}

void sim_net_heal(struct sim_net *net)
{
    for (unsigned a = 0; a < net->world->machine_count; a++) {
        for (unsigned b = 0; b < a; b++) sim_net_part(net, a, b, false);
        net->stall_us[a] = 0;
    }
    net->config = sim_net_quiet();
}

void sim_net_slow(struct sim_net *net, unsigned reader, uint32_t stall_us)
{
    net->stall_us[reader] = stall_us;
    if (stall_us) net->world->counts[SIM_N_SLOW]++;
}

static void reset_here(void *ctx) { lost(ctx); }

bool sim_net_reset(struct sim_net *net, bool half)
{
    unsigned count = 0;
    struct link *l;
    for (l = net->links; l; l = l->next) count += l->ends[0].state == OPEN && l->ends[1].state == OPEN;
    if (!count) return false;
    uint64_t pick = dice(net, count);
    for (l = net->links; l; l = l->next)
        if (l->ends[0].state == OPEN && l->ends[1].state == OPEN && pick-- == 0) break;
    SOTTO_ASSERT(l);                                /* pick < count */
    struct end *e = &l->ends[dice(net, 2)];
    net->world->counts[half ? SIM_N_HALF_OPEN : SIM_N_RESETS]++;
    sim_trace(net->world, e->machine->name, half ? "half-open" : "reset", "with=%s", other(e)->machine->name);
    sim_hash_event(net->world, half ? "half" : "reset", e->machine->index, other(e)->machine->index, 0, l->id);
    if (half) e->shut = true;                       /* only this end hears of it */
    sim_machine_step(e->machine, reset_here, e);
    return true;
}

unsigned sim_net_conns(const struct sim_net *net)
{
    unsigned count = 0;
    for (const struct link *l = net->links; l; l = l->next) count++;
    return count;
}
