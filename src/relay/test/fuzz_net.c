/* Two whole nodes on one wire that the fuzzer holds: bytes arrive in pieces, late, changed or never; connections break; workers find a
 * nonce, find a wrong one or give up; cells are submitted and taken back; clocks run and jump; relay.plain goes on and off.
 *
 *     byte 0   bit 0: the two begin connected · bit 1: the queue to the world is short
 *
 * What is delivered was submitted at the other end and comes once while nobody sets a clock; the outbox, the pool and what waits keep their bounds; SENT is told
 * once for a cell, EXPIRED once and only after SENT; what is due gets done. */
#include "support/fuzz_input.h"

#include "crypto/rng.h"
#include "relay/net.h"
#include "whisper/envelope.h"

#include <stdlib.h>

enum { NODES = 2, WIRES_MAX = 24, STEPS_MAX = 150, CELLS_MAX = 64, OUTBOX_MAX = 6, MINES_MAX = 16, TICKS_MAX = 64, POOL_ENTRIES = 40 };

struct mine { uint64_t token; uint8_t prefix[SOTTO_NATIVE_SHORT]; uint64_t first; unsigned bits; };
struct node {
    struct sotto_net *net;
    struct sotto_chacha_rng rng;
    struct sotto_outq out;
    struct sotto_enode enode;
    struct mine mines[MINES_MAX];
    unsigned mine_count;
    uint8_t submitted[CELLS_MAX], sent[CELLS_MAX], expired[CELLS_MAX], came[CELLS_MAX];
    int64_t skew_ms;
};
/* One connection. Our numbers of it, the bytes on their way to each end. side 0 dialled. */
struct wire { uint32_t conn[2]; uint8_t at[2]; bool open[2], opened; struct sotto_buf to[2]; };
static struct world {
    struct node n[NODES];
    struct wire wires[WIRES_MAX];
    unsigned wire_count;
    struct sotto_now now;
    bool clock_set;                                   /* a node whose clock was set may have forgotten what it had */
} w;

static void carry_out(unsigned i);

static struct sotto_now now_of(unsigned i) { return (struct sotto_now){ w.now.mono_us, w.now.wall_ms + (uint64_t)w.n[i].skew_ms }; }

static void step(unsigned i, struct sotto_in in)
{
    sotto_net_step(w.n[i].net, &in, now_of(i), &w.n[i].out);
    carry_out(i);
}

static struct wire *wire_of(unsigned i, uint32_t conn, int *side)
{
    for (unsigned k = 0; k < w.wire_count; k++)
        for (*side = 0; *side < 2; ++*side)
            if (w.wires[k].at[*side] == i && w.wires[k].conn[*side] == conn && conn) return &w.wires[k];
    return NULL;
}

static void sealed_of(uint8_t out[SOTTO_SEALED_SIZE], unsigned from, unsigned id)
{
    memset(out, (int)(id * 37 + from), SOTTO_SEALED_SIZE);
    sotto_put_be64(out, (uint64_t)(id * NODES + from + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

static void delivered(unsigned i, struct sotto_span bytes)
{
    uint8_t sealed[SOTTO_SEALED_SIZE];
    SOTTO_ASSERT(bytes.size == SOTTO_SEALED_SIZE);
    for (unsigned id = 0; id < CELLS_MAX; id++) {
        sealed_of(sealed, !i, id);
        if (memcmp(bytes.data, sealed, sizeof sealed) != 0) continue;
        SOTTO_ASSERT(w.n[!i].submitted[id] && (!w.n[i].came[id] || w.clock_set));
        w.n[i].came[id] = 1;
        return;
    }
    SOTTO_ASSERT(!"delivered what nobody sent");
}

static void world_does(unsigned i, const struct sotto_out *o)
{
    struct node *n = &w.n[i];
    int side;
    struct wire *wire = wire_of(i, o->conn, &side);
    switch (o->kind) {
    case SOTTO_OUT_DIAL:
        SOTTO_ASSERT(!wire && o->conn);
        if (w.wire_count < WIRES_MAX) {
            wire = &w.wires[w.wire_count++];
            *wire = (struct wire){ .conn = { o->conn, 0 }, .at = { (uint8_t)i, (uint8_t)!i }, .open = { true, true }, .to = { sotto_buf_make(4u << 20), sotto_buf_make(4u << 20) } };
        }
        break;
    case SOTTO_OUT_SEND:
        SOTTO_ASSERT(o->bytes.size);
        if (!wire || !wire->open[side]) break;
        if (wire->open[!side]) SOTTO_ASSERT(sotto_buf_add_span(&wire->to[!side], sotto_buf_span(&o->bytes)) == SOTTO_OK);
        break;
    case SOTTO_OUT_CLOSE: if (wire) wire->open[side] = false; break;
    case SOTTO_OUT_MINE: {
        SOTTO_ASSERT(o->bytes.size == SOTTO_NATIVE_SHORT);
        if (n->mine_count == MINES_MAX) n->mine_count--;
        struct mine *m = &n->mines[n->mine_count++];
        *m = (struct mine){ .token = o->token, .first = o->value, .bits = o->bits };
        memcpy(m->prefix, o->bytes.data, sizeof m->prefix);
        break;
    }
    case SOTTO_OUT_DELIVER: delivered(i, sotto_buf_span(&o->bytes)); break;
    case SOTTO_OUT_CELL_SENT:
        SOTTO_ASSERT(o->token < CELLS_MAX && n->submitted[o->token] && !n->sent[o->token]);
        n->sent[o->token] = 1;
        break;
    case SOTTO_OUT_CELL_EXPIRED:
        SOTTO_ASSERT(o->token < CELLS_MAX && n->sent[o->token] && !n->expired[o->token]);
        n->expired[o->token] = 1;
        break;
    case SOTTO_OUT_MINE_CANCEL: case SOTTO_OUT_PAUSE: case SOTTO_OUT_RESUME: case SOTTO_OUT_PEER: case SOTTO_OUT_DIRECT: break;
    }
}

static void carry_out(unsigned i)
{
    struct sotto_outq mine = w.n[i].out;
    w.n[i].out = sotto_outq_make(mine.max);
    for (uint32_t k = 0; k < mine.count; k++) world_does(i, &mine.slots[k]);
    sotto_outq_free(&mine);
}

/* Moves one connection on: opens it, brings bytes to one end, or tells that end that it is over. */
static void move_on(struct fuzz_in *in, unsigned which, int side, size_t most, bool changed)
{
    if (w.wire_count == 0) return;
    struct wire *c = &w.wires[which % w.wire_count];
    if (!c->opened) {
        c->opened = true;
        if (!c->open[0]) return;
        c->conn[1] = sotto_host_next_conn(sotto_net_host(w.n[c->at[1]].net));
        step(c->at[0], (struct sotto_in){ .kind = SOTTO_IN_OPENED, .conn = c->conn[0] });
        step(c->at[1], (struct sotto_in){ .kind = SOTTO_IN_ACCEPTED, .conn = c->conn[1], .addr = { { 127, 0, 0, 1 }, (uint16_t)(20000 + which), 4 } });
        return;
    }
    if (!c->open[side] || !c->conn[side]) return;
    if (c->to[side].size == 0) {
        if (c->open[!side]) return;
        c->open[side] = false;
        step(c->at[side], (struct sotto_in){ .kind = SOTTO_IN_CLOSED, .conn = c->conn[side] });
        return;
    }
    size_t take = most < c->to[side].size ? most : c->to[side].size;
    struct sotto_buf bytes = sotto_buf_make(4u << 20);
    SOTTO_ASSERT(sotto_buf_add(&bytes, c->to[side].data, take) == SOTTO_OK);
    sotto_buf_drop(&c->to[side], take);
    if (changed && take) bytes.data[fuzz_u16(in) % take] ^= (uint8_t)(1 + fuzz_u8(in) % 255);
    step(c->at[side], (struct sotto_in){ .kind = SOTTO_IN_DATA, .conn = c->conn[side], .bytes = sotto_buf_span(&bytes) });
    if (c->open[!side] && take) step(c->at[!side], (struct sotto_in){ .kind = SOTTO_IN_SENT, .conn = c->conn[!side], .token = take });
    sotto_buf_free(&bytes);
}

static void let_it_run(void)                              /* all that is on the wire arrives, in turn */
{
    for (unsigned round = 0; round < 40; round++)
        for (unsigned k = 0; k < w.wire_count; k++)
            for (int side = 0; side < 2; side++) move_on(NULL, k, side, 1u << 20, false);
}

static void mined(struct fuzz_in *in, unsigned i, uint8_t how)
{
    struct node *n = &w.n[i];
    uint64_t nonce = 0;
    if (n->mine_count == 0) return;
    struct mine m = n->mines[how % n->mine_count];
    n->mines[how % n->mine_count] = n->mines[n->mine_count - 1];
    n->mine_count--;
    bool found = false;
    if (how >> 6 == 0) nonce = fuzz_u64(in), found = true;          /* a worker that lies */
    else if (how >> 6 != 1) {
        nonce = m.first;
        while (sotto_work_zeros(SOTTO_SPAN(m.prefix), nonce) < m.bits) nonce++;
        found = true;
    }
    struct sotto_in answer = { .kind = SOTTO_IN_MINED, .token = m.token, .value = nonce };
    if (found) answer.bytes = sotto_span("1", 1);
    step(i, answer);
}

static void tick(unsigned i)
{
    for (unsigned ticks = 0; sotto_net_deadline(w.n[i].net) <= w.now.mono_us; ticks++) {
        SOTTO_ASSERT(ticks < TICKS_MAX);
        step(i, (struct sotto_in){ .kind = SOTTO_IN_TICK });
    }
}

static void check(unsigned i)
{
    struct node *n = &w.n[i];
    struct sotto_net_stats s;
    sotto_net_stats(n->net, &s);
    SOTTO_ASSERT(sotto_net_outbox(n->net) <= OUTBOX_MAX && s.pool_count <= POOL_ENTRIES && s.pool_bytes <= 64u << 10);
    SOTTO_ASSERT(s.pool_count == sotto_pool_count(sotto_net_pool(n->net)));
    unsigned waiting = 0;
    for (unsigned id = 0; id < CELLS_MAX; id++) {
        enum sotto_cell_phase phase = sotto_net_cell(n->net, id);
        waiting += phase == SOTTO_CELL_WAITING || phase == SOTTO_CELL_WORKING || phase == SOTTO_CELL_READY;
        SOTTO_ASSERT(n->submitted[id] || phase == SOTTO_CELL_UNKNOWN);
    }
    SOTTO_ASSERT(waiting == sotto_net_outbox(n->net));
}

static void begin(uint8_t how)
{
    static const uint8_t keys[NODES][32] = { { [31] = 5 }, { [31] = 7 } };
    SOTTO_ASSERT(sotto_crypto_init() == SOTTO_OK);
    memset(&w, 0, sizeof w);
    w.now = (struct sotto_now){ 1000000000, UINT64_C(1767225600000) };
    for (unsigned i = 0; i < NODES; i++) {
        struct node *n = &w.n[i];
        struct sotto_point p;
        struct sotto_net_config c = { .listen_port = 1, .local = true, .plain = true, .work_bits = 1, .flush_mean_us = 100000, .emit_mean_us = 50000,
                                      .pool_bytes_max = 64u << 10, .pool_entries_max = POOL_ENTRIES, .outbox_max = OUTBOX_MAX, .rng = &n->rng.rng };
        sotto_rng_from_seed(&n->rng, i + 1, "fuzz");
        memcpy(c.key.b, keys[i], 32);
        SOTTO_ASSERT(sotto_point_make(&p, &c.key) == SOTTO_OK && sotto_point_to64(n->enode.key, &p) == SOTTO_OK);
        n->enode.addr = (struct sotto_addr){ { 127, 0, 0, 1 }, (uint16_t)(1000 + i), 4 };
        n->out = sotto_outq_make(how & 2 ? 6 : 1024);
        SOTTO_ASSERT(sotto_net_new(&n->net, &c) == SOTTO_OK);
    }
    if (!(how & 1)) return;
    (void)!sotto_host_add(sotto_net_host(w.n[0].net), &w.n[1].enode, now_of(0), &w.n[0].out);
    carry_out(0);
    let_it_run();
}

static void act(struct fuzz_in *in)
{
    uint8_t op = fuzz_u8(in), arg = fuzz_u8(in);
    unsigned i = op >> 7;
    struct node *n = &w.n[i];
    switch ((op & 127) % 20) {
    case 0: case 1: case 2: let_it_run(); break;
    case 3: move_on(in, arg & 7, arg >> 7, 1u + (fuzz_u8(in) << (arg >> 3 & 7)), false); break;
    case 4: move_on(in, arg & 7, arg >> 7, 1u + (fuzz_u8(in) << (arg >> 3 & 7)), true); break;
    case 5:                                           /* the line breaks: both hear of it */
        if (w.wire_count == 0 || arg & 64) break;
        for (int side = 0; side < 2; side++) {
            struct wire *c = &w.wires[arg % w.wire_count];
            bool open = c->open[side] && (side == 0 || c->conn[1]);
            c->open[side] = false;
            if (open) step(c->at[side], (struct sotto_in){ .kind = SOTTO_IN_CLOSED, .conn = c->conn[side] });
        }
        break;
    case 6: (void)!sotto_host_add(sotto_net_host(n->net), &w.n[!i].enode, now_of(i), &n->out), carry_out(i); break;
    case 7: if (arg & 1) (void)!sotto_host_remove(sotto_net_host(n->net), w.n[!i].enode.key, now_of(i), &n->out), carry_out(i); break;
    case 8: case 9: case 10: {
        uint8_t sealed[SOTTO_SEALED_SIZE];
        unsigned id = arg % CELLS_MAX;
        if (n->submitted[id]) break;                  /* the messenger gives each cell a number of its own */
        sealed_of(sealed, i, id);
        enum sotto_err err = fuzz_err(sotto_net_submit(n->net, id, sealed, now_of(i), &n->out));
        SOTTO_ASSERT(err == SOTTO_OK || err == SOTTO_ERR_FULL);
        n->submitted[id] = err == SOTTO_OK;
        if (err == SOTTO_OK) SOTTO_ASSERT(sotto_net_submit(n->net, id, sealed, now_of(i), &n->out) != SOTTO_OK);
        carry_out(i);
        break;
    }
    case 11: {
        unsigned id = arg % CELLS_MAX;
        bool waits = sotto_net_cell(n->net, id) != SOTTO_CELL_UNKNOWN && sotto_net_cell(n->net, id) != SOTTO_CELL_SENT;
        SOTTO_ASSERT((sotto_net_cancel(n->net, id, &n->out) == SOTTO_OK) == waits);
        carry_out(i);
        if (waits) SOTTO_ASSERT(sotto_net_cell(n->net, id) == SOTTO_CELL_UNKNOWN);
        break;
    }
    case 12: case 13: mined(in, i, arg); break;
    case 14: {
        uint64_t due = sotto_net_deadline(n->net), passes = due > w.now.mono_us && due != UINT64_MAX ? due - w.now.mono_us : 0;
        w.now.mono_us += passes, w.now.wall_ms += passes / 1000;
        tick(i);
        break;
    }
    case 15: case 16: {
        uint64_t passes = fuzz_wide(in) % (3600ull * 1000000);
        w.now.mono_us += passes, w.now.wall_ms += passes / 1000;
        tick(0);
        tick(1);
        break;
    }
    case 17: w.clock_set = true, n->skew_ms = (int64_t)(fuzz_wide(in) % (90000ull * 1000)) * (arg & 1 ? -1 : 1); break;
    case 18: sotto_net_set_plain(n->net, arg & 1); break;
    default: {                                        /* a stranger says something */
        uint32_t conn = sotto_host_next_conn(sotto_net_host(n->net));
        if (w.wire_count == WIRES_MAX) break;
        w.wires[w.wire_count++] = (struct wire){ .conn = { 0, conn }, .at = { 2, (uint8_t)i }, .open = { false, true }, .opened = true, .to = { sotto_buf_make(1), sotto_buf_make(4096) } };
        step(i, (struct sotto_in){ .kind = SOTTO_IN_ACCEPTED, .conn = conn, .addr = { { 10, arg, 0, 1 }, 3000, 4 } });
        struct wire *c = &w.wires[w.wire_count - 1];
        if (c->open[1]) (void)!sotto_buf_add_span(&c->to[1], fuzz_span(in, 600));
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    begin(fuzz_u8(&in));
    for (unsigned i = 0; i < STEPS_MAX && fuzz_left(&in); i++) {
        act(&in);
        check(0);
        check(1);
    }
    for (unsigned i = 0; i < NODES; i++) {
        sotto_net_quit(w.n[i].net, now_of(i), &w.n[i].out);
        carry_out(i);
        sotto_net_free(w.n[i].net);
        sotto_outq_free(&w.n[i].out);
    }
    for (unsigned k = 0; k < w.wire_count; k++) {
        sotto_buf_free(&w.wires[k].to[0]);
        sotto_buf_free(&w.wires[k].to[1]);
    }
    return 0;
}
