/* What a connection may bring and gets at once: the credit of a new one, and the turns of those who brought what has to wait. */
#include "support/test.h"

#include "base/text.h"
#include "whisper/test/fake_host.h"
#include "wire/rlp.h"

static struct fake f;

static int teardown(void **state)
{
    (void)state;
    fake_free(&f);
    return 0;
}

static const struct sotto_shh_stats *stats(void) { return sotto_shh_stats(f.shh); }

/* count envelopes of one size in one packet, all different. */
static void send_many(uint32_t peer, unsigned count, uint32_t data_size, uint32_t *serial)
{
    struct sotto_buf items = sotto_buf_make(32u << 20), list = sotto_buf_make(32u << 20);
    for (unsigned i = 0; i < count; i++, ++*serial) {
        struct fake_envelope e = { fake_now_s(&f) + 86000, 86400, data_size, { 0 }, 0, 0 };
        sotto_put_be32(e.topic, *serial);
        fake_seal(&items, &e);
    }
    fake_list(&list, sotto_buf_span(&items));
    fake_message(&f, peer, SOTTO_SHH_MESSAGES, sotto_buf_span(&list));
    sotto_buf_free(&items);
    sotto_buf_free(&list);
}

/* It comes up with the default wishes, and whatever is in the pool is news for it. */
static void status(uint32_t peer)
{
    uint8_t bytes[2] = { 0xc1, 0x06 };
    fake_message(&f, peer, SOTTO_SHH_STATUS, SOTTO_SPAN(bytes));
}

/* Envelopes with that much data (0: any) among those that were brought to that peer. */
static unsigned got(uint32_t peer, uint32_t data_size)
{
    unsigned count = 0;
    for (unsigned i = 0; i < f.host.sent_count; i++) {
        const struct fake_packet *packet = &f.host.sent[i];
        if (packet->peer != peer || packet->code != SOTTO_SHH_MESSAGES) continue;
        struct sotto_rlp top = sotto_rlp(sotto_buf_span(&packet->payload)), list;
        assert_int_equal(sotto_rlp_list(&top, &list), SOTTO_OK);
        while (sotto_rlp_more(&list)) {
            struct sotto_span item;
            struct sotto_envelope e;
            assert_int_equal(sotto_rlp_raw(&list, &item), SOTTO_OK);
            assert_int_equal(sotto_envelope_decode(&e, item), SOTTO_OK);
            count += data_size == 0 || e.data.size == data_size;
        }
    }
    return count;
}

/* One neighbour floods with better rated envelopes than another one's few: at the pace we keep, those few are not behind all of them. */
static void a_flood_does_not_hold_up_the_others(void **state)
{
    (void)state;
    struct sotto_pool_config easy = { 64 << 20, 65536, 0, NULL };
    fake_init_catch_up(&f, test_seed(), &easy, 2000, 0);
    uint32_t serial = 0;
    fake_ready(&f, 1, true);
    send_many(1, 2000, SOTTO_NATIVE_DATA, &serial);
    fake_ready(&f, 2, true);
    send_many(2, 20, 2048, &serial);              /* half the rating: twice as long */
    assert_int_equal(stats()->accepted, 2020);
    fake_up(&f, 9, true);
    status(9);
    fake_pass(&f, 10000000);
    assert_true(got(9, 0) < 1000);                   /* 400, and 20 a second */
    assert_int_equal(got(9, 2048), 20);
}
/* A new connection brings a share of the pool at once, both ways, and only once; large envelopes are not meant. */
static void a_new_peer_catches_up(void **state)
{
    (void)state;
    struct sotto_pool_config easy = { 64 << 20, 65536, 0, NULL };
    fake_init_catch_up(&f, test_seed(), &easy, 1000, 3000);
    uint32_t serial = 0;
    fake_ready(&f, 1, true);
    send_many(1, 1000, SOTTO_NATIVE_DATA, &serial);
    assert_int_equal(stats()->accepted, 1000);
    assert_int_equal(f.host.peers[1].paused_until_us, 0);
    fake_pass(&f, 100000000);                     /* no more than a burst comes again */
    send_many(1, 500, SOTTO_NATIVE_DATA, &serial);
    assert_int_equal(stats()->accepted, 1400);
    fake_pass(&f, 10000000);
    assert_int_equal(stats()->accepted, 1500);
    fake_ready(&f, 2, false);
    send_many(2, 3001, SOTTO_NATIVE_DATA, &serial);
    assert_int_equal(stats()->accepted, 4500);
    fake_pass(&f, 1000000);
    assert_int_equal(stats()->accepted, 4501);
    /* the same credit is ours: all there is within a few flushes, where the rate alone takes minutes */
    fake_forget(&f);
    fake_up(&f, 8, true);                         /* it dialled us: for it we are one that it dialled */
    status(8);
    fake_pass(&f, 30000000);
    assert_true(got(8, 0) >= 3000 && got(8, 0) <= 3000 + 400 + 30 * 20);
    fake_forget(&f);
    fake_up(&f, 9, false);
    status(9);
    fake_pass(&f, 10000000);
    assert_true(got(9, 0) >= 1000 && got(9, 0) <= 1000 + 400 + 10 * 20);
    /* a packet of large ones ends it: 30 of 8 KiB, then what the burst still pays */
    fake_ready(&f, 3, true);
    uint64_t before = stats()->accepted;
    send_many(3, 30, 8192, &serial);
    send_many(3, 500, SOTTO_NATIVE_DATA, &serial);
    assert_int_equal(stats()->accepted, before + 400);
}
/* Nodes may be set to any rate. What is too large for the credit is paid from the burst, and a packet holds no more than that. */
static void a_low_rate_brings_large_ones_in_parts(void **state)
{
    (void)state;
    enum { COUNT = 150 };
    static const struct sotto_pool_config easy = { 64 << 20, 65536, 0, NULL };
    for (uint32_t rate = 1; rate <= 13; rate += 3) {
        fake_init_own(&f, test_seed(), &easy, (struct sotto_shh_config){ .catch_up_inbound = 3000, .catch_up_outbound = 3000, .rate = rate });
        uint32_t serial = 0;
        fake_ready(&f, 1, true);
        while (serial < COUNT) send_many(1, 1, 4200, &serial);
        assert_int_equal(stats()->accepted, COUNT);
        fake_forget(&f);
        fake_up(&f, 9, true);
        status(9);
        fake_pass(&f, 60000000);
        unsigned paid = rate * (SOTTO_SHH_BURST_S + 60);
        assert_true(got(9, 0) <= paid && (got(9, 0) >= COUNT || got(9, 0) + 10 * rate >= paid));
        fake_pass(&f, 300000000);
        assert_int_equal(got(9, 0), COUNT);
        fake_free(&f);
    }
    fake_init(&f, test_seed(), &easy);
}

/* Who fills the room of all for what waits leaves each neighbour a little. */
static void what_waits_has_room_for_everybody(void **state)
{
    (void)state;
    static const struct sotto_pool_config easy = { 1u << 30, 65536, 0, NULL };
    fake_init(&f, test_seed(), &easy);
    uint32_t serial = 0;
    for (uint32_t p = 1; p <= 5; p++) {
        fake_ready(&f, p, true);
        send_many(p, 400, 8, &serial);
        send_many(p, 9, 932000, &serial);         /* four times this is 32 MiB */
    }
    uint64_t before = stats()->quota;
    assert_true(before > 0);                      /* it is full */
    fake_ready(&f, 9, true);
    send_many(9, 420, SOTTO_NATIVE_DATA, &serial);
    assert_int_equal(stats()->quota, before);     /* twenty wait */
    send_many(9, 500, SOTTO_NATIVE_DATA, &serial);
    assert_true(stats()->quota > before);         /* but no more than 64 KiB */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_flood_does_not_hold_up_the_others, teardown),
        cmocka_unit_test_teardown(a_new_peer_catches_up, teardown),
        cmocka_unit_test_teardown(a_low_rate_brings_large_ones_in_parts, teardown),
        cmocka_unit_test_teardown(what_waits_has_room_for_everybody, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
