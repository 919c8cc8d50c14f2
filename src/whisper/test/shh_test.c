/* Status, packets, acceptance, forwarding, limits. */
#include "whisper/test/shh_world.h"

/* ---- Status ---- */
static void status_is_sent_first_and_expected_in_10_s(void **state)
{
    (void)state;
    begin(NULL);
    fake_up(&f, 1, true);
    assert_int_equal(f.host.sent_count, 1);
    assert_int_equal(f.host.sent[0].code, SOTTO_SHH_STATUS);
    assert_int_equal(sotto_shh_deadline(f.shh), f.now.mono_us + SOTTO_SHH_STATUS_US);
    fake_pass(&f, SOTTO_SHH_STATUS_US - 1);
    assert_true(f.host.peers[1].up);
    fake_pass(&f, 1);
    is_cut(1);
    assert_int_equal(f.host.peers[1].score, 10);
    assert_true(sotto_shh_deadline(f.shh) == UINT64_MAX);
}
static void tolerated_status(void **state)
{
    (void)state;
    static const char *const good[] = {
        "c106",                                                       /* the version alone */
        "c3068080", "c406808080", "c50680808001",
        "cc06883fc999999999999a8080",
        "cf06893fc999999999999a00" "80" "80" "01" "02",               /* pow of 9 bytes counts as absent; more elements are ignored */
        "c706c2010280" "8080",                                        /* pow a list */
        "c60680c2010280",                                             /* bloom a list */
        "c4068080" "07",                                              /* light of 7 */
        "ca068880000000000000000000",                                 /* -0.0, and bytes after the list */
    };
    begin(NULL);
    for (uint32_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        fake_up(&f, i, true);
        send_hex(i, SOTTO_SHH_STATUS, good[i]);
        if (!f.host.peers[i].up) fail_msg("refused: %s", good[i]);
        fake_pass(&f, SOTTO_SHH_STATUS_US);
        assert_true(f.host.peers[i].up);
        send_hex(i, SOTTO_SHH_STATUS, "c105");                        /* a later one is ignored, whatever it says */
        send_hex(i, SOTTO_SHH_STATUS, "b8");
        assert_true(f.host.peers[i].up);
    }
}
static void refused_status(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "c0", "80", "06", "c105", "c107", "c1c0", "c3820006", "c6",
        "ca06887ff8000000000000" /* NaN */, "ca06887ff0000000000000" /* infinite */, "ca0688bff0000000000000" /* negative */, "ca0688fff0000000000000",
        "cd06808a00000000000000000000" /* bloom of 10 bytes */,
    };
    begin(NULL);
    for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fake_up(&f, i, false);
        send_hex(i, SOTTO_SHH_STATUS, bad[i]);
        if (f.host.peers[i].up) fail_msg("accepted: %s", bad[i]);
        is_cut(i);
    }
    static const unsigned codes[] = { 1, 2, 3, 4, 126, 127 };         /* anything before it, known or not */
    for (uint32_t i = 0; i < 6; i++) {
        fake_up(&f, 40 + i, false);
        send_hex(40 + i, codes[i], "c0");
        is_cut(40 + i);
    }
}

/* ---- updates ---- */
static void pow_and_bloom_updates(void **state)
{
    (void)state;
    static const char *const bad_pow[] = { "", "c0", "c180", "00", "8200ff", "89010000000000000000", "887ff8000000000000", "887ff0000000000000", "88bff0000000000000" };
    begin(NULL);
    for (uint32_t i = 0; i < sizeof bad_pow / sizeof bad_pow[0]; i++) {
        fake_ready(&f, i, true);
        send_hex(i, SOTTO_SHH_POW, bad_pow[i]);
        if (f.host.peers[i].up) fail_msg("accepted: %s", bad_pow[i]);
        is_cut(i);
    }
    uint8_t bloom[70] = { 0xb8, 0x40 };
    fake_ready(&f, 20, true);
    fake_message(&f, 20, SOTTO_SHH_BLOOM, sotto_span(bloom, 66));
    fake_message(&f, 20, SOTTO_SHH_BLOOM, sotto_span(bloom, 68));     /* bytes after it are ignored */
    send_hex(20, SOTTO_SHH_POW, "80");
    send_hex(20, SOTTO_SHH_POW, "888000000000000000");                /* -0.0 */
    send_hex(20, 4, "ff");
    send_hex(20, 126, "c0");
    send_hex(20, 127, "ff");
    assert_true(f.host.peers[20].up);
    fake_ready(&f, 30, true);
    send_hex(30, SOTTO_SHH_BLOOM, "80");
    is_cut(30);
    fake_ready(&f, 31, true);
    send_hex(31, SOTTO_SHH_BLOOM, "c0");
    is_cut(31);
}
static void bloom_of_other_sizes(void **state)
{
    (void)state;
    begin(NULL);
    for (uint8_t size = 63; size <= 65; size++) {
        uint8_t bloom[70] = { 0xb8, size };
        fake_ready(&f, size - 60u, true);
        fake_message(&f, size - 60u, SOTTO_SHH_BLOOM, sotto_span(bloom, 2u + size));
        assert_int_equal(f.host.peers[size - 60u].up, size == 64);
    }
}

/* ---- Messages that do not decode: nothing of them is taken ---- */
static void malformed_packets_take_nothing(void **state)
{
    (void)state;
    static const char *const spoilers[] = {
        "80", "c0", "00", "ca" "01" "01" "8400000000" "82aabb", "cc" "01" "01" "8400000000" "82aabb" "01" "01", "ca" "01" "01" "83000000" "82aabb" "01",
        "cc" "01" "01" "850000000000" "82aabb" "01", "cc" "8101" "01" "8400000000" "82aabb" "01", "cb" "01" "01" "8400000000" "82aabb" "00", "c5", "ff",
    };
    begin(NULL);
    for (uint32_t i = 0; i < sizeof spoilers / sizeof spoilers[0]; i++) {
        struct sotto_buf b = sotto_buf_make(4096);
        struct fake_envelope e = any((uint8_t)i);
        uint8_t bytes[64];
        size_t size = strlen(spoilers[i]) / 2;
        fake_seal(&b, &e);                        /* a good one in front */
        assert_int_equal(sotto_unhex(bytes, size, sotto_span_str(spoilers[i])), SOTTO_OK);
        assert_int_equal(sotto_buf_add(&b, bytes, size), SOTTO_OK);
        fake_ready(&f, i, false);
        send_items(i, sotto_buf_span(&b));
        sotto_buf_free(&b);
        is_cut(i);
        assert_int_equal(sotto_pool_count(f.pool), 0);
        assert_int_equal(stats()->malformed, i + 1);
    }
    fake_ready(&f, 40, false);
    send_hex(40, SOTTO_SHH_MESSAGES, "80");       /* not a list */
    is_cut(40);
    fake_ready(&f, 41, false);
    send_hex(41, SOTTO_SHH_MESSAGES, "c0");       /* an empty one is fine, with bytes after it as well */
    send_hex(41, SOTTO_SHH_MESSAGES, "c0ff");
    assert_true(f.host.peers[41].up);
    assert_int_equal(stats()->accepted, 0);
}

/* ---- acceptance ---- */
static void each_refusal_has_its_answer(void **state)
{
    (void)state;
    begin(NULL);
    fake_ready(&f, 1, false);
    struct fake_envelope e = any(1);
    send_one(1, &e);
    send_one(1, &e);
    assert_int_equal(stats()->accepted, 1);
    assert_int_equal(stats()->duplicate, 1);
    e = any(2);
    e.expiry = fake_now_s(&f) + 61;               /* 11 s ahead */
    send_one(1, &e);
    e.expiry = fake_now_s(&f) - 1;
    send_one(1, &e);
    e.expiry = fake_now_s(&f) - 1000;
    send_one(1, &e);
    assert_int_equal(stats()->future, 1);
    assert_int_equal(stats()->expired, 2);
    e = any(3);
    e.ttl = 0;
    e.expiry = fake_now_s(&f);
    send_one(1, &e);
    e.ttl = 86401;
    send_one(1, &e);
    e.ttl = UINT32_MAX;                           /* wraps to a moment ahead */
    e.expiry = fake_now_s(&f) + 5;
    send_one(1, &e);
    assert_int_equal(stats()->ttl, 3);
    assert_true(f.host.peers[1].up);              /* all of these cost nothing */
    assert_int_equal(f.host.peers[1].score, 0);
    assert_int_equal(sotto_pool_count(f.pool), 1);
    e = any(4);
    e.expiry = fake_now_s(&f);                    /* the very second of expiry */
    send_one(1, &e);
    assert_int_equal(stats()->accepted, 2);
    /* too little work: the rest of the packet still counts, then the peer is cut */
    struct sotto_buf b = sotto_buf_make(1 << 20);
    e = any(5);
    e.ttl = 3600;
    e.expiry = fake_now_s(&f) + 3500;
    fake_seal(&b, &e);
    e = any(6);
    fake_seal(&b, &e);
    send_items(1, sotto_buf_span(&b));
    sotto_buf_free(&b);
    is_cut(1);
    assert_int_equal(f.host.peers[1].score, 5);
    assert_int_equal(stats()->low_work, 1);
    assert_int_equal(stats()->accepted, 3);
    /* larger than a megabyte: only a packet above 1 MiB can hold it */
    fake_ready(&f, 2, true);
    e = any(7);
    e.data_size = (1 << 20) - 19;
    e.bits = 0;
    send_one(2, &e);
    is_cut(2);
    assert_int_equal(stats()->size, 1);
    e.data_size = (1 << 20) - 20;
    e.bits = 0;
    fake_ready(&f, 3, true);
    send_one(3, &e);                              /* within the size, refused for its work */
    assert_int_equal(stats()->size, 1);
    assert_int_equal(stats()->low_work, 2);
}
static void filters_and_their_grace(void **state)
{
    (void)state;
    begin(NULL);
    for (uint32_t p = 1; p < 5; p++) fake_ready(&f, p, false);
    struct sotto_bloom wide, narrow;
    uint8_t topic[4] = { 0x11, 0x22, 0x33, 0x04 }, other[4] = { 0x99, 0x98, 0x97, 0x00 };
    sotto_bloom_topic(&narrow, other);
    wide = narrow;
    struct sotto_bloom mine;
    sotto_bloom_topic(&mine, topic);
    sotto_bloom_join(&wide, &mine);
    sotto_shh_enter(f.shh, &f.out);
    sotto_shh_filter(f.shh, &narrow, f.now);
    sotto_shh_enter(f.shh, NULL);
    assert_non_null(fake_last(&f, 1, SOTTO_SHH_BLOOM));
    struct fake_envelope e = any(1);
    fake_pass(&f, 9999999);
    send_one(1, &e);                              /* "everything" is tolerated for 10 s */
    assert_int_equal(stats()->accepted, 1);
    fake_pass(&f, 1);
    e = any(2);
    send_one(1, &e);
    is_cut(1);
    assert_int_equal(stats()->bloom, 1);
    sotto_shh_enter(f.shh, &f.out);
    sotto_shh_filter(f.shh, &wide, f.now);
    sotto_shh_filter(f.shh, &narrow, f.now);      /* two changes at once: what either allowed is tolerated */
    sotto_shh_enter(f.shh, NULL);
    e = any(3);
    send_one(2, &e);
    assert_true(f.host.peers[2].up);
    assert_int_equal(stats()->accepted, 2);
    fake_up(&f, 9, false);                        /* Status now carries 64 bytes */
    assert_int_equal(fake_last(&f, 9, SOTTO_SHH_STATUS)->payload.size, 79);
}
static void a_higher_floor_has_grace(void **state)
{
    (void)state;
    struct sotto_pool_config small = { 64 << 20, 4, 0.2, NULL };
    begin(&small);
    for (uint32_t p = 1; p < 7; p++) fake_ready(&f, p, false);
    fake_forget(&f);
    struct fake_envelope e;
    for (uint8_t i = 0; i < 4; i++) {
        e = any(i);
        e.data_size = SOTTO_NATIVE_DATA;          /* natives: no topic quota */
        e.bits = 16;
        send_one(i + 1u, &e);
    }
    assert_true(sotto_pool_floor(f.pool) == 0.4);
    const struct fake_packet *told = fake_last(&f, 3, SOTTO_SHH_POW);
    assert_non_null(told);
    assert_memory_equal(told->payload.data, ((const uint8_t[]){ 0x88, 0x3f, 0xd9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a }), 9);
    /* an envelope between 0.2 and 0.4: len(short) 1043 - 1 for the short ttl, so 2^14 / 1042 / 50 = 0.31 */
    fake_pass(&f, 9000000);
    e = any(50);
    e.data_size = SOTTO_NATIVE_DATA;
    for (uint8_t fill = 50;; fill++) {            /* exactly 14 bits: search luck may give more */
        struct sotto_buf b = sotto_buf_make(4096);
        struct sotto_envelope in;
        e.fill = fill;
        e.bits = 14;
        fake_seal(&b, &e);
        assert_int_equal(sotto_envelope_decode(&in, sotto_buf_span(&b)), SOTTO_OK);
        unsigned zeros = sotto_envelope_zeros(&in);
        sotto_buf_free(&b);
        if (zeros == 14) break;
    }
    uint64_t low = stats()->low_work;
    send_one(5, &e);
    assert_int_equal(stats()->low_work, low);
    assert_true(f.host.peers[5].up);
    fake_pass(&f, 1000000);
    send_one(6, &e);
    assert_int_equal(stats()->low_work, low + 1);
    is_cut(6);
}
static void time_errors_make_a_peer_rest(void **state)
{
    (void)state;
    begin(NULL);
    fake_ready(&f, 1, true);
    struct fake_envelope e = any(1);
    e.expiry = fake_now_s(&f) + 500;
    for (unsigned i = 0; i < SOTTO_SHH_TIME_ERRORS_MAX; i++) send_one(1, &e);
    assert_int_equal(f.host.peers[1].paused_until_us, 0);
    send_one(1, &e);
    assert_int_equal(f.host.peers[1].paused_until_us, f.now.mono_us + SOTTO_SHH_TIME_REST_US);
    assert_true(f.host.peers[1].up);
}
static void quotas_are_counted(void **state)
{
    (void)state;
    struct sotto_pool_config small = { 64 << 20, 20, 0.2, NULL };
    begin(&small);
    fake_ready(&f, 1, true);
    for (uint8_t i = 0; i < 4; i++) {
        struct fake_envelope e = any(i);
        e.topic[0] = i;
        send_one(1, &e);
    }
    assert_true(stats()->quota >= 1 && stats()->accepted + stats()->quota == 4);
    assert_int_equal(sotto_pool_count(f.pool), 2);                    /* 10 % of 20 */
    assert_true(f.host.peers[1].up);
}
/* Its owner hears of every good one before the next one of the same packet can push it out, and of those that have no place, too. */
static void each_arrival_is_told_at_once(void **state)
{
    (void)state;
    struct sotto_pool_config small = { 64 << 20, 20, 0.2, NULL };
    struct sotto_buf b = sotto_buf_make(1 << 20);
    begin(&small);
    fake_ready(&f, 1, true);
    for (uint8_t i = 0; i < 6; i++) {
        struct fake_envelope e = any(i);
        e.topic[0] = i;
        e.bits = i < 2 ? 12 : i < 4 ? 20 : 12;      /* two, two that push them out, two that have no place */
        fake_seal(&b, &e);
    }
    send_items(1, sotto_buf_span(&b));
    sotto_buf_free(&b);
    assert_int_equal(f.arrived, 6);
    for (uint8_t i = 0; i < 6; i++) {
        assert_int_equal(f.arrivals[i].topic, i);
        assert_int_equal(f.arrivals[i].count, i == 0 ? 1 : 2);
        assert_int_equal(f.arrivals[i].kept, i < 4);
    }
    assert_int_equal(stats()->quota, 2);
    assert_int_equal(sotto_pool_evicted(f.pool), 2);
}

/* ---- the rate ---- */
static void send_many(uint32_t peer, unsigned count, uint32_t *serial)
{
    struct sotto_buf b = sotto_buf_make(32u << 20);
    for (unsigned i = 0; i < count; i++, ++*serial) {
        struct fake_envelope e = { fake_now_s(&f) + 86000, 86400, SOTTO_NATIVE_DATA, { 0 }, 0, 0 };
        sotto_put_be32(e.topic, *serial);
        fake_seal(&b, &e);
    }
    send_items(peer, sotto_buf_span(&b));
    sotto_buf_free(&b);
}
static void unpaid_envelopes_wait_with_the_peer_at_rest(void **state)
{
    (void)state;
    struct sotto_pool_config easy = { 64 << 20, 65536, 0, NULL };
    begin(&easy);
    fake_ready(&f, 1, true);
    uint32_t serial = 0;
    send_many(1, 400, &serial);
    assert_int_equal(stats()->accepted, 400);
    assert_int_equal(f.host.peers[1].paused_until_us, 0);
    send_many(1, 100, &serial);
    assert_int_equal(stats()->accepted, 400);
    assert_int_equal(f.host.peers[1].paused_until_us, f.now.mono_us + 5000000);      /* 100 at 20 a second */
    fake_pass(&f, 1000000);
    assert_int_equal(stats()->accepted, 420);
    send_hex(1, SOTTO_SHH_POW, "80");             /* other packets are not held up */
    send_many(1, 20, &serial);                    /* what was already on its way queues behind */
    fake_pass(&f, 4999999);
    assert_int_equal(stats()->accepted, 500);
    fake_pass(&f, 1);
    assert_int_equal(stats()->accepted, 520);
    assert_int_equal(stats()->quota, 0);
    fake_pass(&f, 30000000);
    assert_true(sotto_shh_deadline(f.shh) == UINT64_MAX);
    assert_int_equal(f.host.peers[1].score, 0);
}
static void another_rate(void **state)
{
    (void)state;
    struct sotto_pool_config easy = { 64 << 20, 65536, 0, NULL };
    fake_init_rate(&f, test_seed(), &easy, 50);
    fake_ready(&f, 1, true);
    fake_up(&f, 2, true);
    send_hex(2, SOTTO_SHH_STATUS, "c106");
    uint32_t serial = 0;
    send_many(1, 1100, &serial);
    assert_int_equal(stats()->accepted, 1000);    /* 20 s of it at once */
    assert_int_equal(f.host.peers[1].paused_until_us, f.now.mono_us + 2000000);      /* the rest at 50 a second */
    fake_pass(&f, 1000000);
    assert_int_equal(stats()->accepted, 1050);
    fake_pass(&f, 1000000);
    assert_int_equal(stats()->accepted, 1100);
    fake_pass(&f, 60000000);
    assert_int_equal(got(2), 1100);               /* and out again as fast as it came */
}
static void too_much_is_dropped_and_the_third_time_ends_it(void **state)
{
    (void)state;
    struct sotto_pool_config easy = { 64 << 20, 65536, 0, NULL };
    begin(&easy);
    fake_ready(&f, 1, true);
    uint32_t serial = 0;
    send_many(1, 1000, &serial);
    fake_pass(&f, 10000000);
    assert_int_equal(stats()->accepted, 600);     /* the burst, and 10 s of 20 */
    assert_int_equal(stats()->quota, 400);
    assert_true(f.host.peers[1].up);
    send_many(1, 500, &serial);
    fake_pass(&f, 10000000);
    assert_int_equal(stats()->accepted, 800);
    assert_true(f.host.peers[1].up);
    send_many(1, 500, &serial);
    fake_pass(&f, 9999999);
    assert_true(f.host.peers[1].up);
    fake_pass(&f, 1);
    is_cut(1);
    assert_int_equal(f.host.peers[1].score, 10);
    assert_int_equal(sotto_pool_count(f.pool), 1000);                 /* what it paid for stays */
    /* three times, but not within five minutes */
    fake_ready(&f, 2, true);
    for (unsigned i = 0; i < 4; i++) {
        send_many(2, 1000, &serial);
        fake_pass(&f, 160000000);
        assert_true(f.host.peers[2].up);
    }
}

static void what_waits_is_bounded_over_all_peers(void **state)
{
    (void)state;
    struct sotto_pool_config easy = { 64 << 20, 65536, 0, NULL };
    begin(&easy);
    uint32_t serial = 0;
    for (uint32_t p = 1; p <= 4; p++) {
        fake_ready(&f, p, true);
        send_many(p, 9000, &serial);              /* some 9 MB each, 400 of them paid */
        assert_int_equal(stats()->quota, p < 4 ? 0 : 8600);
    }
    assert_int_equal(stats()->accepted, 1600);
    fake_down(&f, 1);                             /* one that goes gives its part back */
    fake_ready(&f, 5, true);
    send_many(5, 9000, &serial);
    assert_int_equal(stats()->quota, 8600);
}

/* ---- forwarding ---- */
static void news_go_out_in_random_flushes_best_first(void **state)
{
    (void)state;
    begin(NULL);
    fake_ready(&f, 1, false);
    fake_ready(&f, 2, true);
    fake_ready(&f, 3, true);
    fake_forget(&f);
    struct sotto_buf b = sotto_buf_make(1 << 20);
    for (uint8_t i = 0; i < 8; i++) {
        struct fake_envelope e = any(i);
        e.ttl = 41u + i * 3u;                     /* various ratings */
        e.topic[0] = i;
        fake_seal(&b, &e);
    }
    send_items(1, sotto_buf_span(&b));
    sotto_buf_free(&b);
    assert_int_equal(stats()->accepted, 8);
    assert_int_equal(f.host.sent_count, 0);       /* never at once */
    fake_pass(&f, 15000000);
    assert_int_equal(got(1), 0);                  /* nothing comes back */
    assert_int_equal(got(2), 8);
    assert_int_equal(got(3), 8);
    const struct fake_packet *p = fake_last(&f, 2, SOTTO_SHH_MESSAGES);
    struct sotto_rlp top = sotto_rlp(sotto_buf_span(&p->payload)), list;
    assert_int_equal(sotto_rlp_list(&top, &list), SOTTO_OK);
    double before = INFINITY;
    while (sotto_rlp_more(&list)) {
        struct sotto_span item;
        struct sotto_envelope e;
        assert_int_equal(sotto_rlp_raw(&list, &item), SOTTO_OK);
        assert_int_equal(sotto_envelope_decode(&e, item), SOTTO_OK);
        assert_true(sotto_envelope_rating(&e, 0) <= before);
        before = sotto_envelope_rating(&e, 0);
    }
    fake_pass(&f, 3000000);
    assert_int_equal(got(2), 8);                  /* and never twice */
    assert_int_equal(stats()->forwarded, 16);
    assert_true(sotto_shh_deadline(f.shh) == UINT64_MAX);             /* an idle node sleeps */
    /* who comes later gets all of it, after its Status */
    fake_up(&f, 4, true);
    fake_pass(&f, 2000000);
    assert_int_equal(got(4), 0);
    send_hex(4, SOTTO_SHH_STATUS, "c106");
    fake_pass(&f, 15000000);
    assert_int_equal(got(4), 8);
}
static void flush_waits_are_exponential(void **state)
{
    (void)state;
    begin(NULL);
    double sum = 0;
    unsigned rounds = 600, above = 0;
    for (unsigned i = 0; i < rounds; i++) {
        fake_ready(&f, 1, true);
        uint64_t from = f.now.mono_us, at = sotto_shh_deadline(f.shh);
        assert_true(at >= from && at != UINT64_MAX);
        sum += (double)(at - from);
        above += at - from > 1000000;
        fake_down(&f, 1);
        fake_forget(&f);
    }
    assert_true(sum / rounds > 800000 && sum / rounds < 1200000);     /* mean 1 s; five standard deviations */
    assert_in_range(above, rounds * 27 / 100, rounds * 47 / 100);     /* e^-1 of them longer than the mean */
}
static void wishes_of_the_peer_hold_back_and_let_go(void **state)
{
    (void)state;
    begin(NULL);
    fake_ready(&f, 1, false);
    fake_up(&f, 2, true);
    send_hex(2, SOTTO_SHH_STATUS, "ca0688408f400000000000");          /* wants 1000 */
    uint8_t bloom[66] = { 0xb8, 0x40 };
    fake_ready(&f, 3, true);
    fake_message(&f, 3, SOTTO_SHH_BLOOM, SOTTO_SPAN(bloom));          /* wants nothing at all */
    struct fake_envelope e = any(1);
    send_one(1, &e);
    fake_pass(&f, 20000000);
    assert_int_equal(got(2), 0);
    assert_int_equal(got(3), 0);
    send_hex(2, SOTTO_SHH_POW, "80");
    struct sotto_bloom mine;
    sotto_bloom_topic(&mine, e.topic);
    memcpy(bloom + 2, mine.b, 64);
    fake_message(&f, 3, SOTTO_SHH_BLOOM, SOTTO_SPAN(bloom));
    fake_pass(&f, 15000000);
    assert_int_equal(got(2), 1);
    assert_int_equal(got(3), 1);
    send_hex(2, SOTTO_SHH_POW, "80");             /* the pool is looked through again, what it has does not come again */
    fake_pass(&f, 3000000);
    assert_int_equal(got(2), 1);
}
static void margins_of_time(void **state)
{
    (void)state;
    begin(NULL);
    fake_ready(&f, 1, false);
    fake_ready(&f, 2, true);
    struct fake_envelope e = any(1);
    e.expiry = fake_now_s(&f) + 50 + 10;          /* 10 s ahead: taken, but not passed on until 5 s ahead */
    send_one(1, &e);
    assert_int_equal(stats()->accepted, 1);
    fake_pass(&f, 4990000);
    assert_int_equal(got(2), 0);
    fake_pass(&f, 20000000);
    assert_int_equal(got(2), 1);
    e = any(2);
    e.expiry = fake_now_s(&f) + 1;                /* a second to live: kept, never passed on */
    send_one(1, &e);
    assert_int_equal(stats()->accepted, 2);
    fake_pass(&f, 10000000);
    assert_int_equal(got(2), 1);
    assert_int_equal(sotto_pool_count(f.pool), 1);
}
static void packets_stay_below_a_megabyte(void **state)
{
    (void)state;
    struct sotto_pool_config easy = { 64 << 20, 65536, 0, NULL };
    begin(&easy);
    fake_ready(&f, 1, false);
    for (uint8_t i = 0; i < 6; i++) {
        struct fake_envelope e = { fake_now_s(&f) + 1000, 1000, 300000, { i }, i, 12 };
        send_one(1, &e);
    }
    struct fake_envelope huge = { fake_now_s(&f) + 1000, 1000, (1 << 20) - 20, { 9 }, 9, 12 };
    send_one(1, &huge);                           /* allowed, but with its list head no packet below 1 MiB can carry it */
    assert_int_equal(stats()->accepted, 7);
    fake_up(&f, 2, true);
    send_hex(2, SOTTO_SHH_STATUS, "c106");
    fake_pass(&f, 20000000);
    assert_int_equal(got(2), 6);
    unsigned packets = 0;
    for (unsigned i = 0; i < f.host.sent_count; i++) packets += f.host.sent[i].peer == 2 && f.host.sent[i].code == SOTTO_SHH_MESSAGES;
    assert_int_equal(packets, 2);
}
static void we_keep_to_the_rate_ourselves(void **state)
{
    (void)state;
    struct sotto_pool_config easy = { 64 << 20, 65536, 0, NULL };
    begin(&easy);
    uint32_t serial = 0;
    for (uint32_t p = 1; p < 5; p++) {
        fake_ready(&f, p, false);
        send_many(p, 300, &serial);
    }
    assert_int_equal(stats()->accepted, 1200);
    fake_pass(&f, 200000000);
    fake_forget(&f);
    fake_up(&f, 9, true);
    send_hex(9, SOTTO_SHH_STATUS, "c106");
    uint64_t start = f.now.mono_us;
    for (unsigned i = 0; i < 200 && got(9) < 1200; i++) {
        fake_pass(&f, 1000000);
        uint64_t allowed = 400 + (f.now.mono_us - start + 1000000) / 50000;
        assert_true(got(9) >= 0 && (uint64_t)got(9) <= allowed);
    }
    assert_int_equal(got(9), 1200);
}
static void a_full_peer_gets_its_news_later(void **state)
{
    (void)state;
    begin(NULL);
    fake_ready(&f, 1, false);
    fake_ready(&f, 2, true);
    fake_forget(&f);
    struct fake_envelope e = any(1);
    send_one(1, &e);
    f.host.peers[2].backlog = SOTTO_SHH_BACKLOG_MAX + 1;
    fake_pass(&f, 5000000);
    assert_int_equal(got(2), 0);
    f.host.peers[2].backlog = 0;
    f.host.peers[2].send = SOTTO_ERR_FULL;
    fake_pass(&f, 5000000);
    assert_int_equal(got(2), 0);
    f.host.peers[2].send = SOTTO_OK;
    fake_pass(&f, 20000000);
    assert_int_equal(got(2), 1);
}
static void own_envelopes_go_to_an_outbound_peer_first(void **state)
{
    (void)state;
    begin(NULL);
    fake_ready(&f, 1, true);
    fake_forget(&f);
    add_own();
    fake_pass(&f, 20000000);
    assert_int_equal(got(1), 0);                  /* one that dialled us does not get it first */
    assert_int_equal(sotto_shh_first_hops(f.shh), 0);
    fake_ready(&f, 2, false);
    assert_int_equal(sotto_shh_first_hops(f.shh), 1);
    fake_pass(&f, 20000000);
    assert_int_equal(got(2), 1);
    assert_int_equal(f.first_hops, 1);
    assert_int_equal(got(1), 1);                  /* once it is out, it is an envelope like any other */
}
static void wanted_work_is_the_median(void **state)
{
    (void)state;
    begin(NULL);
    assert_true(sotto_shh_wanted(f.shh) == 0.2);
    fake_up(&f, 1, false);
    send_hex(1, SOTTO_SHH_STATUS, "ca0688408f400000000000");          /* 1000 */
    assert_true(sotto_shh_wanted(f.shh) == 1000);
    fake_ready(&f, 2, false);
    assert_true(sotto_shh_wanted(f.shh) == 0.2);
    fake_up(&f, 3, true);
    send_hex(3, SOTTO_SHH_STATUS, "ca0688408f400000000000");          /* inbound: not asked */
    assert_true(sotto_shh_wanted(f.shh) == 0.2);
    fake_up(&f, 4, false);
    send_hex(4, SOTTO_SHH_STATUS, "ca0688408f400000000000");
    assert_true(sotto_shh_wanted(f.shh) == 1000);
}
static void a_wrong_clock_is_noticed(void **state)
{
    (void)state;
    begin(NULL);
    for (uint32_t p = 1; p <= 4; p++) fake_ready(&f, p, false);
    fake_ready(&f, 5, true);
    struct fake_envelope e = any(1);
    e.expiry = fake_now_s(&f) - 25;               /* for us all have just expired: we are ahead */
    for (uint32_t p = 1; p <= 2; p++) send_one(p, &e);
    send_one(5, &e);
    fake_pass(&f, 6000000);
    assert_int_equal(sotto_shh_clock_off(f.shh), 0);                  /* two outbound peers are too few */
    send_one(3, &e);
    fake_pass(&f, 6000000);
    assert_int_equal(sotto_shh_clock_off(f.shh), 25);
    assert_int_equal(stats()->accepted, 0);
    e = any(2);
    e.expiry = fake_now_s(&f) - 20;               /* taken now, with the tolerance widened */
    send_one(4, &e);
    assert_int_equal(stats()->accepted, 1);
    fake_pass(&f, 400000000);                     /* no votes left: in step again */
    assert_int_equal(sotto_shh_clock_off(f.shh), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(status_is_sent_first_and_expected_in_10_s), TEST(tolerated_status), TEST(refused_status), TEST(pow_and_bloom_updates), TEST(bloom_of_other_sizes),
        TEST(malformed_packets_take_nothing), TEST(each_refusal_has_its_answer), TEST(filters_and_their_grace), TEST(a_higher_floor_has_grace),
        TEST(time_errors_make_a_peer_rest), TEST(quotas_are_counted), TEST(each_arrival_is_told_at_once), TEST(unpaid_envelopes_wait_with_the_peer_at_rest), TEST(another_rate),
        TEST(too_much_is_dropped_and_the_third_time_ends_it), TEST(what_waits_is_bounded_over_all_peers), TEST(news_go_out_in_random_flushes_best_first), TEST(flush_waits_are_exponential),
        TEST(wishes_of_the_peer_hold_back_and_let_go), TEST(margins_of_time), TEST(packets_stay_below_a_megabyte), TEST(we_keep_to_the_rate_ourselves),
        TEST(a_full_peer_gets_its_news_later), TEST(own_envelopes_go_to_an_outbound_peer_first), TEST(wanted_work_is_the_median), TEST(a_wrong_clock_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
