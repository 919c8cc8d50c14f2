/* What a hostile peer can do on a link: every refusal of network.md 2, and what is no breach and hurts all the same. */
#include "sim/links_world.h"

enum { OPEN_MAX = 1100000, FLOOD_S = 8, SYNC_S = 24, LOW_RATE = 2, STORM = 200, ABOVE_RATE = 1300, PIECE = SOTTO_RL_PLAIN_L - SOTTO_RL_HEAD };
#define LEDGER 0x7f                               /* an ignored code: it counts all the same and holds no memory */

/* ---- STATUS ---- */

static void says(struct links_raw *r, enum sotto_err err, unsigned code, const void *bytes, size_t size)
{
    r->status_err = err;
    links_put(r->own, code, sotto_span(bytes, size));
    r->done = true;
}
static void status_size(struct links_raw *r)
{
    static const uint8_t longer[SOTTO_RL_STATUS_MAX + 1];
    says(r, SOTTO_ERR_STATUS_SIZE, SOTTO_RL_STATUS, longer, sizeof longer);
}
static void status_rlp(struct links_raw *r) { says(r, SOTTO_ERR_RLP, SOTTO_RL_STATUS, r->status, sizeof r->status - 1); }
static void status_form(struct links_raw *r) { says(r, SOTTO_ERR_STATUS_FORM, SOTTO_RL_STATUS, "\xc1\x01", 2); }
static void status_with(struct links_raw *r, enum sotto_err err, size_t at, uint8_t value)
{
    uint8_t bytes[SOTTO_RL_STATUS_SIZE];
    memcpy(bytes, r->status, sizeof bytes);
    bytes[at] = value;
    says(r, err, SOTTO_RL_STATUS, bytes, sizeof bytes);
}
static void status_version(struct links_raw *r) { status_with(r, SOTTO_ERR_STATUS_VERSION, 3, 2); }
/* 3 head, 1 version, 34 key, 33 nonce, 3 head of the options, then [1, roles]: its id above all that follow */
static void status_order(struct links_raw *r) { status_with(r, SOTTO_ERR_STATUS_ORDER, 3 + 1 + 34 + 33 + 3 + 1, 0x7f); }
static void status_option(struct links_raw *r)
{
    static const uint8_t head[] = { 0xf8, 0x48, 0x01, 0xa1 }, tail[] = { 0xc3, 0xc2, 0x08, 0x80 };     /* [.., [[8, ""]]]: a port is in a list */
    uint8_t bytes[4 + 33 + 33 + 4];
    memcpy(bytes, head, 4);
    memcpy(bytes + 4, r->fresh_pub.b, 33);
    bytes[37] = 0xa0;
    memset(bytes + 38, 1, 32);
    memcpy(bytes + 70, tail, 4);
    says(r, SOTTO_ERR_STATUS_OPTION, SOTTO_RL_STATUS, bytes, sizeof bytes);
}
static void status_key(struct links_raw *r)
{
    uint8_t bytes[SOTTO_RL_STATUS_SIZE];
    memcpy(bytes, r->status, sizeof bytes);
    memset(bytes + 3 + 1 + 2, 0xff, 32);          /* no x coordinate is that large */
    says(r, SOTTO_ERR_KEY, SOTTO_RL_STATUS, bytes, sizeof bytes);
}
static void own_ephemeral(struct links_raw *r) { says(r, SOTTO_ERR_LINK_EPHEMERAL, SOTTO_RL_STATUS, r->theirs, sizeof r->theirs); }
static void cell_first(struct links_raw *r) { says(r, SOTTO_OK, SOTTO_RL_CELL, r->status, sizeof r->status); }
static void unknown_code(struct links_raw *r) { says(r, SOTTO_OK, 2, r->status, sizeof r->status); }
static void silence(struct links_raw *r) { r->done = r->mute = true; }
static void status_again(struct links_raw *r) { says(r, SOTTO_OK, SOTTO_RL_STATUS, r->status, sizeof r->status); }

/* ---- cells ---- */

static void sends_last(struct links_raw *r) { links_put(r->own, SOTTO_RL_CELL, sotto_span(r->last, r->last_size)); }
static void cell_cut(struct links_raw *r)
{
    links_raw_seal(r, SOTTO_RL_L, "", 0, false);
    r->last_size -= 1 + links_below(&r->w->hostile, 800);
    if (r->last_size == SOTTO_RL_PAYLOAD_HEAD + SOTTO_RL_CELL_S) r->last_size++;
    sends_last(r);
    r->done = true;
}
static void cell_head(struct links_raw *r)
{
    links_raw_seal(r, SOTTO_RL_S, "", 0, false);
    r->last[links_below(&r->w->hostile, 3)] ^= (uint8_t)(1u << links_below(&r->w->hostile, 8));
    sends_last(r);
    r->done = true;
}
static void cell_flipped(struct links_raw *r)
{
    enum sotto_rl_class c = links_below(&r->w->hostile, 2) ? SOTTO_RL_L : SOTTO_RL_S;
    links_raw_seal(r, c, "", 0, false);
    r->last[SOTTO_RL_PAYLOAD_HEAD + links_below(&r->w->hostile, r->last_size - SOTTO_RL_PAYLOAD_HEAD)] ^= (uint8_t)(1u << links_below(&r->w->hostile, 8));
    sends_last(r);
    r->done = true;
}
static void cell_replayed(struct links_raw *r)
{
    links_raw_cell(r, SOTTO_RL_S, "\x06\x40\x00\x03\xc2\x63\x80", 7, false);
    sends_last(r);
    r->done = true;
}
static void cells_swapped(struct links_raw *r)
{
    uint8_t first[SOTTO_RL_PAYLOAD_MAX];
    links_raw_seal(r, SOTTO_RL_S, "\x06\x40\x00\x03\xc2\x63\x80", 7, false);
    size_t size = r->last_size;
    memcpy(first, r->last, size);
    links_raw_cell(r, SOTTO_RL_S, "\x06\x40\x00\x03\xc2\x62\x80", 7, false);
    links_put(r->own, SOTTO_RL_CELL, sotto_span(first, size));
    r->done = true;
}
/* What the victim itself said comes back: another direction, another key. */
static void cell_mirrored(struct links_raw *r)
{
    struct sotto_rl_lane theirs = r->tap_from;
    uint8_t plain[SOTTO_RL_PLAIN_S] = { SOTTO_RL_END_MARK };
    SOTTO_ASSERT(sotto_rl_seal(&theirs, r->last, &r->last_size, SOTTO_RL_S, plain) == SOTTO_OK);
    sotto_rl_lane_end(&theirs);
    sends_last(r);
    r->done = true;
}
static void no_end_mark(struct links_raw *r)
{
    links_raw_cell(r, SOTTO_RL_S, "", 0, true);
    r->done = true;
}

/* ---- messages ---- */

static void piece(struct links_raw *r, uint8_t code, unsigned channel, bool first, size_t size)
{
    uint8_t text[SOTTO_RL_PLAIN_L] = { code, (uint8_t)(channel | SOTTO_RL_MORE | (first ? SOTTO_RL_FIRST : 0)), (uint8_t)(size >> 8), (uint8_t)size };
    links_raw_cell(r, SOTTO_RL_HEAD + size <= SOTTO_RL_PLAIN_S ? SOTTO_RL_S : SOTTO_RL_L, text, SOTTO_RL_HEAD + size, false);
}
static void message_time(struct links_raw *r)
{
    if (!links_raw_fits(r, 2, 100)) return;
    piece(r, 0x22, 2, true, 1);
    r->done = true;
}
/* A little more now and then: the time still runs from the first. */
static void message_drip(struct links_raw *r)
{
    if (r->w->now_us < r->ping_us + LINKS_SECOND || !links_raw_fits(r, 2, 100)) return;
    r->ping_us = r->w->now_us;
    piece(r, 0x22, 2, r->count++ == 0, 5);
}
static void message_size(struct links_raw *r)
{
    for (; links_raw_fits(r, 2, SOTTO_RL_PLAIN_L); r->count++) piece(r, LEDGER, 2, r->count == 0, PIECE);
}
/* No credit comes where the line takes nothing: it does not read, until the victim's line is full, and then sends more than it may. */
static void window(struct links_raw *r)
{
    const struct links_end *v = r->victim;
    for (unsigned ch = 1; r->count == 0 && ch < SOTTO_RL_CHANNELS; ch++) links_raw_grant(r, ch, UINT64_C(1) << 40);
    r->count = 1;
    r->no_grant = r->deaf = r->feeds = true;
    if (!v->paced && v->out.backlog_bytes + SOTTO_RL_PAYLOAD_MAX <= v->c->ahead) return;
    for (; r->own->out.backlog_bytes < 32768; r->open_size[2] += PIECE) piece(r, LEDGER, 2, r->open_size[2] == 0, PIECE);
}
static void window_max(struct links_raw *r)
{
    r->no_grant = true;
    if (r->count++ == 0)
        for (unsigned ch = 1; ch < SOTTO_RL_CHANNELS; ch++) links_raw_grant(r, ch, UINT64_MAX);
    links_raw_live(r);
    r->done = r->count > STORM;
}
static void window_storm(struct links_raw *r)
{
    unsigned ch = 1 + (unsigned)links_below(&r->w->hostile, 3);
    if (links_raw_fits(r, 0, 20)) links_raw_grant(r, ch, r->granted[ch] + links_below(&r->w->hostile, 2));
    r->no_grant = true;
    r->done = ++r->count > STORM;
}

/* Large messages that never end, on all channels of all its links; each stays inside credit and rates. */
static void many_open(struct links_raw *r)
{
    static const uint8_t codes[SOTTO_RL_CHANNELS] = { SOTTO_RL_PEERS, SOTTO_RL_STEM_TX, 0x26, 0x42 };
    int64_t level = r->take_cells + (int64_t)((r->w->now_us - r->take_us) * SOTTO_RL_CELLS_RATE);
    for (unsigned ch = 0; ch < SOTTO_RL_CHANNELS; ch++)
        for (unsigned k = 0; k < 24 && r->open_size[ch] < OPEN_MAX && links_raw_fits(r, ch, SOTTO_RL_PLAIN_L); k++) {
            if (ch < 2 && (k == 4 || level < 150 * INT64_C(1000000))) break;
            piece(r, codes[ch], ch, r->open_size[ch] == 0, PIECE);
            r->open_size[ch] += PIECE;
        }
}

/* ---- rates ---- */

static void rate(struct links_raw *r)
{
    links_stall(r->victim, 8 * LINKS_SECOND);     /* all of it comes at once */
    for (unsigned i = 0; i < ABOVE_RATE; i++) links_raw_cell(r, SOTTO_RL_S, "", 0, false);
    r->done = true;
}
static void flood(struct links_raw *r)
{
    while (r->own->out.backlog_bytes < 65536) links_raw_cell(r, SOTTO_RL_S, "", 0, false);
    r->done = r->w->now_us > r->live_us + FLOOD_S * LINKS_SECOND;
}
static void flood_media(struct links_raw *r)
{
    static const char text[] = "\x62\x43\x00\x80";
    uint8_t cell[SOTTO_RL_HEAD + 128] = { 0 };
    memcpy(cell, text, SOTTO_RL_HEAD);
    memset(cell + SOTTO_RL_HEAD, 1, 4);
    for (unsigned i = 0; i < 200 && links_raw_fits(r, 3, sizeof cell); i++) links_raw_cell(r, SOTTO_RL_S, cell, sizeof cell, false);
    r->done = r->w->now_us > r->live_us + FLOOD_S * LINKS_SECOND;
}
static void flood_sync(struct links_raw *r)
{
    static const uint8_t text[SOTTO_RL_PLAIN_L] = { LEDGER, SOTTO_RL_FIRST | 2, PIECE >> 8, PIECE & 255 };
    while (links_raw_fits(r, 2, sizeof text)) links_raw_cell(r, SOTTO_RL_L, text, sizeof text, true);
    r->done = r->w->now_us > r->live_us + SYNC_S * LINKS_SECOND;
}
static void empty_cells(struct links_raw *r)      /* as many as it may */
{
    for (unsigned i = 0; i < 3 && links_raw_fits(r, 0, 0); i++) links_raw_cell(r, i == 0 ? SOTTO_RL_L : SOTTO_RL_S, "", 0, false);
    r->done = ++r->count > STORM;
}
static void ping_flood(struct links_raw *r)
{
    uint8_t text[SOTTO_RL_PLAIN_S] = { 0 };
    for (unsigned i = 0; i < 20; i++) memcpy(text + 12 * i, "\x07\x40\x00\x08nonce...", 12);
    if (links_raw_fits(r, 0, 0)) links_raw_cell(r, SOTTO_RL_S, text, sizeof text, false);
    r->done = ++r->count > STORM;
}
static void tiny_records(struct links_raw *r)     /* as many records as a cell holds */
{
    uint8_t text[SOTTO_RL_PLAIN_L];
    for (unsigned i = 0; i < SOTTO_RL_PLAIN_L / 5; i++) memcpy(text + 5 * i, "\x0e\x42\x00\x01x", 5);
    if (links_raw_fits(r, 2, sizeof text)) links_raw_cell(r, SOTTO_RL_L, text, SOTTO_RL_PLAIN_L / 5 * 5, false);
    r->done = ++r->count > STORM;
}

/* ---- what is no breach ---- */

static void honest(struct links_raw *r)
{
    links_raw_live(r);
    r->done = r->w->now_us > r->live_us + FLOOD_S * LINKS_SECOND;
}
static void no_credit(struct links_raw *r)
{
    r->no_grant = true;
    honest(r);
}
static void no_reading(struct links_raw *r)
{
    r->deaf = r->feeds = true;
    honest(r);
}
static void ack_lies(struct links_raw *r)
{
    static const uint64_t lies[] = { 0, 1, UINT32_MAX, UINT64_MAX };
    uint64_t n = lies[links_below(&r->w->hostile, 4)];
    if (links_raw_fits(r, 0, 20)) links_raw_numbers(r, SOTTO_RL_ACK, &n, 1);
    r->done = ++r->count > STORM;
}
static void unknown_codes(struct links_raw *r)
{
    static const char codes[] = "\x0e\x40\x00\x01x\x19\x41\x00\x01x\x4f\x42\x00\x01x\x7f\x43\x00\x01x\x66\x40\x00\x01x";
    static const char option[] = "\x05\x40\x00\x06\xc5\xc4\xc3\x30\x81\xaa", notice[] = "\x06\x40\x00\x03\xc2\x63\x80";
    if (links_raw_fits(r, 1, 40)) links_raw_cell(r, SOTTO_RL_S, codes, sizeof codes - 1, false);
    if (links_raw_fits(r, 0, 40)) links_raw_cell(r, SOTTO_RL_S, option, sizeof option - 1, false);
    if (links_raw_fits(r, 0, 40)) links_raw_cell(r, SOTTO_RL_S, notice, sizeof notice - 1, false);
    r->done = ++r->count > STORM / 4;
}
static void says_rates(struct links_raw *r, uint32_t cells_rate, uint32_t bytes_rate)
{
    struct sotto_rl_options o = sotto_rl_options();
    uint8_t text[64] = { SOTTO_RL_UPDATE, SOTTO_RL_FIRST };
    struct sotto_buf b = { text + SOTTO_RL_HEAD, 0, 56, 56 };
    o.has = SOTTO_RL_HAS(3);
    o.cells_rate = cells_rate, o.bytes_rate = bytes_rate, o.window = 1 + (uint32_t)links_below(&r->w->hostile, 1 << 24);
    size_t mark = sotto_rlp_begin(&b);
    SOTTO_ASSERT(sotto_rl_options_write(&b, &o) == SOTTO_OK && sotto_rlp_end_list(&b, mark) == SOTTO_OK);
    text[3] = (uint8_t)b.size;
    if (links_raw_fits(r, 0, 40)) links_raw_cell(r, SOTTO_RL_S, text, SOTTO_RL_HEAD + b.size, false);
}
/* Rates over and over, lower and higher, and other windows: no credit and no tokens come of it, and the lower one holds. */
static void update_storm(struct links_raw *r)
{
    struct links_world *w = r->w;
    says_rates(r, 1 + (uint32_t)links_below(&w->hostile, 2 * SOTTO_RL_CELLS_RATE), 1 + (uint32_t)links_below(&w->hostile, 1 << 24));
    r->done = ++r->count > STORM;
}
/* It can take only a few cells from now on, and is told much. */
static void update_low(struct links_raw *r)
{
    if (r->count++ == 0) says_rates(r, LOW_RATE, SOTTO_RL_BYTES_RATE);
    r->chatty = true;
    honest(r);
}

#define STEPS(name, end, phase, commit) { name, end, phase, commit, NULL, 0 }
#define TEXT(name, end, phase, text) { name, end, phase, NULL, text, sizeof(text) - 1 }
const struct links_strategy links_strategies[] = {
    STEPS("status-size", "status-size", LINKS_AT_STATUS, status_size), STEPS("status-rlp", "rlp", LINKS_AT_STATUS, status_rlp),
    STEPS("status-form", "status-form", LINKS_AT_STATUS, status_form),
    STEPS("status-version", "status-version", LINKS_AT_STATUS, status_version),
    STEPS("status-order", "status-order", LINKS_AT_STATUS, status_order),
    STEPS("status-option", "status-option", LINKS_AT_STATUS, status_option), STEPS("status-key", "key", LINKS_AT_STATUS, status_key),
    STEPS("own-ephemeral", "link-ephemeral", LINKS_AT_STATUS, own_ephemeral),
    STEPS("cell-before-status", "link-code", LINKS_AT_STATUS, cell_first),
    STEPS("unknown-code", "link-code", LINKS_AT_STATUS, unknown_code), STEPS("no-status", "link-time", LINKS_AT_STATUS, silence),
    STEPS("no-ready", "link-time", LINKS_AT_READY, silence), STEPS("status-twice", "link-code", LINKS_AT_READY, status_again),
    TEXT("ready-late", "ready-first", LINKS_AT_READY, "\x07\x40\x00\x08nonce..."),
    TEXT("ready-in-pieces", "ready-first", LINKS_AT_READY, "\x02\xc0\x00\x01\xc1\x02\x00\x00\x01\x03"),
    TEXT("ready-empty-cell", "ready-first", LINKS_AT_READY, ""),
    TEXT("ready-roles", "ready-roles", LINKS_AT_READY, "\x02\x40\x00\x02\xc1\x07"),
    TEXT("ready-again", "ready-again", LINKS_LIVE, "\x02\x40\x00\x02\xc1\x03"), STEPS("status-late", "link-code", LINKS_LIVE, status_again),
    STEPS("unknown-code-late", "link-code", LINKS_LIVE, unknown_code), STEPS("cell-cut", "cell-size", LINKS_LIVE, cell_cut),
    STEPS("cell-head", "cell-size", LINKS_LIVE, cell_head), STEPS("cell-flipped", "cell-open", LINKS_LIVE, cell_flipped),
    STEPS("cell-replayed", "cell-open", LINKS_LIVE, cell_replayed), STEPS("cells-swapped", "cell-open", LINKS_LIVE, cells_swapped),
    STEPS("cell-mirrored", "cell-open", LINKS_LIVE, cell_mirrored),
    TEXT("cell-padding", "cell-padding", LINKS_LIVE, "\x18\x41\x00\x02\xc1\x01\xff\x01"),
    STEPS("no-end-mark", "record-code", LINKS_LIVE, no_end_mark), TEXT("record-code", "record-code", LINKS_LIVE, "\x15\x41\x00\x01\xc0"),
    TEXT("record-overrun", "record-overrun", LINKS_LIVE, "\x07\x40\x01\x08"),
    TEXT("record-flags", "record-flags", LINKS_LIVE, "\x07\x50\x00\x08nonce..."),
    TEXT("record-channel", "record-channel", LINKS_LIVE, "\x07\x41\x00\x08nonce..."),
    TEXT("record-empty", "record-empty", LINKS_LIVE, "\x07\x40\x00\x00"),
    TEXT("fragment-next", "fragment-order", LINKS_LIVE, "\x22\x02\x00\x01\xc0"),
    TEXT("fragment-first", "fragment-order", LINKS_LIVE, "\x22\xc2\x00\x01\xc2\x22\xc2\x00\x01\xc2"),
    TEXT("fragment-code", "fragment-code", LINKS_LIVE, "\x22\xc2\x00\x01\xc2\x23\x02\x00\x02\x01\x01"),
    TEXT("body-rlp", "rlp", LINKS_LIVE, "\x06\x40\x00\x03\xc1\x01\x01"), TEXT("body-form", "body", LINKS_LIVE, "\x06\x40\x00\x02\xc1\x01"),
    TEXT("window-back", "window-back", LINKS_LIVE, "\x03\x40\x00\x03\xc2\x02\x05"),
    STEPS("message-time", "message-time", LINKS_LIVE, message_time), STEPS("message-drip", "message-time", LINKS_LIVE, message_drip),
    STEPS("message-size", "message-size", LINKS_LIVE, message_size), STEPS("window", "window", LINKS_LIVE, window),
    STEPS("rate", "link-rate", LINKS_LIVE, rate), STEPS("flood", "", LINKS_LIVE, flood),
    STEPS("flood-media", NULL, LINKS_LIVE, flood_media), STEPS("flood-sync", NULL, LINKS_LIVE, flood_sync),
    STEPS("many-open", "", LINKS_LIVE, many_open), STEPS("honest", NULL, LINKS_LIVE, honest),
    STEPS("no-credit", NULL, LINKS_LIVE, no_credit), STEPS("no-reading", NULL, LINKS_LIVE, no_reading),
    STEPS("window-max", NULL, LINKS_LIVE, window_max), STEPS("window-storm", NULL, LINKS_LIVE, window_storm),
    STEPS("ack-lies", NULL, LINKS_LIVE, ack_lies), STEPS("empty-cells", NULL, LINKS_LIVE, empty_cells),
    STEPS("ping-flood", NULL, LINKS_LIVE, ping_flood), STEPS("tiny-records", NULL, LINKS_LIVE, tiny_records),
    STEPS("unknown-codes", NULL, LINKS_LIVE, unknown_codes), STEPS("update-storm", NULL, LINKS_LIVE, update_storm), STEPS("update-low", NULL, LINKS_LIVE, update_low),
};
const unsigned links_strategy_count = sizeof links_strategies / sizeof *links_strategies;
