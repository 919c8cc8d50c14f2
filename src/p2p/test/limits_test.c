/* Deadlines, slots, duplicates: what the host does about slow peers, crowds and two dials at once. */
#include "p2p/test/rig.h"

#define S SOTTO_SECOND_US
#define MINUTE (60 * S)
#define HOUR (60 * MINUTE)

static const uint8_t empty_list[1] = { 0xc0 };

static struct sotto_enode enode_of(const struct script *s, struct sotto_addr addr)
{
    struct sotto_enode e = { .addr = addr };
    memcpy(e.key, s->pub, 64);
    return e;
}
static void add(struct rig *r, const struct script *s, struct sotto_addr addr)
{
    struct sotto_enode e = enode_of(s, addr);
    assert_int_equal(sotto_host_add(r->h, &e, r->now, &r->out), SOTTO_OK);
    rig_take(r);
}
static void lose(struct rig *r, uint32_t conn) { rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_CLOSED, .conn = conn }); }

/* ---- deadlines ---- */

static void test_handshake_slow(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    struct script s;
    uint32_t silent = rig_accept(r, rig_ip(10, 0, 0, 1)), drip = rig_accept(r, rig_ip(10, 1, 0, 1));
    uint8_t auth[307] = { 4 };
    for (int i = 0; i < 48; i++) {                    /* a byte every 100 ms does not buy time */
        rig_data(r, drip, auth + i, 1);
        rig_wait(r, S / 10);
    }
    assert_false(r->lines[silent].closed || r->lines[drip].closed);
    rig_wait(r, 2 * S / 10);
    assert_true(r->lines[silent].closed && r->lines[drip].closed);
    assert_int_equal(r->lines[silent].sent.size, 0);
    assert_int_equal(r->lines[silent].close_token, 0);

    script_key(&s, r, 1);                             /* keys, but no Hello */
    script_dial(&s, rig_ip(10, 2, 0, 1));
    rig_wait(r, 5 * S - 1);
    assert_false(r->lines[s.conn].closed);
    rig_wait(r, 1);
    assert_int_equal(script_reason(&s), -1);
    script_end(&s);
    rig_free(r);
}

static void test_dial_deadlines(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    struct script s;
    script_key(&s, r, 1);
    add(r, &s, rig_ip(10, 0, 0, 1));
    uint32_t conn = r->last_dial;
    struct sotto_peer_info info;
    assert_true(sotto_host_peer(r->h, conn, &info));
    assert_string_equal(info.state, "dialing");
    rig_wait(r, 15 * S - 1);
    assert_false(r->lines[conn].closed);
    rig_wait(r, 1);
    assert_true(r->lines[conn].closed);
    assert_true(sotto_host_peer_at(r->h, 0, &info));
    assert_string_equal(info.state, "waiting");
    assert_false(sotto_host_peer_at(r->h, 1, &info));
    rig_wait(r, 42 * S + 1);
    assert_int_equal(r->dials, 2);
    conn = r->last_dial;                              /* opens, but no ack comes */
    rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_OPENED, .conn = conn });
    assert_false(r->lines[conn].closed);
    rig_wait(r, 5 * S);
    assert_true(r->lines[conn].closed);
    script_end(&s);
    rig_free(r);
}

static void test_idle_and_ping(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    for (unsigned round = 0; round < 10; round++) {
        struct script s;
        script_key(&s, r, round);
        script_up(&s, rig_ip(10, round, 0, 1));
        uint64_t from = r->now.mono_us;
        rig_wait(r, 15 * S - 1);
        assert_false(script_next(&s));
        rig_wait(r, 2 * S);
        assert_true(script_next(&s));                 /* one Ping between 15 s and 17 s */
        assert_int_equal(s.code, SOTTO_CODE_PING);
        assert_true(s.was_block && s.plain.size == 1 && s.plain.data[0] == 0xc0);
        if (round % 2) {
            script_send_block(&s, SOTTO_CODE_PONG, SOTTO_SPAN(empty_list));    /* any message resets the 30 s */
            from = r->now.mono_us;
        }
        rig_wait(r, from + 30 * S - 1 - r->now.mono_us);
        assert_false(r->lines[s.conn].closed);
        rig_wait(r, 1);
        assert_true(r->lines[s.conn].closed);
        assert_int_equal(script_reason(&s), -1);      /* time-outs close without a word */
        assert_int_equal(script_score(&s), 0);
        script_end(&s);
    }
    /* Half a frame is no message. */
    struct script s;
    struct sotto_buf wire = sotto_buf_make(4096);
    script_key(&s, r, 100);
    script_up(&s, rig_ip(11, 0, 0, 1));
    assert_int_equal(sotto_frame_write(&s.f, &wire, 2, SOTTO_SPAN(empty_list)), SOTTO_OK);
    for (int i = 0; i < 29; i++) {
        rig_wait(r, S);
        rig_data(r, s.conn, wire.data + i, 1);
    }
    rig_wait(r, S);
    assert_true(r->lines[s.conn].closed);
    sotto_buf_free(&wire);
    script_end(&s);
    rig_free(r);
}

static void test_write_stall(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    struct script s;
    script_key(&s, r, 1);
    script_up(&s, rig_ip(10, 0, 0, 1));
    assert_int_equal(sotto_host_backlog(r->h, s.conn), 0);
    r->hold_sent = true;
    assert_int_equal(sotto_host_send(r->h, s.conn, &rig_shh, 1, SOTTO_SPAN(empty_list), r->now, &r->out), SOTTO_OK);
    rig_take(r);
    size_t waiting = sotto_host_backlog(r->h, s.conn);
    assert_true(waiting > 0);
    for (int i = 0; i < 3; i++) {                     /* a byte leaves now and then: no stall */
        rig_wait(r, 10 * S);
        rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_SENT, .conn = s.conn, .token = 1 });
        script_send_block(&s, SOTTO_CODE_PONG, SOTTO_SPAN(empty_list));
    }
    rig_wait(r, 10 * S);
    script_send_block(&s, SOTTO_CODE_PONG, SOTTO_SPAN(empty_list));
    assert_true(sotto_host_backlog(r->h, s.conn) >= waiting - 3);
    rig_wait(r, 10 * S - 1);
    assert_false(r->lines[s.conn].closed);
    rig_wait(r, 1);
    assert_true(r->lines[s.conn].closed);
    script_end(&s);
    rig_free(r);
}

static void test_backlog_bound(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    struct script s;
    static uint8_t big[3u << 20];
    script_key(&s, r, 1);
    sotto_rng_fill(&r->rng.rng, big, sizeof big);
    script_up(&s, rig_ip(10, 0, 0, 1));
    r->hold_sent = true;
    assert_int_equal(sotto_host_send(r->h, s.conn, &rig_shh, 1, SOTTO_SPAN(big), r->now, &r->out), SOTTO_OK);   /* one, when it is empty */
    rig_take(r);
    assert_int_equal(sotto_host_send(r->h, s.conn, &rig_shh, 1, sotto_span(big, 1), r->now, &r->out), SOTTO_ERR_FULL);
    for (int i = 0; i < 100; i++) script_send_block(&s, SOTTO_CODE_PING, SOTTO_SPAN(empty_list));
    assert_true(script_next(&s) && s.code == 0x11 && s.plain.size == sizeof big);
    assert_false(script_next(&s));                    /* no Pongs for one who does not read */
    assert_false(r->lines[s.conn].closed);
    rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_SENT, .conn = s.conn, .token = UINT64_MAX });
    assert_int_equal(sotto_host_backlog(r->h, s.conn), 0);
    unsigned taken = 0;
    while (sotto_host_send(r->h, s.conn, &rig_shh, 1, sotto_span(big, 1000), r->now, &r->out) == SOTTO_OK) taken++;
    rig_take(r);
    assert_in_range(taken, 900, SOTTO_SEND_BACKLOG_MAX / 1000);
    script_end(&s);
    rig_free(r);
}

static void test_pause(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    struct script s;
    script_key(&s, r, 1);
    script_up(&s, rig_ip(10, 0, 0, 1));
    sotto_host_pause(r->h, s.conn, r->now.mono_us + 20 * S, &r->out);
    sotto_host_pause(r->h, s.conn, r->now.mono_us + 60 * S, &r->out);
    rig_take(r);
    assert_true(r->lines[s.conn].paused);
    rig_wait(r, 60 * S - 1);
    assert_true(r->lines[s.conn].paused && !r->lines[s.conn].closed);          /* whom we do not hear is not idle */
    rig_wait(r, 1);
    assert_true(!r->lines[s.conn].paused && !r->lines[s.conn].closed);
    rig_wait(r, 30 * S);
    assert_true(r->lines[s.conn].closed);
    script_end(&s);
    rig_free(r);
}

/* ---- who may come in ---- */

static void test_handshakes_at_once(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    for (unsigned i = 0; i < 50; i++) assert_false(r->lines[rig_accept(r, rig_ip(10, i, 0, 1))].closed);
    assert_true(r->lines[rig_accept(r, rig_ip(10, 50, 0, 1))].closed);
    rig_wait(r, 5 * S);
    assert_int_equal(r->h->conn_count, 0);
    assert_false(r->lines[rig_accept(r, rig_ip(10, 51, 0, 1))].closed);
    rig_free(r);
}

/* Once half of the places are taken a group gets four of the rest. */
static void test_handshakes_of_a_group(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    for (unsigned i = 0; i < 21; i++) assert_false(r->lines[rig_accept(r, rig_ip(10, i, 0, 1))].closed);
    for (unsigned i = 0; i < 4; i++) assert_false(r->lines[rig_accept(r, rig_ip(10, 200, i, 1))].closed);
    assert_true(r->lines[rig_accept(r, rig_ip(10, 200, 4, 1))].closed);
    for (unsigned i = 30; i < 55; i++) assert_false(r->lines[rig_accept(r, rig_ip(10, i, 0, 1))].closed);
    rig_wait(r, 5 * S);
    for (unsigned i = 0; i < 25; i++) assert_false(r->lines[rig_accept(r, rig_ip(10, 200, 10 + i, 1))].closed);
    assert_true(r->lines[rig_accept(r, rig_ip(10, 200, 99, 1))].closed);
    rig_free(r);
}

static void test_address_rate(void **state)
{
    (void)state;
    for (unsigned local = 0; local < 2; local++) {
        struct sotto_host_config config = { .local = local };
        struct rig *r = rig_new(test_seed(), &config);
        struct sotto_addr loop = rig_ip(127, 0, 0, 1), lan = rig_ip(192, 168, 1, 1);
        lose(r, rig_accept(r, loop));
        lose(r, rig_accept(r, lan));
        assert_int_equal(r->lines[rig_accept(r, loop)].closed, !local);        /* loopback is free on a local network only */
        assert_true(r->lines[rig_accept(r, lan)].closed);
        lan.port++;
        assert_true(r->lines[rig_accept(r, lan)].closed);
        rig_wait(r, 30 * S);
        assert_false(r->lines[rig_accept(r, lan)].closed);
        rig_free(r);
    }
}

static void test_garbage(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    struct sotto_addr addr = rig_ip(10, 0, 0, 1);
    for (int i = 0; i < 22; i++) {                    /* 5 each, and half a minute in between */
        uint32_t conn = rig_accept(r, addr);
        assert_false(r->lines[conn].closed);
        rig_data(r, conn, "GET / HTTP/1.1\r\n\r\n", 18);
        assert_true(r->lines[conn].closed && r->lines[conn].sent.size == 0);
        rig_wait(r, 30 * S);
    }
    assert_true(r->lines[rig_accept(r, addr)].closed);                         /* banned for an hour */
    rig_wait(r, HOUR - 40 * S);
    assert_true(r->lines[rig_accept(r, addr)].closed);
    rig_wait(r, 41 * S);
    assert_false(r->lines[rig_accept(r, addr)].closed);
    rig_free(r);
}

static void test_slots(void **state)
{
    (void)state;
    struct sotto_host_config config = { .inbound_max = 6 };
    struct rig *r = rig_new(test_seed(), &config);
    struct script s[40];
    for (unsigned i = 0; i < 40; i++) script_key(&s[i], r, i);
    script_up(&s[0], rig_ip(10, 1, 1, 1));
    rig_wait(r, 3 * S);
    /* One per address, two per /24, four per /16. */
    rig_wait(r, 27 * S - S);
    script_send_block(&s[0], SOTTO_CODE_PONG, SOTTO_SPAN(empty_list));
    rig_wait(r, S);
    script_dial(&s[1], rig_ip(10, 1, 1, 1));
    assert_int_equal(script_reason(&s[1]), SOTTO_REASON_TOO_MANY);
    assert_false(s[1].was_block);                     /* in place of Hello, plain */
    script_up(&s[2], rig_ip(10, 1, 1, 2));
    script_dial(&s[3], rig_ip(10, 1, 1, 3));
    assert_int_equal(script_reason(&s[3]), SOTTO_REASON_TOO_MANY);
    script_up(&s[4], rig_ip(10, 1, 2, 1));
    script_up(&s[5], rig_ip(10, 1, 2, 2));
    script_dial(&s[6], rig_ip(10, 1, 3, 1));
    assert_int_equal(script_reason(&s[6]), SOTTO_REASON_TOO_MANY);
    script_up(&s[7], rig_ip(10, 2, 1, 1));
    rig_wait(r, 1);
    script_up(&s[8], rig_ip(10, 3, 1, 1));
    assert_int_equal(sotto_host_peers(r->h), 6);
    /* Full: the youngest of the crowded group makes room for a new group, until no group has more than the newcomer's. */
    script_up(&s[9], rig_ip(10, 4, 1, 1));
    assert_int_equal(sotto_host_peers(r->h), 6);
    unsigned left = 0;
    for (unsigned i = 0; i < 6; i++) left += i != 1 && i != 3 && !r->lines[s[i].conn].closed;
    assert_int_equal(left, 3);
    assert_false(r->lines[s[0].conn].closed);         /* its oldest stays */
    script_up(&s[10], rig_ip(10, 5, 1, 1));
    script_up(&s[11], rig_ip(10, 6, 1, 1));
    script_dial(&s[12], rig_ip(10, 7, 1, 1));
    assert_int_equal(script_reason(&s[12]), SOTTO_REASON_TOO_MANY);
    assert_false(r->lines[s[0].conn].closed);
    assert_int_equal(sotto_host_peers(r->h), 6);
    /* A static peer comes in all the same, and counts nowhere. */
    add(r, &s[13], rig_ip(10, 1, 1, 77));
    lose(r, r->last_dial);
    script_up(&s[13], rig_ip(10, 1, 1, 77));
    assert_int_equal(sotto_host_peers(r->h), 7);
    for (unsigned i = 0; i < 40; i++) script_end(&s[i]);
    rig_free(r);
}

static void test_local_slots(void **state)
{
    (void)state;
    struct sotto_host_config config = { .inbound_max = 10, .local = true };
    struct rig *r = rig_new(test_seed(), &config);
    struct script s[11];
    for (unsigned i = 0; i < 11; i++) {
        script_key(&s[i], r, i);
        if (i < 10) script_up(&s[i], rig_ip(127, 0, 0, 1));
    }
    script_dial(&s[10], rig_ip(127, 0, 0, 1));
    assert_int_equal(script_reason(&s[10]), SOTTO_REASON_TOO_MANY);
    assert_int_equal(sotto_host_peers(r->h), 10);
    for (unsigned i = 0; i < 11; i++) script_end(&s[i]);
    rig_free(r);
}

/* With network.lan a machine of our own network is a group of its own: a whole network comes in, each machine once; strangers as ever. */
static void test_lan_slots(void **state)
{
    (void)state;
    struct sotto_host_config config = { .inbound_max = 10, .lan = true };
    struct rig *r = rig_new(test_seed(), &config);
    struct script s[14];
    for (unsigned i = 0; i < 14; i++) script_key(&s[i], r, i);
    for (unsigned i = 0; i < 8; i++) script_up(&s[i], rig_ip(192, 168, 7, 1 + i));
    rig_wait(r, 29 * S);
    for (unsigned i = 0; i < 8; i++) script_send_block(&s[i], SOTTO_CODE_PONG, SOTTO_SPAN(empty_list));
    rig_wait(r, 2 * S);
    script_dial(&s[8], rig_ip(192, 168, 7, 1));
    assert_int_equal(script_reason(&s[8]), SOTTO_REASON_TOO_MANY);
    script_up(&s[9], rig_ip(45, 1, 1, 1));
    rig_wait(r, 1);
    script_up(&s[10], rig_ip(45, 1, 1, 2));
    script_dial(&s[11], rig_ip(45, 1, 1, 3));
    assert_int_equal(script_reason(&s[11]), SOTTO_REASON_TOO_MANY);
    /* All places are taken: one of the two of a group goes for a new one, none of the machines here. */
    script_up(&s[12], rig_ip(45, 2, 1, 1));
    assert_true(r->lines[s[10].conn].closed && !r->lines[s[9].conn].closed);
    for (unsigned i = 0; i < 8; i++) assert_false(r->lines[s[i].conn].closed);
    script_dial(&s[13], rig_ip(45, 3, 1, 1));
    assert_int_equal(script_reason(&s[13]), SOTTO_REASON_TOO_MANY);
    for (unsigned i = 0; i < 14; i++) script_end(&s[i]);
    rig_free(r);
}

static void test_duplicate_and_self(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    struct script a, b, self;
    script_key(&a, r, 1);
    script_key(&b, r, 1);
    script_up(&a, rig_ip(10, 0, 0, 1));
    script_dial(&b, rig_ip(10, 1, 0, 1));
    assert_int_equal(script_reason(&b), SOTTO_REASON_ALREADY);
    assert_false(r->lines[a.conn].closed);
    assert_int_equal(script_score(&a), 0);
    script_key(&self, r, 2);
    self.key = r->config.key;
    script_dial(&self, rig_ip(10, 2, 0, 1));
    assert_int_equal(script_reason(&self), SOTTO_REASON_SELF);
    struct sotto_enode me = { .addr = rig_ip(10, 2, 0, 1) };
    memcpy(me.key, r->h->key, 64);
    assert_int_equal(sotto_host_add(r->h, &me, r->now, &r->out), SOTTO_ERR_STATE);
    assert_int_equal(sotto_host_ban(r->h, me.key, HOUR, r->now, &r->out), SOTTO_ERR_STATE);
    script_end(&a);
    script_end(&b);
    script_end(&self);
    rig_free(r);
}

/* The host has dialled a node and that node dials it at the same time. */
static void test_both_dial(void **state)
{
    (void)state;
    unsigned smaller = 0, larger = 0;
    for (unsigned n = 0; n < 24; n++) {
        struct rig *r = rig_new(test_seed() + n, NULL);
        struct script theirs, ours;
        script_key(&theirs, r, n);
        script_key(&ours, r, n);
        add(r, &theirs, rig_ip(10, 0, 0, 1));
        uint32_t dialled = r->last_dial;
        unsigned phase = n % 3;                       /* how far our dial is: no TCP yet, auth sent, Hello sent */
        if (phase == 1) rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_OPENED, .conn = dialled });
        if (phase == 2) script_answer(&ours, dialled);
        script_dial(&theirs, rig_ip(10, 0, 0, 1));
        bool their_key_smaller = memcmp(theirs.pub, r->h->key, 64) < 0, theirs_stays = phase == 0 || their_key_smaller;
        if (phase) their_key_smaller ? smaller++ : larger++;
        assert_int_equal(r->lines[dialled].closed, theirs_stays);
        assert_int_equal(r->lines[theirs.conn].closed, !theirs_stays);
        if (theirs_stays) {
            assert_true(script_next(&theirs) && theirs.code == SOTTO_CODE_HELLO);
            script_send_hello(&theirs, 5);
            if (phase == 2) assert_int_equal(script_reason(&ours), SOTTO_REASON_ALREADY);
        } else {
            assert_int_equal(script_reason(&theirs), SOTTO_REASON_ALREADY);
            if (phase == 1) script_answer(&ours, dialled);
            assert_true(script_next(&ours) && ours.code == SOTTO_CODE_HELLO);
            script_send_hello(&ours, 5);
        }
        assert_int_equal(sotto_host_peers(r->h), 1);
        unsigned dials = r->dials;
        rig_wait(r, 14 * S);
        assert_int_equal(r->dials, dials);            /* and it does not dial again while the other one lives */
        script_end(&theirs);
        script_end(&ours);
        rig_free(r);
    }
    assert_true(smaller > 0 && larger > 0);
}

static int setup(void **state)
{
    (void)state;
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake_slow), cmocka_unit_test(test_dial_deadlines), cmocka_unit_test(test_idle_and_ping),
        cmocka_unit_test(test_write_stall), cmocka_unit_test(test_backlog_bound), cmocka_unit_test(test_pause),
        cmocka_unit_test(test_handshakes_at_once), cmocka_unit_test(test_handshakes_of_a_group), cmocka_unit_test(test_address_rate), cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_slots), cmocka_unit_test(test_local_slots), cmocka_unit_test(test_lan_slots), cmocka_unit_test(test_duplicate_and_self),
        cmocka_unit_test(test_both_dial),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
