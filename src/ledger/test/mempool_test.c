/* mempool: each rule by its refusal; then random arrivals, blocks and reorganisations against a slow model of what must hold. */
#include "chain_kit.h"
#include "support/test.h"

#include "ledger/codec.h"
#include "ledger/mempool_impl.h"
#include "ledger/stamp.h"

static struct kit k;
static struct sotto_mempool *pool;
typedef const struct sotto_block_tx *tx_ptr;
enum { ROOM = 300 << 10 };
static uint64_t clock_ms;

static void begin(enum sotto_engine engine)
{
    kit_make(&k, test_seed(), engine, SOTTO_MODE_OPEN);
    k.g.params.flags |= SOTTO_CHAIN_STAMPS;
    kit_start(&k);
    clock_ms = KIT_START_MS;
    const struct sotto_mempool_config config = { .bytes_max = 2 * ROOM, .stamped_max = ROOM };
    assert_int_equal(sotto_mempool_new(&pool, &config), SOTTO_OK);
}
static void end(void)
{
    sotto_mempool_free(pool);
    kit_stop(&k);
}

static const struct sotto_view *view(void) { return sotto_ram_view(k.ram); }
static enum sotto_err add_bytes(struct sotto_span full, bool own)
{
    uint32_t count = sotto_mempool_count(pool);
    uint64_t bytes = sotto_mempool_bytes(pool), seq = pool->seq;
    enum sotto_err err = sotto_mempool_add(pool, NULL, view(), full, own, clock_ms, k.machine);
    if (err != SOTTO_OK) {
        assert_int_equal(sotto_mempool_count(pool), count);
        assert_int_equal(sotto_mempool_bytes(pool), bytes);
        assert_int_equal(pool->seq, seq);
    }
    return err;
}
static enum sotto_err add(tx_ptr t) { return add_bytes(t->tx.full, false); }
static bool has(tx_ptr t) { return sotto_mempool_find(pool, t->txid) != NULL; }

static struct sotto_outpoint output(tx_ptr t, uint32_t index)
{
    struct sotto_outpoint at = { .index = index };
    memcpy(at.txid, t->txid, 32);
    return at;
}
static const struct kit_key *who(unsigned i) { return &k.people[i % KIT_PEOPLE]; }
/* Allocation i to the person it is of already. */
static tx_ptr pay(unsigned i, uint64_t fee) { return kit_pay(&k, kit_coin(&k, i), who(i), who(i)->hash, KIT_COIN - fee); }
static tx_ptr pay_on(tx_ptr t, unsigned i, uint64_t fee) { return kit_pay(&k, output(t, 0), who(i), who(i)->hash, t->tx.outs[0].value.cong - fee); }

/* The pool as a slow model sees it. */
static void hold(void)
{
    const struct entry *a, *b;
    uint64_t bytes = 0, stamped = 0, seq = 0;
    uint32_t count = 0;
    TAILQ_FOREACH(a, &pool->arrivals, arrival) {
        assert_true(a->pub.seq > seq);
        seq = a->pub.seq;
        count++;
        bytes += a->charge;
        if (a->pub.tx.tx.has_stamp) stamped += a->charge;
        assert_true(sotto_mempool_find(pool, a->pub.tx.txid) == &a->pub);
        for (uint32_t i = 0; i < a->pub.tx.tx.in_count; i++) {
            struct sotto_coin coin;
            const struct sotto_outpoint *at = &a->pub.tx.tx.ins[i].from;
            bool found = view()->coin(view()->of, &coin, at);
            TAILQ_FOREACH(b, &pool->arrivals, arrival) {
                if (b == a) break;
                found = found || memcmp(b->pub.tx.txid, at->txid, 32) == 0;
                for (uint32_t j = 0; j < b->pub.tx.tx.in_count; j++) assert_false(sotto_outpoint_equal(at, &b->pub.tx.tx.ins[j].from));
            }
            assert_true(found);
        }
        /* What it needs, found by names alone: one walk back in the order of arrival. */
        struct package up = { 0 };
        const struct entry *need[SOTTO_MEMPOOL_CHAIN] = { a };
        unsigned needs = 1;
        for (b = a; b; b = TAILQ_PREV(b, arrival_list, arrival)) {
            bool needed = b == a;
            for (unsigned n = 0; !needed && n < needs; n++)
                for (uint32_t i = 0; i < need[n]->pub.tx.tx.in_count; i++)
                    needed = needed || memcmp(need[n]->pub.tx.tx.ins[i].from.txid, b->pub.tx.txid, 32) == 0;
            if (!needed) continue;
            assert_true(b == a || needs < SOTTO_MEMPOOL_CHAIN);
            if (b != a) need[needs++] = b;
            up.count++;
            up.size += b->pub.tx.tx.full.size;
            up.fee += b->pub.fee.cong;
            up.cost += b->pub.cost;
        }
        assert_memory_equal(&up, &a->up, sizeof up);
        assert_true(a->up.count == 1 || a->up.size <= SOTTO_MEMPOOL_CHAIN_BYTES);
        assert_true(a->down.count <= SOTTO_MEMPOOL_CHAIN);
    }
    assert_int_equal(count, sotto_mempool_count(pool));
    assert_int_equal(bytes, sotto_mempool_bytes(pool));
    assert_int_equal(stamped, sotto_mempool_stamped_bytes(pool));
    assert_true(bytes <= pool->config.bytes_max && stamped <= pool->config.stamped_max);
}

/* ---- blocks ---- */

enum { BLOCKS = 40 };
static struct { struct sotto_block_tx txs[KIT_TXS]; struct sotto_block b; } blocks[BLOCKS];
static unsigned block_count;

static void connect_block(const tx_ptr *txs, unsigned count)
{
    uint16_t codes[KIT_TXS];
    unsigned at = block_count++;
    for (unsigned i = 0; i < count; i++) blocks[at].txs[i] = *txs[i];
    blocks[at].b = (struct sotto_block){ .txs = blocks[at].txs, .count = count };
    assert_int_equal(kit_block(&k, txs, count, 0, true, codes), SOTTO_OK);
    blocks[at].b.header = view()->tip;
    sotto_mempool_connect(pool, view(), &blocks[at].b, codes);
}
static void disconnect_block(void)
{
    assert_int_equal(sotto_ram_undo(k.ram), SOTTO_OK);
    sotto_mempool_disconnect(pool, view(), &blocks[--block_count].b, clock_ms, k.machine);
}

/* ---- who is refused ---- */

static void refusals(void **state)
{
    (void)state;
    begin(SOTTO_ENGINE_PBFT);
    static uint8_t big[SOTTO_TX_SIZE_MAX + 1];
    tx_ptr good = pay(0, 1000);
    assert_int_equal(add_bytes(sotto_span(big, sizeof big), false), SOTTO_T_SIZE);
    assert_int_equal(add_bytes(sotto_span_cut(good->tx.full, 0, 50), false), SOTTO_E_SHORT);
    assert_int_equal(add(good), SOTTO_OK);
    assert_int_equal(add(good), SOTTO_ERR_EXISTS);
    assert_int_equal(add(pay(1, 100)), SOTTO_T_FEE);
    assert_int_equal(add(kit_pay(&k, kit_coin(&k, 1), who(1), who(1)->hash, KIT_COIN + 1)), SOTTO_T_FUNDS);
    assert_int_equal(add(kit_pay(&k, kit_coin(&k, 1), who(1), who(1)->hash, 443)), SOTTO_M_DUST);
    assert_int_equal(add(kit_pay(&k, kit_coin(&k, 1), who(2), who(1)->hash, KIT_COIN - 1000)), SOTTO_S_ADDRESS);
    assert_int_equal(add(kit_pay(&k, output(pay(2, 1000), 0), who(2), who(1)->hash, 1000)), SOTTO_T_MISSING);
    assert_int_equal(add(kit_pay(&k, output(good, 1), who(0), who(1)->hash, 1000)), SOTTO_T_MISSING);      /* no such output */
    struct kit_tx t = { .ins = { { kit_coin(&k, 3), who(3) } }, .in_count = 1, .outs = { { who(3)->hash, KIT_COIN - 5000 } }, .out_count = 1, .odd = true };
    assert_int_equal(add(kit_tx(&k, &t)), SOTTO_M_NONSTANDARD);
    t.odd = false;
    t.expiry = 1;
    tx_ptr ends = kit_tx(&k, &t);
    assert_int_equal(add(ends), SOTTO_OK);
    struct sotto_op post = { .type = SOTTO_OP_POST, .post = { sotto_span_str("a"), sotto_span_str("b"), clock_ms / 1000, false, { { 0 } }, { { 0 } } } };
    struct kit_tx free_post = { .ops = { post }, .op_count = 1 };
    assert_int_equal(add(kit_tx(&k, &free_post)), SOTTO_T_NO_EXPIRY);
    free_post.expiry = 100;
    assert_int_equal(add(kit_tx(&k, &free_post)), SOTTO_T_FEE);
    struct sotto_tx_in in = { .from.index = SOTTO_INDEX_COINBASE, .sequence = 1 };
    struct sotto_tx_out out = good->tx.outs[0];
    struct sotto_tx tx = { .in_count = 1, .out_count = 1, .ins = &in, .outs = &out };
    struct sotto_buf b = sotto_buf_make(1000);
    assert_int_equal(sotto_tx_encode(&b, NULL, &tx), SOTTO_OK);
    assert_int_equal(add_bytes(sotto_buf_span(&b), false), SOTTO_B_COINBASE);
    sotto_buf_free(&b);
    hold();
    connect_block(NULL, 0);                       /* height 1: the next is 2 */
    assert_false(has(ends));
    assert_int_equal(add(ends), SOTTO_T_EXPIRED);
    end();
}

static void replacement(void **state)
{
    (void)state;
    begin(SOTTO_ENGINE_PBFT);
    tx_ptr first = pay(0, 1000), child = pay_on(first, 0, 5000);
    assert_int_equal(add(first), SOTTO_OK);
    assert_int_equal(add(child), SOTTO_OK);
    assert_int_equal(add(pay(0, 999)), SOTTO_M_REPLACE);              /* a lower rate */
    assert_int_equal(add(pay(0, 6000)), SOTTO_M_REPLACE);             /* pays for both, not for itself */
    struct kit_tx own_ground = { .ins = { { kit_coin(&k, 0), who(0) }, { output(child, 0), who(0) } }, .in_count = 2, .outs = { { who(0)->hash, KIT_COIN } }, .out_count = 1 };
    assert_int_equal(add(kit_tx(&k, &own_ground)), SOTTO_T_MISSING);  /* spends what would go for it */
    tx_ptr better = pay(0, 7000);
    assert_int_equal(add(better), SOTTO_OK);
    assert_true(has(better) && !has(first) && !has(child));
    hold();
    /* One identity, one change of it; one vote. */
    struct sotto_op reg = kit_register(&k, who(1));
    struct kit_tx r = { .ins = { { kit_coin(&k, 1), who(1) } }, .in_count = 1, .ops = { reg }, .op_count = 1, .outs = { { who(1)->hash, KIT_COIN / 4 } }, .out_count = 1 };
    assert_int_equal(add(kit_tx(&k, &r)), SOTTO_OK);
    r.ins[0].at = kit_coin(&k, 7);
    assert_int_equal(add(kit_tx(&k, &r)), SOTTO_M_REPLACE);
    r.outs[0].cong -= SOTTO_COIN;
    assert_int_equal(add(kit_tx(&k, &r)), SOTTO_OK);
    assert_int_equal(sotto_mempool_count(pool), 2);
    hold();
    end();
}

static void chains(void **state)
{
    (void)state;
    begin(SOTTO_ENGINE_PBFT);
    tx_ptr t[SOTTO_MEMPOOL_CHAIN + 1] = { pay(0, 1000) };
    assert_int_equal(add(t[0]), SOTTO_OK);
    for (unsigned i = 1; i <= SOTTO_MEMPOOL_CHAIN; i++) {
        t[i] = pay_on(t[i - 1], 0, 1000);
        assert_int_equal(add(t[i]), i < SOTTO_MEMPOOL_CHAIN ? SOTTO_OK : SOTTO_M_QUOTA);
    }
    hold();
    connect_block(t, 2);
    hold();
    assert_true(!has(t[0]) && !has(t[1]) && has(t[2]));
    assert_int_equal(add(t[SOTTO_MEMPOOL_CHAIN]), SOTTO_OK);
    hold();
    tx_ptr rival = kit_pay(&k, output(t[1], 0), who(0), who(1)->hash, KIT_COIN / 2);
    connect_block(&rival, 1);                     /* a block with another spend: the whole chain is impossible */
    assert_int_equal(sotto_mempool_count(pool), 0);
    disconnect_block();
    assert_true(has(rival));
    disconnect_block();
    assert_true(has(t[0]) && has(t[1]) && has(rival));
    hold();
    end();
}

/* ---- room ---- */

/* 32 kB of digests; by a coin and a fee, or by a stamp of so many bits. */
static tx_ptr large(unsigned i, uint64_t fee)
{
    static uint8_t digests[SOTTO_DIGESTS_MAX * 32];
    digests[0] = (uint8_t)i;
    struct sotto_op op = { .type = SOTTO_OP_DIGEST, .digest = { .count = SOTTO_DIGESTS_MAX, .digests = SOTTO_SPAN(digests) } };
    struct kit_tx t = { .ops = { op, op, op, op }, .op_count = 4, .expiry = 1000 };
    if (fee > 0) {
        t.ins[0].at = kit_coin(&k, i);
        t.ins[0].by = who(i);
        t.outs[0].to = who(i)->hash;
        t.outs[0].cong = KIT_COIN - fee;
        t.in_count = t.out_count = 1;
    }
    return kit_tx(&k, &t);
}
static struct sotto_buf stamped(unsigned i, unsigned bits)
{
    tx_ptr t = large(i, 0);
    struct sotto_tx tx = t->tx;
    struct sotto_stamp_search s;
    struct sotto_buf out = sotto_buf_make(SOTTO_TX_SIZE_MAX);
    uint8_t digest[32];
    tx.has_stamp = true;
    tx.stamp.ref_height = view()->tip.height;
    tx.stamp.nonce = 0;
    sotto_stamp_begin(&s, t->txid, view()->tip_id.b, 0, bits);
    for (;;) {                                    /* exactly so many */
        assert_int_equal(sotto_stamp_step(&s, &tx.stamp.nonce, UINT32_MAX), SOTTO_OK);
        sotto_stamp_digest(digest, t->txid, view()->tip_id.b, tx.stamp.nonce);
        if (sotto_stamp_bits(digest) == bits) break;
        s.next = tx.stamp.nonce + 1;
    }
    assert_int_equal(sotto_tx_encode(&out, NULL, &tx), SOTTO_OK);
    return out;
}

static void room(void **state)
{
    (void)state;
    begin(SOTTO_ENGINE_PBFT);
    tx_ptr t[KIT_COINS];
    unsigned n = 0;
    for (; n < KIT_COINS; n++) {
        t[n] = large(n, 40000 + 100 * n);
        if (n > 0 && sotto_mempool_bytes(pool) / n * (n + 1) > 2 * ROOM) break;
        assert_int_equal(add(t[n]), SOTTO_OK);
    }
    assert_in_range(n, 15, 20);
    assert_int_equal(add(large(30, 39000)), SOTTO_M_FULL);
    assert_int_equal(sotto_mempool_floor(pool, view()->params), 1);
    assert_int_equal(add(t[n]), SOTTO_OK);
    assert_true(!has(t[0]) && has(t[1]) && has(t[n]));
    hold();
    assert_int_equal(sotto_mempool_floor(pool, view()->params), 2);
    assert_int_equal(add(large(31, 50000)), SOTTO_T_FEE);
    assert_int_equal(add(large(32, 80000)), SOTTO_OK);                /* too soon for the floor to double again */
    assert_int_equal(sotto_mempool_floor(pool, view()->params), 2);
    sotto_mempool_tick(pool, clock_ms + SOTTO_MEMPOOL_FLOOR_DOWN_MS - 1);
    assert_int_equal(sotto_mempool_floor(pool, view()->params), 2);
    sotto_mempool_tick(pool, clock_ms + SOTTO_MEMPOOL_FLOOR_DOWN_MS);
    assert_int_equal(sotto_mempool_floor(pool, view()->params), 1);
    end();
}

static void lane(void **state)
{
    (void)state;
    begin(SOTTO_ENGINE_PBFT);
    struct sotto_buf b[12];
    const struct sotto_mempool_entry *out[KIT_TXS];
    unsigned n = 0;
    struct sotto_buf weak = stamped(99, 4);
    assert_int_equal(add_bytes(sotto_buf_span(&weak), false), SOTTO_T_STAMP);
    sotto_buf_free(&weak);
    for (; n == 0 || sotto_mempool_stamped_bytes(pool) / n * (n + 1) <= ROOM; n++) {      /* all are of one size */
        b[n] = stamped(n, 6 + n % 2);
        assert_int_equal(add_bytes(sotto_buf_span(&b[n]), false), SOTTO_OK);
    }
    b[n] = stamped(n, 6);
    assert_int_equal(add_bytes(sotto_buf_span(&b[n]), false), SOTTO_M_FULL);
    sotto_buf_free(&b[n]);
    b[n] = stamped(n, 9);
    assert_int_equal(add_bytes(sotto_buf_span(&b[n]), false), SOTTO_OK);
    hold();
    uint32_t count = sotto_mempool_choose(pool, out, KIT_TXS, view(), 300000, clock_ms, k.machine);
    assert_int_equal(count, 2);                   /* a quarter */
    assert_int_equal(out[0]->stamp_bits, 9);
    assert_int_equal(out[1]->stamp_bits, 7);
    for (unsigned i = 0; i <= n; i++) sotto_buf_free(&b[i]);
    for (unsigned i = 1; i <= SOTTO_STAMP_BEHIND; i++) {
        if (i == SOTTO_STAMP_BEHIND) assert_int_equal(sotto_mempool_count(pool), n);
        block_count = 0;
        connect_block(NULL, 0);
    }
    assert_int_equal(sotto_mempool_count(pool), 0);                   /* too old a stamp for the next block */
    block_count = 0;
    end();
}

/* ---- for a block, and for others ---- */

static void choosing(void **state)
{
    (void)state;
    begin(SOTTO_ENGINE_PBFT);
    const struct sotto_mempool_entry *out[KIT_TXS];
    tx_ptr poor = pay(0, 500), rich_child = pay_on(poor, 0, 9000), middle = pay(1, 3000), low = pay(2, 400);
    struct sotto_op post = { .type = SOTTO_OP_POST, .post = { sotto_span_str("a"), sotto_span_str("b"), clock_ms / 1000, false, { { 0 } }, { { 0 } } } };
    struct kit_tx talk = { .ins = { { kit_coin(&k, 3), who(3) } }, .in_count = 1, .outs = { { who(3)->hash, KIT_COIN - 900 } }, .out_count = 1, .ops = { post }, .op_count = 1 };
    tx_ptr said = kit_tx(&k, &talk);
    const tx_ptr all[] = { low, poor, rich_child, middle, said };
    for (unsigned i = 0; i < 5; i++) assert_int_equal(add_bytes(all[i]->tx.full, all[i] == low), SOTTO_OK);
    uint32_t count = sotto_mempool_choose(pool, out, KIT_TXS, view(), 100000, clock_ms, k.machine);
    assert_int_equal(count, 5);
    const tx_ptr order[] = { poor, rich_child, middle, said, low };
    for (unsigned i = 0; i < 5; i++) assert_memory_equal(out[i]->tx.txid, order[i]->txid, 32);
    assert_int_equal(sotto_mempool_choose(pool, out, 1, view(), 100000, clock_ms, k.machine), 1);
    count = sotto_mempool_choose(pool, out, KIT_TXS, view(), poor->tx.full.size + rich_child->tx.full.size + 10, clock_ms, k.machine);
    assert_int_equal(count, 2);
    assert_int_equal(sotto_mempool_count(pool), 5);                   /* without a place, but good */
    /* Announced: in order of arrival, own ones when they are released. */
    const struct sotto_mempool_entry *e = sotto_mempool_after(pool, 0);
    assert_memory_equal(e->tx.txid, poor->txid, 32);
    assert_memory_equal(sotto_mempool_next(pool, e)->tx.txid, rich_child->txid, 32);
    assert_null(sotto_mempool_after(pool, pool->seq));
    assert_int_equal(sotto_mempool_release(pool, low->txid), SOTTO_OK);
    assert_memory_equal(sotto_mempool_after(pool, 0)->tx.txid, low->txid, 32);
    assert_int_equal(sotto_mempool_release(pool, kit_coin(&k, 0).txid), SOTTO_ERR_MISSING);
    /* A post that no block takes any more. */
    clock_ms += 7201000;
    count = sotto_mempool_choose(pool, out, KIT_TXS, view(), 100000, clock_ms, k.machine);
    assert_int_equal(count, 4);
    assert_false(has(said));
    clock_ms -= 7201000;
    assert_int_equal(add(said), SOTTO_OK);
    sotto_mempool_tick(pool, clock_ms + 7200000);
    assert_true(has(said));
    sotto_mempool_tick(pool, clock_ms + 7200001);
    assert_false(has(said));
    hold();
    end();
}

/* ---- anything may happen ---- */

static uint32_t below(uint32_t n) { return (uint32_t)sotto_rng_below(&k.rng.rng, n); }

static void random_life(void)
{
    const struct sotto_mempool_entry *out[KIT_TXS];
    begin(SOTTO_ENGINE_PBFT);
    block_count = 0;
    tx_ptr made[KIT_TXS];
    unsigned n = 0;
    unsigned owner[KIT_TXS];
    for (unsigned step = 0; step < 150; step++) {
        unsigned what = below(10);
        if (what < 6 && n < KIT_TXS) {
            bool chain = n > 0 && below(2);
            unsigned from = chain ? below(n) : below(8);
            owner[n] = chain ? owner[from] : from;
            made[n] = chain ? pay_on(made[from], owner[n], 300 + below(3000)) : pay(from, 300 + below(3000));
            enum sotto_err err = add(made[n++]);
            assert_true(err == SOTTO_OK || err == SOTTO_T_MISSING || err == SOTTO_M_REPLACE || err == SOTTO_M_QUOTA || err == SOTTO_ERR_EXISTS);
        } else if (what < 7 && n > 0) {
            enum sotto_err err = add(made[below(n)]);                 /* an old one again */
            assert_true(err == SOTTO_OK || err == SOTTO_T_MISSING || err == SOTTO_M_REPLACE || err == SOTTO_M_QUOTA || err == SOTTO_ERR_EXISTS);
        } else if (what < 9 && block_count < BLOCKS) {
            tx_ptr txs[KIT_TXS];
            uint16_t codes[KIT_TXS];
            uint32_t count = sotto_mempool_choose(pool, out, below(12), view(), 100000, clock_ms, k.machine);
            /* The bytes must outlive the pool's copies: those of the kit. */
            for (uint32_t i = 0; i < count; i++)
                for (unsigned m = 0; m < n; m++)
                    if (memcmp(out[i]->tx.txid, made[m]->txid, 32) == 0) txs[i] = made[m];
            if (n > 0 && below(3) == 0) txs[0] = made[below(n)], count = 1;        /* or somebody else's block */
            else if (kit_block(&k, txs, count, 0, false, codes) == SOTTO_OK)
                for (uint32_t i = 0; i < count; i++) assert_int_equal(codes[i], 0);
            connect_block(txs, count);
        } else {
            for (unsigned undo = below(3); undo > 0 && block_count > 0; undo--) disconnect_block();
        }
        hold();
    }
    end();
}

static void any_order_of_things(void **state)
{
    (void)state;
    for (unsigned run = 0; run < 5; run++) random_life();
}

int main(void)
{
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    (void)test_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals), cmocka_unit_test(replacement), cmocka_unit_test(chains), cmocka_unit_test(room), cmocka_unit_test(lane),
        cmocka_unit_test(choosing), cmocka_unit_test(any_order_of_things),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
