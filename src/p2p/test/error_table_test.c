/* What happens on each error: the table of network.md 1, row by row. Each row is tried here, or the test that tries it is named, or it is
 * printed as not yet covered: its part of the protocol does not exist. */
#include "p2p/test/rig.h"

#define S SOTTO_SECOND_US
#define HOUR (3600 * S)

static struct sotto_enode enode_of(const struct script *s, struct sotto_addr addr)
{
    struct sotto_enode e = { .addr = addr };
    memcpy(e.key, s->pub, 64);
    return e;
}
static uint32_t dialled(struct rig *r, const struct script *s, struct sotto_addr addr)
{
    struct sotto_enode e = enode_of(s, addr);
    assert_int_equal(sotto_host_add(r->h, &e, r->now, &r->out), SOTTO_OK);
    rig_take(r);
    return r->last_dial;
}
static void lose(struct rig *r, uint32_t conn) { rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_CLOSED, .conn = conn }); }

/* Close, back off, score 0. */
static void row_dial(struct rig *r)
{
    for (unsigned i = 0; i < 3; i++) {
        struct script s;
        script_key(&s, r, i);
        uint32_t conn = dialled(r, &s, rig_ip(10, i, 0, 1));
        unsigned dials = r->dials;
        if (i == 0) lose(r, conn);                    /* refused */
        if (i == 1) rig_wait(r, 15 * S);              /* no answer */
        if (i == 2) {                                 /* keys that are none */
            static const uint8_t ack[210] = { 1 };
            rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_OPENED, .conn = conn });
            rig_data(r, conn, ack, sizeof ack);
            rig_wait(r, 5 * S);
        }
        assert_true(i == 0 || r->lines[conn].closed);
        assert_int_equal(script_score(&s), 0);
        rig_wait(r, 28 * S - 1);
        assert_int_equal(r->dials, dials);
        rig_wait(r, 14 * S + 1);
        assert_int_equal(r->dials, dials + 1);        /* after 35 s, a fifth more or less */
        assert_int_equal(sotto_host_remove(r->h, s.pub, r->now, &r->out), SOTTO_OK);
        rig_take(r);
        script_end(&s);
    }
}

/* Closed without a word; 5 for the address alone. */
static void row_garbage(struct rig *r)
{
    struct sotto_addr addr = rig_ip(20, 0, 0, 1);
    unsigned times = 0;
    for (uint32_t conn; !r->lines[conn = rig_accept(r, addr)].closed; times++) {
        rig_data(r, conn, "GET / HTTP/1.1\r\n\r\n", 18);
        assert_true(r->lines[conn].closed && r->lines[conn].sent.size == 0);
        rig_wait(r, 30 * S);
    }
    assert_in_range(times, 20, 23);                   /* 5 each, one point lost a minute: 100 after so many */
    struct script s;
    script_key(&s, r, 9);
    script_up(&s, rig_ip(20, 0, 1, 1));               /* the one beside it is no worse for it */
    assert_int_equal(script_score(&s), 0);
    script_end(&s);
}

/* Disconnect 0x04, 0x05, 0x0a; 0. */
static void row_too_many(struct rig *r)
{
    struct script one, same, self, more[2];
    script_key(&one, r, 20);
    script_up(&one, rig_ip(30, 1, 1, 1));
    script_key(&same, r, 20);
    script_dial(&same, rig_ip(31, 1, 1, 1));
    assert_int_equal(script_reason(&same), SOTTO_REASON_ALREADY);
    script_key(&self, r, 21);
    self.key = r->config.key;
    script_dial(&self, rig_ip(32, 1, 1, 1));
    assert_int_equal(script_reason(&self), SOTTO_REASON_SELF);
    for (unsigned i = 0; i < 2; i++) script_key(&more[i], r, 22 + i);
    script_up(&more[0], rig_ip(30, 1, 1, 2));
    script_dial(&more[1], rig_ip(30, 1, 1, 3));       /* the third of a /24 */
    assert_int_equal(script_reason(&more[1]), SOTTO_REASON_TOO_MANY);
    assert_int_equal(script_score(&one) + script_score(&more[0]) + script_score(&more[1]), 0);
    script_end(&one);
    script_end(&same);
    script_end(&self);
    for (unsigned i = 0; i < 2; i++) script_end(&more[i]);
}

/* 0x07, 0x07, 0x09; 20. */
static void row_hello(struct rig *r)
{
    for (unsigned i = 0; i < 3; i++) {
        struct script s;
        struct sotto_buf b = sotto_buf_make(1 << 20);
        static const uint8_t none[64];
        script_key(&s, r, 30 + i);
        script_dial(&s, rig_ip(40, i, 0, 1));
        assert_true(script_next(&s) && s.code == SOTTO_CODE_HELLO);
        uint8_t other[64] = { 4 };
        script_hello(&s, &b, 5, "shh", 6, i == 1 ? SOTTO_SPAN(none) : i == 2 ? SOTTO_SPAN(other) : SOTTO_SPAN(s.pub));
        while (i == 0 && b.size <= SOTTO_HELLO_PAYLOAD_MAX) assert_int_equal(sotto_buf_add_u8(&b, 0), SOTTO_OK);
        script_send(&s, SOTTO_CODE_HELLO, sotto_buf_span(&b));
        assert_int_equal(script_reason(&s), i == 2 ? SOTTO_REASON_UNEXPECTED : SOTTO_REASON_IDENTITY);
        assert_int_equal(script_score(&s), 20);
        sotto_buf_free(&b);
        script_end(&s);
    }
}

/* 0x03, not dialled again for 24 h; 0. */
static void row_useless(struct rig *r)
{
    struct script s;
    struct sotto_buf b = sotto_buf_make(4096);
    script_key(&s, r, 40);
    script_answer(&s, dialled(r, &s, rig_ip(50, 0, 0, 1)));
    assert_true(script_next(&s) && s.code == SOTTO_CODE_HELLO);
    script_hello(&s, &b, 5, "eth", 65, SOTTO_SPAN(s.pub));
    script_send(&s, SOTTO_CODE_HELLO, sotto_buf_span(&b));
    assert_int_equal(script_reason(&s), SOTTO_REASON_USELESS);
    assert_int_equal(script_score(&s), 0);
    unsigned dials = r->dials;
    rig_wait(r, 24 * HOUR - 1);
    assert_int_equal(r->dials, dials);
    rig_wait(r, 1);
    assert_int_equal(r->dials, dials + 1);
    assert_int_equal(sotto_host_remove(r->h, s.pub, r->now, &r->out), SOTTO_OK);
    rig_take(r);
    sotto_buf_free(&b);
    script_end(&s);
}

/* Closed, no Disconnect; 20. */
static void row_frames(struct rig *r)
{
    for (unsigned i = 0; i < 3; i++) {
        struct script s;
        struct sotto_buf wire = sotto_buf_make(4096);
        static const uint8_t list[1] = { 0xc0 };
        script_key(&s, r, 50 + i);
        script_up(&s, rig_ip(60, i, 0, 1));
        if (i == 0) {
            assert_int_equal(sotto_frame_write(&s.f, &wire, 2, SOTTO_SPAN(list)), SOTTO_OK);
            wire.data[20] ^= 1;
            rig_data(r, s.conn, wire.data, wire.size);
        } else if (i == 1) {
            script_send(&s, 0x10, sotto_span("\xff\xff\xff", 3));
        } else {
            script_send_block(&s, 0x10 + 128, SOTTO_SPAN(list));
        }
        assert_int_equal(script_reason(&s), -1);
        assert_int_equal(script_score(&s), 20);
        sotto_buf_free(&wire);
        script_end(&s);
    }
}

/* The sum over the table: 100 = disconnected and the id banned, 1 h, doubling to 24 h; three ids of an address: the address (or /64). */
static void row_sum(struct rig *r)
{
    uint64_t hours = 1;
    for (unsigned round = 0; round < 7; round++) {
        struct script s;
        script_key(&s, r, 60);
        script_up(&s, rig_ip(70, round, 0, 1));
        sotto_host_offend(r->h, s.conn, 99, "test", r->now, &r->out);
        rig_take(r);
        assert_false(r->lines[s.conn].closed);
        sotto_host_offend(r->h, s.conn, 1, "test", r->now, &r->out);
        rig_wait(r, 0);
        assert_true(r->lines[s.conn].closed && sotto_host_banned(r->h, s.pub, r->now));
        rig_wait(r, hours * HOUR - 1);
        assert_true(sotto_host_banned(r->h, s.pub, r->now));
        rig_wait(r, 1);
        assert_false(sotto_host_banned(r->h, s.pub, r->now));
        hours = hours * 2 < 24 ? hours * 2 : 24;
        script_end(&s);
    }
    struct sotto_addr place = { .ip = { 0x26, 0, 0, 9, [15] = 1 }, .port = 30303, .family = 6 };
    for (unsigned i = 0; i < 3; i++) {
        struct script s;
        script_key(&s, r, 61 + i);
        place.ip[15] = (uint8_t)i;                    /* another address of the same /64 */
        rig_wait(r, 30 * S);
        script_up(&s, place);
        sotto_host_offend(r->h, s.conn, 100, "test", r->now, &r->out);
        rig_wait(r, 0);
        script_end(&s);
    }
    rig_wait(r, 30 * S);
    assert_true(r->lines[rig_accept(r, place)].closed);
    place.ip[7] = 1;
    assert_false(r->lines[rig_accept(r, place)].closed);
    rig_wait(r, HOUR);
    place.ip[7] = 0;
    assert_false(r->lines[rig_accept(r, place)].closed);
}

static const struct { const char *row; void (*act)(struct rig *r); const char *where; } rows[] = {
    { "score 100: disconnect and bans", row_sum, NULL },
    { "dial refused, timeout, bad keys on dial", row_dial, NULL },
    { "garbage before keys (inbound)", row_garbage, NULL },
    { "too many peers / same id / self", row_too_many, NULL },
    { "Hello > 2048 B, bad key, key not the proven one", row_hello, NULL },
    { "no shared capability", row_useless, NULL },
    { "bad frame MAC, bad Snappy, code outside every block", row_frames, NULL },
    { "STATUS missing after 10 s", NULL, "shh/6: whisper_shh" },
    { "envelope: PoW too low, not in our bloom, too big", NULL, "shh/6: whisper_shh, each_refusal_has_its_answer" },
    { "envelope: future or old (clock)", NULL, "shh/6: whisper_shh" },
    { "rate bucket empty", NULL, "shh/6: whisper_shh, too_much_is_dropped_and_the_third_time_ends_it" },
    { "our own rule broken", NULL, "SOTTO_ASSERT; Disconnect reasons above 0x10 cannot be written: p2p_hello" },
    { "a cell does not open", NULL, NULL },
    { "all other refusals of section 2", NULL, NULL },
    { "reserved or unknown record code, unknown option, unknown NOTICE", NULL, NULL },
    { "INV, then no body 2 s after our GET", NULL, NULL },
    { "GET for an id never announced to it", NULL, NULL },
    { "STEM dropped by section 4 step 1", NULL, NULL },
    { "store page that does not match the request, or fails PoW", NULL, NULL },
    { "circuit cell for an unknown circuit", NULL, NULL },
    { "out of memory, disk full: order of shedding", NULL, NULL },
};

static void test_table(void **state)
{
    (void)state;
    unsigned tried = 0, open = 0;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].act) {
            struct rig *r = rig_new(test_seed() + i, NULL);
            rows[i].act(r);
            rig_free(r);
            printf("tried            %s\n", rows[i].row);
            tried++;
        } else {
            printf("%-16s %s%s%s\n", rows[i].where ? "tried elsewhere" : "not yet covered", rows[i].row, rows[i].where ? "   " : "", rows[i].where ? rows[i].where : "");
            open += !rows[i].where;
        }
    }
    assert_int_equal(tried, 7);
    assert_int_equal(open, 9);
}

static int setup(void **state)
{
    (void)state;
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_table) };
    return cmocka_run_group_tests(tests, setup, NULL);
}
