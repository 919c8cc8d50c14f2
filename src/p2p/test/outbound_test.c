/* The host dials out of the book: what its connections tell p2p/dial.h, and what that makes of the book. */
#include "p2p/test/rig.h"

#define S SOTTO_SECOND_US

struct story { struct rig *r; struct sotto_book *b; struct sotto_chacha_rng *rng; };

static struct story begin(unsigned outbound)
{
    struct story t = { 0 };
    t.rng = calloc(1, sizeof *t.rng);
    sotto_rng_from_seed(t.rng, test_seed(), "outbound");
    struct sotto_book_config book = { .group = sotto_group_of, .rng = &t.rng->rng };
    assert_int_equal(sotto_book_new(&t.b, &book), SOTTO_OK);
    struct sotto_host_config config = { .outbound_max = outbound, .book = t.b };
    t.r = rig_new(test_seed(), &config);
    return t;
}
static void end_story(struct story *t)
{
    rig_free(t->r);
    sotto_book_free(t->b);
    free(t->rng);
}
static struct sotto_addr at(unsigned a, unsigned b) { return rig_ip(a, b, 1, 1); }
static void learn(struct story *t, const struct script *s, struct sotto_addr addr)
{
    struct sotto_enode e = { .addr = addr };
    memcpy(e.key, s->pub, 64);
    enum sotto_err err = sotto_book_learn(t->b, &e, &addr, t->r->now);
    assert_true(err == SOTTO_OK || err == SOTTO_ERR_EXISTS);
    rig_wait(t->r, 0);
}
static void lose(struct rig *r, uint32_t conn) { rig_in(r, (struct sotto_in){ .kind = SOTTO_IN_CLOSED, .conn = conn }); }
static struct sotto_book_entry entry(struct story *t, const struct script *s)
{
    struct sotto_book_entry e;
    assert_true(sotto_book_find(t->b, &e, s->pub));
    return e;
}

static void test_up_and_lost(void **state)
{
    (void)state;
    struct story t = begin(1);
    struct script s;
    struct sotto_peer_info info;
    script_key(&s, t.r, 1);
    learn(&t, &s, at(51, 1));
    assert_int_equal(t.r->dials, 1);
    assert_int_equal(entry(&t, &s).failures, 1);
    script_answer(&s, t.r->last_dial);
    script_send_hello(&s, 5);
    assert_true(sotto_host_peer(t.r->h, s.conn, &info) && !info.inbound && !info.is_static);
    assert_true(entry(&t, &s).tried && entry(&t, &s).failures == 0);
    rig_wait(t.r, 14 * S);
    script_send_block(&s, SOTTO_CODE_PONG, sotto_span("\xc0", 1));
    rig_wait(t.r, 17 * S);
    lose(t.r, s.conn);
    rig_wait(t.r, 28 * S - 1);
    assert_int_equal(t.r->dials, 1);
    rig_wait(t.r, 14 * S + 1);
    assert_int_equal(t.r->dials, 2);                  /* 35 s, a fifth more or less */
    script_end(&s);
    end_story(&t);
}

static void test_full_and_useless(void **state)
{
    (void)state;
    struct story t = begin(1);
    struct script full, useless;
    script_key(&full, t.r, 1);
    learn(&t, &full, at(51, 1));
    script_answer(&full, t.r->last_dial);
    script_send(&full, SOTTO_CODE_DISCONNECT, sotto_span("\xc1\x04", 2));
    assert_true(t.r->lines[full.conn].closed);
    struct sotto_book_entry e = entry(&t, &full);
    assert_true(!e.tried && e.alive_s && e.failures == 1);
    script_key(&useless, t.r, 2);
    learn(&t, &useless, at(52, 1));
    rig_wait(t.r, S);
    assert_int_equal(t.r->dials, 2);
    script_answer(&useless, t.r->last_dial);
    struct sotto_buf b = sotto_buf_make(4096);
    script_hello(&useless, &b, 5, "eth", 65, SOTTO_SPAN(useless.pub));
    script_send(&useless, SOTTO_CODE_HELLO, sotto_buf_span(&b));
    assert_int_equal(script_reason(&useless), SOTTO_REASON_USELESS);
    assert_true(entry(&t, &useless).next_us == t.r->now.mono_us + SOTTO_USELESS_US);
    sotto_buf_free(&b);
    script_end(&full);
    script_end(&useless);
    end_story(&t);
}

static void test_feeler_ends_with_hello(void **state)
{
    (void)state;
    struct story t = begin(1);
    struct script peer, felt;
    script_key(&peer, t.r, 1);
    script_key(&felt, t.r, 2);
    learn(&t, &peer, at(51, 1));
    script_answer(&peer, t.r->last_dial);
    script_send_hello(&peer, 5);
    learn(&t, &felt, at(52, 1));
    assert_int_equal(t.r->dials, 1);
    for (unsigned i = 0; i < 12; i++) {
        rig_wait(t.r, 10 * S);
        script_send_block(&peer, SOTTO_CODE_PONG, sotto_span("\xc0", 1));
    }
    rig_wait(t.r, S);
    assert_int_equal(t.r->dials, 2);
    script_answer(&felt, t.r->last_dial);
    script_send_hello(&felt, 5);
    assert_int_equal(script_reason(&felt), SOTTO_REASON_REQUESTED);
    assert_int_equal(t.r->lines[felt.conn].ups + t.r->lines[felt.conn].peer_up, 0);      /* nobody above heard of it */
    assert_true(entry(&t, &felt).tried);
    assert_int_equal(sotto_host_peers(t.r->h), 1);
    script_end(&peer);
    script_end(&felt);
    end_story(&t);
}

static void test_two_addresses(void **state)
{
    (void)state;
    for (unsigned six_wins = 0; six_wins < 2; six_wins++) {
        struct story t = begin(1);
        struct script s;
        script_key(&s, t.r, 1);
        struct sotto_addr six = { .ip = { 0x26, 0, 0, 1, [15] = 1 }, .port = 30303, .family = 6 }, four = at(51, 1);
        struct sotto_enode e = { .addr = six };
        memcpy(e.key, s.pub, 64);
        assert_int_equal(sotto_book_learn(t.b, &e, &six, t.r->now), SOTTO_OK);
        e.addr = four;
        assert_int_equal(sotto_book_learn(t.b, &e, &four, t.r->now), SOTTO_ERR_EXISTS);
        rig_wait(t.r, 0);
        uint32_t first = t.r->last_dial;
        assert_true(t.r->dials == 1 && t.r->lines[first].addr.family == 6);
        rig_wait(t.r, SOTTO_DIAL_SECOND_US);
        uint32_t second = t.r->last_dial;
        assert_true(t.r->dials == 2 && t.r->lines[second].addr.family == 4);
        uint32_t winner = six_wins ? first : second, loser = six_wins ? second : first;
        script_answer(&s, winner);
        assert_true(t.r->lines[loser].closed && !t.r->lines[winner].closed);
        script_send_hello(&s, 5);
        assert_int_equal(sotto_host_peers(t.r->h), 1);
        assert_int_equal(t.r->h->conn_count, 1);
        script_end(&s);
        end_story(&t);
    }
}

/* Remembered first, then static, then the book. */
static void test_order(void **state)
{
    (void)state;
    struct story t = begin(3), u = begin(5);
    struct script s[3], boss;
    for (unsigned i = 0; i < 3; i++) {
        script_key(&s[i], t.r, i + 1);
        learn(&t, &s[i], at(51, i));
        script_answer(&s[i], t.r->last_dial);
        script_send_hello(&s[i], 5);
    }
    assert_int_equal(sotto_host_peers(t.r->h), 3);
    struct sotto_buf dial = sotto_buf_make(SOTTO_DIAL_BYTES_MAX);
    assert_int_equal(sotto_dial_save(sotto_host_dialler(t.r->h), &dial, t.r->now), SOTTO_OK);
    assert_int_equal(sotto_dial_load(sotto_host_dialler(u.r->h), sotto_buf_span(&dial), u.r->now), SOTTO_OK);
    script_key(&boss, u.r, 9);
    struct sotto_enode book = { .addr = at(60, 1) }, fixed = { .addr = at(61, 1) };
    memcpy(fixed.key, boss.pub, 64);
    book.key[0] = 1;
    assert_int_equal(sotto_book_learn(u.b, &book, &book.addr, u.r->now), SOTTO_OK);
    assert_int_equal(sotto_host_add(u.r->h, &fixed, u.r->now, &u.r->out), SOTTO_OK);
    rig_take(u.r);
    assert_int_equal(u.r->dials, 5);
    for (unsigned i = 0; i < 3; i++) assert_true(sotto_addr_equal(&u.r->lines[i + 1].addr, &t.r->lines[s[i].conn].addr));
    assert_true(sotto_addr_equal(&u.r->lines[4].addr, &fixed.addr) && sotto_addr_equal(&u.r->lines[5].addr, &book.addr));
    /* One of them becomes static: its place is free for somebody else of another group. */
    struct sotto_enode g = { .addr = t.r->lines[s[2].conn].addr };
    memcpy(g.key, s[2].pub, 64);
    assert_int_equal(sotto_host_add(u.r->h, &g, u.r->now, &u.r->out), SOTTO_OK);
    rig_take(u.r);
    assert_int_equal(u.r->dials, 5);
    struct sotto_enode other = { .addr = g.addr };
    other.addr.ip[3] = 77;
    other.key[0] = 2;
    assert_int_equal(sotto_book_learn(u.b, &other, &other.addr, u.r->now), SOTTO_OK);
    rig_wait(u.r, S);
    assert_int_equal(u.r->dials, 6);                  /* static peers are outside the rule of groups */
    sotto_buf_free(&dial);
    for (unsigned i = 0; i < 3; i++) script_end(&s[i]);
    script_end(&boss);
    end_story(&t);
    end_story(&u);
}

/* It calls us while we dial it; it is banned; it is removed: the place is free again, and not for it. */
static void test_given_up(void **state)
{
    (void)state;
    struct story t = begin(1);
    struct script s, other;
    script_key(&s, t.r, 1);
    learn(&t, &s, at(51, 1));
    uint32_t dial = t.r->last_dial;
    script_up(&s, at(51, 1));
    assert_true(t.r->lines[dial].closed);
    rig_wait(t.r, S);
    script_key(&other, t.r, 2);
    learn(&t, &other, at(52, 1));
    assert_int_equal(t.r->dials, 2);
    assert_int_equal(sotto_host_ban(t.r->h, other.pub, 3600 * S, t.r->now, &t.r->out), SOTTO_OK);
    rig_take(t.r);
    rig_wait(t.r, 20 * S);
    assert_int_equal(t.r->dials, 2);
    assert_int_equal(sotto_host_remove(t.r->h, s.pub, t.r->now, &t.r->out), SOTTO_OK);
    rig_take(t.r);
    assert_false(sotto_book_find(t.b, NULL, s.pub));
    rig_wait(t.r, 1000 * S);
    assert_int_equal(t.r->dials, 2);
    script_end(&s);
    script_end(&other);
    end_story(&t);
}

static int setup(void **state)
{
    (void)state;
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_up_and_lost), cmocka_unit_test(test_full_and_useless), cmocka_unit_test(test_feeler_ends_with_hello),
        cmocka_unit_test(test_two_addresses), cmocka_unit_test(test_order), cmocka_unit_test(test_given_up),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
