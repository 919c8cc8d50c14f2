/* Every breach that a peer of a link can commit, one by one: its name, what it costs, that nothing else happens, and that nothing is held after it.
 * The table is that of network.md 1 and 2; a name of it that no row commits fails the test. */
#include "link_world.h"

static struct stranger s;
static struct node victim;

/* ---- before the keys ---- */

static void status_bytes(struct sotto_span bytes) { stranger_says(&s, SOTTO_RL_STATUS, bytes); }
static void status_size(void)
{
    static const uint8_t long_one[SOTTO_RL_STATUS_MAX + 1];
    status_bytes(SOTTO_SPAN(long_one));
}
static void status_rlp(void) { status_bytes(sotto_span(s.own, sizeof s.own - 1)); }
static void status_form(void) { status_bytes(sotto_span("\xc1\x01", 2)); }
static void status_changed(size_t at, uint8_t to)         /* one byte of our own STATUS */
{
    s.own[at] = to;
    status_bytes(SOTTO_SPAN(s.own));
}
static void status_version(void) { status_changed(3, 2); }
/* 3 head, 1 version, 34 key, 33 nonce, 3 head of the options: c2 01 03, then f9 .. 7f b9 .. zeros */
static void status_order(void) { status_changed(3 + 1 + 34 + 33 + 3 + 1, 0x7f); }
static void status_option(void)
{
    struct sotto_rl_status read;
    static const uint8_t bad[] = { 0xf8, 0x48, 0x01, 0xa1 }, tail[] = { 0xc3, 0xc2, 0x08, 0x80 };     /* [.., [[8, ""]]]: a port is in a list */
    uint8_t bytes[4 + 33 + 33 + 4];
    memcpy(bytes, bad, 4);
    memcpy(bytes + 4, s.fresh_pub.b, 33);
    bytes[37] = 0xa0;
    memset(bytes + 38, 1, 32);
    memcpy(bytes + 70, tail, 4);
    assert_int_equal(sotto_rl_status_read(&read, SOTTO_SPAN(bytes), NULL), SOTTO_ERR_STATUS_OPTION);
    status_bytes(SOTTO_SPAN(bytes));
}
static void status_key(void)
{
    memset(s.own + 3 + 1 + 2, 0xff, 32);          /* no x coordinate is that large */
    status_bytes(SOTTO_SPAN(s.own));
}
static void link_ephemeral(void)
{
    unsigned code = 0;
    struct sotto_span theirs = { 0 };
    assert_true(frames_next(&victim.sent, &code, &theirs));
    status_bytes(theirs);                         /* their own comes back */
}
static void cell_before_status(void) { stranger_says(&s, SOTTO_RL_CELL, SOTTO_SPAN(s.own)); }
static void unknown_code(void) { stranger_says(&s, 2, SOTTO_SPAN(s.own)); }
static void no_status(void)
{
    victim.now.mono_us = sotto_rl_deadline(victim.link) - 1;
    sotto_rl_tick(victim.link, victim.now);
    assert_int_equal(victim.ends, 0);
    victim.now.mono_us++;
    sotto_rl_tick(victim.link, victim.now);
}

/* ---- before READY ---- */

static void no_ready(void)
{
    stranger_status(&s);
    no_status();
}
static void status_twice(void)
{
    stranger_status(&s);
    stranger_says(&s, SOTTO_RL_STATUS, SOTTO_SPAN(s.own));
}
static void first_says(const char *text, size_t size)
{
    stranger_status(&s);
    stranger_cell(&s, SOTTO_RL_S, text, size, false);
}
#define FIRST(text) first_says(text, sizeof(text) - 1)
static void ready_first(void) { FIRST("\x07\x40\x00\x08nonce..."); }
static void ready_in_pieces(void) { FIRST("\x02\xc0\x00\x01\xc1\x02\x00\x00\x01\x03"); }
static void ready_empty_cell(void) { FIRST(""); }
static void ready_roles(void) { FIRST("\x02\x40\x00\x02\xc1\x07"); }

/* ---- up ---- */

static void up(void)
{
    stranger_status(&s);
    stranger_ready(&s);
    assert_true(victim.ups == 1 && victim.ends == 0);
}
static void up_says(const char *text, size_t size)
{
    up();
    stranger_cell(&s, SOTTO_RL_S, text, size, false);
}
#define SAYS(text) up_says(text, sizeof(text) - 1)
static void ready_again(void) { SAYS("\x02\x40\x00\x02\xc1\x03"); }
static void cell_size(void)
{
    static const uint8_t other[SOTTO_RL_PAYLOAD_MAX - 1] = { 0xb9, 0x04, 0x7f };
    up();
    stranger_says(&s, SOTTO_RL_CELL, SOTTO_SPAN(other));
}
static void cell_open(void)
{
    static const uint8_t other[SOTTO_RL_PAYLOAD_MAX] = { 0xb9, 0x04, 0x80 };
    up();
    stranger_says(&s, SOTTO_RL_CELL, SOTTO_SPAN(other));
}
static void cell_replayed(void)
{
    up();
    s.out.counter--;
    stranger_cell(&s, SOTTO_RL_S, "", 0, false);
}
static void cell_padding(void) { SAYS("\x18\x41\x00\x02\xc1\x01\xff\x01"); }
static void no_end_mark(void)
{
    up();
    stranger_cell(&s, SOTTO_RL_S, "", 0, true);
}
static void record_code(void) { SAYS("\x15\x41\x00\x01\xc0"); }
static void record_overrun(void) { SAYS("\x07\x40\x01\x08"); }
static void record_flags(void) { SAYS("\x07\x50\x00\x08nonce..."); }
static void record_channel(void) { SAYS("\x07\x41\x00\x08nonce..."); }
static void record_empty(void) { SAYS("\x07\x40\x00\x00"); }
static void fragment_next(void) { SAYS("\x22\x02\x00\x01\xc0"); }
static void fragment_first(void) { SAYS("\x22\xc2\x00\x01\xc2\x22\xc2\x00\x01\xc2"); }
static void fragment_code(void) { SAYS("\x22\xc2\x00\x01\xc2\x23\x02\x00\x02\x01\x01"); }
static void body_rlp(void) { SAYS("\x06\x40\x00\x03\xc1\x01\x01"); }
static void body_form(void) { SAYS("\x06\x40\x00\x02\xc1\x01"); }
static void window_back(void) { SAYS("\x03\x40\x00\x03\xc2\x02\x05"); }

static void message_time_cell(void)
{
    SAYS("\x22\xc2\x00\x01\xc2");
    victim.now.mono_us += SOTTO_RL_MESSAGE_US;
    stranger_cell(&s, SOTTO_RL_S, "\x22\x02\x00\x02\x01\x01", 6, false);
}
static void message_time_tick(void)
{
    SAYS("\x22\xc2\x00\x01\xc2");
    victim.now.mono_us = sotto_rl_deadline(victim.link);
    sotto_rl_tick(victim.link, victim.now);
}

static void ledger_cell(bool first)
{
    static uint8_t text[SOTTO_RL_PLAIN_L] = { 0x7f, 0, 1132 >> 8, 1132 & 255 };       /* an ignored code: it counts all the same */
    text[1] = first ? 0xc2 : 0x82;
    stranger_cell(&s, SOTTO_RL_L, text, sizeof text, true);
}
/* No credit comes while the line takes nothing; of the first there is 256 KiB. */
static void window(void)
{
    up();
    sotto_rl_room(victim.link, 0);
    for (unsigned i = 0; i < SOTTO_RL_WINDOW_2 / 1136; i++) ledger_cell(i == 0);
    assert_int_equal(victim.ends, 0);
    ledger_cell(false);
}
static void message_size(void)
{
    up();
    for (unsigned i = 0; i < SOTTO_RL_MESSAGE_MAX / 1132; i++) {
        ledger_cell(i == 0);
        frames_tidy(&victim.sent);
    }
    assert_int_equal(victim.ends, 0);
    ledger_cell(false);
}
/* 600 cells at once are allowed, and as many again in the 10 s in which it is not read; who sends on is sent away. */
static void rate(void)
{
    up();
    for (unsigned i = 0; i < 599; i++) stranger_cell(&s, SOTTO_RL_S, "", 0, false);
    assert_true(victim.ends == 0 && victim.pauses == 0);
    for (unsigned i = 0; i < 600; i++) stranger_cell(&s, SOTTO_RL_S, "", 0, false);
    assert_true(victim.ends == 0 && victim.pauses == 600 && victim.paused_us == victim.now.mono_us + 10000000);
    stranger_cell(&s, SOTTO_RL_S, "", 0, false);
}

static const struct { const char *name; void (*commit)(void); } breaches[] = {
    { "status-size", status_size }, { "rlp", status_rlp }, { "status-form", status_form }, { "status-version", status_version }, { "status-order", status_order },
    { "status-option", status_option }, { "key", status_key }, { "link-ephemeral", link_ephemeral }, { "link-code", cell_before_status },
    { "link-code", unknown_code }, { "link-code", status_twice }, { "link-time", no_status }, { "link-time", no_ready }, { "ready-first", ready_first },
    { "ready-first", ready_in_pieces }, { "ready-first", ready_empty_cell }, { "ready-roles", ready_roles }, { "ready-again", ready_again },
    { "cell-size", cell_size }, { "cell-open", cell_open }, { "cell-open", cell_replayed }, { "cell-padding", cell_padding }, { "record-code", no_end_mark },
    { "record-code", record_code }, { "record-overrun", record_overrun }, { "record-flags", record_flags }, { "record-channel", record_channel },
    { "record-empty", record_empty }, { "fragment-order", fragment_next }, { "fragment-order", fragment_first }, { "fragment-code", fragment_code },
    { "rlp", body_rlp }, { "body", body_form }, { "window-back", window_back }, { "message-time", message_time_cell }, { "message-time", message_time_tick },
    { "window", window }, { "message-size", message_size }, { "link-rate", rate },
};
enum { BREACHES = sizeof breaches / sizeof *breaches };

static void test_breaches(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BREACHES; i++) {
        stranger_begin(&s, &victim, test_seed() + i, NULL);
        breaches[i].commit();
        if (victim.ends != 1 || strcmp(sotto_err_name(victim.end), breaches[i].name) != 0)
            fail_msg("breach %u, %s: ended %u times, with %s", i, breaches[i].name, victim.ends, sotto_err_name(victim.end));
        struct sotto_rl_penalty p = sotto_rl_penalty(victim.end);
        int want = strncmp(breaches[i].name, "link-time", 9) == 0 || strcmp(breaches[i].name, "link-rate") == 0 ? 10 : strcmp(breaches[i].name, "cell-open") == 0 ? 30 : 50;
        assert_true(p.reason == SOTTO_REASON_SUBPROTOCOL && p.score == want);
        assert_int_equal(victim.messages, 0);     /* also not those that shared the cell */
        assert_int_equal(victim.budget.used, 0);
        size_t sent = victim.sent.count;          /* an ended link says, hears and wants nothing */
        stranger_says(&s, SOTTO_RL_STATUS, SOTTO_SPAN(s.own));
        sotto_rl_tick(victim.link, victim.now);
        sotto_rl_flush(victim.link, victim.now);
        assert_int_equal(sotto_rl_send(victim.link, SOTTO_RL_FEED, sotto_span("\xc1\x01", 2)), SOTTO_ERR_STATE);
        assert_int_equal(sotto_rl_ping(victim.link, victim.now), SOTTO_ERR_STATE);
        assert_true(victim.ends == 1 && victim.sent.count == sent && sotto_rl_deadline(victim.link) == UINT64_MAX);
        node_end(&victim);
    }
}

/* Every name of the list in base/err.h that a link can end with is in the table above. */
static void test_all_names(void **state)
{
    (void)state;
    for (enum sotto_err err = SOTTO_ERR_STATUS_SIZE; err <= SOTTO_ERR_BODY; err++) {
        bool found = false;
        for (unsigned i = 0; i < BREACHES && !found; i++) found = strcmp(breaches[i].name, sotto_err_name(err)) == 0;
        if (!found) fail_msg("nobody commits %s", sotto_err_name(err));
    }
}

/* What is unknown and harmless: ignored codes on any channel, unknown options, unknown notices, PINGs without measure. */
static void test_unknown(void **state)
{
    (void)state;
    stranger_begin(&s, &victim, test_seed(), NULL);
    const struct sotto_rl_extra extra[] = { { 0x09, { NULL, 0 } }, { 0x7d, sotto_span("later", 5) } };
    assert_int_equal(sotto_rl_status_write(s.own, &s.status, extra, 2), SOTTO_OK);
    up();
    static const char text[] = "\x0e\x40\x00\x01x\x19\x41\x00\x01x\x4f\x42\x00\x01x\x7f\x43\x00\x01x\x66\x40\x00\x01x";
    stranger_cell(&s, SOTTO_RL_S, text, sizeof text - 1, false);
    assert_int_equal(victim.messages, 0);
    stranger_cell(&s, SOTTO_RL_S, "\x06\x40\x00\x03\xc2\x63\x80", 7, false);           /* NOTICE 99 */
    assert_true(victim.messages == 1 && victim.last_code == SOTTO_RL_NOTICE);
    stranger_cell(&s, SOTTO_RL_S, "\x05\x40\x00\x06\xc5\xc4\xc3\x30\x81\xaa", 10, false);      /* UPDATE of an option that nobody knows */
    assert_true(victim.messages == 2 && victim.last_code == SOTTO_RL_UPDATE);
    size_t before = victim.sizes[0];
    for (unsigned i = 0; i < 5; i++) stranger_cell(&s, SOTTO_RL_S, "\x07\x40\x00\x08nonce...", 12, false);
    assert_true(victim.sizes[0] == before + 1 && victim.ends == 0 && victim.messages == 2);
    node_end(&victim);
}

/* The budget of open messages is our want, not theirs: one peer too many, without a score. */
static void test_budget(void **state)
{
    (void)state;
    stranger_begin(&s, &victim, test_seed(), NULL);
    up();
    victim.budget.max = 1000;
    stranger_cell(&s, SOTTO_RL_S, "\x22\xc2\x00\x01\xc2", 5, false);
    assert_true(victim.ends == 1 && victim.end == SOTTO_ERR_FULL);
    assert_int_equal(sotto_rl_penalty(victim.end).score, 0);
    node_end(&victim);
}

static void update_of(struct sotto_buf *b, uint32_t cells_rate)
{
    struct sotto_rl_options o = sotto_rl_options();
    o.has = SOTTO_RL_HAS(3);
    o.cells_rate = cells_rate;
    b->size = 0;
    size_t mark = sotto_rlp_begin(b);
    assert_int_equal(sotto_rl_options_write(b, &o), SOTTO_OK);
    assert_int_equal(sotto_rlp_end_list(b, mark), SOTTO_OK);
}

/* A peer that tells its rate over and over gets what the rate allows, no more and no less: half a burst, then 60 cells a second. */
static void test_their_update(void **state)
{
    (void)state;
    static const uint8_t tx[1000] = { 1 };
    uint8_t bytes[64], record[68] = { SOTTO_RL_UPDATE, 0x40 };
    struct sotto_buf b = { bytes, 0, sizeof bytes, sizeof bytes };
    stranger_begin(&s, &victim, test_seed(), NULL);
    up();
    update_of(&b, 60);
    record[3] = (uint8_t)b.size;
    memcpy(record + 4, bytes, b.size);
    stranger_cell(&s, SOTTO_RL_S, "\x03\x40\x00\x07\xc6\x01\x84\x7f\x00\x00\x00", 11, false);     /* WINDOW: all that they like of channel 1 */
    for (unsigned tick = 0; tick < 400; tick++) { /* 20 s */
        while (sotto_rl_send(victim.link, SOTTO_RL_STEM_TX, SOTTO_SPAN(tx)) == SOTTO_OK) { }
        victim.now.mono_us += 50000;
        stranger_cell(&s, SOTTO_RL_S, record, 4 + b.size, false);
    }
    assert_int_equal(victim.ends, 0);
    assert_in_range(victim.sizes[1], 300 + 19 * 60, 300 + 21 * 60);
    node_end(&victim);
}

/* Who keeps to the rate that we told it later is not sent away. */
static void test_own_update(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct sotto_buf b = { bytes, 0, sizeof bytes, sizeof bytes };
    stranger_begin(&s, &victim, test_seed(), NULL);
    up();
    update_of(&b, 500);
    assert_int_equal(sotto_rl_send(victim.link, SOTTO_RL_UPDATE, sotto_buf_span(&b)), SOTTO_OK);
    sotto_rl_flush(victim.link, victim.now);
    for (unsigned i = 0; i < 5000; i++) stranger_cell(&s, SOTTO_RL_S, "", 0, false);
    assert_true(victim.ends == 0 && victim.pauses == 0);
    update_of(&b, 1);                             /* less: cells that are on their way do not know it */
    assert_int_equal(sotto_rl_send(victim.link, SOTTO_RL_UPDATE, sotto_buf_span(&b)), SOTTO_OK);
    victim.now.mono_us += 1000000;
    for (unsigned i = 0; i < 500; i++) stranger_cell(&s, SOTTO_RL_S, "", 0, false);
    assert_true(victim.ends == 0 && victim.pauses == 0);
    node_end(&victim);
}

static int setup(void **state)
{
    (void)state;
    test_seed();
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_breaches), cmocka_unit_test(test_all_names), cmocka_unit_test(test_unknown), cmocka_unit_test(test_budget),
                                        cmocka_unit_test(test_their_update), cmocka_unit_test(test_own_update) };
    return cmocka_run_group_tests(tests, setup, NULL);
}
