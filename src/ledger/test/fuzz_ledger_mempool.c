/* The pool under a sender who decides everything: transactions that are good, bent or of no form, blocks and blocks taken off, in any order. */
#include "chain_kit.h"
#include "support/fuzz_input.h"

#include "ledger/mempool_impl.h"

#include <stdlib.h>

enum { MADE = 24, COINS = 4, ROOM = 300 << 10, STEPS = 40, DEEP = 6 };
static struct kit k;
static const struct sotto_block_tx *made[MADE];
static struct { struct sotto_block_tx txs[MADE]; struct sotto_block b; } blocks[DEEP];
static unsigned depth;

/* Four coins; on each a tree in which some spend the same. */
static void begin(void)
{
    kit_make(&k, 1, SOTTO_ENGINE_PBFT, SOTTO_MODE_OPEN);
    kit_start(&k);
    for (unsigned i = 0; i < MADE; i++) {
        const struct kit_key *by = &k.people[i % COINS];
        struct sotto_outpoint at = kit_coin(&k, i % COINS);
        uint64_t left = KIT_COIN;
        if (i >= 2 * COINS) {
            const struct sotto_block_tx *parent = made[i - COINS * (1 + i / COINS % 2)];
            memcpy(at.txid, parent->txid, 32);
            at.index = 0;
            left = parent->tx.outs[0].value.cong;
        }
        made[i] = kit_pay(&k, at, by, by->hash, left - 500 - 700 * i);
    }
}

static void check(const struct sotto_mempool *p)
{
    const struct entry *e;
    uint64_t bytes = 0, seq = 0;
    uint32_t count = 0;
    TAILQ_FOREACH(e, &p->arrivals, arrival) {
        SOTTO_ASSERT(e->pub.seq > seq && e->up.count <= SOTTO_MEMPOOL_CHAIN && e->down.count <= SOTTO_MEMPOOL_CHAIN);
        SOTTO_ASSERT(sotto_mempool_find(p, e->pub.tx.txid) == &e->pub);
        for (uint32_t i = 0; i < e->claim_count; i++) SOTTO_ASSERT(pool_claimed(p, e->claims[i].key) == e);
        for (uint32_t i = 0; i < e->parent_count; i++) SOTTO_ASSERT(sotto_mempool_find(p, e->parents[i]->pub.tx.txid) && e->parents[i]->pub.seq < e->pub.seq);
        seq = e->pub.seq;
        bytes += e->charge;
        count++;
    }
    SOTTO_ASSERT(bytes == sotto_mempool_bytes(p) && count == sotto_mempool_count(p) && bytes <= p->config.bytes_max);
}

static void add(struct sotto_mempool *p, struct sotto_span full, uint64_t now_ms)
{
    uint32_t count = sotto_mempool_count(p);
    enum sotto_err err = fuzz_err(sotto_mempool_add(p, NULL, sotto_ram_view(k.ram), full, false, now_ms, k.machine));
    SOTTO_ASSERT(err == SOTTO_OK || count == sotto_mempool_count(p));
}

static void add_bent(struct sotto_mempool *p, struct fuzz_in *in, uint64_t now_ms)
{
    const struct sotto_block_tx *t = made[fuzz_below(in, MADE)];
    uint8_t bytes[1024];
    size_t size = t->tx.full.size;
    SOTTO_ASSERT(size <= sizeof bytes);
    memcpy(bytes, t->tx.full.data, size);
    for (unsigned n = fuzz_below(in, 4); n > 0; n--) bytes[fuzz_below(in, (uint32_t)size)] ^= fuzz_u8(in);
    if (fuzz_below(in, 8) == 0) size = fuzz_below(in, (uint32_t)size);
    add(p, sotto_span(bytes, size), now_ms);
}

static void connect_block(struct sotto_mempool *p, struct fuzz_in *in)
{
    const struct sotto_block_tx *txs[MADE];
    uint16_t codes[KIT_TXS];
    unsigned count = fuzz_below(in, 5), n = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct sotto_block_tx *t = made[fuzz_below(in, MADE)];
        bool there = false;
        for (unsigned m = 0; m < n; m++) there = there || txs[m] == t;
        if (!there) txs[n++] = t;
    }
    if (depth == DEEP) return;
    for (unsigned i = 0; i < n; i++) blocks[depth].txs[i] = *txs[i];
    blocks[depth].b = (struct sotto_block){ .txs = blocks[depth].txs, .count = n };
    enum sotto_err err = kit_block(&k, txs, n, 0, true, codes);
    SOTTO_ASSERT(err == SOTTO_OK);
    sotto_mempool_connect(p, sotto_ram_view(k.ram), &blocks[depth++].b, codes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = fuzz_in(data, size);
    struct sotto_mempool *p;
    const struct sotto_mempool_config config = { 2 * ROOM, ROOM };
    const struct sotto_mempool_entry *out[MADE];
    uint64_t now_ms = KIT_START_MS;
    if (sotto_crypto_init() != SOTTO_OK) return 0;
    if (!k.ram) begin();
    if (sotto_mempool_new(&p, &config) != SOTTO_OK) return 0;
    for (unsigned step = 0; step < STEPS && fuzz_left(&in) > 0; step++) {
        switch (fuzz_below(&in, 8)) {
        case 0:
        case 1:
        case 2: add(p, made[fuzz_below(&in, MADE)]->tx.full, now_ms); break;
        case 3: add_bent(p, &in, now_ms); break;
        case 4: connect_block(p, &in); break;
        case 5:
            if (depth == 0) break;
            if (sotto_ram_undo(k.ram) != SOTTO_OK) abort();
            sotto_mempool_disconnect(p, sotto_ram_view(k.ram), &blocks[--depth].b, now_ms, k.machine);
            break;
        case 6: (void)sotto_mempool_choose(p, out, fuzz_below(&in, MADE), sotto_ram_view(k.ram), fuzz_u16(&in), now_ms, k.machine); break;
        default:
            now_ms += fuzz_u16(&in);
            sotto_mempool_tick(p, now_ms);
            break;
        }
        check(p);
    }
    for (; depth > 0; depth--)
        if (sotto_ram_undo(k.ram) != SOTTO_OK) abort();
    sotto_mempool_free(p);
    return 0;
}
