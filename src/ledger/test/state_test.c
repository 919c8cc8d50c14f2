/* state: what a block may do and what it may not, under a strict engine and a lax one; every block can be taken back. */
#include "chain_kit.h"
#include "support/test.h"

#include "ledger/codec.h"
#include "ledger/errors.h"
#include "ledger/rules.h"

static struct kit k;
typedef const struct sotto_block_tx *tx_ptr;

static void begin(enum sotto_engine engine, enum sotto_chain_mode mode)
{
    kit_make(&k, test_seed(), engine, mode);
    kit_start(&k);
}

static uint64_t subsidy(void) { return k.g.params.reward.cong; }

/* A block of these alone on the tip: what a strict engine answers, or the code that a lax one gives to the last of them. Nothing is kept. */
static enum sotto_err judged(const tx_ptr *txs, unsigned count)
{
    uint16_t codes[KIT_TXS];
    enum sotto_err err = kit_block(&k, txs, count, subsidy(), false, codes), code;
    if (k.g.params.engine == SOTTO_ENGINE_POW) return err;
    assert_int_equal(err, SOTTO_OK);
    for (unsigned i = 0; i + 1 < count; i++) assert_int_equal(codes[i], 0);
    assert_int_equal(sotto_ledger_err(&code, codes[count - 1]), SOTTO_OK);
    return code;
}

static void commit(const tx_ptr *txs, unsigned count)
{
    uint16_t codes[KIT_TXS];
    assert_int_equal(kit_block(&k, txs, count, subsidy(), true, codes), SOTTO_OK);
    for (unsigned i = 0; i < count; i++) assert_int_equal(codes[i], 0);
}

#define ALONE(tx) judged((const tx_ptr[]){ tx }, 1)
#define PAIR(a, b) judged((const tx_ptr[]){ a, b }, 2)
#define COMMIT(tx) commit((const tx_ptr[]){ tx }, 1)

static struct sotto_outpoint output(tx_ptr t, uint32_t index)
{
    struct sotto_outpoint at = { .index = index };
    memcpy(at.txid, t->txid, 32);
    return at;
}

/* ---- coins ---- */

static void coins(void **state)
{
    (void)state;
    for (enum sotto_engine engine = SOTTO_ENGINE_POW; engine <= SOTTO_ENGINE_PBFT; engine++) {
        begin(engine, SOTTO_MODE_OPEN);
        const struct kit_key *a = &k.people[0], *b = &k.people[1];
        tx_ptr pay = kit_pay(&k, kit_coin(&k, 0), a, b->hash, KIT_COIN - 1000), again = kit_pay(&k, kit_coin(&k, 0), a, a->hash, KIT_COIN - 2000);
        assert_int_equal(ALONE(pay), SOTTO_OK);
        assert_int_equal(PAIR(pay, again), SOTTO_T_MISSING);         /* twice in one block */
        assert_int_equal(ALONE(kit_pay(&k, kit_coin(&k, 0), a, b->hash, KIT_COIN + 1)), SOTTO_T_FUNDS);
        tx_ptr free_of_charge = kit_pay(&k, kit_coin(&k, 0), a, b->hash, KIT_COIN);
        assert_int_equal(ALONE(free_of_charge), SOTTO_T_FEE);
        uint64_t size = free_of_charge->tx.full.size;
        tx_ptr exact = kit_pay(&k, kit_coin(&k, 0), a, b->hash, KIT_COIN - size);
        uint64_t off = exact->tx.full.size - size;                   /* a signature may be a byte longer or shorter */
        assert_int_equal(ALONE(exact), off == 0 || off > size ? SOTTO_OK : SOTTO_T_FEE);
        assert_int_equal(ALONE(kit_pay(&k, kit_coin(&k, 0), b, b->hash, KIT_COIN - 1000)), SOTTO_S_ADDRESS);
        struct sotto_outpoint nowhere = kit_coin(&k, KIT_COINS);
        assert_int_equal(ALONE(kit_pay(&k, nowhere, a, b->hash, 5)), SOTTO_T_MISSING);
        tx_ptr on = kit_pay(&k, output(pay, 0), b, a->hash, KIT_COIN - 5000);
        assert_int_equal(PAIR(pay, on), SOTTO_OK);                    /* of an earlier one in the same block */
        assert_int_equal(ALONE(on), SOTTO_T_MISSING);
        COMMIT(pay);
        assert_int_equal(ALONE(again), SOTTO_T_MISSING);             /* and across blocks */
        assert_int_equal(ALONE(on), SOTTO_OK);
        assert_int_equal(sotto_ram_undo(k.ram), SOTTO_OK);
        assert_int_equal(ALONE(again), SOTTO_OK);
        kit_stop(&k);
    }
}

static void mined_coins(void **state)
{
    (void)state;
    begin(SOTTO_ENGINE_POW, SOTTO_MODE_OPEN);
    const struct kit_key *a = &k.people[0];
    tx_ptr pay = kit_pay(&k, kit_coin(&k, 0), a, a->hash, KIT_COIN - 7777);
    assert_int_equal(kit_block(&k, NULL, 0, subsidy(), false, NULL), SOTTO_OK);
    assert_int_equal(kit_block(&k, NULL, 0, subsidy() - 1, false, NULL), SOTTO_OK);
    assert_int_equal(kit_block(&k, NULL, 0, subsidy() + 1, false, NULL), SOTTO_B_COINBASE);
    assert_int_equal(kit_block(&k, &pay, 1, subsidy() + 7777, false, NULL), SOTTO_OK);
    assert_int_equal(kit_block(&k, &pay, 1, subsidy() + 7778, false, NULL), SOTTO_B_COINBASE);

    struct sotto_outpoint mined = { .index = 0 };
    assert_int_equal(kit_block(&k, NULL, 0, KIT_COIN, true, NULL), SOTTO_OK);
    const struct sotto_view *v = sotto_ram_view(k.ram);
    struct sotto_tx_in in = { .from.index = SOTTO_INDEX_COINBASE, .sequence = 1 };       /* the same coinbase again, for its name */
    struct sotto_buf script = sotto_buf_make(64), bytes = sotto_buf_make(SOTTO_TX_SIZE_MAX);
    uint8_t p2pkh[SOTTO_P2PKH_SIZE];
    size_t core;
    sotto_p2pkh(p2pkh, &a->hash);
    struct sotto_tx_out out = { { KIT_COIN }, SOTTO_SPAN(p2pkh) };
    struct sotto_tx tx = { .in_count = 1, .out_count = 1, .ins = &in, .outs = &out };
    assert_int_equal(sotto_tx_encode(&bytes, &core, &tx), SOTTO_OK);
    sotto_txid(mined.txid, sotto_span(bytes.data, core));
    sotto_buf_free(&script);
    struct sotto_coin c;
    assert_true(v->coin(v->of, &c, &mined) && c.coinbase && c.height == 1);
    tx_ptr early = kit_pay(&k, mined, a, a->hash, KIT_COIN - 1000);
    while (v->tip.height < SOTTO_COINBASE_DEPTH - 1) {
        assert_int_equal(ALONE(early), SOTTO_T_IMMATURE);
        assert_int_equal(kit_block(&k, NULL, 0, 0, true, NULL), SOTTO_OK);
    }
    assert_int_equal(ALONE(early), SOTTO_T_IMMATURE);
    assert_int_equal(kit_block(&k, NULL, 0, 0, true, NULL), SOTTO_OK);
    assert_int_equal(ALONE(early), SOTTO_OK);

    struct sotto_block_tx stray = { .tx = tx };   /* a coinbase in the middle */
    uint8_t list[SOTTO_TX_ARENA_MAX] __attribute__((aligned(16)));
    struct sotto_tx_arena arena = { list, sizeof list, 0 };
    in.sequence = v->tip.height + 1;
    bytes.size = 0;
    assert_int_equal(sotto_tx_encode(&bytes, &core, &tx), SOTTO_OK);
    assert_int_equal(sotto_tx_decode(&stray.tx, &arena, sotto_buf_span(&bytes)), SOTTO_OK);
    sotto_txid(stray.txid, sotto_tx_core(&stray.tx));
    sotto_wtxid(stray.wtxid, stray.tx.full);
    assert_int_equal(ALONE(&stray), SOTTO_B_COINBASE);
    sotto_buf_free(&bytes);
    kit_stop(&k);
}

static void without_inputs(void **state)
{
    (void)state;
    begin(SOTTO_ENGINE_PBFT, SOTTO_MODE_OPEN);
    k.g.params.fee_rate = 0;                      /* only the copy of the kit: the chain keeps its own */
    struct sotto_op post = { .type = SOTTO_OP_POST, .post = { sotto_span_str("somebody"), sotto_span_str("hello"), kit_now_s(&k) + 1, false, { { 0 } }, { { 0 } } } };
    tx_ptr costs = kit_tx(&k, &(struct kit_tx){ .ops = { post }, .op_count = 1, .expiry = 10 });
    assert_int_equal(ALONE(costs), SOTTO_T_FEE);
    kit_stop(&k);

    kit_make(&k, test_seed(), SOTTO_ENGINE_PBFT, SOTTO_MODE_OPEN);
    k.g.params.fee_rate = 0;
    kit_start(&k);
    tx_ptr free_one = kit_tx(&k, &(struct kit_tx){ .ops = { post }, .op_count = 1, .expiry = 10 });
    assert_int_equal(ALONE(kit_tx(&k, &(struct kit_tx){ .ops = { post }, .op_count = 1 })), SOTTO_T_NO_EXPIRY);
    assert_int_equal(ALONE(kit_tx(&k, &(struct kit_tx){ .ops = { post }, .op_count = 1, .expiry = 1 + 1440 })), SOTTO_OK);
    assert_int_equal(ALONE(kit_tx(&k, &(struct kit_tx){ .ops = { post }, .op_count = 1, .expiry = 1 + 1441 })), SOTTO_T_NO_EXPIRY);
    assert_int_equal(ALONE(free_one), SOTTO_OK);
    COMMIT(free_one);
    assert_int_equal(ALONE(free_one), SOTTO_T_REPLAY);
    assert_int_equal(sotto_ram_undo(k.ram), SOTTO_OK);
    assert_int_equal(ALONE(free_one), SOTTO_OK);
    for (unsigned i = 0; i < 10; i++) commit(NULL, 0);
    assert_int_equal(ALONE(free_one), SOTTO_T_EXPIRED);
    post.post.time_s += 7300;
    assert_int_equal(ALONE(kit_tx(&k, &(struct kit_tx){ .ops = { post }, .op_count = 1, .expiry = 20 })), SOTTO_T_OP_TIME);
    kit_stop(&k);
}

/* ---- identities ---- */

/* With the fee and the bond from coin at. */
static tx_ptr register_tx(unsigned at, const struct kit_key *who, uint64_t bond)
{
    return kit_tx(&k, &(struct kit_tx){ .ins = { { kit_coin(&k, at), &k.people[at % KIT_PEOPLE] } }, .in_count = 1,
                                        .outs = { { who->hash, KIT_COIN - 1000 - bond } }, .out_count = 1, .ops = { kit_register(&k, who) }, .op_count = 1 });
}

static void bonds(void **state)
{
    (void)state;
    begin(SOTTO_ENGINE_PBFT, SOTTO_MODE_OPEN);
    const uint64_t bond = 5 * SOTTO_COIN;
    const struct kit_key *a = &k.people[0];
    uint64_t sum = sotto_ram_sum(k.ram).cong;
    assert_int_equal(ALONE(register_tx(0, a, 0)), SOTTO_T_FUNDS);    /* the bond is paid beside the fee */
    tx_ptr first = register_tx(0, a, bond), second = register_tx(1, a, bond);
    assert_int_equal(PAIR(first, second), SOTTO_R_EXISTS);           /* twice in one block */
    COMMIT(first);
    assert_int_equal(sotto_ram_records(k.ram), 1);
    assert_int_equal(sotto_ram_sum(k.ram).cong, sum - 1000);
    assert_int_equal(ALONE(register_tx(1, a, bond)), SOTTO_R_EXISTS);
    tx_ptr revoke = kit_tx(&k, &(struct kit_tx){ .ins = { { kit_coin(&k, 6), a } }, .in_count = 1, .outs = { { a->hash, KIT_COIN - 1000 } }, .out_count = 1,
                                                 .ops = { kit_revoke(&k, a, 1) }, .op_count = 1 });
    size_t before = sotto_ram_coins(k.ram);
    COMMIT(revoke);
    assert_int_equal(sotto_ram_coins(k.ram), before + 1);
    assert_int_equal(sotto_ram_sum(k.ram).cong, sum - 2000);
    struct sotto_outpoint back = { .index = 0 };
    sotto_bond_txid(back.txid, &a->id, 1);
    tx_ptr spent = kit_pay(&k, back, a, a->hash, bond - 1000);
    COMMIT(spent);
    assert_int_equal(ALONE(register_tx(1, a, bond)), SOTTO_R_EXISTS);        /* also after a revocation */
    kit_stop(&k);
}

/* Of a transaction that fails at its last operation nothing stays; the one after it is judged as if it had not been. */
static void all_or_nothing(void **state)
{
    (void)state;
    begin(SOTTO_ENGINE_PBFT, SOTTO_MODE_OPEN);
    const struct kit_key *a = &k.people[0], *b = &k.people[1];
    const uint64_t bond = 5 * SOTTO_COIN;
    struct sotto_op good = kit_register(&k, a), bad = kit_register(&k, b);
    bad.identity.deadline_s++;                    /* another text than was signed */
    tx_ptr broken = kit_tx(&k, &(struct kit_tx){ .ins = { { kit_coin(&k, 0), a }, { kit_coin(&k, 6), a } }, .in_count = 2, .outs = { { a->hash, 5 } }, .out_count = 1,
                                                 .ops = { good, bad }, .op_count = 2 });
    tx_ptr after = register_tx(0, a, bond);       /* the same coin, the same identity */
    uint16_t codes[2];
    assert_int_equal(kit_block(&k, (const tx_ptr[]){ broken, after }, 2, 0, true, codes), SOTTO_OK);
    assert_int_equal(codes[0], sotto_ledger_code(SOTTO_R_SIG));
    assert_int_equal(codes[1], 0);
    assert_int_equal(sotto_ram_records(k.ram), 1);
    assert_int_equal(sotto_ram_coins(k.ram), KIT_COINS);
    kit_stop(&k);
}

/* ---- votes ---- */

static tx_ptr vote_tx(uint8_t action, const void *body, size_t size, unsigned votes)
{
    static unsigned at;
    at = (at + 1) % KIT_COINS;                    /* coins are not the matter here */
    const struct sotto_view *v = sotto_ram_view(k.ram);
    return kit_tx(&k, &(struct kit_tx){ .ops = { kit_vote(&k, action, sotto_span(body, size), votes) }, .op_count = 1, .expiry = v->tip.height + 40 });
}

static void votes(void **state)
{
    (void)state;
    kit_make(&k, test_seed(), SOTTO_ENGINE_PBFT, SOTTO_MODE_CONSORTIUM);
    k.g.params.fee_rate = 0;
    kit_start(&k);
    const struct sotto_view *v = sotto_ram_view(k.ram);
    uint8_t digest[2][32];
    static const uint8_t fee[] = { SOTTO_PARAM_FEE_RATE, 9, 0, 0, 0, 0, 0, 0, 0 };
    assert_int_equal(ALONE(vote_tx(SOTTO_GOV_SET, fee, sizeof fee, 2)), SOTTO_G_QUORUM);
    assert_int_equal(ALONE(vote_tx(SOTTO_GOV_SET, fee, sizeof fee, 3)), SOTTO_OK);
    tx_ptr old = vote_tx(SOTTO_GOV_SET, fee, sizeof fee, 4);
    struct sotto_op forged = kit_vote(&k, SOTTO_GOV_SET, SOTTO_SPAN(fee), 3);
    ((uint8_t *)forged.gov.votes.data)[5] ^= 1;
    assert_int_equal(ALONE(kit_tx(&k, &(struct kit_tx){ .ops = { forged }, .op_count = 1, .expiry = 30 })), SOTTO_G_QUORUM);

    sotto_ram_digest(digest[0], k.ram);
    struct kit_key extra = kit_key(&k);
    uint8_t add[52], issue[28];
    memcpy(add, extra.id.b, 20);
    memcpy(add + 20, extra.pub.b + 1, 32);
    COMMIT(vote_tx(SOTTO_GOV_ADD, add, sizeof add, 3));
    assert_int_equal(v->params->validator_count, 5);
    assert_int_equal(v->params->gov_seq, 1);
    assert_int_equal(ALONE(old), SOTTO_G_SEQ);                        /* its number is used */
    add[0] ^= 1;
    assert_int_equal(ALONE(vote_tx(SOTTO_GOV_ADD, add, sizeof add, 4)), SOTTO_G_SET);      /* a key twice, and the second change of ten blocks */
    add[51] ^= 1;
    for (unsigned i = 0; i < 9; i++) {
        assert_int_equal(ALONE(vote_tx(SOTTO_GOV_ADD, add, sizeof add, 4)), SOTTO_G_SET);
        commit(NULL, 0);
    }
    assert_int_equal(ALONE(vote_tx(SOTTO_GOV_ADD, add, sizeof add, 4)), SOTTO_OK);
    memcpy(issue, k.people[2].hash.b, 20);
    sotto_put_le64(issue + 20, 7 * SOTTO_COIN);
    uint64_t issued = v->params->issued.cong, sum = sotto_ram_sum(k.ram).cong;
    COMMIT(vote_tx(SOTTO_GOV_ISSUE, issue, sizeof issue, 4));
    assert_int_equal(v->params->issued.cong, issued + 7 * SOTTO_COIN);
    assert_int_equal(sotto_ram_sum(k.ram).cong, sum + 7 * SOTTO_COIN);
    sotto_put_le64(issue + 20, SOTTO_MONEY_MAX);
    assert_int_equal(ALONE(vote_tx(SOTTO_GOV_ISSUE, issue, sizeof issue, 4)), SOTTO_T_VALUE);
    COMMIT(vote_tx(SOTTO_GOV_SET, fee, sizeof fee, 4));
    assert_int_equal(v->params->fee_rate, 9);
    assert_int_equal(ALONE(vote_tx(SOTTO_GOV_SET, fee, sizeof fee, 4)), SOTTO_T_FEE);
    while (v->tip.height > 0) assert_int_equal(sotto_ram_undo(k.ram), SOTTO_OK);
    sotto_ram_digest(digest[1], k.ram);
    assert_memory_equal(digest[0], digest[1], 32);
    assert_int_equal(v->params->validator_count, 4);
    assert_int_equal(v->params->fee_rate, 0);
    kit_stop(&k);

    kit_make(&k, test_seed(), SOTTO_ENGINE_PBFT, SOTTO_MODE_OPEN);
    k.g.params.fee_rate = 0;
    kit_start(&k);
    assert_int_equal(ALONE(vote_tx(SOTTO_GOV_SET, fee, sizeof fee, 4)), SOTTO_G_DENIED);   /* nobody votes there */
    kit_stop(&k);
}

static void the_rules_change(void **state)
{
    (void)state;
    kit_make(&k, test_seed(), SOTTO_ENGINE_PBFT, SOTTO_MODE_CONSORTIUM);
    k.g.params.fee_rate = 0;
    kit_start(&k);
    static const uint8_t upgrade[] = { 3, 0, 0, 0, 2, 0, 0, 0 };
    COMMIT(vote_tx(SOTTO_GOV_UPGRADE, upgrade, sizeof upgrade, 4));
    commit(NULL, 0);
    assert_int_equal(kit_block(&k, NULL, 0, 0, false, NULL), SOTTO_ERR_NEWER);             /* height 3 */
    kit_stop(&k);
}

/* ---- permissions ---- */

static void permissions(void **state)
{
    (void)state;
    kit_make(&k, test_seed(), SOTTO_ENGINE_PBFT, SOTTO_MODE_CONSORTIUM);     /* anybody may pay and register, some may make scripts of their own */
    struct kit_key holder = k.people[0], other = k.people[1];
    k.g.params.bond.cong = 0;
    k.g.params.grant_count = 1;
    k.grants[0] = (struct sotto_grant){ holder.id, SOTTO_MAY_DEPLOY };
    kit_start(&k);
    struct kit_tx t = { .ins = { { kit_coin(&k, 6), &holder } }, .in_count = 1, .outs = { { holder.hash, KIT_COIN - 1000 } }, .out_count = 1 };
    assert_int_equal(ALONE(kit_tx(&k, &t)), SOTTO_OK);
    t.odd = true;
    assert_int_equal(ALONE(kit_tx(&k, &t)), SOTTO_G_DENIED);
    t.as = holder.id;
    t.authority = &holder;
    assert_int_equal(ALONE(kit_tx(&k, &t)), SOTTO_G_DENIED);         /* granted, but not registered */
    COMMIT(register_tx(0, &holder, 0));
    COMMIT(register_tx(1, &other, 0));
    assert_int_equal(ALONE(kit_tx(&k, &t)), SOTTO_OK);
    t.authority = &other;
    assert_int_equal(ALONE(kit_tx(&k, &t)), SOTTO_G_DENIED);         /* signed by somebody else */
    t.as = other.id;
    assert_int_equal(ALONE(kit_tx(&k, &t)), SOTTO_G_DENIED);         /* registered, but not granted */
    t.as = holder.id;
    t.authority = &holder;
    tx_ptr mine = kit_tx(&k, &t);
    t.authority = NULL;
    t.odd = false;
    COMMIT(kit_tx(&k, &(struct kit_tx){ .ins = { { kit_coin(&k, 12), &holder } }, .in_count = 1, .outs = { { holder.hash, KIT_COIN - 1000 } }, .out_count = 1,
                                        .ops = { kit_revoke(&k, &holder, 1) }, .op_count = 1 }));
    assert_int_equal(ALONE(mine), SOTTO_G_DENIED);                    /* the authority of a revoked ID */
    assert_int_equal(sotto_ram_undo(k.ram), SOTTO_OK);
    assert_int_equal(ALONE(mine), SOTTO_OK);
    assert_int_equal(ALONE(kit_tx(&k, &t)), SOTTO_OK);
    kit_stop(&k);
}

/* ---- random chains ---- */

/* Whatever stands in them, blocks can be taken back and put on again, and no coin comes from nowhere. */
static void random_chains(enum sotto_engine engine)
{
    enum { BLOCKS = 40 };
    static uint8_t held[BLOCKS + 1][32];
    kit_make(&k, test_seed() + engine, engine, SOTTO_MODE_OPEN);
    kit_start(&k);
    const struct sotto_view *v = sotto_ram_view(k.ram);
    unsigned applied = 0, refused = 0;
    sotto_ram_digest(held[0], k.ram);
    for (unsigned step = 0; step < BLOCKS * 3; step++) {
        uint32_t dice = (uint32_t)sotto_rng_below(&k.rng.rng, 10);
        if ((dice < 3 && v->tip.height > 0) || v->tip.height == BLOCKS) {
            assert_int_equal(sotto_ram_undo(k.ram), SOTTO_OK);
            uint8_t now[32];
            sotto_ram_digest(now, k.ram);
            assert_memory_equal(now, held[v->tip.height], 32);
            continue;
        }
        tx_ptr txs[8], good[8];
        uint32_t chosen[8], count = 0, taken;
        for (; count < 8 && sotto_rng_below(&k.rng.rng, 6); count++) {
            unsigned at = (unsigned)sotto_rng_below(&k.rng.rng, KIT_COINS), to = (unsigned)sotto_rng_below(&k.rng.rng, KIT_PEOPLE);
            const struct kit_key *by = &k.people[at % KIT_PEOPLE];
            struct kit_tx t = { .ins = { { kit_coin(&k, at), by } }, .in_count = 1, .outs = { { k.people[to].hash, KIT_COIN / 3 } }, .out_count = 1 };
            uint32_t what = (uint32_t)sotto_rng_below(&k.rng.rng, 6);
            if (what == 0) t.ops[t.op_count++] = kit_register(&k, by);
            if (what == 1) t.ops[t.op_count++] = kit_revoke(&k, by, 1);
            if (what == 2 && count > 0) t.ins[0].at = output(txs[count - 1], 0);         /* perhaps of another's */
            if (what == 3) t.ins[t.in_count++].at = kit_coin(&k, (at + KIT_PEOPLE) % (KIT_COINS - KIT_COINS % KIT_PEOPLE)), t.ins[1].by = by;
            txs[count] = kit_tx(&k, &t);
        }
        struct sotto_block_tx list[8];
        for (uint32_t i = 0; i < count; i++) list[i] = *txs[i];
        taken = sotto_ledger_prepare(chosen, v, list, count, 100000, v->tip.time_ms, k.machine);
        for (uint32_t i = 0; i < taken; i++) good[i] = txs[chosen[i]];
        bool all = engine != SOTTO_ENGINE_POW;            /* a lax engine takes the rest as well, and says what is wrong with it */
        uint16_t codes[8];
        uint64_t sum = sotto_ram_sum(k.ram).cong;
        enum sotto_err err = kit_block(&k, all ? txs : good, all ? count : taken, subsidy(), true, codes);
        if (err == SOTTO_B_DUP) {
            kit_clear(&k);
            continue;
        }
        assert_int_equal(err, SOTTO_OK);
        uint32_t fine = 0;
        for (uint32_t i = 0; i < (all ? count : taken); i++) fine += codes[i] == 0;
        assert_int_equal(fine, taken);            /* what was chosen is what applies */
        applied += taken;
        refused += count - taken;
        assert_true(sotto_ram_sum(k.ram).cong <= sum + subsidy());
        sotto_ram_digest(held[v->tip.height], k.ram);
        kit_clear(&k);
    }
    assert_true(applied > 10 && refused > 10);
    while (v->tip.height > 0) {
        assert_int_equal(sotto_ram_undo(k.ram), SOTTO_OK);
        uint8_t now[32];
        sotto_ram_digest(now, k.ram);
        assert_memory_equal(now, held[v->tip.height], 32);
    }
    kit_stop(&k);
}

static void any_chain_can_be_taken_back(void **state)
{
    (void)state;
    random_chains(SOTTO_ENGINE_POW);
    random_chains(SOTTO_ENGINE_PBFT);
}

/* ---- places ---- */

static void blocks_of_elsewhere(void **state)
{
    (void)state;
    begin(SOTTO_ENGINE_PBFT, SOTTO_MODE_OPEN);
    const struct sotto_view *v = sotto_ram_view(k.ram);
    struct sotto_block b = { .header = { .version = 1, .height = 1, .prev = v->tip_id, .flags = SOTTO_ENGINE_PBFT } };
    struct sotto_delta d;
    memcpy(b.header.state_root, v->state_root, 32);
    assert_int_equal(sotto_ledger_process(v, &b, k.machine), SOTTO_OK);
    b.header.state_root[31] ^= 1;
    assert_int_equal(sotto_ledger_process(v, &b, k.machine), SOTTO_B_ROOT);
    assert_int_equal(sotto_ledger_finalize(&d, v, &b, k.machine), SOTTO_B_ROOT);
    b.header.state_root[31] ^= 1;
    b.header.height = 2;
    assert_int_equal(sotto_ledger_process(v, &b, k.machine), SOTTO_H_FIELD);
    b.header.height = 1;
    b.header.flags = SOTTO_ENGINE_COMETBFT;
    assert_int_equal(sotto_ledger_process(v, &b, k.machine), SOTTO_H_FIELD);
    b.header.prev.b[0] ^= 1;
    assert_int_equal(sotto_ledger_process(v, &b, k.machine), SOTTO_H_PARENT);
    uint64_t cost = 0;
    struct sotto_amount fee = { 0 };
    tx_ptr pay = kit_pay(&k, kit_coin(&k, 0), &k.people[0], k.people[1].hash, KIT_COIN - 1234);
    assert_int_equal(sotto_ledger_check(&cost, &fee, v, pay, v->tip.time_ms, k.machine), SOTTO_OK);
    assert_int_equal(fee.cong, 1234);
    assert_int_equal(cost, pay->tx.full.size);    /* a signature costs less than its bytes */
    kit_stop(&k);
}

int main(void)
{
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    (void)test_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coins), cmocka_unit_test(mined_coins), cmocka_unit_test(without_inputs), cmocka_unit_test(bonds), cmocka_unit_test(all_or_nothing),
        cmocka_unit_test(votes), cmocka_unit_test(the_rules_change), cmocka_unit_test(permissions),
        cmocka_unit_test(any_chain_can_be_taken_back), cmocka_unit_test(blocks_of_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
