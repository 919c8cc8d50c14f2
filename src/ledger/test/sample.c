#include "sample.h"

enum { LIST_MAX = 8, TXS_MAX = 300 };

static void must(bool good) { SOTTO_ASSERT(good); }

void sample_tx(struct sotto_buf *out, struct sotto_rng *rng, uint32_t count, uint32_t more)
{
    uint8_t digests[SOTTO_DIGESTS_MAX * 32], blob[256];
    struct sotto_buf bodies[LIST_MAX];
    struct sotto_tx_op ops[LIST_MAX];
    must(count <= SOTTO_DIGESTS_MAX && more < LIST_MAX);
    sotto_rng_fill(rng, digests, sizeof digests);
    sotto_rng_fill(rng, blob, sizeof blob);
    for (uint32_t i = 0; i <= more; i++) {
        struct sotto_op op = { .type = i ? SOTTO_OP_SEALED : SOTTO_OP_DIGEST };
        if (i) op.sealed = (struct sotto_op_sealed){ .kind = 1, .blob = SOTTO_SPAN(blob) };
        else op.digest = (struct sotto_op_digest){ .count = count, .digests = sotto_span(digests, (size_t)count * 32) };
        bodies[i] = sotto_buf_make(SOTTO_OP_BODY_MAX);
        must(sotto_op_write(&bodies[i], &op) == SOTTO_OK);
        ops[i] = (struct sotto_tx_op){ (uint8_t)op.type, sotto_buf_span(&bodies[i]) };
    }
    struct sotto_tx tx = { .op_count = more + 1, .ops = ops, .expiry = 1 + (uint32_t)sotto_rng_below(rng, 1000) };
    must(sotto_tx_encode(out, NULL, &tx) == SOTTO_OK);
    for (uint32_t i = 0; i <= more; i++) sotto_buf_free(&bodies[i]);
}

void sample_block(struct sotto_buf *out, struct sotto_rng *rng, uint32_t count, struct sotto_span engine)
{
    static struct sotto_block_tx txs[TXS_MAX];
    static uint8_t arena_bytes[SOTTO_TX_ARENA_MAX] __attribute__((aligned(16)));
    struct sotto_span full[TXS_MAX];
    struct sotto_buf bytes[TXS_MAX];
    struct sotto_header h = { .version = 1, .height = 1 + (uint32_t)sotto_rng_below(rng, 1000), .time_ms = sotto_rng_u64(rng) >> 20 };
    must(count <= TXS_MAX);
    sotto_rng_fill(rng, &h.prev, sizeof h.prev);
    sotto_rng_fill(rng, h.state_root, sizeof h.state_root);
    sotto_engine_root(h.engine_root, engine);
    for (uint32_t i = 0; i < count; i++) {
        struct sotto_tx_arena arena = { arena_bytes, sizeof arena_bytes, 0 };
        bytes[i] = sotto_buf_make(SOTTO_TX_SIZE_MAX);
        sample_tx(&bytes[i], rng, 1 + (uint32_t)sotto_rng_below(rng, 4), (uint32_t)sotto_rng_below(rng, 2));
        full[i] = sotto_buf_span(&bytes[i]);
        must(sotto_tx_decode(&txs[i].tx, &arena, full[i]) == SOTTO_OK);
        sotto_txid(txs[i].txid, sotto_tx_core(&txs[i].tx));
        sotto_wtxid(txs[i].wtxid, full[i]);
    }
    sotto_tx_root(h.tx_root, txs, count);
    must(sotto_block_encode(out, &h, engine, full, count, SAMPLE_BLOCK_MAX) == SOTTO_OK);
    for (uint32_t i = 0; i < count; i++) sotto_buf_free(&bytes[i]);
}
