/* orphans: who waits for whom, how long, and who goes when there are too many. */
#include "chain_kit.h"
#include "support/test.h"

#include "ledger/orphans.h"

static struct sotto_orphans *o;
static struct sotto_outpoint wait_for(uint8_t n)
{
    struct sotto_outpoint at = { .index = 0 };
    at.txid[0] = n;
    return at;
}
static enum sotto_err add(uint32_t name, uint8_t parent, uint64_t source, uint64_t now_ms)
{
    struct sotto_outpoint at = wait_for(parent);
    return sotto_orphans_add(o, sotto_span(&name, sizeof name), &at, source, now_ms);
}
static enum sotto_err take(uint32_t *name, uint8_t parent, uint64_t *source)
{
    struct sotto_buf b = sotto_buf_make(SOTTO_TX_SIZE_MAX);
    struct sotto_outpoint at = wait_for(parent);
    enum sotto_err err = sotto_orphans_take(o, &b, source, at.txid);
    if (err == SOTTO_OK) memcpy(name, b.data, sizeof *name);
    sotto_buf_free(&b);
    return err;
}

static void waiting(void **state)
{
    (void)state;
    uint32_t name = 0;
    uint64_t source = 0;
    static uint8_t big[SOTTO_TX_SIZE_MAX + 1];
    struct sotto_outpoint at = wait_for(1);
    assert_int_equal(sotto_orphans_new(&o), SOTTO_OK);
    assert_int_equal(sotto_orphans_add(o, SOTTO_SPAN(big), &at, 1, 0), SOTTO_T_SIZE);
    assert_int_equal(add(1, 1, 7, 0), SOTTO_OK);
    assert_int_equal(add(1, 1, 8, 0), SOTTO_ERR_EXISTS);
    assert_int_equal(add(2, 1, 8, 1000), SOTTO_OK);
    assert_int_equal(add(3, 2, 8, 1000), SOTTO_OK);
    assert_int_equal(take(&name, 3, &source), SOTTO_ERR_MISSING);
    assert_int_equal(take(&name, 1, &source), SOTTO_OK);
    assert_true(name == 1 && source == 7);
    sotto_orphans_tick(o, SOTTO_ORPHAN_MS + 999);
    assert_int_equal(sotto_orphans_count(o), 2);
    sotto_orphans_tick(o, SOTTO_ORPHAN_MS + 1000);
    assert_int_equal(sotto_orphans_count(o), 0);
    assert_int_equal(take(&name, 2, &source), SOTTO_ERR_MISSING);
    sotto_orphans_free(o);
}

static void too_many(void **state)
{
    (void)state;
    uint32_t name = 0;
    uint64_t source = 0;
    assert_int_equal(sotto_orphans_new(&o), SOTTO_OK);
    assert_int_equal(add(1000, 1, 1, 0), SOTTO_OK);
    for (uint32_t i = 0; i < 300; i++) assert_int_equal(add(i, 2, 2, 0), SOTTO_OK);
    assert_int_equal(sotto_orphans_count(o), SOTTO_ORPHANS_MAX);
    assert_int_equal(take(&name, 1, &source), SOTTO_OK);              /* nobody else pushed it out */
    assert_int_equal(name, 1000);
    assert_int_equal(take(&name, 2, &source), SOTTO_OK);
    assert_int_equal(name, 201);                  /* the oldest of them went */
    sotto_orphans_forget(o, 2);
    assert_int_equal(sotto_orphans_count(o), 0);
    sotto_orphans_free(o);
}

static void with_a_pool(void **state)
{
    (void)state;
    static struct kit k;
    struct sotto_mempool *pool;
    const struct sotto_mempool_config config = { 1 << 20, 400 << 10 };
    struct sotto_outpoint at = { .index = 9 };
    kit_make(&k, test_seed(), SOTTO_ENGINE_PBFT, SOTTO_MODE_OPEN);
    kit_start(&k);
    assert_int_equal(sotto_mempool_new(&pool, &config), SOTTO_OK);
    const struct sotto_view *v = sotto_ram_view(k.ram);
    const struct kit_key *me = &k.people[0];
    const struct sotto_block_tx *parent = kit_pay(&k, kit_coin(&k, 0), me, me->hash, KIT_COIN - 1000);
    struct sotto_outpoint out = { .index = 0 };
    memcpy(out.txid, parent->txid, 32);
    const struct sotto_block_tx *child = kit_pay(&k, out, me, me->hash, KIT_COIN - 2000);
    assert_int_equal(sotto_mempool_add(pool, NULL, v, child->tx.full, false, KIT_START_MS, k.machine), SOTTO_T_MISSING);
    assert_int_equal(sotto_orphans_missing(&at, pool, v, child->tx.full), SOTTO_OK);
    assert_true(sotto_outpoint_equal(&at, &out));
    assert_int_equal(sotto_orphans_missing(&at, pool, v, parent->tx.full), SOTTO_ERR_MISSING);
    assert_int_equal(sotto_orphans_missing(&at, pool, v, sotto_span_cut(child->tx.full, 0, 40)), SOTTO_E_SHORT);
    assert_int_equal(sotto_mempool_add(pool, NULL, v, parent->tx.full, false, KIT_START_MS, k.machine), SOTTO_OK);
    assert_int_equal(sotto_orphans_missing(&at, pool, v, child->tx.full), SOTTO_ERR_MISSING);
    assert_int_equal(sotto_mempool_add(pool, NULL, v, child->tx.full, false, KIT_START_MS, k.machine), SOTTO_OK);
    sotto_mempool_free(pool);
    kit_stop(&k);
}

int main(void)
{
    if (sotto_crypto_init() != SOTTO_OK) return 1;
    const struct CMUnitTest tests[] = { cmocka_unit_test(waiting), cmocka_unit_test(too_many), cmocka_unit_test(with_a_pool) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
