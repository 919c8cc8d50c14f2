/* Random transactions within the limits, and their lists. */
#ifndef SOTTO_LEDGER_TEST_SOME_TX_H
#define SOTTO_LEDGER_TEST_SOME_TX_H

#include "base/env.h"
#include "ledger/tx.h"

enum { SOME_MAX = 5, SOME_BYTES = 300 };
struct some_tx {
    struct sotto_tx tx;
    struct sotto_tx_in ins[SOME_MAX];
    struct sotto_tx_out outs[SOME_MAX];
    struct sotto_tx_op ops[SOME_MAX];
    struct sotto_tx_out spent[SOME_MAX];
    uint8_t bytes[4 * SOME_MAX][SOME_BYTES];
};

static inline struct sotto_span some_bytes(uint8_t bytes[SOME_BYTES], struct sotto_rng *rng)
{
    size_t size = sotto_rng_below(rng, 3) ? sotto_rng_below(rng, SOME_BYTES + 1) : sotto_rng_below(rng, 4);
    sotto_rng_fill(rng, bytes, SOME_BYTES);
    if (bytes[0] == 0x6a) bytes[0] = 0x51;                            /* no data output by accident */
    return sotto_span(bytes, size);
}

static inline void some_tx(struct some_tx *t, struct sotto_rng *rng)
{
    *t = (struct some_tx){ .tx = { .ins = t->ins, .outs = t->outs, .ops = t->ops } };
    struct sotto_tx *tx = &t->tx;
    tx->in_count = (uint32_t)sotto_rng_below(rng, SOME_MAX + 1);
    tx->out_count = (uint32_t)sotto_rng_below(rng, SOME_MAX + 1);
    tx->op_count = tx->in_count ? (uint32_t)sotto_rng_below(rng, SOME_MAX + 1) : 1;
    for (uint32_t i = 0; i < SOME_MAX; i++) {
        sotto_rng_fill(rng, t->ins[i].from.txid, 32);
        t->ins[i].from.index = (uint32_t)sotto_rng_u64(rng);
        t->ins[i].sequence = (uint32_t)sotto_rng_u64(rng);
        t->ins[i].unlock = some_bytes(t->bytes[4 * i], rng);
        t->outs[i] = (struct sotto_tx_out){ { sotto_rng_below(rng, SOTTO_MONEY_MAX / SOME_MAX) }, some_bytes(t->bytes[4 * i + 1], rng) };
        t->ops[i] = (struct sotto_tx_op){ (uint8_t)sotto_rng_u64(rng), some_bytes(t->bytes[4 * i + 2], rng) };
        t->spent[i] = (struct sotto_tx_out){ { sotto_rng_below(rng, SOTTO_MONEY_MAX) }, some_bytes(t->bytes[4 * i + 3], rng) };
    }
    tx->lock = (uint32_t)sotto_rng_u64(rng);
    tx->expiry = (uint32_t)sotto_rng_u64(rng);
    tx->has_stamp = sotto_rng_below(rng, 2);
    tx->stamp = (struct sotto_stamp){ (uint32_t)sotto_rng_u64(rng), sotto_rng_u64(rng) };
    tx->has_authority = sotto_rng_below(rng, 2);
    sotto_rng_fill(rng, &tx->authority, sizeof tx->authority);
}

#endif
