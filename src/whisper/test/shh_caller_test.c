/* What callers of shh_* ask of the capability: direct messages, light mode, the largest size, and what relay.plain holds back. */
#include "whisper/test/shh_world.h"

#define BURST 400u                                /* envelopes that a peer may bring at once */

static void muted_own_envelopes_stay(void **state)
{
    (void)state;
    begin(NULL);
    fake_ready(&f, 1, false);
    sotto_shh_mute(f.shh, true);
    add_own();
    fake_pass(&f, 60000000);
    assert_int_equal(got(1), 0);
    assert_true(sotto_pool_held(f.pool) > 0 && sotto_pool_held(f.pool) == sotto_pool_bytes(f.pool));
    sotto_shh_mute(f.shh, false);
    fake_pass(&f, 20000000);
    assert_int_equal(got(1), 1);
    assert_int_equal(sotto_pool_held(f.pool), 0);
}
/* whisper-v6.md 9: from a trusted peer only, whatever its times, work and topic; not pooled, not passed on, again each time. */
static void direct_messages_of_trusted_peers(void **state)
{
    (void)state;
    begin(NULL);
    fake_ready(&f, 1, true);
    fake_ready(&f, 2, true);
    struct sotto_buf b = sotto_buf_make(4096);
    struct fake_envelope e = { 5, 0xffffffff, 64, { 9, 9, 9, 9 }, 1, 0 };
    fake_seal(&b, &e);
    struct sotto_span one = sotto_buf_span(&b);
    fake_message(&f, 1, SOTTO_SHH_P2P_MESSAGE, one);
    send_hex(1, SOTTO_SHH_P2P_MESSAGE, "80");     /* not trusted: dropped without a word, junk included */
    assert_int_equal(f.directs, 0);
    assert_int_equal(sotto_shh_trust(f.shh, 7), SOTTO_ERR_MISSING);
    assert_int_equal(sotto_shh_trust(f.shh, 1), SOTTO_OK);
    for (unsigned i = 1; i <= 3; i++) {
        fake_message(&f, 1, SOTTO_SHH_P2P_MESSAGE, one);
        assert_int_equal(f.directs, i);
    }
    fake_message(&f, 2, SOTTO_SHH_P2P_MESSAGE, one);
    assert_int_equal(f.directs, 3);
    assert_int_equal(sotto_buf_add(&b, "rest", 4), SOTTO_OK);
    fake_message(&f, 1, SOTTO_SHH_P2P_MESSAGE, sotto_buf_span(&b));
    assert_int_equal(f.directs, 4);               /* bytes after it are ignored */
    for (unsigned i = 0; i < 2 * BURST; i++) fake_message(&f, 1, SOTTO_SHH_P2P_MESSAGE, one);
    assert_int_equal(f.directs, BURST);           /* paid like any other */
    assert_int_equal(sotto_pool_count(f.pool), 0);
    fake_pass(&f, 5000000);
    assert_int_equal(got(2), 0);
    send_hex(1, SOTTO_SHH_P2P_REQUEST, "80");     /* we are no mail server */
    assert_true(f.host.peers[1].up);
    send_hex(1, SOTTO_SHH_P2P_MESSAGE, "80");
    is_cut(1);
    fake_ready(&f, 3, true);
    fake_forget(&f);
    sotto_shh_enter(f.shh, &f.out);
    assert_int_equal(sotto_shh_send_direct(f.shh, 1, one, f.now), SOTTO_ERR_MISSING);
    assert_int_equal(sotto_shh_send_direct(f.shh, 3, sotto_span(b.data, SOTTO_SHH_PACKET_MAX + 1), f.now), SOTTO_ERR_RANGE);
    assert_int_equal(sotto_shh_send_direct(f.shh, 3, sotto_span(b.data, one.size), f.now), SOTTO_OK);
    sotto_shh_enter(f.shh, NULL);
    assert_int_equal(fake_last(&f, 3, SOTTO_SHH_P2P_MESSAGE)->payload.size, one.size);
    sotto_buf_free(&b);
}
static void light_mode_passes_nothing_on(void **state)
{
    (void)state;
    begin(NULL);
    sotto_shh_light(f.shh, true, f.now);
    fake_up(&f, 1, false);
    const struct fake_packet *status = fake_last(&f, 1, SOTTO_SHH_STATUS);
    assert_int_equal(status->payload.data[status->payload.size - 1], 0x01);
    send_hex(1, SOTTO_SHH_STATUS, "cc06883fc999999999999a8080");
    fake_up(&f, 2, false);
    send_hex(2, SOTTO_SHH_STATUS, "cc06883fc999999999999a8001");      /* light, as we are */
    is_cut(2);
    assert_int_equal(f.host.peers[2].score, 0);
    fake_ready(&f, 3, true);
    struct fake_envelope e = any(1);
    send_one(3, &e);
    add_own();
    fake_pass(&f, 20000000);
    assert_int_equal(sotto_pool_count(f.pool), 2);
    assert_int_equal(got(1), 1);                  /* only what is ours */
    sotto_shh_light(f.shh, false, f.now);
    fake_up(&f, 4, false);
    send_hex(4, SOTTO_SHH_STATUS, "cc06883fc999999999999a8001");
    assert_true(f.host.peers[4].up);
    fake_pass(&f, 15000000);
    assert_int_equal(got(4), 2);
    assert_int_equal(got(1), 2);                  /* what came meanwhile is passed on now */
}
static void the_size_taken_can_be_set(void **state)
{
    (void)state;
    begin(NULL);
    fake_ready(&f, 1, true);
    struct fake_envelope e = any(1);
    sotto_shh_size(f.shh, 84);
    send_one(1, &e);                              /* 20 + 64 */
    assert_int_equal(stats()->accepted, 1);
    sotto_shh_size(f.shh, 83);
    e = any(2);
    send_one(1, &e);
    assert_int_equal(stats()->size, 1);
    is_cut(1);
    sotto_shh_size(f.shh, 3u << 20);
    struct sotto_rules rules = sotto_shh_rules(f.shh, f.now);
    assert_int_equal(rules.size_max, 3u << 20);
    sotto_shh_size(f.shh, 0);
    rules = sotto_shh_rules(f.shh, f.now);
    assert_int_equal(rules.size_max, 1);          /* none: size() is at least 20 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(muted_own_envelopes_stay), TEST(direct_messages_of_trusted_peers), TEST(light_mode_passes_nothing_on), TEST(the_size_taken_can_be_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
