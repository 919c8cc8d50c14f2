/* Links of sotto/1 as sequences of inputs: two machines on a wire that delays, changes, drops and repeats; or one machine and a stranger that seals
 * whatever it likes (fuzz_relay_link_stranger.c). Sends on every channel, credit, room, time, slots and pings come in any order.
 *
 *     byte 0   bit 0: a stranger · 1: end 0 dialled · 2: end 0 is paced · 3: end 1 is · 4: a small budget · 5: the handshake is done first
 *
 * What comes out was sent, once and in the order of its channel; a changed, lost or repeated payload ends the link; honest ends refuse nothing;
 * counters only rise, queues and open messages keep their bounds, after the end there is nothing; in the end whatever waits has left. */
#include "fuzz_relay_link.h"

struct world w;

enum { STEPS_MAX = 250, FRAMES_MAX = 8 << 20, WIRE_TIDY = 1 << 18, SETTLE_ROUNDS = 100000 };

/* ---- messages ---- */

struct sotto_span make_body(uint8_t code, uint32_t size, uint8_t seed)
{
    static uint8_t body[70000];
    uint32_t items = size < 4 ? 0 : size - 4, head = items < 56 ? 1 : items < 256 ? 2 : items < 65536 ? 3 : 4;
    SOTTO_ASSERT(size > 0 && size + 4 < sizeof body);
    if (code == SOTTO_RL_NOTICE) {
        memcpy(body, (const uint8_t[]){ 0xc3, 0x63, 0x81, (uint8_t)(seed | 0x80) }, 4);
        return sotto_span(body, 4);
    }
    if (code == SOTTO_RL_STEM_TX) {
        memset(body, seed, size);
        body[size - 1] = (uint8_t)size;
        return sotto_span(body, size);
    }
    if (code == SOTTO_RL_PEERS) {                  /* records of 252 bytes each */
        uint32_t count = 1 + size / 252 < SOTTO_RL_PEERS_MAX ? 1 + size / 252 : SOTTO_RL_PEERS_MAX, all = 252 * count;
        memcpy(body, (const uint8_t[]){ 0xf9, (uint8_t)(all >> 8), (uint8_t)all }, 3);
        memset(body + 3, seed & 0x7f, all);
        for (uint32_t i = 0; i < count; i++) memcpy(body + 3 + 252 * i, "\xf8\xfa", 2);
        return sotto_span(body, all + 3);
    }
    body[0] = (uint8_t)(head == 1 ? 0xc0 + items : 0xf7 + head - 1);                /* a list whose items are single bytes */
    for (uint32_t i = 1; i < head; i++) body[i] = (uint8_t)(items >> (8 * (head - 1 - i)));
    memset(body + head, seed & 0x7f, items);
    return sotto_span(body, head + items);
}

void came_out(struct wants *wants, uint8_t code, struct sotto_span bytes)
{
    SOTTO_ASSERT(wants->count > 0);
    struct want *want = &wants->list[wants->first];
    wants->first = (wants->first + 1) % WANT_MAX;
    wants->count--;
    SOTTO_ASSERT(code == want->code && sotto_span_equal(bytes, make_body(want->code, want->size, want->seed)));
}

static void send_some(struct fuzz_in *in, unsigned i)
{
    static const uint8_t codes[SOTTO_RL_CHANNELS] = { SOTTO_RL_NOTICE, SOTTO_RL_STEM_TX, 0x26, 0x42 };
    struct end *e = &w.e[i];
    uint8_t how = fuzz_u8(in), seed = fuzz_u8(in);
    unsigned ch = how % SOTTO_RL_CHANNELS;
    struct wants *wants = &w.e[!i].wants[ch];
    uint32_t size = 1u + ((uint32_t)fuzz_u8(in) << (how >> 2 & 7));
    const struct want want = { ch == 0 && size > 255 ? SOTTO_RL_PEERS : codes[ch], seed, size };
    if (wants->count == WANT_MAX || w.sent_bytes > SENT_BYTES_MAX) return;
    struct sotto_span body = make_body(want.code, want.size, want.seed);
    enum sotto_err err = fuzz_err(sotto_rl_send(e->link, want.code, body));
    SOTTO_ASSERT((err == SOTTO_ERR_STATE) == (e->ends > 0) && (err == SOTTO_OK || err == SOTTO_ERR_STATE || err == SOTTO_ERR_FULL));
    if (err != SOTTO_OK) return;
    wants->list[(wants->first + wants->count++) % WANT_MAX] = want;
    w.sent_bytes += body.size;
}

/* ---- what a link asks for ---- */

static void frame(void *owner, unsigned code, struct sotto_span payload)
{
    struct end *e = owner;
    SOTTO_ASSERT(e->ends == 0 && (code == SOTTO_RL_STATUS ? payload.size == 512 : code == SOTTO_RL_CELL && (payload.size == 259 || payload.size == 1155)));
    if (w.stranger) {
        stranger_frame(code, payload);
        return;
    }
    SOTTO_ASSERT(sotto_buf_add_u8(&e->wire, (uint8_t)code) == SOTTO_OK && sotto_buf_add_u32(&e->wire, (uint32_t)payload.size) == SOTTO_OK);
    SOTTO_ASSERT(sotto_buf_add_span(&e->wire, payload) == SOTTO_OK);
}

static void up(void *owner)
{
    struct end *e = owner;
    SOTTO_ASSERT(e->ends == 0 && e->ups++ == 0 && !w.status_spoilt);
}

static void message(void *owner, const struct sotto_rl_message *m)
{
    struct end *e = owner;
    SOTTO_ASSERT(e->ups == 1 && e->ends == 0 && m->body->code == m->code && m->channel == sotto_rl_channel(m->code));
    if (w.stranger) stranger_message(m);
    else if (m->code != SOTTO_RL_UPDATE) came_out(&e->wants[m->channel], m->code, m->bytes);
}

static void pause_it(void *owner, uint64_t until_us)
{
    struct end *e = owner;
    SOTTO_ASSERT(e->ends == 0 && until_us > w.now.mono_us && until_us <= w.now.mono_us + SOTTO_RL_DEBT_S * SECOND_US);
    e->paused_us = until_us;
}

static void ended(void *owner, enum sotto_err err)
{
    struct end *e = owner;
    SOTTO_ASSERT(e->ends++ == 0 && fuzz_err(err) != SOTTO_OK);
    e->err = err;
    if (w.stranger) return;                       /* looked at where the cell was made */
    uint64_t passed = w.now.mono_us - START_US;
    bool may = err == SOTTO_ERR_LINK_TIME ? passed >= SOTTO_RL_STATUS_US : err == SOTTO_ERR_MESSAGE_TIME ? passed >= SOTTO_RL_MESSAGE_US
               : err == SOTTO_ERR_LINK_RATE ? w.disobeyed : err == SOTTO_ERR_FULL ? w.small : w.harmed;
    SOTTO_ASSERT(may);
}

/* ---- after every step ---- */

void check_end(unsigned i)
{
    static const size_t most[SOTTO_RL_CHANNELS] = { SOTTO_RL_QUEUE_0, SOTTO_RL_QUEUE_1, SOTTO_RL_QUEUE_2, SOTTO_RL_QUEUE_3 };
    struct end *e = &w.e[i];
    struct sotto_rl_info info;
    uint64_t due = sotto_rl_deadline(e->link);
    sotto_rl_info(e->link, &info);
    SOTTO_ASSERT(info.state >= e->last.state && (info.state == SOTTO_RL_ENDED) == (e->ends == 1));
    SOTTO_ASSERT(info.cells_in >= e->last.cells_in && info.cells_out >= e->last.cells_out && info.cells_acked >= e->last.cells_acked);
    SOTTO_ASSERT(info.cells_acked <= info.cells_out && info.cells_in == info.cells_in_class[0] + info.cells_in_class[1]);
    SOTTO_ASSERT(info.cells_out == info.cells_out_class[0] + info.cells_out_class[1]);
    SOTTO_ASSERT((info.peer != NULL) == (info.th != NULL) && (info.peer != NULL) == (info.state == SOTTO_RL_KEYED || info.state == SOTTO_RL_UP));
    SOTTO_ASSERT(info.state != SOTTO_RL_UP || e->ups == 1);
    for (unsigned ch = 0; ch < SOTTO_RL_CHANNELS; ch++) SOTTO_ASSERT(info.waiting[ch] <= most[ch] && (!e->ends || info.waiting[ch] == 0));
    SOTTO_ASSERT(e->budget.used <= e->budget.max && (!e->ends || e->budget.used == 0));
    SOTTO_ASSERT(e->ends ? due == UINT64_MAX : info.state == SOTTO_RL_UP || due <= w.now.mono_us + SOTTO_RL_STATUS_US);
    e->last = info;
}

/* ---- the owner of an end ---- */

static void pass(uint64_t us)
{
    w.now.mono_us += us;
    w.now.wall_ms += us / 1000;
}

/* Of other rates only those at which an honest message is whole in time. */
struct sotto_rl_options some_options(struct fuzz_in *in, bool own)
{
    struct sotto_rl_options o = sotto_rl_options();
    uint8_t how = fuzz_u8(in);
    o.has = SOTTO_RL_HAS(1);
    o.roles = how & 64 ? 67 : 3;
    if (how & 1) o.has |= SOTTO_RL_HAS(5), o.stem_class = 1, o.hop_ms = 4400;
    if (!(how & 2)) return o;
    o.has |= SOTTO_RL_HAS(3);
    o.cells_rate = (own ? 100 : 1) + (fuzz_u8(in) << (how >> 2 & 7));
    o.bytes_rate = own ? 100000u << (how >> 2 & 7) : 1u << (how >> 2 & 15);
    o.window = 1 + (fuzz_u8(in) << (how >> 4 & 15));
    return o;
}

void owner_act(struct fuzz_in *in, unsigned i, uint8_t op)
{
    struct end *e = &w.e[i];
    uint64_t due = sotto_rl_deadline(e->link);
    switch (op % OWNER_OPS) {
    case 0: case 1: send_some(in, i); break;
    case 2: sotto_rl_flush(e->link, w.now); break;
    case 3: sotto_rl_room(e->link, fuzz_wide(in)); break;
    case 4:
        pass(fuzz_u8(in) * 4000u);
        sotto_rl_tick(e->link, w.now);
        break;
    case 5:
        pass(fuzz_wide(in) % (30u * SECOND_US));
        sotto_rl_tick(e->link, w.now);
        break;
    case 6:                                       /* not before it is due, nor late */
        if (due != UINT64_MAX && due > w.now.mono_us) pass(due - w.now.mono_us);
        sotto_rl_tick(e->link, w.now);
        break;
    case 7: {
        enum sotto_err err = fuzz_err(sotto_rl_ping(e->link, w.now));
        SOTTO_ASSERT(err == SOTTO_OK || err == (e->ups == 1 && !e->ends ? SOTTO_ERR_AGAIN : SOTTO_ERR_STATE));
        break;
    }
    case 8:
        if (e->paced) {
            uint64_t before = e->last.cells_out_class[1];
            bool left = sotto_rl_slot(e->link, w.now);
            struct sotto_rl_info info;
            sotto_rl_info(e->link, &info);
            SOTTO_ASSERT(info.cells_out_class[1] == before + left);
        } else sotto_rl_flush(e->link, w.now);
        break;
    default: sotto_rl_bound(e->link, w.now); break;
    }
}

/* ---- two machines ---- */

static void feed(unsigned i, unsigned code, struct sotto_span payload) { sotto_rl_frame(w.e[i].link, code, payload, w.now); }

/* The errors that a cell may end a link with when nobody sealed it, or sealed it for another moment: none that tells what is in it. */
static bool before_opened(enum sotto_err err)
{
    return err == SOTTO_ERR_CELL_OPEN || err == SOTTO_ERR_CELL_SIZE || err == SOTTO_ERR_LINK_CODE || err == SOTTO_ERR_MESSAGE_TIME || err == SOTTO_ERR_FULL
        || err == SOTTO_ERR_LINK_RATE;
}

/* The next payload from end i arrives; how: 0 as it is. */
static bool carry(struct fuzz_in *in, unsigned i, unsigned how)
{
    struct end *e = &w.e[i], *to = &w.e[!i];
    uint8_t copy[SOTTO_RL_PAYLOAD_MAX];
    if (e->wire.size == e->wire_at) return false;
    const uint8_t *next = e->wire.data + e->wire_at;
    unsigned code = next[0];
    size_t size = sotto_be32(next + 1);
    SOTTO_ASSERT(size <= sizeof copy);
    memcpy(copy, next + 5, size);
    e->wire_at += 5 + size;
    if (e->wire_at == e->wire.size || e->wire_at > WIRE_TIDY) {
        sotto_buf_drop(&e->wire, e->wire_at);
        e->wire_at = 0;
    }
    w.harmed |= how > 0;
    w.status_spoilt |= how > 0 && how < 4 && code == SOTTO_RL_STATUS;
    bool had_ended = to->ends, must_end = to->gap || (how && how != 5);
    switch (how) {
    case 0: feed(!i, code, sotto_span(copy, size)); break;
    case 1: {
        unsigned bit = fuzz_u16(in) % (size * 8);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        must_end &= code == SOTTO_RL_CELL;
        feed(!i, code, sotto_span(copy, size));
        break;
    }
    case 2: feed(!i, code, sotto_span(copy, fuzz_below(in, (uint32_t)size))); break;
    case 3:                                       /* what came as a cell may be called a STATUS, and the other way round */
        code ^= 1u + fuzz_below(in, 3);
        feed(!i, code, sotto_span(copy, size));
        break;
    case 4:
        feed(!i, code, sotto_span(copy, size));
        feed(!i, code, sotto_span(copy, size));
        break;
    default:
        to->gap = true;
        return true;
    }
    SOTTO_ASSERT(!must_end || (to->ends == 1 && (code == SOTTO_RL_STATUS || had_ended || before_opened(to->err))));
    return true;
}

static void update(struct fuzz_in *in, unsigned i)
{
    uint8_t bytes[600];
    struct sotto_buf b = { bytes, 0, sizeof bytes, sizeof bytes };
    struct sotto_rl_options o = some_options(in, true);
    o.has &= SOTTO_RL_HAS(1) | SOTTO_RL_HAS(3);
    size_t mark = sotto_rlp_begin(&b);
    SOTTO_ASSERT(sotto_rl_options_write(&b, &o) == SOTTO_OK && sotto_rlp_end_list(&b, mark) == SOTTO_OK);
    enum sotto_err err = fuzz_err(sotto_rl_send(w.e[i].link, SOTTO_RL_UPDATE, sotto_buf_span(&b)));
    SOTTO_ASSERT(err == SOTTO_OK || err == SOTTO_ERR_FULL || (err == SOTTO_ERR_STATE && w.e[i].ends));
}

static void pair_act(struct fuzz_in *in)
{
    uint8_t op = fuzz_u8(in);
    unsigned i = op >> 7;
    switch ((op & 127) % 20) {
    case 0: case 1: case 2: case 3:
        for (unsigned k = 1 + fuzz_u8(in) % 64; k > 0 && w.e[!i].paused_us <= w.now.mono_us && carry(in, i, 0); k--) { }
        break;
    case 4:
        w.disobeyed = true;
        for (unsigned k = fuzz_u8(in); k > 0 && carry(in, i, 0); k--) { }
        break;
    case 5: (void)carry(in, i, 1 + fuzz_u8(in) % 5); break;
    case 6: {
        unsigned code = fuzz_u8(in);
        w.harmed = true;
        w.status_spoilt |= w.e[i].last.state == SOTTO_RL_OPENING;     /* it has no keys yet, or other ones now: nobody gets up */
        feed(i, code, fuzz_span(in, 1200));
        SOTTO_ASSERT(w.e[i].ends == 1 || (code == SOTTO_RL_STATUS && w.e[i].ups == 0));
        break;
    }
    case 7: update(in, i); break;
    default: owner_act(in, i, op); break;
    }
}

static bool anything_left(void)
{
    for (unsigned i = 0; i < 2; i++)
        for (unsigned ch = 0; ch < SOTTO_RL_CHANNELS; ch++)
            if (w.e[i].wants[ch].count) return true;
    return false;
}

/* The line takes everything, time goes from deadline to deadline: all of it arrives, unless somebody ended for a reason of its own. */
static void settle(struct fuzz_in *in)
{
    for (unsigned i = 0; i < 2; i++) {
        sotto_rl_room(w.e[i].link, SIZE_MAX);
        sotto_rl_flush(w.e[i].link, w.now);
    }
    for (unsigned round = 0; anything_left() && !w.e[0].ends && !w.e[1].ends; round++) {
        bool moved = false;
        uint64_t at = UINT64_MAX;
        SOTTO_ASSERT(round < SETTLE_ROUNDS);
        for (unsigned i = 0; i < 2; i++)
            while (w.e[!i].paused_us <= w.now.mono_us && carry(in, i, 0)) moved = true;
        if (moved) continue;
        for (unsigned i = 0; i < 2; i++) {
            uint64_t due = sotto_rl_deadline(w.e[i].link);
            if (due < at) at = due;
            if (w.e[i].paused_us > w.now.mono_us && w.e[i].paused_us < at) at = w.e[i].paused_us;
        }
        SOTTO_ASSERT(at != UINT64_MAX && at >= w.now.mono_us);
        pass(at - w.now.mono_us);
        for (unsigned i = 0; i < 2; i++) sotto_rl_tick(w.e[i].link, w.now);
    }
    for (unsigned i = 0; i < 2; i++) check_end(i);
}

/* ---- beginning and end ---- */

static void keys_once(void)
{
    static struct end made[2];
    for (unsigned i = 0; i < 2; i++) {
        if (made[i].pub.b[0] == 0) {
            struct sotto_chacha_rng rng;
            sotto_rng_from_seed(&rng, i, "a link");
            sotto_scalar_random(&made[i].key, &rng.rng);
            SOTTO_ASSERT(sotto_point_make(&made[i].pub, &made[i].key) == SOTTO_OK);
        }
        w.e[i].key = made[i].key;
        w.e[i].pub = made[i].pub;
        sotto_rng_from_seed(&w.e[i].rng, i + 2, "what a link draws");
    }
}

static void begin_end(unsigned i)
{
    struct end *e = &w.e[i];
    e->budget.max = w.small ? BUDGET_SMALL : SOTTO_RL_BUDGET_MAX;
    e->wire = sotto_buf_make(FRAMES_MAX);
    const struct sotto_rl_config c = { .dialled = w.dialled == (i == 0), .paced = e->paced, .key = &e->key, .own_pub = e->pub, .peer_pub = w.e[!i].pub,
                                       .options = e->options, .budget = &e->budget, .rng = &e->rng.rng, .sink = { e, frame, up, message, pause_it, ended } };
    SOTTO_ASSERT(sotto_rl_new(&e->link, &c, w.now) == SOTTO_OK);
    sotto_rl_room(e->link, SIZE_MAX);
    sotto_rl_begin(e->link, w.now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    uint8_t how = fuzz_u8(&in);
    w = (struct world){ .now = { START_US, UINT64_C(1767225600000) }, .dialled = how & 2, .stranger = how & 1, .small = how & 16 };
    keys_once();
    for (unsigned i = 0; i < 2; i++) {
        w.e[i].paced = how >> (2 + i) & 1;
        w.e[i].options = some_options(&in, i == 0 || !w.stranger);
    }
    begin_end(0);
    if (w.stranger) stranger_begin(&in);
    else begin_end(1);
    for (unsigned k = 0; k < 2 && !w.stranger && how & 32; k++)
        for (unsigned i = 0; i < 2; i++)
            while (carry(&in, i, 0)) { }
    for (unsigned i = 0; i < 2 && !w.stranger; i++) check_end(i);
    for (unsigned k = 0; k < STEPS_MAX && fuzz_left(&in); k++) {
        if (w.stranger) stranger_act(&in);
        else pair_act(&in);
        check_end(0);
        if (w.stranger) stranger_check();
        else check_end(1);
    }
    if (w.stranger) stranger_end();
    else if (!w.harmed && !w.small && !w.e[0].paced && !w.e[1].paced) settle(&in);
    for (unsigned i = 0; i < 2; i++) {
        sotto_rl_free(w.e[i].link);
        SOTTO_ASSERT(w.e[i].budget.used == 0);
        sotto_buf_free(&w.e[i].wire);
    }
    return 0;
}
