/* Deadlines, slots, duplicates, offences, bans, redial, memory: everything about the host that needs time or crowds. */
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

/* ---- offences and bans ---- */

static void test_offences_ban(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    struct script s;
    static const uint64_t hours[] = { 1, 2, 4 };
    for (unsigned round = 0; round < 3; round++) {
        script_key(&s, r, 1);
        script_up(&s, rig_ip(10, 0, 0, 1));
        sotto_host_offend(r->h, s.conn, 50, "test", r->now, &r->out);
        sotto_host_offend(r->h, s.conn, 49, "test", r->now, &r->out);
        rig_take(r);
        assert_false(r->lines[s.conn].closed);
        struct sotto_peer_info info;
        assert_true(sotto_host_peer(r->h, s.conn, &info));
        assert_int_equal(info.score, 99);
        r->hold_sent = true;                          /* no step in between */
        sotto_host_offend(r->h, s.conn, 1, "test", r->now, &r->out);
        rig_take(r);
        assert_true(sotto_host_deadline(r->h) <= r->now.mono_us);              /* down comes with the next step */
        assert_int_equal(r->lines[s.conn].downs, 0);
        assert_int_equal(sotto_host_peers(r->h), 0);
        r->hold_sent = false;
        rig_wait(r, 0);
        assert_int_equal(script_reason(&s), SOTTO_REASON_SUBPROTOCOL);
        assert_int_equal(r->lines[s.conn].downs, 1);
        assert_true(sotto_host_banned(r->h, s.pub, r->now));
        script_end(&s);

        rig_wait(r, hours[round] * HOUR - S);
        script_key(&s, r, 1);
        script_dial(&s, rig_ip(10, 0, 0, 1));
        assert_true(r->lines[s.conn].closed && !s.framed && r->lines[s.conn].sent.size == 0);
        script_end(&s);
        rig_wait(r, 31 * S);
    }
    rig_free(r);
}

static void test_operator_ban(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    struct script s;
    struct sotto_ban ban;
    script_key(&s, r, 1);
    script_up(&s, rig_ip(10, 0, 0, 1));
    assert_int_equal(sotto_host_ban(r->h, s.pub, HOUR, r->now, &r->out), SOTTO_OK);
    rig_take(r);
    assert_int_equal(script_reason(&s), SOTTO_REASON_REQUESTED);
    assert_true(sotto_host_ban_at(r->h, 0, &ban, r->now));
    assert_memory_equal(ban.key, s.pub, 64);
    add(r, &s, rig_ip(10, 0, 0, 1));                  /* adding lifts it */
    assert_false(sotto_host_banned(r->h, s.pub, r->now));
    assert_int_equal(r->dials, 1);
    assert_int_equal(sotto_host_ban(r->h, s.pub, HOUR, r->now, &r->out), SOTTO_OK);
    rig_take(r);
    assert_true(r->lines[r->last_dial].closed);
    rig_wait(r, HOUR - 1);
    assert_int_equal(r->dials, 1);                    /* not dialled while the operator's ban lasts */
    rig_wait(r, 1);
    assert_int_equal(r->dials, 2);
    assert_int_equal(sotto_host_ban(r->h, s.pub, UINT64_MAX, r->now, &r->out), SOTTO_OK);
    assert_int_equal(sotto_host_ban(r->h, s.pub, 0, r->now, &r->out), SOTTO_OK);
    rig_take(r);
    assert_false(sotto_host_banned(r->h, s.pub, r->now));
    assert_false(sotto_host_ban_at(r->h, 0, &ban, r->now));
    script_end(&s);
    rig_free(r);
}

/* ---- static peers ---- */

static void test_redial(void **state)
{
    (void)state;
    for (unsigned local = 0; local < 2; local++) {
        struct sotto_host_config config = { .local = local };
        struct rig *r = rig_new(test_seed(), &config);
        struct script s;
        uint64_t want = local ? S : 35 * S, max = local ? 35 * S : HOUR;
        script_key(&s, r, 1);
        add(r, &s, rig_ip(127, 0, 0, 1));
        for (unsigned i = 0; i < 12; i++) {
            unsigned dials = r->dials;
            lose(r, r->last_dial);                    /* refused */
            rig_wait(r, want * 8 / 10 - 1);
            assert_int_equal(r->dials, dials);
            for (uint64_t waited = 0; r->dials == dials; waited += S / 10) {
                assert_true(waited <= want * 4 / 10 + S / 10);
                rig_wait(r, S / 10);
            }
            want = want * 2 < max ? want * 2 : max;
        }
        /* Up for long enough: the first delay again. */
        script_answer(&s, r->last_dial);
        script_send_hello(&s, 5);
        assert_int_equal(sotto_host_peers(r->h), 1);
        rig_wait(r, 14 * S);
        script_send_block(&s, SOTTO_CODE_PONG, SOTTO_SPAN(empty_list));
        rig_wait(r, 16 * S);
        unsigned dials = r->dials;
        lose(r, s.conn);
        rig_wait(r, local ? 12 * S / 10 : 42 * S);
        assert_int_equal(r->dials, dials + 1);
        script_end(&s);
        rig_free(r);
    }
}

static void test_static_useless(void **state)
{
    (void)state;
    for (unsigned by_them = 0; by_them < 2; by_them++) {
        struct rig *r = rig_new(test_seed(), NULL);
        struct script s;
        struct sotto_buf hello = sotto_buf_make(4096);
        script_key(&s, r, 1);
        add(r, &s, rig_ip(10, 0, 0, 1));
        script_answer(&s, r->last_dial);
        assert_true(script_next(&s) && s.code == SOTTO_CODE_HELLO);
        if (by_them) {
            script_send_block(&s, SOTTO_CODE_DISCONNECT, sotto_span("\xc1\x03", 2));
            assert_int_equal(script_reason(&s), -1);
        } else {
            script_hello(&s, &hello, 5, "eth", 65, SOTTO_SPAN(s.pub));
            script_send(&s, SOTTO_CODE_HELLO, sotto_buf_span(&hello));
            assert_int_equal(script_reason(&s), SOTTO_REASON_USELESS);
        }
        rig_wait(r, 24 * HOUR - 1);
        assert_int_equal(r->dials, 1);
        rig_wait(r, 1);
        assert_int_equal(r->dials, 2);
        sotto_buf_free(&hello);
        script_end(&s);
        rig_free(r);
    }
}

static void test_static_calls(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    struct script s[8];
    struct sotto_enode e;
    for (unsigned i = 0; i < 8; i++) script_key(&s[i], r, i);
    script_up(&s[0], rig_ip(10, 0, 0, 1));
    add(r, &s[0], rig_ip(10, 0, 0, 1));               /* it is here already: no dial */
    assert_int_equal(r->dials, 0);
    e = enode_of(&s[0], rig_ip(10, 0, 0, 1));
    assert_int_equal(sotto_host_add(r->h, &e, r->now, &r->out), SOTTO_ERR_EXISTS);
    for (unsigned i = 1; i < 6; i++) add(r, &s[i], rig_ip(10, i, 0, 1));
    assert_int_equal(r->dials, 5);
    e = enode_of(&s[6], rig_ip(10, 6, 0, 1));
    assert_int_equal(sotto_host_add(r->h, &e, r->now, &r->out), SOTTO_ERR_FULL);
    assert_int_equal(sotto_host_remove(r->h, s[0].pub, r->now, &r->out), SOTTO_OK);
    rig_take(r);
    assert_int_equal(script_reason(&s[0]), SOTTO_REASON_REQUESTED);
    assert_int_equal(sotto_host_remove(r->h, s[0].pub, r->now, &r->out), SOTTO_ERR_MISSING);
    assert_int_equal(sotto_host_remove(r->h, s[1].pub, r->now, &r->out), SOTTO_OK);
    rig_take(r);
    assert_true(r->lines[1 + 1].closed);              /* its dial is given up */

    /* A static peer that offends is disconnected and backed off, not banned. */
    script_answer(&s[2], r->last_dial - 3);
    script_send_hello(&s[2], 5);
    sotto_host_offend(r->h, s[2].conn, 100, "test", r->now, &r->out);
    rig_wait(r, 0);
    rig_take(r);
    assert_int_equal(script_reason(&s[2]), SOTTO_REASON_SUBPROTOCOL);
    assert_false(sotto_host_banned(r->h, s[2].pub, r->now));

    sotto_host_quit(r->h, r->now, &r->out);
    rig_take(r);
    assert_int_equal(r->h->conn_count, 0);
    unsigned dials = r->dials;
    rig_wait(r, HOUR);
    assert_int_equal(r->dials, dials);
    assert_true(r->lines[rig_accept(r, rig_ip(10, 99, 0, 1))].closed);
    for (unsigned i = 0; i < 8; i++) script_end(&s[i]);
    rig_free(r);
}

static void test_quit_says_so(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    struct script s;
    script_key(&s, r, 1);
    script_up(&s, rig_ip(10, 0, 0, 1));
    sotto_host_quit(r->h, r->now, &r->out);
    rig_take(r);
    assert_int_equal(script_reason(&s), SOTTO_REASON_QUITTING);
    assert_true(s.was_block);
    script_end(&s);
    rig_free(r);
}

/* ---- memory ---- */

static void send_part(struct script *s, size_t payload, size_t bytes)
{
    struct sotto_buf wire = sotto_buf_make(32u << 20);
    uint8_t *zero = calloc(1, payload);
    assert_int_equal(sotto_frame_write(&s->f, &wire, 0x11, sotto_span(zero, payload)), SOTTO_OK);
    assert_true(bytes < wire.size);
    rig_data(s->r, s->conn, wire.data, bytes);
    sotto_buf_free(&wire);
    free(zero);
}

static void test_budget(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    struct script s[5], mine;
    for (unsigned i = 0; i < 5; i++) {
        script_key(&s[i], r, i);
        script_up(&s[i], rig_ip(10, i, 0, 1));
    }
    send_part(&s[0], 10u << 20, 1000);                /* declares 10 MiB and sends 1000 bytes: costs about that much */
    assert_int_equal(r->h->budget_used, 0);
    for (unsigned i = 1; i < 4; i++) send_part(&s[i], 10u << 20, (10u << 20) - 5);
    assert_in_range(r->h->budget_used, 29u << 20, SOTTO_BIG_BUDGET);
    send_part(&s[4], 10u << 20, 9u << 20);            /* no more to be had */
    assert_int_equal(script_reason(&s[4]), SOTTO_REASON_TOO_MANY);
    assert_int_equal(script_score(&s[4]), 0);
    for (unsigned i = 0; i < 4; i++) assert_false(r->lines[s[i].conn].closed);
    /* A static peer takes it from the greediest stranger. */
    script_key(&mine, r, 50);
    add(r, &mine, rig_ip(10, 50, 0, 1));
    script_answer(&mine, r->last_dial);
    script_send_hello(&mine, 5);
    send_part(&mine, 10u << 20, 9u << 20);
    assert_false(r->lines[mine.conn].closed);
    unsigned closed = 0;
    for (unsigned i = 1; i < 4; i++) closed += r->lines[s[i].conn].closed;
    assert_int_equal(closed, 1);
    assert_true(r->h->budget_used <= SOTTO_BIG_BUDGET);
    rig_wait(r, 30 * S);                              /* an unfinished frame holds it no longer than the idle time */
    assert_int_equal(r->h->budget_used, 0);
    assert_int_equal(r->h->conn_count, 0);
    for (unsigned i = 0; i < 5; i++) script_end(&s[i]);
    script_end(&mine);
    rig_free(r);
}

static void test_large_message(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    struct script s;
    size_t size = r->config.message_max;
    uint8_t *text = malloc(size);
    script_key(&s, r, 1);
    sotto_rng_fill(&r->rng.rng, text, size);          /* does not compress */
    script_up(&s, rig_ip(10, 0, 0, 1));
    script_send_block(&s, 0x11, sotto_span(text, size));
    assert_int_equal(r->lines[s.conn].messages, 1);
    assert_int_equal(r->lines[s.conn].last.size, size);
    assert_memory_equal(r->lines[s.conn].last.data, text, size);
    assert_int_equal(r->h->budget_used, 0);
    assert_true(r->h->conns[0]->in.cap <= SOTTO_PEER_BUFFER);
    assert_false(r->lines[s.conn].closed);
    free(text);
    script_end(&s);
    rig_free(r);
}

static void test_small_before_hello(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    uint8_t first[307] = { 0x07, 0xfe };              /* the largest packet that is taken */
    uint32_t conn = rig_accept(r, rig_ip(10, 0, 0, 1));
    static uint8_t flood[1500];
    rig_data(r, conn, first, sizeof first);
    rig_data(r, conn, flood, sizeof flood);
    assert_false(r->lines[conn].closed);
    assert_true(r->h->conns[0]->in.cap <= SOTTO_RLPX_PACKET_MAX);
    rig_data(r, conn, flood, sizeof flood);
    assert_true(r->lines[conn].closed);
    rig_free(r);
}

/* ---- a world that takes nothing, and capabilities that act in the middle of things ---- */

static void test_full_queue(void **state)
{
    (void)state;
    for (uint32_t max = 0; max <= 12; max++) {
        struct rig *r = rig_new(test_seed(), NULL);
        struct script s, t, u;
        script_key(&s, r, 1);
        script_key(&t, r, 2);
        script_key(&u, r, 3);
        script_up(&s, rig_ip(10, 0, 0, 1));
        script_up(&t, rig_ip(10, 1, 0, 1));
        r->out.max = r->out.cap = 0;
        sotto_outq_free(&r->out);
        r->out = sotto_outq_make(max);
        r->stuck = true;
        struct sotto_enode e = enode_of(&u, rig_ip(10, 2, 0, 1));
        assert_int_equal(sotto_host_add(r->h, &e, r->now, &r->out), SOTTO_OK);
        rig_accept(r, rig_ip(10, 3, 0, 1));
        for (int i = 0; i < 5; i++) script_send_block(&s, SOTTO_CODE_PING, SOTTO_SPAN(empty_list));
        script_send_block(&t, 0x10 + 128, SOTTO_SPAN(empty_list));
        for (int i = 0; i < 20; i++) {
            r->now.mono_us += 3 * S;
            rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_TICK });
        }
        assert_true(r->out.count <= max);
        r->stuck = false;
        r->out.max = 1024;
        rig_take(r);
        rig_wait(r, 60 * S);
        assert_true(r->lines[s.conn].closed && r->lines[t.conn].closed);       /* no socket is forgotten */
        assert_int_equal(r->lines[s.conn].downs, 1);
        assert_int_equal(r->lines[t.conn].downs, 1);
        assert_int_equal(r->lines[t.conn].peer_down, 1);
        assert_true(r->dials >= 1);
        script_end(&s);
        script_end(&t);
        script_end(&u);
        rig_free(r);
    }
}

static void disconnect_all(struct rig *r, uint32_t peer, unsigned code, struct sotto_span payload)
{
    (void)peer;
    (void)code;
    (void)payload;
    for (uint32_t i = 1; i < 20; i++) sotto_host_disconnect(r->h, i, SOTTO_REASON_SUBPROTOCOL, r->now, &r->out);
    assert_int_equal(sotto_host_peers(r->h), 0);
}
static void disconnect_at_once(struct rig *r, uint32_t peer) { sotto_host_disconnect(r->h, peer, SOTTO_REASON_REQUESTED, r->now, &r->out); }
static void greet(struct rig *r, uint32_t peer)
{
    assert_int_equal(sotto_host_send(r->h, peer, &rig_shh, 0, SOTTO_SPAN(empty_list), r->now, &r->out), SOTTO_OK);
}

static void test_calls_inside(void **state)
{
    (void)state;
    struct rig *r = rig_new(test_seed(), NULL);
    struct script s[4];
    r->on_up = greet;
    for (unsigned i = 0; i < 3; i++) {
        script_key(&s[i], r, i);
        script_up(&s[i], rig_ip(10, i, 0, 1));
        assert_true(script_next(&s[i]) && s[i].code == 0x10);                  /* sent from within up */
    }
    r->on_message = disconnect_all;
    /* Two messages in one piece: the second finds the connection closed. */
    struct sotto_buf wire = sotto_buf_make(4096);
    assert_int_equal(sotto_frame_write(&s[0].f, &wire, 0x11, sotto_span("\x01\x00\xc0", 3)), SOTTO_OK);
    assert_int_equal(sotto_frame_write(&s[0].f, &wire, 0x11, sotto_span("\x01\x00\xc0", 3)), SOTTO_OK);
    rig_data(r, s[0].conn, wire.data, wire.size);
    assert_int_equal(r->lines[s[0].conn].messages, 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(script_reason(&s[i]), SOTTO_REASON_SUBPROTOCOL);
        assert_int_equal(r->lines[s[i].conn].downs, 1);
    }
    assert_int_equal(r->h->conn_count, 0);
    r->on_up = disconnect_at_once;
    script_key(&s[3], r, 3);
    script_dial(&s[3], rig_ip(10, 9, 0, 1));
    assert_true(script_next(&s[3]));
    script_send_hello(&s[3], 5);
    assert_int_equal(script_reason(&s[3]), SOTTO_REASON_REQUESTED);
    sotto_buf_free(&wire);
    for (unsigned i = 0; i < 4; i++) script_end(&s[i]);
    rig_free(r);
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
        cmocka_unit_test(test_handshakes_at_once), cmocka_unit_test(test_address_rate), cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_slots), cmocka_unit_test(test_local_slots), cmocka_unit_test(test_duplicate_and_self), cmocka_unit_test(test_both_dial),
        cmocka_unit_test(test_offences_ban), cmocka_unit_test(test_operator_ban), cmocka_unit_test(test_redial), cmocka_unit_test(test_static_useless),
        cmocka_unit_test(test_static_calls), cmocka_unit_test(test_quit_says_so), cmocka_unit_test(test_budget), cmocka_unit_test(test_large_message),
        cmocka_unit_test(test_small_before_hello), cmocka_unit_test(test_full_queue), cmocka_unit_test(test_calls_inside),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
