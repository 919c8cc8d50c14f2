/* Two whole machines of different seeds on one wire: messages of every size on every channel, a slow reader, a line that takes little, time that
 * passes, pauses that are obeyed. What was sent comes out once, whole and in the order of its channel; memory stays inside its bounds; nobody is
 * refused; whatever waits leaves in the end. */
#include "link_world.h"

#include <malloc.h>

/* ---- messages that both ends can make from a number ---- */

enum { WAIT_MAX = 4096, BIG = 120000 };
struct wanted { uint8_t code; uint32_t size, seed; };
struct lane { struct wanted list[WAIT_MAX]; unsigned first, count; };
static struct lane lanes[2][SOTTO_RL_CHANNELS];           /* of messages on their way to node 0 and 1 */
static struct node n[2];
static uint8_t body[SOTTO_RL_MESSAGE_MAX];

/* A valid body of about this size. */
static struct sotto_span make(uint8_t code, uint32_t size, uint32_t seed)
{
    switch (code) {
    case SOTTO_RL_NOTICE:
        memcpy(body, "\xc6\x63\x84", 3);
        sotto_put_be32(body + 3, seed | 1u << 31);
        return sotto_span(body, 7);
    case SOTTO_RL_STEM_TX:
        for (uint32_t i = 0; i < size; i++) body[i] = (uint8_t)(seed * 2654435761u >> (i % 24));
        return sotto_span(body, size);
    default: {                                    /* a list of the ledger or of validators: its items are single bytes */
        uint32_t items = size < 4 ? 0 : size - 4, head = items < 56 ? 1 : items < 256 ? 2 : items < 65536 ? 3 : 4;
        body[0] = (uint8_t)(head == 1 ? 0xc0 + items : 0xf7 + head - 1);
        for (uint32_t i = 1; i < head; i++) body[i] = (uint8_t)(items >> (8 * (head - 1 - i)));
        for (uint32_t i = 0; i < items; i++) body[head + i] = (uint8_t)((seed >> (i % 24)) & 0x7f);
        return sotto_span(body, head + items);
    }
    }
}

static void got(struct node *to, const struct sotto_rl_message *m)
{
    struct lane *lane = &lanes[to - n][m->channel];
    assert_true(lane->count > 0);
    struct wanted *w = &lane->list[lane->first];
    lane->first = (lane->first + 1) % WAIT_MAX;
    lane->count--;
    assert_int_equal(m->code, w->code);
    struct sotto_span want = make(w->code, w->size, w->seed);
    assert_int_equal(m->bytes.size, want.size);
    assert_memory_equal(m->bytes.data, want.data, want.size);
}

static bool send_one(unsigned from, struct sotto_rng *rng, uint32_t big)
{
    static const uint8_t codes[SOTTO_RL_CHANNELS] = { SOTTO_RL_NOTICE, SOTTO_RL_STEM_TX, 0x26, 0x42 };
    unsigned ch = (unsigned)sotto_rng_below(rng, SOTTO_RL_CHANNELS);
    struct lane *lane = &lanes[!from][ch];
    uint32_t size = sotto_rng_below(rng, 4) ? 1 + (uint32_t)sotto_rng_below(rng, 300) : 1 + (uint32_t)sotto_rng_below(rng, big);
    struct wanted w = { codes[ch], ch == 3 && size > 20000 ? 20000 : size, (uint32_t)sotto_rng_u64(rng) };
    if (lane->count == WAIT_MAX) return false;
    enum sotto_err err = sotto_rl_send(n[from].link, w.code, make(w.code, w.size, w.seed));
    assert_true(err == SOTTO_OK || err == SOTTO_ERR_FULL);
    if (err == SOTTO_OK) lane->list[(lane->first + lane->count++) % WAIT_MAX] = w;
    return err == SOTTO_OK;
}

static bool all_arrived(void)
{
    for (unsigned i = 0; i < 2; i++)
        for (unsigned ch = 0; ch < SOTTO_RL_CHANNELS; ch++)
            if (lanes[i][ch].count) return false;
    return true;
}

/* ---- the world ---- */

static void pass(uint64_t us)
{
    for (unsigned i = 0; i < 2; i++) n[i].now.mono_us += us, n[i].now.wall_ms += us / 1000;
}
static void begin(uint64_t seed, const struct sotto_rl_options *a, const struct sotto_rl_options *b, bool paced)
{
    memset(lanes, 0, sizeof lanes);
    node_key(&n[0], seed, "one end");
    node_key(&n[1], seed * 31 + 7, "the other");
    node_link(&n[0], &n[1], true, paced, a);
    node_link(&n[1], &n[0], false, paced, b);
    n[0].got = n[1].got = got;
}
static void check(unsigned run)
{
    for (unsigned i = 0; i < 2; i++) {
        struct sotto_rl_info info;
        sotto_rl_info(n[i].link, &info);
        test_rule(n[i].ends == 0, "nobody is refused", run);
        test_rule(n[i].budget.used <= 8u << 20, "open messages keep their bound", run);
        test_rule(info.cells_acked <= info.cells_out, "an ACK says what was sent", run);
        size_t most[SOTTO_RL_CHANNELS] = { SOTTO_RL_QUEUE_0, SOTTO_RL_QUEUE_1, SOTTO_RL_QUEUE_2, SOTTO_RL_QUEUE_3 };
        for (unsigned ch = 0; ch < SOTTO_RL_CHANNELS; ch++) test_rule(info.waiting[ch] <= most[ch], "queues keep their bound", run);
    }
}
/* Everything that is on the wire arrives, time passes from deadline to deadline until all is there. */
static void settle(unsigned run, bool paced)
{
    for (unsigned i = 0; i < 2; i++) {
        sotto_rl_room(n[i].link, SIZE_MAX);
        sotto_rl_flush(n[i].link, n[i].now);
    }
    for (unsigned round = 0; !all_arrived(); round++) {
        test_rule(round < 200000, "whatever waits leaves in the end", run);
        bool moved = false;
        for (unsigned i = 0; i < 2; i++)
            while (n[!i].paused_us <= n[!i].now.mono_us && node_carry(&n[i], &n[!i])) moved = true;
        if (paced) {
            pass(1000000);
            for (unsigned i = 0; i < 2; i++) moved = sotto_rl_slot(n[i].link, n[i].now) || moved;
        }
        if (moved) continue;
        uint64_t at = UINT64_MAX;
        for (unsigned i = 0; i < 2; i++) {
            uint64_t d = sotto_rl_deadline(n[i].link);
            if (d < at) at = d;
            if (n[i].paused_us > n[i].now.mono_us && n[i].paused_us < at) at = n[i].paused_us;
        }
        test_rule(at != UINT64_MAX && at >= n[0].now.mono_us, "somebody knows when it goes on", run);
        pass(at - n[0].now.mono_us);
        for (unsigned i = 0; i < 2; i++) sotto_rl_tick(n[i].link, n[i].now);
    }
    check(run);
}
static void finish(void)
{
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(n[i].budget.used, 0);
        node_end(&n[i]);
    }
}

static struct sotto_rl_options some_options(struct sotto_rng *rng)
{
    struct sotto_rl_options o = node_options();
    if (sotto_rng_below(rng, 2)) {
        o.has |= SOTTO_RL_HAS(3);
        o.cells_rate = 100 + (uint32_t)sotto_rng_below(rng, 2000);
        o.bytes_rate = 1000 + (uint32_t)sotto_rng_below(rng, 1u << 24);
        o.window = 1 + (uint32_t)sotto_rng_below(rng, 1u << 20);
    }
    if (sotto_rng_below(rng, 3) == 0) o.has |= SOTTO_RL_HAS(5), o.stem_class = 1, o.hop_ms = 4400;
    return o;
}

static void one_run(uint64_t seed, unsigned run)
{
    struct sotto_chacha_rng rng;
    sotto_rng_from_seed(&rng, seed, "link world");
    const struct sotto_rl_options a = some_options(&rng.rng), b = some_options(&rng.rng);
    begin(seed, &a, &b, false);
    unsigned steps = 50 + (unsigned)sotto_rng_below(&rng.rng, 300);
    for (unsigned k = 0; k < steps; k++) {
        unsigned i = (unsigned)sotto_rng_below(&rng.rng, 2);
        switch (sotto_rng_below(&rng.rng, 8)) {
        case 0: case 1: case 2: send_one(i, &rng.rng, BIG); break;
        case 3: sotto_rl_room(n[i].link, sotto_rng_below(&rng.rng, 20000)); break;        /* the line takes so much, and then nothing */
        case 4: sotto_rl_flush(n[i].link, n[i].now); break;
        case 5:                                   /* the reader takes a few */
            for (uint64_t c = sotto_rng_below(&rng.rng, 60); c > 0 && n[!i].paused_us <= n[!i].now.mono_us; c--)
                if (!node_carry(&n[i], &n[!i])) break;
            break;
        case 6:
            pass(sotto_rng_below(&rng.rng, 100000));
            sotto_rl_tick(n[i].link, n[i].now);
            break;
        default: (void)!sotto_rl_ping(n[i].link, n[i].now); break;
        }
        check(run);
    }
    settle(run, false);
    test_rule(n[0].ups == 1 && n[1].ups == 1, "both are up", run);
    finish();
}

static void test_world(void **state)
{
    (void)state;
    for (unsigned run = 0; run < 80; run++) one_run(test_seed() + run, run + 1);
}

/* Scheduled links: one L cell a slot, full or empty, and no other. */
static void test_paced(void **state)
{
    (void)state;
    struct sotto_rl_options o = node_options();
    o.has |= SOTTO_RL_HAS(5);
    o.stem_class = 1, o.hop_ms = 4400;
    struct sotto_chacha_rng rng;
    sotto_rng_from_seed(&rng, test_seed(), "paced");
    begin(test_seed(), &o, &o, true);
    for (unsigned i = 0; i < 2; i++)
        while (node_carry(&n[i], &n[!i])) { }
    for (unsigned i = 0; i < 2; i++)
        while (node_carry(&n[i], &n[!i])) { }
    assert_true(n[0].ups == 1 && n[1].ups == 1 && n[0].sizes[0] == 1 && n[0].sizes[1] == 0);
    for (unsigned slot = 0; slot < 600; slot++) {
        for (unsigned i = 0; i < 2; i++) {
            if (sotto_rng_below(&rng.rng, 3) == 0) send_one(i, &rng.rng, 1000);
            pass(2200000);
            sotto_rl_tick(n[i].link, n[i].now);
            size_t before = n[i].sizes[1];
            assert_true(sotto_rl_slot(n[i].link, n[i].now));
            assert_true(n[i].sizes[1] == before + 1 && n[i].sizes[0] == 1);
            while (node_carry(&n[i], &n[!i])) { }
        }
        check(slot);
    }
    settle(0, true);
    assert_int_equal(n[0].sizes[0], 1);           /* READY */
    finish();
}

/* More cells in one direction than one key seals, both classes of traffic beside each other. */
static void test_rekey(void **state)
{
    (void)state;
    struct sotto_rl_options o = node_options();
    o.has |= SOTTO_RL_HAS(3);
    o.cells_rate = 1000000, o.bytes_rate = 250u << 20, o.window = 4u << 20;
    begin(test_seed(), &o, &o, false);
    struct sotto_rl_info info = { 0 };
    unsigned seed = 0;
    while (info.cells_out < SOTTO_RL_REKEY + 5000) {
        struct lane *lane = &lanes[1][2], *back = &lanes[0][1];
        while (lane->count < 3) {
            const struct wanted w = { 0x26, 1000000, seed++ };
            assert_int_equal(sotto_rl_send(n[0].link, w.code, make(w.code, w.size, w.seed)), SOTTO_OK);
            lane->list[(lane->first + lane->count++) % WAIT_MAX] = w;
        }
        const struct wanted w = { SOTTO_RL_STEM_TX, 40, seed };
        assert_int_equal(sotto_rl_send(n[1].link, w.code, make(w.code, w.size, w.seed)), SOTTO_OK);
        back->list[(back->first + back->count++) % WAIT_MAX] = w;
        settle(seed, false);
        sotto_rl_info(n[0].link, &info);
    }
    assert_true(info.cells_out_class[SOTTO_RL_L] > SOTTO_RL_REKEY);
    finish();
}

/* The order of service under pressure: what is on channel 3 is there before what waited longer on the others. */
static void test_order(void **state)
{
    (void)state;
    const struct sotto_rl_options o = node_options();
    begin(test_seed(), &o, &o, false);
    for (unsigned i = 0; i < 2; i++)
        while (node_carry(&n[i], &n[!i])) { }
    for (unsigned i = 0; i < 2; i++)
        while (node_carry(&n[i], &n[!i])) { }
    static const uint8_t codes[] = { 0x26, SOTTO_RL_STEM_TX, SOTTO_RL_NOTICE, 0x42 }, service[] = { 0x42, SOTTO_RL_NOTICE, SOTTO_RL_STEM_TX, 0x26 };
    sotto_rl_room(n[0].link, 0);
    for (unsigned k = 0; k < 4; k++) {
        const struct wanted w = { codes[k], 900, k };
        struct lane *lane = &lanes[1][sotto_rl_channel(codes[k])];
        assert_int_equal(sotto_rl_send(n[0].link, w.code, make(w.code, w.size, w.seed)), SOTTO_OK);
        lane->list[lane->count++] = w;
    }
    unsigned came = 0;
    sotto_rl_room(n[0].link, SIZE_MAX);
    sotto_rl_flush(n[0].link, n[0].now);
    while (n[0].sent.count) {
        unsigned before = n[1].messages;
        assert_true(node_carry(&n[0], &n[1]));
        if (n[1].messages > before) assert_int_equal(n[1].last_code, service[(came += n[1].messages - before) - 1]);
    }
    assert_int_equal(came, 4);
    finish();
}

/* A message of channel 0 that is cut by a full line: the new credit, the answer and the ACK that come due meanwhile stay out of its middle. */
static void test_control_in_pieces(void **state)
{
    (void)state;
    static uint8_t peers[3 + 16 * 300];
    const struct sotto_rl_options o = node_options();
    begin(test_seed(), &o, &o, false);
    for (unsigned k = 0; k < 2; k++)
        for (unsigned i = 0; i < 2; i++)
            while (node_carry(&n[i], &n[!i])) { }
    memcpy(peers, "\xf9\x12\xc0", 3);            /* 16 lists of one string of 294 bytes */
    for (unsigned i = 0; i < 16; i++) memcpy(peers + 3 + 300 * i, "\xf9\x01\x29\xb9\x01\x26", 6);
    n[1].got = NULL;
    sotto_rl_room(n[0].link, SOTTO_RL_PAYLOAD_MAX);
    assert_int_equal(sotto_rl_send(n[0].link, SOTTO_RL_PEERS, SOTTO_SPAN(peers)), SOTTO_OK);
    sotto_rl_flush(n[0].link, n[0].now);
    assert_int_equal(n[0].sent.count, 1);
    pass(SOTTO_RL_ACK_US);
    assert_int_equal(sotto_rl_ping(n[1].link, n[1].now), SOTTO_OK);
    const struct wanted w = { SOTTO_RL_STEM_TX, 40000, 1 };
    assert_int_equal(sotto_rl_send(n[1].link, w.code, make(w.code, w.size, w.seed)), SOTTO_OK);
    lanes[0][1].list[lanes[0][1].count++] = w;
    sotto_rl_flush(n[1].link, n[1].now);
    while (node_carry(&n[1], &n[0])) { }
    sotto_rl_room(n[0].link, SIZE_MAX);
    sotto_rl_flush(n[0].link, n[0].now);
    while (node_carry(&n[0], &n[1])) { }
    assert_true(n[1].ends == 0 && n[1].messages == 1 && n[1].last_code == SOTTO_RL_PEERS);
    struct sotto_rl_info info;
    sotto_rl_info(n[1].link, &info);
    assert_true(info.rtt_us > 0 && info.cells_acked > 0);           /* and they have come behind it */
    finish();
}

/* Round trips, and what an idle link needs. */
static void test_ping_and_memory(void **state)
{
    (void)state;
    const struct sotto_rl_options o = node_options();
    begin(test_seed(), &o, &o, false);
    settle(0, false);
    for (unsigned k = 0; k < 3; k++)
        for (unsigned i = 0; i < 2; i++)
            while (node_carry(&n[i], &n[!i])) { }
    struct sotto_rl_info info;
    assert_int_equal(sotto_rl_ping(n[0].link, n[0].now), SOTTO_OK);
    assert_int_equal(sotto_rl_ping(n[0].link, n[0].now), SOTTO_ERR_AGAIN);
    pass(7000);
    assert_true(node_carry(&n[0], &n[1]));
    pass(5000);
    assert_true(node_carry(&n[1], &n[0]));
    sotto_rl_info(n[0].link, &info);
    assert_int_equal(info.rtt_us, 12000);
    assert_int_equal(sotto_rl_ping(n[0].link, n[0].now), SOTTO_ERR_AGAIN);
    pass(SOTTO_RL_PING_US);
    assert_int_equal(sotto_rl_ping(n[0].link, n[0].now), SOTTO_OK);
    /* that one is read late; the next may not be so soon that it is too many there, else no answer would ever come again */
    pass(6 * SOTTO_RL_PING_US);
    for (unsigned i = 0; i < 2; i++)
        while (node_carry(&n[i], &n[!i])) { }
    for (unsigned k = 0; k < 2; k++) {
        while (sotto_rl_ping(n[0].link, n[0].now) == SOTTO_ERR_AGAIN) pass(100000);
        for (unsigned i = 0; i < 2; i++)
            while (node_carry(&n[i], &n[!i])) { }
        sotto_rl_info(n[0].link, &info);
        assert_int_equal(info.rtt_us, 1);
    }
    assert_true(info.cells_in == n[1].sizes[0] && info.peer && info.peer->roles == o.roles && info.th);
    /* idle: the object itself; each of the four queues keeps 2 KiB at most after its first message, and nothing is open */
    size_t most = malloc_usable_size(n[0].link) + SOTTO_RL_CHANNELS * 2048;
    printf("an idle link: %zu bytes, %zu at most once all channels were used\n", malloc_usable_size(n[0].link), most);
    assert_true(most <= 24u << 10 && n[0].budget.used == 0);
    finish();
}

static int setup(void **state)
{
    (void)state;
    test_seed();
    return sotto_crypto_init() == SOTTO_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_world), cmocka_unit_test(test_paced), cmocka_unit_test(test_rekey), cmocka_unit_test(test_order), cmocka_unit_test(test_control_in_pieces),
        cmocka_unit_test(test_ping_and_memory),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
