#include "ledger/block.h"

#include "ledger/codec.h"
#include "ledger/merkle.h"

#include <stdlib.h>

void sotto_block_free(struct sotto_block *b)
{
    free(b->txs);
    free(b->lists);
    *b = (struct sotto_block){ 0 };
}

void sotto_tx_root(uint8_t out[32], const struct sotto_block_tx *txs, uint32_t count)
{
    struct sotto_mt t = { 0 };
    uint8_t leaf[32];
    for (uint32_t i = 0; i < count; i++) {
        sotto_mt_leaf(leaf, txs[i].txid, txs[i].wtxid);
        sotto_mt_add(&t, leaf);
    }
    sotto_mt_root(out, &t);
}

static int by_txid(const void *a, const void *b)
{
    return memcmp((*(const struct sotto_block_tx *const *)a)->txid, (*(const struct sotto_block_tx *const *)b)->txid, 32);
}

static enum sotto_err no_tx_twice(const struct sotto_block *b)
{
    if (b->count < 2) return SOTTO_OK;
    const struct sotto_block_tx **sorted = malloc(b->count * sizeof(struct sotto_block_tx *));
    enum sotto_err err = SOTTO_OK;
    if (!sorted) return SOTTO_ERR_NOMEM;
    for (uint32_t i = 0; i < b->count; i++) sorted[i] = &b->txs[i];
    qsort(sorted, b->count, sizeof(struct sotto_block_tx *), by_txid);
    for (uint32_t i = 1; i < b->count && err == SOTTO_OK; i++)
        if (memcmp(sorted[i - 1]->txid, sorted[i]->txid, 32) == 0) err = SOTTO_B_DUP;
    free(sorted);
    return err;
}

/* Reads all of them once to see how much memory their lists take: a few bytes may stand for twelve times as many. */
static enum sotto_err measure(size_t *lists, uint32_t count, struct sotto_reader r)
{
    struct sotto_tx_arena one = { malloc(SOTTO_TX_ARENA_MAX), SOTTO_TX_ARENA_MAX, 0 };
    struct sotto_tx tx;
    enum sotto_err err = one.data ? SOTTO_OK : SOTTO_ERR_NOMEM;
    *lists = 0;
    for (uint32_t i = 0; i < count && err == SOTTO_OK; i++) {
        one.used = 0;
        err = sotto_tx_take(&tx, &one, &r);
        *lists += (one.used + 15) & ~(size_t)15;
    }
    if (err == SOTTO_OK) err = sotto_take_end(&r);
    free(one.data);
    return err;
}

static enum sotto_err take_txs(struct sotto_block *b, struct sotto_reader *r)
{
    uint64_t count;
    size_t lists;
    SOTTO_TRY(sotto_take_compact(r, &count, UINT32_MAX));
    if (count > sotto_reader_left(r) / SOTTO_TX_SIZE_MIN) return SOTTO_E_SHORT;
    SOTTO_TRY(measure(&lists, (uint32_t)count, *r));
    if (count == 0) return SOTTO_OK;
    b->txs = malloc(count * sizeof *b->txs);
    b->lists = malloc(lists + 1);
    if (!b->txs || !b->lists) return SOTTO_ERR_NOMEM;
    struct sotto_tx_arena arena = { b->lists, lists, 0 };
    for (; b->count < count; b->count++) {
        struct sotto_block_tx *t = &b->txs[b->count];
        arena.used = (arena.used + 15) & ~(size_t)15;
        SOTTO_TRY(sotto_tx_take(&t->tx, &arena, r));
        sotto_txid(t->txid, sotto_tx_core(&t->tx));
        sotto_wtxid(t->wtxid, t->tx.full);
    }
    return SOTTO_OK;
}

static enum sotto_err decode(struct sotto_block *b, struct sotto_span bytes)
{
    struct sotto_reader r = sotto_reader(bytes);
    struct sotto_span header = bytes;
    uint8_t root[32];
    if (bytes.size >= SOTTO_HEADER_SIZE) SOTTO_TRY(sotto_take_span(&r, &header, SOTTO_HEADER_SIZE));
    SOTTO_TRY(sotto_header_take(&b->header, header));
    SOTTO_TRY(sotto_take_var(&r, &b->engine, SOTTO_ENGINE_SECTION_MAX));
    SOTTO_TRY(take_txs(b, &r));
    SOTTO_TRY(no_tx_twice(b));
    sotto_tx_root(root, b->txs, b->count);
    if (memcmp(root, b->header.tx_root, sizeof root) != 0) return SOTTO_B_ROOT;
    sotto_engine_root(root, b->engine);
    if (memcmp(root, b->header.engine_root, sizeof root) != 0) return SOTTO_B_ROOT;
    sotto_header_id_of(&b->id, header.data);
    return SOTTO_OK;
}

enum sotto_err sotto_block_decode(struct sotto_block *out, struct sotto_span bytes, uint32_t size_max)
{
    struct sotto_block b = { 0 };
    if (bytes.size > size_max) return SOTTO_B_SIZE;
    enum sotto_err err = decode(&b, bytes);
    if (err == SOTTO_OK) *out = b;
    else sotto_block_free(&b);
    return err;
}

enum sotto_err sotto_block_encode(struct sotto_buf *out, const struct sotto_header *header, struct sotto_span engine, const struct sotto_span *full, uint32_t count,
                                  uint32_t size_max)
{
    uint8_t bytes[SOTTO_HEADER_SIZE];
    size_t size = sizeof bytes + sotto_var_size(engine.size) + sotto_compact_size(count);
    SOTTO_ASSERT(engine.size <= SOTTO_ENGINE_SECTION_MAX);
    for (uint32_t i = 0; i < count; i++) size += full[i].size;
    if (size > size_max) return SOTTO_B_SIZE;
    sotto_header_put(bytes, header);
    SOTTO_TRY(sotto_buf_reserve(out, size));
    SOTTO_TRY(sotto_buf_add(out, bytes, sizeof bytes));
    SOTTO_TRY(sotto_buf_add_var(out, engine));
    SOTTO_TRY(sotto_buf_add_compact(out, count));
    for (uint32_t i = 0; i < count; i++) SOTTO_TRY(sotto_buf_add_span(out, full[i]));
    return SOTTO_OK;
}
