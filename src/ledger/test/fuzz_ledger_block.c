/* Any bytes as a block: as they are, and as what follows a header whose roots fit them. What is taken is written the same way again. */
#include "support/fuzz_input.h"

#include "ledger/block.h"
#include "ledger/codec.h"

enum { SIZE_MAX_BYTES = 1 << 16, TXS_MAX = 512 };

static void same_again(const struct sotto_block *b, struct sotto_span bytes)
{
    static struct sotto_span full[TXS_MAX];
    struct sotto_buf again = sotto_buf_make(SIZE_MAX_BYTES);
    struct sotto_block_id id;
    if (b->count > TXS_MAX) return;
    for (uint32_t i = 0; i < b->count; i++) full[i] = b->txs[i].tx.full;
    SOTTO_ASSERT(sotto_block_encode(&again, &b->header, b->engine, full, b->count, SIZE_MAX_BYTES) == SOTTO_OK);
    SOTTO_ASSERT(sotto_span_equal(sotto_buf_span(&again), bytes));
    sotto_buf_free(&again);
    sotto_header_id(&id, &b->header);
    SOTTO_ASSERT(sotto_block_id_equal(&id, &b->id));
}

static enum sotto_err look(struct sotto_span bytes)
{
    struct sotto_block b;
    enum sotto_err err = fuzz_err(sotto_block_decode(&b, bytes, SIZE_MAX_BYTES));
    if (err != SOTTO_OK) return err;
    same_again(&b, bytes);
    sotto_block_free(&b);
    return SOTTO_OK;
}

/* The roots of what stands behind the header, as far as it can be read. */
static bool roots(struct sotto_header *h, struct sotto_span rest)
{
    static uint8_t arena_bytes[SOTTO_TX_ARENA_MAX] __attribute__((aligned(16)));
    static struct sotto_block_tx txs[TXS_MAX];
    struct sotto_reader r = sotto_reader(rest);
    struct sotto_span engine;
    uint32_t count;
    if (sotto_take_var(&r, &engine, SOTTO_ENGINE_SECTION_MAX) != SOTTO_OK || sotto_take_count(&r, &count, TXS_MAX) != SOTTO_OK) return false;
    for (uint32_t i = 0; i < count; i++) {
        struct sotto_tx_arena arena = { arena_bytes, sizeof arena_bytes, 0 };
        if (sotto_tx_take(&txs[i].tx, &arena, &r) != SOTTO_OK) return false;
        sotto_txid(txs[i].txid, sotto_tx_core(&txs[i].tx));
        sotto_wtxid(txs[i].wtxid, txs[i].tx.full);
    }
    sotto_engine_root(h->engine_root, engine);
    sotto_tx_root(h->tx_root, txs, count);
    return sotto_take_end(&r) == SOTTO_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sotto_header h = { .version = 1, .height = 1 };
    struct sotto_buf bytes = sotto_buf_make(SIZE_MAX_BYTES);
    uint8_t header[SOTTO_HEADER_SIZE];
    (void)look(sotto_span(data, size));
    if (size <= SIZE_MAX_BYTES - sizeof header && roots(&h, sotto_span(data, size))) {
        sotto_header_put(header, &h);
        SOTTO_ASSERT(sotto_buf_add(&bytes, header, sizeof header) == SOTTO_OK && sotto_buf_add(&bytes, data, size) == SOTTO_OK);
        enum sotto_err err = look(sotto_buf_span(&bytes));
        SOTTO_ASSERT(err == SOTTO_OK || err == SOTTO_B_DUP);
    }
    sotto_buf_free(&bytes);
    return 0;
}
