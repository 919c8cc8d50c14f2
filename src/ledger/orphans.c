#include "ledger/orphans.h"

#include "ledger/mempool_impl.h"

#include <stdlib.h>

/* A hundred at most: a walk over their names is shorter than one look at a coin. */
struct orphan { uint8_t txid[32], wtxid[32]; uint64_t source, end_ms; uint8_t *full; size_t size; };
struct sotto_orphans { struct orphan list[SOTTO_ORPHANS_MAX]; uint32_t count; };      /* in order of arrival */

enum sotto_err sotto_orphans_new(struct sotto_orphans **out)
{
    struct sotto_orphans *o = calloc(1, sizeof *o);
    if (!o) return SOTTO_ERR_NOMEM;
    *out = o;
    return SOTTO_OK;
}

static void drop_at(struct sotto_orphans *o, uint32_t i)
{
    free(o->list[i].full);
    o->count--;
    memmove(&o->list[i], &o->list[i + 1], (o->count - i) * sizeof o->list[0]);
}

void sotto_orphans_free(struct sotto_orphans *o)
{
    if (!o) return;
    while (o->count > 0) drop_at(o, o->count - 1);
    free(o);
}

enum sotto_err sotto_orphans_missing(struct sotto_outpoint *out, const struct sotto_mempool *p, const struct sotto_view *view, struct sotto_span full)
{
    struct sotto_tx tx;
    struct sotto_tx_arena arena = { malloc(SOTTO_TX_ARENA_MAX), SOTTO_TX_ARENA_MAX, 0 };
    struct pool_overlay overlay;
    struct sotto_view over = pool_overlay(&overlay, p, view);
    if (!arena.data) return SOTTO_ERR_NOMEM;
    enum sotto_err err = sotto_tx_decode(&tx, &arena, full);
    if (err == SOTTO_OK) err = SOTTO_ERR_MISSING;
    else tx.in_count = 0;
    for (uint32_t i = 0; i < tx.in_count; i++) {
        struct sotto_coin coin;
        if (over.coin(over.of, &coin, &tx.ins[i].from)) continue;
        *out = tx.ins[i].from;
        err = SOTTO_OK;
        break;
    }
    free(arena.data);
    return err;
}

static void make_place(struct sotto_orphans *o)
{
    uint32_t best = 0, most = 0;
    for (uint32_t i = 0; i < o->count; i++) {
        uint32_t same = 0;
        for (uint32_t j = i; j < o->count; j++) same += o->list[j].source == o->list[i].source;
        if (same > most) {                        /* counted in full at its oldest */
            most = same;
            best = i;
        }
    }
    drop_at(o, best);
}

enum sotto_err sotto_orphans_add(struct sotto_orphans *o, struct sotto_span full, const struct sotto_outpoint *at, uint64_t source, uint64_t now_ms)
{
    struct orphan new = { .source = source, .end_ms = now_ms + SOTTO_ORPHAN_MS, .size = full.size };
    if (full.size > SOTTO_TX_SIZE_MAX) return SOTTO_T_SIZE;
    memcpy(new.txid, at->txid, 32);
    sotto_wtxid(new.wtxid, full);
    for (uint32_t i = 0; i < o->count; i++)
        if (memcmp(o->list[i].wtxid, new.wtxid, 32) == 0) return SOTTO_ERR_EXISTS;
    new.full = malloc(full.size + 1);
    if (!new.full) return SOTTO_ERR_NOMEM;
    if (full.size > 0) memcpy(new.full, full.data, full.size);
    if (o->count == SOTTO_ORPHANS_MAX) make_place(o);
    o->list[o->count++] = new;
    return SOTTO_OK;
}

enum sotto_err sotto_orphans_take(struct sotto_orphans *o, struct sotto_buf *out, uint64_t *source, const uint8_t txid[32])
{
    for (uint32_t i = 0; i < o->count; i++) {
        if (memcmp(o->list[i].txid, txid, 32) != 0) continue;
        SOTTO_TRY(sotto_buf_add(out, o->list[i].full, o->list[i].size));
        *source = o->list[i].source;
        drop_at(o, i);
        return SOTTO_OK;
    }
    return SOTTO_ERR_MISSING;
}

void sotto_orphans_tick(struct sotto_orphans *o, uint64_t now_ms)
{
    for (uint32_t i = o->count; i > 0; i--)
        if (o->list[i - 1].end_ms <= now_ms) drop_at(o, i - 1);
}

void sotto_orphans_forget(struct sotto_orphans *o, uint64_t source)
{
    for (uint32_t i = o->count; i > 0; i--)
        if (o->list[i - 1].source == source) drop_at(o, i - 1);
}

uint32_t sotto_orphans_count(const struct sotto_orphans *o) { return o->count; }
