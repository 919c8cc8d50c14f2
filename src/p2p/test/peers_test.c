/* Offences and bans, static peers and their redial, memory, a world that takes nothing. */
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

static enum sotto_err heard(struct rig *r, const struct script *s, struct sotto_addr addr)
{
    struct sotto_enode e = enode_of(s, addr);
    enum sotto_err err = sotto_host_lan(r->h, &e, r->now, &r->out);
    rig_take(r);
    return err;
}

static bool info_by_key(struct rig *r, const struct script *s, struct sotto_peer_info *out)
{
    for (unsigned i = 0; sotto_host_peer_at(r->h, i, out); i++)
        if (memcmp(out->key, s->pub, 64) == 0) return true;
    return false;
}

/* Nodes of the local network are kept as static peers are, banned as others are, and go where an operator needs the place. */
static void test_lan(void **state)
{
    (void)state;
    struct sotto_host_config config = { .static_max = 2, .lan = true, .local = true };      /* local: redials soon */
    struct rig *r = rig_new(test_seed(), &config);
    struct script s[5], self = { .r = r };
    struct sotto_peer_info info;
    for (unsigned i = 0; i < 5; i++) script_key(&s[i], r, i);
    memcpy(self.pub, r->h->key, 64);
    assert_int_equal(heard(r, &self, rig_ip(10, 0, 0, 9)), SOTTO_ERR_STATE);
    assert_int_equal(heard(r, &s[0], rig_ip(10, 0, 0, 1)), SOTTO_OK);
    assert_int_equal(heard(r, &s[0], rig_ip(10, 0, 0, 1)), SOTTO_ERR_EXISTS);
    assert_int_equal(r->dials, 1);
    script_answer(&s[0], r->last_dial);
    script_send_hello(&s[0], 5);
    assert_true(info_by_key(r, &s[0], &info) && info.lan && !info.is_static && strcmp(info.state, "up") == 0 && info.failures == 0);

    /* One that nobody reaches waits, longer each time, and how often is told. */
    assert_int_equal(heard(r, &s[1], rig_ip(10, 0, 0, 2)), SOTTO_OK);
    assert_int_equal(heard(r, &s[2], rig_ip(10, 0, 0, 3)), SOTTO_ERR_FULL);
    for (unsigned i = 1; i <= 3; i++) {
        unsigned dials = r->dials;
        lose(r, r->last_dial);
        assert_true(info_by_key(r, &s[1], &info) && info.lan && !info.is_static && info.failures == i && strcmp(info.state, "waiting") == 0);
        r->now.mono_us = info.since_us;
        rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_TICK });
        assert_int_equal(r->dials, dials + 1);
    }
    lose(r, r->last_dial);

    /* What an operator adds comes first: into the place of the one that is not there; and the other one is static from now on. */
    script_send_block(&s[0], SOTTO_CODE_PONG, SOTTO_SPAN(empty_list));
    add(r, &s[3], rig_ip(10, 0, 0, 4));
    assert_false(info_by_key(r, &s[1], &info));
    unsigned dials = r->dials;
    add(r, &s[0], rig_ip(10, 0, 0, 1));
    assert_int_equal(r->dials, dials);                /* it is here already */
    assert_true(info_by_key(r, &s[0], &info) && !info.lan && info.is_static);
    struct sotto_enode e = enode_of(&s[4], rig_ip(10, 0, 0, 5));
    assert_int_equal(sotto_host_add(r->h, &e, r->now, &r->out), SOTTO_ERR_FULL);
    assert_int_equal(heard(r, &s[0], rig_ip(10, 0, 0, 1)), SOTTO_ERR_EXISTS);

    /* An offender is banned, and not taken again by being heard again. */
    assert_int_equal(sotto_host_remove(r->h, s[3].pub, r->now, &r->out), SOTTO_OK);
    rig_take(r);
    assert_int_equal(heard(r, &s[4], rig_ip(10, 0, 0, 5)), SOTTO_OK);
    script_answer(&s[4], r->last_dial);
    script_send_hello(&s[4], 5);
    sotto_host_offend(r->h, s[4].conn, 100, "test", r->now, &r->out);
    rig_wait(r, 0);
    assert_true(sotto_host_banned(r->h, s[4].pub, r->now));
    rig_wait(r, HOUR - MINUTE);
    assert_true(info_by_key(r, &s[4], &info) && info.lan);
    assert_int_equal(sotto_host_remove(r->h, s[4].pub, r->now, &r->out), SOTTO_OK);
    assert_int_equal(heard(r, &s[4], rig_ip(10, 0, 0, 5)), SOTTO_ERR_STATE);
    assert_true(sotto_host_banned(r->h, s[4].pub, r->now));
    for (unsigned i = 0; i < r->last_dial; i++) assert_true(!r->lines[i].dialled || i <= s[4].conn || r->lines[i].addr.ip[3] != 5);
    rig_wait(r, 2 * MINUTE);
    assert_int_equal(heard(r, &s[4], rig_ip(10, 0, 0, 5)), SOTTO_OK);
    for (unsigned i = 0; i < 5; i++) script_end(&s[i]);
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
        cmocka_unit_test(test_offences_ban), cmocka_unit_test(test_operator_ban), cmocka_unit_test(test_redial),
        cmocka_unit_test(test_static_useless), cmocka_unit_test(test_static_calls), cmocka_unit_test(test_lan), cmocka_unit_test(test_quit_says_so),
        cmocka_unit_test(test_budget), cmocka_unit_test(test_large_message), cmocka_unit_test(test_small_before_hello),
        cmocka_unit_test(test_full_queue), cmocka_unit_test(test_calls_inside),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
