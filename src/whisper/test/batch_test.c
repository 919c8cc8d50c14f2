/* Envelopes that arrive together are hashed side by side; what becomes of them must be what becomes of them one by one. Two nodes with the
 * same randomness get the same packets: one hashes in batches with each kernel, the other one at a time with the library. */
#include "support/test.h"

#include "crypto/hash.h"
#include "whisper/test/fake_host.h"
#include "wire/rlp.h"

#define RUNS 40u
#define ACTIONS 40u
#define PEERS 3u
#define KEPT 64u                                  /* envelopes that may come again */
#define IN_PACKET 90u
#define START_S 1767225600u                       /* the clock of a fresh fake */

static struct sotto_chacha_rng rng;
static struct fake batched, single;
static struct sotto_shh_stats seen;               /* over all runs: every kind of end was met */
static unsigned waited, cut_off, evicted, reached_zero;
static struct { struct sotto_buf rlp[KEPT]; uint32_t count; } kept;

static uint64_t draw(uint64_t bound) { return sotto_rng_below(&rng.rng, bound); }

static size_t any_size(void)
{
    switch (draw(6)) {
    case 0: return draw(3);                       /* nothing, a byte that may stand for itself, two */
    case 1: return 50 + draw(10);                 /* where RLP's heads grow */
    case 2: return draw(300);
    case 3: return 230 + draw(40);
    case 4: return draw(1500);
    default: return SOTTO_NATIVE_DATA;
    }
}

/* A fresh envelope: mostly acceptable, now and then out of time, without an end, or of a life that is not allowed. */
static void fresh(struct sotto_buf *out, uint32_t now_s)
{
    uint8_t data[1600];
    struct sotto_envelope e = { .expiry = now_s + 30 + (uint32_t)draw(3000), .nonce = sotto_rng_u64(&rng.rng) >> draw(64) };
    e.ttl = e.expiry - now_s + (uint32_t)draw(2000);      /* sent now or before */
    switch (draw(24)) {
    case 0: e.expiry = now_s - (uint32_t)draw(30); break;
    case 1: e.ttl = e.expiry - now_s - (uint32_t)draw(15); break;     /* sent ahead of now */
    case 2: e.ttl = 0; e.expiry = now_s + (uint32_t)draw(8); break;
    case 3: e.ttl = 86401 + (uint32_t)draw(1000); break;
    default: break;
    }
    size_t size = any_size();
    sotto_rng_fill(&rng.rng, data, sizeof data);
    e.topic[0] = (uint8_t)draw(4);
    e.data = sotto_span(data, size);
    assert_int_equal(sotto_envelope_encode(out, &e), SOTTO_OK);
    if (size < 200 || draw(2)) return;
    struct sotto_span whole = sotto_buf_span(out);        /* a twin that differs in the middle only: its sample is the same */
    struct sotto_buf *twin = &kept.rlp[kept.count % KEPT];
    sotto_buf_free(twin);
    *twin = sotto_buf_make(1u << 16);
    assert_int_equal(sotto_buf_add_span(twin, whole), SOTTO_OK);
    twin->data[whole.size / 2] ^= 1;
    kept.count++;
}

static void keep(struct sotto_span rlp)
{
    struct sotto_buf *b = &kept.rlp[kept.count++ % KEPT];
    sotto_buf_free(b);
    *b = sotto_buf_make(1u << 16);
    assert_int_equal(sotto_buf_add_span(b, rlp), SOTTO_OK);
}

/* A packet of new ones and old ones, some of them twice; sometimes with an item that is no envelope. */
static void any_packet(struct sotto_buf *packet, uint32_t now_s)
{
    struct sotto_buf items = sotto_buf_make(4u << 20);
    static const uint32_t sizes[] = { 6, 6, 6, IN_PACKET, IN_PACKET, IN_PACKET, 3 * IN_PACKET, 600 };     /* the last is more than a burst */
    uint32_t count = (uint32_t)draw(sizes[draw(sizeof sizes / sizeof *sizes)]), bad = draw(12) ? UINT32_MAX : (uint32_t)draw(IN_PACKET);
    for (uint32_t i = 0; i < count; i++) {
        if (kept.count && draw(3) == 0) {
            const struct sotto_buf *old = &kept.rlp[draw(kept.count < KEPT ? kept.count : KEPT)];
            assert_int_equal(sotto_buf_add_span(&items, sotto_buf_span(old)), SOTTO_OK);
        } else {
            struct sotto_buf one = sotto_buf_make(1u << 16);
            fresh(&one, now_s);
            assert_int_equal(sotto_buf_add_span(&items, sotto_buf_span(&one)), SOTTO_OK);
            keep(sotto_buf_span(&one));
            sotto_buf_free(&one);
        }
        if (i == bad) assert_int_equal(sotto_rlp_add_uint(&items, draw(300)), SOTTO_OK);
    }
    fake_list(packet, sotto_buf_span(&items));
    sotto_buf_free(&items);
}

static void same_state(void)
{
    const struct sotto_shh_stats *a = sotto_shh_stats(batched.shh), *b = sotto_shh_stats(single.shh);
    assert_memory_equal(a, b, sizeof *a);
    for (uint32_t p = 0; p < PEERS; p++) {
        const struct fake_peer *x = &batched.host.peers[p], *y = &single.host.peers[p];
        assert_true(x->up == y->up && x->closed == y->closed && x->reason == y->reason && x->score == y->score && x->paused_until_us == y->paused_until_us);
    }
    assert_int_equal(batched.host.sent_count, single.host.sent_count);
    for (unsigned i = 0; i < batched.host.sent_count; i++) {
        const struct fake_packet *x = &batched.host.sent[i], *y = &single.host.sent[i];
        assert_true(x->peer == y->peer && x->code == y->code && sotto_span_equal(sotto_buf_span(&x->payload), sotto_buf_span(&y->payload)));
    }
    assert_int_equal(sotto_pool_bytes(batched.pool), sotto_pool_bytes(single.pool));
    assert_int_equal(sotto_pool_evicted(batched.pool), sotto_pool_evicted(single.pool));
    assert_true(sotto_pool_floor(batched.pool) == sotto_pool_floor(single.pool));
    assert_int_equal(sotto_shh_deadline(batched.shh), sotto_shh_deadline(single.shh));
    const struct sotto_pool_entry *x = sotto_pool_after(batched.pool, 0), *y = sotto_pool_after(single.pool, 0);
    for (; x && y; x = sotto_pool_next(batched.pool, x), y = sotto_pool_next(single.pool, y)) {
        uint8_t hash[32];
        struct sotto_envelope e;
        assert_true(x->seq == y->seq && x->rating == y->rating && x->expiry == y->expiry && sotto_span_equal(x->rlp, y->rlp));
        sotto_keccak256(hash, x->rlp);            /* and both are right, not only alike */
        assert_memory_equal(x->hash, hash, sizeof hash);
        assert_memory_equal(y->hash, hash, sizeof hash);
        assert_int_equal(sotto_envelope_decode(&e, x->rlp), SOTTO_OK);
        unsigned zeros = sotto_envelope_zeros(&e);
        const struct sotto_pool_entry *shown = sotto_pool_same(batched.pool, x->rlp, sotto_pool_sample(batched.pool, x->rlp));
        assert_true(!shown || (shown == x && shown->zeros == zeros));
        reached_zero += zeros > 0;
    }
    assert_true(!x && !y);
}

static void one_action(const struct sotto_keccak_kernel *fast, const struct sotto_keccak_kernel *library)
{
    uint32_t peer = (uint32_t)draw(PEERS), now_s = fake_now_s(&batched);
    struct fake *both[] = { &batched, &single };
    struct sotto_buf packet = sotto_buf_make(8u << 20);
    struct sotto_bloom filter = sotto_bloom_all();
    unsigned what = (unsigned)draw(20);
    bool inbound = draw(2), none = draw(4);
    uint64_t us = draw(4) ? draw(3000000) : draw(60000000);
    if (what < 14) any_packet(&packet, now_s);
    filter.b[0] = (uint8_t)(draw(15) << 1);
    for (unsigned i = 0; i < 2; i++) {
        struct fake *f = both[i];
        sotto_keccak_use(i ? library : fast);
        if (what < 14) {
            if (!f->host.peers[peer].up) fake_ready(f, peer, inbound);
            fake_message(f, peer, SOTTO_SHH_MESSAGES, sotto_buf_span(&packet));
        } else if (what == 14) {
            sotto_shh_enter(f->shh, &f->out);
            sotto_shh_filter(f->shh, none ? NULL : &filter, f->now);
            sotto_shh_enter(f->shh, NULL);
        } else {
            fake_pass(f, us);
        }
    }
    sotto_buf_free(&packet);
    same_state();
    for (uint32_t p = 0; p < PEERS; p++) {
        waited += batched.host.peers[p].paused_until_us > batched.now.mono_us;
        cut_off += batched.host.peers[p].closed && batched.host.peers[p].reason == SOTTO_REASON_SUBPROTOCOL;
    }
    fake_forget(&batched);
    fake_forget(&single);
}

static void add_up(const struct sotto_shh_stats *s)
{
    seen.accepted += s->accepted, seen.low_work += s->low_work, seen.expired += s->expired, seen.future += s->future, seen.ttl += s->ttl;
    seen.bloom += s->bloom, seen.duplicate += s->duplicate, seen.malformed += s->malformed, seen.quota += s->quota;
    evicted += sotto_pool_evicted(batched.pool) > 0;
}

static void batches_change_nothing(void **state)
{
    (void)state;
    const struct sotto_keccak_kernel *kernels[SOTTO_KECCAK_KERNELS_MAX];
    unsigned count = sotto_keccak_kernels(kernels);
    for (unsigned run = 0; run < RUNS; run++) {
        /* In half of the runs any work will do, in the others a twentieth of the envelopes falls below the floor. */
        struct sotto_pool_config pool = { draw(2) ? 64u << 20 : 100000, draw(2) ? 65536 : 64, draw(2) ? 1e-9 : 5e-7, NULL };
        uint64_t seed = sotto_rng_u64(&rng.rng);
        uint32_t credit = draw(2) ? 0 : 500, batch = draw(2) ? SOTTO_ENVELOPE_BATCH : 2 + (uint32_t)draw(SOTTO_ENVELOPE_BATCH - 1);
        fake_init_batch(&batched, seed, &pool, credit, credit, batch);
        fake_init_batch(&single, seed, &pool, credit, credit, 1);
        for (unsigned i = 0; i < ACTIONS; i++) one_action(kernels[run % count], kernels[0]);
        add_up(sotto_shh_stats(batched.shh));
        fake_free(&batched);
        fake_free(&single);
    }
    sotto_keccak_use(kernels[0]);
    for (unsigned i = 0; i < KEPT; i++) sotto_buf_free(&kept.rlp[i]);
    print_message("accepted %llu, duplicate %llu, low work %llu, quota %llu, bloom %llu; %u waits, %u cut off\n", (unsigned long long)seen.accepted,
                  (unsigned long long)seen.duplicate, (unsigned long long)seen.low_work, (unsigned long long)seen.quota, (unsigned long long)seen.bloom,
                  waited, cut_off);
    assert_true(seen.accepted && seen.low_work && seen.expired && seen.future && seen.ttl && seen.bloom && seen.duplicate && seen.malformed && seen.quota);
    assert_true(waited && cut_off && evicted && reached_zero);
}

/* The look for a copy by its bytes: finds exactly what was shown and is still here. */
static void copies_are_found_by_their_bytes(void **state)
{
    (void)state;
    enum { COUNT = 600 };
    struct sotto_pool *p;
    struct sotto_pool_config config = { 64u << 20, 65536, 0, &rng.rng };
    struct sotto_pool_source from = { SOTTO_FROM_OUTBOUND, 1 };
    static struct sotto_buf rlp[COUNT];
    assert_int_equal(sotto_pool_new(&p, &config), SOTTO_OK);
    for (unsigned i = 0; i < COUNT; i++) {
        uint8_t data[300], hash[32];
        struct sotto_envelope e = { .expiry = 1000 + i, .ttl = 50, .data = SOTTO_SPAN(data), .nonce = 1 + draw(1000) }, in;
        const struct sotto_pool_entry *entry;
        sotto_rng_fill(&rng.rng, data, sizeof data);
        rlp[i] = sotto_buf_make(1000);
        assert_int_equal(sotto_envelope_encode(&rlp[i], &e), SOTTO_OK);
        if (i % 3 == 2) {                         /* a twin of the one before: same length, same last bytes */
            sotto_buf_free(&rlp[i]);
            rlp[i] = sotto_buf_make(1000);
            assert_int_equal(sotto_buf_add_span(&rlp[i], sotto_buf_span(&rlp[i - 1])), SOTTO_OK);
            rlp[i].data[100] ^= 0x10;
        }
        struct sotto_span span = sotto_buf_span(&rlp[i]);
        assert_int_equal(sotto_envelope_decode(&in, span), SOTTO_OK);
        sotto_envelope_hash(hash, span);
        uint64_t sample = sotto_pool_sample(p, span);
        assert_null(sotto_pool_same(p, span, sample));
        assert_int_equal(sotto_pool_add(p, &entry, &in, span, sotto_pool_id(p, hash), 1, from), SOTTO_OK);
        assert_null(sotto_pool_same(p, span, sample));                /* not shown yet */
        if (i % 5 != 4) sotto_pool_show(p, entry, sample, i);
    }
    unsigned found = 0, gone = 1000 + COUNT / 2;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < COUNT; i++) {
            struct sotto_span span = sotto_buf_span(&rlp[i]);
            const struct sotto_pool_entry *e = sotto_pool_same(p, span, sotto_pool_sample(p, span));
            bool twin = i % 3 == 2 && (i - 1) % 5 != 4, here = round == 0 || (i % 3 == 2 ? 999 : 1000) + i >= gone;
            assert_true((e != NULL) == (i % 5 != 4 && !twin && here));
            if (!e) continue;
            found++;
            assert_true(sotto_span_equal(e->rlp, span) && e->zeros == i);
            uint8_t *byte = &rlp[i].data[draw(span.size)];            /* any other bytes are not these */
            *byte ^= 4;
            e = sotto_pool_same(p, span, sotto_pool_sample(p, span));
            assert_true(!e || sotto_span_equal(e->rlp, span));
            *byte ^= 4;
        }
        (void)sotto_pool_tick(p, gone, 0);
    }
    assert_true(found > COUNT / 2);
    for (unsigned i = 0; i < COUNT; i++) sotto_buf_free(&rlp[i]);
    sotto_pool_free(p);
}

/* An envelope of native size that lives 50 s, with exactly that many zero bits (the search may have luck and find more), to one peer. */
static void send_exactly(struct fake *f, uint32_t peer, unsigned bits, uint8_t fill)
{
    struct sotto_buf rlp = sotto_buf_make(4096), packet = sotto_buf_make(4096);
    struct fake_envelope e = { .expiry = START_S + 50, .ttl = 50, .data_size = SOTTO_NATIVE_DATA, .topic = { 1, fill }, .fill = fill, .bits = bits };
    for (;; e.topic[2]++) {
        struct sotto_envelope in;
        fake_seal(&rlp, &e);
        assert_int_equal(sotto_envelope_decode(&in, sotto_buf_span(&rlp)), SOTTO_OK);
        if (sotto_envelope_zeros(&in) == bits) break;
        sotto_buf_free(&rlp);
    }
    fake_list(&packet, sotto_buf_span(&rlp));
    fake_message(f, peer, SOTTO_SHH_MESSAGES, sotto_buf_span(&packet));
    sotto_buf_free(&packet);
    sotto_buf_free(&rlp);
}

/* What is pooled already is known by its bytes and not hashed again, yet it is judged anew: its work may be too little by now. */
static void a_copy_is_judged_by_the_floor_of_today(void **state)
{
    (void)state;
    enum { LOW = 14, BETTER = 16 };               /* 2^14 / 1042 / 50 = 0.31 */
    struct sotto_pool_config small = { 64 << 20, 5, 0.2, NULL };
    struct fake *f = &batched;
    const struct sotto_shh_stats *stats;
    fake_init(f, 1, &small);
    stats = sotto_shh_stats(f->shh);
    for (uint32_t p = 1; p < 8; p++) fake_ready(f, p, false);
    send_exactly(f, 1, LOW, 50);
    for (uint8_t i = 0; i < 3; i++) send_exactly(f, i + 2u, BETTER, i);
    assert_int_equal(stats->accepted, 4);
    assert_true(sotto_pool_floor(f->pool) == 0.4);
    send_exactly(f, 5, LOW, 50);                  /* the floor of before is still tolerated */
    send_exactly(f, 5, BETTER, 0);
    assert_int_equal(stats->duplicate, 2);
    fake_pass(f, 11000000);
    assert_int_equal(sotto_pool_count(f->pool), 4);
    send_exactly(f, 6, BETTER, 0);
    assert_int_equal(stats->duplicate, 3);
    send_exactly(f, 7, LOW, 50);
    assert_int_equal(stats->duplicate, 3);
    assert_int_equal(stats->low_work, 1);
    assert_true(f->host.peers[6].up && f->host.peers[7].closed);
    fake_free(f);
}

int main(void)
{
    sotto_rng_from_seed(&rng, test_seed(), "batch test");
    const struct CMUnitTest tests[] = { cmocka_unit_test(batches_change_nothing), cmocka_unit_test(copies_are_found_by_their_bytes),
                                        cmocka_unit_test(a_copy_is_judged_by_the_floor_of_today) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
