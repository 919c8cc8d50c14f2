/* A network of whole nodes: cells from one to all. */
#include "relay/test/net_world.h"

/* The owner's note of CELL_SENT was lost with a commit: it submits the cell anew, and hears again that it has left. */
static void who_submits_a_sent_cell_hears_of_it_again(void **state)
{
    (void)state;
    begin();
    line_of(3);
    assert_int_equal(submit(2, 5), SOTTO_OK);
    pass(30 * SECOND);
    assert_int_equal(w.nodes[2].sent, 1);
    uint64_t before = stats_of(2).emitted;
    assert_int_equal(submit(2, 5), SOTTO_ERR_EXISTS);
    pass(SECOND);
    assert_int_equal(w.nodes[2].sent, 2);
    assert_int_equal(w.nodes[2].sent_id[1], 5);
    assert_int_equal(w.nodes[2].sent_expiry[1], w.nodes[2].sent_expiry[0]);
    pass(30 * SECOND);
    assert_int_equal(w.nodes[2].sent, 2);
    assert_int_equal(stats_of(2).emitted, before);
    assert_int_equal(w.nodes[0].delivered, 1);
}
/* A node that starts beside one other with a full pool has all of it within seconds (a thousand at once, then a hundred a second), and nobody is blamed
 * for bringing it. */
static void a_newcomer_gets_a_full_pool_at_once(void **state)
{
    (void)state;
    begin();
    line_of(2);
    struct sotto_pool *pool = (struct sotto_pool *)sotto_net_pool(w.nodes[0].net);
    uint8_t data[SOTTO_NATIVE_DATA] = { 0 };
    for (uint32_t i = 0; i < 3000; i++) {
        uint8_t bytes[SOTTO_NATIVE_RLP], hash[32];
        struct sotto_buf b = { bytes, 0, sizeof bytes, sizeof bytes };
        struct sotto_envelope e = { .expiry = (uint32_t)(now_of(0).wall_ms / 1000) + 1500, .ttl = SOTTO_NATIVE_TTL_S, .data = SOTTO_SPAN(data), .nonce = UINT64_C(1) << 60 };
        sotto_put_be32(data, i);
        sotto_put_be32(e.topic, i);
        while (sotto_envelope_zeros(&e) < w.config.work_bits) e.nonce++;
        assert_int_equal(sotto_envelope_encode(&b, &e), SOTTO_OK);
        assert_int_equal(sotto_envelope_decode(&e, sotto_buf_span(&b)), SOTTO_OK);
        sotto_envelope_hash(hash, sotto_buf_span(&b));
        struct sotto_pool_source source = { SOTTO_FROM_OUTBOUND, 1 };
        assert_int_equal(sotto_pool_add(pool, NULL, &e, sotto_buf_span(&b), sotto_pool_id(pool, hash), sotto_envelope_rating(&e, 0), source), SOTTO_OK);
    }
    start(2);
    dial(2, 0);
    pass(40 * SECOND);
    assert_int_equal(w.nodes[2].delivered, 3000);
    assert_int_equal(stats_of(2).quota, 0);
    assert_int_equal(w.nodes[2].peers, 1);
}
static void line(bool whisper_only)
{
    begin();
    w.config.whisper_only = whisper_only;
    line_of(5);
    assert_int_equal(submit(4, 77), SOTTO_OK);
    assert_int_equal(sotto_net_cell(w.nodes[4].net, 77), SOTTO_CELL_WORKING);
    assert_int_equal(submit(4, 77), SOTTO_ERR_EXISTS);
    pass(60 * SECOND);
    uint8_t sealed[SOTTO_SEALED_SIZE];
    sealed_of(sealed, 77);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(w.nodes[i].delivered, 1);
        assert_memory_equal(w.nodes[i].last, sealed, SOTTO_SEALED_SIZE);
        assert_int_equal(stats_of(i).accepted, 1);
        assert_int_equal(stats_of(i).forwarded, i == 0 ? 0 : 1);
    }
    assert_int_equal(w.nodes[4].delivered, 0);    /* own cells do not come back */
    assert_int_equal(w.nodes[4].sent, 1);
    assert_int_equal(w.nodes[4].sent_id[0], 77);
    assert_int_equal(sotto_net_cell(w.nodes[4].net, 77), SOTTO_CELL_SENT);
    assert_int_equal(sotto_net_outbox(w.nodes[4].net), 0);
    assert_int_equal(stats_of(4).emitted, 1);
    /* an envelope like all others: 1052 bytes, times on the grid */
    const struct sotto_pool_entry *e = sotto_pool_after(sotto_net_pool(w.nodes[0].net), 0);
    assert_int_equal(e->rlp.size, SOTTO_NATIVE_RLP);
    assert_int_equal(e->ttl, SOTTO_NATIVE_TTL_S);
    assert_int_equal(e->sent % SOTTO_NATIVE_GRID_S, 0);
    uint32_t now_s = (uint32_t)(w.now.wall_ms / 1000);
    assert_true(e->sent <= now_s && now_s - e->sent < 1200 + 60);
    assert_int_equal(w.nodes[4].sent_expiry[0], e->expiry);
    /* all copies expire, the sender is told once, nothing is left anywhere */
    pass(1900 * SECOND);
    assert_int_equal(w.nodes[4].expired, 1);
    assert_int_equal(w.nodes[4].expired_id[0], 77);
    assert_int_equal(sotto_net_cell(w.nodes[4].net, 77), SOTTO_CELL_UNKNOWN);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(stats_of(i).pool_count, 0);
        assert_int_equal(w.nodes[i].peers, i == 0 || i == 4 ? 1 : 2);          /* nobody cut anybody for it */
        assert_int_equal(stats_of(i).low_work + stats_of(i).malformed + stats_of(i).future, 0);
    }
}

static void a_line_delivers_to_all_once(void **state)
{
    (void)state;
    line(false);
}
static void a_line_of_plain_neighbours_too(void **state)
{
    (void)state;
    line(true);
}

static void mesh(bool whisper_only)
{
    begin();
    w.config.whisper_only = whisper_only;
    for (uint32_t i = 0; i < 6; i++) start(i);
    for (uint32_t i = 1; i < 6; i++)
        for (uint32_t k = 0; k < i; k++)
            if (i - k <= 3) dial(i, k);
    pass(3 * SECOND);
    for (uint64_t id = 1; id <= 40; id++) assert_int_equal(submit((uint32_t)(1 + id % 5), id), SOTTO_OK);
    pass(120 * SECOND);
    unsigned duplicates = 0;
    for (uint32_t i = 0; i < 6; i++) {
        unsigned own = 0;
        for (uint64_t id = 1; id <= 40; id++) own += (uint32_t)(1 + id % 5) == i;
        assert_int_equal(w.nodes[i].delivered, 40 - own);
        assert_int_equal(w.nodes[i].sent, own);
        assert_int_equal(stats_of(i).pool_count, 40);
        assert_int_equal(stats_of(i).accepted, 40 - own);
        duplicates += (unsigned)stats_of(i).duplicate;
    }
    assert_true((duplicates > 0) == whisper_only);        /* pushed they come and are recognised; announced nobody asks for a second one */
    for (uint32_t i = 0; i < 6; i++)              /* no more copies than links allow: none is sent back or twice */
        assert_true(stats_of(i).forwarded <= 40 * 6 && stats_of(i).duplicate <= 40 * 6);
}

static void a_mesh_suppresses_duplicates(void **state)
{
    (void)state;
    mesh(true);
}
static void a_mesh_of_links_has_none(void **state)
{
    (void)state;
    mesh(false);
}

static void a_restarted_node_gets_the_pool_again(void **state)
{
    (void)state;
    begin();
    line_of(3);
    for (uint64_t id = 1; id <= 20; id++) assert_int_equal(submit(2, id), SOTTO_OK);
    pass(60 * SECOND);
    assert_int_equal(w.nodes[0].delivered, 20);
    stop(0);
    w.nodes[0].delivered = 0;
    pass(20 * SECOND);
    assert_int_equal(w.nodes[1].peers, 1);
    start(0);
    pass(200 * SECOND);                           /* node 1 dials it again */
    assert_int_equal(w.nodes[0].peers, 1);
    assert_int_equal(w.nodes[0].delivered, 20);
    assert_int_equal(stats_of(0).pool_count, 20);
    assert_int_equal(w.nodes[2].sent, 20);
}

static void without_a_first_hop_cells_wait(void **state)
{
    (void)state;
    begin();
    start(0);
    assert_int_equal(submit(0, 1), SOTTO_OK);
    pass(60 * SECOND);
    assert_int_equal(sotto_net_cell(w.nodes[0].net, 1), SOTTO_CELL_WAITING);
    assert_int_equal(w.nodes[0].mines, 0);
    start(1);
    dial(1, 0);                                   /* somebody dials us: still no first hop */
    pass(60 * SECOND);
    assert_int_equal(w.nodes[0].peers, 1);
    assert_int_equal(sotto_net_cell(w.nodes[0].net, 1), SOTTO_CELL_WAITING);
    assert_int_equal(w.nodes[1].delivered, 0);
    start(2);
    dial(0, 2);
    pass(60 * SECOND);
    assert_int_equal(sotto_net_cell(w.nodes[0].net, 1), SOTTO_CELL_SENT);
    assert_int_equal(w.nodes[2].delivered, 1);
    assert_int_equal(w.nodes[1].delivered, 1);    /* once it is out it goes to all */
}

static void without_relay_plain_cells_wait(void **state)
{
    (void)state;
    begin();
    w.config.plain = false;
    w.config.whisper_only = true;
    line_of(2);
    assert_int_equal(submit(1, 1), SOTTO_OK);
    pass(300 * SECOND);
    assert_int_equal(sotto_net_cell(w.nodes[1].net, 1), SOTTO_CELL_WAITING);
    assert_int_equal(w.nodes[1].mines + w.nodes[0].delivered, 0);
}

static void the_outbox_is_bounded(void **state)
{
    (void)state;
    begin();
    start(0);
    for (uint64_t id = 0; id < 64; id++) assert_int_equal(submit(0, id), SOTTO_OK);
    assert_int_equal(submit(0, 64), SOTTO_ERR_FULL);
    assert_int_equal(sotto_net_outbox(w.nodes[0].net), 64);
    assert_int_equal(sotto_net_cancel(w.nodes[0].net, 5, &w.nodes[0].out), SOTTO_OK);
    assert_int_equal(sotto_net_cancel(w.nodes[0].net, 5, &w.nodes[0].out), SOTTO_ERR_MISSING);
    assert_int_equal(submit(0, 64), SOTTO_OK);
    start(1);
    dial(0, 1);
    pass(300 * SECOND);
    assert_int_equal(w.nodes[0].sent, 64);
    assert_int_equal(w.nodes[1].delivered, 64);
    for (unsigned i = 0; i < 64; i++) assert_true(w.nodes[0].sent_id[i] != 5);
    assert_int_equal(sotto_net_outbox(w.nodes[0].net), 0);
}

static void cancel_in_each_phase(void **state)
{
    (void)state;
    begin();
    line_of(2);
    struct node *n = &w.nodes[1];
    n->lazy_worker = true;
    assert_int_equal(submit(1, 1), SOTTO_OK);
    assert_int_equal(submit(1, 2), SOTTO_OK);
    assert_int_equal(sotto_net_cell(n->net, 1), SOTTO_CELL_WORKING);
    assert_int_equal(sotto_net_cell(n->net, 2), SOTTO_CELL_WAITING);          /* one at a time */
    uint64_t stale = n->mine_token;
    assert_int_equal(sotto_net_cancel(n->net, 1, &n->out), SOTTO_OK);
    carry_out(1);
    assert_int_equal(n->cancels, 1);
    assert_int_equal(sotto_net_cell(n->net, 1), SOTTO_CELL_UNKNOWN);
    struct sotto_in late = { .kind = SOTTO_IN_MINED, .token = stale, .value = UINT64_C(1) << 57 };
    step(1, &late);                               /* the worker was already done: nobody asks for it */
    pass(SECOND);
    assert_int_equal(sotto_net_cell(n->net, 2), SOTTO_CELL_WORKING);
    assert_int_equal(sotto_net_cancel(n->net, 2, &n->out), SOTTO_OK);
    carry_out(1);
    n->lazy_worker = false;
    assert_int_equal(submit(1, 3), SOTTO_OK);
    pass(WORK_US + 1);
    assert_int_equal(sotto_net_cell(n->net, 3), SOTTO_CELL_READY);
    assert_int_equal(sotto_net_cancel(n->net, 3, &n->out), SOTTO_OK);
    pass(60 * SECOND);
    assert_int_equal(w.nodes[0].delivered, 0);
    /* in the pool, but no first hop has it yet */
    unsigned caught = 0;
    for (uint64_t id = 10; id < 40; id++) {
        assert_int_equal(submit(1, id), SOTTO_OK);
        for (unsigned i = 0; i < 6000 && stats_of(1).pool_count == caught; i++) pass(10000);
        if (sotto_net_cell(n->net, id) != SOTTO_CELL_READY) {                 /* its flush was faster */
            caught = (unsigned)stats_of(1).pool_count;
            continue;
        }
        assert_int_equal(sotto_net_cancel(n->net, id, &n->out), SOTTO_OK);
        assert_int_equal(stats_of(1).pool_count, caught);
        pass(20 * SECOND);
        assert_int_equal(w.nodes[0].delivered, n->sent);
    }
    assert_true(n->sent < 30);
    assert_int_equal(submit(1, 99), SOTTO_OK);
    pass(60 * SECOND);
    assert_int_equal(sotto_net_cancel(n->net, 99, &n->out), SOTTO_ERR_MISSING);          /* sent */
    assert_int_equal(sotto_net_cancel(n->net, 12345, &n->out), SOTTO_ERR_MISSING);
}

/* Under 600 s of life left: made anew, with new times; never two envelopes of one cell. */
static void a_stale_envelope_is_mined_again(void **state)
{
    (void)state;
    begin();
    line_of(2);
    struct node *n = &w.nodes[1];
    assert_int_equal(submit(1, 1), SOTTO_OK);
    stop(0);                                      /* the first hop goes while the work is done */
    pass(5 * SECOND);
    assert_int_equal(sotto_net_cell(n->net, 1), SOTTO_CELL_READY);
    assert_int_equal(n->mines, 1);
    pass(1300 * SECOND);
    assert_int_equal(sotto_net_cell(n->net, 1), SOTTO_CELL_WAITING);
    assert_int_equal(stats_of(1).pool_count, 0);
    assert_int_equal(n->mines, 1);                /* not before there is somebody to send it to */
    start(0);
    pass(200 * SECOND);
    assert_int_equal(n->mines, 2);
    assert_int_equal(sotto_net_cell(n->net, 1), SOTTO_CELL_SENT);
    assert_int_equal(w.nodes[0].delivered, 1);
    assert_int_equal(stats_of(0).accepted, 1);
    assert_true(n->sent_expiry[0] >= w.now.wall_ms / 1000 + 600 - 200);
}

static void work_that_fails_is_asked_for_again(void **state)
{
    (void)state;
    begin();
    line_of(2);
    struct node *n = &w.nodes[1];
    n->failing_worker = true;
    assert_int_equal(submit(1, 1), SOTTO_OK);
    pass(10 * SECOND);
    assert_in_range(n->mines, 5, 11);             /* about once a second */
    n->failing_worker = false;
    pass(30 * SECOND);
    assert_int_equal(n->sent, 1);
    /* a nonce without the work is never used */
    n->lazy_worker = true;
    assert_int_equal(submit(1, 2), SOTTO_OK);
    unsigned before = n->mines;
    struct sotto_in lie = { .kind = SOTTO_IN_MINED, .token = n->mine_token, .value = 12 };
    step(1, &lie);
    assert_int_equal(sotto_net_cell(n->net, 2), SOTTO_CELL_WAITING);
    pass(2 * SECOND);
    assert_int_equal(n->mines, before + 1);
    lie.token = n->mine_token;
    lie.value = UINT64_C(1) << 57;
    while (sotto_work_zeros(SOTTO_SPAN(n->prefix), lie.value) >= w.config.work_bits) lie.value++;
    step(1, &lie);
    assert_int_equal(sotto_net_cell(n->net, 2), SOTTO_CELL_WAITING);
    pass(2 * SECOND);
    lie.token = n->mine_token;
    while (sotto_work_zeros(SOTTO_SPAN(n->prefix), lie.value) < w.config.work_bits) lie.value++;
    step(1, &lie);                                /* and an honest one is */
    assert_int_equal(sotto_net_cell(n->net, 2), SOTTO_CELL_READY);
    pass(30 * SECOND);
    assert_int_equal(n->sent, 2);
}

/* Already in the pool, but the first hop went before the flush: taken out again, made anew. */
static void a_stale_held_envelope_leaves_the_pool(void **state)
{
    (void)state;
    begin();
    w.config.flush_mean_us = 100000 * SECOND;
    line_of(2);
    struct node *n = &w.nodes[1];
    assert_int_equal(submit(1, 1), SOTTO_OK);
    pass(30 * SECOND);
    assert_int_equal(stats_of(1).pool_count, 1);
    assert_int_equal(sotto_net_cell(n->net, 1), SOTTO_CELL_READY);
    stop(0);
    for (unsigned i = 0; i < 130 && sotto_net_cell(n->net, 1) == SOTTO_CELL_READY; i++) pass(10 * SECOND);
    assert_int_equal(stats_of(1).pool_count, 0);  /* it would have lived for ten more minutes */
    assert_int_equal(sotto_net_cell(n->net, 1), SOTTO_CELL_WAITING);
    assert_int_equal(n->sent + n->expired, 0);
}

/* The share of a neighbour is used up: what it brings is not carried on, and read all the same. */
static void what_has_no_place_is_read(void **state)
{
    (void)state;
    begin();
    start(1);
    start(2);
    w.config.pool_entries_max = 40;               /* a tenth for who dialled us: four */
    start(0);
    dial(1, 0);
    dial(2, 0);
    pass(3 * SECOND);
    for (uint64_t id = 1; id <= 16; id++) assert_int_equal(submit(1, id), SOTTO_OK);
    pass(60 * SECOND);
    assert_int_equal(w.nodes[0].delivered, 16);
    assert_int_equal(stats_of(0).pool_count, 4);
    assert_true(stats_of(0).quota > 0);           /* the others took the place of one with less work */
    assert_in_range(w.nodes[2].delivered, 4, 16 - stats_of(0).quota);
    assert_int_equal(w.nodes[0].peers, 2);
}

/* The own pool gets crowded between work and emission: the envelope would no longer be good enough for it. */
static void a_risen_floor_asks_for_more_work(void **state)
{
    (void)state;
    begin();
    w.config.emit_mean_us = 20 * SECOND;
    start(0);
    w.config.pool_entries_max = 8;
    start(1);
    dial(1, 0);
    pass(3 * SECOND);
    w.nodes[1].exact_worker = true;
    for (uint64_t id = 1; id <= 8; id++) assert_int_equal(submit(1, id), SOTTO_OK);
    pass(500000);
    assert_int_equal(w.nodes[1].mines, 8);        /* all before the first seven fill seven eighths */
    pass(400 * SECOND);
    assert_in_range(w.nodes[1].mines, 9, 12);     /* it may rise once more while the last one waits */
    assert_int_equal(w.nodes[1].sent, 8);
    assert_int_equal(w.nodes[0].delivered, 8);
    const struct sotto_pool_entry *last = NULL, *e = sotto_pool_after(sotto_net_pool(w.nodes[1].net), 0);
    for (; e; e = sotto_pool_next(sotto_net_pool(w.nodes[1].net), e)) last = e;
    assert_true(last->rating >= 2 * sotto_rating(6, SOTTO_NATIVE_SHORT, SOTTO_NATIVE_TTL_S, 0));
}

static void cells_leave_in_order_at_the_moments_drawn(void **state)
{
    (void)state;
    uint64_t times[8];
    struct sotto_chacha_rng rng;
    sotto_rng_from_seed(&rng, test_seed(), "schedule");
    struct sotto_schedule s = sotto_schedule_make(SECOND / 2);
    for (unsigned round = 0; round < 200; round++) {
        uint64_t sum = 0, after = 0;
        for (unsigned i = 0; i < 8; i++) {
            times[i] = sotto_schedule_draw(&s, &rng.rng, 1000);
            assert_true(times[i] >= 1000);
            sum += times[i];
        }
        sotto_schedule_sort(times, round % 9);
        for (unsigned i = 1; i < round % 9; i++) assert_true(times[i - 1] <= times[i]);
        for (unsigned i = 0; i < 8; i++) after += times[i];
        assert_true(sum == after);
    }
    begin();
    line_of(2);
    for (uint64_t id = 1; id <= 30; id++) assert_int_equal(submit(1, id), SOTTO_OK);
    pass(60 * SECOND);
    assert_int_equal(w.nodes[1].sent, 30);
    uint64_t before = 0;
    const struct sotto_pool *pool = sotto_net_pool(w.nodes[1].net);
    for (const struct sotto_pool_entry *e = sotto_pool_after(pool, 0); e; e = sotto_pool_next(pool, e)) {
        uint8_t sealed[SOTTO_SEALED_SIZE];
        sealed_of(sealed, before + 1);
        assert_memory_equal(sealed, e->topic, 4);
        before++;
    }
    assert_int_equal(before, 30);
}

struct seen { unsigned count; uint32_t expiry; uint8_t last[SOTTO_SEALED_SIZE]; };
static void see(void *ctx, const uint8_t sealed[SOTTO_SEALED_SIZE], uint32_t expiry)
{
    struct seen *s = ctx;
    s->count++;
    s->expiry = expiry;
    memcpy(s->last, sealed, SOTTO_SEALED_SIZE);
}
static void replay_goes_through_the_pool(void **state)
{
    (void)state;
    begin();
    line_of(2);
    assert_int_equal(submit(1, 9), SOTTO_OK);
    pass(60 * SECOND);
    struct seen s = { 0 };
    sotto_net_replay(w.nodes[0].net, see, &s);
    uint8_t sealed[SOTTO_SEALED_SIZE];
    sealed_of(sealed, 9);
    assert_int_equal(s.count, 1);
    assert_memory_equal(s.last, sealed, SOTTO_SEALED_SIZE);
    assert_int_equal(s.expiry, w.nodes[1].sent_expiry[0]);
    s.count = 0;
    sotto_net_replay(w.nodes[1].net, see, &s);
    assert_int_equal(s.count, 0);                 /* its own */
}

/* Every queue to the world may be full: nothing is lost, it follows later. */
static void a_small_output_queue_loses_nothing(void **state)
{
    (void)state;
    begin();
    w.queue_max = 6;
    line_of(3);
    for (uint64_t id = 1; id <= 60; id++) assert_int_equal(submit(2, id), SOTTO_OK);
    pass(400 * SECOND);
    for (uint32_t i = 0; i < 2; i++) assert_int_equal(w.nodes[i].delivered, 60);
    assert_int_equal(w.nodes[2].sent, 60);
    pass(2000 * SECOND);
    assert_int_equal(w.nodes[2].expired, 60);
}

static void a_wrong_clock_stops_sending(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < 5; i++) start(i);
    w.skew_ms[4] = -1300 * 1000;                  /* node 4 lives in the past: all native envelopes come from its future */
    for (uint32_t i = 1; i < 4; i++) dial(i, 0);
    for (uint32_t i = 0; i < 4; i++) dial(4, i);
    pass(3 * SECOND);
    for (uint64_t id = 1; id <= 12; id++) assert_int_equal(submit(1 + (uint32_t)(id % 3), id), SOTTO_OK);
    pass(60 * SECOND);
    int off = sotto_net_clock_off(w.nodes[4].net);
    assert_true(off < -10 && off >= -1300);
    assert_true(stats_of(4).future > 0);
    assert_int_equal(w.nodes[4].peers, 4);        /* nobody is cut off for it */
    assert_int_equal(submit(4, 100), SOTTO_OK);
    pass(30 * SECOND);
    assert_int_equal(sotto_net_cell(w.nodes[4].net, 100), SOTTO_CELL_WAITING);
    w.skew_ms[4] = 0;                             /* set right: after five minutes without a complaint it sends */
    for (uint64_t id = 200; id <= 212; id++) assert_int_equal(submit(1 + (uint32_t)(id % 3), id), SOTTO_OK);
    pass(400 * SECOND);
    assert_int_equal(sotto_net_clock_off(w.nodes[4].net), 0);
    assert_int_equal(sotto_net_cell(w.nodes[4].net, 100), SOTTO_CELL_SENT);
}

static void slots_are_settings(void **state)
{
    (void)state;
    begin();
    w.config.slots = (struct sotto_net_slots){ true, 1, 8, 1 };
    for (uint32_t i = 0; i < 4; i++) start(i);
    for (uint32_t i = 1; i < 4; i++) dial(i, 0);
    pass(20 * SECOND);
    assert_int_equal(w.nodes[0].peers, 1);        /* two of three find no place */
    assert_int_equal(sotto_host_add(sotto_net_host(w.nodes[1].net), &w.nodes[2].enode, now_of(1), &w.nodes[1].out), SOTTO_ERR_FULL);
}

static void times_lie_on_the_grid(void **state)
{
    (void)state;
    struct sotto_envelope e = { 0 };
    outbox_times(&e, 1767225999, 599);            /* the published case of the design */
    assert_int_equal(e.expiry, 1767226800);
    assert_int_equal(e.ttl, 1800);
    for (uint32_t now = 1767225600; now < 1767225600 + 1300; now += 7) {
        for (uint32_t blur = 0; blur < 600; blur += 13) {
            outbox_times(&e, now, blur);
            uint32_t sent = sotto_envelope_sent(&e);
            assert_true(sent % 600 == 0 && sent <= now && now - sent < 1200);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_submits_a_sent_cell_hears_of_it_again), TEST(a_newcomer_gets_a_full_pool_at_once),
        TEST(a_line_delivers_to_all_once), TEST(a_line_of_plain_neighbours_too), TEST(a_mesh_suppresses_duplicates),
        TEST(a_mesh_of_links_has_none), TEST(a_restarted_node_gets_the_pool_again), TEST(without_a_first_hop_cells_wait),
        TEST(without_relay_plain_cells_wait), TEST(the_outbox_is_bounded), TEST(cancel_in_each_phase), TEST(a_stale_envelope_is_mined_again), TEST(a_stale_held_envelope_leaves_the_pool),
        TEST(work_that_fails_is_asked_for_again), TEST(a_risen_floor_asks_for_more_work), TEST(what_has_no_place_is_read), TEST(cells_leave_in_order_at_the_moments_drawn),
        TEST(replay_goes_through_the_pool), TEST(a_small_output_queue_loses_nothing), TEST(a_wrong_clock_stops_sending), TEST(slots_are_settings),
        cmocka_unit_test(times_lie_on_the_grid),
    };
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
