/* What callers of shh_* bring into a network: envelopes of their own, direct messages, wishes of their node. */
#include "relay/test/net_world.h"

/* What a caller of shh_* made: like any envelope of ours it goes to a neighbour that we dialled first, and waits for one. */
static enum sotto_err post_one(uint32_t i, uint8_t fill, uint32_t size, uint32_t ttl)
{
    static uint8_t data[8u << 20];
    struct sotto_buf b = sotto_buf_make(16u << 20);
    memset(data, fill, size);
    struct sotto_envelope e = { (uint32_t)(now_of(i).wall_ms / 1000) + ttl, ttl, { 1, 2, 3, fill }, sotto_span(data, size), fill };
    assert_int_equal(sotto_envelope_encode(&b, &e), SOTTO_OK);
    enum sotto_err err = sotto_net_post(w.nodes[i].net, sotto_buf_span(&b), 1, now_of(i), &w.nodes[i].out);
    carry_out(i);
    sotto_buf_free(&b);
    return err;
}

static void posts_go_the_way_of_own_envelopes(void **state)
{
    (void)state;
    begin();
    w.config.work_bits = 0;                       /* a floor of next to nothing */
    start(0);
    start(1);
    dial(1, 0);
    pass(5 * SECOND);
    assert_int_equal(post_one(0, 7, 300, 600), SOTTO_OK);
    assert_int_equal(post_one(0, 7, 300, 600), SOTTO_OK);             /* it is there: good */
    assert_int_equal(stats_of(0).pool_count, 1);
    pass(60 * SECOND);
    assert_int_equal(stats_of(1).pool_count, 0);                      /* a stranger that dialled us does not get it first */
    start(2);
    dial(0, 2);
    pass(60 * SECOND);
    assert_int_equal(stats_of(2).pool_count + stats_of(1).pool_count, 2);
    assert_int_equal(w.nodes[0].sent, 0);                             /* no cell */
    assert_int_equal(post_one(0, 8, 2u << 20, 60), SOTTO_OK);         /* longer than a packet: it stays here */
    unsigned posted = 1;
    while (posted < 64 && post_one(0, (uint8_t)(100 + posted), 2u << 20, 60) == SOTTO_OK) posted++;
    assert_int_equal(posted, 7);                                      /* a quarter of the pool for what nobody takes */
    pass(90 * SECOND);
    assert_int_equal(stats_of(0).pool_count, 1);
    sotto_net_set_plain(w.nodes[0].net, false);
    assert_int_equal(post_one(0, 9, 300, 600), SOTTO_OK);
    pass(60 * SECOND);
    assert_int_equal(stats_of(2).pool_count, 1);
    sotto_net_set_plain(w.nodes[0].net, true);
    pass(60 * SECOND);
    assert_int_equal(stats_of(2).pool_count, 2);
}

static void direct_messages_and_wishes(void **state)
{
    (void)state;
    begin();
    w.config.work_bits = 0;
    line_of(3);
    const uint8_t *key0 = w.nodes[0].enode.key, *key1 = w.nodes[1].enode.key, *key2 = w.nodes[2].enode.key;
    struct sotto_net *n0 = w.nodes[0].net, *n1 = w.nodes[1].net;
    uint8_t rlp[] = { 0xcc, 0x80, 0x01, 0x84, 0, 0, 0, 0, 0x84, 0xde, 0xad, 0xbe, 0xef };
    uint8_t whole[] = { 0xcd, 0x80, 0x01, 0x84, 0, 0, 0, 0, 0x84, 0xde, 0xad, 0xbe, 0xef, 0x07 };
    assert_true(sotto_net_is_whisper_peer(n0, key1));
    assert_false(sotto_net_is_whisper_peer(n0, key2));
    assert_int_equal(sotto_net_trust(n0, key2), SOTTO_ERR_MISSING);
    assert_int_equal(sotto_net_trust(n0, key1), SOTTO_OK);
    assert_int_equal(sotto_net_send_direct(n1, key0, SOTTO_SPAN(whole), now_of(1), &w.nodes[1].out), SOTTO_OK);
    assert_int_equal(sotto_net_send_direct(n1, key2, SOTTO_SPAN(whole), now_of(1), &w.nodes[1].out), SOTTO_OK);
    carry_out(1);
    assert_int_equal(sotto_net_send_direct(n0, key2, SOTTO_SPAN(whole), now_of(0), &w.nodes[0].out), SOTTO_ERR_MISSING);
    assert_int_equal(sotto_net_post(n0, SOTTO_SPAN(rlp), 1, now_of(0), &w.nodes[0].out), SOTTO_ERR_ENV_FORM);
    pass(SECOND);
    assert_int_equal(w.nodes[0].directs, 1);
    assert_int_equal(w.nodes[2].directs, 0);      /* trusts nobody */
    struct sotto_bloom now, none = { { 0 } };
    assert_false(sotto_net_bloom_now(n0, &now));
    sotto_net_bloom(n0, &none, now_of(0), &w.nodes[0].out);
    sotto_net_min_pow(n0, 0x1p-30, now_of(0), &w.nodes[0].out);
    carry_out(0);
    pass(SECOND);
    assert_true(sotto_net_bloom_now(n0, &now) && memcmp(&now, &none, sizeof now) == 0);
    struct sotto_rules rules = sotto_net_rules(n0, now_of(0));
    assert_true(rules.floor == 0x1p-30 && rules.filter && !rules.filter_before);        /* before: everything */
    assert_int_equal(post_one(1, 1, 300, 600), SOTTO_OK);
    pass(60 * SECOND);
    assert_int_equal(stats_of(0).pool_count, 0);  /* held back by its neighbour */
    assert_int_equal(stats_of(2).pool_count, 0);  /* which has given it to nobody that it dialled */
    sotto_net_bloom(n0, NULL, now_of(0), &w.nodes[0].out);
    carry_out(0);
    pass(60 * SECOND);
    assert_int_equal(stats_of(0).pool_count, 1);
    assert_int_equal(stats_of(2).pool_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(posts_go_the_way_of_own_envelopes), TEST(direct_messages_and_wishes) };
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
