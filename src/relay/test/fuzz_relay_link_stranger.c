/* One link machine and a stranger that has all keys of the link: it seals cells good and bad, and opens each cell of the machine. A second reader
 * (link_judge.h) says what the machine must answer to each cell, and whether its own cells keep the rules: order, credit, WINDOW to the byte, ACK and
 * PING in their measure, rates, padding, the class of each cell. */
#include "fuzz_relay_link.h"

#include "link_judge.h"
#include "relay/link_keys.h"

enum { CELLS_MAX = 3000, EARLY_RATES = 2 };

static struct stranger {
    struct sotto_scalar fresh;
    struct sotto_point fresh_pub;
    struct sotto_rl_status theirs;
    uint8_t their_bytes[SOTTO_RL_STATUS_SIZE];
    struct sotto_rl_lane out, in;
    struct judge to, from;                        /* what the machine gets, and what it sends */
    bool keyed, blind, told_rate, bound, over;    /* blind: the keys are not ours; told_rate: another rate than in STATUS; over: a peer would have ended it */
    size_t expect_at;                             /* in to.whole: what it told its owner */
    unsigned cells, cells_charged, media_charged, paid_cells, control_records;
    uint64_t acked_us;
    bool acked;
    struct sotto_buf pings;                       /* nonces that it was asked with and has not answered, 8 bytes each */
    struct sotto_buf last, said;                  /* its latest cell, and ours that it took */
    struct sotto_rl_options options;
} s;

/* ---- what the machine sends ---- */

static void check_window(const uint64_t limit_before[SOTTO_RL_CHANNELS], struct sotto_span bytes)
{
    const uint64_t windows[SOTTO_RL_CHANNELS] = { 0, 64 << 10, s.bound ? 4 << 20 : 256 << 10, 64 << 10 };
    struct sotto_rl_body b;
    SOTTO_ASSERT(sotto_rl_body_read(&b, SOTTO_RL_WINDOW, bytes) == SOTTO_OK);
    unsigned ch = b.window.channel;
    SOTTO_ASSERT(b.window.limit == s.to.used[ch] + windows[ch]);
    SOTTO_ASSERT(limit_before[ch] - s.to.used[ch] <= windows[ch] / 2);
}

static void check_own(uint8_t code, struct sotto_span bytes)
{
    struct sotto_rl_body b;
    SOTTO_ASSERT(sotto_rl_body_read(&b, code, bytes) == SOTTO_OK);
    if (code == SOTTO_RL_ACK) {
        SOTTO_ASSERT(b.ack.cells == s.to.cells && (!s.acked || w.now.mono_us >= s.acked_us + 2u * SECOND_US));
        s.acked = true;
        s.acked_us = w.now.mono_us;
    }
    size_t at = 0;
    while (code == SOTTO_RL_PONG && at < s.pings.size && memcmp(s.pings.data + at, b.ping.nonce, 8) != 0) at += 8;
    SOTTO_ASSERT(code != SOTTO_RL_PONG || at < s.pings.size);
    if (code == SOTTO_RL_PONG) sotto_buf_drop(&s.pings, at + 8);      /* those before it came too soon */
}

static bool own(uint8_t code)
{
    return code == SOTTO_RL_READY || code == SOTTO_RL_WINDOW || code == SOTTO_RL_ACK || code == SOTTO_RL_PING || code == SOTTO_RL_PONG;
}

/* Cells of channels 0 and 1 and records of channel 0, READY apart, keep what was announced. */
static void check_rates(bool first)
{
    uint64_t seconds = (w.now.mono_us - START_US) / SECOND_US + 1, rate = s.options.cells_rate;
    if (!first && (s.from.channels & 3u)) s.paid_cells++;
    for (unsigned i = 0; i < s.from.count; i++) s.control_records += s.from.records[i].channel == 0 && !own(s.from.records[i].code);
    SOTTO_ASSERT(s.told_rate || w.e[0].paced || s.paid_cells <= rate * SOTTO_RL_BURST_S / 2 + rate * seconds + 1);
    SOTTO_ASSERT(s.control_records <= SOTTO_RL_CONTROL_RATE * (SOTTO_RL_BURST_S + seconds));
}

static void take_cell(struct sotto_span payload)
{
    uint8_t plain[SOTTO_RL_PLAIN_L], code;
    uint64_t before[SOTTO_RL_CHANNELS];
    enum sotto_rl_class c;
    bool first = s.from.cells == 0;
    s.last.size = 0;
    SOTTO_ASSERT(sotto_buf_add_span(&s.last, payload) == SOTTO_OK);
    if (s.blind || s.over) return;
    SOTTO_ASSERT(s.keyed && sotto_rl_open(&s.in, plain, &c, payload) == SOTTO_OK);
    memcpy(before, s.to.limit, sizeof before);
    enum sotto_err judged = judge_cell(&s.from, sotto_span(plain, sotto_rl_plain(c)), w.now.mono_us);
    s.over = judged == SOTTO_ERR_MESSAGE_TIME;    /* without credit, room or rate a message of its own stays open for as long as that lasts */
    if (s.over) return;
    SOTTO_ASSERT(judged == SOTTO_OK);
    SOTTO_ASSERT((c == SOTTO_RL_L) == (!first && (w.e[0].paced || s.from.text_size > SOTTO_RL_PLAIN_S)));
    SOTTO_ASSERT(first || w.e[0].paced || s.from.count > 0);
    check_rates(first);
    struct sotto_buf *b = &s.from.whole;
    for (size_t at = 0; at < b->size;) {
        struct sotto_span bytes = sotto_span(b->data + at + 6, sotto_be32(b->data + at + 2));
        code = b->data[at];
        if (code == SOTTO_RL_WINDOW) check_window(before, bytes);
        else if (own(code)) check_own(code, bytes);
        else came_out(&w.e[1].wants[b->data[at + 1]], code, bytes);
        at += 6 + bytes.size;
    }
}

void stranger_frame(unsigned code, struct sotto_span payload)
{
    if (code == SOTTO_RL_CELL) {
        take_cell(payload);
        return;
    }
    memcpy(s.their_bytes, payload.data, sizeof s.their_bytes);
    SOTTO_ASSERT(sotto_rl_status_read(&s.theirs, payload, NULL) == SOTTO_OK);
}

/* ---- what the machine is told ---- */

/* Over what it keeps for itself. */
static bool next_expected(uint8_t *code, struct sotto_span *bytes)
{
    const struct sotto_buf *b = &s.to.whole;
    while (s.expect_at < b->size) {
        *code = b->data[s.expect_at];
        *bytes = sotto_span(b->data + s.expect_at + 6, sotto_be32(b->data + s.expect_at + 2));
        s.expect_at += 6 + bytes->size;
        if (!own(*code)) return true;
    }
    return false;
}

void stranger_message(const struct sotto_rl_message *m)
{
    uint8_t code;
    struct sotto_span bytes;
    SOTTO_ASSERT(next_expected(&code, &bytes));
    SOTTO_ASSERT(m->code == code && sotto_span_equal(m->bytes, bytes));
}

static bool more_than_early(void)
{
    uint64_t rate = w.e[0].options.cells_rate;
    return s.cells_charged > EARLY_RATES * SOTTO_RL_BURST_S * rate - 2 || s.media_charged > EARLY_RATES * SOTTO_RL_BURST_S * SOTTO_RL_MEDIA_RATE - 2;
}

/* The machine was given a cell of which the judge says this. */
static void check_answer(enum sotto_err want, size_t told_before)
{
    struct end *e = &w.e[0];
    uint8_t code;
    struct sotto_span bytes;
    if (want != SOTTO_OK) {
        SOTTO_ASSERT(e->ends == 1 && (e->err == want || (w.small && e->err == SOTTO_ERR_FULL)));
        SOTTO_ASSERT(s.expect_at == told_before);                     /* also not its good records */
        return;
    }
    SOTTO_ASSERT(!e->ends || (e->err == SOTTO_ERR_LINK_RATE && more_than_early()) || (w.small && e->err == SOTTO_ERR_FULL));
    SOTTO_ASSERT((e->ends && e->err == SOTTO_ERR_FULL) || !next_expected(&code, &bytes));
    SOTTO_ASSERT(e->ends || judge_open_bytes(&s.to) > 0 || e->budget.used == 0);
}

static void feed(unsigned code, struct sotto_span payload) { sotto_rl_frame(w.e[0].link, code, payload, w.now); }

/* A payload that no machine may open. */
static void feed_bad(struct sotto_span payload, enum sotto_err want)
{
    bool had_ended = w.e[0].ends, keyed = w.e[0].last.state == SOTTO_RL_KEYED || w.e[0].last.state == SOTTO_RL_UP;
    enum sotto_err before = w.e[0].err;
    feed(SOTTO_RL_CELL, payload);
    SOTTO_ASSERT(w.e[0].ends == 1 && w.e[0].err == (had_ended ? before : keyed ? want : SOTTO_ERR_LINK_CODE));
}

static void note_pings(void)
{
    const struct sotto_buf *b = &s.to.whole;
    for (size_t at = 0; at < b->size; at += 6 + sotto_be32(b->data + at + 2))
        if (b->data[at] == SOTTO_RL_PING) SOTTO_ASSERT(sotto_buf_add(&s.pings, b->data + at + 6, 8) == SOTTO_OK);
}

static void seal(enum sotto_rl_class c, const uint8_t plain[SOTTO_RL_PLAIN_L], uint8_t lie, struct fuzz_in *in)
{
    uint8_t payload[SOTTO_RL_PAYLOAD_MAX];
    size_t size;
    struct sotto_rl_lane other = s.out;
    other.kept = NULL;                            /* that is of s.out */
    if (lie == 1) other.counter += 1 + fuzz_u8(in) % 3u;
    if (lie == 2) other.counter = other.counter ? other.counter - 1 : 7;
    if (lie == 3) other.direction ^= 1;
    if (lie == 4) other.th16[fuzz_u8(in) % 16] ^= 1;
    struct sotto_rl_lane *lane = lie && lie < 6 ? &other : &s.out;
    SOTTO_ASSERT(sotto_rl_seal(lane, payload, &size, c, plain) == SOTTO_OK);
    if (lie == 5) payload[fuzz_below(in, (uint32_t)(size - SOTTO_RL_PAYLOAD_HEAD)) + SOTTO_RL_PAYLOAD_HEAD] ^= 0x10;
    if (s.blind || (lie && lie < 6)) {
        feed_bad(sotto_span(payload, size), SOTTO_ERR_CELL_OPEN);
        return;
    }
    s.cells++;
    s.expect_at = 0;
    enum sotto_err want = judge_cell(&s.to, sotto_span(plain, sotto_rl_plain(c)), w.now.mono_us);
    if (want == SOTTO_OK) {
        note_pings();
        s.cells_charged += s.to.channels == 0 || (s.to.channels & 3u);
        s.media_charged += (s.to.channels & 8u) != 0;
    }
    s.said.size = 0;
    SOTTO_ASSERT(sotto_buf_add(&s.said, payload, size) == SOTTO_OK);
    feed(SOTTO_RL_CELL, sotto_span(payload, size));
    check_answer(want, 0);
}

/* ---- what the stranger says ---- */

struct text { uint8_t b[SOTTO_RL_PLAIN_L]; size_t at, end; uint8_t open[SOTTO_RL_CHANNELS]; };       /* open: code of what is open behind it, or 0 */

static struct text text(enum sotto_rl_class c)
{
    struct text t = { .end = sotto_rl_plain(c) };
    for (unsigned ch = 0; ch < SOTTO_RL_CHANNELS; ch++) t.open[ch] = s.to.at[ch].open ? s.to.at[ch].code : 0;
    return t;
}

static void put(struct text *t, uint8_t code, unsigned flags, struct sotto_span body, uint8_t tweak)
{
    if (t->at + 4 + body.size > t->end || body.size == 0) return;
    if (tweak >= 0xf8) flags ^= 1u << (tweak & 7);
    t->b[t->at] = code;
    t->b[t->at + 1] = (uint8_t)flags;
    sotto_put_be16(t->b + t->at + 2, (uint16_t)(body.size + (tweak == 0xf7)));
    memcpy(t->b + t->at + 4, body.data, body.size);
    t->at += 4 + body.size;
}

static void put_numbers(struct text *t, uint8_t code, const uint64_t *values, size_t count, uint8_t tweak)
{
    uint8_t bytes[64];
    struct sotto_buf b = { bytes, 0, sizeof bytes, sizeof bytes };
    SOTTO_ASSERT(sotto_rl_body_numbers(&b, values, count) == SOTTO_OK);
    put(t, code, 0x40, sotto_buf_span(&b), tweak);
}

static void put_update(struct text *t, struct fuzz_in *in, uint8_t tweak)
{
    uint8_t bytes[600];
    struct sotto_buf b = { bytes, 0, sizeof bytes, sizeof bytes };
    struct sotto_rl_options o = some_options(in, false);
    if (!(tweak & 1)) o.has &= SOTTO_RL_HAS(1) | SOTTO_RL_HAS(3);     /* else 05 may be there, which cannot change */
    size_t mark = sotto_rlp_begin(&b);
    SOTTO_ASSERT(sotto_rl_options_write(&b, &o) == SOTTO_OK && sotto_rlp_end_list(&b, mark) == SOTTO_OK);
    s.told_rate = true;
    put(t, SOTTO_RL_UPDATE, 0x40, sotto_buf_span(&b), tweak);
}

/* The next piece of what is open on a channel, or the first of something. */
static void put_piece(struct text *t, uint8_t how, struct sotto_span body, uint8_t tweak)
{
    static const uint8_t codes[SOTTO_RL_CHANNELS][2] = { { 0x0e, SOTTO_RL_NOTICE }, { 0x1b, SOTTO_RL_STEM_TX }, { 0x7f, 0x22 }, { 0x66, 0x42 } };
    uint8_t *open = &t->open[how & 3], code = *open ? *open : codes[how & 3][how >> 2 & 1];
    put(t, code, (how & 3u) | (*open ? 0 : 0x40u) | (how & 8 ? 0x80u : 0), body, tweak);
    *open = how & 8 ? code : 0;
}

static void put_something(struct text *t, struct fuzz_in *in)
{
    static const uint8_t zeros[255];
    uint8_t kind = fuzz_u8(in), tweak = fuzz_u8(in), arg = fuzz_u8(in), nonce[8];
    uint64_t numbers[2] = { arg, fuzz_u8(in) };
    switch (kind % 11) {
    case 0:
        memset(nonce, arg, sizeof nonce);
        put(t, SOTTO_RL_PING, 0x40, SOTTO_SPAN(nonce), tweak);
        break;
    case 1:
        numbers[0] = 1 + arg % 3;
        numbers[1] = s.from.limit[numbers[0]] + ((uint64_t)numbers[1] << (arg >> 4)) - (tweak == 0xf6);
        put_numbers(t, SOTTO_RL_WINDOW, numbers, 2, tweak);
        break;
    case 2: put_numbers(t, SOTTO_RL_ACK, numbers, 1, tweak); break;
    case 3: put_update(t, in, tweak); break;
    case 4: put_numbers(t, SOTTO_RL_NOTICE, numbers, 2, tweak); break;
    case 5: put(t, SOTTO_RL_STEM_TX, 0x41, sotto_span(zeros, arg), tweak); break;
    case 6: case 7: put_piece(t, arg, sotto_span(zeros, (size_t)numbers[1]), tweak); break;
    case 8: put_piece(t, arg, fuzz_span(in, 255), tweak); break;
    case 9: put_numbers(t, SOTTO_RL_READY, (const uint64_t[]){ arg & 1 ? arg : s.to.roles }, 1, tweak); break;
    default: put(t, arg, (unsigned)numbers[1], fuzz_span(in, 255), tweak);
    }
}

static void say_cell(struct fuzz_in *in)
{
    uint8_t how = fuzz_u8(in), lie = fuzz_u8(in), spoil = fuzz_u8(in);
    enum sotto_rl_class c = how & 1 ? SOTTO_RL_L : SOTTO_RL_S;
    struct text t = text(c);
    for (unsigned k = how >> 1 & 7; k > 0; k--) put_something(&t, in);
    if (t.at < t.end && spoil != 0xff) t.b[t.at] = SOTTO_RL_END_MARK;
    if (t.at + 1 < t.end && spoil >= 0xf0 && spoil < 0xff) t.b[t.at + 1 + fuzz_below(in, (uint32_t)(t.end - t.at - 1))] = spoil;
    seal(c, t.b, lie >= 0xf0 ? lie % 6 : 0, in);
}

/* Many full pieces of one message of channel 2, or many empty cells. */
static void say_many(struct fuzz_in *in)
{
    uint8_t how = fuzz_u8(in);
    unsigned count = how & 1 ? fuzz_u8(in) : 8u * fuzz_u8(in);
    for (; count > 0 && !w.e[0].ends && !s.over && s.cells < CELLS_MAX; count--) {
        struct text t = text(SOTTO_RL_L);
        static const uint8_t zeros[SOTTO_RL_PLAIN_L - 4];
        if (how & 1) t.b[0] = SOTTO_RL_END_MARK;
        else put_piece(&t, 2 | 8 | (how & 4), SOTTO_SPAN(zeros), 0);
        seal((how & 3) == 1 ? SOTTO_RL_S : SOTTO_RL_L, t.b, 0, in);
    }
}

static void say_status(struct fuzz_in *in)
{
    struct sotto_rl_status read, status = { .fresh = s.fresh_pub, .options = s.options };
    uint8_t bytes[SOTTO_RL_STATUS_SIZE];
    bool opening = w.e[0].last.state == SOTTO_RL_OPENING, had_ended = w.e[0].ends;
    SOTTO_ASSERT(sotto_rl_status_write(bytes, &status, NULL, 0) == SOTTO_OK);
    for (unsigned k = fuzz_u8(in); k >= 0xf0; k = fuzz_u8(in)) bytes[fuzz_u16(in) % sizeof bytes] ^= (uint8_t)(1u << (k & 7));
    enum sotto_err want = sotto_rl_status_read(&read, SOTTO_SPAN(bytes), &s.theirs.fresh);
    if (opening && want == SOTTO_OK) {
        const struct end *me = &w.e[1], *it = &w.e[0];
        struct sotto_rl_keys keys;
        enum sotto_rl_direction mine = w.dialled ? SOTTO_RL_RI : SOTTO_RL_IR;
        const struct sotto_rl_side side = { .dialled = mine == SOTTO_RL_IR, .own = &me->key, .fresh = &s.fresh, .own_pub = me->pub, .peer_pub = it->pub,
                                            .peer_fresh = s.theirs.fresh, .own_status = SOTTO_SPAN(bytes), .peer_status = SOTTO_SPAN(s.their_bytes) };
        SOTTO_ASSERT(sotto_rl_keys(&keys, &side) == SOTTO_OK);
        sotto_rl_keys_lane(&s.out, &keys, mine);
        sotto_rl_keys_lane(&s.in, &keys, mine == SOTTO_RL_IR ? SOTTO_RL_RI : SOTTO_RL_IR);
        sotto_rl_lane_prepare(&s.out);
        sotto_rl_lane_prepare(&s.in);
        s.blind = memcmp(read.fresh.b + 1, s.fresh_pub.b + 1, 32) != 0;       /* of a point and its opposite one secret tells both */
        s.keyed = true;
        s.options = read.options;
        judge_end(&s.to);
        judge_end(&s.from);
        judge_begin(&s.to, &s.from, read.options.roles, read.options.stem_class == 1, it->options.window);
        judge_begin(&s.from, &s.to, it->options.roles, it->options.stem_class == 1, read.options.window);
    }
    feed(SOTTO_RL_STATUS, SOTTO_SPAN(bytes));
    if (!had_ended) SOTTO_ASSERT(opening && want == SOTTO_OK ? !w.e[0].ends : w.e[0].ends == 1 && w.e[0].err == (opening ? want : SOTTO_ERR_LINK_CODE));
}

static void say_ready(struct fuzz_in *in)
{
    struct text t = text(SOTTO_RL_S);
    put_numbers(&t, SOTTO_RL_READY, (const uint64_t[]){ s.to.roles }, 1, 0);
    t.b[t.at] = SOTTO_RL_END_MARK;
    if (s.keyed && !w.e[0].ends && !s.to.ready) seal(SOTTO_RL_S, t.b, 0, in);
}

static void say_bytes(struct fuzz_in *in)
{
    unsigned code = fuzz_u8(in);
    struct sotto_span bytes = fuzz_span(in, 1200);
    bool head = bytes.size > 3 && bytes.data[0] == 0xb9 && (bytes.size == 259 || bytes.size == 1155) && sotto_be16(bytes.data + 1) == bytes.size - 3;
    if (code == SOTTO_RL_STATUS) return;          /* say_status, and the target link_status */
    if (code == SOTTO_RL_CELL) feed_bad(bytes, head ? SOTTO_ERR_CELL_OPEN : SOTTO_ERR_CELL_SIZE);
    else {
        bool had_ended = w.e[0].ends;
        feed(code, bytes);
        SOTTO_ASSERT(had_ended || w.e[0].err == SOTTO_ERR_LINK_CODE);
    }
}

void stranger_act(struct fuzz_in *in)
{
    uint8_t op = fuzz_u8(in);
    if (s.over) return;
    bool can = s.keyed && !w.e[0].ends && s.cells < CELLS_MAX;
    switch (op % 32) {
    case 0: say_status(in); break;
    case 1: say_ready(in); break;
    case 2: say_bytes(in); break;
    case 3: {                                     /* ours comes again, or its own comes back */
        const struct sotto_buf *again = op & 32 ? &s.said : &s.last;
        if (again->size) feed_bad(sotto_buf_span(again), SOTTO_ERR_CELL_OPEN);
        break;
    }
    case 4: case 5: case 6: if (can) say_many(in); break;
    case 7: case 8: case 9: case 10: case 11: case 12: case 13: case 14: case 15: case 16: case 17: case 18: case 19: if (can) say_cell(in); break;
    default: {
        bool had_ended = w.e[0].ends;
        if (op % 32 == 31 && w.e[0].ups && !w.e[0].ends) s.bound = true;
        owner_act(in, 0, op % 32 == 31 ? 9 : op % 9u);
        if (had_ended || !w.e[0].ends) break;                         /* only time ends a link by itself */
        uint64_t passed = w.now.mono_us - START_US;
        SOTTO_ASSERT(w.e[0].err == SOTTO_ERR_LINK_TIME ? !w.e[0].ups && passed >= SOTTO_RL_STATUS_US : w.e[0].err == SOTTO_ERR_MESSAGE_TIME && passed >= SOTTO_RL_MESSAGE_US);
    }
    }
}

/* ---- beginning and end ---- */

void stranger_begin(struct fuzz_in *in)
{
    struct sotto_rl_status theirs = s.theirs;     /* came when the machine began */
    uint8_t bytes[SOTTO_RL_STATUS_SIZE];
    memcpy(bytes, s.their_bytes, sizeof bytes);
    s = (struct stranger){ .options = w.e[1].options, .theirs = theirs, .last = sotto_buf_make(SOTTO_RL_PAYLOAD_MAX), .said = sotto_buf_make(SOTTO_RL_PAYLOAD_MAX), .pings = sotto_buf_make(1 << 20) };
    memcpy(s.their_bytes, bytes, sizeof bytes);
    sotto_scalar_random(&s.fresh, &w.e[1].rng.rng);
    SOTTO_ASSERT(sotto_point_make(&s.fresh_pub, &s.fresh) == SOTTO_OK);
    judge_begin(&s.to, &s.from, 0, false, 0);
    judge_begin(&s.from, &s.to, 0, false, 0);
    uint8_t quick = fuzz_u8(in);                  /* most inputs begin with a link that is up */
    struct fuzz_in none = fuzz_in(NULL, 0);
    check_end(0);
    if (quick & 3) say_status(&none);
    check_end(0);
    if (quick & 2) say_ready(&none);
    check_end(0);
}

void stranger_check(void)
{
    for (unsigned ch = 1; ch < SOTTO_RL_CHANNELS; ch++) SOTTO_ASSERT(s.from.used[ch] <= s.from.limit[ch]);
}

void stranger_end(void)
{
    judge_end(&s.to);
    judge_end(&s.from);
    sotto_rl_lane_end(&s.out);
    sotto_rl_lane_end(&s.in);
    sotto_buf_free(&s.last);
    sotto_buf_free(&s.said);
    sotto_buf_free(&s.pings);
}
